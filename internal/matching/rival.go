package matching

import (
	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// rivalry is two employers between whom nobody switches: they compete (seed 001, 5.4: "competitieve bedrijfskennis"). The
// ST-partner names a pair; an employer names its own rivals, and only the ST-partner and itself know.
type rivalry struct {
	db.Row
	ID             id.RivalID `gorm:"primaryKey"`
	OrganisationID id.OrganisationID
	RivalID        id.OrganisationID
	NamedBy        *id.OrganisationID // nil: the ST-partner
}

// TableName is the table of rivals.
func (rivalry) TableName() string { return "rivals" }

// Key places a pair in a list.
func (r rivalry) Key() (int64, uuid.UUID) { return r.Pos, r.ID.UUID() }

var (
	sameOrganisation = fault.DefineRule("same_organisation", fault.Text{
		EN: "is the same employer", NL: "is dezelfde werkgever", FR: "est le même employeur"})

	_ = db.Constraint("rivals_organisation_fkey", func() *fault.Error { return fault.At("/organisation_id", fault.NoReference) })
	_ = db.Constraint("rivals_rival_fkey", func() *fault.Error { return fault.At("/rival_organisation_id", fault.NoReference) })
)

// name keeps a pair of rivals. A bound caller names its own employer's; who they are it knows by their leerplekken alone.
func name(tx *db.Tx, in RivalInput) (rivalry, error) {
	r := rivalry{ID: id.NewRival(), OrganisationID: in.OrganisationID, RivalID: in.RivalOrganisationID}
	if tx.Scope.Kind == db.ScopeMedewerker {
		return r, fault.NotAllowed.New()
	}
	if tx.Scope.Kind == db.ScopeOrganisation {
		if in.OrganisationID.UUID() != tx.Scope.Organisation {
			return r, fault.At("/organisation_id", fault.NoReference)
		}
		r.NamedBy = &r.OrganisationID
	}
	if r.OrganisationID == r.RivalID {
		return r, fault.At("/rival_organisation_id", sameOrganisation)
	}
	var known struct{ Seen, Twice bool }
	if err := db.One(tx, &known, `select exists (select 1 from organisations where tenant_id = @tenant and id = @rival)
				or exists (select 1 from leerplekken where tenant_id = @tenant and organisation_id = @rival) as seen,
			exists (select 1 from rivals where tenant_id = @tenant and organisation_id = @rival and rival_id = @own and named_by is null) as twice`,
		map[string]any{"tenant": tx.Scope.Tenant, "rival": r.RivalID, "own": r.OrganisationID}); err != nil {
		return r, err
	}
	switch {
	case !known.Seen:
		return r, fault.At("/rival_organisation_id", fault.NoReference)
	case known.Twice && r.NamedBy == nil: // a pair has no order
		return r, fault.Exists.New()
	}
	if err := db.Insert(tx, &r); err != nil {
		return r, err
	}
	return r, fact.Audit(tx, "rival.name", r.ID, map[string]any{"organisation_id": r.OrganisationID, "rival_organisation_id": r.RivalID, "named_by": r.NamedBy})
}

// unname forgets a pair of rivals.
func unname(tx *db.Tx, rid id.RivalID) error {
	r, err := db.Lock[rivalry](tx, rid)
	if err != nil {
		return err
	}
	if _, err := tx.Run(`delete from rivals where tenant_id = ? and id = ?`, tx.Scope.Tenant, rid); err != nil {
		return err
	}
	return fact.Audit(tx, "rival.unname", r.ID, map[string]any{"organisation_id": r.OrganisationID, "rival_organisation_id": r.RivalID, "named_by": r.NamedBy})
}
