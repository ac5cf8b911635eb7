package auth

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
	jwt.RegisteredClaims
	ClientID       string             `json:"client_id"`
	Scope          string             `json:"scope"`
	TenantID       id.TenantID        `json:"tid"`
	Role           Role               `json:"role"`
	OrganisationID *id.OrganisationID `json:"org,omitempty"`
	MedewerkerID   *id.MedewerkerID   `json:"mdw,omitempty"`
	Sandbox        bool               `json:"sbx,omitempty"`
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
	c := claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: t.issuer, Audience: jwt.ClaimStrings{t.issuer}, Subject: p.ClientID.String(), ID: rand.Text(),
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(TokenLife)),
		},
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

// Verify believes a token only if it is one of ours in every respect: algorithm, key, type, issuer, audience, times,
// no critical extensions, and a role that still means something. Everything else is ErrToken.
func (t *Tokens) Verify(raw string, now time.Time) (Verified, error) {
	// golang-jwt reads base64 leniently about line breaks, so that one token would have many spellings.
	if len(raw) > maxToken || strings.Trim(raw, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") != "" ||
		strings.ContainsAny(raw, "\r\n") {
		return Verified{}, ErrToken
	}
	var c claims
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithIssuer(t.issuer), jwt.WithAudience(t.issuer),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(leeway), jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(func() time.Time { return now }))
	_, err := parser.ParseWithClaims(raw, &c, func(tok *jwt.Token) (any, error) {
		if typ, _ := tok.Header["typ"].(string); !strings.EqualFold(typ, "at+jwt") {
			return nil, errors.New("not an access token")
		}
		for name := range tok.Header {
			if name != "alg" && name != "kid" && name != "typ" { // crit, jku, jwk, x5u … : nothing of ours
				return nil, errors.New("unexpected header " + name)
			}
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
	cid, err := id.ParseClient(c.Subject)
	if err != nil || c.Subject != c.ClientID || c.TenantID.IsZero() || !slices.Contains(Roles, c.Role) || c.IssuedAt == nil ||
		c.NotBefore == nil || c.ExpiresAt.Sub(c.IssuedAt.Time) > TokenLife || c.MedewerkerID != nil && c.OrganisationID == nil {
		return Verified{}, fmt.Errorf("%w: claims do not fit together", ErrToken)
	}
	p := Principal{TenantID: c.TenantID, ClientID: cid, Role: c.Role, OrganisationID: c.OrganisationID,
		MedewerkerID: c.MedewerkerID, Sandbox: c.Sandbox}
	for s := range strings.FieldsSeq(c.Scope) {
		p.Scopes = append(p.Scopes, Permission(s))
	}
	slices.Sort(p.Scopes)
	return Verified{p, c.IssuedAt.Time, c.ExpiresAt.Time}, nil
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
