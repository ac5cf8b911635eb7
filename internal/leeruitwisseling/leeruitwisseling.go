// Package leeruitwisseling holds the exchange: its kennismakingsgesprek, leeractieplan, agreement and days, from
// preparation until it is completed or cancelled (seed 000; seed 001, 5.6 Voorbereiding and 5.7 Leeruitwisseling).
package leeruitwisseling

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/hours"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
)

// Status is how far an exchange is. Absence is said per day, not here.
type Status string

// The states.
const (
	Preparing  Status = "preparing"   // accepted by the employers; days are provisional
	Planned    Status = "planned"     // all that has to be settled beforehand is settled
	InProgress Status = "in_progress" // attendance of a day has been noted
	Completed  Status = "completed"
	Cancelled  Status = "cancelled"
)

// Statuses lists all states.
var Statuses = []Status{Preparing, Planned, InProgress, Completed, Cancelled}

// active are the states in which an exchange takes up a place, and its days take up the switcher's time.
var active = []Status{Preparing, Planned, InProgress}

// Action is what can be done with an exchange.
type Action string

// The actions. Change is whatever alters its parts: kennismakingsgesprek, leeractieplan, days, checks, a signature.
const (
	Change   Action = "change"
	Plan     Action = "plan"
	Attend   Action = "attend"
	Complete Action = "complete"
	Cancel   Action = "cancel"
)

// Actions lists all actions.
var Actions = []Action{Change, Plan, Attend, Complete, Cancel}

var (
	// NotPlanned says that an exchange must be planned first.
	NotPlanned = fault.Define(fault.Conflict, "leeruitwisseling-preparing", fault.Text{
		EN: "The exchange is still being prepared: plan it first.", NL: "De leeruitwisseling is nog in voorbereiding: plan ze eerst.",
		FR: "L’échange est encore en préparation : planifiez-le d’abord."})
	// Begun says that an exchange is going on already.
	Begun = fault.Define(fault.Conflict, "leeruitwisseling-in-progress", fault.Text{
		EN: "The exchange is going on already.", NL: "De leeruitwisseling is al bezig.", FR: "L’échange est déjà en cours."})
	// Finished says that an exchange is completed, so that nothing about it changes any more.
	Finished = fault.Define(fault.Conflict, "leeruitwisseling-completed", fault.Text{
		EN: "The exchange is completed.", NL: "De leeruitwisseling is afgerond.", FR: "L’échange est terminé."})
	// CalledOff says that an exchange was cancelled.
	CalledOff = fault.Define(fault.Conflict, "leeruitwisseling-cancelled", fault.Text{
		EN: "The exchange was cancelled.", NL: "De leeruitwisseling is geannuleerd.", FR: "L’échange a été annulé."})
	// NotReady says what is missing before an exchange can be planned: its fields point into the exchange.
	NotReady = fault.Define(fault.Conflict, "leeruitwisseling-not-ready", fault.Text{
		EN: "The exchange cannot be planned yet: something is missing.", NL: "De leeruitwisseling kan nog niet gepland worden: er ontbreekt iets.",
		FR: "L’échange ne peut pas encore être planifié : il manque quelque chose."})
	// DaysUnmarked says which days keep an exchange from being completed: its fields point into days.
	DaysUnmarked = fault.Define(fault.Conflict, "leeruitwisseling-days-unmarked", fault.Text{
		EN: "Attendance is not noted for every day.", NL: "De aanwezigheid is niet voor elke dag genoteerd.",
		FR: "La présence n’est pas notée pour chaque journée."})
	// DayMarked says that a day's attendance was noted, so that the day itself stands.
	DayMarked = fault.Define(fault.Conflict, "leeruitwisseling-day-marked", fault.Text{
		EN: "Attendance was noted for this day: it cannot be moved or removed.", NL: "De aanwezigheid op deze dag is genoteerd: ze kan niet verplaatst of verwijderd worden.",
		FR: "La présence de cette journée est notée : elle ne peut être ni déplacée ni supprimée."})
	// DayNotYet says that attendance is noted from the day itself on.
	DayNotYet = fault.Define(fault.Conflict, "day-not-yet", fault.Text{
		EN: "Attendance can be noted from {date} on.", NL: "De aanwezigheid kan vanaf {date} genoteerd worden.",
		FR: "La présence peut être notée à partir du {date}."})

	overlaps = fault.DefineRule("overlaps", fault.Text{
		EN: "overlaps another day of this switcher", NL: "overlapt met een andere dag van deze switcher", FR: "chevauche une autre journée de ce switcher"})
	tooManyDocuments = fault.DefineRule("too_many_documents", fault.Text{
		EN: "makes more than {max} with those of the other side", NL: "maakt er samen met die van de andere kant meer dan {max}",
		FR: "en fait plus de {max} avec ceux de l’autre partie"})
	tooManyDays = fault.DefineRule("too_many_days", fault.Text{
		EN: "is one day too many: an exchange has at most {max}", NL: "is een dag te veel: een leeruitwisseling heeft er hoogstens {max}",
		FR: "est une journée de trop : un échange en a au plus {max}"})
	breakTooLong = fault.DefineRule("break_too_long", fault.Text{
		EN: "must be shorter than the day", NL: "moet korter zijn dan de dag", FR: "doit être plus courte que la journée"})
	notAttended = fault.DefineRule("not_attended", fault.Text{
		EN: "must be null or 0 for a day that was not attended", NL: "moet null of 0 zijn voor een dag zonder aanwezigheid", FR: "doit être null ou 0 pour une journée d’absence"})
	unmarked = fault.DefineRule("unmarked", fault.Text{
		EN: "{day} on {date} is not marked", NL: "{day} op {date} is niet genoteerd", FR: "{day} du {date} n’est pas notée"})
	unsigned = fault.DefineRule("unsigned", fault.Text{
		EN: "is not signed by {party}", NL: "is niet ondertekend door {party}", FR: "n’est pas signé par {party}"})
	signedEarlier = fault.DefineRule("signed_earlier", fault.Text{
		EN: "has changed since {party} signed", NL: "is gewijzigd sinds {party} tekende", FR: "a changé depuis la signature de {party}"})
	unconfirmed = fault.DefineRule("unconfirmed", fault.Text{
		EN: "is not confirmed", NL: "is niet bevestigd", FR: "n’est pas confirmé"})

	_ = db.Constraint("leeruitwisseling_days_site_fkey", func() *fault.Error { return fault.At("/site_id", fault.NoReference) })
)

