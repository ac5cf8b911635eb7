package leerbewijs

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// The whole table: what is not listed here is refused.
func TestTransitions_EveryPair(t *testing.T) {
	t.Parallel()
	want := map[Status]map[action]Status{
		StatusIssued:    {suspend: StatusSuspended, reinstate: StatusIssued, revoke: StatusRevoked, change: StatusIssued, printing: StatusIssued},
		StatusSuspended: {suspend: StatusSuspended, reinstate: StatusIssued, revoke: StatusRevoked, change: StatusSuspended, printing: StatusSuspended},
		StatusRevoked:   {revoke: StatusRevoked},
	}
	for _, from := range Statuses {
		for _, a := range []action{suspend, reinstate, revoke, change, printing} {
			got, ok := transitions[from][a]
			to, allowed := want[from][a]
			require.Equal(t, allowed, ok, "%s × %s", from, a)
			require.Equal(t, to, got, "%s × %s", from, a)
			require.Equal(t, !allowed, IsRevoked.Is(allowedFor(from, a)), "%s × %s", from, a)
		}
	}
}

func allowedFor(s Status, a action) error { return allowed(Leerbewijs{Status: s}, a) }

func TestStatusOn_ExpiresAfterTheLastDay(t *testing.T) {
	t.Parallel()
	last := day.Of(2027, time.June, 30)
	l := Leerbewijs{Status: StatusIssued, ValidUntilOn: &last}
	require.Equal(t, StatusIssued, l.StatusOn(last), "the last day counts")
	require.Equal(t, StatusExpired, l.StatusOn(last.Add(1)))
	l.Status = StatusSuspended
	require.Equal(t, StatusSuspended, l.StatusOn(last.Add(1)), "what was decided goes before what the calendar says")
	require.Equal(t, StatusIssued, Leerbewijs{Status: StatusIssued}.StatusOn(last))
}

func TestPrefersJSON(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]bool{
		"":    false,
		"*/*": false,
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": false, // browsers
		"application/json":                     true,
		"application/json, text/plain, */*":    true, // scripts
		"application/json;q=0.5, text/html":    false,
		"application/json, text/html;q=0.5":    true,
		"application/json, text/html":          false,
		"application/*":                        true,
		"application/*;q=0.5, text/html;q=0.4": true,
		"text/*, application/json;q=0.9":       false,
		"application/json;q=0, */*":            false,
		"text/html;q=0, */*":                   true,
		"APPLICATION/JSON":                     true,
		"application/json;q=high":              false,
		"application/json;q=7":                 false,
		";;;, application/json":                true,
		"image/png":                            false,
	} {
		require.Equal(t, want, web.PrefersJSON(accept), "%q", accept)
	}
}

func TestNewKey_HasAHundredAndTwentyEightBits(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		k := newKey()
		require.Len(t, k, 22)
		require.False(t, seen[k])
		seen[k] = true
	}
}
