package webhook

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/jobs"
	"github.com/switchingtalent/switchboard/internal/platform/mail"
	"github.com/switchingtalent/switchboard/internal/platform/outbound"
	"github.com/switchingtalent/switchboard/internal/platform/seal"
	"github.com/switchingtalent/switchboard/internal/platform/signature"
)

// Service holds the verbs of endpoints and deliveries.
type Service struct {
	Jobs *jobs.Queue  // carries recoveries and letters
	Mail *mail.Sender // nil: this installation sends no mail

	db              *db.DB
	box             *seal.Box
	policy          outbound.Policy
	public          string
	keep, keepTries time.Duration

	counting counting
}

// New returns the verbs. The box seals the secrets of endpoints, policy says which addresses are accepted, links start with
// publicURL, and deliveries are kept as long as facts are: keep, or 30 days when it is 0. Their tries are kept for keepTries, or as
// long when it is 0. Jobs has to be set before anything is asked for.
func New(d *db.DB, box *seal.Box, policy outbound.Policy, publicURL string, keep, keepTries time.Duration) *Service {
	if keep == 0 {
		keep = 30 * 24 * time.Hour
	}
	if keepTries == 0 {
		keepTries = keep
	}
	return &Service{db: d, box: box, policy: policy, public: publicURL, keep: keep, keepTries: keepTries, counting: counting{countBatch, countFor}}
}

