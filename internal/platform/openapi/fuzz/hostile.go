package fuzz

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// hostile is one value that somebody may send where the document says otherwise, or where it says just so.
type hostile struct {
	note  string
	value any
	want  want
}

const (
	nul       = "a\x00b"
	notUTF8   = "a\xffb"
	maxNested = 2000
)

// texts are hostile everywhere that text can stand, whatever it is for.
var texts = []hostile{
	{"no text", "", byDocument}, {"spaces", "   ", byDocument}, {"no-break spaces", "\u00a0\u2003\u3000", either}, {"SQL", `'; drop table organisations; --`, byDocument},
	{"SQL or", `' or '1'='1`, byDocument}, {"formats", `%s%n%x%d {{7*7}} ${7*7} <%= 7 %>`, byDocument}, {"markup", `<script>alert(1)</script>"'&`, byDocument},
	{"right to left", "\u202egnp.exe\u202c עברית", byDocument}, {"zero width", "a\u200b\u200d\ufeffb", byDocument}, {"combining", "Z" + strings.Repeat("\u0335\u0336", 40), byDocument},
	{"astral", "👩‍🔬🇧🇪\U0010FFFD", byDocument}, {"path", "../../../../etc/passwd", byDocument}, {"line ends", "a\r\nSet-Cookie: x=1", byDocument},
	{"control", "a\x01b", byDocument}, {"delete", "a\x7fb", byDocument}, {"NUL", nul, byDocument}, {"100,000 characters", strings.Repeat("x", 100_000), byDocument},
	{"number as text", "1", byDocument}, {"null as text", "null", byDocument}, {"true as text", "true", byDocument}, {"noncharacters", "\uffff\ufdd0", byDocument},
	{"dotless i", "ıİIi", byDocument}, {"backslashes", `\\\"`, byDocument}, {"wildcards", `%_*?[]`, byDocument},
}

var days = []string{"0000-00-00", "0001-01-01", "9999-12-31", "1899-12-31", "2201-01-01", "2027-02-29", "2028-02-29", "2100-02-29", "2027-1-1", "2027-01-01T00:00:00Z", "27-01-01",
	"2027-13-01", "2027-00-10", "2027-01-32", "+2027-01-01", "20270101", " 2027-01-01"}

var instants = []string{"0000-00-00T00:00:00Z", "9999-12-31T23:59:59Z", "1899-12-31T23:59:59Z", "2016-12-31T23:59:60Z", "2027-01-11T9:00:00Z", "2027-01-11T09:00:00,5Z", "2027-01-11T09:00:00+24:00",
	"2027-01-11t09:00:00z", "2027-01-11T09:00:00", "2027-01-11 09:00:00Z", "2027-01-11T09:00:00.123456789012Z", "2027-01-11T24:00:00Z", "2027-01-11T09:60:00Z", "2027-01-11T09:00:00-00:00",
	"2027-02-29T09:00:00Z", "2027-01-11", "1799650800", "2027-01-11T09:00Z", "2027-01-11T09:00:00.Z", "2027-01-11T09:00:00+23:59", "2200-12-31T23:59:59-23:00", "1900-01-01T00:00:00+23:00"}

var addresses = []string{"a", "a@", "@b.example", "a@b@c.example", "A <a@voorbeeld.example>", "a b@voorbeeld.example", "a@voorbeeld.example\n", "a@voorbeeld..example", ".a@voorbeeld.example",
	`"a b"@voorbeeld.example`, "a@[127.0.0.1]", "a@localhost", "é@voorbeeld.example", "a@voorbeeld.example, b@voorbeeld.example"}

var places = []string{"x", "//voorbeeld.example/", "javascript:alert(1)", "file:///etc/passwd", "http://169.254.169.254/latest/meta-data", "https://user:pw@voorbeeld.example/", "https://", "https://[::1", "https://voorbeeld.example:99999/",
	"https://voorbeeld.example/%zz", "https://voorbeeld.example/\n", "HTTPS://VOORBEELD.EXAMPLE/"}

