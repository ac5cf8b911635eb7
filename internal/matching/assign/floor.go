package assign

import (
	"context"
	"math"
)

// SetFloor changes the score below which nobody goes who is not pinned. When it rises, candidates below it are dropped; when it falls,
// those that were left out come back by AddArcs or Price.
func (s *Solver) SetFloor(floor int32) error {
	if err := s.ready(); err != nil {
		return err
	}
	rose := floor > s.floor
	s.floor = floor
	if !rose {
		return nil
	}
	n := &s.net
	// First what nobody sits on, which moves nobody; so that who has to move does not go where they could not stay.
	var low []int32
	for i := range n.rows {
		if s.drop(int32(i)) {
			low = append(low, int32(i))
		}
	}
	for _, i := range low {
		v := n.node(&n.rows[i])
		n.rise(i)
		n.rows[i].at = absent
		s.drop(i)
		n.repair(i, v)
	}
	return nil
}

// drop takes candidates below the floor out of a row, but for the one on which it sits; it reports whether there is that one.
func (s *Solver) drop(i int32) (sits bool) {
	r := &s.net.rows[i]
	to, end := r.start, r.start+r.count
	for k := r.start; k < end; k++ {
		if s.scoreOf(k) < s.floor {
			if k != r.at {
				s.hidden[i]++
				continue
			}
			sits = true
		}
		if k != to {
			s.net.seats[to] = s.net.seats[k]
			if s.scores != nil {
				s.scores[to] = s.scores[k]
			}
			if k == r.at {
				r.at = to
			}
		}
		to++
	}
	r.count = to - r.start
	return sits
}

// Highest finds what SolveFair finds first, for a solver in which staying unmatched is the only cost, and leaves that as it is: how many can be
// matched at a floor, which is not above its own, and the highest floor at which so many can; where nobody is matched but who is pinned, the floor that was
// given. rows gives every feasible candidate, none of which may cost anything. It begins at the solver's own floor, so that it is quick where the
// answer is near to that. A cancelled context ends it with the context's error.
func (s *Solver) Highest(ctx context.Context, floor int32, rows Rows) (Fair, error) {
	var matched int
	var lowest int32
	try := func(from *Solver, floor int32) (*Solver, error) {
		t := from.Clone()
		if err := t.SetFloor(floor); err != nil {
			return nil, err
		}
		_, err := t.Price(ctx, rows)
		matched, lowest = t.reached()
		return t, err
	}
	best, err := try(s, s.floor)
	if err != nil {
		return Fair{}, err
	}
	high := int32(math.MaxInt32) // no score is so high
	out, near := Fair{Matched: matched, Lowest: lowest}, true
	if floor < s.floor {
		below, err := try(best, floor)
		if err != nil {
			return Fair{}, err
		}
		if matched > out.Matched {
			high, near = s.floor, false
			best, out = below, Fair{Matched: matched, Lowest: lowest}
		}
	}
	if out.Lowest == none {
		out.Lowest = floor
		return out, nil
	}
	for step := int32(1); out.Lowest+1 < high; step *= 2 {
		middle := out.Lowest + (high-out.Lowest)/2
		if near { // most changes raise it by nothing, or by little
			middle = out.Lowest + min(step, high-out.Lowest)
		}
		t, err := try(best, middle)
		switch {
		case err != nil:
			return Fair{}, err
		case matched == out.Matched:
			best, out.Lowest = t, lowest
		default:
			high, near = middle, false
		}
	}
	return out, nil
}

// reached counts the matches, and finds the lowest score of those that are not pinned; none where there is none.
func (s *Solver) reached() (matched int, lowest int32) {
	lowest = none
	for i := range s.net.rows {
		r := &s.net.rows[i]
		if r.at < 0 {
			continue
		}
		matched++
		if score := s.scoreOf(r.at); !r.fixed && (lowest == none || score < lowest) {
			lowest = score
		}
	}
	return matched, lowest
}
