package webhook

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/outbound"
)

const (
	// lease is how long a delivery is ours without a sign of life: after that another worker takes it.
	lease = 6 * time.Second
	// heartbeat is how often we give that sign.
	heartbeat = lease / 3

	// Between looks at an empty queue; facts of this process wake us, and lanes that have room again. Looks are lookGap
	// apart, so that what falls due together is taken together: a look costs the same for one and for many. A few may come
	// early, for facts alone: whoever has a long lane makes nobody else's fact wait for the next look.
	minPause, maxPause = 10 * time.Millisecond, 200 * time.Millisecond
	lookGap            = 5 * time.Millisecond
	maxEarly           = 8
	earlyEvery         = 2 * lookGap
	// errorPause follows a look that failed.
	errorPause = time.Second

	// Each endpoint has a lane. A new one gets few places, answers in time double them, and one that is slow or cannot be
	// reached keeps a single place. Those that are new or slow share half of all places, and a tenant's a quarter: so
	// whoever answers in time never waits for those who don't, and no tenant's hanging ones keep another's new ones out.
	// Nor does one tenant ever have more than three quarters of them.
	startRoom, fullRoom = 2, 8
	slow                = 2 * time.Second
	// linger is how long a call has one of the places, in a lane that was proven. One that goes on for longer does nothing but
	// wait: when many who always answered begin to hang together, others take their places soon. As many as idle times all
	// places may wait so, and for its tenant each counts half.
	linger = 250 * time.Millisecond
	idle   = 4
	// What cannot be made is our fault, and waits until people have mended it. Where nothing can be made for an endpoint, all of
	// it rests: looking at more of it would say the same.
	sealedPause = time.Minute
	unfitPause  = time.Hour
	// maxLanes bounds how many endpoints one look visits, and how many idle ones are remembered.
	maxLanes = 512

	defaultConcurrency = 64
	defaultGrace       = 20 * time.Second // longer than one exchange may take
)

// Options change how a Deliverer works; the zero value is right for production.
type Options struct {
	Concurrency int           // how many deliveries are under way at once, in this process, apart from those that idle
	Grace       time.Duration // how long those may go on once Run's context has ended
	Log         *slog.Logger
	Observe     func(Tried) // is told of every try
}

// Tried is what a try of a delivery tells whoever measures.
type Tried struct {
	Outcome string        // as tries are noted: delivered, refused, gone, unreachable, no_token; unmade where there was nothing to send
	Took    time.Duration // of the call, with the token that it needed
	First   bool          // the first try of a fact at an endpoint, test events apart
	Lag     time.Duration // from the fact to the end of the try

	Endpoint id.EndpointID
}

// Deliverer sends what is due. Any number of them, in any number of processes, share the queue.
type Deliverer struct {
	*Service
	client *outbound.Client
	o      Options

	wg                 sync.WaitGroup
	woken              <-chan struct{} // something of this process is due
	again              chan struct{}   // there is room in a lane again, or the next of a subject may go
	early              allowance
	minPause, maxPause time.Duration
	stale              time.Duration
	bound              time.Duration // of a try: the token that it may need, and the call

	clock    clock
	settling settling
	first    precedence
	met      introductions
	keys     keyring

	mu       sync.Mutex
	lanes    map[id.EndpointID]*lane
	calls    map[ticket]*call
	busy     map[id.TenantID]int  // deliveries under way
	after    uuid.UUID            // the last lane that was visited
	full     bool                 // the last look left no place at all
	stopping bool                 // nothing more is taken ahead
	looking  bool                 // a look is under way, which goes by the room that the lanes had
	scarce   bool                 // the last look left no place for those that are not proven, of some tenant at least
	crowded  map[id.TenantID]bool // the last look left none for these tenants
}

