package matching

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/matching/assign"
	"github.com/switchingtalent/switchboard/internal/matching/relevance"
	"github.com/switchingtalent/switchboard/internal/platform/availability"
	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

var subjects = []string{"medicatie klaarzetten", "metselen van muren", "peuters begeleiden", "brood bakken", "onthaal van bezoekers", "medicatie toedienen"}

// smallCohort makes a random cohort that can be searched exhaustively, with these changes.
func smallCohort(t *testing.T, seed uint64, asks, offers int, change ...func([]place)) *run {
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
		if r.IntN(8) == 0 {
			p.coaches = nil // it takes nobody
		}
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
	for _, f := range change {
		f(read.places)
	}
	for i := range s.questions {
		c.prints.questions = append(c.prints.questions, s.questions[i].print())
	}
	for i := range read.places {
		c.prints.places = append(c.prints.places, printPlace(&read.places[i], &read.documents[i]))
	}
	var err error
	c.places, err = read.build(wording{}, horizon{}, nil)
	require.NoError(t, err)
	return c
}

// ForgetPairs is a run as it is kept without the pairs of one leervraag, as of a run that is too large.
func ForgetPairs(t *testing.T, packed []byte, lvr uuid.UUID) []byte {
	t.Helper()
	p, err := unpack(packed)
	require.NoError(t, err)
	k, ok := p.row[lvr]
	require.True(t, ok)
	from, n := p.starts[k], int(p.Count[k])
	p.kept.Place, p.kept.Score, p.kept.Content = slices.Delete(p.kept.Place, from, from+n), slices.Delete(p.kept.Score, from, from+n), slices.Delete(p.kept.Content, from, from+n)
	p.Kept[k], p.Count[k] = false, 0
	again, err := p.again()
	require.NoError(t, err)
	return again
}

// again packs what was unpacked.
func (p *problem) again() ([]byte, error) {
	return p.encode(func(yield func(place, score, content uint16)) {
		for i := range p.kept.Place {
			yield(p.kept.Place[i], p.kept.Score[i], p.kept.Content[i])
		}
	})
}

// mixedCohort is a small cohort with all that can meet in one: places with two leercoaches or none, leercoaches who cannot, leervragen that
// stay inside, that have their match, that are not open or whose switcher coaches, and pins, which need not fit. change comes last.
func mixedCohort(t *testing.T, seed uint64, asks, offers int, change ...func(r *run, places []place)) *run {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 8))
	limits := map[uuid.UUID]int32{}
	var mine []place
	r := smallCohort(t, seed, asks, offers, func(places []place) {
		mine = places
		for i := range places {
			p := &places[i]
			for _, c := range p.coaches {
				limits[c.id] = c.limit
			}
			if rnd.IntN(2) == 0 {
				continue
			}
			more := coach{id: uuid.UUID{0: 6, 14: p.employer.id[15], 15: byte(rnd.IntN(2))}, ended: 1 << 30, no: rnd.IntN(8) == 0}
			if _, known := limits[more.id]; !known {
				limits[more.id] = int32(rnd.IntN(4)) - 1
			}
			more.limit = limits[more.id]
			p.coaches = append(p.coaches, more)
		}
		for _, f := range change {
			f(nil, places)
		}
	})
	for i := range r.questions {
		q := &r.questions[i]
		switch rnd.IntN(6) {
		case 0:
			q.Internal = true
		case 1:
			q.Internal = true
			for _, p := range mine {
				if p.employer.id == q.OrganisationID && len(p.coaches) > 0 {
					q.SwitcherID = p.coaches[len(p.coaches)-1].id
				}
			}
		case 2:
			switch rnd.IntN(4) {
			case 0:
				q.status = "draft"
			case 1:
				if offers > 0 {
					q.settled = &settled{place: uuid.UUID{0: 2}, coach: uuid.UUID{0: 3}}
				}
			}
		}
		if offers > 0 && rnd.IntN(5) == 0 && q.status == "open" && q.settled == nil {
			var on *place
			for range 5 { // most of them can be
				if x := &mine[rnd.IntN(len(mine))]; on == nil || on.free == 0 || (on.employer.id == q.OrganisationID) != q.Internal {
					on = x
				}
			}
			r.pins = append(r.pins, Pin{q.ID, id.LeerplekID(on.id)})
		}
	}
	for _, f := range change {
		f(r, nil)
	}
	r.prints.questions = nil
	for i := range r.questions {
		r.prints.questions = append(r.prints.questions, r.questions[i].print())
	}
	return r
}

