package assign

import (
	"context"
	"fmt"
	"math"
)

// tree is the spanning tree of the network simplex method, with an artificial root that every node is joined to by an
// artificial arc at first. It stays strongly feasible: from every node a little more can flow to the root,
// which is why degenerate pivots cannot go on for ever (Cunningham 1976).
type tree struct {
	from, to []int32 // by arc, the artificial ones last
	cost     []int64
	capacity []int64
	flow     []int64
	state    []int8 // +1: at its lower bound, −1: at its capacity, 0: in the tree

	parent, arc       []int32 // by node: its parent, and the arc to it
	thread, rev, last []int32 // the nodes in preorder, round and back, and the last one of each node's subtree
	up                []bool  // the arc leads to the parent
	size              []int32 // of the subtree
	price             []int64 // reduced cost: cost − price[from] + price[to]
}

func (f *Flow) simplex(ctx context.Context) (*Routed, error) {
	n, m := len(f.Supply), len(f.From)
	root := int32(n)
	t := &tree{
		from: make([]int32, m+n), to: make([]int32, m+n), cost: make([]int64, m+n), capacity: make([]int64, m+n), flow: make([]int64, m+n), state: make([]int8, m+n),
		parent: make([]int32, n+1), arc: make([]int32, n+1), up: make([]bool, n+1), thread: make([]int32, n+1), rev: make([]int32, n+1), last: make([]int32, n+1),
		size: make([]int32, n+1), price: make([]int64, n+1),
	}
	supply := make([]int64, n)
	copy(supply, f.Supply)
	copy(t.from, f.From)
	copy(t.to, f.To)
	copy(t.cost, f.Cost)
	dear := int64(1)
	for i := range m {
		t.capacity[i], t.state[i] = f.Capacity[i], 1
		if f.Low != nil {
			low := f.Low[i]
			supply[f.From[i]] -= low
			supply[f.To[i]] += low
			if f.Capacity[i] != Endless {
				t.capacity[i] -= low
			}
		}
		dear = max(dear, f.Cost[i]+1, 1-f.Cost[i])
	}
	dear *= int64(n + 1) // more than any way through the graph
	t.parent[root], t.arc[root], t.size[root], t.last[root] = none, none, int32(n+1), max(root-1, 0)
	t.thread[root], t.rev[0] = 0, root
	for v := range root {
		e := int32(m) + v
		t.parent[v], t.size[v], t.arc[v], t.last[v] = root, 1, e, v
		t.thread[v], t.rev[v+1] = v+1, v
		t.capacity[e], t.cost[e] = Endless, dear
		if supply[v] >= 0 {
			t.from[e], t.to[e], t.flow[e], t.up[v], t.price[v] = v, root, supply[v], true, dear
		} else {
			t.from[e], t.to[e], t.flow[e], t.price[v] = root, v, -supply[v], -dear
		}
	}
	if err := t.pivots(ctx, m); err != nil {
		return nil, err
	}
	for e := m; e < m+n; e++ {
		if t.flow[e] != 0 {
			return nil, ErrInfeasible
		}
	}
	out := &Routed{Flow: t.flow[:m], Price: t.price[:n], Method: "simplex"}
	if f.Low != nil {
		for i := range out.Flow {
			out.Flow[i] += f.Low[i]
		}
	}
	return f.finish(out)
}

// pivots brings arcs in until none would save. It looks at a block of arcs at a time and takes the best of the block.
func (t *tree) pivots(ctx context.Context, m int) error {
	block := max(int(math.Sqrt(float64(m))), 10)
	at := 0
	from, to, cost, state, price := t.from[:m], t.to[:m], t.cost[:m], t.state[:m], t.price
	for turn := 1; ; turn++ {
		if turn%4096 == 1 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		best, in := int64(0), -1
		for seen := 0; seen < m; {
			end := min(at+block, m)
			for e := at; e < end; e++ {
				if r := int64(state[e]) * (cost[e] - price[from[e]] + price[to[e]]); r < best {
					best, in = r, e
				}
			}
			seen += end - at
			at = end
			if at == m {
				at = 0
			}
			if in >= 0 {
				break
			}
		}
		if in < 0 {
			return nil
		}
		if err := t.pivot(int32(in)); err != nil {
			return err
		}
	}
}

