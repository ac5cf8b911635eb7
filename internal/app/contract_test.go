package app_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// The contract of the journey, walked word for word as its first callers do: the bodies, the members of the answers and
// the statuses are those of the contract, and only the ids and the dates are made here.

// members asserts that an object of an answer has these members, whatever they hold; at is "" for the whole body.
func members(t *testing.T, a *testkit.Answer, at string, names ...string) {
	t.Helper()
	for _, name := range names {
		a.At(strings.TrimPrefix(at+"."+name, "."))
	}
}

// echoes asserts that an answer holds every member of the request as it was sent.
func echoes(t *testing.T, body string, a *testkit.Answer) {
	t.Helper()
	var sent map[string]any
	require.NoError(t, json.Unmarshal([]byte(body), &sent))
	for name, v := range sent {
		require.Equal(t, v, a.At(name), "%s in %s", name, a)
	}
}

// made asserts what every answer to a POST that makes something has: 201, its kind of id, its first revision, its ETag
// and the address at which the same is read again.
func made(t *testing.T, c *testkit.Caller, a *testkit.Answer, prefix string) string {
	t.Helper()
	a.Is(http.StatusCreated)
	require.True(t, strings.HasPrefix(a.Str("id"), prefix+"_"), "%s", a)
	members(t, a, "", "revision", "created_at", "updated_at")
	require.Equal(t, fmt.Sprintf(`"%.0f"`, a.Num("revision")), a.Header.Get("ETag"), "%s", a)
	require.True(t, strings.HasSuffix(a.Header.Get("Location"), "/"+a.Str("id")), "Location of %s", a)
	again := c.Get(a.Header.Get("Location")).Is(http.StatusOK)
	require.Equal(t, a.Str("id"), again.Str("id"))
	require.Equal(t, a.Header.Get("ETag"), again.Header.Get("ETag"))
	return a.Str("id")
}

