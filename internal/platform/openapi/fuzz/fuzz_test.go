package fuzz_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/openapi/fuzz"
)

// A small API that keeps to its document, in which each test plants one fault.

const problem = `{"type":"object","required":["status","code","errors"],"properties":{"status":{"type":"integer"},"code":{"type":"string"},
	"errors":{"type":"array","items":{"type":"object","required":["code"],"properties":{"code":{"type":"string"},"pointer":{"type":"string"}}}}}}`

const refusal = `{"description":"No","content":{"application/problem+json":{"schema":{"$ref":"#/components/schemas/Problem"}}}}`

const document = `{"openapi":"3.1.1","info":{"title":"Plaatsen","version":"1"},"paths":{
"/v1/places":{"post":{"operationId":"createPlace","parameters":[{"name":"Idempotency-Key","in":"header","schema":{"type":"string","minLength":1,"maxLength":255,"pattern":"^[ -~]*$"}}],
 "requestBody":{"required":true,"content":{"application/json":{"schema":{"$ref":"#/components/schemas/PlaceInput"}}}},
 "responses":{"201":{"description":"Made","headers":{"Idempotency-Replayed":{"schema":{"type":"string"}},"Location":{"schema":{"type":"string"}}},"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Place"}}}},
 "400":` + refusal + `,"415":` + refusal + `,"422":` + refusal + `}}},
"/v1/places/{id}":{"get":{"operationId":"getPlace","parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"string","pattern":"^lpl_[0-7][0-9a-hjkmnp-tv-z]{25}$","minLength":30,"maxLength":30}},
 {"name":"limit","in":"query","schema":{"type":"integer","minimum":1,"maximum":100}}],
 "responses":{"200":{"description":"It","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Place"}}}},"400":` + refusal + `,"404":` + refusal + `}}}},
"components":{"schemas":{"Problem":` + problem + `,
"Place":{"type":"object","required":["id","name","note","capacity","goals"],"properties":{"id":{"type":"string"},"name":{"type":"string"},"note":{"type":["string","null"]},
 "capacity":{"type":["integer","null"]},"goals":{"type":"array","items":{"type":"string"}}}},
"PlaceInput":{"type":"object","additionalProperties":false,"required":["name"],"properties":{
 "name":{"type":"string","minLength":1,"maxLength":20,"pattern":"^[^\\x00-\\x1f\\x7f]*[^\\x00-\\x20\\x7f][^\\x00-\\x1f\\x7f]*$"},"note":{"type":["string","null"],"maxLength":5,"pattern":"^[^\\x00-\\x1f\\x7f]*$"},
 "capacity":{"type":"integer","minimum":1,"maximum":9},"goals":{"type":"array","maxItems":2,"items":{"type":"string","enum":["see","do"]}}},
 "examples":[{"name":"Apotheek","note":null,"capacity":3,"goals":["see"]}]}}}}`

const place = "lpl_01k3p9c2zre8v9w0x1y2z3a4b5"

// api keeps to the document but for what is planted in it.
type api struct {
	plant func(api *api, w http.ResponseWriter, r *http.Request, body []byte) bool
	made  int
	kept  map[string]string         // Idempotency-Key → body
	rows  map[string]map[string]any // Idempotency-Key → what was made
	last  map[string]any            // what stands at place
}

