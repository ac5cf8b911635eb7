package leeruitwisseling

import (
	"encoding/hex"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/hours"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// whole is an exchange with its days and signatures, read in one statement.
type whole struct {
	Leeruitwisseling
	DayRows dayRows `gorm:"column:day_rows;type:json;->"`
	Signed  signed  `gorm:"column:signed;type:json;->"`
}

const wholeColumns = `leeruitwisselingen.*,
	(select coalesce(json_agg(d order by d.starts_at, d.id), '[]') from leeruitwisseling_days d
		where d.tenant_id = leeruitwisselingen.tenant_id and d.leeruitwisseling_id = leeruitwisselingen.id) as day_rows,
	(select coalesce(json_agg(json_build_object('party', s.party, 'signed_by', s.signed_by, 'method', s.method,
			'hash', encode(s.document_hash, 'hex'), 'signed_at', s.signed_at) order by s.signed_at, s.party), '[]') from leeruitwisseling_signatures s
		where s.tenant_id = leeruitwisselingen.tenant_id and s.leeruitwisseling_id = leeruitwisselingen.id) as signed`

// wholes is a query over exchanges with their parts.
func wholes(tx *db.Tx) *gorm.DB { return tx.Model(&whole{}).Select(wholeColumns) }

func getWhole(tx *db.Tx, lid id.LeeruitwisselingID) (whole, error) {
	var w whole
	return w, wholes(tx).Where("id = ?", lid).Take(&w).Error
}

// dayRows reads days that PostgreSQL wrote as JSON.
type dayRows []Day

// dayJSON is a row of leeruitwisseling_days in PostgreSQL's own JSON: bare uuids, hours in hundredths.
type dayJSON struct {
	ID            uuid.UUID    `json:"id"`
	DateOn        day.Date     `json:"date_on"`
	Starts        string       `json:"starts"`
	Ends          string       `json:"ends"`
	BreakMinutes  int          `json:"break_minutes"`
	StartsAt      time.Time    `json:"starts_at"`
	EndsAt        time.Time    `json:"ends_at"`
	Hours         int64        `json:"hours"`
	SiteID        *uuid.UUID   `json:"site_id"`
	LeercoachIDs  *[]uuid.UUID `json:"leercoach_ids"`
	Attended      *bool        `json:"attended"`
	AttendedHours *int64       `json:"attended_hours"`
	SafetyBriefed *bool        `json:"safety_briefed"`
	MarkedAt      *time.Time   `json:"marked_at"`
	ExchangeID    uuid.UUID    `json:"leeruitwisseling_id"`
	SendingID     uuid.UUID    `json:"sending_organisation_id"`
	ReceivingID   uuid.UUID    `json:"receiving_organisation_id"`
	Revision      int64        `json:"revision"`
	CreatedAt     time.Time    `json:"created_at"`
	UpdatedAt     time.Time    `json:"updated_at"`
	Programme     Programme    `json:"programme"`
}

// Scan reads the column.
func (r *dayRows) Scan(src any) error {
	var in []dayJSON
	if err := scanJSON(src, &in); err != nil {
		return err
	}
	*r = make(dayRows, len(in))
	for i, d := range in {
		(*r)[i] = Day{Row: db.Row{Revision: d.Revision, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt},
			ID: id.DayID(d.ID), LeeruitwisselingID: id.LeeruitwisselingID(d.ExchangeID),
			SendingOrganisationID: id.OrganisationID(d.SendingID), ReceivingOrganisationID: id.OrganisationID(d.ReceivingID),
			DateOn: d.DateOn, Starts: d.Starts, Ends: d.Ends, BreakMinutes: d.BreakMinutes, StartsAt: d.StartsAt, EndsAt: d.EndsAt,
			Hours: hours.Hours(d.Hours), SiteID: (*id.SiteID)(d.SiteID), Attended: d.Attended, AttendedHours: (*hours.Hours)(d.AttendedHours),
			SafetyBriefed: d.SafetyBriefed, MarkedAt: d.MarkedAt, Programme: d.Programme}
		if d.LeercoachIDs != nil {
			coaches := make(db.IDs[id.MedewerkerID], len(*d.LeercoachIDs))
			for j, c := range *d.LeercoachIDs {
				coaches[j] = id.MedewerkerID(c)
			}
			(*r)[i].LeercoachIDs = &coaches
		}
	}
	return nil
}

// signed reads signatures that PostgreSQL wrote as JSON.
type signed []Signature

// Scan reads the column.
func (r *signed) Scan(src any) error {
	var in []struct {
		Party    string    `json:"party"`
		SignedBy string    `json:"signed_by"`
		Method   string    `json:"method"`
		Hash     string    `json:"hash"`
		SignedAt time.Time `json:"signed_at"`
	}
	if err := scanJSON(src, &in); err != nil {
		return err
	}
	*r = make(signed, len(in))
	for i, s := range in {
		hash, err := hex.DecodeString(s.Hash)
		if err != nil {
			return err
		}
		(*r)[i] = Signature{s.Party, s.SignedBy, s.Method, hash, s.SignedAt}
	}
	return nil
}

// getDay reads one day of an exchange.
func getDay(tx *db.Tx, lid id.LeeruitwisselingID, did id.DayID) (Day, error) {
	var d Day
	return d, tx.Where("leeruitwisseling_id = ? and id = ?", lid, did).Take(&d).Error
}

// touched raises the revision of an exchange whose parts changed, so that a consumer who keeps the highest one sees
// every change, and records it. The exchange is locked.
func touched(tx *db.Tx, l *Leeruitwisseling) error {
	_, err := tx.Run(`update leeruitwisselingen set revision = revision + 1, updated_at = ?, changed_by = ?, on_behalf_of = ?, request_id = ?
		where tenant_id = ? and id = ?`, tx.Now, tx.Actor, tx.OnBehalfOf, tx.RequestID, tx.Scope.Tenant, l.ID)
	if err != nil {
		return err
	}
	l.Revision, l.UpdatedAt = l.Revision+1, tx.Now
	return recordUpdated(tx, *l)
}

// touchedDays is touched for a day that was added, changed or removed: who guides the switcher follows from the days.
func touchedDays(tx *db.Tx, l *Leeruitwisseling) error {
	var of struct {
		DayCoachIDs db.IDs[id.MedewerkerID] `gorm:"column:day_coach_ids"`
	}
	err := db.One(tx, &of, `update leeruitwisselingen l set day_coach_ids = (select coalesce(array_agg(distinct c.id order by c.id), '{}')
			from leeruitwisseling_days d, unnest(d.leercoach_ids) c (id)
			where d.tenant_id = l.tenant_id and d.leeruitwisseling_id = l.id and not c.id = any (l.leercoach_ids))
		where l.tenant_id = ? and l.id = ? returning day_coach_ids`, tx.Scope.Tenant, l.ID)
	if err != nil {
		return err
	}
	l.DayCoachIDs = of.DayCoachIDs
	return touched(tx, l)
}

// known returns the ids that a query finds. It looks past the binding: a bound caller may name people of the other side,
// whom it cannot read.
func known[ID comparable](tx *db.Tx, query string, args ...any) (map[ID]bool, error) {
	out := map[ID]bool{}
	return out, tx.Unbound("people of the other employer may be named", func(tx *db.Tx) error {
		var found []ID
		err := tx.Select(&found, query, args...)
		for _, x := range found {
			out[x] = true
		}
		return err
	})
}

// lockTime keeps two exchanges of one switcher from filling the same hours at the same moment.
func lockTime(tx *db.Tx, switcher id.MedewerkerID) error {
	_, err := tx.Run(`select pg_advisory_xact_lock(hashtextextended(?, 0))`, "leeruitwisseling_days:"+switcher.String())
	return err
}

// free refuses, with a field at the pointer, hours of the switcher that another day takes: one that was attended, or is
// still to come in an exchange that goes on. Days of other employers' exchanges count too.
func free(tx *db.Tx, l Leeruitwisseling, d Day, pointer string) error {
	if err := lockTime(tx, l.SwitcherID); err != nil {
		return err
	}
	var taken bool
	err := tx.Unbound("a switcher has one time for all exchanges", func(tx *db.Tx) error {
		return tx.Select(&taken, `select exists (select 1 from leeruitwisseling_days d
			join leeruitwisselingen l on l.tenant_id = d.tenant_id and l.id = d.leeruitwisseling_id
			where d.tenant_id = ? and l.switcher_id = ? and d.id <> ? and d.starts_at < ? and d.ends_at > ?
			and (d.attended or d.attended is null and l.status in ?))`, tx.Scope.Tenant, l.SwitcherID, d.ID, d.EndsAt, d.StartsAt, active)
	})
	if err == nil && taken {
		return fault.At(pointer, overlaps)
	}
	return err
}
