package matching

import (
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

// tally is what an assignment comes to: how many have a place, what it costs, and how many are where the run put them.
type tally struct {
	matched int
	cost    int64
	stay    int
}

// bestOf tries every way to assign those rows that are in, with so much room at places.
func bestOf(p *problem, g granted, in []bool, free []int32) tally {
	best := tally{matched: -1}
	taken, coached := make([]int32, len(p.Places)), make([]int32, len(g.limits))
	at := slices.Repeat([]int32{none}, len(p.Asking))
	var try func(k int)
	try = func(k int) {
		if k == len(p.Asking) {
			x := sum(p, g, in, at)
			if x.matched > best.matched || x.matched == best.matched && (x.cost < best.cost || x.cost == best.cost && x.stay > best.stay) {
				best = x
			}
			return
		}
		try(k + 1)
		if !in[k] {
			return
		}
		for _, x := range g.pairs[k] {
			if x.score < p.Low || taken[x.place] >= free[x.place] {
				continue
			}
			for _, c := range g.coaches[x.place] {
				if coached[c] >= g.limits[c] {
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

// sum is what an assignment comes to.
func sum(p *problem, g granted, in []bool, at []int32) (x tally) {
	received := make([]int32, len(p.OrgFree))
	for k, place := range at {
		if !in[k] || place == none {
			continue
		}
		pairs := g.pairs[k]
		pair := pairs[slices.IndexFunc(pairs, func(y pair) bool { return y.place == place })]
		x.matched, x.cost = x.matched+1, x.cost+int64(p.cost(k, pair))
		received[p.OrgOf[place]]++
	}
	for k, home := range p.Home {
		if in[k] && home != none && at[k] != none {
			received[home]--
		}
	}
	for o, n := range received {
		for over := n - p.OrgFree[o]; over > 0 && len(p.Steps) > 0; over-- {
			x.cost += p.Steps[min(int(over), len(p.Steps))-1]
		}
	}
	for k, place := range at {
		if in[k] && place == p.Chosen[k] && place != none {
			x.stay++
		}
	}
	return x
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

func TestWhatIf_IsTheBestWithWhatChangedAboveTheLowestScore(t *testing.T) {
	t.Parallel()
	moved, fewer, more, opened, relieved := 0, 0, 0, 0, 0
	for seed := range uint64(120) {
		r := smallCohort(t, seed, 1+int(seed%5), int(seed%6), crowd(seed), second(seed))
		r.objective = []string{total, worstOffFirst}[seed%2]
		p := unpacked(t, computed(t, r).packed)
		g := grant(r)
		require.Equal(t, g.free, p.Free)
		was, err := p.asWas(context.Background())
		require.NoError(t, err)
		first := was.Result()
		for k := range p.Asking {
			require.Equal(t, p.Chosen[k], first.Matches[k].Place, "seed %d: it begins where the run ended", seed)
		}
		ask := func(in whatIfReq, there []bool, free []int32) {
			what := fmt.Sprintf("seed %d, %+v", seed, in)
			x, err := p.suppose(in)
			require.NoError(t, err, what)
			out, err := x.follows(context.Background(), p, was)
			require.NoError(t, err, what)
			at := slices.Clone(p.Chosen)
			score := int64(0)
			for _, c := range out.Changes {
				k := p.row[uuid.UUID(c.LeervraagID)]
				at[k] = none
				if c.After.LeerplekID != nil {
					at[k] = int32(p.at[uuid.UUID(*c.After.LeerplekID)])
				}
			}
			require.Equal(t, bestOf(p, g, there, free), sum(p, g, there, at), what)
			for k, place := range at {
				if pairs := g.pairs[k]; there[k] && place != none {
					score += int64(pairs[slices.IndexFunc(pairs, func(y pair) bool { return y.place == place })].score)
					if p.Free[place] == 0 {
						opened++
					}
				}
			}
			require.Equal(t, score, out.ScoreAfter, what)
			require.Len(t, out.Changes, out.Moved, what)
			moved += out.Moved
			if out.MatchedAfter < out.MatchedBefore {
				fewer++
			}
			if out.MatchedAfter > out.MatchedBefore {
				more++
			}
			require.Equal(t, first, was.Result(), "what one question supposes is nothing to the next")
		}
		all := slices.Repeat([]bool{true}, len(p.Asking))
		limits := g.limits
		for n, c := range g.ids { // one more, alone and with room at a place
			if _, known := p.coach[c]; !known {
				require.Negative(t, limits[n], "seed %d: who has one more than they take on is helped by no one more", seed)
				continue
			}
			g.limits = slices.Clone(limits)
			g.limits[n]++
			before := moved
			in := whatIfReq{Coaches: []id.MedewerkerID{id.MedewerkerID(c)}}
			ask(in, all, p.Free)
			if moved > before {
				relieved++
			}
			for i := range p.Places {
				free := slices.Clone(p.Free)
				free[i]++
				in.Widens = []id.LeerplekID{id.LeerplekID(p.Places[i])}
				ask(in, all, free)
			}
		}
		g.limits = limits
		for k := range p.Asking {
			there := slices.Clone(all)
			there[k] = false
			ask(whatIfReq{Leaves: []id.LeervraagID{id.LeervraagID(p.Questions[p.Asking[k]])}}, there, p.Free)
		}
		for i := range p.Places {
			lpl := []id.LeerplekID{id.LeerplekID(p.Places[i])}
			free := slices.Clone(p.Free)
			free[i] = 0
			ask(whatIfReq{Closes: lpl}, all, free)
			free[i] = p.Free[i] + 1
			ask(whatIfReq{Widens: lpl}, all, free)
			if len(p.Asking) > 0 {
				there := slices.Clone(all)
				there[0] = false
				leaves := []id.LeervraagID{id.LeervraagID(p.Questions[p.Asking[0]])}
				ask(whatIfReq{Widens: lpl, Leaves: leaves}, there, free)
				if n := len(p.Places); n > 2 { // all at once
					j, k := (i+1)%n, (i+2)%n
					free[j], free[k] = 0, p.Free[k]+1
					ask(whatIfReq{Widens: []id.LeerplekID{lpl[0], id.LeerplekID(p.Places[k])}, Closes: []id.LeerplekID{id.LeerplekID(p.Places[j])}, Leaves: leaves}, there, free)
				}
			}
		}
	}
	require.Greater(t, moved, 100)
	require.Greater(t, fewer, 30)
	require.Greater(t, more, 30)
	require.Greater(t, relieved, 15)
	require.Greater(t, opened, 30, "places that were full before the run")
}

// Who joins is to the run what it would have been from the beginning: a new run of all comes to as many matches at the same cost.
func TestWhatIf_WhoJoinsIsAsIfTheyHadAlwaysBeenThere(t *testing.T) {
	t.Parallel()
	placed, moved, unknownEmployers, reward := 0, 0, 0, 0
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
			return r
		}
		p := unpacked(t, computed(t, cohort(asks-late)).packed)
		was, err := p.asWas(context.Background())
		require.NoError(t, err)
		what := fmt.Sprintf("seed %d", seed)
		whole := cohort(asks)
		truth := unpacked(t, computed(t, whole).packed)
		g := grant(whole)
		now := cohort(asks, func(places []place) { require.Len(t, p.roomy(places), offers, what) })
		var ids []id.LeervraagID
		for i := asks - late; i < asks; i++ {
			ids = append(ids, now.questions[i].ID)
		}
		x := supposed{}
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
		out, err := x.follows(context.Background(), p, was)
		require.NoError(t, err, what)
		truth.Chosen = append(slices.Clone(p.Chosen), slices.Repeat([]int32{none}, late)...)
		at, score := slices.Clone(truth.Chosen), int64(0)
		for _, c := range out.Changes {
			k := truth.row[uuid.UUID(c.LeervraagID)]
			at[k] = none
			if c.After.LeerplekID != nil {
				at[k] = int32(truth.at[uuid.UUID(*c.After.LeerplekID)])
			}
			if moved++; k >= asks-late {
				placed++
				require.Equal(t, WhatIfPlace{}, c.Before, what)
			}
		}
		all := slices.Repeat([]bool{true}, asks)
		got := sum(truth, g, all, at)
		require.Equal(t, bestOf(truth, g, all, truth.Free), got, what)
		for k, place := range at {
			if pairs := truth.pairs(k, nil); place != none {
				score += int64(pairs[slices.IndexFunc(pairs, func(y judged) bool { return y.place == place })].score)
			}
		}
		require.Equal(t, []any{got.matched, score}, []any{out.MatchedAfter, out.ScoreAfter}, what)
		for _, bad := range [][]id.LeervraagID{{ids[0], ids[0]}, {now.questions[0].ID}, {id.NewLeervraag()}} {
			_, err := p.join(now, bad)
			require.True(t, fault.BadParameter.Is(err), what)
		}
	}
	require.Greater(t, placed, 50)
	require.Greater(t, moved, placed+5, "others make room")
	require.Greater(t, unknownEmployers, 15)
	require.Greater(t, reward, 8)
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
	out, err := supposed{widens: []int32{n}}.follows(context.Background(), p, was)
	require.NoError(t, err)
	require.Equal(t, []any{n, n, n, int64(5000*n + 1)}, []any{out.MatchedBefore, out.MatchedAfter, out.Moved, out.ScoreAfter})
}

// What the worst off came to is not looked for anew: who could go below it goes nowhere, where a new run would place them, and nobody
// is raised above it.
func TestWhatIf_OfTheWorstOffTheLowestScoreStands(t *testing.T) {
	t.Parallel()
	cohort := func(room int32) *run {
		r := made(t, func(q []participant, p []place) { likes(&q[0], p, 0); p[0].free = room }, 1, 2)
		r.objective = worstOffFirst
		return r
	}
	p := unpacked(t, computed(t, cohort(1)).packed)
	require.Equal(t, []int32{0}, p.Chosen, "the place that was named")
	require.Len(t, p.pairs(0, nil), 2, "it could go to the other")
	was, err := p.asWas(context.Background())
	require.NoError(t, err)
	out, err := supposed{closes: []int32{0}}.follows(context.Background(), p, was)
	require.NoError(t, err)
	require.Equal(t, []int{1, 0}, []int{out.MatchedBefore, out.MatchedAfter})
	require.Equal(t, 1, computed(t, cohort(0)).summary.Matched, "a new run finds its place")
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
		out, err := x.follows(context.Background(), p, was)
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
