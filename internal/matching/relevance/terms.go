package relevance

import (
	"slices"
	"strconv"
	"strings"
)

// maxTerms is how many words Terms gives of each kind.
const maxTerms = 60

// Terms are words by which to look for what may answer a question where there is no index: those that it says, the heaviest
// first, and those that are meant: the parts of compounds, the word that a misspelled one stands for, and other words for the
// same. All are as eachWord gives them, none is a stem. It knows the words of the thesaurus and the options, and no tenant's
// documents.
func Terms(options Options, q Question) (said, meant []string, err error) {
	ix, err := Build(options, func(func(Document) bool) {})
	if err != nil {
		return nil, nil, err
	}
	a := ix.Ask(q)
	add := func(to []string, word string) []string {
		if len(to) == maxTerms || len(word) < 2 || stopWords[word] || slices.Contains(said, word) || slices.Contains(meant, word) {
			return to
		}
		return append(to, word)
	}
	heard := slices.Clone(a.words)
	slices.SortStableFunc(heard, func(a, b askedWord) int { return int(1000*b.weight) - int(1000*a.weight) })
	for _, weak := range []bool{false, true} { // words with which people ask whatever they ask about serve where there is no other
		for _, w := range heard {
			if !strings.Contains(w.text, " ") && weakWords[w.text] == weak && (!weak || len(said) == 0) {
				said = add(said, w.text)
			}
		}
	}
	x := a.state.lexicon
	parts := func(word string) {
		for _, p := range x.split.split(word) {
			meant = add(meant, p)
		}
	}
	for _, w := range slices.Clone(said) {
		parts(w)
	}
	for _, s := range a.signs {
		if s.channel == words && s.kind == Word && s.via != "" {
			meant = add(meant, s.via)
			parts(s.via)
		}
	}
	for _, s := range a.signs {
		vocabulary, place, ok := strings.Cut(s.name[1:], ":")
		if s.channel != concepts || !ok {
			continue
		}
		v, err := strconv.Atoi(vocabulary)
		if err != nil {
			return nil, nil, err
		}
		c, err := strconv.Atoi(place)
		if err != nil {
			return nil, nil, err
		}
		for _, t := range x.vocabularies[v].concepts[c].Terms {
			if ws := wordsOf(t); len(ws) == 1 && !weakWords[ws[0]] {
				meant = add(meant, ws[0])
			}
		}
	}
	return said, meant, nil
}
