package webhook_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/outbound"
	"github.com/switchingtalent/switchboard/internal/platform/signature"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
	"github.com/switchingtalent/switchboard/internal/webhook"
)

type stagedData struct {
	Stage    string            `json:"stage" enums:"engaged,paused"`
	PlaceID  *id.SiteID        `json:"place_id"`
	Days     []string          `json:"days" enums:"mon,tue,wed"`
	Open     bool              `json:"open"`
	Count    int               `json:"count"`
	OpenedAt *time.Time        `json:"opened_at"`
	OwnerIDs []id.MedewerkerID `json:"owner_ids"`
}

// staged is a type of fact with data to filter on.
var staged = fact.Define("organisation.staged", "An organisation was staged in a test.", stagedData{})

func TestEndpoint_PublishesTheKeysThatVerifyItsSignatures(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	made := c.Post(endpoints, object{"url": r.URL, "event_types": []string{"*"}}).Is(201)
	path := endpoints + "/" + made.Str("id")
	require.Equal(t, testkit.PublicURL+"/.well-known/webhook-keys/"+made.Str("id"), made.Str("keys_url"))
	keys := func() (out []string) {
		a := p.Nobody().Get("/.well-known/webhook-keys/" + made.Str("id")).Is(200)
		var set struct{ Keys []map[string]string }
		require.NoError(t, json.Unmarshal(a.Body, &set))
		for _, k := range set.Keys {
			require.Equal(t, []string{"OKP", "Ed25519", "sig", "EdDSA"}, []string{k["kty"], k["crv"], k["use"], k["alg"]})
			raw, err := base64.RawURLEncoding.DecodeString(k["x"])
			require.NoError(t, err)
			require.Len(t, raw, ed25519.PublicKeySize)
			out = append(out, "whpk_"+base64.StdEncoding.EncodeToString(raw))
		}
		return out
	}
	require.Equal(t, []string{made.Str("public_key")}, keys())
	p.deliver()
	other := c.Post(endpoints, object{"url": receive(t).URL, "event_types": []string{"*"}}).Is(201)
	last := func() received { p.record(); p.deliver(); all := r.all(); return all[len(all)-1] }
	x := last()
	require.NoError(t, signature.Verify(x.Header, x.Body, time.Now(), made.Str("public_key")))
	require.ErrorIs(t, signature.Verify(x.Header, x.Body, time.Now(), other.Str("public_key")), signature.ErrSignature, "keys are an endpoint's own")
	require.ErrorIs(t, signature.Verify(x.Header, append(x.Body, ' '), time.Now(), made.Str("public_key")), signature.ErrSignature)

	rotated := c.Post(path+"/rotate-secret", object{"overlap_hours": 168}).Is(200)
	require.Equal(t, []string{rotated.Str("public_key"), made.Str("public_key")}, keys())
	x = last()
	for _, k := range []string{rotated.Str("public_key"), made.Str("public_key"), rotated.Str("secret"), made.Str("secret")} {
		require.NoError(t, signature.Verify(x.Header, x.Body, time.Now(), k))
	}
	p.later(169*time.Hour, c)
	require.Equal(t, []string{rotated.Str("public_key")}, keys())
	x = last()
	require.ErrorIs(t, signature.Verify(x.Header, x.Body, time.Now(), made.Str("public_key")), signature.ErrSignature)

	require.Zero(t, p.Count(`select count(*) from webhook_secrets where position(convert_to('whsk_', 'UTF8') in key_sealed) > 0`))
	nobody := p.Nobody().Get("/.well-known/webhook-keys/"+id.NewEndpoint().String()).Problem(404, "not-found")
	c.Delete(path).Is(204)
	require.Equal(t, nobody.Retold(), p.Nobody().Get("/.well-known/webhook-keys/"+made.Str("id")).Problem(404, "not-found").Retold())
}

func TestEndpoint_FromBeforeThereWereKeysGetsThemWithItsNextSecret(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	path, secret := p.endpoint(c, r)
	for _, q := range []string{`update webhook_secrets set public = null, key_sealed = null`, `delete from platform.directory where kind = 'webhook_keys'`} {
		_, err := p.Super.Exec(context.Background(), q)
		require.NoError(t, err)
	}
	p.deliver()
	require.NotContains(t, r.got[0].Header.Get("webhook-signature"), "v1a")
	require.NoError(t, signature.Verify(r.got[0].Header, r.got[0].Body, time.Now(), secret))
	next := c.Post(path+"/rotate-secret", nil).Is(200)
	p.record()
	p.deliver()
	x := r.all()[0]
	require.NoError(t, signature.Verify(x.Header, x.Body, time.Now(), next.Str("public_key")))
	require.Equal(t, 1, p.Nobody().Get("/.well-known/webhook-keys/"+path[len(endpoints)+1:]).Is(200).Len("keys"))
	p.later(25*time.Hour, c)
	c.Post(path+"/rotate-secret", nil).Is(200)
}

