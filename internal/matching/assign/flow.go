package assign

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// Flow is a min-cost flow problem on any graph. Nodes are numbered from 0; arcs may be parallel, and of negative cost.
type Flow struct {
	Supply   []int64 // by node; negative where it is a demand
	From, To []int32 // by arc
	Low      []int64 // by arc: what must flow; nil if nothing must
	Capacity []int64 // by arc: what may flow; Endless has no bound
	Cost     []int64 // by arc, per unit
}

// Endless is the capacity of an arc of a Flow that has none.
const Endless = math.MaxInt64

// Routed is an optimal flow with the prices that prove it: an arc of a reduced cost cost − Price[from] + Price[to] below
// zero is full, and one above zero carries what it must.
type Routed struct {
	Flow      []int64 // by arc
	Price     []int64 // by node
	Objective int64
	Method    string // "augmenting" or "simplex": which way led there
}

// What can be wrong with a Flow.
var (
	ErrInfeasible = errors.New("no flow meets the supplies, bounds and capacities")
	ErrUnbounded  = errors.New("the cost has no lower bound")
)

// Route finds an optimal flow. Graphs that look like assignments (many nodes that send one unit each and receive none,
// towards a small rest) are solved as New solves cohorts; all others by the network simplex method. Which of
// the two follows from the numbers alone, and so does the flow.
func Route(ctx context.Context, f *Flow) (*Routed, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	if a := f.asAssignment(); a != nil {
		// Cohorts need a tenth of this at most; where a graph only looks like one, the other method is faster.
		r, err := a.route(ctx, 1000*int64(len(f.From)+len(f.Supply)))
		if !errors.Is(err, errTooMuchWork) {
			return r, err
		}
	}
	return f.simplex(ctx)
}

func (f *Flow) check() error {
	n, m := len(f.Supply), len(f.From)
	if len(f.To) != m || len(f.Capacity) != m || len(f.Cost) != m || f.Low != nil && len(f.Low) != m {
		return fmt.Errorf("lists of different lengths: %w", ErrOutOfRange)
	}
	if n >= math.MaxInt32/2 || m >= math.MaxInt32-n {
		return fmt.Errorf("%d nodes and %d arcs: %w", n, m, ErrOutOfRange)
	}
	volume := int64(1)
	grow := func(v int64) bool { // sums of magnitudes stay below 2^61
		if v < 0 {
			v = -v
		}
		if v < 0 || v > math.MaxInt64/4-volume {
			return false
		}
		volume += v
		return true
	}
	balance := int64(0)
	for i, s := range f.Supply {
		if !grow(s) {
			return fmt.Errorf("supply of node %d: %w", i, ErrOverflow)
		}
		balance += s
	}
	for i := range f.From {
		if uint32(f.From[i]) >= uint32(n) || uint32(f.To[i]) >= uint32(n) {
			return fmt.Errorf("arc %d joins %d and %d of %d nodes: %w", i, f.From[i], f.To[i], n, ErrOutOfRange)
		}
		low := int64(0)
		if f.Low != nil {
			low = f.Low[i]
		}
		if f.Capacity[i] < low {
			return fmt.Errorf("arc %d must carry %d and may carry %d: %w", i, low, f.Capacity[i], ErrInfeasible)
		}
		if !grow(low) || f.Capacity[i] != Endless && !grow(f.Capacity[i]) {
			return fmt.Errorf("bounds of arc %d: %w", i, ErrOverflow)
		}
		c := f.Cost[i]
		if c < 0 {
			c = -c
		}
		if c < 0 || c > math.MaxInt64/16/int64(n+2) {
			return fmt.Errorf("cost of arc %d: %w", i, ErrOverflow)
		}
	}
	if balance != 0 {
		return fmt.Errorf("supplies and demands differ by %d: %w", balance, ErrInfeasible)
	}
	return nil
}

// finish adds up the cost, without wrapping.
func (f *Flow) finish(r *Routed) (*Routed, error) {
	// In two parts, each of which has room: high·2^31 + low.
	var high, low int64
	for i, x := range r.Flow {
		if x == 0 || f.Cost[i] == 0 {
			continue
		}
		c := f.Cost[i]
		hi, lo := x>>31, x&(1<<31-1)
		a, b := c*hi, c>>31*lo
		if hi != 0 && a/hi != c {
			return nil, fmt.Errorf("objective: %w", ErrOverflow)
		}
		rest := (c & (1<<31 - 1)) * lo
		high += a + b + rest>>31
		low += rest & (1<<31 - 1)
		high += low >> 31
		low &= 1<<31 - 1
		if high > math.MaxInt64/8 || high < -math.MaxInt64/8 {
			return nil, fmt.Errorf("objective: %w", ErrOverflow)
		}
	}
	if high >= 1<<31 || high < -1<<31 {
		return nil, fmt.Errorf("objective: %w", ErrOverflow)
	}
	r.Objective = high<<31 + low
	return r, nil
}

