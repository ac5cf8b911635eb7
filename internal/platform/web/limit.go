package web

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/fault"
)

// Limit is how many requests one caller may make: Requests per Window, all at once if they like.
type Limit struct {
	Requests int
	Window   time.Duration
}

// limiter counts by the generic cell rate algorithm: one instant per caller, no background work but a sweep.
type limiter struct {
	name  string
	limit Limit
	mu    sync.Mutex
	until map[string]time.Time // when the caller's bucket is full again
	swept time.Time
}

func newLimiter(name string, l Limit) *limiter {
	return &limiter{name: name, limit: l, until: map[string]time.Time{}}
}

// take counts one request, and says how many are left, when the bucket is full again, and how long to wait if it is
// not allowed.
func (l *limiter) take(who string, now time.Time) (left int, full, wait time.Duration) {
	cost := l.limit.Window / time.Duration(l.limit.Requests)
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.swept) > l.limit.Window {
		for k, t := range l.until {
			if t.Before(now) {
				delete(l.until, k)
			}
		}
		l.swept = now
	}
	at := l.until[who]
	if at.Before(now) {
		at = now
	}
	if at = at.Add(cost); at.Sub(now) > l.limit.Window {
		return 0, at.Sub(now), at.Sub(now) - l.limit.Window
	}
	l.until[who] = at
	return int((l.limit.Window - at.Sub(now)) / cost), at.Sub(now), 0
}

// check counts a request, tells the caller in RateLimit and RateLimit-Policy (IETF draft-ietf-httpapi-ratelimit-headers),
// and refuses when it is over.
func (l *limiter) check(c *call, who string) error {
	left, full, wait := l.take(who, c.start)
	h := c.gin.Writer.Header()
	h.Set("RateLimit-Policy", fmt.Sprintf(`"%s";q=%d;w=%d`, l.name, l.limit.Requests, int(l.limit.Window.Seconds())))
	h.Set("RateLimit", fmt.Sprintf(`"%s";r=%d;t=%d`, l.name, left, int(math.Ceil(full.Seconds()))))
	if wait == 0 {
		return nil
	}
	return fault.TooManyRequests.With("seconds", strconv.Itoa(int(math.Ceil(wait.Seconds())))).After(wait)
}

// addressKey groups public callers: by IPv4 address, or by the /64 that one IPv6 customer has.
func addressKey(ip string) string {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return ip
	}
	a = a.Unmap()
	if a.Is4() {
		return a.String()
	}
	p, _ := a.Prefix(64)
	return p.String()
}
