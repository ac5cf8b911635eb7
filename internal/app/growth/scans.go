package growth

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// Literals are the arguments of a prepared statement as EXECUTE takes them.
func Literals(m *pgtype.Map, types []uint32, args []any) (string, error) {
	out := make([]string, len(types))
	for i, oid := range types {
		b, err := m.Encode(oid, pgtype.TextFormatCode, args[i], []byte{}) // what is empty is not nothing
		if err != nil {
			return "", err
		}
		if out[i] = "null"; b != nil {
			out[i] = `E'` + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(string(b)) + `'`
		}
	}
	if len(out) == 0 {
		return "", nil
	}
	return "(" + strings.Join(out, ", ") + ")", nil
}

// Scans plans statements again on a connection of the program, with its own settings: once with their parameters, and once as the
// server does that keeps a plan for any. It names what reads a tenants' table of so many pages or more from end to end, where no
// choice but the planner's own kept it from an index, and how many statements it planned.
func Scans(ctx context.Context, c *pgx.Conn, heard []Said, pages int) (found []string, planned int, err error) {
	rows, err := c.Query(ctx, `select c.relname from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relpages >= $1
		and exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id')`, pages)
	if err != nil {
		return nil, 0, err
	}
	large, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, 0, err
	}
	seen := map[string]bool{}
	for _, s := range heard {
		verb, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(s.SQL)), " ")
		if seen[s.SQL] || !slices.Contains([]string{"select", "with", "insert", "update", "delete"}, strings.TrimSpace(verb)) {
			continue
		}
		seen[s.SQL] = true
		for _, kept := range []bool{false, true} {
			tables, err := s.scans(ctx, c, kept)
			if err != nil {
				return nil, planned, fmt.Errorf("growth: %w: %s", err, s.SQL)
			}
			for _, t := range tables {
				if slices.Contains(large, t) {
					found = append(found, fmt.Sprintf("%s is read from end to end (a kept plan: %t): %s", t, kept, strings.Join(strings.Fields(s.SQL), " ")))
				}
			}
		}
		planned++
	}
	return found, planned, nil
}

// scans are the tables that the plan of a statement reads from end to end.
func (s Said) scans(ctx context.Context, c *pgx.Conn, kept bool) (tables []string, err error) {
	tx, err := c.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	for _, set := range s.Settings {
		if _, err := tx.Exec(ctx, set.SQL, set.Args...); err != nil {
			return nil, err
		}
	}
	const name = "planned_again"
	made, err := c.Prepare(ctx, name, s.SQL)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Deallocate(context.WithoutCancel(ctx), name) }()
	args, err := Literals(c.TypeMap(), made.ParamOIDs, s.Args)
	if err != nil {
		return nil, err
	}
	mode := "set local plan_cache_mode = force_custom_plan"
	if kept {
		mode = "set local plan_cache_mode = force_generic_plan"
	}
	if _, err := tx.Exec(ctx, mode); err != nil {
		return nil, err
	}
	var b []byte
	if err := tx.QueryRow(ctx, "explain (costs off, format json) execute "+name+args, pgx.QueryExecModeSimpleProtocol).Scan(&b); err != nil {
		return nil, err
	}
	type node struct {
		Kind     string `json:"Node Type"`
		Relation string `json:"Relation Name"`
		Plans    []node `json:"Plans"`
	}
	var plans []struct{ Plan node }
	if err := json.Unmarshal(b, &plans); err != nil {
		return nil, err
	}
	var walk func(node)
	walk = func(n node) {
		if n.Kind == "Seq Scan" {
			tables = append(tables, n.Relation)
		}
		for _, below := range n.Plans {
			walk(below)
		}
	}
	for _, p := range plans {
		walk(p.Plan)
	}
	return tables, nil
}
