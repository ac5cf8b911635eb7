package medewerker

import (
	"context"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/external"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// Routes are the doors of employees.
func (s Service) Routes() []web.Route {
	return []web.Route{
		web.Post("/v1/medewerkers", "medewerker:write", s.create),
		web.List("/v1/medewerkers", "medewerker:read", s.list, web.Syncs),
		web.Get("/v1/medewerkers/:id", "medewerker:read", s.get),
		web.Patch("/v1/medewerkers/:id", "medewerker:write", s.update),
		web.Put("/v1/medewerkers/by-external-id/:system/:value", "medewerker:write", s.upsert),
	}
}

// Wire is an employee as callers see them.
type Wire struct {
	ID                   id.MedewerkerID   `json:"id" example:"mdw_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	OrganisationID       id.OrganisationID `json:"organisation_id" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	SiteID               *id.SiteID        `json:"site_id" extensions:"x-nullable" example:"sit_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	DepartmentID         *id.DepartmentID  `json:"department_id" extensions:"x-nullable" example:"dep_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	GivenName            string            `json:"given_name" example:"Noor"`
	FamilyName           string            `json:"family_name" example:"Voorbeeld"`
	Email                *string           `json:"email" extensions:"x-nullable" example:"noor@delinde.example"`
	JobTitle             string            `json:"job_title" example:"apotheker"`
	Employment           Employment        `json:"employment" enums:"employee,self_employed,freelance,agency,seconded,outsourced" example:"employee"`
	Language             string            `json:"language" example:"nl"`
	HomePostcode         *string           `json:"home_postcode" extensions:"x-nullable" example:"9000"`
	MaxTravelKm          *int              `json:"max_travel_km" extensions:"x-nullable" example:"40"`
	NeedsPublicTransport bool              `json:"needs_public_transport" example:"false"`
	MeetsRequirements    *db.Strings       `json:"meets_requirements" extensions:"x-nullable" example:"VCA-attest"` // of leerplekken; null: nobody said, and nothing is ruled out
	CoachingLimit        *int              `json:"coaching_limit" extensions:"x-nullable" example:"2"`              // exchanges that they coach at the same time; null: no limit
	YearlyCoachingLimit  *int              `json:"yearly_coaching_limit" extensions:"x-nullable" example:"6"`       // exchanges that they coach of those that begin in one calendar year; null: no limit
	ExternalIDs          external.List     `json:"external_ids"`
	EndedOn              *day.Date         `json:"ended_on" extensions:"x-nullable" example:"2027-12-31"`
	EmployedSinceOn      *day.Date         `json:"employed_since_on" extensions:"x-nullable" example:"2019-09-01"`
	Talents              db.Strings        `json:"talents" example:"rustig uitleggen"`
	LearningNeeds        db.Strings        `json:"learning_needs" example:"medicatie klaarzetten"`
	Motivation           *string           `json:"motivation" extensions:"x-nullable" example:"Nieuwsgierig naar hoe het elders gaat."`
	WorkPostcode         *string           `json:"work_postcode" extensions:"x-nullable" example:"9030"` // where they really work, when that is not at their site
	web.Meta
} // @name Medewerker

// Location is where the employee can be read.
func (w Wire) Location() string { return "/v1/medewerkers/" + w.ID.String() }

// WireOf shows a row to callers.
func WireOf(m Medewerker) Wire {
	return Wire{m.ID, m.OrganisationID, m.SiteID, m.DepartmentID, m.GivenName, m.FamilyName, m.Email, m.JobTitle, m.Employment, m.Language,
		m.HomePostcode, m.MaxTravelKm, m.NeedsPublicTransport, m.MeetsRequirements, m.CoachingLimit, m.YearlyCoachingLimit, m.ExternalIDs, m.EndedOn,
		m.EmployedSinceOn, m.Talents, m.LearningNeeds, m.Motivation, m.WorkPostcode, web.MetaOf(m.Row)}
}

// byID is the input of a door that needs the id alone.
type byID struct {
	ID id.MedewerkerID `uri:"id"`
}

type createReq struct {
	Body Input `body:"json"`
}

// create adds an employee.
//
//	@Summary		Add an employee
//	@Description	ended_on is their last day at this employer: from that day on they begin nothing new as switcher or leercoach. meets_requirements are those requirements of leerplekken that they meet, in the same words; no facts about health. coaching_limit is how many exchanges at the same time they want to coach, yearly_coaching_limit how many that begin in one calendar year.
//	@ID				createMedewerker
//	@Tags			medewerker
//	@Param			body	body		Input	true	"the employee"
//	@Success		201		{object}	Wire
//	@Router			/v1/medewerkers [post]
func (s Service) create(ctx context.Context, tx *db.Tx, in createReq) (Wire, error) {
	m, err := s.Create(ctx, tx, in.Body)
	return WireOf(m), err
}

// Filters are what employees can be filtered by.
type Filters struct {
	ExternalID     *string            `form:"external_id" maxLength:"161"`
	OrganisationID *id.OrganisationID `form:"organisation_id"`
}

type listReq struct {
	page.SyncParams
	Filters
}

// list reads employees.
//
//	@Summary		List employees
//	@Description	With updated_since, or a cursor that began with it, the list can be followed for ever. An external id may be that of several: one at each employer.
//	@ID				listMedewerkers
//	@Tags			medewerker
//	@Param			limit			query		int		false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param			cursor			query		string	false	"where to go on"
//	@Param			sort			query		string	false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Param			updated_since	query		string	false	"follow the changes since this time"	Format(date-time)
//	@Param			external_id		query		string	false	"system:value"	extensions(x-pattern=^[a-z0-9_-]+:[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]+$)	maxlength(161)	example(sdworx:12345)
//	@Param			organisation_id	query		string	false	"of this employer"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200				{object}	page.Page[Wire]
//	@Router			/v1/medewerkers [get]
func (s Service) list(_ context.Context, tx *db.Tx, in listReq) (page.Page[Wire], error) {
	q := tx.Model(&Medewerker{})
	if in.ExternalID != nil {
		x, ok := external.Parse(*in.ExternalID)
		if !ok {
			return page.Page[Wire]{}, fault.BadParameter.New().In("external_id", fault.BadFormat, "format", "system:value")
		}
		q = external.Where(tx, q, "medewerker", x)
	}
	if in.OrganisationID != nil {
		q = q.Where("organisation_id = ?", *in.OrganisationID)
	}
	return page.Sync(tx, in.SyncParams, in.Filters, q, WireOf)
}

// get reads one employee.
//
//	@Summary	Read an employee
//	@ID			getMedewerker
//	@Tags		medewerker
//	@Param		id	path		string	true	"the employee"	example(mdw_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	200	{object}	Wire
//	@Router		/v1/medewerkers/{id} [get]
func (s Service) get(_ context.Context, tx *db.Tx, in byID) (Wire, error) {
	m, err := s.Get(tx, in.ID)
	return WireOf(m), err
}

type updateReq struct {
	byID
	web.IfMatch
	Patch web.MergePatch `body:"patch"`
}

// update changes members of an employee.
//
//	@Summary		Change an employee
//	@Description	The employer never changes: who moves to another one gets ended_on here, and is added there.
//	@ID				updateMedewerker
//	@Tags			medewerker
//	@Param			id		path		string	true	"the employee"	example(mdw_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		Input	true	"what changes"
//	@Success		200		{object}	Wire
//	@Router			/v1/medewerkers/{id} [patch]
func (s Service) update(ctx context.Context, tx *db.Tx, in updateReq) (Wire, error) {
	m, err := s.Update(ctx, tx, in.ID, func(m Medewerker) error { return in.Check(m.Revision) },
		func(i *Input) error { return in.Patch.Apply(i) })
	return WireOf(m), err
}

type upsertReq struct {
	System string `uri:"system" minLength:"1" maxLength:"32"`
	Value  string `uri:"value" minLength:"1" maxLength:"128"`
	web.IfMatch
	Patch web.MergePatch `body:"patch"`
}

// owner is the employer within which an external id is looked up: the one that the body names, or else the caller's own.
func (r upsertReq) owner(tx *db.Tx) (id.OrganisationID, error) {
	var named Input
	switch {
	case r.Patch.Names("organisation_id"):
		err := r.Patch.Apply(&named)
		return named.OrganisationID, err
	case tx.Scope.Kind == db.ScopeOrganisation:
		return id.OrganisationID(tx.Scope.Organisation), nil
	}
	return named.OrganisationID, fault.At("/organisation_id", fault.Needed)
}

// upsert makes an employee under an external id, or changes the one who has it.
//
//	@Summary		Add or change an employee by external id
//	@Description	201 when they were added, 200 when they were changed or the same. The id is looked up within one employer, which a caller who is bound to it need not name. Absent members keep what they hold, null clears. The external ids of other systems stay; one of this system must be the one in the path.
//	@ID				putMedewerkerByExternalId
//	@Tags			medewerker
//	@Param			system	path		string	true	"the system"	extensions(x-pattern=^[a-z0-9_-]+$)	maxlength(32)	example(sdworx)
//	@Param			value	path		string	true	"its id there"	minlength(1)	maxlength(128)	example(12345)
//	@Param			body	body		Input	true	"the employee"
//	@Success		200		{object}	Wire
//	@Success		201		{object}	Wire
//	@Router			/v1/medewerkers/by-external-id/{system}/{value} [put]
func (s Service) upsert(ctx context.Context, tx *db.Tx, in upsertReq) (web.Upserted[Wire], error) {
	if err := mayWrite(tx); err != nil {
		return web.Upserted[Wire]{}, err
	}
	ref := external.ID{System: in.System, Value: in.Value}
	if err := external.Check("/external_ids", external.List{ref}); err != nil {
		return web.Upserted[Wire]{}, err
	}
	oid, err := in.owner(tx)
	if err != nil {
		return web.Upserted[Wire]{}, err
	}
	owner := oid.UUID()
	found, err := external.Find[Medewerker](tx, "medewerker", &owner, ref)
	if err != nil {
		return web.Upserted[Wire]{}, err
	}
	if len(found) == 0 {
		i := Input{OrganisationID: oid}
		var whole any = &i
		if !in.Patch.Names("organisation_id") {
			whole = &i.Content
		}
		if err := in.Patch.Fill(whole); err != nil {
			return web.Upserted[Wire]{}, err
		}
		if i.ExternalIDs, err = external.Under("/external_ids", ref, nil, i.ExternalIDs); err != nil {
			return web.Upserted[Wire]{}, err
		}
		m, err := s.Create(ctx, tx, i)
		return web.Upserted[Wire]{Made: true, Body: WireOf(m)}, err
	}
	m, err := s.Update(ctx, tx, found[0].ID, func(m Medewerker) error { return in.Check(m.Revision) }, func(i *Input) error {
		kept := i.ExternalIDs
		i.ExternalIDs = nil
		if err := in.Patch.Apply(i); err != nil {
			return err
		}
		i.ExternalIDs, err = external.Under("/external_ids", ref, kept, i.ExternalIDs)
		return err
	})
	return web.Upserted[Wire]{Body: WireOf(m)}, err
}
