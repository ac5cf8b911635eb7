package relevance

import (
	"cmp"
	"math"
	"slices"
	"strconv"
)

// What a feature is a sign of. Each channel is weighed by itself.
type channel uint8

const (
	words    channel = iota // stems of words, and of the parts of compounds
	spelling                // grams
	concepts                // what a vocabulary recognises
	domains                 // the fields of work of those
	topics                  // concepts that are named by their ID, and those above them
	channels
)

// prefixes tell apart what the channels name.
const prefixes = "wgcdt"

// lexicon numbers the words and the features of one index. It only grows, and its index guards it.
type lexicon struct {
	vocabularies []*Vocabulary
	split        *splitter

	words   names
	entries []entry
	ids     []uint32 // of all entries, one after another

	features names
	channel  []channel
	domain   []uint32          // by feature: 1 + the field of work of a concept, or 0
	known    map[uint64]uint32 // features of concepts, by vocabulary and place
	idf      []float32         // of the features that the base knows; the others are unseen
	unseen   float32
	dull     []bool // by feature: a gram that too many documents have

	fixed   int      // so many of the words, the first, are those of the base
	bySound []uint64 // hash of the sound and number of the word, of those that the base knows
	key     []byte
}

// entry says what a word is a sign of: it stands in ids, from off on, in this order.
type entry struct {
	off      uint32
	parts    uint8
	grams    uint8
	concepts uint8 // pairs: feature, thousandths
	marks    uint8 // pairs: vocabulary and stem, thousandths
	state    entryState
	common   bool // so many documents have it that its spelling says nothing
}

type entryState uint8

const (
	fresh entryState = iota
	stop             // it says nothing
	analysed
)

func newLexicon(vs []*Vocabulary) *lexicon {
	return &lexicon{vocabularies: vs, split: newSplitter(vs[0].split), known: map[uint64]uint32{}}
}

// number gives a word's number, and takes a new one for a new word.
func (x *lexicon) number(word []byte) uint32 {
	n, isNew := intern(&x.words, word)
	if isNew {
		e := entry{}
		if len(word) == 1 || stopWords[string(word)] {
			e.state = stop
		}
		x.entries = append(x.entries, e)
	}
	return n
}

// feature gives a feature's number, and takes a new one for a new feature.
func (x *lexicon) feature(c channel, text string) uint32 {
	x.key = append(append(x.key[:0], prefixes[c]), text...)
	id, isNew := intern(&x.features, x.key)
	if isNew {
		x.channel = append(x.channel, c)
		x.domain = append(x.domain, 0)
	}
	return id
}

// has gives a feature's number, if it has one.
func (x *lexicon) has(c channel, text string) (uint32, bool) {
	var b [maxWord + 8]byte
	return find(&x.features, append(append(b[:0], prefixes[c]), text...))
}

// concept is the feature of a vocabulary's concept.
func (x *lexicon) concept(vocabulary int, c uint32) uint32 {
	id, ok := x.known[uint64(vocabulary)<<32|uint64(c)]
	if !ok {
		key, domain := x.conceptKeys(vocabulary, c)
		id = x.feature(concepts, key)
		x.known[uint64(vocabulary)<<32|uint64(c)] = id
		if domain != "" {
			x.domain[id] = x.feature(domains, domain) + 1
		}
	}
	return id
}

func (x *lexicon) conceptKeys(vocabulary int, c uint32) (concept, domain string) {
	if d := x.vocabularies[vocabulary].domain[c]; d > 0 {
		domain = x.vocabularies[vocabulary].domains[d-1]
	}
	return strconv.Itoa(vocabulary) + ":" + strconv.FormatUint(uint64(c), 10), domain
}

// above calls f with a concept that was named by its ID, packed as vocabulary and place, and those above it: a shared
// parent is worth less than the concept itself, a shared grandparent less again.
func (x *lexicon) above(packed uint64, f func(key string, weight float64)) {
	n := int(packed >> vocabularyBit)
	v := x.vocabularies[n]
	level, seen := []uint32{uint32(packed & placeMask)}, map[uint32]bool{}
	for _, weight := range []float64{1, 0.6, 0.25} {
		var next []uint32
		for _, c := range level {
			if seen[c] {
				continue
			}
			seen[c] = true
			key, _ := x.conceptKeys(n, c)
			f(key, weight)
			for _, b := range v.concepts[c].Broader {
				if id, ok := v.byID[b]; ok {
					next = append(next, id)
				}
			}
		}
		level = next
	}
}

