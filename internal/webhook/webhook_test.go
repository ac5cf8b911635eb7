package webhook

import (
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/fault"
)

func TestStatus_EveryStateAndActionIsDecided(t *testing.T) {
	t.Parallel()
	want := map[Status]map[action]any{
		Pending: {verify: Active, disable: Disabled, enable: Pending, move: Pending, try: Pending, resend: Pending, pausing: Pending, resuming: Pending,
			recovering: Pending, remove: Deleted},
		Active: {verify: Active, disable: Disabled, enable: Active, move: Pending, try: Active, resend: Active, pausing: Active, resuming: Active,
			recovering: Active, remove: Deleted},
		Disabled: {verify: EndpointDisabled, disable: Disabled, enable: Pending, move: Pending, try: EndpointDisabled, resend: EndpointDisabled,
			pausing: Disabled, resuming: Disabled, recovering: EndpointDisabled, remove: Deleted},
		Deleted: {verify: EndpointDeleted, disable: EndpointDeleted, enable: EndpointDeleted, move: EndpointDeleted, try: EndpointDeleted,
			resend: EndpointDeleted, pausing: EndpointDeleted, resuming: EndpointDeleted, recovering: EndpointDeleted, remove: Deleted},
	}
	for _, s := range Statuses {
		for _, a := range actions {
			to, err := s.next(a)
			switch w := want[s][a].(type) {
			case Status:
				require.NoError(t, err, "%s %s", s, a)
				require.Equal(t, w, to, "%s %s", s, a)
			case *fault.Problem:
				require.True(t, w.Is(err), "%s %s: %v", s, a, err)
				require.Equal(t, s, to)
			default:
				require.Fail(t, "nobody decided", "%s %s", s, a)
			}
		}
	}
}

func TestDelivery_EveryStateAndActionIsDecided(t *testing.T) {
	t.Parallel()
	want := map[string]map[action]string{
		waiting:   {resend: waiting, cancelling: cancelled},
		delivered: {resend: waiting, cancelling: ""},
		failed:    {resend: waiting, cancelling: cancelled},
		cancelled: {resend: waiting, cancelling: cancelled},
	}
	for _, s := range []string{waiting, delivered, failed, cancelled} {
		for _, a := range []action{resend, cancelling} {
			require.Equal(t, want[s][a], deliveryTransitions[s][a], "%s %s", s, a)
		}
	}
}

func TestPause_KeepsToTheScheduleWithinAFifth(t *testing.T) {
	t.Parallel()
	require.Equal(t, 10, maxAttempts)
	for range 200 {
		var all time.Duration
		for tries := 1; tries < maxAttempts; tries++ {
			p := pause(tries, 0)
			require.InDelta(t, float64(delays[tries-1]), float64(p), float64(delays[tries-1])*0.2+1)
			all += p
		}
		require.GreaterOrEqual(t, all, 75*time.Hour)
	}
}

func TestPause_WaitsAsLongAsTheReceiverAsksUpToADay(t *testing.T) {
	t.Parallel()
	require.Equal(t, time.Hour, pause(1, time.Hour))
	require.Equal(t, 24*time.Hour, pause(1, 1000*time.Hour))
	require.GreaterOrEqual(t, pause(4, time.Second), 96*time.Minute)
}

func TestRetryAfter_ReadsSecondsAndDates(t *testing.T) {
	t.Parallel()
	now := time.Date(2027, 1, 11, 8, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "120": 2 * time.Minute, "-1": 0, "soon": 0, "1e9": 0, "99999999999999999999": math.MaxInt64, "4294967296": math.MaxInt64, "Fri, 31 Dec 9999 23:59:59 GMT": math.MaxInt64,
		"Mon, 11 Jan 2027 09:00:00 GMT": time.Hour, "Mon, 11 Jan 2027 07:00:00 GMT": 0,
	} {
		h := http.Header{}
		h.Set("Retry-After", text)
		require.Equal(t, want, retryAfter(h, now), text)
	}
}
