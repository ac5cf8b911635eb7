package medewerker_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/medewerker"
	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// noor is an employee, with more members behind those that must be there.
func noor(org id.OrganisationID, more string) string {
	return fmt.Sprintf(`{"organisation_id":%q,"given_name":"Noor","family_name":"Voorbeeld","job_title":"apotheker","employment":"employee"%s}`, org, more)
}

func department(w *testkit.World, org id.OrganisationID) id.DepartmentID {
	return id.DepartmentID(w.Insert("departments", map[string]any{"organisation_id": org.UUID(), "name": "Apotheek", "open_to_switchers": true,
		"excluded_functions": []string{}}))
}

func TestMedewerker_IsAddedReadAndChanged(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	org := w.Organisation("Woonzorgcentrum De Linde")
	site, dep := w.Site(org, 51.05, 3.66, true), department(w, org)
	made := c.Post("/v1/medewerkers", noor(org, fmt.Sprintf(`,"site_id":%q,"department_id":%q,"email":"noor@delinde.example","home_postcode":"9000",
		"max_travel_km":40,"needs_public_transport":true,"meets_requirements":["VCA-attest","rijbewijs B"],"coaching_limit":2,"external_ids":[{"system":"sdworx","value":"1001"}]`, site, dep))).Is(201)
	mid := made.Str("id")
	require.True(t, strings.HasPrefix(mid, "mdw_"))
	require.Equal(t, "/v1/medewerkers/"+mid, made.Header.Get("Location"))
	require.Equal(t, `"1"`, made.Header.Get("ETag"))
	require.Equal(t, "nl", made.Str("language"), "the default")
	require.Equal(t, site.String(), made.Str("site_id"))
	require.Nil(t, made.At("ended_on"))
	require.Equal(t, []any{"VCA-attest", "rijbewijs B"}, made.At("meets_requirements"))
	require.EqualValues(t, 2, made.Num("coaching_limit"))
	require.JSONEq(t, string(made.Body), string(c.Get("/v1/medewerkers/"+mid).Is(200).Body))

	changed := c.Patch("/v1/medewerkers/"+mid, `{"ended_on":"2027-06-30","email":null,"site_id":null,"language":"fr"}`, "If-Match", `"1"`).Is(200)
	require.Equal(t, "2027-06-30", changed.Str("ended_on"))
	require.Equal(t, "fr", changed.Str("language"))
	require.Nil(t, changed.At("email"))
	require.Nil(t, changed.At("site_id"))
	require.EqualValues(t, 40, changed.Num("max_travel_km"), "what the patch does not name stays")
	require.EqualValues(t, 2, changed.Num("revision"))
	c.Patch("/v1/medewerkers/"+mid, `{"job_title":"x"}`, "If-Match", `"1"`).Problem(412, "revision-mismatch")
	require.EqualValues(t, 2, c.Patch("/v1/medewerkers/"+mid, `{"ended_on":"2027-06-30","department_id":"`+dep.String()+`"}`).Is(200).Num("revision"), "nothing changed, no revision")
	require.Nil(t, c.Patch("/v1/medewerkers/"+mid, `{"ended_on":null}`).Is(200).At("ended_on"))
	said := c.Patch("/v1/medewerkers/"+mid, `{"meets_requirements":[],"coaching_limit":null}`).Is(200)
	require.Equal(t, []any{}, said.At("meets_requirements"), "none is an answer")
	require.Nil(t, said.At("coaching_limit"))
	require.Nil(t, c.Patch("/v1/medewerkers/"+mid, `{"meets_requirements":null}`).Is(200).At("meets_requirements"), "nobody said is another")
	require.Equal(t, []string{"medewerker.created", "medewerker.updated", "medewerker.updated", "medewerker.updated", "medewerker.updated"}, w.EventTypes(mid))
}

