package web

import (
	"context"
	"net/http"
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
)

// Reads runs one statement as the caller of a door that waits, and holds nothing between two of them; with Snapshot, each
// time several that see one state. Each time it asks anew whether the token still holds.
type Reads func(read func(*db.Tx) error) error

// WaitHandler is the shape of a door that may answer later, or has much to work out between what it reads. Its context ends
// when the caller leaves and when the process is asked to end: then it answers with what it has.
type WaitHandler[In, Out any] func(ctx context.Context, read Reads, in In) (Out, error)

// ListOrWait reads a page of things, now or once there are any.
func ListOrWait[In, Out any](path string, p auth.Permission, h WaitHandler[In, Out], o ...Option) Route {
	r := List[In, Out](path, p, nil, o...)
	r.run = inSteps(h)
	return r
}

// GetInSteps reads one thing, and works it out without holding a transaction.
func GetInSteps[In, Out any](path string, p auth.Permission, h WaitHandler[In, Out], o ...Option) Route {
	r := Get[In, Out](path, p, nil, o...)
	r.run = inSteps(h)
	return r
}

func inSteps[In, Out any](h WaitHandler[In, Out]) func(*Server, Route, *call) {
	return func(s *Server, r Route, c *call) {
		if err := s.admit(c, r); err != nil {
			s.fail(c, err)
			return
		}
		var in In
		if err := s.bind(c, r, &in); err != nil {
			s.fail(c, err)
			return
		}
		// The server's time limit for reading a request would end the wait of one that was read long ago. A writer that knows
		// no limits (of a test) has none.
		_ = http.NewResponseController(c.gin.Writer).SetReadDeadline(time.Time{})
		ctx, leave := context.WithCancel(c.ctx)
		defer leave()
		defer context.AfterFunc(s.ending, leave)()
		admitted, reads := true, s.db.Single
		if r.mode == modeSnapshot {
			reads = s.db.Snapshot
		}
		read := func(read func(*db.Tx) error) error {
			if !admitted {
				if err := s.again(c); err != nil {
					return err
				}
			}
			admitted = false
			return s.places.with(c.ctx, c.principal.TenantID, func() error {
				return reads(c.ctx, db.Caller(c.principal, c.requestID), read)
			})
		}
		out, err := h(ctx, read, in)
		if err != nil {
			s.fail(c, err)
			return
		}
		s.answer(c, r, out)
	}
}

// again authenticates a caller who has waited: a client can be revoked meanwhile.
func (s *Server) again(c *call) error {
	_, err := s.identify(c)
	return err
}
