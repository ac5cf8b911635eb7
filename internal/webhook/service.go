package webhook

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/outbound"
	"github.com/switchingtalent/switchboard/internal/platform/seal"
	"github.com/switchingtalent/switchboard/internal/platform/signature"
)

// Service holds the verbs of endpoints and deliveries.
type Service struct {
	db     *db.DB
	box    *seal.Box
	policy outbound.Policy
	keep   time.Duration
}

// New returns the verbs. The box seals the secrets of endpoints, policy says which addresses are accepted, and deliveries
// are kept as long as facts are: keep, or 30 days when it is 0.
func New(d *db.DB, box *seal.Box, policy outbound.Policy, keep time.Duration) *Service {
	if keep == 0 {
		keep = 30 * 24 * time.Hour
	}
	return &Service{d, box, policy, keep}
}

// Input is what a caller says of a new endpoint.
type Input struct {
	URL            string             `json:"url" binding:"required" minLength:"1" maxLength:"2048" example:"https://hr.example.com/switchboard"`
	EventTypes     []string           `json:"event_types" binding:"required" minLength:"1" maxLength:"100" validate:"min=1,max=50" example:"leerbewijs.*,opleidingsregistratie.recorded"`
	OrganisationID *id.OrganisationID `json:"organisation_id" extensions:"x-nullable" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Description    *string            `json:"description" maxLength:"500" extensions:"x-nullable" example:"Uren naar het HR-pakket"`
} // @name WebhookEndpointInput

// Change is what can be changed of an endpoint: the base of a merge patch.
type Change struct {
	URL         string   `json:"url" binding:"required" minLength:"1" maxLength:"2048" example:"https://hr.example.com/switchboard"`
	EventTypes  []string `json:"event_types" binding:"required" minLength:"1" maxLength:"100" validate:"min=1,max=50" example:"leerbewijs.*,opleidingsregistratie.recorded"`
	Description *string  `json:"description" maxLength:"500" extensions:"x-nullable" example:"Uren naar het HR-pakket"`
} // @name WebhookEndpointChange

// aim makes the caller the owner of the endpoint, and points it at an address and at types of facts that the caller may
// read.
func (s *Service) aim(tx *db.Tx, e *Endpoint, url string, types []string) error {
	if tx.Principal.ClientID.IsZero() {
		return errors.New("webhook: an endpoint needs a client that answers for it")
	}
	bad := fault.Unprocessable.New()
	checkURL(bad, s.policy, url)
	nouns := fact.Readable(tx.Principal.Scopes)
	patterns := checkTypes(bad, types, nouns)
	if len(bad.Fields) > 0 {
		return bad
	}
	e.ClientID, e.URL, e.EventTypes, e.TypePatterns, e.Nouns = tx.Principal.ClientID, url, types, patterns, nouns
	return nil
}

// Create adds an endpoint and sends it its first test event. It returns the secret, which is never shown again.
func (s *Service) Create(_ context.Context, tx *db.Tx, in Input) (Endpoint, string, error) {
	e := Endpoint{ID: id.NewEndpoint(), OrganisationID: in.OrganisationID, Description: in.Description, Status: Pending}
	switch tx.Scope.Kind {
	case db.ScopeOrganisation:
		own := id.OrganisationID(tx.Scope.Organisation)
		if in.OrganisationID != nil && *in.OrganisationID != own {
			return e, "", fault.At("/organisation_id", fault.NoReference)
		}
		e.OrganisationID = &own
	case db.ScopeMedewerker: // facts are told to employers and to the partner; an employee follows the feed
		return e, "", fault.NotAllowed.New()
	}
	if err := s.aim(tx, &e, in.URL, in.EventTypes); err != nil {
		return e, "", err
	}
	if err := db.Insert(tx, &e); err != nil {
		return e, "", err
	}
	secret, err := s.addSecret(tx, e)
	if err != nil {
		return e, "", err
	}
	if err := hold(tx, e); err != nil {
		return e, "", err
	}
	if _, err := recordTest(tx, e); err != nil {
		return e, "", err
	}
	return e, secret, fact.Audit(tx, "webhook_endpoint.create", e.ID, struct {
		OrganisationID *id.OrganisationID `json:"organisation_id"`
	}{e.OrganisationID})
}

// locked reads an endpoint and keeps it from changing. It does so without standing in the way of facts: a delivery refers
// to its endpoint, and that a stronger lock would hold up.
func locked(tx *db.Tx, eid id.EndpointID) (e Endpoint, err error) {
	return e, db.One(tx, &e, `select * from webhook_endpoints where tenant_id = ? and id = ? for no key update`, tx.Scope.Tenant, eid)
}

// lock is locked for callers: a deleted endpoint is fault.Missing.
func lock(tx *db.Tx, eid id.EndpointID) (Endpoint, error) {
	e, err := locked(tx, eid)
	if err == nil && e.Status == Deleted {
		err = fault.Missing.New()
	}
	return e, err
}

// hold makes what the endpoint gets wait; release lets it go.
func hold(tx *db.Tx, e Endpoint) error {
	_, err := tx.Run(`insert into platform.delivery_holds (endpoint_id, tenant_id) values (?, ?) on conflict do nothing`, e.ID, tx.Scope.Tenant)
	return err
}

func release(tx *db.Tx, e Endpoint) error {
	_, err := tx.Run(`delete from platform.delivery_holds where endpoint_id = ? and tenant_id = ?`, e.ID, tx.Scope.Tenant)
	tx.AfterCommit(fact.Wake)
	return err
}

// pend makes an endpoint prove itself anew.
func pend(e *Endpoint) {
	e.Status, e.FailingSince, e.Warned, e.DisabledAt, e.DisabledReason = Pending, nil, 0, nil, nil
}

// Update applies a change to an endpoint. Another url makes it pending: it gets a test event there first. Whoever
// changes where or what it sends becomes its owner.
func (s *Service) Update(_ context.Context, tx *db.Tx, eid id.EndpointID, check func(Endpoint) error, apply func(*Change) error) (Endpoint, error) {
	before, err := lock(tx, eid)
	if err != nil {
		return before, err
	}
	if err := check(before); err != nil {
		return before, err
	}
	in := Change{before.URL, before.EventTypes, before.Description}
	if err := apply(&in); err != nil {
		return before, err
	}
	after := before
	after.Description = in.Description
	moved := in.URL != before.URL
	aimed := moved || !slices.Equal(in.EventTypes, before.EventTypes)
	if aimed {
		if err := s.aim(tx, &after, in.URL, in.EventTypes); err != nil {
			return before, err
		}
	}
	if moved {
		if after.Status, err = before.Status.next(move); err != nil {
			return before, err
		}
		pend(&after)
	}
	changed, err := db.Change(tx, before, &after)
	if err != nil || !changed {
		return after, err
	}
	if moved {
		if err := hold(tx, after); err != nil {
			return after, err
		}
		if _, err := test(tx, after); err != nil {
			return after, err
		}
	}
	if !aimed {
		return after, nil
	}
	return after, fact.Audit(tx, "webhook_endpoint.update", eid, struct {
		Moved bool `json:"moved"`
	}{moved})
}

// Delete ends an endpoint: what waits for it is cancelled, and its secrets are gone. Deleting it again changes nothing.
func (s *Service) Delete(_ context.Context, tx *db.Tx, eid id.EndpointID) error {
	before, err := locked(tx, eid)
	if err != nil || before.Status == Deleted {
		return err
	}
	after := before
	if after.Status, err = before.Status.next(remove); err != nil {
		return err
	}
	after.DeletedAt = &tx.Now
	if _, err := db.Change(tx, before, &after); err != nil {
		return err
	}
	if err := release(tx, after); err != nil {
		return err
	}
	for _, q := range []string{
		`delete from platform.delivery_queue where tenant_id = ? and endpoint_id = ?`,
		`update webhook_deliveries set status = 'cancelled', next_attempt_at = null where tenant_id = ? and endpoint_id = ? and status = 'waiting'`,
		`delete from webhook_secrets where tenant_id = ? and endpoint_id = ?`,
	} {
		if _, err := tx.Run(q, tx.Scope.Tenant, eid); err != nil {
			return err
		}
	}
	return fact.Audit(tx, "webhook_endpoint.delete", eid, struct{}{})
}

// Test sends a test event to the endpoint now. A test that still waits is tried now, rather than another one made.
func (s *Service) Test(_ context.Context, tx *db.Tx, eid id.EndpointID) (Delivery, error) {
	e, err := lock(tx, eid)
	if err != nil {
		return Delivery{}, err
	}
	if _, err := e.Status.next(try); err != nil {
		return Delivery{}, err
	}
	did, err := test(tx, e)
	if err != nil {
		return Delivery{}, err
	}
	return db.Get[Delivery](tx, did)
}

func test(tx *db.Tx, e Endpoint) (id.DeliveryID, error) {
	var queued struct{ DeliveryID id.DeliveryID }
	err := db.One(tx, &queued, `select delivery_id from platform.delivery_queue where test and endpoint_id = ? and tenant_id = ? limit 1`, e.ID, tx.Scope.Tenant)
	if fault.Missing.Is(err) {
		return recordTest(tx, e)
	}
	if err != nil {
		return queued.DeliveryID, err
	}
	return queued.DeliveryID, queue(tx, Delivery{ID: queued.DeliveryID, EndpointID: e.ID, Type: Tested.Name})
}

// queue gives a delivery a try now. One that is being tried right now is left alone.
func queue(tx *db.Tx, d Delivery) error {
	_, err := tx.Run(`insert into platform.delivery_queue as q (delivery_id, tenant_id, endpoint_id, due_at, test) values (?, ?, ?, least(cast(? as timestamptz), now()), ?)
		on conflict (delivery_id) do update set due_at = excluded.due_at where q.lease is null`,
		d.ID, tx.Scope.Tenant, d.EndpointID, tx.Now, d.Type == Tested.Name)
	if err != nil {
		return err
	}
	_, err = tx.Run(`update webhook_deliveries set status = 'waiting', next_attempt_at = ?, delivered_at = null where tenant_id = ? and id = ?`,
		tx.Now, tx.Scope.Tenant, d.ID)
	tx.AfterCommit(fact.Wake)
	return err
}

// Resend tries a delivery again now, under the same webhook-id, whatever became of it before.
func (s *Service) Resend(_ context.Context, tx *db.Tx, did id.DeliveryID) (Delivery, error) {
	d, err := db.Get[Delivery](tx, did)
	if err != nil {
		return d, err
	}
	e, err := db.Get[Endpoint](tx, d.EndpointID)
	if err != nil {
		return d, err
	}
	if _, err := e.Status.next(resend); err != nil {
		return d, err
	}
	if err := queue(tx, d); err != nil {
		return d, err
	}
	return db.Get[Delivery](tx, did)
}

// Rotate gives an endpoint another secret. The present one signs beside it for overlap, and earlier ones end: two live at
// most.
func (s *Service) Rotate(_ context.Context, tx *db.Tx, eid id.EndpointID, overlap time.Duration) (Endpoint, string, error) {
	e, err := lock(tx, eid)
	if err != nil {
		return e, "", err
	}
	_, err = tx.Run(`delete from webhook_secrets where tenant_id = ? and endpoint_id = ? and expires_at is not null`, tx.Scope.Tenant, eid)
	if err != nil {
		return e, "", err
	}
	until := tx.Now.Add(overlap)
	_, err = tx.Run(`update webhook_secrets set expires_at = ? where tenant_id = ? and endpoint_id = ?`, until, tx.Scope.Tenant, eid)
	if err != nil {
		return e, "", err
	}
	secret, err := s.addSecret(tx, e)
	if err != nil {
		return e, "", err
	}
	return e, secret, fact.Audit(tx, "webhook_endpoint.rotate_secret", eid, struct {
		ExpiresAt time.Time `json:"expires_at"`
	}{until})
}

// addSecret makes a secret and writes it sealed.
func (s *Service) addSecret(tx *db.Tx, e Endpoint) (string, error) {
	secret, sid := signature.NewSecret(), uuid.Must(uuid.NewV7())
	sealed, err := s.box.Seal([]byte(secret), whereSecret(tx.Scope.Tenant, sid))
	if err != nil {
		return "", err
	}
	_, err = tx.Run(`insert into webhook_secrets (tenant_id, id, endpoint_id, organisation_id, sealed, created_at) values (?, ?, ?, ?, ?, ?)`,
		tx.Scope.Tenant, sid, e.ID, e.OrganisationID, sealed, tx.Now)
	return secret, err
}

func whereSecret(tenant, secret uuid.UUID) seal.Where {
	return seal.Where{Tenant: tenant, Table: "webhook_secrets", Column: "sealed", Row: secret}
}

// Enable lets a disabled endpoint prove itself again: it becomes pending and gets a test event. Whoever enables it
// answers for it from then on.
func (s *Service) Enable(_ context.Context, tx *db.Tx, eid id.EndpointID) (Endpoint, error) {
	before, err := lock(tx, eid)
	if err != nil {
		return before, err
	}
	to, err := before.Status.next(enable)
	if err != nil || to == before.Status {
		return before, err
	}
	after := before
	if err := s.aim(tx, &after, before.URL, before.EventTypes); err != nil {
		return before, err
	}
	pend(&after)
	if _, err := db.Change(tx, before, &after); err != nil {
		return after, err
	}
	if _, err := test(tx, after); err != nil {
		return after, err
	}
	return after, fact.Audit(tx, "webhook_endpoint.enable", eid, struct{}{})
}

// OwnerRevoked disables the endpoints of a client that was revoked. The deliverer sees it by itself too, with the next
// try.
func (s *Service) OwnerRevoked(_ context.Context, tx *db.Tx, client id.ClientID) error {
	var owned []Endpoint
	if err := tx.Select(&owned, `select * from webhook_endpoints where tenant_id = ? and client_id = ? and status in ('pending', 'active') order by id for no key update`,
		tx.Scope.Tenant, client); err != nil {
		return err
	}
	for _, e := range owned {
		if err := shut(tx, e, reasonRevoked); err != nil {
			return err
		}
	}
	return nil
}

// shut disables an endpoint that is locked; what waits for it stays until it is enabled again.
func shut(tx *db.Tx, before Endpoint, reason string) error {
	to, err := before.Status.next(disable)
	if err != nil || to == before.Status {
		return err
	}
	after := before
	after.Status, after.DisabledAt, after.DisabledReason = to, &tx.Now, &reason
	if _, err := db.Change(tx, before, &after); err != nil {
		return err
	}
	if err := hold(tx, after); err != nil {
		return err
	}
	return WasDisabled.Record(tx, about(after, disabledData{reason}))
}

// purgeBatch bounds how many deliveries one transaction removes.
const purgeBatch = 2000

// grace is how much longer than facts their deliveries are kept, so that a fact in the feed has its deliveries beside it.
const grace = 3 * time.Hour

// Purge removes the transaction's tenant's deliveries that are no longer kept, with their tries, and secrets that
// expired. It reports whether there may be more.
func (s *Service) Purge(tx *db.Tx) (bool, error) {
	old := tx.Now.Add(-s.keep - grace)
	n, err := tx.Run(`with gone as (
			delete from webhook_deliveries where tenant_id = @tenant and id in
				(select id from webhook_deliveries where tenant_id = @tenant and created_at < @old order by created_at limit @batch)
			returning id
		), tries as (
			delete from webhook_attempts a using gone where a.tenant_id = @tenant and a.delivery_id = gone.id
		), queued as (
			delete from platform.delivery_queue q using gone where q.delivery_id = gone.id
		)
		select id from gone`, map[string]any{"tenant": tx.Scope.Tenant, "old": old, "batch": purgeBatch})
	if err != nil {
		return false, err
	}
	_, err = tx.Run(`delete from webhook_secrets where tenant_id = ? and expires_at <= ?`, tx.Scope.Tenant, tx.Now)
	return n == purgeBatch, err
}
