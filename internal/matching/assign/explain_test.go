package assign_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/matching/assign"
)

// draw makes small worlds whose pins fit, solved.
func draw(t *testing.T, r *rand.Rand, times int, f func(w *world, s *assign.Solver)) {
	t.Helper()
	for range times {
		w := small(r)
		if _, ok := exhaustive(w); !ok {
			continue
		}
		f(w, solved(t, w.Problem))
	}
}

// candidate is the arc of a pair that may be matched, or nil.
func candidate(w *world, i, p int32) *assign.Arc {
	for k, a := range w.Arcs {
		if a.Leervraag == i && a.Place == p && a.Score >= w.Floor && !slices.Contains(w.Excluded, assign.Pair{Leervraag: i, Place: p}) {
			return &w.Arcs[k]
		}
	}
	return nil
}

func TestWhyNot_IsWhatForcingThePairCosts(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	possible, impossible := 0, 0
	draw(t, r, 1500, func(w *world, s *assign.Solver) {
		before := s.Result()
		for i := range int32(w.Leervragen) {
			p, cost := int32(r.IntN(len(w.Places))), int32(r.IntN(30))
			if slices.ContainsFunc(w.Pins, func(x assign.Pin) bool { return x.Leervraag == i }) {
				_, err := s.WhyNot(i, p, cost)
				require.ErrorIs(t, err, assign.ErrPinned)
				continue
			}
			if a := candidate(w, i, p); a != nil {
				cost = a.Cost
			}
			got, err := s.WhyNot(i, p, cost)
			require.NoError(t, err)
			w.Pins = append(w.Pins, assign.Pin{Leervraag: i, Place: p, Coach: assign.None, Cost: cost})
			want, ok := exhaustive(w)
			w.Pins = w.Pins[:len(w.Pins)-1]
			require.Equal(t, ok, got.Possible)
			if ok {
				possible++
				require.Equal(t, want-before.Objective, got.Cost)
			} else {
				impossible++
			}
		}
		require.Equal(t, before, s.Result(), "asking changes nothing")
		certified(t, w, s)
	})
	require.Greater(t, possible, 1000)
	require.Greater(t, impossible, 100)
}

func TestExplain_NamesTheCapacityThatWouldPlaceALeervraag(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 8))
	seen := map[assign.Reason]int{}
	kinds := map[assign.FixKind]int{}
	exact := 0
	draw(t, r, 3000, func(w *world, s *assign.Solver) {
		before := s.Result()
		for i := range int32(w.Leervragen) {
			reason, fix, err := s.Explain(i)
			require.NoError(t, err)
			seen[reason]++
			require.Equal(t, before.Matches[i].Place != assign.None, reason == assign.Matched)
			if reason == assign.Matched {
				continue
			}
			kinds[fix.Kind]++
			// Against every capacity: with one more and the leervraag forced onto one of its places.
			best := int64(0)
			try := func(capacity *int32) {
				if *capacity == assign.Unlimited {
					return
				}
				*capacity++
				defer func() { *capacity-- }()
				for p := range int32(len(w.Places)) {
					if a := candidate(w, i, p); a != nil {
						w.Pins = append(w.Pins, assign.Pin{Leervraag: i, Place: p, Coach: assign.None, Cost: a.Cost})
						if cost, ok := exhaustive(w); ok {
							best = max(best, before.Objective-cost)
						}
						w.Pins = w.Pins[:len(w.Pins)-1]
					}
				}
			}
			for k := range w.Places {
				try(&w.Places[k].Capacity)
			}
			for k := range w.Coaches {
				try(&w.Coaches[k])
			}
			for k := range w.Organisations {
				try(&w.Organisations[k].Max)
			}
			if fix.Kind == assign.NoFix {
				continue
			}
			require.Positive(t, fix.Gain)
			require.LessOrEqual(t, fix.Gain, best)
			capacity := map[assign.FixKind]func() *int32{
				assign.PlaceFix:        func() *int32 { return &w.Places[fix.Index].Capacity },
				assign.CoachFix:        func() *int32 { return &w.Coaches[fix.Index] },
				assign.OrganisationFix: func() *int32 { return &w.Organisations[fix.Index].Max },
			}[fix.Kind]()
			*capacity++
			anew, _ := exhaustive(w)
			w.Pins = append(w.Pins, assign.Pin{Leervraag: i, Place: fix.Place, Coach: assign.None, Cost: candidate(w, i, fix.Place).Cost})
			cost, ok := exhaustive(w)
			require.True(t, ok)
			require.LessOrEqual(t, fix.Gain, before.Objective-cost)
			w.Pins = w.Pins[:len(w.Pins)-1]
			*capacity--
			tied := false // it could be placed for nothing as it is, and the capacity go to somebody else
			for p := range int32(len(w.Places)) {
				if a := candidate(w, i, p); a != nil {
					forced, err := s.WhyNot(i, p, a.Cost)
					require.NoError(t, err)
					tied = tied || forced.Possible && forced.Cost == 0
				}
			}
			if anew == cost && !tied { // the optimum with that capacity places it
				exact++
				require.Equal(t, before.Objective-cost, fix.Gain)
			}
		}
	})
	require.Greater(t, exact, 100)
	for _, reason := range []assign.Reason{assign.Matched, assign.NoCandidates, assign.BelowFloor, assign.Closed, assign.Full, assign.NotWorth} {
		require.Positive(t, seen[reason], "%q never happened", reason)
	}
	for _, kind := range []assign.FixKind{assign.NoFix, assign.PlaceFix, assign.CoachFix, assign.OrganisationFix} {
		require.Positive(t, kinds[kind], "%q never happened", kind)
	}
}

