package assign_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/matching/assign"
	"github.com/switchingtalent/switchboard/internal/matching/assign/certify"
)

// world is a problem with what the tests need to know besides: who is out, and every feasible pair.
type world struct {
	assign.Problem
	absent []bool
}

// cohort is what certify is told, from the problem alone.
func (w *world) cohort() *certify.Cohort {
	c := &certify.Cohort{Leervragen: w.Leervragen, Absent: w.absent, Unmatched: w.Unmatched}
	free := func(v int32) int {
		if v == assign.Unlimited {
			return certify.Free
		}
		return int(v)
	}
	ints := func(list []int32) []int {
		var out []int
		for _, v := range list {
			out = append(out, int(v))
		}
		return out
	}
	c.Home = ints(w.Home)
	for _, p := range w.Places {
		c.Places = append(c.Places, certify.Place{Capacity: free(p.Capacity), Organisation: int(p.Organisation), Coaches: ints(p.Coaches)})
	}
	for _, k := range w.Coaches {
		c.Coaches = append(c.Coaches, free(k))
	}
	for _, o := range w.Organisations {
		c.Organisations = append(c.Organisations, certify.Organisation{Max: free(o.Max), Allowed: int(o.Free), Steps: o.Steps})
	}
	for _, x := range w.Pins {
		c.Pins = append(c.Pins, certify.Pin{Leervraag: int(x.Leervraag), Place: int(x.Place), Coach: int(x.Coach), Cost: int64(x.Cost)})
	}
	by := make([][]assign.Arc, w.Leervragen)
	for _, a := range w.Arcs {
		if a.Score >= w.Floor && !slices.Contains(w.Excluded, assign.Pair{Leervraag: a.Leervraag, Place: a.Place}) {
			by[a.Leervraag] = append(by[a.Leervraag], a)
		}
	}
	c.Pairs = func(i int, yield func(int, int64) bool) {
		for _, a := range by[i] {
			if !yield(int(a.Place), int64(a.Cost)) {
				return
			}
		}
	}
	return c
}

func claim(s *assign.Solver) certify.Claim {
	r, p := s.Result(), s.Prices()
	c := certify.Claim{Objective: r.Objective, AtPlace: p.Place, BehindPlace: p.Exit, AtCoach: p.Coach, AtOrganisation: p.Entry, BehindOrganisation: p.Balance}
	for _, m := range r.Matches {
		c.Place = append(c.Place, int(m.Place))
		c.Coach = append(c.Coach, int(m.Coach))
	}
	return c
}

// certified checks the solver's present answer, and returns its objective.
func certified(t *testing.T, w *world, s *assign.Solver) int64 {
	t.Helper()
	got, err := w.cohort().Check(claim(s))
	require.NoError(t, err)
	require.Zero(t, got.Gap)
	return got.Objective
}

func solved(t *testing.T, p assign.Problem) *assign.Solver {
	t.Helper()
	s, err := assign.New(p)
	require.NoError(t, err)
	require.NoError(t, s.Solve(context.Background(), nil))
	return s
}

// exhaustive tries every assignment; ok is false if the pins fit in none.
func exhaustive(w *world) (best int64, ok bool) {
	best = 1 << 60
	type pair struct {
		place int32
		cost  int64
	}
	pairs := make([][]pair, w.Leervragen)
	for _, a := range w.Arcs {
		if a.Score >= w.Floor && !slices.Contains(w.Excluded, assign.Pair{Leervraag: a.Leervraag, Place: a.Place}) {
			pairs[a.Leervraag] = append(pairs[a.Leervraag], pair{a.Place, int64(a.Cost)})
		}
	}
	pinned := make([]int32, w.Leervragen)
	for i := range pinned {
		pinned[i] = -1
	}
	for i, x := range w.Pins {
		pairs[x.Leervraag] = []pair{{x.Place, int64(x.Cost)}}
		pinned[x.Leervraag] = int32(i)
	}
	inside, coached := make([]int32, len(w.Places)), make([]int32, len(w.Coaches))
	received, sent := make([]int32, len(w.Organisations)), make([]int32, len(w.Organisations))
	var try func(i int, cost int64)
	try = func(i int, cost int64) {
		if i == w.Leervragen {
			for o, x := range w.Organisations {
				for k := int32(0); len(x.Steps) > 0 && k < received[o]-sent[o]-x.Free; k++ {
					cost += x.Steps[min(int(k), len(x.Steps)-1)]
				}
			}
			if cost < best {
				best, ok = cost, true
			}
			return
		}
		if w.absent != nil && w.absent[i] {
			try(i+1, cost)
			return
		}
		if pinned[i] < 0 {
			try(i+1, cost+w.Unmatched)
		}
		for _, y := range pairs[i] {
			p, c := y.place, y.cost
			x := &w.Places[p]
			o := x.Organisation
			if inside[p] >= x.Capacity || received[o] >= w.Organisations[o].Max {
				continue
			}
			inside[p]++
			received[o]++
			home := int32(-1)
			if w.Home != nil {
				home = w.Home[i]
			}
			if home >= 0 {
				sent[home]++
			}
			if len(w.Coaches) == 0 {
				try(i+1, cost+c)
			}
			for _, k := range x.Coaches {
				if coached[k] < w.Coaches[k] && (pinned[i] < 0 || w.Pins[pinned[i]].Coach < 0 || w.Pins[pinned[i]].Coach == k) {
					coached[k]++
					try(i+1, cost+c)
					coached[k]--
				}
			}
			if home >= 0 {
				sent[home]--
			}
			inside[p]--
			received[o]--
		}
	}
	try(0, 0)
	return best, ok
}