// hostileFor are the values to try where s stands in a body.
func (m *maker) hostileFor(s *schema) []hostile {
	out := []hostile{
		{"null", nil, byDocument}, {"true", true, byDocument}, {"0", json.Number("0"), byDocument}, {"an empty array", []any{}, byDocument}, {"an empty object", map[string]any{}, byDocument},
		{"text", "x", byDocument}, {"-1", json.Number("-1"), byDocument}, {"1.5", json.Number("1.5"), byDocument}, {"-0", json.Number("-0"), byDocument}, {"1e400", json.Number("1e400"), byDocument},
		{"1e-400", json.Number("1e-400"), byDocument}, {"2⁶³", json.Number("9223372036854775808"), byDocument}, {"a long number", json.Number(strings.Repeat("9", 400)), byDocument},
		{"NaN", literal("NaN"), refused}, {"Infinity", literal("-Infinity"), refused}, {"a leading zero", literal("01"), refused}, {"+1", literal("+1"), refused}, {"0x1", literal("0x1"), refused}, {"single quotes", literal("'x'"), refused},
		{"half a word", literal("tru"), refused}, {"a high surrogate alone", literal(`"a\ud800b"`), refused}, {"a low surrogate alone", literal(`"\udfffx"`), refused}, {"surrogates the wrong way round", literal(`"\udc00\ud800"`), refused},
		{"no UTF-8", literal(`"` + notUTF8 + `"`), refused}, {"overlong UTF-8", literal("\"\xc0\xaf\""), refused}, {"a raw control character", literal("\"a\x01b\""), refused}, {"a raw NUL", literal("\"a\x00b\""), refused}, {"a bad escape", literal(`"\x41"`), refused},
		{"deep arrays", literal(strings.Repeat("[", maxNested) + strings.Repeat("]", maxNested)), either}, {"deep objects", literal(strings.Repeat(`{"a":`, maxNested) + "1" + strings.Repeat("}", maxNested)), either},
		{"an array of null", []any{nil}, byDocument}, {"an array of arrays", []any{[]any{[]any{}}}, byDocument}, {"a surrogate pair", literal(`"\ud83d\ude00"`), byDocument},
	}
	add := func(note string, v any) { out = append(out, hostile{note, v, byDocument}) }
	switch s.typ {
	case "string":
		out = append(out, texts...)
		for _, t := range m.hostileText(s) {
			out = append(out, hostile{t.note, t.value, t.want})
		}
	case "integer", "number":
		for _, b := range []*float64{s.min, s.max} {
			if b == nil {
				continue
			}
			for _, d := range []float64{-1, -0.01, -0.001, 0, 0.001, 0.01, 1} {
				add("beside the limit", json.Number(strconv.FormatFloat(*b+d, 'f', -1, 64)))
			}
		}
		add("1.0", json.Number("1.0"))
		add("1e0", json.Number("1e0"))
		add("10e-1", json.Number("10e-1"))
		add("1E+2", json.Number("1E+2"))
		add("a number as text", "1")
		add("three decimals", json.Number("7.255"))
		add("two decimals and zeros", json.Number("7.2500"))
		add("a third", json.Number("0.333333333333333333333"))
		add("the largest float", json.Number(strconv.FormatFloat(math.MaxFloat64, 'g', -1, 64)))
	case "array":
		for _, n := range []int{s.minItems - 1, s.minItems, s.maxItems, s.maxItems + 1} {
			if n < 0 || n > 2000 || s.maxItems < 0 && n == 0 {
				continue
			}
			items := make([]any, n)
			for i := range items {
				items[i] = m.value(s.items, 0)
			}
			add(fmt.Sprintf("%d items", n), items)
		}
		if s.items != nil {
			x := m.example(s.items)
			add("an item twice", []any{x, copyOf(x)})
			add("an item alone", x)
			add("null among items", []any{x, nil})
			out = append(out, hostile{"a comma too many", literal("[" + string(appendJSON(nil, x)) + ",]"), refused})
		}
	case "object":
		add("a member of another type", "{}")
		add("members of a prototype", map[string]any{"__proto__": map[string]any{"admin": true}, "constructor": nil})
	case "boolean":
		for _, t := range []any{"true", "false", json.Number("1"), "ja"} {
			add("almost a boolean", t)
		}
	default: // anything: text in it must be text
		out = append(out, hostile{"NUL", nul, either})
	}
	return out
}