// best tries every way to assign, and returns the most matches and the lowest cost of that many; with fair the lowest
// score as high as possible comes first. It returns -1 matches where the pins do not fit.
func best(r *run, fair bool) (matches int, lowest int32, cost int64) {
	n := len(r.asking)
	taken, coached, received, sent := make([]int32, len(r.places.places)), make([]int32, len(r.coaches)), make([]int, len(r.orgs)), make([]int, len(r.orgs))
	limits := map[uuid.UUID]int32{}
	for _, p := range r.places.places {
		for _, c := range p.coaches {
			limits[c.id] = c.limit
		}
	}
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
		list, pinned := r.pairs(int32(k), nil), r.pinned[k] != none
		if pinned {
			list = []pair{{r.pinned[k], r.insisted(int32(k), r.pinned[k])}}
		} else {
			try(k+1, m, low, c)
		}
		home := position(r.orgs, r.questions[r.asking[k]].OrganisationID)
		for _, x := range list {
			p, lower := &r.places.places[x.place], low
			if !pinned {
				lower = min(low, x.score)
			}
			if !pinned && int(x.score) < r.floor || taken[x.place] >= p.free {
				continue
			}
			for _, who := range p.coaches {
				coach := position(r.coaches, who.id)
				if limit := limits[who.id]; who.no || limit != unknown && coached[max(coach, 0)] >= limit {
					continue
				}
				taken[x.place]++
				coached[coach]++
				received[r.orgOf[x.place]]++
				sent[home]++
				try(k+1, m+1, lower, c+r.cost(int32(k), x))
				taken[x.place]--
				coached[coach]--
				received[r.orgOf[x.place]]--
				sent[home]--
			}
		}
	}
	try(0, 0, whole, 0)
	return matches, lowest, cost
}

func TestRun_EqualsExhaustiveSearchOnSmallCohorts(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for seed := range uint64(150) {
		for name, cohort := range map[string]func() *run{
			"small": func() *run { return smallCohort(t, seed, 1+int(seed%5), int(seed%6)) },
			"mixed": func() *run { return mixedCohort(t, seed, 1+int(seed%5), int(seed%6)) },
		} {
			for _, objective := range []string{total, worstOffFirst} {
				r := cohort()
				r.objective = objective
				out, err := r.compute(context.Background())
				what := fmt.Sprintf("%s, seed %d, %s", name, seed, objective)
				if errors.Is(err, errPins) {
					if r.stand() == nil {
						n, _, _ := best(r, false)
						require.Equal(t, -1, n, what)
						seen["pins that do not fit together"]++
					} else {
						seen["a pin that cannot be"]++
					}
					continue
				}
				require.NoError(t, err, what)
				n, low, cost := best(r, objective == worstOffFirst)
				require.Equal(t, n, out.summary.Matched, what)
				unmatchedCost := int64(len(r.asking)-n) * r.dear
				require.Equal(t, cost+unmatchedCost, out.summary.Certificate.Objective, what)
				if worst := out.summary.Fairness.WorstOff; objective == worstOffFirst && worst != nil {
					require.Equal(t, int(low), worst.Score, what)
				}
				seen["matches"] += n
				for _, p := range r.places.places {
					if len(p.coaches) == 0 {
						seen["places without a leercoach"]++
						require.False(t, slices.ContainsFunc(out.items, func(it item) bool { return it.Place != nil && *it.Place == p.id && it.Standing != isSettled }), what)
					}
				}
				for i, it := range out.items {
					q := &r.questions[i]
					seen[it.Standing]++
					if it.Standing != chosen && it.Standing != pinnedOn {
						continue
					}
					sum := 0
					for _, p := range it.Detail.Points {
						sum += p
					}
					require.Equal(t, *it.Score, sum, what)
					at, ok := r.places.find(*it.Place)
					require.True(t, ok)
					p := &r.places.places[at]
					require.Equal(t, q.Internal, p.employer.id == q.OrganisationID, what)
					require.False(t, p.teaches(q.SwitcherID), what)
					require.True(t, slices.ContainsFunc(p.coaches, func(c coach) bool { return c.id == *it.Coach && !c.no }), what)
					if q.Internal {
						seen["inside"]++
					}
					if len(r.coachOf[at]) == 2 {
						seen["one of two leercoaches"]++
					}
				}
			}
		}
	}
	for what, least := range map[string]int{"matches": 250, "places without a leercoach": 50, pinnedOn: 20, isSettled: 8, "inside": 8, "one of two leercoaches": 20,
		"pins that do not fit together": 8, "a pin that cannot be": 20} {
		require.Greater(t, seen[what], least, "%s: %v", what, seen)
	}
}

// outcome is what a run comes to, to be compared: more matches are better, then, for the worst off, a higher lowest score, then a lower cost.
func outcome(t *testing.T, r *run) (matched, lowest int, cost int64) {
	t.Helper()
	out := computed(t, r)
	lowest = whole
	if worst := out.summary.Fairness.WorstOff; worst != nil && r.objective == worstOffFirst {
		lowest = worst.Score
	}
	return out.summary.Matched, lowest, out.summary.Certificate.Objective - int64(len(r.asking)-out.summary.Matched)*r.dear
}

