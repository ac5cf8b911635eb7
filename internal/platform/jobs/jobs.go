// Package jobs carries work that is not delivery: schedules, invitations, imports, runs. River lives here, and in the
// nouns' worker.go.
//
// A job is enqueued in the transaction that makes it necessary, and holds keys only: its table is not behind row-level
// security.
package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"github.com/switchingtalent/switchboard/internal/platform/db"
)

// schema is where River keeps its tables.
const schema = "platform"

// The time that one job may take, and after which a job of a dead process is taken up by another.
const (
	timeout = 30 * time.Second
	rescue  = 60 * time.Second
)

// Heavy is the queue of work that takes much time and memory: one such job at a time in each process.
const Heavy = "heavy"

// Queue enqueues jobs, and works them once it is started.
type Queue struct {
	client *river.Client[pgx.Tx]
}

// Workers are what a Queue can work; nouns add theirs in worker.go.
type Workers struct{ *river.Workers }

// NewWorkers returns an empty set.
func NewWorkers() Workers { return Workers{river.NewWorkers()} }

// Periodic is work that comes back: made anew every so often, once for all processes.
type Periodic struct {
	Every time.Duration
	Args  river.JobArgs
}

// Open makes a queue. Without workers it only enqueues.
func Open(d *db.DB, w *Workers, periodic []Periodic, log *slog.Logger) (*Queue, error) {
	cfg := &river.Config{Schema: schema, JobTimeout: timeout, RescueStuckJobsAfter: rescue, Logger: log,
		ReindexerSchedule: never{}, // our role owns no index
	}
	if w != nil {
		cfg.Workers = w.Workers
		cfg.Middleware = []rivertype.Middleware{river.WorkerMiddlewareFunc(discreet)}
		cfg.Queues = map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 8}, Heavy: {MaxWorkers: 1}}
		for _, p := range periodic {
			cfg.PeriodicJobs = append(cfg.PeriodicJobs, river.NewPeriodicJob(river.PeriodicInterval(p.Every),
				func() (river.JobArgs, *river.InsertOpts) {
					return p.Args, &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByPeriod: p.Every}}
				},
				&river.PeriodicJobOpts{RunOnStart: true}))
		}
	}
	c, err := river.NewClient(riverpgxv5.New(d.Pool()), cfg)
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	return &Queue{c}, nil
}

// discreet keeps what an error quotes out of River's log and of its table, which holds keys alone.
func discreet(ctx context.Context, _ *rivertype.JobRow, work func(context.Context) error) error {
	defer func() {
		if p := recover(); p != nil {
			panic(db.Cause(fmt.Errorf("%v", p)))
		}
	}()
	err := work(ctx)
	var snoozed *river.JobSnoozeError
	if err == nil || errors.As(err, &snoozed) { // which River reads
		return err
	}
	return errors.New(db.Cause(err))
}

// never is a schedule that does not come.
type never struct{}

func (never) Next(t time.Time) time.Time { return t.AddDate(100, 0, 0) }

// Start begins to work, until Stop or the end of ctx.
func (q *Queue) Start(ctx context.Context) error { return q.client.Start(ctx) }

// Stop lets running jobs finish until ctx ends, and cancels the rest; they run again elsewhere.
func (q *Queue) Stop(ctx context.Context) error {
	err := q.client.Stop(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		return q.client.StopAndCancel(stop)
	}
	return err
}

// Enqueue adds a job in the transaction: it exists if the transaction commits, and runs at the given time or, with the
// zero time, as soon as a worker is free.
func (q *Queue) Enqueue(ctx context.Context, tx *db.Tx, args river.JobArgs, at time.Time) error {
	ctx = tx.Statement.Context // a caller who hangs up does not cut a transaction short
	return tx.Pgx(func(p pgx.Tx) error {
		_, err := q.client.InsertTx(ctx, p, args, &river.InsertOpts{ScheduledAt: at})
		return err
	})
}

// Waits reports whether a job with these args waits for a worker, now or later. One that a process works does not: that
// process may be lost.
func (q *Queue) Waits(ctx context.Context, tx *db.Tx, args river.JobArgs) (waits bool, err error) {
	b, err := json.Marshal(args)
	if err != nil {
		return false, err
	}
	ctx = tx.Statement.Context
	err = tx.Pgx(func(p pgx.Tx) error {
		return p.QueryRow(ctx, `select exists (select 1 from `+schema+`.river_job where kind = $1 and args @> $2::jsonb
			and state in ('available', 'pending', 'retryable', 'scheduled'))`, args.Kind(), string(b)).Scan(&waits)
	})
	return waits, err
}

// Migrate brings River's own tables up to date, as the owner of the schema.
func Migrate(ctx context.Context, pool *pgxpool.Pool) error {
	m, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: schema})
	if err != nil {
		return err
	}
	_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}
