package access

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/limit"
)

// How often getting a token may fail. What succeeds is never counted here.
const (
	pairFailures    = 10 // of one client id from one address
	addressFailures = 60 // from one address
	failureWindow   = time.Minute
)

// failures slows down who guesses secrets, in all processes together and over a restart. It must not be a way to lock somebody
// else out: an attacker who shares the address of a client (an office, a proxy) can use up what may fail from there, but whoever
// brings a secret that the directory knows never comes here. See grant.
type failures struct {
	pairs     *limit.Limiter
	addresses *limit.Limiter
}

func newFailures(s *limit.Shared) *failures {
	return &failures{
		pairs:     s.Limiter(limit.Policy{Name: "token failures of a client", Requests: pairFailures, Window: failureWindow}),
		addresses: s.Limiter(limit.Policy{Name: "token failures of an address", Requests: addressFailures, Window: failureWindow}),
	}
}

// attempt is one try to get a token.
type attempt struct {
	pair, address string
}

func attemptOf(clientID string, from netip.Addr) attempt {
	address := limit.Address(from)
	return attempt{pair: address + "\x00" + clientID, address: address}
}

// wait is how long to wait before this attempt may be made; 0 when it may be made now.
func (f *failures) wait(a attempt) time.Duration {
	return max(f.pairs.Peek(a.pair).Wait, f.addresses.Peek(a.address).Wait)
}

// failed counts a failure.
func (f *failures) failed(a attempt) {
	f.pairs.Add(a.pair)
	f.addresses.Add(a.address)
}

const (
	maxAsking = 10_000 // secrets that wait for one question to the directory
	askWithin = 3 * time.Second
	maxSecret = 200 // characters; ours have sixty
)

// lookups asks the directory whose a secret is, before anything else is judged: a right one must get through whatever its
// neighbours do. Secrets that come in while a question is under way go with the next one, so that any number of guesses costs
// one connection and a statement that looks them all up by their hashes; a guess costs the database a few microseconds.
type lookups struct {
	db *db.DB

	mu     sync.Mutex
	next   *question // what gathers; nil when nobody waits
	asking bool
}

type question struct {
	secrets []string
	whose   []db.Found
	err     error
	done    chan struct{}
}

// find returns whose secret it is, the zero Found when it is nobody's.
func (l *lookups) find(ctx context.Context, secret string) (db.Found, error) {
	if len(secret) > maxSecret {
		return db.Found{}, nil
	}
	l.mu.Lock()
	if l.next == nil {
		l.next = &question{done: make(chan struct{})}
	}
	q, at := l.next, len(l.next.secrets)
	if at >= maxAsking {
		l.mu.Unlock()
		return db.Found{}, fault.Busy.New().After(time.Second)
	}
	q.secrets = append(q.secrets, secret)
	if !l.asking {
		l.asking = true
		go l.ask(context.WithoutCancel(ctx))
	}
	l.mu.Unlock()
	select {
	case <-q.done:
		if q.err != nil {
			return db.Found{}, q.err
		}
		return q.whose[at], nil
	case <-ctx.Done():
		return db.Found{}, fault.Busy.Because(ctx.Err()).After(time.Second)
	}
}

// ask answers one question after the other, until there is none.
func (l *lookups) ask(ctx context.Context) {
	for {
		l.mu.Lock()
		q := l.next
		l.next = nil
		l.asking = q != nil
		l.mu.Unlock()
		if q == nil {
			return
		}
		within, cancel := context.WithTimeout(ctx, askWithin)
		q.whose, q.err = l.db.ResolveMany(within, secrets, q.secrets)
		cancel()
		close(q.done)
	}
}
