package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"go/ast"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
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
	Dutch, Column, Computed, Apart, Member, Test, In, Later, Why string
}

type entity struct {
	Entity, Noun string
	Attributes   []attribute
}

// built is what the attributes are held to.
type built struct {
	columns  map[string]bool        // table.column of the migrated database
	members  map[string]bool        // Schema.member of the API document → whether it has an example
	tests    map[string][]testimony // name → what it mentions, and where it stands
	paths    map[string][]string    // schema → the parts of paths that answer it, or take it
	glossary map[string]string      // Schema.member → the guide's words
	nouns    map[string]bool
	coming   map[string][]string // what the glossary says comes later → what will hold it: packages, tables, columns
	demanded map[string]bool     // schemas that operations of a noun answer or take
}

// testimony is what a test says.
type testimony struct {
	dir      string
	mentions []string
}

// about reports whether a test speaks of a member as of what is sent or answered: as a member of JSON, or on the way to one. A pointer in a
// refusal ("/name") says nothing of what the member holds. That what is sent is answered, and read, as it was sent is not for this test to say:
// the fuzzer proves it of every member of every request (fuzz.Lost).
func (m testimony) about(name string) bool {
	inJSON := regexp.MustCompile(`"` + regexp.QuoteMeta(name) + `"\s*:`)
	onTheWay := regexp.MustCompile(`^([a-z0-9_]+\.)*` + regexp.QuoteMeta(name) + `(\.[a-z0-9_]+)*$`)
	return slices.ContainsFunc(m.mentions, func(s string) bool { return inJSON.MatchString(s) || onTheWay.MatchString(s) })
}

// at reports whether a test calls one of these paths.
func (m testimony) at(parts []string) bool {
	return slices.ContainsFunc(parts, func(part string) bool {
		return slices.ContainsFunc(m.mentions, func(s string) bool { return strings.Contains(s, "/"+part) })
	})
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
	bad, seen, told, waited := findings{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
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
				brings, named := b.coming[a.Later]
				bad.add(named, "%s: the glossary names no %q among what comes later", at, a.Later)
				for _, place := range brings {
					bad.add(!b.stands(place), "%s: waits for %q, and %s is there", at, a.Later, place)
				}
				waited[a.Later] = true
				bad.add(a == attribute{Dutch: a.Dutch, Later: a.Later, Why: a.Why}, "%s: is built, or comes later", at)
				continue
			}
			told[a.Member] = true
			b.judgeBuilt(bad, at, e.Noun, a)
		}
	}
	for capability, brings := range b.coming {
		bad.add(len(brings) > 0, "nobody would notice that the glossary's %q is there: nothing will hold it", capability)
		bad.add(waited[capability], "nothing waits for the glossary's %q", capability)
	}
	for member := range b.glossary {
		bad.add(told[member], "the glossary's %s is no attribute of the table", member)
	}
	return bad
}

// stands reports whether there is a package of a noun, a table, or a column of this name.
func (b built) stands(place string) bool {
	if b.nouns[place] || b.columns[place] {
		return true
	}
	for column := range b.columns {
		if strings.HasPrefix(column, place+".") {
			return true
		}
	}
	return false
}

func (b built) judgeBuilt(bad findings, at, noun string, a attribute) {
	schema, name, _ := strings.Cut(a.Member, ".")
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
	tests, known := b.tests[a.Test]
	bad.add(known, "%s: there is no test %q", at, a.Test)
	if !known {
		return
	}
	paths := b.paths[schema]
	bad.add(slices.ContainsFunc(tests, func(x testimony) bool {
		return slices.Contains([]string{"internal/" + noun, "internal/journey", "internal/" + a.In}, x.dir)
	}), "%s: %s is no test of internal/%s, nor of a journey", at, a.Test, noun)
	bad.add(slices.ContainsFunc(tests, func(x testimony) bool { return x.about(name) }), "%s: %s neither sends nor reads %s", at, a.Test, name)
	bad.add(len(paths) == 0 || slices.ContainsFunc(tests, func(x testimony) bool { return x.at(paths) }), "%s: %s calls nothing that answers a %s: %v", at, a.Test, schema, paths)
}

