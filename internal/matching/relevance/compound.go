package relevance

import (
	"math"
	"slices"
	"strings"
)

// Dutch writes compounds as one word: personeelsbeleid is beleid of personeel. A part must be a word that is used by
// itself, in the tenant's own texts or in the lists that are shipped.
const (
	minPart  = 4 // letters of a part
	tinyPart = 3 // of one that is used often
	often    = 3
	maxParts = 4
)

// links stand between the parts, longest first.
var links = []string{"", "s", "en", "e", "n", "er", "es"}

// splitter knows the words that parts can be, and how often each is used: those of an index, beside those that are shipped.
type splitter struct {
	shipped *splitter      // nil: this is it
	used    map[string]int // words
	stems   map[string]int
	total   float64
}

func newSplitter(shipped *splitter) *splitter {
	s := &splitter{shipped: shipped, used: map[string]int{}, stems: map[string]int{}}
	if shipped != nil {
		s.total = shipped.total
	}
	return s
}

// times says how often a word is used by itself, and inflected.
func (s *splitter) times(word string) int {
	n := s.used[word]
	if s.shipped != nil {
		n += s.shipped.used[word]
	}
	return n
}

func (s *splitter) timesInflected(word string) int {
	st := stem(word)
	n := s.stems[st]
	if s.shipped != nil {
		n += s.shipped.stems[st]
	}
	return n
}

// add says that a word is used n times.
func (s *splitter) add(word string, n int) {
	if len(word) < tinyPart || len(word) > 24 || stopWords[word] || blockedParts[word] || !isAlpha(word) {
		return
	}
	s.used[word] += n
	s.stems[stem(word)] += n
	s.total += float64(n)
}

func isAlpha(word string) bool {
	return !strings.ContainsFunc(word, func(r rune) bool { return r < 'a' || r > 'z' })
}

// cost is what a part costs: one that is used n times: rare words and short ones more. Negative: no part.
func (s *splitter) cost(part string, n int) float64 {
	if n == 0 || len(part) < minPart && n < often {
		return -1
	}
	c := math.Log((s.total+1)/float64(n)) + 6
	if len(part) < minPart {
		c += 6
	}
	return c
}

// split gives the parts of a compound, in their order, or nil when a word is none: the cheapest way to write it as two to
// four words with a link between each two. An end of the word may be inflected.
func (s *splitter) split(word string) []string {
	if len(word) < minPart+tinyPart || !isAlpha(word) {
		return nil
	}
	type step struct {
		cost  float64
		from  int
		end   int // of the part, before its link
		parts int
	}
	best := make([]step, len(word)+1)
	for i := 1; i <= len(word); i++ {
		best[i].cost = math.Inf(1)
	}
	for i := 0; i < len(word); i++ {
		if math.IsInf(best[i].cost, 1) || best[i].parts == maxParts {
			continue
		}
		for end := i + tinyPart; end <= len(word); end++ {
			if i == 0 && end == len(word) {
				break
			}
			part := word[i:end]
			c := s.cost(part, s.times(part))
			if c < 0 && end == len(word) && end-i >= minPart {
				if c = s.cost(part, s.timesInflected(part)); c >= 0 {
					c++
				}
			}
			if c < 0 {
				continue
			}
			for _, link := range links {
				to := end + len(link)
				if to > len(word) || to == len(word) && link != "" || word[end:to] != link {
					continue
				}
				total := best[i].cost + c
				if link != "" {
					total += 0.5
				}
				if total < best[to].cost {
					best[to] = step{total, i, end, best[i].parts + 1}
				}
			}
		}
	}
	if last := best[len(word)]; math.IsInf(last.cost, 1) || last.parts < 2 {
		return nil
	}
	var out []string
	for i := len(word); i > 0; i = best[i].from {
		out = append(out, word[best[i].from:best[i].end])
	}
	slices.Reverse(out)
	return out
}
