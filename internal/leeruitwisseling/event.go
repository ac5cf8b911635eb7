package leeruitwisseling

import (
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/hours"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

type createdData struct {
	Status      Status         `json:"status" enums:"preparing,planned,in_progress,completed,cancelled" doc:"How far the exchange is."`
	MatchID     id.MatchID     `json:"match_id" doc:"The match that was accepted."`
	LeervraagID id.LeervraagID `json:"leervraag_id"`
	LeerplekID  id.LeerplekID  `json:"leerplek_id"`
}

type statusData struct {
	Status Status `json:"status" enums:"preparing,planned,in_progress,completed,cancelled" doc:"How far the exchange is."`
}

type conversationData struct {
	StartsAt time.Time `json:"starts_at" doc:"When it begins."`
	Minutes  int       `json:"minutes" doc:"How long it is to last." example:"20"`
}

type plannedData struct {
	Status  Status      `json:"status" enums:"planned" doc:"How far the exchange is."`
	FromOn  day.Date    `json:"from_on" doc:"Its first day."`
	UntilOn day.Date    `json:"until_on" doc:"Its last day."`
	Hours   hours.Hours `json:"hours" doc:"The hours of its days together, breaks taken off."`
}

type completedData struct {
	Status Status      `json:"status" enums:"completed" doc:"How far the exchange is."`
	Hours  hours.Hours `json:"hours" doc:"The hours that were attended."`
}

type cancelledData struct {
	Status  Status      `json:"status" enums:"cancelled" doc:"How far the exchange is."`
	Reason  string      `json:"reason" enums:"illness,employer,switcher,leercoach,safety,other" doc:"Why."`
	ByParty string      `json:"by_party" enums:"sending,receiving,switcher,leercoach,partner" doc:"Who called it off."`
	Hours   hours.Hours `json:"hours" doc:"The hours that were attended before; they count."`
}

// The facts about exchanges. A kennismakingsgesprek has no id of its own: its subject is the exchange.
var (
	Created             = fact.Define("leeruitwisseling.created", "A match was accepted: the exchange is being prepared.", createdData{})
	Updated             = fact.Define("leeruitwisseling.updated", "Something about an exchange changed: its kennismakingsgesprek, leeractieplan, days, agreement, checks or attendance.", statusData{})
	ConversationPlanned = fact.Define("kennismakingsgesprek.planned", "A kennismakingsgesprek was planned, or moved to another time.", conversationData{})
	WasPlanned          = fact.Define("leeruitwisseling.planned", "All is settled: the days of an exchange are fixed.", plannedData{})
	WasCompleted        = fact.Define("leeruitwisseling.completed", "An exchange is over and its hours are known.", completedData{})
	WasCancelled        = fact.Define("leeruitwisseling.cancelled", "An exchange was called off.", cancelledData{})
)

// record tells a fact about the exchange as it is now, to both employers and to its people.
func record(tx *db.Tx, t *fact.Type, l Leeruitwisseling, data any) error {
	e := fact.Event{Subject: l.ID, Revision: l.Revision, Organisations: []id.OrganisationID{l.SendingOrganisationID},
		Medewerkers: append([]id.MedewerkerID{l.SwitcherID}, l.coaches()...), Data: data}
	if !l.Internal {
		e.Organisations = append(e.Organisations, l.ReceivingOrganisationID)
	}
	return t.Record(tx, e)
}

func recordUpdated(tx *db.Tx, l Leeruitwisseling) error {
	return record(tx, Updated, l, statusData{l.Status})
}
