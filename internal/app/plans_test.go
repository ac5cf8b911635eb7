package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/api"
	"github.com/switchingtalent/switchboard/internal/app/growth"
	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/openapi/fuzz"
	"github.com/switchingtalent/switchboard/internal/platform/page"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
	"github.com/switchingtalent/switchboard/internal/webhook"
)

// The plan gate asks every operation of the document in a tenant that has grown, hears the statements that the program
// sends, and runs each again under EXPLAIN, as the app role in the caller's scope. It counts what was read. An answer costs
// what the answer holds; what costs a whole tenant is a fault, whatever the planner called it.

const (
	// grown is how many copies of the furnished world the tenant under test has: so many rows at least in each table.
	grown = 1000
	// enough rows of one table for one statement: a page of 100, what stands beside it, and half as much again. A tenant has more than three
	// times as many.
	enough = 300
)

// costly are the statements that may read more than enough of a table: by operation, with the parameter that it was asked with, and table.
// That a table is read from end to end, or an index without a tenant, stands apart: nothing else excuses it.
var costly = map[string]string{
	"createMatch leerplek_coaches":                            following,
	"createMatch leerplekken":                                 following,
	"createMatch organisations":                               following,
	"dismissSuggestion leerplek_coaches":                      following,
	"dismissSuggestion leerplekken":                           following,
	"dismissSuggestion organisations":                         following,
	"getTenantSummary tenants without a tenant":               operators,
	"listCohorten?status cohorten":                            unserved,
	"listEvents events":                                       since,
	"listLeerplekken?status leerplekken":                      average,
	"listLeerplekken?topic leerplekken":                       unserved,
	"listLeeruitwisselingen?medewerker_id leeruitwisselingen": unserved,
	"listLeervragen?status leervragen":                        average,
	"listMatches?status matches":                              average,
	"listMatchingRuns?status matching_runs":                   unserved,
	"listOrganisationDuplicates contacts":                     likeness,
	"listOrganisationDuplicates organisations":                likeness,
	"listOrganisationDuplicates sites":                        likeness,
	"listOrganisations?stage organisations":                   unserved,
	"listPreferenceOptions cohort_leerplekken":                employers,
	"listPreferenceOptions leerplekken":                       employers,
	"listPreferenceOptions organisations":                     employers,
	"listSuggestions leerplek_coaches":                        ranking,
	"listSuggestions leerplekken":                             ranking,
	"listSuggestions leeruitwisseling_days":                   ranking,
	"listSuggestions leeruitwisselingen":                      ranking,
	"listSuggestions leervragen":                              ranking,
	"listSuggestions matches":                                 ranking,
	"listSuggestions medewerkers":                             ranking,
	"listSuggestions organisations":                           ranking,
	"listSuggestions sites":                                   hundredth,
	"listSuggestions suggestion_dismissals":                   ranking,
	"listSuggestions?why_not leeruitwisselingen":              running,
	"listTenants tenants from end to end":                     operators,
	"listWebhookDeliveries?status webhook_deliveries":         average,
	"matching index leerplek_coaches":                         following,
	"matching index leerplekken":                              following,
	"matching index organisations":                            following,
	"matching.run leeruitwisselingen":                         balance,
	"matching.run leervragen":                                 learning,
	"matching.run matches":                                    learning,
	"matching.run suggestion_dismissals":                      learning,
	"matching.rescue platform.active_runs":                    unfinished,
	"metrics platform.failing_endpoints":                      watched,
	"mergeOrganisation cohort_leervragen":                     merging,
	"mergeOrganisation cohort_preferences":                    merging,
	"mergeOrganisation leerplek_coaches":                      merging,
	"mergeOrganisation leeruitwisselingen":                    merging,
	"mergeOrganisation leervraag_versions":                    merging,
	"mergeOrganisation match_decisions":                       merging,
	"mergeOrganisation match_notes":                           merging,
	"mergeOrganisation match_reasons":                         merging,
	"mergeOrganisation matches":                               merging,
	"mergeOrganisation organisations":                         merging,
	"mergeOrganisation suggestion_dismissals":                 merging,
	"putCohortRivals organisations":                           tenIDs,
	"sumOpleidingsregistraties opleidingsregistraties":        sums,
	"webhook.recover events":                                  early,
	"webhook.recover webhook_deliveries":                      pageful,
}

// undone are the operations that nobody does here, by their operationId, and the filters that no answer is given for, and why.
var undone = map[string]string{
	"explainMatchingRun?leerplek_id":   both,
	"explainMatchingRun?leervraag_id":  both,
	"listEvents?at, page two":          "where to begin does not go with a cursor",
	"previewMatchingRunChange?closes":  forgotten,
	"previewMatchingRunChange?coaches": forgotten,
	"previewMatchingRunChange?joins":   "of the runs that were copied no judgements are kept; what it reads besides them is what a run reads, which is judged",
	"previewMatchingRunChange?leaves":  forgotten,
	"previewMatchingRunChange?widens":  forgotten,
}

const (
	both      = "it asks for a leervraag and a leerplek together, and so it is done"
	forgotten = "of the runs that were copied no judgements are kept; it is asked of one that was computed, and reads the same of it whatever is supposed"
)

// Why they may.
const (
	following  = "follows what changed in a small index since somebody asked last; here all of the tenant, which had just grown a thousandfold"
	ranking    = "makes the tenant's index of leerplekken, once for a process, looks through them while there is none, and learns once an hour what was accepted"
	running    = "counts what runs with the leercoaches of one employer: they stand in a list, which no index serves under row-level security"
	operators  = "the operator's own list of tenants, a thousand rows: no tenant can be named"
	unfinished = "goes by all tenants that have a run which is not over"
	watched    = "counts the endpoints that only fail, of all tenants, when somebody reads the metrics"
	likeness   = "compares an employer with all others of the tenant"
	employers  = "which employers take part in a cohort is found among its leerplekken, of which the tenant's answer holds up to a hundred for each"
	since      = "an employer's feed passes over the facts of others since the checkpoint before it begins: whom a fact is about stands in a list"
	early      = "finds facts by the times in their ids, and passes over those of the time before that clocks may be off by"
	pageful    = "looks at the deliveries of each fact of a page, of which there are up to a thousand"
	balance    = "weighs what each employer sent and received, once for a run"
	learning   = "learns from the thousand latest decisions, once for a run"
	merging    = "one employer is merged into another once, by a person; an index by employer for each table that names one would cost every write"
	sums       = "adds up what the caller's employer has"
	unserved   = "few rows of many are found by passing over the others: no index serves what stands in a list, or none is worth its writes"
	average    = "an index serves it with its parameters; the kept plan takes a status for an average one, and here all rows have the same"
	tenIDs     = "an index serves it with its parameters; the kept plan reckons with ten ids, for which it reads the narrow key of three thousand employers instead"
	hundredth  = "an index serves it; but the planner expects a policy to let a hundredth of the rows through, and then may read as well by another"
)

