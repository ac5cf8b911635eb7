package matching

import (
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// Reassign gives the rivals and the dismissed suggestions of one employer to another: the two were one. A pair that the
// other has already, or that would be of one employer, is forgotten.
func (s *Service) Reassign(tx *db.Tx, from, into id.OrganisationID) error {
	args := db.Moved(tx, from, into)
	for _, change := range []string{
		`delete from rivals r where tenant_id = @tenant and @from in (organisation_id, rival_id) and (@into in (organisation_id, rival_id)
			or exists (select 1 from rivals x where x.tenant_id = r.tenant_id
				and x.organisation_id = case when r.organisation_id = @from then @into else r.organisation_id end
				and x.rival_id = case when r.rival_id = @from then @into else r.rival_id end
				and x.named_by is not distinct from case when r.named_by = @from then @into else r.named_by end))`,
		`update rivals set organisation_id = case when organisation_id = @from then @into else organisation_id end,
				rival_id = case when rival_id = @from then @into else rival_id end, named_by = case when named_by = @from then @into else named_by end,
				revision = revision + 1, updated_at = @now, changed_by = @actor, on_behalf_of = @on_behalf_of, request_id = @request
			where tenant_id = @tenant and @from in (organisation_id, rival_id)`,
		`update suggestion_dismissals set organisation_id = case when organisation_id = @from then @into else organisation_id end,
				receiving_organisation_id = case when receiving_organisation_id = @from then @into else receiving_organisation_id end
			where tenant_id = @tenant and @from in (organisation_id, receiving_organisation_id)`,
	} {
		if _, err := tx.Run(change, args); err != nil {
			return err
		}
	}
	return nil
}
