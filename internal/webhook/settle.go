package webhook

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// tried is a try that has to be written, and what becomes of its delivery.
type tried struct {
	t     ticket
	id    id.AttemptID // the same however often it is written
	p     *parcel
	r     result
	state string         // of the delivery, waiting unless no try follows; lost when it is not ours any more
	pause *time.Duration // until the next try; nil: there is none
	anew  *time.Duration // the same, where the schedule began anew while the try was under way; nil: it arrived
	done  chan error

	patient bool // nothing waits for its being written
}

// matters says that a try can change its endpoint.
func (x *tried) matters() bool {
	return x.r.outcome != outcomeDelivered || x.p.FailingSince != nil || x.p.EndpointStatus == Pending
}

// settling gathers what is to be written while something is being written: what waits for one tenant goes in one
// transaction. Each tenant has one writer, for as long as anything waits; no try is held up by those that come after it.
// Who has others of the tenant under way waits for them a moment: their receivers have answered or will, so nobody feels it
// but the database. Tries of a long lane wait for more of their kind, unless another comes.
type settling struct {
	mu        sync.Mutex
	waiting   map[id.TenantID][]*tried
	writing   map[id.TenantID]bool
	gathering map[id.TenantID]*gathering
}

// gathering is ready once as many wait as are wanted, and one of patient ones as soon as another comes.
type gathering struct {
	want    int
	patient bool
	ready   chan struct{}
}

const (
	// maxSettled bounds how many tries one transaction writes.
	maxSettled = 100
	// gatherFor bounds how long the first waits for others.
	gatherFor = 5 * time.Millisecond
	// together is how many patient tries wait for one another, and patience how long the first of them does.
	together = 20
	patience = 50 * time.Millisecond
)

// gather waits until so many of a tenant have come, or a moment. s.mu is held, and is free meanwhile.
func (s *settling) gather(tenant id.TenantID, want int, patient bool) {
	if len(s.waiting[tenant]) >= want {
		return
	}
	g := &gathering{want, patient, make(chan struct{})}
	s.gathering[tenant] = g
	s.mu.Unlock()
	most := gatherFor
	if patient {
		most = patience
	}
	timer := time.NewTimer(most)
	select {
	case <-g.ready:
	case <-timer.C:
	}
	timer.Stop()
	s.mu.Lock()
	delete(s.gathering, tenant)
}

// add has a try wait for being written, and says so to whoever gathers where that is enough. s.mu is held.
func (s *settling) add(tenant id.TenantID, x *tried) {
	s.waiting[tenant] = append(s.waiting[tenant], x)
	if g := s.gathering[tenant]; g != nil && (len(s.waiting[tenant]) >= g.want || g.patient && !x.patient) {
		delete(s.gathering, tenant)
		close(g.ready)
	}
}

// patient says that all of these are.
func patient(all []*tried) bool {
	return !slices.ContainsFunc(all, func(x *tried) bool { return !x.patient })
}

// settle has what came of a try written, and what becomes of its delivery and its endpoint. It returns when that is in the
// database, or why it is not.
func (d *Deliverer) settle(ctx context.Context, x *tried) error {
	s, tenant := &d.settling, x.t.Tenant
	x.done = make(chan error, 1)
	underWay := d.underWay(tenant)
	s.mu.Lock()
	s.add(tenant, x)
	if !s.writing[tenant] {
		s.writing[tenant] = true
		d.wg.Go(func() { d.settleTenant(ctx, tenant, underWay) })
	}
	s.mu.Unlock()
	return <-x.done
}

// settleTenant writes what waits for a tenant until nothing does.
func (d *Deliverer) settleTenant(ctx context.Context, tenant id.TenantID, underWay int) {
	s := &d.settling
	s.mu.Lock()
	defer s.mu.Unlock()
	if !patient(s.waiting[tenant]) {
		s.gather(tenant, min(underWay, maxSettled), false)
	}
	for {
		if len(s.waiting[tenant]) > 0 && patient(s.waiting[tenant]) {
			s.gather(tenant, together, true)
		}
		n := min(len(s.waiting[tenant]), maxSettled)
		if n == 0 {
			delete(s.waiting, tenant)
			delete(s.writing, tenant)
			return
		}
		batch := slices.Clone(s.waiting[tenant][:n])
		s.waiting[tenant] = s.waiting[tenant][n:]
		s.mu.Unlock()
		if patient(batch) {
			d.first.yield()
		}
		d.settleBatch(ctx, tenant, batch)
		s.mu.Lock()
	}
}

