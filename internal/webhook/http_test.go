package webhook_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

type object = map[string]any

const endpoints = "/v1/webhook-endpoints"

func TestEndpoint_SecretIsShownOnceAndEverythingElseAlways(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	made := c.Post(endpoints, object{"url": "https://hr.example.com/hook?x=1", "event_types": []string{"organisation.*", "organisation.created"}}).Is(201)
	require.Equal(t, "no-store", made.Header.Get("Cache-Control"))
	require.Regexp(t, `^whsec_[A-Za-z0-9+/]{43}=$`, made.Str("secret"))
	require.Equal(t, "pending", made.Str("status"))
	require.Nil(t, made.At("organisation_id"))
	require.Nil(t, made.At("description"))
	require.Equal(t, c.Principal.ClientID.String(), made.Str("client_id"))
	path := made.Header.Get("Location")
	require.Equal(t, endpoints+"/"+made.Str("id"), path)

	got := c.Get(path).Is(200)
	require.NotContains(t, string(got.Body), "whsec_")
	require.Equal(t, `"1"`, got.Header.Get("ETag"))
	list := c.Get(endpoints + "?limit=10").Is(200)
	require.Equal(t, 1, list.Len("data"))
	require.Equal(t, made.Str("id"), list.Str("data.0.id"))
	require.NotContains(t, w.Log.String(), "hr.example.com")

	// Sealed at rest, and nowhere in the clear.
	require.Equal(t, 1, w.Count(`select count(*) from webhook_secrets where tenant_id = $1 and position(convert_to($2, 'UTF8') in sealed) = 0`,
		w.Tenant.UUID(), made.Str("secret")))

	again := c.Patch(path, object{"description": "Uren"}, "If-Match", `"1"`).Is(200)
	require.Equal(t, "Uren", again.Str("description"))
	require.Equal(t, float64(2), again.Num("revision"))
	c.Patch(path, object{"description": "x"}, "If-Match", `"1"`).Problem(412, "revision-mismatch")
	c.Patch(path, object{"organisation_id": nil}).Problem(422, "invalid", "/organisation_id")
	require.Equal(t, float64(2), c.Patch(path, object{"description": "Uren"}).Is(200).Num("revision"))

	c.Delete(path).Is(204)
	c.Delete(path).Is(204)
	c.Get(path).Problem(404, "not-found")
	c.Patch(path, object{}).Problem(404, "not-found")
	c.Post(path+"/test", nil).Problem(404, "not-found")
	require.Equal(t, 0, c.Get(endpoints).Is(200).Len("data"))
	require.Equal(t, "cancelled", c.Get("/v1/webhook-deliveries?endpoint_id="+made.Str("id")).Is(200).Str("data.0.status"))
	require.Zero(t, w.Count(`select count(*) from webhook_secrets where tenant_id = $1`, w.Tenant.UUID()))
	require.Zero(t, w.Count(`select count(*) from platform.delivery_queue where tenant_id = $1`, w.Tenant.UUID()))
	require.Zero(t, w.Count(`select count(*) from platform.delivery_holds where tenant_id = $1`, w.Tenant.UUID()))
	c.Post("/v1/webhook-deliveries/"+c.Get("/v1/webhook-deliveries").Str("data.0.id")+"/resend", nil).Problem(409, "webhook-endpoint-deleted")
}

