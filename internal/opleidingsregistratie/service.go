package opleidingsregistratie

import (
	"context"

	"gorm.io/gorm"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/hours"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// Service holds the verbs of training hours.
type Service struct{}

// New is what an exchange leaves behind for its switcher.
type New struct {
	LeeruitwisselingID id.LeeruitwisselingID
	OrganisationID     id.OrganisationID // the switcher's employer
	MedewerkerID       id.MedewerkerID   // the switcher
	Title              string            // of the leervraag, at most 200 characters
	ProviderName       string            // the receiving employer's, at most 200 characters
	Days               []Day             // that were attended, at least one, each once, each with more than no hours
}

// Record writes the training hours of an exchange, proposed as informal: exchanges count as that under the law of 3 October
// 2022. The transaction has to reach the employee: a caller bound to the host runs it in tx.Unbound. An employee who has
// hours of this exchange already is fault.Exists.
func (Service) Record(_ context.Context, tx *db.Tx, n New) (Registratie, error) {
	r := Registratie{ID: id.NewRegistratie(), OrganisationID: n.OrganisationID, MedewerkerID: n.MedewerkerID, LeeruitwisselingID: n.LeeruitwisselingID,
		Title: n.Title, ProviderName: &n.ProviderName, Classification: Informal, WithinWorkingTime: true}
	r.RootID = r.ID
	e := fault.Unprocessable.New()
	if checkDays(e, n.Days); len(e.Fields) > 0 {
		return r, e
	}
	r.spread(n.Days)
	if err := db.Insert(tx, &r); err != nil {
		return r, err
	}
	return r, record(tx, Recorded, &r)
}

// Correct writes the row that takes the place of another one, and returns it.
func (s Service) Correct(_ context.Context, tx *db.Tx, rid id.RegistratieID, c Correction) (Registratie, error) {
	before, err := s.lock(tx, rid, correct)
	if err != nil {
		return before, err
	}
	next := before
	if err := c.onto(&next); err != nil {
		return before, err
	}
	next.Row, next.ID, next.CorrectsID = db.Row{}, id.NewRegistratie(), &before.ID
	// The old row gives up its place first: a chain has one current row at any time.
	old := before
	old.CorrectedByID = &next.ID
	if _, err := db.Change(tx, before, &old); err != nil {
		return before, err
	}
	if err := db.Insert(tx, &next); err != nil {
		return before, err
	}
	err = fact.Audit(tx, "opleidingsregistratie.correct", next.ID, map[string]any{"corrects_id": before.ID, "hours_before": before.Hours, "hours": next.Hours})
	if err != nil {
		return next, err
	}
	return next, record(tx, Corrected, &next)
}

// Withdraw makes the current row of a chain a tombstone: the hours of the whole chain count no more. Once is enough.
func (s Service) Withdraw(_ context.Context, tx *db.Tx, rid id.RegistratieID) (Registratie, error) {
	before, err := s.lock(tx, rid, withdraw)
	if err != nil || before.state() == withdrawn {
		return before, err
	}
	after, now := before, tx.Now
	after.DeletedAt = &now
	if _, err := db.Change(tx, before, &after); err != nil {
		return after, err
	}
	if err := fact.Audit(tx, "opleidingsregistratie.withdraw", after.ID, map[string]any{"hours": after.Hours}); err != nil {
		return after, err
	}
	return after, record(tx, Withdrawn, &after)
}

// Input is what an employer may add to training hours that stand.
type Input struct {
	ConfirmedByEmployer bool `json:"confirmed_by_employer" binding:"required" example:"true"`
	WithinWorkingTime   bool `json:"within_working_time" binding:"required" example:"true"`
	EmployerSays
} // @name OpleidingsregistratieInput

// Update applies what an employer adds. Nothing changed means no revision and no fact.
func (s Service) Update(_ context.Context, tx *db.Tx, rid id.RegistratieID, check func(Registratie) error, apply func(*Input) error) (Registratie, error) {
	before, err := s.lock(tx, rid, confirm)
	if err != nil {
		return before, err
	}
	if err := check(before); err != nil {
		return before, err
	}
	in := Input{before.ConfirmedByEmployer, before.WithinWorkingTime, before.EmployerSays}
	if err := apply(&in); err != nil {
		return before, err
	}
	after := before
	after.ConfirmedByEmployer, after.WithinWorkingTime, after.EmployerSays = in.ConfirmedByEmployer, in.WithinWorkingTime, in.EmployerSays
	changed, err := db.Change(tx, before, &after)
	if err != nil {
		return after, err
	}
	if !changed {
		return one(tx, rid)
	}
	if err := fact.Audit(tx, "opleidingsregistratie.confirm", after.ID, in); err != nil {
		return after, err
	}
	return after, record(tx, Updated, &after)
}

// lock takes a row for an action, or refuses with the code that names its state. Hours are the employer's to judge, and
// the ST-partner's who recorded them: not the employee's own.
func (Service) lock(tx *db.Tx, rid id.RegistratieID, a action) (Registratie, error) {
	r, err := db.Lock[Registratie](tx, rid)
	if err != nil {
		return r, err
	}
	if tx.Scope.Kind == db.ScopeMedewerker {
		return r, fault.NotAllowed.New()
	}
	now := r.state()
	if _, ok := transitions[now][a]; ok {
		return r, nil
	}
	if now == withdrawn {
		return r, AlreadyWithdrawn.New()
	}
	var current struct{ ID id.RegistratieID }
	err = db.One(tx, &current, `select id from opleidingsregistraties where tenant_id = ? and root_id = ? and corrected_by_id is null`,
		tx.Scope.Tenant, r.RootID)
	if err != nil {
		return r, err
	}
	return r, Superseded.With("current", current.ID.String())
}

// rows reads training hours with what the employer calls the employee, in one statement.
func rows(tx *db.Tx) *gorm.DB {
	return tx.Model(&Registratie{}).Select(`opleidingsregistraties.*, coalesce((select m.external_ids from medewerkers m
		where m.tenant_id = opleidingsregistraties.tenant_id and m.id = opleidingsregistraties.medewerker_id), '[]') as medewerker_external_ids`)
}

func one(tx *db.Tx, rid id.RegistratieID) (Registratie, error) {
	var found []Registratie
	if err := rows(tx).Where("id = ?", rid).Find(&found).Error; err != nil {
		return Registratie{}, err
	}
	if len(found) == 0 {
		return Registratie{}, fault.Missing.New()
	}
	return found[0], nil
}

// block is the total of one classification, or of all.
type block struct {
	Classification *Classification // nil: all together
	Hours          hours.Hours
	Medewerkers    int
	Registraties   int
	Costs
}

// Costs are what training cost an employer, in cents; what nobody said is nothing. They are null for callers bound to an
// employee.
type Costs struct {
	CostDirectCents        *int64 `json:"cost_direct_cents" extensions:"x-nullable" example:"42000"`
	CostContributionsCents *int64 `json:"cost_contributions_cents" extensions:"x-nullable" example:"0"`
	CostGrantsCents        *int64 `json:"cost_grants_cents" extensions:"x-nullable" example:"12000"`
	NetCostCents           *int64 `json:"net_cost_cents" extensions:"x-nullable" example:"30000"` // direct costs and contributions, less grants
}

// noCosts is what nothing comes to.
func noCosts() Costs { return Costs{new(int64), new(int64), new(int64), new(int64)} }

// totals counts the rows that nothing corrects or withdraws, by classification and in all. Of a row, the days within the
// period count; one that knows only its sum counts whole, on its first day, and so do the costs of every row.
func totals(tx *db.Tx, f TotalFilters) ([]block, error) {
	var out []block
	return out, tx.Select(&out, `with counted as (
			select r.classification, r.medewerker_id, r.from_on between p.from_on and p.until_on as begins,
				coalesce(r.cost_direct_cents, 0) as direct, coalesce(r.cost_contributions_cents, 0) as contributions, coalesce(r.cost_grants_cents, 0) as grants,
				case when jsonb_array_length(r.days) = 0 then case when r.from_on between p.from_on and p.until_on then r.hours else 0 end
				else (select coalesce(sum(round((d ->> 'hours')::numeric * 100)), 0) from jsonb_array_elements(r.days) d
					where (d ->> 'date_on')::date between p.from_on and p.until_on) end as hours
			from opleidingsregistraties r,
				(select coalesce(cast(@from as date), '-infinity') as from_on, coalesce(cast(@until as date), 'infinity') as until_on) p
			where r.tenant_id = @tenant and r.corrected_by_id is null and r.deleted_at is null
				and r.from_on <= p.until_on and r.until_on >= p.from_on
				and (cast(@organisation as uuid) is null or r.organisation_id = @organisation)
				and (cast(@medewerker as uuid) is null or r.medewerker_id = @medewerker)
		)
		select classification, coalesce(sum(hours), 0)::bigint as hours,
			count(distinct medewerker_id) as medewerkers, count(*) as registraties,
			coalesce(sum(direct) filter (where begins), 0)::bigint as cost_direct_cents,
			coalesce(sum(contributions) filter (where begins), 0)::bigint as cost_contributions_cents,
			coalesce(sum(grants) filter (where begins), 0)::bigint as cost_grants_cents,
			coalesce(sum(direct + contributions - grants) filter (where begins), 0)::bigint as net_cost_cents
		from counted where hours > 0 group by grouping sets ((classification), ())`,
		map[string]any{"tenant": tx.Scope.Tenant, "organisation": f.OrganisationID, "medewerker": f.MedewerkerID, "from": f.FromOn, "until": f.UntilOn})
}

// For reads the hours that an exchange left an employee, as they count now, or returns fault.Missing where there are none.
func (s Service) For(tx *db.Tx, lui id.LeeruitwisselingID, mdw id.MedewerkerID) (Registratie, error) {
	var r Registratie
	return r, db.Missing(tx.Where("leeruitwisseling_id = ? and medewerker_id = ? and corrected_by_id is null and deleted_at is null", lui, mdw).Take(&r).Error)
}

// Of lists the ids of what an exchange left behind, each chain by the one that counts.
func (s Service) Of(tx *db.Tx, lui id.LeeruitwisselingID) ([]id.RegistratieID, error) {
	ids := []id.RegistratieID{}
	return ids, tx.Select(&ids, `select id from opleidingsregistraties where tenant_id = ? and leeruitwisseling_id = ?
		and corrected_by_id is null and deleted_at is null order by id`, tx.Scope.Tenant, lui)
}
