package cohort

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// Routes are the doors of cohorten.
func (s Service) Routes() []web.Route {
	return []web.Route{
		web.Post("/v1/cohorten", "cohort:write", s.create),
		web.List("/v1/cohorten", "cohort:read", s.list, web.Syncs),
		web.Get("/v1/cohorten/:id", "cohort:read", s.get),
		web.Patch("/v1/cohorten/:id", "cohort:write", s.update),
		web.Act("/v1/cohorten/:id/open", "cohort:write", s.open),
		web.Act("/v1/cohorten/:id/close", "cohort:write", s.close),
		web.Act("/v1/cohorten/:id/leervragen", "cohort:write", s.addLeervragen),
		web.List("/v1/cohorten/:id/leervragen", "cohort:read", s.listLeervragen, web.Snapshot),
		web.Delete("/v1/cohorten/:id/leervragen/:leervraag_id", "cohort:write", s.removeLeervraag),
		web.Act("/v1/cohorten/:id/leerplekken", "cohort:write", s.addLeerplekken),
		web.List("/v1/cohorten/:id/leerplekken", "cohort:read", s.listLeerplekken, web.Snapshot),
		web.Delete("/v1/cohorten/:id/leerplekken/:leerplek_id", "cohort:write", s.removeLeerplek),
		web.Put("/v1/cohorten/:id/rivals", "cohort:write", s.setRivals),
		web.Get("/v1/cohorten/:id/rivals", "cohort:write", s.getRivals, web.Snapshot),
		web.Put("/v1/cohorten/:id/participants/:medewerker_id/preferences", "cohort:prefer", s.setPreferences),
		web.Get("/v1/cohorten/:id/participants/:medewerker_id/preferences", "cohort:prefer", s.getPreferences),
		web.List("/v1/cohorten/:id/participants/:medewerker_id/preference-options", "cohort:prefer", s.listPreferenceOptions, web.Snapshot),
	}
}

