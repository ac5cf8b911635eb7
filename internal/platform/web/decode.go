package web

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"io"
	"math"
	"math/big"
	"net/mail"
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

// encoding/json forgives what we must not: unknown and repeated members, null for what has no null, text that the
// database cannot hold; and it stops at the first mistake, with no pointer to it. So a body is parsed to a tree first,
// and the tree is laid over the struct by the same tags that the API document shows.

type kind byte

const (
	kindNull kind = iota
	kindBool
	kindNumber
	kindString
	kindArray
	kindObject
)

type node struct {
	kind    kind
	bool    bool
	text    string // of strings, and numbers as written
	items   []node
	members []jsonMember
}

type jsonMember struct {
	name string
	node node
}

const (
	maxDepth  = 32     // no body of ours nests deeper than five
	maxValues = 50_000 // ten thousand pins are the most that a body of ours holds; each costs half a kilobyte while it is read
	maxFields = 40     // mistakes named in one answer
)

// parseJSON reads exactly one JSON value in UTF-8, or fails with fault.BadJSON.
func parseJSON(b []byte) (node, error) {
	if !utf8.Valid(b) || loneSurrogate(b) {
		return node{}, fault.BadJSON.New()
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	left := maxValues
	n, err := parseValue(dec, 0, &left)
	if err == nil {
		_, end := dec.Token()
		if end != io.EOF {
			err = errors.New("more than one value")
		}
	}
	if err != nil {
		return node{}, fault.BadJSON.Because(err)
	}
	return n, nil
}

// loneSurrogate finds half of a surrogate pair, escaped: no UTF-8 can hold it, and encoding/json would quietly keep
// another character in its place (RFC 8259, section 8.2).
func loneSurrogate(b []byte) bool {
	unit := func(at int) (u uint64, ok bool) {
		if at+6 > len(b) || b[at] != '\\' || b[at+1] != 'u' {
			return 0, false
		}
		u, err := strconv.ParseUint(string(b[at+2:at+6]), 16, 16)
		return u, err == nil
	}
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			continue
		}
		u, _ := unit(i)
		switch {
		case u >= 0xdc00 && u < 0xe000:
			return true
		case u >= 0xd800 && u < 0xdc00:
			if low, ok := unit(i + 6); !ok || low < 0xdc00 || low >= 0xe000 {
				return true
			}
			i += 6 + 5
		default:
			i++ // what is escaped is no escape itself
		}
	}
	return false
}

