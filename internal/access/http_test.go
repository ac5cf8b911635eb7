package access_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/access"
	"github.com/switchingtalent/switchboard/internal/app"
	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/limit"
	"github.com/switchingtalent/switchboard/internal/platform/seal"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

type object = map[string]any

// credentials are a client as it was made.
type credentials struct {
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
}

// made creates a client through the door.
func made(admin *testkit.Caller, body object) credentials {
	var c credentials
	if body["name"] == nil {
		body["name"] = "HR Durabrik"
	}
	admin.Post("/v1/clients", body).Is(http.StatusCreated).Into(&c)
	return c
}

func reader(admin *testkit.Caller) credentials {
	return made(admin, object{"role": "integration", "scopes": []string{"event:read", "organisation:read"}})
}

func (c credentials) form(more ...string) url.Values {
	v := url.Values{"grant_type": {"client_credentials"}, "client_id": {c.ID}, "client_secret": {c.Secret}}
	for i := 0; i+1 < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	return v
}

// caller gets a token and calls with it.
func (c credentials) caller(w *testkit.World, more ...string) *testkit.Caller {
	w.T.Helper()
	n := w.Nobody()
	n.Token = n.Post("/oauth/token", c.form(more...)).Is(http.StatusOK).Str("access_token")
	return n
}

func (c credentials) refused(w *testkit.World) {
	w.T.Helper()
	require.Equal(w.T, "invalid_client", w.Nobody().Post("/oauth/token", c.form()).Is(http.StatusUnauthorized).Str("error"))
}

func TestClient_GetsATokenAndIsWhoItWasMadeToBe(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	admin := w.Admin()
	org := w.Organisation("Durabrik")
	a := admin.Post("/v1/clients", object{"name": " HR Durabrik ", "role": "integration", "scopes": []string{"webhook:write", "event:read"}, "organisation_id": org.String()}).Is(http.StatusCreated)
	var c credentials
	a.Into(&c)
	require.Equal(t, a.Str("id"), c.ID, "one text is both")
	require.Equal(t, "HR Durabrik", a.Str("name"))
	require.Regexp(t, `^sb_live_[A-Za-z0-9_-]{43}_[0-9a-f]{8}$`, c.Secret)
	require.Equal(t, "no-store", a.Header.Get("Cache-Control"))
	require.Equal(t, "/v1/clients/"+c.ID, a.Header.Get("Location"))
	require.Nil(t, a.At("first_used_at"))

	token := w.Nobody().Post("/oauth/token", c.form()).Is(http.StatusOK)
	require.Equal(t, "Bearer", token.Str("token_type"))
	require.InDelta(t, 600, token.Num("expires_in"), 0)
	require.Equal(t, "event:read webhook:write", token.Str("scope"))
	require.Equal(t, "no-store", token.Header.Get("Cache-Control"))

	me := c.caller(w).Get("/v1/whoami").Is(http.StatusOK)
	require.Equal(t, object{"tenant_id": w.Tenant.String(), "client_id": c.ID, "environment": "live", "role": "integration",
		"scopes": []any{"event:read", "webhook:write"}, "organisation_id": org.String(), "medewerker_id": nil}, decoded(t, me.Body))
	require.NotNil(t, admin.Get("/v1/clients/"+c.ID).Is(http.StatusOK).At("first_used_at"))
	require.Equal(t, 2, w.Count(`select revision from clients where id = $1`, uuidOf(t, c.ID)), "used twice, first used once")

	basic := base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(c.ID) + ":" + url.QueryEscape(c.Secret)))
	w.Nobody().Post("/oauth/token", url.Values{"grant_type": {"client_credentials"}}, "Authorization", "Basic "+basic).Is(http.StatusOK)
}

func decoded(t *testing.T, b []byte) object {
	t.Helper()
	var v object
	require.NoError(t, json.Unmarshal(b, &v))
	return v
}

func uuidOf(t *testing.T, cid string) uuid.UUID {
	t.Helper()
	c, err := id.ParseClient(cid)
	require.NoError(t, err)
	return c.UUID()
}

func TestSecret_IsSeenOnceAndKeptNowhere(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	admin := w.Admin()
	c := reader(admin)
	c.caller(w)
	for _, path := range []string{"/v1/clients/" + c.ID, "/v1/clients"} {
		require.NotContains(t, string(admin.Get(path).Is(http.StatusOK).Body), "secret")
	}
	require.NotContains(t, w.Log.String(), c.Secret)
	require.Zero(t, w.Count(`select count(*) from client_secrets s where s::text like '%' || $1 || '%'`, c.Secret))
	require.Equal(t, 1, w.Count(`select count(*) from client_secrets where hash = sha256($1::bytea)`, []byte(c.Secret)))
	require.Zero(t, w.Count(`select count(*) from audit a where a::text like '%' || $1 || '%'`, c.Secret))
}

func TestToken_TheSameAnswerForUnknownAndWrong(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	known := reader(w.Admin())
	revoked := reader(w.Admin())
	w.Admin().Delete("/v1/clients/" + revoked.ID).Is(http.StatusNoContent)
	other := reader(testkit.New(t).Admin())
	bodies := map[string]bool{}
	for _, c := range []credentials{
		{known.ID, "wrong"}, {known.ID, known.Secret + "x"}, {known.ID, strings.ToUpper(known.Secret)}, {known.ID, other.Secret},
		{id.NewClient().String(), known.Secret}, {"nobody", "x"}, {w.Tenant.String(), known.Secret}, {strings.ToUpper(known.ID), known.Secret},
		{known.ID + "\x00", known.Secret}, {strings.Repeat("a", 5000), "x"}, revoked,
	} {
		a := w.Nobody().Post("/oauth/token", c.form()).Is(http.StatusUnauthorized)
		require.Contains(t, a.Header.Get("WWW-Authenticate"), "Basic")
		require.Equal(t, "no-store", a.Header.Get("Cache-Control"))
		bodies[string(a.Body)] = true
	}
	require.Len(t, bodies, 1)
	known.caller(w)
}

