package match

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

func TestEveryActionInEveryStateHasOneOutcome(t *testing.T) {
	t.Parallel()
	want := map[action]map[Status]string{
		change:   {Draft: "draft", Proposed: "match-proposed", Accepted: "match-accepted", Declined: "match-declined", Lapsed: "match-lapsed", Cancelled: "match-cancelled"},
		appraise: {Draft: "draft", Proposed: "proposed", Accepted: "match-accepted", Declined: "match-declined", Lapsed: "match-lapsed", Cancelled: "match-cancelled"},
		inform:   {Draft: "match-draft", Proposed: "proposed", Accepted: "accepted", Declined: "match-declined", Lapsed: "match-lapsed", Cancelled: "match-cancelled"},
		propose:  {Draft: "proposed", Proposed: "proposed", Accepted: "match-accepted", Declined: "match-declined", Lapsed: "match-lapsed", Cancelled: "match-cancelled"},
		accept:   {Draft: "match-draft", Proposed: "proposed", Accepted: "match-accepted", Declined: "match-declined", Lapsed: "match-lapsed", Cancelled: "match-cancelled"},
		decline:  {Draft: "match-draft", Proposed: "declined", Accepted: "match-accepted", Declined: "match-declined", Lapsed: "match-lapsed", Cancelled: "match-cancelled"},
		complete: {Draft: "match-draft", Proposed: "accepted", Accepted: "match-accepted", Declined: "match-declined", Lapsed: "match-lapsed", Cancelled: "match-cancelled"},
		lapse:    {Draft: "lapsed", Proposed: "lapsed", Accepted: "match-accepted", Declined: "match-declined", Lapsed: "lapsed", Cancelled: "match-cancelled"},
		cancel:   {Draft: "cancelled", Proposed: "cancelled", Accepted: "cancelled", Declined: "match-declined", Lapsed: "match-lapsed", Cancelled: "cancelled"},
	}
	require.Len(t, transitions, len(Statuses))
	require.Len(t, want, len(actions))
	for _, s := range Statuses {
		require.Len(t, transitions[s], len(actions), s)
		for _, a := range actions {
			next, err := Match{Status: s}.after(a)
			got := string(next)
			if err != nil {
				require.Equal(t, s, next, "a refusal leaves the state")
				got = transitions[s][a].refuse.Code
				require.True(t, transitions[s][a].refuse.Is(err))
				require.Equal(t, "match-"+string(s), got, "a refusal names the state")
			}
			require.Equal(t, want[a][s], got, "%s a match that is %s", a, s)
		}
	}
}

func TestAMatchIsCompleteWhenEveryRequiredPartyAccepted(t *testing.T) {
	t.Parallel()
	yes := func(parties ...string) (d Decisions) {
		for _, p := range parties {
			d = append(d, DecisionWire{Party: p, Decision: Accepted})
		}
		return d
	}
	for _, c := range []struct {
		required  []string
		decisions Decisions
		complete  bool
	}{
		{[]string{Sending, Receiving}, nil, false},
		{[]string{Sending, Receiving}, yes(Sending), false},
		{[]string{Sending, Receiving}, yes(Switcher, Leercoach), false},
		{[]string{Sending, Receiving}, yes(Receiving, Sending), true},
		{[]string{Sending, Receiving, Switcher}, yes(Receiving, Sending), false},
		{[]string{Sending, Receiving, Switcher, Leercoach}, yes(Parties...), true},
		{[]string{Sending}, yes(Sending), true},
		{[]string{Sending}, Decisions{{Party: Sending, Decision: Declined}}, false},
	} {
		m := Match{RequiredParties: c.required, Decisions: c.decisions}
		require.Equal(t, c.complete, m.complete(), "%v of %v", c.decisions, c.required)
	}
}

func TestWordsOfAPartyBelongToItsEmployer(t *testing.T) {
	t.Parallel()
	m := Match{SendingOrganisationID: id.NewOrganisation(), ReceivingOrganisationID: id.NewOrganisation(), LeercoachIDs: db.IDs[id.MedewerkerID]{id.NewMedewerker()}}
	for party, org := range map[string]id.OrganisationID{Sending: m.SendingOrganisationID, Switcher: m.SendingOrganisationID,
		Receiving: m.ReceivingOrganisationID, Leercoach: m.ReceivingOrganisationID} {
		require.Equal(t, org, m.side(party), party)
	}
}
