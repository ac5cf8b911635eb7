package assign

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRoute_GivesUpAugmentingWhereThatTakesTooLong(t *testing.T) {
	t.Parallel()
	f := &Flow{Supply: []int64{1, 1, -1, -1}, From: []int32{0, 0, 1, 1}, To: []int32{2, 3, 2, 3}, Capacity: []int64{1, 1, 1, 1}, Cost: []int64{1, 5, 1, 9}}
	_, err := f.asAssignment().route(context.Background(), 0)
	require.ErrorIs(t, err, errTooMuchWork)
	augmented, err := f.asAssignment().route(context.Background(), 1000)
	require.NoError(t, err)
	simplex, err := f.simplex(context.Background())
	require.NoError(t, err)
	require.Equal(t, int64(6), augmented.Objective)
	require.Equal(t, augmented.Flow, simplex.Flow)
}
