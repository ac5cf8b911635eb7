package journey_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// scene is two employers with a question and a place, before anything happened between them.
type scene struct {
	w                        *testkit.World
	c, sending, receiving    *testkit.Caller
	sendingOrg, receivingOrg id.OrganisationID
	switcher, coach          id.MedewerkerID
	leervraag                id.LeervraagID
	leerplek                 id.LeerplekID
}

func open(t *testing.T) scene {
	t.Helper()
	w := testkit.New(t)
	s := scene{w: w, c: w.Coordinator(), sendingOrg: w.Organisation("Apotheek Zonneveld"), receivingOrg: w.Organisation("Woonzorgcentrum De Linde")}
	s.switcher, s.coach = w.Medewerker(s.sendingOrg, "Sam"), w.Medewerker(s.receivingOrg, "Noor")
	s.leervraag = w.Leervraag(s.sendingOrg, s.switcher, "Medicatie", "Hoe verloopt de medicatiebedeling in een woonzorgcentrum?")
	s.leerplek = w.Leerplek(s.receivingOrg, "Apotheek", "Medicatieschema's in het woonzorgcentrum", s.coach)
	s.sending, s.receiving = w.Employer(s.sendingOrg), w.Employer(s.receivingOrg)
	return s
}

func (s scene) match(draft bool) *testkit.Answer {
	s.w.T.Helper()
	return s.c.Post("/v1/matches", fmt.Sprintf(`{"leervraag_id":%q,"leerplek_id":%q,"leercoach_ids":[%q],"draft":%t}`, s.leervraag, s.leerplek, s.coach, draft))
}

// exchange brings the scene to an exchange in preparation.
func (s scene) exchange() (match, exchange string) {
	s.w.T.Helper()
	match = s.match(false).Is(201).Str("id")
	s.sending.Post("/v1/matches/"+match+"/accept", nil).Is(200)
	a := s.receiving.Post("/v1/matches/"+match+"/accept", nil).Is(200)
	return match, a.Str("leeruitwisseling_id")
}

// day is a date some days from now, in Brussels.
func day(t *testing.T, s scene, days int) string {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Brussels")
	require.NoError(t, err)
	return s.w.Clock.Now().In(zone).AddDate(0, 0, days).Format(time.DateOnly)
}

// planned brings an exchange to planned, with days in the past.
func (s scene) planned(t *testing.T, lui string, days ...int) (ids []string) {
	t.Helper()
	base := "/v1/leeruitwisselingen/" + lui
	s.c.Put(base+"/kennismakingsgesprek", fmt.Sprintf(`{"starts_at":"2027-01-06T13:00:00Z","minutes":20,"location":"https://meet.example/x","participants":[{"kind":"medewerker","id":%q}]}`, s.switcher)).Is(200)
	s.c.Put(base+"/leeractieplan", `{"goals":["zelf een schema opmaken"],"activities":["rondleiding"],"people_to_meet":["hoofdverpleegkundige"]}`).Is(200)
	for _, d := range days {
		ids = append(ids, s.c.Post(base+"/days", fmt.Sprintf(`{"date_on":%q,"starts":"09:00","ends":"16:30","break_minutes":30}`, day(t, s, d))).Is(201).Str("id"))
	}
	for _, p := range []string{"sending", "receiving", "switcher"} {
		s.c.Post(base+"/agreement/sign", fmt.Sprintf(`{"party":%q,"signed_by":"An Voorbeeld","method":"recorded"}`, p)).Is(200)
	}
	s.c.Put(base+"/checks", `{"insurance":{"work_accident":true,"commute":true,"liability":true},"safety_information_exchanged":true}`).Is(200)
	require.Equal(t, "planned", s.c.Post(base+"/plan", nil).Is(200).Str("status"))
	return ids
}