// A process whose clock is ten minutes off rotates the secret, signs and shows the keys.
func TestEndpoint_SecretsLiveAndEndByTheClockOfTheDatabase(t *testing.T) {
	t.Parallel()
	for _, off := range []time.Duration{10 * time.Minute, -10 * time.Minute} {
		t.Run(off.String(), func(t *testing.T) {
			t.Parallel()
			p, r := open(t), receive(t)
			wrong := process(t, p.House, off)
			p.d = webhook.NewDeliverer(wrong.Webhooks, webhook.Options{})
			path, first := p.endpoint(p.Coordinator(), r)
			p.deliver()
			signed := func(by ...string) {
				t.Helper()
				p.record()
				p.deliver()
				all := r.all()
				verify(t, all[len(all)-1], by...)
				got := httptest.NewRecorder()
				wrong.Handler().ServeHTTP(got, httptest.NewRequest(http.MethodGet, "/.well-known/webhook-keys/"+path[len(endpoints)+1:], http.NoBody))
				var set webhook.KeySet
				require.NoError(t, json.Unmarshal(got.Body.Bytes(), &set))
				require.Len(t, set.Keys, len(by))
			}
			rotate := func(overlap time.Duration) (secret string, err error) {
				return secret, wrong.DB.InTenant(context.Background(), p.Who(), func(tx *db.Tx) error {
					_, fresh, err := wrong.Webhooks.Rotate(context.Background(), tx, parseEndpoint(t, path[len(endpoints)+1:]), overlap)
					secret = fresh.Secret
					return err
				})
			}
			rotated := func(overlap time.Duration) string {
				t.Helper()
				secret, err := rotate(overlap)
				require.NoError(t, err)
				return secret
			}
			ends := func(in time.Duration) {
				t.Helper()
				_, err := p.Super.Exec(context.Background(), `update webhook_secrets set expires_at = clock_timestamp() + $1::interval where expires_at is not null`, in)
				require.NoError(t, err)
			}
			second := rotated(time.Hour)
			require.Equal(t, 1, p.Count(`select count(*) from webhook_secrets where expires_at - clock_timestamp() between '55 minutes' and '1 hour'`))
			ends(5 * time.Minute)
			signed(second, first)
			_, err := rotate(time.Hour)
			require.True(t, webhook.SecretOverlap.Is(err), "as was promised: %v", err)
			ends(-5 * time.Minute)
			signed(second)
			third := rotated(time.Hour)
			signed(third, second)
			fourth := rotated(0)
			signed(fourth)
			fifth := rotated(0)
			signed(fifth)
		})
	}
}

func TestFilter_LetsOutWhatHoldsAllConditions(t *testing.T) {
	t.Parallel()
	p := open(t)
	c := p.Coordinator()
	place := id.SiteID(id.NewOrganisation())
	at := time.Now()
	stage := func(stage string, place *id.SiteID, days []string, open bool, count int, at *time.Time) string {
		subject := id.NewOrganisation()
		p.Do(func(tx *db.Tx) error {
			return staged.Record(tx, fact.Event{Subject: subject, Revision: 1, Data: stagedData{stage, place, append([]string{}, days...), open, count, at, []id.MedewerkerID{}}})
		})
		return subject.String()
	}
	receivers := map[string]*receiver{}
	for name, filter := range map[string][]object{
		"none":          {},
		"engaged":       {{"path": "stage", "in": []any{"engaged"}}},
		"either":        {{"path": "stage", "in": []any{"engaged", "paused"}}},
		"both":          {{"path": "stage", "in": []any{"engaged"}}, {"path": "open", "in": []any{true}}},
		"item":          {{"path": "days", "in": []any{"tue", "wed"}}},
		"number":        {{"path": "count", "in": []any{7.0}}},
		"there":         {{"path": "place_id", "exists": true}},
		"not there":     {{"path": "place_id", "exists": false}},
		"null or place": {{"path": "place_id", "in": []any{nil, "sit_none"}}},
		"the place":     {{"path": "place_id", "in": []any{place.String()}}},
		"a list":        {{"path": "owner_ids", "exists": true}},
	} {
		receivers[name] = receive(t)
		c.Post(endpoints, object{"url": receivers[name].URL, "event_types": []string{"organisation.staged"}, "filter": filter}).Is(201)
	}
	p.deliver()
	a := stage("engaged", &place, []string{"mon", "tue"}, true, 7, &at)
	b := stage("paused", nil, []string{}, true, 8, nil)
	d := stage("engaged", nil, []string{"mon"}, false, 70, nil)
	p.deliver()
	for name, want := range map[string][]string{
		"none": {a, b, d}, "engaged": {a, d}, "either": {a, b, d}, "both": {a}, "item": {a}, "number": {a}, "there": {a}, "not there": {b, d},
		"null or place": {b, d}, "the place": {a}, "a list": {a, b, d}, // an empty one, too, is there
	} {
		require.ElementsMatch(t, want, receivers[name].subjects(), name)
	}
}

