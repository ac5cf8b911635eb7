package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/outbound"
	"github.com/switchingtalent/switchboard/internal/platform/seal"
	"github.com/switchingtalent/switchboard/internal/platform/signature"
)

const (
	userAgent = "Switchboard-Webhooks/1"
	// maxBody bounds what is sent (design section 5).
	maxBody = 20_000
)

// parcel is all that one try needs to know.
type parcel struct {
	ID             id.DeliveryID
	EventID        id.EventID
	EndpointID     id.EndpointID
	OrganisationID *id.OrganisationID // the endpoint's employer
	Type           string
	State          string // of the delivery
	Attempts       int
	BaseAttempts   int    // of them, those before the schedule began anew
	URL            string `gorm:"column:url"`
	EndpointStatus Status
	Paused         bool
	Payload        string
	Headers        []byte
	OAuthTokenURL  *string `gorm:"column:oauth_token_url"`
	OAuthClientID  *string `gorm:"column:oauth_client_id"`
	OAuthScope     *string `gorm:"column:oauth_scope"`
	OAuthSecret    []byte  `gorm:"column:oauth_secret"`
	Certificate    *string
	CertificateKey []byte
	Nouns          db.Strings
	FailingSince   *time.Time
	Role           auth.Role
	Scopes         db.Strings
	Bound          bool
	Revoked        bool
	Subject        string
	OccurredAt     *time.Time // nil: the fact is no longer kept
	Data           []byte
	ExternalIDs    []byte `gorm:"column:external_ids"`
	Concerned      bool   // the endpoint's employer, or it has none
	Secrets        []byte // JSON: id and sealed of those that live
	SignedBy       []byte // their ids, one after the other

	loaded time.Time // by our clock, before it was read
}

// load reads deliveries with all that their tries need. Each part is looked up by its key: a plan that was made for a few
// rows must serve for millions. It is made once for a connection: to plan all of it costs many times what it does.
const load = `
with d as materialized (
	select * from webhook_deliveries where tenant_id = $1 and id = any ($2::uuid[])
)
select d.id, d.event_id, d.endpoint_id, w.organisation_id, d.type, d.status as state, d.attempts, d.base_attempts, w.url, w.status as endpoint_status,
	w.paused_at is not null as paused, w.payload, w.headers, w.oauth_token_url, w.oauth_client_id, w.oauth_scope, w.oauth_secret,
	w.certificate, w.certificate_key, w.nouns, w.failing_since, c.role, c.scopes, c.organisation_id is not null as bound, c.revoked_at is not null as revoked,
	coalesce(e.subject, '') as subject, e.occurred_at, e.data, e.external_ids, coalesce(w.organisation_id is null or w.organisation_id = any (e.organisation_ids), false) as concerned,
	s.secrets, s.signed_by
from d
join lateral (select * from webhook_endpoints where tenant_id = d.tenant_id and id = d.endpoint_id limit 1) w on true
join lateral (select * from clients where tenant_id = d.tenant_id and id = w.client_id limit 1) c on true
left join lateral (select * from events where tenant_id = d.tenant_id and id = d.event_id limit 1) e on true
left join lateral (` + living + ` and s.endpoint_id = d.endpoint_id) s on true`

// living are the secrets that sign, of the tenant $1.
const living = `
	select jsonb_agg(jsonb_build_object('id', s.id, 'sealed', translate(encode(s.sealed, 'base64'), E'\n', ''),
		'key', translate(encode(s.key_sealed, 'base64'), E'\n', '')) order by s.created_at desc, s.id desc) as secrets,
		string_agg(uuid_send(s.id), '' order by s.created_at desc, s.id desc) as signed_by
	from webhook_secrets s
	where s.tenant_id = $1 and (s.expires_at is null or s.expires_at > (select platform.clock()))`

