package assign

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// Candidate is a place that a leervraag could go to.
type Candidate struct {
	Place, Cost, Score int32
}

// Rows appends every feasible candidate of a leervraag to into, those that are arcs already included and with the same
// cost; it is asked several times, and must answer the same.
type Rows func(leervraag int32, into []Candidate) []Candidate

// Priced says what Price did.
type Priced struct {
	Checked int64 // pairs of the last round: every feasible one
	Added   int   // arcs that the optimum needed
	Rounds  int
}

const atOnce = 16 // arcs that one leervraag gets in one round

// Price looks for feasible pairs outside the graph that would make the assignment cheaper, adds the best of them, repairs
// the assignment, and goes on until a round over all pairs finds none: from then on the assignment is optimal over all
// feasible pairs. A cancelled context ends it with the context's error; the assignment is then optimal over the arcs.
func (s *Solver) Price(ctx context.Context, rows Rows) (Priced, error) {
	var out Priced
	if err := s.ready(); err != nil {
		return out, err
	}
	n := &s.net
	var list, found []Candidate
	var arcs []Arc
	for {
		out.Rounds, out.Checked = out.Rounds+1, 0
		added := out.Added
		for i := range int32(len(n.rows)) {
			if i%256 == 0 {
				if err := ctx.Err(); err != nil {
					return out, err
				}
			}
			r := &n.rows[i]
			if r.at == absent || r.fixed {
				continue
			}
			list, found = rows(i, list[:0]), found[:0]
			out.Checked += int64(len(list))
			least := n.least(i)
			for _, c := range list {
				if uint32(c.Place) >= uint32(len(s.places)) {
					return out, within(c.Place, 0, int32(len(s.places))-1, "place of a candidate of leervraag %d", i)
				}
				if int64(c.Cost)+n.label[s.places[c.Place].node].price < least && c.Score >= s.floor && !s.barred[Pair{i, c.Place}] {
					found = append(found, c)
				}
			}
			if len(found) == 0 {
				continue
			}
			slices.SortFunc(found, func(a, b Candidate) int {
				pa, pb := n.label[s.places[a.Place].node].price, n.label[s.places[b.Place].node].price
				return cmp.Or(cmp.Compare(int64(a.Cost)+pa, int64(b.Cost)+pb), cmp.Compare(a.Place, b.Place))
			})
			arcs = arcs[:0]
			for _, c := range found[:min(len(found), atOnce)] {
				if s.seatOf(i, c.Place) != none {
					return out, fmt.Errorf("leervraag %d and place %d, at another cost: %w", i, c.Place, ErrDuplicate)
				}
				arcs = append(arcs, Arc{i, c.Place, c.Cost, c.Score})
			}
			if err := s.AddArcs(i, arcs); err != nil {
				return out, err
			}
			out.Added += len(arcs)
		}
		if out.Added == added {
			return out, nil
		}
	}
}
