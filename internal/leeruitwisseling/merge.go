package leeruitwisseling

import (
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// Concerns reports whether an employer sent or received in any exchange, also one that was cancelled. Its name stands
// then in what was signed, in training hours and on certificates.
func (s Service) Concerns(tx *db.Tx, org id.OrganisationID) (bool, error) {
	var found struct{ Found bool }
	err := db.One(tx, &found, `select exists (select 1 from leeruitwisselingen where tenant_id = @tenant and @org in (sending_organisation_id, receiving_organisation_id)) as found`,
		map[string]any{"tenant": tx.Scope.Tenant, "org": org})
	return found.Found, err
}
