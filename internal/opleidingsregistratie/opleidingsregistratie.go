// Package opleidingsregistratie holds the training hours of employees: a register that only grows, in which a correction
// takes the place of what it corrects (law of 3 October 2022 on labour, the right to training; social balance sheet of the
// National Bank of Belgium).
package opleidingsregistratie

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/external"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/hours"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
)

// Classification is the block of the social balance sheet that hours are told in (National Bank of Belgium, codes 5801
// to 5853).
type Classification string // @name OpleidingsregistratieClassification

// The classifications.
const (
	Informal Classification = "informal" // less formal and informal training: exchanges and study visits among them
	Formal   Classification = "formal"   // courses by trainers, away from the workplace
	Initial  Classification = "initial"  // of learners under contract
)

// Classifications lists all, in the order in which totals tell them.
var Classifications = []Classification{Informal, Formal, Initial}

// Day is the hours of one calendar day.
type Day struct {
	DateOn day.Date    `json:"date_on" binding:"required" format:"date" example:"2027-01-11"`
	Hours  hours.Hours `json:"hours" binding:"required" minimum:"0.01" maximum:"24" example:"7"`
} // @name OpleidingsregistratieDay

// Days is a jsonb column of days, by date.
type Days []Day

// Value writes the column.
func (d Days) Value() (driver.Value, error) {
	if d == nil {
		d = Days{}
	}
	b, err := json.Marshal([]Day(d))
	return string(b), err
}

// Scan reads the column.
func (d *Days) Scan(src any) error {
	switch v := src.(type) {
	case []byte:
		return json.Unmarshal(v, (*[]Day)(d))
	case string:
		return json.Unmarshal([]byte(v), (*[]Day)(d))
	}
	return fmt.Errorf("opleidingsregistratie: cannot read a %T as days", src)
}

// Registratie is the training hours of one employee in one exchange. What it says never changes: a correction is another
// row of the same chain, and a withdrawn row is kept as a tombstone.
type Registratie struct {
	db.Row
	ID                  id.RegistratieID  `gorm:"primaryKey"`
	RootID              id.RegistratieID  // the first of its chain
	CorrectsID          *id.RegistratieID // the one whose place it takes
	CorrectedByID       *id.RegistratieID // the one that took its place
	OrganisationID      id.OrganisationID // the switcher's employer, who books the hours
	MedewerkerID        id.MedewerkerID
	LeeruitwisselingID  id.LeeruitwisselingID
	Title               string
	FromOn, UntilOn     day.Date
	Hours               hours.Hours
	Days                Days // empty where only the sum is known
	Classification      Classification
	ConfirmedByEmployer bool
	WithinWorkingTime   bool
	Reason              *string // of a correction
	DeletedAt           *time.Time
	ProviderName        *string // where it was learned: the receiving employer, as it was called then
	EmployerSays

	MedewerkerExternalIDs external.List `gorm:"->"` // read beside the row, from the employee
}

// EmployerSays is what an employer adds to hours for its own administration; nil is not said. Whether hours count for the
// individual right to training, and whether hours outside working time were paid, follows from the law of 3 October 2022.
// Costs are those of the social balance sheet (National Bank of Belgium): gross costs that go with the training (58031),
// contributions to collective funds (58032), and grants, which are taken off (58033).
type EmployerSays struct {
	CountsForTrainingRight *bool  `json:"counts_for_training_right" extensions:"x-nullable" example:"true"`
	Paid                   *bool  `json:"paid" extensions:"x-nullable" example:"true"`
	CostDirectCents        *int64 `json:"cost_direct_cents" minimum:"0" maximum:"100000000" extensions:"x-nullable" example:"42000"`
	CostContributionsCents *int64 `json:"cost_contributions_cents" minimum:"0" maximum:"100000000" extensions:"x-nullable" example:"0"`
	CostGrantsCents        *int64 `json:"cost_grants_cents" minimum:"0" maximum:"100000000" extensions:"x-nullable" example:"12000"`
}

