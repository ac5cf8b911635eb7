package matching

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/cohort"
	"github.com/switchingtalent/switchboard/internal/matching/relevance"
)

// maxHeld is how many possible pairs a run holds in memory at most: four bytes each, so 240 MB. Rows beyond are judged again
// whenever they are asked for.
const maxHeld = 60_000_000

// together is how many rows are judged at a time, by all workers: enough to keep them busy, few enough to be told of, and
// stopped between, now and then.
const together = 64

// pair is a place that is possible for a leervraag, with its score, of 10,000.
type pair struct{ place, score int32 }

// judged is a pair and how well its words answer, of 10,000.
type judged struct {
	pair
	content int32
}

// heard says whether the words of the place where a leervraag stands answer it: they let it in, or it is there whatever they say.
type heard int8

const (
	unasked   heard = iota // the run that this one is based on does not say
	answering              //
	silent                 //
)

// held is a pair as it is held, in four bytes: there are millions.
type held struct{ place, score uint16 }

const _ = uint16(cohort.MaxParticipants) // places fit in a held

// desk is what one worker judges rows at.
type desk struct {
	topics  []relevance.Gain // the words, by place
	asks    question
	judging judging
	kept    []judged
}

// workers is how many rows are judged at the same time: one core is left to those who answer requests in the same process.
func workers() int { return max(1, runtime.GOMAXPROCS(0)-1) }

// eachRow calls f for rows from..to-1, several at a time. What a row comes to depends on no other. A panic of f is that of
// the caller, whose job ends with it; elsewhere it would end the process.
func (r *run) eachRow(from, to int32, f func(d *desk, k int32)) {
	n := min(workers(), int(to-from))
	for len(r.desks) < n {
		r.desks = append(r.desks, &desk{})
	}
	var next atomic.Int32
	next.Store(from)
	var wg sync.WaitGroup
	broken := make(chan any, n)
	for _, d := range r.desks[:n] {
		wg.Go(func() {
			defer func() {
				if why := recover(); why != nil {
					broken <- why
				}
			}()
			for k := next.Add(1) - 1; k < to; k = next.Add(1) - 1 {
				f(d, k)
			}
		})
	}
	wg.Wait()
	select {
	case why := <-broken:
		panic(why)
	default:
	}
}

// begin takes up a leervraag. It is judged as if each place and each leercoach had room for one more: what a place that was full before
// the run would be worth is then known too, and how much room there is, is for the solver to heed.
func (d *desk) begin(r *run, q *participant) {
	d.asks = q.question
	d.asks.More = 1
	d.judging.begin(&r.weights, &d.asks, &r.places.table)
}

// row judges all places for one row: those that are possible, or would be with room for one more, in their order.
func (r *run) row(d *desk, k int32, into []judged) []judged {
	q := &r.questions[r.asking[k]]
	d.topics = r.places.scores(r.places.words.Ask(q.words), d.topics)
	d.begin(r, q)
	for i, gain := range d.topics {
		n := int32(i)
		if n == r.current[k] {
			r.stands(k, gain.Confident())
		}
		if (n == r.current[k] || gain.Confident()) && r.places.holds(i) { // else it is off topic, whatever more, or left
			into = r.look(d, q, n, int32(gain.Score()), into)
		}
	}
	return into
}

// stands notes whether the words of the place where a leervraag stands answer it.
func (r *run) stands(k int32, confident bool) {
	switch {
	case r.answers == nil: // nobody asks
	case confident:
		r.answers[k] = answering
	default:
		r.answers[k] = silent
	}
}

// look adds a place whose words answer a question, if nothing else rules it out. The desk has begun with the question.
func (r *run) look(d *desk, q *participant, n, content int32, into []judged) []judged {
	why, points, closer := d.judging.look(int(n))
	score := int32(r.weights.Content)*content/whole + points
	p := &r.places.places[n]
	switch {
	case closer:
		v := judge(&r.weights, &d.asks, p, measure{content: int(content), confident: true, hectometres: q.far(p.site), days: q.common(p.when)})
		why, score = v.reason, int32(v.score)
	case why == possible:
		why = q.decided(p.id)
	}
	if why != possible {
		return into
	}
	return append(into, judged{pair{n, score}, content})
}

