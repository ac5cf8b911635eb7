package matching

import (
	"encoding/json"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/switchingtalent/switchboard/internal/matching/relevance"
	"github.com/switchingtalent/switchboard/internal/platform/availability"
	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// fold makes words that people mean the same equal: without capitals and spaces at the ends.
func fold(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

func folded(in []string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = fold(s)
	}
	return out
}

// asked is a leervraag as the caller may read it.
type asked struct {
	ID             id.LeervraagID
	OrganisationID id.OrganisationID
	SwitcherID     id.MedewerkerID
	Internal       bool
	Available      availability.List
	DaysNeeded     int
	SectorWish     string
	Title          string
	Question       string
	Goals          db.Strings
	Topics         db.Strings
}

// words are what is looked for. The motive stays out: it says what brought somebody here, not where to.
func (a asked) words() relevance.Question {
	return relevance.Question{Title: a.Title, Text: a.Question, Goals: a.Goals, Topics: a.Topics}
}

// ask reads a leervraag under the binding of the caller, or returns fault.Missing.
func ask(tx *db.Tx, lid id.LeervraagID) (a asked, err error) {
	err = db.One(tx, &a, `select id, organisation_id, switcher_id, internal, available, days_needed, coalesce(sector_wish, '') as sector_wish,
			title, question, goals, topics
		from leervragen where tenant_id = ? and id = ?`, tx.Scope.Tenant, lid)
	return a, err
}

// around is what is known of the switcher, of the switcher's employer, and of what happened before.
const around = `select cast(cast(? as timestamptz) at time zone t.zone as date) as today, m.language, m.max_travel_km, m.needs_public_transport,
		m.meets_requirements, work.latitude as work_latitude, work.longitude as work_longitude, home.latitude as home_latitude,
		home.longitude as home_longitude, o.sector, coalesce(o.workforce, '') as workforce, o.headcount,
		array(select case when r.organisation_id = o.id then r.rival_id else r.organisation_id end from rivals r
			where r.tenant_id = o.tenant_id and (r.organisation_id = o.id or r.rival_id = o.id)) as rivals,
		array(select leerplek_id from matches where tenant_id = m.tenant_id and leervraag_id = ? and status in ('draft', 'proposed', 'accepted')) as proposed,
		array(select leerplek_id from matches where tenant_id = m.tenant_id and leervraag_id = ? and status = 'declined') as declined,
		array(select leerplek_id from suggestion_dismissals where tenant_id = m.tenant_id and leervraag_id = ?) as dismissed
	from medewerkers m
	join tenants t on t.tenant_id = m.tenant_id
	join organisations o on o.tenant_id = m.tenant_id and o.id = m.organisation_id` + whereabouts + `
	where m.tenant_id = ? and m.id = ?`

// look reads what is known around a leervraag, in a transaction that sees all of the tenant, and makes it a question.
func look(tx *db.Tx, a asked) (*question, error) {
	var r struct {
		Today                         day.Date
		Language                      string
		MaxTravelKM                   *int `gorm:"column:max_travel_km"`
		NeedsPublicTransport          bool
		MeetsRequirements             *db.Strings
		WorkLatitude, WorkLongitude   *float64
		HomeLatitude, HomeLongitude   *float64
		Sector, Workforce             string
		Headcount                     *int
		Rivals                        db.IDs[uuid.UUID]
		Proposed, Declined, Dismissed db.IDs[uuid.UUID]
	}
	if err := db.One(tx, &r, around, tx.Now, a.ID, a.ID, a.ID, tx.Scope.Tenant, a.SwitcherID); err != nil {
		return nil, err
	}
	q := &question{ID: a.ID, OrganisationID: a.OrganisationID.UUID(), SwitcherID: a.SwitcherID.UUID(), Internal: a.Internal, DaysNeeded: a.DaysNeeded,
		SectorWish: a.SectorWish, Today: r.Today, Year: begins(a.Available, r.Today), Language: r.Language, MaxTravelKM: r.MaxTravelKM, NeedsPublicTransport: r.NeedsPublicTransport,
		Home: at(r.HomeLatitude, r.HomeLongitude), Work: at(r.WorkLatitude, r.WorkLongitude),
		Available: availability.NewCalendar(a.Available, r.Today),
		Employer:  &employer{id: a.OrganisationID.UUID(), sector: fold(r.Sector), workforce: r.Workforce, band: band(r.Headcount)}}
	if r.MeetsRequirements != nil {
		q.Meets = folded(*r.MeetsRequirements)
	}
	q.Rivals = map[uuid.UUID]bool{}
	for _, o := range r.Rivals {
		q.Rivals[o] = true
	}
	q.Before = map[uuid.UUID]before{}
	for i, list := range []db.IDs[uuid.UUID]{r.Dismissed, r.Declined, r.Proposed} {
		for _, l := range list {
			b := q.Before[l]
			b.dismissed, b.declined, b.proposed = b.dismissed || i == 0, b.declined || i == 1, b.proposed || i == 2
			q.Before[l] = b
		}
	}
	return q, nil
}

func at(latitude, longitude *float64) *point {
	if latitude == nil || longitude == nil {
		return nil
	}
	p := pointAt(*latitude, *longitude)
	return &p
}

// factsSQL reads what rules leerplekken out or rates them, in the order of their ids. What one employer keeps closed holds
// for a function without a department too: leaving one out opens no door. A leercoach's exchanges are all at the own employer.
// Counts are one object each, and what belongs to an employer or a leerplek is read for each by a lateral join: under row-level
// security PostgreSQL expects one row of a table, and would count again for each leercoach of each leerplek.
const factsSQL = `
with load as materialized (
	select coalesce(jsonb_object_agg(id, n), '{}') as by from (
		select c.id, count(*) as n
		from (select distinct organisation_id from leerplekken where tenant_id = $1 and id = any ($2)) o
		cross join lateral (select leercoach_ids from leeruitwisselingen where tenant_id = $1 and receiving_organisation_id = o.organisation_id
			and status in ('preparing', 'planned', 'in_progress') offset 0) e, unnest(e.leercoach_ids) c (id) group by c.id) x
), taken as materialized (
	select coalesce(jsonb_object_agg(leerplek_id, n), '{}') as by from (
		select leerplek_id, count(*) as n from leeruitwisselingen
		where tenant_id = $1 and leerplek_id = any ($2) and status in ('preparing', 'planned', 'in_progress') group by leerplek_id) x
), begun as materialized (
	select coalesce(jsonb_object_agg(id, now), '{}') as now, coalesce(jsonb_object_agg(id, next), '{}') as next from (
		select c.id, count(*) filter (where year = $3) as now, count(*) filter (where year = $3 + 1) as next
		from (select m.organisation_id, array_agg(m.id) as ids from leerplek_coaches c
			join medewerkers m on m.tenant_id = c.tenant_id and m.organisation_id = c.organisation_id and m.id = c.medewerker_id
			where c.tenant_id = $1 and c.leerplek_id = any ($2) and m.yearly_coaching_limit is not null group by m.organisation_id) limited
		cross join lateral (select e.leercoach_ids, extract(year from coalesce(
				(select min(d.date_on) from leeruitwisseling_days d where d.tenant_id = e.tenant_id and d.leeruitwisseling_id = e.id),
				(e.created_at at time zone (select zone from tenants where tenant_id = $1 and id = $1))::date))::int as year
			from leeruitwisselingen e where e.tenant_id = $1 and e.receiving_organisation_id = limited.organisation_id and e.status <> 'cancelled'
			and e.leercoach_ids && limited.ids offset 0) e,
			unnest(e.leercoach_ids) c (id)
		where c.id = any (limited.ids) group by c.id) y
)
select l.id, l.status = 'published', not coalesce(d.open_to_switchers, true),
	case when l.function is null then false
		when l.department_id is null then coalesce(lower(btrim(l.function)) = any (shut.functions), false)
		else exists (select 1 from unnest(d.excluded_functions) f where lower(btrim(f)) = lower(btrim(l.function))) end,
	l.capacity - coalesce(cast((select by from taken) ->> cast(l.id as text) as int), 0), o.id, o.sector, coalesce(o.workforce, ''), o.headcount,
	s.id, coalesce(s.latitude, near.latitude), coalesce(s.longitude, near.longitude), coalesce(s.public_transport, false), l.available::text, l.languages, l.requirements,
	coaches.ids, coaches.ended, coaches.no, coaches.met, coaches.most, coaches.active,
	coaches.yearly, coaches.now, coaches.next
from leerplekken l
join organisations o on o.tenant_id = l.tenant_id and o.id = l.organisation_id
left join departments d on d.tenant_id = l.tenant_id and d.organisation_id = l.organisation_id and d.id = l.department_id
left join sites s on s.tenant_id = l.tenant_id and s.organisation_id = l.organisation_id and s.id = l.site_id` + unplaced + `
left join lateral (
	select array_agg(c.medewerker_id order by c.place) as ids,
		array_agg(coalesce(m.ended_on - date '1970-01-01', 2147483647) order by c.place) as ended,
		array_agg(false in (c.voluntary, c.has_time, c.knows_role, c.has_expertise) is true order by c.place) as no,
		array_agg(num_nonnulls(nullif(c.voluntary, false), nullif(c.has_time, false), nullif(c.knows_role, false), nullif(c.has_expertise, false)) order by c.place) as met,
		array_agg(coalesce(m.coaching_limit, -1) order by c.place) as most,
		array_agg(coalesce(cast((select by from load) ->> cast(m.id as text) as int), 0) order by c.place) as active,
		array_agg(coalesce(m.yearly_coaching_limit, -1) order by c.place) as yearly,
		array_agg(coalesce(cast((select now from begun) ->> cast(m.id as text) as int), 0) order by c.place) as now,
		array_agg(coalesce(cast((select next from begun) ->> cast(m.id as text) as int), 0) order by c.place) as next
	from leerplek_coaches c
	join medewerkers m on m.tenant_id = c.tenant_id and m.organisation_id = c.organisation_id and m.id = c.medewerker_id
	where c.tenant_id = $1 and c.leerplek_id = l.id
) coaches on true
left join lateral (
	select array_agg(lower(btrim(f))) as functions from departments x, unnest(x.excluded_functions) f
	where x.tenant_id = $1 and x.organisation_id = l.organisation_id and l.function is not null and l.department_id is null
) shut on true
where l.tenant_id = $1 and l.id = any ($2) order by l.id`

// facts reads the places of these leerplekken, those that exist, in the order of their ids. What many say alike is kept
// once, in kin.
func facts(tx *db.Tx, today day.Date, ids []uuid.UUID, kin *kinship) ([]place, error) {
	out := make([]place, 0, len(ids))
	err := tx.Pgx(func(p pgx.Tx) error {
		rows, err := p.Query(tx.Statement.Context, factsSQL, tx.Scope.Tenant, ids, yearAt(today))
		if err != nil {
			return err
		}
		var pl place
		var organisation uuid.UUID
		var sector, workforce, available string
		var headcount *int
		var siteID *uuid.UUID
		var latitude, longitude *float64
		var publicTransport bool
		var languages, requirements []string
		var coaches [][16]byte
		var ended, met, most, active, perYear, now, next []int32
		var no []bool
		_, err = pgx.ForEachRow(rows, []any{(*[16]byte)(&pl.id), &pl.published, &pl.closed, &pl.excluded, &pl.free, (*[16]byte)(&organisation), &sector, &workforce,
			&headcount, &siteID, &latitude, &longitude, &publicTransport, &available, &languages, &requirements,
			&coaches, &ended, &no, &met, &most, &active, &perYear, &now, &next}, func() error {
			one := pl
			one.employer = kin.employer(employer{organisation, fold(sector), workforce, band(headcount)})
			if siteID != nil {
				one.site = kin.site(*siteID, latitude, longitude, publicTransport)
			}
			var err error
			if one.when, one.whenN, err = kin.calendar(available, today); err != nil {
				return err
			}
			one.languages, one.requirements = kin.list(languages), kin.list(folded(requirements))
			for i, c := range coaches {
				one.coaches = append(one.coaches, coach{c, ended[i], no[i], int8(met[i]), most[i], active[i], nil})
				if perYear[i] != unknown {
					one.coaches[i].yearly = &yearly{perYear[i], yearAt(today), [2]int32{now[i], next[i]}}
				}
			}
			out = append(out, one)
			return nil
		})
		return err
	})
	return out, err
}

// kinship keeps once what many places say alike.
type kinship struct {
	employers map[employer]*employer
	sites     map[siteKey]*site
	calendars map[string]numbered
	lists     map[string][]string
	bytes     int
}

// numbered is a calendar and its number; 0 for the one that says nothing.
type numbered struct {
	*availability.Calendar
	n int32
}

type siteKey struct {
	id                  uuid.UUID
	latitude, longitude float64
	known, transport    bool
}

func newKinship() *kinship {
	return &kinship{employers: map[employer]*employer{}, sites: map[siteKey]*site{}, calendars: map[string]numbered{"[]": {}}, lists: map[string][]string{}}
}

func (k *kinship) employer(e employer) *employer {
	if known := k.employers[e]; known != nil {
		return known
	}
	k.employers[e] = &e
	k.bytes += 150 + len(e.sector)
	return &e
}

func (k *kinship) site(sid uuid.UUID, latitude, longitude *float64, transport bool) *site {
	key := siteKey{id: sid, transport: transport}
	if latitude != nil && longitude != nil {
		key.latitude, key.longitude, key.known = *latitude, *longitude, true
	}
	if known := k.sites[key]; known != nil {
		return known
	}
	s := &site{publicTransport: transport, n: int32(len(k.sites))}
	if key.known {
		s.point = at(&key.latitude, &key.longitude)
	}
	k.sites[key] = s
	k.bytes += 200
	return s
}

func (k *kinship) calendar(text string, today day.Date) (*availability.Calendar, int32, error) {
	if known, ok := k.calendars[text]; ok {
		return known.Calendar, known.n, nil
	}
	var l availability.List
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		return nil, 0, err
	}
	c := numbered{availability.NewCalendar(l, today), int32(len(k.calendars))}
	k.calendars[text] = c
	k.bytes += len(text) + 100 + c.Bytes()
	return c.Calendar, c.n, nil
}

