package fuzz

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"regexp/syntax"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maker makes what a schema allows, at random, with ids that are there.
type maker struct {
	rng   *rand.Rand
	world map[string]string   // ids by prefix, other values by the name of their parameter
	seen  map[string][]string // ids that answers told of, by prefix
	fixed map[string]string   // Target.Fixed
	now   time.Time
}

// remember keeps the ids in an answer.
func (m *maker) remember(v any) {
	switch t := v.(type) {
	case map[string]any:
		for k, x := range t {
			if text, ok := x.(string); ok && k == "id" && len(text) == 30 && text[3] == '_' {
				ids := m.seen[text[:3]]
				if len(ids) >= 200 {
					ids = ids[100:]
				}
				m.seen[text[:3]] = append(ids, text)
			}
			m.remember(x)
		}
	case []any:
		for _, x := range t {
			m.remember(x)
		}
	}
}

// id is one that is there, or one that nobody has.
func (m *maker) id(s *schema) string {
	prefix := s.prefixes[m.rng.IntN(len(s.prefixes))]
	if strings.HasPrefix(prefix, "[") {
		all := slices.Sorted(maps.Keys(m.world))
		all = slices.DeleteFunc(all, func(p string) bool { return len(p) != 3 })
		if len(all) == 0 {
			return "org_" + m.digits()
		}
		prefix = all[m.rng.IntN(len(all))]
	}
	if ids := m.seen[prefix]; len(ids) > 0 && m.rng.IntN(3) == 0 {
		return ids[m.rng.IntN(len(ids))]
	}
	if own := m.world[prefix]; own != "" && m.rng.IntN(20) > 0 {
		return own
	}
	return prefix + "_" + m.digits()
}

const base32 = "0123456789abcdefghjkmnpqrstvwxyz"

func (m *maker) digits() string {
	b := []byte("01")
	for len(b) < 26 {
		b = append(b, base32[m.rng.IntN(32)])
	}
	return string(b)
}

// value is one that the schema allows.
func (m *maker) value(s *schema, depth int) any {
	if s.nullable && m.rng.IntN(4) == 0 {
		return nil
	}
	if len(s.enum) > 0 {
		return s.enum[m.rng.IntN(len(s.enum))]
	}
	switch s.typ {
	case "string":
		return m.text(s)
	case "boolean":
		return m.rng.IntN(2) == 0
	case "integer", "number":
		return m.number(s)
	case "array":
		n := max(s.minItems, 0) + m.rng.IntN(4)
		if s.maxItems >= 0 {
			if m.rng.IntN(12) == 0 {
				n = min(s.maxItems, 100)
			}
			n = min(n, s.maxItems)
		}
		out, had := make([]any, 0, n), map[string]bool{}
		for range n {
			v := m.value(s.items, depth+1)
			if k := string(appendJSON(nil, v)); !s.unique || !had[k] {
				out, had[k] = append(out, v), true
			}
		}
		return out
	case "object":
		out := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(s.members)) {
			if slices.Contains(s.required, name) || m.rng.IntN(2) == 0 {
				out[name] = m.value(s.members[name], depth+1)
			}
		}
		return out
	}
	return m.anything(depth)
}

func (m *maker) anything(depth int) any {
	switch n := m.rng.IntN(8); {
	case n == 0:
		return nil
	case n == 1:
		return m.rng.IntN(2) == 0
	case n == 2:
		return json.Number(fmt.Sprint(m.rng.IntN(1000)))
	case n == 3 && depth < 6:
		return []any{m.anything(depth + 1)}
	case n == 4 && depth < 6:
		return map[string]any{"a": m.anything(depth + 1)}
	}
	return m.words(1, 40)
}

// example is the schema's own example, whole: members that it lacks are made.
func (m *maker) example(s *schema) any {
	v := copyOf(s.example)
	switch {
	case s.typ == "object":
		o := object(v)
		if o == nil {
			o = map[string]any{}
		}
		for name, member := range s.members {
			if _, said := o[name]; !said || member.typ == "object" {
				o[name] = m.example(member)
			}
		}
		return o
	case s.typ == "array" && s.items != nil:
		l := list(v)
		if len(l) == 0 {
			l = []any{m.example(s.items)}
		}
		if s.items.typ == "object" {
			for i := range l {
				l[i] = m.whole(s.items, object(l[i]))
			}
		}
		return l
	case v != nil:
		return v
	}
	plain := *s
	plain.nullable = false
	return m.value(&plain, 0)
}

func (m *maker) whole(s *schema, o map[string]any) any {
	with := *s
	with.example = o
	return m.example(&with)
}

func (m *maker) number(s *schema) json.Number {
	lo, hi := -1e6, 1e6
	if s.min != nil {
		lo, hi = *s.min, max(hi, *s.min+1000)
	}
	if s.max != nil {
		hi = *s.max
		lo = min(lo, hi)
	}
	step := s.step
	if s.typ == "integer" {
		step = 1
	}
	x := lo + m.rng.Float64()*(hi-lo)
	switch m.rng.IntN(6) {
	case 0:
		x = lo
	case 1:
		x = hi
	case 2:
		x = min(hi, lo+float64(m.rng.IntN(10)))
	}
	if step > 0 {
		units := math.Round(x / step)
		if units*step > hi {
			units--
		}
		if step < 1 {
			return json.Number(fmt.Sprintf("%.2f", units*step))
		}
		return json.Number(fmt.Sprintf("%.0f", units*step))
	}
	return json.Number(fmt.Sprintf("%.4f", x))
}

