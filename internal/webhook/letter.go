package webhook

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/mail"
)

// noMail says that nobody would get the letters.
var noMail = fault.DefineRule("no_mail", fault.Text{EN: "cannot be used: this installation sends no mail", NL: "kan niet: deze installatie verstuurt geen mail",
	FR: "est impossible : cette installation n’envoie pas de courriel"})

// What a letter is about.
const (
	letterFailing  = "failing"
	letterDisabled = "disabled"
)

// A letter says which endpoint, on which host, and what to do: no path, which may hold a secret, and no link that opens the console
// itself, since letters are passed on. It links to the public page of the fact, which says how to get one.
var (
	failingSubject = fault.Text{EN: "Webhook endpoint at {host} only fails", NL: "Webhook-endpoint op {host} faalt alleen nog", FR: "Le point de terminaison webhook chez {host} ne fait qu’échouer"}
	failingText    = fault.Text{
		EN: "The webhook endpoint {id} at {host} has only failed since {since}. If that goes on it is disabled with the first failure after {until}. Nothing is lost: what waits is sent once it answers again.\n\nIn the webhook console you see what it answers. Who manages this connection ({client}) can give you a link to it. How: {link}\n",
		NL: "Het webhook-endpoint {id} op {host} faalt sinds {since}. Als dat zo blijft, wordt het uitgeschakeld bij de eerste fout na {until}. Er gaat niets verloren: wat wacht, wordt verstuurd zodra het weer antwoordt.\n\nIn de webhookconsole zie je wat het antwoordt. Wie deze koppeling ({client}) beheert, kan je er een link naar geven. Hoe: {link}\n",
		FR: "Le point de terminaison webhook {id} chez {host} ne fait qu’échouer depuis {since}. Si cela continue, il sera désactivé à la première erreur après {until}. Rien n’est perdu : ce qui attend partira dès qu’il répondra.\n\nLa console des webhooks montre ce qu’il répond. Qui gère cette connexion ({client}) peut vous en donner un lien. Comment : {link}\n"}
	pendingSubject = fault.Text{EN: "Webhook endpoint at {host} accepts no test", NL: "Webhook-endpoint op {host} neemt geen test aan", FR: "Le point de terminaison webhook chez {host} n’accepte aucun test"}
	pendingText    = fault.Text{
		EN: "The webhook endpoint {id} at {host} has accepted no test event since {since}, so nothing else is sent to it. What is meant for it waits, for as long as facts are kept. If that goes on it is disabled after {until}.\n\nWhen it is mended, send it a test in the webhook console: once it accepts that, all that waits goes out. Who manages this connection ({client}) can give you a link to it. How: {link}\n",
		NL: "Het webhook-endpoint {id} op {host} nam sinds {since} geen testmelding aan. Daarom wordt er verder niets naartoe gestuurd. Wat ervoor bestemd is, wacht, zolang meldingen bewaard worden. Als dat zo blijft, wordt het na {until} uitgeschakeld.\n\nIs het hersteld, stuur het dan een testmelding in de webhookconsole: neemt het die aan, dan vertrekt alles wat wacht. Wie deze koppeling ({client}) beheert, kan je er een link naar geven. Hoe: {link}\n",
		FR: "Le point de terminaison webhook {id} chez {host} n’a accepté aucune notification de test depuis {since} : rien d’autre ne lui est donc envoyé. Ce qui lui est destiné attend, aussi longtemps que les notifications sont conservées. Si cela continue, il sera désactivé après {until}.\n\nUne fois réparé, envoyez-lui un test dans la console des webhooks : dès qu’il l’accepte, tout ce qui attend part. Qui gère cette connexion ({client}) peut vous en donner un lien. Comment : {link}\n"}
	disabledSubject = fault.Text{EN: "Webhook endpoint at {host} is disabled", NL: "Webhook-endpoint op {host} is uitgeschakeld", FR: "Le point de terminaison webhook chez {host} est désactivé"}
	disabledText    = fault.Text{
		EN: "The webhook endpoint {id} at {host} was disabled on {since} ({reason}). Nothing is sent to it. When it is mended: enable it, and recover what it missed since then. Both can be done in the webhook console. Who manages this connection ({client}) can give you a link to it. How: {link}\n",
		NL: "Het webhook-endpoint {id} op {host} werd uitgeschakeld op {since} ({reason}). Er wordt niets meer naartoe gestuurd. Is het hersteld: schakel het weer in, en haal in wat het sindsdien miste. Beide kan in de webhookconsole. Wie deze koppeling ({client}) beheert, kan je er een link naar geven. Hoe: {link}\n",
		FR: "Le point de terminaison webhook {id} chez {host} a été désactivé le {since} ({reason}). Plus rien ne lui est envoyé. Une fois réparé : réactivez-le et récupérez ce qu’il a manqué depuis. Les deux se font dans la console des webhooks. Qui gère cette connexion ({client}) peut vous en donner un lien. Comment : {link}\n"}
)

