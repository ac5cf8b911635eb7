package html

import (
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
	xhtml "golang.org/x/net/html"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/hours"
)

func template1(source string) *Template {
	return MustParse(fstest.MapFS{"page.html": {Data: []byte(source)}}, "page.html")
}

var blenders = Brand{Name: "Blenders", Primary: "#6a1b9a", Accent: "#ffc107"}

func TestRenderShell(t *testing.T) {
	t.Parallel()
	content := template1(`<h1>{{.T.hello}}</h1><p>{{.Data}}</p>`)
	texts := Texts{"hello": {"Dag", "Bonjour", "Hello"}}
	for lang, hello := range map[string]string{"nl": "Dag", "fr": "Bonjour", "en": "Hello", "de": "Dag"} {
		page := Page{Lang: lang, Title: "Bewijs", Description: "Een zin.", Brand: blenders}
		doc, err := content.Render(page, texts, "wij")
		require.NoError(t, err)
		require.Equal(t, 200, doc.Status)
		root, err := xhtml.Parse(strings.NewReader(string(doc.Body)))
		require.NoError(t, err)
		htmlElement := find(root, "html")[0]
		require.Equal(t, supported(lang), attr(htmlElement, "lang"))
		require.Equal(t, supported(lang), doc.Header.Get("Content-Language"))
		require.Equal(t, "Bewijs – Blenders", find(root, "title")[0].FirstChild.Data)
		require.Equal(t, hello, find(root, "h1")[0].FirstChild.Data)
		require.Len(t, find(root, "main"), 1)
		skip := find(root, "a")[0]
		require.Equal(t, "#"+attr(find(root, "main")[0], "id"), attr(skip, "href"), "the first link skips to the content")
		require.Empty(t, find(root, "script"))
		require.Contains(t, string(doc.Body), `<meta name="description" content="Een zin.">`)
	}
}

// The browser hashes the text of the style element as it stands in the page: that text is what the header must allow.
func TestContentSecurityPolicyAllowsTheOneStyle(t *testing.T) {
	t.Parallel()
	content := template1(`<h1>x</h1>`)
	for _, brand := range []Brand{{}, blenders, {Name: "x", Primary: "red;}</style><script>", Accent: "#GGGGGG"}} {
		page := Page{Lang: "nl", Title: "x", Brand: brand}
		doc, err := content.Render(page, nil, nil)
		require.NoError(t, err)
		root, err := xhtml.Parse(strings.NewReader(string(doc.Body)))
		require.NoError(t, err)
		styles := find(root, "style")
		require.Len(t, styles, 1)
		sum := sha256.Sum256([]byte(styles[0].FirstChild.Data))
		csp := doc.Header.Get("Content-Security-Policy")
		require.Contains(t, csp, "style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
		for _, must := range []string{"default-src 'none'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'", "img-src 'self' data:"} {
			require.Contains(t, csp, must)
		}
		require.NotContains(t, csp, "unsafe")
		require.Equal(t, page.Headers(), doc.Header)
		require.NotContains(t, string(doc.Body), "<script")
	}
	require.NotContains(t, styleSource, "\r", "browsers hash the text after folding line ends")
}

func TestHeadersTellNobody(t *testing.T) {
	t.Parallel()
	h := Page{}.Headers()
	require.Equal(t, "no-referrer", h.Get("Referrer-Policy"))
	require.Equal(t, "no-store", h.Get("Cache-Control"))
	require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
	require.Equal(t, "text/html; charset=utf-8", h.Get("Content-Type"))
	require.Contains(t, h.Get("X-Robots-Tag"), "noindex")
	require.Contains(t, h.Get("Permissions-Policy"), "camera=()")
}

func TestRenderEscapes(t *testing.T) {
	t.Parallel()
	evil := `"><img src=x onerror=alert(1)>`
	doc, err := template1(`<h1 title="{{.Data}}">{{.Data}}</h1>`).
		Render(Page{Lang: evil, Title: evil, Description: evil, Brand: Brand{Name: evil, Primary: evil, Accent: evil}}, nil, evil)
	require.NoError(t, err)
	root, err := xhtml.Parse(strings.NewReader(string(doc.Body)))
	require.NoError(t, err)
	require.Empty(t, find(root, "img"))
	require.Equal(t, evil, find(root, "h1")[0].FirstChild.Data)
}

func TestRenderRefusesWhatNobodyGave(t *testing.T) {
	t.Parallel()
	for _, source := range []string{`{{.T.missing}}`, `{{.Data.missing}}`, `{{.Data.Missing.Field}}`} {
		doc, err := template1(source).Render(Page{Lang: "nl", Title: "x"}, Texts{}, map[string]string{})
		require.Error(t, err, source)
		require.Empty(t, doc)
	}
}

func TestMustParsePanics(t *testing.T) {
	t.Parallel()
	require.Panics(t, func() { MustParse(fstest.MapFS{}, "absent.html") })
	require.Panics(t, func() { template1(`{{`) })
}

func TestColors(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "#fff", "1d4e5f0", "#1d4e5g", "#1d4e5f ", "#é4e5f", "rgb(0,0,0)"} {
		_, err := ParseColor(bad)
		require.ErrorIs(t, err, ErrColor, bad)
	}
	c, err := ParseColor("#1D4e5F")
	require.NoError(t, err)
	require.Equal(t, "#1d4e5f", c.String())
	require.InDelta(t, 21, Contrast(Color{}, Color{255, 255, 255}), 1e-9)
	require.InDelta(t, 4.54, Contrast(Color{0x76, 0x76, 0x76}, Color{255, 255, 255}), 0.005) // the best known grey of WCAG
	for r := 0; r < 256; r += 15 {
		for g := 0; g < 256; g += 15 {
			for b := 0; b < 256; b += 15 {
				c := Color{uint8(r), uint8(g), uint8(b)}
				require.GreaterOrEqual(t, Contrast(c, c.Ink()), readable, "%s", c)
				for _, on := range []Color{paper, night} {
					require.GreaterOrEqual(t, Contrast(c.Readable(on), on), readable, "%s on %s", c, on)
				}
			}
		}
	}
	dark := Color{0x6a, 0x1b, 0x9a}
	require.Equal(t, dark, dark.Readable(paper), "a colour that can be read stays itself")
}

