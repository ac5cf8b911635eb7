package webhook_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// begin opens a transaction beside all others, which is rolled back at the end if it still runs.
func (p post) begin() pgx.Tx {
	p.t.Helper()
	tx, err := p.Super.Begin(context.Background())
	require.NoError(p.t, err)
	p.t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	return tx
}

// blocked waits until somebody waits for what a transaction has locked.
func (p post) blocked(by pgx.Tx) {
	p.t.Helper()
	pid := by.Conn().PgConn().PID()
	require.Eventually(p.t, func() bool {
		return p.Count(`select count(*) from pg_stat_activity where $1 = any (pg_blocking_pids(pid))`, pid) > 0
	}, enough, time.Millisecond)
}

// places are what waits in the queue, by subject and revision or else by id.
func (p post) places() []uuid.UUID {
	p.t.Helper()
	rows, err := p.Super.Query(context.Background(), `select delivery_id from platform.delivery_queue order by subject_id, revision, delivery_id`)
	require.NoError(p.t, err)
	out, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	require.NoError(p.t, err)
	return out
}

func statement(t *testing.T, tx pgx.Tx, query string, args ...any) {
	t.Helper()
	_, err := tx.Exec(context.Background(), query, args...)
	require.NoError(t, err)
}

// The one that is tried arrives while the one after it is cancelled: the third, which was put aside for ten minutes, goes out as
// soon as both are gone, whichever is first, and also where a worker looks in between.
func TestOrdering_TheNextIsCalledWhereTwoBeforeItLeaveAtOnce(t *testing.T) {
	t.Parallel()
	take := `delete from platform.delivery_queue where delivery_id = $1`
	for name, arrivesLast := range map[string]bool{"the one that is tried is noted last": true, "the other is cancelled last": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, r := open(t), receive(t)
			ctx := context.Background()
			p.Coordinator().Post(endpoints, object{"url": r.URL, "event_types": []string{"organisation.*"}, "ordering": "subject"}).Is(201)
			p.deliver()
			subject := id.NewOrganisation()
			for revision := range int64(3) {
				p.Do(func(tx *db.Tx) error {
					return happened.Record(tx, fact.Event{Subject: subject, Revision: revision + 1})
				})
			}
			_, err := p.d.Freeze(ctx)
			require.NoError(t, err)
			all := p.places()
			require.Len(t, all, 3)
			require.Equal(t, 2, p.Count(`select count(*) from platform.delivery_queue where lease is null and due_at > now() + interval '9 minutes'`), "the others were put aside")
			settling, cancelling := p.begin(), p.begin()
			if !arrivesLast {
				statement(t, settling, take, all[0]) // calls the second, which leaves
				left := make(chan error, 1)
				go func() { _, err := cancelling.Exec(ctx, take, all[1]); left <- err }()
				p.blocked(settling)
				require.NoError(t, settling.Commit(ctx))
				require.NoError(t, <-left)
				require.NoError(t, cancelling.Commit(ctx))
			} else {
				statement(t, cancelling, take, all[1])
				noted := make(chan error, 1)
				go func() { _, err := settling.Exec(ctx, take, all[0]); noted <- err }() // waits to call the second
				p.blocked(cancelling)
				require.NoError(t, cancelling.Commit(ctx))
				require.NoError(t, <-noted)
				p.deliver() // sees the first still there, and would put the third aside
				require.Empty(t, r.subjects())
				require.NoError(t, settling.Commit(ctx))
			}
			p.deliver()
			require.Equal(t, []string{subject.String()}, r.subjects())
			require.Empty(t, p.places())
		})
	}
}

