package matching

import (
	"slices"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/matching/relevance"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// few is how many leerplekken are looked at while there is no index.
const few = 400

// without makes an index for one question alone, of the few leerplekken whose words PostgreSQL finds most like it, by the
// same stems; and of the one that is asked about. It is for while a large tenant's index is being made, and for a tenant
// that is too large for one: the answer has the same shape, but knows no compounds when it looks, and counts only what it
// looked at. Row-level security keeps a text index from being used (its operators are not leakproof), so every published
// leerplek of the tenant is compared: about a microsecond each.
func without(tx *db.Tx, q *question, a asked, also *id.LeerplekID) (*index, error) {
	var found struct {
		IDs db.IDs[uuid.UUID] `gorm:"column:ids"`
	}
	if err := db.One(tx, &found, `with asked as (
			select cast(string_agg('''' || replace(replace(w.lexeme, '\', '\\'), '''', '''''') || '''', ' | ' order by w.positions[1]) as tsquery) as words
			from (select lexeme, positions from unnest(to_tsvector('dutch', concat_ws(E'\n', cast(@title as text), array_to_string(cast(@goals as text[]), E'\n'),
				array_to_string(cast(@topics as text[]), E'\n'), left(cast(@question as text), 20000)))) where length(lexeme) > 1 order by positions[1] limit 60) w)
		select array(select l.id from leerplekken l, asked where l.tenant_id = @tenant and l.status = 'published' and l.lexemes @@ asked.words
			order by ts_rank(l.lexemes, asked.words) desc, l.id limit @few) as ids`,
		map[string]any{"title": a.Title, "goals": a.Goals, "topics": a.Topics, "question": a.Question, "tenant": tx.Scope.Tenant, "few": few}); err != nil {
		return nil, err
	}
	ids := found.IDs
	if also != nil {
		ids = append(ids, also.UUID())
	}
	if len(ids) < few { // who asks for everything sees more than what has a word in common
		if err := db.One(tx, &found, `select array(select id from leerplekken where tenant_id = ? and status = 'published' order by id limit ?) as ids`,
			tx.Scope.Tenant, few); err != nil {
			return nil, err
		}
		ids = append(ids, found.IDs...)
	}
	r := newReading(q.Today)
	if err := r.add(tx, distinct(slices.Clone(ids))); err != nil {
		return nil, err
	}
	own, err := newestWording(tx)
	if err != nil {
		return nil, err
	}
	return r.build(wording{options: relevance.Options{Synonyms: own.lists()}}, horizon{})
}
