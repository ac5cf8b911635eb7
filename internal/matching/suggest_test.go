package matching_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/matching"
	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

func TestWhyNotSaysWhatBecameOfOnePlace(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	caller := s.Coordinator()
	ask := func(c *testkit.Caller, l id.LeerplekID) *testkit.Answer {
		return c.Get(s.path() + "?limit=1&why_not=" + l.String())
	}
	require.Nil(t, caller.Get(s.path()).Is(200).At("why_not"))
	second := s.Leerplek(s.receiving, "Medicatieschema's", "Klaarzetten en bedelen", s.coach) // nobody knows where, or when
	got := ask(caller, second).Is(200)
	require.Equal(t, []string{s.leerplek.String()}, suggested(got))
	require.InDelta(t, 2, got.Num("why_not.rank"), 0, "%s", got)
	require.Nil(t, got.At("why_not.reason"))
	sum := 0.0
	for i := range got.Len("why_not.parts") {
		sum += got.Num(fmt.Sprintf("why_not.parts.%d.points", i))
	}
	require.InDelta(t, got.Num("why_not.score"), sum, 0)
	require.Less(t, sum, got.Num("data.0.score"))
	require.InDelta(t, 1, ask(caller, s.leerplek).Is(200).Num("why_not.rank"), 0)

	s.run(`update leerplekken set site_id = ? where id = ?`, s.Site(s.receiving, 50.85, 5.69, true), second)
	got = ask(caller, second).Is(200)
	require.Equal(t, "too_far", got.Str("why_not.reason"))
	require.InDelta(t, 139, got.Num("why_not.detail.km"), 5)
	require.Nil(t, got.At("why_not.rank"))
	s.run(`update leerplekken set site_id = null, requirements = '{VCA-attest}' where id = ?`, second)
	s.run(`update medewerkers set meets_requirements = '{}' where id = ?`, s.switcher)
	got = ask(caller, second).Is(200)
	require.Equal(t, "requirement_not_met", got.Str("why_not.reason"))
	require.Equal(t, "vca-attest", got.Str("why_not.detail.requirement"))
	s.run(`update leerplekken set status = 'draft' where id = ?`, second)
	require.Equal(t, "not_published", ask(caller, second).Is(200).Str("why_not.reason"))

	nobody := ask(caller, id.NewLeerplek()).Problem(400, "invalid-parameter", "why_not").Retold()
	other := newScene(t)
	require.Equal(t, nobody, ask(caller, other.leerplek).Is(400).Retold(), "another tenant's")
	require.Equal(t, nobody, ask(s.Employer(s.sending), second).Is(400).Retold(), "another employer's draft")
	caller.Get(s.path()+"?why_not=x").Problem(400, "invalid-parameter", "why_not")
}

func TestBoundCallersLearnNothingOfCoachesAndRivals(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(s scene){
		"a condition": func(s scene) {
			s.run(`update leerplek_coaches set voluntary = false where leerplek_id = ?`, s.leerplek)
		},
		"a coach who left": func(s scene) { s.run(`update medewerkers set ended_on = '2020-01-01' where id = ?`, s.coach) },
		"a rivalry": func(s scene) {
			s.Insert("rivals", body{"organisation_id": s.receiving.UUID(), "rival_id": s.sending.UUID(), "named_by": s.receiving.UUID()})
		},
	} {
		s := newScene(t)
		change(s)
		got := s.Employer(s.sending).Get(s.path() + "?why_not=" + s.leerplek.String()).Is(200)
		require.Equal(t, []any{body{"reason": "unavailable", "count": 1.0}}, got.At("ruled_out"), name)
		require.Equal(t, "unavailable", got.Str("why_not.reason"), name)
		require.NotContains(t, string(got.Body), "rival")
		require.NotContains(t, string(got.Body), "coach_", name)
	}
	// The words of what an employer keeps to itself stay there, too.
	s := newScene(t)
	s.run(`update organisations set sector = 'geheimzinnige ouderenzorg' where id = ?`, s.receiving)
	s.run(`update leervragen set question = ? where id = ?`, "Hoe verloopt het klaarzetten in de geheimzinnige ouderenzorg?", s.leervraag)
	require.Contains(t, string(s.Coordinator().Get(s.path()).Is(200).Body), `"found":"geheimzinnige"`)
	got := s.Employer(s.sending).Get(s.path()).Is(200)
	require.Equal(t, 1, got.Len("data"))
	require.NotContains(t, string(got.Body), `"found":"geheimzinnige"`)
}

func TestSynonymsAreTheTenantsOwnAndHaveVersions(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	c := s.Coordinator()
	const path = "/v1/matching-synonyms"
	s.run(`update leervragen set title = 'Snoezelen', question = 'Leren snoezelen', goals = '{}', topics = '{}' where id = ?`, s.leervraag)
	require.Zero(t, c.Get(s.path()).Is(200).Len("data"), "nobody knows the word")
	empty := c.Get(path).Is(200)
	require.JSONEq(t, `{"version":0,"synonyms":[],"changed_by":null,"changed_at":null}`, string(empty.Body))
	say := func(words ...any) body { return body{"synonyms": []any{body{"words": words}}} }

	first := c.Put(path, say("snoezelen", "medicatieschema's")).Is(200)
	require.Equal(t, []any{1.0, c.Principal.ClientID.String()}, []any{first.At("version"), first.At("changed_by")})
	found := c.Get(s.path() + "?include=all").Is(200)
	require.Equal(t, s.leerplek.String(), found.Str("data.0.leerplek_id"), "%s", found)
	require.Contains(t, string(found.Body), `{"kind":"concept","term":"snoezelen","found":"medicatieschema","via":"snoezelen",`)
	require.Zero(t, newScene(t).Coordinator().Get(path).Is(200).Num("version"), "another tenant has its own")

	c.Put(path, say("a", "b")).Problem(428, "if-match-required")
	c.Put(path, say("a", "b"), "If-Match", `"0"`).Problem(412, "revision-mismatch")
	require.Equal(t, 1.0, c.Put(path, say("snoezelen", "medicatieschema's"), "If-Match", `"1"`).Is(200).Num("version"), "the same is no version")
	require.Equal(t, 2.0, c.Put(path, body{"synonyms": []any{}}, "If-Match", `"1"`).Is(200).Num("version"))
	require.NotContains(t, string(c.Get(s.path()+"?include=all").Is(200).Body), `"via":"snoezelen"`)
	require.Equal(t, 2, s.Count(`select count(*) from audit where tenant_id = $1 and action = 'matching_synonyms.set'`, s.Tenant.UUID()))

	c.Put(path, say("alleen"), "If-Match", `"2"`).Problem(422, "invalid", "/synonyms/0/words")
	c.Put(path, say("Kuisen", "kuisen"), "If-Match", `"2"`).Problem(422, "invalid", "/synonyms/0/words/1")
	c.Put(path, say("kuisen", " "), "If-Match", `"2"`).Problem(422, "invalid", "/synonyms/0/words/1")
	many := []any{}
	for i := range 260 {
		words := []any{}
		for k := range 20 {
			words = append(words, fmt.Sprintf("woord%dvan%d", k, i))
		}
		many = append(many, body{"words": words})
	}
	c.Put(path, body{"synonyms": many}, "If-Match", `"2"`).Problem(422, "invalid", "/synonyms")
	s.Employer(s.sending).Get(path).Problem(403, "forbidden")
	s.Client(auth.Viewer, nil, nil).Put(path, say("a", "b")).Problem(403, "forbidden")
}

