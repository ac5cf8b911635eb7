package leerbewijs

import (
	"bytes"
	_ "embed" // the fonts
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/text/unicode/norm"
	"rsc.io/qr"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/hours"
	"github.com/switchingtalent/switchboard/internal/platform/html"
)

// certificate is everything that a printed leerbewijs says. Two equal certificates are the same bytes.
type certificate struct {
	ID                 string // lbw_…
	Lang               string // nl, fr or en; anything else is nl
	Tenant             string // who issues it
	Brand              html.Brand
	Name               string // the person
	Role               string // switcher or leercoach
	Sending, Receiving string // the switcher's employer and the host; the same one for an internal exchange
	Place              string // may be empty
	Title              string // of the leervraag; empty leaves it and the goals' heading out
	Goals              []string
	Hours              hours.Hours
	From, Until        day.Date
	IssuedAt           time.Time // printed as a day in its own location; also the document's only date
	CheckURL           string    // the public check, with its key
}

// errNoCheckURL says that a certificate has nothing for its QR code.
var errNoCheckURL = errors.New("leerbewijs: a certificate needs a check URL")

var (
	//go:embed fonts/NotoSans-Regular.ttf
	sansFont []byte
	//go:embed fonts/NotoSans-Bold.ttf
	boldFont []byte
	//go:embed fonts/NotoSerifDisplay-Regular.ttf
	serifFont []byte
)

// The certificate never calls itself a diploma or a qualification: only recognised institutions give those.
var certificateTexts = html.Texts{
	"title":      {NL: "Leerbewijs", FR: "Attestation d’apprentissage", EN: "Learning certificate"},
	"to":         {NL: "Uitgereikt aan", FR: "Délivrée à", EN: "Awarded to"},
	"switcher":   {NL: "leerde als switcher op de werkvloer van %s, met een eigen leervraag en een leercoach.", FR: "a appris comme switcher sur le lieu de travail de %s, avec sa propre question d’apprentissage et un coach.", EN: "learned as a switcher on the work floor of %s, with a learning question and a learning coach."},
	"leercoach":  {NL: "deelde als leercoach kennis en ervaring op de werkvloer van %s en begeleidde er een switcher.", FR: "a partagé, comme coach d’apprentissage, son savoir et son expérience sur le lieu de travail de %s et y a accompagné un switcher.", EN: "shared knowledge and experience as a learning coach on the work floor of %s and guided a switcher there."},
	"somewhere":  {NL: "een andere organisatie", FR: "une autre organisation", EN: "another organisation"},
	"question":   {NL: "Leervraag", FR: "Question d’apprentissage", EN: "Learning question"},
	"guided":     {NL: "Begeleide leervraag", FR: "Question d’apprentissage accompagnée", EN: "Learning question guided"},
	"goals":      {NL: "Leerdoelen", FR: "Objectifs d’apprentissage", EN: "Learning goals"},
	"hours":      {NL: "Duur", FR: "Durée", EN: "Duration"},
	"period":     {NL: "Periode", FR: "Période", EN: "Period"},
	"place":      {NL: "Plaats", FR: "Lieu", EN: "Place"},
	"sending":    {NL: "Uitsturende organisatie", FR: "Organisation d’origine", EN: "Sending organisation"},
	"receiving":  {NL: "Ontvangende organisatie", FR: "Organisation d’accueil", EN: "Receiving organisation"},
	"internal":   {NL: "Organisatie", FR: "Organisation", EN: "Organisation"},
	"issued":     {NL: "Uitgereikt op %s door %s", FR: "Délivrée le %s par %s", EN: "Issued on %s by %s"},
	"check":      {NL: "Controleer dit leerbewijs", FR: "Vérifier cette attestation", EN: "Check this certificate"},
	"check_how":  {NL: "Scan de code of open het adres hieronder. Je ziet meteen of het nog geldt.", FR: "Scannez le code ou ouvrez l’adresse ci-dessous : vous verrez aussitôt si elle est toujours valable.", EN: "Scan the code or open the address below to see whether it still holds."},
	"scope":      {NL: "Dit leerbewijs bevestigt deelname aan een leeruitwisseling. Het is geen diploma en geen erkende kwalificatie.", FR: "Cette attestation confirme la participation à un échange d’apprentissage. Elle n’est ni un diplôme ni une qualification reconnue.", EN: "This certificate confirms taking part in a learning exchange. It is not a diploma or a recognised qualification."},
	"more_goals": {NL: "… en nog %d", FR: "… et %d de plus", EN: "… and %d more"},
}