// chance are the reasons that hang on what the planner reckons at this size, or on what was done here just before: such a statement may
// as well cost what it holds.
var chance = []string{average, tenIDs, hundredth, following, since, early, learning}

// narrow says of each reason whose it is, and which statement's: another statement of the same operation that reads as much of the same
// table is a fault.
var narrow = map[string]func(caller, sql string) bool{
	since: func(caller, _ string) bool {
		return caller != "tenant" && caller != "operator" && caller != "whoever may"
	},
	learning:  says("both_kinds order by"),
	following: says(changedSaid, packedSaid, nextSaid, textSaid),
	ranking: says(changedSaid, packedSaid, nextSaid, textSaid, "with words as materialized (",
		"select count(*) from (select 1 from leerplekken", "both_kinds order by"),
	running:   says(packedSaid),
	hundredth: says("work.latitude as work_latitude"),
	merging: says("set organisation_id = ", "set merged_into_id = ", "set sending_organisation_id = case", "delete from cohort_preferences",
		"in (sending_organisation_id, receiving_organisation_id)) as found", "(sending_organisation_id = $2 and receiving_organisation_id = $3 or"),
	likeness:   says("with addresses as ("),
	employers:  says("array_agg(l.id order by l.id)"),
	early:      says("with delivery as (", "with page as materialized ("),
	pageful:    says("with page as materialized ("),
	balance:    says("(e.receiving_organisation_id, -1)"),
	sums:       says("with counted as ("),
	unfinished: says("select distinct tenant_id from platform.active_runs"),
	watched:    says("select count(*) from platform.failing_endpoints"),
	unserved:   says("status in ($", "stage in ($", "= any (topics)", "= any (leercoach_ids)"),
	average:    says("status in ($"),
	tenIDs:     says("select array(select id from organisations where tenant_id = $1 and id = any"),
	operators:  says(`FROM "tenants" WHERE id <> $1`, "from tenants where id = $1 and id <> $2"),
}

// What the index of a tenant's leerplekken is made and kept by: what changed, what of some leerplekken is in it, which are the next, and their words.
const (
	changedSaid = "select pos, id, true from leerplekken"
	packedSaid  = "with load as materialized ("
	nextSaid    = "select array(select id from leerplekken"
	textSaid    = "select l.id, l.title, l.description, coalesce(d.name"
)

// says tells of a statement whether one of some texts stands in it.
func says(some ...string) func(caller, sql string) bool {
	return func(_, sql string) bool {
		sql = strings.Join(strings.Fields(sql), " ")
		return slices.ContainsFunc(some, func(text string) bool { return strings.Contains(sql, text) })
	}
}

// excuse is where in costly it would stand that a statement reads a table as it does.
func excuse(operation, query, table, caller, sql, fault string) string {
	at := operation + filterOf(query) + " " + table
	if how := grave(fault); how != "" {
		at += " " + how
	}
	if holds := narrow[costly[at]]; holds != nil && !holds(caller, sql) {
		at += ", otherwise than its reason says"
	}
	// Many changes are followed beside whoever asked, and on a busy machine still are when the next operation is asked.
	if costly[at] == "" && grave(fault) == "" && narrow[following](caller, sql) {
		return "matching index " + table
	}
	return at
}

// node is one of a plan, as EXPLAIN tells it. Rows are those of one loop, on average: PostgreSQL 18 tells hundredths of them, those before
// it round to whole ones. So up to 17 a node whose loops find less than half a row each seems to read nothing, which hides half as many
// rows as it has loops at most; and it is looped over rows that another node read and that are counted there. Of rows that were removed every
// version tells whole ones.
type node struct {
	Kind     string  `json:"Node Type"`
	Relation string  `json:"Relation Name"`
	Index    string  `json:"Index Name"`
	Cond     string  `json:"Index Cond"`
	Rows     float64 `json:"Actual Rows"`
	Loops    float64 `json:"Actual Loops"`
	Filtered float64 `json:"Rows Removed by Filter"`
	Recheck  float64 `json:"Rows Removed by Index Recheck"`
	Plans    []node  `json:"Plans"`
}

// read is how many rows a node read in all its loops, and filtered how many of them it passed over.
func (n node) read() (read, filtered int) {
	return int(math.Round((n.Rows + n.Filtered + n.Recheck) * n.Loops)), int(math.Round(n.Filtered * n.Loops))
}

// inspector runs statements again under EXPLAIN.
type inspector struct {
	t     *testing.T
	c     *pgx.Conn // the superuser's, in the role of the program
	role  string
	table map[string]string // relation or index of a tenant's table → that table; of a partition → its parent
	index map[string]string // index → itself; of a partition → its parent's

	platform map[string]bool  // tables of the schema platform that grow
	alone    map[string]error // statements that were not counted, and read a table: their plan alone was judged
}

// aColumn is one of a condition.
var aColumn = regexp.MustCompile(`[(\s.]([a-z_]+) (?:=|>|<|>=|<=|IS|<>)`)

// small are the tables of the schema platform that hold a handful of rows, whatever grows.
var small = []string{"cluster", "row", "signing_keys"}

func newInspector(t *testing.T, h *testkit.House) *inspector {
	t.Helper()
	ctx := context.Background()
	c, err := pgx.Connect(ctx, h.SuperURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close(ctx) })
	app, err := pgx.ParseConfig(h.AppURL)
	require.NoError(t, err)
	p := &inspector{t: t, c: c, role: pgx.Identifier{app.User}.Sanitize(), alone: map[string]error{}, table: map[string]string{}, index: map[string]string{}}
	rows, err := h.Super.Query(ctx, `select c.relname, coalesce(p.relname, c.relname) from pg_class c left join pg_inherits i on i.inhrelid = c.oid left join pg_class p on p.oid = i.inhparent
		where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id')`)
	require.NoError(t, err)
	var name, of string
	_, err = pgx.ForEachRow(rows, []any{&name, &of}, func() error { p.table[name] = of; return nil })
	require.NoError(t, err)
	rows, err = h.Super.Query(ctx, `select relname from pg_class where relnamespace = 'platform'::regnamespace and relkind = 'r' and relname not like 'river\_%' and relname <> all ($1)`, small)
	require.NoError(t, err)
	p.platform = map[string]bool{}
	_, err = pgx.ForEachRow(rows, []any{&name}, func() error { p.platform[name], p.table[name] = true, "platform."+name; return nil })
	require.NoError(t, err)
	p.indexes(h)
	return p
}

// indexes reads them anew.
func (p *inspector) indexes(h *testkit.House) {
	p.t.Helper()
	rows, err := h.Super.Query(context.Background(), `select c.relname, t.relname, coalesce(q.relname, c.relname) from pg_index x join pg_class c on c.oid = x.indexrelid join pg_class t on t.oid = x.indrelid
		left join pg_inherits i on i.inhrelid = c.oid left join pg_class q on q.oid = i.inhparent where c.relnamespace in ('public'::regnamespace, 'platform'::regnamespace)`)
	require.NoError(p.t, err)
	var name, on, of string
	_, err = pgx.ForEachRow(rows, []any{&name, &on, &of}, func() error {
		if table := p.table[on]; table != "" {
			p.table[name], p.index[name] = table, of
		}
		return nil
	})
	require.NoError(p.t, err)
}

