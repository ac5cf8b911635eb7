package db

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// borrowed shows the connection under a transaction as a pgx.Tx. It never ends that transaction: who began it does.
type borrowed struct{ c *pgx.Conn }

var errBorrowed = errors.New("db: the transaction belongs to whoever began it")

func (b borrowed) Begin(ctx context.Context) (pgx.Tx, error) {
	if _, err := b.c.Exec(ctx, "savepoint borrowed"); err != nil {
		return nil, err
	}
	return &savepoint{borrowed: b}, nil
}
func (b borrowed) Commit(context.Context) error   { return errBorrowed }
func (b borrowed) Rollback(context.Context) error { return errBorrowed }
func (b borrowed) CopyFrom(context.Context, pgx.Identifier, []string, pgx.CopyFromSource) (int64, error) {
	return 0, errors.New("db: COPY is refused under row-level security; insert from unnest")
}
func (b borrowed) SendBatch(ctx context.Context, batch *pgx.Batch) pgx.BatchResults {
	return b.c.SendBatch(ctx, batch)
}
func (b borrowed) LargeObjects() pgx.LargeObjects { return pgx.LargeObjects{} }
func (b borrowed) Prepare(ctx context.Context, name, q string) (*pgconn.StatementDescription, error) {
	return b.c.Prepare(ctx, name, q)
}
func (b borrowed) Exec(ctx context.Context, q string, args ...any) (pgconn.CommandTag, error) {
	return b.c.Exec(ctx, q, args...)
}
func (b borrowed) Query(ctx context.Context, q string, args ...any) (pgx.Rows, error) {
	return b.c.Query(ctx, q, args...)
}
func (b borrowed) QueryRow(ctx context.Context, q string, args ...any) pgx.Row {
	return b.c.QueryRow(ctx, q, args...)
}
func (b borrowed) Conn() *pgx.Conn { return b.c }

// savepoint is a nested transaction on a borrowed connection.
type savepoint struct {
	borrowed
	done bool
}

func (s *savepoint) Commit(ctx context.Context) error {
	if s.done {
		return pgx.ErrTxClosed
	}
	s.done = true
	_, err := s.c.Exec(ctx, "release savepoint borrowed")
	return err
}

func (s *savepoint) Rollback(ctx context.Context) error {
	if s.done {
		return pgx.ErrTxClosed
	}
	s.done = true
	if _, err := s.c.Exec(ctx, "rollback to savepoint borrowed"); err != nil {
		return err
	}
	_, err := s.c.Exec(ctx, "release savepoint borrowed") // or the one around it could not be reached by its name
	return err
}