func TestFilter_IsRefusedWhereItCannotHold(t *testing.T) {
	t.Parallel()
	c := testkit.New(t).Coordinator()
	ask := func(types []string, filter ...any) *testkit.Answer {
		return c.Post(endpoints, object{"url": "https://hr.example.com/", "event_types": types, "filter": filter})
	}
	of := []string{"organisation.staged"}
	for _, path := range []string{"nope", "stage.more", "external_ids", "external_ids.value", "STAGE", "a'b", "days.0", "", ".", "stage."} {
		ask(of, object{"path": path, "exists": true}).Problem(422, "invalid", "/filter/0/path")
	}
	ask([]string{"organisation.created"}, object{"path": "count", "exists": true}).Problem(422, "invalid", "/filter/0/path")
	ask(of, object{"path": "stage"}).Problem(422, "invalid", "/filter/0")
	ask(of, object{"path": "stage", "in": []any{"a"}, "exists": true}).Problem(422, "invalid", "/filter/0")
	ask(of, object{"path": "stage", "in": []any{}}).Problem(422, "invalid", "/filter/0")
	for _, v := range []any{object{}, []any{}, strings.Repeat("x", 201)} {
		ask(of, object{"path": "stage", "in": []any{"ok", v}}).Problem(422, "invalid", "/filter/0/in/1")
	}
	ask(of, object{"path": "stage", "in": make([]any, 51)}).Problem(422, "invalid", "/filter/0/in")
	ask(of, object{"path": "stage", "in": []any{"\x00"}}).Problem(422, "invalid", "/filter/0/in/0")
	ask(of, "stage").Problem(422, "invalid", "/filter/0")
	made := ask([]string{"*"}, object{"path": "stage", "in": []any{"engaged", 7, true, nil}}, object{"path": "organisation_ids", "exists": true}).Is(201)
	require.JSONEq(t, `[{"path":"stage","in":["engaged",7,true,null],"exists":null},{"path":"organisation_ids","in":[],"exists":true}]`, member(t, made, "filter"))
	path := endpoints + "/" + made.Str("id")
	require.Equal(t, float64(1), c.Patch(path, object{"filter": made.At("filter")}).Is(200).Num("revision"), "the same filter is no change")
	c.Patch(path, object{"event_types": []string{"tenant.updated"}}).Problem(422, "invalid", "/filter/0/path")
	require.Equal(t, 0, c.Patch(path, object{"filter": []any{}}).Is(200).Len("filter"))
}

func TestPayload_ThinHoldsIDsAndLinksAlone(t *testing.T) {
	t.Parallel()
	p, r, rb := open(t), receive(t), receive(t)
	a, b := p.Organisation("Apotheek Zonneveld"), p.Organisation("Woonzorgcentrum De Linde")
	for who, to := range map[*testkit.Caller]*receiver{p.Employer(a): r, p.Employer(b): rb} {
		who.Post(endpoints, object{"url": to.URL, "event_types": []string{"organisation.*"}, "payload": "thin"}).Is(201)
	}
	p.deliver()
	place, owner := id.SiteID(id.NewOrganisation()), id.MedewerkerID(id.NewOrganisation())
	p.Do(func(tx *db.Tx) error {
		return staged.Record(tx, fact.Event{Subject: a, Revision: 4, Organisations: []id.OrganisationID{a, b},
			ExternalIDs: []fact.ExternalID{{OrganisationID: &a, System: "sdworx", Value: "A-1001"}, {OrganisationID: &b, System: "sdworx", Value: "B-1001"}},
			Data:        stagedData{"engaged", &place, []string{}, true, 7, nil, []id.MedewerkerID{owner}}})
	})
	p.deliver()
	x := r.all()[0]
	require.Equal(t, string(x.Body), string(rb.all()[0].Body), "nothing in it is for one employer alone")
	var body struct{ Data json.RawMessage }
	require.NoError(t, json.Unmarshal(x.Body, &body))
	require.JSONEq(t, fmt.Sprintf(`{"tenant_id":%q,"subject_id":%q,"revision":4,"organisation_ids":[%q,%q],"place_id":%q,"owner_ids":[%q],
		"links":{"event":"https://switchboard.test/v1/events/%s","subject":"https://switchboard.test/v1/organisations/%s"}}`,
		p.Tenant, a, a, b, place, owner, x.Header.Get("webhook-id"), a), string(body.Data))
}