// send reads one tenant's deliveries and tries each on its own.
func (d *Deliverer) send(ctx context.Context, tenant id.TenantID, tickets []ticket) {
	found, err := d.read(ctx, tenant, tickets)
	if err != nil {
		d.o.Log.ErrorContext(ctx, "webhook deliveries cannot be read", "tenant_id", tenant.String(), "cause", db.Cause(err))
		for _, t := range tickets { // their leases run out
			d.leave(ctx, t, -1, false)
		}
		return
	}
	for _, t := range tickets {
		d.wg.Go(func() { d.handle(ctx, t, found[t.Delivery]) })
	}
}

// read loads one tenant's deliveries in one statement.
func (d *Deliverer) read(ctx context.Context, tenant id.TenantID, tickets []ticket) (map[id.DeliveryID]*parcel, error) {
	ids := make([]uuid.UUID, len(tickets))
	for i, t := range tickets {
		ids[i] = t.Delivery.UUID()
	}
	var rows []parcel
	began := time.Now()
	err := d.db.InTenantOne(ctx, db.System(tenant, "deliver"), &rows, load, tenant.UUID(), ids)
	if err != nil {
		return nil, err
	}
	found := make(map[id.DeliveryID]*parcel, len(rows))
	for i := range rows {
		rows[i].loaded = began
		found[rows[i].ID] = &rows[i]
	}
	return found, nil
}

// verdict is what is to be done with a delivery that was taken.
type verdict int

const (
	post    verdict = iota // send it
	putBack                // the endpoint waits for something: so does the delivery
	cancel                 // it will never be sent
	orphan                 // nobody answers for the endpoint any more
)

// judge decides by the state of things right now; much can have changed since the fact was recorded.
func (p *parcel) judge() verdict {
	test := p.Type == Tested.Name
	given := make([]auth.Permission, len(p.Scopes))
	for i, s := range p.Scopes {
		given[i] = auth.Permission(s)
	}
	noun, _, _ := strings.Cut(p.Type, ".")
	readable := slices.Contains(p.Nouns, noun) && slices.Contains(fact.Readable(auth.Effective(p.Role, given, p.Bound)), noun)
	switch {
	case p.State != waiting || p.EndpointStatus == Deleted || p.OccurredAt == nil:
		return cancel
	case p.Revoked && p.EndpointStatus != Disabled:
		return orphan
	case p.EndpointStatus == Disabled && test:
		return cancel
	case !test && (p.EndpointStatus != Active || p.Paused):
		return putBack
	case !p.Concerned || !test && !readable:
		return cancel
	}
	return post
}

// handle does with one delivery what is to be done, and does not let go before that is written: a database that is away
// for a while must not mean that a receiver gets the same fact again and again.
func (d *Deliverer) handle(ctx context.Context, t ticket, p *parcel) {
	took, reached := time.Duration(-1), false
	defer func() { d.leave(ctx, t, took, reached) }()
	keep := context.WithoutCancel(ctx) // what happened is written even while we are being stopped
	todo := cancel
	if p != nil {
		todo = p.judge()
	}
	switch todo {
	case cancel:
		if p != nil && p.EndpointStatus == Deleted {
			d.keys.forget(t.Endpoint)
		}
		d.persist(ctx, t, func() error { return d.cancel(keep, t) })
	case putBack:
		d.persist(ctx, t, func() error { return d.giveBack(keep, maxPause, t) })
	case orphan:
		d.persist(ctx, t, func() error { return d.orphan(keep, t, p) })
	case post:
		d.waits(t, time.Now())
		try := id.NewAttempt() // its time is that at which it begins: when it ended may be nobody's business (shownMS)
		r := d.attempt(ctx, t, p)
		d.waits(t, time.Time{})
		if r.cancelled {
			d.persist(ctx, t, func() error { return d.giveBack(keep, 0, t) })
			return
		}
		if r.unmade != nil {
			d.unmade(ctx, t, p, r.unmade)
			return
		}
		if r.sent {
			took, reached = r.took, r.status != 0
		}
		x := &tried{t: t, id: try, p: p, r: r}
		x.state, x.pause = p.after(r)
		if x.state != delivered {
			anew := pause(1, r.wait)
			x.anew = &anew
		}
		x.patient = !x.matters() && d.answered(ctx, t, r.took)
		d.persist(ctx, t, func() error { return d.settle(keep, x) })
		d.line(ctx, t, p, r, x.state)
	}
}

