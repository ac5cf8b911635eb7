package matching

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/switchingtalent/switchboard/internal/platform/availability"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// Service ranks.
type Service struct{}

// Suggest ranks the published leerplekken for a leervraag, the best `limit` of them, and counts the others by reason. A
// leervraag that the caller does not see is fault.Missing. It needs a transaction that lasts for several statements.
func (s Service) Suggest(_ context.Context, tx *db.Tx, lid id.LeervraagID, limit int) (Suggestions, error) {
	out := Suggestions{Data: []Suggestion{}, RuledOut: []RuledOut{}}
	var q question
	if err := ask(tx, lid, &q); err != nil {
		return out, err
	}
	err := tx.Unbound("ranking looks at every employer's leerplekken; answers show of them what a published leerplek shows", func(tx *db.Tx) error {
		if err := look(tx, &q); err != nil {
			return err
		}
		all, err := candidates(tx, &q)
		if err != nil {
			return err
		}
		var left []*candidate
		left, out.RuledOut = sift(&q, all)
		words := newVocabulary(q.Lexemes)
		best := rank(&q, words, left, limit)
		out.Data, err = tell(tx, &q, words, best)
		return err
	})
	if tx.Principal.Bound() {
		out.withhold()
	}
	return out, err
}

// withhold leaves out what leercoaches answered to the conditions: that is their own employer's to know.
func (s Suggestions) withhold() {
	for _, x := range s.Data {
		for i := range x.Parts {
			x.Parts[i].Detail.ConditionsMet, x.Parts[i].Detail.Conditions = nil, nil
		}
	}
}

// maxLexemes is how many words of a leervraag are looked for: a long story says it in its title, goals and beginning.
const maxLexemes = 60

// ask reads the leervraag, as the caller may.
func ask(tx *db.Tx, lid id.LeervraagID, q *question) error {
	return db.One(tx, &q.asked, `select l.id, l.organisation_id, l.switcher_id, l.internal, l.available,
			array(select w.lexeme from unnest(to_tsvector('dutch', concat_ws(E'\n', l.title, array_to_string(l.goals, E'\n'),
				(select string_agg(t, E'\n') from unnest(l.topics) t where t !~ '^[a-z]+://'), l.question))) w where length(w.lexeme) > 1
				order by w.positions[1], w.lexeme limit ?) as lexemes,
			array(select distinct lower(btrim(t)) from unnest(l.topics) t) as topics
		from leervragen l where l.tenant_id = ? and l.id = ?`, maxLexemes, tx.Scope.Tenant, lid)
}

// look reads what is known of the switcher and the switcher's employer. A home postcode has no coordinates yet, so
// distance counts from the switcher's own site.
func look(tx *db.Tx, q *question) error {
	return db.One(tx, &q.around, `select (?::timestamptz at time zone t.zone)::date as today, m.max_travel_km, m.needs_public_transport,
			s.latitude, s.longitude, lower(btrim(o.sector)) as sector, o.workforce, o.headcount
		from medewerkers m
		join tenants t on t.tenant_id = m.tenant_id
		join organisations o on o.tenant_id = m.tenant_id and o.id = m.organisation_id
		left join sites s on s.tenant_id = m.tenant_id and s.organisation_id = m.organisation_id and s.id = m.site_id
		where m.tenant_id = ? and m.id = ?`, tx.Now, tx.Scope.Tenant, q.SwitcherID)
}

