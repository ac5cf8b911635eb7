package matching

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/matching/assign"
	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// tally is what an assignment comes to: how many have a place, for the worst off the lowest score of those whom nobody pinned, what it
// costs, and how many are where the run put them.
type tally struct {
	matched int
	lowest  int32
	cost    int64
	stay    int
}

// oracle is a run as it is searched, by hand.
type oracle struct {
	*problem
	granted
	floor int32
	fair  bool
	in    []bool // by row: it is there
}

func newOracle(r *run, p *problem) *oracle {
	o := &oracle{problem: p, granted: grant(r), floor: int32(r.floor), fair: r.objective == worstOffFirst, in: slices.Repeat([]bool{true}, len(p.Asking))}
	for k, on := range p.Pinned {
		if on != none {
			o.granted.pairs[k] = []pair{{on, p.PinScore[k]}}
		}
	}
	return o
}

// best tries every way to assign those rows that are in, with so much room at places.
func (o *oracle) best(free []int32) tally {
	best := tally{matched: -1}
	taken, coached := make([]int32, len(o.Places)), make([]int32, len(o.limits))
	at := slices.Repeat([]int32{none}, len(o.Asking))
	var try func(k int)
	try = func(k int) {
		if k == len(o.Asking) {
			x := o.sum(at)
			if cmp.Or(cmp.Compare(x.matched, best.matched), cmp.Compare(x.lowest, best.lowest), cmp.Compare(best.cost, x.cost), cmp.Compare(x.stay, best.stay)) > 0 {
				best = x
			}
			return
		}
		pinned := o.Pinned[k] != none
		if !pinned || !o.in[k] {
			try(k + 1)
		}
		if !o.in[k] {
			return
		}
		for _, x := range o.granted.pairs[k] {
			if !pinned && x.score < o.floor || taken[x.place] >= free[x.place] {
				continue
			}
			for _, c := range o.coaches[x.place] {
				if coached[c] >= o.limits[c] {
					continue
				}
				at[k] = x.place
				taken[x.place]++
				coached[c]++
				try(k + 1)
				taken[x.place]--
				coached[c]--
				at[k] = none
			}
		}
	}
	try(0)
	return best
}

// pair is that of a row and a place.
func (o *oracle) pair(k int, place int32) pair {
	pairs := o.granted.pairs[k]
	return pairs[slices.IndexFunc(pairs, func(y pair) bool { return y.place == place })]
}

// score is that of all together.
func (o *oracle) score(at []int32) (score int64) {
	for k, place := range at {
		if o.in[k] && place != none {
			score += int64(o.pair(k, place).score)
		}
	}
	return score
}

// sum is what an assignment comes to.
func (o *oracle) sum(at []int32) (x tally) {
	received := make([]int32, len(o.OrgFree))
	lowest := int32(whole)
	for k, place := range at {
		if !o.in[k] || place == none {
			continue
		}
		pair := o.pair(k, place)
		x.matched, x.cost = x.matched+1, x.cost+int64(o.cost(k, pair))
		received[o.OrgOf[place]]++
		if o.Pinned[k] == none {
			lowest = min(lowest, pair.score)
		}
		if place == o.Chosen[k] {
			x.stay++
		}
	}
	if o.fair {
		x.lowest = lowest
	}
	for k, home := range o.Home {
		if o.in[k] && home != none && at[k] != none {
			received[home]--
		}
	}
	for n, got := range received {
		for over := got - o.OrgFree[n]; over > 0 && len(o.Steps) > 0; over-- {
			x.cost += o.Steps[min(int(over), len(o.Steps))-1]
		}
	}
	return x
}

// standingAsItWas is a run that was kept, solved again; count is nil unless it is for the worst off.
func standingAsItWas(t *testing.T, r *run, p *problem) (was, count *assign.Solver) {
	t.Helper()
	was, err := p.asWas(context.Background())
	require.NoError(t, err)
	if r.objective == worstOffFirst {
		count, err = p.counting(context.Background())
		require.NoError(t, err)
	}
	return was, count
}

// wentTo is where everybody is after an answer, by row.
func wentTo(p *problem, chosen []int32, out WhatIf) []int32 {
	at := slices.Clone(chosen)
	for _, c := range out.Changes {
		k := p.row[uuid.UUID(c.LeervraagID)]
		at[k] = none
		if c.After.LeerplekID != nil {
			at[k] = int32(p.at[uuid.UUID(*c.After.LeerplekID)])
		}
	}
	return at
}

