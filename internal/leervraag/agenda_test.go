package leervraag_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// The guide's questions to a switcher, each with its answer (seed 001, 5.3; seed 000, "Verhelderen van de leervraag").
const agenda = `"smart_goals":[{"goal":"Twee aanpakken kennen","measure":"Ik kan ze uitleggen.","feasible":"Twee dagen volstaan.","relevant":"In maart starten er vier.","by_on":"2027-06-30"}],
	"meaning":"Hoe nieuwe collega's de briefing leren volgen.","how_to_answer":"Meelopen met een ploeg.","learn_in_general":"Hoe anderen onthalen.",
	"learn_specifically":"Een briefing in klare taal.","must_cover":["de ochtendbriefing"],"people_to_meet":["taalcoach"],"activities":["rondleiding"],
	"content":"Klare taal, pictogrammen.","approach":"Eerst kijken, dan doen."`

func TestLeervraag_HoldsItsLeeragendaInEveryVersion(t *testing.T) {
	t.Parallel()
	a := newAsker(t)
	made := a.c.Post("/v1/leervragen", dutch(a.switcher, `,"motive":"Nieuwe collega's","topics":["taalbeleid"],"goals":["Twee aanpakken kennen","Een netwerk"],"in_training_plan":true,`+agenda)).Is(201)
	for name, want := range map[string]any{"smart_goals.0.goal": "Twee aanpakken kennen", "smart_goals.0.measure": "Ik kan ze uitleggen.",
		"smart_goals.0.feasible": "Twee dagen volstaan.", "smart_goals.0.relevant": "In maart starten er vier.", "smart_goals.0.by_on": "2027-06-30",
		"meaning": "Hoe nieuwe collega's de briefing leren volgen.", "how_to_answer": "Meelopen met een ploeg.", "learn_in_general": "Hoe anderen onthalen.",
		"learn_specifically": "Een briefing in klare taal.", "must_cover.0": "de ochtendbriefing", "people_to_meet.0": "taalcoach", "activities.0": "rondleiding",
		"content": "Klare taal, pictogrammen.", "approach": "Eerst kijken, dan doen.", "in_training_plan": true, "from_leeruitwisseling_id": nil} {
		require.Equal(t, want, made.At(name), name)
	}
	at := "/v1/leervragen/" + made.Str("id")
	require.JSONEq(t, string(made.Body), string(a.c.Get(at).Is(200).Body))

	a.c.Patch(at, `{"in_training_plan":false}`, "If-Match", "*").Is(200)
	require.EqualValues(t, 1, a.c.Get(at).Num("version"), "what the employer plans is not what is asked")
	for i, change := range []string{`{"meaning":"Anders."}`, `{"how_to_answer":null}`, `{"learn_in_general":"Anders."}`, `{"learn_specifically":"Anders."}`,
		`{"must_cover":["de avondbriefing"]}`, `{"people_to_meet":[]}`, `{"activities":["werkgroep"]}`, `{"content":"Anders."}`, `{"approach":null}`,
		`{"smart_goals":[{"goal":"Een netwerk","by_on":"2027-07-01"}]}`, `{"smart_goals":[{"goal":"Een netwerk","by_on":"2027-07-02"}]}`} {
		require.EqualValues(t, i+2, a.c.Patch(at, change, "If-Match", "*").Is(200).Num("version"), change)
		require.EqualValues(t, i+2, a.c.Patch(at, change, "If-Match", "*").Is(200).Num("version"), "again: %s", change)
	}
	versions := a.c.Get(at + "/versions").Is(200)
	require.Equal(t, 12, versions.Len("data"))
	require.Equal(t, "Twee aanpakken kennen", versions.Str("data.0.smart_goals.0.goal"))
	require.Equal(t, "Hoe nieuwe collega's de briefing leren volgen.", versions.Str("data.0.meaning"))
	require.Equal(t, "Meelopen met een ploeg.", versions.Str("data.1.how_to_answer"))
	require.Nil(t, versions.At("data.2.how_to_answer"))
	require.Equal(t, "2027-07-02", versions.Str("data.11.smart_goals.0.by_on"))
	require.Equal(t, "leervraag.sharpened", a.EventTypes(made.Str("id"))[2])
}

