package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/app"
	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
	"github.com/switchingtalent/switchboard/internal/platform/web"
	"github.com/switchingtalent/switchboard/internal/tenant"
)

// What the ST-partner says is not a bound client's to say: who is put to whom, who gets a certificate, where an employer
// stands in the pipeline, who else may come in.
func TestSecurity_ABoundClientCannotSpeakForThePartner(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p := w.Pair()
	for _, scope := range []string{"match:write", "leerbewijs:write", "survey:invite", "organisation:create", "client:read"} {
		w.Admin().Post("/v1/clients", fmt.Sprintf(`{"name":"HR","role":"integration","scopes":["event:read",%q],"organisation_id":%q}`, scope, p.Sending)).
			Problem(422, "invalid", "/scopes/1")
		w.Admin().Post("/v1/clients", fmt.Sprintf(`{"name":"LMS","role":"integration","scopes":["event:read",%q]}`, scope)).Is(201)
	}
	everything := make([]auth.Permission, len(auth.Grants))
	for i, g := range auth.Grants {
		everything[i] = g.Permission
	}
	for _, role := range auth.Roles {
		for _, held := range auth.Effective(role, everything, true) {
			require.Equal(t, auth.AnyBinding, auth.Lookup(held).Binding, "%s, bound, holds %s", role, held)
		}
	}
	stage := "/v1/organisations/" + p.Sending.String() + "/stage"
	w.Employer(p.Sending).Post(stage, `{"stage":"paused"}`).Problem(403, "forbidden")
	w.Employer(p.Receiving).Post(stage, `{"stage":"paused"}`).Problem(404, "not-found")
	w.Coordinator().Post(stage, `{"stage":"paused"}`).Is(200)
}

// An id that a bound caller learns from what both employers see opens nothing else of the other one.
func TestSecurity_ACertificateDoesNotTellTheOtherEmployersNames(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p := w.Pair()
	_, err := w.Super.Exec(context.Background(), `update leeruitwisselingen set status = 'completed' where tenant_id = $1`, w.Tenant.UUID())
	require.NoError(t, err)
	body := fmt.Sprintf(`{"leeruitwisseling_id":%q,"medewerker_id":%q}`, p.Leeruitwisseling, p.Coach)
	a := w.Client(auth.Integration, &p.Sending, nil, "leerbewijs:read", "leerbewijs:write", "leeruitwisseling:read").Post("/v1/leerbewijzen", body).Problem(403, "forbidden")
	require.NotContains(t, string(a.Body), "Noor")
}

// The database holds callers to it too: a bound one reads its tenant's settings, and the operator lists tenants.
func TestSecurity_TenantsAreChangedByTheirOwnAlone(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	org := w.Organisation("Durabrik")
	ctx := context.Background()
	bound := w.Who()
	bound.Scope.Kind, bound.Scope.Organisation = db.ScopeOrganisation, org.UUID()
	for name, who := range map[string]db.Who{"a bound caller": bound, "the operator": tenant.AsOperator("test")} {
		require.NoError(t, w.App.DB.InTenant(ctx, who, func(tx *db.Tx) error {
			var seen int
			require.NoError(t, tx.Select(&seen, `select count(*) from tenants where id = ?`, w.Tenant), name)
			require.Equal(t, 1, seen, name)
			n, err := tx.Run(`update tenants set name = 'x' where id = ?`, w.Tenant)
			require.Zero(t, n, name)
			return err
		}), name)
		require.True(t, denied(w.App.DB.InTenant(ctx, who, func(tx *db.Tx) error {
			_, err := tx.Run(`delete from tenants where id = ?`, w.Tenant)
			return err
		})), "nobody ends a tenant, not even %s", name)
	}
	w.Do(func(tx *db.Tx) error { // the control
		n, err := tx.Run(`update tenants set name = 'x' where id = ?`, w.Tenant)
		require.EqualValues(t, 1, n)
		return err
	})
}

