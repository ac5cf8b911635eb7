package opleidingsregistratie

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/hours"
)

// The whole table: what is not listed here is refused.
func TestTransitions_EveryPair(t *testing.T) {
	t.Parallel()
	want := map[state]map[action]state{
		recorded:  {correct: corrected, withdraw: withdrawn, confirm: recorded},
		withdrawn: {withdraw: withdrawn},
	}
	for _, from := range []state{recorded, corrected, withdrawn} {
		for _, a := range []action{correct, withdraw, confirm} {
			got, ok := transitions[from][a]
			to, allowed := want[from][a]
			require.Equal(t, allowed, ok, "%s × %s", from, a)
			require.Equal(t, to, got, "%s × %s", from, a)
		}
	}
}

func jan(d int) day.Date { return day.Of(2027, time.January, d) }

func twoDays() Registratie {
	r := Registratie{Title: "Medicatie", Classification: Informal, WithinWorkingTime: true}
	r.spread([]Day{{jan(12), 650}, {jan(11), 750}})
	return r
}

func TestCorrection_ReplacesWhatItSays(t *testing.T) {
	t.Parallel()
	sum := func(h hours.Hours) *hours.Hours { return &h }
	date := func(d day.Date) *day.Date { return &d }
	for name, x := range map[string]struct {
		c           Correction
		from, until day.Date
		hours       hours.Hours
		days        Days
	}{
		"days, in their order":    {Correction{Days: []Day{{jan(13), 100}, {jan(10), 250}}}, jan(10), jan(13), 350, Days{{jan(10), 250}, {jan(13), 100}}},
		"days with their sum":     {Correction{Days: []Day{{jan(11), 700}}, Hours: sum(700), FromOn: date(jan(11)), UntilOn: date(jan(11))}, jan(11), jan(11), 700, Days{{jan(11), 700}}},
		"a sum over several days": {Correction{Hours: sum(1200)}, jan(11), jan(12), 1200, Days{}},
		"a sum of one day":        {Correction{Hours: sum(500), UntilOn: date(jan(11))}, jan(11), jan(11), 500, Days{{jan(11), 500}}},
		"another period":          {Correction{FromOn: date(jan(10))}, jan(10), jan(12), 1400, Days{}},
	} {
		r := twoDays()
		x.c.Reason = "daarom"
		require.NoError(t, x.c.onto(&r), name)
		require.Equal(t, []any{x.from, x.until, x.hours, x.days, "daarom"}, []any{r.FromOn, r.UntilOn, r.Hours, r.Days, *r.Reason}, name)
		require.Equal(t, "Medicatie", r.Title, "what is absent stays")
	}

	r := twoDays()
	formal, no := "formal", false
	require.NoError(t, Correction{Classification: &formal, WithinWorkingTime: &no}.onto(&r))
	require.Equal(t, Formal, r.Classification)
	require.False(t, r.WithinWorkingTime)
	require.Equal(t, twoDays().Days, r.Days)
}

func TestCorrection_RefusesWhatCannotBe(t *testing.T) {
	t.Parallel()
	sum := func(h hours.Hours) *hours.Hours { return &h }
	date := func(d day.Date) *day.Date { return &d }
	title := "Medicatie"
	for name, x := range map[string]struct {
		c    Correction
		at   string
		rule string
	}{
		"a day twice":         {Correction{Days: []Day{{jan(11), 100}, {jan(11), 100}}}, "/days/1/date_on", "duplicate"},
		"a day without hours": {Correction{Days: []Day{{jan(11), 0}}}, "/days/0/hours", "too_small"},
		"a day of 25 hours":   {Correction{Days: []Day{{jan(11), 2401}}}, "/days/0/hours", "too_big"},
		"another sum":         {Correction{Days: []Day{{jan(11), 100}}, Hours: sum(200)}, "/hours", "differs_from_days"},
		"another first day":   {Correction{Days: []Day{{jan(11), 100}}, FromOn: date(jan(10))}, "/from_on", "differs_from_days"},
		"another last day":    {Correction{Days: []Day{{jan(11), 100}}, UntilOn: date(jan(12))}, "/until_on", "differs_from_days"},
		"more than two days":  {Correction{Hours: sum(4801)}, "/hours", "out_of_range"},
		"no hours":            {Correction{Hours: sum(0)}, "/hours", "too_small"},
		"an end before it":    {Correction{UntilOn: date(jan(10))}, "/until_on", "bad_order"},
		"nothing":             {Correction{}, "", "changes_nothing"},
		"what stands there":   {Correction{Title: &title, Hours: sum(1400), Days: []Day{{jan(11), 750}, {jan(12), 650}}}, "", "changes_nothing"},
	} {
		r := twoDays()
		err := x.c.onto(&r)
		require.True(t, fault.Unprocessable.Is(err), name)
		var f *fault.Error
		require.ErrorAs(t, err, &f)
		require.Len(t, f.Fields, 1, name)
		require.Equal(t, []string{x.at, x.rule}, []string{f.Fields[0].Pointer, f.Fields[0].Rule.Code}, name)
	}
}
