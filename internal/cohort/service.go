package cohort

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// Service holds the verbs of cohorten.
type Service struct{}

// Input is what a caller says of a cohort: whole when it is made, and as the base of a merge patch.
type Input struct {
	Name      string    `json:"name" binding:"required" minLength:"1" maxLength:"200" example:"Voorjaar 2027"`
	FromOn    day.Date  `json:"from_on" binding:"required" example:"2027-01-11"`
	UntilOn   *day.Date `json:"until_on" extensions:"x-nullable" example:"2027-06-30"`
	KickOffOn *day.Date `json:"kick_off_on" extensions:"x-nullable" example:"2027-01-18"`

	PlannedExchanges *int      `json:"planned_exchanges" minimum:"1" maximum:"50000" extensions:"x-nullable" example:"15"`
	TerugkommomentOn *day.Date `json:"terugkommoment_on" extensions:"x-nullable" example:"2027-06-10"`
} // @name CohortInput

// onto checks the input and lays it over the row.
func (in Input) onto(c *Cohort) error {
	if in.UntilOn != nil && in.UntilOn.Before(in.FromOn) {
		return fault.At("/until_on", fault.BadOrder, "other", "from_on")
	}
	if in.TerugkommomentOn != nil && in.TerugkommomentOn.Before(in.FromOn) {
		return fault.At("/terugkommoment_on", fault.BadOrder, "other", "from_on")
	}
	c.Name, c.FromOn, c.UntilOn, c.KickOffOn = in.Name, in.FromOn, in.UntilOn, in.KickOffOn
	c.PlannedExchanges, c.TerugkommomentOn = in.PlannedExchanges, in.TerugkommomentOn
	return nil
}

// Create begins a cohort, as a draft.
func (s Service) Create(_ context.Context, tx *db.Tx, in Input) (Cohort, error) {
	c := Cohort{ID: id.NewCohort(), Status: Draft}
	if err := in.onto(&c); err != nil {
		return c, err
	}
	if err := db.Insert(tx, &c); err != nil {
		return c, err
	}
	return c, record(tx, Created, c)
}

// Lock reads a cohort and keeps it from changing until the transaction ends, or returns fault.Missing.
func (s Service) Lock(_ context.Context, tx *db.Tx, cid id.CohortID) (Cohort, error) {
	return db.Lock[Cohort](tx, cid)
}

// running locks a cohort that is not closed.
func (s Service) running(ctx context.Context, tx *db.Tx, cid id.CohortID) (Cohort, error) {
	return s.ready(ctx, tx, cid, toChange)
}

// ready locks a cohort whose state allows an action.
func (s Service) ready(ctx context.Context, tx *db.Tx, cid id.CohortID, a action) (Cohort, error) {
	c, err := s.Lock(ctx, tx, cid)
	if err != nil {
		return c, err
	}
	_, err = c.Status.after(a)
	return c, err
}

// Update applies a change to a cohort. Nothing changed means no revision and no fact; a closed one is refused.
func (s Service) Update(ctx context.Context, tx *db.Tx, cid id.CohortID, check func(Cohort) error, apply func(*Input) error) (Cohort, error) {
	before, err := s.Lock(ctx, tx, cid)
	if err != nil {
		return before, err
	}
	if err := check(before); err != nil {
		return before, err
	}
	if _, err := before.Status.after(toChange); err != nil {
		return before, err
	}
	in := Input{before.Name, before.FromOn, before.UntilOn, before.KickOffOn, before.PlannedExchanges, before.TerugkommomentOn}
	if err := apply(&in); err != nil {
		return before, err
	}
	after := before
	if err := in.onto(&after); err != nil {
		return before, err
	}
	changed, err := db.Change(tx, before, &after)
	if err != nil || !changed {
		return after, err
	}
	return after, record(tx, Updated, after)
}

