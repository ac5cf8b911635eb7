// Package db is the only door to the data: a transaction of one tenant and one scope, behind row-level security.
//
// Nothing outside reaches a connection. InTenant gives a transaction for writing, Snapshot one for several reads that
// must agree, Single one statement in a single round trip. Each runs with the settings that the policies read, and a
// statement without them is refused here before the database refuses it too.
package db

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// The deadlines of one transaction and of its COMMIT. A transaction outlives a caller who hangs up, because nobody
// cancels a COMMIT; it never outlives its deadline.
const (
	txDeadline     = 15 * time.Second
	commitDeadline = 10 * time.Second
)

// patience is the deadline of a job's transactions, in a context.
type patience struct{}

// Patient lets the transactions that begin with a context last longer than those of requests: those of a job that reads
// much at one moment of the database. The server still ends a single statement that takes long.
func Patient(ctx context.Context, deadline time.Duration) context.Context {
	return context.WithValue(ctx, patience{}, deadline)
}

// DB is the pool. It is safe for concurrent use.
type DB struct {
	pool  *pgxpool.Pool
	gorm  *gorm.DB
	clock func() time.Time
	trips *trips
}

// Options change how a DB behaves; the zero value is right for production.
type Options struct {
	Clock    func() time.Time // what Tx.Now reads; time.Now when nil
	MaxConns int32            // 0 leaves it to pgxpool or the URL
	Tracer   pgx.QueryTracer  // is told of every statement; nil in production
}

// Open connects as the app role. It fails when the role could get past row-level security: a superuser, a role with
// BYPASSRLS, or the owner of a table.
func Open(ctx context.Context, url string, o Options) (*DB, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("db: the database URL cannot be read") // its text may hold a password
	}
	if o.MaxConns > 0 {
		cfg.MaxConns = o.MaxConns
	}
	cfg.ConnConfig.Tracer = o.Tracer
	// The server ends what our own deadlines should have ended: a statement, a wait, a forgotten transaction.
	for k, v := range map[string]string{"statement_timeout": "12000", "lock_timeout": "5000",
		"idle_in_transaction_session_timeout": "20000", "application_name": "switchboard",
		// pgx prepares every statement, and after five times the server may keep one plan for it. It may: to plan costs several times
		// what such a statement costs. But the plan that it keeps knows no parameters, and takes every employer for an average one, whose
		// few rows it would gather by a bitmap and sort for each page. An index that is read in order stops at the end of the page,
		// whoever is large.
		"plan_cache_mode": "auto", "enable_bitmapscan": "off"} {
		if _, set := cfg.ConnConfig.RuntimeParams[k]; !set {
			cfg.ConnConfig.RuntimeParams[k] = v
		}
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	var safe bool
	err = pool.QueryRow(ctx, `select not (r.rolsuper or r.rolbypassrls) and not exists (
		select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where n.nspname in ('public','platform') and c.relkind in ('r','p','v','m') and pg_has_role(r.oid, c.relowner, 'member'))
		from pg_roles r where r.rolname = current_user`).Scan(&safe)
	if err == nil && !safe {
		err = errors.New("db: refusing to run as a role that row-level security does not bind (superuser, BYPASSRLS or owner)")
	}
	if err != nil {
		pool.Close()
		return nil, err
	}
	g, err := gorm.Open(postgres.New(postgres.Config{Conn: link{}}), &gorm.Config{
		SkipDefaultTransaction: true, DisableAutomaticPing: true, Logger: logger.Discard, NowFunc: time.Now().UTC,
		DisableNestedTransaction: true,
	})
	if err == nil {
		err = registerCallbacks(g)
	}
	if err != nil {
		pool.Close()
		return nil, err
	}
	d := &DB{pool: pool, gorm: g, clock: o.Clock, trips: newTrips(pool, o.Tracer)}
	if d.clock == nil {
		d.clock = time.Now
	}
	return d, nil
}

// Close waits for running transactions and closes the pool.
func (d *DB) Close() { d.pool.Close() }

// At is the same database with another clock: what is written through it happened then. Only the demo has a past.
func (d *DB) At(clock func() time.Time) *DB {
	other := *d
	other.clock = clock
	return &other
}

// Now is the instant that a transaction beginning now would carry.
func (d *DB) Now() time.Time { return d.clock().UTC().Truncate(time.Microsecond) }

// Pool lends the pool to River, which keeps to the schema platform.
func (d *DB) Pool() *pgxpool.Pool { return d.pool }

// Conns is how many connections the pool has at most.
func (d *DB) Conns() int { return int(d.pool.Stat().MaxConns()) }

