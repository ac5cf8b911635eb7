package openapi

import (
	_ "embed"
	"html/template"
	"strings"
)

// ScalarJS is the script of the reference page, compressed with gzip: serve it at /docs/scalar.js as text/javascript with
// Content-Encoding gzip. SCALAR.txt says where it comes from.
//
//go:embed scalar.js.gz
var ScalarJS []byte

// DocsCSP is the Content-Security-Policy of the reference page: nothing from elsewhere, no script but ScalarJS. Scalar
// writes its styles into the page, hence 'unsafe-inline' for those alone.
const DocsCSP = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// docsConfiguration switches off everything of Scalar's that calls home or keeps a token, and keeps members in our order.
const docsConfiguration = `{"withDefaultFonts": false, "telemetry": false, "agent": {"disabled": true}, "mcp": {"disabled": true},
 "showDeveloperTools": "never", "hideClientButton": true, "persistAuth": false, "documentDownloadType": "direct",
 "orderSchemaPropertiesBy": "preserve", "orderRequiredPropertiesFirst": false, "defaultOpenFirstTag": false, "theme": "default"}`

var docsPage = template.Must(template.New("docs").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Switchboard API</title>
<link rel="canonical" href="{{.PublicURL}}/docs">
<link rel="icon" href="data:,">
</head>
<body>
<noscript><p>This page needs JavaScript. The API document itself is <a href="openapi.json">openapi.json</a>.</p></noscript>
<script id="api-reference" data-url="openapi.json" data-configuration="{{.Configuration}}"></script>
<script src="docs/scalar.js"></script>
</body>
</html>
`))

// DocsPage is the reference page, to be served at /docs with DocsCSP. It reads /openapi.json and /docs/scalar.js beside it.
func DocsPage(publicURL string) []byte {
	var b strings.Builder
	if err := docsPage.Execute(&b, map[string]string{"PublicURL": publicURL, "Configuration": docsConfiguration}); err != nil {
		panic(err) // plain text into a template of our own
	}
	return []byte(b.String())
}