// Wire is a cohort as callers see it.
type Wire struct {
	ID        id.CohortID `json:"id" example:"coh_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Name      string      `json:"name" example:"Voorjaar 2027"`
	FromOn    day.Date    `json:"from_on" example:"2027-01-11"`
	UntilOn   *day.Date   `json:"until_on" extensions:"x-nullable" example:"2027-06-30"`
	KickOffOn *day.Date   `json:"kick_off_on" extensions:"x-nullable" example:"2027-01-18"`
	Status    Status      `json:"status" enums:"draft,open,closed" example:"draft"`

	PlannedExchanges *int      `json:"planned_exchanges" extensions:"x-nullable" example:"15"`
	TerugkommomentOn *day.Date `json:"terugkommoment_on" extensions:"x-nullable" example:"2027-06-10"`
	web.Meta
} // @name Cohort

// Location is where the cohort can be read.
func (w Wire) Location() string { return "/v1/cohorten/" + w.ID.String() }

// WireOf shows a row to callers.
func WireOf(c Cohort) Wire {
	return Wire{c.ID, c.Name, c.FromOn, c.UntilOn, c.KickOffOn, c.Status, c.PlannedExchanges, c.TerugkommomentOn, web.MetaOf(c.Row)}
}

// byID is the input of a door that needs the id alone.
type byID struct {
	ID id.CohortID `uri:"id"`
}

type createReq struct {
	Body Input `body:"json"`
}

// create begins a cohort.
//
//	@Summary	Begin a cohort
//	@ID			createCohort
//	@Tags		cohort
//	@Param		body	body		Input	true	"the cohort"
//	@Success	201		{object}	Wire
//	@Router		/v1/cohorten [post]
func (s Service) create(ctx context.Context, tx *db.Tx, in createReq) (Wire, error) {
	c, err := s.Create(ctx, tx, in.Body)
	return WireOf(c), err
}

// Filters are what cohorten can be filtered by.
type Filters struct {
	Status []Status `form:"status" enums:"draft,open,closed"`
}

type listReq struct {
	page.SyncParams
	Filters
}

// list reads cohorten.
//
//	@Summary		List cohorten
//	@Description	A switcher sees those that they take part in. With updated_since, or a cursor that began with it, the list can be followed for ever.
//	@ID				listCohorten
//	@Tags			cohort
//	@Param			limit			query		int			false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param			cursor			query		string		false	"where to go on"
//	@Param			sort			query		string		false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Param			updated_since	query		string		false	"follow the changes since this time"	Format(date-time)
//	@Param			status			query		[]string	false	"in these states"	collectionFormat(csv)	Enums(draft,open,closed)
//	@Success		200				{object}	page.Page[Wire]
//	@Router			/v1/cohorten [get]
func (s Service) list(_ context.Context, tx *db.Tx, in listReq) (page.Page[Wire], error) {
	q := tx.Model(&Cohort{})
	if len(in.Status) > 0 {
		q = q.Where("status in ?", in.Status)
	}
	return page.Sync(tx, in.SyncParams, in.Filters, q, WireOf)
}

// get reads one cohort.
//
//	@Summary	Read a cohort
//	@ID			getCohort
//	@Tags		cohort
//	@Param		id	path		string	true	"the cohort"	example(coh_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	200	{object}	Wire
//	@Router		/v1/cohorten/{id} [get]
func (s Service) get(_ context.Context, tx *db.Tx, in byID) (Wire, error) {
	c, err := db.Get[Cohort](tx, in.ID)
	return WireOf(c), err
}

type updateReq struct {
	byID
	web.IfMatch
	Patch web.MergePatch `body:"patch"`
}

// update changes members of a cohort.
//
//	@Summary	Change a cohort
//	@ID			updateCohort
//	@Tags		cohort
//	@Param		id		path		string	true	"the cohort"	example(coh_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		body	body		Input	true	"what changes"
//	@Success	200		{object}	Wire
//	@Router		/v1/cohorten/{id} [patch]
func (s Service) update(ctx context.Context, tx *db.Tx, in updateReq) (Wire, error) {
	c, err := s.Update(ctx, tx, in.ID, func(c Cohort) error { return in.Check(c.Revision) }, func(i *Input) error { return in.Patch.Apply(i) })
	return WireOf(c), err
}

// open opens a cohort.
//
//	@Summary		Open a cohort
//	@Description	The kick-off was: from now on its switchers read which employers take part, and note their top three themselves.
//	@ID				openCohort
//	@Tags			cohort
//	@Param			id	path		string	true	"the cohort"	example(coh_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200	{object}	Wire
//	@Router			/v1/cohorten/{id}/open [post]
func (s Service) open(ctx context.Context, tx *db.Tx, in byID) (Wire, error) {
	c, err := s.Open(ctx, tx, in.ID)
	return WireOf(c), err
}

// close ends a cohort.
//
//	@Summary		Close a cohort
//	@Description	That is final. Its leervragen may join another cohort; matches and exchanges go on.
//	@ID				closeCohort
//	@Tags			cohort
//	@Param			id	path		string	true	"the cohort"	example(coh_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200	{object}	Wire
//	@Router			/v1/cohorten/{id}/close [post]
func (s Service) close(ctx context.Context, tx *db.Tx, in byID) (Wire, error) {
	c, err := s.Close(ctx, tx, in.ID)
	return WireOf(c), err
}

// LeervragenInput names leervragen that take part.
type LeervragenInput struct {
	LeervraagIDs []id.LeervraagID `json:"leervraag_ids" binding:"required" validate:"min=1,max=1000" example:"lvr_01jd8m5x9nf3tvhg5w6rkz2c4q"`
} // @name CohortLeervragenInput

type addLeervragenReq struct {
	byID
	Body LeervragenInput `body:"json"`
}

// addLeervragen lets leervragen take part.
//
//	@Summary		Add leervragen to a cohort
//	@Description	All or none; those that take part already stay. A leervraag is in one cohort at a time, until that is closed.
//	@ID				addCohortLeervragen
//	@Tags			cohort
//	@Param			id		path		string			true	"the cohort"	example(coh_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		LeervragenInput	true	"the leervragen"
//	@Success		200		{object}	Wire
//	@Router			/v1/cohorten/{id}/leervragen [post]
func (s Service) addLeervragen(ctx context.Context, tx *db.Tx, in addLeervragenReq) (Wire, error) {
	c, err := s.AddLeervragen(ctx, tx, in.ID, in.Body.LeervraagIDs)
	return WireOf(c), err
}

// LeervraagWire is a leervraag that takes part, as callers see it.
type LeervraagWire struct {
	LeervraagID    id.LeervraagID    `json:"leervraag_id" example:"lvr_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	OrganisationID id.OrganisationID `json:"organisation_id" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	SwitcherID     id.MedewerkerID   `json:"switcher_id" example:"mdw_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	AddedAt        time.Time         `json:"added_at" format:"date-time" example:"2027-01-11T08:00:00Z"`
} // @name CohortLeervraag

