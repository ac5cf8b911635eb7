package limit

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/switchingtalent/switchboard/internal/platform/db"
)

const (
	tellEvery  = time.Second           // how often everything is told
	tellApart  = 20 * time.Millisecond // how soon after a telling the next one may follow
	tellWithin = 2 * time.Second
	sweepEvery = time.Minute
	sweepMost  = 10_000 // rows
)

// Shared adds up what the processes of an installation count. It is safe for concurrent use.
type Shared struct {
	db  *db.DB
	log *slog.Logger

	wake   chan struct{}
	from   atomic.Pointer[map[key]time.Time] // what was held against callers when this process began
	silent bool                              // the last telling of Run failed

	mu       sync.Mutex
	limiters []*Limiter
}

// NewShared returns one that tells nobody yet: see Start and Run.
func NewShared(d *db.DB, log *slog.Logger) *Shared {
	return &Shared{db: d, log: log, wake: make(chan struct{}, 1)}
}

// Limiter makes a limiter. Processes that are to count together name its policy alike.
func (s *Shared) Limiter(p Policy) *Limiter {
	l := &Limiter{shared: s, policy: p, announced: p.String(), prefix: []byte(p.Name + "\x00"), callers: map[key]*caller{}, max: maxCallers}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limiters = append(s.limiters, l)
	return l
}

func (s *Shared) now() time.Time { return s.db.Now() }

// hurry lets what is due be told soon.
func (s *Shared) hurry() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// learned is until when something was held against a caller when this process began: a restart frees nobody.
func (s *Shared) learned(k key) time.Time {
	if m := s.from.Load(); m != nil {
		return (*m)[k]
	}
	return time.Time{}
}

// Start reads what is held against whom.
func (s *Shared) Start(ctx context.Context) error {
	m := map[key]time.Time{}
	now := s.now()
	err := s.db.PlatformOne(ctx, "what is held against callers", `select key, cast(extract(epoch from until - clock_timestamp()) * 1000000 as bigint)
		from platform.limits where until > clock_timestamp() order by until desc limit $1`, []any{maxCallers}, func(rows pgx.Rows) error {
		return each(rows, func(k key, left time.Duration) { m[k] = now.Add(left) })
	})
	if err != nil {
		return err
	}
	s.from.Store(&m)
	return nil
}

func each(rows pgx.Rows, f func(key, time.Duration)) error {
	var k [16]byte
	var micros int64
	_, err := pgx.ForEachRow(rows, []any{&k, &micros}, func() error {
		f(k, time.Duration(micros)*time.Microsecond)
		return nil
	})
	return err
}

// Tell writes what this process counted since it last told, and takes what all of them counted. all is false to tell only
// what is due at once.
//
// The table keeps an instant by the database's clock, and processes send and get durations: their own clocks need not agree.
func (s *Shared) Tell(ctx context.Context, all bool) error {
	s.mu.Lock()
	limiters := s.limiters
	s.mu.Unlock()
	now := s.now()
	var told []news
	for _, l := range limiters {
		told = l.collect(told, now, all)
	}
	if len(told) == 0 {
		return nil
	}
	var (
		which  = make(map[key]news, len(told))
		keys   = make([][16]byte, len(told))
		used   = make([]int64, len(told))
		before = make([]int64, len(told))
		heard  = make(map[key]time.Duration, len(told))
	)
	for i, n := range told {
		which[n.key] = n
		keys[i], used[i], before[i] = n.key, n.used.Microseconds(), now.Sub(n.since).Microseconds()
	}
	// In the order of their keys, so that two processes wait for each other, and never in a circle.
	err := s.db.PlatformOne(ctx, "processes count together", `insert into platform.limits as l (key, until, added)
		select u.key, clock_timestamp() + make_interval(secs => (u.used - u.before) / 1000000.0), u.used
		from unnest(cast($1 as uuid[]), cast($2 as bigint[]), cast($3 as bigint[])) as u (key, used, before) order by u.key
		on conflict (key) do update set until = greatest(l.until + make_interval(secs => excluded.added / 1000000.0), excluded.until), added = excluded.added
		returning l.key, cast(extract(epoch from l.until - clock_timestamp()) * 1000000 as bigint)`, []any{keys, used, before}, func(rows pgx.Rows) error {
		return each(rows, func(k key, left time.Duration) { heard[k] = left })
	})
	switch {
	case err == nil:
	case db.Undone(err):
		for _, n := range told {
			n.putBack()
		}
		return err
	default: // it may be in the database: told again it would be counted twice, against a good caller
		return err
	}
	now = s.now()
	for k, left := range heard {
		which[k].hear(now.Add(left), now)
	}
	return nil
}

// Run tells and listens until ctx ends, and tells the rest then.
func (s *Shared) Run(ctx context.Context) {
	often, seldom := time.NewTicker(tellEvery), time.NewTicker(sweepEvery)
	defer often.Stop()
	defer seldom.Stop()
	for {
		select {
		case <-ctx.Done():
			s.tell(context.WithoutCancel(ctx), true)
			return
		case <-often.C:
			s.tell(ctx, true)
		case <-s.wake:
			if s.silent { // the next try comes soon enough
				continue
			}
			s.tell(ctx, false)
			apart := time.NewTimer(tellApart)
			select {
			case <-ctx.Done():
			case <-apart.C:
			}
			apart.Stop()
		case <-seldom.C:
			s.sweep(ctx)
		}
	}
}

// tell logs when the other processes can no longer be told, and when they can again.
func (s *Shared) tell(ctx context.Context, all bool) {
	within, cancel := context.WithTimeout(ctx, tellWithin)
	defer cancel()
	err := s.Tell(within, all)
	if failed := err != nil && ctx.Err() == nil; failed != s.silent {
		s.silent = failed
		if failed {
			s.log.Warn("limits are counted by this process alone", "cause", db.Cause(err))
		} else {
			s.log.Info("limits are counted together again")
		}
	}
}

// sweep removes rows that hold nothing against anybody any more.
func (s *Shared) sweep(ctx context.Context) {
	err := s.db.PlatformOne(ctx, "nothing is held against them any more", `delete from platform.limits where key in (
		select key from platform.limits where until < clock_timestamp() order by key for update skip locked limit $1)`,
		[]any{sweepMost}, func(rows pgx.Rows) error { rows.Close(); return rows.Err() })
	if err != nil && ctx.Err() == nil {
		s.log.Warn("limits", "cause", db.Cause(err))
	}
	now := s.now()
	s.mu.Lock()
	limiters := s.limiters
	s.mu.Unlock()
	for _, l := range limiters {
		l.mu.Lock()
		l.sweep(now)
		l.mu.Unlock()
	}
}