// Every …-ink of the stylesheet stands on its …-paper; plain and quiet text on paper and soft; edges need 3 (WCAG 1.4.11).
func TestStylesheetContrast(t *testing.T) {
	t.Parallel()
	blocks := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(styleSource, -1)
	require.Len(t, blocks, 2, "light and dark")
	for i, block := range blocks {
		vars := map[string]Color{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6})`).FindAllStringSubmatch(block[1], -1) {
			c, err := ParseColor(m[2])
			require.NoError(t, err)
			vars[m[1]] = c
		}
		require.Equal(t, []Color{paper, night}[i], vars["paper"])
		pairs := 0
		for name, c := range vars {
			if kind, ok := strings.CutSuffix(name, "-ink"); ok {
				require.GreaterOrEqual(t, Contrast(c, vars[kind+"-paper"]), readable, name)
				pairs++
			}
		}
		require.Equal(t, 4, pairs)
		for _, text := range []string{"ink", "quiet", "stop-ink"} {
			require.GreaterOrEqual(t, Contrast(vars[text], vars["paper"]), readable, text)
		}
		require.GreaterOrEqual(t, Contrast(vars["ink"], vars["soft"]), readable)
		require.GreaterOrEqual(t, Contrast(vars["edge"], vars["paper"]), 3.0)
	}
}

func TestLanguage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ header, fallback, want string }{
		{"nl-BE,nl;q=0.9,en;q=0.8", "fr", "nl"},
		{"fr-BE, fr;q=0.9", "nl", "fr"},
		{"en-GB", "nl", "en"},
		{"fr;q=0.2, en;q=0.7", "nl", "en"},
		{"zh-CN", "fr", "fr"},
		{"zh-CN, fr;q=0.5", "nl", "fr"},
		{"", "en", "en"},
		{"*", "fr", "fr"},
		{";;;\x00", "en", "en"},
		{strings.Repeat("en-US,", 1000), "fr", "fr"},
		{"", "xx", "nl"},
	} {
		require.Equal(t, c.want, Language(c.header, c.fallback), "%.40q", c.header)
	}
}

func TestDatesAndHours(t *testing.T) {
	t.Parallel()
	jan11, jan12, feb3 := day.Of(2027, time.January, 11), day.Of(2027, time.January, 12), day.Of(2027, time.February, 3)
	mar1, old := day.Of(2027, time.March, 1), day.Of(2026, time.December, 31)
	for _, c := range []struct{ got, want string }{
		{Date("nl", jan11), "11 januari 2027"},
		{Date("fr", mar1), "1er mars 2027"},
		{Date("en", mar1), "1 March 2027"},
		{Date("nl", day.Date{}), ""},
		{Period("nl", jan11, jan11), "11 januari 2027"},
		{Period("nl", jan11, jan12), "11 tot en met 12 januari 2027"},
		{Period("fr", jan11, feb3), "du 11 janvier au 3 février 2027"},
		{Period("fr", mar1, day.Of(2027, time.March, 3)), "du 1er au 3 mars 2027"},
		{Period("en", old, jan11), "31 December 2026 to 11 January 2027"},
		{Period("nl", jan11, day.Date{}), "11 januari 2027"},
		{Period("nl", jan12, jan11), "12 januari 2027"},
		{Period("nl", day.Date{}, jan11), "11 januari 2027"},
		{Period("nl", day.Date{}, day.Date{}), ""},
		{Hours("nl", 1400), "14\u00a0uur"},
		{Hours("nl", 725), "7,25\u00a0uur"},
		{Hours("fr", 150), "1,5\u00a0heure"},
		{Hours("fr", 200), "2\u00a0heures"},
		{Hours("en", 100), "1\u00a0hour"},
		{Hours("en", 750), "7.5\u00a0hours"},
		{Hours("en", hours.Hours(0)), "0\u00a0hours"},
	} {
		require.Equal(t, c.want, c.got)
	}
}

func TestShellTextsAreComplete(t *testing.T) {
	t.Parallel()
	for name, text := range shellTexts {
		for _, lang := range languages {
			require.NotEmpty(t, text.In(lang), "%s in %s", name, lang)
		}
	}
}

func TestBrandFallsBackToOurs(t *testing.T) {
	t.Parallel()
	require.Equal(t, Product, Brand{}.Title())
	primary, accent := Brand{Primary: "blue", Accent: "#ffc107"}.Colors()
	require.Equal(t, defaultPrimary, primary)
	require.Equal(t, "#ffc107", accent.String())
}

func find(n *xhtml.Node, tag string) (found []*xhtml.Node) {
	for d := range n.Descendants() {
		if d.Type == xhtml.ElementNode && d.Data == tag {
			found = append(found, d)
		}
	}
	return found
}

func attr(n *xhtml.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}
