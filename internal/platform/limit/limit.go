// Package limit counts what callers use of a quota, in memory, and adds up what several processes counted.
//
// Counting costs no round trip. A process tells the others through one unlogged table, in batches: at once when a caller has
// used a good part of its quota, and otherwise once a second. What two processes let through at the same moment is too
// much by at most that part for each process but one, and is held against the caller afterwards, so that in the long run
// nobody gets more. Without a database each process goes on counting by itself.
package limit

import (
	"crypto/sha256"
	"math"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

// Policy is a quota: Requests in each Window, all at once if the caller likes. Its name stands in the headers of answers, and
// tells its callers from those of other policies.
type Policy struct {
	Name     string
	Requests int
	Window   time.Duration
}

// cost is what one request uses of the window.
func (p Policy) cost() time.Duration { return p.Window / time.Duration(p.Requests) }

// String is the policy as the header RateLimit-Policy says it (draft-ietf-httpapi-ratelimit-headers-10, section 3).
func (p Policy) String() string {
	return strconv.Quote(p.Name) + ";q=" + strconv.Itoa(p.Requests) + ";w=" + strconv.Itoa(int(p.Window.Seconds()))
}

// State is where a caller stands.
type State struct {
	Left int           // requests that may be made at once
	Full time.Duration // until all of the quota is there again
	Wait time.Duration // how long to wait; 0 when the request is allowed
}

const (
	// maxCallers bounds the memory of one limiter. Whoever comes when it is full shares a bucket with others: nobody gets
	// free of a limit by bringing many addresses.
	maxCallers = 100_000
	crowd      = 1 << 12 // buckets for those
	// told is the part of a quota after which the other processes are told at once.
	told = 32
	// late is how long after its use something is told at the latest, while telling works.
	late = 2 * tellEvery
)

// key is a caller of a limiter, as the shared table knows it: no name, and no address.
type key [16]byte

type caller struct {
	full   time.Time     // when nothing is held against it any more
	untold time.Duration // what was used and the other processes do not know yet
	since  time.Time     // since when
}

// Limiter counts the callers of one policy. It is safe for concurrent use. Shared.Limiter makes it.
type Limiter struct {
	shared    *Shared
	policy    Policy
	announced string
	prefix    []byte

	mu      sync.Mutex
	callers map[key]*caller
	dirty   []key // callers with something untold
	swept   time.Time
	max     int
}

// Announced is the policy as the header RateLimit-Policy says it.
func (l *Limiter) Announced() string { return l.announced }

func (l *Limiter) keyOf(who string) key {
	b := make([]byte, 0, 128)
	h := sha256.Sum256(append(append(b, l.prefix...), who...))
	return key(h[:16])
}

// Take counts a request of a caller, unless it is over.
func (l *Limiter) Take(who string) State { return l.count(who, true, false) }

// Peek tells where a caller stands, and counts nothing.
func (l *Limiter) Peek(who string) State { return l.count(who, false, false) }

// Add counts what has happened already, over or not.
func (l *Limiter) Add(who string) State { return l.count(who, true, true) }

func (l *Limiter) count(who string, use, always bool) State {
	now, cost, k := l.shared.now(), l.policy.cost(), l.keyOf(who)
	l.mu.Lock()
	defer l.mu.Unlock()
	c, k := l.find(k, now, use)
	at := c.full
	if latest := now.Add(2 * l.policy.Window); at.After(latest) { // a clock that was set back blocks nobody for long
		at = latest
	}
	if at.Before(now) {
		at = now
	}
	if after := at.Add(cost).Sub(now); after > l.policy.Window && !(use && always) {
		return State{0, at.Sub(now), after - l.policy.Window}
	}
	if use {
		at = at.Add(cost)
		c.full = at
		if c.untold == 0 {
			c.since = now
			l.dirty = append(l.dirty, k)
		}
		if c.untold += cost; l.due(c) {
			l.shared.hurry()
		}
	}
	return State{max(0, int((l.policy.Window-at.Sub(now))/cost)), at.Sub(now), 0}
}

// due reports whether the other processes are to hear of it at once.
func (l *Limiter) due(c *caller) bool { return c.untold >= max(l.policy.Window/told, l.policy.cost()) }

// find returns what is known of a caller, and makes room for one that is to be kept.
func (l *Limiter) find(k key, now time.Time, keep bool) (*caller, key) {
	if c := l.callers[k]; c != nil {
		return c, k
	}
	if !l.room(now) {
		k = l.keyOf("\x00crowd" + string([]byte{k[0], k[1] & (crowd>>8 - 1)}))
		if c := l.callers[k]; c != nil {
			return c, k
		}
	}
	c := &caller{full: l.shared.learned(k)}
	if keep {
		l.callers[k] = c
	}
	return c, k
}

// room reports whether one more caller can be known by its own key.
func (l *Limiter) room(now time.Time) bool {
	if len(l.callers) >= l.max {
		l.sweep(now)
	}
	return len(l.callers) < l.max
}

// sweep forgets those against whom nothing is held, at most once a second.
func (l *Limiter) sweep(now time.Time) {
	if now.Sub(l.swept).Abs() < time.Second {
		return
	}
	l.swept = now
	for k, c := range l.callers {
		if c.untold == 0 && c.full.Before(now) {
			delete(l.callers, k)
		}
	}
}

// news is what a process has to tell about one caller.
type news struct {
	limiter *Limiter
	key     key
	used    time.Duration
	since   time.Time
}

// collect takes what is untold: all of it, or what is due.
//
// What was used long ago, because it could not be told sooner, has come free meanwhile. What is told is never more than what
// is still held against the caller here, but for the time in which the others are told anyway: else an hour without a
// database would be counted as if it had been used just now, on top of what everybody used since.
func (l *Limiter) collect(out []news, now time.Time, all bool) []news {
	l.mu.Lock()
	defer l.mu.Unlock()
	kept := l.dirty[:0]
	for _, k := range l.dirty {
		c := l.callers[k]
		if !all && !l.due(c) {
			kept = append(kept, k)
			continue
		}
		n := news{l, k, min(c.untold, max(0, c.full.Sub(now))+late), c.since}
		c.untold = 0
		out = append(out, n)
	}
	l.dirty = kept
	return out
}

// putBack makes untold again what could not be told. It is held against the caller already.
func (n news) putBack() {
	n.limiter.mu.Lock()
	defer n.limiter.mu.Unlock()
	c := n.limiter.callers[n.key]
	if c == nil { // swept: nothing of it is held any more
		return
	}
	if c.untold == 0 {
		n.limiter.dirty = append(n.limiter.dirty, n.key)
	}
	c.untold += n.used
	c.since = n.since
}

// hear takes what all processes counted of a caller together, this one's untold uses left out. It never takes back what is held
// against a caller: the database may have forgotten. Of a caller that was forgotten here it makes no other pay: when there is no
// room the database goes on knowing it.
func (n news) hear(full, now time.Time) {
	l := n.limiter
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.callers[n.key]
	if c == nil {
		if !full.After(now) || !l.room(now) {
			return
		}
		c = &caller{full: full}
		l.callers[n.key] = c
	}
	if full = full.Add(c.untold); full.After(c.full) {
		c.full = full
	}
}

// Header is the state as the header RateLimit says it, in whole seconds (the same draft, section 4).
func (l *Limiter) Header(s State) string {
	b := make([]byte, 0, 48)
	b = strconv.AppendQuote(b, l.policy.Name)
	b = strconv.AppendInt(append(b, ";r="...), int64(s.Left), 10)
	b = strconv.AppendInt(append(b, ";t="...), int64(math.Ceil(s.Full.Seconds())), 10)
	return string(b)
}

// Address names who calls from an address: an IPv4 address itself, or the /64 that one customer has of IPv6.
func Address(a netip.Addr) string {
	if a = a.Unmap(); a.Is6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}
