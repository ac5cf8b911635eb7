package leerplek

import (
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// Reassign gives the leerplekken of one employer to another, with their leercoaches: the two were one.
func (s Service) Reassign(tx *db.Tx, from, into id.OrganisationID) error {
	args := db.Moved(tx, from, into)
	if _, err := tx.Run(`update leerplekken set organisation_id = @into, revision = revision + 1, updated_at = @now, changed_by = @actor,
		on_behalf_of = @on_behalf_of, request_id = @request where tenant_id = @tenant and organisation_id = @from`, args); err != nil {
		return err
	}
	_, err := tx.Run(`update leerplek_coaches set organisation_id = @into where tenant_id = @tenant and organisation_id = @from`, args)
	return err
}