// call is a delivery that is under way.
type call struct {
	proven bool      // its lane was when it was taken
	since  time.Time // it waits for an answer; zero: it does not, or not yet
	well   bool      // it was answered as it should be
	ahead  bool      // of a long lane: it waits for a place there, or to be noted, and takes none
	out    func()    // ends its precedence; nil: it is of a long lane and has none
	late   bool      // it has waited for longer than slow, and its lane shrank
}

type lane struct {
	busy, room int
	full       bool      // the last look left nothing of its room: there may be more
	plain      bool      // it has neither a rate nor an order
	rests      time.Time // until then nothing goes there

	long    bool      // see brisk
	filling bool      // more is being taken ahead
	filled  time.Time // when more was, or will be
	dry     bool      // there was no more
	parked  []parked  // what was taken
	unnoted int       // tries of it that have ended
}

// idle says that nothing is under way there.
func (l *lane) idle() bool { return l.busy+l.unnoted+len(l.parked) == 0 && !l.filling }

// went gives back a place, and lets the lane grow or shrink by how a call went.
func (l *lane) went(took time.Duration, reached bool) {
	l.busy--
	switch {
	case took < 0:
	case took > slow || !reached:
		l.room = 1
	default:
		l.room = min(2*l.room, fullRoom)
	}
}

// passedOver says that a look could not visit it though there may be more: it has no room, or too much that is not noted.
func (l *lane) passedOver() bool {
	return l.full && l.busy >= l.room || !l.long && l.unnoted >= maxUnnoted
}

// unproven says that nobody answered in time there lately.
func (l *lane) unproven() bool { return l.room <= startRoom }

// room is what there is place for.
type room struct {
	all      int // more deliveries
	unproven int // of them in lanes that are not proven

	lanes        []uuid.UUID // that we know
	free         []int       // places, by lane
	proven       []bool      // by lane
	long         []bool      // by lane
	tenants      []uuid.UUID // who have places
	held         []int       // how many, by tenant
	heldUnproven []int       // of them in lanes that are not proven
}

// NewDeliverer returns a deliverer of what the service records. It does nothing until it runs.
func NewDeliverer(s *Service, o Options) *Deliverer {
	if o.Concurrency <= 0 {
		o.Concurrency = defaultConcurrency
	}
	if o.Grace <= 0 {
		o.Grace = defaultGrace
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Observe == nil {
		o.Observe = func(Tried) {}
	}
	return &Deliverer{Service: s, client: outbound.New(s.policy), o: o, woken: fact.Woken(), again: make(chan struct{}, 1),
		minPause: minPause, maxPause: maxPause, stale: stale, bound: outbound.DefaultTimeout, first: precedence{most: yieldFor},
		lanes: map[id.EndpointID]*lane{}, calls: map[ticket]*call{}, busy: map[id.TenantID]int{},
		met: introductions{known: map[id.EndpointID]*introduction{}}, keys: keyring{of: map[id.EndpointID]*opened{}},
		settling: settling{waiting: map[id.TenantID][]*tried{}, writing: map[id.TenantID]bool{}, gathering: map[id.TenantID]*gathering{}}}
}

// Run delivers until ctx ends, then lets what is under way finish for as long as Grace allows and gives the rest back.
// Nothing that happens while it works ends it.
func (d *Deliverer) Run(ctx context.Context) {
	calls, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	defer hangUp()
	var beating sync.WaitGroup
	beats, still := context.WithCancel(calls)
	beating.Go(func() { d.beat(beats) })

	// Facts of this process wake us, and lanes that have room again; only what comes of others, and what is tried again, has
	// to be looked for: more often while there is some of it.
	d.stop(calls, false)
	wait, looked := d.minPause, true
	for ctx.Err() == nil {
		began := time.Now()
		taken, end, err := d.look(ctx, calls)
		switch {
		case err != nil:
			if ctx.Err() == nil {
				d.o.Log.ErrorContext(ctx, "webhook queue", "cause", db.Cause(err))
			}
			wait = errorPause
		case !end:
			continue
		case looked && taken > 0:
			wait = d.minPause
		case looked:
			wait = min(2*wait, d.maxPause)
		}
		looked = d.pause(ctx, began, wait)
	}
	d.stop(calls, true)
	late := time.AfterFunc(d.o.Grace, hangUp)
	d.wg.Wait()
	late.Stop()
	still()
	beating.Wait()
	d.keys.sweep(0)
}

// stop says whether more may be taken ahead; what was is given back where it may not.
func (d *Deliverer) stop(ctx context.Context, yes bool) {
	d.mu.Lock()
	d.stopping = yes
	d.mu.Unlock()
	d.tidy(ctx)
}

// pause waits until there may be something due, for as long as that at most, and until the next look may begin. It reports
// whether nothing called.
func (d *Deliverer) pause(ctx context.Context, began time.Time, most time.Duration) bool {
	timer, woken, called := time.NewTimer(most), d.woken, false
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return true
		case <-woken:
			if d.early.take(time.Now()) {
				return false
			}
			woken, called = nil, true
		case <-d.again:
			called = true
		case <-timer.C:
			return !called
		}
		timer.Reset(min(most, max(0, lookGap-time.Since(began))))
	}
}

