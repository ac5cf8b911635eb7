package app_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/app"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/postgres"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// recovery is how long after a fault what was in flight may take to arrive (design section 9).
const recovery = 10 * time.Second

// receipt is one fact at one endpoint.
type receipt struct{ endpoint, event string }

// ledger is a receiver that writes down what comes, at several endpoints. It takes nothing that the official library of
// Standard Webhooks refuses. While it is paused its endpoints hold what comes.
type ledger struct {
	*httptest.Server
	mu      sync.Mutex
	check   map[string]*standardwebhooks.Webhook // by endpoint
	begun   map[receipt]bool                     // what reached it, answered or not
	came    map[receipt]int
	subject map[string]string // by event
	wrong   []string
	held    int
	gate    chan struct{} // nil, or closed: answer
	late    int           // the status for what was held
	news    chan struct{}
}

func newLedger(t *testing.T) *ledger {
	t.Helper()
	l := &ledger{check: map[string]*standardwebhooks.Webhook{}, begun: map[receipt]bool{}, came: map[receipt]int{}, subject: map[string]string{},
		news: make(chan struct{}, 1)}
	l.Server = httptest.NewServer(http.HandlerFunc(l.take))
	t.Cleanup(l.Close)
	t.Cleanup(func() { l.resume(http.StatusNoContent) })
	return l
}

func (l *ledger) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // it was cut off: nothing came
	}
	var fact struct {
		Type string
		Data struct {
			SubjectID string `json:"subject_id"`
		}
	}
	if err := json.Unmarshal(body, &fact); err != nil {
		l.note(r, err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if fact.Type == "webhook_endpoint.tested" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	l.mu.Lock()
	check, gate := l.check[r.URL.Path], l.gate
	l.mu.Unlock()
	if err := check.Verify(body, r.Header); err != nil {
		l.note(r, err)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	status, k := http.StatusNoContent, receipt{r.URL.Path, r.Header.Get("webhook-id")}
	l.mu.Lock()
	l.begun[k] = true
	if gate != nil {
		l.held++
	}
	l.mu.Unlock()
	if gate != nil {
		l.tell()
		<-gate // as long as we say, whether or not the other side still waits
		l.mu.Lock()
		status = l.late
		l.mu.Unlock()
	}
	w.WriteHeader(status)
	if status == http.StatusNoContent {
		l.mu.Lock()
		l.came[k]++
		l.subject[k.event] = fact.Data.SubjectID
		l.mu.Unlock()
	}
	l.tell()
}

func (l *ledger) note(r *http.Request, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wrong = append(l.wrong, fmt.Sprintf("%s %s: %v", r.URL.Path, r.Header.Get("webhook-id"), err))
}

func (l *ledger) tell() {
	select {
	case l.news <- struct{}{}:
	default:
	}
}

// pause holds what comes from now on.
func (l *ledger) pause() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gate, l.held = make(chan struct{}), 0
}

// resume answers what is held with a status, and what comes from now on with 204.
func (l *ledger) resume(late int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gate != nil {
		l.late = late
		close(l.gate)
		l.gate = nil
	}
}

// until waits for something that the ledger sees.
func (l *ledger) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	over := time.After(patience)
	for {
		l.mu.Lock()
		yes := ok()
		l.mu.Unlock()
		if yes {
			return
		}
		select {
		case <-l.news:
		case <-over:
			l.mu.Lock()
			defer l.mu.Unlock()
			require.Fail(t, "the ledger waits for "+what, "%d receipts, %d held, refused %v", len(l.came), l.held, l.wrong)
		}
	}
}

// endpoints are the paths of the ledger that facts go to.
const endpoints = 4

