package leervraag_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/leervraag"
	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// dutch is a leervraag of seed 001, with more members behind those that must be there.
func dutch(switcher id.MedewerkerID, more string) string {
	return fmt.Sprintf(`{"switcher_id":%q,"title":"Nederlands op de werkvloer","question":"Hoe kunnen we Nederlands op de werkvloer anders benaderen?",
		"clarity":"vague","reach":"team"%s}`, switcher, more)
}

// asker is a tenant with one employer and one employee who has something to ask.
type asker struct {
	*testkit.World
	c        *testkit.Caller
	org      id.OrganisationID
	switcher id.MedewerkerID
}

func newAsker(t *testing.T) asker {
	w := testkit.New(t)
	org := w.Organisation("Maatwerkbedrijf Labeur")
	return asker{w, w.Coordinator(), org, w.Medewerker(org, "Sam")}
}

// in makes a leervraag that is in a state.
func (a asker) in(status leervraag.Status) string {
	lid := a.Leervraag(a.org, a.switcher, "Nederlands op de werkvloer", "Hoe kunnen we Nederlands op de werkvloer anders benaderen?")
	_, err := a.Super.Exec(context.Background(), `update leervragen set status = $1 where tenant_id = $2 and id = $3`, string(status), a.Tenant.UUID(), lid.UUID())
	require.NoError(a.T, err)
	return "/v1/leervragen/" + lid.String()
}

func subject(path string) string { return strings.TrimPrefix(path, "/v1/leervragen/") }

func TestLeervraag_IsAskedReadAndFollowedByAFact(t *testing.T) {
	t.Parallel()
	a := newAsker(t)
	made := a.c.Post("/v1/leervragen", dutch(a.switcher, `,"motive":"Nieuwe collega's volgen de briefing niet.","goals":["Twee aanpakken kennen"],
		"topics":["http://data.europa.eu/esco/skill/0000","taalbeleid"],"internal":true,"shared_text":"Een ploegleider komt kijken.","days_needed":2,"sector_wish":"other",
		"available":[{"from_on":"2027-01-04","until_on":"2027-03-31","weekdays":["mon","tue"]},{"from_on":"2027-05-01","until_on":"2027-05-01"}]`)).Is(201)
	lid := made.Str("id")
	require.True(t, strings.HasPrefix(lid, "lvr_"))
	require.Equal(t, "/v1/leervragen/"+lid, made.Header.Get("Location"))
	require.Equal(t, `"1"`, made.Header.Get("ETag"))
	require.Equal(t, "draft", made.Str("status"))
	require.Equal(t, a.org.String(), made.Str("organisation_id"), "the switcher's employer")
	require.EqualValues(t, 1, made.Num("version"))
	require.Equal(t, "tue", made.Str("available.0.weekdays.1"))
	require.Nil(t, made.At("available.1.weekdays"))
	require.Nil(t, made.At("close_reason"))
	require.EqualValues(t, 2, made.Num("days_needed"))
	require.Equal(t, "other", made.Str("sector_wish"))
	require.JSONEq(t, string(made.Body), string(a.c.Get("/v1/leervragen/"+lid).Is(200).Body))

	facts := a.Events()
	require.Len(t, facts, 1)
	require.Equal(t, "leervraag.created", facts[0].Type)
	require.JSONEq(t, fmt.Sprintf(`{"tenant_id":%q,"subject_id":%q,"revision":1,"organisation_ids":[%q],"organisation_id":%[3]q,"switcher_id":%q,"status":"draft","version":1}`,
		a.Tenant, lid, a.org, a.switcher), string(facts[0].Data))
	require.Equal(t, 1, a.Count("select count(*) from events where tenant_id = $1 and medewerker_ids = array[$2::uuid]", a.Tenant.UUID(), a.switcher.UUID()))
}

func TestLeervraag_NeedsLittle(t *testing.T) {
	t.Parallel()
	a := newAsker(t)
	made := a.c.Post("/v1/leervragen", dutch(a.switcher, "")).Is(201)
	require.Zero(t, made.Len("goals")+made.Len("topics")+made.Len("available"))
	require.Equal(t, false, made.At("internal"))
	require.Nil(t, made.At("motive"))
	require.Nil(t, made.At("shared_text"))
	require.EqualValues(t, 1, made.Num("days_needed"))
	require.Nil(t, made.At("sector_wish"))
}

