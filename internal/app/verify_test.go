package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/docs/webhooks/verify"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/signature"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// parcel is a delivery as somebody may receive it: one of ours, or one that was tampered with.
type parcel struct {
	Why     string            `json:"why"`
	Genuine bool              `json:"genuine"`
	Secret  string            `json:"secret"`
	Public  string            `json:"public"`  // the key beside it
	Headers map[string]string `json:"headers"` // names in lower case
	Body    []byte            `json:"body"`
	path    string            // of the endpoint that it came to
}

func (p parcel) header() http.Header {
	h := http.Header{}
	for k, v := range p.Headers {
		h.Set(k, v)
	}
	return h
}

// parcels are deliveries that the product really sent, before and while a secret is replaced, and each of them tampered
// with in every way; and, to endpoints of both shapes, one of every type of the catalogue.
func parcels(t *testing.T) []parcel {
	t.Helper()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	admin := w.Admin()
	var (
		mu  sync.Mutex
		got []parcel
	)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		p := parcel{Headers: map[string]string{}, Body: body, path: r.URL.Path}
		for name := range r.Header {
			p.Headers[strings.ToLower(name)] = r.Header.Get(name)
		}
		mu.Lock()
		got = append(got, p)
		mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(s.Close)
	stop := deliver(h)
	defer stop()
	sent := 0
	arrived := func(n int) (all []parcel) {
		sent += n
		require.Eventually(t, func() bool {
			mu.Lock()
			defer mu.Unlock()
			all = append([]parcel(nil), got...)
			return len(all) >= sent
		}, time.Minute, time.Millisecond)
		require.Len(t, all, sent)
		return all[sent-n:]
	}
	happen := func(n int) []parcel {
		for i := range n {
			admin.Post("/v1/organisations", map[string]any{"name": fmt.Sprintf("Werkgever „%d” & zoon", i), "kind": "profit", "sector": "zorg"}).Is(201)
		}
		return arrived(n)
	}
	made := admin.Post("/v1/webhook-endpoints", map[string]any{"url": s.URL, "event_types": []string{"*"}}).Is(201)
	path, first := "/v1/webhook-endpoints/"+made.Str("id"), [2]string{made.Str("secret"), made.Str("public_key")}
	single := append(arrived(1), happen(3)...)
	rotated := admin.Post(path+"/rotate-secret", map[string]any{"overlap_hours": 24}).Is(200)
	second := [2]string{rotated.Str("secret"), rotated.Str("public_key")}
	both := happen(3)
	admin.Post(path+"/rotate-secret", map[string]any{"overlap_hours": 0}).Is(200)
	gone := happen(1)

	var out []parcel
	add := func(p parcel, why string, genuine bool, change func(*parcel)) {
		copied := p
		copied.Why, copied.Genuine, copied.Headers, copied.Body = why, genuine, map[string]string{}, append([]byte(nil), p.Body...)
		for k, v := range p.Headers {
			copied.Headers[k] = v
		}
		change(&copied)
		out = append(out, copied)
	}
	set := func(name, value string) func(*parcel) { return func(p *parcel) { p.Headers[name] = value } }
	tamper := func(p parcel, with [2]string) {
		p.Secret, p.Public = with[0], with[1]
		stamp, err := strconv.ParseInt(p.Headers["webhook-timestamp"], 10, 64)
		require.NoError(t, err)
		add(p, "as it was sent", true, func(*parcel) {})
		add(p, "a signature of a scheme to come beside it", true, set("webhook-signature", "v9,abcd "+p.Headers["webhook-signature"]))
		add(p, "another body", false, func(p *parcel) { p.Body[len(p.Body)/2] ^= 1 })
		add(p, "a longer body", false, func(p *parcel) { p.Body = append(p.Body, ' ') })
		add(p, "no body", false, func(p *parcel) { p.Body = []byte{} })
		add(p, "another id", false, set("webhook-id", "evt_01jd8m5x9nf3tvhg5w6rkz2c4q"))
		add(p, "no id", false, set("webhook-id", ""))
		add(p, "a full stop moved from the id", false, set("webhook-id", p.Headers["webhook-id"]+"."))
		add(p, "a second later", false, set("webhook-timestamp", strconv.FormatInt(stamp+1, 10)))
		add(p, "no timestamp", false, set("webhook-timestamp", ""))
		add(p, "no number for a timestamp", false, set("webhook-timestamp", "now"))
		for why, at := range map[string]time.Time{"old, and well signed": time.Unix(stamp-600, 0), "of the future, and well signed": time.Unix(stamp+900, 0)} {
			signed, err := signature.Sign(p.Headers["webhook-id"], at, p.Body, p.Secret)
			require.NoError(t, err)
			add(p, why, false, func(p *parcel) {
				p.Headers["webhook-timestamp"], p.Headers["webhook-signature"] = strconv.FormatInt(at.Unix(), 10), signed
			})
		}
		add(p, "another signature", false, set("webhook-signature", "v1,"+strings.Repeat("A", 43)+"="))
		add(p, "no signature", false, set("webhook-signature", ""))
		add(p, "no base64", false, set("webhook-signature", "v1,!"))
		add(p, "an empty signature", false, set("webhook-signature", "v1,"))
		add(p, "a signature without its scheme", false, set("webhook-signature", strings.NewReplacer("v1,", "", "v1a,", "").Replace(p.Headers["webhook-signature"])))
		add(p, "the secret of another endpoint", false, func(p *parcel) {
			p.Secret = signature.NewSecret()
			_, p.Public = signature.NewKeyPair()
		})
	}
	for _, p := range single {
		tamper(p, first)
		add(p, "the secret that came later", false, func(p *parcel) { p.Secret, p.Public = second[0], second[1] })
	}
	for _, p := range both {
		tamper(p, first)
		tamper(p, second)
	}
	for _, p := range gone {
		add(p, "the secret that was replaced", false, func(p *parcel) { p.Secret, p.Public = second[0], second[1] })
	}

	admin.Delete(path).Is(204)
	secrets, kinds := map[string][2]string{}, map[string]bool{}
	for _, shape := range []string{"standard", "thin"} {
		e := admin.Post("/v1/webhook-endpoints", map[string]any{"url": s.URL + "/" + shape, "event_types": []string{"*"}, "payload": shape}).Is(201)
		secrets["/"+shape] = [2]string{e.Str("secret"), e.Str("public_key")}
		arrived(1)
	}
	sandbox := admin.Principal
	sandbox.Sandbox = true // where examples of facts are recorded
	for _, f := range fact.Types() {
		w.As(sandbox).Post("/v1/event-types/"+f.Name+"/example", nil).Is(201)
	}
	for _, p := range arrived(2 * len(fact.Types())) {
		var body struct{ Type string }
		require.NoError(t, json.Unmarshal(p.Body, &body))
		kinds[p.path+" "+body.Type] = true
		p.Secret, p.Public = secrets[p.path][0], secrets[p.path][1]
		add(p, p.path+", "+body.Type, true, func(*parcel) {})
		add(p, p.path+", "+body.Type+", another body", false, func(p *parcel) { p.Body[len(p.Body)-3] ^= 1 })
	}
	require.Len(t, kinds, 2*len(fact.Types()), "each type came in both shapes")
	require.Greater(t, len(out), 300)
	return out
}