func newAPI() *api {
	return &api{kept: map[string]string{}, rows: map[string]map[string]any{}, last: map[string]any{"name": "Apotheek"}}
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := make([]byte, max(r.ContentLength, 0))
	for n := 0; n < len(body); {
		m, err := r.Body.Read(body[n:])
		if n += m; err != nil {
			break
		}
	}
	if a.plant != nil && a.plant(a, w, r, body) {
		return
	}
	switch path, found := strings.CutPrefix(r.URL.Path, "/v1/places/"); {
	case r.Method == http.MethodGet && found && path == place:
		q := r.URL.Query()
		n, err := strconv.Atoi(q.Get("limit"))
		if len(q) > 1 || len(q) == 1 && (len(q["limit"]) != 1 || err != nil || n < 1 || n > 100 || strconv.Itoa(n) != q.Get("limit")) {
			if f, err := strconv.ParseFloat(q.Get("limit"), 64); len(q) != 1 || len(q["limit"]) != 1 || err != nil || !json.Valid([]byte(q.Get("limit"))) || f != float64(int(f)) || f < 1 || f > 100 {
				a.refuse(w, 400, "invalid-parameter", "bad_format")
				return
			}
		}
		a.answer(w, 200, a.last)
	case r.Method == http.MethodPost && r.URL.Path == "/v1/places":
		key := r.Header.Get("Idempotency-Key")
		if len(r.URL.Query()) > 0 || len(key) > 255 || strings.ContainsFunc(key, func(c rune) bool { return c < ' ' || c > '~' }) {
			a.refuse(w, 400, "invalid-parameter", "unknown")
			return
		}
		if t := strings.ReplaceAll(strings.ToLower(r.Header.Get("Content-Type")), " ", ""); t != "application/json" && t != "application/json;charset=utf-8" {
			a.refuse(w, 415, "unsupported-media-type", "")
			return
		}
		if was, again := a.kept[key]; again && key != "" && was != string(body) {
			a.refuse(w, 422, "another-request", "")
			return
		} else if again && key != "" {
			w.Header().Set("Idempotency-Replayed", "true")
			a.answer(w, 201, a.rows[key])
			return
		}
		if code := wrong(body); code != "" {
			a.refuse(w, 422, "invalid", code)
			return
		}
		a.made++
		a.last = row(body)
		a.kept[key], a.rows[key] = string(body), a.last
		w.Header().Set("Location", "/v1/places/"+place)
		a.answer(w, 201, a.last)
	default:
		a.refuse(w, 404, "not-found", "")
	}
}

// row is what a body that is right makes.
func row(body []byte) (out map[string]any) {
	_ = json.Unmarshal(body, &out)
	return out
}

func named(name string) map[string]any { return map[string]any{"name": name} }

