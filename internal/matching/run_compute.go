package matching

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/matching/assign"
	"github.com/switchingtalent/switchboard/internal/matching/assign/certify"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// algorithm names the way in which a run judges and assigns. Whoever changes what the same input comes to changes it.
const algorithm = "4"

// candidatesOf is how many places of each leervraag the solver starts with; pricing brings in what it needs besides.
func candidatesOf(n int) int {
	switch {
	case n <= 2_000:
		return 20
	case n <= 20_000:
		return 30
	}
	return 50
}

// reciprocity is what each exchange costs that an employer receives beyond what it sends and sent, in points: giving and
// taking even out where that costs little, and never stand in the way of a match. The numbers are ours.
var reciprocity = []int64{400, 900, 1600, 2500}

// Objectives of a run.
const (
	total         = "total"           // as many matches as possible, then the best scores together
	worstOffFirst = "worst_off_first" // as many matches as possible, then the lowest score as high as possible, then the best together
)

// task is what a run is asked to do.
type task struct {
	weights     Weights
	floor       int
	bonus       int
	objective   string
	reciprocity bool
	pins        []Pin
}

// run is one computation. Everything stands in the order of ids, and nothing depends on maps, goroutines or the clock.
type run struct {
	task
	*snapshot
	prints  struct{ questions, places []print }
	report  func(stage string, done, total int) error // an error stops the computation
	stopped error                                     // what it said
	stage   string
	told    told
	watch   func(stage string)

	asking   []int32    // by row of the solver: the question
	current  []int32    // by row: the place of its open match, or of the run that this one is based on; none
	pinned   []int32    // by row: the place that it is pinned on; none
	answers  []heard    // by row: whether the words of the place where it stands answer
	asked    int        // rows of which that was asked again, when all was judged
	rows     [][]held   // by row: all places that are possible, or would be with room for one more, in their order; nil where they are not held
	contents [][]uint16 // by row: how well their words answer; nil where that is not kept
	held     []bool     // by row
	block    []held     // where the next rows are held
	room     int        // pairs that are held, at most
	anew     int        // rows of which all places were judged
	desks    []*desk    // scratch, by worker
	window   window     // scratch: rows that are not held
	orgs     []uuid.UUID
	coaches  []uuid.UUID
	orgOf    []int32 // by place
	coachOf  [][]int32
	takes    []bool // by place: it has room, and a leercoach there too

	wording string   // the versions of all that words are read with
	base    *problem // of the run that this one is based on
	same    []int32  // by place of the base: the same place here; none. nil: nothing is taken over
	fresh   []int32  // the places that are not the same there, in their order
	late    *index   // of those alone, on the same scale
	onScale []bool   // by place: it is as it was when that was made
	low     int32    // the floor that counts, raised for the worst off
	dear    int64    // what staying unmatched costs
	wide    int64    // the largest cost of a pair
	widest  int64    // the same, as the certifier saw it
}

// window is rows that were judged ahead.
type window struct {
	from int32
	rows [][]judged
}

const none = int32(-1)

// errPins says that the pinned matches do not fit any more.
var errPins = errors.New("the pinned matches do not fit")

// solved is what a computation comes to.
type solved struct {
	items   []item
	summary Summary
	hash    [sha256.Size]byte
	input   [sha256.Size]byte
	packed  []byte
}

// stages are those of a computation, in their order.
var stages = []string{stageJudging, stageSolving, stagePricing, stageCertifying, stageExplaining}

// told is how far a run has said that it is. It never goes back: rows are gone through more than once, and some stages too.
type told struct{ stage, done, total int }

// step tells how far the computation is, and whether it has to stop.
func (r *run) step(stage string, done, total int) error {
	if stage != r.stage {
		r.stage = stage
		r.watch(stage)
	}
	if at := slices.Index(stages, stage); at > r.told.stage {
		r.told = told{at, done, total}
	} else if at == r.told.stage {
		r.told.done, r.told.total = max(r.told.done, done), max(r.told.total, total)
	}
	if r.stopped == nil {
		r.stopped = r.report(stages[r.told.stage], r.told.done, r.told.total)
	}
	return r.stopped
}

// compute judges every pair, assigns, proves the assignment optimal, and explains it. The only other reasons to end are
// that ctx ends or report says so, and errPins.
func (r *run) compute(ctx context.Context) (*solved, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	report := r.report
	r.report = func(stage string, done, total int) error {
		err := report(stage, done, total)
		if err != nil {
			cancel(err)
		}
		return err
	}
	out, err := r.all(ctx)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, assign.ErrPinsDoNotFit):
		return nil, errPins
	}
	return out, err
}