// next says where an action leads: to a state, or to the problem that the present state makes of it.
type next struct {
	to      Status
	problem *fault.Problem
}

// transitions is the whole life of an exchange. An action that leads to the present state is an outcome that was
// reached before, except for changes and attendance, which go on in the same state.
var transitions = map[Status]map[Action]next{
	Preparing: {Change: {to: Preparing}, Plan: {to: Planned}, Attend: {problem: NotPlanned}, Complete: {problem: NotPlanned}, Cancel: {to: Cancelled}},
	Planned:   {Change: {to: Planned}, Plan: {to: Planned}, Attend: {to: InProgress}, Complete: {to: Completed}, Cancel: {to: Cancelled}},
	InProgress: {Change: {to: InProgress}, Plan: {problem: Begun}, Attend: {to: InProgress}, Complete: {to: Completed},
		Cancel: {to: Cancelled}},
	Completed: {Change: {problem: Finished}, Plan: {problem: Finished}, Attend: {problem: Finished}, Complete: {to: Completed}, Cancel: {problem: Finished}},
	Cancelled: {Change: {problem: CalledOff}, Plan: {problem: CalledOff}, Attend: {problem: CalledOff}, Complete: {problem: CalledOff}, Cancel: {to: Cancelled}},
}

// after returns the state that the action leads to, or the problem that names why it cannot.
func (l Leeruitwisseling) after(a Action) (Status, error) {
	n := transitions[l.Status][a]
	if n.problem != nil {
		return l.Status, n.problem.New()
	}
	return n.to, nil
}