// candidateSQL reads every published leerplek of the tenant with the facts that rule it out or rate it. Row-level
// security keeps a text index from being used here (its operators are not leakproof), so the lexemes come along.
const candidateSQL = `
with conditions as (
	select c.leerplek_id, count(*) as coaches, count(*) filter (where employed) as employed,
		count(*) filter (where employed and usable) as usable, coalesce(sum(met) filter (where employed and usable), 0) as met
	from leerplek_coaches c
	join medewerkers m on m.tenant_id = c.tenant_id and m.organisation_id = c.organisation_id and m.id = c.medewerker_id,
	lateral (select m.ended_on is null or m.ended_on > $4::date as employed,
		coalesce(c.voluntary, true) and coalesce(c.has_time, true) and coalesce(c.knows_role, true) and coalesce(c.has_expertise, true) as usable,
		num_nonnulls(nullif(c.voluntary, false), nullif(c.has_time, false), nullif(c.knows_role, false), nullif(c.has_expertise, false)) as met) x
	where c.tenant_id = $1 and c.medewerker_id <> $5
	group by c.leerplek_id
), taken as (
	select leerplek_id, count(*) as active from leeruitwisselingen
	where tenant_id = $1 and status in ('preparing', 'planned', 'in_progress') group by leerplek_id
), before as (
	select leerplek_id, bool_or(status in ('draft', 'proposed', 'accepted')) as proposed, bool_or(status = 'declined') as declined
	from matches where tenant_id = $1 and leervraag_id = $3 group by leerplek_id
), closed as (
	select organisation_id, array_agg(lower(btrim(f))) as functions from departments, unnest(excluded_functions) f
	where tenant_id = $1 group by organisation_id
)
select l.id, l.organisation_id = $2, not coalesce(d.open_to_switchers, true),
	case when l.function is null then false
		when l.department_id is null then coalesce(lower(btrim(l.function)) = any (closed.functions), false)
		else exists (select 1 from unnest(d.excluded_functions) f where lower(btrim(f)) = lower(btrim(l.function))) end,
	coalesce(c.coaches, 0), coalesce(c.employed, 0), coalesce(c.usable, 0), coalesce(c.met, 0), l.capacity - coalesce(taken.active, 0),
	s.latitude, s.longitude, s.public_transport, l.available::text, coalesce(before.proposed, false), coalesce(before.declined, false),
	lower(btrim(o.sector)), o.workforce, o.headcount,
	case when $6::text[] = '{}' then 0 else (select count(distinct lower(btrim(t))) from unnest(l.topics) t where lower(btrim(t)) = any ($6)) end,
	l.lexemes::text
from leerplekken l
join organisations o on o.tenant_id = l.tenant_id and o.id = l.organisation_id
left join departments d on d.tenant_id = l.tenant_id and d.organisation_id = l.organisation_id and d.id = l.department_id
left join sites s on s.tenant_id = l.tenant_id and s.organisation_id = l.organisation_id and s.id = l.site_id
left join conditions c on c.leerplek_id = l.id
left join taken on taken.leerplek_id = l.id
left join before on before.leerplek_id = l.id
left join closed on closed.organisation_id = l.organisation_id
where l.tenant_id = $1 and l.status = 'published'`