// number is how JSON writes one: what stands in a query is held to it as well.
var number = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// whole reads a whole number as JSON Schema means it: 7.0 and 7e0 are 7.
func whole(text string) (int64, bool) {
	if len(text) > 100 || !number.MatchString(text) {
		return 0, false
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(text, 64)
	switch mantissa, _, _ := strings.Cut(strings.ToLower(text), "e"); {
	case err != nil || math.Abs(f) > 1<<53 || strings.Trim(mantissa, "-0.") != "" && math.Abs(f) < 1:
		return 0, false // and an exponent that is left is a small one
	case f == 0:
		return 0, true
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok || !r.IsInt() {
		return 0, false
	}
	return r.Num().Int64(), true
}

func parseValue(dec *json.Decoder, depth int, left *int) (node, error) {
	if depth > maxDepth {
		return node{}, errors.New("nested too deep")
	}
	if *left--; *left < 0 {
		return node{}, errors.New("too many values")
	}
	t, err := dec.Token()
	if err != nil {
		return node{}, err
	}
	switch v := t.(type) {
	case nil:
		return node{}, nil
	case bool:
		return node{kind: kindBool, bool: v}, nil
	case json.Number:
		return node{kind: kindNumber, text: v.String()}, nil
	case string:
		return node{kind: kindString, text: v}, nil
	}
	n := node{kind: kindArray}
	if t == json.Delim('{') {
		n.kind = kindObject
	}
	for dec.More() {
		var name string
		if n.kind == kindObject {
			k, err := dec.Token()
			if err != nil {
				return n, err
			}
			name = k.(string)
		}
		x, err := parseValue(dec, depth+1, left)
		if err != nil {
			return n, err
		}
		if n.kind == kindObject {
			n.members = append(n.members, jsonMember{name, x})
		} else {
			n.items = append(n.items, x)
		}
	}
	_, err = dec.Token()
	return n, err
}

// rules are what tags say of a field; the same tags make its schema in the API document.
type rules struct {
	required           bool
	minLen, maxLen     int // of text in characters, -1 for none
	minItems, maxItems int
	min, max           *float64
	enums              []string
	format             string
	preset             string
}

func rulesOf(f reflect.StructField) rules {
	r := rules{minLen: -1, maxLen: -1, minItems: -1, maxItems: -1, format: f.Tag.Get("format"), preset: f.Tag.Get("default")}
	atoi := func(tag string, to *int) {
		if s, ok := f.Tag.Lookup(tag); ok {
			*to, _ = strconv.Atoi(s)
		}
	}
	atoi("minLength", &r.minLen)
	atoi("maxLength", &r.maxLen)
	for tag, to := range map[string]**float64{"minimum": &r.min, "maximum": &r.max} {
		if s, ok := f.Tag.Lookup(tag); ok {
			v, err := strconv.ParseFloat(s, 64)
			if err != nil {
				panic("web: " + f.Name + ": " + tag + " is no number")
			}
			*to = &v
		}
	}
	if s := f.Tag.Get("enums"); s != "" {
		r.enums = strings.Split(s, ",")
	}
	for part := range strings.SplitSeq(f.Tag.Get("binding")+","+f.Tag.Get("validate"), ",") {
		k, v, _ := strings.Cut(part, "=")
		switch k {
		case "required":
			r.required = true
		case "min":
			r.minItems, _ = strconv.Atoi(v)
		case "max":
			r.maxItems, _ = strconv.Atoi(v)
		}
	}
	return r
}

func broken(r *fault.Rule, pairs ...string) []fault.Field {
	f := fault.Field{Rule: r}
	if len(pairs) > 0 {
		f.Params = map[string]string{pairs[0]: pairs[1]}
	}
	return []fault.Field{f}
}

var clock = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)

func (r rules) text(s string) []fault.Field {
	if strings.ContainsFunc(s, func(c rune) bool { return c < ' ' && c != '\n' && c != '\r' && c != '\t' || c == 0x7f }) {
		return broken(fault.BadText)
	}
	n := utf8.RuneCountInString(s)
	switch {
	case len(r.enums) > 0:
		if !slices.Contains(r.enums, s) {
			return broken(fault.NotOneOf, "values", strings.Join(r.enums, ", "))
		}
	case r.minLen >= 0 && utf8.RuneCountInString(strings.TrimSpace(s)) < r.minLen:
		return broken(fault.TooShort, "min", strconv.Itoa(r.minLen))
	case r.maxLen >= 0 && n > r.maxLen:
		return broken(fault.TooLong, "max", strconv.Itoa(r.maxLen))
	}
	switch r.format {
	case "email":
		if a, err := mail.ParseAddress(s); err != nil || a.Address != s || !strings.Contains(s[strings.LastIndexByte(s, '@'):], ".") {
			return broken(fault.BadFormat, "format", "an e-mail address")
		}
	case "uri":
		if u, err := url.Parse(s); err != nil || u.Scheme == "" || u.Host == "" {
			return broken(fault.BadFormat, "format", "an absolute URL")
		}
	case "clock":
		if !clock.MatchString(s) {
			return broken(fault.BadFormat, "format", "a time of day like 09:00")
		}
	}
	return nil
}

func (r rules) number(v float64) []fault.Field {
	switch {
	case r.min != nil && v < *r.min:
		return broken(fault.TooSmall, "min", strconv.FormatFloat(*r.min, 'f', -1, 64))
	case r.max != nil && v > *r.max:
		return broken(fault.TooBig, "max", strconv.FormatFloat(*r.max, 'f', -1, 64))
	}
	return nil
}

func (r rules) items(n int) []fault.Field {
	switch {
	case r.minItems >= 0 && n < r.minItems:
		return broken(fault.TooShort, "min", strconv.Itoa(r.minItems))
	case r.maxItems >= 0 && n > r.maxItems:
		return broken(fault.TooLong, "max", strconv.Itoa(r.maxItems))
	}
	return nil
}

// assign lays a tree over a struct. With merge set, absent members keep what they hold (RFC 7396).
func assign(n node, v reflect.Value, merge bool) error {
	e := fault.Unprocessable.New()
	put(e, "", n, v, rules{minLen: -1, maxLen: -1, minItems: -1, maxItems: -1}, merge)
	if len(e.Fields) > 0 {
		e.Fields = e.Fields[:min(len(e.Fields), maxFields)]
		return e
	}
	return nil
}

var (
	rawMessage = reflect.TypeFor[json.RawMessage]()
	anything   = reflect.TypeFor[any]()
)

func put(e *fault.Error, at string, n node, v reflect.Value, r rules, merge bool) {
	if len(e.Fields) >= maxFields {
		return
	}
	add := func(fields []fault.Field) {
		for _, f := range fields {
			f.Pointer = at
			e.Fields = append(e.Fields, f)
		}
	}
	wrong := func(what string) { add(broken(fault.WrongType, "type", what)) }
	if v.Type() == rawMessage || v.Type() == anything { // any JSON: json.RawMessage, or any that holds one
		if s, ok := hasNUL(n); ok {
			e.Fields = append(e.Fields, fault.Field{Pointer: at + s, Rule: fault.BadText})
			return
		}
		v.Set(reflect.ValueOf(json.RawMessage(n.write(nil))))
		return
	}
	if v.Kind() == reflect.Pointer {
		if n.kind == kindNull {
			v.SetZero()
			return
		}
		p := reflect.New(v.Type().Elem())
		if merge && !v.IsNil() {
			p.Elem().Set(v.Elem())
		} else {
			presets(p.Elem())
			merge = false
		}
		put(e, at, n, p.Elem(), r, merge)
		v.Set(p)
		return
	}
	if n.kind == kindNull {
		add(broken(fault.NotNull))
		return
	}
	switch t := v.Addr().Interface().(type) {
	case *time.Time:
		x, err := instant(n.text)
		switch {
		case n.kind != kindString:
			wrong("a string")
		case err != nil:
			add(broken(fault.BadFormat, "format", "a time like 2027-01-11T09:00:00Z"))
		default:
			*t = x
		}
		return
	case encoding.TextUnmarshaler:
		if n.kind != kindString {
			wrong("a string")
		} else if err := t.UnmarshalText([]byte(n.text)); err != nil {
			add(broken(fault.BadFormat, "format", formatOf(v.Type())))
		}
		return
	case json.Unmarshaler: // a number of ours: hours
		if n.kind != kindNumber {
			wrong("a number")
		} else if err := t.UnmarshalJSON([]byte(n.text)); err != nil {
			add(broken(fault.BadFormat, "format", formatOf(v.Type())))
		} else if x, err := strconv.ParseFloat(n.text, 64); err == nil {
			add(r.number(x))
		}
		return
	}
	switch v.Kind() {
	case reflect.String:
		if n.kind != kindString {
			wrong("a string")
			return
		}
		v.SetString(n.text)
		add(r.text(n.text))
	case reflect.Bool:
		if n.kind != kindBool {
			wrong("true or false")
			return
		}
		v.SetBool(n.bool)
	case reflect.Int, reflect.Int64, reflect.Int32:
		x, ok := whole(n.text)
		if n.kind != kindNumber || !ok || v.OverflowInt(x) {
			wrong("a whole number")
			return
		}
		v.SetInt(x)
		add(r.number(float64(x)))
	case reflect.Float64:
		x, err := strconv.ParseFloat(n.text, 64)
		if n.kind != kindNumber || err != nil {
			wrong("a number")
			return
		}
		v.SetFloat(x)
		add(r.number(x))
	case reflect.Slice:
		if n.kind != kindArray {
			wrong("an array")
			return
		}
		add(r.items(len(n.items)))
		if r.maxItems >= 0 && len(n.items) > r.maxItems {
			return
		}
		out := reflect.MakeSlice(v.Type(), len(n.items), len(n.items))
		for i, x := range n.items {
			presets(out.Index(i))
			put(e, at+"/"+strconv.Itoa(i), x, out.Index(i), r, false)
		}
		v.Set(out)
	case reflect.Struct:
		if n.kind != kindObject {
			wrong("an object")
			return
		}
		putObject(e, at, n, v, merge)
	default:
		panic("web: a body cannot hold a " + v.Type().String())
	}
}

// bodyMember is a member of a struct that a body is laid over.
type bodyMember struct {
	name   string
	index  []int
	rules  rules
	preset bool // by the tag default
	list   bool // starts empty, not nil
}

// bodyPlan is what the tags of a struct say, read once.
type bodyPlan struct {
	members []bodyMember // in the order of the struct
	byName  map[string]int
}

var bodyPlans sync.Map // reflect.Type → *bodyPlan

func bodyPlanOf(t reflect.Type) *bodyPlan {
	if p, ok := bodyPlans.Load(t); ok {
		return p.(*bodyPlan)
	}
	p := &bodyPlan{byName: map[string]int{}}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || !f.IsExported() || name == "" {
			continue
		}
		_, preset := f.Tag.Lookup("default")
		if name != "-" {
			p.byName[name] = len(p.members)
		}
		p.members = append(p.members, bodyMember{name, f.Index, rulesOf(f), preset, f.Type.Kind() == reflect.Slice && f.Type != rawMessage})
	}
	got, _ := bodyPlans.LoadOrStore(t, p)
	return got.(*bodyPlan)
}

