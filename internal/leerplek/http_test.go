package leerplek_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/leerplek"
	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

type body = map[string]any

// offer is a body that makes a leerplek, with what more says.
func offer(org id.OrganisationID, more body) body {
	b := body{"organisation_id": org, "title": "Medicatieschema's in het woonzorgcentrum", "description": "Meelopen met de apotheker die de medicatie klaarzet."}
	for k, v := range more {
		b[k] = v
	}
	return b
}

func department(w *testkit.World, org id.OrganisationID, open bool, excluded ...string) id.DepartmentID {
	if excluded == nil {
		excluded = []string{}
	}
	return id.DepartmentID(w.Insert("departments", body{"organisation_id": org.UUID(), "name": "Apotheek", "open_to_switchers": open, "excluded_functions": excluded}))
}

func end(w *testkit.World, m id.MedewerkerID, on string) {
	w.Do(func(tx *db.Tx) error {
		_, err := tx.Run(`update medewerkers set ended_on = ?::date where tenant_id = ? and id = ?`, on, w.Tenant, m)
		return err
	})
}

var met = body{"voluntary": true, "has_time": true, "knows_role": true, "has_expertise": true}

func TestALeerplekIsMadeAsADraftWithEveryMember(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	org := w.Organisation("Woonzorgcentrum De Linde")
	noor, ali := w.Medewerker(org, "Noor"), w.Medewerker(org, "Ali")
	site, dep := w.Site(org, 51.05, 3.72, true), department(w, org, true, "boekhouding")
	c := w.Coordinator()

	made := c.Post("/v1/leerplekken", offer(org, body{"site_id": site, "department_id": dep, "function": "apotheker", "meeting_point": "Onthaal",
		"topics": []string{"medicatie", "http://data.europa.eu/esco/skill/1"}, "leercoach_ids": []id.MedewerkerID{ali, noor}, "capacity": 2,
		"available": []body{{"from_on": "2027-01-04", "until_on": "2027-03-31", "weekdays": []string{"mon", "tue"}}}, "requirements": []string{"vaccinatie"},
		"languages": []string{"nl", "fr"}, "sourcing": "demand", "safety_note": "Handen ontsmetten."})).Is(201)
	lid := made.Str("id")
	require.Equal(t, "/v1/leerplekken/"+lid, made.Header.Get("Location"))
	require.Equal(t, `"1"`, made.Header.Get("ETag"))
	require.Equal(t, "draft", made.Str("status"))
	require.Equal(t, []any{ali.String(), noor.String()}, made.At("leercoach_ids"), "in the order given: the first one leads")
	require.InDelta(t, 2, made.Num("places_free"), 0)
	require.Equal(t, []any{}, made.At("warnings"))
	require.Equal(t, []any{"nl", "fr"}, made.At("languages"))
	require.JSONEq(t, string(made.Body), string(c.Get("/v1/leerplekken/"+lid).Is(200).Body), "what was made is what is read")

	least := c.Post("/v1/leerplekken", offer(org, nil)).Is(201)
	require.Equal(t, []any{}, least.At("leercoach_ids"), "a draft may lack leercoaches")
	require.Equal(t, "supply", least.Str("sourcing"))
	require.Equal(t, []any{}, least.At("languages"))
	require.InDelta(t, 1, least.Num("capacity"), 0)
	for _, absent := range []string{"site_id", "meeting_point", "department_id", "function", "safety_note"} {
		require.Nil(t, least.At(absent))
	}
	require.Equal(t, []string{"leerplek.created"}, w.EventTypes(lid))

	var data body
	for _, e := range w.Events() {
		if e.Subject == lid {
			require.NoError(t, json.Unmarshal(e.Data, &data))
		}
	}
	require.Equal(t, body{"tenant_id": w.Tenant.String(), "subject_id": lid, "revision": 1.0, "organisation_ids": []any{org.String()},
		"organisation_id": org.String(), "status": "draft", "capacity": 2.0}, data)
}

