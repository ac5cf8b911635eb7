package app_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// processing is what people say of the processing of personal data: see docs/processing.yaml.
type processing struct {
	Classes map[string]struct {
		Dutch, What, Protection string
	}
	Roles      []string
	Beside     []string
	Recipients map[string]string
	Activities []processingActivity
}

// processingActivity is one activity of processing (GDPR art. 30.1 and 30.2).
type processingActivity struct {
	Name, Dutch, Purpose, Basis, Kept string
	Tables, Columns                   []string // Columns are those that it has in every table
	Subjects, Recipients, Tests       []string
	Data                              map[string]string // class → what for
}

// personalColumn is a column that holds personal data, of one class: one that holds several is there as often.
type personalColumn struct{ Table, Column, Class string }

// personalColumns are those of the migrated database. Partitions hold what their table says; platform.row is the pattern of
// others and holds nothing.
const personalColumns = `select c.oid::regclass::text as table, attname::text as column, regexp_split_to_table(substring(col_description(c.oid, attnum) from '^pii: (.*)$'), ' ') as class
	from pg_attribute a join pg_class c on c.oid = a.attrelid
	where c.relkind in ('r', 'p') and not c.relispartition and attnum > 0 and not attisdropped and c.oid <> 'platform.row'::regclass
	and c.relnamespace in ('public'::regnamespace, 'platform'::regnamespace, 'reference'::regnamespace) and col_description(c.oid, attnum) ~ '^pii: ' and col_description(c.oid, attnum) <> 'pii: none'
	order by 1, attnum, 3`

func personalColumnsOf(t *testing.T, q queryer) []personalColumn {
	t.Helper()
	rows, err := q.Query(context.Background(), personalColumns)
	require.NoError(t, err)
	out, err := pgx.CollectRows(rows, pgx.RowToStructByPos[personalColumn])
	require.NoError(t, err)
	return out
}

// activityOf finds the activity of a column by its name in every table or else by its table; -1 where there is none.
func (p processing) activityOf(c personalColumn) int {
	if i := slices.IndexFunc(p.Activities, func(a processingActivity) bool { return slices.Contains(a.Columns, c.Column) }); i >= 0 {
		return i
	}
	return slices.IndexFunc(p.Activities, func(a processingActivity) bool { return slices.Contains(a.Tables, c.Table) })
}

// unexplainedData is what is wrong between what people say and what the database holds.
func unexplainedData(p processing, columns []personalColumn, page string, tests map[string][]string) findings {
	bad := findings{}
	used, needed := map[string]bool{}, map[string]bool{}
	for _, c := range columns {
		used[c.Class], used[c.Table] = true, true
		_, ok := p.Classes[c.Class]
		bad.add(ok, "%s.%s has the class %s, which docs/processing.yaml does not explain", c.Table, c.Column, c.Class)
		i := p.activityOf(c)
		if i < 0 {
			bad.add(false, "%s.%s (%s) belongs to no activity of docs/processing.yaml: why is it kept, of whom, for how long?", c.Table, c.Column, c.Class)
			continue
		}
		a := p.Activities[i]
		bad.add(a.Data[c.Class] != "", "%s.%s: %q of docs/processing.yaml does not say what it needs the class %s for", c.Table, c.Column, a.Name, c.Class)
		needed[a.Name+" "+c.Class] = true
	}
	for name, c := range p.Classes {
		bad.add(used[name], "no column has the class %s", name)
		bad.add(c.Dutch != "" && c.What != "" && c.Protection != "", "the class %s is not wholly explained", name)
	}
	seen := map[string]bool{}
	for _, a := range p.Activities {
		for _, x := range []string{a.Name, a.Dutch, a.Purpose, a.Basis, a.Kept, strings.Join(a.Subjects, ""), strings.Join(a.Recipients, "")} {
			bad.add(x != "", "%q lacks a purpose, a basis, people, recipients or how long it is kept", a.Name)
		}
		for _, r := range a.Recipients {
			bad.add(p.Recipients[r] != "", "%q has recipients that nobody explains: %s", a.Name, r)
		}
		for _, table := range a.Tables {
			bad.add(used[table], "%q: %s holds no personal data", a.Name, table)
			bad.add(!seen[table], "%s belongs to two activities", table)
			seen[table] = true
		}
		for class := range a.Data {
			bad.add(needed[a.Name+" "+class], "%q needs no %s", a.Name, class)
		}
		for _, ref := range a.Tests {
			wrong := danglingTest(ref, tests)
			bad.add(wrong == "", "%q: %s", a.Name, wrong)
		}
		_, risk, left := strings.Cut(a.Kept, "(R")
		risk, _, _ = strings.Cut(risk, ")")
		bad.add(len(a.Tests) > 0 || left, "%q: no test holds how long it is kept, and no risk of docs/security.md says that nothing does", a.Name)
		bad.add(!left || strings.Contains(page, "| R"+risk+" |"), "%q: docs/security.md has no R%s", a.Name, risk)
	}
	return bad
}