func (r *run) all(ctx context.Context) (*solved, error) {
	out := &solved{input: r.input()}
	r.number()
	if err := r.stand(); err != nil {
		return nil, err
	}
	if err := r.judgeAll(ctx); err != nil {
		return nil, err
	}
	if err := r.step(stageSolving, 0, len(r.asking)); err != nil {
		return nil, err
	}
	p, err := r.problem()
	if err != nil {
		return nil, err
	}
	s, priced, err := r.solve(ctx, p)
	if err != nil {
		return nil, err
	}
	result := s.Result()
	if err := r.step(stageCertifying, 0, len(r.asking)); err != nil {
		return nil, err
	}
	proof, err := r.certify(ctx, p, s, result)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnproved, err)
	}
	if err := r.step(stageExplaining, 0, len(r.questions)); err != nil {
		return nil, err
	}
	out.items, err = r.items(ctx, p, s, result)
	if err != nil {
		return nil, err
	}
	if err := r.envy(out, result); err != nil {
		return nil, err
	}
	out.summary.Certificate = Certificate{Certified: true, Objective: proof.Objective, Gap: proof.Gap, PairsChecked: proof.Pairs,
		Rounds: priced.Rounds, PairsAdded: priced.Added}
	r.sum(out, result)
	text, err := json.Marshal(struct {
		Items   []item
		Summary Summary
	}{out.items, out.summary})
	if err != nil {
		return nil, err
	}
	out.hash = sha256.Sum256(text)
	out.packed, err = r.pack(p, result)
	return out, err
}

// input is the hash of everything that the result follows from.
func (r *run) input() [sha256.Size]byte {
	w := newWriter()
	w.text(algorithm, r.objective, r.today.String(), r.wording)
	for _, n := range r.weights.of() {
		w.int(n)
	}
	w.int(r.floor, r.bonus)
	w.bool(r.reciprocity)
	pins := slices.Clone(r.pins)
	slices.SortFunc(pins, func(a, b Pin) int {
		return cmp.Or(slices.Compare(a.LeervraagID[:], b.LeervraagID[:]), slices.Compare(a.LeerplekID[:], b.LeerplekID[:]))
	})
	w.int(len(pins))
	for _, p := range pins {
		w.id(uuid.UUID(p.LeervraagID), uuid.UUID(p.LeerplekID))
	}
	w.int(len(r.prints.questions), len(r.prints.places))
	for _, list := range [][]print{r.prints.questions, r.prints.places} {
		for _, p := range list {
			w.h.Write(p[:])
		}
	}
	for i := range r.questions {
		w.int(r.carried[r.questions[i].OrganisationID])
	}
	for i := range r.places.places {
		w.int(r.carried[r.places.places[i].employer.id])
	}
	if w.bool(r.base != nil); r.base != nil {
		w.h.Write(r.base.hash)
	}
	return w.sum()
}

// number gives rows, employers and leercoaches their numbers, by id.
func (r *run) number() {
	places := r.places.places
	pins := map[uuid.UUID]int32{}
	for _, p := range r.pins {
		if n, ok := r.places.find(uuid.UUID(p.LeerplekID)); ok {
			pins[uuid.UUID(p.LeervraagID)] = n
		}
	}
	orgs, coaches := map[uuid.UUID]bool{}, map[uuid.UUID]bool{}
	for i := range r.questions {
		q := &r.questions[i]
		if q.settled != nil || q.status != "open" {
			continue
		}
		r.asking = append(r.asking, int32(i))
		orgs[q.OrganisationID] = true
		at := func(l uuid.UUID) int32 {
			if n, ok := r.places.find(l); ok {
				return n
			}
			return none
		}
		now := at(q.open)
		if now == none && r.base != nil {
			now = at(r.base.chosen[uuid.UUID(q.ID)])
		}
		r.current = append(r.current, now)
		pin := none
		if n, ok := pins[uuid.UUID(q.ID)]; ok {
			pin = n
		}
		r.pinned = append(r.pinned, pin)
	}
	for i := range places {
		orgs[places[i].employer.id] = true
		for _, c := range places[i].coaches {
			if r.able(&c) {
				coaches[c.id] = true
			}
		}
	}
	r.orgs, r.coaches = sorted(orgs), sorted(coaches)
	r.orgOf, r.coachOf, r.takes = make([]int32, len(places)), make([][]int32, len(places)), make([]bool, len(places))
	for i := range places {
		r.orgOf[i] = position(r.orgs, places[i].employer.id)
		for _, c := range places[i].coaches {
			if r.able(&c) {
				r.coachOf[i] = append(r.coachOf[i], position(r.coaches, c.id))
				r.takes[i] = r.takes[i] || places[i].free > 0 && c.room(r.year) != 0
			}
		}
	}
	r.rows, r.contents, r.held = make([][]held, len(r.asking)), make([][]uint16, len(r.asking)), make([]bool, len(r.asking))
	r.answers = make([]heard, len(r.asking))
	if r.room == 0 {
		r.room = maxHeld
	}
}