// Input is what a caller says of a new endpoint.
type Input struct {
	URL            string             `json:"url" binding:"required" minLength:"1" maxLength:"2048" example:"https://hr.example.com/switchboard"`
	EventTypes     []string           `json:"event_types" binding:"required" minLength:"1" maxLength:"100" validate:"min=1,max=50,unique" example:"leerbewijs.*,opleidingsregistratie.recorded"`
	OrganisationID *id.OrganisationID `json:"organisation_id" extensions:"x-nullable" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Description    *string            `json:"description" maxLength:"500" extensions:"x-nullable" example:"Uren naar het HR-pakket"`
	Shape
} // @name WebhookEndpointInput

// Change is what can be changed of an endpoint: the base of a merge patch.
type Change struct {
	URL         string   `json:"url" binding:"required" minLength:"1" maxLength:"2048" example:"https://hr.example.com/switchboard"`
	EventTypes  []string `json:"event_types" binding:"required" minLength:"1" maxLength:"100" validate:"min=1,max=50,unique" example:"leerbewijs.*,opleidingsregistratie.recorded"`
	Description *string  `json:"description" maxLength:"500" extensions:"x-nullable" example:"Uren naar het HR-pakket"`
	Shape
} // @name WebhookEndpointChange

// errNobody says that no client is there to answer for an endpoint.
var errNobody = errors.New("webhook: an endpoint needs a client that answers for it")

// aim makes the caller the owner of the endpoint, and points it at an address and at types of facts that the caller may
// read. What * stands for is settled by who says the types: whoever only changes the address leaves that as it is, and whoever may
// not read all of it is refused. What else is wrong stands in bad.
func (s *Service) aim(tx *db.Tx, e *Endpoint, url string, types []string, bad *fault.Error) error {
	if tx.Principal.ClientID.IsZero() {
		return errNobody
	}
	checkURL(bad, s.policy, "/url", url)
	nouns := fact.Readable(tx.Principal.Scopes)
	patterns := checkTypes(bad, types, nouns)
	if i := slices.Index(types, "*"); i >= 0 && len(lost(*e, nouns)) > 0 {
		bad.At("/event_types/"+strconv.Itoa(i), unreadable)
	}
	if len(bad.Fields) > 0 {
		return bad
	}
	if slices.Equal(types, e.EventTypes) {
		nouns = among(*e, nouns)
	}
	e.ClientID, e.URL, e.EventTypes, e.TypePatterns, e.Nouns = tx.Principal.ClientID, url, types, patterns, nouns
	return nil
}

// mutual refuses a client certificate where there is no TLS to show it in.
func mutual(bad *fault.Error, url string, certificate bool) {
	if certificate && !strings.HasPrefix(url, "https:") {
		bad.At("/certificate", needTLS)
	}
}

// Create adds an endpoint and sends it its first test event. It returns the secret, which is never shown again.
func (s *Service) Create(_ context.Context, tx *db.Tx, in Input) (Endpoint, Credentials, error) {
	e := Endpoint{ID: id.NewEndpoint(), OrganisationID: in.OrganisationID, Description: in.Description, Status: Pending}
	switch tx.Scope.Kind {
	case db.ScopeOrganisation:
		own := id.OrganisationID(tx.Scope.Organisation)
		if in.OrganisationID != nil && *in.OrganisationID != own {
			return e, Credentials{}, fault.At("/organisation_id", fault.NoReference)
		}
		e.OrganisationID = &own
	case db.ScopeMedewerker: // facts are told to employers and to the partner; an employee follows the feed
		return e, Credentials{}, fault.NotAllowed.New()
	}
	bad := fault.Unprocessable.New()
	s.checkShape(bad, in.Shape, in.EventTypes, tx.Now)
	mutual(bad, in.URL, in.Certificate != nil)
	if err := s.aim(tx, &e, in.URL, in.EventTypes, bad); err != nil {
		return e, Credentials{}, err
	}
	if err := s.put(tx, &e, in.Shape, given{true, true, true}); err != nil {
		return e, Credentials{}, err
	}
	if err := db.Insert(tx, &e); err != nil {
		return e, Credentials{}, err
	}
	secret, err := s.addSecret(tx, e)
	if err != nil {
		return e, secret, err
	}
	if err := tx.Enlist(keysOf, e.ID.String(), e.ID.UUID()); err != nil {
		return e, secret, err
	}
	if err := lay(tx, e); err != nil {
		return e, secret, err
	}
	if err := hold(tx, e); err != nil {
		return e, secret, err
	}
	if _, err := recordTest(tx, e); err != nil {
		return e, secret, err
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

// present reads an endpoint for callers without locking it: a deleted one is fault.Missing.
func present(tx *db.Tx, eid id.EndpointID) (Endpoint, error) {
	e, err := db.Get[Endpoint](tx, eid)
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

// letGo releases what an endpoint gets, if nothing holds it any more.
func letGo(tx *db.Tx, e Endpoint) error {
	if e.Status != Active || e.PausedAt != nil {
		return nil
	}
	return release(tx, e)
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
// changes where or what it sends becomes its owner. What is never shown again stays as it is unless named says that the
// change has it; it does not move to another host, which would learn it.
func (s *Service) Update(_ context.Context, tx *db.Tx, eid id.EndpointID, check func(Endpoint) error, named func(member string) bool, apply func(*Change) error) (Endpoint, error) {
	before, err := lock(tx, eid)
	if err != nil {
		return before, err
	}
	if err := check(before); err != nil {
		return before, err
	}
	in := Change{before.URL, before.EventTypes, before.Description, shapeOf(before)}
	if err := apply(&in); err != nil {
		return before, err
	}
	after := before
	after.Description = in.Description
	moved := in.URL != before.URL
	aimed := moved || !slices.Equal(in.EventTypes, before.EventTypes)
	g := given{named("headers"), named("oauth"), named("certificate")}
	bad := fault.Unprocessable.New()
	asked := in.Shape
	if before.AlertEmail != nil && asked.AlertEmail != nil && *asked.AlertEmail == *before.AlertEmail {
		asked.AlertEmail = nil // it stays, also where mail was sent once and is not any more
	}
	s.checkShape(bad, asked, in.EventTypes, tx.Now)
	mutual(bad, in.URL, in.Certificate != nil || !g.certificate && before.Certificate != nil)
	if host(in.URL) != host(before.URL) {
		if before.Headers != nil && !g.headers {
			bad.At("/headers", again)
		}
		if before.OAuthSecret != nil && !g.oauth {
			bad.At("/oauth", again)
		}
	}
	if in.OAuth == nil && !g.oauth && before.OAuthSecret != nil && slices.ContainsFunc(in.Headers, func(h Header) bool { return strings.EqualFold(h.Name, "Authorization") }) ||
		in.OAuth != nil && !g.headers && slices.ContainsFunc(before.HeaderNames, func(n string) bool { return strings.EqualFold(n, "Authorization") }) {
		bad.At("/headers", reserved)
	}
	if aimed {
		if err := s.aim(tx, &after, in.URL, in.EventTypes, bad); err != nil {
			return before, err
		}
	} else if len(bad.Fields) > 0 {
		return before, bad
	}
	if err := s.put(tx, &after, in.Shape, g); err != nil {
		return before, err
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
	if err := lay(tx, after); err != nil {
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

// Delete ends an endpoint: what waits for it is cancelled, its secrets are gone, and its recoveries end. Deleting it again changes nothing.
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
	after.RateLimit, after.Ordering = nil, "none"
	if err := s.put(tx, &after, Shape{Filter: readFilter(before.Filter), Payload: after.Payload, Ordering: after.Ordering}, given{true, true, true}); err != nil {
		return err
	}
	if _, err := db.Change(tx, before, &after); err != nil {
		return err
	}
	if err := release(tx, after); err != nil {
		return err
	}
	if err := lay(tx, after); err != nil {
		return err
	}
	if err := tx.Delist(keysOf, eid.String()); err != nil {
		return err
	}
	for _, q := range []string{
		`update webhook_recoveries set status = 'cancelled' where tenant_id = ? and endpoint_id = ? and status = 'running'`,                              // first, as a recovery has itself before the queue
		`select from platform.delivery_queue where tenant_id = ? and endpoint_id = ? and not test and lease is not null order by delivery_id for update`, // as lockQueued
		`delete from platform.delivery_queue where tenant_id = ? and endpoint_id = ? and not test`,                                                       // in two, as its indexes are
		`delete from platform.delivery_queue where tenant_id = ? and endpoint_id = ? and test`,
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

// test queues a test event, or has the one that waits tried now. One that is being tried says nothing about where the endpoint
// points meanwhile, so it does not count.
func test(tx *db.Tx, e Endpoint) (id.DeliveryID, error) {
	var queued struct{ DeliveryID id.DeliveryID }
	err := db.One(tx, &queued, `select delivery_id from platform.delivery_queue where test and lease is null and endpoint_id = ? and tenant_id = ? limit 1`, e.ID, tx.Scope.Tenant)
	if fault.Missing.Is(err) {
		return recordTest(tx, e)
	}
	if err != nil {
		return queued.DeliveryID, err
	}
	return queued.DeliveryID, queue(tx, queued.DeliveryID)
}

// queue gives a delivery a try now, or as soon as the order of its subject allows, and begins its schedule anew. One that is being
// tried right now is left alone: where that try fails it is the first of the schedule.
func queue(tx *db.Tx, did id.DeliveryID) error {
	_, err := tx.Run(`insert into platform.delivery_queue as q (delivery_id, tenant_id, endpoint_id, due_at, test, subject_id, revision, event_id)
		select d.id, d.tenant_id, d.endpoint_id, now(), d.type = @tested, o.subject_id, o.revision, o.id
		from webhook_deliveries d
		join webhook_endpoints w on w.tenant_id = d.tenant_id and w.id = d.endpoint_id
		left join events o on o.tenant_id = d.tenant_id and o.id = d.event_id and w.ordering = 'subject' and d.type <> @tested
		where d.tenant_id = @tenant and d.id = @delivery
		on conflict (delivery_id) do update set due_at = excluded.due_at where q.lease is null`,
		map[string]any{"tenant": tx.Scope.Tenant, "delivery": did, "tested": Tested.Name})
	if err != nil {
		return err
	}
	_, err = tx.Run(`update webhook_deliveries set status = 'waiting', base_attempts = attempts, next_attempt_at = now(), delivered_at = null where tenant_id = ? and id = ?`,
		tx.Scope.Tenant, did)
	tx.AfterCommit(fact.Wake)
	return err
}

// Resend tries a delivery again now, under the same webhook-id, whatever became of it before. Its schedule of tries begins anew.
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
	if err := queue(tx, did); err != nil {
		return d, err
	}
	return db.Get[Delivery](tx, did)
}

// Cancel takes a delivery out of the queue for good. A try that is under way is finished, and noted.
func (s *Service) Cancel(_ context.Context, tx *db.Tx, did id.DeliveryID) (Delivery, error) {
	d, err := db.Get[Delivery](tx, did)
	if err != nil {
		return d, err
	}
	// The queue is locked before the delivery, as the deliverer does.
	if _, err := tx.Run(`delete from platform.delivery_queue where delivery_id = ? and tenant_id = ?`, did, tx.Scope.Tenant); err != nil {
		return d, err
	}
	if d, err = db.Lock[Delivery](tx, did); err != nil || d.Status == cancelled {
		return d, err
	}
	if _, ok := deliveryTransitions[d.Status][cancelling]; !ok {
		return d, DeliveryDone.New()
	}
	if _, err := tx.Run(`update webhook_deliveries set status = 'cancelled', next_attempt_at = null where tenant_id = ? and id = ?`, tx.Scope.Tenant, did); err != nil {
		return d, err
	}
	return db.Get[Delivery](tx, did)
}

// maxChosen bounds how many deliveries one request acts on.
const maxChosen = 5000

// choose reads which deliveries are meant, of those with one of these statuses, in the order of their ids. Who names no status means
// those that the last say. It returns the statuses that it chose by too.
func choose(tx *db.Tx, c Choice, statuses, unnamed []string) (chosen []Delivery, by []string, after *id.DeliveryID, err error) {
	bad := fault.Unprocessable.New()
	var patterns db.Strings
	for i, a := range c.EventTypes {
		like, _, known := fact.Pattern(a)
		if !known {
			bad.At("/event_types/"+strconv.Itoa(i), fault.NoReference)
		}
		patterns = append(patterns, like)
	}
	if c.EndpointID != nil {
		if _, err := db.Get[Endpoint](tx, *c.EndpointID); fault.Missing.Is(err) {
			bad.At("/endpoint_id", fault.NoReference)
		} else if err != nil {
			return nil, nil, nil, err
		}
	}
	if len(bad.Fields) > 0 {
		return nil, nil, nil, bad
	}
	if c.Status == nil {
		statuses = unnamed
	} else {
		statuses = slices.DeleteFunc(slices.Clone(statuses), func(s string) bool { return s != *c.Status })
	}
	q := tx.Model(&Delivery{}).Select("id", "endpoint_id").Where("type <> ?", Tested.Name).Where("status in ?", statuses)
	if c.EndpointID != nil {
		q = q.Where("endpoint_id = ?", *c.EndpointID)
	}
	if len(patterns) > 0 {
		q = q.Where("type like any (cast(? as text[]))", patterns)
	}
	if c.CreatedFrom != nil {
		q = q.Where("created_at >= ?", *c.CreatedFrom)
	}
	if c.CreatedUntil != nil {
		q = q.Where("created_at < ?", *c.CreatedUntil)
	}
	if c.After != nil {
		q = q.Where("id > ?", *c.After)
	}
	if err := q.Order("id").Limit(maxChosen + 1).Find(&chosen).Error; err != nil || len(chosen) <= maxChosen {
		return chosen, statuses, nil, err
	}
	chosen = chosen[:maxChosen]
	return chosen, statuses, &chosen[maxChosen-1].ID, nil
}

// lockQueued locks the places of deliveries in the queue: before the deliveries themselves, as the deliverer does, and in one
// order, those that are being tried first. Whoever notes what came of tries has those, by their ids, and then calls the next of
// their subjects, which nobody tries.
func lockQueued(tx *db.Tx, ids any) error {
	_, err := tx.Run(`select from platform.delivery_queue where delivery_id = any (cast(? as uuid[])) and tenant_id = ? order by lease is null, delivery_id for update`,
		ids, tx.Scope.Tenant)
	return err
}

// ResendAll tries deliveries again now, each under its own webhook-id, of endpoints that can get one, and begins their schedules
// anew. Those that arrived, and those that somebody cancelled, have to be asked for: a request that forgets to say which must not
// bring a month of them once more. They have their places in the queue before anything else of them changes: nobody notes a try of
// one of them meanwhile, and what arrived before that is not sent again because it had failed.
func (s *Service) ResendAll(_ context.Context, tx *db.Tx, c Choice) (Chosen, error) {
	chosen, by, after, err := choose(tx, c, []string{delivered, failed, cancelled}, []string{failed})
	if err != nil {
		return Chosen{}, err
	}
	ids := idsOf(chosen)
	if err := lockQueued(tx, ids); err != nil {
		return Chosen{}, err
	}
	values := map[string]any{"tenant": tx.Scope.Tenant}
	var able struct{ IDs db.IDs[id.DeliveryID] }
	if err := db.One(tx, &able, `select array_agg(d.id) as ids from webhook_deliveries d
		join webhook_endpoints e on e.tenant_id = d.tenant_id and e.id = d.endpoint_id and e.status in ('pending', 'active')
		where d.tenant_id = ? and d.id = any (cast(? as uuid[])) and d.status = any (cast(? as text[]))`, tx.Scope.Tenant, ids, db.Strings(by)); err != nil {
		return Chosen{}, err
	}
	values["ids"] = able.IDs
	if _, err := tx.Run(`insert into platform.delivery_queue as q (delivery_id, tenant_id, endpoint_id, due_at, subject_id, revision, event_id)
		select d.id, d.tenant_id, d.endpoint_id, now(), o.subject_id, o.revision, o.id
		from webhook_deliveries d
		join webhook_endpoints e on e.tenant_id = d.tenant_id and e.id = d.endpoint_id
		left join events o on o.tenant_id = d.tenant_id and o.id = d.event_id and e.ordering = 'subject'
		where d.tenant_id = @tenant and d.id = any (cast(@ids as uuid[]))
		order by d.id
		on conflict (delivery_id) do update set due_at = excluded.due_at where q.lease is null`, values); err != nil {
		return Chosen{}, err
	}
	n, err := tx.Run(`update webhook_deliveries set status = 'waiting', base_attempts = attempts, next_attempt_at = now(), delivered_at = null
		where tenant_id = @tenant and id = any (cast(@ids as uuid[])) and status <> 'waiting'`, values)
	tx.AfterCommit(fact.Wake)
	return Chosen{int(n), after}, err
}

// CancelAll takes deliveries out of the queue for good.
func (s *Service) CancelAll(_ context.Context, tx *db.Tx, c Choice) (Chosen, error) {
	chosen, _, after, err := choose(tx, c, []string{waiting, failed}, []string{waiting, failed})
	if err != nil {
		return Chosen{}, err
	}
	ids := idsOf(chosen)
	if err := lockQueued(tx, ids); err != nil {
		return Chosen{}, err
	}
	if _, err := tx.Run(`delete from platform.delivery_queue where delivery_id = any (cast(? as uuid[])) and tenant_id = ?`, ids, tx.Scope.Tenant); err != nil {
		return Chosen{}, err
	}
	n, err := tx.Run(`update webhook_deliveries set status = 'cancelled', next_attempt_at = null
		where tenant_id = ? and id = any (cast(? as uuid[])) and status in ('waiting', 'failed')`, tx.Scope.Tenant, ids)
	return Chosen{int(n), after}, err
}

func idsOf(ds []Delivery) db.IDs[id.DeliveryID] {
	out := make(db.IDs[id.DeliveryID], len(ds))
	for i, d := range ds {
		out[i] = d.ID
	}
	return out
}

// Rotate gives an endpoint another secret. The present one signs beside it for overlap. Two live at most: while an earlier one
// does there is no other, unless overlap is none, which ends all at once because a secret may have leaked. Processes whose clocks
// differ share the secrets, so it is the clock of the database that says which live.
func (s *Service) Rotate(_ context.Context, tx *db.Tx, eid id.EndpointID, overlap time.Duration) (Endpoint, Credentials, error) {
	e, err := lock(tx, eid)
	if err != nil {
		return e, Credentials{}, err
	}
	if err := enlistOld(tx, e); err != nil {
		return e, Credentials{}, err
	}
	var clock struct{ Now time.Time }
	if err := db.One(tx, &clock, `select platform.clock() as now`); err != nil {
		return e, Credentials{}, err
	}
	_, err = tx.Run(`delete from webhook_secrets where tenant_id = ? and endpoint_id = ? and expires_at is not null and (expires_at <= ? or ?)`,
		tx.Scope.Tenant, eid, clock.Now, overlap == 0)
	if err != nil {
		return e, Credentials{}, err
	}
	var old struct{ Lives bool }
	if err := db.One(tx, &old, `select exists (select from webhook_secrets where tenant_id = ? and endpoint_id = ? and expires_at is not null) as lives`,
		tx.Scope.Tenant, eid); err != nil {
		return e, Credentials{}, err
	}
	if old.Lives {
		return e, Credentials{}, SecretOverlap.New()
	}
	until := clock.Now.Add(overlap)
	_, err = tx.Run(`update webhook_secrets set expires_at = ? where tenant_id = ? and endpoint_id = ?`, until, tx.Scope.Tenant, eid)
	if err != nil {
		return e, Credentials{}, err
	}
	secret, err := s.addSecret(tx, e)
	if err != nil {
		return e, secret, err
	}
	return e, secret, fact.Audit(tx, "webhook_endpoint.rotate_secret", eid, struct {
		ExpiresAt time.Time `json:"expires_at"`
	}{until})
}

// Credentials are what a receiver verifies with: either is enough.
type Credentials struct {
	Secret string // whsec_…: signs as well, so it is never shown again
	Public string // whpk_…: verifies alone; it stands in the key set of the endpoint too
}

// addSecret makes a secret and a key pair and writes them sealed.
func (s *Service) addSecret(tx *db.Tx, e Endpoint) (Credentials, error) {
	private, public := signature.NewKeyPair()
	c, sid := Credentials{signature.NewSecret(), public}, uuid.Must(uuid.NewV7())
	secret, err := s.box.Seal([]byte(c.Secret), whereSecret(tx.Scope.Tenant, "sealed", sid))
	if err != nil {
		return c, err
	}
	key, err := s.box.Seal([]byte(private), whereSecret(tx.Scope.Tenant, "key_sealed", sid))
	if err != nil {
		return c, err
	}
	raw, err := signature.PublicKey(public)
	if err != nil {
		return c, err
	}
	_, err = tx.Run(`insert into webhook_secrets (tenant_id, id, endpoint_id, organisation_id, sealed, public, key_sealed, created_at) values (?, ?, ?, ?, ?, ?, ?, platform.clock())`,
		tx.Scope.Tenant, sid, e.ID, e.OrganisationID, secret, []byte(raw), key)
	return c, err
}

func whereSecret(tenant uuid.UUID, column string, secret uuid.UUID) seal.Where {
	return seal.Where{Tenant: tenant, Table: "webhook_secrets", Column: column, Row: secret}
}

// Enable lets a disabled endpoint prove itself again: it becomes pending and gets a test event. Whoever enables it
// answers for it from then on, so it is EndpointRights where that client may not read all that the endpoint gets. Its owner may
// have come with less than it has (a link to the console): nothing goes anywhere else, and its rights are looked at with each try.
func (s *Service) Enable(_ context.Context, tx *db.Tx, eid id.EndpointID) (Endpoint, error) {
	before, err := lock(tx, eid)
	if err != nil {
		return before, err
	}
	to, err := before.Status.next(enable)
	if err != nil || to == before.Status {
		return before, err
	}
	if tx.Principal.ClientID.IsZero() {
		return before, errNobody
	}
	bad := fault.Unprocessable.New()
	if checkURL(bad, s.policy, "/url", before.URL); len(bad.Fields) > 0 {
		return before, bad
	}
	after := before
	if before.ClientID != tx.Principal.ClientID {
		nouns := fact.Readable(tx.Principal.Scopes)
		if without := lost(before, nouns); len(without) > 0 {
			return before, EndpointRights.With("nouns", strings.Join(without, ", "))
		}
		after.ClientID, after.Nouns = tx.Principal.ClientID, among(before, nouns)
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

// Pause keeps everything but test events until the endpoint is resumed: what falls due meanwhile waits.
func (s *Service) Pause(_ context.Context, tx *db.Tx, eid id.EndpointID) (Endpoint, error) {
	before, err := lock(tx, eid)
	if err != nil {
		return before, err
	}
	if _, err := before.Status.next(pausing); err != nil || before.PausedAt != nil {
		return before, err
	}
	after := before
	after.PausedAt = &tx.Now
	if _, err := db.Change(tx, before, &after); err != nil {
		return after, err
	}
	if err := hold(tx, after); err != nil {
		return after, err
	}
	return after, fact.Audit(tx, "webhook_endpoint.pause", eid, struct{}{})
}

// Resume lets what waited go out.
func (s *Service) Resume(_ context.Context, tx *db.Tx, eid id.EndpointID) (Endpoint, error) {
	before, err := lock(tx, eid)
	if err != nil {
		return before, err
	}
	if _, err := before.Status.next(resuming); err != nil || before.PausedAt == nil {
		return before, err
	}
	after := before
	after.PausedAt = nil
	if _, err := db.Change(tx, before, &after); err != nil {
		return after, err
	}
	if err := letGo(tx, after); err != nil {
		return after, err
	}
	return after, fact.Audit(tx, "webhook_endpoint.resume", eid, struct{}{})
}

// OwnerRevoked disables the endpoints of a client that was revoked. The deliverer sees it by itself too, with the next
// try.
func (s *Service) OwnerRevoked(ctx context.Context, tx *db.Tx, client id.ClientID) error {
	var owned []Endpoint
	if err := tx.Select(&owned, `select * from webhook_endpoints where tenant_id = ? and client_id = ? and status in ('pending', 'active') order by id for no key update`,
		tx.Scope.Tenant, client); err != nil {
		return err
	}
	for _, e := range owned {
		if _, err := s.shut(ctx, tx, e, reasonRevoked); err != nil {
			return err
		}
	}
	return nil
}

// shut disables an endpoint that is locked; what waits for it stays until it is enabled again.
func (s *Service) shut(ctx context.Context, tx *db.Tx, before Endpoint, reason string) (Endpoint, error) {
	to, err := before.Status.next(disable)
	if err != nil || to == before.Status {
		return before, err
	}
	after := before
	after.Status, after.DisabledAt, after.DisabledReason = to, &tx.Now, &reason
	if _, err := db.Change(tx, before, &after); err != nil {
		return before, err
	}
	if err := hold(tx, after); err != nil {
		return before, err
	}
	if err := s.write(ctx, tx, after, letterDisabled); err != nil {
		return before, err
	}
	return after, WasDisabled.Record(tx, about(after, disabledData{reason}))
}

// unproven is how long facts may wait for a pending endpoint whose test has not even failed, because it was cancelled or cannot be
// made, before that counts as failing.
const unproven = time.Hour

// Warn warns of the transaction's tenant's endpoints that have only failed for long, or have not proven themselves while facts wait for
// them. There is never more to do.
func (s *Service) Warn(tx *db.Tx) (bool, error) {
	var due []struct {
		Endpoint
		At time.Time // by the clock of the database
	}
	err := tx.Select(&due, `select e.*, now() as at from webhook_endpoints e
		where tenant_id = ? and status in ('pending', 'active') and (now() - failing_since >= case warned when 0 then make_interval(secs => ?) when 1 then make_interval(secs => ?) end
			or failing_since is null and status = 'pending' and exists (select from platform.delivery_queue q
				where q.endpoint_id = e.id and not q.test and q.due_at <= now() - make_interval(secs => ?))
			or status = 'pending' and now() - failing_since >= make_interval(secs => ?))
		order by id for no key update`, tx.Scope.Tenant, warnings[0].Seconds(), warnings[1].Seconds(), unproven.Seconds(), failingLimit.Seconds())
	if err != nil {
		return false, err
	}
	for _, x := range due {
		if x.FailingSince == nil {
			before, after := x.Endpoint, x.Endpoint
			after.FailingSince, after.Warned = &x.At, 0
			if _, err := db.Change(tx, before, &after); err != nil {
				return false, err
			}
			continue
		}
		after, err := s.warn(tx.Statement.Context, tx, x.Endpoint, x.At)
		if err == nil && x.Status == Pending && x.Warned == len(warnings) && x.At.Sub(*x.FailingSince) >= failingLimit {
			_, err = s.shut(tx.Statement.Context, tx, after, reasonFailing) // its test has used up its tries, so no failure will
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// purgeBatch bounds how many deliveries, and how many tries, one transaction removes.
const purgeBatch = 2000

// grace is how much longer than facts their deliveries are kept, so that a fact in the feed has its deliveries beside it.
const grace = 3 * time.Hour

// Purge removes the transaction's tenant's deliveries that are no longer kept, with their tries that no partition takes
// along, what other tries of those are no longer kept, and secrets that expired. It reports whether there may be more. A process
// whose clock is ahead takes no more along than the database's clock allows.
func (s *Service) Purge(tx *db.Tx) (bool, error) {
	values := map[string]any{"tenant": tx.Scope.Tenant, "old": tx.Now.Add(-s.keep - grace), "tried": tx.Now.Add(-s.keepTries), "batch": purgeBatch}
	const oldest = `select id from webhook_deliveries where tenant_id = @tenant and created_at < least(cast(@old as timestamptz), platform.clock() - interval '5 days') order by created_at limit @batch`
	// As lockQueued, which would have to be told the ids.
	if _, err := tx.Run(`select from platform.delivery_queue where delivery_id = any (array(`+oldest+`)) order by lease is null, delivery_id for update`, values); err != nil {
		return false, err
	}
	n, err := tx.Run(`with gone as (
			delete from webhook_deliveries where tenant_id = @tenant and id in
				(`+oldest+`)
			returning id
		), tries as (
			delete from webhook_attempts_rest a using gone where a.tenant_id = @tenant and a.delivery_id = gone.id
		), queued as (
			delete from platform.delivery_queue q using gone where q.delivery_id = gone.id
		)
		select id from gone`, values)
	if err != nil {
		return false, err
	}
	tries, err := tx.Run(`delete from webhook_attempts_rest where tenant_id = @tenant and id in
		(select id from (select id, at from webhook_attempts_rest where tenant_id = @tenant order by id limit @batch) oldest
		where at < least(cast(@tried as timestamptz), platform.clock() - interval '1 hour'))`, values)
	if err != nil {
		return false, err
	}
	_, err = tx.Run(`delete from webhook_secrets where tenant_id = ? and expires_at <= least(cast(? as timestamptz), platform.clock())`, tx.Scope.Tenant, tx.Now)
	return n == purgeBatch || tries > 0, err // younger tries may stand among the oldest ids
}
