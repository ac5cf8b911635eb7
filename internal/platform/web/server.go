package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/limit"
)

// The limits of every request.
const (
	maxBody   = 1 << 20
	smallBody = 64 << 10 // a larger one is counted while it is in memory
	maxLarge  = 16       // of one client, or of one address without one
	keyLife   = 24 * time.Hour
)

// Authenticate turns a bearer token into a principal, or fails with a fault.
type Authenticate func(ctx context.Context, token string) (auth.Principal, error)

// Config is what a server needs.
type Config struct {
	DB             *db.DB
	Authenticate   Authenticate
	PublicURL      string // without a slash at the end; what links and problem types start with
	Log            *slog.Logger
	TrustedProxies []string      // addresses or networks whose word on who calls is believed; none by default
	Forwarded      string        // the header in which they say it: X-Forwarded-For when empty, or Forwarded
	Limits         *limit.Shared // what processes count together; nil: this server counts by itself
	ClientLimit    Limit
	PublicLimit    Limit
	Observe        func(method, route string, status int, took time.Duration) // metrics; may be nil
}

// Server is the HTTP side of the house.
type Server struct {
	db           *db.DB
	authenticate Authenticate
	publicURL    string
	secure       bool // publicURL is https
	log          *slog.Logger
	proxies      proxies
	limits       limits
	places       *Places
	bodies       bodies
	refusals     refusals
	observe      func(method, route string, status int, took time.Duration)
	engine       *gin.Engine
	ending       context.Context // ends the waits of those who wait
	end          context.CancelFunc
}

// call is one request on its way through the house.
type call struct {
	gin       *gin.Context
	req       *http.Request
	ctx       context.Context
	start     time.Time
	requestID string
	lang      string
	body      []byte
	large     string     // whose large body it is, "" when it is none
	from      netip.Addr // who calls; invalid where the connection has no address
	principal auth.Principal
	say       func(error) HTML

	status, sent   int
	problem, cause string
}

// address is who calls, as limits know it.
func (c *call) address() string { return limit.Address(c.from) }

func (c *call) idempotencyKey() string { return c.req.Header.Get("Idempotency-Key") }

type requestKey struct{}

// Request is what a handler may know of the request beyond its input.
type Request struct {
	ID     string
	Lang   string // nl, fr or en
	Accept string
	IP     netip.Addr // who calls; invalid where the connection has no address

	server *Server
	call   *call
}

// RequestOf returns it from the handler's context.
func RequestOf(ctx context.Context) Request {
	r, _ := ctx.Value(requestKey{}).(Request)
	return r
}

// New builds a server with its routes. It panics when two routes collide, as gin does.
func New(cfg Config, routes []Route) (*Server, error) {
	gin.SetMode(gin.ReleaseMode)
	if cfg.Limits == nil {
		cfg.Limits = limit.NewShared(cfg.DB, cfg.Log)
	}
	s := &Server{db: cfg.DB, authenticate: cfg.Authenticate, publicURL: strings.TrimSuffix(cfg.PublicURL, "/"), secure: strings.HasPrefix(cfg.PublicURL, "https://"), log: cfg.Log,
		limits: newLimits(cfg.Limits, cfg.ClientLimit, cfg.PublicLimit), places: newPlaces(cfg.DB.Conns()), refusals: newRefusals(), observe: cfg.Observe}
	var err error
	if s.proxies, err = readProxies(cfg.TrustedProxies, cfg.Forwarded); err != nil {
		return nil, err
	}
	s.bodies.held = map[string]int{}
	s.ending, s.end = context.WithCancel(context.Background())
	e := gin.New()
	e.HandleMethodNotAllowed = true
	e.UseRawPath, e.UnescapePathValues = true, true // an external id may hold an escaped slash
	e.RedirectTrailingSlash, e.RedirectFixedPath = false, false
	for _, r := range routes {
		if err := r.checkCounted(); err != nil {
			return nil, err
		}
		e.Handle(r.Method, r.Path, s.around(r.Path, func(c *call) { s.enter(c, r) }))
	}
	e.NoRoute(s.around("(none)", func(c *call) { s.nowhere(c, fault.Missing.New()) }))
	e.NoMethod(s.around("(none)", func(c *call) { s.nowhere(c, fault.NoSuchMethod.New()) }))
	s.engine = e
	return s, nil
}

// Handler serves requests.
func (s *Server) Handler() http.Handler { return s.engine }

// HTTPServer wraps the handler in a server with the time limits of the house. Shutting it down ends the waits of those who
// wait for an answer.
func (s *Server) HTTPServer() *http.Server {
	h := &http.Server{Handler: s.engine, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second,
		WriteTimeout: 60 * time.Second, IdleTimeout: 90 * time.Second, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn)}
	h.RegisterOnShutdown(s.end)
	return h
}

// enter limits public routes and runs the route.
func (s *Server) enter(c *call, r Route) {
	c.say = r.say
	switch h := c.gin.Writer.Header(); r.Counted {
	case ByAddress:
		if err := count(h, s.limits.addresses, c.address()+" "+r.Path); err != nil {
			s.fail(c, err)
			return
		}
	case ByToken:
		say(h, s.limits.tokens, s.limits.tokens.Peek(c.address()))
	}
	defer s.bodies.drop(c)
	r.run(s, r, c)
}

// nowhere answers what no route is for.
func (s *Server) nowhere(c *call, err error) {
	if over := count(c.gin.Writer.Header(), s.limits.strangers, c.address()); over != nil {
		err = over
	}
	s.fail(c, err)
}

