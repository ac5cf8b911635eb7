package assign

import "slices"

// aim brings every price to what a unit there really costs on its way to the sink. The prices that a search leaves behind
// are right where it went and too low elsewhere; with all of them right, the next rows go straight to a free
// place, and only where that was the last one a search begins. One look at the whole graph is worth many small ones
// when many rows are still to come, so fillers count what their searches cost and aim when it is about as much.
type aim struct {
	start []int32 // by node: its first claim
	claim []claim // the seats, by node
	host  []int32 // by node: its first guest
	guest []int32 // the rows, by the node that is their home
	spot  []spot  // by row
	due   int64   // scanned, when to aim next
}

type claim struct{ row, cost int32 }

// spot is where a row sits, and what it pays there with the price.
type spot struct {
	least int64
	node  int32 // none: it sits nowhere, or does not move
}

func newAim(n *network) *aim {
	a := &aim{start: make([]int32, len(n.label)+1), host: make([]int32, len(n.label)+1), spot: make([]spot, len(n.rows))}
	total, guests := int32(0), int32(0)
	for i := range n.rows {
		r := &n.rows[i]
		for _, s := range n.seats[r.start : r.start+r.count] {
			a.start[s.node+1]++
		}
		total += r.count
		if r.home >= 0 {
			a.host[r.home+1]++
			guests++
		}
	}
	for v := range n.label {
		a.start[v+1] += a.start[v]
		a.host[v+1] += a.host[v]
	}
	a.claim, a.guest = make([]claim, total), make([]int32, guests)
	at, bed := slices.Clone(a.start), slices.Clone(a.host)
	for i := range n.rows {
		r := &n.rows[i]
		for _, s := range n.seats[r.start : r.start+r.count] {
			a.claim[at[s.node]] = claim{int32(i), s.cost}
			at[s.node]++
		}
		if r.home >= 0 {
			a.guest[bed[r.home]] = int32(i)
			bed[r.home]++
		}
	}
	return a
}

// take aims if it is time to. sink is none where nodes want units.
func (a *aim) take(n *network, sink int32) {
	if n.scanned < a.due {
		return
	}
	work := a.shoot(n, sink)
	a.due = n.scanned + work
}

// sit notes where everybody sits who may move.
func (a *aim) sit(n *network) {
	for i := range n.rows {
		r := &n.rows[i]
		a.spot[i].node = none
		if r.at != absent && !r.fixed {
			v := n.node(r)
			a.spot[i] = spot{n.pays(r) + n.label[v].price, v}
		}
	}
}

// shoot is Dijkstra's algorithm backwards from the sink.
func (a *aim) shoot(n *network, sink int32) (work int64) {
	label := n.label
	a.sit(n)
	n.queue.clear()
	reach := func(v int32, d int64) {
		if d < label[v].dist {
			label[v].dist = d
			n.queue.push(d, v)
		}
	}
	for v := range label {
		if sink == int32(v) || sink == none && n.wants[v] > 0 {
			reach(int32(v), 0)
		}
	}
	far := int64(0)
	for {
		v := n.queue.pop(label)
		if v == none {
			break
		}
		far = n.queue.last
		base := far + label[v].price
		for _, list := range [2]int32{n.out[v], n.in[v]} {
			for h := list; h >= 0; h = n.half[h].next {
				if n.half[h^1].left > 0 {
					u := n.half[h].head
					reach(u, base+n.half[h^1].cost-label[u].price)
				}
			}
		}
		for _, i := range a.guest[a.host[v]:a.host[v+1]] {
			if x := &a.spot[i]; x.node >= 0 {
				reach(x.node, base+n.unmatched-x.least)
			}
		}
		claims := a.claim[a.start[v]:a.start[v+1]]
		work += int64(len(claims))
		for _, c := range claims {
			if x := &a.spot[c.row]; x.node >= 0 {
				if nd := base + int64(c.cost) - x.least; nd < label[x.node].dist {
					reach(x.node, nd)
				}
			}
		}
	}
	for v := range label {
		l := &label[v]
		l.price += min(l.dist, far) // where nothing leads on, the price may be anything that is high enough
		l.dist = infinite
	}
	return work + int64(len(label))
}
