package matching

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/availability"
	"github.com/switchingtalent/switchboard/internal/platform/day"
)

func ptr[T any](v T) *T { return &v }

var (
	own, theirs = uuid.UUID{1}, uuid.UUID{2}
	sunday      = day.Of(2026, 11, 22)
)

// asking is a question that rules nothing out.
func asking() *question {
	return &question{OrganisationID: own, DaysNeeded: 1, Today: sunday, Year: 2026, Language: "nl", Employer: &employer{id: own, sector: "zorg", workforce: "mixed", band: 1}}
}

// offered is a place that nothing rules out.
func offered() *place {
	return &place{id: uuid.UUID{9}, published: true, free: 1, employer: &employer{id: theirs, sector: "zorg", band: unknown},
		coaches: []coach{{id: uuid.UUID{7}, ended: math.MaxInt32, limit: unknown}}}
}

var near = measure{confident: true, hectometres: unknown, days: unknown}

func TestTheFirstReasonThatHoldsCounts(t *testing.T) {
	t.Parallel()
	q, p := asking(), offered()
	q.MaxTravelKM, q.NeedsPublicTransport, q.Meets = ptr(10), true, []string{}
	q.Rivals = map[uuid.UUID]bool{own: true, theirs: true}
	q.Before = map[uuid.UUID]before{p.id: {true, true, true}}
	p.published, p.employer.id, p.closed, p.excluded, p.free = false, own, true, true, 0
	p.site, p.languages, p.requirements = &site{}, []string{"fr"}, []string{"vca"}
	today := int32(sunday.Number())
	p.coaches = nil
	m := measure{hectometres: 101, days: 0}
	for _, step := range []struct {
		want   reason
		repair func()
	}{
		{notPublished, func() { p.published = true }},
		{ownOrganisation, func() { q.Internal, p.employer.id = true, theirs }},
		{otherOrganisation, func() { q.Internal = false }},
		{rival, func() { q.Rivals = nil }},
		{excludedDepartment, func() { p.closed = false }},
		{excludedFunction, func() { p.excluded = false }},
		{noCoach, func() { p.coaches = []coach{{id: uuid.UUID{7}, ended: today, no: true}} }},
		{coachEnded, func() { p.coaches[0].ended = today + 1 }},
		{coachConditionNo, func() { p.coaches[0].no = false }},
		{coachFull, func() { p.coaches[0].limit, p.coaches[0].yearly = 1, &yearly{2, 2026, [2]int32{2, 3}} }},
		{coachYearFull, func() { p.coaches[0].yearly.begun[0] = 1 }},
		{full, func() { p.free = 1 }},
		{tooFar, func() { m.hectometres = 100 }},
		{noPublicTransport, func() { p.site = nil }},
		{noCommonDays, func() { m.days = 1 }},
		{otherLanguage, func() { p.languages = append(p.languages, "nl") }},
		{requirementNotMet, func() { q.Meets = append(q.Meets, "vca") }},
		{alreadyProposed, func() { q.Before[p.id] = before{declined: true, dismissed: true} }},
		{rejectedBefore, func() { q.Before[p.id] = before{dismissed: true} }},
		{dismissed, func() { q.Before = nil }},
		{offTopic, func() { m.confident = true }},
		{possible, func() {}},
	} {
		require.Equal(t, step.want, ruledOut(q, p, m), reasonCodes[step.want])
		step.repair()
	}
	p.coaches = append(p.coaches, coach{id: uuid.UUID{8}, ended: math.MaxInt32, limit: unknown})
	q.SwitcherID = p.coaches[0].id
	require.Equal(t, noCoach, ruledOut(q, p, m), "nobody learns where they coach, whoever else coaches there")
}