func TestSuggest_LearnsFromWhatPeopleDecide(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	decide := func(title, place, description string, status string) (id.LeervraagID, id.LeerplekID) {
		l := s.Leervraag(s.sending, s.switcher, title, title)
		p := s.Leerplek(s.receiving, place, description, s.coach)
		s.Insert("matches", body{"leervraag_id": l.UUID(), "leerplek_id": p.UUID(), "sending_organisation_id": s.sending.UUID(),
			"receiving_organisation_id": s.receiving.UUID(), "switcher_id": s.switcher.UUID(), "leercoach_ids": []uuid.UUID{s.coach.UUID()},
			"internal": false, "required_parties": []string{"sending", "receiving"}, "status": status})
		return l, p
	}
	for _, w := range []string{"metselen", "lassen", "bakken", "snoeien", "rekenen", "schilderen", "borduren", "programmeren", "koken"} {
		decide("Beter "+w, "Werkplaats "+w, "Samen "+w, "accepted")
	}
	var last id.LeervraagID
	var there id.LeerplekID
	for range 3 {
		last, there = decide("Pliepkroegen", "Kweekvijver met steuren", "Steuren voederen", "accepted")
	}
	s.Leerplek(s.receiving, "Kweekvijver met steuren", "Steuren voederen", s.coach)
	s.leervraag = s.Leervraag(s.sending, s.switcher, "Pliepkroegen", "Pliepkroegen")
	m := matching.New(s.App.DB, matching.Options{Relearn: time.Nanosecond})
	taught := func() bool {
		var out matching.Suggestions
		require.NoError(t, s.App.DB.Snapshot(context.Background(), s.Who(), func(tx *db.Tx) (err error) {
			out, err = m.Suggest(context.Background(), tx, s.leervraag, 100, true, nil)
			return err
		}))
		return slices.ContainsFunc(out.Data, func(x matching.Suggestion) bool {
			return slices.ContainsFunc(x.Parts, func(p matching.Part) bool {
				return slices.ContainsFunc(p.Detail.Grounds, func(g matching.Ground) bool { return g.Kind == "learned" && g.Term == "pliepkroegen" })
			})
		})
	}
	require.True(t, taught(), "three accepted matches agree")
	s.Coordinator().Post("/v1/leervragen/"+last.String()+"/suggestions/"+there.String()+"/dismiss", body{}).Is(200)
	require.Eventually(t, func() bool { return !taught() }, time.Minute, 5*time.Millisecond, "a dismissal takes it away")
}

func TestWeightsAreTheTenantsOwnAndHaveVersions(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	c := s.Coordinator()
	const path = "/v1/matching-weights"
	defaults := c.Get(path).Is(200)
	require.Equal(t, `"0"`, defaults.Header.Get("ETag"))
	require.JSONEq(t, `{"version":0,"content":5500,"preference":1500,"distance":1500,"availability":500,"size":300,"workforce":300,"cross_sector":400,"changed_by":null,"changed_at":null}`, string(defaults.Body))
	weights := func(content, distance int) body {
		return body{"content": content, "preference": 0, "distance": distance, "availability": 0, "size": 0, "workforce": 0, "cross_sector": 0}
	}
	first := c.Put(path, weights(9000, 1000)).Is(200)
	require.InDelta(t, 1, first.Num("version"), 0)
	require.Equal(t, `"1"`, first.Header.Get("ETag"))
	require.Equal(t, c.Principal.ClientID.String(), first.Str("changed_by"))
	c.Put(path, weights(8000, 2000)).Problem(428, "if-match-required")
	c.Put(path, weights(8000, 2000), "If-Match", `"0"`).Problem(412, "revision-mismatch")
	require.InDelta(t, 1, c.Put(path, weights(9000, 1000), "If-Match", `"1"`).Is(200).Num("version"), 0, "the same is no version")
	require.InDelta(t, 2, c.Put(path, weights(0, 10_000), "If-Match", `"1"`).Is(200).Num("version"), 0)

	got := c.Get(s.path()).Is(200)
	require.InDelta(t, 2, got.Num("weights_version"), 0)
	require.Zero(t, got.Num("data.0.parts.0.of"))
	require.InDelta(t, 10_000, got.Num("data.0.parts.1.of"), 0)
	require.Equal(t, got.Num("data.0.score"), got.Num("data.0.parts.1.points"))

	versions := c.Get(path + "/versions").Is(200)
	require.Equal(t, 2, versions.Len("data"))
	require.InDelta(t, 9000, versions.Num("data.0.content"), 0, "an old version stays readable")
	require.Equal(t, 2, s.Count(`select count(*) from audit where tenant_id = $1 and action = 'matching_weights.set'`, s.Tenant.UUID()))

	all := []string{"/content", "/preference", "/distance", "/availability", "/size", "/workforce", "/cross_sector"}
	c.Put(path, weights(9000, 1001), "If-Match", `"2"`).Problem(422, "invalid", all...)
	c.Put(path, weights(9000, 999), "If-Match", `"2"`).Problem(422, "invalid", all...)
	c.Put(path, weights(10_001, -1), "If-Match", `"2"`).Problem(422, "invalid", "/content", "/distance")
	c.Put(path, body{"content": 10_000}, "If-Match", `"2"`).Problem(422, "invalid", all[1:]...)
	c.Put(path, `{"content":1e30,"preference":0.5,"distance":"x","availability":null,"size":0,"workforce":0,"cross_sector":0}`, "If-Match", `"2"`).
		Problem(422, "invalid", "/content", "/preference", "/distance", "/availability")
	s.Employer(s.sending).Get(path).Problem(403, "forbidden")
	s.Client(auth.Viewer, nil, nil).Put(path, weights(9000, 1000)).Problem(403, "forbidden")
	require.Equal(t, `"0"`, newScene(t).Coordinator().Get(path).Is(200).Header.Get("ETag"), "another tenant has its own")
}

