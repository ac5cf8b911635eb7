package cohort_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/cohort"
	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

type body = map[string]any

var spring = body{"name": "Voorjaar 2027", "from_on": "2027-01-11", "until_on": "2027-06-30", "kick_off_on": "2027-01-18"}

// scene is a cohort with a leervraag of one employer and a leerplek of another.
type scene struct {
	*testkit.World
	sending, receiving id.OrganisationID
	switcher, coach    id.MedewerkerID
	leervraag          id.LeervraagID
	leerplek           id.LeerplekID
	cohort             string
	coordinator        *testkit.Caller
}

func newScene(t *testing.T) scene {
	t.Helper()
	s := scene{World: testkit.New(t)}
	s.sending, s.receiving = s.Organisation("Apotheek Zonneveld"), s.Organisation("Woonzorgcentrum De Linde")
	s.switcher, s.coach = s.Medewerker(s.sending, "Sam"), s.Medewerker(s.receiving, "Noor")
	s.leervraag = s.Leervraag(s.sending, s.switcher, "Medicatie", "Hoe verloopt het klaarzetten?")
	s.leerplek = s.Leerplek(s.receiving, "Medicatieschema's", "Klaarzetten en bedelen", s.coach)
	s.coordinator = s.Coordinator()
	s.cohort = s.coordinator.Post("/v1/cohorten", spring).Is(201).Str("id")
	s.coordinator.Post(s.at("/leervragen"), body{"leervraag_ids": []any{s.leervraag}}).Is(200)
	s.coordinator.Post(s.at("/leerplekken"), body{"leerplek_ids": []any{s.leerplek}}).Is(200)
	return s
}

func (s scene) at(rest string) string { return "/v1/cohorten/" + s.cohort + rest }

func (s scene) preferences() string {
	return s.at("/participants/" + s.switcher.String() + "/preferences")
}

func TestCohort_ItsLife(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	made := c.Post("/v1/cohorten", spring).Is(201)
	at := made.Header.Get("Location")
	require.Equal(t, "draft", made.Str("status"))
	require.Equal(t, "2027-01-18", made.Str("kick_off_on"))
	require.Equal(t, made.Body, c.Get(at).Is(200).Body)
	require.Equal(t, "open", c.Post(at+"/open", nil).Is(200).Str("status"))
	require.Equal(t, 2.0, c.Post(at+"/open", nil).Is(200).Num("revision"), "an open cohort stays as it is")
	changed := c.Patch(at, body{"until_on": nil, "name": "Lente 2027"}).Is(200)
	require.Equal(t, []any{nil, "Lente 2027", 3.0}, []any{changed.At("until_on"), changed.At("name"), changed.At("revision")})
	c.Patch(at, body{"name": "x"}, "If-Match", `"1"`).Problem(412, "revision-mismatch")
	require.Equal(t, 1, c.Get("/v1/cohorten?status=open").Is(200).Len("data"))
	require.Equal(t, "closed", c.Post(at+"/close", nil).Is(200).Str("status"))
	c.Post(at+"/close", nil).Is(200)
	c.Post(at+"/open", nil).Problem(409, "cohort-closed")
	c.Patch(at, body{"name": "x"}).Problem(409, "cohort-closed")
	require.Equal(t, []string{"cohort.created", "cohort.updated", "cohort.updated", "cohort.updated"}, w.EventTypes(made.Str("id")))
	require.Zero(t, c.Get("/v1/cohorten?status=draft").Is(200).Len("data"))
}

// A round is planned for so many exchanges, and its participants come together afterwards (seed 001, 5.3 and 5.8).
func TestCohort_IsPlannedToItsTerugkommoment(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	bare := c.Post("/v1/cohorten", spring).Is(201)
	require.Nil(t, bare.At("planned_exchanges"))
	at := bare.Header.Get("Location")
	planned := c.Patch(at, body{"planned_exchanges": 15, "terugkommoment_on": "2027-07-08"}).Is(200)
	require.EqualValues(t, 15, planned.Num("planned_exchanges"))
	require.Equal(t, "2027-07-08", planned.Str("terugkommoment_on"), "it may come after the last day")
	require.Equal(t, 1, w.Count(`select count(*) from events where tenant_id = $1 and data ->> 'terugkommoment_on' = '2027-07-08'`, w.Tenant.UUID()))
	c.Patch(at, body{"terugkommoment_on": "2027-01-10"}).Problem(422, "invalid", "/terugkommoment_on")
	c.Patch(at, body{"planned_exchanges": 0}).Problem(422, "invalid", "/planned_exchanges")
	require.Nil(t, c.Patch(at, body{"terugkommoment_on": nil}).Is(200).At("terugkommoment_on"))
}