// TableName is the table of training hours.
func (Registratie) TableName() string { return "opleidingsregistraties" }

// Key places training hours in a list.
func (r Registratie) Key() (int64, uuid.UUID) { return r.Pos, r.ID.UUID() }

// Bounds say by which columns bound callers find theirs.
func (Registratie) Bounds() page.Bounds { return page.OfEmployee("organisation_id", "medewerker_id") }

// state is how a row stands in its chain; it follows from the row.
type state string

const (
	recorded  state = "recorded"  // it counts
	corrected state = "corrected" // another row took its place
	withdrawn state = "withdrawn" // it is a tombstone
)

func (r Registratie) state() state {
	switch {
	case r.DeletedAt != nil:
		return withdrawn
	case r.CorrectedByID != nil:
		return corrected
	}
	return recorded
}

type action string

const (
	correct  action = "correct"
	withdraw action = "withdraw"
	confirm  action = "confirm" // or say that it was not within working time: what an employer may add to a row
)

// transitions says what an action makes of a row; what is missing here is refused. Withdrawing twice changes nothing.
var transitions = map[state]map[action]state{
	recorded:  {correct: corrected, withdraw: withdrawn, confirm: recorded},
	corrected: {},
	withdrawn: {withdraw: withdrawn},
}

var (
	// Superseded says that another row took the place of this one, and which one counts now.
	Superseded = fault.Define(fault.Conflict, "registratie-superseded", fault.Text{
		EN: "This was corrected: {current} has taken its place.", NL: "Dit werd gecorrigeerd: {current} is in de plaats gekomen.",
		FR: "Ceci a été corrigé : {current} l’a remplacé."})
	// AlreadyWithdrawn says that the hours were withdrawn.
	AlreadyWithdrawn = fault.Define(fault.Conflict, "registratie-withdrawn", fault.Text{
		EN: "These training hours were withdrawn.", NL: "Deze opleidingsuren werden ingetrokken.", FR: "Ces heures de formation ont été retirées."})

	differsFromDays = fault.DefineRule("differs_from_days", fault.Text{
		EN: "must agree with the days, which say {value}", NL: "moet kloppen met de dagen, die {value} zeggen",
		FR: "doit correspondre aux jours, qui indiquent {value}"})
	changesNothing = fault.DefineRule("changes_nothing", fault.Text{
		EN: "corrects nothing", NL: "corrigeert niets", FR: "ne corrige rien"})
)

const mostADay = hours.Hours(2400)

// checkDays adds to e what is wrong with days: none of them, one twice, or hours that a day does not have.
func checkDays(e *fault.Error, days []Day) {
	if len(days) == 0 {
		e.At("/days", fault.Needed)
	}
	seen := map[day.Date]bool{}
	for i, d := range days {
		at := "/days/" + strconv.Itoa(i)
		switch {
		case seen[d.DateOn]:
			e.At(at+"/date_on", fault.Twice)
		case d.Hours <= 0:
			e.At(at+"/hours", fault.TooSmall, "min", "0.01")
		case d.Hours > mostADay:
			e.At(at+"/hours", fault.TooBig, "max", mostADay.String())
		}
		seen[d.DateOn] = true
	}
}

// spread takes the days over: in their order, with the hours and the period that follow from them. There is at least one.
func (r *Registratie) spread(days []Day) {
	r.Days = slices.SortedFunc(slices.Values(days), func(a, b Day) int { return a.DateOn.Clock(0, 0, time.UTC).Compare(b.DateOn.Clock(0, 0, time.UTC)) })
	r.FromOn, r.UntilOn, r.Hours = r.Days[0].DateOn, r.Days[len(r.Days)-1].DateOn, 0
	for _, d := range r.Days {
		r.Hours += d.Hours
	}
}

