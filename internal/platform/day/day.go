// Package day is a calendar date without a time: what a person means by "on 11 January", in the tenant's own zone.
package day

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

// Date is one calendar day, written 2027-01-11. The zero value is no day.
type Date struct{ t time.Time } // always midnight UTC

// ErrMalformed says that a text is no date of the form 2027-01-11 between the years 1900 and 2200.
var ErrMalformed = errors.New("not a date like 2027-01-11")

// Of makes a date; months and days out of range are normalised as time.Date does.
func Of(year int, month time.Month, d int) Date {
	return Date{time.Date(year, month, d, 0, 0, 0, 0, time.UTC)}
}

// At returns the day that it is at the instant t in the zone.
func At(t time.Time, zone *time.Location) Date {
	y, m, d := t.In(zone).Date()
	return Of(y, m, d)
}

// Parse reads 2027-01-11, or returns ErrMalformed.
func Parse(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < 1900 || t.Year() > 2200 {
		return Date{}, ErrMalformed
	}
	return Date{t}, nil
}

// String writes 2027-01-11, or nothing for the zero value.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return d.t.Format(time.DateOnly)
}

// IsZero reports whether d is no day.
func (d Date) IsZero() bool { return d.t.IsZero() }

// Before and After order days.
func (d Date) Before(e Date) bool { return d.t.Before(e.t) }

// After reports whether d comes after e.
func (d Date) After(e Date) bool { return d.t.After(e.t) }

// Add moves n days on.
func (d Date) Add(n int) Date { return Date{d.t.AddDate(0, 0, n)} }

// Weekday says which day of the week it is.
func (d Date) Weekday() time.Weekday { return d.t.Weekday() }

// Number counts the days since 1 January 1970.
func (d Date) Number() int { return int(d.t.Unix() / (24 * 60 * 60)) }

// Clock returns the instant at which the clock on the wall of the zone shows hour and minute on this day. In the hour
// that a change to summer time skips, it is the instant as if the clock had not moved yet, as time.Date decides.
func (d Date) Clock(hour, minute int, zone *time.Location) time.Time {
	y, m, dd := d.t.Date()
	return time.Date(y, m, dd, hour, minute, 0, 0, zone)
}

// MarshalText writes 2027-01-11.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads 2027-01-11, or returns ErrMalformed.
func (d *Date) UnmarshalText(b []byte) error {
	v, err := Parse(string(b))
	if err != nil {
		return err
	}
	*d = v
	return nil
}

// Value stores the day in a date column.
func (d Date) Value() (driver.Value, error) {
	if d.IsZero() {
		return nil, nil
	}
	return d.String(), nil
}

// Scan reads a date column.
func (d *Date) Scan(src any) error {
	switch v := src.(type) {
	case time.Time:
		*d = Of(v.Date())
		return nil
	case string:
		return d.UnmarshalText([]byte(v))
	case []byte:
		return d.UnmarshalText(v)
	}
	return fmt.Errorf("day: cannot read a %T", src)
}

// Format describes a date for whoever sent something else.
func (d Date) Format() string { return "a date like 2027-01-11" }
