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
	d.leave(t.Context(), under[0], time.Millisecond, true)
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
	d.leave(t.Context(), quick, time.Millisecond, true)
	require.Equal(t, []int{1}, d.room().free)
	d.leave(t.Context(), call(0), time.Millisecond, true)
	require.Equal(t, []int{3}, d.room().free, "once")
	d.leave(t.Context(), hanging, slow+time.Second, true)
	require.Equal(t, []int{1}, d.room().free)
	require.Empty(t, d.calls)
	require.Empty(t, d.busy)
}

// A lane is long where its receiver answers soon, more waits than it has room for, and enough is free that nobody waits for it.
func TestAnswered_ALaneIsLongWhereNobodyWaitsForIt(t *testing.T) {
	t.Parallel()
	tenant, other := id.NewTenant(), id.NewTenant()
	for _, c := range []struct {
		what     string
		lane     lane
		took     time.Duration
		busy     int // other calls of the tenant
		others   int // calls of another
		ahead    int
		full     bool
		crowded  bool
		stopping bool
		looking  bool
		long     bool
	}{
		{what: "a backlog", lane: lane{full: true, plain: true, room: fullRoom}, long: true},
		{what: "nothing more waits", lane: lane{plain: true, room: fullRoom}},
		{what: "a rate or an order", lane: lane{full: true, room: fullRoom}},
		{what: "a lane that has not all room", lane: lane{full: true, plain: true, room: fullRoom / 2}},
		{what: "a receiver that takes its time", lane: lane{full: true, plain: true, room: fullRoom}, took: brisk + 1},
		{what: "half of all places are taken", lane: lane{full: true, plain: true, room: fullRoom}, others: 32},
		{what: "its tenant has a quarter of them", lane: lane{full: true, plain: true, room: fullRoom}, busy: 16},
		{what: "much is ahead", lane: lane{full: true, plain: true, room: fullRoom}, ahead: 129},
		{what: "the look found no place", lane: lane{full: true, plain: true, room: fullRoom}, full: true},
		{what: "or none for the tenant", lane: lane{full: true, plain: true, room: fullRoom}, crowded: true},
		{what: "we stop", lane: lane{full: true, plain: true, room: fullRoom}, stopping: true},
		{what: "a look that is under way was told its room", lane: lane{full: true, plain: true, room: fullRoom}, looking: true},
	} {
		d := NewDeliverer(&Service{}, Options{})
		d.full, d.crowded, d.stopping = c.full, map[id.TenantID]bool{tenant: c.crowded}, c.stopping
		if c.looking {
			d.room()
		}
		call := func(tenant id.TenantID, ahead bool) ticket {
			k := ticket{Delivery: id.NewDelivery(), Tenant: tenant, Endpoint: id.NewEndpoint(), lease: uuid.New()}
			d.calls[k] = &call{proven: true, ahead: ahead}
			return k
		}
		for range c.busy {
			call(tenant, false)
		}
		for range c.others {
			call(other, false)
		}
		for range c.ahead {
			call(other, true)
		}
		k, l := call(tenant, false), c.lane
		l.busy, l.filling = 1, true // more is on its way already
		d.lanes[k.Endpoint], d.busy[tenant] = &l, 1
		require.Equal(t, c.long, d.answered(t.Context(), k, c.took), c.what)
		require.Equal(t, c.long, l.long, c.what)
		require.Equal(t, map[bool]int{true: 0, false: 1}[c.long], l.busy, c.what)
		d.leave(t.Context(), k, c.took, true)
		require.Equal(t, []int{0, 0}, []int{l.busy, l.unnoted}, c.what)
		require.NotContains(t, d.calls, k)
	}
}

// Where the others need places a long lane takes turns with them again, and so does one where not all is well.
func TestLeave_ALaneIsLongNoMoreWhereOthersWaitOrSomethingFails(t *testing.T) {
	t.Parallel()
	tenant := id.NewTenant()
	for _, c := range []struct {
		what  string
		ahead bool
		full  bool
		dry   bool
		well  bool
		long  bool
	}{
		{what: "all is well", ahead: true, long: true},
		{what: "somebody waits for a place", ahead: true, full: true},
		{what: "it did not arrive"},
		{what: "it arrived, before the lane was long", well: true, long: true},
		{what: "there is no more", ahead: true, dry: true},
	} {
		d := NewDeliverer(&Service{}, Options{})
		d.full = c.full
		k := ticket{Delivery: id.NewDelivery(), Tenant: tenant, Endpoint: id.NewEndpoint(), lease: uuid.New()}
		d.calls[k], d.busy[tenant] = &call{proven: true, ahead: c.ahead, well: c.well}, 1
		l := &lane{room: fullRoom, long: true, filling: !c.dry, dry: c.dry}
		if c.ahead {
			l.unnoted = 1
		} else {
			l.busy = 1
		}
		d.lanes[k.Endpoint] = l
		d.leave(t.Context(), k, time.Millisecond, true)
		require.Equal(t, c.long, l.long, c.what)
		if !c.long {
			require.Len(t, d.again, 1, c.what)
		}
	}
}

