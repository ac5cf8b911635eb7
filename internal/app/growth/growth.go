// Package growth makes a database large: it copies what stands in one tenant many times, by the catalogue, so a table
// that is added grows by itself and copies keep every constraint.
package growth

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/switchingtalent/switchboard/internal/platform/seal"
)

// Into says where copies go. Number 0 has the ids of the original, so copies begin with it in another tenant, and after it
// in the same one.
type Into struct {
	Tenant uuid.UUID
	// Tenants are made in the stead of Tenant, each with the same copies: one statement for each table makes them all.
	Tenants []uuid.UUID
	First   int
	Copies  int // less than a million
	// Fan says, by table, how many copies share a row: with {"organisations": 10} ten copies of what an employer has go
	// to one employer. Where a row belongs to two such tables, one number must divide the other.
	Fan  map[string]int
	Only []string // the tables to copy; all when empty
	// Unchecked leaves foreign keys unchecked, which takes most of the time. Copies keep them: a test makes some checked.
	Unchecked bool
	// Box opens what is sealed in the original and seals it anew for each copy, whose tenant and id the seal holds. Without
	// it sealed values are copied as they are, and open nowhere but in the original.
	Box *seal.Box
}

// unsealed are the secrets in bytes that no Box sealed.
var unsealed = map[string]string{
	"client_secrets.hash":     "a digest: the original's secret",
	"idempotency_keys.answer": "under a key derived from the Idempotency-Key",
}

// Function of a connection: the id of copy k. It moves with the other times, by whole days but for some seconds, so that ids
// keep their order by time, and it says which copy of which tenant it is. PostgreSQL writes it out where it is used.
const copied = `create or replace function pg_temp.copied(u uuid, k integer, salt text) returns uuid language sql immutable as $$
	select case when k = 0 then u else cast(lpad(to_hex(greatest(cast(cast('x' || left(cast(u as text), 8) as bit(32)) as bigint) - (k % 365) * 1318, 0)), 8, '0')
		|| substr(cast(u as text), 9, 16) || lpad(to_hex(k), 5, '0') || salt || right(cast(u as text), 4) as uuid) end $$`

// Tables of tenants, with their columns in order; those of the schema platform are queues, and do not grow.
const tables = `select c.relname, jsonb_agg(jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, null), 'nullable', not a.attnotnull,
	'sealed', a.atttypid = 'bytea'::regtype and coalesce(col_description(c.oid, a.attnum), '') = 'pii: secret',
	'unique', exists (select 1 from pg_index i where i.indrelid = c.oid and i.indisunique and a.attnum = any (i.indkey) and i.indnkeyatts <= 2),
	'keyed', exists (select 1 from pg_index i where i.indrelid = c.oid and i.indisunique and a.attnum = any (i.indkey)),
	'target', (select f.relname from pg_constraint k join pg_class f on f.oid = k.confrelid, unnest(k.conkey, k.confkey) pair (own, their)
		join pg_attribute t on t.attname = 'id' where k.contype = 'f' and k.conrelid = c.oid and k.conparentid = 0 and t.attrelid = k.confrelid and t.attnum = pair.their
		and pair.own = a.attnum limit 1)) order by a.attnum)
	from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
	where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition and c.relname <> 'tenants'
	and exists (select 1 from pg_attribute t where t.attrelid = c.oid and t.attname = 'tenant_id') group by c.relname order by c.relname`

type column struct {
	Name, Type              string
	Nullable, Unique, Keyed bool
	Sealed                  bool
	Target                  *string
}

// fan of a column is that of the table that it names, by its foreign key or, where it has none, by its name.
func (c column) fan(table string, of map[string]int) int {
	target := table
	switch {
	case c.Target != nil:
		target = *c.Target
	case strings.HasSuffix(c.Name, "organisation_id") || strings.HasSuffix(c.Name, "organisation_ids") || c.Name == "named_by":
		target = "organisations"
	case c.Name != "id":
		target = ""
	}
	return max(of[target], 1)
}