// after is what becomes of a delivery by a try, and how long it waits for the next one, if there is one.
func (p *parcel) after(r result) (state string, wait *time.Duration) {
	tries := p.Attempts + 1 - p.BaseAttempts
	switch {
	case r.outcome == outcomeDelivered:
		return delivered, nil
	case tries >= maxAttempts:
		return failed, nil
	}
	w := pause(tries, r.wait)
	return waiting, &w
}

// persist repeats a write until it succeeds, or until we are told to stop: then the lease runs out.
func (d *Deliverer) persist(ctx context.Context, t ticket, write func() error) {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, lease) {
		err := write()
		if err == nil {
			return
		}
		d.o.Log.ErrorContext(ctx, "webhook cannot be noted", "tenant_id", t.Tenant.String(), "delivery_id", t.Delivery.String(), "cause", db.Cause(err))
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// errSealed says that what an endpoint gave us, or got from us, does not open: its secrets, its headers, or what it is to be
// shown. Nothing can go there until people mend it.
var errSealed = errors.New("what is kept of the endpoint does not open")

// unmade puts off a delivery that could not be made. That is our fault and not its receiver's: it costs no try, and the
// endpoint does not fail.
func (d *Deliverer) unmade(ctx context.Context, t ticket, p *parcel, why error) {
	wait := unfitPause
	if errors.Is(why, errSealed) {
		wait = sealedPause
		d.rest(t.Endpoint, wait)
	}
	d.o.Log.ErrorContext(ctx, "webhook cannot be made", "tenant_id", t.Tenant.String(), "delivery_id", t.Delivery.String(),
		"endpoint_id", t.Endpoint.String(), "type", p.Type, "cause", db.Cause(why))
	d.o.Observe(Tried{Outcome: outcomeUnmade, Endpoint: t.Endpoint})
	d.persist(ctx, t, func() error { return d.putOff(context.WithoutCancel(ctx), t, wait) })
}

// putOff gives back a delivery for longer than a moment, so callers are told when it is looked at again.
func (d *Deliverer) putOff(ctx context.Context, t ticket, wait time.Duration) error {
	return d.db.InTenant(ctx, t.who(), func(tx *db.Tx) error {
		_, err := tx.Run(mine+`state as (
			update webhook_deliveries d set next_attempt_at = now() + make_interval(secs => @wait)
			from mine where d.tenant_id = @tenant and d.id = mine.delivery_id and d.status = 'waiting'
		)
		update platform.delivery_queue q set due_at = now() + make_interval(secs => @wait), lease = null, leased_until = null
		from mine where q.delivery_id = mine.delivery_id`,
			map[string]any{"delivery": t.Delivery, "lease": t.lease, "tenant": t.Tenant, "wait": wait.Seconds()})
		return err
	})
}

// attempt makes one try.
func (d *Deliverer) attempt(ctx context.Context, t ticket, p *parcel) result {
	m, err := d.pack(t, p)
	if err != nil {
		return result{unmade: err}
	}
	// One bound for all of it: the token that it may need, and the call.
	bounded, cancel := context.WithTimeout(ctx, d.bound)
	defer cancel()
	start, at := time.Now(), d.clock.now()
	client, met, authorization, later, err := d.introduce(bounded, t, p)
	if err != nil {
		if errors.Is(err, errSealed) {
			return result{unmade: err}
		}
		if ctx.Err() != nil {
			return result{cancelled: true}
		}
		r := result{at: at, outcome: outcomeNoToken, took: time.Since(start), reason: "no token", sent: true}
		var away *outbound.Unreachable
		if errors.As(err, &away) {
			r.reason += ": " + away.Reason()
		}
		return r
	}
	if authorization != "" {
		m.header.Set("Authorization", authorization)
	}
	if later {
		err := d.reread(ctx, t, p)
		if err != nil {
			d.o.Log.ErrorContext(ctx, "webhook deliveries cannot be read", "tenant_id", t.Tenant.String(), "cause", db.Cause(err))
		}
		if err != nil || p.Secrets == nil { // there is no endpoint any more
			return result{cancelled: true}
		}
	}
	if m.signer, err = d.keys.signer(p.EndpointID, p.Secrets, func() (*signature.Signer, error) { return d.open(t, p) }); err != nil {
		return result{unmade: err}
	}
	r := d.call(bounded, client, t, p, m)
	if r.status == http.StatusUnauthorized {
		met.forget()
	}
	return r
}

// message is what is sent: signed when it is called out.
type message struct {
	body   []byte
	header http.Header
	signer *signature.Signer // once whom it goes to is known
}

// reread finds the secrets of a delivery's endpoint that live now: a token can take as long as a whole try, and a receiver that got
// another secret meanwhile may know that one alone.
func (d *Deliverer) reread(ctx context.Context, t ticket, p *parcel) error {
	var now []struct{ Secrets, SignedBy []byte }
	err := d.db.InTenantOne(ctx, db.System(t.Tenant, "deliver"), &now, living+` and s.endpoint_id = $2`, t.Tenant.UUID(), p.EndpointID.UUID())
	if err == nil {
		p.Secrets, p.SignedBy = now[0].Secrets, now[0].SignedBy // an aggregate has one row
	}
	return err
}

// pack makes the body and the headers.
func (d *Deliverer) pack(t ticket, p *parcel) (m message, err error) {
	var data json.RawMessage
	if p.Payload == payloadThin {
		data, err = fact.Thin(p.Type, p.Data, fact.LinksOf(d.public, p.Type, p.EventID.String(), p.Subject))
	} else {
		data, err = fact.Data(p.Data, p.ExternalIDs, p.OrganisationID)
	}
	if err != nil {
		return m, err
	}
	m.body, err = json.Marshal(struct {
		Type      string          `json:"type"`
		Timestamp time.Time       `json:"timestamp"`
		Data      json.RawMessage `json:"data"`
	}{p.Type, p.OccurredAt.UTC(), data})
	if err != nil {
		return m, err
	}
	if len(m.body) >= maxBody {
		return m, fmt.Errorf("the fact has %d bytes", len(m.body))
	}
	m.header = http.Header{}
	return m, d.dress(t, p, m.header)
}

// open opens the secrets and the keys of an endpoint that live. A message is signed with all of them: a receiver takes
// whichever it knows. Its error is errSealed.
func (d *Deliverer) open(t ticket, p *parcel) (*signature.Signer, error) {
	var (
		secrets, keys []string
		rows          []struct {
			ID     uuid.UUID `json:"id"`
			Sealed []byte    `json:"sealed"`
			Key    []byte    `json:"key"`
		}
	)
	if err := json.Unmarshal(p.Secrets, &rows); err != nil {
		return nil, fmt.Errorf("%w: no secret: %w", errSealed, err)
	}
	for _, x := range rows {
		secret, err := d.unseal(x.Sealed, whereSecret(t.Tenant.UUID(), "sealed", x.ID))
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, string(secret))
		if x.Key == nil { // it was made before there were any
			continue
		}
		key, err := d.unseal(x.Key, whereSecret(t.Tenant.UUID(), "key_sealed", x.ID))
		if err != nil {
			return nil, err
		}
		keys = append(keys, string(key))
	}
	signer, err := signature.NewSigner(secrets, keys)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSealed, err)
	}
	return signer, nil
}

