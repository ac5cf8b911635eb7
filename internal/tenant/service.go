package tenant

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm/clause"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// Service holds the verbs of tenants.
type Service struct{}

// Defaults of a new tenant: the method's home, its language, and two weeks before the surveys go out (the schema says
// the same).
const (
	defaultZone        = "Europe/Brussels"
	defaultLang        = "nl"
	defaultSurveyDelay = 14
)

// AsOperator is the Who of the operator's own work outside a request: the command line. The reason stands in the rows
// that it changes.
func AsOperator(reason string) db.Who {
	return db.Who{Scope: db.Scope{Tenant: OperatorID.UUID(), Kind: db.ScopeOperator}, Actor: "system:" + reason,
		Principal: auth.Principal{TenantID: OperatorID}}
}

func fresh(tid id.TenantID, slug, name string, sandbox bool) Tenant {
	return Tenant{ID: tid, Slug: slug, Name: trimmed(name), Sandbox: sandbox, Zone: defaultZone, Lang: defaultLang,
		RequiredParties: db.Strings{"sending", "receiving"}, SurveyDelayDays: defaultSurveyDelay, FrameOrigins: db.Strings{}}
}

// EnsureOperator makes the tenant that the operator's clients live in, once; several processes may call it at the same
// time.
func (Service) EnsureOperator(ctx context.Context, d *db.DB) error {
	return d.InTenant(ctx, AsOperator("bootstrap"), func(tx *db.Tx) error {
		t := fresh(OperatorID, operatorSlug, "Operator", false)
		made := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&t)
		if made.Error != nil || made.RowsAffected == 0 {
			return made.Error
		}
		return tx.Enlist(directory, t.Slug, t.ID.UUID())
	})
}

// Open writes the row of a new tenant. It runs inside that tenant (db.Tx.AsTenant), and fails with SlugTaken.
func (Service) Open(_ context.Context, tx *db.Tx, slug, name string, sandbox bool) (Tenant, error) {
	t := fresh(tx.TenantID(), slug, name, sandbox)
	if err := checkSlug(slug); err != nil {
		return t, err
	}
	if err := tx.Enlist(directory, slug, t.ID.UUID()); err != nil {
		// The key over all names is hit by a slug alone: every other name is random.
		if db.IsConstraint(err, "directory_pkey") {
			return t, SlugTaken.Because(err)
		}
		return t, err
	}
	return t, db.Insert(tx, &t)
}

// Input is what a tenant decides about itself: the base of a merge patch.
type Input struct {
	Name            string   `json:"name" binding:"required" minLength:"1" maxLength:"200" example:"Blenders"`
	Zone            string   `json:"zone" binding:"required" maxLength:"60" example:"Europe/Brussels"`
	Lang            string   `json:"lang" binding:"required" enums:"nl,fr,en" example:"nl"`
	PrimaryColour   *string  `json:"primary_colour" maxLength:"7" extensions:"x-nullable,x-pattern=^#[0-9a-fA-F]{6}$" example:"#1d4e5f"`
	AccentColour    *string  `json:"accent_colour" maxLength:"7" extensions:"x-nullable,x-pattern=^#[0-9a-fA-F]{6}$" example:"#f2a541"`
	RequiredParties []string `json:"required_parties" binding:"required" enums:"sending,receiving,switcher,leercoach" validate:"max=4,unique" example:"sending,receiving"`
	SurveyDelayDays int      `json:"survey_delay_days" binding:"required" minimum:"0" maximum:"365" example:"14"`
	// Origins of pages that may show the webhook console in a frame.
	FrameOrigins []string `json:"frame_origins" binding:"required" maxLength:"190" validate:"max=10,unique" example:"https://partner.example"`
} // @name TenantInput

func inputOf(t Tenant) Input {
	return Input{t.Name, t.Zone, t.Lang, t.PrimaryColour, t.AccentColour, t.RequiredParties, t.SurveyDelayDays, t.FrameOrigins}
}

// onto checks the input and lays it over the row.
func (in Input) onto(t *Tenant) error {
	e := fault.Unprocessable.New()
	if _, ok := Zone(in.Zone); !ok {
		e.At("/zone", fault.Unusable, "format", "a time zone like Europe/Brussels")
	}
	t.Name, t.Zone, t.Lang, t.SurveyDelayDays = trimmed(in.Name), in.Zone, in.Lang, in.SurveyDelayDays
	t.PrimaryColour = colour(e, "/primary_colour", in.PrimaryColour)
	t.AccentColour = colour(e, "/accent_colour", in.AccentColour)
	t.RequiredParties = checkParties(e, in.RequiredParties)
	t.FrameOrigins = checkOrigins(e, in.FrameOrigins)
	if len(e.Fields) > 0 {
		return e
	}
	return nil
}

// Update applies a change to the transaction's own tenant. Nothing changed means no revision and no fact.
func (Service) Update(_ context.Context, tx *db.Tx, check func(Tenant) error, apply func(*Input) error) (Tenant, error) {
	before, err := db.Lock[Tenant](tx, tx.TenantID())
	if err != nil {
		return before, err
	}
	if err := check(before); err != nil {
		return before, err
	}
	in := inputOf(before)
	if err := apply(&in); err != nil {
		return before, err
	}
	after := before
	if err := in.onto(&after); err != nil {
		return before, err
	}
	changed, err := db.Change(tx, before, &after)
	if err != nil || !changed {
		return after, err
	}
	return after, Updated.Record(tx, fact.Event{Subject: after.ID, Revision: after.Revision})
}

// Settings are what other nouns follow.
type Settings struct {
	TenantID        id.TenantID
	Slug            string
	Name            string
	Sandbox         bool
	Zone            *time.Location // of days and calendars
	Lang            string         // nl, fr or en
	PrimaryColour   *string        // #rrggbb
	AccentColour    *string        // #rrggbb
	RequiredParties []string       // who must accept a match: sending, receiving, switcher, leercoach, in this order
	SurveyDelayDays int            // from the last day of an exchange until its surveys go out
	FrameOrigins    []string       // of pages that may show the webhook console in a frame
}

// Settings reads the settings of the transaction's tenant: one row by its key, whatever binds the caller. A GET that
// needs them beside its own statement says web.Snapshot.
func (Service) Settings(tx *db.Tx) (Settings, error) {
	t, err := db.Get[Tenant](tx, tx.TenantID())
	if err != nil {
		return Settings{}, err
	}
	zone, ok := Zone(t.Zone)
	if !ok {
		return Settings{}, fmt.Errorf("tenant: %s has a zone that this program does not know", t.ID)
	}
	return Settings{t.ID, t.Slug, t.Name, t.Sandbox, zone, t.Lang, t.PrimaryColour, t.AccentColour, t.RequiredParties, t.SurveyDelayDays, t.FrameOrigins}, nil
}
