package assign_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/matching/assign"
)

// change draws one change, makes it in the solver and in the world, and says whether the solver took it.
func change(t *testing.T, r *rand.Rand, w *world, s *assign.Solver) bool {
	t.Helper()
	var there []int32
	for i := range w.Leervragen {
		if w.absent == nil || !w.absent[i] {
			there = append(there, int32(i))
		}
	}
	some := func() int32 { return there[r.IntN(len(there))] }
	place, org := int32(r.IntN(len(w.Places))), int32(r.IntN(len(w.Organisations)))
	pinned := func(i int32) int {
		return slices.IndexFunc(w.Pins, func(x assign.Pin) bool { return x.Leervraag == i })
	}
	arc := func(i, p int32) int {
		return slices.IndexFunc(w.Arcs, func(a assign.Arc) bool { return a.Leervraag == i && a.Place == p })
	}
	refused := func(err error) bool {
		if err != nil {
			require.ErrorIs(t, err, assign.ErrPinsDoNotFit)
		}
		return err != nil
	}
	kind := r.IntN(12)
	if len(there) == 0 && kind != 1 {
		kind = 0
	}
	switch kind {
	case 0, 1:
		if len(there) > 5 {
			return false
		}
		var arcs []assign.Arc
		for p := range w.Places {
			if r.IntN(3) > 0 {
				c := int32(r.IntN(30))
				arcs = append(arcs, assign.Arc{Leervraag: int32(w.Leervragen), Place: int32(p), Cost: c, Score: 40 - c})
			}
		}
		home := assign.None
		if w.Home != nil {
			home = int32(r.IntN(len(w.Organisations)+1) - 1)
			w.Home = append(w.Home, home)
		}
		i, err := s.Insert(home, arcs)
		require.NoError(t, err)
		require.Equal(t, int32(w.Leervragen), i)
		w.Arcs = append(w.Arcs, arcs...)
		if w.absent == nil {
			w.absent = make([]bool, w.Leervragen)
		}
		w.Leervragen++
		w.absent = append(w.absent, false)
	case 2:
		i := some()
		require.NoError(t, s.Remove(i))
		if w.absent == nil {
			w.absent = make([]bool, w.Leervragen)
		}
		w.absent[i] = true
		w.Pins = slices.DeleteFunc(w.Pins, func(x assign.Pin) bool { return x.Leervraag == i })
	case 3:
		c := int32(r.IntN(4))
		if refused(s.SetPlaceCapacity(place, c)) {
			return false
		}
		w.Places[place].Capacity = c
	case 4:
		if len(w.Coaches) == 0 {
			return false
		}
		k, c := r.IntN(len(w.Coaches)), int32(r.IntN(4))
		if refused(s.SetCoachCapacity(int32(k), c)) {
			return false
		}
		w.Coaches[k] = c
	case 5:
		if w.Organisations[org].Max == assign.Unlimited {
			f := int32(r.IntN(5) - 2)
			require.NoError(t, s.SetOrganisationFree(org, f))
			w.Organisations[org].Free = f
			return true
		}
		c := int32(r.IntN(5))
		if refused(s.SetOrganisationMax(org, c)) {
			return false
		}
		w.Organisations[org].Max = c
	case 6:
		i := some()
		k := arc(i, place)
		c := int32(r.IntN(30))
		if k < 0 {
			a := assign.Arc{Leervraag: i, Place: place, Cost: c, Score: 40 - c}
			require.NoError(t, s.AddArcs(i, []assign.Arc{a}))
			w.Arcs = append(w.Arcs, a)
			return true
		}
		if w.Arcs[k].Score < w.Floor || slices.Contains(w.Excluded, assign.Pair{Leervraag: i, Place: place}) {
			require.ErrorIs(t, s.SetCost(i, place, c, 40), assign.ErrNoArc)
			return false
		}
		require.NoError(t, s.SetCost(i, place, c, 40))
		w.Arcs[k].Cost, w.Arcs[k].Score = c, 40
	case 7:
		i := some()
		err := s.Exclude(i, place)
		if k := pinned(i); k >= 0 && w.Pins[k].Place == place {
			require.ErrorIs(t, err, assign.ErrPinExcluded)
			return false
		}
		require.NoError(t, err)
		w.Excluded = append(w.Excluded, assign.Pair{Leervraag: i, Place: place})
	case 8:
		x := assign.Pin{Leervraag: some(), Place: place, Coach: assign.None, Cost: int32(r.IntN(30))}
		if c := w.Places[place].Coaches; len(c) > 0 && r.IntN(2) == 0 {
			x.Coach = c[r.IntN(len(c))]
		}
		err := s.Pin(x)
		switch {
		case pinned(x.Leervraag) >= 0:
			require.ErrorIs(t, err, assign.ErrPinned)
			return false
		case slices.Contains(w.Excluded, assign.Pair{Leervraag: x.Leervraag, Place: place}):
			require.ErrorIs(t, err, assign.ErrPinExcluded)
			return false
		}
		if refused(err) {
			w.Pins = append(w.Pins, x)
			_, ok := exhaustive(w)
			require.False(t, ok, "a pin that fits was refused")
			w.Pins = w.Pins[:len(w.Pins)-1]
			return false
		}
		w.Pins = append(w.Pins, x)
	case 10:
		if len(w.Places) > 5 {
			return false
		}
		p := assign.Place{Capacity: int32(r.IntN(3)), Organisation: org}
		for c := range w.Coaches {
			owner := slices.IndexFunc(w.Places, func(q assign.Place) bool { return slices.Contains(q.Coaches, int32(c)) })
			if (owner < 0 || w.Places[owner].Organisation == org) && r.IntN(3) > 0 {
				p.Coaches = append(p.Coaches, int32(c))
			}
		}
		k, err := s.AddPlace(p)
		require.NoError(t, err)
		require.Equal(t, int32(len(w.Places)), k)
		w.Places = append(w.Places, p)
		certified(t, w, s)
		for range 2 {
			if i := some(); arc(i, k) < 0 {
				a := assign.Arc{Leervraag: i, Place: k, Cost: int32(r.IntN(30)), Score: 40}
				require.NoError(t, s.AddArcs(i, []assign.Arc{a}))
				w.Arcs = append(w.Arcs, a)
			}
		}
	case 11:
		was := w.Floor
		w.Floor = int32(r.IntN(40))
		require.NoError(t, s.SetFloor(w.Floor))
		for _, a := range w.Arcs { // what it left out is told again
			if a.Score >= w.Floor && a.Score < was && (w.absent == nil || !w.absent[a.Leervraag]) {
				require.NoError(t, s.AddArcs(a.Leervraag, []assign.Arc{a}))
			}
		}
	case 9:
		i := some()
		require.NoError(t, s.Unpin(i))
		w.Pins = slices.DeleteFunc(w.Pins, func(x assign.Pin) bool { return x.Leervraag == i })
	}
	return true
}

