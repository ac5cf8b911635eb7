package webhook

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/seal"
)

// Shape is how an endpoint wants what it gets, besides where and which types.
type Shape struct {
	// Of the facts of these types only those whose data holds all conditions.
	Filter []Condition `json:"filter" validate:"max=20"`
	// thin: ids and links alone; the rest is to be fetched.
	Payload string `json:"payload" enums:"standard,thin" default:"standard" example:"standard"`
	// subject: what concerns one subject goes out one after the other, in the order of its revisions.
	Ordering string `json:"ordering" enums:"none,subject" default:"none" example:"none"`
	// At most so many a second; null is as fast as the endpoint answers.
	RateLimit *int `json:"rate_limit" minimum:"1" maximum:"1000" extensions:"x-nullable" example:"10"`
	// Sent with each delivery, and never shown again.
	Headers []Header `json:"headers" validate:"max=20"`
	// Where to get a token that each delivery carries.
	OAuth *OAuth `json:"oauth" extensions:"x-nullable"`
	// With which we show who we are (mTLS).
	Certificate *Certificate `json:"certificate" extensions:"x-nullable,x-example=null"`
	// Who gets a letter when it only fails, and when it is disabled.
	AlertEmail *string `json:"alert_email" format:"email" maxLength:"254" extensions:"x-nullable,x-example=null"`
}

// Condition is what a member of the data of a fact must be: one of some values, or there.
type Condition struct {
	// The member, with full stops between the parts. Of a list one item is enough.
	Path string `json:"path" binding:"required" minLength:"1" maxLength:"100" example:"role"`
	// One of these strings, numbers or booleans; null is a member that is null or absent.
	In []any `json:"in" validate:"max=50" extensions:"x-example=[\"switcher\"]"`
	// true: neither null nor absent; false: null or absent.
	Exists *bool `json:"exists" extensions:"x-nullable,x-example=null"`
} // @name WebhookCondition

// Header is a header of ours for somebody else's server.
type Header struct {
	Name  string `json:"name" binding:"required" minLength:"1" maxLength:"100" example:"X-Api-Key"`
	Value string `json:"value" binding:"required" minLength:"1" maxLength:"1000" example:"a-key-of-theirs"`
} // @name WebhookHeader

// OAuth are client credentials (RFC 6749, section 4.4) towards the receiver.
type OAuth struct {
	TokenURL     string  `json:"token_url" binding:"required" minLength:"1" maxLength:"2048" example:"https://login.example.com/token"`
	ClientID     string  `json:"client_id" binding:"required" minLength:"1" maxLength:"200" extensions:"x-prefix=none" example:"switchboard"`
	ClientSecret string  `json:"client_secret" binding:"required" minLength:"1" maxLength:"1000" example:"a-secret-of-theirs"`
	Scope        *string `json:"scope" minLength:"1" maxLength:"1000" extensions:"x-nullable" example:"hooks:write"`
} // @name WebhookOAuth

// Certificate is a client certificate and its key, both PEM.
type Certificate struct {
	Certificate string `json:"certificate" binding:"required" minLength:"1" maxLength:"16384" example:"-----BEGIN CERTIFICATE-----…"`
	PrivateKey  string `json:"private_key" binding:"required" minLength:"1" maxLength:"16384" example:"-----BEGIN PRIVATE KEY-----…"`
} // @name WebhookCertificate

const (
	payloadStandard = "standard"
	payloadThin     = "thin"
	orderingSubject = "subject"
	maxFilterText   = 200 // characters of one value
)

