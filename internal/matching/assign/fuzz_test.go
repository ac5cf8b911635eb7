package assign_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/matching/assign"
)

// source draws numbers from what the fuzzer hands over, and others when that is used up.
type source struct {
	data []byte
	rest *rand.PCG
}

func (s *source) Uint64() uint64 {
	n := s.rest.Uint64()
	if len(s.data) == 0 {
		return n
	}
	n = n>>8 | uint64(s.data[0])<<56 // the high bits decide
	s.data = s.data[1:]
	return n
}

func from(data []byte) *rand.Rand {
	return rand.New(&source{data, rand.NewPCG(uint64(len(data)), 1)})
}

func FuzzCohort(f *testing.F) {
	f.Add([]byte("een leervraag"))
	f.Add([]byte{0, 1, 2, 3, 250, 251, 252, 253, 254, 255, 9, 9, 9, 9, 128, 64, 32, 16, 8, 4, 2, 1})
	f.Add([]byte("Switching Talent: leren van elkaar, op de werkvloer van een ander, voor een concrete leervraag; een dag of twee"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := from(data)
		w := small(r)
		want, ok := exhaustive(w)
		s, err := assign.New(w.Problem)
		require.NoError(t, err)
		if err := s.Solve(context.Background(), nil); !ok {
			require.ErrorIs(t, err, assign.ErrPinsDoNotFit)
			return
		}
		require.Equal(t, want, certified(t, w, s))
		for range min(len(data)/4, 8) {
			change(t, r, w, s)
			want, _ = exhaustive(w)
			require.Equal(t, want, certified(t, w, s))
		}
	})
}

func FuzzRoute(f *testing.F) {
	f.Add([]byte("rivier"), false)
	f.Add([]byte{7, 7, 7, 200, 100, 50, 25, 12, 6, 3, 1, 0, 255, 254, 253, 1, 2, 3, 4}, true)
	f.Fuzz(func(t *testing.T, data []byte, rows bool) {
		r := from(data)
		draw := anyFlow
		if rows {
			draw = rowFlow
		}
		problem := draw(r)
		want, ok := cancelling(problem)
		got, err := assign.Route(context.Background(), problem)
		if !ok {
			require.True(t, errors.Is(err, assign.ErrInfeasible), "%v", err)
			return
		}
		require.NoError(t, err)
		require.Equal(t, want, got.Objective)
		_, err = network(problem, got).Check()
		require.NoError(t, err)
	})
}