// unseal opens what an endpoint gave us, or got from us. Its error is errSealed.
func (d *Deliverer) unseal(sealed []byte, where seal.Where) ([]byte, error) {
	plain, err := d.box.Open(sealed, where)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errSealed, where.Column, err)
	}
	return plain, nil
}

// sign makes the signatures of a message. Where its signer was wiped meanwhile, the secrets that it was packed with are
// opened once more.
func (d *Deliverer) sign(t ticket, p *parcel, m message, at time.Time) (string, error) {
	signed, err := m.signer.Sign(p.EventID.String(), at, m.body)
	if !errors.Is(err, signature.ErrWiped) {
		return signed, err
	}
	fresh, err := d.open(t, p)
	if err != nil {
		return "", err
	}
	defer fresh.Wipe()
	return fresh.Sign(p.EventID.String(), at, m.body)
}

// result is what came of a try.
type result struct {
	at        time.Time
	outcome   string
	status    int // 0 without an answer
	took      time.Duration
	answer    []byte
	names     []string      // of headers that not every delivery has
	told      string        // headers of the answer
	wait      time.Duration // that the receiver asks for
	reason    string        // for our log
	sent      bool
	cancelled bool  // by us
	unmade    error // why there was nothing to send, which is our fault; the rest says nothing then
}

