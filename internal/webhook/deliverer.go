package webhook

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/outbound"
)

const (
	// lease is how long a delivery is ours without a sign of life: after that another worker takes it.
	lease = 6 * time.Second
	// heartbeat is how often we give that sign.
	heartbeat = lease / 3

	// Between looks at an empty queue; facts of this process wake us.
	minPause, maxPause = 10 * time.Millisecond, 200 * time.Millisecond
	// errorPause follows a look that failed.
	errorPause = time.Second

	// Each endpoint has a lane. A new one gets few places, answers in time double them, and one that is slow or cannot be
	// reached keeps a single place; all slow ones together never have more than half.
	startRoom, fullRoom = 2, 8
	slow                = 2 * time.Second
	// maxLanes bounds how many endpoints one look visits, and how many idle ones are remembered.
	maxLanes = 512

	defaultConcurrency = 64
	defaultGrace       = 20 * time.Second // longer than one exchange may take
)

// Options change how a Deliverer works; the zero value is right for production.
type Options struct {
	Concurrency int           // how many deliveries are under way at once, in this process
	Grace       time.Duration // how long those may go on once Run's context has ended
	Log         *slog.Logger
}

// Deliverer sends what is due. Any number of them, in any number of processes, share the queue.
type Deliverer struct {
	*Service
	client *outbound.Client
	o      Options

	wg    sync.WaitGroup
	again chan struct{} // there is room in a lane again

	mu     sync.Mutex
	lanes  map[id.EndpointID]*lane
	leased map[id.DeliveryID]uuid.UUID
	after  uuid.UUID // the last lane that was visited
}

type lane struct{ busy, room int }

// NewDeliverer returns a deliverer of what the service records. It does nothing until it runs.
func NewDeliverer(s *Service, o Options) *Deliverer {
	if o.Concurrency <= 0 {
		o.Concurrency = defaultConcurrency
	}
	if o.Grace <= 0 {
		o.Grace = defaultGrace
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Deliverer{Service: s, client: outbound.New(s.policy), o: o, again: make(chan struct{}, 1),
		lanes: map[id.EndpointID]*lane{}, leased: map[id.DeliveryID]uuid.UUID{}}
}

// Run delivers until ctx ends, then lets what is under way finish for as long as Grace allows and gives the rest back.
// Nothing that happens while it works ends it.
func (d *Deliverer) Run(ctx context.Context) {
	calls, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	defer hangUp()
	var beating sync.WaitGroup
	beats, still := context.WithCancel(calls)
	beating.Go(func() { d.beat(beats) })

	wait := minPause
	for ctx.Err() == nil {
		taken, end, err := d.look(ctx, calls)
		switch {
		case err != nil:
			if ctx.Err() == nil {
				d.o.Log.ErrorContext(ctx, "webhook queue", "cause", db.Cause(err))
			}
			wait = errorPause
		case taken > 0:
			wait = minPause
			continue
		case !end:
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-fact.Woken():
			wait = minPause
		case <-d.again:
			wait = minPause
		case <-timer.C:
			wait = min(2*wait, maxPause)
		}
		timer.Stop()
	}
	late := time.AfterFunc(d.o.Grace, hangUp)
	d.wg.Wait()
	late.Stop()
	still()
	beating.Wait()
}

// look takes what is due and sends it off. It reports how many deliveries it took, and whether it visited the last of
// the lanes: the next look begins with the first.
func (d *Deliverer) look(ctx, calls context.Context) (int, bool, error) {
	taken, end, err := d.take(ctx)
	if err != nil || len(taken) == 0 {
		return 0, end, err
	}
	byTenant := map[id.TenantID][]ticket{}
	for _, t := range taken {
		byTenant[t.Tenant] = append(byTenant[t.Tenant], t)
	}
	for tenant, tickets := range byTenant {
		d.wg.Go(func() { d.send(calls, tenant, tickets) })
	}
	return len(taken), end, nil
}

// ticket is a delivery that is ours for as long as the lease stands in the queue.
type ticket struct {
	Delivery id.DeliveryID
	Tenant   id.TenantID
	Endpoint id.EndpointID
	lease    uuid.UUID
}

// takeDue leases what is due: from each lane as much as it has room for, tenants taking turns. It visits one lane after the
// other by the index, so that neither a long lane nor many of them makes it slow, and goes on the next time where it
// stopped.
const takeDue = `
with recursive lane (endpoint_id, n) as (
	(select endpoint_id, 1 from platform.delivery_queue where not test and endpoint_id > $1 order by endpoint_id limit 1)
	union all
	select (select q.endpoint_id from platform.delivery_queue q where not q.test and q.endpoint_id > l.endpoint_id order by q.endpoint_id limit 1), l.n + 1
	from lane l
	where l.endpoint_id is not null and l.n < $2
), known (endpoint_id, room) as (
	select * from unnest($3::uuid[], $4::int[])
), due as (
	select q.delivery_id, q.tenant_id, q.due_at, q.place
	from lane l
	left join known k on k.endpoint_id = l.endpoint_id
	cross join lateral (
		select delivery_id, tenant_id, due_at, row_number() over (order by due_at) as place
		from platform.delivery_queue
		where not test and endpoint_id = l.endpoint_id and due_at <= $5
		order by due_at limit coalesce(k.room, $6)) q
	where l.endpoint_id is not null and not exists (select from platform.delivery_holds h where h.endpoint_id = l.endpoint_id)
	union all
	select q.delivery_id, q.tenant_id, q.due_at, 1
	from platform.delivery_queue q
	left join known k on k.endpoint_id = q.endpoint_id
	where q.test and q.due_at <= $5 and coalesce(k.room, $6) > 0
), turn as (
	select delivery_id, due_at, row_number() over (partition by tenant_id order by place, due_at) as n from due
), mine as (
	select q.delivery_id
	from platform.delivery_queue q
	where q.delivery_id in (select delivery_id from turn order by n, due_at limit $7) and q.due_at <= $5
	for update skip locked
), taken as (
	update platform.delivery_queue q set due_at = $8, lease = $9
	from mine
	where q.delivery_id = mine.delivery_id
	returning q.delivery_id, q.tenant_id, q.endpoint_id
)
select l.visited, (select endpoint_id from lane where n = l.visited), t.delivery_id, t.tenant_id, t.endpoint_id
from (select count(endpoint_id)::int as visited from lane) l left join taken t on true`

// take reports whether it visited the last of the lanes.
func (d *Deliverer) take(ctx context.Context) ([]ticket, bool, error) {
	known, rooms, free := d.room()
	if free <= 0 {
		return nil, true, nil
	}
	var (
		out   []ticket
		now   = d.db.Now()
		token = uuid.New()
		after = d.after
		end   bool
	)
	err := d.db.Platform(ctx, "take deliveries that are due", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, takeDue, after, maxLanes, known, rooms, now, startRoom, free, now.Add(lease), token)
		if err != nil {
			return err
		}
		var (
			visited                    int
			last                       *uuid.UUID
			delivery, tenant, endpoint *uuid.UUID
		)
		_, err = pgx.ForEachRow(rows, []any{&visited, &last, &delivery, &tenant, &endpoint}, func() error {
			if delivery != nil {
				out = append(out, ticket{id.DeliveryID(*delivery), id.TenantID(*tenant), id.EndpointID(*endpoint), token})
			}
			if end = visited < maxLanes; end {
				after = uuid.Nil
			} else {
				after = *last
			}
			return nil
		})
		return err
	})
	if err != nil {
		return nil, false, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.after = after
	for _, t := range out {
		l := d.lanes[t.Endpoint]
		if l == nil {
			l = &lane{room: startRoom}
			d.lanes[t.Endpoint] = l
		}
		l.busy++
		d.leased[t.Delivery] = t.lease
	}
	return out, end, nil
}

