package app_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/api"
)

// gates is where the tools of the contract stand: a module of their own, and packages of npm.
const gates = "contract"

func document(t *testing.T, b []byte) map[string]any {
	t.Helper()
	var doc map[string]any
	require.NoError(t, json.Unmarshal(b, &doc))
	return doc
}

// broken is one thing that callers of the document as it was would stumble over.
type broken struct {
	ID        string `json:"id"` // of oasdiff's check
	Operation string `json:"operation"`
	Path      string `json:"path"`
	Text      string `json:"text"`
}

func (b broken) String() string {
	return b.Operation + " " + b.Path + ": " + b.Text + " [" + b.ID + "]"
}

// breaking asks oasdiff what in a document breaks callers of another. contract/severity.txt says where our policy is another
// than oasdiff's: answers may grow, and what requests take must stay, because they are closed. What we send has a gate of its
// own, TestEventTypes_OnlyGrow, for whom a new member is no fault.
func breaking(t *testing.T, was, now map[string]any) []broken {
	t.Helper()
	dir := t.TempDir()
	args := []string{"tool", "oasdiff", "breaking", "--format", "json", "--severity-levels", "severity.txt"}
	for name, doc := range map[string]map[string]any{"was.json": was, "now.json": now} {
		calls := map[string]any{}
		for k, v := range doc {
			if k != "webhooks" {
				calls[k] = v
			}
		}
		b, err := json.Marshal(calls)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
	}
	cmd := exec.CommandContext(t.Context(), "go", append(args, filepath.Join(dir, "was.json"), filepath.Join(dir, "now.json"))...)
	cmd.Dir = gates
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	require.NoError(t, err, "%s%s", said.String(), out)
	var found []broken
	require.NoError(t, json.Unmarshal(out, &found), "%s", out)
	return found
}

// breach is one thing that breaks callers, or those that a pattern tells, and why it was done all the same.
type breach struct {
	pattern *regexp.Regexp // of broken.String()
	why     string
}

// aSeal ends a line of breaks.txt: what stands above it went into the baseline that it was made of.
var aSeal = regexp.MustCompile(`^sealed ([0-9]{4}-[0-9]{2}-[0-9]{2}) ([0-9a-f]{64})$`)

// sealOf is what a baseline is sealed with: it holds for that document and for all that was named until then.
func sealOf(named string, document []byte) string {
	return fmt.Sprintf("%x", sha256.Sum256(append([]byte(named), document...)))
}

// readBreaks reads what is named since the last seal, which must be that of the baseline.
func readBreaks(text string, baseline []byte) ([]breach, error) {
	var out []breach
	sealed, above := false, ""
	for line := range strings.Lines(text) {
		bare := strings.TrimSpace(line)
		pattern, why, told := strings.Cut(bare, " | ")
		switch m := aSeal.FindStringSubmatch(bare); {
		case m != nil:
			sealed, out = m[2] == sealOf(above, baseline), nil
		case bare == "" || strings.HasPrefix(bare, "#"):
		case !told || strings.TrimSpace(why) == "":
			return nil, fmt.Errorf("%q says no why, after \" | \"", bare)
		default:
			p, err := regexp.Compile(pattern)
			if err != nil {
				return nil, err
			}
			out = append(out, breach{p, why})
		}
		above += line
	}
	if !sealed {
		return nil, errors.New("the baseline is not what was sealed: put back the one that was, and let it be made anew (docs/house.md, the gates of the contract)")
	}
	return out, nil
}

// unnamed says what breaks callers and is not named, and what is named and breaks nobody.
func unnamed(found []broken, all []breach) (out []string) {
	used := make([]bool, len(all))
	for _, b := range found {
		i := slices.IndexFunc(all, func(n breach) bool { return n.pattern.MatchString(b.String()) })
		if i < 0 {
			out = append(out, b.String())
		} else {
			used[i] = true
		}
	}
	for i, n := range all {
		if !used[i] {
			out = append(out, "named, and breaks nobody: "+n.pattern.String())
		}
	}
	return out
}

// rebase puts today's document in the place of the baseline: api/released/breaks.txt with its seal. It refuses while something that
// breaks callers is not named.
func rebase(text string, baseline, today []byte, found []broken, now time.Time) (string, error) {
	all, err := readBreaks(text, baseline)
	if err != nil {
		return "", err
	}
	if wrong := unnamed(found, all); len(wrong) > 0 {
		return "", fmt.Errorf("name them in the list of what broke (api/released/breaks.txt of the document, events.txt of facts), each with its reason, or undo them:\n%s", strings.Join(wrong, "\n"))
	}
	if text = strings.TrimRight(text, "\n") + "\n"; bytes.Equal(baseline, today) {
		return text, nil
	}
	return text + "sealed " + now.Format(time.DateOnly) + " " + sealOf(text, today) + "\n", nil
}