type leervraagRow struct {
	TenantID       id.TenantID
	CohortID       id.CohortID
	LeervraagID    id.LeervraagID
	OrganisationID id.OrganisationID
	SwitcherID     id.MedewerkerID
	AddedAt        time.Time
	ID             uuid.UUID `gorm:"->"` // the leervraag's, by which pages are cut
}

// TableName is the table of leervragen that take part.
func (leervraagRow) TableName() string { return "cohort_leervragen" }

// Key places it in a list.
func (r leervraagRow) Key() (int64, uuid.UUID) { return 0, r.LeervraagID.UUID() }

// Bounds say by which columns bound callers find theirs.
func (leervraagRow) Bounds() page.Bounds { return page.OfPerson("switcher_id = @medewerker") }

type listPartsReq struct {
	byID
	page.Params
}

// listLeervragen reads which leervragen take part.
//
//	@Summary	List the leervragen of a cohort
//	@ID			listCohortLeervragen
//	@Tags		cohort
//	@Param		id		path		string	true	"the cohort"	example(coh_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		limit	query		int		false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param		cursor	query		string	false	"where to go on"
//	@Param		sort	query		string	false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Success	200		{object}	page.Page[LeervraagWire]
//	@Router		/v1/cohorten/{id}/leervragen [get]
func (s Service) listLeervragen(_ context.Context, tx *db.Tx, in listPartsReq) (page.Page[LeervraagWire], error) {
	if _, err := db.Get[Cohort](tx, in.ID); err != nil {
		return page.Page[LeervraagWire]{}, err
	}
	q := tx.Table("(?) as cohort_leervragen", tx.Model(&leervraagRow{}).Select("*, leervraag_id as id").Where("cohort_id = ?", in.ID))
	return page.List(tx, in.Params, in.ID, q, func(r leervraagRow) LeervraagWire {
		return LeervraagWire{r.LeervraagID, r.OrganisationID, r.SwitcherID, r.AddedAt.UTC()}
	})
}

type removeLeervraagReq struct {
	byID
	LeervraagID id.LeervraagID `uri:"leervraag_id"`
}

// removeLeervraag takes a leervraag out of a cohort.
//
//	@Summary		Take a leervraag out of a cohort
//	@Description	With the last leervraag of a switcher go the preferences. Matches stay.
//	@ID				removeCohortLeervraag
//	@Tags			cohort
//	@Param			id				path	string	true	"the cohort"	example(coh_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			leervraag_id	path	string	true	"the leervraag"	example(lvr_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		204
//	@Router			/v1/cohorten/{id}/leervragen/{leervraag_id} [delete]
func (s Service) removeLeervraag(ctx context.Context, tx *db.Tx, in removeLeervraagReq) (web.None, error) {
	return web.None{}, s.RemoveLeervraag(ctx, tx, in.ID, in.LeervraagID)
}

// LeerplekkenInput names leerplekken that take part.
type LeerplekkenInput struct {
	LeerplekIDs []id.LeerplekID `json:"leerplek_ids" binding:"required" validate:"min=1,max=1000" example:"lpl_01jd8m5x9nf3tvhg5w6rkz2c4q"`
} // @name CohortLeerplekkenInput

type addLeerplekkenReq struct {
	byID
	Body LeerplekkenInput `body:"json"`
}

// addLeerplekken lets leerplekken take part.
//
//	@Summary		Add leerplekken to a cohort
//	@Description	All or none; those that take part already stay.
//	@ID				addCohortLeerplekken
//	@Tags			cohort
//	@Param			id		path		string				true	"the cohort"	example(coh_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		LeerplekkenInput	true	"the leerplekken"
//	@Success		200		{object}	Wire
//	@Router			/v1/cohorten/{id}/leerplekken [post]
func (s Service) addLeerplekken(ctx context.Context, tx *db.Tx, in addLeerplekkenReq) (Wire, error) {
	c, err := s.AddLeerplekken(ctx, tx, in.ID, in.Body.LeerplekIDs)
	return WireOf(c), err
}

// LeerplekWire is a leerplek that takes part, as callers see it.
type LeerplekWire struct {
	LeerplekID     id.LeerplekID     `json:"leerplek_id" example:"lpl_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	OrganisationID id.OrganisationID `json:"organisation_id" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4r"`
	AddedAt        time.Time         `json:"added_at" format:"date-time" example:"2027-01-11T08:00:00Z"`
} // @name CohortLeerplek

