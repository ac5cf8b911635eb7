package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/api"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
)

// release is a type of fact as it was published.
type release struct {
	Version int            `json:"version"`
	Schema  map[string]any `json:"schema"`
}

// published is what the sources say now.
func published(t *testing.T) map[string]release {
	t.Helper()
	out := map[string]release{}
	for _, f := range fact.Types() {
		r := release{Version: f.Version}
		require.NoError(t, json.Unmarshal(f.Schema(), &r.Schema))
		out[f.Name] = r
	}
	return out
}

// outgrown says what consumers of the types as they were would miss or not understand in those of now: types and members
// that are gone or may be missing, and anything said otherwise about a member. New types, members and values of an enum
// are no such thing, and descriptions are free.
func outgrown(was, now map[string]release) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(was)) {
		old, fresh := was[name], now[name]
		if fresh.Schema == nil {
			out = append(out, name+" is gone")
			continue
		}
		out = append(out, lost(name, old.Schema, fresh.Schema)...)
		same := reflect.DeepEqual(bare(old.Schema), bare(fresh.Schema))
		switch {
		case fresh.Version < old.Version:
			out = append(out, name+" went back to an older version")
		case !same && fresh.Version == old.Version:
			out = append(out, name+" changed under the same version: say .Revised("+fmt.Sprint(old.Version+1)+")")
		}
	}
	return out
}

// bare is a schema without what is only for people.
func bare(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	out := map[string]any{}
	for k, x := range m {
		if k == "properties" { // whose names are not words of JSON Schema
			props := map[string]any{}
			for name, p := range x.(map[string]any) {
				props[name] = bare(p)
			}
			out[k] = props
		} else if k != "description" && k != "x-version" {
			out[k] = bare(x)
		}
	}
	return out
}

func lost(at string, was, now map[string]any) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, at+" "+fmt.Sprintf(format, args...)) }
	for k, v := range was {
		switch k {
		case "description", "x-version", "title":
		case "properties":
			fresh, _ := now[k].(map[string]any)
			for name, p := range v.(map[string]any) {
				q, ok := fresh[name].(map[string]any)
				if !ok {
					say("lost the member %s", name)
					continue
				}
				out = append(out, lost(at+"."+name, p.(map[string]any), q)...)
			}
		case "items":
			q, _ := now[k].(map[string]any)
			out = append(out, lost(at+"[]", v.(map[string]any), q)...)
		case "required", "enum":
			fresh, _ := now[k].([]any)
			for _, x := range v.([]any) {
				if !slices.Contains(fresh, x) {
					say("lost %v of its %s", x, k)
				}
			}
		default:
			if !reflect.DeepEqual(v, now[k]) {
				say("says %v of its %s, and said %v", now[k], k, v)
			}
		}
	}
	for k := range now {
		if _, said := was[k]; !said && k != "description" && k != "x-version" && k != "title" {
			say("says something of its %s, and said nothing", k)
		}
	}
	slices.Sort(out)
	return out
}

// republish puts the types of now in the place of those that were published: api/released/events.txt with its seal, and what it seals. It
// refuses what consumers would miss and nobody named.
func republish(text string, sealed []byte, now map[string]release, on time.Time) (string, []byte, error) {
	var was map[string]release
	if err := json.Unmarshal(sealed, &was); err != nil {
		return "", nil, fmt.Errorf("testdata/events.golden: %w", err)
	}
	var found []broken
	for _, line := range outgrown(was, now) {
		name, what, _ := strings.Cut(line, " ")
		found = append(found, broken{ID: "event", Operation: "SEND", Path: name, Text: what})
	}
	today, err := json.MarshalIndent(now, "", "  ")
	if err != nil {
		return "", nil, err
	}
	today = append(today, '\n')
	text, err = rebase(text, sealed, today, found, on)
	return text, today, err
}