// The sheet is A4 upright, measured in millimetres from the top left.
const (
	sheetWidth, sheetHeight = 210.0, 297.0
	left, right             = 32.0, 188.0
	wide                    = right - left
	labelHeight             = 4.6   // from the top of a fact's label to its value
	footTop                 = 228.0 // where the check block starts; everything above it makes room for itself
	codeSize                = 38.0
	quietModules            = 4 // ISO/IEC 18004 asks for four light modules around the code
	ptToMM                  = 25.4 / 72
)

// The fonts by the family under which the sheet knows them.
const (
	sans  = "sans"
	bold  = "bold"
	serif = "serif"
)

var (
	ink   = html.Color{R: 0x1c, G: 0x21, B: 0x27}
	quiet = html.Color{R: 0x54, G: 0x5d, B: 0x69}
	hair  = html.Color{R: 0xd0, G: 0xd5, B: 0xdb}
	white = html.Color{R: 0xff, G: 0xff, B: 0xff}
)

// pdf draws the certificate on one A4 page. Whatever is too long wraps, then shrinks, then is cut with an ellipsis; what
// the fonts cannot write (they know Latin, Greek and Cyrillic) is left out or marked. It fails on a role that it does not
// know, without a check URL, and on one too long for a QR code.
func (c certificate) pdf() ([]byte, error) {
	if c.CheckURL == "" {
		return nil, errNoCheckURL
	}
	code, err := qr.Encode(c.CheckURL, qr.M)
	if err != nil {
		return nil, fmt.Errorf("leerbewijs: QR code: %w", err)
	}
	texts := certificateTexts.In(c.Lang)
	sentence, ok := texts[c.Role]
	if !ok || (c.Role != "switcher" && c.Role != "leercoach") {
		return nil, fmt.Errorf("leerbewijs: no certificate for role %q", c.Role)
	}
	primary, accent := c.Brand.Colors()
	tint := primary.Readable(white)

	s := newSheet()
	s.describe(texts["title"]+" – "+clean(c.Name), c)
	s.AddPage()

	s.fill(primary, 0, 0, 13, sheetHeight)
	s.fill(accent, 13, 0, 1.4, sheetHeight)

	s.text(bold, tint, left, 20, s.fit(bold, 12, 8, wide, 1, clean(c.Brand.Title())))
	s.text(serif, ink, left, 34, s.fit(serif, 42, 30, wide, 1, texts["title"]))
	s.fill(accent, left, 54.5, 24, 1.2)

	s.text(sans, quiet, left, 63, s.fit(sans, 11, 11, wide, 1, texts["to"]))
	y := s.text(serif, tint, left, 69, s.fit(serif, 31, 17, wide, 2, clean(c.Name)))

	where := clean(c.Receiving)
	if where == "" {
		where = texts["somewhere"]
	}
	y = s.text(sans, ink, left, y+4, s.fit(sans, 12.5, 10, wide, 4, fmt.Sprintf(sentence, where)))

	// What is known for sure is placed from below, so that the leervraag and its goals get the room that is left.
	facts, height := c.facts(s, texts)
	bottom := footTop - 6 - height
	if title := clean(c.Title); title != "" {
		heading := texts["question"]
		if c.Role == "leercoach" {
			heading = texts["guided"]
		}
		y = s.text(bold, tint, left, y+8, s.fit(bold, 9, 9, wide, 1, heading))
		y = s.text(serif, ink, left, y+1, s.fit(serif, 16, 11, wide, 3, title))
	}
	y = s.goals(c.Goals, texts, tint, y+5, bottom-6)

	// Little text leaves much white: then the facts move up after it, and the white falls between them and the code.
	top := min(bottom, max(y+10, 128))
	s.fill(hair, left, top-5, wide, 0.25)
	for _, f := range facts {
		s.text(bold, tint, f.x, top+f.y, f.label)
		s.text(sans, ink, f.x, top+f.y+labelHeight, f.value)
	}

	s.fill(hair, left, footTop, wide, 0.25)
	s.code(code, left, footTop+6, codeSize)
	s.LinkString(left, footTop+6, codeSize, codeSize, c.CheckURL)
	x, room := left+codeSize+7, wide-codeSize-7
	y = s.text(bold, ink, x, footTop+7, s.fit(bold, 10.5, 9, room, 1, texts["check"]))
	y = s.text(sans, quiet, x, y+1, s.fit(sans, 9, 8, room, 2, texts["check_how"]))
	address := y + 1.5
	y = s.text(sans, tint, x, address, s.fit(sans, 8.5, 5.5, room, 4, clean(c.CheckURL)))
	s.LinkString(x, address, room, y-address, c.CheckURL)
	issued := fmt.Sprintf(texts["issued"], html.Date(c.Lang, day.At(c.IssuedAt, c.IssuedAt.Location())), clean(c.Tenant))
	y = s.text(sans, ink, x, y+2.5, s.fit(sans, 9, 7, room, 2, issued))
	s.text(sans, quiet, x, y+0.5, s.fit(sans, 8, 6, room, 1, clean(c.ID)))
	s.text(sans, quiet, left, 281, s.fit(sans, 7.5, 6.5, wide, 1, texts["scope"]))

	var out bytes.Buffer
	if err := s.Output(&out); err != nil {
		return nil, fmt.Errorf("leerbewijs: draw: %w", err)
	}
	return out.Bytes(), nil
}

