package leervraag

import (
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// Reassign gives the leervragen of one employer to another, with all that was asked before: the two were one.
func (s Service) Reassign(tx *db.Tx, from, into id.OrganisationID) error {
	args := db.Moved(tx, from, into)
	if _, err := tx.Run(`update leervragen set organisation_id = @into, revision = revision + 1, updated_at = @now, changed_by = @actor,
		on_behalf_of = @on_behalf_of, request_id = @request where tenant_id = @tenant and organisation_id = @from`, args); err != nil {
		return err
	}
	_, err := tx.Run(`update leervraag_versions set organisation_id = @into where tenant_id = @tenant and organisation_id = @from`, args)
	return err
}
