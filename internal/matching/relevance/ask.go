package relevance

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"strings"
)

// Question is what a leervraag asks. Nothing in it is obligatory.
type Question struct {
	Title, Text string
	Goals       []string
	Topics      []string // words, or IDs of concepts of a vocabulary with topics
}

// Asked is a question, prepared for the index as it was at that moment. It can be used by several callers at once.
type Asked struct {
	ix    *Index
	state *state
	words []askedWord
	signs []asked
	story float64 // how far it is about something, of 1
}

type askedWord struct {
	text   string
	weight float64
}

// asked is a feature that a question looks for.
type asked struct {
	feature uint32
	known   bool // to the index
	name    string
	channel channel
	kind    Kind
	word    int    // whose sign it is, of the question's words
	via     string // the concept, or the word that it was taken for
	weight  float64
	points  uint64 // what a document gains per unit of impact: see both
}

// scale is what a document gains that has all of a question at full strength; 32 bits hold it.
const scale = full * unit

const unit = 1 << 27

// both packs what is gained, and how much of that is evidence, so that one addition counts both.
func both(gain, evidence float64) uint64 {
	return uint64(math.Round(unit*evidence))<<32 | uint64(math.Round(unit*gain))
}

// maxAsked is how many words of a question are heard.
const maxAsked = 400

// maxSigns is how many features of a channel are looked for, the rarest and heaviest. Of a label that is all; of a story it
// leaves out what would take long and says little.
var maxSigns = [channels]int{words: 60, spelling: 48, concepts: 32, domains: 5, topics: 60}

// Ask prepares a question.
func (ix *Index) Ask(q Question) *Asked {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	a := &Asked{ix: ix, state: ix.state.Load()}
	x := a.state.lexicon
	l := listener{x: x, a: a, place: map[string]int{}, number: map[string]int{}}
	l.hear(q.Title, tuning.ask.title)
	for _, g := range q.Goals {
		l.hear(g, tuning.ask.goals)
	}
	for _, t := range q.Topics {
		l.topic(t)
	}
	l.hear(q.Text, tuning.ask.text)
	var most float64
	if known := ix.learned.Load(); known != nil {
		most = l.recall(*known)
	}
	l.weigh(most)
	return a
}

type listener struct {
	x      *lexicon
	a      *Asked
	place  map[string]int // of the signs
	number map[string]int // of the words
	heard  int            // words
	said   int            // words beside those with which people ask
}

// sign adds what a question looks for. Of a feature with two grounds the stronger counts; grams add up.
func (l *listener) sign(c channel, key string, kind Kind, word int, via string, weight float64) {
	full := prefixes[c:c+1] + key
	i, ok := l.place[full]
	if !ok {
		f, known := l.x.has(c, key)
		l.place[full] = len(l.a.signs)
		l.a.signs = append(l.a.signs, asked{f, known, full, c, kind, word, via, weight, 0})
		return
	}
	s := &l.a.signs[i]
	switch {
	case c == spelling || c == domains:
		s.weight = min(s.weight+weight, tuning.most)
	case weight > s.weight:
		s.kind, s.word, s.via, s.weight = kind, word, via, weight
	}
}

func (l *listener) topic(t string) {
	for n, v := range l.x.vocabularies {
		if id, ok := v.byID[t]; ok && v.topics {
			label := v.concepts[id].Label
			w := l.word(label, 0)
			l.x.above(uint64(n)<<vocabularyBit|uint64(id), func(key string, weight float64) {
				l.sign(topics, key, Topic, w, label, weight)
			})
			t = label
			break
		}
	}
	if !strings.Contains(t, "://") {
		l.hear(t, tuning.ask.topics)
	}
}

// word gives a word of the question its number.
func (l *listener) word(text string, weight float64) int {
	i, ok := l.number[text]
	if !ok {
		i = len(l.a.words)
		l.number[text] = i
		l.a.words = append(l.a.words, askedWord{text: text})
	}
	w := &l.a.words[i]
	w.weight = min(w.weight+weight, max(w.weight, weight, tuning.most))
	return i
}

