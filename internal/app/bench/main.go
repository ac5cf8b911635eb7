// Command bench measures GET, list and create against their floors, in interleaved rounds of one run, and prints ratios;
// and deliveries, from fact to receiver.
//
// The floors run beside ours on the same machine and database: pgbench for requests per second, a handler of raw pgx
// without tenants for CPU. Absolute numbers say more about the machine than about us; compare the ratios. Everything
// stays on loopback, and stops by itself.
package main

import (
	"context"
	"encoding/base64"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/switchingtalent/switchboard/internal/app"
	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/outbound"
	"github.com/switchingtalent/switchboard/internal/platform/postgres"
	"github.com/switchingtalent/switchboard/internal/platform/seal"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

var (
	rounds    = flag.Int("rounds", 5, "interleaved rounds; medians are printed")
	seconds   = flag.Int("seconds", 3, "how long each measurement takes")
	clients   = flag.Int("clients", 32, "connections that send at once")
	profile   = flag.String("profile", "", "write a CPU profile of our side of the first round to this file, by the number of the measure")
	cohort    = flag.Int("cohort", 0, "measure a matching run of so many leervragen and as many leerplekken, and nothing else")
	objective = flag.String("objective", "total", "of a cohort: total, or worst_off_first")
	places    = flag.Int("suggestions", 0, "measure suggestions over so many leerplekken of one tenant, and nothing else")
	load      = flag.String("load", "", "run as load generator for this address (used by bench itself)")
	token     = flag.String("token", "", "bearer token of the load generator")

	deliver  = flag.Bool("deliveries", false, "measure deliveries instead")
	only     = flag.String("only", "", "one alone: GET, list or create; of deliveries: all, steady, fan-out, ordered, hanging, long-lane, neighbours, turning or backlog")
	conns    = flag.Int("conns", 20, "connections of the server to the database; serve has as many")
	peer     = flag.Bool("pocketbase", true, "measure PocketBase beside ours; it is built first, which takes the network and once some minutes")
	backlog  = flag.Int("backlog", 100_000, "of deliveries: how many wait in the backlog, a multiple of 100")
	storming = flag.Bool("storm", false, "measure what one tenant's storm does to another's p99, and nothing else")
	rate     = flag.Int("rate", 0, "requests a second of the load generator (used by bench itself); as fast as it can for 0")
	growing  = flag.Bool("growth", false, "measure every call in a small and in a large database, and nothing else")
	// Of growth.
	growData    = flag.String("data", "", "of growth: a directory that keeps the databases and uses them again; without it they are dropped at the end")
	growTenants = flag.Int("tenants", 1000, "of growth: tenants of the large database; the small one has a hundredth")
	growRows    = flag.Int64("rows", 10_000_000, "of growth: rows of the large database; the small one has a hundredth")
	sinking     = flag.Bool("receive", false, "run as receiver (used by bench itself)")
)

// clientLimit is what each client of a stage may do: as good as everything, except where limits are measured.
var clientLimit = web.Limit{Requests: 100_000_000, Window: time.Minute}

const (
	tenants          = 50
	organisationsPer = 400
)

func main() {
	flag.Parse()
	log.SetFlags(0)
	if *load != "" && *rate > 0 {
		if err := keepPace(*load, *rate, os.Stdin, os.Stdout); err != nil {
			log.Fatal("load: ", err)
		}
		return
	}
	if *load != "" {
		if err := generate(*load, *token, os.Stdin, os.Stdout); err != nil {
			log.Fatal("load: ", err)
		}
		return
	}
	if *sinking {
		if err := receive(os.Stdin, os.Stdout); err != nil {
			log.Fatal("receive: ", err)
		}
		return
	}
	app.Tune()
	measure := run
	if *deliver {
		measure = deliveries
	}
	if *storming {
		measure = storms
	}
	if *growing {
		measure = grow
	}
	if err := measure(context.Background()); err != nil {
		log.Fatal("bench: ", err)
	}
}

// stage is everything that is measured on.
type stage struct {
	server  *postgres.Server
	super   *pgxpool.Pool
	bin     string // PostgreSQL's programs
	dir     string
	base    string // our API
	raw     string // the floor over HTTP
	callers []caller
	app     *app.App
}

type caller struct {
	tenant uuid.UUID
	name   string // of a peer's tenant
	token  string
	ids    []string // organisations
}

func run(ctx context.Context) error {
	if *cohort > 0 {
		return cohorts(ctx)
	}
	if *places > 0 {
		return suggestions(ctx)
	}
	st, stop, err := prepare(ctx, (*stage).fill)
	if err != nil {
		return err
	}
	defer stop()
	if err := st.sameList(); err != nil {
		return err
	}
	measures := []measure{
		{"GET one row", "pgbench, same SELECT", "requests per second", st.pgbenchGet, st.get, nil, perSecond, "≥ 0.20", "≥ 3"},
		{"list of 50", "the same answer by raw pgx, no tenants", "CPU per request", st.rawList, st.list, nil, cpuRatio, "≤ 1.6", "≥ 2.5"},
		{"create: row, fact, delivery", "pgbench, same transaction", "requests per second", st.pgbenchCreate, st.create, nil, perSecond, "≥ 0.60", "≥ 1"},
	}
	if *peer {
		p, stop, err := startPocketBase(ctx, st.dir)
		if err != nil {
			return fmt.Errorf("PocketBase (-pocketbase=false leaves it out): %w", err)
		}
		defer stop()
		for i, request := range []func(caller) string{p.get, p.list, p.create} {
			measures[i].peer = p.measure(st, request)
		}
	}
	measures = slices.DeleteFunc(measures, func(m measure) bool { return *only != "" && !strings.HasPrefix(m.name, *only) })
	got := make([]rounded, len(measures))
	for r := range *rounds {
		for i, m := range measures {
			fmt.Fprintf(os.Stderr, "round %d of %d: %s\n", r+1, *rounds, m.name)
			if err := m.round(r, i, &got[i]); err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
		}
	}
	fmt.Printf("\n%d clients, %d rounds of %d s, medians [lowest–highest]\n\n", *clients, *rounds, *seconds)
	fmt.Println("| what | floor | compared | ratio | bar | floor/s | ours/s | floor's CPU µs (client or server + database) | our CPU µs (server + database) | the generator's |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|")
	for i, m := range measures {
		g := got[i]
		fmt.Printf("| %s | %s | %s | %s | %s | %.0f | %.0f | %s | %s | %.0f |\n", m.name, m.against, m.unit, spread(g.floor, g.ours, m.ratio), m.bar,
			medianOf(g.floor, result.rate), medianOf(g.ours, result.rate), cpu(g.floor), cpu(g.ours), medianOf(g.ours, result.loadPer))
	}
	if *peer {
		fmt.Println("\n| what | ours ÷ PocketBase, requests per second | bar | CPU per request, PocketBase ÷ ours | PocketBase/s | its CPU µs |")
		fmt.Println("|---|---|---|---|---|---|")
		for i, m := range measures {
			g := got[i]
			fmt.Printf("| %s | %s | %s | %s | %.0f | %s |\n", m.name, spread(g.peer, g.ours, perSecond), m.peerBar, spread(g.ours, g.peer, cpuRatio),
				medianOf(g.peer, result.rate), cpu(g.peer))
		}
	}
	return nil
}

// rounded is what the rounds of one measure gave.
type rounded struct{ floor, ours, peer []result }

// round measures once; who goes first changes from round to round.
func (m measure) round(r, i int, got *rounded) error {
	type turn struct {
		run  func() (result, error)
		into *[]result
	}
	turns := []turn{{m.floor, &got.floor}, {m.ours, &got.ours}}
	if m.peer != nil {
		turns = append(turns, turn{m.peer, &got.peer})
	}
	for k := range turns {
		k = (k + r) % len(turns)
		done := func() {}
		if *profile != "" && r == 0 && k == 1 {
			var err error
			if done, err = profiling(fmt.Sprint(*profile, i)); err != nil {
				return err
			}
		}
		x, err := turns[k].run()
		done()
		if err != nil {
			return err
		}
		*turns[k].into = append(*turns[k].into, x)
	}
	return nil
}

// spread is the median of a ratio over the rounds, with its lowest and highest.
func spread(a, b []result, ratio func(a, b result) float64) string {
	var v []float64
	for i := range a {
		v = append(v, ratio(a[i], b[i]))
	}
	return fmt.Sprintf("**%.2f** [%.2f–%.2f]", median(v), slices.Min(v), slices.Max(v))
}

// profiling writes what this process spends its time on to a file, until the returned function is called.
func profiling(name string) (func(), error) {
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() { pprof.StopCPUProfile(); _ = f.Close() }, nil
}

type measure struct {
	name, against, unit string
	floor, ours, peer   func() (result, error)
	ratio               func(floor, ours result) float64
	bar, peerBar        string
}

// result is one measurement. CPU is in microseconds, the load generator's left out.
type result struct {
	done                            int
	took                            time.Duration
	serverCPU, databaseCPU, loadCPU float64
}

func (r result) serverPer() float64   { return r.serverCPU / float64(r.done) }
func (r result) loadPer() float64     { return r.loadCPU / float64(r.done) }
func (r result) databasePer() float64 { return r.databaseCPU / float64(r.done) }

// cpu says what something cost.
func cpu(rs []result) string {
	return fmt.Sprintf("%.0f + %.0f", medianOf(rs, result.serverPer), medianOf(rs, result.databasePer))
}

func (r result) rate() float64 { return float64(r.done) / r.took.Seconds() }

func perSecond(floor, ours result) float64 { return ours.rate() / floor.rate() }

func cpuRatio(floor, ours result) float64 {
	per := func(r result) float64 { return (r.serverCPU + r.databaseCPU) / float64(r.done) }
	return per(ours) / per(floor)
}

// median is NaN of nothing.
func median(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

func medianOf(rs []result, f func(result) float64) float64 {
	var v []float64
	for _, r := range rs {
		v = append(v, f(r))
	}
	return median(v)
}

// prepare starts a durable PostgreSQL, fills it, and serves ours and the floor on loopback.
func prepare(ctx context.Context, fill func(*stage, context.Context, *app.App) error) (*stage, func(), error) {
	dir, err := os.MkdirTemp("", "switchboard-bench-")
	if err != nil {
		return nil, nil, err
	}
	st := &stage{dir: dir}
	var stops []func()
	stop := func() {
		for _, f := range slices.Backward(stops) {
			f()
		}
		_ = os.RemoveAll(dir)
	}
	fail := func(err error) (*stage, func(), error) { stop(); return nil, nil, err }
	if st.bin, err = postgres.Find(); err != nil {
		return fail(err)
	}
	if _, err := os.Stat(filepath.Join(st.bin, "pgbench")); err != nil {
		return fail(fmt.Errorf("pgbench is not beside PostgreSQL's other programs in %s: install it", st.bin))
	}
	if err := os.Chmod(dir, 0o755); err != nil { // PostgreSQL may run as another user
		return fail(err)
	}
	if st.server, err = postgres.Start(ctx, postgres.Options{Dir: filepath.Join(dir, "data"), MaxConnections: 200}); err != nil {
		return fail(err)
	}
	stops = append(stops, func() { _ = st.server.Stop(ctx) })
	if err := app.Bootstrap(ctx, st.server.SuperURL("postgres"), "switchboard", "bench", "bench"); err != nil {
		return fail(err)
	}
	if _, err := app.Migrate(ctx, st.server.URL(app.OwnerRole, "bench", "switchboard")); err != nil {
		return fail(err)
	}
	if st.super, err = pgxpool.New(ctx, st.server.SuperURL("switchboard")); err != nil {
		return fail(err)
	}
	stops = append(stops, st.super.Close)
	data, err := db.Open(ctx, st.server.URL(app.AppRole, "bench", "switchboard"), db.Options{MaxConns: int32(*conns)})
	if err != nil {
		return fail(err)
	}
	stops = append(stops, data.Close)
	box, err := seal.Open(base64.StdEncoding.EncodeToString(make([]byte, 32)))
	if err != nil {
		return fail(err)
	}
	lines, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return fail(err)
	}
	stops = append(stops, func() { _ = lines.Close() })
	logs := slog.New(slog.NewJSONHandler(lines, nil)) // a line for every request, as in production
	ours, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fail(err)
	}
	st.base = ours.Addr().String()
	a, err := app.New(data, app.Options{Box: box, Log: logs, PublicURL: "http://" + st.base, Outbound: outbound.OnlyLoopback(), ClientLimit: clientLimit, PublicLimit: clientLimit, KeepEvents: 720 * time.Hour})
	if err != nil {
		return fail(err)
	}
	st.app = a
	if err := a.Access.Start(ctx); err != nil {
		return fail(err)
	}
	background, cancel := context.WithCancel(ctx)
	go a.Access.Run(background)
	go a.Limits.Run(background)
	stops = append(stops, cancel)
	server := a.HTTPServer()
	go func() { _ = server.Serve(ours) }()
	stops = append(stops, func() { _ = server.Close() })
	floor, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fail(err)
	}
	st.raw = floor.Addr().String()
	rawServer := &http.Server{Handler: rawHandler(st.super), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = rawServer.Serve(floor) }()
	stops = append(stops, func() { _ = rawServer.Close() })
	st.app = a
	if err := fill(st, ctx, a); err != nil {
		return fail(err)
	}
	return st, stop, nil
}

