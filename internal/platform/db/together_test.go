package db_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// counting hears how many statements each round trip took along.
type counting struct {
	mu    sync.Mutex
	trips []int
}

func (c *counting) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}
func (c *counting) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
func (c *counting) TraceBatchStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceBatchStartData) context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trips = append(c.trips, d.Batch.Len())
	return ctx
}
func (c *counting) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (c *counting) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

// question is one that a test asks, and what is right.
type question struct {
	what  string
	who   db.Who
	id    id.SiteID
	right string // the name of the row, or "" where there is none for who asks
}

// questions are about the rows of two tenants, asked by both, and by one's employers.
func questions(t *testing.T) (*testkit.World, []question) {
	t.Helper()
	a, b := world(t), world(t)
	one, two := id.NewOrganisation(), id.NewOrganisation()
	of1, of2, ofB := add(a, "of one", &one), add(a, "of two", &two), add(b, "of another tenant", nil)
	return a, []question{
		{"a tenant's", a.Who(), of1.ID, "of one"},
		{"another tenant's", a.Who(), ofB.ID, ""},
		{"the other's own", b.Who(), ofB.ID, "of another tenant"},
		{"the first's, by the other", b.Who(), of2.ID, ""},
		{"an employer's own", bound(a, one), of1.ID, "of one"},
		{"another employer's", bound(a, one), of2.ID, ""},
		{"the other employer's own", bound(a, two), of2.ID, "of two"},
		{"another tenant's, by an employer", bound(a, two), ofB.ID, ""},
		{"nobody's", b.Who(), id.NewSite(), ""},
		{"one that may not be asked", db.Who{}, of1.ID, ""},
	}
}

// ask asks, and returns what is wrong with the answer. A database that is gone for a moment is not.
func (q question) ask(d *db.DB) (wrong string, busy bool) {
	var got thing
	err := d.Single(context.Background(), q.who, func(tx *db.Tx) (err error) {
		got, err = db.Get[thing](tx, q.id)
		return err
	})
	switch {
	case fault.Busy.Is(err):
		return "", true
	case err == nil && q.right != "" && got.Name == q.right && got.ID == q.id && got.TenantID.UUID() == q.who.Scope.Tenant:
	case fault.Missing.Is(err) && q.right == "" && q.who.Actor != "":
	case err != nil && q.who.Actor == "" && !fault.Missing.Is(err):
	default:
		return fmt.Sprintf("%s: %q, %v", q.what, got.Name, err), false
	}
	return "", false
}

