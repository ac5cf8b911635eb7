package leerplek

import (
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// data is what a fact about a leerplek adds.
type data struct {
	OrganisationID id.OrganisationID `json:"organisation_id" doc:"The employer that offers it."`
	Status         Status            `json:"status" enums:"draft,published,withdrawn" doc:"How far it is."`
	Capacity       int               `json:"capacity" doc:"How many exchanges it takes at the same time."`
}

// The facts about leerplekken.
var (
	Created         = fact.Define("leerplek.created", "A leerplek was added, as a draft.", data{})
	Updated         = fact.Define("leerplek.updated", "Something about a leerplek changed: its own members, its leercoaches, or what they answered.", data{})
	BecamePublished = fact.Define("leerplek.published", "A leerplek is offered to every employer now.", data{})
	BecameWithdrawn = fact.Define("leerplek.withdrawn", "A leerplek is not offered any more.", data{})
)

// record tells a fact about the leerplek as it is now.
func record(tx *db.Tx, t *fact.Type, l Leerplek) error {
	return t.Record(tx, fact.Event{Subject: l.ID, Revision: l.Revision, Organisations: []id.OrganisationID{l.OrganisationID},
		Medewerkers: l.LeercoachIDs, Data: data{l.OrganisationID, l.Status, l.Capacity}})
}
