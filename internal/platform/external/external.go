// Package external keeps the ids that other systems know our things by: one value of one system names one subject of one
// employer.
package external

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
)

// ID is what one system calls a subject.
type ID struct {
	System string `json:"system" binding:"required" minLength:"1" maxLength:"32" extensions:"x-pattern=^[a-z0-9_-]+$" example:"sdworx"`
	Value  string `json:"value" binding:"required" minLength:"1" maxLength:"128" example:"12345"`
} // @name ExternalID

// List is the external ids of one subject, as a jsonb column.
type List []ID

// Value writes the column.
func (l List) Value() (driver.Value, error) {
	if l == nil {
		l = List{}
	}
	b, err := json.Marshal([]ID(l))
	return string(b), err
}

// Scan reads the column.
func (l *List) Scan(src any) error {
	switch v := src.(type) {
	case []byte:
		if string(v) == "[]" { // most have none
			*l = List{}
			return nil
		}
		return json.Unmarshal(v, (*[]ID)(l))
	case string:
		return json.Unmarshal([]byte(v), (*[]ID)(l))
	}
	return fmt.Errorf("external: cannot read a %T", src)
}

// Taken says that another subject has this external id already.
var Taken = fault.Define(fault.Conflict, "external-id-taken", fault.Text{
	EN: "Another one has this external id already.", NL: "Een ander heeft dit externe id al.", FR: "Un autre a déjà cet identifiant externe."})

var (
	nationalNumber = fault.DefineRule("national_number", fault.Text{
		EN: "looks like a Belgian national number, which is not kept here", NL: "lijkt op een rijksregisternummer, dat wordt hier niet bewaard",
		FR: "ressemble à un numéro de registre national, qui n’est pas conservé ici"})
	_ = db.Constraint("external_ids_pkey", func() *fault.Error { return Taken.New() })
)

var system = regexp.MustCompile(`^[a-z0-9_-]{1,32}$`)

// Check looks for what may not stand in a list: a malformed system, a national number, a system twice. The pointer is
// that of the list.
func Check(pointer string, l List) error {
	e := fault.Unprocessable.New()
	seen := map[string]bool{}
	for i, x := range l {
		at := pointer + "/" + strconv.Itoa(i)
		switch {
		case !system.MatchString(x.System):
			e.At(at+"/system", fault.BadFormat, "format", "1 to 32 of a-z, 0-9, _ and -")
		case seen[x.System]:
			e.At(at+"/system", fault.Twice)
		case IsNationalNumber(x.Value):
			e.At(at+"/value", nationalNumber)
		}
		seen[x.System] = true
	}
	if len(e.Fields) > 0 {
		return e
	}
	return nil
}

// IsNationalNumber reports whether a text could be a Belgian national number (rijksregisternummer or bis number): eleven
// digits with the right check digits and a date of birth that exists (Royal Decree of 3 April 1984).
func IsNationalNumber(s string) bool {
	digits := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" .-/", r) {
			return -1
		}
		return r
	}, s)
	if len(digits) != 11 || strings.Trim(digits, "0123456789") != "" {
		return false
	}
	n, _ := strconv.Atoi(digits[:9])
	check, _ := strconv.Atoi(digits[9:])
	year, _ := strconv.Atoi(digits[:2])
	month, _ := strconv.Atoi(digits[2:4])
	day, _ := strconv.Atoi(digits[4:6])
	month %= 20 // bis numbers add 20 or 40 to the month
	plausible := func(century int) bool {
		if month == 0 || day == 0 { // unknown dates are written with zeroes
			return month <= 12
		}
		t := time.Date(century+year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
		return int(t.Month()) == month && t.Day() == day
	}
	return 97-n%97 == check && plausible(1900) || 97-(n+2_000_000_000)%97 == check && plausible(2000)
}

// Parse splits system:value, as in a query, at the first colon. A system that is too long to be kept finds nothing.
func Parse(s string) (ID, bool) {
	sys, value, ok := strings.Cut(s, ":")
	return ID{sys, value}, ok && strings.Trim(sys, "abcdefghijklmnopqrstuvwxyz0123456789_-") == "" && sys != "" && value != ""
}

