package leerbewijs

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/hours"
	"github.com/switchingtalent/switchboard/internal/platform/html"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// CheckWire is the public check as JSON. What says who it is about is null without the printed link.
type CheckWire struct {
	ID             id.LeerbewijsID `json:"id" example:"lbw_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Status         string          `json:"status" enums:"valid,suspended,revoked,expired" example:"valid"`
	Role           string          `json:"role" enums:"switcher,leercoach" example:"switcher"`
	Classification string          `json:"classification" enums:"informal,formal,initial" example:"informal"`
	Hours          hours.Hours     `json:"hours" example:"14"`
	FromOn         day.Date        `json:"from_on" format:"date" example:"2027-01-11"`
	UntilOn        day.Date        `json:"until_on" format:"date" example:"2027-01-12"`
	IssuerName     string          `json:"issuer_name" example:"Blenders"`
	IssuedAt       time.Time       `json:"issued_at" format:"date-time" example:"2027-01-20T08:30:00Z"`
	ValidUntilOn   *day.Date       `json:"valid_until_on" format:"date" extensions:"x-nullable" example:"2032-01-12"`
	HolderName     *string         `json:"holder_name" extensions:"x-nullable" example:"Sam Voorbeeld"`
	SendingName    *string         `json:"sending_name" extensions:"x-nullable" example:"Apotheek Zonneveld"`
	ReceivingName  *string         `json:"receiving_name" extensions:"x-nullable" example:"Woonzorgcentrum De Linde"`
} // @name LeerbewijsCheck

type checkReq struct {
	ID             string `uri:"id"` // as text: what cannot be an id is unknown like any other
	Key            string `form:"k"`
	AcceptLanguage string `header:"Accept-Language"`
}

// check says publicly whether a leerbewijs holds.
//
//	@Summary		Check a certificate
//	@Description	Public: whether a certificate holds, as a page for people or as JSON, by Accept. The name of the holder and of both employers show only with the key of the printed link. Every unknown id is answered alike.
//	@ID				checkLeerbewijs
//	@Tags			leerbewijs
//	@Produce		html,json
//	@Param			id	path		string	true	"the certificate"	example(lbw_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			k	query		string	false	"the key of the printed link"	example(Zr3v9qk2Jc7mX1yT0bWpLg)
//	@Success		200	{object}	CheckWire
//	@Router			/check/{id} [get]
func (s Service) check(ctx context.Context, d *db.DB, in checkReq) (web.HTML, error) {
	asJSON := web.PrefersJSON(web.RequestOf(ctx).Accept)
	l, issuer, err := s.find(ctx, d, in.ID)
	if fault.Missing.Is(err) && !asJSON {
		return answer(unknownCheck(html.Language(in.AcceptLanguage, "nl")))
	}
	if err != nil {
		return web.HTML{}, err
	}
	named, err := s.unlocks(l, in.Key)
	if err != nil {
		return web.HTML{}, err
	}
	status := string(l.StatusOn(day.At(d.Now(), issuer.Zone)))
	if status == string(StatusIssued) {
		status = "valid"
	}
	if asJSON {
		w := CheckWire{ID: l.ID, Status: status, Role: l.Role, Classification: l.Classification, Hours: l.Hours, FromOn: l.FromOn, UntilOn: l.UntilOn,
			IssuerName: issuer.Name, IssuedAt: l.IssuedAt.UTC(), ValidUntilOn: l.ValidUntilOn}
		if named {
			w.HolderName, w.SendingName, w.ReceivingName = &l.HolderName, &l.SendingName, &l.ReceivingName
		}
		b, err := json.Marshal(w)
		return web.HTML{Status: http.StatusOK, Type: "application/json", Bytes: b,
			Header: http.Header{"Cache-Control": {"no-store"}, "Vary": {"Accept"}}}, err
	}
	v := checkView{ID: l.ID.String(), Brand: issuer.brand(), Issuer: issuer.Name, Status: status, Role: l.Role, Classification: l.Classification,
		Hours: l.Hours, From: l.FromOn, Until: l.UntilOn, IssuedOn: day.At(l.IssuedAt, issuer.Zone)}
	if l.ValidUntilOn != nil {
		v.ValidUntil = *l.ValidUntilOn
	}
	if named {
		v.Name, v.Sending, v.Receiving = l.HolderName, l.SendingName, l.ReceivingName
	}
	return answer(v.page(html.Language(in.AcceptLanguage, l.Lang)))
}

// find reads a leerbewijs by its public id, and who issued it.
func (s Service) find(ctx context.Context, d *db.DB, name string) (l Leerbewijs, issuer Issuer, err error) {
	found, err := d.Resolve(ctx, directory, name)
	if err != nil {
		return l, issuer, err
	}
	err = d.Snapshot(ctx, db.System(found.Tenant, "public check"), func(tx *db.Tx) error {
		if l, err = db.Get[Leerbewijs](tx, id.LeerbewijsID(found.Subject)); err != nil {
			return err
		}
		issuer, err = s.Tenant(tx)
		return err
	})
	return l, issuer, err
}

// answer is a page whose words depend on what the browser accepts.
func answer(doc html.Document, err error) (web.HTML, error) {
	if err != nil {
		return web.HTML{}, err
	}
	h := doc.Header.Clone()
	h.Set("Vary", "Accept, Accept-Language")
	return web.HTML{Status: doc.Status, Header: h, Bytes: doc.Body}, nil
}
