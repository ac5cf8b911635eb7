package app_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/signature"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// laptop is a receiver that nobody outside reaches.
type laptop struct {
	*httptest.Server
	mu     sync.Mutex
	secret string
	status []int    // of the next answers; 204 after that
	got    []string // subjects that were taken, or why not
}

func newLaptop(t *testing.T) *laptop {
	l := &laptop{}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		l.mu.Lock()
		defer l.mu.Unlock()
		if err == nil && l.secret != "" {
			err = signature.Verify(r.Header, body, time.Now(), l.secret)
		}
		status := http.StatusNoContent
		if len(l.status) > 0 {
			status, l.status = l.status[0], l.status[1:]
		}
		switch {
		case err != nil:
			l.got = append(l.got, err.Error())
		case status == http.StatusNoContent:
			l.got = append(l.got, regexp.MustCompile(`org_\w{26}`).FindString(string(body)))
		}
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(status)
	}))
	t.Cleanup(l.Close)
	return l
}

func (l *laptop) took(t *testing.T, want ...string) {
	t.Helper()
	require.Eventually(t, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.got) >= len(want)
	}, time.Minute, 5*time.Millisecond)
	l.mu.Lock()
	defer l.mu.Unlock()
	require.Equal(t, want, l.got)
}

// Where nobody can reach a laptop, it follows the feed: every fact once, signed, in order, and from where it stopped.
func TestListen_FollowsTheFeed(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	server := httptest.NewServer(w.App.Handler())
	t.Cleanup(server.Close)
	admin := w.Admin()
	client := admin.Post("/v1/clients", map[string]any{"name": "Laptop", "role": "integration", "scopes": []string{"event:read", "organisation:read"}}).Is(201)
	n := 0
	happen := func() string {
		n++
		return admin.Post("/v1/organisations", map[string]any{"name": fmt.Sprintf("Werkgever %d", n), "kind": "profit", "sector": "bouw"}).Is(201).Str("id")
	}
	home := newHome(t)
	file, cursor := filepath.Join(home, "secret"), filepath.Join(home, "cursor")
	l := newLaptop(t)
	l.secret = signature.NewSecret()
	require.NoError(t, os.WriteFile(file, []byte(l.secret+"\n"), 0o600))
	env := environment(home, "SWITCHBOARD_CLIENT_ID="+client.Str("client_id"), "SWITCHBOARD_CLIENT_SECRET="+client.Str("client_secret"))
	args := []string{"listen", "--follow", server.URL + "/", "--forward-to", l.URL + "/hooks", "--secret-file", file, "--cursor-file", cursor, "--types", "organisation.*"}
	happen() // before: not from now on
	w.Settle(t)
	follow := launch(t, env, args...)
	require.Eventually(t, func() bool { return strings.Contains(follow.errs.String(), "Following") }, time.Minute, 5*time.Millisecond)
	l.mu.Lock()
	l.status = []int{500, 503} // it is tried again
	l.mu.Unlock()
	first, second := happen(), happen()
	l.took(t, first, second)
	require.Eventually(t, func() bool { return strings.Count(follow.out.String(), "organisation.created evt_") == 2 }, time.Minute, 5*time.Millisecond)
	require.Contains(t, follow.errs.String(), "answers 503; again in")
	require.Equal(t, 0, follow.stop())
	missed := happen()
	w.Settle(t)
	again := launch(t, env, append(args, "--until", "organisation.updated")...)
	l.took(t, first, second, missed)
	admin.Patch("/v1/organisations/"+missed, map[string]any{"headcount": 12}, "If-Match", `"1"`).Is(200)
	require.Equal(t, 0, again.wait(), "it ends after the type that it waits for")
	l.took(t, first, second, missed, missed)
	for _, out := range []string{follow.out.String(), again.out.String(), follow.errs.String(), again.errs.String()} {
		require.NotContains(t, out, client.Str("client_secret"))
	}

	require.Contains(t, refused(t, environment(home, "SWITCHBOARD_CLIENT_ID="+client.Str("client_id"), "SWITCHBOARD_CLIENT_SECRET=wrong"), args...), "no token")
	require.NoError(t, os.WriteFile(cursor, []byte("x\n"), 0o600))
	require.Contains(t, refused(t, env, args...), "cursor")
	for _, bad := range [][]string{args, {"listen", "--forward-to", "localhost:3000"}, {"listen", "--types", "x"}, {"listen", "--follow", "ftp://x"}, {"listen", "--cursor-file", cursor}} {
		require.Equal(t, 2, launch(t, environment(home), bad...).wait(), "%v", bad) // no client in this environment either
	}
}

// What it receives it passes on as it came, so that the signature still holds, and answers what it is answered.
func TestListen_PassesDeliveriesOn(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	l := newLaptop(t)
	p := launch(t, environment(newHome(t)), "listen", "--addr", "127.0.0.1:0", "--forward-to", l.URL)
	var at string
	require.Eventually(t, func() bool {
		at = regexp.MustCompile(`http://\S+`).FindString(p.errs.String())
		return at != ""
	}, time.Minute, 5*time.Millisecond)
	stop := deliver(h)
	defer stop()
	admin := w.Admin()
	l.mu.Lock()
	made := admin.Post("/v1/webhook-endpoints", map[string]any{"url": at + "/x", "event_types": []string{"organisation.*"}}).Is(201)
	l.secret = made.Str("secret")
	l.mu.Unlock()
	path := "/v1/webhook-endpoints/" + made.Str("id")
	require.Eventually(t, func() bool { return admin.Get(path).Is(200).Str("status") == "active" }, time.Minute, 5*time.Millisecond)
	org := admin.Post("/v1/organisations", map[string]any{"name": "Werkgever", "kind": "profit", "sector": "bouw"}).Is(201).Str("id")
	l.took(t, "", org)
	l.mu.Lock()
	l.status = []int{418}
	l.mu.Unlock()
	admin.Patch("/v1/organisations/"+org, map[string]any{"headcount": 12}, "If-Match", `"1"`).Is(200)
	require.Eventually(t, func() bool {
		return w.Count(`select count(*) from webhook_attempts where tenant_id = $1 and status = 418`, w.Tenant.UUID()) == 1
	}, time.Minute, 5*time.Millisecond)
	require.Equal(t, 0, p.stop())
}
