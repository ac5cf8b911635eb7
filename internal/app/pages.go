package app

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"

	"github.com/switchingtalent/switchboard/api"
	"github.com/switchingtalent/switchboard/docs"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/html"
	"github.com/switchingtalent/switchboard/internal/platform/openapi"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

//go:embed manual.html
var pageFiles embed.FS

var manualPage = html.MustParse(pageFiles, "manual.html")

// pages are the doors of the documentation: the document, its reader, and a page for each problem and type of event.
func (a *App) pages() []web.Route {
	return []web.Route{
		web.Open(http.MethodGet, "/openapi.json", http.StatusOK, fixed("application/json", "no-cache", "", api.OpenAPI), web.Undocumented, web.FromMemory),
		web.Open(http.MethodGet, "/asyncapi.json", http.StatusOK, fixed("application/json", "no-cache", "", api.AsyncAPI), web.Undocumented, web.FromMemory),
		web.Open(http.MethodGet, "/docs", http.StatusOK, fixed("text/html; charset=utf-8", "no-cache", openapi.DocsCSP, openapi.DocsPage(a.options.PublicURL)), web.Undocumented, web.FromMemory),
		web.Open(http.MethodGet, "/docs/scalar.js", http.StatusOK, script, web.Undocumented, web.FromMemory),
		web.Open(http.MethodGet, "/problems/:code", http.StatusOK, manual("problems"), web.Undocumented, web.FromMemory),
		web.Open(http.MethodGet, "/docs/events/:code", http.StatusOK, manual("events"), web.Undocumented, web.FromMemory),
	}
}

// fixed answers with bytes that the program carries.
func fixed(contentType, cache, csp string, b []byte) web.OpenHandler[struct{}, web.HTML] {
	return func(context.Context, *db.DB, struct{}) (web.HTML, error) {
		h := http.Header{"Cache-Control": {cache}}
		if csp != "" {
			h.Set("Content-Security-Policy", csp)
		}
		return web.HTML{Status: http.StatusOK, Header: h, Type: contentType, Bytes: b}, nil
	}
}

// script is the reader of the document, which is kept compressed: every browser takes gzip.
func script(context.Context, *db.DB, struct{}) (web.HTML, error) {
	return web.HTML{Status: http.StatusOK, Type: "text/javascript; charset=utf-8", Bytes: openapi.ScalarJS,
		Header: http.Header{"Content-Encoding": {"gzip"}, "Cache-Control": {"public, max-age=3600"}}}, nil
}

type manualReq struct {
	Code string `uri:"code" maxLength:"80"`
}

var markdown = goldmark.New(goldmark.WithExtensions(extension.Table))

// manual renders a page of the folder docs. Raw HTML in it is left out.
func manual(folder string) web.OpenHandler[manualReq, web.HTML] {
	return func(_ context.Context, _ *db.DB, in manualReq) (web.HTML, error) {
		text, err := fs.ReadFile(docs.Pages, folder+"/"+in.Code+".md")
		if err != nil || strings.ContainsAny(in.Code, `/\`) {
			return web.HTML{}, fault.Missing.New()
		}
		var b bytes.Buffer
		if err := markdown.Convert(text, &b); err != nil {
			return web.HTML{}, fmt.Errorf("app: page %s/%s: %w", folder, in.Code, err)
		}
		d, err := manualPage.Render(html.Page{Lang: "en", Title: in.Code, Brand: html.Brand{Name: "Switchboard"}}, html.Texts{},
			template.HTML(b.String())) //nolint:gosec // rendered from our own pages, raw HTML left out
		if err != nil {
			return web.HTML{}, err
		}
		return Page(d), nil
	}
}

// Page turns a rendered document into an answer.
func Page(d html.Document) web.HTML {
	return web.HTML{Status: d.Status, Header: d.Header, Bytes: d.Body}
}
