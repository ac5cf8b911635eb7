package survey

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// Routes are the doors of surveys: for callers, and the two of a link, which needs no account.
func (s Service) Routes() []web.Route {
	return append([]web.Route{
		web.List("/v1/surveys", "survey:read", s.list, web.Syncs),
		web.Get("/v1/surveys/:id", "survey:read", s.get),
		web.Patch("/v1/surveys/:id", "survey:invite", s.update),
		web.Act("/v1/surveys/:id/answers", "survey:answer", s.answer),
		web.Act("/v1/surveys/:id/invite", "survey:invite", s.invite),
	}, s.linkRoutes()...)
}

// Wire is a survey as callers see it.
type Wire struct {
	ID                 id.SurveyID           `json:"id" example:"srv_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	LeeruitwisselingID id.LeeruitwisselingID `json:"leeruitwisseling_id" example:"lui_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Role               Role                  `json:"role" enums:"switcher,sending,leercoach,receiving,colleague,family" example:"switcher"`
	OrganisationID     id.OrganisationID     `json:"organisation_id" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	MedewerkerID       *id.MedewerkerID      `json:"medewerker_id" extensions:"x-nullable" example:"mdw_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Status             Status                `json:"status" enums:"scheduled,invited,answered,expired" example:"answered"`
	InviteOn           day.Date              `json:"invite_on" example:"2027-01-25"`
	Lang               string                `json:"lang" enums:"nl,fr,en" example:"nl"`
	Mode               Mode                  `json:"mode" enums:"online,face_to_face,terugkommoment" example:"online"`
	Link               *string               `json:"link" format:"uri" extensions:"x-nullable" example:"https://switchboard.example/s/9tqVd3yQm0Xk5cJ8sLr2aB7nPzE4hUwGfT1oYiKxMvA"`
	InvitedAt          *time.Time            `json:"invited_at" extensions:"x-nullable" example:"2027-01-25T08:00:00Z"`
	AnsweredAt         *time.Time            `json:"answered_at" extensions:"x-nullable" example:"2027-01-26T19:30:00Z"`
	ExpiresAt          *time.Time            `json:"expires_at" extensions:"x-nullable" example:"2027-03-26T08:00:00Z"`
	Questions          []Question            `json:"questions"`
	Answers            []Answer              `json:"answers"`
	web.Meta
} // @name Survey

// Location is where the survey can be read.
func (w Wire) Location() string { return "/v1/surveys/" + w.ID.String() }

// found is a survey with its answers, as one statement finds it.
type found struct {
	Survey
	Answers Answers `gorm:"column:answers;->"`
}

// finding starts a query for surveys with their answers; row-level security leaves out what the caller may not read.
func finding(tx *db.Tx) *gorm.DB {
	return tx.Model(&found{}).Select(`surveys.*, coalesce((select json_agg(json_build_object('question', a.question, 'value', a.value) order by a.question)
		from survey_answers a where a.tenant_id = surveys.tenant_id and a.survey_id = surveys.id), '[]') as answers`)
}