func TestHeaders_GoWithEachDeliveryAndAreNeverShownAgain(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	made := c.Post(endpoints, object{"url": r.URL + "/a", "event_types": []string{"*"}, "headers": []object{{"name": "x-api-key", "value": "CANARY-KEY"}, {"name": "X-Env", "value": "t e s t"}}}).Is(201)
	path := endpoints + "/" + made.Str("id")
	require.Equal(t, []any{"x-api-key", "X-Env"}, made.At("header_names"))
	p.deliver()
	require.Equal(t, "CANARY-KEY", r.got[0].Header.Get("X-Api-Key"))
	require.Equal(t, "t e s t", r.got[0].Header.Get("X-Env"))
	require.Equal(t, "application/json", r.got[0].Header.Get("Content-Type"))
	for _, a := range []*testkit.Answer{made, c.Get(path), c.Get(endpoints), c.Patch(path, object{"description": "d"}), c.Get("/v1/webhook-deliveries/" + c.Get("/v1/webhook-deliveries").Str("data.0.id"))} {
		require.NotContains(t, string(a.Body), "CANARY-KEY")
	}
	require.NotContains(t, p.Log.String(), "CANARY-KEY")
	require.Zero(t, p.Count(`select count(*) from webhook_endpoints where position('CANARY-KEY' in webhook_endpoints::text) > 0 or position(convert_to('CANARY-KEY', 'UTF8') in headers) > 0`))

	// Another host would learn them.
	c.Patch(path, object{"url": "http://127.0.0.1:1/"}).Problem(422, "invalid", "/headers")
	c.Patch(path, object{"url": r.URL + "/b"}).Is(200)
	require.Empty(t, c.Patch(path, object{"url": "http://127.0.0.1:1/", "headers": []any{}}).Is(200).At("header_names"))
	require.Equal(t, []any{"X-New"}, c.Patch(path, object{"url": r.URL, "headers": []object{{"name": "X-New", "value": "v"}}}).Is(200).At("header_names"))

	for _, bad := range []string{"Content-Type", "content-length", "HOST", "User-Agent", "webhook-id", "Webhook-Anything", "Transfer-Encoding", "Proxy-Authorization",
		"X-Forwarded-For", "Sec-Fetch-Site", "Cookie", "a b", "a:b", "a\nb", "é", "x\r\nhost"} {
		c.Patch(path, object{"headers": []object{{"name": "X-Good", "value": "v"}, {"name": bad, "value": "v"}}}).Problem(422, "invalid", "/headers/1/name")
	}
	for _, bad := range []string{"a\r\nX-Evil: 1", "a\nb", " a", "a ", "é", strings.Repeat("x", 1001)} {
		c.Patch(path, object{"headers": []object{{"name": "X-A", "value": bad}}}).Problem(422, "invalid", "/headers/0/value")
	}
	c.Patch(path, object{"headers": []object{{"name": "X-A", "value": "v"}, {"name": "x-a", "value": "v"}}}).Problem(422, "invalid", "/headers/1/name")
}

// issuer gives out tokens as somebody's authorisation server does.
type issuer struct {
	*httptest.Server
	mu     sync.Mutex
	asked  []string // what came in
	answer func(w http.ResponseWriter, n int)
}

