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
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/openapi/fuzz"
	"github.com/switchingtalent/switchboard/internal/platform/page"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
	"github.com/switchingtalent/switchboard/internal/platform/web"
	"github.com/switchingtalent/switchboard/internal/survey"
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
	"a sync with a filter":                                                    changed,
	"createMatch leerplek_coaches":                                            following,
	"createMatch leerplekken":                                                 following,
	"createMatch organisations":                                               following,
	"dismissSuggestion leerplek_coaches":                                      following,
	"dismissSuggestion leerplekken":                                           following,
	"dismissSuggestion organisations":                                         following,
	"listCohorten?status cohorten":                                            unserved,
	"listEvents events":                                                       since,
	"listLeerplekken?status leerplekken":                                      average,
	"listLeerplekken?status&topic leerplekken":                                unserved,
	"listLeerplekken?topic leerplekken":                                       unserved,
	"listLeeruitwisselingen?medewerker_id leeruitwisselingen":                 unserved,
	"listLeeruitwisselingen?medewerker_id&organisation_id leeruitwisselingen": unserved,
	"listLeeruitwisselingen?medewerker_id&status leeruitwisselingen":          unserved,
	"listLeeruitwisselingen?organisation_id&status leeruitwisselingen":        ofOne,
	"listLeeruitwisselingen?status leeruitwisselingen":                        ofOne,
	"listLeervragen?organisation_id&status leervragen":                        ofOne,
	"listLeervragen?status leervragen":                                        average,
	"listMatches match_notes":                                                 twoWays,
	"listMatches?organisation_id&status matches":                              ofOne,
	"listMatches?status matches":                                              average,
	"listMatchingRuns?status matching_runs":                                   unserved,
	"listOrganisationDuplicates contacts":                                     likeness,
	"listOrganisationDuplicates organisations":                                likeness,
	"listOrganisationDuplicates sites":                                        likeness,
	"listOrganisations?stage organisations":                                   unserved,
	"listPreferenceOptions cohort_leerplekken":                                employers,
	"listPreferenceOptions leerplekken":                                       employers,
	"listPreferenceOptions organisations":                                     employers,
	"listSuggestions leerplek_coaches":                                        ranking,
	"listSuggestions leerplekken":                                             ranking,
	"listSuggestions leeruitwisseling_days":                                   ranking,
	"listSuggestions leeruitwisselingen":                                      ranking,
	"listSuggestions leervragen":                                              learning,
	"listSuggestions matches":                                                 learning,
	"listSuggestions medewerkers":                                             ranking,
	"listSuggestions organisations":                                           ranking,
	"listSuggestions sites":                                                   hundredth,
	"listSuggestions suggestion_dismissals":                                   learning,
	"listSuggestions?why_not leeruitwisselingen":                              running,
	"listSurveys?mode surveys":                                                unserved,
	"listSurveys?mode&role surveys":                                           unserved,
	"listSurveys?mode&status surveys":                                         unserved,
	"listSurveys?role surveys":                                                ofOne,
	"listSurveys?role&status surveys":                                         ofOne,
	"listSurveys?status surveys":                                              ofOne,
	"listWebhookDeliveries?endpoint_id&status webhook_deliveries":             ofOne,
	"listWebhookDeliveries?status webhook_deliveries":                         average,
	"matching index leerplek_coaches":                                         following,
	"matching index leerplekken":                                              following,
	"matching index leeruitwisseling_days":                                    following,
	"matching index leeruitwisselingen":                                       following,
	"matching index medewerkers":                                              following,
	"matching index leervragen":                                               learning,
	"matching index matches":                                                  learning,
	"matching index organisations":                                            following,
	"matching index suggestion_dismissals":                                    learning,
	"matching.rescue platform.active_runs":                                    unfinished,
	"matching.run leeruitwisselingen":                                         balance,
	"matching.run leervragen":                                                 learning,
	"matching.run matches":                                                    learning,
	"matching.run suggestion_dismissals":                                      learning,
	"mergeOrganisation cohort_leervragen":                                     merging,
	"mergeOrganisation cohort_preferences":                                    merging,
	"mergeOrganisation leerplek_coaches":                                      merging,
	"mergeOrganisation leeruitwisselingen":                                    merging,
	"mergeOrganisation leervraag_versions":                                    merging,
	"mergeOrganisation match_decisions":                                       merging,
	"mergeOrganisation match_notes":                                           merging,
	"mergeOrganisation match_reasons":                                         merging,
	"mergeOrganisation matches":                                               merging,
	"mergeOrganisation organisations":                                         merging,
	"mergeOrganisation suggestion_dismissals":                                 merging,
	"metrics platform.failing_endpoints":                                      watched,
	"putCohortRivals organisations":                                           tenIDs,
	"sumOpleidingsregistraties opleidingsregistraties":                        sums,
	"webhook.recover events":                                                  early,
	"webhook.recover webhook_deliveries":                                      pageful,
}

// undone are the operations that nobody does here, by their operationId, and the filters that no answer is given for, and why.
var undone = map[string]string{
	"explainMatchingRun?leerplek_id":   both,
	"explainMatchingRun?leervraag_id":  both,
	"listEvents?at, page two":          begun,
	"listEvents?at&subject, page two":  begun,
	"previewMatchingRunChange?closes":  forgotten,
	"previewMatchingRunChange?coaches": forgotten,
	"previewMatchingRunChange?joins":   "of the runs that were copied no judgements are kept; what it reads besides them is what a run reads, which is judged",
	"previewMatchingRunChange?leaves":  forgotten,
	"previewMatchingRunChange?widens":  forgotten,
}

