package access

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/switchingtalent/switchboard/internal/platform/jobs"
)

// PurgeArgs is the job that removes what nobody can use any more, tenant by tenant.
type PurgeArgs struct{}

// Kind names the job.
func (PurgeArgs) Kind() string { return "access.purge" }

// Work adds what this noun works on, and returns what comes back every so often.
func (s *Service) Work(w jobs.Workers) []jobs.Periodic {
	river.AddWorker(w.Workers, &purge{s: s})
	return []jobs.Periodic{{Every: time.Hour, Args: PurgeArgs{}}}
}

type purge struct {
	river.WorkerDefaults[PurgeArgs]
	s *Service
}

// Work runs one purge. A tenant that fails does not keep the others waiting; what is left is tried again with the job.
func (p *purge) Work(ctx context.Context, _ *river.Job[PurgeArgs]) error {
	return p.s.PurgeAll(ctx)
}

// PurgeAll purges every tenant, and forgets revocations of tokens that have long expired.
func (s *Service) PurgeAll(ctx context.Context) error {
	err := s.db.Platform(ctx, "forgetting revocations", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `delete from platform.revocations where revoked_at < $1`, s.db.Now().Add(-revokedKept))
		return err
	})
	return errors.Join(err, s.db.EachTenant(ctx, "access-purge", s.Purge))
}
