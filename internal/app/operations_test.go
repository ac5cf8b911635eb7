package app_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/app"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// An alarm on a metric that is called otherwise never rings.
func TestOperations_AlarmsAreOnMetricsThatExist(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "docs", "operations-webhooks.md"))
	require.NoError(t, err)

	h := testkit.Apart(t, func(o *app.Options) { o.MetricsEndpoints = 1 })
	w := h.Tenant(t)
	received := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(received.Close)
	t.Cleanup(deliver(h))
	c := w.Coordinator()
	c.Post("/v1/webhook-endpoints", map[string]any{"url": received.URL, "event_types": []string{"*"}}).Is(201)
	scrape := func() string {
		r := httptest.NewRecorder()
		h.App.Metrics().ServeHTTP(r, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		return r.Body.String()
	}
	require.Eventually(t, func() bool { return strings.Contains(scrape(), `{outcome="delivered"`) }, patience, 20*time.Millisecond)

	told := scrape()
	names := regexp.MustCompile(`switchboard_[a-z_]+`).FindAllString(string(text), -1)
	require.NotEmpty(t, names)
	for _, name := range names {
		require.Regexp(t, `(?m)^`+name+`(_bucket)?(\{| )`, told, "docs/operations-webhooks.md names a metric that is not there")
	}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (switchboard_webhook_[a-z_]+) `).FindAllStringSubmatch(told, -1) {
		require.Contains(t, string(text), "| `"+m[1]+"` |", "every metric of the deliveries is told of")
	}
	outcomes := regexp.MustCompile(`outcome=~?"([a-z_|]+)"`).FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, outcomes)
	for _, m := range outcomes {
		for outcome := range strings.SplitSeq(m[1], "|") {
			var known bool
			require.NoError(t, h.Super.QueryRow(t.Context(), `select pg_get_constraintdef(oid) like '%''' || $1 || '''%' from pg_constraint
				where conname = 'webhook_attempts_outcome_check' and conrelid = 'webhook_attempts'::regclass`, outcome).Scan(&known))
			known = known || strings.Contains(told, `{outcome="`+outcome+`"`) // of none that was made
			require.True(t, known, "%s is no outcome of a try", outcome)
		}
	}
}