func issue(t *testing.T) *issuer {
	i := &issuer{answer: func(w http.ResponseWriter, n int) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"CANARY-TOKEN-%d","token_type":"bearer","expires_in":3600}`, n)
	}}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		user, secret, _ := r.BasicAuth()
		i.mu.Lock()
		defer i.mu.Unlock()
		i.asked = append(i.asked, user+" "+secret+" "+string(body))
		i.answer(w, len(i.asked))
	}))
	t.Cleanup(i.Close)
	return i
}

func TestOAuth_ATokenIsFetchedKeptAndRenewed(t *testing.T) {
	t.Parallel()
	p, r, i := open(t), receive(t), issue(t)
	c := p.Coordinator()
	made := c.Post(endpoints, object{"url": r.URL, "event_types": []string{"organisation.*"},
		"oauth": object{"token_url": i.URL + "/token", "client_id": "ours", "client_secret": "CANARY-SECRET", "scope": "hooks:write more"}}).Is(201)
	path := endpoints + "/" + made.Str("id")
	require.JSONEq(t, fmt.Sprintf(`{"token_url":"%s/token","client_id":"ours","scope":"hooks:write more"}`, i.URL), member(t, made, "oauth"))
	p.deliver()
	p.record()
	p.record()
	p.deliver()
	require.Equal(t, []string{"ours CANARY-SECRET grant_type=client_credentials&scope=hooks%3Awrite+more"}, i.asked, "one token for all of them")
	for _, x := range r.got {
		require.Equal(t, "Bearer CANARY-TOKEN-1", x.Header.Get("Authorization"))
	}
	// One that the receiver does not take is thrown away.
	r.answer(401)
	p.record()
	p.deliver()
	r.answer(200)
	p.later(6*time.Second, c)
	p.deliver()
	require.Equal(t, "Bearer CANARY-TOKEN-2", r.got[len(r.got)-1].Header.Get("Authorization"))
	// So is what belongs to an endpoint that has changed since.
	c.Patch(path, object{"oauth": object{"token_url": i.URL + "/token", "client_id": "other", "client_secret": "s", "scope": nil}}).Is(200)
	p.record()
	p.deliver()
	require.Equal(t, "other s grant_type=client_credentials", i.asked[2])

	c.Patch(path, object{"url": "http://127.0.0.1:1/"}).Problem(422, "invalid", "/oauth")
	c.Patch(path, object{"oauth": object{"client_id": "x", "client_secret": "s"}}).Problem(422, "invalid", "/oauth/token_url")
	c.Patch(path, object{"headers": []object{{"name": "Authorization", "value": "v"}}}).Problem(422, "invalid", "/headers")
	c.Patch(path, object{"oauth": object{"token_url": "http://169.254.169.254/", "client_id": "x", "client_secret": "s"}}).Problem(422, "invalid", "/oauth/token_url")
	require.Nil(t, c.Patch(path, object{"oauth": nil}).Is(200).At("oauth"))
	require.NotContains(t, p.Log.String(), "CANARY-")
	require.NotContains(t, string(c.Get(endpoints).Body), "CANARY-")
}

// A token takes long, and meanwhile the secret is replaced. Whoever asked for the token and whoever waited for it sign with both
// secrets, so a receiver that has changed over already takes what they send.
func TestOAuth_WhatWaitsForATokenIsSignedWithTheSecretsOfThen(t *testing.T) {
	t.Parallel()
	p, r, i := open(t), receive(t), issue(t)
	c := p.Coordinator()
	made := c.Post(endpoints, object{"url": r.URL, "event_types": []string{"organisation.*"}, "oauth": object{"token_url": i.URL, "client_id": "ours", "client_secret": "s"}}).Is(201)
	path := endpoints + "/" + made.Str("id")
	p.deliver()
	c.Patch(path, object{"oauth": object{"token_url": i.URL, "client_id": "ours", "client_secret": "s"}}).Is(200) // forgets the token
	asked, give := make(chan struct{}), make(chan struct{})
	at := i.answer
	i.mu.Lock()
	i.answer = func(w http.ResponseWriter, n int) {
		close(asked) // once: the others wait for this one
		<-give
		at(w, n)
	}
	i.mu.Unlock()
	for range 3 {
		p.record()
	}
	drained := make(chan error, 1)
	go func() { _, err := p.d.Drain(context.Background()); drained <- err }()
	<-asked
	fresh := c.Post(path+"/rotate-secret", nil).Is(200)
	close(give)
	require.NoError(t, <-drained)
	all := r.all()
	require.Len(t, all, 3)
	for _, x := range all {
		verify(t, x, fresh.Str("secret"), made.Str("secret"))
		require.NoError(t, signature.Verify(x.Header, x.Body, time.Now(), fresh.Str("public_key")))
	}
	d := c.Get("/v1/webhook-deliveries?endpoint_id=" + made.Str("id") + "&sort=-created_at").Is(200)
	require.Equal(t, 2, c.Get("/v1/webhook-deliveries/"+d.Str("data.0.id")).Is(200).Len("attempts.0.request.kids"), "and it says so")

	// One whose endpoint is deleted meanwhile is not sent, and nobody's fault.
	c.Patch(path, object{"oauth": object{"token_url": i.URL, "client_id": "ours", "client_secret": "s"}}).Is(200)
	i.mu.Lock()
	asked, give = make(chan struct{}), make(chan struct{})
	i.mu.Unlock()
	p.record()
	go func() { _, err := p.d.Drain(context.Background()); drained <- err }()
	<-asked
	c.Delete(path).Is(204)
	close(give)
	require.NoError(t, <-drained)
	require.Len(t, r.all(), 3)
	require.NotContains(t, p.Log.String(), "cannot be made")
}

// A token and a call that are each in time are too late together: one bound is for both.
func TestOAuth_ATokenAndItsCallHaveOneBound(t *testing.T) {
	t.Parallel()
	const bound = 2 * time.Second
	p, i := open(t), issue(t)
	var slow atomic.Bool
	r := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body)
		if slow.Load() {
			select {
			case <-q.Context().Done():
			case <-time.After(bound * 9 / 10):
			}
		}
	}))
	t.Cleanup(r.Close)
	c := p.Coordinator()
	oauth := object{"token_url": i.URL, "client_id": "ours", "client_secret": "s"}
	path := endpoints + "/" + c.Post(endpoints, object{"url": r.URL, "event_types": []string{"organisation.*"}, "oauth": oauth}).Is(201).Str("id")
	p.deliver()
	c.Patch(path, object{"oauth": oauth}).Is(200) // forgets the token
	at := i.answer
	i.mu.Lock()
	i.answer = func(w http.ResponseWriter, n int) {
		<-time.After(bound / 2)
		at(w, n)
	}
	i.mu.Unlock()
	slow.Store(true)
	require.Equal(t, outbound.DefaultTimeout, p.d.Bound(bound))
	p.record()
	p.deliver()
	d := c.Get("/v1/webhook-deliveries/" + newest(c)).Is(200)
	require.Equal(t, "unreachable", d.Str("attempts.0.outcome"))
	require.Len(t, i.asked, 2, "the token came in time")
}

func TestOAuth_WithoutATokenADeliveryFailsInOneWording(t *testing.T) {
	t.Parallel()
	p, i := open(t), issue(t)
	c := p.Coordinator()
	r := receive(t)
	c.Post(endpoints, object{"url": r.URL, "event_types": []string{"organisation.*"}, "oauth": object{"token_url": i.URL, "client_id": "ours", "client_secret": "s"}}).Is(201)
	p.deliver()
	sent := len(r.got)
	answers := []func(w http.ResponseWriter, n int){
		func(w http.ResponseWriter, _ int) { w.WriteHeader(401); _, _ = io.WriteString(w, "CANARY") },
		func(w http.ResponseWriter, _ int) { _, _ = io.WriteString(w, "no JSON") },
		func(w http.ResponseWriter, _ int) {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(302)
		},
		func(w http.ResponseWriter, _ int) { _, _ = io.WriteString(w, strings.Repeat("x", 100_000)) },
		func(http.ResponseWriter, int) { panic(http.ErrAbortHandler) },
	}
	for n, answer := range answers {
		i.mu.Lock()
		i.answer = answer
		i.mu.Unlock()
		c.Patch(endpoints+"/"+c.Get(endpoints).Str("data.0.id"), object{"oauth": object{"token_url": i.URL, "client_id": fmt.Sprint(n), "client_secret": "s"}}).Is(200) // forgets the token
		p.record()
		p.deliver()
		d := c.Get("/v1/webhook-deliveries/" + newest(c)).Is(200)
		require.Equal(t, "no_token", d.Str("attempts.0.outcome"))
		require.Nil(t, d.At("attempts.0.status"))
		require.Nil(t, d.At("attempts.0.answer"))
		require.Nil(t, d.At("attempts.0.request"), "nothing was sent")
		require.Equal(t, "waiting", d.Str("status"))
	}
	require.Len(t, r.got, sent, "nothing goes out without the token")
	require.NotContains(t, p.Log.String(), "CANARY")
	require.NotNil(t, c.Get(endpoints).At("data.0.failing_since"))
}

// certificate makes a client certificate that ends at a time, and its key, in PEM.
func certificate(t *testing.T, until time.Time) (cert, key string) {
	t.Helper()
	return certificateOf(t, "switchboard", until)
}

func certificateOf(t *testing.T, name string, until time.Time) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
}

func TestCertificate_MustBeOneWithItsKeyAndIsShownAsAFingerprint(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	cert, key := certificate(t, time.Now().Add(24*time.Hour))
	old, oldKey := certificate(t, time.Now().Add(-time.Minute))
	ask := func(url, cert, key string) *testkit.Answer {
		return c.Post(endpoints, object{"url": url, "event_types": []string{"*"}, "certificate": object{"certificate": cert, "private_key": key}})
	}
	made := ask("https://hr.example.com/", cert, key).Is(201)
	require.Len(t, made.Str("certificate.sha256"), 64)
	require.NotContains(t, string(made.Body), "PRIVATE")
	require.NotContains(t, string(c.Get(endpoints).Body), "PRIVATE")
	require.Zero(t, w.Count(`select count(*) from webhook_endpoints where tenant_id = $1 and position(convert_to('PRIVATE', 'UTF8') in certificate_key) > 0`, w.Tenant.UUID()))
	for _, bad := range [][2]string{{"x", key}, {cert, "x"}, {cert, oldKey}, {key, cert}, {key + cert, key}} {
		a := ask("https://hr.example.com/", bad[0], bad[1]).Problem(422, "invalid", "/certificate")
		require.Equal(t, "bad_certificate", a.Str("errors.0.code"))
		require.NotContains(t, string(a.Body), "PRIVATE")
	}
	require.Equal(t, "certificate_expired", ask("https://hr.example.com/", old, oldKey).Problem(422, "invalid", "/certificate").Str("errors.0.code"))
	require.Equal(t, "needs_https", ask("http://127.0.0.1:1/", cert, key).Problem(422, "invalid", "/certificate").Str("errors.0.code"))
	path := endpoints + "/" + made.Str("id")
	c.Patch(path, object{"url": "http://127.0.0.1:1/"}).Problem(422, "invalid", "/certificate")
	c.Patch(path, object{"url": "https://elsewhere.example.com/"}).Is(200)
	require.Nil(t, c.Patch(path, object{"certificate": nil}).Is(200).At("certificate"))
	require.NotContains(t, w.Log.String(), "PRIVATE")
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	require.NoError(t, err)
	require.NotEmpty(t, pair.Certificate)
}

func TestRateLimit_BoundsAnEndpointAcrossWorkers(t *testing.T) {
	t.Parallel()
	p, limited, free := open(t), receive(t), receive(t)
	c := p.Coordinator()
	path := c.Post(endpoints, object{"url": limited.URL, "event_types": []string{"organisation.*"}, "rate_limit": 1}).Is(201).Header.Get("Location")
	p.endpoint(c, free, "organisation.*")
	p.deliver()
	for range 6 {
		p.record()
	}
	fill := func(tokens int) { // so little that no second of the test makes up for it, or as much as fits and more
		_, err := p.Super.Exec(context.Background(), `update platform.delivery_lanes set tokens = $1, refilled_at = now()`, tokens)
		require.NoError(t, err)
	}
	fill(100)
	other := webhook.NewDeliverer(p.Again(t).App.Webhooks, webhook.Options{})
	took, err := other.Freeze(context.Background())
	require.NoError(t, err)
	require.Len(t, took.Deliveries, 3, "one, by the bucket, and two of the other, by its room")
	require.Zero(t, p.Count(`select round(tokens)::int from platform.delivery_lanes`), "it holds no more than it can give in a moment")
	fill(-1000)
	p.deliver()
	require.Empty(t, limited.all(), "the bucket is empty for all of them")
	require.Len(t, free.all(), 4)
	took.Wake()
	require.Len(t, limited.all(), 1)
	p.later(2*time.Hour, c)
	p.deliver()
	require.Greater(t, len(limited.all()), 1, "time fills it")
	require.Nil(t, c.Patch(path, object{"rate_limit": nil}).Is(200).At("rate_limit"))
	p.deliver()
	require.Len(t, limited.all(), 6)
	require.Zero(t, p.Count(`select count(*) from platform.delivery_lanes`))
	c.Patch(path, object{"rate_limit": 0}).Problem(422, "invalid", "/rate_limit")
	c.Patch(path, object{"rate_limit": 1001}).Problem(422, "invalid", "/rate_limit")
}

func TestOrdering_WhatIsLaterOfASubjectWaitsForWhatIsEarlier(t *testing.T) {
	t.Parallel()
	p, r, loose := open(t), receive(t), receive(t)
	c := p.Coordinator()
	path := c.Post(endpoints, object{"url": r.URL, "event_types": []string{"organisation.*"}, "ordering": "subject"}).Is(201).Header.Get("Location")
	p.endpoint(c, loose, "organisation.*")
	p.deliver()
	a, b := id.NewOrganisation(), id.NewOrganisation()
	record := func(subject id.OrganisationID, revision int64) {
		p.Do(func(tx *db.Tx) error { return happened.Record(tx, fact.Event{Subject: subject, Revision: revision}) })
	}
	seen := func(r *receiver) (out []string) {
		for _, x := range r.all() {
			var body struct{ Data struct{ Revision int } }
			require.NoError(t, json.Unmarshal(x.Body, &body))
			out = append(out, fmt.Sprint(map[string]string{a.String(): "a", b.String(): "b"}[x.Data.SubjectID], body.Data.Revision))
		}
		return out
	}
	for revision := range int64(5) {
		record(a, revision+1)
	}
	r.answer(500)
	p.deliver()
	require.Equal(t, []string{"a1"}, seen(r), "a later one is not tried")
	require.Len(t, seen(loose), 5)
	record(b, 1)
	p.deliver()
	require.Equal(t, []string{"a1", "b1"}, seen(r), "another subject is")
	r.answer(200)
	p.later(6*time.Second, c)
	p.deliver()
	require.ElementsMatch(t, []string{"a1", "b1", "a1", "b1", "a2", "a3", "a4", "a5"}, seen(r))
	order := strings.Join(seen(r), " ")
	for revision := 1; revision < 5; revision++ {
		require.Less(t, strings.LastIndex(order, fmt.Sprint("a", revision)), strings.LastIndex(order, fmt.Sprint("a", revision+1)), order)
	}
	// What is given up, or cancelled, no longer stands in the way.
	r.answer(500)
	record(a, 6)
	record(a, 7)
	p.deliver()
	r.answer(200)
	first := c.Get("/v1/webhook-deliveries?status=waiting&endpoint_id=" + path[len(endpoints)+1:]).Is(200)
	require.Equal(t, 2, first.Len("data"))
	tried := 0
	if first.Num("data.1.attempt_count") == 1 {
		tried = 1
	}
	c.Post(fmt.Sprintf("/v1/webhook-deliveries/%s/cancel", first.Str(fmt.Sprintf("data.%d.id", tried))), nil).Is(200)
	p.deliver()
	require.Equal(t, "a7", seen(r)[len(seen(r))-1])
	require.Zero(t, p.Count(`select count(*) from platform.delivery_queue`))
}

// Whatever is sent again takes its place in the order of its subject: by hand, the many or one, and by a recovery.
func TestOrdering_HoldsForWhatIsSentAgain(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"one by one", "the many", "recovered"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			p, r := open(t), receive(t)
			c := p.Coordinator()
			path := c.Post(endpoints, object{"url": r.URL, "event_types": []string{"organisation.*"}, "ordering": "subject"}).Is(201).Header.Get("Location")
			p.deliver()
			since := p.Clock.Now().Add(-time.Minute).Format(time.RFC3339)
			subject := id.NewOrganisation()
			revisions := func() (out []int) {
				for _, x := range r.all() {
					var body struct{ Data struct{ Revision int } }
					require.NoError(t, json.Unmarshal(x.Body, &body))
					out = append(out, body.Data.Revision)
				}
				return out
			}
			for revision := range int64(3) {
				p.Do(func(tx *db.Tx) error {
					return happened.Record(tx, fact.Event{Subject: subject, Revision: revision + 1})
				})
			}
			p.deliver()
			require.Equal(t, []int{1, 2, 3}, revisions())
			var sent []string
			rows := c.Get("/v1/webhook-deliveries?status=delivered&sort=-created_at&limit=3").Is(200) // the latest first
			for i := range 3 {
				sent = append(sent, rows.Str(fmt.Sprintf("data.%d.id", i)))
			}
			r.answer(500)
			switch way {
			case "one by one":
				for _, d := range sent {
					c.Post("/v1/webhook-deliveries/"+d+"/resend", nil).Is(200)
				}
			case "the many":
				require.Equal(t, float64(3), c.Post("/v1/webhook-deliveries/resend", object{"status": "delivered", "event_types": []string{"organisation.*"}}).Is(200).Num("count"))
			case "recovered":
				_, err := p.Super.Exec(context.Background(), `update webhook_deliveries set status = 'failed' where type = 'organisation.probed'`)
				require.NoError(t, err)
				require.Equal(t, float64(3), p.recover(c, path, object{"since": since, "event_types": []string{"organisation.probed"}}).Num("delivery_count"))
			}
			p.deliver()
			require.Equal(t, []int{1, 2, 3, 1}, revisions(), "the first failed, and the others wait for it")
			r.answer(200)
			p.later(7*time.Second, c)
			p.deliver()
			require.Equal(t, []int{1, 2, 3, 1, 1, 2, 3}, revisions())
			require.Zero(t, p.Count(`select count(*) from platform.delivery_queue`))
			c.Post(path+"/test", nil).Is(200)
			c.Post(path+"/test", nil).Is(200)
			require.Equal(t, 1, p.Count(`select count(*) from platform.delivery_queue where test and subject_id is null`), "a test event waits for nothing")
		})
	}
}

// What is later goes out as soon as what is earlier has arrived: nothing waits for the clock.
func TestOrdering_CallsTheNextAtOnce(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	c.Post(endpoints, object{"url": r.URL, "event_types": []string{"organisation.*"}, "ordering": "subject"}).Is(201)
	p.deliver()
	a, b := id.NewOrganisation(), id.NewOrganisation()
	for revision := range int64(10) {
		for _, subject := range []id.OrganisationID{a, b} {
			p.Do(func(tx *db.Tx) error {
				return happened.Record(tx, fact.Event{Subject: subject, Revision: revision + 1})
			})
		}
	}
	p.d.OnlyWhenWoken()
	running(t, p.d)
	require.Eventually(t, func() bool { return len(r.all()) == 20 }, enough, time.Millisecond)
	last := map[string]int{}
	for _, x := range r.all() {
		var body struct{ Data struct{ Revision int } }
		require.NoError(t, json.Unmarshal(x.Body, &body))
		require.Equal(t, last[x.Data.SubjectID]+1, body.Data.Revision)
		last[x.Data.SubjectID]++
	}
}

// Keys are opened once and wiped when they end; every delivery is signed with those that live.
func TestKeys_AreRememberedUntilTheyAreReplaced(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	path, first := p.endpoint(c, r, "organisation.*")
	p.deliver()
	require.Equal(t, 1, p.d.Keys())
	last := func() received { all := r.all(); return all[len(all)-1] }
	p.record()
	p.deliver()
	verify(t, last(), first)
	second := c.Post(path+"/rotate-secret", object{"overlap_hours": 1}).Is(200).Str("secret")
	p.record()
	p.deliver()
	verify(t, last(), second, first)
	require.Equal(t, 1, p.d.Keys())
	p.d.Sweep()
	require.Zero(t, p.d.Keys())
	p.record()
	p.deliver()
	verify(t, last(), second, first)
	third := c.Post(path+"/rotate-secret", object{"overlap_hours": 0}).Is(200).Str("secret")
	p.record()
	p.deliver()
	verify(t, last(), third)
	require.Equal(t, 1, p.d.Keys())
}

func TestPause_KeepsWhatFallsDue(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	path, _ := p.endpoint(c, r, "organisation.*")
	p.deliver()
	paused := c.Post(path+"/pause", nil).Is(200)
	require.NotNil(t, paused.At("paused_at"))
	require.Equal(t, "active", paused.Str("status"))
	require.Equal(t, paused.At("paused_at"), c.Post(path+"/pause", nil).Is(200).At("paused_at"))
	first := p.record()
	p.deliver()
	require.Empty(t, r.all())
	c.Post(path+"/test", nil).Is(200)
	p.deliver()
	require.Len(t, r.got, 2, "test events go out")
	require.Empty(t, r.all())
	elsewhere := receive(t)
	c.Patch(path, object{"url": elsewhere.URL}).Is(200)
	p.deliver()
	require.Equal(t, "active", c.Get(path).Str("status"))
	require.Empty(t, elsewhere.all(), "being verified is not being resumed")
	require.Nil(t, c.Post(path+"/resume", nil).Is(200).At("paused_at"))
	c.Post(path+"/resume", nil).Is(200)
	p.deliver()
	require.Equal(t, []string{first}, elsewhere.subjects())
}
