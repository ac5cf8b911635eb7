package organisation_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

func TestOrganisation_SaysWhatKindOfEmployerItIs(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	made := c.Post("/v1/organisations", `{"name":"Labeur","kind":"social_economy","sector":"bouw","maatwerkbedrijf":true,"sector_group":"other","headcount":249}`).Is(201)
	require.Equal(t, true, made.At("maatwerkbedrijf"))
	require.Equal(t, "other", made.Str("sector_group"))
	require.Equal(t, true, made.At("sme"), "fewer than 250 people is a KMO")
	at := made.Header.Get("Location")
	require.Equal(t, false, c.Patch(at, `{"headcount":250}`).Is(200).At("sme"))
	require.Equal(t, true, c.Patch(at, `{"sme":true}`).Is(200).At("sme"), "what is said goes before what is counted")
	require.Equal(t, false, c.Patch(at, `{"sme":null}`).Is(200).At("sme"))
	require.Nil(t, c.Patch(at, `{"headcount":null}`).Is(200).At("sme"), "nobody knows")
	require.Nil(t, made.At("merged_into_id"))
	require.Nil(t, made.At("willing_to_send"), "nobody asked yet")
	poule := c.Patch(at, `{"willing_to_send":true,"willing_to_host":false}`).Is(200)
	require.Equal(t, []any{true, false}, []any{poule.At("willing_to_send"), poule.At("willing_to_host")})
	c.Patch(at, `{"willing_to_host":"ja"}`).Problem(422, "invalid", "/willing_to_host")
	c.Patch(at, `{"kind":"profit"}`).Problem(422, "invalid", "/maatwerkbedrijf")
	c.Post("/v1/organisations", `{"name":"x","kind":"profit","sector":"x","maatwerkbedrijf":true}`).Problem(422, "invalid", "/maatwerkbedrijf")
	c.Patch(at, `{"sector_group":"retail"}`).Problem(422, "invalid", "/sector_group")
	c.Patch(at, `{"merged_into_id":null}`).Problem(422, "invalid", "/merged_into_id")
}

func TestOrganisation_SitesAndContactsSayWhatTheyAre(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	org := "/v1/organisations/" + w.Organisation("De Linde").String()
	site := c.Post(org+"/sites", `{"name":"Loods","street":"Kaai 1","postcode":"9000","municipality":"Gent","kind":"distribution","business_park":"Wetenschapspark"}`).Is(201)
	require.Equal(t, "distribution", site.Str("kind"))
	require.Equal(t, "Wetenschapspark", c.Get(site.Header.Get("Location")).Is(200).Str("business_park"))
	require.Nil(t, c.Patch(site.Header.Get("Location"), `{"business_park":null}`).Is(200).At("business_park"))
	c.Patch(site.Header.Get("Location"), `{"kind":"boat"}`).Problem(422, "invalid", "/kind")
	contact := c.Post(org+"/contacts", `{"name":"An Voorbeeld","function":"zaakvoerder","profile":"owner","decides":true}`).Is(201)
	require.Equal(t, "owner", contact.Str("profile"))
	require.Equal(t, "employee", c.Patch(contact.Header.Get("Location"), `{"profile":"employee","function":"medewerker"}`).Is(200).Str("profile"))
	c.Patch(contact.Header.Get("Location"), `{"profile":"king"}`).Problem(422, "invalid", "/profile")
}

const profile = `{"core_values":["warmte"],"strengths":["zelfsturende teams"],"weaker_points":["digitaal werken"],"offers":["meertalig onthaal"],
	"challenges":["vergrijzend personeelsbestand"],"internal_channels":["nieuwsbrief","valven"],"openness":"hesitant","competition_sensitivity":"high",
	"desired_result":"Drie teams die iets nieuws uitproberen."}`

