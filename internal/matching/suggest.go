// Package matching ranks leerplekken for a leervraag: first what cannot be, each with its reason, then content, then
// what is practical, as seed 001, 5.5 Matching, goes about it. It reads across nouns; of its own it writes the weights, who
// is kept apart, and what was dismissed.
package matching

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/matching/relevance"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/jobs"
)

// Service ranks, and assigns cohorten.
type Service struct {
	Jobs  *jobs.Queue        // works out matching runs
	Watch func(stage string) // hears when a run enters a stage, and, from another goroutine, when it is not this worker's any more (gone); for measuring; may be nil

	db       *db.DB
	cache    *cache
	problems problems
}

// New returns a Service with no index yet.
func New(d *db.DB, o Options) *Service {
	return &Service{db: d, cache: newCache(d, o), problems: newProblems(o.Idle)}
}

// The engines that find places, on the wire.
const (
	byIndex = "index"
	bySQL   = "sql"
)

// Suggest ranks the published leerplekken for a leervraag, the best `limit` of them, and counts the others by reason. With
// everything, those whose words do not answer the question are ranked too. With a leerplek as why it says what became of
// that one. A leervraag that the caller does not see is fault.Missing. It needs a transaction that only reads and lasts
// for several statements.
func (s *Service) Suggest(ctx context.Context, tx *db.Tx, lid id.LeervraagID, limit int, everything bool, why *id.LeerplekID) (Suggestions, error) {
	out := Suggestions{Data: []Suggestion{}, RuledOut: []RuledOut{}}
	a, err := ask(tx, lid)
	if err != nil {
		return out, err
	}
	if why != nil {
		// A leerplek that the caller does not see is none.
		if err := db.One(tx, &struct{ ID id.LeerplekID }{}, `select id from leerplekken where tenant_id = ? and id = ?`, tx.Scope.Tenant, why); err != nil {
			if fault.Missing.Is(err) {
				return out, fault.BadParameter.New().In("why_not", fault.NoReference)
			}
			return out, err
		}
	}
	r := ranking{asks: a, bound: tx.Principal.Bound(), everything: everything, limit: limit, why: why}
	err = tx.Unbound("ranking looks at every employer's leerplekken; answers show of them what a published leerplek shows", func(tx *db.Tx) error {
		q, err := look(tx, a)
		if err != nil {
			return err
		}
		set, err := current(tx)
		if err != nil {
			return err
		}
		r.q, r.weights = q, set.withoutPreference()
		ix, err := s.cache.get(ctx, tx, q.Today)
		out.Engine = byIndex
		if ix == nil && err == nil {
			ix, err = without(tx, q, a, why, everything, limit)
			out.Engine = bySQL
		}
		if err != nil {
			return err
		}
		return r.run(tx, ix)
	})
	if err != nil {
		return out, err
	}
	out.WeightsVersion = r.weights.Version
	return out, r.tell(tx, &out)
}

// ranking is one question, judged against an index.
type ranking struct {
	asks       asked
	q          *question
	weights    Weights
	limit      int
	everything bool
	bound      bool // what is another employer's to know stays out of the answer
	why        *id.LeerplekID

	asked  *relevance.Asked
	counts [reasons]int
	best   []ranked
	whyNot *ranked
	rank   int // of whyNot, from 1
}

// ranked is a place with its verdict.
type ranked struct {
	place   place
	measure measure
	verdict verdict
}

// candidate is a place of an index that may be answered.
type candidate struct {
	score int
	n     int32
	id    uuid.UUID
}

// ahead orders candidates: the better score first, and of equal ones the lower id.
func ahead(a, b candidate) int {
	return cmp.Or(cmp.Compare(b.score, a.score), bytes.Compare(a.id[:], b.id[:]))
}

// least is the gain below which no place scores so much, whatever it has besides its content.
func (w *Weights) least(score int) relevance.Gain {
	if w.Content == 0 {
		return 0
	}
	// The content has to give what the other criteria cannot, in points that were rounded down.
	return relevance.GainOf((score - (whole - w.Content)) * whole / w.Content)
}

// spare is how many more candidates are read back than are asked for, because some may turn out to have changed.
const spare = 10

var scratch = sync.Pool{New: func() any { return &scratched{} }}

// scratched is what judging needs for a moment.
type scratched struct {
	content []relevance.Gain
	judging judging
}

