package matching

import (
	"math"
	"slices"
	"strings"
)

// How much a word of a place weighs, in hundredths, by where it stands and by how it answers a word of the question.
const (
	inTitle = 100 // or among the topics
	inText  = 50

	wholeWord = 100
	compound  = 70 // one is the first or the last part of the other: medicatie, medicatieschema

	partLength = 5 // the shortest part of a compound that counts, in bytes
	restLength = 3 // and what must be left of it

	tellingWords = 3  // a place that answers so many of the rarest words of a question answers it
	unseen       = 20 // places that a small tenant lacks: without them a word of its only place would weigh nothing
)

// hit says that a word of a place answers a word of the question.
type hit struct{ term, weight int }

// vocabulary is the words of one question, ready to be looked up. Dutch writes compounds as one word, and the stemmer
// leaves them whole; so their ends are looked up too.
type vocabulary struct {
	terms int
	whole map[string]int
	parts map[string][]hit
	known map[string][]hit // places use the same words again and again
}

func newVocabulary(lexemes []string) *vocabulary {
	v := &vocabulary{terms: len(lexemes), whole: map[string]int{}, parts: map[string][]hit{}, known: map[string][]hit{}}
	for i, w := range lexemes {
		v.whole[w] = i
		ends(w, func(part string) { v.parts[part] = append(v.parts[part], hit{i, compound}) })
	}
	return v
}

// ends calls f with every beginning and ending of a word that could be a part of a compound. Bytes serve: half a letter
// equals no word.
func ends(w string, f func(part string)) {
	for n := partLength; n <= len(w)-restLength; n++ {
		f(w[:n])
		f(w[len(w)-n:])
	}
}

// hits are the words of the question that a word of a place answers.
func (v *vocabulary) hits(word string) []hit {
	if h, ok := v.known[word]; ok {
		return h
	}
	var out []hit
	if i, ok := v.whole[word]; ok {
		out = append(out, hit{i, wholeWord})
	}
	out = append(out, v.parts[word]...)
	ends(word, func(part string) {
		if i, ok := v.whole[part]; ok {
			out = append(out, hit{i, compound})
		}
	})
	v.known[strings.Clone(word)] = out
	return out
}

// rate gives every candidate its points for content out of `of`: the words of the question that it answers, rare words
// more than common ones, over what the question's rarest words could bring.
func (v *vocabulary) rate(cs []*candidate, of int) {
	if v.terms == 0 {
		return
	}
	found := make([]int, len(cs)*v.terms) // best weight of each term in each place
	places := make([]int, v.terms)
	for i, c := range cs {
		row := found[i*v.terms : (i+1)*v.terms]
		eachWord(c.vector, func(word string, weight int) {
			for _, h := range v.hits(word) {
				row[h.term] = max(row[h.term], weight*h.weight)
			}
		})
		for t, w := range row {
			if w > 0 {
				places[t]++
			}
		}
	}
	rarity := make([]int, v.terms)
	for t, n := range places {
		rarity[t] = int(math.Round(1000 * math.Log(float64(len(cs)+unseen)/float64(n+1))))
	}
	rarest := slices.Sorted(slices.Values(rarity))
	ceiling := 0
	for _, r := range rarest[max(0, len(rarest)-tellingWords):] {
		ceiling += r * inTitle * wholeWord
	}
	for i, c := range cs {
		sum := 0
		for t, w := range found[i*v.terms : (i+1)*v.terms] {
			sum += rarity[t] * w
		}
		c.content = of * min(sum, ceiling) / ceiling
	}
}

// matched are the words of a place that answer words of the question, as they stand in its tsvector.
func (v *vocabulary) matched(vector string) []string {
	var out []string
	eachWord(vector, func(word string, _ int) {
		if len(v.hits(word)) > 0 {
			out = append(out, word)
		}
	})
	return out
}

// eachWord calls f with every lexeme of a tsvector in PostgreSQL's own notation, 'medicatie':1A,7 'schema':2, and the
// weight of the best place where it stands.
func eachWord(vector string, f func(word string, weight int)) {
	for rest := vector; ; {
		start := strings.IndexByte(rest, '\'')
		if start < 0 {
			return
		}
		rest = rest[start+1:]
		end, escaped := 0, false
		for end < len(rest) && (rest[end] != '\'' || strings.HasPrefix(rest[end:], "''")) {
			if rest[end] == '\'' || rest[end] == '\\' { // written twice
				escaped = true
				end++
			}
			end++
		}
		if end >= len(rest) {
			return
		}
		word := rest[:end]
		if escaped {
			word = unescape.Replace(word)
		}
		rest = rest[end+1:]
		positions, after, _ := strings.Cut(rest, " ")
		weight := inText
		if strings.ContainsAny(positions, "AB") {
			weight = inTitle
		}
		f(word, weight)
		rest = after
	}
}

var (
	unescape = strings.NewReplacer("''", "'", `\\`, `\`)
	escape   = strings.NewReplacer("'", "''", `\`, `\\`)
)

// anyOf writes a tsquery that finds any of the lexemes.
func anyOf(lexemes []string) string {
	quoted := make([]string, len(lexemes))
	for i, l := range lexemes {
		quoted[i] = "'" + escape.Replace(l) + "'"
	}
	return strings.Join(quoted, " | ")
}
