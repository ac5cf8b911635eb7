package relevance

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Term is one sign of a question, to look for among lexemes where there is no index.
type Term struct {
	Query   string  // a PostgreSQL tsquery over what Lexemes gives
	Older   string  // the same over lexemes of another version, PostgreSQL's own Dutch stems included
	Channel int     // what it is a sign of: terms of one share what it is worth
	Share   float64 // of its channel
	Weight  float64 // in its channel, before how rare it is
	Ways    int     // how many lexemes Query names: any of them is enough
	OldWays int     // the same of Older
}

// How many terms there are at most: every document is compared with each of them.
const (
	maxStems    = 24
	maxMeanings = 16
	maxLikes    = 10
	maxTaken    = 2 // words of the question that are taken apart
	maxNames    = 8 // words that a concept is looked for by among older lexemes
)

// Terms are the signs by which an index would look for what answers a question, as queries of lexemes. The tenant's synonyms
// are laid out in them, so that lexemes need not be made anew when they change. How words of the tenant's own are put together is not known
// here: a word is looked for as the beginning and the end of longer ones too, and a long one that is written as no compound, by its own beginnings and ends.
func Terms(options Options, q Question) ([]Term, error) {
	ix, err := Build(options, func(func(Document) bool) {})
	if err != nil {
		return nil, err
	}
	a := ix.Ask(q)
	x := a.state.lexicon
	strong := slices.ContainsFunc(a.signs, func(s asked) bool { return s.channel == words && !weakWords[a.words[s.word].text] })
	signs := slices.DeleteFunc(slices.Clone(a.signs), func(s asked) bool { // words with which people ask whatever they ask about serve where there is no other
		return s.channel != words && s.channel != concepts || strong && weakWords[a.words[s.word].text]
	})
	slices.SortStableFunc(signs, func(a, b asked) int {
		return cmp.Or(-cmp.Compare(a.weight, b.weight), strings.Compare(a.name, b.name))
	})
	names := laidOut(x.vocabularies, signs)
	var out []Term
	var many [channels]int
	taken := 0
	for _, s := range signs {
		t := Term{Channel: int(s.channel), Share: tuning.channel[s.channel].weight, Weight: s.weight}
		many[s.channel]++
		switch {
		case s.channel == words && many[words] <= maxStems:
			stem := s.name[1:]
			t.Query, t.Ways = quoted(stem), 1
			t.Older, t.OldWays = older(stem)
			out = append(out, t)
			if len(stem) >= beginning && many[spelling] < maxLikes {
				many[spelling]++
				word := ""
				if s.kind == Word {
					word = cmp.Or(s.via, a.words[s.word].text)
				}
				out = append(out, x.like(stem, word, s.weight, &taken))
			}
		case s.channel == concepts && many[concepts] <= maxMeanings:
			t.Share *= a.story
			ways := names[s.name]
			vocabulary, _, _ := strings.Cut(s.name[1:], ":")
			if vocabulary == "0" {
				c, ok := x.vocabularies[0].named(s.name)
				if !ok {
					continue
				}
				t.Query, t.Ways = quoted(conceptLexeme(c.ID)), 1
				ways = append([]string{t.Query}, ways[:min(len(ways), maxNames)]...)
			} else if len(ways) > 0 {
				t.Query, t.Ways = strings.Join(ways, " | "), len(ways)
			} else {
				continue
			}
			t.Older, t.OldWays = strings.Join(ways, " | "), len(ways)
			out = append(out, t)
		}
	}
	return out, nil
}

// older looks for a stem as PostgreSQL keeps it: Snowball's, which may end in two letters, z or v where ours does not.
func older(stem string) (query string, n int) {
	ways := []string{stem}
	switch end := stem[len(stem)-1]; {
	case end == 's':
		ways = append(ways, stem[:len(stem)-1]+"z")
	case end == 'f':
		ways = append(ways, stem[:len(stem)-1]+"v")
	}
	if end := stem[len(stem)-1]; end < utf8.RuneSelf && !strings.ContainsRune("aeiou", rune(end)) {
		ways = append(ways, stem+string(end))
	}
	for i, w := range ways {
		if ways[i] = quoted(w); len(w) >= beginning {
			ways[i] += ":*"
		}
	}
	return strings.Join(ways, " | "), len(ways)
}

// like looks for compounds that the thesaurus does not know as such: those that begin or end with a stem, and the words that a
// word of the question itself may begin or end with.
func (x *lexicon) like(stemmed, word string, weight float64, taken *int) Term {
	ways := []string{quoted(stemmed) + ":*"}
	if len(stemmed) >= ending && isAlpha(stemmed) {
		ways = append(ways, quoted(reversed(stemmed))+":*")
	}
	if isUnresolved(word) && *taken < maxTaken && len(x.split.split(word)) == 0 {
		*taken++
		for n := ending; n <= len(word)-tinyPart; n++ {
			for _, part := range []string{word[:n], word[len(word)-n:]} {
				if st := stem(part); len(st) >= beginning && !slices.Contains(ways, quoted(st)) {
					ways = append(ways, quoted(st))
				}
			}
		}
	}
	query := strings.Join(ways, " | ")
	old, n := older(stemmed)
	return Term{Query: query, Older: query + " | " + old, Channel: int(spelling), Share: tuning.channel[spelling].weight, Weight: weight,
		Ways: len(ways), OldWays: len(ways) + n}
}

// laidOut gives the ways to say each concept among the signs, the surest first: stems, and phrases as the stems that they have.
func laidOut(vs []*Vocabulary, signs []asked) map[string][]string {
	type way struct {
		query  string
		weight uint32
	}
	found := map[string][]way{}
	for n, v := range vs {
		wanted := map[uint32]string{}
		for _, s := range signs {
			if vocabulary, place, ok := strings.Cut(s.name[1:], ":"); ok && s.channel == concepts && vocabulary == strconv.Itoa(n) {
				if c, err := strconv.ParseUint(place, 10, 32); err == nil {
					wanted[uint32(c)] = s.name
				}
			}
		}
		if len(wanted) == 0 {
			continue
		}
		stems := make([]string, len(v.single))
		for st, i := range v.stems {
			stems[i] = quoted(st)
		}
		for i := range v.single {
			for _, act := range v.single[i] {
				if name, ok := wanted[act.concept]; ok {
					found[name] = append(found[name], way{stems[i], act.weight})
				}
			}
			for _, p := range v.phrases[i] {
				if name, ok := wanted[p.act.concept]; ok {
					all := []string{stems[i]}
					for _, s := range p.stems {
						all = append(all, stems[s])
					}
					found[name] = append(found[name], way{"(" + strings.Join(all, " & ") + ")", p.act.weight})
				}
			}
		}
	}
	out := map[string][]string{}
	for name, ways := range found {
		slices.SortFunc(ways, func(a, b way) int {
			return cmp.Or(-cmp.Compare(a.weight, b.weight), strings.Compare(a.query, b.query))
		})
		for _, w := range ways {
			if !slices.Contains(out[name], w.query) {
				out[name] = append(out[name], w.query)
			}
		}
	}
	return out
}
