package assign

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
)

// setCapacity changes the capacity of an arc and brings the flow to the optimum again. Where the flow cannot be lowered
// so far because pinned matches need it, nothing changes and the error says so.
func (n *network) setCapacity(h, capacity int32) error {
	a, back := &n.half[h], &n.half[h^1]
	was := a.left + back.left
	if capacity >= back.left {
		a.left = capacity - back.left
		n.settle(h)
		return nil
	}
	a.left = 0
	for back.left > capacity {
		back.left--
		end, _ := n.search(none, n.tail(h), a.head, infinite)
		if end == none {
			back.left++
			a.left = was - back.left
			n.settle(h)
			return ErrPinsDoNotFit
		}
		n.send(end, none, n.tail(h))
	}
	return nil
}

// settle uses an arc with capacity left for as long as that makes the whole cheaper.
func (n *network) settle(h int32) {
	for n.half[h].left > 0 {
		gain := -n.reduced(h)
		if gain <= 0 {
			return
		}
		u, v := n.tail(h), n.half[h].head
		end, _ := n.search(none, v, u, gain)
		if end == none {
			return // the prices now say that it does not pay
		}
		n.send(end, none, v)
		n.half[h].left--
		n.half[h^1].left++
	}
}

// reseat moves a row to where it is best, and others with it.
func (n *network) reseat(i int32) {
	v := n.node(&n.rows[i])
	n.rise(i)
	n.repair(i, v)
}

// repair seats a row that stood up from node v, which misses a unit since.
func (n *network) repair(i, v int32) {
	end, _ := n.search(i, none, v, infinite)
	n.send(end, i, none)
}

// ready refuses changes before the problem is solved, and of leervragen that are not in.
func (s *Solver) ready(leervragen ...int32) error {
	s.relief = nil
	return s.known(leervragen...)
}

func (s *Solver) known(leervragen ...int32) error {
	if !s.solved {
		return ErrUnsolved
	}
	for _, i := range leervragen {
		if i < 0 || int(i) >= len(s.net.rows) || s.net.rows[i].at == absent {
			return fmt.Errorf("leervraag %d: %w", i, ErrAbsent)
		}
	}
	return nil
}

func (s *Solver) readyPlace(i int32) error {
	if err := within(i, 0, int32(len(s.places))-1, "place"); err != nil {
		return err
	}
	return s.ready()
}

// Insert adds a leervraag with its candidates and returns its index, which is the next one. Arcs need not name the
// leervraag; those that are excluded or below the floor are left out.
func (s *Solver) Insert(home int32, arcs []Arc) (int32, error) {
	if err := errors.Join(s.ready(), within(home, None, int32(len(s.orgs))-1, "home")); err != nil {
		return None, err
	}
	if err := s.checkArcs(arcs, 1); err != nil {
		return None, err
	}
	n := &s.net
	i := int32(len(n.rows))
	n.rows = append(n.rows, row{at: absent, home: s.sink})
	s.pins = append(s.pins, pin{})
	s.hidden = append(s.hidden, 0)
	if err := s.add(i, arcs); err != nil {
		n.rows, s.pins, s.hidden = n.rows[:i], s.pins[:i], s.hidden[:i]
		return None, err
	}
	if home != None {
		n.rows[i].home = s.orgs[home].balance
		s.send(home, 1)
	}
	n.insert(i, s.sink)
	return i, nil
}

// send counts what an organisation sends.
func (s *Solver) send(org, by int32) {
	o := &s.orgs[org]
	o.free += by
	if len(o.Steps) == 0 {
		return
	}
	// Widen before narrowing, so that nothing has to go round.
	for k := range o.steps {
		if h := o.steps[k]; o.width(k) > s.net.capacity(h) {
			s.net.must(h, o.width(k))
		}
	}
	for k := range o.steps {
		if h := o.steps[k]; o.width(k) < s.net.capacity(h) {
			s.net.must(h, o.width(k))
		}
	}
}

func (n *network) capacity(h int32) int32 { return n.half[h].left + n.half[h^1].left }

