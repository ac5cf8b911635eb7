package match

import (
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// OpenBetween reports whether a match that is not over stands between two employers.
func (s Service) OpenBetween(tx *db.Tx, a, b id.OrganisationID) (bool, error) {
	var found struct{ Found bool }
	err := db.One(tx, &found, `select exists (select 1 from matches where tenant_id = @tenant and status in ('draft', 'proposed', 'accepted')
		and (sending_organisation_id = @from and receiving_organisation_id = @into or sending_organisation_id = @into and receiving_organisation_id = @from)) as found`,
		db.Moved(tx, a, b))
	return found.Found, err
}

// Reassign gives the matches of one employer to another, on both sides, with what was decided and noted: the two were
// one. What is over between them becomes a match within one employer. An open one, that came after OpenBetween looked, is
// left, and the database refuses the rest: nobody agreed to it as a match within one employer.
func (s Service) Reassign(tx *db.Tx, from, into id.OrganisationID) error {
	args := db.Moved(tx, from, into)
	if _, err := tx.Run(`update matches set
			sending_organisation_id = case when sending_organisation_id = @from then @into else sending_organisation_id end,
			receiving_organisation_id = case when receiving_organisation_id = @from then @into else receiving_organisation_id end,
			internal = internal or @into in (sending_organisation_id, receiving_organisation_id),
			revision = revision + 1, updated_at = @now, changed_by = @actor, on_behalf_of = @on_behalf_of, request_id = @request
		where tenant_id = @tenant and @from in (sending_organisation_id, receiving_organisation_id)
			and not (status in ('draft', 'proposed', 'accepted') and @into in (sending_organisation_id, receiving_organisation_id))`, args); err != nil {
		return err
	}
	if _, err := tx.Run(`update match_decisions set
			sending_organisation_id = case when sending_organisation_id = @from then @into else sending_organisation_id end,
			receiving_organisation_id = case when receiving_organisation_id = @from then @into else receiving_organisation_id end
		where tenant_id = @tenant and @from in (sending_organisation_id, receiving_organisation_id)`, args); err != nil {
		return err
	}
	if _, err := tx.Run(`update match_reasons set organisation_id = @into where tenant_id = @tenant and organisation_id = @from`, args); err != nil {
		return err
	}
	_, err := tx.Run(`update match_notes set organisation_id = @into where tenant_id = @tenant and organisation_id = @from`, args)
	return err
}