// signIn gets a token as a client does, and calls with it.
func signIn(t *testing.T, w *testkit.World, client, secret string) *testkit.Caller {
	t.Helper()
	nobody := w.Nobody()
	a := nobody.Post("/oauth/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {client}, "client_secret": {secret}}).Is(200)
	members(t, a, "", "access_token", "scope")
	require.Equal(t, "Bearer", a.Str("token_type"))
	require.EqualValues(t, 600, a.Num("expires_in"))
	require.Equal(t, "no-store", a.Header.Get("Cache-Control"))
	nobody.Token = a.Str("access_token")
	return nobody
}

// walk is a tenant that came to be through the API alone, half-way a journey.
type walk struct {
	w                                             *testkit.World
	admin, c, hr, host                            *testkit.Caller
	sending, receiving, site, department          string
	switcher, coach, contact, leervraag, leerplek string
	from, until                                   string
}

func TestContract_GettingIn(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	operator := w.Operator(t)

	opened := operator.Post("/v1/tenants", fmt.Sprintf(`{"slug":%q,"name":"Blenders","sandbox":false}`, "c"+w.Slug)).Is(201)
	require.True(t, strings.HasPrefix(opened.Str("id"), "ten_"))
	members(t, opened, "admin_client", "client_id", "client_secret")
	require.Equal(t, "no-store", opened.Header.Get("Cache-Control"))
	operator.Post("/v1/tenants", fmt.Sprintf(`{"slug":%q,"name":"Sandbox"}`, "d"+w.Slug)).Is(201)

	admin := signIn(t, w, opened.Str("admin_client.client_id"), opened.Str("admin_client.client_secret"))
	me := admin.Get("/v1/whoami").Is(200)
	require.Equal(t, opened.Str("id"), me.Str("tenant_id"))
	require.Equal(t, "live", me.Str("environment"))
	require.Equal(t, "partner_admin", me.Str("role"))
	require.Nil(t, me.At("organisation_id"))
	require.Nil(t, me.At("medewerker_id"))
	require.NotZero(t, me.Len("scopes"))

	org := admin.Post("/v1/organisations", `{"name":"Durabrik","kind":"profit","sector":"bouw"}`).Is(201).Str("id")
	body := fmt.Sprintf(`{"name":"HR Durabrik","role":"integration","scopes":["opleidingsregistratie:read","event:read","webhook:write"],"organisation_id":%q}`, org)
	client := admin.Post("/v1/clients", body)
	cid := made(t, admin, client, "cli")
	require.Equal(t, cid, client.Str("client_id"))
	require.Equal(t, org, client.Str("organisation_id"))
	require.Equal(t, "no-store", client.Header.Get("Cache-Control"))
	require.NotContains(t, string(admin.Get("/v1/clients/"+cid).Body), "client_secret", "a secret is shown once")
	require.NotContains(t, string(admin.Get("/v1/clients").Is(200).Body), client.Str("client_secret"))
	admin.Patch("/v1/clients/"+cid, `{"name":"HR van Durabrik"}`).Is(200)

	hr := signIn(t, w, cid, client.Str("client_secret"))
	who := hr.Get("/v1/whoami").Is(200)
	require.Equal(t, org, who.Str("organisation_id"))
	require.ElementsMatch(t, []any{"opleidingsregistratie:read", "event:read", "webhook:write"}, who.At("scopes"))
	hr.Get("/v1/clients").Problem(403, "forbidden")

	rotated := admin.Post("/v1/clients/"+cid+"/rotate-secret", nil).Is(200)
	require.NotEqual(t, client.Str("client_secret"), rotated.Str("client_secret"))
	signIn(t, w, cid, client.Str("client_secret"))
	signIn(t, w, cid, rotated.Str("client_secret"))
	admin.Delete("/v1/clients/" + cid).Is(204)

	// RFC 6749, section 5.2: its own shape, not a problem.
	nobody := w.Nobody()
	refused := nobody.Post("/oauth/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {cid}, "client_secret": {rotated.Str("client_secret")}}).Is(401)
	require.Equal(t, "invalid_client", refused.Str("error"))
	require.Equal(t, "no-store", refused.Header.Get("Cache-Control"))
	unknown := nobody.Post("/oauth/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {id.NewClient().String()}, "client_secret": {"x"}}).Is(401)
	require.Equal(t, refused.Body, unknown.Body)
	require.Equal(t, "unsupported_grant_type", nobody.Post("/oauth/token", url.Values{"grant_type": {"password"}}).Is(400).Str("error"))
}

// contracted opens the tenant of a walk, with the employers and people that the contract names.
func contracted(t *testing.T) walk {
	t.Helper()
	x := walk{w: testkit.New(t)}
	opened := x.w.Operator(t).Post("/v1/tenants", fmt.Sprintf(`{"slug":%q,"name":"Blenders","sandbox":true}`, "c"+x.w.Slug)).Is(201)
	x.admin = signIn(t, x.w, opened.Str("admin_client.client_id"), opened.Str("admin_client.client_secret"))
	require.Equal(t, "sandbox", x.admin.Get("/v1/whoami").Is(200).Str("environment"))
	client := func(body string) *testkit.Caller {
		a := x.admin.Post("/v1/clients", body).Is(201)
		return signIn(t, x.w, a.Str("client_id"), a.Str("client_secret"))
	}
	x.c = client(`{"name":"Frontend","role":"coordinator"}`)

	body := `{"name":"Apotheek Zonneveld","enterprise_number":"0123.456.749","kind":"profit","sector":"apotheek","workforce":"white_collar","headcount":240,"external_ids":[{"system":"sdworx","value":"12345"}]}`
	org := x.c.Post("/v1/organisations", body)
	x.sending = made(t, x.c, org, "org")
	echoes(t, body, org)
	require.Equal(t, "informed", org.Str("stage"))
	require.EqualValues(t, 1, org.Num("revision"))
	least := x.c.Post("/v1/organisations", `{"name":"Woonzorgcentrum De Linde","kind":"non_profit","sector":"ouderenzorg"}`)
	x.receiving = made(t, x.c, least, "org")
	for _, name := range []string{"enterprise_number", "workforce", "headcount"} {
		require.Nil(t, least.At(name))
	}
	require.Zero(t, least.Len("external_ids"))
	require.Equal(t, 1, x.c.Get("/v1/organisations?external_id=sdworx:12345").Is(200).Len("data"))

	at := "/v1/organisations/" + x.receiving
	body = `{"name":"Hoofdgebouw","street":"Dorpsstraat 1","postcode":"9000","municipality":"Gent","latitude":51.05,"longitude":3.66,"public_transport":true}`
	site := x.c.Post(at+"/sites", body)
	x.site = made(t, x.c, site, "sit")
	echoes(t, body, site)
	body = `{"name":"Apotheek","open_to_switchers":true,"excluded_functions":[],"reason":null}`
	dep := x.c.Post(at+"/departments", body)
	x.department = made(t, x.c, dep, "dep")
	echoes(t, body, dep)
	body = `{"name":"An Voorbeeld","email":null,"phone":null,"function":"personeelsverantwoordelijke","decides":true,"follows_up":false}`
	con := x.c.Post(at+"/contacts", body)
	x.contact = made(t, x.c, con, "con")
	echoes(t, body, con)

	body = fmt.Sprintf(`{"organisation_id":%q,"site_id":null,"department_id":null,"given_name":"Sam","family_name":"Voorbeeld","email":null,"job_title":"apotheker","employment":"employee","language":"nl","home_postcode":null,"max_travel_km":40,"needs_public_transport":false,"external_ids":[{"system":"sdworx","value":"1001"}]}`, x.sending)
	mdw := x.c.Post("/v1/medewerkers", body)
	x.switcher = made(t, x.c, mdw, "mdw")
	echoes(t, body, mdw)
	named := "/v1/medewerkers/by-external-id/sdworx/1001"
	body = fmt.Sprintf(`{"organisation_id":%q,"site_id":%q,"department_id":%q,"given_name":"Noor","family_name":"Voorbeeld","job_title":"apotheker","employment":"employee","language":"nl"}`, x.receiving, x.site, x.department)
	put := x.c.Put(named, body)
	x.coach = made(t, x.c, put, "mdw")
	require.NotEqual(t, x.switcher, x.coach, "two employers both have an employee 1001")
	same := x.c.Put(named, body).Is(200)
	require.EqualValues(t, 1, same.Num("revision"), "the same again changes nothing")
	changed := x.c.Put(named, strings.Replace(body, `"apotheker"`, `"hoofdapotheker"`, 1)).Is(200)
	require.EqualValues(t, 2, changed.Num("revision"))
	require.Equal(t, x.site, changed.Str("site_id"))
	require.Equal(t, 2, x.c.Get("/v1/medewerkers?external_id=sdworx:1001").Is(200).Len("data"))
	x.c.Patch("/v1/medewerkers/"+x.switcher, fmt.Sprintf(`{"organisation_id":%q}`, x.receiving)).Problem(422, "invalid", "/organisation_id")

	x.hr = client(fmt.Sprintf(`{"name":"HR","role":"employer","organisation_id":%q}`, x.sending))
	x.host = client(fmt.Sprintf(`{"name":"Gastheer","role":"employer","organisation_id":%q}`, x.receiving))
	now := x.w.Clock.Now()
	x.from, x.until = now.AddDate(0, 0, 30).Format(time.DateOnly), now.AddDate(0, 0, 120).Format(time.DateOnly)
	return x
}

// asked adds the question and the place of the contract.
func (x *walk) asked(t *testing.T) {
	t.Helper()
	body := fmt.Sprintf(`{"switcher_id":%q,"title":"Medicatie","question":"Hoe verloopt de medicatiebedeling in een woonzorgcentrum?","motive":null,"goals":["zelf een schema opmaken"],"topics":["http://data.europa.eu/esco/skill/1","medicatie"],"clarity":"clear","reach":"team","internal":false,"shared_text":null,"available":[{"from_on":%q,"until_on":%q,"weekdays":["mon","tue"]},{"from_on":%q,"until_on":%q,"weekdays":null}]}`,
		x.switcher, x.from, x.until, x.from, x.until)
	q := x.c.Post("/v1/leervragen", body)
	x.leervraag = made(t, x.c, q, "lvr")
	echoes(t, body, q)
	require.Equal(t, x.sending, q.Str("organisation_id"))
	require.Equal(t, "draft", q.Str("status"))
	require.EqualValues(t, 1, q.Num("version"))
	here := "/v1/leervragen/" + x.leervraag
	require.Equal(t, "open", x.c.Post(here+"/open", nil).Is(200).Str("status"))
	require.EqualValues(t, 2, x.c.Post(here+"/open", nil).Is(200).Num("revision"), "an outcome that is reached already is no second fact")

	body = fmt.Sprintf(`{"organisation_id":%q,"site_id":%q,"meeting_point":"onthaal","department_id":%q,"function":null,"title":"Medicatie in het woonzorgcentrum","description":"Meelopen met de apotheker die de medicatie klaarzet.","topics":["medicatie"],"leercoach_ids":[%q],"capacity":1,"available":[{"from_on":%q,"until_on":%q,"weekdays":["mon","tue","wed"]}],"requirements":["gesloten schoenen"],"sourcing":"supply","safety_note":null}`,
		x.receiving, x.site, x.department, x.coach, x.from, x.until)
	p := x.c.Post("/v1/leerplekken", body)
	x.leerplek = made(t, x.c, p, "lpl")
	echoes(t, body, p)
	require.Equal(t, "draft", p.Str("status"))
	here = "/v1/leerplekken/" + x.leerplek
	x.c.Put(here+"/coaches/"+x.coach, `{"voluntary":false}`).Is(200)
	no := x.c.Post(here+"/publish", nil).Problem(409, "leerplek-not-ready")
	require.NotZero(t, no.Len("errors"), "it says what is missing")
	x.c.Put(here+"/coaches/"+x.coach, `{"voluntary":true,"has_time":true}`).Is(200)
	yes := x.c.Post(here+"/publish", nil).Is(200)
	require.Equal(t, "published", yes.Str("status"))
	require.NotZero(t, yes.Len("warnings"), "a condition without an answer warns")
	require.Equal(t, "withdrawn", x.c.Post(here+"/withdraw", nil).Is(200).Str("status"))
	x.c.Post(here+"/publish", nil).Is(200)
}

func TestContract_Journey(t *testing.T) {
	t.Parallel()
	x := contracted(t)
	x.w.Settle(t)
	cursor := x.c.Get("/v1/events?at=now").Is(200)
	require.Zero(t, cursor.Len("data"))
	x.asked(t)

	s := x.c.Get("/v1/leervragen/" + x.leervraag + "/suggestions?limit=10").Is(200)
	require.Equal(t, x.leerplek, s.Str("data.0.leerplek_id"))
	members(t, s, "data.0.parts.0", "criterion", "points", "of", "detail")
	sum := 0.0
	for i := range s.Len("data.0.parts") {
		sum += s.Num(fmt.Sprintf("data.0.parts.%d.points", i))
	}
	require.InDelta(t, s.Num("data.0.score"), sum, 0)
	for i := range s.Len("ruled_out") {
		members(t, s, fmt.Sprintf("ruled_out.%d", i), "reason", "count")
	}

	draft := x.c.Post("/v1/matches", fmt.Sprintf(`{"leervraag_id":%q,"leerplek_id":%q,"leercoach_ids":[%q],"draft":true}`, x.leervraag, x.leerplek, x.coach))
	mat := made(t, x.c, draft, "mat")
	require.Equal(t, "draft", draft.Str("status"))
	require.Equal(t, x.sending, draft.Str("sending_organisation_id"))
	require.Equal(t, x.receiving, draft.Str("receiving_organisation_id"))
	require.Zero(t, draft.Len("decisions"))
	x.hr.Get("/v1/matches/"+mat).Problem(404, "not-found")
	require.Equal(t, "proposed", x.c.Post("/v1/matches/"+mat+"/propose", nil).Is(200).Str("status"))
	require.Equal(t, "declined", x.host.Post("/v1/matches/"+mat+"/decline", `{"party":"receiving","reason":null}`).Is(200).Str("status"))

	proposed := x.c.Post("/v1/matches", fmt.Sprintf(`{"leervraag_id":%q,"leerplek_id":%q,"leercoach_ids":[%q],"draft":false}`, x.leervraag, x.leerplek, x.coach))
	mat = made(t, x.c, proposed, "mat")
	require.Equal(t, "proposed", proposed.Str("status"))
	one := x.c.Post("/v1/matches/"+mat+"/accept", `{"party":"sending","given_by":"de zaakvoerder","channel":"phone"}`).Is(200)
	require.Equal(t, "proposed", one.Str("status"))
	require.Nil(t, one.At("leeruitwisseling_id"))
	both := x.host.Post("/v1/matches/"+mat+"/accept", `{"party":"receiving","given_by":null,"channel":"signed_in"}`).Is(200)
	require.Equal(t, "accepted", both.Str("status"))
	lui := "/v1/leeruitwisselingen/" + both.Str("leeruitwisseling_id")
	require.Equal(t, "matched", x.c.Get("/v1/leervragen/"+x.leervraag).Str("status"), "accepting a match does not close it")

	require.Equal(t, "preparing", x.c.Get(lui).Is(200).Str("status"))
	missing := x.c.Post(lui+"/plan", nil).Problem(409, "leeruitwisseling-not-ready")
	require.NotZero(t, missing.Len("errors"))
	x.c.Put(lui+"/kennismakingsgesprek", fmt.Sprintf(`{"starts_at":"2025-03-03T13:00:00Z","minutes":20,"location":"https://meet.example/x","participants":[{"kind":"medewerker","id":%q},{"kind":"contact","id":%q}],"actual_minutes":null,"outcome":null}`, x.switcher, x.contact)).Is(200)
	met := x.c.Put(lui+"/kennismakingsgesprek", fmt.Sprintf(`{"starts_at":"2025-03-03T13:00:00Z","minutes":20,"location":"onthaal","participants":[{"kind":"medewerker","id":%q}],"actual_minutes":35,"outcome":"goed"}`, x.switcher)).Is(200)
	members(t, met, "kennismakingsgesprek", "starts_at", "minutes", "location", "participants", "actual_minutes", "outcome")
	plan := `{"goals":["zelf een schema opmaken"],"activities":["rondleiding"],"people_to_meet":["hoofdverpleegkundige"],"success":null}`
	planned := x.c.Put(lui+"/leeractieplan", plan).Is(200)
	members(t, planned, "leeractieplan", "goals", "activities", "people_to_meet", "success")
	x.c.Put(lui+"/leeractieplan", plan).Problem(428, "if-match-required")
	x.c.Put(lui+"/leeractieplan", plan, "If-Match", `"999"`).Problem(412, "revision-mismatch")
	x.c.Put(lui+"/leeractieplan", plan, "If-Match", planned.Header.Get("ETag")).Is(200)

	days := []string{}
	for _, date := range []string{"2025-03-10", "2025-03-11"} {
		body := fmt.Sprintf(`{"date_on":%q,"starts":"09:00","ends":"16:30","break_minutes":30,"site_id":null,"leercoach_ids":null}`, date)
		d := x.c.Post(lui+"/days", body)
		days = append(days, made(t, x.c, d, "day"))
		echoes(t, body, d)
		require.Equal(t, date+"T08:00:00Z", d.Str("starts_at"))
		require.Equal(t, date+"T15:30:00Z", d.Str("ends_at"))
		require.EqualValues(t, 7, d.Num("hours"))
	}
	night := x.c.Post(lui+"/days", `{"date_on":"2025-03-29","starts":"22:00","ends":"06:00","break_minutes":0}`).Is(201)
	require.EqualValues(t, 7, night.Num("hours"), "the night in which the clock goes forward lasted an hour less")
	require.Equal(t, "2025-03-30T04:00:00Z", night.Str("ends_at"))
	require.EqualValues(t, 6.5, x.c.Patch(night.Header.Get("Location"), `{"break_minutes":30}`).Is(200).Num("hours"))
	x.c.Delete(night.Header.Get("Location")).Is(204)
	x.c.Get(night.Header.Get("Location")).Problem(404, "not-found")

	for _, p := range []string{"sending", "receiving", "switcher"} {
		x.c.Post(lui+"/agreement/sign", fmt.Sprintf(`{"party":%q,"signed_by":"An Voorbeeld","method":"recorded"}`, p)).Is(200)
	}
	x.hr.Post(lui+"/agreement/sign", `{"party":"sending","signed_by":"An Voorbeeld","method":"signed_in"}`).Is(200)
	agreement := x.c.Get(lui + "/agreement").Is(200)
	require.Equal(t, agreement.Str("document_hash"), agreement.Str("signatures.0.document_hash"))
	checked := x.c.Put(lui+"/checks", `{"insurance":{"work_accident":true,"commute":true,"liability":true},"safety_information_exchanged":true}`).Is(200)
	members(t, checked, "checks.insurance", "work_accident", "commute", "liability")
	require.Equal(t, "planned", x.c.Post(lui+"/plan", nil).Is(200).Str("status"))
	x.c.Post(lui+"/complete", nil).Problem(409, "leeruitwisseling-days-unmarked")
	require.Equal(t, "in_progress", x.c.Post(lui+"/days/"+days[0]+"/attend", `{"attended":true,"hours":null,"safety_briefed":true}`).Is(200).Str("status"))
	x.c.Post(lui+"/complete", nil).Problem(409, "leeruitwisseling-days-unmarked")
	x.c.Post(lui+"/days/"+days[1]+"/attend", `{"attended":true,"hours":7.0,"safety_briefed":true}`).Is(200)
	done := x.c.Post(lui+"/complete", nil).Is(200)
	require.Equal(t, "completed", done.Str("status"))
	require.Equal(t, 1, done.Len("opleidingsregistratie_ids"))
	require.Equal(t, 4, done.Len("survey_ids"))

	x.comes(t, lui, done)
	x.facts(t, cursor.Str("next_cursor"))
	require.Equal(t, "answered", x.c.Post("/v1/leervragen/"+x.leervraag+"/close", `{"outcome":"answered","reason":null}`).Is(200).Str("status"))
}

// comes walks what comes of an exchange: hours, surveys, a certificate.
func (x *walk) comes(t *testing.T, lui string, done *testkit.Answer) {
	t.Helper()
	x.w.Settle(t)
	since := url.QueryEscape(x.w.Clock.Now().Add(-time.Hour).UTC().Format(time.RFC3339))
	list := x.hr.Get("/v1/opleidingsregistraties?updated_since=" + since + "&organisation_id=" + x.sending).Is(200)
	require.Equal(t, 1, list.Len("data"))
	members(t, list, "data.0", "root_id", "corrects_id", "corrected_by_id", "classification", "confirmed_by_employer", "within_working_time", "deleted_at", "revision", "updated_at")
	opr := list.Str("data.0.id")
	require.Equal(t, done.Str("opleidingsregistratie_ids.0"), opr)
	require.Equal(t, opr, list.Str("data.0.root_id"))
	require.Equal(t, x.sending, list.Str("data.0.organisation_id"))
	require.Equal(t, x.switcher, list.Str("data.0.medewerker_id"))
	require.Equal(t, "1001", list.Str("data.0.medewerker_external_ids.0.value"))
	require.Equal(t, done.Str("id"), list.Str("data.0.leeruitwisseling_id"))
	require.Equal(t, "Medicatie", list.Str("data.0.title"))
	require.Equal(t, "2025-03-10", list.Str("data.0.from_on"))
	require.Equal(t, "2025-03-11", list.Str("data.0.until_on"))
	require.EqualValues(t, 14, list.Num("data.0.hours"))
	require.Equal(t, []any{map[string]any{"date_on": "2025-03-10", "hours": 7.0}, map[string]any{"date_on": "2025-03-11", "hours": 7.0}}, list.At("data.0.days"))
	require.Equal(t, "informal", list.Str("data.0.classification"))
	require.Equal(t, false, list.At("has_more"))
	next := list.Str("next_cursor") // never null in a sync

	here := "/v1/opleidingsregistraties/" + opr
	fixed := x.c.Post(here+"/correct", `{"hours":13.25,"days":[{"date_on":"2025-03-10","hours":7},{"date_on":"2025-03-11","hours":6.25}],"reason":"De tweede dag was korter."}`).Is(200)
	require.Equal(t, opr, fixed.Str("corrects_id"))
	require.Equal(t, opr, fixed.Str("root_id"))
	require.EqualValues(t, 13.25, fixed.Num("hours"))
	again := x.c.Post(here+"/correct", `{"hours":1,"reason":"nog eens"}`).Problem(409, "registratie-superseded")
	require.Contains(t, again.Str("detail"), fixed.Str("id"), "the problem names the current one")
	x.w.Settle(t)
	changes := x.hr.Get("/v1/opleidingsregistraties?cursor=" + next + "&organisation_id=" + x.sending).Is(200)
	require.Equal(t, 2, changes.Len("data"), "the corrected one, and the one that took its place")
	require.Equal(t, fixed.Str("id"), x.c.Get(here).Str("corrected_by_id"))
	require.EqualValues(t, 13.25, x.c.Get("/v1/opleidingsregistraties/totals?organisation_id="+x.sending).Is(200).Num("hours"))
	x.c.Delete("/v1/opleidingsregistraties/" + fixed.Str("id")).Is(204)
	x.w.Settle(t)
	gone := x.hr.Get("/v1/opleidingsregistraties?cursor=" + changes.Str("next_cursor") + "&organisation_id=" + x.sending).Is(200)
	require.NotNil(t, gone.At("data.0.deleted_at"), "a tombstone")
	require.Nil(t, gone.At("data.0.medewerker_id"))
	require.Equal(t, false, gone.At("has_more"))
	gone.Str("next_cursor")

	surveys := x.c.Get("/v1/surveys?leeruitwisseling_id=" + done.Str("id")).Is(200)
	require.Equal(t, 4, surveys.Len("data"))
	links := map[string]string{}
	for i := range 4 {
		one := fmt.Sprintf("data.%d", i)
		members(t, surveys, one, "id", "invite_on")
		require.Equal(t, "scheduled", surveys.Str(one+".status"))
		links[surveys.Str(one+".role")] = surveys.Str(one + ".link")
	}
	require.Nil(t, x.hr.Get("/v1/surveys?leeruitwisseling_id="+done.Str("id")).Is(200).At("data.0.link"), "a link only for who holds survey:invite")
	answers := func(s *testkit.Answer, at string) string {
		list := []map[string]any{}
		for i := range s.Len(at) {
			v := any("ja, zeker")
			switch s.Str(fmt.Sprintf("%s.%d.kind", at, i)) {
			case "scale":
				v = 4
			case "yes_no":
				v = true
			case "choice":
				v = s.At(fmt.Sprintf("%s.%d.options.0", at, i))
			}
			list = append(list, map[string]any{"question": s.Str(fmt.Sprintf("%s.%d.id", at, i)), "value": v})
		}
		b, err := json.Marshal(map[string]any{"answers": list})
		require.NoError(t, err)
		return string(b)
	}
	first := x.c.Get("/v1/surveys/" + surveys.Str("data.0.id")).Is(200)
	body := answers(first, "questions")
	require.Equal(t, "answered", x.c.Post("/v1/surveys/"+first.Str("id")+"/answers", body).Is(200).Str("status"))
	delete(links, first.Str("role"))
	x.c.Post("/v1/surveys/"+first.Str("id")+"/answers", body).Problem(409, "survey-answered")
	x.c.Post("/v1/surveys/"+surveys.Str("data.1.id")+"/answers", `{"answers":[{"question":"geen","value":1}]}`).Problem(422, "invalid")

	nobody := x.w.Nobody()
	door := strings.TrimPrefix(surveys.Str("data.1.link"), testkit.PublicURL)
	require.Contains(t, nobody.Get(door).Is(200).Header.Get("Content-Type"), "text/html")
	form := url.Values{}
	second := x.c.Get("/v1/surveys/" + surveys.Str("data.1.id")).Is(200)
	for i := range second.Len("questions") {
		form.Set(second.Str(fmt.Sprintf("questions.%d.id", i)), "ja, zeker")
	}
	nobody.Post(door, form).Is(200)
	require.Equal(t, "answered", x.c.Get("/v1/surveys/"+second.Str("id")).Str("status"))

	// The same as JSON, for a page that a partner built itself.
	door = strings.TrimPrefix(surveys.Str("data.2.link"), testkit.PublicURL)
	asked := nobody.Get(door, "Accept", "application/json").Is(200)
	require.Equal(t, "scheduled", asked.Str("status"))
	nobody.Post(door, `{"answers":[{"question":"geen","value":1}]}`).Problem(422, "invalid")
	body = answers(asked, "questions")
	thanks := nobody.Post(door, body).Is(200)
	require.Equal(t, "answered", thanks.Str("status"))
	require.NotContains(t, string(thanks.Body), "zeker", "who holds a link reads nothing that was answered")
	nobody.Post(door, body).Problem(409, "survey-answered")
	nobody.Post("/s/"+strings.Repeat("x", 43), body).Problem(404, "not-found")
	require.Equal(t, "answered", x.c.Get("/v1/surveys/"+surveys.Str("data.2.id")).Str("status"))

	body = fmt.Sprintf(`{"leeruitwisseling_id":%q,"medewerker_id":%q}`, done.Str("id"), x.switcher)
	lbw := x.c.Post("/v1/leerbewijzen", body)
	made(t, x.c, lbw, "lbw")
	echoes(t, body, lbw)
	require.Equal(t, "switcher", lbw.Str("role"))
	require.Equal(t, "issued", lbw.Str("status"))
	require.EqualValues(t, 14, lbw.Num("hours"))
	members(t, lbw, "", "issued_at")
	pdf := x.c.Get("/v1/leerbewijzen/" + lbw.Str("id") + "/pdf").Is(200)
	require.Equal(t, "application/pdf", pdf.Header.Get("Content-Type"))
	require.Contains(t, lbw.Str("check_url"), "/check/"+lbw.Str("id")+"?k=")
	public := "/check/" + lbw.Str("id")
	require.Contains(t, nobody.Get(public).Is(200).Header.Get("Content-Type"), "text/html")
	valid := nobody.Get(public, "Accept", "application/json").Is(200)
	require.Equal(t, lbw.Str("id"), valid.Str("id"))
	require.Equal(t, "valid", valid.Str("status"))
	require.NotContains(t, string(valid.Body), "Sam")
	require.Contains(t, string(nobody.Get(strings.TrimPrefix(lbw.Str("check_url"), testkit.PublicURL), "Accept", "application/json").Body), "Sam Voorbeeld")
	x.c.Post("/v1/leerbewijzen/"+lbw.Str("id")+"/revoke", nil).Is(415)
	x.c.Post("/v1/leerbewijzen/"+lbw.Str("id")+"/revoke", `{}`).Problem(422, "invalid", "/reason")
	require.Equal(t, "revoked", x.c.Post("/v1/leerbewijzen/"+lbw.Str("id")+"/revoke", `{"reason":"Verkeerde persoon."}`).Is(200).Str("status"))
	require.Equal(t, "revoked", nobody.Get(public, "Accept", "application/json").Is(200).Str("status"))
	nobody.Get("/check/"+id.NewLeerbewijs().String(), "Accept", "application/json").Problem(404, "not-found")
	x.c.Post(lui+"/cancel", `{"reason":"other","by_party":"partner","note":null}`).Problem(409, "leeruitwisseling-completed")
}

// facts follows the feed from a cursor that was taken before the journey.
func (x *walk) facts(t *testing.T, cursor string) {
	t.Helper()
	x.w.Settle(t)
	page := x.c.Get("/v1/events?limit=100&cursor=" + cursor).Is(200)
	kinds := []string{}
	for i := range page.Len("data") {
		at := fmt.Sprintf("data.%d", i)
		require.True(t, strings.HasPrefix(page.Str(at+".id"), "evt_"))
		members(t, page, at, "type", "timestamp")
		members(t, page, at+".data", "tenant_id", "subject_id", "revision", "organisation_ids")
		kinds = append(kinds, page.Str(at+".type"))
	}
	for _, k := range []string{"leervraag.created", "leervraag.updated", "leerplek.created", "leerplek.published", "match.proposed", "match.declined", "match.accepted",
		"kennismakingsgesprek.planned", "leeruitwisseling.created", "leeruitwisseling.planned", "leeruitwisseling.completed", "opleidingsregistratie.recorded",
		"opleidingsregistratie.corrected", "opleidingsregistratie.withdrawn", "survey.answered", "leerbewijs.issued", "leerbewijs.revoked"} {
		require.Contains(t, kinds, k)
	}
	require.NotContains(t, string(page.Body), "Voorbeeld", "facts carry no names")
	few := x.c.Get("/v1/events?types=leerbewijs.*,match.accepted&limit=2").Is(200)
	require.Equal(t, true, few.At("has_more"))
	rest := x.c.Get("/v1/events?types=leerbewijs.*,match.accepted&cursor=" + few.Str("next_cursor")).Is(200)
	require.Equal(t, false, rest.At("has_more"))
	rest.Str("next_cursor") // never null
	require.Equal(t, []string{"match.accepted", "leerbewijs.issued", "leerbewijs.revoked"}, []string{few.Str("data.0.type"), few.Str("data.1.type"), rest.Str("data.0.type")})
	require.NotZero(t, x.c.Get("/v1/events?cursor=").Is(200).Len("data"), "no cursor: from the oldest fact kept")
}

func TestContract_CancelledExchange(t *testing.T) {
	t.Parallel()
	x := contracted(t)
	x.asked(t)
	mat := x.c.Post("/v1/matches", fmt.Sprintf(`{"leervraag_id":%q,"leerplek_id":%q,"leercoach_ids":[%q]}`, x.leervraag, x.leerplek, x.coach)).Is(201).Str("id")
	x.hr.Post("/v1/matches/"+mat+"/accept", `{"party":"sending"}`).Is(200)
	lui := "/v1/leeruitwisselingen/" + x.host.Post("/v1/matches/"+mat+"/accept", `{}`).Is(200).Str("leeruitwisseling_id")
	require.EqualValues(t, 0, x.c.Get("/v1/leerplekken/"+x.leerplek).Num("places_free"))
	require.Equal(t, "cancelled", x.c.Post(lui+"/cancel", `{"reason":"illness","by_party":"switcher","note":null}`).Is(200).Str("status"))
	require.Equal(t, "open", x.c.Get("/v1/leervragen/"+x.leervraag).Str("status"))
	require.EqualValues(t, 1, x.c.Get("/v1/leerplekken/"+x.leerplek).Num("places_free"))
	require.Equal(t, "withdrawn", x.c.Post("/v1/leervragen/"+x.leervraag+"/withdraw", nil).Is(200).Str("status"))
}

func TestContract_WebhookEndpoints(t *testing.T) {
	t.Parallel()
	x := contracted(t)
	body := `{"url":"https://hr.example.com/switchboard","event_types":["leerbewijs.*"],"organisation_id":null,"description":null}`
	whe := x.admin.Post("/v1/webhook-endpoints", body)
	made(t, x.admin, whe, "whe")
	echoes(t, body, whe)
	require.Equal(t, "pending", whe.Str("status"))
	require.True(t, strings.HasPrefix(whe.Str("secret"), "whsec_"))
	here := "/v1/webhook-endpoints/" + whe.Str("id")
	require.NotContains(t, string(x.admin.Get(here).Is(200).Body), "whsec_", "a secret is shown once")
	x.admin.Patch(here, `{"event_types":["*"]}`).Is(200)
	require.NotEqual(t, whe.Str("secret"), x.admin.Post(here+"/rotate-secret", nil).Is(200).Str("secret"))
	x.admin.Post(here+"/test", nil).Is(200)
	sent := x.admin.Get("/v1/webhook-deliveries?endpoint_id=" + whe.Str("id")).Is(200)
	require.NotZero(t, sent.Len("data"))
	x.admin.Post("/v1/webhook-deliveries/"+sent.Str("data.0.id")+"/resend", nil).Is(200)
	for _, bad := range []string{"ftp://hr.example.com/", "https://user@hr.example.com/", "https://169.254.169.254/", "https://hr.example.com:0/"} {
		x.admin.Post("/v1/webhook-endpoints", fmt.Sprintf(`{"url":%q,"event_types":["*"]}`, bad)).Problem(422, "invalid", "/url")
	}
	x.admin.Post("/v1/webhook-endpoints", `{"url":"https://hr.example.com/","event_types":["leerbewijs.eaten"]}`).Problem(422, "invalid", "/event_types/0")
	x.admin.Delete(here).Is(204)
	x.admin.Get(here).Problem(404, "not-found")
}

func TestContract_Conventions(t *testing.T) {
	t.Parallel()
	x := contracted(t)
	x.asked(t)
	org := "/v1/organisations/" + x.sending
	nobody := x.w.Nobody()

	// Every error is a problem, the router's too.
	for _, p := range []*testkit.Answer{
		nobody.Get("/nergens").Problem(404, "not-found"),
		x.c.Get("/v1/nergens").Problem(404, "not-found"),
		x.c.Delete(org).Problem(405, "method-not-allowed"),
		nobody.Get(org).Problem(401, "unauthenticated"),
		x.c.Get("/v1/organisations/"+id.NewOrganisation().String()).Problem(404, "not-found"),
		x.hr.Post("/v1/organisations", `{}`).Problem(403, "forbidden"),
		x.c.Post("/v1/organisations", `{`).Problem(400, "malformed-json"),
		x.c.Post("/v1/organisations", "{\"name\":\"\xff\"}").Problem(400, "malformed-json"),
		x.c.Post("/v1/organisations", `{}`, "Content-Type", "text/plain").Problem(415, "unsupported-media-type"),
		x.c.Get("/v1/organisations?page=2").Problem(400, "invalid-parameter", "page"),
		x.c.Get("/v1/organisations?limit=101").Problem(400, "invalid-parameter", "limit"),
		x.c.Get("/v1/organisations?cursor=onzin").Problem(400, "cursor-invalid"),
		x.c.Get("/v1/organisations?updated_since=2000-01-01T00:00:00Z").Problem(410, "cursor-expired"),
	} {
		require.Equal(t, testkit.PublicURL+"/problems/"+p.Str("code"), p.Str("type"))
		require.True(t, strings.HasPrefix(p.Str("instance"), "urn:request:req_"))
		members(t, p, "", "title", "detail", "errors")
		require.EqualValues(t, p.Status, p.Num("status"))
	}
	require.Contains(t, x.c.Delete(org).Header.Get("Allow"), "PATCH")
	require.Contains(t, nobody.Get(org).Header.Get("WWW-Authenticate"), "Bearer")
	texts := map[string]bool{}
	for _, lang := range []string{"nl-BE,nl;q=0.9", "fr", "en", "de"} {
		p := x.c.Post("/v1/organisations", `{"name":1}`, "Accept-Language", lang).Problem(422, "invalid", "/name", "/kind", "/sector")
		texts[p.Str("detail")] = true
		require.NotEmpty(t, p.Header.Get("Content-Language"))
	}
	require.Len(t, texts, 3)

	// Concurrency.
	etag := x.c.Get(org).Header.Get("ETag")
	x.c.Patch(org, `{"sector":"farma"}`, "If-Match", `"99"`).Problem(412, "revision-mismatch")
	x.c.Patch(org, `{"sector":"farma"}`, "If-Match", etag, "Content-Type", "application/merge-patch+json").Is(200)
	cleared := x.c.Patch(org, `{"headcount":null}`).Is(200)
	require.Nil(t, cleared.At("headcount"))
	require.Equal(t, "farma", cleared.Str("sector"), "absent members keep what they hold")
	require.Equal(t, cleared.Header.Get("ETag"), x.c.Patch(org, `{"sector":"farma"}`).Is(200).Header.Get("ETag"), "no change, no revision")
	x.c.Patch(org, `{"sector":null}`).Problem(422, "invalid", "/sector")
	x.c.Patch("/v1/leervragen/"+x.leervraag, `{"title":"Scherper"}`).Problem(428, "if-match-required")
	sharp := x.c.Patch("/v1/leervragen/"+x.leervraag, `{"title":"Scherper"}`, "If-Match", x.c.Get("/v1/leervragen/"+x.leervraag).Header.Get("ETag")).Is(200)
	require.EqualValues(t, 2, sharp.Num("version"))
	x.admin.Patch("/v1/tenant", `{"name":"Blenders"}`).Problem(428, "if-match-required")

	// Retries.
	body := `{"name":"Eenmaal","kind":"public","sector":"bestuur"}`
	first := x.c.Post("/v1/organisations", body, "Idempotency-Key", "k1").Is(201)
	require.Empty(t, first.Header.Get("Idempotency-Replayed"))
	again := x.c.Post("/v1/organisations", body, "Idempotency-Key", "k1").Is(201)
	require.Equal(t, "true", again.Header.Get("Idempotency-Replayed"))
	require.Equal(t, first.Body, again.Body)
	require.Equal(t, first.Header.Get("ETag")+first.Header.Get("Location"), again.Header.Get("ETag")+again.Header.Get("Location"))
	x.c.Post("/v1/organisations", strings.Replace(body, "Eenmaal", "Anders", 1), "Idempotency-Key", "k1").Problem(422, "idempotency-key-reused")
	require.NotEqual(t, first.Str("id"), x.admin.Post("/v1/organisations", body, "Idempotency-Key", "k1").Is(201).Str("id"), "another client has other keys")

	// Lists.
	one := x.c.Get("/v1/organisations?limit=1&sort=-created_at").Is(200)
	require.Equal(t, true, one.At("has_more"))
	require.Contains(t, one.Header.Get("Link"), `rel="next"`)
	require.Contains(t, one.Header.Get("Link"), one.Str("next_cursor"))
	last := x.c.Get("/v1/organisations").Is(200)
	require.Equal(t, false, last.At("has_more"))
	require.Nil(t, last.At("next_cursor"))
	require.Equal(t, 4, x.c.Get("/v1/organisations?stage=informed,engaged").Is(200).Len("data"))
	stamp := x.c.Get(org).Str("updated_at")
	x.w.Settle(t)
	sync := x.c.Get("/v1/organisations?updated_since=" + url.QueryEscape(stamp)).Is(200)
	found := []string{}
	for i := range sync.Len("data") {
		found = append(found, sync.Str(fmt.Sprintf("data.%d.id", i)))
	}
	require.Contains(t, found, x.sending, "updated_since is inclusive")
	quiet := x.c.Get("/v1/organisations?cursor=" + sync.Str("next_cursor")).Is(200)
	require.Zero(t, quiet.Len("data"))
	quiet.Str("next_cursor")

	// Limits, said on every answer behind a token.
	for _, a := range []*testkit.Answer{one, x.c.Get(org + "x")} {
		require.NotEmpty(t, a.Header.Get("RateLimit"))
		require.NotEmpty(t, a.Header.Get("RateLimit-Policy"))
	}

	// External ids.
	ref := "/v1/organisations/by-external-id/kbo/" + url.PathEscape("BE 0/1:2")
	x.c.Put(ref, body).Is(201)
	require.Equal(t, 1, x.c.Get("/v1/organisations?external_id="+url.QueryEscape("kbo:BE 0/1:2")).Is(200).Len("data"))
	require.Equal(t, "Eenmaal", x.c.Put(ref, `{"sector":"cultuur"}`).Is(200).Str("name"))
	two := x.c.Put(ref, `{"external_ids":[{"system":"crm","value":"7"}]}`).Is(200)
	require.Equal(t, 2, two.Len("external_ids"), "other systems' ids stay")
	x.c.Post("/v1/medewerkers", fmt.Sprintf(`{"organisation_id":%q,"given_name":"Lou","family_name":"Voorbeeld","job_title":"kok","employment":"employee","external_ids":[{"system":"hr","value":"85073003328"}]}`, x.sending)).Problem(422, "invalid", "/external_ids/0/value")
}

func TestContract_BadInput(t *testing.T) {
	t.Parallel()
	x := contracted(t)
	x.asked(t)
	foreign := x.w.Organisation("Vreemd") // fixtures stand in another tenant than the one that the walk opened
	question := func(member, value string) *testkit.Answer {
		q := map[string]any{"switcher_id": x.switcher, "title": "Titel", "question": "Wat?", "clarity": "vague", "reach": "switcher"}
		var v any
		require.NoError(t, json.Unmarshal([]byte(value), &v))
		q[member] = v
		return x.c.Post("/v1/leervragen", q)
	}
	for _, bad := range []struct{ member, value, at string }{
		{"onbekend", `1`, "/onbekend"},
		{"title", `1`, "/title"},
		{"title", `"a\u0000b"`, "/title"},
		{"title", `""`, "/title"},
		{"title", fmt.Sprintf("%q", strings.Repeat("x", 201)), "/title"},
		{"goals", `"een"`, "/goals"},
		{"goals", `[1]`, "/goals/0"},
		{"internal", `"ja"`, "/internal"},
		{"clarity", `"helder"`, "/clarity"},
		{"switcher_id", `"` + x.sending + `"`, "/switcher_id"},
		{"switcher_id", `"` + id.NewMedewerker().String() + `"`, "/switcher_id"},
		{"available", `[{"from_on":"2027-02-30","until_on":"2027-03-01"}]`, "/available/0/from_on"},
		{"available", `[{"from_on":"2027-03-02","until_on":"2027-03-01"}]`, "/available/0/until_on"},
	} {
		question(bad.member, bad.value).Problem(422, "invalid", bad.at)
	}
	x.c.Get("/v1/leervragen/"+x.sending).Problem(404, "not-found")
	x.c.Get("/v1/organisations/"+foreign.String()).Problem(404, "not-found")
	x.c.Get("/v1/organisations/"+x.sending+"%00").Problem(404, "not-found")
	x.c.Get("/v1/organisations?external_id=%ff").Problem(400, "invalid-parameter", "external_id")
	x.c.Post("/v1/medewerkers", fmt.Sprintf(`{"organisation_id":%q,"given_name":"a","family_name":"b","job_title":"c","employment":"employee"}`, foreign)).Problem(422, "invalid", "/organisation_id")

	place := func(more string) *testkit.Answer {
		return x.c.Post("/v1/leerplekken", fmt.Sprintf(`{"organisation_id":%q,"title":"Plek","description":"Hier.",%s}`, x.receiving, more))
	}
	place(fmt.Sprintf(`"leercoach_ids":[%q]`, x.switcher)).Problem(422, "invalid", "/leercoach_ids/0")
	closed := x.c.Post("/v1/organisations/"+x.receiving+"/departments", `{"name":"Directie","open_to_switchers":false,"excluded_functions":[],"reason":"privacy"}`).Is(201).Str("id")
	place(fmt.Sprintf(`"department_id":%q`, closed)).Problem(422, "invalid", "/department_id")
	partly := x.c.Post("/v1/organisations/"+x.receiving+"/departments", `{"name":"Dienst","open_to_switchers":true,"excluded_functions":["boekhouding"],"reason":null}`).Is(201).Str("id")
	place(fmt.Sprintf(`"department_id":%q,"function":"Boekhouding"`, partly)).Problem(422, "invalid", "/function")

	own := x.c.Post("/v1/leerplekken", fmt.Sprintf(`{"organisation_id":%q,"title":"Eigen","description":"Hier.","leercoach_ids":[%q]}`, x.sending, x.switcher)).Is(201).Str("id")
	x.c.Post("/v1/leerplekken/"+own+"/publish", nil).Is(200)
	x.c.Post("/v1/matches", fmt.Sprintf(`{"leervraag_id":%q,"leerplek_id":%q,"leercoach_ids":[%q]}`, x.leervraag, own, x.switcher)).Problem(422, "invalid", "/leerplek_id")
	mat := x.c.Post("/v1/matches", fmt.Sprintf(`{"leervraag_id":%q,"leerplek_id":%q,"leercoach_ids":[%q]}`, x.leervraag, x.leerplek, x.coach)).Is(201).Str("id")
	x.hr.Post("/v1/matches/"+mat+"/accept", `{"party":"receiving"}`).Problem(403, "forbidden")
	x.hr.Post("/v1/matches/"+mat+"/accept", nil).Is(200)
	lui := "/v1/leeruitwisselingen/" + x.host.Post("/v1/matches/"+mat+"/accept", nil).Is(200).Str("leeruitwisseling_id")
	day := func(date, starts, ends string, pause int) *testkit.Answer {
		return x.c.Post(lui+"/days", fmt.Sprintf(`{"date_on":%q,"starts":%q,"ends":%q,"break_minutes":%d}`, date, starts, ends, pause))
	}
	d := day("2025-03-10", "09:00", "16:30", 30).Is(201).Str("id")
	day("2025-03-10", "16:00", "18:00", 0).Problem(422, "invalid", "/date_on")
	day("2025-03-09", "22:00", "09:30", 0).Problem(422, "invalid", "/date_on")
	day("2025-03-12", "9:00", "16:30", 0).Problem(422, "invalid", "/starts")
	day("2025-03-12", "09:00", "16:30", -1).Problem(422, "invalid", "/break_minutes")
	day("2025-03-12", "09:00", "10:00", 60).Problem(422, "invalid", "/break_minutes")
	x.c.Post(lui+"/days/"+d+"/attend", `{"attended":true,"safety_briefed":true}`).Problem(409, "leeruitwisseling-preparing")
	x.c.Post(lui+"/days/"+d+"/attend", `{"attended":true,"hours":-1,"safety_briefed":true}`).Problem(422, "invalid", "/hours")
	x.c.Post(lui+"/days/"+d+"/attend", `{"attended":true,"hours":1.005,"safety_briefed":true}`).Problem(422, "invalid", "/hours")
	x.c.Post(lui+"/complete", nil).Problem(409, "leeruitwisseling-preparing")
	x.c.Post(lui+"/agreement/sign", `{"party":"sending","signed_by":"An","method":"signed_in"}`).Problem(422, "invalid", "/method")

	part := strings.Split(x.c.Token, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt"}`))
	other := x.w.Admin() // signed by the same key, of another tenant
	for _, token := range []string{"x", part[0] + "." + part[1] + ".", none + "." + part[1] + ".", part[0] + "." + strings.Split(other.Token, ".")[1] + "." + part[2]} {
		x.w.Nobody().Get("/v1/whoami", "Authorization", "Bearer "+token).Problem(401, "unauthenticated")
	}
	other.Get("/v1/organisations/"+x.sending).Problem(404, "not-found")
	x.c.Post("/v1/organisations", strings.Repeat(" ", 2<<20)).Problem(413, "body-too-large")
}
