package matching

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"slices"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/matching/assign"
	"github.com/switchingtalent/switchboard/internal/matching/relevance"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// maxKept is how many possible pairs are kept with a run, for explaining it and for the run that is based on it. Rows
// beyond are not kept: they are judged again.
const maxKept = 16_000_000

// packing is the form in which runs are kept. What was kept in another says where everybody stood, and its pairs are judged again.
const packing = 3

// partBytes is how much of a run is kept in one row.
const partBytes = 16 << 20

// problem is a run as it is kept: ids, prints, numbers and scores; and, for the run that is based on it, the scale on which
// words were weighed, which holds words of leerplekken, one by one.
type problem struct {
	Wording    string
	Scale      *relevance.Scale
	Bonus      int
	Low        int32
	Dear       int64
	Questions  []uuid.UUID
	Prints     []print
	Places     []uuid.UUID
	PlacePrint []print
	OnScale    []bool  // by place: it is as it was when the scale was made
	Asking     []int32 // by row: the question
	Current    []int32
	Pinned     []int32
	PinScore   []int32
	Chosen     []int32 // by row: the place; none
	Answers    []heard // by row: of the place in Current; nil: not kept
	Kept       []bool  // by row: its pairs are here
	Count      []int32 // by row: how many
	Packing    int
	Free       []int32 // by place: negative where more are there than it takes
	OrgOf      []int32
	CoachOf    [][]int32
	Coaches    []int32 // capacity
	CoachIDs   []uuid.UUID
	Others     []uuid.UUID // leercoaches of places whom one more does not help
	Orgs       []uuid.UUID
	Home       []int32
	Steps      []int64
	OrgFree    []int32

	coarse bool                    // see point
	kept   keptPairs               // row by row
	bytes  int                     // about how much memory the pairs take
	hash   []byte                  // of all that is kept
	chosen map[uuid.UUID]uuid.UUID // leervraag → leerplek
	at     map[uuid.UUID]int       // place by leerplek
	row    map[uuid.UUID]int       // row by leervraag
	coach  map[uuid.UUID]int       // leercoach by id
	starts []int
}

// keptPairs are pairs as they are kept: places and scores fit in 16 bits.
type keptPairs struct{ Place, Score, Content []uint16 }

// perMessage is how many pairs are encoded at once.
const perMessage = 1 << 20

// What things take in memory: a pair as it is kept, and of a solver a candidate, a leervraag and a leerplek with what stands behind it.
const (
	perPair      = 6
	perCandidate = 12
	perRow       = 64
	perOffer     = 160
)

// solverBytes is about what a solver of the run takes.
func (p *problem) solverBytes() int {
	most, n := candidatesOf(len(p.Asking)), perRow*len(p.Asking)+perOffer*len(p.Places)
	for _, c := range p.Count {
		n += perCandidate * min(int(c), most)
	}
	return n
}

// pack keeps the run.
func (r *run) pack(p assign.Problem, result assign.Result) ([]byte, error) {
	out := problem{Packing: packing, Wording: r.wording, Scale: r.places.words.Scale(), Bonus: r.bonus, Low: r.low, Dear: r.dear, Asking: r.asking, Current: r.current, Answers: r.answers, Pinned: r.pinned,
		OrgOf: r.orgOf, CoachOf: r.coachOf, Coaches: p.Coaches, CoachIDs: r.coaches, Orgs: r.orgs, Home: p.Home, Prints: r.prints.questions, PlacePrint: r.prints.places, OnScale: r.onScale}
	if r.same == nil { // the scale was made of all of them
		out.OnScale = slices.Repeat([]bool{true}, len(r.places.places))
	}
	for i := range r.questions {
		out.Questions = append(out.Questions, uuid.UUID(r.questions[i].ID))
	}
	for i := range r.places.places {
		out.Places = append(out.Places, r.places.places[i].id)
		out.Free = append(out.Free, r.places.places[i].free)
		for _, c := range r.places.places[i].coaches {
			if position(r.coaches, c.id) == none {
				out.Others = append(out.Others, c.id)
			}
		}
	}
	for _, o := range p.Organisations {
		out.Steps = o.Steps
		out.OrgFree = append(out.OrgFree, o.Free)
	}
	pins := 0
	for k := range r.asking {
		score := int32(0)
		if r.pinned[k] != none {
			score = p.Pins[pins].Score
			pins++
		}
		out.PinScore, out.Chosen = append(out.PinScore, score), append(out.Chosen, result.Matches[k].Place)
		out.Kept, out.Count = append(out.Kept, r.contents[k] != nil), append(out.Count, int32(len(r.contents[k])))
	}
	return out.encode(func(yield func(place, score, content uint16)) {
		for k := range r.asking {
			for i, c := range r.contents[k] {
				x := r.rows[k][i]
				yield(x.place, x.score, c)
			}
		}
	})
}