func TestWhatALeerplekMayNotSay(t *testing.T) {
	t.Parallel()
	w, elsewhere := testkit.New(t), testkit.New(t)
	org, other := w.Organisation("De Linde"), w.Organisation("Durabrik")
	noor, gone, theirs := w.Medewerker(org, "Noor"), w.Medewerker(org, "Gaan"), w.Medewerker(other, "Theirs")
	end(w, gone, "2020-01-01")
	closed, open := department(w, org, false), department(w, org, true, " Boekhouding ")
	foreign := elsewhere.Organisation("Elders")
	c := w.Coordinator()

	for name, x := range map[string]struct {
		more body
		at   []string
	}{
		"an unknown employer":                     {body{"organisation_id": id.NewOrganisation()}, []string{"/organisation_id"}},
		"an employer of another tenant":           {body{"organisation_id": foreign}, []string{"/organisation_id"}},
		"an id of another noun":                   {body{"organisation_id": noor}, []string{"/organisation_id"}},
		"a site of another employer":              {body{"site_id": w.Site(other, 51, 3, true)}, []string{"/site_id"}},
		"a site of another tenant":                {body{"site_id": elsewhere.Site(foreign, 51, 3, true)}, []string{"/site_id"}},
		"a department of another employer":        {body{"department_id": department(w, other, true)}, []string{"/department_id"}},
		"an excluded department":                  {body{"department_id": closed}, []string{"/department_id"}},
		"an excluded function":                    {body{"department_id": open, "function": "boekHOUDING"}, []string{"/function"}},
		"an excluded function, department unsaid": {body{"function": "boekhouding"}, []string{"/function"}},
		"an unknown coach":                        {body{"leercoach_ids": []any{noor, id.NewMedewerker()}}, []string{"/leercoach_ids/1"}},
		"a coach of another employer":             {body{"leercoach_ids": []any{theirs}}, []string{"/leercoach_ids/0"}},
		"a coach of another tenant":               {body{"leercoach_ids": []any{elsewhere.Medewerker(foreign, "Elders")}}, []string{"/leercoach_ids/0"}},
		"a coach who left":                        {body{"leercoach_ids": []any{gone, noor}}, []string{"/leercoach_ids/0"}},
		"a coach twice":                           {body{"leercoach_ids": []any{noor, noor}}, []string{"/leercoach_ids/1"}},
		"too many coaches":                        {body{"leercoach_ids": make([]id.MedewerkerID, 21)}, []string{"/leercoach_ids"}},
		"a period that ends first":                {body{"available": []body{{"from_on": "2027-02-01", "until_on": "2027-01-01"}}}, []string{"/available/0/until_on"}},
		"a language in capitals":                  {body{"languages": []string{"nl", "FR"}}, []string{"/languages/1"}},
		"a language in words":                     {body{"languages": []string{"Nederlands"}}, []string{"/languages/0"}},
		"room for nobody":                         {body{"capacity": 0}, []string{"/capacity"}},
		"a title of blanks":                       {body{"title": "  "}, []string{"/title"}},
		"a description that is too long":          {body{"description": strings.Repeat("x", 20001)}, []string{"/description"}},
		"NUL in a topic":                          {body{"topics": []string{"a\x00"}}, []string{"/topics/0"}},
		"a member that is unknown":                {body{"leercoach": noor}, []string{"/leercoach"}},
		"a sourcing that is unknown":              {body{"sourcing": "aanbodgericht"}, []string{"/sourcing"}},
		"a status, which only actions change":     {body{"status": "published"}, []string{"/status"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.In(t).Post("/v1/leerplekken", offer(org, x.more)).Problem(422, "invalid", x.at...)
		})
	}
}

func TestAForeignReferenceAnswersLikeARandomOne(t *testing.T) {
	t.Parallel()
	w, elsewhere := testkit.New(t), testkit.New(t)
	org := w.Organisation("De Linde")
	foreign := elsewhere.Medewerker(elsewhere.Organisation("Elders"), "Elders")
	c := w.Coordinator()
	random := c.Post("/v1/leerplekken", offer(org, body{"leercoach_ids": []any{id.NewMedewerker()}})).Is(422)
	require.Equal(t, random.Retold(), c.Post("/v1/leerplekken", offer(org, body{"leercoach_ids": []any{foreign}})).Is(422).Retold())
}