// must changes a capacity that no pinned match can depend on: the last step takes everybody.
func (n *network) must(h, capacity int32) {
	if err := n.setCapacity(h, capacity); err != nil {
		panic(err)
	}
}

// Remove takes a leervraag out, pinned or not. Its index is not used again.
func (s *Solver) Remove(leervraag int32) error {
	if err := s.ready(leervraag); err != nil {
		return err
	}
	n := &s.net
	r := &n.rows[leervraag]
	v := n.node(r)
	n.rise(leervraag)
	r.at, r.fixed, r.count = absent, false, 0
	end, _ := n.search(none, s.sink, v, infinite)
	n.send(end, none, s.sink)
	if x := s.pins[leervraag]; x.on {
		s.pins[leervraag] = pin{}
		if x.coach != None {
			if err := s.shift(x.place, -1); err != nil {
				return err
			}
		}
	}
	if o := s.homeOrg(r.home); o != None {
		s.send(o, -1)
	}
	return nil
}

// homeOrg is the organisation whose balance a node is, or None.
func (s *Solver) homeOrg(node int32) int32 {
	k, ok := slices.BinarySearchFunc(s.orgs, node, func(o organisation, v int32) int { return cmp.Compare(o.balance, v) })
	if !ok {
		return None
	}
	return int32(k)
}

// AddPlace adds a place and returns its index, which is the next one. Nobody can go there before AddArcs or Insert says so.
func (s *Solver) AddPlace(x Place) (int32, error) {
	if err := errors.Join(s.ready(), within(x.Capacity, 0, Unlimited, "capacity"), within(x.Organisation, 0, int32(len(s.orgs))-1, "organisation"), s.bound(0, 2)); err != nil {
		return None, err
	}
	for k, c := range x.Coaches {
		if err := within(c, 0, int32(len(s.coach))-1, "coach"); err != nil {
			return None, err
		}
		if slices.Contains(x.Coaches[:k], c) {
			return None, fmt.Errorf("coach %d: %w", c, ErrDuplicate)
		}
		if s.serves[c] != None && s.serves[c] != x.Organisation {
			return None, fmt.Errorf("coach %d: %w", c, ErrCoach)
		}
	}
	n := &s.net
	i := int32(len(s.places))
	from := int32(len(n.label))
	s.placed = append(s.placed, i)
	s.places = append(s.places, place{capacity: x.Capacity, organisation: x.Organisation, node: n.addNode(), door: none})
	// Nothing flows there yet, so its price is the cheapest way on; so is that of a coach who had no place before.
	for _, c := range x.Coaches {
		if v := s.coach[c].node; s.coach[c].arc == none {
			n.label[v].price = n.label[s.orgs[x.Organisation].entry].price
		}
	}
	s.lead(i, x.Coaches)
	for v := int32(len(n.label)) - 1; v >= from; v-- {
		n.label[v].price = n.onward(v)
	}
	return i, nil
}

// onward is the price of a node's cheapest arc on, or the present one where there is none.
func (n *network) onward(v int32) int64 {
	low := infinite
	for h := n.out[v]; h >= 0; h = n.half[h].next {
		low = min(low, n.half[h].cost+n.label[n.half[h].head].price)
	}
	if low == infinite {
		return n.label[v].price
	}
	return low
}

// SetPlaceCapacity changes how many switchers a place takes; 0 closes it.
func (s *Solver) SetPlaceCapacity(place, capacity int32) error {
	if err := errors.Join(s.readyPlace(place), within(capacity, 0, Unlimited, "capacity of place %d", place)); err != nil {
		return err
	}
	x := &s.places[place]
	if capacity < x.pinned {
		return fmt.Errorf("place %d: %w", place, ErrPinsDoNotFit)
	}
	if x.door != none {
		door := capacity - x.pinned
		if capacity == Unlimited {
			door = Unlimited
		}
		if err := s.net.setCapacity(x.door, door); err != nil {
			return fmt.Errorf("place %d: %w", place, err)
		}
	}
	x.capacity = capacity
	return nil
}

