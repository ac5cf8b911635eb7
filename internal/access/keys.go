package access

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/seal"
)

const (
	keysEvery   = 30 * time.Second   // how often keys are read again
	unknownWait = 10 * time.Second   // at most so often because of a token of an unknown key
	publishedBy = 2 * time.Minute    // a new key signs so much later than it is published: every process and cache knows it by then
	keyMargin   = time.Minute        // a key verifies so much longer than the last token that it signed
	keyRow      = "switchboard key " // names a signing key's row to the seal, which takes uuids
)

// Keys are the signing keys of access tokens: one for all processes, in the database, the private half sealed.
type Keys struct {
	db     *db.DB
	box    *seal.Box
	tokens *auth.Tokens
	log    *slog.Logger

	mu       sync.Mutex
	known    map[string]bool
	asked    time.Time // when an unknown key last made us read them again
	learning *reading
}

// keyOf is the seal's place of a signing key.
func keyOf(kid string) seal.Where {
	return seal.Where{Table: "signing_keys", Column: "sealed", Row: uuid.NewSHA1(uuid.NameSpaceURL, []byte(keyRow+kid))}
}

// Refresh reads the keys from the database, and makes the first one where there is none. Of several processes that find
// none, one makes it. It fails, and changes nothing, when a key does not open under our master key.
func (k *Keys) Refresh(ctx context.Context) error {
	var keys []auth.Key
	err := k.db.Platform(ctx, "signing keys", func(tx pgx.Tx) (err error) {
		if keys, err = k.read(ctx, tx); err != nil || len(keys) > 0 {
			return err
		}
		if err := lockKeys(ctx, tx); err != nil {
			return err
		}
		if keys, err = k.read(ctx, tx); err != nil || len(keys) > 0 {
			return err
		}
		// The clocks of our processes differ a little; each of them must be able to sign with it now.
		first, err := auth.NewKey(k.db.Now().Add(-keyMargin))
		if err != nil {
			return err
		}
		keys = []auth.Key{first}
		return k.write(ctx, tx, first)
	})
	if err != nil {
		return err
	}
	known := make(map[string]bool, len(keys))
	for _, key := range keys {
		known[key.ID] = true
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known = known
	k.tokens.SetKeys(keys)
	return nil
}

// Rotate publishes a new key, which signs from two minutes on; the present one signs until then, and verifies until the
// last token that it signed has expired. It returns the new key's id.
func (k *Keys) Rotate(ctx context.Context) (string, error) {
	now := k.db.Now()
	key, err := auth.NewKey(now.Add(publishedBy))
	if err != nil {
		return "", err
	}
	err = k.db.Platform(ctx, "rotating signing keys", func(tx pgx.Tx) error {
		if err := lockKeys(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `update platform.signing_keys set sign_until = $1 where sign_until is null`, key.From); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `delete from platform.signing_keys where sign_until < $1`, now.Add(-24*time.Hour)); err != nil {
			return err
		}
		return k.write(ctx, tx, key)
	})
	if err != nil {
		return "", err
	}
	return key.ID, k.Refresh(ctx)
}

// lockKeys lets readers go on and other writers wait, until the transaction ends.
func lockKeys(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `lock table platform.signing_keys in share row exclusive mode`)
	return err
}

func (k *Keys) write(ctx context.Context, tx pgx.Tx, key auth.Key) error {
	sealed, err := k.box.Seal(key.Private.Seed(), keyOf(key.ID))
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `insert into platform.signing_keys (kid, public, sealed, sign_from) values ($1, $2, $3, $4)`,
		key.ID, []byte(key.Public), sealed, key.From)
	return err
}

// read returns the keys that sign, will sign, or whose tokens may still be about.
func (k *Keys) read(ctx context.Context, tx pgx.Tx) ([]auth.Key, error) {
	now := k.db.Now()
	rows, err := tx.Query(ctx, `select kid, public, sealed, sign_from, sign_until from platform.signing_keys
		where sign_until is null or sign_until > $1`, now.Add(-auth.TokenLife-keyMargin))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (auth.Key, error) {
		var key auth.Key
		var sealed []byte
		var signs *time.Time
		if err := row.Scan(&key.ID, (*[]byte)(&key.Public), &sealed, &key.From, &signs); err != nil {
			return key, err
		}
		seed, err := k.box.Open(sealed, keyOf(key.ID))
		if err != nil {
			return key, fmt.Errorf("access: signing key %s: is this the master key that it was sealed under? %w", key.ID, err)
		}
		if len(seed) != ed25519.SeedSize {
			return key, fmt.Errorf("access: signing key %s is damaged", key.ID)
		}
		key.Private = ed25519.NewKeyFromSeed(seed)
		if !bytes.Equal(key.Private.Public().(ed25519.PublicKey), key.Public) {
			return key, fmt.Errorf("access: signing key %s is damaged", key.ID)
		}
		// A key with an end does not sign (auth.Key), and this one still does until its successor takes over.
		if signs != nil && !signs.After(now) {
			key.Until = signs.Add(auth.TokenLife + keyMargin)
		}
		return key, nil
	})
}

// unknown is the key that a token names when we do not know it, "" when we do.
func (k *Keys) unknown(token string) string {
	kid := kidOf(token)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known[kid] {
		return ""
	}
	return kid
}

// learn reads the keys again because of one that we did not know, at most every ten seconds, and reports whether there is news.
// Who comes while they are being read waits for that one reading: the key may be among them. An error says that they could not
// be read, so that nobody can say whether a token of that key is good.
func (k *Keys) learn(ctx context.Context, kid string) (bool, error) {
	now := time.Now()
	k.mu.Lock()
	if k.known[kid] { // learnt a moment ago
		k.mu.Unlock()
		return true, nil
	}
	r := k.learning
	if r == nil {
		if now.Sub(k.asked) < unknownWait {
			k.mu.Unlock()
			return false, nil
		}
		k.asked = now
		r = &reading{done: make(chan struct{})}
		k.learning = r
		go k.again(context.WithoutCancel(ctx), r)
	}
	k.mu.Unlock()
	select {
	case <-r.done:
		return r.err == nil, r.err
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// again is one reading for all who wait for it. One that failed may be tried again sooner.
func (k *Keys) again(ctx context.Context, r *reading) {
	within, cancel := context.WithTimeout(ctx, revokedWithin)
	defer cancel()
	r.err = k.Refresh(within)
	k.mu.Lock()
	if k.learning = nil; r.err != nil {
		k.asked = time.Time{}
		k.log.Warn("signing keys", "cause", db.Cause(r.err))
	}
	k.mu.Unlock()
	close(r.done)
}

// kidOf reads which key a token claims to be of, without believing it.
func kidOf(token string) string {
	head, _, ok := strings.Cut(token, ".")
	if !ok || len(head) > 1000 {
		return ""
	}
	b, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return ""
	}
	var h struct {
		Kid string `json:"kid"`
	}
	if err := json.Unmarshal(b, &h); err != nil || len(h.Kid) > 100 {
		return ""
	}
	return h.Kid
}

func (k *Keys) run(ctx context.Context) {
	every(ctx, keysEvery, func() {
		if err := k.Refresh(ctx); err != nil && !errors.Is(err, context.Canceled) {
			k.log.Warn("signing keys", "cause", db.Cause(err))
		}
	})
}

// every calls f again and again until ctx ends.
func every(ctx context.Context, d time.Duration, f func()) {
	t := time.NewTicker(d)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			f()
		}
	}
}