const (
	begun     = "where to begin does not go with a cursor"
	both      = "it asks for a leervraag and a leerplek together, and so it is done"
	forgotten = "of the runs that were copied no judgements are kept; it is asked of one that was computed, and reads the same of it whatever is supposed"
)

// Why they may.
const (
	following  = "follows what changed in a small index since somebody asked last; here all of the tenant, which had just grown a thousandfold"
	ranking    = "makes the tenant's index of leerplekken, once for a process, and looks through them while there is none"
	running    = "counts what runs with the leercoaches of one employer: they stand in a list, which no index serves under row-level security"
	unfinished = "goes by all tenants that have a run which is not over"
	watched    = "counts the endpoints that only fail, of all tenants, when somebody reads the metrics"
	likeness   = "compares an employer with all others of the tenant"
	employers  = "which employers take part in a cohort is found among its leerplekken, of which the tenant's answer holds up to a hundred for each"
	since      = "an employer's feed passes over the facts of others since the checkpoint before it begins: whom a fact is about stands in a list"
	early      = "finds facts by the times in their ids, and passes over those of the time before that clocks may be off by"
	pageful    = "looks at the deliveries of each fact of a page, of which there are up to a thousand"
	balance    = "weighs what each employer sent and received, once for a run"
	learning   = "learns from the thousand latest decisions, once for a run, an index, and an hour of that"
	merging    = "one employer is merged into another once, by a person; an index by employer for each table that names one would cost every write"
	sums       = "adds up what the caller's employer has"
	unserved   = "few rows of many are found by passing over the others: no index serves what stands in a list, or none is worth its writes"
	average    = "an index serves it with its parameters; the kept plan takes a status for an average one, and here all rows have the same"
	tenIDs     = "an index serves it with its parameters; the kept plan reckons with ten ids, for which it reads the narrow key of three thousand employers instead"
	changed    = "a sync with a filter goes through what changed since, in that order, and passes over the rest: an index by each filter and place would cost every write"
	ofOne      = "passes over what one employer, or one endpoint, has in other states: an index by both would cost every write"
	twoWays    = "reads what both said of each match of a page of a hundred, and an employer's page is found in two ways"
	hundredth  = "an index serves it; but the planner expects a policy to let a hundredth of the rows through, and then may read as well by another"
)

// chance are the reasons that hang on what the planner reckons at this size, or on what was done here just before: such a statement may
// as well cost what it holds.
var chance = []string{average, ofOne, tenIDs, hundredth, following, since, early, learning}

// narrow says of each reason whose it is, and which statement's: another statement of the same operation that reads as much of the same
// table is a fault.
var narrow = map[string]func(caller, sql string) bool{
	since: func(caller, _ string) bool {
		return caller != "tenant" && caller != "operator" && caller != "whoever may"
	},
	learning:  says("both_kinds order by"),
	following: says(changedSaid, packedSaid, nextSaid, textSaid),
	ranking: says(changedSaid, packedSaid, nextSaid, textSaid, "with words as materialized (",
		"select count(*) from (select 1 from leerplekken"),
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
	unserved:   says("status in ($", "stage in ($", "mode in ($", "= any (topics)", "= any (leercoach_ids)"),
	average:    says("status in ($"),
	tenIDs:     says("select array(select id from organisations where tenant_id = $1 and id = any"),
	changed:    says("(pos, id) > ("),
	ofOne:      says("status in ($", "role in ($"),
	twoWays:    says("left join match_notes n on"),
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
	if costly[at] == "" && grave(fault) == "" && narrow[changed](caller, sql) && follows(sql, table) && sought(query) {
		return "a sync with a filter"
	}
	// Many changes are followed beside whoever asked, and on a busy machine still are when the next operation is asked; an index is made anew so too.
	if costly[at] == "" && grave(fault) == "" && (narrow[following](caller, sql) || narrow[learning](caller, sql)) {
		return "matching index " + table
	}
	return at
}

// follows reports whether a table is the one of which a sync tells the changes: gorm writes FROM before it, and what is joined to it stands without.
func follows(sql, table string) bool {
	return regexp.MustCompile(`FROM "?` + regexp.QuoteMeta(table) + `\b`).MatchString(sql)
}

// sought reports whether a query asks for some of what changed, otherwise than by the employer, whose changes have their indexes.
func sought(query string) bool {
	return strings.Trim(strings.NewReplacer("organisation_id", "", "updated_since", "").Replace(filterOf(query)), "?&") != ""
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

	below []below         // what functions and triggers said below the statement that was explained last
	heard map[string]bool // what they ever said
}

// below is one statement that a function or a trigger runs, that of a foreign key among them, as auto_explain tells it.
type below struct {
	SQL  string `json:"Query Text"`
	Plan node
}

// note keeps what auto_explain tells.
func (p *inspector) note(_ *pgconn.PgConn, n *pgconn.Notice) {
	var b below
	if _, told, ok := strings.Cut(n.Message, " plan:"); ok && json.Unmarshal([]byte(told), &b) == nil {
		p.below = append(p.below, b)
	}
}

