//go:build examples

package app_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/api"
)

// The page generates clients and walks the journey with them. Its shell has the caches and settings of whoever runs the test:
// programs of npm and Go come from where theirs do.
func TestClients_WalkTheWholeJourney(t *testing.T) {
	t.Parallel()
	mine := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "XDG_DATA_HOME=") || strings.HasPrefix(v, "TMPDIR=") })
	dir := newHome(t)
	runs(t, "clients.md", 3, append(mine, "TMPDIR="+dir)...)

	// A member that programs read is gone, and an operation is called otherwise: the compilers say so.
	work, err := filepath.Glob(filepath.Join(dir, "*", "openapi.json"))
	require.NoError(t, err)
	require.Len(t, work, 1, "the page keeps the document in a place of its own")
	planted := document(t, api.OpenAPI)
	delete(part(t, planted, "components", "schemas", "Suggestion", "properties"), "score")
	drop(part(t, planted, "components", "schemas", "Suggestion"), "required", "score")
	part(t, planted, "paths", "/v1/leervragen/{id}/open", "post")["operationId"] = "unlockLeervraag"
	b, err := json.Marshal(planted)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(work[0], b, 0o600))
	said := func(folder, script string) string {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", script)
		cmd.Dir = filepath.Join(filepath.Dir(work[0]), folder)
		out, err := cmd.CombinedOutput()
		require.Error(t, err, "%s compiles what is wrong", folder)
		return string(out)
	}
	require.Contains(t, said("typescript", "npx openapi-typescript ../openapi.json --default-non-nullable false --output switchboard.d.ts && npx tsc"),
		"Property 'score' does not exist")
	require.Regexp(t, "OpenLeervraagWithResponse undefined|Score undefined", said("go", "go tool oapi-codegen -config oapi-codegen.yaml ../openapi.json && go vet ./..."))
}

// installed copies files of a folder to a place of its own, and gets what its package-lock.json names of npm.
func installed(t *testing.T, folder string, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range append(files, "package.json", "package-lock.json") {
		b, err := os.ReadFile(filepath.Join(folder, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
	}
	command(t, dir, nil, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
	return dir
}

// The document is what OpenAPI says that one is, and keeps our conventions: contract/rules.mjs says them one by one, and
// contract/rules.test.mjs plants a fault for each.
func TestLint_TheDocumentIsWithoutFault(t *testing.T) {
	t.Setenv("REDOCLY_TELEMETRY", "off")
	t.Setenv("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true")
	dir := installed(t, gates, "rules.mjs", "rules.test.mjs", "lint.mjs", "redocly.yaml")
	lint := func(doc []byte) (redocly, spectral error) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "openapi.json"), doc, 0o600))
		run := func(name string, args ...string) error {
			cmd := exec.CommandContext(t.Context(), name, args...)
			cmd.Dir = dir
			said, err := cmd.CombinedOutput()
			if err != nil {
				t.Logf("%s", said)
			}
			return err
		}
		return run(filepath.Join("node_modules", ".bin", "redocly"), "lint", "--config", "redocly.yaml", "openapi.json"),
			run("node", "lint.mjs", "openapi.json")
	}
	redocly, spectral := lint(api.OpenAPI)
	require.NoError(t, redocly)
	require.NoError(t, spectral)
	command(t, dir, nil, "node", "--test")

	planted := document(t, api.OpenAPI)
	part(t, planted, "components", "schemas", "Leervraag", "properties", "status")["type"] = "text"
	part(t, planted, "components", "schemas", "Leervraag", "properties")["latestAt"] = map[string]any{"$ref": "#/components/schemas/Nothing"}
	b, err := json.Marshal(planted)
	require.NoError(t, err)
	redocly, spectral = lint(b)
	require.Error(t, redocly, "it finds what is no OpenAPI")
	require.Error(t, spectral, "it finds that, and what breaks our conventions")
}
