// Package testkit gives tests the whole product on a real PostgreSQL, each test in a tenant of its own.
//
// One database is made for each test process, cloned from a template that is migrated once a run. Tests run in parallel
// in it: row-level security keeps them apart as it keeps customers apart. Every answer that a test gets is held to the
// API document.
package testkit

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/api"
	"github.com/switchingtalent/switchboard/internal/app"
	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/openapi/check"
	"github.com/switchingtalent/switchboard/internal/platform/outbound"
	"github.com/switchingtalent/switchboard/internal/platform/postgres"
	"github.com/switchingtalent/switchboard/internal/platform/seal"
	"github.com/switchingtalent/switchboard/internal/platform/web"
	"github.com/switchingtalent/switchboard/migrations"
)

// PublicURL is what links start with in tests.
const PublicURL = "https://switchboard.test"

const password = "test"

// Database is one cloned database.
type Database struct {
	Name     string
	AppURL   string
	OwnerURL string
	SuperURL string
	Super    *pgxpool.Pool // sees everything: for looking, and for planting faults
}

// NewDatabase clones a database of its own, for tests that change the schema or end the server.
func NewDatabase(t testing.TB) *Database {
	d, err := clone(context.Background())
	require.NoError(t, err)
	t.Cleanup(d.Super.Close)
	return d
}

func clone(ctx context.Context) (*Database, error) {
	super, err := postgres.Shared(ctx)
	if err != nil {
		return nil, err
	}
	c, err := pgx.Connect(ctx, super)
	if err != nil {
		return nil, err
	}
	defer c.Close(ctx)
	// Test processes start together: one makes the template, the others wait.
	if _, err := c.Exec(ctx, "select pg_advisory_lock(4711)"); err != nil {
		return nil, err
	}
	template := "switchboard_template_" + migrations.Hash()
	var exists bool
	if err := c.QueryRow(ctx, "select exists (select 1 from pg_database where datname = $1)", template).Scan(&exists); err != nil {
		return nil, err
	}
	if !exists {
		making := template + "_making"
		if _, err := c.Exec(ctx, "drop database if exists "+making); err != nil {
			return nil, err
		}
		if err := app.Bootstrap(ctx, super, making, password, password); err != nil {
			return nil, err
		}
		if _, err := app.Migrate(ctx, at(super, app.OwnerRole, making)); err != nil {
			return nil, err
		}
		if _, err := c.Exec(ctx, "alter database "+making+" rename to "+template); err != nil {
			return nil, err
		}
	}
	return copied(ctx, c, super, template)
}

// copied makes a database of its own from a template that nobody is connected to.
func copied(ctx context.Context, c *pgx.Conn, super, template string) (*Database, error) {
	name := "switchboard_" + hex.EncodeToString(random(6))
	if _, err := c.Exec(ctx, "create database "+name+" template "+template+" owner "+app.OwnerRole); err != nil {
		return nil, err
	}
	// Privileges on a database are not cloned with it: these are Bootstrap's.
	if _, err := c.Exec(ctx, "revoke all on database "+name+" from public; grant connect on database "+name+" to "+app.AppRole); err != nil {
		return nil, err
	}
	d := &Database{Name: name, AppURL: at(super, app.AppRole, name), OwnerURL: at(super, app.OwnerRole, name), SuperURL: at(super, "", name)}
	var err error
	d.Super, err = pgxpool.New(ctx, d.SuperURL)
	return d, err
}

// NewEmpty makes a database with nothing in it, for the owner to migrate.
func NewEmpty(t testing.TB) *Database {
	t.Helper()
	_ = NewDatabase(t) // the roles are there
	ctx := context.Background()
	super, c := server(t)
	defer c.Close(ctx)
	d, err := copied(ctx, c, super, "template1")
	require.NoError(t, err)
	t.Cleanup(func() { d.Drop(t) })
	return d
}

// Copy clones what Freeze left, as often as wanted.
func (d *Database) Copy(t testing.TB) *Database {
	t.Helper()
	ctx := context.Background()
	super, c := server(t)
	defer c.Close(ctx)
	other, err := copied(ctx, c, super, d.Name)
	require.NoError(t, err)
	return other
}

