package opleidingsregistratie_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/opleidingsregistratie"
	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/hours"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

const path = "/v1/opleidingsregistraties"

func jan(d int) day.Date { return day.Of(2027, time.January, d) }

// record does what completing an exchange does, for 7.5 and 6.5 hours in January 2027.
func record(w *testkit.World, p testkit.Pair) opleidingsregistratie.Registratie {
	w.T.Helper()
	var r opleidingsregistratie.Registratie
	w.Do(func(tx *db.Tx) (err error) {
		r, err = w.App.Opleidingsregistraties.Record(context.Background(), tx, opleidingsregistratie.New{
			LeeruitwisselingID: p.Leeruitwisseling, OrganisationID: p.Sending, MedewerkerID: p.Switcher, Title: "Medicatie in het woonzorgcentrum",
			ProviderName: "Woonzorgcentrum De Linde", Days: []opleidingsregistratie.Day{{DateOn: jan(12), Hours: 650}, {DateOn: jan(11), Hours: 750}}})
		return err
	})
	return r
}

// known gives the switcher the ids that the payroll and the partner use.
func known(w *testkit.World, mdw id.MedewerkerID) {
	w.T.Helper()
	w.Do(func(tx *db.Tx) error {
		_, err := tx.Run(`update medewerkers set external_ids = '[{"system":"sdworx","value":"1001"}]' where tenant_id = ? and id = ?`, w.Tenant, mdw)
		return err
	})
}

func TestRegistratie_IsRecordedAndRead(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p := w.Pair()
	known(w, p.Switcher)
	r := record(w, p)
	a := w.Coordinator().Get(path + "/" + r.ID.String()).Is(200)
	require.JSONEq(t, `[{"date_on":"2027-01-11","hours":7.5},{"date_on":"2027-01-12","hours":6.5}]`, string(member(t, a, "days")))
	require.JSONEq(t, `[{"system":"sdworx","value":"1001"}]`, string(member(t, a, "medewerker_external_ids")))
	require.EqualValues(t, 14, a.Num("hours"))
	for name, want := range map[string]any{"id": r.ID.String(), "root_id": r.ID.String(), "corrects_id": nil, "corrected_by_id": nil,
		"organisation_id": p.Sending.String(), "medewerker_id": p.Switcher.String(), "leeruitwisseling_id": p.Leeruitwisseling.String(),
		"title": "Medicatie in het woonzorgcentrum", "from_on": "2027-01-11", "until_on": "2027-01-12", "classification": "informal",
		"confirmed_by_employer": false, "within_working_time": true, "reason": nil, "deleted_at": nil} {
		require.Equal(t, want, a.At(name), name)
	}
	require.Equal(t, `"1"`, a.Header.Get("ETag"))
	require.Equal(t, []string{"opleidingsregistratie.recorded"}, w.EventTypes(r.ID.String()))
	require.JSONEq(t, `{"tenant_id":"`+w.Tenant.String()+`","subject_id":"`+r.ID.String()+`","revision":1,"organisation_ids":["`+p.Sending.String()+`"],
		"organisation_id":"`+p.Sending.String()+`","medewerker_id":"`+p.Switcher.String()+`","leeruitwisseling_id":"`+p.Leeruitwisseling.String()+`",
		"from_on":"2027-01-11","until_on":"2027-01-12","hours":14,"classification":"informal","corrects_id":null}`, string(w.Events()[0].Data))
	require.Equal(t, 1, w.Count(`select count(*) from events where tenant_id = $1 and external_ids @> $2`, w.Tenant.UUID(),
		`[{"organisation_id":"`+p.Sending.String()+`","system":"sdworx","value":"1001"}]`))
}

func member(t *testing.T, a *testkit.Answer, name string) json.RawMessage {
	t.Helper()
	var all map[string]json.RawMessage
	a.Into(&all)
	require.Contains(t, all, name)
	return all[name]
}

