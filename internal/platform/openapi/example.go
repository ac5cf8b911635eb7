package openapi

import (
	"encoding/json"
	"slices"
	"strings"
)

// member is one member of an object whose order matters to readers.
type member struct {
	name  string
	value any
}

// first and last are where a reader looks for these when the order of the Go struct is not known.
var (
	first = []string{"id", "type", "data"}
	last  = []string{"revision", "created_at", "updated_at", "deleted_at"}
)

// memberOrder reads the order that Swag left in x-order; nil where there is none.
func memberOrder(properties object) []string {
	var out []string
	at := map[string]int{}
	for name, s := range properties {
		n, ok := obj(s)["x-order"].(json.Number)
		if !ok {
			return nil
		}
		i, err := n.Int64()
		if err != nil {
			return nil
		}
		at[name] = int(i)
		out = append(out, name)
	}
	slices.SortFunc(out, func(a, b string) int { return at[a] - at[b] })
	return out
}

// ordered returns the names of members: as the struct has them, or the well-known first and last and the rest by name.
func ordered(properties object, known []string) []string {
	names := sorted(properties)
	place := func(n string) int {
		if i := slices.Index(known, n); i >= 0 {
			return i
		}
		if known != nil {
			return len(known)
		}
		if i := slices.Index(first, n); i >= 0 {
			return i - len(first)
		}
		return 1 + slices.Index(last, n)
	}
	slices.SortStableFunc(names, func(a, b string) int { return place(a) - place(b) })
	return names
}

// exemplify gives a named schema its example, composed from those of its members.
func (f *finisher) exemplify(name string) {
	s := obj(f.schemas[name])
	if _, ok := s["examples"]; ok {
		return
	}
	if ex, ok := f.example(name, s, name, nil); ok {
		s["examples"] = []any{ex}
	}
}

// example composes an example of s. A member that allows none is a fault; the second value is false then.
func (f *finisher) example(where string, s object, name string, path []string) (any, bool) {
	if ex := list(s["examples"]); len(ex) > 0 {
		return ex[0], true
	}
	if r, ok := s["$ref"].(string); ok {
		target := strings.TrimPrefix(r, schemaRef)
		if slices.Contains(path, target) {
			f.fail("%s: %s contains itself and has no example; give the member extensions:\"x-example=…\"", where, target)
			return nil, false
		}
		return f.example(where, obj(f.schemas[target]), target, append(slices.Clone(path), target))
	}
	for _, k := range []string{"allOf", "anyOf", "oneOf"} {
		if l := list(s[k]); len(l) > 0 {
			return f.example(where, obj(l[0]), name, path)
		}
	}
	if c, ok := s["const"]; ok {
		return c, true
	}
	if d, ok := s["default"]; ok {
		return d, true
	}
	if e := list(s["enum"]); len(e) > 0 {
		return e[0], true
	}
	t, _ := s["type"].(string)
	if l := list(s["type"]); len(l) > 0 {
		t, _ = l[0].(string)
		if len(l) > 1 && t != "object" && t != "array" && t != "boolean" {
			return nil, true // null is an example of what may be null
		}
	}
	switch t {
	case "object":
		properties := obj(s["properties"])
		out := []member{}
		good := true
		for _, m := range ordered(properties, f.order[name]) {
			ex, ok := f.example(where+"."+m, obj(properties[m]), "", path)
			good = good && ok
			out = append(out, member{m, ex})
		}
		return out, good
	case "array":
		ex, ok := f.example(where, obj(s["items"]), "", path)
		return []any{ex}, ok
	case "boolean":
		return false, true
	}
	f.fail("%s: needs an example", where)
	return nil, false
}

// arrange puts the members of a named schema in the order of their struct.
func (f *finisher) arrange(name string) {
	s := obj(f.schemas[name])
	properties := obj(s["properties"])
	if properties == nil {
		return
	}
	out := []member{}
	for _, m := range ordered(properties, f.order[name]) {
		out = append(out, member{m, properties[m]})
	}
	s["properties"] = out
	if required := texts(s["required"]); required != nil {
		names := ordered(properties, f.order[name])
		slices.SortStableFunc(required, func(a, b string) int { return slices.Index(names, a) - slices.Index(names, b) })
		s["required"] = anys(required)
	}
}
