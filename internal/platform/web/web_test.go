package web_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// driver is what a caller must never read: words of the database and of our own code.
var driver = regexp.MustCompile(`(?i)SQLSTATE|\bconstraint|\brelation\b|\bpgx\b|\bpq:|goroutine|\.go:|\bpanic|secret-of-ours|duplicate key|violates`)

type object = map[string]any

// patience is how long a test waits for what must happen.
const patience = 60 * time.Second

// door is a server with routes of our own on a world's database.
type door struct {
	*testkit.World
	server *web.Server
	log    *testkit.Log
	who    auth.Principal
}

// open makes a door; the token "other" is another client of the same tenant, any other is who.
func open(w *testkit.World, change func(*web.Config), routes ...web.Route) *door {
	w.T.Helper()
	d := &door{World: w, log: &testkit.Log{}, who: auth.Principal{TenantID: w.Tenant, ClientID: id.NewClient(), Role: auth.Viewer}}
	other := d.who
	other.ClientID = id.NewClient()
	cfg := web.Config{DB: w.App.DB, PublicURL: testkit.PublicURL + "/", Log: slog.New(slog.NewJSONHandler(d.log, nil)),
		ClientLimit: web.Limit{Requests: 1000, Window: time.Minute}, PublicLimit: web.Limit{Requests: 1000, Window: time.Minute},
		Authenticate: func(_ context.Context, token string) (auth.Principal, error) {
			switch token {
			case "bad":
				return auth.Principal{}, fault.NoToken.New()
			case "broken":
				return auth.Principal{}, errors.New("secret-of-ours")
			case "other":
				return other, nil
			}
			return d.who, nil
		}}
	if change != nil {
		change(&cfg)
	}
	var err error
	d.server, err = web.New(cfg, routes)
	require.NoError(w.T, err)
	return d
}

// do sends a request with a token, and looks at what every problem must be.
func (d *door) do(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	d.T.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body == "" {
		r = httptest.NewRequest(method, path, http.NoBody)
	} else {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Authorization", "Bearer good")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	d.server.Handler().ServeHTTP(rec, r)
	if rec.Code >= 400 {
		isProblem(d.T, rec.Code, rec.Header(), rec.Body.Bytes())
	}
	return rec
}

func isProblem(t testing.TB, status int, h http.Header, body []byte) web.Problem {
	t.Helper()
	require.Equal(t, "application/problem+json", h.Get("Content-Type"), "%s", body)
	var p web.Problem
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&p), "%s", body)
	require.Equal(t, status, p.Status)
	require.Equal(t, http.StatusText(status), p.Title)
	require.Equal(t, testkit.PublicURL+"/problems/"+p.Code, p.Type)
	require.Equal(t, "urn:request:"+h.Get("Request-Id"), p.Instance)
	require.NotEmpty(t, p.Detail)
	require.NotNil(t, p.Errors)
	require.NotRegexp(t, driver, string(body))
	require.Equal(t, "no-store", h.Get("Cache-Control"))
	require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
	return p
}

// is asserts a problem.
func is(t testing.TB, rec *httptest.ResponseRecorder, status int, code string) web.Problem {
	t.Helper()
	require.Equal(t, status, rec.Code, "%s", rec.Body)
	p := isProblem(t, rec.Code, rec.Header(), rec.Body.Bytes())
	require.Equal(t, code, p.Code)
	return p
}

type none struct{}

// get is a route that does what f does.
func get(path string, f func(tx *db.Tx) (any, error), o ...web.Option) web.Route {
	return web.Get(path, auth.Self, func(_ context.Context, tx *db.Tx, _ none) (any, error) { return f(tx) }, o...)
}

func post(path string, f func(tx *db.Tx) (any, error), o ...web.Option) web.Route {
	type in struct {
		Body struct {
			Name string `json:"name" maxLength:"20"`
		} `body:"optional"`
	}
	return web.Post(path, auth.Self, func(_ context.Context, tx *db.Tx, _ in) (any, error) { return f(tx) }, o...)
}

// addEmployer writes a row that can be counted.
func addEmployer(tx *db.Tx, name string) error {
	_, err := tx.Run(`insert into organisations (tenant_id, id, name, kind, sector, created_at, updated_at, changed_by, request_id)
		values (?, ?, ?, 'profit', 'x', now(), now(), ?, ?)`, tx.Scope.Tenant, id.NewOrganisation(), name, tx.Actor, tx.RequestID)
	return err
}

func (d *door) employers(name string) int {
	d.T.Helper()
	return d.Count(`select count(*) from organisations where tenant_id = $1 and name = $2`, d.Tenant.UUID(), name)
}

// A 201 is written after COMMIT, so a COMMIT that fails was never one.
func TestAnswer_IsWrittenAfterCommit(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	_, err := h.Super.Exec(context.Background(), `
		create function public.refuse() returns trigger language plpgsql as $$ begin
			if new.name like 'SQLSTATE %' then raise exception 'secret-of-ours: relation pgx violates %', new.name using errcode = split_part(new.name, ' ', 2); end if;
			return null;
		end $$;
		create constraint trigger refuse after insert on organisations deferrable initially deferred for each row execute function public.refuse()`)
	require.NoError(t, err)
	admin := w.Coordinator()
	for state, want := range map[string]int{"P0001": 500, "23514": 500, "XX000": 500, "40001": 503, "40P01": 503, "57014": 503, "55P03": 503, "23505": 409, "08006": 500} {
		name := "SQLSTATE " + state
		a := admin.Post("/v1/organisations", object{"name": name, "kind": "profit", "sector": "x"}, "Idempotency-Key", state)
		require.Equal(t, want, a.Status, "%s: %s", state, a)
		isProblem(t, a.Status, a.Header, a.Body)
		require.Empty(t, a.Header.Get("ETag")+a.Header.Get("Location"))
		require.Zero(t, w.Count(`select count(*) from organisations where name = $1`, name))
	}
	for _, table := range []string{"events", "idempotency_keys"} {
		require.Zero(t, w.Count(`select count(*) from `+table+` where tenant_id = $1`, w.Tenant.UUID()), "what rolled back is not remembered: %s", table)
	}
	admin.Post("/v1/organisations", object{"name": "a", "kind": "profit", "sector": "x"}, "Idempotency-Key", "P0001").Is(http.StatusCreated)
}

func TestPanic_IsAProblemWithoutDetail(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	boom := func(tx *db.Tx) (any, error) {
		if tx.Scope.Kind == db.ScopeTenant && tx.RequestID != "" {
			_ = addEmployer(tx, "lost")
		}
		panic("secret-of-ours")
	}
	d := open(w, nil, get("/v1/boom", boom), post("/v1/boom", boom), get("/v1/snapshot", boom, web.Snapshot),
		get("/v1/bare", func(*db.Tx) (any, error) { return nil, errors.New("secret-of-ours: pq: relation") }),
		get("/v1/unsayable", func(*db.Tx) (any, error) { return func() {}, nil }),
		web.Open(http.MethodGet, "/open", 200, func(context.Context, *db.DB, none) (any, error) { panic("secret-of-ours") }),
		get("/v1/abort", func(*db.Tx) (any, error) { panic(http.ErrAbortHandler) }))
	for _, path := range []string{"/v1/boom", "/v1/snapshot", "/v1/bare", "/v1/unsayable", "/open"} {
		p := is(t, d.do(http.MethodGet, path, ""), http.StatusInternalServerError, "internal")
		require.Equal(t, "Something went wrong on our side.", p.Detail)
	}
	is(t, d.do(http.MethodPost, "/v1/boom", `{}`), http.StatusInternalServerError, "internal")
	is(t, d.do(http.MethodPost, "/v1/boom", `{}`, "Idempotency-Key", "k"), http.StatusInternalServerError, "internal")
	require.Zero(t, d.employers("lost"))
	is(t, d.do(http.MethodGet, "/v1/boom", "", "Authorization", "Bearer broken"), http.StatusInternalServerError, "internal")
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { d.do(http.MethodGet, "/v1/abort", "") })
	require.Contains(t, d.log.String(), "secret-of-ours", "the log knows")
}