// hostileText are the values made for this very text.
func (m *maker) hostileText(s *schema) (out []hostile) {
	add := func(note, v string, w want) { out = append(out, hostile{note, v, w}) }
	if len(s.enum) > 0 {
		if first, ok := s.enum[0].(string); ok {
			add("another enum value", first+"_", byDocument)
			add("an enum value in capitals", strings.ToUpper(first), byDocument)
			add("an enum value with a space", first+" ", byDocument)
			add("two enum values", first+","+first, byDocument)
		}
		return out
	}
	if s.prefixes != nil {
		own := m.id(s)
		add("an id that nobody has", own[:4]+m.digits(), byDocument)
		add("an id of another noun", "xyz"+own[3:], byDocument)
		add("an id of a request", "req"+own[3:], byDocument)
		add("an id that overflows", own[:4]+strings.Repeat("z", 26), byDocument)
		add("an id of zeros", own[:4]+strings.Repeat("0", 26), byDocument)
		add("the largest id", own[:4]+"7"+strings.Repeat("z", 25), byDocument)
		add("an id in capitals", strings.ToUpper(own), byDocument)
		add("an id with letters that base32 has not", own[:29]+"u", byDocument)
		add("an id and more", own+"0", byDocument)
		add("a short id", own[:29], byDocument)
		add("an id with a space", own+" ", byDocument)
		add("a UUID", "01890a5d-ac96-774b-bcce-b302099a8057", byDocument)
		return out
	}
	switch s.format {
	case "date":
		for _, d := range days {
			add("a day", d, byDocument)
		}
		return out
	case "date-time":
		for _, d := range instants {
			add("an instant", d, byDocument)
		}
		return out
	case "email":
		for _, a := range addresses {
			add("an address", a, either) // what is an address is told apart by more than a schema says
		}
	case "uri":
		for _, a := range places {
			add("a URL", a, either)
		}
	}
	fit := func(n int) (string, bool) {
		for _, c := range []string{"x", "7", "é", "👩"} {
			v := strings.Repeat(c, n)
			if s.pattern == nil || s.pattern.MatchString(v) {
				return v, true
			}
		}
		return strings.Repeat("x", n), false
	}
	for _, n := range []int{s.minLen - 1, s.minLen, s.maxLen, s.maxLen + 1} {
		if n >= 0 && n <= 200_000 {
			v, _ := fit(n)
			add(fmt.Sprintf("%d characters", n), v, byDocument)
		}
	}
	if s.maxLen > 1 {
		add(fmt.Sprintf("%d characters of four bytes", s.maxLen), strings.Repeat("👩", s.maxLen), byDocument)
		add(fmt.Sprintf("%d characters of four bytes", s.maxLen+1), strings.Repeat("👩", s.maxLen+1), byDocument)
		add(fmt.Sprintf("%d quotes", s.maxLen), strings.Repeat(`"`, s.maxLen), byDocument)
	}
	if s.pattern != nil {
		for range 3 {
			v := m.matching(s.pattern.String())
			if n := utf8.RuneCountInString(v); n > 0 {
				add("what the pattern allows", v, byDocument)
				add("what the pattern allows, and more", v+"\n", byDocument)
				add("what the pattern allows, and less", string([]rune(v)[:n-1]), byDocument)
			}
		}
	}
	return out
}

