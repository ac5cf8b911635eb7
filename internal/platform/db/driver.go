package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

// openStd puts database/sql, and with it gorm, on top of the pgx pool, with a connection that sends the scope of its
// context along with every statement.
func openStd(pool *pgxpool.Pool) *sql.DB {
	std := sql.OpenDB(connector{stdlib.GetPoolConnector(pool)})
	std.SetMaxIdleConns(0) // the pgx pool keeps the idle ones
	return std
}

type connector struct{ driver.Connector }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	dc, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: dc.(*stdlib.Conn)}, nil
}

// conn is one connection. Inside a transaction statements pass as they are, if their scope is the transaction's;
// outside they travel in one batch with their scope, which ends with that batch.
type conn struct {
	*stdlib.Conn
	inTx    bool
	txScope Scope
}

var errPrepare = errors.New("db: statements are not prepared by hand, pgx caches them")

func (c *conn) Begin() (driver.Tx, error)                                   { return nil, errNoScope }
func (c *conn) Prepare(string) (driver.Stmt, error)                         { return nil, errPrepare }
func (c *conn) PrepareContext(context.Context, string) (driver.Stmt, error) { return nil, errPrepare }
func (c *conn) IsValid() bool                                               { return !c.Conn.Conn().IsClosed() }

func (c *conn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	s, err := scopeOf(ctx)
	if err != nil {
		return nil, err
	}
	if c.Conn.Conn().IsClosed() {
		return nil, driver.ErrBadConn
	}
	options := ""
	switch sql.IsolationLevel(o.Isolation) {
	case sql.LevelDefault:
	case sql.LevelRepeatableRead:
		options = " isolation level repeatable read"
	default:
		return nil, fmt.Errorf("db: isolation %v is not used here", sql.IsolationLevel(o.Isolation))
	}
	if o.ReadOnly {
		options += " read only"
	}
	t, err := c.Conn.Conn().BeginTx(ctx, pgx.TxOptions{BeginQuery: s.begin(options)})
	if err != nil {
		return nil, badConn(err)
	}
	c.inTx, c.txScope = true, s
	return transaction{c, t}, nil
}

type transaction struct {
	c *conn
	t pgx.Tx
}

// Commit has a deadline of its own: what ran until a moment before the transaction's deadline may still be committed.
func (t transaction) Commit() error {
	t.c.inTx = false
	ctx, cancel := context.WithTimeout(context.Background(), commitDeadline)
	defer cancel()
	return t.t.Commit(ctx)
}

func (t transaction) Rollback() error {
	t.c.inTx = false
	ctx, cancel := context.WithTimeout(context.Background(), commitDeadline)
	defer cancel()
	return t.t.Rollback(ctx)
}

// enter checks that a statement runs in the scope of its transaction, and says whether it is in one.
func (c *conn) enter(ctx context.Context) (Scope, bool, error) {
	s, err := scopeOf(ctx)
	if err != nil {
		return s, false, err
	}
	if c.inTx {
		if s != c.txScope {
			return s, true, errScope
		}
		return s, true, nil
	}
	if c.Conn.Conn().IsClosed() {
		return s, false, driver.ErrBadConn
	}
	return s, false, countSingle(ctx)
}

func (c *conn) QueryContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Rows, error) {
	s, inTx, err := c.enter(ctx)
	if err != nil {
		return nil, err
	}
	if inTx {
		return c.Conn.QueryContext(ctx, q, args)
	}
	b := &pgx.Batch{}
	b.Queue(setScope+readOnly, s.args()...)
	b.Queue(q, values(args)...)
	br := c.Conn.Conn().SendBatch(ctx, b)
	fail := func(err error) (driver.Rows, error) {
		_ = br.Close()
		// What only reads may be tried again, however far it came on a connection that broke: database/sql does so.
		if ctx.Err() == nil && c.Conn.Conn().IsClosed() {
			uncount(ctx)
			return nil, driver.ErrBadConn
		}
		return nil, err
	}
	if _, err := br.Exec(); err != nil {
		return fail(err)
	}
	r, err := br.Query()
	if err != nil {
		return fail(err)
	}
	// The first row is read now: errors of execution belong to the query, as database/sql expects them.
	more := r.Next()
	if err := r.Err(); err != nil {
		return fail(err)
	}
	return &rows{types: c.Conn.Conn().TypeMap(), rows: r, batch: br, first: true, more: more}, nil
}

