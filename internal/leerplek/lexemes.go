package leerplek

import (
	"context"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/matching/relevance"
	"github.com/switchingtalent/switchboard/internal/platform/db"
)

// document is what a leerplek says of itself: its lexemes are made of that. Its department and the sector of its employer are not
// its own, and a published leerplek shows them to nobody.
func (l Leerplek) document() relevance.Document {
	d := relevance.Document{Title: l.Title, Description: l.Description, Topics: l.Topics}
	if l.Function != nil {
		d.Function = *l.Function
	}
	return d
}

// setLexemes writes what suggestions without an index find a leerplek by, with the transaction that writes its text.
func setLexemes(tx *db.Tx, l Leerplek) error {
	return tx.Later(`update leerplekken set lexemes = cast(? as tsvector), lexemes_version = ? where tenant_id = ? and id = ?`,
		relevance.Lexemes(l.document())[0], relevance.LexemesVersion(), tx.Scope.Tenant, l.ID)
}

// readAtOnce is how many leerplekken one transaction of ReadTexts reads: some tens of milliseconds.
const readAtOnce = 200

// ReadAll is ReadTexts for all tenants, until nothing is left to read or ctx ends.
func (s Service) ReadAll(ctx context.Context, d *db.DB) error {
	return d.EachTenant(ctx, "leerplek.lexemes", s.ReadTexts)
}

// ReadTexts makes the lexemes of some leerplekken of the tenant whose text another version of the program read, or none, and says
// whether there may be more. Meanwhile these are found by the lexemes that they have.
func (s Service) ReadTexts(tx *db.Tx) (more bool, err error) {
	var rows []struct {
		ID                 uuid.UUID
		Title, Description string
		Function           *string
		Topics             db.Strings
	}
	// Who writes one now makes its lexemes too.
	if err := tx.Select(&rows, `select id, title, description, function, topics from leerplekken
		where tenant_id = @tenant and (lexemes_version < @version or lexemes_version > @version)
		order by id limit @most for no key update skip locked`,
		map[string]any{"tenant": tx.Scope.Tenant, "version": relevance.LexemesVersion(), "most": readAtOnce}); err != nil || len(rows) == 0 {
		return false, err
	}
	ids, documents := make(db.IDs[uuid.UUID], len(rows)), make([]relevance.Document, len(rows))
	for i, r := range rows {
		ids[i], documents[i] = r.ID, Leerplek{Title: r.Title, Description: r.Description, Function: r.Function, Topics: r.Topics}.document()
	}
	_, err = tx.Run(`update leerplekken l set lexemes = cast(r.lexemes as tsvector), lexemes_version = @version
		from unnest(cast(@ids as uuid[]), cast(@lexemes as text[])) r (id, lexemes) where l.tenant_id = @tenant and l.id = r.id`,
		map[string]any{"tenant": tx.Scope.Tenant, "version": relevance.LexemesVersion(), "ids": ids, "lexemes": db.Strings(relevance.Lexemes(documents...))})
	return len(rows) == readAtOnce, err
}