func TestRivalsAreNamedByTheTenantOrByOneOfThem(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	c, host := s.Coordinator(), s.Employer(s.receiving)
	pair := func(a, b id.OrganisationID) body {
		return body{"organisation_id": a.String(), "rival_organisation_id": b.String()}
	}
	s.Leerplek(s.sending, "Apotheek", "Meelopen", s.switcher)
	mine := host.Post("/v1/rivals", pair(s.receiving, s.sending)).Is(201)
	require.Equal(t, "organisation", mine.Str("named_by"))
	require.Empty(t, suggested(c.Get(s.path())))
	require.Zero(t, s.Employer(s.sending).Get("/v1/rivals").Is(200).Len("data"), "the other does not know")
	require.Equal(t, 1, host.Get("/v1/rivals").Is(200).Len("data"))
	require.Equal(t, 1, c.Get("/v1/rivals?organisation_id="+s.sending.String()).Is(200).Len("data"))
	host.Post("/v1/rivals", pair(s.receiving, s.sending)).Problem(409, "already-exists")
	ours := c.Post("/v1/rivals", pair(s.sending, s.receiving)).Is(201)
	require.Equal(t, "tenant", ours.Str("named_by"))
	c.Post("/v1/rivals", pair(s.receiving, s.sending)).Problem(409, "already-exists")
	require.Equal(t, 1, host.Get("/v1/rivals").Is(200).Len("data"), "what the ST-partner named is its own")

	host.Delete("/v1/rivals/"+ours.Str("id")).Problem(404, "not-found")
	host.Delete("/v1/rivals/" + mine.Str("id")).Is(204)
	require.Empty(t, suggested(c.Get(s.path())))
	c.Delete("/v1/rivals/" + ours.Str("id")).Is(204)
	c.Delete("/v1/rivals/"+ours.Str("id")).Problem(404, "not-found")
	require.Equal(t, []string{s.leerplek.String()}, suggested(c.Get(s.path())))

	third := s.Organisation("Zonder leerplek")
	host.Post("/v1/rivals", pair(s.sending, third)).Problem(422, "invalid", "/organisation_id")
	host.Post("/v1/rivals", pair(s.receiving, third)).Problem(422, "invalid", "/rival_organisation_id")
	c.Post("/v1/rivals", pair(s.receiving, s.receiving)).Problem(422, "invalid", "/rival_organisation_id")
	c.Post("/v1/rivals", pair(s.receiving, id.NewOrganisation())).Problem(422, "invalid", "/rival_organisation_id")
	c.Post("/v1/rivals", pair(id.NewOrganisation(), s.receiving)).Problem(422, "invalid", "/organisation_id")
	c.Post("/v1/rivals", body{}).Problem(422, "invalid", "/organisation_id", "/rival_organisation_id")
	require.Equal(t, 4, s.Count(`select count(*) from audit where tenant_id = $1 and action like 'rival.%'`, s.Tenant.UUID()))
}

func TestADismissedSuggestionStaysAwayUntilItIsRestored(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	c := s.Coordinator()
	score := c.Get(s.path()).Is(200).Num("data.0.score")
	path := s.path() + "/" + s.leerplek.String() + "/dismiss"
	made := c.Post(path, body{"reason": "Daar was Sam al."}).Is(200)
	require.Equal(t, "Daar was Sam al.", made.Str("reason"))
	require.Equal(t, string(made.Body), string(c.Post(path, body{}).Is(200).Body), "the first reason stands")
	got := c.Get(s.path() + "?include=all&why_not=" + s.leerplek.String()).Is(200)
	require.Zero(t, got.Len("data"))
	require.Equal(t, []any{body{"reason": "dismissed", "count": 1.0}}, got.At("ruled_out"))
	require.Equal(t, "dismissed", got.Str("why_not.reason"))
	require.Equal(t, 1, s.Count(`select count(*) from audit where subject_id = $1 and action = 'suggestion.dismiss' and details->>'leerplek_id' = $2
		and (details->>'score')::int = $3 and details->>'weights_version' = '0' and details->>'engine' = 'index' and (details->'points'->>'content')::int > 0
		and details::text not like '%Sam%'`, s.leervraag.UUID(), s.leerplek.String(), int(score)), "what was known is kept, and no free text")
	other := s.Leervraag(s.sending, s.Medewerker(s.sending, "Ali"), "Medicatie", "Hoe verloopt het klaarzetten?")
	require.Equal(t, []string{s.leerplek.String()}, suggested(c.Get("/v1/leervragen/"+other.String()+"/suggestions")), "for other leervragen it stays")
	c.Delete(path).Is(204)
	c.Delete(path).Is(204)
	require.Equal(t, []string{s.leerplek.String()}, suggested(c.Get(s.path())))

	s.Client(auth.Switcher, &s.sending, &s.switcher).Post(path, body{"reason": nil}).Is(200)
	require.Empty(t, suggested(s.Employer(s.sending).Get(s.path())), "whoever writes the leervraag may decide")
	s.Employer(s.sending).Delete(path).Is(204)
	s.Employer(s.receiving).Post(path, body{}).Problem(404, "not-found")
	s.Client(auth.Viewer, nil, nil).Post(path, body{}).Problem(403, "forbidden")
	c.Post(s.path()+"/"+id.NewLeerplek().String()+"/dismiss", body{}).Problem(404, "not-found")
	c.Post(path, body{"reason": strings.Repeat("x", 2001)}).Problem(422, "invalid", "/reason")
}

func TestAMatchKeepsTheScoreThatItWasMadeOn(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	c := s.Coordinator()
	score := c.Get(s.path()).Is(200).Num("data.0.score")
	made := c.Post("/v1/matches", body{"leervraag_id": s.leervraag.String(), "leerplek_id": s.leerplek.String(), "leercoach_ids": []string{s.coach.String()}}).Is(201)
	var mid id.MatchID
	err := mid.UnmarshalText([]byte(made.Str("id")))
	require.NoError(t, err)
	require.Equal(t, 1, s.Count(`select count(*) from audit where subject_id = $1 and action = 'match.create' and (details->'appraisal'->>'score')::int = $2
		and details->'appraisal'->>'weights_version' = '0' and details->'appraisal'->'points' ? 'distance'`, mid.UUID(), int(score)))
}

