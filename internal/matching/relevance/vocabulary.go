package relevance

import (
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"
	"sync"
)

// Concept is one thing that people name in several ways.
type Concept struct {
	ID      string   // unique in its vocabulary: a name or a URI
	Label   string   // how to name it to people
	Terms   []string // words and phrases that mean it
	Hints   []string // words and phrases that may mean it
	Domain  string   // the field of work it belongs to; empty: none
	Broader []string // IDs of the concepts right above it
}

// Vocabulary is a list of concepts, ready to be recognised in texts. It never changes, and any number of indexes may use
// it at once; it learns nothing from them.
type Vocabulary struct {
	concepts []Concept
	byID     map[string]uint32
	stems    map[string]uint32 // from 1
	single   [][]activation    // by stem
	phrases  [][]phrase        // by the stem that the fewest phrases have
	inPhrase []bool            // by stem
	domains  []string
	domain   []uint32 // by concept: 1 + its place in domains, or 0
	words    map[string]int
	split    *splitter
	sounds   map[string]string
	topics   bool // whether its IDs can stand among a document's topics
}

// activation says that a word means a concept, and how surely, in thousandths.
type activation struct{ concept, weight uint32 }

// phrase is what is left of one without the stem by which it is looked up.
type phrase struct {
	stems []uint32
	act   activation
}

const (
	ofTerm      = 1000
	ofHint      = 400
	ofSplitTerm = 700 // a compound term whose parts stand apart
	maxPhrase   = 5
)