var (
	oneOfTwo = fault.DefineRule("in_or_exists", fault.Text{EN: "needs either in or exists", NL: "heeft in of exists nodig, een van beide",
		FR: "demande in ou exists, l’un des deux"})
	noScalar = fault.DefineRule("not_scalar", fault.Text{EN: "must be a string of at most {max} characters, a number, a boolean or null",
		NL: "moet een tekst van hoogstens {max} tekens, een getal, een boolean of null zijn", FR: "doit être un texte d’au plus {max} caractères, un nombre, un booléen ou null"})
	reserved = fault.DefineRule("reserved_header", fault.Text{EN: "is not a header that you can set", NL: "is geen header die u kunt bepalen",
		FR: "n’est pas un en-tête que vous pouvez définir"})
	badValue = fault.DefineRule("bad_header_value", fault.Text{EN: "must be visible ASCII without spaces around it", NL: "moet zichtbare ASCII zijn, zonder spaties errond",
		FR: "doit être de l’ASCII visible, sans espaces autour"})
	noPair = fault.DefineRule("bad_certificate", fault.Text{EN: "must be a certificate in PEM with the private key that belongs to it",
		NL: "moet een certificaat in PEM zijn met de sleutel die erbij hoort", FR: "doit être un certificat en PEM avec la clé qui lui appartient"})
	expired = fault.DefineRule("certificate_expired", fault.Text{EN: "has expired", NL: "is verlopen", FR: "a expiré"})
	needTLS = fault.DefineRule("needs_https", fault.Text{EN: "needs an https:// url", NL: "heeft een https-url nodig", FR: "demande une url https"})
	again   = fault.DefineRule("give_again", fault.Text{EN: "must be given again, or cleared, when the url moves to another host",
		NL: "moet opnieuw gegeven of gewist worden wanneer de url naar een andere host gaat", FR: "doit être redonné ou effacé quand l’url change d’hôte"})
)

var (
	headerName  = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_|~-]+$") // a token (RFC 9110, section 5.6.2)
	headerValue = regexp.MustCompile(`^[!-~]([\t -~]*[!-~])?$`)
	memberName  = regexp.MustCompile(`^[a-z0-9_]+$`)
)

// ourHeaders are those that we set ourselves, or that are about the connection or about whom a request comes from.
var ourHeaders = []string{"Accept-Encoding", "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Cookie", "Date", "Expect", "Forwarded",
	"Host", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent", "Via"}

// checkShape refuses what cannot be sent, for an endpoint that wants these types.
func (svc *Service) checkShape(e *fault.Error, s Shape, types []string, now time.Time) {
	if s.AlertEmail != nil && svc.Mail == nil {
		e.At("/alert_email", noMail)
	}
	wanted := fact.Matching(types)
	for i, c := range s.Filter {
		c.check(e, "/filter/"+strconv.Itoa(i), wanted)
	}
	seen := map[string]bool{}
	for i, h := range s.Headers {
		at, name := "/headers/"+strconv.Itoa(i), http.CanonicalHeaderKey(h.Name)
		switch {
		case !headerName.MatchString(h.Name), slices.Contains(ourHeaders, name), strings.HasPrefix(name, "Webhook-"), strings.HasPrefix(name, "X-Forwarded"),
			strings.HasPrefix(name, "Proxy-"), strings.HasPrefix(name, "Sec-"), name == "Authorization" && s.OAuth != nil:
			e.At(at+"/name", reserved)
		case seen[name]:
			e.At(at+"/name", fault.Twice)
		}
		if !headerValue.MatchString(h.Value) {
			e.At(at+"/value", badValue)
		}
		seen[name] = true
	}
	if s.OAuth != nil {
		checkURL(e, svc.policy, "/oauth/token_url", s.OAuth.TokenURL)
	}
	if s.Certificate != nil {
		leaf, err := s.Certificate.leaf()
		switch {
		case err != nil:
			e.At("/certificate", noPair)
		case !now.Before(leaf.NotAfter):
			e.At("/certificate", expired)
		}
	}
}

func (c Condition) check(e *fault.Error, at string, wanted []*fact.Type) {
	path := strings.Split(c.Path, ".")
	known := !slices.ContainsFunc(path, func(p string) bool { return !memberName.MatchString(p) }) &&
		slices.ContainsFunc(wanted, func(t *fact.Type) bool { return t.Has(path...) })
	if !known {
		e.At(at+"/path", fault.NoReference)
	}
	if (len(c.In) > 0) == (c.Exists != nil) {
		e.At(at, oneOfTwo)
	}
	for i, v := range c.In {
		var x any
		raw, err := json.Marshal(v)
		if err == nil {
			err = json.Unmarshal(raw, &x)
		}
		scalar := err == nil
		switch y := x.(type) {
		case string:
			scalar = len([]rune(y)) <= maxFilterText
		case []any, map[string]any:
			scalar = false
		}
		if !scalar || len(raw) > 4*maxFilterText {
			e.At(at+"/in/"+strconv.Itoa(i), noScalar, "max", strconv.Itoa(maxFilterText))
		}
	}
}

// leaf is the certificate itself, of a chain and a key that belong together.
func (c Certificate) leaf() (*x509.Certificate, error) {
	if block, _ := pem.Decode([]byte(c.Certificate)); block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("webhook: a certificate comes first")
	}
	pair, err := tls.X509KeyPair([]byte(c.Certificate), []byte(c.PrivateKey))
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(pair.Certificate[0])
}