// open makes the endpoints, and waits until they are active.
func (l *ledger) open(t *testing.T, admin remote) {
	t.Helper()
	var paths []string
	for n := range endpoints {
		path := "/" + strconv.Itoa(n)
		e := admin.must(t, http.StatusCreated, http.MethodPost, "/v1/webhook-endpoints", map[string]any{"url": l.URL + path, "event_types": []string{"organisation.created"}})
		check, err := standardwebhooks.NewWebhook(e["secret"].(string))
		require.NoError(t, err)
		l.mu.Lock()
		l.check[path] = check
		l.mu.Unlock()
		paths = append(paths, "/v1/webhook-endpoints/"+e["id"].(string))
	}
	for _, path := range paths {
		require.Eventually(t, func() bool { return admin.must(t, http.StatusOK, http.MethodGet, path, nil)["status"] == "active" }, patience, 20*time.Millisecond)
	}
}

// balance waits until all that was acknowledged has come to every endpoint, and holds the ledger to it: each write has one
// fact with one id everywhere, nothing came twice but what was in flight when there was a fault, and nothing was refused.
func (f fleet) balance(t *testing.T, l *ledger, w *writes, admin remote, inFlight flight) {
	t.Helper()
	f.settled(t)
	require.Len(t, w.ids, hundred)
	(&testkit.House{Database: &testkit.Database{Super: f.super}}).Settle(t) // the feed shows all
	events := map[string]string{}                                           // by subject
	for _, e := range admin.all(t, "/v1/events?types=organisation.created") {
		subject := e["data"].(map[string]any)["subject_id"].(string)
		require.NotContains(t, events, subject, "one fact each")
		events[subject] = e["id"].(string)
	}
	require.Len(t, events, hundred, "each write was made once")
	for _, acknowledged := range w.ids {
		require.Contains(t, events, acknowledged)
	}
	l.until(t, "every fact at every endpoint", func() bool { return len(l.came) >= hundred*endpoints })
	l.mu.Lock()
	defer l.mu.Unlock()
	require.Empty(t, l.wrong)
	require.Len(t, l.came, hundred*endpoints)
	twice := 0
	for k, n := range l.came {
		require.Equal(t, k.event, events[l.subject[k.event]], "the id of the fact is that of the delivery")
		if n > 1 {
			twice++
			require.Contains(t, inFlight, k, "%v came %d times and was not in flight", k, n)
		}
	}
	t.Logf("%d deliveries, %d in flight at a fault, %d came again", len(l.came), len(inFlight), twice)
}

// fleet is a database with a tenant, and processes that share it.
type fleet struct {
	env   []string
	super *pgxpool.Pool
	admin adminClient
}

// muster prepares a fleet on a database.
func muster(t *testing.T, appURL string, super *pgxpool.Pool) fleet {
	t.Helper()
	f := fleet{super: super, env: environment(newHome(t), "DATABASE_URL="+appURL, "SWITCHBOARD_CLIENT_LIMIT=10000000",
		// Tokens must outlive the process that signed them, and workers must know the keys.
		"SWITCHBOARD_PUBLIC_URL=http://127.0.0.1:8080", "SWITCHBOARD_MASTER_KEY="+base64.StdEncoding.EncodeToString(make([]byte, 32)))}
	succeed(t, f.env, &f.admin, "tenant", "open", "--slug", "proef", "--name", "Proef")
	return f
}

func (f fleet) serve(t *testing.T, more ...string) *process {
	t.Helper()
	return start(t, f.env, append([]string{"serve", "--addr", "127.0.0.1:0"}, more...)...)
}

func (f fleet) work(t *testing.T) *process {
	t.Helper()
	return start(t, f.env, "work")
}

// flight is what some worker has in its hands, and the delivery of each.
type flight map[receipt]uuid.UUID

