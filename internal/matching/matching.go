// Package matching ranks leerplekken for a leervraag: first what cannot be, each with its reason, then content, then
// what is practical, as seed 001, 5.5 Matching, goes about it. It reads across nouns and writes nothing.
package matching

import (
	"math"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/availability"
	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// The weights of the criteria, in points of 10,000. Content decides; location comes before moments (seed 001, 5.5);
// size, staff and sector are those of the example of Acerta Consult there. The seed gives no numbers: these are ours.
const (
	ofContent      = 5500
	ofTopics       = 1500 // of ofContent, when the leervraag names topics
	ofDistance     = 2000
	ofAvailability = 1500
	ofCoaches      = 500
	ofOtherSector  = 200
	ofWorkforce    = 150
	ofSize         = 150
	ofOrganisation = ofOtherSector + ofWorkforce + ofSize

	halfway     = 300 // hectometres: at this distance half of the points are left
	enoughDays  = 10  // an exchange takes a day or two; this many days in common leave a choice
	enoughTopic = 3   // who shares three topics shares the subject
)

// question is what a leervraag and its switcher ask of a place.
type question struct {
	asked
	around
}

// asked is what the leervraag says.
type asked struct {
	ID             id.LeervraagID
	OrganisationID id.OrganisationID
	SwitcherID     id.MedewerkerID
	Internal       bool
	Available      availability.List
	Lexemes        db.Strings // of title, goals, topics and question, in that order, by the configuration dutch
	Topics         db.Strings // in lower case
}

// around is what is known of the switcher and the switcher's employer.
type around struct {
	Today                day.Date // in the tenant's zone
	MaxTravelKM          *int     `gorm:"column:max_travel_km"`
	NeedsPublicTransport bool
	Latitude, Longitude  *float64 // of the switcher's site
	Sector               string   // in lower case
	Workforce            *string
	Headcount            *int
}

// candidate is one published leerplek, with what its own rows and those around it say.
type candidate struct {
	id                  uuid.UUID
	own                 bool // of the switcher's own employer
	closed              bool // its department is not open to switchers
	excluded            bool // its function is excluded by the employer
	coaches             int  // leercoaches, the switcher left out
	employed            int  // of those, still at the employer
	usable              int  // of those, without a condition answered no
	met                 int  // conditions that the usable ones answered yes
	free                int  // places
	latitude, longitude *float64
	publicTransport     *bool
	available           string // as JSON
	proposed            bool   // an open or accepted match between the two
	declined            bool   // a match between the two that was declined
	sector              string // in lower case
	workforce           *string
	headcount           *int
	topics              int    // shared with the leervraag
	vector              string // its lexemes, as PostgreSQL writes a tsvector

	hectometres *int // as the crow flies from the switcher's site; nil when either place is not known
	days        *int // in common, from today on; nil when either side says nothing
	content     int  // points for the words
	score       int
}

// reasons are why a leerplek is ruled out, in the order in which they are looked at: each place counts once. What is
// not known rules nothing out.
var reasons = []struct {
	code string
	out  func(q *question, c *candidate) bool
}{
	{"own_organisation", func(q *question, c *candidate) bool { return !q.Internal && c.own }},
	{"other_organisation", func(q *question, c *candidate) bool { return q.Internal && !c.own }},
	{"excluded_department", func(_ *question, c *candidate) bool { return c.closed }},
	{"excluded_function", func(_ *question, c *candidate) bool { return c.excluded }},
	{"no_coach", func(_ *question, c *candidate) bool { return c.coaches == 0 }},
	{"coach_condition_no", func(_ *question, c *candidate) bool { return c.usable == 0 && c.employed > 0 }},
	{"coach_ended", func(_ *question, c *candidate) bool { return c.usable == 0 }},
	{"full", func(_ *question, c *candidate) bool { return c.free <= 0 }},
	{"too_far", func(q *question, c *candidate) bool {
		return q.MaxTravelKM != nil && c.hectometres != nil && *c.hectometres > 10**q.MaxTravelKM
	}},
	{"no_public_transport", func(q *question, c *candidate) bool {
		return q.NeedsPublicTransport && c.publicTransport != nil && !*c.publicTransport
	}},
	{"no_common_days", func(_ *question, c *candidate) bool { return c.days != nil && *c.days == 0 }},
	{"already_proposed", func(_ *question, c *candidate) bool { return c.proposed }},
	{"rejected_before", func(_ *question, c *candidate) bool { return c.declined }},
}

// ruledOut returns the index of the first reason that holds, or -1.
func ruledOut(q *question, c *candidate) int {
	for i, r := range reasons {
		if r.out(q, c) {
			return i
		}
	}
	return -1
}

// parts are the points of a candidate. All of it is whole numbers, so that the same rows give the same order anywhere.
func parts(q *question, c *candidate) []Part {
	content := Part{Criterion: "content", Of: ofContent, Points: c.content}
	if len(q.Topics) > 0 {
		enough := min(enoughTopic, len(q.Topics))
		content.Points += ofTopics * min(c.topics, enough) / enough
	}
	distance := Part{Criterion: "distance", Of: ofDistance, Points: ofDistance / 2}
	if c.hectometres != nil {
		distance.Points = ofDistance * halfway / (halfway + *c.hectometres)
		km := float64(*c.hectometres) / 10
		distance.Detail.Km = &km
	}
	availability := Part{Criterion: "availability", Of: ofAvailability, Points: ofAvailability / 2}
	if c.days != nil {
		availability.Points = ofAvailability * min(*c.days, enoughDays) / enoughDays
		availability.Detail.Days = c.days
	}
	conditions := 4 * c.usable
	coaches := Part{Criterion: "coaches", Of: ofCoaches, Points: ofCoaches * c.met / conditions,
		Detail: Detail{ConditionsMet: &c.met, Conditions: &conditions}}
	organisation := Part{Criterion: "organisation", Of: ofOrganisation}
	other := c.sector != q.Sector
	organisation.Detail.OtherSector = &other
	if other {
		organisation.Points += ofOtherSector
	}
	organisation.Points += alike(q.Workforce, c.workforce, ofWorkforce, &organisation.Detail.SameWorkforce)
	organisation.Points += alike(band(q.Headcount), band(c.headcount), ofSize, &organisation.Detail.SameSize)
	return []Part{content, distance, availability, coaches, organisation}
}

// alike gives all points to what is the same, none to what differs, and half where it is not known.
func alike[T comparable](a, b *T, of int, same **bool) int {
	if a == nil || b == nil {
		return of / 2
	}
	is := *a == *b
	*same = &is
	if is {
		return of
	}
	return 0
}

// band is the size class of an employer by headcount: micro, small, medium or large (Commission Recommendation
// 2003/361/EC, annex, article 2).
func band(headcount *int) *int {
	if headcount == nil {
		return nil
	}
	n := 0
	for _, from := range []int{10, 50, 250} {
		if *headcount >= from {
			n++
		}
	}
	return &n
}

// apart is the distance as the crow flies between two points in degrees, in hectometres: the haversine on a sphere of
// 6371 km.
func apart(lat1, lon1, lat2, lon2 float64) int {
	const rad = math.Pi / 180
	a, b := math.Sin((lat2-lat1)*rad/2), math.Sin((lon2-lon1)*rad/2)
	h := a*a + math.Cos(lat1*rad)*math.Cos(lat2*rad)*b*b
	return int(math.Round(2 * 63710 * math.Asin(math.Sqrt(min(1, h)))))
}
