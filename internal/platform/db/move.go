package db

import "github.com/switchingtalent/switchboard/internal/platform/id"

// Moved are the named arguments of statements that give the rows of one employer to another: @tenant, @from, @into, and
// what a changed row carries. The foreign keys that name an employer are deferrable, so each noun moves its own.
func Moved(tx *Tx, from, into id.OrganisationID) map[string]any {
	return map[string]any{"tenant": tx.Scope.Tenant, "from": from, "into": into, "now": tx.Now, "actor": tx.Actor,
		"on_behalf_of": tx.OnBehalfOf, "request": tx.RequestID}
}