// Room for one more at a place or of a leercoach never makes a run worse, and one leervraag more gives a place to one more at most.
func TestRun_MoreRoomNeverHurtsAndOneMoreAddsAtMostOne(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for seed := range uint64(40) {
		for _, objective := range []string{total, worstOffFirst} {
			asks, offers := 6+int(seed%8), 4+int(seed%7)
			cohort := func(change func(r *run, places []place)) *run {
				return mixedCohort(t, seed, asks, offers, func(r *run, places []place) {
					if r != nil {
						r.objective, r.pins = objective, nil
					}
					change(r, places)
				})
			}
			matched, lowest, cost := outcome(t, cohort(func(*run, []place) {}))
			for name, change := range map[string]func(r *run, places []place){
				"place": func(_ *run, places []place) {
					if len(places) > 0 {
						places[int(seed)%len(places)].free++
					}
				},
				"full place": func(_ *run, places []place) {
					if i := slices.IndexFunc(places, func(p place) bool { return p.free == 0 && len(p.coaches) > 0 }); i >= 0 {
						places[i].free++
					}
				},
				"leercoach": func(_ *run, places []place) {
					if len(places) == 0 || len(places[int(seed)%len(places)].coaches) == 0 {
						return
					}
					who := places[int(seed)%len(places)].coaches[0].id
					for i := range places {
						for j := range places[i].coaches {
							if c := &places[i].coaches[j]; c.id == who && c.limit != unknown {
								c.limit++
							}
						}
					}
				},
			} {
				what := fmt.Sprintf("seed %d, %s, %s", seed, objective, name)
				more, higher, cheaper := outcome(t, cohort(change))
				require.Contains(t, []int{matched, matched + 1}, more, what)
				if more > matched {
					seen[name]++
					continue
				}
				require.GreaterOrEqual(t, higher, lowest, what)
				if higher == lowest {
					require.LessOrEqual(t, cheaper, cost, what)
				}
			}
			fewer, _, _ := outcome(t, cohort(func(r *run, _ []place) {
				if r != nil {
					r.questions = r.questions[:len(r.questions)-1]
				}
			}))
			require.Contains(t, []int{matched, matched - 1}, fewer, "seed %d, %s", seed, objective)
			if fewer < matched {
				seen["leervraag"]++
			}
		}
	}
	for _, what := range []string{"place", "full place", "leercoach", "leervraag"} {
		require.Greater(t, seen[what], 3, "%s: %v", what, seen)
	}
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

// What is kept of a run gives the same optimum again.
func TestRun_Kept(t *testing.T) {
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
		gone, cancel := context.WithCancel(context.Background())
		cancel()
		none, err := p.solver(gone)
		require.Error(t, err)
		require.Nil(t, none)
	}
}

// Places with the same words all look alike: nothing explodes, also where hardly any of what is possible can be held, and who asks
// for it is stopped soon.
func TestRun_ManyIdenticalTexts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ room, asks, places int }{
		"all held":               {0, 400, 400},
		"hardly any held":        {20 * 2000, 2000, 2000},
		"hardly any held, tight": {20 * 400, 400, 200},
	} {
		r := echoing(t, c.asks, c.places)
		r.room = c.room
		out, err := r.compute(context.Background())
		require.NoError(t, err, name)
		require.Equal(t, c.places, out.summary.Matched, name)
		require.Equal(t, int64(c.asks*c.places), out.summary.Certificate.PairsChecked, name)
		require.Equal(t, c.room == 0, r.firstFree() == none, name)
	}
	r, asked := echoing(t, 400, 400), 0
	r.room = 20 * 400
	r.report = func(stage string, _, _ int) error {
		if stage != stagePricing {
			return nil
		}
		if asked++; asked > together {
			return errGone
		}
		return nil
	}
	_, err := r.compute(context.Background())
	require.ErrorIs(t, err, errGone)
	require.Equal(t, together+1, asked, "it is told once")
}