// A door that is added later is closed to browsers too: each of them is knocked on, with nothing in hand.
func TestSecurity_EveryDoorIsClosedToBrowsers(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	for _, r := range routes() {
		path := regexp.MustCompile(`:\w+`).ReplaceAllString(r.Path, "x")
		a := w.Nobody().Do(r.Method, path, nil)
		for name, want := range map[string]string{"X-Content-Type-Options": "^nosniff$", "Referrer-Policy": "^no-referrer$",
			"Strict-Transport-Security": "^max-age=31536000; includeSubDomains$", "Content-Security-Policy": "^default-src 'none';.* base-uri 'none';.*frame-ancestors 'none'"} {
			require.Regexp(t, want, a.Header.Get(name), "%s %s: %s", r.Method, path, name)
		}
		for name := range a.Header {
			require.NotRegexp(t, "^(Set-Cookie|Access-Control-.*|Server|X-Powered-By)$", name, "%s %s", r.Method, path)
		}
		if a.Header.Get("Content-Length") != "0" {
			require.NotEmpty(t, a.Header.Get("Content-Type"), "%s %s", r.Method, path)
		}
	}
}

// keptInBrowsers is what a file of ours would keep in a browser: cookies, or storage, which takes a script.
func keptInBrowsers(name, text string) (out []string) {
	for _, found := range regexp.MustCompile(`(?i)set-?cookie|http\.Cookie\b|localStorage|sessionStorage|indexedDB|document\.cookie|<script[^>]*>|\son[a-z]+=|javascript:`).FindAllString(text, -1) {
		out = append(out, name+" "+strings.TrimSpace(found))
	}
	return out
}

// No page keeps anything in a browser (OWASP ASVS 5.0, 14.3.3): no door sets a cookie, no page of ours has a script, and none
// would run. The one page that has one, the reader of the API document, is told to keep no token.
func TestSecurity_NothingIsKeptInABrowser(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	for _, r := range routes() {
		path := regexp.MustCompile(`:\w+`).ReplaceAllString(r.Path, "x")
		a := w.Nobody().Do(r.Method, path, nil)
		require.Empty(t, a.Header.Values("Set-Cookie"), "%s %s", r.Method, path)
		if r.Path != "/docs" {
			require.NotContains(t, a.Header.Get("Content-Security-Policy"), "script-src", "%s %s", r.Method, path)
		}
	}
	var kept []string
	err := filepath.WalkDir(filepath.Join(root, "internal"), func(p string, d fs.DirEntry, err error) error {
		ours := strings.HasSuffix(p, ".html") || strings.HasSuffix(p, ".go") && !strings.HasSuffix(p, "_test.go")
		if err != nil || d.IsDir() || !ours || regexp.MustCompile(`/(\w+test|fuzz)/`).MatchString(filepath.ToSlash(p)) { // what tests send
			return err
		}
		b, err := os.ReadFile(p)
		kept = append(kept, keptInBrowsers(filepath.Base(p), string(b))...)
		return err
	})
	require.NoError(t, err)
	require.Equal(t, []string{`docs.go <script id="api-reference" data-url="openapi.json" data-configuration="{{.Configuration}}">`, `docs.go <script src="docs/scalar.js">`}, kept)
	require.Len(t, keptInBrowsers("x", `<script>localStorage.x = 1</script> <p onclick="f()"> http.SetCookie(w, &http.Cookie{})`), 5)
}

