package app

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"strings"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/openapi"
	"github.com/switchingtalent/switchboard/internal/platform/web"
	"github.com/switchingtalent/switchboard/internal/webhook"
)

//go:generate go run ./apidoc -root ../..

// Version is the version of the API document; CHANGELOG.md says what changed.
const Version = "0.1.0"

// Files generates what stands under api/, by path: the documents, and the schema and example of each type of fact. root
// is the root of the repository.
func Files(root string) (map[string][]byte, error) {
	swagger, err := openapi.Swag(root)
	if err != nil {
		return nil, err
	}
	doc, err := openapi.Finish(swagger, inputs((&App{}).Routes()))
	if err != nil {
		return nil, err
	}
	out := map[string][]byte{"openapi.json": doc, "asyncapi.json": asyncAPI()}
	for _, t := range fact.Types() {
		out[filepath.Join("events", t.Name+".schema.json")] = indent(t.Schema())
		out[filepath.Join("events", t.Name+".example.json")] = indent(t.Example())
	}
	return out, nil
}

func indent(raw json.RawMessage) []byte {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		panic(err) // our own JSON
	}
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err)
	}
	return append(b, '\n')
}

// inputs says of the routes, problems and facts what comments do not.
func inputs(routes []web.Route) openapi.Inputs {
	in := openapi.Inputs{
		Info: openapi.Info{Title: "Switchboard", Version: Version, Summary: "The multi-tenant API behind Switching Talent",
			Description: "Employees of one employer learn for a day or two on the work floor of another, with a leercoach, for a concrete leervraag. " +
				"Every ST-partner is a tenant; a token says which. Start with docs/getting-started.md.",
			License: "Apache-2.0", LicenseURL: "https://www.apache.org/licenses/LICENSE-2.0"},
		Permissions: map[string]string{}, Tags: tags,
	}
	for _, g := range auth.Grants {
		in.Permissions[string(g.Permission)] = g.Doc
	}
	for _, r := range routes {
		if !r.Documented() {
			continue
		}
		op := openapi.Operation{Method: r.Method, Path: templated(r.Path), Permission: string(r.Permission), Public: r.Permission == auth.Public,
			Status: r.Status, Idempotent: r.Idempotent(), IfMatch: r.IfMatch, List: r.List, Sync: r.Sync, Single: r.Single()}
		if g := auth.Lookup(r.Permission); g != nil {
			for _, role := range g.Roles {
				op.Roles = append(op.Roles, string(role))
			}
		}
		in.Operations = append(in.Operations, op)
	}
	for _, p := range fault.Problems() {
		in.Problems = append(in.Problems, openapi.ProblemDoc{Code: p.Code, Status: web.StatusOf(p.Kind), Title: p.Text.In("en", nil)})
	}
	for _, t := range fact.Types() {
		to := "Sent to every active endpoint that asked for it."
		if t == webhook.Tested {
			to = "Sent to the endpoint that is tested alone, whatever it asked for, and also while it is pending or paused."
		}
		in.Webhooks = append(in.Webhooks, openapi.Webhook{Type: t.Name, Summary: t.Doc, Description: to,
			Data: t.Schema(), Example: t.Example()})
	}
	return in
}

// templated writes gin's :id as {id}.
func templated(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if name, ok := strings.CutPrefix(p, ":"); ok {
			parts[i] = "{" + name + "}"
		}
	}
	return strings.Join(parts, "/")
}

// Golden is the table of routes as text: method, path, permission, status.
func Golden(routes []web.Route) string {
	var lines []string
	for _, r := range routes {
		lines = append(lines, strings.Join([]string{pad(r.Method, 6), pad(r.Path, 66), pad(string(r.Permission), 30), http.StatusText(r.Status)}, " "))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

func pad(s string, n int) string { return s + strings.Repeat(" ", max(0, n-len(s))) }
