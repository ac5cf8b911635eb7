package access

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/limit"
	"github.com/switchingtalent/switchboard/internal/platform/seal"
)

// Service holds the verbs of clients and tokens. Make it with New.
type Service struct {
	Keys          *Keys
	Authenticator *Authenticator

	db       *db.DB
	tokens   *auth.Tokens
	failures *failures
	lookups  *lookups
}

// New returns a service that has read nothing yet: see Start.
func New(d *db.DB, tokens *auth.Tokens, box *seal.Box, limits *limit.Shared, log *slog.Logger) *Service {
	keys := &Keys{db: d, box: box, tokens: tokens, log: log}
	return &Service{Keys: keys, Authenticator: newAuthenticator(d, tokens, keys, log), db: d, tokens: tokens, failures: newFailures(limits), lookups: &lookups{db: d}}
}

// Start reads the signing keys, makes the first one where there is none, and reads what was revoked lately. It fails
// when the keys in the database were sealed under another master key.
func (s *Service) Start(ctx context.Context) error {
	if err := s.Keys.Refresh(ctx); err != nil {
		return err
	}
	return s.Authenticator.Refresh(ctx)
}

// Run follows, until ctx ends, the keys and revocations that other processes make.
func (s *Service) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { s.Keys.run(ctx) })
	wg.Go(func() { s.Authenticator.run(ctx) })
	wg.Wait()
}

