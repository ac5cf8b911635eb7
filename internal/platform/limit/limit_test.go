package limit_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/limit"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// shared is one process on the database of a house.
func shared(t *testing.T, h *testkit.House) *limit.Shared {
	t.Helper()
	s := limit.NewShared(h.App.DB, slog.New(slog.NewTextHandler(h.Log, nil)))
	require.NoError(t, s.Start(context.Background()))
	return s
}

func TestLimiter_AllowsTheQuotaAtOnceAndThenItsRate(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	l := shared(t, h).Limiter(limit.Policy{Name: "p", Requests: 4, Window: time.Hour})
	for left := 3; left >= 0; left-- {
		s := l.Take("a")
		require.Zero(t, s.Wait)
		require.Equal(t, left, s.Left)
	}
	over := l.Take("a")
	require.InDelta(t, 15*time.Minute, over.Wait, float64(time.Minute))
	require.Zero(t, over.Left)
	require.InDelta(t, time.Hour, over.Full, float64(time.Minute))
	require.Zero(t, l.Take("b").Wait, "one caller does not use up another's")
	require.Equal(t, 4, l.Peek("c").Left, "looking counts nothing")
	require.Equal(t, 4, l.Peek("c").Left)

	h.Clock.Advance(over.Wait)
	require.Zero(t, l.Take("a").Wait, "the time to wait is true")
	require.NotZero(t, l.Take("a").Wait)
	h.Clock.Advance(2 * time.Hour)
	require.Equal(t, 3, l.Take("a").Left)

	h.Clock.Advance(-1000 * time.Hour)
	require.NotZero(t, l.Take("a").Wait)
	h.Clock.Advance(2 * time.Hour)
	require.LessOrEqual(t, l.Peek("a").Full, 2*time.Hour, "a clock that is set back blocks nobody for long")
}

func TestLimiter_SaysItAsTheDraftDoes(t *testing.T) {
	t.Parallel()
	l := shared(t, testkit.Apart(t, nil)).Limiter(limit.Policy{Name: "client", Requests: 100, Window: time.Minute})
	require.Equal(t, `"client";q=100;w=60`, l.Announced())
	require.Equal(t, `"client";r=7;t=3`, l.Header(limit.State{Left: 7, Full: 2100 * time.Millisecond}))
}

func TestAddress_IsWhatOneCustomerHas(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8::1": "2001:db8::/64",
		"2001:db8::ffff:1:2:3": "2001:db8::/64", "2001:db8:0:1::1": "2001:db8:0:1::/64", "fe80::1%eth0": "fe80::/64"} {
		require.Equal(t, want, limit.Address(netip.MustParseAddr(in)))
	}
}

// The bound: what processes let through before they hear of each other is one part of the quota for each but one.
func TestShared_ProcessesCountTogether(t *testing.T) {
	t.Parallel()
	const processes, quota = 4, 3200
	h := testkit.Apart(t, nil)
	ctx := context.Background()
	p := limit.Policy{Name: "p", Requests: quota, Window: 24 * time.Hour} // nothing comes back while the test runs
	var all []*limit.Shared
	var limiters []*limit.Limiter
	for range processes {
		s := shared(t, h)
		all, limiters = append(all, s), append(limiters, s.Limiter(p))
	}
	allowed := 0
	for i, refused := 0, 0; refused < 10*processes; i++ { // a caller that goes from one to the other
		n := i % processes
		if limiters[n].Take("storm").Wait > 0 {
			refused++
		} else {
			allowed++
		}
		if all[n].Due() {
			require.NoError(t, all[n].Tell(ctx, false))
		}
	}
	require.GreaterOrEqual(t, allowed, quota, "nobody gets less")
	require.LessOrEqual(t, allowed, quota+(processes-1)*quota/32, "and too much is bounded")

	// What was too much is held against the caller: it waits for it, everywhere.
	for _, s := range all {
		require.NoError(t, s.Tell(ctx, true))
	}
	for _, l := range limiters {
		require.NotZero(t, l.Take("storm").Wait)
		require.Zero(t, l.Take("other").Wait)
	}
}

// Planted: processes that do not tell each other allow the quota each.
func TestShared_WithoutTellingEachAllowsAll(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	allowed := 0
	for range 3 {
		l := shared(t, h).Limiter(limit.Policy{Name: "p", Requests: 50, Window: 24 * time.Hour})
		for l.Take("storm").Wait == 0 {
			allowed++
		}
	}
	require.Equal(t, 150, allowed)
}