// A vocabulary and a place in it are packed in 32 bits: sixteen vocabularies.
const (
	vocabularyBit = 28
	placeMask     = 1<<vocabularyBit - 1
)

// rarity is the idf of a feature as it was when the base was built.
func (x *lexicon) rarity(f uint32) float64 {
	if int(f) < len(x.idf) {
		return float64(x.idf[f])
	}
	return float64(x.unseen)
}

// inBase says whether a document of the base has a feature.
func (x *lexicon) inBase(f uint32, known bool) bool { return known && int(f) < len(x.idf) }

// part weighs the part of a compound, in thousandths of a whole word.
const part = 600

// mark is a stem of a vocabulary that a word has; phrases are recognised by them.
type mark struct {
	vocabulary int
	stem       uint32
	weight     uint32
}

// analysis is what one word says by itself.
type analysis struct {
	stem     string
	parts    []string // stems, and what the one does whom the word names
	grams    []string
	concepts []meaning
	marks    []mark
}

// meaning is a concept that a word stands for.
type meaning struct {
	vocabulary int
	activation
}

// most is how many concepts and marks of one word count: a word that means more means nothing.
const most = 24

func (x *lexicon) analyse(word string) analysis {
	a := analysis{stem: stem(word)}
	add := func(s string) {
		if s != "" && s != a.stem && !slices.Contains(a.parts, s) && !stopWords[s] {
			a.parts = append(a.parts, s)
		}
	}
	add(root(word))
	for _, p := range x.split.split(word) {
		add(stem(p))
		add(root(p))
	}
	grams(word, func(g string) {
		if !slices.Contains(a.grams, g) {
			a.grams = append(a.grams, g)
		}
	})
	for n, v := range x.vocabularies {
		see := func(st string, weight uint32) {
			id := v.stems[st]
			if id == 0 {
				return
			}
			for _, act := range v.single[id] {
				act.weight = act.weight * weight / 1000
				i := slices.IndexFunc(a.concepts, func(m meaning) bool { return m.vocabulary == n && m.concept == act.concept })
				if i < 0 {
					a.concepts = append(a.concepts, meaning{n, act})
				} else {
					a.concepts[i].weight = max(a.concepts[i].weight, act.weight)
				}
			}
			if v.inPhrase[id] {
				a.marks = append(a.marks, mark{n, id, weight})
			}
		}
		see(a.stem, 1000)
		for _, p := range a.parts {
			see(p, part)
		}
	}
	slices.SortFunc(a.concepts, func(p, q meaning) int {
		return cmp.Or(-cmp.Compare(p.weight, q.weight), cmp.Compare(p.vocabulary, q.vocabulary), cmp.Compare(p.concept, q.concept))
	})
	a.concepts = a.concepts[:min(len(a.concepts), most)]
	a.marks = a.marks[:min(len(a.marks), most)]
	return a
}

// enter analyses a word that has a number, once.
func (x *lexicon) enter(n uint32) *entry {
	e := &x.entries[n]
	if e.state != fresh {
		return e
	}
	a := x.analyse(x.words.name(n))
	e.off = uint32(len(x.ids))
	x.ids = append(x.ids, x.feature(words, a.stem))
	for _, p := range a.parts {
		x.ids = append(x.ids, x.feature(words, p))
	}
	for _, g := range a.grams {
		x.ids = append(x.ids, x.feature(spelling, g))
	}
	for _, m := range a.concepts {
		x.ids = append(x.ids, x.concept(m.vocabulary, m.concept), m.weight)
	}
	x.ids = append(x.ids, pack(a.marks)...)
	e.parts, e.grams, e.concepts, e.marks = uint8(len(a.parts)), uint8(len(a.grams)), uint8(len(a.concepts)), uint8(len(a.marks))
	e.state = analysed
	return e
}

