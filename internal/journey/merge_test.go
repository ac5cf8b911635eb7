package journey_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// double is an employer that stands in a tenant twice, and a third one beside it.
type double struct {
	*testkit.World
	c                 *testkit.Caller
	from, into, third id.OrganisationID
	mdw               id.MedewerkerID
	lvr               id.LeervraagID
	lpl               id.LeerplekID
}

func newDouble(t *testing.T) double {
	t.Helper()
	w := testkit.New(t)
	d := double{World: w, c: w.Coordinator(), from: w.Organisation("Woonzorgcentrum De Linde vzw"), into: w.Organisation("WZC De Linde"), third: w.Organisation("Labeur")}
	d.mdw = w.Medewerker(d.from, "Sam")
	d.lvr = w.Leervraag(d.from, d.mdw, "Onthaal", "Hoe onthalen jullie?")
	d.lpl = w.Leerplek(d.from, "Onthaal", "Meelopen", d.mdw)
	return d
}

func (d double) at(rest string) string { return "/v1/organisations/" + d.from.String() + rest }

func (d double) merge() *testkit.Answer {
	d.T.Helper()
	return d.c.Post(d.at("/merge"), map[string]any{"into": d.into})
}

func (d double) run(query string, args ...any) {
	d.T.Helper()
	_, err := d.Super.Exec(context.Background(), query, append([]any{d.Tenant.UUID()}, args...)...)
	require.NoError(d.T, err, query)
}

func (d double) match(sending, receiving id.OrganisationID, lvr id.LeervraagID, lpl id.LeerplekID, status string) uuid.UUID {
	d.T.Helper()
	m := d.Insert("matches", map[string]any{"leervraag_id": lvr.UUID(), "leerplek_id": lpl.UUID(), "sending_organisation_id": sending.UUID(),
		"receiving_organisation_id": receiving.UUID(), "switcher_id": d.mdw.UUID(), "leercoach_ids": []uuid.UUID{d.mdw.UUID()}, "internal": false,
		"required_parties": []string{"sending", "receiving"}, "status": status})
	d.run(`insert into match_decisions (tenant_id, match_id, party, sending_organisation_id, receiving_organisation_id, decision, decided_at, recorded_by)
		values ($1, $2, 'sending', $3, $4, 'declined', now(), 'test')`, m, sending.UUID(), receiving.UUID())
	d.run(`insert into match_notes (tenant_id, match_id, party, organisation_id, reason) values ($1, $2, 'sending', $3, 'te druk')`, m, sending.UUID())
	d.run(`insert into match_reasons (tenant_id, match_id, party, organisation_id, origin, reasons) values ($1, $2, 'sending', $3, 'hand', '{content}')`, m, sending.UUID())
	return m
}