// Whoever looks into what happened finds every try to get in, and no secret.
func TestToken_EachTryIsInTheLog(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	c := reader(w.Admin())
	n := w.Nobody()
	const typo = "sb_live_geheim"
	type try struct{ outcome, client string }
	for request, want := range map[string]try{
		n.Post("/oauth/token", c.form()).Is(http.StatusOK).Header.Get("Request-Id"):                                                   {"granted", c.ID},
		n.Post("/oauth/token", c.form("scope", "client:write")).Is(http.StatusBadRequest).Header.Get("Request-Id"):                    {"invalid_scope", c.ID},
		n.Post("/oauth/token", c.form("client_secret", typo)).Is(http.StatusUnauthorized).Header.Get("Request-Id"):                    {"invalid_client", c.ID},
		n.Post("/oauth/token", c.form("client_id", typo, "client_secret", typo)).Is(http.StatusUnauthorized).Header.Get("Request-Id"): {"invalid_client", ""},
	} {
		found := 0
		for line := range strings.Lines(h.Log.String()) {
			var l struct {
				Time      time.Time
				Msg       string
				RequestID string `json:"request_id"`
				Outcome   string
				ClientID  string `json:"client_id"`
			}
			require.NoError(t, json.Unmarshal([]byte(line), &l), line)
			if l.RequestID == request && l.Msg == "token" {
				require.Equal(t, want, try{l.Outcome, l.ClientID})
				require.NotZero(t, l.Time)
				found++
			}
		}
		require.Equal(t, 1, found, "%v", want)
	}
	require.NotContains(t, h.Log.String(), typo)
	require.NotContains(t, h.Log.String(), c.Secret)
}

func TestToken_RefusesInTheWordsOfRFC6749(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := reader(w.Admin())
	n := w.Nobody()
	n.Post("/oauth/token", c.form("scope", "event:read")).Is(http.StatusOK)
	for name, a := range map[string]struct {
		answer *testkit.Answer
		code   string
	}{
		"JSON":                     {n.Post("/oauth/token", object{"grant_type": "client_credentials"}), "invalid_request"},
		"nothing":                  {n.Post("/oauth/token", nil), "invalid_request"},
		"text":                     {n.Post("/oauth/token", url.Values{}, "Content-Type", "text/plain"), "invalid_request"},
		"a broken form":            {n.Post("/oauth/token", "grant_type=%zz", "Content-Type", "application/x-www-form-urlencoded"), "invalid_request"},
		"a body of two MB":         {n.Post("/oauth/token", bytes.Repeat([]byte("a"), 2<<20), "Content-Type", "application/x-www-form-urlencoded"), "invalid_request"},
		"another grant":            {n.Post("/oauth/token", c.form("grant_type", "authorization_code")), "unsupported_grant_type"},
		"more than it may do":      {n.Post("/oauth/token", c.form("scope", "event:read client:write")), "invalid_scope"},
		"credentials in the query": {n.Post("/oauth/token?client_id="+c.ID, c.form()), "invalid_request"},
	} {
		a.answer.Is(http.StatusBadRequest)
		require.Equal(t, a.code, a.answer.Str("error"), name)
		require.Equal(t, "application/json", a.answer.Header.Get("Content-Type"), name)
		require.Equal(t, "no-store", a.answer.Header.Get("Cache-Control"), name)
	}
}

func TestToken_CanBeNarrowed(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := reader(w.Admin())
	me := c.caller(w, "scope", "event:read")
	require.Equal(t, []any{"event:read"}, me.Get("/v1/whoami").Is(http.StatusOK).At("scopes"))
	me.Get("/v1/organisations").Problem(http.StatusForbidden, "forbidden")
	c.caller(w).Get("/v1/organisations").Is(http.StatusOK)
}

func TestToken_SandboxSaysSo(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	_, err := w.Super.Exec(context.Background(), `update tenants set sandbox = true where id = $1`, w.Tenant.UUID())
	require.NoError(t, err)
	c := reader(w.Admin())
	require.True(t, strings.HasPrefix(c.Secret, "sb_test_"))
	require.Equal(t, "sandbox", c.caller(w).Get("/v1/whoami").Is(http.StatusOK).Str("environment"))
}