func TestRegistratie_OfAnExchangeIsRecordedOnce(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p := w.Pair()
	first := record(w, p)
	again := func(days ...opleidingsregistratie.Day) error {
		return w.App.DB.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error {
			_, err := w.App.Opleidingsregistraties.Record(context.Background(), tx, opleidingsregistratie.New{
				LeeruitwisselingID: p.Leeruitwisseling, OrganisationID: p.Sending, MedewerkerID: p.Switcher, Title: "x", Days: days})
			return err
		})
	}
	require.True(t, fault.Exists.Is(again(opleidingsregistratie.Day{DateOn: jan(11), Hours: 100})))
	require.True(t, fault.Unprocessable.Is(again()), "no hours, no registratie")
	require.True(t, fault.Unprocessable.Is(again(opleidingsregistratie.Day{DateOn: jan(11), Hours: -100})))
	require.Len(t, w.Events(), 1, "what was refused leaves no fact")
	w.Coordinator().Delete(path + "/" + first.ID.String()).Is(204)
	require.NoError(t, again(opleidingsregistratie.Day{DateOn: jan(11), Hours: 100}), "what was withdrawn makes room")
}

func TestRegistratie_IsCorrectedInAChain(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p := w.Pair()
	known(w, p.Switcher)
	c := w.Coordinator()
	root := record(w, p).ID.String()
	c.Patch(path+"/"+root, `{"confirmed_by_employer":true}`).Is(200)

	second := c.Post(path+"/"+root+"/correct", `{"days":[{"date_on":"2027-01-11","hours":7.5},{"date_on":"2027-01-13","hours":4.25}],"reason":"De tweede dag was later en korter."}`).Is(200)
	require.EqualValues(t, 11.75, second.Num("hours"))
	require.Equal(t, []any{"2027-01-11", "2027-01-13", root, root, nil, false, "De tweede dag was later en korter.", float64(1)},
		[]any{second.At("from_on"), second.At("until_on"), second.At("root_id"), second.At("corrects_id"), second.At("corrected_by_id"),
			second.At("confirmed_by_employer"), second.At("reason"), second.At("revision")})
	require.Equal(t, "1001", second.Str("medewerker_external_ids.0.value"))
	require.JSONEq(t, string(second.Body), string(c.Get(path+"/"+second.Str("id")).Is(200).Body))

	old := c.Get(path + "/" + root).Is(200)
	require.Equal(t, second.Str("id"), old.At("corrected_by_id"))
	require.EqualValues(t, 3, old.Num("revision"))
	require.EqualValues(t, 14, old.Num("hours"), "what it said stays")

	third := c.Post(path+"/"+second.Str("id")+"/correct", `{"hours":11.5,"classification":"formal","within_working_time":false,"title":"Cursus medicatie","confirmed_by_employer":true,"reason":"Afgerond."}`).Is(200)
	require.Equal(t, []any{11.5, "formal", false, "Cursus medicatie", true, root}, []any{third.At("hours"), third.At("classification"),
		third.At("within_working_time"), third.At("title"), third.At("confirmed_by_employer"), third.At("root_id")})
	require.Zero(t, third.Len("days"), "how a sum falls over several days is not made up")

	for _, x := range []*testkit.Answer{
		c.Post(path+"/"+root+"/correct", `{"hours":1,"reason":"x"}`),
		c.Post(path+"/"+second.Str("id")+"/correct", `{"hours":1,"reason":"x"}`),
		c.Patch(path+"/"+root, `{"confirmed_by_employer":true}`),
		c.Delete(path + "/" + second.Str("id")),
	} {
		x.Problem(409, "registratie-superseded")
		require.Contains(t, x.Str("detail"), third.Str("id"), "it names the one that counts")
	}

	for _, row := range []string{root, second.Str("id"), third.Str("id")} {
		h := c.Get(path + "/" + row + "/history").Is(200)
		require.Equal(t, 3, h.Len("data"))
		require.Equal(t, []string{root, second.Str("id"), third.Str("id")}, []string{h.Str("data.0.id"), h.Str("data.1.id"), h.Str("data.2.id")})
	}
	pages := c.Get(path + "/" + root + "/history?limit=2").Is(200)
	require.True(t, pages.At("has_more").(bool))
	require.Equal(t, third.Str("id"), c.Get(path+"/"+root+"/history?limit=2&cursor="+pages.Str("next_cursor")).Is(200).Str("data.0.id"))
	c.Get(path+"/"+id.NewRegistratie().String()+"/history").Problem(404, "not-found")

	require.Equal(t, []string{"opleidingsregistratie.recorded", "opleidingsregistratie.updated"}, w.EventTypes(root))
	require.Equal(t, []string{"opleidingsregistratie.corrected"}, w.EventTypes(third.Str("id")))
	require.Equal(t, 1, w.Count(`select count(*) from events where tenant_id = $1 and subject = $2 and data ->> 'corrects_id' = $3 and data ->> 'hours' = '11.5'`,
		w.Tenant.UUID(), third.Str("id"), second.Str("id")))
	require.Equal(t, 2, w.Count(`select count(*) from audit where tenant_id = $1 and action = 'opleidingsregistratie.correct'`, w.Tenant.UUID()))
}

