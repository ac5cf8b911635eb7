package webhook

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
)

// Recovery sends an endpoint what it missed since a time: deliveries that failed or still wait, and facts that it never
// had a delivery of. It runs batch by batch, each in its own transaction, and goes on where it was when a process ends.
type Recovery struct {
	db.Row
	ID                 id.RecoveryID `gorm:"primaryKey"`
	EndpointID         id.EndpointID
	OrganisationID     *id.OrganisationID
	Since              time.Time
	EventTypes         db.Strings
	TypePatterns       db.Strings
	Nouns              db.Strings
	IncludeUnrequested bool
	Status             string
	Cursor             uuid.UUID // the last fact that was looked at
	DeliveryCount      int
	FinishedAt         *time.Time
	AtLeast            bool `gorm:"-"` // counted only: there may be more than DeliveryCount
}

// TableName is the table of recoveries.
func (Recovery) TableName() string { return "webhook_recoveries" }

// Key places a recovery in a list.
func (r Recovery) Key() (int64, uuid.UUID) { return r.Pos, r.ID.UUID() }

// Bounds are how an employer's recoveries are found.
func (Recovery) Bounds() page.Bounds { return page.OfEmployer("organisation_id") }

// The statuses of a recovery; one whose endpoint is deleted is cancelled.
const (
	running   = "running"
	completed = "completed"
)

// RecoverInput says what to send again.
type RecoverInput struct {
	Since time.Time `json:"since" binding:"required" format:"date-time" example:"2027-01-11T08:00:00Z"`
	// Of these types alone; none is all that the endpoint asks for.
	EventTypes []string `json:"event_types" maxLength:"100" validate:"max=50" example:"leerbewijs.*"`
	// Also facts that the endpoint did not ask for: of other types, beyond its filter, from before it was made, and cancelled ones.
	IncludeUnrequested bool `json:"include_unrequested" default:"false" example:"false"`
	// Only count.
	DryRun bool `json:"dry_run" default:"false" example:"false"`
} // @name WebhookRecoveryInput

// pageOfFacts are the next facts that a recovery looks at.
const pageOfFacts = `page as materialized (
		select * from events where tenant_id = @tenant and id > @cursor and occurred_at >= @since and pos <= @until order by id limit @batch
	)`

// missed are the facts of a page that an endpoint has to get, with the delivery that it has of each, if any. Those from before it was
// made are told by their place in the order of changes: clocks of processes differ. A fact has few deliveries, an endpoint may have
// a hundred thousand: so the one is looked for among those of the fact, whatever a plan made of the tables when they were small.
const missed = `
	from page e
	left join lateral (select id, status from (select id, status, endpoint_id from webhook_deliveries where tenant_id = @tenant and event_id = e.id offset 0) its
		where endpoint_id = @endpoint limit 1) d on true
	where e.type like any (cast(@patterns as text[])) and e.noun = any (cast(@nouns as text[])) and e.type <> 'webhook_endpoint.tested'
		and (cast(@organisation as uuid) is null or cast(@organisation as uuid) = any (e.organisation_ids))
		and (@unrequested or e.type like any (cast(@own as text[])))
		and (@unrequested or cast(@filter as jsonb) is null or platform.filter_holds(cast(@filter as jsonb), e.data))
		and (@unrequested or d.id is not null or case when cast(@born as bigint) is null then e.occurred_at >= @made else e.pos > cast(@born as bigint) end)
		and (d.id is null or d.status in ('waiting', 'failed') or d.status = 'cancelled' and @unrequested)`

// values are what missed asks for; until is the position of the last fact that may be among them. A fact stands in its partition for
// up to a week after kept, the earliest time of which facts are kept, and its delivery does not: it would be taken for missed and
// sent again, to receivers that may have forgotten its id by then.
func (r Recovery) values(tx *db.Tx, e Endpoint, until int64, kept time.Time) (map[string]any, error) {
	// The test event that was recorded with the endpoint has its place, for as long as facts are kept. After that all that are kept are
	// younger than the endpoint.
	var first []struct{ Pos int64 }
	if err := tx.Select(&first, `select pos from events where tenant_id = ? and subject_id = ? and type = ? and occurred_at = ? order by pos limit 1`,
		tx.Scope.Tenant, e.ID.UUID(), Tested.Name, e.CreatedAt); err != nil {
		return nil, err
	}
	var born *int64
	if len(first) > 0 {
		born = &first[0].Pos
	}
	since := r.Since.Add(-skew)
	if since.Before(kept) {
		since = kept
	}
	return map[string]any{"until": until, "tenant": tx.Scope.Tenant, "endpoint": e.ID.UUID(), "patterns": r.TypePatterns, "nouns": r.Nouns, "organisation": e.OrganisationID,
		"unrequested": r.IncludeUnrequested, "own": e.TypePatterns, "filter": e.Filter, "made": e.CreatedAt, "born": born,
		"since": since, "cursor": r.Cursor, "batch": recoverBatch}, nil
}

