package leeruitwisseling

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/hours"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

func TestTransitions_SayWhereEveryActionLeadsFromEveryState(t *testing.T) {
	t.Parallel()
	want := map[Status]map[Action]string{
		Preparing:  {Change: "preparing", Plan: "planned", Attend: "leeruitwisseling-preparing", Complete: "leeruitwisseling-preparing", Cancel: "cancelled"},
		Planned:    {Change: "planned", Plan: "planned", Attend: "in_progress", Complete: "completed", Cancel: "cancelled"},
		InProgress: {Change: "in_progress", Plan: "leeruitwisseling-in-progress", Attend: "in_progress", Complete: "completed", Cancel: "cancelled"},
		Completed:  {Change: "leeruitwisseling-completed", Plan: "leeruitwisseling-completed", Attend: "leeruitwisseling-completed", Complete: "completed", Cancel: "leeruitwisseling-completed"},
		Cancelled:  {Change: "leeruitwisseling-cancelled", Plan: "leeruitwisseling-cancelled", Attend: "leeruitwisseling-cancelled", Complete: "leeruitwisseling-cancelled", Cancel: "cancelled"},
	}
	require.Len(t, want, len(Statuses))
	for _, s := range Statuses {
		require.Len(t, want[s], len(Actions), s)
		for _, a := range Actions {
			to, err := Leeruitwisseling{Status: s}.after(a)
			got := string(to)
			if err != nil {
				require.Equal(t, s, to, "a refusal leaves the state as it is")
				var f *fault.Error
				require.ErrorAs(t, err, &f)
				require.Equal(t, fault.Conflict, f.Problem.Kind)
				got = f.Problem.Code
			}
			require.Equal(t, want[s][a], got, "%s %s", s, a)
		}
	}
}

func TestSchedule_CountsWhatADayOrNightLasts(t *testing.T) {
	t.Parallel()
	brussels, err := time.LoadLocation("Europe/Brussels")
	require.NoError(t, err)
	for name, c := range map[string]struct {
		on           day.Date
		starts, ends string
		pause        int
		hours        hours.Hours
		from, until  string
	}{
		"a day":                               {day.Of(2027, 1, 11), "09:00", "16:30", 30, 700, "2027-01-11T08:00:00Z", "2027-01-11T15:30:00Z"},
		"a summer day":                        {day.Of(2027, 7, 5), "09:00", "16:30", 30, 700, "2027-07-05T07:00:00Z", "2027-07-05T14:30:00Z"},
		"a third of an hour":                  {day.Of(2027, 1, 11), "09:00", "16:20", 0, 733, "2027-01-11T08:00:00Z", "2027-01-11T15:20:00Z"},
		"a night":                             {day.Of(2027, 1, 11), "22:00", "06:00", 0, 800, "2027-01-11T21:00:00Z", "2027-01-12T05:00:00Z"},
		"a day and night":                     {day.Of(2027, 1, 11), "07:00", "07:00", 60, 2300, "2027-01-11T06:00:00Z", "2027-01-12T06:00:00Z"},
		"the night in which summer time came": {day.Of(2027, 3, 27), "22:00", "06:00", 0, 700, "2027-03-27T21:00:00Z", "2027-03-28T04:00:00Z"},
		"the night in which summer time went": {day.Of(2027, 10, 30), "22:00", "06:00", 30, 850, "2027-10-30T20:00:00Z", "2027-10-31T05:00:00Z"},
		"23 hours round the clock in March":   {day.Of(2027, 3, 27), "12:00", "12:00", 0, 2300, "2027-03-27T11:00:00Z", "2027-03-28T10:00:00Z"},
		"midnight to midnight":                {day.Of(2027, 1, 11), "00:00", "00:00", 0, 2400, "2027-01-10T23:00:00Z", "2027-01-11T23:00:00Z"},
		"a minute":                            {day.Of(2027, 1, 11), "09:00", "09:01", 0, 2, "2027-01-11T08:00:00Z", "2027-01-11T08:01:00Z"},
	} {
		d := Day{DateOn: c.on, Starts: c.starts, Ends: c.ends, BreakMinutes: c.pause}
		require.NoError(t, d.schedule(brussels), name)
		require.Equal(t, c.hours, d.Hours, name)
		require.Equal(t, c.from, d.StartsAt.Format(time.RFC3339), name)
		require.Equal(t, c.until, d.EndsAt.Format(time.RFC3339), name)
	}
	for name, c := range map[string]struct {
		day     Day
		pointer string
		rule    *fault.Rule
	}{
		"longer than a day and night: October's 25 hours": {Day{DateOn: day.Of(2027, 10, 30), Starts: "12:00", Ends: "12:00"}, "/ends", fault.OutOfRange},
		"a start in the hour that summer time skips":      {Day{DateOn: day.Of(2027, 3, 28), Starts: "02:30", Ends: "03:00"}, "/ends", fault.BadOrder},
		"a break as long as the day":                      {Day{DateOn: day.Of(2027, 1, 11), Starts: "09:00", Ends: "10:00", BreakMinutes: 60}, "/break_minutes", breakTooLong},
	} {
		var f *fault.Error
		require.ErrorAs(t, c.day.schedule(brussels), &f, name)
		require.Len(t, f.Fields, 1)
		require.Equal(t, c.pointer, f.Fields[0].Pointer, name)
		require.Equal(t, c.rule, f.Fields[0].Rule, name)
	}
}

