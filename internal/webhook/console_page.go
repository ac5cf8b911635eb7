package webhook

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/html"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/signature"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

//go:embed console.html
var consoleFile embed.FS

var consolePage = html.MustParse(consoleFile, "console.html")

var consoleTexts = html.Texts{
	"console":      {NL: "Webhooks", FR: "Webhooks", EN: "Webhooks"},
	"intro":        {NL: "Waar meldingen heen gaan, en wat ervan werd.", FR: "Où vont les notifications, et ce qu’elles sont devenues.", EN: "Where facts are sent, and what became of them."},
	"none":         {NL: "Er is nog geen endpoint.", FR: "Il n’y a pas encore de point de terminaison.", EN: "There is no endpoint yet."},
	"no_delivery":  {NL: "Er is nog niets verstuurd.", FR: "Rien n’a encore été envoyé.", EN: "Nothing was sent yet."},
	"no_try":       {NL: "Er is nog geen poging gedaan.", FR: "Il n’y a pas encore eu de tentative.", EN: "There was no try yet."},
	"all":          {NL: "Alle endpoints", FR: "Tous les points de terminaison", EN: "All endpoints"},
	"endpoint":     {NL: "Endpoint", FR: "Point de terminaison", EN: "Endpoint"},
	"address":      {NL: "Adres", FR: "Adresse", EN: "Address"},
	"types":        {NL: "Soorten", FR: "Types", EN: "Types"},
	"description":  {NL: "Omschrijving", FR: "Description", EN: "Description"},
	"status":       {NL: "Toestand", FR: "État", EN: "Status"},
	"failing":      {NL: "Mislukt sinds", FR: "En échec depuis", EN: "Failing since"},
	"deliveries":   {NL: "Verzendingen", FR: "Envois", EN: "Deliveries"},
	"delivery":     {NL: "Verzending", FR: "Envoi", EN: "Delivery"},
	"newest":       {NL: "De nieuwste eerst.", FR: "Les plus récents d’abord.", EN: "The newest first."},
	"older":        {NL: "Oudere", FR: "Plus anciens", EN: "Older"},
	"tries_day":    {NL: "Pogingen, laatste 24 uur", FR: "Tentatives, dernières 24 heures", EN: "Tries, last 24 hours"},
	"tries_since":  {NL: "De 10.000 nieuwste, sinds", FR: "Les 10 000 plus récentes, depuis", EN: "The newest 10,000, since"},
	"first_try":    {NL: "Aangekomen bij de eerste poging", FR: "Livrés à la première tentative", EN: "Arrived with the first try"},
	"duration":     {NL: "Duur (helft · 95 %)", FR: "Durée (moitié · 95 %)", EN: "Duration (half · 95 %)"},
	"oldest":       {NL: "Wacht het langst, sinds", FR: "Attend depuis le plus longtemps", EN: "Waiting for longest, since"},
	"event":        {NL: "Melding", FR: "Notification", EN: "Fact"},
	"made":         {NL: "Ontstaan", FR: "Créé", EN: "Made"},
	"next":         {NL: "Volgende poging", FR: "Prochaine tentative", EN: "Next try"},
	"tries":        {NL: "Pogingen", FR: "Tentatives", EN: "Tries"},
	"request":      {NL: "Wat de volgende poging stuurt", FR: "Ce que la prochaine tentative enverra", EN: "What the next try sends"},
	"sent":         {NL: "Wat we stuurden", FR: "Ce que nous avons envoyé", EN: "What we sent"},
	"kept":         {NL: "De inhoud wordt niet meer bewaard, of is niet voor jou bestemd.", FR: "Le contenu n’est plus conservé, ou ne vous est pas destiné.", EN: "Its content is no longer kept, or is not for you to read."},
	"not_kept":     {NL: "Wat we toen stuurden, is niet bewaard.", FR: "Ce que nous avions envoyé n’a pas été conservé.", EN: "What we sent then was not kept."},
	"not_sent":     {NL: "Er is niets verstuurd.", FR: "Rien n’a été envoyé.", EN: "Nothing was sent."},
	"signed":       {NL: "Ondertekend onder", FR: "Signé sous", EN: "Signed under"},
	"answer":       {NL: "Antwoord", FR: "Réponse", EN: "Answer"},
	"no_answer":    {NL: "Zonder inhoud.", FR: "Sans contenu.", EN: "Without content."},
	"took":         {NL: "Duur", FR: "Durée", EN: "Took"},
	"at":           {NL: "Tijdstip", FR: "Moment", EN: "Time"},
	"outcome":      {NL: "Uitkomst", FR: "Résultat", EN: "Outcome"},
	"test":         {NL: "Testmelding sturen", FR: "Envoyer un test", EN: "Send a test"},
	"enable":       {NL: "Weer inschakelen", FR: "Réactiver", EN: "Enable again"},
	"pause":        {NL: "Pauzeren", FR: "Mettre en pause", EN: "Pause"},
	"resume":       {NL: "Hervatten", FR: "Reprendre", EN: "Resume"},
	"recover":      {NL: "Inhalen wat misliep", FR: "Rattraper les échecs", EN: "Send what was missed"},
	"recover_help": {NL: "Alles wat mislukte, nog wacht of nooit verstuurd werd, met dezelfde webhook-id.", FR: "Tout ce qui a échoué, attend encore ou n’a jamais été envoyé, avec le même webhook-id.", EN: "All that failed, still waits or was never sent, under the same webhook-id."},
	"recover_span": {NL: "Van de laatste", FR: "Des dernières", EN: "Of the last"},
	"recover_do":   {NL: "Haal het in", FR: "Rattraper", EN: "Send it"},
	"span_1":       {NL: "uur", FR: "60 minutes", EN: "hour"},
	"span_24":      {NL: "24 uur", FR: "24 heures", EN: "24 hours"},
	"span_168":     {NL: "7 dagen", FR: "168 heures (7 jours)", EN: "7 days"},
	"span_720":     {NL: "30 dagen", FR: "720 heures (30 jours)", EN: "30 days"},
	"resend":       {NL: "Opnieuw sturen", FR: "Renvoyer", EN: "Send again"},
	"cancel":       {NL: "Annuleren", FR: "Annuler", EN: "Cancel"},
	"rotate":       {NL: "Geheim vervangen", FR: "Remplacer le secret", EN: "Replace the secret"},
	"rotate_help":  {NL: "Het huidige geheim ondertekent nog 24 uur mee. Het nieuwe wordt één keer getoond.", FR: "Le secret actuel signe encore pendant 24 heures. Le nouveau n’est montré qu’une fois.", EN: "The present secret signs for another 24 hours. The new one is shown once."},
	"rotate_do":    {NL: "Vervang het nu", FR: "Remplacer maintenant", EN: "Replace it now"},
	"secret":       {NL: "Het nieuwe geheim", FR: "Le nouveau secret", EN: "The new secret"},
	"public":       {NL: "De publieke sleutel", FR: "La clé publique", EN: "The public key"},
	"secret_help":  {NL: "Neem het nu over: het wordt niet meer getoond.", FR: "Copiez-le maintenant : il ne sera plus montré.", EN: "Copy it now: it is not shown again."},
	"back":         {NL: "Terug naar het endpoint", FR: "Retour au point de terminaison", EN: "Back to the endpoint"},
	"done":         {NL: "Dat is gebeurd.", FR: "C’est fait.", EN: "Done."},
	"end":          {NL: "Ik ben klaar: beëindig deze link", FR: "J’ai terminé : désactiver ce lien", EN: "I am done: end this link"},
	"ended":        {NL: "Deze link is beëindigd", FR: "Ce lien est désactivé", EN: "This link has ended"},
	"ended_help":   {NL: "Hij werkt nergens meer. Je kunt dit venster sluiten.", FR: "Il ne fonctionne plus nulle part. Vous pouvez fermer cette fenêtre.", EN: "It works nowhere any more. You can close this window."},
	"closed":       {NL: "Deze link werkt niet (meer)", FR: "Ce lien ne fonctionne pas (ou plus)", EN: "This link does not work (any more)"},
	"closed_help":  {NL: "Hij is verlopen of niet volledig overgenomen. Vraag een nieuwe waar je deze vond.", FR: "Il a expiré ou n’a pas été recopié en entier. Demandez-en un nouveau là où vous avez trouvé celui-ci.", EN: "It has expired or was not copied completely. Ask for a new one where you found this one."},
	"refused":      {NL: "Dat ging niet", FR: "Cela n’a pas fonctionné", EN: "That did not work"},
	"refused_help": {NL: "Ga terug naar de pagina en probeer het daar opnieuw.", FR: "Revenez à la page et réessayez-y.", EN: "Go back to the page and try again there."},

	"s_pending": {NL: "wacht op bevestiging", FR: "en attente de vérification", EN: "pending"}, "s_active": {NL: "actief", FR: "actif", EN: "active"},
	"s_paused": {NL: "gepauzeerd", FR: "en pause", EN: "paused"}, "s_disabled": {NL: "uitgeschakeld", FR: "désactivé", EN: "disabled"},
	"s_waiting": {NL: "wacht", FR: "en attente", EN: "waiting"}, "s_delivered": {NL: "aangekomen", FR: "livré", EN: "delivered"},
	"s_failed": {NL: "mislukt", FR: "échoué", EN: "failed"}, "s_cancelled": {NL: "geannuleerd", FR: "annulé", EN: "cancelled"},
	"s_refused": {NL: "geweigerd", FR: "refusé", EN: "refused"}, "s_gone": {NL: "niet meer gewenst (410)", FR: "n’est plus souhaité (410)", EN: "not wanted any more (410)"},
	"s_no_token":    {NL: "geen toegangsbewijs gekregen", FR: "aucun jeton obtenu", EN: "got no token"},
	"s_unreachable": {NL: "niet bereikbaar", FR: "injoignable", EN: "unreachable"},
}

