package availability

import (
	"math/bits"

	"github.com/switchingtalent/switchboard/internal/platform/day"
)

// Calendars are many calendars that one is compared with. The bits of all stand one after another, without the zeros before and
// behind, because memory costs more than counting. It is not safe for changing while it is read.
type Calendars struct {
	from  int // of those whose bits are here
	slots []slot
	bits  []uint64
	whole []*Calendar
}

// slot is where the bits of a calendar stand: n of them, of the words from first on. n is apart where they are not here.
type slot struct {
	at    uint32
	first uint8
	n     uint8
}

const apart = 255

// Set keeps a calendar by its number, in place of what had it.
func (m *Calendars) Set(i int, c *Calendar) {
	for len(m.slots) <= i {
		m.slots, m.whole = append(m.slots, slot{n: apart}), append(m.whole, nil)
	}
	if m.whole[i] == c {
		return
	}
	m.whole[i], m.slots[i] = c, slot{n: apart}
	if len(m.bits) == 0 {
		m.from = c.from
	}
	if c.from != m.from || len(c.bits) == 0 && c.later { // what begins later has no bits to be found by
		return
	}
	b, first := c.bits, 0
	for len(b) > 0 && b[0] == 0 {
		b, first = b[1:], first+1
	}
	m.slots[i] = slot{uint32(len(m.bits)), uint8(first), uint8(len(b))}
	m.bits = append(m.bits, b...)
}

// Len is how many numbers there are.
func (m *Calendars) Len() int { return len(m.slots) }

// At is the calendar with a number.
func (m *Calendars) At(i int) *Calendar { return m.whole[i] }

// Bytes is about how much memory they take, but for the calendars themselves.
func (m *Calendars) Bytes() int { return 16*cap(m.slots) + 8*cap(m.bits) }

// Asking is a calendar that is compared with many, from a day on.
type Asking struct {
	c     *Calendar
	today day.Date
	bits  [words]uint64 // of the days from today on
}

// Ask makes a calendar ready to be compared.
func (c *Calendar) Ask(today day.Date) Asking {
	a := Asking{c: c, today: today}
	copy(a.bits[:], c.bits)
	for i := range a.bits {
		if first := c.from + 64*i; today.Number() >= first+64 {
			a.bits[i] = 0
		} else if today.Number() > first {
			a.bits[i] &= ^uint64(0) << (today.Number() - first)
		}
	}
	return a
}

// DaysUpTo counts the days that a calendar and the one with a number have in common, as Calendar.DaysUpTo does.
func (m *Calendars) DaysUpTo(a *Asking, i, enough int) int {
	s := m.slots[i]
	if s.n == apart || a.c.from != m.from || a.c.later || a.today.Number() < m.from {
		return a.c.DaysUpTo(m.whole[i], a.today, enough)
	}
	total := 0
	for k, w := range m.bits[s.at : s.at+uint32(s.n)] {
		if total += bits.OnesCount64(w & a.bits[int(s.first)+k]); total >= enough {
			break
		}
	}
	return total
}