// call makes the request. The status is the receipt: what comes after a 2xx, or does not, changes nothing.
func (d *Deliverer) call(ctx context.Context, client *outbound.Client, t ticket, p *parcel, m message) result {
	r := result{at: d.clock.now(), names: names(m.header)}
	signed, err := d.sign(t, p, m, r.at)
	if err != nil {
		return result{unmade: err}
	}
	r.sent = true
	h := m.header
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", userAgent)
	h.Set(signature.HeaderID, p.EventID.String())
	h.Set(signature.HeaderTimestamp, strconv.FormatInt(r.at.Unix(), 10))
	h.Set(signature.HeaderSignature, signed)
	// Nothing is sent under this name: it tells net/http that a request may go out again when the connection that it kept turns
	// out to have been closed by the receiver meanwhile, which is no failure.
	if h.Get("Idempotency-Key") == "" {
		h["Idempotency-Key"] = nil
	}
	a, err := client.Do(ctx, outbound.Request{Method: http.MethodPost, URL: p.URL, Header: h, Body: m.body})
	r.took, r.status, r.told = a.Duration, a.Status, told(a.Header)
	var away *outbound.Unreachable
	switch {
	case a.Status/100 == 2:
		r.outcome, r.answer = outcomeDelivered, a.Body
	case errors.As(err, &away):
		r.outcome, r.status, r.told, r.reason = outcomeUnreachable, 0, "", away.Reason()
	case err != nil:
		r.cancelled = true
	case a.Status == http.StatusGone:
		r.outcome, r.answer = outcomeGone, a.Body
	default:
		r.outcome, r.answer, r.wait = outcomeRefused, a.Body, retryAfter(a.Header, r.at)
	}
	return r
}

// consequences are what a try means for its endpoint, which is locked, at the time of the database. They return the
// endpoint as it is then. One that is pending and only fails its tests is warned of and disabled like any other: what is for it waits,
// and nobody hears of that otherwise.
func (s *Service) consequences(ctx context.Context, tx *db.Tx, before Endpoint, test bool, r result, now time.Time) (Endpoint, error) {
	after, outcome := before, r.outcome
	switch {
	case outcome == outcomeDelivered:
		after.FailingSince, after.Warned = nil, 0
		if test && before.Status == Pending {
			to, err := before.Status.next(verify)
			if err != nil {
				return before, err
			}
			after.Status = to
			if err := letGo(tx, after); err != nil {
				return before, err
			}
		}
	case outcome == outcomeGone:
		return s.shut(ctx, tx, before, reasonGone)
	case before.Status != Active && before.Status != Pending:
		return before, nil
	case before.FailingSince == nil:
		after.FailingSince, after.Warned = &r.at, 0
	case before.Warned == len(warnings) && now.Sub(*before.FailingSince) >= failingLimit:
		return s.shut(ctx, tx, before, reasonFailing)
	default:
		return s.warn(ctx, tx, before, now)
	}
	_, err := db.Change(tx, before, &after)
	return after, err
}