func TestALeerplekChangesByMergePatch(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	org := w.Organisation("De Linde")
	noor, ali := w.Medewerker(org, "Noor"), w.Medewerker(org, "Ali")
	c := w.Coordinator()
	lid := c.Post("/v1/leerplekken", offer(org, body{"leercoach_ids": []any{noor}, "function": "apotheker"})).Is(201).Str("id")
	path := "/v1/leerplekken/" + lid

	same := c.Patch(path, body{"function": "apotheker"}).Is(200)
	require.InDelta(t, 1, same.Num("revision"), 0, "nothing changed: no revision")
	changed := c.Patch(path, body{"function": nil, "capacity": 3}, "If-Match", `"1"`).Is(200)
	require.Nil(t, changed.At("function"))
	require.InDelta(t, 3, changed.Num("capacity"), 0)
	require.InDelta(t, 2, changed.Num("revision"), 0)
	c.Patch(path, body{"capacity": 4}, "If-Match", `"1"`).Problem(412, "revision-mismatch")
	c.Patch(path, body{"organisation_id": org}).Problem(422, "invalid", "/organisation_id")
	c.Patch(path, body{"title": nil}).Problem(422, "invalid", "/title")

	c.Put(path+"/coaches/"+noor.String(), met).Is(200)
	reordered := c.Patch(path, body{"leercoach_ids": []any{ali, noor}}).Is(200)
	require.Equal(t, []any{ali.String(), noor.String()}, reordered.At("leercoach_ids"))
	require.InDelta(t, 4, reordered.Num("revision"), 0, "who coaches is a change of the leerplek")
	coaches := c.Get(path + "/coaches").Is(200)
	require.Equal(t, ali.String(), coaches.Str("data.0.medewerker_id"))
	require.Equal(t, true, coaches.At("data.0.leads"))
	require.Nil(t, coaches.At("data.0.has_time"))
	require.Equal(t, true, coaches.At("data.1.has_time"), "who stays keeps the answers")
	require.Equal(t, []any{}, c.Patch(path, body{"leercoach_ids": []any{}}).Is(200).At("leercoach_ids"))
	require.Equal(t, 0, c.Get(path+"/coaches").Is(200).Len("data"))
	require.Equal(t, []string{"leerplek.created", "leerplek.updated", "leerplek.updated", "leerplek.updated", "leerplek.updated"}, w.EventTypes(lid))
}

func TestWhatAPatchLeavesAloneIsNotJudgedAgain(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	org := w.Organisation("De Linde")
	noor, dep := w.Medewerker(org, "Noor"), department(w, org, true)
	c := w.Coordinator()
	path := "/v1/leerplekken/" + c.Post("/v1/leerplekken", offer(org, body{"leercoach_ids": []any{noor}, "department_id": dep})).Is(201).Str("id")
	end(w, noor, "2020-01-01")
	w.Do(func(tx *db.Tx) error {
		_, err := tx.Run(`update departments set open_to_switchers = false where tenant_id = ? and id = ?`, w.Tenant, dep)
		return err
	})
	require.Equal(t, "Een andere titel", c.Patch(path, body{"title": "Een andere titel"}).Is(200).Str("title"))
	c.Patch(path, body{"leercoach_ids": []any{noor, w.Medewerker(org, "Ali")}}).Is(200)
	c.Patch(path, body{"function": "apotheker"}).Problem(422, "invalid", "/department_id")
	c.Post(path+"/publish", nil).Problem(409, "leerplek-not-ready", "/leercoach_ids/0", "/department_id")
}

func TestPublishingNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	org := w.Organisation("De Linde")
	noor, ali := w.Medewerker(org, "Noor"), w.Medewerker(org, "Ali")
	c := w.Coordinator()
	lid := c.Post("/v1/leerplekken", offer(org, body{"meeting_point": "Onthaal"})).Is(201).Str("id")
	path := "/v1/leerplekken/" + lid

	c.Post(path+"/publish", nil).Problem(409, "leerplek-not-ready", "/leercoach_ids")
	c.Patch(path, body{"leercoach_ids": []any{noor, ali}}).Is(200)
	c.Put(path+"/coaches/"+noor.String(), met).Is(200)
	c.Put(path+"/coaches/"+ali.String(), body{"voluntary": true, "has_time": false}).Is(200)
	no := c.Post(path+"/publish", nil, "Accept-Language", "nl").Problem(409, "leerplek-not-ready", "/leercoach_ids/1")
	require.Equal(t, "leercoach_condition_no", no.Str("errors.0.code"))
	require.Equal(t, "voldoet niet aan een voorwaarde voor een leercoach: has_time", no.Str("errors.0.detail"))
	require.Equal(t, "draft", c.Get(path).Is(200).Str("status"), "what was refused changed nothing")

	c.Put(path+"/coaches/"+ali.String(), body{"voluntary": true, "has_time": true, "knows_role": true}).Is(200)
	published := c.Post(path+"/publish", nil).Is(200)
	require.Equal(t, "published", published.Str("status"))
	require.Equal(t, []any{body{"code": "leercoach_condition_open", "pointer": "/leercoach_ids/1",
		"detail": "has not answered a condition of a leercoach yet: has_expertise"}}, published.At("warnings"))
	require.Equal(t, []any{}, c.Get(path).Is(200).At("warnings"))
	c.Patch(path, body{"leercoach_ids": []any{}}).Problem(409, "leerplek-not-ready", "/leercoach_ids")
}

func TestPublishAndWithdrawOverEveryStatus(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	org := w.Organisation("De Linde")
	noor := w.Medewerker(org, "Noor")
	c := w.Coordinator()
	for _, from := range leerplek.Statuses {
		for _, x := range []struct {
			action string
			to     leerplek.Status
			fact   string
		}{{"publish", leerplek.Published, "leerplek.published"}, {"withdraw", leerplek.Withdrawn, "leerplek.withdrawn"}} {
			lpl := w.Leerplek(org, "Apotheek", "Meelopen", noor)
			w.Do(func(tx *db.Tx) error {
				_, err := tx.Run(`update leerplekken set status = ? where tenant_id = ? and id = ?`, from, w.Tenant, lpl)
				return err
			})
			path := "/v1/leerplekken/" + lpl.String()
			require.Equal(t, string(x.to), c.Post(path+"/"+x.action, nil).Is(200).Str("status"), "%s from %s", x.action, from)
			require.Equal(t, string(x.to), c.Post(path+"/"+x.action, body{}).Is(200).Str("status"), "again")
			want := []string{x.fact}
			if from == x.to {
				want = []string{}
			}
			require.Equal(t, want, w.EventTypes(lpl.String()), "%s from %s: one fact, and none for an outcome that is there", x.action, from)
		}
	}
}

func TestTheAnswersOfALeercoach(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	org := w.Organisation("De Linde")
	noor, ali := w.Medewerker(org, "Noor"), w.Medewerker(org, "Ali")
	c := w.Coordinator()
	lid := c.Post("/v1/leerplekken", offer(org, body{"leercoach_ids": []any{noor}})).Is(201).Str("id")
	path := "/v1/leerplekken/" + lid + "/coaches/"

	got := c.Put(path+noor.String(), body{"voluntary": true, "has_time": false, "knows_role": true}).Is(200)
	require.JSONEq(t, `{"leerplek_id":"`+lid+`","medewerker_id":"`+noor.String()+`","leads":true,"employed":true,
		"voluntary":true,"has_time":false,"knows_role":true,"has_expertise":null,
		"craft_expertise":null,"coaching_expertise":null,"tasks":[],"planning":null}`, string(got.Body))
	require.Nil(t, c.Put(path+noor.String(), body{"has_time": true}).Is(200).At("voluntary"), "the answers are replaced whole")
	c.Put(path+noor.String(), body{"has_time": true}).Is(200)
	require.Equal(t, []string{"leerplek.created", "leerplek.updated", "leerplek.updated"}, w.EventTypes(lid), "the same answers are no fact")
	for i, e := range w.Events() {
		require.Equal(t, int64(i+1), e.Revision)
	}
	require.Equal(t, 2, w.Count(`select count(*) from audit where tenant_id = $1 and action = 'leerplek.coach'`, w.Tenant.UUID()))
	require.InDelta(t, 3, c.Get("/v1/leerplekken/"+lid).Is(200).Num("revision"), 0)

	c.Put(path+ali.String(), met).Problem(404, "not-found")
	c.Put(path+noor.String(), body{"has_time": "yes"}).Problem(422, "invalid", "/has_time")
	c.Put(path+noor.String(), body{"employed": true}).Problem(422, "invalid", "/employed")
	end(w, noor, "2020-01-01")
	require.Equal(t, false, c.Get("/v1/leerplekken/"+lid+"/coaches").Is(200).At("data.0.employed"))
}