// fairest searches every assignment for the most matches, then the highest lowest score, then the least cost.
func fairest(t *testing.T, w *world) (matched int, lowest int32, cost int64) {
	t.Helper()
	v := *w
	v.Unmatched = assign.MaximumMatches(w.Leervragen, 100, 200)
	best := int64(0)
	for floor := int32(100); floor >= w.Floor; floor-- {
		v.Floor = floor
		got, ok := exhaustive(&v)
		require.True(t, ok)
		count := w.Leervragen - int(got/v.Unmatched)
		if count >= matched && (count > matched || best == 0) {
			matched, lowest, best = count, floor, got
		}
	}
	return matched, lowest, best - v.Unmatched*int64(w.Leervragen-matched)
}

func TestSolveFair_RaisesTheWorstOffFirst(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(9, 10))
	higher := 0
	for range 400 {
		w := small(r)
		w.Pins = nil
		for k := range w.Arcs { // so that the cheapest is not the fairest, and costs stay positive
			w.Arcs[k].Cost += 6
			w.Arcs[k].Score = int32(r.IntN(50))
		}
		for k := range w.Organisations {
			w.Organisations[k].Free = max(w.Organisations[k].Free, 0)
		}
		matched, lowest, cost := fairest(t, w)
		for _, priced := range []bool{false, true} {
			p, rows := w.Problem, assign.Rows(nil)
			if priced {
				p.Arcs = nil
				rows = func(i int32, into []assign.Candidate) []assign.Candidate {
					for _, a := range w.Arcs {
						if a.Leervraag == i {
							into = append(into, assign.Candidate{Place: a.Place, Cost: a.Cost, Score: a.Score})
						}
					}
					return into
				}
			}
			s, fair, err := assign.SolveFair(context.Background(), p, rows, nil)
			require.NoError(t, err)
			got := s.Result()
			require.Equal(t, matched, got.Matched)
			require.Equal(t, matched, fair.Matched)
			sum := int64(0)
			if matched > 0 {
				require.Equal(t, lowest, fair.Lowest)
				require.GreaterOrEqual(t, got.Lowest, lowest)
				for _, m := range got.Matches {
					if m.Place == assign.None {
						sum += m.Cost
					}
				}
				require.Equal(t, cost, got.Objective-sum)
			}
			plain := solved(t, w.Problem).Result()
			if plain.Matched == matched && plain.Lowest < got.Lowest {
				higher++
			}
		}
	}
	require.Greater(t, higher, 20, "the fairest assignment should often not be the cheapest")
}

func TestSolveFair_EndsWhenItIsToldWithinASolve(t *testing.T) {
	t.Parallel()
	p := assign.Problem{Leervragen: 3, Places: []assign.Place{{Capacity: 2}}, Organisations: []assign.Organisation{{Max: assign.Unlimited}},
		Arcs: []assign.Arc{{Leervraag: 0, Score: 5}, {Leervraag: 1, Score: 7}, {Leervraag: 2, Score: 9}}}
	told := 0
	_, fair, err := assign.SolveFair(context.Background(), p, nil, func(int, int) { told++ })
	require.NoError(t, err)
	require.EqualValues(t, 7, fair.Lowest)
	require.Greater(t, told, 4, "more than one solve, each twice")
	for stop := 1; stop < told-1; stop++ { // the last solve is over at once
		ctx, cancel := context.WithCancel(context.Background())
		heard := 0
		_, _, err := assign.SolveFair(ctx, p, nil, func(int, int) {
			if heard++; heard == stop {
				cancel()
			}
		})
		cancel()
		require.ErrorIs(t, err, context.Canceled)
		require.Less(t, heard, told)
	}
}

func TestPrice_ReachesTheOptimumOverAllFeasiblePairs(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(11, 12))
	added := 0
	draw(t, r, 2000, func(w *world, _ *assign.Solver) {
		p := w.Problem
		p.Arcs = nil
		for _, a := range w.Arcs {
			if r.IntN(3) == 0 {
				p.Arcs = append(p.Arcs, a)
			}
		}
		s := solved(t, p)
		got, err := s.Price(context.Background(), func(i int32, into []assign.Candidate) []assign.Candidate {
			for _, a := range w.Arcs {
				if a.Leervraag == i {
					into = append(into, assign.Candidate{Place: a.Place, Cost: a.Cost, Score: a.Score})
				}
			}
			return into
		})
		require.NoError(t, err)
		added += got.Added
		want, _ := exhaustive(w)
		require.Equal(t, want, certified(t, w, s))
	})
	require.Greater(t, added, 1000)
}