func TestDoor_RefusesForgedTokens(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	good := w.Admin()
	good.Get("/v1/whoami").Is(http.StatusOK)
	parts := strings.Split(good.Token, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt"}`))
	for _, token := range []string{"x", none + "." + parts[1] + ".", parts[0] + "." + parts[1] + ".AAAA", strings.Repeat("a", 5000)} {
		bad := w.Nobody()
		bad.Token = token
		a := bad.Get("/v1/whoami").Problem(http.StatusUnauthorized, "unauthenticated")
		require.Contains(t, a.Header.Get("WWW-Authenticate"), "Bearer")
	}
	w.Nobody().Get("/v1/whoami").Problem(http.StatusUnauthorized, "unauthenticated")
	w.Nobody().Get("/v1/whoami", "Authorization", "Basic "+parts[0]).Problem(http.StatusUnauthorized, "unauthenticated")
}

func TestRotate_NeverMoreThanTwoLive(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	admin := w.Admin()
	first := reader(admin)
	rotate := func(body any) credentials {
		var c credentials
		a := admin.Post("/v1/clients/"+first.ID+"/rotate-secret", body).Is(http.StatusOK).Into(&c)
		require.Equal(t, "no-store", a.Header.Get("Cache-Control"))
		return c
	}
	second := rotate(nil)
	require.NotEqual(t, first.Secret, second.Secret)
	first.caller(w)
	old := second.caller(w)
	third := rotate(object{"overlap_hours": 1})
	first.refused(w)
	second.caller(w)
	third.caller(w)
	old.Get("/v1/whoami").Is(http.StatusOK)

	fourth := rotate(object{"overlap_hours": 0})
	second.refused(w)
	third.refused(w)
	fourth.caller(w).Get("/v1/whoami").Is(http.StatusOK)
	old.Get("/v1/whoami").Problem(http.StatusUnauthorized, "unauthenticated")
	for _, body := range []object{{"overlap_hours": -1}, {"overlap_hours": 169}, {"overlap_hours": "24"}, {"overlap_hours": 1.5}} {
		admin.Post("/v1/clients/"+first.ID+"/rotate-secret", body).Problem(http.StatusUnprocessableEntity, "invalid", "/overlap_hours")
	}
	admin.Post("/v1/clients/"+first.ID+"/rotate-secret", object{"overlap": 1}).Problem(http.StatusUnprocessableEntity, "invalid", "/overlap")
}

func TestRotate_TheOldSecretLivesADay(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	first := reader(w.Admin())
	var second credentials
	w.Admin().Post("/v1/clients/"+first.ID+"/rotate-secret", object{"overlap_hours": nil}).Is(http.StatusOK).Into(&second)
	h.Clock.Advance(23 * time.Hour)
	first.caller(w)
	h.Clock.Advance(time.Hour + time.Second)
	first.refused(w)
	second.caller(w)
}

func TestRevoke_EndsSecretsAndTokensEverywhere(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	elsewhere := h.Again(t)
	w := h.Tenant(t)
	admin := w.Admin()
	c := reader(admin)
	me := c.caller(w)
	ctx := context.Background()
	_, err := elsewhere.App.Access.Authenticator.Authenticate(ctx, me.Token)
	require.NoError(t, err)

	admin.Delete("/v1/clients/" + c.ID).Is(http.StatusNoContent)
	me.Get("/v1/whoami").Problem(http.StatusUnauthorized, "unauthenticated")
	c.refused(w)
	require.NoError(t, elsewhere.App.Access.Authenticator.Refresh(ctx))
	_, err = elsewhere.App.Access.Authenticator.Authenticate(ctx, me.Token)
	require.True(t, fault.NoToken.Is(err), "also where it is believed from the cache: %v", err)

	admin.Delete("/v1/clients/" + c.ID).Is(http.StatusNoContent)
	require.NotNil(t, admin.Get("/v1/clients/"+c.ID).Is(http.StatusOK).At("revoked_at"))
	require.Equal(t, 1, w.Count(`select count(*) from audit where tenant_id = $1 and action = 'client.revoke'`, w.Tenant.UUID()))
	admin.Patch("/v1/clients/"+c.ID, object{"name": "Again"}).Problem(http.StatusConflict, "client-revoked")
	admin.Post("/v1/clients/"+c.ID+"/rotate-secret", nil).Problem(http.StatusConflict, "client-revoked")
	require.Equal(t, 1, admin.Get("/v1/clients?revoked=true").Is(http.StatusOK).Len("data"))
	require.Equal(t, 1, admin.Get("/v1/clients?revoked=false").Is(http.StatusOK).Len("data"))
}

func TestRevoke_NoTokenSlipsThrough(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	admin := w.Admin()
	c := reader(admin)
	c.caller(w)
	cid, err := id.ParseClient(c.ID)
	require.NoError(t, err)
	var mu sync.Mutex
	var got []string
	var wg sync.WaitGroup
	begun := make(chan struct{}, 8)
	for range 4 {
		wg.Go(func() {
			for i := range 25 {
				tok, err := w.App.Access.Token(context.Background(), cid)
				if i == 0 {
					begun <- struct{}{}
				}
				if err != nil {
					return
				}
				mu.Lock()
				got = append(got, tok.AccessToken)
				mu.Unlock()
			}
		})
	}
	<-begun
	admin.Delete("/v1/clients/" + c.ID).Is(http.StatusNoContent)
	wg.Wait()
	require.NotEmpty(t, got)
	for _, token := range got {
		_, err := w.App.Access.Authenticator.Authenticate(context.Background(), token)
		require.True(t, fault.NoToken.Is(err), "%v", err)
	}
}

func TestUpdate_ChangedGrantsEndTokensAndNewOnesWorkAtOnce(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	admin := w.Admin()
	c := reader(admin)
	me := c.caller(w)
	admin.Patch("/v1/clients/"+c.ID, object{"name": "LMS"}).Is(http.StatusOK)
	me.Get("/v1/whoami").Is(http.StatusOK)

	narrow := admin.Patch("/v1/clients/"+c.ID, object{"scopes": []string{"event:read"}}).Is(http.StatusOK)
	require.Equal(t, []any{"event:read"}, narrow.At("scopes"))
	me.Get("/v1/whoami").Problem(http.StatusUnauthorized, "unauthenticated")
	again := c.caller(w)
	require.Equal(t, []any{"event:read"}, again.Get("/v1/whoami").Is(http.StatusOK).At("scopes"))
	// Within the same second a second change ends the token of that very second too.
	admin.Patch("/v1/clients/"+c.ID, object{"scopes": []string{"match:read"}}).Is(http.StatusOK)
	again.Get("/v1/whoami").Problem(http.StatusUnauthorized, "unauthenticated")
	third := c.caller(w)
	require.Equal(t, []any{"match:read"}, third.Get("/v1/whoami").Is(http.StatusOK).At("scopes"))

	viewer := admin.Patch("/v1/clients/"+c.ID, object{"role": "viewer"}).Is(http.StatusOK)
	require.Equal(t, "viewer", viewer.Str("role"))
	third.Get("/v1/whoami").Problem(http.StatusUnauthorized, "unauthenticated")
	admin.Patch("/v1/clients/"+c.ID, object{"role": "integration"}).Problem(http.StatusUnprocessableEntity, "invalid", "/scopes")
	admin.Patch("/v1/clients/"+c.ID, object{"role": "employer"}).Problem(http.StatusUnprocessableEntity, "invalid", "/organisation_id")
	admin.Patch("/v1/clients/"+c.ID, object{"organisation_id": nil}).Problem(http.StatusUnprocessableEntity, "invalid", "/organisation_id")
	admin.Patch("/v1/clients/"+c.ID, object{"role": "operator"}).Problem(http.StatusUnprocessableEntity, "invalid", "/role")
	admin.Patch("/v1/clients/"+c.ID, object{"name": "Late"}, "If-Match", `"1"`).Problem(http.StatusPreconditionFailed, "revision-mismatch")
	admin.Patch("/v1/clients/"+c.ID, object{"name": "In time"}, "If-Match", viewer.Header.Get("ETag")).Is(http.StatusOK)
}

func TestUpdate_NothingChangedIsNoRevision(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	admin := w.Admin()
	c := reader(admin)
	me := c.caller(w)
	before := admin.Get("/v1/clients/" + c.ID).Is(http.StatusOK)
	after := admin.Patch("/v1/clients/"+c.ID, object{"scopes": []string{"event:read", "organisation:read"}}).Is(http.StatusOK)
	require.Equal(t, before.Header.Get("ETag"), after.Header.Get("ETag"))
	me.Get("/v1/whoami").Is(http.StatusOK)
}

func TestCreate_RefusesWhatDoesNotGoTogether(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	admin := w.Admin()
	org := w.Organisation("Durabrik")
	mdw := w.Medewerker(org, "Sam")
	stranger := testkit.New(t)
	theirs := stranger.Organisation("Van een ander")
	theirMdw := stranger.Medewerker(theirs, "Noor")
	second := w.Organisation("Tweede")
	for name, c := range map[string]struct {
		body object
		at   []string
	}{
		"no role":                         {object{}, []string{"/role"}},
		"a role of nobody":                {object{"role": "root"}, []string{"/role"}},
		"the operator":                    {object{"role": "operator"}, []string{"/role"}},
		"an employer without employer":    {object{"role": "employer"}, []string{"/organisation_id"}},
		"a switcher without medewerker":   {object{"role": "switcher", "organisation_id": org}, []string{"/medewerker_id"}},
		"an admin of one employer":        {object{"role": "partner_admin", "organisation_id": org}, []string{"/organisation_id"}},
		"a coordinator with scopes":       {object{"role": "coordinator", "scopes": []string{"event:read"}}, []string{"/scopes"}},
		"an integration without scopes":   {object{"role": "integration"}, []string{"/scopes"}},
		"an unknown scope":                {object{"role": "integration", "scopes": []string{"event:read", "event:delete"}}, []string{"/scopes/1"}},
		"a scope that is not for others":  {object{"role": "integration", "scopes": []string{"client:write"}}, []string{"/scopes/0"}},
		"tenant:open":                     {object{"role": "integration", "scopes": []string{"tenant:open"}}, []string{"/scopes/0"}},
		"an unbound scope for a bound":    {object{"role": "integration", "scopes": []string{"survey:invite"}, "organisation_id": org}, []string{"/scopes/0"}},
		"an integration of an employee":   {object{"role": "integration", "scopes": []string{"event:read"}, "medewerker_id": mdw}, []string{"/medewerker_id"}},
		"another tenant's employer":       {object{"role": "employer", "organisation_id": theirs}, []string{"/organisation_id"}},
		"a random employer":               {object{"role": "employer", "organisation_id": id.NewOrganisation()}, []string{"/organisation_id"}},
		"another tenant's employee":       {object{"role": "switcher", "medewerker_id": theirMdw}, []string{"/medewerker_id"}},
		"a random employee":               {object{"role": "switcher", "medewerker_id": id.NewMedewerker()}, []string{"/medewerker_id"}},
		"an employee of another employer": {object{"role": "switcher", "medewerker_id": mdw, "organisation_id": second}, []string{"/organisation_id"}},
		"a medewerker as employer":        {object{"role": "employer", "organisation_id": mdw}, []string{"/organisation_id"}},
		"a nameless one":                  {object{"name": "  ", "role": "viewer"}, []string{"/name"}},
		"a long name":                     {object{"name": strings.Repeat("é", 201), "role": "viewer"}, []string{"/name"}},
		"a NUL":                           {object{"name": "a\x00b", "role": "viewer"}, []string{"/name"}},
		"something else":                  {object{"role": "viewer", "first_admin": true}, []string{"/first_admin"}},
	} {
		if c.body["name"] == nil {
			c.body["name"] = "HR"
		}
		a := admin.Post("/v1/clients", c.body)
		require.Equal(t, http.StatusUnprocessableEntity, a.Status, "%s: %s", name, a)
		a.Problem(http.StatusUnprocessableEntity, "invalid", c.at...)
	}
	a := admin.Post("/v1/clients", object{"name": "Sam", "role": "switcher", "medewerker_id": mdw}).Is(http.StatusCreated)
	require.Equal(t, org.String(), a.Str("organisation_id"), "the employer comes with the employee")
	admin.Post("/v1/clients", object{"name": "Noor", "role": "leercoach", "medewerker_id": mdw, "organisation_id": org}).Is(http.StatusCreated)
	require.Equal(t, 3, admin.Get("/v1/clients?limit=100").Is(http.StatusOK).Len("data"), "nothing was made by what was refused")
	require.Equal(t, 2, admin.Get("/v1/clients?organisation_id="+org.String()).Is(http.StatusOK).Len("data"))
}

func TestGrant_NobodyGrantsWhatItsTokenLacks(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	boss := made(w.Admin(), object{"role": "partner_admin"})
	full := boss.caller(w)
	target := made(full, object{"role": "coordinator"})
	small := boss.caller(w, "scope", "client:write client:read event:read")
	small.Post("/v1/clients", object{"name": "x", "role": "partner_admin"}).Problem(http.StatusUnprocessableEntity, "invalid", "/role")
	small.Post("/v1/clients", object{"name": "x", "role": "integration", "scopes": []string{"event:read", "match:read"}}).Problem(http.StatusUnprocessableEntity, "invalid", "/scopes/1")
	small.Post("/v1/clients/"+target.ID+"/rotate-secret", nil).Problem(http.StatusForbidden, "forbidden")
	mine := made(small, object{"role": "integration", "scopes": []string{"event:read"}})
	small.Patch("/v1/clients/"+mine.ID, object{"scopes": []string{"match:read"}}).Problem(http.StatusUnprocessableEntity, "invalid", "/scopes/0")
	small.Patch("/v1/clients/"+mine.ID, object{"role": "coordinator"}).Problem(http.StatusUnprocessableEntity, "invalid", "/role")
	small.Post("/v1/clients/"+mine.ID+"/rotate-secret", nil).Is(http.StatusOK)
	small.Patch("/v1/clients/"+target.ID, object{"name": "renamed"}).Is(http.StatusOK)
	full.Post("/v1/clients/"+target.ID+"/rotate-secret", nil).Is(http.StatusOK)
}

func TestDoor_WhoMayManageClients(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	org := w.Organisation("Durabrik")
	mdw := w.Medewerker(org, "Sam")
	c := reader(w.Admin())
	for _, who := range []*testkit.Caller{w.Coordinator(), w.Employer(org), w.Client(auth.Switcher, &org, &mdw), w.Client(auth.Viewer, nil, nil)} {
		who.Get("/v1/clients").Problem(http.StatusForbidden, "forbidden")
		who.Post("/v1/clients", object{"name": "x", "role": "viewer"}).Problem(http.StatusForbidden, "forbidden")
		who.Delete("/v1/clients/"+c.ID).Problem(http.StatusForbidden, "forbidden")
		who.Get("/v1/whoami").Is(http.StatusOK)
	}
	watcher := w.Client(auth.Integration, nil, nil, "client:read")
	watcher.Get("/v1/clients/" + c.ID).Is(http.StatusOK)
	watcher.Patch("/v1/clients/"+c.ID, object{"name": "x"}).Problem(http.StatusForbidden, "forbidden")
}

func TestDoor_AnotherTenantsClientIsNotThere(t *testing.T) {
	t.Parallel()
	mine, theirs := testkit.New(t), testkit.New(t)
	c := reader(theirs.Admin())
	admin := mine.Admin()
	for _, cid := range []string{c.ID, id.NewClient().String()} {
		admin.Get("/v1/clients/"+cid).Problem(http.StatusNotFound, "not-found")
		admin.Patch("/v1/clients/"+cid, object{"name": "Mine"}).Problem(http.StatusNotFound, "not-found")
		admin.Post("/v1/clients/"+cid+"/rotate-secret", nil).Problem(http.StatusNotFound, "not-found")
		admin.Delete("/v1/clients/"+cid).Problem(http.StatusNotFound, "not-found")
	}
	require.Equal(t, 1, admin.Get("/v1/clients").Is(http.StatusOK).Len("data"))
	c.caller(theirs).Get("/v1/whoami").Is(http.StatusOK)
}

func TestRevoke_KeepsTheLastAdmin(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	first := made(w.Admin(), object{"role": "partner_admin"}) // the fixture's own admin has no secret
	me := first.caller(w)
	me.Delete("/v1/clients/"+first.ID).Problem(http.StatusConflict, "client-last-admin")
	me.Patch("/v1/clients/"+first.ID, object{"role": "coordinator"}).Problem(http.StatusConflict, "client-last-admin")
	second := made(me, object{"role": "partner_admin"})
	me.Delete("/v1/clients/" + first.ID).Is(http.StatusNoContent)
	second.caller(w).Delete("/v1/clients/"+second.ID).Problem(http.StatusConflict, "client-last-admin")
}

func TestIdempotencyKey_GivesTheSameSecretAgain(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	admin := w.Admin()
	body := object{"name": "LMS", "role": "viewer"}
	first := admin.Post("/v1/clients", body, "Idempotency-Key", "k-1").Is(http.StatusCreated)
	again := admin.Post("/v1/clients", body, "Idempotency-Key", "k-1").Is(http.StatusCreated)
	require.Equal(t, "true", again.Header.Get("Idempotency-Replayed"))
	require.JSONEq(t, string(first.Body), string(again.Body))
	require.Equal(t, "no-store", again.Header.Get("Cache-Control"))
	require.Zero(t, w.Count(`select count(*) from idempotency_keys k where k::text like '%' || $1 || '%'`, first.Str("client_secret")))
}

func TestLimits_SlowTheGuesserAlone(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	victim, neighbour := reader(w.Admin()), reader(w.Admin())
	victim.caller(w)
	guess := credentials{victim.ID, "guess"}
	for range 10 {
		guess.refused(w)
	}
	a := w.Nobody().Post("/oauth/token", guess.form()).Is(http.StatusTooManyRequests)
	require.Equal(t, "temporarily_unavailable", a.Str("error"))
	require.NotEmpty(t, a.Header.Get("Retry-After"))
	require.Contains(t, h.Log.String(), `"problem":"too-many-requests"`, "it is refused as all doors refuse: a moment late")
	victim.caller(w)
	neighbour.caller(w)
	h.Clock.Advance(time.Minute)
	guess.refused(w)
}

// A client behind an address from which everything failed that may fail gets its tokens all the same, in a process that never
// saw it too: at once, with another secret, and with one from before the directory knew secrets.
func TestLimits_ARightSecretGetsThroughWhateverItsNeighboursDo(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, func(o *app.Options) { o.PublicLimit = web.Limit{Requests: 80, Window: time.Hour} })
	w := h.Tenant(t)
	admin := w.Admin()
	c, old := reader(admin), reader(admin)
	oldHash := sha256.Sum256([]byte(old.Secret))
	_, err := h.Super.Exec(context.Background(), `delete from platform.directory where kind = 'client_secret' and lookup_hash = $1`, oldHash[:])
	require.NoError(t, err)
	old.caller(w)
	refused := 0
	for i := range 100 {
		guess := credentials{c.ID, c.Secret + "x"}
		if i%2 == 0 {
			guess = credentials{id.NewClient().String(), c.Secret}
		}
		a := w.Nobody().Post("/oauth/token", guess.form())
		if a.Status == http.StatusTooManyRequests {
			refused++
			require.Equal(t, "temporarily_unavailable", a.Str("error"))
			require.NotEmpty(t, a.Header.Get("Retry-After"))
			continue
		}
		require.Equal(t, http.StatusUnauthorized, a.Status)
	}
	require.GreaterOrEqual(t, refused, 30, "wrong ones are bounded")
	for range 10 {
		a := w.Nobody().Post("/oauth/token", url.Values{"grant_type": {"password"}}) // and what is no credentials at all
		require.Contains(t, []int{http.StatusBadRequest, http.StatusTooManyRequests}, a.Status)
	}
	require.Equal(t, http.StatusTooManyRequests, w.Nobody().Post("/oauth/token", url.Values{"grant_type": {"password"}}).Status)
	require.NoError(t, h.App.Limits.Tell(context.Background(), true))
	elsewhere := h.Again(t).Tenant(t) // a process that never saw this client
	for _, at := range []*testkit.World{w, elsewhere} {
		c.caller(at)
		old.caller(at)
		wrong := at.Nobody().Post("/oauth/token", credentials{c.ID, "guess"}.form())
		require.Equal(t, http.StatusTooManyRequests, wrong.Status)
	}
	fresh := reader(admin)
	fresh.caller(elsewhere)
	var rotated credentials
	admin.Post("/v1/clients/"+fresh.ID+"/rotate-secret", nil).Is(http.StatusOK).Into(&rotated)
	rotated.caller(w)
	fresh.caller(w)
}

