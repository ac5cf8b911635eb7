package survey_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
	"github.com/switchingtalent/switchboard/internal/survey"
)

// stage is an exchange with one survey to each role.
type stage struct {
	*testkit.World
	testkit.Pair
	coordinate *testkit.Caller
	surveys    map[survey.Role]survey.Survey
}

var zone = func() *time.Location {
	z, err := time.LoadLocation("Europe/Brussels") // of a new tenant
	if err != nil {
		panic(err)
	}
	return z
}()

func setUp(t *testing.T, w *testkit.World) stage {
	t.Helper()
	s := stage{World: w, Pair: w.Pair(), coordinate: w.Coordinator(), surveys: map[survey.Role]survey.Survey{}}
	for _, r := range survey.Roles {
		n := survey.New{LeeruitwisselingID: s.Leeruitwisseling, Role: r, OrganisationID: s.Sending, InviteOn: s.today().Add(14), Lang: "nl"}
		switch r {
		case survey.Switcher:
			n.MedewerkerID = &s.Switcher
		case survey.Leercoach:
			n.OrganisationID, n.MedewerkerID = s.Receiving, &s.Coach
		case survey.Receiving, survey.Family:
			n.OrganisationID = s.Receiving
		}
		s.surveys[r] = s.schedule(n)
	}
	return s
}

func (s stage) today() day.Date { return day.At(s.Clock.Now(), zone) }

func (s stage) schedule(n survey.New) (v survey.Survey) {
	s.T.Helper()
	s.Do(func(tx *db.Tx) (err error) {
		v, err = s.App.Surveys.Schedule(context.Background(), tx, n)
		return err
	})
	return v
}

func (s stage) path(r survey.Role) string { return "/v1/surveys/" + s.surveys[r].ID.String() }

// link is the path of the link to a survey.
func (s stage) link(r survey.Role) string {
	s.T.Helper()
	path, ok := strings.CutPrefix(s.coordinate.Get(s.path(r)).Is(200).Str("link"), testkit.PublicURL)
	require.True(s.T, ok)
	return path
}

func (s stage) types(r survey.Role) []string { return s.EventTypes(s.surveys[r].ID.String()) }

func (s stage) answers(r survey.Role) int {
	return s.Count(`select count(*) from survey_answers where survey_id = $1`, s.surveys[r].ID.UUID())
}

func answers(pairs ...any) map[string]any {
	all := []any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		all = append(all, map[string]any{"question": pairs[i], "value": pairs[i+1]})
	}
	return map[string]any{"answers": all}
}

func TestSurveysAreListedWithLinksForWhoHandsThemOut(t *testing.T) {
	t.Parallel()
	s := setUp(t, testkit.New(t))
	other := s.World.Pair()
	s.schedule(survey.New{LeeruitwisselingID: other.Leeruitwisseling, Role: survey.Sending, OrganisationID: other.Sending, InviteOn: s.today(), Lang: "nl"})

	query := "/v1/surveys?leeruitwisseling_id=" + s.Leeruitwisseling.String()
	a := s.coordinate.Get(query).Is(200)
	require.Equal(t, len(survey.Roles), a.Len("data"))
	links := map[string]bool{}
	for i, r := range survey.Roles {
		at := "data." + string(rune('0'+i)) + "."
		require.Equal(t, string(r), a.Str(at+"role"))
		require.Equal(t, "scheduled", a.Str(at+"status"))
		require.Equal(t, s.today().Add(14).String(), a.Str(at+"invite_on"))
		require.Zero(t, a.Len(at+"answers"))
		require.NotZero(t, a.Len(at+"questions"))
		link := a.Str(at + "link")
		token, ok := strings.CutPrefix(link, testkit.PublicURL+"/s/")
		require.True(t, ok, link)
		require.Len(t, token, 43, "256 bits")
		links[link] = true
		require.Zero(t, s.Count(`select count(*) from surveys where position(convert_to($1, 'UTF8') in link_sealed) > 0`, token), "the token lies sealed")
	}
	require.Len(t, links, len(survey.Roles))
	for query, n := range map[string]int{query + "&status=invited": 0, query + "&status=scheduled,answered": 6, query + "&role=switcher,family": 2, "/v1/surveys": 7,
		"/v1/surveys?leeruitwisseling_id=" + id.NewLeeruitwisseling().String(): 0} {
		require.Equal(t, n, s.coordinate.Get(query).Is(200).Len("data"), query)
	}
	s.coordinate.Get("/v1/surveys?status=open").Problem(400, "invalid-parameter", "status")

	switcher := s.Client(auth.Switcher, &s.Sending, &s.Switcher)
	for c, roles := range map[*testkit.Caller][]survey.Role{
		s.Employer(s.Sending):   {survey.Switcher, survey.Sending, survey.Colleague},
		s.Employer(s.Receiving): {survey.Leercoach, survey.Receiving, survey.Family},
		switcher:                {survey.Switcher},
		s.Client(auth.Leercoach, &s.Receiving, &s.Coach): {survey.Leercoach},
		s.Client(auth.Viewer, nil, nil):                  survey.Roles,
	} {
		a := c.Get(query).Is(200)
		require.Equal(t, len(roles), a.Len("data"))
		for i, r := range roles {
			require.Equal(t, string(r), a.Str("data."+string(rune('0'+i))+".role"))
			require.Nil(t, a.At("data."+string(rune('0'+i))+".link"))
		}
	}
	require.Equal(t, s.coordinate.Get("/v1/surveys/"+id.NewSurvey().String()).Problem(404, "not-found").Retold(),
		switcher.Get(s.path(survey.Leercoach)).Problem(404, "not-found").Retold())
	require.Equal(t, []string{"survey.created"}, s.types(survey.Family))
}

