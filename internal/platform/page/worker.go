package page

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/jobs"
)

// CheckpointArgs is the job that notes where the order of changes stands.
type CheckpointArgs struct{}

// Kind names the job.
func (CheckpointArgs) Kind() string { return "page.checkpoint" }

// Work adds what keeps starts of syncs short, and returns what comes back every so often.
func Work(d *db.DB, w jobs.Workers) []jobs.Periodic {
	river.AddWorker(w.Workers, &checkpointer{db: d})
	return []jobs.Periodic{{Every: time.Minute, Args: CheckpointArgs{}}}
}

type checkpointer struct {
	river.WorkerDefaults[CheckpointArgs]
	db *db.DB
}

// Work notes it once.
func (c *checkpointer) Work(ctx context.Context, _ *river.Job[CheckpointArgs]) error {
	return Checkpoint(ctx, c.db)
}