func TestEndpoint_RefusesAnAddressThatIsWrongOnSight(t *testing.T) {
	t.Parallel()
	c := testkit.New(t).Coordinator()
	for url, code := range map[string]string{
		"":                                   "too_short",
		"hr.example.com":                     "scheme_not_allowed",
		"https://":                           "malformed_url",
		"ftp://hr.example.com/":              "scheme_not_allowed",
		"https://me:secret@hr.example.com/":  "user_info_not_allowed",
		"https://hr.example.com/#here":       "fragment_not_allowed",
		"https://hr.example.com:70000/":      "port_not_allowed",
		"http://169.254.169.254/latest":      "address_not_public",
		"https://10.0.0.1/":                  "address_not_public",
		"https://0xa9fea9fe/":                "address_not_public",
		"https://[::ffff:169.254.169.254]/x": "address_not_public",
	} {
		a := c.Post(endpoints, object{"url": url, "event_types": []string{"*"}}).Problem(422, "invalid", "/url")
		require.Equal(t, code, a.Str("errors.0.code"), url)
		require.NotContains(t, string(a.Body), "secret")
	}
}

func TestEndpoint_TakesTypesThatExistAndThatItsOwnerMayRead(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Client(auth.Integration, nil, nil, "webhook:write", "webhook:read", "organisation:read")
	ask := func(types ...string) *testkit.Answer {
		return c.Post(endpoints, object{"url": "https://lms.example.com/", "event_types": types})
	}
	for _, bad := range []string{"nothing", "organisation", "organisation.", "organisation.crea%", "org%.*", "*.created", "organisation.*.x", ""} {
		ask("organisation.created", bad).Problem(422, "invalid", "/event_types/1")
	}
	ask().Problem(422, "invalid", "/event_types")
	require.Equal(t, "repeated", ask("*", "*").Problem(422, "invalid", "/event_types/1").Str("errors.0.code"))
	require.Equal(t, "not_readable", ask("tenant.*").Problem(422, "invalid", "/event_types/0").Str("errors.0.code"))
	ask("organisation.created").Is(201)
	ask("webhook_endpoint.*", "organisation.*").Is(201)
	all := ask("*").Is(201)
	require.Equal(t, 1, w.Count(`select count(*) from webhook_endpoints where id = $1 and nouns = '{organisation,webhook,webhook_endpoint}'`,
		parseEndpoint(t, all.Str("id")).UUID()))
}

func parseEndpoint(t *testing.T, s string) (e id.EndpointID) {
	t.Helper()
	require.NoError(t, e.UnmarshalText([]byte(s)))
	return e
}

func TestEndpoint_OfABoundCallerIsBoundToo(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	a, b := w.Organisation("Apotheek Zonneveld"), w.Organisation("Woonzorgcentrum De Linde")
	mdw := w.Medewerker(a, "Sam")
	hr, other, coordinator := w.Employer(a), w.Employer(b), w.Coordinator()
	body := func(org any) object {
		return object{"url": "https://hr.example.com/", "event_types": []string{"*"}, "organisation_id": org}
	}
	mine := hr.Post(endpoints, body(nil)).Is(201)
	require.Equal(t, a.String(), mine.Str("organisation_id"))
	hr.Post(endpoints, body(a)).Is(201)
	theirs := hr.Post(endpoints, body(b)).Problem(422, "invalid", "/organisation_id")
	random := hr.Post(endpoints, body(id.NewOrganisation())).Problem(422, "invalid", "/organisation_id")
	require.Equal(t, random.Retold(), theirs.Retold())
	require.Equal(t, random.Retold(), coordinator.Post(endpoints, body(id.NewOrganisation())).Problem(422, "invalid", "/organisation_id").Retold())
	forOne := coordinator.Post(endpoints, body(b)).Is(201)
	coordinator.Post(endpoints, body(nil)).Is(201)

	require.Equal(t, 2, hr.Get(endpoints).Is(200).Len("data"))
	require.Equal(t, forOne.Str("id"), other.Get(endpoints).Is(200).Str("data.0.id"))
	require.Equal(t, 4, coordinator.Get(endpoints).Is(200).Len("data"))
	require.Equal(t, 1, other.Get("/v1/webhook-deliveries").Is(200).Len("data"))

	stranger := testkit.New(t).Coordinator()
	delivery := hr.Get("/v1/webhook-deliveries?endpoint_id=" + mine.Str("id")).Is(200).Str("data.0.id")
	for _, c := range []*testkit.Caller{other, stranger} {
		for _, path := range []string{endpoints + "/" + mine.Str("id"), "/v1/webhook-deliveries/" + delivery} {
			c.Get(path).Problem(404, "not-found")
		}
		c.Post("/v1/webhook-deliveries/"+delivery+"/resend", nil).Problem(404, "not-found")
		for _, verb := range []string{"/test", "/enable", "/rotate-secret"} {
			c.Post(endpoints+"/"+mine.Str("id")+verb, nil).Problem(404, "not-found")
		}
		c.Patch(endpoints+"/"+mine.Str("id"), object{"description": "x"}).Problem(404, "not-found")
		c.Delete(endpoints+"/"+mine.Str("id")).Problem(404, "not-found")
	}
	require.Equal(t, float64(1), hr.Get(endpoints+"/"+mine.Str("id")).Is(200).Num("revision"))

	person := w.Client(auth.Integration, &a, &mdw, "webhook:write", "webhook:read")
	person.Post(endpoints, body(nil)).Problem(403, "forbidden")
	require.Equal(t, 0, person.Get(endpoints).Is(200).Len("data"))
	w.Client(auth.Viewer, nil, nil).Post(endpoints, body(nil)).Problem(403, "forbidden")
}

