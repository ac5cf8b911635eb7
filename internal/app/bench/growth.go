package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/switchingtalent/switchboard/internal/app"
	"github.com/switchingtalent/switchboard/internal/app/growth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/outbound"
	"github.com/switchingtalent/switchboard/internal/platform/postgres"
	"github.com/switchingtalent/switchboard/internal/platform/seal"
)

// Tenants are unequal: one in a hundred is big, nine in a hundred are of a middle size, the others small. Of all rows the big
// ones have 40 %, the middle ones 36 %, the small ones 24 %.
const (
	bigShare, bigRows       = 0.01, 0.40
	middleShare, middleRows = 0.09, 0.36
	small, large            = "hundredth", "whole" // the two databases
)

// grow measures every call that the document lists by GET, and every call of a journey, in a database of a hundredth of the
// tenants and rows and in one with all of them, by turns, so that what else the machine does touches both. The measured tenant is
// the same in both, to the row: what differs is what stands beside it. A big tenant is measured in the large one.
func grow(ctx context.Context) error {
	// Whoever interrupts it leaves no gigabytes behind.
	ctx, cancel := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer cancel()
	g, stop, err := raise(ctx)
	if err != nil {
		return err
	}
	defer stop()
	return g.measure(ctx)
}

// grown is what growth is measured on.
type grown struct {
	st     *stage
	box    *seal.Box
	houses map[string]*house
	seeded app.DemoFile
	sizes  map[string]string // what was made, for people
}

// house is the product on one database.
type house struct {
	base  string
	app   *app.App
	tap   *growth.Tap // hears its statements, while it is asked to
	close func()
}

// fan lets a tenant that grows have more of everything by employer, and not only more employers.
var fan = map[string]int{"organisations": 3, "cohorten": 3, "matching_runs": 3, "webhook_endpoints": 9}

func raise(ctx context.Context) (_ *grown, _ func(), err error) {
	dir := *growData
	if dir == "" {
		dir, err = os.MkdirTemp("", "switchboard-growth-")
	} else if dir, err = filepath.Abs(dir); err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		return nil, nil, err
	}
	kept, data := filepath.Join(dir, "grown.json"), filepath.Join(dir, "data")
	memo, err := os.ReadFile(kept)
	if _, begun := os.Stat(data); err != nil && begun == nil {
		return nil, nil, fmt.Errorf("%s was begun and never finished: remove it", dir)
	}
	g := &grown{st: &stage{dir: dir}, houses: map[string]*house{}, sizes: map[string]string{}}
	var stops []func()
	stop := func() {
		for _, f := range slices.Backward(stops) {
			f()
		}
		if *growData == "" {
			_ = os.RemoveAll(dir)
		}
	}
	defer func() {
		if err != nil {
			stop()
		}
	}()
	if err = os.Chmod(dir, 0o755); err != nil { // PostgreSQL may run as another user
		return nil, nil, err
	}
	if g.box, err = seal.Open(base64.StdEncoding.EncodeToString(make([]byte, 32))); err != nil {
		return nil, nil, err
	}
	if g.st.server, err = postgres.Start(ctx, postgres.Options{Dir: data, MaxConnections: 200}); err != nil {
		return nil, nil, err
	}
	stops = append(stops, func() { _ = g.st.server.Stop(context.WithoutCancel(ctx)) })
	if memo != nil {
		var k memory
		if err = json.Unmarshal(memo, &k); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", kept, err)
		}
		g.seeded, g.sizes = k.Seeded, k.Sizes
	} else if err = g.make(ctx, kept); err != nil {
		return nil, nil, err
	}
	for _, name := range []string{small, large} {
		var h *house
		if h, err = g.open(ctx, name); err != nil {
			return nil, nil, err
		}
		stops = append(stops, h.close)
		g.houses[name] = h
	}
	return g, stop, nil
}

// memory is what a directory that is kept knows of its databases.
type memory struct {
	Seeded app.DemoFile
	Sizes  map[string]string
}

// make makes both databases, and remembers that they are there.
func (g *grown) make(ctx context.Context, kept string) error {
	if err := app.Bootstrap(ctx, g.st.server.SuperURL("postgres"), small, "bench", "bench"); err != nil {
		return err
	}
	if _, err := app.Migrate(ctx, g.st.server.URL(app.OwnerRole, "bench", small)); err != nil {
		return err
	}
	c, err := g.super(ctx, small)
	if err != nil {
		return err
	}
	if err := errors.Join(growth.Past(ctx, c), c.Close(ctx)); err != nil {
		return err
	}
	if err := g.fill(ctx); err != nil {
		return err
	}
	b, err := json.Marshal(memory{g.seeded, g.sizes})
	if err != nil {
		return err
	}
	return os.WriteFile(kept, b, 0o600)
}