// What was published stays true. -update publishes what the sources say now, if it only grew.
func TestEventTypes_OnlyGrow(t *testing.T) {
	t.Parallel()
	seals, file := filepath.Join(root, "api", "released", "events.txt"), filepath.Join("testdata", "events.golden")
	text, err := os.ReadFile(seals)
	require.NoError(t, err)
	sealed, err := os.ReadFile(file)
	require.NoError(t, err, "put back the one that was sealed")
	made, today, err := republish(string(text), sealed, published(t), time.Now())
	require.NoError(t, err, "consumers were told otherwise")
	if *update {
		require.NoError(t, os.WriteFile(seals, []byte(made), 0o644))
	}
	golden(t, "events.golden", string(today))
}

// What was published is replaced only by what grew from it, or together with the names of what breaks. That it is gone is no way around.
func TestEventTypes_WhatWasPublishedIsReplacedByNobodyWhoDoesNotSayWhatBreaks(t *testing.T) {
	t.Parallel()
	on := time.Date(2027, 1, 11, 0, 0, 0, 0, time.UTC)
	was, now := published(t), published(t)
	sealed, err := json.MarshalIndent(was, "", "  ")
	require.NoError(t, err)
	sealed = append(sealed, '\n')
	const head = "# what broke\n"
	text := head + "sealed 2027-01-10 " + sealOf(head, sealed) + "\n"
	same, today, err := republish(text, sealed, now, on)
	require.NoError(t, err, "the control: nothing changed")
	require.Equal(t, text, same)
	require.Equal(t, string(sealed), string(today))

	r := now["leerbewijs.issued"]
	drop(r.Schema["properties"].(map[string]any)["status"].(map[string]any), "enum", "revoked")
	r.Version++
	now["leerbewijs.issued"] = r
	gone, err := json.MarshalIndent(now, "", "  ")
	require.NoError(t, err)
	gone = append(gone, '\n')
	const line = `leerbewijs\.issued\.status: lost revoked of its enum | it is a fact of its own` + "\n"
	for what, c := range map[string]struct {
		text   string
		sealed []byte
	}{
		"nothing is named":                {text, sealed},
		"what was published is gone":      {text, []byte("{}\n")},
		"it was written over":             {text, gone},
		"it was named, and written over":  {text + line, gone},
		"there is no seal":                {line, sealed},
		"it has no reason":                {text + strings.Split(line, " | ")[0] + "\n", sealed},
		"what is named breaks nobody too": {text + line + "no such thing | because\n", sealed},
	} {
		_, _, err := republish(c.text, c.sealed, now, on)
		require.Error(t, err, what)
	}
	made, today, err := republish(text+line, sealed, now, on)
	require.NoError(t, err)
	require.Equal(t, string(gone), string(today))
	again, _, err := republish(made, today, now, on)
	require.NoError(t, err, "it is what was published now, and its name is used up")
	require.Equal(t, made, again)

	grown := published(t)
	grown["leerbewijs.praised"] = grown["leerbewijs.issued"]
	made, today, err = republish(text, sealed, grown, on)
	require.NoError(t, err, "what grows needs no name")
	require.True(t, strings.HasPrefix(made, text+"sealed 2027-01-11 "))
	_, _, err = republish(made, today, was, on)
	require.Error(t, err, "and is published from then on")
}