func TestALeercoachBringsBothKindsOfExpertise(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	org := w.Organisation("De Linde")
	noor := w.Medewerker(org, "Noor")
	c := w.Coordinator()
	path := "/v1/leerplekken/" + c.Post("/v1/leerplekken", offer(org, body{"leercoach_ids": []any{noor}})).Is(201).Str("id") + "/coaches"
	at := path + "/" + noor.String()
	for _, x := range []struct{ craft, coaching, said, want any }{
		{true, true, nil, true}, {true, false, nil, false}, {nil, false, nil, false}, {true, nil, nil, nil},
		{nil, nil, true, true}, {true, nil, true, true}, {true, true, true, true}, {nil, false, false, false},
	} {
		got := c.Put(at, body{"craft_expertise": x.craft, "coaching_expertise": x.coaching, "has_expertise": x.said}).Is(200)
		require.Equal(t, []any{x.craft, x.coaching, x.want}, []any{got.At("craft_expertise"), got.At("coaching_expertise"), got.At("has_expertise")})
	}
	c.Put(at, body{"craft_expertise": true, "coaching_expertise": true, "has_expertise": false}).Problem(422, "invalid", "/has_expertise")
	c.Put(at, body{"coaching_expertise": false, "has_expertise": true}).Problem(422, "invalid", "/has_expertise")

	told := c.Put(at, body{"tasks": []any{"onthalen", "feedback geven"}, "planning": "Voormiddag meelopen."}).Is(200)
	require.Equal(t, []any{"onthalen", "feedback geven"}, told.At("tasks"))
	require.Equal(t, "Voormiddag meelopen.", c.Get(path).Is(200).Str("data.0.planning"))
	revision := c.Get(strings.TrimSuffix(path, "/coaches")).Num("revision")
	c.Put(at, body{"tasks": []any{"onthalen", "feedback geven"}, "planning": "Voormiddag meelopen."}).Is(200)
	require.InDelta(t, revision, c.Get(strings.TrimSuffix(path, "/coaches")).Num("revision"), 0, "the same again is no change")
	c.Put(at, body{"planning": strings.Repeat("x", 5001)}).Problem(422, "invalid", "/planning")
}

func TestRoomCountsTheExchangesThatAreUnderWay(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p := w.Pair()
	third := w.Employer(w.Organisation("Kinderdagverblijf"))
	path := "/v1/leerplekken/" + p.Leerplek.String()
	for status, free := range map[string]float64{"preparing": 0, "planned": 0, "in_progress": 0, "completed": 1, "cancelled": 1} {
		w.Do(func(tx *db.Tx) error {
			_, err := tx.Run(`update leeruitwisselingen set status = ? where tenant_id = ? and id = ?`, status, w.Tenant, p.Leeruitwisseling)
			return err
		})
		for name, c := range map[string]*testkit.Caller{"coordinator": w.Coordinator(), "another employer": third, "its switcher": w.Client(auth.Switcher, &p.Sending, &p.Switcher)} {
			require.InDelta(t, free, c.Get(path).Is(200).Num("places_free"), 0, "%s, %s", status, name)
			require.InDelta(t, free, c.Get("/v1/leerplekken").Is(200).Num("data.0.places_free"), 0, "%s, %s", status, name)
		}
	}
}

