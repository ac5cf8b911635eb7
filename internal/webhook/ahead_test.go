package webhook_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/webhook"
)

// proven has an endpoint whose lane has all the room that there is, and returns what it got for that.
func (p post) proven(path string) int {
	p.t.Helper()
	const n = 12
	for range n {
		p.record()
	}
	p.deliver()
	require.Equal(p.t, "active", p.Coordinator().Get(path).Is(http.StatusOK).Str("status"))
	return n
}

func (p post) leased() int {
	p.t.Helper()
	return p.Count(`select count(*) from platform.delivery_queue where lease is not null`)
}

// An endpoint has its place again as soon as it has answered. While nothing can be noted that goes on up to a bound; what was read
// and cannot be sent is given back; and if we end then, exactly what was sent and not noted comes again.
func TestDeliverer_ALongLaneIsAheadOfItsNotesUpToABound(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	p.d = webhook.NewDeliverer(p.App.Webhooks, webhook.Options{Grace: time.Millisecond})
	path, _ := p.endpoint(p.Coordinator(), r, "organisation.*")
	p.deliver()
	before := p.proven(path)
	const n = 150
	for range n {
		p.record()
	}
	noting := p.begin()
	statement(t, noting, `select from webhook_deliveries where status = 'waiting' for update`)
	var last time.Time
	require.NoError(t, p.Super.QueryRow(context.Background(), `select max(due_at) from platform.delivery_queue`).Scan(&last))
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	calls, hangUp := context.WithCancel(context.Background())
	defer hangUp()
	p.d.KeepsWhatWasRead(true) // however slow the machine is, on which a lane is long
	p.d.Lengthen()
	go func() { defer close(ended); p.d.Run(ctx) }()
	p.d.Advance(calls, p.Tenant)
	require.Eventually(t, func() bool { return len(r.all())-before >= webhook.LeastUnnoted }, enough, time.Millisecond)
	p.d.KeepsWhatWasRead(false)
	require.Eventually(t, func() bool { return p.leased() == len(r.all())-before }, enough, 10*time.Millisecond, "what waits for its place for too long is given back")
	require.Zero(t, p.Count(`select count(*) from platform.delivery_queue where lease is null and due_at > $1`, last), "and keeps its turn")
	stop()
	hangUp()
	<-ended
	sent := map[string]bool{}
	for _, x := range r.all()[before:] {
		sent[x.Header.Get("webhook-id")] = true
	}
	require.LessOrEqual(t, len(sent), webhook.MostUnnoted)
	require.Len(t, r.all(), before+len(sent), "none came twice yet")
	require.Equal(t, len(sent), p.leased(), "no more is held than was sent")
	require.NoError(t, noting.Rollback(context.Background()))

	p.later(webhook.Lease)
	p.d = webhook.NewDeliverer(p.App.Webhooks, webhook.Options{})
	p.deliver()
	times := map[string]int{}
	for _, x := range r.all()[before:] {
		times[x.Header.Get("webhook-id")]++
	}
	require.Len(t, times, n)
	for event, came := range times {
		require.Equal(t, map[bool]int{true: 2, false: 1}[sent[event]], came)
	}
	require.Empty(t, p.places())
}

func TestDeliverer_ALongLaneIsNoWiderThanAnother(t *testing.T) {
	t.Parallel()
	p, g := open(t), hold(t, http.StatusNoContent)
	p.Coordinator().Post(endpoints, object{"url": g.URL, "event_types": []string{"organisation.*"}}).Is(http.StatusCreated)
	p.deliver()
	const n = 120
	for range n {
		p.record()
	}
	running(t, p.d)
	for answered := 0; answered < n; {
		var inside []func()
		for len(inside) < min(2, n-answered) { // as many as a new lane has; there may be more
			inside = append(inside, <-g.entered)
		}
		for more := true; more; {
			select {
			case answer := <-g.entered:
				inside = append(inside, answer)
			default:
				more = false
			}
		}
		for _, answer := range inside {
			answer()
			answered++
		}
	}
	require.Eventually(t, func() bool { return len(p.places()) == 0 }, enough, 10*time.Millisecond)
	require.LessOrEqual(t, g.crowded, 8)
	require.Equal(t, n, p.Count(`select count(*) from webhook_attempts a join webhook_deliveries d on d.tenant_id = a.tenant_id and d.id = a.delivery_id
		where d.type = 'organisation.probed' and a.outcome = 'delivered'`), "each was tried once")
}

