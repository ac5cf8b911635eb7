package leerbewijs

import (
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/external"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/hours"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// certificateData is what a fact about a leerbewijs adds.
type certificateData struct {
	OrganisationID     id.OrganisationID     `json:"organisation_id" doc:"The holder's employer."`
	MedewerkerID       id.MedewerkerID       `json:"medewerker_id" doc:"The holder; external_ids say what its employer calls it."`
	LeeruitwisselingID id.LeeruitwisselingID `json:"leeruitwisseling_id"`
	Role               string                `json:"role" enums:"switcher,leercoach"`
	Status             Status                `json:"status" enums:"issued,suspended,revoked" doc:"That it expired is told by no fact: see valid_until_on."`
	Hours              hours.Hours           `json:"hours"`
	IssuedAt           time.Time             `json:"issued_at"`
	CheckURL           string                `json:"check_url" format:"uri" example:"https://switchboard.example/check/lbw_01jd8m5x9nf3tvhg5w6rkz2c4q" doc:"The public check, without the key that shows the holder's name."`
}

// The facts about certificates.
var (
	Issued  = fact.Define("leerbewijs.issued", "A certificate was issued to a switcher or leercoach.", certificateData{})
	Updated = fact.Define("leerbewijs.updated", "A certificate was suspended or reinstated, or its language or last day changed.", certificateData{})
	Revoked = fact.Define("leerbewijs.revoked", "A certificate was revoked: it never counts again.", certificateData{})
)

// record tells a fact about a leerbewijs as it is now.
func (s Service) record(tx *db.Tx, t *fact.Type, l Leerbewijs) error {
	var known struct{ ExternalIDs external.List }
	err := tx.Select(&known, `select external_ids from medewerkers where tenant_id = ? and id = ?`, tx.Scope.Tenant, l.MedewerkerID)
	if err != nil {
		return err
	}
	e := fact.Event{Subject: l.ID, Revision: l.Revision, Organisations: []id.OrganisationID{l.OrganisationID},
		Medewerkers: []id.MedewerkerID{l.MedewerkerID}, Data: certificateData{l.OrganisationID, l.MedewerkerID, l.LeeruitwisselingID, l.Role,
			l.Status, l.Hours, l.IssuedAt, s.address(l.ID)}}
	for _, x := range known.ExternalIDs {
		e.ExternalIDs = append(e.ExternalIDs, fact.ExternalID{OrganisationID: &l.OrganisationID, System: x.System, Value: x.Value})
	}
	return t.Record(tx, e)
}
