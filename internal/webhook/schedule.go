package webhook

import (
	"errors"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// delays lie between the tries of a delivery: ten tries over at least 75 hours (design section 5).
var delays = []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour,
	20 * time.Hour, 24 * time.Hour}

// maxAttempts is how often a delivery is tried by itself.
var maxAttempts = len(delays) + 1

// maxRetryAfter bounds how long a receiver may make us wait.
const maxRetryAfter = 24 * time.Hour

// jitterDown is where delays may turn out shorter as well as longer: all of the time that must pass lies in the others.
const jitterDown = 2 * time.Hour

// What only fails is disabled after failingLimit, with warnings at half and three quarters of it.
const failingLimit = 5 * 24 * time.Hour

// LeastKept is how long facts have to be kept at least, so that they outlast what an endpoint may fail, and a day to mend it.
const LeastKept = failingLimit + 24*time.Hour

var warnings = []time.Duration{failingLimit / 2, failingLimit / 4 * 3}

// pause is how long to wait after the given number of tries, at least one and fewer than maxAttempts, spread by up to a
// fifth so that what failed together does not come back together. least is what the receiver asked for.
func pause(tries int, least time.Duration) time.Duration {
	d := delays[tries-1]
	spread := rand.Float64() * 0.2
	if d < jitterDown && rand.IntN(2) == 0 {
		spread = -spread
	}
	return max(d+time.Duration(float64(d)*spread), min(least, maxRetryAfter))
}

// retryAfter reads the header Retry-After (RFC 9110, section 10.2.3): seconds or a date; 0 when there is none.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	n, err := strconv.ParseUint(text, 10, 31)
	switch {
	case err == nil:
		return time.Duration(n) * time.Second
	case errors.Is(err, strconv.ErrRange): // more seconds than anybody means: pause bounds it
		return time.Duration(math.MaxInt64)
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
