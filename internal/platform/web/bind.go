package web

import (
	"bytes"
	"encoding"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/switchingtalent/switchboard/internal/platform/fault"
)

// IfMatch is embedded in the input of a route that honours If-Match.
type IfMatch struct {
	Tag string `header:"If-Match" swaggerignore:"true"`
}

// Check refuses when the caller names a revision and it is not this one (RFC 9110, section 13.1.1).
func (m IfMatch) Check(revision int64) error {
	if m.Tag == "" || m.Tag == "*" {
		return nil
	}
	for t := range strings.SplitSeq(m.Tag, ",") {
		if strings.TrimSpace(t) == Tag(revision) {
			return nil
		}
	}
	return fault.Changed.With("revision", strconv.FormatInt(revision, 10))
}

// Tag writes a revision as a strong entity tag.
func Tag(revision int64) string { return `"` + strconv.FormatInt(revision, 10) + `"` }

// plan says where each field of an input comes from. The tags are uri, form, header and body.
type plan struct {
	params []param
	body   []int  // index of the body field, nil when there is none
	kind   string // json, patch or form
	names  []string
}

type param struct {
	index []int
	in    string // uri, form, header
	name  string
	rules rules
}

var plans sync.Map // reflect.Type → *plan

func planOf(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	p := &plan{}
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous {
			continue
		}
		if kind, ok := f.Tag.Lookup("body"); ok {
			p.body, p.kind = f.Index, kind
			continue
		}
		for _, in := range []string{"uri", "form", "header"} {
			if name, ok := f.Tag.Lookup(in); ok {
				p.params = append(p.params, param{f.Index, in, name, rulesOf(f)})
				if in == "form" {
					p.names = append(p.names, name)
				}
			}
		}
	}
	got, _ := plans.LoadOrStore(t, p)
	return got.(*plan)
}

func hasIfMatch(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && slices.ContainsFunc(planOf(t).params, func(p param) bool { return p.name == "If-Match" })
}

// bind reads the body, and fills in from path, query and headers; bindBody does the rest. What cannot be parsed is a 400,
// what breaks a rule a 422, and a path that cannot be an id is a 404, as any other unknown one.
func (s *Server) bind(c *call, r Route, in any) error {
	if err := s.take(c, r); err != nil {
		return err
	}
	v := reflect.ValueOf(in).Elem()
	if v.Kind() != reflect.Struct {
		return nil
	}
	p := planOf(v.Type())
	query, err := url.ParseQuery(c.req.URL.RawQuery)
	if err != nil {
		return fault.BadParameter.Because(err)
	}
	bad := fault.BadParameter.New()
	for name, values := range query {
		switch {
		case !slices.Contains(p.names, name):
			bad.In(printable(name), fault.Unknown)
		case len(values) > 1:
			bad.In(name, fault.Repeated)
		}
	}
	if r.IfMatch == "required" && c.req.Header.Get("If-Match") == "" {
		return fault.NeedsIfMatch.New()
	}
	for _, q := range p.params {
		var text string
		var given bool
		switch q.in {
		case "uri":
			text, given = c.gin.Param(q.name), true
		case "form":
			text, given = query.Get(q.name), query.Has(q.name)
		case "header":
			text = c.req.Header.Get(q.name)
			given = text != ""
		}
		f := v.FieldByIndex(q.index)
		if !given {
			if q.rules.required {
				bad.In(q.name, fault.Required)
			}
			if q.rules.preset != "" {
				setText(f, q.rules.preset, q.rules)
			}
			continue
		}
		var broken []fault.Field
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			broken = []fault.Field{{Rule: fault.BadText}}
		} else {
			broken = setText(f, text, q.rules)
		}
		if len(broken) > 0 && q.in == "uri" {
			return fault.Missing.New()
		}
		for _, b := range broken {
			b.Parameter = q.name
			bad.Fields = append(bad.Fields, b)
		}
	}
	if len(bad.Fields) > 0 {
		return bad
	}
	return nil
}

// bindBody parses the body that bind read and lays it over in. It runs in a place: a body that is parsed takes many times the
// memory of its text, and so only as many are parsed at once as there are places.
func (s *Server) bindBody(c *call, in any) error {
	v := reflect.ValueOf(in).Elem()
	if v.Kind() != reflect.Struct {
		return nil
	}
	p := planOf(v.Type())
	if c.req.Method == http.MethodGet || c.req.Method == http.MethodDelete || c.req.Method == http.MethodHead {
		return nil
	}
	if p.kind == "form" {
		return bindForm(c, v.FieldByIndex(p.body))
	}
	if p.body == nil { // an action without members takes nothing, or an empty object
		if len(bytes.TrimSpace(c.body)) == 0 {
			return nil
		}
		if err := mediaType(c.req, "application/json"); err != nil {
			return err
		}
		n, err := parseJSON(c.body)
		if err != nil {
			return err
		}
		var none struct{}
		return assign(n, reflect.ValueOf(&none).Elem(), false)
	}
	f := v.FieldByIndex(p.body)
	types := []string{"application/json"}
	if p.kind == "patch" {
		types = append(types, "application/merge-patch+json")
	}
	body := c.body
	if len(bytes.TrimSpace(body)) == 0 && p.kind == "optional" {
		body = []byte("{}")
	} else if err := mediaType(c.req, types...); err != nil {
		return err
	}
	n, err := parseJSON(body)
	if err != nil {
		return err
	}
	if p.kind == "patch" {
		f.Addr().Interface().(*MergePatch).node = n
		if n.kind != kindObject {
			return fault.At("", fault.WrongType, "type", "an object")
		}
		return nil
	}
	presets(f)
	return assign(n, f, false)
}

