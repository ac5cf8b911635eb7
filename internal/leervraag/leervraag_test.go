package leervraag

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/fault"
)

// The whole table: every state with every action leads to one state or one problem.
func TestTransitions_EveryPair(t *testing.T) {
	t.Parallel()
	actions := []action{toOpen, toWithdraw, toAnswered, toPartlyAnswered, toUnanswered, toNotAddressed, toMatch, toReopen, toSharpen}
	want := map[Status][]any{
		Draft:          {Open, Withdrawn, IsDraft, IsDraft, IsDraft, NotAddressed, IsDraft, IsDraft, Draft},
		Open:           {Open, Withdrawn, Answered, PartlyAnswered, Unanswered, NotAddressed, Matched, Open, Open},
		Matched:        {IsMatched, IsMatched, Answered, PartlyAnswered, Unanswered, IsMatched, Matched, Open, Matched},
		Answered:       {IsClosed, IsClosed, Answered, IsClosed, IsClosed, IsClosed, IsClosed, Answered, IsClosed},
		PartlyAnswered: {IsClosed, IsClosed, IsClosed, PartlyAnswered, IsClosed, IsClosed, IsClosed, PartlyAnswered, IsClosed},
		Unanswered:     {IsClosed, IsClosed, IsClosed, IsClosed, Unanswered, IsClosed, IsClosed, Unanswered, IsClosed},
		NotAddressed:   {IsClosed, IsClosed, IsClosed, IsClosed, IsClosed, NotAddressed, IsClosed, NotAddressed, IsClosed},
		Withdrawn:      {IsWithdrawn, Withdrawn, IsWithdrawn, IsWithdrawn, IsWithdrawn, IsWithdrawn, IsWithdrawn, Withdrawn, IsWithdrawn},
	}
	require.Len(t, want, len(Statuses))
	for _, s := range Statuses {
		require.Len(t, want[s], len(actions))
		for i, a := range actions {
			to, err := s.after(a)
			switch x := want[s][i].(type) {
			case Status:
				require.NoError(t, err, "%s: %s", s, a)
				require.Equal(t, x, to, "%s: %s", s, a)
			case *fault.Problem:
				require.True(t, x.Is(err), "%s: %s: %v", s, a, err)
				require.Equal(t, s, to, "%s: %s", s, a)
			}
		}
	}
}

func TestClosing_EveryOutcomeHasItsAction(t *testing.T) {
	t.Parallel()
	require.Len(t, closing, len(Outcomes))
	for _, s := range Statuses {
		to, err := Open.after(closing[s])
		require.Equal(t, s.Closed(), err == nil && to == s, s)
	}
}

func TestAsks_WhatMakesAVersion(t *testing.T) {
	t.Parallel()
	text, other := "x", "y"
	for name, change := range map[string]func(*Leervraag){
		"title":       func(l *Leervraag) { l.Title = "x" },
		"question":    func(l *Leervraag) { l.Question = "x" },
		"motive":      func(l *Leervraag) { l.Motive = &other },
		"no motive":   func(l *Leervraag) { l.Motive = nil },
		"goals":       func(l *Leervraag) { l.Goals = []string{"x"} },
		"topics":      func(l *Leervraag) { l.Topics = []string{"x"} },
		"clarity":     func(l *Leervraag) { l.Clarity = "clear" },
		"shared text": func(l *Leervraag) { l.SharedText = &text },
	} {
		before := Leervraag{Motive: &text}
		after := before
		change(&after)
		require.False(t, after.asks(before), name)
	}
	again := "x"
	require.True(t, Leervraag{Motive: &text, Reach: "team", Internal: true, Status: Open}.asks(Leervraag{Motive: &again, Goals: []string{}}))
}
