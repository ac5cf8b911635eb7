package match

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm/clause"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// Service holds the verbs of matches.
type Service struct{}

// New is what a match is made of. Whoever makes it knows the leervraag and the leerplek, and locked them.
type New struct {
	LeervraagID             id.LeervraagID
	LeerplekID              id.LeerplekID
	SendingOrganisationID   id.OrganisationID // of the leervraag
	ReceivingOrganisationID id.OrganisationID // of the leerplek
	SwitcherID              id.MedewerkerID   // of the leervraag
	LeercoachIDs            []id.MedewerkerID // at least one; the first one leads
	Internal                bool              // both employers are the same
	RequiredParties         []string          // for an internal match sending alone: that employer decides for itself
	Draft                   bool              // invisible to employers and employees until it is proposed
	Appraisal               any               // what was known of the pair when it was made: for the audit table
	Reasons                 *Reasons          // what spoke for it then, for those concerned; nil where nobody looked
}

// Decision is what a party says to a match, as it was received. Nil is not known or not given.
type Decision struct {
	Party   *string // one of Parties; derived for a bound caller
	GivenBy *string // who said it, at most 200 characters; only its own side reads it
	Channel *string // meeting, phone, mail, link or signed_in
	Reason  *string // at most 2000 characters; only its own side reads it
}

// Create puts a leervraag to a leerplek, as a draft or proposed at once. It fails with IsOpen when these two have an open
// match, and on /leercoach_ids for a coach who does not work at the receiving employer or is the switcher.
func (s Service) Create(_ context.Context, tx *db.Tx, n New) (Match, error) {
	m := Match{ID: id.NewMatch(), LeervraagID: n.LeervraagID, LeerplekID: n.LeerplekID, SendingOrganisationID: n.SendingOrganisationID,
		ReceivingOrganisationID: n.ReceivingOrganisationID, SwitcherID: n.SwitcherID, LeercoachIDs: n.LeercoachIDs, Internal: n.Internal,
		RequiredParties: n.RequiredParties, Status: Proposed, Decisions: Decisions{}}
	if n.Draft {
		m.Status = Draft
	}
	if err := checkCoaches(tx, m); err != nil {
		return m, err
	}
	if err := db.Insert(tx, &m); err != nil {
		return m, err
	}
	if err := fact.Audit(tx, "match.create", m.ID, map[string]any{"leervraag_id": m.LeervraagID, "leerplek_id": m.LeerplekID,
		"leercoach_ids": m.LeercoachIDs, "status": m.Status, "appraisal": n.Appraisal}); err != nil {
		return m, err
	}
	if err := explain(tx, m, n.Reasons); err != nil {
		return m, err
	}
	if err := record(tx, Created, m, !n.Draft); err != nil || n.Draft {
		return m, err
	}
	return m, record(tx, WasProposed, m, true)
}

// checkCoaches says which of the leercoaches cannot be one: twice there, the switcher, or not employed at the receiving
// employer (seed 001, 5.4 "Identificeren van leercoaches").
func checkCoaches(tx *db.Tx, m Match) error {
	var found struct{ Employed db.IDs[id.MedewerkerID] }
	if err := db.One(tx, &found, `select array_agg(id) as employed from medewerkers where tenant_id = ? and organisation_id = ?
		and id = any (?::uuid[]) and (ended_on is null or ended_on >= ?::date)`, tx.Scope.Tenant, m.ReceivingOrganisationID, m.LeercoachIDs, tx.Now); err != nil {
		return err
	}
	e := fault.Unprocessable.New()
	if len(m.LeercoachIDs) == 0 {
		e.At("/leercoach_ids", fault.TooShort, "min", "1")
	}
	for i, c := range m.LeercoachIDs {
		at := "/leercoach_ids/" + strconv.Itoa(i)
		switch {
		case slices.Contains(m.LeercoachIDs[:i], c):
			e.At(at, fault.Repeated)
		case c == m.SwitcherID:
			e.At(at, ownCoach)
		case !slices.Contains(found.Employed, c):
			e.At(at, fault.NoReference)
		}
	}
	if len(e.Fields) > 0 {
		return e
	}
	return nil
}

// Lock reads a match with its decisions, and keeps it from changing until the transaction ends.
func (s Service) Lock(_ context.Context, tx *db.Tx, mid id.MatchID) (Match, error) {
	m, err := db.Lock[Match](tx, mid)
	if err != nil {
		return m, err
	}
	return m, reread(tx, &m)
}

// reread reads the decisions of a match that is locked.
func reread(tx *db.Tx, m *Match) error {
	var r struct{ Decisions Decisions }
	err := db.One(tx, &r, `select `+decisionsColumn+` from matches where tenant_id = ? and id = ?`, tx.Scope.Tenant, m.ID)
	m.Decisions = r.Decisions
	return err
}

