package cohort

import (
	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
)

// cohortData is what a fact about a cohort adds.
type cohortData struct {
	Status    Status    `json:"status" enums:"draft,open,closed" doc:"How far it is."`
	FromOn    day.Date  `json:"from_on" doc:"Its first day."`
	UntilOn   *day.Date `json:"until_on" doc:"Its last day; null while it is not known."`
	KickOffOn *day.Date `json:"kick_off_on" doc:"The day of the kick-off; null while it is not known."`

	TerugkommomentOn *day.Date `json:"terugkommoment_on" doc:"The day on which all participants come together afterwards; null while it is not known."`
}

// The facts about cohorten.
var (
	Created = fact.Define("cohort.created", "A cohort was begun, as a draft.", cohortData{}).Revised(2)
	Updated = fact.Define("cohort.updated", "Something about a cohort changed: its dates, its state, its rivals, or who takes part.", cohortData{}).Revised(2)
)

// record tells a fact about the cohort as it is now. No employer hears of it: who else takes part is the ST-partner's.
func record(tx *db.Tx, t *fact.Type, c Cohort) error {
	return t.Record(tx, fact.Event{Subject: c.ID, Revision: c.Revision, Data: cohortData{c.Status, c.FromOn, c.UntilOn, c.KickOffOn, c.TerugkommomentOn}})
}