// recoverBatch is how many facts one transaction of a recovery looks at.
const recoverBatch = 1000

// What is only counted is counted in pages of countBatch facts, for countFor at most and a page: long before its transaction ends.
const (
	countBatch = 5000
	countFor   = 4 * time.Second
)

// counting bounds a dry run.
type counting struct {
	batch int           // facts a page
	most  time.Duration // after which no page begins
}

// dryRun counts what a recovery would send, and reports whether it came to the end.
func (c counting) dryRun(tx *db.Tx, r Recovery, e Endpoint, kept time.Time) (n int, whole bool, err error) {
	values, err := r.values(tx, e, math.MaxInt64, kept)
	if err != nil {
		return 0, false, err
	}
	values["batch"] = c.batch
	for began := time.Now(); ; {
		var page struct {
			Facts, Missed int
			Last          *uuid.UUID
		}
		if err := db.One(tx, &page, `with `+pageOfFacts+`
			select (select count(*) from page) as facts, (select id from page order by id desc limit 1) as last, (select count(*)`+missed+`) as missed`, values); err != nil {
			return n, false, err
		}
		n += page.Missed
		if page.Facts < c.batch {
			return n, true, nil
		}
		if time.Since(began) >= c.most {
			return n, false, nil
		}
		values["cursor"] = *page.Last
	}
}

// kept is the earliest time of which facts and their deliveries are both kept.
func (s *Service) kept(tx *db.Tx) time.Time { return tx.Now.Add(-s.keep) }

// stalled is how long a recovery may do nothing before another may begin beside it.
const stalled = time.Hour

// Recover starts a recovery, or counts what it would send.
func (s *Service) Recover(ctx context.Context, tx *db.Tx, eid id.EndpointID, in RecoverInput) (Recovery, error) {
	find := lock
	if in.DryRun {
		find = present // counting takes long and changes nothing: deliveries need not wait for it
	}
	e, err := find(tx, eid)
	if err != nil {
		return Recovery{}, err
	}
	if _, err := e.Status.next(recovering); err != nil && !in.DryRun {
		return Recovery{}, err
	}
	r := Recovery{ID: id.NewRecovery(), EndpointID: e.ID, OrganisationID: e.OrganisationID, Since: in.Since, EventTypes: in.EventTypes, Nouns: e.Nouns,
		IncludeUnrequested: in.IncludeUnrequested, Status: running, Cursor: below(in.Since)}
	bad := fault.Unprocessable.New()
	for i, a := range in.EventTypes {
		like, noun, known := fact.Pattern(a)
		switch at := "/event_types/" + strconv.Itoa(i); {
		case !known:
			bad.At(at, fault.NoReference)
		case noun != "" && !slices.Contains(e.Nouns, noun):
			bad.At(at, unreadable)
		}
		r.TypePatterns = append(r.TypePatterns, like)
	}
	if len(bad.Fields) > 0 {
		return r, bad
	}
	if len(r.TypePatterns) == 0 {
		r.TypePatterns = e.TypePatterns
		if r.IncludeUnrequested {
			r.TypePatterns = db.Strings{"%"}
		}
	}
	if in.DryRun {
		n, whole, err := s.counting.dryRun(tx, r, e, s.kept(tx))
		r.Status, r.DeliveryCount, r.AtLeast = "dry_run", n, !whole
		return r, err
	}
	// The endpoint is locked, so none begins meanwhile. One that has stood still for long was given up, and blocks nobody.
	var other struct{ Runs bool }
	if err := db.One(tx, &other, `select exists (select from webhook_recoveries where tenant_id = ? and endpoint_id = ? and status = 'running' and updated_at > ?) as runs`,
		tx.Scope.Tenant, e.ID, tx.Now.Add(-stalled)); err != nil {
		return r, err
	}
	if other.Runs {
		return r, RecoveryRunning.New()
	}
	if err := db.Insert(tx, &r); err != nil {
		return r, err
	}
	if err := s.Jobs.Enqueue(ctx, tx, RecoverArgs{tx.TenantID(), r.ID}, time.Time{}); err != nil {
		return r, err
	}
	return r, fact.Audit(tx, "webhook_endpoint.recover", e.ID, struct {
		RecoveryID         id.RecoveryID `json:"recovery_id"`
		Since              time.Time     `json:"since"`
		IncludeUnrequested bool          `json:"include_unrequested"`
	}{r.ID, r.Since, r.IncludeUnrequested})
}

// skew is how far the clocks of whoever asks and of whoever recorded a fact may be apart: a recovery reaches that much further back,
// so that a server whose clock is behind keeps nothing from it. A sync reads the same twelve minutes again (page).
const skew = 12 * time.Minute

// margin is how far the clocks of our processes may be apart where ids are compared with times.
const margin = time.Hour

// below is a UUIDv7 (RFC 9562, section 5.7) that lies below those that any process made at t.
func below(t time.Time) (u uuid.UUID) {
	ms := max(0, t.Add(-margin).UnixMilli())
	binary.BigEndian.PutUint64(u[:8], uint64(ms)<<16)
	return u
}

