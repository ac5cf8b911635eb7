// Package leervraag holds learning questions, from vague to sharp: what an employee wants to learn, on which the search
// for a place is based (seed 001, section 5.3 Identificeren van switchers en leernoden).
package leervraag

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/availability"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
)

// Status is how far a leervraag is.
type Status string // @name LeervraagStatus

// The states. The last five are final: what comes up later is a new leervraag.
const (
	Draft          Status = "draft"           // being talked through
	Open           Status = "open"            // a leerplek is looked for
	Matched        Status = "matched"         // an exchange was agreed; there may be several
	Answered       Status = "answered"        // closed: the switcher learnt it
	PartlyAnswered Status = "partly_answered" // closed: the switcher learnt some of it
	Unanswered     Status = "unanswered"      // closed: the switcher did not learn it
	NotAddressed   Status = "not_addressed"   // closed: no employer opened its doors for it (seed 001, 5.4, on Blenders)
	Withdrawn      Status = "withdrawn"       // not asked any more
)

// Statuses lists all states.
var Statuses = []Status{Draft, Open, Matched, Answered, PartlyAnswered, Unanswered, NotAddressed, Withdrawn}

// Outcomes are the states in which a leervraag is closed.
var Outcomes = []Status{Answered, PartlyAnswered, Unanswered, NotAddressed}

// Closed reports whether it was said what came of the leervraag.
func (s Status) Closed() bool { return slices.Contains(Outcomes, s) }

// action is what can be done to a leervraag.
type action string

const (
	toOpen           action = "open"
	toWithdraw       action = "withdraw"
	toAnswered       action = "close as answered"
	toPartlyAnswered action = "close as partly_answered"
	toUnanswered     action = "close as unanswered"
	toNotAddressed   action = "close as not_addressed"
	toMatch          action = "match"  // an exchange was agreed
	toReopen         action = "reopen" // the last exchange was cancelled
	toSharpen        action = "sharpen"
)

// closing is the action that leads to an outcome.
var closing = map[Status]action{Answered: toAnswered, PartlyAnswered: toPartlyAnswered, Unanswered: toUnanswered, NotAddressed: toNotAddressed}

// transitions says where an action leads from a state; what is missing is not allowed. Where it leads to the state that
// it comes from, nothing happens, except that sharpening changes what is asked.
//
// A draft has not been put to anybody, so it cannot have been answered or not; that nobody would take it up can turn out
// before it is opened. A matched one was taken up, so it is neither withdrawn (the exchange is cancelled first) nor not
// addressed. What people closed or withdrew stays so when an exchange is cancelled after it.
var transitions = map[Status]map[action]Status{
	Draft: {toOpen: Open, toWithdraw: Withdrawn, toNotAddressed: NotAddressed, toSharpen: Draft},
	Open: {toOpen: Open, toWithdraw: Withdrawn, toAnswered: Answered, toPartlyAnswered: PartlyAnswered, toUnanswered: Unanswered,
		toNotAddressed: NotAddressed, toMatch: Matched, toReopen: Open, toSharpen: Open},
	Matched: {toAnswered: Answered, toPartlyAnswered: PartlyAnswered, toUnanswered: Unanswered, toMatch: Matched, toReopen: Open,
		toSharpen: Matched},
	Answered:       {toAnswered: Answered, toReopen: Answered},
	PartlyAnswered: {toPartlyAnswered: PartlyAnswered, toReopen: PartlyAnswered},
	Unanswered:     {toUnanswered: Unanswered, toReopen: Unanswered},
	NotAddressed:   {toNotAddressed: NotAddressed, toReopen: NotAddressed},
	Withdrawn:      {toWithdraw: Withdrawn, toReopen: Withdrawn},
}

// after is the state to which an action leads, or a conflict that names the present one.
func (s Status) after(a action) (Status, error) {
	if to, ok := transitions[s][a]; ok {
		return to, nil
	}
	switch {
	case s == Draft:
		return s, IsDraft.New()
	case s == Matched:
		return s, IsMatched.New()
	case s == Withdrawn:
		return s, IsWithdrawn.New()
	}
	return s, IsClosed.With("outcome", string(s))
}

