package matching

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// runRoutes are the doors of matching runs; accepting what they propose is a journey.
func (s *Service) runRoutes() []web.Route {
	return []web.Route{
		web.Post("/v1/matching-runs", "matching_run:write", s.startRun, web.Accepted),
		web.List("/v1/matching-runs", "matching_run:read", s.listRuns, web.Syncs),
		web.Get("/v1/matching-runs/:id", "matching_run:read", s.getRun),
		web.Act("/v1/matching-runs/:id/cancel", "matching_run:write", s.cancelRun),
		web.List("/v1/matching-runs/:id/matches", "matching_run:read", s.listProposals, web.Snapshot),
		web.List("/v1/matching-runs/:id/unmatched", "matching_run:read", s.listUnmatched, web.Snapshot),
		web.GetInSteps("/v1/matching-runs/:id/explain", "matching_run:read", s.explainPair, web.Snapshot),
		web.GetInSteps("/v1/matching-runs/:id/what-if", "matching_run:read", s.whatIf, web.Snapshot),
		web.Get("/v1/cohorten/:id/matching-weights", "matching:read", s.getCohortWeights, web.Snapshot),
		web.Put("/v1/cohorten/:id/matching-weights", "matching:write", s.putCohortWeights),
		web.Delete("/v1/cohorten/:id/matching-weights", "matching:write", s.deleteCohortWeights),
	}
}

// RunWire is a matching run as callers see it.
type RunWire struct {
	ID             id.MatchingRunID  `json:"id" example:"mrn_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	CohortID       id.CohortID       `json:"cohort_id" example:"coh_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Status         RunStatus         `json:"status" enums:"queued,running,done,failed,cancelled" example:"done"`
	Progress       Progress          `json:"progress"`
	BasedOn        *id.MatchingRunID `json:"based_on" extensions:"x-nullable" example:"mrn_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Objective      string            `json:"objective" enums:"total,worst_off_first" example:"total"`
	Floor          int               `json:"floor" example:"0"`
	StabilityBonus int               `json:"stability_bonus" example:"500"`
	Reciprocity    bool              `json:"reciprocity" example:"true"`
	Weights        Weights           `json:"weights"`
	WeightsSource  string            `json:"weights_source" enums:"run,cohort,tenant,default" example:"tenant"`
	WeightsVersion *int              `json:"weights_version" extensions:"x-nullable" example:"3"` // of the cohort's or the tenant's
	Pins           []Pin             `json:"pins"`
	StartedAt      *time.Time        `json:"started_at" format:"date-time" extensions:"x-nullable" example:"2027-01-11T08:00:01Z"`
	EndedAt        *time.Time        `json:"ended_at" format:"date-time" extensions:"x-nullable" example:"2027-01-11T08:00:02Z"`
	Failure        *string           `json:"failure" enums:"pins_do_not_fit,not_certified,based_on_unreadable,took_too_long,interrupted" extensions:"x-nullable"`
	Algorithm      *string           `json:"algorithm" extensions:"x-nullable" example:"1"` // the same input and algorithm give the same result
	InputHash      *string           `json:"input_hash" extensions:"x-nullable" example:"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`
	ResultHash     *string           `json:"result_hash" extensions:"x-nullable" example:"60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"`
	Summary        *Summary          `json:"summary" extensions:"x-nullable"` // once it is done
	web.Meta
} // @name MatchingRun

// Progress is how far a run is.
type Progress struct {
	Stage string `json:"stage" enums:"waiting,loading,judging,solving,pricing,certifying,explaining,storing,ended" example:"judging"`
	Done  int    `json:"done" example:"120"` // leervragen, in this stage
	Total int    `json:"total" example:"400"`
} // @name MatchingRunProgress

// Location is where the run can be read.
func (w RunWire) Location() string { return "/v1/matching-runs/" + w.ID.String() }

