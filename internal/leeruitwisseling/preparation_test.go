package leeruitwisseling_test

import (
	"context"
	"maps"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// with is an object with more members.
func with(o, more object) object {
	o = maps.Clone(o)
	maps.Copy(o, more)
	return o
}

// The host says how it receives the switcher, and the leercoach has documents at hand (seed 001, 5.7; seed 000).
func TestExchange_TellsTheSwitcherWhatToExpect(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p := w.Pair()
	at := path(p.Leeruitwisseling)
	sending, receiving := w.Employer(p.Sending), w.Employer(p.Receiving)
	require.Equal(t, []any{}, sending.Get(at).Is(200).At("documents"))
	sending.Patch(at, object{"dress_code": "witte jas"}).Problem(403, "forbidden")
	sending.Patch(at, object{"reception": "aan de deur"}).Problem(403, "forbidden")
	receiving.Patch(at, object{"reception": "Noor wacht aan het onthaal.", "dress_code": "witte jas", "meeting_point": "onthaal", "safety_note": "Dichte schoenen."}).Is(200)
	sending.Patch(at, object{"documents": []object{{"kind": "leeractieplan", "title": "Leeragenda"}, {"kind": "notes", "title": "Notities", "link": "https://documenten.example/notities"}}}).Is(200)
	for _, c := range []*testkit.Caller{sending, receiving, w.Client(auth.Switcher, &p.Sending, &p.Switcher), w.Client(auth.Leercoach, &p.Receiving, &p.Coach)} {
		seen := c.Get(at).Is(200)
		require.Equal(t, "Noor wacht aan het onthaal.", seen.Str("leerplek.reception"))
		require.Equal(t, "witte jas", seen.Str("leerplek.dress_code"))
		require.Equal(t, "Dichte schoenen.", seen.Str("leerplek.safety_note"))
		require.Nil(t, seen.At("documents.0.link"))
		require.Equal(t, "https://documenten.example/notities", seen.Str("documents.1.link"))
	}
	receiving.Patch(at, object{"documents": []object{{"kind": "notes", "title": "x", "link": "javascript://voorbeeld.example/%0aalert(1)"}}}).Problem(422, "invalid", "/documents/0/link")
	receiving.Patch(at, object{"documents": []object{{"kind": "foto", "title": ""}}}).Problem(422, "invalid", "/documents/0/kind", "/documents/0/title")
}

func TestDays_HaveAProgramme(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p, c := w.Pair(), w.Coordinator()
	at := path(p.Leeruitwisseling)
	programme := []object{{"starts": "09:00", "what": "Onthaal en veiligheid", "with": "Noor"}, {"what": "Meelopen met de ronde"}}
	second := c.Post(at+"/days", with(workday(tuesday), object{"programme": programme})).Is(201)
	first := c.Post(at+"/days", workday(monday)).Is(201)
	require.Equal(t, []any{}, first.At("programme"))
	require.Equal(t, "Onthaal en veiligheid", second.Str("programme.0.what"))
	require.Nil(t, second.At("programme.1.starts"))
	whole := c.Get(at).Is(200)
	require.Equal(t, first.Str("id"), whole.Str("days.0.id"), "the first day comes first")
	require.Equal(t, "Noor", whole.Str("days.1.programme.0.with"))
	day := at + "/days/" + second.Str("id")
	require.Equal(t, "Noor", c.Get(day).Is(200).Str("programme.0.with"))
	require.Equal(t, []any{}, c.Patch(day, object{"programme": []object{}}).Is(200).At("programme"))
	c.Patch(day, object{"programme": []object{{"starts": "25:00", "what": "x"}}}).Problem(422, "invalid", "/programme/0/starts")
}

func TestLeeractieplan_TellsWhereTheQuestionCameFrom(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p, c := w.Pair(), w.Coordinator()
	at := path(p.Leeruitwisseling) + "/leeractieplan"
	agenda := object{"motive": "De apotheek levert per bewoner.", "meaning": "Van voorschrift tot bewoner.", "how_to_answer": "Meelopen met de ronde.",
		"must_cover": []string{"de medicatieronde"}, "curious_about": "Hoe de nacht verloopt.", "drawn_up_by": []string{"switcher", "sending", "partner"},
		"people_to_meet": []string{"de nachtploeg"}, "success": "Wij leveren voortaan zonder vergissing."}
	bare := c.Put(at, plan).Is(200)
	require.Nil(t, bare.At("leeractieplan.motive"))
	require.Equal(t, []any{}, bare.At("leeractieplan.must_cover"))
	before := bare.Str("agreement.document_hash")
	full := c.Put(at, with(plan, agenda), "If-Match", "*").Is(200)
	require.NotEqual(t, before, full.Str("agreement.document_hash"))
	seen := w.Employer(p.Receiving).Get(path(p.Leeruitwisseling)).Is(200)
	for name, want := range agenda {
		if list, ok := want.([]string); ok {
			want = list[0]
			name += ".0"
		}
		require.Equal(t, want, seen.At("leeractieplan."+name), name)
	}
	require.Equal(t, before, c.Put(at, plan, "If-Match", "*").Is(200).Str("agreement.document_hash"), "without it the agreement reads as before")
	c.Put(at, with(plan, object{"drawn_up_by": []string{"partner", "partner"}}), "If-Match", "*").Problem(422, "invalid", "/drawn_up_by/1")
	c.Put(at, with(plan, object{"drawn_up_by": []string{"buurman"}}), "If-Match", "*").Problem(422, "invalid", "/drawn_up_by/0")
}

func TestKennismakingsgesprek_NotesWhatWasTalkedThrough(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p, c := w.Pair(), w.Coordinator()
	at := path(p.Leeruitwisseling)
	said := object{"agenda": []string{"introduction", "acquaintance", "leervraag", "possibilities", "arrangements", "leeractieplan"},
		"learn_in_general": "Hoe zorg en apotheek samenwerken.", "learn_specifically": "Medicatie klaarzetten.", "must_cover": []string{"BelRAI"},
		"people_to_meet": []string{"ergotherapeut"}, "possibilities": []string{"rondleiding", "deelname aan een werkgroep"}, "leervraag_changed": true,
		"actual_minutes": 35, "outcome": "Verschoven naar de nacht."}
	a := c.Put(at+"/kennismakingsgesprek", with(conversation(), said)).Is(200)
	require.Equal(t, "leeractieplan", a.Str("kennismakingsgesprek.agenda.5"))
	require.Equal(t, "Hoe zorg en apotheek samenwerken.", a.Str("kennismakingsgesprek.learn_in_general"))
	require.Equal(t, "Medicatie klaarzetten.", a.Str("kennismakingsgesprek.learn_specifically"))
	require.Equal(t, "BelRAI", a.Str("kennismakingsgesprek.must_cover.0"))
	require.Equal(t, "ergotherapeut", a.Str("kennismakingsgesprek.people_to_meet.0"))
	require.Equal(t, "deelname aan een werkgroep", a.Str("kennismakingsgesprek.possibilities.1"))
	require.Equal(t, true, a.At("kennismakingsgesprek.leervraag_changed"))
	require.EqualValues(t, 35, a.Num("kennismakingsgesprek.actual_minutes"))
	c.Put(at+"/kennismakingsgesprek", with(conversation(), object{"agenda": []string{"leervraag", "leervraag"}})).Problem(422, "invalid", "/agenda/1")

	// One from before there was an agenda.
	_, err := w.Super.Exec(context.Background(), `update leeruitwisselingen set kennismakingsgesprek = '{"starts_at":"2025-01-03T13:00:00Z","minutes":20,"location":"x","participants":[],"actual_minutes":null,"outcome":null}'
		where tenant_id = $1 and id = $2`, w.Tenant.UUID(), p.Leeruitwisseling.UUID())
	require.NoError(t, err)
	old := c.Get(at).Is(200)
	require.Equal(t, []any{}, old.At("kennismakingsgesprek.agenda"))
	require.Nil(t, old.At("kennismakingsgesprek.leervraag_changed"))
}

// What the sending employer wants of it is between that employer and the ST-partner (seed 001, 5.6).
func TestExpectations_StayWithTheSendingEmployer(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p := w.Pair()
	at := path(p.Leeruitwisseling) + "/expectations"
	sending, receiving := w.Employer(p.Sending), w.Employer(p.Receiving)
	require.Nil(t, sending.Get(at).Is(200).At("leerbewijs"))
	want := object{"leerbewijs": "Een attest voor het sectorfonds.", "sharing": "Op de teamvergadering.", "application": "Op twee afdelingen proberen.", "success": "Het team werkt anders."}
	for range 2 {
		sending.Put(at, want).Is(200)
	}
	require.Equal(t, 1, w.Count(`select count(*) from leeruitwisseling_expectations where tenant_id = $1 and revision = 1`, w.Tenant.UUID()), "the same again is no change")
	for _, c := range []*testkit.Caller{sending, w.Coordinator()} {
		seen := c.Get(at).Is(200)
		for name, text := range want {
			require.Equal(t, text, seen.At(name), name)
		}
	}
	require.Nil(t, sending.Put(at, object{"leerbewijs": "Geen."}).Is(200).At("sharing"), "whole")
	receiving.Get(at).Problem(403, "forbidden")
	receiving.Put(at, want).Problem(403, "forbidden")
	w.Client(auth.Switcher, &p.Sending, &p.Switcher).Get(at).Problem(403, "forbidden")
	// Who reads for somebody reads what that one reads.
	for who, status := range map[*id.OrganisationID]int{nil: 200, &p.Sending: 200, &p.Receiving: 403} {
		require.Equal(t, status, w.Client(auth.Viewer, who, nil).Get(at).Status)
		require.Equal(t, status, w.Client(auth.Integration, who, nil, "leeruitwisseling:read").Get(at).Status)
	}
	require.NotContains(t, string(receiving.Get(path(p.Leeruitwisseling)).Is(200).Body), "Geen.")
	w.Employer(w.Organisation("Derde")).Get(at).Problem(404, "not-found")
	for caller, rows := range map[*testkit.Caller]int{sending: 1, receiving: 0, w.Client(auth.Leercoach, &p.Receiving, &p.Coach): 0} {
		require.NoError(t, as(w, caller, func(tx *db.Tx) error {
			var n int
			err := tx.Select(&n, `select count(*) from leeruitwisseling_expectations where tenant_id = ?`, tx.Scope.Tenant)
			require.Equal(t, rows, n, "the database keeps them, too")
			return err
		}))
	}
	sending.Put(at, object{"success": ""}).Problem(422, "invalid", "/success")
}

// A reflection is its author's: an employer reads what its employee wrote only where that was shared (seed 001, 5.7).
func TestReflection_IsReadByItsAuthorThePartnerAndWhoItIsSharedWith(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p, partner := w.Pair(), w.Coordinator()
	at := path(p.Leeruitwisseling) + "/reflections"
	sending, receiving := w.Employer(p.Sending), w.Employer(p.Receiving)
	switcher, coach := w.Client(auth.Switcher, &p.Sending, &p.Switcher), w.Client(auth.Leercoach, &p.Receiving, &p.Coach)
	colleague := w.Medewerker(p.Sending, "Kim")
	other := w.Client(auth.Switcher, &p.Sending, &colleague)

	made := switcher.Post(at, object{"party": "switcher", "medium": "diary", "text": "Ik zag hoe rustig zij beginnen.", "reflected_on": "2027-01-12",
		"lessons": []object{{"text": "Wij leggen uit wat we doen.", "carried_into": "team"}}}).Is(http.StatusCreated)
	mine := at + "/" + made.Str("id")
	require.Equal(t, "/v1/leeruitwisselingen/"+p.Leeruitwisseling.String()+"/reflections/"+made.Str("id"), made.Header.Get("Location"))
	for name, want := range map[string]any{"party": "switcher", "medewerker_id": p.Switcher.String(), "medium": "diary", "text": "Ik zag hoe rustig zij beginnen.", "link": nil,
		"reflected_on": "2027-01-12", "lessons.0.text": "Wij leggen uit wat we doen.", "lessons.0.carried_into": "team", "lessons.0.applied": nil} {
		require.Equal(t, want, made.At(name), name)
	}
	may := func(path string, callers map[*testkit.Caller]bool) {
		t.Helper()
		for c, sees := range callers {
			if sees {
				c.Get(path).Is(200)
				require.Equal(t, 1, c.Get(at).Is(200).Len("data"))
			} else {
				c.Get(path).Problem(404, "not-found")
			}
		}
	}
	may(mine, map[*testkit.Caller]bool{switcher: true, partner: true, sending: false, receiving: false, coach: false, other: false})
	require.Zero(t, sending.Get(at).Is(200).Len("data"))
	other.Get(at).Problem(404, "not-found")

	switcher.Patch(mine, object{"shared_with": []string{"leercoach"}}).Is(200)
	may(mine, map[*testkit.Caller]bool{coach: true, sending: false, receiving: false})
	coach.Patch(mine, object{"text": "Zij zag het anders."}).Problem(403, "forbidden")
	switcher.Patch(mine, object{"shared_with": []string{"sending", "receiving"}}).Is(200)
	may(mine, map[*testkit.Caller]bool{coach: false, sending: true, receiving: true})
	sending.Patch(mine, object{"text": "x"}).Problem(403, "forbidden")
	require.Equal(t, true, partner.Patch(mine, object{"lessons": []object{{"text": "Wij leggen uit wat we doen.", "carried_into": "organisation", "applied": true}}}).Is(200).At("lessons.0.applied"))
	switcher.Patch(mine, object{"shared_with": []string{}}).Is(200)
	may(mine, map[*testkit.Caller]bool{coach: false, sending: false, receiving: false, switcher: true})
	require.Equal(t, 4, w.Count(`select count(*) from audit where tenant_id = $1 and action = 'leeruitwisseling.share'`, w.Tenant.UUID()), "who let whom read is kept")

	own := receiving.Post(at, object{"party": "receiving", "medium": "conversation", "link": "https://documenten.example/verslag"}).Is(201)
	require.Nil(t, own.At("medewerker_id"))
	receiving.Get(at + "/" + own.Str("id")).Is(200)
	sending.Get(at+"/"+own.Str("id")).Problem(404, "not-found")
	require.Empty(t, w.EventTypes(made.Str("id")), "no fact carries what people think")
}

func TestReflection_IsWrittenByWhoItSays(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p, partner := w.Pair(), w.Coordinator()
	at := path(p.Leeruitwisseling) + "/reflections"
	sending := w.Employer(p.Sending)
	switcher, coach := w.Client(auth.Switcher, &p.Sending, &p.Switcher), w.Client(auth.Leercoach, &p.Receiving, &p.Coach)
	by := func(party string, more object) object {
		return with(object{"party": party, "medium": "audio", "text": "x"}, more)
	}

	sending.Post(at, by("switcher", nil)).Problem(403, "forbidden")
	sending.Post(at, by("receiving", nil)).Problem(403, "forbidden")
	switcher.Post(at, by("leercoach", nil)).Problem(403, "forbidden")
	switcher.Post(at, by("sending", nil)).Problem(403, "forbidden")
	coach.Post(at, by("switcher", object{"medewerker_id": p.Switcher})).Problem(403, "forbidden")
	require.Equal(t, p.Coach.String(), coach.Post(at, by("leercoach", nil)).Is(201).Str("medewerker_id"))
	require.Equal(t, p.Coach.String(), partner.Post(at, by("leercoach", nil)).Is(201).Str("medewerker_id"), "the leading one")
	partner.Post(at, by("leercoach", object{"medewerker_id": p.Switcher})).Problem(422, "invalid", "/medewerker_id")
	partner.Post(at, by("sending", object{"medewerker_id": p.Switcher})).Problem(422, "invalid", "/medewerker_id")
	partner.Post(at, by("switcher", object{"medium": "film"})).Problem(422, "invalid", "/medium")
	partner.Post(at, object{"party": "switcher", "medium": "audio"}).Problem(422, "invalid", "/text")
	partner.Post(at, by("switcher", object{"link": "ftp://documenten.example/x"})).Problem(422, "invalid", "/link")
	partner.Post(at, by("switcher", object{"shared_with": []string{"sending", "sending"}})).Problem(422, "invalid", "/shared_with/1")
	partner.Post(at, by("switcher", object{"lessons": []object{{"text": "x", "carried_into": "wereld"}}})).Problem(422, "invalid", "/lessons/0/carried_into")
	partner.Post(path(id.NewLeeruitwisseling())+"/reflections", by("switcher", nil)).Problem(404, "not-found")

	mine := at + "/" + partner.Post(at, by("switcher", nil)).Is(201).Str("id")
	partner.Patch(mine, object{"party": "leercoach"}).Problem(422, "invalid", "/party")
	partner.Patch(mine, object{"medewerker_id": p.Coach}).Problem(422, "invalid", "/medewerker_id")
	partner.Patch(mine, object{"text": nil}).Problem(422, "invalid", "/text")
	partner.Patch(mine, object{"text": nil, "link": "https://documenten.example/opname"}).Is(200)
	partner.Patch(mine, object{"text": "y"}, "If-Match", `"1"`).Problem(412, "revision-mismatch")
	elsewhere := w.Pair()
	partner.Patch(path(elsewhere.Leeruitwisseling)+"/reflections/"+mine[len(mine)-30:], object{"text": "y"}).Problem(404, "not-found")
}