// everything gives the employer that goes one of all that an employer can have without an exchange.
func (d double) everything() {
	d.T.Helper()
	d.c.Patch(d.at(""), `{"enterprise_number":"0123.456.749","headcount":40,"external_ids":[{"system":"crm","value":"7"}]}`).Is(200)
	d.c.Post(d.at("/sites"), `{"name":"Hoofdgebouw","street":"Straat 1","postcode":"9000","municipality":"Gent"}`).Is(201)
	department := d.c.Post(d.at("/departments"), `{"name":"Keuken","open_to_switchers":true}`).Is(201).Str("id")
	contact := d.c.Post(d.at("/contacts"), `{"name":"An Voorbeeld","function":"directeur"}`).Is(201).Str("id")
	d.c.Post(d.at("/needs"), map[string]any{"title": "Onthaal", "department_id": department}).Is(201)
	d.c.Patch(d.at("/profile"), `{"core_values":["warmte"],"strengths":["rust"]}`).Is(200)
	d.c.Post(d.at("/conversations"), map[string]any{"held_at": "2027-01-11T09:00:00Z", "channel": "phone", "contact_ids": []any{contact}, "note": "Belt terug."}).Is(201)
	d.c.Patch("/v1/medewerkers/"+d.mdw.String(), map[string]any{"external_ids": []any{map[string]any{"system": "sdworx", "value": "1001"}}, "department_id": department}).Is(200)
	d.c.Patch("/v1/leervragen/"+d.lvr.String(), `{"question":"Hoe onthalen jullie nieuwe collega's?"}`, "If-Match", "*").Is(200)
	d.c.Patch("/v1/leerplekken/"+d.lpl.String(), map[string]any{"department_id": department}).Is(200)

	theirs := d.Leerplek(d.third, "Werf", "Meebouwen", d.Medewerker(d.third, "Ali"))
	own := d.Leerplek(d.into, "Keuken", "Meekoken", d.Medewerker(d.into, "Noor"))
	d.match(d.from, d.third, d.lvr, theirs, "proposed")
	d.match(d.from, d.into, d.lvr, own, "declined")
	d.run(`insert into suggestion_dismissals (tenant_id, leervraag_id, leerplek_id, organisation_id, switcher_id, receiving_organisation_id, dismissed_at, dismissed_by)
		values ($1, $2, $3, $4, $5, $6, now(), 'test'), ($1, $2, $7, $4, $5, $4, now(), 'test')`, d.lvr.UUID(), theirs.UUID(), d.from.UUID(), d.mdw.UUID(), d.third.UUID(), d.lpl.UUID())
	for _, r := range [][3]any{{d.from.UUID(), d.third.UUID(), nil}, {d.into.UUID(), d.third.UUID(), nil}, {d.from.UUID(), d.into.UUID(), nil}, {d.third.UUID(), d.from.UUID(), d.third.UUID()},
		{d.from.UUID(), d.third.UUID(), d.from.UUID()}} {
		d.Insert("rivals", map[string]any{"organisation_id": r[0], "rival_id": r[1], "named_by": r[2]})
	}
	coh := d.c.Post("/v1/cohorten", `{"name":"Voorjaar","from_on":"2027-01-11"}`).Is(201).Str("id")
	cohort := "/v1/cohorten/" + coh
	sam := d.Medewerker(d.into, "Kim")
	asked := d.Leervraag(d.into, sam, "Bouwen", "Hoe bouw je?")
	d.c.Post(cohort+"/leervragen", map[string]any{"leervraag_ids": []any{d.lvr, asked}}).Is(200)
	d.c.Post(cohort+"/leerplekken", map[string]any{"leerplek_ids": []any{d.lpl, theirs}}).Is(200)
	d.c.Put(cohort+"/rivals", map[string]any{"pairs": []any{map[string]any{"organisation_ids": []any{d.from, d.third}}, map[string]any{"organisation_ids": []any{d.into, d.third}},
		map[string]any{"organisation_ids": []any{d.from, d.into}}}}).Is(200)
	d.c.Put(cohort+"/participants/"+d.mdw.String()+"/preferences", map[string]any{"organisation_ids": []any{d.into, d.third}}).Is(200)
	d.c.Put(cohort+"/participants/"+sam.String()+"/preferences", map[string]any{"organisation_ids": []any{d.from}}).Is(200)
	client := d.Client(auth.Employer, &d.from, nil).Principal.ClientID
	d.run(`update clients set revoked_at = now() where tenant_id = $1 and id = $2`, client.UUID())
	d.run(`update clients set revoked_at = now() where tenant_id = $1 and id = $2`, d.Client(auth.Switcher, &d.from, &d.mdw).Principal.ClientID.UUID())
	d.c.Post("/v1/webhook-endpoints", map[string]any{"url": "http://127.0.0.1:9/", "event_types": []string{"*"}, "organisation_id": d.from}).Is(201)
	d.run(`update webhook_endpoints set status = 'disabled', disabled_at = now(), disabled_reason = 'gone' where tenant_id = $1`)
}

