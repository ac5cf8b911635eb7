package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"go/ast"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/switchingtalent/switchboard/api"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// attribute is one thing that the guide says of an entity: built, or said to come later. See docs/attributes.yaml.
type attribute struct {
	Dutch, Column, Computed, Apart, Member, Test, Later, Why string
}

type entity struct {
	Entity, Noun string
	Attributes   []attribute
}

// built is what the attributes are held to.
type built struct {
	columns  map[string]bool     // table.column of the migrated database
	members  map[string]bool     // Schema.member of the API document → whether it has an example
	tests    map[string][]string // name → what it mentions
	glossary map[string]string   // Schema.member → the guide's words
	nouns    map[string]bool
}

func attributes(t *testing.T, text []byte) []entity {
	t.Helper()
	var out []entity
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	require.NoError(t, d.Decode(&out))
	return out
}

// judge says what is wrong with the table of attributes.
func (b built) judge(table []entity) findings {
	bad, seen, told := findings{}, map[string]bool{}, map[string]bool{}
	for _, e := range table {
		bad.add(!seen[e.Entity], "%s stands twice", e.Entity)
		seen[e.Entity] = true
		bad.add(len(e.Attributes) > 0, "%s has no attributes", e.Entity)
		bad.add(e.Noun == "" || b.nouns[e.Noun], "%s: there is no noun %s", e.Entity, e.Noun)
		of := map[string]bool{}
		for _, a := range e.Attributes {
			at := e.Entity + ", " + a.Dutch
			bad.add(a.Dutch != "" && !of[a.Dutch], "%s: without words of the guide, or twice", at)
			of[a.Dutch] = true
			if a.Later != "" {
				bad.add(a.Why != "", "%s: says no why", at)
				bad.add(a == attribute{Dutch: a.Dutch, Later: a.Later, Why: a.Why}, "%s: is built, or comes later", at)
				continue
			}
			told[a.Member] = true
			b.judgeBuilt(bad, at, a)
		}
	}
	for member := range b.glossary {
		bad.add(told[member], "the glossary's %s is no attribute of the table", member)
	}
	return bad
}

func (b built) judgeBuilt(bad findings, at string, a attribute) {
	_, name, _ := strings.Cut(a.Member, ".")
	example, known := b.members[a.Member]
	bad.add(known, "%s: there is no member %q in the API document", at, a.Member)
	bad.add(!known || example, "%s: %s has no example", at, a.Member)
	bad.add((a.Column == "") != (a.Computed == ""), "%s: needs a column, or what it is computed from", at)
	if a.Column != "" {
		bad.add(b.columns[a.Column], "%s: there is no column %s", at, a.Column)
		_, column, _ := strings.Cut(a.Column, ".")
		bad.add((column == name) == (a.Apart == ""), "%s: a column and a member have one name, or it says why not", at)
	}
	words, told := b.glossary[a.Member]
	bad.add(told, "%s: %s stands not in the glossary", at, a.Member)
	bad.add(!told || slices.Contains(strings.Split(words, "; "), a.Dutch), "%s: the glossary calls %s otherwise: %s", at, a.Member, words)
	mentions, known := b.tests[a.Test]
	bad.add(known, "%s: there is no test %q", at, a.Test)
	word := regexp.MustCompile(`\b` + regexp.QuoteMeta(name) + `\b`)
	bad.add(!known || slices.ContainsFunc(mentions, word.MatchString), "%s: %s does not mention %s", at, a.Test, name)
}

// whatIsBuilt reads the database, the API document, the glossary and the tests.
func whatIsBuilt(t *testing.T) built {
	t.Helper()
	b := built{columns: map[string]bool{}, members: map[string]bool{}, tests: map[string][]string{}, glossary: map[string]string{}, nouns: map[string]bool{}}
	rows, err := testkit.New(t).Super.Query(context.Background(), `select table_name || '.' || column_name from information_schema.columns where table_schema = 'public'`)
	require.NoError(t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	for _, n := range names {
		b.columns[n] = true
	}

	var doc struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]any
				Examples   []any
			}
		}
	}
	require.NoError(t, json.Unmarshal(api.OpenAPI, &doc))
	for name, s := range doc.Components.Schemas {
		for p := range s.Properties {
			b.members[name+"."+p] = slices.ContainsFunc(s.Examples, func(e any) bool {
				members, _ := e.(map[string]any)
				_, ok := members[p]
				return ok
			})
		}
	}

	text, err := os.ReadFile(root + "/docs/glossary.md")
	require.NoError(t, err)
	_, section, ok := strings.Cut(string(text), "\n## Attributes\n")
	require.True(t, ok, "the glossary has a section Attributes")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, m := range regexp.MustCompile(`(?m)^\| ([A-Z]\w*\.\w+) \| (.+?) \|`).FindAllStringSubmatch(section, -1) {
		require.NotContains(t, b.glossary, m[1], "the glossary names an attribute once")
		b.glossary[m[1]] = m[2]
	}

	declared := map[string]map[string]ast.Node{} // room → what its tests declare by the name
	for _, s := range sources(t) {
		if noun := nounOf(s.dir); noun != "" {
			b.nouns[noun] = true
		}
		if !s.test {
			continue
		}
		if declared[s.dir] == nil {
			declared[s.dir] = map[string]ast.Node{}
		}
		for _, d := range s.tree.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range g.Specs {
				if v, ok := spec.(*ast.ValueSpec); ok {
					for _, n := range v.Names {
						declared[s.dir][n.Name] = v
					}
				}
			}
		}
	}
	for _, s := range sources(t) {
		for _, d := range s.tree.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && s.test && strings.HasPrefix(f.Name.Name, "Test") {
				b.tests[f.Name.Name] = append(b.tests[f.Name.Name], mentions(f, declared[s.dir])...)
			}
		}
	}
	return b
}