// empty are the tables of the schema platform that hold too little for it to be seen who reads all of them.
func (p *inspector) empty(h *testkit.House) (out []string) {
	p.t.Helper()
	for name := range p.platform {
		var n int
		require.NoError(p.t, h.Super.QueryRow(context.Background(), "select count(*) from platform."+pgx.Identifier{name}.Sanitize()).Scan(&n))
		if n <= enough {
			out = append(out, name)
		}
	}
	return out
}

// inspect tells the ways that a statement takes to tenants' tables, and what is wrong with them, by table. What the planner
// likes best at this size says little, so it may sort or it may not: a fault is what no choice among the indexes avoids.
// pgx prepares every statement, and the server may keep a plan for it that knows no parameters: what no such plan avoids is
// a fault too.
func (p *inspector) inspect(s growth.Said) (ways []string, faults map[string]string) {
	p.t.Helper()
	if verb, _, _ := strings.Cut(s.SQL, " "); slices.Contains([]string{"set", "savepoint", "release", "rollback", "commit"}, verb) {
		return nil, nil
	}
	ways, faults = p.best(s, false)
	_, kept := p.best(s, true)
	for table, fault := range kept {
		if faults[table] == "" || grave(faults[table]) == "" && grave(fault) != "" {
			faults[table] = "prepared for any parameters, " + fault
		}
	}
	return ways, faults
}

func (p *inspector) best(s growth.Said, prepared bool) (ways []string, faults map[string]string) {
	p.t.Helper()
	ways, faults = p.explain(s, "on", prepared)
	if len(faults) > 0 {
		if others, fewer := p.explain(s, "off", prepared); len(fewer) < len(faults) {
			return others, fewer
		}
	}
	return ways, faults
}

// undo takes the row away that keeps a statement from being done again. Who may not see a row is not told which it is, so it is asked
// once more as superuser, and it goes without what hangs on it.
func (p *inspector) undo(tx pgx.Tx, twice *pgconn.PgError, again func() error) bool {
	p.t.Helper()
	ctx := context.Background()
	_, err := tx.Exec(ctx, "reset role; set local session_replication_role = replica")
	require.NoError(p.t, err)
	defer func() {
		_, err := tx.Exec(ctx, "set local session_replication_role = origin; set local role "+p.role)
		require.NoError(p.t, err)
	}()
	if !errors.As(again(), &twice) {
		return false
	}
	key := aKey.FindStringSubmatch(twice.Detail)
	if key == nil {
		return false
	}
	columns, values := strings.Split(key[1], ", "), strings.Split(key[2], ", ")
	if len(columns) != len(values) {
		return false
	}
	for i := range columns {
		columns[i] += " = '" + strings.ReplaceAll(values[i], "'", "''") + "'"
	}
	step, err := tx.Begin(ctx)
	require.NoError(p.t, err)
	tag, err := step.Exec(ctx, "delete from "+pgx.Identifier{twice.SchemaName, twice.TableName}.Sanitize()+" where "+strings.Join(columns, " and "))
	if err != nil {
		require.NoError(p.t, step.Rollback(ctx))
		return false
	}
	require.NoError(p.t, step.Commit(ctx))
	return tag.RowsAffected() > 0
}

var aKey = regexp.MustCompile(`(?s)^Key \((.*)\)=\((.*)\) already exists\.$`)

func (p *inspector) explain(s growth.Said, sort string, prepared bool) (ways []string, faults map[string]string) {
	p.t.Helper()
	ctx := context.Background()
	tx, err := p.c.Begin(ctx)
	require.NoError(p.t, err)
	defer func() { _ = tx.Rollback(ctx) }()
	for _, set := range s.Settings {
		_, err = tx.Exec(ctx, set.SQL, set.Args...)
		require.NoError(p.t, err)
	}
	// What is large in production is small here, and would be read whole because that is cheap: these make the planner choose
	// as it does there, by the keys that it is given.
	_, err = tx.Exec(ctx, `set local enable_seqscan = off; set local enable_hashjoin = off; set local enable_mergejoin = off; set local enable_bitmapscan = off; set local plan_cache_mode = auto; set local jit = off; set local enable_sort = `+sort+`; set local role `+p.role)
	require.NoError(p.t, err)
	explain := func(options string) (plan plans, err error) {
		step, err := tx.Begin(ctx)
		require.NoError(p.t, err)
		defer func() { _ = step.Rollback(ctx) }()
		sql, args := s.SQL, s.Args
		if prepared {
			made, err := p.c.Prepare(ctx, "judged", s.SQL)
			if err != nil {
				return nil, err
			}
			defer func() { require.NoError(p.t, p.c.Deallocate(ctx, "judged")) }()
			literals, err := growth.Literals(p.c.TypeMap(), made.ParamOIDs, s.Args)
			require.NoError(p.t, err)
			sql, args = "execute judged"+literals, []any{pgx.QueryExecModeSimpleProtocol}
			_, err = step.Exec(ctx, "set local plan_cache_mode = force_generic_plan")
			require.NoError(p.t, err)
		}
		var b []byte
		if err = step.QueryRow(ctx, "explain ("+options+"costs off, format json) "+sql, args...).Scan(&b); err == nil {
			require.NoError(p.t, json.Unmarshal(b, &plan))
		}
		return plan, err
	}
	const counting = "analyze, timing off, summary off, "
	plan, err := explain(counting)
	for range 50 { // it was done once already: in this transaction it was not
		var twice *pgconn.PgError
		if !errors.As(err, &twice) || twice.Code != "23505" || !p.undo(tx, twice, func() error { _, err := explain(counting); return err }) {
			break
		}
		plan, err = explain(counting)
	}
	alone := err
	if err != nil { // the plan alone
		plan, err = explain("")
	}
	require.NoError(p.t, err, s.SQL)
	ways, faults, scans := p.judge(plan)
	if alone != nil && scans {
		p.alone[s.SQL] = alone
	}
	return ways, faults
}

// plans are what EXPLAIN tells in JSON.
type plans []struct{ Plan node }

// The faults that no number of rows excuses.
const (
	whole    = "from end to end"
	anybodys = "without a tenant"
)

// grave is which of these a fault is, or "".
func grave(fault string) string {
	for _, how := range []string{whole, anybodys} {
		if strings.Contains(fault, how) {
			return how
		}
	}
	return ""
}

