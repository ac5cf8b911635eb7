package web

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
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

// Every route is counted, or says that it is not, and nobody uses up what is another's. Behind a token the client counts.
// At a public door the address counts, at each for itself. The door that gives tokens looks at the secret first and then
// says itself who counts, see Count: the client whose secret it is, or the address. What has no good token, or asks for
// what is not there, is a stranger: that counts against its address apart from the doors, so that a neighbour's wrong tokens
// shut none.
const (
	ByClient   Counted = "client"
	ByAddress  Counted = "address"
	ByToken    Counted = "token"
	ByNobody   Counted = "nobody" // who watches over us
	byStranger Counted = "stranger"
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
	clients, addresses, tokens, strangers *limit.Limiter
}

func newLimits(s *limit.Shared, client, public Limit) limits {
	return limits{
		clients:   s.Limiter(limit.Policy{Name: string(ByClient), Requests: client.Requests, Window: client.Window}),
		addresses: s.Limiter(limit.Policy{Name: string(ByAddress), Requests: public.Requests, Window: public.Window}),
		tokens:    s.Limiter(limit.Policy{Name: string(ByToken), Requests: public.Requests, Window: public.Window}),
		strangers: s.Limiter(limit.Policy{Name: string(byStranger), Requests: public.Requests, Window: public.Window}),
	}
}

// Count counts a request at a door that is ByToken: against the client whose secret it brought, or against its address where
// it brought none that is right. It tells the caller in the headers of the answer, and is fault.TooManyRequests when that is over.
func Count(ctx context.Context, who string) error {
	r := RequestOf(ctx)
	if r.server == nil { // nobody came through a door
		return nil
	}
	return count(r.call.gin.Writer.Header(), r.server.limits.tokens, who)
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
	h["Ratelimit-Policy"] = []string{l.Announced()} // as net/http spells them
	h["Ratelimit"] = []string{l.Header(s)}
}

const (
	refusalPause = 100 * time.Millisecond // on average before the answer to who is over a limit, who has to wait for longer anyway
	refusalsHeld = 1000                   // at once; memory is bounded, and the others are answered
)

// refusals holds what is refused for being too much, for a moment: who asks again as soon as it is refused then asks ten times
// a second over each of its connections, and not a thousand. What that would cost, others would wait for.
type refusals chan struct{}

func newRefusals() refusals { return make(refusals, refusalsHeld) }

// hold returns after the pause, or when a context ends.
func (r refusals) hold(caller, server context.Context) {
	select {
	case r <- struct{}{}:
	default:
		return
	}
	defer func() { <-r }()
	// From half as long to half as long again: those that are held for the same time come back together, and others wait behind them.
	pause := time.NewTimer(refusalPause/2 + rand.N(refusalPause))
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-caller.Done():
	case <-server.Done():
	}
}