func TestARespondentAnswersOnce(t *testing.T) {
	t.Parallel()
	s := setUp(t, testkit.New(t))
	switcher := s.Client(auth.Switcher, &s.Sending, &s.Switcher)
	path := s.path(survey.Switcher) + "/answers"

	switcher.Post(path, answers("SW1", "a", "UO1", "b", "SW1", "c")).Problem(422, "invalid", "/answers/1/question", "/answers/2/question")
	switcher.Post(path, answers("SW2", "b")).Problem(422, "invalid", "/answers")
	switcher.Post(path, answers("SW1", strings.Repeat("x", 5001), "SW2", 3)).Problem(422, "invalid", "/answers/0/value", "/answers/1/value")
	switcher.Post(path, `{"answers":[{"question":"SW1","value":"a\u0000b"}]}`).Problem(422, "invalid", "/answers/0/value")
	switcher.Post(path, answers("SW1", nil)).Problem(422, "invalid", "/answers/0/value")
	switcher.Post(path, answers()).Problem(422, "invalid", "/answers")
	switcher.Post(path, `{"answers":[{"question":"SW1"}]}`).Problem(422, "invalid", "/answers/0/value")
	switcher.Post(path, `{"answers":[{"question":"SW1","value":"a","note":"b"}]}`).Problem(422, "invalid", "/answers/0/note")
	require.Zero(t, s.answers(survey.Switcher))

	a := switcher.Post(path, answers("SW1", "Rustig uitleggen", "SW2", "  ", "SW5", "Een overleg\nmet het team")).Is(200)
	require.Equal(t, "answered", a.Str("status"))
	require.Equal(t, 2, a.Len("answers"), "what says nothing is not kept")
	require.Equal(t, "SW1", a.Str("answers.0.question"))
	require.Equal(t, "Een overleg\nmet het team", a.Str("answers.1.value"))
	require.NotNil(t, a.At("answered_at"))
	require.Equal(t, `"2"`, a.Header.Get("ETag"))
	switcher.Post(path, answers("SW1", "Nog iets")).Problem(409, "survey-answered")
	s.coordinate.Post(s.path(survey.Switcher)+"/invite", nil).Problem(409, "survey-answered")
	require.Equal(t, []string{"survey.created", "survey.answered"}, s.types(survey.Switcher))
	require.Nil(t, s.coordinate.Get(s.path(survey.Switcher)).Is(200).At("link"), "the link has done its work")
	for _, e := range s.Events() {
		require.NotContains(t, string(e.Data), "Rustig")
	}

	key := []string{"Idempotency-Key", "survey-of-the-coach"}
	first := s.coordinate.Post(s.path(survey.Leercoach)+"/answers", answers("LC1", "Vlot"), key...).Is(200)
	again := s.coordinate.Post(s.path(survey.Leercoach)+"/answers", answers("LC1", "Vlot"), key...).Is(200)
	require.Equal(t, string(first.Body), string(again.Body), "a retry with its key is no second answer")
}