// inFlight is what some worker has, by the queue.
func (f fleet) inFlight(t *testing.T) flight {
	t.Helper()
	rows, err := f.super.Query(t.Context(), `select w.url, d.event_id, d.id from platform.delivery_queue q
		join webhook_deliveries d on d.tenant_id = q.tenant_id and d.id = q.delivery_id
		join webhook_endpoints w on w.tenant_id = d.tenant_id and w.id = d.endpoint_id
		where q.lease is not null`)
	require.NoError(t, err)
	out := flight{}
	var (
		url             string
		event, delivery uuid.UUID
	)
	_, err = pgx.ForEachRow(rows, []any{&url, &event, &delivery}, func() error {
		out[receipt{url[strings.LastIndexByte(url, '/'):], id.EventID(event).String()}] = delivery
		return nil
	})
	require.NoError(t, err)
	return out
}

// unsettled is what reached the ledger of which the database does not say that it was delivered. A worker that has it may have lost
// the lease with the database: leases are not waited for on disk, so they say less than the ledger does.
func (f fleet) unsettled(t *testing.T, reached map[receipt]bool, settled map[uuid.UUID]string) flight {
	t.Helper()
	rows, err := f.super.Query(t.Context(), `select w.url, d.event_id, d.id from webhook_deliveries d
		join webhook_endpoints w on w.tenant_id = d.tenant_id and w.id = d.endpoint_id where d.type = 'organisation.created'`)
	require.NoError(t, err)
	out := flight{}
	var (
		url             string
		event, delivery uuid.UUID
	)
	_, err = pgx.ForEachRow(rows, []any{&url, &event, &delivery}, func() error {
		k := receipt{url[strings.LastIndexByte(url, '/'):], id.EventID(event).String()}
		if reached[k] && !strings.HasPrefix(settled[delivery], "delivered") {
			out[k] = delivery
		}
		return nil
	})
	require.NoError(t, err)
	return out
}

// recovered says that what was in flight, which cannot be nothing, was delivered within ten seconds of the fault.
func (f fleet) recovered(t *testing.T, was flight, fault time.Time) {
	t.Helper()
	require.NotEmpty(t, was)
	ids := slices.Collect(maps.Values(was))
	require.Eventually(t, func() bool {
		var n int
		err := f.super.QueryRow(t.Context(), `select count(*) from webhook_deliveries where id = any ($1) and status = 'delivered'`, ids).Scan(&n)
		return err == nil && n == len(ids)
	}, patience, 10*time.Millisecond)
	took := time.Since(fault)
	t.Logf("the last of %d that were in flight was delivered %s after the fault", len(ids), took.Round(time.Millisecond))
	require.LessOrEqual(t, took, recovery)
}

// settled waits until nothing is left to deliver.
func (f fleet) settled(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		var n int
		err := f.super.QueryRow(t.Context(), `select count(*) from platform.delivery_queue`).Scan(&n)
		return err == nil && n == 0
	}, patience, 20*time.Millisecond)
}

func ownDatabase(t *testing.T) fleet {
	t.Helper()
	d := testkit.NewDatabase(t)
	return muster(t, d.AppURL, d.Super)
}

func TestDelivery_GoesOnWithinTenSecondsWhenAWorkerIsKilled(t *testing.T) {
	t.Parallel()
	f, to, w := ownDatabase(t), newLedger(t), newWrites()
	server, doomed := f.serve(t, "--no-work"), f.work(t)
	admin := f.admin.login(t, server)
	to.open(t, admin)

	to.pause()
	w.current = func() remote { return admin }
	var writing sync.WaitGroup
	w.run(t.Context(), &writing)
	to.until(t, "a worker in the middle of it", func() bool { return to.held >= endpoints })
	held := f.inFlight(t) // nobody else takes anything yet
	require.GreaterOrEqual(t, len(held), endpoints)
	other := f.work(t) // it runs when the first one dies: how long a process takes to start is no part of the bound
	fault := time.Now()
	doomed.kill()
	inFlight := f.inFlight(t)
	for k := range held {
		require.Contains(t, inFlight, k, "it was held until its holder died")
	}
	to.resume(http.StatusNoContent)
	f.recovered(t, inFlight, fault)
	writing.Wait()
	f.balance(t, to, w, admin, inFlight)
	require.Equal(t, 0, other.stop())
	require.Equal(t, 0, server.stop())
}

