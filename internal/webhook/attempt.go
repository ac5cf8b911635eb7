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
	URL            string `gorm:"column:url"`
	EndpointStatus Status
	Nouns          db.Strings
	FailingSince   *time.Time
	Role           auth.Role
	Scopes         db.Strings
	Bound          bool
	Revoked        bool
	OccurredAt     *time.Time // nil: the fact is no longer kept
	Data           []byte
	ExternalIDs    []byte `gorm:"column:external_ids"`
	Concerned      bool   // the endpoint's employer, or it has none
	Secrets        []byte // JSON: id and sealed of those that live
}

const load = `
select d.id, d.event_id, d.endpoint_id, w.organisation_id, d.type, d.status as state, d.attempts, w.url, w.status as endpoint_status, w.nouns,
	w.failing_since, c.role, c.scopes, c.organisation_id is not null as bound, c.revoked_at is not null as revoked,
	e.occurred_at, e.data, e.external_ids, coalesce(w.organisation_id is null or w.organisation_id = any (e.organisation_ids), false) as concerned,
	(select jsonb_agg(jsonb_build_object('id', s.id, 'sealed', translate(encode(s.sealed, 'base64'), E'\n', '')) order by s.created_at desc, s.id desc)
		from webhook_secrets s where s.tenant_id = w.tenant_id and s.endpoint_id = w.id and (s.expires_at is null or s.expires_at > ?)) as secrets
from webhook_deliveries d
join webhook_endpoints w on w.tenant_id = d.tenant_id and w.id = d.endpoint_id
join clients c on c.tenant_id = w.tenant_id and c.id = w.client_id
left join events e on e.tenant_id = d.tenant_id and e.id = d.event_id
where d.tenant_id = ? and d.id = any (cast(? as uuid[]))`