func TestALeercoachWhoComesFurthestTells(t *testing.T) {
	t.Parallel()
	q, p := asking(), offered()
	today := int32(sunday.Number())
	gone, unwilling, busy := coach{id: uuid.UUID{3}, ended: today}, coach{id: uuid.UUID{4}, ended: math.MaxInt32, no: true}, coach{id: uuid.UUID{5}, ended: math.MaxInt32, limit: 2, active: 2}
	for _, c := range []struct {
		coaches []coach
		want    reason
	}{
		{nil, noCoach}, {[]coach{gone}, coachEnded}, {[]coach{unwilling, gone}, coachConditionNo}, {[]coach{busy, unwilling}, coachFull},
		{[]coach{gone, busy, {id: uuid.UUID{6}, ended: today + 1, limit: 1}}, possible},
	} {
		p.coaches = c.coaches
		require.Equal(t, c.want, coached(q, p))
	}
}

func TestALeercoachCountsTheExchangesOfAYear(t *testing.T) {
	t.Parallel()
	c := coach{limit: 3, active: 1, yearly: &yearly{2, 2026, [2]int32{2, 1}}}
	for year, left := range map[int]int32{2025: 2, 2026: 0, 2027: 1, 2028: 2} {
		require.Equal(t, left, c.room(year), year)
	}
	c.yearly.begun[0] = 5
	require.Zero(t, c.room(2026), "more than they take on is no room")
	require.Equal(t, int32(2), (&coach{limit: 3, active: 1}).room(2026))
	require.Equal(t, int32(unknown), (&coach{limit: unknown}).room(2026))
	require.Equal(t, int32(4), (&coach{limit: unknown, yearly: &yearly{limit: 4}}).room(2026))

	period := func(from, until day.Date) availability.Period {
		return availability.Period{FromOn: from, UntilOn: until}
	}
	past, next := period(day.Of(2026, 1, 1), day.Of(2026, 11, 21)), period(day.Of(2027, 1, 4), day.Of(2027, 3, 31))
	for _, x := range []struct {
		list availability.List
		want int
	}{{nil, 2026}, {availability.List{past}, 2026}, {availability.List{past, next}, 2027}, {availability.List{next, period(day.Of(2026, 1, 1), sunday)}, 2026}} {
		require.Equal(t, x.want, begins(x.list, sunday))
	}
}

func TestWhatABoundCallerIsTold(t *testing.T) {
	t.Parallel()
	for r := range reasons {
		require.Equal(t, r, r.public(false))
		switch r {
		case rival, coachEnded, coachConditionNo, coachFull, coachYearFull:
			require.Equal(t, unavailable, r.public(true))
		default:
			require.Equal(t, r, r.public(true))
		}
	}
}

func TestPointsOfEachCriterion(t *testing.T) {
	t.Parallel()
	w := Defaults()
	points := func(q *question, p *place, m measure) [criteria]int {
		v := judge(&w, q, p, m)
		require.Equal(t, possible, v.reason)
		sum := 0
		for c, n := range v.points {
			require.GreaterOrEqual(t, n, 0)
			require.LessOrEqual(t, n, w.of()[c])
			sum += n
		}
		require.Equal(t, sum, v.score)
		return v.points
	}
	require.Equal(t, [criteria]int{0, 0, 750, 250, 150, 150, 200}, points(asking(), offered(), near), "what is not known gets half")

	q, p := asking(), offered()
	q.SectorWish, q.Preferences = "other", []uuid.UUID{theirs}
	*p.employer = employer{id: theirs, sector: "bouw", workforce: "mixed", band: 1}
	best := measure{content: 10000, confident: true, hectometres: 0, days: 10}
	require.Equal(t, [criteria]int{5500, 1500, 1500, 500, 300, 300, 400}, points(q, p, best))
	q.Preferences = []uuid.UUID{own, theirs}
	require.Equal(t, 1000, points(q, p, best)[preference], "the second choice")
	q.Preferences = []uuid.UUID{own, own, theirs}
	require.Equal(t, 500, points(q, p, best)[preference], "the third choice")
	q.Preferences = []uuid.UUID{own, own, own, theirs}
	require.Zero(t, points(q, p, best)[preference], "three are named")
	q.SectorWish = "same"
	*p.employer = employer{id: theirs, sector: "bouw", workforce: "blue_collar", band: 3}
	require.Equal(t, [criteria]int{2750, 0, 750, 50, 0, 0, 0}, points(q, p, measure{content: 5000, confident: true, hectometres: halfway, days: 1}))
}