// errUnsettled says that a transaction is still running which began before the recovery was asked for. A fact of it may have
// found the endpoint disabled, and may commit behind the place that the recovery has come to: nothing is looked at until then.
var errUnsettled = errors.New("webhook: a transaction older than the recovery is still running")

// RecoverSome does batches of a recovery until it is completed or ctx nears its end, and reports whether there is more. It
// does nothing, and returns errUnsettled, before all facts can be seen that it is about.
func (s *Service) RecoverSome(ctx context.Context, tenant id.TenantID, rid id.RecoveryID) (more bool, err error) {
	for more = true; more && ctx.Err() == nil; {
		err = s.db.InTenant(ctx, db.System(tenant, "recover"), func(tx *db.Tx) (err error) {
			more, err = s.recoverPage(tx, rid)
			return err
		})
		if err != nil {
			return more, err
		}
	}
	return more, nil
}

// recoverPage looks at the next page of facts, and queues what the endpoint missed of them.
func (s *Service) recoverPage(tx *db.Tx, rid id.RecoveryID) (more bool, err error) {
	before, err := db.Lock[Recovery](tx, rid)
	if err != nil || before.Status != running {
		return false, err
	}
	// A fact that was recorded later found the endpoint as it is now, and has its delivery.
	var window struct{ UntilPos, Horizon int64 }
	if err := db.One(tx, &window, `select until_pos, platform.horizon() as horizon from webhook_recoveries where tenant_id = ? and id = ?`,
		tx.Scope.Tenant, rid); err != nil {
		return false, err
	}
	if window.Horizon <= window.UntilPos {
		return true, errUnsettled
	}
	e, err := db.Get[Endpoint](tx, before.EndpointID)
	if err != nil {
		return false, err
	}
	values, err := before.values(tx, e, window.UntilPos, s.kept(tx))
	if err != nil {
		return false, err
	}
	var page struct {
		Facts int
		Last  *uuid.UUID
		Made  db.IDs[uuid.UUID] // facts without a delivery
		Again db.IDs[uuid.UUID] // deliveries
	}
	err = db.One(tx, &page, `with `+pageOfFacts+`, missed as (
			select e.id, d.id as delivery_id`+missed+`
		)
		select (select count(*) from page) as facts, (select id from page order by id desc limit 1) as last,
			(select array_agg(id) from missed where delivery_id is null) as made, (select array_agg(delivery_id) from missed where delivery_id is not null) as again`, values)
	if err != nil {
		return false, err
	}
	values["ordered"], values["made_of"], values["again"] = e.Ordering == orderingSubject, page.Made, page.Again
	after := before
	// The queue is locked before deliveries, as the deliverer does; what it is trying right now is left to it, and what
	// arrived or was cancelled while we waited for that is not sent again.
	if err := lockQueued(tx, page.Again); err != nil {
		return false, err
	}
	const meant = `d.tenant_id = @tenant and d.id = any (cast(@again as uuid[])) and (d.status in ('waiting', 'failed') or d.status = 'cancelled' and @unrequested)`
	made, err := tx.Run(`with delivery as (
			insert into webhook_deliveries (tenant_id, event_id, endpoint_id, organisation_id, type, created_at, next_attempt_at)
			select e.tenant_id, e.id, @endpoint, @organisation, e.type, now(), now()
			from events e where e.tenant_id = @tenant and e.id = any (cast(@made_of as uuid[]))
			on conflict do nothing
			returning id, tenant_id, endpoint_id, event_id
		)
		insert into platform.delivery_queue (delivery_id, tenant_id, endpoint_id, due_at, subject_id, revision, event_id)
		select d.id, d.tenant_id, d.endpoint_id, now(), o.subject_id, o.revision, o.id
		from delivery d left join events o on o.tenant_id = d.tenant_id and o.id = d.event_id and @ordered`, values)
	if err != nil {
		return false, err
	}
	if _, err := tx.Run(`insert into platform.delivery_queue as q (delivery_id, tenant_id, endpoint_id, due_at, subject_id, revision, event_id)
		select d.id, d.tenant_id, d.endpoint_id, now(), o.subject_id, o.revision, o.id
		from webhook_deliveries d left join events o on o.tenant_id = d.tenant_id and o.id = d.event_id and @ordered
		where `+meant+`
		order by d.id
		on conflict (delivery_id) do update set due_at = excluded.due_at where q.lease is null`, values); err != nil {
		return false, err
	}
	again, err := tx.Run(`update webhook_deliveries d set status = 'waiting', base_attempts = attempts, next_attempt_at = now()
		where `+meant, values)
	if err != nil {
		return false, err
	}
	after.DeliveryCount += int(made + again)
	if page.Last != nil {
		after.Cursor = *page.Last
	}
	if page.Facts < recoverBatch {
		after.Status, after.FinishedAt = completed, &tx.Now
	}
	tx.AfterCommit(fact.Wake)
	_, err = db.Change(tx, before, &after)
	return after.Status == running, err
}
