// Package html renders the few pages that people meet: one shell without scripts, in the tenant's name and colours,
// readable on a phone and by a screen reader, under a Content-Security-Policy that allows nothing else.
//
// A page is rendered to bytes before anything is sent, so that a handler can return it and web can write it after COMMIT.
package html

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the shell and its stylesheet
	"encoding/base64"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strings"
)

// Brand is what a page shows of a tenant. Colours are #rrggbb; one that is missing or malformed becomes ours, and text on
// or in them is adjusted until it can be read, so a tenant cannot make its own pages unreadable.
type Brand struct {
	Name    string // the tenant's name; empty where the page must not say whose it is
	Primary string
	Accent  string
}

// The colours of a page that is nobody's.
var (
	defaultPrimary = Color{0x1d, 0x4e, 0x5f}
	defaultAccent  = Color{0xe0, 0x8a, 0x3c}
)

// Product names what stands behind every tenant; a brand without a name shows it instead.
const Product = "Switching Talent"

// Title returns the name to show.
func (b Brand) Title() string {
	if b.Name == "" {
		return Product
	}
	return b.Name
}

// Colors returns the brand's colours, ours in the place of what cannot be read.
func (b Brand) Colors() (primary, accent Color) {
	primary, err := ParseColor(b.Primary)
	if err != nil {
		primary = defaultPrimary
	}
	if accent, err = ParseColor(b.Accent); err != nil {
		accent = defaultAccent
	}
	return primary, accent
}

// Page is what the shell needs to know; the page's own part is a Template and its data.
type Page struct {
	Status      int    // the HTTP status; 0 is 200
	Lang        string // nl, fr or en; anything else is nl
	Title       string // unique within the site, most specific first; the brand's name is added
	Description string // one sentence for link previews, without personal data; may be empty
	Brand       Brand
	Framers     []string // origins that may show the page in a frame; nobody else
}

// Document is a rendered page, ready to be written.
type Document struct {
	Status int
	Header http.Header
	Body   []byte
}

//go:embed shell.html
var shellSource string

//go:embed style.css
var styleSource string

// The backgrounds of style.css, light and dark, which the brand's colours must stand out from.
var (
	paper = Color{0xff, 0xff, 0xff}
	night = Color{0x16, 0x19, 0x1d}
)

// readable is the contrast that WCAG 2.2 asks of text (success criterion 1.4.3).
const readable = 4.5

var shell = template.Must(template.New("shell").Option("missingkey=error").Parse(shellSource))

var shellTexts = Texts{
	"skip": {"Naar de inhoud", "Aller au contenu", "Skip to content"},
	"foot": {
		"Leren op de werkvloer van een ander",
		"Apprendre sur le lieu de travail d’un autre",
		"Learning on someone else’s work floor",
	},
}

// Template is a page's own part, escaped by html/template and set into the shell.
type Template struct{ t *template.Template }

// MustParse reads the named file of fsys, which defines the page's content. It is called for package variables and
// panics when the file is missing or malformed. The file sees .Page (a Page), .T (the page's texts) and .Data.
func MustParse(fsys fs.FS, name string) *Template {
	source, err := fs.ReadFile(fsys, name)
	if err != nil {
		panic(err)
	}
	t := template.Must(shell.Clone())
	template.Must(t.New("content").Parse(string(source)))
	return &Template{t}
}

// Render makes the whole page. texts are shown in the page's language. A text or value that the template names and
// nobody gave is an error, and then there is no document.
func (t *Template) Render(p Page, texts Texts, data any) (Document, error) {
	if p.Status == 0 {
		p.Status = http.StatusOK
	}
	p.Lang = supported(p.Lang)
	var body bytes.Buffer
	err := t.t.ExecuteTemplate(&body, "shell", map[string]any{
		"Page":  p,
		"Style": template.CSS(p.style()),
		"Shell": shellTexts.In(p.Lang),
		"T":     texts.In(p.Lang),
		"Data":  data,
	})
	if err != nil {
		return Document{}, fmt.Errorf("html: render %q: %w", p.Title, err)
	}
	return Document{Status: p.Status, Header: p.Headers(), Body: body.Bytes()}, nil
}

// style is the one stylesheet of the page, the brand's colours first. Nothing but colours that we wrote ourselves
// enters it.
func (p Page) style() string {
	primary, accent := p.Brand.Colors()
	return fmt.Sprintf(":root{--primary:%s;--on-primary:%s;--accent:%s;--strong:%s;--on-strong:%s}\n"+
		"@media (prefers-color-scheme:dark){:root{--strong:%s;--on-strong:%s}}\n%s",
		primary, primary.Ink(), accent, primary.Readable(paper), primary.Readable(paper).Ink(),
		primary.Readable(night), primary.Readable(night).Ink(), styleSource)
}

// Headers returns what is sent with the page. Its address may be the only key to it, so it is told to nobody
// (Referrer-Policy), kept by nobody (Cache-Control, X-Robots-Tag) and framed by nobody but its Framers; the only style that
// runs is ours, by its hash. A browser that posts from such a page sends "Origin: null".
func (p Page) Headers() http.Header {
	sum := sha256.Sum256([]byte(p.style()))
	framers := "'none'"
	if len(p.Framers) > 0 {
		framers = strings.Join(p.Framers, " ")
	}
	return http.Header{
		"Content-Type":     {"text/html; charset=utf-8"},
		"Content-Language": {supported(p.Lang)},
		"Content-Security-Policy": {strings.Join([]string{
			"default-src 'none'",
			"style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'",
			"img-src 'self' data:",
			"form-action 'self'",
			"base-uri 'none'",
			"frame-ancestors " + framers,
		}, "; ")},
		"Referrer-Policy":              {"no-referrer"},
		"Cache-Control":                {"no-store"},
		"X-Content-Type-Options":       {"nosniff"},
		"X-Robots-Tag":                 {"noindex, nofollow"},
		"Cross-Origin-Opener-Policy":   {"same-origin"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
		"Permissions-Policy":           {"camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"},
	}
}