// second gives every third place a second leercoach, whom others of its employer have too.
func second(seed uint64) func([]place) {
	return func(places []place) {
		for i := range places {
			if p := &places[i]; i%3 == 2 && p.coaches != nil {
				p.coaches = append(p.coaches, coach{id: uuid.UUID{0: 6, 15: p.employer.id[15]}, ended: 1 << 30, limit: int32(seed % 3)})
			}
		}
	}
}

func TestWhatIf_IsTheBestWithWhatChanged(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for seed := range uint64(160) {
		cohort := func(pins ...Pin) *run {
			r := smallCohort(t, seed, 1+int(seed%5), int(seed%6), crowd(seed), second(seed))
			r.objective, r.pins = []string{total, worstOffFirst}[seed%2], pins
			return r
		}
		r := cohort()
		p := unpacked(t, computed(t, r).packed)
		if seed%8 > 5 && len(p.Asking) > 0 { // where it would not go by itself
			for _, x := range p.pairs(0, nil) {
				if x.place != p.Chosen[0] && p.takes(p.Free, p.Coaches)[x.place] {
					r = cohort(Pin{id.LeervraagID(p.Questions[p.Asking[0]]), id.LeerplekID(p.Places[x.place])})
					p = unpacked(t, computed(t, r).packed)
					break
				}
			}
		}
		o := newOracle(r, p)
		require.Equal(t, o.free, p.Free)
		was, count := standingAsItWas(t, r, p)
		first, before := was.Result(), o.sum(p.Chosen)
		for k := range p.Asking {
			require.Equal(t, p.Chosen[k], first.Matches[k].Place, "seed %d: it begins where the run ended", seed)
		}
		ask := func(in whatIfReq, free []int32) {
			what := fmt.Sprintf("seed %d, %+v", seed, in)
			x, err := p.suppose(in)
			require.NoError(t, err, what)
			x.floor = int32(r.floor)
			out, err := x.follows(context.Background(), p, was, count)
			require.NoError(t, err, what)
			at := wentTo(p, p.Chosen, out)
			best := o.best(free)
			require.Equal(t, best, o.sum(at), what)
			require.Equal(t, o.score(at), out.ScoreAfter, what)
			require.Len(t, out.Changes, out.Moved, what)
			for k, place := range at {
				if o.in[k] && place != none && p.Free[place] == 0 {
					seen["places that were full before the run"]++
				}
			}
			seen["moved"] += out.Moved
			if out.MatchedAfter < out.MatchedBefore {
				seen["fewer"]++
			}
			if out.MatchedAfter > out.MatchedBefore {
				seen["more"]++
			}
			if o.fair && best.matched > 0 && best.lowest < p.Low {
				seen["lower for the worst off"]++
			}
			if o.fair && best.matched > 0 && best.lowest < whole && best.lowest > before.lowest {
				seen["higher for the worst off"]++
			}
			if len(r.pins) > 0 {
				seen["with a pin"]++
			}
			require.Equal(t, first, was.Result(), "what one question supposes is nothing to the next")
		}
		// closed is how many stay at a place that closes: who was pinned there and did not leave.
		closed := func(i int) (stay int32) {
			for k, on := range p.Pinned {
				if int(on) == i && o.in[k] {
					stay++
				}
			}
			return stay
		}
		limits := o.limits
		for n, c := range o.ids { // one more, alone and with room at a place
			if _, known := p.coach[c]; !known {
				require.Negative(t, limits[n], "seed %d: who has one more than they take on is helped by no one more", seed)
				continue
			}
			o.limits = slices.Clone(limits)
			o.limits[n]++
			moved := seen["moved"]
			in := whatIfReq{Coaches: []id.MedewerkerID{id.MedewerkerID(c)}}
			ask(in, p.Free)
			if seen["moved"] > moved {
				seen["relieved"]++
			}
			for i := range p.Places {
				free := slices.Clone(p.Free)
				free[i]++
				in.Widens = []id.LeerplekID{id.LeerplekID(p.Places[i])}
				ask(in, free)
			}
		}
		o.limits = limits
		for k := range p.Asking {
			o.in[k] = false
			ask(whatIfReq{Leaves: []id.LeervraagID{id.LeervraagID(p.Questions[p.Asking[k]])}}, p.Free)
			o.in[k] = true
		}
		for i := range p.Places {
			lpl := []id.LeerplekID{id.LeerplekID(p.Places[i])}
			free := slices.Clone(p.Free)
			free[i] = closed(i)
			ask(whatIfReq{Closes: lpl}, free)
			free[i] = p.Free[i] + 1
			ask(whatIfReq{Widens: lpl}, free)
			if len(p.Asking) > 0 {
				o.in[0] = false
				leaves := []id.LeervraagID{id.LeervraagID(p.Questions[p.Asking[0]])}
				ask(whatIfReq{Widens: lpl, Leaves: leaves}, free)
				if n := len(p.Places); n > 2 { // all at once
					j, k := (i+1)%n, (i+2)%n
					free[j], free[k] = closed(j), p.Free[k]+1
					ask(whatIfReq{Widens: []id.LeerplekID{lpl[0], id.LeerplekID(p.Places[k])}, Closes: []id.LeerplekID{id.LeerplekID(p.Places[j])}, Leaves: leaves}, free)
				}
				o.in[0] = true
			}
		}
	}
	for what, least := range map[string]int{"moved": 150, "fewer": 40, "more": 40, "relieved": 15, "places that were full before the run": 30,
		"lower for the worst off": 40, "higher for the worst off": 40, "with a pin": 40} {
		require.Greater(t, seen[what], least, "%s: %v", what, seen)
	}
}

