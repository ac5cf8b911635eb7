package matching

import (
	"time"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/matching/relevance"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// Appraisal is what was known of a leervraag and a leerplek when somebody decided about them: for the audit table.
type Appraisal struct {
	Engine         string         `json:"engine"`         // index, or sql when there was no index
	WeightsSource  string         `json:"weights_source"` // tenant or default
	WeightsVersion int            `json:"weights_version"`
	Score          *int           `json:"score"`            // nil when it was ruled out
	Points         map[string]int `json:"points,omitempty"` // by criterion
	Of             map[string]int `json:"of,omitempty"`     // that there could have been
	Reason         string         `json:"reason,omitempty"` // that it was ruled out for
	Told           Told           `json:"-"`                // what speaks for it
}

// Appraise says what a leervraag and a leerplek score now, for whoever decides about them; both are there. It writes nothing
// and makes no index: where there is none it looks as without one. The place's words are those that it has now.
func (s *Service) Appraise(tx *db.Tx, lvr id.LeervraagID, lpl id.LeerplekID) (out Appraisal, err error) {
	err = tx.Unbound("what is decided on is kept whole, whoever decides", func(tx *db.Tx) error {
		a, err := ask(tx, lvr)
		if err != nil {
			return err
		}
		q, err := look(tx, a)
		if err != nil {
			return err
		}
		q.Before = nil // what is being decided does not rule itself out
		set, err := current(tx)
		if err != nil {
			return err
		}
		out.WeightsSource, out.WeightsVersion, out.Engine = "tenant", set.Version, byIndex
		if set.Version == 0 {
			out.WeightsSource = "default"
		}
		ix, err := s.cache.present(tx, q.Today)
		if err != nil {
			return err
		}
		if ix == nil {
			out.Engine = bySQL
			if ix, err = without(tx, q, a, &lpl, false, 0); err != nil {
				return err
			}
		}
		var hit relevance.Hit
		if err := texts(tx, []uuid.UUID{lpl.UUID()}, func(d relevance.Document) { hit = ix.words.Ask(a.words()).Would(d) }); err != nil {
			return err
		}
		ps, err := facts(tx, q.Today, []uuid.UUID{lpl.UUID()}, newKinship())
		if err != nil {
			return err
		}
		if len(ps) == 0 {
			return fault.Missing.New()
		}
		m := q.between(&ps[0])
		m.content, m.confident = hit.Score, true
		out.Told = tell(q, &ps[0], m, hit.Confident)
		w := set.withoutPreference()
		v := judge(&w, q, &ps[0], m)
		if v.reason != possible {
			out.Reason = reasonCodes[v.reason]
			return nil
		}
		out.Score, out.Points, out.Of = &v.score, byName(v.points), byName(w.of())
		delete(out.Points, criterionNames[preference]) // outside a cohort nobody was asked
		delete(out.Of, criterionNames[preference])
		return nil
	})
	return out, err
}

// byName gives points their criteria.
func byName(points [criteria]int) map[string]int {
	out := make(map[string]int, criteria)
	for c, n := range points {
		out[criterionNames[c]] = n
	}
	return out
}

// dismissal says that a leerplek is not suggested for a leervraag any more.
type dismissal struct {
	LeervraagID id.LeervraagID
	LeerplekID  id.LeerplekID
	Reason      *string
	DismissedAt time.Time
}

// pairOf finds a leervraag and a leerplek as the caller sees them, and locks the leervraag.
func pairOf(tx *db.Tx, lvr id.LeervraagID, lpl id.LeerplekID) (a asked, receiving id.OrganisationID, err error) {
	if _, err := tx.Run(`select 1 from leervragen where tenant_id = ? and id = ? for no key update`, tx.Scope.Tenant, lvr); err != nil {
		return a, receiving, err
	}
	if a, err = ask(tx, lvr); err != nil {
		return a, receiving, err
	}
	var p struct{ OrganisationID id.OrganisationID }
	err = db.One(tx, &p, `select organisation_id from leerplekken where tenant_id = ? and id = ?`, tx.Scope.Tenant, lpl)
	return a, p.OrganisationID, err
}

// dismiss keeps a leerplek from being suggested for a leervraag. What was known then goes to the audit table. One that is
// dismissed already stays so, with its first reason.
func (s *Service) dismiss(tx *db.Tx, lvr id.LeervraagID, lpl id.LeerplekID, reason *string) (d dismissal, err error) {
	a, receiving, err := pairOf(tx, lvr, lpl)
	if err != nil {
		return d, err
	}
	known, err := s.Appraise(tx, lvr, lpl)
	if err != nil {
		return d, err
	}
	n, err := tx.Run(`insert into suggestion_dismissals (tenant_id, leervraag_id, leerplek_id, organisation_id, switcher_id, receiving_organisation_id,
			reason, dismissed_at, dismissed_by) values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing`,
		tx.Scope.Tenant, lvr, lpl, a.OrganisationID, a.SwitcherID, receiving, reason, tx.Now, tx.Actor)
	if err != nil {
		return d, err
	}
	if n > 0 {
		if err := fact.Audit(tx, "suggestion.dismiss", lvr, struct {
			LeerplekID id.LeerplekID `json:"leerplek_id"`
			Appraisal
		}{lpl, known}); err != nil {
			return d, err
		}
	}
	err = db.One(tx, &d, `select leervraag_id, leerplek_id, reason, dismissed_at from suggestion_dismissals where tenant_id = ? and leervraag_id = ? and leerplek_id = ?`,
		tx.Scope.Tenant, lvr, lpl)
	return d, err
}

// restore lets a leerplek be suggested for a leervraag again. One that was not dismissed stays as it is.
func restore(tx *db.Tx, lvr id.LeervraagID, lpl id.LeerplekID) error {
	if _, _, err := pairOf(tx, lvr, lpl); err != nil {
		return err
	}
	n, err := tx.Run(`delete from suggestion_dismissals where tenant_id = ? and leervraag_id = ? and leerplek_id = ?`, tx.Scope.Tenant, lvr, lpl)
	if err != nil || n == 0 {
		return err
	}
	return fact.Audit(tx, "suggestion.restore", lvr, map[string]any{"leerplek_id": lpl})
}
