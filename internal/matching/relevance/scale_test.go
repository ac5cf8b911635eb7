package relevance

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// changing makes a set of documents, some of which change, leave and join later, and questions about both.
func changing(seed uint64) (before, after []Document, questions []Question) {
	r := rand.New(rand.NewPCG(seed, 3))
	terms := ShippedTerms()
	said := func(n int) (out string) {
		for range n {
			out += terms[int(float64(len(terms))*r.Float64()*r.Float64())] + " "
		}
		return out
	}
	make := func(n int) Document {
		d := Document{ID: key(n), Title: said(1), Description: said(8), Function: said(1), Sector: said(1), Topics: []string{said(1)}}
		if r.IntN(4) == 0 {
			d.Description += []string{"snoezelruimte", "wisselwerf", "kwartelhok"}[r.IntN(3)]
		}
		return d
	}
	for n := range 120 {
		before = append(before, make(n))
	}
	for n, d := range before {
		switch r.IntN(6) {
		case 0: // it leaves
		case 1:
			after = append(after, make(n))
		default:
			after = append(after, d)
		}
	}
	for n := range 20 {
		after = append(after, make(1000+n))
	}
	for range 40 {
		questions = append(questions, Question{Title: said(1), Text: "Ik wil leren over " + said(3), Topics: []string{said(1)}},
			Question{Title: []string{"snoezelen", "snoezelruimtes", "kwartelhk", "wiselwerf"}[r.IntN(4)], Text: said(1)})
	}
	return before, after, questions
}

func gains(ix *Index, q Question) map[ID]Gain {
	out := map[ID]Gain{}
	ix.Ask(q).All(func(_ int, id ID, gain Gain) { out[id] = gain })
	return out
}

// Built on the scale of another, an index scores to the bit as that one does whose documents changed one by one.
func TestBuildOn_ScoresAsIfOnlyTheDocumentsHadChanged(t *testing.T) {
	t.Parallel()
	differs := 0
	for seed := range uint64(5) {
		before, after, questions := changing(seed)
		old := index(t, Options{}, before...)
		on, err := BuildOn(old.Scale(), Options{}, slices.Values(after))
		require.NoError(t, err)
		require.Equal(t, old.Scale(), on.Scale(), "it is handed on as it was")
		require.True(t, slices.IsSorted(old.Scale().Words) && slices.IsSorted(old.Scale().Features), "nobody reads off how words stood in a text")
		anew, same := index(t, Options{}, after...), index(t, Options{}, before...)
		for _, d := range before {
			old.Remove(d.ID)
		}
		for _, d := range after {
			old.Upsert(d)
		}
		kept, err := BuildOn(same.Scale(), Options{}, slices.Values(before))
		require.NoError(t, err)
		for _, q := range questions {
			require.Equal(t, gains(old, q), gains(on, q))
			require.Equal(t, gains(same, q), gains(kept, q), "of the same documents nothing changes")
			for id, gain := range gains(on, q) {
				if gains(anew, q)[id] != gain {
					differs++
				}
			}
			a := on.Ask(q)
			for _, h := range a.Top(5, nil) {
				one, ok := a.Score(h.ID)
				require.True(t, ok)
				require.Equal(t, h, one)
			}
		}
	}
	require.Greater(t, differs, 100, "a scale of its own is another")
}

func TestBuildOn_OfNothing(t *testing.T) {
	t.Parallel()
	scale := index(t, Options{}).Scale()
	ix, err := BuildOn(scale, Options{}, slices.Values(places))
	require.NoError(t, err)
	require.Equal(t, len(places), ix.Len())
	require.NotEmpty(t, ix.Ask(Question{Title: "lassen"}).Top(1, nil))
	require.Len(t, Version(), 16)
}
