// Package survey holds questionnaires: some time after an exchange, one to each of those whom it touched (seed 001,
// section 5.8 Evaluatie en vervolgacties).
package survey

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
)

// Role says as whom somebody is asked.
type Role string // @name SurveyRole

// The roles. The first four are asked after every exchange; colleagues and families as VBJK-VCOK does (seed 001, 5.8).
const (
	Switcher  Role = "switcher"
	Sending   Role = "sending" // the switcher's employer
	Leercoach Role = "leercoach"
	Receiving Role = "receiving" // the employer of the leerplek
	Colleague Role = "colleague" // of the switcher
	Family    Role = "family"    // of those whom the host cares for
)

// Roles lists all roles.
var Roles = []Role{Switcher, Sending, Leercoach, Receiving, Colleague, Family}

// employers reports whether it is an employer that answers in this role, and not a person.
func (r Role) employers() bool { return r == Sending || r == Receiving }

// Mode is how somebody is asked (seed 001, 5.8 "Evalueren kan je op verschillende manieren"). Only who is asked online is
// invited by itself on the day: the others are asked by somebody, who writes their answers down.
type Mode string // @name SurveyMode

// The modes.
const (
	Online         Mode = "online"         // by the link
	FaceToFace     Mode = "face_to_face"   // in a talk, of which somebody writes down the answers
	Terugkommoment Mode = "terugkommoment" // where all come together again
)

// Status is how far a survey is.
type Status string // @name SurveyStatus

// The states.
const (
	Scheduled Status = "scheduled" // its day has not come; who has the link may answer already
	Invited   Status = "invited"
	Answered  Status = "answered"
	Expired   Status = "expired" // nobody answered in time
)

// Statuses lists all states.
var Statuses = []Status{Scheduled, Invited, Answered, Expired}

// action is what can be done to a survey.
type action string

const (
	change action = "change"
	invite action = "invite"
	answer action = "answer"
	expire action = "expire"
)

var actions = []action{change, invite, answer, expire}

// step is what an action comes to in a state: another state (or the same), or a refusal that names the state.
type step struct {
	to     Status
	refuse *fault.Problem
}

func to(s Status) step          { return step{to: s} }
func not(p *fault.Problem) step { return step{refuse: p} }

// transitions holds every pair of state and action.
var transitions = map[Status]map[action]step{
	Scheduled: {change: to(Scheduled), invite: to(Invited), answer: to(Answered), expire: to(Expired)},
	Invited:   {change: not(IsInvited), invite: to(Invited), answer: to(Answered), expire: to(Expired)},
	Answered:  {change: not(IsAnswered), invite: not(IsAnswered), answer: not(IsAnswered), expire: not(IsAnswered)},
	Expired:   {change: not(IsExpired), invite: not(IsExpired), answer: not(IsExpired), expire: to(Expired)},
}

// Survey is one questionnaire to one respondent in one role.
type Survey struct {
	db.Row
	ID                 id.SurveyID `gorm:"primaryKey"`
	LeeruitwisselingID id.LeeruitwisselingID
	Role               Role
	OrganisationID     id.OrganisationID // whose view is asked, or the respondent's employer or host
	MedewerkerID       *id.MedewerkerID  // the respondent, where it is an employee we know
	Status             Status
	InviteOn           day.Date
	Lang               string // nl, fr or en
	Mode               Mode
	Questions          Questions // as they were when it was scheduled
	LinkSealed         []byte    // the token of the link, sealed; nil once it expired
	ExpiresAt          *time.Time
	InvitedAt          *time.Time
	AnsweredAt         *time.Time
}

// TableName is the table of surveys.
func (Survey) TableName() string { return "surveys" }

// Key places a survey in a list.
func (v Survey) Key() (int64, uuid.UUID) { return v.Pos, v.ID.UUID() }

// Bounds say by which columns bound callers find theirs.
func (Survey) Bounds() page.Bounds { return page.OfEmployee("organisation_id", "medewerker_id") }

// state is what the survey is now: one whose time is over has expired, whether or not that was noted yet.
func (v Survey) state(now time.Time) Status {
	if v.open() && v.over(now) {
		return Expired
	}
	return v.Status
}

// over reports whether the time of the survey's link is over.
func (v Survey) over(now time.Time) bool {
	return v.Status == Expired || v.ExpiresAt != nil && !now.Before(*v.ExpiresAt)
}

// open reports whether the survey waits for answers.
func (v Survey) open() bool { return slices.Contains([]Status{Scheduled, Invited}, v.Status) }

// after returns the state that an action leads to now, or the problem that names the present one.
func (v Survey) after(a action, now time.Time) (Status, error) {
	s := transitions[v.state(now)][a]
	if s.refuse != nil {
		return v.Status, s.refuse.New()
	}
	return s.to, nil
}

var (
	// IsInvited says that the respondent was invited already.
	IsInvited = fault.Define(fault.Conflict, "survey-invited", fault.Text{
		EN: "The invitation to this survey has gone out.", NL: "De uitnodiging voor deze bevraging is al vertrokken.",
		FR: "L’invitation à ce questionnaire est déjà partie."})
	// IsAnswered says that a survey was answered: that happens once.
	IsAnswered = fault.Define(fault.Conflict, "survey-answered", fault.Text{
		EN: "This survey has been answered already.", NL: "Deze bevraging is al beantwoord.", FR: "Ce questionnaire a déjà reçu une réponse."})
	// IsExpired says that the time to answer is over.
	IsExpired = fault.Define(fault.Conflict, "survey-expired", fault.Text{
		EN: "The time to answer this survey is over.", NL: "De tijd om deze bevraging te beantwoorden is voorbij.",
		FR: "Le délai de réponse à ce questionnaire est dépassé."})

	unanswered = fault.DefineRule("unanswered", fault.Text{
		EN: "leaves out {question}, which needs an answer", NL: "laat {question} weg, die een antwoord nodig heeft",
		FR: "omet {question}, qui demande une réponse"})
)
