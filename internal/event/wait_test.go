package event_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// ask begins a request that waits; its answer comes on the channel.
func ask(c *testkit.Caller, path string) <-chan *testkit.Answer {
	out := make(chan *testkit.Answer, 1)
	go func() { out <- c.Get(path) }()
	return out
}

// waiting waits until so many requests of a house wait for facts.
func waiting(t *testing.T, h *testkit.House, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return h.App.Events.Waiting() == n }, time.Minute, time.Millisecond)
}

func TestWait_AnswersAsSoonAsThereIsAFact(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	c := w.Coordinator()
	now := c.Get("/v1/events?at=now").Is(200).Str("next_cursor")
	all, some := ask(c, "/v1/events?wait=30&cursor="+now), ask(c, "/v1/events?wait=30&types=kennismakingsgesprek.*&cursor="+now)
	theirs := ask(h.Tenant(t).Coordinator(), "/v1/events?wait=2")
	waiting(t, h, 3)
	first := record(w, happened)
	require.Equal(t, []string{first}, subjects((<-all).Is(200)))
	waiting(t, h, 2) // what is not asked for, and another tenant's, wakes nobody
	second := record(w, apart)
	got := (<-some).Is(200)
	require.Equal(t, []string{second}, subjects(got))
	require.Empty(t, subjects(c.Get("/v1/events?cursor="+got.Str("next_cursor")).Is(200)))
	require.Empty(t, subjects((<-theirs).Is(200)), "empty when the time is over")
	waiting(t, h, 0)
	require.Equal(t, []string{first, second}, subjects(c.Get("/v1/events?wait=30&cursor="+now).Is(200)), "nothing to wait for")
}

// What another process records, and what an older transaction holds back, is found by looking.
func TestWait_SeesWhatOtherProcessesRecord(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	c := w.Coordinator()
	answer := ask(c, "/v1/events?wait=30")
	waiting(t, h, 1)
	old, err := h.Super.Begin(context.Background())
	require.NoError(t, err)
	_, err = old.Exec(context.Background(), `select platform.position()`)
	require.NoError(t, err)
	// Written past the program: nobody here is told.
	_, err = h.Super.Exec(context.Background(), `insert into events (tenant_id, id, type, subject_id, subject, revision, organisation_ids, medewerker_ids, data, occurred_at, actor, request_id)
		values ($1, gen_random_uuid(), 'organisation.probed', $2, $3, 1, '{}', '{}', '{"subject_id": "here"}', now(), 'test', 'test')`, w.Tenant.UUID(), id.NewOrganisation().UUID(), "org_x")
	require.NoError(t, err)
	require.Empty(t, subjects(c.Get("/v1/events").Is(200)), "an older transaction is still running")
	require.Equal(t, 1, h.App.Events.Waiting())
	require.NoError(t, old.Rollback(context.Background()))
	got := <-answer
	require.Equal(t, 200, got.Status)
	require.Contains(t, string(got.Body), `"here"`)
}

// What cannot be read of one tenant takes nothing from the others, however often it is asked for.
func TestWait_OneTenantThatCannotBeReadHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	h := testkit.Apart(t, nil)
	broken := h.Tenant(t)
	theirs := ask(broken.Coordinator(), "/v1/events?wait=30")
	others := make([]*testkit.World, 8)
	answers := make([]<-chan *testkit.Answer, len(others))
	for i := range others {
		others[i] = h.Tenant(t)
		answers[i] = ask(others[i].Coordinator(), "/v1/events?wait=30")
	}
	waiting(t, h, 1+len(others))
	for _, sql := range []string{
		fmt.Sprintf(`create function public.readable(whose uuid) returns boolean language plpgsql as $$ begin
			if whose = '%s' then raise exception 'a broken page'; end if; return true; end $$`, broken.Tenant.UUID()),
		`create policy broken on events as restrictive for select using (public.readable(tenant_id))`,
	} {
		_, err := h.Super.Exec(ctx, sql)
		require.NoError(t, err)
	}
	// Written past the program, so that only looking finds them, and the broken one's first.
	for _, w := range append([]*testkit.World{broken}, others...) {
		_, err := h.Super.Exec(ctx, `insert into events (tenant_id, id, type, subject_id, subject, revision, organisation_ids, medewerker_ids, data, occurred_at, actor, request_id)
			values ($1, gen_random_uuid(), 'organisation.probed', $2, 'org_x', 1, '{}', '{}', '{"subject_id": "here"}', now(), 'test', 'test')`, w.Tenant.UUID(), id.NewOrganisation().UUID())
		require.NoError(t, err)
	}
	for _, a := range answers {
		require.Contains(t, string((<-a).Is(200).Body), `"here"`)
	}
	require.Equal(t, 1, h.App.Events.Waiting(), "the broken one still waits")
	_, err := h.Super.Exec(ctx, `drop policy broken on events`)
	require.NoError(t, err)
	require.Contains(t, string((<-theirs).Is(200).Body), `"here"`, "it was asked again until it could be read")
}