func TestABoundEmployerSeesItsOwnAndWhatOthersPublished(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	mine, other := w.Organisation("De Linde"), w.Organisation("Durabrik")
	noor, theirs := w.Medewerker(mine, "Noor"), w.Medewerker(other, "Theirs")
	employer := w.Employer(mine)

	own := employer.Post("/v1/leerplekken", offer(mine, body{"leercoach_ids": []any{noor}})).Is(201).Str("id")
	published := w.Leerplek(other, "Werf", "Meelopen op de werf", theirs).String()
	draft := w.Coordinator().Post("/v1/leerplekken", offer(other, body{"leercoach_ids": []any{theirs}})).Is(201).Str("id")

	require.Equal(t, []any{noor.String()}, employer.Get("/v1/leerplekken/"+own).Is(200).At("leercoach_ids"))
	seen := employer.Get("/v1/leerplekken/" + published).Is(200)
	require.Equal(t, []any{}, seen.At("leercoach_ids"), "who coaches there is the other employer's")
	require.Equal(t, 0, employer.Get("/v1/leerplekken/"+published+"/coaches").Is(200).Len("data"))
	require.Equal(t, 2, employer.Get("/v1/leerplekken").Is(200).Len("data"))

	random := employer.Get("/v1/leerplekken/"+id.NewLeerplek().String()).Problem(404, "not-found").Retold()
	for _, try := range []*testkit.Answer{
		employer.Get("/v1/leerplekken/" + draft), employer.Get("/v1/leerplekken/" + draft + "/coaches"),
		employer.Patch("/v1/leerplekken/"+published, body{"title": "Gekaapt"}), employer.Post("/v1/leerplekken/"+published+"/withdraw", nil),
		employer.Post("/v1/leerplekken/"+draft+"/publish", nil), employer.Put("/v1/leerplekken/"+published+"/coaches/"+theirs.String(), met),
	} {
		require.Equal(t, random, try.Is(404).Retold(), "%s", try)
	}
	require.Equal(t, 1, w.Count(`select count(*) from leerplekken where tenant_id = $1 and title = 'Werf' and status = 'published'`, w.Tenant.UUID()))
	unknown := employer.Post("/v1/leerplekken", offer(id.NewOrganisation(), nil)).Problem(422, "invalid", "/organisation_id").Retold()
	require.Equal(t, unknown, employer.Post("/v1/leerplekken", offer(other, nil)).Is(422).Retold())

	coach := w.Client(auth.Leercoach, &mine, &noor)
	require.Equal(t, []any{noor.String()}, coach.Get("/v1/leerplekken/"+own).Is(200).At("leercoach_ids"))
	coach.Patch("/v1/leerplekken/"+own, body{"title": "Anders"}).Problem(403, "forbidden")
}

func TestWhoIsBoundToAnEmployeeCannotPassByTheOtherLeercoaches(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	org := w.Organisation("De Linde")
	noor, ali := w.Medewerker(org, "Noor"), w.Medewerker(org, "Ali")
	c := w.Coordinator()
	path := "/v1/leerplekken/" + c.Post("/v1/leerplekken", offer(org, body{"leercoach_ids": []any{ali, noor}})).Is(201).Str("id")
	c.Put(path+"/coaches/"+ali.String(), body{"voluntary": false}).Is(200)
	bound := w.Client(auth.Integration, &org, &noor, "leerplek:read", "leerplek:write")
	bound.Post(path+"/publish", nil).Problem(409, "leerplek-not-ready", "/leercoach_ids/0")
	bound.Patch(path, body{"leercoach_ids": []any{}}).Problem(422, "invalid", "/leercoach_ids")
	bound.Patch(path, body{"title": "Anders"}).Is(200)
	require.Equal(t, []any{ali.String(), noor.String()}, c.Get(path).Is(200).At("leercoach_ids"))
}

