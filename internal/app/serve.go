package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/outbound"
	"github.com/switchingtalent/switchboard/migrations"
)

// How long what is running may go on once the process is asked to end.
const (
	requestGrace = 30 * time.Second
	jobGrace     = 25 * time.Second
)

// defaultConns is the size of the pool where the database's URL does not say one.
const defaultConns = 20

// undefinedTable is PostgreSQL's SQLSTATE for a table that is not there.
const undefinedTable = "42P01"

// ServeOptions say what Serve does besides serving. Log must be there.
type ServeOptions struct {
	Log    *slog.Logger
	Say    func(format string, args ...any) // tells people about steps that take longer than a second; nil: the log does
	NoWork bool                             // leaves deliveries and jobs to other processes
	Ready  func()                           // called once requests are answered, or work is being done
}

func (o ServeOptions) say() func(string, ...any) {
	if o.Say != nil {
		return o.Say
	}
	return func(format string, args ...any) { o.Log.Info(fmt.Sprintf(format, args...)) }
}

// Listen takes the address that a server will answer on. The second result is that address, with the port that was
// chosen for port 0.
func Listen(ctx context.Context, addr string) (net.Listener, string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, "", fmt.Errorf("cannot listen on %s: %w", addr, errors.Unwrap(err))
	}
	if _, port, err := net.SplitHostPort(addr); err == nil && port == "0" {
		addr = l.Addr().String()
	}
	return l, addr, nil
}

// Serve answers requests on l, and does the deliveries and jobs unless told not to, until ctx ends. Then it finishes what
// is running, and stops the database that it started. It returns nil when that went well.
func Serve(ctx context.Context, c Config, l net.Listener, o ServeOptions) error {
	Tune()
	return c.run(ctx, forServe, l, o, nil)
}

// Work does the deliveries and jobs alone, until ctx ends. The database of a data directory may be run by another process.
// Where links lead elsewhere than to this machine, it refuses webhooks to this machine.
func Work(ctx context.Context, c Config, o ServeOptions) error {
	if u, err := url.Parse(c.PublicURL); err != nil || c.InsecureWebhooks && !IsLoopback(net.JoinHostPort(u.Hostname(), "0")) {
		return errors.New("SWITCHBOARD_INSECURE_WEBHOOKS needs a SWITCHBOARD_PUBLIC_URL on loopback")
	}
	r, err := c.reach(ctx, o)
	if err != nil {
		return unlessEnded(ctx, err)
	}
	return errors.Join(c.serveOn(ctx, r.url, r.own, nil, o, nil), r.release())
}

// run starts the database of the data directory where there is no DATABASE_URL, and serves. prepare, if any, runs before
// the first request is answered.
func (c Config) run(ctx context.Context, purpose string, l net.Listener, o ServeOptions, prepare func(context.Context, *App) error) error {
	defer l.Close()
	if c.DatabaseURL != "" {
		return c.serveOn(ctx, c.DatabaseURL, nil, l, o, prepare)
	}
	k, err := settle(c.Data, purpose)
	if err != nil {
		return err
	}
	e, err := startEmbedded(ctx, c.Data, k, purpose == forDemo && !k.Seeded, o.say())
	if err != nil {
		return unlessEnded(ctx, err)
	}
	err = c.serveOn(ctx, e.url(), e, l, o, prepare)
	return errors.Join(err, e.stop())
}

// unlessEnded forgets an error that only says that we were asked to end.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// open opens the database as the app role and wires the App. It refuses a role that row-level security does not bind, and
// a schema that is not this program's.
func (c Config) open(ctx context.Context, url string, o ServeOptions) (*App, error) {
	box, err := c.Box()
	if err != nil {
		return nil, err
	}
	var conns int32 = defaultConns
	if strings.Contains(url, "pool_max_conns") {
		conns = 0
	}
	d, err := db.Open(ctx, url, db.Options{MaxConns: conns})
	if err != nil {
		return nil, fmt.Errorf("the database: %w", err)
	}
	a, err := c.wire(ctx, d, Options{Box: box, Log: o.Log, PublicURL: c.PublicURL, Outbound: outbound.Policy{Insecure: c.InsecureWebhooks, LoopbackOnly: c.LoopbackOnly}, Mail: c.Mail,
		TrustedProxies: c.TrustedProxies, Forwarded: c.Forwarded, ClientLimit: c.ClientLimit, PublicLimit: c.PublicLimit, KeepEvents: c.KeepEvents, KeepTries: c.KeepTries,
		MetricsHere: c.MetricsAddr == "" && IsLoopback(c.Addr), MetricsEndpoints: c.MetricsEndpoints})
	if err != nil {
		d.Close()
		return nil, err
	}
	return a, nil
}

func (c Config) wire(ctx context.Context, d *db.DB, o Options) (*App, error) {
	if err := upToDate(ctx, d); err != nil {
		return nil, err
	}
	a, err := New(d, o)
	if err != nil {
		return nil, err
	}
	for _, check := range a.Check(ctx) {
		if check.Name == "positions" && !check.OK {
			return nil, errors.New(check.Say)
		}
	}
	if err := a.Access.Start(ctx); err != nil {
		return nil, err
	}
	if err := a.Limits.Start(ctx); err != nil {
		return nil, err
	}
	return a, a.Tenants.EnsureOperator(ctx, d)
}

