package leerplek

import (
	"context"
	"reflect"
	"regexp"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/availability"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// Service holds the verbs of leerplekken.
type Service struct{}

// Offer is what a caller says of a leerplek, and may change later.
type Offer struct {
	SiteID       *id.SiteID        `json:"site_id" extensions:"x-nullable" example:"sit_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	MeetingPoint *string           `json:"meeting_point" minLength:"1" maxLength:"1000" extensions:"x-nullable" example:"Onthaal aan de achterkant"`
	DepartmentID *id.DepartmentID  `json:"department_id" extensions:"x-nullable" example:"dep_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Function     *string           `json:"function" minLength:"1" maxLength:"200" extensions:"x-nullable" example:"apotheker"`
	Title        string            `json:"title" binding:"required" minLength:"1" maxLength:"200" example:"Medicatieschema's in het woonzorgcentrum"`
	Description  string            `json:"description" binding:"required" minLength:"1" maxLength:"20000" example:"Meelopen met de apotheker die de medicatie klaarzet."`
	Topics       db.Strings        `json:"topics" swaggertype:"array,string" validate:"max=20" minLength:"1" maxLength:"500" example:"medicatie"`
	LeercoachIDs []id.MedewerkerID `json:"leercoach_ids" validate:"max=20,unique" example:"mdw_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Capacity     int               `json:"capacity" default:"1" minimum:"1" maximum:"1000" example:"1"`
	Available    availability.List `json:"available" validate:"max=20"`
	Requirements db.Strings        `json:"requirements" swaggertype:"array,string" validate:"max=20" minLength:"1" maxLength:"500" example:"veiligheidsschoenen"`
	Languages    db.Strings        `json:"languages" swaggertype:"array,string" validate:"max=20" minLength:"2" maxLength:"2" extensions:"x-pattern=^[a-z]{2}$" example:"nl"`
	Sourcing     string            `json:"sourcing" default:"supply" enums:"supply,demand,cocreation" example:"supply"`
	SafetyNote   *string           `json:"safety_note" minLength:"1" maxLength:"5000" extensions:"x-nullable" example:"Handen ontsmetten bij aankomst."`

	Team          *string    `json:"team" minLength:"1" maxLength:"200" extensions:"x-nullable" example:"medicatieteam"`
	PlaceKind     *string    `json:"place_kind" enums:"office,warehouse,workshop,shop,other" extensions:"x-nullable" example:"workshop"`
	Accessibility *string    `json:"accessibility" minLength:"1" maxLength:"2000" extensions:"x-nullable" example:"Bus 5 stopt voor de deur; parkeren kan achteraan."`
	Exclusions    db.Strings `json:"exclusions" validate:"max=20" minLength:"1" maxLength:"500" example:"bewonersdossiers"`
} // @name LeerplekPatch

// Input is a whole new leerplek. Its employer never changes.
type Input struct {
	OrganisationID id.OrganisationID `json:"organisation_id" binding:"required" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Offer
} // @name LeerplekInput

func offerOf(l Leerplek) Offer {
	return Offer{l.SiteID, l.MeetingPoint, l.DepartmentID, l.Function, l.Title, l.Description, l.Topics, l.LeercoachIDs, l.Capacity,
		l.Available, l.Requirements, l.Languages, l.Sourcing, l.SafetyNote, l.Team, l.PlaceKind, l.Accessibility, l.Exclusions}
}

func (o Offer) onto(l *Leerplek) {
	l.SiteID, l.MeetingPoint, l.DepartmentID, l.Function = o.SiteID, o.MeetingPoint, o.DepartmentID, o.Function
	l.Title, l.Description, l.Topics, l.LeercoachIDs, l.Capacity = o.Title, o.Description, o.Topics, o.LeercoachIDs, o.Capacity
	l.Available, l.Requirements, l.Languages, l.Sourcing, l.SafetyNote = o.Available, o.Requirements, o.Languages, o.Sourcing, o.SafetyNote
	l.Team, l.PlaceKind, l.Accessibility, l.Exclusions = o.Team, o.PlaceKind, o.Accessibility, o.Exclusions
}

// Create adds a leerplek in draft.
func (s Service) Create(_ context.Context, tx *db.Tx, in Input) (Leerplek, error) {
	l := Leerplek{ID: id.NewLeerplek(), OrganisationID: in.OrganisationID, Status: Draft}
	if bound := tx.Scope.Organisation; bound != uuid.Nil && in.OrganisationID.UUID() != bound {
		return l, fault.At("/organisation_id", fault.NoReference)
	}
	in.onto(&l)
	if err := s.check(tx, Leerplek{OrganisationID: l.OrganisationID}, l); err != nil {
		return l, err
	}
	if err := db.Insert(tx, &l); err != nil {
		return l, err
	}
	if err := setLexemes(tx, l); err != nil {
		return l, err
	}
	if err := s.setCoaches(tx, l); err != nil {
		return l, err
	}
	return l, record(tx, Created, l)
}

// Update applies a change to a leerplek. Nothing changed means no revision and no fact. One that is published keeps at
// least one leercoach: NotReady otherwise.
func (s Service) Update(ctx context.Context, tx *db.Tx, lid id.LeerplekID, check func(Leerplek) error, apply func(*Offer) error) (Leerplek, error) {
	before, err := s.Lock(ctx, tx, lid)
	if err != nil {
		return before, err
	}
	if err := check(before); err != nil {
		return before, err
	}
	offer := offerOf(before)
	if err := apply(&offer); err != nil {
		return before, err
	}
	after := before
	offer.onto(&after)
	if err := s.check(tx, before, after); err != nil {
		return before, err
	}
	if after.Status == Published && len(after.LeercoachIDs) == 0 && len(before.LeercoachIDs) > 0 {
		return before, NotReady.New().At("/leercoach_ids", fault.TooShort, "min", "1")
	}
	changed, err := db.Change(tx, before, &after) // leercoach_ids count as a change, and are written below
	if err != nil || !changed {
		return after, err
	}
	if !reflect.DeepEqual(before.document(), after.document()) {
		if err := setLexemes(tx, after); err != nil {
			return after, err
		}
	}
	if !slices.Equal(before.LeercoachIDs, after.LeercoachIDs) {
		if err := s.setCoaches(tx, after); err != nil {
			return after, err
		}
	}
	return after, record(tx, Updated, after)
}

// Publish offers a leerplek to every employer of the tenant, or fails with NotReady, which names what is missing. The
// warnings say what is better settled first.
func (s Service) Publish(ctx context.Context, tx *db.Tx, lid id.LeerplekID) (Leerplek, []Warning, error) {
	before, err := s.Lock(ctx, tx, lid)
	if err != nil {
		return before, nil, err
	}
	var coaches []Coach
	if err := tx.Unbound("a leerplek is ready when all its leercoaches are, also those that the caller does not see", func(tx *db.Tx) (err error) {
		coaches, err = s.CoachesOf(tx, lid)
		return err
	}); err != nil {
		return before, nil, err
	}
	missing, warnings := judge(before, coaches)
	after := before
	after.Status = transitions[before.Status][publish]
	if after.Status == before.Status {
		return before, warnings, nil
	}
	excluded, err := s.excluded(tx, before)
	if err != nil {
		return before, nil, err
	}
	if missing = append(missing, excluded...); len(missing) > 0 {
		f := NotReady.New()
		f.Fields = missing
		return before, nil, f
	}
	if _, err := db.Change(tx, before, &after); err != nil {
		return after, nil, err
	}
	return after, warnings, record(tx, BecamePublished, after)
}

// Withdraw stops offering a leerplek. Exchanges that began there go on.
func (s Service) Withdraw(ctx context.Context, tx *db.Tx, lid id.LeerplekID) (Leerplek, error) {
	before, err := s.Lock(ctx, tx, lid)
	if err != nil {
		return before, err
	}
	after := before
	after.Status = transitions[before.Status][withdraw]
	changed, err := db.Change(tx, before, &after)
	if err != nil || !changed {
		return after, err
	}
	return after, record(tx, BecameWithdrawn, after)
}

// Answer keeps what a leercoach of a leerplek answered to the conditions. Who is none of its leercoaches is
// fault.Missing. A published leerplek stays so when an answer is no: nothing new is proposed there. Kinds of expertise that
// contradict the condition are refused.
func (s Service) Answer(ctx context.Context, tx *db.Tx, lid id.LeerplekID, mid id.MedewerkerID, c Conditions, p Preparation) (Coach, error) {
	if err := settle(&c, p); err != nil {
		return Coach{}, err
	}
	l, err := s.Lock(ctx, tx, lid)
	if err != nil {
		return Coach{}, err
	}
	n, err := tx.Run(`update leerplek_coaches set voluntary = @voluntary, has_time = @time, knows_role = @role, has_expertise = @expertise,
			craft_expertise = @craft, coaching_expertise = @coaching, tasks = @tasks, planning = @planning
		where tenant_id = @tenant and leerplek_id = @leerplek and medewerker_id = @medewerker
			and (voluntary, has_time, knows_role, has_expertise, craft_expertise, coaching_expertise, tasks, planning)
				is distinct from (@voluntary, @time, @role, @expertise, @craft, @coaching, cast(@tasks as text[]), @planning)`,
		map[string]any{"tenant": tx.Scope.Tenant, "leerplek": lid, "medewerker": mid, "voluntary": c.Voluntary, "time": c.HasTime, "role": c.KnowsRole,
			"expertise": c.HasExpertise, "craft": p.CraftExpertise, "coaching": p.CoachingExpertise, "tasks": p.Tasks, "planning": p.Planning})
	if err != nil {
		return Coach{}, err
	}
	coaches, err := s.CoachesOf(tx, lid)
	if err != nil {
		return Coach{}, err
	}
	i := slices.IndexFunc(coaches, func(c Coach) bool { return c.MedewerkerID == mid })
	if i < 0 {
		return Coach{}, fault.Missing.New()
	}
	if n == 0 {
		return coaches[i], nil
	}
	if err := touch(tx, &l); err != nil {
		return coaches[i], err
	}
	if err := fact.Audit(tx, "leerplek.coach", lid, struct {
		MedewerkerID id.MedewerkerID `json:"medewerker_id"`
		Conditions
		CraftExpertise    *bool `json:"craft_expertise"`
		CoachingExpertise *bool `json:"coaching_expertise"`
	}{mid, c, p.CraftExpertise, p.CoachingExpertise}); err != nil {
		return coaches[i], err
	}
	return coaches[i], record(tx, Updated, l)
}

// check holds what changed between before and after to the rules. What a change leaves alone is not judged again: a
// leercoach who left must not stand in the way of a new title.
func (s Service) check(tx *db.Tx, before, after Leerplek) error {
	e := fault.Unprocessable.New()
	for i, c := range after.LeercoachIDs {
		if slices.Contains(after.LeercoachIDs[:i], c) {
			e.At("/leercoach_ids/"+strconv.Itoa(i), fault.Repeated)
		}
	}
	for i, l := range after.Languages {
		if !language.MatchString(l) {
			e.At("/languages/"+strconv.Itoa(i), fault.BadFormat, "format", "two lower-case letters of ISO 639-1")
		}
	}
	if len(e.Fields) > 0 {
		return e
	}
	if err := after.Available.Check("/available"); err != nil {
		return err
	}
	if !same(before.DepartmentID, after.DepartmentID) || !same(before.Function, after.Function) {
		fields, err := s.excluded(tx, after)
		if err != nil {
			return err
		}
		e.Fields = fields
	}
	if slices.Equal(before.LeercoachIDs, after.LeercoachIDs) {
		return orNil(e)
	}
	var got struct{ Employed db.IDs[id.MedewerkerID] }
	if err := tx.Select(&got, `select array(select m.id from medewerkers m join tenants t on t.tenant_id = m.tenant_id
		where m.tenant_id = ? and m.organisation_id = ? and m.id = any (?::uuid[])
			and (m.ended_on is null or m.ended_on > (?::timestamptz at time zone t.zone)::date)) as employed`,
		tx.Scope.Tenant, after.OrganisationID, after.LeercoachIDs, tx.Now); err != nil {
		return err
	}
	for i, c := range after.LeercoachIDs {
		if !slices.Contains(before.LeercoachIDs, c) && !slices.Contains(got.Employed, c) {
			e.At("/leercoach_ids/"+strconv.Itoa(i), notEmployed)
		}
	}
	if tx.Scope.Kind == db.ScopeMedewerker && len(e.Fields) == 0 { // who sees one leercoach cannot order them
		e.At("/leercoach_ids", fault.NotYours)
	}
	return orNil(e)
}

var language = regexp.MustCompile(`^[a-z]{2}$`)

func orNil(e *fault.Error) error {
	if len(e.Fields) == 0 {
		return nil
	}
	return e
}

func same[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }

// excluded says which of department and function the employer keeps closed (seed 001, 5.4: "uitgesloten"). A function
// without a department is held to the exclusions of all departments: leaving one out opens no door.
func (s Service) excluded(tx *db.Tx, l Leerplek) ([]fault.Field, error) {
	if l.DepartmentID == nil && l.Function == nil {
		return nil, nil
	}
	var got struct{ Known, Closed, Excluded bool }
	if err := tx.Select(&got, `select coalesce(bool_or(d.id = @department), false) as known,
			coalesce(bool_or(d.id = @department and not d.open_to_switchers), false) as closed,
			coalesce(bool_or(exists (select 1 from unnest(d.excluded_functions) f where lower(btrim(f)) = lower(btrim(@function)))), false) as excluded
		from departments d where d.tenant_id = @tenant and d.organisation_id = @organisation and (cast(@department as uuid) is null or d.id = @department)`,
		map[string]any{"tenant": tx.Scope.Tenant, "organisation": l.OrganisationID, "department": l.DepartmentID, "function": l.Function}); err != nil {
		return nil, err
	}
	var out []fault.Field
	switch {
	case l.DepartmentID != nil && !got.Known:
		out = append(out, fault.Field{Pointer: "/department_id", Rule: fault.NoReference})
	case got.Closed:
		out = append(out, fault.Field{Pointer: "/department_id", Rule: excludedDepartment})
	}
	if got.Excluded {
		out = append(out, fault.Field{Pointer: "/function", Rule: excludedFunction})
	}
	return out, nil
}

// columns are what is read of a leerplek: not the lexemes, which only a search needs.
const columns = `tenant_id, revision, created_at, updated_at, changed_by, on_behalf_of, request_id, pos, id, organisation_id, site_id,
	department_id, meeting_point, function, title, description, topics, capacity, available, requirements, languages, sourcing, safety_note, status,
	team, place_kind, accessibility, exclusions,
	array(select c.medewerker_id from leerplek_coaches c
		where c.tenant_id = leerplekken.tenant_id and c.leerplek_id = leerplekken.id order by c.place) as leercoach_ids`

// Get reads a leerplek, or returns fault.Missing. It takes two statements.
func (s Service) Get(tx *db.Tx, lid id.LeerplekID) (Leerplek, error) {
	var l Leerplek
	if err := tx.DB.Select(columns).Where("id = ?", lid).Take(&l).Error; err != nil {
		return l, db.Missing(err)
	}
	return l, count(tx, &l)
}

// Lock is Get, and keeps the leerplek and its leercoaches from changing until the transaction ends.
func (s Service) Lock(_ context.Context, tx *db.Tx, lid id.LeerplekID) (Leerplek, error) {
	l, err := db.Lock[Leerplek](tx, lid)
	if err != nil {
		return l, err
	}
	// Read after the lock is there: the statement that waited for it saw the leercoaches of before.
	coaches, err := s.CoachesOf(tx, lid)
	if err != nil {
		return l, err
	}
	for _, c := range coaches {
		l.LeercoachIDs = append(l.LeercoachIDs, c.MedewerkerID)
	}
	return l, count(tx, &l)
}

// count fills in how many exchanges are under way at each leerplek.
func count(tx *db.Tx, ls ...*Leerplek) error {
	if len(ls) == 0 {
		return nil
	}
	ids := make(db.IDs[id.LeerplekID], len(ls))
	for i, l := range ls {
		ids[i] = l.ID
	}
	var rows []struct {
		LeerplekID id.LeerplekID
		Active     int
	}
	if err := tx.Unbound("places_free is the same for every reader, whoever's exchanges fill them", func(tx *db.Tx) error {
		return tx.Select(&rows, `select leerplek_id, count(*) as active from leeruitwisselingen
			where tenant_id = ? and leerplek_id = any (?::uuid[]) and status in ('preparing', 'planned', 'in_progress') group by leerplek_id`,
			tx.Scope.Tenant, ids)
	}); err != nil {
		return err
	}
	for _, r := range rows {
		ls[slices.Index(ids, r.LeerplekID)].Active = r.Active
	}
	return nil
}

// CoachesOf reads the leercoaches of a leerplek, the leading one first.
func (s Service) CoachesOf(tx *db.Tx, lid id.LeerplekID) ([]Coach, error) {
	var out []Coach
	return out, tx.Select(&out, `select c.leerplek_id, c.organisation_id, c.medewerker_id, c.place, c.voluntary, c.has_time, c.knows_role, c.has_expertise,
			c.craft_expertise, c.coaching_expertise, c.tasks, c.planning,
			(m.ended_on is null or m.ended_on > (?::timestamptz at time zone t.zone)::date) as employed
		from leerplek_coaches c join tenants t on t.tenant_id = c.tenant_id
		join medewerkers m on m.tenant_id = c.tenant_id and m.organisation_id = c.organisation_id and m.id = c.medewerker_id
		where c.tenant_id = ? and c.leerplek_id = ? order by c.place`, tx.Now, tx.Scope.Tenant, lid)
}

// setCoaches writes who the leercoaches of a leerplek are, in order. Who stays keeps the answers to the conditions.
func (s Service) setCoaches(tx *db.Tx, l Leerplek) error {
	if _, err := tx.Run(`delete from leerplek_coaches where tenant_id = ? and leerplek_id = ? and medewerker_id <> all (?::uuid[])`,
		tx.Scope.Tenant, l.ID, l.LeercoachIDs); err != nil {
		return err
	}
	_, err := tx.Run(`insert into leerplek_coaches (tenant_id, leerplek_id, organisation_id, medewerker_id, place)
		select ?, ?, ?, c.id, c.place from unnest(?::uuid[]) with ordinality c (id, place)
		on conflict (tenant_id, leerplek_id, medewerker_id) do update set place = excluded.place`,
		tx.Scope.Tenant, l.ID, l.OrganisationID, l.LeercoachIDs)
	return err
}

// touch counts a change of what hangs on a leerplek as a change of the leerplek, so that who follows it sees it.
func touch(tx *db.Tx, l *Leerplek) error {
	_, err := tx.Run(`update leerplekken set revision = revision + 1, updated_at = ?, changed_by = ?, on_behalf_of = ?, request_id = ?
		where tenant_id = ? and id = ?`, tx.Now, tx.Actor, tx.OnBehalfOf, tx.RequestID, tx.Scope.Tenant, l.ID)
	l.Revision++
	return err
}
