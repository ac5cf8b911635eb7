package journey

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/switchingtalent/switchboard/internal/leerplek"
	"github.com/switchingtalent/switchboard/internal/leervraag"
	"github.com/switchingtalent/switchboard/internal/match"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// Proposal is a match that a matching run proposes.
type Proposal struct {
	LeervraagID id.LeervraagID
	LeerplekID  *id.LeerplekID // nil: the run found no place
	LeercoachID *id.MedewerkerID
	Pinned      bool
	Answers     bool        // the words of the place answer the question
	Settled     bool        // accepted before: nothing to make
	MatchID     *id.MatchID // made of it before
	Grounds     any         // what it was proposed on, for the audit table
}

// Runs is what accepting needs of matching runs.
type Runs struct {
	// Proposals locks a finished run, and reads what it proposes for these leervragen, or for all of them with nil.
	Proposals func(tx *db.Tx, run id.MatchingRunID, lvr []id.LeervraagID) ([]Proposal, error)
	// StillPossible says why a proposal is not possible any more, "" when it is, and what speaks for it.
	StillPossible func(tx *db.Tx, run id.MatchingRunID, p Proposal) (reason string, told match.Reasons, err error)
	// Decided notes the match that came of a proposal.
	Decided func(tx *db.Tx, run id.MatchingRunID, lvr id.LeervraagID, made id.MatchID) error
}

// maxAccepted is how many proposals one request makes matches of.
const maxAccepted = 200