func TestRegistratie_CorrectionsAreChecked(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	rid := record(w, w.Pair()).ID.String()
	for body, at := range map[string][]string{
		`{}`:                                                          {"/reason"},
		`{"hours":5}`:                                                 {"/reason"},
		`{"hours":5,"reason":"  "}`:                                   {"/reason"},
		`{"hours":-1,"reason":"x"}`:                                   {"/hours"},
		`{"hours":0,"reason":"x"}`:                                    {"/hours"},
		`{"hours":5.125,"reason":"x"}`:                                {"/hours"},
		`{"hours":"5","reason":"x"}`:                                  {"/hours"},
		`{"hours":99,"reason":"x"}`:                                   {"/hours"},
		`{"reason":"x"}`:                                              {""},
		`{"hours":14,"reason":"x"}`:                                   {""},
		`{"medewerker_id":"x","reason":"x"}`:                          {"/medewerker_id"},
		`{"classification":"fun","reason":"x"}`:                       {"/classification"},
		`{"until_on":"2027-01-10","reason":"x"}`:                      {"/until_on"},
		`{"days":[{"date_on":"2027-01-11"}],"reason":"x"}`:            {"/days/0/hours"},
		`{"days":[{"date_on":"2027-01-11","hours":25}],"reason":"x"}`: {"/days/0/hours"},
		`{"days":[{"date_on":"2027-02-30","hours":5}],"reason":"x"}`:  {"/days/0/date_on"},
		`{"days":[{"date_on":"2027-01-11","hours":5},{"date_on":"2027-01-11","hours":2}],"reason":"x"}`: {"/days/1/date_on"},
		`{"days":[{"date_on":"2027-01-11","hours":5}],"hours":6,"reason":"x"}`:                          {"/hours"},
	} {
		c.Post(path+"/"+rid+"/correct", body).Problem(422, "invalid", at...)
	}
	c.Post(path+"/"+rid+"/correct", `{"classification":null,"title":null,"hours":13.99,"days":[],"reason":"x"}`).Is(200)
	c.Post(path+"/"+id.NewRegistratie().String()+"/correct", `{"hours":5,"reason":"x"}`).Problem(404, "not-found")
	c.Post(path+"/"+id.NewOrganisation().String()+"/correct", `{"hours":5,"reason":"x"}`).Problem(404, "not-found")
}