// traces are the tables of the tenant that still name a uuid.
func (d double) traces(of uuid.UUID) map[string]int {
	d.T.Helper()
	rows, err := d.Super.Query(context.Background(), `select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'public'
		and c.relkind in ('r', 'p') and not c.relispartition and exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id')`)
	require.NoError(d.T, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(d.T, err)
	out := map[string]int{}
	for _, table := range tables {
		if n := d.Count(`select count(*) from `+table+` t where tenant_id = $1 and to_jsonb(t)::text like '%' || $2::text || '%'`, d.Tenant.UUID(), of.String()); n > 0 {
			out[table] = n
		}
	}
	return out
}

// history is where the employer that went is named for good: what was true when it was written.
var history = []string{"events", "audit", "webhook_deliveries", "webhook_attempts", "idempotency_keys", "organisations"}

func TestMerge_LeavesNothingBehind(t *testing.T) {
	t.Parallel()
	d := newDouble(t)
	d.everything()
	before := d.traces(d.from.UUID())
	for _, table := range []string{"sites", "departments", "contacts", "organisation_needs", "organisation_profiles", "conversations", "medewerkers", "external_ids", "leervragen",
		"leervraag_versions", "leerplekken", "leerplek_coaches", "matches", "match_decisions", "match_notes", "match_reasons", "rivals", "suggestion_dismissals", "cohort_leervragen",
		"cohort_leerplekken", "cohort_rivals", "cohort_preferences", "clients", "webhook_endpoints", "webhook_secrets"} {
		require.NotZero(t, before[table], "the control: %s names the employer that goes", table)
	}
	since := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	merged := d.merge().Is(200)
	require.Equal(t, d.into.String(), merged.Str("id"))
	require.Equal(t, "WZC De Linde", merged.Str("name"), "what the one says of itself stays")
	require.Equal(t, "0123.456.749", merged.Str("enterprise_number"), "what it did not know it takes over")
	require.EqualValues(t, 40, merged.Num("headcount"))
	require.Equal(t, "7", merged.Str("external_ids.0.value"))
	require.JSONEq(t, string(merged.Body), string(d.c.Get("/v1/organisations/"+d.into.String()).Is(200).Body))

	after := d.traces(d.from.UUID())
	for _, table := range history {
		delete(after, table)
	}
	require.Empty(t, after, "every row of the employer moved")

	into := "/v1/organisations/" + d.into.String()
	for _, part := range []string{"/sites", "/departments", "/contacts", "/needs", "/conversations"} {
		require.Equal(t, 1, d.c.Get(into+part).Is(200).Len("data"), part)
	}
	require.Equal(t, "warmte", d.c.Get(into+"/profile").Is(200).Str("core_values.0"))
	require.Equal(t, d.into.String(), d.c.Get("/v1/leervragen/"+d.lvr.String()).Is(200).Str("organisation_id"))
	require.Equal(t, d.into.String(), d.c.Get("/v1/leerplekken/"+d.lpl.String()).Is(200).Str("organisation_id"))
	require.Equal(t, d.into.String(), d.c.Get("/v1/medewerkers?external_id=sdworx:1001").Is(200).Str("data.0.organisation_id"))
	require.Equal(t, d.into.String(), d.c.Get("/v1/organisations?external_id=crm:7").Is(200).Str("data.0.id"))
	require.Equal(t, 3, d.Count(`select count(*) from rivals where tenant_id = $1`, d.Tenant.UUID()), "a pair that was there already, and a pair of one, are forgotten")
	require.Equal(t, 1, d.Count(`select count(*) from cohort_rivals where tenant_id = $1`, d.Tenant.UUID()))
	require.Equal(t, 1, d.Count(`select count(*) from cohort_preferences where tenant_id = $1 and organisation_ids = array[$2::uuid]`, d.Tenant.UUID(), d.third.UUID()),
		"nobody prefers the employer that became their own")
	require.Equal(t, 1, d.Count(`select count(*) from cohort_preferences where tenant_id = $1`, d.Tenant.UUID()))
	require.Equal(t, 1, d.Count(`select count(*) from matches where tenant_id = $1 and internal and status = 'declined'`, d.Tenant.UUID()))
	d.Employer(d.into).Get("/v1/leervragen/" + d.lvr.String()).Is(200)

	require.Equal(t, "organisation.merged", d.EventTypes(d.from.String())[len(d.EventTypes(d.from.String()))-1])
	require.Equal(t, []string{"organisation.updated"}, d.EventTypes(d.into.String()))
	require.Equal(t, 1, d.Count(`select count(*) from audit where tenant_id = $1 and action = 'organisation.merge' and subject_id = $2`, d.Tenant.UUID(), d.from.UUID()))
	events := len(d.Events())
	require.Equal(t, d.into.String(), d.merge().Is(200).Str("id"), "once more changes nothing")
	require.Len(t, d.Events(), events)

	gone := d.c.Get(d.at("")).Is(200)
	require.Equal(t, d.from.String(), gone.Str("id"))
	require.Equal(t, d.into.String(), gone.Str("merged_into_id"))
	require.Nil(t, gone.At("enterprise_number"))
	listed := func(query string) (ids []string) {
		var page struct{ Data []struct{ ID string } }
		require.NoError(t, json.Unmarshal(d.c.Get("/v1/organisations"+query).Is(200).Body, &page))
		for _, o := range page.Data {
			ids = append(ids, o.ID)
		}
		return ids
	}
	require.NotContains(t, listed(""), d.from.String())
	for !strings.Contains(strings.Join(listed("?updated_since="+since), " "), d.from.String()) { // what else runs in this PostgreSQL holds readers back
		require.NoError(t, t.Context().Err())
	}
	require.NotContains(t, listed("?external_id=crm:7"), d.from.String())
}

func TestMerge_NothingComesToTheOneThatIsGone(t *testing.T) {
	t.Parallel()
	d := newDouble(t)
	d.merge().Is(200)
	d.c.Patch(d.at(""), `{"name":"Terug"}`).Problem(404, "not-found")
	d.c.Post(d.at("/stage"), `{"stage":"paused"}`).Problem(404, "not-found")
	d.c.Post(d.at("/contacts"), `{"name":"x","function":"x"}`).Problem(404, "not-found")
	d.c.Post(d.at("/conversations"), `{"held_at":"2027-01-11T09:00:00Z","channel":"phone","note":"x"}`).Problem(404, "not-found")
	d.c.Post("/v1/medewerkers", map[string]any{"organisation_id": d.from, "given_name": "x", "family_name": "x", "job_title": "x", "employment": "employee"}).Problem(422, "invalid", "/organisation_id")
	d.c.Post("/v1/leerplekken", map[string]any{"organisation_id": d.from, "title": "x", "description": "x"}).Problem(422, "invalid", "/organisation_id")
	d.Admin().Post("/v1/clients", map[string]any{"name": "x", "role": "employer", "organisation_id": d.from}).Problem(422, "invalid", "/organisation_id")
	d.c.Post("/v1/organisations/"+d.third.String()+"/merge", map[string]any{"into": d.from}).Problem(422, "invalid", "/into")
	d.c.Post(d.at("/merge"), map[string]any{"into": d.third}).Problem(409, "organisation-merged")

	require.Equal(t, d.third.String(), d.c.Post("/v1/organisations/"+d.into.String()+"/merge", map[string]any{"into": d.third}).Is(200).Str("id"))
	require.Equal(t, d.third.String(), d.c.Get(d.at("")).Is(200).Str("merged_into_id"), "it went where the one went that it went to")
}

func TestMerge_NamesWhatStandsInTheWay(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	p := w.Pair() // an exchange, and an accepted match
	from, into := "/v1/organisations/"+p.Sending.String(), "/v1/organisations/"+p.Receiving.String()
	c.Patch(from, `{"enterprise_number":"0123.456.749","external_ids":[{"system":"crm","value":"1"}]}`).Is(200)
	c.Patch(into, `{"enterprise_number":"0417.497.106","external_ids":[{"system":"crm","value":"2"}]}`).Is(200)
	for _, m := range []id.MedewerkerID{p.Switcher, p.Coach} {
		c.Patch("/v1/medewerkers/"+m.String(), `{"external_ids":[{"system":"sdworx","value":"1001"}]}`).Is(200)
	}
	w.Employer(p.Sending)
	c.Post("/v1/webhook-endpoints", map[string]any{"url": "http://127.0.0.1:9/", "event_types": []string{"*"}, "organisation_id": p.Sending}).Is(201)
	refused := c.Post(from+"/merge", map[string]any{"into": p.Receiving}).Problem(409, "organisations-not-mergeable")
	var codes []string
	var f struct{ Errors []struct{ Code string } }
	refused.Into(&f)
	for _, e := range f.Errors {
		codes = append(codes, e.Code)
	}
	require.Equal(t, []string{"enterprise_numbers_differ", "external_ids_differ", "has_exchanges", "open_match", "employees_share_external_ids", "bound_clients", "bound_endpoints"}, codes)
	require.Equal(t, p.Sending.String(), c.Get(from).Is(200).Str("id"))

	c.Post(from+"/merge", map[string]any{"into": p.Sending}).Problem(422, "invalid", "/into")
	c.Post(from+"/merge", map[string]any{"into": id.NewOrganisation()}).Problem(422, "invalid", "/into")
	c.Post("/v1/organisations/"+id.NewOrganisation().String()+"/merge", map[string]any{"into": p.Sending}).Problem(404, "not-found")
	w.Employer(p.Receiving).Post(into+"/merge", map[string]any{"into": p.Sending}).Problem(403, "forbidden")
	foreign := testkit.New(t)
	c.Post(from+"/merge", map[string]any{"into": foreign.Organisation("Elders")}).Problem(422, "invalid", "/into")
}

// The planted fault: a row that no noun moves. The foreign keys see it at the end, and nothing of the merge stays.
func TestMerge_WhatANounForgetsUndoesIt(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	d := double{World: h.Tenant(t)}
	d.c, d.from, d.into = d.Coordinator(), d.Organisation("De Linde"), d.Organisation("WZC De Linde")
	d.mdw = d.Medewerker(d.from, "Sam")
	_, err := d.Super.Exec(context.Background(), `create table forgotten (tenant_id uuid not null, organisation_id uuid not null,
		foreign key (tenant_id, organisation_id) references organisations (tenant_id, id) deferrable)`)
	require.NoError(t, err)
	_, err = d.Super.Exec(context.Background(), `insert into forgotten values ($1, $2)`, d.Tenant.UUID(), d.from.UUID())
	require.NoError(t, err)
	d.merge().Problem(409, "organisations-not-mergeable")
	require.Equal(t, d.from.String(), d.c.Get("/v1/medewerkers/"+d.mdw.String()).Is(200).Str("organisation_id"))
	require.Nil(t, d.c.Get(d.at("")).Is(200).At("merged_into_id"))
	_, err = d.Super.Exec(context.Background(), `delete from forgotten`)
	require.NoError(t, err)
	d.merge().Is(200)
}

func TestMerge_SuggestionsFollow(t *testing.T) {
	t.Parallel()
	d := newDouble(t)
	asked := d.Leervraag(d.into, d.Medewerker(d.into, "Kim"), "Onthaal", "Hoe onthalen jullie?")
	others := d.Leervraag(d.third, d.Medewerker(d.third, "Ali"), "Onthaal", "Hoe onthalen jullie?")
	suggested := func(lvr id.LeervraagID) bool {
		return strings.Contains(string(d.c.Get("/v1/leervragen/"+lvr.String()+"/suggestions").Is(200).Body), d.lpl.String())
	}
	require.True(t, suggested(asked), "the control: what another employer offers")
	require.True(t, suggested(others))
	d.merge().Is(200)
	require.False(t, suggested(asked), "what became one's own employer is no place to go")
	require.True(t, suggested(others))
}

// Whoever adds an employee while the merge runs holds the employer's key: the merge waits, then sees the newcomer at an id
// that is gone, and gives up whole.
func TestMerge_GivesUpWhenSomebodyCameInBetween(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	d := double{World: h.Tenant(t)}
	d.c, d.from, d.into = d.Coordinator(), d.Organisation("De Linde"), d.Organisation("WZC De Linde")
	ctx := context.Background()
	tx, err := d.Super.Begin(ctx)
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(ctx) }()
	_, err = tx.Exec(ctx, `insert into medewerkers (tenant_id, id, created_at, updated_at, changed_by, request_id, organisation_id, given_name, family_name, job_title, employment, language, needs_public_transport)
		values ($1, $2, now(), now(), 'test', 'test', $3, 'Sam', 'Voorbeeld', 'kok', 'employee', 'nl', false)`, d.Tenant.UUID(), id.NewMedewerker().UUID(), d.from.UUID())
	require.NoError(t, err)
	merged := make(chan *testkit.Answer)
	go func() { merged <- d.merge() }()
	for waiting := 0; waiting == 0; {
		require.NoError(t, d.Super.QueryRow(ctx, `select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`).Scan(&waiting))
	}
	require.NoError(t, tx.Commit(ctx))
	(<-merged).Problem(409, "organisations-not-mergeable")
	require.Equal(t, 1, d.Count(`select count(*) from medewerkers where tenant_id = $1 and organisation_id = $2`, d.Tenant.UUID(), d.from.UUID()))
	d.merge().Is(200)
	require.Equal(t, 1, d.Count(`select count(*) from medewerkers where tenant_id = $1 and organisation_id = $2`, d.Tenant.UUID(), d.into.UUID()))
}