// mentions are the strings of a test, and of the constants and variables of its room that it uses.
func mentions(n ast.Node, declared map[string]ast.Node) (out []string) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.BasicLit:
			if s, err := strconv.Unquote(x.Value); err == nil {
				out = append(out, s)
			}
		case *ast.Ident:
			if d := declared[x.Name]; d != nil {
				out = append(out, mentions(d, nil)...)
			}
		}
		return true
	})
	return out
}

func TestAttributes_EachIsBuiltOrSaysWhenItComes(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(root + "/docs/attributes.yaml")
	require.NoError(t, err)
	table := attributes(t, text)
	whatIsBuilt(t).judge(table).none(t, "docs/attributes.yaml, the database, the API document, the glossary and the tests agree")

	research, err := os.ReadFile(root + "/../shared/research/domain.md")
	if errors.Is(err, fs.ErrNotExist) {
		t.Log("NOT CHECKED: the research that the table was made from is not beside this repository, so a row of it may be missing here")
		return
	}
	require.NoError(t, err)
	_, section, ok := strings.Cut(string(research), "\n## A.2 ")
	require.True(t, ok)
	section, _, _ = strings.Cut(section, "\n## ")
	rows := regexp.MustCompile(`(?m)^\| \*\*(.+?)\*\*`).FindAllStringSubmatch(section, -1)
	require.NotEmpty(t, rows)
	for _, m := range rows {
		require.True(t, slices.ContainsFunc(table, func(e entity) bool { return e.Entity == m[1] }), "%s is missing", m[1])
	}
}

func TestAttributes_ThePlantedFaultsAreCaught(t *testing.T) {
	t.Parallel()
	b := whatIsBuilt(t)
	good := attribute{Dutch: "grootte", Column: "organisations.headcount", Member: "Organisation.headcount", Test: "TestOrganisation_IsMadeReadAndChanged"}
	b.glossary = map[string]string{good.Member: "grootte; omvang", "Organisation.sector": "sector"}
	fault := func(change func(*attribute)) findings {
		a := good
		change(&a)
		rest := attribute{Dutch: "sector", Column: "organisations.sector", Member: "Organisation.sector", Test: "TestOrganisation_RefusesWhatIsWrong"}
		return b.judge([]entity{{Entity: "Werkgever", Noun: "organisation", Attributes: []attribute{a, rest}}})
	}
	fault(func(*attribute) {}).none(t, "the control")
	for name, f := range map[string]func(*attribute){
		"no such column":                   func(a *attribute) { a.Column = "organisations.size" },
		"a column of another name":         func(a *attribute) { a.Column = "organisations.sector" },
		"no column":                        func(a *attribute) { a.Column = "" },
		"no such member":                   func(a *attribute) { a.Member = "Organisation.size" },
		"no such test":                     func(a *attribute) { a.Test = "TestOrganisation_IsNotThere" },
		"a test that does not speak of it": func(a *attribute) { a.Test = "TestMedewerker_NeverChangesEmployer" },
		"other words in the glossary":      func(a *attribute) { a.Dutch = "gewicht" },
		"both built and later":             func(a *attribute) { a.Later, a.Why = "one day", "because" },
		"later without a reason":           func(a *attribute) { *a = attribute{Dutch: "grootte", Later: "one day"} },
	} {
		require.NotEmpty(t, fault(f), name)
	}
	b.members[good.Member] = false
	require.NotEmpty(t, fault(func(*attribute) {}), "a member without an example")
	b.members[good.Member] = true
	delete(b.glossary, good.Member)
	require.NotEmpty(t, fault(func(*attribute) {}), "an attribute that the glossary does not know")
	b.glossary[good.Member], b.glossary["Organisation.kind"] = "grootte", "soort"
	require.NotEmpty(t, fault(func(*attribute) {}), "a word of the glossary that is no attribute")
	require.NotEmpty(t, b.judge([]entity{{Entity: "Werkgever", Noun: "employer", Attributes: []attribute{good}}}), "no such noun")
}