// Update gives a draft other leercoaches, and says whether a match that is not decided on fits and can be done.
func (s Service) Update(_ context.Context, tx *db.Tx, m Match, u UpdateInput) (Match, error) {
	a := appraise
	if !slices.Equal([]id.MedewerkerID(m.LeercoachIDs), u.LeercoachIDs) {
		a = change
	}
	if _, err := m.after(a); err != nil {
		return m, err
	}
	after := m
	after.LeercoachIDs, after.Feasibility = u.LeercoachIDs, u.Feasibility
	if a == change {
		if err := checkCoaches(tx, after); err != nil {
			return m, err
		}
	}
	changed, err := db.Change(tx, m, &after)
	if err != nil || !changed {
		return after, err
	}
	return after, record(tx, Updated, after, after.Status != Draft)
}

// Inform notes that an employer, sending or receiving, was told of a match: the guide's last step before the preparation
// (seed 001, 5.5 "Breng de switchende organisaties op de hoogte"). The first time stands.
func (s Service) Inform(_ context.Context, tx *db.Tx, m Match, party string) (Match, error) {
	if _, err := m.after(inform); err != nil {
		return m, err
	}
	after := m
	at := map[string]**time.Time{Sending: &after.SendingInformedAt, Receiving: &after.ReceivingInformedAt}[party]
	if *at != nil {
		return m, nil
	}
	*at = &tx.Now
	if _, err := db.Change(tx, m, &after); err != nil {
		return m, err
	}
	return after, record(tx, Updated, after, true)
}

// Propose puts a draft to its parties. A match that is proposed already stays as it is.
func (s Service) Propose(_ context.Context, tx *db.Tx, m Match) (Match, error) {
	return move(tx, m, propose, WasProposed, true)
}

// Lapse ends a match whose leervraag or leerplek fell away before the parties decided.
func (s Service) Lapse(_ context.Context, tx *db.Tx, m Match) (Match, error) {
	return move(tx, m, lapse, WasLapsed, m.Status != Draft)
}

// Cancel withdraws a match, or ends one whose leeruitwisseling was cancelled.
func (s Service) Cancel(_ context.Context, tx *db.Tx, m Match) (Match, error) {
	return move(tx, m, cancel, WasCancelled, m.Status != Draft)
}

// move brings a match to the state that the action leads to, and tells it unless it was there already.
func move(tx *db.Tx, m Match, a action, t *fact.Type, seen bool) (Match, error) {
	next, err := m.after(a)
	if err != nil || next == m.Status {
		return m, err
	}
	after := m
	after.Status = next
	if _, err := db.Change(tx, m, &after); err != nil {
		return m, err
	}
	if err := fact.Audit(tx, "match."+string(a), m.ID, map[string]any{"from": m.Status}); err != nil {
		return m, err
	}
	return after, record(tx, t, after, seen)
}

// PartyOf is the party that a bound caller is in this match: its employer's side (sending, when both are the same), the
// switcher or a leercoach. An unbound caller is none, "". A bound caller who is none of them gets fault.Missing, as one
// who cannot see the match would.
func (s Service) PartyOf(tx *db.Tx, m Match) (string, error) {
	p := tx.Principal
	switch {
	case p.MedewerkerID != nil && *p.MedewerkerID == m.SwitcherID:
		return Switcher, nil
	case p.MedewerkerID != nil && slices.Contains(m.LeercoachIDs, *p.MedewerkerID):
		return Leercoach, nil
	case p.MedewerkerID != nil:
		return "", fault.Missing.New()
	case p.OrganisationID != nil && *p.OrganisationID == m.SendingOrganisationID:
		return Sending, nil
	case p.OrganisationID != nil && *p.OrganisationID == m.ReceivingOrganisationID:
		return Receiving, nil
	case p.OrganisationID != nil:
		return "", fault.Missing.New()
	}
	return "", nil
}

// party decides who is speaking: a bound caller for itself alone, an unbound one for the party that it names.
func (s Service) party(tx *db.Tx, m Match, named *string) (string, error) {
	own, err := s.PartyOf(tx, m)
	switch {
	case err != nil:
		return "", err
	case own != "" && named != nil && *named != own:
		return "", fault.NotAllowed.New()
	case own != "":
		return own, nil
	case named == nil:
		return "", fault.At("/party", fault.Needed)
	case !slices.Contains(Parties, *named):
		return "", fault.At("/party", fault.NotOneOf, "values", strings.Join(Parties, ", "))
	}
	return *named, nil
}

// Accept notes that a party agrees, and reports whether that makes the match complete: every required party agreed now.
// Then the caller makes the leeruitwisseling and calls Accepted in the same transaction. A party that agreed before
// changes nothing. A party that is not required may agree too: that is noted, and not waited for.
func (s Service) Accept(_ context.Context, tx *db.Tx, m Match, d Decision) (Match, bool, error) {
	party, err := s.party(tx, m, d.Party)
	if err != nil {
		return m, false, err
	}
	if m.decision(party) == Accepted && (m.Status == Proposed || m.Status == Accepted) {
		return m, false, nil
	}
	if _, err := m.after(accept); err != nil {
		return m, false, err
	}
	if err := decide(tx, &m, party, Accepted, d); err != nil {
		return m, false, err
	}
	if m.complete() {
		return m, true, nil
	}
	if err := touch(tx, &m); err != nil {
		return m, false, err
	}
	return m, false, record(tx, Updated, m, true)
}