// hostileParameter are the texts to try for a parameter.
func (m *maker) hostileParameter(s *schema, in string) []hostile {
	each := s
	if s.typ == "array" && s.items != nil {
		each = s.items
	}
	out := slices.Clone(texts)
	out = append(out, hostile{"no UTF-8", notUTF8, refused})
	switch each.typ {
	case "integer", "number":
		for _, v := range []string{"0", "-1", "01", "+1", "1.0", "1e1", "1.5", " 1", "1 ", "0x10", "NaN", "Infinity", "1e400", "-0", "9223372036854775808", "1,2", "one", strings.Repeat("9", 400)} {
			out = append(out, hostile{"a number", v, byDocument})
		}
		for _, b := range []*float64{each.min, each.max} {
			for _, d := range []float64{-1, 0, 1} {
				if b != nil {
					out = append(out, hostile{"beside the limit", strconv.FormatFloat(*b+d, 'f', -1, 64), byDocument})
				}
			}
		}
	case "boolean":
		for _, v := range []string{"TRUE", "1", "yes", "false,true"} {
			out = append(out, hostile{"almost a boolean", v, byDocument})
		}
	default:
		out = append(out, m.hostileText(each)...)
	}
	if s.typ == "array" {
		v := parameter(m.value(each, 0))
		out = append(out, hostile{"a comma at the end", v + ",", byDocument}, hostile{"commas", ",,", byDocument}, hostile{"twice in a list", v + "," + v, byDocument},
			hostile{"spaces in a list", v + ", " + v, either}, hostile{"a long list", strings.Repeat(v+",", 500) + v, either})
	}
	if in == "path" { // an empty segment is another path
		out = slices.DeleteFunc(out, func(h hostile) bool { return h.value == "" })
		out = append(out, hostile{"a slash", "a/b", byDocument}, hostile{"a dot", ".", byDocument}, hostile{"two dots", "..", byDocument}, hostile{"a question mark", "a?b#c", byDocument})
	}
	return out
}

// hostileHeaders are tried with every operation; none may break it, and what of them counts is judged by the answer.
var hostileHeaders = []pair{
	{"Accept", ""}, {"Accept", "text/html"}, {"Accept", "application/xml;q=1"}, {"Accept", strings.Repeat("*/*,", 2000)}, {"Accept", "a/b/c;;q=x"}, {"Accept-Language", "xx-YY-ZZ;q=9"},
	{"Accept-Language", strings.Repeat("nl,", 5000)}, {"Accept-Language", "\xff"}, {"Accept-Encoding", "gzip, br"}, {"If-Match", `"999999999999999999999"`}, {"If-Match", "x"}, {"If-Match", `W/"1"`}, {"If-Match", `"0", "1", "2"`}, {"If-Match", "*"},
	{"If-Match", "\x01"}, {"If-None-Match", "*"}, {"If-Modified-Since", "gisteren"}, {"Range", "bytes=0-0,5-"}, {"Expect", "100-continue"}, {"X-HTTP-Method-Override", "DELETE"}, {"X-Forwarded-For", "127.0.0.1, ::1, x"},
	{"X-Forwarded-Host", "evil.example"}, {"Forwarded", "for=_x;host=evil.example"}, {"Host", "evil.example"}, {"Cookie", strings.Repeat("a=b; ", 1000)}, {"Origin", "null"}, {"X-Request-Id", "\x1b[31m"}, {"Request-Id", "req_x"},
	{"Traceparent", "00-zz"}, {"Idempotency-Key", strings.Repeat("k", 255)}, {"Idempotency-Key", strings.Repeat("k", 256)}, {"Idempotency-Key", "sleutel-é"}, {"Idempotency-Key", " "}, {"Idempotency-Key", "a\x01"}, {"Content-Encoding", "gzip"}, {"Content-Length", "3"},
	{"X-Big", strings.Repeat("x", 60_000)},
}