// Who runs a transaction: the principal, and what its rows remember of it.
type Who struct {
	Scope      Scope
	Principal  auth.Principal
	Actor      string  // client id, or "system:<reason>"
	OnBehalfOf *string // a person whose words a client records, when it says so
	RequestID  string
}

// Caller is the Who of a verified principal in a request.
func Caller(p auth.Principal, requestID string) Who {
	w := Who{Principal: p, Actor: p.Actor(), RequestID: requestID, Scope: Scope{Tenant: p.TenantID.UUID(), Kind: ScopeTenant}}
	switch {
	case p.MedewerkerID != nil:
		w.Scope.Kind, w.Scope.Organisation, w.Scope.Medewerker = ScopeMedewerker, p.OrganisationID.UUID(), p.MedewerkerID.UUID()
	case p.OrganisationID != nil:
		w.Scope.Kind, w.Scope.Organisation = ScopeOrganisation, p.OrganisationID.UUID()
	case p.Role == auth.Operator:
		w.Scope.Kind = ScopeOperator
	}
	return w
}

// System is the Who of our own work in one tenant: a job, a public link. The reason stands in the rows that it changes.
func System(tenant id.TenantID, reason string) Who {
	return Who{Scope: Scope{Tenant: tenant.UUID(), Kind: ScopeTenant}, Actor: "system:" + reason,
		Principal: auth.Principal{TenantID: tenant}}
}

// Tx is one transaction of one tenant and one scope: without it there is no data. It is a gorm session; it is not safe
// for concurrent use and must not be kept after its function returned.
type Tx struct {
	*gorm.DB
	Who
	Now time.Time // one reading of the clock for all of it, in microseconds as the database keeps them

	// Began is when it began, by the clock of the machine: nothing was read before. It tells how old what was read is.
	Began time.Time

	ctx   context.Context // has the deadline; in single mode it is the caller's
	conn  *conn           // nil in single mode
	db    *DB             // in single mode
	spent bool            // the one statement was sent
	after []func()
}

// TenantID is the tenant of the transaction.
func (tx *Tx) TenantID() id.TenantID { return id.TenantID(tx.Scope.Tenant) }

// InTenant runs fn in one transaction and commits it when fn returns nil. A serialization failure or deadlock is tried
// once more from the start, so fn must not keep anything between runs. An error of fn rolls everything back. When the
// connection breaks during COMMIT the error is fault.OutcomeUnknown.
func (d *DB) InTenant(ctx context.Context, w Who, fn func(*Tx) error) error {
	err := d.run(ctx, w, "", fn)
	if retryable(err) {
		err = d.run(ctx, w, "", fn)
	}
	return translate(err)
}

// Snapshot runs several reads that see one state of the database; writing is refused.
func (d *DB) Snapshot(ctx context.Context, w Who, fn func(*Tx) error) error {
	return translate(d.run(ctx, w, " isolation level repeatable read read only", fn))
}

// Single runs exactly one statement, sent together with its settings in one round trip; a Get goes with those of others at that
// moment, see together.go. A second one is an error: it would see another state. What it writes is not written: use InTenant.
// Who hangs up stops waiting for a connection; what was sent goes on until it ends, or until the deadline that its context has, or
// that of any transaction.
func (d *DB) Single(ctx context.Context, w Who, fn func(*Tx) error) error {
	if err := w.Scope.check(); err != nil {
		return err
	}
	tx := &Tx{Who: w, Now: d.Now(), Began: time.Now(), ctx: ctx, db: d}
	tx.DB = carry(d.gorm, tx)
	return translate(fn(tx))
}

func (d *DB) run(ctx context.Context, w Who, options string, fn func(*Tx) error) error {
	if err := w.Scope.check(); err != nil {
		return err
	}
	pg, err := d.acquire(ctx) // a caller who hangs up stops waiting for a connection
	if err != nil {
		return err
	}
	defer release(pg)
	// From here on the caller's hanging up changes nothing: half of a COMMIT is worse than a late answer.
	deadline, patient := ctx.Value(patience{}).(time.Duration)
	if !patient {
		deadline = txDeadline
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deadline)
	defer cancel()
	within(pg, deadline)
	c := begin(pg, w.Scope, options)
	defer c.rollback()
	tx := &Tx{Who: w, Now: d.Now(), Began: time.Now(), ctx: ctx, conn: c}
	tx.DB = carry(d.gorm, tx)
	if err := fn(tx); err != nil {
		return err
	}
	if err := c.commit(); err != nil {
		return err
	}
	for _, f := range tx.after {
		f()
	}
	return nil
}

