package webhook

import (
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

type statusData struct {
	Status Status `json:"status" enums:"pending,active" doc:"How far the endpoint is; a 2xx makes it active."`
}

type failingData struct {
	FailingSince  time.Time `json:"failing_since" doc:"The first failure that no success followed; or since when facts wait for an endpoint that no test event reaches."`
	DisabledAfter time.Time `json:"disabled_after" doc:"A failure after this time disables the endpoint; one that is pending is disabled then without another."`
	Status        Status    `json:"status" enums:"pending,active" doc:"A pending endpoint gets nothing but test events until one gets a 2xx."`
}

type disabledData struct {
	Reason string `json:"reason" enums:"gone,failing,owner_revoked" doc:"It answered 410, nothing but failures for five days, or its owner was revoked."`
}

// The facts about endpoints.
var (
	Tested      = fact.Define("webhook_endpoint.tested", "A test of an endpoint, sent to that endpoint alone.", statusData{})
	BeganToFail = fact.Define("webhook_endpoint.failing", "An endpoint has only failed, or has not proven itself, for half, or three quarters, of the time after which a failure disables it.", failingData{}).Revised(2)
	WasDisabled = fact.Define("webhook_endpoint.disabled", "An endpoint was disabled: nothing is sent to it until it is enabled again.", disabledData{})
)

func about(e Endpoint, data any) fact.Event {
	return fact.Event{Subject: e.ID, Revision: e.Revision, Organisations: e.concerned(), Data: data}
}

// recordTest sends a test event to the endpoint now, whatever is held.
func recordTest(tx *db.Tx, e Endpoint) (id.DeliveryID, error) {
	return Tested.RecordTo(tx, about(e, statusData{e.Status}), e.ID)
}
