package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/hours"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// everything is a body with a member of every kind and every rule.
type everything struct {
	Name   string          `json:"name" binding:"required" minLength:"2" maxLength:"5"`
	Note   *string         `json:"note" maxLength:"5"`
	Kind   string          `json:"kind" enums:"a,b" default:"b"`
	Count  int             `json:"count" minimum:"1" maximum:"9" default:"3"`
	Big    *int64          `json:"big"`
	Ratio  *float64        `json:"ratio" minimum:"-1" maximum:"1"`
	OK     bool            `json:"ok"`
	Tags   []string        `json:"tags" minLength:"1" maxLength:"3" validate:"min=0,max=2"`
	Org    *id.SiteID      `json:"site_id"`
	At     *time.Time      `json:"at"`
	On     *day.Date       `json:"on"`
	Hours  *hours.Hours    `json:"hours" minimum:"0.25" maximum:"24"`
	Mail   *string         `json:"mail" format:"email"`
	Link   *string         `json:"link" format:"uri"`
	Clock  *string         `json:"clock" format:"clock"`
	Any    json.RawMessage `json:"any"`
	Inner  *inner          `json:"inner"`
	Inners []inner         `json:"inners" validate:"max=2"`
}

type inner struct {
	A string  `json:"a" binding:"required" maxLength:"3"`
	B *string `json:"b"`
	C int     `json:"c" default:"7"`
}

func binder(t *testing.T) *door {
	t.Helper()
	type body struct {
		Body everything `body:"json"`
	}
	type patch struct {
		web.IfMatch
		Patch web.MergePatch `body:"patch"`
	}
	type query struct {
		N     int         `form:"n" minimum:"1" maximum:"9" default:"4"`
		S     *string     `form:"s" maxLength:"3"`
		Kinds []string    `form:"kinds" enums:"a,b,c" validate:"max=2"`
		OK    *bool       `form:"ok"`
		At    *time.Time  `form:"at"`
		Site  *id.SiteID  `form:"site_id"`
		Sites []id.SiteID `form:"sites" validate:"max=2"`
		Must  string      `form:"must" binding:"required"`
	}
	type path struct {
		ID id.SiteID `uri:"id"`
		N  int       `uri:"n"`
	}
	type optional struct {
		Body inner `body:"optional"`
	}
	present := func() everything {
		note := "old"
		return everything{Name: "old", Note: &note, Kind: "a", Count: 5, OK: true, Tags: []string{"x"}, Inner: &inner{A: "a", B: &note, C: 1}}
	}
	return open(testkit.New(t), nil,
		web.Post("/v1/body", auth.Self, func(_ context.Context, _ *db.Tx, in body) (any, error) { return in.Body, nil }),
		web.Patch("/v1/patch", auth.Self, func(_ context.Context, _ *db.Tx, in patch) (any, error) {
			row := present()
			if err := in.Check(5); err != nil {
				return nil, err
			}
			if in.Patch.Names("nothing") {
				t.Error("it names nothing")
			}
			return &row, in.Patch.Apply(&row)
		}),
		web.Patch("/v1/careful", auth.Self, func(_ context.Context, _ *db.Tx, in patch) (any, error) { return object{}, in.Check(5) }, web.RequireIfMatch),
		web.Put("/v1/fill", auth.Self, func(_ context.Context, _ *db.Tx, in patch) (any, error) {
			var row everything
			err := in.Patch.Fill(&row)
			return row, err
		}),
		web.Get("/v1/query", auth.Self, func(_ context.Context, _ *db.Tx, in query) (any, error) { return in, nil }),
		web.Get("/v1/path/:id/:n", auth.Self, func(_ context.Context, _ *db.Tx, in path) (any, error) { return in, nil }),
		web.Act("/v1/optional", auth.Self, func(_ context.Context, _ *db.Tx, in optional) (any, error) { return in.Body.C, nil }),
		web.Act("/v1/nothing", auth.Self, func(context.Context, *db.Tx, none) (any, error) { return object{}, nil }),
	)
}

// wrongs are what a problem says is wrong, as place:code.
func wrongs(p web.Problem) (out []string) {
	for _, e := range p.Errors {
		out = append(out, e.Pointer+e.Parameter+":"+e.Code)
	}
	return out
}

