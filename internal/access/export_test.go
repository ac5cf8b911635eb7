package access

import "time"

// Forget makes the revocations look as old as d.
func (a *Authenticator) Forget(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.loaded = time.Now().Add(-d)
}