func TestShared_ARestartFreesNobody(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	p := limit.Policy{Name: "failures", Requests: 10, Window: time.Minute}
	s := shared(t, h)
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { s.Run(ctx); close(ended) }()
	l := s.Limiter(p)
	for range 10 {
		l.Add("guesser")
	}
	require.Eventually(t, func() bool { return shared(t, h).Limiter(p).Peek("guesser").Wait > 0 }, 10*time.Second, time.Millisecond, "a failure is told at once")
	l.Add("late")
	end()
	<-ended
	again := shared(t, h).Limiter(p)
	require.InDelta(t, time.Minute, again.Peek("guesser").Full, float64(20*time.Second))
	require.NotZero(t, again.Peek("guesser").Wait)
	require.Equal(t, 9, again.Peek("late").Left, "a process that ends tells the rest")
	require.Equal(t, 10, again.Peek("nobody").Left)
	require.Equal(t, 10, shared(t, h).Limiter(limit.Policy{Name: "other", Requests: 10, Window: time.Minute}).Peek("guesser").Left, "limits are apart")
}

func TestShared_WithoutADatabaseEachCountsByItself(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	ctx := context.Background()
	s, other := shared(t, h), shared(t, h)
	p := limit.Policy{Name: "p", Requests: 10, Window: 24 * time.Hour}
	l, elsewhere := s.Limiter(p), other.Limiter(p)
	for range 6 {
		l.Take("a")
	}
	away, cancel := context.WithCancel(ctx)
	cancel()
	require.Error(t, s.Tell(away, true))
	require.Equal(t, 3, l.Take("a").Left, "it goes on counting")
	require.NoError(t, s.Tell(ctx, true))
	require.NoError(t, s.Tell(ctx, true), "nothing is told twice")
	elsewhere.Take("a")
	require.NoError(t, other.Tell(ctx, true))
	require.Equal(t, 2, elsewhere.Peek("a").Left, "and what could not be told is told later")

	_, err := h.Super.Exec(ctx, `truncate platform.limits`)
	require.NoError(t, err)
	l.Take("a")
	require.NoError(t, s.Tell(ctx, true))
	require.Equal(t, 2, l.Peek("a").Left, "what the database forgets, a process still knows")

	h.App.DB.Close()
	for l.Take("a").Wait == 0 {
	}
	require.Error(t, s.Tell(ctx, true))
	require.NotZero(t, l.Take("a").Wait)
}

func TestLimiter_ItsMemoryIsBoundedAndFreesNobody(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	l := shared(t, h).Limiter(limit.Policy{Name: "p", Requests: 3, Window: time.Hour})
	l.Bound(100)
	for range 3 {
		l.Take("guesser")
	}
	for i := range 20_000 {
		l.Take(fmt.Sprint("10.", i/250, ".", i%250))
	}
	require.LessOrEqual(t, l.Known(), 100+4096)
	require.NotZero(t, l.Take("guesser").Wait, "who brings many addresses does not get free")
	refused := 0
	for i := range 1000 {
		if l.Take(fmt.Sprint("11.", i)).Wait > 0 {
			refused++
		}
	}
	require.NotZero(t, refused, "those who come when it is full share what they may")
}

func TestShared_ForgetsWhatIsOver(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	ctx := context.Background()
	s := shared(t, h)
	short, long := s.Limiter(limit.Policy{Name: "short", Requests: 1, Window: time.Microsecond}), s.Limiter(limit.Policy{Name: "long", Requests: 10, Window: time.Hour})
	for i := range 50 {
		short.Take(fmt.Sprint(i))
		long.Take(fmt.Sprint(i))
	}
	require.NoError(t, s.Tell(ctx, true))
	limit.Sweep(s, ctx)
	var left int
	require.NoError(t, h.Super.QueryRow(ctx, `select count(*) from platform.limits`).Scan(&left))
	require.Equal(t, 50, left)
	h.Clock.Advance(2 * time.Hour)
	limit.Sweep(s, ctx)
	require.Zero(t, short.Known())
	require.Zero(t, long.Known())
}

