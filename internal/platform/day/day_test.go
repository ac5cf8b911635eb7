package day

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	t.Parallel()
	d, err := Parse("2027-01-11")
	require.NoError(t, err)
	require.Equal(t, Of(2027, time.January, 11), d)
	require.Equal(t, time.Monday, d.Weekday())
	require.Equal(t, "2027-02-01", d.Add(21).String())
	for _, bad := range []string{"", "2027-1-11", "2027-02-30", "0001-01-01", "20270111", "2027-01-11T00:00:00Z"} {
		_, err := Parse(bad)
		require.ErrorIs(t, err, ErrMalformed, bad)
	}
}

func TestDate_ClockFollowsTheZone(t *testing.T) {
	t.Parallel()
	brussels, err := time.LoadLocation("Europe/Brussels")
	require.NoError(t, err)
	night := Of(2027, time.March, 27) // the clock goes forward that night
	require.Equal(t, 7*time.Hour, night.Add(1).Clock(6, 0, brussels).Sub(night.Clock(22, 0, brussels)))
	back := Of(2027, time.October, 30)
	require.Equal(t, 9*time.Hour, back.Add(1).Clock(6, 0, brussels).Sub(back.Clock(22, 0, brussels)))
	require.Equal(t, Of(2027, time.January, 2), At(time.Date(2027, 1, 1, 23, 30, 0, 0, time.UTC), brussels))
}
