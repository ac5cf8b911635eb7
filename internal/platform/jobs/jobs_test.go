package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/jobs"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// nudge is a job that holds a key, as every job does.
type nudge struct {
	Key uuid.UUID `json:"key"`
}

func (nudge) Kind() string { return "test.nudge" }

// sweep comes back every so often.
type sweep struct{}

func (sweep) Kind() string { return "test.sweep" }

// worker hands on what it works.
type worker struct {
	river.WorkerDefaults[nudge]
	got func(context.Context, uuid.UUID) error
}

func (w *worker) Work(ctx context.Context, j *river.Job[nudge]) error { return w.got(ctx, j.Args.Key) }

type sweeper struct {
	river.WorkerDefaults[sweep]
	swept chan struct{}
}

func (s *sweeper) Work(ctx context.Context, _ *river.Job[sweep]) error {
	select {
	case s.swept <- struct{}{}:
	case <-ctx.Done():
	}
	return nil
}

func count(w *testkit.World, key uuid.UUID) int {
	w.T.Helper()
	return w.Count(`select count(*) from platform.river_job where kind = 'test.nudge' and args ->> 'key' = $1`, key.String())
}

func enqueuer(t *testing.T, w *testkit.World) *jobs.Queue {
	t.Helper()
	q, err := jobs.Open(w.App.DB, nil, nil, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return q
}

func TestEnqueue_IsPartOfTheTransaction(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	q, ctx := enqueuer(t, w), context.Background()
	kept, lost, panicked, broken := uuid.New(), uuid.New(), uuid.New(), uuid.New()
	org := w.Organisation("a")
	bound := db.Caller(auth.Principal{TenantID: w.Tenant, ClientID: id.NewClient(), Role: auth.Employer, OrganisationID: &org}, "req")
	for _, who := range []db.Who{w.Who(), bound} {
		require.NoError(t, w.App.DB.InTenant(ctx, who, func(tx *db.Tx) error {
			before := count(w, kept)
			require.NoError(t, q.Enqueue(ctx, tx, nudge{kept}, time.Time{}))
			require.Equal(t, before, count(w, kept), "nobody sees it before COMMIT")
			return nil
		}))
	}
	require.Equal(t, 2, count(w, kept))
	no := errors.New("no")
	require.ErrorIs(t, w.App.DB.InTenant(ctx, w.Who(), func(tx *db.Tx) error { return errors.Join(q.Enqueue(ctx, tx, nudge{lost}, time.Time{}), no) }), no)
	require.Zero(t, count(w, lost), "a job of what never happened does not exist")
	require.Panics(t, func() {
		_ = w.App.DB.InTenant(ctx, w.Who(), func(tx *db.Tx) error {
			require.NoError(t, q.Enqueue(ctx, tx, nudge{panicked}, time.Time{}))
			panic("x")
		})
	})
	require.Zero(t, count(w, panicked))
	require.Error(t, w.App.DB.InTenant(ctx, w.Who(), func(tx *db.Tx) error {
		require.NoError(t, q.Enqueue(ctx, tx, nudge{broken}, time.Time{}))
		return tx.Select(new(int), `select 1 / 0`)
	}))
	require.Zero(t, count(w, broken))
	require.Error(t, w.App.DB.Single(ctx, w.Who(), func(tx *db.Tx) error { return q.Enqueue(ctx, tx, nudge{lost}, time.Time{}) }))
	require.Error(t, w.App.DB.Snapshot(ctx, w.Who(), func(tx *db.Tx) error { return q.Enqueue(ctx, tx, nudge{lost}, time.Time{}) }))
	require.Zero(t, count(w, lost))
}

func TestEnqueue_ForLater(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	q, key, at := enqueuer(t, w), uuid.New(), time.Now().Add(48*time.Hour).Truncate(time.Microsecond)
	w.Do(func(tx *db.Tx) error { return q.Enqueue(context.Background(), tx, nudge{key}, at) })
	require.Equal(t, 1, w.Count(`select count(*) from platform.river_job where args ->> 'key' = $1 and state = 'scheduled' and scheduled_at = $2`, key.String(), at))
}

func TestWork_DoesWhatWasEnqueuedAndTriesAgain(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	ctx := context.Background()
	worked, swept := make(chan uuid.UUID), make(chan struct{})
	var once sync.Once
	ws := jobs.NewWorkers()
	river.AddWorker(ws.Workers, &worker{got: func(ctx context.Context, key uuid.UUID) error {
		failed := false
		once.Do(func() { failed = true })
		if failed {
			return river.JobSnooze(0) // as a worker does that finds its work not ready
		}
		select {
		case worked <- key:
		case <-ctx.Done():
		}
		return nil
	}})
	river.AddWorker(ws.Workers, &sweeper{swept: swept})
	q, err := jobs.Open(h.App.DB, &ws, []jobs.Periodic{{Every: time.Hour, Args: sweep{}}}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.NoError(t, q.Start(ctx))
	key := uuid.New()
	w.Do(func(tx *db.Tx) error { return q.Enqueue(ctx, tx, nudge{key}, time.Time{}) })
	require.Equal(t, key, <-worked)
	<-swept
	require.NoError(t, q.Stop(ctx))
	require.Equal(t, 1, w.Count(`select count(*) from platform.river_job where kind = 'test.nudge' and state = 'completed'`))
	require.Equal(t, 1, w.Count(`select count(*) from platform.river_job where kind = 'test.sweep'`))
}

// Stopping waits for what runs, and no longer than it is told; what is cut off runs again elsewhere.
func TestStop_CancelsWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	ctx := context.Background()
	running := make(chan struct{})
	ws := jobs.NewWorkers()
	river.AddWorker(ws.Workers, &worker{got: func(ctx context.Context, _ uuid.UUID) error {
		close(running)
		<-ctx.Done()
		return ctx.Err()
	}})
	q, err := jobs.Open(h.App.DB, &ws, nil, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.NoError(t, q.Start(ctx))
	key := uuid.New()
	w.Do(func(tx *db.Tx) error { return q.Enqueue(ctx, tx, nudge{key}, time.Time{}) })
	<-running
	stop, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	require.NoError(t, q.Stop(stop))
	require.Equal(t, 1, w.Count(`select count(*) from platform.river_job where args ->> 'key' = $1 and state in ('available', 'retryable')`, key.String()))
}

// What a job choked on may be somebody's: neither River's log nor its table repeats it.
func TestWork_KeepsWhatItChokedOnToItself(t *testing.T) {
	t.Parallel()
	const theirs = "sam@voorbeeld.example"
	h := testkit.Apart(t, nil)
	w, log := h.Tenant(t), &testkit.Log{}
	failing, panicking := uuid.New(), uuid.New()
	workers := jobs.NewWorkers()
	river.AddWorker(workers.Workers, &worker{got: func(_ context.Context, key uuid.UUID) error {
		if key == panicking {
			panic(fmt.Sprintf("no room for %q", theirs))
		}
		return fmt.Errorf("reading %q: %w", theirs, &pgconn.PgError{Code: "22P02", Message: theirs})
	}})
	q, err := jobs.Open(w.App.DB, &workers, nil, slog.New(slog.NewJSONHandler(log, nil)))
	require.NoError(t, err)
	w.Do(func(tx *db.Tx) error {
		return errors.Join(q.Enqueue(context.Background(), tx, nudge{failing}, time.Time{}), q.Enqueue(context.Background(), tx, nudge{panicking}, time.Time{}))
	})
	require.NoError(t, q.Start(context.Background()))
	require.Eventually(t, func() bool {
		return w.Count(`select count(*) from platform.river_job where kind = 'test.nudge' and cardinality(errors) > 0`) == 2
	}, 30*time.Second, 20*time.Millisecond)
	require.NoError(t, q.Stop(context.Background()))
	require.Zero(t, w.Count(`select count(*) from platform.river_job where errors::text like '%' || $1 || '%'`, theirs))
	require.Equal(t, 1, w.Count(`select count(*) from platform.river_job where errors::text like '%22P02%'`), "what went wrong is told")
	require.NotContains(t, log.String(), theirs)
	require.Contains(t, log.String(), "22P02")
}
