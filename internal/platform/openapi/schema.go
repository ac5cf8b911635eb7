package openapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// What the text of an example tells about a member.
var (
	typeID   = regexp.MustCompile(`^([a-z]{3})_[0-7][0-9a-hjkmnp-tv-z]{25}$`)
	date     = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)
	instant  = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$`)
	clock    = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)
	idMember = regexp.MustCompile(`(^|_)ids?$`)
)

const (
	idTail   = "_[0-7][0-9a-hjkmnp-tv-z]{25}$"
	idLength = 30 // three letters, an underscore, 26 digits of base32
)

// nameSchemas gives every definition its public name: @name as it stands, leervraag.Goal → Goal,
// page.Page-Leervraag → LeervraagPage.
func (f *finisher) nameSchemas(definitions object) {
	seen := map[string]string{}
	for _, def := range sorted(definitions) {
		name := def
		if generic, arg, ok := strings.Cut(def, "-"); ok {
			name = short(arg) + short(generic)
		} else if strings.Contains(def, ".") {
			name = short(def)
		}
		switch {
		case name == "Wire" || name == "" || !unicode.IsUpper(rune(name[0])) || !plain(name):
			f.fail("schema %s: end its type with a comment // @name Something", def)
		case seen[name] != "":
			f.fail("schema %s: both %s and %s would be called that; give one a // @name", name, seen[name], def)
		}
		seen[name], f.names[def] = def, name
	}
}

// short drops the package: organisation.Stage and, inside the name of a generic, organisation_Stage.
func short(s string) string { return s[strings.LastIndexAny(s, "._")+1:] }

func plain(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// schema converts one schema of Swagger 2.0 to JSON Schema 2020-12. name is the member or parameter that it describes.
func (f *finisher) schema(where, name string, in object) object {
	if r, ok := in["$ref"].(string); ok {
		return object{"$ref": schemaRef + f.names[strings.TrimPrefix(r, "#/definitions/")]}
	}
	out := object{}
	for k, v := range in {
		switch k {
		case "properties":
			members := object{}
			for m, s := range obj(v) {
				members[m] = f.schema(where+"."+m, m, obj(s))
			}
			out[k] = members
		case "items":
			out[k] = f.schema(where, "", obj(v))
		case "additionalProperties":
			out[k] = v
			if s := obj(v); s != nil {
				out[k] = f.schema(where, "", s)
			}
		case "allOf":
			var all []any
			for _, s := range list(v) {
				all = append(all, f.schema(where, "", obj(s)))
			}
			if len(all) > 1 {
				f.fail("%s: swag's composition {object} A{b=C} closes and opens badly; write the type out in Go", where)
			}
			out[k] = all
		case "example":
			out["examples"] = []any{v}
		case "x-example":
			var ex any
			if s, _ := v.(string); json.Unmarshal([]byte(s), &ex) != nil {
				f.fail("%s: x-example is not JSON: %v", where, v)
			}
			out["examples"] = []any{ex}
		case "x-pattern":
			out["pattern"] = v
		case "x-max-items":
			out["maxItems"] = json.Number(fmt.Sprint(v))
		case "x-enum-descriptions":
			// Worth showing only where a constant has a comment.
			if slices.ContainsFunc(list(v), func(d any) bool { return d != "" }) {
				out[k] = v
			}
		case "x-nullable", "x-prefix", "x-order", "x-enum-varnames", "x-enum-comments":
			// Said otherwise in 3.1, or names of Go that callers have no use for.
		default:
			out[k] = v
		}
	}
	if out["type"] == "file" {
		return object{"type": "string", "format": "binary"}
	}
	prefix, _ := in["x-prefix"].(string)
	examples := list(out["examples"])
	f.text(where, name, out, examples, prefix)
	if items := obj(out["items"]); items != nil {
		for _, word := range []string{"pattern", "minLength", "maxLength"} { // of each
			if said := out[word]; said != nil {
				items[word] = said
				delete(out, word)
			}
		}
		var each []any
		if len(examples) > 0 {
			each = list(examples[0])
		}
		if p, ok := out["pattern"]; ok { // of each text in the list
			items["pattern"] = p
			delete(out, "pattern")
		}
		f.text(where, name, items, each, prefix)
	}
	if out["type"] == "number" && (name == "hours" || strings.HasSuffix(name, "_hours")) && out["multipleOf"] == nil {
		out["multipleOf"] = json.Number("0.01")
	}
	if in["x-nullable"] == true {
		nullable(out)
	}
	return out
}

func external(name string) bool { return strings.Contains(name, "external_id") }

// text says what kind of text a string is: its format by the ending of its name or by its example, and for an id the
// pattern of its noun, so that a machine finds every id in the document.
func (f *finisher) text(where, name string, s object, examples []any, prefix string) {
	if s["type"] != "string" || s["enum"] != nil || s["pattern"] != nil {
		return
	}
	is := func(re *regexp.Regexp) bool {
		for _, e := range examples {
			if t, ok := e.(string); !ok || !re.MatchString(t) {
				return false
			}
		}
		return len(examples) > 0
	}
	if prefix == "none" {
		return
	}
	if prefix == "any" {
		prefix = "[a-z]{3}"
	}
	if is(typeID) && prefix == "" {
		for _, e := range examples {
			p := e.(string)[:3]
			if prefix != "" && prefix != p {
				f.fail("%s: its examples are ids of several nouns; say extensions:\"x-prefix=%s|%s\"", where, prefix, p)
			}
			prefix = p
		}
	}
	if prefix != "" {
		if strings.Contains(prefix, "|") {
			prefix = "(" + prefix + ")"
		}
		s["pattern"] = "^" + prefix + idTail
		s["minLength"], s["maxLength"] = idLength, idLength
		return
	}
	if idMember.MatchString(name) && !external(name) && s["format"] == nil {
		f.fail("%s: is called an id, but has no example like org_01k3p9c2zre8v9w0x1y2z3a4b5; say extensions:\"x-prefix=none\" if it is another system's", where)
	}
	if is(clock) || s["format"] == "clock" {
		s["pattern"] = clock.String()
		delete(s, "format")
		return
	}
	want := ""
	switch {
	case s["format"] != nil:
		return
	case strings.HasSuffix(name, "_at") || strings.HasSuffix(name, "_since") || strings.HasSuffix(name, "_before"):
		want = "date-time"
	case strings.HasSuffix(name, "_on"):
		want = "date"
	}
	got := ""
	switch {
	case is(instant):
		got = "date-time"
	case is(date):
		got = "date"
	}
	if want != "" && got != want && len(examples) > 0 {
		f.fail("%s: by its name it is a %s, but its example is not", where, want)
	}
	put(s, "format", cmpOr(want, got))
}

// nullable says the x-nullable of Swagger 2.0 in the words of 3.1.
func nullable(s object) {
	null := object{"type": "null"}
	if all := list(s["allOf"]); len(all) == 1 { // swag wraps a reference that has siblings
		delete(s, "allOf")
		s["anyOf"] = []any{all[0], null}
		return
	}
	if t, ok := s["type"].(string); ok {
		s["type"] = []any{t, "null"}
		if e := list(s["enum"]); e != nil {
			s["enum"] = append(slices.Clone(e), nil)
		}
	}
}

// split decides which schemas requests use and which answers. Requests are closed, and ask for what binding says;
// answers are open, and carry every member. What both use becomes two: Site and SiteInput.
func (f *finisher) split(paths object) {
	asked, answered := map[string]bool{}, map[string]bool{}
	reach := func(into map[string]bool, v any) {
		var visit func(string) string
		visit = func(name string) string {
			if !into[name] {
				into[name] = true
				refs(f.base[name], visit)
			}
			return name
		}
		refs(v, visit)
	}
	for _, p := range sorted(paths) {
		for _, op := range obj(paths[p]) {
			reach(asked, obj(op)["requestBody"])
			reach(answered, obj(op)["responses"])
			reach(asked, obj(op)["parameters"])
		}
	}
	// Only a schema with members, or one that leads to such, differs by direction.
	differs := map[string]bool{}
	for changed := true; changed; {
		changed = false
		for name, s := range f.base {
			if differs[name] {
				continue
			}
			d := hasMembers(s)
			refs(s, func(n string) string { d = d || differs[n]; return n })
			if d {
				differs[name], changed = true, true
			}
		}
	}
	input := func(name string) string {
		if asked[name] && answered[name] && differs[name] {
			return name + "Input"
		}
		return name
	}
	for _, name := range slices.Sorted(maps.Keys(f.base)) {
		if answered[name] {
			s := clone(f.base[name]).(object)
			complete(s)
			f.schemas[name] = s
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.base)) {
		if !asked[name] || answered[name] && !differs[name] {
			continue
		}
		s := clone(f.base[name]).(object)
		closeObjects(s)
		walk(s, plainText)
		refs(s, input)
		to := input(name)
		if to != name && f.base[to] != nil {
			f.fail("schema %s: the request's form of %s would be called that too", to, name)
		}
		f.schemas[to], f.order[to] = s, f.order[name]
	}
	for _, item := range paths {
		for _, op := range obj(item) {
			refs(obj(op)["requestBody"], input)
		}
	}
}

func hasMembers(s object) (has bool) {
	withMembers(s, func(object) { has = true })
	return has
}

// complete makes every member of an answer required: answers carry them all, null where there is nothing.
func complete(s object) {
	withMembers(s, func(o object) { o["required"] = anys(sorted(obj(o["properties"]))) })
}

// closeObjects refuses unknown members, as the decoder does.
func closeObjects(s object) {
	withMembers(s, func(o object) { o["additionalProperties"] = false })
}

// withMembers calls do for every schema inside s that names members; maps and free-form objects are left as they are.
func withMembers(s object, do func(object)) {
	walk(s, func(o object) {
		if len(obj(o["properties"])) > 0 {
			do(o)
		}
	})
}

const (
	// What text may hold: no control characters but tab and line ends.
	textPattern = `^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$`
	// Text that must not be empty is not blank either.
	wordPattern = `^[\t\n\r ]*[^\x00-\x20\x7f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$`
	// What is two characters at least is so without the blanks around it.
	wordsPattern = `^[\t\n\r ]*[^\x00-\x20\x7f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*[^\x00-\x20\x7f][\t\n\r ]*$`
	// Dates of our time alone, and of RFC 3339 one spelling.
	datePattern    = `^(19\d\d|2[01]\d\d|2200)-\d\d-\d\d$`
	instantPattern = `^(19\d\d|2[01]\d\d|2200)-\d\d-\d\dT\d\d:\d\d:[0-5]\d(\.\d+)?(Z|[+-]\d\d:\d\d)$`
)

// plainText says of a string in a request what the decoder takes, as a pattern.
func plainText(s object) {
	text := s["type"] == "string"
	for _, t := range list(s["type"]) {
		text = text || t == "string"
	}
	if !text || s["enum"] != nil || s["pattern"] != nil {
		return
	}
	switch s["format"] {
	case "date":
		s["pattern"] = datePattern
	case "date-time":
		s["pattern"] = instantPattern
	case nil:
		switch fmt.Sprint(s["minLength"]) {
		case "<nil>", "0":
			s["pattern"] = textPattern
		case "1":
			s["pattern"] = wordPattern
		default:
			s["pattern"] = wordsPattern
		}
	}
}
