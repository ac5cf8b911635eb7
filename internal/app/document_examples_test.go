package app_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/api"
)

// exampled reads all of a document and says which of its examples do not fit, and which schemas, parameters, headers and
// bodies have none. It returns how many examples it held to their schema, too.
func exampled(t *testing.T, doc map[string]any) (fit int, bad []string) {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	require.NoError(t, c.AddResource("document.json", doc))
	say := func(at, format string, args ...any) { bad = append(bad, at+" "+fmt.Sprintf(format, args...)) }
	hold := func(at, schema string, examples ...any) {
		s, err := c.Compile("document.json#" + schema)
		require.NoError(t, err, at)
		for _, e := range examples {
			if err := s.Validate(e); err != nil {
				say(at, "has an example that does not fit: %v", err)
			} else {
				fit++
			}
		}
	}
	below := func(at, key string) string {
		return at + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
	}
	var schema func(at string, s map[string]any)
	var walk func(at, key string, v any)
	schema = func(at string, s map[string]any) {
		if examples, ok := s["examples"].([]any); ok {
			hold(at, at, examples...)
		}
		for k, v := range s {
			switch x := v.(type) {
			case map[string]any:
				if k == "properties" {
					for m, p := range x {
						schema(below(at+"/properties", m), p.(map[string]any))
					}
				} else if k == "items" || k == "additionalProperties" {
					schema(at+"/"+k, x)
				}
			case []any:
				if k == "allOf" || k == "anyOf" || k == "oneOf" {
					for i, p := range x {
						schema(at+"/"+k+"/"+strconv.Itoa(i), p.(map[string]any))
					}
				}
			}
		}
	}
	// shown says whether a reader finds an example here or where the reference leads.
	shown := func(s map[string]any) bool {
		return s["examples"] != nil || s["$ref"] != nil || s["format"] == "binary"
	}
	walk = func(at, key string, v any) {
		switch x := v.(type) {
		case map[string]any:
			s, has := x["schema"].(map[string]any)
			switch {
			case has:
				schema(at+"/schema", s)
				if e, ok := x["example"]; ok {
					hold(at, at+"/schema", e)
				} else if !shown(s) && key != "text/html" {
					say(at, "has no example")
				}
			case strings.HasSuffix(at, "/components/schemas"):
				for name, s := range x {
					schema(below(at, name), s.(map[string]any))
					if s.(map[string]any)["examples"] == nil {
						say(below(at, name), "has no example")
					}
				}
				return
			}
			for k, y := range x {
				if k != "schema" && k != "example" && k != "examples" {
					walk(below(at, k), k, y)
				}
			}
		case []any:
			for i, y := range x {
				walk(at+"/"+strconv.Itoa(i), "", y)
			}
		}
	}
	for _, k := range slices.Sorted(maps.Keys(doc)) {
		walk("/"+k, k, doc[k])
	}
	slices.Sort(bad)
	return fit, bad
}

func TestDocument_EveryExampleFits(t *testing.T) {
	t.Parallel()
	doc := document(t, api.OpenAPI)
	fit, bad := exampled(t, doc)
	require.Empty(t, strings.Join(bad, "\n"))
	require.Greater(t, fit, 2*len(part(t, doc, "components", "schemas")), "it found them")

	schemas := part(t, doc, "components", "schemas")
	part(t, schemas, "Leervraag", "properties", "status")["examples"] = []any{"dreamt"}
	part(t, doc, "components", "headers", "Retry-After", "schema")["examples"] = []any{"soon"}
	part(t, doc, "components", "parameters", "Limit", "schema")["examples"] = []any{0}
	delete(part(t, doc, "components", "parameters", "Cursor", "schema"), "examples")
	delete(part(t, schemas, "Match"), "examples")
	part(t, doc, "components", "responses", "Problem404", "content", "application/problem+json")["example"] = map[string]any{"status": 404}
	site := part(t, schemas, "Site")["examples"].([]any)[0].(map[string]any)
	delete(site, "name")
	data := part(t, schemas, "LeerbewijsIssuedEvent", "properties", "timestamp")
	data["examples"] = []any{"yesterday"}
	_, bad = exampled(t, doc)
	told := strings.Join(bad, "\n")
	for _, want := range []string{
		"/components/schemas/Leervraag/properties/status has an example that does not fit",
		"/components/headers/Retry-After/schema has an example that does not fit",
		"/components/parameters/Limit/schema has an example that does not fit",
		"/components/parameters/Cursor has no example",
		"/components/schemas/Match has no example",
		"/components/responses/Problem404/content/application~1problem+json has an example that does not fit",
		"/components/schemas/Site has an example that does not fit",
		"/components/schemas/LeerbewijsIssuedEvent/properties/timestamp has an example that does not fit",
	} {
		require.Contains(t, told, want)
	}
}

// The words of AsyncAPI that hold schemas and examples are others: schemas stand under components alone, and TestAsyncAPI_IsWhole
// holds the example of every message to its payload. Here it is every schema that is read.
func TestAsyncAPI_EveryExampleFits(t *testing.T) {
	t.Parallel()
	fit, bad := exampled(t, document(t, api.AsyncAPI))
	require.Empty(t, strings.Join(bad, "\n"))
	require.NotZero(t, fit)
}
