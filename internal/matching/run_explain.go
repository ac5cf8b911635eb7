package matching

import (
	"cmp"
	"context"
	"errors"
	"runtime"
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
	most int          // bytes of all together; 0 is maxExplained

	working chan struct{} // as many as may be asked at once, of all runs
}

// newProblems lets half of the processors be busy with questions: each may solve, and looks at every pair.
func newProblems() problems {
	return problems{working: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}
}

type explained struct {
	turn   chan struct{} // one question at a time
	tenant uuid.UUID
	run    id.MatchingRunID
	p      *problem
	solver *assign.Solver
	was    *assign.Solver // as the run left it, see asWas
	bytes  int            // under the lock of problems
}

// How many runs are held ready: of one tenant, and in bytes.
const (
	maxOfTenant  = 4
	maxExplained = 512 << 20
)

// get holds a run ready: it is one of the last, or is made so.
func (ps *problems) get(tenant uuid.UUID, run id.MatchingRunID) *explained {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	i := slices.IndexFunc(ps.last, func(e *explained) bool { return e.tenant == tenant && e.run == run })
	if i >= 0 {
		e := ps.last[i]
		ps.last = slices.Insert(slices.Delete(ps.last, i, i+1), 0, e)
		return e
	}
	e := &explained{turn: make(chan struct{}, 1), tenant: tenant, run: run}
	ps.last = slices.Insert(ps.last, 0, e)
	own := 0
	ps.last = slices.DeleteFunc(ps.last, func(e *explained) bool {
		if e.tenant == tenant {
			own++
		}
		return own > maxOfTenant && e.tenant == tenant
	})
	return e
}

// weigh notes how much memory a run takes, and lets others go until all fit: of the tenant whose runs take most, the one that was
// asked about longest ago. Whoever is being answered from one goes on with it.
func (ps *problems) weigh(e *explained, bytes int) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	e.bytes = bytes
	for most := cmp.Or(ps.most, maxExplained); ; {
		total, of, heaviest := 0, map[uuid.UUID]int{}, uuid.Nil
		for _, o := range ps.last {
			total += o.bytes
			of[o.tenant] += o.bytes
			if of[o.tenant] > of[heaviest] {
				heaviest = o.tenant
			}
		}
		i := len(ps.last) - 1
		for i >= 0 && (ps.last[i] == e || ps.last[i].tenant != heaviest || ps.last[i].bytes == 0) {
			i--
		}
		if i < 0 { // this one alone is the heaviest's: whoever was asked about longest ago goes
			i = len(ps.last) - 1
			for i >= 0 && (ps.last[i] == e || ps.last[i].bytes == 0) {
				i--
			}
		}
		if total <= most || i < 0 {
			return
		}
		ps.last = slices.Delete(ps.last, i, i+1)
	}
}

// placed is what a run came to for one leervraag, where that alone answers what a place would cost: it is there, or what it came to
// was settled. false: the judgements must tell.
func placed(tx *db.Tx, r id.MatchingRunID, lvr id.LeervraagID, lpl id.LeerplekID) (outcome string, score *int, told bool, err error) {
	var there struct {
		Standing   string
		LeerplekID *id.LeerplekID
		Score      *int
	}
	err = db.One(tx, &there, `select standing, leerplek_id, score from matching_run_places where tenant_id = ? and run_id = ? and leervraag_id = ?`, tx.Scope.Tenant, r, lvr)
	switch {
	case fault.Missing.Is(err):
		return "", nil, false, nil
	case err != nil || there.LeerplekID == nil || *there.LeerplekID != lpl:
		return "", nil, false, err
	case there.Standing == chosen:
		return chosen, there.Score, true, nil
	}
	return "fixed", nil, true, nil
}

// ready waits for the turn of a run that is held ready, and for a processor; done gives both back.
func (s *Service) ready(ctx context.Context, read web.Reads, r Run) (e *explained, done func(), err error) {
	e = s.problems.get(r.TenantID.UUID(), r.ID)
	select {
	case e.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, fault.Busy.New()
	}
	select {
	case s.problems.working <- struct{}{}:
	case <-ctx.Done():
		<-e.turn
		return nil, nil, fault.Busy.New()
	}
	done = func() {
		<-s.problems.working
		<-e.turn
	}
	if e.p == nil {
		p, err := s.kept(read, r)
		if err != nil {
			done()
			return nil, nil, err
		}
		e.p = p
		s.problems.weigh(e, p.bytes)
	}
	return e, done, nil
}

// weight is about how much memory a run takes with what was solved of it.
func (e *explained) weight() int {
	bytes := e.p.bytes
	for _, s := range []*assign.Solver{e.solver, e.was} {
		if s != nil {
			bytes += e.p.solverBytes()
		}
	}
	return bytes
}

// unsolved is what a caller is told of a solve that did not end well: they or we were leaving, or it is too large for the numbers
// that a question takes.
func unsolved(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return fault.Busy.New()
	case errors.Is(err, assign.ErrOverflow):
		return RunTooLarge.New()
	}
	return err
}

// kept reads a run as it is kept.
func (s *Service) kept(read web.Reads, r Run) (*problem, error) {
	var packed []byte
	err := read(func(tx *db.Tx) (err error) {
		packed, err = readPacked(tx, r.ID)
		return err
	})
	switch {
	case fault.Missing.Is(err):
		return nil, RunForgotten.New()
	case err != nil:
		return nil, err
	}
	p, err := unpack(packed)
	if err == nil && p.Packing != packing {
		err = RunForgotten.New()
	}
	return p, err
}

// whyNot says what it would cost to put a leervraag on a place where the run did not put it; for the worst off, while nobody
// else goes below the lowest score that the run reached. It holds no transaction while
// it solves the run again, nor while it waits for its turn.
func (s *Service) whyNot(ctx context.Context, read web.Reads, r Run, lvr id.LeervraagID, lpl id.LeerplekID) (out Explanation, err error) {
	out = Explanation{LeervraagID: lvr, LeerplekID: lpl}
	told := false
	if err := read(func(tx *db.Tx) (err error) {
		out.Outcome, out.Score, told, err = placed(tx, r.ID, lvr, lpl)
		return err
	}); err != nil || told {
		return out, err
	}
	e, done, err := s.ready(ctx, read, r)
	if err != nil {
		return out, err
	}
	defer done()
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
			return out, unsolved(ctx, err)
		}
		s.problems.weigh(e, e.weight())
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
