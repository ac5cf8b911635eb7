package matching

import (
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/availability"
	"github.com/switchingtalent/switchboard/internal/platform/day"
)

// row is what judging needs of a place, next to that of the others in memory.
type row struct {
	kind int32 // gone: the place left
	when int32 // 0: it says nothing of days
}

// kind is what many places have alike, but for their days.
type kind struct {
	employer     int32
	site         int32 // 0: it names none
	languages    int32 // 0: not said
	requirements int32 // 0: none
	shut         reason
	tight        reason // the same, with room for one more at the place and of each leercoach
	closer       bool   // a leercoach has no exchange left in some year: which one the question needs is its own
}

// gone is the kind of a place that left.
const gone = -1

// table is the rows of an index, and what their numbers stand for. It is filled and changed under the lock of its index.
type table struct {
	rows      []row
	kinds     []kind
	employers []*employer
	sites     []*site
	whens     availability.Calendars // from 1
	lists     [][]string
	numbered  map[kind]int32
	numbers   map[*employer]int32
	listed    map[string]int32
	today     day.Date // for which the rows are shut
}

func newTable(today day.Date, n int) table {
	return table{rows: make([]row, 0, n), sites: []*site{nil}, lists: [][]string{nil},
		numbered: map[kind]int32{}, numbers: map[*employer]int32{}, listed: map[string]int32{}, today: today}
}

// put keeps place i of the index.
func (t *table) put(i int, p *place) {
	for len(t.rows) <= i {
		t.rows = append(t.rows, row{kind: gone})
	}
	if p.employer == nil {
		t.rows[i] = row{kind: gone}
		return
	}
	n, ok := t.numbers[p.employer]
	if !ok {
		n = int32(len(t.employers))
		t.numbers[p.employer] = n
		t.employers = append(t.employers, p.employer)
	}
	k := kind{employer: n, languages: t.list(p.languages), requirements: t.list(p.requirements), shut: t.shut(p, 0), tight: t.shut(p, 1),
		closer: slices.ContainsFunc(p.coaches, func(c coach) bool { return c.yearly.matters() })}
	if p.site != nil {
		k.site = p.site.n + 1
		for len(t.sites) <= int(k.site) {
			t.sites = append(t.sites, nil)
		}
		t.sites[k.site] = p.site
	}
	r := row{}
	if r.kind, ok = t.numbered[k]; !ok {
		r.kind = int32(len(t.kinds))
		t.numbered[k] = r.kind
		t.kinds = append(t.kinds, k)
	}
	if p.when != nil {
		r.when = p.whenN
		t.whens.Set(int(p.whenN), p.when)
	}
	t.rows[i] = r
}

func (t *table) list(words []string) int32 {
	if len(words) == 0 {
		return 0
	}
	key := strings.Join(words, "\x00")
	n, ok := t.listed[key]
	if !ok {
		n = int32(len(t.lists))
		t.listed[key] = n
		t.lists = append(t.lists, words)
	}
	return n
}

// shut is the first reason that rules a place out for any other employer's leervraag, with room for so many more, or possible.
func (t *table) shut(p *place, more int32) reason {
	anybody := question{Today: t.today, More: more}
	switch {
	case p.closed:
		return excludedDepartment
	case p.excluded:
		return excludedFunction
	}
	if r := coached(&anybody, p); r != possible {
		return r
	}
	if p.free+more <= 0 {
		return full
	}
	return possible
}

// bytes is about how much memory it takes, but for what its numbers stand for.
func (t *table) bytes() int {
	return 8*cap(t.rows) + 8*cap(t.sites) + t.whens.Bytes() + 48*len(t.employers) + 80*len(t.kinds) + 100*len(t.lists)
}

// judging judges one question against the rows of a table: what a kind of place or a calendar comes to is found out once,
// whatever the number of places. It says what judge says.
type judging struct {
	w      *Weights
	q      *question
	t      *table
	full   int                 // a number of days in common that gives all points and rules nothing out
	asking availability.Asking // when the question says when

	kinds     []gaugedKind
	whens     []gauged
	employers []gauged
	sites     []gauged
}

// gauged is what something that places have alike comes to for the question.
type gauged struct {
	points int32
	reason reason
	known  bool
	own    bool // the switcher's own employer
}

// gaugedKind is what a kind comes to: the reasons that are looked at before the days, and after them.
type gaugedKind struct {
	points        int32
	before, after reason
	known         bool
	closer        bool
}

