package matching

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

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

	idle  time.Duration // a run that nobody asked about for so long leaves
	sweep *time.Timer

	working *web.Places // as many as may be asked at once, of all runs, tenant by tenant
}

// turnWait is how long a question waits for the turn of its run, and then as long for a processor at most: another tenant's first solve
// fits in it, and who waits in vain is told before the server gives up.
const turnWait = 25 * time.Second

// newProblems lets half of the processors be busy with questions: each may solve, and looks at every pair.
func newProblems(idle time.Duration) problems {
	return problems{idle: cmp.Or(idle, idleTime), working: web.NewPlaces(max(1, runtime.GOMAXPROCS(0)/2), turnWait)}
}

type explained struct {
	turn   chan struct{} // one question at a time
	tenant uuid.UUID
	run    id.MatchingRunID
	p      *problem
	solver *assign.Solver
	was    *assign.Solver // as the run left it, see asWas
	count  *assign.Solver // likewise, see counting

	late *lately // for who joins; nil until somebody does

	words   *relevance.Index // that tells whether words answer, see answers; nil until it is needed
	reading string           // how it reads words
	made    int              // bytes of it when it was made

	used  time.Time // under the lock of problems
	bytes int       // likewise
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
	if ps.sweep == nil && ps.idle > 0 {
		ps.sweep = time.AfterFunc(ps.idle, ps.forget)
	}
	i := slices.IndexFunc(ps.last, func(e *explained) bool { return e.tenant == tenant && e.run == run })
	if i >= 0 {
		e := ps.last[i]
		e.used = time.Now()
		ps.last = slices.Insert(slices.Delete(ps.last, i, i+1), 0, e)
		return e
	}
	e := &explained{turn: make(chan struct{}, 1), tenant: tenant, run: run, used: time.Now()}
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

// forget lets runs go that nobody asked about.
func (ps *problems) forget() {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.last = slices.DeleteFunc(ps.last, func(e *explained) bool { return time.Since(e.used) >= ps.idle })
	ps.sweep = nil
	if len(ps.last) > 0 {
		ps.sweep = time.AfterFunc(ps.idle, ps.forget)
	}
}

// drop lets a run go.
func (ps *problems) drop(tenant uuid.UUID, run id.MatchingRunID) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.last = slices.DeleteFunc(ps.last, func(e *explained) bool { return e.tenant == tenant && e.run == run })
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

// ready waits for the turn of a run that is held ready, and for a processor, no longer than turnWait; done gives both back. What was
// forgotten meanwhile, here or by another process, is not held any more.
func (s *Service) ready(ctx context.Context, read web.Reads, r Run) (e *explained, done func(), err error) {
	e = s.problems.get(r.TenantID.UUID(), r.ID)
	late := time.NewTimer(turnWait)
	defer late.Stop()
	select {
	case e.turn <- struct{}{}:
	case <-late.C:
		return nil, nil, fault.Busy.New().After(time.Second)
	case <-ctx.Done():
		return nil, nil, fault.Busy.New()
	}
	if err := s.problems.working.Take(ctx, r.TenantID); err != nil {
		<-e.turn
		return nil, nil, err
	}
	done = func() {
		s.problems.working.Leave(r.TenantID)
		<-e.turn
	}
	if err := s.hold(read, e, r); err != nil {
		done()
		return nil, nil, err
	}
	return e, done, nil
}

// hold reads what a run kept, unless it is held and still there.
func (s *Service) hold(read web.Reads, e *explained, r Run) error {
	if e.p == nil {
		p, err := s.kept(read, r)
		if err != nil {
			return err
		}
		e.p = p
		s.problems.weigh(e, p.bytes)
		return nil
	}
	err := read(func(tx *db.Tx) error {
		return db.One(tx, &struct{ Part int }{}, `select part from matching_run_problems where tenant_id = ? and run_id = ? and part = 0`, tx.Scope.Tenant, r.ID)
	})
	if fault.Missing.Is(err) {
		s.problems.drop(r.TenantID.UUID(), r.ID)
		return RunForgotten.New()
	}
	return err
}

// weight is about how much memory a run takes with what was solved of it.
func (e *explained) weight() int {
	bytes := e.p.bytes
	for _, s := range []*assign.Solver{e.solver, e.was, e.count} {
		if s != nil {
			bytes += e.p.solverBytes()
		}
	}
	if e.words != nil {
		bytes += e.words.Bytes()
	}
	if e.late != nil {
		bytes += e.late.bytes + 16*len(e.late.places)
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
	at := slices.IndexFunc(pairs, func(x judged) bool { return x.place == int32(place) && p.takes(p.Free, p.Coaches)[place] })
	if at < 0 {
		out.Outcome = "ruled_out"
		out.Reason, err = s.ruledOut(ctx, read, e, r, lvr, lpl, p.Current[k] == int32(place))
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
// one is made of all the leerplekken of the run, and kept with it for the next question.
func (s *Service) ruledOut(ctx context.Context, read web.Reads, e *explained, r Run, lvr id.LeervraagID, lpl id.LeerplekID, insists bool) (*string, error) {
	var a asked
	var w wording
	var versions string
	var documents []relevance.Document
	var cohort round
	why := possible
	if err := read(func(tx *db.Tx) error {
		now, q, p, round, err := standing(tx, r.ID, lvr, lpl)
		if err != nil {
			return err
		}
		a, why, cohort = now, possible, round
		switch {
		case !round.Both:
			return nil
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
		if w, versions, err = s.wording(tx); err != nil {
			return err
		}
		said := []uuid.UUID{lpl.UUID()}
		if !e.reads(versions) && !e.onScale(versions) {
			said = e.p.Places
		}
		documents = nil
		for ids := range slices.Chunk(said, chunk) {
			if err := ctx.Err(); err != nil {
				return fault.Busy.New()
			}
			if err := texts(tx, ids, func(d relevance.Document) { documents = append(documents, d) }); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return nil, err
	}
	if code := notInCohort; !cohort.Both {
		return &code, nil
	}
	if why == possible && !insists {
		answers, err := e.answers(ctx, versions, w.options, documents, a.words(), lpl.UUID())
		if err != nil {
			return nil, err
		}
		s.problems.weigh(e, e.weight())
		if !answers {
			why = offTopic
		}
	}
	switch code := cohortClosed; {
	case why != possible:
		return &reasonCodes[why], nil
	case cohort.Closed:
		return &code, nil
	}
	return nil, nil
}

// reads reports whether there is an index that reads words so, and has not grown beyond what it is for.
func (e *explained) reads(versions string) bool {
	return e.words != nil && e.reading == versions && e.words.Bytes() <= 2*e.made+spareBytes
}

// onScale reports whether words are still read as when the scale of the run was made.
func (e *explained) onScale(versions string) bool {
	return versions == e.p.Wording && e.p.Scale != nil
}

// answers says whether the words of a leerplek, which is among the documents, answer a question. The documents are what is said now: of
// all the leerplekken of the run where an index must be made of them, else of that one alone, which changes nothing of the others.
func (e *explained) answers(ctx context.Context, versions string, o relevance.Options, documents []relevance.Document, asks relevance.Question, lpl uuid.UUID) (bool, error) {
	if e.reads(versions) {
		for _, d := range documents {
			e.words.Upsert(d)
		}
	} else {
		var scale *relevance.Scale
		if e.onScale(versions) {
			scale = e.p.Scale
		}
		read := 0
		words, err := relevance.BuildOn(scale, o, func(yield func(relevance.Document) bool) {
			for _, d := range documents {
				if ctx.Err() != nil || !yield(d) {
					return
				}
				read++
			}
		})
		switch {
		case err != nil:
			return false, err
		case read < len(documents): // who asked has left
			return false, fault.Busy.New()
		}
		e.words, e.reading, e.made = words, versions, words.Bytes()
	}
	hit, here := e.words.Ask(asks).Score(lpl)
	return !here || hit.Confident, nil
}
