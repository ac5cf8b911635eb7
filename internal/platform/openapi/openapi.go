// Package openapi turns the Swagger 2.0 document that swag reads from the comments above the handlers into the
// OpenAPI 3.1 document that we publish, and holds the page that shows it.
//
// What a rule can say is said by a rule, here; a comment above a handler says only what differs between operations.
package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Inputs is what the document says and comments do not: app hands it over as plain data.
type Inputs struct {
	Info        Info
	PublicURL   string            // where the API answers, without a slash at the end; empty makes addresses relative
	Operations  []Operation       // every route that the document shows, no more and no less
	Problems    []ProblemDoc      // every problem that an operation may answer with
	Webhooks    []Webhook         // every fact that is sent
	Permissions map[string]string // scope → what it allows
	Tags        []Tag             // in the order of the page; empty: those that are used, by name
}

// Info is the head of the document.
type Info struct {
	Title, Version, Summary, Description string
	License, LicenseURL                  string
}

// Tag is one group of operations: a noun.
type Tag struct{ Name, Description string }

// Operation is one route: what the router knows about it.
type Operation struct {
	Method      string   // GET, POST, …
	Path        string   // with parameters in braces: /v1/organisations/{id}
	ID          string   // the operationId; empty: whatever the comment says
	Permission  string   // noun:verb; "" or one without a colon: any valid token
	Scopes      []string // the scopes that the token needs; empty: Permission alone
	Public      bool     // answers without a token
	Roles       []string // who holds the permission, shown in the description
	Status      int      // of success; it must be documented
	Idempotent  bool     // takes an Idempotency-Key
	IfMatch     string   // "", "optional" or "required"
	List        bool     // answers a page of rows
	Sync        bool     // a list or feed that goes on: its cursor can expire
	Single      bool     // answers one resource, with an ETag
	ContentType string   // of success; empty: what @Produce says, or application/json
}

// ProblemDoc is one kind of problem (RFC 9457).
type ProblemDoc struct {
	Code   string
	Status int
	Title  string // what goes wrong, one sentence in English
}

// Webhook is one type of fact that is sent to endpoints.
type Webhook struct {
	Type        string // noun.past_participle
	Summary     string
	Description string
	Data        json.RawMessage // JSON Schema (2020-12) of the member data; $defs inside it are allowed
	Example     json.RawMessage // of data, or of the whole body {type, timestamp, data}
}

type object = map[string]any

const (
	schemaRef   = "#/components/schemas/"
	problemType = "application/problem+json"
	jsonType    = "application/json"
	formType    = "application/x-www-form-urlencoded"
)

// verbNoun is what an operationId looks like: getLeervraag, not GetLeervraag or leervraag_get.
var verbNoun = regexp.MustCompile(`^[a-z]+([A-Z][a-z0-9]*)+$`)

// finisher holds one run. Faults are gathered, so that a developer sees all of them at once.
type finisher struct {
	in       Inputs
	names    map[string]string   // definition of Swagger 2.0 → name of the schema
	base     map[string]object   // schema by name, as the comments say, before it is opened or closed
	order    map[string][]string // members of a schema, in the order of the Go struct where that is known
	patches  map[string]bool     // schemas that exist for merge patches alone
	schemas  object
	problems map[int][]ProblemDoc
	errs     []error
}

func (f *finisher) fail(format string, args ...any) {
	f.errs = append(f.errs, fmt.Errorf(format, args...))
}

// Finish makes the published document, OpenAPI 3.1.1 as indented JSON, the same bytes for the same input. The error
// joins everything that is wrong with the comments or does not agree with the routes.
func Finish(swagger2 []byte, in Inputs) ([]byte, error) {
	var d object
	dec := json.NewDecoder(bytes.NewReader(swagger2))
	dec.UseNumber()
	if err := dec.Decode(&d); err != nil {
		return nil, fmt.Errorf("openapi: swag's document: %w", err)
	}
	f := &finisher{in: in, names: map[string]string{}, base: map[string]object{}, order: map[string][]string{}, patches: map[string]bool{}, schemas: object{}, problems: map[int][]ProblemDoc{}}
	for _, p := range in.Problems {
		f.problems[p.Status] = append(f.problems[p.Status], p)
	}
	for _, ps := range f.problems {
		slices.SortFunc(ps, func(a, b ProblemDoc) int { return strings.Compare(a.Code, b.Code) })
	}
	definitions := obj(d["definitions"])
	f.nameSchemas(definitions)
	for _, def := range sorted(definitions) {
		if name := f.names[def]; name != "" && name != problemSchema {
			f.order[name] = memberOrder(obj(obj(definitions[def])["properties"]))
			f.base[name] = f.schema(name, "", obj(definitions[def]))
		}
	}
	paths := f.pathItems(obj(d["paths"]))
	f.split(paths)
	hooks := f.hooks()
	f.schemas[problemSchema] = f.problemSchema()
	tags := f.tags(paths, hooks)
	for _, name := range sorted(f.schemas) {
		f.exemplify(name)
	}
	for _, name := range sorted(f.schemas) {
		f.arrange(name)
	}
	doc := object{
		"openapi": "3.1.1",
		"info":    f.info(),
		"servers": []any{object{"url": cmpOr(in.PublicURL, "/")}},
		"tags":    tags,
		"paths":   paths,
		"components": object{
			"schemas":         f.schemas,
			"responses":       f.responses(paths),
			"parameters":      f.parameters(),
			"headers":         headers(),
			"securitySchemes": f.securitySchemes(),
		},
	}
	if len(hooks) > 0 {
		doc["webhooks"] = hooks
	}
	if err := errors.Join(f.errs...); err != nil {
		return nil, err
	}
	prune(doc)
	return write(doc), nil
}

