package assign_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/matching/assign"
)

// large draws a cohort of every layer that is too large to be searched.
func large(r *rand.Rand, n int) *world {
	w := &world{Problem: assign.Problem{Leervragen: n, Unmatched: assign.MaximumMatches(n, 2000, 5000)}}
	orgs := 1 + n/15
	for range orgs {
		o := assign.Organisation{Max: assign.Unlimited, Free: int32(r.IntN(4) - 1), Steps: []int64{400, 900, 1600, 2500}}
		if r.IntN(3) == 0 {
			o.Max = int32(5 + r.IntN(15))
		}
		w.Organisations = append(w.Organisations, o)
	}
	for range n {
		w.Home = append(w.Home, int32(r.IntN(orgs)))
		o := int32(r.IntN(orgs))
		k := int32(len(w.Coaches))
		w.Coaches = append(w.Coaches, int32(r.IntN(3)))
		p := assign.Place{Capacity: int32(r.IntN(3)), Organisation: o, Coaches: []int32{k}}
		for c, q := range w.Places {
			if q.Organisation == o && r.IntN(6) == 0 {
				p.Coaches = append(p.Coaches, q.Coaches[0])
				_ = c
				break
			}
		}
		w.Places = append(w.Places, p)
	}
	for i := range n {
		for p := range n {
			if r.IntN(n) < 12 {
				c := int32(r.IntN(1000))
				w.Arcs = append(w.Arcs, assign.Arc{Leervraag: int32(i), Place: int32(p), Cost: c, Score: 10_000 - c})
			}
		}
		if r.IntN(25) == 0 {
			w.Pins = append(w.Pins, assign.Pin{Leervraag: int32(i), Place: int32(r.IntN(n)), Coach: assign.None, Cost: 10})
		}
	}
	// Only pins that fit together.
	taken := map[int32]bool{}
	w.Pins = slices.DeleteFunc(w.Pins, func(x assign.Pin) bool {
		o := w.Places[x.Place].Organisation
		bad := taken[o] || w.Places[x.Place].Capacity == 0 || w.Coaches[w.Places[x.Place].Coaches[0]] == 0
		taken[o] = true
		return bad
	})
	return w
}

// general is a world as a flow on any graph, with a lower bound that makes Route take the other method: the pins.
func general(w *world) *assign.Flow {
	f := &assign.Flow{}
	node := func(supply int64) int32 {
		f.Supply = append(f.Supply, supply)
		return int32(len(f.Supply) - 1)
	}
	arc := func(u, v int32, low, capacity, cost int64) {
		f.From, f.To, f.Low = append(f.From, u), append(f.To, v), append(f.Low, low)
		f.Capacity, f.Cost = append(f.Capacity, capacity), append(f.Cost, cost)
	}
	var rows, places, coaches, entries, balances []int32
	for range w.Leervragen {
		rows = append(rows, node(1))
	}
	for range w.Places {
		places = append(places, node(0), node(0))
	}
	for range w.Coaches {
		coaches = append(coaches, node(0), node(0))
	}
	for range w.Organisations {
		entries, balances = append(entries, node(0)), append(balances, node(0))
	}
	sink := node(-int64(w.Leervragen))
	sends := make([]int64, len(w.Organisations))
	for i, o := range w.Home {
		sends[o]++
		arc(rows[i], balances[o], 0, 1, w.Unmatched)
	}
	for _, a := range w.Arcs {
		arc(rows[a.Leervraag], places[2*a.Place], 0, 1, int64(a.Cost))
	}
	for _, x := range w.Pins {
		arc(rows[x.Leervraag], places[2*x.Place], 1, 1, int64(x.Cost))
	}
	owner := map[int32]int32{}
	for i, p := range w.Places {
		arc(places[2*i], places[2*i+1], 0, int64(p.Capacity), 0)
		for _, c := range p.Coaches {
			owner[c] = p.Organisation
			arc(places[2*i+1], coaches[2*c], 0, int64(w.Leervragen), 0)
		}
	}
	for c, k := range w.Coaches {
		arc(coaches[2*c], coaches[2*c+1], 0, int64(k), 0)
		arc(coaches[2*c+1], entries[owner[int32(c)]], 0, int64(k), 0)
	}
	for o, x := range w.Organisations {
		arc(entries[o], balances[o], 0, min(int64(x.Max), int64(w.Leervragen)), 0)
		free := sends[o] + int64(x.Free)
		arc(balances[o], sink, 0, max(free, 0), 0)
		for k, c := range x.Steps {
			switch {
			case k == len(x.Steps)-1:
				arc(balances[o], sink, 0, assign.Endless, c)
			case int64(k) >= -free:
				arc(balances[o], sink, 0, 1, c)
			}
		}
	}
	return f
}

