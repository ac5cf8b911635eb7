package organisation_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

const linde = `{"name":"Woonzorgcentrum De Linde","kind":"non_profit","sector":"ouderenzorg","enterprise_number":"0123456749",
	"workforce":"mixed","headcount":240,"external_ids":[{"system":"sdworx","value":"4711"}]}`

func TestOrganisation_IsMadeReadAndChanged(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	made := c.Post("/v1/organisations", linde).Is(201)
	oid := made.Str("id")
	require.True(t, strings.HasPrefix(oid, "org_"))
	require.Equal(t, "/v1/organisations/"+oid, made.Header.Get("Location"))
	require.Equal(t, `"1"`, made.Header.Get("ETag"))
	require.Equal(t, []string{"Woonzorgcentrum De Linde", "non_profit", "ouderenzorg"}, []string{made.Str("name"), made.Str("kind"), made.Str("sector")})
	require.Equal(t, "informed", made.Str("stage"))
	require.Equal(t, "0123.456.749", made.Str("enterprise_number"))

	require.JSONEq(t, string(made.Body), string(c.Get("/v1/organisations/"+oid).Is(200).Body))

	changed := c.Patch("/v1/organisations/"+oid, `{"headcount":250,"workforce":null}`, "If-Match", `"1"`).Is(200)
	require.EqualValues(t, 250, changed.Num("headcount"))
	require.Nil(t, changed.At("workforce"))
	require.EqualValues(t, 2, changed.Num("revision"))
	c.Patch("/v1/organisations/"+oid, `{"headcount":1}`, "If-Match", `"1"`).Problem(412, "revision-mismatch")
	require.EqualValues(t, 2, c.Patch("/v1/organisations/"+oid, `{"headcount":250}`).Is(200).Num("revision"), "nothing changed, no revision")

	require.Equal(t, []string{"organisation.created", "organisation.updated"}, w.EventTypes(oid))
}

func TestOrganisation_RefusesWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	c.Post("/v1/organisations", `{}`).Problem(422, "invalid", "/name", "/kind", "/sector")
	for name, x := range map[string]struct {
		body string
		at   []string
	}{
		"unknown member":     {`{"name":"x","kind":"profit","sector":"x","colour":"red"}`, []string{"/colour"}},
		"wrong types":        {`{"name":1,"kind":[],"sector":{}}`, []string{"/name", "/kind", "/sector"}},
		"no such kind":       {`{"name":"x","kind":"royal","sector":"x"}`, []string{"/kind"}},
		"null":               {`{"name":null,"kind":"profit","sector":"x"}`, []string{"/name"}},
		"blank":              {`{"name":"  ","kind":"profit","sector":"x"}`, []string{"/name"}},
		"too long":           {`{"name":"` + strings.Repeat("é", 201) + `","kind":"profit","sector":"x"}`, []string{"/name"}},
		"NUL":                {`{"name":"a\u0000b","kind":"profit","sector":"x"}`, []string{"/name"}},
		"twice":              {`{"name":"x","name":"y","kind":"profit","sector":"x"}`, []string{"/name"}},
		"negative":           {`{"name":"x","kind":"profit","sector":"x","headcount":-1}`, []string{"/headcount"}},
		"fraction":           {`{"name":"x","kind":"profit","sector":"x","headcount":1.5}`, []string{"/headcount"}},
		"huge number":        {`{"name":"x","kind":"profit","sector":"x","headcount":99999999999999999999}`, []string{"/headcount"}},
		"check digits":       {`{"name":"x","kind":"profit","sector":"x","enterprise_number":"0123.456.700"}`, []string{"/enterprise_number"}},
		"national number":    {`{"name":"x","kind":"profit","sector":"x","external_ids":[{"system":"a","value":"85.07.30-033.28"}]}`, []string{"/external_ids/0/value"}},
		"inside a list":      {`{"name":"x","kind":"profit","sector":"x","external_ids":[{"system":"a"}]}`, []string{"/external_ids/0/value"}},
		"not an object":      {`[]`, []string{""}},
		"an escaped pointer": {`{"name":"x","kind":"profit","sector":"x","a/b~c":1}`, []string{"/a~1b~0c"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.In(t).Post("/v1/organisations", x.body).Problem(422, "invalid", x.at...)
		})
	}
	c.Post("/v1/organisations", `{"name":`).Problem(400, "malformed-json")
	c.Post("/v1/organisations", "{\"name\":\"\xff\"}").Problem(400, "malformed-json")
	c.Post("/v1/organisations", linde, "Content-Type", "text/plain").Problem(415, "unsupported-media-type")
	c.Post("/v1/organisations", `{"name":"`+strings.Repeat("x", 1<<20)+`"}`).Problem(413, "body-too-large")
	c.Get("/v1/organisations/mdw_01h455vb4pex5vsknk084sn02q").Problem(404, "not-found")
	c.Get("/v1/organisations?limt=3").Problem(400, "invalid-parameter", "limt")
	c.Get("/v1/organisations?limit=0").Problem(400, "invalid-parameter", "limit")
	c.Get("/v1/organisations?cursor=nonsense").Problem(400, "cursor-invalid")
	w.Nobody().Get("/v1/organisations").Problem(401, "unauthenticated")
	w.Client(auth.Viewer, nil, nil).Post("/v1/organisations", linde).Problem(403, "forbidden")
	require.Empty(t, w.Events(), "what was refused leaves no fact")
	require.Zero(t, w.Count("select count(*) from organisations where tenant_id = $1", w.Tenant.UUID()))
}

