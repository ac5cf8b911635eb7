package app_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sqlCalls are the calls that take SQL, with its place among their arguments: of gorm and db.Tx, of pgx.
var sqlCalls = map[string]int{
	"Raw": 0, "Run": 0, "Where": 0, "Not": 0, "Order": 0, "Joins": 0, "Having": 0, "Group": 0, "Expr": 0,
	"Select": 1, "Query": 1, "QueryRow": 1, "Queue": 0, "Exec": 0, "One": 2, "PlatformOne": 2, "InTenantOne": 3, "GetOr": 2,
}

// constantTexts are the constants of each folder by name, and under "" those of all folders by package and name.
func constantTexts(all []source) map[string]map[string]bool {
	out := map[string]map[string]bool{"": {}}
	for _, s := range all {
		if out[s.dir] == nil {
			out[s.dir] = map[string]bool{}
		}
		for _, d := range s.tree.Decls {
			if d, ok := d.(*ast.GenDecl); ok && d.Tok == token.CONST {
				for _, spec := range d.Specs {
					for _, name := range spec.(*ast.ValueSpec).Names {
						out[s.dir][name.Name] = true
						out[""][path.Base(s.dir)+"."+name.Name] = true // as others call it
					}
				}
			}
		}
	}
	return out
}

// variablePart is the first part of an expression that is no constant, or "".
func variablePart(e ast.Expr, fixed, others map[string]bool) string {
	switch x := e.(type) {
	case *ast.BasicLit:
		return ""
	case *ast.Ident:
		if fixed[x.Name] {
			return ""
		}
	case *ast.SelectorExpr:
		if others[types.ExprString(x)] {
			return ""
		}
	case *ast.ParenExpr:
		return variablePart(x.X, fixed, others)
	case *ast.BinaryExpr:
		if x.Op == token.ADD {
			if v := variablePart(x.X, fixed, others); v != "" {
				return v
			}
			return variablePart(x.Y, fixed, others)
		}
	case *ast.CallExpr: // a number that is a constant
		if len(x.Args) == 1 && types.ExprString(x.Fun) == "strconv.Itoa" {
			return variablePart(x.Args[0], fixed, others)
		}
	}
	return types.ExprString(e)
}

// isContextArg reports whether an argument is a context, by how those are called here.
func isContextArg(e ast.Expr) bool {
	text := types.ExprString(e)
	return text == "ctx" || text == "tx" || strings.HasSuffix(text, ".Context") || strings.HasPrefix(text, "context.")
}

// computedSQL lists the SQL of a file that is not a constant: where it stands, and what is joined into it.
func computedSQL(s source, constants map[string]map[string]bool) (out []string) {
	fixed, others := constants[s.dir], constants[""]
	for _, d := range s.tree.Decls {
		name := "(file)"
		if f, ok := d.(*ast.FuncDecl); ok {
			name = f.Name.Name
		}
		ast.Inspect(d, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			fun := call.Fun
			if g, ok := fun.(*ast.IndexExpr); ok { // One[T]
				fun = g.X
			}
			sel, ok := fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			at, ok := sqlCalls[sel.Sel.Name]
			if ok && at == 0 && len(call.Args) > 0 && isContextArg(call.Args[0]) { // pgx has it behind the context
				at++
			}
			if ok && at < len(call.Args) && types.ExprString(fun) != "external.Where" { // which takes no SQL
				if v := variablePart(call.Args[at], fixed, others); v != "" {
					out = append(out, fmt.Sprintf("%-36s %-18s %s(… %s …)", s.path, name, sel.Sel.Name, v))
				}
			}
			return true
		})
	}
	return out
}

// Whoever can write SQL can set any tenant, so a statement is a constant and what a caller sent is a parameter of it. What is
// put together stands here, each with the part that is not a constant, so that a new one shows in the diff.
func TestHouse_SQLIsConstant(t *testing.T) {
	t.Parallel()
	all := sources(t)
	fixed := constantTexts(all)
	var lines []string
	for _, s := range all {
		if !s.test && !isTool(s.dir) && s.dir != "internal/platform/db" { // which hands on what it is given
			lines = append(lines, computedSQL(s, fixed)...)
		}
	}
	slices.Sort(lines)
	golden(t, "sql.golden", strings.Join(slices.Compact(lines), "\n")+"\n")
}

func TestHouse_SQLThatIsPutTogetherIsSeen(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"tx.Run(`delete from x where name = '` + in.Name + `'`)":      "in.Name",
		"tx.Raw(fmt.Sprintf(`select %s`, column)).Scan(&out)":         "fmt.Sprintf(`select %s`, column)",
		"db.One(tx, &row, `select ` + columns + ` from ` + in.Table)": "in.Table",
		"tx.Where(filter).Find(&out)":                                 "filter",
		"q.QueryRow(ctx, text, 1)":                                    "text",
		"db.One[Row](tx, &row, text)":                                 "text",
		"tx.Run(`select 1 limit ` + strconv.Itoa(in.Limit))":          "in.Limit",
		"tx.Run(`select ` + columns + ` limit ` + strconv.Itoa(max))": "",
		"tx.Run(`delete from x where name = ?`, in.Name)":             "",
	} {
		tree, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\nconst columns, max = `a, b`, 5\nfunc f() { "+body+" }", 0)
		require.NoError(t, err, body)
		s := source{path: "x.go", dir: "x", tree: tree}
		got := computedSQL(s, constantTexts([]source{s}))
		if want == "" {
			require.Empty(t, got, body)
			continue
		}
		require.Len(t, got, 1, body)
		require.Contains(t, got[0], "(… "+want+" …)", body)
	}
}