// judge tells what a plan reads, what is wrong with that, by table, and whether it reads a tenants' table at all.
func (p *inspector) judge(plan plans) (ways []string, faults map[string]string, scans bool) {
	faults = map[string]string{}
	var walk func(node)
	walk = func(n node) {
		table := p.table[n.Relation]
		if n.Kind == "Bitmap Index Scan" {
			table = p.table[n.Index]
		}
		if table != "" {
			read, filtered := n.read()
			scans = scans || strings.Contains(n.Kind, "Scan")
			switch {
			case n.Kind == "Seq Scan":
				faults[table] = "reads the table " + whole
			case strings.Contains(n.Kind, "Index") && !strings.Contains(n.Cond, "tenant_id") && !strings.HasPrefix(table, "platform."):
				faults[table] = "reads " + n.Index + " " + anybodys
			case read > enough && strings.Contains(n.Kind, "Scan") && grave(faults[table]) == "":
				faults[table] = fmt.Sprintf("reads %d rows (%s %s, %d filtered)", read, n.Kind, p.index[n.Index], filtered)
			}
			if n.Index != "" {
				columns := []string{}
				for _, m := range aColumn.FindAllStringSubmatch(" "+n.Cond, -1) {
					columns = append(columns, m[1])
				}
				ways = append(ways, fmt.Sprintf("%s by %s (%s)", table, p.index[n.Index], strings.Join(slices.Compact(columns), ", ")))
			}
		}
		for _, below := range n.Plans {
			walk(below)
		}
	}
	for _, one := range plan {
		walk(one.Plan)
	}
	slices.Sort(ways)
	return slices.Compact(ways), faults, scans
}

// variants are the queries of an operation: each parameter of the document by itself, with each value that it lists.
func variants(t *testing.T, own ids) map[string][]string {
	t.Helper()
	type schema struct {
		Enum     []any
		Pattern  string
		Format   string
		Examples []any
		Items    *schema
	}
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Parameters  []struct {
				Name, In string
				Schema   schema
			}
		}
	}
	require.NoError(t, json.Unmarshal(api.OpenAPI, &doc))
	out := map[string][]string{}
	for _, item := range doc.Paths {
		for _, op := range item {
			out[op.OperationID] = []string{""}
			for _, p := range op.Parameters {
				s := p.Schema
				if s.Items != nil {
					s = *s.Items
				}
				if p.In != "query" || p.Name == "cursor" || p.Name == "wait" {
					continue
				}
				var values []string
				for _, v := range s.Enum {
					values = append(values, fmt.Sprint(v))
				}
				switch {
				case len(values) > 0:
				case strings.HasPrefix(s.Pattern, "^") && len(s.Pattern) > 4 && own[s.Pattern[1:4]] != "":
					values = []string{own[s.Pattern[1:4]]}
				case p.Name == "subject":
					values = []string{own["lvr"]}
				case p.Name == "limit":
					values = []string{"100"}
				case s.Format == "date-time":
					values = []string{time.Now().AddDate(0, 0, -200).UTC().Format(time.RFC3339)}
				default:
					for _, v := range s.Examples {
						values = append(values, strings.Trim(fmt.Sprint(v), "[]"))
					}
				}
				for _, v := range values {
					out[op.OperationID] = append(out[op.OperationID], "?"+p.Name+"="+url.QueryEscape(v))
				}
			}
		}
	}
	return out
}

// kindsOfWork are those of all jobs of the product.
func kindsOfWork(t *testing.T) (out []string) {
	for _, s := range shipped(sources(t)) {
		for _, d := range s.tree.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv == nil || f.Name.Name != "Kind" {
				continue
			}
			if back, ok := f.Body.List[0].(*ast.ReturnStmt); ok {
				if lit, ok := back.Results[0].(*ast.BasicLit); ok {
					kind, err := strconv.Unquote(lit.Value)
					require.NoError(t, err)
					out = append(out, kind)
				}
			}
		}
	}
	return out
}

// judgedAny reports whether a statement was judged of each operation.
func judgedAny(judged map[string]bool, caller string, ids ...string) bool {
	for _, o := range ids {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(judged)), func(key string) bool { return strings.HasPrefix(key, caller+" "+o+" ") }) {
			return false
		}
	}
	return true
}

// large is a house in which one tenant has grown, and others beside it.
func large(t *testing.T, listener *growth.Tap) (*testkit.House, *testkit.World, ids, testkit.Pair, int64) {
	t.Helper()
	ctx := context.Background()
	h := testkit.Traced(t, listener)
	c, err := pgx.Connect(ctx, h.SuperURL)
	require.NoError(t, err)
	defer c.Close(ctx)
	require.NoError(t, growth.Past(ctx, c))
	w := h.Tenant(t)
	own, p := furnish(w, "eigen")
	deepen(w, p)
	for noun, subject := range map[string]uuid.UUID{"organisation": p.Sending.UUID(), "medewerker": p.Switcher.UUID()} {
		_, err := h.Super.Exec(ctx, `insert into external_ids (tenant_id, noun, subject_id, organisation_id, system, value) values ($1, $2, $3, $4, 'sdworx', '12345')`,
			w.Tenant.UUID(), noun, subject, p.Sending.UUID())
		require.NoError(t, err)
	}
	fan := map[string]int{"organisations": 500, "cohorten": 500, "matching_runs": 500, "webhook_endpoints": 500}
	var made int64
	for range 10 {
		n, err := growth.Grow(ctx, c, w.Tenant.UUID(), growth.Into{Tenant: id.NewTenant().UUID(), Copies: 20, Fan: fan, Unchecked: true})
		require.NoError(t, err)
		made += n
	}
	// The others first: afterwards there is more to copy.
	n, err := growth.Grow(ctx, c, w.Tenant.UUID(), growth.Into{Tenant: w.Tenant.UUID(), First: 1, Copies: grown, Fan: fan, Unchecked: true})
	require.NoError(t, err)
	made += n
	// What copies share is few: as many of those again, by themselves.
	n, err = growth.Grow(ctx, c, w.Tenant.UUID(), growth.Into{Tenant: w.Tenant.UUID(), First: grown + 1, Copies: grown / 2, Unchecked: true,
		Only: []string{"organisations", "cohorten", "matching_runs"}})
	require.NoError(t, err)
	made += n
	// What the schema platform would hold beside: names, what is over, deliveries that wait for next year.
	_, err = c.Exec(ctx, `insert into platform.directory (kind, lookup_hash, tenant_id, subject_id) select kind, sha256(convert_to(kind || n, 'UTF8')), gen_random_uuid(), gen_random_uuid()
			from generate_series(1, 3000) n, unnest(array['client', 'survey', 'leerbewijs', 'webhook_console']) kind;
		insert into platform.revocations (client_id, until, revoked_at) select gen_random_uuid(), now(), now() - n * interval '1 day' from generate_series(1, 1000) n;
		insert into platform.limits (key, until, added) select gen_random_uuid(), now() + interval '1 minute', 1 from generate_series(1, 3000);
		insert into platform.rounds (reason, tenant_id) select 'work ' || n, gen_random_uuid() from generate_series(1, 1000) n;
		insert into platform.delivery_queue (delivery_id, tenant_id, endpoint_id, due_at, test) select d.id, d.tenant_id, d.endpoint_id, now() + interval '1 year', false
			from webhook_deliveries d limit 3000 on conflict do nothing;
		insert into platform.delivery_lanes (endpoint_id, tenant_id, ordered, per_second) select gen_random_uuid(), gen_random_uuid(), n % 2 = 0, n from generate_series(1, 1000) n;
		insert into platform.delivery_holds (endpoint_id, tenant_id) select gen_random_uuid(), gen_random_uuid() from generate_series(1, 1000);
		insert into platform.failing_endpoints (endpoint_id, tenant_id, since) select gen_random_uuid(), gen_random_uuid(), now() - n * interval '1 minute' from generate_series(1, 1000) n;
		insert into platform.active_runs (tenant_id, run_id) select gen_random_uuid(), gen_random_uuid() from generate_series(1, 400)`)
	require.NoError(t, err)
	_, err = c.Exec(ctx, "vacuum analyze")
	require.NoError(t, err)
	return h, w, own, p, made
}

