package matching

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/matching/relevance"
	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

var subjects = []string{"medicatie klaarzetten", "metselen van muren", "peuters begeleiden", "brood bakken", "onthaal van bezoekers", "medicatie toedienen"}

// smallCohort makes a random cohort that can be searched exhaustively.
func smallCohort(t *testing.T, seed uint64, asks, offers int) *run {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	uid := func(kind byte, n int) uuid.UUID { return uuid.UUID{0: kind, 15: byte(n)} }
	today := day.Of(2027, 1, 4)
	read := newReading(today)
	orgs := make([]*employer, 4)
	for i := range orgs {
		orgs[i] = &employer{uid(1, i), []string{"zorg", "bouw"}[i%2], "mixed", int8(i)}
	}
	limits := map[uuid.UUID]int32{}
	for i := range offers {
		o := orgs[r.IntN(len(orgs))]
		c := uid(3, i/2*4+slices.Index(orgs, o)) // some serve two places
		if _, known := limits[c]; !known {
			limits[c] = int32(r.IntN(4)) - 1
		}
		p := place{id: uid(2, i), published: true, free: int32(r.IntN(3)), employer: o, coaches: []coach{{id: c, ended: 1 << 30, limit: limits[c]}}}
		read.places = append(read.places, p)
		read.documents = append(read.documents, relevance.Document{ID: p.id, Title: subjects[r.IntN(len(subjects))], Description: subjects[r.IntN(len(subjects))]})
	}
	s := &snapshot{today: today, carried: map[uuid.UUID]int{orgs[0].id: r.IntN(5) - 2, orgs[1].id: r.IntN(5) - 2}}
	for i := range asks {
		o := orgs[r.IntN(len(orgs))]
		q := participant{status: "open", words: relevance.Question{Title: subjects[r.IntN(len(subjects))], Text: subjects[r.IntN(len(subjects))]}}
		q.question = question{ID: id.LeervraagID(uid(4, i)), OrganisationID: o.id, SwitcherID: uid(5, i), DaysNeeded: 1, Today: today, Employer: o,
			Preferences: []uuid.UUID{orgs[r.IntN(len(orgs))].id}}
		if offers > 0 && r.IntN(3) == 0 {
			q.open = uid(2, r.IntN(offers))
		}
		s.questions = append(s.questions, q)
	}
	c := &run{snapshot: s, task: task{weights: Defaults(), bonus: 500, objective: total, reciprocity: r.IntN(2) == 0, floor: r.IntN(2) * 4000},
		report: func(string, int, int) error { return nil }, watch: func(string) {}}
	for i := range s.questions {
		c.prints.questions = append(c.prints.questions, s.questions[i].print())
	}
	for i := range read.places {
		c.prints.places = append(c.prints.places, printPlace(&read.places[i], &read.documents[i]))
	}
	var err error
	c.places, err = read.build(wording{}, horizon{})
	require.NoError(t, err)
	return c
}

// best tries every way to assign, and returns the most matches and the lowest cost of that many; with fair the lowest
// score as high as possible comes first.
func best(r *run, fair bool) (matches int, lowest int32, cost int64) {
	n := len(r.asking)
	taken, coached, received, sent := make([]int32, len(r.places.places)), make([]int32, len(r.coaches)), make([]int, len(r.orgs)), make([]int, len(r.orgs))
	matches = -1
	balance := func() (c int64) {
		for o := range r.orgs {
			if !r.reciprocity {
				break
			}
			for over := received[o] - sent[o] - r.carried[r.orgs[o]]; over > 0; over-- {
				c += reciprocity[min(over, len(reciprocity))-1]
			}
		}
		return c
	}
	var try func(k, m int, low int32, c int64)
	try = func(k, m int, low int32, c int64) {
		if k == n {
			c += balance()
			if m > matches || m == matches && (fair && low > lowest || (!fair || low == lowest) && c < cost) {
				matches, lowest, cost = m, low, c
			}
			return
		}
		try(k+1, m, low, c)
		home := position(r.orgs, r.questions[r.asking[k]].OrganisationID)
		for _, x := range r.rows[k] {
			p := &r.places.places[x.place]
			coach := r.coachOf[x.place][0]
			limit := p.coaches[0].limit
			if int(x.score) < r.floor || taken[x.place] >= p.free || limit != unknown && coached[coach] >= limit {
				continue
			}
			taken[x.place]++
			coached[coach]++
			received[r.orgOf[x.place]]++
			sent[home]++
			try(k+1, m+1, min(low, x.score), c+r.cost(int32(k), x))
			taken[x.place]--
			coached[coach]--
			received[r.orgOf[x.place]]--
			sent[home]--
		}
	}
	try(0, 0, whole, 0)
	return matches, lowest, cost
}

func TestRun_EqualsExhaustiveSearchOnSmallCohorts(t *testing.T) {
	t.Parallel()
	matched := 0
	for seed := range uint64(150) {
		for _, objective := range []string{total, worstOffFirst} {
			r := smallCohort(t, seed, 1+int(seed%5), int(seed%6))
			r.objective = objective
			out, err := r.compute(context.Background())
			require.NoError(t, err, "seed %d", seed)
			n, low, cost := best(r, objective == worstOffFirst)
			what := fmt.Sprintf("seed %d, %s", seed, objective)
			require.Equal(t, n, out.summary.Matched, what)
			unmatchedCost := int64(len(r.asking)-n) * r.dear
			require.Equal(t, cost+unmatchedCost, out.summary.Certificate.Objective, what)
			if objective == worstOffFirst && n > 0 {
				require.Equal(t, int(low), out.summary.Fairness.WorstOff.Score, what)
			}
			matched += n
			for _, it := range out.items {
				if it.Standing == chosen {
					sum := 0
					for _, p := range it.Detail.Points {
						sum += p
					}
					require.Equal(t, *it.Score, sum, what)
				}
			}
		}
	}
	require.Greater(t, matched, 200, "the cohorts are not all hopeless")
}

