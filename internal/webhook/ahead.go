package webhook

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// A lane is long when its receiver answers soon and more waits than the lane has room for. Nobody waits for its next millisecond, so
// what it needs of the database is done seldom and for many at once: more is taken and read before there is a place for it, without the
// look that all others wait for, and tries are noted together. Its calls stay as many as before: who has answered makes place for the
// next, whether that is noted yet or not. Each of its steps lets go first what a look takes (see precedence).
const (
	// brisk is how soon a receiver answers whose lane can be long.
	brisk = 50 * time.Millisecond
	// maxAhead is how many deliveries of a lane wait for a place of it; once refillAt are left more are taken.
	maxAhead, refillAt = 24, 8
	// refillGap lies between the times that more is taken for a lane: whoever answers at once does not get all of the processor.
	refillGap = 10 * time.Millisecond
	// stale is how long they may wait, since what is sent goes by what was read: after that they are given back.
	stale = 250 * time.Millisecond
	// maxUnnoted bounds how many tries of a lane have ended and are not noted. If we are killed, these come a second time.
	maxUnnoted = 48
	// aheadFor is how many deliveries may wait so, before their calls and after, in all lanes, for each place that there is.
	aheadFor = 2
)

// parked is a delivery that was taken and read, and waits for a place of its lane.
type parked struct {
	t      ticket
	p      *parcel // nil: there is no such delivery
	loaded time.Time
}

// answered says that a try has ended as it should, and reports whether it can be noted with those that come after it: then its lane
// is long, and has its place again. A look that is under way was told what room the lane has: it is no long one before that ends.
func (d *Deliverer) answered(ctx context.Context, t ticket, took time.Duration) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls[t].well = true
	l := d.lanes[t.Endpoint]
	if !d.looking && !l.long && l.full && l.plain && l.room == fullRoom && took <= brisk && d.spare(t.Tenant) {
		l.long, l.full, l.dry = true, false, false
	}
	if !l.long {
		return false
	}
	d.calls[t].ahead = true
	l.unnoted++
	l.went(took, true)
	d.advance(ctx, t.Tenant, t.Endpoint)
	return true
}

// contested says that others wait for places that a tenant has, or that nobody gets any more. d.mu is held.
func (d *Deliverer) contested(tenant id.TenantID) bool {
	return d.stopping || d.full || d.crowded[tenant]
}

// spare says that so much is free that a tenant's lane may be filled without the look, in which tenants take turns. d.mu is held.
func (d *Deliverer) spare(tenant id.TenantID) bool {
	p := d.places(time.Now())
	mine := p.of[tenant]
	return !d.contested(tenant) && p.all <= d.o.Concurrency/2 && p.ahead <= aheadFor*d.o.Concurrency && (mine == nil || mine.held() <= d.share())
}

// advance sends what waits for places of a lane, and has more taken in time. A lane is long no more where others need places, or what
// waits there does so for too long: the look takes it again. d.mu is held.
func (d *Deliverer) advance(ctx context.Context, tenant id.TenantID, e id.EndpointID) {
	l := d.lanes[e]
	if d.contested(tenant) || len(l.parked) > 0 && time.Since(l.parked[0].loaded) > d.stale {
		l.long = false
	}
	for _, x := range d.next(tenant, l) {
		d.wg.Go(func() {
			d.first.yield()
			d.handle(ctx, x.t, x.p)
		})
	}
	if l.long && !l.filling && len(l.parked) <= refillAt {
		l.filling = !l.dry && d.spare(tenant)
		if l.filling {
			d.wg.Go(func() { d.refill(ctx, tenant, e, maxAhead-refillAt) })
		}
		l.long = l.filling || len(l.parked) > 0
	}
	if !l.long {
		d.giveUp(ctx, l)
	}
}

// next gives places to what waits for them in a lane, and returns that. Where there is none left of all, or of its tenant's, the lane
// is long no more. d.mu is held.
func (d *Deliverer) next(tenant id.TenantID, l *lane) (out []parked) {
	if !l.long || l.unnoted >= maxUnnoted {
		return nil
	}
	n := min(l.room-l.busy, len(l.parked))
	if n <= 0 {
		return nil
	}
	if free := d.left(tenant, n); free < n {
		n, l.long = max(0, free), false
	}
	out, l.parked = l.parked[:n:n], l.parked[n:]
	l.busy += n
	d.busy[tenant] += n
	for _, x := range out {
		d.calls[x.t].ahead = false
	}
	return out
}

