package db

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Rows that are asked for by their id at one moment are asked for together: one connection takes the questions of several
// requests, and PostgreSQL answers them without going to sleep and being woken for each. Every question stays a transaction of
// its own, with the settings of its own scope (a Sync ends it: PostgreSQL documentation, 54.2.4), and an answer is believed only under
// the settings that were asked for. A trip is nobody's: whoever waits for one too long, or in vain, asks alone, since nothing was written.

// trips lets as many connections go at once as there are processors to serve them; who comes meanwhile rides along next time.
type trips struct {
	pool     *pgxpool.Pool
	tracer   pgx.BatchTracer // nil in production
	most     int             // at once, however far away PostgreSQL is
	stall    time.Duration   // after so long nobody waits for a trip any more
	onward   time.Duration   // so long after the last one another may go all the same: PostgreSQL is far away, or busy with what is slow
	deadline time.Duration   // of a trip

	mu      sync.Mutex
	out     int // how many are under way and waited for
	left    time.Time
	waiting []*rider
	count   Together
}

// Together counts what was asked together since the process began.
type Together struct {
	Rows  int64 // asked for
	Trips int64 // in so many round trips
	Alone int64 // asked for once more, alone
}

// Together says how well the rows that are asked for by their id share round trips.
func (d *DB) Together() Together {
	if d.trips == nil {
		return Together{}
	}
	d.trips.mu.Lock()
	defer d.trips.mu.Unlock()
	return d.trips.count
}

// maxRiders bounds who waits for whom.
const maxRiders = 16

// newTrips returns nil where statements must not stay prepared, as behind PgBouncer.
func newTrips(pool *pgxpool.Pool, tracer pgx.QueryTracer) *trips {
	cfg := pool.Config()
	if cfg.ConnConfig.DefaultQueryExecMode != pgx.QueryExecModeCacheStatement {
		return nil
	}
	t := &trips{pool: pool, most: int(cfg.MaxConns) / 2, stall: 100 * time.Millisecond, onward: time.Millisecond, deadline: txDeadline}
	t.tracer, _ = tracer.(pgx.BatchTracer)
	return t
}

// lanes is how many trips go at once where PostgreSQL is near.
func lanes() int { return max(2, runtime.GOMAXPROCS(0)) }

// rider is one question: first for the scope, then for the row.
type rider struct {
	scope, row prepared
	layout     *layout
	dest       any // a pointer to a struct; nobody else's while the rider waits
	n          int64
	done       chan error // once: what came of it, or errAlone
	unasked    error      // its parameters cannot be sent
}

// prepared is a statement with the name under which a connection keeps it: no longer than 63 bytes, and none that pgx gives.
type prepared struct {
	statement
	name  string
	known *pgconn.StatementDescription
	sent  pgx.ExtendedQueryBuilder
}

// trip is one way there and back.
type trip struct {
	of     *trips
	riders []*rider
	at     int  // who is answered next, under of.mu
	over   bool // nobody waits for it any more, under of.mu
}

var (
	// errAlone says that a question has to be asked alone.
	errAlone = errors.New("db: not asked together")
	errMixed = errors.New("db: an answer that is somebody else's")
)

// ask reads a row into dest with others, if there are any, and returns how many there were: one or none. After an error
// dest is not the caller's any more.
func (t *trips) ask(ctx context.Context, s Scope, l *layout, args []any, dest any) (int64, error) {
	r := &rider{layout: l, dest: dest, done: make(chan error, 1)}
	r.scope.name, r.scope.statement = s.alone()
	r.row.name, r.row.statement = l.getName, statement{l.get, args}
	t.mu.Lock()
	t.count.Rows++
	t.waiting = append(t.waiting, r)
	if t.out < lanes() || t.out < t.most && time.Since(t.left) > t.onward {
		t.goOn()
	}
	t.mu.Unlock()
	select {
	case err := <-r.done:
		if err == nil {
			return r.n, nil
		}
		if errors.Is(err, errAlone) {
			t.mu.Lock()
			t.count.Alone++
			t.mu.Unlock()
		}
		return 0, err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// goOn sends a trip with those who wait, under mu.
func (t *trips) goOn() {
	n := min(len(t.waiting), maxRiders)
	if n == 0 {
		return
	}
	x := &trip{of: t, riders: slices.Clone(t.waiting[:n])}
	t.waiting = slices.Delete(t.waiting, 0, n)
	t.out, t.left = t.out+1, time.Now()
	t.count.Trips++
	go x.run()
}

// run goes there and back. What goes wrong with it, a panic included, is for nobody to hear: each will find it alone.
func (t *trip) run() {
	defer func() {
		_ = recover()
		t.end()
	}()
	late := time.AfterFunc(t.of.stall, t.end)
	defer late.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), t.of.deadline)
	defer cancel()
	pg, err := t.of.pool.Acquire(ctx)
	if err != nil {
		return
	}
	defer release(pg) // one that is in the middle of a pipeline the pool throws away
	within(pg, t.of.deadline)
	if t.given() {
		return
	}
	p, err := t.send(pg.Conn())
	if err != nil {
		return
	}
	for _, r := range t.riders {
		err := r.unasked
		if err == nil {
			err = r.read(pg.Conn().TypeMap(), p)
		}
		t.tell(r, err)
		if err != nil && r.unasked == nil {
			return // what follows might be anybody's
		}
	}
	_ = p.Close()
}

