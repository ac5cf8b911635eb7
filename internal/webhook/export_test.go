package webhook

import (
	"context"
	"slices"
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// Drain delivers until nothing is due, and returns how many deliveries it took.
func (d *Deliverer) Drain(ctx context.Context) (int, error) {
	all, since := 0, 0
	for {
		n, end, err := d.look(ctx, ctx)
		if err != nil {
			return all, err
		}
		d.wg.Wait()
		all, since = all+n, since+n
		if end {
			if since == 0 {
				return all, nil
			}
			since = 0
		}
	}
}

// Took is what a worker took before it stopped in its tracks.
type Took struct {
	Deliveries []id.DeliveryID
	Tenants    []id.TenantID
	Wake       func() // goes on as if nothing had happened
	GiveBack   func(ctx context.Context, order func(a, b id.DeliveryID) int) error
}

// Freeze takes what is due and stops there, as a worker does that is killed or loses its processor.
func (d *Deliverer) Freeze(ctx context.Context) (Took, error) {
	tickets, _, err := d.take(ctx)
	t := Took{Wake: func() {
		for _, x := range tickets {
			d.send(ctx, x.Tenant, []ticket{x})
		}
		d.wg.Wait()
	}, GiveBack: func(ctx context.Context, order func(a, b id.DeliveryID) int) error {
		slices.SortFunc(tickets, func(a, b ticket) int { return order(a.Delivery, b.Delivery) })
		return d.giveBack(ctx, 0, tickets...)
	}}
	for _, x := range tickets {
		t.Deliveries, t.Tenants = append(t.Deliveries, x.Delivery), append(t.Tenants, x.Tenant)
	}
	return t, err
}

// Lengthen makes every lane that is known a long one.
func (d *Deliverer) Lengthen() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.lanes {
		l.long, l.full, l.dry = true, false, false
	}
}

// Advance lets every lane that is known go on, as an answer there does.
func (d *Deliverer) Advance(ctx context.Context, tenant id.TenantID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for e := range d.lanes {
		d.advance(ctx, tenant, e)
	}
}

// KeepsWhatWasRead has what was read for a long lane go out however old it is, or not any more.
func (d *Deliverer) KeepsWhatWasRead(yes bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stale = stale; yes {
		d.stale = time.Hour
	}
}

// Bound has a try last no longer than that, and returns the bound that it has otherwise.
func (d *Deliverer) Bound(most time.Duration) (otherwise time.Duration) {
	otherwise, d.bound = d.bound, most
	return otherwise
}

// Precedence is what looks take over long lanes.
type Precedence struct{ precedence }

// NewPrecedence returns one that lasts for so long at most.
func NewPrecedence(most time.Duration) *Precedence { return &Precedence{precedence{most: most}} }

func (p *Precedence) Enter() (out func()) { return p.enter() }
func (p *Precedence) Yield()              { p.yield() }

// LastingPrecedence lets go first what looks take however long that is under way.
func (d *Deliverer) LastingPrecedence() { d.first.most = time.Hour }

// First is how many go first.
func (d *Deliverer) First() int {
	d.first.mu.Lock()
	defer d.first.mu.Unlock()
	return d.first.n
}

// TakesAhead says how many deliveries are taken for the only lane that is known, as for a long one.
func (d *Deliverer) TakesAhead(ctx context.Context) (n int, err error) {
	for e := range d.lanes {
		taken, err := d.takeAhead(ctx, e, maxAhead)
		if err != nil {
			return 0, err
		}
		n += len(taken)
	}
	return n, nil
}

// Refill takes more for the only lane that is known, as for a long one, and returns once what was taken is done with.
func (d *Deliverer) Refill(ctx context.Context, tenant id.TenantID) {
	for e, l := range d.lanes {
		l.long, l.filling = true, true
		d.refill(ctx, tenant, e, maxAhead)
	}
	d.wg.Wait()
}

// MostUnnoted is how many tries of one endpoint can have ended, or be under way, without being noted.
const MostUnnoted, LeastUnnoted = maxUnnoted + fullRoom - 1, maxUnnoted

// Lease is how long a worker that shows no life keeps what it took.
const Lease = lease

// Beat shows that the deliverer lives.
func (d *Deliverer) Beat(ctx context.Context) error { return d.extend(ctx) }

// RecoverPage does one page of a recovery.
func (s *Service) RecoverPage(ctx context.Context, tenant id.TenantID, rid id.RecoveryID) (more bool, err error) {
	err = s.db.InTenant(ctx, db.System(tenant, "recover"), func(tx *db.Tx) (err error) {
		more, err = s.recoverPage(tx, rid)
		return err
	})
	return more, err
}

// CountBy has dry runs count in pages of batch facts, and begin none after most.
func (s *Service) CountBy(batch int, most time.Duration) { s.counting = counting{batch, most} }

// ErrUnsettled says that a recovery waits for a transaction that is older than it.
var ErrUnsettled = errUnsettled

// OnlyWhenWoken makes the deliverer look at the queue when what it does itself gives it a reason, and never by the clock.
func (d *Deliverer) OnlyWhenWoken() { d.woken, d.minPause, d.maxPause = nil, time.Hour, time.Hour }

// Keys is how many endpoints' keys lie open, and Sweep wipes them all.
func (d *Deliverer) Keys() int {
	d.keys.mu.Lock()
	defer d.keys.mu.Unlock()
	return len(d.keys.of)
}

// Sweep wipes the keys that lie open.
func (d *Deliverer) Sweep() { d.keys.sweep(0) }

// Writing says whether tries of a tenant are being written, and how many wait for that.
func (d *Deliverer) Writing(tenant id.TenantID) (yes bool, waiting int) {
	d.settling.mu.Lock()
	defer d.settling.mu.Unlock()
	return d.settling.writing[tenant], len(d.settling.waiting[tenant])
}