func (a *api) answer(w http.ResponseWriter, status int, row map[string]any) {
	all := map[string]any{"id": place, "note": nil, "capacity": nil, "goals": []any{}}
	maps.Copy(all, row)
	b, _ := json.Marshal(all)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

// answerAndKeep makes what ought to be made with something lost of what is answered, or of what is kept.
func (a *api) answerAndKeep(w http.ResponseWriter, r *http.Request, body []byte, lose func(answered, kept map[string]any)) bool {
	key := r.Header.Get("Idempotency-Key")
	if t := r.Header.Get("Content-Type"); r.Method != http.MethodPost || r.URL.Path != "/v1/places" || r.URL.RawQuery != "" || key != "" || t != "application/json" || wrong(body) != "" {
		return false
	}
	answered, kept := row(body), row(body)
	lose(answered, kept)
	a.made++
	a.last = kept
	w.Header().Set("Location", "/v1/places/"+place)
	a.answer(w, 201, answered)
	return true
}

func (a *api) refuse(w http.ResponseWriter, status int, code, rule string) {
	errs := "[]"
	if rule != "" {
		errs = fmt.Sprintf(`[{"code":%q}]`, rule)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"status":%d,"code":%q,"errors":%s}`, status, code, errs)
}

// wrong judges a body by hand, so that the fuzzer's judgement is held to another's.
func wrong(body []byte) string {
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.UseNumber()
	var in map[string]any
	if !utf8.Valid(body) || strings.Contains(strings.ToLower(string(body)), `\ud8`) && !strings.Contains(strings.ToLower(string(body)), `\ud83d\ude00`) ||
		strings.Contains(strings.ToLower(string(body)), `\udf`) || strings.Contains(strings.ToLower(string(body)), `\udc`) || dec.Decode(&in) != nil || in == nil || dec.More() {
		return "wrong_type"
	}
	for _, name := range []string{"name", "note", "capacity", "goals"} {
		if strings.Count(string(body), `"`+name+`":`) > 1 {
			return "repeated"
		}
	}
	for name, v := range in {
		control := func(s string) bool {
			return strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f })
		}
		switch s, text := v.(string); name {
		case "name":
			if !text || utf8.RuneCountInString(s) > 20 || strings.Trim(s, " ") == "" || control(s) {
				return "too_long"
			}
		case "note":
			if v != nil && (!text || utf8.RuneCountInString(s) > 5 || control(s)) {
				return "too_long"
			}
		case "capacity":
			n, number := v.(json.Number)
			f, err := n.Float64()
			if !number || err != nil || f != float64(int(f)) || f < 1 || f > 9 {
				return "too_big"
			}
		case "goals":
			l, array := v.([]any)
			if !array || len(l) > 2 || slices.ContainsFunc(l, func(x any) bool { return x != "see" && x != "do" }) {
				return "not_one_of"
			}
		default:
			return "unknown"
		}
	}
	if in["name"] == nil {
		return "required"
	}
	return ""
}

func run(t *testing.T, plant func(*api, http.ResponseWriter, *http.Request, []byte) bool, o fuzz.Options) fuzz.Report {
	t.Helper()
	a := newAPI()
	a.plant = plant
	o.Seed = max(o.Seed, 7)
	o.Now = time.Date(2027, 1, 11, 9, 0, 0, 0, time.UTC)
	r, err := fuzz.Run(fuzz.Target{Document: []byte(document), Handler: a, Token: func(string) string { return "t" },
		Furnish: func(string) []map[string]string { return []map[string]string{{"lpl": place}} },
		State:   func() (string, error) { return strconv.Itoa(a.made), nil },
		Said:    func(code string) bool { return code != "not-found" && code != "domain" && code != "another-request" },
		Never:   []string{"NOBODY-SEES"}}, o)
	require.NoError(t, err)
	return r
}

func TestRun_FindsNothingInAnAPIThatKeepsToItsDocument(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		r := run(t, nil, fuzz.Options{Seed: 100 + seed, Steps: 300})
		require.Empty(t, r.Faults)
		require.Greater(t, r.Requests, 800)
		require.NotZero(t, r.Succeeded["createPlace"])
		require.NotZero(t, r.Succeeded["getPlace"])
		require.Equal(t, map[string]int{"createPlace": 1}, r.Retried)
	}
}

func TestRun_FindsWhatIsPlantedAndTellsItInOneLine(t *testing.T) {
	t.Parallel()
	name := func(body []byte) string {
		var in struct{ Name string }
		_ = json.Unmarshal(body, &in)
		return in.Name
	}
	const post = `curl -sS -i -X POST "$SWITCHBOARD"'/v1/places' -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' --data-binary `
	for what, c := range map[string]struct {
		plant      func(a *api, w http.ResponseWriter, r *http.Request, body []byte) bool
		kind, curl string
	}{
		"a handler that leaks a field": {func(a *api, w http.ResponseWriter, r *http.Request, _ []byte) bool {
			if r.Method != http.MethodGet || r.URL.Path != "/v1/places/"+place || r.URL.RawQuery != "" {
				return false
			}
			leaky := maps.Clone(a.last)
			leaky["password_hash"] = "y"
			a.answer(w, 200, leaky)
			return true
		}, fuzz.Answer, `curl -sS -i -X GET "$SWITCHBOARD"'/v1/places/` + place + `' -H "Authorization: Bearer $TOKEN"`},
		"a status that is not documented": {func(a *api, w http.ResponseWriter, r *http.Request, body []byte) bool {
			if !strings.Contains(name(body), "drop table") {
				return false
			}
			a.refuse(w, 418, "teapot", "")
			return true
		}, fuzz.Answer, post + `'{"name":"`},
		"a header that is not documented": {func(a *api, w http.ResponseWriter, r *http.Request, _ []byte) bool {
			if r.Method == http.MethodGet && r.URL.Query().Get("limit") == "100" {
				w.Header().Set("X-Debug", "1")
			}
			return false
		}, fuzz.Answer, `curl -sS -i -X GET "$SWITCHBOARD"'/v1/places/` + place + `?limit=100' -H "Authorization: Bearer $TOKEN"`},
		"a panic on one value": {func(_ *api, _ http.ResponseWriter, _ *http.Request, body []byte) bool {
			if strings.Contains(name(body), "%") {
				panic("formats")
			}
			return false
		}, fuzz.Server, post + `'{"name":"%`},
		"500 where text is four bytes a character": {func(a *api, w http.ResponseWriter, r *http.Request, body []byte) bool {
			if len(name(body)) <= 40 || utf8.RuneCountInString(name(body)) > 20 {
				return false
			}
			a.refuse(w, 500, "internal", "")
			return true
		}, fuzz.Server, post + `$'{"name":"\xf0\x9f\x91\xa9`},
		"an invalid value that is accepted": {func(a *api, w http.ResponseWriter, r *http.Request, body []byte) bool {
			var in struct{ Capacity json.Number }
			if json.Unmarshal(body, &in) != nil || in.Capacity != "10" {
				return false
			}
			a.made++
			a.answer(w, 201, named("x"))
			return true
		}, fuzz.Accepted, post + `'{"capacity":10}'`},
		"a member twice that is accepted": {func(a *api, w http.ResponseWriter, r *http.Request, body []byte) bool {
			if strings.Count(string(body), `"capacity":`) != 2 {
				return false
			}
			a.made++
			a.answer(w, 201, named("x"))
			return true
		}, fuzz.Accepted, post + `'{"capacity":3,"goals":["see"],"name":"Apotheek","note":null,"capacity":3}'`},
		"an unknown parameter that is accepted": {func(a *api, w http.ResponseWriter, r *http.Request, _ []byte) bool {
			if r.Method != http.MethodGet || !r.URL.Query().Has("onbekend") {
				return false
			}
			a.answer(w, 200, named("x"))
			return true
		}, fuzz.Accepted, `curl -sS -i -X GET "$SWITCHBOARD"'/v1/places/` + place + `?onbekend=1' -H "Authorization: Bearer $TOKEN"`},
		"a valid value that is refused": {func(a *api, w http.ResponseWriter, r *http.Request, body []byte) bool {
			if utf8.RuneCountInString(name(body)) != 20 || wrong(body) != "" {
				return false
			}
			a.refuse(w, 422, "invalid", "too_long")
			return true
		}, fuzz.Refused, post + `'{"name":"xxxxxxxxxxxxxxxxxxxx"}'`},
		"a refusal that changes something": {func(a *api, w http.ResponseWriter, r *http.Request, body []byte) bool {
			if r.Method == http.MethodPost && strings.Contains(string(body), `"goals":[null]`) {
				a.made++
			}
			return false
		}, fuzz.State, post + `'{"goals":[null]}'`},
		"a retry that is done again": {func(a *api, _ http.ResponseWriter, r *http.Request, _ []byte) bool {
			r.Header.Del("Idempotency-Key")
			return false
		}, fuzz.Retry, ` -H 'Idempotency-Key: fuzz-7-1' --data-binary '{"capacity":3,"goals":["see"],"name":"Apotheek","note":null}'`},
		"a retry that does not say that it is one": {func(a *api, w http.ResponseWriter, r *http.Request, body []byte) bool {
			key := r.Header.Get("Idempotency-Key")
			if was, again := a.kept[key]; !again || key == "" || was != string(body) || r.URL.RawQuery != "" {
				return false
			}
			a.answer(w, 201, a.rows[key])
			return true
		}, fuzz.Retry, ` -H 'Idempotency-Key: fuzz-7-1' `},
		"another body that is answered for the first one's": {func(a *api, _ http.ResponseWriter, r *http.Request, body []byte) bool {
			if key := r.Header.Get("Idempotency-Key"); a.kept[key] != "" && wrong(body) == "" {
				a.kept[key] = string(body)
			}
			return false
		}, fuzz.Retry, ` -H 'Idempotency-Key: fuzz-7-1' `},
		"a retry that changes something": {func(a *api, _ http.ResponseWriter, r *http.Request, _ []byte) bool {
			if key := r.Header.Get("Idempotency-Key"); a.kept[key] != "" && r.URL.RawQuery == "" {
				a.made++
			}
			return false
		}, "", ` -H 'Idempotency-Key: fuzz-7-1' `},
		"a member that is dropped": {func(a *api, w http.ResponseWriter, r *http.Request, body []byte) bool {
			return a.answerAndKeep(w, r, body, func(made, _ map[string]any) { delete(made, "note") })
		}, fuzz.Lost, post + `'{"name":"`},
		"an item of a list that is dropped": {func(a *api, w http.ResponseWriter, r *http.Request, body []byte) bool {
			return a.answerAndKeep(w, r, body, func(made, _ map[string]any) {
				if goals, _ := made["goals"].([]any); len(goals) > 1 {
					made["goals"] = goals[:1]
				}
			})
		}, fuzz.Lost, `"goals":["`},
		"a list in another order": {func(a *api, w http.ResponseWriter, r *http.Request, body []byte) bool {
			return a.answerAndKeep(w, r, body, func(made, _ map[string]any) {
				if goals, ok := made["goals"].([]any); ok {
					slices.Reverse(goals)
				}
			})
		}, fuzz.Lost, `"goals":["`},
		"text that is cut": {func(a *api, w http.ResponseWriter, r *http.Request, body []byte) bool {
			return a.answerAndKeep(w, r, body, func(made, _ map[string]any) { made["name"] = string([]rune(made["name"].(string))[:1]) })
		}, fuzz.Lost, post + `'{"name":"`},
		"a member that is answered and not kept": {func(a *api, w http.ResponseWriter, r *http.Request, body []byte) bool {
			return a.answerAndKeep(w, r, body, func(_, kept map[string]any) { delete(kept, "capacity") })
		}, fuzz.Lost, post + `'{"capacity":`},
		"what was made and is nowhere": {func(a *api, w http.ResponseWriter, r *http.Request, body []byte) bool {
			if r.Method == http.MethodGet && a.made > 0 {
				a.refuse(w, 404, "not-found", "")
				return true
			}
			return false
		}, fuzz.Lost, post + `'{"name":"`},
		"what is another's": {func(a *api, w http.ResponseWriter, r *http.Request, body []byte) bool {
			if r.Method != http.MethodGet || r.URL.Path != "/v1/places/"+place || r.URL.Query().Get("limit") != "1" {
				return false
			}
			a.answer(w, 200, named("NOBODY-SEES"))
			return true
		}, fuzz.Shown, `/v1/places/` + place + `?limit=1' -H`},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			r := run(t, c.plant, fuzz.Options{Steps: 300})
			require.NotEmpty(t, r.Faults)
			curls := []string{}
			for _, f := range r.Faults {
				if c.kind != "" { // it is a refusal that changes something too
					require.Equal(t, c.kind, f.Kind, "%s", f)
				}
				require.NotContains(t, f.Curl, "\n", "one line")
				curls = append(curls, f.Curl)
			}
			require.True(t, slices.ContainsFunc(curls, func(s string) bool { return strings.Contains(s, c.curl) }), "%s\nnot in\n%s", c.curl, strings.Join(curls, "\n"))
		})
	}
}