func TestLeervraag_RefusesWhatIsWrong(t *testing.T) {
	t.Parallel()
	a := newAsker(t)
	a.c.Post("/v1/leervragen", `{}`).Problem(422, "invalid", "/switcher_id", "/title", "/question", "/clarity", "/reach")
	elsewhere := newAsker(t).switcher
	for name, x := range map[string]struct{ body, at string }{
		"nobody":                     {dutch(id.NewMedewerker(), ""), "/switcher_id"},
		"another tenant's employee":  {dutch(elsewhere, ""), "/switcher_id"},
		"whose employer":             {dutch(a.switcher, `,"organisation_id":"`+a.org.String()+`"`), "/organisation_id"},
		"a state of one's own":       {dutch(a.switcher, `,"status":"open"`), "/status"},
		"no such clarity":            {strings.Replace(dutch(a.switcher, ""), "vague", "foggy", 1), "/clarity"},
		"no such reach":              {strings.Replace(dutch(a.switcher, ""), `"team"`, `"world"`, 1), "/reach"},
		"an empty goal":              {dutch(a.switcher, `,"goals":["een","  "]`), "/goals/1"},
		"too many goals":             {dutch(a.switcher, `,"goals":["`+strings.Repeat(`x","`, 20)+`x"]`), "/goals"},
		"a topic that is a number":   {dutch(a.switcher, `,"topics":[7]`), "/topics/0"},
		"no day at all":              {dutch(a.switcher, `,"days_needed":0`), "/days_needed"},
		"a sector by name":           {dutch(a.switcher, `,"sector_wish":"zorg"`), "/sector_wish"},
		"no list":                    {dutch(a.switcher, `,"available":null`), "/available"},
		"the end before the start":   {dutch(a.switcher, `,"available":[{"from_on":"2027-01-04","until_on":"2027-01-03"}]`), "/available/0/until_on"},
		"a weekday twice":            {dutch(a.switcher, `,"available":[{"from_on":"2027-01-04","until_on":"2027-02-03","weekdays":["mon","mon"]}]`), "/available/0/weekdays/1"},
		"a weekday in Dutch":         {dutch(a.switcher, `,"available":[{"from_on":"2027-01-04","until_on":"2027-02-03","weekdays":["maandag"]}]`), "/available/0/weekdays/0"},
		"no weekday":                 {dutch(a.switcher, `,"available":[{"from_on":"2027-01-04","until_on":"2027-02-03","weekdays":[]}]`), "/available/0/weekdays"},
		"half a period":              {dutch(a.switcher, `,"available":[{"from_on":"2027-01-04"}]`), "/available/0/until_on"},
		"a period with more in it":   {dutch(a.switcher, `,"available":[{"from_on":"2027-01-04","until_on":"2027-02-03","at":"09:00"}]`), "/available/0/at"},
		"too many periods":           {dutch(a.switcher, `,"available":[`+strings.Repeat(`{"from_on":"2027-01-04","until_on":"2027-02-03"},`, 20)+`{"from_on":"2027-01-04","until_on":"2027-02-03"}]`), "/available"},
		"a question that is a novel": {strings.Replace(dutch(a.switcher, ""), "Hoe kunnen", strings.Repeat("é", 20_001), 1), "/question"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a.c.In(t).Post("/v1/leervragen", x.body).Problem(422, "invalid", x.at)
		})
	}
	a.c.Get("/v1/leervragen/"+a.switcher.String()).Problem(404, "not-found")
	a.c.Get("/v1/leervragen?status=dreamt").Problem(400, "invalid-parameter", "status")
	a.c.Get("/v1/leervragen?switcher_id="+a.org.String()).Problem(400, "invalid-parameter", "switcher_id")
	a.Client(auth.Viewer, nil, nil).Post("/v1/leervragen", dutch(a.switcher, "")).Problem(403, "forbidden")
	a.Nobody().Get("/v1/leervragen").Problem(401, "unauthenticated")
	require.Empty(t, a.Events(), "what was refused leaves no fact")
}

