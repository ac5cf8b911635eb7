package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

const (
	believedFor   = 5 * time.Second  // a verified token is not verified again
	maxBelieved   = 20_000           // tokens kept for that
	revokedEvery  = 3 * time.Second  // how often revocations are read
	revokedMaxAge = 10 * time.Second // with an older reading nobody gets in
	revokedWithin = 3 * time.Second  // how long a reading may take when a request waits for it
	revokedKept   = time.Hour        // far longer than a token lives
)

// Authenticator turns bearer tokens into principals. It is safe for concurrent use.
type Authenticator struct {
	db     *db.DB
	tokens *auth.Tokens
	keys   *Keys
	log    *slog.Logger

	mu       sync.RWMutex
	believed map[[sha256.Size]byte]belief
	revoked  map[id.ClientID]time.Time // up to when the client's tokens are void
	loaded   time.Time                 // when revoked was read; compared by the monotonic clock
	loading  *reading
}

type belief struct {
	auth.Verified
	at time.Time
}

// reading is one reading of the revocations that several requests may wait for.
type reading struct {
	done chan struct{}
	err  error
}

func newAuthenticator(d *db.DB, tokens *auth.Tokens, keys *Keys, log *slog.Logger) *Authenticator {
	return &Authenticator{db: d, tokens: tokens, keys: keys, log: log,
		believed: map[[sha256.Size]byte]belief{}, revoked: map[id.ClientID]time.Time{}}
}

// Authenticate returns whose token it is. A token that is not ours, not valid now, or void is fault.NoToken; when it
// cannot be known what was revoked, it is fault.Busy.
func (a *Authenticator) Authenticate(ctx context.Context, token string) (auth.Principal, error) {
	v, err := a.verify(ctx, token)
	if errors.Is(err, errKeys) {
		return auth.Principal{}, fault.Busy.Because(err).After(time.Second)
	}
	if err != nil {
		return auth.Principal{}, fault.NoToken.Because(err)
	}
	if err := a.fresh(ctx); err != nil {
		return auth.Principal{}, fault.Busy.Because(err).After(time.Second)
	}
	a.mu.RLock()
	until, ok := a.revoked[v.Principal.ClientID]
	a.mu.RUnlock()
	if ok && !v.IssuedAt.After(until) {
		return auth.Principal{}, fault.NoToken.Because(errors.New("access: the token was revoked"))
	}
	return v.Principal, nil
}

// errKeys says that a token names a key that we could not look for.
var errKeys = errors.New("access: the signing keys cannot be read")

// verify believes for a few seconds what it verified: a signature costs more than all else that a read does.
func (a *Authenticator) verify(ctx context.Context, token string) (auth.Verified, error) {
	h := sha256.Sum256([]byte(token))
	now := a.db.Now()
	a.mu.RLock()
	b, ok := a.believed[h]
	a.mu.RUnlock()
	if ok && !now.Before(b.at) && now.Sub(b.at) < believedFor && now.Before(b.ExpiresAt) {
		return b.Verified, nil
	}
	unknown := a.keys.unknown(token)
	v, err := a.tokens.Verify(token, now)
	if err != nil && unknown != "" {
		learnt, failed := a.keys.learn(ctx, unknown)
		if failed != nil {
			return v, fmt.Errorf("%w: %w", errKeys, failed)
		}
		if learnt {
			v, err = a.tokens.Verify(token, now)
		}
	}
	if err != nil {
		return v, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.believed) >= maxBelieved {
		clear(a.believed)
	}
	a.believed[h] = belief{v, now}
	return v, nil
}

// fresh makes sure that the revocations are younger than ten seconds: requests that find them older wait for one
// reading together.
func (a *Authenticator) fresh(ctx context.Context) error {
	a.mu.RLock()
	age := time.Since(a.loaded)
	a.mu.RUnlock()
	if age < revokedMaxAge {
		return nil
	}
	a.mu.Lock()
	r := a.loading
	if r == nil {
		r = &reading{done: make(chan struct{})}
		a.loading = r
		go func() {
			within, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokedWithin)
			defer cancel()
			r.err = a.Refresh(within)
			a.mu.Lock()
			a.loading = nil
			a.mu.Unlock()
			close(r.done)
		}()
	}
	a.mu.Unlock()
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Refresh reads the revocations of the last hour; Run does it every three seconds.
func (a *Authenticator) Refresh(ctx context.Context) error {
	began := time.Now()
	kept := a.db.Now().Add(-revokedKept)
	revoked := map[id.ClientID]time.Time{}
	err := a.db.Platform(ctx, "revocations", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select client_id::text, max(until) from platform.revocations where revoked_at > $1 group by client_id`, kept)
		if err != nil {
			return err
		}
		var c id.ClientID
		var until time.Time
		_, err = pgx.ForEachRow(rows, []any{&c, &until}, func() error {
			revoked[c] = until
			return nil
		})
		return err
	})
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	// What this process revoked itself may be younger than the reading.
	for c, until := range a.revoked {
		if until.After(kept) && until.After(revoked[c]) {
			revoked[c] = until
		}
	}
	a.revoked, a.loaded = revoked, began
	return nil
}

// void ends a client's tokens in this process at once.
func (a *Authenticator) void(c id.ClientID, until time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if until.After(a.revoked[c]) {
		a.revoked[c] = until
	}
}

func (a *Authenticator) run(ctx context.Context) {
	every(ctx, revokedEvery, func() {
		within, cancel := context.WithTimeout(ctx, revokedMaxAge)
		defer cancel()
		if err := a.Refresh(within); err != nil && ctx.Err() == nil {
			a.log.Warn("revocations", "cause", db.Cause(err))
		}
	})
}