// What waits in a long lane is taken by itself, and not with the look for all others; test events are no part of it.
func TestDeliverer_TheLookPassesOverLongLanesButNotTheirTests(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	path, _ := p.endpoint(c, r, "organisation.*")
	p.deliver()
	p.proven(path)
	p.d.Lengthen()
	for range 3 {
		p.record()
	}
	c.Post(path+"/test", nil).Is(http.StatusOK)
	took, err := p.d.Freeze(context.Background())
	require.NoError(t, err)
	require.Len(t, took.Deliveries, 1)
	require.Equal(t, 1, p.Count(`select count(*) from platform.delivery_queue where delivery_id = $1 and test`, took.Deliveries[0].UUID()))
}

// Who is paused, or asked for a rate or an order, is served by the look alone.
func TestDeliverer_NothingIsTakenAheadWhereSomethingHoldsItBack(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	path, _ := p.endpoint(c, r, "organisation.*")
	p.deliver()
	for range 3 {
		p.record()
	}
	ahead := func() int {
		n, err := p.d.TakesAhead(context.Background())
		require.NoError(t, err)
		return n
	}
	c.Post(path+"/pause", nil).Is(http.StatusOK)
	require.Zero(t, ahead())
	c.Post(path+"/resume", nil).Is(http.StatusOK)
	for member, value := range map[string][2]any{"rate_limit": {10, nil}, "ordering": {"subject", "none"}} {
		c.Patch(path, object{member: value[0]}).Is(http.StatusOK)
		require.Zero(t, ahead(), member)
		c.Patch(path, object{member: value[1]}).Is(http.StatusOK)
	}
	require.Equal(t, 3, ahead())
	require.Zero(t, ahead(), "they are taken")
}

// A place in the queue whose delivery is gone is taken out, as everywhere: it would be taken again and again.
func TestDeliverer_WhatIsTakenAheadAndIsGoneIsTakenOut(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	ctx := context.Background()
	path, _ := p.endpoint(p.Coordinator(), r, "organisation.*")
	p.deliver()
	before := p.proven(path)
	p.record()
	_, err := p.Super.Exec(ctx, `insert into platform.delivery_queue (delivery_id, tenant_id, endpoint_id, due_at)
		select gen_random_uuid(), tenant_id, endpoint_id, due_at - interval '1 minute' from platform.delivery_queue`)
	require.NoError(t, err)
	p.d.Refill(ctx, p.Tenant)
	require.Len(t, r.all(), before+1)
	require.Empty(t, p.places())
}

// longLane has an endpoint that has answered often enough for its lane to be long, and n facts for it in all.
func (p post) longLane(g *gate, n int) (path string) {
	p.t.Helper()
	path = endpoints + "/" + p.Coordinator().Post(endpoints, object{"url": g.URL, "event_types": []string{"organisation.*"}}).Is(http.StatusCreated).Str("id")
	p.deliver()
	for range n {
		p.record()
	}
	running(p.t, p.d)
	for range 40 {
		(<-g.entered)()
	}
	return path
}

func TestDeliverer_OfALongLaneThatIsDeletedNothingIsLeft(t *testing.T) {
	t.Parallel()
	p, g := open(t), hold(t, http.StatusNoContent)
	path := p.longLane(g, 200)
	p.Coordinator().Delete(path).Is(http.StatusNoContent)
	close(g.through)
	require.Eventually(t, func() bool { return len(p.places()) == 0 }, enough, 10*time.Millisecond)
	require.Zero(t, p.Count(`select count(*) from webhook_deliveries where status = 'waiting'`))
	require.Positive(t, p.Count(`select count(*) from webhook_deliveries where status = 'cancelled'`), "what was not taken by then")
}

func TestDeliverer_ALongLaneThatIsPausedIsLongNoMore(t *testing.T) {
	t.Parallel()
	p, g := open(t), hold(t, http.StatusNoContent)
	c := p.Coordinator()
	const n = 200
	path := p.longLane(g, n)
	c.Post(path+"/pause", nil).Is(http.StatusOK)
	close(g.through)
	require.Eventually(t, func() bool { return p.leased() == 0 }, enough, 10*time.Millisecond)
	waits := p.Count(`select count(*) from platform.delivery_queue`)
	require.Positive(t, waits, "what was not taken by then waits")
	c.Post(path+"/resume", nil).Is(http.StatusOK)
	require.Eventually(t, func() bool { return len(p.places()) == 0 }, enough, 10*time.Millisecond)
	require.Equal(t, n, p.Count(`select count(*) from webhook_deliveries where type = 'organisation.probed' and status = 'delivered'`))
}