func TestLimits_ARightSecretHasItsClientsOwnLimit(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, func(o *app.Options) { o.PublicLimit = web.Limit{Requests: 3, Window: time.Hour} })
	w := h.Tenant(t)
	c, neighbour := reader(w.Admin()), reader(w.Admin())
	for left := 2; left >= 0; left-- {
		a := w.Nobody().Post("/oauth/token", c.form()).Is(http.StatusOK)
		require.Regexp(t, fmt.Sprintf(`^"token";r=%d;`, left), a.Header.Get("RateLimit"))
	}
	w.Nobody().Post("/oauth/token", c.form()).Is(http.StatusTooManyRequests)
	neighbour.caller(w)
	credentials{c.ID, "guess"}.refused(w)
}

// How many sessions a client may have is written in docs/security.md: any number.
func TestToken_AnyNumberBesideEachOther(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := reader(w.Admin())
	callers, tokens := []*testkit.Caller{}, map[string]bool{}
	for range 40 {
		callers = append(callers, c.caller(w))
		tokens[callers[len(callers)-1].Token] = true
	}
	require.Len(t, tokens, 40)
	for _, one := range callers {
		one.Get("/v1/whoami").Is(http.StatusOK)
	}
}

// A secret that has ended goes past the limits once, and is forgotten.
func TestLimits_ASecretThatEndedIsNotKnownAnyMore(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	admin := w.Admin()
	known := func(c credentials) bool {
		whose, err := h.App.Access.Whose(context.Background(), c.Secret)
		require.NoError(t, err)
		if whose != (db.Found{}) {
			require.Equal(t, uuidOf(t, c.ID), whose.Subject)
			return true
		}
		return false
	}
	overlapping, ended, revoked, purged := reader(admin), reader(admin), reader(admin), reader(admin)
	for _, c := range []credentials{overlapping, ended, revoked, purged} {
		require.True(t, known(c), "from the first moment")
	}
	admin.Post("/v1/clients/"+overlapping.ID+"/rotate-secret", object{"overlap_hours": 1}).Is(http.StatusOK)
	admin.Post("/v1/clients/"+purged.ID+"/rotate-secret", object{"overlap_hours": 1}).Is(http.StatusOK)
	admin.Post("/v1/clients/"+ended.ID+"/rotate-secret", object{"overlap_hours": 0}).Is(http.StatusOK)
	admin.Delete("/v1/clients/" + revoked.ID).Is(http.StatusNoContent)
	require.True(t, known(overlapping))
	require.False(t, known(ended))
	require.False(t, known(revoked))
	h.Clock.Advance(2 * time.Hour)
	overlapping.refused(w)
	require.False(t, known(overlapping))
	overlapping.refused(w)
	require.True(t, known(purged))
	require.NoError(t, h.App.Access.PurgeAll(context.Background()))
	require.False(t, known(purged))
}