func TestMatch_BecomesAnExchangeWithTheLastRequiredParty(t *testing.T) {
	t.Parallel()
	s := open(t)
	m := s.match(false).Is(201)
	require.Equal(t, "proposed", m.Str("status"))
	mid := m.Str("id")
	require.Equal(t, "/v1/matches/"+mid, m.Header.Get("Location"))

	s.c.Post("/v1/matches/"+mid+"/accept", nil).Problem(422, "invalid", "/party")
	s.sending.Post("/v1/matches/"+mid+"/accept", `{"party":"receiving"}`).Problem(403, "forbidden")
	one := s.sending.Post("/v1/matches/"+mid+"/accept", `{"given_by":"de zaakvoerder","channel":"phone"}`).Is(200)
	require.Equal(t, "proposed", one.Str("status"))
	require.Equal(t, "de zaakvoerder", one.Str("decisions.0.given_by"))
	require.Nil(t, s.receiving.Get("/v1/matches/"+mid).At("decisions.0.given_by"), "the other side does not read who said it")

	both := s.receiving.Post("/v1/matches/"+mid+"/accept", nil).Is(200)
	require.Equal(t, "accepted", both.Str("status"))
	lui := both.Str("leeruitwisseling_id")
	again := s.receiving.Post("/v1/matches/"+mid+"/accept", nil).Is(200)
	require.Equal(t, lui, again.Str("leeruitwisseling_id"), "the same outcome, and no second exchange")
	s.c.Post("/v1/matches/"+mid+"/decline", `{"party":"sending"}`).Problem(409, "match-accepted")
	s.c.Post("/v1/matches/"+mid+"/cancel", nil).Problem(409, "match-accepted")

	host := s.receiving.Get("/v1/leeruitwisselingen/" + lui).Is(200)
	require.Equal(t, "Sam Voorbeeld", host.Str("switcher.name"), "the host is told who comes")
	s.receiving.Get("/v1/medewerkers/"+s.switcher.String()).Problem(404, "not-found")
	s.receiving.Get("/v1/leervragen/"+s.leervraag.String()).Problem(404, "not-found")
	require.Equal(t, "matched", s.c.Get("/v1/leervragen/"+s.leervraag.String()).Str("status"))
	require.Equal(t, []string{"match.created", "match.proposed", "match.updated", "match.accepted"}, s.w.EventTypes(mid))
	require.Equal(t, []string{"leeruitwisseling.created"}, s.w.EventTypes(lui))
}

func TestMatch_IsRefusedWhereItMayNotGo(t *testing.T) {
	t.Parallel()
	s := open(t)
	body := `{"leervraag_id":%q,"leerplek_id":%q,"leercoach_ids":[%q]}`
	colleague := s.w.Medewerker(s.sendingOrg, "Lou")
	own := s.w.Leerplek(s.sendingOrg, "Eigen plek", "hier", colleague)
	s.c.Post("/v1/matches", fmt.Sprintf(body, s.leervraag, own, colleague)).Problem(422, "invalid", "/leerplek_id")
	s.c.Post("/v1/matches", fmt.Sprintf(body, s.leervraag, s.leerplek, colleague)).Problem(422, "invalid", "/leercoach_ids/0")
	s.c.Post("/v1/matches", fmt.Sprintf(body, id.NewLeervraag(), s.leerplek, s.coach)).Problem(422, "invalid", "/leervraag_id")
	s.c.Post("/v1/matches", fmt.Sprintf(body, s.leervraag, id.NewLeerplek(), s.coach)).Problem(422, "invalid", "/leerplek_id")
	s.c.Post("/v1/leerplekken/"+s.leerplek.String()+"/withdraw", nil).Is(200)
	s.match(false).Problem(409, "leerplek-not-published")
	s.c.Post("/v1/leerplekken/"+s.leerplek.String()+"/publish", nil).Is(200)
	s.c.Post("/v1/leervragen/"+s.leervraag.String()+"/withdraw", nil).Is(200)
	s.match(false).Problem(409, "leervraag-not-open")
	require.Zero(t, s.w.Count("select count(*) from matches where tenant_id = $1", s.w.Tenant.UUID()))
}

func TestMatch_InternalIsDecidedByTheOneEmployer(t *testing.T) {
	t.Parallel()
	s := open(t)
	colleague := s.w.Medewerker(s.sendingOrg, "Lou")
	own := s.w.Leerplek(s.sendingOrg, "Andere dienst", "een dag op de andere dienst", colleague)
	s.c.Patch("/v1/leervragen/"+s.leervraag.String(), `{"internal":true}`, "If-Match", "*").Is(200)
	s.match(false).Problem(422, "invalid", "/leerplek_id")
	m := s.c.Post("/v1/matches", fmt.Sprintf(`{"leervraag_id":%q,"leerplek_id":%q,"leercoach_ids":[%q]}`, s.leervraag, own, colleague)).Is(201)
	require.Equal(t, []any{"sending"}, m.At("required_parties"))
	require.Equal(t, "accepted", s.sending.Post("/v1/matches/"+m.Str("id")+"/accept", nil).Is(200).Str("status"))
}