func TestAnswersAreReadByThoseWhoGaveThemAndThePartner(t *testing.T) {
	t.Parallel()
	s := setUp(t, testkit.New(t))
	question := map[survey.Role]string{survey.Switcher: "SW1", survey.Sending: "UO1", survey.Leercoach: "LC1", survey.Receiving: "OO1", survey.Colleague: "CO1", survey.Family: "GE1"}
	for _, r := range survey.Roles {
		s.coordinate.Post(s.path(r)+"/answers", answers(question[r], "gezegd")).Is(200)
	}
	for c, reads := range map[*testkit.Caller][]survey.Role{
		s.coordinate:            survey.Roles,
		s.Employer(s.Sending):   {survey.Sending},
		s.Employer(s.Receiving): {survey.Receiving},
		s.Client(auth.Switcher, &s.Sending, &s.Switcher): {survey.Switcher},
		s.Client(auth.Leercoach, &s.Receiving, &s.Coach): {survey.Leercoach},
	} {
		got := []survey.Role{}
		for _, r := range survey.Roles {
			if a := c.Get(s.path(r)); a.Status == http.StatusOK && a.Len("answers") > 0 {
				require.Equal(t, "gezegd", a.Str("answers.0.value"))
				got = append(got, r)
			}
		}
		require.Equal(t, reads, got)
	}
}

func TestNobodyAnswersForAnother(t *testing.T) {
	t.Parallel()
	s := setUp(t, testkit.New(t))
	sender := s.Employer(s.Sending)
	for r, body := range map[survey.Role]map[string]any{survey.Switcher: answers("SW1", "x"), survey.Colleague: answers("CO1", "x")} {
		sender.Post(s.path(r)+"/answers", body).Problem(403, "forbidden")
		require.Zero(t, s.answers(r))
	}
	sender.Post(s.path(survey.Receiving)+"/answers", answers("OO1", "x")).Problem(404, "not-found")
	s.Client(auth.Switcher, &s.Sending, &s.Switcher).Post(s.path(survey.Sending)+"/answers", answers("UO1", "x")).Problem(404, "not-found")
	s.Client(auth.Viewer, nil, nil).Post(s.path(survey.Sending)+"/answers", answers("UO1", "x")).Problem(403, "forbidden")
	sender.Post(s.path(survey.Sending)+"/answers", answers("UO1", "Vlot")).Is(200)
	sender.Post(s.path(survey.Sending)+"/invite", nil).Problem(403, "forbidden")
	sender.Patch(s.path(survey.Sending), map[string]any{"invite_on": "2027-01-01"}).Problem(403, "forbidden")
}

func TestAnswersKeepTheirType(t *testing.T) {
	t.Parallel()
	s := setUp(t, testkit.New(t))
	questions := `[{"id":"a","text":"Hoe bruikbaar?","kind":"scale","required":true,"options":[]},{"id":"b","text":"Opnieuw?","kind":"yes_no","required":false,"options":[]},
		{"id":"c","text":"Beantwoord?","kind":"choice","required":false,"options":["Ja","Deels"]}]`
	for _, r := range []survey.Role{survey.Sending, survey.Receiving} {
		require.Equal(t, 1, s.Count(`with u as (update surveys set questions = $1::jsonb where id = $2 returning 1) select count(*) from u`, questions, s.surveys[r].ID.UUID()))
	}
	s.coordinate.Post(s.path(survey.Sending)+"/answers", answers("a", 6, "b", "yes", "c", "Nee")).Problem(422, "invalid", "/answers/0/value", "/answers/1/value", "/answers/2/value")
	require.JSONEq(t, `[{"question":"a","value":4},{"question":"b","value":false},{"question":"c","value":"Deels"}]`,
		list(t, s.coordinate.Post(s.path(survey.Sending)+"/answers", answers("a", 4, "b", false, "c", "Deels")).Is(200)))

	link := s.link(survey.Receiving)
	s.Nobody().Post(link, url.Values{"a": {"9"}, "b": {"perhaps"}, "c": {"Nee"}}).Is(422)
	s.Nobody().Post(link, url.Values{"a": {"4"}, "b": {"no"}, "c": {""}}).Is(200)
	require.JSONEq(t, `[{"question":"a","value":4},{"question":"b","value":false}]`, list(t, s.coordinate.Get(s.path(survey.Receiving)).Is(200)))
}