// begin makes ready for a question; what it needs of memory it takes from the last one.
func (j *judging) begin(w *Weights, q *question, t *table) {
	j.w, j.q, j.t, j.full = w, q, t, max(enoughDays, q.DaysNeeded)
	if q.Available != nil {
		j.asking = q.Available.Ask(q.Today)
	}
	j.employers, j.sites = unknowing(j.employers, len(t.employers)), unknowing(j.sites, len(t.sites))
	j.kinds, j.whens = unknowing(j.kinds, len(t.kinds)), unknowing(j.whens, max(1, t.whens.Len()))
	j.sites[0] = gauged{points: int32(w.Distance / 2), known: true}
	j.whens[0] = gauged{points: int32(w.Availability / 2), known: true}
}

func unknowing[T any](g []T, n int) []T {
	g = slices.Grow(g[:0], n)[:n]
	clear(g)
	return g
}

// look says why place i is ruled out, or possible with what it scores besides its content. Whether its words answer the
// question, and what was decided of the two before, is looked at elsewhere. closer says that the table does not tell, and
// judge has to look: it is a place of the switcher's own employer, or a leercoach there has no exchange left in some year.
func (j *judging) look(i int) (r reason, points int32, closer bool) {
	at := j.t.rows[i]
	k := &j.kinds[at.kind]
	if !k.known {
		*k = j.kind(&j.t.kinds[at.kind])
	}
	if k.closer || k.before != possible {
		return k.before, 0, k.closer
	}
	d := &j.whens[at.when]
	if !d.known {
		*d = j.when(int(at.when))
	}
	if d.reason != possible {
		return d.reason, 0, false
	}
	return k.after, k.points + d.points, false
}

func (j *judging) kind(k *kind) gaugedKind {
	e := &j.employers[k.employer]
	if !e.known {
		*e = j.employer(j.t.employers[k.employer])
	}
	shut := k.shut
	if j.q.More > 0 {
		shut = k.tight
	}
	switch {
	case e.own || e.reason != possible:
		return gaugedKind{before: e.reason, known: true, closer: e.own}
	case k.closer:
		return gaugedKind{known: true, closer: true}
	case shut != possible:
		return gaugedKind{before: shut, known: true}
	}
	s := &j.sites[k.site]
	if !s.known {
		*s = j.site(j.t.sites[k.site])
	}
	g := gaugedKind{points: e.points + s.points, before: s.reason, known: true}
	switch {
	case k.languages != 0 && !slices.Contains(j.t.lists[k.languages], j.q.Language):
		g.after = otherLanguage
	case k.requirements != 0 && j.q.Meets != nil && unmet(j.q, &place{requirements: j.t.lists[k.requirements]}) != "":
		g.after = requirementNotMet
	}
	return g
}

func (j *judging) employer(e *employer) gauged {
	g := gauged{known: true}
	own := e.id == j.q.OrganisationID
	switch {
	case own && !j.q.Internal:
		g.reason = ownOrganisation
	case !own && j.q.Internal:
		g.reason = otherOrganisation
	case j.q.Rivals[e.id]:
		g.reason = rival
	case own:
		g.own = true
	}
	v := score(j.w, j.q, &place{employer: e}, measure{hectometres: unknown, days: unknown})
	g.points = int32(v.score - v.points[distance] - v.points[availabilityOf])
	return g
}

func (j *judging) site(s *site) gauged {
	g, m := gauged{known: true}, measure{hectometres: j.q.far(s)}
	switch {
	case j.q.MaxTravelKM != nil && m.hectometres > 10**j.q.MaxTravelKM:
		g.reason = tooFar
	case j.q.NeedsPublicTransport && !s.publicTransport:
		g.reason = noPublicTransport
	}
	g.points = int32(j.w.far(m))
	return g
}

func (j *judging) when(i int) gauged {
	g, m := gauged{known: true}, measure{days: unknown}
	if j.q.Available != nil {
		m.days = j.t.whens.DaysUpTo(&j.asking, i, j.full)
	}
	if m.days != unknown && m.days < j.q.DaysNeeded {
		g.reason = noCommonDays
	}
	g.points = int32(j.w.near(m))
	return g
}

// decided says what was decided of the question and a place before, or possible.
func (q *question) decided(l uuid.UUID) reason {
	if len(q.Before) == 0 {
		return possible
	}
	switch b := q.Before[l]; {
	case b.proposed:
		return alreadyProposed
	case b.declined:
		return rejectedBefore
	case b.dismissed:
		return dismissed
	}
	return possible
}