// Any number of guesses costs one connection: what comes while one question is under way is the next one, all of it.
func TestLookups_ManyAreOneQuestion(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	c, s := reader(w.Admin()), h.App.Access
	ctx := context.Background()
	type answer struct {
		right bool
		whose db.Found
		err   error
	}
	answers := make(chan answer, 1000)
	ask := func(right bool) {
		secret := c.Secret
		if !right {
			secret = uuid.NewString()
		}
		whose, err := s.Whose(ctx, secret)
		answers <- answer{right, whose, err}
	}
	gathered, next := s.HoldLookups()
	for i := range 500 {
		go ask(i%7 == 0)
	}
	require.Eventually(t, func() bool { return gathered() == 500 }, 60*time.Second, time.Millisecond, "they wait for one connection together")
	next(ctx)
	for range 500 {
		a := <-answers
		require.NoError(t, a.err)
		require.Equal(t, a.right, a.whose.Subject == uuidOf(t, c.ID), "each gets its own answer")
	}
	whose, err := s.Whose(ctx, strings.Repeat("x", 201))
	require.NoError(t, err)
	require.Zero(t, whose)
	h.App.DB.Close()
	_, err = s.Whose(ctx, c.Secret)
	require.Error(t, err, "and nobody is refused for what is not known")
}