// NewVocabulary makes a vocabulary. With topics, a document or a question names its concepts by ID among its topics, and
// a concept shares with those above it. It refuses two concepts with one ID.
func NewVocabulary(concepts []Concept, topics bool) (*Vocabulary, error) {
	v := &Vocabulary{concepts: concepts, byID: map[string]uint32{}, stems: map[string]uint32{}, words: map[string]int{},
		sounds: map[string]string{}, topics: topics, single: [][]activation{nil}, phrases: [][]phrase{nil}}
	domains := map[string]uint32{}
	type found struct {
		act   activation
		stems []uint32
	}
	var all []found
	type bag struct {
		c  uint32
		ws []string
	}
	var compounds []bag
	for i, c := range concepts {
		if _, twice := v.byID[c.ID]; twice {
			return nil, fmt.Errorf("two concepts are called %q", c.ID)
		}
		v.byID[c.ID] = uint32(i)
		d := uint32(0)
		if c.Domain != "" {
			if d = domains[c.Domain]; d == 0 {
				v.domains = append(v.domains, c.Domain)
				d = uint32(len(v.domains))
				domains[c.Domain] = d
			}
		}
		v.domain = append(v.domain, d)
		seen := map[string]bool{}
		for n, term := range slices.Concat(c.Terms, c.Hints) {
			weight := uint32(ofTerm)
			if n >= len(c.Terms) {
				weight = ofHint
			}
			said := wordsOf(term)
			ws := slices.DeleteFunc(slices.Clone(said), func(w string) bool { return stopWords[w] })
			if len(ws) == 0 || len(ws) > maxPhrase {
				continue
			}
			var ids []uint32
			for _, w := range ws {
				v.words[w]++
				st := stem(w)
				id := v.stems[st]
				if id == 0 {
					id = uint32(len(v.stems) + 1)
					v.stems[st] = id
					v.single, v.phrases = append(v.single, nil), append(v.phrases, nil)
				}
				if !slices.Contains(ids, id) {
					ids = append(ids, id)
				}
			}
			slices.Sort(ids)
			key := fmt.Sprint(ids)
			if seen[key] {
				continue
			}
			seen[key] = true
			if len(ids) == 1 && len(said) > 1 { // what is left of a phrase without its stop words is a weaker sign
				weight = weight * 6 / 10
			}
			if len(ids) == 1 && weakWords[ws[0]] {
				weight = weight / 3
			}
			all = append(all, found{activation{uint32(i), weight}, ids})
			if len(ws) == 1 {
				compounds = append(compounds, bag{uint32(i), ws})
			}
		}
	}
	v.split = newSplitter(nil)
	for w, n := range v.words {
		v.split.add(w, n)
	}
	for _, b := range compounds {
		parts := v.split.split(b.ws[0])
		if len(parts) < 2 {
			continue
		}
		var ids []uint32
		for _, p := range parts {
			if id := v.stems[stem(p)]; id != 0 && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		if len(ids) >= 2 {
			slices.Sort(ids)
			all = append(all, found{activation{b.c, ofSplitTerm}, ids})
		}
	}
	// A word that is a term of many concepts says less of each.
	times := map[string]int{}
	for _, f := range all {
		times[fmt.Sprint(f.stems)]++
	}
	inPhrases := make([]int, len(v.stems)+1)
	for _, f := range all {
		if len(f.stems) > 1 {
			for _, s := range f.stems {
				inPhrases[s]++
			}
		}
	}
	v.inPhrase = make([]bool, len(inPhrases))
	for i, n := range inPhrases {
		v.inPhrase[i] = n > 0
	}
	for _, f := range all {
		f.act.weight = uint32(float64(f.act.weight) / math.Sqrt(float64(times[fmt.Sprint(f.stems)])))
		if len(f.stems) == 1 {
			v.single[f.stems[0]] = append(v.single[f.stems[0]], f.act)
			continue
		}
		key := slices.MinFunc(f.stems, func(a, b uint32) int { return inPhrases[a] - inPhrases[b] })
		v.phrases[key] = append(v.phrases[key], phrase{slices.DeleteFunc(slices.Clone(f.stems), func(s uint32) bool { return s == key }), f.act})
	}
	for _, w := range sortedKeys(v.words) {
		if s := sound(w); v.sounds[s] == "" || v.words[v.sounds[s]] < v.words[w] {
			v.sounds[s] = w
		}
	}
	return v, nil
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// shipped is the thesaurus of work that comes with the program.
var shipped = sync.OnceValue(func() *Vocabulary {
	files, err := fs.Glob(shippedFiles, "thesaurus/*.txt")
	if err != nil {
		panic(err) // the pattern is right
	}
	var all []Concept
	names := map[string]int{}
	for _, f := range files {
		concepts, err := parseThesaurus(shippedLines(f))
		if err != nil {
			panic(fmt.Errorf("%s: %w", f, err)) // a test reads them
		}
		for _, c := range concepts {
			if i, twice := names[c.ID]; twice { // two fields may know one thing
				all[i].Terms, all[i].Hints = append(all[i].Terms, c.Terms...), append(all[i].Hints, c.Hints...)
				continue
			}
			names[c.ID] = len(all)
			all = append(all, c)
		}
	}
	v, err := NewVocabulary(all, false)
	if err != nil {
		panic(err) // names are unique
	}
	return v
})

// parseThesaurus reads lines `name = term, term ~ hint, hint` under headers `[domain]`. The files that say how people ask
// have no headers: their lines add words to concepts of the others.
func parseThesaurus(lines []string) ([]Concept, error) {
	var out []Concept
	domain := ""
	for _, line := range lines {
		if name, ok := strings.CutPrefix(line, "["); ok {
			if domain, ok = strings.CutSuffix(name, "]"); !ok {
				return nil, fmt.Errorf("%q lacks its ]", line)
			}
			continue
		}
		name, rest, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		if !ok || name == "" {
			return nil, fmt.Errorf("%q is no concept: name = term, term ~ hint", line)
		}
		terms, hints, _ := strings.Cut(rest, "~")
		out = append(out, Concept{ID: name, Label: name, Domain: domain, Terms: append([]string{name}, list(terms)...), Hints: list(hints)})
	}
	return out, nil
}

func list(text string) []string {
	var out []string
	for t := range strings.SplitSeq(text, ",") {
		if t = strings.TrimSpace(t); t != "" {
			out = append(out, t)
		}
	}
	return out
}

// ShippedTerms are the words and phrases of the thesaurus that is shipped, in its order.
func ShippedTerms() []string {
	var out []string
	for _, c := range shipped().concepts {
		out = append(append(out, c.Terms...), c.Hints...)
	}
	return out
}