func TestWeightsWithoutPreferenceStillMakeTenThousand(t *testing.T) {
	t.Parallel()
	require.Equal(t, Weights{Content: 6471, Distance: 1765, Availability: 588, Size: 353, Workforce: 353, CrossSector: 470}, Defaults().withoutPreference())
	require.Equal(t, Weights{Content: whole}, Weights{Preference: whole}.withoutPreference())
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		left := whole
		take := func() int {
			n := r.IntN(left + 1)
			left -= n
			return n
		}
		w := Weights{Version: 3, Preference: take(), Content: take(), Distance: take(), Availability: take(), Size: take(), Workforce: take()}
		w.CrossSector = left
		require.NoError(t, w.check())
		spread := w.withoutPreference()
		require.NoError(t, spread.check())
		require.Zero(t, spread.Preference)
		require.Equal(t, 3, spread.Version)
		if w.Preference == 0 {
			require.Equal(t, w, spread)
		}
	}
}

func TestDistanceIsAsTheCrowFlies(t *testing.T) {
	t.Parallel()
	apart := func(a, b, c, d float64) int { return pointAt(a, b).apart(pointAt(c, d)) }
	require.Zero(t, apart(51.05, 3.72, 51.05, 3.72))
	require.InDelta(t, 500, apart(51.0543, 3.7174, 51.2194, 4.4025), 15, "Gent to Antwerpen is about 51 km")
	require.Equal(t, apart(51, 3, 50, 5), apart(50, 5, 51, 3))
	require.InDelta(t, 200150, apart(0, 0, 0, 180), 10, "half around the earth")
	require.InDelta(t, 1, apart(51, 3, 51.0009, 3), 0, "a hundred metres")

	q := asking()
	gent, antwerpen, brugge := pointAt(51.0543, 3.7174), pointAt(51.2194, 4.4025), pointAt(51.2093, 3.2247)
	there := &site{point: &gent}
	require.Equal(t, unknown, q.far(there))
	q.Work = &antwerpen
	require.Equal(t, antwerpen.apart(gent), q.far(there))
	q.Home = &brugge
	require.Equal(t, brugge.apart(gent), q.far(there), "the nearest of the two")
	require.Equal(t, unknown, q.far(nil))
	require.Equal(t, unknown, q.far(&site{}))
}

func TestSizeClasses(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]int8{0: 0, 9: 0, 10: 1, 49: 1, 50: 2, 249: 2, 250: 3, 100000: 3} {
		require.Equal(t, want, band(&n))
	}
	require.EqualValues(t, unknown, band(nil))
}

func BenchmarkJudge(b *testing.B) {
	w, q, p := Defaults(), asking(), offered()
	for b.Loop() {
		judge(&w, q, p, near)
	}
}