// SetCoachCapacity changes how many switchers a coach takes.
func (s *Solver) SetCoachCapacity(coach, capacity int32) error {
	if err := errors.Join(s.ready(), within(coach, 0, int32(len(s.coach))-1, "coach"), within(capacity, 0, Unlimited, "capacity of coach %d", coach)); err != nil {
		return err
	}
	if h := s.coach[coach].arc; h != none {
		if err := s.net.setCapacity(h, capacity); err != nil {
			return fmt.Errorf("coach %d: %w", coach, err)
		}
	}
	s.coach[coach].capacity = capacity
	return nil
}

// SetOrganisationMax changes how many switchers an organisation receives at most. One that had no maximum in the problem
// cannot get one.
func (s *Solver) SetOrganisationMax(org, most int32) error {
	if err := errors.Join(s.ready(), within(org, 0, int32(len(s.orgs))-1, "organisation"), within(most, 0, Unlimited, "maximum of organisation %d", org)); err != nil {
		return err
	}
	o := &s.orgs[org]
	if o.max == none {
		return fmt.Errorf("organisation %d has no maximum: %w", org, ErrOutOfRange)
	}
	if err := s.net.setCapacity(o.max, most); err != nil {
		return fmt.Errorf("organisation %d: %w", org, err)
	}
	o.Max = most
	return nil
}

// SetOrganisationFree changes how many an organisation may receive beyond what it sends before the first step.
func (s *Solver) SetOrganisationFree(org, free int32) error {
	if err := errors.Join(s.ready(), within(org, 0, int32(len(s.orgs))-1, "organisation"), within(free, -MaxNodes, MaxNodes, "free of organisation %d", org)); err != nil {
		return err
	}
	o := &s.orgs[org]
	by := free - o.Free
	o.Free = free
	s.send(org, by)
	return nil
}

func (s *Solver) checkArcs(arcs []Arc, more int) error {
	most := int64(0)
	for k, a := range arcs {
		if err := errors.Join(within(a.Place, 0, int32(len(s.places))-1, "place of arc %d", k), within(a.Cost, -MaxCost, MaxCost, "cost of arc %d", k), within(a.Score, 0, math.MaxInt32-1, "score of arc %d", k)); err != nil {
			return err
		}
		most = max(most, abs(a.Cost))
	}
	return errors.Join(within(len(s.net.rows)+more, 0, MaxNodes, "leervragen"), within(len(s.net.seats)+len(arcs), 0, 1<<30, "arcs"), s.bound(most, more))
}

// bound checks what a change brings against the bounds that New checked.
func (s *Solver) bound(cost int64, more int) error {
	cost = max(cost, s.costliest)
	if err := bound(len(s.net.rows)+len(s.net.label)+more, cost, s.steepest, s.net.unmatched); err != nil {
		return err
	}
	s.costliest = cost
	return nil
}

// add puts candidates into a row, in the order of their nodes, and moves the row where it no longer fits.
func (s *Solver) add(i int32, arcs []Arc) error {
	n := &s.net
	r := &n.rows[i]
	type both struct {
		seat
		score int32
	}
	var list []both
	for k := r.start; k < r.start+r.count; k++ {
		list = append(list, both{n.seats[k], s.scoreOf(k)})
	}
	scored := s.scores != nil
	hidden := int32(0)
	for _, a := range arcs {
		if a.Score < s.floor || s.barred[Pair{i, a.Place}] {
			if a.Score < s.floor {
				hidden++
			}
			continue
		}
		scored = scored || a.Score != 0
		list = append(list, both{seat{s.places[a.Place].node, a.Cost}, a.Score})
	}
	slices.SortFunc(list, func(a, b both) int { return cmp.Compare(a.node, b.node) })
	for k := 1; k < len(list); k++ {
		if list[k].node == list[k-1].node {
			return fmt.Errorf("leervraag %d and place %d: %w", i, s.placed[list[k].node], ErrDuplicate)
		}
	}
	s.hidden[i] += hidden
	if scored && s.scores == nil {
		s.scores = make([]int32, len(n.seats))
	}
	sits := none
	if r.at >= 0 && !r.fixed {
		sits = n.seats[r.at].node
	}
	if len(list) > int(r.room) {
		r.start, r.room = int32(len(n.seats)), int32(len(list)+len(list)/4+1)
		n.seats = append(n.seats, make([]seat, r.room)...)
		if s.scores != nil {
			s.scores = append(s.scores, make([]int32, r.room)...)
		}
	}
	r.count = int32(len(list))
	for k, x := range list {
		at := r.start + int32(k)
		n.seats[at] = x.seat
		if s.scores != nil {
			s.scores[at] = x.score
		}
		if sits == x.node {
			r.at = at
		}
	}
	return nil
}