func list(t *testing.T, a *testkit.Answer) string {
	t.Helper()
	b, err := json.Marshal(a.At("answers"))
	require.NoError(t, err)
	return string(b)
}

func TestALinkAsksWithoutAnAccount(t *testing.T) {
	t.Parallel()
	s := setUp(t, testkit.New(t))
	link := s.link(survey.Family)
	for range 2 { // mail scanners open links too
		a := s.Nobody().Get(link, "Accept-Language", "fr").Is(200)
		page := string(a.Body)
		require.Contains(t, page, "Hoe hebben jullie de aanwezigheid van switchers ervaren?", "in the language of the survey")
		require.Contains(t, page, "leeruitwisseling van Apotheek Zonneveld bij Woonzorgcentrum De Linde")
		require.Contains(t, page, "Partner "+s.Slug)
		require.NotContains(t, page, "Sam")
		require.Equal(t, "no-store", a.Header.Get("Cache-Control"))
		require.Equal(t, "no-referrer", a.Header.Get("Referrer-Policy"))
		require.Equal(t, "text/html; charset=utf-8", a.Header.Get("Content-Type"))
	}
	require.Equal(t, []string{"survey.created"}, s.types(survey.Family), "looking changes nothing")
	require.InDelta(t, 1, s.coordinate.Get(s.path(survey.Family)).Is(200).Num("revision"), 0)

	a := s.Nobody().Post(link, url.Values{"GE1": {" "}, "SW1": {"<script>"}}).Is(422)
	require.Contains(t, string(a.Body), "Dit antwoord ontbreekt nog.")
	a = s.Nobody().Post(link, url.Values{"GE1": {strings.Repeat("x", 5001)}}).Is(422)
	require.Contains(t, string(a.Body), "Dit antwoord is te lang: hoogstens 5000 tekens.")
	require.Contains(t, string(a.Body), strings.Repeat("x", 5001), "what was typed is not lost")
	a = s.Nobody().Post(link, url.Values{"GE1": {"een\x07twee"}}).Is(422)
	require.Contains(t, string(a.Body), "tekens die we niet kunnen bewaren")
	s.Nobody().Post(link, url.Values{"GE1": {"\xff"}}).Problem(400, "bad-request")
	s.Nobody().Post(link, `{"GE1":"x"}`).Problem(422, "invalid", "/GE1", "/answers")
	s.Nobody().Post(link, `[]`).Problem(422, "invalid", "")
	s.Nobody().Post(link, `{`).Problem(400, "malformed-json")
	s.Nobody().Post(link, "<a/>", "Content-Type", "text/xml").Problem(415, "unsupported-media-type")
	s.Nobody().Post(link, nil).Problem(415, "unsupported-media-type")
	require.Zero(t, s.answers(survey.Family))

	a = s.Nobody().Post(link, url.Values{"GE1": {"Fijn,\r\nvan begin tot eind"}}).Is(200)
	require.Contains(t, string(a.Body), "Bedankt")
	require.Equal(t, []string{"survey.created", "survey.answered"}, s.types(survey.Family))
	read := s.coordinate.Get(s.path(survey.Family)).Is(200)
	require.Equal(t, "Fijn,\nvan begin tot eind", read.Str("answers.0.value"))

	for _, a := range []*testkit.Answer{s.Nobody().Get(link).Is(200), s.Nobody().Post(link, url.Values{"GE1": {"Nog iets"}}).Is(200)} {
		require.Contains(t, string(a.Body), "Deze vragen zijn al beantwoord")
		require.NotContains(t, string(a.Body), "Fijn", "earlier answers are never shown")
		require.NotContains(t, string(a.Body), "Nog iets")
	}
	require.Equal(t, 1, s.answers(survey.Family))
	require.Equal(t, 1, s.Count(`select count(*) from surveys where id = $1 and changed_by = 'system:survey-link' and request_id like 'req_%'`, s.surveys[survey.Family].ID.UUID()))
}

