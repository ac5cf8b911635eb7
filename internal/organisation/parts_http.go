package organisation

import (
	"context"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// partsReq lists parts of one employer.
type partsReq struct {
	byID
	page.Params
}

// parts reads a page of one employer's parts of one kind.
func parts[P interface {
	part
	page.Keyed
}, W any](tx *db.Tx, in partsReq, wire func(P) W) (page.Page[W], error) {
	var p P
	if _, err := db.Get[Organisation](tx, in.ID); err != nil {
		return page.Page[W]{}, err
	}
	return page.List(tx, in.Params, in.byID, tx.Model(&p).Where("organisation_id = ?", in.ID), wire)
}

// SiteInput is what a caller says of a site.
type SiteInput struct {
	Name            string   `json:"name" binding:"required" minLength:"1" maxLength:"200" example:"Hoofdgebouw"`
	Street          string   `json:"street" binding:"required" minLength:"1" maxLength:"200" example:"Dorpsstraat 1"`
	Postcode        string   `json:"postcode" binding:"required" minLength:"1" maxLength:"20" example:"9000"`
	Municipality    string   `json:"municipality" binding:"required" minLength:"1" maxLength:"200" example:"Gent"`
	Latitude        *float64 `json:"latitude" minimum:"-90" maximum:"90" extensions:"x-nullable" example:"51.05"`
	Longitude       *float64 `json:"longitude" minimum:"-180" maximum:"180" extensions:"x-nullable" example:"3.66"`
	PublicTransport bool     `json:"public_transport" example:"true"`
	Kind            *string  `json:"kind" enums:"office,production,distribution,shop,warehouse,workshop,care,other" extensions:"x-nullable" example:"care"`
	BusinessPark    *string  `json:"business_park" minLength:"1" maxLength:"200" extensions:"x-nullable" example:"Wetenschapspark"`
} // @name SiteInput

func (in SiteInput) onto(s *Site) error {
	if (in.Latitude == nil) != (in.Longitude == nil) {
		return fault.At("/longitude", bothOrNeither, "other", "latitude")
	}
	s.Name, s.Street, s.Postcode, s.Municipality = in.Name, in.Street, in.Postcode, in.Municipality
	s.Latitude, s.Longitude, s.PublicTransport = in.Latitude, in.Longitude, in.PublicTransport
	s.Kind, s.BusinessPark = in.Kind, in.BusinessPark
	return nil
}

// SiteWire is a site as callers see it.
type SiteWire struct {
	ID              id.SiteID         `json:"id" example:"sit_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	OrganisationID  id.OrganisationID `json:"organisation_id" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Name            string            `json:"name" example:"Hoofdgebouw"`
	Street          string            `json:"street" example:"Dorpsstraat 1"`
	Postcode        string            `json:"postcode" example:"9000"`
	Municipality    string            `json:"municipality" example:"Gent"`
	Latitude        *float64          `json:"latitude" extensions:"x-nullable" example:"51.05"`
	Longitude       *float64          `json:"longitude" extensions:"x-nullable" example:"3.66"`
	PublicTransport bool              `json:"public_transport" example:"true"`
	Kind            *string           `json:"kind" enums:"office,production,distribution,shop,warehouse,workshop,care,other" extensions:"x-nullable" example:"care"`
	BusinessPark    *string           `json:"business_park" extensions:"x-nullable" example:"Wetenschapspark"`
	web.Meta
} // @name Site

// Location is where the site can be read.
func (w SiteWire) Location() string {
	return "/v1/organisations/" + w.OrganisationID.String() + "/sites/" + w.ID.String()
}

func siteWire(s Site) SiteWire {
	return SiteWire{s.ID, s.OrganisationID, s.Name, s.Street, s.Postcode, s.Municipality, s.Latitude, s.Longitude, s.PublicTransport,
		s.Kind, s.BusinessPark, web.MetaOf(s.Row)}
}

type addSiteReq struct {
	byID
	Body SiteInput `body:"json"`
}

// addSite adds a site to an employer.
//
//	@Summary	Add a site
//	@ID			createSite
//	@Tags		organisation
//	@Param		id		path		string		true	"the employer"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		body	body		SiteInput	true	"the site"
//	@Success	201		{object}	SiteWire
//	@Router		/v1/organisations/{id}/sites [post]
func (s Service) addSite(_ context.Context, tx *db.Tx, in addSiteReq) (SiteWire, error) {
	p := Site{ID: id.NewSite(), OrganisationID: in.ID}
	if err := in.Body.onto(&p); err != nil {
		return SiteWire{}, err
	}
	err := addPart(tx, in.ID, &p)
	return siteWire(p), err
}

// listSites reads the sites of an employer.
//
//	@Summary	List sites
//	@ID			listSites
//	@Tags		organisation
//	@Param		id		path		string	true	"the employer"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		limit	query		int		false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param		cursor	query		string	false	"where to go on"
//	@Param		sort	query		string	false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Success	200		{object}	page.Page[SiteWire]
//	@Router		/v1/organisations/{id}/sites [get]
func (s Service) listSites(_ context.Context, tx *db.Tx, in partsReq) (page.Page[SiteWire], error) {
	return parts(tx, in, siteWire)
}

type siteReq struct {
	byID
	SiteID id.SiteID `uri:"site_id"`
}

// getSite reads a site.
//
//	@Summary	Read a site
//	@ID			getSite
//	@Tags		organisation
//	@Param		id		path		string	true	"the employer"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		site_id	path		string	true	"the site"		example(sit_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	200		{object}	SiteWire
//	@Router		/v1/organisations/{id}/sites/{site_id} [get]
func (s Service) getSite(_ context.Context, tx *db.Tx, in siteReq) (SiteWire, error) {
	p, err := getPart[Site](tx, in.ID, in.SiteID)
	return siteWire(p), err
}

type updateSiteReq struct {
	siteReq
	web.IfMatch
	Patch web.MergePatch `body:"patch"`
}

// updateSite changes members of a site.
//
//	@Summary	Change a site
//	@ID			updateSite
//	@Tags		organisation
//	@Param		id		path		string		true	"the employer"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		site_id	path		string		true	"the site"		example(sit_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		body	body		SiteInput	true	"what changes"
//	@Success	200		{object}	SiteWire
//	@Router		/v1/organisations/{id}/sites/{site_id} [patch]
func (s Service) updateSite(_ context.Context, tx *db.Tx, in updateSiteReq) (SiteWire, error) {
	p, err := changePart(tx, in.ID, in.SiteID, func(p *Site) error {
		i := SiteInput{p.Name, p.Street, p.Postcode, p.Municipality, p.Latitude, p.Longitude, p.PublicTransport, p.Kind, p.BusinessPark}
		return patched(in.IfMatch, p.Revision, in.Patch, &i, func() error { return i.onto(p) })
	})
	return siteWire(p), err
}

// patched checks the precondition, applies the patch to the input, and lays it over the row.
func patched(m web.IfMatch, revision int64, p web.MergePatch, input any, onto func() error) error {
	if err := m.Check(revision); err != nil {
		return err
	}
	if err := p.Apply(input); err != nil {
		return err
	}
	return onto()
}

// DepartmentInput is what a caller says of a department.
type DepartmentInput struct {
	Name              string     `json:"name" binding:"required" minLength:"1" maxLength:"200" example:"Apotheek"`
	OpenToSwitchers   bool       `json:"open_to_switchers" binding:"required" example:"true"`
	ExcludedFunctions db.Strings `json:"excluded_functions" swaggertype:"array,string" validate:"max=50" minLength:"1" maxLength:"200" example:"boekhouding"`
	Reason            *string    `json:"reason" maxLength:"1000" extensions:"x-nullable" example:"privacygevoelige administratie"`
} // @name DepartmentInput

func (in DepartmentInput) onto(d *Department) error {
	d.Name, d.OpenToSwitchers, d.ExcludedFunctions, d.Reason = in.Name, in.OpenToSwitchers, in.ExcludedFunctions, in.Reason
	return nil
}

// DepartmentWire is a department as callers see it.
type DepartmentWire struct {
	ID                id.DepartmentID   `json:"id" example:"dep_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	OrganisationID    id.OrganisationID `json:"organisation_id" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Name              string            `json:"name" example:"Apotheek"`
	OpenToSwitchers   bool              `json:"open_to_switchers" example:"true"`
	ExcludedFunctions db.Strings        `json:"excluded_functions" example:"boekhouding"`
	Reason            *string           `json:"reason" extensions:"x-nullable" example:"privacygevoelige administratie"`
	web.Meta
} // @name Department

// Location is where the department can be read.
func (w DepartmentWire) Location() string {
	return "/v1/organisations/" + w.OrganisationID.String() + "/departments/" + w.ID.String()
}

func departmentWire(d Department) DepartmentWire {
	return DepartmentWire{d.ID, d.OrganisationID, d.Name, d.OpenToSwitchers, d.ExcludedFunctions, d.Reason, web.MetaOf(d.Row)}
}

type addDepartmentReq struct {
	byID
	Body DepartmentInput `body:"json"`
}

// addDepartment adds a department to an employer.
//
//	@Summary	Add a department
//	@ID			createDepartment
//	@Tags		organisation
//	@Param		id		path		string			true	"the employer"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		body	body		DepartmentInput	true	"the department"
//	@Success	201		{object}	DepartmentWire
//	@Router		/v1/organisations/{id}/departments [post]
func (s Service) addDepartment(_ context.Context, tx *db.Tx, in addDepartmentReq) (DepartmentWire, error) {
	p := Department{ID: id.NewDepartment(), OrganisationID: in.ID}
	if err := in.Body.onto(&p); err != nil {
		return DepartmentWire{}, err
	}
	err := addPart(tx, in.ID, &p)
	return departmentWire(p), err
}

// listDepartments reads the departments of an employer.
//
//	@Summary	List departments
//	@ID			listDepartments
//	@Tags		organisation
//	@Param		id		path		string	true	"the employer"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		limit	query		int		false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param		cursor	query		string	false	"where to go on"
//	@Param		sort	query		string	false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Success	200		{object}	page.Page[DepartmentWire]
//	@Router		/v1/organisations/{id}/departments [get]
func (s Service) listDepartments(_ context.Context, tx *db.Tx, in partsReq) (page.Page[DepartmentWire], error) {
	return parts(tx, in, departmentWire)
}

type departmentReq struct {
	byID
	DepartmentID id.DepartmentID `uri:"department_id"`
}

// getDepartment reads a department.
//
//	@Summary	Read a department
//	@ID			getDepartment
//	@Tags		organisation
//	@Param		id				path		string	true	"the employer"		example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		department_id	path		string	true	"the department"	example(dep_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	200				{object}	DepartmentWire
//	@Router		/v1/organisations/{id}/departments/{department_id} [get]
func (s Service) getDepartment(_ context.Context, tx *db.Tx, in departmentReq) (DepartmentWire, error) {
	p, err := getPart[Department](tx, in.ID, in.DepartmentID)
	return departmentWire(p), err
}

type updateDepartmentReq struct {
	departmentReq
	web.IfMatch
	Patch web.MergePatch `body:"patch"`
}

// updateDepartment changes members of a department.
//
//	@Summary	Change a department
//	@ID			updateDepartment
//	@Tags		organisation
//	@Param		id				path		string			true	"the employer"		example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		department_id	path		string			true	"the department"	example(dep_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		body			body		DepartmentInput	true	"what changes"
//	@Success	200				{object}	DepartmentWire
//	@Router		/v1/organisations/{id}/departments/{department_id} [patch]
func (s Service) updateDepartment(_ context.Context, tx *db.Tx, in updateDepartmentReq) (DepartmentWire, error) {
	p, err := changePart(tx, in.ID, in.DepartmentID, func(p *Department) error {
		i := DepartmentInput{p.Name, p.OpenToSwitchers, p.ExcludedFunctions, p.Reason}
		return patched(in.IfMatch, p.Revision, in.Patch, &i, func() error { return i.onto(p) })
	})
	return departmentWire(p), err
}

// ContactInput is what a caller says of a contact.
type ContactInput struct {
	Name      string  `json:"name" binding:"required" minLength:"1" maxLength:"200" example:"An Voorbeeld"`
	Email     *string `json:"email" format:"email" maxLength:"254" extensions:"x-nullable" example:"an@voorbeeld.example"`
	Phone     *string `json:"phone" maxLength:"40" extensions:"x-nullable" example:"+32 9 000 00 00"`
	Function  string  `json:"function" binding:"required" minLength:"1" maxLength:"200" example:"personeelsverantwoordelijke"`
	Profile   *string `json:"profile" enums:"owner,ceo,director,hr,training,manager,employee,other" extensions:"x-nullable" example:"hr"`
	Decides   bool    `json:"decides" example:"true"`
	FollowsUp bool    `json:"follows_up" example:"false"`
} // @name ContactInput

func (in ContactInput) onto(c *Contact) error {
	c.Name, c.Email, c.Phone, c.Function, c.Profile = in.Name, in.Email, in.Phone, in.Function, in.Profile
	c.Decides, c.FollowsUp = in.Decides, in.FollowsUp
	return nil
}

// ContactWire is a contact as callers see it.
type ContactWire struct {
	ID             id.ContactID      `json:"id" example:"con_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	OrganisationID id.OrganisationID `json:"organisation_id" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Name           string            `json:"name" example:"An Voorbeeld"`
	Email          *string           `json:"email" format:"email" extensions:"x-nullable" example:"an@voorbeeld.example"`
	Phone          *string           `json:"phone" extensions:"x-nullable" example:"+32 9 000 00 00"`
	Function       string            `json:"function" example:"personeelsverantwoordelijke"`
	Profile        *string           `json:"profile" enums:"owner,ceo,director,hr,training,manager,employee,other" extensions:"x-nullable" example:"hr"`
	Decides        bool              `json:"decides" example:"true"`
	FollowsUp      bool              `json:"follows_up" example:"false"`
	web.Meta
} // @name Contact

// Location is where the contact can be read.
func (w ContactWire) Location() string {
	return "/v1/organisations/" + w.OrganisationID.String() + "/contacts/" + w.ID.String()
}

func contactWire(c Contact) ContactWire {
	return ContactWire{c.ID, c.OrganisationID, c.Name, c.Email, c.Phone, c.Function, c.Profile, c.Decides, c.FollowsUp, web.MetaOf(c.Row)}
}

type addContactReq struct {
	byID
	Body ContactInput `body:"json"`
}

// addContact adds a contact to an employer.
//
//	@Summary	Add a contact
//	@ID			createContact
//	@Tags		organisation
//	@Param		id		path		string			true	"the employer"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		body	body		ContactInput	true	"the contact"
//	@Success	201		{object}	ContactWire
//	@Router		/v1/organisations/{id}/contacts [post]
func (s Service) addContact(_ context.Context, tx *db.Tx, in addContactReq) (ContactWire, error) {
	p := Contact{ID: id.NewContact(), OrganisationID: in.ID}
	if err := in.Body.onto(&p); err != nil {
		return ContactWire{}, err
	}
	err := addPart(tx, in.ID, &p)
	return contactWire(p), err
}

// listContacts reads the contacts of an employer.
//
//	@Summary	List contacts
//	@ID			listContacts
//	@Tags		organisation
//	@Param		id		path		string	true	"the employer"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		limit	query		int		false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param		cursor	query		string	false	"where to go on"
//	@Param		sort	query		string	false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Success	200		{object}	page.Page[ContactWire]
//	@Router		/v1/organisations/{id}/contacts [get]
func (s Service) listContacts(_ context.Context, tx *db.Tx, in partsReq) (page.Page[ContactWire], error) {
	return parts(tx, in, contactWire)
}

type contactReq struct {
	byID
	ContactID id.ContactID `uri:"contact_id"`
}

// getContact reads a contact.
//
//	@Summary	Read a contact
//	@ID			getContact
//	@Tags		organisation
//	@Param		id			path		string	true	"the employer"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		contact_id	path		string	true	"the contact"	example(con_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	200			{object}	ContactWire
//	@Router		/v1/organisations/{id}/contacts/{contact_id} [get]
func (s Service) getContact(_ context.Context, tx *db.Tx, in contactReq) (ContactWire, error) {
	p, err := getPart[Contact](tx, in.ID, in.ContactID)
	return contactWire(p), err
}

type updateContactReq struct {
	contactReq
	web.IfMatch
	Patch web.MergePatch `body:"patch"`
}

// updateContact changes members of a contact.
//
//	@Summary	Change a contact
//	@ID			updateContact
//	@Tags		organisation
//	@Param		id			path		string			true	"the employer"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		contact_id	path		string			true	"the contact"	example(con_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		body		body		ContactInput	true	"what changes"
//	@Success	200			{object}	ContactWire
//	@Router		/v1/organisations/{id}/contacts/{contact_id} [patch]
func (s Service) updateContact(_ context.Context, tx *db.Tx, in updateContactReq) (ContactWire, error) {
	p, err := changePart(tx, in.ID, in.ContactID, func(p *Contact) error {
		i := ContactInput{p.Name, p.Email, p.Phone, p.Function, p.Profile, p.Decides, p.FollowsUp}
		return patched(in.IfMatch, p.Revision, in.Patch, &i, func() error { return i.onto(p) })
	})
	return contactWire(p), err
}
