package web

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRefusals_AreHeldForAMoment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRefusals()
		took := func(caller, server context.Context) time.Duration {
			start := time.Now()
			r.hold(caller, server)
			return time.Since(start)
		}
		on := context.Background()
		over, end := context.WithCancel(on)
		end()
		aMoment := func() { // and not the same one each time
			t.Helper()
			first, other := took(on, on), took(on, on)
			require.NotEqual(t, first, other)
			for _, d := range []time.Duration{first, other} {
				require.GreaterOrEqual(t, d, refusalPause/2)
				require.Less(t, d, refusalPause*3/2)
			}
		}
		aMoment()
		require.Zero(t, took(over, on), "nobody is there any more")
		require.Zero(t, took(on, over), "the server ends")
		require.Empty(t, r, "none is held any more")

		var held sync.WaitGroup
		for range refusalsHeld {
			held.Go(func() { r.hold(on, on) })
		}
		synctest.Wait()
		require.Zero(t, took(on, on), "no more are held at once")
		held.Wait()
		aMoment()
	})
}