// echoing is a cohort in which everybody says the same.
func echoing(t *testing.T, asks, offers int) *run {
	t.Helper()
	uid := func(kind byte, i int) uuid.UUID { return uuid.UUID{0: kind, 14: byte(i >> 8), 15: byte(i)} }
	r := smallCohort(t, 1, 0, 0)
	read := newReading(r.today)
	o, other := &employer{id: uuid.UUID{1}}, &employer{id: uuid.UUID{2}}
	for i := range offers {
		read.places = append(read.places, place{id: uid(2, i), published: true, free: 1, employer: o, coaches: []coach{{id: uid(3, i), ended: 1 << 30, limit: unknown}}})
		read.documents = append(read.documents, relevance.Document{ID: read.places[i].id, Title: "medicatie klaarzetten", Description: "medicatie klaarzetten"})
		r.prints.places = append(r.prints.places, printPlace(&read.places[i], &read.documents[i]))
	}
	for i := range asks {
		q := participant{status: "open", words: relevance.Question{Title: "medicatie klaarzetten"}}
		q.question = question{ID: id.LeervraagID(uid(4, i)), OrganisationID: other.id, SwitcherID: uid(5, i), Today: r.today, Employer: other}
		r.questions = append(r.questions, q)
		r.prints.questions = append(r.prints.questions, r.questions[i].print())
	}
	var err error
	r.places, err = read.build(wording{}, horizon{}, nil)
	require.NoError(t, err)
	r.floor = 0
	return r
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

// For the worst off many solves follow one another: each of them says so, and ends when it is told.
func TestRun_OfTheWorstOffStopsWithinItsSolves(t *testing.T) {
	t.Parallel()
	r, solving := smallCohort(t, 3, 40, 60), 0
	r.objective = worstOffFirst
	prepared := 1 + len(r.questions) // no more before the first solve
	r.report = func(s string, _, _ int) error {
		if s != stageSolving {
			return nil
		}
		if solving++; solving > prepared {
			return errGone
		}
		return nil
	}
	_, err := r.compute(context.Background())
	require.ErrorIs(t, err, errGone)
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

// made builds a cohort by hand: orgs[0] asks, the others offer; everybody speaks of the same. The scores of pairs differ
// by whom a switcher names in the top three.
func made(t *testing.T, change func(questions []participant, places []place), asks, offers int) *run {
	t.Helper()
	today := day.Of(2027, 1, 4)
	read := newReading(today)
	own := &employer{id: uuid.UUID{0: 1, 15: 255}, sector: "bouw", workforce: "mixed", band: 1}
	for i := range offers {
		o := &employer{id: uuid.UUID{0: 1, 15: byte(i)}, sector: "zorg", workforce: "mixed", band: 1}
		read.places = append(read.places, place{id: uuid.UUID{0: 2, 15: byte(i)}, published: true, free: 1, employer: o,
			coaches: []coach{{id: uuid.UUID{0: 3, 15: byte(i)}, ended: 1 << 30, limit: unknown}}})
		read.documents = append(read.documents, relevance.Document{ID: read.places[i].id, Title: "medicatie klaarzetten", Description: "medicatie klaarzetten"})
	}
	s := &snapshot{today: today, year: 2027, carried: map[uuid.UUID]int{}}
	for i := range asks {
		q := participant{status: "open", words: relevance.Question{Title: "medicatie klaarzetten"}}
		q.question = question{ID: id.LeervraagID(uuid.UUID{0: 4, 15: byte(i)}), OrganisationID: own.id, SwitcherID: uuid.UUID{0: 5, 15: byte(i)}, DaysNeeded: 1,
			Today: today, Year: 2027, Language: "nl", Employer: own}
		s.questions = append(s.questions, q)
	}
	change(s.questions, read.places)
	c := &run{snapshot: s, task: task{weights: Defaults(), objective: total}, report: func(string, int, int) error { return nil }, watch: func(string) {}}
	for i := range s.questions {
		c.prints.questions = append(c.prints.questions, s.questions[i].print())
	}
	for i := range read.places {
		c.prints.places = append(c.prints.places, printPlace(&read.places[i], &read.documents[i]))
	}
	var err error
	c.places, err = read.build(wording{}, horizon{}, nil)
	require.NoError(t, err)
	return c
}

// likes lets a switcher name the employers of these places in this order.
func likes(q *participant, places []place, n ...int) {
	for _, i := range n {
		q.Preferences = append(q.Preferences, places[i].employer.id)
	}
}

// For the worst off the floor rises inside: nobody is told that it stands in their way.
func TestRun_OfTheWorstOffTellsOfTheFloorThatWasAsked(t *testing.T) {
	t.Parallel()
	r := made(t, func(q []participant, p []place) {
		likes(&q[0], p, 0)
		q[1].open = p[0].id
	}, 2, 1)
	r.objective = worstOffFirst
	out, err := r.compute(context.Background())
	require.NoError(t, err)
	first, lost := out.items[0], out.items[1]
	require.Equal(t, []any{chosen, isNew}, []any{first.Standing, first.Change})
	require.Equal(t, int(r.low), *first.Score, "the floor rose to it")
	require.Equal(t, []any{unmatched, isDropped, "full"}, []any{lost.Standing, lost.Change, lost.Detail.Reason})
	score := *first.Score - r.weights.Preference
	require.Equal(t, &Fix{Kind: "leerplek", LeerplekID: id.LeerplekID(uuid.UUID{0: 2}), Gain: int64(score)}, lost.Detail.Fix)
	require.Equal(t, &BeforeRun{LeerplekID: id.LeerplekID(uuid.UUID{0: 2}), Score: &score}, lost.Detail.Before)

	r = made(t, func(q []participant, p []place) { likes(&q[0], p, 0) }, 2, 1)
	r.objective, r.floor = worstOffFirst, score+1
	out, err = r.compute(context.Background())
	require.NoError(t, err)
	require.Equal(t, belowFloor, out.items[1].Detail.Reason, "of the floor that was asked it is told")
	require.Equal(t, &Fix{Kind: "floor", LeerplekID: id.LeerplekID(uuid.UUID{0: 2}), Gain: int64(score)}, out.items[1].Detail.Fix)
}

// granted is what judging every pair comes to where there is room for anybody: what an oracle assigns, which heeds the room itself.
type granted struct {
	pairs   [][]pair    // by row
	free    []int32     // by place; negative where more are there than it takes
	coaches [][]int     // by place: those who lack nothing but room
	limits  []int32     // by leercoach, likewise
	ids     []uuid.UUID // of the leercoaches
}

func grant(r *run) (g granted) {
	places := slices.Clone(r.places.places)
	for i := range places {
		p := &places[i]
		g.free, g.coaches = append(g.free, p.free), append(g.coaches, nil)
		p.free, p.coaches = 1, slices.Clone(p.coaches)
		for j := range p.coaches {
			c := &p.coaches[j]
			spare := c.limit - c.active
			if c.limit == unknown {
				spare = 1 << 20
			}
			c.limit = unknown
			if q := (question{Today: r.today}); q.lack(c) != possible {
				continue
			}
			n := slices.Index(g.ids, c.id)
			if n < 0 {
				n, g.ids, g.limits = len(g.ids), append(g.ids, c.id), append(g.limits, spare)
			}
			g.coaches[i] = append(g.coaches[i], n)
		}
	}
	for k, n := range r.asking {
		q := &r.questions[n]
		var list []pair
		for i := range places {
			hit, _ := r.places.words.Ask(q.words).Score(places[i].id)
			m := q.between(&places[i])
			m.content, m.confident = hit.Score, hit.Confident || int32(i) == r.current[k]
			if v := judge(&r.weights, &q.question, &places[i], m); v.reason == possible {
				list = append(list, pair{int32(i), int32(v.score)})
			}
		}
		g.pairs = append(g.pairs, list)
	}
	return g
}

// fits is how many of these rows can have a place at once, at this floor; must says that the first has to, and
// -1 that it cannot.
func (g *granted) fits(rows []int32, must bool, floor int) int {
	if len(rows) == 0 {
		return 0
	}
	most := -1
	if !must {
		most = g.fits(rows[1:], false, floor)
	}
	for _, x := range g.pairs[rows[0]] {
		for _, c := range g.coaches[x.place] {
			if int(x.score) < floor || g.free[x.place] <= 0 || g.limits[c] <= 0 {
				continue
			}
			g.free[x.place]--
			g.limits[c]--
			most = max(most, 1+g.fits(rows[1:], false, floor))
			g.free[x.place]++
			g.limits[c]++
		}
	}
	return most
}

// crowd lets more be at some places, and with some leercoaches, than they take on.
func crowd(seed uint64) func([]place) {
	return func(places []place) {
		r := rand.New(rand.NewPCG(seed, 21))
		active := map[uuid.UUID]int32{}
		for i := range places {
			if r.IntN(6) == 0 {
				places[i].free = -1
			}
			for j := range places[i].coaches {
				c := &places[i].coaches[j]
				if _, known := active[c.id]; !known {
					active[c.id] = int32(r.IntN(4) / 3 * r.IntN(4))
				}
				c.active = active[c.id]
			}
		}
	}
}

// Against every place and leercoach: room for one more where the fix says gives a place to one more, whoever else moves; and
// where none is told, none of all would do. Places that were full before the run are among them.
func TestRun_NearestFixGivesAPlaceToOneMore(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for seed := range uint64(150) {
		for _, objective := range []string{total, worstOffFirst} {
			r := smallCohort(t, seed, 2+int(seed%5), 1+int(seed%5), crowd(seed))
			r.objective = objective
			out, err := r.compute(context.Background())
			require.NoError(t, err)
			g := grant(r)
			for k, i := range r.asking {
				it := out.items[i]
				if it.Detail.Reason != "full" && it.Detail.Reason != "closed" {
					continue
				}
				all := []int32{int32(k)} // whoever has a place keeps one, and nobody else comes in
				for j, o := range r.asking {
					if j != k && out.items[o].Place != nil {
						all = append(all, int32(j))
					}
				}
				require.LessOrEqual(t, g.fits(all, true, r.floor), out.summary.Matched)
				more := func(n *int32) bool {
					*n++
					defer func() { *n-- }()
					return g.fits(all, true, r.floor) > out.summary.Matched
				}
				what := fmt.Sprintf("seed %d, %s, %s", seed, objective, it.Detail.Reason)
				fix, at, who := it.Detail.Fix, int32(none), -1
				if fix != nil {
					at, _ = r.places.find(uuid.UUID(fix.LeerplekID))
				}
				if fix != nil && fix.LeercoachID != nil {
					who = slices.Index(g.ids, uuid.UUID(*fix.LeercoachID))
				}
				switch {
				case fix == nil, fix.Kind == "rule":
					for i := range g.free {
						require.False(t, more(&g.free[i]), what)
					}
					for i := range g.limits {
						require.False(t, more(&g.limits[i]), what)
					}
					if seen[objective+" none"]++; fix != nil {
						require.Equal(t, "closed", it.Detail.Reason, what)
						seen["a rule elsewhere"]++
					}
				case fix.Kind == "leerplek":
					require.True(t, more(&g.free[at]), what)
					require.Equal(t, g.free[at] == 0, fix.Reason != nil, what)
					seen[objective+" leerplek"]++
					if !slices.ContainsFunc(g.pairs[k], func(x pair) bool { return x.place == at }) {
						seen["elsewhere"]++
					}
					if g.free[at] == 0 {
						require.Equal(t, reasonCodes[full], *fix.Reason)
						seen[it.Detail.Reason+", a place that was full before"]++
					}
				default:
					require.Equal(t, "leercoach", fix.Kind)
					require.True(t, more(&g.limits[who]), what)
					require.Equal(t, g.limits[who] == 0, fix.Reason != nil, what)
					seen[objective+" leercoach"]++
					if g.limits[who] == 0 {
						require.Equal(t, reasonCodes[coachFull], *fix.Reason)
						seen[it.Detail.Reason+", a leercoach who was before"]++
					}
				}
				if it.Detail.Reason == "closed" {
					require.NotEmpty(t, it.Detail.RuledOut, what)
				}
				if r.low > int32(r.floor) && !slices.ContainsFunc(g.pairs[k], func(x pair) bool { return x.score >= r.low }) {
					seen["between the floors"]++
				}
			}
		}
	}
	for _, what := range []string{"total none", "total leerplek", "total leercoach", "worst_off_first none", "worst_off_first leerplek", "worst_off_first leercoach", "between the floors", "elsewhere",
		"full, a place that was full before", "closed, a place that was full before", "full, a leercoach who was before", "closed, a leercoach who was before",
		"a rule elsewhere"} {
		require.Positive(t, seen[what], "%s: %v", what, seen)
	}
}

// apart is a cohort of two in which the best of all together leaves one of them far behind.
func apart(t *testing.T, objective string) *run {
	t.Helper()
	r := made(t, func(q []participant, p []place) {
		likes(&q[0], p, 0, 2, 1)
		likes(&q[1], p, 2, 3, 0)
		p[2].free, p[3].free = 0, 0
	}, 2, 4)
	r.objective = objective
	return r
}

// An answer of the solver that is not the best for the worst off is refused, however well it does at what it looked at.
func TestRun_RefusesWhatIsNotProvedForTheWorstOff(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	ready := func() (*run, assign.Problem) {
		r := apart(t, worstOffFirst)
		r.number()
		require.NoError(t, r.judgeAll(ctx))
		p, err := r.problem()
		require.NoError(t, err)
		return r, p
	}
	lowest := func(s *assign.Solver) int32 { return s.Result().Lowest }

	r, p := ready()
	s, _, err := r.solve(ctx, p)
	require.NoError(t, err)
	third := int32(r.weights.Preference / topThree)
	require.Equal(t, 2, s.Result().Matched)
	worst := lowest(s)
	proof, err := r.certify(ctx, p, s, s.Result())
	require.NoError(t, err)
	require.EqualValues(t, 3+4+1, proof.Pairs, "at the floor for the best, at the floor that was asked, and above the lowest")

	r, p = ready()
	raised := p
	raised.Floor = worst + 1
	s, _, err = r.solve(ctx, raised)
	require.NoError(t, err)
	require.Equal(t, 1, s.Result().Matched, "one too few")
	_, err = r.certify(ctx, p, s, s.Result())
	require.ErrorContains(t, err, "2 matches are possible, 1 were made")

	r, p = ready()
	r.objective = total
	s, _, err = r.solve(ctx, p)
	require.NoError(t, err)
	require.Equal(t, worst-third, lowest(s), "the best together leaves one behind")
	r.objective = worstOffFirst
	_, err = r.certify(ctx, p, s, s.Result())
	require.ErrorContains(t, err, "at a higher floor")
}

// Whatever the solver is given that is not what the rows say, its answer is refused: the certifier reads the rows itself.
func TestRun_RefusesTheAnswerToAnotherProblem(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	ready := func() (*run, assign.Problem) {
		r := made(t, func(q []participant, p []place) {
			likes(&q[0], p, 0)
			likes(&q[1], p, 0, 1)
			p[0].free, p[0].coaches[0].limit = 2, 1
			p[2].free, p[2].coaches[0].limit = 1, 5
			q[3].Employer = p[1].employer
			q[3].OrganisationID = p[1].employer.id
		}, 5, 3)
		r.reciprocity = true
		r.carried[r.places.places[1].employer.id] = -1 // it received one more than it sent
		r.pins = []Pin{{r.questions[4].ID, id.LeerplekID(r.places.places[1].id)}}
		r.number()
		require.NoError(t, r.stand())
		require.NoError(t, r.judgeAll(ctx))
		p, err := r.problem()
		require.NoError(t, err)
		require.Len(t, p.Pins, 1)
		return r, p
	}
	for name, spoil := range map[string]func(r *run, p *assign.Problem){
		"":                              func(*run, *assign.Problem) {},
		"more room at a place":          func(_ *run, p *assign.Problem) { p.Places[2].Capacity++ },
		"less room at a place":          func(_ *run, p *assign.Problem) { p.Places[2].Capacity = 0 },
		"more room of a leercoach":      func(_ *run, p *assign.Problem) { p.Coaches[0]++ },
		"less room of a leercoach":      func(_ *run, p *assign.Problem) { p.Coaches[0]-- },
		"a leercoach of another place":  func(r *run, p *assign.Problem) { p.Places[0].Coaches, p.Coaches[0] = []int32{0}, 2 },
		"no leercoach":                  func(_ *run, p *assign.Problem) { p.Places[2].Coaches = nil },
		"a pin on another place":        func(_ *run, p *assign.Problem) { p.Pins[0].Place = 2 },
		"a pin that costs less":         func(_ *run, p *assign.Problem) { p.Pins[0].Cost-- },
		"no pin":                        func(_ *run, p *assign.Problem) { p.Pins = nil },
		"what an employer gave before":  func(_ *run, p *assign.Problem) { p.Organisations[1].Free++ },
		"what giving and taking costs":  func(_ *run, p *assign.Problem) { p.Organisations[1].Steps = []int64{1} },
		"who sends":                     func(_ *run, p *assign.Problem) { p.Home[3] = p.Home[0] },
		"a most that an employer takes": func(_ *run, p *assign.Problem) { p.Organisations[2].Max = 0 },
		"a cost of staying unmatched":   func(_ *run, p *assign.Problem) { p.Unmatched-- },
		"a place that points can buy":   func(r *run, p *assign.Problem) { r.dear, p.Unmatched = 5000, 5000 },
	} {
		r, p := ready()
		spoil(r, &p)
		s, _, err := r.solve(ctx, p)
		require.NoError(t, err, name)
		proof, err := r.certify(ctx, p, s, s.Result())
		if name == "" {
			require.NoError(t, err)
			require.Zero(t, proof.Gap)
			continue
		}
		require.Error(t, err, name)
	}
	for name, spoil := range map[string]func(p *assign.Problem){
		"more room at a place":     func(p *assign.Problem) { p.Places[2].Capacity++ },
		"less room at a place":     func(p *assign.Problem) { p.Places[2].Capacity = 0 },
		"more room of a leercoach": func(p *assign.Problem) { p.Coaches[0]++ },
		"a pin on another place":   func(p *assign.Problem) { p.Pins[0].Place = 2 },
	} {
		r, p := ready()
		most, _, err := r.most(ctx, p, 0)
		require.NoError(t, err)
		require.Equal(t, 3, most)
		spoil(&p)
		_, _, err = r.most(ctx, p, 0)
		require.Error(t, err, "%s, when matches are counted", name)
	}
}

// Every reason has its nearest fix, or none because people decided so.
func TestRun_NearestFixOfEveryReason(t *testing.T) {
	t.Parallel()
	coachOf := id.MedewerkerID(uuid.UUID{0: 3})
	far, near := pointAt(50.85, 5.69), pointAt(51.2, 2.9)
	km, other := 10, id.MedewerkerID(uuid.UUID{0: 3, 15: 9})
	days := func(from, until day.Date) *availability.Calendar {
		return availability.NewCalendar(availability.List{{FromOn: from, UntilOn: until}}, day.Of(2027, 1, 4))
	}
	type want struct {
		change func(q *participant, p *place)
		kind   string // "": none
		coach  *id.MedewerkerID
	}
	overFull := map[reason]int{coachFull: 3, coachYearFull: 1, full: 1} // from here on more than one more is needed: no pair, and no place for what-if
	wants := map[reason][]want{
		notPublished:       {{}}, // a run reads what is published
		ownOrganisation:    {{func(q *participant, p *place) { p.employer = q.Employer }, "", nil}},
		otherOrganisation:  {{func(q *participant, _ *place) { q.Internal = true }, "", nil}},
		rival:              {{func(q *participant, p *place) { q.Rivals = map[uuid.UUID]bool{p.employer.id: true} }, "", nil}},
		excludedDepartment: {{func(_ *participant, p *place) { p.closed = true }, "rule", nil}, {func(_ *participant, p *place) { p.closed, p.excluded = true, true }, "", nil}},
		excludedFunction:   {{func(_ *participant, p *place) { p.excluded = true }, "rule", nil}},
		noCoach: {{func(_ *participant, p *place) { p.coaches = nil }, "rule", nil},
			{func(q *participant, p *place) {
				q.SwitcherID, q.Internal, p.employer = p.coaches[0].id, true, q.Employer
			}, "", nil}},
		coachEnded: {{func(_ *participant, p *place) { p.coaches[0].ended = 1 }, "rule", nil}},
		coachConditionNo: {{func(_ *participant, p *place) { p.coaches[0].no = true }, "rule", &coachOf},
			{func(_ *participant, p *place) { p.coaches[0].no, p.coaches[0].limit = true, 0 }, "", nil}},
		coachFull: {{func(_ *participant, p *place) { p.coaches[0].limit, p.coaches[0].active = 2, 2 }, "leercoach", &coachOf},
			{func(_ *participant, p *place) {
				p.coaches[0].limit, p.coaches[0].active, p.coaches[0].yearly = 0, 1, &yearly{limit: 1, from: 2027, begun: [2]int32{1, 0}}
				p.coaches = append(p.coaches, coach{id: uuid.UUID(other), ended: 1 << 30, limit: 0})
			}, "leercoach", &other}, // one more of the other alone would do
			{func(_ *participant, p *place) { p.coaches[0].limit, p.free = 0, 0 }, "", nil},
			{func(_ *participant, p *place) { p.coaches[0].limit, p.coaches[0].active = 1, 2 }, "leercoach", &coachOf}},
		coachYearFull: {{func(_ *participant, p *place) {
			p.coaches[0].yearly = &yearly{limit: 1, from: 2027, begun: [2]int32{1, 0}}
		}, "leercoach", &coachOf}, {func(_ *participant, p *place) {
			p.coaches[0].yearly = &yearly{limit: 1, from: 2027, begun: [2]int32{2, 0}}
		}, "leercoach", &coachOf}},
		full:              {{func(_ *participant, p *place) { p.free = 0 }, "leerplek", nil}, {func(_ *participant, p *place) { p.free = -1 }, "leerplek", nil}},
		tooFar:            {{func(q *participant, p *place) { q.Work, q.MaxTravelKM, p.site = &near, &km, &site{point: &far} }, "rule", nil}},
		noPublicTransport: {{func(q *participant, p *place) { q.NeedsPublicTransport, p.site = true, &site{} }, "rule", nil}},
		noCommonDays: {{func(q *participant, p *place) {
			q.Available, p.when, p.whenN = days(day.Of(2027, 2, 1), day.Of(2027, 2, 2)), days(day.Of(2027, 3, 1), day.Of(2027, 3, 2)), 1
		}, "rule", nil}},
		otherLanguage:     {{func(_ *participant, p *place) { p.languages = []string{"fr"} }, "rule", nil}},
		requirementNotMet: {{func(q *participant, p *place) { q.Meets, p.requirements = []string{}, []string{"rijbewijs"} }, "rule", nil}},
		alreadyProposed:   {{}}, // an open match rules nothing out in a run
		rejectedBefore:    {{func(q *participant, p *place) { q.Before = map[uuid.UUID]before{p.id: {declined: true}} }, "", nil}},
		dismissed:         {{func(q *participant, p *place) { q.Before = map[uuid.UUID]before{p.id: {dismissed: true}} }, "", nil}},
		offTopic:          {{func(q *participant, _ *place) { q.words.Title = "metselen van muren" }, "", nil}},
		unavailable:       {{}}, // what bound callers are told: runs are for others
	}
	for why := possible + 1; why < reasons; why++ {
		require.NotEmpty(t, wants[why], reasonCodes[why])
		for n, one := range wants[why] {
			because := noCandidates
			if from, ok := overFull[why]; ok && n < from {
				because = "closed"
			}
			if one.change == nil {
				_, _, _, ok := lifted(participant{}, place{}, why)
				require.False(t, ok, reasonCodes[why])
				continue
			}
			at := func(floor int) detail {
				r := made(t, func(q []participant, p []place) { one.change(&q[0], &p[0]) }, 1, 1)
				r.floor = floor
				out, err := r.compute(context.Background())
				require.NoError(t, err)
				return out.items[0].Detail
			}
			got := at(0)
			require.Equal(t, because, got.Reason, reasonCodes[why])
			require.Equal(t, []RuledOut{{reasonCodes[why], 1}}, got.RuledOut)
			if one.kind == "" {
				require.Nil(t, got.Fix, reasonCodes[why])
				continue
			}
			require.NotNil(t, got.Fix, reasonCodes[why])
			require.Positive(t, got.Fix.Gain)
			require.Equal(t, &Fix{Kind: one.kind, LeerplekID: id.LeerplekID(uuid.UUID{0: 2}), LeercoachID: one.coach, Reason: &reasonCodes[why], Gain: got.Fix.Gain}, got.Fix)
			require.Nil(t, at(int(got.Fix.Gain)+1).Fix, "%s: it would score under the floor of the run", reasonCodes[why])
		}
	}
}
