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
	made := wide.Post(endpoints, object{"url": "https://a.example.com/", "event_types": []string{"*"}}).Is(201)
	path := endpoints + "/" + made.Str("id")
	nouns := func() (n int) {
		return w.Count(`select cardinality(nouns) from webhook_endpoints where id = $1`, parseEndpoint(t, made.Str("id")).UUID())
	}
	before := nouns()
	require.Equal(t, wide.Principal.ClientID.String(), narrow.Patch(path, object{"description": "d"}).Is(200).Str("client_id"))
	require.Equal(t, before, nouns())
	require.Equal(t, narrow.Principal.ClientID.String(), narrow.Patch(path, object{"url": "https://b.example.com/"}).Is(200).Str("client_id"))
	require.Equal(t, 3, nouns())
	wide.Patch(path, object{"event_types": []string{"tenant.*"}}).Is(200)
	narrow.Patch(path, object{"url": "https://c.example.com/"}).Problem(422, "invalid", "/event_types/0")
}
