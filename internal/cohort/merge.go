package cohort

import (
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// Reassign gives what one employer has in cohorten to another: the two were one. Nobody stays its own rival, and nobody
// prefers the employer that became their own.
func (s Service) Reassign(tx *db.Tx, from, into id.OrganisationID) error {
	args := db.Moved(tx, from, into)
	for _, change := range []string{
		`update cohort_leervragen set organisation_id = @into where tenant_id = @tenant and organisation_id = @from`,
		`update cohort_leerplekken set organisation_id = @into where tenant_id = @tenant and organisation_id = @from`,
		`insert into cohort_rivals (tenant_id, cohort_id, organisation_id, rival_id)
			select tenant_id, cohort_id, least(@into, other), greatest(@into, other)
			from (select tenant_id, cohort_id, case when organisation_id = @from then rival_id else organisation_id end as other
				from cohort_rivals where tenant_id = @tenant and @from in (organisation_id, rival_id)) r
			where other <> @into on conflict do nothing`,
		`delete from cohort_rivals where tenant_id = @tenant and @from in (organisation_id, rival_id)`,
		`update cohort_preferences p set
				organisation_id = case when organisation_id = @from then @into else organisation_id end,
				organisation_ids = array(select x.named from (
						select case when o.id = @from then @into else o.id end as named, min(o.place) as place
						from unnest(p.organisation_ids) with ordinality o (id, place)
						where o.id = p.organisation_id or o.id not in (@from, @into) or p.organisation_id not in (@from, @into)
						group by 1) x order by x.place)
			where tenant_id = @tenant and (organisation_id = @from or @from = any (organisation_ids))
				and exists (select 1 from unnest(p.organisation_ids) o (id)
					where o.id = p.organisation_id or o.id not in (@from, @into) or p.organisation_id not in (@from, @into))`,
		`delete from cohort_preferences where tenant_id = @tenant and (organisation_id = @from or @from = any (organisation_ids))`,
	} {
		if _, err := tx.Run(change, args); err != nil {
			return err
		}
	}
	return nil
}