// placed is one fact and where it stands, from the top of the facts.
type placed struct {
	x, y         float64
	label, value block
}

// facts sets what the certificate confirms, and says how high that is: how long, when and where in one row, between whom
// in another.
func (c certificate) facts(s sheet, texts map[string]string) (all []placed, height float64) {
	type column struct {
		x, width     float64
		label, value string
	}
	// The second column of a row of three holds a whole period on one line.
	const when, second = 24.0, 90.0
	who := []column{{0, second, texts["sending"], c.Sending}, {second, wide - second, texts["receiving"], c.Receiving}}
	if c.Sending == c.Receiving {
		who = []column{{0, wide, texts["internal"], c.Sending}}
	}
	for _, row := range [][]column{{
		{0, when, texts["hours"], html.Hours(c.Lang, c.Hours)},
		{when, second - when, texts["period"], html.Period(c.Lang, c.From, c.Until)},
		{second, wide - second, texts["place"], c.Place},
	}, who} {
		high := 0.0
		for _, col := range row {
			value := clean(col.value)
			if value == "" {
				continue
			}
			p := placed{
				x: left + col.x, y: height,
				label: s.fit(bold, 8.5, 7, col.width-4, 1, col.label),
				value: s.fit(sans, 11.5, 8.5, col.width-4, 2, value),
			}
			high = max(high, labelHeight+p.value.height()+4)
			all = append(all, p)
		}
		height += high
	}
	return all, height
}