// candidates reads them with pgx: ten thousand rows through gorm's reflection take longer than all the rest.
func candidates(tx *db.Tx, q *question) ([]*candidate, error) {
	var out []*candidate
	err := tx.Pgx(func(p pgx.Tx) error {
		rows, err := p.Query(tx.Statement.Context, candidateSQL, tx.Scope.Tenant, q.OrganisationID.UUID(), q.ID.UUID(), q.Today.String(),
			q.SwitcherID.UUID(), []string(q.Topics))
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (*candidate, error) {
			c := &candidate{}
			return c, r.Scan((*[16]byte)(&c.id), &c.own, &c.closed, &c.excluded, &c.coaches, &c.employed, &c.usable, &c.met, &c.free,
				&c.latitude, &c.longitude, &c.publicTransport, &c.available, &c.proposed, &c.declined, &c.sector, &c.workforce, &c.headcount,
				&c.topics, &c.vector)
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, measure(q, out)
}

// measure fills in distances and days in common.
func measure(q *question, cs []*candidate) error {
	days := map[string]*int{"[]": nil} // many places say the same
	for _, c := range cs {
		if q.Latitude != nil && c.latitude != nil {
			hm := apart(*q.Latitude, *q.Longitude, *c.latitude, *c.longitude)
			c.hectometres = &hm
		}
		if len(q.Available) == 0 {
			continue
		}
		known, ok := days[c.available]
		if !ok {
			var l availability.List
			if err := json.Unmarshal([]byte(c.available), &l); err != nil {
				return err
			}
			n := availability.Days(q.Available, l, q.Today)
			known = &n
			days[c.available] = known
		}
		c.days = known
	}
	return nil
}

// sift leaves what can be, and counts the rest by reason, in the order of the reasons.
func sift(q *question, cs []*candidate) (left []*candidate, out []RuledOut) {
	counts := make([]int, len(reasons))
	for _, c := range cs {
		if i := ruledOut(q, c); i >= 0 {
			counts[i]++
		} else {
			left = append(left, c)
		}
	}
	out = []RuledOut{}
	for i, n := range counts {
		if n > 0 {
			out = append(out, RuledOut{reasons[i].code, n})
		}
	}
	return left, out
}

// rank scores the candidates and returns the best, by score and then by id.
func rank(q *question, words *vocabulary, cs []*candidate, limit int) []*candidate {
	of := ofContent
	if len(q.Topics) > 0 {
		of -= ofTopics
	}
	words.rate(cs, of)
	for _, c := range cs {
		for _, p := range parts(q, c) {
			c.score += p.Points
		}
	}
	slices.SortFunc(cs, func(a, b *candidate) int {
		return cmp.Or(cmp.Compare(b.score, a.score), bytes.Compare(a.id[:], b.id[:]))
	})
	return cs[:min(limit, len(cs))]
}

// maxWords is how many words of a place an answer shows.
const maxWords = 8

// The marks that PostgreSQL puts around words that match. No text holds them: control characters are refused at the door.
const markStart, markStop = "\x01", "\x02"

// tell turns candidates into answers: what the published leerplek shows, its points, and its own words that matched.
func tell(tx *db.Tx, q *question, words *vocabulary, best []*candidate) ([]Suggestion, error) {
	out := make([]Suggestion, len(best))
	ids, queries := make(db.IDs[uuid.UUID], len(best)), make(db.Strings, len(best))
	at := map[id.LeerplekID]int{}
	for i, c := range best {
		lid := id.LeerplekID(c.id)
		out[i] = Suggestion{LeerplekID: lid, Score: c.score, Parts: parts(q, c)}
		for j := range out[i].Parts {
			out[i].Parts[j].Detail.Words, out[i].Parts[j].Detail.Topics = []string{}, []string{}
		}
		ids[i], queries[i], at[lid] = c.id, anyOf(words.matched(c.vector)), i
	}
	var rows []struct {
		ID             id.LeerplekID
		OrganisationID id.OrganisationID
		Title          string
		Topics         db.Strings
		Marked         string
	}
	err := tx.Select(&rows, `select l.id, l.organisation_id, l.title,
			array(select t from unnest(l.topics) with ordinality x (t, n) where lower(btrim(t)) = any (?::text[]) order by n) as topics,
			case when w.query = '' then '' else ts_headline('dutch', concat_ws(E'\n', l.title, array_to_string(l.topics, E'\n'), left(l.description, 4000)),
				w.query::tsquery, ?) end as marked
		from unnest(?::uuid[], ?::text[]) w (id, query) join leerplekken l on l.tenant_id = ? and l.id = w.id`,
		q.Topics, `HighlightAll=true, StartSel="`+markStart+`", StopSel="`+markStop+`"`, ids, queries, tx.Scope.Tenant)
	for _, r := range rows {
		s := &out[at[r.ID]]
		s.OrganisationID, s.Title = r.OrganisationID, r.Title
		s.Parts[0].Detail.Words, s.Parts[0].Detail.Topics = marked(r.Marked), r.Topics
	}
	return out, err
}

// marked picks the words between the marks, each once.
func marked(text string) []string {
	out := []string{}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(text, markStart) {
		word, _, ok := strings.Cut(part, markStop)
		if lower := strings.ToLower(word); ok && !seen[lower] && len(out) < maxWords {
			seen[lower] = true
			out = append(out, word)
		}
	}
	return out
}
