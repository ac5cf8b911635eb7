package availability

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/day"
)

// A calendar within some days has those of its days, or none; and says nothing only if it said nothing.
func TestCalendar_Within(t *testing.T) {
	t.Parallel()
	start := day.Of(2027, time.January, 4) // a Monday
	monday := []string{"mon"}
	all := List{{FromOn: start, UntilOn: start.Add(20), Weekdays: &monday}, {FromOn: start.Add(900), UntilOn: start.Add(2000)}}
	c, always := NewCalendar(all, start), NewCalendar(List{{FromOn: start.Add(-3000), UntilOn: start.Add(3000)}}, start)
	days := func(from, until day.Date) int { return c.Within(from, until).Days(always, start) }
	require.Equal(t, 3+1101, days(day.Date{}, day.Date{}))
	require.Equal(t, 2, days(start.Add(1), start.Add(899)))
	require.Equal(t, 1, days(start.Add(7), start.Add(7)))
	require.Equal(t, 1001, days(start.Add(1000), day.Date{}))
	require.Zero(t, days(start.Add(30), start.Add(60)))
	require.Equal(t, List{}, c.Within(start.Add(30), start.Add(60)).List())
	require.Nil(t, (*Calendar)(nil).Within(start, start))
	require.Equal(t, 3+1101, c.Days(always, start), "the one that it was made of stays what it was")
	ask := c.Within(start.Add(30), start.Add(60)).Ask(start)
	var several Calendars
	several.Set(1, always)
	require.Zero(t, several.DaysUpTo(&ask, 1, 10))
}

// A calendar counts what the lists count, whenever it was made and however far its periods reach.
func TestCalendar_CountsAsTheListsDo(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	start := day.Of(2026, time.November, 22)
	random := func() List {
		var l List
		for range 1 + r.IntN(4) {
			from := start.Add(r.IntN(1600) - 200)
			p := Period{FromOn: from, UntilOn: from.Add(r.IntN(400))}
			if r.IntN(2) == 0 {
				var w []string
				for _, name := range weekdays {
					if r.IntN(2) == 0 {
						w = append(w, name)
					}
				}
				p.Weekdays = &w
			}
			l = append(l, p)
		}
		return l
	}
	for range 5000 {
		a, b := random(), random()
		ca, cb := NewCalendar(a, start.Add(r.IntN(300))), NewCalendar(b, start.Add(r.IntN(300)))
		today := start.Add(r.IntN(500))
		require.Equal(t, Days(a, b, today), ca.Days(cb, today), "%v and %v from %s", a, b, today)
	}
	require.Nil(t, NewCalendar(nil, start))
	far := List{{FromOn: day.Of(2099, 1, 1), UntilOn: day.Of(2099, 1, 31)}}
	require.Equal(t, 31, NewCalendar(far, start).Days(NewCalendar(far, start), start))
}

// Many side by side count as each does.
func TestCalendars_CountAsEachDoes(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	start := day.Of(2026, time.November, 22)
	one := func() *Calendar {
		from := start.Add(r.IntN(1600) - 200)
		return NewCalendar(List{{FromOn: from, UntilOn: from.Add(r.IntN(100))}, {FromOn: from.Add(r.IntN(300)), UntilOn: from.Add(300 + r.IntN(100))}}, start.Add(r.IntN(3)*40))
	}
	var all Calendars
	kept := map[int]*Calendar{}
	for range 300 {
		i := r.IntN(200)
		kept[i] = one()
		all.Set(i, kept[i])
		all.Set(i, kept[i])
	}
	for range 200 {
		c, today, enough := one(), start.Add(r.IntN(500)-30), 1+r.IntN(60)
		a := c.Ask(today)
		for i, o := range kept {
			require.Equal(t, min(enough, c.Days(o, today)), min(enough, all.DaysUpTo(&a, i, enough)))
		}
	}
}

// One that begins in years has no bits: it is still counted after the days that bits begin with moved on.
func TestCalendars_WhatBeginsInYearsIsFoundLater(t *testing.T) {
	t.Parallel()
	start := day.Of(2026, time.November, 22)
	then := start.Add(4 * 365)
	far := List{{FromOn: start.Add(5 * 365), UntilOn: start.Add(5*365 + 9)}}
	var all Calendars
	all.Set(0, NewCalendar(far, start))
	all.Set(1, NewCalendar(List{{FromOn: then, UntilOn: then.Add(10)}}, then))
	a := NewCalendar(far, then).Ask(then)
	require.Equal(t, 10, all.DaysUpTo(&a, 0, 60))
}

func BenchmarkCalendar_Days(b *testing.B) {
	today := day.Of(2026, time.November, 22)
	mon := []string{"mon"}
	x := NewCalendar(List{{FromOn: today, UntilOn: today.Add(120)}}, today)
	y := NewCalendar(List{{FromOn: today.Add(30), UntilOn: today.Add(300), Weekdays: &mon}}, today)
	for b.Loop() {
		x.Days(y, today)
	}
}