func TestRegistratie_AnEmployerConfirms(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p := w.Pair()
	e := w.Employer(p.Sending)
	rid := record(w, p).ID.String()
	confirmed := e.Patch(path+"/"+rid, `{"confirmed_by_employer":true,"within_working_time":false}`, "If-Match", `"1"`).Is(200)
	require.Equal(t, []any{true, false, float64(2)}, []any{confirmed.At("confirmed_by_employer"), confirmed.At("within_working_time"), confirmed.At("revision")})
	require.JSONEq(t, string(confirmed.Body), string(e.Patch(path+"/"+rid, `{"confirmed_by_employer":true}`).Is(200).Body), "nothing changed, no revision")
	e.Patch(path+"/"+rid, `{"within_working_time":true}`, "If-Match", `"1"`).Problem(412, "revision-mismatch")
	e.Patch(path+"/"+rid, `{"hours":1}`).Problem(422, "invalid", "/hours")
	e.Patch(path+"/"+rid, `{"confirmed_by_employer":null}`).Problem(422, "invalid", "/confirmed_by_employer")
	require.Equal(t, []string{"opleidingsregistratie.recorded", "opleidingsregistratie.updated"}, w.EventTypes(rid))
}

func TestRegistratie_IsWithdrawnAndStaysAsATombstone(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p := w.Pair()
	known(w, p.Switcher)
	c := w.Coordinator()
	rid := record(w, p).ID.String()
	c.Delete(path + "/" + rid).Is(204)
	c.Delete(path + "/" + rid).Is(204)
	require.Equal(t, []string{"opleidingsregistratie.recorded", "opleidingsregistratie.withdrawn"}, w.EventTypes(rid), "once is enough")
	gone := c.Get(path + "/" + rid).Is(200)
	require.NotNil(t, gone.At("deleted_at"))
	require.Equal(t, []any{nil, nil, nil}, []any{gone.At("medewerker_id"), gone.At("title"), gone.At("reason")})
	require.Zero(t, gone.Len("medewerker_external_ids"))
	require.EqualValues(t, 2, gone.Num("revision"))
	c.Post(path+"/"+rid+"/correct", `{"hours":1,"reason":"x"}`).Problem(409, "registratie-withdrawn")
	c.Patch(path+"/"+rid, `{"confirmed_by_employer":true}`).Problem(409, "registratie-withdrawn")
	require.Zero(t, c.Get(path).Is(200).Len("data"), "a plain list holds no tombstones")
	c.Delete(path+"/"+id.NewRegistratie().String()).Problem(404, "not-found")
}

func TestRegistratie_CanBeFollowed(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p := w.Pair()
	known(w, p.Switcher)
	hr := w.Client(auth.Integration, &p.Sending, nil, "opleidingsregistratie:read")
	c := w.Coordinator()
	start := w.Clock.Now().UTC().Format(time.RFC3339)
	rid := record(w, p).ID.String()
	q := "&organisation_id=" + p.Sending.String()

	a := follow(t, hr, path+"?updated_since="+start+q, 1)
	require.Equal(t, []any{rid, "1001", nil}, []any{a.At("data.0.id"), a.At("data.0.medewerker_external_ids.0.value"), a.At("data.0.corrected_by_id")})

	next := c.Post(path+"/"+rid+"/correct", `{"hours":12,"reason":"x"}`).Is(200).Str("id")
	a = follow(t, hr, path+"?cursor="+a.Str("next_cursor")+q, 2)
	heard := map[any]any{}
	for _, at := range []string{"data.0.", "data.1."} {
		heard[a.At(at+"id")] = a.At(at + "corrected_by_id")
	}
	require.Equal(t, map[any]any{rid: next, next: nil}, heard, "the old one and what takes its place")

	c.Delete(path + "/" + next).Is(204)
	a = follow(t, hr, path+"?cursor="+a.Str("next_cursor")+q, 1)
	require.Equal(t, []any{next, nil, nil}, []any{a.At("data.0.id"), a.At("data.0.medewerker_id"), a.At("data.0.title")})
	require.NotNil(t, a.At("data.0.deleted_at"))
	require.False(t, a.At("has_more").(bool))
	require.NotNil(t, a.At("next_cursor"), "a followed list goes on")

	hr.Get(path+"?updated_since=2020-01-01T00:00:00Z").Problem(410, "cursor-expired")
	hr.Get(path+"?cursor="+a.Str("next_cursor")).Problem(400, "cursor-invalid")
}

