package opleidingsregistratie

import (
	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/external"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/hours"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// hoursData is what a fact about training hours adds: enough to book them without asking.
type hoursData struct {
	OrganisationID     id.OrganisationID     `json:"organisation_id" doc:"The employer who books the hours."`
	MedewerkerID       id.MedewerkerID       `json:"medewerker_id" doc:"The employee who learned; external_ids say what its employer calls it."`
	LeeruitwisselingID id.LeeruitwisselingID `json:"leeruitwisseling_id"`
	FromOn             day.Date              `json:"from_on"`
	UntilOn            day.Date              `json:"until_on"`
	Hours              hours.Hours           `json:"hours"`
	Classification     Classification        `json:"classification" enums:"informal,formal,initial" doc:"The block of the social balance sheet."`
	CorrectsID         *id.RegistratieID     `json:"corrects_id" doc:"The one whose place it takes: forget that one."`
}

// The facts about training hours.
var (
	Recorded  = fact.Define("opleidingsregistratie.recorded", "Training hours of an employee were recorded.", hoursData{})
	Updated   = fact.Define("opleidingsregistratie.updated", "An employer confirmed training hours, or said whether they were within working time.", hoursData{})
	Corrected = fact.Define("opleidingsregistratie.corrected", "Training hours were corrected: the subject takes the place of the one that it corrects.", hoursData{})
	Withdrawn = fact.Define("opleidingsregistratie.withdrawn", "Training hours were withdrawn: they do not count any more.", hoursData{})
)

// record tells a fact about training hours as they are now. What the employer calls the employee goes along, and stands
// in the row afterwards.
func record(tx *db.Tx, t *fact.Type, r *Registratie) error {
	var known struct{ ExternalIDs external.List }
	err := tx.Select(&known, `select external_ids from medewerkers where tenant_id = ? and id = ?`, tx.Scope.Tenant, r.MedewerkerID)
	if err != nil {
		return err
	}
	r.MedewerkerExternalIDs = known.ExternalIDs
	e := fact.Event{Subject: r.ID, Revision: r.Revision, Organisations: []id.OrganisationID{r.OrganisationID},
		Medewerkers: []id.MedewerkerID{r.MedewerkerID}, Data: hoursData{r.OrganisationID, r.MedewerkerID, r.LeeruitwisselingID, r.FromOn,
			r.UntilOn, r.Hours, r.Classification, r.CorrectsID}}
	for _, x := range known.ExternalIDs {
		e.ExternalIDs = append(e.ExternalIDs, fact.ExternalID{OrganisationID: &r.OrganisationID, System: x.System, Value: x.Value})
	}
	return t.Record(tx, e)
}
