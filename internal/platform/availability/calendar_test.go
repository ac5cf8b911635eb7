package availability

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/day"
)

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