// marks are the colours of statuses, beside their words.
var marks = map[string]string{"active": "ok", "delivered": "ok", "pending": "wait", "waiting": "wait", "paused": "wait", "disabled": "stop", "failed": "stop", "refused": "stop",
	"gone": "stop", "unreachable": "stop", "no_token": "stop", "cancelled": "old"}

// mark is a status in words and colour.
type mark struct{ Text, Class string }

// view is what the template draws; Kind says which page.
type view struct {
	Kind, Title, Text string
	Home, Here, Token string // paths, and the token of forms
	End               string // the path that ends the link
	May, Done         bool
	Status            mark
	Facts             []shown
	Actions           []string
	Spans             []span // how far back a recovery may go
	Rows              []shownRow
	Older             string // the path of the next page
	Request, Back     string
	Secret, Public    string
	Any               bool
	Tries             []shownTry
}

type span struct {
	Hours, Text string
	Chosen      bool
}

type shown struct {
	Name, Value string
	Time        string // for machines, where Value is one
}

type shownRow struct {
	Path, Name, Note string
	Status           mark
}

type shownTry struct {
	Status    mark
	At, AtISO string
	Note      string
	Sent      string // as it stood on the line
	Unsent    string // why there is nothing to show of that
	Keys      string // ids of what signed it
	Answer    string
	Answered  bool
}