func TestBody_SaysWhatIsWrongAndWhere(t *testing.T) {
	t.Parallel()
	d := binder(t)
	for body, want := range map[string][]string{
		`{}`:                                              {"/name:required"},
		`{"name": null}`:                                  {"/name:not_null"},
		`{"name": 5}`:                                     {"/name:wrong_type"},
		`{"name": "a"}`:                                   {"/name:too_short"},
		`{"name": "   a  "}`:                              {"/name:too_short"},
		`{"name": "ééééé"}`:                               nil,
		`{"name": "éééééé"}`:                              {"/name:too_long"},
		`{"name": "a\u0000b"}`:                            {"/name:bad_text"},
		`{"name": "a\u001bb"}`:                            {"/name:bad_text"},
		`{"name": "a\nb\t"}`:                              nil,
		`{"name": "ab", "name": "cd"}`:                    {"/name:repeated"},
		`{"name": "ab", "x": 1}`:                          {"/x:unknown"},
		`{"name": "ab", "Name": "x"}`:                     {"/Name:unknown"},
		`{"name": "ab", "hidden": "x"}`:                   {"/hidden:unknown"},
		`{"name": "ab", "a/b~c": 1}`:                      {"/a~1b~0c:unknown"},
		`{"name": "ab", "note": "123456"}`:                {"/note:too_long"},
		`{"name": "ab", "kind": "c"}`:                     {"/kind:not_one_of"},
		`{"name": "ab", "kind": null}`:                    {"/kind:not_null"},
		`{"name": "ab", "count": 0}`:                      {"/count:too_small"},
		`{"name": "ab", "count": 10}`:                     {"/count:too_big"},
		`{"name": "ab", "count": 1.5}`:                    {"/count:wrong_type"},
		`{"name": "ab", "count": 1e1}`:                    {"/count:too_big"},
		`{"name": "ab", "count": 2.0}`:                    nil,
		`{"name": "ab", "count": 20e-1}`:                  nil,
		`{"name": "ab", "count": 1e-400}`:                 {"/count:wrong_type"},
		`{"name": "ab", "count": 1e-999999999}`:           {"/count:wrong_type"},
		`{"name": "ab", "count": 1e999999999}`:            {"/count:wrong_type"},
		`{"name": "ab", "count": "1"}`:                    {"/count:wrong_type"},
		`{"name": "ab", "big": 9223372036854775808}`:      {"/big:wrong_type"},
		`{"name": "ab", "ratio": 1.01}`:                   {"/ratio:too_big"},
		`{"name": "ab", "ratio": 1e999}`:                  {"/ratio:wrong_type"},
		`{"name": "ab", "ok": "true"}`:                    {"/ok:wrong_type"},
		`{"name": "ab", "tags": "a"}`:                     {"/tags:wrong_type"},
		`{"name": "ab", "tags": [1]}`:                     {"/tags/0:wrong_type"},
		`{"name": "ab", "tags": ["a", ""]}`:               {"/tags/1:too_short"},
		`{"name": "ab", "tags": ["a", "abcd"]}`:           {"/tags/1:too_long"},
		`{"name": "ab", "tags": ["a", "b", "c"]}`:         {"/tags:too_long"},
		`{"name": "ab", "tags": [null]}`:                  {"/tags/0:not_null"},
		`{"name": "ab", "tags": null}`:                    {"/tags:not_null"},
		`{"name": "ab", "site_id": "org_x"}`:              {"/site_id:bad_format"},
		`{"name": "ab", "site_id": 5}`:                    {"/site_id:wrong_type"},
		`{"name": "ab", "at": "yesterday"}`:               {"/at:bad_format"},
		`{"name": "ab", "at": "2027-02-29T00:00:00Z"}`:    {"/at:bad_format"},
		`{"name": "ab", "at": "0001-01-01T00:00:00Z"}`:    {"/at:bad_format"},
		`{"name": "ab", "at": 5}`:                         {"/at:wrong_type"},
		`{"name": "ab", "on": "2027-02-30"}`:              {"/on:bad_format"},
		`{"name": "ab", "hours": 7.555}`:                  {"/hours:bad_format"},
		`{"name": "ab", "hours": 0.2}`:                    {"/hours:too_small"},
		`{"name": "ab", "hours": "7"}`:                    {"/hours:wrong_type"},
		`{"name": "ab", "mail": "Sam <sam@example.org>"}`: {"/mail:bad_format"},
		`{"name": "ab", "mail": "sam@localhost"}`:         {"/mail:bad_format"},
		`{"name": "ab", "mail": "sam@example.org"}`:       nil,
		`{"name": "ab", "link": "/relative"}`:             {"/link:bad_format"},
		`{"name": "ab", "link": "https://example.org/a"}`: nil,
		`{"name": "ab", "clock": "24:00"}`:                {"/clock:bad_format"},
		`{"name": "ab", "clock": "23:59"}`:                nil,
		`{"name": "ab", "any": {"x": ["\u0000"]}}`:        {"/any/x/0:bad_text"},
		`{"name": "ab", "any": {"x\u0000": 1}}`:           {"/any/x�:bad_text"},
		`{"name": "ab", "any": {"x": [1.50, null]}}`:      nil,
		`{"name": "ab", "inner": {}}`:                     {"/inner/a:required"},
		`{"name": "ab", "inner": []}`:                     {"/inner:wrong_type"},
		`{"name": "ab", "inner": {"a": "x", "z": 1}}`:     {"/inner/z:unknown"},
		`{"name": "ab", "inners": [{"a": "x"}, {}]}`:      {"/inners/1/a:required"},
		`{"name": "ab", "inners": [{},{},{}]}`:            {"/inners:too_long"},
		`{"x": 1, "count": "x", "inner": {"a": 1}}`:       {"/x:unknown", "/count:wrong_type", "/inner/a:wrong_type", "/name:required"},
		`[]`:     {":wrong_type"},
		`null`:   {":not_null"},
		`"text"`: {":wrong_type"},
	} {
		rec := d.do(http.MethodPost, "/v1/body", body)
		if want == nil {
			require.Equal(t, http.StatusCreated, rec.Code, "%s: %s", body, rec.Body)
			continue
		}
		require.Equal(t, want, wrongs(is(t, rec, http.StatusUnprocessableEntity, "invalid")), body)
	}
}