// hear takes in one text of the question.
func (l *listener) hear(text string, weight float64) {
	var heard []string
	eachWord(text, nil, func(w []byte) {
		if l.heard++; l.heard <= maxAsked {
			heard = append(heard, string(w))
		}
	})
	var marks [][]uint32
	var numbers []int
	var weights []float64
	left := strip(heard)
	l.said += len(left)
	for _, w := range left {
		if stopWords[w] || len(w) == 1 {
			continue
		}
		weight := weight
		if weakWords[w] || w[0] <= '9' {
			weight *= tuning.ask.weak
		}
		n := l.word(w, weight)
		weight = l.a.words[n].weight
		an := l.x.analyse(w)
		for _, g := range an.grams {
			l.sign(spelling, g, Gram, n, "", weight)
		}
		via := ""
		if meant := l.x.correct(w, an); meant != "" {
			l.sign(words, an.stem, Word, n, "", weight*(1-tuning.ask.corrected))
			an, via = l.x.analyse(meant), meant
			weight *= tuning.ask.corrected
			for _, g := range an.grams {
				l.sign(spelling, g, Gram, n, via, weight)
			}
		}
		l.sign(words, an.stem, Word, n, via, weight)
		for _, p := range an.parts {
			l.sign(words, p, Part, n, via, weight*part/1000)
		}
		for _, m := range an.concepts {
			l.mean(m, n, weight)
		}
		marks, numbers, weights = append(marks, pack(an.marks)), append(numbers, n), append(weights, weight)
	}
	l.x.phrases(marks, func(i int, m meaning) { l.mean(m, numbers[i], weights[i]) })
}

func (l *listener) mean(m meaning, word int, weight float64) {
	key, domain := l.x.conceptKeys(m.vocabulary, m.concept)
	weight *= float64(m.weight) / 1000
	l.sign(concepts, key, Synonym, word, l.x.vocabularies[m.vocabulary].concepts[m.concept].Label, weight)
	if domain != "" {
		l.sign(domains, domain, Field, word, domain, weight)
	}
}

// weigh divides the scale over the signs: each channel its share, in it each sign by its weight and rarity. What was learned
// comes on top, up to its own share.
func (l *listener) weigh(learned float64) {
	strength := func(s *asked) float64 {
		if !l.x.inBase(s.feature, s.known) { // whether a later document has it or not, the ceiling stays where it was
			return l.a.rarity(s) * tuning.unseen
		}
		if l.x.dull[s.feature] {
			return 0
		}
		return l.a.rarity(s)
	}
	signs := l.a.signs
	slices.SortStableFunc(signs, func(a, b asked) int { return -cmp.Compare(strength(&a), strength(&b)) })
	var many [channels]int
	signs = slices.DeleteFunc(signs, func(s asked) bool {
		many[s.channel]++
		return many[s.channel] > maxSigns[s.channel] || strength(&s) == 0
	})
	var ceiling [channels]float64
	taught := 0.0
	for i := range signs {
		s := &signs[i]
		c := strength(s)
		if s.kind == Learned {
			taught += c
			continue
		}
		ceiling[s.channel] += c
	}
	l.a.story = storyOf(l.said)
	var share [channels]float64
	whole := 0.0
	for c, top := range ceiling {
		if top > 0 {
			share[c] = tuning.channel[c].weight
			if channel(c) == concepts || channel(c) == domains {
				share[c] *= l.a.story
			}
			whole += share[c]
		}
	}
	for i := range signs {
		s := &signs[i]
		if s.kind == Learned && taught > 0 {
			gain := tuning.learned * learned * strength(s) / taught
			s.points = both(gain, gain)
		} else if s.known && ceiling[s.channel] > 0 {
			gain := share[s.channel] / whole * strength(s) / ceiling[s.channel]
			s.points = both(gain, gain*tuning.evidence[s.channel])
		}
	}
	slices.SortStableFunc(signs, func(a, b asked) int { return cmp.Compare(a.feature, b.feature) })
	l.a.signs = signs
}