// processingRegister writes the processing register.
func processingRegister(p processing, columns []personalColumn) string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("<!-- Made by go test ./internal/app -run ProcessingRegister -update, from the database and docs/processing.yaml. Do not edit. -->")
	say("# Processing register\n")
	say("The register of processing activities (register van de verwerkingsactiviteiten, GDPR art. 30) as the program fills it: which")
	say("personal data it keeps, in which columns, why, of whom, for whom and for how long. A controller completes it with its own name,")
	say("contacts and data protection officer, and decides where it says so. Nothing is sent outside the European Economic Area by the")
	say("program; where it runs, and where receivers of webhooks are, a controller decides. How it is secured (art. 32) is in")
	say("[security](security.md); R… is a row of what is left there.\n")
	say("## Who decides (verwerkingsrollen)\n")
	for _, r := range p.Roles {
		say("- %s", r)
	}
	say("\nThe ST-partner also fills in for itself: its name and contacts, the version of the processing agreement")
	say("(verwerkersovereenkomst), and the list of sub-processors (subverwerkers).\n")
	say("## Classes of data (categorieën van persoonsgegevens)\n")
	say("Every column of the database says its class. National numbers (rijksregisternummer, INSZ) are refused wherever an id of another")
	say("system is taken; no column is meant for data of the special categories of art. 9.\n")
	say("| class | in Dutch | what it is | how it is protected |\n|---|---|---|---|")
	for _, name := range slices.Sorted(maps.Keys(p.Classes)) {
		c := p.Classes[name]
		say("| %s | %s | %s | %s |", name, c.Dutch, c.What, c.Protection)
	}
	say("\n## Activities (verwerkingsactiviteiten)")
	for i, a := range p.Activities {
		say("\n### %d. %s\n", i+1, a.Name)
		say("*%s*\n", a.Dutch)
		say("| | |\n|---|---|")
		say("| purpose (doel) | %s |", a.Purpose)
		say("| legal basis (rechtsgrond) | %s |", a.Basis)
		say("| whose data (betrokkenen) | %s |", strings.Join(a.Subjects, "; "))
		var to []string
		for _, r := range a.Recipients {
			to = append(to, p.Recipients[r])
		}
		say("| recipients (ontvangers) | %s |", strings.Join(to, "; "))
		kept := a.Kept
		if len(a.Tests) > 0 {
			kept += ". Held by `" + strings.Join(a.Tests, "`, `") + "`"
		}
		say("| kept (bewaartermijn) | %s |\n", kept)
		say("| class | what for | where |\n|---|---|---|")
		for _, class := range slices.Sorted(maps.Keys(a.Data)) {
			at := map[string][]string{}
			for _, c := range columns {
				if c.Class != class || p.activityOf(c) != i {
					continue
				}
				if slices.Contains(a.Columns, c.Column) {
					at["every row"] = slices.Compact(slices.Sorted(slices.Values(append(at["every row"], c.Column))))
				} else {
					at[c.Table] = append(at[c.Table], c.Column)
				}
			}
			var where []string
			for _, table := range slices.Sorted(maps.Keys(at)) {
				where = append(where, "`"+table+"`: "+strings.Join(at[table], ", "))
			}
			say("| %s | %s | %s |", class, a.Data[class], strings.ReplaceAll(strings.Join(where, "; "), "`every row`", "every row"))
		}
	}
	say("\n## Beside the database\n")
	for _, x := range p.Beside {
		say("- %s", x)
	}
	return b.String()
}