func putObject(e *fault.Error, at string, n node, v reflect.Value, merge bool) {
	p := bodyPlanOf(v.Type())
	seen := map[string]bool{}
	for _, m := range n.members {
		k, known := p.byName[m.name]
		pointer := at + "/" + escape(m.name)
		switch {
		case !known:
			e.Fields = append(e.Fields, fault.Field{Pointer: pointer, Rule: fault.Unknown})
		case seen[m.name]:
			e.Fields = append(e.Fields, fault.Field{Pointer: pointer, Rule: fault.Repeated})
		default:
			f := &p.members[k]
			put(e, pointer, m.node, v.FieldByIndex(f.index), f.rules, merge)
		}
		if len(e.Fields) >= maxFields {
			return
		}
		seen[m.name] = true
	}
	if merge {
		return
	}
	for k, f := range p.members {
		if first, mine := p.byName[f.name]; mine && first == k && !seen[f.name] && f.rules.required {
			e.Fields = append(e.Fields, fault.Field{Pointer: at + "/" + escape(f.name), Rule: fault.Required})
		}
	}
}

// presets fills in what an absent member stands for, by the tag default; slices start empty, not nil.
func presets(v reflect.Value) {
	if v.Kind() != reflect.Struct {
		return
	}
	for _, f := range bodyPlanOf(v.Type()).members {
		x := v.FieldByIndex(f.index)
		if f.preset {
			setText(x, f.rules.preset, f.rules)
		} else if f.list {
			x.Set(reflect.MakeSlice(x.Type(), 0, 0))
		}
	}
}