// carry makes a gorm session of a transaction, that every statement starts anew from.
func carry(g *gorm.DB, tx *Tx) *gorm.DB {
	g = g.Session(&gorm.Session{NewDB: true, Context: tx.ctx})
	g.Statement.ConnPool = link{tx}
	return g
}

// AfterCommit runs f once the transaction is in the database, for what may be lost without harm: waking a worker,
// dropping a cache.
func (tx *Tx) AfterCommit(f func()) { tx.after = append(tx.after, f) }

// Unbound runs fn with the binding of the caller lifted: still one tenant, still the same transaction. It is for the
// consequences of what a bound caller may do; the reason stands in the code, and a test lists every place that calls it.
func (tx *Tx) Unbound(reason string, fn func(*Tx) error) error {
	if tx.Scope.Kind == ScopeTenant || tx.Scope.Kind == ScopeOperator {
		return fn(tx)
	}
	return tx.as(Scope{Tenant: tx.Scope.Tenant, Kind: ScopeTenant}, reason, fn)
}

// AsTenant runs fn inside a tenant that the operator opens, in the operator's transaction. Nobody else can call it.
func (tx *Tx) AsTenant(tenant id.TenantID, reason string, fn func(*Tx) error) error {
	if tx.Scope.Kind != ScopeOperator {
		return errors.New("db: only the operator enters a tenant: " + reason)
	}
	return tx.as(Scope{Tenant: tenant.UUID(), Kind: ScopeTenant}, reason, fn)
}

func (tx *Tx) as(s Scope, reason string, fn func(*Tx) error) error {
	if tx.conn == nil {
		return errors.New("db: a single statement has no other scope: " + reason)
	}
	other := *tx
	other.Scope = s
	other.after = nil
	if err := tx.enter(s); err != nil {
		return err
	}
	other.DB = carry(tx.DB, &other)
	err := fn(&other)
	tx.after = append(tx.after, other.after...)
	if err != nil {
		tx.conn.fail(err) // the whole transaction rolls back, settings included, whoever swallows it
		return err
	}
	return other.enter(tx.Scope)
}

// enter switches the settings of the running transaction, and what the connection holds its statements to.
func (tx *Tx) enter(s Scope) error {
	if err := tx.queue(setScope, s.args()); err != nil {
		return err
	}
	tx.conn.scope = s
	return nil
}

// Pgx lends the connection under the transaction to code that speaks pgx: River, batches, hot paths. It cannot commit.
func (tx *Tx) Pgx(fn func(pgx.Tx) error) error {
	if tx.conn == nil {
		return errors.New("db: a single statement has no connection to lend")
	}
	if err := tx.conn.enter(tx.Scope); err != nil {
		return err
	}
	if err := tx.conn.flush(); err != nil {
		return err
	}
	return fn(borrowed{tx.conn.pg.Conn()})
}

// Select reads rows into dest (a struct, a slice, or a scalar) with plain SQL. Placeholders are ? or @name.
func (tx *Tx) Select(dest any, query string, args ...any) error {
	_, err := tx.read(dest, query, args)
	return err
}

// read is Select, and returns how many rows there were.
func (tx *Tx) read(dest any, query string, args []any) (int64, error) {
	query, args, err := tx.sql(query, args)
	if err != nil {
		return 0, err
	}
	r, err := tx.query(tx.ctx, query, args)
	if err != nil {
		return 0, err
	}
	return r.into(dest)
}

// Run executes plain SQL and returns how many rows it touched.
func (tx *Tx) Run(query string, args ...any) (int64, error) {
	query, args, err := tx.sql(query, args)
	if err != nil {
		return 0, err
	}
	return tx.exec(tx.ctx, query, args)
}

// Later executes plain SQL at the latest with COMMIT, before every other statement that follows, and costs no round trip.
// It is for writing that either works or undoes all: what it does wrong is an error of the statement that takes it along,
// or of COMMIT, with the same meaning.
func (tx *Tx) Later(query string, args ...any) error {
	query, args, err := tx.sql(query, args)
	if err != nil {
		return err
	}
	return tx.queue(query, args)
}

// One reads one row into dest, which is a pointer to a struct, or returns fault.Missing.
func One(tx *Tx, dest any, query string, args ...any) error {
	n, err := tx.read(dest, query, args)
	if err == nil && n == 0 {
		return fault.Missing.New()
	}
	return err
}

// TryLock takes a lock on a name in this tenant until the transaction ends, or reports that somebody else has it.
func (tx *Tx) TryLock(name string) (bool, error) {
	h := sha256.Sum256(append(tx.Scope.Tenant[:], name...))
	var ok bool
	err := tx.Select(&ok, "select pg_try_advisory_xact_lock(?)", int64(uint64(h[0])<<56|uint64(h[1])<<48|uint64(h[2])<<40|uint64(h[3])<<32|
		uint64(h[4])<<24|uint64(h[5])<<16|uint64(h[6])<<8|uint64(h[7])))
	return ok, err
}