// whatIsBuilt reads the database, the API document, the glossary and the tests.
func whatIsBuilt(t *testing.T) built {
	t.Helper()
	b := built{columns: map[string]bool{}, members: map[string]bool{}, tests: map[string][]testimony{}, paths: map[string][]string{}, glossary: map[string]string{}, nouns: map[string]bool{}, coming: map[string][]string{}}
	rows, err := testkit.New(t).Super.Query(context.Background(), `select table_name || '.' || column_name from information_schema.columns where table_schema = 'public'`)
	require.NoError(t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	for _, n := range names {
		b.columns[n] = true
	}

	var doc struct {
		Paths      map[string]json.RawMessage
		Components struct {
			Schemas map[string]struct {
				Properties map[string]any
				Examples   []any
			}
		}
	}
	require.NoError(t, json.Unmarshal(api.OpenAPI, &doc))
	variable := regexp.MustCompile(`/\{[a-z_]+\}$`)
	for path, item := range doc.Paths {
		for variable.MatchString(path) {
			path = variable.ReplaceAllString(path, "")
		}
		part := path[strings.LastIndex(path, "/")+1:]
		for _, m := range regexp.MustCompile(`"#/components/schemas/(\w+?)(Page)?"`).FindAllStringSubmatch(string(item), -1) {
			if !slices.Contains(b.paths[m[1]], part) {
				b.paths[m[1]] = append(b.paths[m[1]], part)
			}
		}
	}
	for name, s := range doc.Components.Schemas {
		for p := range s.Properties {
			b.members[name+"."+p] = slices.ContainsFunc(s.Examples, func(e any) bool {
				members, _ := e.(map[string]any)
				_, ok := members[p]
				return ok
			})
		}
	}

	b.demanded = demanded(t, api.OpenAPI)

	text, err := os.ReadFile(root + "/docs/glossary.md")
	require.NoError(t, err)
	_, later, ok := strings.Cut(string(text), "\n## What comes later\n")
	require.True(t, ok, "the glossary has a section What comes later")
	later, _, _ = strings.Cut(later, "\n## ")
	for _, m := range regexp.MustCompile(`(?m)^\| ([^|]+?) \| ([^|]+?) \| [^|]+ \|$`).FindAllStringSubmatch(later, -1) {
		b.coming[m[1]] = strings.Split(m[2], ", ")
	}
	delete(b.coming, "capability")
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
			if f, ok := d.(*ast.FuncDecl); ok && !strings.HasPrefix(f.Name.Name, "Test") { // what helps tests
				declared[s.dir][f.Name.Name] = f
			}
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
				b.tests[f.Name.Name] = append(b.tests[f.Name.Name], testimony{s.dir, mentions(f, declared[s.dir])})
			}
		}
	}
	return b
}

// mentions are the strings of a test, and of the constants, variables and helpers of its room that it uses.
func mentions(test ast.Node, declared map[string]ast.Node) (out []string) {
	seen := map[string]bool{}
	var read func(n ast.Node) bool
	read = func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.BasicLit:
			if s, err := strconv.Unquote(x.Value); err == nil {
				out = append(out, s)
			}
		case *ast.Ident:
			if d := declared[x.Name]; d != nil && !seen[x.Name] {
				seen[x.Name] = true
				ast.Inspect(d, read)
			}
		}
		return true
	}
	ast.Inspect(test, read)
	return out
}

func TestAttributes_EachIsBuiltOrSaysWhenItComes(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(root + "/docs/attributes.yaml")
	require.NoError(t, err)
	table := attributes(t, text)
	whatIsBuilt(t).judge(table).none(t, "docs/attributes.yaml, the database, the API document, the glossary and the tests agree")
}

// phrase is one thing that the guide says of an entity, and the attributes that hold it.
type phrase struct {
	entity, says string
	held         []string
}

// inventory reads testdata/a2.txt.
func inventory(text string) (out []phrase) {
	entity := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "## "); ok {
			entity = name
		} else if line != "" && !strings.HasPrefix(line, "#") {
			says, held, _ := strings.Cut(line, " => ")
			out = append(out, phrase{entity, says, strings.Split(held, " + ")})
		}
	}
	return out
}

// unheld says which phrases no attribute of their entity holds.
func unheld(all []phrase, table []entity) findings {
	bad, known := findings{}, map[string]bool{}
	for _, e := range table {
		for _, a := range e.Attributes {
			known[e.Entity+"|"+a.Dutch] = true
		}
	}
	for _, p := range all {
		for _, h := range p.held {
			bad.add(known[p.entity+"|"+h], "%s, %s: there is no attribute %q", p.entity, p.says, h)
		}
	}
	return bad
}

func TestAttributes_EveryPhraseOfTheInventoryIsHeld(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(root + "/docs/attributes.yaml")
	require.NoError(t, err)
	table := attributes(t, text)
	text, err = os.ReadFile(filepath.Join("testdata", "a2.txt"))
	require.NoError(t, err)
	all := inventory(string(text))
	require.Greater(t, len(all), 100)
	unheld(all, table).none(t, "testdata/a2.txt and docs/attributes.yaml agree")

	lost := slices.Clone(table)
	for i, e := range lost {
		if e.Entity == "Match" {
			lost[i].Attributes = slices.DeleteFunc(slices.Clone(e.Attributes), func(a attribute) bool { return a.Dutch == "status" })
		}
	}
	require.Len(t, unheld(all, lost), 1, "an attribute that went away is missed")
	require.Len(t, unheld(append(all, phrase{"Match", "kleur", []string{""}}), table), 1, "and so is a phrase that nothing holds")

	// Where the research itself is at hand, its inventory says no more than this.
	folder := os.Getenv("SWITCHBOARD_SHARED")
	if folder == "" {
		folder = root + "/../shared"
	}
	research, err := os.ReadFile(folder + "/research/domain.md")
	if errors.Is(err, fs.ErrNotExist) {
		t.Log("NOT COMPARED with the research, which is not at hand")
		return
	}
	require.NoError(t, err)
	_, section, ok := strings.Cut(string(research), "\n## A.2 ")
	require.True(t, ok)
	section, _, _ = strings.Cut(section, "\n## ")
	var want []string
	for _, m := range regexp.MustCompile(`(?m)^\| \*\*(.+?)\*\*.*? \| (.+?) \| [^|]*\|$`).FindAllStringSubmatch(section, -1) {
		for says := range strings.SplitSeq(m[2], ";") {
			want = append(want, m[1]+": "+strings.TrimSpace(says))
		}
	}
	var got []string
	for _, p := range all {
		got = append(got, p.entity+": "+p.says)
	}
	require.Equal(t, want, got)
}