func TestLeervraag_ASmartGoalIsOneOfTheGoals(t *testing.T) {
	t.Parallel()
	a := newAsker(t)
	for name, x := range map[string]struct{ more, at string }{
		"a goal that is not there": {`,"goals":["een"],"smart_goals":[{"goal":"twee"}]`, "/smart_goals/0/goal"},
		"one goal twice":           {`,"goals":["een"],"smart_goals":[{"goal":"een"},{"goal":"een"}]`, "/smart_goals/1/goal"},
		"no goal":                  {`,"goals":["een"],"smart_goals":[{"measure":"meer"}]`, "/smart_goals/0/goal"},
		"no date":                  {`,"goals":["een"],"smart_goals":[{"goal":"een","by_on":"ooit"}]`, "/smart_goals/0/by_on"},
		"an empty measure":         {`,"goals":["een"],"smart_goals":[{"goal":"een","measure":" "}]`, "/smart_goals/0/measure"},
		"an empty meaning":         {`,"meaning":""`, "/meaning"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a.c.In(t).Post("/v1/leervragen", dutch(a.switcher, x.more)).Problem(422, "invalid", x.at)
		})
	}
}

// Whoever takes a goal away did not send the smart_goals that still name it: the problem says what did leave, and where
// it is missed. Both in one request work.
func TestLeervraag_AGoalLeavesWithWhatMakesItSmart(t *testing.T) {
	t.Parallel()
	a := newAsker(t)
	at := "/v1/leervragen/" + a.c.Post("/v1/leervragen", dutch(a.switcher, `,"goals":["een","twee","drie"],
		"smart_goals":[{"goal":"twee","measure":"tellen"},{"goal":"drie"}]`)).Is(http.StatusCreated).Str("id")
	change := func(body string) *testkit.Answer { return a.c.Patch(at, body, "If-Match", "*") }

	problem := change(`{"goals":["een","twee"]}`).Problem(422, "invalid", "/goals")
	require.Equal(t, "leaves_out_smart_goal", problem.Str("errors.0.code"))
	require.Contains(t, problem.Str("errors.0.detail"), "/smart_goals/1/goal")
	change(`{"goals":[]}`).Problem(422, "invalid", "/goals", "/goals")
	change(`{"goals":["een","twee"],"smart_goals":[{"goal":"vier"}]}`).Problem(422, "invalid", "/smart_goals/0/goal")
	require.EqualValues(t, 1, a.c.Get(at).Is(200).Num("version"), "what is refused changes nothing")

	both := change(`{"goals":["een","twee keer"],"smart_goals":[{"goal":"twee keer","measure":"tellen"}]}`).Is(200)
	require.Equal(t, "twee keer", both.Str("smart_goals.0.goal"))
	require.Equal(t, 1, change(`{"goals":["twee keer"]}`).Is(200).Len("goals"), "a goal that nothing names goes by itself")
	require.Empty(t, change(`{"goals":[],"smart_goals":[]}`).Is(200).At("smart_goals"))
}

// New questions come up between the first day and the second, with the switcher and with the leercoach (seed 001, 5.7).
func TestLeervraag_MayComeOutOfAnExchange(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p, c := w.Pair(), w.Coordinator()
	ask := func(who id.MedewerkerID, from any) *testkit.Answer {
		return c.Post("/v1/leervragen", dutch(who, fmt.Sprintf(`,"from_leeruitwisseling_id":%q`, from)))
	}
	bySwitcher := ask(p.Switcher, p.Leeruitwisseling).Is(http.StatusCreated)
	require.Equal(t, p.Leeruitwisseling.String(), bySwitcher.Str("from_leeruitwisseling_id"))
	byCoach := ask(p.Coach, p.Leeruitwisseling).Is(http.StatusCreated).Str("id")
	ask(p.Switcher, id.NewLeeruitwisseling()).Problem(422, "invalid", "/from_leeruitwisseling_id")
	stranger := w.Medewerker(w.Organisation("Bouwbedrijf Derde"), "Lou")
	ask(stranger, p.Leeruitwisseling).Problem(422, "invalid", "/from_leeruitwisseling_id")

	found := c.Get("/v1/leervragen?from_leeruitwisseling_id=" + p.Leeruitwisseling.String()).Is(200)
	require.Equal(t, 2, found.Len("data"))
	require.Equal(t, 1, w.Employer(p.Sending).Get("/v1/leervragen?from_leeruitwisseling_id="+p.Leeruitwisseling.String()).Is(200).Len("data"),
		"an employer hears of no question that came up at the other one")
	later := "/v1/leervragen/" + p.Leervraag.String()
	require.Equal(t, p.Leeruitwisseling.String(), c.Patch(later, fmt.Sprintf(`{"from_leeruitwisseling_id":%q}`, p.Leeruitwisseling), "If-Match", "*").Is(200).Str("from_leeruitwisseling_id"))
	require.Nil(t, c.Patch("/v1/leervragen/"+byCoach, `{"from_leeruitwisseling_id":null}`, "If-Match", "*").Is(200).At("from_leeruitwisseling_id"))
}
