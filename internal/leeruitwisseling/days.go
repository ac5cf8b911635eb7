package leeruitwisseling

import (
	"context"
	"slices"
	"strconv"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/hours"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// DayInput is what a caller says of a day: whole when it is added, and as the base of a merge patch.
type DayInput struct {
	DateOn       day.Date           `json:"date_on" binding:"required" format:"date" example:"2027-01-11"`
	Starts       string             `json:"starts" binding:"required" format:"clock" maxLength:"5" example:"09:00"`
	Ends         string             `json:"ends" binding:"required" format:"clock" maxLength:"5" example:"16:30"`
	BreakMinutes int                `json:"break_minutes" binding:"required" minimum:"0" maximum:"1440" example:"30"`
	SiteID       *id.SiteID         `json:"site_id" extensions:"x-nullable" example:"sit_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	LeercoachIDs *[]id.MedewerkerID `json:"leercoach_ids" validate:"max=20,unique" extensions:"x-nullable" example:"mdw_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Programme    Programme          `json:"programme" validate:"max=50"`
} // @name LeeruitwisselingDayInput

// onto lays the input over a day of the exchange and checks it against everything else: the clock, the host's people,
// and the switcher's other days.
func (s Service) onto(tx *db.Tx, l Leeruitwisseling, in DayInput, d *Day) error {
	if !slices.EqualFunc(in.Programme, d.Programme, ProgrammeItem.equal) {
		if err := l.mayPrepare(tx.Scope, *d); err != nil {
			return err
		}
	}
	d.DateOn, d.Starts, d.Ends, d.BreakMinutes, d.SiteID = in.DateOn, in.Starts, in.Ends, in.BreakMinutes, in.SiteID
	d.Programme, d.LeercoachIDs = in.Programme, nil
	if in.LeercoachIDs != nil && len(*in.LeercoachIDs) > 0 {
		d.LeercoachIDs = (*db.IDs[id.MedewerkerID])(in.LeercoachIDs)
	}
	zone, err := s.Zone(tx)
	if err != nil {
		return err
	}
	if err := d.schedule(zone); err != nil {
		return err
	}
	if err := checkCoaches(tx, l, d.DateOn, d.LeercoachIDs); err != nil {
		return err
	}
	return free(tx, l, *d, "/date_on")
}

// checkCoaches refuses a leercoach twice, or one whom the host does not employ on the day.
func checkCoaches(tx *db.Tx, l Leeruitwisseling, on day.Date, coaches *db.IDs[id.MedewerkerID]) error {
	if coaches == nil {
		return nil
	}
	found, err := known[id.MedewerkerID](tx, `select id from medewerkers where tenant_id = ? and id in ? and organisation_id = ?
		and (ended_on is null or ended_on >= ?)`, tx.Scope.Tenant, []id.MedewerkerID(*coaches), l.ReceivingOrganisationID, on)
	if err != nil {
		return err
	}
	e := fault.Unprocessable.New()
	seen := map[id.MedewerkerID]bool{}
	for i, c := range *coaches {
		at := "/leercoach_ids/" + strconv.Itoa(i)
		switch {
		case !found[c]:
			e.At(at, fault.NoReference)
		case seen[c]:
			e.At(at, fault.Repeated)
		}
		seen[c] = true
	}
	if len(e.Fields) > 0 {
		return e
	}
	return nil
}

// maxDays bounds the days of one exchange, which every answer about it shows. The method takes one or two.
const maxDays = 100

// addDay adds a day. It may lie in the past: an exchange is often recorded afterwards.
func (s Service) addDay(ctx context.Context, tx *db.Tx, lid id.LeeruitwisselingID, in DayInput) (Leeruitwisseling, Day, error) {
	l, err := s.changeable(ctx, tx, lid)
	if err != nil {
		return l, Day{}, err
	}
	var n int
	if err := tx.Select(&n, `select count(*) from leeruitwisseling_days where tenant_id = ? and leeruitwisseling_id = ?`, tx.Scope.Tenant, lid); err != nil {
		return l, Day{}, err
	}
	if n >= maxDays {
		return l, Day{}, fault.At("/date_on", tooManyDays, "max", strconv.Itoa(maxDays))
	}
	d := Day{ID: id.NewDay(), LeeruitwisselingID: l.ID, SendingOrganisationID: l.SendingOrganisationID, ReceivingOrganisationID: l.ReceivingOrganisationID}
	if err := s.onto(tx, l, in, &d); err != nil {
		return l, d, err
	}
	if err := db.Insert(tx, &d); err != nil {
		return l, d, err
	}
	return l, d, touchedDays(tx, &l)
}

// changeDay locks the exchange of a day, which locks the day, and lets apply change it.
func (s Service) changeDay(ctx context.Context, tx *db.Tx, lid id.LeeruitwisselingID, did id.DayID, check func(Day) error, apply func(*DayInput) error) (Leeruitwisseling, Day, error) {
	l, before, err := s.openDay(ctx, tx, lid, did)
	if err != nil {
		return l, before, err
	}
	if err := check(before); err != nil {
		return l, before, err
	}
	in := DayInput{before.DateOn, before.Starts, before.Ends, before.BreakMinutes, before.SiteID, (*[]id.MedewerkerID)(before.LeercoachIDs), before.Programme}
	if err := apply(&in); err != nil {
		return l, before, err
	}
	after := before
	if err := s.onto(tx, l, in, &after); err != nil {
		return l, before, err
	}
	changed, err := db.Change(tx, before, &after)
	if err != nil || !changed {
		return l, after, err
	}
	return l, after, touchedDays(tx, &l)
}

// removeDay takes a day out of an exchange. While it was not marked, nobody counted on it.
func (s Service) removeDay(ctx context.Context, tx *db.Tx, lid id.LeeruitwisselingID, did id.DayID) error {
	l, d, err := s.openDay(ctx, tx, lid, did)
	if err != nil {
		return err
	}
	if _, err := tx.Run(`delete from leeruitwisseling_days where tenant_id = ? and id = ?`, tx.Scope.Tenant, d.ID); err != nil {
		return err
	}
	return touchedDays(tx, &l)
}

// prepareDay replaces the plan of a day that nobody attended yet.
func (s Service) prepareDay(ctx context.Context, tx *db.Tx, lid id.LeeruitwisselingID, did id.DayID, check func(Day) error, p Programme) (Leeruitwisseling, Day, error) {
	l, before, err := s.openDay(ctx, tx, lid, did)
	if err != nil {
		return l, before, err
	}
	if err := check(before); err != nil {
		return l, before, err
	}
	if err := l.mayPrepare(tx.Scope, before); err != nil {
		return l, before, err
	}
	after := before
	after.Programme = p
	changed, err := db.Change(tx, before, &after)
	if err != nil || !changed {
		return l, after, err
	}
	return l, after, touched(tx, &l)
}

// openDay locks the exchange and reads a day of it that may still be moved.
func (s Service) openDay(ctx context.Context, tx *db.Tx, lid id.LeeruitwisselingID, did id.DayID) (Leeruitwisseling, Day, error) {
	l, err := s.Lock(ctx, tx, lid)
	if err != nil {
		return l, Day{}, err
	}
	d, err := getDay(tx, lid, did)
	if err != nil {
		return l, d, err
	}
	if _, err := l.after(Change); err != nil {
		return l, d, err
	}
	if d.Marked() {
		return l, d, DayMarked.New()
	}
	return l, d, nil
}

// AttendInput says whether the switcher was there.
type AttendInput struct {
	Attended      bool         `json:"attended" binding:"required" example:"true"`
	Hours         *hours.Hours `json:"hours" minimum:"0" maximum:"24" extensions:"x-nullable" example:"7"`
	SafetyBriefed bool         `json:"safety_briefed" example:"true"`
} // @name AttendInput

// attend notes attendance of a day, from that day on and until the exchange is completed; the first one begins the
// exchange. Hours left out are the day's own.
func (s Service) attend(ctx context.Context, tx *db.Tx, lid id.LeeruitwisselingID, did id.DayID, in AttendInput) error {
	l, err := s.Lock(ctx, tx, lid)
	if err != nil {
		return err
	}
	before, err := getDay(tx, lid, did)
	if err != nil {
		return err
	}
	to, err := l.after(Attend)
	if err != nil {
		return err
	}
	zone, err := s.Zone(tx)
	if err != nil {
		return err
	}
	if day.At(tx.Now, zone).Before(before.DateOn) {
		return DayNotYet.With("date", before.DateOn.String())
	}
	after := before
	after.Attended, after.AttendedHours, after.SafetyBriefed = &in.Attended, in.Hours, &in.SafetyBriefed
	switch {
	case !in.Attended && in.Hours != nil && *in.Hours != 0:
		return fault.At("/hours", notAttended)
	case !in.Attended:
		after.AttendedHours = nil
	case in.Hours == nil:
		after.AttendedHours = &before.Hours
	}
	if in.Attended {
		if err := free(tx, l, after, "/attended"); err != nil {
			return err
		}
	}
	if same(before.Attended, after.Attended) && same(before.AttendedHours, after.AttendedHours) && same(before.SafetyBriefed, after.SafetyBriefed) {
		return nil
	}
	after.MarkedAt = &tx.Now
	if _, err := db.Change(tx, before, &after); err != nil {
		return err
	}
	if err := fact.Audit(tx, "leeruitwisseling.attend", did, map[string]any{"leeruitwisseling_id": lid, "attended": in.Attended,
		"hours": after.AttendedHours, "safety_briefed": in.SafetyBriefed}); err != nil {
		return err
	}
	if to == l.Status {
		return touched(tx, &l)
	}
	begun := l
	begun.Status = to
	if _, err := db.Change(tx, l, &begun); err != nil {
		return err
	}
	return recordUpdated(tx, begun)
}

func same[T comparable](a, b *T) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }
