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
	"github.com/switchingtalent/switchboard/internal/matching/relevance"
)

// maxKept is how many possible pairs are kept with a run, for explaining it and for the run that is based on it. Rows
// beyond are not kept: they are judged again.
const maxKept = 4_000_000

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
	out := problem{Wording: r.wording, Scale: r.places.words.Scale(), Bonus: r.bonus, Low: r.low, Dear: r.dear, Asking: r.asking, Current: r.current, Pinned: r.pinned,
		OrgOf: r.orgOf, CoachOf: r.coachOf, Coaches: p.Coaches, Home: p.Home, Prints: r.prints.questions, PlacePrint: r.prints.places, OnScale: r.onScale}
	if r.same == nil { // the scale was made of all of them
		out.OnScale = slices.Repeat([]bool{true}, len(r.places.places))
	}
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
		out.Kept, out.Count = append(out.Kept, r.contents[k] != nil), append(out.Count, int32(len(r.contents[k])))
		for i, c := range r.contents[k] {
			x := r.rows[k][i]
			out.Place, out.Score, out.Content = append(out.Place, int32(x.place)), append(out.Score, int32(x.score)), append(out.Content, int32(c))
		}
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
func (p *problem) pairs(k int, into []judged) []judged {
	from := p.starts[k]
	for i := from; i < from+int(p.Count[k]); i++ {
		into = append(into, judged{pair{p.Place[i], p.Score[i]}, p.Content[i]})
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
	var list []judged
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
				q.Arcs = append(q.Arcs, assign.Arc{Leervraag: int32(k), Place: x.place, Cost: p.cost(k, x.pair), Score: x.score})
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
			into = append(into, assign.Candidate{Place: x.place, Cost: p.cost(int(k), x.pair), Score: x.score})
		}
		return into
	}); err != nil {
		return nil, err // what was not priced is not the optimum
	}
	return s, nil
}

// follow makes ready to go on from the run that this one is based on: it finds which places are the same, and gives the
// scale on which the words of all are weighed. Where words are read otherwise than then, or most places are others
// than those that the scale was made of, however many runs ago, nil: the scale is made anew, and nothing is taken over.
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
	if 2*others > len(read.places) {
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
