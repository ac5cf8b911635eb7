package leerplek_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

func TestALeerplekSaysWhatKindOfPlaceItIs(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c, org := w.Coordinator(), w.Organisation("Woonzorgcentrum De Linde")
	made := c.Post("/v1/leerplekken", offer(org, body{"team": "medicatieteam", "place_kind": "workshop", "accessibility": "Bus 5 stopt voor de deur.",
		"exclusions": []string{"bewonersdossiers"}})).Is(http.StatusCreated)
	at := "/v1/leerplekken/" + made.Str("id")
	for _, a := range []*testkit.Answer{made, c.Get(at).Is(200), c.Patch(at, body{"title": "Anders"}).Is(200)} {
		require.Equal(t, "medicatieteam", a.Str("team"))
		require.Equal(t, "workshop", a.Str("place_kind"))
		require.Equal(t, "Bus 5 stopt voor de deur.", a.Str("accessibility"))
		require.Equal(t, []any{"bewonersdossiers"}, a.At("exclusions"))
	}
	bare := c.Post("/v1/leerplekken", offer(org, nil)).Is(http.StatusCreated)
	require.Nil(t, bare.At("place_kind"))
	require.Equal(t, []any{}, bare.At("exclusions"))
	c.Patch(at, body{"place_kind": "kelder"}).Problem(422, "invalid", "/place_kind")
	c.Patch(at, body{"exclusions": []string{""}}).Problem(422, "invalid", "/exclusions/0")
	require.Nil(t, c.Patch(at, body{"team": nil}).Is(200).At("team"))
}

func TestAFicheTellsOtherEmployersWhoseLeerplekItIsAndNamesNobody(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c, org := w.Coordinator(), w.Organisation("Woonzorgcentrum De Linde")
	coach := w.Medewerker(org, "Noor")
	made := c.Post("/v1/leerplekken", offer(org, body{"site_id": w.Site(org, 51, 3.7, true), "department_id": department(w, org, true), "leercoach_ids": []any{coach},
		"meeting_point": "vraag naar Noor", "function": "apotheker", "place_kind": "workshop", "exclusions": []string{"bewonersdossiers"}})).Is(http.StatusCreated)
	at := "/v1/leerplekken/" + made.Str("id")
	other := w.Employer(w.Organisation("Apotheek Zonneveld"))
	require.Equal(t, other.Get("/v1/leerplekken/lpl_01jd8m5x9nf3tvhg5w6rkz2c4q/fiche").Problem(404, "not-found").Retold(), other.Get(at+"/fiche").Problem(404, "not-found").Retold(),
		"a draft has no fiche for others")
	own := w.Employer(org).Get(at + "/fiche").Is(200)
	c.Post(at+"/publish", nil).Is(200)
	fiche := other.Get(at + "/fiche").Is(200)
	require.JSONEq(t, string(own.Body), string(fiche.Body))
	for name, want := range map[string]any{"leerplek_id": made.Str("id"), "employer": "Woonzorgcentrum De Linde", "kind": "non_profit", "sector": "zorg", "title": made.Str("title"),
		"site": "Site", "municipality": "Gent", "public_transport": true, "function": "apotheker", "place_kind": "workshop", "exclusions.0": "bewonersdossiers"} {
		require.Equal(t, want, fiche.At(name), name)
	}
	require.NotNil(t, fiche.At("department"))
	require.EqualValues(t, 1, fiche.Num("places_free"))
	for _, person := range []string{"Noor", coach.String()} {
		require.NotContains(t, string(fiche.Body), person)
	}
	bare := c.Post("/v1/leerplekken", offer(org, nil)).Is(http.StatusCreated)
	require.Nil(t, c.Get("/v1/leerplekken/"+bare.Str("id")+"/fiche").Is(200).At("public_transport"))
}