// RFC 3339 knows no offset of 24 hours; what lies at the ends of time may leave them in another zone.
func TestSecurity_NoTimeInAParameterBreaksAnAnswer(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	w.Organisation("Durabrik")
	for _, since := range []string{"2026-11-20T00:00:00%2B24:00", "2026-11-20T00:00:00-24:00", "2026-11-20T00:00:00%2B23:60", "9999-12-31T23:59:59-23:59",
		"9999-12-31T23:59:59Z", "0001-01-01T00:00:00%2B23:59", "0000-01-01T00:00:00Z", "2026-11-20T00:00:00.999999999999Z"} {
		for _, path := range []string{"/v1/organisations", "/v1/opleidingsregistraties", "/v1/leeruitwisselingen"} {
			require.Less(t, c.Get(path+"?updated_since="+since).Status, 500, "%s %s", path, since)
		}
	}
	c.Get("/v1/organisations?updated_since=2026-11-20T00:00:00%2B24:00").Problem(400, "invalid-parameter")
	here := "2006-01-02T15:04:05"
	first := c.Get("/v1/organisations?updated_since=" + time.Now().UTC().Add(14*time.Hour-time.Minute).Format(here) + "%2B14:00").Is(200)
	c.Get("/v1/organisations?cursor=" + first.Str("next_cursor")).Is(200)
	meeting := `{"starts_at":"2027-01-06T13:00:00+24:00","minutes":20,"location":"hier","participants":[]}`
	c.Put("/v1/leeruitwisselingen/"+w.Pair().Leeruitwisseling.String()+"/kennismakingsgesprek", meeting).Problem(422, "invalid", "/starts_at")
}

// A stranger's body is not read: a thousand of them would take a gigabyte.
func TestSecurity_ABodyIsReadForWhoMaySendOne(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	large := strings.Repeat("x", 1<<20+1)
	w.Nobody().Post("/v1/organisations", large).Problem(401, "unauthenticated")
	w.Client(auth.Viewer, nil, nil).Post("/v1/organisations", large).Problem(403, "forbidden")
	require.Equal(t, "close", w.Admin().Post("/v1/organisations", large).Problem(413, "body-too-large").Header.Get("Connection"))
	w.Nobody().Post("/s/x", large).Problem(413, "body-too-large")
}

// What stands in an address, or in an error of a driver, does not reach the log.
func TestSecurity_TheLogHoldsNoSecretsOfAddresses(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	const secret = "geheimeRoutesEnSleutels"
	w.Nobody().Get("/s/" + secret).Is(http.StatusNotFound)
	w.Nobody().Get("/check/" + id.NewLeerbewijs().String() + "?k=" + secret)
	w.Nobody().Get("/nergens/"+secret+"?x="+secret).Problem(404, "not-found")
	w.Nobody().Get("/v1/whoami", "Authorization", "Bearer "+secret).Problem(401, "unauthenticated")
	w.Admin().Get("/v1/organisations?external_id=sdworx:" + secret).Is(200)
	require.Contains(t, h.Log.String(), "/s/:token")
	require.NotContains(t, h.Log.String(), secret)
}

func TestSecurity_CausesHoldNoData(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		&pgconn.PgError{Code: "23505", Message: "duplicate key", Detail: `Key (email)=(sam@voorbeeld.example) already exists.`, TableName: "medewerkers"},
		fmt.Errorf("insert: %w", &pgconn.PgError{Code: "22P02", Message: `invalid input syntax for type uuid: "sam@voorbeeld.example"`}),
		errors.New(`sql: Scan error on column index 2, name "x": converting driver.Value type string ("sam@voorbeeld.example") to a int: invalid syntax`),
		errors.New(`failed to encode args[3]: unable to encode "sam@voorbeeld.example" into binary format for date (OID 1082)`),
		errors.New(`unable to encode struct { Mail string }{Mail:"sam@voorbeeld.example"} into text`),
		errors.New(`parsing time "a \" sam@voorbeeld.example" as "2006-01-02": cannot parse "sam@voorbeeld.example`),
		errors.New("template `sam@voorbeeld.example` []string{sam@voorbeeld.example}"),
		errors.New(strings.Repeat("x", 490) + `"sam@voorbeeld.example"`),
	} {
		require.NotContains(t, db.Cause(err), "sam@", err.Error())
		require.NotEmpty(t, db.Cause(err))
	}
	require.Equal(t, "sqlstate 23505 table medewerkers constraint  routine ", db.Cause(&pgconn.PgError{Code: "23505", TableName: "medewerkers"}))
	require.Equal(t, "deadline", db.Cause(fault.Busy.Because(context.DeadlineExceeded).Cause))
	require.Equal(t, "deadline", db.Cause(&net.OpError{Op: "read", Net: "tcp", Addr: &net.TCPAddr{}, Err: os.ErrDeadlineExceeded}))
	require.Equal(t, "webhook: no secret", db.Cause(errors.New("webhook: no secret")))
	require.Empty(t, db.Cause(nil))
}

