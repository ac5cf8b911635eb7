package fuzz

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// want says who judges whether a request may be accepted.
type want int

const (
	byDocument want = iota
	refused         // what no schema can say, and no server may accept: bytes that are no UTF-8, a member twice
	either          // both are fine: only the answer is judged
)

// literal is JSON as it stands, valid or not.
type literal string

type pair struct{ name, value string }

// request is one request on its way to be sent, in a form that can be changed and shrunk.
type request struct {
	op      *operation
	method  string // other than the operation's, for methods that it does not know
	path    []pair
	query   []pair
	header  []pair
	body    any // what JSON decodes to, or a literal; with a form a map of text
	hasBody bool
	media   string
	want    want
	note    string // what is hostile in it
	at      string // the member of its body that holds it, where it is one
}

func (r request) clone() request {
	r.path, r.query, r.header = slices.Clone(r.path), slices.Clone(r.query), slices.Clone(r.header)
	r.body = copyOf(r.body)
	return r
}

func copyOf(v any) any {
	switch t := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(t))
		for k, x := range t {
			out[k] = copyOf(x)
		}
		return out
	case []any:
		out := make([]any, len(t))
		for i, x := range t {
			out[i] = copyOf(x)
		}
		return out
	}
	return v
}

func set(ps []pair, name, value string) []pair {
	for i := range ps {
		if strings.EqualFold(ps[i].name, name) {
			ps[i].value = value
			return ps
		}
	}
	return append(ps, pair{name, value})
}

// bytes are the body as it is sent.
func (r request) bytes() []byte {
	if !r.hasBody {
		return nil
	}
	if m, ok := r.body.(map[string]any); ok && r.media == formType {
		form := url.Values{}
		for k, v := range m {
			text, ok := v.(string)
			if !ok {
				text = string(appendJSON(nil, v))
			}
			form.Set(k, text)
		}
		return []byte(form.Encode())
	}
	return appendJSON(nil, r.body)
}

const formType = "application/x-www-form-urlencoded"

func appendJSON(b []byte, v any) []byte {
	switch t := v.(type) {
	case literal:
		return append(b, t...)
	case map[string]any:
		b = append(b, '{')
		for i, k := range slices.Sorted(maps.Keys(t)) {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(append(appendJSON(b, k), ':'), t[k])
		}
		return append(b, '}')
	case []any:
		b = append(b, '[')
		for i, x := range t {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, x)
		}
		return append(b, ']')
	}
	out, err := json.Marshal(v)
	if err != nil {
		panic(err) // text, numbers, booleans and null always marshal
	}
	return append(b, out...)
}

func (r request) verb() string {
	if r.method != "" {
		return r.method
	}
	return r.op.method
}

// target is path and query.
func (r request) target() string {
	path := r.op.path
	for _, p := range r.path {
		path = strings.ReplaceAll(path, "{"+p.name+"}", url.PathEscape(p.value))
	}
	var q []string
	for _, p := range r.query {
		q = append(q, url.QueryEscape(p.name)+"="+url.QueryEscape(p.value))
	}
	if len(q) > 0 {
		path += "?" + strings.Join(q, "&")
	}
	return path
}

var errUnsendable = errors.New("fuzz: no client can send this")

// http is the request as a server gets it.
func (r request) http(ctx context.Context, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, r.verb(), "http://switchboard.test"+r.target(), nil)
	if err != nil {
		return nil, errors.Join(errUnsendable, err)
	}
	if body != nil {
		req.Body, req.ContentLength = newBody(body), int64(len(body))
		if r.media != "" {
			req.Header.Set("Content-Type", r.media)
		}
	} else {
		req.Body = http.NoBody
	}
	req.RequestURI, req.RemoteAddr = r.target(), "127.0.0.1:4711"
	for _, h := range r.header {
		if strings.ContainsAny(h.value, "\r\n\x00") {
			return nil, errUnsendable
		}
		req.Header.Set(h.name, h.value)
	}
	return req, nil
}

// curl is the request in one line of a shell, with the server in $SWITCHBOARD and the token in $TOKEN.
func (r request) curl(token bool) string {
	var b strings.Builder
	body, data := r.bytes(), ""
	if r.hasBody {
		if strings.ContainsRune(string(body), 0) || len(body) > 64<<10 { // no argument of a command can hold it
			b.WriteString("printf " + quote(octal(body)) + " | ")
			data = " --data-binary @-"
		} else {
			data = " --data-binary " + quote(string(body))
		}
	}
	b.WriteString("curl -sS -i -X " + r.verb() + ` "$SWITCHBOARD"` + quote(r.target()))
	if token {
		b.WriteString(` -H "Authorization: Bearer $TOKEN"`)
	}
	if r.hasBody {
		b.WriteString(" -H " + quote("Content-Type: "+r.media))
	}
	for _, h := range r.header {
		b.WriteString(" -H " + quote(h.name+": "+h.value))
	}
	return b.String() + data
}

// quote writes text as one word of a shell, on one line.
func quote(s string) string {
	plain := utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r > 0x7e })
	if plain {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	var b strings.Builder
	b.WriteString("$'")
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\'' || c == '\\':
			b.WriteString(`\` + string(rune(c)))
		case c < ' ' || c > 0x7e:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String() + "'"
}

// octal writes bytes as the format of printf.
func octal(body []byte) string {
	var b strings.Builder
	for _, c := range body {
		switch {
		case c == '%':
			b.WriteString("%%")
		case c == '\\' || c < ' ' || c > 0x7e:
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// at is the value at a path of members and items, which starts with the body itself.
type step struct {
	member string
	item   int // when member is ""
}

func (s step) String() string {
	if s.member != "" {
		return "/" + s.member
	}
	return "/" + strconv.Itoa(s.item)
}

func pointer(at []step) string {
	var b strings.Builder
	for _, s := range at {
		b.WriteString(s.String())
	}
	return b.String()
}

// place is a pointer to any item of a list.
func place(at []step) string {
	var b strings.Builder
	for _, s := range at {
		if s.member == "" {
			b.WriteString("/*")
		} else {
			b.WriteString("/" + s.member)
		}
	}
	return b.String()
}

// replace returns a tree with another value at a place; a nil func result with drop removes it.
func replace(tree any, at []step, change func(old any) (value any, keep bool)) any {
	if len(at) == 0 {
		v, _ := change(tree)
		return v
	}
	var old any
	switch t := tree.(type) {
	case map[string]any:
		old = t[at[0].member]
		if len(at) == 1 {
			v, keep := change(old)
			if keep {
				t[at[0].member] = v
			} else {
				delete(t, at[0].member)
			}
			return t
		}
		t[at[0].member] = replace(old, at[1:], change)
	case []any:
		i := at[0].item
		if i >= len(t) {
			return t
		}
		if len(at) == 1 {
			v, keep := change(t[i])
			if !keep {
				return slices.Delete(t, i, i+1)
			}
			t[i] = v
			return t
		}
		t[i] = replace(t[i], at[1:], change)
	}
	return tree
}