// What the target says to be told otherwise is no fault, and counted; what it says of a list's order goes no further than that.
func TestRun_LetsBeToldOtherwiseWhatHasItsReason(t *testing.T) {
	t.Parallel()
	lost := func(otherwise map[string]string, lose func(goals []any) []any) fuzz.Report {
		a := newAPI()
		a.plant = func(a *api, w http.ResponseWriter, r *http.Request, body []byte) bool {
			return a.answerAndKeep(w, r, body, func(made, kept map[string]any) {
				if goals, ok := made["goals"].([]any); ok {
					made["goals"] = lose(slices.Clone(goals))
					kept["goals"] = made["goals"]
				}
			})
		}
		r, err := fuzz.Run(fuzz.Target{Document: []byte(document), Handler: a, Token: func(string) string { return "t" },
			Furnish: func(string) []map[string]string {
				return []map[string]string{{"lpl": place, "body goals": `["see","do"]`}}
			},
			Said: func(string) bool { return false }, Otherwise: otherwise}, fuzz.Options{Seed: 7})
		require.NoError(t, err)
		return r
	}
	reverse := func(goals []any) []any { slices.Reverse(goals); return goals }
	cut := func(goals []any) []any { return goals[:min(1, len(goals))] }
	more := func(goals []any) []any { return append(goals, "see") }
	for _, c := range []struct {
		at    string
		lose  func([]any) []any
		found bool
	}{
		{"", reverse, true}, {"", cut, true}, {"", more, true}, {"createPlace /goals", reverse, false}, {"createPlace /goals", cut, false}, {"* /goals", cut, false}, {"createPlace *", cut, false},
		{"createPlace /goals order", reverse, false}, {"createPlace /goals order", cut, true}, {"createPlace /goals others", more, false}, {"createPlace /goals others", reverse, true},
		{"createPlace /note", cut, true}, {"movePlace /goals", cut, true}, {"createPlace /goals null", cut, true},
	} {
		r := lost(map[string]string{c.at: "because"}, c.lose)
		require.Equal(t, c.found, len(r.Faults) > 0, "%s: %v", c.at, r.Faults)
		require.Equal(t, !c.found, r.Otherwise[c.at] > 0, c.at)
		for _, f := range r.Faults {
			require.Equal(t, fuzz.Lost, f.Kind, "%s", f)
		}
	}
}