var releasing = flag.Bool("release", false, "make today's API document the one that no change may break (make release-document)")

func TestReleased_NothingThatCallersRelyOnIsGone(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(root, "api", "released")
	text, err := os.ReadFile(filepath.Join(folder, "breaks.txt"))
	require.NoError(t, err)
	baseline, err := os.ReadFile(filepath.Join(folder, "openapi.json"))
	require.NoError(t, err)
	made, err := rebase(string(text), baseline, api.OpenAPI, breaking(t, document(t, baseline), document(t, api.OpenAPI)), time.Now())
	require.NoError(t, err, "changes are additive only (docs/house.md, the gates of the contract)")
	if *releasing {
		require.NoError(t, os.WriteFile(filepath.Join(folder, "openapi.json"), api.OpenAPI, 0o644))
		require.NoError(t, os.WriteFile(filepath.Join(folder, "breaks.txt"), []byte(made), 0o644))
	}
}

// The baseline is replaced only together with the names of what breaks by it. What went through before this gate was so, a number that
// may be null, is planted once more.
func TestReleased_TheBaselineIsReplacedByNobodyWhoDoesNotSayWhatBreaks(t *testing.T) {
	t.Parallel()
	now := document(t, api.OpenAPI)
	part(t, now, "components", "schemas", "Leerplek", "properties", "capacity")["type"] = []any{"integer", "null"}
	today, err := json.Marshal(now)
	require.NoError(t, err)
	found := breaking(t, document(t, api.OpenAPI), now)
	require.NotEmpty(t, found)
	on := time.Date(2027, 1, 11, 0, 0, 0, 0, time.UTC)
	head := "# what broke\nold thing | long ago\n"
	text := head + "sealed 2027-01-10 " + sealOf(head, api.OpenAPI) + "\n"
	const line = `capacity. became nullable .*\[response-property-became-nullable\] | a leerplek may have no end` + "\n"

	same, err := rebase(text, api.OpenAPI, api.OpenAPI, nil, on)
	require.NoError(t, err, "the control: nothing changed")
	require.Equal(t, text, same)
	for what, c := range map[string]struct {
		text     string
		baseline []byte
	}{
		"nothing is named":                      {text, api.OpenAPI},
		"the document was copied over":          {text, today},
		"it was named, and copied over":         {text + line, today},
		"it has no reason":                      {text + strings.TrimSuffix(line, "a leerplek may have no end\n") + "\n", api.OpenAPI},
		"it was named before the last seal":     {head + line + "sealed 2027-01-10 " + sealOf(head+line, api.OpenAPI) + "\n", api.OpenAPI},
		"something is named that breaks nobody": {text + line + "no such thing | because\n", api.OpenAPI},
		"what was named once is gone":           {strings.Replace(text, "old thing | long ago\n", "", 1) + line, api.OpenAPI},
		"there is no seal":                      {line, api.OpenAPI},
	} {
		_, err := rebase(c.text, c.baseline, today, found, on)
		require.Error(t, err, what)
	}

	made, err := rebase(text+line, api.OpenAPI, today, found, on)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(made, text+line))
	again, err := rebase(made, today, today, nil, on)
	require.NoError(t, err, "it is the baseline now, and its name is used up")
	require.Equal(t, made, again)
	_, err = rebase(made, api.OpenAPI, api.OpenAPI, nil, on)
	require.Error(t, err, "and the one before is not")
}

// part goes down in a document: keys of objects, and a parameter by its name.
func part(t *testing.T, v any, path ...string) map[string]any {
	t.Helper()
	for _, p := range path {
		switch x := v.(type) {
		case map[string]any:
			next, ok := x[p]
			require.True(t, ok, "nothing is at %s of %s", p, strings.Join(path, " "))
			v = next
		case []any:
			i := slices.IndexFunc(x, func(e any) bool { return e.(map[string]any)["name"] == p })
			require.GreaterOrEqual(t, i, 0, "nothing is called %s at %s", p, strings.Join(path, " "))
			v = x[i]
		}
	}
	out, ok := v.(map[string]any)
	require.True(t, ok, "%s is no object", strings.Join(path, " "))
	return out
}