func TestLeervraag_WhoLeftAsksNothing(t *testing.T) {
	t.Parallel()
	a := newAsker(t)
	brussels, err := time.LoadLocation("Europe/Brussels")
	require.NoError(t, err)
	end := func(d time.Time) {
		_, err := a.Super.Exec(context.Background(), `update medewerkers set ended_on = $1 where tenant_id = $2 and id = $3`,
			d.In(brussels).Format(time.DateOnly), a.Tenant.UUID(), a.switcher.UUID())
		require.NoError(t, err)
	}
	end(a.Clock.Now().AddDate(0, 0, 2))
	a.c.Post("/v1/leervragen", dutch(a.switcher, "")).Is(201)
	end(a.Clock.Now())
	gone := a.c.Post("/v1/leervragen", dutch(a.switcher, "")).Problem(422, "invalid", "/switcher_id")
	require.Equal(t, "switcher_ended", gone.Str("errors.0.code"))
	end(a.Clock.Now().AddDate(-1, 0, 0))
	a.c.Post("/v1/leervragen", dutch(a.switcher, "")).Problem(422, "invalid", "/switcher_id")
}

func TestLeervraag_GetsSharperVersionByVersion(t *testing.T) {
	t.Parallel()
	a := newAsker(t)
	made := a.c.Post("/v1/leervragen", dutch(a.switcher, "")).Is(201)
	path := made.Header.Get("Location")
	a.c.Patch(path, `{"clarity":"clear"}`).Problem(428, "if-match-required")
	sharper := a.c.Patch(path, `{"clarity":"clear","question":"Welke taaloefeningen passen in een briefing van tien minuten?","goals":["Drie oefeningen meenemen"],
		"switcher_id":"`+a.switcher.String()+`"}`, "If-Match", made.Header.Get("ETag")).Is(200)
	require.EqualValues(t, 2, sharper.Num("version"))
	require.EqualValues(t, 2, sharper.Num("revision"))
	a.c.Patch(path, `{"clarity":"vague"}`, "If-Match", made.Header.Get("ETag")).Problem(412, "revision-mismatch")

	same := a.c.Patch(path, `{"clarity":"clear","available":[]}`, "If-Match", `"2"`).Is(200)
	require.EqualValues(t, 2, same.Num("revision"), "nothing changed, no revision")
	beside := a.c.Patch(path, `{"reach":"organisation","available":[{"from_on":"2027-01-04","until_on":"2027-03-31"}]}`, "If-Match", `"2"`).Is(200)
	require.EqualValues(t, 2, beside.Num("version"), "when and for whom is not what is asked")
	require.EqualValues(t, 3, beside.Num("revision"))
	require.EqualValues(t, 3, a.c.Patch(path, `{"shared_text":"Een ploegleider komt kijken.","internal":true}`, "If-Match", `"3"`).Is(200).Num("version"))
	refused := a.c.Patch(path, `{"switcher_id":"`+a.Medewerker(a.org, "Noor").String()+`"}`, "If-Match", "*").Problem(422, "invalid", "/switcher_id")
	require.Equal(t, "fixed", refused.Str("errors.0.code"))
	a.c.Patch(path, `{"title":null}`, "If-Match", "*").Problem(422, "invalid", "/title")
	require.Equal(t, []string{"leervraag.created", "leervraag.sharpened", "leervraag.updated", "leervraag.sharpened"}, a.EventTypes(subject(path)))

	versions := a.c.Get(path + "/versions").Is(200)
	require.Equal(t, 3, versions.Len("data"))
	require.Equal(t, "vague", versions.Str("data.0.clarity"))
	require.Equal(t, "Hoe kunnen we Nederlands op de werkvloer anders benaderen?", versions.Str("data.0.question"), "as it was first asked")
	require.Zero(t, versions.Len("data.0.goals"))
	require.Equal(t, sharper.Str("updated_at"), versions.Str("data.0.replaced_at"))
	require.Equal(t, "Drie oefeningen meenemen", versions.Str("data.1.goals.0"))
	require.Nil(t, versions.At("data.1.shared_text"))
	require.Equal(t, "Een ploegleider komt kijken.", versions.Str("data.2.shared_text"))
	require.Nil(t, versions.At("data.2.replaced_at"), "the present one")

	first := a.c.Get(path + "/versions?sort=-created_at&limit=2").Is(200)
	require.EqualValues(t, 3, first.Num("data.0.version"))
	require.EqualValues(t, 2, first.Num("data.1.version"))
	rest := a.c.Get(path + "/versions?sort=-created_at&limit=2&cursor=" + first.Str("next_cursor")).Is(200)
	require.Equal(t, 1, rest.Len("data"))
	require.EqualValues(t, 1, rest.Num("data.0.version"))
	a.c.Get("/v1/leervragen/"+id.NewLeervraag().String()+"/versions").Problem(404, "not-found")
	a.c.Get(a.in(leervraag.Open)+"/versions?cursor="+first.Str("next_cursor")).Problem(400, "cursor-invalid")
}