// left is how many more places a tenant may have; where it is n at least it may be more. d.mu is held.
func (d *Deliverer) left(tenant id.TenantID, n int) int {
	all, its := 0, 0 // with those that idle: most often there is enough anyway, and this is asked for each call of a long lane
	for t, c := range d.calls {
		if !c.ahead {
			all++
			if t.Tenant == tenant {
				its++
			}
		}
	}
	if free := min(d.o.Concurrency-all, d.most()-its); free >= n {
		return free
	}
	p := d.places(time.Now())
	free := d.o.Concurrency - p.all
	if mine := p.of[tenant]; mine != nil {
		free = min(free, d.most()-mine.held())
	}
	return free
}

// giveUp gives back what waits for places of a lane that is long no more. d.mu is held.
func (d *Deliverer) giveUp(ctx context.Context, l *lane) {
	d.callAgain()
	if len(l.parked) == 0 {
		return
	}
	var all []ticket
	for _, x := range l.parked {
		all = append(all, x.t)
	}
	l.parked = nil
	d.wg.Go(func() {
		d.persist(ctx, all[0], func() error { return d.giveBack(context.WithoutCancel(ctx), 0, all...) })
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, t := range all {
			delete(d.calls, t)
		}
		d.callAgain()
	})
}

// refillIn is how long to wait before more is taken for a lane.
func (l *lane) refillIn(now time.Time) time.Duration { return max(0, refillGap-now.Sub(l.filled)) }

// refill takes at most n more for a long lane. Where there are fewer, the lane is long until these are sent.
func (d *Deliverer) refill(ctx context.Context, tenant id.TenantID, e id.EndpointID, n int) {
	d.mu.Lock()
	l, now := d.lanes[e], time.Now()
	wait := l.refillIn(now)
	l.filled = now.Add(wait)
	d.mu.Unlock()
	select {
	case <-ctx.Done():
	case <-time.After(wait):
	}
	d.mu.Lock()
	if !l.long || d.contested(tenant) { // meanwhile
		l.filling = false
		d.advance(ctx, tenant, e)
		d.mu.Unlock()
		return
	}
	d.mu.Unlock()
	d.first.yield()
	tickets, err := d.takeAhead(ctx, e, n)
	var found map[id.DeliveryID]*parcel
	loaded := time.Now()
	if err == nil && len(tickets) > 0 {
		d.first.yield()
		found, err = d.read(ctx, tenant, tickets)
	}
	if err != nil && ctx.Err() == nil {
		d.o.Log.ErrorContext(ctx, "webhook queue", "cause", db.Cause(err))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	l.filling = false
	l.dry = err != nil || len(tickets) < n
	for _, t := range tickets {
		if err == nil {
			l.parked = append(l.parked, parked{t, found[t.Delivery], loaded})
		} else { // its lease runs out
			delete(d.calls, t)
		}
	}
	d.advance(ctx, tenant, e)
}

// tidy gives back what has waited for too long for a place of its lane; all of it once we stop.
func (d *Deliverer) tidy(ctx context.Context) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for e, l := range d.lanes {
		if len(l.parked) > 0 {
			d.advance(ctx, l.parked[0].t.Tenant, e)
		}
	}
}

// takeMore leases what is due in one lane that is neither held, nor has a rate or an order.
const takeMore = `
with mine as (
	select q.delivery_id
	from platform.delivery_queue q
	where not q.test and q.endpoint_id = $1 and q.due_at <= now() and (q.leased_until is null or q.leased_until <= now())
		and not exists (select from platform.delivery_holds h where h.endpoint_id = $1)
		and not exists (select from platform.delivery_lanes x where x.endpoint_id = $1)
	order by q.due_at limit $2
	for update of q skip locked
)
update platform.delivery_queue q set leased_until = now() + $3::interval, lease = $4
where q.delivery_id = any (array(select delivery_id from mine)) and ` + unflushed + `
returning q.delivery_id, q.tenant_id, q.endpoint_id`

// takeAhead leases at most n of what is due for an endpoint.
func (d *Deliverer) takeAhead(ctx context.Context, e id.EndpointID, n int) ([]ticket, error) {
	var (
		out   []ticket
		token = uuid.New()
	)
	err := d.db.PlatformOne(ctx, "take more of a long lane", takeMore, []any{e.UUID(), n, lease, token}, func(rows pgx.Rows) error {
		var delivery, tenant, endpoint uuid.UUID
		_, err := pgx.ForEachRow(rows, []any{&delivery, &tenant, &endpoint}, func() error {
			out = append(out, ticket{id.DeliveryID(delivery), id.TenantID(tenant), id.EndpointID(endpoint), token, false})
			return nil
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range out {
		d.calls[t] = &call{proven: true, ahead: true}
	}
	return out, nil
}
