package app_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const insecure = "SWITCHBOARD_INSECURE_WEBHOOKS="

// onlyLoopback is what the processes that tests start read: they call nothing but this machine.
const onlyLoopback = insecure + "loopback"

// calling lists where a file lets the product call what is not on this machine: by a policy of its own, by options without one, by
// an environment that says otherwise, or by a process with an environment that it did not get from environment.
func calling(s source) []string {
	var out []string
	outbound, app := s.local(module+"internal/platform/outbound"), s.local(module+"internal/app")
	say := func(format string, args ...any) { out = append(out, s.path+" "+fmt.Sprintf(format, args...)) }
	ast.Inspect(s.tree, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.SelectorExpr:
			if outbound != "" && isIdent(x.X, outbound) && x.Sel.Name == "Policy" {
				say("makes a policy")
			}
		case *ast.CompositeLit:
			if sel, ok := x.Type.(*ast.SelectorExpr); ok && app != "" && isIdent(sel.X, app) && sel.Sel.Name == "Options" &&
				!slices.ContainsFunc(x.Elts, func(e ast.Expr) bool {
					kv, ok := e.(*ast.KeyValueExpr)
					return ok && isIdent(kv.Key, "Outbound") && types.ExprString(kv.Value) == outbound+".OnlyLoopback()"
				}) {
				say("has options that call anywhere")
			}
		case *ast.AssignStmt:
			for _, l := range x.Lhs {
				if sel, ok := l.(*ast.SelectorExpr); ok && sel.Sel.Name == "Outbound" {
					say("sets a policy")
				}
			}
		case *ast.BasicLit:
			text, err := strconv.Unquote(x.Value)
			if err == nil && x.Kind == token.STRING && text != onlyLoopback && text != insecure && strings.HasPrefix(text, insecure) {
				say("says %s", text)
			}
		case *ast.FuncDecl:
			begins, sets := false, false
			ast.Inspect(x, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok {
					begins = begins || isIdent(call.Fun, "program")
					sets = sets || isIdent(call.Fun, "environment") || types.ExprString(call.Fun) == "require.Contains" && len(call.Args) > 2 && isIdent(call.Args[2], "onlyLoopback")
				}
				return true
			})
			if begins && !sets && s.dir == "internal/app" {
				say("starts the program in %s with any environment", x.Name.Name)
			}
		}
		return true
	})
	return out
}

// A test sends nothing off the loopback: neither what it runs itself nor the processes that it starts. platform/outbound, which is
// tested with other policies, resolves names by itself there, and judges at the hook what it must not call.
func TestHouse_TestsCallNothingButLoopback(t *testing.T) {
	t.Parallel()
	bad, seen := findings{}, 0
	for _, s := range sources(t) {
		if s.dir == "internal/platform/outbound" || !s.test && s.dir != "internal/platform/testkit" && s.dir != "internal/app/bench" {
			continue
		}
		if s.local(module+"internal/platform/outbound") != "" {
			seen++
		}
		for _, why := range calling(s) {
			bad.add(false, "%s", why)
		}
	}
	bad.none(t, "use outbound.OnlyLoopback, and environment for processes")
	require.Positive(t, seen)
}

func TestHouse_ATestThatCallsElsewhereIsSeen(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"_ = outbound.New(outbound.Policy{})":                                        "makes a policy",
		"var p outbound.Policy; p.Insecure = true":                                   "makes a policy",
		"_ = app.Options{Log: nil}":                                                  "has options that call anywhere",
		"_ = app.Options{Outbound: elsewhere}":                                       "has options that call anywhere",
		"o.Outbound = elsewhere":                                                     "sets a policy",
		`start(t, environment(home, "SWITCHBOARD_INSECURE_WEBHOOKS=false"))`:         "says SWITCHBOARD_INSECURE_WEBHOOKS=false",
		"path, err := program(); exec.Command(path).Run()":                           "starts the program in f with any environment",
		"_ = app.Options{Outbound: outbound.OnlyLoopback()}":                         "",
		"path, err := program(); c := exec.Command(path); c.Env = environment(home)": "",
	} {
		tree, err := parser.ParseFile(token.NewFileSet(), "x_test.go", "package x\nimport (\""+module+"internal/app\"; \""+module+"internal/platform/outbound\")\nfunc f() { "+body+" }", 0)
		require.NoError(t, err, body)
		got := calling(source{path: "x_test.go", dir: "internal/app", test: true, tree: tree})
		if want == "" {
			require.Empty(t, got, body)
			continue
		}
		require.Equal(t, []string{"x_test.go " + want}, got, body)
	}
}
