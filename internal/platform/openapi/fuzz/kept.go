package fuzz

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// difference is one member that is answered otherwise than it was sent.
type difference struct{ pointer, why string }

// lost compares what an accepted request sent with its answer, and with what is read afterwards where it was written: members of the
// same name hold the same, and each is told in one of the two.
func (r *runner) lost(x request, sent []byte, a answer) []difference {
	s := x.op.bodies[x.media]
	if s == nil || x.method != "" || x.media == formType {
		return nil
	}
	in, ok := decoded(sent).(map[string]any)
	if !ok || len(in) == 0 {
		return nil
	}
	if a.status == http.StatusOK && x.op.method == http.MethodPost && r.t.State != nil && !a.changed { // it was so already, and stays so
		return nil
	}
	told, out := map[string]bool{}, []difference{}
	differ := func(where string, body []byte) {
		got, ok := decoded(body).(map[string]any)
		if !ok {
			return
		}
		for _, name := range slices.Sorted(maps.Keys(in)) {
			answered, there := got[name]
			if !there { // PUT …/checks is told as the member checks of what it belongs to
				answered, there = object(got[strings.ReplaceAll(x.op.path[strings.LastIndex(x.op.path, "/")+1:], "-", "_")])[name]
			}
			if there {
				out = append(out, r.differences(x.op, s.members[name], "/"+name, in[name], answered, where)...)
			}
			told[name] = told[name] || there || r.within(x.op, s.members[name], name, in[name], got)
		}
	}
	differ("answers", a.body)
	if a.header.Get("Idempotency-Replayed") == "" { // what was written long ago may have been changed since
		if path, status, body := r.reread(x, a); path != "" && status == http.StatusOK {
			differ("and GET "+varyingIDs.ReplaceAllString(path, "…")+" then answers", body)
		} else if status == http.StatusNotFound && a.header.Get("Location") != "" {
			out = append(out, difference{"", "its Location is not found"})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(in)) {
		if v := in[name]; v != nil && !told[name] && !r.otherwise(x.op, "/"+name) {
			out = append(out, difference{"/" + name, fmt.Sprintf("tells nowhere that /%s is %s", name, short(v))})
		}
	}
	return out
}

// within reports whether an answer holds somewhere a member of this name that is as it was sent: who decided, among the decisions, or
// the reason as revoke_reason.
func (r *runner) within(op *operation, s *schema, name string, sent, got any) bool {
	switch v := got.(type) {
	case map[string]any:
		for k, x := range v {
			if (k == name || strings.HasSuffix(k, "_"+name)) && r.equal(op, s, "/"+name, sent, x) || r.within(op, s, name, sent, x) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, func(x any) bool { return r.within(op, s, name, sent, x) })
	}
	return false
}

// equal says so without asking why not.
func (r *runner) equal(op *operation, s *schema, at string, sent, got any) bool {
	silent := runner{t: Target{Otherwise: r.t.Otherwise}, report: Report{Otherwise: map[string]int{}}}
	return len(silent.differences(op, s, at, sent, got, "")) == 0
}

var varyingIDs = regexp.MustCompile(`[a-z]{3}_[0-9a-z]{26}`)

// otherwise reports whether the target says why a member is answered otherwise, or not at all.
func (r *runner) otherwise(op *operation, at string) bool {
	for ; at != ""; at = at[:strings.LastIndex(at, "/")] { // or of what it is a member of
		for _, of := range []string{op.id + " " + at, op.id + " *", "* " + at} {
			if _, why := r.t.Otherwise[of]; why {
				r.report.Otherwise[of]++
				return true
			}
		}
	}
	return false
}

func decoded(b []byte) (v any) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return nil
	}
	return v
}

// reread asks for what a request wrote: at its Location, or where it was sent, or at what that belongs to.
func (r *runner) reread(x request, a answer) (path string, status int, body []byte) {
	path = a.header.Get("Location")
	if path == "" {
		path, _, _ = strings.Cut(x.target(), "?")
		of := x.op.path
		for n := 0; !slices.Contains(r.doc.methods[of], http.MethodGet) || !strings.HasSuffix(of, "}") && (n > 0 || x.op.method == http.MethodPost); n++ {
			if strings.Count(of, "/") < 2 {
				return "", 0, nil
			}
			of, path = of[:strings.LastIndex(of, "/")], path[:strings.LastIndex(path, "/")]
		}
	}
	op := r.doc.read(path)
	if op == nil {
		return "", 0, nil
	}
	if id, _ := object(decoded(a.body))["id"].(string); x.op.method == http.MethodPost && a.header.Get("Location") == "" && !strings.HasSuffix(path, "/"+id) {
		return "", 0, nil // what an action answers is another thing than what it was done to
	}
	req := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	req.RemoteAddr = "127.0.0.1:4711"
	if token := r.t.Token(op.id); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	rec := httptest.NewRecorder()
	func() {
		defer func() {
			if recover() != nil { // the operation's own turn tells that
				rec = httptest.NewRecorder()
				rec.Code = http.StatusInternalServerError
			}
		}()
		r.t.Handler.ServeHTTP(rec, req)
	}()
	r.report.Requests++
	return path, rec.Code, rec.Body.Bytes()
}

