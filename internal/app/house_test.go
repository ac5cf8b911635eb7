package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/api"
	"github.com/switchingtalent/switchboard/internal/app"
	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	root   = "../.."
	module = "github.com/switchingtalent/switchboard/"
)

// source is one Go file, whatever system it is built for.
type source struct {
	path string // from the root, with slashes
	dir  string
	test bool
	tree *ast.File
}

// house reads every Go file of the repository once.
var house = sync.OnceValues(func() ([]source, error) {
	var out []source
	files := token.NewFileSet()
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && p != root {
			_, err := os.Stat(filepath.Join(p, "go.mod")) // another module is another house: docs/clients/go
			if err == nil || strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" || name == "bin" {
				return fs.SkipDir
			}
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		tree, err := parser.ParseFile(files, p, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		out = append(out, source{rel, path.Dir(rel), strings.HasSuffix(name, "_test.go"), tree})
		return nil
	})
	return out, err
})

func sources(t *testing.T) []source {
	t.Helper()
	all, err := house()
	require.NoError(t, err)
	return all
}

// findings collects what is wrong, so that one run shows all of it.
type findings map[string]bool

func (f findings) add(ok bool, format string, args ...any) {
	if !ok {
		f[fmt.Sprintf(format, args...)] = true
	}
}

func (f findings) none(t *testing.T, why string) {
	t.Helper()
	require.Empty(t, strings.Join(slices.Sorted(maps.Keys(f)), "\n"), why)
}

// imports are the packages that a file imports, ours from the root of the module: internal/platform/db.
func (s source) imports() []string {
	var out []string
	for _, i := range s.tree.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			panic(err) // it was parsed
		}
		out = append(out, p)
	}
	return out
}

// local is the name by which a file calls a package that it imports, or "".
func (s source) local(pkg string) string {
	for _, i := range s.tree.Imports {
		if i.Path.Value == strconv.Quote(pkg) {
			if i.Name != nil {
				return i.Name.Name
			}
			return path.Base(pkg)
		}
	}
	return ""
}

// notNouns are the rooms beside the nouns.
var notNouns = []string{"app", "journey", "report", "matching", "platform"}

// nounOf names the noun whose package a folder is, or "".
func nounOf(dir string) string {
	rest, ok := strings.CutPrefix(dir, "internal/")
	if !ok || slices.Contains(notNouns, strings.Split(rest, "/")[0]) {
		return ""
	}
	return strings.Split(rest, "/")[0]
}

// The floors of the house. What is not named in platform is on the ground, where rooms know nothing of data.
const (
	ground = iota
	dbFloor
	jobsFloor
	webFloor
	nounFloor
	journeyFloor
	appFloor
	cmdFloor
)

var platformFloors = map[string]int{
	"db": dbFloor, "jobs": jobsFloor, "limit": jobsFloor,
	"web": webFloor, "fact": webFloor, "page": webFloor, "external": webFloor,
}

func floorOf(dir string) int {
	if !strings.HasPrefix(dir, "internal/") {
		if strings.HasPrefix(dir, "cmd/") {
			return cmdFloor
		}
		return ground // api, docs, migrations: what the program carries
	}
	parts := strings.Split(dir, "/")
	switch parts[1] {
	case "platform":
		if len(parts) > 2 {
			return platformFloors[parts[2]]
		}
		return ground
	case "app":
		if len(parts) > 2 && parts[2] == "growth" {
			return appFloor // what makes a database large, for the bench and for tests; app itself does without
		}
		if len(parts) > 2 {
			return cmdFloor // its own commands
		}
		return appFloor
	case "matching":
		// The solver and its checker know numbers only, and nothing of data; bench is a command.
		if len(parts) > 2 && parts[2] == "assign" {
			return ground
		}
		// Relevance knows texts only: leerplek keeps what it makes of them.
		if len(parts) == 3 && parts[2] == "relevance" {
			return ground
		}
		if len(parts) > 2 && parts[2] == "bench" {
			return cmdFloor
		}
		return journeyFloor
	case "journey", "report":
		return journeyFloor
	}
	return nounFloor
}

func isTestkit(dir string) bool { return dir == "internal/platform/testkit" }

// isTool says of a folder that it is no part of what is served: testkit, and the bench and what makes its database large.
func isTool(dir string) bool {
	return isTestkit(dir) || dir == "internal/app/bench" || dir == "internal/app/growth"
}

func TestHouse_ImportsGoDownAndNounsNeverImportEachOther(t *testing.T) {
	t.Parallel()
	bad := findings{}
	for _, s := range sources(t) {
		for _, imported := range s.imports() {
			to, ours := strings.CutPrefix(imported, module)
			if !ours || isTestkit(s.dir) {
				continue
			}
			if isTestkit(to) {
				bad.add(s.test && strings.HasSuffix(s.tree.Name.Name, "_test"), "%s uses testkit, which is for tests from outside a package", s.path)
				continue
			}
			if s.test && strings.HasSuffix(s.tree.Name.Name, "_test") {
				continue
			}
			from, at := floorOf(s.dir), floorOf(to)
			within := path.Dir(to) == s.dir || path.Dir(s.dir) == to || path.Dir(s.dir) == path.Dir(to) && nounOf(s.dir) == "" && from == ground
			bad.add(at < from || from == ground && at == ground || within && from == at, "%s (floor %d) imports %s (floor %d)", s.path, from, to, at)
		}
	}
	bad.none(t, "imports go down, and what moves several nouns is a journey")
}

// fences keep a library in the rooms that are made for it.
var fences = []struct {
	library string
	why     string
	tests   bool // tests may use it anywhere
	inside  func(s source) bool
}{
	{"github.com/gin-gonic/gin", "a handler returns a value and lets web write it", false, in("internal/platform/web", "internal/app")},
	{"github.com/riverqueue/river", "jobs live in platform/jobs and in files named worker.go", false, func(s source) bool {
		return s.dir == "internal/platform/jobs" || strings.TrimSuffix(strings.TrimSuffix(path.Base(s.path), ".go"), "_test") == "worker"
	}},
	{"github.com/wneessen/go-mail", "it dials by itself, to the operator's own mail server alone", true, in("internal/platform/mail")},
	{"github.com/golang-jwt/jwt", "tokens are made and checked in platform/auth", true, in("internal/platform/auth")},
	{"database/sql", "no *db.Tx, no data", true, func(s source) bool { return s.dir == "internal/platform/db" }},
	{"github.com/jackc/pgx/v5/pgxpool", "no *db.Tx, no data", true, in("internal/platform/db", "internal/platform/jobs", "internal/platform/postgres", "internal/platform/testkit", "internal/app")},
	{"gorm.io/driver", "no *db.Tx, no data", true, in("internal/platform/db")},
	{"github.com/stretchr/testify", "what helps tests stays out of the binary", true, in("internal/platform/testkit", "internal/platform/html/htmltest")},
	{"net/http/httptest", "what helps tests stays out of the binary", true, in("internal/platform/testkit", "internal/platform/openapi/fuzz")},
}

