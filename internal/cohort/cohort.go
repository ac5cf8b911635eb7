// Package cohort holds cohorten: the rounds in which an ST-partner brings switchers and leerplekken together, as far as
// matching needs them: who takes part, who is kept apart, and the employers that switchers like best (seed 001, 5.5).
package cohort

import (
	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
)

// Status is how far a cohort is.
type Status string // @name CohortStatus

// The states.
const (
	Draft  Status = "draft"  // being put together: what takes part is not for switchers yet
	Open   Status = "open"   // the kick-off was: switchers see which employers there are, and name those that they like best
	Closed Status = "closed" // over; its leervragen are free for another
)

// Statuses lists all states.
var Statuses = []Status{Draft, Open, Closed}

// action is what can be done to a cohort.
type action string

const (
	toOpen   action = "open"
	toClose  action = "close"
	toChange action = "change" // itself, who takes part, or, by the ST-partner, what they prefer
	toPrefer action = "prefer" // by a switcher, for themselves
)

// transitions says where an action leads from a state; what is missing is not allowed. Closing is final: what its
// leervragen did since then cannot be undone.
var transitions = map[Status]map[action]Status{
	Draft:  {toOpen: Open, toClose: Closed, toChange: Draft},
	Open:   {toOpen: Open, toClose: Closed, toChange: Open, toPrefer: Open},
	Closed: {toClose: Closed},
}

// after is the state to which an action leads, or IsClosed, or NotOpen.
func (s Status) after(a action) (Status, error) {
	if to, ok := transitions[s][a]; ok {
		return to, nil
	}
	if s == Draft {
		return s, NotOpen.New()
	}
	return s, IsClosed.New()
}

// Cohort is one round.
type Cohort struct {
	db.Row
	ID        id.CohortID `gorm:"primaryKey"`
	Name      string
	FromOn    day.Date
	UntilOn   *day.Date
	KickOffOn *day.Date
	Status    Status

	PlannedExchanges *int      // how many leeruitwisselingen the round is planned for
	TerugkommomentOn *day.Date // when all participants come together afterwards
}

// TableName is the table of cohorten.
func (Cohort) TableName() string { return "cohorten" }

// Key places a cohort in a list.
func (c Cohort) Key() (int64, uuid.UUID) { return c.Pos, c.ID.UUID() }

// Bounds say how bound callers find theirs.
func (Cohort) Bounds() page.Bounds {
	return page.OfPerson(`id = any (array(select l.cohort_id from cohort_leervragen l where l.tenant_id = @tenant and l.switcher_id = @medewerker))`)
}

// MaxParticipants is how many leervragen, and how many leerplekken, one cohort takes: what a run can hold in memory.
const MaxParticipants = 50_000

var (
	// IsClosed refuses any change of a cohort that is over.
	IsClosed = fault.Define(fault.Conflict, "cohort-closed", fault.Text{
		EN: "This cohort is closed.", NL: "Deze cohort is afgesloten.", FR: "Cette cohorte est clôturée."})
	// NotOpen tells a switcher that the kick-off is yet to come (seed 001, 5.5: preferences are noted after it).
	NotOpen = fault.Define(fault.Conflict, "cohort-not-open", fault.Text{
		EN: "This cohort is not open yet.", NL: "Deze cohort is nog niet open.", FR: "Cette cohorte n’est pas encore ouverte."})
	// IsFull says that a cohort takes no more participants.
	IsFull = fault.Define(fault.Conflict, "cohort-full", fault.Text{
		EN: "A cohort takes at most {max} leervragen and as many leerplekken.", NL: "Een cohort telt hoogstens {max} leervragen en evenveel leerplekken.",
		FR: "Une cohorte compte au plus {max} leervragen et autant de leerplekken."})

	notSought = fault.DefineRule("not_sought", fault.Text{
		EN: "is {status}: no place is looked for", NL: "is {status}: er wordt geen plek voor gezocht", FR: "est {status} : aucune place n’est cherchée"})
	otherCohort = fault.DefineRule("other_cohort", fault.Text{
		EN: "takes part in another cohort that is not closed", NL: "neemt deel aan een andere cohort die niet afgesloten is",
		FR: "participe à une autre cohorte qui n’est pas clôturée"})
	notOffered = fault.DefineRule("not_offered", fault.Text{
		EN: "is withdrawn", NL: "is ingetrokken", FR: "est retirée"})
	ownEmployer = fault.DefineRule("own_employer", fault.Text{
		EN: "is the switcher's own employer, which only an internal leervraag may go to", NL: "is de eigen werkgever van de switcher, wat alleen voor een interne leervraag kan",
		FR: "est l’employeur même du participant, ce qui n’est permis que pour une question interne"})
	twoDifferent = fault.DefineRule("two_different", fault.Text{
		EN: "names two different employers", NL: "noemt twee verschillende werkgevers", FR: "désigne deux employeurs différents"})

	_ = db.Constraint("cohort_leervragen_running_key", func() *fault.Error { return fault.At("/leervraag_ids", otherCohort) })
)