// Platform runs plain SQL on the schema platform, which holds keys and no tenant's data: the directory, the queue, the
// signing keys. There is no tenant in it, so tenant tables show no rows.
func (d *DB) Platform(ctx context.Context, reason string, fn func(pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, txDeadline)
	defer cancel()
	err := pgx.BeginFunc(ctx, d.pool, fn)
	if err != nil {
		return translate(fmt.Errorf("platform (%s): %w", reason, err))
	}
	return nil
}

// PlatformOne is Platform for one statement, which is its own transaction: one round trip. read takes its rows; what it
// returned counts only when PlatformOne returns nil; see Undone for when it does not. See ByIndex for how it is planned.
func (d *DB) PlatformOne(ctx context.Context, reason, query string, args []any, read func(pgx.Rows) error) error {
	ctx, cancel := context.WithTimeout(ctx, txDeadline)
	defer cancel()
	var b pgx.Batch
	b.Queue(ByIndex)
	b.Queue(query, args...).Query(read)
	pg, err := d.pool.Acquire(ctx)
	if err != nil {
		err = unsent{err}
	} else {
		defer pg.Release() // whatever read does
		err = pg.SendBatch(ctx, &b).Close()
	}
	if err != nil {
		return translate(fmt.Errorf("platform (%s): %w", reason, err))
	}
	return nil
}

// ByIndex makes the rest of a transaction plan by index alone, once for a connection: a plan that was made while a queue was
// short must serve when it is long.
const ByIndex = `select ` + byIndex

const byIndex = `set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true), set_config('enable_hashjoin', 'off', true),
	set_config('enable_mergejoin', 'off', true), set_config('plan_cache_mode', 'force_generic_plan', true)`

// InTenantOne is InTenant for one statement with PostgreSQL's own placeholders, which may write: its own transaction, planned
// as ByIndex says, in one round trip. Its rows go into dest, a pointer to a slice, and count only when it returns nil. When the
// connection breaks meanwhile the error is fault.OutcomeUnknown.
func (d *DB) InTenantOne(ctx context.Context, w Who, dest any, query string, args ...any) error {
	err := d.one(ctx, w.Scope, dest, query, args)
	if retryable(err) {
		err = d.one(ctx, w.Scope, dest, query, args)
	}
	return translate(err)
}

func (d *DB) one(ctx context.Context, s Scope, dest any, query string, args []any) error {
	if err := s.check(); err != nil {
		return err
	}
	pg, err := d.acquire(ctx)
	if err != nil {
		return err
	}
	defer release(pg)
	within(pg, txDeadline)
	var b pgx.Batch
	scope := s.fresh()
	b.Queue(scope.sql+", "+byIndex, scope.args...)
	b.Queue(query, args...)
	r, err := answers(pg.Conn(), pg.SendBatch(context.Background(), &b), 1, true)
	if err == nil {
		_, err = r.into(dest)
	}
	if err != nil && pg.Conn().IsClosed() && !pgconn.SafeToRetry(err) {
		return fault.OutcomeUnknown.Because(err)
	}
	return err
}

// EachTenant runs fn in a transaction of every tenant, again for as long as it says that there is more: upkeep in small
// bites. A tenant that fails does not keep the others waiting; the errors are joined. When ctx ends before the round does, the next
// one with the same reason begins with the tenant after the last that had its turn, so everybody's comes.
func (d *DB) EachTenant(ctx context.Context, reason string, fn func(*Tx) (more bool, err error)) error {
	var tenants []id.TenantID
	err := d.Platform(ctx, "whose upkeep it is", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select tenant_id::text from platform.directory where kind = 'tenant_slug'
			order by tenant_id <= coalesce((select tenant_id from platform.rounds where reason = $1), '00000000-0000-0000-0000-000000000000'), tenant_id`, reason)
		if err != nil {
			return err
		}
		tenants, err = pgx.CollectRows(rows, pgx.RowTo[id.TenantID])
		return err
	})
	for i, t := range tenants {
		if ctx.Err() != nil {
			if i > 0 {
				err = errors.Join(err, d.stopped(context.WithoutCancel(ctx), reason, tenants[i-1]))
			}
			break
		}
		for more := true; more && ctx.Err() == nil; {
			failed := d.InTenant(ctx, System(t, reason), func(tx *Tx) (err error) {
				more, err = fn(tx)
				return err
			})
			if failed != nil {
				err, more = errors.Join(err, failed), false
			}
		}
	}
	return errors.Join(err, ctx.Err())
}

// stopped notes the tenant at which a round ended early.
func (d *DB) stopped(ctx context.Context, reason string, at id.TenantID) error {
	return d.Platform(ctx, "where a round over tenants stopped", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into platform.rounds (reason, tenant_id) values ($1, $2) on conflict (reason) do update set tenant_id = excluded.tenant_id`,
			reason, at.UUID())
		return err
	})
}