// storyOf is how far a question of so many words is about something: a label is looked for by its letters, a story by what it is about.
func storyOf(said int) float64 { return 1 / (1 + math.Pow(tuning.story/max(1, float64(said)), 3)) }

// minFuzzy is the shortest word that may be misspelled.
const minFuzzy = 4

// correct gives the word that an unknown word may stand for: one that sounds alike, or all but one letter. Empty: it is
// known, or nothing is near.
func (x *lexicon) correct(word string, a analysis) string {
	f, known := x.has(words, a.stem)
	if x.inBase(f, known) || len(a.marks)+len(a.concepts)+len(a.parts) > 0 || len(word) < minFuzzy || !isAlpha(word) {
		return ""
	}
	s := sound(word)
	if w := x.sounding(s); w != "" {
		return w
	}
	if len(s) < minFuzzy+1 {
		return ""
	}
	return x.near(s)
}

// near looks for a sound that differs in one letter, its first letter kept.
func (x *lexicon) near(s string) string {
	b := make([]byte, 0, len(s)+1)
	for i := 1; i < len(s); i++ { // two letters changed places, or one is too many
		if i+1 < len(s) {
			b = append(append(b[:0], s[:i]...), s[i+1], s[i])
			if w := x.sounding(string(append(b, s[i+2:]...))); w != "" {
				return w
			}
		}
		b = append(append(b[:0], s[:i]...), s[i+1:]...)
		if w := x.sounding(string(b)); w != "" {
			return w
		}
	}
	for i := 1; i <= len(s); i++ { // one is missing, or another
		for c := byte('a'); c <= 'z'; c++ {
			b = append(append(append(b[:0], s[:i]...), c), s[i:]...)
			if w := x.sounding(string(b)); w != "" {
				return w
			}
			if i < len(s) {
				b = append(append(append(b[:0], s[:i]...), c), s[i+1:]...)
				if w := x.sounding(string(b)); w != "" {
					return w
				}
			}
		}
	}
	return ""
}

// sounding gives a known word with a sound: of the documents, or of a vocabulary.
func (x *lexicon) sounding(s string) string {
	h := uint64(hashOf(s)) << 32
	i, _ := slices.BinarySearch(x.bySound, h)
	first := ""
	for ; i < len(x.bySound) && x.bySound[i]>>32 == h>>32; i++ {
		if w := x.words.name(uint32(x.bySound[i])); sound(w) == s && (first == "" || w < first) {
			first = w
		}
	}
	if first != "" {
		return first
	}
	for _, v := range x.vocabularies {
		if w := v.sounds[s]; len(w) >= minFuzzy {
			return w
		}
	}
	return ""
}

// scratch is what one question needs while it is answered.
type scratch struct {
	sums []Gain   // by document of the base
	sign []uint16 // by feature: 1 + its place among the signs of the question, or 0
	*gatherer
	spots   []spot // by sign
	grounds []ground
}

// borrow takes a scratch for the question; give it back with done.
func (a *Asked) borrow() *scratch {
	x := a.state.lexicon
	sc, _ := a.ix.pool.Get().(*scratch)
	if sc == nil || sc.x != x {
		sc = &scratch{gatherer: newGatherer(x)}
	}
	if n := len(a.state.base.ids); len(sc.sums) != n {
		sc.sums = make([]Gain, n)
	}
	for i, s := range a.signs {
		if s.known {
			if int(s.feature) >= len(sc.sign) {
				sc.sign = append(sc.sign, make([]uint16, int(s.feature)+1-len(sc.sign))...)
			}
			sc.sign[s.feature] = uint16(i + 1)
		}
	}
	return sc
}

func (a *Asked) done(sc *scratch) {
	for _, s := range a.signs {
		if s.known {
			sc.sign[s.feature] = 0
		}
	}
	a.ix.pool.Put(sc)
}