// reuse takes over what the words of places say from the run that this one is based on, for a leervraag of which nothing
// changed: of places of which nothing changed either. The others are asked on the same scale, so that the row is what judging
// all of it would give. Days, distances and weights are looked at again: they cost little.
func (r *run) reuse(d *desk, k int32, into []judged) ([]judged, bool) {
	b, i := r.base, r.asking[k]
	if r.same == nil {
		return into, false
	}
	q := &r.questions[i]
	row, ok := b.row[uuid.UUID(q.ID)]
	if !ok || !b.Kept[row] || b.Prints[b.Asking[row]] != r.prints.questions[i] {
		return into, false
	}
	d.begin(r, q)
	was, now, found := none, r.current[k], false
	if c := b.Current[row]; c != none {
		was = r.same[c]
	}
	d.kept = b.pairs(row, d.kept[:0])
	for _, x := range d.kept {
		// Where it stood then was let in whatever its words say.
		if n := r.same[x.place]; n != none && (n != was || n == now) {
			if n == now {
				found = true
				if n != was {
					r.stands(k, true)
				} else if b.Answers != nil {
					r.answers[k] = b.Answers[row]
				}
			}
			into = r.look(d, q, n, x.content, into)
		}
	}
	var again [2]int32 // places of which nothing changed, but whether it stands there
	more := again[:0]
	if was != none && was != now {
		more = append(more, was)
	}
	if now != none && !found && !r.isFresh(now) {
		more = append(more, now)
	}
	if len(more) > 0 {
		asked := r.places.words.Ask(q.words)
		for _, n := range more {
			hit, _ := asked.Score(r.places.places[n].id)
			if n == now {
				r.stands(k, hit.Confident)
			}
			if n == now || hit.Confident {
				into = r.look(d, q, n, int32(hit.Score), into)
			}
		}
	}
	if len(r.fresh) > 0 {
		d.topics = r.late.scores(r.late.words.Ask(q.words), d.topics)
		for j, gain := range d.topics {
			n := r.fresh[j]
			if n == now {
				r.stands(k, gain.Confident())
			}
			if n == now || gain.Confident() {
				into = r.look(d, q, n, int32(gain.Score()), into)
			}
		}
	}
	slices.SortFunc(into, func(a, b judged) int { return cmp.Compare(a.place, b.place) })
	return into, true
}

func (r *run) isFresh(n int32) bool {
	_, ok := slices.BinarySearch(r.fresh, n)
	return ok
}

// judgeAll judges every pair, and holds what is possible as long as there is room.
func (r *run) judgeAll(ctx context.Context) error {
	var found [together][]judged
	var taken [together]bool
	all, kept, n := 0, 0, int32(len(r.asking))
	for from := int32(0); from < n; from += together {
		to := min(n, from+together)
		r.eachRow(from, to, func(d *desk, k int32) {
			i := k - from
			if found[i], taken[i] = r.reuse(d, k, found[i][:0]); !taken[i] {
				found[i] = r.row(d, k, found[i])
			}
		})
		for k := from; k < to; k++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := r.step(stageJudging, int(k), int(n)); err != nil {
				return err
			}
			list := found[k-from]
			if !taken[k-from] {
				r.anew++
			}
			for _, x := range list {
				r.wide = max(r.wide, abs(r.cost(k, x.pair)))
			}
			if all+len(list) > r.room {
				continue
			}
			all += len(list)
			r.hold(k, list)
			if kept+len(list) <= maxKept {
				kept += len(list)
				r.contents[k] = make([]uint16, len(list))
				for i, x := range list {
					r.contents[k][i] = uint16(x.content)
				}
			}
		}
	}
	return nil
}

// hold keeps a row, in a block that it shares with others.
func (r *run) hold(k int32, list []judged) {
	if cap(r.block)-len(r.block) < len(list) {
		r.block = make([]held, 0, max(1<<16, len(list)))
	}
	from := len(r.block)
	for _, x := range list {
		r.block = append(r.block, held{uint16(x.place), uint16(x.score)})
	}
	r.rows[k], r.held[k] = r.block[from:len(r.block):len(r.block)], true
}

// open are the pairs of a row at places that could take somebody when the run began.
func (r *run) open(k int32, into []pair) []pair {
	return slices.DeleteFunc(r.pairs(k, into), func(x pair) bool { return !r.takes[x.place] })
}

// shut are the best of its other pairs: at places that could take somebody if they, or a leercoach there, had room for one more.
func (r *run) shut(k int32, into []pair) []pair {
	into = slices.DeleteFunc(r.pairs(k, into), func(x pair) bool { return r.takes[x.place] })
	if most := candidatesOf(len(r.asking)); len(into) > most {
		slices.SortFunc(into, func(a, b pair) int {
			return cmp.Or(cmp.Compare(r.cost(k, a), r.cost(k, b)), cmp.Compare(a.place, b.place))
		})
		into = into[:most]
	}
	return into
}

// pairs are all places that are possible for a row, or would be with room for one more. Whoever goes through rows that are not held, one after another, gets
// them from a window that is judged ahead.
func (r *run) pairs(k int32, into []pair) []pair {
	if r.held[k] {
		for _, x := range r.rows[k] {
			into = append(into, pair{int32(x.place), int32(x.score)})
		}
		return into
	}
	w := &r.window
	if k < w.from || int(k-w.from) >= len(w.rows) {
		to := k + 1
		if k == w.from+int32(len(w.rows)) || k == r.firstFree() {
			to = min(k+together, int32(len(r.asking)))
		}
		w.from, w.rows = k, slices.Grow(w.rows[:0], together)[:to-k]
		r.eachRow(k, to, func(d *desk, i int32) {
			if !r.held[i] {
				w.rows[i-k] = r.row(d, i, w.rows[i-k][:0])
			}
		})
	}
	for _, x := range w.rows[k-w.from] {
		into = append(into, x.pair)
	}
	return into
}

// firstFree is the first row that is not held.
func (r *run) firstFree() int32 { return int32(slices.Index(r.held, false)) }

// heardOf is how well the words of a place answer a row.
func (r *run) heardOf(k, place int32) int {
	if r.contents[k] != nil {
		if i, ok := slices.BinarySearchFunc(r.rows[k], place, func(x held, p int32) int { return cmp.Compare(int32(x.place), p) }); ok {
			return int(r.contents[k][i])
		}
	}
	hit, _ := r.places.words.Ask(r.questions[r.asking[k]].words).Score(r.places.places[place].id)
	return hit.Score
}
