package webhook

import (
	"context"
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
)

// RecoveryWire is a recovery as callers see it.
type RecoveryWire struct {
	ID                 *id.RecoveryID `json:"id" extensions:"x-nullable" example:"whr_01jd8m5x9nf3tvhg5w6rkz2c4q"` // null: it was only counted
	EndpointID         id.EndpointID  `json:"endpoint_id" example:"whe_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Since              time.Time      `json:"since" format:"date-time" example:"2027-01-11T08:00:00Z"`
	EventTypes         []string       `json:"event_types" example:"leerbewijs.*"`
	IncludeUnrequested bool           `json:"include_unrequested" example:"false"`
	Status             string         `json:"status" enums:"dry_run,running,completed,cancelled" example:"running"`
	DeliveryCount      int            `json:"delivery_count" example:"120"` // so far, or that there would be
	AtLeast            bool           `json:"at_least" example:"false"`     // only of a dry run: it stopped counting, and there may be more
	FinishedAt         *time.Time     `json:"finished_at" format:"date-time" extensions:"x-nullable" example:"2027-01-12T08:00:30Z"`
} // @name WebhookRecovery

func recoveryWire(r Recovery) RecoveryWire {
	w := RecoveryWire{&r.ID, r.EndpointID, r.Since.UTC(), append([]string{}, r.EventTypes...), r.IncludeUnrequested, r.Status, r.DeliveryCount, r.AtLeast, utc(r.FinishedAt)}
	if r.Status == "dry_run" {
		w.ID = nil
	}
	return w
}

type recoverReq struct {
	byID
	Body RecoverInput `body:"json"`
}

// recover sends what an endpoint missed.
//
//	@Summary		Recover what an endpoint missed
//	@Description	Everything since a time that failed, still waits, or never became a delivery because the endpoint was disabled: each under its own webhook-id, with a schedule of retries that begins anew. It runs in the background; read the recovery to see how far it is. An endpoint has one at a time: while it runs, 409 webhook-recovery-running. Since reaches twelve minutes further back, because clocks differ. With dry_run the answer is a count, and nothing is sent; where there are so many facts that counting them all takes longer than some seconds, at_least is true.
//	@ID				recoverWebhookEndpoint
//	@Tags			webhook
//	@Param			id		path		string			true	"the endpoint"	example(whe_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		RecoverInput	true	"what"
//	@Success		200		{object}	RecoveryWire
//	@Router			/v1/webhook-endpoints/{id}/recover [post]
func (s *Service) recover(ctx context.Context, tx *db.Tx, in recoverReq) (RecoveryWire, error) {
	r, err := s.Recover(ctx, tx, in.ID, in.Body)
	return recoveryWire(r), err
}

// RecoveryFilters are what recoveries can be filtered by.
type RecoveryFilters struct {
	EndpointID *id.EndpointID `form:"endpoint_id"`
}

type listRecoveriesReq struct {
	page.Params
	RecoveryFilters
}

// listRecoveries reads recoveries.
//
//	@Summary	List webhook recoveries
//	@ID			listWebhookRecoveries
//	@Tags		webhook
//	@Param		limit		query		int		false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param		cursor		query		string	false	"where to go on"
//	@Param		sort		query		string	false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Param		endpoint_id	query		string	false	"of this endpoint"	example(whe_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	200			{object}	page.Page[RecoveryWire]
//	@Router		/v1/webhook-recoveries [get]
func (s *Service) listRecoveries(_ context.Context, tx *db.Tx, in listRecoveriesReq) (page.Page[RecoveryWire], error) {
	q := tx.Model(&Recovery{})
	if in.EndpointID != nil {
		q = q.Where("endpoint_id = ?", in.EndpointID)
	}
	return page.List(tx, in.Params, in.RecoveryFilters, q, recoveryWire)
}

type recoveryByID struct {
	ID id.RecoveryID `uri:"id"`
}

// getRecovery reads one recovery.
//
//	@Summary	Read a webhook recovery
//	@ID			getWebhookRecovery
//	@Tags		webhook
//	@Param		id	path		string	true	"the recovery"	example(whr_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	200	{object}	RecoveryWire
//	@Router		/v1/webhook-recoveries/{id} [get]
func (s *Service) getRecovery(_ context.Context, tx *db.Tx, in recoveryByID) (RecoveryWire, error) {
	r, err := db.Get[Recovery](tx, in.ID)
	return recoveryWire(r), err
}