// hold takes every connection, until release.
func hold(t *testing.T, d *db.DB) (release func()) {
	t.Helper()
	over, held := make(chan struct{}), make(chan struct{})
	var holding sync.WaitGroup
	for range d.Conns() {
		holding.Go(func() {
			err := d.Platform(context.Background(), "a connection that is taken", func(pgx.Tx) error {
				held <- struct{}{}
				<-over
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	for range d.Conns() {
		<-held
	}
	return func() { close(over); holding.Wait() }
}

// together asks so that all but those who go first have to wait for one another, and then lets them go.
func together(t *testing.T, d *db.DB, all []question) {
	t.Helper()
	d.Patience(time.Hour, time.Minute, time.Hour)
	before := d.Together()
	release := hold(t, d)
	var asking sync.WaitGroup
	for _, q := range all {
		asking.Go(func() {
			if wrong, busy := q.ask(d); wrong != "" || busy {
				t.Error(q.what, wrong, busy)
			}
		})
	}
	for _, q := range all {
		if q.who.Actor != "" {
			before.Rows++
		}
	}
	waiting := assert.Eventually(t, func() bool { return d.Together().Rows == before.Rows }, 10*time.Second, time.Millisecond)
	release()
	asking.Wait()
	require.True(t, waiting)
	require.Eventually(t, d.Idle, 10*time.Second, time.Millisecond)
}

func many(all []question, times int) (out []question) {
	for range times {
		out = append(out, all...)
	}
	rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func TestGet_ManyTravelTogetherEachInItsOwnScope(t *testing.T) {
	t.Parallel()
	w, all := questions(t)
	c, address := newCutter(t, w.AppURL)
	heard := &counting{}
	d, err := db.Open(context.Background(), address, db.Options{MaxConns: 1, Tracer: heard})
	require.NoError(t, err)
	t.Cleanup(d.Close)
	together(t, d, all) // statements are prepared
	before, ended := d.Together(), c.trips.Load()
	heard.trips = nil
	together(t, d, many(all, 8))
	statements := 0 // two for each
	for _, n := range heard.trips {
		statements += n
		require.LessOrEqual(t, n, 2*db.MaxRiders)
	}
	asked := 8 * (len(all) - 1)
	require.Equal(t, 2*asked, statements)
	require.Equal(t, db.Together{Rows: before.Rows + int64(asked), Trips: before.Trips + int64(len(heard.trips))}, d.Together())
	require.LessOrEqual(t, len(heard.trips), db.Lanes+(asked-db.Lanes+db.MaxRiders-1)/db.MaxRiders, "who goes first may go alone")
	// Every question is a transaction of its own: a Sync ends each, and one BEGIN and one COMMIT are of who held the connection.
	require.EqualValues(t, asked+2, c.trips.Load()-ended)
}

// meddler passes bytes on to PostgreSQL, and does something to the first answer after questions that travel together.
type meddler struct {
	armed  atomic.Bool
	least  int                 // questions at once
	meddle func([]byte) []byte // nil: cut it off
}

func newMeddler(t *testing.T, target string) (*meddler, string) {
	t.Helper()
	m := &meddler{least: 2}
	return m, proxy(t, target, m.pass)
}

func (m *meddler) pass(in, out net.Conn) {
	var now atomic.Bool
	go func() {
		defer in.Close()
		b := make([]byte, 64<<10)
		for {
			n, err := out.Read(b)
			if err != nil {
				return
			}
			answer := b[:n]
			if now.CompareAndSwap(true, false) {
				if m.meddle == nil {
					return
				}
				answer = m.meddle(answer)
			}
			if _, err := in.Write(answer); err != nil {
				return
			}
		}
	}()
	defer out.Close()
	b := make([]byte, 64<<10)
	for {
		n, err := in.Read(b)
		if err != nil {
			return
		}
		// A Bind names the statement that it is for.
		if bytes.Count(b[:n], []byte("one of things\x00")) >= m.least && m.armed.CompareAndSwap(true, false) {
			now.Store(true)
		}
		if _, err := out.Write(b[:n]); err != nil {
			return
		}
	}
}

func TestGet_WhoseConnectionBreaksIsAskedAgainAlone(t *testing.T) {
	t.Parallel()
	w, all := questions(t)
	m, address := newMeddler(t, w.AppURL)
	d := open(t, address, 1)
	together(t, d, all) // statements are prepared
	m.armed.Store(true)
	together(t, d, all)
	require.False(t, m.armed.Load(), "it was cut off")
	require.Positive(t, d.Together().Alone)
	together(t, d, all)
}

func TestGet_NobodyWaitsForLongForATripThatDoesNotComeBack(t *testing.T) {
	t.Parallel()
	w, all := questions(t)
	m, address := newMeddler(t, w.AppURL)
	d := open(t, address, 2)
	together(t, d, all)
	release := make(chan struct{})
	m.meddle = func(answer []byte) []byte { <-release; return answer }
	d.Patience(10*time.Millisecond, time.Minute, time.Hour)
	m.armed.Store(true)
	var asking sync.WaitGroup
	for m.armed.Load() { // until some went together: all of them are answered over the other connection
		for _, q := range many(all, 4) {
			asking.Go(func() {
				if wrong, busy := q.ask(d); wrong != "" || busy {
					t.Error(q.what, wrong, busy)
				}
			})
		}
		asking.Wait()
	}
	require.Positive(t, d.Together().Alone)
	for _, q := range all {
		wrong, busy := q.ask(d)
		require.Empty(t, wrong)
		require.False(t, busy)
	}
	close(release)
	require.Eventually(t, d.Idle, 10*time.Second, time.Millisecond)
	together(t, d, all)
}

// A database that never answers keeps no connection for ever.
func TestGet_ATripEndsWithItsDeadline(t *testing.T) {
	t.Parallel()
	w, all := questions(t)
	m, address := newMeddler(t, w.AppURL)
	m.least = 1
	d := open(t, address, 1)
	require.Empty(t, first(all[0].ask(d)))
	m.meddle = func([]byte) []byte { return nil }
	d.Patience(time.Hour, 100*time.Millisecond, time.Hour)
	m.armed.Store(true)
	require.Empty(t, first(all[0].ask(d)), "it is asked again, over a new connection")
	require.False(t, m.armed.Load())
	require.EqualValues(t, 1, d.Together().Alone)
}

// Where trips take long, as to a database far away, nobody waits for one to come back before another goes.
func TestGet_AnotherTripGoesWhereTheOthersTakeLong(t *testing.T) {
	t.Parallel()
	w, all := questions(t)
	d := open(t, w.AppURL, int32(2*db.Lanes+2))
	d.Patience(time.Hour, time.Minute, 0)
	release := hold(t, d)
	var asking sync.WaitGroup
	for range 2 * db.Lanes {
		asking.Go(func() {
			if wrong, gone := all[0].ask(d); wrong != "" || gone {
				t.Error(wrong, gone)
			}
		})
	}
	more := assert.Eventually(t, func() bool { return d.Together().Rows == int64(2*db.Lanes) }, 10*time.Second, time.Millisecond)
	trips := d.Together().Trips
	release()
	asking.Wait()
	require.True(t, more)
	require.EqualValues(t, db.Lanes+1, trips, "half of the connections at most")
}

// The order of answers is all that says whose they are. Should it ever be another, nobody gets to see what somebody else was told.
func TestGet_BelievesNoAnswerThatIsSomebodyElses(t *testing.T) {
	t.Parallel()
	w, all := questions(t)
	m, address := newMeddler(t, w.AppURL)
	m.least = 1
	d := open(t, address, 1)
	tenant := func(q question) uuid.UUID { return q.who.Scope.Tenant }
	for what, x := range map[string]struct {
		asks     question
		is, says uuid.UUID
		text     bool // of the settings; else of the row
	}{
		"another tenant's settings":   {all[0], tenant(all[0]), tenant(all[2]), true},
		"another employer's settings": {all[4], all[4].who.Scope.Organisation, all[6].who.Scope.Organisation, true},
		"another tenant's row":        {all[0], tenant(all[0]), tenant(all[2]), false},
		"another row":                 {all[0], uuid.UUID(all[0].id), uuid.UUID(all[6].id), false},
	} {
		require.Empty(t, first(x.asks.ask(d)), what)
		m.meddle = func(answer []byte) []byte {
			if x.text {
				return bytes.ReplaceAll(answer, []byte(x.is.String()), []byte(x.says.String()))
			}
			return bytes.ReplaceAll(answer, x.is[:], x.says[:])
		}
		m.armed.Store(true)
		var got thing
		err := d.Single(context.Background(), x.asks.who, func(tx *db.Tx) (err error) { got, err = db.Get[thing](tx, x.asks.id); return err })
		require.False(t, m.armed.Load(), what)
		require.ErrorContains(t, err, "somebody else's", what)
		require.Zero(t, got, what)
		require.Empty(t, first(x.asks.ask(d)), "the next connection answers")
	}
}

// A question that cannot be sent, or is refused, is its own asker's matter.
func TestGet_WhatIsWrongWithOneQuestionIsNotTheOthers(t *testing.T) {
	t.Parallel()
	w, all := questions(t)
	d := open(t, w.AppURL, 1)
	d.Patience(time.Hour, time.Minute, time.Hour)
	var failed atomic.Int64
	odd := func() {
		err := d.Single(context.Background(), w.Who(), func(tx *db.Tx) error { _, err := db.Get[thing](tx, []int{1}); return err })
		if err != nil && !fault.Missing.Is(err) {
			failed.Add(1)
		}
	}
	var asking sync.WaitGroup
	for range 3 {
		for range 8 {
			asking.Go(odd)
		}
		for _, q := range all {
			asking.Go(func() {
				if wrong, busy := q.ask(d); wrong != "" || busy {
					t.Error(q.what, wrong, busy)
				}
			})
		}
		asking.Wait()
	}
	require.EqualValues(t, 24, failed.Load())
	require.EqualValues(t, 24, d.Together().Alone, "nobody else had to ask again")
}

// Statements must not stay prepared where each transaction may have another connection.
func TestGet_GoesAloneBehindPgBouncer(t *testing.T) {
	t.Parallel()
	w, all := questions(t)
	d := open(t, w.AppURL+"&default_query_exec_mode=cache_describe", 1)
	for _, q := range all {
		require.Empty(t, first(q.ask(d)))
	}
	require.Zero(t, d.Together())
	require.NoError(t, d.Platform(context.Background(), "what is prepared", func(tx pgx.Tx) error {
		var n int
		require.NoError(t, tx.QueryRow(context.Background(), `select count(*) from pg_prepared_statements`).Scan(&n))
		require.Zero(t, n)
		return nil
	}))
}

func first(wrong string, _ bool) string { return wrong }

// changing is a row of a table that changes.
type changing struct {
	db.Row
	ID   id.SiteID `gorm:"primaryKey"`
	Name string
}

func (changing) TableName() string { return "changing" }

func TestGet_ATableThatChangesIsReadOn(t *testing.T) {
	t.Parallel()
	w := world(t)
	ctx := context.Background()
	owner, err := pgx.Connect(ctx, w.OwnerURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = owner.Close(ctx) })
	_, err = owner.Exec(ctx, `create table changing (like platform.row including all, id uuid not null, name text not null, primary key (tenant_id, id));
		call platform.isolate('changing', 'organisation', org => 'true', mdw => 'true')`)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := owner.Exec(ctx, `drop table changing`)
		require.NoError(t, err)
	})
	x := changing{ID: id.NewSite(), Name: "x"}
	w.Do(func(tx *db.Tx) error { return db.Insert(tx, &x) })
	d := open(t, w.AppURL, 1)
	read := func() {
		t.Helper()
		require.NoError(t, d.Single(ctx, w.Who(), func(tx *db.Tx) error {
			got, err := db.Get[changing](tx, x.ID)
			require.Equal(t, "x", got.Name)
			return err
		}))
		// And who asks alone, because of saying until when.
		until, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		require.NoError(t, d.Single(until, w.Who(), func(tx *db.Tx) error { _, err := db.Get[changing](tx, x.ID); return err }))
	}
	for range 3 {
		read()
		_, err = owner.Exec(ctx, `alter table changing add more text not null default ''`)
		require.NoError(t, err)
		read()
		_, err = owner.Exec(ctx, `alter table changing drop more`)
		require.NoError(t, err)
	}
	read()
}

// Whatever is killed whenever: an answer is the right one, or says that the database was gone for a moment.
func TestGet_UnderKillsEverybodyReadsTheirOwn(t *testing.T) {
	t.Parallel()
	w, all := questions(t)
	u, err := url.Parse(w.AppURL)
	require.NoError(t, err)
	q := u.Query()
	q.Set("application_name", "killed-"+w.Slug)
	u.RawQuery = q.Encode()
	d := open(t, u.String(), 4)
	var asking sync.WaitGroup
	var right, busy atomic.Int64
	for i := range 24 {
		asking.Go(func() {
			for n := range 100 {
				wrong, gone := all[(i+n)%len(all)].ask(d)
				switch {
				case wrong != "":
					t.Error(wrong)
				case gone:
					busy.Add(1)
				default:
					right.Add(1)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { asking.Wait(); close(done) }()
	killed := 0
	for over, at := false, int64(0); !over; {
		select {
		case <-done:
			over = true
		default:
			if now := right.Load() + busy.Load(); now >= at { // each killing lets some be answered first
				at = now + 50
				killed += w.Count(`select coalesce(sum(pg_terminate_backend(pid)::int), 0)::int
					from (select pid from pg_stat_activity where application_name = $1 order by random() limit 1) k`, "killed-"+w.Slug)
			}
			runtime.Gosched()
		}
	}
	require.Positive(t, killed)
	require.Greater(t, right.Load(), busy.Load())
	require.Eventually(t, d.Idle, 10*time.Second, time.Millisecond)
}
