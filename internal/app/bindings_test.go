package app_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
)

// What callers may do is told by data wherever it can be: policies and the table of permissions. Where Go decides by who calls, it
// compares a scope or a principal, or lifts the binding with tx.Unbound. These places are found by their types, so a new one is
// among them by itself: a golden file lists them, and the mutation gate takes each away (mutation_code_test.go).

// decision is one place where Go decides by who calls.
type decision struct {
	name     string // package function: the expression
	file     string // from the root
	from, to int    // where the expression stands in it
	cases    bool   // it is a case of a switch, and no condition
}

// lift is one call of tx.Unbound, by its reason.
const lift = "unbound: "

// undecided are packages where the gate has nothing to look for: tools of tests and benches, and the table of permissions itself,
// which TestMutation_Grants changes cell by cell.
var undecided = []string{"internal/app/bench", "internal/app/growth", "internal/app/apidoc", "internal/app/contract", "internal/platform/testkit", "internal/platform/auth"}

// ours are the module's own packages with their types. What others export is not looked at: who calls is a type of ours.
type ours struct {
	files *token.FileSet
	trees map[string]map[string]*ast.File // folder → file → tree
	done  map[string]*types.Package
	info  *types.Info
	kinds map[types.Object]bool // parameters that are given what kind of caller it is, as a plain text
}

// Import gives a package of ours, or an empty one.
func (p *ours) Import(name string) (*types.Package, error) {
	if done := p.done[name]; done != nil {
		return done, nil
	}
	dir, ours := strings.CutPrefix(name, module)
	if !ours || p.trees[dir] == nil {
		base := path.Base(name)
		if strings.HasPrefix(base, "v") && strings.Trim(base[1:], "0123456789") == "" {
			base = path.Base(path.Dir(name))
		}
		empty := types.NewPackage(name, base)
		empty.MarkComplete()
		p.done[name] = empty
		return empty, nil
	}
	var trees []*ast.File
	for _, file := range slices.Sorted(maps.Keys(p.trees[dir])) {
		trees = append(trees, p.trees[dir][file])
	}
	config := types.Config{Importer: p, Error: func(error) {}} // what is not known has no type
	done, _ := config.Check(name, p.files, trees, p.info)
	p.done[name] = done
	return done, nil
}

// named reports whether a type is one of ours.
func named(t types.Type, dir, name string) bool {
	if ptr, ok := t.(*types.Pointer); ok {
		t = ptr.Elem()
	}
	n, ok := types.Unalias(t).(*types.Named)
	return ok && n.Obj().Name() == name && n.Obj().Pkg() != nil && n.Obj().Pkg().Path() == module+dir
}