// value is what a copy has in a column. $1 is the tenant that is copied, n.tenant one that gets the copies, k the copy.
func (c column) value(table string, of map[string]int) string {
	name := pgx.Identifier{c.Name}.Sanitize()
	one := func(u string) string {
		return fmt.Sprintf("case when %s = $1 then n.tenant else pg_temp.copied(%[1]s, k / %d, n.salt) end", u, c.fan(table, of))
	}
	switch {
	case c.Name == "tenant_id":
		return "n.tenant"
	case c.Name == "pos":
		return fmt.Sprintf("greatest(t.pos - (k %% 365) * cast(%d as bigint), 1)", aDay)
	case c.Type == "uuid":
		return one("t." + name)
	case c.Type == "uuid[]":
		return "case when t." + name + " is not null then array(select " + one("u") + " from unnest(t." + name + ") with ordinality x (u, n) order by n) end"
	case strings.HasPrefix(c.Type, "timestamp") || c.Type == "date":
		return fmt.Sprintf("cast(t.%s - (k %% 365) * interval '1 day' as %s)", name, c.Type)
	case c.Type == "text" && c.Unique && c.Nullable:
		return "null" // a number with check digits
	case c.Type == "text" && (c.Keyed && c.Name == "value" || c.Name == "name" || c.Name == "title" || c.Name == "family_name"):
		return "left(t." + name + ", 100) || ' ' || k"
	}
	return "t." + name
}

// What was changed longer ago stands further down in the order of changes: a day is so many positions, and what is written after
// Past begins so high that a thousand days fit below it.
const (
	aDay = 1_000_000
	past = 1000 * aDay
)

// Past makes room below the positions of all that is written from now on, for copies of it from long ago, and notes for each day of
// the past where it ends, as the job that keeps checkpoints would have. It comes before what is to be copied; the connection is a
// superuser's, and fewer than a million transactions may follow before the copies are made.
func Past(ctx context.Context, c *pgx.Conn) error {
	_, err := c.Exec(ctx, fmt.Sprintf(`create or replace function platform.base() returns bigint language sql immutable parallel safe as 'select %[1]d::bigint';
		insert into platform.checkpoints (at, pos) select now() - n * interval '1 day', %[1]d - n * cast(%[2]d as bigint) from generate_series(0, 400) n`, past, aDay))
	return err
}

type table struct {
	Name    string
	Columns []column
}

// catalogue lists the tables of tenants, in the order of their names.
func catalogue(ctx context.Context, c *pgx.Conn) ([]table, error) {
	rows, err := c.Query(ctx, tables)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[table])
}

// from are the copies to be made of the rows of a table, as rows of a query.
func (t table) from(of Into) string {
	return fmt.Sprintf(`%s t cross join generate_series(%d, %d) k cross join (select tenant, right(cast(tenant as text), 3) as salt from unnest(cast($2 as uuid[])) tenant) n`,
		pgx.Identifier{t.Name}.Sanitize(), of.First, of.First+of.Copies-1)
}

// Rows counts what tenants have, by the catalogue.
func Rows(ctx context.Context, c *pgx.Conn, of ...uuid.UUID) (n int64, err error) {
	all, err := catalogue(ctx, c)
	if err != nil {
		return 0, err
	}
	for _, t := range all {
		var some int64
		if err := c.QueryRow(ctx, "select count(*) from "+pgx.Identifier{t.Name}.Sanitize()+" where tenant_id = any ($1)", of).Scan(&some); err != nil {
			return 0, err
		}
		n += some
	}
	return n, nil
}