// stand refuses pins that were possible when the run was asked for, and are not any more.
func (r *run) stand() error {
	rows := map[uuid.UUID]int32{}
	for k, i := range r.asking {
		rows[uuid.UUID(r.questions[i].ID)] = int32(k)
	}
	for _, pin := range r.pins {
		k, asks := rows[uuid.UUID(pin.LeervraagID)]
		if !asks || r.pinned[k] == none {
			return errPins
		}
		p := byHand(&r.places.places[r.pinned[k]])
		p.free = 1 // the solver counts
		if ruledOut(bare(&r.questions[r.asking[k]].question), p, measure{confident: true, hectometres: unknown, days: unknown}) != possible {
			return errPins
		}
	}
	return nil
}

// able says whether a leercoach can take anybody, or could one more. Whoever is a leercoach of a place themselves does not go there at all.
func (r *run) able(c *coach) bool {
	q := question{Today: r.today, Year: r.year, More: 1}
	return q.lack(c) == possible
}

// weigh measures and judges one pair. The words are measured elsewhere.
func (r *run) weigh(q *participant, p *place, content int, confident bool, far int) verdict {
	return judge(&r.weights, &q.question, p, measure{content: content, confident: confident, hectometres: far, days: q.common(p.when)})
}

// cost is what the solver pays for a pair. Where the leervraag stands now costs less, so that little changes for little.
func (r *run) cost(k int32, p pair) int64 {
	c := int64(whole - p.score)
	if p.place == r.current[k] {
		c -= int64(r.bonus)
	}
	return c
}

func abs(n int64) int64 { return max(n, -n) }

// problem is what the solver starts with: the best places of each row, and the one where it stands.
func (r *run) problem() (assign.Problem, error) {
	places := r.places.places
	p := assign.Problem{Leervragen: len(r.asking), Floor: int32(r.floor), Coaches: make([]int32, len(r.coaches))}
	for i := range p.Coaches {
		p.Coaches[i] = assign.Unlimited
	}
	for i := range places {
		for _, c := range places[i].coaches {
			if n, room := position(r.coaches, c.id), c.room(r.year); n != none && room != unknown {
				p.Coaches[n] = room
			}
		}
		p.Places = append(p.Places, assign.Place{Capacity: max(0, places[i].free), Organisation: r.orgOf[i], Coaches: r.coachOf[i]})
	}
	for _, o := range r.orgs {
		org := assign.Organisation{Max: assign.Unlimited}
		if r.reciprocity {
			org.Steps, org.Free = reciprocity, int32(r.carried[o])
		}
		p.Organisations = append(p.Organisations, org)
	}
	if r.reciprocity {
		p.Home = make([]int32, len(r.asking))
		for k, i := range r.asking {
			p.Home[k] = position(r.orgs, r.questions[i].OrganisationID)
		}
	}
	most := candidatesOf(len(r.asking))
	var list []pair
	for k := range int32(len(r.asking)) {
		if err := r.step(stageSolving, int(k), len(r.asking)); err != nil {
			return p, err
		}
		if r.pinned[k] != none {
			score := r.insisted(k, r.pinned[k])
			x := pair{place: r.pinned[k], score: score}
			r.wide = max(r.wide, abs(r.cost(k, x)))
			p.Pins = append(p.Pins, assign.Pin{Leervraag: k, Place: x.place, Coach: assign.None, Cost: int32(r.cost(k, x)), Score: score})
			continue
		}
		list = r.open(k, list[:0])
		if len(list) > most {
			// Of equal places each row begins elsewhere, so that not all of them start with the same.
			n := int32(len(places))
			shift := int32(int64(k) * int64(n) / int64(len(r.asking)))
			slices.SortFunc(list, func(a, b pair) int {
				return cmp.Or(cmp.Compare(r.cost(k, a), r.cost(k, b)), cmp.Compare((a.place-shift+n)%n, (b.place-shift+n)%n))
			})
			list = list[:most]
		}
		for _, x := range list {
			p.Arcs = append(p.Arcs, assign.Arc{Leervraag: k, Place: x.place, Cost: int32(r.cost(k, x)), Score: x.score})
		}
	}
	step := int64(0)
	if r.reciprocity {
		step = reciprocity[len(reciprocity)-1]
	}
	r.dear = assign.MaximumMatches(p.Leervragen, 2*r.wide, 2*step)
	p.Unmatched = r.dear
	return p, nil
}

