package auth

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/id"
)

const issuer = "https://switchboard.test"

var noon = time.Date(2027, 1, 11, 12, 0, 0, 0, time.UTC)

// forge writes a token part by part, as an attacker would: nothing of the library that checks it is used.
type forge struct {
	head, body map[string]any
	sign       func(text string) []byte
}

func (f forge) String() string {
	text := segment(f.head) + "." + segment(f.body)
	return text + "." + base64.RawURLEncoding.EncodeToString(f.sign(text))
}

func segment(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// signed is a token of the same key with a header or a body that no map can write.
func signed(f forge, head, body string) string {
	if head == "" {
		head = text(f.head)
	}
	if body == "" {
		body = text(f.body)
	}
	t := base64.RawURLEncoding.EncodeToString([]byte(head)) + "." + base64.RawURLEncoding.EncodeToString([]byte(body))
	return t + "." + base64.RawURLEncoding.EncodeToString(f.sign(t))
}

func signedBy(k ed25519.PrivateKey) func(string) []byte {
	return func(text string) []byte { return ed25519.Sign(k, []byte(text)) }
}

// house is a Tokens with one key, and a forge that makes what the house itself would.
func house(t *testing.T) (*Tokens, Key, forge) {
	t.Helper()
	k, err := NewKey(noon.Add(-time.Hour))
	require.NoError(t, err)
	tokens := NewTokens(issuer)
	tokens.SetKeys([]Key{k})
	client := id.NewClient().String()
	return tokens, k, forge{
		head: map[string]any{"alg": "EdDSA", "typ": "at+jwt", "kid": k.ID},
		body: map[string]any{"iss": issuer, "aud": []string{issuer}, "sub": client, "client_id": client, "jti": "1", "tid": id.NewTenant().String(),
			"role": "integration", "scope": "event:read", "iat": noon.Unix(), "nbf": noon.Unix(), "exp": noon.Add(TokenLife).Unix()},
		sign: signedBy(k.Private),
	}
}

func TestVerify_BelievesWhatWasSigned(t *testing.T) {
	t.Parallel()
	tokens, _, good := house(t)
	org, mdw := id.NewOrganisation(), id.NewMedewerker()
	p := Principal{TenantID: id.NewTenant(), ClientID: id.NewClient(), Role: Switcher, Scopes: Of(Switcher), OrganisationID: &org, MedewerkerID: &mdw, Sandbox: true}
	raw, err := tokens.Sign(p, noon)
	require.NoError(t, err)
	v, err := tokens.Verify(raw, noon.Add(TokenLife-time.Second))
	require.NoError(t, err)
	require.Equal(t, p, v.Principal)
	require.Equal(t, noon, v.IssuedAt.UTC())
	require.Equal(t, noon.Add(TokenLife), v.ExpiresAt.UTC())

	// The positive control of every forgery below.
	v, err = tokens.Verify(good.String(), noon)
	require.NoError(t, err)
	require.True(t, v.Principal.May("event:read"))
}

func TestVerify_RefusesEveryForgery(t *testing.T) {
	t.Parallel()
	tokens, k, _ := house(t)
	other, err := NewKey(noon)
	require.NoError(t, err)
	mac := func(key []byte) func(string) []byte {
		return func(text string) []byte {
			h := hmac.New(sha256.New, key)
			h.Write([]byte(text))
			return h.Sum(nil)
		}
	}
	none := func(string) []byte { return nil }
	head := func(name string, v any) func(*forge) { return func(f *forge) { f.head[name] = v } }
	body := func(name string, v any) func(*forge) { return func(f *forge) { f.body[name] = v } }
	cases := map[string]func(*forge){
		"alg none":                         func(f *forge) { f.head["alg"], f.sign = "none", none },
		"alg None":                         func(f *forge) { f.head["alg"], f.sign = "None", none },
		"alg none with a signature":        head("alg", "none"),
		"HS256 with the public key":        func(f *forge) { f.head["alg"], f.sign = "HS256", mac(k.Public) },
		"HS256 with nothing":               func(f *forge) { f.head["alg"], f.sign = "HS256", mac(nil) },
		"alg of another case":              head("alg", "eddsa"),
		"alg missing":                      func(f *forge) { delete(f.head, "alg") },
		"alg a number":                     head("alg", 1),
		"ES256":                            head("alg", "ES256"),
		"signed by another key":            func(f *forge) { f.sign = signedBy(other.Private) },
		"no signature":                     func(f *forge) { f.sign = none },
		"half a signature":                 func(f *forge) { f.sign = func(s string) []byte { return ed25519.Sign(k.Private, []byte(s))[:32] } },
		"signature of something else":      func(f *forge) { f.sign = func(string) []byte { return ed25519.Sign(k.Private, []byte("x")) } },
		"kid of another key":               func(f *forge) { f.head["kid"] = other.ID },
		"kid of another key, signed by it": func(f *forge) { f.head["kid"], f.sign = other.ID, signedBy(other.Private) },
		"kid missing":                      func(f *forge) { delete(f.head, "kid") },
		"kid a number":                     head("kid", 7),
		"kid a path":                       head("kid", "../../../../dev/null"),
		"kid an injection":                 head("kid", "x' union select 1 --"),
		"typ JWT":                          head("typ", "JWT"),
		"typ of an ID token":               head("typ", "id_token"),
		"typ missing":                      func(f *forge) { delete(f.head, "typ") },
		"typ a list":                       head("typ", []string{"at+jwt"}),
		"crit":                             head("crit", []string{"exp"}),
		"crit of what we do not know":      func(f *forge) { f.head["crit"], f.head["b64"] = []string{"b64"}, false },
		"jku":                              head("jku", "https://evil.example/jwks.json"),
		"jwk":                              head("jwk", map[string]any{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(other.Public)}),
		"jwk, signed by it": func(f *forge) {
			f.head["jwk"], f.sign = map[string]any{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(other.Public)}, signedBy(other.Private)
		},
		"x5u":                    head("x5u", "https://evil.example/cert.pem"),
		"x5c":                    head("x5c", []string{"MIIB"}),
		"zip":                    head("zip", "DEF"),
		"cty":                    head("cty", "JWT"),
		"iss of somebody else":   body("iss", "https://evil.example"),
		"iss with a slash":       body("iss", issuer+"/"),
		"iss missing":            func(f *forge) { delete(f.body, "iss") },
		"aud of somebody else":   body("aud", "https://evil.example"),
		"aud a list of others":   body("aud", []string{"https://evil.example"}),
		"aud empty":              body("aud", []string{}),
		"aud missing":            func(f *forge) { delete(f.body, "aud") },
		"expired":                body("exp", noon.Add(-6*time.Second).Unix()),
		"exp missing":            func(f *forge) { delete(f.body, "exp") },
		"exp null":               body("exp", nil),
		"exp zero":               body("exp", 0),
		"exp a text":             body("exp", "tomorrow"),
		"exp beyond all numbers": body("exp", 1e300),
		"nbf in the future":      body("nbf", noon.Add(6*time.Second).Unix()),
		"nbf missing":            func(f *forge) { delete(f.body, "nbf") },
		"iat in the future":      func(f *forge) { f.body["iat"] = noon.Add(time.Minute).Unix() },
		"iat missing":            func(f *forge) { delete(f.body, "iat") },
		"a life too long":        body("exp", noon.Add(TokenLife+time.Second).Unix()),
		"sub missing":            func(f *forge) { delete(f.body, "sub") },
		"sub another client":     body("sub", id.NewClient().String()),
		"sub of another noun": func(f *forge) {
			f.body["sub"] = id.NewTenant().String()
			f.body["client_id"] = f.body["sub"]
		},
		"sub a number":                       body("sub", 5),
		"client_id missing":                  func(f *forge) { delete(f.body, "client_id") },
		"tid missing":                        func(f *forge) { delete(f.body, "tid") },
		"tid of another noun":                body("tid", id.NewOrganisation().String()),
		"tid empty":                          body("tid", ""),
		"role unknown":                       body("role", "root"),
		"role missing":                       func(f *forge) { delete(f.body, "role") },
		"bound to an employee of no company": body("mdw", id.NewMedewerker().String()),
		"org of another noun":                body("org", id.NewTenant().String()),
		"typ of another case":                head("typ", "AT+JWT"),
		"typ as a media type":                head("typ", "application/at+jwt"),
		"b64":                                head("b64", false),
		"aud with another beside us":         body("aud", []string{issuer, "https://evil.example"}),
		"aud a text":                         body("aud", issuer),
		"aud a number":                       body("aud", 1),
		"iss a list":                         body("iss", []string{issuer}),
		"exp a text of a number":             body("exp", "1799999999"),
		"exp a fraction":                     body("exp", float64(noon.Unix())+300.5),
		"exp with an exponent":               body("exp", json.RawMessage("1.7999e9")),
		"exp 1e400":                          body("exp", json.RawMessage("1e400")),
		"exp negative":                       body("exp", -noon.Unix()),
		"exp in milliseconds":                body("exp", noon.UnixMilli()),
		"exp before iat":                     body("exp", noon.Unix()-1),
		"exp an object":                      body("exp", map[string]any{}),
		"exp true":                           body("exp", true),
		"nbf a text of a number":             body("nbf", "1"),
		"nbf long ago":                       body("nbf", 1),
		"nbf negative":                       body("nbf", -1),
		"nbf 1e400":                          body("nbf", json.RawMessage("1e400")),
		"iat a text of a number":             body("iat", "1"),
		"iat a fraction":                     body("iat", float64(noon.Unix())+0.5),
		"iat negative":                       body("iat", -1),
		"jti missing":                        func(f *forge) { delete(f.body, "jti") },
		"a claim that we do not make":        body("act", map[string]any{"sub": "cli_x"}),
		"a claim in other letters":           func(f *forge) { f.body["EXP"] = f.body["exp"] },
		"a claim that is null":               body("org", nil),
		"nonce, as of an ID token":           body("nonce", "n"),
		"more scope than the role holds":     body("scope", "client:write"),
		"a scope that is none":               body("scope", "everything"),
		"a role that must be bound, is not":  body("role", "employer"),
		"a switcher who is nobody":           func(f *forge) { f.body["role"], f.body["org"] = "switcher", id.NewOrganisation().String() },
		"role of another case":               body("role", "Viewer"),
		"sbx a text":                         body("sbx", "true"),
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Each case forges from a good token of this very house, so that nothing but its own change is wrong.
			client := id.NewClient().String()
			f := forge{head: map[string]any{"alg": "EdDSA", "typ": "at+jwt", "kid": k.ID}, sign: signedBy(k.Private),
				body: map[string]any{"iss": issuer, "aud": []string{issuer}, "sub": client, "client_id": client, "jti": "1", "tid": id.NewTenant().String(),
					"role": "viewer", "scope": "", "iat": noon.Unix(), "nbf": noon.Unix(), "exp": noon.Add(TokenLife).Unix()}}
			_, err := tokens.Verify(f.String(), noon)
			require.NoError(t, err)
			change(&f)
			v, err := tokens.Verify(f.String(), noon)
			require.ErrorIs(t, err, ErrToken)
			require.Zero(t, v)
		})
	}
}

