package webhook

import (
	"context"
	"errors"
	"time"

	"github.com/riverqueue/river"

	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/jobs"
)

// PurgeArgs is the job that removes deliveries that are no longer kept, tenant by tenant.
type PurgeArgs struct{}

// Kind names the job.
func (PurgeArgs) Kind() string { return "webhook.purge" }

// WarnArgs is the job that warns of endpoints that have only failed for long, also when nothing is sent to them, or that have not
// proven themselves while facts wait for them.
type WarnArgs struct{}

// Kind names the job.
func (WarnArgs) Kind() string { return "webhook.warn" }

// RecoverArgs is the job that does one recovery.
type RecoverArgs struct {
	TenantID   id.TenantID   `json:"tenant_id"`
	RecoveryID id.RecoveryID `json:"recovery_id"`
}

// Kind names the job.
func (RecoverArgs) Kind() string { return "webhook.recover" }

// Work adds what this noun works on, and returns what comes back every so often. Deliveries are no jobs: see Deliverer.
func (s *Service) Work(w jobs.Workers) []jobs.Periodic {
	river.AddWorker(w.Workers, &purge{s: s})
	river.AddWorker(w.Workers, &warner{s: s})
	river.AddWorker(w.Workers, &recoverer{s: s})
	river.AddWorker(w.Workers, &postman{s: s})
	return []jobs.Periodic{{Every: time.Hour, Args: PurgeArgs{}}, {Every: 10 * time.Minute, Args: WarnArgs{}}}
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
	return s.db.EachTenant(ctx, "webhook-purge", s.Purge)
}

type warner struct {
	river.WorkerDefaults[WarnArgs]
	s *Service
}

// Work looks once.
func (w *warner) Work(ctx context.Context, _ *river.Job[WarnArgs]) error { return w.s.WarnAll(ctx) }

// WarnAll warns of the endpoints of every tenant that have only failed, or have not proven themselves, for half or three quarters of
// failingLimit.
func (s *Service) WarnAll(ctx context.Context) error {
	return s.db.EachTenant(ctx, "webhook-warn", s.Warn)
}

type postman struct {
	river.WorkerDefaults[LetterArgs]
	s *Service
}

// Work sends one letter.
func (p *postman) Work(ctx context.Context, job *river.Job[LetterArgs]) error {
	return p.s.SendLetter(ctx, job.Args)
}

type recoverer struct {
	river.WorkerDefaults[RecoverArgs]
	s *Service
}

// turn is how long a recovery works before it makes room for other jobs; it is shorter than a job may take.
const turn = 10 * time.Second

// Work does a turn of the recovery, and comes back if there is more.
func (r *recoverer) Work(ctx context.Context, job *river.Job[RecoverArgs]) error {
	bounded, cancel := context.WithTimeout(ctx, turn)
	defer cancel()
	more, err := r.s.RecoverSome(bounded, job.Args.TenantID, job.Args.RecoveryID)
	if errors.Is(err, errUnsettled) {
		return river.JobSnooze(time.Second)
	}
	if err == nil && more {
		return river.JobSnooze(0)
	}
	return err
}
