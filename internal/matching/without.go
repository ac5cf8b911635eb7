package matching

import (
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/matching/relevance"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// While there is no index, leerplekken are looked at few by few until enough of them can be, and never more than atMost.
const (
	few    = 400
	enough = 100
	atMost = 4000
)

// byTerms finds the published leerplekken that have signs of a question, the likest first: what an index would add up, of the lexemes
// that stand with each leerplek, with four strengths of a sign instead of fifteen. How rare a sign is, is counted among all of them. What has lexemes of
// another version is looked for by what that may have.
const byTerms = `with terms as materialized (
		select n, cast(old_ways as double precision) as old_ways, channel, cast(share as double precision) as share, cast(weight as double precision) as weight, cast(ways as double precision) as ways,
			cast(query as tsquery) as query, cast(older as tsquery) as older
		from unnest(cast(@queries as text[]), cast(@olders as text[]), cast(@channels as text[]), cast(@shares as text[]), cast(@weights as text[]), cast(@ways as text[]),
			cast(@old_ways as text[])) with ordinality t (query, older, channel, share, weight, ways, old_ways, n)
	), found as materialized (
		select l.id, t.n, t.strength
		from leerplekken l
		cross join lateral (select l.lexemes || cast('' as tsvector) as lexemes offset 0) d
		cross join lateral (select n, greatest(1.645 * case when l.lexemes_version = @version then ts_rank(cast(@levels as real[]), d.lexemes, query) * ways
				else ts_rank(cast(@levels as real[]), d.lexemes, older) * old_ways end, 0.13) as strength from terms
			where d.lexemes @@ case when l.lexemes_version = @version then query else older end offset 0) t
		where l.tenant_id = @tenant and l.status = 'published'
			and l.lexemes @@ case when l.lexemes_version = @version then cast(@any as tsquery) else cast(@any_older as tsquery) end
	), rare as (
		select t.n, t.channel, t.share, t.weight * greatest(0.8, ln(1 + (greatest(a.all, 20) - coalesce(f.many, 0) + 0.5) / (coalesce(f.many, 0) + 0.5)))
			* case when f.many is null then 0.5 else 1 end as telling
		from terms t left join (select n, count(*) as many from found group by n) f using (n)
		cross join (select count(*) as all from leerplekken where tenant_id = @tenant and status = 'published') a
	), worth as (
		select n, share * telling / sum(telling) over (partition by channel) as worth from rare
	)
	select array(select id from found join worth using (n) group by id order by sum(strength * worth) desc, id limit @most) as ids`

// likest gives the leerplekken that byTerms finds.
func likest(tx *db.Tx, options relevance.Options, q relevance.Question) (db.IDs[uuid.UUID], error) {
	terms, err := relevance.Terms(options, q)
	if err != nil || len(terms) == 0 {
		return nil, err
	}
	var queries, olders, channels, shares, weights, ways, oldWays db.Strings
	for _, t := range terms {
		queries, olders, channels = append(queries, t.Query), append(olders, t.Older), append(channels, strconv.Itoa(t.Channel))
		shares, weights, ways = append(shares, number(t.Share)), append(weights, number(t.Weight)), append(ways, strconv.Itoa(t.Ways))
		oldWays = append(oldWays, strconv.Itoa(t.OldWays))
	}
	var found struct {
		IDs db.IDs[uuid.UUID] `gorm:"column:ids"`
	}
	err = db.One(tx, &found, byTerms, map[string]any{"queries": queries, "olders": olders, "channels": channels, "shares": shares, "weights": weights, "ways": ways, "old_ways": oldWays,
		"any": strings.Join(queries, " | "), "any_older": strings.Join(olders, " | "), "version": relevance.LexemesVersion(), "levels": relevance.Levels,
		"tenant": tx.Scope.Tenant, "most": atMost})
	return found.IDs, err
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// without makes an index for one question alone, of those leerplekken whose lexemes PostgreSQL finds most like it; and of the one
// that is asked about. It is for while a large tenant's index is being made, and for a tenant that is too large for one: the
// answer has the same shape, but the concepts of ESCO say nothing, and only what was looked at is counted. It looks on until
// enough can be, or as many as the caller wants: where nearly all are ruled out, one that is farther down is found as well. Who wants none (a limit of 0) decides about one pair,
// and holds locks meanwhile: they look at one page.
// Row-level security keeps a text index from being used (its operators are not leakproof), so every published leerplek of the
// tenant is compared: some microseconds each.
func without(tx *db.Tx, q *question, a asked, also *id.LeerplekID, everything bool, limit int) (*index, error) {
	own, err := newestWording(tx)
	if err != nil {
		return nil, err
	}
	w := wording{options: relevance.Options{Synonyms: own.lists()}}
	ids, err := likest(tx, w.options, a.words())
	if err != nil {
		return nil, err
	}
	others := few - len(ids)
	if everything { // who asks for everything sees more than what has a word in common
		others = atMost - len(ids)
	}
	if others > 0 {
		var found struct {
			IDs db.IDs[uuid.UUID] `gorm:"column:ids"`
		}
		if err := db.One(tx, &found, `select array(select id from leerplekken where tenant_id = ? and status = 'published' and id <> all (cast(? as uuid[])) order by id limit ?) as ids`,
			tx.Scope.Tenant, ids, others); err != nil {
			return nil, err
		}
		ids = append(ids, found.IDs...)
	}
	r := newReading(q.Today)
	var can []uuid.UUID
	if also != nil {
		can = append(can, also.UUID())
		ids = slices.Insert(slices.DeleteFunc(ids, func(l uuid.UUID) bool { return l == also.UUID() }), 0, also.UUID())
	}
	for pages := 0; len(ids) > 0 && (pages == 0 || limit > 0) && len(can) < max(enough, limit+spare); pages++ {
		page := distinct(slices.Clone(ids[:min(few, len(ids))]))
		ids = ids[len(page):]
		ps, err := facts(tx, q.Today, page, r.kin)
		if err != nil {
			return nil, err
		}
		for _, p := range ps {
			if !p.published {
				continue
			}
			r.places = append(r.places, p)
			m := q.between(&p)
			if m.confident = true; ruledOut(q, &p, m) == possible {
				can = append(can, p.id)
			}
		}
	}
	if err := texts(tx, distinct(can), func(d relevance.Document) { r.documents = append(r.documents, d) }); err != nil {
		return nil, err
	}
	return r.build(w, horizon{}, nil)
}