// Leeruitwisseling is one exchange. Both employers see the row: what the host needs of switcher and leervraag is a copy
// from the moment of acceptance.
type Leeruitwisseling struct {
	db.Row
	ID                      id.LeeruitwisselingID `gorm:"primaryKey"`
	MatchID                 id.MatchID
	LeervraagID             id.LeervraagID
	LeerplekID              id.LeerplekID
	SendingOrganisationID   id.OrganisationID
	ReceivingOrganisationID id.OrganisationID
	SwitcherID              id.MedewerkerID
	LeercoachIDs            db.IDs[id.MedewerkerID] `gorm:"column:leercoach_ids"` // the first one leads
	DayCoachIDs             db.IDs[id.MedewerkerID] `gorm:"column:day_coach_ids"` // whom only a day names; they follow from the days
	Internal                bool                    // both sides are one employer
	Status                  Status

	SendingName      string
	ReceivingName    string
	SwitcherName     string
	SwitcherJobTitle string
	SwitcherLanguage string
	LeervraagVersion int
	LeervraagTitle   string
	LeervraagText    string
	LeerplekTitle    string
	MeetingPoint     *string
	SafetyNote       *string
	SiteID           *id.SiteID
	Reception        *string   // how the host receives the switcher: onthaal (seed 001, 5.7)
	DressCode        *string   // kledijvoorschriften (seed 000, "Praktische afspraken")
	Documents        Documents `gorm:"type:jsonb"` // to have at hand on the day

	Kennismakingsgesprek *Kennismakingsgesprek `gorm:"type:jsonb"`
	PlanGoals            *db.Strings           // with PlanActivities and PlanPeople: all set, or no leeractieplan yet
	PlanActivities       *db.Strings
	PlanPeople           *db.Strings
	PlanSuccess          *string
	PlanMotive           *string
	PlanMeaning          *string
	PlanHowToAnswer      *string
	PlanMustCover        db.Strings
	PlanCuriousAbout     *string
	PlanDrawnUpBy        db.Strings
	InsuredWorkAccident  *bool // nil: not answered yet
	InsuredCommute       *bool
	InsuredLiability     *bool
	SafetyExchanged      bool
	CancelReason         *string
	CancelledByParty     *string
	PlannedAt            *time.Time // nil: the days are provisional
	CompletedAt          *time.Time
	CancelledAt          *time.Time
}

// TableName is the table of exchanges.
func (Leeruitwisseling) TableName() string { return "leeruitwisselingen" }

// Key places an exchange in a list.
func (l Leeruitwisseling) Key() (int64, uuid.UUID) { return l.Pos, l.ID.UUID() }

// Bounds say by which columns bound callers find theirs.
func (Leeruitwisseling) Bounds() page.Bounds {
	return page.OfPair("(@medewerker = any (leercoach_ids) or @medewerker = any (day_coach_ids))")
}

// Kennismakingsgesprek is the conversation in which switcher and leercoach meet before the exchange, mostly online and
// of about 20 minutes (seed 000).
type Kennismakingsgesprek struct {
	StartsAt      time.Time     `json:"starts_at" binding:"required" format:"date-time" example:"2027-01-06T13:00:00Z"`
	Minutes       int           `json:"minutes" binding:"required" minimum:"1" maximum:"1440" example:"20"`
	Location      string        `json:"location" binding:"required" minLength:"1" maxLength:"500" example:"https://meet.example/linde"`
	Online        *bool         `json:"online" extensions:"x-nullable" example:"true"` // left out: where the location is a link, which the answer says
	Participants  []Participant `json:"participants" validate:"max=50"`
	ActualMinutes *int          `json:"actual_minutes" minimum:"0" maximum:"1440" extensions:"x-nullable" example:"35"`
	Outcome       *string       `json:"outcome" maxLength:"5000" extensions:"x-nullable" example:"Rondleiding en gesprek met de ergotherapeut; witte jas meebrengen."`

	// What was talked through, and what the switcher and the leercoach said of the leervraag and the possibilities (seed 000).
	Agenda            []string `json:"agenda" validate:"max=6,unique" enums:"introduction,acquaintance,leervraag,possibilities,arrangements,leeractieplan" example:"introduction,acquaintance,leervraag"`
	LearnInGeneral    *string  `json:"learn_in_general" maxLength:"5000" extensions:"x-nullable" example:"Hoe de zorg en de apotheek samenwerken."`
	LearnSpecifically *string  `json:"learn_specifically" maxLength:"5000" extensions:"x-nullable" example:"Hoe je medicatie klaarzet voor een afdeling."`
	MustCover         []string `json:"must_cover" validate:"max=20" minLength:"1" maxLength:"1000" example:"BelRAI"`
	PeopleToMeet      []string `json:"people_to_meet" validate:"max=20" minLength:"1" maxLength:"200" example:"ergotherapeut"`
	Possibilities     []string `json:"possibilities" validate:"max=20" minLength:"1" maxLength:"1000" example:"rondleiding"`
	LeervraagChanged  *bool    `json:"leervraag_changed" extensions:"x-nullable" example:"true"` // whether the leervraag shifted or became sharper
} // @name Kennismakingsgesprek