func TestMatch_ADraftIsInvisibleUntilItIsProposed(t *testing.T) {
	t.Parallel()
	s := open(t)
	mid := s.match(true).Is(201).Str("id")
	s.sending.Get("/v1/matches/"+mid).Problem(404, "not-found")
	s.sending.Post("/v1/matches/"+mid+"/accept", nil).Problem(404, "not-found")
	s.c.Post("/v1/matches/"+mid+"/accept", `{"party":"sending"}`).Problem(409, "match-draft")
	s.c.Post("/v1/matches/"+mid+"/propose", nil).Is(200)
	s.sending.Get("/v1/matches/" + mid).Is(200)
}

func TestMatch_DeclineEndsItAndKeepsTheReasonOnItsSide(t *testing.T) {
	t.Parallel()
	s := open(t)
	mid := s.match(false).Is(201).Str("id")
	no := s.receiving.Post("/v1/matches/"+mid+"/decline", `{"reason":"geen tijd dit najaar"}`).Is(200)
	require.Equal(t, "declined", no.Str("status"))
	require.Equal(t, "geen tijd dit najaar", no.Str("decisions.0.reason"))
	require.NotContains(t, string(s.sending.Get("/v1/matches/"+mid).Is(200).Body), "geen tijd")
	s.receiving.Post("/v1/matches/"+mid+"/decline", nil).Is(200)
	s.sending.Post("/v1/matches/"+mid+"/accept", nil).Problem(409, "match-declined")
	s.c.Post("/v1/matches/"+mid+"/accept", `{"party":"sending","channel":"pigeon"}`).Problem(422, "invalid", "/channel")
}

func TestMatch_TheLastPlaceGoesToOne(t *testing.T) {
	t.Parallel()
	s := open(t)
	const n = 6
	accept := make([]string, n)
	for i := range n {
		sw := s.w.Medewerker(s.sendingOrg, fmt.Sprint("Kandidaat ", i))
		q := s.w.Leervraag(s.sendingOrg, sw, "Vraag", "Wat kan ik leren?")
		accept[i] = s.c.Post("/v1/matches", fmt.Sprintf(`{"leervraag_id":%q,"leerplek_id":%q,"leercoach_ids":[%q]}`, q, s.leerplek, s.coach)).Is(201).Str("id")
		s.c.Post("/v1/matches/"+accept[i]+"/accept", `{"party":"sending"}`).Is(200)
	}
	var wait sync.WaitGroup
	status := make([]int, n)
	for i := range n {
		wait.Go(func() { status[i] = s.c.Post("/v1/matches/"+accept[i]+"/accept", `{"party":"receiving"}`).Status })
	}
	wait.Wait()
	won := 0
	for _, x := range status {
		require.Contains(t, []int{200, 409}, x)
		if x == 200 {
			won++
		}
	}
	require.Equal(t, 1, won, "a leerplek with one place takes one exchange: %v", status)
	require.Equal(t, 1, s.w.Count("select count(*) from leeruitwisselingen where tenant_id = $1", s.w.Tenant.UUID()))
}

