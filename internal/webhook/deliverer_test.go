package webhook

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/id"
)

func TestAllowance_IsGivenBackOneByOne(t *testing.T) {
	t.Parallel()
	start := time.Now()
	for _, c := range []struct {
		what  string
		after []time.Duration // since the start, each asks once
		last  bool            // may come early
	}{
		{"the first", []time.Duration{0}, true},
		{"as many at once as there are", make([]time.Duration, maxEarly), true},
		{"one too many", make([]time.Duration, maxEarly+1), false},
		{"one was given back", append(make([]time.Duration, maxEarly), earlyEvery), true},
		{"and no more than one", append(make([]time.Duration, maxEarly), earlyEvery, earlyEvery), false},
		{"one and a half are one", append(make([]time.Duration, maxEarly), earlyEvery*3/2, earlyEvery*3/2), false},
		{"and the other half counts later", append(make([]time.Duration, maxEarly), earlyEvery*3/2, earlyEvery*2), true},
		{"who was refused loses nothing", append(make([]time.Duration, maxEarly+5), earlyEvery), true},
		{"all after a while", append(append(make([]time.Duration, maxEarly), time.Hour), slicesOf(time.Hour, maxEarly-1)...), true},
		{"no more than all", append(append(make([]time.Duration, maxEarly), time.Hour), slicesOf(time.Hour, maxEarly)...), false},
		{"by a clock that stands still", append(make([]time.Duration, maxEarly), 0, 0), false},
	} {
		var a allowance
		var got bool
		for _, at := range c.after {
			got = a.take(start.Add(at))
		}
		require.Equal(t, c.last, got, c.what)
	}
}

func slicesOf(d time.Duration, n int) (out []time.Duration) {
	for range n {
		out = append(out, d)
	}
	return out
}

// The last look began in an hour, so that whatever waits until looks may follow each other waits for the end of the test.
func TestPause_AFactDoesNotWaitForTheNextLook(t *testing.T) {
	t.Parallel()
	paused := func(spent int) (d *Deliverer, woken chan struct{}, ended chan bool, end func()) {
		woken, ended = make(chan struct{}, 1), make(chan bool, 1)
		d = &Deliverer{woken: woken, again: make(chan struct{}, 1), early: allowance{spent, time.Now().Add(time.Hour)}}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { ended <- d.pause(ctx, time.Now().Add(time.Hour), time.Hour) }()
		return d, woken, ended, cancel
	}
	_, woken, ended, end := paused(0)
	defer end()
	woken <- struct{}{}
	require.False(t, <-ended, "something called")

	// With the allowance spent it waits with the others, and so does a lane that has room again.
	d, woken, ended, end := paused(maxEarly)
	woken <- struct{}{}
	d.again <- struct{}{}
	require.Eventually(t, func() bool { return len(woken)+len(d.again) == 0 }, time.Minute, time.Millisecond)
	require.Empty(t, ended)
	woken <- struct{}{} // nobody listens: it is there for the next pause
	end()
	require.True(t, <-ended)
	require.Len(t, woken, 1)
}

// Calls that idled and end together take all places without a look that took them: the first that leaves calls the next look.
func TestTake_WithoutAPlaceTheFirstThatIsLeftIsTold(t *testing.T) {
	t.Parallel()
	d := &Deliverer{again: make(chan struct{}, 1), o: Options{Concurrency: 2}, lanes: map[id.EndpointID]*lane{}, calls: map[ticket]*call{}, busy: map[id.TenantID]int{}}
	var under []ticket
	for range 2 {
		c := ticket{Delivery: id.DeliveryID(uuid.New()), Tenant: id.NewTenant(), Endpoint: id.EndpointID(uuid.New())}
		d.lanes[c.Endpoint], d.calls[c], d.busy[c.Tenant] = &lane{busy: 1, room: fullRoom}, &call{proven: true}, 1
		under = append(under, c)
	}
	taken, end, err := d.take(t.Context())
	require.NoError(t, err)
	require.Empty(t, taken)
	require.True(t, end)
	d.leave(under[0], time.Millisecond, true)
	require.Len(t, d.again, 1)
}

func TestPlaces_ThoseThatIdleTakeNone(t *testing.T) {
	t.Parallel()
	const long, short = linger + time.Millisecond, linger - time.Millisecond
	a, b := id.NewTenant(), id.NewTenant()
	type of struct {
		tenant id.TenantID
		n      int
		proven bool
		waits  time.Duration // 0: not for its receiver
	}
	for _, c := range []struct {
		what          string
		calls         []of
		all, unproven int
		held          int // by a, at least where it hangs on which of them idle
	}{
		{"nothing", nil, 0, 0, 0},
		{"what has just begun", []of{{a, 8, true, short}}, 8, 0, 8},
		{"what goes on for long, which counts half for its tenant", []of{{a, 8, true, long}, {a, 2, true, short}}, 2, 0, 6},
		{"what is read, or written", []of{{a, 8, true, 0}}, 8, 0, 8},
		{"what is not proven keeps its place", []of{{a, 3, false, long}, {b, 2, false, short}}, 5, 5, 3},
		{"no more idle than there may be", []of{{a, 30, true, long}, {b, 20, true, long}}, 10, 0, 15},
	} {
		d := NewDeliverer(&Service{}, Options{Concurrency: 10})
		now := time.Now()
		for _, x := range c.calls {
			for range x.n {
				k := &call{proven: x.proven}
				if x.waits > 0 {
					k.since = now.Add(-x.waits)
				}
				d.calls[ticket{Delivery: id.NewDelivery(), Tenant: x.tenant, lease: uuid.New()}] = k
			}
		}
		p := d.places(now)
		require.Equal(t, []int{c.all, c.unproven}, []int{p.all, p.unproven}, c.what)
		require.LessOrEqual(t, p.idle, 40, c.what)
		if mine := p.of[a]; mine != nil {
			require.GreaterOrEqual(t, mine.held(), c.held, c.what)
		}
	}
}

// A call that goes on for long costs its lane its room once; those that answer meanwhile win it back.
func TestRoom_ShrinksAsSoonAsACallIsSlow(t *testing.T) {
	t.Parallel()
	d := NewDeliverer(&Service{}, Options{})
	e, tenant := id.NewEndpoint(), id.NewTenant()
	call := func(ago time.Duration) ticket {
		k := ticket{Delivery: id.NewDelivery(), Tenant: tenant, Endpoint: e, lease: uuid.New()}
		d.calls[k] = &call{proven: true, since: time.Now().Add(-ago)}
		d.busy[tenant]++
		d.lanes[e].busy++
		return k
	}
	d.lanes[e] = &lane{room: fullRoom}
	hanging, quick := call(slow-time.Second), call(0)
	require.Equal(t, []int{fullRoom - 2}, d.room().free)
	d.waits(hanging, time.Now().Add(-slow-time.Second))
	require.Equal(t, []int{0}, d.room().free, "at once, not at its end")
	d.leave(quick, time.Millisecond, true)
	require.Equal(t, []int{1}, d.room().free)
	d.leave(call(0), time.Millisecond, true)
	require.Equal(t, []int{3}, d.room().free, "once")
	d.leave(hanging, slow+time.Second, true)
	require.Equal(t, []int{1}, d.room().free)
	require.Empty(t, d.calls)
	require.Empty(t, d.busy)
}