// prune drops the shared headers and parameters that nothing refers to.
func prune(doc object) {
	used := map[string]bool{}
	walk(doc, func(o object) {
		if r, ok := o["$ref"].(string); ok {
			used[r] = true
		}
	})
	for _, section := range []string{"headers", "parameters"} {
		shared := obj(obj(doc["components"])[section])
		maps.DeleteFunc(shared, func(name string, _ any) bool { return !used["#/components/"+section+"/"+name] })
	}
}

func (f *finisher) info() object {
	i := f.in.Info
	if i.Title == "" || i.Version == "" {
		f.fail("info: title and version are needed")
	}
	out := object{"title": i.Title, "version": i.Version}
	put(out, "summary", i.Summary)
	put(out, "description", i.Description)
	if i.License != "" {
		l := object{"name": i.License}
		put(l, "url", i.LicenseURL)
		out["license"] = l
	}
	return out
}

// tags lists what operations and webhooks use. Named ones come in their own order, and then all must be named.
func (f *finisher) tags(paths, hooks object) []any {
	used := map[string]bool{}
	for _, items := range []object{paths, hooks} {
		for _, item := range items {
			for _, op := range obj(item) {
				for _, t := range list(obj(op)["tags"]) {
					used[t.(string)] = true
				}
			}
		}
	}
	var out []any
	if len(f.in.Tags) == 0 {
		for _, name := range slices.Sorted(maps.Keys(used)) {
			out = append(out, object{"name": name})
		}
		return out
	}
	for _, t := range f.in.Tags {
		if used[t.Name] {
			tag := object{"name": t.Name}
			put(tag, "description", t.Description)
			out = append(out, tag)
			delete(used, t.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(used)) {
		f.fail("tag %s is used, but is not among the inputs' tags", name)
	}
	return out
}

func obj(v any) object { m, _ := v.(object); return m }
func list(v any) []any { l, _ := v.([]any); return l }

func sorted(m object) []string { return slices.Sorted(maps.Keys(m)) }

func put(m object, key, value string) {
	if value != "" {
		m[key] = value
	}
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func texts(v any) []string {
	var out []string
	for _, x := range list(v) {
		if s, ok := x.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

func anys(ss []string) []any {
	out := make([]any, len(ss))
	for i, s := range ss {
		out[i] = s
	}
	return out
}

// clone copies maps and lists all the way down.
func clone(v any) any {
	switch t := v.(type) {
	case object:
		out := make(object, len(t))
		for k, x := range t {
			out[k] = clone(x)
		}
		return out
	case []any:
		out := make([]any, len(t))
		for i, x := range t {
			out[i] = clone(x)
		}
		return out
	}
	return v
}

// walk calls visit for every object of words inside v: schemas, operations, responses, but not data such as examples.
func walk(v any, visit func(object)) {
	switch t := v.(type) {
	case object:
		visit(t)
		for k, x := range t {
			switch k {
			case "examples", "example", "default", "const", "enum":
			case "properties", "responses": // whose members are names, "default" and "example" among them
				for _, m := range obj(x) {
					walk(m, visit)
				}
			default:
				walk(x, visit)
			}
		}
	case []any:
		for _, x := range t {
			walk(x, visit)
		}
	}
}

// refs calls visit for every reference to a schema inside v; what visit returns takes its place.
func refs(v any, visit func(name string) string) {
	walk(v, func(o object) {
		if r, ok := o["$ref"].(string); ok {
			if name, ok := strings.CutPrefix(r, schemaRef); ok {
				o["$ref"] = schemaRef + visit(name)
			}
		}
	})
}
