package app_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/app"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

func TestMetrics_TellOfTheQueueAndOfNoTenant(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	w.Coordinator().Post("/v1/webhook-endpoints", `{"url":"http://127.0.0.1:1/","event_types":["*"]}`).Is(201)
	w.Coordinator().Get("/v1/organisations/" + id.NewOrganisation().String()).Is(404)
	r := httptest.NewRecorder()
	h.App.Metrics().ServeHTTP(r, httptest.NewRequest("GET", "/metrics", nil))
	text := r.Body.String()
	require.Contains(t, text, "\nswitchboard_webhook_queue_age_seconds 0\n", "what waits is held")
	require.Contains(t, text, "switchboard_webhook_lag_seconds_count 0")
	require.Contains(t, text, `switchboard_request_seconds_count{method="POST",route="/v1/webhook-endpoints",status="201"}`)
	require.Regexp(t, `(?m)^switchboard_feed_lag_seconds \d`, text)
	require.Contains(t, text, "\nswitchboard_webhook_failing_endpoints 0\n")
	require.Regexp(t, `(?m)^switchboard_database_rows_trips_total [1-9]`, text)
	require.NotContains(t, text, "switchboard_webhook_endpoint_tries_total", "nobody asked for it")
	require.NotContains(t, text, w.Slug)
	require.NotContains(t, text, w.Tenant.String())
}

// Two of three endpoints are told apart, and each try is counted once.
func TestMetrics_TellEndpointsApartWhereAskedTo(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, func(o *app.Options) { o.MetricsEndpoints = 2 })
	w := h.Tenant(t)
	c := w.Coordinator()
	fine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(fine.Close)
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	t.Cleanup(broken.Close)
	t.Cleanup(deliver(h))
	text := func() string {
		r := httptest.NewRecorder()
		h.App.Metrics().ServeHTTP(r, httptest.NewRequest("GET", "/metrics", nil))
		return r.Body.String()
	}
	for _, x := range []struct{ url, label, outcome string }{{fine.URL, "", "delivered"}, {broken.URL, "", "refused"}, {broken.URL, "other", "refused"}} {
		made := c.Post("/v1/webhook-endpoints", map[string]any{"url": x.url, "event_types": []string{"match.*"}}).Is(201).Str("id")
		if x.label == "" {
			x.label = made
		}
		require.Eventually(t, func() bool { // a failed one is tried again after some seconds
			return strings.Contains(text(), `switchboard_webhook_endpoint_tries_total{endpoint="`+x.label+`",outcome="`+x.outcome+`"} `)
		}, patience, 5*time.Millisecond)
	}
	require.Equal(t, 5, strings.Count(text(), "\nswitchboard_webhook_endpoint_tries_total{"))
	require.Len(t, regexp.MustCompile(`(?m)^switchboard_webhook_endpoint_tries_total\{endpoint="[a-z0-9_]+",outcome="delivered"\} 0$`).FindAllString(text(), -1), 2,
		"a share that is 0 is told too")
	require.NotContains(t, text(), w.Tenant.String())
}
