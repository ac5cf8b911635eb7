package matching

import (
	"bytes"
	"context"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/switchingtalent/switchboard/internal/matching/relevance"
	"github.com/switchingtalent/switchboard/internal/platform/availability"
	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// snapshot is a cohort as it was at one moment: all that a run reads. Nothing in it names anybody.
type snapshot struct {
	today     day.Date
	year      int               // for which leercoaches count
	term      term              // in which days count
	questions []participant     // by id
	places    *index            // of the published leerplekken of the cohort
	carried   map[uuid.UUID]int // by employer: sent less received so far
}

// participant is a leervraag of a cohort.
type participant struct {
	question
	words   relevance.Question
	status  string
	settled *settled  // an accepted match: it is no question any more
	open    uuid.UUID // the leerplek of its newest open match
}

// settled is where an accepted match leads.
type settled struct{ place, coach uuid.UUID }

// askedSQL reads the leervragen of a cohort with what is known around them, in the order of their ids.
const askedSQL = `
select l.id, l.organisation_id, l.switcher_id, l.internal, l.available::text, l.days_needed, coalesce(l.sector_wish, ''), l.title, l.question, l.goals,
	l.topics, l.status, m.language, m.max_travel_km, m.needs_public_transport, m.meets_requirements,
	work.latitude, work.longitude, home.latitude, home.longitude, o.sector, coalesce(o.workforce, ''), o.headcount
from cohort_leervragen c
join leervragen l on l.tenant_id = c.tenant_id and l.organisation_id = c.organisation_id and l.id = c.leervraag_id
join medewerkers m on m.tenant_id = l.tenant_id and m.organisation_id = l.organisation_id and m.id = l.switcher_id
join organisations o on o.tenant_id = l.tenant_id and o.id = l.organisation_id` + whereabouts + `
where c.tenant_id = $1 and c.cohort_id = $2` + ofThese + ` order by l.id`

// ofThese leaves some leervragen of a cohort; null: all.
const ofThese = ` and ($3::uuid[] is null or c.leervraag_id = any ($3))`

// beforeSQL reads what became of the leervragen of a cohort so far, the oldest first.
const beforeSQL = `
select m.leervraag_id, m.leerplek_id, m.status, m.leercoach_ids[1] from matches m
join cohort_leervragen c on c.tenant_id = m.tenant_id and c.leervraag_id = m.leervraag_id
where c.tenant_id = $1 and c.cohort_id = $2 and m.status in ('draft', 'proposed', 'accepted', 'declined')` + ofThese + ` order by m.created_at, m.id`

const dismissedSQL = `
select d.leervraag_id, d.leerplek_id, 'dismissed', null::uuid from suggestion_dismissals d
join cohort_leervragen c on c.tenant_id = d.tenant_id and c.leervraag_id = d.leervraag_id
where c.tenant_id = $1 and c.cohort_id = $2` + ofThese + ` order by 1, 2`

// carriedSQL counts what each employer sent and received so far, beyond its own walls. Giving and taking need not even out
// within one round (seed 001, 5.4: "niet één-op-één").
const carriedSQL = `
select o, sum(n)::int from leeruitwisselingen e, lateral (values (e.sending_organisation_id, 1), (e.receiving_organisation_id, -1)) x (o, n)
where e.tenant_id = $1 and e.status <> 'cancelled' and not e.internal group by o`

// today is the day that it is in the tenant's zone.
func today(tx *db.Tx) (day.Date, error) {
	var now struct{ Today day.Date }
	err := db.One(tx, &now, `select cast(cast(? as timestamptz) at time zone zone as date) as today from tenants where tenant_id = ? and id = ?`,
		tx.Now, tx.Scope.Tenant, tx.Scope.Tenant)
	return now.Today, err
}

// term is the days of a cohort, both included: the exchanges that it leads to lie in them.
type term struct {
	FromOn  day.Date
	UntilOn *day.Date // nil while it is not known
}

func termOf(tx *db.Tx, cid id.CohortID) (t term, err error) {
	err = db.One(tx, &t, `select from_on, until_on from cohorten where tenant_id = ? and id = ?`, tx.Scope.Tenant, cid)
	return t, err
}

// year is the one for which leercoaches count what they take on in the cohort: that in which it begins, or today's once it has begun.
func (t term) year(today day.Date) int {
	if t.FromOn.Before(today) {
		return yearAt(today)
	}
	return yearAt(t.FromOn)
}

// within leaves of a calendar the days of the cohort: no others are days in common.
func (t term) within(c *availability.Calendar) *availability.Calendar {
	if t.UntilOn == nil {
		return c.Within(t.FromOn, day.Date{})
	}
	return c.Within(t.FromOn, *t.UntilOn)
}

// load reads a cohort in one read-only transaction, or ends with ctx. The words are indexed later, when no connection is held.
func load(ctx context.Context, tx *db.Tx, cid id.CohortID) (*snapshot, *reading, error) {
	s, places, err := open(tx, cid)
	if err != nil {
		return nil, nil, err
	}
	r := newReading(s.today)
	if err := r.all(ctx, tx, places); err != nil {
		return nil, nil, err
	}
	return s, r, s.take(tx, cid, nil, r.kin)
}

// open begins to read a cohort. places are the leerplekken that take part, by id.
func open(tx *db.Tx, cid id.CohortID) (s *snapshot, places []uuid.UUID, err error) {
	s = &snapshot{carried: map[uuid.UUID]int{}}
	if s.today, err = today(tx); err != nil {
		return nil, nil, err
	}
	if s.term, err = termOf(tx, cid); err != nil {
		return nil, nil, err
	}
	s.year = s.term.year(s.today)
	var found struct {
		IDs db.IDs[uuid.UUID] `gorm:"column:ids"`
	}
	err = db.One(tx, &found, `select array(select leerplek_id from cohort_leerplekken where tenant_id = ? and cohort_id = ? order by leerplek_id) as ids`,
		tx.Scope.Tenant, cid)
	return s, found.IDs, err
}

// all reads leerplekken, whose ids are in order, or ends with ctx.
func (r *reading) all(ctx context.Context, tx *db.Tx, places []uuid.UUID) error {
	for ids := range slices.Chunk(places, chunk) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := r.add(tx, ids); err != nil {
			return err
		}
	}
	return nil
}

