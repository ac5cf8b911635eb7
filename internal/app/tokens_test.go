package app_test

import (
	"bufio"

	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/seal"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// forger writes tokens by hand, with the key of the very house that it attacks, so that nothing but the fault is wrong.
type forger struct {
	key  auth.Key
	head map[string]any
	body map[string]any
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func segmentOf(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b64(b)
}

func (f forger) text() string { return segmentOf(f.head) + "." + segmentOf(f.body) }

func (f forger) sign(text string) string {
	return text + "." + b64(ed25519.Sign(f.key.Private, []byte(text)))
}

func (f forger) token() string { return f.sign(f.text()) }

// with is a copy whose header or claims are changed; null takes one away.
func (f forger) with(part string, pairs ...any) forger {
	from := f.body
	if part == "head" {
		from = f.head
	}
	to := make(map[string]any, len(from))
	for k, v := range from {
		to[k] = v
	}
	for i := 0; i < len(pairs); i += 2 {
		name := pairs[i].(string)
		if to[name] = pairs[i+1]; pairs[i+1] == nil {
			delete(to, name)
		}
	}
	if part == "head" {
		f.head = to
	} else {
		f.body = to
	}
	return f
}

// newForger gives the house a signing key that the test knows.
func newForger(t *testing.T, h *testkit.House, p auth.Principal) forger {
	t.Helper()
	ctx := context.Background()
	now := h.Clock.Now().UTC()
	k, err := auth.NewKey(now.Add(-time.Hour))
	require.NoError(t, err)
	sealed, err := h.Box.Seal(k.Private.Seed(), seal.Where{Table: "signing_keys", Column: "sealed", Row: uuid.NewSHA1(uuid.NameSpaceURL, []byte("switchboard key "+k.ID))})
	require.NoError(t, err)
	_, err = h.Super.Exec(ctx, `insert into platform.signing_keys (kid, public, sealed, sign_from) values ($1, $2, $3, $4)`, k.ID, []byte(k.Public), sealed, k.From)
	require.NoError(t, err)
	require.NoError(t, h.App.Access.Keys.Refresh(ctx))
	scopes := make([]string, len(p.Scopes))
	for i, s := range p.Scopes {
		scopes[i] = string(s)
	}
	return forger{k, map[string]any{"alg": "EdDSA", "typ": "at+jwt", "kid": k.ID}, map[string]any{
		"iss": testkit.PublicURL, "aud": []string{testkit.PublicURL}, "sub": p.ClientID.String(), "client_id": p.ClientID.String(), "jti": "1",
		"tid": p.TenantID.String(), "role": string(p.Role), "scope": strings.Join(scopes, " "),
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(auth.TokenLife).Unix()}}
}

// wire sends bytes to a server that listens, as they are, and returns what it answered.
func wire(t *testing.T, addr, raw string) (*http.Response, string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	_, _ = io.WriteString(c, raw) // a server that has read enough closes
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(b)
}

var varying = regexp.MustCompile(`req_[0-9a-z]{26}`)

// told is an answer without what differs from request to request.
func told(resp *http.Response, body string) string {
	h := resp.Header.Clone()
	for _, name := range []string{"Date", "Request-Id", "Ratelimit", "Content-Length"} {
		h.Del(name)
	}
	return fmt.Sprint(resp.StatusCode, h, varying.ReplaceAllString(body, "req_…"))
}

// onLoopback serves a house on loopback.
func onLoopback(t *testing.T, h *testkit.House) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := h.App.HTTPServer()
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return l.Addr().String()
}

// Every token that is not ours, not for us, not now or not whole is refused in the same words, which tell nothing.
func TestTokens_WhatIsForgedConfusedExpiredOrReplayedIsRefused(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	admin := w.Admin()
	addr := onLoopback(t, h)
	good := newForger(t, h, admin.Principal)
	now := h.Clock.Now().Unix()

	get := func(headers ...string) string {
		return "GET /v1/whoami HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + strings.Join(append(headers, ""), "\r\n") + "\r\n"
	}
	bearer := func(token string) string { return get("Authorization: Bearer " + token) }
	for name, raw := range map[string]string{
		"a good token": bearer(good.token()), "a scheme in lower case (RFC 9110, section 11.1)": get("authorization: bearer " + good.token()),
		"two spaces": get("Authorization: Bearer  " + good.token()),
	} {
		resp, body := wire(t, addr, raw)
		require.Equal(t, 200, resp.StatusCode, "the control, %s: %s", name, body)
	}
	resp, body := wire(t, addr, get())
	require.Equal(t, 401, resp.StatusCode)
	want := told(resp, body)

	cases := map[string]string{} // what is sent, by what is wrong
	add := func(name, raw string) {
		require.Empty(t, cases[name], name)
		cases[name] = raw
	}
	token := func(name, token string) { add(name, bearer(token)) }
	head := func(name string, pairs ...any) { token(name, good.with("head", pairs...).token()) }
	claim := func(name string, pairs ...any) { token(name, good.with("body", pairs...).token()) }
	raw := func(name, h, b string) {
		if h == "" {
			h = string(must(base64.RawURLEncoding.DecodeString(segmentOf(good.head))))
		}
		if b == "" {
			b = string(must(base64.RawURLEncoding.DecodeString(segmentOf(good.body))))
		}
		token(name, good.sign(b64([]byte(h))+"."+b64([]byte(b))))
	}

	// Algorithms and keys.
	for _, alg := range []string{"none", "None", "NONE", "nOnE", "", " none"} {
		f := good.with("head", "alg", alg)
		token(fmt.Sprintf("alg %q without a signature", alg), f.text()+".")
		token(fmt.Sprintf("alg %q with a good signature", alg), f.token())
	}
	mac := func(text string, key []byte) string {
		m := hmac.New(sha256.New, key)
		m.Write([]byte(text))
		return text + "." + b64(m.Sum(nil))
	}
	spki := must(x509.MarshalPKIXPublicKey(good.key.Public))
	for name, key := range map[string][]byte{"its bytes": good.key.Public, "DER": spki, "PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}),
		"JWKS": h.App.Tokens.JWKS(h.Clock.Now()), "its x": []byte(b64(good.key.Public)), "nothing": {}, "the kid": []byte(good.key.ID)} {
		token("HS256 with the public key as "+name, mac(good.with("head", "alg", "HS256").text(), key))
	}
	ec := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	es := good.with("head", "alg", "ES256")
	sum := sha256.Sum256([]byte(es.text()))
	r, s, err := ecdsa.Sign(rand.Reader, ec, sum[:])
	require.NoError(t, err)
	token("ES256 with a key of its own", es.text()+"."+b64(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)))
	token("ES256 with zeros (psychic)", es.text()+"."+b64(make([]byte, 64)))
	for _, alg := range []string{"ES256", "RS256", "PS256", "Ed25519", "eddsa", "EDDSA", "HS512", "dir"} {
		head("EdDSA signature called "+alg, "alg", alg)
	}
	head("alg missing", "alg", nil)
	head("alg a number", "alg", 1)
	head("alg a list", "alg", []string{"EdDSA"})
	own := must(auth.NewKey(time.Now().Add(-time.Hour)))
	mine := good
	mine.key = own
	jwk := map[string]any{"kty": "OKP", "crv": "Ed25519", "x": b64(own.Public), "kid": own.ID}
	token("another installation's key under our kid", mine.token())
	token("another installation's key and kid", mine.with("head", "kid", own.ID).token())
	token("jwk, signed by it", mine.with("head", "jwk", jwk).token())
	token("jwk and its kid, signed by it", mine.with("head", "jwk", jwk, "kid", own.ID).token())
	for name, v := range map[string]any{"jku": "https://keys.voorbeeld.example/jwks.json", "x5u": "https://keys.voorbeeld.example/cert.pem", "x5c": []string{"MIIB"},
		"x5t": "AAAA", "jwk": jwk, "zip": "DEF", "cty": "JWT", "enc": "A256GCM", "epk": jwk, "b64": false, "nonce": "n", "x": 1} {
		head("header "+name, name, v)
		token("header "+name+", signed by a key of its own", mine.with("head", name, v).token())
	}
	head("crit of what is there", "crit", []string{"exp"})
	head("crit and b64", "crit", []string{"b64"}, "b64", false)
	head("crit empty", "crit", []string{})
	head("crit of what we do not know", "crit", []string{"https://voorbeeld.example/x"}, "https://voorbeeld.example/x", true)
	for name, kid := range map[string]any{"missing": nil, "empty": "", "a number": 7, "zero": 0, "a list": []string{good.key.ID}, "an object": jwk, "true": true,
		"a path": "../../../../../../dev/null", "a file": "/proc/sys/kernel/randomize_va_space", "an injection": "x' union select 1 --",
		"a command": "x|id", "of a tenant": w.Tenant.String(), "of the client": admin.Principal.ClientID.String(), "unknown": "unknown",
		"with a space": good.key.ID + " ", "in other letters": strings.ToUpper(good.key.ID) + strings.ToLower(good.key.ID), "with a NUL": good.key.ID + "\x00",
		"very long": strings.Repeat("k", 2000), "our own, twice": good.key.ID + good.key.ID} {
		head("kid "+name, "kid", kid)
	}
	for name, typ := range map[string]any{"missing": nil, "JWT": "JWT", "jwt": "jwt", "of an ID token": "id_token", "of a logout token": "logout+jwt", "at+jwt in capitals": "AT+JWT",
		"a media type": "application/at+jwt", "a list": []string{"at+jwt"}, "dpop": "dpop+jwt", "secevent": "secevent+jwt", "empty": ""} {
		head("typ "+name, "typ", typ)
	}

	// Signatures.
	parts := strings.Split(good.token(), ".")
	sig := must(base64.RawURLEncoding.DecodeString(parts[2]))
	token("no signature", parts[0]+"."+parts[1]+".")
	token("no third part", parts[0]+"."+parts[1])
	token("a signature of zeros", parts[0]+"."+parts[1]+"."+b64(make([]byte, 64)))
	token("half a signature", parts[0]+"."+parts[1]+"."+b64(sig[:32]))
	token("a signature and more", parts[0]+"."+parts[1]+"."+b64(append(slices.Clone(sig), 0)))
	token("the signature of another message", good.text()+"."+b64(ed25519.Sign(good.key.Private, []byte("other"))))
	token("the signature of the claims alone", good.text()+"."+b64(ed25519.Sign(good.key.Private, []byte(parts[1]))))
	flipped := slices.Clone(sig)
	flipped[0] ^= 1
	token("a bit of R", parts[0]+"."+parts[1]+"."+b64(flipped))
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	le := slices.Clone(sig[32:])
	slices.Reverse(le)
	larger := new(big.Int).Add(new(big.Int).SetBytes(le), order).FillBytes(make([]byte, 32))
	slices.Reverse(larger)
	token("S + L, as malleable Ed25519 has it", parts[0]+"."+parts[1]+"."+b64(append(slices.Clone(sig[:32]), larger...)))

	// Claims changed after signing.
	resign := func(name string, pairs ...any) {
		token("unsigned: "+name, parts[0]+"."+segmentOf(good.with("body", pairs...).body)+"."+parts[2])
	}
	resign("wider scope", "scope", good.body["scope"].(string)+" tenant:open")
	resign("role of the operator", "role", "operator")
	resign("another tenant", "tid", id.NewTenant().String())
	resign("another client", "sub", id.NewClient().String(), "client_id", id.NewClient().String())
	resign("bound to another employer", "org", id.NewOrganisation().String())
	resign("sandbox", "sbx", true)
	resign("later", "exp", now+3600)
	token("the header of one, the claims of another", segmentOf(good.with("head", "x", 1).head)+"."+parts[1]+"."+parts[2])

	// Claims that are signed and cannot be ours.
	big400 := json.RawMessage("1e400")
	for name, v := range map[string]any{"missing": nil, "a text": "1799999999", "words": "tomorrow", "1e400": big400, "an exponent": json.RawMessage("1.79e9"),
		"a fraction": json.RawMessage(fmt.Sprint(now+300) + ".5"), "negative": -now, "a list": []int64{now}, "an object": map[string]any{}, "true": true,
		"zero": 0, "milliseconds": now * 1000, "over all numbers": json.RawMessage("99999999999999999999999999")} {
		claim("exp "+name, "exp", v)
		claim("nbf "+name, "nbf", v)
		claim("iat "+name, "iat", v)
	}
	claim("exp past", "exp", now-6, "iat", now-600, "nbf", now-600)
	claim("exp far away", "exp", now+601)
	claim("exp in a year", "exp", now+365*86400)
	claim("exp before iat", "exp", now-1)
	claim("nbf to come", "nbf", now+60)
	claim("all of it to come", "iat", now+60, "nbf", now+60, "exp", now+660)
	for _, name := range []string{"iss", "aud", "sub", "client_id", "tid", "role", "jti"} {
		claim(name+" missing", name, nil)
		claim(name+" empty", name, "")
		claim(name+" a number", name, 1)
		claim(name+" a list", name, []any{})
		claim(name+" an object", name, map[string]any{"a": 1})
		raw(name+" null", "", strings.Replace(string(must(json.Marshal(good.with("body", name, nil).body))), "{", `{"`+name+`":null,`, 1))
	}
	claim("iss of another", "iss", "https://switchboard.voorbeeld.example")
	claim("iss with a slash", "iss", testkit.PublicURL+"/")
	claim("iss in capitals", "iss", strings.ToUpper(testkit.PublicURL))
	claim("aud of another", "aud", []string{"https://voorbeeld.example"})
	claim("aud of us and another", "aud", []string{testkit.PublicURL, "https://voorbeeld.example"})
	claim("sub of another client", "sub", id.NewClient().String())
	claim("sub of another noun", "sub", id.NewTenant().String(), "client_id", id.NewTenant().String())
	claim("tid of another noun", "tid", id.NewOrganisation().String())
	claim("role that is none", "role", "root")
	claim("role in capitals", "role", "Partner_Admin")
	claim("role that must be bound", "role", "employer")
	claim("bound to an employee of no employer", "mdw", id.NewMedewerker().String())
	claim("scope that the role does not hold", "scope", "tenant:open")
	claim("scope that is none", "scope", "everything")
	claim("scope a list", "scope", []string{"event:read"})
	claim("like an ID token", "nonce", "n", "at_hash", "x", "email", "sam@voorbeeld.example")
	token("an ID token", good.with("head", "typ", "JWT").with("body", "client_id", nil, "role", nil, "tid", nil, "nonce", "n", "azp", "x").token())
	claim("an actor", "act", map[string]any{"sub": "cli_x"})
	claim("a key to confirm", "cnf", map[string]any{"jkt": "x"})
	claim("deeply nested", "x", json.RawMessage(strings.Repeat("[", 900)+strings.Repeat("]", 900)))
	kid := good.key.ID
	raw("a header with kid twice", `{"alg":"EdDSA","typ":"at+jwt","kid":"x","kid":"`+kid+`"}`, "")
	raw("a header with alg twice", `{"alg":"none","alg":"EdDSA","typ":"at+jwt","kid":"`+kid+`"}`, "")
	raw("a header with typ in capitals too", `{"alg":"EdDSA","TYP":"JWT","typ":"at+jwt","kid":"`+kid+`"}`, "")
	claims := string(must(json.Marshal(good.body)))
	raw("role twice", "", strings.Replace(claims, "{", `{"role":"viewer",`, 1))
	raw("tid twice", "", strings.TrimSuffix(claims, "}")+`,"tid":"`+w.Tenant.String()+`"}`)
	raw("exp in other letters too", "", strings.Replace(claims, "{", `{"Exp":1,`, 1))
	raw("claims that are a list", "", "[]")
	raw("claims that are null", "", "null")
	raw("claims and more behind", "", claims+"{}")
	raw("claims with a comment", "", claims+"// yes")
	raw("claims that are not UTF-8", "", strings.Replace(claims, "{", "{\"x\":\"\xff\",", 1))
	raw("a header that is a text", `"EdDSA"`, "")
	raw("a header that is broken", `{"alg":"EdDSA"`, "")

	// Other spellings of a good token, and other forms.
	for name, text := range map[string]string{
		"a dot behind": good.token() + ".", "a dot in front": "." + good.token(), "four parts": good.token() + ".x", "as an encrypted token": good.token() + ".x.y",
		"dots": "..", "dots and more": ".....", "padding": good.token() + "=", "more padding": good.token() + "==",
		"padding inside": parts[0] + "=." + parts[1] + "." + parts[2], "other unused bits": good.token()[:len(good.token())-1] + string(rune(good.token()[len(good.token())-1])+1),
		"the alphabet of another base64": strings.Map(func(r rune) rune {
			switch r {
			case '-':
				return '+'
			case '_':
				return '/'
			}
			return r
		}, good.token()) + "+", "a space inside": parts[0] + " ." + parts[1] + "." + parts[2], "a tab behind": good.token() + "\tx", "in quotes": `"` + good.token() + `"`,
		"twice": good.token() + " " + good.token(), "with commas": good.token() + "," + good.token(), "percent-encoded": strings.ReplaceAll(good.token(), ".", "%2E"),
		"JSON, flattened":             `{"protected":"` + parts[0] + `","payload":"` + parts[1] + `","signature":"` + parts[2] + `"}`,
		"JSON, general":               `{"payload":"` + parts[1] + `","signatures":[{"protected":"` + parts[0] + `","signature":"` + parts[2] + `"}]}`,
		"nested":                      good.sign(segmentOf(good.with("head", "cty", "JWT").head) + "." + b64([]byte(good.token()))),
		"a JWE":                       segmentOf(map[string]any{"alg": "dir", "enc": "A256GCM", "kid": kid}) + "..AAAA.AAAA.AAAA",
		"a PBES2 JWE that takes long": segmentOf(map[string]any{"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2147483647, "p2s": "AAAA"}) + ".AAAA.AAAA.AAAA.AAAA",
		"not ASCII":                   "ë" + good.token(), "a letter that looks like one": strings.Replace(good.token(), "e", "е", 1), "eight kilobytes": strings.Repeat("a", 8<<10),
		"eight kilobytes of dots": strings.Repeat(".", 8<<10), "eight kilobytes of good claims": good.with("body", "scope", strings.Repeat("event:read ", 800)).token()[:8<<10],
		"a token and a scope of eight kilobytes": good.with("body", "scope", strings.Repeat("event:read ", 500)).token(),
		"null":                                   "null", "undefined": "undefined", "a star": "*", "an object": "[object Object]",
	} {
		token("spelled: "+name, text)
	}

	// What opens other doors.
	var made struct {
		ID     string `json:"id"`
		Secret string `json:"client_secret"`
	}
	newClient := func() string {
		admin.Post("/v1/clients", `{"name":"LMS","role":"integration","scopes":["event:read"]}`).Is(201).Into(&made)
		return w.Nobody().Post("/oauth/token", formOf(made.ID, made.Secret)).Is(200).Str("access_token")
	}
	newClient()
	token("a client secret", made.Secret)
	token("a client id", made.ID)
	add("client id and secret by Basic", get("Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte(made.ID+":"+made.Secret))))
	hook := admin.Post("/v1/webhook-endpoints", `{"url":"http://127.0.0.1:9/","event_types":["*"]}`).Is(201)
	token("a webhook secret", hook.Str("secret"))
	link := admin.Post("/v1/webhook-console-links", `{}`).Is(201).Str("url")
	token("a link to the console", link[strings.LastIndex(link, "/")+1:])

	// Tokens that were good once.
	revoked := newClient()
	admin.Delete("/v1/clients/" + made.ID).Is(204)
	token("of a client that was revoked", revoked)
	regranted := newClient()
	admin.Patch("/v1/clients/"+made.ID, `{"scopes":["organisation:read"]}`).Is(200)
	token("from before its scopes changed", regranted)
	other := newClient()
	admin.Patch("/v1/clients/"+made.ID, `{"role":"viewer","scopes":[]}`).Is(200)
	token("from before its role changed", other)
	rotated := newClient()
	admin.Post("/v1/clients/"+made.ID+"/rotate-secret", `{"overlap_hours":0}`).Is(200)
	token("from before its secret was ended", rotated)

	// Where a token does not belong, and more than one.
	tok := good.token()
	add("no scheme", get("Authorization: "+tok))
	add("an empty header", get("Authorization:"))
	add("the scheme alone", get("Authorization: Bearer"))
	add("the scheme and a space", get("Authorization: Bearer "))
	add("a tab after the scheme", get("Authorization: Bearer\t"+tok))
	add("a colon after the scheme", get("Authorization: Bearer: "+tok))
	for _, scheme := range []string{"Token", "JWT", "DPoP", "Basic", "Digest", "Negotiate", "OAuth", "BearerX"} {
		add("scheme "+scheme, get("Authorization: "+scheme+" "+tok))
	}
	add("two headers, the good one first", get("Authorization: Bearer "+tok, "Authorization: Bearer x"))
	add("two headers, the good one last", get("Authorization: Bearer x", "Authorization: Bearer "+tok))
	add("two headers, both good", get("Authorization: Bearer "+tok, "Authorization: Bearer "+tok))
	add("in a cookie", get("Cookie: access_token="+tok+"; Authorization=Bearer "+tok))
	add("in the header of a proxy", get("Proxy-Authorization: Bearer "+tok, "X-Authorization: Bearer "+tok, "X-Access-Token: "+tok))
	add("in the query", strings.Replace(get(), "/v1/whoami", "/v1/whoami?access_token="+tok, 1))
	form := "access_token=" + tok
	add("in the body", fmt.Sprintf("POST /v1/organisations HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", len(form), form))

	require.GreaterOrEqual(t, len(cases), 60)
	var wrong []string
	for name, raw := range cases {
		resp, body := wire(t, addr, raw)
		if got := told(resp, body); got != want {
			wrong = append(wrong, name+": "+got)
		}
	}
	require.Empty(t, strings.Join(wrong, "\n"), "of %d", len(cases))
	t.Logf("%d tokens were refused in the same words", len(cases))

	// net/http refuses these itself, before there is a request; the door behind it would too.
	for name, x := range map[string]struct {
		token  string
		status int
	}{"64 kB": {strings.Repeat("a", 64<<10), 431}, "1 MB": {strings.Repeat("a", 1<<20), 431}, "a NUL": {tok + "\x00", 400}} {
		resp, _ := wire(t, addr, bearer(x.token))
		require.Equal(t, x.status, resp.StatusCode, name)
		req := httptest.NewRequest(http.MethodGet, "/v1/whoami", http.NoBody)
		req.Header["Authorization"] = []string{"Bearer " + x.token}
		rec := httptest.NewRecorder()
		h.App.Handler().ServeHTTP(rec, req)
		require.Equal(t, want, told(rec.Result(), rec.Body.String()), name)
	}

	require.NotContains(t, h.Log.String(), parts[2], "no token reaches the log")
	require.NotContains(t, h.Log.String(), `"status":5`)
	resp, _ = wire(t, addr, bearer(tok))
	require.Equal(t, 200, resp.StatusCode, "the good one is still good")
	h.Clock.Advance(auth.TokenLife + 6*time.Second)
	resp, body = wire(t, addr, bearer(tok))
	require.Equal(t, want, told(resp, body), "until it has expired, also where it was believed a moment ago")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func formOf(client, secret string) url.Values {
	return url.Values{"grant_type": {"client_credentials"}, "client_id": {client}, "client_secret": {secret}}
}
