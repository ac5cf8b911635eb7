package assign

import "slices"

// relief finds, for whoever is unmatched, the full capacity that, one higher, would let it in at the greatest gain, wherever that
// capacity is: others may have to move to it. It looks backwards from a home over all that could still flow, and then from
// every full capacity, at what the first look says lies behind it. Nobody else comes in who is unmatched: it is not for them that
// it is looked for.
//
// Distances are reduced costs. Those to the sink are found once; a home is the sink but for what its own balance makes
// nearer, so that for each only this is gone through. It all holds until something changes.
type relief struct {
	a     *aim
	full  []full
	shift int64 // no capacity saves more: with it, no distance over one is negative
	near  []label
	over  [ways][]ease
	homes map[int32]*home
}

// Ways to a full capacity.
const (
	straight = iota // nobody moves
	moving          // others may
	ways
)

// full is a capacity of which nothing is left.
type full struct {
	kind        FixKind
	index, half int32
}

// ease is the cheapest way on over a full capacity.
type ease struct {
	dist  int64 // shift more than it is; infinite: there is none
	from  int64 // what of it begins with the capacity; likewise
	which int32 // of relief.full
	place int32 // by which one more comes there, or None
}

// home is what is otherwise than from the sink.
type home struct {
	way    int64 // from the sink
	nearer [ways]map[int32]ease
}

func (s *Solver) newRelief() *relief {
	n := &s.net
	f := &relief{a: newAim(n), homes: map[int32]*home{}, near: slices.Clone(n.label)}
	release := s.hold()
	f.a.sit(n)
	release()
	add := func(kind FixKind, index, h int32) {
		if h != none && n.half[h].left == 0 {
			f.full = append(f.full, full{kind, index, h})
			f.shift = max(f.shift, -n.reduced(h))
		}
	}
	for i := range s.places {
		add(PlaceFix, int32(i), s.places[i].door)
	}
	for i := range s.coach {
		add(CoachFix, int32(i), s.coach[i].arc)
	}
	for i := range s.orgs {
		add(OrganisationFix, int32(i), s.orgs[i].max)
	}
	for k := range f.over {
		f.over[k] = make([]ease, len(n.label))
		for v := range f.over[k] {
			f.over[k][v].dist = infinite
		}
	}
	f.ahead(n, s.sink, f.near)
	for k := range f.over {
		f.across(s, k, f.near, f.over[k])
	}
	return f
}

// hold keeps those out who are unmatched, until release is called.
func (s *Solver) hold() (release func()) {
	var held []int32
	for i := range s.net.rows {
		if r := &s.net.rows[i]; r.at == none && !r.fixed {
			r.fixed = true
			held = append(held, int32(i))
		}
	}
	return func() {
		for _, i := range held {
			s.net.rows[i].fixed = false
		}
	}
}

// ahead brings distances to what they are to a node, too.
func (f *relief) ahead(n *network, to int32, near []label) {
	n.queue.clear()
	near[to].dist = 0
	n.queue.push(0, to)
	f.back(n, near, true, func(int32, int32) {})
}

// across brings distances over a full capacity to what they are when near lies behind it. It returns the nodes that came nearer.
func (f *relief) across(s *Solver, way int, near []label, over []ease) (touched []int32) {
	n := &s.net
	n.queue.clear()
	far := make([]label, len(over))
	for v := range over {
		far[v].dist = over[v].dist
	}
	for i, x := range f.full {
		behind := near[n.half[x.half].head].dist
		if behind >= infinite {
			continue
		}
		v := n.tail(x.half)
		if d := behind + n.reduced(x.half) + f.shift; d < far[v].dist {
			far[v].dist = d
			over[v] = ease{d, d, int32(i), s.placed[v]}
			touched = append(touched, v)
			n.queue.push(d, v)
		}
	}
	f.back(n, far, way == moving, func(v, next int32) {
		place := over[next].place
		if place == None {
			place = s.placed[v]
		}
		over[v] = ease{far[v].dist, over[next].from, over[next].which, place}
		touched = append(touched, v)
	})
	return touched
}

// back is Dijkstra's algorithm backwards from what is queued. told hears which node came nearer, and by which.
func (f *relief) back(n *network, far []label, moving bool, told func(v, next int32)) {
	for v := n.queue.pop(far); v != none; v = n.queue.pop(far) {
		base := far[v].dist + n.label[v].price
		reach := func(u int32, d int64) {
			if d < far[u].dist {
				far[u].dist = d
				n.queue.push(d, u)
				told(u, v)
			}
		}
		arcs := func(list int32) {
			for h := list; h >= 0; h = n.half[h].next {
				if n.half[h^1].left > 0 {
					u := n.half[h].head
					reach(u, base+n.half[h^1].cost-n.label[u].price)
				}
			}
		}
		arcs(n.in[v])
		if !moving {
			continue
		}
		arcs(n.out[v])
		move := func(i int32, cost int64) {
			if x := &f.a.spot[i]; x.node >= 0 {
				reach(x.node, base+cost-x.least)
			}
		}
		for _, i := range f.a.guest[f.a.host[v]:f.a.host[v+1]] {
			move(i, n.unmatched)
		}
		for _, c := range f.a.claim[f.a.start[v]:f.a.start[v+1]] {
			move(c.row, int64(c.cost))
		}
	}
}

// at is what lies behind a place over a full capacity, on the way to a home.
func (f *relief) at(s *Solver, way int, place, to int32) ease {
	h, v := f.home(s, to), s.places[place].node
	if x, other := h.nearer[way][v]; other {
		return x
	}
	x := f.over[way][v]
	if x.dist < infinite {
		x.dist, x.from = x.dist+h.way, x.from+h.way
	}
	return x
}

// room is what it costs to go on from a place to a full capacity that is straight ahead, when others may make room for it.
func (f *relief) room(s *Solver, place int32, x ease) int64 {
	n := &s.net
	n.frozen = true
	release := s.hold()
	_, far := n.search(none, s.places[place].node, n.tail(f.full[x.which].half), x.dist-x.from+1)
	release()
	n.frozen = false
	return far
}

func (f *relief) home(s *Solver, to int32) *home {
	if h := f.homes[to]; h != nil {
		return h
	}
	n := &s.net
	h := &home{}
	f.homes[to] = h
	if to == s.sink {
		return h
	}
	release := s.hold()
	cost, _ := s.ask(s.sink, to) // there is a way: whoever is unmatched came over it to the sink
	release()
	h.way = cost - n.label[s.sink].price + n.label[to].price
	near := slices.Clone(f.near)
	for v := range near {
		if near[v].dist < infinite {
			near[v].dist += h.way
		}
	}
	if near[to].dist == 0 {
		return h
	}
	f.ahead(n, to, near)
	for way := range h.nearer {
		over := slices.Clone(f.over[way])
		for v := range over {
			if over[v].dist < infinite {
				over[v].dist, over[v].from = over[v].dist+h.way, over[v].from+h.way
			}
		}
		h.nearer[way] = map[int32]ease{}
		for _, v := range f.across(s, way, near, over) {
			if s.placed[v] != None {
				h.nearer[way][v] = over[v]
			}
		}
	}
	return h
}