// shownDeliveries is how many deliveries one page has.
const shownDeliveries = 25

type visitReq struct {
	Token string  `uri:"token" maxLength:"100"`
	Lang  *string `form:"lang" enums:"nl,fr,en"`
	Done  *string `form:"done" maxLength:"10"`
}

type visitEndpointReq struct {
	visitReq
	ID     id.EndpointID  `uri:"id"`
	Before *id.DeliveryID `form:"before"`
}

type visitDeliveryReq struct {
	visitReq
	ID id.DeliveryID `uri:"id"`
}

type postedForm struct {
	Token string     `uri:"token" maxLength:"100"`
	Lang  *string    `form:"lang" enums:"nl,fr,en"`
	Site  string     `header:"Sec-Fetch-Site" swaggerignore:"true"`
	Body  url.Values `body:"form"`
}

type actReq struct {
	postedForm
	Action string `uri:"action" maxLength:"40"`
}

type actOnEndpointReq struct {
	actReq
	ID id.EndpointID `uri:"id"`
}

type actOnDeliveryReq struct {
	actReq
	ID id.DeliveryID `uri:"id"`
}

// desk draws pages of one visit, in one language.
type desk struct {
	visitor
	lang, suffix string
	texts        map[string]string
	host         Host
}

func (c Console) desk(ctx context.Context, token string, lang *string) (*desk, error) {
	d := &desk{lang: web.RequestOf(ctx).Lang}
	if lang != nil {
		d.lang, d.suffix = *lang, "?lang="+*lang
	}
	d.texts = consoleTexts.In(d.lang)
	var err error
	d.visitor, err = c.admit(ctx, token)
	return d, err
}