// Between a suggestion and a decision the world may change: the audit keeps what would be suggested when it was taken.
func TestWhatIsDecidedKeepsTheScoreOfThatMoment(t *testing.T) {
	t.Parallel()
	for action, decide := range map[string]func(s scene, l id.LeerplekID){
		"match.create": func(s scene, l id.LeerplekID) {
			s.Coordinator().Post("/v1/matches", body{"leervraag_id": s.leervraag.String(), "leerplek_id": l.String(), "leercoach_ids": []string{s.coach.String()}}).Is(201)
		},
		"suggestion.dismiss": func(s scene, l id.LeerplekID) {
			s.Coordinator().Post(s.path()+"/"+l.String()+"/dismiss", body{}).Is(200)
		},
	} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			c := s.Coordinator()
			fresh := s.Leerplek(s.receiving, "Medicatie klaarzetten", "Hoe het klaarzetten verloopt", s.coach)
			s.run(`update leerplekken set status = 'draft' where id = ?`, fresh)
			require.Equal(t, []string{s.leerplek.String()}, suggested(c.Get(s.path())), "the index does not have it")
			s.run(`update leerplekken set status = 'published' where id = ?`, fresh)
			decide(s, fresh)

			// The same question, with nothing decided, shows what was known.
			s.leervraag = s.Leervraag(s.sending, s.switcher, "Medicatie", "Hoe verloopt het klaarzetten?")
			s.run(`update leervragen set available = ?::jsonb where id = ?`, january, s.leervraag)
			got := c.Get(s.path()).Is(200)
			require.Equal(t, fresh.String(), got.Str("data.0.leerplek_id"))
			require.Positive(t, got.Num("data.0.parts.0.points"))
			require.Equal(t, 1, s.Count(`select count(*) from audit a cross join lateral (select coalesce(a.details->'appraisal', a.details) as d) x where tenant_id = $1 and action = $2
				and d->>'engine' = 'index' and (d->>'score')::int = $3 and (d->'points'->>'content')::int = $4`,
				s.Tenant.UUID(), action, int(got.Num("data.0.score")), int(got.Num("data.0.parts.0.points"))))
		})
	}
}

// What a transaction did before it decides is weighed, but no index has it before it is committed.
func TestAnIndexDoesNotFollowWhatIsNotCommitted(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	m := matching.New(s.App.DB, matching.Options{})
	before := s.suggest(m, 10)
	undone := errors.New("undone")
	err := s.App.DB.InTenant(context.Background(), s.Who(), func(tx *db.Tx) error {
		_, err := tx.Run(`update leerplekken set title = 'Houtbewerking', description = 'Frezen en schuren', function = null where id = ?`, s.leerplek)
		require.NoError(t, err)
		known, err := m.Appraise(tx, s.leervraag, s.leerplek)
		require.NoError(t, err)
		require.Equal(t, "index", known.Engine)
		require.Less(t, known.Points["content"], before.Data[0].Parts[0].Points/5)
		return undone
	})
	require.ErrorIs(t, err, undone)
	require.Equal(t, before, s.suggest(m, 10))
}

// Who asks holds a connection: one tenant whose index is being made or brought up to date takes no more of them than it must.
func TestNobodyWaitsLongForAnothersTurn(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	hasty := matching.New(s.App.DB, matching.Options{Patience: time.Nanosecond, Fresh: time.Hour})
	release := hasty.Hold(s.Tenant)
	first := s.suggest(hasty, 10)
	require.Equal(t, "sql", first.Engine, "nobody made an index yet")
	require.Len(t, first.Data, 1)
	release()
	before := s.suggest(hasty, 10)
	require.Equal(t, "index", before.Engine)
	release = hasty.Hold(s.Tenant)
	s.Leerplek(s.receiving, "Medicatie klaarzetten", "Klaarzetten en bedelen", s.coach)
	require.Equal(t, before, s.suggest(hasty, 10), "while another follows the change there is the index as it was")
	s.Do(func(tx *db.Tx) error {
		known, err := hasty.Appraise(tx, s.leervraag, s.leerplek)
		require.NoError(t, err)
		require.Equal(t, before.Data[0].Score, *known.Score)
		return nil
	})
	release()
	require.Len(t, s.suggest(hasty, 10).Data, 2)

	patient := matching.New(s.App.DB, matching.Options{Patience: time.Hour})
	defer patient.Hold(s.Tenant)()
	require.ErrorIs(t, s.App.DB.Snapshot(context.Background(), s.Who(), func(tx *db.Tx) error {
		left, leave := context.WithCancel(context.Background())
		leave()
		_, err := patient.Suggest(left, tx, s.leervraag, 10, false, nil)
		return err
	}), context.Canceled, "who hung up does not wait")
}

// Who waits in vain for another who follows the changes is told by PostgreSQL, once the index has followed none for a second.
func TestAStaleIndexAnswersNobody(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	m := matching.New(s.App.DB, matching.Options{Patience: time.Nanosecond, Fresh: time.Nanosecond})
	require.Equal(t, "index", s.suggest(m, 10).Engine)
	release := m.Hold(s.Tenant)
	s.Leerplek(s.receiving, "Medicatie klaarzetten", "Klaarzetten en bedelen", s.coach)
	late := s.suggest(m, 10)
	require.Equal(t, "sql", late.Engine)
	require.Len(t, late.Data, 2, "with what was committed meanwhile")
	release()
	now := s.suggest(m, 10)
	require.Equal(t, "index", now.Engine)
	require.Len(t, now.Data, 2)
}

// Of a large index few changes are followed while the caller waits, many beside; and until they are, PostgreSQL answers.
func TestManyChangesAreFollowedBeside(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.many(600, "Houtbewerking #", "Frezen en schuren")
	m := matching.New(s.App.DB, matching.Options{Fresh: time.Nanosecond})
	eventually := func() (got matching.Suggestions) {
		require.Eventually(t, func() bool { got = s.suggest(m, 10); return got.Engine == "index" }, 3*time.Minute, 10*time.Millisecond)
		return got
	}
	require.Len(t, eventually().Data, 1)
	s.run(`update leerplekken set title = 'Medicatie klaarzetten ' || title, description = 'Medicatie klaarzetten' where description = 'Frezen en schuren'`)
	got := s.suggest(m, 10)
	require.Equal(t, "sql", got.Engine, "more changed than a caller waits for")
	require.Len(t, got.Data, 10)
	require.Len(t, eventually().Data, 10)
	s.run(`update leerplekken set title = 'Houtbewerking', description = 'Frezen' where id = ?`, s.leerplek)
	got = s.suggest(m, 10)
	require.Equal(t, "index", got.Engine, "one is followed at once")
	require.False(t, slices.ContainsFunc(got.Data, func(x matching.Suggestion) bool { return x.LeerplekID == s.leerplek }))
}