func TestExchange_CompletedGivesHoursSurveysAndACertificate(t *testing.T) {
	t.Parallel()
	s := open(t)
	_, lui := s.exchange()
	base := "/v1/leeruitwisselingen/" + lui
	s.c.Post(base+"/complete", nil).Problem(409, "leeruitwisseling-preparing")
	days := s.planned(t, lui, -3, -2)
	s.c.Post(base+"/complete", nil).Problem(409, "leeruitwisseling-days-unmarked")
	s.c.Post("/v1/leerbewijzen", fmt.Sprintf(`{"leeruitwisseling_id":%q,"medewerker_id":%q}`, lui, s.switcher)).Problem(409, "leeruitwisseling-not-completed")
	s.receiving.Post(base+"/days/"+days[0]+"/attend", `{"attended":true,"safety_briefed":true}`).Is(200)
	s.receiving.Post(base+"/days/"+days[1]+"/attend", `{"attended":true,"hours":6.25,"safety_briefed":true}`).Is(200)

	done := s.receiving.Post(base+"/complete", nil).Is(200)
	require.Equal(t, "completed", done.Str("status"))
	require.Equal(t, 1, done.Len("opleidingsregistratie_ids"))
	require.Equal(t, 4, done.Len("survey_ids"))
	again := s.c.Post(base+"/complete", nil).Is(200)
	require.Equal(t, done.At("survey_ids"), again.At("survey_ids"), "completing twice gives the same once")

	opr := s.sending.Get("/v1/opleidingsregistraties/" + done.Str("opleidingsregistratie_ids.0")).Is(200)
	require.EqualValues(t, 13.25, opr.Num("hours"))
	require.Equal(t, "informal", opr.Str("classification"))
	require.Equal(t, 2, opr.Len("days"))
	s.receiving.Get("/v1/opleidingsregistraties/"+done.Str("opleidingsregistratie_ids.0")).Problem(404, "not-found")
	require.Equal(t, []string{"opleidingsregistratie.recorded"}, s.w.EventTypes(opr.Str("id")))

	surveys := s.c.Get("/v1/surveys?leeruitwisseling_id=" + lui).Is(200)
	require.Equal(t, 4, surveys.Len("data"))
	roles := []string{}
	for i := range 4 {
		roles = append(roles, surveys.Str(fmt.Sprintf("data.%d.role", i)))
	}
	require.ElementsMatch(t, []string{"switcher", "sending", "leercoach", "receiving"}, roles)

	certificate := func(who id.MedewerkerID) *testkit.Answer {
		return s.c.Post("/v1/leerbewijzen", fmt.Sprintf(`{"leeruitwisseling_id":%q,"medewerker_id":%q}`, lui, who))
	}
	lbw := certificate(s.switcher).Is(201)
	require.Equal(t, "switcher", lbw.Str("role"))
	require.EqualValues(t, 13.25, lbw.Num("hours"))
	require.Equal(t, "leercoach", certificate(s.coach).Is(201).Str("role"))
	certificate(s.w.Medewerker(s.sendingOrg, "Lou")).Problem(422, "invalid", "/medewerker_id")
	certificate(s.switcher).Problem(409, "leerbewijs-exists")
	check := s.w.Nobody().Get("/check/"+lbw.Str("id"), "Accept", "application/json").Is(200)
	require.Equal(t, "valid", check.Str("status"))
	require.NotContains(t, string(check.Body), "Sam")
	printed := strings.TrimPrefix(lbw.Str("check_url"), testkit.PublicURL)
	require.Contains(t, string(s.w.Nobody().Get(printed).Is(200).Body), "Sam Voorbeeld")
	require.Equal(t, "%PDF", string(s.c.Get("/v1/leerbewijzen/" + lbw.Str("id") + "/pdf").Is(200).Body[:4]))
}

// A leercoach shows the hours of the days on which they guided the switcher, also one whom only a day names.
func TestLeerbewijs_OfALeercoachCountsTheirOwnDays(t *testing.T) {
	t.Parallel()
	s := open(t)
	_, lui := s.exchange()
	base := "/v1/leeruitwisselingen/" + lui
	second := s.w.Medewerker(s.receivingOrg, "Bo")
	s.c.Post(base+"/days", fmt.Sprintf(`{"date_on":%q,"starts":"09:00","ends":"12:00","break_minutes":0,"leercoach_ids":[%q]}`, day(t, s, -3), second)).Is(201)
	s.planned(t, lui, -2)
	days := s.c.Get(base).Is(200)
	require.Equal(t, 2, days.Len("days"))
	for i := range 2 {
		s.c.Post(base+"/days/"+days.Str(fmt.Sprintf("days.%d.id", i))+"/attend", `{"attended":true}`).Is(200)
	}
	s.c.Post(base+"/complete", nil).Is(200)
	for who, hours := range map[id.MedewerkerID]float64{s.switcher: 10, s.coach: 7, second: 3} {
		made := s.c.Post("/v1/leerbewijzen", fmt.Sprintf(`{"leeruitwisseling_id":%q,"medewerker_id":%q}`, lui, who)).Is(201)
		require.EqualValues(t, hours, made.Num("hours"), made.Str("role"))
	}
}

