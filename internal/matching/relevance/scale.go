package relevance

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"slices"
	"strings"
	"sync"
)

// Scale is what an index fixed when it was built: how rare each sign is, how long texts are, which words are parts of others
// and which misspelled ones stand for them. An index of other documents that is built on it scores as if it were that first
// one, and only its documents had changed. It holds words of documents, one by one, in the order of the alphabet: not in theirs.
type Scale struct {
	Words    []string // that documents have
	Uses     []int32  // by word: how often, as a part of compounds; 0 for none
	Common   []bool   // by word: so many documents have it that its spelling says nothing
	Features []string // with the prefix of their channel
	Rarity   []float32
	Dull     []bool
	Unseen   float32
	Average  []float64 // by channel
}

// Scale is what was fixed when the index was built, or folded.
func (ix *Index) Scale() *Scale {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	st := ix.state.Load()
	x := st.lexicon
	s := &Scale{Unseen: x.unseen, Average: st.base.average[:]}
	named := make([]string, x.fixed)
	for i := range named {
		named[i] = x.words.name(uint32(i))
	}
	for _, i := range alphabetical(named) {
		s.Words, s.Uses, s.Common = append(s.Words, named[i]), append(s.Uses, int32(x.split.used[named[i]])), append(s.Common, x.entries[i].common)
	}
	features := make([]string, len(x.idf))
	for f := range features {
		features[f] = x.features.name(uint32(f))
	}
	for _, f := range alphabetical(features) {
		s.Features, s.Rarity, s.Dull = append(s.Features, features[f]), append(s.Rarity, x.idf[f]), append(s.Dull, x.dull[f])
	}
	return s
}

// Bytes is about how much memory it takes.
func (s *Scale) Bytes() int {
	n := (16+4+1)*len(s.Words) + (16+4+1)*len(s.Features)
	for _, list := range [][]string{s.Words, s.Features} {
		for _, w := range list {
			n += len(w)
		}
	}
	return n
}

// alphabetical is the order of names by the alphabet.
func alphabetical(names []string) []int {
	order := make([]int, len(names))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(names[a], names[b]) })
	return order
}

// lexicon is one that knows what the scale fixed, and no document yet.
func (s *Scale) lexicon(vocabularies []*Vocabulary) *lexicon {
	x := newLexicon(vocabularies)
	for i, w := range s.Words {
		n := x.number([]byte(w))
		x.entries[n].common = s.Common[i]
		x.split.add(w, int(s.Uses[i]))
	}
	for _, f := range s.Features {
		if _, isNew := intern(&x.features, f); isNew {
			x.channel = append(x.channel, channel(strings.IndexByte(prefixes, f[0])))
			x.domain = append(x.domain, 0)
		}
	}
	// Copies: the lexicon grows, and others may be built on the same scale.
	x.idf, x.dull, x.unseen = append(x.idf, s.Rarity...), append(x.dull, s.Dull...), s.Unseen
	x.hear()
	return x
}

// Version changes whenever the words and the thesaurus that are shipped do.
var Version = sync.OnceValue(func() string {
	h := sha256.New()
	err := fs.WalkDir(shippedFiles, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := shippedFiles.ReadFile(path)
		_, _ = h.Write(append([]byte(path+"\x00"), text...)) // a hash takes everything
		return err
	})
	if err != nil {
		panic(err) // they are embedded
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
})
