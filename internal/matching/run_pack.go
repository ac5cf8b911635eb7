package matching

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/gob"
	"slices"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/matching/assign"
)

// maxKept is how many possible pairs are kept with a run, for explaining it and for the run that is based on it. Rows
// beyond are not kept: they are judged again.
const maxKept = 4_000_000

// problem is a run as it is kept: ids, prints, numbers and scores, and no word of anybody's.
type problem struct {
	Today      string
	Wording    string
	Weights    Weights
	Bonus      int
	Low        int32
	Dear       int64
	Questions  []uuid.UUID
	Prints     []print
	Places     []uuid.UUID
	PlacePrint []print
	Asking     []int32 // by row: the question
	Current    []int32
	Pinned     []int32
	PinScore   []int32
	Chosen     []int32 // by row: the place; none
	Kept       []bool  // by row: its pairs are here
	Count      []int32 // by row: how many
	Place      []int32 // of the pairs, row by row
	Score      []int32
	Content    []int32
	Free       []int32 // by place
	OrgOf      []int32
	CoachOf    [][]int32
	Coaches    []int32 // capacity
	Home       []int32
	Steps      []int64
	OrgFree    []int32

	hash   []byte                  // of all that is kept
	chosen map[uuid.UUID]uuid.UUID // leervraag → leerplek
	at     map[uuid.UUID]int       // place by leerplek
	row    map[uuid.UUID]int       // row by leervraag
	starts []int
}

// pack keeps the run.
func (r *run) pack(p assign.Problem, result assign.Result) ([]byte, error) {
	out := problem{Today: r.today.String(), Wording: r.wording, Weights: r.weights, Bonus: r.bonus, Low: r.low, Dear: r.dear, Asking: r.asking, Current: r.current, Pinned: r.pinned,
		OrgOf: r.orgOf, CoachOf: r.coachOf, Coaches: p.Coaches, Home: p.Home, Prints: r.prints.questions, PlacePrint: r.prints.places}
	for i := range r.questions {
		out.Questions = append(out.Questions, uuid.UUID(r.questions[i].ID))
	}
	for i := range r.places.places {
		out.Places = append(out.Places, r.places.places[i].id)
		out.Free = append(out.Free, p.Places[i].Capacity)
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
		keep := r.held[k] && len(out.Place)+len(r.rows[k]) <= maxKept
		out.Kept = append(out.Kept, keep)
		n := 0
		if keep {
			n = len(r.rows[k])
			for _, x := range r.rows[k] {
				out.Place, out.Score, out.Content = append(out.Place, x.place), append(out.Score, x.score), append(out.Content, x.content)
			}
		}
		out.Count = append(out.Count, int32(n))
	}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if err := gob.NewEncoder(z).Encode(out); err != nil {
		return nil, err
	}
	err = z.Close()
	return b.Bytes(), err
}

// unpack reads a run that was kept.
func unpack(packed []byte) (*problem, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(packed)
	p := &problem{hash: hash[:], chosen: map[uuid.UUID]uuid.UUID{}, at: map[uuid.UUID]int{}, row: map[uuid.UUID]int{}}
	if err := gob.NewDecoder(z).Decode(p); err != nil {
		return nil, err
	}
	for i, u := range p.Places {
		p.at[u] = i
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

// pairs are the possible places of a row.
func (p *problem) pairs(k int, into []pair) []pair {
	from := p.starts[k]
	for i := from; i < from+int(p.Count[k]); i++ {
		into = append(into, pair{p.Place[i], p.Score[i], p.Content[i]})
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
	q := assign.Problem{Leervragen: len(p.Asking), Home: p.Home, Coaches: p.Coaches, Unmatched: p.Dear, Floor: p.Low}
	for i := range p.Places {
		q.Places = append(q.Places, assign.Place{Capacity: p.Free[i], Organisation: p.OrgOf[i], Coaches: p.CoachOf[i]})
	}
	for _, n := range p.OrgFree {
		q.Organisations = append(q.Organisations, assign.Organisation{Max: assign.Unlimited, Free: n, Steps: p.Steps})
	}
	most := candidatesOf(len(p.Asking))
	var list []pair
	for k := range p.Asking {
		if p.Pinned[k] != none {
			x := pair{place: p.Pinned[k], score: p.PinScore[k]}
			q.Pins = append(q.Pins, assign.Pin{Leervraag: int32(k), Place: x.place, Coach: assign.None, Cost: p.cost(k, x), Score: x.score})
			continue
		}
		list = p.pairs(k, list[:0])
		for i, x := range list {
			// Where it was left is among them, so that pricing has little to add.
			if i < most || x.place == p.Chosen[k] {
				q.Arcs = append(q.Arcs, assign.Arc{Leervraag: int32(k), Place: x.place, Cost: p.cost(k, x), Score: x.score})
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
	if _, err := s.Price(ctx, func(k int32, into []assign.Candidate) []assign.Candidate {
		list = p.pairs(int(k), list[:0])
		for _, x := range list {
			into = append(into, assign.Candidate{Place: x.place, Cost: p.cost(int(k), x), Score: x.score})
		}
		return into
	}); err != nil {
		return nil, err // what was not priced is not the optimum
	}
	return s, nil
}

// reuse takes over the judgements of the run that this one is based on, for a leervraag of which nothing changed: those of
// places of which nothing changed either. Its other places are judged. The earlier scores stand, because how rare words
// are was fixed then.
func (r *run) reuse(k int32, into []pair) ([]pair, bool) {
	b := r.base
	if b == nil || b.Weights != r.weights || b.Wording != r.wording || b.Today != r.today.String() {
		return into, false
	}
	i := r.asking[k]
	row, ok := b.row[uuid.UUID(r.questions[i].ID)]
	if !ok || !b.Kept[row] || b.Pinned[row] != none || b.Prints[b.Asking[row]] != r.prints.questions[i] {
		return into, false
	}
	if r.same == nil {
		r.compare()
	}
	if len(r.fresh) > maxFresh {
		return into, false
	}
	for _, x := range b.pairs(row, nil) {
		if n := r.same[x.place]; n != none {
			into = append(into, pair{n, x.score, x.content})
		}
	}
	q := &r.questions[i]
	again := r.fresh
	if c := r.current[k]; c != none && !slices.ContainsFunc(into, func(x pair) bool { return x.place == c }) && !slices.Contains(again, c) {
		again = append(slices.Clone(again), c)
	}
	if len(again) > 0 {
		asked := r.places.words.Ask(q.words)
		for _, n := range again {
			p := &r.places.places[n]
			hit, _ := asked.Score(p.id)
			if v := r.weigh(q, p, hit.Score, n == r.current[k] || hit.Confident, q.far(p.site)); v.reason == possible {
				into = append(into, pair{n, int32(v.score), int32(hit.Score)})
			}
		}
		slices.SortFunc(into, func(a, b pair) int { return int(a.place - b.place) })
	}
	return into, true
}

// maxFresh is how many changed places are judged one by one; beyond, all places are judged at once.
const maxFresh = 200

// compare finds which places are the same as in the run that this one is based on.
func (r *run) compare() {
	r.same = make([]int32, len(r.base.Places))
	for i := range r.same {
		r.same[i] = none
	}
	for n := range r.places.places {
		if i, ok := r.base.at[r.places.places[n].id]; ok && r.base.PlacePrint[i] == r.prints.places[n] {
			r.same[i] = int32(n)
		} else {
			r.fresh = append(r.fresh, int32(n))
		}
	}
}