// Each planted fault is one that the gate must see, and each growth one that it must let pass.
func TestEventTypes_TheGateBites(t *testing.T) {
	t.Parallel()
	fresh := func() map[string]release {
		var out map[string]release
		b, err := json.Marshal(published(t))
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(b, &out))
		return out
	}
	member := func(m map[string]release, name string) map[string]any {
		return m["leerbewijs.issued"].Schema["properties"].(map[string]any)[name].(map[string]any)
	}
	schema := func(m map[string]release) map[string]any { return m["leerbewijs.issued"].Schema }
	revised := func(m map[string]release) {
		r := m["leerbewijs.issued"]
		r.Version++
		m["leerbewijs.issued"] = r
	}
	require.Empty(t, outgrown(fresh(), fresh()))
	for fault, plant := range map[string]func(map[string]release){
		"leerbewijs.issued is gone":                                func(m map[string]release) { delete(m, "leerbewijs.issued") },
		"leerbewijs.issued lost the member hours":                  func(m map[string]release) { delete(schema(m)["properties"].(map[string]any), "hours") },
		"leerbewijs.issued lost hours of its required":             func(m map[string]release) { drop(schema(m), "required", "hours") },
		"leerbewijs.issued.status lost revoked of its enum":        func(m map[string]release) { drop(member(m, "status"), "enum", "revoked") },
		"leerbewijs.issued.hours says string of its type":          func(m map[string]release) { member(m, "hours")["type"] = "string" },
		"leerbewijs.issued.hours says [number null]":               func(m map[string]release) { member(m, "hours")["type"] = []any{"number", "null"} },
		"leerbewijs.issued.hours says 0.1 of its multipleOf":       func(m map[string]release) { member(m, "hours")["multipleOf"] = 0.1 },
		"leerbewijs.issued.hours says something of its maximum":    func(m map[string]release) { member(m, "hours")["maximum"] = 8 },
		"leerbewijs.issued.issued_at says date of its format":      func(m map[string]release) { member(m, "issued_at")["format"] = "date" },
		"leerbewijs.issued.tenant_id says ^x of its pattern":       func(m map[string]release) { member(m, "tenant_id")["pattern"] = "^x" },
		"leerbewijs.issued.external_ids[] lost the member value":   func(m map[string]release) { delete(inside(member(m, "external_ids")), "value") },
		"leerbewijs.issued.tenant_id says something of its enum":   func(m map[string]release) { member(m, "tenant_id")["enum"] = []any{"x"} },
		"leerbewijs.issued says something of its additionalProper": func(m map[string]release) { schema(m)["additionalProperties"] = false },
	} {
		m := fresh()
		plant(m)
		revised(m)
		if strings.HasSuffix(fault, "is gone") {
			delete(m, "leerbewijs.issued")
		}
		found := outgrown(fresh(), m)
		require.True(t, slices.ContainsFunc(found, func(s string) bool { return strings.HasPrefix(s, fault) }), "%s: %v", fault, found)
	}
	grown := fresh()
	schema(grown)["properties"].(map[string]any)["language"] = map[string]any{"type": "string"}
	schema(grown)["required"] = append(schema(grown)["required"].([]any), "language")
	member(grown, "status")["enum"] = append(member(grown, "status")["enum"].([]any), "archived")
	require.Equal(t, []string{"leerbewijs.issued changed under the same version: say .Revised(2)"}, outgrown(fresh(), grown))
	revised(grown)
	grown["leerbewijs.praised"] = grown["leerbewijs.issued"]
	require.Empty(t, outgrown(fresh(), grown))
	require.Equal(t, []string{"leerbewijs.issued went back to an older version"}, outgrown(map[string]release{"leerbewijs.issued": grown["leerbewijs.issued"]},
		map[string]release{"leerbewijs.issued": {1, grown["leerbewijs.issued"].Schema}}))
	words := fresh()
	member(words, "hours")["description"] = "Said otherwise."
	require.Empty(t, outgrown(fresh(), words), "words are free")
}

func drop(m map[string]any, list, value string) {
	m[list] = slices.DeleteFunc(m[list].([]any), func(x any) bool { return x == value })
}

func inside(m map[string]any) map[string]any {
	return m["items"].(map[string]any)["properties"].(map[string]any)
}

