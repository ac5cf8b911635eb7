package matching

import (
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// runData is what a fact about a matching run adds.
type runData struct {
	CohortID id.CohortID `json:"cohort_id" doc:"The cohort that is matched."`
	Status   RunStatus   `json:"status" enums:"queued,running,done,failed,cancelled" doc:"How far it is."`
}

// The facts about matching runs.
var (
	RunCreated = fact.Define("matching_run.created", "A matching run was asked for, and waits to be computed.", runData{})
	RunUpdated = fact.Define("matching_run.updated", "A matching run ended: with its result, without one, or because it was cancelled.", runData{})
)

// event is what a fact about the run says. No employer hears of runs.
func (r Run) event() fact.Event {
	return fact.Event{Subject: r.ID, Revision: r.Revision, Data: runData{r.CohortID, r.Status}}
}
