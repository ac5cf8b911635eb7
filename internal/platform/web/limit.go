package web

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/limit"
)

// Limit is how many requests one caller may make: Requests per Window, all at once if they like.
type Limit struct {
	Requests int
	Window   time.Duration
}

// Counted says against whose limit the requests of a route count. Its values are also the names of the limits in the
// headers of answers.
type Counted string

// Every route is counted, or says that it is not. Behind a token the client counts; a request without a good token counts
// against its address, like those of the public doors. The door that gives tokens has a limit of its own for each address,
// so that who uses up the others does not shut it.
const (
	ByClient  Counted = "client"
	ByAddress Counted = "address"
	ByToken   Counted = "token"
	ByNobody  Counted = "nobody" // who watches over us
)

// CountedBy counts a public route otherwise than by address.
func CountedBy(c Counted) Option { return func(r *Route) { r.Counted = c } }

// checkCounted refuses a route that nothing limits, or that is limited by what cannot be known there.
func (r Route) checkCounted() error {
	public := r.Permission == auth.Public
	switch r.Counted {
	case ByClient:
		if !public {
			return nil
		}
	case ByAddress, ByToken, ByNobody:
		if public {
			return nil
		}
	}
	return fmt.Errorf("web: %s %s says %q of who is counted", r.Method, r.Path, r.Counted)
}

// limits are those of a server.
type limits struct {
	clients, addresses, tokens *limit.Limiter
}

func newLimits(s *limit.Shared, client, public Limit) limits {
	return limits{
		clients:   s.Limiter(limit.Policy{Name: string(ByClient), Requests: client.Requests, Window: client.Window}),
		addresses: s.Limiter(limit.Policy{Name: string(ByAddress), Requests: public.Requests, Window: public.Window}),
		tokens:    s.Limiter(limit.Policy{Name: string(ByToken), Requests: public.Requests, Window: public.Window}),
	}
}

// public is the limiter of a route that needs no token; nil when nobody is counted.
func (l limits) public(c Counted) *limit.Limiter {
	switch c {
	case ByAddress:
		return l.addresses
	case ByToken:
		return l.tokens
	}
	return nil
}

// count counts a request, tells the caller in RateLimit and RateLimit-Policy (IETF draft-ietf-httpapi-ratelimit-headers-10),
// and refuses when it is over.
func count(h http.Header, l *limit.Limiter, who string) error {
	s := l.Take(who)
	say(h, l, s)
	if s.Wait == 0 {
		return nil
	}
	return fault.TooManyRequests.With("seconds", strconv.Itoa(int(math.Ceil(s.Wait.Seconds())))).After(s.Wait)
}

func say(h http.Header, l *limit.Limiter, s limit.State) {
	h.Set("RateLimit-Policy", l.Announced())
	h.Set("RateLimit", l.Header(s))
}
