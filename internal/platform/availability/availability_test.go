package availability_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/availability"
	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
)

func period(t *testing.T, from, until string, weekdays ...string) availability.Period {
	t.Helper()
	f, err := day.Parse(from)
	require.NoError(t, err)
	u, err := day.Parse(until)
	require.NoError(t, err)
	p := availability.Period{FromOn: f, UntilOn: u}
	if weekdays != nil {
		p.Weekdays = &weekdays
	}
	return p
}

func TestDays(t *testing.T) {
	t.Parallel()
	// 4 January 2027 is a Monday.
	for name, c := range map[string]struct {
		a, b  availability.List
		since string
		want  int
	}{
		"one week in another":         {a: availability.List{period(t, "2027-01-01", "2027-01-31")}, b: availability.List{period(t, "2027-01-04", "2027-01-10")}, want: 7},
		"a single day":                {a: availability.List{period(t, "2027-01-04", "2027-01-04")}, b: availability.List{period(t, "2027-01-04", "2027-01-04")}, want: 1},
		"they touch, but do not meet": {a: availability.List{period(t, "2027-01-04", "2027-01-10")}, b: availability.List{period(t, "2027-01-11", "2027-01-17")}, want: 0},
		"weekdays that both have": {
			a: availability.List{period(t, "2027-01-04", "2027-01-31", "mon", "tue")},
			b: availability.List{period(t, "2027-01-04", "2027-01-31", "tue", "wed")}, want: 4},
		"weekdays that they never share": {
			a: availability.List{period(t, "2027-01-04", "2027-01-31", "mon")},
			b: availability.List{period(t, "2027-01-04", "2027-01-31", "fri")}, want: 0},
		"a day counts once, however many periods hold it": {
			a: availability.List{period(t, "2027-01-04", "2027-01-10"), period(t, "2027-01-06", "2027-01-12"), period(t, "2027-01-04", "2027-01-10", "mon")},
			b: availability.List{period(t, "2027-01-01", "2027-12-31"), period(t, "2027-01-05", "2027-01-20")}, want: 9},
		"weekdays of several periods add up": {
			a: availability.List{period(t, "2027-01-04", "2027-01-17", "mon"), period(t, "2027-01-11", "2027-01-17", "tue", "mon")},
			b: availability.List{period(t, "2027-01-04", "2027-01-17")}, want: 3},
		"since cuts what is past":      {a: availability.List{period(t, "2027-01-01", "2027-01-31")}, b: availability.List{period(t, "2027-01-01", "2027-01-31")}, since: "2027-01-30", want: 2},
		"since lies after everything":  {a: availability.List{period(t, "2027-01-01", "2027-01-31")}, b: availability.List{period(t, "2027-01-01", "2027-01-31")}, since: "2027-02-01", want: 0},
		"an empty list has no days":    {a: nil, b: availability.List{period(t, "2027-01-01", "2027-01-31")}, want: 0},
		"a leap year, and long before": {a: availability.List{period(t, "1904-01-01", "1904-12-31")}, b: availability.List{period(t, "1900-01-01", "2200-12-31")}, want: 366},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var since day.Date
			if c.since != "" {
				var err error
				since, err = day.Parse(c.since)
				require.NoError(t, err)
			}
			require.Equal(t, c.want, availability.Days(c.a, c.b, since))
			require.Equal(t, c.want, availability.Days(c.b, c.a, since), "the other way round")
		})
	}
}

func TestDaysCountsAsOneWouldOnACalendar(t *testing.T) {
	t.Parallel()
	names := []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	start := day.Of(1969, time.December, 20) // across the day from which days are numbered
	for length := range 30 {
		for w := range 7 {
			a := availability.List{{FromOn: start.Add(w), UntilOn: start.Add(w + length), Weekdays: &[]string{names[w], names[(w*3+1)%7]}}}
			b := availability.List{{FromOn: start.Add(3), UntilOn: start.Add(25)}}
			want := 0
			for d := start; d.Before(start.Add(60)); d = d.Add(1) {
				name := names[d.Weekday()]
				in := !d.Before(a[0].FromOn) && !d.After(a[0].UntilOn) && (name == names[w] || name == names[(w*3+1)%7])
				if in && !d.Before(b[0].FromOn) && !d.After(b[0].UntilOn) {
					want++
				}
			}
			require.Equal(t, want, availability.Days(a, b, day.Date{}), "%s, %d days", names[w], length)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	require.NoError(t, availability.List(nil).Check("/available"))
	require.NoError(t, availability.List{period(t, "2027-01-04", "2027-01-04"), period(t, "2027-01-04", "2027-02-04", "mon", "sun")}.Check("/available"))

	err := availability.List{
		period(t, "2027-01-04", "2027-01-03"),
		period(t, "2027-01-04", "2027-01-05", "mon", "tue", "mon"),
		period(t, "2027-01-04", "2027-01-05", "maandag"),
		{FromOn: day.Of(2027, 1, 4), UntilOn: day.Of(2027, 1, 5), Weekdays: &[]string{}},
	}.Check("/available")
	var e *fault.Error
	require.ErrorAs(t, err, &e)
	got := map[string]*fault.Rule{}
	for _, f := range e.Fields {
		got[f.Pointer] = f.Rule
	}
	require.Equal(t, map[string]*fault.Rule{"/available/0/until_on": fault.BadOrder, "/available/1/weekdays/2": fault.Repeated,
		"/available/2/weekdays/0": fault.BadFormat, "/available/3/weekdays": fault.TooShort}, got)

	err = make(availability.List, availability.MaxPeriods+1).Check("/available")
	require.ErrorAs(t, err, &e)
	require.Equal(t, "/available", e.Fields[0].Pointer)
	require.Same(t, fault.TooLong, e.Fields[0].Rule)
}

func TestListTravelsThroughTheDatabase(t *testing.T) {
	t.Parallel()
	for _, l := range []availability.List{{}, {period(t, "2027-01-04", "2027-03-31", "mon"), period(t, "2027-04-01", "2027-04-02")}} {
		v, err := l.Value()
		require.NoError(t, err)
		var fromText, fromBytes availability.List
		require.NoError(t, fromText.Scan(v))
		require.NoError(t, fromBytes.Scan([]byte(v.(string))))
		require.Equal(t, l, fromText)
		require.Equal(t, l, fromBytes)
	}
	v, err := availability.List(nil).Value()
	require.NoError(t, err)
	require.Equal(t, "[]", v)
	require.Error(t, new(availability.List).Scan(7))
}

func TestPeriodOnTheWire(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(availability.List{period(t, "2027-01-04", "2027-03-31")})
	require.NoError(t, err)
	require.JSONEq(t, `[{"from_on":"2027-01-04","until_on":"2027-03-31","weekdays":null}]`, string(b))
}
