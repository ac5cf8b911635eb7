package leeruitwisseling_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// The leercoach draws up the plan of a day, alone or with the receiving employer, and the switcher gets it (seed 001, 5.6).
func TestProgramme_IsDrawnUpByWhoGuidesTheDay(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p, partner := w.Pair(), w.Coordinator()
	at := path(p.Leeruitwisseling)
	second := w.Medewerker(p.Receiving, "Bo")
	sending, receiving := w.Employer(p.Sending), w.Employer(p.Receiving)
	lead, other := w.Client(auth.Leercoach, &p.Receiving, &p.Coach), w.Client(auth.Leercoach, &p.Receiving, &second)
	switcher := w.Client(auth.Switcher, &p.Sending, &p.Switcher)
	plan := object{"programme": []object{{"starts": "09:00", "what": "Onthaal en veiligheid", "with": "Noor"}, {"what": "Meelopen met de ronde"}}}

	first := at + "/days/" + sending.Post(at+"/days", workday(monday)).Is(http.StatusCreated).Str("id")
	later := at + "/days/" + receiving.Post(at+"/days", with(workday(tuesday), object{"leercoach_ids": []any{second}})).Is(http.StatusCreated).Str("id")
	drawn := lead.Put(first+"/programme", plan).Is(http.StatusOK)
	require.Equal(t, "Onthaal en veiligheid", drawn.Str("programme.0.what"))
	require.Equal(t, drawn.Header.Get("ETag"), lead.Put(first+"/programme", plan).Is(200).Header.Get("ETag"), "the same again is no change")
	lead.Put(first+"/programme", plan, "If-Match", `"1"`).Problem(412, "revision-mismatch")
	require.Equal(t, "Noor", switcher.Get(at).Is(200).Str("days.0.programme.0.with"))
	require.Equal(t, "Noor", sending.Get(first).Is(200).Str("programme.0.with"))

	lead.Put(later+"/programme", plan).Problem(403, "forbidden")
	other.Put(first+"/programme", plan).Problem(403, "forbidden")
	other.Put(later+"/programme", plan).Is(200)
	switcher.Put(first+"/programme", plan).Problem(403, "forbidden")
	sending.Put(first+"/programme", plan).Problem(403, "forbidden")
	sending.Patch(first, object{"programme": []object{}}).Problem(403, "forbidden")
	sending.Post(at+"/days", with(workday("2027-01-13"), plan)).Problem(403, "forbidden")
	sending.Patch(first, object{"break_minutes": 45}).Is(200)
	require.Empty(t, receiving.Patch(first, object{"programme": []object{}}).Is(200).At("programme"))
	partner.Put(first+"/programme", plan).Is(200)
	lead.Put(first+"/programme", object{"programme": []object{{"starts": "25:00", "what": "x"}}}).Problem(422, "invalid", "/programme/0/starts")
	lead.Put(first+"/programme", object{}).Problem(422, "invalid", "/programme")
	signed := partner.Get(at).Is(200).Str("agreement.document_hash")
	lead.Put(first+"/programme", object{"programme": []object{}}).Is(200)
	require.Equal(t, signed, partner.Get(at).Is(200).Str("agreement.document_hash"), "it is no part of what is signed")
	lead.Patch(first, object{"break_minutes": 30}).Problem(403, "forbidden")
}

// Each side lists its own documents; what the other one listed stays, whoever writes last (seed 001, 5.7).
func TestDocuments_AreEachSidesOwn(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p, partner := w.Pair(), w.Coordinator()
	at := path(p.Leeruitwisseling)
	sending, receiving := w.Employer(p.Sending), w.Employer(p.Receiving)
	coach, switcher := w.Client(auth.Leercoach, &p.Receiving, &p.Coach), w.Client(auth.Switcher, &p.Sending, &p.Switcher)
	listed := func(c *testkit.Caller) (all []string) {
		seen := c.Get(at).Is(200)
		for _, d := range seen.At("documents").([]any) {
			all = append(all, d.(map[string]any)["party"].(string)+" "+d.(map[string]any)["title"].(string))
		}
		return all
	}
	doc := func(title string, more object) object {
		return with(object{"kind": "information", "title": title}, more)
	}

	sending.Patch(at, object{"documents": []object{doc("Wie is Sam", nil)}}).Is(200)
	coach.Put(at+"/documents", object{"documents": []object{doc("Plattegrond", nil)}}).Is(200)
	partner.Put(at+"/documents", object{"documents": append(documents(partner.Get(at).Is(200)), doc("Notitieblad", nil))}).Is(200)
	all := []string{"partner Notitieblad", "receiving Plattegrond", "sending Wie is Sam"}
	for _, c := range []*testkit.Caller{sending, receiving, coach, switcher, partner} {
		require.Equal(t, all, listed(c), "both sides read them all")
	}

	revision := receiving.Get(at).Is(200).Num("revision")
	receiving.Put(at+"/documents", object{"documents": documents(receiving.Get(at).Is(200))}).Is(200)
	sending.Patch(at, object{"documents": documents(sending.Get(at).Is(200))}).Is(200)
	require.Equal(t, revision, receiving.Get(at).Is(200).Num("revision"), "what was read may be sent back as it is")

	receiving.Patch(at, object{"documents": []object{}}).Is(200)
	require.Equal(t, []string{"partner Notitieblad", "sending Wie is Sam"}, listed(sending), "the other side's stay")
	receiving.Put(at+"/documents", object{"documents": []object{doc("Van Sam", object{"party": "sending"})}}).Problem(403, "forbidden")
	coach.Put(at+"/documents", object{"documents": []object{doc("Van ons", object{"party": "partner"})}}).Problem(403, "forbidden")
	switcher.Put(at+"/documents", object{"documents": []object{doc("Van mij", nil)}}).Problem(403, "forbidden")
	sending.Put(at+"/documents", object{"documents": []object{doc("x", object{"party": "buurman"})}}).Problem(422, "invalid", "/documents/0/party")
	coach.Put(at+"/documents", object{"documents": []object{doc("x", object{"link": "ftp://documenten.example/x"})}}).Problem(422, "invalid", "/documents/0/link")
	coach.Put(at+"/documents", object{"documents": []object{}}, "If-Match", `"1"`).Problem(412, "revision-mismatch")
	many := make([]object, 19)
	for i := range many {
		many[i] = doc("Blad", nil)
	}
	coach.Put(at+"/documents", object{"documents": many}).Problem(422, "invalid", "/documents")
	coach.Put(at+"/documents", object{"documents": many[:18]}).Is(200)
	w.Employer(w.Organisation("Derde")).Put(at+"/documents", object{"documents": []object{}}).Problem(404, "not-found")

	// One from before it was kept who listed it.
	require.Equal(t, 1, w.Count(`with u as (update leeruitwisselingen set documents = '[{"kind":"notes","title":"Oud","link":null}]' where tenant_id = $1 and id = $2 returning 1) select count(*) from u`,
		w.Tenant.UUID(), p.Leeruitwisseling.UUID()))
	require.Equal(t, []string{"partner Oud"}, listed(receiving))
}