// Who brings a token of a key that is just being learnt waits for that, and gets in.
func TestKeys_AllWhoComeWhileAKeyIsLearntWaitForIt(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	elsewhere := h.Again(t)
	w := h.Tenant(t)
	ctx := context.Background()
	_, err := h.App.Access.Keys.Rotate(ctx)
	require.NoError(t, err)
	h.Clock.Advance(2*time.Minute + time.Second)
	token := reader(w.Admin()).caller(w).Token
	read := elsewhere.App.Access.Keys.Hold()
	got, began := make(chan error, 100), make(chan struct{})
	for range 40 {
		go func() {
			began <- struct{}{}
			_, err := elsewhere.App.Access.Authenticator.Authenticate(ctx, token)
			got <- err
		}()
	}
	for range 40 {
		<-began
	}
	require.Empty(t, got, "nobody is refused meanwhile")
	read(ctx)
	for range 40 {
		require.NoError(t, <-got)
	}
}

// A token of a key that could not be looked for may be good: nobody says that it is not.
func TestKeys_WhatCannotBeLookedForIsNotRefused(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	elsewhere := h.Again(t)
	w := h.Tenant(t)
	ctx := context.Background()
	_, err := h.App.Access.Keys.Rotate(ctx)
	require.NoError(t, err)
	h.Clock.Advance(2*time.Minute + time.Second)
	token := reader(w.Admin()).caller(w).Token
	elsewhere.App.DB.Close()
	for range 2 {
		_, err = elsewhere.App.Access.Authenticator.Authenticate(ctx, token)
		require.True(t, fault.Busy.Is(err), "%v", err)
	}
	_, err = elsewhere.App.Access.Authenticator.Authenticate(ctx, "not.a.token")
	require.True(t, fault.NoToken.Is(err), "%v", err)
}