// open serves what stands in a database.
func (g *grown) open(ctx context.Context, database string) (*house, error) {
	tap := growth.NewTap()
	tap.Hear(false)
	data, err := db.Open(ctx, g.st.server.URL(app.AppRole, "bench", database), db.Options{MaxConns: int32(*conns), Tracer: tap})
	if err != nil {
		return nil, err
	}
	lines, err := os.Create(filepath.Join(g.st.dir, "log-"+database))
	if err != nil {
		data.Close()
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		data.Close()
		return nil, errors.Join(err, lines.Close())
	}
	background, cancel := context.WithCancel(ctx)
	h := &house{base: "http://" + l.Addr().String(), tap: tap}
	closeAll := func() { cancel(); _ = l.Close(); data.Close(); _ = lines.Close() }
	// Both say that they are the same: a token and a certificate of the one hold in the other.
	a, err := app.New(data, app.Options{Box: g.box, Log: slog.New(slog.NewJSONHandler(lines, nil)), PublicURL: "http://127.0.0.1", Outbound: outbound.OnlyLoopback(),
		ClientLimit: clientLimit, PublicLimit: clientLimit, KeepEvents: 720 * time.Hour, KeepTries: 720 * time.Hour})
	if err == nil {
		err = a.Access.Start(ctx)
	}
	if err == nil && g.seeded.Tenants == nil {
		g.seeded, err = a.SeedDemo(ctx)
	}
	if err != nil {
		closeAll()
		return nil, err
	}
	h.app = a
	go a.Access.Run(background)
	go a.Limits.Run(background)
	server := a.HTTPServer()
	go func() { _ = server.Serve(l) }()
	h.close = func() { _ = server.Close(); closeAll() }
	return h, nil
}

// tenantOf is the id of a seeded tenant: of its number 0 the big one is made, of number 1 the measured one.
func (g *grown) tenantOf(number int) (uuid.UUID, error) {
	var t id.TenantID
	err := t.UnmarshalText([]byte(g.seeded.Tenants[number].ID))
	return t.UUID(), err
}