// Colleagues of the switcher and families are asked too (seed 001, 5.8, on VBJK-VCOK), each in a survey of their own.
func TestSurvey_AsksColleaguesAndFamiliesOfACompletedExchange(t *testing.T) {
	t.Parallel()
	s := open(t)
	_, lui := s.exchange()
	base := "/v1/leeruitwisselingen/" + lui
	ask := func(more string) *testkit.Answer {
		return s.c.Post("/v1/surveys", fmt.Sprintf(`{"leeruitwisseling_id":%q,"role":"colleague"%s}`, lui, more))
	}
	ask("").Problem(409, "leeruitwisseling-not-completed")
	for _, d := range s.planned(t, lui, -1) {
		s.c.Post(base+"/days/"+d+"/attend", `{"attended":true,"safety_briefed":true}`).Is(200)
	}
	done := s.c.Post(base+"/complete", nil).Is(200)
	asked := ask("").Is(201)
	four := s.c.Get("/v1/surveys/" + done.Str("survey_ids.0")).Is(200)
	require.Equal(t, "online", four.Str("mode"))
	require.Equal(t, four.Str("invite_on"), asked.Str("invite_on"), "asked when everybody else is")
	require.Equal(t, s.sendingOrg.String(), asked.Str("organisation_id"))
	require.Nil(t, asked.At("medewerker_id"))
	require.Equal(t, "CO1", asked.Str("questions.0.id"))
	require.Equal(t, "online", asked.Str("mode"))
	require.NotEmpty(t, asked.Str("link"))
	family := s.c.Post("/v1/surveys", fmt.Sprintf(`{"leeruitwisseling_id":%q,"role":"family","mode":"face_to_face","lang":"fr","invite_on":"2087-01-05"}`, lui)).Is(201)
	require.Equal(t, s.receivingOrg.String(), family.Str("organisation_id"))
	require.Equal(t, "face_to_face", family.Str("mode"))
	require.Equal(t, "fr", family.Str("lang"))
	require.Equal(t, "2087-01-05", family.Str("invite_on"))
	at := "/v1/surveys/" + family.Str("id")
	require.Equal(t, at, family.Header.Get("Location"))
	require.Equal(t, "terugkommoment", s.c.Patch(at, `{"mode":"terugkommoment"}`).Is(200).Str("mode"))
	require.Equal(t, []string{"survey.created", "survey.updated"}, s.w.EventTypes(family.Str("id")))
	require.Equal(t, "2087-01-06", s.c.Patch(at, `{"invite_on":"2087-01-06"}`).Is(200).Str("invite_on"))
	s.c.Patch(at, `{"mode":"post"}`).Problem(422, "invalid", "/mode")
	ask("").Is(201)
	s.c.Post("/v1/surveys", fmt.Sprintf(`{"leeruitwisseling_id":%q,"role":"switcher"}`, lui)).Problem(422, "invalid", "/role")
	s.c.Post("/v1/surveys", `{"leeruitwisseling_id":"lui_01jd8m5x9nf3tvhg5w6rkz2c4q","role":"family"}`).Problem(422, "invalid", "/leeruitwisseling_id")
	s.receiving.Post("/v1/surveys", fmt.Sprintf(`{"leeruitwisseling_id":%q,"role":"family"}`, lui)).Problem(403, "forbidden")
}

// A certificate says what the employer says of the hours, and which hours they are.
func TestLeerbewijs_GoesWithTheTrainingHours(t *testing.T) {
	t.Parallel()
	s := open(t)
	_, lui := s.exchange()
	base := "/v1/leeruitwisselingen/" + lui
	for _, d := range s.planned(t, lui, -1) {
		s.c.Post(base+"/days/"+d+"/attend", `{"attended":true,"safety_briefed":true}`).Is(200)
	}
	opr := s.c.Post(base+"/complete", nil).Is(200).Str("opleidingsregistratie_ids.0")
	require.Equal(t, "Woonzorgcentrum De Linde", s.sending.Get("/v1/opleidingsregistraties/"+opr).Is(200).Str("provider_name"))
	s.sending.Post("/v1/opleidingsregistraties/"+opr+"/correct", `{"classification":"formal","reason":"deel van een cursus"}`).Is(200)
	issue := func(who id.MedewerkerID) *testkit.Answer {
		return s.c.Post("/v1/leerbewijzen", fmt.Sprintf(`{"leeruitwisseling_id":%q,"medewerker_id":%q}`, lui, who)).Is(201)
	}
	ofSwitcher := issue(s.switcher)
	require.Equal(t, opr, ofSwitcher.Str("opleidingsregistratie_id"), "the root of the chain, which stays")
	require.Equal(t, "formal", ofSwitcher.Str("classification"))
	ofCoach := issue(s.coach)
	require.Nil(t, ofCoach.At("opleidingsregistratie_id"))
	require.Equal(t, "informal", ofCoach.Str("classification"))
}

