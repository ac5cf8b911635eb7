package access

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// tokenError is an error in the words of RFC 6749, section 5.2: the only ones that OAuth clients understand.
type tokenError struct {
	status      int
	code        string
	description string
	wait        time.Duration
}

func (e *tokenError) Error() string { return e.code + ": " + e.description }

// html is the answer that says it.
func (e *tokenError) html() web.HTML {
	h := unstored()
	if e.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Basic realm="switchboard", charset="UTF-8"`)
	}
	if e.wait > 0 {
		h.Set("Retry-After", retryAfter(e.wait))
	}
	return jsonAnswer(e.status, h, TokenError{e.code, e.description})
}

func badRequest(description string) error {
	return &tokenError{status: http.StatusBadRequest, code: "invalid_request", description: description}
}

var errClient = &tokenError{status: http.StatusUnauthorized, code: "invalid_client", description: "the client is unknown or its secret is wrong"}

// unavailable is what RFC 6749 calls it when a server cannot answer now (section 4.1.2.1; there is no better word).
func unavailable(status int, wait time.Duration) *tokenError {
	return &tokenError{status: status, code: "temporarily_unavailable", description: "not possible right now: try again later", wait: max(wait, time.Second)}
}

// TokenRefusal says in the words of RFC 6749 what any door may refuse before or while it works: what web answers at
// the token endpoint instead of a problem.
func TokenRefusal(err error) web.HTML {
	var f *fault.Error
	switch {
	case !errors.As(err, &f):
	case f.Problem.Kind == fault.TooMany:
		return unavailable(http.StatusTooManyRequests, f.Wait).html()
	case f.Problem.Kind == fault.Unavailable:
		return unavailable(http.StatusServiceUnavailable, f.Wait).html()
	case f.Problem.Kind == fault.Unsupported:
		return (&tokenError{status: http.StatusBadRequest, code: "invalid_request", description: "send application/x-www-form-urlencoded"}).html()
	case web.StatusOf(f.Problem.Kind) < http.StatusInternalServerError:
		return (&tokenError{status: http.StatusBadRequest, code: "invalid_request", description: f.Problem.Text.In("en", f.Params)}).html()
	}
	return (&tokenError{status: http.StatusInternalServerError, code: "server_error", description: "something went wrong on our side"}).html()
}

func unstored() http.Header {
	return http.Header{"Cache-Control": {"no-store"}, "Pragma": {"no-cache"}}
}

func jsonAnswer(status int, h http.Header, v any) web.HTML {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain strings always marshal
	}
	return web.HTML{Status: status, Header: h, Type: "application/json", Bytes: append(b, '\n')}
}

// tokenRequest is what a client sends for a token (RFC 6749, section 4.4.2).
type tokenRequest struct {
	clientID, secret, scope string
}

// parseToken reads the credentials from the form or from HTTP Basic, never from both (RFC 6749, section 2.3). Unknown
// members are ignored, empty ones absent, repeated ones refused (section 3.2).
func parseToken(authorization string, form url.Values) (tokenRequest, error) {
	for _, name := range []string{"grant_type", "client_id", "client_secret", "scope"} {
		if len(form[name]) > 1 {
			return tokenRequest{}, badRequest(name + " stands there more than once")
		}
	}
	r := tokenRequest{form.Get("client_id"), form.Get("client_secret"), form.Get("scope")}
	if authorization != "" {
		user, password, ok := basic(authorization)
		switch {
		case !ok:
			return r, errClient
		case r.secret != "":
			return r, badRequest("credentials in the form and in the header")
		case r.clientID != "" && r.clientID != user:
			return r, badRequest("client_id is not that of the header")
		}
		r.clientID, r.secret = user, password
	}
	switch grant := form.Get("grant_type"); {
	case grant == "":
		return r, badRequest("grant_type is missing")
	case grant != "client_credentials":
		return r, &tokenError{status: http.StatusBadRequest, code: "unsupported_grant_type", description: "only client_credentials"}
	case r.clientID == "" || r.secret == "":
		return r, errClient
	}
	return r, nil
}

// basic reads HTTP Basic, whose two parts are form-encoded here (RFC 6749, section 2.3.1).
func basic(header string) (user, password string, ok bool) {
	scheme, text, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", "", false
	}
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return "", "", false
	}
	user, password, ok = strings.Cut(string(b), ":")
	if !ok {
		return "", "", false
	}
	user, errUser := url.QueryUnescape(user)
	password, errPassword := url.QueryUnescape(password)
	return user, password, errUser == nil && errPassword == nil
}

// decoy is where a client is looked for whose id nobody has: the same work, and the same answer.
var decoy = db.Found{Tenant: id.TenantID(uuid.MustParse("00000000-0000-7000-8000-00000000dec0")), Subject: uuid.MustParse("00000000-0000-7000-8000-00000000dec1")}

// live reads in one statement what decides about a client: always one row, also where there is no such client.
const live = `select c.first_used_at is null as first, coalesce(t.sandbox, false) as sandbox,
	(select max(r.until) from platform.revocations r where r.client_id = x.client) as voided,
	(select s.hash from client_secrets s where s.tenant_id = x.tenant and s.client_id = x.client and (s.expires_at is null or s.expires_at > @now)
		order by s.created_at desc, s.id desc limit 1) as newer,
	(select s.hash from client_secrets s where s.tenant_id = x.tenant and s.client_id = x.client and (s.expires_at is null or s.expires_at > @now)
		order by s.created_at desc, s.id desc limit 1 offset 1) as older
	from (select cast(@tenant as uuid) as tenant, cast(@client as uuid) as client) x
	left join clients c on c.tenant_id = x.tenant and c.id = x.client and c.revoked_at is null
	left join tenants t on t.tenant_id = x.tenant`

type liveRow struct {
	First        bool
	Sandbox      bool
	Voided       *time.Time
	Newer, Older []byte
}

func (r liveRow) hashes() [][]byte {
	var out [][]byte
	for _, h := range [][]byte{r.Newer, r.Older} {
		if len(h) > 0 {
			out = append(out, h)
		}
	}
	return out
}

func readLive(tx *db.Tx, f db.Found) (liveRow, error) {
	var r liveRow
	err := tx.Select(&r, live, map[string]any{"tenant": f.Tenant, "client": f.Subject, "now": tx.Now})
	return r, err
}

// grant checks the credentials and makes a token. Failures are *tokenError, fault.TooManyRequests, or what the database says.
//
// Whose secret it is, is asked before anything is refused: a right one gets its token, in a place of its tenant, within its
// client's own limit, whatever its address did. Only what the directory does not know counts against the address, and is held
// back when too much of it failed.
func (s *Service) grant(ctx context.Context, r tokenRequest, from netip.Addr) (t Token, err error) {
	a := attemptOf(r.clientID, from)
	whose, err := s.lookups.find(ctx, r.secret)
	if err != nil {
		return Token{}, err
	}
	known := whose != (db.Found{}) && id.ClientID(whose.Subject).String() == r.clientID
	who := r.clientID
	if !known {
		who, whose = a.address, db.Found{}
	}
	if err := web.Count(ctx, who); err != nil {
		return Token{}, err
	}
	if wait := s.failures.wait(a); wait > 0 && !known {
		return Token{}, fault.TooManyRequests.New().After(max(wait, time.Second))
	}
	err = web.InPlace(ctx, whose.Tenant, func() (err error) {
		t, err = s.verify(ctx, r, whose)
		return err
	})
	if errors.Is(err, errClient) {
		s.failures.failed(a)
		if known { // it has ended: it must not go past the limits for ever
			if err := s.db.Forget(ctx, secrets, r.secret); err != nil {
				return Token{}, err
			}
		}
	}
	return t, err
}

// verify makes a token for a client that the directory knows by its secret, or else for the one that it says it is.
func (s *Service) verify(ctx context.Context, r tokenRequest, found db.Found) (Token, error) {
	p := proof{hash: hashOf(r.secret), listed: found != (db.Found{})}
	if !p.listed {
		var err error
		found, err = s.db.Resolve(ctx, directory, r.clientID)
		if fault.Missing.Is(err) {
			found, err = decoy, nil
		}
		if err != nil {
			return Token{}, err
		}
	}
	who := db.System(found.Tenant, "token")
	var row liveRow
	err := s.db.Single(ctx, who, func(tx *db.Tx) (err error) {
		row, err = readLive(tx, found)
		return err
	})
	if err != nil {
		return Token{}, err
	}
	if !p.hash.matches(row.hashes()) {
		return Token{}, errClient
	}
	p.first = row.First
	return s.issue(ctx, found, &p, r.scope)
}

// Token makes an access token for a client without its secret, for the command line of whoever runs the installation.
// It is audited, and is no first use.
func (s *Service) Token(ctx context.Context, cid id.ClientID) (Token, error) {
	found, err := s.db.Resolve(ctx, directory, cid.String())
	if err != nil {
		return Token{}, err
	}
	t, err := s.issue(ctx, found, nil, "")
	if errors.Is(err, errClient) {
		return t, fault.Missing.New()
	}
	return t, err
}

// proof is a secret that was right a moment ago.
type proof struct {
	hash   hash
	first  bool // its client never got a token
	listed bool // the directory knows it
}

// issue makes a token while it holds the client's row, so that nothing about the client changes meanwhile, and looks
// again at everything that decides: a secret that ended a moment ago gets nothing. The proof is nil when the installation
// itself asks.
func (s *Service) issue(ctx context.Context, f db.Found, p *proof, scope string) (Token, error) {
	cid := id.ClientID(f.Subject)
	who := db.System(f.Tenant, "token")
	who.RequestID = web.RequestOf(ctx).ID
	if p != nil {
		who.Actor = cid.String()
	}
	var out Token
	err := s.db.InTenant(ctx, who, func(tx *db.Tx) error {
		strength := "SHARE" // clients that many instances share do not wait for each other
		if p != nil && p.first {
			strength = "UPDATE"
		}
		var c Client
		got := tx.Clauses(clause.Locking{Strength: strength}).Where("id = ? and revoked_at is null", cid).Limit(1).Find(&c)
		if got.Error != nil {
			return got.Error
		}
		row, err := readLive(tx, f)
		if err != nil {
			return err
		}
		if got.RowsAffected == 0 || p != nil && !p.hash.matches(row.hashes()) {
			return errClient
		}
		scopes, err := narrowed(c.Effective(), scope)
		if err != nil {
			return err
		}
		// A token of the second in which the client's tokens were ended is dated to the next one (see void).
		now := s.db.Now()
		at := now
		if d := datedAfter(row.Voided); d.After(at) {
			at = d
		}
		if at.Sub(now) > 3*time.Second { // verifiers would take it for one of the future
			return unavailable(http.StatusServiceUnavailable, at.Sub(now))
		}
		signed, err := s.tokens.Sign(auth.Principal{TenantID: f.Tenant, ClientID: cid, Role: c.Role, Scopes: scopes,
			OrganisationID: c.OrganisationID, MedewerkerID: c.MedewerkerID, Sandbox: row.Sandbox}, at)
		if err != nil {
			return err
		}
		out = Token{signed, "Bearer", int(auth.TokenLife.Seconds()), joined(scopes)}
		if p == nil {
			return fact.Audit(tx, "client.issue_token", cid, struct{}{})
		}
		if !p.listed { // it was made before the directory knew secrets
			if err := tx.EnlistHash(secrets, p.hash[:], f.Subject); err != nil {
				return err
			}
		}
		if c.FirstUsedAt == nil && p.first {
			after := c
			after.FirstUsedAt = &tx.Now
			_, err = db.Change(tx, c, &after)
		}
		return err
	})
	return out, err
}

// narrowed returns the permissions that a client asks for out of those that it has; all of them when it asks for none.
func narrowed(all []auth.Permission, scope string) ([]auth.Permission, error) {
	asked := strings.Fields(scope)
	if len(asked) == 0 {
		return all, nil
	}
	var out []auth.Permission
	for _, a := range asked {
		if !slices.Contains(all, auth.Permission(a)) {
			return nil, &tokenError{status: http.StatusBadRequest, code: "invalid_scope", description: "the client does not hold every scope that it asks for"}
		}
		out = append(out, auth.Permission(a))
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func joined(scopes []auth.Permission) string {
	texts := make([]string, len(scopes))
	for i, p := range scopes {
		texts[i] = string(p)
	}
	return strings.Join(texts, " ")
}
