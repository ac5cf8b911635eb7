package match

import (
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// matchData is what a fact about a match adds.
type matchData struct {
	Status             Status                 `json:"status" enums:"draft,proposed,accepted,declined,lapsed,cancelled" doc:"How far the match is."`
	LeervraagID        id.LeervraagID         `json:"leervraag_id"`
	LeerplekID         id.LeerplekID          `json:"leerplek_id"`
	LeeruitwisselingID *id.LeeruitwisselingID `json:"leeruitwisseling_id" doc:"What came of it; null until it is accepted."`
}

// declinedData adds who said no.
type declinedData struct {
	Status      Status         `json:"status" enums:"declined" doc:"How far the match is."`
	LeervraagID id.LeervraagID `json:"leervraag_id"`
	LeerplekID  id.LeerplekID  `json:"leerplek_id"`
	Party       string         `json:"party" enums:"sending,receiving,switcher,leercoach" doc:"Who declined."`
}

// The facts about matches.
var (
	Created      = fact.Define("match.created", "A leervraag was put to a leerplek, as a draft or proposed at once.", matchData{})
	Updated      = fact.Define("match.updated", "Something about a match changed: its leercoaches, whether it can be done, who was told of it, or one of several required parties accepted.", matchData{})
	WasProposed  = fact.Define("match.proposed", "A match was put to its parties, who now decide.", matchData{})
	WasAccepted  = fact.Define("match.accepted", "The last required party accepted a match: there is a leeruitwisseling now.", matchData{})
	WasDeclined  = fact.Define("match.declined", "A party declined a match.", declinedData{})
	WasLapsed    = fact.Define("match.lapsed", "A match lapsed before its parties decided.", matchData{})
	WasCancelled = fact.Define("match.cancelled", "A match was cancelled.", matchData{})
)

// record tells a fact about the match as it is now. Employers and employees hear nothing of what was only a draft.
func record(tx *db.Tx, t *fact.Type, m Match, seen bool) error {
	return t.Record(tx, event(m, seen, matchData{m.Status, m.LeervraagID, m.LeerplekID, m.LeeruitwisselingID}))
}

func event(m Match, seen bool, data any) fact.Event {
	e := fact.Event{Subject: m.ID, Revision: m.Revision, Data: data}
	if !seen {
		return e
	}
	e.Organisations = []id.OrganisationID{m.SendingOrganisationID}
	if !m.Internal {
		e.Organisations = append(e.Organisations, m.ReceivingOrganisationID)
	}
	e.Medewerkers = append([]id.MedewerkerID{m.SwitcherID}, m.LeercoachIDs...)
	return e
}