// run judges all places of the index, and reads the best back from the database.
func (r *ranking) run(tx *db.Tx, ix *index) error {
	ix.on(r.q.Today)
	ix.mu.RLock()
	r.asked = ix.words.Ask(r.asks.words())
	sc := scratch.Get().(*scratched)
	sc.content = ix.scores(r.asked, sc.content)
	sc.judging.begin(&r.weights, r.q, &ix.table)
	keep := r.limit + spare
	var best []candidate
	floor, least := -1, relevance.Gain(0) // what a place must score, and gain, to be among the best
	var all []candidate                   // only when one is asked about
	for i := range ix.places {
		if !ix.holds(i) {
			continue
		}
		gain := sc.content[i]
		why, points, closer := sc.judging.look(i)
		score := 0
		switch {
		case closer:
			p := &ix.places[i]
			m := r.q.between(p)
			m.content, m.confident = gain.Score(), r.everything || gain.Confident()
			v := judge(&r.weights, r.q, p, m)
			why, score = v.reason, v.score
		case why == possible:
			if len(r.q.Before) > 0 {
				why = r.q.decided(ix.places[i].id)
			}
			if why == possible && !r.everything && !gain.Confident() {
				why = offTopic
			}
			if why == possible {
				if gain.Less(least) && r.why == nil {
					continue
				}
				score = r.weights.Content*gain.Score()/whole + int(points)
			}
		}
		if why != possible {
			r.counts[why]++
			continue
		}
		if r.why != nil {
			all = append(all, candidate{score, int32(i), ix.places[i].id})
		}
		if score < floor {
			continue
		}
		if best = append(best, candidate{score, int32(i), ix.places[i].id}); len(best) >= 2*keep {
			slices.SortFunc(best, ahead)
			best = best[:keep]
			floor = best[keep-1].score
			least = r.weights.least(floor)
		}
	}
	scores := map[uuid.UUID]relevance.Gain{}
	slices.SortFunc(best, ahead)
	for _, c := range best {
		scores[c.id] = sc.content[c.n]
	}
	if r.why != nil {
		if n, ok := ix.find(r.why.UUID()); ok {
			scores[r.why.UUID()] = sc.content[n]
		}
	}
	scratch.Put(sc)
	ix.mu.RUnlock()
	return r.readBack(tx, best, all, scores)
}

// readBack judges the best once more, on what the database says now, and leaves as many as are asked for.
func (r *ranking) readBack(tx *db.Tx, best, all []candidate, scores map[uuid.UUID]relevance.Gain) error {
	again := func(ids []uuid.UUID) ([]ranked, error) {
		ps, err := facts(tx, r.q.Today, ids, newKinship())
		if err != nil {
			return nil, err
		}
		out := make([]ranked, len(ps))
		for i, p := range ps {
			m := r.q.between(&p)
			m.content, m.confident = scores[p.id].Score(), r.everything || scores[p.id].Confident()
			out[i] = ranked{p, m, judge(&r.weights, r.q, &p, m)}
		}
		return out, nil
	}
	for len(best) > 0 && len(r.best) < r.limit {
		n := min(len(best), r.limit-len(r.best)+spare)
		ids := make([]uuid.UUID, n)
		for i, c := range best[:n] {
			ids[i] = c.id
		}
		best = best[n:]
		now, err := again(ids)
		if err != nil {
			return err
		}
		for _, x := range now {
			switch {
			case x.verdict.reason == notPublished: // it left a moment ago
			case x.verdict.reason != possible:
				r.counts[x.verdict.reason]++
			default:
				r.best = append(r.best, x)
			}
		}
	}
	slices.SortFunc(r.best, func(a, b ranked) int {
		return ahead(candidate{a.verdict.score, 0, a.place.id}, candidate{b.verdict.score, 0, b.place.id})
	})
	r.best = r.best[:min(r.limit, len(r.best))]
	if r.why == nil {
		return nil
	}
	now, err := again([]uuid.UUID{r.why.UUID()})
	if err != nil || len(now) == 0 {
		return err
	}
	r.whyNot = &now[0]
	if r.whyNot.verdict.reason == possible {
		own := candidate{r.whyNot.verdict.score, 0, r.whyNot.place.id}
		r.rank = 1
		for _, c := range all {
			if c.id != own.id && ahead(c, own) < 0 {
				r.rank++
			}
		}
	} else {
		r.whyNot.verdict = verdict{reason: r.whyNot.verdict.reason}
	}
	return nil
}

// shown is what a caller reads of a leerplek.
type shown struct {
	ID             id.LeerplekID
	OrganisationID id.OrganisationID
	Title          string
	Description    string
	Function       string
	Topics         db.Strings
}

// tell puts the ranking in words: what the caller's own binding lets it read of the places, and the reasons as it may know
// them.
func (r *ranking) tell(tx *db.Tx, out *Suggestions) error {
	ids := make(db.IDs[uuid.UUID], 0, len(r.best)+1)
	for _, x := range r.best {
		ids = append(ids, x.place.id)
	}
	if r.whyNot != nil {
		ids = append(ids, r.whyNot.place.id)
	}
	seen := map[id.LeerplekID]shown{}
	if len(ids) > 0 {
		var rows []shown
		if err := tx.Select(&rows, `select id, organisation_id, title, topics, coalesce(function, '') as function, description
			from leerplekken where tenant_id = ? and id = any (cast(? as uuid[]))`, tx.Scope.Tenant, ids); err != nil {
			return err
		}
		for _, row := range rows {
			seen[row.ID] = row
		}
	}
	for _, x := range r.best {
		if row, ok := seen[id.LeerplekID(x.place.id)]; ok {
			out.Data = append(out.Data, r.suggestion(x, row))
		}
	}
	if r.whyNot != nil {
		out.WhyNot = r.explain(seen[id.LeerplekID(r.whyNot.place.id)])
	}
	var counts [reasons]int
	for c, n := range r.counts {
		counts[reason(c).public(r.bound)] += n
	}
	for c, n := range counts {
		if n > 0 {
			out.RuledOut = append(out.RuledOut, RuledOut{reasonCodes[c], n})
		}
	}
	return nil
}

func (r *ranking) suggestion(x ranked, row shown) Suggestion {
	s := Suggestion{LeerplekID: row.ID, OrganisationID: row.OrganisationID, Title: row.Title, Score: x.verdict.score, Parts: r.parts(x, row)}
	if !r.bound {
		met, conditions := 0, 0
		for i := range x.place.coaches {
			if c := &x.place.coaches[i]; r.q.lack(c) == possible {
				met += int(c.met)
				conditions += coachConditions
			}
		}
		s.ConditionsMet, s.Conditions = &met, &conditions
	}
	return s
}

// coachConditions are what seed 001, 5.4, asks of a leercoach besides being employed there.
const coachConditions = 4

// explain says what became of the one leerplek that was asked about.
func (r *ranking) explain(row shown) *WhyNot {
	x := *r.whyNot
	w := &WhyNot{LeerplekID: id.LeerplekID(x.place.id), Parts: []Part{}, Detail: emptyDetail()}
	if x.verdict.reason == possible {
		w.Rank, w.Score, w.Parts = &r.rank, &x.verdict.score, r.parts(x, row)
		return w
	}
	why := x.verdict.reason.public(r.bound)
	code := reasonCodes[why]
	w.Reason = &code
	detail := emptyDetail()
	switch why {
	case tooFar:
		detail.Km = km(x.measure.hectometres)
	case noCommonDays:
		detail.Days = &x.measure.days
	case requirementNotMet:
		need := unmet(r.q, &x.place)
		detail.Requirement = &need
	}
	w.Detail = detail
	return w
}

// parts are the points of a place by criterion. Outside a cohort nobody was asked for preferences, and there is no such
// part.
func (r *ranking) parts(x ranked, row shown) []Part {
	of := r.weights.of()
	out := make([]Part, 0, criteria)
	for c := range criteria {
		if c == preference && r.q.Preferences == nil {
			continue
		}
		p := Part{Criterion: criterionNames[c], Points: x.verdict.points[c], Of: of[c], Detail: emptyDetail()}
		a, b := r.q.Employer, x.place.employer
		switch c {
		case content:
			p.Detail.Words, p.Detail.Grounds = r.grounds(x.place.id, row)
			p.Detail.Topics = both(r.asks.Topics, row.Topics)
		case distance:
			p.Detail.Km = km(x.measure.hectometres)
		case availabilityOf:
			if x.measure.days != unknown {
				p.Detail.Days = &x.measure.days
			}
		case size:
			p.Detail.SameSize = same(a.band != unknown && b.band != unknown, a.band == b.band)
		case workforce:
			p.Detail.SameWorkforce = same(a.workforce != "" && b.workforce != "", a.workforce == b.workforce)
		case crossSector:
			p.Detail.OtherSector = same(true, a.sector != b.sector)
		}
		out = append(out, p)
	}
	return out
}

func emptyDetail() Detail { return Detail{Words: []string{}, Topics: []string{}, Grounds: []Ground{}} }

func km(hectometres int) *float64 {
	if hectometres == unknown {
		return nil
	}
	n := float64(hectometres) / 10
	return &n
}

func same(known, is bool) *bool {
	if !known {
		return nil
	}
	return &is
}

// both are the topics of a place that the question names too.
func both(asked, said []string) []string {
	out := []string{}
	for _, t := range said {
		if slices.ContainsFunc(asked, func(a string) bool { return fold(a) == fold(t) }) {
			out = append(out, t)
		}
	}
	return out
}

// maxWords is how many words of a place an answer shows.
const maxWords = 8

// grounds say which words of the place answer the question. A bound caller is shown words of what a published leerplek
// shows alone: the name of its department and the sector of its employer are not for everybody.
func (r *ranking) grounds(leerplek uuid.UUID, row shown) ([]string, []Ground) {
	words, grounds := []string{}, []Ground{}
	hit, ok := r.asked.Score(leerplek)
	if !ok {
		return words, grounds
	}
	text := ""
	if r.bound {
		text = strings.ToLower(strings.Join(append([]string{row.Title, row.Description, row.Function}, row.Topics...), "\n"))
	}
	for _, b := range hit.Because {
		if r.bound && !strings.Contains(text, b.Found) {
			continue
		}
		grounds = append(grounds, Ground{string(b.Kind), b.Term, b.Found, b.Via, b.Points * r.weights.Content / whole})
		if b.Found != "" && !slices.Contains(words, b.Found) && len(words) < maxWords {
			words = append(words, b.Found)
		}
	}
	return words, grounds
}

// Bytes is about how much memory the indexes of all tenants take.
func (s *Service) Bytes() int { return s.cache.held() }

// Warm makes the indexes of tenants with so many leerplekken that callers would not wait for theirs, one at a time, in a
// process that begins: until then such callers are answered without one. It returns when they are there, or when ctx ends.
func (s *Service) Warm(ctx context.Context) { s.cache.warm(ctx) }