// Places of one subject are locked in its order alone: who takes one out waits for nobody who has an earlier one.
func TestOrdering_WhoTakesOneOutWaitsForNoEarlierOne(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	p.Coordinator().Post(endpoints, object{"url": r.URL, "event_types": []string{"organisation.*"}, "ordering": "subject"}).Is(201)
	p.deliver()
	subject := id.NewOrganisation()
	for revision := range int64(3) {
		p.Do(func(tx *db.Tx) error {
			return happened.Record(tx, fact.Event{Subject: subject, Revision: revision + 1})
		})
	}
	all := p.places()
	earlier, cancelling := p.begin(), p.begin()
	statement(t, earlier, `select from platform.delivery_queue where delivery_id = $1 for update`, all[0])
	statement(t, cancelling, `set local lock_timeout = '5s'`) // a fault, not a bound
	statement(t, cancelling, `delete from platform.delivery_queue where delivery_id = $1`, all[1])
	require.NoError(t, cancelling.Commit(context.Background()))
	require.NoError(t, earlier.Rollback(context.Background()))
	p.deliver()
	require.Len(t, r.subjects(), 2)
}

// Who sends many again, and a recovery, take the queue before the deliveries: the one waits for the other and has nothing that
// the other needs.
func TestResendAll_TakesTheQueueFirst(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	ctx := context.Background()
	c := p.Coordinator()
	path, _ := p.endpoint(c, r, "organisation.*")
	p.deliver()
	for range 3 {
		p.record()
	}
	p.deliver()
	_, err := p.Super.Exec(ctx, `update webhook_deliveries set status = 'failed' where type = 'organisation.probed'`)
	require.NoError(t, err)
	other := p.begin() // does as a recovery of the same endpoint
	statement(t, other, `insert into platform.delivery_queue (delivery_id, tenant_id, endpoint_id, due_at)
		select id, tenant_id, endpoint_id, now() from webhook_deliveries where status = 'failed' order by id desc limit 1`)
	answer := make(chan *testkit.Answer, 1)
	go func() {
		answer <- c.Post("/v1/webhook-deliveries/resend", object{"endpoint_id": path[len(endpoints)+1:], "status": "failed"})
	}()
	p.blocked(other)
	statement(t, other, `select from webhook_deliveries where status = 'failed' for update nowait`)
	statement(t, other, `update webhook_deliveries d set status = 'waiting' from platform.delivery_queue q where q.delivery_id = d.id`)
	require.NoError(t, other.Commit(ctx))
	require.Equal(t, float64(2), (<-answer).Is(200).Num("count"), "the other sends the third")
	require.Equal(t, 3, p.Count(`select count(*) from platform.delivery_queue q join webhook_deliveries d on d.id = q.delivery_id and d.status = 'waiting'`))
	p.deliver()
	require.Len(t, r.subjects(), 6)
}

// Who notes what came of a try has its place in the queue, and then calls the next of its subject, which nobody tries: whoever
// takes many waits for the former before it has any of the latter.
func TestQueue_WhoTakesManyTakesWhatIsBeingTriedFirst(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"recovered", "recovered what is cancelled", "resent", "cancelled", "deleted", "forgotten"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			p, r := open(t), receive(t)
			ctx := context.Background()
			c := p.Coordinator()
			path, _ := p.endpoint(c, r, "organisation.*")
			p.deliver()
			since := p.Clock.Now().Add(-time.Minute).Format(time.RFC3339)
			for range 3 {
				p.record()
			}
			tried := p.places()[2] // the last by its id
			var rid id.RecoveryID
			became := "delivered"
			switch way {
			case "recovered what is cancelled":
				became = "cancelled"
				fallthrough
			case "recovered":
				require.NoError(t, rid.UnmarshalText([]byte(c.Post(path+"/recover", object{"since": since}).Is(200).Str("id"))))
				p.settled()
			case "resent": // as chosen before another sent them again
				_, err := p.Super.Exec(ctx, `update webhook_deliveries set status = 'failed' where type = 'organisation.probed'`)
				require.NoError(t, err)
			case "forgotten":
				_, err := p.Super.Exec(ctx, `update webhook_deliveries set created_at = now() - interval '60 days'`)
				require.NoError(t, err)
			}
			_, err := p.Super.Exec(ctx, `update platform.delivery_queue set lease = gen_random_uuid(), leased_until = now() + interval '1 minute' where delivery_id = $1`, tried)
			require.NoError(t, err)
			noting := p.begin()
			statement(t, noting, `delete from platform.delivery_queue where delivery_id = $1`, tried)
			statement(t, noting, `update webhook_deliveries set status = $2 where id = $1`, tried, became)
			ended := make(chan error, 1)
			go func() {
				var err error
				switch way {
				case "recovered", "recovered what is cancelled":
					_, err = p.App.Webhooks.RecoverPage(ctx, p.Tenant, rid)
				case "resent":
					if a := c.Post("/v1/webhook-deliveries/resend", object{}); a.Status != 200 || a.Num("count") != 2 {
						err = fmt.Errorf("%d: %s", a.Status, a.Body)
					}
				case "cancelled":
					c.Post("/v1/webhook-deliveries/cancel", object{"endpoint_id": path[len(endpoints)+1:]}).Is(200)
				case "deleted":
					c.Delete(path).Is(204)
				case "forgotten":
					err = p.App.Webhooks.PurgeAll(ctx)
				}
				ended <- err
			}()
			p.blocked(noting)
			statement(t, noting, `select from platform.delivery_queue for update nowait`)
			statement(t, noting, `select from webhook_deliveries for update nowait`)
			require.NoError(t, noting.Commit(ctx))
			require.NoError(t, <-ended)
			left, kept := 0, 1
			switch way {
			case "recovered", "recovered what is cancelled":
				require.Equal(t, 1, p.Count(`select count(*) from webhook_recoveries where id = $1 and delivery_count = 2`, rid.UUID()), "it counts what it sends")
				left = 2
			case "resent":
				left = 2
			case "forgotten":
				kept = 0
			}
			require.Len(t, p.places(), left, "what arrived or was cancelled meanwhile is not sent again")
			require.Equal(t, kept, p.Count(`select count(*) from webhook_deliveries where id = $1 and status = $2`, tried, became))
		})
	}
}

