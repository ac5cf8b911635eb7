package survey

import (
	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// surveyData is what a fact about a survey adds: who is asked about what, and never what they answered.
type surveyData struct {
	Status             Status                `json:"status" enums:"scheduled,invited,answered,expired" doc:"How far the survey is."`
	Role               Role                  `json:"role" enums:"switcher,sending,leercoach,receiving,colleague,family" doc:"As whom the respondent is asked."`
	LeeruitwisselingID id.LeeruitwisselingID `json:"leeruitwisseling_id"`
	InviteOn           day.Date              `json:"invite_on" doc:"The day on which the respondent is invited, or asked."`
	Mode               Mode                  `json:"mode" enums:"online,face_to_face,terugkommoment" doc:"How the respondent is asked."`
}

// The facts about surveys.
var (
	Created     = fact.Define("survey.created", "A survey was scheduled, some time after its exchange.", surveyData{}).Revised(2)
	Updated     = fact.Define("survey.updated", "A survey was put on another day, or is asked in another way.", surveyData{}).Revised(2)
	WasInvited  = fact.Define("survey.invited", "The respondent of a survey is invited: hand out its link now, or ask as its mode says.", surveyData{}).Revised(2)
	WasAnswered = fact.Define("survey.answered", "A survey was answered.", surveyData{}).Revised(2)
	HasExpired  = fact.Define("survey.expired", "Nobody answered a survey in time.", surveyData{}).Revised(2)
)

// record tells a fact about the survey as it is now.
func record(tx *db.Tx, t *fact.Type, v Survey) error {
	e := fact.Event{Subject: v.ID, Revision: v.Revision, Organisations: []id.OrganisationID{v.OrganisationID},
		Data: surveyData{v.Status, v.Role, v.LeeruitwisselingID, v.InviteOn, v.Mode}}
	if v.MedewerkerID != nil {
		e.Medewerkers = []id.MedewerkerID{*v.MedewerkerID}
	}
	return t.Record(tx, e)
}
