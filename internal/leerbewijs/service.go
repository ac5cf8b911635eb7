package leerbewijs

import (
	"context"
	"slices"
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/hours"
	"github.com/switchingtalent/switchboard/internal/platform/html"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/seal"
)

// Issuer is what a leerbewijs shows of the tenant that issues it.
type Issuer struct {
	Name            string
	Primary, Accent string         // colours, #rrggbb; empty for ours
	Zone            *time.Location // of its days
	Lang            string         // nl, fr or en
}

func (i Issuer) brand() html.Brand {
	return html.Brand{Name: i.Name, Primary: i.Primary, Accent: i.Accent}
}

// Service holds the verbs of certificates.
type Service struct {
	PublicURL string // what the printed link starts with, without a slash at its end
	Box       *seal.Box
	Tenant    func(*db.Tx) (Issuer, error) // the issuer, whatever binds the caller
}

// New is what an exchange says of somebody who took part. Names and places are copied: they stay as they were.
type New struct {
	LeeruitwisselingID      id.LeeruitwisselingID
	OrganisationID          id.OrganisationID // the holder's employer
	MedewerkerID            id.MedewerkerID   // the holder
	Role                    string            // switcher or leercoach
	Lang                    string            // the holder's; another one than nl, fr or en becomes the tenant's
	HolderName              string
	Title                   *string // of the leervraag; nil leaves it out
	Goals                   []string
	SendingName             string
	ReceivingName           string
	Place                   *string
	Hours                   hours.Hours       // attended; none is NoHours
	Classification          string            // informal, formal or initial
	From, Until             day.Date          // the first and last day attended
	OpleidingsregistratieID *id.RegistratieID // the first row of the holder's training hours; nil where there are none
}

// directory is the kind of name under which the directory knows certificates by their id, for the public check.
const directory = "leerbewijs"

// Issue makes a leerbewijs. The transaction has to reach the holder. One that the holder has of this exchange already is
// Exists, unless it was revoked.
func (s Service) Issue(_ context.Context, tx *db.Tx, n New) (Leerbewijs, error) {
	l := Leerbewijs{ID: id.NewLeerbewijs(), LeeruitwisselingID: n.LeeruitwisselingID, OrganisationID: n.OrganisationID, MedewerkerID: n.MedewerkerID,
		Role: n.Role, Status: StatusIssued, Lang: n.Lang, HolderName: n.HolderName, Title: n.Title, Goals: n.Goals, SendingName: n.SendingName,
		ReceivingName: n.ReceivingName, Place: n.Place, Hours: n.Hours, Classification: n.Classification, FromOn: n.From, UntilOn: n.Until,
		OpleidingsregistratieID: n.OpleidingsregistratieID, IssuedAt: tx.Now}
	if l.Hours <= 0 {
		return l, NoHours.New()
	}
	if !slices.Contains([]string{"nl", "fr", "en"}, l.Lang) {
		issuer, err := s.Tenant(tx)
		if err != nil {
			return l, err
		}
		l.Lang = issuer.Lang
	}
	var err error
	if l.KeySealed, err = s.Box.Seal([]byte(newKey()), place(tx.Scope.Tenant, l.ID)); err != nil {
		return l, err
	}
	if err := db.Insert(tx, &l); err != nil {
		return l, err
	}
	if err := tx.Enlist(directory, l.ID.String(), l.ID.UUID()); err != nil {
		return l, err
	}
	err = fact.Audit(tx, "leerbewijs.issue", l.ID, map[string]any{"leeruitwisseling_id": l.LeeruitwisselingID, "medewerker_id": l.MedewerkerID,
		"role": l.Role, "hours": l.Hours})
	if err != nil {
		return l, err
	}
	return l, s.record(tx, Issued, l)
}

// Revoke ends a leerbewijs for ever. Once is enough.
func (s Service) Revoke(_ context.Context, tx *db.Tx, lid id.LeerbewijsID, reason string) (Leerbewijs, error) {
	return s.move(tx, lid, revoke, Revoked, func(l *Leerbewijs) {
		now := tx.Now
		l.RevokedAt, l.RevokeReason, l.SuspendedAt, l.SuspendReason = &now, &reason, nil, nil
	})
}

