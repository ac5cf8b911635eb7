package organisation

import (
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// stageData is what a fact about an employer adds.
type stageData struct {
	Stage Stage `json:"stage" enums:"informed,interested,intake,engaged,paused,stopped" doc:"Where the employer stands in the pipeline."`
}

// mergedData is what the fact that an employer was merged adds.
type mergedData struct {
	MergedIntoID id.OrganisationID `json:"merged_into_id" doc:"The employer that it turned out to be: all that it had stands there now."`
}

// The facts about employers.
var (
	Created       = fact.Define("organisation.created", "An employer was added.", stageData{})
	Updated       = fact.Define("organisation.updated", "Something about an employer changed: its own members, a site, a department, a contact, a need or its profile.", stageData{})
	WasMerged     = fact.Define("organisation.merged", "An employer turned out to be another one: all that it had stands with that one now.", mergedData{})
	BecameEngaged = fact.Define("organisation.engaged", "An employer committed to exchanges: it is in the poule now.", stageData{})
)

// record tells a fact about the employer as it is now.
func record(tx *db.Tx, t *fact.Type, o Organisation) error {
	e := fact.Event{Subject: o.ID, Revision: o.Revision, Organisations: []id.OrganisationID{o.ID}, Data: stageData{o.Stage}}
	for _, x := range o.ExternalIDs {
		e.ExternalIDs = append(e.ExternalIDs, fact.ExternalID{OrganisationID: &o.ID, System: x.System, Value: x.Value})
	}
	return t.Record(tx, e)
}