// Open lets switchers see which employers take part, and name those that they like best. An open cohort stays so.
func (s Service) Open(ctx context.Context, tx *db.Tx, cid id.CohortID) (Cohort, error) {
	return s.move(ctx, tx, cid, toOpen)
}

// Close ends a cohort for good: its leervragen may join another. A closed one stays so.
func (s Service) Close(ctx context.Context, tx *db.Tx, cid id.CohortID) (Cohort, error) {
	c, err := s.move(ctx, tx, cid, toClose)
	if err != nil {
		return c, err
	}
	_, err = tx.Run(`update cohort_leervragen set running = false where tenant_id = ? and cohort_id = ? and running`, tx.Scope.Tenant, cid)
	return c, err
}

func (s Service) move(ctx context.Context, tx *db.Tx, cid id.CohortID, a action) (Cohort, error) {
	before, err := s.Lock(ctx, tx, cid)
	if err != nil {
		return before, err
	}
	to, err := before.Status.after(a)
	if err != nil || to == before.Status {
		return before, err
	}
	after := before
	after.Status = to
	if _, err := db.Change(tx, before, &after); err != nil {
		return after, err
	}
	return after, record(tx, Updated, after)
}

// touch counts a change of what hangs on a cohort as a change of the cohort, so that who follows it sees it.
func touch(tx *db.Tx, c *Cohort) error {
	if _, err := tx.Run(`update cohorten set revision = revision + 1, updated_at = ?, changed_by = ?, on_behalf_of = ?, request_id = ?
		where tenant_id = ? and id = ?`, tx.Now, tx.Actor, tx.OnBehalfOf, tx.RequestID, tx.Scope.Tenant, c.ID); err != nil {
		return err
	}
	c.Revision++
	c.UpdatedAt = tx.Now
	return record(tx, Updated, *c)
}

// AddLeervragen lets leervragen take part, those that do already included. All or none: a problem names each that cannot,
// because it is not here, is closed or withdrawn, or is in another cohort that is not closed.
func (s Service) AddLeervragen(ctx context.Context, tx *db.Tx, cid id.CohortID, ids []id.LeervraagID) (Cohort, error) {
	c, err := s.running(ctx, tx, cid)
	if err != nil {
		return c, err
	}
	var rows []struct {
		ID     id.LeervraagID
		Status string
		Other  bool
	}
	if err := tx.Select(&rows, `select l.id, l.status, exists (select 1 from cohort_leervragen o where o.tenant_id = l.tenant_id and o.leervraag_id = l.id
			and o.running and o.cohort_id <> ?) as other
		from leervragen l where l.tenant_id = ? and l.id = any (?::uuid[])`, cid, tx.Scope.Tenant, db.IDs[id.LeervraagID](ids)); err != nil {
		return c, err
	}
	at := make(map[id.LeervraagID]int, len(rows))
	for i, r := range rows {
		at[r.ID] = i
	}
	e := fault.Unprocessable.New()
	for i, lid := range ids {
		pointer := "/leervraag_ids/" + strconv.Itoa(i)
		k, here := at[lid]
		switch {
		case !here:
			e.At(pointer, fault.NoReference)
		case !slices.Contains([]string{"draft", "open", "matched"}, rows[k].Status):
			e.At(pointer, notSought, "status", rows[k].Status)
		case rows[k].Other:
			e.At(pointer, otherCohort)
		}
	}
	if len(e.Fields) > 0 {
		return c, e
	}
	n, err := tx.Run(`insert into cohort_leervragen (tenant_id, cohort_id, leervraag_id, organisation_id, switcher_id, added_at)
		select l.tenant_id, ?, l.id, l.organisation_id, l.switcher_id, ? from leervragen l where l.tenant_id = ? and l.id = any (?::uuid[])
		on conflict (tenant_id, cohort_id, leervraag_id) do nothing`, cid, tx.Now, tx.Scope.Tenant, db.IDs[id.LeervraagID](ids))
	if err != nil || n == 0 {
		return c, err
	}
	if err := roomy(tx, cid); err != nil {
		return c, err
	}
	return c, touch(tx, &c)
}