func TestALinkSpeaksTheLanguageOfItsSurveyInTheColoursOfItsTenant(t *testing.T) {
	t.Parallel()
	s := setUp(t, testkit.New(t))
	for lang, want := range map[string]string{"fr": "Qu’avez-vous appris ?", "en": "What did you learn?", "nl": "Wat leerde je?", "de": "Wat leerde je?"} {
		v := s.schedule(survey.New{LeeruitwisselingID: s.Leeruitwisseling, Role: survey.Switcher, OrganisationID: s.Sending, MedewerkerID: &s.Switcher, InviteOn: s.today(), Lang: lang})
		a := s.coordinate.Get("/v1/surveys/" + v.ID.String()).Is(200)
		require.Equal(t, want, a.Str("questions.0.text"))
		require.Contains(t, string(s.Nobody().Get(strings.TrimPrefix(a.Str("link"), testkit.PublicURL)).Is(200).Body), want)
	}
	require.Equal(t, 1, s.Count(`with u as (update tenants set primary_colour = '#6a1b9a', accent_colour = '#ffc107' where id = $1 returning 1) select count(*) from u`, s.Tenant.UUID()))
	require.Equal(t, 1, s.Count(`with u as (update leeruitwisselingen set receiving_name = sending_name where id = $1 returning 1) select count(*) from u`, s.Leeruitwisseling.UUID()))
	page := string(s.Nobody().Get(s.link(survey.Sending)).Is(200).Body)
	require.Contains(t, page, "leeruitwisseling binnen Apotheek Zonneveld")
	require.Contains(t, page, "--primary:#6a1b9a")
	require.Contains(t, page, "--accent:#ffc107")
}

func TestALinkThatLeadsNowhereTellsNothing(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	s := setUp(t, h.Tenant(t))
	expired, answered := s.link(survey.Sending), s.link(survey.Receiving)
	s.Nobody().Post(answered, url.Values{"OO1": {"Vlot"}}).Is(200)
	unknown := "/s/" + strings.Repeat("A", 43)
	never := s.Nobody().Get(unknown, "Accept-Language", "nl").Is(404)
	require.Contains(t, string(never.Body), "Deze link werkt niet (meer)")
	require.NotContains(t, string(never.Body), s.Slug)

	h.Clock.Advance(14*24*time.Hour + 60*24*time.Hour + 25*time.Hour)
	check := func() {
		for _, path := range []string{expired, answered, unknown, unknown + "x", "/s/x"} {
			a := s.Nobody().Get(path, "Accept-Language", "nl").Is(404)
			require.Equal(t, string(never.Body), string(a.Body), path)
			a = s.Nobody().Post(path, url.Values{"UO1": {"Te laat"}}, "Accept-Language", "nl").Is(404)
			require.Equal(t, string(never.Body), string(a.Body), path)
		}
	}
	s.coordinate = s.Coordinator() // the old token has expired with the rest
	check()
	s.coordinate.Post(s.path(survey.Sending)+"/answers", answers("UO1", "Te laat")).Problem(409, "survey-expired")
	s.coordinate.Post(s.path(survey.Sending)+"/invite", nil).Problem(409, "survey-expired")
	require.Nil(t, s.coordinate.Get(s.path(survey.Sending)).Is(200).At("link"))

	other := h.Tenant(t)
	require.NoError(t, s.App.Surveys.ExpireDue(context.Background(), s.App.DB))
	require.NoError(t, s.App.Surveys.ExpireDue(context.Background(), s.App.DB), "again: nothing is left to do")
	for _, r := range survey.Roles {
		a := s.coordinate.Get(s.path(r)).Is(200)
		if r == survey.Receiving {
			require.Equal(t, "answered", a.Str("status"))
			continue
		}
		require.Equal(t, "expired", a.Str("status"))
		require.Equal(t, []string{"survey.created", "survey.expired"}, s.types(r))
	}
	require.Zero(t, s.Count(`select count(*) from platform.directory d join surveys v on v.id = d.subject_id where v.status = 'expired'`), "the token is forgotten")
	require.Zero(t, s.Count(`select count(*) from surveys where status = 'expired' and link_sealed is not null`))
	require.Empty(t, other.Events())
	check()
	s.coordinate.Patch(s.path(survey.Sending), map[string]any{"invite_on": "2030-01-01"}).Problem(409, "survey-expired")
}

