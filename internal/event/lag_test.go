package event_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/app"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// One forgotten transaction stops every tenant's readers: it has to be seen, and to be found.
func TestLag_IsThatOfATransactionThatDoesNotEnd(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	lag := func() time.Duration {
		l, err := h.App.Events.Lag(ctx)
		require.NoError(t, err)
		return l
	}
	look := func() app.Check {
		c := app.Config{DatabaseURL: h.AppURL, PublicURL: testkit.PublicURL, Addr: "127.0.0.1:0", Data: t.TempDir()}
		for _, one := range c.Examine(ctx, app.ServeOptions{}) {
			if one.Name == "feed" {
				return one
			}
		}
		require.Fail(t, "the doctor does not look at the feed")
		return app.Check{}
	}
	forgotten, err := h.Super.Begin(ctx)
	require.NoError(t, err)
	defer func() { _ = forgotten.Rollback(ctx) }() // or the pool would wait for it
	var pid int
	require.NoError(t, forgotten.QueryRow(ctx, `select pg_backend_pid() from pg_current_xact_id()`).Scan(&pid))
	// Older transactions, of other tests on the same server, end by themselves; a checkpoint that was made before that is not about ours.
	ours := fmt.Sprintf("process %d of the role ", pid)
	require.Eventually(t, func() bool {
		holder, err := h.App.Events.Holder(ctx)
		require.NoError(t, err)
		if !strings.HasPrefix(holder, ours) {
			return false
		}
		require.NoError(t, page.Checkpoint(ctx, h.App.DB))
		return lag() > 0
	}, time.Minute, 10*time.Millisecond)
	w.Do(func(tx *db.Tx) error {
		return happened.Record(tx, fact.Event{Subject: id.NewOrganisation(), Revision: 1})
	})
	require.Empty(t, subjects(w.Coordinator().Get("/v1/events").Is(200)), "this is what it does")
	_, err = h.Super.Exec(ctx, `update platform.checkpoints set at = at - interval '12 minutes'`)
	require.NoError(t, err)
	require.GreaterOrEqual(t, lag(), 12*time.Minute)
	found := look()
	require.False(t, found.OK)
	require.Contains(t, found.Say, ours)

	require.NoError(t, forgotten.Rollback(ctx))
	require.Eventually(t, func() bool { return lag() == 0 }, time.Minute, 10*time.Millisecond)
	require.True(t, look().OK)
	settle(w)
	require.NotEmpty(t, subjects(w.Coordinator().Get("/v1/events").Is(200)))
}