// send loads one tenant's deliveries in one statement and tries each on its own.
func (d *Deliverer) send(ctx context.Context, tenant id.TenantID, tickets []ticket) {
	ids := make(db.Strings, len(tickets))
	for i, t := range tickets {
		ids[i] = t.Delivery.UUID().String()
	}
	var rows []parcel
	err := d.db.Single(ctx, db.System(tenant, "deliver"), func(tx *db.Tx) error {
		return tx.Select(&rows, load, tx.Now, tenant, ids)
	})
	if err != nil {
		d.o.Log.ErrorContext(ctx, "webhook deliveries cannot be read", "tenant_id", tenant.String(), "cause", db.Cause(err))
		for _, t := range tickets { // their leases run out
			d.leave(t, -1, false)
		}
		return
	}
	found := make(map[id.DeliveryID]*parcel, len(rows))
	for i := range rows {
		found[rows[i].ID] = &rows[i]
	}
	for _, t := range tickets {
		d.wg.Go(func() { d.handle(ctx, t, found[t.Delivery]) })
	}
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
	case !test && p.EndpointStatus != Active:
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
	defer func() { d.leave(t, took, reached) }()
	keep := context.WithoutCancel(ctx) // what happened is written even while we are being stopped
	todo := cancel
	if p != nil {
		todo = p.judge()
	}
	switch todo {
	case cancel:
		d.persist(ctx, t, func() error { return d.cancel(keep, t) })
	case putBack:
		d.persist(ctx, t, func() error { return d.giveBack(keep, t, maxPause) })
	case orphan:
		d.persist(ctx, t, func() error { return d.orphan(keep, t, p) })
	case post:
		r := d.attempt(ctx, t, p)
		if r.cancelled {
			d.persist(ctx, t, func() error { return d.giveBack(keep, t, 0) })
			return
		}
		if r.sent {
			took, reached = r.took, r.status != 0
		}
		var state string
		d.persist(ctx, t, func() (err error) { state, err = d.settle(keep, t, p, r); return err })
		d.line(ctx, t, p, r, state)
	}
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

// attempt makes one try.
func (d *Deliverer) attempt(ctx context.Context, t ticket, p *parcel) result {
	body, secrets, err := d.pack(t, p)
	if err != nil {
		// A secret that does not open, or a fact that is too large: no later try goes better unless people mend it.
		d.o.Log.ErrorContext(ctx, "webhook cannot be made", "tenant_id", t.Tenant.String(), "delivery_id", t.Delivery.String(), "cause", db.Cause(err))
		return result{at: d.db.Now(), outcome: outcomeUnreachable, reason: "cannot be made"}
	}
	return d.call(ctx, p, body, secrets)
}

// pack makes the body, and opens the secrets that sign it.
func (d *Deliverer) pack(t ticket, p *parcel) (body []byte, secrets []string, err error) {
	data, err := fact.Data(p.Data, p.ExternalIDs, p.OrganisationID)
	if err != nil {
		return nil, nil, err
	}
	body, err = json.Marshal(struct {
		Type      string          `json:"type"`
		Timestamp time.Time       `json:"timestamp"`
		Data      json.RawMessage `json:"data"`
	}{p.Type, p.OccurredAt.UTC(), data})
	if err != nil {
		return nil, nil, err
	}
	if len(body) >= maxBody {
		return nil, nil, fmt.Errorf("the fact has %d bytes", len(body))
	}
	var sealed []struct {
		ID     uuid.UUID `json:"id"`
		Sealed []byte    `json:"sealed"`
	}
	if err := json.Unmarshal(p.Secrets, &sealed); err != nil {
		return nil, nil, fmt.Errorf("no secret: %w", err)
	}
	for _, x := range sealed {
		secret, err := d.box.Open(x.Sealed, whereSecret(t.Tenant.UUID(), x.ID))
		if err != nil {
			return nil, nil, err
		}
		secrets = append(secrets, string(secret))
	}
	return body, secrets, nil
}

// result is what came of a try.
type result struct {
	at        time.Time
	outcome   string
	status    int // 0 without an answer
	took      time.Duration
	answer    []byte
	wait      time.Duration // that the receiver asks for
	reason    string        // for our log
	sent      bool
	cancelled bool // by us
}

// call makes the request. The status is the receipt: what comes after a 2xx, or does not, changes nothing.
func (d *Deliverer) call(ctx context.Context, p *parcel, body []byte, secrets []string) result {
	r := result{at: d.db.Now()}
	signed, err := signature.Sign(p.EventID.String(), r.at, body, secrets...)
	if err != nil {
		r.outcome, r.reason = outcomeUnreachable, err.Error()
		return r
	}
	r.sent = true
	h := http.Header{}
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", userAgent)
	h.Set(signature.HeaderID, p.EventID.String())
	h.Set(signature.HeaderTimestamp, strconv.FormatInt(r.at.Unix(), 10))
	h.Set(signature.HeaderSignature, signed)
	a, err := d.client.Do(ctx, outbound.Request{Method: http.MethodPost, URL: p.URL, Header: h, Body: body})
	r.took, r.status = a.Duration, a.Status
	var away *outbound.Unreachable
	switch {
	case a.Status/100 == 2:
		r.outcome, r.answer = outcomeDelivered, a.Body
	case errors.As(err, &away):
		r.outcome, r.status, r.reason = outcomeUnreachable, 0, away.Reason()
	case err != nil:
		r.cancelled = true
	case a.Status == http.StatusGone:
		r.outcome, r.answer = outcomeGone, a.Body
	default:
		r.outcome, r.answer, r.wait = outcomeRefused, a.Body, retryAfter(a.Header, r.at)
	}
	return r
}

// mine holds the delivery's place in the queue, if it is still ours.
const mine = `with mine as (
	select delivery_id from platform.delivery_queue where delivery_id = @delivery and lease = @lease for update
), `

// settled writes a try and what became of the delivery. A worker that lost its lease adds its try, since it happened, and
// changes nothing else.
const settled = mine + `tried as (
	insert into webhook_attempts (tenant_id, id, delivery_id, endpoint_id, organisation_id, at, status, outcome, duration_ms, answer)
	values (@tenant, @id, @delivery, @endpoint, @organisation, @at, @status, @outcome, @took, @answer)
), state as (
	update webhook_deliveries d set status = @state, attempts = @attempts, next_attempt_at = @next, delivered_at = @done
	from mine where d.tenant_id = @tenant and d.id = mine.delivery_id
), again as (
	update platform.delivery_queue q set due_at = @next, lease = null
	from mine where q.delivery_id = mine.delivery_id and cast(@next as timestamptz) is not null
), over as (
	delete from platform.delivery_queue q using mine where q.delivery_id = mine.delivery_id and cast(@next as timestamptz) is null
)
select count(*) as held from mine`

// settle writes what came of a try in one short transaction, and returns the state of the delivery.
func (d *Deliverer) settle(ctx context.Context, t ticket, p *parcel, r result) (state string, err error) {
	var status *int
	if r.status != 0 {
		status = &r.status
	}
	attempts := p.Attempts + 1
	err = d.db.InTenant(ctx, t.who(), func(tx *db.Tx) error {
		var next, done *time.Time
		switch {
		case r.outcome == outcomeDelivered:
			state, done = delivered, &tx.Now
		case attempts >= maxAttempts:
			state = failed
		default:
			at := tx.Now.Add(pause(attempts, r.wait))
			state, next = waiting, &at
		}
		// Locked before the queue, as those do who delete or move an endpoint.
		var e Endpoint
		matters := r.outcome != outcomeDelivered || p.FailingSince != nil || p.EndpointStatus == Pending
		if matters {
			if e, err = locked(tx, p.EndpointID); err != nil {
				return err
			}
		}
		var row struct{ Held int }
		err := db.One(tx, &row, settled, map[string]any{"delivery": t.Delivery, "lease": t.lease, "tenant": t.Tenant, "id": id.NewAttempt(),
			"endpoint": p.EndpointID, "organisation": p.OrganisationID, "at": r.at, "status": status, "outcome": r.outcome,
			"took": r.took.Milliseconds(), "answer": r.answer, "state": state, "attempts": attempts, "next": next, "done": done})
		if err != nil {
			return err
		}
		if row.Held == 0 {
			state = "lost"
			return nil
		}
		if !matters || e.URL != p.URL {
			return nil
		}
		return consequences(tx, e, p.Type == Tested.Name, r.outcome)
	})
	return state, err
}

// consequences are what a try means for its endpoint, which is locked.
func consequences(tx *db.Tx, before Endpoint, test bool, outcome string) error {
	after := before
	switch {
	case outcome == outcomeDelivered:
		after.FailingSince, after.Warned = nil, 0
		if test && before.Status == Pending {
			to, err := before.Status.next(verify)
			if err != nil {
				return err
			}
			after.Status = to
			if err := release(tx, after); err != nil {
				return err
			}
		}
	case outcome == outcomeGone:
		return shut(tx, before, reasonGone)
	case before.Status != Active:
		return nil
	case before.FailingSince == nil:
		after.FailingSince, after.Warned = &tx.Now, 0
	case tx.Now.Sub(*before.FailingSince) >= failingLimit:
		return shut(tx, before, reasonFailing)
	default:
		for after.Warned < len(warnings) && tx.Now.Sub(*before.FailingSince) >= warnings[after.Warned] {
			after.Warned++
		}
	}
	changed, err := db.Change(tx, before, &after)
	if err != nil || !changed || after.Warned <= before.Warned {
		return err
	}
	return BeganToFail.Record(tx, about(after, failingData{after.FailingSince.UTC(), after.FailingSince.Add(failingLimit).UTC()}))
}

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
		return shut(tx, e, reasonRevoked)
	})
	if err != nil {
		return err
	}
	return d.giveBack(ctx, t, maxPause)
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
}