func in(dirs ...string) func(source) bool {
	return func(s source) bool {
		return slices.ContainsFunc(dirs, func(d string) bool { return s.dir == d || strings.HasPrefix(s.dir, d+"/") })
	}
}

func TestHouse_LibrariesStayInTheirRoom(t *testing.T) {
	t.Parallel()
	bad := findings{}
	for _, s := range sources(t) {
		for _, imported := range s.imports() {
			for _, f := range fences {
				// database/sql/driver is how a type says how it is stored: every row may.
				if imported != f.library && !strings.HasPrefix(imported, f.library+"/") || imported == "database/sql/driver" {
					continue
				}
				bad.add(f.inside(s) || f.tests && s.test, "%s imports %s: %s", s.path, imported, f.why)
			}
		}
	}
	bad.none(t, "libraries stay in the rooms that are made for them")
}

// dialling is what reaches out, by package.
var dialling = map[string]*regexp.Regexp{
	"net":                  regexp.MustCompile(`^(Dial.*|Lookup.*|Resolver|DefaultResolver)$`),
	"net/http":             regexp.MustCompile(`^(Get|Head|Post|PostForm|Client|DefaultClient|Transport|DefaultTransport)$`),
	"crypto/tls":           regexp.MustCompile(`^(Dial.*|Client)$`),
	"net/smtp":             regexp.MustCompile(`.`),
	"net/rpc":              regexp.MustCompile(`.`),
	"golang.org/x/net/dns": regexp.MustCompile(`.`),
}

// dialsItself are the files outside of platform/outbound that call out, and whom.
var dialsItself = map[string]string{
	"internal/app/bench/deliveries.go": "calls the server that it started",
	"internal/app/bench/growth.go":     "calls the servers that it started",
	"internal/app/bench/measure.go":    "calls the servers that it started",
	"internal/app/bench/storm.go":      "calls the server that it started",
	"cmd/switchboard/listen_feed.go":   "calls what whoever runs the command names",
}

func TestHouse_OnlyOutboundDials(t *testing.T) {
	t.Parallel()
	bad, used := findings{}, map[string]bool{}
	for _, s := range sources(t) {
		if s.test || s.dir == "internal/platform/outbound" {
			continue
		}
		for pkg, what := range dialling {
			local := s.local(pkg)
			if local == "" {
				continue
			}
			ast.Inspect(s.tree, func(n ast.Node) bool {
				if sel, ok := n.(*ast.SelectorExpr); ok && isIdent(sel.X, local) && what.MatchString(sel.Sel.Name) {
					used[s.path] = true
					bad.add(dialsItself[s.path] != "", "%s uses %s.%s", s.path, pkg, sel.Sel.Name)
				}
				return true
			})
		}
	}
	for p := range dialsItself {
		bad.add(used[p], "%s does not dial any more", p)
	}
	bad.none(t, "dial through platform/outbound, which never calls an internal address")
}

func isIdent(e ast.Expr, name string) bool {
	i, ok := e.(*ast.Ident)
	return ok && i.Name == name
}

// What a handler must not touch: only web writes an answer, and only after COMMIT.
func TestHouse_OnlyWebWritesAnswers(t *testing.T) {
	t.Parallel()
	bad := findings{}
	for _, s := range sources(t) {
		if s.test || floorOf(s.dir) != nounFloor && floorOf(s.dir) != journeyFloor {
			continue
		}
		local := s.local("net/http")
		ast.Inspect(s.tree, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && local != "" && isIdent(sel.X, local) {
				bad.add(!slices.Contains([]string{"ResponseWriter", "Error", "Redirect", "ServeContent", "SetCookie"}, sel.Sel.Name), "%s uses http.%s", s.path, sel.Sel.Name)
			}
			return true
		})
	}
	bad.none(t, "a handler returns; only web writes")
}

// backgrounds are the goroutines of nouns and journeys: none of them does work that would be missed.
var backgrounds = map[string]string{
	"internal/access/service.go":      "follows keys and revocations that other processes made",
	"internal/access/authenticate.go": "one goroutine reads revocations for all who wait for them",
	"internal/access/keys.go":         "one goroutine reads the keys for all who wait for one",
	"internal/access/limit.go":        "one goroutine asks the directory for all who wait for it",
	"internal/matching/cache.go":      "makes an index of what the database holds: what is lost with the process is made again when somebody asks",
	"internal/matching/run_judge.go":  "judges rows for a run that waits for them, on several cores: the run is a job",
	"internal/event/wait.go":          "looks for facts for those who wait: who is not told asks again",
	"internal/webhook/ahead.go":       "takes and sends what stands in the queue under a lease: what is lost with the process is taken up by another",
	"internal/webhook/deliverer.go":   "sends what stands in the queue under a lease: what is lost with the process is taken up by another",
	"internal/webhook/settle.go":      "writes what came of tries, whose deliveries stand in the queue under a lease until it is written",
	"internal/webhook/attempt.go":     "sends what stands in the queue under a lease: what is lost with the process is taken up by another",
}

func TestHouse_NoGoroutineForWorkThatMatters(t *testing.T) {
	t.Parallel()
	bad, used := findings{}, map[string]bool{}
	for _, s := range sources(t) {
		if s.test || isTestkit(s.dir) || floorOf(s.dir) < webFloor || floorOf(s.dir) > journeyFloor || path.Base(s.path) == "worker.go" {
			continue
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			_, starts := n.(*ast.GoStmt)
			if call, ok := n.(*ast.CallExpr); ok {
				sel, ok := call.Fun.(*ast.SelectorExpr)
				starts = ok && sel.Sel.Name == "Go" && len(call.Args) == 1
			}
			if starts {
				used[s.path] = true
				bad.add(backgrounds[s.path] != "", "%s starts a goroutine", s.path)
			}
			return true
		})
	}
	for p := range backgrounds {
		bad.add(used[p], "%s starts no goroutine any more", p)
	}
	bad.none(t, "work that matters is a job or a delivery, written in the transaction that makes it necessary")
}