// recovers lets an endpoint recover what it missed since a moment ago: a few facts, recorded before it was there.
func recovers(w *testkit.World, address string) error {
	w.T.Helper()
	ctx, admin, since := context.Background(), w.Admin(), w.Clock.Now().Add(-time.Second)
	made := 0
	for range 3 {
		admin.Post("/v1/cohorten", `{"name":"Nog een","from_on":"2027-01-11"}`).Is(http.StatusCreated)
	}
	endpoint := admin.Post("/v1/webhook-endpoints", map[string]any{"url": address + "/again", "event_types": []string{"cohort.*"}}).Is(http.StatusCreated).Str("id")
	run(w, `update webhook_endpoints set status = 'active' where tenant_id = $1 and id = $2`, plain(w, endpoint))
	asked := admin.Post("/v1/webhook-endpoints/"+endpoint+"/recover", map[string]any{"since": since, "include_unrequested": true})
	recovery := id.RecoveryID(plain(w, asked.Is(http.StatusOK).Str("id")))
	w.Settle(w.T)
	for more := true; more; {
		var err error
		if more, err = w.App.Webhooks.RecoverSome(ctx, w.Tenant, recovery); err != nil {
			return err
		}
	}
	require.NoError(w.T, w.Super.QueryRow(ctx, `select delivery_count from webhook_recoveries where tenant_id = $1 and id = $2`, w.Tenant.UUID(), recovery.UUID()).Scan(&made))
	require.GreaterOrEqual(w.T, made, 3, "it recovered what was missed")
	return nil
}

// filterOf is the parameter of a query that makes it another question: how many and in what order does not.
func filterOf(query string) string {
	name, _, _ := strings.Cut(query, "=")
	if name == "?limit" || name == "?sort" || name == "?cursor" {
		return ""
	}
	return name
}

var aCursor = regexp.MustCompile(`"next_cursor":"([^"]+)"`)

// ear hears what the program says, and has it judged.
type ear struct {
	t      *testing.T
	tap    *growth.Tap
	in     *inspector
	door   http.Handler
	right  *fuzz.Right
	judged map[string]bool   // caller, operation and statement
	lines  map[string]bool   // the ways that were taken
	found  map[string]string // faults, by operation, filter and table
}

// judge looks at what was said since it was asked last.
func (e *ear) judge(caller string, o operation, query string) {
	for _, s := range e.tap.Take() {
		key := caller + " " + o.ID + " " + s.SQL
		if e.judged[key] {
			continue
		}
		e.judged[key] = true
		ways, faults := e.in.inspect(s)
		for _, way := range ways {
			e.lines[o.ID+": "+way] = true
		}
		for table, fault := range faults {
			at := excuse(o.ID, query, table, caller, s.SQL, fault)
			e.found[at] = fmt.Sprintf("%s %s%s as %s %s\n\t%s\n\t%v", o.Method, o.Path, query, caller, fault, strings.Join(strings.Fields(s.SQL), " "), s.Args)
		}
	}
}

// hear makes a request, and judges what is said for it.
func (e *ear) hear(caller string, o operation, query string, r *http.Request, token string) replied {
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	e.tap.Take()
	w := httptest.NewRecorder()
	e.door.ServeHTTP(w, r)
	e.judge(caller, o, query)
	return replied{w.Code, w.Body.String()}
}

// does makes the request of every operation that ought to be right, in one world after another that was furnished for it, until it is
// done. It returns how often each was, and how it was answered where it was not.
func (e *ear) does(w *testkit.World, caller string, target fuzz.Target, may func(operation string) bool) (done map[string]int, refused map[string]string) {
	e.t.Helper()
	done, refused = map[string]int{}, map[string]string{}
	for _, o := range operations(e.t) {
		if !may(o.ID) {
			continue
		}
		done[o.ID] = 0
		// A fact goes to a few endpoints, and not to all that operations before this one listened with.
		run(w, `update webhook_endpoints set status = 'disabled' where tenant_id = $1 and url = 'http://127.0.0.1:1/fuzz' and status <> 'disabled'`)
		for _, world := range target.Furnish(o.ID) {
			r, err := e.right.Request(context.Background(), o.ID, world)
			require.NoError(e.t, err)
			got := e.hear(caller, o, "", r, target.Token(o.ID))
			if got.status < http.StatusMultipleChoices {
				done[o.ID]++
				break
			}
			refused[o.ID] += fmt.Sprintf("%s → %d %.300s ", caller, got.status, got.body)
		}
	}
	return done, refused
}

