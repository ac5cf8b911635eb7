package matching_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

type body = map[string]any

// scene is a leervraag of one employer and a leerplek of another that fit in every way.
type scene struct {
	*testkit.World
	sending, receiving id.OrganisationID
	switcher, coach    id.MedewerkerID
	leervraag          id.LeervraagID
	leerplek           id.LeerplekID
	site               id.SiteID // of the leerplek
}

const (
	january  = `[{"from_on":"2099-01-01","until_on":"2099-01-31","weekdays":null}]`
	february = `[{"from_on":"2099-02-01","until_on":"2099-02-28","weekdays":null}]`
)

func newScene(t *testing.T) scene {
	t.Helper()
	return sceneIn(t, testkit.New(t))
}

func sceneIn(t *testing.T, w *testkit.World) scene {
	t.Helper()
	s := scene{World: w}
	s.sending, s.receiving = s.Organisation("Apotheek Zonneveld"), s.Organisation("Woonzorgcentrum De Linde")
	s.switcher, s.coach = s.Medewerker(s.sending, "Sam"), s.Medewerker(s.receiving, "Noor")
	s.site = s.Site(s.receiving, 51.05, 3.90, true)
	s.leervraag = s.Leervraag(s.sending, s.switcher, "Medicatie", "Hoe verloopt het klaarzetten?")
	s.leerplek = s.Leerplek(s.receiving, "Medicatieschema's", "Klaarzetten en bedelen", s.coach)
	s.run(`update medewerkers set site_id = ?, max_travel_km = 40, needs_public_transport = true where id = ?`, s.Site(s.sending, 51.05, 3.72, true), s.switcher)
	s.run(`update leerplekken set site_id = ?, available = ?::jsonb, function = 'apotheker' where id = ?`, s.site, january, s.leerplek)
	s.run(`update leervragen set available = ?::jsonb where id = ?`, january, s.leervraag)
	return s
}

func (s scene) run(query string, args ...any) {
	s.T.Helper()
	s.Do(func(tx *db.Tx) error {
		n, err := tx.Run(query, args...)
		require.NotZero(s.T, n, query)
		return err
	})
}

func (s scene) department(open bool, excluded ...string) id.DepartmentID {
	return id.DepartmentID(s.Insert("departments", body{"organisation_id": s.receiving.UUID(), "name": "Apotheek", "open_to_switchers": open,
		"excluded_functions": append([]string{}, excluded...)}))
}

func (s scene) match(status string) id.MatchID {
	return id.MatchID(s.Insert("matches", body{"leervraag_id": s.leervraag.UUID(), "leerplek_id": s.leerplek.UUID(), "sending_organisation_id": s.sending.UUID(),
		"receiving_organisation_id": s.receiving.UUID(), "switcher_id": s.switcher.UUID(), "leercoach_ids": []uuid.UUID{s.coach.UUID()}, "internal": false,
		"required_parties": []string{"sending", "receiving"}, "status": status}))
}

func (s scene) path() string { return "/v1/leervragen/" + s.leervraag.String() + "/suggestions" }

// suggested are the ids of an answer, in order.
func suggested(a *testkit.Answer) []string {
	var got struct {
		Data []struct {
			ID string `json:"leerplek_id"`
		}
	}
	a.Is(200).Into(&got)
	out := []string{}
	for _, d := range got.Data {
		out = append(out, d.ID)
	}
	return out
}