func (d *desk) path(parts ...string) string {
	return "/console/" + d.token + strings.Join(append([]string{""}, parts...), "/")
}

func (d *desk) mark(status string) mark {
	return mark{d.texts["s_"+status], marks[status]}
}

func (d *desk) fact(name, value string) shown { return shown{Name: d.texts[name], Value: value} }

func (d *desk) time(name string, at time.Time) shown {
	return shown{d.texts[name], at.In(d.host.Zone).Format("02/01/2006 15:04:05 MST"), at.UTC().Format(time.RFC3339)}
}

// render draws a page of a link that works.
func (d *desk) render(v view) (web.HTML, error) {
	v.Token, v.May, v.Any = d.formToken(), d.may(), d.endpoint == nil
	v.Home, v.End = d.path()+d.suffix, d.path("end")
	return draw(html.Page{Lang: d.lang, Title: v.Title, Brand: d.host.Brand, Framers: d.host.Framers}, v)
}

func draw(p html.Page, v view) (web.HTML, error) {
	doc, err := consolePage.Render(p, consoleTexts, v)
	return web.HTML{Status: doc.Status, Header: doc.Header, Bytes: doc.Body}, err
}

// closed is what every link shows that does not work: nobody's, so that guessing tells nothing.
func closed(ctx context.Context, err error) (web.HTML, error) {
	if !fault.Missing.Is(err) {
		return web.HTML{}, err
	}
	lang := web.RequestOf(ctx).Lang
	return draw(html.Page{Status: http.StatusNotFound, Lang: lang, Title: consoleTexts["closed"].In(lang)},
		view{Kind: "message", Title: consoleTexts["closed"].In(lang), Text: consoleTexts["closed_help"].In(lang)})
}

// visit runs a page in the visitor's scope: it reads, and changes nothing.
func (c Console) visit(ctx context.Context, in visitReq, look func(*db.Tx, *desk) (view, error)) (web.HTML, error) {
	d, err := c.desk(ctx, in.Token, in.Lang)
	if err != nil {
		return closed(ctx, err)
	}
	var v view
	err = c.DB.Snapshot(ctx, d.who, func(tx *db.Tx) (err error) {
		if d.host, err = c.Host(tx); err != nil {
			return err
		}
		v, err = look(tx, d)
		return err
	})
	if err != nil {
		return closed(ctx, err)
	}
	v.Done = in.Done != nil
	return d.render(v)
}

func (c Console) showStart(ctx context.Context, _ *db.DB, in visitReq) (web.HTML, error) {
	return c.visit(ctx, in, func(tx *db.Tx, d *desk) (view, error) {
		if d.endpoint != nil {
			return c.endpointView(tx, d, *d.endpoint, nil)
		}
		var all []Endpoint
		if err := tx.Select(&all, `select * from webhook_endpoints where tenant_id = ? and status <> ? order by id desc limit 100`, tx.Scope.Tenant, Deleted); err != nil {
			return view{}, err
		}
		v := view{Kind: "start", Title: d.texts["console"], Text: d.texts["intro"]}
		for _, e := range all {
			v.Rows = append(v.Rows, shownRow{d.path("endpoints", e.ID.String()) + d.suffix, e.URL, strings.Join(e.EventTypes, ", "), d.mark(e.shown())})
		}
		return v, nil
	})
}

func (c Console) showEndpoint(ctx context.Context, _ *db.DB, in visitEndpointReq) (web.HTML, error) {
	return c.visit(ctx, in.visitReq, func(tx *db.Tx, d *desk) (view, error) { return c.endpointView(tx, d, in.ID, in.Before) })
}