// wire shows a survey to the caller of the transaction. The link is for those who hand links out.
func (s Service) wire(tx *db.Tx, f found) (Wire, error) {
	v := f.Survey
	w := Wire{v.ID, v.LeeruitwisselingID, v.Role, v.OrganisationID, v.MedewerkerID, v.Status, v.InviteOn, v.Lang, v.Mode, nil, utc(v.InvitedAt),
		utc(v.AnsweredAt), utc(v.ExpiresAt), v.Questions, f.Answers, web.MetaOf(v.Row)}
	if !tx.Principal.May("survey:invite") {
		return w, nil
	}
	var err error
	w.Link, err = s.link(v, tx.Now)
	return w, err
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

// byID is the input of a door that needs the id alone.
type byID struct {
	ID id.SurveyID `uri:"id"`
}

// Filters are what surveys can be filtered by.
type Filters struct {
	LeeruitwisselingID *id.LeeruitwisselingID `form:"leeruitwisseling_id"`
	Status             []Status               `form:"status" enums:"scheduled,invited,answered,expired"`
	Role               []Role                 `form:"role" enums:"switcher,sending,leercoach,receiving,colleague,family"`
	Mode               []Mode                 `form:"mode" enums:"online,face_to_face,terugkommoment"`
}

type listReq struct {
	page.SyncParams
	Filters
}

// list reads surveys.
//
//	@Summary		List surveys
//	@Description	With updated_since, or a cursor that began with it, the list can be followed for ever. The link is shown to who holds survey:invite, while the survey is open. Answers are shown to the ST-partner, to the person who gave them, and those of an employer to that employer.
//	@ID				listSurveys
//	@Tags			survey
//	@Param			limit				query		int			false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param			cursor				query		string		false	"where to go on"
//	@Param			sort				query		string		false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Param			updated_since		query		string		false	"follow the changes since this time"	Format(date-time)
//	@Param			leeruitwisseling_id	query		string		false	"about this exchange"	example(lui_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			status				query		[]string	false	"these states"	collectionFormat(csv)	Enums(scheduled,invited,answered,expired)
//	@Param			role				query		[]string	false	"to these roles"	collectionFormat(csv)	Enums(switcher,sending,leercoach,receiving,colleague,family)
//	@Param			mode				query		[]string	false	"asked in these ways"	collectionFormat(csv)	Enums(online,face_to_face,terugkommoment)
//	@Success		200					{object}	page.Page[Wire]
//	@Router			/v1/surveys [get]
func (s Service) list(_ context.Context, tx *db.Tx, in listReq) (page.Page[Wire], error) {
	q := finding(tx)
	if in.LeeruitwisselingID != nil {
		q = q.Where("leeruitwisseling_id = ?", *in.LeeruitwisselingID)
	}
	if len(in.Status) > 0 {
		q = q.Where("status in ?", in.Status)
	}
	if len(in.Role) > 0 {
		q = q.Where("role in ?", in.Role)
	}
	if len(in.Mode) > 0 {
		q = q.Where("mode in ?", in.Mode)
	}
	var failed error
	p, err := page.Sync(tx, in.SyncParams, in.Filters, q, func(f found) Wire {
		w, err := s.wire(tx, f)
		if err != nil {
			failed = err
		}
		return w
	})
	if err == nil {
		err = failed
	}
	return p, err
}

// get reads one survey.
//
//	@Summary	Read a survey
//	@ID			getSurvey
//	@Tags		survey
//	@Param		id	path		string	true	"the survey"	example(srv_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	200	{object}	Wire
//	@Router		/v1/surveys/{id} [get]
func (s Service) get(_ context.Context, tx *db.Tx, in byID) (Wire, error) {
	return s.View(tx, in.ID)
}

// View reads a survey as the caller may see it, or returns fault.Missing.
func (s Service) View(tx *db.Tx, sid id.SurveyID) (Wire, error) {
	var f found
	if err := finding(tx).Where("id = ?", sid).Take(&f).Error; err != nil {
		return Wire{}, err
	}
	return s.wire(tx, f)
}

// do locks a survey, does something to it, and reads it again as the caller may see it.
func (s Service) do(ctx context.Context, tx *db.Tx, sid id.SurveyID, verb func(Survey) (Survey, error)) (Wire, error) {
	v, err := s.Lock(ctx, tx, sid)
	if err == nil {
		_, err = verb(v)
	}
	if err != nil {
		return Wire{}, err
	}
	return s.View(tx, sid)
}

// UpdateInput is what can be changed about a survey that is scheduled.
type UpdateInput struct {
	InviteOn day.Date `json:"invite_on" binding:"required" example:"2027-01-25"`
	Mode     Mode     `json:"mode" default:"online" enums:"online,face_to_face,terugkommoment" example:"terugkommoment"`
} // @name SurveyChanges

type updateReq struct {
	byID
	web.IfMatch
	Patch web.MergePatch `body:"patch"`
}

// update puts a survey on another day, or has it asked in another way.
//
//	@Summary		Change a survey
//	@Description	While it is scheduled. Who is asked online is invited at nine in the morning of that day, by the tenant's clock; at once for a day that has passed. Who is asked face to face or at a terugkommoment is not: somebody asks, and writes the answers down.
//	@ID				updateSurvey
//	@Tags			survey
//	@Param			id		path		string		true	"the survey"	example(srv_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		UpdateInput	true	"what changes"
//	@Success		200		{object}	Wire
//	@Router			/v1/surveys/{id} [patch]
func (s Service) update(ctx context.Context, tx *db.Tx, in updateReq) (Wire, error) {
	return s.do(ctx, tx, in.ID, func(v Survey) (Survey, error) {
		if err := in.Check(v.Revision); err != nil {
			return v, err
		}
		u := UpdateInput{v.InviteOn, v.Mode}
		if err := in.Patch.Apply(&u); err != nil {
			return v, err
		}
		return s.Change(ctx, tx, v, u)
	})
}

// AnswersInput is what a respondent says.
type AnswersInput struct {
	Answers []Answer `json:"answers" binding:"required" validate:"min=1,max=100"`
} // @name SurveyAnswersInput

type answerReq struct {
	byID
	Body AnswersInput `body:"json"`
}

// answer stores the answers of a respondent.
//
//	@Summary		Answer a survey
//	@Description	Once, also before its invitation. An employer answers as employer alone, an employee for itself; the ST-partner may write down what it was told.
//	@ID				answerSurvey
//	@Tags			survey
//	@Param			id		path		string			true	"the survey"	example(srv_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		AnswersInput	true	"the answers"
//	@Success		200		{object}	Wire
//	@Router			/v1/surveys/{id}/answers [post]
func (s Service) answer(ctx context.Context, tx *db.Tx, in answerReq) (Wire, error) {
	return s.do(ctx, tx, in.ID, func(v Survey) (Survey, error) { return s.Answer(ctx, tx, v, in.Body.Answers) })
}

// invite invites the respondent now.
//
//	@Summary		Invite to a survey now
//	@Description	Does not wait for its day. Who is invited already stays invited.
//	@ID				inviteSurvey
//	@Tags			survey
//	@Param			id	path		string	true	"the survey"	example(srv_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200	{object}	Wire
//	@Router			/v1/surveys/{id}/invite [post]
func (s Service) invite(ctx context.Context, tx *db.Tx, in byID) (Wire, error) {
	return s.do(ctx, tx, in.ID, func(v Survey) (Survey, error) { return s.Invite(ctx, tx, v) })
}