func TestMedewerker_ItsFactsNameNobody(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	org := w.Organisation("Woonzorgcentrum De Linde")
	mid := c.Post("/v1/medewerkers", noor(org, `,"email":"noor@delinde.example","external_ids":[{"system":"sdworx","value":"1001"}]`)).Is(201).Str("id")
	c.Patch("/v1/medewerkers/"+mid, `{"ended_on":"2027-06-30"}`).Is(200)
	facts := w.Events()
	require.Len(t, facts, 2)
	for i, ended := range []string{`null`, `"2027-06-30"`} {
		require.JSONEq(t, fmt.Sprintf(`{"tenant_id":%q,"subject_id":%q,"revision":%d,"organisation_ids":[%q],"organisation_id":%[4]q,"employment":"employee","ended_on":%s}`,
			w.Tenant, mid, i+1, org, ended), string(facts[i].Data))
	}
	require.Equal(t, 2, w.Count(`select count(*) from events where tenant_id = $1 and medewerker_ids = array[$2::uuid] and organisation_ids = array[$3::uuid]
		and external_ids @> jsonb_build_array(jsonb_build_object('organisation_id', $4::text, 'system', 'sdworx', 'value', '1001'))`,
		w.Tenant.UUID(), parse(t, mid), org.UUID(), org.String()))
}

func parse(t *testing.T, text string) any {
	t.Helper()
	var mid id.MedewerkerID
	require.NoError(t, mid.UnmarshalText([]byte(text)))
	return mid.UUID()
}

func TestMedewerker_RefusesWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	org, other := w.Organisation("Woonzorgcentrum De Linde"), w.Organisation("Apotheek Zonneveld")
	stranger := testkit.New(t).Organisation("Elders")
	c.Post("/v1/medewerkers", `{}`).Problem(422, "invalid", "/organisation_id", "/given_name", "/family_name", "/job_title", "/employment")
	for name, x := range map[string]struct{ body, at string }{
		"no such employer":          {noor(id.NewOrganisation(), ""), "/organisation_id"},
		"another tenant's employer": {noor(stranger, ""), "/organisation_id"},
		"an id of another noun":     {strings.Replace(noor(org, ""), "org_", "sit_", 1), "/organisation_id"},
		"another employer's site":   {noor(org, `,"site_id":"`+w.Site(other, 51, 4, false).String()+`"`), "/site_id"},
		"no such site":              {noor(org, `,"site_id":"`+id.NewSite().String()+`"`), "/site_id"},
		"another's department":      {noor(org, `,"department_id":"`+department(w, other).String()+`"`), "/department_id"},
		"a language in words":       {noor(org, `,"language":"Nederlands"`), "/language"},
		"a language in capitals":    {noor(org, `,"language":"NL"`), "/language"},
		"no address":                {noor(org, `,"email":"noor"`), "/email"},
		"no such day":               {noor(org, `,"ended_on":"2027-02-30"`), "/ended_on"},
		"too far":                   {noor(org, `,"max_travel_km":1001`), "/max_travel_km"},
		"a requirement of blanks":   {noor(org, `,"meets_requirements":["vca"," "]`), "/meets_requirements/1"},
		"a limit below nothing":     {noor(org, `,"coaching_limit":-1`), "/coaching_limit"},
		"a form of its own":         {strings.Replace(noor(org, ""), `"employee"`, `"volunteer"`, 1), "/employment"},
		"a null that is none":       {noor(org, `,"needs_public_transport":null`), "/needs_public_transport"},
		"a national number":         {noor(org, `,"external_ids":[{"system":"hr","value":"85.07.30-033.28"}]`), "/external_ids/0/value"},
		"a system twice":            {noor(org, `,"external_ids":[{"system":"hr","value":"1"},{"system":"hr","value":"2"}]`), "/external_ids/1/system"},
		"an unknown member":         {noor(org, `,"rijksregisternummer":"x"`), "/rijksregisternummer"},
		"a NUL":                     {noor(org, `,"home_postcode":"\u0000"`), "/home_postcode"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.In(t).Post("/v1/medewerkers", x.body).Problem(422, "invalid", x.at)
		})
	}
	c.Get("/v1/medewerkers/"+org.String()).Problem(404, "not-found")
	c.Get("/v1/medewerkers/"+id.NewMedewerker().String()).Problem(404, "not-found")
	c.Get("/v1/medewerkers?organisation_id=x").Problem(400, "invalid-parameter", "organisation_id")
	c.Get("/v1/medewerkers?external_id=4711").Problem(400, "invalid-parameter", "external_id")
	w.Client(auth.Viewer, nil, nil).Post("/v1/medewerkers", noor(org, "")).Problem(403, "forbidden")
	w.Nobody().Get("/v1/medewerkers").Problem(401, "unauthenticated")
	require.Empty(t, w.Events(), "what was refused leaves no fact")
}