func TestCohort_WhatIsRefused(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	c.Post("/v1/cohorten", body{"name": "x", "from_on": "2027-02-01", "until_on": "2027-01-31"}).Problem(422, "invalid", "/until_on")
	c.Post("/v1/cohorten", body{"name": " ", "from_on": "2027-02-30"}).Problem(422, "invalid", "/from_on", "/name")
	c.Get("/v1/cohorten/"+id.NewCohort().String()).Problem(404, "not-found")
	org := w.Organisation("a")
	for _, who := range []*testkit.Caller{w.Employer(org), w.Client(auth.Viewer, nil, nil)} {
		who.Post("/v1/cohorten", spring).Problem(403, "forbidden")
	}
	w.Employer(org).Get("/v1/cohorten").Problem(403, "forbidden")
	w.Client(auth.Viewer, nil, nil).Get("/v1/cohorten").Is(200)
}

func TestParticipants_JoinOnceAndLeave(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	c := s.coordinator
	before := c.Get(s.at("")).Is(200).Num("revision")
	c.Post(s.at("/leervragen"), body{"leervraag_ids": []any{s.leervraag}}).Is(200)
	c.Post(s.at("/leerplekken"), body{"leerplek_ids": []any{s.leerplek}}).Is(200)
	require.Equal(t, before, c.Get(s.at("")).Is(200).Num("revision"), "who takes part already stays")
	list := c.Get(s.at("/leervragen")).Is(200)
	require.Equal(t, []any{s.leervraag.String(), s.sending.String(), s.switcher.String()},
		[]any{list.At("data.0.leervraag_id"), list.At("data.0.organisation_id"), list.At("data.0.switcher_id")})
	list = c.Get(s.at("/leerplekken")).Is(200)
	require.Equal(t, []any{s.leerplek.String(), s.receiving.String()}, []any{list.At("data.0.leerplek_id"), list.At("data.0.organisation_id")})
	c.Delete(s.at("/leerplekken/" + s.leerplek.String())).Is(204)
	c.Delete(s.at("/leerplekken/"+s.leerplek.String())).Problem(404, "not-found")
	c.Delete(s.at("/leervragen/" + s.leervraag.String())).Is(204)
	c.Delete(s.at("/leervragen/"+s.leervraag.String())).Problem(404, "not-found")
	require.Zero(t, c.Get(s.at("/leervragen")).Is(200).Len("data"))
	require.Zero(t, c.Get(s.at("/leerplekken")).Is(200).Len("data"))
}

func TestParticipants_ListsAreCutIntoPages(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	var ids []any
	for range 4 {
		ids = append(ids, s.Leervraag(s.sending, s.switcher, "x", "x").String())
	}
	s.coordinator.Post(s.at("/leervragen"), body{"leervraag_ids": ids}).Is(200)
	var got []any
	for cursor := ""; ; {
		p := s.coordinator.Get(s.at("/leervragen?limit=2&cursor=" + cursor)).Is(200)
		for i := range p.Len("data") {
			got = append(got, p.At("data."+string(rune('0'+i))+".leervraag_id"))
		}
		if p.At("next_cursor") == nil {
			break
		}
		cursor = p.Str("next_cursor")
	}
	require.Equal(t, append([]any{s.leervraag.String()}, ids...), got)
}

