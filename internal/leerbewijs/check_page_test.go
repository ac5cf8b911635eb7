package leerbewijs

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/html"
	"github.com/switchingtalent/switchboard/internal/platform/html/htmltest"
)

func aCheck() checkView {
	return checkView{
		ID:             "lbw_01k2m8z3v5e7rbx0q9c4t6h1jd",
		Brand:          html.Brand{Name: "Blenders", Primary: "#6a1b9a", Accent: "#ffc107"},
		Issuer:         "Blenders vzw",
		Status:         "valid",
		Role:           "switcher",
		Classification: "informal",
		Hours:          1400,
		From:           day.Of(2027, time.January, 11),
		Until:          day.Of(2027, time.January, 12),
		IssuedOn:       day.Of(2027, time.January, 20),
	}
}

func TestCheckPageSaysTheStatus(t *testing.T) {
	t.Parallel()
	for status, judged := range verdicts {
		for _, lang := range []string{"nl", "fr", "en"} {
			v := aCheck()
			v.Status = status
			doc, err := v.page(lang)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, doc.Status)
			root := htmltest.Parse(t, doc)
			require.Equal(t, judged.title.In(lang), root.One(t, "h1").Text())
			require.Contains(t, root.One(t, "main").Text(), "Blenders vzw")
			require.Equal(t, judged.title.In(lang)+" – Blenders", root.One(t, "title").Text())
			// Whoever cannot see the colour reads the status; whoever cannot see the picture misses nothing.
			require.Equal(t, "true", root.One(t, "svg").Attr("aria-hidden"))
			require.Len(t, root.With("class", "verdict "+judged.class), 1)
		}
	}
}

func TestCheckPageShowsWhatMayBeShown(t *testing.T) {
	t.Parallel()
	facts := func(v checkView, lang string) map[string]string {
		doc, err := v.page(lang)
		require.NoError(t, err)
		shown := map[string]string{}
		root := htmltest.Parse(t, doc)
		values := root.All("dd")
		for i, label := range root.All("dt") {
			shown[label.Text()] = values[i].Text()
		}
		return shown
	}
	v := aCheck()
	require.Equal(t, map[string]string{
		"Rol":             "Switcher: leerde op een andere werkvloer",
		"Soort leren":     "Informeel leren op de werkvloer",
		"Duur":            "14\u00a0uur",
		"Periode":         "11 tot en met 12 januari 2027",
		"Uitgereikt door": "Blenders vzw",
		"Uitgereikt op":   "20 januari 2027",
		"Nummer":          v.ID,
	}, facts(v, "nl"))

	v.Name, v.Sending, v.Receiving = "Noor Voorbeeld", "Apotheek De Vijzel", "WZC Avondrood"
	v.Role, v.ValidUntil = "leercoach", day.Of(2030, time.January, 20)
	require.Equal(t, map[string]string{
		"Nom":                    "Noor Voorbeeld",
		"Rôle":                   "Coach d’apprentissage : a partagé son savoir et accompagné un switcher",
		"Type d’apprentissage":   "Apprentissage informel sur le lieu de travail",
		"Durée":                  "14\u00a0heures",
		"Période":                "du 11 au 12 janvier 2027",
		"Organisation d’origine": "Apotheek De Vijzel",
		"Organisation d’accueil": "WZC Avondrood",
		"Délivrée par":           "Blenders vzw",
		"Délivrée le":            "20 janvier 2027",
		"Valable jusqu’au":       "20 janvier 2030",
		"Numéro":                 v.ID,
	}, facts(v, "fr"))
}

// The title and description travel in link previews and browser histories: the name never stands in them.
func TestCheckPageKeepsTheNameOutOfTheHead(t *testing.T) {
	t.Parallel()
	v := aCheck()
	v.Name = "Noor Voorbeeld"
	doc, err := v.page("nl")
	require.NoError(t, err)
	head, body, found := strings.Cut(string(doc.Body), "</head>")
	require.True(t, found)
	require.NotContains(t, head, "Noor")
	require.Contains(t, body, "Noor Voorbeeld")
	require.Contains(t, body, checkTexts["compare"].NL)

	v.Name = ""
	doc, err = v.page("nl")
	require.NoError(t, err)
	require.Contains(t, string(doc.Body), checkTexts["hidden"].NL)
}

func TestCheckPageRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	for _, spoil := range []func(*checkView){
		func(v *checkView) { v.Status = "issued" },
		func(v *checkView) { v.Role = "" },
		func(v *checkView) { v.Classification = "other" },
	} {
		v := aCheck()
		spoil(&v)
		doc, err := v.page("nl")
		require.Error(t, err)
		require.Empty(t, doc)
	}
}

func TestUnknownCheckIsNobodys(t *testing.T) {
	t.Parallel()
	for _, lang := range []string{"nl", "fr", "en"} {
		doc, err := unknownCheck(lang)
		require.NoError(t, err)
		require.Equal(t, http.StatusNotFound, doc.Status)
		root := htmltest.Parse(t, doc)
		require.Equal(t, checkTexts["unknown"].In(lang), root.One(t, "h1").Text())
		require.Empty(t, root.All("dl"))
		require.Contains(t, root.One(t, "title").Text(), html.Product)
	}
}

func TestCheckPageEscapes(t *testing.T) {
	t.Parallel()
	v := aCheck()
	evil := `<script>alert(1)</script>`
	v.Name, v.Issuer, v.Sending, v.Receiving, v.ID, v.Brand.Name = evil, evil, evil, evil, evil, evil
	doc, err := v.page("nl")
	require.NoError(t, err)
	require.Contains(t, htmltest.Parse(t, doc).One(t, "main").Text(), evil)
}

func TestCheckTextsAreComplete(t *testing.T) {
	t.Parallel()
	var all []html.Text
	for _, text := range checkTexts {
		all = append(all, text)
	}
	for _, texts := range []map[string]html.Text{roleTexts, classificationTexts} {
		for _, text := range texts {
			all = append(all, text)
		}
	}
	for _, v := range verdicts {
		all = append(all, v.title, v.advice)
		for _, lang := range []string{"nl", "fr", "en"} {
			require.Equal(t, 1, strings.Count(v.advice.In(lang), "%s"))
		}
	}
	for _, text := range all {
		require.NotEmpty(t, text.NL)
		require.NotEmpty(t, text.FR)
		require.NotEmpty(t, text.EN)
	}
}
