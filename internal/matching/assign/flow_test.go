package assign_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/matching/assign"
	"github.com/switchingtalent/switchboard/internal/matching/assign/certify"
)

// network is what certify is told of a flow.
func network(f *assign.Flow, r *assign.Routed) *certify.Network {
	return &certify.Network{Supply: f.Supply, Price: r.Price, From: f.From, To: f.To, Low: f.Low, Capacity: f.Capacity, Cost: f.Cost, Flow: r.Flow, Objective: r.Objective}
}

// cancelling solves a flow by cancelling negative cycles that Bellman and Ford's method finds, from any feasible flow: slow, and
// written without a look at the solver.
func cancelling(f *assign.Flow) (cost int64, ok bool) {
	n := len(f.Supply)
	type arc struct {
		u, v int
		left int64
		cost int64
	}
	var arcs []arc // e and e^1 are each other's way back
	add := func(u, v int, capacity, cost int64) {
		arcs = append(arcs, arc{u, v, capacity, cost}, arc{v, u, 0, -cost})
	}
	balance := append([]int64(nil), f.Supply...)
	for i := range f.From {
		low := int64(0)
		if f.Low != nil {
			low = f.Low[i]
		}
		balance[f.From[i]] -= low
		balance[f.To[i]] += low
		cost += low * f.Cost[i]
		add(int(f.From[i]), int(f.To[i]), f.Capacity[i]-low, f.Cost[i])
	}
	// Supplies go by a node of their own at a cost that nothing else reaches.
	const dear = 1 << 40
	for v, b := range balance {
		if b > 0 {
			arcs = append(arcs, arc{n, v, b, -dear}, arc{v, n, 0, dear})
		}
		if b < 0 {
			arcs = append(arcs, arc{v, n, -b, -dear}, arc{n, v, 0, dear})
		}
	}
	var sent int64
	for {
		dist, by := make([]int64, n+1), make([]int, n+1)
		for v := range by {
			by[v] = -1
		}
		last := -1
		for range n + 2 {
			last = -1
			for e, a := range arcs {
				if a.left > 0 && dist[a.u]+a.cost < dist[a.v] {
					dist[a.v], by[a.v], last = dist[a.u]+a.cost, e, a.v
				}
			}
			if last < 0 {
				break
			}
		}
		if last < 0 {
			break
		}
		for range n + 1 {
			last = arcs[by[last]].u
		}
		push, v := int64(1)<<60, last
		for {
			push = min(push, arcs[by[v]].left)
			if v = arcs[by[v]].u; v == last {
				break
			}
		}
		for {
			e := by[v]
			arcs[e].left -= push
			arcs[e^1].left += push
			cost += push * arcs[e].cost
			if v = arcs[e].u; v == last {
				break
			}
		}
	}
	for _, b := range balance {
		if b > 0 {
			sent += b
		}
		if b < 0 {
			sent -= b
		}
	}
	cost += sent * dear
	return cost, cost < dear/2
}

// anyFlow draws a small flow of any shape.
func anyFlow(r *rand.Rand) *assign.Flow {
	n := 1 + r.IntN(8)
	f := &assign.Flow{Supply: make([]int64, n)}
	for range r.IntN(4) {
		u, v, x := r.IntN(n), r.IntN(n), int64(r.IntN(8))
		f.Supply[u] += x
		f.Supply[v] -= x
	}
	if r.IntN(2) == 0 {
		f.Low = []int64{}
	}
	for range r.IntN(30) {
		c := int64(r.IntN(9))
		low := int64(0)
		if f.Low != nil {
			low = int64(max(0, r.IntN(12)-8))
			f.Low = append(f.Low, low)
		}
		f.From, f.To = append(f.From, int32(r.IntN(n))), append(f.To, int32(r.IntN(n)))
		f.Capacity, f.Cost = append(f.Capacity, c+low), append(f.Cost, int64(r.IntN(30)-8))
	}
	return f
}

