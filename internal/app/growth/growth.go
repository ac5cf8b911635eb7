// Package growth makes a database large: it copies what stands in one tenant many times, by the catalogue, so a table
// that is added grows by itself and copies keep every constraint.
package growth

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Into says where copies go. Number 0 has the ids of the original, so copies begin with it in another tenant, and after it
// in the same one.
type Into struct {
	Tenant uuid.UUID
	First  int
	Copies int
	// Fan says, by table, how many copies share a row: with {"organisations": 10} ten copies of what an employer has go
	// to one employer. Where a row belongs to two such tables, one number must divide the other.
	Fan map[string]int
	// Unchecked leaves foreign keys unchecked, which takes most of the time. Copies keep them: a test makes some checked.
	Unchecked bool
}

// Function of a connection: the id of copy k. It keeps the order of ids by time, and moves with the other times.
const copied = `create or replace function pg_temp.copied(u uuid, k integer, salt text) returns uuid language sql immutable as $$
	select case when k = 0 then u else (lpad(to_hex(greatest(cast(cast('x' || left(replace(cast(u as text), '-', ''), 12) as bit(48)) as bigint) - (k % 365) * cast(86400000 as bigint), 0)), 12, '0')
		|| '7' || left(md5(cast(u as text) || k || salt), 3) || '8' || substr(md5(cast(u as text) || k || salt), 4, 15))::uuid end $$`

// Tables of tenants, with their columns in order; those of the schema platform are queues, and do not grow.
const tables = `select c.relname, jsonb_agg(jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, null), 'nullable', not a.attnotnull,
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

// value is what a copy has in a column. $1 is the tenant that is copied, $2 the one that gets the copies, k the copy.
func (c column) value(table string, of map[string]int) string {
	name := pgx.Identifier{c.Name}.Sanitize()
	one := func(u string) string {
		return fmt.Sprintf("case when %s = $1 then $2 else pg_temp.copied(%[1]s, k / %d, cast(cast($2 as uuid) as text)) end", u, c.fan(table, of))
	}
	switch {
	case c.Name == "tenant_id":
		return "cast($2 as uuid)"
	case c.Name == "pos":
		return "cast(k as bigint)" // from long ago, spread
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

// Grow copies every row of a tenant, and returns how many it made. The connection is a superuser's: it reads and writes
// through no policy. What a unique key
// already has is left out.
func Grow(ctx context.Context, c *pgx.Conn, from uuid.UUID, into Into) (made int64, err error) {
	if _, err := c.Exec(ctx, copied); err != nil {
		return 0, err
	}
	rows, err := c.Query(ctx, tables)
	if err != nil {
		return 0, err
	}
	type table struct {
		Name    string
		Columns []column
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[table])
	if err != nil {
		return 0, err
	}
	tx, err := c.Begin(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if into.Tenant != from {
		if _, err := tx.Exec(ctx, `insert into tenants (tenant_id, id, slug, name, created_at, updated_at, changed_by, request_id)
			select $1, $1, 'g' || replace(cast(cast($1 as uuid) as text), '-', ''), 'Grown', now(), now(), 'growth', 'growth'`, into.Tenant); err != nil {
			return 0, err
		}
	}
	if into.Unchecked {
		if _, err := tx.Exec(ctx, "set local session_replication_role = replica"); err != nil {
			return 0, err
		}
	}
	for left := all; len(left) > 0; {
		var later []table
		var failed error
		for _, t := range left {
			names, values := make([]string, len(t.Columns)), make([]string, len(t.Columns))
			for i, col := range t.Columns {
				names[i], values[i] = pgx.Identifier{col.Name}.Sanitize(), col.value(t.Name, into.Fan)
			}
			// Two employers of whom neither named the other are written with the lower id first.
			if a, b := slices.Index(names, `"organisation_id"`), slices.Index(names, `"rival_id"`); a >= 0 && b >= 0 && !slices.Contains(names, `"named_by"`) {
				values[a], values[b] = "least("+values[a]+", "+values[b]+")", "greatest("+values[a]+", "+values[b]+")"
			}
			own := column{Name: "id"}.fan(t.Name, into.Fan)
			first, last := into.First, into.First+into.Copies-1
			query := fmt.Sprintf(`insert into %[1]s (%[2]s) select %[3]s from %[1]s t, generate_series(%[4]d, %[5]d) k where t.tenant_id = $1 and cast($2 as uuid) is not null and k %% %[6]d = 0 on conflict do nothing`,
				pgx.Identifier{t.Name}.Sanitize(), strings.Join(names, ", "), strings.Join(values, ", "), first, last, own)
			// The order of tables is found by trying: what names rows that are not there yet waits for another round.
			step, err := tx.Begin(ctx)
			if err != nil {
				return 0, err
			}
			tag, err := step.Exec(ctx, query, from, into.Tenant)
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