func TestPlans_AnAnswerCostsWhatItHolds(t *testing.T) {
	t.Parallel()
	listener := growth.NewTap()
	h, w, own, pair, made := large(t, listener)
	t.Logf("%d rows", made)
	all := make([]auth.Permission, len(auth.Grants))
	for i, g := range auth.Grants {
		all[i] = g.Permission
	}
	callers := []struct {
		name string
		who  auth.Principal
	}{
		{"tenant", w.Admin().Principal},
		{"employer", w.Client(auth.Integration, &pair.Sending, nil, all...).Principal},
		{"switcher", w.Client(auth.Switcher, &pair.Sending, &pair.Switcher).Principal},
		{"operator", h.Operator(t).Principal},
	}
	right, err := fuzz.NewRight(api.OpenAPI)
	require.NoError(t, err)
	e := &ear{t: t, tap: listener, in: newInspector(t, h), door: h.App.Handler(), right: right, judged: map[string]bool{}, lines: map[string]bool{}, found: map[string]string{}}
	require.Empty(t, e.in.empty(h), "large fills these, or small says that they hold a handful")
	done, refused := map[string]int{}, map[string]string{}
	// What stands in the tenant that has grown, with each filter, and its second page.
	asked := variants(t, own)
	for _, by := range callers {
		token, err := h.App.Tokens.Sign(by.who, h.Clock.Now())
		require.NoError(t, err)
		ask := func(o operation, path, query, what string) replied {
			got := e.hear(by.name, o, query, httptest.NewRequest(o.Method, path+query, nil), token)
			if done[what] += 0; got.status < http.StatusMultipleChoices {
				done[what]++
			} else {
				refused[what] += fmt.Sprintf("%s%s → %d %.200s ", by.name, query, got.status, got.body)
			}
			return got
		}
		for _, o := range operations(t) {
			if o.Method != http.MethodGet || o.Permission == auth.Public || o.Permission != auth.Self && !by.who.May(o.Permission) {
				continue
			}
			path, _ := o.fill(own, own, nil, "")
			for _, query := range asked[o.ID] {
				got := ask(o, path, query, o.ID+filterOf(query))
				if m := aCursor.FindStringSubmatch(got.body); m != nil {
					next := "?" + strings.TrimPrefix(query+"&", "?") + "cursor=" + url.QueryEscape(m[1])
					ask(o, path, next, o.ID+filterOf(query)+", page two")
				}
			}
		}
	}
	// An endpoint that hears what is done from here on.
	_, address := hooks(t)
	w.Admin().Post("/v1/webhook-endpoints", map[string]any{"url": address, "event_types": []string{"*"}}).Is(http.StatusCreated)
	run(w, `delete from external_ids where tenant_id = $1 and noun = 'organisation'`) // the copies share one, which is no employer's alone
	// All that there is to do, as the fuzzer does it: by those who see all of a tenant, and by those who are bound.
	doers := calledByAll(t, w)
	did, why := e.does(w, "whoever may", doers.Target, func(string) bool { return true })
	for what, n := range did {
		if done[what] += n; n == 0 {
			refused[what] += why[what]
		}
	}
	if never := unexplained(fuzz.Report{First: refused}, done, undone, ""); len(never) > 0 {
		t.Errorf("what is never done is never judged: furnish it, or say why it cannot be:\n%s", strings.Join(never, "\n"))
	}
	require.True(t, judgedAny(e.judged, "whoever may", "issueToken", "showSurvey", "submitSurvey", "checkLeerbewijs"), "the public doors were heard")
	for _, b := range bonds {
		target, may := doers.bound(b)
		did, why := e.does(w, b.name, target, may)
		if never := unexplained(fuzz.Report{First: why}, did, b.undone, ""); len(never) > 0 {
			t.Errorf("%s: what is never done is never judged: furnish it, or say why it cannot be:\n%s", b.name, strings.Join(never, "\n"))
		}
	}
	// What nobody asks for: upkeep, and a delivery.
	ctx := context.Background()
	_, err = h.Super.Exec(ctx, "analyze") // all those worlds
	require.NoError(t, err)
	works := map[string]func() error{
		"survey.expire":   func() error { return h.App.Surveys.ExpireDue(ctx, h.App.DB) },
		"matching.rescue": func() error { return h.App.Matching.RescueRuns(ctx) },
		"matching.forget": func() error { return h.App.Matching.ForgetRuns(ctx) },
		"webhook.purge":   func() error { return h.App.Webhooks.PurgeAll(ctx) },
		"webhook.warn":    func() error { return h.App.Webhooks.WarnAll(ctx) },
		"event.purge":     func() error { return h.App.Events.PurgeAll(ctx) },
		"access.purge":    func() error { return h.App.Access.PurgeAll(ctx) },
		"page.checkpoint": func() error { return page.Checkpoint(ctx, h.App.DB) },
		"metrics": func() error {
			got := httptest.NewRecorder()
			h.App.Metrics().ServeHTTP(got, httptest.NewRequest(http.MethodGet, "/metrics", nil))
			require.Contains(t, got.Body.String(), "\nswitchboard_webhook_failing_endpoints 1000\n")
			return nil
		},
		"delivery": func() error {
			stop := deliver(h)
			defer stop()
			active := func() bool {
				return w.Count(`select count(*) from webhook_endpoints where status = 'active' and url = $1`, address) == 1
			}
			require.Eventually(t, active, time.Minute, 5*time.Millisecond)
			return nil
		},
		"webhook.recover": func() error { return recovers(w, address) },
		"matching.run": func() error {
			own, p := furnish(w, "eigen")
			queued(w, w.Admin(), own, p)
			e.tap.Take()
			return h.App.Matching.ComputeRun(ctx, w.Tenant, id.MatchingRunID(plain(w, own["mrn"])))
		},
		"survey.invite": func() error {
			own, _ := furnish(w, "eigen")
			run(w, `update surveys set invite_on = current_date - 1 where tenant_id = $1 and id = $2`, plain(w, own["srv"]))
			e.tap.Take()
			return h.App.Surveys.InviteDue(ctx, h.App.DB, w.Tenant, id.SurveyID(plain(w, own["srv"])))
		},
		"webhook.letter": func() error {
			return h.App.Webhooks.SendLetter(ctx, webhook.LetterArgs{TenantID: w.Tenant, EndpointID: id.EndpointID(plain(w, own["whe"])), About: "failing"})
		},
	}
	require.ElementsMatch(t, append(kindsOfWork(t), "delivery", "metrics"), slices.Collect(maps.Keys(works)), "work of another kind is heard too")
	for name, work := range works {
		e.tap.Take()
		require.NoError(t, work(), name)
		e.judge("worker", operation{ID: name, Method: "work", Path: name}, "")
	}
	require.True(t, slices.ContainsFunc(slices.Collect(maps.Keys(e.judged)), func(key string) bool {
		return strings.HasPrefix(key, "worker delivery ") && strings.Contains(key, "set_config('synchronous_commit'")
	}), "what sets something on its way is heard too")
	require.True(t, judgedAny(e.judged, "worker", slices.Collect(maps.Keys(works))...), "all work was heard")
	for _, at := range slices.Sorted(maps.Keys(e.found)) {
		if costly[at] == "" {
			t.Errorf("%s: %s", at, e.found[at])
		}
	}
	for why := range narrow {
		require.Contains(t, slices.Collect(maps.Values(costly)), why, "nothing is excused so any more")
	}
	for at, why := range costly {
		if _, still := e.found[at]; !still && !slices.Contains(chance, why) {
			t.Errorf("%s costs what it holds: take %q out of costly", at, why)
		}
	}
	require.Empty(t, e.in.alone, "what these read is not counted, because they cannot be done again: their plan alone was judged")
	require.Greater(t, len(e.lines), 300, "statements were heard, and took ways")

	scope := []any{w.Tenant.UUID().String(), "tenant", "", ""}
	said := func(sql string, args, scope []any) growth.Said {
		return growth.Said{SQL: sql, Args: args, Settings: []growth.Setting{{Args: scope,
			SQL: `select set_config('app.tenant_id', $1, true), set_config('app.scope', $2, true), set_config('app.organisation_id', $3, true), set_config('app.medewerker_id', $4, true)`}}}
	}
	_, err = h.Super.Exec(context.Background(), `create index planted_pattern on leerplekken (tenant_id, title text_pattern_ops); create index planted_bare on leerplekken (title); analyze leerplekken`)
	require.NoError(t, err)
	for name, c := range map[string]struct{ sql, want string }{
		"a filter without an index":      {`select id from leerplekken where tenant_id = $1 and description = 'nergens' order by id limit 26`, "reads 1"},
		"a function on the column":       {`select id from leerplekken where tenant_id = $1 and upper(cast(id as text)) = 'X'`, "reads 1"},
		"an operator that could leak":    {`select id from leerplekken where tenant_id = $1 and title like 'Nergens%'`, "reads 1"},
		"a sort that no index has":       {`select id from leerplekken where tenant_id = $1 order by description limit 26`, "reads 1"},
		"an index that names no tenant":  {`select id from leerplekken where title = 'Apotheek van het woonzorgcentrum 7'`, "without a tenant"},
		"the control, a row by its key":  {`select id from leerplekken where tenant_id = $1 and id = '` + uuid.Nil.String() + `'`, ""},
		"the control, a page by its key": {`select id from leerplekken where tenant_id = $1 order by id limit 26`, ""},
	} {
		args := []any{w.Tenant.UUID()}
		if !strings.Contains(c.sql, "$1") {
			args = nil
		}
		e.in.indexes(h)
		_, faults := e.in.inspect(said(c.sql, args, scope))
		if c.want == "" {
			require.Empty(t, faults, name)
		} else {
			require.Contains(t, faults["leerplekken"], c.want, name)
		}
	}
	_, err = h.Super.Exec(context.Background(), `create index planted_rare on leerplekken (tenant_id, id) where function = 'nooit'; analyze leerplekken`)
	require.NoError(t, err)
	e.in.indexes(h)
	someone := []any{w.Tenant.UUID().String(), "organisation", uuid.NewString(), ""}
	for name, c := range map[string]struct {
		said        growth.Said
		table, want string
	}{
		"a plan that knows no parameters": {said(`select id from leerplekken where tenant_id = $1 and function = $2 order by id limit 26`, []any{w.Tenant.UUID(), "nooit"}, scope),
			"leerplekken", "prepared for any parameters"},
		"the control, the same in the text": {said(`select id from leerplekken where tenant_id = $1 and function = 'nooit' order by id limit 26`, []any{w.Tenant.UUID()}, scope), "leerplekken", ""},
		"a page that passes over the rows of others": {said(`select id from leervragen where tenant_id = $1 order by id limit 26`, []any{w.Tenant.UUID()}, someone),
			"leervragen", "filtered"},
		"the control, the own employer's": {said(`select id from leervragen where tenant_id = $1 and organisation_id = $2 order by id limit 26`, []any{w.Tenant.UUID(), someone[2]}, someone),
			"leervragen", ""},
		"all employers": {said(`select id from organisations where tenant_id = $1 and sector = 'nergens'`, []any{w.Tenant.UUID()}, scope), "organisations", "reads "},
		"all cohorten":  {said(`select id from cohorten where tenant_id = $1 and name = 'nergens'`, []any{w.Tenant.UUID()}, scope), "cohorten", "reads "},
	} {
		_, faults := e.in.inspect(c.said)
		if c.want == "" {
			require.Empty(t, faults, name)
		} else {
			require.Contains(t, faults[c.table], c.want, name)
		}
	}
	// A start of a sync: without checkpoints it passes over the changes before it.
	since := func(from string) growth.Said {
		return said(`select id from leervragen where tenant_id = $1 and `+from+` and pos < platform.horizon() and updated_at >= $2 order by pos, id limit 26`,
			[]any{w.Tenant.UUID(), time.Now().AddDate(0, 0, -200), time.Now().AddDate(0, 0, -201), 0}, scope)
	}
	const last = `from (select p.pos from platform.checkpoints p where p.at <= $3 order by p.at desc limit 1) last)`
	compared := since(`(pos, id) > ((select greatest($4::bigint, max(last.pos)) ` + last + `, '00000000-0000-0000-0000-000000000000')`)
	_, faults := e.in.inspect(compared)
	require.Empty(t, faults, "the control, with checkpoints")
	_, faults = e.in.inspect(since(`pos > coalesce((select max(last.pos) ` + last + `, $4::bigint)`))
	require.Contains(t, faults["leervragen"], "filtered", "an expression that could leak, around a subquery")
	_, err = h.Super.Exec(ctx, `delete from platform.checkpoints`)
	require.NoError(t, err)
	_, faults = e.in.inspect(compared)
	require.Contains(t, faults["leervragen"], "filtered", "without checkpoints")
	for name, c := range map[string]struct {
		said  growth.Said
		table string
	}{
		"a name of the directory by whose it is": {said(`select kind from platform.directory where subject_id = gen_random_uuid()`, nil, scope), "platform.directory"},
		"deliveries by their lease":              {said(`select delivery_id from platform.delivery_queue where leased_until < now()`, nil, scope), "platform.delivery_queue"},
		"a job whose constants are parameters": {said(`select id from surveys where tenant_id = $1 and status = any ($2::text[]) and expires_at <= $3 order by id limit $4`,
			[]any{w.Tenant.UUID(), []string{"scheduled", "invited"}, time.Now(), 100}, scope), "surveys"},
	} {
		_, faults := e.in.inspect(c.said)
		require.NotEmpty(t, faults[c.table], name)
	}
	// What was done already is counted all the same; what cannot be done at all is told.
	counting := `with counted as materialized (select count(*) from leerplekken where tenant_id = $1 and description = 'nergens')
		insert into cohort_rivals (tenant_id, cohort_id, organisation_id, rival_id) select $1, $2, $3, $4 from counted`
	var cohort, one, other uuid.UUID
	require.NoError(t, h.Super.QueryRow(ctx, `select cohort_id, organisation_id, rival_id from cohort_rivals where tenant_id = $1 limit 1`, w.Tenant.UUID()).
		Scan((*[16]byte)(&cohort), (*[16]byte)(&one), (*[16]byte)(&other)))
	_, faults = e.in.inspect(said(counting, []any{w.Tenant.UUID(), cohort, one, other}, scope))
	require.Contains(t, faults["leerplekken"], "reads 1", "it is in the way of itself")
	require.Empty(t, e.in.alone)
	_, faults = e.in.inspect(said(counting, []any{w.Tenant.UUID(), uuid.New(), one, other}, scope))
	require.Empty(t, faults["leerplekken"], "nobody counted it")
	require.ErrorContains(t, e.in.alone[counting], "23503")
	// A new table of the schema platform that nobody filled.
	_, err = h.Super.Exec(ctx, `create table platform.planted (tenant_id uuid)`)
	require.NoError(t, err)
	require.Contains(t, newInspector(t, h).empty(h), "planted")
	// An operation that is only ever refused.
	nobody := doers.Target
	nobody.Furnish = func(string) []map[string]string { return []map[string]string{{"sit": random("sit")}} }
	did, why = e.does(w, "nobody", nobody, func(operation string) bool { return operation == "getSite" })
	never := unexplained(fuzz.Report{First: why}, did, nil, "")
	require.Len(t, never, 1)
	require.Contains(t, never[0], "getSite was never done: nobody → 404")
	children := said(`select id from leeruitwisseling_days where tenant_id = $1 and leeruitwisseling_id = $2`, []any{w.Tenant.UUID(), pair.Leeruitwisseling.UUID()}, scope)
	_, faults = e.in.inspect(children)
	require.Empty(t, faults)
	_, err = h.Super.Exec(context.Background(), `do $$ declare x regclass; begin for x in select indexrelid from pg_index where indrelid = 'leeruitwisseling_days'::regclass and not indisprimary and not indisunique
		loop execute 'drop index ' || x; end loop; end $$`)
	require.NoError(t, err)
	_, faults = e.in.inspect(children)
	require.Contains(t, faults["leeruitwisseling_days"], "reads 1", "a dropped index")
}