// Leervraag is one learning question of one employee.
type Leervraag struct {
	db.Row
	ID             id.LeervraagID    `gorm:"primaryKey"`
	OrganisationID id.OrganisationID // the switcher's employer
	SwitcherID     id.MedewerkerID
	Title          string
	Question       string
	Motive         *string    // what brought it up: aanleiding, nieuwsgierigheid, passie
	Goals          db.Strings // SMART where they can be
	Topics         db.Strings // ESCO URIs and words of one's own
	Clarity        string     // vague or clear
	Reach          string     // who is to learn: switcher, team or organisation (seed 001, 5.3 Tips)
	Internal       bool       // looks for another department of the same employer
	SharedText     *string    // what a receiving employer may read before it says yes
	Available      availability.List
	DaysNeeded     int     // of an exchange; so many days in common it takes
	SectorWish     *string // same or other than the own employer's; nil when it does not matter
	Agenda
	InTrainingPlan         *bool                  // of the employer; nil when nobody said
	FromLeeruitwisselingID *id.LeeruitwisselingID // the exchange out of which it came (seed 001, 5.7)
	Status                 Status
	CloseReason            *string
	Version                int // +1 whenever what is asked changes
}

// TableName is the table of learning questions.
func (Leervraag) TableName() string { return "leervragen" }

// Key places a learning question in a list.
func (l Leervraag) Key() (int64, uuid.UUID) { return l.Pos, l.ID.UUID() }

// Bounds say by which columns bound callers find theirs.
func (Leervraag) Bounds() page.Bounds { return page.OfEmployee("organisation_id", "switcher_id") }

// asks reports whether two rows ask the same.
func (l Leervraag) asks(o Leervraag) bool {
	same := func(a, b *string) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }
	return l.Title == o.Title && l.Question == o.Question && same(l.Motive, o.Motive) && slices.Equal(l.Goals, o.Goals) &&
		slices.Equal(l.Topics, o.Topics) && l.Clarity == o.Clarity && same(l.SharedText, o.SharedText) && l.Agenda.equal(o.Agenda)
}

// Version is what a leervraag asked at one time.
type Version struct {
	ID         uuid.UUID // the number as a uuid, by which pages are cut
	Version    int
	ReplacedAt *time.Time // nil for the present one
	Title      string
	Question   string
	Motive     *string
	Goals      db.Strings
	Topics     db.Strings
	Clarity    string
	SharedText *string
	Agenda
}

// Key places a version in a list.
func (v Version) Key() (int64, uuid.UUID) { return int64(v.Version), v.ID }

var (
	// IsDraft refuses what a leervraag must be opened for.
	IsDraft = fault.Define(fault.Conflict, "leervraag-draft", fault.Text{
		EN: "This leervraag is a draft: open it first.", NL: "Deze leervraag is een concept: stel ze eerst open.",
		FR: "Cette leervraag est un brouillon : ouvrez-la d’abord."})
	// IsMatched refuses what an agreed exchange stands in the way of.
	IsMatched = fault.Define(fault.Conflict, "leervraag-matched", fault.Text{
		EN: "This leervraag is matched: an exchange was agreed for it.", NL: "Deze leervraag is gematcht: er is een leeruitwisseling voor afgesproken.",
		FR: "Cette leervraag a trouvé une place : un échange est convenu."})
	// IsClosed refuses any change of a leervraag whose outcome is known.
	IsClosed = fault.Define(fault.Conflict, "leervraag-closed", fault.Text{
		EN: "This leervraag is closed, as {outcome}.", NL: "Deze leervraag is afgesloten, als {outcome}.",
		FR: "Cette leervraag est clôturée, comme {outcome}."})
	// IsWithdrawn refuses any change of a leervraag that is not asked any more.
	IsWithdrawn = fault.Define(fault.Conflict, "leervraag-withdrawn", fault.Text{
		EN: "This leervraag is withdrawn.", NL: "Deze leervraag is ingetrokken.", FR: "Cette leervraag est retirée."})

	switcherEnded = fault.DefineRule("switcher_ended", fault.Text{
		EN: "does not work there any more", NL: "werkt daar niet meer", FR: "n’y travaille plus"})

	_ = db.Constraint("leervragen_from_leeruitwisseling_fkey", func() *fault.Error { return fault.At("/from_leeruitwisseling_id", fault.NoReference) })
	_ = db.Constraint("leervragen_switcher_fkey", func() *fault.Error { return fault.At("/switcher_id", fault.NoReference) })
)