// pivot pushes as much as it can around the cycle that arc in closes, and exchanges it for the arc that blocks.
func (t *tree) pivot(in int32) error {
	// Flow goes first → second over the arc, and back through the tree.
	first, second := t.from[in], t.to[in]
	if t.state[in] < 0 {
		first, second = second, first
	}
	u, v := first, second
	for u != v {
		if t.size[u] < t.size[v] {
			u = t.parent[u]
		} else {
			v = t.parent[v]
		}
	}
	top := u
	delta := t.capacity[in]
	out, side := none, 0 // side: 0 the arc itself, 1 below first, 2 below second
	for u := first; u != top; u = t.parent[u] {
		e := t.arc[u]
		room := t.flow[e]
		if !t.up[u] {
			room = t.room(e)
		}
		if room < delta {
			delta, out, side = room, u, 1
		}
	}
	for u := second; u != top; u = t.parent[u] {
		e := t.arc[u]
		room := t.flow[e]
		if t.up[u] {
			room = t.room(e)
		}
		if room <= delta && room != Endless {
			delta, out, side = room, u, 2
		}
	}
	if delta == Endless {
		return fmt.Errorf("arc %d closes a cycle without a bound: %w", in, ErrUnbounded)
	}
	if delta > 0 {
		t.flow[in] += int64(t.state[in]) * delta
		for u := first; u != top; u = t.parent[u] {
			if t.up[u] {
				t.flow[t.arc[u]] -= delta
			} else {
				t.flow[t.arc[u]] += delta
			}
		}
		for u := second; u != top; u = t.parent[u] {
			if t.up[u] {
				t.flow[t.arc[u]] += delta
			} else {
				t.flow[t.arc[u]] -= delta
			}
		}
	}
	if side == 0 {
		t.state[in] = -t.state[in]
		return nil
	}
	if e := t.arc[out]; t.flow[e] == 0 {
		t.state[e] = 1
	} else {
		t.state[e] = -1
	}
	t.state[in] = 0
	moving, staying := first, second
	if side == 2 {
		moving, staying = second, first
	}
	// A tree arc costs nothing, price included, so the prices on one side of it move.
	by := t.cost[in] - t.price[t.from[in]] + t.price[t.to[in]]
	if t.to[in] == moving {
		by = -by
	}
	t.hang(in, moving, staying, out, top)
	t.shift(moving, by)
	return nil
}

func (t *tree) room(e int32) int64 {
	if t.capacity[e] == Endless {
		return Endless
	}
	return t.capacity[e] - t.flow[e]
}

// hang cuts the subtree below out off, and hangs it up again by arc in, from moving to staying. top is above both.
func (t *tree) hang(in, moving, staying, out, top int32) {
	thread, rev, last := t.thread, t.rev, t.last
	moved, old := t.size[out], t.parent[out]
	// Out of the preorder.
	before, end := rev[out], last[out]
	after := thread[end]
	thread[before], rev[after] = after, before
	for x := old; x >= 0 && last[x] == end; x = t.parent[x] {
		last[x] = before
	}
	for x := old; x != top; x = t.parent[x] {
		t.size[x] -= moved
	}
	// The way from moving up to out turns round: each node on it now comes after the one that was below it, with what is
	// left of its subtree, the part before that node and the part behind it.
	tail := last[moving]
	behind := thread[tail] // what came behind the subtree of v
	v, p, arc, up := moving, staying, in, t.from[in] == moving
	first := rev[moving] // the end of the part before v
	end = tail           // the last of v's subtree
	below := int32(0)
	for {
		above, arcAbove, upAbove, size := t.parent[v], t.arc[v], t.up[v], t.size[v]
		t.parent[v], t.arc[v], t.up[v] = p, arc, up
		t.size[v] = moved - below
		below = size
		if v == out {
			break
		}
		firstAbove, endAbove := rev[above], last[above]
		thread[tail], rev[above] = above, tail
		tail = first
		if endAbove != end {
			thread[tail], rev[behind] = behind, tail
			tail = endAbove
			behind = thread[endAbove]
		}
		first, end = firstAbove, endAbove
		v, p, arc, up = above, v, arcAbove, !upAbove
	}
	for x := out; x != staying; x = t.parent[x] { // every node on the way reaches to the end now
		last[x] = tail
	}
	// Into the preorder again, behind staying.
	next := thread[staying]
	thread[staying], rev[moving] = moving, staying
	thread[tail], rev[next] = next, tail
	if last[staying] == staying {
		for x := staying; x >= 0 && last[x] == staying; x = t.parent[x] {
			last[x] = tail
		}
	}
	for x := staying; x != top; x = t.parent[x] {
		t.size[x] += moved
	}
}

// shift adds to the prices of a subtree, or takes it from all others where they are fewer: only differences matter.
func (t *tree) shift(v int32, by int64) {
	thread, price := t.thread, t.price
	beyond := thread[t.last[v]]
	if 2*int(t.size[v]) <= len(price) {
		for x := v; ; x = thread[x] {
			price[x] += by
			if thread[x] == beyond {
				return
			}
		}
	}
	for x := beyond; x != v; x = thread[x] {
		price[x] -= by
	}
}
