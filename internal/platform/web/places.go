package web

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

const (
	placeWait = 5 * time.Second // for a place; whoever waits longer is told to come back
	placeLine = 1000            // requests of one tenant that wait; memory is bounded
)

// Places are shared among tenants. A tenant takes three quarters at most, so that where there are several one is always for another;
// and who waits is served tenant by tenant, not in the order of arrival.
//
// Those of a server are the connections of the pool, but for a few that are for no caller: what keeps the house going
// (revocations, deliveries, jobs) waits for none. Public doors are one tenant here, the zero one: nobody knows yet whose they are.
// The door that gives tokens is another, so that neither stands in the other's line; who brought the right secret stands in that of its
// tenant, see InPlace.
type Places struct {
	most int // of one tenant

	mu     sync.Mutex
	free   int
	held   map[id.TenantID]int
	lines  map[id.TenantID][]*waiter
	turns  []id.TenantID // those with a line, the next one first
	within time.Duration
}

// tokenDoor is whose places are those of requests for a token that nobody knows yet.
var tokenDoor = id.TenantID{15: 1}

// InPlace runs fn once there is a place for the tenant, or, for the zero one, among those whose tenant is not known yet. It is
// for doors that are ByToken: they hold none until they ask.
func InPlace(ctx context.Context, t id.TenantID, fn func() error) error {
	r := RequestOf(ctx)
	if r.server == nil { // nobody came through a door
		return fn()
	}
	if t.IsZero() {
		t = tokenDoor
	}
	return r.server.places.with(ctx, t, fn)
}

type waiter struct {
	placed chan struct{}
	has    bool // under places.mu
}

// newPlaces are those of a server with so many connections.
func newPlaces(conns int) *Places { return NewPlaces(max(1, conns-max(1, conns/8)), placeWait) }

// NewPlaces makes n places, 1 or more. Whoever waits longer than within is told to come back.
func NewPlaces(n int, within time.Duration) *Places {
	return &Places{most: max(1, n*3/4), free: n, within: within, held: map[id.TenantID]int{}, lines: map[id.TenantID][]*waiter{}}
}

// with runs f once there is a place for the tenant.
func (p *Places) with(ctx context.Context, t id.TenantID, f func() error) error {
	if err := p.Take(ctx, t); err != nil {
		return err
	}
	defer p.Leave(t)
	return f()
}

// Take waits for a place of a tenant, until Leave. It fails with fault.Busy when that takes too long, or when the caller has left.
func (p *Places) Take(ctx context.Context, t id.TenantID) error {
	p.mu.Lock()
	if p.free > 0 && p.held[t] < p.most { // then nobody else waits who may have it
		p.give(t)
		p.mu.Unlock()
		return nil
	}
	if len(p.lines[t]) >= placeLine {
		p.mu.Unlock()
		return fault.Busy.New().After(time.Second)
	}
	w := &waiter{placed: make(chan struct{})}
	if len(p.lines[t]) == 0 {
		p.turns = append(p.turns, t)
	}
	p.lines[t] = append(p.lines[t], w)
	p.mu.Unlock()

	late := time.NewTimer(p.within)
	defer late.Stop()
	select {
	case <-w.placed:
		return nil
	case <-ctx.Done():
	case <-late.C:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.has { // at the same moment
		return nil
	}
	p.line(t, slices.DeleteFunc(p.lines[t], func(o *waiter) bool { return o == w }))
	return fault.Busy.New().After(time.Second)
}

// Leave gives a place of a tenant back, to who is next.
func (p *Places) Leave(t id.TenantID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free++
	if p.held[t]--; p.held[t] == 0 {
		delete(p.held, t)
	}
	for i := 0; p.free > 0 && i < len(p.turns); {
		next := p.turns[i]
		if p.held[next] >= p.most {
			i++
			continue
		}
		w := p.lines[next][0]
		p.line(next, p.lines[next][1:])
		if len(p.lines[next]) > 0 { // to the end of the turns
			p.turns = append(slices.Delete(p.turns, i, i+1), next)
		}
		p.give(next)
		w.has = true
		close(w.placed)
	}
}

// line sets who of a tenant waits; without anybody the tenant has no turn.
func (p *Places) line(t id.TenantID, ws []*waiter) {
	if len(ws) > 0 {
		p.lines[t] = ws
		return
	}
	delete(p.lines, t)
	p.turns = slices.DeleteFunc(p.turns, func(o id.TenantID) bool { return o == t })
}

func (p *Places) give(t id.TenantID) {
	p.free--
	p.held[t]++
}
