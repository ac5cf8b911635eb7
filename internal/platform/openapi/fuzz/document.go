package fuzz

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// operation is one of the document, with what a request of it is made of.
type operation struct {
	id, method, path string
	params           []param
	bodies           map[string]*schema // by media type
	needsBody        bool
}

type param struct {
	name, in string
	required bool
	schema   *schema
}

// schema is what generating needs of a JSON Schema, with references followed and null apart.
type schema struct {
	typ                string // "" is anything
	nullable           bool
	members            map[string]*schema
	required           []string
	closed             bool
	items              *schema
	enum               []any
	pattern            *regexp.Regexp
	prefixes           []string // of the ids that pattern describes
	format             string
	minLen, maxLen     int // -1 for none
	minItems, maxItems int
	min, max           *float64
	step               float64 // multipleOf
	unique             bool
	example            any
}

// document is the API document, read for making requests.
type document struct {
	root    map[string]any
	schemas map[string]*schema // by reference
	ops     []*operation       // that are tried
	all     []*operation
	methods map[string][]string // of each path
}

var idPattern = regexp.MustCompile(`^\^\(?([a-z|]+|\[a-z\]\{3\})\)?_\[0-7\]`)

func readDocument(doc []byte) (*document, error) {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc)) // numbers as written
	if err != nil {
		return nil, fmt.Errorf("fuzz: the document: %w", err)
	}
	d := &document{root: object(v), schemas: map[string]*schema{}, methods: map[string][]string{}}
	for path, item := range object(d.root["paths"]) {
		for method, v := range object(item) {
			op, err := d.operation(strings.ToUpper(method), path, object(v))
			if err != nil {
				return nil, fmt.Errorf("fuzz: %s %s: %w", method, path, err)
			}
			d.ops = append(d.ops, op)
			d.methods[path] = append(d.methods[path], op.method)
		}
	}
	slices.SortFunc(d.ops, func(a, b *operation) int { return strings.Compare(a.id, b.id) })
	d.all = slices.Clone(d.ops)
	return d, nil
}

func (d *document) operation(method, path string, in map[string]any) (*operation, error) {
	op := &operation{method: method, path: path, bodies: map[string]*schema{}}
	op.id, _ = in["operationId"].(string)
	for _, v := range list(in["parameters"]) {
		p, _ := d.follow(object(v))
		s, err := d.schema(p["schema"])
		if err != nil {
			return nil, err
		}
		name, _ := p["name"].(string)
		where, _ := p["in"].(string)
		op.params = append(op.params, param{name, where, p["required"] == true, s})
	}
	body := object(in["requestBody"])
	op.needsBody = body["required"] == true
	for media, v := range object(body["content"]) {
		s, err := d.schema(object(v)["schema"])
		if err != nil {
			return nil, err
		}
		op.bodies[media] = s
	}
	return op, nil
}

// follow leads to what a reference means, and says its name.
func (d *document) follow(o map[string]any) (map[string]any, string) {
	name := ""
	for o["$ref"] != nil {
		name, _ = o["$ref"].(string)
		var at any = d.root
		for part := range strings.SplitSeq(strings.TrimPrefix(name, "#/"), "/") {
			at = object(at)[part]
		}
		o = object(at)
	}
	return o, name
}

func (d *document) schema(v any) (*schema, error) {
	o, name := d.follow(object(v))
	if s := d.schemas[name]; s != nil && name != "" {
		return s, nil
	}
	s := &schema{minLen: -1, maxLen: -1, minItems: -1, maxItems: -1}
	if name != "" {
		d.schemas[name] = s // before its members: a schema may lead back to itself
	}
	return s, d.fill(s, o)
}