func TestRouter_AnswersWithProblems(t *testing.T) {
	t.Parallel()
	d := open(testkit.New(t), nil, get("/v1/things/:id", func(*db.Tx) (any, error) { return object{}, nil }), post("/v1/things", func(*db.Tx) (any, error) { return object{}, nil }))
	for _, path := range []string{"/", "/v1", "/v1/thing", "/v1/things/a/b", "/v1/things/", "/V1/things", "//v1/things/a", "/v1/things/a/", "/%2e%2e/etc/passwd", "/v1/thing%00", "/v1/thing%0d%0aX:%20y"} {
		is(t, d.do(http.MethodGet, path, ""), http.StatusNotFound, "not-found")
	}
	for method, path := range map[string]string{http.MethodGet: "/v1/things", http.MethodDelete: "/v1/things/a", http.MethodPut: "/v1/things", "BREW": "/v1/things", http.MethodPatch: "/v1/things/a"} {
		rec := d.do(method, path, "")
		is(t, rec, http.StatusMethodNotAllowed, "method-not-allowed")
		require.NotEmpty(t, rec.Header().Get("Allow"), "%s %s", method, path)
	}
	is(t, d.do(http.MethodGet, "/v1/things/a", "", "Authorization", ""), http.StatusUnauthorized, "unauthenticated")
	for _, bad := range []string{"Bearer", "Bearer ", "Basic good", "good", "Bearer bad", "bearerX good"} {
		rec := d.do(http.MethodGet, "/v1/things/a", "", "Authorization", bad)
		is(t, rec, http.StatusUnauthorized, "unauthenticated")
		require.Equal(t, `Bearer realm="switchboard"`, rec.Header().Get("WWW-Authenticate"))
	}
	require.Equal(t, 200, d.do(http.MethodGet, "/v1/things/a", "", "Authorization", "bEARER good").Code)
}

func TestPermission_IsAskedForBeforeTheBodyIsRead(t *testing.T) {
	t.Parallel()
	type in struct {
		Body struct {
			Name string `json:"name" binding:"required" maxLength:"5"`
		} `body:"json"`
	}
	d := open(testkit.New(t), nil, web.Post("/v1/things", "organisation:create", func(context.Context, *db.Tx, in) (none, error) { return none{}, nil }))
	is(t, d.do(http.MethodPost, "/v1/things", `not json`), http.StatusForbidden, "forbidden")
	d.who.Scopes = []auth.Permission{"organisation:create"}
	is(t, d.do(http.MethodPost, "/v1/things", `not json`), http.StatusBadRequest, "malformed-json")
	require.Panics(t, func() {
		web.Get("/v1/x", "no:such", func(context.Context, *db.Tx, none) (none, error) { return none{}, nil })
	}, "a route without a permission does not start")
}

func TestSingle_ARouteOfOneStatementSaysSnapshotForTwo(t *testing.T) {
	t.Parallel()
	two := func(tx *db.Tx) (any, error) {
		var n int
		if err := tx.Select(&n, `select 1`); err != nil {
			return nil, err
		}
		return object{"n": n}, tx.Select(&n, `select 2`)
	}
	d := open(testkit.New(t), nil, get("/v1/one", two), get("/v1/two", two, web.Snapshot), get("/v1/writes", func(tx *db.Tx) (any, error) {
		return object{}, addEmployer(tx, "by GET")
	}, web.Writes), get("/v1/cannot", func(tx *db.Tx) (any, error) { return object{}, addEmployer(tx, "never") }))
	is(t, d.do(http.MethodGet, "/v1/one", ""), http.StatusInternalServerError, "internal")
	is(t, d.do(http.MethodGet, "/v1/cannot", ""), http.StatusInternalServerError, "internal")
	require.Equal(t, 200, d.do(http.MethodGet, "/v1/two", "").Code)
	require.Equal(t, 200, d.do(http.MethodGet, "/v1/writes", "").Code)
	require.Equal(t, 1, d.employers("by GET"))
	require.Zero(t, d.employers("never"))
}

// Every way to be wrong, through a real noun's doors, says nothing of the database.
func TestProblems_SayNothingOfTheDatabase(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	org := w.Organisation("a").String()
	good := object{"name": "b", "kind": "profit", "sector": "x"}
	with := func(k string, v any) object {
		m := object{}
		for a, b := range good {
			m[a] = b
		}
		m[k] = v
		return m
	}
	c.Post("/v1/organisations", with("enterprise_number", "0123.456.749")).Is(201)
	answers := []*testkit.Answer{
		c.Post("/v1/organisations", with("enterprise_number", "0123.456.749")), c.Post("/v1/organisations", with("name", "a\x00b")),
		c.Post("/v1/organisations", with("name", strings.Repeat("x", 201))), c.Post("/v1/organisations", with("headcount", 1e300)),
		c.Post("/v1/organisations", with("headcount", -1)), c.Post("/v1/organisations", with("kind", "'; drop table organisations; --")),
		c.Post("/v1/organisations", with("tenant_id", id.NewTenant())), c.Post("/v1/organisations", "{"), c.Post("/v1/organisations", "\xff\xfe"),
		c.Post("/v1/organisations", with("external_ids", []any{object{"system": "A B", "value": "1"}})), c.Get("/v1/organisations?limit=0"),
		c.Get("/v1/organisations?cursor=x"), c.Get("/v1/organisations?updated_since=yesterday"), c.Get("/v1/organisations?external_id=x"),
		c.Get("/v1/organisations?stage=nope"), c.Get("/v1/organisations?%zz"), c.Get("/v1/organisations/" + org + "'"), c.Get("/v1/organisations/org_x"),
		c.Get("/v1/organisations?updated_since=99999-01-01T00:00:00Z"), c.Get("/v1/organisations?updated_since=0001-01-01T00:00:00Z"),
		c.Patch("/v1/organisations/"+org, object{"name": nil}), c.Patch("/v1/organisations/"+org, object{"stage": "engaged"}), c.Patch("/v1/organisations/"+org, "[]"),
		c.Patch("/v1/organisations/"+org, object{"name": "x"}, "If-Match", `"99"`), c.Put("/v1/organisations/by-external-id/x/%00", good),
		c.Put("/v1/organisations/by-external-id/X/1", good), c.Put("/v1/organisations/by-external-id/x/1", "null"), c.Delete("/v1/organisations/" + org),
		c.Post("/v1/organisations/"+org+"/stage", object{"stage": "informed"}), c.Post("/v1/organisations/"+org+"/sites", object{"latitude": 91}),
		c.Post("/v1/organisations/"+id.NewOrganisation().String()+"/contacts", object{"name": "x", "function": "x", "decides": true, "follows_up": true}),
	}
	for _, a := range answers {
		require.GreaterOrEqual(t, a.Status, 400, "%s", a)
		require.Less(t, a.Status, 500, "%s", a)
		isProblem(t, a.Status, a.Header, a.Body)
	}
}

func TestLanguage_ThreeAndEnglishForAllOthers(t *testing.T) {
	t.Parallel()
	d := open(testkit.New(t), nil)
	texts := map[string]string{"en": "There is no such thing here.", "nl": "Dit bestaat hier niet.", "fr": "Cela n’existe pas ici."}
	for header, want := range map[string]string{
		"": "en", "nl": "nl", "nl-BE": "nl", "fr-FR, en;q=0.5": "fr", "en-GB": "en", "de, nl;q=0.3": "nl", "de": "en", "*": "en", "xx-invalid-🦆": "en",
		"nl;q=0, fr": "fr", "NL": "nl", strings.Repeat("nl,", 100): "en", "fr;q=0.1, nl;q=0.9": "nl", ";;;": "en", "zh-Hant-TW": "en",
	} {
		rec := d.do(http.MethodGet, "/nowhere", "", "Accept-Language", header)
		p := is(t, rec, http.StatusNotFound, "not-found")
		require.Equal(t, texts[want], p.Detail, header)
		require.Equal(t, want, rec.Header().Get("Content-Language"))
		require.Equal(t, "Accept-Language", rec.Header().Get("Vary"))
	}
}