// goals lists the goals between two heights, smaller where they are many, and says how many did not fit. It returns where
// the list ends.
func (s sheet) goals(goals []string, texts map[string]string, tint html.Color, top, bottom float64) float64 {
	var shown []string
	for _, g := range goals {
		if g = clean(g); g != "" {
			shown = append(shown, g)
		}
	}
	if len(shown) == 0 {
		return top
	}
	top = s.text(bold, tint, left, top, s.fit(bold, 9, 9, wide, 1, texts["goals"])) + 1
	const indent = 5
	var blocks []block
	fits := 0
	for size := 11.0; size >= 8; size -= 0.5 {
		blocks, fits = blocks[:0], 0
		y, more := top, s.fit(sans, size, size, wide, 1, "x").height()
		// One long goal must not push the others away.
		lines := 4
		if size == 8 {
			lines = 2
		}
		for i, g := range shown {
			b := s.fit(sans, size, size, wide-indent, lines, g)
			y += b.height() + 1
			rest := 0.0 // the last goal needs no line that counts what follows
			if i < len(shown)-1 {
				rest = more
			}
			if y+rest <= bottom {
				fits = i + 1
			}
			blocks = append(blocks, b)
			if y > bottom {
				break
			}
		}
		if y <= bottom {
			fits = len(shown)
			break
		}
	}
	y := top
	for _, b := range blocks[:fits] {
		s.fill(tint, left, y+b.size*ptToMM*0.73-0.65, 1.3, 1.3)
		y = s.text(sans, ink, left+indent, y, b) + 1
	}
	if n := len(shown) - fits; n > 0 {
		y = s.text(sans, quiet, left+indent, y, s.fit(sans, 8, 8, wide, 1, fmt.Sprintf(texts["more_goals"], n)))
	}
	return y
}

// sheet is the page being drawn.
type sheet struct{ *fpdf.Fpdf }

func newSheet() sheet {
	f := fpdf.New("P", "mm", "A4", "")
	f.SetAutoPageBreak(false, 0)
	f.SetMargins(0, 0, 0)
	f.SetCatalogSort(true) // else the order of a map decides the bytes
	// fpdf writes into the bytes of a font while it cuts it to size, so every document has its own.
	f.AddUTF8FontFromBytes(sans, "", bytes.Clone(sansFont))
	f.AddUTF8FontFromBytes(bold, "", bytes.Clone(boldFont))
	f.AddUTF8FontFromBytes(serif, "", bytes.Clone(serifFont))
	return sheet{f}
}

// describe writes the document's own properties; nothing in them depends on when it is drawn.
func (s sheet) describe(title string, c certificate) {
	s.SetTitle(title, true)
	s.SetAuthor(clean(c.Tenant), true)
	s.SetSubject(clean(c.ID), true)
	s.SetCreator(html.Product, true)
	s.SetProducer("Switchboard", true)
	lang := map[string]string{"fr": "fr-BE", "en": "en"}[c.Lang]
	if lang == "" {
		lang = "nl-BE"
	}
	s.SetLang(lang)
	s.SetCreationDate(c.IssuedAt.UTC())
	s.SetModificationDate(c.IssuedAt.UTC())
}

// block is text set in lines of one size, in points.
type block struct {
	size  float64
	lines []string
}

// leading is the height of a line as a part of the size of its letters.
const leading = 1.32

// height is in millimetres.
func (b block) height() float64 { return float64(len(b.lines)) * b.size * leading * ptToMM }

// fit sets text in at most some lines: in the largest size, from one to the other in steps of half a point, in which it
// fits; in the smallest with an ellipsis where it never does.
func (s sheet) fit(family string, size, smallest, width float64, lines int, text string) block {
	// No line of this page holds so many letters: what is beyond them is cut anyway, and need not be measured.
	const most = 400
	if letters := []rune(text); len(letters) > lines*most {
		text = string(letters[:lines*most])
	}
	for ; ; size = max(smallest, size-0.5) {
		s.SetFont(family, "", size)
		set := s.wrap(text, width)
		if len(set) <= lines {
			return block{size, set}
		}
		if size == smallest {
			set = set[:lines]
			last := []rune(set[lines-1])
			for len(last) > 0 && s.GetStringWidth(string(last))+s.GetStringWidth("…") > width {
				last = last[:len(last)-1]
			}
			set[lines-1] = strings.TrimRight(string(last), " ,.;:") + "…"
			return block{size, set}
		}
	}
}