func TestOrganisation_PresentsItselfInAProfile(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	org := w.Organisation("De Linde")
	at := "/v1/organisations/" + org.String()
	empty := c.Get(at + "/profile").Is(200)
	require.Zero(t, empty.Num("revision"))
	require.Zero(t, empty.Len("core_values"))
	require.Nil(t, empty.At("openness"))

	told := c.Patch(at+"/profile", profile, "If-Match", `"0"`).Is(200)
	require.EqualValues(t, 1, told.Num("revision"))
	for member, want := range map[string]any{"core_values.0": "warmte", "strengths.0": "zelfsturende teams", "weaker_points.0": "digitaal werken", "offers.0": "meertalig onthaal",
		"challenges.0": "vergrijzend personeelsbestand", "internal_channels.1": "valven", "openness": "hesitant", "competition_sensitivity": "high",
		"desired_result": "Drie teams die iets nieuws uitproberen."} {
		require.Equal(t, want, told.At(member), member)
	}
	require.JSONEq(t, string(told.Body), string(c.Get(at+"/profile").Is(200).Body))
	require.EqualValues(t, 2, c.Patch(at+"/profile", `{"openness":"open"}`).Is(200).Num("revision"))
	require.EqualValues(t, 2, c.Patch(at+"/profile", `{"openness":"open"}`).Is(200).Num("revision"), "nothing changed")
	require.EqualValues(t, 3, c.Get(at).Num("revision"), "each change of the profile is a change of the employer")
	c.Patch(at+"/profile", `{"openness":"closed"}`, "If-Match", `"1"`).Problem(412, "revision-mismatch")
	c.Patch(at+"/profile", `{"openness":"ajar","core_values":[""]}`).Problem(422, "invalid", "/openness", "/core_values/0")

	e := w.Employer(org)
	require.Equal(t, "open", e.Get(at+"/profile").Is(200).Str("openness"))
	e.Patch(at+"/profile", `{"strengths":["rust"]}`).Is(200)
	w.Employer(w.Organisation("Labeur")).Get(at+"/profile").Problem(404, "not-found")
	mdw := w.Medewerker(org, "Sam")
	sam := w.Client(auth.Switcher, &org, &mdw)
	sam.Get(at).Is(200)
	sam.Get(at+"/profile").Problem(404, "not-found")
	testkit.New(t).Coordinator().Get(at+"/profile").Problem(404, "not-found")
}

const need = `{"title":"Nieuwe collega's onthalen","function":"ploegbaas","target_group":"starters","reach":"team","development_context":"Sluit aan bij het peterschap.",
	"desired_result":"Een draaiboek.","success_criterion":"Starters blijven.","other_effects":["netwerk"]`

func TestOrganisation_NamesItsNeeds(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	org, other := w.Organisation("De Linde"), w.Organisation("Labeur")
	at := "/v1/organisations/" + org.String()
	department := c.Post(at+"/departments", `{"name":"Keuken","open_to_switchers":true}`).Is(201).Str("id")
	foreign := c.Post("/v1/organisations/"+other.String()+"/departments", `{"name":"Werf","open_to_switchers":true}`).Is(201).Str("id")
	made := c.Post(at+"/needs", need+`,"department_id":"`+department+`"}`).Is(201)
	for member, want := range map[string]any{"department_id": department, "function": "ploegbaas", "target_group": "starters", "reach": "team",
		"development_context": "Sluit aan bij het peterschap.", "desired_result": "Een draaiboek.", "success_criterion": "Starters blijven.", "other_effects.0": "netwerk"} {
		require.Equal(t, want, made.At(member), member)
	}
	needAt := made.Header.Get("Location")
	require.JSONEq(t, string(made.Body), string(c.Get(needAt).Is(200).Body))
	require.Nil(t, c.Patch(needAt, `{"department_id":null,"reach":"organisation"}`).Is(200).At("department_id"))
	c.Patch(needAt, `{"department_id":"`+foreign+`"}`).Problem(422, "invalid", "/department_id")
	c.Post(at+"/needs", `{"title":" ","reach":"everybody"}`).Problem(422, "invalid", "/title", "/reach")
	require.Equal(t, 1, c.Get(at+"/needs").Is(200).Len("data"))

	w.Employer(org).Post(at+"/needs", `{"title":"Duurzaam bouwen"}`).Is(201)
	w.Employer(other).Get(needAt).Problem(404, "not-found")
	w.Employer(other).Delete(needAt).Problem(404, "not-found")
	mdw := w.Medewerker(org, "Sam")
	w.Client(auth.Switcher, &org, &mdw).Get(needAt).Problem(404, "not-found")
	c.Delete(needAt).Is(204)
	c.Delete(needAt).Problem(404, "not-found")
	require.Equal(t, 1, c.Get(at+"/needs").Is(200).Len("data"))
}