// allowance is how many looks may come early. Only Run's goroutine takes of it.
type allowance struct {
	spent int
	since time.Time // when the first of those was given back last
}

func (a *allowance) take(now time.Time) bool {
	if back := max(0, int(now.Sub(a.since)/earlyEvery)); back >= a.spent {
		a.spent, a.since = 0, now
	} else {
		a.spent, a.since = a.spent-back, a.since.Add(time.Duration(back)*earlyEvery)
	}
	if a.spent == maxEarly {
		return false
	}
	a.spent++
	return true
}

// look takes what is due and sends it off. It reports how many deliveries it took, and whether it visited the last of
// the lanes: the next look begins with the first.
func (d *Deliverer) look(ctx, calls context.Context) (int, bool, error) {
	d.tidy(calls)
	defer d.first.enter()()
	taken, end, err := d.take(ctx)
	if err != nil || len(taken) == 0 {
		return 0, end, err
	}
	byTenant := map[id.TenantID][]ticket{}
	for _, t := range taken {
		byTenant[t.Tenant] = append(byTenant[t.Tenant], t)
	}
	for tenant, tickets := range byTenant {
		d.wg.Go(func() { d.send(calls, tenant, tickets) })
	}
	return len(taken), end, nil
}

// ticket is a delivery that is ours for as long as the lease stands in the queue.
type ticket struct {
	Delivery id.DeliveryID
	Tenant   id.TenantID
	Endpoint id.EndpointID
	lease    uuid.UUID
	ordered  bool // others of its subject may wait for it
}

