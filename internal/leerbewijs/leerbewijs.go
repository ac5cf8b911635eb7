// Package leerbewijs holds the certificates that switchers and leercoaches take home from an exchange: a PDF with a code,
// and a public page that says whether it still holds (seed 001, section 5.7).
package leerbewijs

import (
	"time"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/hours"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
)

// Status is where a leerbewijs stands.
type Status string // @name LeerbewijsStatus

// The statuses.
const (
	StatusIssued    Status = "issued"
	StatusSuspended Status = "suspended" // does not count for now
	StatusRevoked   Status = "revoked"   // never counts again
	StatusExpired   Status = "expired"   // issued, and its last day is over: computed, never stored
)

// Statuses lists those that are stored.
var Statuses = []Status{StatusIssued, StatusSuspended, StatusRevoked}

// Leerbewijs is one certificate: a copy of what was true when it was issued.
type Leerbewijs struct {
	db.Row
	ID                      id.LeerbewijsID `gorm:"primaryKey"`
	LeeruitwisselingID      id.LeeruitwisselingID
	OrganisationID          id.OrganisationID // the holder's employer
	MedewerkerID            id.MedewerkerID   // the holder
	Role                    string            // switcher or leercoach
	Status                  Status
	Lang                    string // of the PDF: nl, fr or en
	HolderName              string
	Title                   *string // of the leervraag; nil where it is not to be told
	Goals                   db.Strings
	SendingName             string
	ReceivingName           string
	Place                   *string
	Hours                   hours.Hours
	Classification          string
	FromOn, UntilOn         day.Date
	IssuedAt                time.Time
	ValidUntilOn            *day.Date // the last day on which it holds, in the tenant's zone; nil for ever
	SuspendedAt             *time.Time
	SuspendReason           *string
	RevokedAt               *time.Time
	RevokeReason            *string
	OpleidingsregistratieID *id.RegistratieID // the first row of the training hours that it goes with; nil for a leercoach
	KeySealed               []byte            // what in the printed link makes the name show
}

// TableName is the table of certificates.
func (Leerbewijs) TableName() string { return "leerbewijzen" }

// Key places a certificate in a list.
func (l Leerbewijs) Key() (int64, uuid.UUID) { return l.Pos, l.ID.UUID() }

// Bounds say by which columns bound callers find theirs.
func (Leerbewijs) Bounds() page.Bounds { return page.OfEmployee("organisation_id", "medewerker_id") }

// StatusOn is the status on a day of the tenant's zone.
func (l Leerbewijs) StatusOn(today day.Date) Status {
	if l.Status == StatusIssued && l.ValidUntilOn != nil && l.ValidUntilOn.Before(today) {
		return StatusExpired
	}
	return l.Status
}

type action string

const (
	suspend   action = "suspend"
	reinstate action = "reinstate"
	revoke    action = "revoke"
	change    action = "change" // its language, its last day
	printing  action = "print"
)

// transitions says what an action makes of a leerbewijs; what is missing here is refused, and what stays the same is done
// already.
var transitions = map[Status]map[action]Status{
	StatusIssued:    {suspend: StatusSuspended, reinstate: StatusIssued, revoke: StatusRevoked, change: StatusIssued, printing: StatusIssued},
	StatusSuspended: {suspend: StatusSuspended, reinstate: StatusIssued, revoke: StatusRevoked, change: StatusSuspended, printing: StatusSuspended},
	StatusRevoked:   {revoke: StatusRevoked},
}

var (
	// Exists says that the person has a leerbewijs of this exchange already.
	Exists = fault.Define(fault.Conflict, "leerbewijs-exists", fault.Text{
		EN: "There is a certificate of this exchange for this person already: revoke it before you issue another.",
		NL: "Er is al een leerbewijs van deze leeruitwisseling voor deze persoon: trek het in voor u een ander uitreikt.",
		FR: "Cette personne a déjà une attestation pour cet échange : retirez-la avant d’en délivrer une autre."})
	// NoHours says that there is nothing to certify.
	NoHours = fault.Define(fault.Conflict, "leerbewijs-no-hours", fault.Text{
		EN: "Without attended hours there is nothing to certify.", NL: "Zonder bijgewoonde uren is er niets om te bewijzen.",
		FR: "Sans heures suivies, il n’y a rien à attester."})
	// IsRevoked says that a leerbewijs was revoked, which is for ever.
	IsRevoked = fault.Define(fault.Conflict, "leerbewijs-revoked", fault.Text{
		EN: "This certificate was revoked.", NL: "Dit leerbewijs werd ingetrokken.", FR: "Cette attestation a été retirée."})

	_ = db.Constraint("leerbewijzen_holder_key", func() *fault.Error { return Exists.New() })
)
