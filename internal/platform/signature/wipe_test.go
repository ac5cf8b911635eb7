package signature

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWipe_LeavesNoKeyInMemory(t *testing.T) {
	t.Parallel()
	private, _ := NewKeyPair()
	s, err := NewSigner([]string{NewSecret()}, []string{private})
	require.NoError(t, err)
	shared, own := s.shared[0], s.own[0]
	require.NotEqual(t, make([]byte, len(shared)), shared)
	s.Wipe()
	require.Equal(t, make([]byte, len(shared)), shared)
	require.Equal(t, make([]byte, len(own)), []byte(own))
}
