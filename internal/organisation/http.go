package organisation

import (
	"context"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/external"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// Routes are the doors of employers.
func (s Service) Routes() []web.Route {
	return []web.Route{
		web.Post("/v1/organisations", "organisation:create", s.create),
		web.List("/v1/organisations", "organisation:read", s.list, web.Syncs),
		web.Get("/v1/organisations/:id", "organisation:read", s.get),
		web.Patch("/v1/organisations/:id", "organisation:write", s.update),
		web.Put("/v1/organisations/by-external-id/:system/:value", "organisation:create", s.upsert),
		web.Act("/v1/organisations/:id/stage", "organisation:write", s.move),
		web.Post("/v1/organisations/:id/sites", "organisation:write", s.addSite),
		web.List("/v1/organisations/:id/sites", "organisation:read", s.listSites, web.Snapshot),
		web.Get("/v1/organisations/:id/sites/:site_id", "organisation:read", s.getSite),
		web.Patch("/v1/organisations/:id/sites/:site_id", "organisation:write", s.updateSite),
		web.Post("/v1/organisations/:id/departments", "organisation:write", s.addDepartment),
		web.List("/v1/organisations/:id/departments", "organisation:read", s.listDepartments, web.Snapshot),
		web.Get("/v1/organisations/:id/departments/:department_id", "organisation:read", s.getDepartment),
		web.Patch("/v1/organisations/:id/departments/:department_id", "organisation:write", s.updateDepartment),
		web.Post("/v1/organisations/:id/contacts", "organisation:write", s.addContact),
		web.List("/v1/organisations/:id/contacts", "organisation:read", s.listContacts, web.Snapshot),
		web.Get("/v1/organisations/:id/contacts/:contact_id", "organisation:read", s.getContact),
		web.Patch("/v1/organisations/:id/contacts/:contact_id", "organisation:write", s.updateContact),
		web.Get("/v1/organisations/:id/profile", "organisation:read", s.getProfile, web.Snapshot),
		web.Patch("/v1/organisations/:id/profile", "organisation:write", s.updateProfile),
		web.Post("/v1/organisations/:id/needs", "organisation:write", s.addNeed),
		web.List("/v1/organisations/:id/needs", "organisation:read", s.listNeeds, web.Snapshot),
		web.Get("/v1/organisations/:id/needs/:need_id", "organisation:read", s.getNeed),
		web.Patch("/v1/organisations/:id/needs/:need_id", "organisation:write", s.updateNeed),
		web.Delete("/v1/organisations/:id/needs/:need_id", "organisation:write", s.deleteNeed),
		web.Get("/v1/organisations/:id/duplicates", "organisation:merge", s.duplicates, web.Snapshot),
		web.Post("/v1/organisations/:id/conversations", "conversation:write", s.addConversation),
		web.List("/v1/organisations/:id/conversations", "conversation:read", s.listOrganisationConversations, web.Snapshot),
		web.List("/v1/conversations", "conversation:read", s.listConversations),
		web.Get("/v1/conversations/:id", "conversation:read", s.getConversation),
		web.Patch("/v1/conversations/:id", "conversation:write", s.updateConversation),
	}
}

// Wire is an employer as callers see it.
type Wire struct {
	ID               id.OrganisationID  `json:"id" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Name             string             `json:"name" example:"Woonzorgcentrum De Linde"`
	EnterpriseNumber *string            `json:"enterprise_number" extensions:"x-nullable" example:"0123.456.749"`
	Kind             string             `json:"kind" enums:"profit,non_profit,public,social_economy" example:"non_profit"`
	Sector           string             `json:"sector" example:"ouderenzorg"`
	Workforce        *string            `json:"workforce" enums:"white_collar,blue_collar,mixed" extensions:"x-nullable" example:"mixed"`
	Headcount        *int               `json:"headcount" extensions:"x-nullable" example:"240"`
	Stage            Stage              `json:"stage" enums:"informed,interested,intake,engaged,paused,stopped" example:"informed"`
	ExternalIDs      external.List      `json:"external_ids"`
	Maatwerkbedrijf  bool               `json:"maatwerkbedrijf" example:"false"`
	SectorGroup      *string            `json:"sector_group" enums:"care,childcare,other" extensions:"x-nullable" example:"care"`
	SME              *bool              `json:"sme" extensions:"x-nullable" example:"true"`             // a KMO: as said, or by the headcount; null: not known
	WillingToSend    *bool              `json:"willing_to_send" extensions:"x-nullable" example:"true"` // the poule; null: nobody asked
	WillingToHost    *bool              `json:"willing_to_host" extensions:"x-nullable" example:"true"`
	MergedIntoID     *id.OrganisationID `json:"merged_into_id" extensions:"x-nullable" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4r"` // where all that it had stands now
	web.Meta
} // @name Organisation

// Location is where the employer can be read.
func (w Wire) Location() string { return "/v1/organisations/" + w.ID.String() }

// WireOf shows a row to callers.
func WireOf(o Organisation) Wire {
	known := o.ID
	if o.FormerID != nil {
		known = *o.FormerID
	}
	return Wire{known, o.Name, o.EnterpriseNumber, o.Kind, o.Sector, o.Workforce, o.Headcount, o.Stage, o.ExternalIDs,
		o.Maatwerkbedrijf, o.SectorGroup, o.Small(), o.WillingToSend, o.WillingToHost, o.MergedIntoID, web.MetaOf(o.Row)}
}

// byID is the input of a door that needs the id alone.
type byID struct {
	ID id.OrganisationID `uri:"id"`
}

type createReq struct {
	Body Input `body:"json"`
}

// create adds an employer.
//
//	@Summary	Add an employer
//	@ID			createOrganisation
//	@Tags		organisation
//	@Param		body	body		Input	true	"the employer"
//	@Success	201		{object}	Wire
//	@Router		/v1/organisations [post]
func (s Service) create(ctx context.Context, tx *db.Tx, in createReq) (Wire, error) {
	o, err := s.Create(ctx, tx, in.Body)
	return WireOf(o), err
}

// Filters are what employers can be filtered by.
type Filters struct {
	ExternalID *string `form:"external_id" maxLength:"161"`
	Stage      []Stage `form:"stage" enums:"informed,interested,intake,engaged,paused,stopped"`
}

type listReq struct {
	page.SyncParams
	Filters
}

// list reads employers.
//
//	@Summary		List employers
//	@Description	With updated_since, or a cursor that began with it, the list can be followed for ever; only then those that were merged into another stand in it, with merged_into_id.
//	@ID				listOrganisations
//	@Tags			organisation
//	@Param			limit			query		int			false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param			cursor			query		string		false	"where to go on"
//	@Param			sort			query		string		false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Param			updated_since	query		string		false	"follow the changes since this time"	Format(date-time)
//	@Param			external_id		query		string		false	"system:value"	extensions(x-pattern=^[a-z0-9_-]+:[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]+$)	maxlength(161)	example(sdworx:12345)
//	@Param			stage			query		[]string	false	"these stages"	collectionFormat(csv)	Enums(informed,interested,intake,engaged,paused,stopped)
//	@Success		200				{object}	page.Page[Wire]
//	@Router			/v1/organisations [get]
func (s Service) list(_ context.Context, tx *db.Tx, in listReq) (page.Page[Wire], error) {
	q := tx.Model(&Organisation{})
	if in.ExternalID != nil {
		x, ok := external.Parse(*in.ExternalID)
		if !ok {
			return page.Page[Wire]{}, fault.BadParameter.New().In("external_id", fault.BadFormat, "format", "system:value")
		}
		q = external.Where(tx, q, "organisation", x)
	}
	if len(in.Stage) > 0 {
		q = q.Where("stage in ?", in.Stage)
	}
	following, err := page.Following(tx, in.SyncParams, in.Filters)
	if err != nil {
		return page.Page[Wire]{}, err
	}
	if !following {
		q = q.Where("former_id is null")
	}
	return page.Sync(tx, in.SyncParams, in.Filters, q, WireOf)
}

// get reads one employer.
//
//	@Summary		Read an employer
//	@Description	One that was merged into another says so in merged_into_id; nothing belongs to it any more, and nothing about it can change.
//	@ID				getOrganisation
//	@Tags			organisation
//	@Param			id	path		string	true	"the employer"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200	{object}	Wire
//	@Router			/v1/organisations/{id} [get]
func (s Service) get(_ context.Context, tx *db.Tx, in byID) (Wire, error) {
	o, err := known(tx, in.ID)
	return WireOf(o), err
}

type updateReq struct {
	byID
	web.IfMatch
	Patch web.MergePatch `body:"patch"`
}

// update changes members of an employer.
//
//	@Summary	Change an employer
//	@ID			updateOrganisation
//	@Tags		organisation
//	@Param		id		path		string	true	"the employer"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		body	body		Input	true	"what changes"
//	@Success	200		{object}	Wire
//	@Router		/v1/organisations/{id} [patch]
func (s Service) update(ctx context.Context, tx *db.Tx, in updateReq) (Wire, error) {
	o, err := s.Update(ctx, tx, in.ID, func(o Organisation) error { return in.Check(o.Revision) },
		func(i *Input) error { return in.Patch.Apply(i) })
	return WireOf(o), err
}

type upsertReq struct {
	System string `uri:"system" minLength:"1" maxLength:"32"`
	Value  string `uri:"value" minLength:"1" maxLength:"128"`
	web.IfMatch
	Patch web.MergePatch `body:"patch"`
}

// upsert makes an employer under an external id, or changes the one that has it.
//
//	@Summary		Add or change an employer by external id
//	@Description	201 when it was made, 200 when it was changed or the same. Absent members keep what they hold, null clears. The external ids of other systems stay; one of this system must be the one in the path.
//	@ID				putOrganisationByExternalId
//	@Tags			organisation
//	@Param			system	path		string	true	"the system"	extensions(x-pattern=^[a-z0-9_-]+$)	maxlength(32)	example(sdworx)
//	@Param			value	path		string	true	"its id there"	minlength(1)	maxlength(128)	example(12345)
//	@Param			body	body		Input	true	"the employer"
//	@Success		200		{object}	Wire
//	@Success		201		{object}	Wire
//	@Router			/v1/organisations/by-external-id/{system}/{value} [put]
func (s Service) upsert(ctx context.Context, tx *db.Tx, in upsertReq) (web.Upserted[Wire], error) {
	ref := external.ID{System: in.System, Value: in.Value}
	if err := external.Check("/external_ids", external.List{ref}); err != nil {
		return web.Upserted[Wire]{}, err
	}
	found, err := external.Find[Organisation](tx, "organisation", nil, ref)
	if err != nil {
		return web.Upserted[Wire]{}, err
	}
	if len(found) == 0 {
		var i Input
		if err := in.Patch.Fill(&i); err != nil {
			return web.Upserted[Wire]{}, err
		}
		if i.ExternalIDs, err = external.Under("/external_ids", ref, nil, i.ExternalIDs); err != nil {
			return web.Upserted[Wire]{}, err
		}
		o, err := s.Create(ctx, tx, i)
		return web.Upserted[Wire]{Made: true, Body: WireOf(o)}, err
	}
	o, err := s.Update(ctx, tx, found[0].ID, func(o Organisation) error { return in.Check(o.Revision) }, func(i *Input) error {
		kept := i.ExternalIDs
		i.ExternalIDs = nil
		if err := in.Patch.Apply(i); err != nil {
			return err
		}
		i.ExternalIDs, err = external.Under("/external_ids", ref, kept, i.ExternalIDs)
		return err
	})
	return web.Upserted[Wire]{Body: WireOf(o)}, err
}

type moveReq struct {
	byID
	Body MoveInput `body:"json"`
}

// MoveInput names the stage to move to.
type MoveInput struct {
	Stage Stage `json:"stage" binding:"required" enums:"informed,interested,intake,engaged,paused,stopped" example:"engaged"`
} // @name OrganisationStageInput

// move brings an employer to another stage of the pipeline.
//
//	@Summary	Move an employer to another stage
//	@ID			moveOrganisation
//	@Tags		organisation
//	@Param		id		path		string		true	"the employer"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		body	body		MoveInput	true	"the stage"
//	@Success	200		{object}	Wire
//	@Router		/v1/organisations/{id}/stage [post]
func (s Service) move(ctx context.Context, tx *db.Tx, in moveReq) (Wire, error) {
	o, err := s.Move(ctx, tx, in.ID, in.Body.Stage)
	return WireOf(o), err
}
