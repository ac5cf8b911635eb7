package survey

import (
	"embed"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/switchingtalent/switchboard/internal/platform/html"
)

// formView is a survey on the page of its link, where nobody is signed in. It is filled with what was just posted when
// that was refused, and never with answers that are stored: who else opens the link must not read them.
type formView struct {
	Lang      string // nl, fr or en: the language of the questions
	Tenant    string // who asks, and keeps the answers
	Brand     html.Brand
	Title     string
	Intro     string // line breaks are kept; may be empty
	Action    string // where the form posts to: the link's own path
	Questions []formQuestion
	Errors    map[string]string // by question id, in the page's language (formError); "" is about the whole form
	Values    map[string]string // by question id, as posted
}

// formQuestion is one question of the form. Its id is the name under which the answer is posted.
//
// What is posted: for open the text, for choice and scale one of the options as it is written, for yes_no "yes" or "no".
// A question that may be skipped and was posts "".
type formQuestion struct {
	ID, Text  string
	Kind      string   // open, scale, choice or yes_no
	Options   []string // of choice, and the steps of scale from low to high; a scale without steps is 1 to 5
	Required  bool
	MaxLength int // of open, in characters; 0 is no limit
}

//go:embed page.html
var pageFile embed.FS

var surveyPage = html.MustParse(pageFile, "page.html")

var pageTexts = html.Texts{
	"privacy":         {NL: "Je antwoorden gaan naar %s. Schrijf liever niets over iemands gezondheid, of over mensen die je zo zou kunnen herkennen.", FR: "Vos réponses sont transmises à %s. N’écrivez rien sur la santé de quelqu’un, ni sur des personnes que l’on pourrait reconnaître.", EN: "Your answers go to %s. Please write nothing about anyone’s health, or about people who could be recognised."},
	"optional":        {NL: "niet verplicht", FR: "facultatif", EN: "optional"},
	"send":            {NL: "Antwoorden versturen", FR: "Envoyer mes réponses", EN: "Send my answers"},
	"once":            {NL: "Je kunt één keer antwoorden. Wat je verstuurt, is daarna niet meer te zien via deze link.", FR: "Vous ne pouvez répondre qu’une fois. Une fois envoyées, vos réponses ne sont plus visibles par ce lien.", EN: "You can answer once. What you send can no longer be seen through this link."},
	"problems":        {NL: "Er klopt nog iets niet", FR: "Il reste un point à corriger", EN: "Something is not right yet"},
	"problem":         {NL: "Fout", FR: "Erreur", EN: "Error"},
	"yes":             {NL: "Ja", FR: "Oui", EN: "Yes"},
	"no":              {NL: "Nee", FR: "Non", EN: "No"},
	"none":            {NL: "Geen antwoord", FR: "Pas de réponse", EN: "No answer"},
	"at_most":         {NL: "Hoogstens %d tekens.", FR: "Au plus %d caractères.", EN: "At most %d characters."},
	"steps":           {NL: "Van %s (laagst) tot %s (hoogst).", FR: "De %s (le plus bas) à %s (le plus haut).", EN: "From %s (lowest) to %s (highest)."},
	"thanks":          {NL: "Bedankt voor je antwoorden", FR: "Merci pour vos réponses", EN: "Thank you for your answers"},
	"thanks_advice":   {NL: "%s heeft ze goed ontvangen. Je mag deze pagina sluiten.", FR: "%s les a bien reçues. Vous pouvez fermer cette page.", EN: "%s has received them. You may close this page."},
	"answered":        {NL: "Deze vragen zijn al beantwoord", FR: "Ces questions ont déjà reçu une réponse", EN: "These questions were already answered"},
	"answered_advice": {NL: "Met deze link kan één keer geantwoord worden. Wil je er iets aan toevoegen? Neem dan contact op met %s.", FR: "Ce lien ne permet de répondre qu’une fois. Vous souhaitez ajouter quelque chose ? Contactez %s.", EN: "This link takes answers once. Would you like to add something? Please contact %s."},
	"closed":          {NL: "Deze link werkt niet (meer)", FR: "Ce lien ne fonctionne pas (ou plus)", EN: "This link does not work (any more)"},
	"closed_advice":   {NL: "Hij is verlopen of niet volledig overgenomen. Open hem opnieuw vanuit het bericht dat je kreeg, of vraag de afzender om een nieuwe.", FR: "Il a expiré ou n’a pas été recopié en entier. Ouvrez-le à nouveau depuis le message reçu, ou demandez-en un nouveau à l’expéditeur.", EN: "It has expired or was not copied completely. Open it again from the message that you received, or ask the sender for a new one."},
}

var formErrors = html.Texts{
	"needed":       {NL: "Dit antwoord ontbreekt nog.", FR: "Cette réponse manque encore.", EN: "This answer is missing."},
	"not_a_choice": {NL: "Kies een van de antwoorden die hier staan.", FR: "Choisissez l’une des réponses proposées.", EN: "Choose one of the answers shown here."},
	"too_long":     {NL: "Dit antwoord is te lang: hoogstens %d tekens.", FR: "Cette réponse est trop longue : au plus %d caractères.", EN: "This answer is too long: at most %d characters."},
	"bad_text":     {NL: "Dit antwoord bevat tekens die we niet kunnen bewaren.", FR: "Cette réponse contient des caractères que nous ne pouvons pas conserver.", EN: "This answer has characters that we cannot keep."},
}

