package db

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/switchingtalent/switchboard/internal/platform/fault"
)

// conn is the connection under a transaction. What nobody has to wait for is queued in it, and travels with the next
// statement or with COMMIT: a transaction that only writes is one round trip.
type conn struct {
	pg    *pgxpool.Conn
	scope Scope // what its statements are held to
	later []statement
	begun bool // something was sent
	over  bool
	// failed is the first error. What was queued then may not have gone out, so nothing runs or commits any more, whoever
	// swallowed it: an error of ours leaves the server in a transaction that it takes for good.
	failed error
}

type statement struct {
	sql  string
	args []any
}

var (
	errOver  = errors.New("db: the transaction is over")
	errWrite = errors.New("db: writing needs a transaction")
)

// begin queues the beginning of a transaction and the scope that row-level security reads.
func begin(pg *pgxpool.Conn, s Scope, options string) *conn {
	return &conn{pg: pg, scope: s, later: []statement{{"begin" + options, nil}, s.fresh()}}
}

// enter checks that a statement runs in the scope of its transaction.
func (c *conn) enter(s Scope) error {
	switch {
	case c.over:
		return errOver
	case c.failed != nil:
		return c.failed
	case s != c.scope:
		return errScope
	}
	return nil
}

// send sends what is queued, and one statement more if there is one, in one round trip. The answers to what was queued
// are read and good when it returns. It is not finished until the cursor is closed, or has failed. How long it may take was
// said by whoever took the connection, see within.
func (c *conn) send(query string, args []any) (*cursor, error) {
	b := &pgx.Batch{}
	for _, s := range c.later {
		b.Queue(s.sql, s.args...)
	}
	if query != "" {
		b.Queue(query, args...)
	}
	n := len(c.later)
	c.later, c.begun = c.later[:0], true
	r, err := answers(c.pg.Conn(), c.pg.SendBatch(context.Background(), b), n, query != "")
	c.fail(err)
	return r, err
}

// fail keeps the first error.
func (c *conn) fail(err error) {
	if c.failed == nil {
		c.failed = err
	}
}

// flush sends what is queued, for code that takes the connection into its own hands.
func (c *conn) flush() error {
	if len(c.later) == 0 {
		return nil
	}
	r, err := c.send("", nil)
	if err != nil {
		return err
	}
	return r.Close()
}

// commit has a deadline of its own: what ran until a moment before the transaction's deadline may still be committed. A
// transaction that sent nothing and has nothing queued but its beginning did nothing.
func (c *conn) commit() error {
	c.over = true
	if c.failed != nil {
		return c.failed
	}
	if !c.begun && len(c.later) <= len(begin(nil, c.scope, "").later) {
		return nil
	}
	within(c.pg, commitDeadline)
	r, err := c.send("commit", nil)
	if err == nil {
		err = r.Close()
		if err == nil && r.rows.CommandTag().String() == "ROLLBACK" {
			err = pgx.ErrTxCommitRollback // an error inside the transaction that somebody swallowed
		}
	}
	if err == nil || c.open() {
		return err // still open: COMMIT was not reached
	}
	var pg *pgconn.PgError
	var built pgx.ErrPreprocessingBatch
	if errors.As(err, &pg) && pg.SeverityUnlocalized == "ERROR" || errors.Is(err, pgx.ErrTxCommitRollback) || errors.As(err, &built) {
		return err // the server said no (a deferred constraint, a serialization failure), or COMMIT was never sent
	}
	// A server that was told to stop says so (57P01) after it committed, too.
	return fault.OutcomeUnknown.Because(err)
}

// open reports whether the server is known to be inside the transaction.
func (c *conn) open() bool {
	pg := c.pg.Conn().PgConn()
	return !pg.IsClosed() && (pg.TxStatus() == 'T' || pg.TxStatus() == 'E')
}

// rollback ends a transaction that is still open. The pool throws away a connection on which that fails.
func (c *conn) rollback() {
	c.over = true
	if !c.open() {
		return
	}
	within(c.pg, commitDeadline)
	_, _ = c.pg.Conn().PgConn().Exec(context.Background(), "rollback").ReadAll()
}

// cursor is the answer to a statement at the end of a batch.
type cursor struct {
	types   *pgtype.Map
	rows    pgx.Rows
	end     io.Closer // what is left of the round trip
	first   bool      // the first row, if there is one, was fetched and not yet handed out
	more    bool
	release func()
}