// Who gives back many, or shows that it still has them, locks them by their ids, in whatever order it took them: who waits for the
// first of them has no other.
func TestQueue_WhatIsLeasedIsLockedByItsIDs(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"given back", "kept"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			p, r := open(t), receive(t)
			ctx := context.Background()
			path, _ := p.endpoint(p.Coordinator(), r, "organisation.*")
			p.deliver()
			p.proven(path)
			const n = 6
			for range n {
				p.record()
			}
			took, err := p.d.Freeze(ctx)
			require.NoError(t, err)
			require.Len(t, took.Deliveries, n)
			all := p.places() // by their ids
			first := p.begin()
			statement(t, first, `select from platform.delivery_queue where delivery_id = $1 for update`, all[0])
			ended := make(chan error, 1)
			go func() {
				if way == "kept" {
					ended <- p.d.Beat(ctx)
				} else {
					ended <- took.GiveBack(ctx, func(a, b id.DeliveryID) int { return bytes.Compare(b[:], a[:]) })
				}
			}()
			p.blocked(first)
			statement(t, first, `select from platform.delivery_queue where delivery_id <> $1 for update nowait`, all[0])
			require.NoError(t, first.Commit(ctx))
			require.NoError(t, <-ended)
			require.Equal(t, map[string]int{"given back": 0, "kept": n}[way], p.leased())
		})
	}
}

// Who deletes an endpoint ends its recoveries before it has anything of the queue: a recovery that is under way has itself, and
// then wants places there.
func TestDelete_WaitsForARecoveryWithNothingOfTheQueue(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	ctx := context.Background()
	c := p.Coordinator()
	path, _ := p.endpoint(c, r, "organisation.*")
	p.deliver()
	p.record()
	c.Post(path+"/recover", object{"since": p.Clock.Now().Add(-time.Minute).Format(time.RFC3339)}).Is(200)
	recovering := p.begin()
	statement(t, recovering, `select from webhook_recoveries for update`)
	ended := make(chan *testkit.Answer, 1)
	go func() { ended <- c.Delete(path) }()
	p.blocked(recovering)
	statement(t, recovering, `select from platform.delivery_queue for update nowait`)
	statement(t, recovering, `select from webhook_deliveries for update nowait`)
	require.NoError(t, recovering.Commit(ctx))
	(<-ended).Is(204)
	require.Equal(t, 1, p.Count(`select count(*) from webhook_recoveries where status = 'cancelled'`))
	require.Empty(t, p.places())
}
