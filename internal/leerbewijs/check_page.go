package leerbewijs

import (
	"embed"
	"fmt"
	"net/http"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/hours"
	"github.com/switchingtalent/switchboard/internal/platform/html"
)

// checkView is what anybody may know of a leerbewijs: enough to judge a paper copy, and nothing that tells who learned
// what. The leervraag is not in it: a learning need shows a weakness (seeds 001, section 5.2).
type checkView struct {
	ID             string // lbw_…
	Brand          html.Brand
	Issuer         string // the tenant's name
	Status         string // valid, suspended, revoked or expired
	Role           string // switcher or leercoach
	Classification string // informal, formal or initial: the kinds of training of the Belgian social balance sheet
	Hours          hours.Hours
	From, Until    day.Date
	IssuedOn       day.Date // in the tenant's zone
	ValidUntil     day.Date // the last valid day; zero where it does not end
	Sending        string   // the switcher's employer; empty where it is not shown
	Receiving      string   // the host; empty where it is not shown
	Name           string   // the holder, shown only to who has the printed link; otherwise empty
}

//go:embed check_page.html
var checkFile embed.FS

var checkPage = html.MustParse(checkFile, "check_page.html")

// verdict is how one status looks and reads; %s in its advice is the issuer.
type verdict struct {
	class         string // of style.css: ok, wait, stop or old
	title, advice html.Text
}

var verdicts = map[string]verdict{
	"valid": {"ok",
		html.Text{NL: "Dit leerbewijs is geldig", FR: "Cette attestation est valable", EN: "This certificate is valid"},
		html.Text{
			NL: "%s heeft het uitgereikt en bevestigt de gegevens hieronder.",
			FR: "%s l’a délivrée et confirme les données ci-dessous.",
			EN: "%s issued it and confirms the details below.",
		}},
	"suspended": {"wait",
		html.Text{NL: "Dit leerbewijs is tijdelijk geschorst", FR: "Cette attestation est suspendue", EN: "This certificate is suspended"},
		html.Text{
			NL: "Het geldt voorlopig niet. Vraag meer uitleg aan %s.",
			FR: "Elle n’est pas valable pour le moment. Renseignez-vous auprès de %s.",
			EN: "It does not count for the time being. Ask %s for more information.",
		}},
	"revoked": {"stop",
		html.Text{NL: "Dit leerbewijs is ingetrokken", FR: "Cette attestation a été retirée", EN: "This certificate was revoked"},
		html.Text{
			NL: "Het geldt niet meer. Vraag meer uitleg aan %s.",
			FR: "Elle n’est plus valable. Renseignez-vous auprès de %s.",
			EN: "It no longer counts. Ask %s for more information.",
		}},
	"expired": {"old",
		html.Text{NL: "Dit leerbewijs is vervallen", FR: "Cette attestation a expiré", EN: "This certificate has expired"},
		html.Text{
			NL: "Het was geldig toen %s het uitreikte; de einddatum is voorbij.",
			FR: "Elle était valable lorsque %s l’a délivrée ; sa date de fin est passée.",
			EN: "It was valid when %s issued it; its end date has passed.",
		}},
}

var roleTexts = map[string]html.Text{
	"switcher": {
		NL: "Switcher: leerde op een andere werkvloer",
		FR: "Switcher : a appris sur un autre lieu de travail",
		EN: "Switcher: learned on another work floor",
	},
	"leercoach": {
		NL: "Leercoach: deelde kennis en begeleidde een switcher",
		FR: "Coach d’apprentissage : a partagé son savoir et accompagné un switcher",
		EN: "Learning coach: shared knowledge and guided a switcher",
	},
}

var classificationTexts = map[string]html.Text{
	"informal": {NL: "Informeel leren op de werkvloer", FR: "Apprentissage informel sur le lieu de travail", EN: "Informal learning on the work floor"},
	"formal":   {NL: "Formele opleiding", FR: "Formation formelle", EN: "Formal training"},
	"initial":  {NL: "Initiële opleiding", FR: "Formation initiale", EN: "Initial training"},
}