func TestEndpoint_WhoRedirectsItAnswersForIt(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	wide := w.Coordinator()
	narrow := w.Client(auth.Integration, nil, nil, "webhook:write", "webhook:read", "organisation:read")
	made := narrow.Post(endpoints, object{"url": "https://a.example.com/", "event_types": []string{"*"}}).Is(201)
	path := endpoints + "/" + made.Str("id")
	nouns := func() (n int) {
		return w.Count(`select cardinality(nouns) from webhook_endpoints where id = $1`, parseEndpoint(t, made.Str("id")).UUID())
	}
	require.Equal(t, 3, nouns())
	require.Equal(t, narrow.Principal.ClientID.String(), wide.Patch(path, object{"description": "d"}).Is(200).Str("client_id"))
	require.Equal(t, wide.Principal.ClientID.String(), wide.Patch(path, object{"url": "https://b.example.com/"}).Is(200).Str("client_id"))
	require.Equal(t, 3, nouns(), "who moves it does not tell it more")
	require.Equal(t, narrow.Principal.ClientID.String(), narrow.Patch(path, object{"url": "https://c.example.com/"}).Is(200).Str("client_id"))
	wide.Patch(path, object{"event_types": []string{"*", "tenant.*"}}).Is(200)
	require.Greater(t, nouns(), 3, "who says the types anew may read more")

	// Behind a * it would go without what the new owner may not read, and nobody would be told.
	before := nouns()
	for _, who := range []*testkit.Caller{narrow, wide} {
		less := w.As(auth.Principal{TenantID: w.Tenant, ClientID: who.Principal.ClientID, Role: who.Principal.Role, Scopes: []auth.Permission{"webhook:write", "webhook:read", "organisation:read", "tenant:read"}})
		a := less.Patch(path, object{"url": "https://d.example.com/"}).Problem(422, "invalid", "/event_types/0")
		require.Equal(t, "not_readable", a.Str("errors.0.code"))
		less.Patch(path, object{"event_types": []string{"*"}}).Problem(422, "invalid", "/event_types/0")
	}
	require.Equal(t, before, nouns())
	require.Equal(t, wide.Principal.ClientID.String(), wide.Get(path).Is(200).Str("client_id"))
	require.Equal(t, narrow.Principal.ClientID.String(), narrow.Patch(path, object{"event_types": []string{"organisation.*"}, "url": "https://d.example.com/"}).Is(200).Str("client_id"))
	require.Equal(t, 3, nouns())
	wide.Patch(path, object{"event_types": []string{"tenant.*"}}).Is(200)
	narrow.Patch(path, object{"url": "https://e.example.com/"}).Problem(422, "invalid", "/event_types/0")
}

