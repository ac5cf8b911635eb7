package webhook

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/jobs"
)

// PurgeArgs is the job that removes deliveries that are no longer kept, tenant by tenant.
type PurgeArgs struct{}

// Kind names the job.
func (PurgeArgs) Kind() string { return "webhook.purge" }

// Work adds what this noun works on, and returns what comes back every so often. Deliveries are no jobs: see Deliverer.
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
	var tenants []id.TenantID
	err := s.db.Platform(ctx, "whose deliveries to purge", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select tenant_id::text from platform.directory where kind = 'tenant_slug' order by tenant_id`)
		if err != nil {
			return err
		}
		tenants, err = pgx.CollectRows(rows, pgx.RowTo[id.TenantID])
		return err
	})
	for _, t := range tenants {
		for more := true; more && ctx.Err() == nil; {
			failed := s.db.InTenant(ctx, db.System(t, "purge"), func(tx *db.Tx) (err error) {
				more, err = s.Purge(tx)
				return err
			})
			if failed != nil {
				err, more = errors.Join(err, failed), false
			}
		}
	}
	return errors.Join(err, ctx.Err())
}
