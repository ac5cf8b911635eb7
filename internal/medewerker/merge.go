package medewerker

import (
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/external"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// ShareIDs reports whether employees of two employers go by one id in one system: another employer's 1001 is another
// person.
func (s Service) ShareIDs(tx *db.Tx, a, b id.OrganisationID) (bool, error) {
	return external.Shared(tx, "medewerker", a.UUID(), b.UUID())
}

// Reassign gives the employees of one employer to another: the two were one. Nothing else changes anybody's employer.
func (s Service) Reassign(tx *db.Tx, from, into id.OrganisationID) error {
	if _, err := tx.Run(`update medewerkers set organisation_id = @into, revision = revision + 1, updated_at = @now, changed_by = @actor,
		on_behalf_of = @on_behalf_of, request_id = @request where tenant_id = @tenant and organisation_id = @from`, db.Moved(tx, from, into)); err != nil {
		return err
	}
	return external.Reassign(tx, "medewerker", from.UUID(), into.UUID())
}
