package matching

import (
	"time"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/matching/relevance"
	"github.com/switchingtalent/switchboard/internal/platform/db"
)

// wording is what a tenant's words are read with: ESCO where it was imported, the tenant's own synonyms, and what its
// people decided before.
type wording struct {
	options   relevance.Options
	decisions []relevance.Decision
	version   int // of the synonyms
}

// maxLearned is how many of the last decisions an index learns from.
const maxLearned = 1000

// relearn is how often an index that lives on learns from what was decided since.
const relearn = time.Hour

// words reads them, in a transaction that sees all of the tenant; esco is when the classification was imported.
func (c *cache) words(tx *db.Tx, esco time.Time) (w wording, err error) {
	if !esco.IsZero() {
		v, err := c.esco(tx, esco)
		if err != nil {
			return w, err
		}
		if v != nil {
			w.options.Vocabularies = []*relevance.Vocabulary{v}
		}
	}
	own, err := newestWording(tx)
	if err != nil {
		return w, err
	}
	w.options.Synonyms = own.lists()
	if w.decisions, err = decisions(tx); err != nil {
		return w, err
	}
	w.version = own.Version
	return w, nil
}

// decisions are the last that people of the tenant took on a leervraag and a leerplek, in the order in which they were
// taken: accepted matches, and suggestions that were dismissed.
func decisions(tx *db.Tx) ([]relevance.Decision, error) {
	var rows []struct {
		Title, Question string
		Goals, Topics   db.Strings
		LeerplekID      uuid.UUID
		Accepted        bool
	}
	err := tx.Select(&rows, `select l.title, l.question, l.goals, l.topics, d.leerplek_id, d.accepted
		from (select * from (
				(select leervraag_id, leerplek_id, true as accepted, updated_at as at from matches where tenant_id = @tenant and status = 'accepted'
					order by updated_at desc, leervraag_id, leerplek_id limit @most)
				union all
				(select leervraag_id, leerplek_id, false, dismissed_at from suggestion_dismissals where tenant_id = @tenant
					order by dismissed_at desc, leervraag_id, leerplek_id limit @most)) both_kinds
			order by at desc, leervraag_id, leerplek_id limit @most) d
		join leervragen l on l.tenant_id = @tenant and l.id = d.leervraag_id
		order by d.at, d.leervraag_id, d.leerplek_id`, map[string]any{"tenant": tx.Scope.Tenant, "most": maxLearned})
	out := make([]relevance.Decision, len(rows))
	for i, r := range rows {
		out[i] = relevance.Decision{Question: relevance.Question{Title: r.Title, Text: r.Question, Goals: r.Goals, Topics: r.Topics}, Document: relevance.ID(r.LeerplekID), Accepted: r.Accepted}
	}
	return out, err
}
