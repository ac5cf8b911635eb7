package auth

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// TokenLife is how long an access token lasts. It is short because a token is believed without asking the database.
const TokenLife = 10 * time.Minute

// leeway allows for clocks of our own processes that differ a little.
const leeway = 5 * time.Second

// maxToken bounds what is parsed before anything is known about the sender.
const maxToken = 4096

// ErrToken says that a token is not ours, not valid now, or not an access token.
var ErrToken = errors.New("invalid token")

// Key is one signing key. Private is nil in processes that only verify.
type Key struct {
	ID      string
	Public  ed25519.PublicKey
	Private ed25519.PrivateKey
	From    time.Time // when it starts to sign: later than its publication, so that verifiers know it by then
	Until   time.Time // when it is withdrawn; zero while it is in use
}

// NewKey makes a fresh Ed25519 key that signs from the given time on.
func NewKey(from time.Time) (Key, error) {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Key{}, err
	}
	kid := make([]byte, 9)
	if _, err := rand.Read(kid); err != nil {
		return Key{}, err
	}
	return Key{ID: base64.RawURLEncoding.EncodeToString(kid), Public: pub, Private: priv, From: from}, nil
}

// Tokens signs and verifies access tokens (JWT, RFC 9068) with EdDSA. It is safe for concurrent use.
type Tokens struct {
	issuer string
	mu     sync.RWMutex
	keys   []Key // newest From first
}

// NewTokens returns tokens of an issuer, which is the public URL; it is also their audience.
func NewTokens(issuer string) *Tokens { return &Tokens{issuer: issuer} }

// SetKeys replaces the keys: what is not among them is not believed any more.
func (t *Tokens) SetKeys(keys []Key) {
	keys = slices.Clone(keys)
	slices.SortStableFunc(keys, func(a, b Key) int { return b.From.Compare(a.From) })
	t.mu.Lock()
	defer t.mu.Unlock()
	t.keys = keys
}

func (t *Tokens) find(kid string, now time.Time) (Key, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, k := range t.keys {
		if k.ID == kid && (k.Until.IsZero() || now.Before(k.Until)) {
			return k, true
		}
	}
	return Key{}, false
}

func (t *Tokens) signer(now time.Time) (Key, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, k := range t.keys {
		if k.Private != nil && !k.From.After(now) && k.Until.IsZero() {
			return k, true
		}
	}
	return Key{}, false
}

// claims are those of RFC 9068, and ours: tid, role, org, mdw, sbx.
type claims struct {
	Issuer         string             `json:"iss"`
	Audience       []string           `json:"aud"`
	Subject        string             `json:"sub"`
	ID             string             `json:"jti"`
	IssuedAt       seconds            `json:"iat"`
	NotBefore      seconds            `json:"nbf"`
	ExpiresAt      seconds            `json:"exp"`
	ClientID       string             `json:"client_id"`
	Scope          string             `json:"scope"`
	TenantID       id.TenantID        `json:"tid"`
	Role           Role               `json:"role"`
	OrganisationID *id.OrganisationID `json:"org,omitempty"`
	MedewerkerID   *id.MedewerkerID   `json:"mdw,omitempty"`
	Sandbox        bool               `json:"sbx,omitempty"`
}

// What golang-jwt asks of claims; it judges none of them here: see fits.
func (c claims) GetExpirationTime() (*jwt.NumericDate, error) {
	return jwt.NewNumericDate(c.ExpiresAt.time()), nil
}
func (c claims) GetIssuedAt() (*jwt.NumericDate, error) {
	return jwt.NewNumericDate(c.IssuedAt.time()), nil
}
func (c claims) GetNotBefore() (*jwt.NumericDate, error) {
	return jwt.NewNumericDate(c.NotBefore.time()), nil
}
func (c claims) GetIssuer() (string, error)             { return c.Issuer, nil }
func (c claims) GetSubject() (string, error)            { return c.Subject, nil }
func (c claims) GetAudience() (jwt.ClaimStrings, error) { return c.Audience, nil }

// seconds is a time as our tokens write it: whole seconds since 1970. RFC 7519 allows fractions too, and golang-jwt takes
// text for a number; ours are neither.
type seconds int64

func (s seconds) time() time.Time { return time.Unix(int64(s), 0) }

