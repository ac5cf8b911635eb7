package journey

import (
	"context"

	"github.com/switchingtalent/switchboard/internal/leerplek"
	"github.com/switchingtalent/switchboard/internal/leervraag"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// A leervraag that is not asked any more, or a leerplek that is not offered any more, leaves nothing to decide on: its open
// matches lapse with it.

type leervraagReq struct {
	ID id.LeervraagID `uri:"id"`
}

// withdrawLeervraag says that it is not asked any more.
//
//	@Summary		Withdraw a leervraag
//	@Description	A draft or an open one; its open matches lapse. Of a matched one the exchange is cancelled first.
//	@ID				withdrawLeervraag
//	@Tags			leervraag
//	@Param			id	path		string	true	"the leervraag"	example(lvr_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200	{object}	leervraag.Wire
//	@Router			/v1/leervragen/{id}/withdraw [post]
func (s Service) withdrawLeervraag(ctx context.Context, tx *db.Tx, in leervraagReq) (leervraag.Wire, error) {
	q, err := s.Leervragen.Withdraw(ctx, tx, in.ID)
	if err == nil {
		err = s.lapse(ctx, tx, &in.ID, nil)
	}
	return leervraag.WireOf(q), err
}

type closeReq struct {
	leervraagReq
	Body leervraag.CloseInput `body:"json"`
}

// closeLeervraag closes a leervraag with its outcome.
//
//	@Summary		Close a leervraag
//	@Description	not_addressed: no employer opened its doors for it; possible from a draft too, and not once it was matched. The other outcomes need an open or matched one. Its open matches lapse. The same outcome again changes nothing.
//	@ID				closeLeervraag
//	@Tags			leervraag
//	@Param			id		path		string					true	"the leervraag"	example(lvr_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		leervraag.CloseInput	true	"what came of it"
//	@Success		200		{object}	leervraag.Wire
//	@Router			/v1/leervragen/{id}/close [post]
func (s Service) closeLeervraag(ctx context.Context, tx *db.Tx, in closeReq) (leervraag.Wire, error) {
	q, err := s.Leervragen.Close(ctx, tx, in.ID, in.Body.Outcome, in.Body.Reason)
	if err == nil {
		err = s.lapse(ctx, tx, &in.ID, nil)
	}
	return leervraag.WireOf(q), err
}

type leerplekReq struct {
	ID id.LeerplekID `uri:"id"`
}

// withdrawLeerplek stops offering a leerplek.
//
//	@Summary		Withdraw a leerplek
//	@Description	Its open matches lapse; exchanges that began go on. It can be published again.
//	@ID				withdrawLeerplek
//	@Tags			leerplek
//	@Param			id	path		string	true	"the leerplek"	example(lpl_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200	{object}	leerplek.Wire
//	@Router			/v1/leerplekken/{id}/withdraw [post]
func (s Service) withdrawLeerplek(ctx context.Context, tx *db.Tx, in leerplekReq) (leerplek.Wire, error) {
	p, err := s.Leerplekken.Withdraw(ctx, tx, in.ID)
	if err == nil {
		err = s.lapse(ctx, tx, nil, &in.ID)
	}
	return leerplek.WireOf(p), err
}

func (s Service) lapse(ctx context.Context, tx *db.Tx, lvr *id.LeervraagID, lpl *id.LeerplekID) error {
	return tx.Unbound("what falls away takes the open matches of every employer with it", func(tx *db.Tx) error {
		return s.Matches.LapseOf(ctx, tx, lvr, lpl)
	})
}