type leerplekRow struct {
	TenantID       id.TenantID
	CohortID       id.CohortID
	LeerplekID     id.LeerplekID
	OrganisationID id.OrganisationID
	AddedAt        time.Time
	ID             uuid.UUID `gorm:"->"` // the leerplek's, by which pages are cut
}

// TableName is the table of leerplekken that take part.
func (leerplekRow) TableName() string { return "cohort_leerplekken" }

// Key places it in a list.
func (r leerplekRow) Key() (int64, uuid.UUID) { return 0, r.LeerplekID.UUID() }

// Bounds say that bound callers find none.
func (leerplekRow) Bounds() page.Bounds { return page.OfTenant() }

// listLeerplekken reads which leerplekken take part.
//
//	@Summary	List the leerplekken of a cohort
//	@ID			listCohortLeerplekken
//	@Tags		cohort
//	@Param		id		path		string	true	"the cohort"	example(coh_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		limit	query		int		false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param		cursor	query		string	false	"where to go on"
//	@Param		sort	query		string	false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Success	200		{object}	page.Page[LeerplekWire]
//	@Router		/v1/cohorten/{id}/leerplekken [get]
func (s Service) listLeerplekken(_ context.Context, tx *db.Tx, in listPartsReq) (page.Page[LeerplekWire], error) {
	if _, err := db.Get[Cohort](tx, in.ID); err != nil {
		return page.Page[LeerplekWire]{}, err
	}
	q := tx.Table("(?) as cohort_leerplekken", tx.Model(&leerplekRow{}).Select("*, leerplek_id as id").Where("cohort_id = ?", in.ID))
	return page.List(tx, in.Params, in.ID, q, func(r leerplekRow) LeerplekWire {
		return LeerplekWire{r.LeerplekID, r.OrganisationID, r.AddedAt.UTC()}
	})
}

type removeLeerplekReq struct {
	byID
	LeerplekID id.LeerplekID `uri:"leerplek_id"`
}

// removeLeerplek takes a leerplek out of a cohort.
//
//	@Summary	Take a leerplek out of a cohort
//	@ID			removeCohortLeerplek
//	@Tags		cohort
//	@Param		id			path	string	true	"the cohort"	example(coh_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		leerplek_id	path	string	true	"the leerplek"	example(lpl_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	204
//	@Router		/v1/cohorten/{id}/leerplekken/{leerplek_id} [delete]
func (s Service) removeLeerplek(ctx context.Context, tx *db.Tx, in removeLeerplekReq) (web.None, error) {
	return web.None{}, s.RemoveLeerplek(ctx, tx, in.ID, in.LeerplekID)
}

// Rivals are the employers that are kept apart in a cohort.
type Rivals struct {
	Pairs []Pair `json:"pairs" binding:"required" validate:"max=1000"`
} // @name CohortRivals

type setRivalsReq struct {
	byID
	Body Rivals `body:"json"`
}

// setRivals says which employers are kept apart.
//
//	@Summary		Keep employers apart in a cohort
//	@Description	Nobody of the one goes to the other, in either direction, in this cohort. It takes the place of what was said before, and stands beside the rivals of the whole tenant.
//	@ID				putCohortRivals
//	@Tags			cohort
//	@Param			id		path		string	true	"the cohort"	example(coh_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		Rivals	true	"the pairs"
//	@Success		200		{object}	Rivals
//	@Router			/v1/cohorten/{id}/rivals [put]
func (s Service) setRivals(ctx context.Context, tx *db.Tx, in setRivalsReq) (Rivals, error) {
	pairs, err := s.SetRivals(ctx, tx, in.ID, in.Body.Pairs)
	return Rivals{pairs}, err
}

// getRivals reads which employers are kept apart.
//
//	@Summary	Read which employers a cohort keeps apart
//	@ID			getCohortRivals
//	@Tags		cohort
//	@Param		id	path		string	true	"the cohort"	example(coh_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	200	{object}	Rivals
//	@Router		/v1/cohorten/{id}/rivals [get]
func (s Service) getRivals(_ context.Context, tx *db.Tx, in byID) (Rivals, error) {
	if _, err := db.Get[Cohort](tx, in.ID); err != nil {
		return Rivals{}, err
	}
	pairs, err := s.Rivals(tx, in.ID)
	return Rivals{pairs}, err
}