func readProcessing(t *testing.T) processing {
	t.Helper()
	f, err := os.Open(filepath.Join(root, "docs/processing.yaml"))
	require.NoError(t, err)
	defer f.Close()
	var p processing
	d := yaml.NewDecoder(f)
	d.KnownFields(true)
	require.NoError(t, d.Decode(&p))
	return p
}

func TestProcessingRegister_IsWhatTheDatabaseSays(t *testing.T) {
	t.Parallel()
	p, columns := readProcessing(t), personalColumnsOf(t, testkit.NewDatabase(t).Super)
	unexplainedData(p, columns, securityPage(t), knownTests(sources(t))).none(t, "docs/processing.yaml explains why the database holds what it holds")
	file := filepath.Join(root, "docs/processing-register.md")
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(processingRegister(p, columns)), 0o644))
	}
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, processingRegister(p, columns), string(got), "docs/processing-register.md is old: go test ./internal/app -run ProcessingRegister -update")
}

// Each fault is planted in the database, in a transaction that is rolled back, or in what people say.
func TestProcessingRegister_TheGateBites(t *testing.T) {
	t.Parallel()
	ctx, d, page, tests := context.Background(), testkit.NewDatabase(t), securityPage(t), knownTests(sources(t))
	for plant, want := range map[string]string{
		`alter table sites add planted text; call platform.pii('sites', 'contact', 'planted')`:        "sites.planted (contact) belongs to no activity",
		`create table planted (name text); call platform.pii('planted', 'identity', 'name')`:          "planted.name (identity) belongs to no activity",
		`alter table contacts add planted text; call platform.pii('contacts', 'location', 'planted')`: `contacts.planted: "People to speak to" of docs/processing.yaml does not say what it needs the class location for`,
		`alter table contacts add planted text; comment on column contacts.planted is 'pii: health'`:  "contacts.planted has the class health, which docs/processing.yaml does not explain",
		`call platform.pii('sites', 'pseudonym contact', 'name')`:                                     "sites.name (contact) belongs to no activity",
		`call platform.pii('suggestion_dismissals', 'none', 'switcher_id dismissed_by reason')`:       `"Matching": suggestion_dismissals holds no personal data`,
		`call platform.pii('medewerkers', 'none', 'home_postcode work_postcode max_travel_km needs_public_transport'); call platform.pii('match_reasons', 'none', 'reasons');
			call platform.pii('matching_run_places', 'none', 'detail'); call platform.pii('matching_run_problems', 'none', 'packed'); call platform.pii('matching_runs', 'none', 'summary'); call platform.pii('audit', 'none', 'details')`: "no column has the class location",
		`call platform.pii('leeruitwisseling_notes', 'none', 'text'); call platform.pii('leeruitwisseling_reflections', 'none', 'text link')`: `"Exchanges" needs no opinion`,
	} {
		func() {
			tx, err := d.Super.Begin(ctx)
			require.NoError(t, err)
			defer func() { require.NoError(t, tx.Rollback(ctx)) }()
			_, err = tx.Exec(ctx, plant)
			require.NoError(t, err, plant)
			p, columns := readProcessing(t), personalColumnsOf(t, tx)
			require.Contains(t, strings.Join(findingsOf(unexplainedData(p, columns, page, tests)), "\n"), want, plant)
		}()
	}
	columns := personalColumnsOf(t, d.Super)
	for want, fault := range map[string]func(*processing){
		"lacks a purpose":                          func(p *processing) { p.Activities[0].Purpose = "" },
		"belongs to two activities":                func(p *processing) { p.Activities[1].Tables = append(p.Activities[1].Tables, "medewerkers") },
		"TestForget_Everything is no test":         func(p *processing) { p.Activities[0].Tests = []string{"TestForget_Everything"} },
		"no test holds how long it is kept":        func(p *processing) { p.Activities[0].Kept = "for a while" },
		"docs/security.md has no R99":              func(p *processing) { p.Activities[0].Kept = "for a while (R99)" },
		"has recipients that nobody explains: all": func(p *processing) { p.Activities[0].Recipients = []string{"all"} },
	} {
		p := readProcessing(t)
		fault(&p)
		require.Contains(t, strings.Join(findingsOf(unexplainedData(p, columns, page, tests)), "\n"), want)
	}
}