func runWire(r Run) RunWire {
	w := RunWire{ID: r.ID, CohortID: r.CohortID, Status: r.Status, Progress: Progress{r.Stage, r.Done, r.Total}, BasedOn: r.BasedOn, Objective: r.Objective,
		Floor: r.Floor, StabilityBonus: r.StabilityBonus, Reciprocity: r.Reciprocity, Weights: r.Weights.V, WeightsSource: r.WeightsSource,
		WeightsVersion: r.WeightsVersion, Pins: r.Pins.V, StartedAt: utc(r.StartedAt), EndedAt: utc(r.EndedAt), Failure: r.Failure, Algorithm: r.Algorithm,
		InputHash: hexed(r.InputHash), ResultHash: hexed(r.ResultHash), Meta: web.MetaOf(r.Row)}
	if r.Summary != nil {
		w.Summary = &r.Summary.V
	}
	return w
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

func hexed(b []byte) *string {
	if b == nil {
		return nil
	}
	s := hex.EncodeToString(b)
	return &s
}

type startRunReq struct {
	Body RunInput `body:"json"`
}

// startRun asks for a matching run.
//
//	@Summary		Match a cohort
//	@Description	Answers at once; the run is computed in the background: follow its progress, or the fact matching_run.updated. As many leervragen as possible get a place, and of all ways to do that it is the best one, which is proved. Nothing is proposed: read the result, and accept what you agree with. Accepted matches stay; where a leervraag has an open match, or stood in the run that this one is based on, it keeps its place unless another is better by more than the stability bonus, in points of 10,000. Pins stay whatever else would be better. Weights are the run's own, or else the cohort's, or else the tenant's. With reciprocity, an employer that received more than it sent is spared where that costs little. One run of a cohort at a time.
//	@ID				createMatchingRun
//	@Tags			matching
//	@Param			body	body		RunInput	true	"the run"
//	@Success		202		{object}	RunWire
//	@Router			/v1/matching-runs [post]
func (s *Service) startRun(ctx context.Context, tx *db.Tx, in startRunReq) (RunWire, error) {
	r, err := s.start(ctx, tx, in.Body)
	return runWire(r), err
}

// RunFilters are what runs can be filtered by.
type RunFilters struct {
	CohortID *id.CohortID `form:"cohort_id"`
	Status   []RunStatus  `form:"status" enums:"queued,running,done,failed,cancelled"`
}

type listRunsReq struct {
	page.SyncParams
	RunFilters
}

// listRuns reads matching runs.
//
//	@Summary		List matching runs
//	@Description	With updated_since, or a cursor that began with it, the list can be followed for ever.
//	@ID				listMatchingRuns
//	@Tags			matching
//	@Param			limit			query		int			false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param			cursor			query		string		false	"where to go on"
//	@Param			sort			query		string		false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Param			updated_since	query		string		false	"follow the changes since this time"	Format(date-time)
//	@Param			cohort_id		query		string		false	"of this cohort"	example(coh_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			status			query		[]string	false	"in these states"	collectionFormat(csv)	Enums(queued,running,done,failed,cancelled)
//	@Success		200				{object}	page.Page[RunWire]
//	@Router			/v1/matching-runs [get]
func (s *Service) listRuns(_ context.Context, tx *db.Tx, in listRunsReq) (page.Page[RunWire], error) {
	q := tx.Model(&Run{})
	if in.CohortID != nil {
		q = q.Where("cohort_id = ?", *in.CohortID)
	}
	if len(in.Status) > 0 {
		q = q.Where("status in ?", in.Status)
	}
	return page.Sync(tx, in.SyncParams, in.RunFilters, q, runWire)
}

type runReq struct {
	ID id.MatchingRunID `uri:"id"`
}

// getRun reads one matching run.
//
//	@Summary		Read a matching run
//	@Description	The summary is there once it is done; the matches and the unmatched leervragen have lists of their own.
//	@ID				getMatchingRun
//	@Tags			matching
//	@Param			id	path		string	true	"the run"	example(mrn_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200	{object}	RunWire
//	@Router			/v1/matching-runs/{id} [get]
func (s *Service) getRun(_ context.Context, tx *db.Tx, in runReq) (RunWire, error) {
	r, err := db.Get[Run](tx, in.ID)
	return runWire(r), err
}

// cancelRun stops a matching run.
//
//	@Summary	Cancel a matching run
//	@ID			cancelMatchingRun
//	@Tags		matching
//	@Param		id	path		string	true	"the run"	example(mrn_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	200	{object}	RunWire
//	@Router		/v1/matching-runs/{id}/cancel [post]
func (s *Service) cancelRun(_ context.Context, tx *db.Tx, in runReq) (RunWire, error) {
	r, err := s.cancel(tx, in.ID)
	return runWire(r), err
}

// Proposal is a match that a run proposes.
type Proposal struct {
	LeervraagID id.LeervraagID   `json:"leervraag_id" example:"lvr_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	LeerplekID  id.LeerplekID    `json:"leerplek_id" example:"lpl_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	LeercoachID *id.MedewerkerID `json:"leercoach_id" extensions:"x-nullable" example:"mdw_01jd8m5x9nf3tvhg5w6rkz2c4r"`
	Score       *int             `json:"score" extensions:"x-nullable" example:"7420"` // of 10000; null for what was accepted before
	Parts       []ProposalPart   `json:"parts"`                                        // sum up to the score
	Pinned      bool             `json:"pinned" example:"false"`
	Settled     bool             `json:"settled" example:"false"` // its match was accepted before
	Change      string           `json:"change" enums:"kept,moved,new" example:"moved"`
	Before      *BeforeRun       `json:"before" extensions:"x-nullable"`                                            // where it stood, of what moved
	Gain        *int             `json:"gain" extensions:"x-nullable" example:"520"`                                // points more than before, where it could have stayed; it may be negative for the good of all
	MatchID     *id.MatchID      `json:"match_id" extensions:"x-nullable" example:"mat_01jd8m5x9nf3tvhg5w6rkz2c4q"` // what came of it, once accepted
} // @name MatchingRunMatch

// ProposalPart is what one criterion adds to the score of a proposal.
type ProposalPart struct {
	Criterion string `json:"criterion" enums:"content,preference,distance,availability,size,workforce,cross_sector" example:"content"`
	Points    int    `json:"points" example:"4310"`
	Of        int    `json:"of" example:"5500"`
} // @name MatchingRunPart

// Unmatched is a leervraag without a place, and why.
type Unmatched struct {
	LeervraagID id.LeervraagID `json:"leervraag_id" example:"lvr_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Reason      string         `json:"reason" enums:"not_open,no_candidates,below_floor,closed,full,not_worth" example:"full"` // full: its places go to others, for whom that is worth more; closed: they had no room left before the run
	RuledOut    []RuledOut     `json:"ruled_out"`                                                                              // of no_candidates and closed: what rules the leerplekken of the cohort out
	NearestFix  *Fix           `json:"nearest_fix" extensions:"x-nullable"`                                                    // null: no single thing would do
	Change      string         `json:"change" enums:"dropped,none" example:"none"`
	Before      *BeforeRun     `json:"before" extensions:"x-nullable"` // where it stood, of what was dropped
} // @name MatchingRunUnmatched

// itemRow is an item as it is stored.
type itemRow struct {
	TenantID    id.TenantID
	RunID       id.MatchingRunID
	LeervraagID id.LeervraagID
	Standing    string
	Change      string
	LeerplekID  *id.LeerplekID
	LeercoachID *id.MedewerkerID
	Score       *int
	Detail      document[detail]
	MatchID     *id.MatchID
	ID          uuid.UUID `gorm:"->"` // the leervraag's, by which pages are cut
}

// TableName is the table of what runs come to.
func (itemRow) TableName() string { return "matching_run_places" }

// Key places an item in a list.
func (i itemRow) Key() (int64, uuid.UUID) { return 0, i.LeervraagID.UUID() }

func (i itemRow) proposal(w Weights) Proposal {
	p := Proposal{LeervraagID: i.LeervraagID, LeerplekID: *i.LeerplekID, LeercoachID: i.LeercoachID, Score: i.Score, Parts: []ProposalPart{},
		Pinned: i.Standing == pinnedOn, Settled: i.Standing == isSettled, Change: i.Change, Before: i.Detail.V.Before, MatchID: i.MatchID}
	if points := i.Detail.V.Points; points != nil {
		for c, of := range w.of() {
			p.Parts = append(p.Parts, ProposalPart{criterionNames[c], points[c], of})
		}
	}
	if p.Before != nil && p.Before.Score != nil && p.Score != nil {
		gain := *p.Score - *p.Before.Score
		p.Gain = &gain
	}
	return p
}

func (i itemRow) unmatched() Unmatched {
	u := Unmatched{LeervraagID: i.LeervraagID, Reason: i.Detail.V.Reason, RuledOut: i.Detail.V.RuledOut, NearestFix: i.Detail.V.Fix, Change: i.Change, Before: i.Detail.V.Before}
	if u.RuledOut == nil {
		u.RuledOut = []RuledOut{}
	}
	return u
}

// ProposalFilters are what proposals can be filtered by.
type ProposalFilters struct {
	Change []string `form:"change" enums:"kept,moved,new"`
}

type listProposalsReq struct {
	runReq
	page.Params
	ProposalFilters
}

// listProposals reads what a run proposes.
//
//	@Summary		List the matches of a run
//	@Description	A preview: nothing is proposed to anybody until it is accepted. change compares with today: the leervraag's open match, or where it stood in the run that this one is based on.
//	@ID				listMatchingRunMatches
//	@Tags			matching
//	@Param			id		path		string		true	"the run"	example(mrn_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			limit	query		int			false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param			cursor	query		string		false	"where to go on"
//	@Param			sort	query		string		false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Param			change	query		[]string	false	"these changes"	collectionFormat(csv)	Enums(kept,moved,new)
//	@Success		200		{object}	page.Page[Proposal]
//	@Failure		409	{object}	web.Problem
//	@Router			/v1/matching-runs/{id}/matches [get]
func (s *Service) listProposals(_ context.Context, tx *db.Tx, in listProposalsReq) (page.Page[Proposal], error) {
	r, err := finished(tx, in.ID)
	if err != nil {
		return page.Page[Proposal]{}, err
	}
	inner := tx.Model(&itemRow{}).Select("*, leervraag_id as id").Where("run_id = ? and standing <> 'unmatched'", in.ID)
	if len(in.Change) > 0 {
		inner = inner.Where("change in ?", in.Change)
	}
	return page.List(tx, in.Params, []any{in.ID, in.ProposalFilters}, tx.Table("(?) as matching_run_places", inner),
		func(i itemRow) Proposal { return i.proposal(r.Weights.V) })
}

// finished reads a run that has a result, or returns RunNotDone.
func finished(tx *db.Tx, rid id.MatchingRunID) (Run, error) {
	r, err := db.Get[Run](tx, rid)
	if err == nil && r.Status != Done {
		err = RunNotDone.With("status", string(r.Status))
	}
	return r, err
}

type listUnmatchedReq struct {
	runReq
	page.Params
}

// listUnmatched reads which leervragen a run leaves without a place.
//
//	@Summary		List the leervragen that a run leaves without a place
//	@Description	Each with its reason, and the one thing that would give it a place: room at a leerplek or of a leercoach, one rule less, or a lower floor.
//	@ID				listMatchingRunUnmatched
//	@Tags			matching
//	@Param			id		path		string	true	"the run"	example(mrn_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			limit	query		int		false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param			cursor	query		string	false	"where to go on"
//	@Param			sort	query		string	false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Success		200		{object}	page.Page[Unmatched]
//	@Failure		409	{object}	web.Problem
//	@Router			/v1/matching-runs/{id}/unmatched [get]
func (s *Service) listUnmatched(_ context.Context, tx *db.Tx, in listUnmatchedReq) (page.Page[Unmatched], error) {
	if _, err := finished(tx, in.ID); err != nil {
		return page.Page[Unmatched]{}, err
	}
	inner := tx.Model(&itemRow{}).Select("*, leervraag_id as id").Where("run_id = ? and standing = 'unmatched'", in.ID)
	return page.List(tx, in.Params, in.ID, tx.Table("(?) as matching_run_places", inner), itemRow.unmatched)
}

// Explanation is what it would cost to put a leervraag somewhere else.
type Explanation struct {
	LeervraagID id.LeervraagID `json:"leervraag_id" example:"lvr_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	LeerplekID  id.LeerplekID  `json:"leerplek_id" example:"lpl_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Outcome     string         `json:"outcome" enums:"chosen,fixed,ruled_out,below_floor,impossible,costs" example:"costs"`
	Reason      *string        `json:"reason" enums:"not_published,own_organisation,other_organisation,rival,excluded_department,excluded_function,no_coach,coach_ended,coach_condition_no,coach_full,coach_year_full,full,too_far,no_public_transport,no_common_days,other_language,requirement_not_met,rejected_before,dismissed,off_topic,not_in_cohort,cohort_closed" extensions:"x-nullable" example:"too_far"` // of what is ruled out, as the rows are now; null: nothing rules it out any more
	Score       *int           `json:"score" extensions:"x-nullable" example:"7010"`                                                                                                                                                                                                                                                                                                                                 // of the pair; null where it is ruled out
	Price       *int64         `json:"price" extensions:"x-nullable" example:"640"`                                                                                                                                                                                                                                                                                                                                  // points that all together would lose
	Moves       *int           `json:"moves" extensions:"x-nullable" example:"2"`                                                                                                                                                                                                                                                                                                                                    // how many others would go elsewhere
	LeavesOut   *bool          `json:"leaves_out" extensions:"x-nullable" example:"false"`                                                                                                                                                                                                                                                                                                                           // one of them would have no place
} // @name MatchingRunExplanation

type explainReq struct {
	runReq
	LeervraagID *id.LeervraagID `form:"leervraag_id"`
	LeerplekID  *id.LeerplekID  `form:"leerplek_id"`
}

// explainPair says why a run did not put a leervraag on a leerplek.
//
//	@Summary		Ask why a run did not choose a leerplek
//	@Description	costs: it could be, and price says exactly how many points all together would lose, whatever others would do then. chosen: it is there. fixed: the leervraag is pinned, was accepted before, or took no part. ruled_out: a rule or the words rule the leerplek out: reason names the first that does now, the rivals of the cohort included; not_in_cohort where one of the two takes part no more, cohort_closed where nothing else does and the cohort is over. below_floor: it scores under the floor of the run. impossible: pinned matches leave no way. The price tells of the run as it was computed; in one for the worst off, while nobody else goes below the lowest score that it reached.
//	@ID				explainMatchingRun
//	@Tags			matching
//	@Param			id				path		string	true	"the run"	example(mrn_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			leervraag_id	query		string	true	"the leervraag"	example(lvr_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			leerplek_id		query		string	true	"the leerplek"	example(lpl_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200				{object}	Explanation
//	@Failure		409	{object}	web.Problem
//	@Router			/v1/matching-runs/{id}/explain [get]
func (s *Service) explainPair(ctx context.Context, read web.Reads, in explainReq) (Explanation, error) {
	var r Run
	if err := read(func(tx *db.Tx) (err error) {
		r, err = finished(tx, in.ID)
		return err
	}); err != nil {
		return Explanation{}, err
	}
	// Asked for once the run is known to be there.
	missing := fault.BadParameter.New()
	if in.LeervraagID == nil {
		missing.In("leervraag_id", fault.Needed)
	}
	if in.LeerplekID == nil {
		missing.In("leerplek_id", fault.Needed)
	}
	if len(missing.Fields) > 0 {
		return Explanation{}, missing
	}
	return s.whyNot(ctx, read, r, *in.LeervraagID, *in.LeerplekID)
}

// CohortWeights are the weights of a cohort.
type CohortWeights struct {
	Own       *Weights `json:"own" extensions:"x-nullable"` // null: the tenant's count
	Counting  Weights  `json:"counting"`                    // the cohort's own, or else the tenant's
	Version   int      `json:"version" example:"1"`         // of the cohort's; 0: it never had any
	InsteadOf int      `json:"instead_of" example:"3"`      // the version of the tenant's that counted when they were set; 0: the defaults
} // @name CohortWeights

// ETag is the version as an entity tag.
func (w CohortWeights) ETag() string { return tag(w.Version) }

func cohortWeights(tx *db.Tx, w *cohortWeighing) (CohortWeights, error) {
	tenants, err := current(tx)
	out := CohortWeights{Counting: tenants}
	if w != nil {
		out.Own, out.Version, out.InsteadOf = w.weights(), w.Version, w.InsteadOf
	}
	if out.Own != nil {
		out.Counting = *out.Own
	}
	return out, err
}

type cohortReq struct {
	ID id.CohortID `uri:"id"`
}

// getCohortWeights reads the weights of a cohort.
//
//	@Summary	Read the weights of a cohort
//	@ID			getCohortMatchingWeights
//	@Tags		matching
//	@Param		id	path		string	true	"the cohort"	example(coh_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	200	{object}	CohortWeights
//	@Router		/v1/cohorten/{id}/matching-weights [get]
func (s *Service) getCohortWeights(_ context.Context, tx *db.Tx, in cohortReq) (CohortWeights, error) {
	if err := db.One(tx, &struct{ ID id.CohortID }{}, `select id from cohorten where tenant_id = ? and id = ?`, tx.Scope.Tenant, in.ID); err != nil {
		return CohortWeights{}, err
	}
	w, err := newestOf(tx, in.ID)
	if err != nil {
		return CohortWeights{}, err
	}
	return cohortWeights(tx, w)
}

type putCohortWeightsReq struct {
	cohortReq
	web.IfMatch
	Body Weights `body:"json"`
}

// putCohortWeights gives a cohort weights of its own.
//
//	@Summary		Give a cohort weights of its own
//	@Description	They count in place of the tenant's for the runs of this cohort. Every change is a version; runs name the one that they were computed with.
//	@ID				putCohortMatchingWeights
//	@Tags			matching
//	@Param			id		path		string	true	"the cohort"	example(coh_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		Weights	true	"the weights"
//	@Success		200		{object}	CohortWeights
//	@Failure		409		{object}	web.Problem
//	@Router			/v1/cohorten/{id}/matching-weights [put]
func (s *Service) putCohortWeights(_ context.Context, tx *db.Tx, in putCohortWeightsReq) (CohortWeights, error) {
	w, err := setCohortWeights(tx, in.ID, &in.Body, in.Check)
	if err != nil {
		return CohortWeights{}, err
	}
	return cohortWeights(tx, &w)
}

type deleteCohortWeightsReq struct {
	cohortReq
	web.IfMatch
}

// deleteCohortWeights lets the tenant's weights count for a cohort again.
//
//	@Summary	Let the tenant's weights count for a cohort again
//	@ID			deleteCohortMatchingWeights
//	@Tags		matching
//	@Param		id	path	string	true	"the cohort"	example(coh_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	204
//	@Failure	409	{object}	web.Problem
//	@Router		/v1/cohorten/{id}/matching-weights [delete]
func (s *Service) deleteCohortWeights(_ context.Context, tx *db.Tx, in deleteCohortWeightsReq) (web.None, error) {
	_, err := setCohortWeights(tx, in.ID, nil, in.Check)
	return web.None{}, err
}