// typed parses sources, by their path from the root, and finds their types.
func typed(sources map[string][]byte) (*ours, error) {
	p := &ours{files: token.NewFileSet(), trees: map[string]map[string]*ast.File{}, done: map[string]*types.Package{}, kinds: map[types.Object]bool{},
		info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}}}
	for file, b := range sources {
		tree, err := parser.ParseFile(p.files, file, b, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		dir := path.Dir(file)
		if p.trees[dir] == nil {
			p.trees[dir] = map[string]*ast.File{}
		}
		p.trees[dir][file] = tree
	}
	for _, dir := range slices.Sorted(maps.Keys(p.trees)) {
		if _, err := p.Import(module + dir); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// bindings reads every place of some sources where Go decides by who calls, and the reasons of tx.Unbound.
func bindings(sources map[string][]byte) (found []decision, lifts []string, err error) {
	p, err := typed(sources)
	if err != nil {
		return nil, nil, err
	}
	p.follow()
	times := map[string]int{}
	for _, dir := range slices.Sorted(maps.Keys(p.trees)) {
		if slices.ContainsFunc(undecided, func(u string) bool { return dir == u || strings.HasPrefix(dir, u+"/") }) {
			continue
		}
		for _, file := range slices.Sorted(maps.Keys(p.trees[dir])) {
			for _, d := range p.trees[dir][file].Decls {
				f, ok := d.(*ast.FuncDecl)
				if !ok || f.Body == nil {
					continue
				}
				r := p.read(f)
				keep := func(e ast.Expr, cases bool) {
					from, to := p.files.Position(e.Pos()).Offset, p.files.Position(e.End()).Offset
					said := strings.Join(strings.Fields(string(sources[file][from:to])), " ")
					name := path.Base(dir) + " " + f.Name.Name + ": " + said
					if times[name]++; times[name] > 1 {
						name += " #" + strconv.Itoa(times[name])
					}
					found = append(found, decision{name, file, from, to, cases})
				}
				ast.Inspect(f.Body, func(n ast.Node) bool {
					switch x := n.(type) {
					case *ast.SwitchStmt:
						if x.Tag != nil && r.knows(x.Tag) {
							for _, c := range x.Body.List {
								for _, e := range c.(*ast.CaseClause).List {
									keep(e, true)
								}
							}
						}
					case *ast.BinaryExpr:
						if compares(x.Op) && (r.knows(x.X) || r.knows(x.Y)) && !r.empty(x) {
							keep(x, false)
							return false
						}
					case *ast.IndexExpr:
						if r.chooses(x) {
							keep(x, false)
							return false
						}
					case *ast.Ident:
						if r.told[r.info.Uses[x]] {
							keep(x, false)
						}
					case *ast.CallExpr:
						if r.asks(x) {
							keep(x, false)
							return false
						}
						if s, ok := x.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Unbound" && len(x.Args) == 2 {
							if l, ok := x.Args[0].(*ast.BasicLit); ok {
								reason, err := strconv.Unquote(l.Value)
								if err == nil {
									lifts = append(lifts, reason)
								}
							}
						}
					}
					return true
				})
			}
		}
	}
	slices.SortFunc(found, func(a, b decision) int { return strings.Compare(a.name, b.name) })
	slices.Sort(lifts)
	return found, slices.Compact(lifts), nil
}

// reader knows what in a function comes from who calls.
type reader struct {
	*ours
	held map[types.Object]bool // variables that were made of it
	told map[types.Object]bool // and those that say whether it stands in a map, or in a list that was searched
}

// read learns what a function holds of who calls.
func (p *ours) read(f *ast.FuncDecl) reader {
	r := reader{p, map[types.Object]bool{}, map[types.Object]bool{}}
	r.learn(f.Body)
	return r
}

// follow goes after what kind of caller it is into the functions that are given it as a plain text, until it goes no further.
func (p *ours) follow() {
	for before := -1; before != len(p.kinds); {
		before = len(p.kinds)
		for dir, trees := range p.trees {
			if slices.ContainsFunc(undecided, func(u string) bool { return dir == u || strings.HasPrefix(dir, u+"/") }) {
				continue
			}
			for _, tree := range trees {
				for _, d := range tree.Decls {
					if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil {
						p.read(f).gives(f.Body)
					}
				}
			}
		}
	}
}

// gives notes the parameters of functions of ours that are called with what kind of caller it is.
func (r reader) gives(body ast.Node) {
	ast.Inspect(body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		name, ok := call.Fun.(*ast.Ident)
		if s, is := call.Fun.(*ast.SelectorExpr); is {
			name, ok = s.Sel, true
		}
		if !ok {
			return true
		}
		f, ok := r.info.Uses[name].(*types.Func)
		if !ok {
			return true
		}
		params := f.Signature().Params()
		for i, arg := range call.Args {
			if params.Len() == 0 {
				break
			}
			to := params.At(min(i, params.Len()-1))
			if b, ok := to.Type().Underlying().(*types.Basic); ok && b.Info()&types.IsString != 0 && r.kind(arg) {
				r.kinds[to] = true
			}
		}
		return true
	})
}

// kind reports whether an expression is made of what kind of caller it is: the scope's, or the role.
func (r reader) kind(e ast.Expr) bool {
	if r.info.Types[e].Value != nil {
		return false // a constant is nobody's
	}
	found := false
	ast.Inspect(e, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.FuncLit, *ast.CompositeLit:
			return false
		case *ast.SelectorExpr:
			if t := r.info.Types[x.X].Type; t != nil && r.who(t) {
				found = found || x.Sel.Name == "Kind" || x.Sel.Name == "Role"
			}
		case *ast.Ident:
			o := r.info.Uses[x]
			if v, ok := o.(*types.Var); ok {
				found = found || r.kinds[o] || r.held[o] && types.AssignableTo(v.Type().Underlying(), types.Typ[types.String]) || named(v.Type(), "internal/platform/db", "ScopeKind")
			}
		}
		return !found
	})
	return found
}

func compares(op token.Token) bool {
	return slices.Contains([]token.Token{token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ}, op)
}

