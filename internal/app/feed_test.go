package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/app"
	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/postgres"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
	"github.com/switchingtalent/switchboard/internal/tenant"
)

// consumer collects facts by their id, however they came.
type consumer struct {
	mu    sync.Mutex
	facts map[string]string // id → body
	wrong []string          // what could not be read, or came again as something else
}

func (c *consumer) take(id string, body []byte) {
	var fact struct {
		Type      string    `json:"type"`
		Timestamp time.Time `json:"timestamp"`
		Data      any       `json:"data"`
	}
	err := json.Unmarshal(body, &fact)
	same, again := json.Marshal(fact)
	c.mu.Lock()
	defer c.mu.Unlock()
	if before, known := c.facts[id]; err != nil || again != nil || known && before != string(same) {
		c.wrong = append(c.wrong, string(body))
	}
	c.facts[id] = string(same)
}

// all are the facts so far; none of them was wrong.
func (c *consumer) all(t *testing.T) map[string]string {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	require.Empty(t, c.wrong)
	return maps.Clone(c.facts)
}

// hooks is a consumer of webhooks on the loopback.
func hooks(t *testing.T) (*consumer, string) {
	c := &consumer{facts: map[string]string{}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		c.take(r.Header.Get("webhook-id"), body)
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(s.Close)
	return c, s.URL
}

// poll follows the feed to its end, and returns the cursor.
func poll(t *testing.T, reader *testkit.Caller, c *consumer, cursor string) string {
	t.Helper()
	for more := true; more; {
		var page struct {
			Data       []json.RawMessage `json:"data"`
			HasMore    bool              `json:"has_more"`
			NextCursor string            `json:"next_cursor"`
		}
		reader.Get("/v1/events?limit=9&cursor=" + url.QueryEscape(cursor)).Is(200).Into(&page)
		for _, x := range page.Data {
			var one struct{ ID string }
			require.NoError(t, json.Unmarshal(x, &one))
			c.take(one.ID, x)
		}
		cursor, more = page.NextCursor, page.HasMore
	}
	return cursor
}

// deliver works until ctx ends.
func deliver(h *testkit.House) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { h.App.Deliverer().Run(ctx) })
	return func() { cancel(); done.Wait() }
}

// live lets things happen at once: calls of the API, transactions that stay open while others commit, and some that are
// rolled back.
func live(w *testkit.World, rounds int) error {
	coordinator := w.Coordinator()
	var all sync.WaitGroup
	errs := make([]error, 2*rounds)
	for n := range rounds {
		all.Go(func() {
			org := coordinator.Post("/v1/organisations", map[string]any{"name": fmt.Sprintf("Werkgever %d", n), "kind": "non_profit", "sector": "zorg",
				"external_ids": []any{map[string]any{"system": "crm", "value": id.NewOrganisation().String()}}})
			if org.Status != http.StatusCreated {
				errs[2*n] = errors.New(org.String())
				return
			}
			mdw := coordinator.Post("/v1/medewerkers", map[string]any{"organisation_id": org.Str("id"), "given_name": "Sam", "family_name": "Voorbeeld", "job_title": "kok",
				"employment": "employee", "language": "nl"})
			if mdw.Status != http.StatusCreated {
				errs[2*n] = errors.New(mdw.String())
			}
		})
		all.Go(func() {
			err := w.App.DB.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error {
				for range 3 {
					if err := tenant.Updated.Record(tx, fact.Event{Subject: w.Tenant, Revision: int64(n) + 2}); err != nil {
						return err
					}
					if _, err := tx.Run(fmt.Sprintf(`select pg_sleep(%f)`, rand.Float64()/20)); err != nil {
						return err
					}
				}
				if n%4 == 0 {
					return errUndone
				}
				return nil
			})
			if !errors.Is(err, errUndone) {
				errs[2*n+1] = err
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

var errUndone = errors.New("this never happened")

// restored dumps the database of a house and restores it in another cluster, as after a disaster.
func restored(t *testing.T, h *testkit.House) *testkit.House {
	t.Helper()
	ctx := context.Background()
	bin, err := postgres.Find()
	require.NoError(t, err)
	run := func(stdin []byte, name string, args ...string) []byte {
		var out, said bytes.Buffer
		cmd := exec.CommandContext(ctx, filepath.Join(bin, name), args...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &out, &said
		require.NoError(t, cmd.Run(), "%s: %s", name, said.String())
		return out.Bytes()
	}
	require.FileExists(t, filepath.Join(bin, "pg_dump"), "install PostgreSQL's client programs too")
	dump := run(nil, "pg_dump", "--format=custom", "--dbname="+h.SuperURL)

	other, err := postgres.Start(ctx, postgres.Options{Ephemeral: true, MaxConnections: 60})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, other.Stop(context.Background())) })
	require.NoError(t, app.Bootstrap(ctx, other.SuperURL("postgres"), "restored", "test", "test"))
	run(dump, "pg_restore", "--exit-on-error", "--single-transaction", "--dbname="+other.SuperURL("restored"))
	_, err = app.Migrate(ctx, other.URL(app.OwnerRole, "test", "restored"))
	require.NoError(t, err)
	there := *h
	d := *h.Database
	d.AppURL, d.SuperURL = other.URL(app.AppRole, "test", "restored"), other.SuperURL("restored")
	d.Super, err = pgxpool.New(ctx, d.SuperURL)
	require.NoError(t, err)
	t.Cleanup(d.Super.Close)
	there.Database = &d
	return there.Again(t)
}

// Who only polls learns exactly what who only listens learns: through transactions that commit in any order, and through
// dump and restore of the database in the middle of it.
func TestFeed_TellsExactlyWhatWebhooksTell(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	admin := w.Admin()
	listener, address := hooks(t)
	reader, polled := w.Client(auth.PartnerAdmin, nil, nil), &consumer{facts: map[string]string{}}
	cursor := reader.Get("/v1/events?at=now").Is(200).Str("next_cursor")
	endpoint := admin.Post("/v1/webhook-endpoints", map[string]any{"url": address, "event_types": []string{"*"}}).Is(201).Str("id")

	stop := deliver(h)
	active := func(c *testkit.Caller) {
		require.Eventually(t, func() bool { return c.Get("/v1/webhook-endpoints/"+endpoint).Is(200).Str("status") == "active" }, time.Minute, 5*time.Millisecond)
	}
	active(admin)
	var writing sync.WaitGroup
	var failed error
	writing.Go(func() { failed = live(w, 16) })
	for range 20 {
		cursor = poll(t, reader, polled, cursor)
	}
	writing.Wait()
	require.NoError(t, failed)
	stop()
	require.NoError(t, live(w, 4)) // neither delivered nor polled when the dump is made

	other := restored(t, h)
	there := *w
	there.House = other
	stop = deliver(other)
	defer stop()
	again := func(c *testkit.Caller) *testkit.Caller { return (&there).As(c.Principal) }
	reader = again(reader)
	writing.Go(func() { failed = live(&there, 8) })
	for range 20 {
		cursor = poll(t, reader, polled, cursor)
	}
	writing.Wait()
	require.NoError(t, failed)
	other.Settle(t)
	poll(t, reader, polled, cursor)
	want := slices.Sorted(maps.Keys(polled.all(t)))
	require.Greater(t, len(want), 80)
	require.Eventually(t, func() bool { return len(listener.all(t)) >= len(want) }, time.Minute, 5*time.Millisecond)
	require.Equal(t, polled.all(t), listener.all(t))
	require.Equal(t, len(want), there.Count(`select count(*) from events where tenant_id = $1`, w.Tenant.UUID()), "and that is all there was")
}
