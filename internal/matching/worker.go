package matching

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/riverqueue/river"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/jobs"
)

// runArgs is the job that computes one matching run.
type runArgs struct {
	TenantID id.TenantID      `json:"tenant_id"`
	RunID    id.MatchingRunID `json:"run_id"`

	waiting int // runs of the same tenant before it
}

// Kind names the job.
func (runArgs) Kind() string { return "matching.run" }

// InsertOpts puts it in the queue of heavy work. The first run of a tenant goes before the second of another.
func (a runArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: jobs.Heavy, Priority: min(1+a.waiting, 4)}
}

// rescueArgs is the job that finds runs whose worker was lost.
type rescueArgs struct{}

// Kind names the job.
func (rescueArgs) Kind() string { return "matching.rescue" }

// forgetArgs is the job that removes what runs of long ago judged.
type forgetArgs struct{}

// Kind names the job.
func (forgetArgs) Kind() string { return "matching.forget" }

// Work adds what is worked on, and returns what comes back every so often.
func (s *Service) Work(w jobs.Workers) []jobs.Periodic {
	river.AddWorker(w.Workers, &runner{s: s})
	river.AddWorker(w.Workers, &rescuer{s: s})
	river.AddWorker(w.Workers, &forgetter{s: s})
	return []jobs.Periodic{{Every: 30 * time.Second, Args: rescueArgs{}}, {Every: 24 * time.Hour, Args: forgetArgs{}}}
}

// enqueue adds the job of a run, in the transaction that makes it necessary.
func (s *Service) enqueue(ctx context.Context, tx *db.Tx, rid id.MatchingRunID, waiting int) error {
	return s.Jobs.Enqueue(ctx, tx, runArgs{tx.TenantID(), rid, waiting}, time.Time{})
}

// keeper renews the lease of a run for as long as it is worked on, whatever is being done, and tells how far it is; its ctx ends
// with errGone when the run is somebody else's or cancelled.
type keeper struct {
	ctx  context.Context
	stop func() // ends ctx, and waits for the last beat

	mu    sync.Mutex
	stage string
	done  int
	total int
}

// tell notes how far the run is.
func (k *keeper) tell(stage string, done, total int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stage, k.done, k.total = stage, done, total
}

// keep begins to renew the lease of a run. A beat that fails is followed by the next: whether another took the run meanwhile, that
// one tells.
func (s *Service) keep(ctx context.Context, who db.Who, r Run) *keeper {
	k := &keeper{stage: stageLoading}
	ctx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	k.ctx, k.stop = ctx, func() {
		cancel(nil)
		<-ended
	}
	go func() {
		defer close(ended)
		tick := time.NewTicker(heartbeat)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			k.mu.Lock()
			stage, done, total := k.stage, k.done, k.total
			k.mu.Unlock()
			if err := s.db.InTenant(ctx, who, func(tx *db.Tx) error { return renew(tx, r, stage, done, total) }); errors.Is(err, errGone) {
				cancel(errGone)
				if stage != stageStoring || done < total { // else it is done, and was ours
					s.watch("gone")
				}
				return
			}
		}
	}()
	return k
}

type runner struct {
	river.WorkerDefaults[runArgs]
	s *Service
}

// runTime is how long one run may take. Whoever lost it is found by its lease, long before.
const runTime = 30 * time.Minute

// Timeout is that of a run.
func (*runner) Timeout(*river.Job[runArgs]) time.Duration { return runTime }

// Work computes one run.
func (r *runner) Work(ctx context.Context, job *river.Job[runArgs]) error {
	return r.s.ComputeRun(ctx, job.Args.TenantID, job.Args.RunID)
}

type rescuer struct {
	river.WorkerDefaults[rescueArgs]
	s *Service
}

// Work looks once over all tenants.
func (r *rescuer) Work(ctx context.Context, _ *river.Job[rescueArgs]) error {
	return r.s.RescueRuns(ctx)
}

type forgetter struct {
	river.WorkerDefaults[forgetArgs]
	s *Service
}

// Work goes once over all tenants.
func (f *forgetter) Work(ctx context.Context, _ *river.Job[forgetArgs]) error {
	return f.s.ForgetRuns(ctx)
}