func TestOrganisation_OneEnterpriseNumberOnce(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	c.Post("/v1/organisations", linde).Is(201)
	c.Post("/v1/organisations", `{"name":"Dubbel","kind":"profit","sector":"x","enterprise_number":"0123.456.749"}`).Problem(409, "enterprise-number-taken")
	c.Post("/v1/organisations", `{"name":"Dubbel","kind":"profit","sector":"x","external_ids":[{"system":"sdworx","value":"4711"}]}`).Problem(409, "external-id-taken")
	testkit.New(t).Coordinator().Post("/v1/organisations", linde).Is(201)
}

func TestOrganisation_ByExternalID(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	const path = "/v1/organisations/by-external-id/sdworx/a%2Fb"
	oid := c.Put(path, `{"name":"Labeur","kind":"social_economy","sector":"bouw","external_ids":[{"system":"acerta","value":"9"}]}`).Is(201).Str("id")
	same := c.Put(path, `{"name":"Labeur","kind":"social_economy","sector":"bouw"}`).Is(200)
	require.Equal(t, oid, same.Str("id"))
	require.EqualValues(t, 1, same.Num("revision"), "a no-op makes no revision")
	changed := c.Put(path, `{"name":"Labeur vzw","kind":"social_economy","sector":"bouw"}`).Is(200)
	require.Equal(t, 2, changed.Len("external_ids"), "another system's id stays")
	require.Equal(t, []string{"organisation.created", "organisation.updated"}, w.EventTypes(oid))
	found := c.Get("/v1/organisations?external_id=sdworx:a%2Fb").Is(200)
	require.Equal(t, oid, found.Str("data.0.id"))
	require.Zero(t, c.Get("/v1/organisations?external_id=sdworx:other").Is(200).Len("data"))
	for _, at := range []string{path, "/v1/organisations/by-external-id/sdworx/new"} {
		c.Put(at, `{"name":"Labeur","kind":"social_economy","sector":"bouw","external_ids":[{"system":"acerta","value":"9"},{"system":"sdworx","value":"other"}]}`).
			Problem(422, "invalid", "/external_ids/1/value")
	}
	c.Put(path, `{"external_ids":[{"system":"sdworx","value":"a/b"}]}`).Is(200)
	c.Put("/v1/organisations/by-external-id/sdworx/new", `{"kind":"profit"}`).Problem(422, "invalid", "/name", "/sector")
}