// What changes after an index was made is in the next answer, whatever it is that changes.
func TestAnIndexFollowsEveryChange(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ before, after func(s scene) }{
		"a leerplek that is published": {func(s scene) { s.run(`update leerplekken set status = 'draft' where id = ?`, s.leerplek) },
			func(s scene) { s.run(`update leerplekken set status = 'published' where id = ?`, s.leerplek) }},
		"a leerplek that comes back": {func(s scene) {
			s.Coordinator().Get(s.path()).Is(200)
			s.run(`update leerplekken set status = 'withdrawn' where id = ?`, s.leerplek)
		}, func(s scene) { s.run(`update leerplekken set status = 'published' where id = ?`, s.leerplek) }},
		"other words": {func(s scene) {
			s.run(`update leerplekken set title = 'Houtbewerking', description = 'Frezen en schuren', function = null where id = ?`, s.leerplek)
		}, func(s scene) {
			s.run(`update leerplekken set title = 'Medicatie klaarzetten' where id = ?`, s.leerplek)
		}},
		"a leercoach who stays": {func(s scene) { s.run(`update medewerkers set ended_on = '2020-01-01' where id = ?`, s.coach) },
			func(s scene) { s.run(`update medewerkers set ended_on = null where id = ?`, s.coach) }},
		"an exchange that ends": {func(s scene) { s.exchange(s.match("cancelled"), "planned") },
			func(s scene) {
				s.run(`update leeruitwisselingen set status = 'completed' where leerplek_id = ?`, s.leerplek)
			}},
		"a coach's other exchange that ends": {func(s scene) {
			s.run(`update medewerkers set coaching_limit = 1 where id = ?`, s.coach)
			elsewhere := s
			elsewhere.leerplek = s.Leerplek(s.receiving, "Houtbewerking", "Frezen", s.coach)
			elsewhere.exchange(elsewhere.match("cancelled"), "planned")
		}, func(s scene) {
			s.run(`update leeruitwisselingen set status = 'completed' where receiving_organisation_id = ?`, s.receiving)
		}},
		"a site that moves": {func(s scene) { s.run(`update sites set latitude = 50.85, longitude = 5.69 where id = ?`, s.site) },
			func(s scene) { s.run(`update sites set latitude = 51.05, longitude = 3.90 where id = ?`, s.site) }},
		"a department that opens": {func(s scene) {
			s.run(`update leerplekken set department_id = ? where id = ?`, s.department(false), s.leerplek)
		}, func(s scene) {
			s.run(`update departments set open_to_switchers = true where organisation_id = ?`, s.receiving)
		}},
		"an answer of a leercoach": {func(s scene) {
			s.run(`update leerplek_coaches set voluntary = false where leerplek_id = ?`, s.leerplek)
		}, func(s scene) {
			s.Coordinator().Put("/v1/leerplekken/"+s.leerplek.String()+"/coaches/"+s.coach.String(), body{"voluntary": true}).Is(200)
		}},
		"an employer's sector": {func(s scene) {
			s.run(`update leerplekken set title = 'Achter de schermen', description = 'Meelopen', function = null where id = ?`, s.leerplek)
		}, func(s scene) { s.run(`update organisations set sector = 'medicatie' where id = ?`, s.receiving) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			caller := s.Coordinator()
			c.before(s)
			require.Empty(t, suggested(caller.Get(s.path())))
			c.after(s)
			require.Equal(t, []string{s.leerplek.String()}, suggested(caller.Get(s.path())))
		})
	}
}

// A transaction that began before an index was made and commits after is not passed over, however many come between.
func TestAnIndexMissesNoLateCommit(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	caller := s.Coordinator()
	s.run(`update leerplekken set status = 'draft' where id = ?`, s.leerplek)
	written, commit, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- s.App.DB.InTenant(context.Background(), s.Who(), func(tx *db.Tx) error {
			_, err := tx.Run(`update leerplekken set status = 'published' where id = ?`, s.leerplek)
			close(written)
			<-commit
			return err
		})
	}()
	<-written
	for range 3 {
		require.Empty(t, suggested(caller.Get(s.path())))
		s.Leerplek(s.receiving, "Houtbewerking", "Frezen en schuren", s.coach)
	}
	close(commit)
	require.NoError(t, <-done)
	require.Equal(t, []string{s.leerplek.String()}, suggested(caller.Get(s.path())))
	require.NotZero(t, s.Count(`with gone as (delete from leerplek_coaches where leerplek_id = $1) select count(*) from leerplek_coaches where leerplek_id = $1`, s.leerplek.UUID()))
	_, err := s.Super.Exec(context.Background(), `delete from leerplekken where id = $1`, s.leerplek.UUID())
	require.NoError(t, err)
	require.Empty(t, suggested(caller.Get(s.path())), "what is not there any more is not answered, even if nobody said so")
}

func TestQuestionsOfAnyLengthGetAClearAnswer(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	caller := s.Coordinator()
	for _, q := range []struct {
		title, question string
		found           int
	}{
		{"medicatie", "medicatie", 1}, {"🙂", "🙂", 0}, {"?", "!", 0}, {"Medicatie", strings.Repeat("medicatie klaarzetten bedelen schema ", 500), 1},
		{"x", strings.Repeat("a ", 9999), 0}, {"Zzyzx", "qqq", 0},
	} {
		s.run(`update leervragen set title = ?, question = ?, goals = '{}' where id = ?`, q.title, q.question, s.leervraag)
		got := caller.Get(s.path()).Is(200)
		require.Equal(t, q.found, got.Len("data"), "%.20s: %s", q.title, got)
		if q.found == 0 {
			require.Equal(t, []any{body{"reason": "off_topic", "count": 1.0}}, got.At("ruled_out"))
		}
		require.Equal(t, 1, caller.Get(s.path()+"?include=all").Is(200).Len("data"))
	}
}

