package matching

import (
	"context"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/matching/assign"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// problems are the runs that were explained last, solved again and ready for the next question. They are derived from what
// is kept, and disposable.
type problems struct {
	mu   sync.Mutex
	last []*explained // the newest first
}

type explained struct {
	turn   chan struct{} // one question at a time
	tenant uuid.UUID
	run    id.MatchingRunID
	p      *problem
	solver *assign.Solver
}

// maxExplained is how many runs are held ready.
const maxExplained = 4

// get holds a run ready: it is one of the last, or is made so.
func (ps *problems) get(tenant uuid.UUID, run id.MatchingRunID) *explained {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	i := slices.IndexFunc(ps.last, func(e *explained) bool { return e.tenant == tenant && e.run == run })
	if i < 0 {
		ps.last = slices.Insert(ps.last, 0, &explained{turn: make(chan struct{}, 1), tenant: tenant, run: run})
		ps.last = ps.last[:min(len(ps.last), maxExplained)]
		return ps.last[0]
	}
	e := ps.last[i]
	ps.last = slices.Insert(slices.Delete(ps.last, i, i+1), 0, e)
	return e
}

// whyNot says what it would cost to put a leervraag on a place where the run did not put it. It holds no transaction while
// it solves the run again, nor while it waits for its turn.
func (s *Service) whyNot(ctx context.Context, read web.Reads, r Run, lvr id.LeervraagID, lpl id.LeerplekID) (out Explanation, err error) {
	out = Explanation{LeervraagID: lvr, LeerplekID: lpl}
	e := s.problems.get(r.TenantID.UUID(), r.ID)
	select {
	case e.turn <- struct{}{}:
		defer func() { <-e.turn }()
	case <-ctx.Done():
		return out, fault.Busy.New()
	}
	if e.p == nil {
		var packed struct{ Packed []byte }
		err := read(func(tx *db.Tx) error {
			return db.One(tx, &packed, `select packed from matching_run_problems where tenant_id = ? and run_id = ?`, tx.Scope.Tenant, r.ID)
		})
		switch {
		case fault.Missing.Is(err):
			return out, RunForgotten.New()
		case err != nil:
			return out, err
		}
		if e.p, err = unpack(packed.Packed); err != nil {
			return out, err
		}
	}
	p := e.p
	missing := fault.BadParameter.New()
	i, known := slices.BinarySearchFunc(p.Questions, uuid.UUID(lvr), func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	if !known {
		missing.In("leervraag_id", fault.NoReference)
	}
	place, offered := p.at[uuid.UUID(lpl)]
	if !offered {
		missing.In("leerplek_id", fault.NoReference)
	}
	if len(missing.Fields) > 0 {
		return out, missing
	}
	k, asked := p.row[p.Questions[i]]
	switch {
	case !asked || p.Pinned[k] != none:
		out.Outcome = "fixed"
		return out, nil
	case !p.whole():
		return out, RunTooLarge.New()
	case p.Chosen[k] == int32(place):
		out.Outcome = "chosen"
	}
	pairs := p.pairs(k, nil)
	at := slices.IndexFunc(pairs, func(x pair) bool { return x.place == int32(place) })
	if at < 0 {
		if out.Outcome == "" {
			out.Outcome = "ruled_out"
		}
		return out, nil
	}
	x := pairs[at]
	score := int(x.score)
	out.Score = &score
	if out.Outcome != "" {
		return out, nil
	}
	if x.score < p.Low {
		out.Outcome = belowFloor
		return out, nil
	}
	if e.solver == nil {
		if e.solver, err = p.solver(ctx); err != nil {
			return out, err
		}
	}
	forced, err := e.solver.WhyNot(int32(k), int32(place), p.cost(k, x))
	if err != nil {
		return out, err
	}
	if out.Outcome = "costs"; !forced.Possible {
		out.Outcome = "impossible"
		return out, nil
	}
	price := forced.Cost
	if forced.LeftOut {
		price -= p.Dear - whole
	}
	if p.Chosen[k] == none {
		price += p.Dear - whole
	}
	out.Price, out.Moves, out.LeavesOut = &price, &forced.Moves, &forced.LeftOut
	return out, nil
}
