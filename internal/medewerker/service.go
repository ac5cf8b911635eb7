package medewerker

import (
	"context"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/external"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// Service holds the verbs of employees.
type Service struct{}

// Input is what a caller says of an employee: whole when they are added, and as the base of a merge patch.
type Input struct {
	OrganisationID id.OrganisationID `json:"organisation_id" binding:"required" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Content
} // @name MedewerkerInput

// Content is Input without the employer, which never changes.
type Content struct {
	SiteID               *id.SiteID       `json:"site_id" extensions:"x-nullable" example:"sit_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	DepartmentID         *id.DepartmentID `json:"department_id" extensions:"x-nullable" example:"dep_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	GivenName            string           `json:"given_name" binding:"required" minLength:"1" maxLength:"200" example:"Noor"`
	FamilyName           string           `json:"family_name" binding:"required" minLength:"1" maxLength:"200" example:"Voorbeeld"`
	Email                *string          `json:"email" format:"email" maxLength:"254" extensions:"x-nullable" example:"noor@delinde.example"`
	JobTitle             string           `json:"job_title" binding:"required" minLength:"1" maxLength:"200" example:"apotheker"`
	Employment           Employment       `json:"employment" binding:"required" enums:"employee,self_employed,freelance,agency,seconded,outsourced" example:"employee"`
	Language             string           `json:"language" default:"nl" minLength:"2" maxLength:"2" extensions:"x-pattern=^[a-z]{2}$" example:"nl"`
	HomePostcode         *string          `json:"home_postcode" maxLength:"20" extensions:"x-nullable" example:"9000"`
	MaxTravelKm          *int             `json:"max_travel_km" minimum:"0" maximum:"1000" extensions:"x-nullable" example:"40"`
	NeedsPublicTransport bool             `json:"needs_public_transport" example:"false"`
	MeetsRequirements    *db.Strings      `json:"meets_requirements" swaggertype:"array,string" validate:"max=50" minLength:"1" maxLength:"500" extensions:"x-nullable" example:"VCA-attest"`
	CoachingLimit        *int             `json:"coaching_limit" minimum:"0" maximum:"1000" extensions:"x-nullable" example:"2"`
	YearlyCoachingLimit  *int             `json:"yearly_coaching_limit" minimum:"0" maximum:"1000" extensions:"x-nullable" example:"6"`
	ExternalIDs          external.List    `json:"external_ids" validate:"max=20"`
	EndedOn              *day.Date        `json:"ended_on" extensions:"x-nullable" example:"2027-12-31"`
	EmployedSinceOn      *day.Date        `json:"employed_since_on" extensions:"x-nullable" example:"2019-09-01"`
	Talents              db.Strings       `json:"talents" validate:"max=20" minLength:"1" maxLength:"500" example:"rustig uitleggen"`
	LearningNeeds        db.Strings       `json:"learning_needs" validate:"max=20" minLength:"1" maxLength:"500" example:"medicatie klaarzetten"`
	Motivation           *string          `json:"motivation" minLength:"1" maxLength:"5000" extensions:"x-nullable" example:"Nieuwsgierig naar hoe het elders gaat."`
	WorkPostcode         *string          `json:"work_postcode" minLength:"1" maxLength:"20" extensions:"x-nullable" example:"9030"`
} // @name MedewerkerContent

func inputOf(m Medewerker) Input {
	return Input{m.OrganisationID, Content{m.SiteID, m.DepartmentID, m.GivenName, m.FamilyName, m.Email, m.JobTitle, m.Employment, m.Language,
		m.HomePostcode, m.MaxTravelKm, m.NeedsPublicTransport, m.MeetsRequirements, m.CoachingLimit, m.YearlyCoachingLimit, m.ExternalIDs, m.EndedOn,
		m.EmployedSinceOn, m.Talents, m.LearningNeeds, m.Motivation, m.WorkPostcode}}
}

// onto checks the content and lays it over the row.
func (c Content) onto(m *Medewerker) error {
	if !language.MatchString(c.Language) {
		return fault.At("/language", fault.BadFormat, "format", "two lower-case letters of ISO 639-1")
	}
	if err := external.Check("/external_ids", c.ExternalIDs); err != nil {
		return err
	}
	if c.EmployedSinceOn != nil && c.EndedOn != nil && c.EmployedSinceOn.After(*c.EndedOn) {
		return fault.At("/ended_on", fault.BadOrder, "other", "employed_since_on")
	}
	m.SiteID, m.DepartmentID, m.GivenName, m.FamilyName, m.Email = c.SiteID, c.DepartmentID, c.GivenName, c.FamilyName, c.Email
	m.JobTitle, m.Employment, m.Language, m.HomePostcode = c.JobTitle, c.Employment, c.Language, c.HomePostcode
	m.MaxTravelKm, m.NeedsPublicTransport, m.EndedOn = c.MaxTravelKm, c.NeedsPublicTransport, c.EndedOn
	m.MeetsRequirements, m.CoachingLimit, m.YearlyCoachingLimit = c.MeetsRequirements, c.CoachingLimit, c.YearlyCoachingLimit
	m.EmployedSinceOn, m.Talents, m.LearningNeeds = c.EmployedSinceOn, c.Talents, c.LearningNeeds
	m.Motivation, m.WorkPostcode = c.Motivation, c.WorkPostcode
	m.ExternalIDs = external.Merge(nil, c.ExternalIDs)
	return nil
}

// mayWrite refuses callers who are bound to one employee: what an employer says of its people is not theirs to change.
func mayWrite(tx *db.Tx) error {
	if tx.Scope.Kind == db.ScopeMedewerker {
		return fault.NotAllowed.New()
	}
	return nil
}

// Create adds an employee to an employer, which for a bound caller is its own.
func (s Service) Create(_ context.Context, tx *db.Tx, in Input) (Medewerker, error) {
	m := Medewerker{ID: id.NewMedewerker(), OrganisationID: in.OrganisationID}
	if err := mayWrite(tx); err != nil {
		return m, err
	}
	if tx.Scope.Kind == db.ScopeOrganisation && in.OrganisationID.UUID() != tx.Scope.Organisation {
		return m, fault.At("/organisation_id", fault.NoReference)
	}
	if err := in.onto(&m); err != nil {
		return m, err
	}
	if err := db.Insert(tx, &m); err != nil {
		return m, err
	}
	if err := external.Set(tx, "medewerker", m.OrganisationID.UUID(), m.ID.UUID(), nil, m.ExternalIDs); err != nil {
		return m, err
	}
	return m, record(tx, Created, m)
}

// Get reads an employee, or returns fault.Missing.
func (s Service) Get(tx *db.Tx, mid id.MedewerkerID) (Medewerker, error) {
	return db.Get[Medewerker](tx, mid)
}

// Update applies a change to an employee. Another employer is refused, and nothing changed means no revision and no
// fact.
func (s Service) Update(_ context.Context, tx *db.Tx, mid id.MedewerkerID, check func(Medewerker) error, apply func(*Input) error) (Medewerker, error) {
	before, err := db.Lock[Medewerker](tx, mid)
	if err != nil {
		return before, err
	}
	if err := mayWrite(tx); err != nil {
		return before, err
	}
	if err := check(before); err != nil {
		return before, err
	}
	in := inputOf(before)
	if err := apply(&in); err != nil {
		return before, err
	}
	if in.OrganisationID != before.OrganisationID {
		return before, fault.At("/organisation_id", fault.Fixed)
	}
	after := before
	if err := in.onto(&after); err != nil {
		return before, err
	}
	changed, err := db.Change(tx, before, &after)
	if err != nil || !changed {
		return after, err
	}
	if err := external.Set(tx, "medewerker", after.OrganisationID.UUID(), mid.UUID(), before.ExternalIDs, after.ExternalIDs); err != nil {
		return after, err
	}
	return after, record(tx, Updated, after)
}
