package webhook

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/signature"
)

const (
	// maxKeys bounds the endpoints whose keys lie open in memory.
	maxKeys = 512
	// keysIdle is how long keys lie there that nothing is signed with: a rotation elsewhere is seen with the next delivery,
	// and where there is none, no later than this.
	keysIdle = time.Minute
)

// keyring remembers the keys of endpoints, opened and derived. What it lets go of is wiped.
type keyring struct {
	mu sync.Mutex
	of map[id.EndpointID]*opened
}

type opened struct {
	by     [sha256.Size]byte // the secrets that live, as they are kept
	signer *signature.Signer
	used   time.Time
}

// signer is what signs for an endpoint whose living secrets are kept like this; open makes it where they are not known.
func (k *keyring) signer(e id.EndpointID, kept []byte, open func() (*signature.Signer, error)) (*signature.Signer, error) {
	by := sha256.Sum256(kept)
	k.mu.Lock()
	defer k.mu.Unlock()
	if x := k.of[e]; x != nil && x.by == by {
		x.used = time.Now()
		return x.signer, nil
	}
	fresh, err := open()
	if err != nil {
		return nil, err
	}
	k.drop(e)
	for old := range k.of {
		if len(k.of) < maxKeys {
			break
		}
		k.drop(old) // any: it only costs opening them again
	}
	k.of[e] = &opened{by, fresh, time.Now()}
	return fresh, nil
}

// forget wipes the keys of an endpoint.
func (k *keyring) forget(e id.EndpointID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.drop(e)
}

// sweep wipes keys that were not used for so long.
func (k *keyring) sweep(idle time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for e, x := range k.of {
		if time.Since(x.used) >= idle {
			k.drop(e)
		}
	}
}

func (k *keyring) drop(e id.EndpointID) {
	if x := k.of[e]; x != nil {
		x.signer.Wipe()
		delete(k.of, e)
	}
}
