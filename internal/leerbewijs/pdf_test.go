package leerbewijs

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
	"github.com/stretchr/testify/require"
	"golang.org/x/image/font/sfnt"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/html"
)

// aCertificate is told in the world of the seeds: a pharmacist who switched in a residential care centre (001, section 5.7).
func aCertificate() certificate {
	return certificate{
		ID:        "lbw_01k2m8z3v5e7rbx0q9c4t6h1jd",
		Lang:      "nl",
		Tenant:    "Blenders vzw",
		Brand:     html.Brand{Name: "Blenders", Primary: "#1d4e5f", Accent: "#e08a3c"},
		Name:      "Noor Voorbeeld",
		Role:      "switcher",
		Sending:   "Apotheek De Vijzel",
		Receiving: "Woonzorgcentrum Avondrood",
		Place:     "Lindelaan 12, 9000 Gent",
		Title:     "Hoe verloopt het medicatieproces in een woonzorgcentrum, en waar kan de apotheek helpen?",
		Goals:     []string{"Zien hoe BelRAI in de praktijk wordt gebruikt", "Begrijpen hoe medicatie wordt klaargezet"},
		Hours:     1400,
		From:      day.Of(2027, time.January, 11),
		Until:     day.Of(2027, time.January, 12),
		IssuedAt:  time.Date(2027, time.January, 20, 9, 30, 0, 0, time.FixedZone("CET", 3600)),
		CheckURL:  "https://switchboard.example/check/lbw_01k2m8z3v5e7rbx0q9c4t6h1jd?k=Zr3v9qk2Jc7mX1yT0bWpLhNn5sUdEoGa4fKxVtRiQ8M",
	}
}

// extremes are certificates that nobody hopes for.
func extremes() map[string]certificate {
	word := "Donaudampfschifffahrtsgesellschaft"
	long := strings.TrimSpace(strings.Repeat(word+" ", 40))
	unbroken := strings.Repeat(word, 40)
	all := map[string]certificate{"plain": aCertificate()}
	change := func(name string, f func(*certificate)) {
		c := aCertificate()
		f(&c)
		all[name] = c
	}
	change("empty", func(c *certificate) {
		*c = certificate{Role: "switcher", CheckURL: "https://switchboard.example/check/x"}
	})
	change("internal", func(c *certificate) { c.Sending = c.Receiving })
	change("tall name", func(c *certificate) {
		c.Name = "Anna Maria van den Bossche-Vandeputte"
		c.Receiving = strings.Repeat("Woonzorgcentrum Avondrood ", 8)
		c.Title = strings.Repeat("Hoe verloopt het? ", 9)
		c.Place, c.Sending = c.Receiving, long
		c.Goals = strings.Split(strings.Repeat("Een doel dat ruim een regel vraagt om uit te leggen waarover het precies gaat.,", 30), ",")
	})
	for name, text := range map[string]string{
		"long":     long,
		"unbroken": unbroken,
		"huge":     strings.Repeat(long, 50),
		"emoji":    "👩‍🔬 🎉 é👍🏽 🇧🇪",
		"scripts":  "王小明 محمد नमस्ते Ελένη Юлия",
		"controls": "a\x00b\x01c\u202edcba\u202c\r\n\t\u200bz",
		"broken":   "\xff\xfe\x80 \xed\xa0\x80",
		"marks":    "e\u0301 " + strings.Repeat("a\u0301\u0323", 400) + " \u0301",
		"escapes":  `(()\\) %PDF <</Type>> endstream )Tj`,
		"blank":    " \u00a0\u3000\n ",
	} {
		change(name, func(c *certificate) {
			c.ID, c.Tenant, c.Brand.Name, c.Name, c.Sending, c.Receiving, c.Place, c.Title = text, text, text, text, text, text+"x", text, text
			c.Goals = []string{text, text, text, text, text, text, text, text, text, text, text, text}
			c.Brand.Primary, c.Brand.Accent = text, text
		})
	}
	return all
}

// What is judged is the drawing in the file: its filled squares, not the code that made them.
func TestPDFCodeReadsAsTheCheckURL(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		aCertificate().CheckURL,
		"https://switchboard.example/check/x",
		"https://switchboard.example/check/x?k=" + strings.Repeat("aB3-", 150),
	} {
		c := aCertificate()
		c.CheckURL = url
		bitmap, err := gozxing.NewBinaryBitmapFromImage(paint(t, openPDF(t, c)))
		require.NoError(t, err)
		hints := map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_TRY_HARDER: true, gozxing.DecodeHintType_PURE_BARCODE: true}
		result, err := qrcode.NewQRCodeReader().Decode(bitmap, hints)
		require.NoError(t, err)
		require.Equal(t, url, result.GetText())
		level := result.GetResultMetadata()[gozxing.ResultMetadataType_ERROR_CORRECTION_LEVEL]
		require.Contains(t, []string{"M", "Q", "H"}, fmt.Sprint(level))
	}
}

