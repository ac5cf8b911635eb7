package check

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi/datamodel"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// base is the name under which a document is compiled; nothing is ever fetched from it.
const base = "openapi.json"

type loader struct {
	doc      map[string]any
	compiler *jsonschema.Compiler
}

// load reads a document and closes it: an object that names members allows no others.
func load(doc []byte) (*loader, error) {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		return nil, fmt.Errorf("check: the document: %w", err)
	}
	walk(v, "#", func(_ string, s map[string]any) {
		if _, said := s["additionalProperties"]; !said && len(object(s["properties"])) > 0 {
			s["additionalProperties"] = false
		}
	})
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource(base, v); err != nil {
		return nil, fmt.Errorf("check: the document: %w", err)
	}
	return &loader{object(v), c}, nil
}

func (l *loader) compile(at string) (*jsonschema.Schema, error) { return l.compiler.Compile(base + at) }

// walk visits every object of the document that is not data, with its JSON pointer as a URI fragment.
func walk(v any, at string, visit func(at string, o map[string]any)) {
	switch t := v.(type) {
	case map[string]any:
		visit(at, t)
		for k, x := range t {
			switch k {
			case "examples", "example", "default", "const", "enum":
			case "properties", "responses": // whose members are names, "default" and "example" among them
				for name, s := range object(x) {
					walk(s, at+"/"+k+"/"+fragment(name), visit)
				}
			default:
				walk(x, at+"/"+fragment(k), visit)
			}
		}
	case []any:
		for i, x := range t {
			walk(x, at+"/"+strconv.Itoa(i), visit)
		}
	}
}

// resolve follows a reference to a shared part of the document.
func (l *loader) resolve(v any, at string) (map[string]any, string, error) {
	o := object(v)
	r, ok := o["$ref"].(string)
	if !ok {
		return o, at, nil
	}
	parts := strings.Split(r, "/") // #, components, section, name
	if len(parts) != 4 {
		return nil, "", fmt.Errorf("$ref %s", r)
	}
	target := object(object(object(l.doc[parts[1]])[parts[2]])[parts[3]])
	if target == nil {
		return nil, "", fmt.Errorf("$ref %s leads nowhere", r)
	}
	return target, r, nil
}

func (l *loader) route(template, method string, op map[string]any) (*route, error) {
	r := &route{template: template, query: map[string]*parameter{}, header: map[string]*parameter{}, answers: map[int]*answer{}}
	inPath := map[string]*parameter{}
	for _, s := range strings.Split(template, "/") {
		if strings.HasPrefix(s, "{") {
			s = ""
		}
		r.segments = append(r.segments, s)
	}
	here := "#/paths/" + fragment(template) + "/" + method
	for i, v := range list(op["parameters"]) {
		p, at, err := l.resolve(v, here+"/parameters/"+strconv.Itoa(i))
		if err != nil {
			return nil, err
		}
		name, _ := p["name"].(string)
		where, _ := p["in"].(string)
		if into := map[string]map[string]*parameter{"query": r.query, "header": r.header, "path": inPath}[where]; into != nil {
			if into[name], err = l.parameter(p, at); err != nil {
				return nil, err
			}
		}
	}
	for _, s := range strings.Split(template, "/") {
		if name, ok := strings.CutPrefix(s, "{"); ok {
			r.path = append(r.path, inPath[strings.TrimSuffix(name, "}")])
		}
	}
	if body := object(op["requestBody"]); body != nil {
		var err error
		r.needed = body["required"] == true
		if r.body, err = l.content(body, here+"/requestBody"); err != nil {
			return nil, err
		}
	}
	for code, v := range object(op["responses"]) {
		status, err := strconv.Atoi(code)
		if err != nil {
			continue // default, which would allow anything
		}
		response, at, err := l.resolve(v, here+"/responses/"+code)
		if err != nil {
			return nil, err
		}
		a := &answer{headers: map[string]*parameter{}}
		if a.content, err = l.content(response, at); err != nil {
			return nil, err
		}
		for name, v := range object(response["headers"]) {
			h, at, err := l.resolve(v, at+"/headers/"+fragment(name))
			if err != nil {
				return nil, err
			}
			if a.headers[canonical(name)], err = l.parameter(h, at); err != nil {
				return nil, err
			}
		}
		r.answers[status] = a
	}
	return r, nil
}

func (l *loader) parameter(p map[string]any, at string) (*parameter, error) {
	schema, err := l.compile(at + "/schema")
	if err != nil {
		return nil, err
	}
	kind, _ := object(p["schema"])["type"].(string)
	return &parameter{p["required"] == true, kind, schema}, nil
}

// content compiles the schemas of a request body or an answer.
func (l *loader) content(in map[string]any, at string) (map[string]*jsonschema.Schema, error) {
	out := map[string]*jsonschema.Schema{}
	for media := range object(in["content"]) {
		out[media] = nil
		if media != "application/json" && !strings.HasSuffix(media, "+json") {
			continue
		}
		schema, err := l.compile(at + "/content/" + fragment(media) + "/schema")
		if err != nil {
			return nil, err
		}
		out[media] = schema
	}
	return out, nil
}

// Document says whether doc is a valid OpenAPI 3.1 document whose every example keeps to its schema, undocumented
// members included. The error joins all that is wrong.
func Document(doc []byte) error {
	quiet := datamodel.NewDocumentConfiguration()
	quiet.Logger = slog.New(slog.DiscardHandler) // what is wrong is in the error
	parsed, err := libopenapi.NewDocumentWithConfiguration(doc, quiet)
	if err != nil {
		return fmt.Errorf("check: the document: %w", err)
	}
	v, failed := validator.NewValidator(parsed)
	if len(failed) > 0 {
		return fmt.Errorf("check: the document: %w", errors.Join(failed...))
	}
	defer v.Release()
	var errs []error
	if ok, invalid := v.ValidateDocument(); !ok {
		for _, e := range invalid {
			errs = append(errs, fmt.Errorf("line %d: %s: %s", e.SpecLine, e.Message, e.Reason))
			for _, s := range e.SchemaValidationErrors {
				errs = append(errs, fmt.Errorf("line %d: %s: %s", s.Line, s.KeywordLocation, s.Reason))
			}
		}
	}
	l, err := load(doc)
	if err != nil {
		return err
	}
	return errors.Join(append(errs, l.examples()...)...)
}

// examples holds every example of a schema to it.
func (l *loader) examples() (errs []error) {
	found := map[string]any{}
	walk(l.doc, "#", func(at string, o map[string]any) {
		if examples := list(o["examples"]); len(examples) > 0 {
			found[at] = examples
		}
		if ex, ok := o["example"]; ok && o["schema"] != nil {
			found[at+"/schema"] = []any{ex}
		}
	})
	for _, at := range slices.Sorted(maps.Keys(found)) {
		schema, err := l.compile(at)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, ex := range list(found[at]) {
			errs = append(errs, faults(schema, ex, "example of "+at)...)
		}
	}
	return errs
}

func object(v any) map[string]any { m, _ := v.(map[string]any); return m }
func list(v any) []any            { l, _ := v.([]any); return l }