func TestParticipants_ALeervraagIsInOneRunningCohort(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	other := s.coordinator.Post("/v1/cohorten", spring).Is(201).Header.Get("Location")
	free := s.Leervraag(s.sending, s.switcher, "x", "x")
	join := body{"leervraag_ids": []any{free, s.leervraag}}
	s.coordinator.Post(other+"/leervragen", join).Problem(422, "invalid", "/leervraag_ids/1")
	require.Zero(t, s.coordinator.Get(other+"/leervragen").Is(200).Len("data"), "all or none")
	s.coordinator.Post(s.at("/close"), nil).Is(200)
	s.coordinator.Post(other+"/leervragen", join).Is(200)
	s.coordinator.Post(other+"/leerplekken", body{"leerplek_ids": []any{s.leerplek}}).Is(200)
	require.Equal(t, 1, s.coordinator.Get(s.at("/leervragen")).Is(200).Len("data"), "a closed cohort keeps its list")
	s.coordinator.Post(s.at("/leervragen"), join).Problem(409, "cohort-closed")
	s.coordinator.Delete(s.at("/leerplekken/"+s.leerplek.String())).Problem(409, "cohort-closed")
	s.coordinator.Put(s.at("/rivals"), body{"pairs": []any{}}).Problem(409, "cohort-closed")
	s.coordinator.Put(s.preferences(), body{"organisation_ids": []any{}}).Problem(409, "cohort-closed")
}

func TestParticipants_WhoCannotTakePart(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	other := newScene(t)
	withdrawn := s.Leervraag(s.sending, s.switcher, "x", "x")
	gone := s.Leerplek(s.receiving, "x", "x", s.coach)
	s.Do(func(tx *db.Tx) error {
		if _, err := tx.Run(`update leervragen set status = 'withdrawn' where id = ?`, withdrawn); err != nil {
			return err
		}
		_, err := tx.Run(`update leerplekken set status = 'withdrawn' where id = ?`, gone)
		return err
	})
	s.coordinator.Post(s.at("/leervragen"), body{"leervraag_ids": []any{id.NewLeervraag(), withdrawn, s.leervraag, other.leervraag}}).
		Problem(422, "invalid", "/leervraag_ids/0", "/leervraag_ids/1", "/leervraag_ids/3")
	s.coordinator.Post(s.at("/leerplekken"), body{"leerplek_ids": []any{id.NewLeerplek(), gone, s.leerplek, other.leerplek}}).
		Problem(422, "invalid", "/leerplek_ids/0", "/leerplek_ids/1", "/leerplek_ids/3")
	s.coordinator.Post(s.at("/leervragen"), body{"leervraag_ids": []any{}}).Problem(422, "invalid", "/leervraag_ids")
}

func TestRivals_AreSetWhole(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	third := s.Organisation("Kinderdagverblijf Pimpeloentje")
	set := func(pairs ...any) *testkit.Answer {
		return s.coordinator.Put(s.at("/rivals"), body{"pairs": append([]any{}, pairs...)})
	}
	pair := func(a, b any) body { return body{"organisation_ids": []any{a, b}} }
	first := set(pair(s.receiving, s.sending), pair(third, s.sending)).Is(200)
	require.Equal(t, 2, first.Len("pairs"))
	revision := s.coordinator.Get(s.at("")).Num("revision")
	require.Equal(t, first.Body, set(pair(s.sending, third), pair(s.sending, s.receiving)).Is(200).Body, "in whatever order they are named")
	require.Equal(t, revision, s.coordinator.Get(s.at("")).Num("revision"))
	set(pair(s.sending, s.sending), pair(third, s.sending), pair(s.sending, third), pair(id.NewOrganisation(), third)).
		Problem(422, "invalid", "/pairs/0", "/pairs/2", "/pairs/3/organisation_ids/0")
	set(body{"organisation_ids": []any{third}}).Problem(422, "invalid", "/pairs/0/organisation_ids")
	require.Equal(t, first.Body, s.coordinator.Get(s.at("/rivals")).Is(200).Body)
	require.Zero(t, set().Is(200).Len("pairs"))
}