// follow reads until so many rows are there: a transaction of another test may hold the horizon back for a moment.
func follow(t *testing.T, c *testkit.Caller, path string, n int) *testkit.Answer {
	t.Helper()
	var a *testkit.Answer
	require.Eventually(t, func() bool {
		a = c.Get(path)
		return a.Status == http.StatusOK && a.Len("data") == n
	}, 20*time.Second, 20*time.Millisecond)
	return a
}

func TestRegistratie_OnlyWhoItConcernsSeesIt(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p := w.Pair()
	known(w, p.Switcher)
	rid := record(w, p).ID.String()
	here := path + "/" + rid

	sending := w.Employer(p.Sending)
	require.Equal(t, "1001", sending.Get(here).Is(200).Str("medewerker_external_ids.0.value"))
	require.Equal(t, 1, sending.Get(path).Is(200).Len("data"))
	switcher := w.Client(auth.Switcher, &p.Sending, &p.Switcher)
	require.Equal(t, "1001", switcher.Get(here).Is(200).Str("medewerker_external_ids.0.value"))
	switcher.Patch(here, `{"confirmed_by_employer":true}`).Problem(403, "forbidden")
	payroll := w.Client(auth.Integration, &p.Sending, &p.Switcher, "opleidingsregistratie:write", "opleidingsregistratie:read")
	payroll.Patch(here, `{"confirmed_by_employer":true}`).Problem(403, "forbidden")
	payroll.Post(here+"/correct", `{"hours":24,"reason":"x"}`).Problem(403, "forbidden")
	payroll.Delete(here).Problem(403, "forbidden")

	colleague := w.Medewerker(p.Sending, "Kim")
	foreign := testkit.New(t).Coordinator()
	for name, other := range map[string]*testkit.Caller{
		"the host": w.Employer(p.Receiving), "a colleague": w.Client(auth.Switcher, &p.Sending, &colleague), "another tenant": foreign.In(t)} {
		require.Equal(t, other.Get(path+"/"+id.NewRegistratie().String()).Is(404).Retold(), other.Get(here).Is(404).Retold(), name)
		require.Zero(t, other.Get(path).Is(200).Len("data"), name)
		require.Zero(t, other.Get(path+"?organisation_id="+p.Sending.String()).Is(200).Len("data"), name)
		other.Get(here+"/history").Problem(404, "not-found")
		require.Zero(t, other.Get(path+"/totals").Is(200).Num("hours"), name)
	}
	w.Employer(p.Receiving).Post(here+"/correct", `{"hours":1,"reason":"x"}`).Problem(404, "not-found")
	w.Employer(p.Receiving).Patch(here, `{"confirmed_by_employer":true}`).Problem(404, "not-found")
	w.Employer(p.Receiving).Delete(here).Problem(404, "not-found")
	w.Client(auth.Viewer, nil, nil).Delete(here).Problem(403, "forbidden")
	w.Client(auth.Leercoach, &p.Receiving, &p.Coach).Get(here).Problem(403, "forbidden")
	w.Nobody().Get(here).Problem(401, "unauthenticated")

	require.EqualValues(t, 12, sending.Post(here+"/correct", `{"hours":12,"reason":"x"}`).Is(200).Num("hours"))
	require.Equal(t, 1, w.Count(`select count(*) from events where tenant_id = $1 and type = 'opleidingsregistratie.corrected'`, w.Tenant.UUID()))
}