func TestWait_HoldsNoConnectionAndIsBounded(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	const clients, each = 8, 10
	var answers []<-chan *testkit.Answer
	var some *testkit.Caller
	for range clients {
		some = w.Coordinator()
		for range each {
			answers = append(answers, ask(some, "/v1/events?wait=30"))
		}
	}
	waiting(t, h, clients*each)
	refused := some.Get("/v1/events?wait=30").Problem(429, "too-many-requests")
	require.Equal(t, "1", refused.Header.Get("Retry-After"))
	require.Empty(t, subjects(some.Get("/v1/events").Is(200)), "who does not wait is not counted")
	require.Eventually(t, func() bool { return h.App.DB.Pool().Stat().AcquiredConns() == 0 }, time.Minute, time.Millisecond)
	require.Zero(t, w.Count(`select count(*) from pg_stat_activity where datname = current_database() and usename = 'switchboard_app' and state like 'idle in transaction%'`))
	s := record(w, happened)
	for _, a := range answers {
		require.Equal(t, []string{s}, subjects((<-a).Is(200)))
	}
	waiting(t, h, 0)
}

func TestWait_EndsWithItsClientAndItsToken(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	admin, reader := w.Admin(), w.Client(auth.Integration, nil, nil, "event:read", "organisation:read")
	answer := ask(reader, "/v1/events?wait=30")
	waiting(t, h, 1)
	admin.Delete("/v1/clients/" + reader.Principal.ClientID.String()).Is(204)
	record(w, happened)
	(<-answer).Problem(401, "unauthenticated")
	waiting(t, h, 0)
}

func TestWait_RefusesWhatMakesNoSense(t *testing.T) {
	t.Parallel()
	c := testkit.New(t).Coordinator()
	for _, bad := range []string{"-1", "31", "1.5", "x", "", "4e1", "1e-1", "01"} {
		c.Get("/v1/events?wait="+bad).Problem(400, "invalid-parameter", "wait")
	}
	c.Get("/v1/events?at=now&wait=1").Problem(400, "invalid-parameter", "wait")
	c.Get("/v1/events?at=now&wait=0").Is(200)
}

// serve runs the house on a real port.
func serve(t *testing.T, h *testkit.House, change func(*http.Server)) (url string, s *http.Server, over <-chan error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s = h.App.HTTPServer()
	change(s)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return "http://" + l.Addr().String(), s, ended
}

func request(t *testing.T, ctx context.Context, c *testkit.Caller, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+c.Token)
	return r
}

func TestWait_EndsWhenTheReaderLeavesAndWhenTheProcessEnds(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	c := w.Coordinator()
	// The time limit for reading a request is shorter than the wait, and does not end it.
	url, s, ended := serve(t, h, func(s *http.Server) { s.ReadTimeout = 50 * time.Millisecond })
	leaving, leave := context.WithCancel(context.Background())
	var gone sync.WaitGroup
	gone.Go(func() {
		_, err := http.DefaultClient.Do(request(t, leaving, c, url+"/v1/events?wait=30"))
		require.ErrorIs(t, err, context.Canceled)
	})
	waiting(t, h, 1)
	leave()
	gone.Wait()
	waiting(t, h, 0)

	type page struct {
		Data       []json.RawMessage
		NextCursor string `json:"next_cursor"`
		err        error
	}
	answer := make(chan page, 1)
	go func() {
		var p page
		res, err := http.DefaultClient.Do(request(t, context.Background(), c, url+"/v1/events?wait=30"))
		if p.err = err; err == nil {
			p.err = json.NewDecoder(res.Body).Decode(&p)
			_ = res.Body.Close()
		}
		answer <- p
	}()
	waiting(t, h, 1)
	_, err := http.DefaultClient.Do(request(t, context.Background(), c, url+"/v1/events?wait=1"))
	require.NoError(t, err, "longer than the time limit for reading")
	require.Equal(t, 1, h.App.Events.Waiting())
	require.NoError(t, s.Shutdown(context.Background()))
	require.ErrorIs(t, <-ended, http.ErrServerClosed)
	p := <-answer
	require.NoError(t, p.err)
	require.Empty(t, p.Data)
	require.NotEmpty(t, p.NextCursor, "it goes on elsewhere from here")
}

// A reader that only polls, and waits, gets every fact once, whatever the order of commits.
func TestWait_MissesNothingWhileOthersCommit(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	c := w.Coordinator()
	const writers, each = 8, 25
	var made sync.WaitGroup
	want := make(chan string, writers*each)
	for n := range writers {
		made.Go(func() {
			for i := range each {
				subject := id.NewOrganisation()
				err := h.App.DB.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error {
					if err := happened.Record(tx, fact.Event{Subject: subject, Revision: 1}); err != nil {
						return err
					}
					_, err := tx.Run(fmt.Sprintf(`select pg_sleep(%f)`, float64((n*7+i*13)%20)/1000)) // held open as long as others
					return err
				})
				if err == nil {
					want <- subject.String()
				}
			}
		})
	}
	seen := map[string]int{}
	cursor := ""
	for len(seen) < writers*each {
		a := c.Get("/v1/events?limit=7&wait=10&cursor=" + cursor).Is(200)
		require.NotZero(t, a.Len("data"), "ten seconds without a fact, after %d", len(seen))
		for _, s := range subjects(a) {
			seen[s]++
		}
		cursor = a.Str("next_cursor")
	}
	made.Wait()
	close(want)
	for s := range want {
		require.Equal(t, 1, seen[s])
	}
}