// A function that holds a transaction calls nobody outside.
func TestHouse_NoNetworkInsideATransaction(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		local := s.local(module + "internal/platform/outbound")
		if s.test || local == "" {
			continue
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			var f *ast.FuncType
			var body *ast.BlockStmt
			switch x := n.(type) {
			case *ast.FuncDecl:
				f, body = x.Type, x.Body
			case *ast.FuncLit:
				f, body = x.Type, x.Body
			}
			if f == nil || body == nil || !slices.ContainsFunc(f.Params.List, func(p *ast.Field) bool { return isTx(p.Type) }) {
				return true
			}
			ast.Inspect(body, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok {
					if sel, ok := call.Fun.(*ast.SelectorExpr); ok {
						require.NotContains(t, []string{"HTTPClient", "RoundTrip"}, sel.Sel.Name, "%s: no network inside a transaction", s.path)
					}
				}
				return true
			})
			return true
		})
	}
}

func isTx(e ast.Expr) bool {
	star, ok := e.(*ast.StarExpr)
	if !ok {
		return false
	}
	sel, ok := star.X.(*ast.SelectorExpr)
	return ok && isIdent(sel.X, "db") && sel.Sel.Name == "Tx"
}

// maySkip are the tests that need what is not ours to commit, and what it is.
var maySkip = map[string]string{
	"internal/matching/relevance/bench/main_test.go": "data sets to measure relevance on, beside the repository",
	"internal/matching/fallback_test.go":             "the same",
}

func TestHouse_TestsNeitherSleepNorSkip(t *testing.T) {
	t.Parallel()
	bad := findings{}
	for _, s := range sources(t) {
		ast.Inspect(s.tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if local := s.local("time"); local != "" && isIdent(sel.X, local) {
				bad.add(sel.Sel.Name != "Sleep", "%s sleeps", s.path)
			}
			if local := s.local("testing"); local != "" {
				bad.add(!isIdent(sel.X, local) || sel.Sel.Name != "Short", "%s asks for testing.Short", s.path)
				bad.add(!slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, sel.Sel.Name) || maySkip[s.path] != "", "%s skips", s.path)
			}
			return true
		})
	}
	bad.none(t, "wait for what happens, not for a time; a test that does not run proves nothing")
}

// unopened lists where a test lets others at its transaction (by a channel, or by having a deliverer work) before the database heard
// of it: what is recorded or inserted waits for the next statement, or for COMMIT, so they meet nothing and the test proves nothing.
func unopened(s source) (out []string) {
	data := s.local(module + "internal/platform/db")
	ast.Inspect(s.tree, func(n ast.Node) bool {
		f, ok := n.(*ast.FuncLit)
		if !ok || data == "" || len(f.Type.Params.List) != 1 || types.ExprString(f.Type.Params.List[0].Type) != "*"+data+".Tx" || len(f.Type.Params.List[0].Names) != 1 {
			return true
		}
		tx, opened, meets := f.Type.Params.List[0].Names[0].Name, false, ""
		has := func(e ast.Expr) bool { return isIdent(e, tx) }
		ast.Inspect(f.Body, func(n ast.Node) bool { // as it stands there
			before := meets
			switch x := n.(type) {
			case *ast.CallExpr:
				sel, method := x.Fun.(*ast.SelectorExpr)
				opened = opened || method && (sel.Sel.Name == "Sent" && slices.ContainsFunc(x.Args, has) || has(sel.X) && slices.Contains([]string{"Run", "Select", "Pgx"}, sel.Sel.Name))
				if isIdent(x.Fun, "close") || method && sel.Sel.Name == "Drain" {
					meets = types.ExprString(x)
				}
			case *ast.SendStmt:
				if call, ok := x.Value.(*ast.CallExpr); !ok || !slices.ContainsFunc(call.Args, has) { // else what is sent was asked of the database
					meets = types.ExprString(x.Chan) + " <-"
				}
			case *ast.UnaryExpr:
				if x.Op == token.ARROW {
					meets = types.ExprString(x)
				}
			}
			if meets != before && before == "" && !opened {
				out = append(out, s.path+" "+meets)
			}
			return true
		})
		return true
	})
	return out
}

func TestHouse_AnOpenTransactionIsOneThatTheDatabaseKnows(t *testing.T) {
	t.Parallel()
	bad := findings{}
	for _, s := range sources(t) {
		if s.test {
			for _, where := range unopened(s) {
				bad.add(false, "%s", where)
			}
		}
	}
	bad.none(t, "call testkit.Sent first")

	for body, want := range map[string]string{
		"noted.Record(tx, e); close(began); <-commit":                               "close(began)",
		"noted.Record(tx, e); <-commit; testkit.Sent(tx)":                           "<-commit",
		"db.Insert(tx, r); began <- nil; tx.Run(`select 1`)":                        "began <-",
		"noted.Record(tx, e); d.Drain(ctx)":                                         "d.Drain(ctx)",
		"go func() { other.Run(`select 1`); close(began) }()":                       "close(began)",
		"noted.Record(tx, e); testkit.Sent(tx); close(began); <-commit":             "",
		"noted.Record(tx, e); _, err := tx.Run(`select 1`); began <- err; <-commit": "",
		"backend <- pid(t, tx); tx.Run(`select 1`)":                                 "",
		"noted.Record(tx, e)":                                                       "",
	} {
		tree, err := parser.ParseFile(token.NewFileSet(), "x_test.go", "package x\nimport \""+module+"internal/platform/db\"\nvar _ = func(tx *db.Tx) error { "+body+"; return nil }", 0)
		require.NoError(t, err, body)
		got := unopened(source{path: "x_test.go", dir: "internal/x", test: true, tree: tree})
		if want == "" {
			require.Empty(t, got, body)
			continue
		}
		require.Equal(t, []string{"x_test.go " + want}, got, body)
	}
}

var packageComment = regexp.MustCompile(`^(Package|Command) \S+ `)

// The house says of every room what it is for: a drawing of the house prints these sentences.
func TestHouse_EveryPackageSaysWhatItIsFor(t *testing.T) {
	t.Parallel()
	said := map[string]string{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		if _, ok := said[s.dir]; !ok {
			said[s.dir] = ""
		}
		if s.tree.Doc != nil {
			said[s.dir] += s.tree.Doc.Text()
		}
	}
	bad := findings{}
	for dir, text := range said {
		bad.add(packageComment.MatchString(text), "%s", dir)
	}
	bad.none(t, "these packages have no comment")
}

// selfEvident are methods that the standard library explains.
var selfEvident = []string{"Error", "Unwrap", "String", "Read", "Write", "Close", "Len", "Less", "Swap"}