func TestDelivery_GoesOnWithinTenSecondsWhenTheServerIsKilled(t *testing.T) {
	t.Parallel()
	f, to, w := ownDatabase(t), newLedger(t), newWrites()
	doomed := f.serve(t)
	admin := f.admin.login(t, doomed)
	to.open(t, admin)

	to.pause()
	var mu sync.Mutex
	w.current = func() remote { mu.Lock(); defer mu.Unlock(); return admin }
	var writing sync.WaitGroup
	w.run(t.Context(), &writing)
	to.until(t, "the server in the middle of it", func() bool { return to.held >= endpoints })
	fault := time.Now()
	doomed.kill()
	inFlight := f.inFlight(t)
	to.resume(http.StatusNoContent)
	server := f.serve(t)
	mu.Lock()
	admin.base = server.base
	mu.Unlock()
	f.recovered(t, inFlight, fault)
	writing.Wait()
	f.balance(t, to, w, admin, inFlight)
	require.Equal(t, 0, server.stop())
}

// What a frozen worker had goes to another one. When it wakes up it finds refusals in its hands, and must not undo with
// them what the other did.
func TestDelivery_IsNotUndoneByAWorkerThatWasFrozen(t *testing.T) {
	t.Parallel()
	f, to, w := ownDatabase(t), newLedger(t), newWrites()
	server, frozen := f.serve(t, "--no-work"), f.work(t)
	admin := f.admin.login(t, server)
	to.open(t, admin)

	to.pause()
	w.current = func() remote { return admin }
	var writing sync.WaitGroup
	w.run(t.Context(), &writing)
	to.until(t, "a worker in the middle of it", func() bool { return to.held >= endpoints })
	fault := time.Now()
	require.NoError(t, frozen.cmd.Process.Signal(syscall.SIGSTOP))
	t.Cleanup(func() { _ = frozen.cmd.Process.Signal(syscall.SIGCONT) }) // else it could not end
	inFlight := f.inFlight(t)
	to.mu.Lock()
	refused := to.held
	to.mu.Unlock()
	to.resume(http.StatusInternalServerError)
	other := f.work(t)
	f.recovered(t, inFlight, fault)
	writing.Wait()
	f.balance(t, to, w, admin, nil) // what was refused has not come: nothing came twice
	require.Equal(t, 0, other.stop())
	before := f.deliveries(t)
	require.Len(t, before, hundred*endpoints)
	for _, d := range before {
		require.Equal(t, "delivered after 1", d)
	}

	require.NoError(t, frozen.cmd.Process.Signal(syscall.SIGCONT))
	require.Eventually(t, func() bool { return strings.Count(frozen.errs.String(), `"outcome":"refused"`) >= refused }, patience, 20*time.Millisecond,
		"it noticed what became of its tries")
	require.Equal(t, before, f.deliveries(t))
	for _, e := range admin.all(t, "/v1/webhook-endpoints") {
		require.Nil(t, e["failing_since"], "what it says of the endpoint is old")
	}
	// It is as good as new.
	admin.must(t, http.StatusCreated, http.MethodPost, "/v1/organisations", map[string]any{"name": "Nog een werkgever", "kind": "profit", "sector": "proef"})
	to.until(t, "one more fact", func() bool { return len(to.came) == (hundred+1)*endpoints })
	f.settled(t)
	require.Equal(t, 0, frozen.stop())
	require.Equal(t, 0, server.stop())
}

// facts is how many wait for one endpoint where its lane has to be long.
const facts = 600

