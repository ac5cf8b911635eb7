package assign

import (
	"errors"
	"fmt"
)

// Forced is what it would cost to match a pair that is not matched.
type Forced struct {
	Possible bool  // false: closed places or pinned matches leave no way
	Cost     int64 // how much the objective would rise; 0 if another optimum has the pair
	Moves    int   // how many others would go elsewhere
	LeftOut  bool  // one of them would be left unmatched
}

// WhyNot returns exactly what forcing a leervraag onto a place at a cost would cost all together: what it pays there
// instead of where it is, and what follows for others. Nothing changes. The pair needs no arc.
func (s *Solver) WhyNot(leervraag, place, cost int32) (Forced, error) {
	if err := s.known(leervraag); err != nil {
		return Forced{}, err
	}
	if err := within(place, 0, int32(len(s.places))-1, "place"); err != nil {
		return Forced{}, err
	}
	if err := within(cost, -MaxCost, MaxCost, "cost"); err != nil {
		return Forced{}, err
	}
	n := &s.net
	r := &n.rows[leervraag]
	if r.fixed {
		return Forced{}, fmt.Errorf("leervraag %d: %w", leervraag, ErrPinned)
	}
	from, to := s.places[place].node, n.node(r)
	far, ok := s.ask(from, to)
	if !ok {
		return Forced{}, nil
	}
	out := Forced{Possible: true, Cost: int64(cost) - n.pays(r) + far}
	for v := to; v != from; {
		by := n.via[v]
		if by.row == none {
			v = n.tail(by.what)
			continue
		}
		out.Moves++
		out.LeftOut = out.LeftOut || by.what == none
		v = n.node(&n.rows[by.row])
	}
	return out, nil
}

// ask finds what one more unit at a node would cost on its way to another, and leaves everything as it is.
func (s *Solver) ask(from, to int32) (cost int64, ok bool) {
	n := &s.net
	n.frozen = true
	end, far := n.search(none, from, to, infinite)
	n.frozen = false
	return far + n.label[from].price - n.label[to].price, end != none
}

// Reason is why a leervraag is unmatched.
type Reason string

// The reasons.
const (
	Matched      Reason = ""              // it is not
	NoCandidates Reason = "no_candidates" // it has no arcs
	BelowFloor   Reason = "below_floor"   // its arcs are all below the floor
	Closed       Reason = "closed"        // its places take nobody, or have no coach
	Full         Reason = "full"          // its places are taken by others, for whom that is worth more
	NotWorth     Reason = "not_worth"     // every place costs at least as much as staying unmatched
)

// Fix is the one capacity that, one higher, would place an unmatched leervraag.
type Fix struct {
	Kind  FixKind
	Index int32 // of the place, coach or organisation
	Place int32 // where the leervraag would go
	At    int32 // the place where there would be one more: another, if somebody moves from Place for it
	Gain  int64 // how much the objective would fall with the capacity one higher and the leervraag at Place; above zero
}

// FixKind says of what a capacity is.
type FixKind string

// The kinds of capacities.
const (
	NoFix           FixKind = "" // no single capacity would do
	PlaceFix        FixKind = "place"
	CoachFix        FixKind = "coach"
	OrganisationFix FixKind = "organisation"
)

// Explain says why a leervraag is unmatched, and which capacity, one higher, would place it, while nobody else comes in who
// is unmatched: the one of its own places where going straight there gains most, if that is more than half of what
// staying unmatched costs; or else the one of all, to which others would move, that gains most. What others do then is part of the gain.
// It is exact where staying unmatched costs more than all that moving others could save (MaximumMatches) and the gain is more
// than half of that; elsewhere one who moves could be counted twice, and the gain is at most so much. Where several leervragen
// want the same place, the optimum with one more may well give it to another of them: each has its own gain.
func (s *Solver) Explain(leervraag int32) (Reason, Fix, error) {
	if err := s.known(leervraag); err != nil {
		return Matched, Fix{}, err
	}
	n := &s.net
	r := &n.rows[leervraag]
	switch {
	case r.at >= 0:
		return Matched, Fix{}, nil
	case r.count == 0 && s.hidden[leervraag] > 0:
		return BelowFloor, Fix{}, nil
	case r.count == 0:
		return NoCandidates, Fix{}, nil
	}
	list := make([]Candidate, 0, r.count)
	for _, x := range n.seats[r.start : r.start+r.count] {
		list = append(list, Candidate{Place: s.placed[x.node], Cost: x.cost})
	}
	reason, fix := s.explain(r, list)
	return reason, fix, nil
}

// ExplainOver is Explain of an unmatched leervraag that has these candidates, whatever their scores, in place of its arcs.
func (s *Solver) ExplainOver(leervraag int32, list []Candidate) (Reason, Fix, error) {
	if err := s.known(leervraag); err != nil {
		return Matched, Fix{}, err
	}
	for k, x := range list {
		if err := errors.Join(within(x.Place, 0, int32(len(s.places))-1, "place of candidate %d", k), within(x.Cost, -MaxCost, MaxCost, "cost of candidate %d", k)); err != nil {
			return Matched, Fix{}, err
		}
	}
	r := &s.net.rows[leervraag]
	switch {
	case r.at >= 0:
		return Matched, Fix{}, nil
	case len(list) == 0:
		return NoCandidates, Fix{}, nil
	}
	reason, fix := s.explain(r, list)
	return reason, fix, nil
}

func (s *Solver) explain(r *row, list []Candidate) (Reason, Fix) {
	n := &s.net
	reason := NotWorth
	open := false
	for _, x := range list {
		open = open || s.open(x.Place)
		if int64(x.Cost) < n.unmatched {
			reason = Full
		}
	}
	if !open && reason == Full {
		reason = Closed
	}
	var fix Fix
	if s.relief == nil {
		s.relief = s.newRelief()
	}
	f := s.relief
	for way := range ways {
		var best ease
		least := n.unmatched + n.label[r.home].price
		for _, x := range list {
			over := f.at(s, way, x.Place, r.home)
			if over.dist >= infinite {
				continue
			}
			if cost := int64(x.Cost) + n.label[s.places[x.Place].node].price + over.dist - f.shift; cost < least {
				full := f.full[over.which]
				least, best, fix = cost, over, Fix{Kind: full.kind, Index: full.index, Place: x.Place, At: over.place}
			}
		}
		if fix.Kind == NoFix {
			continue
		}
		if way == straight && best.dist > best.from {
			least -= best.dist - best.from - f.room(s, fix.Place, best)
		}
		fix.Gain = n.unmatched + n.label[r.home].price - least
		if fix.Gain > n.unmatched/2 {
			break // nobody has to move to where there would be room
		}
	}
	return reason, fix
}

// open says whether a place could take anybody at all.
func (s *Solver) open(i int32) bool {
	x := &s.places[i]
	if x.capacity == 0 || x.door == none || s.orgs[x.organisation].Max == 0 {
		return false
	}
	if len(s.coach) == 0 {
		return true
	}
	for _, c := range x.coaches {
		if s.coach[c].capacity > 0 {
			return true
		}
	}
	return false
}

// Contested returns, for every place, what one more there would save: the price of its capacity, 0 where there is room.
// It is a dual, so the saving is this at most; SetPlaceCapacity tells what it is.
func (s *Solver) Contested() []int64 {
	n := &s.net
	out := make([]int64, len(s.places))
	for i := range s.places {
		if h := s.places[i].door; h != none {
			out[i] = max(0, -n.reduced(h))
		}
	}
	return out
}