func TestEachHardFilterAloneRulesOut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		reason string
		change func(s scene)
	}{
		"the switcher's own employer": {"own_organisation", func(s scene) {
			s.run(`update leervragen set organisation_id = ?, switcher_id = ? where id = ?`, s.receiving, s.Medewerker(s.receiving, "Sam"), s.leervraag)
		}},
		"another employer, for an internal leervraag": {"other_organisation", func(s scene) { s.run(`update leervragen set internal = true where id = ?`, s.leervraag) }},
		"a department that closed": {"excluded_department", func(s scene) {
			s.run(`update leerplekken set department_id = ? where id = ?`, s.department(false), s.leerplek)
		}},
		"a function that its department excludes": {"excluded_function", func(s scene) {
			s.run(`update leerplekken set department_id = ? where id = ?`, s.department(true, " Apotheker "), s.leerplek)
		}},
		"a function without a department that one excludes": {"excluded_function", func(s scene) { s.department(true, "boekhouding", "APOTHEKER") }},
		"no coach": {"no_coach", func(s scene) { s.run(`delete from leerplek_coaches where leerplek_id = ?`, s.leerplek) }},
		"the coach is the switcher": {"no_coach", func(s scene) {
			s.run(`update leervragen set organisation_id = ?, switcher_id = ?, internal = true where id = ?`, s.receiving, s.coach, s.leervraag)
		}},
		"a coach not of free will": {"coach_condition_no", func(s scene) {
			s.run(`update leerplek_coaches set voluntary = false where leerplek_id = ?`, s.leerplek)
		}},
		"a coach without time": {"coach_condition_no", func(s scene) { s.run(`update leerplek_coaches set has_time = false where leerplek_id = ?`, s.leerplek) }},
		"a coach who knows no role": {"coach_condition_no", func(s scene) {
			s.run(`update leerplek_coaches set knows_role = false where leerplek_id = ?`, s.leerplek)
		}},
		"a coach without the expertise": {"coach_condition_no", func(s scene) {
			s.run(`update leerplek_coaches set has_expertise = false where leerplek_id = ?`, s.leerplek)
		}},
		"a coach who left": {"coach_ended", func(s scene) { s.run(`update medewerkers set ended_on = '2020-01-01' where id = ?`, s.coach) }},
		"full": {"full", func(s scene) {
			m := s.match("cancelled")
			s.exchange(m, "planned")
		}},
		"too far":                          {"too_far", func(s scene) { s.run(`update sites set latitude = 50.85, longitude = 5.69 where id = ?`, s.site) }},
		"farther than the switcher allows": {"too_far", func(s scene) { s.run(`update medewerkers set max_travel_km = 12 where id = ?`, s.switcher) }},
		"no public transport":              {"no_public_transport", func(s scene) { s.run(`update sites set public_transport = false where id = ?`, s.site) }},
		"no day in common":                 {"no_common_days", func(s scene) { s.run(`update leerplekken set available = ?::jsonb where id = ?`, february, s.leerplek) }},
		"days in common that are past": {"no_common_days", func(s scene) {
			past := strings.ReplaceAll(january, "2099", "2020")
			s.run(`update leerplekken set available = ?::jsonb where id = ?`, past, s.leerplek)
			s.run(`update leervragen set available = ?::jsonb where id = ?`, past, s.leervraag)
		}},
		"a coach with as much as they take on": {"coach_full", func(s scene) {
			s.run(`update medewerkers set coaching_limit = 1 where id = ?`, s.coach)
			s.run(`update leerplekken set capacity = 5 where id = ?`, s.leerplek)
			s.exchange(s.match("cancelled"), "planned")
		}},
		"a coach with as many as they take on in a year": {"coach_year_full", func(s scene) {
			s.run(`update medewerkers set yearly_coaching_limit = 1 where id = ?`, s.coach)
			s.run(`update leerplekken set capacity = 5 where id = ?`, s.leerplek)
			s.day(s.exchange(s.match("cancelled"), "completed"), 0)
			s.run(`update leervragen set available = '[]' where id = ?`, s.leervraag)
		}},
		"rivals that the ST-partner named": {"rival", func(s scene) {
			s.Insert("rivals", body{"organisation_id": s.receiving.UUID(), "rival_id": s.sending.UUID()})
		}},
		"a rival that the switcher's employer named": {"rival", func(s scene) {
			s.Insert("rivals", body{"organisation_id": s.sending.UUID(), "rival_id": s.receiving.UUID(), "named_by": s.sending.UUID()})
		}},
		"a rival that the host named": {"rival", func(s scene) {
			s.Insert("rivals", body{"organisation_id": s.receiving.UUID(), "rival_id": s.sending.UUID(), "named_by": s.receiving.UUID()})
		}},
		"more days needed than there are in common": {"no_common_days", func(s scene) {
			s.run(`update leerplekken set available = '[{"from_on":"2099-01-05","until_on":"2099-01-18","weekdays":["mon"]}]' where id = ?`, s.leerplek)
			s.run(`update leervragen set days_needed = 3 where id = ?`, s.leervraag)
		}},
		"another language": {"other_language", func(s scene) { s.run(`update leerplekken set languages = '{fr,en}' where id = ?`, s.leerplek) }},
		"a requirement that is not met": {"requirement_not_met", func(s scene) {
			s.run(`update leerplekken set requirements = '{gesloten schoenen,VCA-attest}' where id = ?`, s.leerplek)
			s.run(`update medewerkers set meets_requirements = '{Gesloten schoenen}' where id = ?`, s.switcher)
		}},
		"other words": {"off_topic", func(s scene) {
			s.run(`update leerplekken set title = 'Houtbewerking', description = 'Frezen en schuren', function = null where id = ?`, s.leerplek)
		}},
		"a draft of a match": {"already_proposed", func(s scene) { s.match("draft") }},
		"a proposed match":   {"already_proposed", func(s scene) { s.match("proposed") }},
		"an accepted match":  {"already_proposed", func(s scene) { s.match("accepted") }},
		"a declined match":   {"rejected_before", func(s scene) { s.match("declined") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			caller := s.Coordinator()
			before := caller.Get(s.path())
			require.Equal(t, []string{s.leerplek.String()}, suggested(before), "nothing else stands in the way: %s", before)
			require.Zero(t, before.Len("ruled_out"))
			c.change(s)
			after := caller.Get(s.path()).Is(200)
			require.Zero(t, after.Len("data"), "%s", after)
			require.Equal(t, []any{body{"reason": c.reason, "count": 1.0}}, after.At("ruled_out"))
		})
	}
}