// answers reads the answers to what was queued, and the first row of the last one: errors of execution come from here.
func answers(c *pgx.Conn, br pgx.BatchResults, queued int, last bool) (*cursor, error) {
	fail := func(err error) (*cursor, error) {
		_ = br.Close()
		return nil, err
	}
	for range queued {
		if _, err := br.Exec(); err != nil {
			return fail(err)
		}
	}
	r := &cursor{types: c.TypeMap(), end: br}
	if !last {
		return r, nil
	}
	rows, err := br.Query()
	if err != nil {
		return fail(err)
	}
	r.rows, r.first, r.more = rows, true, rows.Next()
	if err := rows.Err(); err != nil {
		return fail(err)
	}
	return r, nil
}

// next goes to the next row.
func (r *cursor) next() bool {
	if r.first {
		r.first = false
	} else {
		r.more = r.rows.Next()
	}
	return r.more
}

// Close reads what is left and ends the batch.
func (r *cursor) Close() error {
	var err error
	if r.rows != nil {
		r.rows.Close()
		err = r.rows.Err()
	}
	err = errors.Join(err, r.end.Close())
	if r.release != nil {
		r.release()
		r.release = nil
	}
	return err
}

// tries is how often a single statement is sent before a connection that broke is somebody's problem, or knows a table as it was.
// What only reads may be sent again however far it came.
const tries = 3

// single sends the one statement of a Tx in single mode together with its scope, which ends with it.
func (tx *Tx) single(ctx context.Context, query string, args []any) (*cursor, error) {
	if tx.spent {
		return nil, errSecond
	}
	tx.spent = true
	_, scope := tx.Scope.alone()
	until := tx.Began.Add(txDeadline)
	if d, ok := ctx.Deadline(); ok && d.Before(until) {
		until = d
	}
	ctx, cancel := context.WithDeadline(ctx, until) // of waiting for a connection, and of the pool's looking whether it is alive
	defer cancel()
	for n := 1; ; n++ {
		pg, err := tx.db.pool.Acquire(ctx)
		if err != nil {
			return nil, err
		}
		within(pg, time.Until(until))
		b := &pgx.Batch{}
		b.Queue(scope.sql, scope.args...)
		b.Queue(query, args...)
		r, err := answers(pg.Conn(), pg.SendBatch(context.Background(), b), 1, true)
		if err == nil {
			r.release = func() { release(pg) }
			return r, nil
		}
		broke := pg.Conn().IsClosed()
		release(pg)
		if !broke && !changed(err) || ctx.Err() != nil || n == tries {
			return nil, err
		}
	}
}

// query sends a statement that answers rows.
func (tx *Tx) query(ctx context.Context, query string, args []any) (*cursor, error) {
	args = arguments(args)
	if tx.conn == nil {
		if err := tx.Scope.check(); err != nil {
			return nil, err
		}
		return tx.single(ctx, query, args)
	}
	if err := tx.conn.enter(tx.Scope); err != nil {
		return nil, err
	}
	return tx.conn.send(query, args)
}

// exec sends a statement and returns how many rows it touched. Nothing is written without a transaction.
func (tx *Tx) exec(ctx context.Context, query string, args []any) (int64, error) {
	if tx.conn == nil {
		return 0, errWrite
	}
	r, err := tx.query(ctx, query, args)
	if err != nil {
		return 0, err
	}
	if err = r.Close(); err != nil {
		tx.conn.fail(err)
	}
	return r.rows.CommandTag().RowsAffected(), err
}

// queue lets a statement wait for the next one, or for COMMIT. It says nothing of how many rows it touches; what it does
// wrong is said by whatever takes it along.
func (tx *Tx) queue(query string, args []any) error {
	if tx.conn == nil {
		return errWrite
	}
	if err := tx.conn.enter(tx.Scope); err != nil {
		return err
	}
	tx.conn.later = append(tx.conn.later, statement{query, arguments(args)})
	return nil
}

// within gives what is sent over a connection a deadline, until release. It is the connection's own: to let pgx watch a context
// costs as much as to send a statement, and a context that ends takes its connection along.
func within(pg *pgxpool.Conn, d time.Duration) {
	_ = pg.Conn().PgConn().Conn().SetDeadline(time.Now().Add(d)) // it fails where sending will
}

// release gives a connection back to the pool.
func release(pg *pgxpool.Conn) {
	if c := pg.Conn().PgConn(); !c.IsClosed() { // or pgx is closing it, within a deadline of its own
		_ = c.Conn().SetDeadline(time.Time{})
	}
	pg.Release()
}

// acquire waits for a connection no longer than a transaction may last, and no longer than the caller does.
func (d *DB) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, txDeadline)
	defer cancel()
	return d.pool.Acquire(ctx)
}
