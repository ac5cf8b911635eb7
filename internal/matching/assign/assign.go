// Package assign finds the cheapest assignment of leervragen to leerplekken, their leercoaches and their organisations,
// keeps it optimal under changes, and says what each choice costs.
//
// It knows indexes and integers only: no names, no database, no clock. The same Problem gives the same bytes on any
// number of cores: there are no goroutines, no maps are walked, and where two ways cost the same the node with the lower
// index is looked at first. Whoever numbers leervragen and places by a stable id therefore gets the same answer
// in whatever order the rows came from the database; the order of Problem.Arcs never matters.
package assign

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Unlimited is a capacity or a maximum that never binds.
const Unlimited = math.MaxInt32

// The bounds of what New takes. Within them no sum that the solver makes can overflow.
const (
	MaxCost      = 1_000_000_000      // of one arc or step, either sign for arcs
	MaxUnmatched = 10_000_000_000_000 // what staying unmatched may cost
	MaxNodes     = 10_000_000         // leervragen, places, coaches and organisations together
)

// None stands for no place, no coach, no organisation.
const None = int32(-1)

// Problem is what to solve. Leervragen, places, coaches and organisations are numbered from 0.
type Problem struct {
	Leervragen    int
	Home          []int32        // by leervraag: the organisation that it is sent from, or None; nil if sending is not counted
	Places        []Place        // leerplekken
	Coaches       []int32        // by leercoach: how many switchers at most; empty if coaches are not counted
	Organisations []Organisation //
	Arcs          []Arc          // the candidates, in any order
	Unmatched     int64          // what leaving one leervraag unmatched costs; MaximumMatches puts the number of matches first
	Floor         int32          // arcs whose Score is below it are left out; pinned pairs are not
	Excluded      []Pair         // pairs that must not be matched, whatever Arcs says
	Pins          []Pin          // pairs that must be matched
}

// Place is a leerplek. Where coaches are counted, a place without coaches takes nobody.
type Place struct {
	Capacity     int32
	Organisation int32
	Coaches      []int32 // of the same organisation; one coach may serve several places
}

// Organisation is an employer that receives, and sends if Problem.Home says so.
//
// Its balance is what it has received less what it has sent, here and before; seed 001, 5.4: giving and taking are
// "niet één-op-één". Every unit above zero costs a step, the last of them for ever.
type Organisation struct {
	Max   int32   // how many switchers it receives at most, or Unlimited
	Free  int32   // what it may receive beyond what it sends before the first step; negative if it owes
	Steps []int64 // not negative, never falling; empty: receiving costs nothing
}

// Arc is a leervraag that could go to a place.
type Arc struct {
	Leervraag, Place int32
	Cost             int32 // what is minimised, within ±MaxCost
	Score            int32 // what Floor and SolveFair look at: not negative, higher is better
}

// Pair is a leervraag and a place.
type Pair struct{ Leervraag, Place int32 }

// Pin is a match that stands. It needs no arc: its cost counts in the objective and its score in the result.
type Pin struct {
	Leervraag, Place int32
	Coach            int32 // or None: the solver chooses
	Cost, Score      int32
}

// What can be wrong with a problem or a change; the text around it says where.
var (
	ErrOutOfRange   = errors.New("out of range")
	ErrDuplicate    = errors.New("given twice")
	ErrSteps        = errors.New("steps must not be negative and must not fall")
	ErrCoach        = errors.New("a coach serves places of one organisation")
	ErrPinExcluded  = errors.New("a pinned pair is excluded")
	ErrPinsDoNotFit = errors.New("the pinned matches do not fit the capacities")
	ErrAbsent       = errors.New("no such leervraag")
	ErrNoArc        = errors.New("no such candidate")
	ErrPinned       = errors.New("the leervraag is pinned")
	ErrOverflow     = errors.New("the costs are too large for so many nodes")
	ErrUnsolved     = errors.New("solve first")
)

// MaximumMatches is a cost of staying unmatched that puts the number of matches before every other cost: with n
// leervragen, costs that differ by at most spread, and steps of at most step.
func MaximumMatches(n int, spread, step int64) int64 { return (int64(n) + 1) * (spread + step + 1) }