// Drop ends a copy, whoever is connected to it.
func (d *Database) Drop(t testing.TB) {
	t.Helper()
	ctx := context.Background()
	d.Super.Close()
	_, c := server(t)
	defer c.Close(ctx)
	_, err := c.Exec(ctx, "drop database "+d.Name+" with (force)")
	require.NoError(t, err)
}

func server(t testing.TB) (super string, c *pgx.Conn) {
	t.Helper()
	super, err := postgres.Shared(context.Background())
	require.NoError(t, err)
	c, err = pgx.Connect(context.Background(), super)
	require.NoError(t, err)
	return super, c
}

// at points a superuser's URL at another role and database.
func at(super, role, database string) string {
	u, err := url.Parse(super)
	if err != nil {
		panic(err) // made by us
	}
	u.Path = "/" + database
	if role != "" {
		u.User = url.UserPassword(role, password)
	}
	return u.String()
}

func random(n int) []byte {
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		panic(err)
	}
	return b
}

// Log keeps what the program logs, so that tests can look for what must not be there.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write keeps a line.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String is everything logged so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

var _ io.Writer = (*Log)(nil)

// House is one running product: a database, and the app on it.
type House struct {
	*Database
	App   *app.App
	Log   *Log
	Clock *Clock
	Box   *seal.Box
}

// Clock is the clock of a house. It runs, and can be moved on.
type Clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

// Now is the real time and whatever it was moved by.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

var shared struct {
	once  sync.Once
	house *House
	err   error
}

var checker = sync.OnceValues(func() (*check.Checker, error) { return check.NewChecker(api.OpenAPI) })

// open starts the app on a database, with the clock and the keys of another house if there is one.
func open(ctx context.Context, d *Database, like *House, tracer pgx.QueryTracer, change func(*app.Options)) (*House, error) {
	h := &House{Database: d, Log: &Log{}, Clock: &Clock{}}
	if like != nil {
		h.Clock, h.Box = like.Clock, like.Box
	}
	data, err := db.Open(ctx, d.AppURL, db.Options{Clock: h.Clock.Now, MaxConns: 16, Tracer: tracer})
	if err != nil {
		return nil, err
	}
	if h.Box == nil {
		if h.Box, err = seal.Open(base64.StdEncoding.EncodeToString(random(32))); err != nil {
			return nil, err
		}
	}
	a := app.Options{Box: h.Box, Log: slog.New(slog.NewJSONHandler(h.Log, nil)), PublicURL: PublicURL, Outbound: outbound.OnlyLoopback(),
		ClientLimit: web.Limit{Requests: 1_000_000, Window: time.Second}, PublicLimit: web.Limit{Requests: 1_000_000, Window: time.Second},
		KeepEvents: 30 * 24 * time.Hour}
	if change != nil {
		change(&a)
	}
	if h.App, err = app.New(data, a); err != nil {
		return nil, err
	}
	if err := h.App.Access.Start(ctx); err != nil {
		return nil, err
	}
	return h, h.App.Limits.Start(ctx)
}

// Apart starts a house of its own on a database of its own, for tests that move the clock, plant faults or limit.
func Apart(t testing.TB, change func(*app.Options)) *House {
	t.Helper()
	h, err := open(context.Background(), NewDatabase(t), nil, nil, change)
	require.NoError(t, err)
	t.Cleanup(h.App.DB.Close)
	return h
}

// Again starts another house on the same database, as a second process would be; what changes its options is that of Apart.
func (h *House) Again(t testing.TB, change ...func(*app.Options)) *House {
	t.Helper()
	other, err := open(context.Background(), h.Database, h, nil, func(o *app.Options) {
		for _, f := range change {
			f(o)
		}
	})
	require.NoError(t, err)
	t.Cleanup(other.App.DB.Close)
	return other
}

// Traced starts a house of its own, whose every statement a tracer is told of.
func Traced(t testing.TB, tracer pgx.QueryTracer) *House {
	t.Helper()
	h, err := open(context.Background(), NewDatabase(t), nil, tracer, nil)
	require.NoError(t, err)
	t.Cleanup(h.App.DB.Close)
	return h
}

