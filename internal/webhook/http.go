package webhook

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// Routes are the doors of endpoints and deliveries.
func (s *Service) Routes() []web.Route {
	return []web.Route{
		web.Post("/v1/webhook-endpoints", "webhook:write", s.create),
		web.List("/v1/webhook-endpoints", "webhook:read", s.list),
		web.Get("/v1/webhook-endpoints/:id", "webhook:read", s.get),
		web.Get("/v1/webhook-endpoints/:id/statistics", "webhook:read", s.statistics),
		web.Patch("/v1/webhook-endpoints/:id", "webhook:write", s.update),
		web.Delete("/v1/webhook-endpoints/:id", "webhook:write", s.remove),
		web.Act("/v1/webhook-endpoints/:id/test", "webhook:write", s.test),
		web.Act("/v1/webhook-endpoints/:id/rotate-secret", "webhook:write", s.rotate),
		web.Act("/v1/webhook-endpoints/:id/enable", "webhook:write", s.enable),
		web.Act("/v1/webhook-endpoints/:id/pause", "webhook:write", s.pause),
		web.Act("/v1/webhook-endpoints/:id/resume", "webhook:write", s.resume),
		web.Act("/v1/webhook-endpoints/:id/recover", "webhook:write", s.recover),
		web.List("/v1/webhook-recoveries", "webhook:read", s.listRecoveries),
		web.Get("/v1/webhook-recoveries/:id", "webhook:read", s.getRecovery),
		web.Open(http.MethodGet, "/.well-known/webhook-keys/:id", http.StatusOK, s.keys),
		web.List("/v1/webhook-deliveries", "webhook:read", s.listDeliveries),
		web.Get("/v1/webhook-deliveries/:id", "webhook:read", s.getDelivery, web.Snapshot),
		web.Act("/v1/webhook-deliveries/:id/resend", "webhook:write", s.resend),
		web.Act("/v1/webhook-deliveries/:id/cancel", "webhook:write", s.cancel),
		web.Act("/v1/webhook-deliveries/resend", "webhook:write", s.resendAll),
		web.Act("/v1/webhook-deliveries/cancel", "webhook:write", s.cancelAll),
	}
}

// Wire is an endpoint as callers see it.
type Wire struct {
	ID             id.EndpointID      `json:"id" example:"whe_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	URL            string             `json:"url" format:"uri" example:"https://hr.example.com/switchboard"`
	EventTypes     []string           `json:"event_types" example:"leerbewijs.*,opleidingsregistratie.recorded"`
	OrganisationID *id.OrganisationID `json:"organisation_id" extensions:"x-nullable" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Description    *string            `json:"description" extensions:"x-nullable" example:"Uren naar het HR-pakket"`
	Status         string             `json:"status" enums:"pending,active,disabled" example:"active"`
	ClientID       id.ClientID        `json:"client_id" example:"cli_01jd8m5x9nf3tvhg5w6rkz2c4q"` // whose rights it has
	FailingSince   *time.Time         `json:"failing_since" format:"date-time" extensions:"x-nullable" example:"2027-01-11T08:00:00Z"`
	DisabledAt     *time.Time         `json:"disabled_at" format:"date-time" extensions:"x-nullable" example:"2027-01-16T08:00:00Z"`
	DisabledReason *string            `json:"disabled_reason" enums:"gone,failing,owner_revoked" extensions:"x-nullable" example:"failing"`
	PausedAt       *time.Time         `json:"paused_at" format:"date-time" extensions:"x-nullable" example:"2027-01-16T08:00:00Z"`                                 // nothing goes out until it is resumed
	KeysURL        string             `json:"keys_url" format:"uri" example:"https://switchboard.example/.well-known/webhook-keys/whe_01jd8m5x9nf3tvhg5w6rkz2c4q"` // what verifies v1a signatures
	ShapeWire
	web.Meta
} // @name WebhookEndpoint