// take leases what is due, and reports whether it visited the last of the lanes.
func (d *Deliverer) take(ctx context.Context) ([]ticket, bool, error) {
	room := d.room()
	defer d.looked()
	if room.all <= 0 { // calls that idled count again while they end: the first place that is left is told
		d.mu.Lock()
		defer d.mu.Unlock()
		d.full = true
		return nil, true, nil
	}
	var (
		out     []ticket
		token   = uuid.New()
		after   = d.after
		end     bool
		now     time.Time
		visited int
		last    *uuid.UUID
		plain   = map[id.EndpointID]bool{}
	)
	err := d.db.PlatformOne(ctx, "take deliveries that are due", takeDue,
		[]any{after, maxLanes, room.lanes, room.free, startRoom, room.all, lease, token, maxScan,
			room.proven, room.unproven, room.tenants, room.heldUnproven, d.share(), room.held, d.most(), room.long}, func(rows pgx.Rows) error {
			var (
				delivery, tenant, endpoint *uuid.UUID
				ordered, free              bool
			)
			_, err := pgx.ForEachRow(rows, []any{&now, &visited, &last, &delivery, &tenant, &endpoint, &ordered, &free}, func() error {
				if delivery != nil {
					plain[id.EndpointID(*endpoint)] = free
					out = append(out, ticket{id.DeliveryID(*delivery), id.TenantID(*tenant), id.EndpointID(*endpoint), token, ordered})
				}
				return nil
			})
			return err
		})
	if err != nil {
		return nil, false, err
	}
	d.clock.set(now)
	if end = visited < maxLanes; end {
		after = uuid.Nil
	} else {
		after = *last
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.after, d.full = after, len(out) == room.all
	for _, l := range d.lanes {
		l.full = l.passedOver()
	}
	for _, t := range out {
		l := d.lanes[t.Endpoint]
		if l == nil {
			l = &lane{room: startRoom}
			d.lanes[t.Endpoint] = l
		}
		l.busy++
		l.full, l.plain = l.busy >= l.room && !l.long, plain[t.Endpoint]
		d.calls[t] = &call{proven: !l.unproven(), out: d.first.enter()}
		d.busy[t.Tenant]++
	}
	p := d.places(time.Now())
	d.scarce, d.crowded = p.unproven >= d.unproven(), map[id.TenantID]bool{}
	for tenant, mine := range p.of {
		d.scarce = d.scarce || mine.unproven >= d.share()
		d.crowded[tenant] = mine.held() >= d.most()
	}
	return out, end, nil
}

// unproven is how many places those have that are not proven, share how many of these a tenant may have, and most how many
// of all.
func (d *Deliverer) unproven() int { return max(1, d.o.Concurrency/2) }
func (d *Deliverer) share() int    { return max(1, d.o.Concurrency/4) }
func (d *Deliverer) most() int     { return max(1, d.o.Concurrency*3/4) }

// places is how many are taken: in all, by what is not proven, and by tenant; and how many calls idle, which take none.
type places struct {
	all, unproven, idle int
	ahead               int // of long lanes, which take none either
	of                  map[id.TenantID]*places
}

// held is what counts against the most that a tenant may have: else its idle calls could fill what there is for those, and
// more of them all places.
func (p *places) held() int { return p.all + p.idle/2 }

// places counts what is taken. d.mu is held.
func (d *Deliverer) places(now time.Time) places {
	p := places{of: map[id.TenantID]*places{}}
	for t, c := range d.calls {
		mine := p.of[t.Tenant]
		if mine == nil {
			mine = &places{}
			p.of[t.Tenant] = mine
		}
		switch {
		case c.ahead:
			p.ahead++
			continue
		case c.proven && !c.since.IsZero() && now.Sub(c.since) > linger && p.idle < idle*d.o.Concurrency:
			p.idle++
			mine.idle++
			continue
		case !c.proven:
			p.unproven++
			mine.unproven++
		}
		p.all++
		mine.all++
	}
	return p
}

// room says how many more deliveries may be under way, and where.
func (d *Deliverer) room() room {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.looking = true
	now := time.Now()
	for t, c := range d.calls {
		if !c.late && !c.since.IsZero() && now.Sub(c.since) > slow {
			c.late, d.lanes[t.Endpoint].room = true, 1 // as at its end; those that answer meanwhile let it grow again
		}
	}
	p := d.places(now)
	r := room{all: d.o.Concurrency - p.all, unproven: d.unproven() - p.unproven}
	for e, l := range d.lanes {
		rests := now.Before(l.rests)
		if l.idle() && !rests && len(d.lanes) > maxLanes {
			delete(d.lanes, e)
			continue
		}
		free := max(0, l.room-l.busy)
		if rests || l.unnoted >= maxUnnoted {
			free = 0
		}
		r.lanes, r.free, r.proven, r.long = append(r.lanes, e.UUID()), append(r.free, free), append(r.proven, !l.unproven()), append(r.long, l.long)
	}
	for t, mine := range p.of {
		r.tenants, r.held, r.heldUnproven = append(r.tenants, t.UUID()), append(r.held, mine.held()), append(r.heldUnproven, mine.unproven)
	}
	return r
}

// looked says that the look is over for which room told what there is.
func (d *Deliverer) looked() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.looking = false
}

