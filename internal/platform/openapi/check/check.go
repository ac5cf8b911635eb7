// Package check holds answers of the API to its OpenAPI document, for tests: production code does not link it.
package check

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// ErrNoOperation says that the document knows no operation for a request, and that the answer was not a plain 404 or 405.
var ErrNoOperation = errors.New("no such operation in the document")

// Checker holds answers to one document. It is safe for use by many goroutines.
//
// It is stricter than the document: answers are documented as open, so that members may be added later, but here a
// member, header or status that is not documented is refused, and the response "default" allows nothing.
type Checker struct {
	routes  map[string][]*route // by method
	problem *jsonschema.Schema
}

type route struct {
	template string
	segments []string // a parameter is ""
	query    map[string]*parameter
	path     []*parameter // one for each parameter in segments, nil where nothing is said of it
	header   map[string]*parameter
	body     map[string]*jsonschema.Schema // by media type, nil where it is not JSON; a nil map takes no body
	needed   bool                          // the body
	answers  map[int]*answer
}

type parameter struct {
	required bool
	kind     string // of its schema: integer, number, boolean, array, anything else is text
	schema   *jsonschema.Schema
}

type answer struct {
	headers map[string]*parameter
	content map[string]*jsonschema.Schema // by media type, nil where it is not JSON; none: the body is empty
}

// plainHeaders say nothing about the API: transport, caches, browsers' safety.
var plainHeaders = map[string]bool{
	"Accept-Ranges": true, "Access-Control-Allow-Credentials": true, "Access-Control-Allow-Headers": true,
	"Access-Control-Allow-Methods": true, "Access-Control-Allow-Origin": true, "Access-Control-Expose-Headers": true,
	"Access-Control-Max-Age": true, "Allow": true, "Cache-Control": true, "Connection": true, "Content-Disposition": true,
	"Content-Encoding": true, "Content-Language": true, "Content-Length": true, "Content-Security-Policy": true,
	"Content-Type": true, "Cross-Origin-Opener-Policy": true, "Cross-Origin-Resource-Policy": true, "Date": true,
	"Expires": true, "Permissions-Policy": true, "Pragma": true, "Referrer-Policy": true, "Strict-Transport-Security": true,
	"Transfer-Encoding": true, "Vary": true, "Www-Authenticate": true, "X-Content-Type-Options": true, "X-Frame-Options": true, "X-Robots-Tag": true,
}

// NewChecker compiles every schema of an OpenAPI 3.1 document as openapi.Finish writes it; the error names the first
// that does not compile.
func NewChecker(doc []byte) (*Checker, error) {
	l, err := load(doc)
	if err != nil {
		return nil, err
	}
	c := &Checker{routes: map[string][]*route{}}
	if c.problem, err = l.compile("#/components/schemas/Problem"); err != nil {
		return nil, err
	}
	for template, item := range object(l.doc["paths"]) {
		for method, op := range object(item) {
			r, err := l.route(template, method, object(op))
			if err != nil {
				return nil, fmt.Errorf("check: %s %s: %w", strings.ToUpper(method), template, err)
			}
			c.routes[strings.ToUpper(method)] = append(c.routes[strings.ToUpper(method)], r)
		}
	}
	for _, rs := range c.routes { // literal segments come before parameters
		slices.SortFunc(rs, func(a, b *route) int { return strings.Compare(b.template, a.template) })
		slices.SortStableFunc(rs, func(a, b *route) int { return a.parameters() - b.parameters() })
	}
	return c, nil
}

func (r *route) parameters() (n int) {
	for _, s := range r.segments {
		if s == "" {
			n++
		}
	}
	return n
}

// Check says whether an answer is exactly as documented for its request; reqBody is what the request carried. An answer
// of success is also held against the request: accepting what the document refuses is an error of one of the two. The
// error joins all that is wrong, with a JSON pointer where it is in the body.
func (c *Checker) Check(req *http.Request, reqBody []byte, status int, header http.Header, body []byte) error {
	method := req.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	r := c.find(method, req.URL.EscapedPath())
	if r == nil {
		return c.unrouted(req, status, header, body)
	}
	errs := r.answer(req, status, header, body)
	if status < 300 {
		errs = append(errs, r.request(req, reqBody)...)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%s %s → %d: %w", req.Method, r.template, status, err)
	}
	return nil
}