func TestLimit_IsToldAndKept(t *testing.T) {
	t.Parallel()
	d := open(testkit.New(t), func(c *web.Config) {
		c.ClientLimit, c.PublicLimit = web.Limit{Requests: 3, Window: time.Hour}, web.Limit{Requests: 2, Window: time.Hour}
	}, get("/v1/x", func(*db.Tx) (any, error) { return object{}, nil }),
		web.Open(http.MethodGet, "/open", 200, func(context.Context, *db.DB, none) (any, error) { return object{}, nil }),
		web.Open(http.MethodGet, "/livez", 200, func(context.Context, *db.DB, none) (any, error) { return object{}, nil }, web.CountedBy(web.ByNobody)),
		web.Open(http.MethodGet, "/open/too", 200, func(context.Context, *db.DB, none) (any, error) { return object{}, nil }),
		web.Open(http.MethodPost, "/token", 200, func(ctx context.Context, _ *db.DB, in known) (any, error) { return object{}, web.Count(ctx, in.Who) }, web.CountedBy(web.ByToken)))
	for left := 2; left >= 0; left-- {
		rec := d.do(http.MethodGet, "/v1/x", "")
		require.Equal(t, 200, rec.Code)
		require.Equal(t, `"client";q=3;w=3600`, rec.Header().Get("RateLimit-Policy"))
		require.Regexp(t, fmt.Sprintf(`^"client";r=%d;t=\d+$`, left), rec.Header().Get("RateLimit"))
	}
	rec := d.do(http.MethodGet, "/v1/x", "")
	is(t, rec, http.StatusTooManyRequests, "too-many-requests")
	require.Regexp(t, `^1(199|200)$`, rec.Header().Get("Retry-After"), "a third of the hour")
	require.Regexp(t, `^"client";r=0;t=\d+$`, rec.Header().Get("RateLimit"))
	require.Equal(t, 200, d.do(http.MethodGet, "/v1/x", "", "Authorization", "Bearer other").Code, "one client does not use up another's")
	for range 2 {
		require.Equal(t, 200, d.do(http.MethodGet, "/open", "").Code)
	}
	rec = d.do(http.MethodGet, "/open", "")
	is(t, rec, http.StatusTooManyRequests, "too-many-requests")
	require.Equal(t, `"address";q=2;w=3600`, rec.Header().Get("RateLimit-Policy"))
	for range 5 {
		require.Equal(t, 200, d.do(http.MethodGet, "/livez", "").Code, "who watches over us is not counted")
	}
	require.Equal(t, 200, d.do(http.MethodGet, "/open/too", "").Code, "nor does who uses up one public door shut another")
	// The door that gives tokens is not shut by who uses up the others. It says itself who counts.
	for _, who := range []string{"a", "b"} {
		for left := 1; left >= 0; left-- {
			rec = d.do(http.MethodPost, "/token?who="+who, "")
			require.Equal(t, 200, rec.Code)
			require.Regexp(t, fmt.Sprintf(`^"token";r=%d;t=\d+$`, left), rec.Header().Get("RateLimit"))
		}
		is(t, d.do(http.MethodPost, "/token?who="+who, ""), http.StatusTooManyRequests, "too-many-requests")
	}
	// Of what cannot even be read nothing is known but its address.
	for left := 1; left >= 0; left-- {
		rec = d.do(http.MethodPost, "/token?whom=a", "")
		is(t, rec, 400, "invalid-parameter")
		require.Regexp(t, fmt.Sprintf(`^"token";r=%d;t=\d+$`, left), rec.Header().Get("RateLimit"))
	}
	is(t, d.do(http.MethodPost, "/token?whom=a", ""), http.StatusTooManyRequests, "too-many-requests")
	require.Equal(t, 200, d.do(http.MethodPost, "/token?who=c", "").Code)
	require.NoError(t, web.Count(context.Background(), "who came through no door"))
}

// known is what a door knows of its caller.
type known struct {
	Who string `form:"who"`
}

// What has no good token counts against its address, whatever it asks for; a good token from there goes past that.
func TestLimit_CountsWhatHasNoGoodToken(t *testing.T) {
	t.Parallel()
	d := open(testkit.New(t), func(c *web.Config) { c.PublicLimit = web.Limit{Requests: 4, Window: time.Hour} },
		get("/v1/x", func(*db.Tx) (any, error) { return object{}, nil }),
		web.Open(http.MethodGet, "/open", 200, func(context.Context, *db.DB, none) (any, error) { return object{}, nil }))
	is(t, d.do(http.MethodGet, "/v1/x", "", "Authorization", "Bearer bad"), 401, "unauthenticated")
	is(t, d.do(http.MethodGet, "/v1/x", "", "Authorization", ""), 401, "unauthenticated")
	is(t, d.do(http.MethodGet, "/nowhere", ""), 404, "not-found")
	rec := d.do(http.MethodDelete, "/v1/x", "")
	is(t, rec, 405, "method-not-allowed")
	require.Regexp(t, `^"stranger";r=0;t=\d+$`, rec.Header().Get("RateLimit"))
	for _, x := range [][]string{{"GET", "/v1/x", "Bearer bad"}, {"GET", "/v1/x", ""}, {"GET", "/nowhere", "Bearer good"}, {"PUT", "/v1/x", "Bearer good"}} {
		rec := d.do(x[0], x[1], "", "Authorization", x[2])
		is(t, rec, http.StatusTooManyRequests, "too-many-requests")
		require.NotEmpty(t, rec.Header().Get("Retry-After"))
	}
	rec = d.do(http.MethodGet, "/v1/x", "")
	require.Equal(t, 200, rec.Code, "who shares an address with a guesser is not shut out")
	require.Regexp(t, `^"client";`, rec.Header().Get("RateLimit"))
	rec = d.do(http.MethodGet, "/open", "")
	require.Equal(t, 200, rec.Code, "nor are those at the public doors")
	require.Regexp(t, `^"address";r=3;`, rec.Header().Get("RateLimit"))
}

// held are routes that wait inside until they are let go.
func held(path string) (open, behind web.Route, inside chan struct{}, release func()) {
	inside, gate := make(chan struct{}, 1000), make(chan struct{})
	wait := func() (any, error) {
		inside <- struct{}{}
		<-gate
		return object{}, nil
	}
	return web.Open(http.MethodGet, path, 200, func(context.Context, *db.DB, none) (any, error) { return wait() }),
		post("/v1"+path, func(*db.Tx) (any, error) { return wait() }), inside, sync.OnceFunc(func() { close(gate) })
}