// Suspend makes a leerbewijs not count for now. Once is enough.
func (s Service) Suspend(_ context.Context, tx *db.Tx, lid id.LeerbewijsID, reason string) (Leerbewijs, error) {
	return s.move(tx, lid, suspend, Updated, func(l *Leerbewijs) {
		now := tx.Now
		l.SuspendedAt, l.SuspendReason = &now, &reason
	})
}

// Reinstate makes a suspended leerbewijs count again.
func (s Service) Reinstate(_ context.Context, tx *db.Tx, lid id.LeerbewijsID) (Leerbewijs, error) {
	return s.move(tx, lid, reinstate, Updated, func(l *Leerbewijs) { l.SuspendedAt, l.SuspendReason = nil, nil })
}

// move takes an action to the state that it leads to. What is there already stays as it is.
func (s Service) move(tx *db.Tx, lid id.LeerbewijsID, a action, t *fact.Type, apply func(*Leerbewijs)) (Leerbewijs, error) {
	before, err := s.lock(tx, lid, a)
	to := transitions[before.Status][a]
	if err != nil || to == before.Status {
		return before, err
	}
	after := before
	after.Status = to
	apply(&after)
	if _, err := db.Change(tx, before, &after); err != nil {
		return after, err
	}
	if err := fact.Audit(tx, "leerbewijs."+string(a), lid, map[string]any{"from": before.Status, "to": to}); err != nil {
		return after, err
	}
	return after, s.record(tx, t, after)
}

// Input is what of a leerbewijs can change after it was issued.
type Input struct {
	Lang         string    `json:"lang" binding:"required" enums:"nl,fr,en" example:"nl"`
	ValidUntilOn *day.Date `json:"valid_until_on" format:"date" extensions:"x-nullable" example:"2032-01-12"`
} // @name LeerbewijsInput

// Update changes the language or the last day. Nothing changed means no revision and no fact.
func (s Service) Update(_ context.Context, tx *db.Tx, lid id.LeerbewijsID, check func(Leerbewijs) error, apply func(*Input) error) (Leerbewijs, error) {
	before, err := s.lock(tx, lid, change)
	if err != nil {
		return before, err
	}
	if err := check(before); err != nil {
		return before, err
	}
	in := Input{before.Lang, before.ValidUntilOn}
	if err := apply(&in); err != nil {
		return before, err
	}
	issuer, err := s.Tenant(tx)
	if err != nil {
		return before, err
	}
	if in.ValidUntilOn != nil && in.ValidUntilOn.Before(day.At(before.IssuedAt, issuer.Zone)) {
		return before, fault.At("/valid_until_on", fault.BadOrder, "other", "issued_at")
	}
	after := before
	after.Lang, after.ValidUntilOn = in.Lang, in.ValidUntilOn
	changed, err := db.Change(tx, before, &after)
	if err != nil || !changed {
		return after, err
	}
	return after, s.record(tx, Updated, after)
}

// lock takes a leerbewijs for an action, or refuses with the code that names its state. The holder does not judge its own.
func (s Service) lock(tx *db.Tx, lid id.LeerbewijsID, a action) (Leerbewijs, error) {
	l, err := db.Lock[Leerbewijs](tx, lid)
	if err != nil {
		return l, err
	}
	if tx.Scope.Kind == db.ScopeMedewerker {
		return l, fault.NotAllowed.New()
	}
	return l, allowed(l, a)
}

func allowed(l Leerbewijs, a action) error {
	if _, ok := transitions[l.Status][a]; !ok {
		return IsRevoked.New()
	}
	return nil
}

// certificate is what the PDF says.
func (s Service) certificate(l Leerbewijs, i Issuer) (certificate, error) {
	url, err := s.checkURL(l)
	c := certificate{ID: l.ID.String(), Lang: l.Lang, Tenant: i.Name, Brand: i.brand(), Name: l.HolderName, Role: l.Role, Sending: l.SendingName,
		Receiving: l.ReceivingName, Goals: l.Goals, Hours: l.Hours, From: l.FromOn, Until: l.UntilOn, IssuedAt: l.IssuedAt.In(i.Zone), CheckURL: url}
	if l.Place != nil {
		c.Place = *l.Place
	}
	if l.Title != nil {
		c.Title = *l.Title
	}
	return c, err
}