var checkTexts = html.Texts{
	"page":           {NL: "Leerbewijs controleren", FR: "Vérifier une attestation", EN: "Check a certificate"},
	"facts":          {NL: "Wat het bevestigt", FR: "Ce qu’elle confirme", EN: "What it confirms"},
	"name":           {NL: "Naam", FR: "Nom", EN: "Name"},
	"role":           {NL: "Rol", FR: "Rôle", EN: "Role"},
	"kind":           {NL: "Soort leren", FR: "Type d’apprentissage", EN: "Kind of learning"},
	"hours":          {NL: "Duur", FR: "Durée", EN: "Duration"},
	"period":         {NL: "Periode", FR: "Période", EN: "Period"},
	"sending":        {NL: "Uitsturende organisatie", FR: "Organisation d’origine", EN: "Sending organisation"},
	"receiving":      {NL: "Ontvangende organisatie", FR: "Organisation d’accueil", EN: "Receiving organisation"},
	"issuer":         {NL: "Uitgereikt door", FR: "Délivrée par", EN: "Issued by"},
	"issued":         {NL: "Uitgereikt op", FR: "Délivrée le", EN: "Issued on"},
	"until":          {NL: "Geldig tot en met", FR: "Valable jusqu’au", EN: "Valid until"},
	"id":             {NL: "Nummer", FR: "Numéro", EN: "Number"},
	"hidden":         {NL: "De naam van de houder staat hier niet: die is alleen te zien via de code of de link op het leerbewijs zelf.", FR: "Le nom du titulaire ne figure pas ici : il n’apparaît que par le code ou le lien imprimé sur l’attestation.", EN: "The holder’s name is not shown here: it appears only through the code or link on the certificate itself."},
	"compare":        {NL: "Vergelijk deze gegevens met het leerbewijs dat je voor je hebt.", FR: "Comparez ces données avec l’attestation que vous avez sous les yeux.", EN: "Compare these details with the certificate in front of you."},
	"scope":          {NL: "Een leerbewijs bevestigt deelname aan een leeruitwisseling. Het is geen diploma en geen erkende kwalificatie.", FR: "L’attestation confirme la participation à un échange d’apprentissage. Elle n’est ni un diplôme ni une qualification reconnue.", EN: "The certificate confirms taking part in a learning exchange. It is not a diploma or a recognised qualification."},
	"unknown":        {NL: "Dit leerbewijs kennen we niet", FR: "Nous ne connaissons pas cette attestation", EN: "We do not know this certificate"},
	"unknown_advice": {NL: "Er is geen leerbewijs met dit nummer. Scan de code opnieuw, of vergelijk het adres letter voor letter met wat er gedrukt staat. Blijft het onbekend, vraag dan uitleg aan wie je het leerbewijs gaf.", FR: "Aucune attestation ne porte ce numéro. Scannez à nouveau le code ou comparez l’adresse lettre par lettre avec celle qui est imprimée. Si elle reste inconnue, renseignez-vous auprès de la personne qui vous l’a remise.", EN: "There is no certificate with this number. Scan the code again, or compare the address letter by letter with the printed one. If it is still unknown, ask the person who gave you the certificate."},
	"description":    {NL: "Openbare controle van een leerbewijs van Switching Talent.", FR: "Vérification publique d’une attestation Switching Talent.", EN: "Public check of a Switching Talent certificate."},
}

// detail is one line of the check page.
type detail struct{ Label, Value, Class string }

// page renders the public check in nl, fr or en. A status, role or classification that is not known is an error, never
// a page that looks valid.
func (v checkView) page(lang string) (html.Document, error) {
	judged, ok := verdicts[v.Status]
	role, known := roleTexts[v.Role]
	kind, sorted := classificationTexts[v.Classification]
	if !ok || !known || !sorted {
		return html.Document{}, fmt.Errorf("leerbewijs: no check page for status %q, role %q, classification %q", v.Status, v.Role, v.Classification)
	}
	var facts []detail
	add := func(text, value string) {
		if value != "" {
			facts = append(facts, detail{Label: checkTexts[text].In(lang), Value: value})
		}
	}
	add("name", v.Name)
	add("role", role.In(lang))
	add("kind", kind.In(lang))
	add("hours", html.Hours(lang, v.Hours))
	add("period", html.Period(lang, v.From, v.Until))
	add("sending", v.Sending)
	add("receiving", v.Receiving)
	add("issuer", v.Issuer)
	add("issued", html.Date(lang, v.IssuedOn))
	add("until", html.Date(lang, v.ValidUntil))
	facts = append(facts, detail{checkTexts["id"].In(lang), v.ID, "id"})

	note := checkTexts["hidden"]
	if v.Name != "" {
		note = checkTexts["compare"]
	}
	return checkPage.Render(html.Page{
		Lang:        lang,
		Title:       judged.title.In(lang),
		Description: checkTexts["description"].In(lang),
		Brand:       v.Brand,
	}, checkTexts, map[string]any{
		"Class":  judged.class,
		"Title":  judged.title.In(lang),
		"Advice": fmt.Sprintf(judged.advice.In(lang), v.Issuer),
		"Facts":  facts,
		"Note":   note.In(lang),
	})
}

// unknownCheck is the page for an id that nobody issued, or that is no id at all: 404 and nobody's brand, always the same.
func unknownCheck(lang string) (html.Document, error) {
	return checkPage.Render(html.Page{
		Status: http.StatusNotFound,
		Lang:   lang,
		Title:  checkTexts["unknown"].In(lang),
	}, checkTexts, map[string]any{
		"Class":  "stop",
		"Title":  checkTexts["unknown"].In(lang),
		"Advice": checkTexts["unknown_advice"].In(lang),
		"Facts":  []detail(nil),
		"Note":   "",
	})
}