func TestOrganisation_MovesThroughThePipeline(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	oid := c.Post("/v1/organisations", linde).Is(201).Str("id")
	c.Post("/v1/organisations/"+oid+"/stage", `{"stage":"engaged"}`).Is(200)
	require.EqualValues(t, 2, c.Post("/v1/organisations/"+oid+"/stage", `{"stage":"engaged"}`).Is(200).Num("revision"), "once is enough")
	c.Post("/v1/organisations/"+oid+"/stage", `{"stage":"informed"}`).Problem(409, "organisation-stage")
	require.Equal(t, []string{"organisation.created", "organisation.engaged"}, w.EventTypes(oid))
}

func TestOrganisation_HasSitesDepartmentsAndContacts(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	org := "/v1/organisations/" + c.Post("/v1/organisations", linde).Is(201).Str("id")
	site := c.Post(org+"/sites", `{"name":"Hoofdgebouw","street":"Dorpsstraat 1","postcode":"9000","municipality":"Gent","latitude":51.05,"longitude":3.66,"public_transport":true}`).Is(201)
	require.EqualValues(t, 51.05, c.Get(site.Header.Get("Location")).Is(200).Num("latitude"))
	c.Patch(site.Header.Get("Location"), `{"latitude":null}`).Problem(422, "invalid", "/longitude")
	require.Nil(t, c.Patch(site.Header.Get("Location"), `{"latitude":null,"longitude":null}`).Is(200).At("latitude"))
	dep := c.Post(org+"/departments", `{"name":"Boekhouding","open_to_switchers":false,"excluded_functions":["boekhouder"],"reason":"privacy"}`).Is(201)
	require.Equal(t, "boekhouder", c.Get(dep.Header.Get("Location")).Is(200).Str("excluded_functions.0"))
	con := c.Post(org+"/contacts", `{"name":"An Voorbeeld","function":"directeur","decides":true,"email":"an@voorbeeld.example"}`).Is(201)
	require.Equal(t, true, c.Patch(con.Header.Get("Location"), `{"follows_up":true}`).Is(200).At("follows_up"))
	c.Patch(con.Header.Get("Location"), `{"email":"geen adres"}`).Problem(422, "invalid", "/email")
	for _, part := range []string{"/sites", "/departments", "/contacts"} {
		require.Equal(t, 1, c.Get(org+part).Is(200).Len("data"))
	}
	c.Post("/v1/organisations/"+id.NewOrganisation().String()+"/sites", `{"name":"x","street":"x","postcode":"x","municipality":"x"}`).Problem(404, "not-found")
	require.EqualValues(t, 6, c.Get(org).Num("revision"), "each change of a part is a change of the employer")
}

func TestOrganisation_ASiteIsOnEarth(t *testing.T) {
	t.Parallel()
	c := testkit.New(t).Coordinator()
	sites := "/v1/organisations/" + c.Post("/v1/organisations", linde).Is(201).Str("id") + "/sites"
	at := func(latitude, longitude float64) map[string]any {
		return map[string]any{"name": "x", "street": "x", "postcode": "9000", "municipality": "Gent", "latitude": latitude, "longitude": longitude}
	}
	for _, sign := range []float64{1, -1} {
		site := c.Post(sites, at(90*sign, 180*sign)).Is(201)
		require.EqualValues(t, 90*sign, site.Num("latitude"))
		require.EqualValues(t, 180*sign, site.Num("longitude"))
		where := site.Header.Get("Location")
		for _, beyond := range []float64{91, 90.000001, 1e300} {
			c.Post(sites, at(beyond*sign, 0)).Problem(422, "invalid", "/latitude")
			c.Patch(where, map[string]any{"latitude": beyond * sign}).Problem(422, "invalid", "/latitude")
		}
		for _, beyond := range []float64{181, 180.000001, 1e300} {
			c.Post(sites, at(0, beyond*sign)).Problem(422, "invalid", "/longitude")
			c.Patch(where, map[string]any{"longitude": beyond * sign}).Problem(422, "invalid", "/longitude")
		}
		c.Post(sites, at(91*sign, 181*sign)).Problem(422, "invalid", "/latitude", "/longitude")
	}
}