func TestExchange_NoHoursNoRegistratie(t *testing.T) {
	t.Parallel()
	s := open(t)
	_, lui := s.exchange()
	base := "/v1/leeruitwisselingen/" + lui
	for _, d := range s.planned(t, lui, -1) {
		s.c.Post(base+"/days/"+d+"/attend", `{"attended":false}`).Is(200)
	}
	done := s.c.Post(base+"/complete", nil).Is(200)
	require.Zero(t, done.Len("opleidingsregistratie_ids"))
	require.Equal(t, 4, done.Len("survey_ids"))
	s.c.Post("/v1/leerbewijzen", fmt.Sprintf(`{"leeruitwisseling_id":%q,"medewerker_id":%q}`, lui, s.switcher)).Problem(409, "leeruitwisseling-without-hours")
}

func TestExchange_CancelledFreesThePlaceAndKeepsAttendedHours(t *testing.T) {
	t.Parallel()
	s := open(t)
	mid, lui := s.exchange()
	base := "/v1/leeruitwisselingen/" + lui
	require.EqualValues(t, 0, s.c.Get("/v1/leerplekken/"+s.leerplek.String()).Num("places_free"))
	days := s.planned(t, lui, -2, -1)
	s.c.Post(base+"/days/"+days[0]+"/attend", `{"attended":true,"safety_briefed":true}`).Is(200)
	s.sending.Post(base+"/cancel", `{"reason":"illness","by_party":"receiving"}`).Problem(403, "forbidden")
	gone := s.sending.Post(base+"/cancel", `{"reason":"illness","by_party":"sending","note":"griep"}`).Is(200)
	require.Equal(t, "cancelled", gone.Str("status"))
	require.Equal(t, 1, gone.Len("opleidingsregistratie_ids"), "the day that was attended counts")
	require.NotContains(t, string(s.receiving.Get(base).Is(200).Body), "griep")
	require.Equal(t, "open", s.c.Get("/v1/leervragen/"+s.leervraag.String()).Str("status"))
	require.Equal(t, "cancelled", s.c.Get("/v1/matches/"+mid).Str("status"))
	require.EqualValues(t, 1, s.c.Get("/v1/leerplekken/"+s.leerplek.String()).Num("places_free"))
	facts := len(s.w.Events())
	s.c.Post(base+"/cancel", `{"reason":"other","by_party":"partner"}`).Is(200)
	require.Len(t, s.w.Events(), facts, "cancelling twice tells it once")
	s.match(false).Is(201)
}

func TestRevokeClient_DisablesItsEndpoints(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	admin, owner := w.Admin(), w.Coordinator()
	whe := owner.Post("/v1/webhook-endpoints", `{"url":"http://127.0.0.1:9/hook","event_types":["*"]}`).Is(201).Str("id")
	admin.Delete("/v1/clients/" + owner.Principal.ClientID.String()).Is(204)
	require.Equal(t, "disabled", admin.Get("/v1/webhook-endpoints/"+whe).Is(200).Str("status"))
	owner.Get("/v1/whoami").Problem(401, "unauthenticated")
}

func TestMatch_LapsesWhenItsLeervraagOrLeerplekFallsAway(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(scene) *testkit.Answer{
		"leervraag withdrawn": func(s scene) *testkit.Answer {
			return s.sending.Post("/v1/leervragen/"+s.leervraag.String()+"/withdraw", nil)
		},
		"leervraag closed": func(s scene) *testkit.Answer {
			return s.sending.Post("/v1/leervragen/"+s.leervraag.String()+"/close", `{"outcome":"not_addressed"}`)
		},
		"leerplek withdrawn": func(s scene) *testkit.Answer {
			return s.receiving.Post("/v1/leerplekken/"+s.leerplek.String()+"/withdraw", nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			mid := s.match(false).Is(201).Str("id")
			end(s).Is(200)
			require.Equal(t, "lapsed", s.c.Get("/v1/matches/"+mid).Is(200).Str("status"))
			s.sending.Post("/v1/matches/"+mid+"/accept", nil).Problem(409, "match-lapsed")
			require.Equal(t, "match.lapsed", s.w.EventTypes(mid)[2])
		})
	}
}