// found is what explaining a statement told: the ways that it takes to tenants' tables, what is wrong with them by table, and the same of
// what functions and triggers said below it, by statement.
type found struct {
	ways   []string
	faults map[string]string
	below  map[string]map[string]string
}

// aColumn is one of a condition.
var aColumn = regexp.MustCompile(`[(\s.]([a-z_]+) (?:=|>|<|>=|<=|IS|<>)`)

// small are the tables of the schema platform that hold a handful of rows, whatever grows.
var small = []string{"cluster", "row", "signing_keys"}

func newInspector(t *testing.T, h *testkit.House) *inspector {
	t.Helper()
	ctx := context.Background()
	app, err := pgx.ParseConfig(h.AppURL)
	require.NoError(t, err)
	super, err := pgx.ParseConfig(h.SuperURL)
	require.NoError(t, err)
	p := &inspector{t: t, role: pgx.Identifier{app.User}.Sanitize(), heard: map[string]bool{}, alone: map[string]error{}, table: map[string]string{}, index: map[string]string{}}
	super.OnNotice = p.note
	p.c, err = pgx.ConnectConfig(ctx, super)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.c.Close(ctx) })
	_, err = p.c.Exec(ctx, `load 'auto_explain'; set auto_explain.log_min_duration = 0; set auto_explain.log_nested_statements = on; set auto_explain.log_analyze = on;
		set auto_explain.log_timing = off; set auto_explain.log_format = json; set auto_explain.log_level = notice`)
	require.NoError(t, err, "it comes with PostgreSQL; where it is a package of its own, that is postgresql-contrib")
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

// inspect tells the ways that a statement takes to tenants' tables, and what is wrong with them, by table; and what is wrong with
// what functions and triggers say below it. What the planner likes best at this size says little, so it may sort or it may not: a fault is
// what no choice among the indexes avoids. pgx prepares every statement, and the server may keep a plan for it that knows no parameters:
// what no such plan avoids is a fault too.
func (p *inspector) inspect(s growth.Said) (ways []string, faults map[string]string, below map[string]map[string]string) {
	p.t.Helper()
	if verb, _, _ := strings.Cut(s.SQL, " "); slices.Contains([]string{"set", "savepoint", "release", "rollback", "commit"}, verb) {
		return nil, nil, nil
	}
	own, kept := p.best(s, false), p.best(s, true)
	prepared(own.faults, kept.faults)
	for sql, faults := range kept.below {
		if own.below[sql] == nil {
			own.below[sql] = map[string]string{}
		}
		prepared(own.below[sql], faults)
	}
	return own.ways, own.faults, own.below
}

// prepared adds what is worse with a plan that knows no parameters.
func prepared(faults, kept map[string]string) {
	for table, fault := range kept {
		if faults[table] == "" || grave(faults[table]) == "" && grave(fault) != "" {
			faults[table] = "prepared for any parameters, " + fault
		}
	}
}

func (p *inspector) best(s growth.Said, prepared bool) found {
	p.t.Helper()
	one := p.explain(s, "on", prepared)
	if len(one.faults)+len(one.below) > 0 {
		if other := p.explain(s, "off", prepared); len(other.faults)+len(other.below) < len(one.faults)+len(one.below) {
			return other
		}
	}
	return one
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

func (p *inspector) explain(s growth.Said, sort string, prepared bool) found {
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
		p.below = nil
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
	out, scans := found{below: map[string]map[string]string{}}, false
	out.ways, out.faults, scans = p.judge(plan)
	if alone != nil && scans {
		p.alone[s.SQL] = alone
	}
	// What a trigger says for one row is judged by itself: how many rows a statement writes is no trigger's fault.
	for _, b := range p.below {
		sql := strings.Join(strings.Fields(b.SQL), " ")
		if strings.HasPrefix(sql, "explain (") || b.SQL == s.SQL {
			continue
		}
		p.heard[sql] = true
		if _, faults, _ := p.judge(plans{{b.Plan}}); len(faults) > 0 {
			out.below[sql] = faults
		}
	}
	return out
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

// filter is a parameter of a query, with each value that is tried of it.
type filter struct {
	name   string
	values []string
}

// filtersOf are the parameters of each operation of the document that make another question of it, or another order.
func filtersOf(t *testing.T, document []byte, own ids) map[string][]filter {
	t.Helper()
	type schema struct {
		Enum     []any
		Pattern  string
		Format   string
		Examples []any
		Items    *schema
	}
	type parameter struct {
		Ref      string `json:"$ref"`
		Name, In string
		Schema   schema
	}
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Parameters  []parameter
		}
		Components struct{ Parameters map[string]parameter }
	}
	require.NoError(t, json.Unmarshal(document, &doc))
	out := map[string][]filter{}
	for _, item := range doc.Paths {
		for _, op := range item {
			out[op.OperationID] = nil
			for _, p := range op.Parameters {
				if p.Ref != "" {
					shared, known := doc.Components.Parameters[strings.TrimPrefix(p.Ref, "#/components/parameters/")]
					require.True(t, known, p.Ref)
					p = shared
				}
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
				out[op.OperationID] = append(out[op.OperationID], filter{p.Name, values})
			}
		}
	}
	return out
}