// take reads some leervragen of a cohort, or all of them where only is nil, and what is known of employers.
func (s *snapshot) take(tx *db.Tx, cid id.CohortID, only []uuid.UUID, kin *kinship) error {
	return tx.Pgx(func(p pgx.Tx) error {
		return s.read(tx.Statement.Context, p, tx.Scope.Tenant, cid.UUID(), only, kin)
	})
}

func (s *snapshot) read(ctx context.Context, p pgx.Tx, tenant, cohort uuid.UUID, only []uuid.UUID, kin *kinship) error {
	rivals, err := rivalsOf(ctx, p, tenant, cohort)
	if err != nil {
		return err
	}
	rows, err := p.Query(ctx, askedSQL, tenant, cohort, only)
	if err != nil {
		return err
	}
	var q participant
	var available, sector, workforce string
	var headcount *int
	var meets *[]string
	var workLat, workLon, homeLat, homeLon *float64
	within := map[*availability.Calendar]*availability.Calendar{} // what many say alike is kept once
	if _, err := pgx.ForEachRow(rows, []any{(*[16]byte)(&q.ID), (*[16]byte)(&q.OrganisationID), (*[16]byte)(&q.SwitcherID), &q.Internal, &available, &q.DaysNeeded,
		&q.SectorWish, &q.words.Title, &q.words.Text, &q.words.Goals, &q.words.Topics, &q.status, &q.Language, &q.MaxTravelKM, &q.NeedsPublicTransport, &meets,
		&workLat, &workLon, &homeLat, &homeLon, &sector, &workforce, &headcount}, func() error {
		one := q
		one.Today, one.Year = s.today, s.year
		one.Home, one.Work = at(homeLat, homeLon), at(workLat, workLon)
		one.Employer = kin.employer(employer{one.OrganisationID, fold(sector), workforce, band(headcount)})
		one.Rivals = rivals[one.OrganisationID]
		if meets != nil {
			one.Meets = folded(*meets)
		}
		whole, _, err := kin.calendar(available, s.today)
		if err != nil {
			return err
		}
		if _, known := within[whole]; !known {
			within[whole] = s.term.within(whole)
		}
		one.Available = within[whole]
		s.questions = append(s.questions, one)
		return nil
	}); err != nil {
		return err
	}
	for _, query := range []string{dismissedSQL, beforeSQL} {
		if err := s.remember(ctx, p, query, tenant, cohort, only); err != nil {
			return err
		}
	}
	if err := s.prefer(ctx, p, tenant, cohort); err != nil {
		return err
	}
	rows, err = p.Query(ctx, carriedSQL, tenant)
	if err != nil {
		return err
	}
	var org uuid.UUID
	var n int
	_, err = pgx.ForEachRow(rows, []any{(*[16]byte)(&org), &n}, func() error { s.carried[org] = n; return nil })
	return err
}