// Participant takes part in the kennismakingsgesprek: the switcher, a leercoach, somebody of the ST-partner or of one of
// the employers.
type Participant struct {
	Kind string `json:"kind" binding:"required" enums:"medewerker,contact,member" example:"medewerker"`
	ID   string `json:"id" binding:"required" maxLength:"30" extensions:"x-prefix=mdw|con|mem" example:"mdw_01jd8m5x9nf3tvhg5w6rkz2c4q"`
} // @name KennismakingsgesprekParticipant

// Value writes the column.
func (k Kennismakingsgesprek) Value() (driver.Value, error) {
	b, err := json.Marshal(k)
	return string(b), err
}

// Scan reads the column. One that was written before there was an agenda has empty lists, and is online where its location
// is a link.
func (k *Kennismakingsgesprek) Scan(src any) error {
	if err := scanJSON(src, k); err != nil {
		return err
	}
	for _, l := range []*[]string{&k.Agenda, &k.MustCover, &k.PeopleToMeet, &k.Possibilities} {
		if *l == nil {
			*l = []string{}
		}
	}
	k.place()
	return nil
}

// place says whether they meet online where nobody said: they do at a link.
func (k *Kennismakingsgesprek) place() {
	if k.Online == nil {
		online := webAddress(k.Location)
		k.Online = &online
	}
}

func scanJSON(src, dst any) error {
	switch v := src.(type) {
	case []byte:
		return json.Unmarshal(v, dst)
	case string:
		return json.Unmarshal([]byte(v), dst)
	}
	return fmt.Errorf("leeruitwisseling: cannot read a %T as JSON", src)
}

// Leeractieplan is what the switcher sets out to learn and do there (seed 001, 5.6; seed 000, point 6).
type Leeractieplan struct {
	Goals        []string `json:"goals" binding:"required" validate:"max=50" minLength:"1" maxLength:"1000" example:"BelRAI leren invullen"`
	Activities   []string `json:"activities" validate:"max=50" minLength:"1" maxLength:"1000" example:"rondleiding"`
	PeopleToMeet []string `json:"people_to_meet" validate:"max=50" minLength:"1" maxLength:"200" example:"hoofdverpleegkundige"`
	Success      *string  `json:"success" maxLength:"5000" extensions:"x-nullable" example:"Het team past de nieuwe werkwijze toe."`

	// The leeragenda as both employers may read it; without it the agreement reads as it did before there was one.
	Motive       *string  `json:"motive" minLength:"1" maxLength:"5000" extensions:"x-nullable" example:"De apotheek levert voortaan per bewoner."`
	Meaning      *string  `json:"meaning" minLength:"1" maxLength:"5000" extensions:"x-nullable" example:"Van voorschrift tot bewoner, stap voor stap."`
	HowToAnswer  *string  `json:"how_to_answer" minLength:"1" maxLength:"5000" extensions:"x-nullable" example:"Meelopen met de medicatieronde."`
	MustCover    []string `json:"must_cover" validate:"max=20" minLength:"1" maxLength:"1000" example:"de medicatieronde"`
	CuriousAbout *string  `json:"curious_about" minLength:"1" maxLength:"5000" extensions:"x-nullable" example:"Hoe de nacht verloopt."`
	DrawnUpBy    []string `json:"drawn_up_by" validate:"max=5,unique" enums:"switcher,leercoach,sending,receiving,partner" example:"switcher,partner"`
} // @name Leeractieplan