func TestMerge_LosesNothingThatWasTold(t *testing.T) {
	t.Parallel()
	d := newDouble(t)
	into := "/v1/organisations/" + d.into.String()
	for _, path := range []string{d.at(""), into} {
		d.c.Patch(path, `{"kind":"social_economy"}`).Is(200)
	}
	d.c.Patch(d.at(""), `{"maatwerkbedrijf":true}`).Is(200)
	for _, stage := range []string{"paused", "intake"} { // the one that goes is engaged
		d.c.Post(into+"/stage", map[string]any{"stage": stage}).Is(200)
	}
	many := make([]string, 19)
	for i := range many {
		many[i] = fmt.Sprintf("aanbod %d", i)
	}
	d.c.Patch(into+"/profile", map[string]any{"core_values": []string{"warmte", "rust"}, "offers": many, "openness": "open", "competition_sensitivity": "some"}).Is(200)
	d.c.Patch(d.at("/profile"), map[string]any{"core_values": []string{"rust", "durf"}, "offers": []string{"aanbod 3", "tuin", "keuken"}, "strengths": []string{"samen"},
		"openness": "closed", "competition_sensitivity": "some", "desired_result": "Een ploeg die blijft."}).Is(200)
	merged := d.merge().Is(200)
	require.Equal(t, "engaged", merged.Str("stage"))
	require.Equal(t, true, merged.At("maatwerkbedrijf"))
	types := d.EventTypes(d.into.String())
	require.Equal(t, "organisation.engaged", types[len(types)-1])

	var profile struct {
		CoreValues    []string `json:"core_values"`
		Offers        []string
		Strengths     []string
		Openness      string
		DesiredResult string `json:"desired_result"`
	}
	d.c.Get(into + "/profile").Is(200).Into(&profile)
	require.Equal(t, []string{"warmte", "rust", "durf"}, profile.CoreValues)
	require.Equal(t, append(many, "tuin"), profile.Offers, "as many as a list can hold")
	require.Equal(t, []string{"samen"}, profile.Strengths)
	require.Equal(t, "open", profile.Openness, "what the one that stays tells is kept")
	require.Equal(t, "Een ploeg die blijft.", profile.DesiredResult)
	var details string
	require.NoError(t, d.Super.QueryRow(context.Background(), `select details::text from audit where tenant_id = $1 and action = 'organisation.merge'`, d.Tenant.UUID()).Scan(&details))
	require.JSONEq(t, `{"into":"`+d.into.String()+`","profile":{"lists_full":["offers"],"members_differed":["openness"]}}`, details)
}