// variants are the queries of an operation: none of its parameters, each by itself with each of its values, and every two that may
// stand together with each of theirs. How many there are on a page goes with the others, and is no question of its own.
func variants(filters []filter, together func(name string) bool) []string {
	alone, pairs := []string{""}, []string{}
	said := func(f filter, v string) string { return f.name + "=" + url.QueryEscape(v) }
	for i, f := range filters {
		for _, v := range f.values {
			alone = append(alone, "?"+said(f, v))
			for _, g := range filters[i+1:] {
				if f.name == "limit" || g.name == "limit" || !together(f.name) || !together(g.name) {
					continue
				}
				for _, w := range g.values {
					pairs = append(pairs, "?"+said(f, v)+"&"+said(g, w))
				}
			}
		}
	}
	return append(alone, pairs...)
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
		insert into platform.delivery_queue (delivery_id, tenant_id, endpoint_id, due_at, test, subject_id, revision, event_id)
			select d.id, d.tenant_id, d.endpoint_id, now() + interval '1 year', false, d.endpoint_id, row_number() over (), d.event_id
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

// filterOf are the parameters of a query that make it another question, in their order: how many and in what order do not.
func filterOf(query string) string {
	var names []string
	for part := range strings.SplitSeq(strings.TrimPrefix(query, "?"), "&") {
		if name, _, _ := strings.Cut(part, "="); !slices.Contains([]string{"", "limit", "sort", "cursor"}, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	return "?" + strings.Join(names, "&")
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

// judge looks at what was said since it was asked last, each text once, and once more where a list answered that there is nothing: nobody
// reads further than who finds nothing.
func (e *ear) judge(caller string, o operation, query, answer string) {
	for _, s := range e.tap.Take() {
		key := caller + " " + o.ID + " " + s.SQL
		if strings.Contains(answer, `"data":[]`) {
			key += ", and there is nothing"
		}
		if e.judged[key] {
			continue
		}
		e.judged[key] = true
		e.inspect(caller, o, query, s)
	}
}

// inspect looks at one statement, and at what is said below it.
func (e *ear) inspect(caller string, o operation, query string, s growth.Said) {
	ways, faults, below := e.in.inspect(s)
	e.tell(caller, o, query, s, found{ways, faults, below})
}

// tell notes what was found of one statement.
func (e *ear) tell(caller string, o operation, query string, s growth.Said, what found) {
	for _, way := range what.ways {
		e.lines[o.ID+": "+way] = true
	}
	blame := func(sql string, faults map[string]string) {
		for table, fault := range faults {
			at := excuse(o.ID, query, table, caller, sql, fault)
			e.found[at] = fmt.Sprintf("%s %s%s as %s %s\n\t%s\n\t%v", o.Method, o.Path, query, caller, fault, strings.Join(strings.Fields(sql), " "), s.Args)
		}
	}
	blame(s.SQL, what.faults)
	for sql, faults := range what.below {
		blame(sql, faults)
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
	e.judge(caller, o, query, w.Body.String())
	return replied{w.Code, w.Body.String()}
}

// asks reads what an operation answers to each of some queries, and the second page of each. It counts in done what was answered, and
// notes in refused what was not.
func (e *ear) asks(caller, token string, o operation, path string, queries []string, done map[string]int, refused map[string]string) {
	ask := func(query, what string) replied {
		got := e.hear(caller, o, query, httptest.NewRequest(o.Method, path+query, nil), token)
		if done[what] += 0; got.status < http.StatusMultipleChoices {
			done[what]++
		} else {
			refused[what] += fmt.Sprintf("%s%s → %d %.200s ", caller, query, got.status, got.body)
		}
		return got
	}
	for _, query := range queries {
		got := ask(query, o.ID+filterOf(query))
		if m := aCursor.FindStringSubmatch(got.body); m != nil {
			ask("?"+strings.TrimPrefix(query+"&", "?")+"cursor="+url.QueryEscape(m[1]), o.ID+filterOf(query)+", page two")
		}
	}
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
	asked := filtersOf(t, api.OpenAPI, own)
	for _, by := range callers {
		token, err := h.App.Tokens.Sign(by.who, h.Clock.Now())
		require.NoError(t, err)
		for _, o := range operations(t) {
			if o.Method != http.MethodGet || o.Permission == auth.Public || o.Permission != auth.Self && !by.who.May(o.Permission) {
				continue
			}
			path, _ := o.fill(own, own, nil, "")
			e.asks(by.name, token, o, path, variants(asked[o.ID], func(name string) bool { return undone[o.ID+"?"+name] == "" }), done, refused)
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
		"leerplek.lexemes": func() error { return h.App.Leerplekken.ReadAll(ctx, h.App.DB) },
		"survey.expire":    func() error { return h.App.Surveys.ExpireDue(ctx, h.App.DB) },
		"matching.rescue":  func() error { return h.App.Matching.RescueRuns(ctx) },
		"matching.forget":  func() error { return h.App.Matching.ForgetRuns(ctx) },
		"webhook.purge":    func() error { return h.App.Webhooks.PurgeAll(ctx) },
		"webhook.warn":     func() error { return h.App.Webhooks.WarnAll(ctx) },
		"event.purge":      func() error { return h.App.Events.PurgeAll(ctx) },
		"access.purge":     func() error { return h.App.Access.PurgeAll(ctx) },
		"page.checkpoint":  func() error { return page.Checkpoint(ctx, h.App.DB) },
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
		e.judge("worker", operation{ID: name, Method: "work", Path: name}, "", "")
	}
	require.True(t, slices.ContainsFunc(slices.Collect(maps.Keys(e.judged)), func(key string) bool {
		return strings.HasPrefix(key, "worker delivery ") && strings.Contains(key, "set_config('synchronous_commit'")
	}), "what sets something on its way is heard too")
	require.True(t, judgedAny(e.judged, "worker", slices.Collect(maps.Keys(works))...), "all work was heard")
	e.drives(w)
	e.moves(w)
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
		_, faults, _ := e.in.inspect(said(c.sql, args, scope))
		if c.want == "" {
			require.Empty(t, faults, name)
		} else {
			require.Contains(t, faults["leerplekken"], c.want, name)
		}
	}
	e.catchesAPair(w)
	e.catchesTriggers(w)
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
		_, faults, _ := e.in.inspect(c.said)
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
	_, faults, _ := e.in.inspect(compared)
	require.Empty(t, faults, "the control, with checkpoints")
	_, faults, _ = e.in.inspect(since(`pos > coalesce((select max(last.pos) ` + last + `, $4::bigint)`))
	require.Contains(t, faults["leervragen"], "filtered", "an expression that could leak, around a subquery")
	_, err = h.Super.Exec(ctx, `delete from platform.checkpoints`)
	require.NoError(t, err)
	_, faults, _ = e.in.inspect(compared)
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
		_, faults, _ := e.in.inspect(c.said)
		require.NotEmpty(t, faults[c.table], name)
	}
	// What was done already is counted all the same; what cannot be done at all is told.
	counting := `with counted as materialized (select count(*) from leerplekken where tenant_id = $1 and description = 'nergens')
		insert into cohort_rivals (tenant_id, cohort_id, organisation_id, rival_id) select $1, $2, $3, $4 from counted`
	var cohort, one, other uuid.UUID
	require.NoError(t, h.Super.QueryRow(ctx, `select cohort_id, organisation_id, rival_id from cohort_rivals where tenant_id = $1 limit 1`, w.Tenant.UUID()).
		Scan((*[16]byte)(&cohort), (*[16]byte)(&one), (*[16]byte)(&other)))
	_, faults, _ = e.in.inspect(said(counting, []any{w.Tenant.UUID(), cohort, one, other}, scope))
	require.Contains(t, faults["leerplekken"], "reads 1", "it is in the way of itself")
	require.Empty(t, e.in.alone)
	_, faults, _ = e.in.inspect(said(counting, []any{w.Tenant.UUID(), uuid.New(), one, other}, scope))
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
	_, faults, _ = e.in.inspect(children)
	require.Empty(t, faults)
	_, err = h.Super.Exec(context.Background(), `do $$ declare x regclass; begin for x in select indexrelid from pg_index where indrelid = 'leeruitwisseling_days'::regclass and not indisprimary and not indisunique
		loop execute 'drop index ' || x; end loop; end $$`)
	require.NoError(t, err)
	_, faults, _ = e.in.inspect(children)
	require.Contains(t, faults["leeruitwisseling_days"], "reads 1", "a dropped index")
}

// drives makes every trigger say all that it can, of rows that others did not write or that are gone when their statement is judged.
func (e *ear) drives(w *testkit.World) {
	e.t.Helper()
	ctx := context.Background()
	for _, q := range []struct{ of, does string }{
		{`select delivery_id from platform.delivery_queue where subject_id is not null and tenant_id = $1 order by revision limit 1`, `delete from platform.delivery_queue where delivery_id = $2 and tenant_id = $1`},
		{`select id from matching_runs where tenant_id = $1 and status = 'done' limit 1`, `update matching_runs set status = status where tenant_id = $1 and id = $2`},
		{`select id from webhook_endpoints where tenant_id = $1 limit 1`, `update webhook_endpoints set status = 'active', failing_since = now() where tenant_id = $1 and id = $2`},
	} {
		var one uuid.UUID
		require.NoError(e.t, w.Super.QueryRow(ctx, q.of, w.Tenant.UUID()).Scan((*[16]byte)(&one)), q.of)
		e.inspect("worker", operation{ID: "triggers"}, "", unbound(w, q.does, w.Tenant.UUID(), one))
	}
	if unheard := e.in.unheard(w); len(unheard) > 0 {
		e.t.Errorf("what triggers never said is not judged: do what makes them say it:\n%s", strings.Join(unheard, "\n"))
	}
}

// key is a foreign key that is looked for from its other end, and how PostgreSQL begins to ask.
type key struct {
	Name, Asks, Child, Employer string
	Columns                     []string
}

// heardBy reports whether a statement looks for the key.
func (k key) heardBy(sql string) bool {
	return strings.Contains(sql, k.Asks) && !slices.ContainsFunc(k.Columns, func(c string) bool { return !strings.Contains(sql, pgx.Identifier{c}.Sanitize()) })
}

var aMove = regexp.MustCompile(` mergeOrganisation update ([a-z_]+) set organisation_id = `)

// moves lets a row of each table that a merge moves go to another employer, by itself: what names it where it was is looked for, among all that
// its employer has. A merge itself looks for it at its end, when all of that has gone too, and what it reads then no plan counts. Judged is the plan with parameters: one that is kept for any
// expects next to nothing of every employer of one tenant among many, and then takes any index.
func (e *ear) moves(w *testkit.World) {
	e.t.Helper()
	ctx := context.Background()
	var all []string
	for said := range e.judged {
		if m := aMove.FindStringSubmatch(said); m != nil {
			all = append(all, m[1])
		}
	}
	rows, err := w.Super.Query(ctx, `select c.relname from pg_class c where c.relnamespace = 'public'::regnamespace and c.relname = any ($1) and exists (select from pg_constraint k
		join pg_attribute a on a.attrelid = c.oid and a.attnum = any (k.confkey) where k.confrelid = c.oid and a.attname = 'organisation_id') order by 1`, all)
	require.NoError(e.t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(e.t, err)
	require.Subset(e.t, tables, []string{"leerplekken", "leervragen", "medewerkers", "sites"}, "what a merge moves was heard")
	for _, table := range tables {
		for _, s := range e.moved(w, table) {
			e.tell("worker", operation{ID: "a row that moves"}, "", s, e.in.best(s, false))
		}
		for _, k := range e.naming(w, table) {
			if !slices.ContainsFunc(keys(e.in.heard), k.heardBy) {
				e.t.Errorf("%s: a row of %s moved and nobody looked for what names it", k.Name, table)
			}
		}
	}
}

// naming are the foreign keys of other tables that name a row of a table with its employer.
func (e *ear) naming(w *testkit.World, table string) []key {
	e.t.Helper()
	rows, err := w.Super.Query(context.Background(), `select conname as name, format('"%s"."%s" x WHERE', n.nspname, c.relname) as asks, c.relname as child,
			(select a.attname from pg_attribute a join pg_attribute b on b.attrelid = k.confrelid and b.attname = 'organisation_id'
				where a.attrelid = k.conrelid and a.attnum = k.conkey[array_position(k.confkey, b.attnum)]) as employer,
			array(select a.attname::text from pg_attribute a where a.attrelid = k.conrelid and a.attnum = any (k.conkey)) as columns
		from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
		where k.contype = 'f' and k.conparentid = 0 and k.confrelid = cast($1 as regclass) and k.conrelid <> k.confrelid and cardinality(k.confkey) > 2`, table)
	require.NoError(e.t, err)
	out, err := pgx.CollectRows(rows, pgx.RowToStructByName[key])
	require.NoError(e.t, err)
	return out
}

// moved adds a row that nothing names to each employer that has most of what may name it, and more than enough, and says how that row goes to another employer. What
// it names itself may wait: it stays behind.
func (e *ear) moved(w *testkit.World, table string) (out []growth.Said) {
	e.t.Helper()
	ctx := context.Background()
	var columns, values string
	var waits *string
	require.NoError(e.t, w.Super.QueryRow(ctx, `select string_agg(quote_ident(attname), ', ' order by attnum), string_agg(case attname when 'id' then '$3' when 'organisation_id' then '$2' else quote_ident(attname) end, ', ' order by attnum),
			(select string_agg(quote_ident(conname), ', ') from pg_constraint where conrelid = $1::text::regclass and contype = 'f' and condeferrable)
		from pg_attribute where attrelid = $1::text::regclass and attnum > 0 and not attisdropped and attgenerated = ''`, table).Scan(&columns, &values, &waits))
	employers := map[uuid.UUID]bool{}
	for _, k := range e.naming(w, table) {
		rows, err := w.Super.Query(ctx, `select `+k.Employer+` from `+k.Child+` where tenant_id = $1 and `+k.Employer+` is not null group by 1 having count(*) > $2 order by count(*) desc limit 1`,
			w.Tenant.UUID(), enough)
		require.NoError(e.t, err)
		of, err := pgx.CollectRows(rows, pgx.RowTo[[16]byte])
		require.NoError(e.t, err)
		for _, one := range of {
			employers[one] = true
		}
	}
	require.NotEmpty(e.t, employers, "%s: no employer has so much that it is seen who reads all of it", table)
	for from := range employers {
		lonely, to := uuid.New(), uuid.UUID{}
		require.NoError(e.t, pgx.BeginFunc(ctx, w.Super, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `set local session_replication_role = replica`); err != nil {
				return err
			}
			tag, err := tx.Exec(ctx, `insert into `+table+` (`+columns+`) select `+values+` from `+table+` where tenant_id = $1 order by organisation_id = $2 desc limit 1`, w.Tenant.UUID(), from, lonely)
			require.EqualValues(e.t, 1, tag.RowsAffected(), table)
			return err
		}), table)
		require.NoError(e.t, w.Super.QueryRow(ctx, `select id from organisations where tenant_id = $1 and id <> $2 limit 1`, w.Tenant.UUID(), from).Scan((*[16]byte)(&to)))
		one := unbound(w, `update `+table+` set organisation_id = $3 where tenant_id = $1 and id = $2`, w.Tenant.UUID(), lonely, to)
		if waits != nil {
			one.Settings = append(one.Settings, growth.Setting{SQL: `set constraints ` + *waits + ` deferred`})
		}
		out = append(out, one)
	}
	return out
}

// unbound is a statement of somebody who sees all of a tenant.
func unbound(w *testkit.World, sql string, args ...any) growth.Said {
	return growth.Said{SQL: sql, Args: args, Settings: []growth.Setting{{Args: []any{w.Tenant.UUID().String(), "tenant", "", ""},
		SQL: `select set_config('app.tenant_id', $1, true), set_config('app.scope', $2, true), set_config('app.organisation_id', $3, true), set_config('app.medewerker_id', $4, true)`}}}
}

var (
	aStatement = regexp.MustCompile(`(?i)\b(insert into|update|delete from|select|perform)\s[^;]*`)
	aTarget    = regexp.MustCompile(`\binto [a-z_]+(, [a-z_]+)* from\b`)
	aComment   = regexp.MustCompile(`--[^\n]*`)
)

// unheard are the statements of triggers that were never explained.
func (p *inspector) unheard(w *testkit.World) (out []string) {
	p.t.Helper()
	rows, err := w.Super.Query(context.Background(), `select distinct p.proname, p.prosrc from pg_trigger t join pg_proc p on p.oid = t.tgfoid
		where not t.tgisinternal and p.pronamespace in ('public'::regnamespace, 'platform'::regnamespace) and p.proname not like 'river\_%'`)
	require.NoError(p.t, err)
	var name, source string
	_, err = pgx.ForEachRow(rows, []any{&name, &source}, func() error {
		for _, one := range aStatement.FindAllString(aComment.ReplaceAllString(source, ""), -1) {
			if sql := strings.TrimPrefix(strings.Join(strings.Fields(one), " "), "perform "); !p.heard[aTarget.ReplaceAllString(sql, "from")] && !p.heard["SELECT "+sql] {
				out = append(out, name+": "+sql)
			}
		}
		return nil
	})
	require.NoError(p.t, err)
	slices.Sort(out)
	return out
}

// catchesTriggers plants a trigger and a foreign key that read a table for each row that is written, and a trigger that nobody sets off.
func (e *ear) catchesTriggers(w *testkit.World) {
	e.t.Helper()
	ctx := context.Background()
	_, err := w.Super.Exec(ctx, `create function platform.planted() returns trigger language plpgsql as $$ declare n integer; begin
			select count(*) into n from leerplekken where tenant_id = new.tenant_id and description = 'nergens';
			if n > 0 then update leerplekken set title = 'gevonden' where tenant_id = new.tenant_id; end if;
			return null; end $$;
		create trigger planted after update on organisation_needs for each row execute function platform.planted()`)
	require.NoError(e.t, err)
	require.Equal(e.t, []string{"planted: select count(*) into n from leerplekken where tenant_id = new.tenant_id and description = 'nergens'",
		"planted: update leerplekken set title = 'gevonden' where tenant_id = new.tenant_id"}, e.in.unheard(w))
	changes := unbound(w, `update organisation_needs set title = title where tenant_id = $1 and id = (select id from organisation_needs where tenant_id = $1 order by id limit 1)`, w.Tenant.UUID())
	_, faults, below := e.in.inspect(changes)
	require.Empty(e.t, faults, "what is said above it is as it should be")
	require.Contains(e.t, below["select count(*) from leerplekken where tenant_id = new.tenant_id and description = 'nergens'"]["leerplekken"], "reads 1")
	require.Equal(e.t, []string{"planted: update leerplekken set title = 'gevonden' where tenant_id = new.tenant_id"}, e.in.unheard(w))
	heard := *e
	heard.found = map[string]string{}
	heard.inspect("tenant", operation{ID: "updateNeed"}, "", changes)
	require.Equal(e.t, []string{"updateNeed leerplekken"}, keys(heard.found))
	_, err = w.Super.Exec(ctx, `drop index leerplekken_tenant_id_site_id_idx`)
	require.NoError(e.t, err)
	const named = `SELECT 1 FROM ONLY "public"."leerplekken" x WHERE`
	caught := false
	for _, s := range e.moved(w, "sites") {
		for sql, faults := range e.in.best(s, false).below {
			require.Contains(e.t, sql, named, "what names a site otherwise is found by the site")
			require.Contains(e.t, faults["leerplekken"], "reads ")
			caught = true
		}
	}
	require.True(e.t, caught, "a foreign key that is found by its employer alone, for a row that moves")
	_, err = w.Super.Exec(ctx, `drop trigger planted on organisation_needs; drop function platform.planted();
		alter table leervragen add planted uuid; alter table leervragen add constraint planted foreign key (tenant_id, planted) references sites (tenant_id, id);
		grant delete on sites to switchboard_app`)
	require.NoError(e.t, err)
	lonely := w.Site(w.Organisation("Zonder iets"), 51, 3.7, true)
	_, _, below = e.in.inspect(unbound(w, `delete from sites where tenant_id = $1 and id = $2`, w.Tenant.UUID(), lonely.UUID()))
	require.Len(e.t, below, 1)
	for sql, faults := range below {
		require.Contains(e.t, sql, `SELECT 1 FROM ONLY "public"."leervragen"`)
		require.Contains(e.t, faults["leervragen"], "reads 1", "a foreign key without an index, looked for from its other end")
	}
}

// catchesAPair plants a list that answers each of its filters at once, and both together only after all rows of one of them.
func (e ear) catchesAPair(w *testkit.World) {
	e.t.Helper()
	run(w, `update surveys set role = case when half then 'leercoach' else 'switcher' end, lang = case when half then 'fr' else 'nl' end
		from (select id as one, hashtext(cast(id as text)) % 2 = 0 as half from surveys where tenant_id = $1) halves where tenant_id = $1 and id = one`)
	_, err := w.Super.Exec(context.Background(), "analyze surveys")
	require.NoError(e.t, err)
	type request struct {
		page.Params
		Role string `form:"role"`
		Lang string `form:"lang"`
	}
	planted := web.Get("/v1/planted", "survey:read", func(_ context.Context, tx *db.Tx, in request) (page.Page[string], error) {
		q := tx.Model(&survey.Survey{})
		for column, value := range map[string]string{"role": in.Role, "lang": in.Lang} {
			if value != "" {
				q = q.Where(map[string]any{column: value})
			}
		}
		return page.List(tx, in.Params, nil, q, func(s survey.Survey) string { return s.ID.String() })
	})
	filters := filtersOf(e.t, []byte(`{"paths": {"/v1/planted": {"get": {"operationId": "listPlanted", "parameters": [{"$ref": "#/components/parameters/Order"},
		{"name": "role", "in": "query", "schema": {"enum": ["leercoach", "switcher"]}}, {"name": "lang", "in": "query", "schema": {"items": {"enum": ["fr", "nl"]}}}]}}},
		"components": {"parameters": {"Order": {"name": "sort", "in": "query", "schema": {"enum": ["created_at", "-created_at"]}}}}}`), nil)["listPlanted"]
	require.Equal(e.t, []filter{{"sort", []string{"created_at", "-created_at"}}, {"role", []string{"leercoach", "switcher"}}, {"lang", []string{"fr", "nl"}}}, filters)
	queries := variants(filters, func(string) bool { return true })
	require.Len(e.t, queries, 1+2+2+2+4+4+4)
	require.Equal(e.t, []string{"?sort=created_at&role=leercoach", "?role=leercoach&lang=fr"}, []string{queries[7], queries[15]})
	e.door, e.judged, e.found = doors(e.t, w.House, []web.Route{planted}, asItIs), map[string]bool{}, map[string]string{}
	done, token := map[string]int{}, w.Admin().Token
	ask := func(queries []string) {
		e.asks("tenant", token, operation{ID: "listPlanted", Method: http.MethodGet, Path: "/v1/planted"}, "/v1/planted", queries, done, map[string]string{})
	}
	ask(queries[:15])
	require.Empty(e.t, e.found, "each alone, and in either order")
	require.Equal(e.t, []int{6, 6}, []int{done["listPlanted?role"], done["listPlanted?lang"]}, "two values, by themselves and in two orders")
	ask(queries[15:])
	require.Equal(e.t, []string{"listPlanted?lang&role surveys"}, keys(e.found))
	require.Contains(e.t, e.found["listPlanted?lang&role surveys"], "filtered")
	require.Empty(e.t, variants(filters, func(string) bool { return false })[7:], "what has no answer by itself")
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
	const learned = "select * from (select 1 union all select 2) both_kinds order by at desc"
	require.Equal(t, "matching index matches", excuse("acceptMatch", "", "matches", "receiving employer", learned, reads), "what is learned beside it")
	require.Contains(t, excuse("acceptMatch", "", "matches", "receiving employer", learned, "reads the table from end to end"), "acceptMatch")
	require.Empty(t, costly[excuse("acceptMatch", "", "sites", "receiving employer", learned, reads)], "nothing is learned from these")
	const sync = `SELECT * FROM "surveys" WHERE role in ($1) AND ((pos, id) > ((select greatest($2 ORDER BY pos, id LIMIT 26`
	synced := func(query, table, sql, fault string) bool {
		return costly[excuse("listSurveys", query, table, "tenant", sql, fault)] != ""
	}
	require.True(t, synced("?updated_since=2026&role=switcher", "surveys", sync, reads), "the control")
	require.True(t, synced("?updated_since=2026&organisation_id=org&role=switcher&cursor=x", "surveys", sync, reads), "the control")
	require.False(t, synced("?updated_since=2026", "surveys", sync, reads), "a sync of all there is begins behind a checkpoint")
	require.False(t, synced("?updated_since=2026&organisation_id=org&limit=100", "surveys", sync, reads), "a sync of an employer has its index")
	require.False(t, synced("?updated_since=2026&role=switcher", "surveys", "SELECT * FROM surveys", reads), "another statement")
	require.False(t, synced("?updated_since=2026&role=switcher", "match_notes", sync, reads), "another table than the one that is followed")
	const joined = `SELECT m.* FROM matches AS m left join match_notes n on n.match_id = m.id WHERE status in ($1) AND ((pos, id) > ((select greatest($2 ORDER BY pos, id LIMIT 26`
	require.True(t, synced("?updated_since=2026&status=draft", "matches", joined, reads), "the control, without quotes")
	require.False(t, synced("?updated_since=2026&status=draft", "match_notes", joined, reads), "a table that is joined to it")
	require.False(t, synced("?updated_since=2026&status=draft", "match", joined, reads), "the beginning of its name")
	require.False(t, synced("?updated_since=2026&role=switcher", "surveys", sync, "reads the table from end to end"))
	for at, why := range costly {
		require.NotNil(t, narrow[why], "%s: which statement is it?", at)
	}
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
