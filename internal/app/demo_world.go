package app

// The world of the demo: two ST-partners with their employers, told in the examples of the method (seed 001: a pharmacist in
// a residential care centre, a builder at a social-economy firm, two childcare centres, HR people, and the leervragen of
// 5.3), with names that are plainly made up.

type demoTenant struct {
	slug, name string
	cohort     string
	before     string // the round before it, which is closed
	employers  []demoEmployer
	details    []demoDetail // of each employer
	prospects  []demoProspect
	journeys   []demoJourney
	asks       []demoAsk   // of the round after this one
	offers     []demoOffer // for it
	hr         int         // whose HR software gets a client, by its place in employers
	rivals     [2]int      // an employer, and the prospect of the same trade with whom nobody switches
}

type demoEmployer struct {
	name, kind, sector, workforce string
	group, siteKind, placeKind    string
	headcount                     int
	postcode, municipality        string
	latitude, longitude           float64
	department, closed, why       string // where switchers are welcome; where not, and why
	contact, family               string // who is spoken to
	function, profile             string
	values, strengths, weaker     []string
	need, result                  string
	note                          string // of the last conversation
	wear, bring                   string // bring is empty where nothing special is needed
	safety, travel, openness      string
}

// demoProspect is an employer that does not take part, or not now.
type demoProspect struct{ name, kind, sector, stage, note string }

type demoPerson struct {
	given, job    string
	since         int    // the year in which they came
	talent, wants string // either may be empty
}

// demoEnd is how far a journey came.
type demoEnd int

const (
	isVague      demoEnd = iota // a leervraag in draft
	isUnplaced                  // no employer opened its doors for it
	isSought                    // takes part in the cohort
	isProposed                  // waits for the host
	isDeclined                  // the host said no
	isLapsed                    // the leervraag was withdrawn before the host decided
	isPreparing                 // days are provisional
	isPlanned                   // everything is settled
	isStarted                   // after the first of two days
	isCancelled                 // called off once it was planned
	isAnswered                  // completed, with all that comes of it
	isPartly                    // completed, and the hours corrected
	isUnanswered                // of the round before, with another lesson than was looked for
)

type demoJourney struct {
	end              demoEnd
	from, to         int // places in employers
	switcher, coach  demoPerson
	title, question  string
	motive, shared   string
	goals, topics    []string
	measure          string // of the first goal
	place, offer     string
	activities, meet []string
	talk             string    // what the kennismakingsgesprek came to
	why              string    // it was declined, cancelled, withdrawn, or not (wholly) answered
	calledOff        [2]string // of a cancelled one: the reason, and by which party
	learnt, lesson   string    // of a completed one: what was learnt, and what is done with it
	seen             string    // and what the leercoach saw
}

// demoFamily is the family name of the nth of those who learn and coach: one of 64 that nobody bears.
func demoFamily(n int) string {
	first := []string{"Maan", "Wolken", "Kiezel", "Distel", "Kruimel", "Schelpen", "Krekel", "Vlinder"}
	last := []string{"veer", "pad", "boog", "blad", "lantaarn", "sprong", "kist", "touw"}
	return first[n%8] + last[(n/8+n)%8]
}

var demoWorld = []demoTenant{demoCare, demoNetwork}
