package medewerker

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/day"
)

func TestEnded_FromTheLastDayOn(t *testing.T) {
	t.Parallel()
	last := day.Of(2027, time.June, 30)
	require.False(t, Medewerker{}.Ended(last))
	m := Medewerker{EndedOn: &last}
	require.False(t, m.Ended(last.Add(-1)))
	require.True(t, m.Ended(last))
	require.True(t, m.Ended(last.Add(1)))
}