// chooses reports whether an expression asks a map of yes and no for who calls.
func (r reader) chooses(x *ast.IndexExpr) bool {
	t := r.info.Types[x.X].Type
	if t == nil {
		return false
	}
	m, ok := t.Underlying().(*types.Map)
	if !ok {
		return false
	}
	b, ok := m.Elem().Underlying().(*types.Basic)
	return ok && b.Kind() == types.Bool && r.knows(x.Index)
}

// searches reports whether an expression says beside what it finds whether it found it, of who calls: a map, or a list that is sorted.
func (r reader) searches(e ast.Expr) bool {
	switch x := e.(type) {
	case *ast.IndexExpr:
		return r.knows(x.Index)
	case *ast.CallExpr:
		return of(x, "slices", "BinarySearch", "BinarySearchFunc") && slices.ContainsFunc(x.Args, r.knows)
	}
	return false
}

// of reports whether a call is of one of these functions of a package.
func of(call *ast.CallExpr, pkg string, names ...string) bool {
	s, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == pkg && slices.Contains(names, s.Sel.Name)
}

// learn finds the variables that hold what comes from who calls.
func (r reader) learn(body ast.Node) {
	ast.Inspect(body, func(n ast.Node) bool {
		a, ok := n.(*ast.AssignStmt)
		if ok && len(a.Lhs) == 2 && len(a.Rhs) == 1 && r.searches(a.Rhs[0]) {
			for i, l := range a.Lhs {
				to, ok := l.(*ast.Ident)
				if !ok {
					continue
				}
				if o := r.info.Defs[to]; o != nil {
					map[int]map[types.Object]bool{0: r.held, 1: r.told}[i][o] = true
				}
			}
		}
		if ok && len(a.Lhs) == len(a.Rhs) {
			for i, l := range a.Lhs {
				if to, ok := l.(*ast.Ident); ok && r.knows(a.Rhs[i]) {
					if o := r.info.Defs[to]; o != nil && !r.who(o.Type()) && o.Type() != types.Universe.Lookup("error").Type() {
						r.held[o] = true
					}
				}
			}
		}
		return true
	})
}

// who reports whether a type says who calls, as a whole: its fields are looked at one by one.
func (r reader) who(t types.Type) bool {
	return named(t, "internal/platform/db", "Scope") || named(t, "internal/platform/auth", "Principal")
}

// held are the fields and methods that decide; a tenant is compared by policies alone.
var held = []string{"Kind", "Organisation", "Medewerker", "OrganisationID", "MedewerkerID", "Role", "Scopes", "Bound", "May"}

// knows reports whether an expression is made of who calls.
func (r reader) knows(e ast.Expr) bool {
	known := false
	ast.Inspect(e, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.FuncLit, *ast.CompositeLit:
			return false
		case *ast.SelectorExpr:
			if t := r.info.Types[x.X].Type; t != nil && r.who(t) && slices.Contains(held, x.Sel.Name) {
				known = true
			}
		case *ast.Ident:
			if o := r.info.Uses[x]; o != nil && (r.held[o] || r.kinds[o] || named(o.Type(), "internal/platform/db", "ScopeKind") && o.Pkg() != nil) {
				known = true
			}
			if o, ok := r.info.Uses[x].(*types.Var); ok {
				if s, ok := o.Type().Underlying().(*types.Slice); ok && named(s.Elem(), "internal/platform/auth", "Permission") {
					known = true
				}
			}
		}
		return !known
	})
	return known
}

// empty reports whether a list is compared with nil: that is about JSON.
func (r reader) empty(x *ast.BinaryExpr) bool {
	t := r.info.Types[x.X].Type
	if t == nil {
		return false
	}
	_, list := t.Underlying().(*types.Slice)
	return list
}

// asks reports whether an expression is a question to who calls: Bound, May, or whether a list has it.
func (r reader) asks(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	s, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	if t := r.info.Types[s.X].Type; t != nil && r.who(t) {
		return s.Sel.Name == "Bound" || s.Sel.Name == "May"
	}
	return of(call, "slices", "Contains", "ContainsFunc", "Equal") && slices.ContainsFunc(call.Args, r.knows)
}