func (s scene) exchange(m id.MatchID, status string) uuid.UUID {
	return s.Insert("leeruitwisselingen", body{"match_id": m.UUID(), "leervraag_id": s.leervraag.UUID(), "leerplek_id": s.leerplek.UUID(),
		"sending_organisation_id": s.sending.UUID(), "receiving_organisation_id": s.receiving.UUID(), "switcher_id": s.switcher.UUID(),
		"leercoach_ids": []uuid.UUID{s.coach.UUID()}, "internal": false, "sending_name": "A", "receiving_name": "B", "switcher_name": "Sam Voorbeeld",
		"switcher_job_title": "apotheker", "switcher_language": "nl", "leervraag_version": 1, "leervraag_title": "Medicatie", "leervraag_text": "Hoe?",
		"leerplek_title": "Medicatieschema's", "status": status})
}

// day gives an exchange a day, so many from today.
func (s scene) day(exchange uuid.UUID, after int) {
	at := s.Clock.Now().UTC().AddDate(0, 0, after)
	s.Insert("leeruitwisseling_days", body{"leeruitwisseling_id": exchange, "sending_organisation_id": s.sending.UUID(), "receiving_organisation_id": s.receiving.UUID(),
		"date_on": at, "starts": "09:00", "ends": "16:00", "break_minutes": 0, "starts_at": at, "ends_at": at.Add(7 * time.Hour), "hours": 700})
}