// Correction is what takes the place of a row. What is absent or null stays as it was.
type Correction struct {
	Title               *string      `json:"title" minLength:"1" maxLength:"200" extensions:"x-nullable" example:"Medicatie in het woonzorgcentrum"`
	FromOn              *day.Date    `json:"from_on" format:"date" extensions:"x-nullable" example:"2027-01-11"`
	UntilOn             *day.Date    `json:"until_on" format:"date" extensions:"x-nullable" example:"2027-01-12"`
	Hours               *hours.Hours `json:"hours" minimum:"0.01" maximum:"100000000" extensions:"x-nullable" example:"12.5"`
	Days                []Day        `json:"days" validate:"max=100"`
	Classification      *string      `json:"classification" enums:"informal,formal,initial" extensions:"x-nullable" example:"informal"`
	WithinWorkingTime   *bool        `json:"within_working_time" extensions:"x-nullable" example:"true"`
	ConfirmedByEmployer bool         `json:"confirmed_by_employer" default:"false" example:"false"`
	Reason              string       `json:"reason" binding:"required" minLength:"1" maxLength:"2000" example:"De tweede dag eindigde om halfdrie."`
} // @name OpleidingsregistratieCorrection

// onto checks the correction and lays it over a copy of the row that it corrects.
func (c Correction) onto(r *Registratie) error {
	before := *r
	e := fault.Unprocessable.New()
	if c.Title != nil {
		r.Title = *c.Title
	}
	if c.Classification != nil {
		r.Classification = Classification(*c.Classification)
	}
	if c.WithinWorkingTime != nil {
		r.WithinWorkingTime = *c.WithinWorkingTime
	}
	if len(c.Days) > 0 {
		c.daysOnto(e, r)
	} else {
		c.sumOnto(e, r)
	}
	if len(e.Fields) > 0 {
		return e
	}
	if r.Title == before.Title && r.Classification == before.Classification && r.WithinWorkingTime == before.WithinWorkingTime &&
		r.FromOn == before.FromOn && r.UntilOn == before.UntilOn && r.Hours == before.Hours && slices.Equal(r.Days, before.Days) {
		return fault.At("", changesNothing)
	}
	r.ConfirmedByEmployer, r.Reason = c.ConfirmedByEmployer, &c.Reason
	return nil
}

// daysOnto takes over the hours of each day. A sum or period that is told beside them has to agree.
func (c Correction) daysOnto(e *fault.Error, r *Registratie) {
	checkDays(e, c.Days)
	if len(e.Fields) > 0 {
		return
	}
	r.spread(c.Days)
	if c.Hours != nil && *c.Hours != r.Hours {
		e.At("/hours", differsFromDays, "value", r.Hours.String())
	}
	if c.FromOn != nil && *c.FromOn != r.FromOn {
		e.At("/from_on", differsFromDays, "value", r.FromOn.String())
	}
	if c.UntilOn != nil && *c.UntilOn != r.UntilOn {
		e.At("/until_on", differsFromDays, "value", r.UntilOn.String())
	}
}

// sumOnto takes over a sum or a period without days. How a sum falls over several days is then not known, and is not
// made up: there are no days any more.
func (c Correction) sumOnto(e *fault.Error, r *Registratie) {
	from, until, sum := r.FromOn, r.UntilOn, r.Hours
	if c.FromOn != nil {
		from = *c.FromOn
	}
	if c.UntilOn != nil {
		until = *c.UntilOn
	}
	if c.Hours != nil {
		sum = *c.Hours
	}
	if from == r.FromOn && until == r.UntilOn && sum == r.Hours {
		return
	}
	length := hours.Hours(until.Clock(0, 0, time.UTC).Sub(from.Clock(0, 0, time.UTC))/(24*time.Hour)) + 1
	switch {
	case until.Before(from):
		e.At("/until_on", fault.BadOrder, "other", "from_on")
	case sum <= 0:
		e.At("/hours", fault.TooSmall, "min", "0.01")
	case sum > length*mostADay:
		e.At("/hours", fault.OutOfRange, "min", "0.01", "max", (length * mostADay).String())
	case length == 1:
		r.spread([]Day{{from, sum}})
	default:
		r.FromOn, r.UntilOn, r.Hours, r.Days = from, until, sum, Days{}
	}
}
