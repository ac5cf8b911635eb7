package event

import (
	"context"
	"fmt"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// loops counts the goroutines of one set of waiters: those that were started by its test.
func loops(t *testing.T, w *waiters) int {
	t.Helper()
	var b strings.Builder
	require.NoError(t, pprof.Lookup("goroutine").WriteTo(&b, 2))
	n := 0
	for stack := range strings.SplitSeq(b.String(), "\n\n") {
		if strings.Contains(stack, fmt.Sprintf("event.(*waiters).run(%p", w)) {
			n++
		}
	}
	return n
}

// A reader that comes back at once is the usual one: it must not leave a goroutine behind each time.
func TestWaiters_OneGoroutineLooksForAll(t *testing.T) {
	t.Parallel()
	w := &waiters{look: func(context.Context, map[id.TenantID]int64) (map[id.TenantID]bool, int64) { return nil, 0 }}
	tenant, client := id.NewTenant(), id.NewClient()
	for range 200 {
		_, leave, err := w.enter(tenant, client, 0)
		require.NoError(t, err)
		leave()
	}
	_, leave, err := w.enter(tenant, client, 0)
	require.NoError(t, err)
	defer leave()
	require.LessOrEqual(t, loops(t, w), 1)
}

// A tenant with many clients takes no more than its part of the places: another's readers still wait.
func TestWaiters_OfOneTenantLeavePlacesForOthers(t *testing.T) {
	t.Parallel()
	w := &waiters{look: func(context.Context, map[id.TenantID]int64) (map[id.TenantID]bool, int64) { return nil, 0 }}
	busy, quiet := id.NewTenant(), id.NewTenant()
	var leaving []func()
	for range maxTenantWaiters / maxClientWaiters {
		client := id.NewClient()
		for range maxClientWaiters {
			_, leave, err := w.enter(busy, client, 0)
			require.NoError(t, err)
			leaving = append(leaving, leave)
		}
	}
	_, _, err := w.enter(busy, id.NewClient(), 0)
	require.True(t, fault.TooManyRequests.Is(err), "%v", err)
	_, leave, err := w.enter(quiet, id.NewClient(), 0)
	require.NoError(t, err)
	leave()
	leaving[0]()
	_, leave, err = w.enter(busy, id.NewClient(), 0)
	require.NoError(t, err, "who leaves makes room")
	leave()
	for _, leave := range leaving[1:] {
		leave()
	}
	require.Empty(t, w.tenants)
	require.Empty(t, w.clients)
}
