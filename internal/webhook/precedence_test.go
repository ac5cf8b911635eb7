package webhook_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/webhook"
)

func TestPrecedence_WhoYieldsWaitsForAllThatGoFirstAndNoLongerThanItMay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := webhook.NewPrecedence(time.Minute)
		p.Yield() // nothing goes first
		passed := func() chan struct{} {
			c := make(chan struct{})
			go func() { defer close(c); p.Yield() }()
			return c
		}
		one, other := p.Enter(), p.Enter()
		waits := passed()
		one()
		one() // a second time says nothing
		synctest.Wait()
		select {
		case <-waits:
			t.Fatal("the other still goes first")
		default:
		}
		other()
		<-waits

		began := time.Now()
		p.Enter()
		<-passed()
		require.Equal(t, time.Minute, time.Since(began), "nothing goes first for ever")
		p.Yield()
		require.Equal(t, time.Minute, time.Since(began))
	})
}

// What a look takes goes first until it is answered, or given up; what is sent ahead never does.
func TestDeliverer_WhatALookTakesGoesFirstUntilItIsAnswered(t *testing.T) {
	t.Parallel()
	p, g := open(t), hold(t, http.StatusNoContent)
	ctx := context.Background()
	p.d.LastingPrecedence()
	p.Coordinator().Post(endpoints, object{"url": g.URL, "event_types": []string{"organisation.*"}}).Is(http.StatusCreated)
	p.deliver()
	require.Zero(t, p.d.First(), "looks have ended, and what they took")
	p.record()
	took, err := p.d.Freeze(ctx)
	require.NoError(t, err)
	require.Len(t, took.Deliveries, 1)
	require.Equal(t, 1, p.d.First())
	ended := make(chan struct{})
	go func() { defer close(ended); took.Wake() }()
	answer := <-g.entered
	require.Equal(t, 1, p.d.First())
	answer()
	<-ended
	require.Zero(t, p.d.First())

	p.record()
	go p.d.Refill(ctx, p.Tenant)
	answer = <-g.entered
	require.Zero(t, p.d.First())
	answer()
	require.Eventually(t, func() bool { return len(p.places()) == 0 }, enough, 10*time.Millisecond)
}