func TestPreferences_AreTheSwitchersOwn(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	switcher := s.Client(auth.Switcher, &s.sending, &s.switcher)
	require.Equal(t, []any{[]any{}, nil}, []any{switcher.Get(s.preferences()).Is(200).At("organisation_ids"), s.coordinator.Get(s.preferences()).At("noted_at")})
	named := body{"organisation_ids": []any{s.receiving}}
	require.Equal(t, 1, s.coordinator.Get(s.options()).Is(200).Len("data"), "the ST-partner reads them at any time")
	require.Zero(t, switcher.Get(s.options()).Is(200).Len("data"))
	switcher.Put(s.preferences(), named).Problem(409, "cohort-not-open")
	s.coordinator.Post(s.at("/open"), nil).Is(200)
	put := switcher.Put(s.preferences(), named).Is(200)
	require.Equal(t, []any{s.receiving.String()}, put.At("organisation_ids"))
	require.Equal(t, put.Body, switcher.Put(s.preferences(), named).Is(200).Body)
	require.Equal(t, put.Body, s.coordinator.Get(s.preferences()).Is(200).Body)
	require.Equal(t, 1, switcher.Get("/v1/cohorten").Is(200).Len("data"), "a switcher reads the cohorten that they are in")
	require.Equal(t, 1, switcher.Get(s.at("/leervragen")).Is(200).Len("data"))
	require.Zero(t, switcher.Get(s.at("/leerplekken")).Is(200).Len("data"))
	require.Zero(t, switcher.Put(s.preferences(), body{"organisation_ids": []any{}}).Is(200).Len("organisation_ids"))
	require.Zero(t, s.Count(`select count(*) from cohort_preferences where tenant_id = $1`, s.Tenant.UUID()))
}

func (s scene) options() string {
	return s.at("/participants/" + s.switcher.String() + "/preference-options")
}

func TestPreferenceOptions_AreTheEmployersOfTheCohort(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.coordinator.Post(s.at("/open"), nil).Is(200)
	second, elsewhere := s.Leerplek(s.receiving, "Nachtdienst", "Een nacht mee", s.coach), s.Organisation("Bakkerij Kruimel")
	baker := s.Medewerker(elsewhere, "Ali")
	s.Leerplek(elsewhere, "Brood", "Niet in de cohort", baker)
	own := s.Leerplek(s.sending, "Balie", "Van de eigen werkgever", s.switcher)
	other := s.Leerplek(elsewhere, "Gebak", "Wel in de cohort", baker)
	s.coordinator.Post(s.at("/leerplekken"), body{"leerplek_ids": []any{second, own, other}}).Is(200)
	switcher := s.Client(auth.Switcher, &s.sending, &s.switcher)
	names := func() (out []any) {
		a := switcher.Get(s.options()).Is(200)
		for i := range a.Len("data") {
			out = append(out, a.At("data."+strconv.Itoa(i)+".name"))
		}
		return out
	}
	require.ElementsMatch(t, []any{"Woonzorgcentrum De Linde", "Bakkerij Kruimel"}, names())
	first := switcher.Get(s.options() + "?limit=1").Is(200)
	require.Equal(t, []any{s.receiving.String(), "Woonzorgcentrum De Linde", []any{s.leerplek.String(), second.String()}, true},
		[]any{first.At("data.0.organisation_id"), first.At("data.0.name"), first.At("data.0.leerplek_ids"), first.At("has_more")})
	require.Equal(t, elsewhere.String(), switcher.Get(s.options()+"?limit=1&cursor="+first.Str("next_cursor")).Is(200).Str("data.0.organisation_id"))
	s.Do(func(tx *db.Tx) error {
		if _, err := tx.Run(`update leerplekken set status = 'withdrawn' where id = ?`, other); err != nil {
			return err
		}
		_, err := tx.Run(`update leervragen set internal = true where id = ?`, s.leervraag)
		return err
	})
	require.ElementsMatch(t, []any{"Woonzorgcentrum De Linde", "Apotheek Zonneveld"}, names(), "the own employer for an internal leervraag; nobody without a published leerplek")
	colleague := s.Medewerker(s.sending, "Collega")
	s.Client(auth.Switcher, &s.sending, &colleague).Get(s.options()).Problem(404, "not-found")
	s.Employer(s.receiving).Get(s.options()).Problem(403, "forbidden")
}

