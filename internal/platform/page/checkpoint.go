package page

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/switchingtalent/switchboard/internal/platform/db"
)

// Apart is by how much the clocks of processes may differ before a checkpoint says too much. Readiness allows 5 seconds; more
// here costs no more than reading the changes of these minutes again.
const Apart = 10 * time.Minute

// Checkpoint notes how far the order of changes is settled, and when: every transaction below platform.horizon() has ended, so
// it stamped its rows before now. Each sync that starts later than that begins behind this place instead of passing over all
// that was ever changed. Times never go back in the order of places, whatever a clock does; after dump and restore the base of positions
// is raised above all checkpoints (migrations). Those of a day are kept, one an hour of what came before, for as long as Kept.
func Checkpoint(ctx context.Context, d *db.DB) error {
	now := d.Now()
	return d.Platform(ctx, "where syncs may begin", func(tx pgx.Tx) error {
		var b pgx.Batch
		b.Queue(`insert into platform.checkpoints (at, pos)
			select greatest($1, clock_timestamp(), (select max(at) from platform.checkpoints)), platform.horizon() - 1
			on conflict (at) do update set pos = greatest(platform.checkpoints.pos, excluded.pos)`, now)
		b.Queue(`delete from platform.checkpoints where at < $1`, now.Add(-Kept-24*time.Hour))
		b.Queue(`delete from platform.checkpoints p where p.at between $1 and $2
			and exists (select 1 from platform.checkpoints b where b.at >= date_trunc('hour', p.at) and b.at < p.at)`, now.Add(-27*time.Hour), now.Add(-24*time.Hour))
		return tx.SendBatch(ctx, &b).Close()
	})
}