// Who storms the public doors takes their places, and stands in their line: nobody else does.
func TestPlaces_OfPublicDoorsAndOfTheTokenDoorAreApart(t *testing.T) {
	t.Parallel()
	storm, _, inside, release := held("/open")
	token := web.Open(http.MethodPost, "/token", 200, func(ctx context.Context, _ *db.DB, in known) (any, error) {
		tenant := id.TenantID{}
		if in.Who != "" {
			tenant = id.NewTenant()
		}
		return object{}, web.InPlace(ctx, tenant, func() error { return nil })
	}, web.CountedBy(web.ByToken))
	d := open(testkit.New(t), nil, storm, token, get("/v1/x", func(*db.Tx) (any, error) { return object{}, nil }),
		web.Open(http.MethodGet, "/page", 200, func(context.Context, *db.DB, none) (any, error) { return object{}, nil }, web.FromMemory))
	var wg sync.WaitGroup
	defer wg.Wait()
	defer release()
	const places, more = 10, 20 // three quarters of the fourteen that are not the house's own
	for range places + more {
		wg.Go(func() { d.do(http.MethodGet, "/open", "") })
	}
	for range places {
		<-inside
	}
	require.Eventually(t, func() bool { return d.server.Waiting(id.TenantID{}) == more }, patience, time.Millisecond)
	require.Equal(t, 200, d.do(http.MethodPost, "/token", "").Code, "nobody knows yet who")
	require.Equal(t, 200, d.do(http.MethodPost, "/token?who=a", "").Code, "of a tenant")
	require.Equal(t, 200, d.do(http.MethodGet, "/v1/x", "").Code)
	require.Equal(t, 200, d.do(http.MethodGet, "/page", "").Code, "what needs no database waits for nobody")
	require.Equal(t, more, d.server.Waiting(id.TenantID{}))
}

// A body is parsed by who has a place: what waits is no larger than it was sent.
func TestBodies_AreParsedInAPlace(t *testing.T) {
	t.Parallel()
	_, storm, inside, release := held("/x")
	d := open(testkit.New(t), nil, storm)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer release()
	for range 10 {
		wg.Go(func() { d.do(http.MethodPost, "/v1/x", "") })
		<-inside
	}
	bad := make(chan *httptest.ResponseRecorder, 1)
	wg.Go(func() { bad <- d.do(http.MethodPost, "/v1/x", `{"name":`) })
	require.Eventually(t, func() bool { return d.server.Waiting(d.who.TenantID) == 1 }, patience, time.Millisecond, "nobody has looked at it")
	release()
	is(t, <-bad, 400, "malformed-json")
}

// Large bodies in memory are bounded, of each caller for itself.
func TestBodies_LargeOnesAreCountedWhileTheyAreInMemory(t *testing.T) {
	t.Parallel()
	_, storm, inside, release := held("/x")
	d := open(testkit.New(t), nil, storm)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer release()
	large := `{"name":"a"}` + strings.Repeat(" ", 64<<10)
	done := make(chan int, 100)
	for range 16 {
		wg.Go(func() { done <- d.do(http.MethodPost, "/v1/x", large).Code })
	}
	require.Eventually(t, func() bool { return d.server.Large() == 16 }, patience, time.Millisecond)
	for range 10 {
		<-inside
	}
	rec := d.do(http.MethodPost, "/v1/x", large)
	is(t, rec, http.StatusServiceUnavailable, "unavailable")
	require.NotEmpty(t, rec.Header().Get("Retry-After"))
	unsaid := httptest.NewRequest(http.MethodPost, "/v1/x", io.MultiReader(strings.NewReader("{}"))) // its length is not said
	unsaid.Header.Set("Authorization", "Bearer good")
	rec = httptest.NewRecorder()
	d.server.Handler().ServeHTTP(rec, unsaid)
	is(t, rec, http.StatusServiceUnavailable, "unavailable")
	for _, x := range [][]string{{"good", `{"name":"a"}`}, {"other", large}} { // a small one, and another client of the same tenant
		wg.Go(func() { done <- d.do(http.MethodPost, "/v1/x", x[1], "Authorization", "Bearer "+x[0]).Code })
	}
	require.Eventually(t, func() bool { return d.server.Waiting(d.who.TenantID) == 6+2 }, patience, time.Millisecond)
	release()
	for range 18 {
		require.Equal(t, 201, <-done)
	}
	require.Eventually(t, func() bool { return d.server.Large() == 0 }, patience, time.Millisecond)
}

// A body that does not say how long it is counts as large until it is read.
func TestBodies_OneOfUnsaidLengthIsMeasured(t *testing.T) {
	t.Parallel()
	_, storm, inside, release := held("/x")
	d := open(testkit.New(t), nil, storm)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer release()
	for range 3 {
		wg.Go(func() {
			unsaid := httptest.NewRequest(http.MethodPost, "/v1/x", io.MultiReader(strings.NewReader(`{"name":"a"}`)))
			unsaid.Header.Set("Authorization", "Bearer good")
			unsaid.Header.Set("Content-Type", "application/json")
			d.server.Handler().ServeHTTP(httptest.NewRecorder(), unsaid)
		})
		<-inside
	}
	require.Zero(t, d.server.Large(), "they are small, and at work")
}

// Who is over its limit costs nothing more: no body is read, no statement runs.
func TestLimit_RefusesBeforeBodyAndDatabase(t *testing.T) {
	t.Parallel()
	ran := 0
	d := open(testkit.New(t), func(c *web.Config) { c.ClientLimit = web.Limit{Requests: 1, Window: time.Hour} },
		post("/v1/x", func(*db.Tx) (any, error) { ran++; return object{}, nil }))
	require.Equal(t, 201, d.do(http.MethodPost, "/v1/x", `{"name":"a"}`).Code)
	body := &counting{Reader: strings.NewReader(strings.Repeat("x", 1<<20))}
	r := httptest.NewRequest(http.MethodPost, "/v1/x", body)
	r.Header.Set("Authorization", "Bearer good")
	r.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	d.server.Handler().ServeHTTP(rec, r)
	is(t, rec, http.StatusTooManyRequests, "too-many-requests")
	require.Zero(t, body.n)
	require.Equal(t, 1, ran)
}

type counting struct {
	io.Reader
	n int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}

// Planted: a route that is counted against nobody, or against whom cannot be known there, does not start.
func TestLimit_ARouteWithoutOneDoesNotStart(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	free := func(c web.Counted) web.Option { return func(r *web.Route) { r.Counted = c } }
	open := func(c web.Counted) web.Route {
		return web.Open(http.MethodGet, "/open", 200, func(context.Context, *db.DB, none) (any, error) { return object{}, nil }, free(c))
	}
	behind := func(c web.Counted) web.Route {
		return get("/v1/x", func(*db.Tx) (any, error) { return object{}, nil }, free(c))
	}
	start := func(r web.Route) error {
		_, err := web.New(web.Config{DB: w.App.DB, Log: slog.New(slog.DiscardHandler), ClientLimit: web.Limit{Requests: 1, Window: time.Hour},
			PublicLimit: web.Limit{Requests: 1, Window: time.Hour}}, []web.Route{r})
		return err
	}
	for _, good := range []web.Route{behind(web.ByClient), open(web.ByAddress), open(web.ByToken), open(web.ByNobody)} {
		require.NoError(t, start(good))
	}
	for _, bad := range []web.Route{behind(""), behind(web.ByNobody), behind(web.ByAddress), open(""), open(web.ByClient), open("whoever"),
		{Method: http.MethodGet, Path: "/made-by-hand", Permission: auth.Public}} {
		require.ErrorContains(t, start(bad), "who is counted", "%s %q", bad.Path, bad.Counted)
	}
}

// from sends a request of an address through proxies.
func (d *door) from(address string, forwarded ...string) *httptest.ResponseRecorder {
	d.T.Helper()
	r := httptest.NewRequest(http.MethodGet, "/ip", http.NoBody)
	r.RemoteAddr = net.JoinHostPort(address, "4711")
	for _, f := range forwarded {
		r.Header.Add("X-Forwarded-For", f)
	}
	rec := httptest.NewRecorder()
	d.server.Handler().ServeHTTP(rec, r)
	return rec
}

var ip = web.Open(http.MethodGet, "/ip", 200, func(ctx context.Context, _ *db.DB, _ none) (any, error) { return web.RequestOf(ctx).IP, nil })