// Input is what a caller says of a new client.
type Input struct {
	Name           string             `json:"name" binding:"required" minLength:"1" maxLength:"200" example:"HR Durabrik"`
	Role           string             `json:"role" binding:"required" enums:"partner_admin,coordinator,employer,switcher,leercoach,integration,viewer" example:"integration"`
	Scopes         []string           `json:"scopes" maxLength:"60" validate:"max=50,unique" example:"opleidingsregistratie:read,event:read"`
	OrganisationID *id.OrganisationID `json:"organisation_id" extensions:"x-nullable" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	MedewerkerID   *id.MedewerkerID   `json:"medewerker_id" extensions:"x-nullable" example:"mdw_01jd8m5x9nf3tvhg5w6rkz2c4q"`
} // @name ClientInput

// Change is what can change about a client: the base of a merge patch. What binds it stays for ever.
type Change struct {
	Name   string   `json:"name" binding:"required" minLength:"1" maxLength:"200" example:"HR Durabrik"`
	Role   string   `json:"role" binding:"required" enums:"partner_admin,coordinator,employer,switcher,leercoach,integration,viewer" example:"integration"`
	Scopes []string `json:"scopes" maxLength:"60" validate:"max=50,unique" example:"opleidingsregistratie:read,event:read"`
} // @name ClientChange

// Create makes a client in the transaction's tenant and returns its secret, which nobody can read again. A caller
// cannot grant what its own token does not hold; our own work (a Who without a client) can. Who is bound to an employee
// is bound to the employee's employer.
func (s *Service) Create(_ context.Context, tx *db.Tx, in Input) (Client, string, error) {
	c := Client{ID: id.NewClient(), Name: strings.TrimSpace(in.Name), Role: auth.Role(in.Role), Scopes: in.Scopes,
		OrganisationID: in.OrganisationID, MedewerkerID: in.MedewerkerID}
	if !slices.Contains(auth.Roles, c.Role) || c.Role == auth.Operator {
		return c, "", fault.At("/role", fault.NotYours)
	}
	if c.MedewerkerID != nil {
		var at struct{ OrganisationID id.OrganisationID }
		err := db.One(tx, &at, `select organisation_id from medewerkers where tenant_id = ? and id = ?`, tx.Scope.Tenant, *c.MedewerkerID)
		if fault.Missing.Is(err) {
			return c, "", fault.At("/medewerker_id", fault.NoReference)
		}
		if err != nil {
			return c, "", err
		}
		if c.OrganisationID != nil && *c.OrganisationID != at.OrganisationID {
			return c, "", fault.At("/organisation_id", fault.NoReference)
		}
		c.OrganisationID = &at.OrganisationID
	}
	if err := check(c); err != nil {
		return c, "", err
	}
	if err := held(tx, c); err != nil {
		return c, "", err
	}
	secret, err := add(tx, &c, nil)
	return c, secret, err
}

// FirstAdmin makes the first client of a new tenant, a partner_admin. Its secret lives 72 hours unless it is rotated.
// It returns the client, the secret, and when the secret ends.
func (s *Service) FirstAdmin(_ context.Context, tx *db.Tx) (Client, string, time.Time, error) {
	c := Client{ID: id.NewClient(), Name: "First administrator", Role: auth.PartnerAdmin, FirstAdmin: true}
	ends := tx.Now.Add(firstAdminLife)
	secret, err := add(tx, &c, &ends)
	return c, secret, ends, err
}

// ReissueFirstAdmin ends the secret of the tenant's first client and makes another, which lives 72 hours too. After the
// client got its first token it fails with SecretUsed.
func (s *Service) ReissueFirstAdmin(_ context.Context, tx *db.Tx) (Client, string, time.Time, error) {
	var c Client
	ends := tx.Now.Add(firstAdminLife)
	err := db.One(tx, &c, `select * from clients where tenant_id = ? and first_admin order by id limit 1 for update`, tx.Scope.Tenant)
	if err != nil {
		return c, "", ends, err
	}
	if c.FirstUsedAt != nil || c.RevokedAt != nil {
		return c, "", ends, SecretUsed.New()
	}
	if err := endSecrets(tx, c.ID, tx.Now); err != nil {
		return c, "", ends, err
	}
	secret, err := issueSecret(tx, c.ID, &ends)
	if err != nil {
		return c, "", ends, err
	}
	return c, secret, ends, fact.Audit(tx, "client.reissue_first_secret", c.ID, secretEnds{&ends})
}

// CreateOperator makes a client of the operator. The transaction must have the operator's scope.
func (s *Service) CreateOperator(_ context.Context, tx *db.Tx, name string) (Client, string, error) {
	c := Client{ID: id.NewClient(), Name: name, Role: auth.Operator}
	if tx.Scope.Kind != db.ScopeOperator {
		return c, "", errors.New("access: a client of the operator lives in the operator's tenant")
	}
	secret, err := add(tx, &c, nil)
	return c, secret, err
}

// granted and secretEnds are what the audit table keeps.
type granted struct {
	Role           auth.Role          `json:"role"`
	Scopes         []auth.Permission  `json:"scopes"`
	OrganisationID *id.OrganisationID `json:"organisation_id"`
	MedewerkerID   *id.MedewerkerID   `json:"medewerker_id"`
}

type secretEnds struct {
	ExpiresAt *time.Time `json:"expires_at"`
}

func grantedBy(c Client) granted {
	return granted{c.Role, c.Effective(), c.OrganisationID, c.MedewerkerID}
}

// add writes a client with its first secret.
func add(tx *db.Tx, c *Client, ends *time.Time) (string, error) {
	if c.Scopes == nil {
		c.Scopes = db.Strings{}
	}
	if err := db.Insert(tx, c); err != nil {
		return "", err
	}
	if err := tx.Enlist(directory, c.ID.String(), c.ID.UUID()); err != nil {
		return "", err
	}
	secret, err := issueSecret(tx, c.ID, ends)
	if err != nil {
		return "", err
	}
	return secret, fact.Audit(tx, "client.create", c.ID, grantedBy(*c))
}

// lockLive locks a client that is not revoked, or returns Revoked.
func lockLive(tx *db.Tx, cid id.ClientID) (Client, error) {
	c, err := db.Lock[Client](tx, cid)
	if err == nil && c.RevokedAt != nil {
		err = Revoked.New()
	}
	return c, err
}

// Update applies a change to a client. Another role or other scopes end the tokens that it has.
func (s *Service) Update(_ context.Context, tx *db.Tx, cid id.ClientID, ok func(Client) error, apply func(*Change) error) (Client, error) {
	before, err := lockLive(tx, cid)
	if err != nil {
		return before, err
	}
	if err := ok(before); err != nil {
		return before, err
	}
	in := Change{before.Name, string(before.Role), before.Scopes}
	if err := apply(&in); err != nil {
		return before, err
	}
	after := before
	after.Name, after.Role, after.Scopes = strings.TrimSpace(in.Name), auth.Role(in.Role), in.Scopes
	regrant := after.Role != before.Role || !slices.Equal(after.Scopes, before.Scopes)
	if regrant {
		if err := check(after); err != nil {
			return before, err
		}
		if err := held(tx, after); err != nil {
			return before, err
		}
		if before.Role == auth.PartnerAdmin {
			if err := keepAdmin(tx, before); err != nil {
				return before, err
			}
		}
	}
	changed, err := db.Change(tx, before, &after)
	if err != nil || !changed || !regrant {
		return after, err
	}
	if err := s.void(tx, cid, s.db.Now()); err != nil {
		return after, err
	}
	return after, fact.Audit(tx, "client.regrant", cid, grantedBy(after))
}

// Rotate gives a client another secret and lets the present one live on for overlap; 0 ends it at once, and with it the
// tokens that it got. A caller cannot rotate a client that may do more than the caller's own token.
func (s *Service) Rotate(_ context.Context, tx *db.Tx, cid id.ClientID, overlap time.Duration) (Client, string, error) {
	c, err := lockLive(tx, cid)
	if err != nil {
		return c, "", err
	}
	if !tx.Principal.ClientID.IsZero() && !covers(tx.Principal, c) {
		return c, "", fault.NotAllowed.New()
	}
	until := tx.Now.Add(overlap)
	if err := endSecrets(tx, cid, until); err != nil {
		return c, "", err
	}
	if overlap <= 0 {
		if err := s.void(tx, cid, s.db.Now()); err != nil {
			return c, "", err
		}
	}
	secret, err := issueSecret(tx, cid, nil)
	if err != nil {
		return c, "", err
	}
	return c, secret, fact.Audit(tx, "client.rotate_secret", cid, secretEnds{&until})
}

// Revoke ends a client, its secrets and its tokens for ever, and reports whether it did: revoking again changes nothing.
// What else belongs to the client (webhook endpoints) is for the journey that calls it.
func (s *Service) Revoke(_ context.Context, tx *db.Tx, cid id.ClientID) (bool, error) {
	before, err := db.Lock[Client](tx, cid)
	if err != nil || before.RevokedAt != nil {
		return false, err
	}
	if before.Role == auth.PartnerAdmin {
		if err := keepAdmin(tx, before); err != nil {
			return false, err
		}
	}
	after := before
	after.RevokedAt = &tx.Now
	if _, err := db.Change(tx, before, &after); err != nil {
		return false, err
	}
	if err := tx.Delist(directory, cid.String()); err != nil {
		return false, err
	}
	if err := endSecrets(tx, cid, tx.Now); err != nil {
		return false, err
	}
	// No token can be wanted after this one, so it reaches past every clock of ours that goes ahead.
	if err := s.void(tx, cid, s.db.Now().Add(auth.TokenLife)); err != nil {
		return false, err
	}
	return true, fact.Audit(tx, "client.revoke", cid, struct{}{})
}

// keepAdmin refuses when no other partner_admin is left whose secret lasts: nobody could make clients any more.
func keepAdmin(tx *db.Tx, c Client) error {
	var other string
	err := db.One(tx, &other, `select c.id::text from clients c where c.tenant_id = ? and c.role = 'partner_admin' and c.revoked_at is null and c.id <> ?
		and exists (select 1 from client_secrets s where s.tenant_id = c.tenant_id and s.client_id = c.id and s.expires_at is null)
		limit 1 for update of c`, tx.Scope.Tenant, c.ID)
	if fault.Missing.Is(err) {
		return LastAdmin.New()
	}
	return err
}

// void ends the tokens that the client got up to now. The caller holds the client's row, so that no token is being made
// meanwhile, and gives the time that it is with the row in hand.
//
// A token says in whole seconds when it was issued (RFC 7519). So one that is issued in the second of a revocation is
// dated to the next second (see issue), and a revocation that comes before that date reaches up to it.
func (s *Service) void(tx *db.Tx, cid id.ClientID, until time.Time) error {
	last, err := voidedUntil(tx, cid)
	if err != nil {
		return err
	}
	if d := datedAfter(last); d.After(until) {
		until = d
	}
	_, err = tx.Run(`insert into platform.revocations (client_id, until, revoked_at) values (?, ?, ?)
		on conflict (client_id, until) do update set revoked_at = excluded.revoked_at`, cid, until, tx.Now)
	if err != nil {
		return err
	}
	tx.AfterCommit(func() { s.Authenticator.void(cid, until) })
	return nil
}

// voidedUntil reads up to when the client's tokens are void; nil when they are not.
func voidedUntil(tx *db.Tx, cid id.ClientID) (*time.Time, error) {
	var row struct{ Until *time.Time }
	err := tx.Select(&row, `select max(until) as until from platform.revocations where client_id = ?`, cid)
	return row.Until, err
}

// datedAfter is the first date that a token can have which a revocation up to t leaves alone.
func datedAfter(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Truncate(time.Second).Add(time.Second)
}

// purgeBatch bounds how many rows one transaction of Purge removes from each table.
const purgeBatch = 5000

// Purge removes what nobody can use any more in the transaction's tenant: answers kept for an Idempotency-Key for more
// than 24 hours, and secrets that expired. It reports whether there is more.
func (s *Service) Purge(tx *db.Tx) (bool, error) {
	answers, err := tx.Run(`delete from idempotency_keys where (tenant_id, client_id, key_hash) in
		(select tenant_id, client_id, key_hash from idempotency_keys where tenant_id = ? and created_at < ? limit `+strconv.Itoa(purgeBatch)+`)`,
		tx.Scope.Tenant, tx.Now.Add(-24*time.Hour))
	if err != nil {
		return false, err
	}
	var gone [][]byte
	err = tx.Select(&gone, `delete from client_secrets where (tenant_id, id) in
		(select tenant_id, id from client_secrets where tenant_id = ? and expires_at <= ? limit `+strconv.Itoa(purgeBatch)+`) returning hash`,
		tx.Scope.Tenant, tx.Now)
	if err != nil {
		return false, err
	}
	return answers == purgeBatch || len(gone) == purgeBatch, tx.DelistHashes(secrets, gone)
}
