package assign

import "math"

// network is the residual network. Rows are the leervragen: each sends one unit and nothing flows into it, so that a
// row needs no node of its own: it sits at one node, and its potential follows from where it sits. The other nodes
// (places, coaches, organisations, the sink) are joined by ordinary arcs.
//
// The invariant that every operation ends with: for every arc u→v with capacity left, cost − price[u] + price[v] ≥ 0,
// and every row sits where cost + price is least. A flow with such prices is optimal.
type network struct {
	label     []label // by node
	out       []int32 // by node: the first half-arc of those that lead on, or none
	in        []int32 // by node: the first of the ways back, or none
	occ       []int32 // by node: the first row that sits there, or none
	half      []half  // 2e is arc e, 2e+1 the way back
	rows      []row
	seats     []seat  // the arcs of the rows, each row's together and in the order of its nodes
	wants     []int32 // by node: units that it still takes; nil where there is one sink
	unmatched int64   // what a row pays on the arc to its home

	// The search that runs: how far the best end so far is, which it is, how far the present node, and what is looked for.
	best, here  int64
	end, target int32
	// What a search leaves behind for the next, so that it need not be allocated.
	via     []via
	queue   queue
	stack   []int32
	touched []int32
	frozen  bool  // a search only asks: it leaves the prices as they are
	scanned int64 // arcs looked at: the measure of work
}

const (
	none     = int32(-1)
	absent   = int32(-2) // row.at: the row is not in the network
	infinite = int64(math.MaxInt64 / 4)
)

// label holds what a search needs most, side by side for the cache's sake.
type label struct {
	price int64
	dist  int64 // infinite between searches
}

type half struct {
	head, next, left int32
	cost             int64
}

type row struct {
	start, count, room int32 // its seats, and how many fit before they must move
	at                 int32 // its seat; none: at home, unmatched; absent
	next, prev         int32 // rows at the same node
	home               int32 // the node that it goes to unmatched, or none
	fixed              bool  // pinned: it does not move
}

type seat struct {
	node int32
	cost int32
}

// via says how a search reached a node: by a row that takes a seat there, or over a half-arc.
type via struct {
	row  int32 // none: over half
	what int32 // seat (none: home), or half
}

func newNetwork(nodes int) *network {
	n := &network{}
	for range nodes {
		n.addNode()
	}
	return n
}

func (n *network) addNode() int32 {
	n.label = append(n.label, label{dist: infinite})
	n.out = append(n.out, none)
	n.in = append(n.in, none)
	n.occ = append(n.occ, none)
	n.via = append(n.via, via{})
	return int32(len(n.label) - 1)
}

// addArc returns the half-arc of a new arc.
func (n *network) addArc(u, v, capacity int32, cost int64) int32 {
	h := int32(len(n.half))
	n.half = append(n.half, half{head: v, next: n.out[u], left: capacity, cost: cost}, half{head: u, next: n.in[v], cost: -cost})
	n.out[u], n.in[v] = h, h+1
	return h
}

func (n *network) tail(h int32) int32 { return n.half[h^1].head }
func (n *network) reduced(h int32) int64 {
	return n.half[h].cost - n.label[n.tail(h)].price + n.label[n.half[h].head].price
}

// node is where a row sits.
func (n *network) node(r *row) int32 {
	if r.at < 0 {
		return r.home
	}
	return n.seats[r.at].node
}

// pays is what a row pays where it sits.
func (n *network) pays(r *row) int64 {
	if r.at < 0 {
		return n.unmatched
	}
	return int64(n.seats[r.at].cost)
}

// least is what a row pays where it sits, price included: no other seat of an optimal network is below it.
func (n *network) least(i int32) int64 {
	r := &n.rows[i]
	return n.pays(r) + n.label[n.node(r)].price
}

func (n *network) sit(i, seat int32) {
	r := &n.rows[i]
	r.at = seat
	v := n.node(r)
	r.prev, r.next = none, n.occ[v]
	if r.next >= 0 {
		n.rows[r.next].prev = i
	}
	n.occ[v] = i
}

func (n *network) rise(i int32) {
	r := &n.rows[i]
	if r.prev >= 0 {
		n.rows[r.prev].next = r.next
	} else {
		n.occ[n.node(r)] = r.next
	}
	if r.next >= 0 {
		n.rows[r.next].prev = r.prev
	}
}