func TestAgreement_HashesWhatIsAgreedOnAndNothingElse(t *testing.T) {
	t.Parallel()
	goals, none := db.Strings{"BelRAI <leren> invullen"}, db.Strings{}
	l := Leeruitwisseling{ID: id.NewLeeruitwisseling(), SendingName: "Apotheek", ReceivingName: "De Linde", LeervraagTitle: "Medicatie",
		PlanGoals: &goals, PlanActivities: &none, PlanPeople: &none}
	days := []Day{{DateOn: day.Of(2027, 1, 11), Starts: "09:00", Ends: "16:30", Hours: 700}}
	text, hash := l.agreement(days)
	require.Contains(t, text, `"leeractieplan":{"goals":["BelRAI <leren> invullen"],"activities":[],"people_to_meet":[],"success":null},"days"`,
		"a plan that was signed before there was a leeragenda reads as it did")

	yes, seven := true, hours.Hours(700)
	same := l
	same.Revision, same.Status, same.InsuredCommute, same.SafetyExchanged = 7, Planned, &yes, true
	attended := days[0]
	attended.ID, attended.Attended, attended.AttendedHours = id.NewDay(), &yes, &seven
	attended.Programme = Programme{{What: "rondleiding"}}
	same.Documents, same.Reception = Documents{{Kind: "notes", Title: "blad"}}, &attended.Starts
	_, again := same.agreement([]Day{attended})
	require.Equal(t, hash, again, "what is noted about an exchange leaves its agreement as it is")

	agenda := l
	agenda.PlanMustCover = db.Strings{"de medicatieronde"}
	_, changed := agenda.agreement(days)
	require.NotEqual(t, hash, changed, "what was added to the plan is signed with it")
	other := l
	other.LeervraagText = "Hoe verloopt het?"
	_, changed = other.agreement(days)
	require.NotEqual(t, hash, changed)
	moved := days[0]
	moved.Starts = "08:00"
	_, changed = l.agreement([]Day{moved})
	require.NotEqual(t, hash, changed)
	_, changed = l.agreement(nil)
	require.NotEqual(t, hash, changed)
}

func TestSpeaksFor_LetsABoundCallerSpeakOnlyAsWhatItIs(t *testing.T) {
	t.Parallel()
	l := Leeruitwisseling{SendingOrganisationID: id.NewOrganisation(), ReceivingOrganisationID: id.NewOrganisation(), SwitcherID: id.NewMedewerker(),
		LeercoachIDs: []id.MedewerkerID{id.NewMedewerker()}}
	parties := []string{Sending, Receiving, Switcher, Leercoach, Partner}
	for name, c := range map[string]struct {
		scope db.Scope
		may   []string
	}{
		"the ST-partner records for everybody": {db.Scope{Kind: db.ScopeTenant}, parties},
		"the sending employer":                 {db.Scope{Kind: db.ScopeOrganisation, Organisation: l.SendingOrganisationID.UUID()}, []string{Sending}},
		"the receiving employer":               {db.Scope{Kind: db.ScopeOrganisation, Organisation: l.ReceivingOrganisationID.UUID()}, []string{Receiving}},
		"the switcher":                         {db.Scope{Kind: db.ScopeMedewerker, Medewerker: l.SwitcherID.UUID()}, []string{Switcher}},
		"the leercoach":                        {db.Scope{Kind: db.ScopeMedewerker, Medewerker: l.LeercoachIDs[0].UUID()}, []string{Leercoach}},
		"somebody else":                        {db.Scope{Kind: db.ScopeMedewerker, Medewerker: id.NewMedewerker().UUID()}, nil},
	} {
		for _, p := range parties {
			err := l.speaksFor(c.scope, p)
			if slices.Contains(c.may, p) {
				require.NoError(t, err, "%s as %s", name, p)
			} else {
				require.True(t, fault.NotAllowed.Is(err), "%s as %s", name, p)
			}
		}
	}
}
