package leerbewijs

import (
	"context"
	"net/http"
	"time"

	"gorm.io/gorm"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/hours"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// Routes are the doors of certificates. Issuing one reads the exchange: that door is a journey.
func (s Service) Routes() []web.Route {
	return []web.Route{
		web.List("/v1/leerbewijzen", "leerbewijs:read", s.list, web.Syncs, web.Snapshot),
		web.Get("/v1/leerbewijzen/:id", "leerbewijs:read", s.get, web.Snapshot),
		web.Patch("/v1/leerbewijzen/:id", "leerbewijs:write", s.update),
		web.Get("/v1/leerbewijzen/:id/pdf", "leerbewijs:read", s.pdf, web.Snapshot),
		web.Act("/v1/leerbewijzen/:id/revoke", "leerbewijs:write", s.revoke),
		web.Act("/v1/leerbewijzen/:id/suspend", "leerbewijs:write", s.suspend),
		web.Act("/v1/leerbewijzen/:id/reinstate", "leerbewijs:write", s.reinstate),
		web.Open(http.MethodGet, "/check/:id", http.StatusOK, s.check),
	}
}

// Wire is a leerbewijs as callers see it.
type Wire struct {
	ID                      id.LeerbewijsID       `json:"id" example:"lbw_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	LeeruitwisselingID      id.LeeruitwisselingID `json:"leeruitwisseling_id" example:"lui_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	OrganisationID          id.OrganisationID     `json:"organisation_id" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q"` // the holder's employer
	MedewerkerID            id.MedewerkerID       `json:"medewerker_id" example:"mdw_01jd8m5x9nf3tvhg5w6rkz2c4q"`   // the holder
	Role                    string                `json:"role" enums:"switcher,leercoach" example:"switcher"`
	Status                  Status                `json:"status" enums:"issued,suspended,revoked,expired" example:"issued"` // expired follows from valid_until_on
	Lang                    string                `json:"lang" enums:"nl,fr,en" example:"nl"`
	HolderName              string                `json:"holder_name" example:"Sam Voorbeeld"`
	Title                   *string               `json:"title" extensions:"x-nullable" example:"Medicatie in het woonzorgcentrum"`
	Goals                   []string              `json:"goals" example:"Zien hoe medicatie wordt klaargezet"`
	SendingName             string                `json:"sending_name" example:"Apotheek Zonneveld"`
	ReceivingName           string                `json:"receiving_name" example:"Woonzorgcentrum De Linde"`
	Place                   *string               `json:"place" extensions:"x-nullable" example:"Gent"`
	Hours                   hours.Hours           `json:"hours" example:"14"`
	Classification          string                `json:"classification" enums:"informal,formal,initial" example:"informal"`
	FromOn                  day.Date              `json:"from_on" format:"date" example:"2027-01-11"`
	UntilOn                 day.Date              `json:"until_on" format:"date" example:"2027-01-12"`
	IssuedAt                time.Time             `json:"issued_at" format:"date-time" example:"2027-01-20T08:30:00Z"`
	ValidUntilOn            *day.Date             `json:"valid_until_on" format:"date" extensions:"x-nullable" example:"2032-01-12"` // the last day, in the tenant's zone
	SuspendedAt             *time.Time            `json:"suspended_at" format:"date-time" extensions:"x-nullable" example:"2027-02-01T08:00:00Z"`
	SuspendReason           *string               `json:"suspend_reason" extensions:"x-nullable" example:"De uren worden nagekeken."`
	RevokedAt               *time.Time            `json:"revoked_at" format:"date-time" extensions:"x-nullable" example:"2027-02-01T08:00:00Z"`
	RevokeReason            *string               `json:"revoke_reason" extensions:"x-nullable" example:"Uitgereikt aan de verkeerde persoon."`
	OpleidingsregistratieID *id.RegistratieID     `json:"opleidingsregistratie_id" extensions:"x-nullable" example:"opr_01jd8m5x9nf3tvhg5w6rkz2c4q"`                                  // the root_id of the training hours that it goes with
	CheckURL                string                `json:"check_url" format:"uri" example:"https://switchboard.example/check/lbw_01jd8m5x9nf3tvhg5w6rkz2c4q?k=Zr3v9qk2Jc7mX1yT0bWpLg"` // as printed: with the key that shows the name
	web.Meta
} // @name Leerbewijs

// Location is where the leerbewijs can be read.
func (w Wire) Location() string { return "/v1/leerbewijzen/" + w.ID.String() }

// WireOf is a leerbewijs as callers see it, on the day that it is for the issuer.
func (s Service) WireOf(tx *db.Tx, l Leerbewijs) (Wire, error) {
	issuer, err := s.Tenant(tx)
	if err != nil {
		return Wire{}, err
	}
	return s.wire(l, day.At(tx.Now, issuer.Zone))
}

func (s Service) wire(l Leerbewijs, today day.Date) (Wire, error) {
	url, err := s.checkURL(l)
	return Wire{ID: l.ID, LeeruitwisselingID: l.LeeruitwisselingID, OrganisationID: l.OrganisationID, MedewerkerID: l.MedewerkerID, Role: l.Role,
		Status: l.StatusOn(today), Lang: l.Lang, HolderName: l.HolderName, Title: l.Title, Goals: append([]string{}, l.Goals...), SendingName: l.SendingName,
		ReceivingName: l.ReceivingName, Place: l.Place, Hours: l.Hours, Classification: l.Classification, FromOn: l.FromOn, UntilOn: l.UntilOn,
		IssuedAt: l.IssuedAt.UTC(), ValidUntilOn: l.ValidUntilOn, SuspendedAt: utc(l.SuspendedAt), SuspendReason: l.SuspendReason,
		RevokedAt: utc(l.RevokedAt), RevokeReason: l.RevokeReason,
		OpleidingsregistratieID: l.OpleidingsregistratieID, CheckURL: url, Meta: web.MetaOf(l.Row)}, err
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

type byID struct {
	ID id.LeerbewijsID `uri:"id"`
}

// Filters are what certificates can be filtered by.
type Filters struct {
	OrganisationID     *id.OrganisationID     `form:"organisation_id"`
	MedewerkerID       *id.MedewerkerID       `form:"medewerker_id"`
	LeeruitwisselingID *id.LeeruitwisselingID `form:"leeruitwisseling_id"`
	Status             []Status               `form:"status" enums:"issued,suspended,revoked,expired"`
}

type listReq struct {
	page.SyncParams
	Filters
}

// having finds certificates that stand so on a day. The statuses are in the text, so that a plan that is made before its
// parameters are known finds the few by their index.
func having(tx *db.Tx, statuses []Status, today day.Date) *gorm.DB {
	found := tx.Where("false")
	for _, s := range statuses {
		switch s {
		case StatusIssued:
			found = found.Or("status = 'issued' and (valid_until_on is null or valid_until_on >= ?)", today)
		case StatusExpired:
			found = found.Or("status = 'issued' and valid_until_on < ?", today)
		case StatusSuspended:
			found = found.Or("status = 'suspended'")
		case StatusRevoked:
			found = found.Or("status = 'revoked'")
		}
	}
	return found
}

// list reads certificates.
//
//	@Summary		List certificates
//	@Description	With updated_since, or a cursor that began with it, the list can be followed for ever. That a certificate expires is no change: it follows from valid_until_on.
//	@ID				listLeerbewijzen
//	@Tags			leerbewijs
//	@Param			limit				query		int			false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param			cursor				query		string		false	"where to go on"
//	@Param			sort				query		string		false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Param			updated_since		query		string		false	"follow the changes since this time"	Format(date-time)
//	@Param			organisation_id		query		string		false	"of employees of this employer"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			medewerker_id		query		string		false	"of this employee"				example(mdw_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			leeruitwisseling_id	query		string		false	"of this exchange"				example(lui_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			status				query		[]string	false	"these statuses"				collectionFormat(csv)	Enums(issued,suspended,revoked,expired)
//	@Success		200					{object}	page.Page[Wire]
//	@Router			/v1/leerbewijzen [get]
func (s Service) list(_ context.Context, tx *db.Tx, in listReq) (page.Page[Wire], error) {
	issuer, err := s.Tenant(tx)
	if err != nil {
		return page.Page[Wire]{}, err
	}
	today := day.At(tx.Now, issuer.Zone)
	q := tx.Model(&Leerbewijs{})
	if in.OrganisationID != nil {
		q = q.Where("organisation_id = ?", *in.OrganisationID)
	}
	if in.MedewerkerID != nil {
		q = q.Where("medewerker_id = ?", *in.MedewerkerID)
	}
	if in.LeeruitwisselingID != nil {
		q = q.Where("leeruitwisseling_id = ?", *in.LeeruitwisselingID)
	}
	if len(in.Status) > 0 {
		q = q.Where(having(tx, in.Status, today))
	}
	var unsealed error
	p, err := page.Sync(tx, in.SyncParams, in.Filters, q, func(l Leerbewijs) Wire {
		w, err := s.wire(l, today)
		if err != nil {
			unsealed = err
		}
		return w
	})
	if err == nil {
		err = unsealed
	}
	return p, err
}

// get reads one leerbewijs.
//
//	@Summary	Read a certificate
//	@ID			getLeerbewijs
//	@Tags		leerbewijs
//	@Param		id	path		string	true	"the certificate"	example(lbw_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	200	{object}	Wire
//	@Router		/v1/leerbewijzen/{id} [get]
func (s Service) get(_ context.Context, tx *db.Tx, in byID) (Wire, error) {
	l, err := db.Get[Leerbewijs](tx, in.ID)
	if err != nil {
		return Wire{}, err
	}
	return s.WireOf(tx, l)
}

// pdf makes the document that the holder gets.
//
//	@Summary		Get the PDF of a certificate
//	@Description	The same bytes every time, as long as neither the certificate nor the tenant's name and colours change. One that was revoked is not printed any more.
//	@ID				getLeerbewijsPdf
//	@Tags			leerbewijs
//	@Produce		application/pdf
//	@Param			id	path		string	true	"the certificate"	example(lbw_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200	{file}		file
//	@Failure		409	{object}	web.Problem
//	@Router			/v1/leerbewijzen/{id}/pdf [get]
func (s Service) pdf(_ context.Context, tx *db.Tx, in byID) (web.File, error) {
	l, err := db.Get[Leerbewijs](tx, in.ID)
	if err != nil {
		return web.File{}, err
	}
	if err := allowed(l, printing); err != nil {
		return web.File{}, err
	}
	issuer, err := s.Tenant(tx)
	if err != nil {
		return web.File{}, err
	}
	c, err := s.certificate(l, issuer)
	if err != nil {
		return web.File{}, err
	}
	return web.File{Name: "leerbewijs-" + l.ID.String() + ".pdf", Type: "application/pdf", Make: c.pdf}, nil
}

type updateReq struct {
	byID
	web.IfMatch
	Patch web.MergePatch `body:"patch"`
}

// update changes the language or the last day of a leerbewijs.
//
//	@Summary		Change a certificate
//	@Description	Only the language of the PDF and the last day on which it holds: what it proves does not change.
//	@ID				updateLeerbewijs
//	@Tags			leerbewijs
//	@Param			id		path		string	true	"the certificate"	example(lbw_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		Input	true	"what changes"
//	@Success		200		{object}	Wire
//	@Router			/v1/leerbewijzen/{id} [patch]
func (s Service) update(ctx context.Context, tx *db.Tx, in updateReq) (Wire, error) {
	l, err := s.Update(ctx, tx, in.ID, func(l Leerbewijs) error { return in.Check(l.Revision) },
		func(i *Input) error { return in.Patch.Apply(i) })
	if err != nil {
		return Wire{}, err
	}
	return s.WireOf(tx, l)
}

// ReasonInput says why.
type ReasonInput struct {
	Reason string `json:"reason" binding:"required" minLength:"1" maxLength:"2000" example:"Uitgereikt aan de verkeerde persoon."`
} // @name LeerbewijsReasonInput

type reasonReq struct {
	byID
	Body ReasonInput `body:"json"`
}

// revoke ends a leerbewijs for ever.
//
//	@Summary	Revoke a certificate
//	@ID			revokeLeerbewijs
//	@Tags		leerbewijs
//	@Param		id		path		string		true	"the certificate"	example(lbw_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		body	body		ReasonInput	true	"why"
//	@Success	200		{object}	Wire
//	@Router		/v1/leerbewijzen/{id}/revoke [post]
func (s Service) revoke(ctx context.Context, tx *db.Tx, in reasonReq) (Wire, error) {
	l, err := s.Revoke(ctx, tx, in.ID, in.Body.Reason)
	if err != nil {
		return Wire{}, err
	}
	return s.WireOf(tx, l)
}

// suspend makes a leerbewijs not count for now.
//
//	@Summary	Suspend a certificate
//	@ID			suspendLeerbewijs
//	@Tags		leerbewijs
//	@Param		id		path		string		true	"the certificate"	example(lbw_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		body	body		ReasonInput	true	"why"
//	@Success	200		{object}	Wire
//	@Router		/v1/leerbewijzen/{id}/suspend [post]
func (s Service) suspend(ctx context.Context, tx *db.Tx, in reasonReq) (Wire, error) {
	l, err := s.Suspend(ctx, tx, in.ID, in.Body.Reason)
	if err != nil {
		return Wire{}, err
	}
	return s.WireOf(tx, l)
}

// reinstate makes a suspended leerbewijs count again.
//
//	@Summary	Reinstate a suspended certificate
//	@ID			reinstateLeerbewijs
//	@Tags		leerbewijs
//	@Param		id	path		string	true	"the certificate"	example(lbw_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	200	{object}	Wire
//	@Router		/v1/leerbewijzen/{id}/reinstate [post]
func (s Service) reinstate(ctx context.Context, tx *db.Tx, in byID) (Wire, error) {
	l, err := s.Reinstate(ctx, tx, in.ID)
	if err != nil {
		return Wire{}, err
	}
	return s.WireOf(tx, l)
}