func TestHouse_EverythingExportedIsExplained(t *testing.T) {
	t.Parallel()
	bad := findings{}
	for _, s := range sources(t) {
		if s.test || s.tree.Name.Name == "main" {
			continue
		}
		for _, d := range s.tree.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && exportedReceiver(d) && d.Doc == nil && !slices.Contains(selfEvident, d.Name.Name) {
					bad.add(false, "%s %s", s.path, d.Name.Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					switch x := spec.(type) {
					case *ast.TypeSpec:
						if x.Name.IsExported() && d.Doc == nil && x.Doc == nil {
							bad.add(false, "%s %s", s.path, x.Name.Name)
						}
					case *ast.ValueSpec:
						if x.Names[0].IsExported() && d.Doc == nil && x.Doc == nil && x.Comment == nil {
							bad.add(false, "%s %s", s.path, x.Names[0].Name)
						}
					}
				}
			}
		}
	}
	bad.none(t, "every exported identifier has a comment")
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	exported := false
	ast.Inspect(d.Recv.List[0].Type, func(n ast.Node) bool {
		if i, ok := n.(*ast.Ident); ok && !exported {
			exported = i.IsExported()
			return false
		}
		return true
	})
	return exported
}

// texts calls f with every string that a file writes as a constant; what is joined with + is one, with ? for what is
// computed. Struct tags and imports are none.
func (s source) texts(f func(text string)) {
	var flat func(e ast.Expr) (string, bool)
	flat = func(e ast.Expr) (string, bool) {
		switch x := e.(type) {
		case *ast.BasicLit:
			if x.Kind != token.STRING {
				return "?", false
			}
			text, err := strconv.Unquote(x.Value)
			if err != nil {
				panic(err) // it was parsed
			}
			return text, true
		case *ast.ParenExpr:
			return flat(x.X)
		case *ast.BinaryExpr:
			if x.Op != token.ADD {
				return "?", false
			}
			a, ok := flat(x.X)
			b, ok2 := flat(x.Y)
			return a + b, ok || ok2
		}
		return "?", false
	}
	var visit func(n ast.Node) bool
	visit = func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.Field: // not its tag
			ast.Inspect(x.Type, visit)
			return false
		case *ast.BinaryExpr:
			if text, ok := flat(x); ok {
				f(text)
				inner(x, visit)
				return false
			}
		case *ast.BasicLit:
			if text, ok := flat(x); ok {
				f(text)
			}
		}
		return true
	}
	ast.Inspect(s.tree, visit)
}

// inner visits what is computed inside a joined text: calls and their arguments.
func inner(e ast.Expr, visit func(ast.Node) bool) {
	switch x := e.(type) {
	case *ast.BinaryExpr:
		inner(x.X, visit)
		inner(x.Y, visit)
	case *ast.ParenExpr:
		inner(x.X, visit)
	case *ast.BasicLit:
	default:
		ast.Inspect(x, visit)
	}
}

var createTable = regexp.MustCompile(`(?m)^create (?:unlogged )?table (?:if not exists )?(?:public\.)?((?:[a-z_]+\.)?[a-z_]+) \(`)

// writers are the rooms that write a table which is not of the noun after which its migration is called.
var writers = map[string][]string{
	"tenants":                      {"internal/tenant"},
	"idempotency_keys":             {"internal/platform/web", "internal/access"}, // access sweeps up what nobody can use any more
	"audit":                        {"internal/platform/fact"},
	"events":                       {"internal/platform/fact", "internal/event"}, // event forgets what was kept long enough
	"cohort_weights":               {"internal/matching"},
	"matching_synonyms":            {"internal/matching"},
	"matching_runs":                {"internal/matching"},
	"matching_run_places":          {"internal/matching"},
	"matching_run_problems":        {"internal/matching"},
	"webhook_endpoints":            {"internal/webhook"},
	"webhook_secrets":              {"internal/webhook"},
	"webhook_deliveries":           {"internal/platform/fact", "internal/webhook"},
	"webhook_attempts":             {"internal/webhook"},
	"webhook_console_links":        {"internal/webhook"},
	"external_ids":                 {"internal/platform/external"},
	"platform.directory":           {"internal/platform/db"},
	"platform.limits":              {"internal/platform/limit"},
	"platform.signing_keys":        {"internal/access"},
	"platform.revocations":         {"internal/access"},
	"platform.delivery_queue":      {"internal/platform/fact", "internal/webhook"},
	"platform.delivery_holds":      {"internal/webhook"},
	"platform.delivery_lanes":      {"internal/webhook"},
	"webhook_recoveries":           {"internal/webhook"},
	"platform.cluster":             {},
	"platform.checkpoints":         {"internal/platform/page"},
	"platform.rounds":              {"internal/platform/db"},
	"platform.active_runs":         {}, // a trigger of matching_runs does
	"platform.failing_endpoints":   {}, // a trigger of webhook_endpoints does
	"reference.postcodes":          {"internal/matching"},
	"reference.postcode_countries": {"internal/matching"},
	"platform.row":                 {},
}

// tables says of every table which rooms write it: the noun after which its migration is called, or writers. Partitions
// are written through their table.
func tables(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob(root + "/migrations/*.sql")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	out := map[string][]string{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		_, noun, _ := strings.Cut(strings.TrimSuffix(filepath.Base(f), ".sql"), "_")
		for _, m := range createTable.FindAllStringSubmatch(string(text), -1) {
			out[m[1]] = []string{"internal/" + noun}
			if w, special := writers[m[1]]; special {
				out[m[1]] = w
			}
		}
	}
	for name := range writers {
		require.Contains(t, out, name, "writers names a table that no migration makes")
	}
	return out
}

var (
	writing  = regexp.MustCompile(`(?i)\b(?:insert\s+into|update|delete\s+from|merge\s+into|truncate(?:\s+table)?|copy)\s+(?:only\s+)?(?:public\.)?((?:[a-z_]+\.)?[a-z_]+|\?)`)
	reading  = regexp.MustCompile(`(?i)\b(?:from|join|using)\s+(?:only\s+)?((?:[a-z_.]+(?:\s+(?:as\s+)?[a-z_]+)?\s*,\s*)*[a-z_.]+)`)
	wholeSQL = regexp.MustCompile(`(?is)^\s*(with|select|insert|update|delete)\s.*\b(from|into|set)\b`)
	sqlVerb  = regexp.MustCompile(`(?i)^\s*(with|select|insert|update|delete)\s`)
)