// Grow copies every row of a tenant, and returns how many it made. The connection is a superuser's: it reads and writes
// through no policy. What a unique key already has is left out. With a Box it fails where a secret of the original does not
// open: then a column was sealed for another place than its own, or by something else, and a copy of it would be no copy.
func Grow(ctx context.Context, c *pgx.Conn, from uuid.UUID, into Into) (made int64, err error) {
	if _, err := c.Exec(ctx, copied); err != nil {
		return 0, err
	}
	all, err := catalogue(ctx, c)
	if err != nil {
		return 0, err
	}
	tenants := into.Tenants
	if tenants == nil {
		tenants = []uuid.UUID{into.Tenant}
	}
	if len(into.Only) > 0 {
		all = slices.DeleteFunc(all, func(t table) bool { return !slices.Contains(into.Only, t.Name) })
	}
	tx, err := c.Begin(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if tenants[0] != from {
		if _, err := tx.Exec(ctx, `insert into tenants (tenant_id, id, slug, name, created_at, updated_at, changed_by, request_id)
			select n, n, 'g' || replace(cast(n as text), '-', ''), 'Grown', now(), now(), 'growth', 'growth' from unnest(cast($1 as uuid[])) n`, tenants); err != nil {
			return 0, err
		}
		// Whoever goes over all tenants finds them there.
		if _, err := tx.Exec(ctx, `insert into platform.directory (kind, lookup_hash, tenant_id, subject_id)
			select 'tenant_slug', sha256(convert_to('g' || replace(cast(n as text), '-', ''), 'UTF8')), n, n from unnest(cast($1 as uuid[])) n`, tenants); err != nil {
			return 0, err
		}
	}
	if into.Unchecked {
		if _, err := tx.Exec(ctx, "set local session_replication_role = replica"); err != nil {
			return 0, err
		}
	}
	anew := map[string][]string{}
	if into.Box != nil {
		for _, t := range all {
			if anew[t.Name], err = t.reseal(ctx, tx, from, tenants, into); err != nil {
				return 0, err
			}
		}
	}
	for left := all; len(left) > 0; {
		var later []table
		var failed error
		for _, t := range left {
			names, values := make([]string, len(t.Columns)), make([]string, len(t.Columns))
			for i, col := range t.Columns {
				names[i], values[i] = pgx.Identifier{col.Name}.Sanitize(), col.value(t.Name, into.Fan)
				if slices.Contains(anew[t.Name], col.Name) {
					values[i] = "r." + names[i]
				}
			}
			// Two employers of whom neither named the other are written with the lower id first.
			if a, b := slices.Index(names, `"organisation_id"`), slices.Index(names, `"rival_id"`); a >= 0 && b >= 0 && !slices.Contains(names, `"named_by"`) {
				values[a], values[b] = "least("+values[a]+", "+values[b]+")", "greatest("+values[a]+", "+values[b]+")"
			}
			source := t.from(into)
			if len(anew[t.Name]) > 0 {
				source += " left join pg_temp." + t.resealed() + " r on r.tenant = n.tenant and r.row = " + column{Name: "id", Type: "uuid"}.value(t.Name, into.Fan)
			}
			own := column{Name: "id"}.fan(t.Name, into.Fan)
			query := fmt.Sprintf(`insert into %s (%s) select %s from %s where t.tenant_id = $1 and k %% %d = 0 on conflict do nothing`,
				pgx.Identifier{t.Name}.Sanitize(), strings.Join(names, ", "), strings.Join(values, ", "), source, own)
			// The order of tables is found by trying: what names rows that are not there yet waits for another round.
			step, err := tx.Begin(ctx)
			if err != nil {
				return 0, err
			}
			tag, err := step.Exec(ctx, query, from, tenants)
			if err != nil {
				later, failed = append(later, t), fmt.Errorf("%s: %w", t.Name, err)
				if err := step.Rollback(ctx); err != nil {
					return 0, err
				}
				continue
			}
			if err := step.Commit(ctx); err != nil {
				return 0, err
			}
			made += tag.RowsAffected()
		}
		if len(later) == len(left) {
			return 0, failed
		}
		left = later
	}
	return made, tx.Commit(ctx)
}

// Room refuses to begin what would fill a disk: three times what the rows and indexes take must be free in a directory. While they
// are made the write-ahead log takes as much again for a while, and others write too.
func Room(dir string, bytes int64) error {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		return err
	}
	if free := float64(disk.Bavail) * float64(disk.Bsize); free < 3*float64(bytes) {
		return fmt.Errorf("some %.1f GB are to be made, and three times that must be free in %s: there are %.1f GB", float64(bytes)/1e9, dir, free/1e9)
	}
	return nil
}

// Enlarge copies a tenant's rows into itself until it has about so many, and returns how many it made. What into says of tenants
// and copies is not looked at.
func Enlarge(ctx context.Context, c *pgx.Conn, tenant uuid.UUID, rows int64, into Into) (int64, error) {
	has, err := Rows(ctx, c, tenant)
	if err != nil || has == 0 {
		return 0, err
	}
	into.Tenant, into.Tenants, into.First, into.Copies = tenant, nil, 1, int((rows+has/2)/has-1)
	if into.Copies < 1 {
		return 0, nil
	}
	return Grow(ctx, c, tenant, into)
}