// storedCondition is a condition as platform.filter_holds reads it.
type storedCondition struct {
	Path   []string `json:"path"`
	In     []any    `json:"in,omitempty"`
	Exists *bool    `json:"exists,omitempty"`
}

// storeFilter writes a filter; none is nil.
func storeFilter(f []Condition) (*string, error) {
	if len(f) == 0 {
		return nil, nil
	}
	out := make([]storedCondition, len(f))
	for i, c := range f {
		out[i] = storedCondition{strings.Split(c.Path, "."), c.In, c.Exists}
	}
	b, err := json.Marshal(out)
	s := string(b)
	return &s, err
}

// readFilter reads what storeFilter wrote.
func readFilter(stored *string) []Condition {
	out := []Condition{}
	var rows []struct {
		Path   []string
		In     []json.RawMessage
		Exists *bool
	}
	if stored == nil || json.Unmarshal([]byte(*stored), &rows) != nil { // we wrote it
		return out
	}
	for _, r := range rows {
		c := Condition{Path: strings.Join(r.Path, "."), In: []any{}, Exists: r.Exists}
		for _, v := range r.In {
			c.In = append(c.In, v)
		}
		out = append(out, c)
	}
	return out
}

// shapeOf is what an endpoint asks for, without what is never shown again.
func shapeOf(e Endpoint) Shape {
	return Shape{Filter: readFilter(e.Filter), Payload: e.Payload, Ordering: e.Ordering, RateLimit: e.RateLimit, Headers: []Header{}, AlertEmail: e.AlertEmail}
}

// sealed is the place of a secret of an endpoint.
func sealed(tenant uuid.UUID, column string, e Endpoint) seal.Where {
	return seal.Where{Tenant: tenant, Table: "webhook_endpoints", Column: column, Row: e.ID.UUID()}
}

// given says which of the members that are never shown again a caller named.
type given struct{ headers, oauth, certificate bool }

// put lays a shape over an endpoint, sealing what is secret; what was not given stays.
func (s *Service) put(tx *db.Tx, e *Endpoint, in Shape, g given) (err error) {
	before := readFilter(e.Filter)
	e.Payload, e.Ordering, e.RateLimit, e.AlertEmail = in.Payload, in.Ordering, in.RateLimit, in.AlertEmail
	if a, b := mustJSON(before), mustJSON(in.Filter); a != b { // jsonb spells it in its own way
		if e.Filter, err = storeFilter(in.Filter); err != nil {
			return err
		}
	}
	close := func(column string, plain []byte) (out []byte) {
		if err == nil {
			out, err = s.box.Seal(plain, sealed(tx.Scope.Tenant, column, *e))
		}
		return out
	}
	if g.headers {
		e.HeaderNames, e.Headers = db.Strings{}, nil
		for _, h := range in.Headers {
			e.HeaderNames = append(e.HeaderNames, h.Name)
		}
		if len(in.Headers) > 0 {
			e.Headers = close("headers", []byte(mustJSON(in.Headers)))
		}
	}
	if g.oauth {
		e.OAuthTokenURL, e.OAuthClientID, e.OAuthScope, e.OAuthSecret = nil, nil, nil, nil
		if o := in.OAuth; o != nil {
			e.OAuthTokenURL, e.OAuthClientID, e.OAuthScope = &o.TokenURL, &o.ClientID, o.Scope
			e.OAuthSecret = close("oauth_secret", []byte(o.ClientSecret))
		}
	}
	if g.certificate {
		e.Certificate, e.CertificateKey = nil, nil
		if c := in.Certificate; c != nil {
			e.Certificate = &c.Certificate
			e.CertificateKey = close("certificate_key", []byte(c.PrivateKey))
		}
	}
	return err
}

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain values, and JSON that was read before
	}
	return string(b)
}