func TestWhatDoesNotRuleOut(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(s scene){
		"a site that is not known":              func(s scene) { s.run(`update leerplekken set site_id = null where id = ?`, s.leerplek) },
		"a switcher without a site":             func(s scene) { s.run(`update medewerkers set site_id = null where id = ?`, s.switcher) },
		"a leerplek that says nothing of days":  func(s scene) { s.run(`update leerplekken set available = '[]' where id = ?`, s.leerplek) },
		"a leervraag that says nothing of days": func(s scene) { s.run(`update leervragen set available = '[]' where id = ?`, s.leervraag) },
		"another coach who can": func(s scene) {
			s.run(`update medewerkers set ended_on = '2020-01-01' where id = ?`, s.coach)
			s.run(`insert into leerplek_coaches (tenant_id, leerplek_id, organisation_id, medewerker_id, place) values (?, ?, ?, ?, 2)`,
				s.Tenant, s.leerplek, s.receiving, s.Medewerker(s.receiving, "Ali"))
		},
		"a coach whose last day is to come": func(s scene) { s.run(`update medewerkers set ended_on = '2099-12-31' where id = ?`, s.coach) },
		"an exchange that is over":          func(s scene) { s.exchange(s.match("cancelled"), "completed") },
		"a match that was cancelled":        func(s scene) { s.match("cancelled") },
		"a match that lapsed":               func(s scene) { s.match("lapsed") },
		"another function that is excluded": func(s scene) { s.department(true, "boekhouding") },
		"the exclusions of another department": func(s scene) {
			s.department(true, "apotheker")
			s.run(`update leerplekken set department_id = ? where id = ?`, s.department(true), s.leerplek)
		},
		"rivals of others": func(s scene) {
			third := s.Organisation("Derde")
			s.Insert("rivals", body{"organisation_id": third.UUID(), "rival_id": s.sending.UUID()})
			s.Insert("rivals", body{"organisation_id": s.receiving.UUID(), "rival_id": third.UUID()})
		},
		"a language among others": func(s scene) { s.run(`update leerplekken set languages = '{fr,nl}' where id = ?`, s.leerplek) },
		"requirements of which nobody said who meets them": func(s scene) {
			s.run(`update leerplekken set requirements = '{VCA-attest}' where id = ?`, s.leerplek)
		},
		"requirements that are all met": func(s scene) {
			s.run(`update leerplekken set requirements = '{VCA-attest}' where id = ?`, s.leerplek)
			s.run(`update medewerkers set meets_requirements = '{" vca-Attest "}' where id = ?`, s.switcher)
		},
		"a coach with room for another": func(s scene) {
			s.run(`update medewerkers set coaching_limit = 2 where id = ?`, s.coach)
			s.run(`update leerplekken set capacity = 2 where id = ?`, s.leerplek)
			s.exchange(s.match("cancelled"), "planned")
		},
		"exchanges of a coach in another year, and one that was cancelled": func(s scene) {
			s.run(`update medewerkers set yearly_coaching_limit = 1 where id = ?`, s.coach)
			s.run(`update leerplekken set capacity = 5 where id = ?`, s.leerplek)
			s.run(`update leervragen set available = '[]' where id = ?`, s.leervraag)
			s.day(s.exchange(s.match("cancelled"), "completed"), 800)
			s.exchange(s.match("lapsed"), "cancelled")
		},
		"a home that is nearer than the workplace": func(s scene) {
			s.run(`update sites set latitude = 49.6, longitude = 5.8 where id = (select site_id from medewerkers where id = ?)`, s.switcher)
			s.run(`update sites set postcode = '9230' where id = ?`, s.site)
			s.run(`update medewerkers set home_postcode = ' 9230 ' where id = ?`, s.switcher)
		},
		"a workplace that is nearer than the site": func(s scene) {
			s.run(`update sites set latitude = 49.6, longitude = 5.8 where id = (select site_id from medewerkers where id = ?)`, s.switcher)
			s.run(`update sites set postcode = '9230' where id = ?`, s.site)
			s.run(`update medewerkers set work_postcode = '9230' where id = ?`, s.switcher)
		},
		"the own employer, for an internal leervraag": func(s scene) {
			s.run(`update leervragen set organisation_id = ?, switcher_id = ?, internal = true where id = ?`, s.receiving, s.Medewerker(s.receiving, "Sam"), s.leervraag)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			change(s)
			got := s.Coordinator().Get(s.path())
			require.Equal(t, []string{s.leerplek.String()}, suggested(got))
			require.Zero(t, got.Len("ruled_out"), "%s", got)
		})
	}
}

func TestOnlyPublishedLeerplekkenAreLookedAt(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"draft", "withdrawn"} {
		s := newScene(t)
		s.run(`update leerplekken set status = ? where id = ?`, status, s.leerplek)
		got := s.Coordinator().Get(s.path()).Is(200)
		require.JSONEq(t, `{"data":[],"ruled_out":[],"why_not":null,"engine":"index","weights_version":0}`, string(got.Body))
	}
}

