package app_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
)

// sqlCalls are the calls of gorm and pgx that take SQL, with its place among their arguments; pgx has it behind the context. What is said
// of ours stands in ours: a text that is called query or sql (wantsSQL).
var sqlCalls = map[string]int{
	"Raw": 0, "Exec": 0, "Where": 0, "Not": 0, "Or": 0, "Order": 0, "Joins": 0, "InnerJoins": 0, "Having": 0, "Group": 0, "Expr": 0, "Table": 0,
	"Distinct": 0, "Select": 0, "Pluck": 0, "Update": 0, "UpdateColumn": 0, "SavePoint": 0, "RollbackTo": 0,
	"Find": 1, "First": 1, "Last": 1, "Take": 1, "Delete": 1, "FirstOrInit": 1, "FirstOrCreate": 1, "Preload": 1, // conditions in passing
	"Query": 0, "QueryRow": 0, "Queue": 0, "Prepare": 1,
}

// columnCalls take columns in all their arguments, unless the first has a ? for them.
var columnCalls = []string{"Select", "Distinct"}

// noSQL are the methods of gorm and pgx that are given something and make no SQL of it, but of rows whose types say their columns.
var noSQL = strings.Fields(`Model Omit Attrs Assign Create CreateInBatches Save FindInBatches Updates UpdateColumns Scan ScanRows Set Get InstanceSet
	InstanceGet SetupJoinTable AutoMigrate Association QuoteTo BindVarTo Explain CopyFrom Deallocate LoadType LoadTypes`)

// clauseTexts are the members of gorm's clauses that it writes as they are.
var clauseTexts = []string{"SQL", "Strength", "Options", "Modifier", "Name", "Alias", "OnConstraint", "Type"}

// statements knows of some sources which texts are SQL.
type statements struct {
	*ours
	handed map[types.Object]bool // parameters that are SQL, and stay what they were given: whoever gives it is judged
}

func statementsOf(sources map[string][]byte) (*statements, error) {
	o, err := typed(sources)
	if err != nil {
		return nil, err
	}
	p := &statements{o, map[types.Object]bool{}}
	for _, def := range p.info.Defs {
		if f, ok := def.(*types.Func); ok {
			if at := wantsSQL(f); at >= 0 {
				p.handed[f.Signature().Params().At(at)] = true
			}
		}
	}
	for _, trees := range p.trees {
		for _, tree := range trees {
			ast.Inspect(tree, func(n ast.Node) bool {
				switch x := n.(type) {
				case *ast.AssignStmt:
					for _, to := range x.Lhs {
						if i, ok := to.(*ast.Ident); ok {
							delete(p.handed, p.info.Uses[i])
						}
					}
				case *ast.UnaryExpr:
					if i, ok := x.X.(*ast.Ident); ok && x.Op == token.AND {
						delete(p.handed, p.info.Uses[i])
					}
				}
				return true
			})
		}
	}
	return p, nil
}

// wantsSQL is which argument of one of our own functions is SQL: the first that is a text and called query or sql; -1 where none is.
func wantsSQL(f *types.Func) int {
	for i, v := range slices.Collect(f.Signature().Params().Variables()) {
		if basic, ok := v.Type().(*types.Basic); ok && basic.Kind() == types.String && (v.Name() == "query" || v.Name() == "sql") {
			return i
		}
	}
	return -1
}

// variablePart is the first part of an expression that is no constant, or "".
func (p *statements) variablePart(e ast.Expr) string {
	if p.info.Types[e].Value != nil {
		return ""
	}
	switch x := e.(type) {
	case *ast.ParenExpr:
		return p.variablePart(x.X)
	case *ast.BinaryExpr:
		if x.Op == token.ADD {
			if v := p.variablePart(x.X); v != "" {
				return v
			}
			return p.variablePart(x.Y)
		}
	case *ast.CallExpr:
		switch types.ExprString(x.Fun) {
		case "strconv.Itoa": // a number that is a constant
			return p.variablePart(x.Args[0])
		case "gorm.Expr": // which is judged itself
			return ""
		}
	case *ast.CompositeLit:
		if sel, ok := x.Type.(*ast.SelectorExpr); ok && isIdent(sel.X, "clause") { // so is this
			return ""
		}
	case *ast.Ident:
		if p.handed[p.info.Uses[x]] {
			return ""
		}
	}
	if _, ok := p.info.Types[e].Type.(*types.Signature); ok { // what becomes of a batch's answer
		return ""
	}
	return types.ExprString(e)
}

