package access

import (
	"context"
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/db"
)

// Forget makes the revocations look as old as d.
func (a *Authenticator) Forget(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.loaded = time.Now().Add(-d)
}

// Whose asks the directory.
func (s *Service) Whose(ctx context.Context, secret string) (db.Found, error) {
	return s.lookups.find(ctx, secret)
}

// HoldLookups lets secrets gather as if a question were under way. Gathered is how many do; ask puts the next question.
func (s *Service) HoldLookups() (gathered func() int, ask func(context.Context)) {
	l := s.lookups
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asking = true
	return func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.next == nil {
			return 0
		}
		return len(l.next.secrets)
	}, l.ask
}

// Hold lets whoever brings a token of an unknown key wait, as if the keys were being read. read reads them.
func (k *Keys) Hold() (read func(context.Context)) {
	r := &reading{done: make(chan struct{})}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.learning, k.asked = r, time.Now()
	return func(ctx context.Context) { k.again(ctx, r) }
}