// A 503 that the target may answer is counted, and asked again; one that it may not is a fault the first time.
func TestRun_CountsWhoIsBusyAndHidesNoOther503(t *testing.T) {
	t.Parallel()
	for code, kinds := range map[string][]string{"unavailable": {}, "outcome-unknown": {fuzz.Server}} {
		answered := false
		a := newAPI()
		a.plant = func(a *api, w http.ResponseWriter, r *http.Request, body []byte) bool {
			if answered || r.Method != http.MethodPost || wrong(body) != "" {
				return false
			}
			answered = true
			a.refuse(w, 503, code, "")
			return true
		}
		r, err := fuzz.Run(fuzz.Target{Document: []byte(document), Handler: a, Token: func(string) string { return "t" },
			Furnish: func(string) []map[string]string { return []map[string]string{{"lpl": place}} },
			Said:    func(code string) bool { return code != "not-found" && code != "another-request" },
			Busy:    func(code string) bool { return code == "unavailable" }}, fuzz.Options{Seed: 7})
		require.NoError(t, err)
		found := []string{}
		for _, f := range r.Faults {
			found = append(found, f.Kind)
		}
		require.Equal(t, kinds, found, code)
		require.Equal(t, len(kinds) == 0, r.Busy["createPlace"] == 1, code)
	}
}

