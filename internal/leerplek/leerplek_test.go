package leerplek

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

func TestEveryActionLeadsSomewhereFromEveryStatus(t *testing.T) {
	t.Parallel()
	want := map[Status]map[action]Status{
		Draft:     {publish: Published, withdraw: Withdrawn},
		Published: {publish: Published, withdraw: Withdrawn},
		Withdrawn: {publish: Published, withdraw: Withdrawn},
	}
	require.Len(t, transitions, len(Statuses))
	for _, from := range Statuses {
		require.Len(t, transitions[from], len(actions), from)
		for _, a := range actions {
			require.Equal(t, want[from][a], transitions[from][a], "%s, %s", from, a)
			require.Contains(t, Statuses, transitions[from][a])
		}
	}
}

func TestEveryConditionBlocksWhenItIsNoAndWarnsWhenItIsOpen(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	site := id.NewSite()
	l := Leerplek{SiteID: &site}
	met := Conditions{&yes, &yes, &yes, &yes}
	missing, warnings := judge(l, []Coach{{Employed: true, Conditions: met}})
	require.Empty(t, missing)
	require.Empty(t, warnings)

	for name, set := range map[string]func(*Conditions, *bool){
		"voluntary":     func(c *Conditions, b *bool) { c.Voluntary = b },
		"has_time":      func(c *Conditions, b *bool) { c.HasTime = b },
		"knows_role":    func(c *Conditions, b *bool) { c.KnowsRole = b },
		"has_expertise": func(c *Conditions, b *bool) { c.HasExpertise = b },
	} {
		about := map[string]string{"condition": name}
		c := met
		set(&c, &no)
		missing, warnings = judge(l, []Coach{{Employed: true, Conditions: met}, {Employed: true, Conditions: c}})
		require.Equal(t, []fault.Field{{Pointer: "/leercoach_ids/1", Rule: conditionNo, Params: about}}, missing)
		require.Empty(t, warnings)

		set(&c, nil)
		missing, warnings = judge(l, []Coach{{Employed: true, Conditions: c}})
		require.Empty(t, missing)
		require.Equal(t, []Warning{{"/leercoach_ids/0", conditionOpen, about}}, warnings)
	}
}

func TestWhatElseStandsInTheWayOfPublishing(t *testing.T) {
	t.Parallel()
	yes := true
	met := Conditions{&yes, &yes, &yes, &yes}
	where := "Onthaal"

	missing, warnings := judge(Leerplek{MeetingPoint: &where}, nil)
	require.Equal(t, []fault.Field{{Pointer: "/leercoach_ids", Rule: fault.TooShort, Params: map[string]string{"min": "1"}}}, missing)
	require.Empty(t, warnings)

	missing, warnings = judge(Leerplek{}, []Coach{{Employed: false, Conditions: met}})
	require.Equal(t, []fault.Field{{Pointer: "/leercoach_ids/0", Rule: notEmployed}}, missing)
	require.Equal(t, []Warning{{"/site_id", nowhere, nil}}, warnings)
}

func TestRoomIsWhatIsLeftAndNeverLessThanNothing(t *testing.T) {
	t.Parallel()
	require.Equal(t, 2, Leerplek{Capacity: 3, Active: 1}.Free())
	require.Equal(t, 0, Leerplek{Capacity: 1, Active: 1}.Free())
	require.Equal(t, 0, Leerplek{Capacity: 1, Active: 2}.Free())
}