func TestLimit_GroupsAddresses(t *testing.T) {
	t.Parallel()
	d := open(testkit.New(t), func(c *web.Config) { c.PublicLimit = web.Limit{Requests: 1, Window: time.Hour} }, ip)
	for _, x := range []struct {
		address string
		status  int
	}{
		{"192.0.2.1", 200}, {"192.0.2.1", 429}, {"192.0.2.2", 200}, {"::ffff:192.0.2.1", 429}, // one IPv4 address, however it is written
		{"2001:db8:1:1::1", 200}, {"2001:db8:1:1::2", 429}, {"2001:db8:1:1:ffff:ffff:ffff:ffff", 429}, {"2001:db8:1:2::1", 200}, // what one customer has is one
	} {
		require.Equal(t, x.status, d.from(x.address).Code, x.address)
	}
	require.Equal(t, http.StatusTooManyRequests, d.from("192.0.2.1", "198.51.100.7").Code, "nobody gets away by claiming to be forwarded")
}

// Who calls is what the nearest trusted proxies say, read from the last to the first. Everything else is a caller's claim.
func TestProxies_AreBelievedWhenTheyAreKnown(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	known := []string{"203.0.113.0/24", "2001:db8::1"}
	for _, x := range []struct {
		why, header string
		proxies     []string
		peer        string
		said        []string
		want        string
	}{
		{"none is trusted by default", "", nil, "203.0.113.9", []string{"198.51.100.7"}, "203.0.113.9"},
		{"one proxy", "", known, "203.0.113.9", []string{"198.51.100.7"}, "198.51.100.7"},
		{"one proxy, by IPv6", "", known, "2001:db8::1", []string{"198.51.100.7"}, "198.51.100.7"},
		{"what stands before the first stranger is its claim", "", known, "203.0.113.9", []string{"192.0.2.1, 198.51.100.7"}, "198.51.100.7"},
		{"a chain of proxies", "", known, "203.0.113.9", []string{"192.0.2.1, 198.51.100.7, 203.0.113.8"}, "198.51.100.7"},
		{"the caller's line, and then the proxy's", "", known, "203.0.113.9", []string{"192.0.2.1", "198.51.100.7"}, "198.51.100.7"},
		{"the caller claims to be a proxy of ours", "", known, "203.0.113.9", []string{"192.0.2.1, 203.0.113.77, 198.51.100.7"}, "198.51.100.7"},
		{"a stranger's word", "", known, "192.0.2.1", []string{"198.51.100.7"}, "192.0.2.1"},
		{"nothing said", "", known, "203.0.113.9", nil, "203.0.113.9"},
		{"no address", "", known, "203.0.113.9", []string{"not an address"}, "203.0.113.9"},
		{"no address before a proxy", "", known, "203.0.113.9", []string{"198.51.100.7, unknown, 203.0.113.8"}, "203.0.113.8"},
		{"an empty element", "", known, "203.0.113.9", []string{"198.51.100.7,"}, "203.0.113.9"},
		{"proxies alone", "", known, "203.0.113.9", []string{"203.0.113.7, 203.0.113.8"}, "203.0.113.7"},
		{"with a port", "", known, "203.0.113.9", []string{"198.51.100.7:4711"}, "198.51.100.7"},
		{"IPv6", "", known, "203.0.113.9", []string{"2001:db8:5::7"}, "2001:db8:5::7"},
		{"IPv6 in brackets", "", known, "203.0.113.9", []string{"[2001:db8:5::7]"}, "2001:db8:5::7"},
		{"IPv6 with a port", "", known, "203.0.113.9", []string{"[2001:db8:5::7]:443"}, "2001:db8:5::7"},
		{"IPv6 with a zone", "", known, "203.0.113.9", []string{"fe80::7%eth0"}, "fe80::7"},
		{"an IPv4 address written as IPv6", "", known, "::ffff:203.0.113.9", []string{"::ffff:198.51.100.7"}, "198.51.100.7"},
		{"octal, as some would read it", "", known, "203.0.113.9", []string{"0198.51.100.7"}, "203.0.113.9"},
		{"a very long chain", "", known, "203.0.113.9", []string{strings.Repeat("192.0.2.1, ", 400) + "198.51.100.7"}, "198.51.100.7"},
		{"everybody is trusted", "", []string{"0.0.0.0/0"}, "192.0.2.1", []string{"198.51.100.7, 198.51.100.8"}, "198.51.100.7"},
		{"another header than the one that is believed", "", known, "203.0.113.9", []string{"for=198.51.100.7"}, "203.0.113.9"},

		{"Forwarded", "Forwarded", known, "203.0.113.9", []string{"for=198.51.100.7"}, "198.51.100.7"},
		{"Forwarded, a chain", "forwarded", known, "203.0.113.9", []string{"for=192.0.2.1, for=198.51.100.7;by=203.0.113.8;proto=https, For=203.0.113.8"}, "198.51.100.7"},
		{"Forwarded, IPv6 with a port", "Forwarded", known, "203.0.113.9", []string{`proto=https; for="[2001:db8:5::7]:4711"`}, "2001:db8:5::7"},
		{"Forwarded, hidden", "Forwarded", known, "203.0.113.9", []string{"for=198.51.100.7, for=_hidden"}, "203.0.113.9"},
		{"Forwarded, twice in one element", "Forwarded", known, "203.0.113.9", []string{"for=198.51.100.7;for=192.0.2.1"}, "203.0.113.9"},
		{"Forwarded, without for", "Forwarded", known, "203.0.113.9", []string{"for=198.51.100.7, proto=https"}, "203.0.113.9"},
		{"Forwarded, a comma inside quotes", "Forwarded", known, "203.0.113.9", []string{`for="198.51.100.7, for=192.0.2.1"`}, "203.0.113.9"},
		{"Forwarded, the caller's line first", "Forwarded", known, "203.0.113.9", []string{"for=192.0.2.1", "for=198.51.100.7"}, "198.51.100.7"},
	} {
		d := open(w, func(c *web.Config) { c.TrustedProxies, c.Forwarded = x.proxies, x.header }, ip)
		r := httptest.NewRequest(http.MethodGet, "/ip", http.NoBody)
		r.RemoteAddr = net.JoinHostPort(x.peer, "4711")
		name, other := "X-Forwarded-For", "Forwarded"
		if x.header != "" {
			name, other = "Forwarded", "X-Forwarded-For"
		}
		r.Header[name] = x.said
		r.Header.Set(other, "192.0.2.99") // what the proxy does not write, a caller may have
		r.Header.Set("X-Real-Ip", "192.0.2.98")
		rec := httptest.NewRecorder()
		d.server.Handler().ServeHTTP(rec, r)
		require.JSONEq(t, `"`+x.want+`"`, rec.Body.String(), x.why)
	}
	for _, bad := range []web.Config{{TrustedProxies: []string{"everybody"}}, {TrustedProxies: []string{""}}, {TrustedProxies: []string{"10.0.0.0/33"}},
		{TrustedProxies: []string{"fe80::1%eth0"}}, {TrustedProxies: []string{"::ffff:10.0.0.0/104"}}, {Forwarded: "X-Real-IP"}} {
		bad.DB, bad.Log = w.App.DB, slog.New(slog.DiscardHandler)
		bad.ClientLimit, bad.PublicLimit = web.Limit{Requests: 1, Window: time.Hour}, web.Limit{Requests: 1, Window: time.Hour}
		_, err := web.New(bad, nil)
		require.Error(t, err, "%v", bad.TrustedProxies)
	}
}

