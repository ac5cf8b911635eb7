package web

import (
	"bytes"
	"encoding"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// A list is mostly the same few types again and again, and encoding/json looks at each value anew. Here the way is found
// once for a type; what has a way of its own (maps, floats, marshalers, members that may be left out) goes through
// encoding/json, and the bytes are the same either way, which a test holds.

// encoder appends a value as encoding/json would write it, without escaping for HTML. The value is addressable.
type encoder func(b []byte, v reflect.Value) ([]byte, error)

type wirePlan struct {
	encode encoder
	size   atomic.Int64 // of the last one
}

var wirePlans sync.Map // reflect.Type → *wirePlan

// encode writes an answer, with a line end as encoding/json does. Our own types always encode; the panic becomes a 500.
func encode(v any) []byte {
	if v == nil {
		return []byte("null\n")
	}
	t := reflect.TypeOf(v)
	got, ok := wirePlans.Load(t)
	if !ok {
		got, _ = wirePlans.LoadOrStore(t, &wirePlan{encode: encoderOf(t, nil)})
	}
	p := got.(*wirePlan)
	at := reflect.New(t).Elem()
	at.Set(reflect.ValueOf(v))
	b, err := p.encode(make([]byte, 0, p.size.Load()*5/4+64), at)
	if err != nil {
		panic(err)
	}
	p.size.Store(int64(len(b)))
	return append(b, '\n')
}

var (
	marshalerType = reflect.TypeFor[json.Marshaler]()
	textType      = reflect.TypeFor[encoding.TextMarshaler]()
	appenderType  = reflect.TypeFor[encoding.TextAppender]()
	instantType   = reflect.TypeFor[time.Time]()
)

// standard leaves a value to encoding/json.
func standard(b []byte, v reflect.Value) ([]byte, error) {
	w := bytes.NewBuffer(b)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if v.CanAddr() { // so that methods of pointers are seen, as in a slice
		v = v.Addr()
	}
	err := enc.Encode(v.Interface())
	return bytes.TrimSuffix(w.Bytes(), []byte("\n")), err
}

// encoderOf finds the way of a type. inside holds the types that it is in: one that holds itself is left to encoding/json.
func encoderOf(t reflect.Type, inside []reflect.Type) encoder {
	for _, i := range inside {
		if i == t {
			return standard
		}
	}
	switch {
	case t == instantType:
		return appendInstant
	case t.Implements(marshalerType), t.Kind() == reflect.Interface:
		return standard
	case t.Kind() != reflect.Pointer && t.Implements(appenderType):
		return func(b []byte, v reflect.Value) ([]byte, error) {
			// A pointer is no copy.
			b, err := v.Addr().Interface().(encoding.TextAppender).AppendText(append(b, '"'))
			return append(b, '"'), err
		}
	case t.Kind() == reflect.Pointer:
		inner := encoderOf(t.Elem(), append(inside, t))
		return func(b []byte, v reflect.Value) ([]byte, error) {
			if v.IsNil() {
				return append(b, "null"...), nil
			}
			return inner(b, v.Elem())
		}
	case t.Implements(textType), reflect.PointerTo(t).Implements(marshalerType), reflect.PointerTo(t).Implements(textType):
		return standard
	}
	switch t.Kind() {
	case reflect.String:
		return func(b []byte, v reflect.Value) ([]byte, error) { return appendText(b, v.String()) }
	case reflect.Bool:
		return func(b []byte, v reflect.Value) ([]byte, error) { return strconv.AppendBool(b, v.Bool()), nil }
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return func(b []byte, v reflect.Value) ([]byte, error) { return strconv.AppendInt(b, v.Int(), 10), nil }
	case reflect.Slice:
		return sliceEncoder(t, inside)
	case reflect.Struct:
		return structEncoder(t, inside)
	}
	return standard
}

func sliceEncoder(t reflect.Type, inside []reflect.Type) encoder {
	if t.Elem().Kind() == reflect.Uint8 {
		return standard // in base64
	}
	inner := encoderOf(t.Elem(), append(inside, t))
	return func(b []byte, v reflect.Value) (_ []byte, err error) {
		if v.IsNil() {
			return append(b, "null"...), nil
		}
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = inner(b, v.Index(i)); err != nil {
				return b, err
			}
		}
		return append(b, ']'), nil
	}
}

type wireMember struct {
	key    string // with its quotes and colon
	index  []int
	encode encoder
}

func structEncoder(t reflect.Type, inside []reflect.Type) encoder {
	members, ok := wireMembers(t, nil, append(inside, t))
	seen := map[string]bool{}
	for i := range members {
		if seen[members[i].key] {
			ok = false // one hides the other: encoding/json knows which
		}
		seen[members[i].key] = true
		if i > 0 {
			members[i].key = "," + members[i].key
		}
	}
	if !ok {
		return standard
	}
	return func(b []byte, v reflect.Value) (_ []byte, err error) {
		b = append(b, '{')
		for i := range members {
			m := &members[i]
			b = append(b, m.key...)
			if b, err = m.encode(b, v.FieldByIndex(m.index)); err != nil {
				return b, err
			}
		}
		return append(b, '}'), nil
	}
}

// wireMembers lists the members of a struct and of those embedded in it, or reports that they need encoding/json.
func wireMembers(t reflect.Type, at []int, inside []reflect.Type) (out []wireMember, ok bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		index := append(append([]int{}, at...), i)
		tag := f.Tag.Get("json")
		name, option, _ := strings.Cut(tag, ",")
		switch {
		case tag == "-", !f.IsExported() && !f.Anonymous:
			continue
		case option != "":
			return nil, false
		case f.Anonymous && name == "":
			if f.Type.Kind() != reflect.Struct {
				return nil, false
			}
			sub, ok := wireMembers(f.Type, index, inside)
			if !ok {
				return nil, false
			}
			out = append(out, sub...)
			continue
		case name == "":
			name = f.Name
		}
		key, err := appendText(nil, name)
		if err != nil {
			return nil, false
		}
		out = append(out, wireMember{string(key) + ":", index, encoderOf(f.Type, inside)})
	}
	return out, true
}

func appendInstant(b []byte, v reflect.Value) ([]byte, error) {
	b, err := v.Addr().Interface().(*time.Time).AppendText(append(b, '"'))
	return append(b, '"'), err
}

// appendText writes a string. Nearly all are plain; the others are encoding/json's.
func appendText(b []byte, s string) ([]byte, error) {
	plain, ascii := true, true
	for i := range len(s) {
		c := s[i]
		plain = plain && c >= ' ' && c != '"' && c != '\\'
		ascii = ascii && c < utf8.RuneSelf
	}
	if plain && (ascii || utf8.ValidString(s) && !strings.ContainsAny(s, "\u2028\u2029")) {
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"'), nil
	}
	return standard(b, reflect.ValueOf(s))
}
