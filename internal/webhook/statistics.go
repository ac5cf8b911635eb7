package webhook

import (
	"context"
	"math"
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// maxCounted bounds the tries that statistics are made of, so that they cost the same however busy an endpoint is.
const maxCounted = 10_000

// statistics counts the newest tries of a period. The ids of tries hold the time of the worker that made them, which only has to
// find the partitions: a day off is near enough. The first try of a delivery is among those that are counted if the delivery was
// made in the period. How long a try took is told as everywhere (shownMS).
const statistics = `
with e as (
	select id from webhook_endpoints where tenant_id = @tenant and id = @endpoint and status <> 'deleted'
), tries as materialized (
	select id, delivery_id, at, outcome, case when outcome in ('unreachable', 'no_token') then greatest(1, (duration_ms + 999) / 1000) * 1000 else duration_ms end as duration_ms
	from webhook_attempts
	where tenant_id = @tenant and endpoint_id = @endpoint and at >= (select platform.clock() - make_interval(hours => @hours))
		and id >= (select platform.first_id(platform.clock() - make_interval(hours => @hours) - interval '1 day'))
	order by at desc limit @most
), period as (
	select case when count(*) = @most then min(at) else platform.clock() - make_interval(hours => @hours) end as since from tries
), firsts as (
	select distinct on (delivery_id) outcome from tries where delivery_id >= (select platform.first_id(since) from period) order by delivery_id, at, id
)
select (select since from period) as since, count(t.id) as tries, count(*) filter (where outcome = 'delivered') as delivered,
	count(*) filter (where outcome = 'refused') as refused, count(*) filter (where outcome = 'gone') as gone,
	count(*) filter (where outcome = 'unreachable') as unreachable, count(*) filter (where outcome = 'no_token') as no_token,
	(select count(*) from firsts) as first_tries, (select count(*) from firsts where outcome = 'delivered') as first_delivered,
	percentile_disc(0.5) within group (order by t.duration_ms) as half, percentile_disc(0.95) within group (order by t.duration_ms) as nearly_all,
	(select created_at from webhook_deliveries where tenant_id = @tenant and endpoint_id = @endpoint and status = 'waiting' order by id limit 1) as oldest
from e left join tries t on true
group by e.id`

// counted is what statistics count.
type counted struct {
	Since                                 time.Time
	Tries                                 int
	Delivered, Refused, Gone, Unreachable int
	NoToken                               int
	FirstTries, FirstDelivered            int
	Half, NearlyAll                       *int // milliseconds
	Oldest                                *time.Time
}

// count reads how an endpoint fared in the last hours, by the clock of the database; fault.Missing where there is none.
func count(tx *db.Tx, eid id.EndpointID, hours int) (counted, error) {
	var c counted
	err := db.One(tx, &c, statistics, map[string]any{"tenant": tx.Scope.Tenant, "endpoint": eid, "hours": hours, "most": maxCounted})
	return c, err
}

// firstShare is the part of the first tries that were delivered, of ten thousand rounded down, so that 1 says all; nil without any.
func (c counted) firstShare() *float64 {
	if c.FirstTries == 0 {
		return nil
	}
	share := math.Floor(10_000*float64(c.FirstDelivered)/float64(c.FirstTries)) / 10_000
	return &share
}

// OutcomesWire are tries by what came of them.
type OutcomesWire struct {
	Delivered   int `json:"delivered" example:"1180"`
	Refused     int `json:"refused" example:"12"`
	Gone        int `json:"gone" example:"0"`
	Unreachable int `json:"unreachable" example:"3"`
	NoToken     int `json:"no_token" example:"0"`
} // @name WebhookOutcomes

// StatisticsWire says how an endpoint fares, test events included.
type StatisticsWire struct {
	EndpointID      id.EndpointID `json:"endpoint_id" example:"whe_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Since           time.Time     `json:"since" format:"date-time" example:"2027-01-10T08:00:00Z"` // what is counted begins here
	TryCount        int           `json:"try_count" example:"1195"`
	Outcomes        OutcomesWire  `json:"outcomes"`
	FirstTryCount   int           `json:"first_try_count" example:"1190"`                                                              // deliveries that were made since and tried
	FirstTryShare   *float64      `json:"first_try_share" extensions:"x-nullable" example:"0.9915"`                                    // of them, the part that arrived with the first try
	DurationP50     *int          `json:"duration_p50_ms" extensions:"x-nullable" example:"38"`                                        // half of the tries took no longer
	DurationP95     *int          `json:"duration_p95_ms" extensions:"x-nullable" example:"210"`                                       // 95 of a hundred took no longer
	OldestWaitingAt *time.Time    `json:"oldest_waiting_at" format:"date-time" extensions:"x-nullable" example:"2027-01-11T07:59:58Z"` // when the oldest delivery that still waits was made, whatever the period
} // @name WebhookEndpointStatistics

type statisticsReq struct {
	byID
	Hours int `form:"hours" default:"24" minimum:"1" maximum:"720"`
}

// statistics says how an endpoint fares.
//
//	@Summary		Read how a webhook endpoint fares
//	@Description	Its tries of the last hours: by outcome, how long they took, and how many deliveries arrived with their first try. At most the newest 10,000 tries are counted: since says from when, and is later then. Tries that are no longer kept are not counted.
//	@ID				getWebhookEndpointStatistics
//	@Tags			webhook
//	@Param			id		path		string	true	"the endpoint"	example(whe_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			hours	query		int		false	"how far back, in hours"	default(24)	minimum(1)	maximum(720)
//	@Success		200		{object}	StatisticsWire
//	@Router			/v1/webhook-endpoints/{id}/statistics [get]
func (s *Service) statistics(_ context.Context, tx *db.Tx, in statisticsReq) (StatisticsWire, error) {
	c, err := count(tx, in.ID, in.Hours)
	return StatisticsWire{in.ID, c.Since.UTC(), c.Tries, OutcomesWire{c.Delivered, c.Refused, c.Gone, c.Unreachable, c.NoToken},
		c.FirstTries, c.firstShare(), c.Half, c.NearlyAll, utc(c.Oldest)}, err
}