func TestASuggestionShowsItsPartsAndWhy(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.run(`update leervragen set topics = '{Medicatie,http://data.europa.eu/esco/skill/1,zorg}' where id = ?`, s.leervraag)
	s.run(`update leerplekken set topics = '{medicatie,bouw}' where id = ?`, s.leerplek)
	s.run(`update leerplek_coaches set has_time = null where leerplek_id = ?`, s.leerplek)
	s.run(`update organisations set sector = 'apotheken', workforce = 'mixed', headcount = 12 where id = ?`, s.sending)
	s.run(`update organisations set workforce = 'mixed', headcount = 240 where id = ?`, s.receiving)
	got := s.Coordinator().Get(s.path()).Is(200)

	total := 0.0
	of := 0.0
	for i, criterion := range []string{"content", "distance", "availability", "size", "workforce", "cross_sector"} {
		at := fmt.Sprintf("data.0.parts.%d.", i)
		require.Equal(t, criterion, got.Str(at+"criterion"))
		require.LessOrEqual(t, got.Num(at+"points"), got.Num(at+"of"))
		total += got.Num(at + "points")
		of += got.Num(at + "of")
	}
	require.InDelta(t, 10_000, of, 0, "nobody was asked for preferences: the others share their weight")
	require.InDelta(t, total, got.Num("data.0.score"), 0, "the score is the sum of its parts")
	require.Equal(t, s.leerplek.String(), got.Str("data.0.leerplek_id"))
	require.Equal(t, s.receiving.String(), got.Str("data.0.organisation_id"))
	require.Equal(t, "Medicatieschema's", got.Str("data.0.title"))
	require.Contains(t, got.At("data.0.parts.0.detail.words"), "medicatieschema")
	require.Contains(t, got.At("data.0.parts.0.detail.words"), "klaarzetten")
	require.Equal(t, "medicatie", got.Str("data.0.parts.0.detail.grounds.0.term"))
	require.Positive(t, got.Num("data.0.parts.0.detail.grounds.0.points"))
	require.Equal(t, []any{"medicatie"}, got.At("data.0.parts.0.detail.topics"))
	require.InDelta(t, 12.6, got.Num("data.0.parts.1.detail.km"), 0.1)
	require.InDelta(t, 31, got.Num("data.0.parts.2.detail.days"), 0)
	require.Equal(t, got.Num("data.0.parts.2.of"), got.Num("data.0.parts.2.points"))
	require.InDelta(t, 3, got.Num("data.0.conditions_met"), 0)
	require.InDelta(t, 4, got.Num("data.0.conditions"), 0)
	require.Equal(t, false, got.At("data.0.parts.3.detail.same_size"))
	require.Zero(t, got.Num("data.0.parts.3.points"))
	require.Equal(t, true, got.At("data.0.parts.4.detail.same_workforce"))
	require.Equal(t, got.Num("data.0.parts.4.of"), got.Num("data.0.parts.4.points"))
	require.Equal(t, true, got.At("data.0.parts.5.detail.other_sector"))
	require.InDelta(t, 235, got.Num("data.0.parts.5.points"), 0, "nobody said which sector was wished for: half of the points")
	require.Nil(t, got.At("data.0.parts.0.detail.km"), "a detail belongs to one criterion")
}

