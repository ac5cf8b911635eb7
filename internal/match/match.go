// Package match holds matches: a leervraag put to a leerplek, and what the parties decided about it (seed 001, section
// 5.5 Matching).
package match

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
)

// Status is how far a match is.
type Status string // @name MatchStatus

// The states.
const (
	Draft     Status = "draft"     // only the ST-partner sees it
	Proposed  Status = "proposed"  // put to the parties
	Accepted  Status = "accepted"  // every required party said yes: there is a leeruitwisseling
	Declined  Status = "declined"  // a party said no
	Lapsed    Status = "lapsed"    // what it stood on fell away before the parties decided
	Cancelled Status = "cancelled" // withdrawn by the ST-partner, or its leeruitwisseling was cancelled
)

// Statuses lists all states.
var Statuses = []Status{Draft, Proposed, Accepted, Declined, Lapsed, Cancelled}

// action is what can be done to a match.
type action string

const (
	change   action = "change"
	appraise action = "appraise" // say whether it fits and can be done
	inform   action = "inform"   // tell an employer of it
	propose  action = "propose"
	accept   action = "accept"   // by one party
	decline  action = "decline"  // by one party
	complete action = "complete" // the last required party accepted
	lapse    action = "lapse"
	cancel   action = "cancel"
)

var actions = []action{change, appraise, inform, propose, accept, decline, complete, lapse, cancel}

// step is what an action comes to in a state: another state (or the same), or a refusal that names the state.
type step struct {
	to     Status
	refuse *fault.Problem
}

func to(s Status) step          { return step{to: s} }
func not(p *fault.Problem) step { return step{refuse: p} }

// transitions holds every pair of state and action. An outcome that is reached already stays what it is; whether a party
// repeats itself is decided before this table is read.
var transitions = map[Status]map[action]step{
	Draft: {change: to(Draft), appraise: to(Draft), inform: not(IsDraft), propose: to(Proposed), accept: not(IsDraft), decline: not(IsDraft), complete: not(IsDraft),
		lapse: to(Lapsed), cancel: to(Cancelled)},
	Proposed: {change: not(IsProposed), appraise: to(Proposed), inform: to(Proposed), propose: to(Proposed), accept: to(Proposed), decline: to(Declined), complete: to(Accepted),
		lapse: to(Lapsed), cancel: to(Cancelled)},
	Accepted: {change: not(IsAccepted), appraise: not(IsAccepted), inform: to(Accepted), propose: not(IsAccepted), accept: not(IsAccepted), decline: not(IsAccepted), complete: not(IsAccepted),
		lapse: not(IsAccepted), cancel: to(Cancelled)},
	Declined: {change: not(IsDeclined), appraise: not(IsDeclined), inform: not(IsDeclined), propose: not(IsDeclined), accept: not(IsDeclined), decline: not(IsDeclined), complete: not(IsDeclined),
		lapse: not(IsDeclined), cancel: not(IsDeclined)},
	Lapsed: {change: not(IsLapsed), appraise: not(IsLapsed), inform: not(IsLapsed), propose: not(IsLapsed), accept: not(IsLapsed), decline: not(IsLapsed), complete: not(IsLapsed),
		lapse: to(Lapsed), cancel: not(IsLapsed)},
	Cancelled: {change: not(IsCancelled), appraise: not(IsCancelled), inform: not(IsCancelled), propose: not(IsCancelled), accept: not(IsCancelled), decline: not(IsCancelled), complete: not(IsCancelled),
		lapse: not(IsCancelled), cancel: to(Cancelled)},
}

// The parties of a match.
const (
	Sending   = "sending"   // the switcher's employer
	Receiving = "receiving" // the employer of the leerplek
	Switcher  = "switcher"
	Leercoach = "leercoach" // any of the coaches speaks for all
)

// Parties lists all parties. Which of them a match needs stands in its required parties.
var Parties = []string{Sending, Receiving, Switcher, Leercoach}

// Match is a leervraag put to a leerplek.
type Match struct {
	db.Row
	ID                      id.MatchID `gorm:"primaryKey"`
	LeervraagID             id.LeervraagID
	LeerplekID              id.LeerplekID
	SendingOrganisationID   id.OrganisationID
	ReceivingOrganisationID id.OrganisationID
	SwitcherID              id.MedewerkerID
	LeercoachIDs            db.IDs[id.MedewerkerID] `gorm:"column:leercoach_ids"` // the first one leads
	Internal                bool                    // within one employer
	RequiredParties         db.Strings
	Status                  Status
	LeeruitwisselingID      *id.LeeruitwisselingID // what came of it, from acceptance on
	Feasibility
	SendingInformedAt   *time.Time // when the employer was told; nil: not yet (seed 001, 5.5)
	ReceivingInformedAt *time.Time
	Decisions           Decisions `gorm:"-"` // by time; with the notes that the caller may read
}

// Feasibility is what the ST-partner found when it put the two side by side: first whether the content fits, then whether
// it can be done, beginning with the place (seed 001, 5.5). Each is yes, no, or not looked at yet (nil). Both employers
// read it.
type Feasibility struct {
	ContentFits      *bool `json:"content_fits" extensions:"x-nullable" example:"true"`
	LocationFeasible *bool `json:"location_feasible" extensions:"x-nullable" example:"true"` // the switcher can get there
	MomentsFeasible  *bool `json:"moments_feasible" extensions:"x-nullable" example:"true"`  // both can at the same time
}