func (s *Solver) scoreOf(seat int32) int32 {
	if s.scores == nil {
		return 0
	}
	return s.scores[seat]
}

// seatOf is the seat of a row at a place, or none.
func (s *Solver) seatOf(i, place int32) int32 {
	r := &s.net.rows[i]
	k, ok := slices.BinarySearchFunc(s.net.seats[r.start:r.start+r.count], s.places[place].node, func(x seat, v int32) int { return cmp.Compare(x.node, v) })
	if !ok {
		return none
	}
	return r.start + int32(k)
}

// AddArcs adds candidates of a leervraag. Arcs need not name it.
func (s *Solver) AddArcs(leervraag int32, arcs []Arc) error {
	if err := errors.Join(s.ready(leervraag), s.checkArcs(arcs, 0)); err != nil {
		return err
	}
	if err := s.add(leervraag, arcs); err != nil {
		return err
	}
	s.better(leervraag)
	return nil
}

// Offer adds candidates of places that take nobody: of no capacity, or without a coach who has any. They change nothing, and
// what would follow from more room is then seen by Explain. Others are errors (ErrOutOfRange). rows is asked for everybody who may
// move; a cancelled context ends it with the context's error.
func (s *Solver) Offer(ctx context.Context, rows Rows) error {
	if err := s.ready(); err != nil {
		return err
	}
	n := &s.net
	// Nothing flows where nothing can go on, so the price there may be anything that is high enough, and draws nobody.
	on := make([]bool, len(n.label))
	on[s.sink] = true
	for next := []int32{s.sink}; len(next) > 0; {
		v := next[len(next)-1]
		next = next[:len(next)-1]
		for h := n.in[v]; h >= 0; h = n.half[h].next {
			if u := n.half[h].head; !on[u] && n.capacity(h) > 0 {
				on[u] = true
				next = append(next, u)
			}
		}
	}
	high := int64(0)
	for v := range n.label {
		high = max(high, n.label[v].price)
	}
	high += n.unmatched + MaxCost
	for v := range n.label {
		if !on[v] {
			n.label[v].price = high
		}
	}
	var list []Candidate
	var arcs []Arc
	for i := range int32(len(n.rows)) {
		if i%256 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		if r := &n.rows[i]; r.at == absent || r.fixed {
			continue
		}
		list, arcs = rows(i, list[:0]), arcs[:0]
		for k, c := range list {
			if err := within(c.Place, 0, int32(len(s.places))-1, "place of candidate %d of leervraag %d", k, i); err != nil {
				return err
			}
			if on[s.places[c.Place].node] {
				return fmt.Errorf("place %d takes somebody: %w", c.Place, ErrOutOfRange)
			}
			arcs = append(arcs, Arc{i, c.Place, c.Cost, c.Score})
		}
		if len(arcs) == 0 {
			continue
		}
		if err := s.AddArcs(i, arcs); err != nil {
			return err
		}
	}
	return nil
}

// better reseats a row if another seat has become cheaper than its own.
func (s *Solver) better(i int32) {
	n := &s.net
	r := &n.rows[i]
	if r.fixed {
		return
	}
	least := n.least(i)
	for _, x := range n.seats[r.start : r.start+r.count] {
		if int64(x.cost)+n.label[x.node].price < least {
			n.reseat(i)
			return
		}
	}
	if n.unmatched+n.label[r.home].price < least {
		n.reseat(i)
	}
}