// encode writes a run and then its pairs, many at a time.
func (p *problem) encode(pairs func(yield func(place, score, content uint16))) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	to := gob.NewEncoder(z)
	if err := to.Encode(p); err != nil {
		return nil, err
	}
	var some keptPairs
	flush := func() {
		if err == nil {
			err = to.Encode(some)
		}
		some.Place, some.Score, some.Content = some.Place[:0], some.Score[:0], some.Content[:0]
	}
	pairs(func(place, score, content uint16) {
		some.Place, some.Score, some.Content = append(some.Place, place), append(some.Score, score), append(some.Content, content)
		if len(some.Place) == perMessage {
			flush()
		}
	})
	if len(some.Place) > 0 {
		flush()
	}
	if err != nil {
		return nil, err
	}
	err = z.Close()
	return b.Bytes(), err
}

// readPacked reads a run as it is kept.
func readPacked(tx *db.Tx, r id.MatchingRunID) ([]byte, error) {
	var out []byte
	for part := 0; ; part++ {
		var row struct{ Packed []byte }
		err := db.One(tx, &row, `select packed from matching_run_problems where tenant_id = ? and run_id = ? and part = ?`, tx.Scope.Tenant, r, part)
		switch {
		case fault.Missing.Is(err) && part > 0:
			return out, nil
		case err != nil:
			return nil, err
		}
		out = append(out, row.Packed...)
	}
}

// writePacked keeps a run.
func writePacked(tx *db.Tx, r id.MatchingRunID, packed []byte) error {
	part := 0
	for some := range slices.Chunk(packed, partBytes) {
		if _, err := tx.Run(`insert into matching_run_problems (tenant_id, run_id, part, packed) values (?, ?, ?, ?)`, tx.Scope.Tenant, r, part, some); err != nil {
			return err
		}
		part++
	}
	return nil
}

// unpack reads a run that was kept.
func unpack(packed []byte) (*problem, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(packed)
	p := &problem{hash: hash[:], chosen: map[uuid.UUID]uuid.UUID{}, at: map[uuid.UUID]int{}, row: map[uuid.UUID]int{}, coach: map[uuid.UUID]int{}}
	from := gob.NewDecoder(z)
	if err := from.Decode(p); err != nil {
		return nil, err
	}
	if p.Packing != packing {
		clear(p.Kept)
		clear(p.Count)
	}
	total := 0
	for _, n := range p.Count {
		total += int(n)
	}
	p.kept = keptPairs{make([]uint16, 0, total), make([]uint16, 0, total), make([]uint16, 0, total)}
	for len(p.kept.Place) < total {
		var some keptPairs
		if err := from.Decode(&some); err != nil {
			return nil, err
		}
		p.kept.Place, p.kept.Score, p.kept.Content = append(p.kept.Place, some.Place...), append(p.kept.Score, some.Score...), append(p.kept.Content, some.Content...)
	}
	p.bytes = perPair*total + 200*(len(p.Questions)+len(p.Places))
	if p.Scale != nil {
		p.bytes += p.Scale.Bytes()
	}
	for i, u := range p.Places {
		p.at[u] = i
	}
	for i, u := range p.CoachIDs {
		p.coach[u] = i
	}
	n := 0
	for k, i := range p.Asking {
		p.row[p.Questions[i]] = k
		p.starts = append(p.starts, n)
		n += int(p.Count[k])
		if c := p.Chosen[k]; c != none {
			p.chosen[p.Questions[i]] = p.Places[c]
		}
	}
	return p, nil
}

