package matching

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/db"
)

func ptr[T any](v T) *T { return &v }

func TestEachWordReadsATsvector(t *testing.T) {
	t.Parallel()
	for vector, want := range map[string]map[string]int{
		"":                               {},
		"'medicatie':1A,7 'schema':3":    {"medicatie": inTitle, "schema": inText},
		"'zorg':4B":                      {"zorg": inTitle},
		"'zorg':4,5,6":                   {"zorg": inText},
		`'foto''s':2A 'a\\b':1 '''''':5`: {"foto's": inTitle, `a\b`: inText, "''": inText},
		"'a b':1A 'ABC':2":               {"a b": inTitle, "ABC": inText},
		"'stripped'":                     {"stripped": inText},
		"'never ends":                    {},
	} {
		got := map[string]int{}
		eachWord(vector, func(word string, weight int) { got[word] = weight })
		require.Equal(t, want, got, vector)
	}
	require.Equal(t, `'foto''s' | 'a\\b'`, anyOf([]string{"foto's", `a\b`}))
	require.Empty(t, anyOf(nil))
}

func TestWordsMeetWholeOrAsPartsOfACompound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		asked, place string
		want         []hit
	}{
		{"medicatie", "medicatie", []hit{{0, wholeWord}}},
		{"medicatie", "medicatieschema", []hit{{0, compound}}},
		{"medicatieschema", "medicatie", []hit{{0, compound}}},
		{"schema", "medicatieschema", []hit{{0, compound}}},
		{"medicatieschema", "schema", []hit{{0, compound}}},
		{"zorg", "zorgcentrum", nil}, // too short to tell
		{"centrum", "centrumpje", []hit{{0, compound}}},
		{"centra", "centraal", nil},  // what is left is an ending, no word
		{"catie", "medicaties", nil}, // a middle is no part
	} {
		require.Equal(t, c.want, newVocabulary([]string{c.asked}).hits(c.place), "%s in %s", c.asked, c.place)
	}
}

func TestRareWordsWeighMoreAndTheCeilingHolds(t *testing.T) {
	t.Parallel()
	v := newVocabulary([]string{"medicatie", "leren"})
	cs := []*candidate{{vector: "'medicatie':1A"}, {vector: "'leren':1A"}, {vector: "'leren':1"}, {vector: "'leren':1A 'medicatie':2A"}, {vector: "'werf':1A"}, {vector: ""}}
	v.rate(cs, 5500)
	require.Greater(t, cs[0].content, cs[1].content, "the rare word")
	require.Greater(t, cs[1].content, cs[2].content, "the title")
	require.Equal(t, 5500, cs[3].content, "all that was asked, in the title")
	require.Zero(t, cs[4].content)
	require.Zero(t, cs[5].content)

	only := []*candidate{{vector: "'medicatie':1A"}}
	newVocabulary([]string{"medicatie"}).rate(only, 5500)
	require.Equal(t, 5500, only[0].content, "the only place of a small tenant")
	newVocabulary(nil).rate(only, 5500)
	require.Equal(t, 5500, only[0].content, "a question of stop words alone leaves all as it is")
}

func TestDistanceIsAsTheCrowFlies(t *testing.T) {
	t.Parallel()
	require.Zero(t, apart(51.05, 3.72, 51.05, 3.72))
	require.InDelta(t, 500, apart(51.0543, 3.7174, 51.2194, 4.4025), 15, "Gent to Antwerpen is about 51 km")
	require.Equal(t, apart(51, 3, 50, 5), apart(50, 5, 51, 3))
	require.InDelta(t, 200150, apart(0, 0, 0, 180), 10, "half around the earth")
}