// warn says of an endpoint that has only failed, or has not proven itself, for half or three quarters of failingLimit that it has.
func (s *Service) warn(ctx context.Context, tx *db.Tx, before Endpoint, now time.Time) (Endpoint, error) {
	after := before
	for after.Warned < len(warnings) && now.Sub(*before.FailingSince) >= warnings[after.Warned] {
		after.Warned++
	}
	changed, err := db.Change(tx, before, &after)
	if err != nil || !changed {
		return after, err
	}
	if err := s.write(ctx, tx, after, letterFailing); err != nil {
		return after, err
	}
	return after, BeganToFail.Record(tx, about(after, failingData{after.FailingSince.UTC(), after.FailingSince.Add(failingLimit).UTC(), after.Status}))
}

// mine holds the delivery's place in the queue, if it is still ours.
const mine = `with mine as (
	select delivery_id from platform.delivery_queue where delivery_id = @delivery and lease = @lease for update
), `

// cancel takes a delivery out of the queue that will never be sent.
func (d *Deliverer) cancel(ctx context.Context, t ticket) error {
	return d.db.InTenant(ctx, t.who(), func(tx *db.Tx) error {
		_, err := tx.Run(mine+`state as (
			update webhook_deliveries d set status = 'cancelled', next_attempt_at = null
			from mine where d.tenant_id = @tenant and d.id = mine.delivery_id and d.status = 'waiting'
		)
		delete from platform.delivery_queue q using mine where q.delivery_id = mine.delivery_id`,
			map[string]any{"delivery": t.Delivery, "lease": t.lease, "tenant": t.Tenant})
		return err
	})
}

// orphan disables an endpoint whose owner was revoked.
func (d *Deliverer) orphan(ctx context.Context, t ticket, p *parcel) error {
	err := d.db.InTenant(ctx, t.who(), func(tx *db.Tx) error {
		e, err := locked(tx, p.EndpointID)
		if err != nil {
			return err
		}
		var owner struct{ Revoked bool }
		if err := db.One(tx, &owner, `select revoked_at is not null as revoked from clients where tenant_id = ? and id = ?`, t.Tenant, e.ClientID); err != nil {
			return err
		}
		if !owner.Revoked || e.Status == Deleted { // somebody was faster
			return nil
		}
		_, err = d.shut(ctx, tx, e, reasonRevoked)
		return err
	})
	if err != nil {
		return err
	}
	return d.giveBack(ctx, maxPause, t)
}

// who writes what came of a try.
func (t ticket) who() db.Who {
	w := db.System(t.Tenant, "deliver")
	w.RequestID = t.Delivery.String()
	return w
}

// line is the wide line of a try: no path, no query, no data.
func (d *Deliverer) line(ctx context.Context, t ticket, p *parcel, r result, state string) {
	attrs := []slog.Attr{slog.String("tenant_id", t.Tenant.String()), slog.String("delivery_id", t.Delivery.String()),
		slog.String("event_id", p.EventID.String()), slog.String("endpoint_id", p.EndpointID.String()), slog.String("type", p.Type),
		slog.Int("attempt", p.Attempts+1), slog.String("outcome", r.outcome), slog.Int("status", r.status), slog.Duration("took", r.took),
		slog.String("state", state)}
	if r.reason != "" {
		attrs = append(attrs, slog.String("reason", r.reason))
	}
	d.o.Log.LogAttrs(ctx, slog.LevelInfo, "delivery", attrs...)
	d.o.Observe(Tried{r.outcome, r.took, p.Attempts == 0 && p.Type != Tested.Name, r.at.Add(r.took).Sub(*p.OccurredAt), t.Endpoint})
}