func TestPreferences_NoEmployerReadsThem(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.coordinator.Put(s.preferences(), body{"organisation_ids": []any{s.receiving}}).Is(200)
	for _, org := range []id.OrganisationID{s.sending, s.receiving} {
		s.Employer(org).Get(s.preferences()).Problem(403, "forbidden")
		who := db.Caller(s.Employer(org).Principal, "test")
		require.NoError(t, s.App.DB.InTenant(context.Background(), who, func(tx *db.Tx) error {
			for _, table := range []string{"cohort_preferences", "cohort_leervragen", "cohort_leerplekken", "cohorten"} {
				var n int
				require.NoError(t, tx.Select(&n, `select count(*) from `+table))
				require.Zero(t, n, "%s: the database shows an employer nothing", table)
			}
			return nil
		}))
	}
	colleague := s.Medewerker(s.sending, "Collega")
	stranger := s.Client(auth.Switcher, &s.sending, &colleague)
	require.Equal(t, stranger.Get(s.preferences()).Problem(404, "not-found").Retold(),
		stranger.Get("/v1/cohorten/"+id.NewCohort().String()+"/participants/"+colleague.String()+"/preferences").Is(404).Retold())
	stranger.Put(s.preferences(), body{"organisation_ids": []any{s.receiving}}).Problem(404, "not-found")
	require.NotContains(t, string(events(s)), s.receiving.String(), "no fact tells of them")
	s.Client(auth.Leercoach, &s.receiving, &s.coach).Get(s.preferences()).Problem(403, "forbidden")
}

func events(s scene) (all []byte) {
	for _, e := range s.Events() {
		all = append(all, e.Data...)
	}
	return all
}

func TestPreferences_WhatIsRefused(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	others := []any{s.Organisation("a"), s.Organisation("b"), s.Organisation("c")}
	put := func(c *testkit.Caller, orgs ...any) *testkit.Answer {
		return c.Put(s.preferences(), body{"organisation_ids": orgs})
	}
	put(s.coordinator, append(others, s.receiving)...).Problem(422, "invalid", "/organisation_ids")
	put(s.coordinator, s.receiving, s.sending, s.receiving).Problem(422, "invalid", "/organisation_ids/1", "/organisation_ids/2")
	put(s.coordinator, id.NewOrganisation()).Problem(422, "invalid", "/organisation_ids/0")
	put(s.coordinator, others...).Is(200)
	s.coordinator.Post(s.at("/open"), nil).Is(200)
	switcher := s.Client(auth.Switcher, &s.sending, &s.switcher)
	require.Equal(t, put(switcher, others[0]).Problem(422, "invalid", "/organisation_ids/0").Retold(), put(switcher, id.NewOrganisation()).Is(422).Retold(),
		"who has no leerplek in the cohort is not told from who does not exist")
	s.Do(func(tx *db.Tx) error {
		_, err := tx.Run(`update leervragen set internal = true where id = ?`, s.leervraag)
		return err
	})
	put(s.coordinator, s.sending).Is(200)
	s.coordinator.Put(s.at("/participants/"+s.coach.String()+"/preferences"), body{"organisation_ids": []any{}}).Problem(404, "not-found")
	s.coordinator.Delete(s.at("/leervragen/" + s.leervraag.String())).Is(204)
	s.coordinator.Get(s.preferences()).Problem(404, "not-found")
	require.Zero(t, s.Count(`select count(*) from cohort_preferences where tenant_id = $1`, s.Tenant.UUID()), "they go with the last leervraag")
}

func TestCohort_TakesNoMoreThanARunCanHold(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	var cid id.CohortID
	require.NoError(t, cid.UnmarshalText([]byte(s.cohort)))
	ctx := context.Background()
	tx, err := s.Super.Begin(ctx)
	require.NoError(t, err)
	_, err = tx.Exec(ctx, `set local session_replication_role = replica`) // so many rows that need not point anywhere
	require.NoError(t, err)
	_, err = tx.Exec(ctx, `insert into cohort_leerplekken (tenant_id, cohort_id, leerplek_id, organisation_id, added_at)
		select $1, $2, gen_random_uuid(), gen_random_uuid(), now() from generate_series(2, $3)`, s.Tenant.UUID(), cid.UUID(), cohort.MaxParticipants)
	require.NoError(t, err)
	require.NoError(t, tx.Commit(ctx))
	one := s.Leerplek(s.receiving, "x", "x", s.coach)
	s.coordinator.Post(s.at("/leerplekken"), body{"leerplek_ids": []any{one}}).Problem(409, "cohort-full")
	require.Equal(t, cohort.MaxParticipants, s.Count(`select count(*) from cohort_leerplekken where tenant_id = $1`, s.Tenant.UUID()))
}
