package hours

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHours_ReadsAndWritesTwoDecimals(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"7": "7", "7.0": "7", "7.5": "7.5", "7.25": "7.25", "0.01": "0.01", "7.500": "7.5", "-1.05": "-1.05", "0": "0",
		"1e1": "10", "1.5E+1": "15", "725e-2": "7.25", "0e20": "0"} {
		var h Hours
		require.NoError(t, json.Unmarshal([]byte(in), &h), in)
		out, err := json.Marshal(h)
		require.NoError(t, err)
		require.Equal(t, want, string(out))
	}
	for _, bad := range []string{`7.125`, `"7"`, `1e-3`, `1e21`, `7.5e`, `7.`, `99999999999999999999`, `null`, `true`} {
		var h Hours
		require.ErrorIs(t, h.UnmarshalJSON([]byte(bad)), ErrMalformed, bad)
	}
}

func TestOf_RoundsHalfUp(t *testing.T) {
	t.Parallel()
	require.Equal(t, Hours(700), Of(7*time.Hour))
	require.Equal(t, Hours(33), Of(20*time.Minute))
	require.Equal(t, Hours(67), Of(40*time.Minute))
	require.Equal(t, Hours(1), Of(18*time.Second))
	require.Equal(t, Hours(0), Of(17*time.Second))
}
