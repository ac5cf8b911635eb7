package webhook

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/signature"
)

func TestKeyring_IsBoundedAndWipesWhatItLetsGo(t *testing.T) {
	t.Parallel()
	k := keyring{of: map[id.EndpointID]*opened{}}
	made := 0
	open := func() (*signature.Signer, error) {
		made++
		return signature.NewSigner([]string{signature.NewSecret()}, nil)
	}
	signs := func(s *signature.Signer) bool {
		_, err := s.Sign("evt_1", time.Unix(1, 0), nil)
		return err == nil
	}
	e := id.NewEndpoint()
	one, err := k.signer(e, []byte("a"), open)
	require.NoError(t, err)
	same, err := k.signer(e, []byte("a"), open)
	require.NoError(t, err)
	require.Same(t, one, same)
	require.Equal(t, 1, made)
	_, err = k.signer(e, []byte("a"), func() (*signature.Signer, error) { return nil, signature.ErrSecret })
	require.NoError(t, err)
	_, err = k.signer(e, []byte("b"), func() (*signature.Signer, error) { return nil, signature.ErrSecret })
	require.ErrorIs(t, err, signature.ErrSecret)
	require.True(t, signs(one), "what cannot be opened replaces nothing")
	two, err := k.signer(e, []byte("b"), open)
	require.NoError(t, err)
	require.False(t, signs(one), "it was replaced")
	require.True(t, signs(two))
	k.forget(e)
	require.False(t, signs(two))

	var all []*signature.Signer
	for range maxKeys + 10 {
		s, err := k.signer(id.NewEndpoint(), nil, open)
		require.NoError(t, err)
		all = append(all, s)
	}
	require.Len(t, k.of, maxKeys)
	live := 0
	for _, s := range all {
		if signs(s) {
			live++
		}
	}
	require.Equal(t, maxKeys, live)
	k.sweep(time.Hour)
	require.Len(t, k.of, maxKeys)
	k.sweep(0)
	require.Empty(t, k.of)
	for _, s := range all {
		require.False(t, signs(s))
	}
}