// insisted is the score of a pair that people chose, whatever would rule it out.
func (r *run) insisted(k, place int32) int32 {
	q, p := &r.questions[r.asking[k]], &r.places.places[place]
	m := q.between(p)
	m.content = r.heardOf(k, place)
	return int32(score(&r.weights, &q.question, p, m).score)
}

// solve assigns, over all pairs that are possible.
func (r *run) solve(ctx context.Context, p assign.Problem) (s *assign.Solver, priced assign.Priced, err error) {
	var list []pair
	rows := func(k int32, into []assign.Candidate) []assign.Candidate {
		_ = r.step(stagePricing, int(k), len(r.asking)) // ctx has ended then
		list = r.open(k, list[:0])
		return r.candidates(k, list, into)
	}
	r.low = p.Floor
	if r.objective == worstOffFirst {
		var fair assign.Fair
		s, fair, err = assign.SolveFair(ctx, p, rows, func(done, total int) { _ = r.step(stageSolving, done, total) })
		priced = fair.Priced
		r.low = max(r.low, fair.Lowest)
	} else {
		if s, err = assign.New(p); err == nil {
			err = s.Solve(ctx, func(done, total int) { _ = r.step(stageSolving, done, total) })
		}
		if err == nil {
			priced, err = s.Price(ctx, rows)
		}
	}
	return s, priced, err
}

// certify lets code that shares nothing with the solver prove the assignment optimal over all pairs. For the worst off it
// also proves that no more matches are possible at the floor that was asked, and not so many above the lowest score that
// was reached. Both are read from the assignment itself, whatever the solver says that it reached.
func (r *run) certify(ctx context.Context, p assign.Problem, s *assign.Solver, result assign.Result) (certify.Certificate, error) {
	proof, err := r.shape(ctx, r.low, false).Check(claimOf(s, result))
	if err != nil {
		return proof, err
	}
	// Rearranging everybody saves at most so much for each of them: less would buy points with somebody's place.
	step := int64(0)
	if r.reciprocity {
		step = slices.Max(reciprocity)
	}
	if n := int64(len(r.asking)); r.dear <= 2*n*(r.widest+step) {
		return proof, fmt.Errorf("staying unmatched costs %d, others could gain more by it", r.dear)
	}
	if r.objective != worstOffFirst {
		return proof, nil
	}
	matched, lowest := 0, none // the lowest of those whom nobody pinned
	for k, m := range result.Matches {
		if m.Place == assign.None {
			continue
		}
		matched++
		if r.pinned[k] == none && (lowest == none || m.Score < lowest) {
			lowest = m.Score
		}
	}
	most, pairs, err := r.most(ctx, p, int32(r.floor))
	switch proof.Pairs += pairs; {
	case err != nil:
		return proof, err
	case most != matched:
		return proof, fmt.Errorf("%d matches are possible, %d were made", most, matched)
	case lowest == none:
		return proof, nil
	}
	most, pairs, err = r.most(ctx, p, lowest+1)
	if proof.Pairs += pairs; err == nil && most >= matched {
		err = errors.New("so many matches are possible at a higher floor")
	}
	return proof, err
}

// most is how many matches are possible at a floor, proved over so many pairs.
func (r *run) most(ctx context.Context, p assign.Problem, floor int32) (matches int, pairs int64, err error) {
	q := assign.Problem{Leervragen: p.Leervragen, Places: p.Places, Coaches: p.Coaches, Home: p.Home, Unmatched: 1, Floor: floor,
		Organisations: make([]assign.Organisation, len(p.Organisations)), Arcs: slices.Clone(p.Arcs), Pins: slices.Clone(p.Pins)}
	for i := range q.Organisations {
		q.Organisations[i].Max = assign.Unlimited
	}
	for i := range q.Arcs {
		q.Arcs[i].Cost = 0
	}
	for i := range q.Pins {
		q.Pins[i].Cost = 0
	}
	t, err := assign.New(q)
	if err != nil {
		return 0, 0, err
	}
	if err := t.Solve(ctx, func(done, total int) { _ = r.step(stageCertifying, done, total) }); err != nil {
		return 0, 0, err
	}
	var list []pair
	if _, err := t.Price(ctx, func(k int32, into []assign.Candidate) []assign.Candidate {
		_ = r.step(stageCertifying, int(k), len(r.asking)) // ctx has ended then
		list = r.open(k, list[:0])
		for _, x := range list {
			into = append(into, assign.Candidate{Place: x.place, Score: x.score})
		}
		return into
	}); err != nil {
		return 0, 0, err
	}
	proof, err := r.shape(ctx, floor, true).Check(claimOf(t, t.Result()))
	return len(r.asking) - int(proof.Objective), proof.Pairs, err
}

