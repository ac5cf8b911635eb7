// Package organisation holds employers: their sites, departments, contacts, and how far they are on the way to
// exchanging employees (seed 001, sections 5.1 to 5.3).
package organisation

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/external"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
)

// Stage is where an employer stands in the pipeline (seed 001, 5.1 Informeren to 5.3 Identificeren).
type Stage string

// The stages.
const (
	Informed   Stage = "informed"   // has heard of it
	Interested Stage = "interested" // showed interest
	Intake     Stage = "intake"     // the intake conversation is going on
	Engaged    Stage = "engaged"    // committed to exchanges: in the poule
	Paused     Stage = "paused"     // not now
	Stopped    Stage = "stopped"    // not any more
)

// Stages lists all stages.
var Stages = []Stage{Informed, Interested, Intake, Engaged, Paused, Stopped}

// transitions says which stage may follow which. Staying where one is changes nothing and is always allowed.
var transitions = map[Stage][]Stage{
	Informed:   {Interested, Intake, Engaged, Paused, Stopped},
	Interested: {Intake, Engaged, Paused, Stopped},
	Intake:     {Interested, Engaged, Paused, Stopped},
	Engaged:    {Paused, Stopped},
	Paused:     {Interested, Intake, Engaged, Stopped},
	Stopped:    {Informed, Interested, Intake},
}

// Organisation is one employer.
type Organisation struct {
	db.Row
	ID               id.OrganisationID `gorm:"primaryKey"`
	Name             string
	EnterpriseNumber *string // 0123.456.749, of the Crossroads Bank for Enterprises
	Kind             string
	Sector           string
	Workforce        *string
	Headcount        *int
	Stage            Stage
	ExternalIDs      external.List      `gorm:"column:external_ids"`
	Maatwerkbedrijf  bool               // recognised under the Flemish decree of 12 July 2013; of the social economy
	SectorGroup      *string            // care, childcare or other, beside the sector in free text
	SME              *bool              `gorm:"column:sme"` // as said; see Small
	WillingToSend    *bool              // the poule (seed 001, 5.2): would let employees learn elsewhere; nil while nobody asked
	WillingToHost    *bool              // would receive those of others
	FormerID         *id.OrganisationID // of one that was merged: the id that callers knew it by
	MergedIntoID     *id.OrganisationID
}

// TableName is the table of employers.
func (Organisation) TableName() string { return "organisations" }

// Key places an employer in a list.
func (o Organisation) Key() (int64, uuid.UUID) { return o.Pos, o.ID.UUID() }

// Bounds say by which columns bound callers find theirs.
func (Organisation) Bounds() page.Bounds { return page.OfStaff("id") }

// Small reports whether the employer is a KMO: as it says itself, or else by its headcount, below 250 (Recommendation
// 2003/361/EC, annex, article 2; turnover and balance are not asked). What public bodies control is none, however small
// (article 3(4)), unless it says so itself. It is nil when nothing of this is known.
func (o Organisation) Small() *bool {
	if o.SME != nil || o.Headcount == nil && o.Kind != "public" {
		return o.SME
	}
	small := o.Kind != "public" && *o.Headcount < 250
	return &small
}

// Site is a place where the employer works: an office, a plant, a shop (seed 001, "Waar zijn hun sites").
type Site struct {
	db.Row
	ID                  id.SiteID `gorm:"primaryKey"`
	OrganisationID      id.OrganisationID
	Name                string
	Street              string
	Postcode            string
	Municipality        string
	Latitude, Longitude *float64 // degrees, WGS 84; both or neither
	PublicTransport     bool     // can be reached without a car
	Kind                *string  // office, production, distribution, shop, … (seed 001, section 4)
	BusinessPark        *string  // the bedrijventerrein that it stands on
}

// TableName is the table of sites.
func (Site) TableName() string { return "sites" }

// Key places a site in a list.
func (s Site) Key() (int64, uuid.UUID) { return s.Pos, s.ID.UUID() }