// Preferences are the employers that a switcher likes best.
type Preferences struct {
	CohortID        id.CohortID         `json:"cohort_id" example:"coh_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	MedewerkerID    id.MedewerkerID     `json:"medewerker_id" example:"mdw_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	OrganisationIDs []id.OrganisationID `json:"organisation_ids" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4r"` // the best first
	NotedAt         *time.Time          `json:"noted_at" format:"date-time" extensions:"x-nullable" example:"2027-01-18T16:00:00Z"`
} // @name Preferences

// PreferencesInput names the employers that a switcher likes best.
type PreferencesInput struct {
	OrganisationIDs []id.OrganisationID `json:"organisation_ids" binding:"required" validate:"max=3,unique" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4r"`
} // @name PreferencesInput

type participantReq struct {
	byID
	MedewerkerID id.MedewerkerID `uri:"medewerker_id"`
}

type setPreferencesReq struct {
	participantReq
	Body PreferencesInput `body:"json"`
}

// setPreferences notes a switcher's top three.
//
//	@Summary		Note a switcher's top three employers
//	@Description	The best first, three at most; an empty list takes them back. No employer reads them: they are the switcher's and the ST-partner's. The own employer will do only where a leervraag is internal. A switcher names employers that have a leerplek in the cohort, once that is open.
//	@ID				putPreferences
//	@Tags			cohort
//	@Param			id				path		string				true	"the cohort"	example(coh_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			medewerker_id	path		string				true	"the switcher"	example(mdw_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body			body		PreferencesInput	true	"the employers"
//	@Success		200				{object}	Preferences
//	@Router			/v1/cohorten/{id}/participants/{medewerker_id}/preferences [put]
func (s Service) setPreferences(ctx context.Context, tx *db.Tx, in setPreferencesReq) (Preferences, error) {
	return s.SetPreferences(ctx, tx, in.ID, in.MedewerkerID, in.Body.OrganisationIDs)
}

// getPreferences reads a switcher's top three.
//
//	@Summary	Read a switcher's top three employers
//	@ID			getPreferences
//	@Tags		cohort
//	@Param		id				path		string	true	"the cohort"	example(coh_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		medewerker_id	path		string	true	"the switcher"	example(mdw_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	200				{object}	Preferences
//	@Router		/v1/cohorten/{id}/participants/{medewerker_id}/preferences [get]
func (s Service) getPreferences(_ context.Context, tx *db.Tx, in participantReq) (Preferences, error) {
	return s.Preferences(tx, in.ID, in.MedewerkerID)
}

// OptionWire is an employer that a switcher may prefer, as callers see it.
type OptionWire struct {
	OrganisationID id.OrganisationID `json:"organisation_id" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4r"`
	Name           string            `json:"name" example:"Woonzorgcentrum De Linde"`
	Sector         string            `json:"sector" example:"ouderenzorg"`
	LeerplekIDs    []id.LeerplekID   `json:"leerplek_ids" example:"lpl_01jd8m5x9nf3tvhg5w6rkz2c4q"` // published, in the cohort; the first hundred
} // @name PreferenceOption

type listOptionsReq struct {
	participantReq
	page.Params
}

// listPreferenceOptions reads which employers a switcher may prefer.
//
//	@Summary		List the employers that a switcher may prefer
//	@Description	Those with a published leerplek in the cohort; the own employer only where a leervraag is internal. A switcher reads them once the cohort is open.
//	@ID				listPreferenceOptions
//	@Tags			cohort
//	@Param			id				path		string	true	"the cohort"	example(coh_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			medewerker_id	path		string	true	"the switcher"	example(mdw_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			limit			query		int		false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param			cursor			query		string	false	"where to go on"
//	@Param			sort			query		string	false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Success		200				{object}	page.Page[OptionWire]
//	@Router			/v1/cohorten/{id}/participants/{medewerker_id}/preference-options [get]
func (s Service) listPreferenceOptions(_ context.Context, tx *db.Tx, in listOptionsReq) (out page.Page[OptionWire], err error) {
	err = s.Options(tx, in.ID, in.MedewerkerID, func(tx *db.Tx, q *gorm.DB) (err error) {
		out, err = page.List(tx, in.Params, in.participantReq, q, func(o Option) OptionWire {
			return OptionWire{id.OrganisationID(o.ID), o.Name, o.Sector, append([]id.LeerplekID{}, o.Leerplekken...)}
		})
		return err
	})
	return out, err
}
