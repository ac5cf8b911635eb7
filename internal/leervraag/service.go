package leervraag

import (
	"context"

	"github.com/switchingtalent/switchboard/internal/platform/availability"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// Service holds the verbs of learning questions.
type Service struct{}

// Input is what a caller says of a leervraag: whole when it is asked, and as the base of a merge patch.
type Input struct {
	SwitcherID id.MedewerkerID   `json:"switcher_id" binding:"required" example:"mdw_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Title      string            `json:"title" binding:"required" minLength:"1" maxLength:"200" example:"Nederlands op de werkvloer"`
	Question   string            `json:"question" binding:"required" minLength:"1" maxLength:"20000" example:"Hoe kunnen we Nederlands op de werkvloer anders benaderen?"`
	Motive     *string           `json:"motive" maxLength:"5000" extensions:"x-nullable" example:"Nieuwe collega's volgen de briefing niet."`
	Goals      []string          `json:"goals" validate:"max=20" minLength:"1" maxLength:"1000" example:"Twee aanpakken kennen die wij kunnen toepassen"`
	Topics     []string          `json:"topics" validate:"max=50" minLength:"1" maxLength:"200" example:"taalbeleid"`
	Clarity    string            `json:"clarity" binding:"required" enums:"vague,clear" example:"vague"`
	Reach      string            `json:"reach" binding:"required" enums:"switcher,team,organisation" example:"team"`
	Internal   bool              `json:"internal" example:"false"`
	SharedText *string           `json:"shared_text" maxLength:"5000" extensions:"x-nullable" example:"Een ploegleider wil zien hoe u taal oefent tijdens het werk."`
	Available  availability.List `json:"available" validate:"max=20"`
	DaysNeeded int               `json:"days_needed" default:"1" minimum:"1" maximum:"20" example:"2"`
	SectorWish *string           `json:"sector_wish" enums:"same,other" extensions:"x-nullable" example:"other"`

	SmartGoals        SmartGoals `json:"smart_goals" validate:"max=20"`
	Meaning           *string    `json:"meaning" minLength:"1" maxLength:"5000" extensions:"x-nullable" example:"Hoe nieuwe collega's de briefing leren volgen."`
	HowToAnswer       *string    `json:"how_to_answer" minLength:"1" maxLength:"5000" extensions:"x-nullable" example:"Meelopen met een ploeg die taal op de vloer oefent."`
	LearnInGeneral    *string    `json:"learn_in_general" minLength:"1" maxLength:"5000" extensions:"x-nullable" example:"Hoe anderen anderstaligen onthalen."`
	LearnSpecifically *string    `json:"learn_specifically" minLength:"1" maxLength:"5000" extensions:"x-nullable" example:"Hoe je een briefing in klare taal geeft."`
	MustCover         db.Strings `json:"must_cover" validate:"max=20" minLength:"1" maxLength:"1000" example:"de ochtendbriefing"`
	PeopleToMeet      db.Strings `json:"people_to_meet" validate:"max=20" minLength:"1" maxLength:"200" example:"taalcoach"`
	Activities        db.Strings `json:"activities" validate:"max=20" minLength:"1" maxLength:"1000" example:"rondleiding"`
	Content           *string    `json:"content" minLength:"1" maxLength:"5000" extensions:"x-nullable" example:"Klare taal, pictogrammen, meter en peter."`
	Approach          *string    `json:"approach" minLength:"1" maxLength:"5000" extensions:"x-nullable" example:"Eerst kijken, dan zelf een briefing geven."`

	InTrainingPlan         *bool                  `json:"in_training_plan" extensions:"x-nullable" example:"true"`
	FromLeeruitwisselingID *id.LeeruitwisselingID `json:"from_leeruitwisseling_id" extensions:"x-nullable" example:"lui_01jd8m5x9nf3tvhg5w6rkz2c4q"`
} // @name LeervraagInput

func inputOf(l Leervraag) Input {
	return Input{l.SwitcherID, l.Title, l.Question, l.Motive, l.Goals, l.Topics, l.Clarity, l.Reach, l.Internal, l.SharedText, l.Available, l.DaysNeeded, l.SectorWish,
		l.SmartGoals, l.Meaning, l.HowToAnswer, l.LearnInGeneral, l.LearnSpecifically, l.MustCover, l.PeopleToMeet, l.Activities, l.Content, l.Approach,
		l.InTrainingPlan, l.FromLeeruitwisselingID}
}

// onto checks the input and lays it over the row, except for whose question it is.
func (in Input) onto(l *Leervraag) error {
	if err := in.Available.Check("/available"); err != nil {
		return err
	}
	if err := in.SmartGoals.check(in.Goals, l.SmartGoals); err != nil {
		return err
	}
	l.Title, l.Question, l.Motive, l.Goals, l.Topics, l.Clarity = in.Title, in.Question, in.Motive, in.Goals, in.Topics, in.Clarity
	l.Reach, l.Internal, l.SharedText, l.Available = in.Reach, in.Internal, in.SharedText, in.Available
	l.DaysNeeded, l.SectorWish, l.InTrainingPlan, l.FromLeeruitwisselingID = in.DaysNeeded, in.SectorWish, in.InTrainingPlan, in.FromLeeruitwisselingID
	l.Agenda = Agenda{in.SmartGoals, in.Meaning, in.HowToAnswer, in.LearnInGeneral, in.LearnSpecifically, in.MustCover, in.PeopleToMeet,
		in.Activities, in.Content, in.Approach}
	return nil
}

// Create writes down a leervraag of an employee, as a draft for the employee's own employer. Whoever cannot be seen, and
// whoever does not work there any more, asks nothing; the last day counts in the tenant's own zone.
func (s Service) Create(_ context.Context, tx *db.Tx, in Input) (Leervraag, error) {
	l := Leervraag{ID: id.NewLeervraag(), SwitcherID: in.SwitcherID, Status: Draft, Version: 1}
	var switcher struct {
		OrganisationID id.OrganisationID
		Ended          bool
	}
	err := db.One(tx, &switcher, `select m.organisation_id, coalesce(m.ended_on <= (? at time zone t.zone)::date, false) as ended
		from medewerkers m join tenants t on t.tenant_id = m.tenant_id where m.tenant_id = ? and m.id = ?`, tx.Now, tx.Scope.Tenant, in.SwitcherID)
	switch {
	case fault.Missing.Is(err):
		return l, fault.At("/switcher_id", fault.NoReference)
	case err != nil:
		return l, err
	case switcher.Ended:
		return l, fault.At("/switcher_id", switcherEnded)
	}
	l.OrganisationID = switcher.OrganisationID
	if err := in.onto(&l); err != nil {
		return l, err
	}
	if err := cameFrom(tx, Leervraag{}, l); err != nil {
		return l, err
	}
	if err := db.Insert(tx, &l); err != nil {
		return l, err
	}
	return l, record(tx, Created, l)
}

// cameFrom refuses an exchange that the caller cannot see, or in which the leervraag's employer had no part: new questions
// come up with switchers, with leercoaches, and with their colleagues (seed 001, 5.7 and 5.8).
func cameFrom(tx *db.Tx, before, l Leervraag) error {
	if l.FromLeeruitwisselingID == nil || before.FromLeeruitwisselingID != nil && *before.FromLeeruitwisselingID == *l.FromLeeruitwisselingID {
		return nil
	}
	var known bool
	err := tx.Select(&known, `select exists (select 1 from leeruitwisselingen where tenant_id = ? and id = ? and ? in (sending_organisation_id, receiving_organisation_id))`,
		tx.Scope.Tenant, *l.FromLeeruitwisselingID, l.OrganisationID)
	if err == nil && !known {
		return fault.At("/from_leeruitwisseling_id", fault.NoReference)
	}
	return err
}

// Update applies a change to a leervraag. What it asked before is kept as a version. Nothing changed means no revision
// and no fact; a closed or withdrawn one is refused.
func (s Service) Update(ctx context.Context, tx *db.Tx, lid id.LeervraagID, check func(Leervraag) error, apply func(*Input) error) (Leervraag, error) {
	before, err := s.Lock(ctx, tx, lid)
	if err != nil {
		return before, err
	}
	if err := check(before); err != nil {
		return before, err
	}
	if _, err := before.Status.after(toSharpen); err != nil {
		return before, err
	}
	in := inputOf(before)
	if err := apply(&in); err != nil {
		return before, err
	}
	if in.SwitcherID != before.SwitcherID {
		return before, fault.At("/switcher_id", fault.Fixed)
	}
	after := before
	if err := in.onto(&after); err != nil {
		return before, err
	}
	if err := cameFrom(tx, before, after); err != nil {
		return before, err
	}
	t := Updated
	if !after.asks(before) {
		t = Sharpened
		after.Version++
		if err := keep(tx, before.ID); err != nil {
			return before, err
		}
	}
	changed, err := db.Change(tx, before, &after)
	if err != nil || !changed {
		return after, err
	}
	return after, record(tx, t, after)
}

// asked are the columns that leervragen and leervraag_versions share.
const asked = `title, question, motive, goals, topics, clarity, shared_text, smart_goals, meaning, how_to_answer, learn_in_general, learn_specifically,
	must_cover, people_to_meet, activities, content, approach`

// keep writes what a leervraag asks now to its history.
func keep(tx *db.Tx, lid id.LeervraagID) error {
	_, err := tx.Run(`insert into leervraag_versions (tenant_id, leervraag_id, organisation_id, switcher_id, version, at, changed_by,
			`+asked+`)
		select tenant_id, id, organisation_id, switcher_id, version, ?, ?, `+asked+`
		from leervragen where tenant_id = ? and id = ?`, tx.Now, tx.Actor, tx.Scope.Tenant, lid)
	return err
}

// Lock reads a leervraag and keeps it from changing until the transaction ends, or returns fault.Missing.
func (s Service) Lock(_ context.Context, tx *db.Tx, lid id.LeervraagID) (Leervraag, error) {
	return db.Lock[Leervraag](tx, lid)
}

// Open lets a place be looked for.
func (s Service) Open(ctx context.Context, tx *db.Tx, lid id.LeervraagID) (Leervraag, error) {
	l, err := s.Lock(ctx, tx, lid)
	if err != nil {
		return l, err
	}
	return move(tx, l, toOpen, nil)
}

// Withdraw says that it is not asked any more.
func (s Service) Withdraw(ctx context.Context, tx *db.Tx, lid id.LeervraagID) (Leervraag, error) {
	l, err := s.Lock(ctx, tx, lid)
	if err != nil {
		return l, err
	}
	return move(tx, l, toWithdraw, nil)
}

// Close says what came of a leervraag: one of Outcomes, and why.
func (s Service) Close(ctx context.Context, tx *db.Tx, lid id.LeervraagID, outcome Status, reason *string) (Leervraag, error) {
	l, err := s.Lock(ctx, tx, lid)
	if err != nil {
		return l, err
	}
	return move(tx, l, closing[outcome], reason)
}

// MarkMatched says that an exchange was agreed for a locked leervraag.
func (s Service) MarkMatched(_ context.Context, tx *db.Tx, l Leervraag) (Leervraag, error) {
	return move(tx, l, toMatch, nil)
}

// Reopen says that no agreed exchange is left for a locked leervraag, because the last was cancelled. What was closed or
// withdrawn stays so.
func (s Service) Reopen(_ context.Context, tx *db.Tx, l Leervraag) (Leervraag, error) {
	return move(tx, l, toReopen, nil)
}

// moved is what the audit table keeps of an end that somebody decided.
type moved struct {
	From Status `json:"from"`
	To   Status `json:"to"`
}

// move brings a locked leervraag to the state that an action leads to. Where it is already, nothing changes and there is
// no second fact; the reason of the first time stands.
func move(tx *db.Tx, before Leervraag, a action, reason *string) (Leervraag, error) {
	to, err := before.Status.after(a)
	if err != nil || to == before.Status {
		return before, err
	}
	after := before
	after.Status, after.CloseReason = to, reason
	if _, err := db.Change(tx, before, &after); err != nil {
		return after, err
	}
	t, audited := Updated, ""
	switch {
	case to.Closed():
		t, audited = WasClosed, "leervraag.close"
	case to == Withdrawn:
		audited = "leervraag.withdraw"
	}
	if audited != "" {
		if err := fact.Audit(tx, audited, after.ID, moved{before.Status, to}); err != nil {
			return after, err
		}
	}
	return after, record(tx, t, after)
}

// Get reads a leervraag, or returns fault.Missing.
func (s Service) Get(tx *db.Tx, lid id.LeervraagID) (Leervraag, error) {
	return db.Get[Leervraag](tx, lid)
}
