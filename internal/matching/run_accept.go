package matching

import (
	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/cohort"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// Proposed is what a run came to for one leervraag, as accepting it needs it.
type Proposed struct {
	LeervraagID id.LeervraagID
	LeerplekID  *id.LeerplekID // nil: it found no place
	LeercoachID *id.MedewerkerID
	Pinned      bool
	Answers     bool // the words of the place answer the question
	Settled     bool // accepted before
	MatchID     *id.MatchID
	Grounds     Grounds
}

// Grounds are what a proposal was made on: with them every match can be explained later.
type Grounds struct {
	RunID          id.MatchingRunID `json:"run_id"`
	Algorithm      string           `json:"algorithm"`
	WeightsSource  string           `json:"weights_source"`
	WeightsVersion *int             `json:"weights_version"`
	Weights        Weights          `json:"weights"`
	Score          *int             `json:"score"`
	Pinned         bool             `json:"pinned"`
	Points         map[string]int   `json:"points,omitempty"` // by criterion
	Of             map[string]int   `json:"of,omitempty"`     // that there could have been
}

// Proposals reads what a finished run came to for these leervragen, or with nil all that it proposes, in the order of
// their ids. It locks the run: who accepts at the same time waits. One without a result is RunNotDone, one of a cohort that is
// over cohort.IsClosed: its leervragen are free for another. A leervraag that the run does not know is left out.
func (s *Service) Proposals(tx *db.Tx, rid id.MatchingRunID, lvr []id.LeervraagID) ([]Proposed, error) {
	r, err := db.Lock[Run](tx, rid)
	if err != nil {
		return nil, err
	}
	if r.Status != Done {
		return nil, RunNotDone.With("status", string(r.Status))
	}
	var round struct{ Closed bool }
	// Who takes part does not change meanwhile.
	if err := db.One(tx, &round, `select status = 'closed' as closed from cohorten where tenant_id = ? and id = ? for share`, tx.Scope.Tenant, r.CohortID); err != nil {
		return nil, err
	}
	if round.Closed {
		return nil, cohort.IsClosed.New()
	}
	q := tx.Model(&itemRow{}).Where("run_id = ?", rid).Order("leervraag_id")
	if lvr != nil {
		q = q.Where("leervraag_id in ?", append([]id.LeervraagID{{}}, lvr...)) // never empty, which would be no SQL
	} else {
		q = q.Where("standing in ?", []string{chosen, pinnedOn})
	}
	var rows []itemRow
	if err := q.Omit("ID").Find(&rows).Error; err != nil {
		return nil, err
	}
	out := make([]Proposed, len(rows))
	for i, row := range rows {
		g := Grounds{RunID: rid, Algorithm: *r.Algorithm, WeightsSource: r.WeightsSource, WeightsVersion: r.WeightsVersion, Weights: r.Weights.V, Score: row.Score,
			Pinned: row.Standing == pinnedOn}
		if points := row.Detail.V.Points; points != nil {
			g.Points, g.Of = byName(*points), byName(r.Weights.V.of())
		}
		out[i] = Proposed{row.LeervraagID, row.LeerplekID, row.LeercoachID, g.Pinned, row.Detail.V.Answers, row.Standing == isSettled, row.MatchID, g}
	}
	return out, nil
}

// Why what a run proposes cannot be, besides the reasons of judging.
const (
	notInCohort  = "not_in_cohort" // the leervraag or the leerplek takes part no more
	cohortClosed = "cohort_closed" // nothing else stands in the way
)

// StillPossible says why what a run proposes cannot be any more, by its reason code; "" when it can, and then what speaks for it
// now. Both have to take part in the cohort of the run still. What people pinned is held to what a match made by hand is held to; the
// rest also to who are rivals in the cohort.
func (s *Service) StillPossible(tx *db.Tx, rid id.MatchingRunID, of Proposed) (why string, t Told, err error) {
	_, q, p, round, err := standing(tx, rid, of.LeervraagID, *of.LeerplekID)
	if err != nil {
		return "", t, err
	}
	if !round.Both {
		return notInCohort, t, nil
	}
	if p == nil {
		return reasonCodes[notPublished], t, nil
	}
	m := q.between(p)
	t = tell(q, p, m, of.Answers)
	if of.Pinned {
		q, p, m = bare(q), byHand(p), measure{hectometres: unknown, days: unknown}
	}
	m.confident = true // people read it and agree
	if v := ruledOut(q, p, m); v != possible {
		return reasonCodes[v], t, nil
	}
	lacks := noCoach
	for i := range p.coaches {
		if p.coaches[i].id == uuid.UUID(*of.LeercoachID) {
			lacks = q.lack(&p.coaches[i])
		}
	}
	return reasonCodes[lacks], t, nil
}

// round is how the cohort of a run stands now.
type round struct {
	CohortID id.CohortID
	Closed   bool
	Both     bool              // the leervraag and the leerplek that are asked about take part in it
	IDs      db.IDs[uuid.UUID] `gorm:"column:ids"` // rivals in it of the switcher's employer
}

// standing reads how a leervraag and a leerplek stand now, for a run: the rivals of its cohort count, and the open match of
// the leervraag does not stand in its way. The place is nil where there is no such leerplek.
func standing(tx *db.Tx, rid id.MatchingRunID, lvr id.LeervraagID, lpl id.LeerplekID) (a asked, q *question, p *place, now round, err error) {
	if a, err = ask(tx, lvr); err != nil {
		return a, nil, nil, now, err
	}
	if q, err = look(tx, a); err != nil {
		return a, nil, nil, now, err
	}
	for l, b := range q.Before {
		b.proposed = false
		q.Before[l] = b
	}
	if err := db.One(tx, &now, `select r.cohort_id, o.status = 'closed' as closed,
			exists (select 1 from cohort_leervragen l where l.tenant_id = r.tenant_id and l.cohort_id = r.cohort_id and l.leervraag_id = @leervraag)
			and exists (select 1 from cohort_leerplekken l where l.tenant_id = r.tenant_id and l.cohort_id = r.cohort_id and l.leerplek_id = @leerplek) as both,
			array(select case when c.organisation_id = @own then c.rival_id else c.organisation_id end
				from cohort_rivals c where c.tenant_id = r.tenant_id and c.cohort_id = r.cohort_id and (c.organisation_id = @own or c.rival_id = @own)) as ids
		from matching_runs r join cohorten o on o.tenant_id = r.tenant_id and o.id = r.cohort_id where r.tenant_id = @tenant and r.id = @run`,
		map[string]any{"tenant": tx.Scope.Tenant, "run": rid, "own": q.OrganisationID, "leervraag": lvr, "leerplek": lpl}); err != nil {
		return a, nil, nil, now, err
	}
	days, err := termOf(tx, now.CohortID)
	if err != nil {
		return a, nil, nil, now, err
	}
	q.Year, q.Available = days.year(q.Today), days.within(q.Available)
	for _, o := range now.IDs {
		q.Rivals[o] = true
	}
	ps, err := facts(tx, q.Today, []uuid.UUID{lpl.UUID()}, newKinship())
	if err != nil || len(ps) == 0 {
		return a, q, nil, now, err
	}
	return a, q, &ps[0], now, nil
}

// bare is a question without what does not keep people from making a match by hand.
func bare(q *question) *question {
	return &question{ID: q.ID, OrganisationID: q.OrganisationID, SwitcherID: q.SwitcherID, Internal: q.Internal, Today: q.Today, Year: q.Year, Employer: q.Employer}
}

// byHand is a place in the same way. How much room there is counts still.
func byHand(p *place) *place {
	out := *p
	out.languages, out.requirements, out.site = nil, nil, nil
	return &out
}

// Decided notes which match came of a proposal.
func (s *Service) Decided(tx *db.Tx, rid id.MatchingRunID, lvr id.LeervraagID, mid id.MatchID) error {
	n, err := tx.Run(`update matching_run_places set match_id = ? where tenant_id = ? and run_id = ? and leervraag_id = ?`, mid, tx.Scope.Tenant, rid, lvr)
	if err == nil && n == 0 {
		err = fault.Missing.New()
	}
	return err
}