// RemoveLeervraag lets a leervraag take part no more. One that does not is fault.Missing. What a switcher preferred goes
// with their last leervraag.
func (s Service) RemoveLeervraag(ctx context.Context, tx *db.Tx, cid id.CohortID, lid id.LeervraagID) error {
	c, err := s.running(ctx, tx, cid)
	if err != nil {
		return err
	}
	n, err := tx.Run(`delete from cohort_leervragen where tenant_id = ? and cohort_id = ? and leervraag_id = ?`, tx.Scope.Tenant, cid, lid)
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.Missing.New()
	}
	if _, err := tx.Run(`delete from cohort_preferences p where p.tenant_id = ? and p.cohort_id = ? and not exists (select 1 from cohort_leervragen l
		where l.tenant_id = p.tenant_id and l.cohort_id = p.cohort_id and l.switcher_id = p.medewerker_id)`, tx.Scope.Tenant, cid); err != nil {
		return err
	}
	return touch(tx, &c)
}

// AddLeerplekken lets leerplekken take part, those that do already included. All or none: a problem names each that
// cannot, because it is not here or withdrawn.
func (s Service) AddLeerplekken(ctx context.Context, tx *db.Tx, cid id.CohortID, ids []id.LeerplekID) (Cohort, error) {
	c, err := s.running(ctx, tx, cid)
	if err != nil {
		return c, err
	}
	var rows []struct {
		ID     id.LeerplekID
		Status string
	}
	if err := tx.Select(&rows, `select id, status from leerplekken where tenant_id = ? and id = any (?::uuid[])`,
		tx.Scope.Tenant, db.IDs[id.LeerplekID](ids)); err != nil {
		return c, err
	}
	status := make(map[id.LeerplekID]string, len(rows))
	for _, r := range rows {
		status[r.ID] = r.Status
	}
	e := fault.Unprocessable.New()
	for i, lid := range ids {
		pointer := "/leerplek_ids/" + strconv.Itoa(i)
		switch status[lid] {
		case "":
			e.At(pointer, fault.NoReference)
		case "withdrawn":
			e.At(pointer, notOffered)
		}
	}
	if len(e.Fields) > 0 {
		return c, e
	}
	n, err := tx.Run(`insert into cohort_leerplekken (tenant_id, cohort_id, leerplek_id, organisation_id, added_at)
		select l.tenant_id, ?, l.id, l.organisation_id, ? from leerplekken l where l.tenant_id = ? and l.id = any (?::uuid[])
		on conflict (tenant_id, cohort_id, leerplek_id) do nothing`, cid, tx.Now, tx.Scope.Tenant, db.IDs[id.LeerplekID](ids))
	if err != nil || n == 0 {
		return c, err
	}
	if err := roomy(tx, cid); err != nil {
		return c, err
	}
	return c, touch(tx, &c)
}

// RemoveLeerplek lets a leerplek take part no more. One that does not is fault.Missing.
func (s Service) RemoveLeerplek(ctx context.Context, tx *db.Tx, cid id.CohortID, lid id.LeerplekID) error {
	c, err := s.running(ctx, tx, cid)
	if err != nil {
		return err
	}
	n, err := tx.Run(`delete from cohort_leerplekken where tenant_id = ? and cohort_id = ? and leerplek_id = ?`, tx.Scope.Tenant, cid, lid)
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.Missing.New()
	}
	return touch(tx, &c)
}

// roomy refuses a cohort with more participants than a run can hold.
func roomy(tx *db.Tx, cid id.CohortID) error {
	var n struct{ Leervragen, Leerplekken int }
	if err := tx.Select(&n, `select (select count(*) from cohort_leervragen where tenant_id = @tenant and cohort_id = @cohort) as leervragen,
		(select count(*) from cohort_leerplekken where tenant_id = @tenant and cohort_id = @cohort) as leerplekken`,
		map[string]any{"tenant": tx.Scope.Tenant, "cohort": cid}); err != nil {
		return err
	}
	if max(n.Leervragen, n.Leerplekken) > MaxParticipants {
		return IsFull.With("max", strconv.Itoa(MaxParticipants))
	}
	return nil
}