func TestMedewerker_TellsWhatTheyAreGoodAt(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	org := w.Organisation("De Linde")
	made := c.Post("/v1/medewerkers", `{"organisation_id":"`+org.String()+`","given_name":"Noor","family_name":"Voorbeeld","job_title":"apotheker","employment":"employee",
		"employed_since_on":"2019-09-01","talents":["rustig uitleggen"],"learning_needs":["medicatie"],"motivation":"Nieuwsgierig.","work_postcode":"9030"}`).Is(201)
	for member, want := range map[string]any{"employed_since_on": "2019-09-01", "talents.0": "rustig uitleggen", "learning_needs.0": "medicatie", "motivation": "Nieuwsgierig.", "work_postcode": "9030"} {
		require.Equal(t, want, made.At(member), member)
	}
	at := made.Header.Get("Location")
	require.JSONEq(t, string(made.Body), string(c.Get(at).Is(200).Body))
	changed := c.Patch(at, `{"talents":[],"motivation":null,"employed_since_on":null}`).Is(200)
	require.Zero(t, changed.Len("talents"))
	require.Nil(t, changed.At("motivation"))
	require.Equal(t, "medicatie", changed.Str("learning_needs.0"))
	c.Patch(at, `{"employed_since_on":"2027-02-01","ended_on":"2027-01-31"}`).Problem(422, "invalid", "/ended_on")
	c.Patch(at, `{"talents":[""],"motivation":""}`).Problem(422, "invalid", "/talents/0", "/motivation")
	require.NotContains(t, w.Log.String(), "Nieuwsgierig")
	for _, e := range w.Events() {
		require.NotContains(t, string(e.Data), "Nieuwsgierig", "facts tell nothing of what somebody said")
	}
}

func TestMedewerker_NeverChangesEmployer(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	org, other := w.Organisation("Woonzorgcentrum De Linde"), w.Organisation("Apotheek Zonneveld")
	mid := "/v1/medewerkers/" + w.Medewerker(org, "Noor").String()
	refused := c.Patch(mid, `{"organisation_id":"`+other.String()+`"}`).Problem(422, "invalid", "/organisation_id")
	require.Equal(t, "fixed", refused.Str("errors.0.code"))
	c.Patch(mid, `{"organisation_id":null}`).Problem(422, "invalid", "/organisation_id")
	same := c.Patch(mid, `{"organisation_id":"`+org.String()+`","job_title":"hoofdapotheker"}`).Is(200)
	require.Equal(t, "hoofdapotheker", same.Str("job_title"))
	c.Patch(mid, `{"site_id":"`+w.Site(other, 51, 4, false).String()+`"}`).Problem(422, "invalid", "/site_id")
}