// lay writes what the deliverer has to know of an endpoint that is not served as fast as can be. What already waits keeps
// the order that it had.
func lay(tx *db.Tx, e Endpoint) error {
	if e.RateLimit == nil && e.Ordering != orderingSubject {
		_, err := tx.Run(`delete from platform.delivery_lanes where endpoint_id = ? and tenant_id = ?`, e.ID, tx.Scope.Tenant)
		return err
	}
	_, err := tx.Run(`insert into platform.delivery_lanes (endpoint_id, tenant_id, ordered, per_second) values (?, ?, ?, ?)
		on conflict (endpoint_id) do update set ordered = excluded.ordered, per_second = excluded.per_second`,
		e.ID, tx.Scope.Tenant, e.Ordering == orderingSubject, e.RateLimit)
	return err
}

// OAuthWire is where an endpoint gets its tokens, without the secret.
type OAuthWire struct {
	TokenURL string  `json:"token_url" format:"uri" example:"https://login.example.com/token"`
	ClientID string  `json:"client_id" extensions:"x-prefix=none" example:"switchboard"`
	Scope    *string `json:"scope" extensions:"x-nullable" example:"hooks:write"`
} // @name WebhookOAuthShown

// CertificateWire is what is shown of a client certificate.
type CertificateWire struct {
	SHA256   string    `json:"sha256" example:"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"` // of the certificate, in hex
	NotAfter time.Time `json:"not_after" format:"date-time" example:"2028-01-11T08:00:00Z"`
} // @name WebhookCertificateShown

// ShapeWire is the shape of an endpoint as callers see it.
type ShapeWire struct {
	Filter      []Condition      `json:"filter"`
	Payload     string           `json:"payload" enums:"standard,thin" example:"standard"`
	Ordering    string           `json:"ordering" enums:"none,subject" example:"none"`
	RateLimit   *int             `json:"rate_limit" extensions:"x-nullable" example:"10"`
	HeaderNames []string         `json:"header_names" example:"X-Api-Key"` // their values are never shown
	OAuth       *OAuthWire       `json:"oauth" extensions:"x-nullable"`
	Certificate *CertificateWire `json:"certificate" extensions:"x-nullable"`
	AlertEmail  *string          `json:"alert_email" format:"email" extensions:"x-nullable" example:"hr-it@voorbeeld.example"`
}

func shapeWire(e Endpoint) ShapeWire {
	w := ShapeWire{Filter: readFilter(e.Filter), Payload: e.Payload, Ordering: e.Ordering, RateLimit: e.RateLimit, HeaderNames: append([]string{}, e.HeaderNames...), AlertEmail: e.AlertEmail}
	if e.OAuthTokenURL != nil && e.OAuthClientID != nil {
		w.OAuth = &OAuthWire{*e.OAuthTokenURL, *e.OAuthClientID, e.OAuthScope}
	}
	if e.Certificate != nil {
		if block, _ := pem.Decode([]byte(*e.Certificate)); block != nil { // as it was when it came
			if leaf, err := x509.ParseCertificate(block.Bytes); err == nil {
				sum := sha256.Sum256(leaf.Raw)
				w.Certificate = &CertificateWire{hex.EncodeToString(sum[:]), leaf.NotAfter.UTC()}
			}
		}
	}
	return w
}