// takes says by place whether it and a leercoach there, with so much room, can take somebody.
func (p *problem) takes(free, coaches []int32) []bool {
	out := make([]bool, len(p.Places))
	for i := range out {
		out[i] = free[i] > 0 && slices.ContainsFunc(p.CoachOf[i], func(c int32) bool { return coaches[c] > 0 })
	}
	return out
}

// pairs are the places of a row that are possible, or would be with room for one more.
func (p *problem) pairs(k int, into []judged) []judged {
	from := p.starts[k]
	for i := from; i < from+int(p.Count[k]); i++ {
		into = append(into, judged{pair{int32(p.kept.Place[i]), int32(p.kept.Score[i])}, int32(p.kept.Content[i])})
	}
	return into
}

func (p *problem) cost(k int, x pair) int32 {
	c := whole - x.score
	if x.place == p.Current[k] {
		c -= int32(p.Bonus)
	}
	return c
}

// whole reports whether every pair is here.
func (p *problem) whole() bool { return !slices.Contains(p.Kept, false) }

// solver assigns again what was kept: the same optimum.
func (p *problem) solver(ctx context.Context) (*assign.Solver, error) {
	return p.solve(ctx, 1, p.Dear, p.cost)
}

// still is what one point counts in asWas where its sums would be too large for 64 bits else: who stays counts one less.
const still = 1000

// point is what one point counts in asWas: no number of those that stay where the run put them weighs as much.
func (p *problem) point() int64 {
	if p.coarse {
		return still
	}
	return int64(len(p.Asking)) + 1
}

// asWas assigns again what was kept, as the run did to the last pair: of all optima that is the one in which most stay.
func (p *problem) asWas(ctx context.Context) (*assign.Solver, error) {
	// Others may join, whose pairs cost other than those that the run saw: staying unmatched costs more still, which changes no optimum.
	step := int64(0)
	if len(p.Steps) > 0 {
		step = p.Steps[len(p.Steps)-1]
	}
	dear := max(p.Dear, assign.MaximumMatches(len(p.Asking)+maxJoins, 2*int64(whole+p.Bonus), 2*step))
	s, err := p.solve(ctx, p.point(), dear, p.staying)
	if errors.Is(err, assign.ErrOverflow) && !p.coarse && p.point() > still {
		p.coarse = true
		return p.solve(ctx, still, dear, p.staying)
	}
	return s, err
}

// counting assigns again what was kept where staying unmatched is the only cost: as many as can be at the lowest score that the run reached.
func (p *problem) counting(ctx context.Context) (*assign.Solver, error) {
	return p.solve(ctx, 0, 0, nothing)
}

// staying is what a pair costs in asWas.
func (p *problem) staying(k int, x pair) int32 {
	c := int32(p.point()) * p.cost(k, x)
	if x.place == p.Chosen[k] {
		c--
	}
	return c
}

// priced are the pairs of a row with places that can take somebody, at a cost, for pricing.
func (p *problem) priced(cost func(int, pair) int32, takes []bool) assign.Rows {
	var list []judged
	return func(k int32, into []assign.Candidate) []assign.Candidate {
		list = p.pairs(int(k), list[:0])
		for _, x := range list {
			if takes[x.place] {
				into = append(into, assign.Candidate{Place: x.place, Cost: cost(int(k), x.pair), Score: x.score})
			}
		}
		return into
	}
}