// fill makes tenants with employers, and in each one endpoint that waits to be proven, so that every fact has a delivery
// and nothing is sent.
func (st *stage) fill(ctx context.Context, a *app.App) error {
	fmt.Fprintf(os.Stderr, "filling %d tenants with %d employers each\n", tenants, organisationsPer)
	for range tenants {
		tid, cid := id.NewTenant(), id.NewClient()
		_, err := st.super.Exec(ctx, `insert into tenants (tenant_id, id, slug, name, created_at, updated_at, changed_by, request_id)
			values ($1::uuid, $1::uuid, 'b' || replace($1::uuid::text, '-', ''), 'Bench', now(), now(), 'bench', 'bench')`, tid.UUID())
		if err != nil {
			return err
		}
		if _, err := st.super.Exec(ctx, `insert into clients (tenant_id, id, name, role, scopes, created_at, updated_at, changed_by, request_id)
			values ($1, $2, 'bench', 'coordinator', '{}', now(), now(), 'bench', 'bench')`, tid.UUID(), cid.UUID()); err != nil {
			return err
		}
		if _, err := st.super.Exec(ctx, `insert into webhook_endpoints (tenant_id, id, client_id, url, event_types, type_patterns, nouns, status, created_at, updated_at, changed_by, request_id)
			values ($1, gen_random_uuid(), $2, 'http://127.0.0.1:1/', '{*}', '{%}', '{organisation}', 'pending', now(), now(), 'bench', 'bench')`, tid.UUID(), cid.UUID()); err != nil {
			return err
		}
		if _, err := st.super.Exec(ctx, `insert into platform.delivery_holds (endpoint_id, tenant_id) select id, tenant_id from webhook_endpoints where tenant_id = $1`, tid.UUID()); err != nil {
			return err
		}
		if _, err := st.super.Exec(ctx, `insert into organisations (tenant_id, id, name, kind, sector, headcount, created_at, updated_at, changed_by, request_id)
			select $1, gen_random_uuid(), 'Werkgever ' || n, 'profit', 'bouw', n, now(), now(), 'bench', 'bench' from generate_series(1, $2) n`, tid.UUID(), organisationsPer); err != nil {
			return err
		}
		p := auth.Principal{TenantID: tid, ClientID: cid, Role: auth.Coordinator, Scopes: auth.Of(auth.Coordinator)}
		text, err := a.Tokens.Sign(p, time.Now())
		if err != nil {
			return err
		}
		c := caller{tenant: tid.UUID(), token: text}
		rows, err := st.super.Query(ctx, `select id::text from organisations where tenant_id = $1`, tid.UUID())
		if err != nil {
			return err
		}
		for rows.Next() {
			var o id.OrganisationID
			if err := rows.Scan(&o); err != nil {
				return err
			}
			c.ids = append(c.ids, o.String())
		}
		if err := rows.Err(); err != nil {
			return err
		}
		st.callers = append(st.callers, c)
	}
	// What pgbench draws from: tenant t, employer n.
	_, err := st.super.Exec(ctx, `create table bench_ids as select dense_rank() over (order by tenant_id)::int - 1 as t,
		row_number() over (partition by tenant_id order by id)::int as n, tenant_id, id from organisations`)
	if err == nil {
		_, err = st.super.Exec(ctx, "create unique index on bench_ids (t, n) include (tenant_id, id)")
	}
	if err == nil {
		_, err = st.super.Exec(ctx, "analyze")
	}
	return err
}
