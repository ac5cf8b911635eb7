package web

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// waits lets somebody wait for a place, and returns once they stand in line.
func (p *Places) waits(ctx context.Context, t id.TenantID, placed chan<- id.TenantID) <-chan error {
	p.mu.Lock()
	before := len(p.lines[t])
	p.mu.Unlock()
	done := make(chan error, 1)
	go func() {
		err := p.Take(ctx, t)
		if err == nil {
			placed <- t
		}
		done <- err
	}()
	for {
		p.mu.Lock()
		now := len(p.lines[t])
		p.mu.Unlock()
		if now > before {
			return done
		}
		runtime.Gosched()
	}
}

func TestPlaces_OneTenantNeverTakesAll(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p := newPlaces(10) // one is for the house itself, six of nine for a tenant
	a, b := id.NewTenant(), id.NewTenant()
	placed := make(chan id.TenantID, 100)
	for range 6 {
		require.NoError(t, p.Take(ctx, a))
	}
	for range 20 {
		p.waits(ctx, a, placed)
	}
	for range 3 {
		require.NoError(t, p.Take(ctx, b), "there is a place for another, at once")
	}
	require.Empty(t, placed)
	for range 6 { // who leaves makes room for the own tenant
		p.Leave(a)
		require.Equal(t, a, <-placed)
	}
	require.Equal(t, 6, p.held[a])
	require.Zero(t, p.free)
}

func TestPlaces_AreGivenTenantByTenant(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p := newPlaces(10)
	a, b, c, d := id.NewTenant(), id.NewTenant(), id.NewTenant(), id.NewTenant()
	for range 5 {
		require.NoError(t, p.Take(ctx, a))
	}
	for range 4 {
		require.NoError(t, p.Take(ctx, b))
	}
	placed := make(chan id.TenantID, 100)
	for range 50 { // a storm first, and then two who ask for little
		p.waits(ctx, a, placed)
	}
	p.waits(ctx, c, placed)
	p.waits(ctx, d, placed)
	var got []id.TenantID
	for range 3 {
		p.Leave(b)
		got = append(got, <-placed)
	}
	require.Equal(t, []id.TenantID{a, c, d}, got, "fifty that came first are one turn")
	p.Leave(b)
	require.Equal(t, 1, p.free, "and no more than its part")
	require.Equal(t, 6, p.held[a])
}

func TestPlaces_WhoLeavesTheLineTakesNone(t *testing.T) {
	t.Parallel()
	p := newPlaces(2) // one place
	a, b := id.NewTenant(), id.NewTenant()
	require.NoError(t, p.Take(context.Background(), a))
	placed := make(chan id.TenantID, 10)
	ctx, leave := context.WithCancel(context.Background())
	gone := p.waits(ctx, b, placed)
	leave()
	require.True(t, fault.Busy.Is(<-gone))
	p.within = time.Nanosecond
	require.True(t, fault.Busy.Is(p.Take(context.Background(), b)), "nor who waited too long")
	p.Leave(a)
	require.Equal(t, 1, p.free)
	require.Empty(t, p.lines)
	require.Empty(t, p.turns)
	require.Empty(t, p.held)
	require.NoError(t, p.Take(context.Background(), b))
}

func TestPlaces_ALineHasAnEnd(t *testing.T) {
	t.Parallel()
	p := newPlaces(1)
	a := id.NewTenant()
	require.NoError(t, p.Take(context.Background(), a))
	p.lines[a] = make([]*waiter, placeLine)
	require.True(t, fault.Busy.Is(p.Take(context.Background(), a)))
}

func TestPlaces_NothingIsLostUnderLoad(t *testing.T) {
	t.Parallel()
	p := newPlaces(8)
	tenants := []id.TenantID{id.NewTenant(), id.NewTenant(), id.NewTenant(), {}}
	done := make(chan error)
	for i := range 40 {
		go func() {
			var err error
			for n := 0; n < 200 && err == nil; n++ {
				ctx, cancel := context.WithCancel(context.Background())
				if n%7 == 0 {
					cancel()
				}
				if err = p.with(ctx, tenants[(i+n)%4], func() error { return nil }); n%7 == 0 && fault.Busy.Is(err) {
					err = nil
				}
				cancel()
			}
			done <- err
		}()
	}
	for range 40 {
		require.NoError(t, <-done)
	}
	require.Equal(t, 7, p.free)
	require.Empty(t, p.held)
	require.Empty(t, p.lines)
	require.Empty(t, p.turns)
}