// TestDutchQuestionsFindDutchPlaces holds the ranking to what a reader would expect, over places that share no more than
// their language: inflection, compounds both ways, topics, titles over texts.
func TestDutchQuestionsFindDutchPlaces(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	sending, receiving := w.Organisation("Apotheek Zonneveld"), w.Organisation("Gastheer")
	switcher, coach := w.Medewerker(sending, "Sam"), w.Medewerker(receiving, "Noor")
	places := map[string]string{}
	for name, p := range map[string][2]string{
		"zorg":       {"Medicatieschema's in het woonzorgcentrum", "Je loopt mee met de apotheker die de medicatie van de bewoners klaarzet en nakijkt."},
		"werf":       {"Werfleider in de sociale economie", "Je ziet hoe een ploegbaas zijn mensen instrueert en de veiligheid op de werf bewaakt."},
		"opvang":     {"Kinderdagverblijf: wennen en breng- en haalmomenten", "Je ziet hoe begeleiders met ouders praten en een kind laten wennen."},
		"onthaal":    {"Onthaal van nieuwe medewerkers", "Meters en peters maken nieuwelingen wegwijs in de eerste weken."},
		"magazijn":   {"Magazijnbeheer met scanners", "Van voorraadtelling tot orderpicking in een groot distributiecentrum."},
		"keuken":     {"Grootkeuken van een ziekenhuis", "Je leert hoe diëten en allergenen opgevolgd worden."},
		"boekhoud":   {"Facturen digitaal verwerken", "Je ziet hoe inkomende facturen gescand en geboekt worden."},
		"vrijwillig": {"Vrijwilligerswerking in het lokaal dienstencentrum", "Je volgt de coördinator die vrijwilligers werft en begeleidt."},
	} {
		places[w.Leerplek(receiving, p[0], p[1], coach).String()] = name
	}
	caller := w.Coordinator()
	for _, c := range []struct{ title, question, best string }{
		{"apotheker medicatie", "Hoe doen anderen dat?", "zorg"},
		{"Medicatieschema", "Hoe stel ik er een op?", "zorg"},
		{"Schema's opmaken", "Ik wil schema's leren opmaken.", "zorg"},
		{"Omgaan met ouders", "Hoe voer ik een gesprek met een ouder aan de deur?", "opvang"},
		{"Veiligheid", "Hoe instrueer ik een ploeg op de werven?", "werf"},
		{"Nieuwe collega's wegwijs maken", "We verliezen nieuwelingen in de eerste week.", "onthaal"},
		{"Voorraad tellen", "Hoe houden jullie het magazijn bij?", "magazijn"},
		{"Vrijwilligers werven", "Waar vind ik een vrijwilliger?", "vrijwillig"},
		{"Allergeen", "Hoe volgen jullie een dieet op?", "keuken"},
		{"Factuur", "Hoe scannen jullie een inkomende factuur?", "boekhoud"},
	} {
		lvr := w.Leervraag(sending, switcher, c.title, c.question)
		got := caller.Get("/v1/leervragen/" + lvr.String() + "/suggestions?limit=3&include=all")
		ids := suggested(got)
		require.Len(t, ids, 3)
		require.Equal(t, c.best, places[ids[0]], "%s: %s", c.title, got)
		require.NotZero(t, got.Len("data.0.parts.0.detail.words"), "%s", got)
	}
}

func TestTheSameQuestionGetsTheSameAnswer(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for i := range 60 {
		title := "Medicatieschema's"
		if i%5 > 0 {
			title = []string{"Onthaal aan de balie", "Houtbewerking met de cnc", "Grootkeuken", "Werfleiding"}[i%5-1]
		}
		s.Leerplek(s.receiving, title, map[bool]string{true: "Klaarzetten en bedelen", false: "Meelopen"}[i%5 == 0], s.coach)
	}
	caller := s.Coordinator()
	first := caller.Get(s.path() + "?limit=100").Is(200)
	require.Equal(t, 13, first.Len("data"))
	require.Equal(t, []any{body{"reason": "off_topic", "count": 48.0}}, first.At("ruled_out"))
	ids := suggested(first)
	require.IsIncreasing(t, ids[1:], "equal places stand in the order of their ids")
	require.Equal(t, 61, caller.Get(s.path()+"?limit=100&include=all").Is(200).Len("data"))
	for range 5 {
		require.Equal(t, string(first.Body), string(caller.Get(s.path()+"?limit=100").Is(200).Body))
	}
	require.Equal(t, ids[:10], suggested(caller.Get(s.path())), "ten unless asked otherwise")
	require.Equal(t, ids[:1], suggested(caller.Get(s.path()+"?limit=1")))
	caller.Get(s.path()+"?limit=0").Problem(400, "invalid-parameter", "limit")
	caller.Get(s.path()+"?limit=101").Problem(400, "invalid-parameter", "limit")
	caller.Get(s.path()+"?cursor=x").Problem(400, "invalid-parameter", "cursor")
}

func TestEachPlaceCountsOnceByItsFirstReason(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	own := s.Leerplek(s.sending, "Apotheek", "Meelopen", s.Medewerker(s.sending, "Ali"))
	s.run(`update leerplekken set available = ?::jsonb where id = ?`, february, own)
	for range 2 {
		far := s.Leerplek(s.receiving, "Ver weg", "Meelopen", s.coach)
		s.run(`update leerplekken set site_id = ?, available = ?::jsonb where id = ?`, s.Site(s.receiving, 50.85, 5.69, false), february, far)
	}
	s.run(`update leerplekken set capacity = 5 where id = ?`, s.leerplek)
	got := s.Coordinator().Get(s.path()).Is(200)
	require.Equal(t, []string{s.leerplek.String()}, suggested(got))
	require.Equal(t, []any{body{"reason": "own_organisation", "count": 1.0}, body{"reason": "too_far", "count": 2.0}}, got.At("ruled_out"))
}