// solve assigns what was kept, at a cost by pair, which counts a point so often; dear is what staying unmatched costs in points. Where
// points count nothing, only that costs anything.
func (p *problem) solve(ctx context.Context, point, dear int64, cost func(int, pair) int32) (*assign.Solver, error) {
	q := assign.Problem{Leervragen: len(p.Asking), Home: p.Home, Coaches: p.Coaches, Unmatched: max(1, point*dear), Floor: p.Low}
	steps := slices.Clone(p.Steps)
	for i := range steps {
		steps[i] *= point
	}
	for i := range p.Places {
		q.Places = append(q.Places, assign.Place{Capacity: max(0, p.Free[i]), Organisation: p.OrgOf[i], Coaches: p.CoachOf[i]})
	}
	for _, n := range p.OrgFree {
		q.Organisations = append(q.Organisations, assign.Organisation{Max: assign.Unlimited, Free: n, Steps: steps})
	}
	if p.Home != nil { // in reserve, for the employers of those who join
		for range maxJoins {
			q.Organisations = append(q.Organisations, assign.Organisation{Max: assign.Unlimited, Steps: steps})
		}
	}
	most, takes := candidatesOf(len(p.Asking)), p.takes(p.Free, p.Coaches)
	var list []judged
	for k := range p.Asking {
		if p.Pinned[k] != none {
			x := pair{place: p.Pinned[k], score: p.PinScore[k]}
			q.Pins = append(q.Pins, assign.Pin{Leervraag: int32(k), Place: x.place, Coach: assign.None, Cost: cost(k, x), Score: x.score})
			continue
		}
		list = slices.DeleteFunc(p.pairs(k, list[:0]), func(x judged) bool { return !takes[x.place] })
		// The best, and where it was left, so that pricing has little to add. Of equal places each row begins elsewhere.
		n := int32(len(p.Places))
		shift := int32(int64(k) * int64(n) / int64(len(p.Asking)))
		slices.SortFunc(list, func(a, b judged) int {
			return cmp.Or(cmp.Compare(p.cost(k, a.pair), p.cost(k, b.pair)), cmp.Compare((a.place-shift+n)%n, (b.place-shift+n)%n))
		})
		for i, x := range list {
			if i < most || x.place == p.Chosen[k] {
				q.Arcs = append(q.Arcs, assign.Arc{Leervraag: int32(k), Place: x.place, Cost: cost(k, x.pair), Score: x.score})
			}
		}
	}
	s, err := assign.New(q)
	if err != nil {
		return nil, err
	}
	if err := s.Solve(ctx, nil); err != nil {
		return nil, err
	}
	if _, err := s.Price(ctx, p.priced(cost, takes)); err != nil {
		return nil, err // what was not priced is not the optimum
	}
	return s, nil
}

// fewest is how many unchanged places a scale stands on at least, once others came: of fewer, nothing tells which words are rare.
const fewest = 5

// follow makes ready to go on from the run that this one is based on: it finds which places are the same, and gives the
// scale on which the words of all are weighed. Where words are read otherwise than then, or most places are others
// than those that the scale was made of, however many runs ago, or hardly any is one of those, nil: the scale is made anew, and nothing is taken over.
func (r *run) follow(read *reading, w wording) (*relevance.Scale, error) {
	b := r.base
	if b == nil || b.Scale == nil || b.Wording != r.wording || len(b.OnScale) != len(b.Places) {
		return nil, nil
	}
	same := make([]int32, len(b.Places))
	for i := range same {
		same[i] = none
	}
	var fresh []int32
	some := *read
	some.places, some.documents = nil, nil
	changed := map[uuid.UUID]bool{}
	on, others := make([]bool, len(read.places)), 0
	for n := range read.places {
		p := &read.places[n]
		if i, ok := b.at[p.id]; ok && b.PlacePrint[i] == r.prints.places[n] {
			same[i] = int32(n)
			on[n] = b.OnScale[i]
		} else {
			fresh, some.places, changed[p.id] = append(fresh, int32(n)), append(some.places, *p), true
		}
		if !on[n] {
			others++
		}
	}
	if stay := len(read.places) - others; 2*others > len(read.places) || others > 0 && stay < fewest {
		return nil, nil
	}
	for _, d := range read.documents {
		if changed[d.ID] {
			some.documents = append(some.documents, d)
		}
	}
	late, err := some.build(w, horizon{}, b.Scale)
	r.same, r.fresh, r.late, r.onScale = same, fresh, late, on
	return b.Scale, err
}
