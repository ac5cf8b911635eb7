package access

import (
	"net/netip"
	"sync"
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/limit"
)

// How often getting a token may fail. What succeeds is never counted.
const (
	pairFailures    = 10 // of one client id from one address
	addressFailures = 60 // from one address
	failureWindow   = time.Minute
	provenLife      = 24 * time.Hour
	maxProven       = 50_000
)

// failures slows down who guesses secrets, in all processes together and over a restart. It must not be a way to lock somebody
// else out: an attacker who shares the address of a client (an office, a proxy) can use up what may fail from there, but a
// secret that worked before, in this process, gets past every limit.
type failures struct {
	pairs     *limit.Limiter
	addresses *limit.Limiter

	mu     sync.Mutex
	proven map[hash]time.Time // of client id and secret: when it last worked
}

func newFailures(s *limit.Shared) *failures {
	return &failures{
		pairs:     s.Limiter(limit.Policy{Name: "token failures of a client", Requests: pairFailures, Window: failureWindow}),
		addresses: s.Limiter(limit.Policy{Name: "token failures of an address", Requests: addressFailures, Window: failureWindow}),
		proven:    map[hash]time.Time{},
	}
}

// attempt is one try to get a token.
type attempt struct {
	pair, address string
	secret        hash
}

func attemptOf(clientID, secret string, from netip.Addr) attempt {
	address := limit.Address(from)
	return attempt{pair: address + "\x00" + clientID, address: address, secret: hashOf(clientID + "\x00" + secret)}
}

// wait is how long to wait before this attempt may be made; 0 when it may be made now.
func (f *failures) wait(a attempt, now time.Time) time.Duration {
	f.mu.Lock()
	at, ok := f.proven[a.secret]
	f.mu.Unlock()
	if ok && now.Sub(at) < provenLife {
		return 0
	}
	return max(f.pairs.Peek(a.pair).Wait, f.addresses.Peek(a.address).Wait)
}

// failed counts a failure.
func (f *failures) failed(a attempt) {
	f.mu.Lock()
	delete(f.proven, a.secret)
	f.mu.Unlock()
	f.pairs.Add(a.pair)
	f.addresses.Add(a.address)
}

// worked remembers that the secret is right.
func (f *failures) worked(a attempt, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.proven) >= maxProven {
		clear(f.proven)
	}
	f.proven[a.secret] = now
}