// wanted gives the sign that a feature is, or nil.
func (a *Asked) wanted(sc *scratch, f uint32) *asked {
	if int(f) < len(sc.sign) && sc.sign[f] > 0 {
		return &a.signs[sc.sign[f]-1]
	}
	return nil
}

// total adds up what every document of the base gains.
func (a *Asked) total(sums []Gain) {
	clear(sums)
	b := a.state.base
	for i := range a.signs {
		s := &a.signs[i]
		if s.points == 0 || int(s.feature)+1 >= len(b.starts) {
			continue
		}
		list := b.postings[b.starts[s.feature]:b.starts[s.feature+1]]
		for len(list) > 0 {
			head, n := binary.Uvarint(list)
			list = list[n:]
			points, many := Gain(s.points*(head&full)), head>>(impactBits+1)
			if head>>impactBits&1 == 1 {
				list = list[addHalves(sums, list, many, points):]
			} else {
				list = list[addWhole(sums, list, many, points):]
			}
		}
	}
}

// addWhole gives the documents of a group their points, and says how many bytes they took: a distance is a varint.
func addWhole(sums []Gain, list []byte, many uint64, points Gain) int {
	at, doc := 0, ^uint32(0)
	for range many {
		d := uint32(list[at])
		if at++; d >= 0x80 {
			d &= 0x7f
			for shift := 7; ; shift += 7 {
				c := uint32(list[at])
				at++
				d |= c & 0x7f << shift
				if c < 0x80 {
					break
				}
			}
		}
		doc += d
		sums[doc] += points
	}
	return at
}

// addHalves is addWhole where a distance is half a byte, or more of them.
func addHalves(sums []Gain, list []byte, many uint64, points Gain) int {
	doc := ^uint32(0)
	for at, two := range list {
		if d := uint32(two & 15); d == 0 {
			doc += 15
		} else {
			doc += d
			sums[doc] += points
			if many--; many == 0 {
				return at + 1
			}
		}
		if d := uint32(two >> 4); d == 0 {
			doc += 15
		} else {
			doc += d
			sums[doc] += points
			if many--; many == 0 {
				return at + 1
			}
		}
	}
	return len(list)
}

// gain adds up what a document gains that came after the base was built.
func (a *Asked) gain(sc *scratch, l *late) (sum uint64) {
	for _, w := range l.features {
		if s := a.wanted(sc, w.feature); s != nil {
			sum += s.points * uint64(w.impact)
		}
	}
	return sum
}

// outOf turns a gain into a score of 0 to 10,000. Nobody says all that is asked, in the same words: at a fifth of the gain
// more than half of the score is reached.
func outOf(gain uint64) int {
	g := gain & (1<<32 - 1)
	return int(min(10000, 12000*g/(g+scale/5)))
}

// confident says whether a document may be proposed.
func confident(gain uint64) bool { return gain>>32 >= evidenceNeeded }

// Gain is how much of a question a document has; 0 is nothing.
type Gain uint64

// Score is the gain as a score, of 0 to 10,000.
func (g Gain) Score() int { return outOf(uint64(g)) }

// Less says that a document has less of a question than another.
func (g Gain) Less(o Gain) bool { return uint32(g) < uint32(o) }