func TestRegistratie_TotalsCountWhatNothingCorrectsOrWithdraws(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	a, b, withdrawn := w.Pair(), w.Pair(), w.Pair()
	first, second, third := record(w, a).ID.String(), record(w, b).ID.String(), record(w, withdrawn).ID.String()
	c.Post(path+"/"+second+"/correct", `{"days":[{"date_on":"2026-12-31","hours":1.25},{"date_on":"2027-01-02","hours":2}],"classification":"formal","reason":"x"}`).Is(200)
	c.Delete(path + "/" + third).Is(204)

	total := func(query string) string { return string(c.Get(path + "/totals" + query).Is(200).Body) }
	const free = `"cost_direct_cents":0,"cost_contributions_cents":0,"cost_grants_cents":0,"net_cost_cents":0`
	require.JSONEq(t, `{"hours":17.25,"medewerkers":2,"registraties":2,`+free+`,"by_classification":[
		{"classification":"informal","hours":14,"medewerkers":1,"registraties":1,`+free+`},
		{"classification":"formal","hours":3.25,"medewerkers":1,"registraties":1,`+free+`},
		{"classification":"initial","hours":0,"medewerkers":0,"registraties":0,`+free+`}]}`, total(""))
	for query, want := range map[string]hours.Hours{
		"?organisation_id=" + a.Sending.String():                         1400,
		"?medewerker_id=" + b.Switcher.String():                          325,
		"?medewerker_id=" + withdrawn.Switcher.String():                  0,
		"?from_on=2027-01-01&until_on=2027-12-31":                        1600,
		"?until_on=2026-12-31":                                           125,
		"?from_on=2027-01-12":                                            650,
		"?from_on=2027-02-01":                                            0,
		"?organisation_id=" + a.Sending.String() + "&from_on=2027-01-12": 650,
	} {
		var got opleidingsregistratie.Totals
		c.Get(path + "/totals" + query).Is(200).Into(&got)
		require.Equal(t, want, got.Hours, query)
	}
	c.Get(path+"/totals?from_on=2027-02-01&until_on=2027-01-01").Problem(400, "invalid-parameter", "until_on")
	c.Get(path+"/totals?from_on=gisteren").Problem(400, "invalid-parameter", "from_on")

	sum := c.Post(path+"/"+first+"/correct", `{"hours":12,"reason":"x"}`).Is(200).Str("id")
	require.Contains(t, total("?until_on=2027-01-11&medewerker_id="+a.Switcher.String()), `"hours":12,`, "a bare sum counts on its first day")
	require.Contains(t, total("?from_on=2027-01-12&medewerker_id="+a.Switcher.String()), `"hours":0,`)
	c.Delete(path + "/" + sum).Is(204)
	require.Contains(t, total("?medewerker_id="+a.Switcher.String()), `"hours":0,`, "a chain goes with its last row")
}

func TestRegistratie_ListsAreFiltered(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	a, b := w.Pair(), w.Pair()
	mine := record(w, a).ID.String()
	record(w, b)
	require.Equal(t, 2, c.Get(path).Is(200).Len("data"))
	for _, q := range []string{"organisation_id=" + a.Sending.String(), "medewerker_id=" + a.Switcher.String(), "leeruitwisseling_id=" + a.Leeruitwisseling.String()} {
		p := c.Get(path + "?" + q).Is(200)
		require.Equal(t, 1, p.Len("data"), q)
		require.Equal(t, mine, p.Str("data.0.id"), q)
	}
	c.Get(path+"?medewerker_id="+a.Sending.String()).Problem(400, "invalid-parameter", "medewerker_id")
	c.Get(path+"?employee=x").Problem(400, "invalid-parameter", "employee")
	first := c.Get(path + "?limit=1").Is(200)
	require.Equal(t, 1, c.Get(path+"?limit=1&cursor="+first.Str("next_cursor")).Is(200).Len("data"))
}

// Two corrections at once make one chain: the second is told which row counts now.
func TestRegistratie_CorrectionsDoNotFork(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	rid := record(w, w.Pair()).ID.String()
	statuses := make(chan int, 4)
	for range cap(statuses) {
		go func() { statuses <- c.Post(path+"/"+rid+"/correct", `{"hours":12,"reason":"x"}`).Status }()
	}
	made := 0
	for range cap(statuses) {
		s := <-statuses
		require.Contains(t, []int{http.StatusOK, http.StatusConflict}, s)
		if s == http.StatusOK {
			made++
		}
	}
	require.Equal(t, 1, made)
	require.Equal(t, 2, c.Get(path+"/"+rid+"/history").Is(200).Len("data"))
}
