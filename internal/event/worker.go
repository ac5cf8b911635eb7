package event

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"github.com/switchingtalent/switchboard/internal/platform/jobs"
)

// PurgeArgs is the job that removes facts that are no longer kept, tenant by tenant.
type PurgeArgs struct{}

// Kind names the job.
func (PurgeArgs) Kind() string { return "event.purge" }

// Work adds what this noun works on, and returns what comes back every so often.
func (s *Service) Work(w jobs.Workers) []jobs.Periodic {
	river.AddWorker(w.Workers, &purge{s: s})
	return []jobs.Periodic{{Every: time.Hour, Args: PurgeArgs{}}}
}

type purge struct {
	river.WorkerDefaults[PurgeArgs]
	s *Service
}

// Work runs one purge.
func (p *purge) Work(ctx context.Context, _ *river.Job[PurgeArgs]) error { return p.s.PurgeAll(ctx) }

// PurgeAll purges every tenant. One that fails does not keep the others waiting; what is left is tried again with the
// next job.
func (s *Service) PurgeAll(ctx context.Context) error {
	return s.db.EachTenant(ctx, "purge", s.Purge)
}
