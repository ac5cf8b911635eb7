package access

import (
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// BindsLive reports whether a client that was not revoked is bound to an employer, or to one of its employees.
func (s *Service) BindsLive(tx *db.Tx, org id.OrganisationID) (bool, error) {
	var found struct{ Found bool }
	err := db.One(tx, &found, `select exists (select 1 from clients where tenant_id = @tenant and organisation_id = @org and revoked_at is null) as found`,
		map[string]any{"tenant": tx.Scope.Tenant, "org": org})
	return found.Found, err
}

// Reassign gives the revoked clients of one employer to another: the two were one. A live one is left, and the database
// refuses the rest: whom an employer let in is not let in by another without being asked.
func (s *Service) Reassign(tx *db.Tx, from, into id.OrganisationID) error {
	_, err := tx.Run(`update clients set organisation_id = @into, revision = revision + 1, updated_at = @now, changed_by = @actor,
		on_behalf_of = @on_behalf_of, request_id = @request where tenant_id = @tenant and organisation_id = @from and revoked_at is not null`, db.Moved(tx, from, into))
	return err
}
