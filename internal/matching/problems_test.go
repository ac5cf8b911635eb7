package matching

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// One tenant's runs make room for its own next ones first, and for others' when they take most.
func TestProblems_AreFairToTenants(t *testing.T) {
	t.Parallel()
	busy, quiet := uuid.UUID{1}, uuid.UUID{2}
	ps := &problems{most: 100}
	hold := func(tenant uuid.UUID, run byte, bytes int) *explained {
		e := ps.get(tenant, id.MatchingRunID(uuid.UUID{15: run}))
		ps.weigh(e, bytes)
		return e
	}
	held := func(e *explained) bool {
		for _, o := range ps.last {
			if o == e {
				return true
			}
		}
		return false
	}
	one := hold(quiet, 1, 20)
	var all []*explained
	for run := range byte(7) {
		all = append(all, hold(busy, run, 10))
	}
	require.True(t, held(one))
	require.Len(t, ps.last, 1+maxOfTenant)
	require.False(t, held(all[2]))
	require.Same(t, all[3], ps.get(busy, all[3].run), "it is held")
	large := hold(busy, 8, 60)
	require.Equal(t, []bool{true, true, true, false}, []bool{held(one), held(large), held(all[3]), held(all[4])}, "the busy tenant's own went, the oldest first")
	whole := hold(quiet, 2, 100)
	require.Equal(t, []*explained{whole}, ps.last)
}