// shape tells the certifier the problem from the rows as they were read and judged, not from what the solver was given. Only the
// numbers by which employers and leercoaches go are the same, or the two could not be compared. A place without room, or without that of
// a leercoach, makes no pair. free: only staying unmatched costs.
func (r *run) shape(ctx context.Context, floor int32, free bool) *certify.Cohort {
	c := &certify.Cohort{Leervragen: len(r.asking), Unmatched: r.dear, Coaches: make([]int, len(r.coaches)), Organisations: make([]certify.Organisation, len(r.orgs))}
	if free {
		c.Unmatched = 1
	}
	for i, o := range r.orgs {
		c.Organisations[i].Max = certify.Free
		if r.reciprocity && !free {
			c.Organisations[i].Steps, c.Organisations[i].Allowed = reciprocity, r.carried[o]
		}
	}
	roomy := make([]bool, len(r.places.places))
	for i := range r.places.places {
		p := &r.places.places[i]
		x := certify.Place{Capacity: int(max(0, p.free)), Organisation: int(position(r.orgs, p.employer.id))}
		for j := range p.coaches {
			if !r.able(&p.coaches[j]) {
				continue
			}
			k := position(r.coaches, p.coaches[j].id)
			if c.Coaches[k] = certify.Free; p.coaches[j].room(r.year) != unknown {
				c.Coaches[k] = int(p.coaches[j].room(r.year))
			}
			x.Coaches = append(x.Coaches, int(k))
			roomy[i] = roomy[i] || x.Capacity > 0 && c.Coaches[k] != 0
		}
		c.Places = append(c.Places, x)
	}
	for k, i := range r.asking {
		if r.reciprocity {
			c.Home = append(c.Home, int(position(r.orgs, r.questions[i].OrganisationID)))
		}
		if on := r.pinned[k]; on != none {
			cost := int64(0)
			if !free {
				cost = r.cost(int32(k), pair{on, r.insisted(int32(k), on)})
				r.widest = max(r.widest, abs(cost))
			}
			c.Pins = append(c.Pins, certify.Pin{Leervraag: k, Place: int(on), Coach: -1, Cost: cost})
		}
	}
	var list []pair
	c.Pairs = func(k int, yield func(place int, cost int64) bool) {
		if ctx.Err() != nil || r.step(stageCertifying, k, len(r.asking)) != nil {
			return
		}
		list = r.pairs(int32(k), list[:0])
		for _, x := range list {
			if !roomy[x.place] {
				continue
			}
			cost := int64(0)
			if !free {
				cost = r.cost(int32(k), x)
				r.widest = max(r.widest, abs(cost))
			}
			if x.score >= floor && !yield(int(x.place), cost) {
				return
			}
		}
	}
	return c
}

func claimOf(s *assign.Solver, result assign.Result) certify.Claim {
	p := s.Prices()
	c := certify.Claim{Objective: result.Objective, AtPlace: p.Place, BehindPlace: p.Exit, AtCoach: p.Coach, AtOrganisation: p.Entry, BehindOrganisation: p.Balance}
	for _, m := range result.Matches {
		c.Place, c.Coach = append(c.Place, int(m.Place)), append(c.Coach, int(m.Coach))
	}
	return c
}

func sorted(set map[uuid.UUID]bool) []uuid.UUID {
	out := make([]uuid.UUID, 0, len(set))
	for u := range set {
		out = append(out, u)
	}
	slices.SortFunc(out, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	return out
}

// position finds an id in a sorted list.
func position(list []uuid.UUID, u uuid.UUID) int32 {
	if i, ok := slices.BinarySearchFunc(list, u, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) }); ok {
		return int32(i)
	}
	return none
}

// Pin is a leervraag that stays at a leerplek, whatever else would be better.
type Pin struct {
	LeervraagID id.LeervraagID `json:"leervraag_id" binding:"required" example:"lvr_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	LeerplekID  id.LeerplekID  `json:"leerplek_id" binding:"required" example:"lpl_01jd8m5x9nf3tvhg5w6rkz2c4q"`
} // @name MatchingRunPin