func TestKeys_OneFirstKeyForAllProcesses(t *testing.T) {
	t.Parallel()
	d := testkit.NewDatabase(t)
	ctx := context.Background()
	data, err := db.Open(ctx, d.AppURL, db.Options{MaxConns: 8})
	require.NoError(t, err)
	t.Cleanup(data.Close)
	box := sealBox(t, 1)
	services := make([]*access.Service, 6)
	tokens := make([]*auth.Tokens, len(services))
	errs := make([]error, len(services))
	var wg sync.WaitGroup
	for i := range services {
		tokens[i] = auth.NewTokens(testkit.PublicURL)
		services[i] = access.New(data, tokens[i], box, limit.NewShared(data, slog.New(slog.DiscardHandler)), slog.New(slog.DiscardHandler))
		wg.Go(func() { errs[i] = services[i].Start(ctx) })
	}
	wg.Wait()
	p := auth.Principal{TenantID: id.NewTenant(), ClientID: id.NewClient(), Role: auth.Viewer}
	for i := range services {
		require.NoError(t, errs[i])
		raw, err := tokens[i].Sign(p, data.Now())
		require.NoError(t, err)
		_, err = services[0].Authenticator.Authenticate(ctx, raw)
		require.NoError(t, err)
	}
	var keys, readable int
	require.NoError(t, d.Super.QueryRow(ctx, `select count(*) from platform.signing_keys`).Scan(&keys))
	require.Equal(t, 1, keys)
	require.NoError(t, d.Super.QueryRow(ctx, `select count(*) from platform.signing_keys where octet_length(sealed) <= 64`).Scan(&readable))
	require.Zero(t, readable, "the private half is sealed")

	err = access.New(data, auth.NewTokens(testkit.PublicURL), sealBox(t, 2), limit.NewShared(data, slog.New(slog.DiscardHandler)), slog.New(slog.DiscardHandler)).Start(ctx)
	require.ErrorIs(t, err, seal.ErrUnsealed, "another master key does not start")
}

func sealBox(t *testing.T, b byte) *seal.Box {
	t.Helper()
	box, err := seal.Open(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32)))
	require.NoError(t, err)
	return box
}