// documents are those of an answer, to be sent back.
func documents(a *testkit.Answer) (all []object) {
	for _, d := range a.At("documents").([]any) {
		all = append(all, object(d.(map[string]any)))
	}
	return all
}

// Who guides one day takes part in the exchange: they read it, hear of it, and look back on it.
func TestALeercoachOfOneDayTakesPart(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p, partner := w.Pair(), w.Coordinator()
	at := path(p.Leeruitwisseling)
	second, third := w.Medewerker(p.Receiving, "Bo"), w.Medewerker(p.Receiving, "Kim")
	coach, bystander := w.Client(auth.Leercoach, &p.Receiving, &second), w.Client(auth.Leercoach, &p.Receiving, &third)
	reflection := object{"party": "leercoach", "medium": "diary", "text": "Door de vragen zag ik ons werk opnieuw.", "shared_with": []string{"switcher"}}
	coach.Get(at).Problem(404, "not-found")

	day := at + "/days/" + partner.Post(at+"/days", with(workday(monday), object{"leercoach_ids": []any{p.Coach, second}})).Is(http.StatusCreated).Str("id")
	for _, c := range []*testkit.Caller{coach, partner} {
		found := c.Get("/v1/leeruitwisselingen?medewerker_id=" + second.String()).Is(200)
		require.Equal(t, p.Leeruitwisseling.String(), found.Str("data.0.id"))
	}
	require.Equal(t, []any{p.Coach.String()}, coach.Get(at).Is(200).At("leercoach_ids"), "those of the exchange stay the same")
	require.Equal(t, 1, w.Count(`select count(*) from events where tenant_id = $1 and subject_id = $2 and type = 'leeruitwisseling.updated' and $3 = any (medewerker_ids)`,
		w.Tenant.UUID(), p.Leeruitwisseling.UUID(), second.UUID()), "the fact is theirs too")
	mine := coach.Post(at+"/reflections", reflection).Is(http.StatusCreated)
	require.Equal(t, second.String(), mine.Str("medewerker_id"), "their own, not the leading one's")
	w.Client(auth.Switcher, &p.Sending, &p.Switcher).Get(at + "/reflections/" + mine.Str("id")).Is(200)
	partner.Post(at+"/reflections", with(reflection, object{"medewerker_id": second})).Is(http.StatusCreated)
	theirs := w.Client(auth.Switcher, &p.Sending, &p.Switcher).Post(at+"/reflections", object{"party": "switcher", "medium": "diary", "text": "x", "shared_with": []string{"leercoach"}}).Is(http.StatusCreated)
	coach.Get(at + "/reflections/" + theirs.Str("id")).Is(200)
	bystander.Get(at).Problem(404, "not-found")
	bystander.Post(at+"/reflections", reflection).Problem(404, "not-found")
	partner.Post(at+"/reflections", with(reflection, object{"medewerker_id": third})).Problem(422, "invalid", "/medewerker_id")

	partner.Patch(day, object{"leercoach_ids": []any{third}}).Is(200)
	coach.Get(at).Problem(404, "not-found")
	coach.Get(at+"/reflections/"+theirs.Str("id")).Problem(404, "not-found")
	bystander.Get(at).Is(200)
	partner.Delete(day).Is(http.StatusNoContent)
	bystander.Get(at).Problem(404, "not-found")
}

// The method holds this conversation online (seed 000), though it need not be.
func TestKennismakingsgesprek_IsOnlineOrNot(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p, c := w.Pair(), w.Coordinator()
	at := path(p.Leeruitwisseling) + "/kennismakingsgesprek"
	for location, online := range map[string]bool{"https://meet.example/linde": true, "onthaal, gelijkvloers": false} {
		require.Equal(t, online, c.Put(at, with(conversation(), object{"location": location})).Is(200).At("kennismakingsgesprek.online"), location)
	}
	said := c.Put(at, with(conversation(), object{"location": "link volgt", "online": true})).Is(200)
	require.Equal(t, true, said.At("kennismakingsgesprek.online"))
	require.Equal(t, said.Num("revision"), c.Put(at, with(conversation(), object{"location": "link volgt", "online": true})).Is(200).Num("revision"))
	c.Put(at, with(conversation(), object{"online": "ja"})).Problem(422, "invalid", "/online")
}