// A scanner needs four light modules around the code; nothing else may be drawn there.
func TestPDFCodeHasItsQuietZone(t *testing.T) {
	t.Parallel()
	for name, c := range extremes() {
		p := openPDF(t, c)
		x0, y0, x1, y1, module := p.codeBounds(t)
		zone := quietModules * module
		for _, line := range p.lines {
			top, bottom := line.baseline-line.size*ptToMM, line.baseline+line.size*ptToMM*0.2
			apart := line.x >= x1+zone || line.x+line.width <= x0-zone || bottom <= y0-zone || top >= y1+zone
			require.True(t, apart, "%s: %q stands in the quiet zone", name, line.text)
		}
		require.InDelta(t, codeSize, x1-x0+2*zone, 0.05, name)
	}
}

func TestPDFSaysWhatItMust(t *testing.T) {
	t.Parallel()
	c := aCertificate()
	for lang, must := range map[string][]string{
		"nl": {"Leerbewijs", "Uitgereikt aan", "leerde als switcher", "14\u00a0uur", "11 tot en met 12 januari 2027", "Uitgereikt op 20 januari 2027 door Blenders vzw", "Leervraag", "Leerdoelen"},
		"fr": {"Attestation d’apprentissage", "a appris comme switcher", "14\u00a0heures", "du 11 au 12 janvier 2027", "Délivrée le 20 janvier 2027 par Blenders vzw", "Question d’apprentissage"},
		"en": {"Learning certificate", "learned as a switcher", "14\u00a0hours", "11 to 12 January 2027", "Issued on 20 January 2027 by Blenders vzw", "Learning question"},
	} {
		c.Lang = lang
		p := openPDF(t, c)
		text := p.text()
		for _, words := range append(must, c.Name, c.Sending, c.Receiving, c.Place, c.Brand.Name, c.ID, c.Goals[0], c.Goals[1]) {
			require.Contains(t, text, words, lang)
		}
		require.Contains(t, strings.ReplaceAll(text, " ", ""), strings.ReplaceAll(c.CheckURL, " ", ""), "the address is printed whole")
		require.NotContains(t, text, "…", "nothing is cut in %s", lang)
		require.NotContains(t, text, "%!")
		require.Contains(t, p.raw, "/Lang ("+lang)
		require.Contains(t, p.raw, "/URI ("+c.CheckURL+")")
		require.Contains(t, p.raw, "/CreationDate (D:20270120083000)")
		require.Contains(t, p.raw, "/Title (\xfe\xff")
		require.Contains(t, p.raw, "/Author (\xfe\xff")
	}
	c.Role, c.Lang = "leercoach", "nl"
	text := openPDF(t, c).text()
	require.Contains(t, text, "deelde als leercoach kennis en ervaring")
	require.Contains(t, text, "Begeleide leervraag")

	c.Title, c.Goals = "", nil
	require.NotContains(t, openPDF(t, c).text(), "eervraag", "what is not given leaves no heading behind")
}

func TestPDFIsTheSameEveryTime(t *testing.T) {
	t.Parallel()
	want, err := aCertificate().pdf()
	require.NoError(t, err)
	var all sync.WaitGroup
	got := make([][]byte, 8)
	for i := range got {
		all.Go(func() { got[i], _ = aCertificate().pdf() })
	}
	all.Wait()
	for _, g := range got {
		require.True(t, bytes.Equal(want, g))
	}
	other := aCertificate()
	other.Name = "Sam Voorbeeld"
	different, err := other.pdf()
	require.NoError(t, err)
	require.False(t, bytes.Equal(want, different))
}

// However long or strange the input: one page, no line beyond the margins, none over another.
func TestPDFKeepsItsLayout(t *testing.T) {
	t.Parallel()
	for name, c := range extremes() {
		for lang, role := range map[string]string{"nl": "switcher", "fr": "leercoach", "en": "switcher"} {
			c.Lang, c.Role = lang, role
			p := openPDF(t, c)
			require.Equal(t, 1, strings.Count(p.raw, "/Type /Page\n"), name)
			for i, a := range p.lines {
				require.GreaterOrEqual(t, a.x, left-0.01, "%s: %q", name, a.text)
				require.LessOrEqual(t, a.x+a.width, right+0.1, "%s: %q", name, a.text)
				require.Less(t, a.baseline, 290.0, "%s: %q", name, a.text)
				for _, b := range p.lines[i+1:] {
					require.False(t, a.over(b), "%s %s: %q (%.1f) over %q (%.1f)", name, lang, a.text, a.baseline, b.text, b.baseline)
				}
			}
			require.Contains(t, p.text(), certificateTexts["scope"].In(lang), name)
			require.Contains(t, p.text(), certificateTexts["check"].In(lang), name)
		}
	}
}

