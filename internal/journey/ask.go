package journey

import (
	"context"

	"github.com/switchingtalent/switchboard/internal/leeruitwisseling"
	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/survey"
)

// AskInput asks somebody beside the four who are asked after every exchange: a colleague of the switcher, or a family that
// the host cares for (seed 001, 5.8, on VBJK-VCOK). They have no account and no name here: the link is handed out.
type AskInput struct {
	LeeruitwisselingID id.LeeruitwisselingID `json:"leeruitwisseling_id" binding:"required" example:"lui_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Role               survey.Role           `json:"role" binding:"required" enums:"colleague,family" example:"colleague"`
	InviteOn           *day.Date             `json:"invite_on" format:"date" extensions:"x-nullable" example:"2027-01-25"`
	Lang               *string               `json:"lang" enums:"nl,fr,en" extensions:"x-nullable" example:"nl"`
	Mode               survey.Mode           `json:"mode" default:"online" enums:"online,face_to_face,terugkommoment" example:"online"`
} // @name SurveyInput

type askReq struct {
	Body AskInput `body:"json"`
}

// askOther schedules a survey for a colleague or a family.
//
//	@Summary		Ask a colleague or a family
//	@Description	About an exchange that is completed; one survey for each respondent. Without invite_on they are invited as long after it as everybody else, without lang in the tenant's language. The four roles are asked by completing the exchange.
//	@ID				createSurvey
//	@Tags			survey
//	@Param			body	body		AskInput	true	"who is asked"
//	@Success		201		{object}	survey.Wire
//	@Router			/v1/surveys [post]
func (s Service) askOther(ctx context.Context, tx *db.Tx, in askReq) (survey.Wire, error) {
	l, err := s.Leeruitwisselingen.Lock(ctx, tx, in.Body.LeeruitwisselingID)
	if err != nil {
		return survey.Wire{}, reference(err, "/leeruitwisseling_id")
	}
	if l.Status != leeruitwisseling.Completed {
		return survey.Wire{}, NotCompleted.With("status", string(l.Status))
	}
	settings, err := s.Tenants.Settings(tx)
	if err != nil {
		return survey.Wire{}, err
	}
	n := survey.New{LeeruitwisselingID: l.ID, Role: in.Body.Role, OrganisationID: l.SendingOrganisationID, Lang: settings.Lang, Mode: in.Body.Mode}
	if in.Body.Role == survey.Family {
		n.OrganisationID = l.ReceivingOrganisationID
	}
	if in.Body.Lang != nil {
		n.Lang = *in.Body.Lang
	}
	if in.Body.InviteOn != nil {
		n.InviteOn = *in.Body.InviteOn
	} else {
		days, err := s.Leeruitwisselingen.Days(tx, l.ID)
		if err != nil {
			return survey.Wire{}, err
		}
		n.InviteOn = inviteOn(tx, settings, days)
	}
	v, err := s.Surveys.Schedule(ctx, tx, n)
	if err != nil {
		return survey.Wire{}, err
	}
	return s.Surveys.View(tx, v.ID)
}