// The one line of a request says which route, and nothing of what was asked.
func TestLog_HoldsTheTemplateAndNothingPersonal(t *testing.T) {
	t.Parallel()
	type in struct {
		ID   string `uri:"id" maxLength:"50"`
		Q    string `form:"q" maxLength:"50"`
		Body struct {
			Name string `json:"name" maxLength:"50"`
		} `body:"json"`
	}
	var seen []string
	d := open(testkit.New(t), func(c *web.Config) {
		c.Observe = func(method, route string, status int, _ time.Duration) {
			seen = append(seen, fmt.Sprint(method, " ", route, " ", status))
		}
	}, web.Put("/v1/things/:id", auth.Self, func(_ context.Context, tx *db.Tx, in in) (any, error) {
		if in.Body.Name == "fail" {
			return nil, addEmployer(tx, strings.Repeat("kanarie", 100))
		}
		return object{"name": "kanarie"}, nil
	}))
	d.do(http.MethodPut, "/v1/things/kanarie?q=kanarie", `{"name": "kanarie"}`, "User-Agent", "kanarie", "X-Forwarded-For", "192.0.2.77", "Request-Id", "kanarie")
	d.do(http.MethodPut, "/v1/things/kanarie?q=kanarie", `{"name": "fail"}`)
	d.do(http.MethodPut, "/v1/things/kanarie%0aevil%1b[31m?q=a%0d%0ab", `{"name": "kanarie\u0000"}`, "User-Agent", "a\x1b[31mb")
	d.do(http.MethodPut, "/v1/things/x?q=kanarie", `{"name": "kanarie\u0000\u001b"}`)
	d.do(http.MethodGet, "/kanarie/kanarie?kanarie=kanarie", "")
	d.do("KANARIE", "/v1/things/x", "")
	d.do(http.MethodPut, "/v1/things/x", `kanarie`)
	text := d.log.String()
	require.NotContains(t, text, "kanarie")
	require.NotContains(t, text, "KANARIE")
	require.NotContains(t, text, "192.0.2.77")
	lines := strings.Split(strings.TrimSpace(text), "\n")
	require.Len(t, lines, 7, "one line each: %s", text)
	for _, l := range lines {
		require.NotRegexp(t, `[\x00-\x1f\x7f]`, l)
		var line map[string]any
		require.NoError(t, json.Unmarshal([]byte(l), &line))
		for k := range line {
			require.Contains(t, []string{"time", "level", "msg", "request_id", "method", "route", "status", "bytes", "took", "tenant_id", "client_id", "problem", "cause"}, k)
		}
		require.Contains(t, []any{"/v1/things/:id", "(none)"}, line["route"])
		require.Regexp(t, `^req_[0-9a-z]{26}$`, line["request_id"], "request ids are ours")
	}
	require.Contains(t, lines[0], `"tenant_id":"`+d.Tenant.String()+`","client_id":"`+d.who.ClientID.String())
	require.Contains(t, lines[1], `sqlstate 23514 table organisations`, "the log knows the code")
	require.Contains(t, lines[5], `"method":"other"`)
	require.Equal(t, []string{"PUT /v1/things/:id 200", "PUT /v1/things/:id 500", "PUT /v1/things/:id 404", "PUT /v1/things/:id 422", "GET (none) 404", "KANARIE (none) 405", "PUT /v1/things/:id 400"}, seen)
}

func TestAnswer_SaysWhatItIs(t *testing.T) {
	t.Parallel()
	type wire struct {
		ID string `json:"id"`
		web.Meta
	}
	d := open(testkit.New(t), nil,
		get("/v1/row", func(*db.Tx) (any, error) { return located{wire{ID: "x", Meta: web.Meta{Revision: 7}}.Meta}, nil }),
		post("/v1/row", func(*db.Tx) (any, error) { return located{web.Meta{Revision: 1}}, nil }),
		web.Act("/v1/act", auth.Self, func(context.Context, *db.Tx, none) (located, error) { return located{web.Meta{Revision: 2}}, nil }),
		web.Put("/v1/put/:made", auth.Self, func(_ context.Context, _ *db.Tx, in struct {
			Made bool `uri:"made"`
		}) (web.Upserted[located], error) {
			return web.Upserted[located]{Made: in.Made, Body: located{web.Meta{Revision: 3}}}, nil
		}),
		web.Delete("/v1/row", auth.Self, func(context.Context, *db.Tx, none) (web.None, error) { return web.None{}, nil }),
		get("/v1/file", func(*db.Tx) (any, error) {
			return web.File{Name: "leerbewijs.pdf", Type: "application/pdf", Bytes: []byte("%PDF")}, nil
		}),
		get("/v1/page", func(*db.Tx) (any, error) {
			return web.HTML{Status: 418, Header: http.Header{"X-Own": {"1"}}, Bytes: []byte("<p>")}, nil
		}))
	rec := d.do(http.MethodGet, "/v1/row", "")
	require.Equal(t, []string{`"7"`, "", "application/json", "no-store", "nosniff"}, headers(rec, "ETag", "Location", "Content-Type", "Cache-Control", "X-Content-Type-Options"))
	require.Equal(t, fmt.Sprint(rec.Body.Len()), rec.Header().Get("Content-Length"))
	rec = d.do(http.MethodPost, "/v1/row", "")
	require.Equal(t, 201, rec.Code)
	require.Equal(t, []string{`"1"`, "/v1/row/x"}, headers(rec, "ETag", "Location"))
	rec = d.do(http.MethodPost, "/v1/act", "")
	require.Equal(t, 200, rec.Code)
	require.Equal(t, []string{`"2"`, ""}, headers(rec, "ETag", "Location"))
	for made, status := range map[string]int{"true": 201, "false": 200} {
		rec = d.do(http.MethodPut, "/v1/put/"+made, "")
		require.Equal(t, status, rec.Code)
		require.Equal(t, `"3"`, rec.Header().Get("ETag"))
		require.NotContains(t, rec.Body.String(), "Made")
	}
	rec = d.do(http.MethodDelete, "/v1/row", "")
	require.Equal(t, 204, rec.Code)
	require.Zero(t, rec.Body.Len())
	require.Equal(t, []string{"application/pdf", `attachment; filename="leerbewijs.pdf"`, "private, no-store"},
		headers(d.do(http.MethodGet, "/v1/file", ""), "Content-Type", "Content-Disposition", "Cache-Control"))
	r := httptest.NewRecorder()
	req := httptest.NewRequest(http.MethodGet, "/v1/page", http.NoBody)
	req.Header.Set("Authorization", "Bearer good")
	d.server.Handler().ServeHTTP(r, req)
	require.Equal(t, 418, r.Code)
	require.Equal(t, []string{"text/html; charset=utf-8", "1"}, headers(r, "Content-Type", "X-Own"))
}

// What a program asked for may still end up in a browser.
func TestAnswer_IsClosedToBrowsers(t *testing.T) {
	t.Parallel()
	own := "default-src 'self'"
	routes := []web.Route{
		get("/v1/row", func(*db.Tx) (any, error) { return located{web.Meta{Revision: 7}}, nil }),
		get("/v1/page", func(*db.Tx) (any, error) {
			return web.HTML{Status: 200, Header: http.Header{"Content-Security-Policy": {own}}, Bytes: []byte("<p>")}, nil
		}),
		get("/v1/panic", func(*db.Tx) (any, error) { panic("x") }),
		web.Delete("/v1/row", auth.Self, func(context.Context, *db.Tx, none) (web.None, error) { return web.None{}, nil }),
	}
	const closed = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
	for url, strict := range map[string]string{testkit.PublicURL: "max-age=31536000; includeSubDomains", "http://localhost": ""} {
		d := open(testkit.New(t), func(c *web.Config) { c.PublicURL = url }, routes...)
		for path, policy := range map[string]string{"GET /v1/row": closed, "DELETE /v1/row": closed, "GET /v1/panic": closed, "GET /nowhere": closed,
			"PUT /v1/row": closed, "GET /v1/page": own} {
			method, path, _ := strings.Cut(path, " ")
			req := httptest.NewRequest(method, path, http.NoBody)
			req.Header.Set("Authorization", "Bearer good")
			rec := httptest.NewRecorder()
			d.server.Handler().ServeHTTP(rec, req)
			require.Equal(t, []string{policy, "nosniff", "no-referrer", strict},
				headers(rec, "Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Strict-Transport-Security"), "%s %s", method, path)
		}
	}
}