func TestBody_ThatCannotBeParsed(t *testing.T) {
	t.Parallel()
	d := binder(t)
	for _, body := range []string{"{", `{"name": "ab"} x`, `{"name": "ab"}{}`, `{name: 1}`, "\xff", "{\"name\": \"\xc3\x28\"}", `{"name": "ab",}`, " ", "NaN", "'a'",
		strings.Repeat("[", 1000), "[" + strings.Repeat("0,", 50_000) + "0]", strings.Repeat(`{"any":`, 40) + "1" + strings.Repeat("}", 40), `{"name": "ab\ud800`, "\ufeff{}"} {
		is(t, d.do(http.MethodPost, "/v1/body", body), http.StatusBadRequest, "malformed-json")
	}
	for _, typ := range []string{"text/plain", "application/xml", "", "application/json; charset=latin1", "application/merge-patch+json", "application/json, text/plain", ";"} {
		is(t, d.do(http.MethodPost, "/v1/body", `{"name": "ab"}`, "Content-Type", typ), http.StatusUnsupportedMediaType, "unsupported-media-type")
	}
	for _, typ := range []string{"application/json", "application/json; charset=utf-8", "APPLICATION/JSON; charset=UTF-8"} {
		require.Equal(t, http.StatusCreated, d.do(http.MethodPost, "/v1/body", `{"name": "ab"}`, "Content-Type", typ).Code, typ)
	}
	is(t, d.do(http.MethodPost, "/v1/body", ""), http.StatusUnsupportedMediaType, "unsupported-media-type")
}

func TestBody_NamesFortyMistakesAtMost(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&b, `"x%d": 1, `, i)
	}
	p := is(t, binder(t).do(http.MethodPost, "/v1/body", "{"+b.String()+`"name": "ab"}`), http.StatusUnprocessableEntity, "invalid")
	require.Len(t, p.Errors, 40)
	// What a caller called a member is told back shortened and without control characters.
	p = is(t, binder(t).do(http.MethodPost, "/v1/body", `{"name": "ab", "`+strings.Repeat("x", 500)+`": 1, "a\u001b[31m": 1}`), http.StatusUnprocessableEntity, "invalid")
	require.Len(t, p.Errors[0].Pointer, 61)
	require.Equal(t, "/a�[31m", p.Errors[1].Pointer)
}

