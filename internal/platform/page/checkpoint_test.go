package page_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/page"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// pending is a transaction that wrote a row and has not committed.
type pending struct {
	finish chan struct{}
	done   chan error
}

func begin(t *testing.T, w *testkit.World, what string) pending {
	t.Helper()
	p, began := pending{make(chan struct{}), make(chan error, 1)}, make(chan error, 1)
	go func() {
		p.done <- w.App.DB.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error {
			var n int
			err := insert(tx, what)
			if err == nil {
				err = tx.Select(&n, `select count(*) from organisations where name = ?`, what) // what only waits for COMMIT has no place yet
			}
			began <- err
			<-p.finish
			return err
		})
	}()
	require.NoError(t, <-began)
	return p
}

func (p pending) commit(t *testing.T) {
	t.Helper()
	close(p.finish)
	require.NoError(t, <-p.done)
}

func checkpoints(w *testkit.World) int { return w.Count(`select count(*) from platform.checkpoints`) }

// Whenever a sync starts, whatever commits late and wherever checkpoints fell between: it tells all that was changed since, and
// passes over what was changed long before.
func TestCheckpoint_AStartMissesNothing(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	const seed = 20260930
	r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a test that can be repeated
	began := h.Clock.Now()
	starts := []time.Time{}
	var late []pending
	for i := range 60 {
		for range r.IntN(3) {
			w.Do(func(tx *db.Tx) error { return insert(tx, fmt.Sprint("row ", i, r.Uint64())) })
		}
		switch {
		case r.IntN(4) == 0 && len(late) < 4:
			late = append(late, begin(t, w, fmt.Sprint("late ", i)))
		case len(late) > 0 && r.IntN(2) == 0:
			late[0].commit(t)
			late = late[1:]
		}
		if i == 25 { // other tests of this PostgreSQL hold checkpoints back too
			for _, p := range late {
				p.commit(t)
			}
			late = nil
			h.Settle(t)
		}
		require.NoError(t, page.Checkpoint(ctx, h.App.DB))
		starts = append(starts, h.Clock.Now())
		h.Clock.Advance(time.Duration(r.IntN(240)) * time.Second)
	}
	for _, p := range late {
		p.commit(t)
	}
	require.NoError(t, page.Checkpoint(ctx, h.App.DB))
	h.Settle(t)
	require.Greater(t, checkpoints(w), 55)

	names := func(where string, at time.Time) (out []string) {
		rows, err := h.Super.Query(ctx, `select coalesce(array_agg(name), '{}') from organisations where tenant_id = $1 and updated_at >= $2 and `+where, w.Tenant.UUID(), at)
		require.NoError(t, err)
		defer rows.Close()
		require.True(t, rows.Next())
		require.NoError(t, rows.Scan(&out))
		return out
	}
	for range 40 {
		starts = append(starts, began.Add(time.Duration(r.Int64N(int64(h.Clock.Now().Sub(began))))))
	}
	for _, since := range starts {
		reader := follow(w, since, 7)
		reader.read()
		require.Subset(t, reader.seen, names("true", since), "seed %d, since %s", seed, since.Sub(began))
		require.Len(t, slices.Compact(slices.Sorted(slices.Values(reader.seen))), len(reader.seen), "nothing twice")
	}

	// How far a start passes over what was before: a row that was there hours ago is not even looked at.
	last := starts[59]
	var place int64
	require.NoError(t, h.Super.QueryRow(ctx, `select pos from platform.checkpoints where at <= $1 order by at desc limit 1`, last.Add(-15*time.Minute)).Scan(&place))
	require.Positive(t, w.Count(`select count(*) from organisations where tenant_id = $1 and pos <= $2`, w.Tenant.UUID(), place))

	// Planted: a checkpoint that takes the newest transaction for the oldest that still runs.
	middle := starts[30].Truncate(time.Microsecond) // the last checkpoint that a start then looks at is twelve minutes older
	want := names("true", middle)
	require.NotEmpty(t, want)
	_, err := h.Super.Exec(ctx, `insert into platform.checkpoints (at, pos) values ($1, (select max(pos) from organisations))`, middle.Add(-12*time.Minute))
	require.NoError(t, err)
	reader := follow(w, middle, 7)
	reader.read()
	require.NotSubset(t, reader.seen, want)
}

// While a transaction runs, no checkpoint stands at or above it, however long it takes and however much commits meanwhile.
func TestCheckpoint_StandsBelowWhatStillRuns(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	slow := begin(t, w, "slow")
	for range 5 {
		w.Do(func(tx *db.Tx) error { return insert(tx, "quick") })
		require.NoError(t, page.Checkpoint(ctx, h.App.DB))
		h.Clock.Advance(time.Hour)
	}
	slow.commit(t)
	require.Equal(t, 1, w.Count(`select count(*) from organisations o where name = 'slow' and pos > (select max(pos) from platform.checkpoints)`))
	require.Equal(t, 5, w.Count(`select count(*) from organisations o where name = 'quick' and pos > (select max(pos) from platform.checkpoints)`))
	h.Settle(t)
	require.NoError(t, page.Checkpoint(ctx, h.App.DB))
	require.Zero(t, w.Count(`select count(*) from organisations o where pos > (select max(pos) from platform.checkpoints)`))
}

// A clock that is set back gives no place an earlier time than one below it has.
func TestCheckpoint_ItsTimeNeverGoesBack(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	h.Clock.Advance(48 * time.Hour)
	w.Do(func(tx *db.Tx) error { return insert(tx, "of a clock that was ahead") })
	h.Settle(t)
	require.NoError(t, page.Checkpoint(ctx, h.App.DB))
	h.Clock.Advance(-48 * time.Hour)
	for range 3 {
		w.Do(func(tx *db.Tx) error { return insert(tx, "now") })
		require.NoError(t, page.Checkpoint(ctx, h.App.DB))
	}
	require.Equal(t, 1, checkpoints(w), "a place that is further on has that time too")
	ahead := follow(w, h.Clock.Now().Add(30*time.Hour), 5)
	ahead.until("of a clock that was ahead")
}

func TestCheckpoint_OldOnesAreFewAndThenGone(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	_, err := h.Super.Exec(ctx, `insert into platform.checkpoints select date_trunc('hour', now()) - interval '26 hours' + m * interval '1 minute', m from generate_series(0, 599) m
		union all select now() - interval '402 days', 0 union all select now() - interval '399 days', 0`)
	require.NoError(t, err)
	for range 10 {
		require.NoError(t, page.Checkpoint(ctx, h.App.DB))
		h.Clock.Advance(time.Hour)
	}
	require.Equal(t, 1, w.Count(`select count(*) from platform.checkpoints where at < now() - interval '30 days'`), "as long as a start may be old")
	require.Equal(t, 10, w.Count(`select count(*) from platform.checkpoints where at between now() - interval '30 hours' and now() - interval '15 hours'
		and pos in (select 60 * n from generate_series(0, 9) n)`), "the first of each hour stays")
	require.Equal(t, 10, w.Count(`select count(*) from platform.checkpoints where at between now() - interval '30 hours' and now() - interval '15 hours'`), "and no other")
}