// An excuse is for one statement that reads too much, and for nothing worse.
func TestPlans_AnExcuseCoversNothingElse(t *testing.T) {
	t.Parallel()
	const packed, reads = "with load as materialized (\n\tselect 1) select 2", "reads 1001 rows (Index Scan leerplekken_pkey, 0 filtered)"
	excused := func(sql, fault string) bool {
		return costly[excuse("createMatch", "", "leerplekken", "whoever may", sql, fault)] != ""
	}
	require.True(t, excused(packed, reads), "the control")
	require.True(t, excused(packed, "prepared for any parameters, "+reads), "the control")
	require.False(t, excused("select * from leerplekken where tenant_id = $1", reads), "another statement")
	require.False(t, excused(packed, "reads the table from end to end"))
	require.False(t, excused(packed, "prepared for any parameters, reads the table from end to end"))
	require.False(t, excused(packed, "reads leerplekken_title_idx without a tenant"))
	require.Equal(t, "matching index leerplekken", excuse("updateLeervraag", "", "leerplekken", "switcher", packed, reads), "what is done beside it")
	require.Equal(t, "updateLeervraag leerplekken", excuse("updateLeervraag", "", "leerplekken", "switcher", "select * from leerplekken", reads))
	require.Contains(t, excuse("updateLeervraag", "", "leerplekken", "switcher", packed, "reads the table from end to end"), "updateLeervraag")
	for at, why := range costly {
		require.NotNil(t, narrow[why], "%s: which statement is it?", at)
	}
	all := func(sql string) bool {
		return costly[excuse("listTenants", "", "tenants", "operator", sql, "reads the table from end to end")] != ""
	}
	require.True(t, all(`SELECT "tenants"."id" FROM "tenants" WHERE id <> $1 ORDER BY id LIMIT 26`), "what says so itself")
	require.False(t, all(`SELECT * FROM "tenants" ORDER BY id LIMIT 26`), "another statement, which says so too")
	filtered := func(sql string) bool {
		return costly[excuse("listMatches", "?status=draft", "matches", "whoever may", sql, reads)] != ""
	}
	require.True(t, filtered(`SELECT * FROM "matches" WHERE status in ($1) AND "matches"."tenant_id" = $2 ORDER BY id LIMIT 26`), "the control")
	require.False(t, filtered(`SELECT * FROM "matches" WHERE upper(status) = $1 AND "matches"."tenant_id" = $2 ORDER BY id LIMIT 26`), "another page")

	// What is worst of a table is told, in whichever order the plan has it.
	p := &inspector{t: t, table: map[string]string{"sites": "sites"}, index: map[string]string{"sites_pkey": "sites_pkey"}}
	const whole, many = `{"Node Type":"Seq Scan","Relation Name":"sites","Actual Rows":1,"Actual Loops":1}`,
		`{"Node Type":"Index Scan","Relation Name":"sites","Index Name":"sites_pkey","Index Cond":"(tenant_id = x)","Actual Rows":1000,"Actual Loops":1}`
	for _, nodes := range []string{whole + "," + many, many + "," + whole} {
		var plan plans
		require.NoError(t, json.Unmarshal([]byte(`[{"Plan":{"Node Type":"Append","Plans":[`+nodes+`]}}]`), &plan))
		_, faults, _ := p.judge(plan)
		require.Equal(t, "reads the table from end to end", faults["sites"])
	}
}

