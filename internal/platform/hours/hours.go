// Package hours counts training hours in whole hundredths: what is summed, corrected and paid for is never floating point.
package hours

import (
	"bytes"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Hours is a number of hours in hundredths: 7.5 hours is 750.
type Hours int64

// ErrMalformed says that a JSON value is no number of hours with at most two decimals.
var ErrMalformed = errors.New("not a number of hours with at most two decimals")

// max keeps every sum of realistic rows far inside an int64: a hundred million hours.
const max = 10_000_000_000

// Of rounds a duration to hundredths of an hour (36 seconds), half up.
func Of(d time.Duration) Hours { return Hours((d + 18*time.Second) / (36 * time.Second)) }

// String writes the shortest decimal: 7, 7.5, 7.25.
func (h Hours) String() string {
	sign, v := "", int64(h)
	if v < 0 {
		sign, v = "-", -v
	}
	s := fmt.Sprintf("%s%d.%02d", sign, v/100, v%100)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// Parse reads a decimal with at most two places, as JSON writes numbers, or returns ErrMalformed.
func Parse(s string) (Hours, error) {
	digits, sign := s, int64(1)
	if strings.HasPrefix(digits, "-") {
		digits, sign = digits[1:], -1
	}
	digits, ok := plain(digits)
	if !ok {
		return 0, ErrMalformed
	}
	whole, frac, dotted := strings.Cut(digits, ".")
	if dotted && (frac == "" || len(strings.TrimRight(frac, "0")) > 2) {
		return 0, ErrMalformed
	}
	frac = (strings.TrimRight(frac, "0") + "00")[:2]
	if whole == "" || strings.Trim(whole+frac, "0123456789") != "" {
		return 0, ErrMalformed
	}
	n, err := strconv.ParseInt(whole+frac, 10, 64)
	if err != nil || n > max {
		return 0, ErrMalformed
	}
	return Hours(sign * n), nil
}

// plain writes out a small exponent: 1.5e1 is 15.
func plain(s string) (string, bool) {
	mantissa, exponent, given := strings.Cut(strings.ToLower(s), "e")
	if !given {
		return s, true
	}
	e, err := strconv.Atoi(exponent)
	whole, frac, _ := strings.Cut(mantissa, ".")
	if err != nil || whole == "" || e < -20 || e > 20 {
		return "", false
	}
	point := len(whole) + e
	all := strings.Repeat("0", 20) + whole + frac + strings.Repeat("0", 20)
	return all[:20+point] + "." + all[20+point:] + "0", true
}

// MarshalJSON writes a JSON number.
func (h Hours) MarshalJSON() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalJSON reads a JSON number, or returns ErrMalformed.
func (h *Hours) UnmarshalJSON(b []byte) error {
	v, err := Parse(string(bytes.TrimSpace(b)))
	if err != nil {
		return err
	}
	*h = v
	return nil
}

// Value stores the hundredths.
func (h Hours) Value() (driver.Value, error) { return int64(h), nil }

// Format describes hours for whoever sent something else.
func (h Hours) Format() string { return "a number of hours with at most two decimals" }
