package medewerker

import (
	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// employmentData is what a fact about an employee adds.
type employmentData struct {
	OrganisationID id.OrganisationID `json:"organisation_id" doc:"The employer. It never changes."`
	Employment     Employment        `json:"employment" enums:"employee,self_employed,freelance,agency,seconded,outsourced" doc:"On what footing they work there."`
	EndedOn        *day.Date         `json:"ended_on" doc:"Their last day there."`
}

// The facts about employees.
var (
	Created = fact.Define("medewerker.created", "An employee was added.", employmentData{})
	Updated = fact.Define("medewerker.updated", "Something about an employee changed, or the employment ended.", employmentData{})
)

// record tells a fact about the employee as they are now.
func record(tx *db.Tx, t *fact.Type, m Medewerker) error {
	e := fact.Event{Subject: m.ID, Revision: m.Revision, Organisations: []id.OrganisationID{m.OrganisationID},
		Medewerkers: []id.MedewerkerID{m.ID}, Data: employmentData{m.OrganisationID, m.Employment, m.EndedOn}}
	for _, x := range m.ExternalIDs {
		e.ExternalIDs = append(e.ExternalIDs, fact.ExternalID{OrganisationID: &m.OrganisationID, System: x.System, Value: x.Value})
	}
	return t.Record(tx, e)
}