// Set makes the external ids of a subject exactly these. The owner is the employer, or uuid.Nil for employers
// themselves. It fails with Taken when another subject has one of them.
func Set(tx *db.Tx, noun string, owner, subject uuid.UUID, before, after List) error {
	for _, x := range before {
		if !slices.Contains(after, x) {
			if err := tx.Later(`delete from external_ids where noun = ? and subject_id = ? and system = ?`, noun, subject, x.System); err != nil {
				return err
			}
		}
	}
	for _, x := range after {
		if !slices.Contains(before, x) {
			if err := tx.Later(`insert into external_ids (tenant_id, noun, organisation_id, system, value, subject_id) values (?, ?, ?, ?, ?, ?)`,
				tx.Scope.Tenant, noun, owner, x.System, x.Value, subject); err != nil {
				return err
			}
		}
	}
	return nil
}

// Under lays the ids that a body names over those that are kept, for a request that says in its path by which one it speaks of its
// subject. It fails where the body says otherwise of that system: one of the two would be lost. The pointer is that of the list.
func Under(pointer string, ref ID, kept, named List) (List, error) {
	if err := Check(pointer, named); err != nil { // what stands twice would be merged unseen
		return nil, err
	}
	for i, x := range named {
		if x.System == ref.System && x.Value != ref.Value {
			return nil, fault.At(pointer+"/"+strconv.Itoa(i)+"/value", fault.NoChoice, "values", ref.Value)
		}
	}
	return Merge(Merge(kept, named), List{ref}), nil
}

// Merge lays new ids over old ones: a system that is named again gets its new value, the others stay.
func Merge(old, named List) List {
	out := slices.Clone(named)
	for _, x := range old {
		if !slices.ContainsFunc(named, func(n ID) bool { return n.System == x.System }) {
			out = append(out, x)
		}
	}
	slices.SortFunc(out, func(a, b ID) int { return strings.Compare(a.System, b.System) })
	return out
}

// subjects finds whose id it is by the keys, which row-level security lets an index answer; a filter on the jsonb column
// would read every row of the tenant.
const subjects = `id in (select subject_id from external_ids where tenant_id = ? and noun = ? and system = ? and value = ?)`

// Where narrows a list of a noun to the rows that have an external id.
func Where(tx *db.Tx, q *gorm.DB, noun string, x ID) *gorm.DB {
	return q.Where(subjects, tx.Scope.Tenant, noun, x.System, x.Value)
}

// Find reads and locks the rows of a noun that have an external id, within one employer or, with a nil owner, in all
// that the caller may see. It is for PUT by external id.
func Find[T any](tx *db.Tx, noun string, owner *uuid.UUID, x ID) ([]T, error) {
	q := Where(tx, tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}), noun, x)
	if owner != nil {
		q = q.Where("organisation_id = ?", *owner)
	}
	var rows []T
	return rows, q.Order("id").Find(&rows).Error
}

// Shared reports whether subjects of two owners go by one id in one system.
func Shared(tx *db.Tx, noun string, a, b uuid.UUID) (bool, error) {
	var found struct{ Found bool }
	err := db.One(tx, &found, `select exists (select 1 from external_ids x join external_ids y on y.tenant_id = x.tenant_id and y.noun = x.noun
		and y.organisation_id = ? and y.system = x.system and y.value = x.value
		where x.tenant_id = ? and x.noun = ? and x.organisation_id = ?) as found`, b, tx.Scope.Tenant, noun, a)
	return found.Found, err
}

// Reassign gives the ids of one owner's subjects to another, or fails with Taken.
func Reassign(tx *db.Tx, noun string, from, into uuid.UUID) error {
	_, err := tx.Run(`update external_ids set organisation_id = ? where tenant_id = ? and noun = ? and organisation_id = ?`, into, tx.Scope.Tenant, noun, from)
	return err
}
