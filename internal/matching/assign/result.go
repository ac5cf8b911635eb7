package assign

import "slices"

// Match is where one leervraag goes.
type Match struct {
	Place int32 // None: it is unmatched
	Coach int32 // None: it is unmatched, or coaches are not counted
	Cost  int64
	Score int32
}

// Result is an assignment.
type Result struct {
	Matches   []Match // by leervraag; a removed one is unmatched and costs nothing
	Matched   int     //
	Lowest    int32   // the lowest score of a match; 0 if there is none
	Objective int64   // the sum of the costs, of staying unmatched and of the organisations' steps
}

// Result returns the present assignment. A place's switchers are spread over its coaches by index.
func (s *Solver) Result() Result {
	n := &s.net
	out := Result{Matches: make([]Match, len(n.rows))}
	for i := range n.rows {
		r, m := &n.rows[i], &out.Matches[i]
		*m = Match{Place: None, Coach: None}
		if r.at == absent {
			continue
		}
		m.Cost = n.pays(r)
		out.Objective += m.Cost
		switch x := s.pins[i]; {
		case r.fixed:
			m.Place, m.Coach, m.Score = x.place, x.coach, x.score
		case r.at >= 0:
			m.Place, m.Score = s.placed[n.seats[r.at].node], s.scoreOf(r.at)
		default:
			continue
		}
		if out.Matched == 0 || m.Score < out.Lowest {
			out.Lowest = m.Score
		}
		out.Matched++
	}
	s.spread(out.Matches)
	for i := range s.orgs {
		o := &s.orgs[i]
		for _, h := range o.steps {
			out.Objective += n.half[h].cost * int64(n.half[h^1].left)
		}
		// What it owes before anybody moves costs the same in every assignment.
		for k, c := range o.Steps {
			switch owed := -int64(o.free) - int64(k); {
			case owed > 0 && k == len(o.Steps)-1:
				out.Objective += c * owed
			case owed > 0:
				out.Objective += c
			}
		}
	}
	return out
}

// spread gives each match its coach, as the flow from its place to its coaches says.
func (s *Solver) spread(matches []Match) {
	if len(s.coach) == 0 {
		return
	}
	left := make([][]int32, len(s.places))
	for i := range s.places {
		for _, h := range s.places[i].arcs {
			left[i] = append(left[i], s.net.half[h^1].left)
		}
	}
	for i := range matches {
		m := &matches[i]
		if m.Place == None || m.Coach != None {
			continue
		}
		k := slices.IndexFunc(left[m.Place], func(c int32) bool { return c > 0 })
		left[m.Place][k]--
		m.Coach = s.places[m.Place].coaches[k]
	}
}

// Prices are the duals of an optimal assignment, in the unit of the costs: what one more unit that arrived there would cost
// on its way on, displacements and steps included. They prove that the assignment is optimal (package certify checks
// it). Right after Solve they are exact; changes and Price keep them valid, as lower bounds.
type Prices struct {
	Place   []int64 // at the door of a place, its capacity ahead
	Exit    []int64 // behind its capacity, the coaches ahead
	Coach   []int64 // at a coach, the coach's capacity ahead
	Entry   []int64 // at an organisation, its maximum ahead
	Balance []int64 // behind its maximum, its steps ahead
}

// Prices returns the present ones.
func (s *Solver) Prices() Prices {
	n := &s.net
	price := func(v int32) int64 { return n.label[v].price - n.label[s.sink].price }
	var out Prices
	for i := range s.places {
		x := &s.places[i]
		out.Place = append(out.Place, price(x.node))
		exit := x.node
		if x.door != none {
			exit = n.half[x.door].head
		}
		out.Exit = append(out.Exit, price(exit))
	}
	for i := range s.coach {
		out.Coach = append(out.Coach, price(s.coach[i].node))
	}
	for i := range s.orgs {
		out.Entry = append(out.Entry, price(s.orgs[i].entry))
		out.Balance = append(out.Balance, price(s.orgs[i].balance))
	}
	return out
}
