package relevance

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGainOf_IsTheLeastThatScoresSo(t *testing.T) {
	t.Parallel()
	for score := range 10_001 {
		g := GainOf(score)
		require.GreaterOrEqual(t, g.Score(), score)
		if g > 0 {
			require.Less(t, (g - 1).Score(), score)
		}
		require.False(t, g.Less(g))
		require.True(t, g.Less(g+1))
	}
}

func TestGroups_AddUpWhatWasWrittenDown(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(8, 8))
	halves := 0
	for range 2000 {
		want := make([]Gain, 5000)
		var docs []uint32
		gap, points := 1+r.IntN(300), Gain(r.Uint64N(1<<40))
		for d := r.IntN(gap); d < len(want); d += 1 + r.IntN(gap) {
			docs = append(docs, uint32(d))
			want[d] = 7 + points
		}
		if len(docs) == 0 {
			continue
		}
		got := make([]Gain, len(want))
		for _, d := range docs {
			got[d] = 7
		}
		list := append(appendGroup(nil, docs, 5), "the next"...)
		head, n := binary.Uvarint(list)
		require.EqualValues(t, 5, head&full)
		add := addWhole
		if head>>impactBits&1 == 1 {
			add = addHalves
			halves++
		}
		n += add(got, list[n:], head>>(impactBits+1), points)
		require.Equal(t, "the next", string(list[n:]))
		require.Equal(t, want, got)
	}
	require.Positive(t, halves)
	require.Less(t, halves, 2000)
}
