// Package leerplek holds places to learn: a department, function or team at a physical place, with the leercoaches who
// receive a switcher there (seed 001, 5.4 Identificeren van leerplekken en leercoaches).
package leerplek

import (
	"strconv"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/availability"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
)

// Status is how far a leerplek is on its way to switchers. Whether it is full is computed: see Leerplek.Free.
type Status string // @name LeerplekStatus

// The statuses.
const (
	Draft     Status = "draft"     // being written; its own employer and the ST-partner see it
	Published Status = "published" // offered: every employer of the tenant sees it
	Withdrawn Status = "withdrawn" // not offered any more; exchanges that began there go on
)

// Statuses lists all statuses.
var Statuses = []Status{Draft, Published, Withdrawn}

// action is what changes a status.
type action string

const (
	publish  action = "publish"
	withdraw action = "withdraw"
)

var actions = []action{publish, withdraw}

// transitions says where an action leads. Every action is allowed everywhere: a withdrawn leerplek may be offered again,
// and an action whose outcome is there already changes nothing.
var transitions = map[Status]map[action]Status{
	Draft:     {publish: Published, withdraw: Withdrawn},
	Published: {publish: Published, withdraw: Withdrawn},
	Withdrawn: {publish: Published, withdraw: Withdrawn},
}

// Leerplek is one place to learn.
type Leerplek struct {
	db.Row
	ID             id.LeerplekID `gorm:"primaryKey"`
	OrganisationID id.OrganisationID
	SiteID         *id.SiteID
	DepartmentID   *id.DepartmentID
	MeetingPoint   *string
	Function       *string
	Title          string
	Description    string
	Topics         db.Strings
	Capacity       int // exchanges at the same time
	Available      availability.List
	Requirements   db.Strings
	Languages      db.Strings // spoken there, ISO 639-1; none: not said
	Sourcing       string     // how it was found: supply, demand or cocreation (seed 001, 5.4)
	SafetyNote     *string
	Team           *string    // that receives the switcher
	PlaceKind      *string    // office, warehouse, workshop, shop or other: the physical place (seed 001, 5.4)
	Accessibility  *string    // how to get there: bereikbaarheid
	Exclusions     db.Strings // what of the place is not shown: privacy, money, know-how (seed 001, 5.4 Tip)
	Status         Status

	// What Get, Lock and lists read along. Of another employer's leerplek a bound caller sees no leercoaches.
	LeercoachIDs db.IDs[id.MedewerkerID] `gorm:"->"` // the first one leads
	Active       int                     `gorm:"->"` // exchanges in preparation, planned or in progress
}

// TableName is the table of leerplekken.
func (Leerplek) TableName() string { return "leerplekken" }

// Key places a leerplek in a list.
func (l Leerplek) Key() (int64, uuid.UUID) { return l.Pos, l.ID.UUID() }

// Bounds say by which columns bound callers find theirs.
func (Leerplek) Bounds() page.Bounds { return page.OfShared("organisation_id", string(Published)) }

// Free is for how many more exchanges there is room now, 0 when it is full.
func (l Leerplek) Free() int { return max(0, l.Capacity-l.Active) }

// Conditions are what seed 001, 5.4, asks of a leercoach besides being employed at the receiving employer: answered yes,
// no, or not yet (nil).
type Conditions struct {
	Voluntary    *bool `json:"voluntary" extensions:"x-nullable" example:"true"`     // coaches of their own free will
	HasTime      *bool `json:"has_time" extensions:"x-nullable" example:"true"`      // gets room and time to prepare, receive and evaluate
	KnowsRole    *bool `json:"knows_role" extensions:"x-nullable" example:"true"`    // knows the role, the expectations and the leervraag
	HasExpertise *bool `json:"has_expertise" extensions:"x-nullable" example:"true"` // has the trade and the coaching skills
}

// each calls f for every condition, in the order of the seed.
func (c Conditions) each(f func(name string, answer *bool)) {
	f("voluntary", c.Voluntary)
	f("has_time", c.HasTime)
	f("knows_role", c.KnowsRole)
	f("has_expertise", c.HasExpertise)
}

