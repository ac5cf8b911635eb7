package leeruitwisseling

import (
	"context"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// Service holds the verbs of exchanges.
type Service struct {
	Zone func(tx *db.Tx) (*time.Location, error) // the tenant's zone
}

// New is what an exchange starts from: the accepted match, and what the host needs to know, as it was at that moment.
type New struct {
	MatchID                 id.MatchID
	LeervraagID             id.LeervraagID
	LeerplekID              id.LeerplekID
	SendingOrganisationID   id.OrganisationID
	ReceivingOrganisationID id.OrganisationID
	SwitcherID              id.MedewerkerID
	LeercoachIDs            []id.MedewerkerID // the first one leads
	SendingName             string
	ReceivingName           string
	SwitcherName            string
	SwitcherJobTitle        string
	SwitcherLanguage        string // two letters
	LeervraagVersion        int
	LeervraagTitle          string
	LeervraagText           string // what the host may read of the question
	LeerplekTitle           string
	MeetingPoint            *string
	SafetyNote              *string
	SiteID                  *id.SiteID
}

// Start makes an exchange of an accepted match, in state preparing. A match has one: a second fails with fault.Exists.
func (s Service) Start(_ context.Context, tx *db.Tx, n New) (Leeruitwisseling, error) {
	l := Leeruitwisseling{ID: id.NewLeeruitwisseling(), MatchID: n.MatchID, LeervraagID: n.LeervraagID, LeerplekID: n.LeerplekID,
		SendingOrganisationID: n.SendingOrganisationID, ReceivingOrganisationID: n.ReceivingOrganisationID,
		SwitcherID: n.SwitcherID, LeercoachIDs: n.LeercoachIDs, Internal: n.SendingOrganisationID == n.ReceivingOrganisationID,
		Status: Preparing, SendingName: n.SendingName, ReceivingName: n.ReceivingName, SwitcherName: n.SwitcherName,
		SwitcherJobTitle: n.SwitcherJobTitle, SwitcherLanguage: n.SwitcherLanguage, LeervraagVersion: n.LeervraagVersion,
		LeervraagTitle: n.LeervraagTitle, LeervraagText: n.LeervraagText, LeerplekTitle: n.LeerplekTitle,
		MeetingPoint: n.MeetingPoint, SafetyNote: n.SafetyNote, SiteID: n.SiteID}
	if err := db.Insert(tx, &l); err != nil {
		return l, err
	}
	return l, record(tx, Created, l, createdData{l.Status, l.MatchID, l.LeervraagID, l.LeerplekID})
}

// Lock reads an exchange and keeps it from changing until the transaction ends, or fails with fault.Missing.
func (s Service) Lock(_ context.Context, tx *db.Tx, lid id.LeeruitwisselingID) (Leeruitwisseling, error) {
	return db.Lock[Leeruitwisseling](tx, lid)
}

// Days reads the days of an exchange in the order in which they begin.
func (s Service) Days(tx *db.Tx, lid id.LeeruitwisselingID) ([]Day, error) {
	days := []Day{}
	return days, tx.Where("leeruitwisseling_id = ?", lid).Order("starts_at, id").Find(&days).Error
}

// View reads an exchange as callers see it.
func (s Service) View(tx *db.Tx, lid id.LeeruitwisselingID) (Wire, error) {
	w, err := getWhole(tx, lid)
	return WireOf(w.Leeruitwisseling, w.DayRows, w.Signed), err
}

// ActiveFor counts the exchanges that go on for a leervraag: preparing, planned or in progress, of whichever employer.
func (s Service) ActiveFor(tx *db.Tx, lvr id.LeervraagID) (n int, err error) {
	err = tx.Unbound("capacity counts the exchanges of every employer", func(tx *db.Tx) error {
		return tx.Select(&n, `select count(*) from leeruitwisselingen where tenant_id = ? and leervraag_id = ? and status in ?`, tx.Scope.Tenant, lvr, active)
	})
	return n, err
}

// change locks an exchange that may still change, lets apply change it, and writes and records what differs.
func (s Service) change(ctx context.Context, tx *db.Tx, lid id.LeeruitwisselingID, apply func(*Leeruitwisseling) error) (before, after Leeruitwisseling, err error) {
	if before, err = s.changeable(ctx, tx, lid); err != nil {
		return before, before, err
	}
	after = before
	if err := apply(&after); err != nil {
		return before, before, err
	}
	changed, err := db.Change(tx, before, &after)
	if err != nil || !changed {
		return before, after, err
	}
	return before, after, recordUpdated(tx, after)
}

// changeable locks an exchange and refuses one that is over.
func (s Service) changeable(ctx context.Context, tx *db.Tx, lid id.LeeruitwisselingID) (Leeruitwisseling, error) {
	l, err := s.Lock(ctx, tx, lid)
	if err != nil {
		return l, err
	}
	_, err = l.after(Change)
	return l, err
}

// meet plans the kennismakingsgesprek, moves it, or notes how it went.
func (s Service) meet(ctx context.Context, tx *db.Tx, lid id.LeeruitwisselingID, check func(Leeruitwisseling) error, k Kennismakingsgesprek) error {
	before, after, err := s.change(ctx, tx, lid, func(l *Leeruitwisseling) error {
		if err := check(*l); err != nil {
			return err
		}
		if err := checkParticipants(tx, *l, k.Participants); err != nil {
			return err
		}
		if err := distinct("/agenda", k.Agenda); err != nil {
			return err
		}
		k.place()
		l.Kennismakingsgesprek = &k
		return nil
	})
	if err != nil {
		return err
	}
	if was := before.Kennismakingsgesprek; was != nil && was.StartsAt.Equal(k.StartsAt) && was.Minutes == k.Minutes {
		return nil
	}
	return record(tx, ConversationPlanned, after, conversationData{k.StartsAt, k.Minutes})
}

// checkParticipants refuses ids of another kind than they say, people twice, and people of neither employer.
func checkParticipants(tx *db.Tx, l Leeruitwisseling, all []Participant) error {
	e := fault.Unprocessable.New()
	medewerkers, contacts := map[id.MedewerkerID]int{}, map[id.ContactID]int{}
	seen := map[string]bool{}
	for i, p := range all {
		at := "/participants/" + strconv.Itoa(i) + "/id"
		var m id.MedewerkerID
		var c id.ContactID
		var member id.MemberID
		var err error
		format := m.Format()
		switch p.Kind {
		case "medewerker":
			err = m.UnmarshalText([]byte(p.ID))
			medewerkers[m] = i
		case "contact":
			err, format = c.UnmarshalText([]byte(p.ID)), c.Format()
			contacts[c] = i
		case "member":
			err, format = member.UnmarshalText([]byte(p.ID)), member.Format()
		}
		switch {
		case err != nil:
			e.At(at, fault.Unusable, "format", format)
		case seen[p.ID]:
			e.At(at, fault.Twice)
		}
		seen[p.ID] = true
	}
	if len(e.Fields) > 0 {
		return e
	}
	employers := []id.OrganisationID{l.SendingOrganisationID, l.ReceivingOrganisationID}
	people, err := known[id.MedewerkerID](tx, `select id from medewerkers where tenant_id = ? and id in ? and organisation_id in ?`,
		tx.Scope.Tenant, slices.Collect(maps.Keys(medewerkers)), employers)
	if err != nil {
		return err
	}
	others, err := known[id.ContactID](tx, `select id from contacts where tenant_id = ? and id in ? and organisation_id in ?`,
		tx.Scope.Tenant, slices.Collect(maps.Keys(contacts)), employers)
	if err != nil {
		return err
	}
	absent := slices.Concat(absentFrom(people, medewerkers), absentFrom(others, contacts))
	slices.Sort(absent)
	for _, i := range absent {
		e.At("/participants/"+strconv.Itoa(i)+"/id", fault.NoReference)
	}
	if len(e.Fields) > 0 {
		return e
	}
	return nil
}

// absentFrom lists where those stand who were named and are not known.
func absentFrom[ID comparable](known map[ID]bool, named map[ID]int) (at []int) {
	for x, i := range named {
		if !known[x] {
			at = append(at, i)
		}
	}
	return at
}

// distinct refuses a list in which something stands twice.
func distinct(pointer string, list []string) error {
	e := fault.Unprocessable.New()
	for i, x := range list {
		if slices.Contains(list[:i], x) {
			e.At(pointer+"/"+strconv.Itoa(i), fault.Repeated)
		}
	}
	if len(e.Fields) > 0 {
		return e
	}
	return nil
}

// agree writes the leeractieplan. check sees the exchange as it was.
func (s Service) agree(ctx context.Context, tx *db.Tx, lid id.LeeruitwisselingID, check func(Leeruitwisseling) error, p Leeractieplan) error {
	if err := distinct("/drawn_up_by", p.DrawnUpBy); err != nil {
		return err
	}
	_, _, err := s.change(ctx, tx, lid, func(l *Leeruitwisseling) error {
		if err := check(*l); err != nil {
			return err
		}
		l.PlanGoals, l.PlanActivities, l.PlanPeople = (*db.Strings)(&p.Goals), (*db.Strings)(&p.Activities), (*db.Strings)(&p.PeopleToMeet)
		l.PlanSuccess, l.PlanMotive, l.PlanMeaning, l.PlanHowToAnswer = p.Success, p.Motive, p.Meaning, p.HowToAnswer
		l.PlanMustCover, l.PlanCuriousAbout, l.PlanDrawnUpBy = p.MustCover, p.CuriousAbout, p.DrawnUpBy
		return nil
	})
	return err
}

// settle writes what was found out about insurance and safety. Bound employers each answer for themselves: the sending
// one insures accidents at work and on the way, the host its liability, and it informs on risks (see Insurance, Checks).
func (s Service) settle(ctx context.Context, tx *db.Tx, lid id.LeeruitwisselingID, check func(Leeruitwisseling) error, c Checks) error {
	before, after, err := s.change(ctx, tx, lid, func(l *Leeruitwisseling) error {
		if err := check(*l); err != nil {
			return err
		}
		i := c.Insurance
		if !same(l.InsuredWorkAccident, i.WorkAccident) || !same(l.InsuredCommute, i.Commute) {
			if err := l.mayTell(tx.Scope, Sending); err != nil {
				return err
			}
		}
		if !same(l.InsuredLiability, i.Liability) || l.SafetyExchanged != c.SafetyInformationExchanged {
			if err := l.mayTell(tx.Scope, Receiving); err != nil {
				return err
			}
		}
		l.InsuredWorkAccident, l.InsuredCommute, l.InsuredLiability = i.WorkAccident, i.Commute, i.Liability
		l.SafetyExchanged = c.SafetyInformationExchanged
		return nil
	})
	if err != nil || before.Revision == after.Revision {
		return err
	}
	return fact.Audit(tx, "leeruitwisseling.checks", lid, c)
}

// sign keeps a party's yes to the agreement as it reads now. The same party's yes to the same text is the outcome that
// was reached before.
func (s Service) sign(ctx context.Context, tx *db.Tx, lid id.LeeruitwisselingID, in SignInput) error {
	l, err := s.changeable(ctx, tx, lid)
	if err != nil {
		return err
	}
	if err := l.speaksFor(tx.Scope, in.Party); err != nil {
		return err
	}
	// What staff types in is a record of a signature; a caller who is the party signs by being who it is. Links come with
	// a door of their own.
	methods := []string{"recorded"}
	if tx.Scope.Kind != db.ScopeTenant {
		methods = []string{"signed_in", "recorded"} // an employer's own software may keep what was signed on paper
	}
	if !slices.Contains(methods, in.Method) {
		return fault.At("/method", fault.NoChoice, "values", strings.Join(methods, ", "))
	}
	days, err := s.Days(tx, lid)
	if err != nil {
		return err
	}
	_, hash := l.agreement(days)
	n, err := tx.Run(`insert into leeruitwisseling_signatures as s (tenant_id, leeruitwisseling_id, party, sending_organisation_id,
			receiving_organisation_id, signed_by, method, document_hash, signed_at, recorded_by) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		on conflict (tenant_id, leeruitwisseling_id, party) do update set signed_by = excluded.signed_by, method = excluded.method,
			document_hash = excluded.document_hash, signed_at = excluded.signed_at, recorded_by = excluded.recorded_by
		where s.document_hash <> excluded.document_hash`,
		tx.Scope.Tenant, lid, in.Party, l.SendingOrganisationID, l.ReceivingOrganisationID, in.SignedBy, in.Method, hash[:], tx.Now, tx.Actor)
	if err != nil || n == 0 {
		return err
	}
	if err := fact.Audit(tx, "leeruitwisseling.sign", lid, map[string]string{"party": in.Party, "method": in.Method, "document_hash": hex.EncodeToString(hash[:])}); err != nil {
		return err
	}
	return touched(tx, &l)
}

// plan fixes the days, or fails with NotReady and everything that is missing.
func (s Service) plan(ctx context.Context, tx *db.Tx, lid id.LeeruitwisselingID) error {
	before, err := s.Lock(ctx, tx, lid)
	if err != nil {
		return err
	}
	to, err := before.after(Plan)
	if err != nil || to == before.Status {
		return err
	}
	w, err := getWhole(tx, lid)
	if err != nil {
		return err
	}
	if err := before.ready(w.DayRows, w.Signed); err != nil {
		return err
	}
	after := before
	after.Status, after.PlannedAt = to, &tx.Now
	if _, err := db.Change(tx, before, &after); err != nil {
		return err
	}
	_, hash := after.agreement(w.DayRows)
	if err := fact.Audit(tx, "leeruitwisseling.plan", lid, map[string]string{"document_hash": hex.EncodeToString(hash[:])}); err != nil {
		return err
	}
	data := plannedData{Status: to, FromOn: w.DayRows[0].DateOn}
	for _, d := range w.DayRows {
		data.UntilOn, data.Hours = d.DateOn, data.Hours+d.Hours
	}
	return record(tx, WasPlanned, after, data)
}

// Complete ends an exchange whose days are all marked, or fails with DaysUnmarked. One that is completed already is
// returned as it is. The exchange is locked, and days are its own.
func (s Service) Complete(_ context.Context, tx *db.Tx, l Leeruitwisseling, days []Day) (Leeruitwisseling, error) {
	to, err := l.after(Complete)
	if err != nil || to == l.Status {
		return l, err
	}
	e := DaysUnmarked.New()
	if len(days) == 0 {
		e.At("/days", fault.Required)
	}
	for i, d := range days {
		if !d.Marked() {
			e.At("/days/"+strconv.Itoa(i), unmarked, "day", d.ID.String(), "date", d.DateOn.String())
		}
	}
	if len(e.Fields) > 0 {
		return l, e
	}
	after := l
	after.Status, after.CompletedAt = to, &tx.Now
	if _, err := db.Change(tx, l, &after); err != nil {
		return l, err
	}
	total := AttendedTotal(days)
	if err := fact.Audit(tx, "leeruitwisseling.complete", l.ID, map[string]any{"hours": total}); err != nil {
		return l, err
	}
	return after, record(tx, WasCompleted, after, completedData{to, total})
}

// Cancellation is why and by whom an exchange is called off.
type Cancellation struct {
	Reason  string  // illness, employer, switcher, leercoach, safety, other
	ByParty string  // sending, receiving, switcher, leercoach, partner
	Note    *string // kept with that party's employer: the other one does not read it
}

// Cancel calls an exchange off; days that were attended still count. One that is cancelled already is returned as it is.
// A bound caller cancels as the party that it is, or fails with fault.NotAllowed. The exchange is locked.
func (s Service) Cancel(_ context.Context, tx *db.Tx, l Leeruitwisseling, c Cancellation) (Leeruitwisseling, error) {
	if err := l.speaksFor(tx.Scope, c.ByParty); err != nil {
		return l, err
	}
	to, err := l.after(Cancel)
	if err != nil || to == l.Status {
		return l, err
	}
	days, err := s.Days(tx, l.ID)
	if err != nil {
		return l, err
	}
	after := l
	after.Status, after.CancelledAt, after.CancelReason, after.CancelledByParty = to, &tx.Now, &c.Reason, &c.ByParty
	if _, err := db.Change(tx, l, &after); err != nil {
		return l, err
	}
	if c.Note != nil && *c.Note != "" {
		err := tx.Unbound("what a switcher or leercoach says stands with their employer", func(tx *db.Tx) error {
			_, err := writeNote(tx, l.ID, l.side(c.ByParty), *c.Note)
			return err
		})
		if err != nil {
			return l, err
		}
	}
	if err := fact.Audit(tx, "leeruitwisseling.cancel", l.ID, map[string]string{"reason": c.Reason, "by_party": c.ByParty}); err != nil {
		return l, err
	}
	return after, record(tx, WasCancelled, after, cancelledData{to, c.Reason, c.ByParty, AttendedTotal(days)})
}

// writeNote keeps a note for one side, or with nil for the ST-partner.
func writeNote(tx *db.Tx, lid id.LeeruitwisselingID, side *id.OrganisationID, text string) (Note, error) {
	n := Note{ID: uuid.Must(uuid.NewV7()), LeeruitwisselingID: lid, OrganisationID: side, At: tx.Now, WrittenBy: tx.Actor, Text: text}
	return n, db.Insert(tx, &n)
}

// note keeps what a side wrote down. A bound caller writes for its own employer; anybody else for one of the two, or for
// the ST-partner itself. Nobody but the employers and the ST-partner has a side of their own.
func (s Service) note(tx *db.Tx, lid id.LeeruitwisselingID, in NoteInput) (Note, error) {
	l, err := db.Get[Leeruitwisseling](tx, lid)
	if err != nil {
		return Note{}, err
	}
	side := in.OrganisationID
	if tx.Scope.Kind == db.ScopeMedewerker {
		return Note{}, fault.NotAllowed.New()
	}
	if tx.Scope.Kind == db.ScopeOrganisation {
		own := id.OrganisationID(tx.Scope.Organisation)
		if side == nil {
			side = &own
		}
		if *side != own {
			return Note{}, fault.At("/organisation_id", fault.NoReference)
		}
	}
	if side != nil && *side != l.SendingOrganisationID && *side != l.ReceivingOrganisationID {
		return Note{}, fault.At("/organisation_id", fault.NoReference)
	}
	return writeNote(tx, lid, side, in.Text)
}

// Get reads an exchange without its days, or returns fault.Missing.
func (s Service) Get(tx *db.Tx, lid id.LeeruitwisselingID) (Leeruitwisseling, error) {
	return db.Get[Leeruitwisseling](tx, lid)
}
