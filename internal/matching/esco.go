package matching

import (
	"context"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/switchingtalent/switchboard/internal/matching/relevance"
)

// ImportESCO puts the ESCO classification, as the European Commission hands its files out (see relevance.ParseESCO), in
// the place of the one that is there, in a transaction of the role that owns the schema. It reports how many concepts
// there are, and whether anything changed: what is there already is left alone. Indexes take it up when they are asked
// next.
func ImportESCO(ctx context.Context, tx pgx.Tx, dir fs.FS, version string, now time.Time) (n int, changed bool, err error) {
	concepts, err := relevance.ParseESCO(dir)
	if err != nil {
		return 0, false, err
	}
	concepts = slices.DeleteFunc(concepts, func(c relevance.Concept) bool { return c.Label == "" }) // named by others, and by no file
	rows := make([][]any, len(concepts))
	for i, c := range concepts {
		others := slices.DeleteFunc(slices.Clone(c.Terms), func(t string) bool { return t == c.Label })
		rows[i] = []any{c.ID, kindOf(c.ID), c.Label, notNil(others), notNil(c.Broader)}
	}
	// One import at a time; readers go on with what was there.
	if _, err := tx.Exec(ctx, `lock table reference.esco in exclusive mode`); err != nil {
		return 0, false, err
	}
	same, err := unchanged(ctx, tx, rows, version)
	if err != nil || same {
		return len(rows), false, err
	}
	if _, err := tx.Exec(ctx, `delete from reference.esco_concepts`); err != nil {
		return 0, false, err
	}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"reference", "esco_concepts"}, []string{"uri", "kind", "label", "alt_labels", "broader"}, pgx.CopyFromRows(rows)); err != nil {
		return 0, false, err
	}
	_, err = tx.Exec(ctx, `insert into reference.esco (version, imported_at) values ($1, $2)
		on conflict (one) do update set version = excluded.version, imported_at = excluded.imported_at`, version, now)
	return len(rows), true, err
}

func unchanged(ctx context.Context, tx pgx.Tx, rows [][]any, version string) (bool, error) {
	var before string
	var known int
	if err := tx.QueryRow(ctx, `select coalesce((select version from reference.esco), ''), (select count(*) from reference.esco_concepts)`).Scan(&before, &known); err != nil {
		return false, err
	}
	if before != version || known != len(rows) {
		return false, nil
	}
	there, err := tx.Query(ctx, `select uri, label, alt_labels, broader from reference.esco_concepts order by uri collate "C"`)
	if err != nil {
		return false, err
	}
	i, same := 0, true
	var uri, label string
	var others, broader []string
	_, err = pgx.ForEachRow(there, []any{&uri, &label, &others, &broader}, func() error {
		r := rows[i]
		same = same && r[0] == uri && r[2] == label && slices.Equal(r[3].([]string), others) && slices.Equal(r[4].([]string), broader)
		i++
		return nil
	})
	return same, err
}

func notNil(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// kindOf says by its URI what a concept is.
func kindOf(uri string) string {
	switch {
	case strings.Contains(uri, "/esco/skill/"):
		return "skill"
	case strings.Contains(uri, "/esco/occupation/"):
		return "occupation"
	}
	return "group"
}