// goSources are the sources of the program, by their path from the root.
var goSources = sync.OnceValues(func() (map[string][]byte, error) {
	all, err := house()
	out := map[string][]byte{}
	for _, s := range all {
		if s.test || !strings.HasPrefix(s.path, "internal/") || err != nil {
			continue
		}
		if out[s.path], err = os.ReadFile(filepath.Join(root, filepath.FromSlash(s.path))); err != nil {
			return nil, err
		}
	}
	return out, err
})

// Where Go decides by who calls is a short list, which is read when it changes: what a policy or the table of permissions can say
// is better said there.
func TestHouse_WhereGoDecidesByWhoCalls(t *testing.T) {
	t.Parallel()
	src, err := goSources()
	require.NoError(t, err)
	found, lifts, err := bindings(src)
	require.NoError(t, err)
	var lines []string
	for _, d := range found {
		lines = append(lines, d.name)
	}
	for _, l := range lifts {
		lines = append(lines, lift+l)
	}
	golden(t, "bindings.golden", strings.Join(lines, "\n")+"\n")

	planted := maps.Clone(src)
	planted["internal/leerplek/planted.go"] = []byte(`package leerplek
import ("slices"; "github.com/switchingtalent/switchboard/internal/platform/auth"; "github.com/switchingtalent/switchboard/internal/platform/db")
func one(tx *db.Tx) bool { return tx.Scope.Kind != db.ScopeMedewerker }
func two(who auth.Principal, x Leerplek) bool { own := who.OrganisationID; return own != nil && *own == x.OrganisationID }
func three(s db.Scope) int { switch s.Kind { case db.ScopeOrganisation, db.ScopeMedewerker: return 1 }; return 0 }
func four(tx *db.Tx) bool { return tx.Principal.Bound() || slices.Contains(tx.Principal.Scopes, "leerplek:write") }
func five(tx *db.Tx) error { return tx.Unbound("planted", func(tx *db.Tx) error { return nil }) }
func six(tx *db.Tx, x Leerplek) bool { return x.ID == x.ID && tx.Scope.Tenant == tx.Scope.Tenant }
var allowed = map[db.ScopeKind]bool{}
var named = map[auth.Role]string{}
func seven(tx *db.Tx) bool { return allowed[tx.Scope.Kind] }
func eight(who auth.Principal) string { if name, ok := named[who.Role]; ok { return name }; return "" }
func nine(who auth.Principal) bool { return slices.Index(who.Scopes, "leerplek:write") >= 0 || len(who.Scopes) > 3 }
func ten(who auth.Principal) bool { return slices.ContainsFunc(who.Scopes, func(p auth.Permission) bool { return p != "" }) }
func eleven(who auth.Principal) bool { at := slices.IndexFunc(who.Scopes, func(p auth.Permission) bool { return p != "" }); return at < 0 }
func twelve(tx *db.Tx) error { return inside(tx, string(tx.Scope.Kind)) }
func inside(tx *db.Tx, kind string) error { if further(kind) || kind == tx.Actor { return nil }; return nil }
func further(kind string) bool { return kind == "tenant" }
func thirteen(kind string) bool { return kind == "tenant" }
func fourteen(who auth.Principal) bool { _, found := slices.BinarySearch(who.Scopes, "leerplek:write"); return !found }`)
	more, lifted, err := bindings(planted)
	require.NoError(t, err)
	require.Equal(t, []string{"planted"}, slices.DeleteFunc(lifted, func(l string) bool { return slices.Contains(lifts, l) }))
	var names []string
	for _, d := range more {
		if d.file == "internal/leerplek/planted.go" {
			names = append(names, d.name)
		}
	}
	require.Equal(t, []string{"leerplek eight: ok", "leerplek eleven: at < 0", "leerplek four: slices.Contains(tx.Principal.Scopes, \"leerplek:write\")", "leerplek four: tx.Principal.Bound()",
		"leerplek fourteen: found", `leerplek further: kind == "tenant"`, "leerplek inside: kind == tx.Actor", "leerplek nine: len(who.Scopes) > 3",
		"leerplek nine: slices.Index(who.Scopes, \"leerplek:write\") >= 0", "leerplek one: tx.Scope.Kind != db.ScopeMedewerker", "leerplek seven: allowed[tx.Scope.Kind]",
		"leerplek ten: slices.ContainsFunc(who.Scopes, func(p auth.Permission) bool { return p != \"\" })", "leerplek three: db.ScopeMedewerker", "leerplek three: db.ScopeOrganisation",
		"leerplek two: *own == x.OrganisationID", "leerplek two: own != nil"}, names)
}

