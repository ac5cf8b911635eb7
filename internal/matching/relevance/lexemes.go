package relevance

import (
	"encoding/binary"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// pipeline counts up whenever the same text gives other lexemes though the shipped words are the same; a test notices.
const pipeline = 1

// LexemesVersion is of what Lexemes gives: another one wherever the same text may give others. It is never 0.
var LexemesVersion = sync.OnceValue(func() int32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(Version() + strconv.Itoa(pipeline))) // a hash takes everything
	return int32(h.Sum32()>>1 | 1)
})

// What stands before a lexeme that is no stem. Neither is ever part of a word.
const (
	ofConcept = "=" // of the shipped thesaurus; the hash of its name follows
	backwards = "<" // the stem of a long word that is written as no compound, from its end: by it, what ends it is found
)

// Lengths, in letters, from which a stem may be the beginning or the end of a compound that the thesaurus cannot write as one, and
// from which a word may be such a compound.
const (
	beginning  = 4
	ending     = 5
	unresolved = 8
)

// typical is how long a document is about, by channel: what one is alone does not tell how long the others are.
var typical = [channels]float64{words: 80, concepts: 60}

// hinted is how strong a concept is at least to be kept. Of what is weaker, a hint in a part of a word of the description, there is much,
// and it proposes nothing.
const hinted = 3

// Levels are the four strengths of a lexeme in a document, as PostgreSQL's labels D, C, B and A: shares of full.
const Levels = "{0.13, 0.37, 0.57, 0.8}"

// Lexemes gives what an index would find documents by, each as the text of a PostgreSQL tsvector: stems, those of the parts of
// compounds, and concepts of the shipped thesaurus, each with its strength as a label. It knows no other document of the tenant, neither its
// synonyms nor ESCO: those are the question's, see Terms.
func Lexemes(documents ...Document) []string {
	vs := []*Vocabulary{shipped()}
	x := newLexicon(vs)
	g := newGatherer(x)
	out, ends := make([]string, len(documents)), map[uint64]string{}
	for i := range documents {
		text := x.keep(nil, &documents[i])
		g.gather(text)
		said := map[string]byte{}
		for _, f := range g.touched {
			name := x.features.name(f)
			switch x.channel[f] {
			case words:
				said[name[1:]] = level(g.impact(f, &typical))
			case concepts:
				c, ok := vs[0].named(name)
				if strength := g.impact(f, &typical); ok && strength >= hinted {
					said[conceptLexeme(c.ID)] = level(strength)
				}
			}
		}
		for len(text) > 0 {
			tok, n := binary.Uvarint(text)
			if text = text[n:]; tok < firstWord {
				continue
			}
			l, known := ends[tok]
			if w := x.words.name(uint32(tok - firstWord)); !known {
				if isUnresolved(w) && !stopWords[w] && len(stem(w)) >= unresolved && len(x.split.split(w)) == 0 {
					l = reversed(stem(w))
				}
				ends[tok] = l
			}
			if l != "" {
				said[l] = 'D'
			}
		}
		var b strings.Builder
		for _, l := range sortedKeys(said) {
			b.WriteString(quoted(l))
			if said[l] != 'D' { // which a lexeme without a place has
				b.WriteString(":1")
				b.WriteByte(said[l])
			}
			b.WriteByte(' ')
		}
		out[i] = b.String()
	}
	return out
}

// level is the label of an impact.
func level(impact uint8) byte {
	switch {
	case impact >= 10:
		return 'A'
	case impact >= 7:
		return 'B'
	case impact >= 4:
		return 'C'
	}
	return 'D'
}

func isUnresolved(word string) bool { return len(word) >= unresolved && isAlpha(word) }

func reversed(stem string) string {
	b := []byte(stem)
	slices.Reverse(b)
	return backwards + string(b)
}

func conceptLexeme(id string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // a hash takes everything
	return ofConcept + strconv.FormatUint(uint64(h.Sum32()), 36)
}

// named gives the concept that a feature is called after.
func (v *Vocabulary) named(feature string) (Concept, bool) {
	_, place, _ := strings.Cut(feature, ":")
	n, err := strconv.Atoi(place)
	if err != nil || n >= len(v.concepts) {
		return Concept{}, false
	}
	return v.concepts[n], true
}

// quoted is a lexeme as PostgreSQL reads it.
func quoted(lexeme string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(lexeme) + "'"
}