// An endpoint of the coordinator that gets everything is disabled by a 410. Who enables it with fewer rights must not leave it with
// fewer facts that nobody misses.
func TestEndpoint_ThatIsEnabledGetsWhatItGot(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	owner, other := p.Coordinator(), p.Coordinator()
	least := []auth.Permission{"webhook:write", "webhook:read"}
	narrow := func(c *testkit.Caller) *testkit.Caller {
		return p.As(auth.Principal{TenantID: p.Tenant, ClientID: c.Principal.ClientID, Role: c.Principal.Role, Scopes: least})
	}
	path, _ := p.endpoint(owner, r)
	named, _ := p.endpoint(owner, r, "organisation.*")
	p.deliver()
	disable := func() {
		r.answer(410)
		p.record()
		p.deliver()
		require.Equal(t, "disabled", owner.Get(path).Str("status"))
		require.Equal(t, "disabled", owner.Get(named).Str("status"))
		r.answer(204)
	}
	nouns := func() int { return p.Count(`select sum(cardinality(nouns)) from webhook_endpoints`) }
	all := nouns()
	fits := func(by *testkit.Caller) {
		t.Helper()
		subject := p.record()
		p.deliver()
		n := 0
		for _, s := range r.subjects() {
			if s == subject {
				n++
			}
		}
		require.Equal(t, 2, n, "each endpoint gets what it got")
		require.Equal(t, all, nouns())
		for _, e := range []string{path, named} {
			require.Equal(t, "active", owner.Get(e).Str("status"))
			require.Equal(t, by.Principal.ClientID.String(), owner.Get(e).Str("client_id"))
		}
	}
	push := func(c *testkit.Caller, e string) *testkit.Answer {
		return press(t, p.World, page(t, p.Nobody().Get(link(c, object{"endpoint_id": e[len(endpoints)+1:]})+"?lang=en").Is(200)), "enable")
	}

	// Another client with fewer rights is refused, in words, and changes nothing.
	disable()
	little := p.Client(auth.Integration, nil, nil, least...)
	for _, e := range []string{path, named} {
		for _, c := range []*testkit.Caller{little, narrow(other)} {
			require.Contains(t, c.Post(e+"/enable", nil).Problem(403, "webhook-endpoint-rights").Str("detail"), "organisation")
			refused := push(c, e)
			require.Equal(t, 403, refused.Status)
			require.Contains(t, page(t, refused).Text(), "organisation")
		}
		require.Equal(t, "disabled", owner.Get(e).Str("status"))
		require.Equal(t, owner.Principal.ClientID.String(), owner.Get(e).Str("client_id"))
	}
	// The owner enables it, with whatever it came with.
	narrow(owner).Post(path+"/enable", nil).Is(200)
	push(narrow(owner), named).Is(200)
	p.deliver()
	fits(owner)
	disable()
	push(narrow(owner), path).Is(200)
	narrow(owner).Post(named+"/enable", nil).Is(200)
	p.deliver()
	fits(owner)
	// Another one that may read it all takes it over, and reads no more into it.
	disable()
	other.Post(path+"/enable", nil).Is(200)
	push(other, named).Is(200)
	p.deliver()
	fits(other)
	tells := p.Client(auth.Integration, nil, nil, "webhook:write", "webhook:read", "organisation:read")
	_, err := p.Super.Exec(t.Context(), `update webhook_endpoints set client_id = $1, nouns = '{organisation,webhook,webhook_endpoint}'`, tells.Principal.ClientID.UUID())
	require.NoError(t, err)
	all = nouns()
	disable()
	other.Post(path+"/enable", nil).Is(200)
	tells.Post(named+"/enable", nil).Is(200)
	require.Equal(t, all, nouns(), "a wider client tells it no more than it was told")
}