// room says how many more deliveries each lane that we know may have under way, and how many there may be in all.
func (d *Deliverer) room() (known []uuid.UUID, rooms []int, free int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	free = d.o.Concurrency
	slowOnes := 0
	for e, l := range d.lanes {
		if l.busy == 0 && len(d.lanes) > maxLanes {
			delete(d.lanes, e)
			continue
		}
		free -= l.busy
		if l.room == 1 {
			slowOnes += l.busy
		}
	}
	for e, l := range d.lanes {
		left := max(0, l.room-l.busy)
		if l.room == 1 && slowOnes*2 >= d.o.Concurrency {
			left = 0
		}
		known, rooms = append(known, e.UUID()), append(rooms, left)
	}
	return known, rooms, free
}

// leave gives back the place of a delivery, and lets its lane grow or shrink by how it went; took is negative when
// nothing was sent.
func (d *Deliverer) leave(t ticket, took time.Duration, reached bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.leased[t.Delivery] == t.lease {
		delete(d.leased, t.Delivery)
	}
	l := d.lanes[t.Endpoint]
	l.busy--
	switch {
	case took < 0:
	case took > slow || !reached:
		l.room = 1
	default:
		l.room = min(2*l.room, fullRoom)
	}
	// A lane that is half full is not worth another look yet.
	if l.busy*2 <= l.room {
		select {
		case d.again <- struct{}{}:
		default:
		}
	}
}

// beat keeps what is under way ours.
func (d *Deliverer) beat(ctx context.Context) {
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := d.extend(ctx); err != nil && ctx.Err() == nil {
				d.o.Log.ErrorContext(ctx, "webhook heartbeat", "cause", db.Cause(err))
			}
		}
	}
}

func (d *Deliverer) extend(ctx context.Context) error {
	var deliveries, leases []uuid.UUID
	d.mu.Lock()
	for x, l := range d.leased {
		deliveries, leases = append(deliveries, x.UUID()), append(leases, l)
	}
	d.mu.Unlock()
	if len(deliveries) == 0 {
		return nil
	}
	return d.db.Platform(ctx, "deliveries are still under way", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `update platform.delivery_queue q set due_at = $3 from unnest($1::uuid[], $2::uuid[]) as u (delivery_id, lease)
			where q.delivery_id = u.delivery_id and q.lease = u.lease`, deliveries, leases, d.db.Now().Add(lease))
		return err
	})
}

// giveBack ends a lease without a try: the delivery is due again after a while.
func (d *Deliverer) giveBack(ctx context.Context, t ticket, after time.Duration) error {
	return d.db.Platform(ctx, "a delivery was not tried", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `update platform.delivery_queue set due_at = $3, lease = null where delivery_id = $1 and lease = $2`,
			t.Delivery.UUID(), t.lease, d.db.Now().Add(after))
		return err
	})
}