func (k *kinship) list(l []string) []string {
	if len(l) == 0 {
		return nil
	}
	key := strings.Join(l, "\x00")
	if known, ok := k.lists[key]; ok {
		return known
	}
	k.lists[key] = l
	k.bytes += 2*len(key) + 100
	return l
}

// textsSQL reads what leerplekken say of themselves.
const textsSQL = `select l.id, l.title, l.description, coalesce(d.name, ''), coalesce(l.function, ''), o.sector, l.topics
from leerplekken l
join organisations o on o.tenant_id = l.tenant_id and o.id = l.organisation_id
left join departments d on d.tenant_id = l.tenant_id and d.organisation_id = l.organisation_id and d.id = l.department_id
where l.tenant_id = $1 and l.id = any ($2) and l.status = 'published' order by l.id`

// texts calls f with what the published of these leerplekken say of themselves, in the order of their ids.
func texts(tx *db.Tx, ids []uuid.UUID, f func(relevance.Document)) error {
	return tx.Pgx(func(p pgx.Tx) error {
		rows, err := p.Query(tx.Statement.Context, textsSQL, tx.Scope.Tenant, ids)
		if err != nil {
			return err
		}
		var d relevance.Document
		_, err = pgx.ForEachRow(rows, []any{&d.ID, &d.Title, &d.Description, &d.Department, &d.Function, &d.Sector, &d.Topics}, func() error {
			f(d)
			return nil
		})
		return err
	})
}