// bodies are tried instead of a whole body.
var bodies = []hostile{
	{"no body", nil, byDocument}, {"an empty body", literal(""), byDocument}, {"spaces", literal(" \n\t"), either}, {"null", literal("null"), byDocument}, {"an array", literal("[]"), byDocument}, {"text", literal(`"x"`), byDocument},
	{"a number", literal("1"), byDocument}, {"{}", literal("{}"), byDocument}, {"half a body", literal(`{"a":`), refused}, {"two bodies", literal("{}{}"), refused}, {"a comment", literal("{/**/}"), refused}, {"a byte order mark", literal("\ufeff{}"), refused},
	{"UTF-16", literal("\xff\xfe{\x00}\x00"), refused}, {"XML", literal(`<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>`), refused}, {"a form", literal("name=x"), refused},
	{"nested deep", literal(strings.Repeat("[", 100_000)), refused}, {"a member without a name", literal(`{"":1}`), byDocument}, {"gzip", literal("\x1f\x8b\x08\x00"), refused}, {"a comma too many", literal(`{"a":1,}`), refused},
	{"more than a megabyte", literal(strings.Repeat(" ", 1<<20) + "{}"), refused},
}

var mediaTypes = []string{"", "text/plain", "application/xml", "multipart/form-data; boundary=x", "application/json; charset=latin1", "application/json; charset", "application/jsonp", "application/json-patch+json", ";;", "APPLICATION/JSON; charset=UTF-8",
	"application/json;charset=utf-8", strings.Repeat("a", 9000)}

// hostiles makes, of a request that is right, those that are wrong in one place. some chooses among the values of a place.
func (m *maker) hostiles(r request, some func(n int) []int) (out []request) {
	each := func(hs []hostile, make func(request, hostile) request) {
		for _, i := range some(len(hs)) {
			x := make(r.clone(), hs[i])
			x.want = max(x.want, hs[i].want)
			out = append(out, x)
		}
	}
	for _, p := range r.op.params {
		switch p.in {
		case "path":
			each(m.hostileParameter(p.schema, p.in), func(x request, h hostile) request {
				x.path = set(x.path, p.name, h.value.(string))
				x.note = fmt.Sprintf("%s as %s in the path", h.note, p.name)
				return x
			})
		case "query":
			each(m.hostileParameter(p.schema, p.in), func(x request, h hostile) request {
				x.query = set(x.query, p.name, h.value.(string))
				x.note = fmt.Sprintf("%s as ?%s", h.note, p.name)
				return x
			})
			twice := r.clone()
			v := parameter(m.value(p.schema, 0))
			twice.query = append(slices.DeleteFunc(twice.query, func(q pair) bool { return q.name == p.name }), pair{p.name, v}, pair{p.name, v})
			twice.note, twice.want = "?"+p.name+" twice", refused
			out = append(out, twice)
			if p.required {
				without := r.clone()
				without.query = slices.DeleteFunc(without.query, func(q pair) bool { return q.name == p.name })
				without.note = "no ?" + p.name
				out = append(out, without)
			}
		case "header":
			if p.required {
				without := r.clone()
				without.header = slices.DeleteFunc(without.header, func(q pair) bool { return q.name == p.name })
				without.note = "no " + p.name
				out = append(out, without)
			}
		}
	}
	for _, name := range []string{"onbekend", "limit[]", "__proto__", "", "\x00"} {
		x := r.clone()
		if slices.ContainsFunc(r.op.params, func(p param) bool { return p.name == name }) {
			continue
		}
		x.query = append(x.query, pair{name, "1"})
		x.note = fmt.Sprintf("an unknown parameter ?%q", name)
		out = append(out, x)
	}
	for _, i := range some(len(hostileHeaders)) {
		x := r.clone()
		h := hostileHeaders[i]
		x.header = set(x.header, h.name, h.value)
		x.note, x.want = fmt.Sprintf("%s: %.20s", h.name, h.value), either
		if slices.ContainsFunc(r.op.params, func(p param) bool { return p.in == "header" && p.name == h.name }) && h.name == "Idempotency-Key" {
			x.want = byDocument
		}
		out = append(out, x)
	}
	s := r.op.bodies[r.media]
	if s == nil {
		return out
	}
	for _, i := range some(len(bodies)) {
		h, x := bodies[i], r.clone()
		x.body, x.hasBody, x.note, x.want = h.value, h.value != nil, h.note+" as body", h.want
		if r.media == formType { // nearly anything is a form
			x.want = either
		}
		out = append(out, x)
	}
	for _, i := range some(len(mediaTypes)) {
		x := r.clone()
		x.media, x.note, x.want = mediaTypes[i], fmt.Sprintf("Content-Type: %.40q", mediaTypes[i]), refused
		if i >= len(mediaTypes)-3 && i < len(mediaTypes)-1 { // the same, written otherwise
			x.want = byDocument
			if r.media != "application/json" {
				x.want = either
			}
		}
		if r.media == formType {
			x.want = either
		}
		out = append(out, x)
	}
	if r.media == formType {
		return append(out, m.hostileForm(r, s, some)...)
	}
	return append(out, m.hostileMembers(r, s, r.body, nil, some)...)
}

