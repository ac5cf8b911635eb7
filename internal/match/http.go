package match

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// Routes are the doors of matches that move nothing else; making one and deciding on it are journeys.
func (s Service) Routes() []web.Route {
	return []web.Route{
		web.List("/v1/matches", "match:read", s.list, web.Syncs),
		web.Get("/v1/matches/:id", "match:read", s.get),
		web.Get("/v1/matches/:id/reasons", "match:read", s.reasons),
		web.Patch("/v1/matches/:id", "match:write", s.update),
		web.Act("/v1/matches/:id/inform", "match:write", s.postInformed),
	}
}

// DecisionWire is what one party decided, as callers see it.
type DecisionWire struct {
	Party     string    `json:"party" enums:"sending,receiving,switcher,leercoach" example:"sending"`
	Decision  Status    `json:"decision" enums:"accepted,declined" swaggertype:"string" example:"accepted"`
	DecidedAt time.Time `json:"decided_at" format:"date-time" example:"2027-01-11T08:00:00Z"`
	Channel   *string   `json:"channel" enums:"meeting,phone,mail,link,signed_in" extensions:"x-nullable" example:"phone"`
	GivenBy   *string   `json:"given_by" extensions:"x-nullable" example:"de zaakvoerder"`
	Reason    *string   `json:"reason" extensions:"x-nullable" example:"past in hun planning"`
} // @name MatchDecision

// Wire is a match as callers see it. What a party said by whom, and why, is null for the other side.
type Wire struct {
	ID                      id.MatchID             `json:"id" example:"mat_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	LeervraagID             id.LeervraagID         `json:"leervraag_id" example:"lvr_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	LeerplekID              id.LeerplekID          `json:"leerplek_id" example:"lpl_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	SendingOrganisationID   id.OrganisationID      `json:"sending_organisation_id" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	ReceivingOrganisationID id.OrganisationID      `json:"receiving_organisation_id" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4r"`
	SwitcherID              id.MedewerkerID        `json:"switcher_id" example:"mdw_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	LeercoachIDs            []id.MedewerkerID      `json:"leercoach_ids" example:"mdw_01jd8m5x9nf3tvhg5w6rkz2c4r"`
	Internal                bool                   `json:"internal" example:"false"`
	RequiredParties         []string               `json:"required_parties" enums:"sending,receiving,switcher,leercoach" example:"sending,receiving"`
	Status                  Status                 `json:"status" enums:"draft,proposed,accepted,declined,lapsed,cancelled" example:"proposed"`
	Decisions               []DecisionWire         `json:"decisions"`
	LeeruitwisselingID      *id.LeeruitwisselingID `json:"leeruitwisseling_id" extensions:"x-nullable" example:"lui_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Feasibility
	SendingInformedAt   *time.Time `json:"sending_informed_at" format:"date-time" extensions:"x-nullable" example:"2027-01-11T08:00:00Z"` // null: not told yet
	ReceivingInformedAt *time.Time `json:"receiving_informed_at" format:"date-time" extensions:"x-nullable" example:"2027-01-11T08:00:00Z"`
	web.Meta
} // @name Match

// Location is where the match can be read.
func (w Wire) Location() string { return "/v1/matches/" + w.ID.String() }

