package leerplek

import (
	"context"

	"github.com/switchingtalent/switchboard/internal/platform/availability"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// Routes are the doors of leerplekken. Reading takes two statements: the rows under the caller's binding, and how full
// they are, which is the same for everyone.
func (s Service) Routes() []web.Route {
	return []web.Route{
		web.Post("/v1/leerplekken", "leerplek:write", s.create),
		web.List("/v1/leerplekken", "leerplek:read", s.list, web.Syncs, web.Snapshot),
		web.Get("/v1/leerplekken/:id", "leerplek:read", s.get, web.Snapshot),
		web.Patch("/v1/leerplekken/:id", "leerplek:write", s.update),
		web.Get("/v1/leerplekken/:id/fiche", "leerplek:read", s.fiche, web.Snapshot),
		web.Act("/v1/leerplekken/:id/publish", "leerplek:write", s.publish),
		web.Get("/v1/leerplekken/:id/coaches", "leerplek:read", s.coaches, web.Snapshot),
		web.Put("/v1/leerplekken/:id/coaches/:medewerker_id", "leerplek:write", s.answer),
	}
}

// Wire is a leerplek as callers see it.
type Wire struct {
	ID             id.LeerplekID     `json:"id" example:"lpl_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	OrganisationID id.OrganisationID `json:"organisation_id" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	SiteID         *id.SiteID        `json:"site_id" extensions:"x-nullable" example:"sit_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	MeetingPoint   *string           `json:"meeting_point" extensions:"x-nullable" example:"Onthaal aan de achterkant"`
	DepartmentID   *id.DepartmentID  `json:"department_id" extensions:"x-nullable" example:"dep_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Function       *string           `json:"function" extensions:"x-nullable" example:"apotheker"`
	Title          string            `json:"title" example:"Medicatieschema's in het woonzorgcentrum"`
	Description    string            `json:"description" example:"Meelopen met de apotheker die de medicatie klaarzet."`
	Topics         db.Strings        `json:"topics" example:"medicatie"`
	LeercoachIDs   []id.MedewerkerID `json:"leercoach_ids" example:"mdw_01jd8m5x9nf3tvhg5w6rkz2c4q"` // the first one leads; [] for callers bound to another employer
	Capacity       int               `json:"capacity" example:"1"`                                   // exchanges at the same time
	PlacesFree     int               `json:"places_free" example:"1"`                                // capacity less the exchanges that are under way; 0 is full
	Available      availability.List `json:"available"`
	Requirements   db.Strings        `json:"requirements" example:"veiligheidsschoenen"`
	Languages      db.Strings        `json:"languages" example:"nl"` // spoken there; []: not said
	Sourcing       string            `json:"sourcing" enums:"supply,demand,cocreation" example:"supply"`
	SafetyNote     *string           `json:"safety_note" extensions:"x-nullable" example:"Handen ontsmetten bij aankomst."`
	Team           *string           `json:"team" extensions:"x-nullable" example:"medicatieteam"`
	PlaceKind      *string           `json:"place_kind" enums:"office,warehouse,workshop,shop,other" extensions:"x-nullable" example:"workshop"`
	Accessibility  *string           `json:"accessibility" extensions:"x-nullable" example:"Bus 5 stopt voor de deur; parkeren kan achteraan."`
	Exclusions     db.Strings        `json:"exclusions" example:"bewonersdossiers"` // what of the place is not shown
	Status         Status            `json:"status" enums:"draft,published,withdrawn" example:"draft"`
	Warnings       []WarningWire     `json:"warnings"` // what /publish found that is better settled; [] in every other answer
	web.Meta
} // @name Leerplek

// Location is where the leerplek can be read.
func (w Wire) Location() string { return "/v1/leerplekken/" + w.ID.String() }

// WarningWire is what does not stop a leerplek from being published, but is better settled first.
type WarningWire struct {
	Code    string `json:"code" example:"leercoach_condition_open"`
	Pointer string `json:"pointer" example:"/leercoach_ids/0"`
	Detail  string `json:"detail" example:"has not answered a condition of a leercoach yet: has_time"`
} // @name LeerplekWarning

// WireOf is a leerplek that Get, Lock or a verb of this package gave.
func WireOf(l Leerplek) Wire {
	coaches := []id.MedewerkerID(l.LeercoachIDs)
	if coaches == nil {
		coaches = []id.MedewerkerID{}
	}
	return Wire{l.ID, l.OrganisationID, l.SiteID, l.MeetingPoint, l.DepartmentID, l.Function, l.Title, l.Description, l.Topics, coaches,
		l.Capacity, l.Free(), l.Available, l.Requirements, l.Languages, l.Sourcing, l.SafetyNote,
		l.Team, l.PlaceKind, l.Accessibility, l.Exclusions, l.Status, []WarningWire{}, web.MetaOf(l.Row)}
}

// byID is the input of a door that needs the id alone.
type byID struct {
	ID id.LeerplekID `uri:"id"`
}

type createReq struct {
	Body Input `body:"json"`
}

// create adds a leerplek.
//
//	@Summary		Add a leerplek
//	@Description	It starts as a draft, which may still lack leercoaches. A department that is closed to switchers and a function that the employer excludes are refused; so is a leercoach who is not employed there.
//	@ID				createLeerplek
//	@Tags			leerplek
//	@Param			body	body		Input	true	"the leerplek"
//	@Success		201		{object}	Wire
//	@Router			/v1/leerplekken [post]
func (s Service) create(ctx context.Context, tx *db.Tx, in createReq) (Wire, error) {
	l, err := s.Create(ctx, tx, in.Body)
	return WireOf(l), err
}

// Filters are what leerplekken can be filtered by.
type Filters struct {
	Status         []Status           `form:"status" enums:"draft,published,withdrawn"`
	OrganisationID *id.OrganisationID `form:"organisation_id"`
	Topic          *string            `form:"topic" maxLength:"500"`
}

type listReq struct {
	page.SyncParams
	Filters
}

// list reads leerplekken.
//
//	@Summary		List leerplekken
//	@Description	Callers bound to an employer see its own, and what the others published, without their leercoaches. With updated_since, or a cursor that began with it, the list can be followed for ever; places_free is as of reading, and no change of its own.
//	@ID				listLeerplekken
//	@Tags			leerplek
//	@Param			limit			query		int			false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param			cursor			query		string		false	"where to go on"
//	@Param			sort			query		string		false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Param			updated_since	query		string		false	"follow the changes since this time"	Format(date-time)
//	@Param			status			query		[]string	false	"these statuses"	collectionFormat(csv)	Enums(draft,published,withdrawn)
//	@Param			organisation_id	query		string		false	"of this employer"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			topic			query		string		false	"with exactly this topic"	maxlength(500)	example(medicatie)
//	@Success		200				{object}	page.Page[Wire]
//	@Router			/v1/leerplekken [get]
func (s Service) list(_ context.Context, tx *db.Tx, in listReq) (page.Page[Wire], error) {
	q := tx.Model(&Leerplek{}).Select(columns)
	if len(in.Status) > 0 {
		q = q.Where("status in ?", in.Status)
	}
	if in.OrganisationID != nil {
		q = q.Where("organisation_id = ?", *in.OrganisationID)
	}
	if in.Topic != nil {
		q = q.Where("? = any (topics)", *in.Topic)
	}
	rows, err := page.Sync(tx, in.SyncParams, in.Filters, q, func(l Leerplek) *Leerplek { return &l })
	if err != nil {
		return page.Page[Wire]{}, err
	}
	if err := count(tx, rows.Data...); err != nil {
		return page.Page[Wire]{}, err
	}
	out := page.Page[Wire]{Data: make([]Wire, len(rows.Data)), HasMore: rows.HasMore, NextCursor: rows.NextCursor}
	for i, l := range rows.Data {
		out.Data[i] = WireOf(*l)
	}
	return out, nil
}

// get reads one leerplek.
//
//	@Summary		Read a leerplek
//	@Description	A published one is there for every caller of the tenant; a caller bound to another employer gets no leercoach_ids.
//	@ID				getLeerplek
//	@Tags			leerplek
//	@Param			id	path		string	true	"the leerplek"	example(lpl_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200	{object}	Wire
//	@Router			/v1/leerplekken/{id} [get]
func (s Service) get(_ context.Context, tx *db.Tx, in byID) (Wire, error) {
	l, err := s.Get(tx, in.ID)
	return WireOf(l), err
}

type updateReq struct {
	byID
	web.IfMatch
	Patch web.MergePatch `body:"patch"`
}

// update changes members of a leerplek.
//
//	@Summary		Change a leerplek
//	@Description	The employer never changes. A published leerplek keeps at least one leercoach; who stays one keeps the answers to the conditions.
//	@ID				updateLeerplek
//	@Tags			leerplek
//	@Param			id		path		string	true	"the leerplek"	example(lpl_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		Offer	true	"what changes"
//	@Success		200		{object}	Wire
//	@Router			/v1/leerplekken/{id} [patch]
func (s Service) update(ctx context.Context, tx *db.Tx, in updateReq) (Wire, error) {
	l, err := s.Update(ctx, tx, in.ID, func(l Leerplek) error { return in.Check(l.Revision) }, func(o *Offer) error { return in.Patch.Apply(o) })
	return WireOf(l), err
}

// publish offers a leerplek.
//
//	@Summary		Publish a leerplek
//	@Description	From a draft, or again after it was withdrawn. It needs a leercoach who is employed there and answered none of the conditions with no, and a department and function that are open; what is missing is named. A condition without an answer warns. One that is published already stays as it is.
//	@ID				publishLeerplek
//	@Tags			leerplek
//	@Param			id	path		string	true	"the leerplek"	example(lpl_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200	{object}	Wire
//	@Router			/v1/leerplekken/{id}/publish [post]
func (s Service) publish(ctx context.Context, tx *db.Tx, in byID) (Wire, error) {
	l, warnings, err := s.Publish(ctx, tx, in.ID)
	out := WireOf(l)
	for _, w := range warnings {
		out.Warnings = append(out.Warnings, WarningWire{w.Rule.Code, w.Pointer, w.Rule.Text.In(web.RequestOf(ctx).Lang, w.Params)})
	}
	return out, err
}

// CoachWire is a leercoach of one leerplek as callers see it. That the leercoach is employed there is the fifth
// condition of seed 001, 5.4.
type CoachWire struct {
	LeerplekID   id.LeerplekID   `json:"leerplek_id" example:"lpl_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	MedewerkerID id.MedewerkerID `json:"medewerker_id" example:"mdw_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Leads        bool            `json:"leads" example:"true"`
	Employed     bool            `json:"employed" example:"true"` // still at the employer today
	Conditions
	Preparation
} // @name LeerplekCoach

func coachWire(c Coach) CoachWire {
	return CoachWire{c.LeerplekID, c.MedewerkerID, c.Place == 1, c.Employed, c.Conditions, c.Preparation}
}

// coaches reads the leercoaches of a leerplek.
//
//	@Summary		List the leercoaches of a leerplek
//	@Description	The leading one first, all on one page. Callers bound to another employer see none; callers bound to an employee see that one.
//	@ID				listLeerplekCoaches
//	@Tags			leerplek
//	@Param			id	path		string	true	"the leerplek"	example(lpl_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200	{object}	page.Page[CoachWire]
//	@Router			/v1/leerplekken/{id}/coaches [get]
func (s Service) coaches(_ context.Context, tx *db.Tx, in byID) (page.Page[CoachWire], error) {
	out := page.Page[CoachWire]{Data: []CoachWire{}}
	if _, err := s.Get(tx, in.ID); err != nil {
		return out, err
	}
	coaches, err := s.CoachesOf(tx, in.ID)
	for _, c := range coaches {
		out.Data = append(out.Data, coachWire(c))
	}
	return out, err
}

type answerReq struct {
	byID
	MedewerkerID id.MedewerkerID `uri:"medewerker_id"`
	Body         Answers         `body:"json"`
}

// Answers are what a leercoach answers to the conditions of seed 001, 5.4 (null is not yet), and takes on.
type Answers struct {
	Conditions
	Preparation
} // @name LeerplekCoachInput

// answer keeps what a leercoach answered to the conditions.
//
//	@Summary		Answer the conditions of a leercoach
//	@Description	Whole: what is absent is not answered yet. has_expertise follows from craft_expertise and coaching_expertise where it is not answered itself. Who is a leercoach is said by leercoach_ids of the leerplek. An answer that is no stops the leerplek from being published; one that is published stays so, but is suggested to nobody while no other leercoach can.
//	@ID				putLeerplekCoach
//	@Tags			leerplek
//	@Param			id				path		string	true	"the leerplek"	example(lpl_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			medewerker_id	path		string	true	"the leercoach"	example(mdw_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body			body		Answers	true	"the answers"
//	@Success		200				{object}	CoachWire
//	@Router			/v1/leerplekken/{id}/coaches/{medewerker_id} [put]
func (s Service) answer(ctx context.Context, tx *db.Tx, in answerReq) (CoachWire, error) {
	c, err := s.Answer(ctx, tx, in.ID, in.MedewerkerID, in.Body.Conditions, in.Body.Preparation)
	return coachWire(c), err
}