// All faults are planted at once, each in a place of its own, and each must be seen there; what may grow is planted in another
// document, and must pass.
func TestReleased_TheGateBites(t *testing.T) {
	t.Parallel()
	schema := func(name string) []string { return []string{"components", "schemas", name} }
	member := func(name, m string) []string { return append(schema(name), "properties", m) }
	now := document(t, api.OpenAPI)
	faults := []struct {
		what, id, where string
		plant           func()
	}{
		{"a path is gone", "api-path-removed-without-deprecation", "/v1/rivals/{id}", func() { delete(part(t, now, "paths"), "/v1/rivals/{id}") }},
		{"an operation is gone", "api-removed-without-deprecation", "/v1/webhook-endpoints/{id}", func() { delete(part(t, now, "paths", "/v1/webhook-endpoints/{id}"), "delete") }},
		{"an operation is called otherwise", "api-operation-id-removed", "/v1/whoami", func() { part(t, now, "paths", "/v1/whoami", "get")["operationId"] = "readWhoami" }},
		{"a state is gone from an answer", "response-property-enum-value-removed", "/v1/leervragen/{id}", func() { drop(part(t, now, member("Leervraag", "status")...), "enum", "partly_answered") }},
		{"a value is refused in a request", "request-property-enum-value-removed", "/v1/leervragen", func() { drop(part(t, now, member("LeervraagInput", "clarity")...), "enum", "vague") }},
		{"a member is gone from an answer", "response-required-property-removed", "/v1/matches/{id}", func() {
			delete(part(t, now, append(schema("Match"), "properties")...), "decisions")
			drop(part(t, now, schema("Match")...), "required", "decisions")
		}},
		{"a member may be missing from an answer", "response-property-became-optional", "/v1/matches/{id}", func() { drop(part(t, now, schema("Match")...), "required", "status") }},
		{"a member of an answer may be null", "response-property-became-nullable", "/v1/leerplekken/{id}", func() { part(t, now, member("Leerplek", "capacity")...)["type"] = []any{"integer", "null"} }},
		{"a member is refused in a request", "request-property-removed", "/v1/leerplekken", func() { delete(part(t, now, append(schema("LeerplekInput"), "properties")...), "safety_note") }},
		{"a new member is needed", "new-required-request-property", "/v1/leerplekken", func() {
			part(t, now, append(schema("LeerplekInput"), "properties")...)["colour"] = map[string]any{"type": "string"}
			s := part(t, now, schema("LeerplekInput")...)
			s["required"] = append(s["required"].([]any), "colour")
		}},
		{"a member is needed that could be left out", "request-property-became-required", "/v1/leerplekken", func() {
			s := part(t, now, schema("LeerplekInput")...)
			s["required"] = append(s["required"].([]any), "meeting_point")
		}},
		{"a member of an answer is of another type", "response-property-type-changed", "/v1/medewerkers/{id}", func() { part(t, now, member("Medewerker", "job_title")...)["type"] = "integer" }},
		{"a text may be less long", "request-property-max-length-decreased", "/v1/leervragen", func() { part(t, now, member("LeervraagInput", "title")...)["maxLength"] = 20 }},
		{"a number may be less high", "request-property-max-decreased", "/v1/leerplekken", func() { part(t, now, member("LeerplekInput", "capacity")...)["maximum"] = 2 }},
		{"a list may be less long", "request-property-max-items-decreased", "/v1/leervragen", func() { part(t, now, member("LeervraagInput", "goals")...)["maxItems"] = 1 }},
		{"an id looks otherwise", "request-property-pattern-changed", "/v1/leervragen", func() { part(t, now, member("LeervraagInput", "switcher_id")...)["pattern"] = "^x" }},
		{"a parameter is gone", "request-parameter-removed", "/v1/surveys", func() {
			op := part(t, now, "paths", "/v1/surveys", "get")
			op["parameters"] = slices.DeleteFunc(op["parameters"].([]any), func(p any) bool { return p.(map[string]any)["name"] == "leeruitwisseling_id" })
		}},
		{"pages are smaller", "request-parameter-max-decreased", "/v1/organisations", func() { part(t, now, "components", "parameters", "Limit", "schema")["maximum"] = 50 }},
		{"a success is gone", "response-success-status-removed", "/v1/clients", func() {
			r := part(t, now, "paths", "/v1/clients", "post", "responses")
			r["200"] = r["201"]
			delete(r, "201")
		}},
		{"an answer is of another medium", "response-media-type-removed", "/v1/leerbewijzen/{id}/pdf", func() {
			c := part(t, now, "paths", "/v1/leerbewijzen/{id}/pdf", "get", "responses", "200", "content")
			c["image/png"] = c["application/pdf"]
			delete(c, "application/pdf")
		}},
		{"a header is gone", "optional-response-header-removed", "/v1/clients", func() {
			delete(part(t, now, "paths", "/v1/clients", "get", "responses", "200", "headers"), "Link")
		}},
		{"a wider scope is needed", "api-security-scope-added", "/v1/topics", func() {
			for _, s := range part(t, now, "paths", "/v1/topics", "get")["security"].([]any) {
				if scopes, ok := s.(map[string]any)["oauth2"].([]any); ok {
					s.(map[string]any)["oauth2"] = append(scopes, "tenant:write")
				}
			}
		}},
		{"a type of the clients is gone", "api-schema-removed", "Site", func() {
			s := part(t, now, "components", "schemas")
			s["Place"] = s["Site"]
			delete(s, "Site")
			for _, path := range []string{"/v1/organisations/{id}/sites", "/v1/organisations/{id}/sites/{site_id}"} {
				for _, op := range part(t, now, "paths", path) {
					for _, r := range op.(map[string]any)["responses"].(map[string]any) {
						if content, ok := r.(map[string]any)["content"].(map[string]any); ok {
							if media, ok := content["application/json"].(map[string]any); ok && media["schema"].(map[string]any)["$ref"] == "#/components/schemas/Site" {
								media["schema"] = map[string]any{"$ref": "#/components/schemas/Place"}
							}
						}
					}
				}
			}
			part(t, now, member("SitePage", "data")...)["items"] = map[string]any{"$ref": "#/components/schemas/Place"}
		}},
	}
	require.Empty(t, breaking(t, document(t, api.OpenAPI), now), "the same again breaks nothing")
	for _, f := range faults {
		f.plant()
	}
	found := breaking(t, document(t, api.OpenAPI), now)
	for _, f := range faults {
		require.True(t, slices.ContainsFunc(found, func(b broken) bool { return b.ID == f.id && (b.Path == f.where || strings.Contains(b.Text, f.where)) }),
			"%s: %s at %s is not among\n%v", f.what, f.id, f.where, found)
	}

	grown := document(t, api.OpenAPI)
	paths := part(t, grown, "paths")
	paths["/v1/novelties/{id}"] = paths["/v1/rivals/{id}"]
	answer := part(t, grown, schema("Leervraag")...)
	answer["properties"].(map[string]any)["novelty"] = map[string]any{"type": "string"}
	answer["required"] = append(answer["required"].([]any), "novelty")
	status := part(t, grown, member("Leervraag", "status")...)
	status["enum"] = append(status["enum"].([]any), "dreamt")
	part(t, grown, append(schema("LeervraagInput"), "properties")...)["novelty"] = map[string]any{"type": "string"}
	part(t, grown, member("LeervraagInput", "title")...)["maxLength"] = 2000
	sort := part(t, grown, "paths", "/v1/surveys", "get")
	sort["parameters"] = append(sort["parameters"].([]any), map[string]any{"name": "novelty", "in": "query", "schema": map[string]any{"type": "string"}})
	require.Empty(t, breaking(t, document(t, api.OpenAPI), grown), "growth breaks nothing")
}

// docs/house.md tells every rule that the document is linted with, in the words of the rule.
func TestReleased_TheHouseTellsEveryRule(t *testing.T) {
	t.Parallel()
	rules, err := os.ReadFile(filepath.Join(gates, "rules.mjs"))
	require.NoError(t, err)
	page, err := os.ReadFile(filepath.Join(root, "docs", "house.md"))
	require.NoError(t, err)
	var want []string
	for _, m := range regexp.MustCompile(`(?m)^  "([a-z0-9.-]+)": \["([^"]+)", function\*`).FindAllStringSubmatch(string(rules), -1) {
		want = append(want, "| `"+m[1]+"` | "+m[2]+" |")
	}
	require.Greater(t, len(want), 20)
	_, told, ok := strings.Cut(string(page), "| rule | what it demands |\n|---|---|\n")
	require.True(t, ok)
	told, _, _ = strings.Cut(told, "\n\n")
	require.Equal(t, strings.Join(want, "\n"), strings.TrimSpace(told))
}