// Every door that changes the state, from every state.
func TestLeervraag_MovesOnlyWhereItMay(t *testing.T) {
	t.Parallel()
	a := newAsker(t)
	doors := []struct{ path, body string }{
		{"/open", ""}, {"/withdraw", `{}`}, {"/close", `{"outcome":"answered","reason":"Twee dagen gaven genoeg ideeën."}`},
		{"/close", `{"outcome":"partly_answered"}`}, {"/close", `{"outcome":"unanswered","reason":null}`}, {"/close", `{"outcome":"not_addressed"}`},
	}
	for from, want := range map[leervraag.Status][]string{
		leervraag.Draft:          {"open", "withdrawn", "!draft", "!draft", "!draft", "not_addressed"},
		leervraag.Open:           {"=open", "withdrawn", "answered", "partly_answered", "unanswered", "not_addressed"},
		leervraag.Matched:        {"!matched", "!matched", "answered", "partly_answered", "unanswered", "!matched"},
		leervraag.Answered:       {"!closed", "!closed", "=answered", "!closed", "!closed", "!closed"},
		leervraag.PartlyAnswered: {"!closed", "!closed", "!closed", "=partly_answered", "!closed", "!closed"},
		leervraag.Unanswered:     {"!closed", "!closed", "!closed", "!closed", "=unanswered", "!closed"},
		leervraag.NotAddressed:   {"!closed", "!closed", "!closed", "!closed", "!closed", "=not_addressed"},
		leervraag.Withdrawn:      {"!withdrawn", "=withdrawn", "!withdrawn", "!withdrawn", "!withdrawn", "!withdrawn"},
	} {
		for i, door := range doors {
			t.Run(string(from)+door.path+want[i], func(t *testing.T) {
				t.Parallel()
				a := asker{a.In(t), a.c.In(t), a.org, a.switcher}
				path := a.in(from)
				var body any = door.body
				if door.body == "" {
					body = nil
				}
				got := a.c.Post(path+door.path, body)
				if problem, refused := strings.CutPrefix(want[i], "!"); refused {
					got.Problem(409, "leervraag-"+problem)
					require.Empty(t, a.EventTypes(subject(path)))
					require.Equal(t, string(from), a.c.Get(path).Str("status"))
					return
				}
				to, already := strings.CutPrefix(want[i], "=")
				require.Equal(t, to, got.Is(200).Str("status"))
				if already {
					require.EqualValues(t, 1, got.Num("revision"), "there already: no change, no fact")
					require.Empty(t, a.EventTypes(subject(path)))
					return
				}
				require.EqualValues(t, 2, got.Num("revision"))
				require.EqualValues(t, 1, got.Num("version"), "what is asked stays")
				fact := "leervraag.updated"
				if door.path == "/close" {
					fact = "leervraag.closed"
				}
				require.Equal(t, []string{fact}, a.EventTypes(subject(path)))
			})
		}
	}
}