// write has a letter sent to who asked for it, once the transaction is committed.
func (s *Service) write(ctx context.Context, tx *db.Tx, e Endpoint, about string) error {
	if e.AlertEmail == nil || s.Mail == nil {
		return nil
	}
	return s.Jobs.Enqueue(ctx, tx, LetterArgs{tx.TenantID(), e.ID, e.Revision, about}, time.Time{})
}

// SendLetter sends the letter about an endpoint, unless there is nothing to say any more: it answers again, was enabled, or
// nobody wants letters.
func (s *Service) SendLetter(ctx context.Context, a LetterArgs) error {
	var e struct {
		Endpoint
		Lang string
		Zone string
	}
	err := s.db.Single(ctx, db.System(a.TenantID, "letter"), func(tx *db.Tx) error {
		return db.One(tx, &e, `select e.*, t.lang, t.zone from webhook_endpoints e join tenants t on t.tenant_id = e.tenant_id where e.tenant_id = ? and e.id = ?`,
			tx.Scope.Tenant, a.EndpointID)
	})
	if fault.Missing.Is(err) {
		return nil
	}
	if err != nil {
		return err
	}
	l, ok := e.letter(a, e.Lang, e.Zone, s.public)
	if !ok || s.Mail == nil {
		return nil
	}
	return s.Mail.Send(ctx, l)
}

// letter is what there is to say of an endpoint, if there is anything.
func (e Endpoint) letter(a LetterArgs, lang, zone, public string) (mail.Letter, bool) {
	if e.AlertEmail == nil || a.About == letterFailing && (e.Status != Active && e.Status != Pending || e.FailingSince == nil) || a.About == letterDisabled && e.Status != Disabled {
		return mail.Letter{}, false
	}
	at, err := time.LoadLocation(zone)
	if err != nil {
		at = time.UTC
	}
	say := func(t time.Time) string { return t.In(at).Format("2006-01-02 15:04 MST") }
	host := ""
	if u, err := url.Parse(e.URL); err == nil {
		host = u.Host
	}
	params := map[string]string{"id": e.ID.String(), "host": host, "client": e.ClientID.String(), "link": public + "/docs/events/" + BeganToFail.Name}
	subject, text := failingSubject, failingText
	if e.Status == Pending {
		subject, text = pendingSubject, pendingText
	}
	if a.About == letterDisabled {
		subject, text, params["link"] = disabledSubject, disabledText, public+"/docs/events/"+WasDisabled.Name
		params["since"], params["reason"] = say(*e.DisabledAt), *e.DisabledReason
	} else {
		params["since"], params["until"] = say(*e.FailingSince), say(e.FailingSince.Add(failingLimit))
	}
	return mail.Letter{ID: fmt.Sprintf("%s.%d", e.ID, a.Revision), To: *e.AlertEmail, Subject: subject.In(lang, params), Text: text.In(lang, params)}, true
}

// LetterArgs is the job that sends one letter.
type LetterArgs struct {
	TenantID   id.TenantID   `json:"tenant_id"`
	EndpointID id.EndpointID `json:"endpoint_id"`
	Revision   int64         `json:"revision"` // names the letter
	About      string        `json:"about"`    // failing or disabled
}

// Kind names the job.
func (LetterArgs) Kind() string { return "webhook.letter" }