func TestSolve_IsWhatTheNetworkSimplexMethodFindsOnLargeCohorts(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(17, 18))
	for _, n := range []int{50, 200, 200, 600} {
		w := large(r, n)
		require.NotEmpty(t, w.Pins)
		s := solved(t, w.Problem)
		f := general(w)
		got, err := assign.Route(context.Background(), f)
		require.NoError(t, err)
		require.Equal(t, "simplex", got.Method)
		_, err = network(f, got).Check()
		require.NoError(t, err)
		owed := int64(0) // what the flow cannot show: steps below where anybody moves
		sends := map[int32]int32{}
		for _, o := range w.Home {
			sends[o]++
		}
		for o, x := range w.Organisations {
			for k := range -(sends[int32(o)] + x.Free) {
				owed += x.Steps[min(int(k), len(x.Steps)-1)]
			}
		}
		require.Equal(t, got.Objective+owed, certified(t, w, s))
	}
}

func TestResult_IsTheSameWhateverTheOrderAndTheCores(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(19, 20))
	w := large(r, 150)
	first := solved(t, w.Problem)
	result, prices := first.Result(), first.Prices()
	before := runtime.GOMAXPROCS(0)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	for k := range 20 {
		runtime.GOMAXPROCS(1 + 7*(k%2))
		p := w.Problem
		p.Arcs, p.Pins, p.Places = slices.Clone(p.Arcs), slices.Clone(p.Pins), slices.Clone(p.Places)
		r.Shuffle(len(p.Arcs), func(a, b int) { p.Arcs[a], p.Arcs[b] = p.Arcs[b], p.Arcs[a] })
		r.Shuffle(len(p.Pins), func(a, b int) { p.Pins[a], p.Pins[b] = p.Pins[b], p.Pins[a] })
		for i := range p.Places {
			p.Places[i].Coaches = slices.Clone(p.Places[i].Coaches)
			slices.Reverse(p.Places[i].Coaches)
		}
		s := solved(t, p)
		require.Equal(t, result, s.Result())
		require.Equal(t, prices, s.Prices())
	}
}

func TestSolve_MoreCapacityNeverHurts(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(21, 22))
	w := large(r, 60)
	s := solved(t, w.Problem)
	last := s.Result()
	for range 150 {
		switch k := r.IntN(3); k {
		case 0:
			i := r.IntN(len(w.Places))
			w.Places[i].Capacity++
			require.NoError(t, s.SetPlaceCapacity(int32(i), w.Places[i].Capacity))
		case 1:
			i := r.IntN(len(w.Coaches))
			w.Coaches[i]++
			require.NoError(t, s.SetCoachCapacity(int32(i), w.Coaches[i]))
		case 2:
			i := r.IntN(len(w.Organisations))
			w.Organisations[i].Free++
			require.NoError(t, s.SetOrganisationFree(int32(i), w.Organisations[i].Free))
		}
		certified(t, w, s)
		next := s.Result()
		require.LessOrEqual(t, next.Objective, last.Objective)
		require.GreaterOrEqual(t, next.Matched, last.Matched)
		last = next
	}
	require.Equal(t, solved(t, w.Problem).Result().Objective, last.Objective)
}

func TestInsert_AddsAtMostOneMatch(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(23, 24))
	w := large(r, 80)
	p := w.Problem
	p.Leervragen, p.Home, p.Arcs, p.Pins = 0, nil, nil, nil
	s := solved(t, p)
	matched := 0
	for i := range int32(w.Leervragen) {
		var arcs []assign.Arc
		for _, a := range w.Arcs {
			if a.Leervraag == i {
				arcs = append(arcs, a)
			}
		}
		_, err := s.Insert(w.Home[i], arcs)
		require.NoError(t, err)
		now := s.Result().Matched
		require.GreaterOrEqual(t, now, matched)
		require.LessOrEqual(t, now, matched+1)
		matched = now
	}
	require.Greater(t, matched, 30)
	w.Pins = nil
	require.Equal(t, solved(t, w.Problem).Result().Objective, s.Result().Objective)
	certified(t, w, s)
}

func TestSolve_AddingTheSameToEveryCostKeepsTheMatches(t *testing.T) {
	t.Parallel()
	w := large(rand.New(rand.NewPCG(25, 26)), 80)
	before := solved(t, w.Problem).Result()
	for _, shift := range []int32{-700, 1, 12_345} {
		p := w.Problem
		p.Arcs, p.Pins = slices.Clone(p.Arcs), slices.Clone(p.Pins)
		for k := range p.Arcs {
			p.Arcs[k].Cost += shift
		}
		for k := range p.Pins {
			p.Pins[k].Cost += shift
		}
		p.Unmatched += int64(shift)
		after := solved(t, p).Result()
		require.Equal(t, before.Objective+int64(shift)*int64(p.Leervragen), after.Objective)
		for i := range after.Matches {
			require.Equal(t, before.Matches[i].Place, after.Matches[i].Place)
		}
	}
}