func TestBody_FillsInWhatMayBeAbsent(t *testing.T) {
	t.Parallel()
	d := binder(t)
	for _, path := range []string{"/v1/body", "/v1/fill"} {
		method := map[string]string{"/v1/body": http.MethodPost, "/v1/fill": http.MethodPut}[path]
		var got everything
		rec := d.do(method, path, `{"name": "ab", "inner": {"a": "x"}, "inners": [{"a": "y", "c": 1}, {"a": "z"}], "at": "2027-01-11T09:00:00.123456789+01:00"}`)
		require.Less(t, rec.Code, 300, "%s", rec.Body)
		require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &got))
		require.Equal(t, []any{"b", 3, []string{}, 7, 1, 7}, []any{got.Kind, got.Count, got.Tags, got.Inner.C, got.Inners[0].C, got.Inners[1].C})
		require.Nil(t, got.Note)
		require.Equal(t, time.Date(2027, 1, 11, 8, 0, 0, 123456000, time.UTC), *got.At, "in UTC, in microseconds")
	}
	require.Equal(t, []string{"/name:needed"}, wrongs(is(t, d.do(http.MethodPut, "/v1/fill", `{}`), http.StatusUnprocessableEntity, "invalid")))
	require.JSONEq(t, "7", d.do(http.MethodPost, "/v1/optional", `{"a": "x"}`).Body.String())
	is(t, d.do(http.MethodPost, "/v1/optional", ""), http.StatusUnprocessableEntity, "invalid")
	for body, status := range map[string]int{"": 200, "{}": 200, "  ": 200, `{"a": 1}`: 422, "[]": 422, "null": 422, "x": 400} {
		require.Equal(t, status, d.do(http.MethodPost, "/v1/nothing", body).Code, body)
	}
}

// RFC 7396: absent keeps, null clears, arrays are replaced, objects are merged.
func TestPatch_IsAMergePatch(t *testing.T) {
	t.Parallel()
	d := binder(t)
	patch := func(body string) (got everything) {
		rec := d.do(http.MethodPatch, "/v1/patch", body, "Content-Type", "application/merge-patch+json")
		require.Equal(t, 200, rec.Code, "%s", rec.Body)
		require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &got))
		return got
	}
	got := patch(`{}`)
	require.Equal(t, []any{"old", "old", "a", 5, true, []string{"x"}, "a", 1}, []any{got.Name, *got.Note, got.Kind, got.Count, got.OK, got.Tags, got.Inner.A, got.Inner.C})
	got = patch(`{"name": "new", "note": null, "tags": [], "inner": {"b": null}, "ok": false}`)
	require.Equal(t, []any{"new", "a", 5, false, []string{}, "a", 1}, []any{got.Name, got.Kind, got.Count, got.OK, got.Tags, got.Inner.A, got.Inner.C})
	require.Nil(t, got.Note)
	require.Nil(t, got.Inner.B)
	got = patch(`{"inner": null}`)
	require.Nil(t, got.Inner)
	for body, want := range map[string]string{`{"name": null}`: "/name:not_null", `{"x": 1}`: "/x:unknown", `{"name": "a"}`: "/name:too_short", `{"inner": {"a": "1234"}}`: "/inner/a:too_long",
		`{"tags": ["a", "b", "c"]}`: "/tags:too_long", `[]`: ":wrong_type", `null`: ":wrong_type", `{"name": "ab", "name": "cd"}`: "/name:repeated"} {
		require.Equal(t, []string{want}, wrongs(is(t, d.do(http.MethodPatch, "/v1/patch", body), http.StatusUnprocessableEntity, "invalid")), body)
	}
	is(t, d.do(http.MethodPatch, "/v1/patch", `{}`, "Content-Type", "application/json-patch+json"), http.StatusUnsupportedMediaType, "unsupported-media-type")
}