// The example in Go and the official library take every delivery, and none that was tampered with.
func TestVerify_GoTakesWhatWeSendAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, p := range parcels(t) {
		err := verify.Delivery(p.Secret, p.header(), p.Body, time.Now())
		require.Equal(t, p.Genuine, err == nil, "the example, %s: %v", p.Why, err)
		err = verify.DeliveryByKey(p.Public, p.header(), p.Body, time.Now())
		require.Equal(t, p.Genuine, err == nil, "the example by key, %s: %v", p.Why, err)
		official, err := standardwebhooks.NewWebhook(p.Secret)
		require.NoError(t, err)
		err = official.Verify(p.Body, p.header())
		require.Equal(t, p.Genuine, err == nil, "the library, %s: %v", p.Why, err)
		err = signature.Verify(p.header(), p.Body, time.Now(), p.Secret)
		require.Equal(t, p.Genuine, err == nil, "our own, %s: %v", p.Why, err)
		err = signature.Verify(p.header(), p.Body, time.Now(), p.Public)
		require.Equal(t, p.Genuine, err == nil, "our own by key, %s: %v", p.Why, err)
	}
	require.Error(t, verify.Delivery("whsec_", http.Header{}, nil, time.Now()))
	require.Error(t, verify.Delivery("whsec_!", http.Header{}, nil, time.Now()))
	require.Error(t, verify.DeliveryByKey("whpk_AAAA", http.Header{}, nil, time.Now()))
}