// Pair is two employers that are kept apart.
type Pair struct {
	OrganisationIDs []id.OrganisationID `json:"organisation_ids" binding:"required" validate:"min=2,max=2" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q,org_01jd8m5x9nf3tvhg5w6rkz2c4r"`
} // @name RivalPair

// SetRivals says which employers are kept apart in this cohort, in place of what was said before.
func (s Service) SetRivals(ctx context.Context, tx *db.Tx, cid id.CohortID, pairs []Pair) ([]Pair, error) {
	c, err := s.running(ctx, tx, cid)
	if err != nil {
		return nil, err
	}
	var named, a, b db.IDs[id.OrganisationID]
	for _, p := range pairs {
		named = append(named, p.OrganisationIDs...)
	}
	var here struct{ IDs db.IDs[id.OrganisationID] }
	if err := tx.Select(&here, `select array(select id from organisations where tenant_id = ? and id = any (?::uuid[])) as ids`, tx.Scope.Tenant, named); err != nil {
		return nil, err
	}
	known := map[id.OrganisationID]bool{}
	for _, o := range here.IDs {
		known[o] = true
	}
	e, seen := fault.Unprocessable.New(), map[[2]id.OrganisationID]bool{}
	for i, p := range pairs {
		at := "/pairs/" + strconv.Itoa(i)
		for k, o := range p.OrganisationIDs {
			if !known[o] {
				e.At(at+"/organisation_ids/"+strconv.Itoa(k), fault.NoReference)
			}
		}
		one, two := p.OrganisationIDs[0], p.OrganisationIDs[1]
		if bytes.Compare(one[:], two[:]) > 0 {
			one, two = two, one
		}
		switch {
		case one == two:
			e.At(at, twoDifferent)
		case seen[[2]id.OrganisationID{one, two}]:
			e.At(at, fault.Twice)
		}
		seen[[2]id.OrganisationID{one, two}] = true
		a, b = append(a, one), append(b, two)
	}
	if len(e.Fields) > 0 {
		return nil, e
	}
	before, err := s.Rivals(tx, cid)
	if err != nil {
		return nil, err
	}
	if _, err := tx.Run(`delete from cohort_rivals where tenant_id = ? and cohort_id = ?`, tx.Scope.Tenant, cid); err != nil {
		return nil, err
	}
	if _, err := tx.Run(`insert into cohort_rivals (tenant_id, cohort_id, organisation_id, rival_id)
		select ?, ?, x.a, x.b from unnest(?::uuid[], ?::uuid[]) x (a, b)`, tx.Scope.Tenant, cid, a, b); err != nil {
		return nil, err
	}
	after, err := s.Rivals(tx, cid)
	if err != nil || slices.EqualFunc(before, after, func(a, b Pair) bool { return slices.Equal(a.OrganisationIDs, b.OrganisationIDs) }) {
		return after, err
	}
	if err := fact.Audit(tx, "cohort.rivals", cid, map[string]any{"pairs": after, "before": before}); err != nil {
		return nil, err
	}
	return after, touch(tx, &c)
}

// Rivals reads which employers are kept apart in a cohort, in a fixed order.
func (s Service) Rivals(tx *db.Tx, cid id.CohortID) ([]Pair, error) {
	var rows []struct{ OrganisationID, RivalID id.OrganisationID }
	err := tx.Select(&rows, `select organisation_id, rival_id from cohort_rivals where tenant_id = ? and cohort_id = ? order by organisation_id, rival_id`,
		tx.Scope.Tenant, cid)
	out := make([]Pair, len(rows))
	for i, r := range rows {
		out[i].OrganisationIDs = []id.OrganisationID{r.OrganisationID, r.RivalID}
	}
	return out, err
}