// formError says in a person's words what is wrong with an answer. The codes are those of the API's problem details:
// needed, not_a_choice, too_long (which takes the maximum), bad_text; any other is told as not_a_choice.
func formError(lang, code string, maximum int) string {
	text, ok := formErrors[code]
	if !ok {
		text = formErrors["not_a_choice"]
	}
	if code == "too_long" {
		return fmt.Sprintf(text.In(lang), maximum)
	}
	return text.In(lang)
}

// field is a question as the template draws it. Ids are counted, because a question's own id may hold anything.
type field struct {
	ID, HintID, ErrorID   string
	First                 string // the id of its first control, where its error leads
	DescribedBy           string
	Name, Text            string
	Open, Scale, Required bool
	MaxLength             int
	Value, Hint, Error    string
	Options               []option
	None                  *option // the way back from a choice that may be skipped
}

type option struct {
	ID, Value, Label string
	Checked          bool
}

type problem struct{ Text, Target string }

// page renders the form: 200, or 422 when it carries errors. A kind of question that is not known is an error, because a
// form that leaves a question out would be answered without it.
func (v formView) page() (html.Document, error) {
	texts := pageTexts.In(v.Lang)
	fields := make([]field, len(v.Questions))
	var problems []problem
	if whole := v.Errors[""]; whole != "" {
		problems = append(problems, problem{Text: whole})
	}
	left := maps.Clone(v.Errors)
	delete(left, "")
	for i, q := range v.Questions {
		f, err := v.field(q, "q"+strconv.Itoa(i+1), texts)
		if err != nil {
			return html.Document{}, err
		}
		fields[i] = f
		if f.Error != "" {
			problems = append(problems, problem{q.Text + " – " + f.Error, f.First})
		}
		delete(left, q.ID)
	}
	for _, id := range slices.Sorted(maps.Keys(left)) {
		problems = append(problems, problem{Text: left[id]})
	}

	status, title := http.StatusOK, v.Title
	if len(problems) > 0 {
		status, title = http.StatusUnprocessableEntity, texts["problem"]+": "+v.Title
	}
	return surveyPage.Render(html.Page{Status: status, Lang: v.Lang, Title: title, Brand: v.Brand}, pageTexts, map[string]any{
		"Form":     true,
		"Title":    v.Title,
		"Text":     v.Intro,
		"Privacy":  fmt.Sprintf(texts["privacy"], v.Tenant),
		"Action":   v.Action,
		"Fields":   fields,
		"Problems": problems,
	})
}

func (v formView) field(q formQuestion, id string, texts map[string]string) (field, error) {
	f := field{
		ID: id, HintID: id + "-hint", ErrorID: id + "-error", First: id,
		Name: q.ID, Text: q.Text, Required: q.Required,
		Value: v.Values[q.ID], Error: v.Errors[q.ID],
	}
	add := func(value, label string) {
		n := id + "-" + strconv.Itoa(len(f.Options)+1)
		f.Options = append(f.Options, option{n, value, label, value == f.Value})
	}
	switch q.Kind {
	case "open":
		f.Open, f.MaxLength = true, q.MaxLength
		if q.MaxLength > 0 {
			f.Hint = fmt.Sprintf(texts["at_most"], q.MaxLength)
		}
	case "scale":
		f.Scale = true
		steps := q.Options
		if len(steps) == 0 {
			steps = []string{"1", "2", "3", "4", "5"}
		}
		f.Hint = fmt.Sprintf(texts["steps"], steps[0], steps[len(steps)-1])
		for _, s := range steps {
			add(s, s)
		}
	case "choice":
		for _, o := range q.Options {
			add(o, o)
		}
	case "yes_no":
		add("yes", texts["yes"])
		add("no", texts["no"])
	default:
		return field{}, fmt.Errorf("survey: no form for a question of kind %q", q.Kind)
	}
	if !f.Open {
		if len(f.Options) == 0 {
			return field{}, fmt.Errorf("survey: question %q has nothing to choose from", q.ID)
		}
		f.First = f.Options[0].ID
		// A radio button cannot be unchosen, so what may be skipped starts unanswered and can return to that.
		if !q.Required {
			f.None = &option{id + "-none", "", texts["none"], f.Value == ""}
		}
	}
	if f.Hint != "" {
		f.DescribedBy = f.HintID
	}
	if f.Error != "" {
		f.DescribedBy += " " + f.ErrorID
	}
	return f, nil
}

// thanksPage answers a form that was stored.
func thanksPage(lang, tenant string, brand html.Brand) (html.Document, error) {
	return messagePage(html.Page{Lang: lang, Brand: brand}, "thanks", tenant)
}

// answeredPage is what the link shows once it was answered, whoever opens it: 200, and nothing of the answers.
func answeredPage(lang, tenant string, brand html.Brand) (html.Document, error) {
	return messagePage(html.Page{Lang: lang, Brand: brand}, "answered", tenant)
}

// closedPage is what a link shows that expired, was withdrawn or never was: 404, nobody's brand, always the same, so that
// guessing tells nothing.
func closedPage(lang string) (html.Document, error) {
	return messagePage(html.Page{Status: http.StatusNotFound, Lang: lang}, "closed", "")
}

func messagePage(p html.Page, text, tenant string) (html.Document, error) {
	p.Title = pageTexts[text].In(p.Lang)
	advice := pageTexts[text+"_advice"].In(p.Lang)
	if tenant != "" {
		advice = fmt.Sprintf(advice, tenant)
	}
	return surveyPage.Render(p, pageTexts, map[string]any{"Form": false, "Title": p.Title, "Text": advice})
}
