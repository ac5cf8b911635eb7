package matching

import (
	"context"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/matching/assign"
	"github.com/switchingtalent/switchboard/internal/matching/relevance"
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

// whyNot says what it would cost to put a leervraag on a place where the run did not put it; for the worst off, while nobody
// else goes below the lowest score that the run reached. It holds no transaction while
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
	case p.Chosen[k] == int32(place):
		out.Outcome = "chosen"
		return out, read(func(tx *db.Tx) error {
			var there struct{ Score *int }
			err := db.One(tx, &there, `select score from matching_run_places where tenant_id = ? and run_id = ? and leervraag_id = ?`, tx.Scope.Tenant, r.ID, lvr)
			out.Score = there.Score
			return err
		})
	case !p.Kept[k]:
		return out, RunTooLarge.New()
	}
	pairs := p.pairs(k, nil)
	at := slices.IndexFunc(pairs, func(x judged) bool { return x.place == int32(place) })
	if at < 0 {
		out.Outcome = "ruled_out"
		out.Reason, err = s.ruledOut(read, p, r, lvr, lpl, p.Current[k] == int32(place))
		return out, err
	}
	x := pairs[at].pair
	score := int(x.score)
	out.Score = &score
	if int(x.score) < r.Floor {
		out.Outcome = belowFloor
		return out, nil
	}
	if !p.whole() {
		return out, RunTooLarge.New()
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

// ruledOut is the code of what rules a leerplek out for a leervraag: by what the rows say now, as a proposal is judged that
// is accepted, and then by the words. nil says that nothing does any more, and it changed after the run. insists says that
// people chose the pair, so that words do not rule it out.
//
// Words are weighed on the scale of the run. Where they are read otherwise today (ESCO, synonyms, thesaurus) there is none, and
// one is made for this question of all the leerplekken of the run.
func (s *Service) ruledOut(read web.Reads, base *problem, r Run, lvr id.LeervraagID, lpl id.LeerplekID, insists bool) (*string, error) {
	var a asked
	var w wording
	var documents []relevance.Document
	var scale *relevance.Scale
	why := possible
	if err := read(func(tx *db.Tx) error {
		now, q, p, err := standing(tx, r.ID, lvr, lpl)
		if err != nil {
			return err
		}
		a, why = now, possible
		switch {
		case p == nil:
			why = notPublished
		case slices.ContainsFunc(p.coaches, func(c coach) bool { return c.id == q.SwitcherID }):
			why = noCoach // nobody goes to learn where they coach
		default:
			m := q.between(p)
			m.confident = true
			why = ruledOut(q, p, m)
		}
		if why != possible || insists {
			return nil
		}
		var versions string
		if w, versions, err = s.wording(tx); err != nil {
			return err
		}
		said := base.Places
		if versions == base.Wording && base.Scale != nil {
			scale, said = base.Scale, []uuid.UUID{lpl.UUID()}
		}
		documents = nil
		for ids := range slices.Chunk(said, chunk) {
			if err := texts(tx, ids, func(d relevance.Document) { documents = append(documents, d) }); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return nil, err
	}
	if why == possible && !insists {
		words, err := relevance.BuildOn(scale, w.options, slices.Values(documents))
		if err != nil {
			return nil, err
		}
		if hit, here := words.Ask(a.words()).Score(lpl.UUID()); here && !hit.Confident {
			why = offTopic
		}
	}
	if why == possible {
		return nil, nil
	}
	return &reasonCodes[why], nil
}