func TestPointsOfEachCriterion(t *testing.T) {
	t.Parallel()
	q := &question{around: around{Sector: "zorg", Workforce: ptr("mixed"), Headcount: ptr(49)}}
	points := func(c candidate) map[string]int {
		out := map[string]int{}
		for _, p := range parts(q, &c) {
			require.LessOrEqual(t, p.Points, p.Of)
			require.GreaterOrEqual(t, p.Points, 0)
			out[p.Criterion] = p.Points
		}
		return out
	}
	least := candidate{usable: 1, sector: "zorg"}
	require.Equal(t, map[string]int{"content": 0, "distance": 1000, "availability": 750, "coaches": 0, "organisation": 150}, points(least),
		"what is not known gets half")
	best := candidate{usable: 2, met: 8, sector: "bouw", workforce: ptr("mixed"), headcount: ptr(10), content: 5500, hectometres: ptr(0), days: ptr(10)}
	require.Equal(t, map[string]int{"content": 5500, "distance": 2000, "availability": 1500, "coaches": 500, "organisation": 500}, points(best))
	worst := candidate{usable: 1, sector: "zorg", workforce: ptr("blue_collar"), headcount: ptr(50), hectometres: ptr(300), days: ptr(1)}
	require.Equal(t, map[string]int{"content": 0, "distance": 1000, "availability": 150, "coaches": 0, "organisation": 0}, points(worst))

	q.Topics = db.Strings{"a", "b"}
	require.Equal(t, 750, points(candidate{usable: 1, topics: 1})["content"])
	require.Equal(t, 1500, points(candidate{usable: 1, topics: 2})["content"])
	q.Topics = db.Strings{"a", "b", "c", "d"}
	require.Equal(t, 1500, points(candidate{usable: 1, topics: 4})["content"], "three is enough")
}

func TestEveryCriterionTogetherMakesTenThousand(t *testing.T) {
	t.Parallel()
	total := 0
	for _, p := range parts(&question{}, &candidate{usable: 1}) {
		total += p.Of
	}
	require.Equal(t, 10_000, total)
}

func TestEqualScoresStandInTheOrderOfTheirIDs(t *testing.T) {
	t.Parallel()
	q := &question{}
	var cs []*candidate
	for range 50 {
		cs = append(cs, &candidate{id: uuid.New(), usable: 1})
	}
	got := rank(q, newVocabulary(nil), cs, 50)
	for i := 1; i < len(got); i++ {
		require.Negative(t, strings.Compare(string(got[i-1].id[:]), string(got[i].id[:])))
	}
}

func TestTheFirstReasonThatHoldsCounts(t *testing.T) {
	t.Parallel()
	q := &question{around: around{MaxTravelKM: ptr(10), NeedsPublicTransport: true}}
	all := candidate{own: true, closed: true, excluded: true, hectometres: ptr(101), publicTransport: ptr(false), days: ptr(0), proposed: true, declined: true}
	want := []string{"own_organisation", "excluded_department", "excluded_function", "no_coach", "full", "too_far", "no_public_transport",
		"no_common_days", "already_proposed", "rejected_before"}
	repair := []func(*candidate){
		func(c *candidate) { c.own = false }, func(c *candidate) { c.closed = false }, func(c *candidate) { c.excluded = false },
		func(c *candidate) { c.coaches, c.employed, c.usable = 1, 1, 1 }, func(c *candidate) { c.free = 1 },
		func(c *candidate) { c.hectometres = ptr(100) }, func(c *candidate) { c.publicTransport = nil }, func(c *candidate) { c.days = nil },
		func(c *candidate) { c.proposed = false }, func(c *candidate) { c.declined = false },
	}
	c := all
	for i, code := range want {
		at := ruledOut(q, &c)
		require.GreaterOrEqual(t, at, 0)
		require.Equal(t, code, reasons[at].code)
		repair[i](&c)
	}
	require.Equal(t, -1, ruledOut(q, &c))
}

func TestMarkedWords(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{}, marked("niets hier"))
	require.Equal(t, []string{"Medicatie", "schema's"}, marked("\x01Medicatie\x02 en \x01schema's\x02, \x01medicatie\x02"))
	require.Len(t, marked(strings.Repeat("\x01a\x02\x01b\x02\x01c\x02\x01d\x02\x01e\x02\x01f\x02\x01g\x02\x01h\x02\x01i\x02", 2)), maxWords)
}
