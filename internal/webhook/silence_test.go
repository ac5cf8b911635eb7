package webhook_test

import (
	"context"
	"net"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// An address that is never called, a port that nobody listens on and a name that there is not end alike: whoever may name addresses
// learns nothing from us about what is there, nor from how long it took.
func TestDelivery_ThatNobodyAnswersTellsNothingOfWhy(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed := "http://" + l.Addr().String()
	require.NoError(t, l.Close())
	for _, outcome := range []string{"unreachable", "no_token"} {
		t.Run(outcome, func(t *testing.T) {
			t.Parallel()
			var told, statistics, pages []string
			for _, to := range []string{"http://198.51.100.7/", closed, "https://nergens.example.com/"} {
				p, r := open(t), receive(t)
				c := p.Coordinator()
				in, column := object{"url": r.URL, "event_types": []string{"organisation.*"}}, "url"
				if outcome == "no_token" {
					column, in["oauth"] = "oauth_token_url", object{"token_url": r.URL, "client_id": "ours", "client_secret": "s"}
				}
				path := c.Post(endpoints, in).Is(201).Header.Get("Location")
				_, err := p.Super.Exec(context.Background(), `update webhook_endpoints set `+column+` = $1`, to) // it is judged when it is called
				require.NoError(t, err)
				p.deliver()
				one := c.Get("/v1/webhook-deliveries/" + c.Get("/v1/webhook-deliveries").Str("data.0.id")).Is(200)
				require.Equal(t, outcome, one.Str("attempts.0.outcome"))
				require.EqualValues(t, 1000, one.Num("attempts.0.duration_ms"))
				text := regexp.MustCompile(`"[a-z]{3}_[0-9a-z]{26}"`).ReplaceAllString(string(one.Body), `"id"`)
				text = regexp.MustCompile(`"url":"[^"]*"|"[0-9a-f-]{36}"`).ReplaceAllString(text, `"theirs"`) // where to, and under which key
				told = append(told, regexp.MustCompile(`"[0-9-]+T[0-9:.]+Z"`).ReplaceAllString(text, `"time"`))
				fares := c.Get(path + "/statistics").Is(200)
				require.EqualValues(t, 1000, fares.Num("duration_p50_ms"))
				text = regexp.MustCompile(`"[a-z]{3}_[0-9a-z]{26}"`).ReplaceAllString(string(fares.Body), `"id"`)
				statistics = append(statistics, regexp.MustCompile(`"[0-9-]+T[0-9:.]+Z"`).ReplaceAllString(text, `"time"`))
				console := page(t, p.Nobody().Get(link(c, nil)+"/deliveries/"+one.Str("id")+"?lang=en").Is(200)).Text()
				pages = append(pages, regexp.MustCompile(`[0-9]+ ms`).FindString(console))

				// Nor do times tell: the endpoint fails since the try began.
				require.Equal(t, one.Str("attempts.0.at"), c.Get(path).Str("failing_since"))
				require.Contains(t, p.Log.String(), `"took":`, "the log has how long it took")
				require.NotContains(t, p.Log.String(), `"took":1000000000`)
			}
			require.Equal(t, []string{told[0], told[0], told[0]}, told)
			require.Equal(t, []string{statistics[0], statistics[0], statistics[0]}, statistics)
			require.Equal(t, []string{"1000 ms", "1000 ms", "1000 ms"}, pages)
		})
	}
}