func TestPDFCountsTheGoalsThatDoNotFit(t *testing.T) {
	t.Parallel()
	c := aCertificate()
	c.Goals = nil
	for i := range 60 {
		c.Goals = append(c.Goals, fmt.Sprintf("Doel nummer %d", i+1))
	}
	text := openPDF(t, c).text()
	require.Contains(t, text, "Doel nummer 1 ")
	m := regexp.MustCompile(`… en nog (\d+)`).FindStringSubmatch(text)
	require.Len(t, m, 2)
	more, err := strconv.Atoi(m[1])
	require.NoError(t, err)
	require.Equal(t, 60-more, strings.Count(text, "Doel nummer"))
	require.Greater(t, 60-more, 3)
}

func TestPDFRefuses(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*certificate){
		"no address":             func(c *certificate) { c.CheckURL = "" },
		"an address beyond QR":   func(c *certificate) { c.CheckURL = strings.Repeat("x", 3000) },
		"no role":                func(c *certificate) { c.Role = "" },
		"a text that is no role": func(c *certificate) { c.Role = "title" },
	} {
		c := aCertificate()
		spoil(&c)
		got, err := c.pdf()
		require.Error(t, err, name)
		require.Nil(t, got, name)
	}
	c := aCertificate()
	c.CheckURL = ""
	_, err := c.pdf()
	require.ErrorIs(t, err, errNoCheckURL)
}

func TestClean(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Zoë  van\tden\nBerg":      "Zoë van den Berg",
		"e\u0301":                  "é",
		"Łukasz Żółć Ștefan Ördög": "Łukasz Żółć Ștefan Ördög",
		"Ελένη Юлия":               "Ελένη Юлия",
		"ﬁets ①":                   "fiets 1",
		"王":                        "\uFFFD",
		"ja 👍🏽 nee":                "ja nee",
		"a\u202eb\x00c\u200bd":     "abcd",
		"14\u00a0uur":              "14\u00a0uur",
		"":                         "",
	} {
		require.Equal(t, want, clean(in))
	}
}

// clean asks one font for all three.
func TestFontsKnowTheSameCharacters(t *testing.T) {
	t.Parallel()
	for _, data := range [][]byte{boldFont, serifFont} {
		f, err := sfnt.Parse(data)
		require.NoError(t, err)
		for r := rune(0x20); r < 0x10000; r++ {
			i, err := f.GlyphIndex(nil, r)
			require.NoError(t, err)
			if writable(r) != (i != 0) {
				require.Failf(t, "fonts differ", "%U", r)
			}
		}
	}
}

func TestCertificateTextsAreComplete(t *testing.T) {
	t.Parallel()
	for name, text := range certificateTexts {
		for _, lang := range []string{"nl", "fr", "en"} {
			require.NotEmpty(t, text.In(lang), "%s in %s", name, lang)
			require.Equal(t, strings.Count(text.NL, "%"), strings.Count(text.In(lang), "%"), "%s in %s", name, lang)
		}
	}
}

// drawn is a PDF read back: enough of the format for what fpdf writes.
type drawn struct {
	raw     string
	lines   []line
	squares [][4]float64 // the rectangles of the code: left, top, right, bottom in millimetres
}

// line is one line of text; positions in millimetres from the top left, size in points.
type line struct {
	text                     string
	x, baseline, width, size float64
}

// over reports whether the letters of two lines touch: from a capital's height above the baseline to a little below.
func (a line) over(b line) bool {
	top, bottom := a.baseline-a.size*ptToMM*0.72, a.baseline+a.size*ptToMM*0.2
	otherTop, otherBottom := b.baseline-b.size*ptToMM*0.72, b.baseline+b.size*ptToMM*0.2
	return a.x < b.x+b.width && b.x < a.x+a.width && top < otherBottom && otherTop < bottom
}

func (d drawn) text() string {
	all := make([]string, len(d.lines))
	for i, l := range d.lines {
		all[i] = l.text
	}
	return strings.Join(all, " ") + " "
}