// many makes published leerplekken in one statement, of one employer and with one leercoach.
func (s scene) many(n int, title, description string) {
	s.T.Helper()
	_, err := s.Super.Exec(context.Background(), `with made as (
			insert into leerplekken (tenant_id, id, organisation_id, title, description, topics, capacity, requirements, sourcing, status, created_at, updated_at, changed_by, request_id)
			select $1, gen_random_uuid(), $2, replace($3, '#', n::text), $4, '{}', 1, '{}', 'supply', 'published', now(), now(), 'test', 'test' from generate_series(1, $5) n returning id)
		insert into leerplek_coaches (tenant_id, leerplek_id, organisation_id, medewerker_id, place) select $1, id, $2, $6, 1 from made`,
		s.Tenant.UUID(), s.receiving.UUID(), title, description, n, s.coach.UUID())
	require.NoError(s.T, err)
}

func TestTenThousandPlacesThatSayTheSame(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.many(10_000, "Onthaal aan de balie", "Bezoekers ontvangen en doorverwijzen")
	caller := s.Coordinator()
	for _, engine := range []string{"sql", "index"} { // so many are indexed in the background
		require.Eventually(t, func() bool { return caller.Get(s.path()).Is(200).Str("engine") == engine }, 3*time.Minute, 10*time.Millisecond)
		require.Equal(t, []string{s.leerplek.String()}, suggested(caller.Get(s.path())), engine)
	}
	got := caller.Get(s.path() + "?include=all&limit=100").Is(200)
	require.Equal(t, 100, got.Len("data"))
	require.IsIncreasing(t, suggested(got)[1:], "equal places stand in the order of their ids")
	require.Equal(t, []any{body{"reason": "off_topic", "count": 10_000.0}}, caller.Get(s.path()).Is(200).At("ruled_out"))
}

// suggest asks a Service of its own, past the door.
func (s scene) suggest(m *matching.Service, limit int) (out matching.Suggestions) {
	s.T.Helper()
	require.NoError(s.T, s.App.DB.Snapshot(context.Background(), s.Who(), func(tx *db.Tx) (err error) {
		out, err = m.Suggest(context.Background(), tx, s.leervraag, limit, false, nil)
		return err
	}))
	return out
}

func TestWithoutAnIndexTheDatabaseAnswers(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.many(300, "Onthaal aan de balie #", "Bezoekers ontvangen")
	never := matching.New(s.App.DB, matching.Options{MaxBytes: 1200})
	for range 2 {
		got := s.suggest(never, 10)
		require.Equal(t, "sql", got.Engine)
		require.Len(t, got.Data, 1)
		require.Equal(t, s.leerplek, got.Data[0].LeerplekID)
		require.Len(t, got.Data[0].Parts, 6)
		require.Equal(t, []matching.RuledOut{{Reason: "off_topic", Count: 300}}, got.RuledOut)
	}
	require.Zero(t, never.Bytes())
	aside := matching.New(s.App.DB, matching.Options{AtOnce: 10})
	require.Equal(t, "sql", s.suggest(aside, 10).Engine, "nobody waits for a large index")
	require.Eventually(t, func() bool { return s.suggest(aside, 10).Engine == "index" }, 30*time.Second, 5*time.Millisecond)
	require.Equal(t, s.suggest(matching.New(s.App.DB, matching.Options{}), 10), s.suggest(aside, 10), "made aside or at once, it is the same")
	s.run(`update leervragen set title = ?, question = ? where id = ?`, `Foto's !& | ( ' \ :* %`, `Wat doet O'Neill met c:\temp?`, s.leervraag)
	require.Equal(t, "sql", s.suggest(never, 10).Engine)
	for _, words := range []string{"C++17 leren programmeren", "C++programmeur", "a**b(((", "F#interactief [x"} { // no pattern, though it looks like one
		s.run(`update leervragen set title = ?, question = ? where id = ?`, words, words, s.leervraag)
		require.Equal(t, "sql", s.suggest(never, 10).Engine, words)
	}
}

// last gives the leerplek with the highest id other words, and a function that some employer may keep closed.
func (s scene) last(title, description string) (l id.LeerplekID) {
	s.T.Helper()
	require.NoError(s.T, s.Super.QueryRow(context.Background(), `update leerplekken set title = $2, description = $3, function = null
		where tenant_id = $1 and id = (select id from leerplekken where tenant_id = $1 order by id desc limit 1) returning id::text`,
		s.Tenant.UUID(), title, description).Scan(&l))
	return l
}

func TestWithoutAnIndexNoPlaceHidesBehindThoseThatCannotBe(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.many(1500, "Medicatie klaarzetten #", "Medicatie klaarzetten, zoals het klaarzetten verloopt")
	near := s.last("Woonzorgcentrum", "Er wordt gezorgd voor mensen: zij eten er, wonen er, en er is ook het klaarzetten van medicatie, naast veel anders dat er gebeurt")
	s.run(`update leerplekken set capacity = 1, site_id = ? where id <> ?`, s.Site(s.receiving, 50.85, 5.69, true), near) // too far
	never := matching.New(s.App.DB, matching.Options{MaxBytes: 1200})
	got := s.suggest(never, 10)
	require.Equal(t, "sql", got.Engine)
	require.Len(t, got.Data, 1)
	require.Equal(t, near, got.Data[0].LeerplekID)
	require.Equal(t, []matching.RuledOut{{Reason: "too_far", Count: 1500}}, got.RuledOut)
	s.run(`update leerplekken set status = 'draft' where id = ?`, near)
	require.Empty(t, s.suggest(never, 10).Data)
}

func TestWithoutAnIndexWordsMeanWhatTheyMeanWithOne(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.many(900, "Onthaal aan de balie #", "Bezoekers ontvangen")
	never := matching.New(s.App.DB, matching.Options{MaxBytes: 1200})
	for question, place := range map[string]string{
		"poetsen":          "Kuisen",        // the thesaurus
		"personeelsbeleid": "Beleid",        // a part of a compound
		"hout":             "Houtbewerking", // a compound of it
		"beleid":           "Broodbeleid",   // one that ends with it
		"houtbewerkung":    "Houtbewerking", // a mistake
		"snoezelen":        "Prikkelruimte", // the tenant's own
	} {
		s.run(`update leervragen set title = ?, question = ?, goals = '{}' where id = ?`, question, question, s.leervraag)
		l := s.last(place, place)
		s.read()
		if place == "Prikkelruimte" {
			s.Coordinator().Put("/v1/matching-synonyms", body{"synonyms": []any{body{"words": []any{"snoezelen", "prikkelruimte"}}}}).Is(200)
		}
		var got matching.Suggestions
		require.NoError(t, s.App.DB.Snapshot(context.Background(), s.Who(), func(tx *db.Tx) (err error) {
			got, err = never.Suggest(context.Background(), tx, s.leervraag, 5, question == "snoezelen", nil) // which alone is not enough
			return err
		}))
		require.Equal(t, "sql", got.Engine)
		require.True(t, slices.ContainsFunc(got.Data, func(x matching.Suggestion) bool { return x.LeerplekID == l }), question)
	}
}