// Refuses says why the document refuses a request, or nil when it allows it. What stands outside the document, as an
// unknown path does, is allowed; so is what no schema can say, as a member that stands twice.
func (c *Checker) Refuses(req *http.Request, body []byte) error {
	r := c.find(req.Method, req.URL.EscapedPath())
	if r == nil {
		return nil
	}
	return errors.Join(r.request(req, body)...)
}

func (c *Checker) find(method, path string) *route {
	parts := strings.Split(path, "/")
	for _, r := range c.routes[method] {
		if len(r.segments) == len(parts) && r.matches(parts) {
			return r
		}
	}
	return nil
}

func (r *route) matches(parts []string) bool {
	for i, s := range r.segments {
		if s != parts[i] && (s != "" || parts[i] == "") {
			return false
		}
	}
	return true
}

// unrouted judges what the router itself answers: a problem.
func (c *Checker) unrouted(req *http.Request, status int, header http.Header, body []byte) error {
	where := fmt.Sprintf("%s %s → %d", req.Method, req.URL.Path, status)
	if status != http.StatusNotFound && status != http.StatusMethodNotAllowed {
		return fmt.Errorf("%s: %w", where, ErrNoOperation)
	}
	if got := mediaType(header); got != "application/problem+json" {
		return fmt.Errorf("%s: %w, and %q is no problem", where, ErrNoOperation, got)
	}
	if errs := append(bodyFaults(c.problem, body), sameStatus(body, status)...); len(errs) > 0 {
		return fmt.Errorf("%s: %w", where, errors.Join(errs...))
	}
	return nil
}

func (r *route) answer(req *http.Request, status int, header http.Header, body []byte) (errs []error) {
	a := r.answers[status]
	if a == nil {
		return []error{fmt.Errorf("status %d is not documented, only %v", status, slices.Sorted(maps.Keys(r.answers)))}
	}
	for name, p := range a.headers {
		values := header.Values(name)
		if len(values) == 0 && p.required {
			errs = append(errs, fmt.Errorf("header %s is missing", name))
		}
		for _, v := range values {
			errs = append(errs, p.faults("header "+name, v)...)
		}
	}
	for name := range header {
		if name = canonical(name); a.headers[name] == nil && !plainHeaders[name] {
			errs = append(errs, fmt.Errorf("header %s is not documented", name))
		}
	}
	if len(a.content) == 0 {
		if len(body) > 0 {
			errs = append(errs, fmt.Errorf("a body of %d bytes, where none is documented", len(body)))
		}
		return errs
	}
	got := mediaType(header)
	schema, ok := a.content[got]
	switch {
	case !ok:
		return append(errs, fmt.Errorf("content type %q is not documented, only %v", got, slices.Sorted(maps.Keys(a.content))))
	case req.Method == http.MethodHead:
		return errs
	case schema != nil:
		errs = append(errs, bodyFaults(schema, body)...)
		if got == "application/problem+json" {
			errs = append(errs, sameStatus(body, status)...)
		}
	case len(body) == 0:
		errs = append(errs, errors.New("the body is empty"))
	}
	return errs
}