// Solver holds a problem and its solution. It is for one goroutine at a time.
type Solver struct {
	net    network
	scores []int32 // by seat, as net.seats; nil as long as nobody gave one
	places []place
	coach  []coach
	serves []int32 // by coach: the organisation of its places, or None
	orgs   []organisation
	placed []int32 // by node: its place, or None
	sink   int32
	pins   []pin // by leervraag
	floor  int32
	barred map[Pair]bool
	hidden []int32 // by leervraag: candidates left out by the floor
	solved bool
	next   int     // the first leervraag that Solve has not put in yet
	relief *relief // nil until it is asked for, and after each change

	costliest, steepest int64 // the largest cost of an arc, of a step
}

type place struct {
	capacity     int32
	organisation int32
	node         int32
	door         int32   // the half-arc that the capacity lies on; none where nothing leads on
	coaches      []int32 // sorted
	arcs         []int32 // half-arcs to the coaches
	pinned       int32   // pinned with their coach: they pass the door by
}

type coach struct {
	capacity int32
	node     int32
	arc      int32
}

type organisation struct {
	Organisation
	entry   int32   // its node that the maximum lies behind
	balance int32   // its node that the steps lie behind
	max     int32   // half-arc
	steps   []int32 // half-arcs to the sink: the free one, then one by step
	free    int32   // Free and what it sends here
}

type pin struct {
	on    bool
	coach int32
	place int32
	score int32
	seat  int32
}

// New checks a problem and prepares it; Solve solves it. Errors wrap one of this package's and name the index.
func New(p Problem) (*Solver, error) {
	s := &Solver{floor: p.Floor, barred: map[Pair]bool{}}
	var err error
	if s.costliest, s.steepest, err = p.check(); err != nil {
		return nil, err
	}
	s.net.unmatched = p.Unmatched
	s.build(p)
	for _, x := range p.Excluded {
		s.barred[x] = true
	}
	for _, x := range p.Pins {
		if s.barred[Pair{x.Leervraag, x.Place}] {
			return nil, fmt.Errorf("leervraag %d on place %d: %w", x.Leervraag, x.Place, ErrPinExcluded)
		}
	}
	if err := s.fill(p); err != nil {
		return nil, err
	}
	for _, x := range p.Pins {
		s.pinSeat(x)
	}
	return s, nil
}

func within[T cmp.Ordered](v, low, high T, what string, args ...any) error {
	if v < low || v > high {
		return fmt.Errorf(what+": %v is not within %v and %v: %w", append(args, v, low, high, ErrOutOfRange)...)
	}
	return nil
}