func pack(ms []mark) []uint32 {
	out := make([]uint32, 0, 2*len(ms))
	for _, m := range ms {
		out = append(out, uint32(m.vocabulary)<<vocabularyBit|m.stem, m.weight)
	}
	return out
}

func (x *lexicon) stemOf(e *entry) uint32    { return x.ids[e.off] }
func (x *lexicon) partsOf(e *entry) []uint32 { return x.ids[e.off+1:][:e.parts] }
func (x *lexicon) gramsOf(e *entry) []uint32 { return x.ids[e.off+1+uint32(e.parts):][:e.grams] }
func (x *lexicon) conceptsOf(e *entry) []uint32 {
	return x.ids[e.off+1+uint32(e.parts)+uint32(e.grams):][:2*int(e.concepts)]
}
func (x *lexicon) marksOf(e *entry) []uint32 {
	return x.ids[e.off+1+uint32(e.parts)+uint32(e.grams)+2*uint32(e.concepts):][:2*int(e.marks)]
}

// reach is how far apart the words of a phrase may stand, in words that say something.
const reach = 4

// phrases calls f with what the words of one phrase or field mean together: each has its marks, packed in pairs. at is the
// word by which a phrase is recognised.
func (x *lexicon) phrases(marks [][]uint32, f func(at int, m meaning)) {
	for i, ms := range marks {
		if len(ms) == 0 {
			continue
		}
		from, to := max(0, i-reach), min(len(marks), i+reach+1)
		near := uint64(0) // a bit for each stem that is near: most phrases lack one
		for _, o := range marks[from:to] {
			for k := 0; k < len(o); k += 2 {
				near |= 1 << (o[k] % 61)
			}
		}
		for k := 0; k < len(ms); k += 2 {
			vocabulary := ms[k] >> vocabularyBit
		phrases:
			for _, p := range x.vocabularies[vocabulary].phrases[ms[k]&placeMask] {
				sum := ms[k+1]
				for _, stem := range p.stems {
					if near&(1<<((vocabulary<<vocabularyBit|stem)%61)) == 0 {
						continue phrases
					}
				}
				for _, stem := range p.stems {
					best := uint32(0)
					for _, o := range marks[from:to] {
						for l := 0; l < len(o); l += 2 {
							if o[l] == vocabulary<<vocabularyBit|stem {
								best = max(best, o[l+1])
							}
						}
					}
					if best == 0 {
						continue phrases
					}
					sum += best
				}
				act := p.act
				act.weight = act.weight * sum / uint32(len(p.stems)+1) / 1000
				f(i, meaning{int(vocabulary), act})
			}
		}
	}
}

// freeze fixes how rare each feature is, given how many documents of n have it.
func (x *lexicon) freeze(df []uint32, n int) {
	x.idf = make([]float32, len(df))
	for i, d := range df {
		x.idf[i] = rarity(int(d), n)
	}
	x.unseen = rarity(0, n)
	x.hear()
	x.words.clip()
	x.features.clip()
	x.entries, x.ids, x.channel, x.domain = slices.Clone(x.entries), slices.Clone(x.ids), slices.Clone(x.channel), slices.Clone(x.domain)
}

// hear fixes which words misspelled ones may stand for: all that there are.
func (x *lexicon) hear() {
	x.fixed = len(x.entries)
	for i, e := range x.entries {
		if text := x.words.at(uint32(i)); e.state != stop && len(text) >= minFuzzy {
			x.bySound = append(x.bySound, uint64(hashOf(sound(string(text))))<<32|uint64(i))
		}
	}
	slices.Sort(x.bySound)
	x.bySound = slices.Clone(x.bySound)
}

// leastRarity is what a word says that every document has: where all places are of one trade, its words still answer.
const leastRarity = 0.8

// rarity is BM25's idf, in a world of at least a few documents: in a tiny one no word is telling.
func rarity(df, n int) float32 {
	of, d := float64(max(n, 20)), float64(df)
	return float32(max(leastRarity, math.Log(1+(of-d+0.5)/(d+0.5))))
}
