package certify

import (
	"fmt"
	"math"
	"math/big"
)

// Endless is the capacity of an arc that has none.
const Endless = math.MaxInt64

// Network is a min-cost flow problem with a claimed flow and the prices that should prove it optimal. Lists are by node
// (Supply, Price) or by arc; Low may be nil.
type Network struct {
	Supply, Price             []int64
	From, To                  []int32
	Low, Capacity, Cost, Flow []int64
	Objective                 int64
}

// Check proves that the flow keeps bounds and supplies, costs what it says, and that nothing cheaper exists: an arc whose
// cost is below the difference in price between its ends is full, one above it carries no more than it must
// (complementary slackness). Otherwise the error says which arc or node is wrong. It takes time in proportion to the arcs.
func (n *Network) Check() (Certificate, error) {
	arcs := len(n.From)
	for _, list := range []int{len(n.To), len(n.Capacity), len(n.Cost), len(n.Flow)} {
		if list != arcs {
			return Certificate{}, ErrShape
		}
	}
	if len(n.Price) != len(n.Supply) || n.Low != nil && len(n.Low) != arcs {
		return Certificate{}, ErrShape
	}
	const most = math.MaxInt64 / 8
	for v, p := range n.Price {
		if p > most || p < -most {
			return Certificate{}, fmt.Errorf("price of node %d: %w", v, ErrOverflow)
		}
	}
	rest := make([]int64, len(n.Supply))
	copy(rest, n.Supply)
	// The cost is summed in 64 bits, and handed on before that could be too few.
	var sum, part total
	whole := new(big.Int)
	for e := range n.From {
		u, v, flow, low := n.From[e], n.To[e], n.Flow[e], int64(0)
		if uint(u) >= uint(len(rest)) || uint(v) >= uint(len(rest)) {
			return Certificate{}, fmt.Errorf("arc %d: %w", e, ErrShape)
		}
		if n.Low != nil {
			low = n.Low[e]
		}
		if flow < low || flow > n.Capacity[e] {
			return Certificate{}, fmt.Errorf("arc %d carries %d, not within %d and %d: %w", e, flow, low, n.Capacity[e], ErrInfeasible)
		}
		if c := n.Cost[e]; c > most || c < -most {
			return Certificate{}, fmt.Errorf("cost of arc %d: %w", e, ErrOverflow)
		}
		reduced := n.Cost[e] - n.Price[u] + n.Price[v]
		switch {
		case reduced < 0 && (flow < n.Capacity[e] || n.Capacity[e] == Endless):
			return Certificate{}, fmt.Errorf("arc %d has room and would save %d a unit: %w", e, -reduced, ErrNotOptimal)
		case reduced > 0 && flow > low:
			return Certificate{}, fmt.Errorf("arc %d carries %d and would save %d a unit: %w", e, flow, reduced, ErrNotOptimal)
		}
		if flow == 0 {
			continue
		}
		out := total{sum: rest[u]}
		out.add(-flow)
		rest[u] = out.sum
		in := total{sum: rest[v]}
		in.add(flow)
		rest[v] = in.sum
		if out.bad || in.bad || flow == math.MinInt64 {
			return Certificate{}, fmt.Errorf("arc %d: %w", e, ErrOverflow)
		}
		before := sum
		if part = (total{}); flow > 0 {
			part.times64(flow, n.Cost[e])
		} else {
			part.times64(-flow, -n.Cost[e])
		}
		if sum.add(part.sum); sum.bad || part.bad {
			whole.Add(whole, big.NewInt(before.sum))
			whole.Add(whole, new(big.Int).Mul(big.NewInt(flow), big.NewInt(n.Cost[e])))
			sum = total{}
		}
	}
	for v, x := range rest {
		if x != 0 {
			return Certificate{}, fmt.Errorf("node %d keeps %d: %w", v, x, ErrInfeasible)
		}
	}
	if whole.Add(whole, big.NewInt(sum.sum)); whole.Cmp(big.NewInt(n.Objective)) != 0 {
		return Certificate{}, fmt.Errorf("%d is claimed, the flow costs %s: %w", n.Objective, whole, ErrObjective)
	}
	return Certificate{Objective: n.Objective, Pairs: int64(arcs)}, nil
}