// upToDate refuses a schema that another version of the program made.
func upToDate(ctx context.Context, d *db.DB) error {
	var version int
	err := d.Platform(ctx, "version of the schema", func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `select coalesce(max(version), 0) from public.schema_migrations`).Scan(&version)
	})
	var refusal *pgconn.PgError
	if err != nil && !(errors.As(err, &refusal) && refusal.Code == undefinedTable) {
		return err
	}
	switch needed := migrations.Count(); {
	case version < needed:
		return fmt.Errorf("the schema of the database is at version %d and has to be at %d: run switchboard migrate", version, needed)
	case version > needed:
		return fmt.Errorf("the schema of the database is at version %d, this program knows %d: use a newer switchboard", version, needed)
	}
	return nil
}

// serveOn does the work of a process on a database that is there: requests on l, if any, and deliveries and jobs.
func (c Config) serveOn(ctx context.Context, url string, e *embedded, l net.Listener, o ServeOptions, prepare func(context.Context, *App) error) error {
	a, err := c.open(ctx, url, o)
	if err != nil {
		return unlessEnded(ctx, err)
	}
	defer a.DB.Close()
	p := newProcess(ctx)
	defer p.end(nil)
	if e != nil {
		p.run(func(ctx context.Context) error {
			return e.watch(ctx, func(err error) { o.Log.Error("database", "cause", err.Error()) })
		})
	}
	if prepare != nil {
		if err := prepare(p.ctx, a); err != nil {
			p.end(err)
			return p.wait(ctx)
		}
	}
	p.run(func(ctx context.Context) error {
		a.Access.Run(ctx)
		return nil
	})
	p.run(func(ctx context.Context) error {
		a.Limits.Run(ctx)
		return nil
	})
	if !o.NoWork {
		if err := a.work(p); err != nil {
			p.end(err)
			return p.wait(ctx)
		}
	}
	if c.MetricsAddr != "" {
		ml, _, err := Listen(ctx, c.MetricsAddr)
		if err != nil {
			p.end(err)
			return p.wait(ctx)
		}
		m := http.NewServeMux()
		m.Handle("GET /metrics", a.Metrics())
		p.serve(&http.Server{Handler: m, ReadHeaderTimeout: 5 * time.Second, ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn)}, ml)
	}
	if l != nil {
		p.serve(a.HTTPServer(), l)
		p.run(func(ctx context.Context) error {
			a.Matching.Warm(ctx)
			return nil
		})
		o.Log.Info("serving", "addr", l.Addr().String(), "public_url", c.PublicURL, "version", Version)
	}
	if o.Ready != nil {
		o.Ready()
	}
	err = p.wait(ctx)
	o.Log.Info("stopped")
	return err
}

// work does jobs and deliveries until the process ends.
func (a *App) work(p *process) error {
	// Not under p.ctx: when that ends, running jobs finish.
	if err := a.Jobs.Start(context.WithoutCancel(p.ctx)); err != nil {
		return err
	}
	p.run(func(ctx context.Context) error {
		<-ctx.Done()
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), jobGrace)
		defer cancel()
		if err := a.Jobs.Stop(ending); err != nil {
			a.options.Log.Warn("jobs were cut off, and run again with the next process", "cause", err.Error())
		}
		return nil
	})
	p.run(func(ctx context.Context) error {
		a.Deliverer().Run(ctx)
		return nil
	})
	return nil
}

// process is what runs side by side, and ends together: when it is asked to, or when a part of it fails.
type process struct {
	ctx context.Context
	end context.CancelCauseFunc
	wg  sync.WaitGroup
	mu  sync.Mutex
	err error
}

func newProcess(ctx context.Context) *process {
	p := &process{}
	p.ctx, p.end = context.WithCancelCause(ctx)
	return p
}

// run runs a part. The first one to fail ends the others.
func (p *process) run(part func(context.Context) error) {
	p.wg.Go(func() {
		if err := part(p.ctx); err != nil {
			p.mu.Lock()
			p.err = errors.Join(p.err, err)
			p.mu.Unlock()
			p.end(err)
		}
	})
}

// serve answers requests until the process ends, and then lets those that are running finish.
func (p *process) serve(s *http.Server, l net.Listener) {
	p.run(func(context.Context) error {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	p.run(func(ctx context.Context) error {
		<-ctx.Done()
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestGrace)
		defer cancel()
		if s.Shutdown(ending) != nil {
			return s.Close()
		}
		return nil
	})
}

// wait waits until every part has ended. Being asked to end by asked is no error.
func (p *process) wait(asked context.Context) error {
	p.wg.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if cause := context.Cause(p.ctx); p.err == nil && asked.Err() == nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return p.err
}

// Tune lets the heap grow to five times what is live before it is collected, unless GOGC says otherwise: a request leaves
// little behind, and collecting it early costs more than the memory. The limit keeps that from being the whole machine.
func Tune() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(1 << 30)
	}
}