// isContextArg reports whether an argument is a context, by how those are called here.
func isContextArg(e ast.Expr) bool {
	text := types.ExprString(e)
	return text == "ctx" || text == "tx" || strings.HasSuffix(text, ".Context") || strings.HasPrefix(text, "context.")
}

// sqlArguments are those arguments of a call that are SQL.
func (p *statements) sqlArguments(call *ast.CallExpr) (name string, args []ast.Expr) {
	fun := ast.Unparen(call.Fun)
	if g, ok := fun.(*ast.IndexExpr); ok { // One[T]
		fun = g.X
	}
	var of ast.Expr
	called, ok := fun.(*ast.Ident)
	if sel, chosen := fun.(*ast.SelectorExpr); chosen {
		called, of, ok = sel.Sel, sel.X, true
	}
	if !ok {
		return "", nil
	}
	at, known := sqlCalls[called.Name]
	switch f := p.info.Uses[called].(type) {
	case *types.Func:
		at = wantsSQL(f)
		if at < 0 || at >= len(call.Args) {
			return "", nil
		}
		return called.Name, call.Args[at : at+1]
	case nil:
	default:
		return "", nil // a variable that is a function, a conversion
	}
	if x, ok := of.(*ast.Ident); ok {
		if pkg, ok := p.info.Uses[x].(*types.PkgName); ok && pkg.Imported().Path() != "gorm.io/gorm" {
			return "", nil // a function of another's: cmp.Or, slices.Delete
		}
	}
	if !known || of == nil {
		return "", nil
	}
	if len(call.Args) > 0 && isContextArg(call.Args[0]) {
		at++
	}
	if at >= len(call.Args) {
		return "", nil
	}
	args = call.Args[at : at+1]
	if v := p.info.Types[args[0]].Value; slices.Contains(columnCalls, called.Name) && (v == nil || !strings.Contains(v.String(), "?")) {
		args = call.Args[at:]
	}
	return called.Name, args
}

// computedSQL lists the SQL of a file that is not a constant: where it stands, and what is joined into it.
func (p *statements) computedSQL(file string) (out []string) {
	for _, d := range p.trees[path.Dir(file)][file].Decls {
		name, builds := "(file)", false
		if f, ok := d.(*ast.FuncDecl); ok {
			name = f.Name.Name
			builds = len(f.Type.Params.List) == 1 && types.ExprString(f.Type.Params.List[0].Type) == "clause.Builder"
		}
		judge := func(in string, args ...ast.Expr) {
			for _, a := range args {
				if v := p.variablePart(a); v != "" {
					out = append(out, fmt.Sprintf("%-36s %-18s %s(… %s …)", file, name, in, v))
				}
			}
		}
		ast.Inspect(d, func(n ast.Node) bool {
			switch x := n.(type) {
			case *ast.CallExpr:
				in, args := p.sqlArguments(x)
				judge(in, args...)
				if sel, ok := x.Fun.(*ast.SelectorExpr); ok && builds && (sel.Sel.Name == "WriteString" || sel.Sel.Name == "WriteByte") {
					judge(sel.Sel.Name, x.Args...)
				}
			case *ast.CompositeLit:
				clauses(x.Type, x, judge)
			}
			return true
		})
	}
	return out
}