// request says what of an accepted request the document would have refused.
func (r *route) request(req *http.Request, body []byte) (errs []error) {
	query := req.URL.Query()
	values := 0
	for i, part := range strings.Split(req.URL.EscapedPath(), "/") {
		if r.segments[i] != "" || i == 0 {
			continue
		}
		text, err := url.PathUnescape(part)
		if p := r.path[values]; p != nil && err == nil {
			for _, err := range p.faults("path", text) {
				errs = append(errs, fmt.Errorf("accepted: %w", err))
			}
		}
		values++
	}
	for name, p := range r.header {
		sent := req.Header.Values(name)
		if len(sent) == 0 && p.required {
			errs = append(errs, fmt.Errorf("accepted a request without the header %s, which is required", name))
		}
		for _, v := range sent {
			for _, err := range p.faults("header "+name, v) {
				errs = append(errs, fmt.Errorf("accepted: %w", err))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		p := r.query[name]
		if p == nil {
			errs = append(errs, fmt.Errorf("accepted the query parameter %s, which is not documented", name))
			continue
		}
		for _, v := range query[name] {
			for _, err := range p.faults("query parameter "+name, v) {
				errs = append(errs, fmt.Errorf("accepted: %w", err))
			}
		}
	}
	for name, p := range r.query {
		if p.required && !query.Has(name) {
			errs = append(errs, fmt.Errorf("accepted a request without the query parameter %s, which is required", name))
		}
	}
	if len(body) == 0 {
		if r.needed {
			errs = append(errs, errors.New("accepted a request without a body, which is required"))
		}
		return errs
	}
	if r.body == nil {
		return errs
	}
	got := mediaType(req.Header)
	schema, ok := r.body[got]
	if !ok {
		return append(errs, fmt.Errorf("accepted a body of type %q, which is not documented", got))
	}
	if schema != nil {
		for _, err := range bodyFaults(schema, body) {
			errs = append(errs, fmt.Errorf("accepted a body that the document refuses: %w", err))
		}
	}
	return errs
}

// faults judges one value of a query parameter or header, which is always text.
func (p *parameter) faults(where, text string) []error {
	var v any = text
	switch p.kind {
	case "integer", "number":
		n := json.Number(text)
		if !json.Valid([]byte(text)) {
			return []error{fmt.Errorf("%s: %q is not a number", where, text)}
		}
		v = n
	case "boolean":
		if v = text == "true"; text != "true" && text != "false" {
			return []error{fmt.Errorf("%s: %q is not true or false", where, text)}
		}
	case "array":
		parts := []any{}
		for _, s := range strings.Split(text, ",") {
			parts = append(parts, s)
		}
		v = parts
	}
	return faults(p.schema, v, where)
}

func mediaType(h http.Header) string {
	t, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return h.Get("Content-Type")
	}
	return t
}

func bodyFaults(schema *jsonschema.Schema, body []byte) []error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return []error{fmt.Errorf("the body is not JSON: %w", err)}
	}
	return faults(schema, v, "body")
}

// sameStatus holds a problem's member status to the status line.
func sameStatus(body []byte, status int) []error {
	var p struct{ Status int }
	if json.Unmarshal(body, &p) == nil && p.Status != status {
		return []error{fmt.Errorf("the problem says status %d", p.Status)}
	}
	return nil
}

var english = message.NewPrinter(language.English)

// faults lists what is wrong with a value, each with where.
func faults(schema *jsonschema.Schema, v any, where string) []error {
	err := schema.Validate(v)
	var invalid *jsonschema.ValidationError
	if err == nil {
		return nil
	}
	if !errors.As(err, &invalid) {
		return []error{fmt.Errorf("%s: %w", where, err)}
	}
	var out []error
	var leaves func(e *jsonschema.ValidationError)
	leaves = func(e *jsonschema.ValidationError) {
		if len(e.Causes) == 0 {
			out = append(out, fmt.Errorf("%s %s: %s", where, pointer(e.InstanceLocation), e.ErrorKind.LocalizedString(english)))
		}
		for _, cause := range e.Causes {
			leaves(cause)
		}
	}
	leaves(invalid)
	return out
}

// pointer writes a JSON pointer (RFC 6901).
func pointer(parts []string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("/" + escape(p))
	}
	return b.String()
}

func escape(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "~", "~0"), "/", "~1")
}

func canonical(header string) string { return textproto.CanonicalMIMEHeaderKey(header) }

// fragment writes a JSON pointer's part as it stands in a URI.
func fragment(s string) string { return url.PathEscape(escape(s)) }
