package access

import (
	"net/netip"
	"sync"
	"time"
)

// How often getting a token may fail. What succeeds is never counted.
const (
	pairFailures    = 10 // of one client id from one address
	addressFailures = 60 // from one address
	failureWindow   = time.Minute
	provenLife      = 24 * time.Hour
	maxTracked      = 50_000 // of each kind; an attacker who fills them only frees himself of a limit
)

// failures slows down who guesses secrets. It must not be a way to lock somebody else out: an attacker who shares the
// address of a client (an office, a proxy) can use up what may fail from there, but a secret that worked before gets
// past every limit.
type failures struct {
	mu        sync.Mutex
	pairs     bucket
	addresses bucket
	proven    map[hash]time.Time // of client id and secret: when it last worked
}

func newFailures() *failures {
	return &failures{pairs: newBucket(pairFailures), addresses: newBucket(addressFailures), proven: map[hash]time.Time{}}
}

// attempt is one try to get a token.
type attempt struct{ pair, address, secret hash }

func attemptOf(clientID, secret, ip string) attempt {
	from := addressOf(ip)
	return attempt{pair: hashOf(clientID + "\x00" + from), address: hashOf(from), secret: hashOf(clientID + "\x00" + secret)}
}

// wait is how long to wait before this attempt may be made; 0 when it may be made now.
func (f *failures) wait(a attempt, now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if at, ok := f.proven[a.secret]; ok && now.Sub(at) < provenLife {
		return 0
	}
	return max(f.pairs.wait(a.pair, now), f.addresses.wait(a.address, now))
}

// failed counts a failure.
func (f *failures) failed(a attempt, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.proven, a.secret)
	f.pairs.add(a.pair, now)
	f.addresses.add(a.address, now)
}

// worked remembers that the secret is right.
func (f *failures) worked(a attempt, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.proven) >= maxTracked {
		clear(f.proven)
	}
	f.proven[a.secret] = now
}

// bucket counts by the generic cell rate algorithm: of each key, the instant at which nothing is held against it any more.
type bucket struct {
	cost  time.Duration
	until map[hash]time.Time
}

func newBucket(perWindow int) bucket {
	return bucket{failureWindow / time.Duration(perWindow), map[hash]time.Time{}}
}

func (b bucket) wait(k hash, now time.Time) time.Duration {
	at, ok := b.until[k]
	if !ok {
		return 0
	}
	return max(0, at.Add(b.cost).Sub(now)-failureWindow)
}

func (b bucket) add(k hash, now time.Time) {
	if len(b.until) >= maxTracked {
		for other, t := range b.until {
			if t.Before(now) {
				delete(b.until, other)
			}
		}
		if len(b.until) >= maxTracked {
			clear(b.until)
		}
	}
	at := b.until[k]
	if at.Before(now) {
		at = now
	}
	b.until[k] = at.Add(b.cost)
}

// addressOf groups callers by IPv4 address, or by the /64 that one IPv6 customer has.
func addressOf(ip string) string {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return ip
	}
	if a = a.Unmap(); a.Is4() {
		return a.String()
	}
	p, err := a.Prefix(64)
	if err != nil {
		return ip
	}
	return p.String()
}
