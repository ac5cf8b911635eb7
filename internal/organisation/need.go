package organisation

import (
	"context"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// Need is a leernood: what an employer wants learnt, by department, function or target group, before an employee makes a
// leervraag of it (seed 001, 5.3 In gesprek met de werkgever).
type Need struct {
	db.Row
	ID                 id.NeedID `gorm:"primaryKey"`
	OrganisationID     id.OrganisationID
	Title              string
	DepartmentID       *id.DepartmentID
	Function           *string
	TargetGroup        *string
	Reach              *string // who must learn: switcher, team or organisation
	DevelopmentContext *string // how it fits in what else people learn there
	DesiredResult      *string
	SuccessCriterion   *string
	OtherEffects       db.Strings // more network, …
}

// TableName is the table of needs.
func (Need) TableName() string { return "organisation_needs" }

// Key places a need in a list.
func (n Need) Key() (int64, uuid.UUID) { return n.Pos, n.ID.UUID() }

// Bounds say by which columns bound callers find theirs.
func (Need) Bounds() page.Bounds { return page.OfEmployer("organisation_id") }

var (
	_ = db.Constraint("organisation_needs_organisation_fkey", func() *fault.Error { return fault.Missing.New() })
	_ = db.Constraint("organisation_needs_department_fkey", func() *fault.Error { return fault.At("/department_id", fault.NoReference) })
)

// NeedInput is what a caller says of a need.
type NeedInput struct {
	Title              string           `json:"title" binding:"required" minLength:"1" maxLength:"500" example:"Nieuwe collega's warm onthalen"`
	DepartmentID       *id.DepartmentID `json:"department_id" extensions:"x-nullable" example:"dep_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Function           *string          `json:"function" minLength:"1" maxLength:"200" extensions:"x-nullable" example:"ploegbaas"`
	TargetGroup        *string          `json:"target_group" minLength:"1" maxLength:"200" extensions:"x-nullable" example:"starters"`
	Reach              *string          `json:"reach" enums:"switcher,team,organisation" extensions:"x-nullable" example:"team"`
	DevelopmentContext *string          `json:"development_context" minLength:"1" maxLength:"5000" extensions:"x-nullable" example:"Sluit aan bij het peterschap."`
	DesiredResult      *string          `json:"desired_result" minLength:"1" maxLength:"5000" extensions:"x-nullable" example:"Een draaiboek voor de eerste week."`
	SuccessCriterion   *string          `json:"success_criterion" minLength:"1" maxLength:"5000" extensions:"x-nullable" example:"Starters blijven langer dan een jaar."`
	OtherEffects       db.Strings       `json:"other_effects" validate:"max=20" minLength:"1" maxLength:"500" example:"een breder netwerk"`
} // @name NeedInput

func (n Need) input() NeedInput {
	return NeedInput{n.Title, n.DepartmentID, n.Function, n.TargetGroup, n.Reach, n.DevelopmentContext, n.DesiredResult, n.SuccessCriterion, n.OtherEffects}
}

func (in NeedInput) onto(n *Need) {
	n.Title, n.DepartmentID, n.Function, n.TargetGroup, n.Reach = in.Title, in.DepartmentID, in.Function, in.TargetGroup, in.Reach
	n.DevelopmentContext, n.DesiredResult, n.SuccessCriterion, n.OtherEffects = in.DevelopmentContext, in.DesiredResult, in.SuccessCriterion, in.OtherEffects
}

// NeedWire is a need as callers see it.
type NeedWire struct {
	ID                 id.NeedID         `json:"id" example:"nod_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	OrganisationID     id.OrganisationID `json:"organisation_id" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Title              string            `json:"title" example:"Nieuwe collega's warm onthalen"`
	DepartmentID       *id.DepartmentID  `json:"department_id" extensions:"x-nullable" example:"dep_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Function           *string           `json:"function" extensions:"x-nullable" example:"ploegbaas"`
	TargetGroup        *string           `json:"target_group" extensions:"x-nullable" example:"starters"`
	Reach              *string           `json:"reach" enums:"switcher,team,organisation" extensions:"x-nullable" example:"team"`
	DevelopmentContext *string           `json:"development_context" extensions:"x-nullable" example:"Sluit aan bij het peterschap."`
	DesiredResult      *string           `json:"desired_result" extensions:"x-nullable" example:"Een draaiboek voor de eerste week."`
	SuccessCriterion   *string           `json:"success_criterion" extensions:"x-nullable" example:"Starters blijven langer dan een jaar."`
	OtherEffects       db.Strings        `json:"other_effects" example:"een breder netwerk"`
	web.Meta
} // @name Need

// Location is where the need can be read.
func (w NeedWire) Location() string {
	return "/v1/organisations/" + w.OrganisationID.String() + "/needs/" + w.ID.String()
}

func needWire(n Need) NeedWire {
	return NeedWire{n.ID, n.OrganisationID, n.Title, n.DepartmentID, n.Function, n.TargetGroup, n.Reach, n.DevelopmentContext, n.DesiredResult,
		n.SuccessCriterion, n.OtherEffects, web.MetaOf(n.Row)}
}

type addNeedReq struct {
	byID
	Body NeedInput `body:"json"`
}

// addNeed adds a need to an employer.
//
//	@Summary		Add a need
//	@Description	A leernood: what the employer wants learnt, by department, function or target group.
//	@ID				createNeed
//	@Tags			organisation
//	@Param			id		path		string		true	"the employer"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		NeedInput	true	"the need"
//	@Success		201		{object}	NeedWire
//	@Router			/v1/organisations/{id}/needs [post]
func (s Service) addNeed(_ context.Context, tx *db.Tx, in addNeedReq) (NeedWire, error) {
	n := Need{ID: id.NewNeed(), OrganisationID: in.ID}
	in.Body.onto(&n)
	err := addPart(tx, in.ID, &n)
	return needWire(n), err
}

// listNeeds reads the needs of an employer.
//
//	@Summary	List needs
//	@ID			listNeeds
//	@Tags		organisation
//	@Param		id		path		string	true	"the employer"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		limit	query		int		false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param		cursor	query		string	false	"where to go on"
//	@Param		sort	query		string	false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Success	200		{object}	page.Page[NeedWire]
//	@Router		/v1/organisations/{id}/needs [get]
func (s Service) listNeeds(_ context.Context, tx *db.Tx, in partsReq) (page.Page[NeedWire], error) {
	return parts(tx, in, needWire)
}

type needReq struct {
	byID
	NeedID id.NeedID `uri:"need_id"`
}

// getNeed reads a need.
//
//	@Summary	Read a need
//	@ID			getNeed
//	@Tags		organisation
//	@Param		id		path		string	true	"the employer"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		need_id	path		string	true	"the need"		example(nod_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	200		{object}	NeedWire
//	@Router		/v1/organisations/{id}/needs/{need_id} [get]
func (s Service) getNeed(_ context.Context, tx *db.Tx, in needReq) (NeedWire, error) {
	n, err := getPart[Need](tx, in.ID, in.NeedID)
	return needWire(n), err
}

type updateNeedReq struct {
	needReq
	web.IfMatch
	Patch web.MergePatch `body:"patch"`
}

// updateNeed changes members of a need.
//
//	@Summary	Change a need
//	@ID			updateNeed
//	@Tags		organisation
//	@Param		id		path		string		true	"the employer"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		need_id	path		string		true	"the need"		example(nod_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		body	body		NeedInput	true	"what changes"
//	@Success	200		{object}	NeedWire
//	@Router		/v1/organisations/{id}/needs/{need_id} [patch]
func (s Service) updateNeed(_ context.Context, tx *db.Tx, in updateNeedReq) (NeedWire, error) {
	n, err := changePart(tx, in.ID, in.NeedID, func(n *Need) error {
		i := n.input()
		return patched(in.IfMatch, n.Revision, in.Patch, &i, func() error { i.onto(n); return nil })
	})
	return needWire(n), err
}

// deleteNeed takes a need away.
//
//	@Summary	Take a need away
//	@ID			deleteNeed
//	@Tags		organisation
//	@Param		id		path	string	true	"the employer"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		need_id	path	string	true	"the need"		example(nod_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	204
//	@Router		/v1/organisations/{id}/needs/{need_id} [delete]
func (s Service) deleteNeed(_ context.Context, tx *db.Tx, in needReq) (web.None, error) {
	n, err := tx.Run(`delete from organisation_needs where tenant_id = ? and organisation_id = ? and id = ?`, tx.Scope.Tenant, in.ID, in.NeedID)
	switch {
	case err != nil:
		return web.None{}, err
	case n == 0:
		return web.None{}, fault.Missing.New()
	}
	return web.None{}, touched(tx, in.ID)
}
