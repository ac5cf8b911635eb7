package html

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/hours"
)

// Text is a sentence in the languages of the pages.
type Text struct{ NL, FR, EN string }

// In returns the text in nl, fr or en; any other language gets Dutch, which the method is written in.
func (t Text) In(lang string) string {
	switch lang {
	case "fr":
		return t.FR
	case "en":
		return t.EN
	}
	return t.NL
}

// Texts are the sentences of a page by name.
type Texts map[string]Text

// In returns every text in one language.
func (t Texts) In(lang string) map[string]string {
	in := make(map[string]string, len(t))
	for name, text := range t {
		in[name] = text.In(lang)
	}
	return in
}

var (
	languages = []string{"nl", "fr", "en"}
	matcher   = language.NewMatcher([]language.Tag{language.Dutch, language.French, language.English})
)

// supported returns lang where a page speaks it, and nl otherwise.
func supported(lang string) string {
	for _, l := range languages {
		if l == lang {
			return l
		}
	}
	return languages[0]
}

// Language chooses nl, fr or en by an Accept-Language header (RFC 9110, section 12.5.4). Where the header is absent,
// malformed or asks only for languages that we do not speak, it is the fallback.
func Language(acceptLanguage, fallback string) string {
	const longest = 1000 // no browser sends more, and parsing costs time
	if len(acceptLanguage) > longest {
		return supported(fallback)
	}
	wanted, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil || len(wanted) == 0 {
		return supported(fallback)
	}
	_, i, confidence := matcher.Match(wanted...)
	if confidence == language.No {
		return supported(fallback)
	}
	return languages[i]
}

var months = map[string][12]string{
	"nl": {"januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november", "december"},
	"fr": {"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"},
	"en": {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
}

// Date writes a day in words: 11 januari 2027, 1er mars 2027. The zero day is nothing.
func Date(lang string, d day.Date) string {
	return date(supported(lang), d, "d m y")
}

// Period writes the days from until until, both included, without saying again what they share: 11 tot en met 12 januari
// 2027, du 28 janvier au 3 février 2027. Without an until, or with one that is no later, it is one day.
func Period(lang string, from, until day.Date) string {
	lang = supported(lang)
	if !until.After(from) {
		return Date(lang, from)
	}
	if from.IsZero() {
		return Date(lang, until)
	}
	layout := "d m y"
	switch f, u := from.String(), until.String(); {
	case f[:7] == u[:7]:
		layout = "d"
	case f[:4] == u[:4]:
		layout = "d m"
	}
	form := Text{"%s tot en met %s", "du %s au %s", "%s to %s"}.In(lang)
	return fmt.Sprintf(form, date(lang, from, layout), Date(lang, until))
}

func date(lang string, d day.Date, layout string) string {
	if d.IsZero() {
		return ""
	}
	year, month, n := d.Clock(12, 0, time.UTC).Date()
	dd := strconv.Itoa(n)
	if lang == "fr" && n == 1 {
		dd = "1er"
	}
	return strings.NewReplacer("d", dd, "m", months[lang][month-1], "y", strconv.Itoa(year)).Replace(layout)
}

// nbsp keeps a number and its unit on one line.
const nbsp = "\u00a0"

// Hours writes a number of hours: 14 uur, 7,5 heures, 1 hour.
func Hours(lang string, h hours.Hours) string {
	lang = supported(lang)
	number := h.String()
	if lang != "en" {
		number = strings.Replace(number, ".", ",", 1)
	}
	unit := Text{"uur", "heures", "hours"}
	// French counts everything below two as one; English only one itself; Dutch does not change.
	if lang == "fr" && -200 < h && h < 200 {
		unit.FR = "heure"
	}
	if lang == "en" && h == 100 {
		unit.EN = "hour"
	}
	return number + nbsp + unit.In(lang)
}