// Accepted closes a match that Accept reported complete, with the leeruitwisseling that came of it.
func (s Service) Accepted(_ context.Context, tx *db.Tx, m Match, lui id.LeeruitwisselingID) (Match, error) {
	next, err := m.after(complete)
	if err != nil {
		return m, err
	}
	after := m
	after.Status, after.LeeruitwisselingID = next, &lui
	if _, err := db.Change(tx, m, &after); err != nil {
		return m, err
	}
	return after, record(tx, WasAccepted, after, true)
}

// Decline notes that a party says no, and ends the match: nobody is made to go or to coach, so the no of a party that is
// not required counts too (seed 001, 5.4: a leercoach takes part of their own free will). A party may take back its yes
// until the last one decided. A party that declined before changes nothing.
func (s Service) Decline(_ context.Context, tx *db.Tx, m Match, d Decision) (Match, error) {
	party, err := s.party(tx, m, d.Party)
	if err != nil {
		return m, err
	}
	if m.Status == Declined && m.decision(party) == Declined {
		return m, nil
	}
	next, err := m.after(decline)
	if err != nil {
		return m, err
	}
	if err := decide(tx, &m, party, Declined, d); err != nil {
		return m, err
	}
	after := m
	after.Status = next
	if _, err := db.Change(tx, m, &after); err != nil {
		return m, err
	}
	return after, WasDeclined.Record(tx, event(after, true, declinedData{after.Status, after.LeervraagID, after.LeerplekID, party}))
}

// decide writes what a party decided, and its note, where its own side alone reads it. The audit table keeps what was
// decided before.
func decide(tx *db.Tx, m *Match, party string, what Status, d Decision) error {
	if _, err := tx.Run(`insert into match_decisions (tenant_id, match_id, party, sending_organisation_id, receiving_organisation_id, decision, channel, decided_at, recorded_by)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?)
		on conflict (tenant_id, match_id, party) do update set decision = excluded.decision, channel = excluded.channel,
			decided_at = excluded.decided_at, recorded_by = excluded.recorded_by`,
		tx.Scope.Tenant, m.ID, party, m.SendingOrganisationID, m.ReceivingOrganisationID, what, d.Channel, tx.Now, tx.Actor); err != nil {
		return err
	}
	if _, err := tx.Run(`insert into match_notes (tenant_id, match_id, party, organisation_id, given_by, reason) values (?, ?, ?, ?, ?, ?)
		on conflict (tenant_id, match_id, party) do update set given_by = excluded.given_by, reason = excluded.reason`,
		tx.Scope.Tenant, m.ID, party, m.side(party), d.GivenBy, d.Reason); err != nil {
		return err
	}
	if err := fact.Audit(tx, "match.decide", m.ID, map[string]any{"party": party, "decision": what, "channel": d.Channel}); err != nil {
		return err
	}
	return reread(tx, m)
}

// touch raises the revision of a match whose decisions changed and nothing else.
func touch(tx *db.Tx, m *Match) error {
	_, err := tx.Run(`update matches set revision = revision + 1, updated_at = ?, changed_by = ?, on_behalf_of = ?, request_id = ?
		where tenant_id = ? and id = ?`, tx.Now, tx.Actor, tx.OnBehalfOf, tx.RequestID, tx.Scope.Tenant, m.ID)
	m.Revision++
	m.UpdatedAt, m.ChangedBy, m.OnBehalfOf, m.RequestID = tx.Now, tx.Actor, tx.OnBehalfOf, tx.RequestID
	return err
}

// Get reads a match without its decisions, or returns fault.Missing.
func (s Service) Get(tx *db.Tx, mid id.MatchID) (Match, error) { return db.Get[Match](tx, mid) }

// LapseOf ends every match of a leervraag or, where that is nil, of a leerplek that nobody decided on for good, drafts included. It reaches
// the matches of all employers, so a bound caller's journey runs it unbound. The leervraag or leerplek is locked.
func (s Service) LapseOf(ctx context.Context, tx *db.Tx, lvr *id.LeervraagID, lpl *id.LeerplekID) error {
	var open []Match
	q := tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Where("status in ?", []Status{Draft, Proposed})
	if lvr != nil { // no index serves an OR
		q = q.Where("leervraag_id = ?", lvr)
	} else {
		q = q.Where("leerplek_id = ?", lpl)
	}
	err := q.Order("id").Find(&open).Error
	for i := 0; err == nil && i < len(open); i++ {
		_, err = s.Lapse(ctx, tx, open[i])
	}
	return err
}

// OpenOf locks the drafts and proposed matches of a leervraag, which is locked, and reads them, the oldest first.
func (s Service) OpenOf(tx *db.Tx, lvr id.LeervraagID) ([]Match, error) {
	var open []Match
	return open, tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Where("leervraag_id = ?", lvr).
		Where("status in ?", []Status{Draft, Proposed}).Order("id").Find(&open).Error
}
