package matching

import (
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/availability"
	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

const (
	halfway    = 300 // hectometres: at this distance half of the points are left
	enoughDays = 10  // an exchange takes a day or two; this many days in common leave a choice
	topThree   = 3   // a switcher names so many employers (seed 001, 5.5, Acerta Consult)
	unknown    = -1  // of a distance or a number of days
)

// question is what a leervraag and its switcher ask of a place, ready to be judged against any number of places. It does
// not change while it is used.
type question struct {
	ID             id.LeervraagID
	OrganisationID uuid.UUID // the switcher's employer
	SwitcherID     uuid.UUID
	Internal       bool   // only the own employer's places will do
	DaysNeeded     int    // at least so many days in common, 1 or more
	SectorWish     string // same, other, or "" when nothing was said

	Today                day.Date // in the tenant's zone
	Year                 int      // in which the exchange would begin, for what leercoaches take on in one
	More                 int32    // for how many more than there is room at a place and of a leercoach it is judged: 0, or 1 to find what one more would do
	Language             string   // of the switcher, ISO 639-1
	MaxTravelKM          *int
	NeedsPublicTransport bool
	Home, Work           *point   // nil where it is not known
	Meets                []string // requirements that the switcher meets, as folded; nil when nobody said
	Available            *availability.Calendar
	Employer             *employer

	Rivals      map[uuid.UUID]bool // employers that are rivals of the switcher's
	Before      map[uuid.UUID]before
	Preferences []uuid.UUID // employers in the order of preference; nil outside a cohort, where nobody was asked
}

// before says what became of a question and a place earlier.
type before struct{ proposed, declined, dismissed bool }

// employer is what is weighed of an organisation.
type employer struct {
	id        uuid.UUID
	sector    string // folded
	workforce string // white_collar, blue_collar, mixed, or "" when not known
	band      int8   // size class, see band; unknown when the headcount is
}

// site is where a place is.
type site struct {
	point           *point // nil when its coordinates are not known
	publicTransport bool
	n               int32 // its number in an index
}

// coach is a leercoach of a place.
type coach struct {
	id     uuid.UUID
	ended  int32 // the last day but one: from this day on, in days since 1970, begins nothing new; math.MaxInt32 for none
	no     bool  // answered one of the conditions with no
	met    int8  // conditions answered yes, of the four
	limit  int32 // exchanges at the same time; unknown when the coach named none
	active int32 // exchanges under way
	yearly *yearly
}

// yearly is what a leercoach takes on in a calendar year.
type yearly struct {
	limit int32    // exchanges that begin in one
	from  int      // the year that it was when they were counted
	begun [2]int32 // exchanges that begin in that year, and in the next; none are counted of later ones
}

// left is how many more exchanges may begin in a year; negative where there are too many already.
func (y *yearly) left(year int) int32 {
	if n := year - y.from; n >= 0 && n < len(y.begun) {
		return y.limit - y.begun[n]
	}
	return y.limit
}

// matters says whether there is a year in which no exchange may begin any more.
func (y *yearly) matters() bool {
	return y != nil && y.limit <= max(y.begun[0], y.begun[1])
}

// yearAt is the calendar year of a day.
func yearAt(d day.Date) int { return time.Unix(int64(d.Number())*24*60*60, 0).UTC().Year() }

// begins is the year in which an exchange would begin, seen from today: that of the first period that is not over yet; today's
// when nobody said.
func begins(l availability.List, today day.Date) int {
	best := 0
	for _, p := range l {
		if p.UntilOn.Before(today) {
			continue
		}
		if y := max(yearAt(p.FromOn), yearAt(today)); best == 0 || y < best {
			best = y
		}
	}
	if best == 0 {
		return yearAt(today)
	}
	return best
}

// room is how many more exchanges a leercoach takes on, by both limits, or unknown where they named none.
func (c *coach) room(year int) int32 {
	n := int32(unknown)
	if c.limit != unknown {
		n = max(0, c.limit-c.active)
	}
	if c.yearly != nil {
		if left := max(0, c.yearly.left(year)); n == unknown || left < n {
			n = left
		}
	}
	return n
}

// place is one leerplek as the rows say it.
type place struct {
	id           uuid.UUID
	published    bool
	closed       bool  // its department is not open to switchers
	excluded     bool  // its function is excluded by the employer
	free         int32 // exchanges for which there is room
	employer     *employer
	site         *site                  // nil when it names none
	when         *availability.Calendar // nil when it says nothing of days
	whenN        int32                  // its number in an index
	languages    []string               // spoken there; empty when not said
	requirements []string               // folded
	coaches      []coach
}

// measure is what lies between a question and a place.
type measure struct {
	content     int  // 0–10,000: how well the words of the place answer the question
	confident   bool // the words answer it at all
	hectometres int  // as the crow flies from home or workplace, the nearest; or unknown
	days        int  // in common from today on; or unknown
}

// reason says why a place is ruled out.
type reason int8

// The reasons, in the order in which they are looked at: a place counts at the first that holds. What is not known rules
// nothing out.
const (
	possible reason = iota // nothing rules it out
	notPublished
	ownOrganisation
	otherOrganisation
	rival
	excludedDepartment
	excludedFunction
	noCoach
	coachEnded
	coachConditionNo
	coachFull
	coachYearFull
	full
	tooFar
	noPublicTransport
	noCommonDays
	otherLanguage
	requirementNotMet
	alreadyProposed
	rejectedBefore
	dismissed
	offTopic
	unavailable // what a bound caller is told instead of a reason that is another employer's to know
	reasons     // how many there are
)

// reasonCodes are the reasons on the wire.
var reasonCodes = [reasons]string{"", "not_published", "own_organisation", "other_organisation", "rival", "excluded_department", "excluded_function", "no_coach",
	"coach_ended", "coach_condition_no", "coach_full", "coach_year_full", "full", "too_far", "no_public_transport", "no_common_days", "other_language",
	"requirement_not_met", "already_proposed", "rejected_before", "dismissed", "off_topic", "unavailable"}

// public is the reason as a caller may know it: a bound one learns neither what leercoaches answered nor who fears whom.
func (r reason) public(bound bool) reason {
	switch r {
	case rival, coachConditionNo, coachEnded, coachFull, coachYearFull:
		if bound {
			return unavailable
		}
	}
	return r
}

// ofRoom says whether more room at the place or of a leercoach there is what is missing first.
func (r reason) ofRoom() bool { return r == full || r == coachFull || r == coachYearFull }

// verdict is what became of a question and a place: ruled out for a reason, or possible with a score, which is the sum of
// the points.
type verdict struct {
	reason reason
	score  int // 0–10,000
	points [criteria]int
}

// judge says whether a place can be for a question and, if it can, what it scores. It reads what it is given and nothing
// else, in whole numbers, so that the same rows give the same score on any machine. Outside a cohort pass the weights
// withoutPreference.
func judge(w *Weights, q *question, p *place, m measure) verdict {
	if r := ruledOut(q, p, m); r != possible {
		return verdict{reason: r}
	}
	return score(w, q, p, m)
}

// ruledOut returns the first reason that holds, or possible.
func ruledOut(q *question, p *place, m measure) reason {
	own := p.employer.id == q.OrganisationID
	switch {
	case !p.published:
		return notPublished
	case own && !q.Internal:
		return ownOrganisation
	case !own && q.Internal:
		return otherOrganisation
	case len(q.Rivals) > 0 && q.Rivals[p.employer.id]:
		return rival
	case p.closed:
		return excludedDepartment
	case p.excluded:
		return excludedFunction
	}
	if r := coached(q, p); r != possible {
		return r
	}
	switch {
	case p.free+q.More <= 0:
		return full
	case q.MaxTravelKM != nil && m.hectometres > 10**q.MaxTravelKM:
		return tooFar
	case q.NeedsPublicTransport && p.site != nil && !p.site.publicTransport:
		return noPublicTransport
	case m.days != unknown && m.days < q.DaysNeeded:
		return noCommonDays
	case len(p.languages) > 0 && !slices.Contains(p.languages, q.Language):
		return otherLanguage
	case q.Meets != nil && unmet(q, p) != "":
		return requirementNotMet
	}
	if r := q.decided(p.id); r != possible {
		return r
	}
	if !m.confident {
		return offTopic
	}
	return possible
}

// teaches says whether somebody is one of the leercoaches of a place: nobody goes to learn where they coach, not even with
// another leercoach there.
func (p *place) teaches(mdw uuid.UUID) bool {
	return slices.ContainsFunc(p.coaches, func(c coach) bool { return c.id == mdw })
}

// coached looks for a leercoach who can, and otherwise says what the one lacks who came furthest.
func coached(q *question, p *place) reason {
	furthest := noCoach
	if p.teaches(q.SwitcherID) {
		return noCoach
	}
	for i := range p.coaches {
		r := q.lack(&p.coaches[i])
		if r == possible {
			return possible
		}
		furthest = max(furthest, r)
	}
	return furthest
}

// lack says why a leercoach cannot: not employed any more, a condition of seed 001, 5.4, answered no, or no room left. The
// reasons stand in the order of how far a coach came.
func (q *question) lack(c *coach) reason {
	switch {
	case int(c.ended) <= q.Today.Number():
		return coachEnded
	case c.no:
		return coachConditionNo
	case c.limit != unknown && c.active >= c.limit+q.More:
		return coachFull
	case c.yearly != nil && c.yearly.left(q.Year)+q.More <= 0:
		return coachYearFull
	}
	return possible
}

// unmet is the first requirement of a place that the switcher does not meet, or "".
func unmet(q *question, p *place) string {
	for _, r := range p.requirements {
		if !slices.Contains(q.Meets, r) {
			return r
		}
	}
	return ""
}

// score weighs a place that is possible. What is not known gets half of the points.
func score(w *Weights, q *question, p *place, m measure) (v verdict) {
	v.points[content] = w.Content * m.content / whole
	for i, o := range q.Preferences {
		if i < topThree && o == p.employer.id {
			v.points[preference] = w.Preference * (topThree - i) / topThree
		}
	}
	v.points[distance], v.points[availabilityOf] = w.far(m), w.near(m)
	a, b := q.Employer, p.employer
	v.points[size] = alike(w.Size, a.band != unknown && b.band != unknown, a.band == b.band)
	v.points[workforce] = alike(w.Workforce, a.workforce != "" && b.workforce != "", a.workforce == b.workforce)
	v.points[crossSector] = alike(w.CrossSector, q.SectorWish != "", (a.sector == b.sector) == (q.SectorWish == "same"))
	for _, n := range v.points {
		v.score += n
	}
	return v
}

// far are the points of a distance.
func (w *Weights) far(m measure) int {
	if m.hectometres == unknown {
		return w.Distance / 2
	}
	return w.Distance * halfway / (halfway + m.hectometres)
}

// near are the points of days in common.
func (w *Weights) near(m measure) int {
	if m.days == unknown {
		return w.Availability / 2
	}
	return w.Availability * min(m.days, enoughDays) / enoughDays
}

// alike gives all points to what is as it should be, none to what is not, and half where it is not known.
func alike(of int, known, is bool) int {
	switch {
	case !known:
		return of / 2
	case is:
		return of
	}
	return 0
}

// band is the size class of an employer by headcount: 0 micro, 1 small, 2 medium, 3 large (Commission Recommendation
// 2003/361/EC, annex, article 2); unknown without one.
func band(headcount *int) int8 {
	if headcount == nil {
		return unknown
	}
	n := int8(0)
	for _, from := range []int{10, 50, 250} {
		if *headcount >= from {
			n++
		}
	}
	return n
}

// point is a place on earth as a vector of length 1 from its centre.
type point struct{ x, y, z float64 }

// pointAt makes a point of degrees.
func pointAt(latitude, longitude float64) point {
	const rad = math.Pi / 180
	lat, lon := latitude*rad, longitude*rad
	return point{math.Cos(lat) * math.Cos(lon), math.Cos(lat) * math.Sin(lon), math.Sin(lat)}
}

// apart is the distance between two points as the crow flies, in hectometres, on a sphere of 6371 km: the haversine
// formula, by way of the chord.
func (a point) apart(b point) int {
	dx, dy, dz := a.x-b.x, a.y-b.y, a.z-b.z
	return int(math.Round(2 * 63710 * math.Asin(min(1, math.Sqrt(dx*dx+dy*dy+dz*dz)/2))))
}

// far is the distance of a site from the switcher's home or workplace, the nearest of the two (seed 001, 5.4: "niet te ver
// van woonplaats of reële werkplek"), in hectometres, or unknown.
func (q *question) far(s *site) int {
	best := unknown
	if s == nil || s.point == nil {
		return best
	}
	for _, from := range []*point{q.Home, q.Work} {
		if from != nil {
			if d := from.apart(*s.point); best == unknown || d < best {
				best = d
			}
		}
	}
	return best
}

// common is how many days from today on a question and a place have in common, or unknown.
func (q *question) common(when *availability.Calendar) int {
	if q.Available == nil || when == nil {
		return unknown
	}
	return q.Available.Days(when, q.Today)
}

// between measures a question and a place; the words are measured elsewhere.
func (q *question) between(p *place) measure {
	return measure{hectometres: q.far(p.site), days: q.common(p.when)}
}
