package survey

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/html"
	"github.com/switchingtalent/switchboard/internal/platform/html/htmltest"
)

var pageLanguages = []string{"nl", "fr", "en"}

// aForm asks the switcher's questions of the method (seeds 001, section 5.8), and one of each other kind.
func aForm() formView {
	return formView{
		Lang:   "nl",
		Tenant: "Blenders vzw",
		Brand:  html.Brand{Name: "Blenders", Primary: "#6a1b9a", Accent: "#ffc107"},
		Title:  "Hoe kijk je terug op je leeruitwisseling?",
		Intro:  "Twee dagen in het woonzorgcentrum zitten erop.\nWe horen graag wat je meenam.",
		Action: "/s/4fT0kEn",
		Questions: []formQuestion{
			{ID: "learned", Text: "Wat leerde je?", Kind: "open", Required: true, MaxLength: 2000},
			{ID: "answered", Text: "Zijn je leervragen beantwoord?", Kind: "choice", Options: []string{"Ja, helemaal", "Deels", "Nee"}, Required: true},
			{ID: "useful", Text: "Hoe bruikbaar is het in je job?", Kind: "scale"},
			{ID: "again", Text: "Zou je het opnieuw doen?", Kind: "yes_no", Required: true},
			{ID: "next", Text: "Welke vervolgacties zal je nemen?", Kind: "open"},
		},
	}
}

func TestFormAsksEveryQuestion(t *testing.T) {
	t.Parallel()
	for _, lang := range pageLanguages {
		v := aForm()
		v.Lang = lang
		doc, err := v.page()
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, doc.Status)
		root := htmltest.Parse(t, doc)
		form := root.One(t, "form")
		require.Equal(t, "/s/4fT0kEn", form.Attr("action"))
		require.Equal(t, "off", form.Attr("autocomplete"))

		learned := form.With("name", "learned")
		require.Len(t, learned, 1)
		require.Equal(t, "2000", learned[0].Attr("maxlength"))
		require.True(t, learned[0].Has("required"))
		require.False(t, form.With("name", "next")[0].Has("maxlength"))

		values := func(name string) (all []string) {
			for _, input := range form.With("name", name) {
				require.Equal(t, "radio", input.Attr("type"))
				require.False(t, input.Has("checked") && input.Attr("value") != "", "nothing is answered beforehand")
				all = append(all, input.Attr("value"))
			}
			return all
		}
		require.Equal(t, []string{"Ja, helemaal", "Deels", "Nee"}, values("answered"))
		require.Equal(t, []string{"1", "2", "3", "4", "5", ""}, values("useful"), "what may be skipped can be unchosen")
		require.Equal(t, []string{"yes", "no"}, values("again"))
		require.Contains(t, root.Text(), "Blenders vzw")
		require.Empty(t, root.With("role", "alert"))
		for i, legend := range root.All("legend") {
			require.True(t, strings.HasPrefix(legend.Text(), v.Questions[i+1].Text))
		}
	}
}

func TestFormShowsWhatIsWrongAndKeepsWhatWasPosted(t *testing.T) {
	t.Parallel()
	v := aForm()
	v.Values = map[string]string{"next": "\n<b>bellen</b> & mailen", "again": "no", "useful": "4", "answered": "Misschien"}
	v.Errors = map[string]string{
		"":         "Probeer het opnieuw.",
		"learned":  formError("nl", "needed", 0),
		"answered": formError("nl", "not_a_choice", 0),
		"gone":     "Deze vraag bestaat niet meer.",
	}
	doc, err := v.page()
	require.NoError(t, err)
	require.Equal(t, http.StatusUnprocessableEntity, doc.Status)
	root := htmltest.Parse(t, doc)
	require.True(t, strings.HasPrefix(root.One(t, "title").Text(), "Fout: "))

	alert := root.With("role", "alert")
	require.Len(t, alert, 1)
	items := alert[0].All("li")
	require.Len(t, items, 4)
	require.Equal(t, "Probeer het opnieuw.", items[0].Text())
	require.Equal(t, "#q1", items[1].One(t, "a").Attr("href"))
	require.Equal(t, "#q2-1", items[2].One(t, "a").Attr("href"), "the first of the choices")
	require.Equal(t, "Deze vraag bestaat niet meer.", items[3].Text())

	learned := root.With("name", "learned")[0]
	require.Equal(t, "true", learned.Attr("aria-invalid"))
	require.Equal(t, "q1-hint q1-error", learned.Attr("aria-describedby"))
	require.Equal(t, "Dit antwoord ontbreekt nog.", root.With("id", "q1-error")[0].Text())
	require.Equal(t, "\n<b>bellen</b> & mailen", root.With("name", "next")[0].Text())

	var checked []string
	for _, input := range root.All("input") {
		if input.Has("checked") {
			checked = append(checked, input.Attr("name")+"="+input.Attr("value"))
		}
	}
	require.Equal(t, []string{"useful=4", "again=no"}, checked)
}