// GainOf is the least gain with a score, 0 for one below 1.
func GainOf(score int) Gain {
	if score <= 0 {
		return 0
	}
	low, high := uint64(0), uint64(1<<32-1)
	for low < high {
		if middle := (low + high) / 2; outOf(middle) < score {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return Gain(low)
}

// Confident says whether the document may be proposed.
func (g Gain) Confident() bool { return confident(uint64(g)) }

// All calls f with the gain of every document that has anything of the question. first is its place among the documents
// that the index was built from, in the order of their IDs; or negative, for one that changed since, and for all once the
// index was folded.
func (a *Asked) All(f func(first int, id ID, gain Gain)) {
	sc := a.borrow()
	defer a.done(sc)
	a.total(sc.sums)
	s := a.state
	for i, gain := range sc.sums {
		if gain > 0 && !s.isDead(i) {
			first := i
			if s.folded {
				first = -1
			}
			f(first, s.base.ids[i], gain)
		}
	}
	for _, l := range s.tail {
		if gain := a.gain(sc, l); gain > 0 {
			f(-1, l.id, Gain(gain))
		}
	}
}

// Gains is All at once, for who knows the documents that the index was built from by their places in the order of their IDs:
// out begins with their gains, those that were removed or replaced too, and zeros follow; then f is called with every document
// that changed since, whatever its gain. Where the index was folded, or has more such documents than out is long, it does
// nothing and says false.
func (a *Asked) Gains(out []Gain, f func(id ID, gain Gain)) bool {
	s := a.state
	n := len(s.base.ids)
	if s.folded || n > len(out) {
		return false
	}
	a.total(out[:n])
	clear(out[n:])
	if len(s.tail) > 0 {
		sc := a.borrow()
		defer a.done(sc)
		for _, l := range s.tail {
			f(l.id, Gain(a.gain(sc, l)))
		}
	}
	return true
}

type candidate struct {
	id   ID
	gain uint64
	text []byte
}

func (c candidate) low() uint32 { return uint32(c.gain) }

// better orders candidates, best first; IDs decide between equals.
func better(a, b candidate) int {
	return cmp.Or(-cmp.Compare(a.low(), b.low()), bytes.Compare(a.id[:], b.id[:]))
}

// Top gives the best k documents that keep wants, best first; nil keeps all. Equal scores stand in the order of their IDs.
func (a *Asked) Top(k int, keep func(id ID) bool) []Hit {
	if k <= 0 {
		return nil
	}
	sc := a.borrow()
	defer a.done(sc)
	best := make([]candidate, 0, min(2*k, 4096))
	floor := uint32(0)
	consider := func(id ID, gain uint64, text []byte) {
		if gain == 0 || uint32(gain) < floor || keep != nil && !keep(id) {
			return
		}
		if best = append(best, candidate{id, gain, text}); len(best) >= 2*k {
			slices.SortFunc(best, better)
			best = best[:k]
			floor = best[k-1].low()
		}
	}
	a.total(sc.sums)
	s := a.state
	for i, gain := range sc.sums {
		if gain > 0 && !s.isDead(i) {
			consider(s.base.ids[i], uint64(gain), s.base.text(i))
		}
	}
	for _, l := range s.tail {
		consider(l.id, a.gain(sc, l), l.text)
	}
	slices.SortFunc(best, better)
	best = best[:min(k, len(best))]
	a.ix.mu.RLock()
	defer a.ix.mu.RUnlock()
	out := make([]Hit, 0, len(best))
	for _, c := range best {
		out = append(out, a.explain(sc, c))
	}
	return out
}

// Would gives the hit that a document would be if the index had it, as it is. The index does not change.
func (a *Asked) Would(d Document) Hit {
	a.ix.mu.Lock() // new words get their numbers
	defer a.ix.mu.Unlock()
	sc := a.borrow()
	defer a.done(sc)
	return a.read(sc, candidate{id: d.ID, text: a.state.lexicon.keep(nil, &d)})
}

// read adds up what a document gains by reading it.
func (a *Asked) read(sc *scratch, c candidate) Hit {
	sc.gather(c.text)
	for _, f := range sc.touched {
		if s := a.wanted(sc, f); s != nil {
			c.gain += s.points * uint64(sc.impact(f, &a.state.base.average))
		}
	}
	return a.explain(sc, c)
}

// Score gives one document's hit, and whether the index has the document.
func (a *Asked) Score(id ID) (Hit, bool) {
	s := a.state
	sc := a.borrow()
	defer a.done(sc)
	a.ix.mu.RLock()
	defer a.ix.mu.RUnlock()
	for _, l := range s.tail {
		if l.id == id {
			return a.explain(sc, candidate{id, a.gain(sc, l), l.text}), true
		}
	}
	i, ok := s.base.find(id)
	if !ok || s.isDead(i) {
		return Hit{ID: id}, false
	}
	return a.read(sc, candidate{id: id, text: s.base.text(i)}), true
}