// Where no exhaustive search goes: of forty, a new run of what changed comes to as many, to as low a score, and costs as much.
func TestWhatIf_IsWhatANewRunComesTo(t *testing.T) {
	t.Parallel()
	lower, higher := 0, 0
	for seed := range uint64(24) {
		const asks, offers = 40, 36
		cohort := func(change func([]place), questions func([]participant) []participant) *run {
			r := smallCohort(t, seed, asks, offers, second(seed), change)
			r.objective = []string{worstOffFirst, total}[seed%4/3]
			r.questions = questions(r.questions)
			r.prints.questions = nil
			for i := range r.questions {
				r.prints.questions = append(r.prints.questions, r.questions[i].print())
			}
			return r
		}
		as, all := func([]place) {}, func(q []participant) []participant { return q }
		r := cohort(as, all)
		p := unpacked(t, computed(t, r).packed)
		o := newOracle(r, p)
		was, count := standingAsItWas(t, r, p)
		for n := range 12 {
			var in whatIfReq
			change, questions := as, all
			worst := p.Asking[n%len(p.Asking)]
			for k, place := range p.Chosen { // the worst off among them
				if n == 0 && place != none && o.pair(k, place).score == p.Low {
					worst = p.Asking[k]
				}
			}
			i := n % len(p.Places)
			switch n % 3 {
			case 0:
				in.Leaves = []id.LeervraagID{id.LeervraagID(p.Questions[worst])}
				questions = func(q []participant) []participant { return slices.Delete(q, int(worst), int(worst)+1) }
			case 1:
				in.Closes = []id.LeerplekID{id.LeerplekID(p.Places[i]), id.LeerplekID(p.Places[i+1])}
				change = func(places []place) { places[i].free, places[i+1].free = 0, 0 }
			default:
				in.Widens = []id.LeerplekID{id.LeerplekID(p.Places[i]), id.LeerplekID(p.Places[i+1])}
				change = func(places []place) {
					places[i].free++
					places[i+1].free++
				}
			}
			what := fmt.Sprintf("seed %d, %+v", seed, in)
			x, err := p.suppose(in)
			require.NoError(t, err, what)
			x.floor = int32(r.floor)
			out, err := x.follows(context.Background(), p, was, count)
			require.NoError(t, err, what)
			for k := range o.in {
				o.in[k] = len(in.Leaves) == 0 || p.Asking[k] != worst
			}
			got := o.sum(wentTo(p, p.Chosen, out))
			matched, lowest, cost := outcome(t, cohort(change, questions))
			require.Equal(t, []any{matched, cost}, []any{got.matched, got.cost}, what)
			if o.fair && matched > 0 {
				require.EqualValues(t, lowest, got.lowest, what)
				if got.lowest < p.Low {
					lower++
				}
				if got.lowest > p.Low {
					higher++
				}
			}
		}
	}
	require.Greater(t, lower, 4)
	require.Greater(t, higher, 4)
}

