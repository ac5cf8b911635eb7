package survey

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/html"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// linkRoutes are the doors of a link: whoever holds its token may answer, and read nothing.
func (s Service) linkRoutes() []web.Route {
	return []web.Route{
		web.Open(http.MethodGet, "/s/:token", http.StatusOK, s.showForm),
		web.Open(http.MethodPost, "/s/:token", http.StatusOK, s.postForm),
	}
}

type linkReq struct {
	Token string `uri:"token"`
}

// LinkWire is a survey as whoever holds its link sees it: what is asked, never what was answered.
type LinkWire struct {
	ID        id.SurveyID `json:"id" example:"srv_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Role      Role        `json:"role" enums:"switcher,sending,leercoach,receiving,colleague,family" example:"switcher"`
	Status    Status      `json:"status" enums:"scheduled,invited,answered" example:"invited"`
	Lang      string      `json:"lang" enums:"nl,fr,en" example:"nl"`
	ExpiresAt *time.Time  `json:"expires_at" format:"date-time" extensions:"x-nullable" example:"2027-03-26T08:00:00Z"`
	Questions []Question  `json:"questions"`
} // @name SurveyLink

func linkWire(v Survey) LinkWire {
	return LinkWire{v.ID, v.Role, v.Status, v.Lang, utc(v.ExpiresAt), v.Questions}
}

// showForm shows the questions of a survey to whoever has its link. It changes nothing: mail scanners open links.
//
//	@Summary		Show a survey without an account
//	@Description	A page for people, or JSON by Accept: the questions, and whether they were answered. A link that expired or never was is the same 404.
//	@ID				showSurvey
//	@Tags			survey
//	@Produce		html,json
//	@Param			token	path		string	true	"the token of the link"	example(9tqVd3yQm0Xk5cJ8sLr2aB7nPzE4hUwGfT1oYiKxMvA)
//	@Success		200		{object}	LinkWire
//	@Router			/s/{token} [get]
func (s Service) showForm(ctx context.Context, d *db.DB, in linkReq) (web.HTML, error) {
	if web.PrefersJSON(web.RequestOf(ctx).Accept) {
		return tell(ctx, d, in.Token, d.Snapshot, func(tx *db.Tx, sid id.SurveyID) (Survey, error) {
			return db.Get[Survey](tx, sid)
		})
	}
	return visit(ctx, d, in.Token, d.Snapshot, func(tx *db.Tx, sid id.SurveyID) (html.Document, error) {
		v, err := db.Get[Survey](tx, sid)
		if err != nil {
			return html.Document{}, err
		}
		return show(tx, v, in.Token, nil, nil)
	})
}

type postReq struct {
	linkReq
	Body web.Posted `body:"form"`
}

// postForm stores the answers that were filled in on the page of a link.
//
//	@Summary		Answer a survey without an account
//	@Description	A form: each answer under the id of its question, as the page shows them; what is not right comes back as the same page with what is missing, as 422. Or the JSON of POST /v1/surveys/{id}/answers, which is answered in JSON.
//	@ID				submitSurvey
//	@Tags			survey
//	@Accept			x-www-form-urlencoded,json
//	@Produce		html,json
//	@Param			token	path		string	true	"the token of the link"	example(9tqVd3yQm0Xk5cJ8sLr2aB7nPzE4hUwGfT1oYiKxMvA)
//	@Param			SW1		formData	string	false	"the answer to question SW1; likewise for each other question"	example(Hoe je rustig uitlegt wat je doet.)
//	@Param			body	body		AnswersInput	true	"the answers, instead of a form"
//	@Success		200		{object}	LinkWire
//	@Router			/s/{token} [post]
func (s Service) postForm(ctx context.Context, d *db.DB, in postReq) (web.HTML, error) {
	if in.Body.Form == nil {
		var a AnswersInput
		if err := in.Body.JSON(&a); err != nil {
			return web.HTML{}, err
		}
		return tell(ctx, d, in.Token, d.InTenant, func(tx *db.Tx, sid id.SurveyID) (Survey, error) {
			v, err := s.Lock(ctx, tx, sid)
			if err != nil || v.over(tx.Now) {
				return v, err
			}
			return s.Answer(ctx, tx, v, a.Answers)
		})
	}
	values := map[string]string{}
	for name := range in.Body.Form {
		values[name] = in.Body.Form.Get(name)
		if !utf8.ValidString(values[name]) {
			return web.HTML{}, fault.BadRequest.New()
		}
	}
	return visit(ctx, d, in.Token, d.InTenant, func(tx *db.Tx, sid id.SurveyID) (html.Document, error) {
		v, err := s.Lock(ctx, tx, sid)
		if err != nil {
			return html.Document{}, err
		}
		answers := make([]Answer, len(v.Questions))
		for i, q := range v.Questions {
			answers[i] = Answer{q.ID, q.posted(values[q.ID])}
		}
		_, err = s.Answer(ctx, tx, v, answers)
		var wrong *fault.Error
		switch {
		case IsAnswered.Is(err), IsExpired.Is(err):
			return show(tx, v, in.Token, nil, nil)
		case errors.As(err, &wrong) && wrong.Problem == fault.Unprocessable:
			return show(tx, v, in.Token, values, v.errors(wrong))
		case err != nil:
			return html.Document{}, err
		}
		set, err := settingsOf(tx)
		if err != nil {
			return html.Document{}, err
		}
		return thanksPage(v.Lang, set.Name, set.brand())
	})
}

// enter runs a verb in the tenant that the token of a link leads to.
func enter(ctx context.Context, d *db.DB, token string, in func(context.Context, db.Who, func(*db.Tx) error) error,
	verb func(*db.Tx, id.SurveyID) error) error {
	f, err := d.Resolve(ctx, directory, token)
	if err != nil {
		return err
	}
	who := db.System(f.Tenant, "survey-link")
	who.RequestID = web.RequestOf(ctx).ID
	return in(ctx, who, func(tx *db.Tx) error { return verb(tx, id.SurveyID(f.Subject)) })
}

// tell runs a door of a link for a program: it answers the survey that the verb gave, without what was answered.
func tell(ctx context.Context, d *db.DB, token string, in func(context.Context, db.Who, func(*db.Tx) error) error,
	verb func(*db.Tx, id.SurveyID) (Survey, error)) (web.HTML, error) {
	var w LinkWire
	err := enter(ctx, d, token, in, func(tx *db.Tx, sid id.SurveyID) error {
		v, err := verb(tx, sid)
		if err == nil && v.over(tx.Now) {
			err = fault.Missing.New()
		}
		w = linkWire(v)
		return err
	})
	if err != nil {
		return web.HTML{}, err
	}
	b, err := json.Marshal(w)
	return web.HTML{Status: http.StatusOK, Type: "application/json", Bytes: b,
		Header: http.Header{"Cache-Control": {"no-store"}, "Vary": {"Accept"}}}, err
}

// visit runs a door of a link in the tenant that the token leads to. A token that leads nowhere gets the one page that
// all such tokens get.
func visit(ctx context.Context, d *db.DB, token string, in func(context.Context, db.Who, func(*db.Tx) error) error,
	door func(*db.Tx, id.SurveyID) (html.Document, error)) (web.HTML, error) {
	var doc html.Document
	err := enter(ctx, d, token, in, func(tx *db.Tx, sid id.SurveyID) (err error) {
		doc, err = door(tx, sid)
		return err
	})
	if fault.Missing.Is(err) {
		doc, err = closedPage(web.RequestOf(ctx).Lang)
	}
	return web.HTML{Status: doc.Status, Header: doc.Header, Bytes: doc.Body}, err
}

// show renders the form of a survey that is open, or that it was answered. One whose time is over is missing, as if there
// had never been one.
func show(tx *db.Tx, v Survey, token string, values, problems map[string]string) (html.Document, error) {
	if v.over(tx.Now) {
		return html.Document{}, fault.Missing.New()
	}
	set, err := settingsOf(tx)
	if err != nil {
		return html.Document{}, err
	}
	if v.Status == Answered {
		return answeredPage(v.Lang, set.Name, set.brand())
	}
	var exchange struct{ SendingName, ReceivingName string }
	if err := db.One(tx, &exchange, `select sending_name, receiving_name from leeruitwisselingen where tenant_id = ? and id = ?`,
		tx.Scope.Tenant, v.LeeruitwisselingID); err != nil {
		return html.Document{}, err
	}
	intro := fmt.Sprintf(introText.In(v.Lang), exchange.SendingName, exchange.ReceivingName)
	if exchange.SendingName == exchange.ReceivingName {
		intro = fmt.Sprintf(internalText.In(v.Lang), exchange.SendingName)
	}
	form := formView{Lang: v.Lang, Tenant: set.Name, Brand: set.brand(), Title: titleText.In(v.Lang), Intro: intro, Action: "/s/" + token,
		Questions: make([]formQuestion, len(v.Questions)), Values: values, Errors: problems}
	for i, q := range v.Questions {
		form.Questions[i] = formQuestion{ID: q.ID, Text: q.Text, Kind: string(q.Kind), Options: q.Options, Required: q.Required}
		if q.Kind == Open {
			form.Questions[i].MaxLength = maxText
		}
	}
	return form.page()
}

func (s settings) brand() html.Brand {
	b := html.Brand{Name: s.Name}
	if s.PrimaryColour != nil {
		b.Primary = *s.PrimaryColour
	}
	if s.AccentColour != nil {
		b.Accent = *s.AccentColour
	}
	return b
}

// errors turns pointers into what was posted, one answer for each question, into sentences by question.
func (v Survey) errors(wrong *fault.Error) map[string]string {
	out := map[string]string{}
	for _, f := range wrong.Fields {
		question := ""
		place, ok := strings.CutPrefix(f.Pointer, "/answers/")
		if n, err := strconv.Atoi(strings.TrimSuffix(place, "/value")); ok && err == nil && n < len(v.Questions) {
			question = v.Questions[n].ID
		}
		code := f.Rule.Code
		if question == "" {
			code = fault.Needed.Code // nothing was answered at all
		}
		out[question] = formError(v.Lang, code, maxText)
	}
	return out
}

var (
	titleText = html.Text{NL: "Hoe kijk je terug op de leeruitwisseling?", FR: "Quel regard portez-vous sur l’échange ?",
		EN: "How do you look back on the exchange?"}
	introText = html.Text{NL: "Het gaat over de leeruitwisseling van %s bij %s.", FR: "Il s’agit de l’échange de %s chez %s.",
		EN: "This is about the exchange from %s to %s."}
	internalText = html.Text{NL: "Het gaat over de leeruitwisseling binnen %s.", FR: "Il s’agit de l’échange au sein de %s.",
		EN: "This is about the exchange within %s."}
)