func TestChanges_EndWhereSolvingAnewDoes(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	made := 0
	for range 150 {
		w := small(r)
		s, err := assign.New(w.Problem)
		require.NoError(t, err)
		if err := s.Solve(context.Background(), nil); errors.Is(err, assign.ErrPinsDoNotFit) {
			continue
		}
		for range 25 {
			if change(t, r, w, s) {
				made++
			}
			want, ok := exhaustive(w)
			require.True(t, ok)
			require.Equal(t, want, certified(t, w, s))
		}
	}
	require.Greater(t, made, 1500)
}

func TestClone_IsItsOwn(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	apart := 0
	for range 60 {
		w := small(r)
		s, err := assign.New(w.Problem)
		require.NoError(t, err)
		if err := s.Solve(context.Background(), nil); errors.Is(err, assign.ErrPinsDoNotFit) {
			continue
		}
		first, prices := s.Result(), s.Prices()
		c, other := s.Clone(), w.copied()
		require.Equal(t, first, c.Result())
		for range 12 {
			change(t, r, other, c)
			want, ok := exhaustive(other)
			require.True(t, ok)
			require.Equal(t, want, certified(t, other, c))
		}
		require.Equal(t, first, s.Result())
		require.Equal(t, prices, s.Prices())
		if first.Objective != c.Result().Objective {
			apart++
		}
		change(t, r, w, s)
		want, ok := exhaustive(w)
		require.True(t, ok)
		require.Equal(t, want, certified(t, w, s), "and goes on by itself")
	}
	require.Greater(t, apart, 30)
}

// copied is the same world, whose slices are its own.
func (w *world) copied() *world {
	c := *w
	c.Places, c.Organisations, c.Coaches, c.Home = slices.Clone(w.Places), slices.Clone(w.Organisations), slices.Clone(w.Coaches), slices.Clone(w.Home)
	c.Arcs, c.Excluded, c.Pins, c.absent = slices.Clone(w.Arcs), slices.Clone(w.Excluded), slices.Clone(w.Pins), slices.Clone(w.absent)
	return &c
}