var bits = []string{"Medicatie", "zorg", "é", "ß", "Ωμέγα", "日本語", "עברית", "العربية", "👩‍🔬", "🇧🇪", "e\u0301", "\u200b", "\u202e", "O'Brien", `"`, `\`, "<b>",
	"%s", "{{x}}", "${x}", "; --", "&amp;", "\n", "\t", "-", "_", "0", "2027", "…", "ı", "İ", "Å", "\ufeff", "\U0001F600"}

// words is text of min to max characters that a person could have meant, or not.
func (m *maker) words(minLen, maxLen int) string {
	want := minLen + m.rng.IntN(min(maxLen, minLen+60)-minLen+1)
	if m.rng.IntN(20) == 0 {
		want = min(maxLen, 25_000)
	}
	var out []rune
	for len(out) < want {
		out = append(out, []rune(bits[m.rng.IntN(len(bits))])...)
		if m.rng.IntN(3) == 0 {
			out = append(out, ' ')
		}
	}
	out = out[:want]
	if want > 0 { // some letter at both ends: nothing is trimmed away
		out[0], out[want-1] = 'A', 'z'
	}
	return string(out)
}

func (m *maker) text(s *schema) string {
	if s.prefixes != nil {
		return m.id(s)
	}
	lo, hi := max(s.minLen, 0), s.maxLen
	if hi < 0 {
		hi = lo + 300
	}
	fits := func(v string) bool {
		n := utf8.RuneCountInString(v)
		return n >= lo && (s.maxLen < 0 || n <= hi) && (s.pattern == nil || s.pattern.MatchString(v))
	}
	for i := range 20 {
		var v string
		switch s.format {
		case "date":
			v = m.date().Format(time.DateOnly)
		case "date-time":
			v = m.date().Add(time.Duration(m.rng.Int64N(int64(24 * time.Hour)))).Format(time.RFC3339Nano)
		case "email":
			v = fmt.Sprintf("naam%d@voorbeeld.example", m.rng.IntN(1e6))
		case "uri":
			v = fmt.Sprintf("https://voorbeeld.example/%d", m.rng.IntN(1e6))
		default:
			if s.pattern == nil || i < 5 { // most patterns let text through
				v = m.words(lo, hi)
			} else {
				v = m.matching(s.pattern.String())
			}
		}
		if fits(v) {
			return v
		}
	}
	v, _ := s.example.(string)
	return v
}

func (m *maker) date() time.Time {
	switch m.rng.IntN(8) {
	case 0:
		return time.Date(2028, 2, 29, 0, 0, 0, 0, time.UTC)
	case 1:
		return time.Date(1900+m.rng.IntN(300), time.Month(1+m.rng.IntN(12)), 1+m.rng.IntN(28), 0, 0, 0, 0, time.UTC)
	}
	return m.now.UTC().Truncate(24*time.Hour).AddDate(0, 0, m.rng.IntN(400)-100)
}

// matching makes text that a pattern allows.
func (m *maker) matching(pattern string) string {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return ""
	}
	var b strings.Builder
	m.walk(&b, re)
	return b.String()
}

func (m *maker) walk(b *strings.Builder, re *syntax.Regexp) {
	repeat := func(lo, hi int) {
		if hi < 0 {
			hi = lo + 8
		}
		for range lo + m.rng.IntN(hi-lo+1) {
			m.walk(b, re.Sub[0])
		}
	}
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		i := 2 * m.rng.IntN(len(re.Rune)/2)
		lo, hi := re.Rune[i], re.Rune[i+1]
		r := lo + rune(m.rng.IntN(int(min(hi, lo+200)-lo)+1))
		if r > '~' && unicode.IsSpace(r) { // what is blank in Go is more than a pattern says
			r = lo
		}
		b.WriteRune(r)
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteRune(rune('!' + m.rng.IntN(90)))
	case syntax.OpStar:
		repeat(0, -1)
	case syntax.OpPlus:
		repeat(1, -1)
	case syntax.OpQuest:
		repeat(0, 1)
	case syntax.OpRepeat:
		repeat(re.Min, re.Max)
	case syntax.OpAlternate:
		m.walk(b, re.Sub[m.rng.IntN(len(re.Sub))])
	case syntax.OpConcat, syntax.OpCapture:
		for _, s := range re.Sub {
			m.walk(b, s)
		}
	}
}

// parameter writes a value as the text of a parameter.
func parameter(v any) string {
	switch t := v.(type) {
	case []any:
		var parts []string
		for _, x := range t {
			parts = append(parts, parameter(x))
		}
		return strings.Join(parts, ",")
	case nil:
		return ""
	}
	return fmt.Sprint(v)
}
