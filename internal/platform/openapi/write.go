package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// reading is the order in which people read the members of OpenAPI objects; others follow by name.
var reading = []string{
	"openapi", "$ref", "info", "servers", "tags", "paths", "webhooks", "components",
	"get", "put", "post", "patch", "delete",
	"name", "in", "operationId", "title", "version", "summary", "description", "deprecated", "license", "url",
	"type", "scheme", "bearerFormat", "flows", "tokenUrl", "scopes", "format", "const", "enum", "x-enum-descriptions",
	"default", "pattern", "minLength", "maxLength", "minimum", "maximum", "multipleOf", "minItems", "maxItems", "uniqueItems",
	"required", "style", "explode", "parameters", "requestBody", "headers", "properties", "additionalProperties", "items",
	"allOf", "anyOf", "oneOf", "schema", "content", "responses", "security", "examples", "example",
}

// named are the members whose own members are names that we chose, not words of OpenAPI.
var named = map[string]bool{
	"paths": true, "webhooks": true, "schemas": true, "responses": true, "headers": true, "securitySchemes": true,
	"content": true, "scopes": true, "parameters": true,
}

type kind int

const (
	words   kind = iota // an object of OpenAPI or JSON Schema
	naming              // a map from names to such objects
	members             // the same, for the members of a schema
	values              // an example: data
)

// write prints a document as indented JSON, always in the same order.
func write(doc object) []byte {
	var b bytes.Buffer
	encode(&b, doc, words, "")
	b.WriteByte('\n')
	return b.Bytes()
}

func encode(b *bytes.Buffer, v any, k kind, indent string) {
	inner := indent + "  "
	switch t := v.(type) {
	case object:
		ms := make([]member, 0, len(t))
		for _, name := range keys(t, k) {
			ms = append(ms, member{name, t[name]})
		}
		encode(b, ms, k, indent)
	case []member:
		if len(t) == 0 {
			b.WriteString("{}")
			return
		}
		for i, m := range t {
			b.WriteString(opening(i, "{") + inner + quote(m.name) + ": ")
			encode(b, m.value, below(k, m.name), inner)
		}
		b.WriteString("\n" + indent + "}")
	case []any:
		if flat(t) {
			b.WriteByte('[')
			for i, x := range t {
				if i > 0 {
					b.WriteString(", ")
				}
				encode(b, x, k, inner)
			}
			b.WriteByte(']')
			return
		}
		for i, x := range t {
			b.WriteString(opening(i, "[") + inner)
			encode(b, x, below(k, ""), inner)
		}
		b.WriteString("\n" + indent + "]")
	default:
		b.WriteString(quote(t))
	}
}

// opening is what stands before the i-th part of an object or list.
func opening(i int, bracket string) string {
	if i == 0 {
		return bracket + "\n"
	}
	return ",\n"
}

// below is the kind of what stands under a member.
func below(k kind, name string) kind {
	switch {
	case k == values || k == words && slices.Contains([]string{"example", "examples", "default", "enum", "const"}, name):
		return values
	case k == words && name == "properties":
		return members
	case k == words && named[name]:
		return naming
	}
	return words
}

func keys(m object, k kind) []string {
	switch k {
	case values, members:
		return ordered(m, nil)
	case naming:
		return sorted(m)
	}
	names := sorted(m)
	place := func(n string) int {
		if i := slices.Index(reading, n); i >= 0 {
			return i
		}
		return len(reading)
	}
	slices.SortStableFunc(names, func(a, b string) int { return place(a) - place(b) })
	return names
}

// flat says whether a list is short and plain enough for one line.
func flat(l []any) bool {
	n := 0
	for _, x := range l {
		switch x.(type) {
		case object, []any, []member:
			return false
		}
		n += len(quote(x)) + 2
	}
	return n < 100
}

// quote writes a plain value without the escapes that only HTML needs.
func quote(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("openapi: %T in the document: %v", v, err)) // only what json.Decode or this package made stands in it
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}