// The rules below read SQL by expressions: these see what is meant, and nothing else.
func TestHouse_SQLIsUnderstood(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"insert into sites (id) values (?)": "sites", "INSERT\n\tINTO public.sites": "sites", "with x as (delete from only sites) select": "sites",
		"update sites set name = ?": "sites", "delete from platform.directory where": "platform.directory", "merge into sites using": "sites",
		"delete from ? where id = ?": "?", "truncate table sites": "sites", "insert into report.totals values": "report.totals",
	} {
		m := writing.FindStringSubmatch(text)
		require.NotNil(t, m, text)
		require.Equal(t, want, m[1], text)
	}
	for text, want := range map[string]string{
		"select 1 from sites": "sites", "from sites s, departments as d where": "sites s, departments", "left join sites on": "sites",
		"from sites order by a, b": "sites", "delete from a using sites": "a", "select x from platform.row r, f() s": "platform.row r, f",
	} {
		m := reading.FindStringSubmatch(text)
		require.NotNil(t, m, text)
		require.Equal(t, want, m[1], text)
	}
	for text, want := range map[string]string{"create table sites (": "sites", "create unlogged table platform.limits (": "platform.limits",
		"create table if not exists public.sites (": "sites", "create table report.totals (": "report.totals"} {
		require.Equal(t, want, createTable.FindStringSubmatch(text)[1], text)
	}
	tree, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\nimport \"a\"\ntype T struct { A int `tag` }\nvar a = \"select * from \" + f(\"inner\") + \" where \"", 0)
	require.NoError(t, err)
	var got []string
	source{tree: tree}.texts(func(text string) { got = append(got, text) })
	require.Equal(t, []string{"select * from ? where ", "inner"}, got)
}

func TestHouse_OnlyItsNounWritesATable(t *testing.T) {
	t.Parallel()
	owners, bad := tables(t), findings{}
	for _, s := range sources(t) {
		if s.test || isTool(s.dir) || s.dir == "migrations" {
			continue
		}
		s.texts(func(text string) {
			for _, m := range writing.FindAllStringSubmatch(text, -1) {
				bad.add(m[1] != "?" || !sqlVerb.MatchString(text), "%s writes a table with a computed name: %s", s.path, text)
				if owner, known := owners[strings.ToLower(m[1])]; known {
					bad.add(slices.Contains(owner, s.dir), "%s writes %s", s.path, m[1])
				}
			}
		})
		// Rows that gorm writes say their table by a method: it stands with the noun, and nouns cannot import each other.
		ast.Inspect(s.tree, func(n ast.Node) bool {
			d, ok := n.(*ast.FuncDecl)
			if !ok || d.Name.Name != "TableName" || d.Recv == nil {
				return true
			}
			name := returned(d)
			bad.add(slices.Contains(owners[name], s.dir), "%s has a row of %q", s.path, name)
			return true
		})
		// gorm can name a table in passing, too.
		ast.Inspect(s.tree, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && s.dir != "internal/platform/db" {
				if sel, ok := call.Fun.(*ast.SelectorExpr); ok && s.local(module+"internal/platform/db") != "" {
					bad.add(!slices.Contains([]string{"AutoMigrate", "Preload", "Save", "Association"}, sel.Sel.Name), "%s uses gorm's %s", s.path, sel.Sel.Name)
					if sel.Sel.Name == "Table" { // a subquery is none
						lit, ok := call.Args[0].(*ast.BasicLit)
						bad.add(ok && strings.Contains(lit.Value, "?"), "%s names a table in passing", s.path)
					}
				}
			}
			return true
		})
	}
	bad.none(t, "only its noun writes a table, by SQL that names it or by rows of its own")
}

// returned is the constant text that a function returns.
func returned(d *ast.FuncDecl) string {
	for _, st := range d.Body.List {
		if r, ok := st.(*ast.ReturnStmt); ok && len(r.Results) == 1 {
			if lit, ok := r.Results[0].(*ast.BasicLit); ok {
				text, err := strconv.Unquote(lit.Value)
				if err != nil {
					panic(err) // it was parsed
				}
				return text
			}
		}
	}
	return ""
}

// readsBesides are tables that a room reads without a foreign key to them, and why.
var readsBesides = map[string]map[string]string{
	"internal/platform/fact":    {"webhook_endpoints": "a fact is fanned out in the statement that records it"},
	"internal/platform/db":      {"platform.directory": "it is its own"},
	"internal/app":              {"platform.cluster": "readiness"},
	"internal/matching":         {"platform.active_runs": "which tenants have runs to look after"},
	"internal/event":            {"platform.checkpoints": "where a feed that begins need not look"},
	"internal/leeruitwisseling": {"contacts": "one of an employer may take part in a kennismakingsgesprek"},
	"internal/leerplek":         {"leeruitwisselingen": "how many places are free is counted, for every reader alike"},
	"internal/webhook": {"events": "a delivery sends one; events are partitioned, and nothing can point at them",
		"platform.failing_endpoints": "which endpoints only fail, of all tenants"},
}

func TestHouse_NounsReadOthersOnlyWhereTheirForeignKeysPoint(t *testing.T) {
	t.Parallel()
	owners, bad := tables(t), findings{}
	w := testkit.New(t)
	rows, err := w.Super.Query(context.Background(), `select distinct conrelid::regclass::text, confrelid::regclass::text from pg_constraint where contype = 'f'`)
	require.NoError(t, err)
	points := map[string]map[string]bool{} // folder → table
	var from, to string
	_, err = pgx.ForEachRow(rows, []any{&from, &to}, func() error {
		for _, dir := range owners[from] {
			if points[dir] == nil {
				points[dir] = map[string]bool{}
			}
			points[dir][to] = true
		}
		return nil
	})
	require.NoError(t, err)
	for _, s := range sources(t) {
		if s.test || isTool(s.dir) || s.dir == "migrations" || s.dir == "internal/report" || s.dir == "internal/matching" {
			continue
		}
		s.texts(func(text string) {
			for _, m := range reading.FindAllStringSubmatch(text, -1) {
				for item := range strings.SplitSeq(m[1], ",") {
					table := strings.TrimPrefix(strings.Fields(strings.ToLower(item))[0], "public.")
					owner, known := owners[table]
					// Every row's tenant_id points at its tenant.
					if !known || table == "tenants" || slices.Contains(owner, s.dir) || readsBesides[s.dir][table] != "" {
						continue
					}
					bad.add(points[s.dir][table], "%s reads %s", s.path, table)
				}
			}
		})
	}
	bad.none(t, "no foreign key of their own points there: reading across nouns stands in report and matching")
}