// Many processes that tell of the same callers at the same time wait for each other, and lose nothing.
func TestShared_NothingIsLostWhenAllTellAtOnce(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	ctx := context.Background()
	p := limit.Policy{Name: "p", Requests: 1000, Window: 24 * time.Hour} // nothing comes back while the test runs
	done := make(chan error)
	for range 6 {
		s := shared(t, h)
		l := s.Limiter(p)
		go func() {
			var err error
			for round := 0; round < 20 && err == nil; round++ {
				for i := range 50 {
					l.Take(fmt.Sprint("caller ", (i*7+round)%50))
				}
				err = s.Tell(ctx, true)
			}
			done <- err
		}()
	}
	for range 6 {
		require.NoError(t, <-done)
	}
	fresh := shared(t, h).Limiter(p)
	for i := range 50 {
		used := p.Requests - fresh.Peek(fmt.Sprint("caller ", i)).Left
		require.InDelta(t, 120, used, 2, "six processes, twenty rounds")
	}
}

// What a full limiter hears, it hears now: that somebody is held until later frees nobody, and makes nobody else pay.
func TestLimiter_WhatItHearsWhenItIsFullFreesNobody(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	s := shared(t, h)
	l := s.Limiter(limit.Policy{Name: "p", Requests: 2, Window: time.Hour})
	l.Bound(50)
	for i := range 50 {
		l.Add(fmt.Sprint("guesser ", i))
		l.Add(fmt.Sprint("guesser ", i))
	}
	require.NoError(t, s.Tell(context.Background(), true))
	now := h.Clock.Now()
	for i := range 500 {
		l.Hold(fmt.Sprint("elsewhere ", i), now.Add(100*time.Hour), now)
	}
	require.Equal(t, 50, l.Known(), "there is no room, and the database goes on knowing them")
	for i := range 50 {
		require.NotZero(t, l.Peek(fmt.Sprint("guesser ", i)).Wait)
	}
	for i := range 500 {
		require.Zero(t, l.Peek(fmt.Sprint("somebody ", i)).Wait, "nobody pays for them")
	}
	h.Clock.Advance(2 * time.Hour)
	l.Hold("elsewhere", h.Clock.Now().Add(time.Hour), h.Clock.Now())
	require.NotZero(t, l.Peek("elsewhere").Wait, "there is room again")
	require.Equal(t, 1, l.Known())
}

// A process that could not tell for long tells what is still held, not all that was ever used: it has come free meanwhile.
func TestShared_WhatCouldNotBeToldForLongIsNotCountedAsIfItWereNow(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	ctx := context.Background()
	s, other := shared(t, h), shared(t, h)
	p := limit.Policy{Name: "p", Requests: 60, Window: time.Minute}
	l, elsewhere := s.Limiter(p), other.Limiter(p)
	away, cancel := context.WithCancel(ctx)
	cancel()
	for range 50 { // half of what is allowed, for most of an hour
		for range 30 {
			require.Zero(t, l.Take("steady").Wait)
		}
		h.Clock.Advance(time.Minute)
		require.Error(t, s.Tell(away, true))
	}
	elsewhere.Take("steady")
	require.NoError(t, other.Tell(ctx, true))
	require.NoError(t, s.Tell(ctx, true))
	require.GreaterOrEqual(t, l.Peek("steady").Left, 56, "it is all free again but for what is told late anyway")
	elsewhere.Take("steady")
	require.NoError(t, other.Tell(ctx, true))
	require.GreaterOrEqual(t, elsewhere.Peek("steady").Left, 55)
}

// Whether something was told when the connection breaks, nobody knows: it is not told twice.
func TestShared_WhatMayHaveBeenToldIsNotToldTwice(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	ctx := context.Background()
	s := shared(t, h)
	p := limit.Policy{Name: "p", Requests: 100, Window: 24 * time.Hour}
	l := s.Limiter(p)
	for range 40 {
		l.Take("a")
	}
	holder, err := h.Super.Begin(ctx)
	require.NoError(t, err)
	_, err = holder.Exec(ctx, `lock table platform.limits`)
	require.NoError(t, err)
	told := make(chan error, 1)
	go func() { told <- s.Tell(ctx, true) }()
	require.Eventually(t, func() bool {
		var killed int
		err := holder.QueryRow(ctx, `select count(pg_terminate_backend(pid)) from pg_locks where relation = 'platform.limits'::regclass and not granted
			and database = (select oid from pg_database where datname = current_database())`).Scan(&killed)
		return err == nil && killed > 0
	}, 10*time.Second, time.Millisecond)
	require.Error(t, <-told)
	require.NoError(t, holder.Rollback(ctx))
	l.Take("a")
	require.Equal(t, 59, l.Peek("a").Left, "here it counts once")
	require.NoError(t, s.Tell(ctx, true))
	require.Equal(t, 59, l.Peek("a").Left)
	require.Equal(t, 99, shared(t, h).Limiter(p).Peek("a").Left, "and elsewhere at most once")
}