// Department is a part of the employer, open to switchers or not (seed 001, 5.4: excluded departments and functions).
type Department struct {
	db.Row
	ID                id.DepartmentID `gorm:"primaryKey"`
	OrganisationID    id.OrganisationID
	Name              string
	OpenToSwitchers   bool
	ExcludedFunctions db.Strings
	Reason            *string
}

// TableName is the table of departments.
func (Department) TableName() string { return "departments" }

// Key places a department in a list.
func (d Department) Key() (int64, uuid.UUID) { return d.Pos, d.ID.UUID() }

// Contact is a person to speak to: who decides, and who follows up in practice (seed 001, 5.1 Doelgroepen).
type Contact struct {
	db.Row
	ID             id.ContactID `gorm:"primaryKey"`
	OrganisationID id.OrganisationID
	Name           string
	Email          *string
	Phone          *string
	Function       string
	Profile        *string // from owner (zaakvoerder) to employee (medewerker)
	Decides        bool
	FollowsUp      bool
}

// TableName is the table of contacts.
func (Contact) TableName() string { return "contacts" }

// Key places a contact in a list.
func (c Contact) Key() (int64, uuid.UUID) { return c.Pos, c.ID.UUID() }

// Bounds say by which columns bound callers find theirs.
func (Contact) Bounds() page.Bounds { return page.OfEmployer("organisation_id") }

var (
	// StageNotAllowed says that a stage cannot follow the present one.
	StageNotAllowed = fault.Define(fault.Conflict, "organisation-stage", fault.Text{
		EN: "An employer that is {from} cannot become {to}.", NL: "Een werkgever die {from} is, kan niet {to} worden.",
		FR: "Un employeur {from} ne peut pas devenir {to}."})
	numberTaken = fault.Define(fault.Conflict, "enterprise-number-taken", fault.Text{
		EN: "Another employer has this enterprise number.", NL: "Een andere werkgever heeft dit ondernemingsnummer.",
		FR: "Un autre employeur a ce numéro d’entreprise."})
	checkDigits = fault.DefineRule("check_digits", fault.Text{
		EN: "is not a valid enterprise number", NL: "is geen geldig ondernemingsnummer", FR: "n’est pas un numéro d’entreprise valide"})
	ofSocialEconomy = fault.DefineRule("social_economy_only", fault.Text{
		EN: "goes with kind social_economy alone", NL: "kan alleen bij kind social_economy", FR: "ne va qu’avec kind social_economy"})
	bothOrNeither = fault.DefineRule("both_or_neither", fault.Text{
		EN: "goes together with {other}", NL: "hoort samen met {other}", FR: "va de pair avec {other}"})

	_ = db.Constraint("organisations_enterprise_number_key", func() *fault.Error { return numberTaken.New() })
	_ = db.Constraint("sites_organisation_fkey", func() *fault.Error { return fault.Missing.New() })
	_ = db.Constraint("departments_organisation_fkey", func() *fault.Error { return fault.Missing.New() })
	_ = db.Constraint("contacts_organisation_fkey", func() *fault.Error { return fault.Missing.New() })
	_ = db.Constraint("webhook_endpoints_organisation_fkey", func() *fault.Error { return fault.At("/organisation_id", fault.NoReference) })
)

var enterpriseNumber = regexp.MustCompile(`^(?:BE ?)?([01][0-9]{3})\.?([0-9]{3})\.?([0-9]{3})$`)

// normalNumber writes an enterprise number as 0123.456.749, or reports that its form or check digits are wrong: the last
// two are 97 minus the remainder of the first eight (Royal Decree of 24 June 2003, article 2).
func normalNumber(s string) (string, bool) {
	m := enterpriseNumber.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return "", false
	}
	digits := m[1] + m[2] + m[3]
	n, _ := strconv.Atoi(digits[:8])
	check, _ := strconv.Atoi(digits[8:])
	return m[1] + "." + m[2] + "." + m[3], 97-n%97 == check
}