// read is the operation that reads a path.
func (d *document) read(path string) *operation {
	path, err := url.PathUnescape(path)
	if err != nil {
		return nil
	}
	parts := strings.Split(path, "/")
	i := slices.IndexFunc(d.all, func(op *operation) bool {
		of := strings.Split(op.path, "/")
		return op.method == http.MethodGet && len(of) == len(parts) && !slices.ContainsFunc(op.params, func(p param) bool { return p.in != "path" && p.required }) &&
			slices.EqualFunc(of, parts, func(a, b string) bool { return a == b || strings.HasPrefix(a, "{") })
	})
	if i < 0 {
		return nil
	}
	return d.all[i]
}

// differences are where an answer says otherwise than what was sent. What it says besides is its own affair.
func (r *runner) differences(op *operation, s *schema, at string, sent, got any, where string) (out []difference) {
	if s == nil {
		s = &schema{}
	}
	otherwise := func() []difference {
		if r.otherwise(op, at) {
			return nil
		}
		return []difference{{at, fmt.Sprintf("%s %s as %s, where it was sent as %s", where, at, short(got), short(sent))}}
	}
	switch v := sent.(type) {
	case nil:
		if op.method == http.MethodPost { // nothing is said of what is new
			return nil
		}
		if l, list := got.([]any); got != nil && !(list && len(l) == 0) && !r.otherwise(op, at+" null") {
			return otherwise()
		}
	case map[string]any:
		o, ok := got.(map[string]any)
		if !ok {
			return otherwise()
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			x, told := o[name]
			if told || v[name] != nil {
				out = append(out, r.differences(op, s.members[name], at+"/"+name, v[name], x, where)...)
			}
		}
	case []any:
		l, ok := got.([]any)
		if !ok && (got != nil || len(v) > 0) {
			return otherwise()
		}
		if len(v) == 0 && len(l) > 0 && r.otherwise(op, at+" null") {
			return nil
		}
		if ordered := slices.EqualFunc(v, l, func(x, y any) bool { return r.equal(op, s.items, at+"/*", x, y) }); !ordered && r.holds(op, s.items, at+"/*", l, v) {
			how := "order"
			if len(l) > len(v) {
				how = "others"
			}
			if r.otherwise(op, at+" "+how) {
				return nil
			}
			return otherwise()
		}
		if len(l) != len(v) {
			return otherwise()
		}
		for i := range v {
			out = append(out, r.differences(op, s.items, at+"/*", v[i], l[i], where)...)
		}
	default:
		if !same(s, sent, got) {
			return otherwise()
		}
	}
	return out
}

// holds reports whether a list holds all that another does, in whatever order.
func (r *runner) holds(op *operation, items *schema, at string, got, sent []any) bool {
	left := slices.Clone(got)
	for _, v := range sent {
		i := slices.IndexFunc(left, func(x any) bool { return r.equal(op, items, at, v, x) })
		if i < 0 {
			return false
		}
		left = slices.Delete(left, i, i+1)
	}
	return true
}

// filled are requests with one member of their body that holds something, where the request holds nothing there: what is lost of nothing
// is not seen.
func (m *maker) filled(r request) (out []request) {
	var visit func(s *schema, v any, at []step)
	visit = func(s *schema, v any, at []step) {
		for _, name := range slices.Sorted(maps.Keys(s.members)) {
			member, here := s.members[name], append(slices.Clone(at), step{member: name})
			switch x := object(v)[name].(type) {
			case map[string]any:
				visit(member, x, here)
			case string, json.Number, literal:
			default:
				if l, list := x.([]any); x == true || list && len(l) > 0 {
					continue
				}
				full := r.clone()
				full.body = replace(full.body, here, func(any) (any, bool) { return m.here(member, m.full(member), map[string]string{}), true })
				full.note = "something at " + pointer(here)
				out = append(out, full)
			}
		}
	}
	if s := r.op.bodies[r.media]; s != nil && r.media != formType {
		visit(s, r.body, nil)
	}
	return out
}

// full is the example of a schema, or another value that is neither null, false nor empty.
func (m *maker) full(s *schema) any {
	if s.typ == "boolean" {
		return true
	}
	plain := *s
	plain.nullable = false
	if l, list := plain.example.([]any); list && len(l) == 0 {
		plain.example = nil
	}
	return m.example(&plain)
}

// same compares what is neither list nor object: numbers by what they are worth, instants to the microsecond, text without the blanks
// around it.
func same(s *schema, sent, got any) bool {
	switch v := sent.(type) {
	case json.Number:
		n, ok := got.(json.Number)
		x, err := strconv.ParseFloat(v.String(), 64)
		y, err2 := strconv.ParseFloat(n.String(), 64)
		return ok && err == nil && err2 == nil && x == y
	case string:
		text, ok := got.(string)
		if s.format == "date-time" {
			x, err := time.Parse(time.RFC3339Nano, v)
			y, err2 := time.Parse(time.RFC3339Nano, text)
			return err == nil && err2 == nil && x.Sub(y).Abs() < time.Microsecond
		}
		return ok && strings.TrimSpace(v) == strings.TrimSpace(text)
	}
	return sent == got
}

func short(v any) string {
	text := []rune(string(appendJSON(nil, v)))
	if len(text) > 80 {
		return string(text[:80]) + "…"
	}
	return string(text)
}