func TestNew_RefusesWhatMakesNoSense(t *testing.T) {
	t.Parallel()
	good := func() assign.Problem {
		return assign.Problem{
			Leervragen: 2, Home: []int32{0, assign.None}, Places: []assign.Place{{Capacity: 1, Organisation: 0, Coaches: []int32{0}}, {Capacity: 1, Organisation: 1, Coaches: []int32{1}}},
			Coaches: []int32{1, 1}, Organisations: []assign.Organisation{{Max: assign.Unlimited, Steps: []int64{1, 2}}, {Max: 3}},
			Arcs: []assign.Arc{{Leervraag: 0, Place: 0, Cost: 5, Score: 7}, {Leervraag: 1, Place: 1, Cost: 5, Score: 7}}, Unmatched: 100,
		}
	}
	_, err := assign.New(good())
	require.NoError(t, err)
	for name, x := range map[string]struct {
		spoil func(p *assign.Problem)
		want  error
	}{
		"fewer than no leervragen":     {func(p *assign.Problem) { p.Leervragen = -1 }, assign.ErrOutOfRange},
		"too many leervragen":          {func(p *assign.Problem) { p.Leervragen = assign.MaxNodes + 1 }, assign.ErrOutOfRange},
		"a negative cost of staying":   {func(p *assign.Problem) { p.Unmatched = -1 }, assign.ErrOutOfRange},
		"an absurd cost of staying":    {func(p *assign.Problem) { p.Unmatched = 1 << 62 }, assign.ErrOutOfRange},
		"too few homes":                {func(p *assign.Problem) { p.Home = p.Home[:1] }, assign.ErrOutOfRange},
		"a home that is none":          {func(p *assign.Problem) { p.Home[0] = 9 }, assign.ErrOutOfRange},
		"a negative capacity":          {func(p *assign.Problem) { p.Places[0].Capacity = -1 }, assign.ErrOutOfRange},
		"a negative coach":             {func(p *assign.Problem) { p.Coaches[0] = -1 }, assign.ErrOutOfRange},
		"a coach that is none":         {func(p *assign.Problem) { p.Places[0].Coaches[0] = 7 }, assign.ErrOutOfRange},
		"a coach of two employers":     {func(p *assign.Problem) { p.Places[1].Coaches[0] = 0 }, assign.ErrCoach},
		"a coach given twice":          {func(p *assign.Problem) { p.Places[0].Coaches = []int32{0, 0} }, assign.ErrDuplicate},
		"an organisation that is none": {func(p *assign.Problem) { p.Places[0].Organisation = 2 }, assign.ErrOutOfRange},
		"a negative maximum":           {func(p *assign.Problem) { p.Organisations[0].Max = -1 }, assign.ErrOutOfRange},
		"steps that fall":              {func(p *assign.Problem) { p.Organisations[0].Steps = []int64{2, 1} }, assign.ErrSteps},
		"a negative step":              {func(p *assign.Problem) { p.Organisations[0].Steps = []int64{-2} }, assign.ErrSteps},
		"an absurd step":               {func(p *assign.Problem) { p.Organisations[0].Steps = []int64{1 << 40} }, assign.ErrOutOfRange},
		"an arc of nobody":             {func(p *assign.Problem) { p.Arcs[0].Leervraag = 2 }, assign.ErrOutOfRange},
		"an arc to nowhere":            {func(p *assign.Problem) { p.Arcs[0].Place = -1 }, assign.ErrOutOfRange},
		"an absurd cost":               {func(p *assign.Problem) { p.Arcs[0].Cost = assign.MaxCost + 1 }, assign.ErrOutOfRange},
		"a negative score":             {func(p *assign.Problem) { p.Arcs[0].Score = -1 }, assign.ErrOutOfRange},
		"an arc given twice":           {func(p *assign.Problem) { p.Arcs = append(p.Arcs, p.Arcs[0]) }, assign.ErrDuplicate},
		"a pin given twice":            {func(p *assign.Problem) { p.Pins = []assign.Pin{{Coach: -1}, {Coach: -1}} }, assign.ErrDuplicate},
		"a pin with another's coach":   {func(p *assign.Problem) { p.Pins = []assign.Pin{{Coach: 1}} }, assign.ErrOutOfRange},
		"a pin that is excluded": {func(p *assign.Problem) {
			p.Pins, p.Excluded = []assign.Pin{{Coach: -1}}, []assign.Pair{{}}
		}, assign.ErrPinExcluded},
		"an exclusion of nobody": {func(p *assign.Problem) { p.Excluded = []assign.Pair{{Leervraag: 4}} }, assign.ErrOutOfRange},
		"sums that would overflow": {func(p *assign.Problem) {
			p.Leervragen, p.Home, p.Unmatched = assign.MaxNodes-100, nil, assign.MaxUnmatched
		}, assign.ErrOverflow},
	} {
		p := good()
		x.spoil(&p)
		_, err := assign.New(p)
		require.ErrorIs(t, err, x.want, name)
	}
}