func TestKeys_RotateWithoutAGap(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	elsewhere := h.Again(t)
	w := h.Tenant(t)
	ctx := context.Background()
	c := reader(w.Admin())
	keys := func(h *testkit.House) string {
		return string(h.Tenant(t).Nobody().Get("/.well-known/jwks.json").Is(http.StatusOK).Body)
	}
	before := c.caller(w)
	kid, err := h.App.Access.Keys.Rotate(ctx)
	require.NoError(t, err)
	require.Contains(t, keys(h), kid, "published at once")
	during := c.caller(w)
	require.NotContains(t, header(t, during.Token), kid, "but it does not sign yet")

	h.Clock.Advance(2*time.Minute + time.Second)
	after := c.caller(w)
	require.Contains(t, header(t, after.Token), kid)
	for _, token := range []string{before.Token, during.Token, after.Token} {
		_, err := elsewhere.App.Access.Authenticator.Authenticate(ctx, token)
		require.NoError(t, err, "a process that has not read the keys since asks once for one it does not know")
	}
	require.NoError(t, h.App.Access.Keys.Refresh(ctx))
	require.Equal(t, 2, strings.Count(keys(h), `"kid"`), "the key before verifies while its tokens live")
	h.Clock.Advance(auth.TokenLife + 2*time.Minute)
	require.NoError(t, h.App.Access.Keys.Refresh(ctx))
	require.Equal(t, 1, strings.Count(keys(h), `"kid"`))
	c.caller(w).Get("/v1/whoami").Is(http.StatusOK)
}

func header(t *testing.T, token string) string {
	t.Helper()
	head, _, _ := strings.Cut(token, ".")
	b, err := base64.RawURLEncoding.DecodeString(head)
	require.NoError(t, err)
	return string(b)
}

func TestAuthenticate_ExpiredIsExpiredAlsoInTheCache(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	me := h.Tenant(t).Admin()
	me.Get("/v1/whoami").Is(http.StatusOK)
	h.Clock.Advance(auth.TokenLife - 2*time.Second)
	me.Get("/v1/whoami").Is(http.StatusOK)
	h.Clock.Advance(8 * time.Second)
	me.Get("/v1/whoami").Problem(http.StatusUnauthorized, "unauthenticated")
}

func TestAuthenticate_FailsClosedWhenRevocationsAreUnknown(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	me := h.Tenant(t).Admin()
	a := h.App.Access.Authenticator
	a.Forget(11 * time.Second)
	me.Get("/v1/whoami").Is(http.StatusOK)
	h.App.DB.Close()
	_, err := a.Authenticate(context.Background(), me.Token)
	require.NoError(t, err, "what was read a moment ago holds")
	a.Forget(11 * time.Second)
	_, err = a.Authenticate(context.Background(), me.Token)
	require.True(t, fault.Busy.Is(err), "%v", err)
}

func TestPurge_RemovesOnlyWhatNobodyCanUse(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	other := h.Tenant(t)
	admin := w.Admin()
	c := reader(admin)
	admin.Post("/v1/clients/"+c.ID+"/rotate-secret", object{"overlap_hours": 1}).Is(http.StatusOK)
	gone := reader(admin)
	admin.Delete("/v1/clients/" + gone.ID).Is(http.StatusNoContent)
	body := object{"name": "LMS", "role": "viewer"}
	admin.Post("/v1/clients", body, "Idempotency-Key", "old").Is(http.StatusCreated)
	other.Admin().Post("/v1/clients", body, "Idempotency-Key", "old").Is(http.StatusCreated)
	count := func(table string) int { return w.Count("select count(*) from " + table) }
	require.NoError(t, h.App.Access.PurgeAll(context.Background()))
	require.Equal(t, 2, count("idempotency_keys"))
	require.Equal(t, 4, count("client_secrets"), "of five, the revoked client's is gone")
	require.Equal(t, 1, count("platform.revocations"))

	h.Clock.Advance(25 * time.Hour)
	w.Admin().Post("/v1/clients", body, "Idempotency-Key", "new").Is(http.StatusCreated)
	require.NoError(t, h.App.Access.PurgeAll(context.Background()))
	require.Equal(t, 1, count("idempotency_keys"))
	require.Equal(t, 4, count("client_secrets"))
	require.Zero(t, count("platform.revocations"))
}

func TestAudit_EveryDecisionAboutAccess(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	admin := w.Admin()
	c := reader(admin)
	admin.Post("/v1/clients/"+c.ID+"/rotate-secret", nil).Is(http.StatusOK)
	admin.Patch("/v1/clients/"+c.ID, object{"scopes": []string{"event:read"}}).Is(http.StatusOK)
	cid, err := id.ParseClient(c.ID)
	require.NoError(t, err)
	_, err = w.App.Access.Token(context.Background(), cid)
	require.NoError(t, err)
	admin.Delete("/v1/clients/" + c.ID).Is(http.StatusNoContent)
	_, err = w.App.Access.Token(context.Background(), cid)
	require.True(t, fault.Missing.Is(err))
	rows, err := w.Super.Query(context.Background(), `select action || ' ' || actor from audit where tenant_id = $1 and subject_id = $2 order by id`, w.Tenant.UUID(), cid.UUID())
	require.NoError(t, err)
	defer rows.Close()
	var got []string
	for rows.Next() {
		var s string
		require.NoError(t, rows.Scan(&s))
		got = append(got, s)
	}
	by := " " + admin.Principal.ClientID.String()
	require.Equal(t, []string{"client.create" + by, "client.rotate_secret" + by, "client.regrant" + by, "client.issue_token system:token", "client.revoke" + by}, got)
}