// participant finds a switcher in a cohort, or returns fault.Missing: their employer, and whether one of their leervragen
// is internal.
func (s Service) participant(tx *db.Tx, cid id.CohortID, mid id.MedewerkerID) (org id.OrganisationID, internal bool, err error) {
	var row struct {
		OrganisationID id.OrganisationID
		Internal       bool
	}
	err = db.One(tx, &row, `select c.organisation_id, bool_or(l.internal) as internal
		from cohort_leervragen c join leervragen l on l.tenant_id = c.tenant_id and l.organisation_id = c.organisation_id and l.id = c.leervraag_id
		where c.tenant_id = ? and c.cohort_id = ? and c.switcher_id = ? group by c.organisation_id`, tx.Scope.Tenant, cid, mid)
	return row.OrganisationID, row.Internal, err
}

// SetPreferences notes the employers that a switcher likes best, the best first, in place of what was noted before; none
// takes them back. A bound switcher names employers with a leerplek in the cohort, which is whom they met at the kick-off,
// once the cohort is open; an unbound caller any employer, at any time until it is closed. The own employer will do only where a leervraag is internal.
func (s Service) SetPreferences(ctx context.Context, tx *db.Tx, cid id.CohortID, mid id.MedewerkerID, orgs []id.OrganisationID) (Preferences, error) {
	out := Preferences{CohortID: cid, MedewerkerID: mid, OrganisationIDs: append([]id.OrganisationID{}, orgs...)}
	own, internal, err := s.participant(tx, cid, mid) // under the caller's binding
	if err != nil {
		return out, err
	}
	var known struct{ IDs db.IDs[id.OrganisationID] }
	bound := tx.Scope.Medewerker != uuid.Nil
	if err := tx.Unbound("a switcher names employers whose rows only their own people read", func(tx *db.Tx) error {
		a := toChange
		if bound {
			a = toPrefer
		}
		if _, err := s.ready(ctx, tx, cid, a); err != nil {
			return err
		}
		return tx.Select(&known, `select array(select o.id from organisations o where o.tenant_id = @tenant and o.id = any (cast(@ids as uuid[]))
			and (not @bound or exists (select 1 from cohort_leerplekken p where p.tenant_id = o.tenant_id and p.cohort_id = @cohort and p.organisation_id = o.id))) as ids`,
			map[string]any{"tenant": tx.Scope.Tenant, "ids": db.IDs[id.OrganisationID](orgs), "bound": bound, "cohort": cid})
	}); err != nil {
		return out, err
	}
	e := fault.Unprocessable.New()
	for i, o := range orgs {
		at := "/organisation_ids/" + strconv.Itoa(i)
		switch {
		case slices.Contains(orgs[:i], o):
			e.At(at, fault.Repeated)
		case !slices.Contains(known.IDs, o):
			e.At(at, fault.NoReference)
		case o == own && !internal:
			e.At(at, ownEmployer)
		}
	}
	if len(e.Fields) > 0 {
		return out, e
	}
	before, err := s.Preferences(tx, cid, mid)
	if err != nil || slices.Equal(before.OrganisationIDs, orgs) {
		return before, err
	}
	if len(orgs) == 0 {
		_, err = tx.Run(`delete from cohort_preferences where tenant_id = ? and cohort_id = ? and medewerker_id = ?`, tx.Scope.Tenant, cid, mid)
	} else {
		out.NotedAt = &tx.Now
		_, err = tx.Run(`insert into cohort_preferences (tenant_id, cohort_id, medewerker_id, organisation_id, organisation_ids, noted_at, noted_by)
			values (?, ?, ?, ?, ?, ?, ?) on conflict (tenant_id, cohort_id, medewerker_id) do update
			set organisation_ids = excluded.organisation_ids, noted_at = excluded.noted_at, noted_by = excluded.noted_by`,
			tx.Scope.Tenant, cid, mid, own, db.IDs[id.OrganisationID](orgs), tx.Now, tx.Actor)
	}
	if err != nil {
		return out, err
	}
	return out, fact.Audit(tx, "cohort.preferences", cid, map[string]any{"medewerker_id": mid, "organisations": len(orgs)})
}

