package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"github.com/switchingtalent/switchboard/internal/platform/fault"
)

var (
	constraintsMu sync.Mutex
	constraints   = map[string]func() *fault.Error{}
)

// Constraint gives a constraint of the schema its meaning: what a caller is told when it refuses. It is called for
// package variables; a test checks that each name exists in the schema.
func Constraint(name string, f func() *fault.Error) struct{} {
	constraintsMu.Lock()
	defer constraintsMu.Unlock()
	if constraints[name] != nil {
		panic("db: constraint " + name + " has two meanings")
	}
	constraints[name] = f
	return struct{}{}
}

// Constraints lists the names that have a meaning.
func Constraints() []string {
	constraintsMu.Lock()
	defer constraintsMu.Unlock()
	var out []string
	for n := range constraints {
		out = append(out, n)
	}
	return out
}

func meaning(name string) func() *fault.Error {
	constraintsMu.Lock()
	defer constraintsMu.Unlock()
	return constraints[name]
}

// The SQLSTATE codes that mean something to a caller (PostgreSQL documentation, appendix A).
const (
	notNull       = "23502"
	foreignKey    = "23503"
	unique        = "23505"
	check         = "23514"
	exclusion     = "23P01"
	serialization = "40001"
	deadlock      = "40P01"
	lockTimeout   = "55P03"
	canceled      = "57014"
	shutdown      = "57P01"
	crash         = "57P02"
	starting      = "57P03"
	tooMany       = "53300"
	diskFull      = "53100"
	outOfRange    = "22003"
	badEncoding   = "22021"
	untranslated  = "22P05"
	tooLong       = "22001"
	notSupported  = "0A000"
)

// IsConstraint reports whether err says that the named constraint refused.
func IsConstraint(err error, name string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.ConstraintName == name
}

func retryable(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == serialization || pg.Code == deadlock || misrouted(pg))
}

// changed says that a statement was prepared before its table changed; pgx forgets it then.
func changed(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == notSupported
}

// misrouted says that a row was on its way to one partition while another was made for it: only a partition's own bounds are a
// check without a name, and a row that no partition takes, which a default one rules out (rule P2 of the catalogue).
func misrouted(pg *pgconn.PgError) bool {
	return pg.Code == check && pg.ConstraintName == "" && pg.TableName != ""
}

// unsent is why a statement was not even sent.
type unsent struct{ error }

func (u unsent) Unwrap() error { return u.error }

// Undone reports whether err, of PlatformOne, says that nothing was changed: the statement was never sent, or the database
// refused it. Of any other error, and of a server that was told to stop, nobody can say.
func Undone(err error) bool {
	var never unsent
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code != shutdown && pg.Code != crash
	}
	return errors.As(err, &never) || pgconn.SafeToRetry(err)
}

// translate gives PostgreSQL's refusals their meaning: by SQLSTATE and constraint name, never by text. A fault passes,
// and what has no meaning for a caller stays what it is.
func translate(err error) error {
	if err == nil {
		return nil
	}
	var known *fault.Error
	if errors.As(err, &known) {
		return err
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		var connect *pgconn.ConnectError
		var network net.Error
		switch {
		case errors.Is(err, gorm.ErrRecordNotFound), errors.Is(err, pgx.ErrNoRows):
			return fault.Missing.Because(err)
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.As(err, &connect), pgconn.SafeToRetry(err),
			errors.Is(err, driver.ErrBadConn), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &network): // the connection broke before COMMIT
			return fault.Busy.Because(err).After(time.Second)
		}
		return err
	}
	switch pg.Code {
	case foreignKey, unique, check, exclusion, notNull:
		if m := meaning(pg.ConstraintName); m != nil {
			f := m()
			f.Cause = err
			return f
		}
		switch pg.Code {
		case unique, exclusion:
			return fault.Exists.Because(err)
		case foreignKey:
			f := fault.Unprocessable.New()
			f.Cause = err
			return f
		}
		if misrouted(pg) {
			return fault.Busy.Because(err).After(time.Second)
		}
	case serialization, deadlock, lockTimeout, canceled, shutdown, crash, starting, tooMany, diskFull:
		return fault.Busy.Because(err).After(time.Second)
	case outOfRange, badEncoding, untranslated, tooLong:
		return fault.Unprocessable.Because(err)
	}
	return err
}
