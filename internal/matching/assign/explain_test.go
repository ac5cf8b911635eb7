package assign_test

import (
	"context"
	"math"
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

// candidates is how many places a leervraag may be matched with.
func candidates(w *world, i int32) (count int) {
	for p := range int32(len(w.Places)) {
		if candidate(w, i, p) != nil {
			count++
		}
	}
	return count
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

func TestExplain_SaysWhyALeervraagIsUnmatched(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 8))
	seen := map[assign.Reason]int{}
	kinds := map[assign.FixKind]int{}
	draw(t, r, 3000, func(w *world, s *assign.Solver) {
		before := s.Result()
		for i := range int32(w.Leervragen) {
			reason, fix, err := s.Explain(i)
			require.NoError(t, err)
			seen[reason]++
			require.Equal(t, before.Matches[i].Place != assign.None, reason == assign.Matched)
			if candidates(w, i) == 0 {
				require.Contains(t, []assign.Reason{assign.Matched, assign.NoCandidates, assign.BelowFloor}, reason)
			}
			kinds[fix.Kind]++
			require.Equal(t, fix.Kind != assign.NoFix, fix.Gain > 0)
		}
	})
	for _, reason := range []assign.Reason{assign.Matched, assign.NoCandidates, assign.BelowFloor, assign.Closed, assign.Full, assign.NotWorth} {
		require.Positive(t, seen[reason], "%q never happened", reason)
	}
	for _, kind := range []assign.FixKind{assign.NoFix, assign.PlaceFix, assign.CoachFix, assign.OrganisationFix} {
		require.Positive(t, kinds[kind], "%q never happened", kind)
	}
}

// Against every capacity there is: with one more of it, everybody else who is unmatched staying so, and the leervraag forced
// onto each of its places. Some of the fixes are at places that it cannot go to.
func TestExplain_FindsTheCapacityThatHelpsMostWhereverItIs(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(31, 32))
	elsewhere, here, nothing, homes := 0, 0, 0, 0
	for range 9000 {
		w := small(r)
		w.Unmatched = assign.MaximumMatches(w.Leervragen, 200, 200)
		if _, ok := exhaustive(w); !ok {
			continue
		}
		s := solved(t, w.Problem)
		before := s.Result()
		for i := range int32(w.Leervragen) {
			if before.Matches[i].Place != assign.None || candidates(w, i) == 0 {
				continue
			}
			v := *w
			v.Arcs = slices.DeleteFunc(slices.Clone(w.Arcs), func(a assign.Arc) bool {
				return a.Leervraag != i && before.Matches[a.Leervraag].Place == assign.None
			})
			v.Places, v.Organisations, v.Coaches = slices.Clone(w.Places), slices.Clone(w.Organisations), slices.Clone(w.Coaches)
			most, own := int64(0), int64(0) // anywhere, and of the places that it can go to
			try := func(capacity *int32) int64 {
				best := int64(0)
				if *capacity == assign.Unlimited {
					return best
				}
				*capacity++
				defer func() { *capacity-- }()
				for p := range int32(len(w.Places)) {
					if a := candidate(w, i, p); a != nil {
						v.Pins = append(slices.Clone(w.Pins), assign.Pin{Leervraag: i, Place: p, Coach: assign.None, Cost: a.Cost})
						if cost, ok := exhaustive(&v); ok {
							best = max(best, before.Objective-cost)
						}
					}
				}
				return best
			}
			note := func(gain int64, mine func(p int32) bool) {
				most = max(most, gain)
				for p := range int32(len(w.Places)) {
					if candidate(w, i, p) != nil && mine(p) {
						own = max(own, gain)
					}
				}
			}
			for k := range v.Places {
				note(try(&v.Places[k].Capacity), func(p int32) bool { return p == int32(k) })
			}
			for k := range v.Coaches {
				note(try(&v.Coaches[k]), func(p int32) bool { return slices.Contains(w.Places[p].Coaches, int32(k)) })
			}
			for k := range v.Organisations {
				note(try(&v.Organisations[k].Max), func(p int32) bool { return w.Places[p].Organisation == int32(k) })
			}
			_, fix, err := s.Explain(i)
			require.NoError(t, err)
			if most <= w.Unmatched/2 {
				require.LessOrEqual(t, fix.Gain, w.Unmatched/2)
				nothing++
				continue
			}
			if candidate(w, i, fix.At) != nil {
				require.LessOrEqual(t, fix.Gain, own)
				here++
			} else {
				require.Equal(t, most, fix.Gain)
				elsewhere++
			}
			require.NotNil(t, candidate(w, i, fix.Place))
			capacity := map[assign.FixKind]func() *int32{
				assign.PlaceFix:        func() *int32 { return &v.Places[fix.Index].Capacity },
				assign.CoachFix:        func() *int32 { return &v.Coaches[fix.Index] },
				assign.OrganisationFix: func() *int32 { return &v.Organisations[fix.Index].Max },
			}[fix.Kind]()
			*capacity++
			v.Pins = append(slices.Clone(w.Pins), assign.Pin{Leervraag: i, Place: fix.Place, Coach: assign.None, Cost: candidate(w, i, fix.Place).Cost})
			cost, ok := exhaustive(&v)
			require.True(t, ok)
			require.Equal(t, before.Objective-cost, fix.Gain, "it is that capacity that helps, and so much")
			*capacity--
			switch fix.Kind {
			case assign.PlaceFix:
				require.Equal(t, fix.Index, fix.At)
			case assign.CoachFix:
				require.Contains(t, w.Places[fix.At].Coaches, fix.Index)
			default:
				require.Equal(t, fix.Index, w.Places[fix.At].Organisation)
			}
			if w.Home != nil {
				homes++
			}
		}
		require.Equal(t, before, s.Result(), "asking changes nothing")
	}
	for _, n := range []int{elsewhere, here, nothing, homes} {
		require.Greater(t, n, 50, "%d elsewhere, %d here, %d nothing, %d with homes", elsewhere, here, nothing, homes)
	}
}