// machinery are the tags whose operations have no words of the method; any other, and any new one, has.
var machinery = map[string]string{
	"access":   "clients and tokens are words of OAuth 2.0 (RFC 6749)",
	"tenant":   "the settings of an ST-partner in this software",
	"event":    "the feed tells what the nouns say; each type has a page of its own (docs/events)",
	"webhook":  "deliveries are words of Standard Webhooks; docs/webhooks.md tells them",
	"matching": "how suggestions and runs are reckoned; docs/matching.md tells it",
}

// nameless are schemas that hold no members of a noun.
var nameless = map[string]string{
	"Problem":          "RFC 9457",
	"ProblemError":     "a member of a problem: RFC 9457",
	"SubmitSurveyForm": "its members are the ids of the questions",
}

// demanded are the schemas that operations under the tag of a noun answer or take, and those within them, but for pages of a list.
func demanded(t *testing.T, text []byte) map[string]bool {
	t.Helper()
	var doc struct {
		Paths      map[string]map[string]json.RawMessage
		Components struct {
			Schemas map[string]json.RawMessage
		}
	}
	require.NoError(t, json.Unmarshal(text, &doc))
	out := map[string]bool{}
	reference := regexp.MustCompile(`"#/components/schemas/(\w+)"`)
	var reach func(raw json.RawMessage)
	reach = func(raw json.RawMessage) {
		for _, m := range reference.FindAllSubmatch(raw, -1) {
			if name := string(m[1]); nameless[name] == "" && !out[name] {
				out[name] = true
				reach(doc.Components.Schemas[name])
			}
		}
	}
	for _, item := range doc.Paths {
		for _, raw := range item {
			var op struct{ Tags []string }
			if json.Unmarshal(raw, &op) == nil && slices.ContainsFunc(op.Tags, func(tag string) bool { return machinery[tag] == "" }) {
				reach(raw)
			}
		}
	}
	for name := range out {
		var page struct{ Properties map[string]any }
		if json.Unmarshal(doc.Components.Schemas[name], &page) == nil && strings.HasSuffix(name, "Page") && len(page.Properties) == 3 && page.Properties["next_cursor"] != nil {
			delete(out, name)
		}
	}
	return out
}

// unexplainedMembers says which members of the nouns' schemas the glossary does not explain, and what it explains and is not there. everywhere
// are the names that mean the same in all of them. A schema that the guide has no words for takes those of the one whose name its own begins with.
func unexplainedMembers(members map[string]bool, glossary map[string]string, ours map[string]bool, everywhere []string, demanded map[string]bool) findings {
	bad, schemas := findings{}, map[string]bool{}
	inherited := func(schema, name string) bool {
		for i := 1; i < len(schema); i++ {
			if of := schema[:i] + "." + name; glossary[of] != "" || ours[of] {
				return true
			}
		}
		return false
	}
	for member := range glossary {
		schema, _, _ := strings.Cut(member, ".")
		schemas[schema] = true
	}
	for member := range members {
		schema, name, _ := strings.Cut(member, ".")
		if (schemas[schema] || demanded[schema]) && glossary[member] == "" && !slices.Contains(everywhere, name) {
			bad.add(ours[member] || !schemas[schema] && inherited(schema, name), "the glossary does not explain %s", member)
		}
	}
	for member := range ours {
		schema, _, _ := strings.Cut(member, ".")
		_, there := members[member]
		bad.add(there && (schemas[schema] || demanded[schema]) && glossary[member] == "", "the glossary explains %s as our own, which is not there or has the guide's words", member)
	}
	return bad
}