// Who joins is to the run what it would have been from the beginning: a new run of all comes to as many matches at the same cost.
func TestWhatIf_WhoJoinsIsAsIfTheyHadAlwaysBeenThere(t *testing.T) {
	t.Parallel()
	placed, moved, unknownEmployers, reward, lower := 0, 0, 0, 0, 0
	for seed := range uint64(150) {
		asks, offers, late := 3+int(seed%4), 1+int(seed%6), 1+int(seed%2)
		cohort := func(n int, change ...func([]place)) *run {
			r := smallCohort(t, seed, asks, offers, append(change, second(seed))...)
			for i := range r.questions { // the last may come of an employer that nobody knows yet
				if i == asks-1 && seed%3 == 0 {
					r.questions[i].OrganisationID, r.questions[i].open = uuid.UUID{0: 9}, uuid.Nil
					r.questions[i].Employer = &employer{id: uuid.UUID{0: 9}, sector: "zorg", band: 1}
					r.carried[uuid.UUID{0: 9}] = -int(seed % 4)
					r.prints.questions[i] = r.questions[i].print()
				}
			}
			r.questions, r.prints.questions = r.questions[:n], r.prints.questions[:n]
			r.objective = []string{total, worstOffFirst}[seed/3%2]
			return r
		}
		run := cohort(asks - late)
		p := unpacked(t, computed(t, run).packed)
		was, count := standingAsItWas(t, run, p)
		what := fmt.Sprintf("seed %d", seed)
		whole := cohort(asks)
		truth := newOracle(whole, unpacked(t, computed(t, whole).packed))
		now := cohort(asks, func(places []place) { require.Len(t, p.roomy(places), offers, what) })
		var ids []id.LeervraagID
		for i := asks - late; i < asks; i++ {
			ids = append(ids, now.questions[i].ID)
		}
		x := supposed{floor: int32(run.floor)}
		var err error
		x.joins, err = p.join(now, ids)
		require.NoError(t, err, what)
		for _, j := range x.joins {
			if j.home == none && p.Home != nil {
				unknownEmployers++
				if j.carried < 0 {
					reward++
				}
			}
		}
		out, err := x.follows(context.Background(), p, was, count)
		require.NoError(t, err, what)
		truth.Chosen = append(slices.Clone(p.Chosen), slices.Repeat([]int32{none}, late)...)
		at := wentTo(truth.problem, truth.Chosen, out)
		for _, c := range out.Changes {
			if moved++; truth.row[uuid.UUID(c.LeervraagID)] >= asks-late {
				placed++
				require.Equal(t, WhatIfPlace{}, c.Before, what)
			}
		}
		got := truth.sum(at)
		require.Equal(t, truth.best(truth.Free), got, what)
		require.Equal(t, []any{got.matched, truth.score(at)}, []any{out.MatchedAfter, out.ScoreAfter}, what)
		if got.matched > 0 && truth.fair && got.lowest < p.Low {
			lower++
		}
		for _, bad := range [][]id.LeervraagID{{ids[0], ids[0]}, {now.questions[0].ID}, {id.NewLeervraag()}} {
			_, err := p.join(now, bad)
			require.True(t, fault.BadParameter.Is(err), what)
		}
	}
	require.Greater(t, placed, 50)
	require.Greater(t, moved, placed+5, "others make room")
	require.Greater(t, unknownEmployers, 15)
	require.Greater(t, reward, 8)
	require.Greater(t, lower, 8, "for the worst off")
}

// However many would move for it, a point is a point: everybody moves by one place, so that one scores one more.
func TestWhatIf_MovesAThousandForOnePoint(t *testing.T) {
	t.Parallel()
	const n = 1100
	p := &problem{Dear: assign.MaximumMatches(n, whole, 0), Coaches: []int32{n + 1}, OrgFree: []int32{0}, at: map[uuid.UUID]int{}, row: map[uuid.UUID]int{}}
	for i := range n + 1 {
		p.Places = append(p.Places, uuid.UUID{0: 2, 14: byte(i >> 8), 15: byte(i)})
		p.Free, p.OrgOf, p.CoachOf = append(p.Free, 1), append(p.OrgOf, 0), append(p.CoachOf, []int32{0})
	}
	p.Free[n] = 0
	for k := range n {
		p.Questions = append(p.Questions, uuid.UUID{0: 4, 14: byte(k >> 8), 15: byte(k)})
		p.Asking, p.Chosen = append(p.Asking, int32(k)), append(p.Chosen, int32(k))
		p.Current, p.Pinned, p.PinScore, p.Home = append(p.Current, none), append(p.Pinned, none), append(p.PinScore, 0), append(p.Home, assign.None)
		p.Kept, p.Count, p.starts = append(p.Kept, true), append(p.Count, 2), append(p.starts, 2*k)
		p.kept.Place = append(p.kept.Place, uint16(k), uint16(k+1))
		p.kept.Score, p.kept.Content = append(p.kept.Score, 5000, 5000), append(p.kept.Content, 0, 0)
	}
	p.kept.Score[1] = 5001 // of the first, at the second place
	was, err := p.asWas(context.Background())
	require.NoError(t, err)
	out, err := supposed{widens: []int32{n}}.follows(context.Background(), p, was, nil)
	require.NoError(t, err)
	require.Equal(t, []any{n, n, n, int64(5000*n + 1)}, []any{out.MatchedBefore, out.MatchedAfter, out.Moved, out.ScoreAfter})
}

