package growth

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

// Said is one statement of the program, and those before it that made the settings under which it ran: its scope, and how it is planned.
type Said struct {
	SQL      string
	Args     []any
	Settings []Setting // in their order; empty where nothing was set
}

// Setting is a statement that only sets something for its transaction.
type Setting struct {
	SQL  string
	Args []any
}

// Tap hears statements with their arguments, as the tracer of a database.
type Tap struct {
	mu       sync.Mutex
	settings map[*pgx.Conn][]Setting
	got      []Said
	deaf     bool
}

// NewTap returns one that listens.
func NewTap() *Tap { return &Tap{settings: map[*pgx.Conn][]Setting{}} }

// Take returns what was heard since the last time, in order.
func (t *Tap) Take() []Said {
	t.mu.Lock()
	defer t.mu.Unlock()
	defer func() { t.got = nil }()
	return t.got
}

// Hear says whether it listens. What is said meanwhile costs nothing and is forgotten.
func (t *Tap) Hear(yes bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.deaf = !yes
}

func (t *Tap) hear(c *pgx.Conn, sql string, args []any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.deaf:
	case strings.HasPrefix(sql, "begin"):
		delete(t.settings, c)
	case strings.HasPrefix(sql, "select set_config('app.tenant_id'"): // a scope begins a transaction, whether or not anything else does
		t.settings[c] = []Setting{{sql, args}}
	case strings.HasPrefix(sql, "select set_config("):
		t.settings[c] = append(slices.Clip(t.settings[c]), Setting{sql, args})
	default:
		t.got = append(t.got, Said{sql, args, t.settings[c]})
	}
}

// TraceQueryStart hears a statement that goes by itself.
func (t *Tap) TraceQueryStart(ctx context.Context, c *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	t.hear(c, d.SQL, d.Args)
	return ctx
}

// TraceQueryEnd has nothing to hear.
func (*Tap) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart hears statements that go together.
func (t *Tap) TraceBatchStart(ctx context.Context, c *pgx.Conn, d pgx.TraceBatchStartData) context.Context {
	for _, q := range d.Batch.QueuedQueries {
		t.hear(c, q.SQL, q.Arguments)
	}
	return ctx
}

// TraceBatchQuery has nothing to hear.
func (*Tap) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd has nothing to hear.
func (*Tap) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}