func (p *Problem) check() (arcs, step int64, err error) {
	nodes := p.Leervragen + len(p.Places) + len(p.Coaches) + len(p.Organisations)
	if err := errors.Join(
		within(p.Leervragen, 0, MaxNodes, "leervragen"),
		within(nodes, 0, MaxNodes, "leervragen, places, coaches and organisations"),
		within(p.Unmatched, 0, MaxUnmatched, "unmatched"),
		within(len(p.Arcs), 0, math.MaxInt32-MaxNodes, "arcs"),
	); err != nil {
		return 0, 0, err
	}
	if p.Home != nil && len(p.Home) != p.Leervragen {
		return 0, 0, fmt.Errorf("%d homes of %d leervragen: %w", len(p.Home), p.Leervragen, ErrOutOfRange)
	}
	orgs := int32(len(p.Organisations))
	for i, o := range p.Home {
		if err := within(o, None, orgs-1, "home of leervraag %d", i); err != nil {
			return 0, 0, err
		}
	}
	for i, c := range p.Coaches {
		if err := within(c, 0, Unlimited, "capacity of coach %d", i); err != nil {
			return 0, 0, err
		}
	}
	serves := make([]int32, len(p.Coaches))
	for i := range serves {
		serves[i] = None
	}
	for i, x := range p.Places {
		if err := errors.Join(within(x.Capacity, 0, Unlimited, "capacity of place %d", i), within(x.Organisation, 0, orgs-1, "organisation of place %d", i)); err != nil {
			return 0, 0, err
		}
		for k, c := range x.Coaches {
			if err := within(c, 0, int32(len(p.Coaches))-1, "coach of place %d", i); err != nil {
				return 0, 0, err
			}
			if serves[c] != None && serves[c] != x.Organisation {
				return 0, 0, fmt.Errorf("coach %d: %w", c, ErrCoach)
			}
			serves[c] = x.Organisation
			if slices.Contains(x.Coaches[:k], c) {
				return 0, 0, fmt.Errorf("coach %d of place %d: %w", c, i, ErrDuplicate)
			}
		}
	}
	for i, o := range p.Organisations {
		if err := errors.Join(within(o.Max, 0, Unlimited, "maximum of organisation %d", i), within(o.Free, -MaxNodes, MaxNodes, "free of organisation %d", i)); err != nil {
			return 0, 0, err
		}
		last := int64(0)
		for _, c := range o.Steps {
			if c < last {
				return 0, 0, fmt.Errorf("organisation %d: %w", i, ErrSteps)
			}
			if err := within(c, 0, MaxCost, "step of organisation %d", i); err != nil {
				return 0, 0, err
			}
			last = c
		}
		step = max(step, last)
	}
	for i, a := range p.Arcs {
		if err := p.checkPair(Pair{a.Leervraag, a.Place}, a.Cost, a.Score, "arc", i); err != nil {
			return 0, 0, err
		}
		arcs = max(arcs, abs(a.Cost))
	}
	pinned := map[int32]bool{}
	for i, x := range p.Pins {
		if err := p.checkPair(Pair{x.Leervraag, x.Place}, x.Cost, x.Score, "pin", i); err != nil {
			return 0, 0, err
		}
		if x.Coach != None && (x.Coach < 0 || !slices.Contains(p.Places[x.Place].Coaches, x.Coach)) {
			return 0, 0, fmt.Errorf("coach %d of pin %d is none of place %d: %w", x.Coach, i, x.Place, ErrOutOfRange)
		}
		if pinned[x.Leervraag] {
			return 0, 0, fmt.Errorf("pin of leervraag %d: %w", x.Leervraag, ErrDuplicate)
		}
		pinned[x.Leervraag] = true
		arcs = max(arcs, abs(x.Cost))
	}
	for i, x := range p.Excluded {
		if err := p.checkPair(x, 0, 0, "exclusion", i); err != nil {
			return 0, 0, err
		}
	}
	return arcs, step, bound(nodes, arcs, step, p.Unmatched)
}

// bound keeps every price, distance and sum below 2^61: a way visits a node once, and each visit costs at most one arc
// of a row in either direction or one step.
func bound(nodes int, arcs, step, unmatched int64) error {
	each := 2*max(arcs, unmatched) + step
	if each > 0 && int64(4*nodes+16) > (math.MaxInt64/4)/each {
		return fmt.Errorf("%d nodes and costs of %d: %w", nodes, each, ErrOverflow)
	}
	return nil
}

func abs(c int32) int64 { return max(int64(c), -int64(c)) }

func (p *Problem) checkPair(x Pair, cost, score int32, what string, i int) error {
	return errors.Join(
		within(x.Leervraag, 0, int32(p.Leervragen)-1, "leervraag of %s %d", what, i),
		within(x.Place, 0, int32(len(p.Places))-1, "place of %s %d", what, i),
		within(cost, -MaxCost, MaxCost, "cost of %s %d", what, i),
		within(score, 0, math.MaxInt32-1, "score of %s %d", what, i),
	)
}

// build makes the nodes and arcs behind the places.
func (s *Solver) build(p Problem) {
	n := &s.net
	node := func(place int32) int32 {
		s.placed = append(s.placed, place)
		return n.addNode()
	}
	for i := range p.Places {
		s.places = append(s.places, place{capacity: p.Places[i].Capacity, organisation: p.Places[i].Organisation, node: node(int32(i)), door: none})
	}
	for _, c := range p.Coaches {
		s.coach = append(s.coach, coach{capacity: c, node: node(None), arc: none})
		s.serves = append(s.serves, None)
	}
	for _, o := range p.Organisations {
		x := organisation{Organisation: o, entry: node(None), free: o.Free}
		x.balance, x.max = x.entry, none
		if o.Max != Unlimited {
			x.balance = node(None)
		}
		s.orgs = append(s.orgs, x)
	}
	s.sink = node(None)
	for i := range s.orgs {
		o := &s.orgs[i]
		if o.balance != o.entry {
			o.max = n.addArc(o.entry, o.balance, o.Max, 0)
		}
	}
	for _, o := range p.Home {
		if o >= 0 {
			s.orgs[o].free++
		}
	}
	for i := range s.orgs {
		o := &s.orgs[i]
		if len(o.Steps) == 0 {
			o.steps = []int32{n.addArc(o.balance, s.sink, Unlimited, 0)}
			continue
		}
		o.steps = append(o.steps, n.addArc(o.balance, s.sink, o.width(0), 0))
		for k, c := range o.Steps {
			o.steps = append(o.steps, n.addArc(o.balance, s.sink, o.width(k+1), c))
		}
	}
	for i, x := range p.Places {
		s.lead(int32(i), x.Coaches)
	}
}