func TestSolve_RefusesPinsThatDoNotFit(t *testing.T) {
	t.Parallel()
	p := assign.Problem{Leervragen: 2, Places: []assign.Place{{Capacity: 1}}, Organisations: []assign.Organisation{{Max: assign.Unlimited}},
		Pins: []assign.Pin{{Leervraag: 0, Coach: assign.None}, {Leervraag: 1, Coach: assign.None}}}
	s, err := assign.New(p)
	require.NoError(t, err)
	err = s.Solve(context.Background(), nil)
	require.ErrorIs(t, err, assign.ErrPinsDoNotFit)
	require.ErrorContains(t, err, "leervraag 1 on place 0")
}

func TestSolve_OfNobodyAndNothing(t *testing.T) {
	t.Parallel()
	s := solved(t, assign.Problem{})
	require.Equal(t, assign.Result{Matches: []assign.Match{}}, s.Result())
	certified(t, &world{}, s)
	w := &world{Problem: assign.Problem{Leervragen: 3, Unmatched: 7}}
	s = solved(t, w.Problem)
	require.Equal(t, int64(21), certified(t, w, s))
	reason, fix, err := s.Explain(1)
	require.NoError(t, err)
	require.Equal(t, assign.NoCandidates, reason)
	require.Equal(t, assign.NoFix, fix.Kind)
}

func TestSolve_StopsWhenCancelledAndGoesOn(t *testing.T) {
	t.Parallel()
	w := large(rand.New(rand.NewPCG(27, 28)), 100)
	s, err := assign.New(w.Problem)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, s.Solve(ctx, nil), context.Canceled)
	require.ErrorIs(t, s.Remove(0), assign.ErrUnsolved)
	var heard []int
	require.NoError(t, s.Solve(context.Background(), func(done, total int) {
		require.Equal(t, 100, total)
		heard = append(heard, done)
	}))
	require.True(t, slices.IsSorted(heard))
	require.Equal(t, 100, heard[len(heard)-1])
	certified(t, w, s)
	_, err = s.Price(ctx, nil)
	require.ErrorIs(t, err, context.Canceled)
}

// A bonus on the pair of yesterday keeps people where they are, at a small price (research: 500 points of 10,000).
func TestBonus_KeepsMatchesWhereTheyAre(t *testing.T) {
	t.Parallel()
	moved := map[int32]int{}
	for _, bonus := range []int32{0, 500} {
		r := rand.New(rand.NewPCG(29, 30))
		w := large(r, 400)
		for k := range w.Arcs {
			w.Arcs[k].Cost *= 10
		}
		yesterday := solved(t, w.Problem).Result()
		for k := range w.Arcs {
			if r.IntN(50) == 0 {
				w.Arcs[k].Cost = min(max(w.Arcs[k].Cost+int32(r.IntN(601)-300), 0), 10_000)
			}
		}
		closed := map[int32]bool{}
		for len(closed) < 4 {
			p := int32(r.IntN(len(w.Places)))
			if !slices.ContainsFunc(w.Pins, func(x assign.Pin) bool { return x.Place == p }) {
				closed[p] = true
				w.Places[p].Capacity = 0
			}
		}
		anew := solved(t, w.Problem).Result()
		for k, a := range w.Arcs {
			if yesterday.Matches[a.Leervraag].Place == a.Place {
				w.Arcs[k].Cost -= bonus
			}
		}
		s := solved(t, w.Problem)
		paid := certified(t, w, s)
		today := s.Result()
		for i, m := range today.Matches {
			was := yesterday.Matches[i].Place
			if was == assign.None || closed[was] {
				continue
			}
			if m.Place != was {
				moved[bonus]++
			}
			if m.Place == was && !slices.ContainsFunc(w.Pins, func(x assign.Pin) bool { return int(x.Leervraag) == i }) {
				paid += int64(bonus)
			}
		}
		for _, x := range w.Pins {
			require.Equal(t, x.Place, today.Matches[x.Leervraag].Place)
		}
		require.Equal(t, anew.Matched, today.Matched)
		stay := int64(len(today.Matches)-today.Matched) * w.Unmatched
		points := func(cost int64) float64 { return float64(10_000*int64(today.Matched) - (cost - stay)) }
		require.GreaterOrEqual(t, points(paid), 0.997*points(anew.Objective), "what it really costs")
	}
	require.Less(t, moved[500], moved[0])
	require.LessOrEqual(t, moved[500], 4, "a hundredth of them")
}