var (
	streams   = regexp.MustCompile(`(?s)/Filter /FlateDecode /Length \d+>>\nstream\n(.*?)\nendstream`)
	fontNames = regexp.MustCompile(`/F([0-9a-f]+) (\d+) 0 R`)
	baseFonts = regexp.MustCompile(`(?m)^(\d+) 0 obj\n<</Type /Font\n/Subtype /Type0\n/BaseFont /utf8(\w+)`)
	textOps   = regexp.MustCompile(`(?s)BT /F([0-9a-f]+) ([0-9.]+) Tf ET|BT ([-0-9.]+) ([-0-9.]+) Td \(((?:[^\\)]|\\.)*)\) Tj ET`)
	squareOps = regexp.MustCompile(`([0-9.]+) ([0-9.]+) m\n([0-9.]+) [0-9.]+ l\n[0-9.]+ ([0-9.]+) l\n[0-9.]+ [0-9.]+ l\nh\n`)
)

func openPDF(t *testing.T, c certificate) drawn {
	t.Helper()
	data, err := c.pdf()
	require.NoError(t, err)
	require.True(t, bytes.HasPrefix(data, []byte("%PDF-")))
	require.True(t, bytes.HasSuffix(bytes.TrimSpace(data), []byte("%%EOF")))
	p := drawn{raw: string(data)}

	objects, family := map[string]string{}, map[string]string{}
	for _, m := range baseFonts.FindAllStringSubmatch(p.raw, -1) {
		objects[m[1]] = m[2]
	}
	for _, m := range fontNames.FindAllStringSubmatch(p.raw, -1) {
		family[m[1]] = objects[m[2]]
	}
	require.Len(t, family, 3, "three fonts are embedded")

	m := streams.FindStringSubmatch(p.raw)
	require.NotNil(t, m)
	r, err := zlib.NewReader(strings.NewReader(m[1]))
	require.NoError(t, err)
	content, err := io.ReadAll(r)
	require.NoError(t, err)

	number := func(s string) float64 {
		f, err := strconv.ParseFloat(s, 64)
		require.NoError(t, err)
		return f
	}
	metrics := newSheet()
	for _, m := range textOps.FindAllStringSubmatch(string(content), -1) {
		if m[1] != "" {
			metrics.SetFont(family[m[1]], "", number(m[2]))
			continue
		}
		text := unescape(t, m[5])
		size, _ := metrics.GetFontSize()
		p.lines = append(p.lines, line{text, number(m[3]) * ptToMM, sheetHeight - number(m[4])*ptToMM, metrics.GetStringWidth(text), size})
	}
	for _, m := range squareOps.FindAllStringSubmatch(string(content), -1) {
		p.squares = append(p.squares, [4]float64{
			number(m[1]) * ptToMM, sheetHeight - number(m[2])*ptToMM, number(m[3]) * ptToMM, sheetHeight - number(m[4])*ptToMM,
		})
	}
	require.NotEmpty(t, p.lines)
	require.NotEmpty(t, p.squares)
	return p
}

// unescape reads a PDF string of UTF-16BE.
func unescape(t *testing.T, s string) string {
	t.Helper()
	var b []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			i++
			if s[i] == 'r' {
				b = append(b, '\r')
				continue
			}
		}
		b = append(b, s[i])
	}
	require.Zero(t, len(b)%2)
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.BigEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}

func (d drawn) codeBounds(t *testing.T) (x0, y0, x1, y1, module float64) {
	t.Helper()
	x0, y0, module = math.Inf(1), math.Inf(1), math.Inf(1)
	for _, q := range d.squares {
		x0, y0, x1, y1 = min(x0, q[0]), min(y0, q[1]), max(x1, q[2]), max(y1, q[3])
		module = min(module, q[3]-q[1])
	}
	// Coordinates are rounded, so the size of a module comes from the whole.
	return x0, y0, x1, y1, (x1 - x0) / math.Round((x1-x0)/module)
}

// paint draws the code's rectangles, as a printer would, at ten points a module on white.
func paint(t *testing.T, d drawn) image.Image {
	t.Helper()
	x0, y0, x1, y1, module := d.codeBounds(t)
	const scale = 10.0
	at := func(v, from float64) int { return int(math.Round(((v-from)/module + quietModules) * scale)) }
	picture := image.NewGray(image.Rect(0, 0, at(x1, x0)+quietModules*scale, at(y1, y0)+quietModules*scale))
	draw.Draw(picture, picture.Bounds(), image.White, image.Point{}, draw.Src)
	for _, q := range d.squares {
		draw.Draw(picture, image.Rect(at(q[0], x0), at(q[1], y0), at(q[2], x0), at(q[3], y0)), image.NewUniform(color.Black), image.Point{}, draw.Src)
	}
	return picture
}