func escape(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(printable(s), "~", "~0"), "/", "~1")
}

// formatOf describes a type that reads itself, for whoever got it wrong.
func formatOf(t reflect.Type) string {
	if d, ok := reflect.New(t).Interface().(interface{ Format() string }); ok {
		return d.Format()
	}
	return "well-formed"
}

func hasNUL(n node) (string, bool) {
	if n.kind == kindString && strings.ContainsRune(n.text, 0) {
		return "", true
	}
	for i, x := range n.items {
		if s, bad := hasNUL(x); bad {
			return "/" + strconv.Itoa(i) + s, true
		}
	}
	for _, m := range n.members {
		if s, bad := hasNUL(m.node); bad || strings.ContainsRune(m.name, 0) {
			return "/" + escape(m.name) + s, true
		}
	}
	return "", false
}

// write turns a tree back into JSON.
func (n node) write(b []byte) []byte {
	switch n.kind {
	case kindBool:
		return strconv.AppendBool(b, n.bool)
	case kindNumber:
		return append(b, n.text...)
	case kindString:
		return appendString(b, n.text)
	case kindArray:
		b = append(b, '[')
		for i, x := range n.items {
			if i > 0 {
				b = append(b, ',')
			}
			b = x.write(b)
		}
		return append(b, ']')
	case kindObject:
		b = append(b, '{')
		for i, m := range n.members {
			if i > 0 {
				b = append(b, ',')
			}
			b = m.node.write(append(appendString(b, m.name), ':'))
		}
		return append(b, '}')
	}
	return append(b, "null"...)
}

func appendString(b []byte, s string) []byte {
	q, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always marshals
	}
	return append(b, q...)
}
