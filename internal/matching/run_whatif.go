package matching

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/matching/assign"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// WhatIf is what would follow in a run if something were different. Leervragen that leave are counted nowhere.
type WhatIf struct {
	MatchedBefore int            `json:"matched_before" example:"38"` // leervragen that the run put somewhere, pins included
	MatchedAfter  int            `json:"matched_after" example:"37"`
	ScoreBefore   int64          `json:"score_before" example:"281300"` // the sum of their scores
	ScoreAfter    int64          `json:"score_after" example:"274550"`
	Moved         int            `json:"moved" example:"2"` // leervragen that would be somewhere else than they are
	Changes       []WhatIfChange `json:"changes"`           // of the first 500 of these
} // @name MatchingRunWhatIf

// WhatIfChange is a leervraag that would be somewhere else.
type WhatIfChange struct {
	LeervraagID id.LeervraagID `json:"leervraag_id" example:"lvr_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Before      WhatIfPlace    `json:"before"`
	After       WhatIfPlace    `json:"after"`
} // @name MatchingRunWhatIfChange

// WhatIfPlace is where a leervraag is, or would be.
type WhatIfPlace struct {
	LeerplekID *id.LeerplekID `json:"leerplek_id" extensions:"x-nullable" example:"lpl_01jd8m5x9nf3tvhg5w6rkz2c4q"` // null: nowhere
	Score      *int           `json:"score" extensions:"x-nullable" example:"7010"`
} // @name MatchingRunWhatIfPlace

// maxTold is how many changes one answer tells.
const maxTold = 500

type whatIfReq struct {
	runReq
	Leaves  []id.LeervraagID  `form:"leaves" validate:"max=20"`
	Joins   []id.LeervraagID  `form:"joins" validate:"max=20"`
	Closes  []id.LeerplekID   `form:"closes" validate:"max=20"`
	Widens  []id.LeerplekID   `form:"widens" validate:"max=20"`
	Coaches []id.MedewerkerID `form:"coaches" validate:"max=20"`
}

// whatIf says what would follow in a run if somebody left or joined, a leerplek closed, or one or a leercoach had more room.
//
//	@Summary		Ask what would follow from a change
//	@Description	Says what the run would have come to if leervragen were not there, others joined, leerplekken took nobody (pins stay) or one switcher more than they do, or leercoaches took on one more. It goes on from the run as it was computed, and is exact: as many leervragen as possible get a place, of all ways to do that it is the best one, and of the best ones the one in which most stay where they are (in a run whose sums would not fit in 64 bits then, a thousand that stay weigh as much as one point). Nothing is kept or proposed; where nothing is asked for, nothing follows. Only leervragen that the run looked for can leave: not those whose match was accepted before it, nor those that were not open. Who joins takes part in the cohort by now, is open and has no accepted match, and is judged as the run judges, by what is known of it and of the leerplekken now; who would have a place is among the changes. Where words are read otherwise than in the run (ESCO, synonyms), nobody can join: 409. For what else changed since, base a run on this one. In a run for the worst off the lowest score is found anew, as a new run would.
//	@ID				previewMatchingRunChange
//	@Tags			matching
//	@Param			id		path		string		true	"the run"									example(mrn_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			leaves	query		[]string	false	"leervragen that would not be there"		collectionFormat(csv)	maxItems(20)	example(lvr_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			joins	query		[]string	false	"leervragen that the run did not look for"	collectionFormat(csv)	maxItems(20)	example(lvr_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			closes	query		[]string	false	"leerplekken that would take nobody"		collectionFormat(csv)	maxItems(20)	example(lpl_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			widens	query		[]string	false	"leerplekken that would take one more"	collectionFormat(csv)	maxItems(20)	example(lpl_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			coaches	query		[]string	false	"leercoaches of the run who would take on one more"	collectionFormat(csv)	maxItems(20)	example(mdw_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200		{object}	WhatIf
//	@Failure		409		{object}	web.Problem
//	@Router			/v1/matching-runs/{id}/what-if [get]
func (s *Service) whatIf(ctx context.Context, read web.Reads, in whatIfReq) (WhatIf, error) {
	var r Run
	if err := read(func(tx *db.Tx) (err error) {
		r, err = finished(tx, in.ID)
		return err
	}); err != nil {
		return WhatIf{}, err
	}
	e, done, err := s.ready(ctx, read, r)
	if err != nil {
		return WhatIf{}, err
	}
	defer done()
	if !e.p.whole() {
		return WhatIf{}, RunTooLarge.New()
	}
	x, err := e.p.suppose(in)
	if err != nil {
		return WhatIf{}, err
	}
	x.floor = int32(r.Floor)
	if e.was == nil {
		if e.was, err = e.p.asWas(ctx); err != nil {
			return WhatIf{}, unsolved(ctx, err)
		}
		s.problems.weigh(e, e.weight())
	}
	if e.count == nil && r.Objective == worstOffFirst { // apart: whoever asked first may have left between the two
		if e.count, err = e.p.counting(ctx); err != nil {
			return WhatIf{}, unsolved(ctx, err)
		}
		s.problems.weigh(e, e.weight())
	}
	if len(in.Joins) > 0 {
		if x.joins, err = s.joining(ctx, read, e, r, in.Joins); err != nil {
			return WhatIf{}, err
		}
	}
	out, err := x.follows(ctx, e.p, e.was, e.count)
	if err != nil {
		return WhatIf{}, unsolved(ctx, err)
	}
	return out, nil
}

// supposed are the changes of a question, as rows and places of a run.
type supposed struct {
	leaves, closes, widens, coaches []int32
	joins                           []joiner
	floor                           int32 // that was asked of the run
}

// suppose finds what a question names, apart from who joins. Each is named once; who was fixed before the run takes no part in it.
func (p *problem) suppose(in whatIfReq) (supposed, error) {
	var out supposed
	bad := fault.BadParameter.New()
	for _, l := range in.Leaves {
		k, asked := p.row[uuid.UUID(l)]
		if !asked {
			bad.In("leaves", fault.NoReference)
			break
		}
		out.leaves = append(out.leaves, int32(k))
	}
	find := func(name string, list []id.LeerplekID) (at []int32) {
		for _, l := range list {
			i, known := p.at[uuid.UUID(l)]
			if !known {
				bad.In(name, fault.NoReference)
				break
			}
			at = append(at, int32(i))
		}
		return at
	}
	out.closes, out.widens = find("closes", in.Closes), find("widens", in.Widens)
	for _, c := range in.Coaches {
		n, known := p.coach[uuid.UUID(c)]
		switch {
		case known:
			out.coaches = append(out.coaches, int32(n))
		case !slices.Contains(p.Others, uuid.UUID(c)):
			bad.In("coaches", fault.NoReference)
		}
	}
	if twice(out.leaves) {
		bad.In("leaves", fault.Twice)
	}
	if twice(out.closes) {
		bad.In("closes", fault.Twice)
	}
	if twice(slices.Concat(out.closes, out.widens)) {
		bad.In("widens", fault.Twice)
	}
	if twice(in.Coaches) {
		bad.In("coaches", fault.Twice)
	}
	if len(bad.Fields) > 0 {
		return supposed{}, bad
	}
	return out, nil
}

func twice[T comparable](list []T) bool {
	seen := map[T]bool{}
	for _, x := range list {
		seen[x] = true
	}
	return len(seen) < len(list)
}

// room is how many places and leercoaches take, once the changes are made.
func (x supposed) room(p *problem) (free, coaches []int32) {
	free, coaches = slices.Clone(p.Free), slices.Clone(p.Coaches)
	for _, i := range x.widens {
		free[i]++
	}
	for _, c := range x.coaches {
		if coaches[c] != assign.Unlimited {
			coaches[c]++
		}
	}
	return free, coaches
}

// in makes the changes one after the other in a copy of a solved run, each an optimum again.
func (x supposed) in(was *assign.Solver, p *problem, joins []joiner) (*assign.Solver, error) {
	s := was.Clone()
	for _, k := range x.leaves {
		if err := s.Remove(k); err != nil {
			return nil, err
		}
	}
	for _, i := range x.closes {
		stay := int32(0)
		for k := range p.Pinned {
			if p.Pinned[k] == i && !slices.Contains(x.leaves, int32(k)) {
				stay++
			}
		}
		if err := s.SetPlaceCapacity(i, stay); err != nil {
			return nil, err
		}
	}
	free, coaches := x.room(p)
	for _, i := range x.widens {
		if err := s.SetPlaceCapacity(i, max(0, free[i])); err != nil {
			return nil, err
		}
	}
	for _, c := range x.coaches {
		if err := s.SetCoachCapacity(c, coaches[c]); err != nil {
			return nil, err
		}
	}
	return s, p.admit(s, joins)
}

// follows says what becomes of a solved run with the changes. count is the same run where staying unmatched is the only cost, for the worst off; else nil.
func (x supposed) follows(ctx context.Context, p *problem, was, count *assign.Solver) (WhatIf, error) {
	s, err := x.in(was, p, x.joins)
	if err != nil {
		return WhatIf{}, err
	}
	takes := p.takes(x.room(p))
	if count != nil {
		joins := freely(x.joins)
		c, err := x.in(count, p, joins)
		if err != nil {
			return WhatIf{}, err
		}
		reached, err := c.Highest(ctx, x.floor, p.withJoiners(joins, nothing, takes))
		if err != nil {
			return WhatIf{}, err
		}
		if err := s.SetFloor(reached.Lowest); err != nil {
			return WhatIf{}, err
		}
	}
	// Prices moved, and a place or a leercoach may have room that had none, so that pairs can be worth taking that never were.
	if _, err := s.Price(ctx, p.withJoiners(x.joins, p.staying, takes)); err != nil {
		return WhatIf{}, err
	}
	before, after := was.Result(), s.Result()
	out := WhatIf{Changes: []WhatIfChange{}}
	for k := range p.Asking {
		b, a := before.Matches[k], after.Matches[k]
		if slices.Contains(x.leaves, int32(k)) {
			continue
		}
		from, to := p.placed(b, &out.MatchedBefore, &out.ScoreBefore), p.placed(a, &out.MatchedAfter, &out.ScoreAfter)
		if a.Place == b.Place {
			continue
		}
		out.tell(WhatIfChange{id.LeervraagID(p.Questions[p.Asking[k]]), from, to})
	}
	for i := range x.joins {
		if to := p.placed(after.Matches[len(p.Asking)+i], &out.MatchedAfter, &out.ScoreAfter); to.LeerplekID != nil {
			out.tell(WhatIfChange{x.joins[i].id, WhatIfPlace{}, to})
		}
	}
	return out, nil
}

// tell counts a change, and tells of it while there is room.
func (w *WhatIf) tell(c WhatIfChange) {
	if w.Moved++; w.Moved <= maxTold {
		w.Changes = append(w.Changes, c)
	}
}

// placed tells of a match, and counts it.
func (p *problem) placed(m assign.Match, matched *int, sum *int64) WhatIfPlace {
	if m.Place == assign.None {
		return WhatIfPlace{}
	}
	*matched, *sum = *matched+1, *sum+int64(m.Score)
	at, score := id.LeerplekID(p.Places[m.Place]), int(m.Score)
	return WhatIfPlace{&at, &score}
}
