package matching_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/api"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// hand makes a match by hand, and says where it is.
func (s scene) hand() string {
	s.T.Helper()
	return s.Coordinator().Post("/v1/matches", body{"leervraag_id": s.leervraag, "leerplek_id": s.leerplek, "leercoach_ids": []any{s.coach}}).Is(201).Header.Get("Location")
}

func TestTold_AMatchByHandSaysWhatSpokeForIt(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.run(`update organisations set headcount = 60, workforce = 'mixed' where id in (?, ?)`, s.sending, s.receiving)
	s.run(`update organisations set sector = 'zorg en welzijn' where id = ?`, s.receiving)
	s.run(`update leervragen set sector_wish = 'other' where id = ?`, s.leervraag)
	s.run(`update leerplekken set languages = '{nl}', requirements = '{VCA-attest}' where id = ?`, s.leerplek)
	s.run(`update medewerkers set meets_requirements = '{vca-attest}' where id = ?`, s.switcher)
	c, score := s.Coordinator(), s.Coordinator().Get(s.path()).Is(200)
	at := s.hand()
	got := c.Get(at + "/reasons").Is(200)
	require.Equal(t, "hand", got.Str("origin"))
	require.Equal(t, []any{"content", "within_reach", "public_transport", "days_in_common", "language", "requirements_met", "same_size", "same_workforce", "sector_wish"}, got.At("sending"))
	require.Equal(t, []any{"content", "days_in_common", "room"}, got.At("receiving"))
	whole := c.Get(at + "/appraisal").Is(200)
	require.Equal(t, []any{score.Num("data.0.score"), "index", "default", 0.0, nil, nil}, []any{whole.At("score"), whole.At("engine"), whole.At("weights_source"),
		whole.At("weights_version"), whole.At("run_id"), whole.At("ruled_out")})
	require.Equal(t, score.Len("data.0.parts"), whole.Len("parts"), "nobody was asked for a top three")
	for i := range whole.Len("parts") {
		want := score.At("data.0.parts").([]any)[i].(body)
		require.Equal(t, body{"criterion": want["criterion"], "points": want["points"], "of": want["of"]}, whole.At("parts").([]any)[i])
	}
}

// What people make all the same says the rule that spoke against it to the ST-partner, and to the others what spoke for it.
func TestTold_AMatchAgainstARuleSaysWhichToTheSTPartnerAlone(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.Insert("rivals", body{"organisation_id": s.receiving.UUID(), "rival_id": s.sending.UUID(), "named_by": s.receiving.UUID()})
	s.run(`update leervragen set title = 'Brood', question = 'Hoe bakken anderen hun brood', goals = '{}', topics = '{}' where id = ?`, s.leervraag)
	s.run(`update medewerkers set max_travel_km = 12 where id = ?`, s.switcher) // it is 12.6 km
	at := s.hand()
	whole := s.Coordinator().Get(at + "/appraisal").Is(200)
	require.Equal(t, []any{"rival", nil, 0}, []any{whole.At("ruled_out"), whole.At("score"), whole.Len("parts")})
	require.Equal(t, []any{"public_transport", "days_in_common"}, s.Employer(s.sending).Get(at+"/reasons").Is(200).At("sending"))
	require.Equal(t, []any{"days_in_common", "room"}, s.Employer(s.receiving).Get(at+"/reasons").Is(200).At("receiving"))
}

func TestTold_NobodyButTheSTPartnerLearnsOfATopThree(t *testing.T) {
	t.Parallel()
	told := func(likes bool) (bound [3]string, preference float64) {
		r := newRound(t)
		l, place := r.asks("Apotheek Zonneveld", "medicatie klaarzetten"), r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten")
		r.c.Post("/v1/cohorten/"+r.cohort+"/open", nil).Is(200)
		switcher := r.c.Get("/v1/leervragen/" + l.String()).Is(200).Str("switcher_id")
		if likes {
			r.c.Put("/v1/cohorten/"+r.cohort+"/participants/"+switcher+"/preferences", body{"organisation_ids": []any{r.org("Woonzorgcentrum De Linde")}}).Is(200)
		}
		run := r.match(nil)
		made := accept(r, run, body{"leervraag_ids": []any{l}, "as": "proposed"})
		at := "/v1/matches/" + *made.Data[0].MatchID
		whole := r.c.Get(at + "/appraisal").Is(200)
		require.Equal(t, []any{run[len("/v1/matching-runs/"):], false, nil}, []any{whole.At("run_id"), whole.At("pinned"), whole.At("engine")})
		sum := 0.0
		for i := range whole.Len("parts") {
			p := whole.At("parts").([]any)[i].(body)
			require.LessOrEqual(t, p["points"], p["of"])
			sum += p["points"].(float64)
			if p["criterion"] == "preference" {
				preference = p["points"].(float64)
			}
		}
		require.Equal(t, whole.Num("score"), sum)
		var mdw id.MedewerkerID
		require.NoError(t, mdw.UnmarshalText([]byte(switcher)))
		from, into := r.org("Apotheek Zonneveld"), r.org("Woonzorgcentrum De Linde")
		coach := r.coach[place]
		for i, c := range []*testkit.Caller{r.Employer(from), r.Employer(into), r.Client("leercoach", &into, &coach)} {
			c.Get(at+"/appraisal").Problem(403, "forbidden")
			got := c.Get(at + "/reasons").Is(200)
			text, err := json.Marshal([]any{got.At("origin"), got.At("sending"), got.At("receiving")})
			require.NoError(t, err)
			bound[i] = string(text)
		}
		return bound, preference
	}
	with, points := told(true)
	without, none := told(false)
	require.Equal(t, [3]string{`["run",["content"],null]`, `["run",null,["content","room"]]`, `["run",null,["content","room"]]`}, with)
	require.Equal(t, with, without, "the same for who named no top three")
	require.Positive(t, points)
	require.Zero(t, none)
}