func TestLargeIndexesAreThereBeforeAnybodyAsks(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	large, larger, small := sceneIn(t, h.Tenant(t)), sceneIn(t, h.Tenant(t)), sceneIn(t, h.Tenant(t))
	large.many(60, "Onthaal aan de balie #", "Bezoekers ontvangen")
	larger.many(80, "Onthaal aan de balie #", "Bezoekers ontvangen")
	cold := matching.New(h.App.DB, matching.Options{AtOnce: 50})
	require.Equal(t, "sql", large.suggest(cold, 10).Engine)

	warm := matching.New(h.App.DB, matching.Options{AtOnce: 50})
	warm.Warm(context.Background())
	both := warm.Bytes()
	require.Equal(t, "index", large.suggest(warm, 10).Engine)
	require.Equal(t, "index", larger.suggest(warm, 10).Engine)
	require.Equal(t, both, warm.Bytes())
	small.suggest(warm, 10)
	require.Greater(t, warm.Bytes(), both, "a small one is made when somebody asks")

	tight := matching.New(h.App.DB, matching.Options{AtOnce: 50, MaxBytes: 100 * 1200})
	tight.Warm(context.Background())
	require.Positive(t, tight.Bytes())
	require.Equal(t, "sql", large.suggest(tight, 10).Engine, "there was room for the larger one alone")

	ended := matching.New(h.App.DB, matching.Options{AtOnce: 50})
	ctx, end := context.WithCancel(context.Background())
	end()
	ended.Warm(ctx)
	require.Zero(t, ended.Bytes())
}

func TestLargeIndexesAreNotMadeAnyMoreWhenTheProcessEnds(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	large, larger := sceneIn(t, h.Tenant(t)), sceneIn(t, h.Tenant(t))
	large.many(60, "Onthaal aan de balie #", "Bezoekers ontvangen")
	larger.many(80, "Onthaal aan de balie #", "Bezoekers ontvangen")
	warm := matching.New(h.App.DB, matching.Options{AtOnce: 50})
	defer warm.Hold(large.Tenant)()
	ctx, end := context.WithCancel(context.Background())
	defer end()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		warm.Warm(ctx)
	}()
	require.Eventually(t, func() bool { return warm.Bytes() > 0 }, 30*time.Second, 5*time.Millisecond, "that of the larger one")
	select {
	case <-ended:
		require.Fail(t, "somebody else has the turn of the other")
	default:
	}
	end()
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		require.Fail(t, "it waits for a turn though its process ends")
	}
}

// What cannot be among the best is passed over; who asks after one place is told its rank, for which every place counts.
func TestWhatIsPassedOverIsNotAmongTheBest(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for i, title := range []string{"Onthaal #", "Medicatie klaarzetten #", "Medicatie #", "Klaarzetten van bestellingen #", "Schema's voor medicatie #"} {
		s.many(40, title, strings.Repeat("medicatie klaarzetten ", i)+"voor bewoners")
	}
	spots := []id.SiteID{s.Site(s.receiving, 51.05, 3.73, true), s.Site(s.receiving, 51.00, 3.60, true), s.Site(s.receiving, 50.95, 3.90, true)}
	for i, at := range spots {
		s.run(`update leerplekken set site_id = ?, available = case when ? then '[]' else ?::jsonb end where get_byte(uuid_send(id), 5) % 4 = ?`, at, i == 0, january, i)
	}
	m := matching.New(s.App.DB, matching.Options{})
	for _, everything := range []bool{false, true} {
		for _, limit := range []int{1, 3, 20} {
			ask := func(why *id.LeerplekID) (out matching.Suggestions) {
				require.NoError(t, s.App.DB.Snapshot(context.Background(), s.Who(), func(tx *db.Tx) (err error) {
					out, err = m.Suggest(context.Background(), tx, s.leervraag, limit, everything, why)
					return err
				}))
				return out
			}
			short, whole := ask(nil), ask(&s.leerplek)
			require.Len(t, short.Data, limit)
			require.Equal(t, whole.Data, short.Data)
			require.Equal(t, whole.RuledOut, short.RuledOut)
			for _, x := range short.Data {
				why := ask(&x.LeerplekID).WhyNot
				require.Equal(t, x.Score, *why.Score)
			}
			last := ask(&short.Data[limit-1].LeerplekID).WhyNot
			require.Equal(t, limit, *last.Rank)
		}
	}
}

func TestIndexesLeaveWhenMemoryOrUseEnds(t *testing.T) {
	t.Parallel()
	a, b := newScene(t), newScene(t)
	b.House = a.House
	one := matching.New(a.App.DB, matching.Options{})
	a.suggest(one, 10)
	alone := one.Bytes()
	require.Positive(t, alone)
	tight := matching.New(a.App.DB, matching.Options{MaxBytes: alone * 3 / 2})
	a.suggest(tight, 10)
	b.suggest(tight, 10)
	require.LessOrEqual(t, tight.Bytes(), alone*3/2, "the least recently used left")
	require.Positive(t, tight.Bytes())
	require.Len(t, a.suggest(tight, 10).Data, 1, "and comes back when it is asked")
	idle := matching.New(a.App.DB, matching.Options{Idle: time.Millisecond})
	require.Len(t, a.suggest(idle, 10).Data, 1)
	require.Eventually(t, func() bool { return idle.Bytes() == 0 }, 10*time.Second, time.Millisecond)
}

// exec runs a statement as the owner of the tables; $1 is the tenant.
func (s scene) exec(sql string, args ...any) {
	s.T.Helper()
	_, err := s.Super.Exec(context.Background(), sql, append([]any{s.Tenant.UUID()}, args...)...)
	require.NoError(s.T, err)
}

