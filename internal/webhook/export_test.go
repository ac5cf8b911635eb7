package webhook

import (
	"context"
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
}

// Freeze takes what is due and stops there, as a worker does that is killed or loses its processor.
func (d *Deliverer) Freeze(ctx context.Context) (Took, error) {
	tickets, _, err := d.take(ctx)
	t := Took{Wake: func() {
		for _, x := range tickets {
			d.send(ctx, x.Tenant, []ticket{x})
		}
		d.wg.Wait()
	}}
	for _, x := range tickets {
		t.Deliveries, t.Tenants = append(t.Deliveries, x.Delivery), append(t.Tenants, x.Tenant)
	}
	return t, err
}

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
