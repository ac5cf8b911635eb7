// Package availability says on which days an exchange could take place, for a leervraag and for a leerplek alike: the
// "beschikbare momenten" of seed 001, 5.5 Matching.
package availability

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
)

// MaxPeriods is how many periods a list may hold.
const MaxPeriods = 20

// weekdays are the names of days on the wire, in the order of time.Weekday.
var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

const everyDay = 1<<7 - 1

// Period is a run of calendar days, both ends included; with Weekdays only those days of it.
type Period struct {
	FromOn   day.Date  `json:"from_on" binding:"required" example:"2027-01-04"`
	UntilOn  day.Date  `json:"until_on" binding:"required" example:"2027-03-31"`
	Weekdays *[]string `json:"weekdays" validate:"min=1,max=7,unique" enums:"mon,tue,wed,thu,fri,sat,sun" extensions:"x-nullable" example:"mon,tue"` // null: every day
} // @name Period

// List is periods that together say when somebody can, as a jsonb column. They may overlap. An empty list says nothing
// about when: whoever reads it decides what that means.
type List []Period

// Value writes the column.
func (l List) Value() (driver.Value, error) {
	if l == nil {
		l = List{}
	}
	b, err := json.Marshal([]Period(l))
	return string(b), err
}

// Scan reads the column.
func (l *List) Scan(src any) error {
	switch v := src.(type) {
	case []byte:
		return json.Unmarshal(v, (*[]Period)(l))
	case string:
		return json.Unmarshal([]byte(v), (*[]Period)(l))
	}
	return fmt.Errorf("availability: cannot read a %T", src)
}

// Check returns a fault that names what is wrong in a list whose JSON pointer is given: more than MaxPeriods, an end
// before its start, a weekday that is unknown or stands twice, no weekdays where null was meant.
func (l List) Check(pointer string) error {
	if len(l) > MaxPeriods {
		return fault.At(pointer, fault.TooLong, "max", strconv.Itoa(MaxPeriods))
	}
	e := fault.Unprocessable.New()
	for i, p := range l {
		at := pointer + "/" + strconv.Itoa(i)
		if p.UntilOn.Before(p.FromOn) {
			e.At(at+"/until_on", fault.BadOrder, "other", "from_on")
		}
		if p.Weekdays == nil {
			continue
		}
		if len(*p.Weekdays) == 0 {
			e.At(at+"/weekdays", fault.TooShort, "min", "1")
		}
		for j, w := range *p.Weekdays {
			switch {
			case !slices.Contains(weekdays, w):
				e.At(at+"/weekdays/"+strconv.Itoa(j), fault.BadFormat, "format", "one of mon to sun")
			case slices.Contains((*p.Weekdays)[:j], w):
				e.At(at+"/weekdays/"+strconv.Itoa(j), fault.Repeated)
			}
		}
	}
	if len(e.Fields) > 0 {
		return e
	}
	return nil
}

// Days counts the calendar days, from since on, that both lists hold: each day once, however many periods hold it. The
// zero since is no limit. It costs the square of the number of periods, however long they are.
func Days(a, b List, since day.Date) int {
	left, right := spansOf(a, since), spansOf(b, since)
	// Between two neighbouring ends of any span, which spans hold does not change.
	var cuts []int
	for _, s := range slices.Concat(left, right) {
		cuts = append(cuts, s.from, s.to)
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	total := 0
	for i := 1; i < len(cuts); i++ {
		total += count(cuts[i-1], cuts[i], daysAt(left, cuts[i-1])&daysAt(right, cuts[i-1]))
	}
	return total
}

// span is a period in numbers: days since 1 January 1970, `to` not included, and a bit for each weekday.
type span struct{ from, to, days int }

func spansOf(l List, since day.Date) []span {
	var out []span
	for _, p := range l {
		s := span{p.FromOn.Number(), p.UntilOn.Number() + 1, everyDay}
		if !since.IsZero() {
			s.from = max(s.from, since.Number())
		}
		if p.Weekdays != nil {
			s.days = 0
			for _, w := range *p.Weekdays {
				if i := slices.Index(weekdays, w); i >= 0 {
					s.days |= 1 << i
				}
			}
		}
		if s.from < s.to {
			out = append(out, s)
		}
	}
	return out
}

// daysAt is the weekdays that the spans that hold a day allow together.
func daysAt(spans []span, n int) int {
	days := 0
	for _, s := range spans {
		if s.from <= n && n < s.to {
			days |= s.days
		}
	}
	return days
}

// count says how many days in [from, to) fall on one of the weekdays.
func count(from, to, days int) int {
	n := 0
	for w := range 7 {
		if days>>w&1 == 1 {
			n += upTo(to, w) - upTo(from, w)
		}
	}
	return n
}

// epoch is the weekday of 1 January 1970, a Thursday.
const epoch = int(time.Thursday)

// upTo counts the days before n that fall on weekday w, from a fixed day that lies before every date of ours.
func upTo(n, w int) int {
	const before = 7 * 10_000 // whole weeks, so that weekdays stay what they are
	return (n + before + (epoch-w+6)%7) / 7
}