// Candidates of places that take nobody change nothing when they are offered; from then on more room there is heeded, by a change and by the
// nearest fix alike.
func TestOffer_LetsWhatIsClosedBeOpened(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(31, 32))
	used, fixes := 0, 0
	draw(t, r, 1500, func(w *world, _ *assign.Solver) {
		closed := func(i int32) bool {
			x := w.Places[i]
			return x.Capacity == 0 || w.Organisations[x.Organisation].Max == 0 ||
				len(w.Coaches) > 0 && !slices.ContainsFunc(x.Coaches, func(c int32) bool { return w.Coaches[c] > 0 })
		}
		p := w.Problem
		p.Arcs = slices.DeleteFunc(slices.Clone(w.Arcs), func(a assign.Arc) bool { return closed(a.Place) })
		s, all := solved(t, p), solved(t, w.Problem)
		before := s.Result()
		require.NoError(t, s.Offer(context.Background(), func(i int32, into []assign.Candidate) []assign.Candidate {
			for _, a := range w.Arcs {
				if a.Leervraag == i && closed(a.Place) {
					into = append(into, assign.Candidate{Place: a.Place, Cost: a.Cost, Score: a.Score})
				}
			}
			return into
		}))
		require.Equal(t, before, s.Result(), "nobody moves")
		require.Equal(t, all.Result().Objective, certified(t, w, s))
		for i, m := range before.Matches {
			if m.Place != assign.None {
				continue
			}
			why, fix, err := s.Explain(int32(i))
			require.NoError(t, err)
			if all.Result().Matches[i].Place != assign.None {
				continue // another optimum
			}
			wantWhy, want, err := all.Explain(int32(i))
			require.NoError(t, err)
			require.Equal(t, wantWhy, why)
			if fix.Kind != assign.NoFix && closed(fix.At) && want.Kind != assign.NoFix {
				fixes++
			}
		}
		for i := range w.Places {
			if !closed(int32(i)) || w.Places[i].Capacity == assign.Unlimited {
				continue
			}
			v := w.copied()
			v.Places[i].Capacity++
			more := s.Clone()
			require.NoError(t, more.SetPlaceCapacity(int32(i), v.Places[i].Capacity))
			want, ok := exhaustive(v)
			require.True(t, ok)
			require.Equal(t, want, certified(t, v, more))
			if want < before.Objective {
				used++
			}
		}
	})
	require.Greater(t, used, 200)
	require.Greater(t, fixes, 200)
	s := solved(t, assign.Problem{Leervragen: 1, Unmatched: 9, Places: []assign.Place{{Capacity: 1}}, Organisations: []assign.Organisation{{Max: assign.Unlimited}}})
	for place, want := range map[int32]error{0: assign.ErrOutOfRange, 1: assign.ErrOutOfRange} {
		require.ErrorIs(t, s.Offer(context.Background(), func(_ int32, into []assign.Candidate) []assign.Candidate {
			return append(into, assign.Candidate{Place: place})
		}), want)
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, s.Offer(gone, nil), context.Canceled)
}