// Settle makes n tenants that have about so many rows together, each of them a tenant from once or more: some have one copy more
// than others. It returns how many it made.
func Settle(ctx context.Context, c *pgx.Conn, from uuid.UUID, n int, rows int64, into Into) (made int64, err error) {
	has, err := Rows(ctx, c, from)
	if err != nil || has == 0 || n < 1 {
		return 0, err
	}
	copies := max(int((rows+has/2)/has), n)
	for _, group := range []struct{ tenants, copies int }{{copies % n, copies/n + 1}, {n - copies%n, copies / n}} {
		for group.tenants > 0 {
			const together = 50 // in one transaction
			into.Tenants, into.First, into.Copies = make([]uuid.UUID, min(group.tenants, together)), 0, group.copies
			for i := range into.Tenants {
				into.Tenants[i] = uuid.Must(uuid.NewV7())
			}
			m, err := Grow(ctx, c, from, into)
			if err != nil {
				return made, err
			}
			made, group.tenants = made+m, group.tenants-len(into.Tenants)
		}
	}
	return made, nil
}

// resealed is the temporary table with the secrets of a table's copies.
func (t table) resealed() string { return pgx.Identifier{"resealed_" + t.Name}.Sanitize() }

// reseal opens the secrets of a table's rows, once each, and seals them anew for every copy. It returns the columns for which
// resealed has them.
func (t table) reseal(ctx context.Context, tx pgx.Tx, from uuid.UUID, tenants []uuid.UUID, into Into) (columns []string, err error) {
	keyed := false
	for _, c := range t.Columns {
		keyed = keyed || c.Name == "id" && c.Type == "uuid"
		if c.Sealed && unsealed[t.Name+"."+c.Name] == "" {
			columns = append(columns, c.Name)
		}
	}
	switch {
	case columns == nil:
		return nil, nil
	case !keyed:
		return nil, fmt.Errorf("growth: %s has sealed columns and no id that they could be sealed for", t.Name)
	}
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = pgx.Identifier{c}.Sanitize()
	}
	rows, err := tx.Query(ctx, "select id, array["+strings.Join(names, ", ")+"] from "+pgx.Identifier{t.Name}.Sanitize()+" where tenant_id = $1", from)
	if err != nil {
		return nil, err
	}
	plain := map[uuid.UUID][][]byte{}
	var row uuid.UUID
	var sealed [][]byte
	_, err = pgx.ForEachRow(rows, []any{(*[16]byte)(&row), &sealed}, func() error {
		opened := make([][]byte, len(columns))
		for i, c := range columns {
			if sealed[i] == nil {
				continue
			}
			if opened[i], err = into.Box.Open(sealed[i], seal.Where{Tenant: from, Table: t.Name, Column: c, Row: row}); err != nil {
				return fmt.Errorf("growth: %s.%s of row %s: %w", t.Name, c, row, err)
			}
		}
		plain[row] = opened
		return nil
	})
	if err != nil {
		return nil, err
	}
	if _, err := tx.Exec(ctx, "create temporary table "+t.resealed()+" (tenant uuid, row uuid, "+strings.Join(names, " bytea, ")+" bytea) on commit drop"); err != nil {
		return nil, err
	}
	own := column{Name: "id", Type: "uuid"}
	if rows, err = tx.Query(ctx, fmt.Sprintf("select t.id, n.tenant, %s from %s where t.tenant_id = $1 and k %% %d = 0", own.value(t.Name, into.Fan), t.from(into), own.fan(t.Name, into.Fan)),
		from, tenants); err != nil {
		return nil, err
	}
	var copies [][]any
	var tenant, at uuid.UUID
	_, err = pgx.ForEachRow(rows, []any{(*[16]byte)(&row), (*[16]byte)(&tenant), (*[16]byte)(&at)}, func() error {
		one := []any{tenant, at}
		for i, c := range columns {
			var v []byte
			if p := plain[row][i]; p != nil {
				if v, err = into.Box.Seal(p, seal.Where{Tenant: tenant, Table: t.Name, Column: c, Row: at}); err != nil {
					return err
				}
			}
			one = append(one, v)
		}
		copies = append(copies, one)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"resealed_" + t.Name}, append([]string{"tenant", "row"}, columns...), pgx.CopyFromRows(copies)); err != nil {
		return nil, err
	}
	_, err = tx.Exec(ctx, "analyze pg_temp."+t.resealed())
	return columns, err
}
