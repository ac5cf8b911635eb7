package matching

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// AppraisalWire is what a match was made on, whole: for the ST-partner. Of one whose appraisal was not kept all is null, and
// there are no parts.
type AppraisalWire struct {
	MatchID        id.MatchID          `json:"match_id" example:"mat_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	RunID          *id.MatchingRunID   `json:"run_id" extensions:"x-nullable" example:"mrn_01jd8m5x9nf3tvhg5w6rkz2c4q"` // the matching run that proposed it; null when it was made by hand
	Pinned         *bool               `json:"pinned" extensions:"x-nullable" example:"false"`                          // people decided beforehand that the run leaves it there; null when it was made by hand
	Algorithm      *string             `json:"algorithm" extensions:"x-nullable" example:"1"`                           // of the run
	Engine         *string             `json:"engine" enums:"index,sql" extensions:"x-nullable" example:"index"`        // of one by hand; sql: this process had no index of the network at that moment: it was being made, the network is too large for one, or nobody had asked this process for suggestions lately
	WeightsSource  *string             `json:"weights_source" enums:"run,cohort,tenant,default" extensions:"x-nullable" example:"tenant"`
	WeightsVersion *int                `json:"weights_version" extensions:"x-nullable" example:"3"`                                                                                                                                                                                                                                                             // of the tenant's or the cohort's; 0 or null for others
	Score          *int                `json:"score" extensions:"x-nullable" example:"8420"`                                                                                                                                                                                                                                                                    // of 10000, the sum of the parts; null when a rule spoke against it
	RuledOut       *string             `json:"ruled_out" enums:"own_organisation,other_organisation,rival,excluded_department,excluded_function,no_coach,coach_ended,coach_condition_no,coach_full,coach_year_full,full,too_far,no_public_transport,no_common_days,other_language,requirement_not_met,not_published" extensions:"x-nullable" example:"too_far"` // the rule that spoke against it when people made it all the same; null when none did
	Parts          []AppraisalPartWire `json:"parts"`
} // @name MatchAppraisal

// AppraisalPartWire is what one criterion added to a score.
type AppraisalPartWire struct {
	Criterion string `json:"criterion" enums:"content,preference,distance,availability,size,workforce,cross_sector" example:"content"`
	Points    int    `json:"points" example:"4310"`
	Of        *int   `json:"of" extensions:"x-nullable" example:"5500"` // null where that was not kept
} // @name MatchAppraisalPart

type appraisalReq struct {
	ID id.MatchID `uri:"id"`
}

// keptAppraisal is an Appraisal, or the Grounds of a run, as the audit table has it.
type keptAppraisal struct {
	RunID          *id.MatchingRunID `json:"run_id"`
	Pinned         *bool             `json:"pinned"`
	Algorithm      *string           `json:"algorithm"`
	Engine         *string           `json:"engine"`
	WeightsSource  *string           `json:"weights_source"`
	WeightsVersion *int              `json:"weights_version"`
	Score          *int              `json:"score"`
	Reason         *string           `json:"reason"`
	Points         map[string]int    `json:"points"`
	Of             map[string]int    `json:"of"`
}

// appraisal reads what a match was made on. The audit table is the tenant's own: nobody who is bound reads it.
//
//	@Summary		Read what a match was made on
//	@Description	The score and its parts when it was made, with the version of the weights, and the matching run that proposed it. For the ST-partner: it may hold what a switcher prefers.
//	@ID				getMatchAppraisal
//	@Tags			match
//	@Param			id	path		string	true	"the match"	example(mat_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200	{object}	AppraisalWire
//	@Router			/v1/matches/{id}/appraisal [get]
func (s *Service) appraisal(_ context.Context, tx *db.Tx, in appraisalReq) (AppraisalWire, error) {
	out := AppraisalWire{MatchID: in.ID, Parts: []AppraisalPartWire{}}
	var r struct{ Appraisal []byte }
	if err := db.One(tx, &r, `select (select a.details->'appraisal' from audit a where a.tenant_id = m.tenant_id and a.subject_id = m.id
		and a.action = 'match.create' limit 1) as appraisal from matches m where m.tenant_id = ? and m.id = ?`, tx.Scope.Tenant, in.ID); err != nil {
		return out, err
	}
	if r.Appraisal == nil {
		return out, nil
	}
	var k keptAppraisal
	if err := json.Unmarshal(r.Appraisal, &k); err != nil {
		return out, fmt.Errorf("matching: appraisal of %s: %w", in.ID, err)
	}
	out.RunID, out.Pinned, out.Algorithm, out.Engine, out.Score, out.RuledOut = k.RunID, k.Pinned, k.Algorithm, k.Engine, k.Score, k.Reason
	out.WeightsSource, out.WeightsVersion = k.WeightsSource, k.WeightsVersion
	for _, name := range criterionNames {
		if points, ok := k.Points[name]; ok {
			p := AppraisalPartWire{Criterion: name, Points: points}
			if of, ok := k.Of[name]; ok {
				p.Of = &of
			}
			out.Parts = append(out.Parts, p)
		}
	}
	return out, nil
}
