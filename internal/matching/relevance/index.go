// Package relevance says how well the text of a leerplek answers the text of a leervraag, in Dutch, without a database
// and without models: stems, parts of compounds, spelling, and a thesaurus of work.
package relevance

import (
	"bytes"
	"encoding/binary"
	"iter"
	"math"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// ID is what a document is known by.
type ID = [16]byte

// Document is what a leerplek says of itself. Nothing in it is obligatory.
type Document struct {
	ID                                               ID
	Title, Description, Department, Function, Sector string
	Topics                                           []string // words, or IDs of concepts of a vocabulary with topics
}

// Options say how an index is built.
type Options struct {
	Vocabularies []*Vocabulary // beside the thesaurus that is shipped: ESCO
	Synonyms     [][]string    // what the tenant calls one thing: each list is a concept
}

// fields, in the order in which a document's words are kept.
const (
	inTitle = iota
	inTopics
	inFunction
	inDepartment
	inSector
	inDescription
	nFields
)

// firstWord is where the numbers of words begin in a kept document: below are the fields, and pause between phrases.
const (
	pause     = nFields
	named     = nFields + 1 // a concept, by vocabulary and number, follows
	firstWord = nFields + 2
)

// Index finds documents. Any number of callers may ask it while one or more change it; what they find is as of one moment.
type Index struct {
	options Options

	mu    sync.RWMutex // guards the lexicon, and changing the state
	state atomic.Pointer[state]
	pool  sync.Pool // of scratch

	learned atomic.Pointer[learned]
}

// state is what the index holds at one moment. But for the lexicon, which grows, nothing that it points at changes.
type state struct {
	lexicon *lexicon
	base    *base
	dead    []uint64 // bits of the base: removed or replaced
	tail    []*late  // each ID once
	live    int
	folded  bool // the base is another than the index was built with
}

// late is a document that came after the base was built.
type late struct {
	id       ID
	text     []byte
	features []weighted
}

// An impact is how strong a feature is in a document, of full; four bits serve.
const (
	impactBits = 4
	full       = 1<<impactBits - 1
)

// weighted is a feature of a document and its impact.
type weighted struct {
	feature uint32
	impact  uint8
}

// base is the documents that the index was built from, in the order of their ids.
type base struct {
	ids      []ID
	texts    []byte // each document's fields and words, as varints
	offsets  []uint32
	postings []byte // of each feature, by impact: how many documents have it with that impact, and the distances between them; see appendGroup
	starts   []uint32
	average  [channels]float64 // length
}

// Build makes an index of documents. Of two with one ID the later one counts. How rare words are is fixed here: what is
// changed later does not change what other documents score, until Fold.
func Build(options Options, documents iter.Seq[Document]) (*Index, error) {
	return BuildOn(nil, options, documents)
}

// BuildOn makes an index of documents on the scale of another, which was built with the same options and of whose documents
// these are what they became; nil: on their own.
func BuildOn(scale *Scale, options Options, documents iter.Seq[Document]) (*Index, error) {
	ix := &Index{options: options}
	ix.options.Vocabularies = append([]*Vocabulary{shipped()}, options.Vocabularies...)
	if len(options.Synonyms) > 0 {
		own, err := synonyms(options.Synonyms)
		if err != nil {
			return nil, err
		}
		ix.options.Vocabularies = append(ix.options.Vocabularies, own)
	}
	var x *lexicon
	b := &base{offsets: make([]uint32, 1)}
	if scale != nil {
		x = scale.lexicon(ix.options.Vocabularies)
		copy(b.average[:], scale.Average)
	} else {
		x = newLexicon(ix.options.Vocabularies)
	}
	type kept struct {
		id         ID
		start, end uint32
	}
	var docs []kept
	var texts []byte
	for d := range documents {
		start := len(texts)
		texts = x.keep(texts, &d)
		docs = append(docs, kept{d.ID, uint32(start), uint32(len(texts))})
	}
	slices.SortStableFunc(docs, func(a, b kept) int { return bytes.Compare(a.id[:], b.id[:]) })
	b.texts = make([]byte, 0, len(texts))
	for i, d := range docs {
		if i+1 < len(docs) && docs[i+1].id == d.id {
			continue
		}
		b.ids = append(b.ids, d.id)
		b.texts = append(b.texts, texts[d.start:d.end]...)
		b.offsets = append(b.offsets, uint32(len(b.texts)))
	}
	if scale == nil {
		b.build(x)
	} else {
		b.post(x, len(b.ids)*64)
	}
	ix.set(x, b, false)
	return ix, nil
}

func synonyms(lists [][]string) (*Vocabulary, error) {
	var cs []Concept
	for _, l := range lists {
		if len(l) > 0 {
			cs = append(cs, Concept{ID: strings.Join(l, " = "), Label: l[0], Terms: l})
		}
	}
	slices.SortFunc(cs, func(a, b Concept) int { return strings.Compare(a.ID, b.ID) })
	cs = slices.CompactFunc(cs, func(a, b Concept) bool { return a.ID == b.ID })
	return NewVocabulary(cs, false)
}

func (ix *Index) set(x *lexicon, b *base, folded bool) {
	ix.state.Store(&state{lexicon: x, base: b, dead: make([]uint64, (len(b.ids)+63)/64), live: len(b.ids), folded: folded})
}

// maxWords is how many words of a document are looked at.
const maxWords = 4096

// keep writes down a document's words: of each field its mark, then the numbers of its words.
func (x *lexicon) keep(out []byte, d *Document) []byte {
	var buf [maxWord + 8]byte
	left := maxWords
	put := func(text string) {
		eachWord(text, buf[:0], func(w []byte) {
			if left--; left >= 0 {
				out = binary.AppendUvarint(out, uint64(x.number(w))+firstWord)
			}
		})
	}
	field := func(f uint64, text string) {
		if text != "" {
			out = binary.AppendUvarint(out, f)
			put(text)
		}
	}
	field(inTitle, d.Title)
	field(inFunction, d.Function)
	field(inDepartment, d.Department)
	field(inSector, d.Sector)
	if len(d.Topics) > 0 {
		out = binary.AppendUvarint(out, inTopics)
	}
	for _, t := range d.Topics {
		for n, v := range x.vocabularies {
			if id, ok := v.byID[t]; ok && v.topics {
				out = binary.AppendUvarint(out, named)
				out = binary.AppendUvarint(out, uint64(n)<<vocabularyBit|uint64(id))
				t = v.concepts[id].Label
				break
			}
		}
		if !strings.Contains(t, "://") {
			put(t)
			out = binary.AppendUvarint(out, pause)
		}
	}
	field(inDescription, d.Description)
	return out
}

// build fixes the scale, and posts the documents.
func (b *base) build(x *lexicon) {
	// Which words there are decides which are parts of others.
	counts := make([]int, len(x.entries))
	for i := range b.ids {
		b.eachToken(i, func(tok uint64) {
			if tok >= firstWord {
				counts[tok-firstWord]++
			}
		})
	}
	for i, n := range counts {
		x.split.add(x.words.name(uint32(i)), n)
	}
	for i := range x.entries {
		x.enter(uint32(i)).common = counts[i] > max(manyDocuments, len(b.ids)/300)
	}
	// How long texts are, and which grams are in so many that they say nothing, a sample tells.
	const sample = 4096
	step := max(1, len(b.ids)/sample)
	var total [channels]float64
	g := newGatherer(x)
	seen, features := 0, 0
	df := make([]uint32, x.features.len())
	for i := 0; i < len(b.ids); i += step {
		g.gather(b.text(i))
		for c := range total {
			total[c] += g.length[c]
		}
		df = slices.Grow(df, x.features.len()-len(df))[:x.features.len()]
		for _, f := range g.touched {
			df[f]++
		}
		features += len(g.touched)
		seen++
	}
	for c := range total {
		b.average[c] = max(1, total[c]/float64(max(1, seen)))
	}
	x.dull = make([]bool, len(df))
	for f, n := range df {
		if x.channel[f] == spelling && seen >= manyDocuments && float64(rarity(int(n), seen)) < tuning.dullGram {
			x.dull[f] = true
			features -= int(n)
		}
	}
	x.freeze(b.post(x, features*step+features*step/16+1024), len(b.ids))
}

// post writes down which documents have each feature, and returns how many have it. room is about how many pairs there are.
func (b *base) post(x *lexicon, room int) []uint32 {
	g := newGatherer(x)
	// What every document has, then the same by feature.
	of, impact := make([]uint32, 0, room), make([]uint8, 0, room)
	ends := make([]uint32, 0, len(b.ids))
	for i := range b.ids {
		g.gather(b.text(i))
		for _, f := range g.touched {
			of, impact = append(of, f), append(impact, g.impact(f, &b.average))
		}
		ends = append(ends, uint32(len(of)))
	}
	df := make([]uint32, x.features.len())
	x.dull = slices.Grow(x.dull, len(df)-len(x.dull))[:len(df)]
	for _, f := range of {
		df[f]++
	}
	at := make([]uint32, len(df)+1)
	for f, n := range df {
		at[f+1] = at[f] + n
	}
	documents, impacts := make([]uint32, len(of)), make([]uint8, len(of))
	from := uint32(0)
	for i, end := range ends {
		for k := from; k < end; k++ {
			to := at[of[k]]
			at[of[k]]++
			documents[to], impacts[to] = uint32(i), impact[k]
		}
		from = end
	}
	of, impact = nil, nil
	b.starts = make([]uint32, len(df)+1)
	b.postings = make([]byte, 0, len(documents)*2+64)
	o := uint32(0)
	var by [full + 1][]uint32 // by impact: documents that are alike in it need not say it each, and most distances fit in a byte
	for f, n := range df {
		for k := o; k < o+n; k++ {
			by[impacts[k]] = append(by[impacts[k]], documents[k])
		}
		for im, docs := range by {
			if len(docs) == 0 {
				continue
			}
			b.postings = appendGroup(b.postings, docs, im)
			by[im] = docs[:0]
		}
		o += n
		b.starts[f+1] = uint32(len(b.postings))
	}
	b.postings = slices.Clone(b.postings)
	return df
}

// appendGroup writes down the documents that have a feature with one impact: how many there are, and the distance of each from
// the one before. Where most are near, half a byte holds a distance: 0 is fifteen and more to come.
func appendGroup(out []byte, docs []uint32, impact int) []byte {
	whole, half, last := 0, 0, ^uint32(0)
	for _, d := range docs {
		whole += (bits.Len32(d-last) + 6) / 7
		half += int(d-last-1)/15 + 1
		last = d
	}
	last = ^uint32(0)
	if (half+1)/2 >= whole {
		out = binary.AppendUvarint(out, uint64(len(docs))<<(impactBits+1)|uint64(impact))
		for _, d := range docs {
			out = binary.AppendUvarint(out, uint64(d-last))
			last = d
		}
		return out
	}
	out = binary.AppendUvarint(out, uint64(len(docs))<<(impactBits+1)|1<<impactBits|uint64(impact))
	odd := false
	put := func(v byte) {
		if odd {
			out[len(out)-1] |= v << 4
		} else {
			out = append(out, v)
		}
		odd = !odd
	}
	for _, d := range docs {
		for ; d-last > 15; last += 15 {
			put(0)
		}
		put(byte(d - last))
		last = d
	}
	return out
}

// manyDocuments is how many there must be before a gram can be in too many.
const manyDocuments = 50

func (b *base) text(i int) []byte { return b.texts[b.offsets[i]:b.offsets[i+1]] }

func (b *base) eachToken(i int, f func(uint64)) {
	for t := b.text(i); len(t) > 0; {
		v, n := binary.Uvarint(t)
		if t = t[n:]; v == named {
			_, n = binary.Uvarint(t)
			t = t[n:]
		}
		f(v)
	}
}

// find gives a document's place in the base.
func (b *base) find(id ID) (int, bool) {
	return slices.BinarySearchFunc(b.ids, id, func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
}

// gatherer collects the features of one document after another.
type gatherer struct {
	x        *lexicon
	strength []float32 // by feature
	touched  []uint32
	length   [channels]float64
	run      [][]uint32 // marks of the words since the field or phrase began
}

func newGatherer(x *lexicon) *gatherer { return &gatherer{x: x} }

func (g *gatherer) add(f uint32, strength float64) {
	if int(f) >= len(g.strength) {
		g.strength = append(g.strength, make([]float32, max(g.x.features.len(), int(f)+1)-len(g.strength))...)
	}
	if g.strength[f] == 0 {
		g.touched = append(g.touched, f)
	}
	g.strength[f] += float32(strength)
	g.length[g.x.channel[f]] += strength
}

// gather reads one kept document.
func (g *gatherer) gather(text []byte) {
	for _, f := range g.touched {
		g.strength[f] = 0
	}
	g.touched, g.length = g.touched[:0], [channels]float64{}
	field := 0
	for len(text) > 0 {
		tok, n := binary.Uvarint(text)
		text = text[n:]
		switch {
		case tok < nFields:
			g.phrases(field)
			field = int(tok)
		case tok == pause:
			g.phrases(field)
		case tok == named:
			v, n := binary.Uvarint(text)
			text = text[n:]
			g.x.above(v, func(key string, weight float64) {
				f, ok := g.x.has(topics, key)
				if !ok {
					f = g.x.feature(topics, key)
				}
				g.add(f, weight)
			})
		default:
			g.word(uint32(tok-firstWord), field)
		}
	}
	g.phrases(field)
}

func (g *gatherer) word(n uint32, field int) {
	e := g.x.enter(n)
	if e.state == stop {
		return
	}
	w := tuning.field[field]
	g.add(g.x.stemOf(e), w)
	for _, p := range g.x.partsOf(e) {
		g.add(p, w*part/1000)
	}
	if gw := tuning.gramField[field]; gw > 0 && (!e.common || field != inDescription) {
		for _, f := range g.x.gramsOf(e) {
			if int(f) >= len(g.x.dull) || !g.x.dull[f] {
				g.add(f, gw)
			}
		}
	}
	cs := g.x.conceptsOf(e)
	for i := 0; i < len(cs); i += 2 {
		g.mean(cs[i], w*float64(cs[i+1])/1000)
	}
	g.run = append(g.run, g.x.marksOf(e))
}

// phrases ends a phrase or a field, and adds what its words mean together.
func (g *gatherer) phrases(field int) {
	g.x.phrases(g.run, func(_ int, m meaning) {
		g.mean(g.x.concept(m.vocabulary, m.concept), tuning.field[field]*float64(m.weight)/1000)
	})
	g.run = g.run[:0]
}

// mean adds a concept and its field of work.
func (g *gatherer) mean(f uint32, strength float64) {
	g.add(f, strength)
	if d := g.x.domain[f]; d != 0 {
		g.add(d-1, strength)
	}
}

// impact is how strong a feature that was gathered is: BM25's saturation, where full is what no repetition exceeds.
func (g *gatherer) impact(f uint32, average *[channels]float64) uint8 {
	c := g.x.channel[f]
	t := &tuning.channel[c]
	tf := float64(g.strength[f])
	return uint8(max(1, math.Round(full*tf/(tf+t.k1*(1-t.b+t.b*g.length[c]/average[c])))))
}

// Upsert puts a document in the index, in place of the one with its ID. It takes microseconds; see Stale.
func (ix *Index) Upsert(d Document) { ix.Prepare([]Document{d}).Put() }

// Prepared are documents that were read, and are not in the index yet.
type Prepared struct {
	ix        *Index
	documents []Document
	lexicon   *lexicon
	late      []*late
}

// Prepare reads documents, which is nearly all the work of putting them in. Questions are answered between one and the next.
func (ix *Index) Prepare(documents []Document) *Prepared {
	p := &Prepared{ix: ix, documents: documents}
	for range documents {
		ix.mu.Lock()
		p.next(ix.state.Load())
		ix.mu.Unlock()
	}
	return p
}

// next reads one more, or begins anew if the index was folded meanwhile. Whoever calls it holds the lock of the index.
func (p *Prepared) next(s *state) {
	if p.lexicon != s.lexicon {
		p.lexicon, p.late = s.lexicon, nil
	}
	l := &late{id: p.documents[len(p.late)].ID, text: s.lexicon.keep(nil, &p.documents[len(p.late)])}
	g := newGatherer(s.lexicon)
	g.gather(l.text)
	for _, f := range g.touched {
		l.features = append(l.features, weighted{f, g.impact(f, &s.base.average)})
	}
	p.late = append(p.late, l)
}

// Put puts them in the index at once, each in place of the one with its ID; of several with one ID the last.
func (p *Prepared) Put() {
	p.ix.mu.Lock()
	defer p.ix.mu.Unlock()
	s := p.ix.state.Load()
	for len(p.late) < len(p.documents) || p.lexicon != s.lexicon && len(p.documents) > 0 {
		p.next(s)
	}
	fresh := make(map[ID]*late, len(p.late))
	for _, l := range p.late {
		fresh[l.id] = l
	}
	next := *s
	next.dead, next.tail = slices.Clone(s.dead), make([]*late, 0, len(s.tail)+len(fresh))
	for id := range fresh {
		if i, ok := s.base.find(id); ok && !s.isDead(i) {
			next.dead[i/64] |= 1 << (i % 64)
			next.live--
		}
	}
	for _, l := range s.tail {
		if fresh[l.id] == nil {
			next.tail = append(next.tail, l)
		}
	}
	for _, l := range p.late { // in the order in which they came
		if fresh[l.id] == l {
			next.tail = append(next.tail, l)
		}
	}
	next.live += len(next.tail) - len(s.tail)
	p.ix.state.Store(&next)
}

// Remove takes a document out of the index, if it is there.
func (ix *Index) Remove(id ID) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.state.Store(ix.state.Load().without(id))
}

// without is what is left when one document goes.
func (s *state) without(id ID) *state {
	next := *s
	if i, ok := s.base.find(id); ok && !s.isDead(i) {
		next.dead = slices.Clone(s.dead)
		next.dead[i/64] |= 1 << (i % 64)
		next.live--
	}
	if i := slices.IndexFunc(s.tail, func(l *late) bool { return l.id == id }); i >= 0 {
		next.tail = slices.Concat(s.tail[:i], s.tail[i+1:])
		next.live--
	}
	return &next
}

// textOf gives the words of a document, as they are kept.
func (s *state) textOf(id ID) ([]byte, bool) {
	for _, l := range s.tail {
		if l.id == id {
			return l.text, true
		}
	}
	if i, ok := s.base.find(id); ok && !s.isDead(i) {
		return s.base.text(i), true
	}
	return nil, false
}

func (s *state) isDead(i int) bool { return s.dead[i/64]&(1<<(i%64)) != 0 }

// Len is how many documents there are.
func (ix *Index) Len() int { return ix.state.Load().live }

// Stale says that so much changed that the index should be folded: questions go through every change one by one.
func (ix *Index) Stale() bool {
	s := ix.state.Load()
	return len(s.tail) > max(1000, len(s.base.ids)/50)
}

// Fold builds the index anew from what it holds, with the rarity that words have now. Questions are answered meanwhile;
// changes wait.
func (ix *Index) Fold() {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	s := ix.state.Load()
	type kept struct {
		id   ID
		text []byte
	}
	var docs []kept
	for i, id := range s.base.ids {
		if !s.isDead(i) {
			docs = append(docs, kept{id, s.base.text(i)})
		}
	}
	for _, l := range s.tail {
		docs = append(docs, kept{l.id, l.text})
	}
	slices.SortFunc(docs, func(a, b kept) int { return bytes.Compare(a.id[:], b.id[:]) })
	old, fresh := s.lexicon, newLexicon(s.lexicon.vocabularies)
	b := &base{offsets: make([]uint32, 1, len(docs)+1)}
	for _, d := range docs {
		b.ids = append(b.ids, d.id)
		for t := d.text; len(t) > 0; {
			tok, n := binary.Uvarint(t)
			if tok >= firstWord {
				tok = uint64(fresh.number(old.words.at(uint32(tok-firstWord)))) + firstWord
			}
			b.texts = binary.AppendUvarint(b.texts, tok)
			if t = t[n:]; tok == named {
				_, n = binary.Uvarint(t)
				b.texts, t = append(b.texts, t[:n]...), t[n:]
			}
		}
		b.offsets = append(b.offsets, uint32(len(b.texts)))
	}
	b.build(fresh)
	ix.set(fresh, b, true)
}

// Bytes is about how much memory the index holds, in bytes. What it shares with others, the vocabularies, does not count.
func (ix *Index) Bytes() int {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	s := ix.state.Load()
	b, x := s.base, s.lexicon
	n := cap(b.ids)*16 + cap(b.texts) + 4*(cap(b.offsets)+cap(b.starts)+cap(x.ids)+cap(x.idf)+cap(x.domain)) + cap(b.postings) + 8*len(s.dead)
	n += x.words.bytes() + x.features.bytes() + cap(x.entries)*12 + cap(x.channel) + 8*cap(x.bySound)
	const inMap = 32 // a string's header, a number and their share of the table
	n += (len(x.split.used) + len(x.split.stems) + len(x.known)) * inMap
	for _, l := range s.tail {
		n += 64 + cap(l.text) + 8*cap(l.features)
	}
	return n
}
