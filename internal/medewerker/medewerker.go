// Package medewerker holds employees: whoever becomes a switcher, a leercoach, or both over time (seed 001, section 5.3
// Identificeren van switchers, 5.4 Identificeren van leercoaches).
package medewerker

import (
	"regexp"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/external"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
)

// Employment is on what footing somebody works for the employer (seed 001, 5.2: freelancers, bijberoepen, interimmers,
// gedetacheerden, ge-outsourceden).
type Employment string // @name Employment

// The forms of employment.
const (
	Employee     Employment = "employee"      // on the employer's own payroll
	SelfEmployed Employment = "self_employed" // beside another occupation
	Freelance    Employment = "freelance"
	Agency       Employment = "agency"     // interim
	Seconded     Employment = "seconded"   // lent by another employer
	Outsourced   Employment = "outsourced" // there for a contractor
)

// Medewerker is one person at one employer. Whoever changes employers is a new medewerker there: what was learnt, and
// for whom, stays where it was.
type Medewerker struct {
	db.Row
	ID                   id.MedewerkerID `gorm:"primaryKey"`
	OrganisationID       id.OrganisationID
	SiteID               *id.SiteID       // where they work; of the same employer
	DepartmentID         *id.DepartmentID // of the same employer
	GivenName            string
	FamilyName           string
	Email                *string
	JobTitle             string
	Employment           Employment
	Language             string // ISO 639-1, in which they are written to
	HomePostcode         *string
	MaxTravelKm          *int // one way
	NeedsPublicTransport bool
	MeetsRequirements    *db.Strings   // of leerplekken, in their own words; nil when nobody said
	CoachingLimit        *int          // exchanges at the same time that they coach at most; nil when they named none
	YearlyCoachingLimit  *int          // exchanges that they coach at most of those that begin in one calendar year; nil when they named none
	ExternalIDs          external.List `gorm:"column:external_ids"`
	EndedOn              *day.Date     // the last day at this employer
	EmployedSinceOn      *day.Date     // the first day at this employer: how long they work there (seed 001, 5.2)
	Talents              db.Strings    // "Waar ben je sterk in?" (seed 001, 5.5)
	LearningNeeds        db.Strings    // leernoden, before they are leervragen
	Motivation           *string       // out of which curiosity, occasion or passion they want to learn (seed 001, 5.3)
	WorkPostcode         *string       // where they really work, when that is not at their site
}

// TableName is the table of employees.
func (Medewerker) TableName() string { return "medewerkers" }

// Key places an employee in a list.
func (m Medewerker) Key() (int64, uuid.UUID) { return m.Pos, m.ID.UUID() }

// Bounds say by which columns bound callers find theirs.
func (Medewerker) Bounds() page.Bounds { return page.OfEmployee("organisation_id", "id") }

// Ended reports whether on this day nobody may begin anything with them any more, as switcher or as leercoach. It holds
// from their last day on: what begins that day would be of no use.
func (m Medewerker) Ended(on day.Date) bool { return m.EndedOn != nil && !m.EndedOn.After(on) }

var (
	_ = db.Constraint("medewerkers_organisation_fkey", func() *fault.Error { return fault.At("/organisation_id", fault.NoReference) })
	_ = db.Constraint("medewerkers_site_fkey", func() *fault.Error { return fault.At("/site_id", fault.NoReference) })
	_ = db.Constraint("medewerkers_department_fkey", func() *fault.Error { return fault.At("/department_id", fault.NoReference) })
)

var language = regexp.MustCompile(`^[a-z]{2}$`)