func TestLeervraag_IsClosedOnce(t *testing.T) {
	t.Parallel()
	a := newAsker(t)
	path := a.in(leervraag.Matched)
	closed := a.c.Post(path+"/close", `{"outcome":"partly_answered","reason":"De tweede dag viel weg."}`).Is(200)
	require.Equal(t, "De tweede dag viel weg.", closed.Str("close_reason"))
	again := a.c.Post(path+"/close", `{"outcome":"partly_answered","reason":"Een andere reden"}`).Is(200)
	require.JSONEq(t, string(closed.Body), string(again.Body), "the first reason stands")
	other := a.c.Post(path+"/close", `{"outcome":"answered"}`).Problem(409, "leervraag-closed")
	require.Contains(t, other.Str("detail"), "partly_answered")
	a.c.Patch(path, `{"title":"Iets anders"}`, "If-Match", "*").Problem(409, "leervraag-closed")
	a.c.Patch(path, `{"title":"Iets anders"}`, "If-Match", `"1"`).Problem(412, "revision-mismatch")
	withdrawn := a.in(leervraag.Withdrawn)
	a.c.Patch(withdrawn, `{"title":"Iets anders"}`, "If-Match", "*").Problem(409, "leervraag-withdrawn")
	a.c.Post(path+"/close", `{"outcome":"withdrawn"}`).Problem(422, "invalid", "/outcome")
	a.c.Post(path+"/close", `{"reason":"x"}`).Problem(422, "invalid", "/outcome")
	a.c.Post("/v1/leervragen/"+id.NewLeervraag().String()+"/close", `{"outcome":"answered"}`).Problem(404, "not-found")

	facts := a.Events()
	require.Len(t, facts, 1)
	require.JSONEq(t, fmt.Sprintf(`{"tenant_id":%q,"subject_id":%q,"revision":2,"organisation_ids":[%q],"organisation_id":%[3]q,"switcher_id":%q,
		"status":"partly_answered","version":1,"outcome":"partly_answered"}`, a.Tenant, subject(path), a.org, a.switcher), string(facts[0].Data))
	require.Equal(t, 1, a.Count(`select count(*) from audit where tenant_id = $1 and action = 'leervraag.close'
		and details = '{"from":"matched","to":"partly_answered"}' and actor = $2`, a.Tenant.UUID(), a.c.Principal.ClientID.String()))
}

func TestLeervraag_OfTwoOutcomesAtOnceOneStands(t *testing.T) {
	t.Parallel()
	a := newAsker(t)
	path := a.in(leervraag.Open)
	outcomes := []string{"answered", "unanswered", "answered", "not_addressed"}
	got := make([]*testkit.Answer, len(outcomes))
	var wg sync.WaitGroup
	for i, o := range outcomes {
		wg.Go(func() { got[i] = a.c.Post(path+"/close", `{"outcome":"`+o+`"}`) })
	}
	wg.Wait()
	stands := a.c.Get(path).Str("status")
	for i, o := range outcomes {
		if o == stands {
			got[i].Is(200)
		} else {
			got[i].Problem(409, "leervraag-closed")
		}
	}
	require.Equal(t, []string{"leervraag.closed"}, a.EventTypes(subject(path)))
}