func TestVerify_RefusesEveryOtherSpelling(t *testing.T) {
	t.Parallel()
	tokens, _, good := house(t)
	raw := good.String()
	_, err := tokens.Verify(raw, noon)
	require.NoError(t, err)
	parts := strings.Split(raw, ".")
	big := maps.Clone(good.body)
	big["scope"] = strings.Repeat("event:read ", 500)
	padded := base64.URLEncoding.EncodeToString
	last := raw[:len(raw)-1] + string(rune(raw[len(raw)-1])+1) // the unused bits at the end of the signature
	cases := map[string]string{
		"empty":                             "",
		"dots":                              "..",
		"text":                              "not a token",
		"two parts":                         parts[0] + "." + parts[1],
		"four parts":                        raw + ".x",
		"five parts, as an encrypted token": raw + ".x.y",
		"a line break in the signature":     raw[:len(raw)-4] + "\n" + raw[len(raw)-4:],
		"a line break in the header":        raw[:4] + "\r\n" + raw[4:],
		"a space in front":                  " " + raw,
		"a space behind":                    raw + " ",
		"padding":                           raw + "==",
		"a header with padding":             padded([]byte(`{"alg":"EdDSA","typ":"at+jwt"}  `)) + "." + parts[1] + "." + parts[2],
		"other unused bits":                 last,
		"a NUL":                             raw + "\x00",
		"a letter that looks like one":      strings.Replace(raw, "e", "е", 1),
		"over four kilobytes":               forge{good.head, big, good.sign}.String(),
		"a header that is a list":           segment([]string{"EdDSA"}) + "." + parts[1] + "." + parts[2],
		"a body that is a list":             parts[0] + "." + segment([]string{}) + "." + parts[2],
		"a body that is null":               parts[0] + "." + segment(nil) + "." + parts[2],
		"the header of another token":       segment(map[string]any{"alg": "EdDSA"}) + "." + parts[1] + "." + parts[2],
		"the JSON form":                     `{"payload":"` + parts[1] + `"}`,
		"a header with a member twice":      signed(good, `{"alg":"EdDSA","typ":"at+jwt","kid":"`+good.head["kid"].(string)+`","kid":"`+good.head["kid"].(string)+`"}`, ""),
		"a header with alg none first":      signed(good, `{"alg":"none","alg":"EdDSA","typ":"at+jwt","kid":"`+good.head["kid"].(string)+`"}`, ""),
		"a claim twice":                     signed(good, "", strings.Replace(text(good.body), `{`, `{"role":"partner_admin",`, 1)),
		"a body with something behind it":   signed(good, "", text(good.body)+"{}"),
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, err := tokens.Verify(text, noon)
			require.ErrorIs(t, err, ErrToken)
			require.Zero(t, v)
		})
	}
}

