package survey

import (
	"bytes"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/html"
)

// Kind says what an answer looks like.
type Kind string // @name SurveyQuestionKind

// The kinds of question. The method's own are all open (seed 001, 5.8).
const (
	Open   Kind = "open"   // a text
	Scale  Kind = "scale"  // a whole number from 1 to 5
	Choice Kind = "choice" // one of the options
	YesNo  Kind = "yes_no" // true or false
)

// The limits of an answer: characters of a text, and the steps of a scale.
const (
	maxText  = 5000
	maxScale = 5
)

// Question is one question of a survey.
type Question struct {
	ID       string   `json:"id" extensions:"x-prefix=none" example:"SW1"`
	Text     string   `json:"text" example:"Wat leerde je?"`
	Kind     Kind     `json:"kind" enums:"open,scale,choice,yes_no" example:"open"`
	Required bool     `json:"required" example:"true"`
	Options  []string `json:"options" extensions:"x-example=[]"` // of a choice; else empty
} // @name SurveyQuestion

// Questions are the questions of a survey, as a jsonb column.
type Questions []Question

// Value writes the column.
func (q Questions) Value() (driver.Value, error) {
	b, err := json.Marshal([]Question(q))
	return string(b), err
}

// Scan reads the column.
func (q *Questions) Scan(src any) error { return scanJSON((*[]Question)(q), src) }

func scanJSON(into, src any) error {
	switch v := src.(type) {
	case []byte:
		return json.Unmarshal(v, into)
	case string:
		return json.Unmarshal([]byte(v), into)
	}
	return fmt.Errorf("survey: cannot read a %T", src)
}

// builtin are the questions of each role: the Dutch of seed 001, 5.8, word for word; those to colleagues and families ask
// what VBJK-VCOK asks there, put to the respondent. The first of each must be answered, so that no survey comes back empty.
var builtin = map[Role][]struct {
	id   string
	text html.Text
}{
	Switcher: {
		{"SW1", html.Text{NL: "Wat leerde je?", FR: "Qu’avez-vous appris ?", EN: "What did you learn?"}},
		{"SW2", html.Text{NL: "Zijn je leervragen beantwoord?", FR: "Vos questions d’apprentissage ont-elles trouvé une réponse ?", EN: "Were your learning questions answered?"}},
		{"SW3", html.Text{NL: "Heb je nog extra inzichten of leerlessen meegenomen?", FR: "Avez-vous retenu d’autres idées ou leçons ?", EN: "Did you take away any other insights or lessons?"}},
		{"SW4", html.Text{NL: "Wat zou je willen en kunnen doen met deze leerlessen in je job, je team, je organisatie?", FR: "Que voudriez-vous et pourriez-vous faire de ces leçons dans votre travail, votre équipe, votre organisation ?", EN: "What would you like to do, and what can you do, with these lessons in your job, your team, your organisation?"}},
		{"SW5", html.Text{NL: "Welke vervolgacties zal je nemen?", FR: "Quelles actions de suivi allez-vous entreprendre ?", EN: "What will you do next?"}},
	},
	Sending: {
		{"UO1", organised},
		{"UO2", html.Text{NL: "Ben je tevreden over de leeruitkomst bij de switcher?", FR: "Êtes-vous satisfait de ce que le switcher a appris ?", EN: "Are you satisfied with what the switcher learned?"}},
		{"UO3", html.Text{NL: "Wat betekenen de inzichten en leerlessen voor het team van de switcher of de bredere organisatie?", FR: "Que signifient ces idées et ces leçons pour l’équipe du switcher ou pour l’organisation dans son ensemble ?", EN: "What do the insights and lessons mean for the switcher’s team or the wider organisation?"}},
		{"UO4", next},
	},
	Leercoach: {
		{"LC1", organised},
		{"LC2", html.Text{NL: "Hoe verliep de leeruitwisseling voor jou?", FR: "Comment l’échange s’est-il passé pour vous ?", EN: "How did the exchange go for you?"}},
		{"LC3", html.Text{NL: "Wat zou je volgende keer anders willen doen?", FR: "Que voudriez-vous faire autrement la prochaine fois ?", EN: "What would you like to do differently next time?"}},
		{"LC4", html.Text{NL: "Wat zouden wij volgende keer anders kunnen doen?", FR: "Que pourrions-nous faire autrement la prochaine fois ?", EN: "What could we do differently next time?"}},
		{"LC5", html.Text{NL: "Wat leerde je zelf bij van of dankzij de switcher?", FR: "Qu’avez-vous vous-même appris du switcher ou grâce à lui ?", EN: "What did you learn yourself from the switcher, or thanks to them?"}},
	},
	Receiving: {
		{"OO1", organised},
		{"OO2", html.Text{NL: "Ben je tevreden over het verloop van de leeruitwisseling?", FR: "Êtes-vous satisfait du déroulement de l’échange ?", EN: "Are you satisfied with how the exchange went?"}},
		{"OO3", html.Text{NL: "Wat zie je als effect van de leeruitwisseling op de leercoach, op het team of op de organisatie?", FR: "Quel effet de l’échange voyez-vous sur le leercoach, sur l’équipe ou sur l’organisation ?", EN: "What effect of the exchange do you see on the leercoach, on the team or on the organisation?"}},
		{"OO4", next},
	},
	Colleague: {
		{"CO1", html.Text{NL: "Hoe werd je geïnspireerd door de gedocumenteerde en gedeelde ervaringen van je collega?", FR: "En quoi les expériences que votre collègue a documentées et partagées vous ont-elles inspiré ?", EN: "How were you inspired by the experiences that your colleague documented and shared?"}},
	},
	Family: {
		{"GE1", html.Text{NL: "Hoe hebben jullie de aanwezigheid van switchers ervaren?", FR: "Comment avez-vous vécu la présence de switchers ?", EN: "How did you experience the presence of switchers?"}},
	},
}