// mutants are what can be taken away, by the name that sets it to work.
func mutants(found []decision, lifts []string) (out []string) {
	for _, d := range found {
		out = append(out, d.name+" → false")
		if !d.cases {
			out = append(out, d.name+" → true")
		}
	}
	for _, l := range lifts {
		out = append(out, lift+l)
	}
	return out
}

// unnoticed is one mutant that no attack and no deed notices, and what holds it instead.
type unnoticed struct {
	mutant    string
	dir, test string          // the test that notices it
	only      auth.Permission // the permission that it needs, which no bound caller holds
	why       string          // nobody can meet it, or it changes nothing
}

// readUnnoticed reads the list of them: a mutant, " => ", and one of
//
//	test <folder> <name>   which make mutate runs with the mutant at work, and which must fail
//	unbound <permission>   which no bound caller holds, so there is no binding to get around
//	why <sentence>
//
// What stands there without a reason, or with one that does not hold, is an error.
func readUnnoticed(text string, planted []string, tests map[string]bool) (out []unnoticed, err error) {
	for line := range strings.Lines(text) {
		name, how, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " => ")
		u := unnoticed{mutant: name}
		kind, said, _ := strings.Cut(how, " ")
		switch kind {
		case "test":
			u.dir, u.test, _ = strings.Cut(said, " ")
			if !tests[said] {
				err = errors.Join(err, fmt.Errorf("%s: there is no test %q", name, said))
			}
		case "unbound":
			u.only = auth.Permission(said)
			if g := auth.Lookup(u.only); g == nil || g.Binding != auth.Unbound {
				err = errors.Join(err, fmt.Errorf("%s: %q is for bound callers too, or is no permission", name, said))
			}
		case "why":
			u.why = said
			if len(strings.Fields(said)) < 4 {
				err = errors.Join(err, fmt.Errorf("%s: %q says nothing", name, said))
			}
		default:
			err = errors.Join(err, fmt.Errorf("%s: it has no reason", name))
		}
		if !slices.Contains(planted, name) {
			err = errors.Join(err, fmt.Errorf("%s: there is no such mutant", name))
		}
		if len(out) > 0 && out[len(out)-1].mutant >= name {
			err = errors.Join(err, fmt.Errorf("%s: it stands twice, or not in its order", name))
		}
		out = append(out, u)
	}
	return out, err
}

// testsThere are the tests of the house, as "folder name".
func testsThere() (map[string]bool, error) {
	all, err := house()
	out := map[string]bool{}
	for _, s := range all {
		for _, d := range s.tree.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && s.test && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				out[s.dir+" "+f.Name.Name] = true
			}
		}
	}
	return out, err
}

// Every mutant that no attack notices says what holds it instead.
func TestHouse_WhatNoAttackNoticesHasItsReason(t *testing.T) {
	t.Parallel()
	src, err := goSources()
	require.NoError(t, err)
	found, lifts, err := bindings(src)
	require.NoError(t, err)
	tests, err := testsThere()
	require.NoError(t, err)
	b, err := os.ReadFile(filepath.Join("testdata", "unnoticed.golden"))
	require.NoError(t, err)
	_, err = readUnnoticed(string(b), mutants(found, lifts), tests)
	require.NoError(t, err)

	planted := []string{"a", "b"}
	all, err := readUnnoticed("a => test internal/app TestHouse_WhatNoAttackNoticesHasItsReason\nb => unbound match:write\n", planted, tests)
	require.NoError(t, err)
	require.Equal(t, []unnoticed{{mutant: "a", dir: "internal/app", test: t.Name()}, {mutant: "b", only: "match:write"}}, all)
	for line, says := range map[string]string{
		"a\n":                                "no reason",
		"a => \n":                            "no reason",
		"a => because\n":                     "no reason",
		"a => why so\n":                      "says nothing",
		"a => test internal/app TestGone\n":  "no test",
		"a => unbound match:decide\n":        "for bound callers too",
		"a => unbound match:dream\n":         "no permission",
		"c => why nobody ever comes there\n": "no such mutant",
		strings.Repeat("a => unbound match:write\n", 2): "twice",
	} {
		_, err := readUnnoticed(line, planted, tests)
		require.ErrorContains(t, err, says, line)
	}
}