// width is how many units pass over a step: 0 is the free one. What an organisation owes takes up the first steps.
func (o *organisation) width(k int) int32 {
	switch {
	case k == 0:
		return max(o.free, 0)
	case k == len(o.Steps):
		return Unlimited
	case int64(k) <= -int64(o.free):
		return 0
	}
	return 1
}

// lead joins a place to its coaches, or to its organisation where coaches are not counted.
func (s *Solver) lead(i int32, coaches []int32) {
	n, x := &s.net, &s.places[i]
	x.coaches = slices.Sorted(slices.Values(coaches))
	entry := s.orgs[x.organisation].entry
	if len(s.coach) == 0 {
		x.door = n.addArc(x.node, entry, x.capacity, 0)
		return
	}
	from := x.node
	if len(x.coaches) > 1 {
		s.placed = append(s.placed, None)
		from = n.addNode()
		x.door = n.addArc(x.node, from, x.capacity, 0)
	}
	for _, c := range x.coaches {
		s.serves[c] = x.organisation
		if s.coach[c].arc == none {
			s.coach[c].arc = n.addArc(s.coach[c].node, entry, s.coach[c].capacity, 0)
		}
		if len(x.coaches) == 1 {
			x.door = n.addArc(from, s.coach[c].node, x.capacity, 0)
			x.arcs = append(x.arcs, x.door)
			continue
		}
		x.arcs = append(x.arcs, n.addArc(from, s.coach[c].node, Unlimited, 0))
	}
}