type located struct{ web.Meta }

func (located) Location() string { return "/v1/row/x" }

func headers(rec *httptest.ResponseRecorder, names ...string) (out []string) {
	for _, n := range names {
		out = append(out, rec.Header().Get(n))
	}
	return out
}

// listen serves a door on a real port, with shorter times than the house's.
func (d *door) listen(change func(*http.Server)) string {
	d.T.Helper()
	s := d.server.HTTPServer()
	require.Positive(d.T, s.ReadHeaderTimeout)
	require.Positive(d.T, s.ReadTimeout)
	require.Positive(d.T, s.WriteTimeout)
	require.Positive(d.T, s.IdleTimeout)
	if change != nil {
		change(s)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(d.T, err)
	go func() { _ = s.Serve(l) }()
	d.T.Cleanup(func() { _ = s.Close() })
	return l.Addr().String()
}

// endless is a body that counts how much of it was taken.
type endless struct{ left, taken atomic.Int64 }

func (e *endless) Read(p []byte) (int, error) {
	n := min(int64(len(p)), e.left.Load())
	if n == 0 {
		return 0, io.EOF
	}
	for i := range p[:n] {
		p[i] = ' '
	}
	e.left.Add(-n)
	e.taken.Add(n)
	return int(n), nil
}

func TestBody_OfHundredMegabytesIsNotRead(t *testing.T) {
	t.Parallel()
	d := open(testkit.New(t), nil, post("/v1/x", func(*db.Tx) (any, error) { t.Error("it ran"); return object{}, nil }))
	address := d.listen(nil)
	const size = 100 << 20
	for _, declared := range []int64{size, -1} {
		var body endless
		body.left.Store(size)
		r, err := http.NewRequest(http.MethodPost, "http://"+address+"/v1/x", io.NopCloser(&body))
		require.NoError(t, err)
		r.ContentLength = declared
		r.Header.Set("Authorization", "Bearer good")
		r.Header.Set("Content-Type", "application/json")
		client := &http.Client{Transport: &http.Transport{}}
		a, err := client.Do(r)
		if err == nil {
			b, err := io.ReadAll(a.Body)
			require.NoError(t, err)
			require.NoError(t, a.Body.Close())
			require.Equal(t, http.StatusRequestEntityTooLarge, a.StatusCode)
			require.Equal(t, "body-too-large", isProblem(t, a.StatusCode, a.Header, b).Code)
			require.True(t, a.Close, "the connection ends")
		}
		client.CloseIdleConnections()
		require.Less(t, body.taken.Load(), int64(size/2), "most of it was never taken")
	}
	// One byte too many is too many, and the last one that fits, fits.
	for size, status := range map[int]int{1 << 20: http.StatusCreated, 1<<20 + 1: http.StatusRequestEntityTooLarge} {
		ok := open(testkit.New(t), nil, post("/v1/x", func(*db.Tx) (any, error) { return object{}, nil }))
		require.Equal(t, status, ok.do(http.MethodPost, "/v1/x", `{}`+strings.Repeat(" ", size-2)).Code)
	}
}

// Two servers that disagree on where a message ends let one caller speak as the next (request smuggling; RFC 9112, section 6).
func TestMessages_EndWhereTheirFramingSays(t *testing.T) {
	t.Parallel()
	d := open(testkit.New(t), nil, post("/v1/x", func(*db.Tx) (any, error) { return object{}, nil }))
	address := d.listen(nil)
	const head = "POST /v1/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\nContent-Type: application/json\r\n"
	const hidden = "GET /nowhere HTTP/1.1\r\nHost: x\r\nX: "
	for what, c := range map[string]struct {
		sent   string
		answer []int
	}{
		"chunks win over a length":      {head + "Content-Length: 60\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", []int{201}},
		"a length hides nothing":        {head + "Content-Length: " + strconv.Itoa(len(hidden)) + "\r\n\r\n" + hidden, []int{400}},
		"two lengths":                   {head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", []int{400}},
		"an encoding that nobody knows": {head + "Transfer-Encoding: xchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", []int{501}},
		"two encodings":                 {head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n2\r\n{}\r\n0\r\n\r\n", []int{400, 501}},
		"a chunk of no size":            {head + "Transfer-Encoding: chunked\r\n\r\nz\r\n{}\r\n0\r\n\r\n", []int{400}},
	} {
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		require.NoError(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
		_, err = io.WriteString(conn, c.sent)
		require.NoError(t, err)
		a, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err, what)
		require.Contains(t, c.answer, a.StatusCode, what)
		require.NoError(t, a.Body.Close())
		require.NoError(t, conn.Close())
	}
}

func TestSlowCallers_AreEnded(t *testing.T) {
	t.Parallel()
	d := open(testkit.New(t), nil, post("/v1/x", func(*db.Tx) (any, error) { t.Error("it ran"); return object{}, nil }))
	address := d.listen(func(s *http.Server) { s.ReadHeaderTimeout, s.ReadTimeout = 200*time.Millisecond, 400*time.Millisecond })
	head := "POST /v1/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
	for what, begin := range map[string]string{"header": head[:20], "body": head, "nothing": ""} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			c, err := net.Dial("tcp", address)
			require.NoError(t, err)
			t.Cleanup(func() { _ = c.Close() })
			_, err = io.WriteString(c, begin)
			require.NoError(t, err)
			done := make(chan []byte, 1)
			go func() {
				b, _ := io.ReadAll(c) // ends when the server ends the connection
				done <- b
			}()
			trickle := time.NewTicker(20 * time.Millisecond)
			defer trickle.Stop()
			for {
				select {
				case answer := <-done:
					require.NotContains(t, string(answer), " 201 ")
					require.NotContains(t, string(answer), " 200 ")
					return
				case <-trickle.C:
					if begin != "" {
						_, _ = c.Write([]byte(" "))
					}
				}
			}
		})
	}
}

func TestHeaders_AreLimited(t *testing.T) {
	t.Parallel()
	d := open(testkit.New(t), nil, get("/v1/x", func(*db.Tx) (any, error) { return object{}, nil }))
	address := d.listen(nil)
	status := func(head string) int {
		c, err := net.Dial("tcp", address)
		require.NoError(t, err)
		defer c.Close()
		go func() {
			_, _ = io.WriteString(c, "GET /v1/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\nConnection: close\r\n"+head+"\r\n")
		}()
		a, err := http.ReadResponse(bufio.NewReader(c), nil)
		require.NoError(t, err)
		defer a.Body.Close()
		return a.StatusCode
	}
	require.Equal(t, 200, status("X-Long: "+strings.Repeat("x", 8<<10)+"\r\n"))
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, status("X-Long: "+strings.Repeat("x", 64<<10)+"\r\n"))
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, status(strings.Repeat("X-Many: x\r\n", 10_000)))
	require.Equal(t, http.StatusBadRequest, status("X-Bad: a\x00b\r\n"))
	require.Equal(t, 200, status("X-Odd: a\tb\r\n"))
}

// keyed sends a POST with an Idempotency-Key.
func (d *door) keyed(key, path, body string, more ...string) *httptest.ResponseRecorder {
	d.T.Helper()
	return d.do(http.MethodPost, path, body, append(more, "Idempotency-Key", key)...)
}

// maker is a door whose POST adds an employer with the name of the key's request.
func maker(w *testkit.World, ran *atomic.Int32) *door {
	type in struct {
		Fail string `form:"fail" maxLength:"10"`
		Body struct {
			Name string `json:"name" binding:"required" maxLength:"40"`
		} `body:"json"`
	}
	make := func(_ context.Context, tx *db.Tx, in in) (located, error) {
		ran.Add(1)
		if err := addEmployer(tx, in.Body.Name); err != nil {
			return located{}, err
		}
		if in.Fail != "" {
			return located{}, fault.Exists.New()
		}
		return located{web.Meta{Revision: int64(ran.Load())}}, nil
	}
	return open(w, nil, web.Post("/v1/makes", auth.Self, make), web.Post("/v1/makes/too", auth.Self, make),
		web.Act("/v1/none", auth.Self, func(_ context.Context, tx *db.Tx, _ none) (web.None, error) {
			ran.Add(1)
			return web.None{}, addEmployer(tx, "none")
		}))
}

