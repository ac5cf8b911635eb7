package organisation

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/external"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// Service holds the verbs of employers.
type Service struct{}

// Input is what a caller says of an employer: whole when it is made, and as the base of a merge patch.
type Input struct {
	Name             string        `json:"name" binding:"required" minLength:"1" maxLength:"200" example:"Woonzorgcentrum De Linde"`
	EnterpriseNumber *string       `json:"enterprise_number" maxLength:"20" extensions:"x-nullable" example:"0123.456.749"`
	Kind             string        `json:"kind" binding:"required" enums:"profit,non_profit,public,social_economy" example:"non_profit"`
	Sector           string        `json:"sector" binding:"required" minLength:"1" maxLength:"200" example:"ouderenzorg"`
	Workforce        *string       `json:"workforce" enums:"white_collar,blue_collar,mixed" extensions:"x-nullable" example:"mixed"`
	Headcount        *int          `json:"headcount" minimum:"0" maximum:"10000000" extensions:"x-nullable" example:"240"`
	ExternalIDs      external.List `json:"external_ids" validate:"max=20"`
	Maatwerkbedrijf  bool          `json:"maatwerkbedrijf" example:"false"`
	SectorGroup      *string       `json:"sector_group" enums:"care,childcare,other" extensions:"x-nullable" example:"care"`
	SME              *bool         `json:"sme" extensions:"x-nullable" example:"true"`
	WillingToSend    *bool         `json:"willing_to_send" extensions:"x-nullable" example:"true"`
	WillingToHost    *bool         `json:"willing_to_host" extensions:"x-nullable" example:"true"`
} // @name OrganisationInput

func inputOf(o Organisation) Input {
	return Input{o.Name, o.EnterpriseNumber, o.Kind, o.Sector, o.Workforce, o.Headcount, o.ExternalIDs,
		o.Maatwerkbedrijf, o.SectorGroup, o.SME, o.WillingToSend, o.WillingToHost}
}

// onto checks the input and lays it over the row.
func (in Input) onto(o *Organisation) error {
	if in.EnterpriseNumber != nil {
		n, ok := normalNumber(*in.EnterpriseNumber)
		if !ok {
			return fault.At("/enterprise_number", checkDigits)
		}
		in.EnterpriseNumber = &n
	}
	if in.Maatwerkbedrijf && in.Kind != "social_economy" {
		return fault.At("/maatwerkbedrijf", ofSocialEconomy)
	}
	if err := external.Check("/external_ids", in.ExternalIDs); err != nil {
		return err
	}
	o.Name, o.EnterpriseNumber, o.Kind, o.Sector = in.Name, in.EnterpriseNumber, in.Kind, in.Sector
	o.Workforce, o.Headcount, o.ExternalIDs = in.Workforce, in.Headcount, external.Merge(nil, in.ExternalIDs)
	o.Maatwerkbedrijf, o.SectorGroup, o.SME = in.Maatwerkbedrijf, in.SectorGroup, in.SME
	o.WillingToSend, o.WillingToHost = in.WillingToSend, in.WillingToHost
	return nil
}

// Create adds an employer, in stage informed.
func (s Service) Create(_ context.Context, tx *db.Tx, in Input) (Organisation, error) {
	o := Organisation{ID: id.NewOrganisation(), Stage: Informed}
	if err := in.onto(&o); err != nil {
		return o, err
	}
	if err := db.Insert(tx, &o); err != nil {
		return o, err
	}
	if err := external.Set(tx, "organisation", uuid.Nil, o.ID.UUID(), nil, o.ExternalIDs); err != nil {
		return o, err
	}
	return o, record(tx, Created, o)
}

// Update applies a change to an employer. Nothing changed means no revision and no fact.
func (s Service) Update(_ context.Context, tx *db.Tx, oid id.OrganisationID, check func(Organisation) error, apply func(*Input) error) (Organisation, error) {
	before, err := db.Lock[Organisation](tx, oid)
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
	if err := external.Set(tx, "organisation", uuid.Nil, oid.UUID(), before.ExternalIDs, after.ExternalIDs); err != nil {
		return after, err
	}
	return after, record(tx, Updated, after)
}

// Move brings an employer to another stage, or fails with StageNotAllowed. The pipeline is the ST-partner's: a bound
// caller gets fault.NotAllowed.
func (s Service) Move(_ context.Context, tx *db.Tx, oid id.OrganisationID, to Stage) (Organisation, error) {
	before, err := db.Lock[Organisation](tx, oid)
	if err != nil {
		return before, err
	}
	if tx.Scope.Kind != db.ScopeTenant {
		return before, fault.NotAllowed.New()
	}
	if before.Stage == to {
		return before, nil
	}
	if !slices.Contains(transitions[before.Stage], to) {
		return before, StageNotAllowed.With("from", string(before.Stage), "to", string(to))
	}
	after := before
	after.Stage = to
	if _, err := db.Change(tx, before, &after); err != nil {
		return after, err
	}
	return after, record(tx, before.changed(after), after)
}

// changed is the fact that tells what became of the employer.
func (o Organisation) changed(after Organisation) *fact.Type {
	if after.Stage == Engaged && o.Stage != Engaged {
		return BecameEngaged
	}
	return Updated
}

// touched records that a part of the employer changed. The employer's own revision goes up with it, so that a consumer
// who keeps the highest one sees every change.
func touched(tx *db.Tx, oid id.OrganisationID) error {
	n, err := tx.Run(`update organisations set revision = revision + 1, updated_at = ?, changed_by = ?, on_behalf_of = ?, request_id = ?
		where tenant_id = ? and id = ?`, tx.Now, tx.Actor, tx.OnBehalfOf, tx.RequestID, tx.Scope.Tenant, oid)
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.Missing.New()
	}
	o, err := db.Get[Organisation](tx, oid)
	if err != nil {
		return err
	}
	return record(tx, Updated, o)
}

// part is a row that belongs to one employer.
type part interface {
	Site | Department | Contact | Need
}

// addPart writes a new part of an employer.
func addPart[P part](tx *db.Tx, oid id.OrganisationID, p *P) error {
	if err := touched(tx, oid); err != nil {
		return err
	}
	return db.Insert(tx, p)
}

// changePart locks a part of the employer, lets apply change it, and writes what differs.
func changePart[P part, ID any](tx *db.Tx, oid id.OrganisationID, pid ID, apply func(*P) error) (P, error) {
	var before P
	err := db.One(tx, &before, `select * from `+partTable[P]()+` where tenant_id = ? and organisation_id = ? and id = ? for update`,
		tx.Scope.Tenant, oid, pid)
	if err != nil {
		return before, err
	}
	after := before
	if err := apply(&after); err != nil {
		return before, err
	}
	changed, err := db.Change(tx, before, &after)
	if err != nil || !changed {
		return after, err
	}
	return after, touched(tx, oid)
}

func partTable[P part]() string {
	var p P
	return any(p).(interface{ TableName() string }).TableName()
}

// getPart reads one part of an employer.
func getPart[P part, ID any](tx *db.Tx, oid id.OrganisationID, pid ID) (P, error) {
	var p P
	return p, db.One(tx, &p, `select * from `+partTable[P]()+` where tenant_id = ? and organisation_id = ? and id = ?`, tx.Scope.Tenant, oid, pid)
}

// Get reads an employer, or returns fault.Missing.
func (s Service) Get(tx *db.Tx, oid id.OrganisationID) (Organisation, error) {
	return db.Get[Organisation](tx, oid)
}
