package assign

import (
	"maps"
	"slices"
)

// Clone returns a solver with the same problem and the same assignment; what is changed in the one does not change the other.
func (s *Solver) Clone() *Solver {
	c := *s
	n := &c.net
	n.label, n.out, n.in, n.occ = slices.Clone(n.label), slices.Clone(n.out), slices.Clone(n.in), slices.Clone(n.occ)
	n.half, n.rows, n.seats, n.wants = slices.Clone(n.half), slices.Clone(n.rows), slices.Clone(n.seats), slices.Clone(n.wants)
	n.via, n.queue, n.stack, n.touched = slices.Clone(n.via), queue{}, nil, nil
	c.scores, c.coach, c.serves = slices.Clone(c.scores), slices.Clone(c.coach), slices.Clone(c.serves)
	c.placed, c.pins, c.hidden = slices.Clone(c.placed), slices.Clone(c.pins), slices.Clone(c.hidden)
	c.places = slices.Clone(c.places) // their coaches and arcs are set once
	c.orgs = slices.Clone(c.orgs)
	c.barred, c.relief = maps.Clone(c.barred), nil
	return &c
}