// What waits for a place of a long lane gets one of all, and of its tenant's; where there are none left, the lane takes turns again.
func TestNext_ALongLaneHasNoMoreThanThereIs(t *testing.T) {
	t.Parallel()
	tenant, other := id.NewTenant(), id.NewTenant()
	for _, c := range []struct {
		what                               string
		parked, busy, unnoted, others, its int  // calls of another tenant, and of this one elsewhere
		idle                               bool // those elsewhere
		ends                               bool // it was long
		begin                              int
		long                               bool
	}{
		{what: "nothing waits", long: true},
		{what: "all is free", parked: 5, begin: 5, long: true},
		{what: "no more than its room", parked: 12, busy: 2, begin: 6, long: true},
		{what: "its room is taken", parked: 8, busy: 8, others: 2, long: true},
		{what: "too much is not noted", parked: 8, unnoted: maxUnnoted, long: true},
		{what: "one place is left", parked: 8, others: 11, begin: 1},
		{what: "none is", parked: 8, others: 12},
		{what: "more are taken than there are", parked: 8, others: 14},
		{what: "its tenant has one left", parked: 8, its: 8, begin: 1},
		{what: "none, by those that idle", parked: 8, its: 18, idle: true},
		{what: "those that idle count half", parked: 2, its: 14, idle: true, begin: 2, long: true},
		{what: "just enough", parked: 3, others: 7, busy: 2, begin: 3, long: true},
		{what: "it is long no more", parked: 3, ends: true},
	} {
		d := NewDeliverer(&Service{}, Options{Concurrency: 12})
		add := func(tenant id.TenantID, x call) ticket {
			k := ticket{Delivery: id.NewDelivery(), Tenant: tenant, Endpoint: id.NewEndpoint(), lease: uuid.New()}
			d.calls[k] = &x
			return k
		}
		l := &lane{room: fullRoom, long: !c.ends, busy: c.busy, unnoted: c.unnoted}
		for range c.busy {
			add(tenant, call{proven: true})
		}
		for range c.others {
			add(other, call{proven: true})
		}
		for range c.its {
			x := call{proven: true}
			if c.idle {
				x.since = time.Now().Add(-time.Hour)
			}
			add(tenant, x)
		}
		for range c.parked {
			l.parked = append(l.parked, parked{t: add(tenant, call{proven: true, ahead: true})})
		}
		var first []parked
		first = append(first, l.parked[:c.begin]...)
		got := d.next(tenant, l)
		require.Equal(t, first, append([]parked(nil), got...), c.what)
		require.Equal(t, []int{c.parked - c.begin, c.busy + c.begin, c.begin}, []int{len(l.parked), l.busy, d.busy[tenant]}, c.what)
		require.Equal(t, c.long, l.long, c.what)
		for _, x := range got {
			require.False(t, d.calls[x.t].ahead, c.what)
		}
	}
}

func TestPassedOver_WhereALookCouldTakeNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what string
		lane lane
		want bool
	}{
		{"nothing more waits", lane{busy: 8, room: 8}, false},
		{"it has no room", lane{full: true, busy: 8, room: 8}, true},
		{"it was emptied", lane{full: true, busy: 7, room: 8}, false},
		{"too much is not noted", lane{room: 8, unnoted: maxUnnoted}, true},
		{"less is", lane{room: 8, unnoted: maxUnnoted - 1}, false},
		{"it is long, and goes on by itself", lane{room: 8, unnoted: maxUnnoted, long: true}, false},
	} {
		require.Equal(t, c.want, c.lane.passedOver(), c.what)
	}
}

// What was to be taken more of is left to others where the lane is long no more by then. There is no queue: nothing asks it.
func TestRefill_TakesNothingForALaneThatIsLongNoMore(t *testing.T) {
	t.Parallel()
	tenant, e := id.NewTenant(), id.NewEndpoint()
	for what, c := range map[string]struct{ long, stopping, full, crowded bool }{
		"we stop": {long: true, stopping: true}, "somebody waits for a place": {long: true, full: true}, "its tenant has too many": {long: true, crowded: true},
		"not all is well": {},
	} {
		d := NewDeliverer(&Service{}, Options{})
		d.stopping, d.full, d.crowded = c.stopping, c.full, map[id.TenantID]bool{tenant: c.crowded}
		l := &lane{room: fullRoom, long: c.long, filling: true, filled: time.Now()}
		d.lanes[e] = l
		d.refill(t.Context(), tenant, e, 1)
		require.Equal(t, []bool{false, false}, []bool{l.filling, l.long}, what)
		require.Empty(t, d.calls, what)
	}
}

func TestRefillIn_WhoAnswersAtOnceWaitsForItsNext(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for ago, want := range map[time.Duration]time.Duration{0: refillGap, refillGap / 2: refillGap / 2, refillGap: 0, time.Hour: 0} {
		require.Equal(t, want, (&lane{filled: now.Add(-ago)}).refillIn(now))
	}
	require.Zero(t, (&lane{}).refillIn(now))
}
