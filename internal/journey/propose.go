package journey

import (
	"context"
	"slices"

	"github.com/switchingtalent/switchboard/internal/leerplek"
	"github.com/switchingtalent/switchboard/internal/leervraag"
	"github.com/switchingtalent/switchboard/internal/match"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// MatchInput puts a leervraag to a leerplek.
type MatchInput struct {
	LeervraagID  id.LeervraagID    `json:"leervraag_id" binding:"required" example:"lvr_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	LeerplekID   id.LeerplekID     `json:"leerplek_id" binding:"required" example:"lpl_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	LeercoachIDs []id.MedewerkerID `json:"leercoach_ids" binding:"required" validate:"min=1,max=20,unique" example:"mdw_01jd8m5x9nf3tvhg5w6rkz2c4r"`
	Draft        bool              `json:"draft" example:"false"`
} // @name MatchInput

type makeMatchReq struct {
	Body MatchInput `body:"json"`
}

// makeMatch puts a leervraag to a leerplek.
//
//	@Summary		Put a leervraag to a leerplek
//	@Description	The first leercoach leads. A draft is invisible to employers until it is proposed.
//	@ID				createMatch
//	@Tags			match
//	@Param			body	body		MatchInput	true	"the match"
//	@Success		201		{object}	match.Wire
//	@Router			/v1/matches [post]
func (s Service) makeMatch(ctx context.Context, tx *db.Tx, in makeMatchReq) (match.Wire, error) {
	b := in.Body
	// Found under the caller's binding, then locked whoever they belong to.
	if _, err := s.Leervragen.Get(tx, b.LeervraagID); err != nil {
		return match.Wire{}, reference(err, "/leervraag_id")
	}
	if _, err := s.Leerplekken.Get(tx, b.LeerplekID); err != nil {
		return match.Wire{}, reference(err, "/leerplek_id")
	}
	q, p, err := s.pair(tx, b.LeervraagID, b.LeerplekID)
	if err != nil {
		return match.Wire{}, err
	}
	own := q.OrganisationID == p.OrganisationID
	switch {
	case own && !q.Internal:
		return match.Wire{}, fault.At("/leerplek_id", ownOrganisation)
	case !own && q.Internal:
		return match.Wire{}, fault.At("/leerplek_id", otherOrganisation)
	}
	if err := open(q, p); err != nil {
		return match.Wire{}, err
	}
	settings, err := s.Tenants.Settings(tx)
	if err != nil {
		return match.Wire{}, err
	}
	parties := slices.Clone(settings.RequiredParties)
	if own { // the one employer decides alone
		parties = slices.DeleteFunc(parties, func(p string) bool { return p == match.Receiving })
	}
	known, told, err := s.Appraise(tx, q.ID, p.ID)
	if err != nil {
		return match.Wire{}, err
	}
	var m match.Match
	err = tx.Unbound("a match stands between two employers", func(tx *db.Tx) error {
		m, err = s.Matches.Create(ctx, tx, match.New{LeervraagID: q.ID, LeerplekID: p.ID, SendingOrganisationID: q.OrganisationID,
			ReceivingOrganisationID: p.OrganisationID, SwitcherID: q.SwitcherID, LeercoachIDs: b.LeercoachIDs, Internal: own,
			RequiredParties: parties, Draft: b.Draft, Appraisal: known, Reasons: &told})
		return err
	})
	return match.WireOf(m), err
}

// open says whether a leervraag looks for a place and a leerplek is on offer.
func open(q leervraag.Leervraag, p leerplek.Leerplek) error {
	switch {
	case q.Status != leervraag.Open && q.Status != leervraag.Matched:
		return LeervraagNotOpen.With("status", string(q.Status))
	case p.Status != leerplek.Published:
		return LeerplekNotPublished.With("status", string(p.Status))
	}
	return nil
}

// reference turns what is missing into a member that refers to nothing here.
func reference(err error, pointer string) error {
	if fault.Missing.Is(err) {
		return fault.At(pointer, fault.NoReference)
	}
	return err
}

type matchReq struct {
	ID id.MatchID `uri:"id"`
}

// propose shows a draft to the parties.
//
//	@Summary	Propose a draft
//	@ID			proposeMatch
//	@Tags		match
//	@Param		id	path		string	true	"the match"	example(mat_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	200	{object}	match.Wire
//	@Router		/v1/matches/{id}/propose [post]
func (s Service) propose(ctx context.Context, tx *db.Tx, in matchReq) (match.Wire, error) {
	m, q, p, err := s.lockMatch(ctx, tx, in.ID)
	if err != nil {
		return match.Wire{}, err
	}
	if m.Status == match.Draft {
		if err := open(q, p); err != nil {
			return match.Wire{}, err
		}
	}
	m, err = s.Matches.Propose(ctx, tx, m)
	return match.WireOf(m), err
}

// lockMatch finds a match under the caller's binding, and locks its leervraag, its leerplek and then itself.
func (s Service) lockMatch(ctx context.Context, tx *db.Tx, mid id.MatchID) (m match.Match, q leervraag.Leervraag, p leerplek.Leerplek, err error) {
	if m, err = s.Matches.Get(tx, mid); err != nil {
		return m, q, p, err
	}
	if q, p, err = s.pair(tx, m.LeervraagID, m.LeerplekID); err != nil {
		return m, q, p, err
	}
	m, err = s.Matches.Lock(ctx, tx, mid)
	return m, q, p, err
}

// cancelMatch withdraws a match that nobody decided on for good.
//
//	@Summary	Withdraw a match
//	@ID			cancelMatch
//	@Tags		match
//	@Param		id	path		string	true	"the match"	example(mat_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	200	{object}	match.Wire
//	@Router		/v1/matches/{id}/cancel [post]
func (s Service) cancelMatch(ctx context.Context, tx *db.Tx, in matchReq) (match.Wire, error) {
	m, _, _, err := s.lockMatch(ctx, tx, in.ID)
	if err != nil {
		return match.Wire{}, err
	}
	if m.Status == match.Accepted {
		return match.Wire{}, match.IsAccepted.New() // its exchange is cancelled instead, and the match with it
	}
	m, err = s.Matches.Cancel(ctx, tx, m)
	return match.WireOf(m), err
}
