package cohort

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The whole table: every state with every action leads to one state or is refused.
func TestTransitions_EveryPair(t *testing.T) {
	t.Parallel()
	actions := []action{toOpen, toClose, toChange, toPrefer}
	want := map[Status][]Status{
		Draft:  {Open, Closed, Draft, ""},
		Open:   {Open, Closed, Open, Open},
		Closed: {"", Closed, "", ""},
	}
	require.Len(t, want, len(Statuses))
	for _, s := range Statuses {
		for i, a := range actions {
			to, err := s.after(a)
			if want[s][i] == "" {
				require.Equal(t, s == Closed, IsClosed.Is(err), "%s: %s: %v", s, a, err)
				require.Equal(t, s == Draft, NotOpen.Is(err), "%s: %s: %v", s, a, err)
				require.Equal(t, s, to)
				continue
			}
			require.NoError(t, err, "%s: %s", s, a)
			require.Equal(t, want[s][i], to, "%s: %s", s, a)
		}
	}
}
