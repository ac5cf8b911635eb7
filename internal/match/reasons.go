package match

import (
	"context"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// Where a match comes from.
const (
	ByHand  = "hand" // people put the two side by side
	FromRun = "run"  // a matching run proposed it, and people accepted
)

// Reasons are why a match was made, as each side may know it: codes without a score. docs/matching.md says what they mean, and
// matching finds them.
type Reasons struct {
	Origin    string   // ByHand or FromRun
	Sending   []string // for the switcher and their employer
	Receiving []string // for the leercoaches and theirs
}

// explain keeps why a match was made. A side reads its own part.
func explain(tx *db.Tx, m Match, r *Reasons) error {
	if r == nil {
		return nil
	}
	return tx.Later(`insert into match_reasons (tenant_id, match_id, party, organisation_id, origin, reasons)
		values (?, ?, 'sending', ?, ?, cast(? as text[])), (?, ?, 'receiving', ?, ?, cast(? as text[]))`,
		tx.Scope.Tenant, m.ID, m.SendingOrganisationID, r.Origin, db.Strings(r.Sending),
		tx.Scope.Tenant, m.ID, m.ReceivingOrganisationID, r.Origin, db.Strings(r.Receiving))
}

// ReasonsWire is why a match was made, as the caller may know it.
type ReasonsWire struct {
	MatchID   id.MatchID `json:"match_id" example:"mat_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Origin    *string    `json:"origin" enums:"hand,run" extensions:"x-nullable" example:"run"`                                                                                                                              // by hand, or proposed by a matching run; null where that was not kept
	Sending   *[]string  `json:"sending" enums:"content,within_reach,public_transport,days_in_common,language,requirements_met,same_size,same_workforce,sector_wish" extensions:"x-nullable" example:"content,within_reach"` // for the switcher and their employer; null for the other side, and where it was not kept
	Receiving *[]string  `json:"receiving" enums:"content,days_in_common,room" extensions:"x-nullable" example:"content,days_in_common"`                                                                                     // for the leercoaches and their employer; null likewise
} // @name MatchReasons

// reasons says why a match was made. Row-level security leaves out what is the other side's.
//
//	@Summary		Read why a match was made
//	@Description	What spoke for it when it was made, in codes that docs/matching.md explains, without a score and without preferences. Callers bound to an employer or an employee read what concerns their side; the other side is null.
//	@ID				getMatchReasons
//	@Tags			match
//	@Param			id	path		string	true	"the match"	example(mat_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200	{object}	ReasonsWire
//	@Router			/v1/matches/{id}/reasons [get]
func (s Service) reasons(_ context.Context, tx *db.Tx, in byID) (ReasonsWire, error) {
	var r struct {
		Origin             *string
		Sending, Receiving *db.Strings
	}
	err := db.One(tx, &r, `select coalesce(s.origin, r.origin) as origin, s.reasons as sending, r.reasons as receiving from matches m
		left join match_reasons s on s.tenant_id = m.tenant_id and s.match_id = m.id and s.party = 'sending'
		left join match_reasons r on r.tenant_id = m.tenant_id and r.match_id = m.id and r.party = 'receiving'
		where m.tenant_id = ? and m.id = ?`, tx.Scope.Tenant, in.ID)
	return ReasonsWire{in.ID, r.Origin, (*[]string)(r.Sending), (*[]string)(r.Receiving)}, err
}