func TestOrganisation_AnEmployerSeesItselfAlone(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	mine, other := w.Organisation("Wolkewietje"), w.Organisation("Villa Clementina")
	e := w.Employer(mine)
	require.Equal(t, 1, e.Get("/v1/organisations").Is(200).Len("data"))
	require.Equal(t, e.Get("/v1/organisations/"+id.NewOrganisation().String()).Is(404).Retold(), e.Get("/v1/organisations/"+other.String()).Is(404).Retold())
	e.Patch("/v1/organisations/"+other.String(), `{"name":"x"}`).Problem(404, "not-found")
	e.Patch("/v1/organisations/"+mine.String(), `{"name":"Kinderopvang Wolkewietje"}`).Is(200)
	e.Post("/v1/organisations", linde).Problem(403, "forbidden")
}

func TestOrganisation_ListsInPages(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	for _, n := range []string{"a", "b", "c", "d", "e"} {
		w.Organisation(n)
	}
	var names []string
	path := "/v1/organisations?limit=2"
	for path != "" {
		p := c.Get(path).Is(200)
		for i := range p.Len("data") {
			names = append(names, p.Str("data."+string(rune('0'+i))+".name"))
		}
		path = ""
		if l := p.Header.Get("Link"); l != "" {
			path = strings.TrimSuffix(strings.TrimPrefix(l, "<"), `>; rel="next"`)
		}
	}
	require.Equal(t, []string{"a", "b", "c", "d", "e"}, names)
	require.Equal(t, "e", c.Get("/v1/organisations?sort=-created_at").Str("data.0.name"))
	cursor := c.Get("/v1/organisations?limit=2").Str("next_cursor")
	c.Get("/v1/organisations?limit=2&stage=paused&cursor="+cursor).Problem(400, "cursor-invalid")
	require.Zero(t, c.Get("/v1/organisations?stage=paused,stopped").Is(200).Len("data"))
}

func TestOrganisation_CanBeFollowed(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	start := w.Clock.Now().UTC().Format(time.RFC3339)
	a := w.Organisation("a")
	w.Settle(t)
	p := c.Get("/v1/organisations?updated_since=" + start).Is(200)
	require.Equal(t, a.String(), p.Str("data.0.id"))
	c.Patch("/v1/organisations/"+a.String(), `{"name":"aa"}`).Is(200)
	w.Settle(t)
	p = c.Get("/v1/organisations?cursor=" + p.Str("next_cursor")).Is(200)
	require.Equal(t, "aa", p.Str("data.0.name"))
	c.Get("/v1/organisations?updated_since=2020-01-01T00:00:00Z").Problem(410, "cursor-expired")
	require.Zero(t, c.Get("/v1/organisations?updated_since="+start+"&cursor="+p.Str("next_cursor")).Is(200).Len("data"), "the cursor wins")
}

func TestOrganisation_IdempotencyKey(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	first := c.Post("/v1/organisations", linde, "Idempotency-Key", "once").Is(201)
	again := c.Post("/v1/organisations", linde, "Idempotency-Key", "once").Is(201)
	require.Equal(t, string(first.Body), string(again.Body))
	require.Equal(t, "true", again.Header.Get("Idempotency-Replayed"))
	require.Equal(t, first.Header.Get("Location"), again.Header.Get("Location"))
	c.Post("/v1/organisations", strings.Replace(linde, "240", "241", 1), "Idempotency-Key", "once").Problem(422, "idempotency-key-reused")
	c.Post("/v1/organisations", `{}`, "Idempotency-Key", "other").Is(422)
	c.Post("/v1/organisations", `{"name":"x","kind":"profit","sector":"x"}`, "Idempotency-Key", "other").Is(201)
	w.Coordinator().Post("/v1/organisations", `{"name":"y","kind":"profit","sector":"y"}`, "Idempotency-Key", "once").Is(201)
	require.Equal(t, 3, w.Count("select count(*) from organisations where tenant_id = $1", w.Tenant.UUID()))
	require.Zero(t, w.Count("select count(*) from idempotency_keys where tenant_id = $1 and position(convert_to('Linde','UTF8') in answer) > 0", w.Tenant.UUID()))
}