// TableName is the table of matches.
func (Match) TableName() string { return "matches" }

// Key places a match in a list.
func (m Match) Key() (int64, uuid.UUID) { return m.Pos, m.ID.UUID() }

// Bounds say by which columns bound callers find theirs.
func (Match) Bounds() page.Bounds { return page.OfPair("@medewerker = any (leercoach_ids)") }

// decision is what a party decided last: accepted, declined, or nothing yet.
func (m Match) decision(party string) Status {
	for _, d := range m.Decisions {
		if d.Party == party {
			return d.Decision
		}
	}
	return ""
}

// complete reports whether every required party accepted.
func (m Match) complete() bool {
	return !slices.ContainsFunc(m.RequiredParties, func(p string) bool { return m.decision(p) != Accepted })
}

// side is the employer whose notes a party's words are.
func (m Match) side(party string) id.OrganisationID {
	if party == Sending || party == Switcher {
		return m.SendingOrganisationID
	}
	return m.ReceivingOrganisationID
}

// after returns the state that an action leads to, or the problem that names the present one.
func (m Match) after(a action) (Status, error) {
	s := transitions[m.Status][a]
	if s.refuse != nil {
		return m.Status, s.refuse.New()
	}
	return s.to, nil
}

// Decisions are what the parties of a match decided.
type Decisions []DecisionWire

// Scan reads them from JSON.
func (d *Decisions) Scan(src any) error {
	var b []byte
	switch v := src.(type) {
	case []byte:
		b = v
	case string:
		b = []byte(v)
	default:
		return fmt.Errorf("match: cannot read a %T as decisions", src)
	}
	if err := json.Unmarshal(b, (*[]DecisionWire)(d)); err != nil {
		return fmt.Errorf("match: decisions: %w", err)
	}
	for i := range *d {
		(*d)[i].DecidedAt = (*d)[i].DecidedAt.UTC()
	}
	return nil
}

// Value lets gorm see a plain value; nothing writes it.
func (d Decisions) Value() (driver.Value, error) {
	b, err := json.Marshal([]DecisionWire(d))
	return string(b), err
}

var (
	// IsDraft says that a match has not been proposed yet.
	IsDraft = fault.Define(fault.Conflict, "match-draft", fault.Text{
		EN: "This match is a draft: propose it first.", NL: "Deze match is nog een ontwerp: stel ze eerst voor.",
		FR: "Ce match est encore un projet : proposez-le d’abord."})
	// IsProposed says that a match was put to the parties and does not change any more.
	IsProposed = fault.Define(fault.Conflict, "match-proposed", fault.Text{
		EN: "This match has been proposed and does not change any more.", NL: "Deze match is voorgesteld en wijzigt niet meer.",
		FR: "Ce match a été proposé et ne change plus."})
	// IsAccepted says that every required party accepted a match.
	IsAccepted = fault.Define(fault.Conflict, "match-accepted", fault.Text{
		EN: "This match has been accepted.", NL: "Deze match is aanvaard.", FR: "Ce match a été accepté."})
	// IsDeclined says that a party declined a match.
	IsDeclined = fault.Define(fault.Conflict, "match-declined", fault.Text{
		EN: "This match has been declined.", NL: "Deze match is afgewezen.", FR: "Ce match a été refusé."})
	// IsLapsed says that a match fell away before the parties decided.
	IsLapsed = fault.Define(fault.Conflict, "match-lapsed", fault.Text{
		EN: "This match has lapsed.", NL: "Deze match is vervallen.", FR: "Ce match est devenu caduc."})
	// IsCancelled says that a match was cancelled.
	IsCancelled = fault.Define(fault.Conflict, "match-cancelled", fault.Text{
		EN: "This match has been cancelled.", NL: "Deze match is geannuleerd.", FR: "Ce match a été annulé."})
	// IsOpen says that this leervraag is already put to this leerplek.
	IsOpen = fault.Define(fault.Conflict, "match-open", fault.Text{
		EN: "There is an open match of this leervraag and this leerplek already.", NL: "Er is al een open match van deze leervraag en deze leerplek.",
		FR: "Il y a déjà un match en cours entre cette leervraag et cette leerplek."})

	ownCoach = fault.DefineRule("own_coach", fault.Text{
		EN: "cannot be the switcher", NL: "kan niet de switcher zijn", FR: "ne peut pas être le switcher"})

	_ = db.Constraint("matches_open_key", func() *fault.Error { return IsOpen.New() })
	_ = db.Constraint("matches_leervraag_fkey", func() *fault.Error { return fault.At("/leervraag_id", fault.NoReference) })
	_ = db.Constraint("matches_leerplek_fkey", func() *fault.Error { return fault.At("/leerplek_id", fault.NoReference) })
	_ = db.Constraint("matches_switcher_fkey", func() *fault.Error { return fault.At("/leervraag_id", fault.NoReference) })
)
