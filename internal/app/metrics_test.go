package app_test

import (
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

func TestMetrics_TellOfTheQueueAndOfNoTenant(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	w.Coordinator().Post("/v1/webhook-endpoints", `{"url":"http://127.0.0.1:1/","event_types":["*"]}`).Is(201)
	r := httptest.NewRecorder()
	h.App.Metrics().ServeHTTP(r, httptest.NewRequest("GET", "/metrics", nil))
	text := r.Body.String()
	require.Contains(t, text, "\nswitchboard_webhook_queue_age_seconds 0\n", "what waits is held")
	require.Contains(t, text, "switchboard_webhook_lag_seconds_count 0")
	require.Contains(t, text, `switchboard_request_seconds_count{method="POST",route="/v1/webhook-endpoints",status="201"}`)
	require.Regexp(t, `(?m)^switchboard_feed_lag_seconds \d`, text)
	require.Contains(t, text, "\nswitchboard_webhook_failing_endpoints 0\n")
	require.NotContains(t, text, w.Slug)
	require.NotContains(t, text, w.Tenant.String())
}