// longLane has an endpoint for which so many facts wait, and lets go of them. It returns once a third has come: the lane is long by then.
func (f fleet) longLane(t *testing.T, l *ledger, admin remote) {
	t.Helper()
	e := admin.must(t, http.StatusCreated, http.MethodPost, "/v1/webhook-endpoints", map[string]any{"url": l.URL + "/0", "event_types": []string{"organisation.created"}})
	check, err := standardwebhooks.NewWebhook(e["secret"].(string))
	require.NoError(t, err)
	l.mu.Lock()
	l.check["/0"] = check
	l.mu.Unlock()
	path := "/v1/webhook-endpoints/" + e["id"].(string)
	require.Eventually(t, func() bool { return admin.must(t, http.StatusOK, http.MethodGet, path, nil)["status"] == "active" }, patience, 20*time.Millisecond)
	admin.must(t, http.StatusOK, http.MethodPost, path+"/pause", nil)
	var (
		writing sync.WaitGroup
		written atomic.Int64
	)
	for range 8 {
		writing.Go(func() {
			for n := written.Add(1); n <= facts; n = written.Add(1) {
				status, _, out, err := admin.call(t.Context(), http.MethodPost, "/v1/organisations", "", map[string]any{"name": organisationName(int(n)), "kind": "profit", "sector": "proef"})
				if err != nil || status != http.StatusCreated {
					t.Errorf("%d %v %v", status, out, err)
				}
			}
		})
	}
	writing.Wait()
	admin.must(t, http.StatusOK, http.MethodPost, path+"/resume", nil)
	l.until(t, "a third of the lane", func() bool { return len(l.came) >= facts/3 })
}