func TestAnotherTenantsLeerplekAnswersLikeARandomOne(t *testing.T) {
	t.Parallel()
	w, elsewhere := testkit.New(t), testkit.New(t)
	org := elsewhere.Organisation("Elders")
	foreign := elsewhere.Leerplek(org, "Geheime plek", "Kanarie", elsewhere.Medewerker(org, "Elders")).String()
	c := w.Coordinator()
	random := c.Get("/v1/leerplekken/"+id.NewLeerplek().String()).Problem(404, "not-found").Retold()
	for _, try := range []*testkit.Answer{c.Get("/v1/leerplekken/" + foreign), c.Patch("/v1/leerplekken/"+foreign, body{"title": "x"}),
		c.Post("/v1/leerplekken/"+foreign+"/publish", nil), c.Get("/v1/leerplekken/" + foreign + "/coaches"), c.Get("/v1/leerplekken/lvr_01h455vb4pex5vsknk084sn02q")} {
		require.Equal(t, random, try.Is(404).Retold(), "%s", try)
	}
	require.Equal(t, 0, c.Get("/v1/leerplekken").Is(200).Len("data"))
	elsewhere.Coordinator().Get("/v1/leerplekken/" + foreign).Is(200)
}

func TestListsFilterAndCanBeFollowed(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	a, b := w.Organisation("De Linde"), w.Organisation("Durabrik")
	c := w.Coordinator()
	first := c.Post("/v1/leerplekken", offer(a, body{"topics": []string{"medicatie", "zorg"}})).Is(201).Str("id")
	second := w.Leerplek(b, "Werf", "Meelopen op de werf", w.Medewerker(b, "Noor")).String()

	ids := func(query string) []string {
		var got struct{ Data []struct{ ID string } }
		c.Get("/v1/leerplekken" + query).Is(200).Into(&got)
		out := []string{}
		for _, d := range got.Data {
			out = append(out, d.ID)
		}
		return out
	}
	require.Equal(t, []string{first, second}, ids(""))
	require.Equal(t, []string{second, first}, ids("?sort=-created_at"))
	require.Equal(t, []string{second}, ids("?status=published"))
	require.Equal(t, []string{first, second}, ids("?status=published,draft"))
	require.Equal(t, []string{first}, ids("?organisation_id="+a.String()))
	require.Equal(t, []string{first}, ids("?topic=zorg"))
	require.Empty(t, ids("?topic=zor"))
	c.Get("/v1/leerplekken?status=full").Problem(400, "invalid-parameter", "status")
	c.Get("/v1/leerplekken?colour=red").Problem(400, "invalid-parameter", "colour")

	w.Settle(t)
	page := c.Get("/v1/leerplekken?updated_since=2026-01-01T00:00:00Z&limit=1").Is(200)
	seen := map[string]bool{page.Str("data.0.id"): true}
	for page.At("has_more") == true {
		page = c.Get("/v1/leerplekken?limit=1&cursor=" + page.Str("next_cursor")).Is(200)
		seen[page.Str("data.0.id")] = true
	}
	require.Equal(t, map[string]bool{first: true, second: true}, seen)
	c.Patch("/v1/leerplekken/"+first, body{"leercoach_ids": []any{w.Medewerker(a, "Ali")}}).Is(200)
	w.Settle(t)
	page = c.Get("/v1/leerplekken?cursor=" + page.Str("next_cursor")).Is(200)
	require.Equal(t, 1, page.Len("data"), "a new leercoach is a change of the leerplek")
	require.Equal(t, first, page.Str("data.0.id"))
}

func TestVerbsForJourneysLockAndName(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p := w.Pair()
	s := leerplek.Service{}
	w.Do(func(tx *db.Tx) error {
		l, err := s.Lock(t.Context(), tx, p.Leerplek)
		require.NoError(t, err)
		require.Equal(t, db.IDs[id.MedewerkerID]{p.Coach}, l.LeercoachIDs)
		require.Equal(t, 0, l.Free())
		coaches, err := s.CoachesOf(tx, p.Leerplek)
		require.NoError(t, err)
		require.Len(t, coaches, 1)
		require.Equal(t, p.Coach, coaches[0].MedewerkerID)
		require.True(t, coaches[0].Employed)
		require.True(t, *coaches[0].HasExpertise)
		_, err = s.Lock(t.Context(), tx, id.LeerplekID(uuid.Must(uuid.NewV7())))
		require.Error(t, err)
		return nil
	})
}