func TestBoundCallersGetTheSameRankingForWhatIsTheirs(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	third := s.Organisation("Kinderdagverblijf")
	all := s.Coordinator().Get(s.path()).Is(200)
	require.Equal(t, 1, all.Len("data"))
	require.Equal(t, string(all.Body), string(s.Client(auth.Viewer, nil, nil).Get(s.path()).Is(200).Body))
	answered := regexp.MustCompile(`"conditions_met":4,"conditions":4`)
	require.Regexp(t, answered, string(all.Body))
	withheld := answered.ReplaceAllString(string(all.Body), `"conditions_met":null,"conditions":null`)
	for name, c := range map[string]*testkit.Caller{
		"its employer": s.Employer(s.sending), "its switcher": s.Client(auth.Switcher, &s.sending, &s.switcher),
	} {
		require.Equal(t, withheld, string(c.Get(s.path()).Is(200).Body), "%s: what another employer's leercoaches answered is withheld", name)
	}
	random := s.Employer(third).Get("/v1/leervragen/"+id.NewLeervraag().String()+"/suggestions").Problem(404, "not-found").Retold()
	colleague := s.Medewerker(s.sending, "Collega")
	for name, c := range map[string]*testkit.Caller{
		"another employer": s.Employer(third), "the host": s.Employer(s.receiving), "a colleague": s.Client(auth.Switcher, &s.sending, &colleague),
		"another tenant": testkit.New(t).Coordinator(),
	} {
		require.Equal(t, random, c.Get(s.path()).Is(404).Retold(), name)
	}
	s.Nobody().Get(s.path()).Problem(401, "unauthenticated")
	s.Client(auth.Integration, nil, nil, "leerplek:read").Get(s.path()).Problem(403, "forbidden")
}

func TestNothingOfAnotherTenantIsRankedOrCounted(t *testing.T) {
	t.Parallel()
	s, other := newScene(t), newScene(t)
	other.run(`update leerplekken set title = 'Kanarie', description = 'Medicatie klaarzetten' where id = ?`, other.leerplek)
	other.run(`update leerplek_coaches set voluntary = false where leerplek_id = ?`, other.leerplek)
	got := s.Coordinator().Get(s.path()).Is(200)
	require.Equal(t, []string{s.leerplek.String()}, suggested(got))
	require.Zero(t, got.Len("ruled_out"))
	require.NotContains(t, string(got.Body), "Kanarie")
}

func TestAnswersHoldNothingPersonal(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	got := string(s.Employer(s.sending).Get(s.path()).Is(200).Body)
	for _, secret := range []string{"Noor", "Sam", s.coach.String(), s.switcher.String(), "Straat", "Woonzorgcentrum De Linde"} {
		require.NotContains(t, got, secret)
	}
	require.Empty(t, s.Events(), "looking leaves no trace")
}

func TestWordsOfAnyKindDoNoHarm(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.run(`update leerplekken set title = ?, description = ? where id = ?`, `Foto's & video's: "O'Neill" \ <b>zorg</b> | !(a:*)`, `c:\temp\bestand.txt 't Was 'foto''s'`, s.leerplek)
	s.run(`update leervragen set title = ?, question = ? where id = ?`, `Foto's !& | ( ' \ :*`, `Wat doet O'Neill met c:\temp\bestand.txt?`, s.leervraag)
	got := s.Coordinator().Get(s.path())
	require.Equal(t, []string{s.leerplek.String()}, suggested(got))
	require.Positive(t, got.Num("data.0.parts.0.points"))
	s.run(`update leervragen set title = 'de het een', question = 'en of maar', goals = '{}' where id = ?`, s.leervraag)
	got = s.Coordinator().Get(s.path())
	require.Empty(t, suggested(got), "stop words alone ask for nothing, and nothing is suggested")
	require.Equal(t, []any{body{"reason": "off_topic", "count": 1.0}}, got.At("ruled_out"))
	got = s.Coordinator().Get(s.path() + "?include=all")
	require.Equal(t, []string{s.leerplek.String()}, suggested(got), "unless one asks for all")
	require.Zero(t, got.Num("data.0.parts.0.points"))
	require.Equal(t, []any{}, got.At("data.0.parts.0.detail.words"))
}
