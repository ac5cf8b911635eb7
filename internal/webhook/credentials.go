package webhook

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/outbound"
)

const (
	// maxKnown bounds the endpoints whose connections and tokens are remembered.
	maxKnown = 512
	// maxTokenAge is how long a token is used that does not say when it ends.
	maxTokenAge = time.Hour
)

// introductions remembers, per endpoint, the client that shows its certificate and the token that it gave us. What it
// remembers belongs to the credentials that the endpoint has.
type introductions struct {
	mu    sync.Mutex
	known map[id.EndpointID]*introduction
}

type introduction struct {
	by     [sha256.Size]byte // its credentials, as they are kept: sealed anew whenever they are given
	client *outbound.Client

	mu    sync.Mutex // one asks for a token, the others wait for it
	token *oauth2.Token
	got   time.Time // when it was given
	until time.Time
}

// of returns what is known of an endpoint as it is now.
func (i *introductions) of(e id.EndpointID, by [sha256.Size]byte, client func() (*outbound.Client, error)) (*introduction, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if x := i.known[e]; x != nil && x.by == by {
		return x, nil
	}
	c, err := client()
	if err != nil {
		return nil, err
	}
	for old := range i.known {
		if len(i.known) < maxKnown {
			break
		}
		delete(i.known, old) // any: it only costs a handshake and a token
	}
	x := &introduction{by: by, client: c}
	i.known[e] = x
	return x, nil
}

// credentials tells what an endpoint has us show from what it had us show before.
func (p *parcel) credentials() [sha256.Size]byte {
	return sha256.Sum256([]byte(mustJSON([]any{p.OAuthTokenURL, p.OAuthClientID, p.OAuthScope, p.OAuthSecret, p.Certificate, p.CertificateKey})))
}

// introduce returns the client to call an endpoint with, the value of Authorization, if it wants a token, and whether that token was
// given after the delivery was loaded. The error is errSealed where it is our fault, and else that of the token endpoint, or of ctx.
func (d *Deliverer) introduce(ctx context.Context, t ticket, p *parcel) (_ *outbound.Client, _ *introduction, authorization string, later bool, _ error) {
	if p.Certificate == nil && p.OAuthTokenURL == nil {
		return d.client, nil, "", false, nil
	}
	x, err := d.met.of(p.EndpointID, p.credentials(), func() (*outbound.Client, error) {
		if p.Certificate == nil {
			return d.client, nil
		}
		key, err := d.unseal(p.CertificateKey, sealed(t.Tenant.UUID(), "certificate_key", Endpoint{ID: p.EndpointID}))
		if err != nil {
			return nil, err
		}
		pair, err := tls.X509KeyPair([]byte(*p.Certificate), key)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errSealed, err)
		}
		return d.client.WithCertificate(pair), nil
	})
	if err != nil || p.OAuthTokenURL == nil {
		if err != nil {
			return nil, nil, "", false, err
		}
		return x.client, x, "", false, nil
	}
	secret, err := d.unseal(p.OAuthSecret, sealed(t.Tenant.UUID(), "oauth_secret", Endpoint{ID: p.EndpointID}))
	if err != nil {
		return nil, nil, "", false, err
	}
	token, got, err := x.ask(ctx, p, string(secret))
	if err != nil {
		return nil, nil, "", false, err
	}
	return x.client, x, token.Type() + " " + token.AccessToken, got.After(p.loaded), nil
}

// ask returns a token that is good for a while, the one that we have or another, and when it was given.
func (x *introduction) ask(ctx context.Context, p *parcel, secret string) (*oauth2.Token, time.Time, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.token.Valid() && time.Now().Before(x.until) {
		return x.token, x.got, nil
	}
	c := clientcredentials.Config{ClientID: *p.OAuthClientID, ClientSecret: secret, TokenURL: *p.OAuthTokenURL, AuthStyle: oauth2.AuthStyleInHeader}
	if p.OAuthScope != nil {
		c.Scopes = []string{*p.OAuthScope}
	}
	token, err := c.Token(context.WithValue(ctx, oauth2.HTTPClient, x.client.HTTPClient()))
	if err != nil {
		return nil, time.Time{}, err
	}
	x.token, x.got = token, time.Now()
	x.until = x.got.Add(maxTokenAge)
	return token, x.got, nil
}

// forget drops a token that a receiver did not take.
func (x *introduction) forget() {
	if x == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.token = nil
}

// dress adds the headers that an endpoint asks for.
func (d *Deliverer) dress(t ticket, p *parcel, h http.Header) error {
	if p.Headers == nil {
		return nil
	}
	plain, err := d.unseal(p.Headers, sealed(t.Tenant.UUID(), "headers", Endpoint{ID: p.EndpointID}))
	if err != nil {
		return err
	}
	var theirs []Header
	if err := json.Unmarshal(plain, &theirs); err != nil {
		return fmt.Errorf("%w: %w", errSealed, err)
	}
	for _, x := range theirs {
		h.Set(x.Name, x.Value)
	}
	return nil
}