func TestAttributes_TheGlossaryExplainsEveryMember(t *testing.T) {
	t.Parallel()
	b := whatIsBuilt(t)
	text, err := os.ReadFile(root + "/docs/glossary.md")
	require.NoError(t, err)
	_, section, ok := strings.Cut(string(text), "\n## Members of our own\n")
	require.True(t, ok)
	section, _, _ = strings.Cut(section, "\n## ")
	_, names, ok := strings.Cut(section[:strings.Index(section, "\n|")], "wherever\nthey stand: ")
	require.True(t, ok)
	everywhere := regexp.MustCompile(`[a-z]+(_[a-z]+)*`).FindAllString(strings.NewReplacer("and the ids of other nouns", "").Replace(names), -1)
	ours := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\| ([A-Z]\w+) \| (.+?) \| .+ \|$`).FindAllStringSubmatch(section, -1) {
		for name := range strings.SplitSeq(m[2], ", ") {
			require.False(t, ours[m[1]+"."+name], "%s.%s stands twice", m[1], name)
			ours[m[1]+"."+name] = true
		}
	}
	unexplainedMembers(b.members, b.glossary, ours, everywhere, b.demanded).none(t, "the API document and the glossary agree")
	for _, table := range []map[string]string{machinery, nameless} {
		for name, why := range table {
			require.NotEmpty(t, why)
			require.Contains(t, string(api.OpenAPI), `"`+name+`"`)
		}
	}

	// A new noun enters by itself, and so does what it takes.
	doc := document(t, api.OpenAPI)
	part(t, doc, "paths")["/v1/getuigenissen"] = map[string]any{"post": map[string]any{"operationId": "createGetuigenis", "tags": []any{"getuigenis"},
		"requestBody": map[string]any{"$ref": "#/components/schemas/GetuigenisInput"}}}
	part(t, doc, "components", "schemas")["GetuigenisInput"] = map[string]any{"type": "object", "properties": map[string]any{"quote": map[string]any{"type": "string"}}}
	planted, err := json.Marshal(doc)
	require.NoError(t, err)
	b.members["GetuigenisInput.quote"] = true
	require.Len(t, unexplainedMembers(b.members, b.glossary, ours, everywhere, demanded(t, planted)), 1, "a new noun that nobody explains")
	ours["Getuigenis.quote"], b.members["Getuigenis.quote"] = true, true
	withAnswer := demanded(t, planted)
	withAnswer["Getuigenis"] = true
	unexplainedMembers(b.members, b.glossary, ours, everywhere, withAnswer).none(t, "what it takes is what it answers")
	delete(b.members, "GetuigenisInput.quote")
	delete(b.members, "Getuigenis.quote")
	delete(ours, "Getuigenis.quote")

	b.members["Leerplek.colour"] = true
	require.Len(t, unexplainedMembers(b.members, b.glossary, ours, everywhere, b.demanded), 1, "a new member that nobody explains")
	delete(b.members, "Leerplek.colour")
	ours["Leerplek.colour"] = true
	require.Len(t, unexplainedMembers(b.members, b.glossary, ours, everywhere, b.demanded), 1, "a member that went away")
}

func TestAttributes_ThePlantedFaultsAreCaught(t *testing.T) {
	t.Parallel()
	b := whatIsBuilt(t)
	good := attribute{Dutch: "grootte", Column: "organisations.headcount", Member: "Organisation.headcount", Test: "TestOrganisation_IsMadeReadAndChanged"}
	b.tests["TestElsewhere"] = []testimony{{"internal/organisation", []string{`{"headcount":3}`, "/v1/medewerkers"}}}
	b.tests["TestOfAnother"] = []testimony{{"internal/medewerker", []string{`{"headcount":3}`, "/v1/organisations"}}}
	b.tests["TestRefused"] = []testimony{{"internal/organisation", []string{"/headcount", "/v1/organisations"}}}
	b.tests["TestHere"] = []testimony{{"internal/organisation", []string{"data.0.headcount", "/v1/organisations"}}}
	b.glossary = map[string]string{good.Member: "grootte; omvang", "Organisation.sector": "sector"}
	b.coming = map[string][]string{}
	fault := func(change func(*attribute)) findings {
		a := good
		change(&a)
		rest := attribute{Dutch: "sector", Column: "organisations.sector", Member: "Organisation.sector", Test: "TestOrganisation_RefusesWhatIsWrong"}
		return b.judge([]entity{{Entity: "Werkgever", Noun: "organisation", Attributes: []attribute{a, rest}}})
	}
	fault(func(*attribute) {}).none(t, "the control")
	fault(func(a *attribute) { a.Test = "TestHere" }).none(t, "the control")
	b.tests["TestOfAnother"][0].dir = "internal/cohort"
	fault(func(a *attribute) { a.Test, a.In = "TestOfAnother", "cohort" }).none(t, "where it says that it stands")
	for name, f := range map[string]func(*attribute){
		"no such column":                   func(a *attribute) { a.Column = "organisations.size" },
		"a column of another name":         func(a *attribute) { a.Column = "organisations.sector" },
		"no column":                        func(a *attribute) { a.Column = "" },
		"no such member":                   func(a *attribute) { a.Member = "Organisation.size" },
		"no such test":                     func(a *attribute) { a.Test = "TestOrganisation_IsNotThere" },
		"a test that does not speak of it": func(a *attribute) { a.Test = "TestMedewerker_NeverChangesEmployer" },
		"a test that calls another path":   func(a *attribute) { a.Test = "TestElsewhere" },
		"a test of another noun":           func(a *attribute) { a.Test = "TestOfAnother" },
		"a test that is refused for it":    func(a *attribute) { a.Test = "TestRefused" },
		"other words in the glossary":      func(a *attribute) { a.Dutch = "gewicht" },
		"both built and later":             func(a *attribute) { a.Later, a.Why = "one day", "because" },
		"later without a reason":           func(a *attribute) { b.coming["x"] = []string{"lead"}; *a = attribute{Dutch: "grootte", Later: "x"} },
		"later, and its noun is there": func(a *attribute) {
			b.coming["x"] = []string{"lead", "match"}
			*a = attribute{Dutch: "grootte", Later: "x", Why: "because"}
		},
		"later, and its table is there": func(a *attribute) {
			b.coming["x"] = []string{"organisations"}
			*a = attribute{Dutch: "grootte", Later: "x", Why: "because"}
		},
		"later, and its column is there": func(a *attribute) {
			b.coming["x"] = []string{"organisations.headcount"}
			*a = attribute{Dutch: "grootte", Later: "x", Why: "because"}
		},
		"later, nobody knows what": func(a *attribute) { *a = attribute{Dutch: "grootte", Later: "one day", Why: "because"} },
	} {
		require.NotEmpty(t, fault(f), name)
		delete(b.coming, "x")
	}
	b.coming["x"] = nil
	later := []entity{{Entity: "Werkgever", Noun: "organisation", Attributes: []attribute{{Dutch: "grootte", Later: "x", Why: "because"}}}}
	require.Len(t, b.judge(later), 3, "a capability that nothing will hold, beside what the control tells")
	b.coming["x"] = []string{"lead", "organ", "organisations.size"}
	control := b.judge(later)
	require.Len(t, control, 2, "but for two words of the glossary that are no attributes, all is well: %v", control)
	delete(b.coming, "x")
	b.coming["later sizes"] = []string{"lead"}
	require.NotEmpty(t, fault(func(*attribute) {}), "a capability that nothing waits for")
	delete(b.coming, "later sizes")
	b.members[good.Member] = false
	require.NotEmpty(t, fault(func(*attribute) {}), "a member without an example")
	b.members[good.Member] = true
	delete(b.glossary, good.Member)
	require.NotEmpty(t, fault(func(*attribute) {}), "an attribute that the glossary does not know")
	b.glossary[good.Member], b.glossary["Organisation.kind"] = "grootte", "soort"
	require.NotEmpty(t, fault(func(*attribute) {}), "a word of the glossary that is no attribute")
	require.NotEmpty(t, b.judge([]entity{{Entity: "Werkgever", Noun: "employer", Attributes: []attribute{good}}}), "no such noun")
}

// tellers are the schemas that tell the rows of a table. A member of another one, called alike, tells nothing of them: a note of an
// employee is told by no conversation's note. What is no schema's has a reason for each column.
var tellers = map[string][]string{
	"clients": {"Client"}, "client_secrets": {"ClientWithSecret"},
	"cohorten": {"Cohort"}, "cohort_leerplekken": {"CohortLeerplek"}, "cohort_leervragen": {"CohortLeervraag"}, "cohort_preferences": {"Preferences"},
	"cohort_rivals": {"CohortRivals"}, "cohort_weights": {"CohortWeights", "MatchingWeights"},
	"contacts": {"Contact"}, "conversations": {"Conversation"}, "departments": {"Department"}, "external_ids": {"ExternalID"},
	"leerbewijzen": {"Leerbewijs"}, "leerplekken": {"Leerplek"}, "leerplek_coaches": {"LeerplekCoach"},
	"leeruitwisselingen": {"Leeruitwisseling", "LeeruitwisselingLeerplek"}, "leeruitwisseling_days": {"LeeruitwisselingDay"},
	"leeruitwisseling_expectations": {"LeeruitwisselingExpectations"}, "leeruitwisseling_notes": {"LeeruitwisselingNote"},
	"leeruitwisseling_reflections": {"Reflection"}, "leeruitwisseling_signatures": {"LeeruitwisselingSignature"},
	"leervragen": {"Leervraag"}, "leervraag_versions": {"LeervraagVersion"},
	"matches": {"Match"}, "match_decisions": {"MatchDecision"}, "match_notes": {"MatchDecision"}, "match_reasons": {"MatchReasons"},
	"matching_runs": {"MatchingRun", "MatchingRunProgress"}, "matching_run_places": {"MatchingRunMatch"},
	"matching_synonyms": {"MatchingSynonyms"}, "matching_weights": {"MatchingWeights"},
	"medewerkers": {"Medewerker"}, "opleidingsregistraties": {"Opleidingsregistratie"},
	"organisations": {"Organisation"}, "organisation_needs": {"Need"}, "organisation_profiles": {"OrganisationProfile"},
	"rivals": {"Rival"}, "sites": {"Site"}, "suggestion_dismissals": {"Dismissal"}, "surveys": {"Survey"}, "survey_answers": {"SurveyAnswer"},
	"tenants": {"Tenant"}, "webhook_attempts": {"WebhookAttempt"}, "webhook_console_links": {"WebhookConsoleLink"},
	"webhook_deliveries": {"WebhookDelivery"}, "webhook_endpoints": {"WebhookEndpoint"}, "webhook_recoveries": {"WebhookRecovery"},
	"webhook_secrets": {"WebhookEndpointWithSecret"},
}

// unnamedColumns are those that no member of their tellers is called after, and why; "*" is any table, or any column of one.
var unnamedColumns = map[string]string{
	"*.pos":                                                  "the order of changes: cursors hold it",
	"*.tenant_id":                                            "a caller has one tenant: whoami tells which",
	"*.changed_by":                                           "which client changed it: the audit tells",
	"client_secrets.expires_at":                              "ends by itself when two overlap: whoever rotates says when",
	"cohort_leerplekken.cohort_id":                           "the path says it",
	"cohort_leervragen.cohort_id":                            "the path says it",
	"cohort_preferences.noted_by":                            "who noted them: the audit tells",
	"cohort_preferences.organisation_id":                     "the switcher's employer: Medewerker.organisation_id",
	"cohort_rivals.cohort_id":                                "the path says it",
	"cohort_rivals.organisation_id":                          "one of organisation_ids",
	"cohort_weights.cohort_id":                               "the path says it",
	"cohort_weights.created_at":                              "version tells which it is",
	"cohort_weights.id":                                      "version tells which it is",
	"cohort_weights.revision":                                "the ETag is its version",
	"cohort_weights.updated_at":                              "a version never changes",
	"external_ids.organisation_id":                           "they stand with what they name, which tells its employer",
	"external_ids.subject_id":                                "they stand with what they name",
	"leerplek_coaches.organisation_id":                       "Leerplek.organisation_id",
	"leerplek_coaches.place":                                 "told as leads, and by the order of leercoach_ids",
	"leeruitwisseling_days.receiving_organisation_id":        "Leeruitwisseling.receiving_organisation_id",
	"leeruitwisseling_days.sending_organisation_id":          "Leeruitwisseling.sending_organisation_id",
	"leeruitwisseling_expectations.created_at":               "it is put whole: what was expected before, and since when, is not told",
	"leeruitwisseling_expectations.leeruitwisseling_id":      "the path says it",
	"leeruitwisseling_expectations.organisation_id":          "Leeruitwisseling.sending_organisation_id",
	"leeruitwisseling_expectations.revision":                 "it is put whole, whatever stood there before",
	"leeruitwisseling_expectations.updated_at":               "it is put whole: what was expected before, and since when, is not told",
	"leeruitwisseling_notes.at":                              "told as created_at: a note never changes",
	"leeruitwisseling_notes.id":                              "nothing is done with one note: pages are cut by it",
	"leeruitwisseling_notes.leeruitwisseling_id":             "the path says it",
	"leeruitwisseling_reflections.organisation_id":           "whose it is party and medewerker_id say",
	"leeruitwisseling_reflections.receiving_organisation_id": "Leeruitwisseling.receiving_organisation_id",
	"leeruitwisseling_reflections.sending_organisation_id":   "Leeruitwisseling.sending_organisation_id",
	"leeruitwisseling_signatures.leeruitwisseling_id":        "the path says it",
	"leeruitwisseling_signatures.receiving_organisation_id":  "Leeruitwisseling.receiving_organisation_id",
	"leeruitwisseling_signatures.sending_organisation_id":    "Leeruitwisseling.sending_organisation_id",
	"leeruitwisselingen.switcher_id":                         "LeeruitwisselingSwitcher.id",
	"leervraag_versions.at":                                  "told as replaced_at",
	"leervraag_versions.leervraag_id":                        "the path says it",
	"leervraag_versions.organisation_id":                     "Leervraag.organisation_id",
	"leervraag_versions.switcher_id":                         "Leervraag.switcher_id",
	"match_decisions.match_id":                               "stands in its match",
	"match_decisions.receiving_organisation_id":              "Match.receiving_organisation_id",
	"match_decisions.sending_organisation_id":                "Match.sending_organisation_id",
	"match_notes.match_id":                                   "stands in its match",
	"match_notes.organisation_id":                            "the employer of its party",
	"match_reasons.organisation_id":                          "the employer of its party",
	"match_reasons.party":                                    "told as sending and receiving",
	"match_reasons.reasons":                                  "told as sending and receiving",
	"matching_run_places.detail":                             "told as what explains a place: points, what rules places out, what would mend it",
	"matching_run_places.run_id":                             "the path says it",
	"matching_run_problems.run_id":                           "whose it is",
	"matching_synonyms.created_at":                           "told as changed_at",
	"matching_synonyms.id":                                   "a tenant has one list, and version tells which",
	"matching_synonyms.revision":                             "the ETag is its version",
	"matching_synonyms.updated_at":                           "a version never changes",
	"matching_weights.created_at":                            "told as changed_at",
	"matching_weights.id":                                    "version tells which it is",
	"matching_weights.revision":                              "the ETag is its version",
	"matching_weights.updated_at":                            "a version never changes",
	"organisation_profiles.id":                               "the path says it: an employer has one",
	"suggestion_dismissals.organisation_id":                  "Leervraag.organisation_id",
	"suggestion_dismissals.receiving_organisation_id":        "Leerplek.organisation_id",
	"suggestion_dismissals.switcher_id":                      "Leervraag.switcher_id",
	"survey_answers.at":                                      "Survey.answered_at",
	"survey_answers.medewerker_id":                           "Survey.medewerker_id",
	"survey_answers.organisation_id":                         "Survey.organisation_id",
	"webhook_attempts.endpoint_id":                           "WebhookDelivery.endpoint_id",
	"webhook_attempts.organisation_id":                       "WebhookDelivery.organisation_id",
	"webhook_attempts.header_names":                          "told with what was sent, in request",
	"webhook_attempts.signed_by":                             "told with what was sent, in request",
	"webhook_attempts.url":                                   "told with what was sent, in request",
	"webhook_console_links.client_id":                        "a link is shown once, to who makes it: the audit tells who did",
	"webhook_console_links.created_at":                       "expires_at tells how long it works",
	"webhook_console_links.id":                               "nothing is done with one link but to open it, and to end it there",
	"webhook_console_links.organisation_id":                  "it shows what its maker sees",
	"webhook_console_links.scopes":                           "it may do what its maker may",
	"webhook_deliveries.attempts":                            "told as attempt_count; WebhookDeliveryDetail.attempts are the tries themselves",
	"webhook_endpoints.deleted_at":                           "one that was deleted is not told of",
	"webhook_endpoints.headers":                              "a secret, never told: header_names are",
	"webhook_recoveries.created_at":                          "when it was asked for: the audit tells",
	"webhook_recoveries.organisation_id":                     "its endpoint's",
	"webhook_recoveries.revision":                            "nobody changes one: status and delivery_count tell how far it is",
	"webhook_recoveries.updated_at":                          "nobody changes one: finished_at tells when it was done",
	"webhook_secrets.endpoint_id":                            "told as id: it is shown with its endpoint, once",
	"webhook_secrets.expires_at":                             "ends by itself when two overlap: whoever rotates says when",
	"*.on_behalf_of":                                         "who changed it, for whom: the audit tells",
	"*.request_id":                                           "by which request: logs and the audit tell",
	"audit.*":                                                "nobody reads the audit over the API",
	"events.*":                                               "a fact is told as its type says",
	"schema_migrations.*":                                    "which migrations were done",
	"idempotency_keys.*":                                     "what was answered, under a key that is not kept",
	"client_secrets.hash":                                    "a secret is shown once",
	"clients.first_admin":                                    "who may be given a secret again",
	"cohort_leervragen.running":                              "is its cohort's status, for a constraint",
	"cohort_rivals.rival_id":                                 "the other of organisation_ids",
	"external_ids.noun":                                      "whose external id it is",
	"leerbewijzen.key_sealed":                                "the key of check_url",
	"leerplekken.lexemes":                                    "what matching searches",
	"leerplekken.lexemes_version":                            "which version of the program made those",
	"matching_run_problems.part":                             "which piece of what a run judged",
	"webhook_attempts.thin":                                  "the payload of what was sent",
	"leeruitwisseling_notes.written_by":                      "who wrote it: not told to the other side",
	"leeruitwisseling_signatures.recorded_by":                "who recorded it: signed_by and method are told",
	"match_decisions.recorded_by":                            "who recorded it: given_by and channel are told",
	"leeruitwisselingen.cancel_reason":                       "LeeruitwisselingCancellation.reason",
	"leeruitwisselingen.cancelled_at":                        "LeeruitwisselingCancellation.at",
	"leeruitwisselingen.cancelled_by_party":                  "LeeruitwisselingCancellation.by_party",
	"leeruitwisselingen.day_coach_ids":                       "who is leercoach on any of its days: bound callers find it by this",
	"leeruitwisselingen.insured_commute":                     "LeeruitwisselingInsurance.commute",
	"leeruitwisselingen.insured_liability":                   "LeeruitwisselingInsurance.liability",
	"leeruitwisselingen.leerplek_title":                      "LeeruitwisselingLeerplek.title",
	"leeruitwisselingen.leervraag_text":                      "LeeruitwisselingLeervraag.text",
	"leeruitwisselingen.leervraag_title":                     "LeeruitwisselingLeervraag.title",
	"leeruitwisselingen.leervraag_version":                   "LeeruitwisselingLeervraag.version",
	"leeruitwisselingen.safety_exchanged":                    "LeeruitwisselingChecks.safety_information_exchanged",
	"leeruitwisselingen.switcher_job_title":                  "LeeruitwisselingSwitcher.job_title",
	"leeruitwisselingen.switcher_language":                   "LeeruitwisselingSwitcher.language",
	"leeruitwisselingen.switcher_name":                       "LeeruitwisselingSwitcher.name",
	"matching_run_places.standing":                           "told as pinned, settled, or unmatched",
	"matching_run_problems.packed":                           "what a run was computed from: its answers explain by it",
	"matching_runs.attempt":                                  "which worker computes it",
	"matching_runs.lease_until":                              "which worker computes it",
	"organisations.former_id":                                "told as id, of what was merged into another",
	"rivals.rival_id":                                        "Rival.rival_organisation_id",
	"suggestion_dismissals.dismissed_by":                     "who dismissed it: the audit tells",
	"survey_answers.survey_id":                               "whose answers they are",
	"surveys.link_sealed":                                    "told as link, to who may invite",
	"webhook_attempts.delivery_id":                           "whose attempt it is",
	"webhook_deliveries.base_attempts":                       "from where a recovery lets its schedule begin anew",
	"webhook_endpoints.certificate_key":                      "a secret, never told",
	"webhook_endpoints.nouns":                                "which facts its owner may read",
	"webhook_endpoints.oauth_client_id":                      "WebhookOAuthShown.client_id",
	"webhook_endpoints.oauth_scope":                          "WebhookOAuthShown.scope",
	"webhook_endpoints.oauth_secret":                         "a secret, never told",
	"webhook_endpoints.oauth_token_url":                      "WebhookOAuthShown.token_url",
	"webhook_endpoints.type_patterns":                        "event_types, as the database compares them",
	"webhook_endpoints.warned":                               "how often its owner was warned: webhook_endpoint.failing tells",
	"webhook_recoveries.cursor":                              "how far it is",
	"webhook_recoveries.nouns":                               "which facts its owner may read",
	"webhook_recoveries.type_patterns":                       "event_types, as the database compares them",
	"webhook_recoveries.until_pos":                           "how far it goes",
	"webhook_secrets.key_sealed":                             "a secret is shown once",
	"webhook_secrets.public":                                 "told at keys_url",
	"webhook_secrets.sealed":                                 "a secret is shown once",
}

// untoldColumns says which columns neither an attribute nor a member of the document tells, nor a reason; and which reasons nothing needs.
func untoldColumns(columns []string, told func(column string) bool, why map[string]string) findings {
	bad, used := findings{}, map[string]bool{}
	for _, c := range columns {
		table, name, _ := strings.Cut(c, ".")
		if told(c) {
			continue
		}
		i := slices.IndexFunc([]string{c, "*." + name, table + ".*"}, func(key string) bool { return why[key] != "" })
		bad.add(i >= 0, "%s: no member of a schema that tells its rows is called so, docs/attributes.yaml does not name it, and nothing says why", c)
		if i >= 0 {
			used[[]string{c, "*." + name, table + ".*"}[i]] = true
		}
	}
	for key := range why {
		bad.add(used[key], "%s needs no reason", key)
	}
	return bad
}

func TestAttributes_EveryColumnIsToldOrSaysWhyNot(t *testing.T) {
	t.Parallel()
	b := whatIsBuilt(t)
	text, err := os.ReadFile(root + "/docs/attributes.yaml")
	require.NoError(t, err)
	told := map[string]bool{}
	for _, e := range attributes(t, text) {
		for _, a := range e.Attributes {
			told[a.Column] = true
		}
	}
	rows, err := testkit.New(t).Super.Query(context.Background(), `select c.relname || '.' || a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid
		where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition and a.attnum > 0 and not a.attisdropped`)
	require.NoError(t, err)
	columns, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Greater(t, len(columns), 300)
	is := func(c string) bool {
		table, name, _ := strings.Cut(c, ".")
		return told[c] || slices.ContainsFunc(tellers[table], func(schema string) bool { _, there := b.members[schema+"."+name]; return there })
	}
	for table, schemas := range tellers {
		require.True(t, slices.ContainsFunc(columns, func(c string) bool { return strings.HasPrefix(c, table+".") }), "there is no table %s", table)
		for _, schema := range schemas {
			require.True(t, b.demanded[schema] || slices.ContainsFunc(slices.Collect(maps.Keys(b.members)), func(m string) bool { return strings.HasPrefix(m, schema+".") }), "there is no schema %s", schema)
		}
	}
	untoldColumns(columns, is, unnamedColumns).none(t, "every column is told, or says why it is not")

	for _, planted := range []string{"getuigenissen.sealed_quote", "medewerkers.note", "matches.reason", "getuigenissen.note"} {
		require.Len(t, untoldColumns(append(slices.Clone(columns), planted), is, unnamedColumns), 1, "a new column that nobody is told of, though others are told what is called so: %s", planted)
	}
	require.Len(t, untoldColumns(columns, func(c string) bool { return is(c) || c == "surveys.link_sealed" }, unnamedColumns), 1, "a reason that nothing needs any more")
}