// bodies bounds how many large bodies of one caller are in memory at once, while they come in and while they wait. Small ones
// are bounded by how often the caller may ask. It is safe for concurrent use.
type bodies struct {
	mu   sync.Mutex
	held map[string]int
}

// hold makes room for the body that a request announces, up to a limit of bytes, or fails with fault.Busy.
func (b *bodies) hold(c *call, limit int64) error {
	if c.req.Body == nil || c.req.Body == http.NoBody || limit <= smallBody || c.req.ContentLength >= 0 && c.req.ContentLength <= smallBody {
		return nil
	}
	who := c.address()
	if !c.principal.ClientID.IsZero() {
		who = c.principal.ClientID.String()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held[who] >= maxLarge {
		return fault.Busy.New().After(time.Second)
	}
	b.held[who]++
	c.large = who
	return nil
}

// drop gives the room back, if there is any to give.
func (b *bodies) drop(c *call) {
	if c.large == "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held[c.large]--; b.held[c.large] == 0 {
		delete(b.held, c.large)
	}
	c.large = ""
}

// take reads the body, of a caller who may send one: memory is not for strangers.
func (s *Server) take(c *call, r Route) (err error) {
	if err = s.bodies.hold(c, r.bodyLimit()); err == nil {
		c.body, err = readBody(c.gin.Writer, c.req, r.bodyLimit())
		if len(c.body) <= smallBody { // one that did not say how long it is
			s.bodies.drop(c)
		}
	}
	if err != nil {
		c.gin.Writer.Header().Set("Connection", "close") // the rest of the body is not worth reading
	}
	return err
}

// admit authenticates, counts and authorises. What is refused here cost no body and no statement.
//
// Wrong tokens count against their address, and a good one from there goes past that, as do the public doors: who shares an
// address with a guesser is not shut out.
func (s *Server) admit(c *call, r Route) error {
	h := c.gin.Writer.Header()
	p, err := s.identify(c)
	if fault.NoToken.Is(err) {
		if over := count(h, s.limits.strangers, c.address()); over != nil {
			return over
		}
		return err
	}
	if err != nil {
		say(h, s.limits.strangers, s.limits.strangers.Peek(c.address()))
		return err
	}
	c.principal = p
	if err := count(h, s.limits.clients, p.ClientID.String()); err != nil {
		return err
	}
	if r.Permission != auth.Self && !p.May(r.Permission) {
		return fault.NotAllowed.New()
	}
	return nil
}

// identify returns whose token the request carries.
func (s *Server) identify(c *call) (auth.Principal, error) {
	token := bearer(c.req)
	if token == "" {
		return auth.Principal{}, fault.NoToken.New()
	}
	return s.authenticate(c.ctx, token)
}

// bearer is the token of a request (RFC 6750, section 2.1), "" when there is none, or more than one: of two, a proxy in
// front of us may have looked at the other.
func bearer(r *http.Request) string {
	all := r.Header["Authorization"]
	if len(all) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(all[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimLeft(token, " ")
}

// around gives a request its id, keeps a panic inside it, and writes its one line in the log.
func (s *Server) around(route string, f func(*call)) gin.HandlerFunc {
	return func(g *gin.Context) {
		c := &call{gin: g, req: g.Request, start: time.Now(), requestID: newRequestID(), lang: languageOf(g.Request.Header.Get("Accept-Language"))}
		c.from = s.proxies.caller(g.Request)
		c.ctx = context.WithValue(g.Request.Context(), requestKey{}, Request{ID: c.requestID, Lang: c.lang, Accept: g.Request.Header.Get("Accept"), IP: c.from,
			server: s, call: c})
		g.Writer.Header()["Request-Id"] = []string{c.requestID}
		s.guard(g.Writer.Header())
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				s.log.Error("panic", "request_id", c.requestID, "route", route, "panic", db.Cause(fmt.Errorf("%v", p)), "stack", string(debug.Stack()))
				if !g.Writer.Written() {
					s.fail(c, fault.Oops.New())
				}
			}
			s.line(c, route)
		}()
		f(c)
	}
}

// line is the wide line of a request: the route's template, never its path or query, and nothing personal.
func (s *Server) line(c *call, route string) {
	took := time.Since(c.start)
	if s.observe != nil {
		s.observe(c.req.Method, route, c.status, took)
	}
	level := slog.LevelInfo
	if c.status >= 500 {
		level = slog.LevelError
	}
	if !s.log.Enabled(c.ctx, level) {
		return
	}
	attrs := []slog.Attr{slog.String("request_id", c.requestID), slog.String("method", methodName(c.req.Method)), slog.String("route", route),
		slog.Int("status", c.status), slog.Int("bytes", c.sent), slog.Duration("took", took)}
	if !c.principal.ClientID.IsZero() {
		attrs = append(attrs, slog.String("tenant_id", c.principal.TenantID.String()), slog.String("client_id", c.principal.ClientID.String()))
	}
	if c.problem != "" {
		attrs = append(attrs, slog.String("problem", c.problem))
	}
	if c.cause != "" {
		attrs = append(attrs, slog.String("cause", c.cause))
	}
	s.log.LogAttrs(c.ctx, level, "request", attrs...)
}

// methodName keeps invented methods out of the log and the metrics.
func methodName(m string) string {
	switch m {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead, http.MethodOptions:
		return m
	}
	return "other"
}

func newRequestID() string { return id.NewRequest().String() }