// ExecContext runs outside a transaction only to fail: nothing is written without one.
func (c *conn) ExecContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Result, error) {
	_, inTx, err := c.enter(ctx)
	if err != nil {
		return nil, err
	}
	if !inTx {
		return nil, errors.New("db: writing needs a transaction")
	}
	return c.Conn.ExecContext(ctx, q, args)
}

func badConn(err error) error {
	if pgconn.SafeToRetry(err) { // nothing was sent: database/sql may try another connection
		return driver.ErrBadConn
	}
	return err
}

func values(args []driver.NamedValue) []any {
	out := make([]any, len(args))
	for i, a := range args {
		out[i] = a.Value
	}
	return out
}

// rows turns the rows of a batch into what database/sql takes.
type rows struct {
	types   *pgtype.Map
	rows    pgx.Rows
	batch   pgx.BatchResults
	columns []func([]byte) (driver.Value, error)
	first   bool
	more    bool
}

func (r *rows) Columns() []string {
	fields := r.rows.FieldDescriptions()
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.Name
	}
	return out
}

func (r *rows) Close() error {
	r.rows.Close()
	return errors.Join(r.rows.Err(), r.batch.Close())
}

func (r *rows) Next(dest []driver.Value) error {
	if r.columns == nil {
		for _, f := range r.rows.FieldDescriptions() {
			r.columns = append(r.columns, column(r.types, f.DataTypeOID, f.Format))
		}
	}
	if !r.first {
		r.more = r.rows.Next()
	}
	r.first = false
	if !r.more {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return io.EOF
	}
	for i, b := range r.rows.RawValues() {
		if b == nil {
			dest[i] = nil
			continue
		}
		v, err := r.columns[i](b)
		if err != nil {
			return err
		}
		dest[i] = v
	}
	return nil
}

// column returns how one column is decoded to the few types that database/sql knows. Whatever is not listed passes
// through its codec, and becomes text when that has no answer.
func column(m *pgtype.Map, oid uint32, format int16) func([]byte) (driver.Value, error) {
	switch oid {
	case pgtype.BoolOID:
		return scan(m, oid, format, func(v bool) (driver.Value, error) { return v, nil })
	case pgtype.ByteaOID, pgtype.JSONOID, pgtype.JSONBOID:
		return scan(m, oid, format, func(v []byte) (driver.Value, error) { return v, nil })
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID:
		return scan(m, oid, format, func(v int64) (driver.Value, error) { return v, nil })
	case pgtype.Float4OID, pgtype.Float8OID:
		return scan(m, oid, format, func(v float64) (driver.Value, error) { return v, nil })
	case pgtype.DateOID:
		return scan(m, oid, format, func(v pgtype.Date) (driver.Value, error) { return v.Value() })
	case pgtype.TimestampOID:
		return scan(m, oid, format, func(v pgtype.Timestamp) (driver.Value, error) { return v.Value() })
	case pgtype.TimestamptzOID:
		return scan(m, oid, format, func(v pgtype.Timestamptz) (driver.Value, error) { return v.Value() })
	case pgtype.TextArrayOID:
		return scan(m, oid, format, func(v []string) (driver.Value, error) { return Strings(v).Value() })
	case pgtype.UUIDArrayOID:
		return scan(m, oid, format, func(v []pgtype.UUID) (driver.Value, error) {
			out := make(Strings, len(v))
			for i, u := range v {
				out[i] = u.String()
			}
			return out.Value()
		})
	}
	if format == pgtype.BinaryFormatCode {
		if t, ok := m.TypeForOID(oid); ok {
			return func(b []byte) (driver.Value, error) { return t.Codec.DecodeDatabaseSQLValue(m, oid, format, b) }
		}
	}
	return scan(m, oid, format, func(v string) (driver.Value, error) { return v, nil })
}

func scan[T any](m *pgtype.Map, oid uint32, format int16, conv func(T) (driver.Value, error)) func([]byte) (driver.Value, error) {
	var v T
	plan := m.PlanScan(oid, format, &v)
	return func(b []byte) (driver.Value, error) {
		var fresh T
		v = fresh
		if err := plan.Scan(b, &v); err != nil {
			return nil, err
		}
		return conv(v)
	}
}
