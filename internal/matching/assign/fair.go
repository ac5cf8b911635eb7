package assign

import (
	"context"
	"slices"
)

// Fair is what SolveFair found.
type Fair struct {
	Matched int   // the largest number of matches that is possible
	Lowest  int32 // the highest score that so many matches can all reach; those that are pinned do not count
	Priced  Priced
}

// SolveFair puts the worst-off first, in this order:
//
//  1. as many matches as possible, the Floor, the exclusions, the capacities and the pins kept;
//  2. among those, the lowest score of a match that is not pinned is as high as possible;
//  3. among those, the objective is lowest, steps of organisations included.
//
// The second is found by search: so many matches are possible above a score, or they are not. Problem.Unmatched
// is raised to a cost that keeps the number of matches first, where it is lower. rows, if not nil, gives every feasible candidate, and all
// three hold over those; otherwise they hold over the arcs. progress, if not nil, hears of each of the solves that this
// takes, as Solve tells it; a cancelled context ends it with the context's error.
func SolveFair(ctx context.Context, p Problem, rows Rows, progress func(done, total int)) (*Solver, Fair, error) {
	var out Fair
	reach := func(floor int32) (matched int, lowest int32, err error) {
		s, err := New(p.counting(floor))
		if err != nil {
			return 0, 0, err
		}
		if err := s.Solve(ctx, progress); err != nil {
			return 0, 0, err
		}
		if rows != nil {
			if _, err := s.Price(ctx, free(rows)); err != nil {
				return 0, 0, err
			}
		}
		matched, lowest = s.reached()
		return matched, lowest, nil
	}
	most, low, err := reach(p.Floor)
	if err != nil {
		return nil, out, err
	}
	out.Matched = most
	// low is reached. No more than so many leervragen have a candidate above high.
	if high := p.ceiling(rows, most); most > len(p.Pins) {
		low = max(low, p.Floor)
		for low < high {
			middle := low + (high-low+1)/2
			matched, lowest, err := reach(middle)
			switch {
			case err != nil:
				return nil, out, err
			case matched == most:
				low = max(middle, lowest)
			default:
				high = middle - 1
			}
		}
		out.Lowest, p.Floor = low, low
	}
	spread, step := int64(0), int64(0)
	for _, a := range p.Arcs {
		spread = max(spread, abs(a.Cost))
	}
	for _, x := range p.Pins {
		spread = max(spread, abs(x.Cost))
	}
	if rows != nil {
		var list []Candidate
		for i := range int32(p.Leervragen) {
			if err := ctx.Err(); err != nil {
				return nil, out, err
			}
			list = rows(i, list[:0])
			for _, c := range list {
				spread = max(spread, abs(c.Cost))
			}
		}
	}
	for _, o := range p.Organisations {
		if k := len(o.Steps); k > 0 {
			step = max(step, o.Steps[k-1])
		}
	}
	p.Unmatched = max(p.Unmatched, MaximumMatches(p.Leervragen, 2*spread, 2*step))
	s, err := New(p)
	if err != nil {
		return nil, out, err
	}
	if err := s.Solve(ctx, progress); err != nil {
		return nil, out, err
	}
	if rows != nil {
		out.Priced, err = s.Price(ctx, rows)
	}
	return s, out, err
}

// counting is the problem of matching as many as possible above a score: everything is free but staying unmatched.
func (p *Problem) counting(floor int32) Problem {
	q := *p
	q.Floor, q.Unmatched = floor, 1
	q.Arcs = slices.Clone(p.Arcs)
	for k := range q.Arcs {
		q.Arcs[k].Cost = 0
	}
	q.Pins = slices.Clone(p.Pins)
	for k := range q.Pins {
		q.Pins[k].Cost = 0
	}
	q.Organisations = slices.Clone(p.Organisations)
	for k := range q.Organisations {
		q.Organisations[k].Steps = nil
	}
	return q
}

func free(rows Rows) Rows {
	return func(i int32, into []Candidate) []Candidate {
		k := len(into)
		into = rows(i, into)
		for ; k < len(into); k++ {
			into[k].Cost = 0
		}
		return into
	}
}

// ceiling is a score that a number of leervragen cannot all exceed: the best score of the last of them.
func (p *Problem) ceiling(rows Rows, matched int) int32 {
	best := make([]int32, p.Leervragen)
	for i := range best {
		best[i] = p.Floor
	}
	for _, a := range p.Arcs {
		best[a.Leervraag] = max(best[a.Leervraag], a.Score)
	}
	var list []Candidate
	for i := range best {
		if rows == nil {
			break
		}
		list = rows(int32(i), list[:0])
		for _, c := range list {
			best[i] = max(best[i], c.Score)
		}
	}
	free := max(matched-len(p.Pins), 1)
	slices.Sort(best)
	if free > len(best) {
		return p.Floor
	}
	return best[len(best)-free]
}

// Fairness is how an assignment treats people and employers.
type Fairness struct {
	Lowest  int32   // the lowest score of a match; 0 if there is none
	Envious int     // leervragen with a higher score at a place than where they are, and than somebody who got it
	Balance []int32 // by organisation: received less sent; what was Free is not in it
}

// Fairness measures the present assignment, over the arcs.
func (s *Solver) Fairness() Fairness {
	n := &s.net
	result := s.Result()
	out := Fairness{Lowest: result.Lowest, Balance: make([]int32, len(s.orgs))}
	weakest := make([]int32, len(s.places)) // by place: 1 + the lowest score of those who got it
	for i, m := range result.Matches {
		if m.Place == None {
			continue
		}
		if !s.pins[i].on && (weakest[m.Place] == 0 || m.Score < weakest[m.Place]-1) {
			weakest[m.Place] = m.Score + 1
		}
		out.Balance[s.places[m.Place].organisation]++
		if o := s.homeOrg(n.rows[i].home); o != None {
			out.Balance[o]--
		}
	}
	for i, m := range result.Matches {
		r := &n.rows[i]
		if r.at == absent || r.fixed {
			continue
		}
		for k := r.start; k < r.start+r.count; k++ {
			score, p := s.scoreOf(k), s.placed[n.seats[k].node]
			if (m.Place == None || score > m.Score) && weakest[p] > 0 && score > weakest[p]-1 {
				out.Envious++
				break
			}
		}
	}
	return out
}