func TestVerify_FollowsTheLifeOfAKey(t *testing.T) {
	t.Parallel()
	now, err := NewKey(noon.Add(-time.Hour))
	require.NoError(t, err)
	next, err := NewKey(noon.Add(2 * time.Minute))
	require.NoError(t, err)
	tokens := NewTokens(issuer)
	p := Principal{TenantID: id.NewTenant(), ClientID: id.NewClient(), Role: Viewer, Scopes: []Permission{}}

	_, err = tokens.Sign(p, noon)
	require.ErrorContains(t, err, "no signing key")

	tokens.SetKeys([]Key{now, next})
	old, err := tokens.Sign(p, noon)
	require.NoError(t, err)
	require.Equal(t, now.ID, kid(t, old), "a published key does not sign before its time")
	require.Contains(t, string(tokens.JWKS(noon)), next.ID, "but verifiers know it already")

	later := noon.Add(3 * time.Minute)
	fresh, err := tokens.Sign(p, later)
	require.NoError(t, err)
	require.Equal(t, next.ID, kid(t, fresh))
	_, err = tokens.Verify(old, later)
	require.NoError(t, err, "the key before still verifies")

	now.Until = noon.Add(4 * time.Minute)
	tokens.SetKeys([]Key{now, next})
	_, err = tokens.Verify(old, now.Until.Add(-time.Second))
	require.NoError(t, err)
	_, err = tokens.Verify(old, now.Until)
	require.ErrorIs(t, err, ErrToken, "until it is withdrawn")
	require.NotContains(t, string(tokens.JWKS(now.Until)), now.ID)

	tokens.SetKeys([]Key{next})
	_, err = tokens.Verify(old, noon)
	require.ErrorIs(t, err, ErrToken, "a key that is gone verifies nothing")
}