// hostileForm are forms that are wrong in one field. A field's text is judged by the answer: a form is open, and what
// is none of its fields is ignored (RFC 6749, section 3.2).
func (m *maker) hostileForm(r request, s *schema, some func(int) []int) (out []request) {
	for _, name := range slices.Sorted(maps.Keys(s.members)) {
		hs := append(slices.Clone(texts), m.hostileText(s.members[name])...)
		for _, i := range some(len(hs)) {
			x := r.clone()
			object(x.body)[name] = hs[i].value
			x.note, x.want, x.at = hs[i].note+" as "+name, either, "/"+name
			out = append(out, x)
		}
	}
	return out
}

// hostileMembers are bodies that are wrong at one pointer.
func (m *maker) hostileMembers(r request, s *schema, v any, at []step, some func(int) []int) (out []request) {
	hs := m.hostileFor(s)
	if len(at) > 0 {
		for _, i := range some(len(hs)) {
			x := r.clone()
			x.body = replace(x.body, at, func(any) (any, bool) { return copyOf(hs[i].value), true })
			x.note, x.want, x.at = hs[i].note+" at "+pointer(at), hs[i].want, place(at)
			out = append(out, x)
		}
	}
	switch t := v.(type) {
	case map[string]any:
		unknown := r.clone()
		unknown.body = replace(unknown.body, at, func(old any) (any, bool) {
			if o := object(old); o != nil {
				o["onbekend"] = json.Number("1")
			}
			return old, true
		})
		unknown.note = "an unknown member at " + pointer(at)
		out = append(out, unknown)
		for _, name := range slices.Sorted(maps.Keys(t)) {
			here := append(slices.Clone(at), step{member: name})
			missing := r.clone()
			missing.body = replace(missing.body, here, func(any) (any, bool) { return nil, false })
			missing.note = "nothing at " + pointer(here)
			twice := r.clone()
			twice.body = replace(twice.body, at, func(old any) (any, bool) {
				text := appendJSON(nil, old)
				text = append(text[:len(text)-1], ',')
				text = append(appendJSON(text, name), ':')
				return literal(append(appendJSON(text, t[name]), '}')), true
			})
			twice.note, twice.want = "twice at "+pointer(here), refused
			out = append(out, missing, twice)
		}
		for _, name := range slices.Sorted(maps.Keys(s.members)) {
			member, here, with := s.members[name], append(slices.Clone(at), step{member: name}), r
			held, told := t[name]
			if l, list := held.([]any); !told || held == nil || list && len(l) == 0 { // what it could hold is tried all the same
				held, with = m.here(member, m.full(member), map[string]string{}), r.clone()
				with.body = replace(with.body, here, func(any) (any, bool) { return held, true })
			}
			out = append(out, m.hostileMembers(with, member, held, here, some)...)
		}
	case []any:
		if len(t) > 0 && s.items != nil {
			out = append(out, m.hostileMembers(r, s.items, t[0], append(slices.Clone(at), step{item: 0}), some)...)
		}
	}
	return out
}