// MergePatch is the body of a PATCH: a JSON merge patch (RFC 7396), applied by the verb to the members of the row.
type MergePatch struct{ node node }

// Apply writes the members that the patch names over dst, a pointer to a struct that holds the present values, under
// the same rules as a whole body. Members that dst does not have are refused.
func (p MergePatch) Apply(dst any) error { return assign(p.node, reflect.ValueOf(dst).Elem(), true) }

// Names reports whether the patch names a member.
func (p MergePatch) Names(member string) bool {
	return slices.ContainsFunc(p.node.members, func(m jsonMember) bool { return m.name == member })
}

func mediaType(r *http.Request, want ...string) error {
	got, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || !slices.Contains(want, got) || params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8") {
		return fault.BadMediaType.With("type", want[0])
	}
	return nil
}

// readBody reads at most limit bytes.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if _, ok := err.(*http.MaxBytesError); ok {
		return nil, tooLarge(limit)
	}
	if err != nil {
		return nil, fault.BadRequest.Because(err)
	}
	return b, nil
}

func tooLarge(limit int64) error {
	return fault.BodyTooLarge.With("limit", strconv.FormatInt(limit, 10))
}

// Posted is what people post as a form and programs as JSON, under the tag body:"form".
type Posted struct {
	Form url.Values // nil when it came as JSON
	json node
}

// JSON lays what came as JSON over an empty input, as any other body.
func (p Posted) JSON(dst any) error { return MergePatch{p.json}.fill(dst) }

// bindForm reads application/x-www-form-urlencoded into a struct of strings, by the tag form, or whole. A Posted may be
// JSON as well.
func bindForm(c *call, f reflect.Value) error {
	if p, ok := f.Addr().Interface().(*Posted); ok {
		if mediaType(c.req, "application/json") == nil {
			n, err := parseJSON(c.body)
			p.json = n
			return err
		}
		f = reflect.ValueOf(&p.Form).Elem()
	}
	if err := mediaType(c.req, "application/x-www-form-urlencoded"); err != nil {
		return err
	}
	values, err := url.ParseQuery(string(c.body))
	if err != nil || !utf8.Valid(c.body) {
		return fault.BadRequest.New()
	}
	if f.Type() == reflect.TypeFor[url.Values]() {
		f.Set(reflect.ValueOf(values))
		return nil
	}
	for i := range f.NumField() {
		name := f.Type().Field(i).Tag.Get("form")
		if len(values[name]) > 1 {
			return fault.BadRequest.New()
		}
		f.Field(i).SetString(values.Get(name))
	}
	return nil
}

// setText reads one parameter from its text.
func setText(f reflect.Value, text string, r rules) []fault.Field {
	if f.Kind() == reflect.Pointer {
		p := reflect.New(f.Type().Elem())
		if b := setText(p.Elem(), text, r); len(b) > 0 {
			return b
		}
		f.Set(p)
		return nil
	}
	wrong := func(format string) []fault.Field {
		return []fault.Field{{Rule: fault.BadFormat, Params: map[string]string{"format": format}}}
	}
	switch t := f.Addr().Interface().(type) {
	case *time.Time:
		v, err := instant(text)
		if err != nil {
			return wrong("a time like 2027-01-11T09:00:00Z")
		}
		*t = v
		return nil
	case encoding.TextUnmarshaler:
		if err := t.UnmarshalText([]byte(text)); err != nil {
			return wrong(formatOf(f.Type()))
		}
		return nil
	}
	switch f.Kind() {
	case reflect.String:
		f.SetString(text)
		return r.text(text)
	case reflect.Bool:
		if text != "true" && text != "false" {
			return wrong("true or false")
		}
		f.SetBool(text == "true")
		return nil
	case reflect.Int, reflect.Int64:
		n, ok := whole(text)
		if !ok {
			return wrong("a whole number")
		}
		f.SetInt(n)
		return r.number(float64(n))
	case reflect.Slice:
		parts := strings.Split(text, ",")
		out := reflect.MakeSlice(f.Type(), len(parts), len(parts))
		for i, p := range parts {
			if b := setText(out.Index(i), p, r); len(b) > 0 {
				return b
			}
		}
		f.Set(out)
		return r.items(len(parts))
	}
	panic("web: a parameter cannot be a " + f.Type().String())
}

// printable shortens what a caller called a parameter, for our answer.
func printable(s string) string {
	s = strings.ToValidUTF8(s, "�")
	if r := []rune(s); len(r) > 60 {
		s = string(r[:60])
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '�'
		}
		return r
	}, s)
}

// written is how RFC 3339 writes a time; Go reads more, as an hour of one digit, or a comma before fractions.
var written = regexp.MustCompile(`^(19\d\d|2[01]\d\d|2200)-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$`)

var errNotWritten = errors.New("not a time of RFC 3339 between the years 1900 and 2200")

// instant reads a time as rows and answers hold it: in UTC, in microseconds. Go takes an offset of 24 hours, and refuses
// it only when it is written.
func instant(text string) (time.Time, error) {
	if !written.MatchString(text) {
		return time.Time{}, errNotWritten
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err == nil {
		_, err = t.MarshalText()
	}
	return t.UTC().Truncate(time.Microsecond), err
}