// Location is where the endpoint can be read.
func (w Wire) Location() string { return "/v1/webhook-endpoints/" + w.ID.String() }

func (s *Service) wire(e Endpoint) Wire {
	return Wire{e.ID, e.URL, e.EventTypes, e.OrganisationID, e.Description, string(e.Status), e.ClientID, utc(e.FailingSince), utc(e.DisabledAt),
		e.DisabledReason, utc(e.PausedAt), s.public + keysPath(e.ID), shapeWire(e), web.MetaOf(e.Row)}
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

// SecretWire is an endpoint with its new secret, which is shown once.
type SecretWire struct {
	Wire
	Secret    string `json:"secret" example:"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"`
	PublicKey string `json:"public_key" example:"whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="`
} // @name WebhookEndpointWithSecret

type byID struct {
	ID id.EndpointID `uri:"id"`
}

type createReq struct {
	Body Input `body:"json"`
}

// create adds an endpoint.
//
//	@Summary		Add a webhook endpoint
//	@Description	It gets a signed test event at once, and becomes active when it answers one with a 2xx; what falls due before that waits for it. The secret is shown once. For a caller that is bound to an employer the endpoint is too.
//	@ID				createWebhookEndpoint
//	@Tags			webhook
//	@Param			body	body		Input	true	"the endpoint"
//	@Success		201		{object}	SecretWire
//	@Router			/v1/webhook-endpoints [post]
func (s *Service) create(ctx context.Context, tx *db.Tx, in createReq) (SecretWire, error) {
	e, c, err := s.Create(ctx, tx, in.Body)
	return SecretWire{s.wire(e), c.Secret, c.Public}, err
}

type listReq struct {
	page.Params
}

// list reads endpoints.
//
//	@Summary	List webhook endpoints
//	@ID			listWebhookEndpoints
//	@Tags		webhook
//	@Param		limit	query		int		false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param		cursor	query		string	false	"where to go on"
//	@Param		sort	query		string	false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Success	200		{object}	page.Page[Wire]
//	@Router		/v1/webhook-endpoints [get]
func (s *Service) list(_ context.Context, tx *db.Tx, in listReq) (page.Page[Wire], error) {
	return page.List(tx, in.Params, nil, tx.Model(&Endpoint{}).Where("status <> ?", Deleted), s.wire)
}

// get reads one endpoint.
//
//	@Summary	Read a webhook endpoint
//	@ID			getWebhookEndpoint
//	@Tags		webhook
//	@Param		id	path		string	true	"the endpoint"	example(whe_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	200	{object}	Wire
//	@Router		/v1/webhook-endpoints/{id} [get]
func (s *Service) get(_ context.Context, tx *db.Tx, in byID) (Wire, error) {
	var e Endpoint
	err := db.One(tx, &e, `select * from webhook_endpoints where tenant_id = ? and id = ? and status <> ?`, tx.Scope.Tenant, in.ID, Deleted)
	return s.wire(e), err
}

type updateReq struct {
	byID
	web.IfMatch
	Patch web.MergePatch `body:"patch"`
}

// update changes members of an endpoint.
//
//	@Summary		Change a webhook endpoint
//	@Description	Another url makes it pending until it answers a test event there. Whoever changes the url or the types becomes its owner: it has the rights of its owner, who must be able to read all that it still gets. What * stands for is settled when the types are changed. headers, oauth and certificate are replaced whole and stay when they are left out; when the url moves to another host, headers and oauth have to be given again, or cleared.
//	@ID				updateWebhookEndpoint
//	@Tags			webhook
//	@Param			id		path		string	true	"the endpoint"	example(whe_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		Change	true	"what changes"
//	@Success		200		{object}	Wire
//	@Router			/v1/webhook-endpoints/{id} [patch]
func (s *Service) update(ctx context.Context, tx *db.Tx, in updateReq) (Wire, error) {
	e, err := s.Update(ctx, tx, in.ID, func(e Endpoint) error { return in.Check(e.Revision) }, in.Patch.Names,
		func(c *Change) error { return in.Patch.Apply(c) })
	return s.wire(e), err
}

// remove ends an endpoint.
//
//	@Summary	Delete a webhook endpoint
//	@ID			deleteWebhookEndpoint
//	@Tags		webhook
//	@Param		id	path	string	true	"the endpoint"	example(whe_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	204
//	@Router		/v1/webhook-endpoints/{id} [delete]
func (s *Service) remove(ctx context.Context, tx *db.Tx, in byID) (web.None, error) {
	return web.None{}, s.Delete(ctx, tx, in.ID)
}

// test sends a test event.
//
//	@Summary		Send a test event
//	@Description	A webhook_endpoint.tested, signed as any other, goes to this endpoint alone, and makes it active when it answers with a 2xx. Read the delivery to see what became of it.
//	@ID				testWebhookEndpoint
//	@Tags			webhook
//	@Param			id	path		string	true	"the endpoint"	example(whe_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200	{object}	DeliveryWire
//	@Router			/v1/webhook-endpoints/{id}/test [post]
func (s *Service) test(ctx context.Context, tx *db.Tx, in byID) (DeliveryWire, error) {
	d, err := s.Test(ctx, tx, in.ID)
	return deliveryWire(d), err
}

// Rotation says how a secret is replaced.
type Rotation struct {
	// How long the present secret signs beside the new one; null is 24 hours.
	OverlapHours *int `json:"overlap_hours" minimum:"0" maximum:"168" extensions:"x-nullable" example:"24"`
} // @name WebhookSecretRotation

type rotateReq struct {
	byID
	Body Rotation `body:"optional"`
}

// defaultOverlap is how long two secrets sign unless the caller says otherwise (design section 5).
const defaultOverlap = 24

// rotate replaces the secret.
//
//	@Summary		Replace the secret of a webhook endpoint
//	@Description	While both live, each delivery carries signatures of each: v1 of the secrets, v1a of the keys beside them. The new secret is shown once. While an earlier one still signs, 409 webhook-secret-overlap; overlap_hours 0 ends all earlier ones at once.
//	@ID				rotateWebhookEndpointSecret
//	@Tags			webhook
//	@Param			id		path		string		true	"the endpoint"	example(whe_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		Rotation	false	"how"
//	@Success		200		{object}	SecretWire
//	@Router			/v1/webhook-endpoints/{id}/rotate-secret [post]
func (s *Service) rotate(ctx context.Context, tx *db.Tx, in rotateReq) (SecretWire, error) {
	hours := defaultOverlap
	if in.Body.OverlapHours != nil {
		hours = *in.Body.OverlapHours
	}
	e, c, err := s.Rotate(ctx, tx, in.ID, time.Duration(hours)*time.Hour)
	return SecretWire{s.wire(e), c.Secret, c.Public}, err
}

// enable lets a disabled endpoint prove itself again.
//
//	@Summary		Enable a webhook endpoint
//	@Description	It becomes pending and gets a test event; once it answers one with a 2xx, what waited goes out. The caller becomes its owner, and it gets what it got before: 403 webhook-endpoint-rights where another client than its owner may not read all of that.
//	@ID				enableWebhookEndpoint
//	@Tags			webhook
//	@Param			id	path		string	true	"the endpoint"	example(whe_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200	{object}	Wire
//	@Router			/v1/webhook-endpoints/{id}/enable [post]
func (s *Service) enable(ctx context.Context, tx *db.Tx, in byID) (Wire, error) {
	e, err := s.Enable(ctx, tx, in.ID)
	return s.wire(e), err
}

// pause keeps what falls due.
//
//	@Summary		Pause a webhook endpoint
//	@Description	Facts go on being recorded for it, and wait; nothing but test events is sent until it is resumed. What waits longer than facts are kept is gone. Pausing a paused one changes nothing.
//	@ID				pauseWebhookEndpoint
//	@Tags			webhook
//	@Param			id	path		string	true	"the endpoint"	example(whe_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200	{object}	Wire
//	@Router			/v1/webhook-endpoints/{id}/pause [post]
func (s *Service) pause(ctx context.Context, tx *db.Tx, in byID) (Wire, error) {
	e, err := s.Pause(ctx, tx, in.ID)
	return s.wire(e), err
}

// resume lets what waited go.
//
//	@Summary		Resume a webhook endpoint
//	@Description	What waited goes out, if it is active.
//	@ID				resumeWebhookEndpoint
//	@Tags			webhook
//	@Param			id	path		string	true	"the endpoint"	example(whe_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200	{object}	Wire
//	@Router			/v1/webhook-endpoints/{id}/resume [post]
func (s *Service) resume(ctx context.Context, tx *db.Tx, in byID) (Wire, error) {
	e, err := s.Resume(ctx, tx, in.ID)
	return s.wire(e), err
}

// DeliveryWire is one fact on its way to one endpoint, as callers see it.
type DeliveryWire struct {
	ID             id.DeliveryID      `json:"id" example:"whd_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	EndpointID     id.EndpointID      `json:"endpoint_id" example:"whe_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	EventID        id.EventID         `json:"event_id" example:"evt_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	OrganisationID *id.OrganisationID `json:"organisation_id" extensions:"x-nullable" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Type           string             `json:"type" example:"leerbewijs.issued"`
	Status         string             `json:"status" enums:"waiting,delivered,failed,cancelled" example:"delivered"`
	AttemptCount   int                `json:"attempt_count" example:"1"`
	CreatedAt      time.Time          `json:"created_at" format:"date-time" example:"2027-01-11T08:00:00Z"`
	NextAttemptAt  *time.Time         `json:"next_attempt_at" format:"date-time" extensions:"x-nullable" example:"2027-01-11T08:05:00Z"`
	DeliveredAt    *time.Time         `json:"delivered_at" format:"date-time" extensions:"x-nullable" example:"2027-01-11T08:00:01Z"`
} // @name WebhookDelivery

func deliveryWire(d Delivery) DeliveryWire {
	return DeliveryWire{d.ID, d.EndpointID, d.EventID, d.OrganisationID, d.Type, d.Status, d.Attempts, d.CreatedAt.UTC(), utc(d.NextAttemptAt), utc(d.DeliveredAt)}
}

// AttemptWire is one try.
type AttemptWire struct {
	ID            id.AttemptID       `json:"id" example:"wha_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	At            time.Time          `json:"at" format:"date-time" example:"2027-01-11T08:00:00Z"` // in whole seconds its webhook-timestamp
	Outcome       string             `json:"outcome" enums:"delivered,refused,unreachable,gone,no_token" example:"delivered"`
	Status        *int               `json:"status" extensions:"x-nullable" example:"204"` // of the answer
	DurationMS    int                `json:"duration_ms" example:"38"`                     // without an answer, or without a token, in whole seconds
	Answer        *string            `json:"answer" extensions:"x-nullable" example:"ok"`  // the first 16 kB of its body
	AnswerHeaders []AnswerHeaderWire `json:"answer_headers"`                               // of its headers content-type, retry-after, location and x-request-id
	// What was sent, beside the fact: null where no token was given, so nothing was, and in tries from before it was kept. Where nobody
	// answered it may not have left.
	Request *SentWire `json:"request" extensions:"x-nullable"`
} // @name WebhookAttempt

// shownMS is how long a try took, as callers are told. Where nobody answered it is rounded up to whole seconds: a name that there is
// not, a port that nobody listens on and an address that is never called end alike, but not equally soon, and whoever may name
// addresses must not learn from us which it was. Our log has the exact time.
func (a Attempt) shownMS() int {
	if a.Outcome != outcomeUnreachable && a.Outcome != outcomeNoToken {
		return a.DurationMS
	}
	return max(1, (a.DurationMS+999)/1000) * 1000
}

func attemptWire(a Attempt) AttemptWire {
	w := AttemptWire{a.ID, a.At.UTC(), a.Outcome, a.Status, a.shownMS(), nil, a.told(), a.sent()}
	if a.Status != nil {
		text := strings.ToValidUTF8(string(a.Answer), "\uFFFD")
		w.Answer = &text
	}
	return w
}

// DeliveryDetail is a delivery with its tries, the first one first.
type DeliveryDetail struct {
	DeliveryWire
	Attempts []AttemptWire `json:"attempts"`
} // @name WebhookDeliveryDetail

// DeliveryFilters are what deliveries can be filtered by.
type DeliveryFilters struct {
	EndpointID *id.EndpointID `form:"endpoint_id"`
	Status     []string       `form:"status" enums:"waiting,delivered,failed,cancelled"`
}

type listDeliveriesReq struct {
	page.Params
	DeliveryFilters
}

// listDeliveries reads deliveries.
//
//	@Summary	List webhook deliveries
//	@ID			listWebhookDeliveries
//	@Tags		webhook
//	@Param		limit		query		int			false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param		cursor		query		string		false	"where to go on"
//	@Param		sort		query		string		false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Param		endpoint_id	query		string		false	"to this endpoint"	example(whe_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		status		query		[]string	false	"with one of these statuses"	collectionFormat(csv)	Enums(waiting,delivered,failed,cancelled)
//	@Success	200			{object}	page.Page[DeliveryWire]
//	@Router		/v1/webhook-deliveries [get]
func (s *Service) listDeliveries(_ context.Context, tx *db.Tx, in listDeliveriesReq) (page.Page[DeliveryWire], error) {
	q := tx.Model(&Delivery{})
	if in.EndpointID != nil {
		q = q.Where("endpoint_id = ?", in.EndpointID)
	}
	if len(in.Status) > 0 {
		q = q.Where("status in ?", in.Status)
	}
	return page.List(tx, in.Params, in.DeliveryFilters, q, deliveryWire)
}

type deliveryByID struct {
	ID id.DeliveryID `uri:"id"`
}

// maxTries bounds the tries that are shown, the newest; the schedule has ten, and a resend begins it anew.
const maxTries = 100

// getDelivery reads one delivery and its tries.
//
//	@Summary	Read a webhook delivery
//	@ID			getWebhookDelivery
//	@Tags		webhook
//	@Param		id	path		string	true	"the delivery"	example(whd_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	200	{object}	DeliveryDetail
//	@Router		/v1/webhook-deliveries/{id} [get]
func (s *Service) getDelivery(_ context.Context, tx *db.Tx, in deliveryByID) (DeliveryDetail, error) {
	d, err := db.Get[Delivery](tx, in.ID)
	if err != nil {
		return DeliveryDetail{}, err
	}
	var tries []Attempt
	if err := tx.Where("delivery_id = ?", in.ID).Order("id desc").Limit(maxTries).Find(&tries).Error; err != nil {
		return DeliveryDetail{}, err
	}
	slices.Reverse(tries)
	out := DeliveryDetail{deliveryWire(d), []AttemptWire{}}
	for _, a := range tries {
		out.Attempts = append(out.Attempts, attemptWire(a))
	}
	return out, nil
}

// resend tries a delivery again.
//
//	@Summary		Send a delivery again
//	@Description	A try now, with the same webhook-id, whatever became of it before; where it fails, the schedule of tries begins anew with it. To an endpoint that keeps the order of subjects it goes after what is earlier of its subject and before what is later, where those still wait.
//	@ID				resendWebhookDelivery
//	@Tags			webhook
//	@Param			id	path		string	true	"the delivery"	example(whd_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200	{object}	DeliveryWire
//	@Router			/v1/webhook-deliveries/{id}/resend [post]
func (s *Service) resend(ctx context.Context, tx *db.Tx, in deliveryByID) (DeliveryWire, error) {
	d, err := s.Resend(ctx, tx, in.ID)
	return deliveryWire(d), err
}

// cancel takes a delivery back.
//
//	@Summary		Cancel a delivery
//	@Description	It will not be tried again. A try that is under way is finished and noted. Cancelling it again changes nothing.
//	@ID				cancelWebhookDelivery
//	@Tags			webhook
//	@Param			id	path		string	true	"the delivery"	example(whd_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200	{object}	DeliveryWire
//	@Router			/v1/webhook-deliveries/{id}/cancel [post]
func (s *Service) cancel(ctx context.Context, tx *db.Tx, in deliveryByID) (DeliveryWire, error) {
	d, err := s.Cancel(ctx, tx, in.ID)
	return deliveryWire(d), err
}

// Choice says which deliveries to act on. What is null does not narrow it, but for the status.
type Choice struct {
	EndpointID *id.EndpointID `json:"endpoint_id" extensions:"x-nullable" example:"whe_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	// null: those that failed, and where deliveries are cancelled those that wait too.
	Status       *string    `json:"status" enums:"waiting,delivered,failed,cancelled" extensions:"x-nullable" example:"failed"`
	EventTypes   []string   `json:"event_types" maxLength:"100" validate:"max=50" example:"leerbewijs.*"`
	CreatedFrom  *time.Time `json:"created_from" format:"date-time" extensions:"x-nullable" example:"2027-01-11T08:00:00Z"`  // inclusive
	CreatedUntil *time.Time `json:"created_until" format:"date-time" extensions:"x-nullable" example:"2027-01-12T08:00:00Z"` // exclusive
	// The last one that an earlier request with the same choice came to: go on after it.
	After *id.DeliveryID `json:"after" extensions:"x-nullable,x-example=null,x-prefix=whd"`
} // @name WebhookDeliveryChoice

// Chosen is what was done: to how many, and where to go on.
type Chosen struct {
	Count int            `json:"count" example:"120"`
	After *id.DeliveryID `json:"after" extensions:"x-nullable" example:"whd_01jd8m5x9nf3tvhg5w6rkz2c4q"` // null: that was all
} // @name WebhookDeliveriesChosen

type choiceReq struct {
	Body Choice `body:"json"`
}

// resendAll tries many deliveries again.
//
//	@Summary		Send deliveries again
//	@Description	A try now for each, under its own webhook-id, with a schedule of tries that begins anew, up to 5000 with one request: while after is not null there are more. Without a status those that failed; those that were delivered or cancelled are sent again only where status says so. Those of endpoints that are disabled or deleted are left out, and so are those that wait already. The order of subjects is kept where an endpoint asks for it.
//	@ID				resendWebhookDeliveries
//	@Tags			webhook
//	@Param			body	body		Choice	true	"which"
//	@Success		200		{object}	Chosen
//	@Router			/v1/webhook-deliveries/resend [post]
func (s *Service) resendAll(ctx context.Context, tx *db.Tx, in choiceReq) (Chosen, error) {
	return s.ResendAll(ctx, tx, in.Body)
}

// cancelAll takes many deliveries back.
//
//	@Summary		Cancel deliveries
//	@Description	Those that wait or failed will not be tried again, up to 5000 with one request: while after is not null there are more.
//	@ID				cancelWebhookDeliveries
//	@Tags			webhook
//	@Param			body	body		Choice	true	"which"
//	@Success		200		{object}	Chosen
//	@Router			/v1/webhook-deliveries/cancel [post]
func (s *Service) cancelAll(ctx context.Context, tx *db.Tx, in choiceReq) (Chosen, error) {
	return s.CancelAll(ctx, tx, in.Body)
}