// clauses judges what a literal of some type holds of gorm's clauses: itself, or, in a list or map of them, those that do not say their
// type again.
func clauses(of ast.Expr, x *ast.CompositeLit, judge func(in string, args ...ast.Expr)) {
	if p, ok := of.(*ast.StarExpr); ok { // in a list of pointers
		of = p.X
	}
	var each ast.Expr
	switch of := of.(type) {
	case *ast.ArrayType:
		each = of.Elt
	case *ast.MapType:
		each = of.Value
	case *ast.SelectorExpr:
		if !isIdent(of.X, "clause") {
			return
		}
		for _, e := range x.Elts {
			kv, ok := e.(*ast.KeyValueExpr)
			if !ok {
				judge("clause."+of.Sel.Name, e)
			} else if key, ok := kv.Key.(*ast.Ident); ok && slices.Contains(clauseTexts, key.Name) {
				judge("clause."+of.Sel.Name, kv.Value)
			}
		}
	}
	if each == nil {
		return
	}
	for _, e := range x.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			e = kv.Value
		}
		if one, ok := e.(*ast.CompositeLit); ok && one.Type == nil {
			clauses(each, one, judge)
		}
	}
}

// Whoever can write SQL can set any tenant, so a statement is a constant and what a caller sent is a parameter of it. What is
// put together stands here, each with the part that is not a constant, so that a new one shows in the diff.
func TestHouse_SQLIsConstant(t *testing.T) {
	t.Parallel()
	src := map[string][]byte{}
	for _, s := range sources(t) {
		if !s.test && !isTool(s.dir) {
			b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(s.path)))
			require.NoError(t, err)
			src[s.path] = b
		}
	}
	p, err := statementsOf(src)
	require.NoError(t, err)
	var lines []string
	for file := range src {
		lines = append(lines, p.computedSQL(file)...)
	}
	slices.Sort(lines)
	golden(t, "sql.golden", strings.Join(slices.Compact(lines), "\n")+"\n")
}

// What gorm and pgx can do is read from them: a method that takes a text, or anything, takes SQL or is known to take none.
func TestHouse_EveryMethodThatMayTakeSQLIsKnown(t *testing.T) {
	t.Parallel()
	text, anything := reflect.TypeFor[string](), reflect.TypeFor[any]()
	may := func(of reflect.Type) bool {
		for of.Kind() == reflect.Slice {
			of = of.Elem()
		}
		return of == text || of == anything || of == reflect.TypeFor[pgx.Identifier]()
	}
	met := map[string]bool{}
	for _, of := range []reflect.Type{reflect.TypeFor[*gorm.DB](), reflect.TypeFor[pgx.Tx](), reflect.TypeFor[*pgx.Conn](), reflect.TypeFor[*pgx.Batch](),
		reflect.TypeFor[*pgxpool.Pool](), reflect.TypeFor[*pgxpool.Conn]()} {
		require.NotZero(t, of.NumMethod(), of)
		for m := range of.Methods() {
			for in := range m.Type.Ins() {
				if may(in) {
					met[m.Name] = true
				}
			}
		}
	}
	var unknown []string
	for name := range met {
		if _, takes := sqlCalls[name]; takes == slices.Contains(noSQL, name) {
			unknown = append(unknown, name)
		}
	}
	require.Empty(t, unknown, "say in sqlCalls where these take SQL, or in noSQL that they take none")
	known := append(slices.Collect(maps.Keys(sqlCalls)), noSQL...)
	require.Empty(t, slices.DeleteFunc(known, func(name string) bool { return met[name] || name == "Expr" }), "no method is called so, or it takes no text")
}