// Pages are found by name in what the program carries: no name leads elsewhere, and no folder tells what is in it.
func TestSecurity_NoAddressLeadsOutOfThePages(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	w.Nobody().Get("/problems/not-found").Is(http.StatusOK)
	for _, path := range []string{"/problems/", "/problems", "/docs/events/", "/docs/", "/problems/..%2fproblems%2fnot-found", "/problems/..%2f..%2fgo.mod", "/problems/%2e%2e%2fevents",
		"/problems/..%5cnot-found", "/problems/.%00", "/problems/not-found%00", "/docs/events/..%2fproblems%2fnot-found", "/.git/config", "/problems/../../go.mod", "/debug/pprof/"} {
		w.Nobody().Get(path).Problem(404, "not-found")
	}
	for _, method := range []string{http.MethodTrace, "TRACK", http.MethodConnect, "PROPFIND"} {
		require.Contains(t, []int{404, 405}, w.Nobody().Do(method, "/v1/whoami", nil).Status, method)
	}
}

// Whoever was refused stands in the log, with what for: no token, no permission, not there, wrong input, too much.
func TestSecurity_RefusalsAreInTheLog(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, func(o *app.Options) { o.ClientLimit = web.Limit{Requests: 5, Window: time.Hour} })
	w := h.Tenant(t)
	viewer, busy := w.Client(auth.Viewer, nil, nil), w.Client(auth.Viewer, nil, nil)
	for range 5 {
		busy.Get("/v1/whoami").Is(http.StatusOK)
	}
	type line struct {
		Msg, Route, Problem string
		Status              int
		RequestID           string `json:"request_id"`
		ClientID            string `json:"client_id"`
		TenantID            string `json:"tenant_id"`
	}
	mine := viewer.Principal.ClientID.String()
	for request, want := range map[string]line{
		w.Nobody().Get("/v1/clients").Problem(401, "unauthenticated").Header.Get("Request-Id"):                        {Status: 401, Problem: "unauthenticated", Route: "/v1/clients"},
		viewer.Get("/v1/clients").Problem(403, "forbidden").Header.Get("Request-Id"):                                  {Status: 403, Problem: "forbidden", Route: "/v1/clients", ClientID: mine},
		viewer.Get("/v1/medewerkers/"+id.NewMedewerker().String()).Problem(404, "not-found").Header.Get("Request-Id"): {Status: 404, Problem: "not-found", Route: "/v1/medewerkers/:id", ClientID: mine},
		viewer.Get("/v1/medewerkers?limit=x").Problem(400, "invalid-parameter").Header.Get("Request-Id"):              {Status: 400, Problem: "invalid-parameter", Route: "/v1/medewerkers", ClientID: mine},
		busy.Get("/v1/whoami").Is(http.StatusTooManyRequests).Header.Get("Request-Id"):                                {Status: 429, Problem: "too-many-requests", Route: "/v1/whoami", ClientID: busy.Principal.ClientID.String()},
	} {
		want.Msg, want.RequestID = "request", request
		if want.ClientID != "" {
			want.TenantID = w.Tenant.String()
		}
		var found []line
		for text := range strings.Lines(h.Log.String()) {
			var l line
			require.NoError(t, json.Unmarshal([]byte(text), &l), text)
			if l.RequestID == request {
				found = append(found, l)
			}
		}
		require.Equal(t, []line{want}, found)
	}
}