// small draws a cohort that can be searched.
func small(r *rand.Rand) *world {
	w := &world{Problem: assign.Problem{Leervragen: r.IntN(6), Unmatched: int64(r.IntN(60))}}
	orgs, places := 1+r.IntN(3), 1+r.IntN(5)
	if r.IntN(2) == 0 {
		for range w.Leervragen {
			w.Home = append(w.Home, int32(r.IntN(orgs+1)-1))
		}
	}
	for range orgs {
		o := assign.Organisation{Max: assign.Unlimited, Free: int32(r.IntN(5) - 2)}
		if r.IntN(3) == 0 {
			o.Max = int32(r.IntN(4))
		}
		step := int64(0)
		for range r.IntN(4) {
			step += int64(r.IntN(12))
			o.Steps = append(o.Steps, step)
		}
		w.Organisations = append(w.Organisations, o)
	}
	if r.IntN(2) == 0 {
		for range 1 + r.IntN(4) {
			w.Coaches = append(w.Coaches, int32(r.IntN(3)))
		}
	}
	owner := make([]int32, len(w.Coaches))
	for k := range owner {
		owner[k] = int32(r.IntN(orgs))
	}
	for range places {
		p := assign.Place{Capacity: int32(r.IntN(3)), Organisation: int32(r.IntN(orgs))}
		if r.IntN(8) == 0 {
			p.Capacity = assign.Unlimited
		}
		for k, o := range owner {
			if o == p.Organisation && r.IntN(4) > 0 {
				p.Coaches = append(p.Coaches, int32(k))
			}
		}
		w.Places = append(w.Places, p)
	}
	spread := 1 + r.IntN(40)
	for i := range w.Leervragen {
		for p := range places {
			if r.IntN(3) > 0 {
				c := int32(r.IntN(spread) - 5)
				w.Arcs = append(w.Arcs, assign.Arc{Leervraag: int32(i), Place: int32(p), Cost: c, Score: 40 - c})
			}
		}
	}
	if r.IntN(4) == 0 {
		w.Floor = int32(10 + r.IntN(20))
	}
	for i := range w.Leervragen {
		p := int32(r.IntN(places))
		switch r.IntN(8) {
		case 0:
			w.Excluded = append(w.Excluded, assign.Pair{Leervraag: int32(i), Place: p})
		case 1:
			x := assign.Pin{Leervraag: int32(i), Place: p, Coach: assign.None, Cost: int32(r.IntN(30)), Score: 1}
			if c := w.Places[p].Coaches; len(c) > 0 && r.IntN(2) == 0 {
				x.Coach = c[r.IntN(len(c))]
			}
			w.Pins = append(w.Pins, x)
		}
	}
	return w
}

func TestSolve_IsWhatExhaustiveSearchFinds(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	fits, contradicts := 0, 0
	for range 4000 {
		w := small(r)
		want, ok := exhaustive(w)
		s, err := assign.New(w.Problem)
		require.NoError(t, err)
		err = s.Solve(context.Background(), nil)
		if !ok {
			contradicts++
			require.ErrorIs(t, err, assign.ErrPinsDoNotFit)
			continue
		}
		fits++
		require.NoError(t, err)
		require.Equal(t, want, certified(t, w, s))
	}
	require.Greater(t, fits, 2500)
	require.Greater(t, contradicts, 100)
}