// Preferences reads the employers that a switcher likes best. Who takes no part, or cannot be seen, is fault.Missing.
func (s Service) Preferences(tx *db.Tx, cid id.CohortID, mid id.MedewerkerID) (Preferences, error) {
	out := Preferences{CohortID: cid, MedewerkerID: mid}
	var row struct {
		Takes           bool
		OrganisationIDs db.IDs[id.OrganisationID]
		NotedAt         *time.Time
	}
	err := db.One(tx, &row, `select true as takes, p.organisation_ids, p.noted_at from (select cast(@mdw as uuid) as mdw) x
		left join cohort_preferences p on p.tenant_id = @tenant and p.cohort_id = @cohort and p.medewerker_id = x.mdw
		where exists (select 1 from cohort_leervragen l where l.tenant_id = @tenant and l.cohort_id = @cohort and l.switcher_id = x.mdw)`,
		map[string]any{"tenant": tx.Scope.Tenant, "cohort": cid, "mdw": mid})
	out.OrganisationIDs, out.NotedAt = append([]id.OrganisationID{}, row.OrganisationIDs...), row.NotedAt
	if out.NotedAt != nil {
		at := out.NotedAt.UTC()
		out.NotedAt = &at
	}
	return out, err
}

// Option is an employer that a switcher may prefer: one with a published leerplek in the cohort.
type Option struct {
	TenantID    id.TenantID
	ID          uuid.UUID // the employer's, by which pages are cut
	Name        string
	Sector      string
	Leerplekken db.IDs[id.LeerplekID] // the first of them, by id
}

// TableName is the table of leerplekken that take part, of which options are made.
func (Option) TableName() string { return "cohort_leerplekken" }

// Key places an option in a list.
func (o Option) Key() (int64, uuid.UUID) { return 0, o.ID }

// maxLeerplekken is how many leerplekken of one employer an option names.
const maxLeerplekken = 100

// Options lists the employers that a switcher may prefer, for whom a door opens that shows of employers their name and
// sector, and of leerplekken nothing that a published one does not show. The own employer is among them only where a
// leervraag is internal; a bound switcher is shown nothing before the cohort is open. Who takes no part, or cannot be seen,
// is fault.Missing.
func (s Service) Options(tx *db.Tx, cid id.CohortID, mid id.MedewerkerID, list func(*db.Tx, *gorm.DB) error) error {
	own, internal, err := s.participant(tx, cid, mid) // under the caller's binding
	if err != nil {
		return err
	}
	bound := tx.Scope.Medewerker != uuid.Nil
	return tx.Unbound("a switcher reads which employers take part, whose rows only their own people read", func(tx *db.Tx) error {
		q := tx.Model(&leerplekRow{}).
			Select("o.tenant_id, o.id, o.name, o.sector, (array_agg(l.id order by l.id))[:?] as leerplekken", maxLeerplekken).
			Joins("join leerplekken l on l.tenant_id = cohort_leerplekken.tenant_id and l.id = cohort_leerplekken.leerplek_id and l.status = 'published'").
			Joins("join organisations o on o.tenant_id = l.tenant_id and o.id = l.organisation_id").
			Where("cohort_leerplekken.tenant_id = ? and cohort_leerplekken.cohort_id = ? and (o.id <> ? or ?)", tx.Scope.Tenant, cid, own, internal).
			Where("(not ? or (select c.status <> 'draft' from cohorten c where c.tenant_id = ? and c.id = ?))", bound, tx.Scope.Tenant, cid).
			Group("o.tenant_id, o.id, o.name, o.sector")
		return list(tx, tx.Table("(?) as cohort_leerplekken", q))
	})
}