func TestIfMatch_HoldsOrRefuses(t *testing.T) {
	t.Parallel()
	d := binder(t)
	for tag, status := range map[string]int{"": 200, `"5"`: 200, `*`: 200, `"4", "5"`: 200, `"4"`: 412, `5`: 412, `W/"5"`: 412, `"x"`: 412, `"55"`: 412} {
		rec := d.do(http.MethodPatch, "/v1/patch", `{}`, "If-Match", tag)
		require.Equal(t, status, rec.Code, tag)
		if status == 412 {
			require.Equal(t, "revision-mismatch", isProblem(t, 412, rec.Header(), rec.Body.Bytes()).Code)
		}
	}
	is(t, d.do(http.MethodPatch, "/v1/careful", `{}`), http.StatusPreconditionRequired, "if-match-required")
	is(t, d.do(http.MethodPatch, "/v1/careful", `{}`, "If-Match", `"4"`), http.StatusPreconditionFailed, "revision-mismatch")
	require.Equal(t, 200, d.do(http.MethodPatch, "/v1/careful", `{}`, "If-Match", `"5"`).Code)
}

func TestQuery_SaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	d := binder(t)
	site := id.NewSite().String()
	for query, want := range map[string][]string{
		"":                                      {"must:required"},
		"must=x":                                nil,
		"must=x&n=9&s=abc&ok=true":              nil,
		"must=x&n=10":                           {"n:too_big"},
		"must=x&n=":                             {"n:bad_format"},
		"must=x&n=1.0":                          nil,
		"must=x&n=1.5":                          {"n:bad_format"},
		"must=x&n=01":                           {"n:bad_format"},
		"must=x&n=%2B1":                         {"n:bad_format"},
		"must=x&kinds=a,+b":                     {"kinds:not_one_of"},
		"must=x&n=1&n=2":                        {"n:repeated"},
		"must=x&s=abcd":                         {"s:too_long"},
		"must=x&s=%00":                          {"s:bad_text"},
		"must=x&s=%ff":                          {"s:bad_text"},
		"must=x&ok=1":                           {"ok:bad_format"},
		"must=x&kinds=a,b":                      nil,
		"must=x&kinds=a,d":                      {"kinds:not_one_of"},
		"must=x&kinds=a,b,c":                    {"kinds:too_long"},
		"must=x&kinds=":                         {"kinds:not_one_of"},
		"must=x&at=2027-01-01":                  {"at:bad_format"},
		"must=x&at=2027-01-01T00:00:00%2B01:00": nil,
		"must=x&site_id=" + site:                nil,
		"must=x&site_id=x":                      {"site_id:bad_format"},
		"must=x&sites=" + site + "," + site:     nil,
		"must=x&sites=" + site + ",x":           {"sites:bad_format"},
		"must=x&colour=red":                     {"colour:unknown"},
		"must=x&MUST=y":                         {"MUST:unknown"},
		"must=x&%1b%5b31m=1":                    {"�[31m:unknown"},
		"must=x&" + strings.Repeat("y", 100) + "=1": {strings.Repeat("y", 60) + ":unknown"},
	} {
		rec := d.do(http.MethodGet, "/v1/query?"+query, "")
		if want == nil {
			require.Equal(t, 200, rec.Code, "%s: %s", query, rec.Body)
			continue
		}
		require.Equal(t, want, wrongs(is(t, rec, http.StatusBadRequest, "invalid-parameter")), query)
	}
	for _, bad := range []string{"%zz", "must=%f", "a;b"} {
		is(t, d.do(http.MethodGet, "/v1/query?"+bad, ""), http.StatusBadRequest, "invalid-parameter")
	}
	require.Contains(t, d.do(http.MethodGet, "/v1/query?must=x", "").Body.String(), `"N":4`)
}

// What cannot be an id in a path is no other answer than an id that nobody has.
func TestPath_WhatIsNoIDIsNotFound(t *testing.T) {
	t.Parallel()
	d := binder(t)
	good := id.NewSite().String()
	require.Equal(t, 200, d.do(http.MethodGet, "/v1/path/"+good+"/5", "").Code)
	for _, path := range []string{good + "/x", id.NewOrganisation().String() + "/5", strings.ToUpper(good) + "/5", good + "x/5", "x/5", "%00/5", "%ff/5", good + "%20/5", "%2e%2e%2f/5", "'/5"} {
		is(t, d.do(http.MethodGet, "/v1/path/"+path, ""), http.StatusNotFound, "not-found")
	}
}