// k's only place P is X's, and its leercoach has no more room either. X could go to Q, which Z fills, and where k cannot go: room at
// Q places k.
func TestExplain_NamesRoomElsewhereToWhichAnotherMoves(t *testing.T) {
	t.Parallel()
	const k, x, z, p, q = 0, 1, 2, 0, 1
	s := solved(t, assign.Problem{Leervragen: 3, Unmatched: 1000, Organisations: []assign.Organisation{{Max: assign.Unlimited}}, Coaches: []int32{1, 9},
		Places: []assign.Place{p: {Capacity: 1, Coaches: []int32{0}}, q: {Capacity: 1, Coaches: []int32{1}}},
		Arcs:   []assign.Arc{{Leervraag: k, Place: p, Cost: 9}, {Leervraag: x, Place: p, Cost: 1}, {Leervraag: x, Place: q, Cost: 3}, {Leervraag: z, Place: q, Cost: 2}}})
	reason, fix, err := s.Explain(k)
	require.NoError(t, err)
	require.Equal(t, assign.Full, reason)
	require.Equal(t, assign.Fix{Kind: assign.PlaceFix, Index: q, Place: p, At: q, Gain: 1000 - 9 - 2}, fix)
	require.NoError(t, s.SetCoachCapacity(0, 2))
	_, fix, err = s.Explain(k)
	require.NoError(t, err)
	require.Equal(t, assign.Fix{Kind: assign.PlaceFix, Index: p, Place: p, At: p, Gain: 1000 - 9}, fix, "its own place, where nobody moves")
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

// Whatever floor it begins at, and whatever candidates.
func TestHighest_FindsWhatTryingEveryFloorFinds(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(19, 20))
	seen := map[string]int{}
	for range 600 {
		w := small(r)
		w.Unmatched = 1
		for k := range w.Arcs {
			w.Arcs[k].Cost, w.Arcs[k].Score = 0, int32(r.IntN(50))
		}
		for k := range w.Pins {
			w.Pins[k].Cost = 0
		}
		for k := range w.Organisations {
			w.Organisations[k].Steps = nil
		}
		if _, ok := exhaustive(w); !ok {
			continue
		}
		asked, begin := w.Floor, w.Floor+int32(r.IntN(40))
		at := func(floor int32) int {
			w.Floor = floor
			missed, _ := exhaustive(w)
			return w.Leervragen - int(missed)
		}
		want := assign.Fair{Matched: at(asked), Lowest: asked}
		if want.Matched > len(w.Pins) {
			for at(want.Lowest+1) == want.Matched {
				want.Lowest++
			}
		}
		p := w.Problem
		p.Floor, p.Arcs = begin, slices.Clone(p.Arcs)
		p.Arcs = slices.DeleteFunc(p.Arcs, func(assign.Arc) bool { return r.IntN(2) == 0 })
		s := solved(t, p)
		before := s.Result()
		got, err := s.Highest(context.Background(), asked, func(i int32, into []assign.Candidate) []assign.Candidate {
			for _, a := range w.Arcs {
				if a.Leervraag == i {
					into = append(into, assign.Candidate{Place: a.Place, Score: a.Score})
				}
			}
			return into
		})
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, before, s.Result(), "it looks in copies")
		switch {
		case want.Matched == len(w.Pins):
			seen["nobody but pinned"]++
		case want.Lowest < begin:
			seen["below"]++
		case want.Lowest > begin:
			seen["above"]++
		}
	}
	for _, what := range []string{"nobody but pinned", "below", "above"} {
		require.Greater(t, seen[what], 50, "%s: %v", what, seen)
	}
	s := solved(t, assign.Problem{Leervragen: 1, Unmatched: 1, Places: []assign.Place{{Capacity: 1}}, Organisations: []assign.Organisation{{Max: assign.Unlimited}},
		Arcs: []assign.Arc{{Score: math.MaxInt32 - 1}}})
	ctx, cancel := context.WithCancel(context.Background())
	alone := func(_ int32, into []assign.Candidate) []assign.Candidate {
		return append(into, assign.Candidate{Score: math.MaxInt32 - 1})
	}
	got, err := s.Highest(ctx, 0, alone)
	require.NoError(t, err)
	require.Equal(t, assign.Fair{Matched: 1, Lowest: math.MaxInt32 - 1}, got, "as high as a score can be")
	cancel()
	_, err = s.Highest(ctx, 0, alone)
	require.ErrorIs(t, err, context.Canceled)
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