// Whoever changes what places say again and again fills no memory: what nobody says any more leaves in time, and is weighed until then.
func TestAnIndexHoldsLittleMoreThanItsPlacesSay(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.many(2, "Medicatie klaarzetten #", "Medicatie klaarzetten")
	m := matching.New(s.App.DB, matching.Options{})
	most, total := 0, 0
	for n := range 450 {
		s.exec(`update leerplekken l set available = jsonb_build_array(jsonb_build_object('from_on', date '2020-01-01' + 3 * $2::int + x.n, 'until_on', date '2099-01-20', 'weekdays', null)),
				requirements = array['VCA ' || $2::int]
			from (select id, row_number() over (order by id)::int as n from leerplekken where tenant_id = $1) x where l.tenant_id = $1 and x.id = l.id`, n)
		got := s.suggest(m, 10)
		require.Equal(t, "index", got.Engine)
		require.Len(t, got.Data, 3)
		for _, x := range got.Data {
			days := slices.IndexFunc(x.Parts, func(p matching.Part) bool { return p.Criterion == "availability" })
			require.Equal(t, 20, *x.Parts[days].Detail.Days)
		}
		bytes, attributes := m.Holds(s.Tenant)
		require.Equal(t, bytes, m.Bytes(), "what it takes now is what it weighs")
		most = max(most, attributes)
		total++
	}
	require.LessOrEqual(t, most, 2*3+1000+3)
	require.Greater(t, 3*total, most+300, "it was made anew")
}

// Places that come and go leave rows behind, also where nobody asks for suggestions and matches are made by hand: the index is made anew
// for who looks at it, and answers meanwhile.
func TestAnIndexThatIsOnlyLookedAtGrowsNeither(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	m := matching.New(s.App.DB, matching.Options{})
	s.suggest(m, 10)
	present := func() (is bool) {
		require.NoError(t, s.App.DB.InTenant(context.Background(), s.Who(), func(tx *db.Tx) (err error) {
			is, err = m.Present(tx)
			return err
		}))
		return is
	}
	most := 0
	for n := range 400 {
		s.many(3, fmt.Sprintf("Onthaal %d", n), "Bezoekers ontvangen")
		require.True(t, present(), "nobody has to ask for suggestions before")
		_, attributes := m.Holds(s.Tenant)
		most = max(most, attributes)
		s.exec(`update leerplekken set status = 'withdrawn' where tenant_id = $1 and status = 'published' and id <> $2`, s.leerplek.UUID())
	}
	require.Greater(t, most, 1000, "it was outgrown")
	require.Eventually(t, func() bool {
		there := present()
		_, attributes := m.Holds(s.Tenant)
		return there && attributes <= 2*4+1000+4
	}, 30*time.Second, 5*time.Millisecond, "and was made anew")
	require.Positive(t, m.Bytes())
	require.Equal(t, "index", s.suggest(m, 10).Engine)
}

// Where words are read otherwise, who decides is told by an index too, which is made anew: by the new synonyms, though nobody asks for suggestions.
func TestAnIndexThatIsOnlyLookedAtLearnsSynonyms(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	m := matching.New(s.App.DB, matching.Options{})
	s.run(`update leervragen set title = 'Snoezelen', question = 'Snoezelen', goals = '{}' where id = ?`, s.leervraag)
	s.run(`update leerplekken set title = 'Prikkelruimte', description = 'Prikkelruimte', function = null where id = ?`, s.leerplek)
	score := func() (points int) {
		s.Do(func(tx *db.Tx) error {
			known, err := m.Appraise(tx, s.leervraag, s.leerplek)
			require.NoError(t, err)
			require.Equal(t, "index", known.Engine)
			points = known.Points["content"]
			return nil
		})
		return points
	}
	s.suggest(m, 10)
	before := score()
	s.Coordinator().Put("/v1/matching-synonyms", body{"synonyms": []any{body{"words": []any{"snoezelen", "prikkelruimte"}}}}).Is(200)
	require.Eventually(t, func() bool { return score() > before }, 30*time.Second, 5*time.Millisecond)
}

// An index knows what was committed before its reader's transaction began, not before it was asked.
func TestAnIndexIsAsFreshAsTheSnapshotItFollowed(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	m := matching.New(s.App.DB, matching.Options{})
	for range 2 { // when it is made, and when it follows
		var seen time.Time
		require.NoError(t, s.App.DB.Snapshot(context.Background(), s.Who(), func(tx *db.Tx) error {
			var one int
			if err := tx.Select(&one, `select 1`); err != nil {
				return err
			}
			seen = time.Now() // what is committed from here on is not in the snapshot
			_, err := m.Suggest(context.Background(), tx, s.leervraag, 10, false, nil)
			return err
		}))
		require.False(t, m.Followed(s.Tenant).After(seen))
	}
}

// A tenant that has become too large for an index takes no room of others.
func TestATenantThatIsTooLargeForAnIndexWeighsNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	m := matching.New(s.App.DB, matching.Options{MaxBytes: 200 * 1200})
	require.Equal(t, "index", s.suggest(m, 10).Engine)
	require.Positive(t, m.Bytes())
	s.many(600, "Onthaal aan de balie #", "Bezoekers ontvangen")
	require.Equal(t, "sql", s.suggest(m, 10).Engine)
	require.Zero(t, m.Bytes())
}

func TestATenantNeverMeetsAnothersWords(t *testing.T) {
	t.Parallel()
	s, other := newScene(t), newScene(t)
	caller := s.Coordinator()
	before := string(caller.Get(s.path() + "?include=all").Is(200).Body)
	other.many(50, "Medicatie klaarzetten Kanarie #", "Zeldzaamheid kanarievogel")
	require.Len(t, suggested(other.Coordinator().Get(other.path()+"?include=all&limit=100")), 51)
	require.Equal(t, before, string(caller.Get(s.path()+"?include=all").Is(200).Body), "neither its words nor how rare they are")
	s.run(`update leervragen set title = 'Kanarie', question = 'Zeldzaamheid kanarievogel' where id = ?`, s.leervraag)
	got := caller.Get(s.path()).Is(200)
	require.Zero(t, got.Len("data"))
	require.NotContains(t, string(got.Body), "anarie")
}

func TestManyAskWhileMuchChanges(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.many(200, "Onthaal aan de balie #", "Bezoekers ontvangen")
	caller := s.Coordinator()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 40 {
			_, err := s.Super.Exec(context.Background(), `update leerplekken set title = $3 where tenant_id = $1 and id = any (select id from leerplekken where tenant_id = $1 and id <> $2 order by id limit 20)`,
				s.Tenant.UUID(), s.leerplek.UUID(), fmt.Sprintf("Onthaal %d", i))
			if err != nil {
				return
			}
		}
	}()
	t.Run("callers", func(t *testing.T) {
		for i := range 4 {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				for range 20 {
					require.Equal(t, []string{s.leerplek.String()}, suggested(caller.In(t).Get(s.path())))
				}
			})
		}
	})
	<-done
}