func TestMedewerker_ByExternalID(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	linde, zonneveld := w.Organisation("Woonzorgcentrum De Linde"), w.Organisation("Apotheek Zonneveld")
	const path = "/v1/medewerkers/by-external-id/sdworx/10%2F01"
	made := c.Put(path, noor(linde, `,"email":"noor@delinde.example","external_ids":[{"system":"acerta","value":"9"}]`)).Is(201)
	require.Equal(t, "/v1/medewerkers/"+made.Str("id"), made.Header.Get("Location"))
	require.Equal(t, 2, made.Len("external_ids"))
	same := c.Put(path, noor(linde, "")).Is(200)
	require.Equal(t, made.Str("id"), same.Str("id"))
	require.EqualValues(t, 1, same.Num("revision"), "a no-op makes no revision")
	require.Equal(t, "noor@delinde.example", same.Str("email"), "absent keeps")
	changed := c.Put(path, `{"organisation_id":"`+linde.String()+`","email":null,"external_ids":[{"system":"acerta","value":"10"}]}`).Is(200)
	require.Nil(t, changed.At("email"), "null clears")
	require.JSONEq(t, `[{"system":"acerta","value":"10"},{"system":"sdworx","value":"10/01"}]`, marshal(t, changed.At("external_ids")), "a system that is not named stays")
	require.Equal(t, []string{"medewerker.created", "medewerker.updated"}, w.EventTypes(made.Str("id")))

	other := c.Put(path, noor(zonneveld, "")).Is(201)
	require.NotEqual(t, made.Str("id"), other.Str("id"), "two employers may both have this number")
	both := c.Get("/v1/medewerkers?external_id=sdworx:10%2F01").Is(200)
	require.Equal(t, 2, both.Len("data"))
	require.Equal(t, 1, c.Get("/v1/medewerkers?external_id=sdworx:10%2F01&organisation_id="+zonneveld.String()).Is(200).Len("data"))

	c.Post("/v1/medewerkers", noor(linde, `,"external_ids":[{"system":"acerta","value":"10"}]`)).Problem(409, "external-id-taken")
	c.Patch("/v1/medewerkers/"+other.Str("id"), `{"external_ids":[]}`).Is(200)
	c.Put(path, noor(zonneveld, "")).Is(201)
	c.Put(path, `{"job_title":"x"}`).Problem(422, "invalid", "/organisation_id")
	c.Put(path, noor(id.NewOrganisation(), "")).Problem(422, "invalid", "/organisation_id")
	c.Put("/v1/medewerkers/by-external-id/sdworx/nieuw", `{"organisation_id":"`+linde.String()+`"}`).
		Problem(422, "invalid", "/given_name", "/family_name", "/job_title", "/employment")
	for _, at := range []string{path, "/v1/medewerkers/by-external-id/sdworx/nieuw"} {
		c.Put(at, noor(linde, `,"external_ids":[{"system":"sdworx","value":"anders"}]`)).Problem(422, "invalid", "/external_ids/0/value")
	}
	c.Put("/v1/medewerkers/by-external-id/SDWorx/1", noor(linde, "")).Problem(422, "invalid", "/external_ids/0/system")
	c.Put(path, noor(linde, ""), "If-Match", `"1"`).Problem(412, "revision-mismatch")
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

func TestMedewerker_AnEmployerSeesAndKeepsItsOwn(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	mine, other := w.Organisation("Wolkewietje"), w.Organisation("Villa Clementina")
	own, theirs := w.Medewerker(mine, "Sam"), w.Medewerker(other, "Noor")
	e := w.Employer(mine)
	list := e.Get("/v1/medewerkers").Is(200)
	require.Equal(t, 1, list.Len("data"))
	require.Equal(t, own.String(), list.Str("data.0.id"))
	require.Zero(t, e.Get("/v1/medewerkers?organisation_id="+other.String()).Is(200).Len("data"))
	require.Equal(t, e.Get("/v1/medewerkers/"+id.NewMedewerker().String()).Is(404).Retold(), e.Get("/v1/medewerkers/"+theirs.String()).Is(404).Retold())
	e.Patch("/v1/medewerkers/"+theirs.String(), `{"job_title":"x"}`).Problem(404, "not-found")

	require.Equal(t, e.Post("/v1/medewerkers", noor(id.NewOrganisation(), "")).Problem(422, "invalid", "/organisation_id").Retold(),
		e.Post("/v1/medewerkers", noor(other, "")).Problem(422, "invalid", "/organisation_id").Retold(), "another employer is like one that is not")
	e.Post("/v1/medewerkers", noor(mine, `,"external_ids":[{"system":"hr","value":"1"}]`)).Is(201)

	const path = "/v1/medewerkers/by-external-id/hr/2"
	e.Put(path, noor(other, "")).Problem(422, "invalid", "/organisation_id")
	made := e.Put(path, `{"given_name":"Kim","family_name":"Voorbeeld","job_title":"begeleider","employment":"agency"}`).Is(201)
	require.Equal(t, mine.String(), made.Str("organisation_id"), "the binding says whose")
	require.Equal(t, "nl", made.Str("language"))
	require.Equal(t, "begeleider in huis", e.Put(path, `{"job_title":"begeleider in huis"}`).Is(200).Str("job_title"))
	w.Employer(other).Put(path, noor(other, "")).Is(201)
}

func TestMedewerker_AnEmployeeReadsThemselvesAlone(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	org := w.Organisation("Wolkewietje")
	me, colleague := w.Medewerker(org, "Sam"), w.Medewerker(org, "Noor")
	for _, role := range []auth.Role{auth.Switcher, auth.Leercoach} {
		c := w.Client(role, &org, &me)
		list := c.Get("/v1/medewerkers").Is(200)
		require.Equal(t, 1, list.Len("data"))
		require.Equal(t, me.String(), list.Str("data.0.id"))
		c.Get("/v1/medewerkers/"+colleague.String()).Problem(404, "not-found")
		c.Patch("/v1/medewerkers/"+me.String(), `{"job_title":"directeur"}`).Problem(403, "forbidden")
	}
	// Even with the permission: what an employer says of its people is not theirs to change.
	c := w.Client(auth.Integration, &org, &me, "medewerker:read", "medewerker:write")
	c.Patch("/v1/medewerkers/"+me.String(), `{"job_title":"directeur"}`).Problem(403, "forbidden")
	c.Post("/v1/medewerkers", noor(org, "")).Problem(403, "forbidden")
	c.Put("/v1/medewerkers/by-external-id/hr/1", noor(org, "")).Problem(403, "forbidden")
	require.Equal(t, 2, w.Count("select count(*) from medewerkers where tenant_id = $1", w.Tenant.UUID()))
}

func TestMedewerker_StaysWithinItsTenant(t *testing.T) {
	t.Parallel()
	w, elsewhere := testkit.New(t), testkit.New(t)
	mid := w.Medewerker(w.Organisation("Wolkewietje"), "Sam")
	c := elsewhere.Coordinator()
	require.Equal(t, c.Get("/v1/medewerkers/"+id.NewMedewerker().String()).Is(404).Retold(), c.Get("/v1/medewerkers/"+mid.String()).Is(404).Retold())
	require.Zero(t, c.Get("/v1/medewerkers").Is(200).Len("data"))
}

func TestMedewerker_CanBeFollowed(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	org := w.Organisation("Wolkewietje")
	e := w.Employer(org)
	start := w.Clock.Now().UTC().Format(time.RFC3339)
	mid := w.Medewerker(org, "Sam")
	w.Medewerker(w.Organisation("Villa Clementina"), "Noor")
	p := follow(t, e, "/v1/medewerkers?updated_since="+start, mid.String())
	require.Equal(t, 1, p.Len("data"), "another employer's are not among them")
	e.Patch("/v1/medewerkers/"+mid.String(), `{"ended_on":"2027-06-30"}`).Is(200)
	p = follow(t, e, "/v1/medewerkers?cursor="+p.Str("next_cursor"), mid.String())
	require.Equal(t, "2027-06-30", p.Str("data.0.ended_on"))
}

// follow reads until the row is there: a transaction of another test may hold the horizon back for a moment.
func follow(t *testing.T, c *testkit.Caller, path, mid string) *testkit.Answer {
	t.Helper()
	var a *testkit.Answer
	require.Eventually(t, func() bool {
		a = c.Get(path)
		return a.Status == http.StatusOK && a.Len("data") > 0 && a.Str("data.0.id") == mid
	}, 20*time.Second, 20*time.Millisecond)
	return a
}

func TestMedewerker_IsReadByJourneys(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	mid := w.Medewerker(w.Organisation("Wolkewietje"), "Sam")
	w.Do(func(tx *db.Tx) error {
		m, err := medewerker.Service{}.Get(tx, mid)
		require.Equal(t, "Sam", m.GivenName)
		_, missing := medewerker.Service{}.Get(tx, id.NewMedewerker())
		require.True(t, fault.Missing.Is(missing))
		return err
	})
}