func TestTheInvitationGoesOutAtNineOnItsDay(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	s := setUp(t, h.Tenant(t))
	v := s.surveys[survey.Switcher]
	at := v.InviteOn.Clock(9, 0, zone)
	require.Equal(t, 1, s.Count(`select count(*) from platform.river_job where kind = 'survey.invite' and scheduled_at = $1
		and args = jsonb_build_object('tenant_id', $2::text, 'survey_id', $3::text)`, at, s.Tenant.String(), v.ID.String()), "keys only")
	require.Equal(t, at.Add(60*24*time.Hour).UTC(), v.ExpiresAt.UTC())

	due := func() {
		t.Helper()
		require.NoError(t, s.App.Surveys.InviteDue(context.Background(), s.App.DB, s.Tenant, v.ID))
	}
	due()
	require.Equal(t, []string{"survey.created"}, s.types(survey.Switcher), "not before its time")

	later := v.InviteOn.Add(7)
	a := s.coordinate.Patch(s.path(survey.Switcher), map[string]any{"invite_on": later}, "If-Match", `"1"`).Is(200)
	require.Equal(t, later.String(), a.Str("invite_on"))
	s.coordinate.Patch(s.path(survey.Switcher), map[string]any{"invite_on": later}).Is(200)
	s.coordinate.Patch(s.path(survey.Switcher), map[string]any{"invite_on": v.InviteOn}, "If-Match", `"1"`).Problem(412, "revision-mismatch")
	s.coordinate.Patch(s.path(survey.Switcher), map[string]any{"invite_on": "tomorrow"}).Problem(422, "invalid", "/invite_on")
	s.coordinate.Patch(s.path(survey.Switcher), map[string]any{"status": "invited"}).Problem(422, "invalid", "/status")
	require.Equal(t, []string{"survey.created", "survey.updated"}, s.types(survey.Switcher), "the same day again is no fact")
	require.Equal(t, 1, s.Count(`select count(*) from platform.river_job where kind = 'survey.invite' and scheduled_at = $1 and args->>'survey_id' = $2`,
		later.Clock(9, 0, zone), v.ID.String()))

	h.Clock.Advance(at.Sub(h.Clock.Now()) + time.Second)
	due()
	require.Equal(t, []string{"survey.created", "survey.updated"}, s.types(survey.Switcher), "the job of the day before finds that it is not its day")
	h.Clock.Advance(7*24*time.Hour + 2*time.Hour)
	due()
	due()
	require.Equal(t, []string{"survey.created", "survey.updated", "survey.invited"}, s.types(survey.Switcher), "once")
	s.coordinate = s.Coordinator()
	a = s.coordinate.Get(s.path(survey.Switcher)).Is(200)
	require.Equal(t, "invited", a.Str("status"))
	invited, err := time.Parse(time.RFC3339Nano, a.Str("invited_at"))
	require.NoError(t, err)
	expires, err := time.Parse(time.RFC3339Nano, a.Str("expires_at"))
	require.NoError(t, err)
	require.Equal(t, 60*24*time.Hour, expires.Sub(invited))
	s.coordinate.Patch(s.path(survey.Switcher), map[string]any{"invite_on": later}).Problem(409, "survey-invited")
	s.Nobody().Post(s.link(survey.Switcher), url.Values{"SW1": {"Veel"}}).Is(200)
	due()
	require.Equal(t, "answered", s.coordinate.Get(s.path(survey.Switcher)).Is(200).Str("status"))
	require.NoError(t, s.App.Surveys.InviteDue(context.Background(), s.App.DB, s.Tenant, id.NewSurvey()), "what is not there needs no invitation")
}