func TestRun_DoesNotDependOnCores(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	var want []byte
	for _, cores := range []int{1, 4, 8} {
		runtime.GOMAXPROCS(cores)
		out, err := smallCohort(t, 3, 40, 60).compute(context.Background())
		require.NoError(t, err)
		got, err := json.Marshal(out.items)
		require.NoError(t, err)
		if want == nil {
			want = append(got, out.hash[:]...)
		}
		require.Equal(t, want, append(got, out.hash[:]...))
	}
}

// What is kept of a run gives the same optimum again, and what a run that is based on it takes over is what it would judge.
func TestRun_KeptAndTakenOver(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		r := smallCohort(t, seed, 12, 10)
		r.floor, r.bonus = 0, 0
		out, err := r.compute(context.Background())
		require.NoError(t, err)
		p, err := unpack(out.packed)
		require.NoError(t, err)
		s, err := p.solver(context.Background())
		require.NoError(t, err)
		require.Equal(t, out.summary.Certificate.Objective, s.Result().Objective)
		again := smallCohort(t, seed, 12, 10)
		again.floor, again.bonus, again.base = 0, 0, p
		taken, err := again.compute(context.Background())
		require.NoError(t, err)
		require.Equal(t, out.summary.Certificate.Objective, taken.summary.Certificate.Objective)
		require.Equal(t, r.rows, again.rows)
		gone, cancel := context.WithCancel(context.Background())
		cancel()
		none, err := p.solver(gone)
		require.Error(t, err)
		require.Nil(t, none)
		other := smallCohort(t, seed, 12, 10)
		other.floor, other.bonus, other.base, other.wording = 0, 0, p, "another"
		_, reused := other.reuse(0, nil)
		require.False(t, reused, "words are read otherwise")
		require.NotEqual(t, again.input(), other.input())
	}
}

// Places with the same words all look alike: nothing explodes.
func TestRun_ManyIdenticalTexts(t *testing.T) {
	t.Parallel()
	r := smallCohort(t, 1, 0, 0)
	read := newReading(r.today)
	o, other := &employer{id: uuid.UUID{1}}, &employer{id: uuid.UUID{2}}
	const many = 400
	for i := range many {
		u := uuid.UUID{0: 2, 14: byte(i >> 8), 15: byte(i)}
		read.places = append(read.places, place{id: u, published: true, free: 1, employer: o, coaches: []coach{{id: uuid.UUID{0: 3, 14: byte(i >> 8), 15: byte(i)}, ended: 1 << 30, limit: unknown}}})
		read.documents = append(read.documents, relevance.Document{ID: u, Title: "medicatie klaarzetten", Description: "medicatie klaarzetten"})
		q := participant{status: "open", words: relevance.Question{Title: "medicatie klaarzetten"}}
		q.question = question{ID: id.LeervraagID(uuid.UUID{0: 4, 14: byte(i >> 8), 15: byte(i)}), OrganisationID: other.id, SwitcherID: u, Today: r.today, Employer: other}
		r.questions = append(r.questions, q)
		r.prints.questions = append(r.prints.questions, r.questions[i].print())
		r.prints.places = append(r.prints.places, printPlace(&read.places[i], &read.documents[i]))
	}
	var err error
	r.places, err = read.build(wording{}, horizon{})
	require.NoError(t, err)
	r.floor = 0
	out, err := r.compute(context.Background())
	require.NoError(t, err)
	require.Equal(t, many, out.summary.Matched)
	require.Equal(t, int64(many*many), out.summary.Certificate.PairsChecked)
}

func TestRun_StopsWhenTold(t *testing.T) {
	t.Parallel()
	for stage := range map[string]bool{stageJudging: true, stageSolving: true, stagePricing: true, stageCertifying: true, stageExplaining: true} {
		r := smallCohort(t, 3, 40, 60)
		r.report = func(s string, _, _ int) error {
			if s == stage {
				return errGone
			}
			return nil
		}
		_, err := r.compute(context.Background())
		require.ErrorIs(t, err, errGone, stage)
	}
}

// Every phase that goes over all rows says so at each: a lease is kept, and who cancels does not wait.
func TestRun_TellsOfEveryRow(t *testing.T) {
	t.Parallel()
	r, told := smallCohort(t, 3, 40, 60), map[string]int{}
	r.objective = worstOffFirst
	r.report = func(s string, _, _ int) error { told[s]++; return nil }
	_, err := r.compute(context.Background())
	require.NoError(t, err)
	require.Greater(t, told[stageSolving], len(r.asking), "preparing")
	require.GreaterOrEqual(t, told[stageCertifying], 3*len(r.asking), "both proofs, and what the second needs")
	require.GreaterOrEqual(t, told[stageExplaining], 2*len(r.asking), "envy")
}

func TestRunTransitions_EveryPair(t *testing.T) {
	t.Parallel()
	want := map[RunStatus][]RunStatus{
		Queued:    {Running, "", "", Cancelled},
		Running:   {Running, Done, Failed, Cancelled},
		Done:      {"", "", "", ""},
		Failed:    {"", "", "", ""},
		Cancelled: {"", "", "", Cancelled},
	}
	require.Len(t, want, len(RunStatuses))
	for _, s := range RunStatuses {
		for i, a := range runActions {
			require.Equal(t, want[s][i], runTransitions[s][a], "%s: %s", s, a)
		}
	}
}