// settleBatch writes a batch. Where the database is there and refuses it, each is written on its own, so that one does not keep
// the others. Where somebody holds a lock for too long, it is split by the endpoints that have to be locked instead: each of
// those would wait as long again, but once.
func (d *Deliverer) settleBatch(ctx context.Context, tenant id.TenantID, batch []*tried) {
	err := d.settleAll(ctx, tenant, batch)
	var parts [][]*tried
	switch {
	case err != nil && isLocked(err):
		parts = byEndpoint(batch)
	case err != nil && !fault.Busy.Is(err) && !fault.OutcomeUnknown.Is(err):
		for _, x := range batch {
			parts = append(parts, []*tried{x})
		}
	}
	if len(parts) < 2 {
		parts = nil
		for _, x := range batch {
			x.done <- err
		}
	}
	for _, part := range parts {
		err := d.settleAll(ctx, tenant, part)
		for _, x := range part {
			x.done <- err
		}
	}
}

// isLocked says that a lock could not be had in time.
func isLocked(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "55P03"
}

// byEndpoint splits a batch into what locks no endpoint, which comes first, and what locks each.
func byEndpoint(batch []*tried) (parts [][]*tried) {
	var free []*tried
	at := map[id.EndpointID]int{}
	for _, x := range batch {
		i, known := at[x.t.Endpoint]
		switch {
		case !x.matters():
			free = append(free, x)
		case known:
			parts[i] = append(parts[i], x)
		default:
			at[x.t.Endpoint] = len(parts)
			parts = append(parts, []*tried{x})
		}
	}
	if len(free) > 0 {
		parts = slices.Insert(parts, 0, free)
	}
	return parts
}

func (d *Deliverer) settleAll(ctx context.Context, tenant id.TenantID, batch []*tried) error {
	who := db.System(tenant, "deliver")
	who.RequestID = batch[0].t.Delivery.String()
	held := map[uuid.UUID]string{}
	if !slices.ContainsFunc(batch, (*tried).matters) {
		var mine []struct {
			DeliveryID uuid.UUID
			Status     string
		}
		if err := d.db.InTenantOne(ctx, who, &mine, settled, values(tenant, batch)...); err != nil {
			return err
		}
		for _, m := range mine {
			held[m.DeliveryID] = m.Status
		}
		became(batch, held)
		return nil
	}
	err := d.db.InTenant(ctx, who, func(tx *db.Tx) error {
		// Endpoints are locked before the queue, as those do who delete or move one.
		endpoints, err := lockAll(tx, batch)
		if err != nil {
			return err
		}
		clear(held)
		if err := note(ctx, tx, batch, held); err != nil {
			return err
		}
		for _, x := range batch {
			e := endpoints[x.t.Endpoint]
			if !x.matters() || held[x.t.Delivery.UUID()] == "" || e.URL != x.p.URL {
				continue
			}
			after, err := d.consequences(ctx, tx, *e, x.p.Type == Tested.Name, x.r, d.clock.now())
			if err != nil {
				return err
			}
			*e = after
		}
		return nil
	})
	if err == nil {
		became(batch, held)
	}
	return err
}

// became says of each try of a batch that was written what became of its delivery.
func became(batch []*tried, held map[uuid.UUID]string) {
	for _, x := range batch {
		x.state = held[x.t.Delivery.UUID()]
		if x.state == "" {
			x.state = "lost"
		}
	}
}

// lockAll locks the endpoints that the batch can change, in one order.
func lockAll(tx *db.Tx, batch []*tried) (map[id.EndpointID]*Endpoint, error) {
	var ids []id.EndpointID
	for _, x := range batch {
		if x.matters() && !slices.Contains(ids, x.t.Endpoint) {
			ids = append(ids, x.t.Endpoint)
		}
	}
	slices.SortFunc(ids, func(a, b id.EndpointID) int { return strings.Compare(a.UUID().String(), b.UUID().String()) })
	out := map[id.EndpointID]*Endpoint{}
	for _, e := range ids {
		row, err := locked(tx, e)
		if err != nil {
			return nil, err
		}
		out[e] = &row
	}
	return out, nil
}

