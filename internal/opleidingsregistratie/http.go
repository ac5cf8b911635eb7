package opleidingsregistratie

import (
	"context"
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/external"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/hours"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// Routes are the doors of training hours. Completing an exchange records them: that door is a journey.
func (s Service) Routes() []web.Route {
	return []web.Route{
		web.List("/v1/opleidingsregistraties", "opleidingsregistratie:read", s.list, web.Syncs),
		web.Get("/v1/opleidingsregistraties/totals", "opleidingsregistratie:read", s.totals),
		web.Get("/v1/opleidingsregistraties/:id", "opleidingsregistratie:read", s.get),
		web.Patch("/v1/opleidingsregistraties/:id", "opleidingsregistratie:write", s.update),
		web.Delete("/v1/opleidingsregistraties/:id", "opleidingsregistratie:write", s.withdraw),
		web.List("/v1/opleidingsregistraties/:id/history", "opleidingsregistratie:read", s.history),
		web.Act("/v1/opleidingsregistraties/:id/correct", "opleidingsregistratie:write", s.correct),
	}
}

// Wire is training hours as callers see them. Of a tombstone, what says who learned and what is null.
type Wire struct {
	ID                    id.RegistratieID      `json:"id" example:"opr_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	RootID                id.RegistratieID      `json:"root_id" example:"opr_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	CorrectsID            *id.RegistratieID     `json:"corrects_id" extensions:"x-nullable" example:"opr_01jd8m5x9nf3tvhg5w6rkz2c4p"`
	CorrectedByID         *id.RegistratieID     `json:"corrected_by_id" extensions:"x-nullable" example:"opr_01jd8m5x9nf3tvhg5w6rkz2c4r"`
	OrganisationID        id.OrganisationID     `json:"organisation_id" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	MedewerkerID          *id.MedewerkerID      `json:"medewerker_id" extensions:"x-nullable" example:"mdw_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	MedewerkerExternalIDs external.List         `json:"medewerker_external_ids"`
	LeeruitwisselingID    id.LeeruitwisselingID `json:"leeruitwisseling_id" example:"lui_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Title                 *string               `json:"title" extensions:"x-nullable" example:"Medicatie in het woonzorgcentrum"`
	FromOn                day.Date              `json:"from_on" format:"date" example:"2027-01-11"`
	UntilOn               day.Date              `json:"until_on" format:"date" example:"2027-01-12"`
	Hours                 hours.Hours           `json:"hours" example:"14"`
	Days                  []Day                 `json:"days"` // empty where only the sum is known
	Classification        Classification        `json:"classification" enums:"informal,formal,initial" example:"informal"`
	ConfirmedByEmployer   bool                  `json:"confirmed_by_employer" example:"false"`
	WithinWorkingTime     bool                  `json:"within_working_time" example:"true"`
	Reason                *string               `json:"reason" extensions:"x-nullable" example:"De tweede dag eindigde om halfdrie."` // of a correction
	DeletedAt             *time.Time            `json:"deleted_at" format:"date-time" extensions:"x-nullable" example:"2027-02-01T08:00:00Z"`
	ProviderName          *string               `json:"provider_name" extensions:"x-nullable" example:"Woonzorgcentrum De Linde"` // where it was learned
	EmployerSays
	web.Meta
} // @name Opleidingsregistratie

// Location is where the training hours can be read.
func (w Wire) Location() string { return "/v1/opleidingsregistraties/" + w.ID.String() }

// seesCosts reports whether a caller sees what training cost. That is a matter of the employer's books (the social balance
// sheet) and of the ST-partner; what an employee is owed (hours, whether they were paid, whether they count for the right to
// training) stands beside it, and is the employee's to know.
func seesCosts(tx *db.Tx) bool { return tx.Scope.Kind != db.ScopeMedewerker }

// seen is a row as this caller sees it.
func seen(tx *db.Tx) func(Registratie) Wire {
	return func(r Registratie) Wire {
		w := wire(r)
		if !seesCosts(tx) {
			w.CostDirectCents, w.CostContributionsCents, w.CostGrantsCents = nil, nil, nil
		}
		return w
	}
}

func wire(r Registratie) Wire {
	w := Wire{ID: r.ID, RootID: r.RootID, CorrectsID: r.CorrectsID, CorrectedByID: r.CorrectedByID, OrganisationID: r.OrganisationID,
		MedewerkerID: &r.MedewerkerID, MedewerkerExternalIDs: r.MedewerkerExternalIDs, LeeruitwisselingID: r.LeeruitwisselingID, Title: &r.Title,
		FromOn: r.FromOn, UntilOn: r.UntilOn, Hours: r.Hours, Days: r.Days, Classification: r.Classification,
		ConfirmedByEmployer: r.ConfirmedByEmployer, WithinWorkingTime: r.WithinWorkingTime, Reason: r.Reason,
		ProviderName: r.ProviderName, EmployerSays: r.EmployerSays, Meta: web.MetaOf(r.Row)}
	if r.DeletedAt != nil {
		at := r.DeletedAt.UTC()
		w.DeletedAt, w.MedewerkerID, w.MedewerkerExternalIDs, w.Title, w.Reason, w.ProviderName = &at, nil, nil, nil, nil, nil
		w.EmployerSays = EmployerSays{}
	}
	if w.MedewerkerExternalIDs == nil {
		w.MedewerkerExternalIDs = external.List{}
	}
	return w
}

type byID struct {
	ID id.RegistratieID `uri:"id"`
}

// Filters are what training hours can be filtered by.
type Filters struct {
	OrganisationID     *id.OrganisationID     `form:"organisation_id"`
	MedewerkerID       *id.MedewerkerID       `form:"medewerker_id"`
	LeeruitwisselingID *id.LeeruitwisselingID `form:"leeruitwisseling_id"`
}

type listReq struct {
	page.SyncParams
	Filters
}

// list reads training hours.
//
//	@Summary		List training hours
//	@Description	With updated_since, or a cursor that began with it, the list can be followed for ever; then it tells what was withdrawn too, with deleted_at, and without who learned what. What was corrected stands in the list with corrected_by_id: to add hours up, take the rows where that is null and deleted_at too, or ask for the totals.
//	@ID				listOpleidingsregistraties
//	@Tags			opleidingsregistratie
//	@Param			limit				query		int		false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param			cursor				query		string	false	"where to go on"
//	@Param			sort				query		string	false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Param			updated_since		query		string	false	"follow the changes since this time"	Format(date-time)
//	@Param			organisation_id		query		string	false	"booked by this employer"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			medewerker_id		query		string	false	"of this employee"			example(mdw_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			leeruitwisseling_id	query		string	false	"from this exchange"		example(lui_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200					{object}	page.Page[Wire]
//	@Router			/v1/opleidingsregistraties [get]
func (s Service) list(_ context.Context, tx *db.Tx, in listReq) (page.Page[Wire], error) {
	following, err := page.Following(tx, in.SyncParams, in.Filters)
	if err != nil {
		return page.Page[Wire]{}, err
	}
	q := rows(tx)
	if !following {
		q = q.Where("deleted_at is null")
	}
	if in.OrganisationID != nil {
		q = q.Where("organisation_id = ?", *in.OrganisationID)
	}
	if in.MedewerkerID != nil {
		q = q.Where("medewerker_id = ?", *in.MedewerkerID)
	}
	if in.LeeruitwisselingID != nil {
		q = q.Where("leeruitwisseling_id = ?", *in.LeeruitwisselingID)
	}
	return page.Sync(tx, in.SyncParams, in.Filters, q, seen(tx))
}

// get reads training hours.
//
//	@Summary		Read training hours
//	@Description	What was corrected or withdrawn can still be read. Costs are null for callers bound to an employee.
//	@ID				getOpleidingsregistratie
//	@Tags			opleidingsregistratie
//	@Param			id	path		string	true	"the training hours"	example(opr_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200	{object}	Wire
//	@Router			/v1/opleidingsregistraties/{id} [get]
func (s Service) get(_ context.Context, tx *db.Tx, in byID) (Wire, error) {
	r, err := one(tx, in.ID)
	return seen(tx)(r), err
}

type updateReq struct {
	byID
	web.IfMatch
	Patch web.MergePatch `body:"patch"`
}

// update adds what an employer says of training hours.
//
//	@Summary		Confirm training hours
//	@Description	An employer confirms hours, says whether they were within working time, paid and count for the right to training, and what they cost; everything else is corrected, never changed. Only the row that counts takes it: 409 registratie-superseded names that one.
//	@ID				updateOpleidingsregistratie
//	@Tags			opleidingsregistratie
//	@Param			id		path		string	true	"the training hours"	example(opr_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		Input	true	"what changes"
//	@Success		200		{object}	Wire
//	@Router			/v1/opleidingsregistraties/{id} [patch]
func (s Service) update(ctx context.Context, tx *db.Tx, in updateReq) (Wire, error) {
	r, err := s.Update(ctx, tx, in.ID, func(r Registratie) error { return in.Check(r.Revision) },
		func(i *Input) error { return in.Patch.Apply(i) })
	return seen(tx)(r), err
}

type correctReq struct {
	byID
	Body Correction `body:"json"`
}

// correct writes what takes the place of training hours.
//
//	@Summary		Correct training hours
//	@Description	Makes the row that takes the place of this one: whole hours, never a difference. With days, hours and period follow from them; hours alone replace the sum, and the days with it unless there is only one. What is confirmed has to be confirmed anew. 409 registratie-superseded names the row to correct instead.
//	@ID				correctOpleidingsregistratie
//	@Tags			opleidingsregistratie
//	@Param			id		path		string		true	"the training hours"	example(opr_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		Correction	true	"what takes its place, and why"
//	@Success		200		{object}	Wire
//	@Router			/v1/opleidingsregistraties/{id}/correct [post]
func (s Service) correct(ctx context.Context, tx *db.Tx, in correctReq) (Wire, error) {
	r, err := s.Correct(ctx, tx, in.ID, in.Body)
	return seen(tx)(r), err
}

// withdraw takes training hours back.
//
//	@Summary		Withdraw training hours
//	@Description	The hours, and all that they corrected, count no more. Followers of the list are told by deleted_at.
//	@ID				withdrawOpleidingsregistratie
//	@Tags			opleidingsregistratie
//	@Param			id	path	string	true	"the training hours"	example(opr_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		204
//	@Router			/v1/opleidingsregistraties/{id} [delete]
func (s Service) withdraw(ctx context.Context, tx *db.Tx, in byID) (web.None, error) {
	_, err := s.Withdraw(ctx, tx, in.ID)
	return web.None{}, err
}

type historyReq struct {
	page.Params
	byID
}

// history reads a chain of corrections.
//
//	@Summary		Read what was corrected
//	@Description	The whole chain that the row stands in, the first one first.
//	@ID				listOpleidingsregistratieHistory
//	@Tags			opleidingsregistratie
//	@Param			id		path		string	true	"any row of the chain"	example(opr_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			limit	query		int		false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param			cursor	query		string	false	"where to go on"
//	@Param			sort	query		string	false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Success		200		{object}	page.Page[Wire]
//	@Router			/v1/opleidingsregistraties/{id}/history [get]
func (s Service) history(_ context.Context, tx *db.Tx, in historyReq) (page.Page[Wire], error) {
	q := rows(tx).Where(`root_id = (select r.root_id from opleidingsregistraties r where r.tenant_id = ? and r.id = ?)`, tx.Scope.Tenant, in.ID)
	p, err := page.List(tx, in.Params, in.byID, q, seen(tx))
	if err == nil && len(p.Data) == 0 && in.Cursor == "" {
		err = fault.Missing.New()
	}
	return p, err
}

// TotalFilters are whose hours are added up, and over which days, both included.
type TotalFilters struct {
	OrganisationID *id.OrganisationID `form:"organisation_id"`
	MedewerkerID   *id.MedewerkerID   `form:"medewerker_id"`
	FromOn         *day.Date          `form:"from_on"`
	UntilOn        *day.Date          `form:"until_on"`
}

// ClassificationTotal is what one block of the social balance sheet comes to.
type ClassificationTotal struct {
	Classification Classification `json:"classification" enums:"informal,formal,initial" example:"informal"`
	Hours          hours.Hours    `json:"hours" example:"14"`
	Medewerkers    int            `json:"medewerkers" example:"1"` // each once
	Registraties   int            `json:"registraties" example:"1"`
	Costs
} // @name OpleidingsregistratieClassificationTotal

// Totals is what training hours come to.
type Totals struct {
	Hours            hours.Hours           `json:"hours" example:"14"`
	Medewerkers      int                   `json:"medewerkers" example:"1"` // each once
	Registraties     int                   `json:"registraties" example:"1"`
	ByClassification []ClassificationTotal `json:"by_classification"` // informal, formal and initial, always all three
	Costs
} // @name OpleidingsregistratieTotals

// totals adds training hours up.
//
//	@Summary		Add training hours up
//	@Description	Counts what nothing corrects or withdraws, and of it the days in the period, both ends included: a financial year need not be a calendar year. Hours that were corrected by their sum alone count whole, on their first day, as do all costs, which are null for callers bound to an employee.
//	@ID				sumOpleidingsregistraties
//	@Tags			opleidingsregistratie
//	@Param			organisation_id	query		string	false	"booked by this employer"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			medewerker_id	query		string	false	"of this employee"			example(mdw_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			from_on			query		string	false	"from this day on"			Format(date)	example(2027-01-01)
//	@Param			until_on		query		string	false	"until this day"			Format(date)	example(2027-12-31)
//	@Success		200				{object}	Totals
//	@Router			/v1/opleidingsregistraties/totals [get]
func (s Service) totals(_ context.Context, tx *db.Tx, in TotalFilters) (Totals, error) {
	if in.FromOn != nil && in.UntilOn != nil && in.UntilOn.Before(*in.FromOn) {
		return Totals{}, fault.BadParameter.New().In("until_on", fault.BadOrder, "other", "from_on")
	}
	blocks, err := totals(tx, in)
	if err != nil {
		return Totals{}, err
	}
	out := Totals{Costs: noCosts()}
	by := map[Classification]block{}
	for _, b := range blocks {
		if b.Classification == nil {
			out.Hours, out.Medewerkers, out.Registraties, out.Costs = b.Hours, b.Medewerkers, b.Registraties, b.Costs
			continue
		}
		by[*b.Classification] = b
	}
	for _, c := range Classifications {
		b, ok := by[c]
		if !ok {
			b.Costs = noCosts()
		}
		if !seesCosts(tx) {
			b.Costs = Costs{}
		}
		out.ByClassification = append(out.ByClassification, ClassificationTotal{c, b.Hours, b.Medewerkers, b.Registraties, b.Costs})
	}
	if !seesCosts(tx) {
		out.Costs = Costs{}
	}
	return out, nil
}