// Freeze ends the house's connections: from then on Copy clones what stands in its database.
func (h *House) Freeze() {
	h.App.DB.Close()
	h.Super.Close()
}

// On starts the same house on a copy of its database. The tokens of one are good in the other. Who made it closes App.DB.
func (h *House) On(t testing.TB, d *Database) *House {
	t.Helper()
	other, err := open(context.Background(), d, h, nil, nil)
	require.NoError(t, err)
	return other
}

// New gives a test a tenant of its own in the house that the tests of this process share.
func New(t testing.TB) *World {
	t.Helper()
	shared.once.Do(func() {
		ctx := context.Background()
		var d *Database
		if d, shared.err = clone(ctx); shared.err == nil {
			shared.house, shared.err = open(ctx, d, nil, nil, nil)
		}
	})
	require.NoError(t, shared.err, "the tests need PostgreSQL: see make postgres")
	return shared.house.Tenant(t)
}

// World is one tenant in a house, as a test sees it.
type World struct {
	*House
	T      testing.TB
	Tenant id.TenantID
	Slug   string
}

// Tenant makes a tenant.
func (h *House) Tenant(t testing.TB) *World {
	t.Helper()
	w := &World{House: h, T: t, Tenant: id.NewTenant(), Slug: "t" + hex.EncodeToString(random(8))}
	w.Do(func(tx *db.Tx) error {
		_, err := tx.Run(`insert into tenants (tenant_id, id, slug, name, created_at, updated_at, changed_by, request_id)
			values (?, ?, ?, ?, ?, ?, 'test', 'test')`, w.Tenant, w.Tenant, w.Slug, "Partner "+w.Slug, tx.Now, tx.Now)
		if err != nil {
			return err
		}
		return tx.Enlist("tenant_slug", w.Slug, w.Tenant.UUID())
	})
	t.Cleanup(w.factsFit)
	return w
}

// In is the same world for a subtest.
func (w *World) In(t testing.TB) *World {
	other := *w
	other.T = t
	return &other
}

// Who is the tenant itself, unbound, as a job would be.
func (w *World) Who() db.Who {
	who := db.System(w.Tenant, "test")
	who.RequestID = "test"
	return who
}

// Do runs fn in a transaction of the tenant.
func (w *World) Do(fn func(*db.Tx) error) {
	w.T.Helper()
	require.NoError(w.T, w.App.DB.InTenant(context.Background(), w.Who(), fn))
}

// Sent has the database do what a transaction was asked for so far: a fact, or a row that has no answer, waits for the next statement
// or for COMMIT (tx.Later). A test in which others are to meet an open transaction, or in which one is undone, calls it first: else
// there is nothing yet to be met or undone.
func Sent(tx *db.Tx) error {
	_, err := tx.Run(`select 1`)
	return err
}

// Client makes a client and returns a caller with a token of it. org and mdw bind it; scopes are for integration.
func (w *World) Client(role auth.Role, org *id.OrganisationID, mdw *id.MedewerkerID, scopes ...auth.Permission) *Caller {
	w.T.Helper()
	cid := id.NewClient()
	names := make(db.Strings, len(scopes))
	for i, s := range scopes {
		names[i] = string(s)
	}
	w.Do(func(tx *db.Tx) error {
		_, err := tx.Run(`insert into clients (tenant_id, id, name, role, scopes, organisation_id, medewerker_id, created_at, updated_at, changed_by, request_id)
			values (?, ?, ?, ?, ?, ?, ?, ?, ?, 'test', 'test')`, w.Tenant, cid, string(role), role, names, org, mdw, tx.Now, tx.Now)
		if err != nil {
			return err
		}
		return tx.Enlist("client", cid.String(), cid.UUID())
	})
	p := auth.Principal{TenantID: w.Tenant, ClientID: cid, Role: role, OrganisationID: org, MedewerkerID: mdw,
		Scopes: auth.Effective(role, scopes, org != nil)}
	return w.caller(p)
}

