package event

import (
	"context"
	"errors"
	"time"

	"github.com/riverqueue/river"

	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/jobs"
)

// PurgeArgs is the job that forgets facts, and tries of deliveries, that are no longer kept.
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

// PurgeAll drops the partitions whose facts and tries of deliveries are no longer kept, and makes those for the days to
// come; then it purges every tenant of what stands in none. One that fails does not keep the others waiting; what is left
// is tried again with the next job.
func (s *Service) PurgeAll(ctx context.Context) error {
	keep := map[string]time.Duration{"events": s.keep, "webhook_attempts": s.keepTries}
	var errs []error
	for _, table := range fact.Partitioned {
		_, _, err := fact.Forget(ctx, s.db, table, s.db.Now().Add(-keep[table]-2*grace), keep[table])
		errs = append(errs, err)
	}
	return errors.Join(append(errs, s.db.EachTenant(ctx, "event-purge", s.Purge))...)
}