func TestLeervraag_JourneysMatchAndReopenIt(t *testing.T) {
	t.Parallel()
	a := newAsker(t)
	var s leervraag.Service
	apply := func(path string, verb func(context.Context, *db.Tx, leervraag.Leervraag) (leervraag.Leervraag, error)) (got leervraag.Leervraag, refused error) {
		var lid id.LeervraagID
		require.NoError(t, lid.UnmarshalText([]byte(subject(path))))
		a.Do(func(tx *db.Tx) error {
			l, err := s.Lock(t.Context(), tx, lid)
			if err != nil {
				return err
			}
			got, refused = verb(t.Context(), tx, l)
			return nil
		})
		return got, refused
	}
	path := a.in(leervraag.Open)
	for _, step := range []struct {
		verb func(context.Context, *db.Tx, leervraag.Leervraag) (leervraag.Leervraag, error)
		to   leervraag.Status
	}{{s.MarkMatched, leervraag.Matched}, {s.MarkMatched, leervraag.Matched}, {s.Reopen, leervraag.Open}, {s.Reopen, leervraag.Open}} {
		l, err := apply(path, step.verb)
		require.NoError(t, err)
		require.Equal(t, step.to, l.Status)
		require.Equal(t, string(step.to), a.c.Get(path).Str("status"))
	}
	require.Equal(t, []string{"leervraag.updated", "leervraag.updated"}, a.EventTypes(subject(path)), "matched once, opened again once")

	_, err := apply(a.in(leervraag.Draft), s.MarkMatched)
	require.True(t, leervraag.IsDraft.Is(err))
	_, err = apply(a.in(leervraag.Answered), s.MarkMatched)
	require.True(t, leervraag.IsClosed.Is(err))
	_, err = apply(a.in(leervraag.Withdrawn), s.MarkMatched)
	require.True(t, leervraag.IsWithdrawn.Is(err))
	stays, err := apply(a.in(leervraag.Unanswered), s.Reopen)
	require.NoError(t, err)
	require.Equal(t, leervraag.Unanswered, stays.Status, "what people closed stays so")
	a.Do(func(tx *db.Tx) error {
		_, err := s.Lock(t.Context(), tx, id.NewLeervraag())
		require.True(t, fault.Missing.Is(err))
		return nil
	})
}

func TestLeervraag_AnEmployerSeesThoseOfItsOwnPeople(t *testing.T) {
	t.Parallel()
	a := newAsker(t)
	other := a.Organisation("Apotheek Zonneveld")
	theirs := a.Leervraag(other, a.Medewerker(other, "Noor"), "Medicatie", "Hoe verloopt de medicatiebedeling?").String()
	own := a.in(leervraag.Open)
	e := a.Employer(a.org)
	list := e.Get("/v1/leervragen").Is(200)
	require.Equal(t, 1, list.Len("data"))
	require.Equal(t, subject(own), list.Str("data.0.id"))
	require.Zero(t, e.Get("/v1/leervragen?organisation_id="+other.String()).Is(200).Len("data"))
	unknown := "/v1/leervragen/" + id.NewLeervraag().String()
	for _, sub := range []string{"", "/versions"} {
		require.Equal(t, e.Get(unknown+sub).Is(404).Retold(), e.Get("/v1/leervragen/"+theirs+sub).Is(404).Retold())
	}
	e.Patch("/v1/leervragen/"+theirs, `{"title":"x"}`, "If-Match", "*").Problem(404, "not-found")
	for _, action := range []string{"/open", "/withdraw"} {
		e.Post("/v1/leervragen/"+theirs+action, nil).Problem(404, "not-found")
	}
	e.Post("/v1/leervragen/"+theirs+"/close", `{"outcome":"answered"}`).Problem(404, "not-found")

	require.Equal(t, e.Post("/v1/leervragen", dutch(id.NewMedewerker(), "")).Is(422).Retold(),
		e.Post("/v1/leervragen", dutch(a.Medewerker(other, "Kim"), "")).Problem(422, "invalid", "/switcher_id").Retold(), "another's employee is like nobody")
	made := e.Post("/v1/leervragen", dutch(a.switcher, "")).Is(201)
	path := made.Header.Get("Location")
	e.Patch(path, `{"title":"Taal op de vloer"}`, "If-Match", `"1"`).Is(200)
	require.Equal(t, 2, e.Get(path+"/versions").Is(200).Len("data"))
	e.Post(path+"/open", nil).Is(200)
	e.Post(path+"/close", `{"outcome":"not_addressed"}`).Is(200)
}

