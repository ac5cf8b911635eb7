package matching_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/api"
)

var update = flag.Bool("update", false, "write the worked example of docs/matching.md anew")

const guide = "../../docs/matching.md"

// The worked example of the coordinators' page is what the door answers.
func TestTheGuideShowsRealNumbers(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	got := s.Coordinator().Get(s.path()).Is(200)
	var b strings.Builder
	for i := range got.Len("data.0.parts") {
		at := fmt.Sprintf("data.0.parts.%d.", i)
		note := ""
		switch criterion := got.Str(at + "criterion"); criterion {
		case "content":
			var words []string
			for _, w := range got.At(at + "detail.words").([]any) {
				words = append(words, w.(string))
			}
			note = strings.Join(words, ", ")
		case "distance":
			note = fmt.Sprintf("%.1f km", got.Num(at+"detail.km"))
		case "availability":
			note = fmt.Sprintf("%.0f days in common", got.Num(at+"detail.days"))
		default:
			note = "not known: half"
		}
		fmt.Fprintf(&b, "%-14s %5.0f of %5.0f   %s\n", got.Str(at+"criterion"), got.Num(at+"points"), got.Num(at+"of"), note)
	}
	fmt.Fprintf(&b, "%-14s %5.0f of 10000\n", "score", got.Num("data.0.score"))
	page, err := os.ReadFile(guide)
	require.NoError(t, err)
	block := regexp.MustCompile("(?s)```text\n.*?```")
	want := "```text\n" + b.String() + "```"
	if *update {
		require.NoError(t, os.WriteFile(guide, block.ReplaceAll(page, []byte(want)), 0o644))
		return
	}
	require.Equal(t, want, string(block.Find(page)), "docs/matching.md shows other numbers: read the difference, then go test ./internal/matching -run TheGuide -update")
}

// Every reason and every criterion that an answer may hold is explained there.
func TestTheGuideExplainsEveryReason(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(guide)
	require.NoError(t, err)
	for _, schema := range []string{"WhyNot", "SuggestionPart"} {
		enums := regexp.MustCompile(`(?s)"` + schema + `": \{.*?"enum": \[(.*?)\]`).FindStringSubmatch(string(api.OpenAPI))
		require.NotNil(t, enums, schema)
		for _, code := range regexp.MustCompile(`[a-z_]+`).FindAllString(enums[1], -1) {
			if code != "null" {
				require.Regexp(t, "(?m)^\\| `?"+code+"`? \\|", string(page))
			}
		}
	}
}

// Ideally a place can be reached by public transport (seed 001, 5.4 "Bereikbaarheid"): who needs it is sent nowhere else,
// and is told so.
func TestWhoNeedsPublicTransportIsSentWhereItStops(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	c := s.Coordinator()
	switcher, site := "/v1/medewerkers/"+s.switcher.String(), "/v1/organisations/"+s.receiving.String()+"/sites/"+s.site.String()
	require.Equal(t, true, c.Get(switcher).Is(200).At("needs_public_transport"))
	c.Patch(site, `{"public_transport":false}`).Is(200)
	none := c.Get(s.path() + "?why_not=" + s.leerplek.String()).Is(200)
	require.Empty(t, suggested(none))
	require.Equal(t, []any{"no_public_transport", 1.0}, []any{none.At("ruled_out.0.reason"), none.At("ruled_out.0.count")})
	require.Equal(t, "no_public_transport", none.Str("why_not.reason"))
	c.Patch(switcher, `{"needs_public_transport":false}`).Is(200)
	require.Equal(t, []string{s.leerplek.String()}, suggested(c.Get(s.path())))
	c.Patch(switcher, `{"needs_public_transport":true}`).Is(200)
	require.Empty(t, suggested(c.Get(s.path())))
	c.Patch("/v1/leerplekken/"+s.leerplek.String(), `{"site_id":null}`).Is(200)
	require.Equal(t, []string{s.leerplek.String()}, suggested(c.Get(s.path())), "what is not known rules nothing out")
}