// plan returns the leeractieplan, nil when there is none yet.
func (l Leeruitwisseling) plan() *Leeractieplan {
	if l.PlanGoals == nil {
		return nil
	}
	return &Leeractieplan{*l.PlanGoals, *l.PlanActivities, *l.PlanPeople, l.PlanSuccess, l.PlanMotive, l.PlanMeaning, l.PlanHowToAnswer,
		append([]string{}, l.PlanMustCover...), l.PlanCuriousAbout, append([]string{}, l.PlanDrawnUpBy...)}
}

// Insurance says what is insured, each true, false, or null while nobody answered. The wage stays with the sending
// employer, and so does its insurance against accidents at work and on the way; the host's liability is asked besides
// (seed 001, 5.6 "verzekeringen"; law of 10 April 1971 on accidents at work).
type Insurance struct {
	WorkAccident *bool `json:"work_accident" extensions:"x-nullable" example:"true"`
	Commute      *bool `json:"commute" extensions:"x-nullable" example:"true"`
	Liability    *bool `json:"liability" extensions:"x-nullable" example:"true"`
} // @name LeeruitwisselingInsurance

// Checks are what has to be settled beside the agreement. The host informs on risks before somebody of another employer
// works there (Belgian act on well-being at work of 4 August 1996, chapter IV).
type Checks struct {
	Insurance                  Insurance `json:"insurance" binding:"required"`
	SafetyInformationExchanged bool      `json:"safety_information_exchanged" example:"true"`
} // @name LeeruitwisselingChecks

// Day is one day, or night, of an exchange.
type Day struct {
	db.Row
	ID                      id.DayID `gorm:"primaryKey"`
	LeeruitwisselingID      id.LeeruitwisselingID
	SendingOrganisationID   id.OrganisationID
	ReceivingOrganisationID id.OrganisationID
	DateOn                  day.Date // of its start, in the tenant's zone
	Starts, Ends            string   // 09:00 on the wall there; an end at or before the start is the next morning's
	BreakMinutes            int
	StartsAt, EndsAt        time.Time
	Hours                   hours.Hours // from start to end, less the break
	SiteID                  *id.SiteID
	LeercoachIDs            *db.IDs[id.MedewerkerID] `gorm:"column:leercoach_ids"` // nil: those of the exchange
	Attended                *bool                    // nil: not noted yet
	AttendedHours           *hours.Hours             // set when Attended is true
	SafetyBriefed           *bool
	MarkedAt                *time.Time // when attendance was last noted
	Programme               Programme  `gorm:"type:jsonb"`
}

// TableName is the table of days.
func (Day) TableName() string { return "leeruitwisseling_days" }

// Key places a day in a list.
func (d Day) Key() (int64, uuid.UUID) { return d.Pos, d.ID.UUID() }

// Marked reports whether attendance was noted.
func (d Day) Marked() bool { return d.Attended != nil }

// AttendedTotal is the hours that were attended on the days together.
func AttendedTotal(days []Day) hours.Hours {
	var sum hours.Hours
	for _, d := range days {
		if d.AttendedHours != nil {
			sum += *d.AttendedHours
		}
	}
	return sum
}

// maxDay bounds what counts as one day: a day and night.
const maxDay = 24 * time.Hour

// schedule works out when a day begins, ends and how long it lasts, from what the clock on the wall says: in a night in
// which the clock changes it counts what the night lasted.
func (d *Day) schedule(zone *time.Location) error {
	var sh, sm, eh, em int
	if _, err := fmt.Sscanf(d.Starts+" "+d.Ends, "%d:%d %d:%d", &sh, &sm, &eh, &em); err != nil {
		return err
	}
	until := d.DateOn
	if d.Ends <= d.Starts {
		until = until.Add(1)
	}
	d.StartsAt, d.EndsAt = d.DateOn.Clock(sh, sm, zone).UTC(), until.Clock(eh, em, zone).UTC()
	lasts, pause := d.EndsAt.Sub(d.StartsAt), time.Duration(d.BreakMinutes)*time.Minute
	switch {
	case lasts <= 0: // a start in the hour that summer time skips
		return fault.At("/ends", fault.BadOrder, "other", "starts")
	case lasts > maxDay:
		return fault.At("/ends", fault.OutOfRange, "min", "0 h", "max", "24 h")
	case pause >= lasts:
		return fault.At("/break_minutes", breakTooLong)
	}
	d.Hours = hours.Of(lasts - pause)
	return nil
}