// waits notes that a delivery waits for its receiver, or that it no longer does.
func (d *Deliverer) waits(t ticket, since time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.calls[t]
	if c.since = since; since.IsZero() && c.out != nil {
		c.out()
	}
}

// underWay is how many deliveries of a tenant are.
func (d *Deliverer) underWay(tenant id.TenantID) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.busy[tenant]
}

// rest keeps more from being taken for an endpoint.
func (d *Deliverer) rest(e id.EndpointID, wait time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lanes[e].rests = time.Now().Add(wait)
}

// leave is done with a delivery. It gives back its place, unless it had one of a long lane that went on since, and lets its lane grow
// or shrink by how it went; took is negative when nothing was sent.
func (d *Deliverer) leave(ctx context.Context, t ticket, took time.Duration, reached bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, l := d.calls[t], d.lanes[t.Endpoint]
	delete(d.calls, t)
	if c.out != nil {
		c.out()
	}
	if d.busy[t.Tenant]--; d.busy[t.Tenant] == 0 {
		delete(d.busy, t.Tenant)
	}
	wasLong := l.long
	if c.ahead {
		l.unnoted--
	} else {
		l.went(took, reached)
		l.long = l.long && c.well
	}
	if wasLong {
		d.advance(ctx, t.Tenant, t.Endpoint)
	}
	freed := d.full || d.scarce && !c.proven || d.crowded[t.Tenant] || t.ordered
	// A lane that is half full is not worth another look yet, nor is one that was emptied.
	if freed || l.full && l.busy*2 <= l.room {
		d.callAgain()
	}
}

// callAgain has Run look once more.
func (d *Deliverer) callAgain() {
	select {
	case d.again <- struct{}{}:
	default:
	}
}

// beat keeps what is under way ours.
func (d *Deliverer) beat(ctx context.Context) {
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			d.keys.sweep(keysIdle)
			if err := d.extend(ctx); err != nil && ctx.Err() == nil {
				d.o.Log.ErrorContext(ctx, "webhook heartbeat", "cause", db.Cause(err))
			}
		}
	}
}

func (d *Deliverer) extend(ctx context.Context) error {
	var deliveries, leases []uuid.UUID
	d.mu.Lock()
	for t := range d.calls {
		deliveries, leases = append(deliveries, t.Delivery.UUID()), append(leases, t.lease)
	}
	d.mu.Unlock()
	if len(deliveries) == 0 {
		return nil
	}
	return d.db.PlatformOne(ctx, "deliveries are still under way", keep, []any{deliveries, leases, lease}, none)
}

// giveBack ends leases without a try: the deliveries are due again after a while, or as they were where that is none.
func (d *Deliverer) giveBack(ctx context.Context, after time.Duration, tickets ...ticket) error {
	var deliveries, leases []uuid.UUID
	for _, t := range tickets {
		deliveries, leases = append(deliveries, t.Delivery.UUID()), append(leases, t.lease)
	}
	return d.db.PlatformOne(ctx, "deliveries were not tried", back, []any{deliveries, leases, after}, none)
}

// none reads no rows.
func none(rows pgx.Rows) error {
	rows.Close()
	return rows.Err()
}

// clock is the database's, carried on by ours between looks: that ours is set wrong, or is set anew, changes nothing.
type clock struct {
	mu   sync.Mutex
	read time.Time // by the database
	when time.Time // by us: only how long ago that is counts
}

func (c *clock) set(read time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read, c.when = read, time.Now()
}

// now is the time to sign with.
func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read.Add(time.Since(c.when)).UTC().Truncate(time.Microsecond)
}