var (
	organised = html.Text{NL: "Hoe was de organisatie en voorbereiding van de leeruitwisseling?", FR: "Comment étaient l’organisation et la préparation de l’échange ?", EN: "How were the organisation and preparation of the exchange?"}
	next      = html.Text{NL: "Welke vervolgacties zal je nemen?", FR: "Quelles actions de suivi allez-vous entreprendre ?", EN: "What will you do next?"}
)

// questionsFor are the built-in questions to a role, in nl, fr or en.
func questionsFor(r Role, lang string) Questions {
	out := make(Questions, len(builtin[r]))
	for i, q := range builtin[r] {
		out[i] = Question{ID: q.id, Text: q.text.In(lang), Kind: Open, Required: i == 0, Options: []string{}}
	}
	return out
}

// Answer is what was answered to one question: a text, a number, or true or false, by the kind of the question.
type Answer struct {
	Question string `json:"question" binding:"required" minLength:"1" maxLength:"40" example:"SW1"`
	Value    any    `json:"value" binding:"required" extensions:"x-example=\"Hoe je rustig uitlegt wat je doet terwijl je het doet.\""`
} // @name SurveyAnswer

// Answers are the answers to one survey that the caller may read.
type Answers []Answer

// Scan reads them from JSON.
func (a *Answers) Scan(src any) error { return scanJSON((*[]Answer)(a), src) }

// Value lets gorm see a plain value; answers are written one by one.
func (a Answers) Value() (driver.Value, error) {
	b, err := json.Marshal([]Answer(a))
	return string(b), err
}

// read reads answers whose values are still JSON, as a body or a form holds them, and drops those that say nothing: null,
// or a blank text. What is wrong is named by its place among the answers.
func (q Questions) read(given []Answer) ([]Answer, error) {
	e := fault.Unprocessable.New()
	kept := make([]Answer, 0, len(given))
	seen := map[string]bool{}
	for i, a := range given {
		at := "/answers/" + strconv.Itoa(i)
		n := slices.IndexFunc(q, func(x Question) bool { return x.ID == a.Question })
		switch {
		case n < 0:
			e.At(at+"/question", fault.NoReference)
			continue
		case seen[a.Question]:
			e.At(at+"/question", fault.Twice)
			continue
		}
		seen[a.Question] = true
		v, rule, params := q[n].read(a.Value)
		switch {
		case rule != nil:
			e.At(at+"/value", rule, params...)
		case v == nil && q[n].Required:
			e.At(at+"/value", fault.Needed)
		case v != nil:
			kept = append(kept, Answer{a.Question, v})
		}
	}
	for _, x := range q {
		if x.Required && !seen[x.ID] {
			e.At("/answers", unanswered, "question", x.ID)
		}
	}
	if len(kept) == 0 && len(e.Fields) == 0 {
		e.At("/answers", fault.Needed)
	}
	if len(e.Fields) > 0 {
		return nil, e
	}
	return kept, nil
}

// read reads one value: nil when it says nothing, or the rule that it breaks.
func (q Question) read(raw any) (any, *fault.Rule, []string) {
	b, ok := raw.(json.RawMessage)
	if !ok {
		return nil, fault.Unusable, []string{"format", "JSON"}
	}
	var v any
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return nil, fault.Unusable, []string{"format", "JSON"}
	}
	if v == nil {
		return nil, nil, nil
	}
	switch text, isText := v.(string); q.Kind {
	case Open:
		return readText(text, isText)
	case Choice:
		if !isText || !slices.Contains(q.Options, text) {
			return nil, fault.NoChoice, []string{"values", strings.Join(q.Options, ", ")}
		}
		return text, nil, nil
	case YesNo:
		if yes, isBool := v.(bool); isBool {
			return yes, nil, nil
		}
		return nil, fault.Unusable, []string{"format", "true or false"}
	case Scale:
		number, isNumber := v.(json.Number)
		n, err := strconv.Atoi(number.String())
		switch {
		case !isNumber || err != nil:
			return nil, fault.Unusable, []string{"format", "a whole number"}
		case n < 1 || n > maxScale:
			return nil, fault.OutOfRange, []string{"min", "1", "max", strconv.Itoa(maxScale)}
		}
		return n, nil, nil
	}
	return nil, fault.Unusable, []string{"format", string(q.Kind)}
}

func readText(s string, isText bool) (any, *fault.Rule, []string) {
	// What is no UTF-8 became U+FFFD when it was read as JSON; control characters would not show.
	control := func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f }
	switch {
	case !isText:
		return nil, fault.Unusable, []string{"format", "a string"}
	case strings.ContainsFunc(s, control):
		return nil, fault.BadText, nil
	case strings.TrimSpace(s) == "":
		return nil, nil, nil
	case utf8.RuneCountInString(s) > maxText:
		return nil, fault.TooLong, []string{"max", strconv.Itoa(maxText)}
	}
	return s, nil, nil
}

// posted writes what the form of a link sent for this question as JSON, as a body of the API would hold it.
func (q Question) posted(text string) json.RawMessage {
	text = strings.ReplaceAll(text, "\r\n", "\n") // how browsers send a line break
	switch {
	case text == "":
		return json.RawMessage("null")
	case q.Kind == YesNo && (text == "yes" || text == "no"):
		return strconv.AppendBool(nil, text == "yes")
	case q.Kind == Scale:
		if n, err := strconv.Atoi(text); err == nil {
			return strconv.AppendInt(nil, int64(n), 10)
		}
	}
	b, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string always marshals
	}
	return b
}