// Coach is a leercoach of one leerplek.
type Coach struct {
	LeerplekID     id.LeerplekID
	OrganisationID id.OrganisationID
	MedewerkerID   id.MedewerkerID
	Place          int // 1 leads
	Conditions
	Preparation
	Employed bool // still at the employer today
}

// Warning is what does not stop a leerplek from being published, but is better settled first.
type Warning struct {
	Pointer string
	Rule    *fault.Rule
	Params  map[string]string
}

var (
	// NotReady says that a leerplek cannot be published, and names what is missing.
	NotReady = fault.Define(fault.Conflict, "leerplek-not-ready", fault.Text{
		EN: "This leerplek cannot be published yet.", NL: "Deze leerplek kan nog niet gepubliceerd worden.",
		FR: "Ce leerplek ne peut pas encore être publié."})

	notEmployed = fault.DefineRule("leercoach_not_employed", fault.Text{
		EN: "is not employed at this employer", NL: "is niet tewerkgesteld bij deze werkgever", FR: "n’est pas employé chez cet employeur"})
	conditionNo = fault.DefineRule("leercoach_condition_no", fault.Text{
		EN: "does not meet a condition of a leercoach: {condition}", NL: "voldoet niet aan een voorwaarde voor een leercoach: {condition}",
		FR: "ne remplit pas une condition d’un leercoach : {condition}"})
	conditionOpen = fault.DefineRule("leercoach_condition_open", fault.Text{
		EN: "has not answered a condition of a leercoach yet: {condition}", NL: "heeft een voorwaarde voor een leercoach nog niet beantwoord: {condition}",
		FR: "n’a pas encore répondu à une condition d’un leercoach : {condition}"})
	excludedDepartment = fault.DefineRule("department_excluded", fault.Text{
		EN: "is a department that is not open to switchers", NL: "is een afdeling die niet openstaat voor switchers",
		FR: "est un service qui n’est pas ouvert aux switchers"})
	excludedFunction = fault.DefineRule("function_excluded", fault.Text{
		EN: "is a function that the employer excludes", NL: "is een functie die de werkgever uitsluit", FR: "est une fonction que l’employeur exclut"})
	nowhere = fault.DefineRule("no_place", fault.Text{
		EN: "would tell where to go, as would meeting_point", NL: "zou zeggen waar het is, net als meeting_point",
		FR: "dirait où aller, tout comme meeting_point"})

	_ = db.Constraint("leerplekken_organisation_fkey", func() *fault.Error { return fault.At("/organisation_id", fault.NoReference) })
	_ = db.Constraint("leerplekken_site_fkey", func() *fault.Error { return fault.At("/site_id", fault.NoReference) })
	_ = db.Constraint("leerplekken_department_fkey", func() *fault.Error { return fault.At("/department_id", fault.NoReference) })
	_ = db.Constraint("leerplek_coaches_medewerker_fkey", func() *fault.Error { return fault.At("/leercoach_ids", notEmployed) })
)

// judge says what stops a leerplek with these leercoaches from being published, as fields of a NotReady, and what
// deserves a warning.
func judge(l Leerplek, coaches []Coach) (missing []fault.Field, warnings []Warning) {
	if len(coaches) == 0 {
		missing = append(missing, fault.Field{Pointer: "/leercoach_ids", Rule: fault.TooShort, Params: map[string]string{"min": "1"}})
	}
	for i, c := range coaches {
		at := "/leercoach_ids/" + strconv.Itoa(i)
		if !c.Employed {
			missing = append(missing, fault.Field{Pointer: at, Rule: notEmployed})
		}
		c.each(func(name string, answer *bool) {
			about := map[string]string{"condition": name}
			switch {
			case answer == nil:
				warnings = append(warnings, Warning{at, conditionOpen, about})
			case !*answer:
				missing = append(missing, fault.Field{Pointer: at, Rule: conditionNo, Params: about})
			}
		})
	}
	if l.SiteID == nil && l.MeetingPoint == nil {
		warnings = append(warnings, Warning{"/site_id", nowhere, nil})
	}
	return missing, warnings
}