// A journey calls the nouns' verbs.
func TestHouse_JourneysWriteNoSQL(t *testing.T) {
	t.Parallel()
	bad := findings{}
	for _, s := range sources(t) {
		if s.test || s.dir != "internal/journey" {
			continue
		}
		s.texts(func(text string) {
			bad.add(!wholeSQL.MatchString(text), "%s: %s", s.path, text)
		})
		local := s.local(module + "internal/platform/db")
		ast.Inspect(s.tree, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if isIdent(sel.X, local) {
				bad.add(!slices.Contains([]string{"One", "Get", "GetOr", "Lock", "Insert", "Change"}, sel.Sel.Name), "%s uses db.%s", s.path, sel.Sel.Name)
			}
			if isIdent(sel.X, "tx") {
				bad.add(!slices.Contains([]string{"Select", "Run", "Raw", "Exec", "Where", "Model", "Create", "Updates", "Pgx"}, sel.Sel.Name), "%s uses tx.%s", s.path, sel.Sel.Name)
			}
			return true
		})
	}
	bad.none(t, "a journey calls the nouns' verbs and writes no SQL")
}

// doorways are the ways past a caller's binding or tenant, with the place of their reason among the arguments. System is the whole tenant:
// whoever holds a *db.DB could answer a bound caller by it.
var doorways = map[string]struct{ arguments, reason int }{
	"Unbound": {2, 0}, "AsTenant": {3, 1}, "Platform": {3, 1}, "PlatformOne": {5, 1}, "EachTenant": {3, 1}, "System": {2, 1}, "Pool": {0, -1},
}

// waysPast are the ways past a binding or a tenant that stand in a file, each with its reason, which is a constant. Whoever is not given by
// db.Caller and db.System is made by hand, which is one more.
func waysPast(s source, constants map[string]bool) (lines []string, err error) {
	for _, d := range s.tree.Decls {
		name := "(file)"
		if f, ok := d.(*ast.FuncDecl); ok {
			name = f.Name.Name
		}
		keep := func(door string) {
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%-44s %-16s %s", s.path, name, door)))
		}
		ast.Inspect(d, func(n ast.Node) bool {
			switch x := n.(type) {
			case *ast.CallExpr:
				sel, ok := x.Fun.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				door, ok := doorways[sel.Sel.Name]
				if !ok || len(x.Args) != door.arguments {
					return true
				}
				if door.reason < 0 {
					keep(sel.Sel.Name)
					return true
				}
				reason := types.ExprString(x.Args[door.reason])
				if _, text := x.Args[door.reason].(*ast.BasicLit); !text && !constants[s.dir+"."+reason] {
					err = errors.Join(err, fmt.Errorf("%s: the reason for %s is a constant, not %s", s.path, sel.Sel.Name, reason))
				}
				keep(sel.Sel.Name + " " + reason)
			case *ast.CompositeLit:
				if sel, ok := x.Type.(*ast.SelectorExpr); ok && isIdent(sel.X, s.local(module+"internal/platform/db")) && (sel.Sel.Name == "Who" || sel.Sel.Name == "Scope") {
					keep(sel.Sel.Name + "{} by hand")
				}
			case *ast.AssignStmt:
				for _, to := range x.Lhs {
					if of := types.ExprString(to); strings.HasSuffix(of, ".Scope") || strings.Contains(of, ".Scope.") {
						keep(of + " = by hand")
					}
				}
			}
			return true
		})
	}
	return lines, err
}

// constants are the names of all constants of some sources, as folder.name.
func constants(all []source) map[string]bool {
	out := map[string]bool{}
	for _, s := range all {
		for _, d := range s.tree.Decls {
			if d, ok := d.(*ast.GenDecl); ok && d.Tok == token.CONST {
				for _, spec := range d.Specs {
					for _, name := range spec.(*ast.ValueSpec).Names {
						out[s.dir+"."+name.Name] = true
					}
				}
			}
		}
	}
	return out
}

// Every way past a binding or a tenant is listed with its reason, so that a new one shows in the diff.
func TestHouse_EveryWayPastTheBindingIsKnown(t *testing.T) {
	t.Parallel()
	all := sources(t)
	known := constants(all)
	var lines []string
	for _, s := range all {
		if s.test || isTool(s.dir) || s.dir == "internal/platform/db" { // which makes the doors
			continue
		}
		found, err := waysPast(s, known)
		require.NoError(t, err)
		lines = append(lines, found...)
	}
	slices.Sort(lines)
	golden(t, "doors.golden", strings.Join(lines, "\n")+"\n")
}

func TestHouse_AWayPastTheBindingIsSeen(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`s.db.Single(ctx, db.System(tx.TenantID(), "x"), read)`:                    `System "x"`,
		`s.db.Single(ctx, db.System(tx.TenantID(), why), read)`:                    "System why",
		`tx.Unbound("x", read)`:                                                    `Unbound "x"`,
		`who := db.Who{Actor: "x"}; s.db.Single(ctx, who, read)`:                   "Who{} by hand",
		`who := tx.Who; who.Scope = db.Scope{Tenant: tx.TenantID().UUID()}`:        "Scope{} by hand",
		`who := tx.Who; who.Scope.Kind = db.ScopeTenant; s.db.Single(ctx, who, r)`: "who.Scope.Kind = by hand",
		`s.db.Single(ctx, db.Caller(p, request), read)`:                            "",
		`if tx.Scope.Kind == db.ScopeTenant { read(tx) }`:                          "",
		`s.db.Single(ctx, db.System(tenant, reason(in)), read)`:                    "is a constant",
	} {
		tree, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\nimport \""+module+"internal/platform/db\"\nconst why = `x`\nfunc f() { "+body+" }", 0)
		require.NoError(t, err, body)
		s := source{path: "x.go", dir: "x", tree: tree}
		got, err := waysPast(s, constants([]source{s}))
		switch {
		case want == "is a constant":
			require.ErrorContains(t, err, want, body)
		case want == "":
			require.Empty(t, got, body)
		default:
			require.NoError(t, err, body)
			require.Contains(t, strings.Join(got, "\n")+"\n", want+"\n", body)
		}
	}
}

// golden compares with a file in testdata; -update writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "%s differs: read the difference, then go test ./internal/app -run %s -update", name, t.Name())
}

