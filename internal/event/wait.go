package event

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

const (
	// How many readers may wait at once: of one client, of one tenant, and in this process.
	maxClientWaiters, maxTenantWaiters, maxWaiters = 10, 500, 5000
	// lookEvery is how often facts of other processes are looked for, and those that an older transaction holds back;
	// facts of this process are looked for at once, but not more often than lookGap.
	lookEvery, lookGap = 200 * time.Millisecond, 10 * time.Millisecond
	// lookers is how many tenants are looked at side by side, since row-level security keeps a statement to one; and lookFor bounds a
	// look at all of them, so that a slow one does not hold up the others for long: those that were not reached are asked next time.
	lookers, lookFor = 4, 2 * time.Second
)

// waiters are those in this process who wait for facts. They hold nothing but their place here: one goroutine looks for all
// of them while there are any, and has the database asked once for each of their tenants, only when the horizon has moved.
type waiters struct {
	// look says of tenants whether there are facts between a place and the horizon. Those of which the database did not say it are
	// left out.
	look func(ctx context.Context, tenants map[id.TenantID]int64) (moved map[id.TenantID]bool, horizon int64)

	mu      sync.Mutex
	all     map[*waiter]bool
	clients map[id.ClientID]int
	tenants map[id.TenantID]int
	looking bool // there is the goroutine, which ends once it finds nobody
}

// waiter is one reader. moved is told once there may be facts beyond after.
type waiter struct {
	tenant id.TenantID
	client id.ClientID
	after  int64
	moved  chan struct{}
}

// enter takes a place, or refuses with fault.TooManyRequests. leave gives it back.
func (w *waiters) enter(tenant id.TenantID, client id.ClientID, after int64) (me *waiter, leave func(), err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.clients[client] >= maxClientWaiters || w.tenants[tenant] >= maxTenantWaiters || len(w.all) >= maxWaiters {
		return nil, nil, fault.TooManyRequests.With("seconds", "1").After(time.Second)
	}
	if w.all == nil {
		w.all, w.clients, w.tenants = map[*waiter]bool{}, map[id.ClientID]int{}, map[id.TenantID]int{}
	}
	me = &waiter{tenant, client, after, make(chan struct{}, 1)}
	if !w.looking {
		w.looking = true
		go w.run()
	}
	w.all[me] = true
	w.clients[client]++
	w.tenants[tenant]++
	return me, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.all, me)
		if w.clients[client]--; w.clients[client] == 0 {
			delete(w.clients, client)
		}
		if w.tenants[tenant]--; w.tenants[tenant] == 0 {
			delete(w.tenants, tenant)
		}
	}, nil
}

// Waiting is how many readers wait for facts in this process.
func (s *Service) Waiting() int {
	s.waiters.mu.Lock()
	defer s.waiters.mu.Unlock()
	return len(s.waiters.all)
}

// saw says up to where a waiter has read.
func (w *waiters) saw(me *waiter, after int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	me.after = after
}

// run looks for facts until nobody waits any more. What it does not find because the database is away, the next look
// finds.
func (w *waiters) run() {
	committed := make(chan id.TenantID, 1024)
	defer fact.Watch(committed)()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	gap := time.NewTimer(0)
	defer gap.Stop()
	for {
		mine := map[id.TenantID]bool{} // that committed here; nil is all
		select {
		case <-tick.C:
			mine = nil
		case t := <-committed:
			mine[t] = true
			<-gap.C
			gap.Reset(lookGap)
			for more := true; more; {
				select {
				case t := <-committed:
					mine[t] = true
				default:
					more = false
				}
			}
		}
		from, end := w.places(mine)
		if end {
			return
		}
		if len(from) == 0 {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), lookFor)
		moved, horizon := w.look(ctx, from)
		cancel()
		w.tell(from, moved, horizon)
	}
}

// places are from where the tenants of those who wait have to be looked at, and whether nobody waits any more.
func (w *waiters) places(only map[id.TenantID]bool) (from map[id.TenantID]int64, end bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.all) == 0 {
		w.looking = false
		return nil, true
	}
	from = map[id.TenantID]int64{}
	for x := range w.all {
		if at, known := from[x.tenant]; (only == nil || only[x.tenant]) && (!known || x.after < at) {
			from[x.tenant] = x.after
		}
	}
	return from, false
}

// tell wakes those whose tenant has new facts; the others know that there are none up to the horizon.
func (w *waiters) tell(from map[id.TenantID]int64, moved map[id.TenantID]bool, horizon int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for x := range w.all {
		found, looked := moved[x.tenant]
		switch {
		case !looked || x.after < from[x.tenant]: // came, or was moved back, since
		case found:
			select {
			case x.moved <- struct{}{}:
			default:
			}
		default:
			x.after = max(x.after, horizon-1)
		}
	}
}

// look says of tenants whether they have facts between a place and the horizon, which it returns too. One of which the database
// does not say it takes nothing from the others: the next look asks again.
func (s *Service) look(ctx context.Context, from map[id.TenantID]int64) (map[id.TenantID]bool, int64) {
	var (
		horizon int64
		mu      sync.Mutex
		wg      sync.WaitGroup
		turns   = make(chan struct{}, lookers)
		moved   = map[id.TenantID]bool{}
	)
	err := s.db.Platform(ctx, "how far the feed may be read", func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `select platform.horizon()`).Scan(&horizon)
	})
	if err != nil {
		return nil, 0
	}
	for tenant, after := range from {
		if after >= horizon-1 {
			mu.Lock()
			moved[tenant] = false
			mu.Unlock()
			continue
		}
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			var found bool
			err := s.db.Single(ctx, db.System(tenant, "feed"), func(tx *db.Tx) error {
				return tx.Select(&found, `select exists (select from events where tenant_id = ? and pos > ? and pos < ?)`, tx.Scope.Tenant, after, horizon)
			})
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				moved[tenant] = found
			}
		})
	}
	wg.Wait()
	return moved, horizon
}