func TestConversations_AreThePartnersOwnAndComeBack(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	org, other := w.Organisation("De Linde"), w.Organisation("Labeur")
	at := "/v1/organisations/" + org.String()
	contact := c.Post(at+"/contacts", `{"name":"An Voorbeeld","function":"directeur"}`).Is(201).Str("id")
	revision := c.Get(at).Num("revision")
	made := c.Post(at+"/conversations", `{"held_at":"2027-01-11T10:00:00+01:00","channel":"phone","contact_ids":["`+contact+`"],"noted_by":"Mo Voorbeeld",
		"note":"Twijfelt nog.","follow_up_on":"2027-02-01"}`).Is(201)
	require.Equal(t, "2027-01-11T09:00:00Z", made.Str("held_at"))
	for member, want := range map[string]any{"channel": "phone", "contact_ids.0": contact, "noted_by": "Mo Voorbeeld", "note": "Twijfelt nog.", "follow_up_on": "2027-02-01", "follow_up_done": false} {
		require.Equal(t, want, made.At(member), member)
	}
	later := c.Post("/v1/organisations/"+other.String()+"/conversations", `{"held_at":"2027-01-12T09:00:00Z","channel":"event","note":"Kwam kijken.","follow_up_on":"2027-03-01"}`).Is(201)
	c.Post(at+"/conversations", `{"held_at":"2027-01-13T09:00:00Z","channel":"mail","note":"Antwoordde."}`).Is(201)

	require.Equal(t, 3, c.Get("/v1/conversations").Is(200).Len("data"))
	require.Equal(t, 2, c.Get(at+"/conversations").Is(200).Len("data"))
	require.Equal(t, 2, c.Get("/v1/conversations?organisation_id="+org.String()).Is(200).Len("data"))
	due := func(by string) int { return c.Get("/v1/conversations?due_by=" + by).Is(200).Len("data") }
	require.Equal(t, []int{0, 1, 2}, []int{due("2027-01-31"), due("2027-02-01"), due("2027-03-01")})
	cAt := made.Header.Get("Location")
	require.Equal(t, true, c.Patch(cAt, `{"follow_up_done":true}`).Is(200).At("follow_up_done"))
	require.Equal(t, []int{0, 1}, []int{due("2027-02-01"), due("2027-03-01")})
	c.Patch(cAt, `{"follow_up_on":null}`).Problem(422, "invalid", "/follow_up_on")
	c.Patch(later.Header.Get("Location"), `{"contact_ids":["`+contact+`"]}`).Problem(422, "invalid", "/contact_ids/0")
	c.Patch(cAt, `{"contact_ids":["`+contact+`","`+contact+`"]}`).Problem(422, "invalid", "/contact_ids/1")
	c.Post(at+"/conversations", `{"channel":"dream"}`).Problem(422, "invalid", "/channel", "/held_at", "/note")
	c.Post("/v1/organisations/"+id.NewOrganisation().String()+"/conversations", `{"held_at":"2027-01-13T09:00:00Z","channel":"mail","note":"x"}`).Problem(404, "not-found")
	c.Get("/v1/conversations?due_by=soon").Problem(400, "invalid-parameter", "due_by")

	require.InDelta(t, revision, c.Get(at).Num("revision"), 0, "the employer is told nothing, not even that there was something")
	e := w.Employer(org)
	e.Get(at+"/conversations").Problem(403, "forbidden")
	e.Get(cAt).Problem(403, "forbidden")
	w.Client(auth.Viewer, nil, nil).Get("/v1/conversations").Problem(403, "forbidden")
	testkit.New(t).Coordinator().Get(cAt).Problem(404, "not-found")
}

func TestOrganisation_FindsItsLikelyDuplicates(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	org, named, near, mailed := w.Organisation("Woonzorgcentrum De Linde vzw"), w.Organisation("woonzorgcentrum de linde"), w.Organisation("Zorgpunt"), w.Organisation("Linde-groep")
	apart := w.Organisation("Labeur")
	for o, street := range map[id.OrganisationID]string{org: "Dorpsstraat 1", near: "DORPSSTRAAT 1", apart: "Dorpsstraat 2"} {
		c.Post("/v1/organisations/"+o.String()+"/sites", `{"name":"x","street":"`+street+`","postcode":"9000","municipality":"Gent"}`).Is(201)
	}
	for o, mails := range map[id.OrganisationID][]string{org: {"an@delinde.example", "an@gmail.com"}, mailed: {"mo@DELINDE.example"}, apart: {"mo@gmail.com"}} {
		for _, m := range mails {
			c.Post("/v1/organisations/"+o.String()+"/contacts", `{"name":"x","function":"x","email":"`+m+`"}`).Is(201)
		}
	}
	at := "/v1/organisations/" + org.String() + "/duplicates"
	found := c.Get(at).Is(200)
	got := map[string]any{}
	for i := range found.Len("data") {
		d, ok := found.At("data").([]any)[i].(map[string]any)
		require.True(t, ok)
		got[d["organisation_id"].(string)] = d["reasons"]
	}
	require.Equal(t, map[string]any{named.String(): []any{"name"}, near.String(): []any{"address"}, mailed.String(): []any{"email_domain"}}, got)
	require.Equal(t, named.String(), found.Str("data.0.organisation_id"), "the most likely first")
	require.EqualValues(t, 100, found.Num("data.0.name_alike"))

	c.Post("/v1/organisations/"+named.String()+"/merge", `{"into":"`+org.String()+`"}`).Is(200)
	require.Equal(t, 2, c.Get(at).Is(200).Len("data"), "the one that was merged is none any more")
	w.Employer(org).Get(at).Problem(403, "forbidden")
	testkit.New(t).Coordinator().Get(at).Problem(404, "not-found")
}
