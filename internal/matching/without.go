package matching

import (
	"regexp"
	"slices"
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

// byWords finds the published leerplekken that have words of a question, the likest first: what it says counts thrice what it
// means besides. PostgreSQL compares by its own Dutch stems, and finds compounds that begin with a word; in titles, functions and topics also
// those that hold one elsewhere, which counts more than a word of the description and less than one of the title.
const byWords = `with words as materialized (
		select cast(string_agg(said, ' | ') filter (where asked) as tsquery) as said, cast(string_agg(said, ' | ') as tsquery) as meant
		from (select asked, '''' || replace(replace(w.lexeme, '\', '\\'), '''', '''''') || case when length(lexeme) < 4 then '''' else ''':*' end as said
			from (values (true, cast(@said as text[])), (false, cast(@meant as text[]))) t (asked, words), unnest(to_tsvector('dutch', array_to_string(words, ' '))) w
			where length(lexeme) > 1) l)
	select array(select l.id from leerplekken l cross join words
		cross join lateral (select lower(concat_ws(' ', l.title, l.function, platform.words(l.topics))) ~ cast(@inside as text) as holds) x
		where l.tenant_id = @tenant and l.status = 'published' and (l.lexemes @@ words.meant or x.holds)
		order by 2 * coalesce(ts_rank(l.lexemes, words.said), 0) + coalesce(ts_rank(l.lexemes, words.meant), 0) + case when x.holds then 0.3 else 0 end desc, l.id limit @most) as ids`

// compounded is how many letters a word has at least for which compounds are looked through.
const compounded = 5

// inside is a pattern of the words that may be the end or the middle of a compound.
func inside(words []string) string {
	words = slices.DeleteFunc(slices.Clone(words), func(w string) bool { return len([]rune(w)) < compounded })
	if len(words) == 0 {
		return "a^" // nothing is
	}
	for i, w := range words {
		words[i] = regexp.QuoteMeta(w) // c++17 is a word
	}
	return strings.Join(words, "|")
}

// without makes an index for one question alone, of those leerplekken whose words PostgreSQL finds most like it; and of the one
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
	said, meant, err := relevance.Terms(w.options, a.words())
	if err != nil {
		return nil, err
	}
	var found struct {
		IDs db.IDs[uuid.UUID] `gorm:"column:ids"`
	}
	if err := db.One(tx, &found, byWords, map[string]any{"said": db.Strings(said), "meant": db.Strings(meant), "inside": inside(slices.Concat(said, meant)), "tenant": tx.Scope.Tenant, "most": atMost}); err != nil {
		return nil, err
	}
	ids := found.IDs
	others := few - len(ids)
	if everything { // who asks for everything sees more than what has a word in common
		others = atMost - len(ids)
	}
	if others > 0 {
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
