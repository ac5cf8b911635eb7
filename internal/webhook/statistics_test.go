package webhook_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

func TestStatistics_SayHowAnEndpointFares(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	path, _ := p.endpoint(c, r, "organisation.*")
	read := func(query string) *testkit.Answer { t.Helper(); return c.Get(path + "/statistics" + query).Is(200) }
	none := read("")
	require.Zero(t, none.Num("try_count"))
	for _, member := range []string{"first_try_share", "duration_p50_ms", "duration_p95_ms"} {
		require.Nil(t, none.At(member), member)
	}
	require.NotNil(t, none.At("oldest_waiting_at"), "its test event")
	p.deliver()
	require.Nil(t, read("").At("oldest_waiting_at"))

	p.record()
	p.record()
	p.deliver()
	r.answer(500)
	p.record()
	p.deliver()
	r.answer(204)
	p.later(10*time.Second, c)
	p.deliver()
	r.answer(500)
	p.record()
	p.deliver()
	a := read("")
	require.EqualValues(t, 6, a.Num("try_count"))
	require.Equal(t, map[string]any{"delivered": 4.0, "refused": 2.0, "gone": 0.0, "unreachable": 0.0, "no_token": 0.0}, a.At("outcomes"))
	require.EqualValues(t, 5, a.Num("first_try_count"), "the test event too")
	require.InDelta(t, 0.6, a.Num("first_try_share"), 0.00001, "what arrived later did not arrive with its first try")
	require.LessOrEqual(t, a.Num("duration_p50_ms"), a.Num("duration_p95_ms"))
	waits := c.Get("/v1/webhook-deliveries?status=waiting").Is(200)
	require.Equal(t, 1, waits.Len("data"))
	oldest, err := time.Parse(time.RFC3339Nano, a.Str("oldest_waiting_at"))
	require.NoError(t, err)
	made, err := time.Parse(time.RFC3339Nano, waits.Str("data.0.created_at"))
	require.NoError(t, err)
	require.WithinDuration(t, made, oldest, 0)

	at := page(t, p.Nobody().Get(link(c, nil)+"/endpoints/"+path[len(endpoints)+1:]+"?lang=nl").Is(200)).Text()
	require.Contains(t, at, "6 · 4 aangekomen · 2 geweigerd")
	require.Contains(t, at, "60 %")
	require.Contains(t, at, "Wacht het langst")
	require.NotContains(t, at, "10.000")

	// Only what was tried in the period, and another endpoint's tries never.
	other, _ := p.endpoint(c, r, "organisation.*")
	p.later(25*time.Hour, c)
	require.Zero(t, read("").Num("try_count"))
	require.EqualValues(t, 6, read("?hours=48").Num("try_count"))
	require.Zero(t, c.Get(other+"/statistics?hours=720").Is(200).Num("try_count"))
	for _, bad := range []string{"0", "721", "x"} {
		c.Get(path+"/statistics?hours="+bad).Problem(400, "invalid-parameter")
	}
}

func TestStatistics_AreForWhoSeesTheEndpoint(t *testing.T) {
	t.Parallel()
	p := open(t)
	a, b := p.Organisation("Apotheek Zonneveld"), p.Organisation("Woonzorgcentrum De Linde")
	own := p.Client(auth.Integration, &a, nil, "webhook:read", "webhook:write", "organisation:read")
	path := own.Post(endpoints, object{"url": receive(t).URL, "event_types": []string{"organisation.*"}}).Is(201).Header.Get("Location") + "/statistics"
	p.deliver()
	require.EqualValues(t, 1, own.Get(path).Is(200).Num("try_count"))
	nobody := p.Client(auth.Integration, &b, nil, "webhook:read").Get(path).Problem(404, "not-found")
	require.Equal(t, p.Coordinator().Get(endpoints+"/"+id.NewEndpoint().String()+"/statistics").Problem(404, "not-found").Retold(), nobody.Retold())
	p.Client(auth.Integration, &a, nil, "webhook:write").Get(path).Problem(403, "forbidden")
	p.Coordinator().Delete(strings.TrimSuffix(path, "/statistics")).Is(204)
	p.Coordinator().Get(path).Problem(404, "not-found")
}

// However busy an endpoint is, its newest ten thousand tries are counted, and the answer says since when.
func TestStatistics_CountNoMoreThanTheNewest(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	path, _ := p.endpoint(c, r, "organisation.*")
	eid := parseEndpoint(t, path[len(endpoints)+1:])
	_, err := p.Super.Exec(context.Background(), `insert into webhook_attempts (tenant_id, id, delivery_id, endpoint_id, at, outcome, duration_ms)
		select $1, platform.new_id(), platform.new_id(), $2, date_trunc('second', now()) - n * interval '1 second', case when n < 10000 then 'delivered' else 'refused' end, n % 100
		from generate_series(0, 10499) n`, p.Tenant.UUID(), eid.UUID())
	require.NoError(t, err)
	a := c.Get(path + "/statistics").Is(200)
	require.EqualValues(t, 10_000, a.Num("try_count"))
	require.EqualValues(t, 10_000, a.Num("outcomes.delivered"))
	require.EqualValues(t, 49, a.Num("duration_p50_ms"))
	require.EqualValues(t, 94, a.Num("duration_p95_ms"))
	require.EqualValues(t, 1, a.Num("first_try_share"))
	since, err := time.Parse(time.RFC3339Nano, a.Str("since"))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(-9999*time.Second), since, time.Minute)
	require.Contains(t, page(t, p.Nobody().Get(link(c, nil)+"/endpoints/"+eid.String()+"?lang=nl").Is(200)).Text(), "10.000")
}
