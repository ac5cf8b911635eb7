package event

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// The feed and every list that is followed stop at the oldest transaction that has written and still runs: one that somebody
// forgot hides what commits after it from everybody, in this database and in the others of its server. When it began the app role
// is not told of other roles. But every minute a job notes how far all is settled, in a transaction of its own: where that is how
// far it is settled now, the same transaction has run since then. The bound is now(): by
// clock_timestamp(), which changes while a statement runs, no index finds anything, and whoever looked at the metrics had all
// checkpoints read.
const held = `
select coalesce(extract(epoch from clock_timestamp() - min(at)), 0)::float8
from platform.checkpoints
where at > now() - interval '1 day' and pos = (select platform.horizon() - 1)`

// Lag is for how long a transaction is known to hold back the feed: to the minute, a day at most; 0 when none does, and where no
// worker runs.
func (s *Service) Lag(ctx context.Context) (time.Duration, error) {
	var seconds float64
	err := s.db.Platform(ctx, "how long the feed stands still", func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, held).Scan(&seconds)
	})
	return time.Duration(max(seconds, 0) * float64(time.Second)), err
}

// holder is who runs the oldest transaction that has written: only its process and its name are for everybody to see.
const holder = `
select l.pid, coalesce(a.usename, ''), coalesce(a.application_name, ''), coalesce(a.datname, '')
from pg_locks l
left join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'transactionid' and l.mode = 'ExclusiveLock' and l.granted and l.transactionid = pg_snapshot_xmin(pg_current_snapshot())::xid`

// Holder says in words whose transaction is the oldest that has written and still runs, for who may end it.
func (s *Service) Holder(ctx context.Context) (string, error) {
	said := "it has ended meanwhile"
	err := s.db.Platform(ctx, "who holds back the feed", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, holder)
		if err != nil {
			return err
		}
		var (
			pid                     *int
			role, program, database string
		)
		_, err = pgx.ForEachRow(rows, []any{&pid, &role, &program, &database}, func() error {
			said = "it was prepared and then left: see pg_prepared_xacts"
			if pid != nil {
				said = fmt.Sprintf("process %d of the role %q in the database %q, which calls itself %q", *pid, role, database, program)
			}
			return nil
		})
		return err
	})
	return said, err
}