func TestRoute_IsWhatCancellingCyclesFinds(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(13, 14))
	solved, infeasible := 0, 0
	for range 1500 {
		f := anyFlow(r)
		want, ok := cancelling(f)
		got, err := assign.Route(context.Background(), f)
		if !ok {
			infeasible++
			require.ErrorIs(t, err, assign.ErrInfeasible)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, want, got.Objective)
		_, err = network(f, got).Check()
		require.NoError(t, err)
		solved++
	}
	require.Greater(t, solved, 300)
	require.Greater(t, infeasible, 30)
}

// rowFlow draws a flow that looks like an assignment.
func rowFlow(r *rand.Rand) *assign.Flow {
	rows, inner := 1+r.IntN(8), 2+r.IntN(6)
	f := &assign.Flow{Supply: make([]int64, rows+inner)}
	arc := func(u, v int, capacity, cost int64) {
		f.From, f.To, f.Capacity, f.Cost = append(f.From, int32(u)), append(f.To, int32(v)), append(f.Capacity, capacity), append(f.Cost, cost)
	}
	for i := range rows {
		f.Supply[i] = 1
		f.Supply[rows+r.IntN(inner)]--
		for range r.IntN(6) {
			arc(i, rows+r.IntN(inner), int64(r.IntN(3)), int64(r.IntN(40)-10))
		}
	}
	for range r.IntN(20) {
		arc(rows+r.IntN(inner), rows+r.IntN(inner), int64(r.IntN(4)), int64(r.IntN(20)))
	}
	return f
}

func TestRoute_OfAnAssignmentIsWhatCancellingCyclesFinds(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(15, 16))
	solved, infeasible := 0, 0
	for range 1500 {
		f := rowFlow(r)
		want, ok := cancelling(f)
		got, err := assign.Route(context.Background(), f)
		if !ok {
			infeasible++
			require.ErrorIs(t, err, assign.ErrInfeasible)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, "augmenting", got.Method)
		require.Equal(t, want, got.Objective)
		_, err = network(f, got).Check()
		require.NoError(t, err)
		solved++
	}
	require.Greater(t, solved, 150)
	require.Greater(t, infeasible, 30)
}

func TestRoute_RefusesWhatItCannotSolve(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		flow assign.Flow
		want error
	}{
		"supplies that do not balance": {assign.Flow{Supply: []int64{2, -1}}, assign.ErrInfeasible},
		"no way":                       {assign.Flow{Supply: []int64{1, -1}}, assign.ErrInfeasible},
		"a bound above the capacity":   {assign.Flow{Supply: []int64{0, 0}, From: []int32{0}, To: []int32{1}, Low: []int64{2}, Capacity: []int64{1}, Cost: []int64{0}}, assign.ErrInfeasible},
		"an endless negative cycle":    {assign.Flow{Supply: []int64{0, 0}, From: []int32{0, 1}, To: []int32{1, 0}, Capacity: []int64{assign.Endless, assign.Endless}, Cost: []int64{-2, 1}}, assign.ErrUnbounded},
		"costs that overflow":          {assign.Flow{Supply: []int64{0, 0}, From: []int32{0}, To: []int32{1}, Capacity: []int64{1}, Cost: []int64{1 << 62}}, assign.ErrOverflow},
		"an objective that overflows":  {assign.Flow{Supply: []int64{1 << 40, -1 << 40}, From: []int32{0}, To: []int32{1}, Capacity: []int64{1 << 40}, Cost: []int64{1 << 40}}, assign.ErrOverflow},
		"supplies that overflow":       {assign.Flow{Supply: []int64{1 << 62, -1 << 62}}, assign.ErrOverflow},
		"nodes that are none":          {assign.Flow{Supply: []int64{0}, From: []int32{0}, To: []int32{1}, Capacity: []int64{1}, Cost: []int64{1}}, assign.ErrOutOfRange},
		"lists of two lengths":         {assign.Flow{Supply: []int64{0}, From: []int32{0}}, assign.ErrOutOfRange},
	} {
		_, err := assign.Route(context.Background(), &x.flow)
		require.ErrorIs(t, err, x.want, name)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := assign.Route(ctx, &assign.Flow{Supply: []int64{0}})
	require.True(t, err == nil || errors.Is(err, context.Canceled), "nothing to do is done at once")
}
