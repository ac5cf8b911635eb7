package journey

import (
	"context"

	"github.com/switchingtalent/switchboard/internal/leerplek"
	"github.com/switchingtalent/switchboard/internal/leeruitwisseling"
	"github.com/switchingtalent/switchboard/internal/leervraag"
	"github.com/switchingtalent/switchboard/internal/match"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// AcceptInput is a party's yes. A bound caller is a party by itself and need not name it.
type AcceptInput struct {
	Party   *string `json:"party" enums:"sending,receiving,switcher,leercoach" extensions:"x-nullable" example:"receiving"`
	GivenBy *string `json:"given_by" maxLength:"200" extensions:"x-nullable" example:"de zaakvoerder"`
	Channel *string `json:"channel" enums:"meeting,phone,mail,link,signed_in" extensions:"x-nullable" example:"phone"`
} // @name AcceptInput

type acceptReq struct {
	matchReq
	Body AcceptInput `body:"optional"`
}

// accept notes a party's yes; the last required one makes the leeruitwisseling.
//
//	@Summary		Accept a match
//	@Description	After the last required party the match is accepted and has its leeruitwisseling.
//	@ID				acceptMatch
//	@Tags			match
//	@Param			id		path		string		true	"the match"	example(mat_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		AcceptInput	false	"who agrees"
//	@Success		200		{object}	match.Wire
//	@Router			/v1/matches/{id}/accept [post]
func (s Service) accept(ctx context.Context, tx *db.Tx, in acceptReq) (match.Wire, error) {
	m, q, p, err := s.lockMatch(ctx, tx, in.ID)
	if err != nil {
		return match.Wire{}, err
	}
	m, complete, err := s.Matches.Accept(ctx, tx, m, match.Decision{Party: in.Body.Party, GivenBy: in.Body.GivenBy, Channel: in.Body.Channel})
	if err != nil || !complete {
		return match.WireOf(m), err
	}
	if err := open(q, p); err != nil {
		return match.Wire{}, err
	}
	if p.Free() < 1 {
		return match.Wire{}, LeerplekFull.New()
	}
	err = tx.Unbound("an accepted match becomes an exchange between both employers", func(tx *db.Tx) error {
		lui, err := s.start(ctx, tx, m, q, p)
		if err != nil {
			return err
		}
		if _, err := s.Leervragen.MarkMatched(ctx, tx, q); err != nil {
			return err
		}
		m, err = s.Matches.Accepted(ctx, tx, m, lui)
		return err
	})
	return match.WireOf(m), err
}

// start makes the exchange, with a copy of what the host needs to know.
func (s Service) start(ctx context.Context, tx *db.Tx, m match.Match, q leervraag.Leervraag, p leerplek.Leerplek) (id.LeeruitwisselingID, error) {
	var none id.LeeruitwisselingID
	sending, err := s.Organisations.Get(tx, m.SendingOrganisationID)
	if err != nil {
		return none, err
	}
	receiving, err := s.Organisations.Get(tx, m.ReceivingOrganisationID)
	if err != nil {
		return none, err
	}
	switcher, err := s.Medewerkers.Get(tx, m.SwitcherID)
	if err != nil {
		return none, err
	}
	text := q.Question
	if q.SharedText != nil {
		text = *q.SharedText
	}
	l, err := s.Leeruitwisselingen.Start(ctx, tx, leeruitwisseling.New{MatchID: m.ID, LeervraagID: q.ID, LeerplekID: p.ID,
		SendingOrganisationID: m.SendingOrganisationID, ReceivingOrganisationID: m.ReceivingOrganisationID, SwitcherID: m.SwitcherID,
		LeercoachIDs: m.LeercoachIDs, SendingName: sending.Name, ReceivingName: receiving.Name,
		SwitcherName: switcher.GivenName + " " + switcher.FamilyName, SwitcherJobTitle: switcher.JobTitle, SwitcherLanguage: switcher.Language,
		LeervraagVersion: q.Version, LeervraagTitle: q.Title, LeervraagText: text, LeerplekTitle: p.Title,
		MeetingPoint: p.MeetingPoint, SafetyNote: p.SafetyNote, SiteID: p.SiteID})
	return l.ID, err
}

// DeclineInput is a party's no. A bound caller is a party by itself and need not name it.
type DeclineInput struct {
	Party  *string `json:"party" enums:"sending,receiving,switcher,leercoach" extensions:"x-nullable" example:"receiving"`
	Reason *string `json:"reason" maxLength:"2000" extensions:"x-nullable" example:"past dit najaar niet in de planning"`
} // @name DeclineInput

type declineReq struct {
	matchReq
	Body DeclineInput `body:"optional"`
}

// decline notes a party's no, and ends the match.
//
//	@Summary		Decline a match
//	@Description	The reason is read by the party's own side and the ST-partner alone.
//	@ID				declineMatch
//	@Tags			match
//	@Param			id		path		string			true	"the match"	example(mat_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		DeclineInput	false	"who declines"
//	@Success		200		{object}	match.Wire
//	@Router			/v1/matches/{id}/decline [post]
func (s Service) decline(ctx context.Context, tx *db.Tx, in declineReq) (match.Wire, error) {
	m, err := s.Matches.Lock(ctx, tx, in.ID)
	if err != nil {
		return match.Wire{}, err
	}
	m, err = s.Matches.Decline(ctx, tx, m, match.Decision{Party: in.Body.Party, Reason: in.Body.Reason})
	return match.WireOf(m), err
}
