package matching

import (
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/availability"
	"github.com/switchingtalent/switchboard/internal/platform/day"
)

// row is what judging needs of a place, next to that of the others in memory: the reason that holds whoever asks, and the
// numbers of what many places have alike.
type row struct {
	employer     int32 // gone: the place left
	site         int32 // 0: it names none
	when         int32 // 0: it says nothing of days
	languages    int32 // 0: not said
	requirements int32 // 0: none
	shut         reason
	closer       bool // a leercoach has no exchange left in some year: which one the question needs is its own
}

// gone is the employer of a place that left.
const gone = -1

// table is the rows of an index, and what their numbers stand for. It is filled and changed under the lock of its index.
type table struct {
	rows      []row
	employers []*employer
	sites     []*site
	whens     []*availability.Calendar
	lists     [][]string
	numbers   map[*employer]int32
	listed    map[string]int32
	today     day.Date // for which the rows are shut
}

func newTable(today day.Date, n int) table {
	return table{rows: make([]row, 0, n), sites: []*site{nil}, whens: []*availability.Calendar{nil}, lists: [][]string{nil},
		numbers: map[*employer]int32{}, listed: map[string]int32{}, today: today}
}

// put keeps place i of the index.
func (t *table) put(i int, p *place) {
	for len(t.rows) <= i {
		t.rows = append(t.rows, row{employer: gone})
	}
	if p.employer == nil {
		t.rows[i] = row{employer: gone}
		return
	}
	n, ok := t.numbers[p.employer]
	if !ok {
		n = int32(len(t.employers))
		t.numbers[p.employer] = n
		t.employers = append(t.employers, p.employer)
	}
	r := row{employer: n, languages: t.list(p.languages), requirements: t.list(p.requirements), shut: t.shut(p),
		closer: slices.ContainsFunc(p.coaches, func(c coach) bool { return c.yearly.matters() })}
	if p.site != nil {
		r.site = keepAt(&t.sites, p.site.n+1, p.site)
	}
	if p.when != nil {
		r.when = keepAt(&t.whens, p.whenN, p.when)
	}
	t.rows[i] = r
}

// keepAt keeps what has a number already.
func keepAt[T any](all *[]*T, n int32, x *T) int32 {
	for int32(len(*all)) <= n {
		*all = append(*all, nil)
	}
	(*all)[n] = x
	return n
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

// shut is the first reason that rules a place out for any other employer's leervraag, or possible.
func (t *table) shut(p *place) reason {
	anybody := question{Today: t.today}
	switch {
	case p.closed:
		return excludedDepartment
	case p.excluded:
		return excludedFunction
	}
	if r := coached(&anybody, p); r != possible {
		return r
	}
	if p.free <= 0 {
		return full
	}
	return possible
}

// bytes is about how much memory it takes, but for what its numbers stand for.
func (t *table) bytes() int {
	return 24*cap(t.rows) + 8*(cap(t.sites)+cap(t.whens)) + 48*len(t.employers)
}

// judging judges one question against the rows of a table: what an employer, a site, a calendar or a list comes to is found
// out once, whatever the number of places. It says what judge says.
type judging struct {
	w    *Weights
	q    *question
	t    *table
	full int // a number of days in common that gives all points and rules nothing out

	employers    []gauged
	sites        []gauged
	whens        []gauged
	languages    []gauged
	requirements []gauged
}

// gauged is what something that places have alike comes to for the question.
type gauged struct {
	points int32
	reason reason
	known  bool
	own    bool // the switcher's own employer
}

// begin makes ready for a question; what it needs of memory it takes from the last one.
func (j *judging) begin(w *Weights, q *question, t *table) {
	j.w, j.q, j.t, j.full = w, q, t, max(enoughDays, q.DaysNeeded)
	j.employers, j.sites, j.whens = unknowing(j.employers, len(t.employers)), unknowing(j.sites, len(t.sites)), unknowing(j.whens, len(t.whens))
	j.languages, j.requirements = unknowing(j.languages, len(t.lists)), unknowing(j.requirements, len(t.lists))
	j.sites[0] = gauged{points: int32(w.Distance / 2), known: true}
	j.whens[0] = gauged{points: int32(w.Availability / 2), known: true}
	j.languages[0], j.requirements[0] = gauged{known: true}, gauged{known: true}
}

func unknowing(g []gauged, n int) []gauged {
	g = slices.Grow(g[:0], n)[:n]
	clear(g)
	return g
}

// look says why place i is ruled out, or possible with what it scores besides its content. Whether its words answer the
// question, and what was decided of the two before, is looked at elsewhere. closer says that the table does not tell, and
// judge has to look: it is a place of the switcher's own employer, or a leercoach there has no exchange left in some year.
func (j *judging) look(i int) (r reason, points int32, closer bool) {
	at := &j.t.rows[i]
	e := &j.employers[at.employer]
	if !e.known {
		*e = j.employer(j.t.employers[at.employer])
	}
	if e.own || e.reason != possible {
		return e.reason, 0, e.own
	}
	if at.closer {
		return possible, 0, true
	}
	if at.shut != possible {
		return at.shut, 0, false
	}
	s := &j.sites[at.site]
	if !s.known {
		*s = j.site(j.t.sites[at.site])
	}
	if s.reason != possible {
		return s.reason, 0, false
	}
	d := &j.whens[at.when]
	if !d.known {
		*d = j.when(j.t.whens[at.when])
	}
	if d.reason != possible {
		return d.reason, 0, false
	}
	l := &j.languages[at.languages]
	if !l.known {
		*l = gauged{known: true}
		if !slices.Contains(j.t.lists[at.languages], j.q.Language) {
			l.reason = otherLanguage
		}
	}
	if l.reason != possible {
		return l.reason, 0, false
	}
	m := &j.requirements[at.requirements]
	if !m.known {
		*m = gauged{known: true}
		if j.q.Meets != nil && unmet(j.q, &place{requirements: j.t.lists[at.requirements]}) != "" {
			m.reason = requirementNotMet
		}
	}
	return m.reason, e.points + s.points + d.points, false
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

func (j *judging) when(c *availability.Calendar) gauged {
	g, m := gauged{known: true}, measure{days: unknown}
	if j.q.Available != nil {
		m.days = j.q.Available.DaysUpTo(c, j.q.Today, j.full)
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