func (c Console) endpointView(tx *db.Tx, d *desk, eid id.EndpointID, before *id.DeliveryID) (view, error) {
	e, err := d.endpointOf(tx, eid)
	if err != nil {
		return view{}, err
	}
	here := d.path("endpoints", e.ID.String())
	v := view{Kind: "endpoint", Title: e.URL, Here: here, Status: d.mark(e.shown()), Facts: []shown{d.fact("types", strings.Join(e.EventTypes, ", "))}}
	if e.Description != nil {
		v.Facts = append(v.Facts, d.fact("description", *e.Description))
	}
	if e.FailingSince != nil {
		v.Facts = append(v.Facts, d.time("failing", *e.FailingSince))
	}
	fares, err := count(tx, eid, 24)
	if err != nil {
		return v, err
	}
	v.Facts = append(v.Facts, d.fares(fares)...)
	switch {
	case e.Status == Disabled:
		v.Actions = []string{"enable"}
	case e.PausedAt != nil:
		v.Actions = []string{"test", "resume"}
	default:
		v.Actions = []string{"test", "pause"}
	}
	if e.Status != Disabled {
		for _, hours := range spans {
			v.Spans = append(v.Spans, span{hours, d.texts["span_"+hours], hours == recovered})
		}
	}
	last := id.DeliveryID(uuid.Max)
	if before != nil {
		last = *before
	}
	var all []Delivery
	err = tx.Select(&all, `select * from webhook_deliveries where tenant_id = ? and endpoint_id = ? and id < ? order by id desc limit ?`,
		tx.Scope.Tenant, eid, last, shownDeliveries+1)
	if err != nil {
		return v, err
	}
	for i, x := range all {
		if i == shownDeliveries {
			v.Older = here + "?before=" + all[i-1].ID.String() + strings.Replace(d.suffix, "?", "&", 1)
			break
		}
		v.Rows = append(v.Rows, shownRow{d.path("deliveries", x.ID.String()) + d.suffix, x.Type, d.time("made", x.CreatedAt).Value, d.mark(x.Status)})
	}
	return v, nil
}

// fares says how an endpoint fares in words.
func (d *desk) fares(c counted) []shown {
	tries := strconv.Itoa(c.Tries)
	for i, o := range []struct {
		name string
		n    int
	}{{outcomeDelivered, c.Delivered}, {outcomeRefused, c.Refused}, {outcomeGone, c.Gone}, {outcomeUnreachable, c.Unreachable}, {outcomeNoToken, c.NoToken}} {
		if o.n > 0 || i == 0 {
			tries += " · " + strconv.Itoa(o.n) + " " + d.texts["s_"+o.name]
		}
	}
	out := []shown{d.fact("tries_day", tries)}
	if c.Tries == maxCounted {
		out = append(out, d.time("tries_since", c.Since))
	}
	if c.FirstTries > 0 {
		out = append(out, d.fact("first_try", strconv.Itoa(100*c.FirstDelivered/c.FirstTries)+" %"))
	}
	if c.Half != nil && c.NearlyAll != nil {
		out = append(out, d.fact("duration", strconv.Itoa(*c.Half)+" ms · "+strconv.Itoa(*c.NearlyAll)+" ms"))
	}
	if c.Oldest != nil {
		out = append(out, d.time("oldest", *c.Oldest))
	}
	return out
}

func (c Console) showDelivery(ctx context.Context, _ *db.DB, in visitDeliveryReq) (web.HTML, error) {
	return c.visit(ctx, in.visitReq, func(tx *db.Tx, d *desk) (view, error) {
		x, err := d.deliveryOf(tx, in.ID)
		if err != nil {
			return view{}, err
		}
		e, err := db.Get[Endpoint](tx, x.EndpointID)
		if err != nil {
			return view{}, err
		}
		v := view{Kind: "delivery", Title: x.Type, Here: d.path("deliveries", x.ID.String()), Back: d.path("endpoints", e.ID.String()) + d.suffix,
			Status: d.mark(x.Status), Facts: []shown{d.fact("event", x.EventID.String()), d.fact("address", e.URL), d.time("made", x.CreatedAt)}}
		if x.NextAttemptAt != nil {
			v.Facts = append(v.Facts, d.time("next", *x.NextAttemptAt))
		}
		if _, err := e.Status.next(resend); err == nil {
			v.Actions = append(v.Actions, "resend")
		}
		if x.Status == waiting {
			v.Actions = append(v.Actions, "cancel")
		}
		var tries []Attempt
		if err := tx.Where("delivery_id = ?", in.ID).Order("id desc").Limit(maxTries).Find(&tries).Error; err != nil {
			return v, err
		}
		slices.Reverse(tries)
		f, err := tell(tx, x)
		if err != nil {
			return v, err
		}
		for _, t := range tries {
			w := attemptWire(t)
			at := d.time("at", t.At)
			one := shownTry{Status: d.mark(t.Outcome), At: at.Value, AtISO: at.Time, Note: strconv.Itoa(w.DurationMS) + " ms"}
			if w.Status != nil {
				one.Note, one.Answered, one.Answer = strconv.Itoa(*w.Status)+" · "+one.Note, true, *w.Answer
				if len(w.AnswerHeaders) > 0 {
					one.Answer = *t.AnswerHeaders + "\n" + one.Answer
				}
			}
			switch {
			case w.Request != nil:
				one.Keys = strings.Join(w.Request.KeyIDs, ", ")
				if one.Sent, err = c.line(d, x, f, *w.Request, t.OrganisationID, strconv.FormatInt(t.At.Unix(), 10)); err != nil {
					return v, err
				}
			case t.Outcome == outcomeNoToken:
				one.Unsent = d.texts["not_sent"]
			default:
				one.Unsent = d.texts["not_kept"]
			}
			v.Tries = append(v.Tries, one)
		}
		if x.Status == waiting {
			next := SentWire{URL: e.URL, Payload: e.Payload, HeaderNames: e.HeaderNames}
			if e.OAuthClientID != nil {
				next.HeaderNames = append(slices.Clone(next.HeaderNames), "Authorization")
			}
			v.Request, err = c.line(d, x, f, next, e.OrganisationID, "…")
		}
		return v, err
	})
}