func TestSign_NeedsThePrivateHalf(t *testing.T) {
	t.Parallel()
	k, err := NewKey(noon.Add(-time.Hour))
	require.NoError(t, err)
	signer, verifier := NewTokens(issuer), NewTokens(issuer)
	signer.SetKeys([]Key{k})
	k.Private = nil
	verifier.SetKeys([]Key{k})
	p := Principal{TenantID: id.NewTenant(), ClientID: id.NewClient(), Role: Viewer}
	raw, err := signer.Sign(p, noon)
	require.NoError(t, err)
	_, err = verifier.Verify(raw, noon)
	require.NoError(t, err)
	_, err = verifier.Sign(p, noon)
	require.Error(t, err)
}

func TestJWKS_HoldsPublicHalvesAlone(t *testing.T) {
	t.Parallel()
	tokens, k, _ := house(t)
	var set struct{ Keys []map[string]string }
	require.NoError(t, json.Unmarshal(tokens.JWKS(noon), &set))
	require.Equal(t, []map[string]string{{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(k.Public), "kid": k.ID, "use": "sig", "alg": "EdDSA"}}, set.Keys)
	require.JSONEq(t, `{"keys":[]}`, string(NewTokens(issuer).JWKS(noon)), "no keys are an empty list, never null")
}

func TestNewKey_NeverRepeats(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 100 {
		k, err := NewKey(noon)
		require.NoError(t, err)
		require.False(t, seen[k.ID])
		seen[k.ID] = true
		msg := make([]byte, 8)
		_, _ = rand.Read(msg)
		require.True(t, ed25519.Verify(k.Public, msg, ed25519.Sign(k.Private, msg)))
	}
}

func kid(t *testing.T, raw string) string {
	t.Helper()
	head, _, _ := strings.Cut(raw, ".")
	b, err := base64.RawURLEncoding.DecodeString(head)
	require.NoError(t, err)
	var h struct{ Kid string }
	require.NoError(t, json.Unmarshal(b, &h))
	return h.Kid
}
