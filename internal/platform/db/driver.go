package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"

	"github.com/jackc/pgx/v5/pgtype"
)

// link is what gorm takes for its connection: statements go to the transaction, or with their scope in one round trip.
type link struct{ tx *Tx }

var errPrepare = errors.New("db: statements are not prepared by hand, pgx caches them")

func (link) PrepareContext(context.Context, string) (*sql.Stmt, error) { return nil, errPrepare }

func (l link) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if l.tx == nil {
		return nil, errNoScope
	}
	n, err := l.tx.exec(ctx, query, args)
	return driver.RowsAffected(n), err
}

// QueryContext serves what reads rows by database/sql's own means; nothing of the house does.
func (l link) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return bridge.QueryContext(l.carry(ctx, args), query)
}

func (l link) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return bridge.QueryRowContext(l.carry(ctx, args), query)
}

type bridgeKey struct{}

// carry puts a query where the bridge finds it.
func (l link) carry(ctx context.Context, args []any) context.Context {
	return context.WithValue(ctx, bridgeKey{}, func(ctx context.Context, query string) (driver.Rows, error) {
		if l.tx == nil {
			return nil, errNoScope
		}
		r, err := l.tx.query(ctx, query, args)
		if err != nil {
			return nil, err
		}
		return &rows{cursor: r}, nil
	})
}

// bridge makes rows of database/sql out of ours: only database/sql can.
var bridge = func() *sql.DB {
	d := sql.OpenDB(bridgeConn{})
	d.SetMaxIdleConns(0)
	return d
}()

type bridgeConn struct{}

var errBridge = errors.New("db: not a connection")

func (b bridgeConn) Connect(context.Context) (driver.Conn, error) { return b, nil }
func (b bridgeConn) Driver() driver.Driver                        { return b }
func (b bridgeConn) Open(string) (driver.Conn, error)             { return nil, errBridge }
func (bridgeConn) Prepare(string) (driver.Stmt, error)            { return nil, errPrepare }
func (bridgeConn) Begin() (driver.Tx, error)                      { return nil, errBridge }
func (bridgeConn) Close() error                                   { return nil }
func (bridgeConn) QueryContext(ctx context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	run, ok := ctx.Value(bridgeKey{}).(func(context.Context, string) (driver.Rows, error))
	if !ok {
		return nil, errBridge
	}
	return run(ctx, query)
}

// rows turns a cursor into what database/sql takes.
type rows struct {
	*cursor
	columns []func([]byte) (driver.Value, error)
}

func (r *rows) Columns() []string {
	fields := r.rows.FieldDescriptions()
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.Name
	}
	return out
}

func (r *rows) Next(dest []driver.Value) error {
	if r.columns == nil {
		for _, f := range r.rows.FieldDescriptions() {
			r.columns = append(r.columns, column(r.types, f.DataTypeOID, f.Format))
		}
	}
	if !r.next() {
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