func TestFormRefusesWhatItCannotAsk(t *testing.T) {
	t.Parallel()
	for _, q := range []formQuestion{
		{ID: "x", Text: "?", Kind: "slider"},
		{ID: "x", Text: "?", Kind: "choice"},
	} {
		v := aForm()
		v.Questions = append(v.Questions, q)
		doc, err := v.page()
		require.Error(t, err)
		require.Empty(t, doc)
	}
}

func TestFormEscapes(t *testing.T) {
	t.Parallel()
	evil := `"></textarea><script>alert(1)</script><a href="javascript:x">`
	for _, kind := range []string{"open", "scale", "choice", "yes_no"} {
		v := aForm()
		v.Title, v.Intro, v.Tenant, v.Brand.Name = evil, evil, evil, evil
		v.Questions = []formQuestion{{ID: evil, Text: evil, Kind: kind, Options: []string{evil, "b"}}}
		v.Values, v.Errors = map[string]string{evil: evil}, map[string]string{evil: evil}
		doc, err := v.page()
		require.NoError(t, err)
		root := htmltest.Parse(t, doc)
		require.NotEmpty(t, root.With("name", evil), kind)
	}
	v := aForm()
	v.Action = "javascript:alert(1)"
	doc, err := v.page()
	require.NoError(t, err)
	require.NotContains(t, string(doc.Body), "javascript:")
}

func TestMessagePages(t *testing.T) {
	t.Parallel()
	brand := aForm().Brand
	for _, lang := range pageLanguages {
		thanks, err := thanksPage(lang, "Blenders vzw", brand)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, thanks.Status)
		root := htmltest.Parse(t, thanks)
		require.Equal(t, pageTexts["thanks"].In(lang), root.One(t, "h1").Text())
		require.Contains(t, root.One(t, "main").Text(), "Blenders vzw")

		answered, err := answeredPage(lang, "Blenders vzw", brand)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, answered.Status)
		root = htmltest.Parse(t, answered)
		require.Equal(t, pageTexts["answered"].In(lang), root.One(t, "h1").Text())
		require.Empty(t, root.All("form"))

		closed, err := closedPage(lang)
		require.NoError(t, err)
		require.Equal(t, http.StatusNotFound, closed.Status)
		root = htmltest.Parse(t, closed)
		require.Equal(t, pageTexts["closed"].In(lang), root.One(t, "h1").Text())
		require.NotContains(t, root.Text(), "Blenders")
		require.NotContains(t, root.Text(), "%!")
	}
}

func TestFormErrors(t *testing.T) {
	t.Parallel()
	require.Equal(t, "Dit antwoord is te lang: hoogstens 2000 tekens.", formError("nl", "too_long", 2000))
	require.Equal(t, "This answer is missing.", formError("en", "needed", 0))
	require.Equal(t, formErrors["not_a_choice"].FR, formError("fr", "something_new", 0))
}

func TestPageTextsAreComplete(t *testing.T) {
	t.Parallel()
	for _, texts := range []html.Texts{pageTexts, formErrors} {
		for name, text := range texts {
			verbs := strings.Count(text.NL, "%")
			for _, lang := range pageLanguages {
				require.NotEmpty(t, text.In(lang), "%s in %s", name, lang)
				require.Equal(t, verbs, strings.Count(text.In(lang), "%"), fmt.Sprintf("%s in %s", name, lang))
			}
		}
	}
}
