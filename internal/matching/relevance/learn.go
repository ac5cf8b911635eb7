package relevance

import (
	"cmp"
	"math"
	"slices"
)

// Decision is what people made of a document that was suggested for a question.
type Decision struct {
	Question Question
	Document ID
	Accepted bool // else dismissed
}

// learned says which features of documents were accepted with a feature of a question, oftener than by chance. Features
// stand by their names: Fold gives them other numbers.
type learned map[string][]association

type association struct {
	name   string
	weight float64 // of 1
}

// What one decision may teach, and when it is believed.
const (
	tellingFeatures = 10   // of a question, and of a document: the rarest
	maxDecisions    = 5000 // the last ones count
	enoughTimes     = 3    // accepted together, less the dismissed
	doubt           = 3    // decisions that are imagined to say nothing
	enoughLift      = 2    // times as often as chance would have it
	maxAssociations = 6    // of one feature of a question
)

// Learn takes the place of what the index learned before: from the decisions of its tenant, in the order in which they were
// taken, it draws which words of questions go with which words of documents. It takes three that agree to teach anything,
// dismissals take away, and what is learned never makes up more than a tenth of a score. The same decisions teach the
// same. Documents that the index does not have teach nothing.
func (ix *Index) Learn(decisions []Decision) {
	decisions = decisions[max(0, len(decisions)-maxDecisions):]
	type pair struct{ asked, found string }
	together := map[pair]int{}
	asked, found := map[string]int{}, map[string]int{}
	all := 0
	for _, d := range decisions {
		a := ix.Ask(d.Question)
		qs, ds := a.telling(), a.tellingOf(d.Document)
		if len(ds) == 0 {
			continue
		}
		one := -1
		if d.Accepted {
			one = 1
			all++
			for _, f := range ds {
				found[f]++
			}
		}
		for _, q := range qs {
			if d.Accepted {
				asked[q]++
			}
			for _, f := range ds {
				if q != f {
					together[pair{q, f}] += one
				}
			}
		}
	}
	l := learned{}
	for p, n := range together {
		lift := float64(n) * float64(all) / (float64(max(1, asked[p.asked])) * float64(max(1, found[p.found])))
		if n < enoughTimes || lift < enoughLift {
			continue
		}
		l[p.asked] = append(l[p.asked], association{p.found, float64(n) / float64(asked[p.asked]+doubt)})
	}
	for q, as := range l {
		slices.SortFunc(as, func(a, b association) int {
			return cmp.Or(-cmp.Compare(a.weight, b.weight), cmp.Compare(a.name, b.name))
		})
		l[q] = as[:min(len(as), maxAssociations)]
	}
	ix.learned.Store(&l)
}

// telling names the features that say most of what a question asks.
func (a *Asked) telling() []string {
	x := a.state.lexicon
	signs := slices.DeleteFunc(slices.Clone(a.signs), func(s asked) bool {
		return s.channel != words && s.channel != concepts || s.kind == Learned || s.weight < tuning.ask.text/2
	})
	slices.SortStableFunc(signs, func(p, q asked) int { return -cmp.Compare(a.rarity(&p), a.rarity(&q)) })
	var out []string
	for _, s := range signs[:min(len(signs), tellingFeatures)] {
		if s.known {
			a.ix.mu.RLock()
			out = append(out, x.features.name(s.feature))
			a.ix.mu.RUnlock()
		} else {
			out = append(out, s.name)
		}
	}
	return out
}

func (a *Asked) rarity(s *asked) float64 {
	if s.known {
		return s.weight * a.state.lexicon.rarity(s.feature)
	}
	return s.weight * float64(a.state.lexicon.unseen)
}

// tellingOf names the features that say most of what a document is about; none if the index does not have it.
func (a *Asked) tellingOf(id ID) []string {
	sc := a.borrow()
	defer a.done(sc)
	text, ok := a.state.textOf(id)
	if !ok {
		return nil
	}
	a.ix.mu.RLock()
	defer a.ix.mu.RUnlock()
	sc.gather(text)
	x := a.state.lexicon
	fs := slices.DeleteFunc(slices.Clone(sc.touched), func(f uint32) bool { return x.channel[f] != words && x.channel[f] != concepts })
	slices.SortFunc(fs, func(p, q uint32) int {
		return cmp.Or(-cmp.Compare(float64(sc.strength[p])*x.rarity(p), float64(sc.strength[q])*x.rarity(q)), cmp.Compare(p, q))
	})
	var out []string
	for _, f := range fs[:min(len(fs), tellingFeatures)] {
		out = append(out, x.features.name(f))
	}
	return out
}

// recall adds to the signs of a question what was learned of them, and gives the weight of it all, at most 1.
func (l *listener) recall(known learned) float64 {
	if len(known) == 0 {
		return 0
	}
	sum := 0.0
	for _, s := range slices.Clone(l.a.signs) {
		for _, as := range known[s.name] {
			f, ok := find(&l.x.features, as.name)
			if _, asked := l.place[as.name]; asked || !ok {
				continue
			}
			l.place[as.name] = len(l.a.signs)
			l.a.signs = append(l.a.signs, asked{feature: f, known: true, name: as.name, channel: l.x.channel[f], kind: Learned, word: s.word, weight: s.weight * as.weight})
			sum += as.weight
		}
	}
	return math.Min(1, sum)
}