// The parties of an exchange.
const (
	Sending   = "sending"
	Receiving = "receiving"
	Switcher  = "switcher"
	Leercoach = "leercoach"
	Partner   = "partner" // the ST-partner itself
)

// signers are those whose signature the agreement needs: both employers sign and the switcher acknowledges (design
// section 6, step 5). Within one employer there is no other side.
func (l Leeruitwisseling) signers() []string {
	if l.Internal {
		return []string{Sending, Switcher}
	}
	return []string{Sending, Receiving, Switcher}
}

// coaches are the leercoaches of the exchange and of its days, the leading one first.
func (l Leeruitwisseling) coaches() []id.MedewerkerID {
	return slices.Concat([]id.MedewerkerID(l.LeercoachIDs), []id.MedewerkerID(l.DayCoachIDs))
}

// Coached returns the days that a leercoach guided, or is to guide: those that name them, and for a leercoach of the
// exchange also those that name nobody.
func (l Leeruitwisseling) Coached(days []Day, by id.MedewerkerID) []Day {
	var own []Day
	for _, d := range days {
		if d.LeercoachIDs == nil && slices.Contains(l.LeercoachIDs, by) || d.LeercoachIDs != nil && slices.Contains(*d.LeercoachIDs, by) {
			own = append(own, d)
		}
	}
	return own
}

// Coaches reports whether somebody is a leercoach of the exchange, or of one of its days.
func (l Leeruitwisseling) Coaches(m id.MedewerkerID) bool { return slices.Contains(l.coaches(), m) }

// speaksFor checks that the caller may speak as a party: a bound caller only as what it is, anybody else as whom they
// record. Another party is fault.NotAllowed.
func (l Leeruitwisseling) speaksFor(s db.Scope, party string) error {
	ok := true
	switch s.Kind {
	case db.ScopeOrganisation:
		ok = party == Sending && s.Organisation == l.SendingOrganisationID.UUID() ||
			party == Receiving && s.Organisation == l.ReceivingOrganisationID.UUID()
	case db.ScopeMedewerker:
		ok = party == Switcher && s.Medewerker == l.SwitcherID.UUID() ||
			party == Leercoach && l.Coaches(id.MedewerkerID(s.Medewerker))
	}
	if !ok {
		return fault.NotAllowed.New()
	}
	return nil
}

// mayTell checks that the caller may say what one of the two employers knows: what is at the host, what the switcher's
// employer insured. A bound caller of the other one gets fault.NotAllowed.
func (l Leeruitwisseling) mayTell(s db.Scope, party string) error {
	if s.Kind == db.ScopeMedewerker {
		return fault.NotAllowed.New()
	}
	return l.speaksFor(s, party)
}

// side is the employer on whose side a party stands, nil for the ST-partner.
func (l Leeruitwisseling) side(party string) *id.OrganisationID {
	switch party {
	case Sending, Switcher:
		return &l.SendingOrganisationID
	case Receiving, Leercoach:
		return &l.ReceivingOrganisationID
	}
	return nil
}

// Note is what one side wrote down. Only that side and the ST-partner read it.
type Note struct {
	TenantID           id.TenantID `gorm:"primaryKey"`
	ID                 uuid.UUID   `gorm:"primaryKey"`
	LeeruitwisselingID id.LeeruitwisselingID
	OrganisationID     *id.OrganisationID // nil: the ST-partner's own
	At                 time.Time
	WrittenBy          string // the actor
	Text               string
}

// TableName is the table of notes.
func (Note) TableName() string { return "leeruitwisseling_notes" }

// Key places a note in a list.
func (n Note) Key() (int64, uuid.UUID) { return 0, n.ID }