// fill sorts the arcs by leervraag and place into the rows, without what is excluded or below the floor.
func (s *Solver) fill(p Problem) error {
	n := &s.net
	n.rows = make([]row, p.Leervragen)
	s.pins = make([]pin, p.Leervragen)
	s.hidden = make([]int32, p.Leervragen)
	scored := false
	skip := func(a Arc) bool {
		return a.Score < p.Floor || len(s.barred) > 0 && s.barred[Pair{a.Leervraag, a.Place}]
	}
	total := int32(0)
	for _, a := range p.Arcs {
		scored = scored || a.Score != 0
		if skip(a) {
			if a.Score < p.Floor {
				s.hidden[a.Leervraag]++
			}
			continue
		}
		n.rows[a.Leervraag].room++
		total++
	}
	at := int32(0)
	for i := range n.rows {
		r := &n.rows[i]
		r.start, r.at, r.home = at, absent, s.homeOf(p, i)
		at += r.room
	}
	n.seats = make([]seat, total, int(total)+len(p.Pins))
	if scored {
		s.scores = make([]int32, total, int(total)+len(p.Pins))
	}
	for _, a := range p.Arcs {
		if skip(a) {
			continue
		}
		r := &n.rows[a.Leervraag]
		k := r.start + r.count
		n.seats[k] = seat{s.places[a.Place].node, a.Cost}
		if scored {
			s.scores[k] = a.Score
		}
		r.count++
	}
	for i := range n.rows {
		if err := s.sortRow(int32(i)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Solver) homeOf(p Problem, i int) int32 {
	if p.Home == nil || p.Home[i] < 0 {
		return s.sink
	}
	return s.orgs[p.Home[i]].balance
}

// sortRow puts the seats of a row in the order of their nodes, so that the order in which they came cannot matter.
func (s *Solver) sortRow(i int32) error {
	r := &s.net.rows[i]
	list := s.net.seats[r.start : r.start+r.count]
	sorted := func() error {
		for k := 1; k < len(list); k++ {
			if list[k].node == list[k-1].node {
				return fmt.Errorf("leervraag %d and place %d: %w", i, s.placed[list[k].node], ErrDuplicate)
			}
		}
		return nil
	}
	if slices.IsSortedFunc(list, func(a, b seat) int { return cmp.Compare(a.node, b.node) }) {
		return sorted()
	}
	if s.scores == nil {
		slices.SortFunc(list, func(a, b seat) int { return cmp.Compare(a.node, b.node) })
		return sorted()
	}
	type both struct {
		seat
		score int32
	}
	pairs := make([]both, len(list))
	scores := s.scores[r.start : r.start+r.count]
	for k := range list {
		pairs[k] = both{list[k], scores[k]}
	}
	slices.SortFunc(pairs, func(a, b both) int { return cmp.Compare(a.node, b.node) })
	for k := range pairs {
		list[k], scores[k] = pairs[k].seat, pairs[k].score
	}
	return sorted()
}

// Solve puts in every leervraag that is not in yet, the pinned ones first; after each the assignment of those that are in
// is optimal. progress, if not nil, hears now and then how many of them are in. A cancelled context ends it with the
// context's error, and Solve can be called again to go on.
func (s *Solver) Solve(ctx context.Context, progress func(done, total int)) error {
	n := &s.net
	if s.solved {
		return nil
	}
	for i := range n.rows {
		if s.pins[i].on && n.rows[i].at == absent {
			if err := s.place(int32(i)); err != nil {
				return err
			}
		}
	}
	work := n.scanned
	a := newAim(n)
	for ; s.next < len(n.rows); s.next++ {
		a.take(n, s.sink)
		if n.scanned-work > 1<<20 || s.next%1024 == 0 {
			work = n.scanned
			if err := ctx.Err(); err != nil {
				return err
			}
			if progress != nil {
				progress(s.next, len(n.rows))
			}
		}
		if n.rows[s.next].at == absent && !s.pins[s.next].on {
			n.insert(int32(s.next), s.sink)
		}
	}
	a.shoot(n, s.sink)
	s.solved = true
	if progress != nil {
		progress(len(n.rows), len(n.rows))
	}
	return nil
}

// insert puts a row in by the cheapest way to the sink, or to any node that wants a unit.
func (n *network) insert(i, sink int32) bool {
	end, _ := n.search(i, none, sink, infinite)
	if end == none {
		return false
	}
	n.send(end, i, none)
	return true
}

// pinSeat remembers a pin, and makes the seat that its row takes: at the coach if the pin names one. It lies outside of
// the row's own seats, so that it goes with the pin.
func (s *Solver) pinSeat(x Pin) {
	n := &s.net
	v := s.places[x.Place].node
	if x.Coach != None {
		v = s.coach[x.Coach].node
	}
	s.pins[x.Leervraag] = pin{on: true, coach: x.Coach, place: x.Place, score: x.Score, seat: int32(len(n.seats))}
	n.seats = append(n.seats, seat{v, x.Cost})
	if s.scores != nil {
		s.scores = append(s.scores, x.Score)
	}
}

// place puts a pinned leervraag in.
func (s *Solver) place(i int32) error {
	n := &s.net
	x := s.pins[i]
	r := &n.rows[i]
	from := n.seats[x.seat].node
	fail := func(err error) error { return fmt.Errorf("leervraag %d on place %d: %w", i, x.place, err) }
	if x.coach != None {
		if err := s.shift(x.place, 1); err != nil {
			return fail(err)
		}
	}
	end, _ := n.search(none, from, s.sink, infinite)
	if end == none {
		if x.coach != None {
			return errors.Join(fail(ErrPinsDoNotFit), s.shift(x.place, -1))
		}
		return fail(ErrPinsDoNotFit)
	}
	n.send(end, none, from)
	r.fixed = true
	n.sit(i, x.seat)
	return nil
}

// shift counts a pinned match that passes a place's door by, and narrows the door; -1 takes it back.
func (s *Solver) shift(i, by int32) error {
	x := &s.places[i]
	if x.pinned+by > x.capacity {
		return ErrPinsDoNotFit
	}
	if x.capacity != Unlimited {
		if err := s.net.setCapacity(x.door, x.capacity-x.pinned-by); err != nil {
			return err
		}
	}
	x.pinned += by
	return nil
}
