package leervraag

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/switchingtalent/switchboard/internal/platform/availability"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// Routes are the doors of learning questions that move nothing else; ending one is a journey.
func (s Service) Routes() []web.Route {
	return []web.Route{
		web.Post("/v1/leervragen", "leervraag:write", s.create),
		web.List("/v1/leervragen", "leervraag:read", s.list, web.Syncs),
		web.Get("/v1/leervragen/:id", "leervraag:read", s.get),
		web.Patch("/v1/leervragen/:id", "leervraag:write", s.update, web.RequireIfMatch),
		web.List("/v1/leervragen/:id/versions", "leervraag:read", s.versions),
		web.Act("/v1/leervragen/:id/open", "leervraag:write", s.open),
	}
}

// Wire is a leervraag as callers see it.
type Wire struct {
	ID             id.LeervraagID    `json:"id" example:"lvr_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	OrganisationID id.OrganisationID `json:"organisation_id" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	SwitcherID     id.MedewerkerID   `json:"switcher_id" example:"mdw_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Title          string            `json:"title" example:"Nederlands op de werkvloer"`
	Question       string            `json:"question" example:"Hoe kunnen we Nederlands op de werkvloer anders benaderen?"`
	Motive         *string           `json:"motive" extensions:"x-nullable" example:"Nieuwe collega's volgen de briefing niet."`
	Goals          []string          `json:"goals" example:"Twee aanpakken kennen die wij kunnen toepassen"`
	Topics         []string          `json:"topics" example:"taalbeleid"`
	Clarity        string            `json:"clarity" enums:"vague,clear" example:"vague"`
	Reach          string            `json:"reach" enums:"switcher,team,organisation" example:"team"`
	Internal       bool              `json:"internal" example:"false"`
	SharedText     *string           `json:"shared_text" extensions:"x-nullable" example:"Een ploegleider wil zien hoe u taal oefent tijdens het werk."`
	Available      availability.List `json:"available"`
	DaysNeeded     int               `json:"days_needed" example:"2"`                                                // so many days in common it takes
	SectorWish     *string           `json:"sector_wish" enums:"same,other" extensions:"x-nullable" example:"other"` // than the own employer's; null: it does not matter
	Status         Status            `json:"status" enums:"draft,open,matched,answered,partly_answered,unanswered,not_addressed,withdrawn" example:"draft"`
	CloseReason    *string           `json:"close_reason" extensions:"x-nullable" example:"De twee dagen gaven genoeg ideeën."`
	Version        int               `json:"version" example:"1"`
	AgendaWire
	InTrainingPlan         *bool                  `json:"in_training_plan" extensions:"x-nullable" example:"true"`                                   // of the employer; null: nobody said
	FromLeeruitwisselingID *id.LeeruitwisselingID `json:"from_leeruitwisseling_id" extensions:"x-nullable" example:"lui_01jd8m5x9nf3tvhg5w6rkz2c4q"` // out of which it came
	web.Meta
} // @name Leervraag

// AgendaWire is the leeragenda as callers see it, in a leervraag and in each of its versions.
type AgendaWire struct {
	SmartGoals        []SmartGoal `json:"smart_goals"`
	Meaning           *string     `json:"meaning" extensions:"x-nullable" example:"Hoe nieuwe collega's de briefing leren volgen."`
	HowToAnswer       *string     `json:"how_to_answer" extensions:"x-nullable" example:"Meelopen met een ploeg die taal op de vloer oefent."`
	LearnInGeneral    *string     `json:"learn_in_general" extensions:"x-nullable" example:"Hoe anderen anderstaligen onthalen."`
	LearnSpecifically *string     `json:"learn_specifically" extensions:"x-nullable" example:"Hoe je een briefing in klare taal geeft."`
	MustCover         []string    `json:"must_cover" example:"de ochtendbriefing"`
	PeopleToMeet      []string    `json:"people_to_meet" example:"taalcoach"`
	Activities        []string    `json:"activities" example:"rondleiding"`
	Content           *string     `json:"content" extensions:"x-nullable" example:"Klare taal, pictogrammen, meter en peter."`
	Approach          *string     `json:"approach" extensions:"x-nullable" example:"Eerst kijken, dan zelf een briefing geven."`
}

func agendaWire(a Agenda) AgendaWire {
	return AgendaWire{append([]SmartGoal{}, a.SmartGoals...), a.Meaning, a.HowToAnswer, a.LearnInGeneral, a.LearnSpecifically,
		append([]string{}, a.MustCover...), append([]string{}, a.PeopleToMeet...), append([]string{}, a.Activities...), a.Content, a.Approach}
}

// Location is where the leervraag can be read.
func (w Wire) Location() string { return "/v1/leervragen/" + w.ID.String() }

// WireOf shows a row to callers.
func WireOf(l Leervraag) Wire {
	return Wire{l.ID, l.OrganisationID, l.SwitcherID, l.Title, l.Question, l.Motive, l.Goals, l.Topics, l.Clarity, l.Reach, l.Internal,
		l.SharedText, l.Available, l.DaysNeeded, l.SectorWish, l.Status, l.CloseReason, l.Version, agendaWire(l.Agenda), l.InTrainingPlan,
		l.FromLeeruitwisselingID, web.MetaOf(l.Row)}
}

// byID is the input of a door that needs the id alone.
type byID struct {
	ID id.LeervraagID `uri:"id"`
}

type createReq struct {
	Body Input `body:"json"`
}

// create writes down a leervraag.
//
//	@Summary		Ask a leervraag
//	@Description	It belongs to the switcher's employer and begins as a draft. Topics are ESCO URIs or words of your own.
//	@ID				createLeervraag
//	@Tags			leervraag
//	@Param			body	body		Input	true	"the leervraag"
//	@Success		201		{object}	Wire
//	@Router			/v1/leervragen [post]
func (s Service) create(ctx context.Context, tx *db.Tx, in createReq) (Wire, error) {
	l, err := s.Create(ctx, tx, in.Body)
	return WireOf(l), err
}

// Filters are what learning questions can be filtered by.
type Filters struct {
	Status         []Status           `form:"status" enums:"draft,open,matched,answered,partly_answered,unanswered,not_addressed,withdrawn"`
	OrganisationID *id.OrganisationID `form:"organisation_id"`
	SwitcherID     *id.MedewerkerID   `form:"switcher_id"`

	FromLeeruitwisselingID *id.LeeruitwisselingID `form:"from_leeruitwisseling_id"`
}

type listReq struct {
	page.SyncParams
	Filters
}

// list reads learning questions.
//
//	@Summary		List leervragen
//	@Description	With updated_since, or a cursor that began with it, the list can be followed for ever.
//	@ID				listLeervragen
//	@Tags			leervraag
//	@Param			limit			query		int			false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param			cursor			query		string		false	"where to go on"
//	@Param			sort			query		string		false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Param			updated_since	query		string		false	"follow the changes since this time"	Format(date-time)
//	@Param			status			query		[]string	false	"in these states"	collectionFormat(csv)	Enums(draft,open,matched,answered,partly_answered,unanswered,not_addressed,withdrawn)
//	@Param			organisation_id	query		string		false	"of this employer"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			switcher_id		query		string		false	"of this employee"	example(mdw_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			from_leeruitwisseling_id	query	string	false	"that came out of this exchange"	example(lui_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200				{object}	page.Page[Wire]
//	@Router			/v1/leervragen [get]
func (s Service) list(_ context.Context, tx *db.Tx, in listReq) (page.Page[Wire], error) {
	q := tx.Model(&Leervraag{})
	if len(in.Status) > 0 {
		q = q.Where("status in ?", in.Status)
	}
	if in.OrganisationID != nil {
		q = q.Where("organisation_id = ?", *in.OrganisationID)
	}
	if in.SwitcherID != nil {
		q = q.Where("switcher_id = ?", *in.SwitcherID)
	}
	if in.FromLeeruitwisselingID != nil {
		q = q.Where("from_leeruitwisseling_id = ?", *in.FromLeeruitwisselingID)
	}
	return page.Sync(tx, in.SyncParams, in.Filters, q, WireOf)
}

// get reads one leervraag.
//
//	@Summary	Read a leervraag
//	@ID			getLeervraag
//	@Tags		leervraag
//	@Param		id	path		string	true	"the leervraag"	example(lvr_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	200	{object}	Wire
//	@Router		/v1/leervragen/{id} [get]
func (s Service) get(_ context.Context, tx *db.Tx, in byID) (Wire, error) {
	l, err := db.Get[Leervraag](tx, in.ID)
	return WireOf(l), err
}

type updateReq struct {
	byID
	web.IfMatch
	Patch web.MergePatch `body:"patch"`
}

// update changes a leervraag.
//
//	@Summary		Sharpen or change a leervraag
//	@Description	A change of what is asked (title, question, motive, goals, topics, clarity, shared_text, or the leeragenda from smart_goals to approach) makes a new version and keeps the old one. What smart_goals says is of one of the goals, word for word: who takes such a goal away, or words it anew, sends both. Not once it is closed or withdrawn.
//	@ID				updateLeervraag
//	@Tags			leervraag
//	@Param			id		path		string	true	"the leervraag"	example(lvr_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		Input	true	"what changes"
//	@Success		200		{object}	Wire
//	@Router			/v1/leervragen/{id} [patch]
func (s Service) update(ctx context.Context, tx *db.Tx, in updateReq) (Wire, error) {
	l, err := s.Update(ctx, tx, in.ID, func(l Leervraag) error { return in.Check(l.Revision) },
		func(i *Input) error { return in.Patch.Apply(i) })
	return WireOf(l), err
}

// VersionWire is a version of a leervraag as callers see it.
type VersionWire struct {
	Version    int        `json:"version" example:"1"`
	ReplacedAt *time.Time `json:"replaced_at" format:"date-time" extensions:"x-nullable" example:"2027-01-11T08:00:00Z"`
	Title      string     `json:"title" example:"Nederlands op de werkvloer"`
	Question   string     `json:"question" example:"Hoe kunnen we Nederlands op de werkvloer anders benaderen?"`
	Motive     *string    `json:"motive" extensions:"x-nullable" example:"Nieuwe collega's volgen de briefing niet."`
	Goals      []string   `json:"goals" example:"Twee aanpakken kennen die wij kunnen toepassen"`
	Topics     []string   `json:"topics" example:"taalbeleid"`
	Clarity    string     `json:"clarity" enums:"vague,clear" example:"vague"`
	SharedText *string    `json:"shared_text" extensions:"x-nullable" example:"Een ploegleider wil zien hoe u taal oefent tijdens het werk."`
	AgendaWire
} // @name LeervraagVersion

func versionWire(v Version) VersionWire {
	if v.ReplacedAt != nil {
		at := v.ReplacedAt.UTC()
		v.ReplacedAt = &at
	}
	return VersionWire{v.Version, v.ReplacedAt, v.Title, v.Question, v.Motive, v.Goals, v.Topics, v.Clarity, v.SharedText, agendaWire(v.Agenda)}
}

type versionsReq struct {
	byID
	page.Params
}

// allVersions is the present version and those before it. Pages are cut by the number, written as a uuid.
const allVersions = `(select lpad(to_hex(version), 32, '0')::uuid as id, version, at as replaced_at, ` + asked + `
		from leervraag_versions where tenant_id = ? and leervraag_id = ?
	union all
	select lpad(to_hex(version), 32, '0')::uuid, version, null, ` + asked + `
		from leervragen where tenant_id = ? and id = ?)`

// versions reads what a leervraag asked over time.
//
//	@Summary		List the versions of a leervraag
//	@Description	From the first to the present one, whose replaced_at is null. sort=-created_at begins with the present one.
//	@ID				listLeervraagVersions
//	@Tags			leervraag
//	@Param			id		path		string	true	"the leervraag"	example(lvr_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			limit	query		int		false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param			cursor	query		string	false	"where to go on"
//	@Param			sort	query		string	false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Success		200		{object}	page.Page[VersionWire]
//	@Router			/v1/leervragen/{id}/versions [get]
func (s Service) versions(_ context.Context, tx *db.Tx, in versionsReq) (page.Page[VersionWire], error) {
	q := tx.Table("? as v", gorm.Expr(allVersions, tx.Scope.Tenant, in.ID, tx.Scope.Tenant, in.ID))
	p, err := page.List(tx, in.Params, in.byID, q, versionWire)
	if err == nil && len(p.Data) == 0 && in.Cursor == "" {
		return p, fault.Missing.New() // there is always a present one
	}
	return p, err
}

// open lets a place be looked for.
//
//	@Summary	Open a leervraag
//	@ID			openLeervraag
//	@Tags		leervraag
//	@Param		id	path		string	true	"the leervraag"	example(lvr_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	200	{object}	Wire
//	@Router		/v1/leervragen/{id}/open [post]
func (s Service) open(ctx context.Context, tx *db.Tx, in byID) (Wire, error) {
	l, err := s.Open(ctx, tx, in.ID)
	return WireOf(l), err
}

// CloseInput says what came of a leervraag.
type CloseInput struct {
	Outcome Status  `json:"outcome" binding:"required" enums:"answered,partly_answered,unanswered,not_addressed" example:"answered"`
	Reason  *string `json:"reason" maxLength:"2000" extensions:"x-nullable" example:"De twee dagen gaven genoeg ideeën."`
} // @name LeervraagCloseInput