// search finds the cheapest way from row from (which sits nowhere), or else from node source, to node target, or to any
// node that wants a unit if target is none, as long as it costs less than limit. It brings the prices to where all that
// was so far below keeps the invariant, and returns the node where it ended, or none.
//
// It is Dijkstra's algorithm on reduced costs. What lies at distance zero from the present node never meets the queue, and
// the arcs onwards come before the rows that could make room, since the way on may be free; what cannot be below the
// best end so far is not looked at; prices change only where the search went.
func (n *network) search(from, source, target int32, limit int64) (end int32, far int64) {
	n.best, n.end, n.here, n.target = limit, none, 0, target
	n.stack, n.touched = n.stack[:0], n.touched[:0]
	n.queue.clear()
	if from >= 0 {
		// Distances count from the cheapest seat, so that they are never negative.
		low := n.cheapest(from)
		if low == infinite {
			return none, 0
		}
		n.leave(from, -low)
	} else {
		if source == target {
			return source, 0
		}
		n.label[source].dist = 0
		n.touched = append(n.touched, source)
		n.stack = append(n.stack, source)
	}
	for n.here < n.best {
		if k := len(n.stack); k > 0 {
			v := n.stack[k-1]
			if v >= 0 {
				n.stack[k-1] = ^v // its rows come when nothing else is at this distance
				n.onwards(v)
				continue
			}
			n.stack = n.stack[:k-1]
			n.back(^v)
			continue
		}
		v := n.queue.pop(n.label)
		if v == none {
			break
		}
		n.here = n.queue.last
		n.stack = append(n.stack, v)
	}
	for _, x := range n.touched {
		l := &n.label[x]
		if n.best < infinite && l.dist < n.best && !n.frozen {
			l.price += n.best - l.dist
		}
		l.dist = infinite
	}
	return n.end, n.best
}

// cheapest is the least that a row can pay, price included; infinite if it can go nowhere.
func (n *network) cheapest(i int32) int64 {
	r := &n.rows[i]
	low := infinite
	for _, s := range n.seats[r.start : r.start+r.count] {
		low = min(low, int64(s.cost)+n.label[s.node].price)
	}
	if r.home >= 0 {
		low = min(low, n.unmatched+n.label[r.home].price)
	}
	return low
}

// reach notes a shorter way to a node.
func (n *network) reach(v int32, dist int64, by via) {
	l := &n.label[v]
	if l.dist == infinite {
		n.touched = append(n.touched, v)
	}
	l.dist = dist
	n.via[v] = by
	switch {
	case v == n.target || n.target == none && n.wants[v] > 0:
		n.best, n.end = dist, v
	case dist == n.here:
		n.stack = append(n.stack, v)
	default:
		n.queue.push(dist, v)
	}
}

// leave looks at the seats of a row, which is at a distance of base plus the price of where it goes.
func (n *network) leave(i int32, base int64) {
	r := &n.rows[i]
	label, best := n.label, n.best
	list := n.seats[r.start : r.start+r.count]
	n.scanned += int64(len(list))
	for k := range list {
		s := &list[k]
		l := &label[s.node]
		if d := base + int64(s.cost) + l.price; d < l.dist && d < best {
			n.reach(s.node, d, via{i, r.start + int32(k)})
			best = n.best
		}
	}
	if r.home >= 0 {
		l := &label[r.home]
		if d := base + n.unmatched + l.price; d < l.dist && d < n.best {
			n.reach(r.home, d, via{i, none})
		}
	}
}

// onwards looks at the arcs that lead on from a node.
func (n *network) onwards(v int32) {
	base := n.here - n.label[v].price
	n.scanned++
	for h := n.out[v]; h >= 0; {
		a := &n.half[h]
		if a.left > 0 {
			l := &n.label[a.head]
			if d := base + a.cost + l.price; d < l.dist && d < n.best {
				n.reach(a.head, d, via{none, h})
			}
		}
		h = a.next
	}
}

// back looks at the arcs that lead to a node and carry flow, and at the rows that sit there: they could go elsewhere.
func (n *network) back(v int32) {
	base := n.here - n.label[v].price
	n.scanned++
	for h := n.in[v]; h >= 0; {
		a := &n.half[h]
		if a.left > 0 {
			l := &n.label[a.head]
			if d := base + a.cost + l.price; d < l.dist && d < n.best {
				n.reach(a.head, d, via{none, h})
			}
		}
		h = a.next
	}
	for i := n.occ[v]; i >= 0; {
		r := &n.rows[i]
		if !r.fixed {
			n.leave(i, base-n.pays(r))
		}
		i = r.next
	}
}

// send moves one unit along the way that the last search found to end.
func (n *network) send(end, from, source int32) {
	for v := end; v != source || from >= 0; {
		by := n.via[v]
		if by.row == none {
			n.half[by.what].left--
			n.half[by.what^1].left++
			v = n.tail(by.what)
			continue
		}
		if by.row == from {
			n.sit(from, by.what)
			return
		}
		previous := n.node(&n.rows[by.row])
		n.rise(by.row)
		n.sit(by.row, by.what)
		v = previous
	}
}
