package db

import (
	"context"
	"errors"
	"os"
	"regexp"

	"github.com/jackc/pgx/v5/pgconn"
)

// quoted is where errors of drivers, decoders and the standard library show what they choked on.
var quoted = regexp.MustCompile(`(?s)"(?:[^"\\]|\\.)*"?|\x60[^\x60]*\x60?|\{.*\}|\[.*\]`)

// maxCause bounds what one error adds to the log, in bytes.
const maxCause = 500

// Cause says what happened in words that hold no data, for the log: of the database its codes, never its text, and of
// any other error what it says with everything that it quotes left out. It is "" for nil.
func Cause(err error) string {
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &pg):
		return "sqlstate " + pg.Code + " table " + pg.TableName + " constraint " + pg.ConstraintName + " routine " + pg.Routine
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "deadline"
	}
	text := err.Error()
	return quoted.ReplaceAllString(text[:min(len(text), maxCause)], "…")
}