// What a node reads in its loops is added up before it is rounded.
func TestPlans_WhatALoopReadsIsNotRoundedAway(t *testing.T) {
	t.Parallel()
	p := &inspector{t: t, table: map[string]string{"sites": "sites"}, index: map[string]string{"sites_pkey": "sites_pkey"}}
	for rows, reads := range map[string]string{"0.50": "reads 500 rows (Index Scan sites_pkey, 0 filtered)", "0.12": ""} {
		var plan plans
		require.NoError(t, json.Unmarshal([]byte(`[{"Plan":{"Node Type":"Nested Loop","Actual Rows":1.00,"Actual Loops":1,"Plans":[{"Node Type":"Index Scan","Relation Name":"sites","Index Name":"sites_pkey",
			"Index Cond":"(tenant_id = x)","Actual Rows":`+rows+`,"Actual Loops":1000,"Rows Removed by Filter":0}]}}]`), &plan))
		_, faults, scans := p.judge(plan)
		require.True(t, scans)
		require.Equal(t, reads, faults["sites"])
	}
}

// Copies keep every foreign key and check, in the same tenant and in another.
func TestPlans_CopiesKeepEveryConstraint(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	_, p := furnish(w, "eigen")
	deepen(w, p)
	c, err := pgx.Connect(ctx, h.SuperURL)
	require.NoError(t, err)
	defer c.Close(ctx)
	other, fan := id.NewTenant().UUID(), map[string]int{"organisations": 2}
	made, err := growth.Grow(ctx, c, w.Tenant.UUID(), growth.Into{Tenant: other, Copies: 4, Fan: fan})
	require.NoError(t, err)
	require.Positive(t, made)
	count := func(table string, tenant uuid.UUID) (n int) {
		require.NoError(t, h.Super.QueryRow(ctx, `select count(*) from `+table+` where tenant_id = $1`, tenant).Scan(&n))
		return n
	}
	for table, times := range map[string]int{"organisations": 2, "medewerkers": 4, "leervragen": 4, "leeruitwisselingen": 4, "opleidingsregistraties": 4, "surveys": 4, "events": 4} {
		require.Equal(t, times*count(table, w.Tenant.UUID()), count(table, other), table)
	}
	before := count("leervragen", w.Tenant.UUID())
	_, err = growth.Grow(ctx, c, w.Tenant.UUID(), growth.Into{Tenant: w.Tenant.UUID(), First: 1, Copies: 3, Fan: fan})
	require.NoError(t, err)
	require.Equal(t, 4*before, count("leervragen", w.Tenant.UUID()))
}