// What the one that stays decided about its place in the poule, its double does not undo.
func TestMerge_LeavesAPausedEmployerPaused(t *testing.T) {
	t.Parallel()
	d := newDouble(t)
	d.c.Patch(d.at(""), `{"kind":"social_economy","maatwerkbedrijf":true}`).Is(200)
	d.c.Patch("/v1/organisations/"+d.into.String(), `{"kind":"profit"}`).Is(200)
	d.c.Post("/v1/organisations/"+d.into.String()+"/stage", `{"stage":"paused"}`).Is(200)
	merged := d.merge().Is(200)
	require.Equal(t, "paused", merged.Str("stage"))
	require.Equal(t, false, merged.At("maatwerkbedrijf"), "only in the social economy")
}

// The merge waits for a leervraag after it looked for open matches; meanwhile one is proposed.
func TestMerge_GivesUpWhenAMatchCameInBetween(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	d := double{World: h.Tenant(t)}
	d.c, d.from, d.into = d.Coordinator(), d.Organisation("De Linde"), d.Organisation("WZC De Linde")
	d.mdw = d.Medewerker(d.from, "Sam")
	d.lvr = d.Leervraag(d.from, d.mdw, "Onthaal", "Hoe onthalen jullie?")
	own := d.Leerplek(d.into, "Keuken", "Meekoken", d.Medewerker(d.into, "Noor"))
	ctx := context.Background()
	tx, err := d.Super.Begin(ctx)
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(ctx) }()
	_, err = tx.Exec(ctx, `select from leervragen where tenant_id = $1 and id = $2 for no key update`, d.Tenant.UUID(), d.lvr.UUID())
	require.NoError(t, err)
	merged := make(chan *testkit.Answer)
	go func() { merged <- d.merge() }()
	for waiting := 0; waiting == 0; {
		require.NoError(t, d.Super.QueryRow(ctx, `select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`).Scan(&waiting))
	}
	m := d.match(d.from, d.into, d.lvr, own, "proposed")
	require.NoError(t, tx.Commit(ctx))
	(<-merged).Problem(409, "organisations-not-mergeable")
	require.Equal(t, 1, d.Count(`select count(*) from matches where tenant_id = $1 and id = $2 and not internal and status = 'proposed'`, d.Tenant.UUID(), m))
}
