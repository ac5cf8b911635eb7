package openapi_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"html"
	"io"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/openapi"
)

func TestDocsPage(t *testing.T) {
	t.Parallel()
	page := openapi.DocsPage(`https://switchboard.example/"><script>`)
	require.NotContains(t, string(page), `"><script>`)
	for _, m := range regexp.MustCompile(`(?:src|data-url)="([^"]*)"`).FindAllSubmatch(page, -1) {
		require.NotContains(t, string(m[1]), ":", "nothing is loaded from elsewhere")
	}
	m := regexp.MustCompile(`data-configuration="([^"]*)"`).FindSubmatch(page)
	require.Len(t, m, 2)
	var c map[string]any
	require.NoError(t, json.Unmarshal([]byte(html.UnescapeString(string(m[1]))), &c))
	require.Equal(t, false, c["withDefaultFonts"])
	require.Equal(t, false, c["telemetry"])
	require.Equal(t, false, c["persistAuth"], "a token that somebody types there is not kept")
	require.Equal(t, map[string]any{"disabled": true}, c["agent"])
	require.Equal(t, map[string]any{"disabled": true}, c["mcp"])
	require.NotContains(t, regexp.MustCompile(`script-src[^;]*`).FindString(openapi.DocsCSP), "unsafe")
}

func TestScalarIsTheOneThatIsNamed(t *testing.T) {
	t.Parallel()
	z, err := gzip.NewReader(bytes.NewReader(openapi.ScalarJS))
	require.NoError(t, err)
	js, err := io.ReadAll(z)
	require.NoError(t, err)
	require.Contains(t, string(js), "@scalar/api-reference 1.72.1")
}