// shown is the status of an endpoint for people: what is paused sends nothing, whatever else it is.
func (e Endpoint) shown() string {
	if e.PausedAt != nil && e.Status != Disabled {
		return "paused"
	}
	return string(e.Status)
}

// toldFact is what a delivery tells.
type toldFact struct {
	OccurredAt  time.Time
	Data        []byte
	ExternalIDs []byte `gorm:"column:external_ids"`
	Subject     string
}

// tell reads what a delivery tells. It is nil where the fact is no longer kept, or is about something that the visitor may not
// read: the endpoint's owner may read more than who made the link.
func tell(tx *db.Tx, x Delivery) (*toldFact, error) {
	var f toldFact
	err := db.One(tx, &f, `select occurred_at, data, external_ids, subject from events where tenant_id = ? and id = ? and noun = any (cast(? as text[]))`,
		tx.Scope.Tenant, x.EventID, db.Strings(fact.Readable(tx.Principal.Scopes)))
	if fault.Missing.Is(err) {
		return nil, nil
	}
	return &f, err
}

// line is a request as it stood on the line: facts do not change, so their content is made from them once more, for the employer
// that was told. Signatures, which are new with every try, and the values of the endpoint's own headers are left out.
func (c Console) line(d *desk, x Delivery, f *toldFact, sent SentWire, told *id.OrganisationID, timestamp string) (string, error) {
	u, err := url.Parse(sent.URL)
	if err != nil {
		return "", err
	}
	head := "POST " + u.RequestURI() + " HTTP/1.1\nhost: " + u.Host + "\ncontent-type: application/json\nuser-agent: " + userAgent + "\n" +
		signature.HeaderID + ": " + x.EventID.String() + "\n" + signature.HeaderTimestamp + ": " + timestamp + "\n" +
		signature.HeaderSignature + ": v1,… v1a,…\n"
	for _, name := range sent.HeaderNames {
		head += strings.ToLower(name) + ": …\n"
	}
	if f == nil {
		return head + "\n(" + d.texts["kept"] + ")", nil
	}
	var data json.RawMessage
	if sent.Payload == payloadThin {
		data, err = fact.Thin(x.Type, f.Data, fact.LinksOf(c.public, x.Type, x.EventID.String(), f.Subject))
	} else {
		data, err = fact.Data(f.Data, f.ExternalIDs, told)
	}
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(struct {
		Type      string          `json:"type"`
		Timestamp time.Time       `json:"timestamp"`
		Data      json.RawMessage `json:"data"`
	}{x.Type, f.OccurredAt.UTC(), data})
	return head + "\n" + indented(body), err
}

func indented(body []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, body, "", "  ") != nil {
		return string(body)
	}
	return b.String()
}