// WireOf is a match as callers see it, with the decisions that it was read with.
func WireOf(m Match) Wire {
	return Wire{m.ID, m.LeervraagID, m.LeerplekID, m.SendingOrganisationID, m.ReceivingOrganisationID, m.SwitcherID, m.LeercoachIDs,
		m.Internal, m.RequiredParties, m.Status, m.Decisions, m.LeeruitwisselingID,
		m.Feasibility, utc(m.SendingInformedAt), utc(m.ReceivingInformedAt), web.MetaOf(m.Row)}
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

// decisionsColumn gathers the decisions of a match beside it, so that reading it stays one statement. Row-level security
// leaves out the notes that the caller may not read.
const decisionsColumn = `coalesce((select json_agg(json_build_object('party', d.party, 'decision', d.decision, 'decided_at', d.decided_at,
	'channel', d.channel, 'given_by', n.given_by, 'reason', n.reason) order by d.decided_at, d.party)
	from match_decisions d left join match_notes n on n.tenant_id = d.tenant_id and n.match_id = d.match_id and n.party = d.party
	where d.tenant_id = matches.tenant_id and d.match_id = matches.id), '[]') as decisions`

// read is a match with its decisions, as one statement finds it.
type read struct {
	Match
	Found Decisions `gorm:"column:decisions;->"`
}

func (r read) wire() Wire {
	r.Decisions = r.Found
	return WireOf(r.Match)
}

// reading starts a query for matches with their decisions.
func reading(tx *db.Tx) *gorm.DB { return tx.Model(&read{}).Select("matches.*, " + decisionsColumn) }

// byID is the input of a door that needs the id alone.
type byID struct {
	ID id.MatchID `uri:"id"`
}

// Filters are what matches can be filtered by.
type Filters struct {
	Status         []Status           `form:"status" enums:"draft,proposed,accepted,declined,lapsed,cancelled"`
	LeervraagID    *id.LeervraagID    `form:"leervraag_id"`
	LeerplekID     *id.LeerplekID     `form:"leerplek_id"`
	OrganisationID *id.OrganisationID `form:"organisation_id"`
}

type listReq struct {
	page.SyncParams
	Filters
}

// list reads matches.
//
//	@Summary		List matches
//	@Description	With updated_since, or a cursor that began with it, the list can be followed for ever. Drafts are seen by unbound callers alone.
//	@ID				listMatches
//	@Tags			match
//	@Param			limit			query		int			false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param			cursor			query		string		false	"where to go on"
//	@Param			sort			query		string		false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Param			updated_since	query		string		false	"follow the changes since this time"	Format(date-time)
//	@Param			status			query		[]string	false	"these states"	collectionFormat(csv)	Enums(draft,proposed,accepted,declined,lapsed,cancelled)
//	@Param			leervraag_id	query		string		false	"of this leervraag"	example(lvr_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			leerplek_id		query		string		false	"of this leerplek"	example(lpl_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			organisation_id	query		string		false	"in which this employer is either side"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200				{object}	page.Page[Wire]
//	@Router			/v1/matches [get]
func (s Service) list(_ context.Context, tx *db.Tx, in listReq) (page.Page[Wire], error) {
	q := reading(tx)
	if len(in.Status) > 0 {
		q = q.Where("status in ?", in.Status)
	}
	if in.LeervraagID != nil {
		q = q.Where("leervraag_id = ?", *in.LeervraagID)
	}
	if in.LeerplekID != nil {
		q = q.Where("leerplek_id = ?", *in.LeerplekID)
	}
	if in.OrganisationID != nil {
		q = q.Where("? in (sending_organisation_id, receiving_organisation_id)", *in.OrganisationID)
	}
	return page.Sync(tx, in.SyncParams, in.Filters, q, read.wire)
}

// get reads one match.
//
//	@Summary	Read a match
//	@ID			getMatch
//	@Tags		match
//	@Param		id	path		string	true	"the match"	example(mat_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	200	{object}	Wire
//	@Router		/v1/matches/{id} [get]
func (s Service) get(_ context.Context, tx *db.Tx, in byID) (Wire, error) {
	var r read
	err := reading(tx).Where("id = ?", in.ID).Take(&r).Error
	return r.wire(), err
}

// UpdateInput is what can be changed about a match.
type UpdateInput struct {
	LeercoachIDs []id.MedewerkerID `json:"leercoach_ids" binding:"required" validate:"min=1,max=20,unique" example:"mdw_01jd8m5x9nf3tvhg5w6rkz2c4r"`
	Feasibility
} // @name MatchChanges

type updateReq struct {
	byID
	web.IfMatch
	Patch web.MergePatch `body:"patch"`
}

// update changes the leercoaches of a draft, or says whether the match fits and can be done.
//
//	@Summary		Change a match
//	@Description	Only a draft takes other leercoaches; the first one leads. Whether the content fits and whether place and moments are feasible is said until the parties decided.
//	@ID				updateMatch
//	@Tags			match
//	@Param			id		path		string		true	"the match"	example(mat_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		UpdateInput	true	"what changes"
//	@Success		200		{object}	Wire
//	@Router			/v1/matches/{id} [patch]
func (s Service) update(ctx context.Context, tx *db.Tx, in updateReq) (Wire, error) {
	m, err := s.Lock(ctx, tx, in.ID)
	if err != nil {
		return Wire{}, err
	}
	if err := in.Check(m.Revision); err != nil {
		return Wire{}, err
	}
	u := UpdateInput{m.LeercoachIDs, m.Feasibility}
	if err := in.Patch.Apply(&u); err != nil {
		return Wire{}, err
	}
	m, err = s.Update(ctx, tx, m, u)
	return WireOf(m), err
}

// InformInput names the employer that was told.
type InformInput struct {
	Party string `json:"party" binding:"required" enums:"sending,receiving" example:"receiving"`
} // @name MatchInformInput

type informReq struct {
	byID
	Body InformInput `body:"json"`
}

// postInformed notes that an employer was told of a match.
//
//	@Summary		Note that an employer was told of a match
//	@Description	Of one that is proposed or accepted. Once is enough: the first time stands.
//	@ID				informMatch
//	@Tags			match
//	@Param			id		path		string		true	"the match"	example(mat_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		InformInput	true	"who was told"
//	@Success		200		{object}	Wire
//	@Router			/v1/matches/{id}/inform [post]
func (s Service) postInformed(ctx context.Context, tx *db.Tx, in informReq) (Wire, error) {
	m, err := s.Lock(ctx, tx, in.ID)
	if err != nil {
		return Wire{}, err
	}
	m, err = s.Inform(ctx, tx, m, in.Body.Party)
	return WireOf(m), err
}
