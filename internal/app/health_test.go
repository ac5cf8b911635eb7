package app

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Anybody may ask whether we are ready; the database is asked once a second, whoever asks and however many.
func TestReadiness_IsLookedAtOnceASecond(t *testing.T) {
	t.Parallel()
	var r readiness
	asked := 0
	look := func(context.Context) []Check {
		asked++
		return []Check{{"database", asked == 1, ""}}
	}
	now := time.Now()
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { require.True(t, r.look(t.Context(), now, look)[0].OK) })
	}
	wg.Wait()
	require.True(t, r.look(t.Context(), now.Add(readyFor-1), look)[0].OK)
	require.Equal(t, 1, asked)
	require.False(t, r.look(t.Context(), now.Add(readyFor), look)[0].OK)
	require.Equal(t, 2, asked)
}
