package limit

import "time"

// Bound makes a limiter know only so many callers.
func (l *Limiter) Bound(n int) { l.max = n }

// Known is how many callers it knows.
func (l *Limiter) Known() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.callers)
}

// Hold is hear: what the database says of a caller.
func (l *Limiter) Hold(who string, full, now time.Time) {
	news{limiter: l, key: l.keyOf(who)}.hear(full, now)
}

// Due reports whether Run would tell the other processes now, and takes note that it is going to.
func (s *Shared) Due() bool {
	select {
	case <-s.wake:
		return true
	default:
		return false
	}
}

// Sweep is what Run does every minute.
var Sweep = (*Shared).sweep