func TestHouse_SQLThatIsPutTogetherIsSeen(t *testing.T) {
	t.Parallel()
	const own = `package db
		import "gorm.io/gorm"
		type Tx struct{ *gorm.DB }
		func (tx *Tx) Run(query string, args ...any) {}
		func (tx *Tx) Later(query string, args ...any) {}
		func (tx *Tx) Select(dest any, query string, args ...any) {}
		func One[T any](tx *Tx, dest *T, query string) {}`
	const head = `package x
		import ("cmp"; "slices"; "gorm.io/gorm"; "gorm.io/gorm/clause"; "` + module + `db")
		const columns, max = "a, b", 5
		type Row struct{}
		func known[T any](tx *db.Tx, query string) { tx.Select(nil, "select 1") }
		func named(name string) {}
		func f(tx *db.Tx, text string, in, out, row, filter, q, ctx, b any) { `
	for body, want := range map[string]string{
		"tx.Run(`delete from x where name = '` + in.Name + `'`)":      "in.Name",
		"tx.Later(`delete from x where name = '` + in.Name + `'`)":    "in.Name",
		"tx.Select(&out, `select ` + text)":                           "text",
		"tx.Raw(fmt.Sprintf(`select %s`, column)).Scan(&out)":         "fmt.Sprintf(`select %s`, column)",
		"db.One(tx, &row, `select ` + columns + ` from ` + in.Table)": "in.Table",
		"db.One[Row](tx, &row, text)":                                 "text",
		"known[int](tx, text)":                                        "text",
		"known[int](tx, `select 1 where a = ` + text)":                "text",
		"tx.Where(filter).Find(&out)":                                 "filter",
		"tx.Where(`a`).Or(`b = ` + text)":                             "text",
		"tx.Find(&out, `name = ` + text)":                             "text",
		"tx.Delete(&row, text)":                                       "text",
		"tx.Model(&row).Pluck(text, &out)":                            "text",
		"tx.Model(&row).Distinct(`a`, text)":                          "text",
		"tx.Model(&row).Select(`a`, text)":                            "text",
		"tx.Table(text)":                                              "text",
		"tx.InnerJoins(text)":                                         "text",
		"tx.SavePoint(text)":                                          "text",
		"tx.Order(clause.Expr{SQL: text})":                            "text",
		"tx.Where(clause.NamedExpr{SQL: `a = ` + text, Vars: nil})":   "text",
		"tx.Clauses(clause.Locking{Strength: text})":                  "text",
		"tx.Clauses(clause.OrderBy{Columns: []clause.OrderByColumn{{Column: clause.Column{Name: text}}}})": "text",
		"tx.Clauses(clause.GroupBy{Columns: []clause.Column{{Name: text}}})":                               "text",
		"b = []clause.Expr{{SQL: text}}":                                        "text",
		"b = map[int][]*clause.Expr{1: {{SQL: text}}}":                          "text",
		"b = []clause.Column{{Name: `a`}, {`t`, text, ``, false}}":              "text",
		"b = []clause.Column{{Name: `a`}, {Name: columns}}":                     "",
		"tx.Preload(`Sites`, `name = ` + text)":                                 "text",
		"tx.Where(gorm.Expr(text))":                                             "text",
		"q.QueryRow(ctx, text, 1)":                                              "text",
		"q.Prepare(ctx, `name`, text)":                                          "text",
		"b.Queue(text)":                                                         "text",
		"tx.Run(`select 1 limit ` + strconv.Itoa(in.Limit))":                    "in.Limit",
		"columns := text; tx.Run(columns)":                                      "columns",
		"func(columns string) { tx.Run(columns) }(text)":                        "columns",
		"}; func g(tx *db.Tx, columns string) { tx.Run(`select ` + columns)":    "columns",
		"}; func (r Row) Build(b clause.Builder) { b.WriteString(in.Name)":      "in.Name",
		"}; func g(tx *db.Tx, query string) { query += in.Name; tx.Run(query)":  "query",
		"}; func g(tx *db.Tx, query string) { change(&query); tx.Run(query)":    "query",
		"}; func g(tx *db.Tx, query string) { tx.Run(`x` + query)":              "",
		"const local = `select 1`; tx.Run(local + columns)":                     "",
		"tx.Run(`select ` + columns + ` limit ` + strconv.Itoa(max))":           "",
		"tx.Run(`delete from x where name = ?`, in.Name)":                       "",
		"tx.Model(&row).Select(`coalesce(?, a)`, in.Name)":                      "",
		"tx.Where(`a = ?`, text).Order(`id`).Limit(5).Find(&out)":               "",
		"named(text); cmp.Or(text, ``); slices.Delete(in, text, 1); in.Close()": "",
	} {
		p, err := statementsOf(map[string][]byte{"db/db.go": []byte(own), "x/x.go": []byte(head + body + " }")})
		require.NoError(t, err, body)
		got := p.computedSQL("x/x.go")
		if want == "" {
			require.Empty(t, got, body)
			continue
		}
		require.NotEmpty(t, got, body)
		require.Contains(t, got[0], "(… "+want+" …)", body)
	}
}
