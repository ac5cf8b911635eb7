package journey

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// However many are refused, and so keep no match, asking on comes to an end.
func TestTurn_TakesEachProposalOnce(t *testing.T) {
	t.Parallel()
	proposals := func() (out []Proposal) {
		for i := range 2*maxAccepted + 1 {
			p := Proposal{LeervraagID: id.LeervraagID{14: byte(i >> 8), 15: byte(i)}}
			if i == 3 {
				p.MatchID = &id.MatchID{}
			}
			out = append(out, p)
		}
		return out
	}
	seen := map[id.LeervraagID]bool{}
	var after *id.LeervraagID
	for _, want := range []int{maxAccepted, 0} {
		now, remaining, next := turn(proposals(), after)
		require.Len(t, now, maxAccepted)
		require.Equal(t, want, remaining)
		for _, p := range now {
			seen[p.LeervraagID] = true
		}
		after = next
	}
	require.Nil(t, after)
	require.Len(t, seen, 2*maxAccepted)
}
