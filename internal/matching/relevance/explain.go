package relevance

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// Kind says how a word of a document answers a word of a question.
type Kind string

// The kinds, from the surest to the vaguest.
const (
	Word    Kind = "word"    // the same word, in any inflection, or taken for it when misspelled
	Part    Kind = "part"    // a part of a compound
	Topic   Kind = "topic"   // a topic named by its ID, or one above it
	Synonym Kind = "concept" // another word for the same thing
	Field   Kind = "field"   // the same field of work
	Gram    Kind = "gram"    // spelled alike
	Learned Kind = "learned" // accepted together before
)

// Reason is one ground of a hit.
type Reason struct {
	Kind   Kind
	Term   string // the word of the question
	Found  string // the word of the document
	Via    string // the concept, or the word that a misspelled one was taken for; may be empty
	Points int    // its share of the score
}

// Hit is a document that answers a question.
type Hit struct {
	ID        ID
	Score     int  // 0 to 10,000: of all that the question looks for, what the document has
	Confident bool // it may be proposed
	Because   []Reason
}

// maxReasons is how many grounds are told, the heaviest.
const maxReasons = 12

// ground is a Reason in the making.
type ground struct {
	kind Kind
	word int // of the question
	spot
	via  string
	gain uint64
}

// spot is a word of a document, 1 + its number, and whether a part of it counts. Zero: none.
type spot struct {
	word uint32
	part bool
}

// explain needs the lock of the index, to read the lexicon.
func (a *Asked) explain(sc *scratch, c candidate) Hit {
	h := Hit{ID: c.id, Score: outOf(c.gain), Confident: confident(c.gain)}
	sc.gather(c.text)
	a.spot(sc, c.text)
	sc.grounds = sc.grounds[:0]
	for _, f := range sc.touched {
		s := a.wanted(sc, f)
		if s == nil {
			continue
		}
		g := ground{s.kind, s.word, sc.spots[sc.sign[f]-1], s.via, uint64(uint32(s.points)) * uint64(sc.impact(f, &a.state.base.average))}
		if g.part && g.kind == Word {
			g.kind = Part
		}
		g.part = false
		same := slices.IndexFunc(sc.grounds, func(o ground) bool {
			return o.kind == g.kind && o.word == g.word && (g.kind == Gram || o.via == g.via && o.spot == g.spot)
		})
		if same < 0 {
			sc.grounds = append(sc.grounds, g)
		} else {
			sc.grounds[same].gain += g.gain
		}
	}
	slices.SortStableFunc(sc.grounds, func(a, b ground) int { return -cmp.Compare(a.gain, b.gain) })
	h.Because = make([]Reason, 0, min(len(sc.grounds), maxReasons))
	for _, g := range sc.grounds[:cap(h.Because)] {
		r := Reason{Kind: g.kind, Term: a.words[g.word].text, Via: g.via, Points: int(uint64(h.Score) * g.gain / uint64(c.low()))}
		if g.spot.word > 0 {
			r.Found = a.state.lexicon.words.name(g.spot.word - 1)
		}
		h.Because = append(h.Because, r)
	}
	return h
}

// spot finds, for every sign of the question, the first word of a document that has it. What a phrase means has none.
func (a *Asked) spot(sc *scratch, text []byte) {
	x := a.state.lexicon
	if n := len(a.signs); cap(sc.spots) < n {
		sc.spots = make([]spot, n)
	} else {
		sc.spots = sc.spots[:n]
		clear(sc.spots)
	}
	see := func(f, word uint32, part bool) {
		if a.wanted(sc, f) != nil && sc.spots[sc.sign[f]-1].word == 0 {
			sc.spots[sc.sign[f]-1] = spot{word + 1, part}
		}
	}
	for len(text) > 0 {
		tok, n := binary.Uvarint(text)
		text = text[n:]
		if tok == named {
			_, n = binary.Uvarint(text)
			text = text[n:]
		}
		if tok < firstWord {
			continue
		}
		word := uint32(tok - firstWord)
		e := &x.entries[word]
		if e.state == stop {
			continue
		}
		for i, f := range x.ids[e.off:][:1+int(e.parts)+int(e.grams)] {
			see(f, word, i > 0)
		}
		cs := x.conceptsOf(e)
		for i := 0; i < len(cs); i += 2 {
			see(cs[i], word, false)
		}
	}
}