func (d *document) fill(s *schema, o map[string]any) error {
	for _, v := range list(o["allOf"]) { // a reference with siblings, which narrow it
		part, _ := d.follow(object(v))
		if err := d.fill(s, part); err != nil {
			return err
		}
	}
	for _, v := range list(o["anyOf"]) { // a reference, or null
		part, _ := d.follow(object(v))
		if part["type"] == "null" {
			s.nullable = true
		} else if err := d.fill(s, part); err != nil {
			return err
		}
	}
	for _, t := range append(list(o["type"]), o["type"]) {
		switch t {
		case "null":
			s.nullable = true
		default:
			if text, ok := t.(string); ok {
				s.typ = text
			}
		}
	}
	if e := list(o["enum"]); e != nil {
		s.enum = slices.DeleteFunc(slices.Clone(e), func(v any) bool { return v == nil })
	}
	if text, ok := o["pattern"].(string); ok {
		var err error
		if s.pattern, err = regexp.Compile(text); err != nil {
			return err
		}
		if m := idPattern.FindStringSubmatch(text); m != nil {
			s.prefixes = strings.Split(m[1], "|")
		}
	}
	if f, ok := o["format"].(string); ok {
		s.format = f
	}
	for word, to := range map[string]*int{"minLength": &s.minLen, "maxLength": &s.maxLen, "minItems": &s.minItems, "maxItems": &s.maxItems} {
		if n, ok := o[word].(json.Number); ok {
			x, err := n.Int64()
			if err != nil {
				return err
			}
			*to = int(x)
		}
	}
	for word, to := range map[string]**float64{"minimum": &s.min, "maximum": &s.max} {
		if n, ok := o[word].(json.Number); ok {
			x, err := n.Float64()
			if err != nil {
				return err
			}
			*to = &x
		}
	}
	if n, ok := o["multipleOf"].(json.Number); ok {
		s.step, _ = n.Float64()
	}
	s.unique = s.unique || o["uniqueItems"] == true
	if e := list(o["examples"]); len(e) > 0 {
		s.example = e[0]
	}
	if items, ok := o["items"]; ok {
		var err error
		if s.items, err = d.schema(items); err != nil {
			return err
		}
	}
	if members := object(o["properties"]); len(members) > 0 {
		s.members = map[string]*schema{}
		for name, v := range members {
			var err error
			if s.members[name], err = d.schema(v); err != nil {
				return err
			}
		}
	}
	for _, v := range list(o["required"]) {
		s.required = append(s.required, v.(string))
	}
	s.closed = s.closed || o["additionalProperties"] == false
	return nil
}

// Members are the members that the bodies of all operations hold which hold no members themselves: "createSite /name". An item of a
// list is "*".
func Members(doc []byte) ([]string, error) {
	d, err := readDocument(doc)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, op := range d.ops {
		for _, at := range op.members() {
			out = append(out, op.id+" "+at)
		}
	}
	return out, nil
}

// members are those of the body of an operation.
func (o *operation) members() (out []string) {
	var visit func(s *schema, at string, seen []*schema)
	visit = func(s *schema, at string, seen []*schema) {
		switch {
		case slices.Contains(seen, s): // it leads back to itself
		case len(s.members) > 0:
			for _, name := range slices.Sorted(maps.Keys(s.members)) {
				visit(s.members[name], at+"/"+name, append(slices.Clone(seen), s))
			}
		case s.items != nil:
			visit(s.items, at+"/*", append(slices.Clone(seen), s))
		case at != "":
			out = append(out, at)
		}
	}
	media := o.json()
	if media == "" {
		media = formType
	}
	if s := o.bodies[media]; s != nil {
		visit(s, "", nil)
	}
	return out
}

// json is the media type of JSON that a request of the operation uses, or "".
func (o *operation) json() string {
	for _, m := range slices.Sorted(maps.Keys(o.bodies)) {
		if m == "application/json" || strings.HasSuffix(m, "+json") {
			return m
		}
	}
	return ""
}

func object(v any) map[string]any { m, _ := v.(map[string]any); return m }
func list(v any) []any            { l, _ := v.([]any); return l }