// emptied waits until nothing is left, and holds the ledger to it: all has come, and twice only what was in flight at the fault.
func (f fleet) emptied(t *testing.T, l *ledger, want int, inFlight flight) {
	t.Helper()
	f.settled(t)
	after := f.deliveries(t)
	require.Len(t, after, want)
	for _, d := range after {
		require.Equal(t, "delivered after 1", d)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	require.Empty(t, l.wrong)
	require.Len(t, l.came, want)
	twice := 0
	for k, n := range l.came {
		if n > 1 {
			twice++
			require.Contains(t, inFlight, k, "%v came %d times and was not in flight", k, n)
		}
	}
	t.Logf("%d deliveries, %d in flight at the fault, %d came again", len(l.came), len(inFlight), twice)
}

// A long lane is taken ahead: more is in the hands of the worker that dies than it has sent.
func TestDelivery_ALongLaneGoesOnWhenItsWorkerIsKilled(t *testing.T) {
	t.Parallel()
	f, to := ownDatabase(t), newLedger(t)
	server, doomed := f.serve(t, "--no-work"), f.work(t)
	admin := f.admin.login(t, server)
	f.longLane(t, to, admin)
	fault := time.Now()
	doomed.kill()
	inFlight := f.inFlight(t)
	other := f.work(t)
	f.recovered(t, inFlight, fault)
	f.emptied(t, to, facts, inFlight)
	require.Equal(t, 0, other.stop())
	require.Equal(t, 0, server.stop())
}

// What a frozen worker had of a long lane goes to another one. When it wakes up it undoes nothing, and goes on.
func TestDelivery_ALongLaneGoesOnWhileItsWorkerIsFrozen(t *testing.T) {
	t.Parallel()
	f, to := ownDatabase(t), newLedger(t)
	server, frozen := f.serve(t, "--no-work"), f.work(t)
	admin := f.admin.login(t, server)
	f.longLane(t, to, admin)
	fault := time.Now()
	require.NoError(t, frozen.cmd.Process.Signal(syscall.SIGSTOP))
	t.Cleanup(func() { _ = frozen.cmd.Process.Signal(syscall.SIGCONT) }) // else it could not end
	inFlight := f.inFlight(t)
	other := f.work(t)
	f.recovered(t, inFlight, fault)
	f.emptied(t, to, facts, inFlight)
	require.Equal(t, 0, other.stop())

	require.NoError(t, frozen.cmd.Process.Signal(syscall.SIGCONT))
	admin.must(t, http.StatusCreated, http.MethodPost, "/v1/organisations", map[string]any{"name": "Nog een werkgever", "kind": "profit", "sector": "proef"})
	to.until(t, "one more fact", func() bool { return len(to.came) == facts+1 })
	require.Equal(t, 0, frozen.stop(), "it ends what it had in its hands")
	f.emptied(t, to, facts+1, inFlight)
	require.Equal(t, 0, server.stop())
}

// deliveries says how each delivery of an organisation's fact ended.
func (f fleet) deliveries(t *testing.T) map[uuid.UUID]string {
	t.Helper()
	rows, err := f.super.Query(t.Context(), `select id, status, attempts from webhook_deliveries where type = 'organisation.created'`)
	require.NoError(t, err)
	out := map[uuid.UUID]string{}
	var (
		delivery uuid.UUID
		status   string
		attempts int
	)
	_, err = pgx.ForEachRow(rows, []any{&delivery, &status, &attempts}, func() error {
		out[delivery] = fmt.Sprintf("%s after %d", status, attempts)
		return nil
	})
	require.NoError(t, err)
	return out
}

// The database is restarted, and then killed, under writes and deliveries; both processes outlive it.
func TestDelivery_OutlivesItsDatabase(t *testing.T) {
	t.Parallel()
	dir := newHome(t)
	begin := func() *postgres.Server {
		server, err := postgres.Start(t.Context(), postgres.Options{Dir: dir, MaxConnections: 60})
		require.NoError(t, err)
		return server
	}
	db := begin()
	t.Cleanup(func() { require.NoError(t, db.Stop(context.Background())) })
	require.NoError(t, app.Bootstrap(t.Context(), db.SuperURL("postgres"), "proef", "geheim", "geheim"))
	_, err := app.Migrate(t.Context(), db.URL(app.OwnerRole, "geheim", "proef"))
	require.NoError(t, err)
	address := db.URL(app.AppRole, "geheim", "proef")
	super, err := pgxpool.New(t.Context(), db.SuperURL("proef"))
	require.NoError(t, err)
	t.Cleanup(super.Close)

	f, to, w := muster(t, address, super), newLedger(t), newWrites()
	server, worker := f.serve(t, "--no-work"), f.work(t)
	admin := f.admin.login(t, server)
	to.open(t, admin)
	var (
		writing sync.WaitGroup
		tries   atomic.Int64
		half    = make(chan struct{})
	)
	w.current = func() remote { // half of the writes begin after the first fault
		if tries.Add(1) > hundred/2 {
			<-half
		}
		return admin
	}
	inFlight := flight{}
	fault := func(begun, end func()) {
		to.pause()
		begun()
		to.until(t, "deliveries under way", func() bool { return to.held >= endpoints })
		settled, leased, at := f.deliveries(t), f.inFlight(t), time.Now() // what is settled now is so on disk
		end()
		<-time.After(250 * time.Millisecond) // what was on its way to the receiver arrives; without the database nothing else sets out
		to.resume(http.StatusNoContent)
		to.mu.Lock()
		reached := maps.Clone(to.begun) // all that was taken before the fault: without the database nothing is
		to.mu.Unlock()
		db = begin()
		require.Equal(t, address, db.URL(app.AppRole, "geheim", "proef"), "it comes back where it was")
		require.Eventually(t, func() bool { return super.Ping(t.Context()) == nil }, patience, 20*time.Millisecond)
		had := f.unsettled(t, reached, settled)
		require.GreaterOrEqual(t, len(had), endpoints, "what the ledger held at least")
		maps.Copy(had, leased)
		f.recovered(t, had, at)
		maps.Copy(inFlight, had)
	}
	fault(func() { w.run(t.Context(), &writing) }, func() { require.NoError(t, db.Stop(t.Context())) })
	fault(func() { close(half) }, func() {
		require.NoError(t, syscall.Kill(postmaster(t, dir), syscall.SIGKILL))
		require.Error(t, <-db.Done())
	})
	writing.Wait()
	f.balance(t, to, w, admin, inFlight)
	require.Equal(t, 0, worker.stop())
	require.Equal(t, 0, server.stop())
}