// Every golden file is read by a test.
func TestHouse_NoDeadGoldens(t *testing.T) {
	t.Parallel()
	files, err := os.ReadDir("testdata")
	require.NoError(t, err)
	var text bytes.Buffer
	for _, s := range sources(t) {
		if s.dir == "internal/app" && s.test {
			b, err := os.ReadFile(filepath.Join(root, s.path))
			require.NoError(t, err)
			text.Write(b)
		}
	}
	for _, f := range files {
		require.Contains(t, text.String(), strconv.Quote(f.Name()), "no test reads testdata/%s", f.Name())
	}
}

func routes() []web.Route { return (&app.App{}).Routes() }

// The whole API on one page: method, path, permission, status.
func TestRoutes_Golden(t *testing.T) {
	t.Parallel()
	golden(t, "routes.golden", app.Golden(routes()))
}

func TestRoutes_EachNamesItsPermission(t *testing.T) {
	t.Parallel()
	named := map[auth.Permission]bool{}
	for _, r := range routes() {
		require.NotEmpty(t, r.Permission, "%s %s", r.Method, r.Path)
		require.NotZero(t, r.Status, "%s %s", r.Method, r.Path)
		named[r.Permission] = true
	}
	// A permission that no door asks for is asked for in a verb.
	for _, s := range sources(t) {
		if s.test || s.dir == "internal/platform/auth" {
			continue
		}
		s.texts(func(text string) { named[auth.Permission(text)] = true })
	}
	bad := findings{}
	for _, g := range auth.Grants {
		bad.add(named[g.Permission], "%s", g.Permission)
	}
	bad.none(t, "nothing asks for these permissions")
}

// Whom nobody limits, and why.
var unlimited = map[string]string{
	"GET /livez":   "who watches over us asks often, and it costs nothing",
	"GET /readyz":  "a limit that strangers behind the same proxy use up would take a healthy process out of service",
	"GET /metrics": "it stands on the main port only while that is loopback",
}

// A server with a route that is counted against nobody does not start, so this looks at who is exempt.
func TestRoutes_EachHasALimit(t *testing.T) {
	t.Parallel()
	exempt := map[string]bool{}
	for _, r := range routes() {
		name := r.Method + " " + r.Path
		switch r.Counted {
		case web.ByNobody:
			exempt[name] = true
			require.NotEmpty(t, unlimited[name], "%s has no limit", name)
			require.False(t, r.Documented(), "%s is for callers", name)
		case web.ByToken:
			require.Equal(t, "POST /oauth/token", name)
		case web.ByAddress:
			require.Equal(t, auth.Public, r.Permission, name)
		default:
			require.Equal(t, web.ByClient, r.Counted, name)
			require.NotEqual(t, auth.Public, r.Permission, name)
		}
	}
	require.Subset(t, slices.Collect(maps.Keys(unlimited)), slices.Collect(maps.Keys(exempt)))
	require.True(t, exempt["GET /livez"])
}

var colon = regexp.MustCompile(`:([a-z_]+)`)

func TestRoutes_AreExactlyThoseOfTheDocument(t *testing.T) {
	t.Parallel()
	var doc struct {
		Paths map[string]map[string]struct {
			Responses map[string]json.RawMessage `json:"responses"`
		} `json:"paths"`
	}
	require.NoError(t, json.Unmarshal(api.OpenAPI, &doc))
	served := map[string]bool{}
	for _, r := range routes() {
		if !r.Documented() {
			continue
		}
		p, m := colon.ReplaceAllString(r.Path, "{$1}"), strings.ToLower(r.Method)
		served[m+" "+p] = true
		op, ok := doc.Paths[p][m]
		require.True(t, ok, "%s %s is served and not documented: make generate", r.Method, p)
		require.Contains(t, op.Responses, strconv.Itoa(r.Status), "%s %s", r.Method, p)
	}
	for p, item := range doc.Paths {
		for m := range item {
			require.True(t, served[m+" "+p], "%s %s is documented and not served", m, p)
		}
	}
}

func TestDocument_IsWhatTheSourcesSay(t *testing.T) {
	t.Parallel()
	made, err := app.Files(root)
	require.NoError(t, err)
	for name, want := range made {
		got, err := os.ReadFile(filepath.Join(root, "api", name))
		require.NoError(t, err, "make generate")
		require.True(t, bytes.Equal(want, got), "api/%s is not what the sources say: make generate", name)
	}
	files, err := filepath.Glob(root + "/api/events/*")
	require.NoError(t, err)
	for _, f := range files {
		require.Contains(t, made, filepath.Join("events", filepath.Base(f)), "%s is of no type of fact: remove it", f)
	}
}

// cells are the words in the tables of the glossary, without the marks of code.
func cells(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(root + "/docs/glossary.md")
	require.NoError(t, err)
	out := map[string]bool{}
	for line := range strings.SplitSeq(string(text), "\n") {
		if !strings.HasPrefix(strings.TrimSpace(line), "|") {
			continue
		}
		for word := range strings.FieldsFuncSeq(line, func(r rune) bool { return strings.ContainsRune("| ,;()`·", r) }) {
			out[word] = true
			if segments, ok := strings.CutPrefix(word, "/v1/"); ok {
				for segment := range strings.SplitSeq(segments, "/") {
					out[segment] = true
				}
			}
		}
	}
	return out
}

// collections are the nouns in the path of a route: what stands first, and what has members.
func collections(p string) []string {
	parts := strings.Split(strings.TrimPrefix(p, "/v1/"), "/")
	out := []string{parts[0]}
	for i := 1; i+1 < len(parts); i++ {
		if strings.HasPrefix(parts[i-1], ":") && strings.HasPrefix(parts[i+1], ":") && !strings.HasPrefix(parts[i], ":") {
			out = append(out, parts[i])
		}
	}
	return out
}

func TestGlossary_KnowsEveryNoun(t *testing.T) {
	t.Parallel()
	known, bad := cells(t), findings{}
	need := func(what, word string) { bad.add(known[word], "%s %s", what, word) }
	for _, r := range routes() {
		if r.Documented() && strings.HasPrefix(r.Path, "/v1/") && r.Permission != auth.Self { // who asks about itself names no noun
			for _, c := range collections(r.Path) {
				need("path", c)
			}
		}
	}
	for name := range tables(t) {
		if !strings.HasPrefix(name, "platform.") {
			need("table", name)
		}
	}
	for _, f := range fact.Types() {
		need("fact", f.Noun())
	}
	for _, s := range sources(t) {
		if noun := nounOf(s.dir); noun != "" {
			need("package", noun)
		}
		if s.dir != "internal/platform/id" || s.test {
			continue
		}
		for _, d := range s.tree.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == "prefix" {
				need("prefix", returned(f))
			}
		}
	}
	bad.none(t, "docs/glossary.md does not know them")
}