var errTooMuchWork = errors.New("the augmenting way takes too long here")

// rowed is a Flow seen as rows before a network: nodes that send one unit and receive nothing, and the rest.
type rowed struct {
	*Flow
	isRow  []bool
	number []int32 // by node: its row, or its node in the network
	rows   int
	inner  int
}

// asAssignment returns nil where the graph has another shape.
func (f *Flow) asAssignment() *rowed {
	if f.Low != nil {
		return nil
	}
	n := len(f.Supply)
	a := &rowed{Flow: f, isRow: make([]bool, n), number: make([]int32, n)}
	for v, s := range f.Supply {
		switch {
		case s > 1 || s < -Unlimited:
			return nil
		case s == 1:
			a.isRow[v] = true
		}
	}
	largest := int64(1)
	for i := range f.From {
		u, v := f.From[i], f.To[i]
		c := f.Cost[i]
		switch {
		case a.isRow[v]:
			return nil
		case a.isRow[u] && (c > MaxCost || c < -MaxCost):
			return nil
		case !a.isRow[u] && c < 0 && f.Capacity[i] > 0:
			return nil
		}
		largest = max(largest, c, -c)
	}
	if largest > math.MaxInt64/16/int64(n+2) {
		return nil
	}
	for v := range f.Supply {
		if a.isRow[v] {
			a.number[v] = int32(a.rows)
			a.rows++
		} else {
			a.number[v] = int32(a.inner)
			a.inner++
		}
	}
	if a.rows == 0 {
		return nil
	}
	return a
}

// route puts the rows in one by one, and gives up where that looks at more arcs than budget.
func (a *rowed) route(ctx context.Context, budget int64) (*Routed, error) {
	n := newNetwork(a.inner)
	n.wants = make([]int32, a.inner)
	for v, s := range a.Supply {
		if !a.isRow[v] {
			n.wants[a.number[v]] = int32(-s)
		}
	}
	n.rows = make([]row, a.rows)
	for i, u := range a.From {
		if a.isRow[u] && a.Capacity[i] > 0 {
			n.rows[a.number[u]].room++
		}
	}
	at := int32(0)
	for i := range n.rows {
		r := &n.rows[i]
		r.start, r.at, r.home = at, absent, none
		at += r.room
	}
	n.seats = make([]seat, at)
	for i, u := range a.From {
		switch {
		case a.Capacity[i] == 0:
		case a.isRow[u]:
			r := &n.rows[a.number[u]]
			n.seats[r.start+r.count] = seat{a.number[a.To[i]], int32(a.Cost[i])}
			r.count++
		default:
			// More than there are rows never flows.
			n.addArc(a.number[u], a.number[a.To[i]], int32(min(a.Capacity[i], int64(a.rows))), a.Cost[i])
		}
	}
	if err := n.fill(ctx, budget); err != nil {
		return nil, err
	}
	out := &Routed{Flow: make([]int64, len(a.From)), Price: make([]int64, len(a.Supply)), Method: "augmenting"}
	// The same walk again tells which arc is which seat.
	for i := range n.rows {
		n.rows[i].count = 0
	}
	h := int32(1) // the ways back carry the flow
	for i, u := range a.From {
		switch {
		case a.Capacity[i] == 0:
		case a.isRow[u]:
			r := &n.rows[a.number[u]]
			if r.start+r.count == r.at {
				out.Flow[i] = 1
			}
			r.count++
		default:
			out.Flow[i] = int64(n.half[h].left)
			h += 2
		}
	}
	for v := range out.Price {
		if a.isRow[v] {
			out.Price[v] = n.least(a.number[v])
		} else {
			out.Price[v] = n.label[a.number[v]].price
		}
	}
	return a.finish(out)
}

// fill puts in every row of a network whose nodes want a number of units.
func (n *network) fill(ctx context.Context, budget int64) error {
	work := n.scanned
	a := newAim(n)
	for i := range int32(len(n.rows)) {
		a.take(n, none)
		if n.scanned > budget {
			return errTooMuchWork
		}
		if n.scanned-work > 1<<20 || i == 0 {
			work = n.scanned
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		end, _ := n.search(i, none, none, infinite)
		if end == none {
			return ErrInfeasible
		}
		n.send(end, i, none)
		n.wants[end]--
	}
	return nil
}