// wrap breaks text at spaces, and inside a word only where the word alone is wider than the line. Widths add up, because
// the fonts are set without kerning.
func (s sheet) wrap(text string, width float64) (lines []string) {
	space := s.GetStringWidth(" ")
	var line strings.Builder
	used := 0.0
	flush := func() {
		if line.Len() > 0 {
			lines = append(lines, line.String())
		}
		line.Reset()
		used = 0
	}
	for word := range strings.SplitSeq(text, " ") {
		w := s.GetStringWidth(word)
		switch {
		case word == "":
			continue
		case used > 0 && used+space+w <= width:
			line.WriteString(" " + word)
			used += space + w
		case w <= width:
			flush()
			line.WriteString(word)
			used = w
		default:
			flush()
			for _, r := range word {
				rw := s.GetStringWidth(string(r))
				// A mark stays with its letter.
				if used+rw > width && !unicode.Is(unicode.Mn, r) {
					flush()
				}
				line.WriteRune(r)
				used += rw
			}
		}
	}
	flush()
	return lines
}

// text draws a block with its top at y and returns where it ends.
func (s sheet) text(family string, color html.Color, x, y float64, b block) float64 {
	s.SetFont(family, "", b.size)
	s.SetTextColor(int(color.R), int(color.G), int(color.B))
	step := b.size * leading * ptToMM
	for i, line := range b.lines {
		s.Text(x, y+step*float64(i)+b.size*ptToMM, line)
	}
	return y + b.height()
}

func (s sheet) fill(color html.Color, x, y, w, h float64) {
	s.SetFillColor(int(color.R), int(color.G), int(color.B))
	s.Rect(x, y, w, h, "F")
}

// code draws a QR code with its quiet zone inside a square. All modules are one path, filled at once: drawn one by one,
// viewers would leave hairlines between them.
func (s sheet) code(code *qr.Code, x, y, size float64) {
	s.fill(white, x, y, size, size)
	module := size / float64(code.Size+2*quietModules)
	s.SetFillColor(0, 0, 0)
	for row := range code.Size {
		for from := 0; from < code.Size; {
			if !code.Black(from, row) {
				from++
				continue
			}
			to := from
			for to < code.Size && code.Black(to, row) {
				to++
			}
			x0, x1 := x+module*float64(quietModules+from), x+module*float64(quietModules+to)
			y0, y1 := y+module*float64(quietModules+row), y+module*float64(quietModules+row+1)
			s.MoveTo(x0, y0)
			s.LineTo(x1, y0)
			s.LineTo(x1, y1)
			s.LineTo(x0, y1)
			s.ClosePath()
			from = to
		}
	}
	s.DrawPath("F")
}

// glyphs is the regular font, asked for what it can write; the three are cut to the same characters.
var glyphs = sync.OnceValue(func() *sfnt.Font {
	f, err := sfnt.Parse(sansFont)
	if err != nil {
		panic(err) // the font is part of the program
	}
	return f
})

func writable(r rune) bool {
	i, err := glyphs().GlyphIndex(nil, r)
	return err == nil && i != 0
}

// clean makes text that the fonts can write, on one line: composed (NFC), white space folded, control and format
// characters out. A character without a glyph becomes its compatible form (a ligature its letters) or, where it is a
// letter or digit, the replacement character; symbols such as emoji are left out.
func clean(text string) string {
	var b strings.Builder
	for _, r := range norm.NFC.String(strings.ToValidUTF8(text, "\uFFFD")) {
		switch {
		case r == '\u00a0' || r == '\u202f':
			b.WriteRune(r)
		case unicode.IsSpace(r) || unicode.Is(unicode.Zs, r):
			b.WriteByte(' ')
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp):
		case writable(r):
			b.WriteRune(r)
		default:
			compatible := false
			for _, k := range norm.NFKC.String(string(r)) {
				if k != r && writable(k) {
					b.WriteRune(k)
					compatible = true
				}
			}
			if !compatible && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
				b.WriteRune('\uFFFD')
			}
		}
	}
	return strings.Join(strings.FieldsFunc(b.String(), func(r rune) bool { return r == ' ' }), " ")
}
