package leervraag

import (
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// statusData is what a fact about a leervraag adds.
type statusData struct {
	OrganisationID id.OrganisationID `json:"organisation_id" doc:"The switcher's employer."`
	SwitcherID     id.MedewerkerID   `json:"switcher_id" doc:"Who wants to learn."`
	Status         Status            `json:"status" enums:"draft,open,matched,answered,partly_answered,unanswered,not_addressed,withdrawn" doc:"How far it is."`
	Version        int               `json:"version" doc:"Which wording of the question stands."`
}

// closedData is what the fact that a leervraag was closed adds.
type closedData struct {
	OrganisationID id.OrganisationID `json:"organisation_id" doc:"The switcher's employer."`
	SwitcherID     id.MedewerkerID   `json:"switcher_id" doc:"Who wanted to learn."`
	Status         Status            `json:"status" enums:"answered,partly_answered,unanswered,not_addressed" doc:"The outcome."`
	Version        int               `json:"version" doc:"Which wording of the question stood at the end."`
	Outcome        Status            `json:"outcome" enums:"answered,partly_answered,unanswered,not_addressed" doc:"What came of it."`
}

// The facts about learning questions.
var (
	Created   = fact.Define("leervraag.created", "A leervraag was written down, as a draft.", statusData{})
	Updated   = fact.Define("leervraag.updated", "A leervraag was opened, matched, opened again or withdrawn, or something beside the question itself changed.", statusData{})
	Sharpened = fact.Define("leervraag.sharpened", "What a leervraag asks was worded anew: it has a new version.", statusData{})
	WasClosed = fact.Define("leervraag.closed", "It was said what came of a leervraag.", closedData{})
)

// record tells a fact about the leervraag as it is now.
func record(tx *db.Tx, t *fact.Type, l Leervraag) error {
	e := fact.Event{Subject: l.ID, Revision: l.Revision, Organisations: []id.OrganisationID{l.OrganisationID},
		Medewerkers: []id.MedewerkerID{l.SwitcherID}, Data: statusData{l.OrganisationID, l.SwitcherID, l.Status, l.Version}}
	if t == WasClosed {
		e.Data = closedData{l.OrganisationID, l.SwitcherID, l.Status, l.Version, l.Status}
	}
	return t.Record(tx, e)
}