// The document stands by itself: every reference leads somewhere, every type has its message, and every example fits.
func TestAsyncAPI_IsWhole(t *testing.T) {
	t.Parallel()
	var doc map[string]any
	require.NoError(t, json.Unmarshal(api.AsyncAPI, &doc))
	require.Equal(t, "3.0.0", doc["asyncapi"])
	at := func(path string) any {
		var v any = doc
		for part := range strings.SplitSeq(path, "/") {
			m, ok := v.(map[string]any)
			require.True(t, ok, path)
			v, ok = m[part]
			require.True(t, ok, "nothing stands at %s", path)
		}
		return v
	}
	for _, path := range []string{"info/title", "info/version", "channels/webhook/address", "components/schemas/headers"} {
		at(path)
	}
	require.Nil(t, at("channels/webhook/address"), "whoever adds an endpoint says where it is")
	var follow func(any)
	follow = func(v any) {
		switch x := v.(type) {
		case map[string]any:
			if r, ok := x["$ref"].(string); ok {
				require.Len(t, x, 1, "nothing stands beside a reference")
				require.True(t, strings.HasPrefix(r, "#/"), r)
				at(strings.TrimPrefix(r, "#/"))
			}
			for _, y := range x {
				follow(y)
			}
		case []any:
			for _, y := range x {
				follow(y)
			}
		}
	}
	follow(doc)

	raw, err := jsonschema.UnmarshalJSON(bytes.NewReader(api.AsyncAPI))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	require.NoError(t, c.AddResource("asyncapi.json", raw))
	types := fact.Types()
	require.Len(t, at("operations"), len(published(t)))
	require.Len(t, at("components/messages"), len(types))
	require.Len(t, at("channels/webhook/messages"), len(types))
	for _, f := range types {
		require.Equal(t, "send", at("operations/"+f.Name+"/action"), "it is we who send")
		require.Equal(t, []any{map[string]any{"$ref": "#/channels/webhook/messages/" + f.Name}}, at("operations/"+f.Name+"/messages"))
		require.Equal(t, map[string]any{"$ref": "#/components/messages/" + f.Name}, at("channels/webhook/messages/"+f.Name))
		schema, err := c.Compile("asyncapi.json#/components/messages/" + f.Name + "/payload")
		require.NoError(t, err)
		example := at("components/messages/" + f.Name + "/examples").([]any)[0].(map[string]any)["payload"]
		require.NoError(t, schema.Validate(example), f.Name)
		example.(map[string]any)["type"] = "another.type"
		require.Error(t, schema.Validate(example))
		example.(map[string]any)["type"] = f.Name
		delete(example.(map[string]any)["data"].(map[string]any), "subject_id")
		require.Error(t, schema.Validate(example))
	}
}

// Both documents say the same of what is sent.
func TestOpenAPI_HasTheSameWebhooks(t *testing.T) {
	t.Parallel()
	var open struct {
		Webhooks   map[string]any `json:"webhooks"`
		Components struct {
			Schemas map[string]map[string]any `json:"schemas"`
		} `json:"components"`
	}
	var async struct {
		Components struct {
			Schemas map[string]map[string]any `json:"schemas"`
		} `json:"components"`
	}
	require.NoError(t, json.Unmarshal(api.OpenAPI, &open))
	require.NoError(t, json.Unmarshal(api.AsyncAPI, &async))
	require.Len(t, open.Webhooks, len(published(t)))
	for _, f := range fact.Types() {
		require.Contains(t, open.Webhooks, f.Name)
		name := ""
		for part := range strings.FieldsFuncSeq(f.Name, func(r rune) bool { return r == '.' || r == '_' }) {
			name += strings.ToUpper(part[:1]) + part[1:]
		}
		// What stands in the data of every fact alike has a name there.
		data := bare(open.Components.Schemas[name+"Data"]).(map[string]any)
		for _, p := range data["properties"].(map[string]any) {
			if items, ok := p.(map[string]any)["items"].(map[string]any); ok && items["$ref"] != nil {
				lifted := strings.TrimPrefix(items["$ref"].(string), "#/components/schemas/")
				p.(map[string]any)["items"] = withoutExamples(bare(open.Components.Schemas[lifted]))
			}
		}
		require.Equal(t, withoutExamples(bare(async.Components.Schemas[f.Name]))["properties"], withoutExamples(data)["properties"], f.Name)
	}
}

func withoutExamples(v any) map[string]any {
	m := v.(map[string]any)
	delete(m, "examples")
	return m
}