func (s *seconds) UnmarshalJSON(b []byte) error {
	if len(b) == 0 || len(b) > 11 || b[0] == '0' || strings.Trim(string(b), "0123456789") != "" {
		return errors.New("no time in whole seconds")
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	*s = seconds(n)
	return err
}

// fits reports whether the claims are those that Sign would make for somebody, and hold now.
func (c claims) fits(issuer string, now time.Time) bool {
	bound := c.OrganisationID != nil
	switch {
	case c.Issuer != issuer || len(c.Audience) != 1 || c.Audience[0] != issuer,
		c.Subject != c.ClientID || c.TenantID.IsZero() || c.ID == "",
		c.IssuedAt == 0 || c.NotBefore != c.IssuedAt || c.ExpiresAt <= c.IssuedAt || c.ExpiresAt.time().Sub(c.IssuedAt.time()) > TokenLife,
		now.Before(c.NotBefore.time().Add(-leeway)) || !now.Before(c.ExpiresAt.time().Add(leeway)),
		!slices.Contains(Roles, c.Role) || c.MedewerkerID != nil && !bound,
		MustBind(c.Role) == "organisation" && !bound, MustBind(c.Role) == "medewerker" && c.MedewerkerID == nil:
		return false
	}
	return true
}

// Sign makes an access token for a principal, valid from now for TokenLife.
func (t *Tokens) Sign(p Principal, now time.Time) (string, error) {
	k, ok := t.signer(now)
	if !ok {
		return "", errors.New("auth: no signing key")
	}
	scopes := make([]string, len(p.Scopes))
	for i, s := range p.Scopes {
		scopes[i] = string(s)
	}
	at := seconds(now.Unix())
	c := claims{
		Issuer: t.issuer, Audience: []string{t.issuer}, Subject: p.ClientID.String(), ID: rand.Text(),
		IssuedAt: at, NotBefore: at, ExpiresAt: at + seconds(TokenLife/time.Second),
		ClientID: p.ClientID.String(), Scope: strings.Join(scopes, " "), TenantID: p.TenantID, Role: p.Role,
		OrganisationID: p.OrganisationID, MedewerkerID: p.MedewerkerID, Sandbox: p.Sandbox,
	}
	tok := jwt.NewWithClaims(jwt.SigningMethodEdDSA, c)
	tok.Header["kid"], tok.Header["typ"] = k.ID, "at+jwt"
	return tok.SignedString(k.Private)
}

// Verified is what a good token says.
type Verified struct {
	Principal Principal
	IssuedAt  time.Time
	ExpiresAt time.Time
}

// Verify believes a token only if it is one of ours in every respect: algorithm, key, type, issuer, audience, times, no
// other headers, no member twice, and a role that still means something and holds every scope. Everything else is ErrToken.
func (t *Tokens) Verify(raw string, now time.Time) (Verified, error) {
	// golang-jwt reads base64 leniently about line breaks, so that one token would have many spellings.
	if len(raw) > maxToken || strings.Trim(raw, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") != "" ||
		strings.ContainsAny(raw, "\r\n") {
		return Verified{}, ErrToken
	}
	var c claims
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation())
	tok, err := parser.ParseWithClaims(raw, &c, func(tok *jwt.Token) (any, error) {
		for name := range tok.Header {
			if name != "alg" && name != "kid" && name != "typ" { // crit, jku, jwk, x5u … : nothing of ours
				return nil, errors.New("unexpected header " + name)
			}
		}
		if tok.Header["typ"] != "at+jwt" {
			return nil, errors.New("not an access token")
		}
		kid, _ := tok.Header["kid"].(string)
		k, ok := t.find(kid, now)
		if !ok {
			return nil, errors.New("unknown key")
		}
		return k.Public, nil
	})
	if err != nil {
		return Verified{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	head, rest, _ := strings.Cut(tok.Raw, ".")
	body, _, _ := strings.Cut(rest, ".")
	if !exact(head, headers) || !exact(body, members) {
		return Verified{}, fmt.Errorf("%w: members that are not ours, or twice", ErrToken)
	}
	cid, err := id.ParseClient(c.Subject)
	if err != nil || !c.fits(t.issuer, now) {
		return Verified{}, fmt.Errorf("%w: claims do not fit together", ErrToken)
	}
	p := Principal{TenantID: c.TenantID, ClientID: cid, Role: c.Role, OrganisationID: c.OrganisationID,
		MedewerkerID: c.MedewerkerID, Sandbox: c.Sandbox}
	for s := range strings.FieldsSeq(c.Scope) {
		p.Scopes = append(p.Scopes, Permission(s))
	}
	slices.Sort(p.Scopes)
	if held := Effective(p.Role, p.Scopes, p.Bound()); slices.ContainsFunc(p.Scopes, func(s Permission) bool { return !slices.Contains(held, s) }) {
		return Verified{}, fmt.Errorf("%w: scopes that its role does not hold", ErrToken)
	}
	return Verified{p, c.IssuedAt.time(), c.ExpiresAt.time()}, nil
}

// The members that our tokens have. encoding/json takes the last of two alike, and other cases of a letter: what another
// reader of the same token would take must not be in doubt.
var (
	headers = []string{"alg", "kid", "typ"}
	members = []string{"iss", "aud", "sub", "jti", "iat", "nbf", "exp", "client_id", "scope", "tid", "role", "org", "mdw", "sbx"}
)

// exact reports whether a segment is one object in which each member is one of these, and stands once.
func exact(segment string, known []string) bool {
	b, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil {
		return false
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return false
	}
	seen := make([]string, 0, len(known))
	for dec.More() {
		name, err := dec.Token()
		n, ok := name.(string)
		if err != nil || !ok || !slices.Contains(known, n) || slices.Contains(seen, n) {
			return false
		}
		seen = append(seen, n)
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil || string(value) == "null" {
			return false
		}
	}
	return true
}

// JWKS returns the public keys as a JSON Web Key Set (RFC 7517, RFC 8037): also those that will sign soon, and those
// whose tokens may still be about.
func (t *Tokens) JWKS(now time.Time) json.RawMessage {
	type jwk struct {
		Kty string `json:"kty"`
		Crv string `json:"crv"`
		X   string `json:"x"`
		Kid string `json:"kid"`
		Use string `json:"use"`
		Alg string `json:"alg"`
	}
	set := struct {
		Keys []jwk `json:"keys"`
	}{Keys: []jwk{}}
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, k := range t.keys {
		if k.Until.IsZero() || now.Before(k.Until) {
			set.Keys = append(set.Keys, jwk{"OKP", "Ed25519", base64.RawURLEncoding.EncodeToString(k.Public), k.ID, "sig", "EdDSA"})
		}
	}
	b, err := json.Marshal(set)
	if err != nil {
		panic(err) // plain strings always marshal
	}
	return b
}