// fill makes the hundredth, copies it as a file, and lets the copy grow.
func (g *grown) fill(ctx context.Context) error {
	start := time.Now()
	say := func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "%6.0f s  "+format+"\n", append([]any{time.Since(start).Seconds()}, args...)...)
	}
	first, err := g.open(ctx, small)
	if err != nil {
		return err
	}
	// The demo has no endpoint; then two journeys through the doors, so that there are deliveries.
	for number := range g.seeded.Tenants {
		c := g.client(ctx, first, number)
		c.call("", http.MethodPost, "/v1/webhook-endpoints", object{"url": "http://127.0.0.1:1/", "event_types": []string{"*"}, "headers": []object{{"name": "X-Key", "value": "bench"}}})
		for range 2 {
			c.journey()
		}
		if c.fault != nil {
			first.close()
			return c.fault
		}
	}
	first.close()
	// Nothing here has to survive a power cut, and autovacuum would only run again and again over what is still being made.
	if err := g.alter(ctx, "fsync = off", "full_page_writes = off", "synchronous_commit = off", "autovacuum = off", "max_wal_size = '4GB'", "checkpoint_timeout = '30min'"); err != nil {
		return err
	}
	defer func() {
		_ = g.alter(context.WithoutCancel(ctx), "fsync = on", "full_page_writes = on", "synchronous_commit = on", "autovacuum = on", "max_wal_size = '1GB'", "checkpoint_timeout = '5min'")
	}()
	big, err := g.tenantOf(0)
	if err != nil {
		return err
	}
	middle, err := g.tenantOf(1)
	if err != nil {
		return err
	}
	into := growth.Into{Unchecked: true, Box: g.box, Fan: fan}
	alike := growth.Into{Unchecked: true, Box: g.box}
	of := func(share float64) int { return max(int(float64(*growTenants)*share+0.5), 1) }
	bigs, middles := of(bigShare), of(middleShare)
	smalls := *growTenants - bigs - middles
	each := func(share float64, n int) int64 { return int64(share * float64(*growRows) / float64(n)) }
	bigEach, middleEach := each(bigRows, bigs), each(middleRows, middles)

	c, err := g.super(ctx, small)
	if err != nil {
		return err
	}
	say("the measured tenant grows to %d rows", middleEach)
	made, err := growth.Enlarge(ctx, c, middle, middleEach, into)
	if err != nil {
		return err
	}
	fewTenants, fewRows := max(*growTenants/100, 3), *growRows/100
	if left := fewRows - made; left > 0 && fewTenants > 2 {
		say("%d tenants beside it", fewTenants-1)
		if _, err := growth.Settle(ctx, c, big, fewTenants-2, left, alike); err != nil {
			return err
		}
	}
	bytesEach, err := g.settled(ctx, c, small)
	if err != nil {
		return err
	}
	if err := c.Close(ctx); err != nil {
		return err
	}
	if err := growth.Room(g.st.dir, int64(bytesEach*float64(*growRows))); err != nil {
		return err
	}
	if c, err = g.super(ctx, "postgres"); err != nil {
		return err
	}
	_, err = c.Exec(ctx, "create database "+large+" template "+small+" strategy file_copy owner "+app.OwnerRole)
	if err = errors.Join(err, c.Close(ctx)); err != nil {
		return err
	}
	if c, err = g.super(ctx, large); err != nil {
		return err
	}
	defer c.Close(ctx)
	if _, err := c.Exec(ctx, "grant connect on database "+large+" to "+app.AppRole); err != nil {
		return err
	}
	total := int64(fewRows)
	step := func(what string, f func() (int64, error)) error {
		n, err := f()
		total += n
		if err == nil {
			say("%s: %d rows more, %d in all", what, n, total)
		}
		return err
	}
	// The small ones first: they are copies of a tenant that is to become big.
	rest := *growRows - total - int64(bigs)*bigEach - int64(middles-1)*middleEach
	for left := smalls - (fewTenants - 2); left > 0; left -= 100 {
		now := min(left, 100)
		if err := step("small tenants", func() (int64, error) {
			return growth.Settle(ctx, c, big, now, rest*int64(now)/int64(smalls-(fewTenants-2)), alike)
		}); err != nil {
			return err
		}
	}
	for n := 1; n < bigs; n++ {
		if err := step("big tenants", func() (int64, error) { return growth.Settle(ctx, c, middle, 1, bigEach, alike) }); err != nil {
			return err
		}
	}
	for n := 1; n < middles; n++ {
		if err := step("tenants of the middle", func() (int64, error) { return growth.Settle(ctx, c, middle, 1, middleEach, alike) }); err != nil {
			return err
		}
	}
	if err := step("a big tenant is measured too", func() (int64, error) { return growth.Enlarge(ctx, c, big, bigEach, into) }); err != nil {
		return err
	}
	if _, err := g.settled(ctx, c, large); err != nil {
		return err
	}
	say("filled: %s; %s", g.sizes[small], g.sizes[large])
	return nil
}

// settled makes statistics and a checkpoint of what was made, notes its size, and returns the bytes of a row with its indexes.
func (g *grown) settled(ctx context.Context, c *pgx.Conn, name string) (float64, error) {
	if _, err := c.Exec(ctx, "vacuum (analyze, truncate false)"); err != nil {
		return 0, err
	}
	if _, err := c.Exec(ctx, "checkpoint"); err != nil {
		return 0, err
	}
	rows, err := c.Query(ctx, "select tenant_id from tenants")
	if err != nil {
		return 0, err
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[[16]byte])
	if err != nil {
		return 0, err
	}
	ids := make([]uuid.UUID, len(all))
	for i, t := range all {
		ids[i] = t
	}
	n, err := growth.Rows(ctx, c, ids...)
	if err != nil {
		return 0, err
	}
	var bytes int64
	if err := c.QueryRow(ctx, "select pg_database_size(current_database())").Scan(&bytes); err != nil {
		return 0, err
	}
	g.sizes[name] = fmt.Sprintf("%d tenants with %d rows, %.2f GB", len(ids), n, float64(bytes)/1e9)
	return float64(bytes) / float64(n), nil
}

func (g *grown) super(ctx context.Context, database string) (*pgx.Conn, error) {
	return pgx.Connect(ctx, g.st.server.SuperURL(database))
}

// alter changes settings of the server that need no restart.
func (g *grown) alter(ctx context.Context, settings ...string) error {
	c, err := g.super(ctx, "postgres")
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	for _, s := range settings {
		if _, err := c.Exec(ctx, "alter system set "+s); err != nil {
			return err
		}
	}
	_, err = c.Exec(ctx, "select pg_reload_conf()")
	return err
}

// object is a JSON object.
type object map[string]any

func (o object) text(name string) string { s, _ := o[name].(string); return s }