func TestLeervraag_ASwitcherAsksForThemselves(t *testing.T) {
	t.Parallel()
	a := newAsker(t)
	colleague := a.Medewerker(a.org, "Noor")
	theirs := a.Leervraag(a.org, colleague, "Onthaal", "Hoe onthalen anderen nieuwkomers?").String()
	c := a.Client(auth.Switcher, &a.org, &a.switcher)
	require.Equal(t, c.Post("/v1/leervragen", dutch(id.NewMedewerker(), "")).Is(422).Retold(),
		c.Post("/v1/leervragen", dutch(colleague, "")).Problem(422, "invalid", "/switcher_id").Retold())
	made := c.Post("/v1/leervragen", dutch(a.switcher, "")).Is(201)
	path := made.Header.Get("Location")
	require.Equal(t, a.org.String(), made.Str("organisation_id"))
	list := c.Get("/v1/leervragen").Is(200)
	require.Equal(t, 1, list.Len("data"))
	require.Equal(t, subject(path), list.Str("data.0.id"))
	for _, sub := range []string{"", "/versions"} {
		c.Get("/v1/leervragen/"+theirs+sub).Problem(404, "not-found")
	}
	c.Post("/v1/leervragen/"+theirs+"/open", nil).Problem(404, "not-found")
	c.Patch(path, `{"clarity":"clear"}`, "If-Match", `"1"`).Is(200)
	require.Equal(t, 2, c.Get(path+"/versions").Is(200).Len("data"))
	c.Post(path+"/open", nil).Is(200)
	c.Post(path+"/withdraw", nil).Is(200)

	coach := a.Client(auth.Leercoach, &a.org, &colleague)
	coach.Post("/v1/leervragen", dutch(colleague, "")).Problem(403, "forbidden")
	require.Equal(t, theirs, coach.Get("/v1/leervragen").Is(200).Str("data.0.id"), "a leercoach may have a question too, and sees that alone")
	coach.Get(path).Problem(404, "not-found")
}

func TestLeervraag_StaysWithinItsTenant(t *testing.T) {
	t.Parallel()
	path := newAsker(t).in(leervraag.Open)
	c := testkit.New(t).Coordinator()
	require.Equal(t, c.Get("/v1/leervragen/"+id.NewLeervraag().String()).Is(404).Retold(), c.Get(path).Is(404).Retold())
	c.Get(path+"/versions").Problem(404, "not-found")
	c.Post(path+"/withdraw", nil).Problem(404, "not-found")
	require.Zero(t, c.Get("/v1/leervragen").Is(200).Len("data"))
}

func TestLeervraag_IsListedByFilter(t *testing.T) {
	t.Parallel()
	a := newAsker(t)
	colleague := a.Medewerker(a.org, "Noor")
	open, draft := a.in(leervraag.Open), a.in(leervraag.Draft)
	theirs := a.Leervraag(a.org, colleague, "Onthaal", "Hoe onthalen anderen nieuwkomers?").String()
	ids := func(query string) (out []string) {
		p := a.c.Get("/v1/leervragen" + query).Is(200)
		for i := range p.Len("data") {
			out = append(out, p.Str(fmt.Sprintf("data.%d.id", i)))
		}
		return out
	}
	require.Equal(t, []string{subject(open), subject(draft), theirs}, ids(""))
	require.Equal(t, []string{subject(draft)}, ids("?status=draft,withdrawn"))
	require.Equal(t, []string{theirs}, ids("?switcher_id="+colleague.String()))
	require.Equal(t, []string{subject(open)}, ids("?status=open&switcher_id="+a.switcher.String()+"&organisation_id="+a.org.String()))
	require.Empty(t, ids("?organisation_id="+id.NewOrganisation().String()))
}

func TestLeervraag_CanBeFollowed(t *testing.T) {
	t.Parallel()
	a := newAsker(t)
	start := a.Clock.Now().UTC().Format(time.RFC3339)
	path := a.in(leervraag.Draft)
	e := a.Employer(a.org)
	p := follow(t, e, "/v1/leervragen?updated_since="+start, subject(path))
	e.Post(path+"/open", nil).Is(200)
	p = follow(t, e, "/v1/leervragen?cursor="+p.Str("next_cursor"), subject(path))
	require.Equal(t, "open", p.Str("data.0.status"))
}

// follow reads until the row is there: a transaction of another test may hold the horizon back for a moment.
func follow(t *testing.T, c *testkit.Caller, path, lid string) *testkit.Answer {
	t.Helper()
	var a *testkit.Answer
	require.Eventually(t, func() bool {
		a = c.Get(path)
		return a.Status == http.StatusOK && a.Len("data") > 0 && a.Str("data.0.id") == lid
	}, 20*time.Second, 20*time.Millisecond)
	return a
}
