package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestGrowth_ACallThatWasNeverMadeInASettingCountsForNothing(t *testing.T) {
	t.Parallel()
	made := took{all: []time.Duration{2 * time.Millisecond}, here: 3000, db: 1000}
	var never took
	var all []float64
	for range 3 {
		ratio(&all, made.at(.5), never.at(.5))
		ratio(&all, never.cpu(), made.cpu())
	}
	require.Equal(t, "–", figures(2, median(all)))
	ratio(&all, made.at(.5), made.at(.5))
	require.Equal(t, []float64{1}, all)
	require.Equal(t, "2.0 | – | 4.0 | –", figures(1, made.at(.95), never.at(.95), made.cpu(), never.cpu()))
}