func (o object) list(name string) []object {
	all, _ := o[name].([]any)
	out := make([]object, 0, len(all))
	for _, v := range all {
		if one, ok := v.(map[string]any); ok {
			out = append(out, one)
		}
	}
	return out
}

// surveyor is a client of one house and tenant, over one kept connection. After a fault it asks no more.
type surveyor struct {
	ctx    context.Context
	h      *house
	http   *http.Client
	tenant app.DemoTenant
	secret [2]string // client id and secret
	token  string
	until  time.Time
	took   map[string][]time.Duration // by the name of the call
	fault  error
	serial string
	turn   int
}

// client makes a surveyor of a seeded tenant, as its partner_admin.
func (g *grown) client(ctx context.Context, h *house, number int) *surveyor {
	s := &surveyor{ctx: ctx, h: h, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}, Timeout: time.Minute}, took: map[string][]time.Duration{}, serial: uuid.NewString()[:8]}
	if number >= 0 {
		s.tenant = g.seeded.Tenants[number]
		s.secret = [2]string{s.tenant.Clients[0].ClientID, s.tenant.Clients[0].ClientSecret}
	} else {
		s.secret = [2]string{g.seeded.Platform.ClientID, g.seeded.Platform.ClientSecret}
	}
	return s
}

// employer makes a surveyor of a seeded tenant, as the HR software of one of its employers.
func (g *grown) employer(ctx context.Context, h *house, number int) (*surveyor, error) {
	s := g.client(ctx, h, number)
	at := slices.IndexFunc(s.tenant.Clients, func(c app.DemoClient) bool { return c.OrganisationID != nil })
	if at < 0 {
		return nil, fmt.Errorf("%s has no client that is bound to an employer", s.tenant.Slug)
	}
	s.secret = [2]string{s.tenant.Clients[at].ClientID, s.tenant.Clients[at].ClientSecret}
	return s, nil
}

// admit gets a token where the last one is about to end.
func (s *surveyor) admit() {
	if s.fault != nil || time.Until(s.until) > 2*time.Minute {
		return
	}
	s.token, s.until = "", time.Now().Add(9*time.Minute)
	form := "grant_type=client_credentials&client_id=" + s.secret[0] + "&client_secret=" + s.secret[1]
	_, body := s.send("POST /oauth/token", http.MethodPost, "/oauth/token", "application/x-www-form-urlencoded", []byte(form))
	var got struct {
		Token string `json:"access_token"`
	}
	if s.fault == nil {
		s.fault = json.Unmarshal(body, &got)
	}
	s.token = got.Token
}

// send makes a request and notes under its name how long it took, if it has one; it is a fault when the answer is a refusal.
func (s *surveyor) send(name, method, path, kind string, body []byte) (status int, answer []byte) {
	if s.fault != nil {
		return 0, nil
	}
	r, err := http.NewRequestWithContext(s.ctx, method, s.h.base+path, bytes.NewReader(body))
	if err != nil {
		s.fault = err
		return 0, nil
	}
	if len(body) > 0 {
		r.Header.Set("Content-Type", kind)
	}
	if s.token != "" {
		r.Header.Set("Authorization", "Bearer "+s.token)
	}
	if method == http.MethodPatch || method == http.MethodPut {
		r.Header.Set("If-Match", "*")
	}
	start := time.Now()
	res, err := s.http.Do(r)
	if err == nil {
		answer, err = io.ReadAll(res.Body)
		_ = res.Body.Close()
	}
	if err != nil {
		s.fault = err
		return 0, nil
	}
	if name != "" {
		s.took[name] = append(s.took[name], time.Since(start))
		if res.StatusCode >= 300 {
			s.fault = fmt.Errorf("%s %s was answered %d: %s", method, path, res.StatusCode, answer)
		}
	}
	return res.StatusCode, answer
}

// call makes a request of JSON.
func (s *surveyor) call(name, method, path string, in object) object {
	s.admit()
	var body []byte
	if in != nil {
		body, _ = json.Marshal(in) // of texts, numbers and lists: cannot fail
	}
	status, answer := s.send(name, method, path, "application/json", body)
	if s.fault == nil && status >= 300 {
		s.fault = fmt.Errorf("%s %s was answered %d: %s", method, path, status, answer)
	}
	var out object
	if s.fault == nil && len(answer) > 0 && strings.HasPrefix(strings.TrimSpace(string(answer)), "{") {
		s.fault = json.Unmarshal(answer, &out)
	}
	return out
}

func (s *surveyor) post(name, path string, in object) object {
	return s.call("POST "+name, http.MethodPost, path, in)
}
