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

func BenchmarkCalendar_Days(b *testing.B) {
	today := day.Of(2026, time.November, 22)
	mon := []string{"mon"}
	x := NewCalendar(List{{FromOn: today, UntilOn: today.Add(120)}}, today)
	y := NewCalendar(List{{FromOn: today.Add(30), UntilOn: today.Add(300), Weekdays: &mon}}, today)
	for b.Loop() {
		x.Days(y, today)
	}
}