var block = regexp.MustCompile("(?s)```json\n(.*?)```")

// pages are the texts of the pages in a folder, each of which must be of one of the names.
func pages(t *testing.T, bad findings, folder string, names []string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(root + "/docs/" + folder + "/*.md")
	require.NoError(t, err)
	out := map[string]string{}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".md")
		if name == "README" {
			continue
		}
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		out[name] = string(text)
		bad.add(slices.Contains(names, name), "docs/%s/%s.md is of nothing that there is", folder, name)
	}
	for _, name := range names {
		bad.add(out[name] != "", "docs/%s/%s.md is missing", folder, name)
	}
	return out
}

// fits says whether a text could be this one with its parameters filled in.
func fits(template, text string) bool {
	parts := regexp.MustCompile(`\{[a-z_]+\}`).Split(template, -1)
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile("^" + strings.Join(parts, ".+") + "$").MatchString(text)
}

func TestProblems_EachHasItsPage(t *testing.T) {
	t.Parallel()
	var codes []string
	for _, p := range fault.Problems() {
		codes = append(codes, p.Code)
	}
	bad, rules := findings{}, map[string]*fault.Rule{}
	for _, r := range fault.Rules() {
		rules[r.Code] = r
	}
	texts := pages(t, bad, "problems", codes)
	for _, p := range fault.Problems() {
		m := block.FindStringSubmatch(texts[p.Code])
		if m == nil {
			bad.add(false, "docs/problems/%s.md has no example", p.Code)
			continue
		}
		var e web.Problem
		status, err := web.StatusOf(p.Kind), json.Unmarshal([]byte(m[1]), &e)
		bad.add(err == nil && e.Code == p.Code && e.Status == status && e.Title == http.StatusText(status) && strings.HasSuffix(e.Type, "/problems/"+p.Code),
			"docs/problems/%s.md shows another problem, or status %d", p.Code, e.Status)
		bad.add(fits(p.Text.EN, e.Detail), "docs/problems/%s.md says %q, the program %q", p.Code, e.Detail, p.Text.EN)
		for _, f := range e.Errors {
			r := rules[f.Code]
			bad.add(r != nil && fits(r.Text.EN, f.Detail), "docs/problems/%s.md says %q of %s, the program something else", p.Code, f.Detail, f.Code)
		}
	}
	bad.none(t, "every problem has its page, which shows it as it is")
}

// What has to fit together is written down: each rule that a member may break stands on the page of the problem that names it,
// in the words that the program says.
func TestProblems_EveryRuleIsWrittenDown(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(filepath.Join(root, "docs/problems/invalid.md"))
	require.NoError(t, err)
	undocumentedRules(string(b), fault.Rules()).none(t, "docs/problems/invalid.md lists every rule")
	planted := &fault.Rule{Code: "planted_rule", Text: fault.Text{EN: "is planted"}}
	require.Len(t, findingsOf(undocumentedRules(string(b), []*fault.Rule{planted})), 1)
	require.Len(t, findingsOf(undocumentedRules("| x | `planted_rule` | is something else |\n", []*fault.Rule{planted})), 1)
	require.Empty(t, findingsOf(undocumentedRules("| x | `planted_rule` | is planted |\n", []*fault.Rule{planted})))
}

// undocumentedRules are those without a row. Rules of all nouns have one that says what to do, and those of one noun one in the
// program's words.
func undocumentedRules(page string, rules []*fault.Rule) findings {
	bad := findings{}
	for _, r := range rules {
		common := regexp.MustCompile("(?m)^\\| [^|]*`" + regexp.QuoteMeta(r.Code) + "`[^|]* \\| [^|]+ \\|$").MatchString(page)
		own := strings.Contains(page, "| `"+r.Code+"` | "+r.Text.EN+" |\n")
		bad.add(common || own, "docs/problems/invalid.md says nothing, or something else, of %s: %s", r.Code, r.Text.EN)
	}
	return bad
}

func TestEvents_EachHasItsPage(t *testing.T) {
	t.Parallel()
	var names []string
	for _, f := range fact.Types() {
		names = append(names, f.Name)
	}
	bad := findings{}
	texts := pages(t, bad, "events", names)
	everything := fact.Readable(auth.Of(auth.PartnerAdmin))
	for _, f := range fact.Types() {
		require.Contains(t, everything, f.Noun(), "%s is a fact that nobody may read", f.Name)
		schema := compile(t, f)
		m := block.FindStringSubmatch(texts[f.Name])
		if m == nil {
			bad.add(false, "docs/events/%s.md has no example", f.Name)
			continue
		}
		var body struct {
			Type      string `json:"type"`
			Timestamp string `json:"timestamp"`
			Data      any    `json:"data"`
		}
		err := json.Unmarshal([]byte(m[1]), &body)
		bad.add(err == nil && body.Type == f.Name, "docs/events/%s.md shows no delivery of it", f.Name)
		if err := schema.Validate(body.Data); err != nil {
			bad.add(false, "docs/events/%s.md: %v", f.Name, err)
		}
		example, err := jsonschema.UnmarshalJSON(bytes.NewReader(f.Example()))
		require.NoError(t, err)
		require.NoError(t, schema.Validate(example), "the example of %s", f.Name)
		shown, told := about(body.Data), about(example)
		bad.add(shown != "" && shown == told, "docs/events/%s.md is about %q, its example about %q", f.Name, shown, told)
	}
	bad.none(t, "every type of fact has its page, which shows it as it is")
}

// about is the prefix of the id of what a fact is about.
func about(data any) string {
	m, _ := data.(map[string]any)
	subject, _ := m["subject_id"].(string)
	prefix, _, _ := strings.Cut(subject, "_")
	return prefix
}

func compile(t *testing.T, f *fact.Type) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(f.Schema()))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	require.NoError(t, c.AddResource(f.Name, doc))
	schema, err := c.Compile(f.Name)
	require.NoError(t, err, f.Name)
	return schema
}

// A thin delivery says where its subject can be read.
func TestEvents_LinksLeadToDoors(t *testing.T) {
	t.Parallel()
	doors := map[string]bool{}
	for _, r := range routes() {
		doors[r.Method+" "+r.Path] = true
	}
	places := fact.Places()
	for _, f := range fact.Types() {
		require.NotEmpty(t, places[f.Noun()], "%s: nobody knows where its subject can be read", f.Name)
	}
	for noun, path := range places {
		require.True(t, doors["GET "+path], "%s: there is no GET %s", noun, path)
	}
	require.True(t, doors["GET /v1/events/:id"])
}