// Who makes a match holds locks: however many places cannot be, one page of them is looked at.
func TestTold_AMatchByHandLooksAtFewPlaces(t *testing.T) {
	t.Parallel()
	heard := &asked{tenants: map[string]bool{}}
	s := sceneIn(t, testkit.Traced(t, heard).Tenant(t))
	s.many(1500, "Medicatie klaarzetten #", "Medicatie klaarzetten, zoals het klaarzetten verloopt")
	s.run(`update leerplekken set site_id = ? where id <> ?`, s.Site(s.receiving, 50.85, 5.69, true), s.leerplek) // too far
	at := s.hand()
	require.Equal(t, 2, heard.looked(), "the others, and the place itself")
	whole := s.Coordinator().Get(at + "/appraisal").Is(200)
	require.Equal(t, "sql", whole.Str("engine"))
	require.Positive(t, whole.Num("score"))
}

// What people decided before about the same pair is no rule that speaks against it: they decide again.
func TestTold_ADecisionIsNoRule(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]func(scene){
		"dismissed": func(s scene) {
			s.Coordinator().Post(s.path()+"/"+s.leerplek.String()+"/dismiss", body{}).Is(200)
		},
		"declined": func(s scene) { s.match("declined") },
	} {
		s := newScene(t)
		before(s)
		require.Equal(t, 1.0, s.Coordinator().Get(s.path()).Is(200).Num("ruled_out.0.count"), name)
		whole := s.Coordinator().Get(s.hand() + "/appraisal").Is(200)
		require.Nil(t, whole.At("ruled_out"), name)
		require.Positive(t, whole.Num("score"), name)
	}
}

// What people pinned once is kept by the runs that follow, whatever its words say: nobody is told that they answer. Where they
// do, it is told, also when the words weigh nothing.
func TestTold_WordsAnswerOnlyWhereTheyDo(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	a, b := r.asks("Apotheek Zonneveld", "medicatie klaarzetten"), r.asks("Bouwbedrijf Kant en Klaar", "medicatie klaarzetten")
	wall := r.offers("Maatwerkbedrijf De Schakel", "metselen van muren")
	r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten")
	r.offers("Woonzorgcentrum De Eik", "palliatieve zorg")
	first := r.match(body{"pins": []any{body{"leervraag_id": a, "leerplek_id": wall}}})
	next := r.match(body{"based_on": first[len("/v1/matching-runs/"):], "stability_bonus": 10000, "weights": body{"content": 0, "preference": 0, "distance": 10000,
		"availability": 0, "size": 0, "workforce": 0, "cross_sector": 0}})
	require.Equal(t, wall.String(), r.went(next)[a.String()])
	require.Len(t, r.went(next), 2)
	for _, m := range accept(r, next, body{"leervraag_ids": []any{a, b}, "as": "proposed"}).Data {
		got := r.c.Get("/v1/matches/" + *m.MatchID + "/reasons").Is(200)
		text, err := json.Marshal([]any{got.At("sending"), got.At("receiving")})
		require.NoError(t, err)
		require.Equal(t, m.LeervraagID == b.String(), strings.Contains(string(text), `"content"`), "%s", text)
	}
}

// Every reason that an answer may hold is explained in the coordinators' guide.
func TestTold_TheGuideExplainsEveryReason(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(guide)
	require.NoError(t, err)
	var doc struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct {
					Items struct{ Enum []string }
				}
			}
		}
	}
	require.NoError(t, json.Unmarshal(api.OpenAPI, &doc))
	codes := 0
	for _, side := range []string{"sending", "receiving"} {
		for _, code := range doc.Components.Schemas["MatchReasons"].Properties[side].Items.Enum {
			codes++
			require.Regexp(t, "(?m)^\\| `"+code+"` \\| .*"+side, string(page))
		}
	}
	require.Equal(t, 12, codes)
}