// find gives the place of a leervraag among the questions.
func (s *snapshot) find(lvr uuid.UUID) (int, bool) {
	return slices.BinarySearchFunc(s.questions, lvr, func(q participant, v uuid.UUID) int { return bytes.Compare(q.ID[:], v[:]) })
}

// remember notes what became of leervragen. An open match rules nothing out here: it is where the run may leave them.
func (s *snapshot) remember(ctx context.Context, p pgx.Tx, query string, tenant, cohort uuid.UUID, only []uuid.UUID) error {
	rows, err := p.Query(ctx, query, tenant, cohort, only)
	if err != nil {
		return err
	}
	var lvr, lpl uuid.UUID
	var status string
	var coach *uuid.UUID
	_, err = pgx.ForEachRow(rows, []any{(*[16]byte)(&lvr), (*[16]byte)(&lpl), &status, &coach}, func() error {
		i, ok := s.find(lvr)
		if !ok {
			return nil
		}
		q := &s.questions[i]
		switch status {
		case "draft", "proposed":
			q.open = lpl
		case "accepted":
			q.settled = &settled{lpl, *coach}
		default:
			if q.Before == nil {
				q.Before = map[uuid.UUID]before{}
			}
			b := q.Before[lpl]
			b.declined, b.dismissed = b.declined || status == "declined", b.dismissed || status == "dismissed"
			q.Before[lpl] = b
		}
		return nil
	})
	return err
}

// prefer notes whom switchers like best.
func (s *snapshot) prefer(ctx context.Context, p pgx.Tx, tenant, cohort uuid.UUID) error {
	rows, err := p.Query(ctx, `select medewerker_id, organisation_ids from cohort_preferences where tenant_id = $1 and cohort_id = $2`, tenant, cohort)
	if err != nil {
		return err
	}
	liked := map[uuid.UUID][]uuid.UUID{}
	var mdw uuid.UUID
	var orgs []uuid.UUID
	if _, err := pgx.ForEachRow(rows, []any{(*[16]byte)(&mdw), &orgs}, func() error { liked[mdw] = orgs; return nil }); err != nil {
		return err
	}
	for i := range s.questions {
		s.questions[i].Preferences = liked[s.questions[i].SwitcherID]
	}
	return nil
}

// rivalsOf reads whom each employer is kept apart from, in the tenant and in the cohort.
func rivalsOf(ctx context.Context, p pgx.Tx, tenant, cohort uuid.UUID) (map[uuid.UUID]map[uuid.UUID]bool, error) {
	rows, err := p.Query(ctx, `select organisation_id, rival_id from rivals where tenant_id = $1
		union select organisation_id, rival_id from cohort_rivals where tenant_id = $1 and cohort_id = $2`, tenant, cohort)
	if err != nil {
		return nil, err
	}
	out := map[uuid.UUID]map[uuid.UUID]bool{}
	add := func(a, b uuid.UUID) {
		if out[a] == nil {
			out[a] = map[uuid.UUID]bool{}
		}
		out[a][b] = true
	}
	var a, b uuid.UUID
	_, err = pgx.ForEachRow(rows, []any{(*[16]byte)(&a), (*[16]byte)(&b)}, func() error {
		add(a, b)
		add(b, a)
		return nil
	})
	return out, err
}
