// Package web turns a verb into a door: authenticate, authorise, bind, transact, commit, and only then write.
//
// A handler takes a context, a transaction and its input, and returns a value. It never sees the response, so a COMMIT
// that failed can never have been a 201. gin lives here and in app alone.
package web

import (
	"context"
	"net/http"
	"reflect"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// Handler is the shape of every door behind a token: who, where and when are on tx.
type Handler[In, Out any] func(ctx context.Context, tx *db.Tx, in In) (Out, error)

// OpenHandler is the shape of a public door. It finds its tenant by itself, through the directory.
type OpenHandler[In, Out any] func(ctx context.Context, d *db.DB, in In) (Out, error)

// Route is one row of the table of routes.
type Route struct {
	Method     string
	Path       string // with gin's :parameters
	Permission auth.Permission
	Status     int // of success

	List    bool   // answers a page
	Sync    bool   // the page goes on for ever: updated_since, feed
	IfMatch string // "", "optional", "required"
	NoDoc   bool   // outside the document: health, pages of the documentation itself
	Counted Counted

	mode mode
	most int64 // bytes of a body; 0: as much as any
	rest bool  // a public door that asks nothing of the database
	in   reflect.Type
	out  reflect.Type
	say  func(error) HTML
	run  func(s *Server, r Route, c *call)
}

type mode int

const (
	modeSingle   mode = iota // one statement, one round trip
	modeSnapshot             // several reads of one state
	modeWrite
	modeOpen
)

// Option changes a route.
type Option func(*Route)

// Snapshot lets a GET run several statements that see one state of the database.
func Snapshot(r *Route) { r.mode = modeSnapshot }

// Writes lets a GET run in a writing transaction, for the few that lock or count.
func Writes(r *Route) { r.mode = modeWrite }

// RequireIfMatch makes If-Match obligatory (428 without).
func RequireIfMatch(r *Route) { r.IfMatch = "required" }

// Accepted says that what a POST began goes on by itself: 202.
func Accepted(r *Route) { r.Status = http.StatusAccepted }

// Undocumented keeps a route out of the API document: health, metrics, the document itself.
func Undocumented(r *Route) { r.NoDoc = true }

// BodyAtMost says that no body of a route is larger than so many bytes.
func BodyAtMost(n int64) Option { return func(r *Route) { r.most = n } }

func (r Route) bodyLimit() int64 {
	if r.most > 0 {
		return r.most
	}
	return maxBody
}

// FromMemory says that a public door answers without the database, and so waits for nobody who does.
func FromMemory(r *Route) { r.rest = true }

// SaysErrors lets a door refuse in the words of another standard than RFC 9457.
func SaysErrors(say func(error) HTML) Option { return func(r *Route) { r.say = say } }

// Syncs marks a list that can be followed: its cursor never ends.
func Syncs(r *Route) { r.Sync = true }

// Get reads one thing, in one statement unless an option says otherwise.
func Get[In, Out any](path string, p auth.Permission, h Handler[In, Out], o ...Option) Route {
	return route(http.MethodGet, path, p, http.StatusOK, modeSingle, h, o)
}

// List reads a page of things, in one statement unless an option says otherwise.
func List[In, Out any](path string, p auth.Permission, h Handler[In, Out], o ...Option) Route {
	r := route(http.MethodGet, path, p, http.StatusOK, modeSingle, h, o)
	r.List = true
	return r
}

// Post makes something: 201.
func Post[In, Out any](path string, p auth.Permission, h Handler[In, Out], o ...Option) Route {
	return route(http.MethodPost, path, p, http.StatusCreated, modeWrite, h, o)
}

// Act does something to what exists: a POST that answers 200.
func Act[In, Out any](path string, p auth.Permission, h Handler[In, Out], o ...Option) Route {
	return route(http.MethodPost, path, p, http.StatusOK, modeWrite, h, o)
}

// Put makes or replaces something under a name that the caller knows.
func Put[In, Out any](path string, p auth.Permission, h Handler[In, Out], o ...Option) Route {
	return route(http.MethodPut, path, p, http.StatusOK, modeWrite, h, o)
}

// Patch changes members of something: a JSON merge patch (RFC 7396).
func Patch[In, Out any](path string, p auth.Permission, h Handler[In, Out], o ...Option) Route {
	return route(http.MethodPatch, path, p, http.StatusOK, modeWrite, h, o)
}

// Delete removes something: 204.
func Delete[In any](path string, p auth.Permission, h Handler[In, None], o ...Option) Route {
	return route(http.MethodDelete, path, p, http.StatusNoContent, modeWrite, h, o)
}

// Open is a public door.
func Open[In, Out any](method, path string, status int, h OpenHandler[In, Out], o ...Option) Route {
	r := Route{Method: method, Path: path, Permission: auth.Public, Status: status, Counted: ByAddress, mode: modeOpen, in: reflect.TypeFor[In](), out: reflect.TypeFor[Out]()}
	for _, f := range o {
		f(&r)
	}
	r.run = func(s *Server, r Route, c *call) {
		var in In
		var out Out
		read := false
		run := func() (err error) {
			if err = s.bindBody(c, &in); err == nil {
				read = true
				out, err = h(c.ctx, s.db, in)
			}
			return err
		}
		err := s.bind(c, r, &in)
		switch {
		case err != nil:
		case r.Counted == ByAddress && !r.rest:
			err = s.places.with(c.ctx, id.TenantID{}, run)
		default: // it needs none, or asks for its places itself
			err = run()
		}
		if !read && r.Counted == ByToken { // nothing is known of the caller but its address
			if over := count(c.gin.Writer.Header(), s.limits.tokens, c.address()); over != nil {
				err = over
			}
		}
		if err != nil {
			s.fail(c, err)
			return
		}
		s.answer(c, r, out)
	}
	return r
}

func route[In, Out any](method, path string, p auth.Permission, status int, m mode, h Handler[In, Out], o []Option) Route {
	if p != auth.Self && auth.Lookup(p) == nil {
		panic("web: " + method + " " + path + " has no permission of the table")
	}
	in := reflect.TypeFor[In]()
	r := Route{Method: method, Path: path, Permission: p, Status: status, Counted: ByClient, mode: m, in: in, out: reflect.TypeFor[Out]()}
	if hasIfMatch(in) {
		r.IfMatch = "optional"
	}
	for _, f := range o {
		f(&r)
	}
	r.run = func(s *Server, r Route, c *call) { serve(s, r, c, h) }
	return r
}

// serve is the life of one request behind a token.
func serve[In, Out any](s *Server, r Route, c *call, h Handler[In, Out]) {
	if err := s.admit(c, r); err != nil {
		s.fail(c, err)
		return
	}
	var in In
	if err := s.bind(c, r, &in); err != nil {
		s.fail(c, err)
		return
	}
	who := db.Caller(c.principal, c.requestID)
	var out Out
	verb := func(tx *db.Tx) (err error) {
		out, err = h(c.ctx, tx, in)
		return err
	}
	var replay *stored
	err := s.places.with(c.ctx, c.principal.TenantID, func() error {
		if err := s.bindBody(c, &in); err != nil {
			return err
		}
		switch {
		case r.mode == modeSingle:
			return s.db.Single(c.ctx, who, verb)
		case r.mode == modeSnapshot:
			return s.db.Snapshot(c.ctx, who, verb)
		case r.Method == http.MethodPost && c.idempotencyKey() != "":
			return s.db.InTenant(c.ctx, who, func(tx *db.Tx) error {
				return s.once(c, r, tx, &replay, func() (any, error) { err := verb(tx); return out, err })
			})
		default:
			return s.db.InTenant(c.ctx, who, verb)
		}
	})
	switch {
	case err != nil:
		s.fail(c, err)
	case replay != nil:
		s.replay(c, replay)
	default:
		s.answer(c, r, out)
	}
}

// Documented reports whether the route stands in the API document.
func (r Route) Documented() bool { return !r.NoDoc }

// Idempotent reports whether the route honours Idempotency-Key.
func (r Route) Idempotent() bool { return r.Method == http.MethodPost && r.mode == modeWrite }

// Single reports whether the route answers one thing with a revision, and so an ETag.
func (r Route) Single() bool { return r.out.Implements(reflect.TypeFor[etagged]()) }

// Input is the type that the route binds.
func (r Route) Input() reflect.Type { return r.in }
