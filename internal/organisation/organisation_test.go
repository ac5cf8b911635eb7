package organisation

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The whole table: what is not listed here is refused.
func TestTransitions_EveryPair(t *testing.T) {
	t.Parallel()
	allowed := map[Stage]string{
		Informed:   "interested intake engaged paused stopped",
		Interested: "intake engaged paused stopped",
		Intake:     "interested engaged paused stopped",
		Engaged:    "paused stopped",
		Paused:     "interested intake engaged stopped",
		Stopped:    "informed interested intake",
	}
	for _, from := range Stages {
		for _, to := range Stages {
			want := from != to && slices.Contains(strings.Fields(allowed[from]), string(to))
			require.Equal(t, want, slices.Contains(transitions[from], to), "%s → %s", from, to)
		}
	}
}

func TestNormalNumber(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"0123.456.749", "0123456749", "BE 0123.456.749", "BE0123456749"} {
		n, ok := normalNumber(s)
		require.True(t, ok, s)
		require.Equal(t, "0123.456.749", n)
	}
	for _, s := range []string{"", "0123.456.748", "2123.456.749", "123456749", "0123.456.7490", "NL0123456749"} {
		_, ok := normalNumber(s)
		require.False(t, ok, s)
	}
}

func TestSmall_WhatPublicBodiesControlIsNoKMOUnlessItSaysSo(t *testing.T) {
	t.Parallel()
	yes, no, few, many := true, false, 40, 250
	for _, x := range []struct {
		o    Organisation
		want *bool
	}{
		{Organisation{Kind: "profit"}, nil}, {Organisation{Kind: "profit", Headcount: &few}, &yes}, {Organisation{Kind: "profit", Headcount: &many}, &no},
		{Organisation{Kind: "profit", Headcount: &few, SME: &no}, &no}, {Organisation{Kind: "public"}, &no},
		{Organisation{Kind: "public", Headcount: &few}, &no}, {Organisation{Kind: "public", Headcount: &few, SME: &yes}, &yes},
	} {
		require.Equal(t, x.want, x.o.Small())
	}
}