// SetCost changes what a candidate costs, and its score.
func (s *Solver) SetCost(leervraag, place, cost, score int32) error {
	if err := errors.Join(s.ready(leervraag), s.readyPlace(place), s.checkArcs([]Arc{{Place: place, Cost: cost, Score: score}}, 0)); err != nil {
		return err
	}
	k := s.seatOf(leervraag, place)
	if k == none {
		return fmt.Errorf("leervraag %d and place %d: %w", leervraag, place, ErrNoArc)
	}
	if score < s.floor {
		return fmt.Errorf("score %d is below the floor of %d: %w", score, s.floor, ErrOutOfRange)
	}
	s.net.seats[k].cost = cost
	if s.scores == nil && score != 0 {
		s.scores = make([]int32, len(s.net.seats))
	}
	if s.scores != nil {
		s.scores[k] = score
	}
	s.better(leervraag)
	return nil
}

// Exclude forbids a pair and removes its arc, if there is one. A pinned pair cannot be excluded.
func (s *Solver) Exclude(leervraag, place int32) error {
	if err := errors.Join(s.ready(leervraag), s.readyPlace(place)); err != nil {
		return err
	}
	if x := s.pins[leervraag]; x.on && x.place == place {
		return fmt.Errorf("leervraag %d on place %d: %w", leervraag, place, ErrPinExcluded)
	}
	s.barred[Pair{leervraag, place}] = true
	k := s.seatOf(leervraag, place)
	if k == none {
		return nil
	}
	n := &s.net
	r := &n.rows[leervraag]
	sat := r.at == k
	if sat {
		n.rise(leervraag)
	}
	end := r.start + r.count
	copy(n.seats[k:end], n.seats[k+1:end])
	if s.scores != nil {
		copy(s.scores[k:end], s.scores[k+1:end])
	}
	r.count--
	switch {
	case sat:
		r.at = absent
		n.repair(leervraag, s.places[place].node)
	case r.at > k && r.at < end:
		r.at--
	}
	return nil
}

// Pin fixes a leervraag on a place, whatever that moves. If the capacities do not allow it, nothing changes.
func (s *Solver) Pin(x Pin) error {
	if err := errors.Join(s.ready(x.Leervraag), s.readyPlace(x.Place), s.checkArcs([]Arc{{Place: x.Place, Cost: x.Cost, Score: x.Score}}, 0)); err != nil {
		return err
	}
	i, n := x.Leervraag, &s.net
	r := &n.rows[i]
	switch {
	case s.pins[i].on:
		return fmt.Errorf("leervraag %d: %w", i, ErrPinned)
	case s.barred[Pair{i, x.Place}]:
		return fmt.Errorf("leervraag %d on place %d: %w", i, x.Place, ErrPinExcluded)
	case x.Coach != None && !slices.Contains(s.places[x.Place].coaches, x.Coach):
		return fmt.Errorf("coach %d is none of place %d: %w", x.Coach, x.Place, ErrOutOfRange)
	}
	at, v := r.at, n.node(r)
	n.rise(i)
	r.fixed = true
	s.pinSeat(x)
	n.sit(i, s.pins[i].seat)
	end, _ := n.search(none, n.node(r), v, infinite)
	if end == none {
		n.rise(i)
		r.fixed, s.pins[i] = false, pin{}
		n.sit(i, at)
		return fmt.Errorf("leervraag %d on place %d: %w", i, x.Place, ErrPinsDoNotFit)
	}
	n.send(end, none, n.node(r))
	if x.Coach == None {
		return nil
	}
	if err := s.shift(x.Place, 1); err != nil {
		r.fixed, s.pins[i] = false, pin{}
		n.reseat(i)
		return fmt.Errorf("leervraag %d on place %d: %w", i, x.Place, err)
	}
	return nil
}

// Unpin lets a leervraag go where it is best again.
func (s *Solver) Unpin(leervraag int32) error {
	if err := s.ready(leervraag); err != nil {
		return err
	}
	x := s.pins[leervraag]
	if !x.on {
		return nil
	}
	if x.coach != None {
		if err := s.shift(x.place, -1); err != nil {
			return err
		}
	}
	s.pins[leervraag] = pin{}
	s.net.rows[leervraag].fixed = false
	s.net.reseat(leervraag)
	return nil
}