// act runs what a button says in the visitor's scope, and leads back to the page, or shows why not.
func (c Console) act(ctx context.Context, in actReq, back func(*desk) string, do func(*db.Tx, *desk) (Credentials, error)) (web.HTML, error) {
	d, err := c.desk(ctx, in.Token, in.Lang)
	if err != nil {
		return closed(ctx, err)
	}
	err = d.posted(in.postedForm)
	if err == nil && !d.may() {
		err = fault.NotAllowed.New()
	}
	if err != nil {
		return c.refuse(ctx, d, back(d), err)
	}
	var fresh Credentials
	err = c.DB.InTenant(ctx, d.who, func(tx *db.Tx) (err error) {
		if d.host, err = c.Host(tx); err != nil {
			return err
		}
		fresh, err = do(tx, d)
		return err
	})
	switch {
	case fault.Missing.Is(err):
		return closed(ctx, err)
	case err != nil:
		return c.refuse(ctx, d, back(d), err)
	case fresh.Secret != "":
		return d.render(view{Kind: "secret", Title: d.texts["secret"], Secret: fresh.Secret, Public: fresh.Public, Back: back(d) + d.suffix})
	}
	to := back(d) + "?done=yes" + strings.Replace(d.suffix, "?", "&", 1)
	return web.HTML{Status: http.StatusSeeOther, Header: http.Header{"Location": {to}, "Cache-Control": {"no-store"}, "Referrer-Policy": {"no-referrer"}}}, nil
}

// end ends the link, also for who may only look: whoever is done leaves nothing behind that works.
func (c Console) end(ctx context.Context, _ *db.DB, in postedForm) (web.HTML, error) {
	d, err := c.desk(ctx, in.Token, in.Lang)
	if err != nil {
		return closed(ctx, err)
	}
	if err := d.posted(in); err != nil {
		return c.refuse(ctx, d, d.path(), err)
	}
	who := db.System(d.who.Principal.TenantID, "webhook-console") // the table of links is nobody's who is bound
	who.Actor, who.RequestID = d.who.Actor, d.who.RequestID
	err = c.DB.InTenant(ctx, who, func(tx *db.Tx) (err error) {
		if d.host, err = c.Host(tx); err != nil {
			return err
		}
		return d.endLink(tx)
	})
	if err != nil {
		return closed(ctx, err)
	}
	return draw(html.Page{Lang: d.lang, Title: d.texts["ended"], Brand: d.host.Brand, Framers: d.host.Framers},
		view{Kind: "message", Title: d.texts["ended"], Text: d.texts["ended_help"]})
}

// refuse shows a fault in its own words; whatever else went wrong is the house's to tell.
func (c Console) refuse(ctx context.Context, d *desk, back string, err error) (web.HTML, error) {
	var f *fault.Error
	if !errors.As(err, &f) || f.Problem.Kind >= fault.Internal {
		return web.HTML{}, err
	}
	if d.host.Zone == nil {
		failed := c.DB.Single(ctx, d.who, func(tx *db.Tx) (err error) {
			d.host, err = c.Host(tx)
			return err
		})
		if failed != nil {
			return web.HTML{}, failed
		}
	}
	return draw(html.Page{Status: web.StatusOf(f.Problem.Kind), Lang: d.lang, Title: d.texts["refused"], Brand: d.host.Brand, Framers: d.host.Framers},
		view{Kind: "message", Title: d.texts["refused"], Text: f.Problem.Text.In(d.lang, f.Params), Back: back + d.suffix})
}

func (c Console) actOnEndpoint(ctx context.Context, _ *db.DB, in actOnEndpointReq) (web.HTML, error) {
	back := func(d *desk) string { return d.path("endpoints", in.ID.String()) }
	return c.act(ctx, in.actReq, back, func(tx *db.Tx, d *desk) (none Credentials, err error) {
		do := endpointActions[in.Action]
		if do == nil {
			return none, fault.Missing.New()
		}
		if _, err := d.endpointOf(tx, in.ID); err != nil {
			return none, err
		}
		return do(ctx, c, tx, in.ID, in.Body)
	})
}

func (c Console) actOnDelivery(ctx context.Context, _ *db.DB, in actOnDeliveryReq) (web.HTML, error) {
	back := func(d *desk) string { return d.path("deliveries", in.ID.String()) }
	return c.act(ctx, in.actReq, back, func(tx *db.Tx, d *desk) (none Credentials, err error) {
		do := deliveryActions[in.Action]
		if do == nil {
			return none, fault.Missing.New()
		}
		if _, err := d.deliveryOf(tx, in.ID); err != nil {
			return none, err
		}
		return none, do(ctx, c, tx, in.ID)
	})
}