func TestIdempotency_TheSameRequestIsDoneOnce(t *testing.T) {
	t.Parallel()
	var ran atomic.Int32
	d := maker(testkit.New(t), &ran)
	first := d.keyed("k1", "/v1/makes", `{"name": "a"}`)
	require.Equal(t, 201, first.Code)
	require.Empty(t, first.Header().Get("Idempotency-Replayed"))
	for range 3 {
		again := d.keyed("k1", "/v1/makes", `{"name": "a"}`)
		require.Equal(t, first.Code, again.Code)
		require.Equal(t, first.Body.String(), again.Body.String())
		require.Equal(t, "true", again.Header().Get("Idempotency-Replayed"))
		require.Equal(t, headers(first, "ETag", "Location", "Content-Type", "Content-Length", "Cache-Control"), headers(again, "ETag", "Location", "Content-Type", "Content-Length", "Cache-Control"))
		require.NotEqual(t, first.Header().Get("Request-Id"), again.Header().Get("Request-Id"))
	}
	require.Equal(t, 1, d.employers("a"))
	require.Equal(t, int32(1), ran.Load())
	// Whatever differs is another request.
	for _, x := range [][2]string{{"/v1/makes", `{"name": "b"}`}, {"/v1/makes", `{"name":"a"}`}, {"/v1/makes?fail=", `{"name": "a"}`}, {"/v1/makes/too", `{"name": "a"}`}} {
		is(t, d.keyed("k1", x[0], x[1]), http.StatusUnprocessableEntity, "idempotency-key-reused")
	}
	require.Equal(t, int32(1), ran.Load())
	// The same key of another client, and another key, are their own.
	other := d.keyed("k1", "/v1/makes", `{"name": "a"}`, "Authorization", "Bearer other")
	require.Equal(t, 201, other.Code)
	require.Empty(t, other.Header().Get("Idempotency-Replayed"))
	require.Equal(t, 201, d.keyed("K1", "/v1/makes", `{"name": "a"}`).Code)
	require.Equal(t, 3, d.employers("a"))
	// An answer without a body is one, too.
	require.Equal(t, 204, d.keyed("k2", "/v1/none", "").Code)
	again := d.keyed("k2", "/v1/none", "")
	require.Equal(t, 204, again.Code)
	require.Equal(t, "true", again.Header().Get("Idempotency-Replayed"))
	require.Equal(t, 1, d.employers("none"))
	// Without a key everything is done each time.
	d.do(http.MethodPost, "/v1/makes", `{"name": "c"}`)
	d.do(http.MethodPost, "/v1/makes", `{"name": "c"}`)
	require.Equal(t, 2, d.employers("c"))
}

func TestIdempotency_TwentyAtOnce(t *testing.T) {
	t.Parallel()
	var ran atomic.Int32
	d := maker(testkit.New(t), &ran)
	var all sync.WaitGroup
	answers := make([]*httptest.ResponseRecorder, 20)
	for i := range answers {
		all.Go(func() { answers[i] = d.keyed("k", "/v1/makes", `{"name": "a"}`) })
	}
	all.Wait()
	made := 0
	for _, a := range answers {
		switch {
		case a.Code == 201 && a.Header().Get("Idempotency-Replayed") == "":
			made++
		case a.Code == 201:
		default:
			is(t, a, http.StatusConflict, "idempotency-key-busy")
		}
	}
	require.Equal(t, 1, made)
	require.Equal(t, 1, d.employers("a"))
	require.Equal(t, "true", d.keyed("k", "/v1/makes", `{"name": "a"}`).Header().Get("Idempotency-Replayed"))
}

func TestIdempotency_WhatRolledBackIsNotRemembered(t *testing.T) {
	t.Parallel()
	var ran atomic.Int32
	d := maker(testkit.New(t), &ran)
	is(t, d.keyed("k", "/v1/makes?fail=x", `{"name": "a"}`), http.StatusConflict, "already-exists")
	is(t, d.keyed("k", "/v1/makes", `{}`), http.StatusUnprocessableEntity, "invalid")
	require.Zero(t, d.employers("a"))
	a := d.keyed("k", "/v1/makes", `{"name": "a"}`)
	require.Equal(t, 201, a.Code)
	require.Empty(t, a.Header().Get("Idempotency-Replayed"))
	require.Equal(t, 1, d.employers("a"))
}

func TestIdempotency_EndsAfterADay(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	var ran atomic.Int32
	d := maker(h.Tenant(t), &ran)
	d.keyed("k", "/v1/makes", `{"name": "a"}`)
	h.Clock.Advance(24*time.Hour - time.Minute)
	require.Equal(t, "true", d.keyed("k", "/v1/makes", `{"name": "a"}`).Header().Get("Idempotency-Replayed"))
	h.Clock.Advance(2 * time.Minute)
	b := d.keyed("k", "/v1/makes", `{"name": "b"}`)
	require.Equal(t, 201, b.Code, "the key is free again: %s", b.Body)
	require.Equal(t, b.Body.String(), d.keyed("k", "/v1/makes", `{"name": "b"}`).Body.String())
	require.Equal(t, []int{1, 1}, []int{d.employers("a"), d.employers("b")})
}

// Who reads the table without the caller's own key reads nothing.
func TestIdempotency_AnswersAreSealed(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	d := open(w, nil, post("/v1/secret", func(*db.Tx) (any, error) { return map[string]string{"secret": "kanarie"}, nil }))
	rec := d.keyed("my-own-key", "/v1/secret", `{"name": "kanarie"}`)
	require.Contains(t, rec.Body.String(), "kanarie")
	again := d.keyed("my-own-key", "/v1/secret", `{"name": "kanarie"}`)
	require.Equal(t, rec.Body.String(), again.Body.String())
	require.Equal(t, "no-store", again.Header().Get("Cache-Control"))
	rows, err := w.Super.Query(context.Background(), `select key_hash, fingerprint, answer from idempotency_keys where tenant_id = $1`, w.Tenant.UUID())
	require.NoError(t, err)
	n := 0
	for rows.Next() {
		var parts [3][]byte
		require.NoError(t, rows.Scan(&parts[0], &parts[1], &parts[2]))
		for _, p := range parts {
			require.NotContains(t, string(p), "kanarie")
			require.NotContains(t, string(p), "my-own-key")
		}
		n++
	}
	require.NoError(t, rows.Err())
	require.Equal(t, 1, n)
	// A row that somebody moved under another key does not open.
	_, err = w.Super.Exec(context.Background(), `update idempotency_keys set answer = set_byte(answer, 20, get_byte(answer, 20) # 1) where tenant_id = $1`, w.Tenant.UUID())
	require.NoError(t, err)
	is(t, d.keyed("my-own-key", "/v1/secret", `{"name": "kanarie"}`), http.StatusInternalServerError, "internal")
}

func TestIdempotency_RefusesKeysThatAreNone(t *testing.T) {
	t.Parallel()
	var ran atomic.Int32
	d := maker(testkit.New(t), &ran)
	for _, key := range []string{strings.Repeat("x", 256), "a\x01b", "é", "a\tb"} {
		p := is(t, d.keyed(key, "/v1/makes", `{"name": "a"}`), http.StatusBadRequest, "invalid-parameter")
		require.Equal(t, "Idempotency-Key", p.Errors[0].Parameter)
	}
	require.Zero(t, ran.Load())
	require.Equal(t, 201, d.keyed(strings.Repeat("x", 255), "/v1/makes", `{"name": "a"}`).Code)
}