// What judging reads of a table, a number at a time, is what judge reads of the rows: for any question and any place.
func TestATableIsJudgedAsItsPlacesAre(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 7))
	one := func(of ...string) string { return of[r.IntN(len(of))] }
	when := func() *availability.Calendar {
		if r.IntN(3) == 0 {
			return nil
		}
		from := sunday.Add(r.IntN(40) - 20)
		until := from.Add(r.IntN(30))
		return availability.NewCalendar(availability.List{{FromOn: from, UntilOn: until}}, sunday)
	}
	spot := func() *point {
		if r.IntN(4) == 0 {
			return nil
		}
		return ptr(pointAt(50.5+r.Float64(), 3+2*r.Float64()))
	}
	var employers []*employer
	for i := range 6 {
		employers = append(employers, &employer{id: uuid.UUID{1, byte(i)}, sector: one("zorg", "bouw"), workforce: one("", "mixed", "blue_collar"), band: int8(r.IntN(5) - 1)})
	}
	sites := []*site{nil}
	for i := range 20 {
		sites = append(sites, &site{point: spot(), publicTransport: r.IntN(3) > 0, n: int32(i)})
	}
	whens := []*availability.Calendar{nil}
	for range 15 {
		whens = append(whens, when())
	}
	worksAt := func(o int) uuid.UUID { return uuid.UUID{5, byte(o), byte(r.IntN(3))} } // nobody coaches elsewhere
	var places []place
	made := newTable(sunday, 0)
	for i := range 400 {
		n, o := r.IntN(len(whens)), r.IntN(len(employers))
		p := place{id: uuid.UUID{9, byte(i >> 8), byte(i)}, published: true, closed: r.IntN(12) == 0, excluded: r.IntN(12) == 0, free: int32(r.IntN(6) - 1),
			employer: employers[o], site: sites[r.IntN(len(sites))], when: whens[n], whenN: int32(n)}
		for range r.IntN(3) {
			p.coaches = append(p.coaches, coach{id: worksAt(o), ended: int32(sunday.Number() + r.IntN(20) - 3), no: r.IntN(8) == 0, limit: int32(r.IntN(4) - 1), active: int32(r.IntN(2))})
			if r.IntN(3) == 0 {
				p.coaches[len(p.coaches)-1].yearly = &yearly{int32(r.IntN(4)), 2026, [2]int32{int32(r.IntN(3)), int32(r.IntN(3))}}
			}
		}
		if r.IntN(3) == 0 {
			p.languages = []string{one("nl", "fr")}
		}
		if r.IntN(3) == 0 {
			p.requirements = []string{one("vca", "haccp")}
		}
		places = append(places, p)
	}
	for i := range places { // in another order, and again: a row takes the place of what it was
		made.put(len(places)-1-i, &places[r.IntN(len(places))])
	}
	for i := range places {
		made.put(i, &places[i])
	}
	var j judging
	reasonsSeen := map[reason]bool{}
	for range 80 {
		o := r.IntN(6)
		q := &question{OrganisationID: employers[o].id, SwitcherID: worksAt(o), Internal: r.IntN(4) == 0, DaysNeeded: 1 + r.IntN(14), Today: sunday, Year: 2026 + r.IntN(3),
			SectorWish: one("", "same", "other"), Language: one("nl", "fr"), NeedsPublicTransport: r.IntN(3) == 0, Home: spot(), Work: spot(), Available: when(),
			Employer: employers[o], Rivals: map[uuid.UUID]bool{}, Before: map[uuid.UUID]before{}, More: int32(r.IntN(2))}
		if r.IntN(2) == 0 {
			q.MaxTravelKM = ptr(r.IntN(120))
		}
		if r.IntN(2) == 0 {
			q.Meets = []string{"vca"}
		}
		for range r.IntN(2) {
			q.Rivals[employers[r.IntN(6)].id] = true
		}
		for range r.IntN(20) {
			q.Before[places[r.IntN(len(places))].id] = before{r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(2) == 0}
		}
		for range r.IntN(4) {
			q.Preferences = append(q.Preferences, employers[r.IntN(6)].id)
		}
		w := Defaults()
		j.begin(&w, q, &made)
		for i := range places {
			p := &places[i]
			m := q.between(p)
			m.content, m.confident = r.IntN(10001), true
			want := judge(&w, q, p, m)
			why, points, closer := j.look(i)
			reasonsSeen[want.reason] = true
			if closer {
				require.True(t, q.Internal && p.employer.id == q.OrganisationID || slices.ContainsFunc(p.coaches, func(c coach) bool { return c.yearly != nil }))
				continue
			}
			if why == possible {
				why = q.decided(p.id)
			}
			require.Equal(t, reasonCodes[want.reason], reasonCodes[why])
			if why == possible {
				require.Equal(t, want.score, w.Content*m.content/whole+int(points))
			}
		}
	}
	for why := ownOrganisation; why < offTopic; why++ {
		require.True(t, reasonsSeen[why] || why == noCoach, reasonCodes[why])
	}
}
