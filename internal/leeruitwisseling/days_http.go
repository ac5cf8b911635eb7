package leeruitwisseling

import (
	"context"
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/hours"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// DayWire is a day as callers see it.
type DayWire struct {
	ID                 id.DayID              `json:"id" example:"day_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	LeeruitwisselingID id.LeeruitwisselingID `json:"leeruitwisseling_id" example:"lui_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	DateOn             day.Date              `json:"date_on" format:"date" example:"2027-01-11"`
	Starts             string                `json:"starts" example:"09:00"`
	Ends               string                `json:"ends" example:"16:30"`
	BreakMinutes       int                   `json:"break_minutes" example:"30"`
	StartsAt           time.Time             `json:"starts_at" format:"date-time" example:"2027-01-11T08:00:00Z"`
	EndsAt             time.Time             `json:"ends_at" format:"date-time" example:"2027-01-11T15:30:00Z"`
	Hours              hours.Hours           `json:"hours" example:"7"`
	SiteID             *id.SiteID            `json:"site_id" extensions:"x-nullable" example:"sit_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	LeercoachIDs       *[]id.MedewerkerID    `json:"leercoach_ids" extensions:"x-nullable" example:"mdw_01jd8m5x9nf3tvhg5w6rkz2c4q"` // null: those of the exchange
	Provisional        bool                  `json:"provisional" example:"true"`                                                     // the exchange is not planned yet
	Attended           *bool                 `json:"attended" extensions:"x-nullable" example:"true"`                                // null: not noted yet
	AttendedHours      *hours.Hours          `json:"attended_hours" extensions:"x-nullable" example:"7"`
	SafetyBriefed      *bool                 `json:"safety_briefed" extensions:"x-nullable" example:"true"`
	MarkedAt           *time.Time            `json:"marked_at" format:"date-time" extensions:"x-nullable" example:"2027-01-11T16:00:00Z"`
	Programme          []ProgrammeItem       `json:"programme"` // the leercoach's plan of the day
	web.Meta
} // @name LeeruitwisselingDay

// Location is where the day can be read.
func (w DayWire) Location() string {
	return "/v1/leeruitwisselingen/" + w.LeeruitwisselingID.String() + "/days/" + w.ID.String()
}

func dayWire(l Leeruitwisseling, d Day) DayWire {
	return DayWire{d.ID, d.LeeruitwisselingID, d.DateOn, d.Starts, d.Ends, d.BreakMinutes, d.StartsAt.UTC(), d.EndsAt.UTC(), d.Hours, d.SiteID,
		(*[]id.MedewerkerID)(d.LeercoachIDs), l.PlannedAt == nil, d.Attended, d.AttendedHours, d.SafetyBriefed, utc(d.MarkedAt),
		append([]ProgrammeItem{}, d.Programme...), web.MetaOf(d.Row)}
}

type postDayReq struct {
	byID
	Body DayInput `body:"json"`
}

// postDay adds a day.
//
//	@Summary		Add a day to an exchange
//	@Description	Days may lie in the past. An end at or before the start is the next morning's; hours are counted between the instants, in the tenant's zone, less the break. A switcher's days do not overlap, over all exchanges. Leercoaches are employed by the receiving employer; null means those of the exchange. The programme is the receiving side's to draw up.
//	@ID				createLeeruitwisselingDay
//	@Tags			leeruitwisseling
//	@Param			id		path		string		true	"the exchange"	example(lui_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		DayInput	true	"the day"
//	@Success		201		{object}	DayWire
//	@Router			/v1/leeruitwisselingen/{id}/days [post]
func (s Service) postDay(ctx context.Context, tx *db.Tx, in postDayReq) (DayWire, error) {
	l, d, err := s.addDay(ctx, tx, in.ID, in.Body)
	return dayWire(l, d), err
}

// listDays reads the days of an exchange.
//
//	@Summary	List the days of an exchange
//	@ID			listLeeruitwisselingDays
//	@Tags		leeruitwisseling
//	@Param		id		path		string	true	"the exchange"	example(lui_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		limit	query		int		false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param		cursor	query		string	false	"where to go on"
//	@Param		sort	query		string	false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Success	200		{object}	page.Page[DayWire]
//	@Router		/v1/leeruitwisselingen/{id}/days [get]
func (s Service) listDays(_ context.Context, tx *db.Tx, in partsReq) (page.Page[DayWire], error) {
	l, err := db.Get[Leeruitwisseling](tx, in.ID)
	if err != nil {
		return page.Page[DayWire]{}, err
	}
	return page.List(tx, in.Params, in.byID, tx.Model(&Day{}).Where("leeruitwisseling_id = ?", in.ID), func(d Day) DayWire { return dayWire(l, d) })
}

type dayReq struct {
	byID
	DayID id.DayID `uri:"day_id"`
}

// getDay reads a day.
//
//	@Summary	Read a day of an exchange
//	@ID			getLeeruitwisselingDay
//	@Tags		leeruitwisseling
//	@Param		id		path		string	true	"the exchange"	example(lui_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		day_id	path		string	true	"the day"		example(day_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	200		{object}	DayWire
//	@Router		/v1/leeruitwisselingen/{id}/days/{day_id} [get]
func (s Service) getDay(_ context.Context, tx *db.Tx, in dayReq) (DayWire, error) {
	l, err := db.Get[Leeruitwisseling](tx, in.ID)
	if err != nil {
		return DayWire{}, err
	}
	d, err := getDay(tx, in.ID, in.DayID)
	return dayWire(l, d), err
}

type patchDayReq struct {
	dayReq
	web.IfMatch
	Patch web.MergePatch `body:"patch"`
}

// patchDay changes members of a day.
//
//	@Summary		Change a day of an exchange
//	@Description	Until its attendance is noted. If-Match is the day's own revision.
//	@ID				updateLeeruitwisselingDay
//	@Tags			leeruitwisseling
//	@Param			id		path		string		true	"the exchange"	example(lui_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			day_id	path		string		true	"the day"		example(day_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		DayInput	true	"what changes"
//	@Success		200		{object}	DayWire
//	@Router			/v1/leeruitwisselingen/{id}/days/{day_id} [patch]
func (s Service) patchDay(ctx context.Context, tx *db.Tx, in patchDayReq) (DayWire, error) {
	l, d, err := s.changeDay(ctx, tx, in.ID, in.DayID, func(d Day) error { return in.Check(d.Revision) },
		func(i *DayInput) error { return in.Patch.Apply(i) })
	return dayWire(l, d), err
}

// deleteDay removes a day.
//
//	@Summary		Remove a day of an exchange
//	@Description	Until its attendance is noted.
//	@ID				deleteLeeruitwisselingDay
//	@Tags			leeruitwisseling
//	@Param			id		path	string	true	"the exchange"	example(lui_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			day_id	path	string	true	"the day"		example(day_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		204
//	@Router			/v1/leeruitwisselingen/{id}/days/{day_id} [delete]
func (s Service) deleteDay(ctx context.Context, tx *db.Tx, in dayReq) (web.None, error) {
	return web.None{}, s.removeDay(ctx, tx, in.ID, in.DayID)
}

// ProgrammeInput is the plan of a day.
type ProgrammeInput struct {
	Programme Programme `json:"programme" binding:"required" validate:"max=50"`
} // @name LeeruitwisselingProgrammeInput

type programmeReq struct {
	dayReq
	web.IfMatch
	Body ProgrammeInput `body:"json"`
}

// putProgramme draws up the plan of a day.
//
//	@Summary		Draw up the plan of a day
//	@Description	Whole, in its own order. By a leercoach who guides that day, the receiving employer or the ST-partner; the switcher and the sending employer read it. Until its attendance is noted. It is no part of what is signed.
//	@ID				putLeeruitwisselingProgramme
//	@Tags			leeruitwisseling
//	@Param			id		path		string			true	"the exchange"	example(lui_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			day_id	path		string			true	"the day"		example(day_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		ProgrammeInput	true	"the plan"
//	@Success		200		{object}	DayWire
//	@Router			/v1/leeruitwisselingen/{id}/days/{day_id}/programme [put]
func (s Service) putProgramme(ctx context.Context, tx *db.Tx, in programmeReq) (DayWire, error) {
	l, d, err := s.prepareDay(ctx, tx, in.ID, in.DayID, func(d Day) error { return in.Check(d.Revision) }, in.Body.Programme)
	return dayWire(l, d), err
}

type attendReq struct {
	dayReq
	Body AttendInput `body:"json"`
}

// postAttendance notes attendance.
//
//	@Summary		Note attendance of a day
//	@Description	From the day itself on, and until the exchange is completed. Hours left out are the day's own. The first mark begins the exchange.
//	@ID				attendLeeruitwisselingDay
//	@Tags			leeruitwisseling
//	@Param			id		path		string		true	"the exchange"	example(lui_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			day_id	path		string		true	"the day"		example(day_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		AttendInput	true	"who was there, and how long"
//	@Success		200		{object}	Wire
//	@Router			/v1/leeruitwisselingen/{id}/days/{day_id}/attend [post]
func (s Service) postAttendance(ctx context.Context, tx *db.Tx, in attendReq) (Wire, error) {
	return s.viewAfter(tx, in.ID, s.attend(ctx, tx, in.ID, in.DayID, in.Body))
}