// AcceptRunInput says what of a run is accepted.
type AcceptRunInput struct {
	LeervraagIDs *[]id.LeervraagID `json:"leervraag_ids" validate:"max=200,unique" extensions:"x-nullable" example:"lvr_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	As           string            `json:"as" enums:"draft,proposed" default:"draft" example:"draft"`
	Replace      bool              `json:"replace" example:"false"`
	After        *id.LeervraagID   `json:"after" extensions:"x-nullable" example:"lvr_01jd8m5x9nf3tvhg5w6rkz2c4q"` // with leervraag_ids null: proposals beyond this leervraag only; the after of the answer before
} // @name MatchingRunAcceptInput

// Accepted is what came of accepting a run.
type Accepted struct {
	Data      []AcceptedItem `json:"data"`
	Remaining int            `json:"remaining" example:"0"` // proposals without a match that come after these; ask again
	// After is where to ask on, as after; null when nothing remains.
	After *id.LeervraagID `json:"after" extensions:"x-nullable" example:"lvr_01jd8m5x9nf3tvhg5w6rkz2c4q"`
} // @name MatchingRunAccepted

// AcceptedItem is what came of one proposal.
type AcceptedItem struct {
	LeervraagID id.LeervraagID `json:"leervraag_id" example:"lvr_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Outcome     string         `json:"outcome" enums:"made,was_there,refused" example:"made"`
	MatchID     *id.MatchID    `json:"match_id" extensions:"x-nullable" example:"mat_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Problem     *string        `json:"problem" extensions:"x-nullable" example:"leerplek-full"` // the code of a problem, or the reason that rules the leerplek out now
	Withdrawn   []id.MatchID   `json:"withdrawn" example:"mat_01jd8m5x9nf3tvhg5w6rkz2c4r"`      // other open matches of the leervraag, with replace
} // @name MatchingRunAcceptedItem

type acceptRunReq struct {
	ID   id.MatchingRunID `uri:"id"`
	Body AcceptRunInput   `body:"json"`
}

// acceptRun makes matches of what a run proposes.
//
//	@Summary		Accept proposals of a matching run
//	@Description	Names leervragen, at most 200 at a time, or with null takes the first 200 proposals that have no match yet: while remaining is above 0, ask again with the after of the answer, so that what is refused does not come back. Each becomes a match, as a draft or proposed at once; what is not possible any more, or takes part in the cohort no more (not_in_cohort), is refused with its reason, and keeps nothing else from being made. Nothing of a cohort that is closed is accepted. An open match of the same leervraag and leerplek is used: as proposed puts a draft to its parties. With replace the other open matches of the leervraag are withdrawn; otherwise they stay. Making matches by hand stays possible.
//	@ID				acceptMatchingRun
//	@Tags			matching
//	@Param			id		path		string			true	"the run"	example(mrn_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		AcceptRunInput	true	"what is accepted"
//	@Success		200		{object}	Accepted
//	@Failure		409		{object}	web.Problem
//	@Router			/v1/matching-runs/{id}/accept [post]
func (s Service) acceptRun(ctx context.Context, tx *db.Tx, in acceptRunReq) (Accepted, error) {
	out := Accepted{Data: []AcceptedItem{}}
	var named []id.LeervraagID
	if in.Body.LeervraagIDs != nil {
		named = append([]id.LeervraagID{}, *in.Body.LeervraagIDs...)
	}
	if after := in.Body.After; after != nil { // it names a leervraag of this run, or nothing
		if known, err := s.Runs.Proposals(tx, in.ID, []id.LeervraagID{*after}); err != nil {
			return out, err
		} else if len(known) == 0 {
			return out, fault.At("/after", fault.NoReference)
		}
	}
	all, err := s.Runs.Proposals(tx, in.ID, named)
	if err != nil {
		return out, err
	}
	if named == nil {
		all, out.Remaining, out.After = turn(all, in.Body.After)
	} else if err := missing(named, all); err != nil {
		return out, err
	}
	settings, err := s.Tenants.Settings(tx)
	if err != nil {
		return out, err
	}
	a := accepting{Service: s, run: in.ID, in: in.Body, parties: settings.RequiredParties}
	if err := a.lock(ctx, tx, all); err != nil {
		return out, err
	}
	for _, p := range all {
		item, err := a.one(ctx, tx, p)
		if err != nil {
			return out, err
		}
		out.Data = append(out.Data, item)
	}
	return out, nil
}

// turn is what one request takes of proposals in the order of their leervragen: those without a match, beyond after. It
// tells how many remain, and where to ask on.
func turn(all []Proposal, after *id.LeervraagID) (now []Proposal, remaining int, next *id.LeervraagID) {
	all = slices.DeleteFunc(all, func(p Proposal) bool {
		return p.MatchID != nil || after != nil && bytes.Compare(p.LeervraagID[:], after[:]) <= 0
	})
	if len(all) <= maxAccepted {
		return all, 0, nil
	}
	return all[:maxAccepted], len(all) - maxAccepted, &all[maxAccepted-1].LeervraagID
}

// missing names the leervragen that a run knows nothing of, or that are named twice.
func missing(named []id.LeervraagID, found []Proposal) error {
	e := fault.Unprocessable.New()
	for i, l := range named {
		at := "/leervraag_ids/" + strconv.Itoa(i)
		switch {
		case slices.Contains(named[:i], l):
			e.At(at, fault.Repeated)
		case !slices.ContainsFunc(found, func(p Proposal) bool { return p.LeervraagID == l }):
			e.At(at, fault.NoReference)
		}
	}
	if len(e.Fields) > 0 {
		return e
	}
	return nil
}

// accepting is one request to accept.
type accepting struct {
	Service
	run     id.MatchingRunID
	in      AcceptRunInput
	parties []string
	asked   map[id.LeervraagID]leervraag.Leervraag
	places  map[id.LeerplekID]leerplek.Leerplek
}

// lock locks all leervragen and then all leerplekken, each in the order of their ids: the order of the house.
func (a *accepting) lock(ctx context.Context, tx *db.Tx, all []Proposal) error {
	a.asked, a.places = map[id.LeervraagID]leervraag.Leervraag{}, map[id.LeerplekID]leerplek.Leerplek{}
	var lvr []id.LeervraagID
	var lpl []id.LeerplekID
	for _, p := range all {
		if p.LeerplekID != nil && !p.Settled {
			lvr, lpl = append(lvr, p.LeervraagID), append(lpl, *p.LeerplekID)
		}
	}
	slices.SortFunc(lvr, func(a, b id.LeervraagID) int { return bytes.Compare(a[:], b[:]) })
	slices.SortFunc(lpl, func(a, b id.LeerplekID) int { return bytes.Compare(a[:], b[:]) })
	for _, l := range slices.Compact(lvr) {
		q, err := a.Leervragen.Lock(ctx, tx, l)
		if err != nil {
			return err
		}
		a.asked[l] = q
	}
	for _, l := range slices.Compact(lpl) {
		p, err := a.Leerplekken.Lock(ctx, tx, l)
		if err != nil {
			return err
		}
		a.places[l] = p
	}
	return nil
}

// one makes a match of one proposal, or says why not.
func (a *accepting) one(ctx context.Context, tx *db.Tx, p Proposal) (AcceptedItem, error) {
	out := AcceptedItem{LeervraagID: p.LeervraagID, Outcome: "refused", Withdrawn: []id.MatchID{}}
	refuse := func(code string) (AcceptedItem, error) { out.Problem = &code; return out, nil }
	switch {
	case p.Settled:
		return refuse(match.IsAccepted.Code)
	case p.LeerplekID == nil || p.LeercoachID == nil:
		return refuse("unmatched")
	}
	q, place := a.asked[p.LeervraagID], a.places[*p.LeerplekID]
	if err := open(q, place); err != nil {
		return refuse(codeOf(err))
	}
	if place.Free() < 1 {
		return refuse(LeerplekFull.Code)
	}
	reason, told, err := a.Runs.StillPossible(tx, a.run, p)
	if err != nil {
		return out, err
	}
	if reason != "" {
		return refuse(reason)
	}
	others, err := a.Matches.OpenOf(tx, q.ID)
	if err != nil {
		return out, err
	}
	var made match.Match
	i := slices.IndexFunc(others, func(m match.Match) bool { return m.LeerplekID == place.ID })
	if i >= 0 {
		made, out.Outcome = others[i], "was_there"
		if a.in.As == string(match.Proposed) {
			if made, err = a.Matches.Propose(ctx, tx, made); err != nil {
				return out, err
			}
		}
	} else if made, err = a.create(ctx, tx, p, q, place, told); err != nil {
		if code := codeOf(err); code != "" {
			return refuse(code)
		}
		return out, err
	} else {
		out.Outcome = "made"
	}
	out.MatchID = &made.ID
	for _, m := range others {
		if a.in.Replace && m.ID != made.ID {
			if _, err := a.Matches.Cancel(ctx, tx, m); err != nil {
				return out, err
			}
			out.Withdrawn = append(out.Withdrawn, m.ID)
		}
	}
	return out, a.Runs.Decided(tx, a.run, q.ID, made.ID)
}

func (a *accepting) create(ctx context.Context, tx *db.Tx, p Proposal, q leervraag.Leervraag, place leerplek.Leerplek, told match.Reasons) (match.Match, error) {
	own := q.OrganisationID == place.OrganisationID
	parties := slices.Clone(a.parties)
	if own { // the one employer decides alone
		parties = slices.DeleteFunc(parties, func(p string) bool { return p == match.Receiving })
	}
	return a.Matches.Create(ctx, tx, match.New{LeervraagID: q.ID, LeerplekID: place.ID, SendingOrganisationID: q.OrganisationID,
		ReceivingOrganisationID: place.OrganisationID, SwitcherID: q.SwitcherID, LeercoachIDs: []id.MedewerkerID{*p.LeercoachID}, Internal: own,
		RequiredParties: parties, Draft: a.in.As == string(match.Draft), Appraisal: p.Grounds, Reasons: &told})
}

// codeOf is the code of a problem, or "" for anything else.
func codeOf(err error) string {
	var e *fault.Error
	if errors.As(err, &e) && e.Problem.Kind != fault.Internal && e.Problem.Kind != fault.Unavailable {
		return e.Problem.Code
	}
	return ""
}
