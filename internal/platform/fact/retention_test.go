package fact

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// Facts of one transaction have one time and one position: their ids keep them in order.
func TestIDAt_IsOfItsMomentAndInOrder(t *testing.T) {
	t.Parallel()
	at := time.Date(2027, 1, 11, 8, 0, 0, 123_000_000, time.UTC)
	last := uuid.Nil
	for range 5000 {
		u := idAt(at)
		require.Equal(t, uuid.Version(7), u.Version())
		require.Equal(t, uuid.RFC4122, u.Variant())
		s, ns := u.Time().UnixTime()
		require.Equal(t, at, time.Unix(s, ns).UTC().Truncate(time.Millisecond))
		require.Negative(t, bytes.Compare(last[:], u[:]))
		last = u
	}
}