// What the worst off came to is looked for anew: who could only go below it goes there all the same, and when the worst off leaves, another is.
func TestWhatIf_OfTheWorstOffTheLowestScoreIsFoundAnew(t *testing.T) {
	t.Parallel()
	cohort := func(room int32) *run {
		r := made(t, func(q []participant, p []place) { likes(&q[0], p, 0); p[0].free = room }, 1, 2)
		r.objective = worstOffFirst
		return r
	}
	r := cohort(1)
	p := unpacked(t, computed(t, r).packed)
	require.Equal(t, []int32{0}, p.Chosen, "the place that was named")
	require.Less(t, p.pairs(0, nil)[1].score, p.Low, "it could go to the other, below what the run reached")
	was, count := standingAsItWas(t, r, p)
	out, err := supposed{closes: []int32{0}}.follows(context.Background(), p, was, count)
	require.NoError(t, err)
	require.Equal(t, []int{1, 1, 1}, []int{out.MatchedBefore, out.MatchedAfter, out.Moved})
	require.EqualValues(t, computed(t, cohort(0)).summary.Score, out.ScoreAfter, "as a new run finds")

	r = apart(t, worstOffFirst)
	p = unpacked(t, computed(t, r).packed)
	was, count = standingAsItWas(t, r, p)
	gone := int32(0)
	for k, m := range was.Result().Matches {
		if m.Score == p.Low {
			gone = int32(k)
		}
	}
	out, err = supposed{leaves: []int32{gone}}.follows(context.Background(), p, was, count)
	require.NoError(t, err)
	require.Equal(t, 1, out.MatchedAfter)
	require.Greater(t, out.ScoreAfter, int64(p.Low))
}

// Where all say the same, any exchange of places is as good: it begins with the one that the run came to all the same, and moves
// nobody but whose place closed.
func TestWhatIf_OfEqualAnswersTellsTheOneInWhichMostStay(t *testing.T) {
	t.Parallel()
	p := unpacked(t, computed(t, echoing(t, 30, 40)).packed)
	first := p.Chosen[0]
	copy(p.Chosen, p.Chosen[1:]) // as good as what it came to, and not what a solver comes upon
	p.Chosen[len(p.Chosen)-1] = first
	was, err := p.asWas(context.Background())
	require.NoError(t, err)
	for k, m := range was.Result().Matches {
		require.Equal(t, p.Chosen[k], m.Place)
	}
	for i := range p.Chosen {
		x := supposed{closes: []int32{p.Chosen[i]}}
		out, err := x.follows(context.Background(), p, was, nil)
		require.NoError(t, err)
		require.Equal(t, []int{30, 30, 1}, []int{out.MatchedBefore, out.MatchedAfter, out.Moved})
	}
}

// Room of a leercoach whom the run did not count there is nobody's: neither of one who had too many, nor of one who came since.
func TestWhatIf_WhoJoinsIsCoachedByWhomTheRunCounts(t *testing.T) {
	t.Parallel()
	x, counted, crowded, late := uuid.UUID{0: 2}, uuid.UUID{0: 3, 15: 1}, uuid.UUID{0: 3, 15: 2}, uuid.UUID{0: 3, 15: 3}
	p := &problem{at: map[uuid.UUID]int{x: 0}, coach: map[uuid.UUID]int{counted: 0, late: 1}, CoachOf: [][]int32{{0}}}
	can := func(ended int32) (out []bool) {
		for _, at := range p.roomy([]place{{id: x, coaches: []coach{{id: counted, ended: ended, limit: 1, active: 1}, {id: crowded, ended: 1 << 30, limit: 1, active: 3},
			{id: late, ended: 1 << 30, limit: unknown}}}, {id: uuid.UUID{0: 2, 15: 1}}}) {
			for i := range at.coaches {
				out = append(out, (&question{Today: day.Of(2027, 1, 4)}).lack(&at.coaches[i]) == possible)
			}
		}
		return out
	}
	require.Equal(t, []bool{true, false, false}, can(1<<30))
	require.Equal(t, []bool{false, false, false}, can(1), "who left since")
}