// given reports whether everybody has given it up.
func (t *trip) given() bool {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	return t.over
}

// send prepares what the connection does not know yet, and sends the rest in one go.
func (t *trip) send(c *pgx.Conn) (*pgconn.Pipeline, error) {
	for _, r := range t.riders {
		for _, s := range []*prepared{&r.scope, &r.row} {
			var err error
			if s.known, err = c.Prepare(context.Background(), s.name, s.sql); err != nil {
				return nil, err
			}
			if s.sent.Build(c.TypeMap(), s.known, s.args) != nil {
				r.unasked = errAlone
			}
		}
	}
	heard := t.of.heard(c, t.riders)
	p := c.PgConn().StartPipeline(context.Background())
	for _, r := range t.riders {
		if r.unasked != nil {
			continue
		}
		for _, s := range []*prepared{&r.scope, &r.row} {
			p.SendQueryStatement(s.known, s.sent.ParamValues, s.sent.ParamFormats, s.sent.ResultFormats)
		}
		p.SendPipelineSync()
	}
	err := p.Flush()
	heard(err)
	return p, err
}

// heard tells the tracer, if there is one.
func (t *trips) heard(c *pgx.Conn, riders []*rider) (end func(error)) {
	if t.tracer == nil {
		return func(error) {}
	}
	var b pgx.Batch
	for _, r := range riders {
		b.Queue(r.scope.sql, r.scope.args...)
		b.Queue(r.row.sql, r.row.args...)
	}
	ctx := t.tracer.TraceBatchStart(context.Background(), c, pgx.TraceBatchStartData{Batch: &b})
	return func(err error) { t.tracer.TraceBatchEnd(ctx, c, pgx.TraceBatchEndData{Err: err}) }
}

// read takes one answer: under which settings, the row, and the end of its transaction.
func (r *rider) read(types *pgtype.Map, p *pgconn.Pipeline) error {
	set, err := result[*pgconn.ResultReader](p)
	if err != nil {
		return err
	}
	if !set.NextRow() || !isSet(r.scope.args, set.Values()) {
		return fmt.Errorf("%w: under other settings", errMixed)
	}
	rows, err := result[*pgconn.ResultReader](p)
	if err != nil {
		return err
	}
	c := &cursor{types: types, rows: pgx.RowsFromResultReader(types, rows), end: ending{p}, first: true}
	c.more = c.rows.Next()
	if r.n, err = c.into(r.dest); err == nil && r.n == 1 && !r.layout.is(r.dest, r.row.args) {
		err = fmt.Errorf("%w: another row", errMixed)
	}
	return err
}

// result is what comes next of a pipeline.
func result[T any](p *pgconn.Pipeline) (T, error) {
	got, err := p.GetResults()
	r, ok := got.(T)
	if err == nil && !ok {
		err = fmt.Errorf("%w: a %T", errMixed, got)
	}
	return r, err
}

// ending is the end of one transaction of a pipeline.
type ending struct{ *pgconn.Pipeline }

func (e ending) Close() error {
	_, err := result[*pgconn.PipelineSync](e.Pipeline)
	return err
}

// isSet reports whether the settings are those that were asked for, and one more: that nothing is written.
func isSet(asked []any, answered [][]byte) bool {
	if len(answered) != len(asked)+1 {
		return false
	}
	for i, v := range asked {
		if v != string(answered[i]) {
			return false
		}
	}
	return true
}

// is reports whether a row is the one with this tenant and id.
func (l *layout) is(row any, args []any) bool {
	v := reflect.ValueOf(row).Elem()
	for i, column := range []string{"tenant_id", "id"} {
		asked, uuid := args[i].(identity)
		at, has := l.byName[column]
		if !uuid || !has || !bytes.Equal(v.FieldByIndex(l.members[at].index).Bytes(), asked[:]) {
			return false
		}
	}
	return true
}

// tell gives a rider what came of its question: what is wrong with the question itself, and what nobody should mend by asking
// again, is for it to know.
func (t *trip) tell(r *rider, err error) {
	var refused *pgconn.PgError
	if err != nil && !errors.Is(err, errMixed) && !(errors.As(err, &refused) && (refused.Code == lockTimeout || refused.Code == canceled)) {
		err = errAlone
	}
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	if !t.over {
		t.at++
		r.done <- err
	}
}

// end lets go whoever still waits, to ask alone, and the next trip. It is called when a trip is back, and when it takes long.
func (t *trip) end() {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	if t.over {
		return
	}
	t.over = true
	for _, r := range t.riders[t.at:] {
		r.done <- errAlone
	}
	t.of.out--
	t.of.goOn()
}
