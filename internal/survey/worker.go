package survey

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/jobs"
)

// inviteArgs is the job that invites the respondent of one survey on its day.
type inviteArgs struct {
	TenantID id.TenantID `json:"tenant_id"`
	SurveyID id.SurveyID `json:"survey_id"`
}

// Kind names the job.
func (inviteArgs) Kind() string { return "survey.invite" }

// expireArgs is the job that ends the surveys whose time is over, tenant by tenant.
type expireArgs struct{}

// Kind names the job.
func (expireArgs) Kind() string { return "survey.expire" }

// Work adds what this noun works on, and returns what comes back every so often.
func (s Service) Work(d *db.DB, w jobs.Workers) []jobs.Periodic {
	river.AddWorker(w.Workers, &inviter{s: s, db: d})
	river.AddWorker(w.Workers, &expirer{s: s, db: d})
	return []jobs.Periodic{{Every: time.Hour, Args: expireArgs{}}}
}

type inviter struct {
	river.WorkerDefaults[inviteArgs]
	s  Service
	db *db.DB
}

// Work runs one invitation.
func (i *inviter) Work(ctx context.Context, job *river.Job[inviteArgs]) error {
	return i.s.InviteDue(ctx, i.db, job.Args.TenantID, job.Args.SurveyID)
}

type expirer struct {
	river.WorkerDefaults[expireArgs]
	s  Service
	db *db.DB
}

// Work runs one round over all tenants.
func (e *expirer) Work(ctx context.Context, _ *river.Job[expireArgs]) error {
	return e.s.ExpireDue(ctx, e.db)
}
