package webhook

import (
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// NarrowsLive reports whether an endpoint that gets facts, or will once it is verified, was narrowed to an employer.
func (s *Service) NarrowsLive(tx *db.Tx, org id.OrganisationID) (bool, error) {
	var found struct{ Found bool }
	err := db.One(tx, &found, `select exists (select 1 from webhook_endpoints where tenant_id = @tenant and organisation_id = @org
		and status in ('pending', 'active')) as found`, map[string]any{"tenant": tx.Scope.Tenant, "org": org})
	return found.Found, err
}

// Reassign points the disabled and deleted endpoints that the ST-partner narrowed to one employer at another: the two
// were one. A live one is left, and the database refuses the rest: what was let in on one employer does not get the facts
// of another without somebody saying so. What was sent already stays as it was sent.
func (s *Service) Reassign(tx *db.Tx, from, into id.OrganisationID) error {
	args := db.Moved(tx, from, into)
	for _, change := range []string{
		`update webhook_endpoints set organisation_id = @into, revision = revision + 1, updated_at = @now, changed_by = @actor,
			on_behalf_of = @on_behalf_of, request_id = @request where tenant_id = @tenant and organisation_id = @from
			and status not in ('pending', 'active')`,
		`update webhook_secrets set organisation_id = @into where tenant_id = @tenant and organisation_id = @from`,
		`update webhook_recoveries set organisation_id = @into, revision = revision + 1, updated_at = @now, changed_by = @actor,
			on_behalf_of = @on_behalf_of, request_id = @request where tenant_id = @tenant and organisation_id = @from`,
		`update webhook_console_links set organisation_id = @into where tenant_id = @tenant and organisation_id = @from`,
	} {
		if _, err := tx.Run(change, args); err != nil {
			return err
		}
	}
	return nil
}