// As is a caller with a fresh token of a principal that another house on the same data knows.
func (w *World) As(p auth.Principal) *Caller { w.T.Helper(); return w.caller(p) }

func (w *World) caller(p auth.Principal) *Caller {
	token, err := w.App.Tokens.Sign(p, w.Clock.Now())
	require.NoError(w.T, err)
	return &Caller{world: w, Principal: p, Token: token}
}

// Coordinator is a caller who may do nearly everything.
func (w *World) Coordinator() *Caller { w.T.Helper(); return w.Client(auth.Coordinator, nil, nil) }

// Admin is the partner's administrator.
func (w *World) Admin() *Caller { w.T.Helper(); return w.Client(auth.PartnerAdmin, nil, nil) }

// Employer is a caller bound to one employer.
func (w *World) Employer(org id.OrganisationID) *Caller {
	w.T.Helper()
	return w.Client(auth.Employer, &org, nil)
}

// Operator is the operator of the installation, with a client in its own tenant.
func (h *House) Operator(t testing.TB) *Caller {
	t.Helper()
	require.NoError(t, h.App.Tenants.EnsureOperator(context.Background(), h.App.DB))
	w := &World{House: h, T: t, Tenant: operatorTenant}
	return w.Client(auth.Operator, nil, nil)
}

// Event is a fact as it was recorded.
type Event struct {
	Type, Subject string
	Revision      int64
	Data          []byte
}

// Events are the tenant's facts, in the order in which they were made.
func (w *World) Events() []Event {
	w.T.Helper()
	rows, err := w.Super.Query(context.Background(), `select type, subject, revision, data from events where tenant_id = $1 order by pos, id`, w.Tenant.UUID())
	require.NoError(w.T, err)
	out, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Event])
	require.NoError(w.T, err)
	return out
}

// EventTypes are the types of the tenant's facts about a subject, in order.
func (w *World) EventTypes(subject string) []string {
	w.T.Helper()
	out := []string{}
	for _, e := range w.Events() {
		if e.Subject == subject {
			out = append(out, e.Type)
		}
	}
	return out
}

// Count counts what a query finds, as superuser.
func (w *World) Count(query string, args ...any) (n int) {
	w.T.Helper()
	require.NoError(w.T, w.Super.QueryRow(context.Background(), query, args...).Scan(&n))
	return n
}

// Insert writes a row of the tenant with its common members, for what a test needs of other nouns. It returns the id,
// which it makes when columns has none.
func (w *World) Insert(table string, columns map[string]any) uuid.UUID {
	w.T.Helper()
	if columns["id"] == nil {
		columns["id"] = uuid.Must(uuid.NewV7())
	}
	names := []string{"tenant_id", "created_at", "updated_at", "changed_by", "request_id"}
	now := w.Clock.Now().UTC()
	values := []any{w.Tenant.UUID(), now, now, "test", "test"}
	for k, v := range columns {
		names, values = append(names, k), append(values, v)
	}
	marks := make([]string, len(values))
	for i := range marks {
		marks[i] = fmt.Sprintf("$%d", i+1)
	}
	_, err := w.Super.Exec(context.Background(), "insert into "+table+" ("+strings.Join(names, ", ")+") values ("+strings.Join(marks, ", ")+")", values...)
	require.NoError(w.T, err)
	switch v := columns["id"].(type) {
	case uuid.UUID:
		return v
	case interface{ UUID() uuid.UUID }:
		return v.UUID()
	}
	w.T.Fatalf("id of %s is a %T", table, columns["id"])
	return uuid.Nil
}

func (w *World) ctx() context.Context { return context.Background() }

// Settle waits until readers of the feed and of followed lists see everything that is committed now: a transaction of
// another test may hold the horizon back for a moment.
func (h *House) Settle(t testing.TB) {
	t.Helper()
	var here int64
	require.NoError(t, h.Super.QueryRow(context.Background(), `select platform.position()`).Scan(&here))
	require.Eventually(t, func() bool {
		var horizon int64
		err := h.Super.QueryRow(context.Background(), `select platform.horizon()`).Scan(&horizon)
		return err == nil && horizon > here
	}, 3*time.Minute, 5*time.Millisecond)
}
