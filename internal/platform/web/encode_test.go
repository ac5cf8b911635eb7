package web

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/hours"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// reference is what encoding/json writes.
func reference(t testing.TB, v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	require.NoError(t, enc.Encode(v))
	return b.String()
}

type word string

type loud struct{ Text string }

func (l *loud) MarshalJSON() ([]byte, error) { return []byte(`"loud"`), nil }

type quiet struct {
	Ours int `json:"ours"`
}

type Meta2 struct {
	Revision int64 `json:"revision"`
	quiet
}

type knot struct {
	Name string  `json:"name"`
	Next *knot   `json:"next"`
	All  []*knot `json:"all"`
}

type everything struct {
	ID       id.OrganisationID   `json:"id"`
	Other    *id.MedewerkerID    `json:"other"`
	IDs      []id.MedewerkerID   `json:"ids"`
	Word     word                `json:"word"`
	Text     *string             `json:"text"`
	Texts    []string            `json:"texts"`
	OK       bool                `json:"ok"`
	N        int                 `json:"n"`
	Small    *int16              `json:"small"`
	Unsigned uint8               `json:"unsigned"`
	Float    float64             `json:"float"`
	At       time.Time           `json:"at"`
	Until    *time.Time          `json:"until"`
	On       day.Date            `json:"on"`
	OnOther  *day.Date           `json:"on_other"`
	Hours    hours.Hours         `json:"hours"`
	HoursOf  *hours.Hours        `json:"hours_of"`
	Raw      json.RawMessage     `json:"raw"`
	Bytes    []byte              `json:"bytes"`
	Any      any                 `json:"any"`
	Map      map[string][]string `json:"map"`
	Inner    struct {
		A string `json:"a"`
		B []struct {
			C *bool `json:"c"`
		} `json:"b"`
	} `json:"inner"`
	Loud  loud   `json:"loud"`
	LoudP *loud  `json:"loud_p"`
	Louds []loud `json:"louds"`
	Knot  knot   `json:"knot"`
	Array [2]int `json:"array"`
	Left  string `json:"-"`
	NoTag string
	Maybe *struct {
		X int `json:"x,omitempty"`
	} `json:"maybe"`
	hidden int
	Meta2
}

// full is a value with something difficult everywhere.
func full(r *rand.Rand) everything {
	texts := []string{"", "plain", "Zoë & <b>", `"quoted" \ back`, "line\nend\ttab\x00\x1f\x7f", "\u2028\u2029", "not \xff utf-8 \xc3", "👩‍🔧"}
	text := func() string { return texts[r.IntN(len(texts))] }
	some := func() bool { return r.IntN(2) == 0 }
	e := everything{ID: id.NewOrganisation(), Word: word(text()), OK: some(), N: r.Int() - r.Int(), Unsigned: 7, Float: r.NormFloat64() * 1e20,
		At: time.Unix(r.Int64N(4e9), r.Int64N(1e9)).UTC(), Hours: hours.Hours(r.IntN(10000)), NoTag: text(), hidden: 1,
		Raw: json.RawMessage(`{"a": [1, 2]}`), Loud: loud{text()}, Left: "left"}
	e.Inner.A, e.Revision, e.Ours = text(), r.Int64(), r.IntN(100)
	if some() {
		s, m, n, u, o, h := text(), id.NewMedewerker(), int16(-3), e.At.In(time.FixedZone("x", 3600)), day.Date{}, hours.Hours(50)
		e.Text, e.Other, e.Small, e.Until, e.OnOther, e.HoursOf, e.LoudP = &s, &m, &n, &u, &o, &h, &loud{}
		e.Texts, e.IDs, e.Bytes, e.Louds = []string{text(), text()}, []id.MedewerkerID{m, m}, []byte(s), []loud{{}, {}}
		e.Any, e.Map = map[string]any{text(): 1.5}, map[string][]string{"b": {text()}, "a": nil}
		e.Inner.B = append(e.Inner.B, struct {
			C *bool `json:"c"`
		}{&e.OK})
		e.Knot = knot{text(), &knot{Name: text()}, []*knot{nil, {}}}
		e.Maybe = &struct {
			X int `json:"x,omitempty"`
		}{}
	}
	return e
}

func TestEncode_WritesWhatEncodingJSONWrites(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	for range 300 {
		e := full(r)
		require.Equal(t, reference(t, []everything{e, e}), string(encode([]everything{e, e})), "seed %d", seed)
		require.Equal(t, reference(t, &e), string(encode(&e)), "seed %d", seed)
	}
	var none []string
	var nobody *everything
	for _, v := range []any{nil, none, nobody, []string{}, 1, "x", map[string]int{"b": 1, "a": 2}, struct{}{}, []any{1, "a", nil}, time.Time{}, word("<>")} {
		require.Equal(t, reference(t, v), string(encode(v)))
	}
}

func TestEncode_PanicsOnWhatCannotBeWritten(t *testing.T) {
	t.Parallel()
	require.Panics(t, func() { encode(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)) })
	require.Panics(t, func() { encode(struct{ F func() }{}) })
}