// A run that ends early says whom it did not reach: nobody is blamed for what there was no time for.
func TestRun_TellsWhatItDidNotReach(t *testing.T) {
	t.Parallel()
	r := run(t, nil, fuzz.Options{Until: func() bool { return true }})
	require.Equal(t, []string{"createPlace", "getPlace"}, r.Unreached)
	require.Empty(t, r.Succeeded)
	asked := 0
	r = run(t, nil, fuzz.Options{Until: func() bool { asked++; return asked > 5 }})
	require.Equal(t, []string{"getPlace"}, r.Unreached)
	require.NotZero(t, r.Succeeded["createPlace"])
	require.NotContains(t, r.Succeeded, "getPlace")
	require.NotContains(t, r.Tried, "createPlace /capacity", "it was not tried whole")
	require.Empty(t, r.Retried)
	require.Empty(t, run(t, nil, fuzz.Options{Values: 1}).Unreached)
}

// Hostile values stand in every member, whether the request that is right holds something there or not.
func TestRun_TriesEveryMember(t *testing.T) {
	t.Parallel()
	members, err := fuzz.Members([]byte(document))
	require.NoError(t, err)
	require.Equal(t, []string{"createPlace /capacity", "createPlace /goals/*", "createPlace /name", "createPlace /note"}, members)
	for _, goals := range []string{`["do"]`, "[]", "null", ""} {
		r, err := fuzz.Run(fuzz.Target{Document: []byte(document), Handler: newAPI(), Token: func(string) string { return "t" },
			Furnish: func(string) []map[string]string {
				return []map[string]string{{"lpl": place, "body goals": goals, "body capacity": ""}}
			},
			Said: func(string) bool { return false }}, fuzz.Options{Seed: 7, Values: 1})
		require.NoError(t, err)
		for _, m := range members {
			require.NotZero(t, r.Tried[m], "%s, where goals are %q", m, goals)
		}
	}
}

// What the furnisher says of a member of a body stands in it, whatever the example says.
func TestRun_PutsWhatIsFurnishedIntoTheBody(t *testing.T) {
	t.Parallel()
	var first string
	a := newAPI()
	a.plant = func(_ *api, _ http.ResponseWriter, _ *http.Request, body []byte) bool {
		if first == "" && len(body) > 0 {
			first = string(body)
		}
		return false
	}
	_, err := fuzz.Run(fuzz.Target{Document: []byte(document), Handler: a, Token: func(string) string { return "t" },
		Furnish: func(string) []map[string]string {
			return []map[string]string{{"lpl": place, "body name": `"Bakkerij"`, "body note": `null`, "body goals": "", "body of another": `1`}}
		},
		Said: func(string) bool { return true }}, fuzz.Options{Seed: 7, Only: "createPlace"})
	require.NoError(t, err)
	require.JSONEq(t, `{"name":"Bakkerij","note":null,"capacity":3}`, first)
}

// A rule of the domain may refuse what the document allows; so may what is not a refusal of the request at all.
func TestRun_LetsTheDomainRefuse(t *testing.T) {
	t.Parallel()
	r := run(t, func(a *api, w http.ResponseWriter, r *http.Request, body []byte) bool {
		if r.Method != http.MethodPost || wrong(body) != "" || len(body)%3 != 0 || r.URL.RawQuery != "" {
			return false
		}
		a.refuse(w, 422, "invalid", "domain")
		return true
	}, fuzz.Options{Steps: 300})
	require.Empty(t, r.Faults)
}

func TestRun_TriesTheSameForTheSameSeed(t *testing.T) {
	t.Parallel()
	tried := func(seed uint64) (all []string) {
		run(t, func(_ *api, _ http.ResponseWriter, r *http.Request, body []byte) bool {
			all = append(all, r.Method+r.URL.String()+string(body))
			return false
		}, fuzz.Options{Seed: seed, Values: 3, Steps: 100})
		return all
	}
	require.Equal(t, tried(42), tried(42))
	require.NotEqual(t, tried(42), tried(43))
}