// In a talk or at a terugkommoment somebody asks and writes down what was said: no link is to be handed out, and nobody is
// told to hand one out.
func TestWhoIsAskedInATalkIsNotInvitedByALink(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	s := setUp(t, h.Tenant(t))
	ctx := context.Background()
	due := func(r survey.Role) {
		t.Helper()
		require.NoError(t, s.App.Surveys.InviteDue(ctx, s.App.DB, s.Tenant, s.surveys[r].ID))
	}
	waits := func(r survey.Role) int {
		return s.Count(`select count(*) from platform.river_job where kind = 'survey.invite' and args->>'survey_id' = $1`, s.surveys[r].ID.String())
	}
	s.coordinate.Patch(s.path(survey.Switcher), map[string]any{"mode": "face_to_face"}).Is(200)
	s.coordinate.Patch(s.path(survey.Family), map[string]any{"mode": "terugkommoment"}).Is(200)
	query := "/v1/surveys?status=scheduled&mode=face_to_face,terugkommoment&leeruitwisseling_id=" + s.Leeruitwisseling.String()
	require.Equal(t, 2, s.coordinate.Get(query).Is(200).Len("data"), "who is to be spoken to")
	s.coordinate.Get("/v1/surveys?mode=phone").Problem(400, "invalid-parameter", "mode")

	h.Clock.Advance(15 * 24 * time.Hour)
	s.coordinate = s.Coordinator()
	for _, r := range []survey.Role{survey.Switcher, survey.Family, survey.Leercoach} {
		due(r)
	}
	require.Equal(t, []string{"survey.created", "survey.updated"}, s.types(survey.Switcher))
	require.Equal(t, []string{"survey.created", "survey.updated"}, s.types(survey.Family))
	require.Equal(t, []string{"survey.created", "survey.invited"}, s.types(survey.Leercoach))
	modes := map[string]string{}
	for _, e := range s.Events() {
		var data struct{ Role, Mode string }
		require.NoError(t, json.Unmarshal(e.Data, &data))
		modes[data.Role] = data.Mode
	}
	require.Equal(t, map[string]string{"switcher": "face_to_face", "sending": "online", "leercoach": "online", "receiving": "online", "colleague": "online",
		"family": "terugkommoment"}, modes, "every fact says how the respondent is asked")

	s.coordinate.Post(s.path(survey.Switcher)+"/answers", answers("SW1", "Rustig uitleggen")).Is(200)
	require.Equal(t, []string{"survey.created", "survey.updated", "survey.answered"}, s.types(survey.Switcher), "written down after the talk")
	before := waits(survey.Family)
	s.coordinate.Patch(s.path(survey.Family), map[string]any{"mode": "online"}).Is(200)
	require.Equal(t, before+1, waits(survey.Family), "its day has passed: it is invited now")
	due(survey.Family)
	require.Equal(t, "invited", s.coordinate.Get(s.path(survey.Family)).Is(200).Str("status"))
	s.coordinate.Patch(s.path(survey.Family), map[string]any{"mode": "face_to_face"}).Problem(409, "survey-invited")
}

func TestSomebodyCanBeInvitedNow(t *testing.T) {
	t.Parallel()
	s := setUp(t, testkit.New(t))
	for range 2 {
		a := s.coordinate.Post(s.path(survey.Leercoach)+"/invite", nil).Is(200)
		require.Equal(t, "invited", a.Str("status"))
		require.NotNil(t, a.At("invited_at"))
		require.Equal(t, `"2"`, a.Header.Get("ETag"))
		require.NotEmpty(t, a.Str("link"))
	}
	require.Equal(t, []string{"survey.created", "survey.invited"}, s.types(survey.Leercoach))
	require.Equal(t, 1, s.Count(`select count(*) from events where subject_id = $1 and type = 'survey.invited' and organisation_ids = array[$2::uuid] and medewerker_ids = array[$3::uuid]`,
		s.surveys[survey.Leercoach].ID.UUID(), s.Receiving.UUID(), s.Coach.UUID()))
	for _, e := range s.Events() {
		require.NotContains(t, string(e.Data), "/s/", "no fact carries a link")
	}
}

func TestAnExchangeOfLongAgoIsAskedAboutNow(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	s := setUp(t, h.Tenant(t))
	ctx, stop := context.WithCancel(context.Background())
	require.NoError(t, s.App.Jobs.Start(ctx))
	t.Cleanup(func() {
		stop()
		require.NoError(t, s.App.Jobs.Stop(context.Background()))
	})
	v := s.schedule(survey.New{LeeruitwisselingID: s.Leeruitwisseling, Role: survey.Sending, OrganisationID: s.Sending, InviteOn: s.today().Add(-100), Lang: "nl"})
	require.True(t, v.ExpiresAt.After(h.Clock.Now().Add(59*24*time.Hour)), "sixty days from now, not from then")
	require.Eventually(t, func() bool {
		var n int
		err := s.Super.QueryRow(context.Background(), `select count(*) from surveys where id = $1 and status = 'invited'`, v.ID.UUID()).Scan(&n)
		return err == nil && n == 1
	}, time.Minute, 10*time.Millisecond, "the job runs as soon as a worker is free")
	require.Equal(t, []string{"survey.created", "survey.invited"}, s.EventTypes(v.ID.String()))
	require.Equal(t, 6, s.Count(`select count(*) from surveys where status = 'scheduled' and tenant_id = $1`, s.Tenant.UUID()), "the others wait for their day")
}
