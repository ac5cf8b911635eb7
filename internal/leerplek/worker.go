package leerplek

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/jobs"
)

// lexemesArgs is the job that reads the texts of leerplekken again, where another version of the program read them.
type lexemesArgs struct{}

// Kind names the job.
func (lexemesArgs) Kind() string { return "leerplek.lexemes" }

// Work adds what this noun works on, and returns what comes back every so often.
func (s Service) Work(d *db.DB, w jobs.Workers) []jobs.Periodic {
	river.AddWorker(w.Workers, &reader{s: s, db: d})
	return []jobs.Periodic{{Every: time.Hour, Args: lexemesArgs{}}}
}

type reader struct {
	river.WorkerDefaults[lexemesArgs]
	s  Service
	db *db.DB
}

// Work goes once over all tenants, or on from where it ran out of time.
func (r *reader) Work(ctx context.Context, _ *river.Job[lexemesArgs]) error {
	return r.s.ReadAll(ctx, r.db)
}