// Found is what the directory knows about a public name: whose it is.
type Found struct {
	Tenant  id.TenantID
	Subject uuid.UUID
}

// Resolve looks a secret or public name up in the directory: the id of a client, the token of a link. Only its hash is
// stored. Unknown names are fault.Missing.
func (d *DB) Resolve(ctx context.Context, kind, name string) (Found, error) {
	var f Found
	h := sha256.Sum256([]byte(name))
	ctx, cancel := context.WithTimeout(ctx, txDeadline)
	defer cancel()
	err := d.pool.QueryRow(ctx, `select tenant_id::text, subject_id::text from platform.directory where kind = $1 and lookup_hash = $2`, kind, h[:]).
		Scan(&f.Tenant, &f.Subject)
	if errors.Is(err, pgx.ErrNoRows) {
		return f, fault.Missing.New()
	}
	return f, translate(err)
}

// ResolveMany is Resolve for many names of one kind, with one statement. A name that nobody has is the zero Found.
func (d *DB) ResolveMany(ctx context.Context, kind string, names []string) ([]Found, error) {
	hashes := make([][]byte, len(names))
	for i, n := range names {
		h := sha256.Sum256([]byte(n))
		hashes[i] = h[:]
	}
	out := make([]Found, len(names))
	err := d.PlatformOne(ctx, "names in the directory", `select n.at, d.tenant_id::text, d.subject_id::text
		from unnest(cast($2 as bytea[])) with ordinality n (hash, at) join platform.directory d on d.kind = $1 and d.lookup_hash = n.hash`,
		[]any{kind, hashes}, func(rows pgx.Rows) error {
			var at int64
			var f Found
			_, err := pgx.ForEachRow(rows, []any{&at, &f.Tenant, &f.Subject}, func() error {
				out[at-1] = f
				return nil
			})
			return err
		})
	return out, err
}

// Forget takes a name out of the directory of which it turned out that it leads nowhere any more.
func (d *DB) Forget(ctx context.Context, kind, name string) error {
	h := sha256.Sum256([]byte(name))
	return d.Platform(ctx, "a name that leads nowhere", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `delete from platform.directory where kind = $1 and lookup_hash = $2`, kind, h[:])
		return err
	})
}

// Enlist puts a name in the directory, so that Resolve finds this transaction's tenant by it.
func (tx *Tx) Enlist(kind, name string, subject uuid.UUID) error {
	h := sha256.Sum256([]byte(name))
	_, err := tx.Run(`insert into platform.directory (kind, lookup_hash, tenant_id, subject_id) values (?, ?, ?, ?)`, kind, h[:], tx.Scope.Tenant, subject)
	return err
}

// Delist removes a name of this tenant from the directory.
func (tx *Tx) Delist(kind, name string) error {
	h := sha256.Sum256([]byte(name))
	_, err := tx.Run(`delete from platform.directory where kind = ? and lookup_hash = ? and tenant_id = ?`, kind, h[:], tx.Scope.Tenant)
	return err
}

// EnlistHash is Enlist for a name of which only its SHA-256 is left. One that stands there already stays.
func (tx *Tx) EnlistHash(kind string, hash []byte, subject uuid.UUID) error {
	_, err := tx.Run(`insert into platform.directory (kind, lookup_hash, tenant_id, subject_id) values (?, ?, ?, ?) on conflict do nothing`,
		kind, hash, tx.Scope.Tenant, subject)
	return err
}

// DelistHashes is Delist for names of which only their SHA-256 is left.
func (tx *Tx) DelistHashes(kind string, hashes [][]byte) error {
	if len(hashes) == 0 {
		return nil
	}
	_, err := tx.Run(`delete from platform.directory where kind = ? and lookup_hash in ? and tenant_id = ?`, kind, hashes, tx.Scope.Tenant)
	return err
}

// DelistOf removes the names of one kind under which this tenant's subject is known.
func (tx *Tx) DelistOf(kind string, subject uuid.UUID) error {
	_, err := tx.Run(`delete from platform.directory where kind = ? and subject_id = ? and tenant_id = ?`, kind, subject, tx.Scope.Tenant)
	return err
}
