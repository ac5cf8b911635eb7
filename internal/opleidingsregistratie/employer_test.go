package opleidingsregistratie_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// What the social balance sheet and the right to training want to know (codes 58031 to 58033; law of 3 October 2022).
func TestRegistratie_AnEmployerSaysWhatItCostAndWhetherItCounts(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p := w.Pair()
	here := path + "/" + record(w, p).ID.String()
	hr := w.Employer(p.Sending)
	before := hr.Get(here).Is(200)
	require.Equal(t, "Woonzorgcentrum De Linde", before.Str("provider_name"))
	for _, name := range []string{"counts_for_training_right", "paid", "cost_direct_cents", "cost_contributions_cents", "cost_grants_cents"} {
		require.Nil(t, before.At(name), "%s: nobody said", name)
	}
	said := hr.Patch(here, `{"within_working_time":false,"paid":true,"counts_for_training_right":true,"cost_direct_cents":42000,"cost_contributions_cents":500,"cost_grants_cents":12000}`).Is(200)
	require.Equal(t, true, said.At("paid"))
	require.Equal(t, true, said.At("counts_for_training_right"))
	require.EqualValues(t, 42000, said.Num("cost_direct_cents"))
	require.EqualValues(t, 500, said.Num("cost_contributions_cents"))
	require.EqualValues(t, 12000, said.Num("cost_grants_cents"))
	hr.Patch(here, `{"cost_direct_cents":-1}`).Problem(422, "invalid", "/cost_direct_cents")
	hr.Patch(here, `{"cost_direct_cents":1.5}`).Problem(422, "invalid", "/cost_direct_cents")
	hr.Patch(here, `{"provider_name":"Elders"}`).Problem(422, "invalid", "/provider_name")

	corrected := hr.Post(here+"/correct", `{"hours":12,"reason":"x"}`).Is(200)
	require.EqualValues(t, 42000, corrected.Num("cost_direct_cents"), "a correction of hours leaves what was said of costs")
	require.Equal(t, "Woonzorgcentrum De Linde", corrected.Str("provider_name"))

	year := hr.Get(path + "/totals?from_on=2027-01-01&until_on=2027-12-31").Is(200)
	for name, want := range map[string]float64{"cost_direct_cents": 42000, "cost_contributions_cents": 500, "cost_grants_cents": 12000, "net_cost_cents": 30500} {
		require.EqualValues(t, want, year.Num(name), name)
		require.EqualValues(t, want, year.Num("by_classification.0."+name), name)
		require.Zero(t, year.Num("by_classification.1."+name), name)
	}
	require.Zero(t, hr.Get(path+"/totals?from_on=2027-01-12").Is(200).Num("net_cost_cents"), "costs count once, with the first day")
	require.Zero(t, w.Employer(p.Receiving).Get(path+"/totals").Is(200).Num("net_cost_cents"))

	now := path + "/" + corrected.Str("id")
	hr.Delete(now).Is(204)
	gone := hr.Get(now).Is(200)
	require.Nil(t, gone.At("provider_name"))
	require.Nil(t, gone.At("cost_direct_cents"))
}

// What training cost is the employer's own; what an employee is owed is the employee's to know.
func TestRegistratie_AnEmployeeSeesNoCosts(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p := w.Pair()
	here := path + "/" + record(w, p).ID.String()
	costs := []string{"cost_direct_cents", "cost_contributions_cents", "cost_grants_cents"}
	w.Employer(p.Sending).Patch(here, `{"paid":true,"counts_for_training_right":true,"cost_direct_cents":4242,"cost_contributions_cents":4343,"cost_grants_cents":4141}`).Is(200)
	for name, c := range map[string]*testkit.Caller{"switcher": w.Client(auth.Switcher, &p.Sending, &p.Switcher),
		"software of the switcher": w.Client(auth.Integration, &p.Sending, &p.Switcher, "opleidingsregistratie:read")} {
		one := c.Get(here).Is(200)
		require.Equal(t, true, one.At("paid"), name)
		require.Equal(t, true, one.At("counts_for_training_right"), name)
		total := c.Get(path + "/totals").Is(200)
		require.EqualValues(t, 1, total.Num("registraties"), name)
		list := c.Get(path).Is(200)
		require.Equal(t, 1, list.Len("data"), name)
		history := c.Get(here + "/history").Is(200)
		require.Equal(t, 1, history.Len("data"), name)
		for _, cost := range costs {
			for at, a := range map[string]*testkit.Answer{cost: one, "data.0." + cost: list} {
				require.Nil(t, a.At(at), "%s: %s", name, at)
			}
			require.Nil(t, history.At("data.0."+cost), "%s: %s", name, cost)
		}
		for _, cost := range append(costs, "net_cost_cents") {
			require.Nil(t, total.At(cost), "%s: %s", name, cost)
			for i := range 3 {
				require.Nil(t, total.At(fmt.Sprintf("by_classification.%d.%s", i, cost)), "%s: %s", name, cost)
			}
		}
		for _, a := range []*testkit.Answer{one, total, list, history} {
			for _, money := range []string{"4242", "4343", "4141", "4444"} {
				require.NotContains(t, string(a.Body), ":"+money, name)
			}
		}
	}
	for name, c := range map[string]*testkit.Caller{"employer": w.Employer(p.Sending), "ST-partner": w.Coordinator(), "who reads for the ST-partner": w.Client(auth.Viewer, nil, nil)} {
		require.EqualValues(t, 4242, c.Get(here).Is(200).Num("cost_direct_cents"), name)
		require.EqualValues(t, 4444, c.Get(path+"/totals").Is(200).Num("net_cost_cents"), name)
	}
}