// settled writes tries and what became of their deliveries. A worker that lost its lease adds its try, since it happened,
// and changes nothing else. Who asked for the schedule to begin anew while the last try was under way has the row say so, in whatever
// version it is found: then that try was not the last.
const settled = `
with tried (delivery_id, lease, id, endpoint_id, organisation_id, at, status, outcome, took, answer, state, attempts, pause, base, anew,
	url, thin, header_names, signed_by, answer_headers) as (
	select * from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::timestamptz[], $8::int[], $9::text[], $10::int[], $11::bytea[],
		$12::text[], $13::int[], $14::interval[], $15::int[], $16::interval[], $17::text[], $18::bool[], $19::text[], $20::bytea[], $21::text[])
), mine as (
	select q.delivery_id, t.state, t.attempts, t.pause, t.base, t.anew
	from tried t
	join platform.delivery_queue q on q.delivery_id = t.delivery_id and q.lease = t.lease
	where q.delivery_id = any ($2)
	order by q.delivery_id
	for update of q
), noted as (
	insert into webhook_attempts (tenant_id, id, delivery_id, endpoint_id, organisation_id, at, status, outcome, duration_ms, answer,
		url, thin, header_names, signed_by, answer_headers)
	select $1, id, delivery_id, endpoint_id, organisation_id, at, status, outcome, took, answer, url, thin, string_to_array(header_names, ','), signed_by, answer_headers
	from tried
	on conflict do nothing
), state as (
	update webhook_deliveries d set attempts = m.attempts,
		status = case when d.base_attempts = m.base or m.anew is null then m.state else 'waiting' end,
		next_attempt_at = now() + case when d.base_attempts = m.base then m.pause else m.anew end,
		delivered_at = case when m.state = 'delivered' then now() end
	from mine m
	where d.tenant_id = $1 and d.id = m.delivery_id and d.id = any ($2)
	returning d.id as delivery_id, d.status, case when d.base_attempts = m.base then m.pause else m.anew end as pause
), again as (
	update platform.delivery_queue q set due_at = now() + s.pause, lease = null, leased_until = null
	from state s
	where q.delivery_id = s.delivery_id and s.pause is not null and q.delivery_id = any ($2)
), over as (
	delete from platform.delivery_queue q using state s
	where q.delivery_id = s.delivery_id and s.pause is null and q.delivery_id = any ($2)
)
select delivery_id, status from state`

// values are those of settled for a batch.
func values(tenant id.TenantID, batch []*tried) []any {
	n := len(batch)
	var (
		deliveries, leases, ids, endpoints = make([]uuid.UUID, n), make([]uuid.UUID, n), make([]uuid.UUID, n), make([]uuid.UUID, n)
		organisations                      = make([]*uuid.UUID, n)
		ats                                = make([]time.Time, n)
		statuses                           = make([]*int, n)
		outcomes, states                   = make([]string, n), make([]string, n)
		tooks, attempts                    = make([]int64, n), make([]int, n)
		bases                              = make([]int, n)
		answers                            = make([][]byte, n)
		pauses, anews                      = make([]*time.Duration, n), make([]*time.Duration, n)
		urls, headers, tolds               = make([]*string, n), make([]*string, n), make([]*string, n)
		thins                              = make([]*bool, n)
		signed                             = make([][]byte, n)
	)
	for i, x := range batch {
		deliveries[i], leases[i], ids[i], endpoints[i] = x.t.Delivery.UUID(), x.t.lease, x.id.UUID(), x.t.Endpoint.UUID()
		if x.p.OrganisationID != nil {
			o := x.p.OrganisationID.UUID()
			organisations[i] = &o
		}
		if x.r.status != 0 {
			statuses[i] = &x.r.status
		}
		ats[i], outcomes[i], states[i], tooks[i], attempts[i], answers[i], pauses[i], bases[i], anews[i] =
			x.r.at, x.r.outcome, x.state, x.r.took.Milliseconds(), x.p.Attempts+1, x.r.answer, x.pause, x.p.BaseAttempts, x.anew
		if x.r.outcome != outcomeNoToken { // else nothing was sent
			thin := x.p.Payload == payloadThin
			urls[i], thins[i], signed[i] = &x.p.URL, &thin, x.p.SignedBy
		}
		if len(x.r.names) > 0 {
			all := strings.Join(x.r.names, ",") // none holds a comma: they are tokens (RFC 9110, section 5.6.2)
			headers[i] = &all
		}
		if x.r.told != "" {
			tolds[i] = &x.r.told
		}
	}
	return []any{tenant.UUID(), deliveries, leases, ids, endpoints, organisations, ats, statuses, outcomes, tooks, answers, states, attempts, pauses, bases, anews,
		urls, thins, headers, signed, tolds}
}

// note writes a batch, and adds to held which deliveries were still ours, with what became of each.
func note(ctx context.Context, tx *db.Tx, batch []*tried, held map[uuid.UUID]string) error {
	return tx.Pgx(func(p pgx.Tx) error {
		var b pgx.Batch
		b.Queue(db.ByIndex)
		b.Queue(settled, values(tx.TenantID(), batch)...).
			Query(func(rows pgx.Rows) error {
				var (
					d     uuid.UUID
					state string
				)
				_, err := pgx.ForEachRow(rows, []any{&d, &state}, func() error { held[d] = state; return nil })
				return err
			})
		return p.SendBatch(ctx, &b).Close()
	})
}
