package matching_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/matching"
	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// round is a cohort, by hand.
type round struct {
	*testkit.World
	c      *testkit.Caller
	cohort string
	orgs   map[string]id.OrganisationID
	coach  map[id.LeerplekID]id.MedewerkerID
}

func newRound(t *testing.T) *round {
	t.Helper()
	return newRoundIn(t, testkit.New(t))
}

func newRoundIn(t *testing.T, w *testkit.World) *round {
	t.Helper()
	r := &round{World: w, c: w.Coordinator(), orgs: map[string]id.OrganisationID{}, coach: map[id.LeerplekID]id.MedewerkerID{}}
	r.cohort = r.c.Post("/v1/cohorten", body{"name": "Voorjaar 2099", "from_on": "2099-01-01"}).Is(201).Str("id")
	return r
}

func (r *round) org(name string) id.OrganisationID {
	if o, ok := r.orgs[name]; ok {
		return o
	}
	r.orgs[name] = r.Organisation(name)
	return r.orgs[name]
}

// asks lets somebody of an employer ask for what these words say.
func (r *round) asks(employer, words string) id.LeervraagID {
	r.T.Helper()
	o := r.org(employer)
	l := r.Leervraag(o, r.Medewerker(o, "Sam"), words, "Ik wil leren over "+words)
	r.c.Post("/v1/cohorten/"+r.cohort+"/leervragen", body{"leervraag_ids": []any{l}}).Is(200)
	return l
}

// offers lets an employer offer a place to learn about these words.
func (r *round) offers(employer, words string) id.LeerplekID {
	r.T.Helper()
	o := r.org(employer)
	coach := r.Medewerker(o, "Noor")
	l := r.Leerplek(o, words, "Meekijken en meedoen: "+words, coach)
	r.coach[l] = coach
	r.c.Post("/v1/cohorten/"+r.cohort+"/leerplekken", body{"leerplek_ids": []any{l}}).Is(200)
	return l
}

func (r *round) run(query string, args ...any) {
	r.T.Helper()
	r.Do(func(tx *db.Tx) error {
		n, err := tx.Run(query, args...)
		require.NotZero(r.T, n, query)
		return err
	})
}

// repack changes what is kept of the judgements of runs, as nothing in the program does or may. $1 is the tenant.
func (r *round) repack(how string, args ...any) {
	r.T.Helper()
	done, err := r.Super.Exec(context.Background(), `update matching_run_problems set packed = `+how, append([]any{r.Tenant.UUID()}, args...)...)
	require.NoError(r.T, err)
	require.NotZero(r.T, done.RowsAffected(), how)
}

// start asks for a run and returns where it is.
func (r *round) start(with body) string {
	r.T.Helper()
	in := body{"cohort_id": r.cohort}
	for k, v := range with {
		in[k] = v
	}
	a := r.c.Post("/v1/matching-runs", in).Is(202)
	require.Equal(r.T, "queued", a.Str("status"))
	return a.Header.Get("Location")
}

func (r *round) compute(at string) {
	r.T.Helper()
	var rid id.MatchingRunID
	require.NoError(r.T, rid.UnmarshalText([]byte(at[len("/v1/matching-runs/"):])))
	require.NoError(r.T, r.App.Matching.ComputeRun(context.Background(), r.Tenant, rid))
}

// match runs the cohort, and returns where the run is.
func (r *round) match(with body) string {
	r.T.Helper()
	at := r.start(with)
	r.compute(at)
	done := r.c.Get(at).Is(200)
	require.Equal(r.T, "done", done.Str("status"), "%s", done)
	require.Equal(r.T, true, done.At("summary.certificate.certified"))
	require.Zero(r.T, done.Num("summary.certificate.gap"))
	return at
}

// went says where each leervraag went in a run.
func (r *round) went(at string) map[string]string {
	r.T.Helper()
	out := map[string]string{}
	for _, m := range r.matches(at) {
		out[m.LeervraagID] = m.LeerplekID
	}
	return out
}

type proposal struct {
	LeervraagID string `json:"leervraag_id"`
	LeerplekID  string `json:"leerplek_id"`
	LeercoachID string `json:"leercoach_id"`
	Score       int
	Parts       []struct {
		Criterion  string
		Points, Of int
	}
	Pinned, Settled bool
	Change          string
	Gain            *int
	MatchID         *string `json:"match_id"`
}

func (r *round) matches(at string) (out []proposal) {
	r.T.Helper()
	for cursor := ""; ; {
		var p struct {
			Data       []proposal
			NextCursor *string `json:"next_cursor"`
		}
		r.c.Get(at + "/matches?limit=100&cursor=" + cursor).Is(200).Into(&p)
		out = append(out, p.Data...)
		if p.NextCursor == nil {
			return out
		}
		cursor = *p.NextCursor
	}
}

func TestRun_GivesEachTheirPlaceAndProvesIt(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	medicine, bricks, child := r.asks("Apotheek Zonneveld", "medicatie klaarzetten"), r.asks("Bouwbedrijf Kant en Klaar", "metselen van muren"), r.asks("De Speelvogel", "peuters begeleiden")
	care, site, crib := r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten"), r.offers("Maatwerkbedrijf De Schakel", "metselen van muren"), r.offers("Pimpeloentje", "peuters begeleiden")
	at := r.match(nil)
	require.Equal(t, map[string]string{medicine.String(): care.String(), bricks.String(): site.String(), child.String(): crib.String()}, r.went(at))
	for _, m := range r.matches(at) {
		sum := 0
		for _, p := range m.Parts {
			sum += p.Points
		}
		require.Equal(t, m.Score, sum)
		require.Equal(t, "new", m.Change)
		require.NotEmpty(t, m.LeercoachID)
	}
	done := r.c.Get(at)
	require.Equal(t, []any{3.0, 0.0, 3.0, 0.0}, []any{done.At("summary.matched"), done.At("summary.unmatched"), done.At("summary.new"), done.At("summary.moved")})
	require.Len(t, done.Str("input_hash"), 64)
	require.Equal(t, []string{"matching_run.created", "matching_run.updated"}, r.EventTypes(done.Str("id")))
	require.Zero(t, r.Count(`select count(*) from matches where tenant_id = $1`, r.Tenant.UUID()), "nothing is proposed to anybody")
}

func TestRun_OfNobodyEndsAtOnce(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	empty := r.c.Get(r.match(nil))
	require.Equal(t, []any{0.0, 0.0, 0.0}, []any{empty.At("summary.matched"), empty.At("summary.unmatched"), empty.At("summary.certificate.pairs_checked")})
	r.asks("Apotheek Zonneveld", "medicatie")
	at := r.match(nil)
	got := r.c.Get(at + "/unmatched").Is(200)
	require.Equal(t, "no_candidates", got.Str("data.0.reason"))
	require.Zero(t, got.Len("data.0.ruled_out"))
	require.Nil(t, got.At("data.0.nearest_fix"))
	r.offers("Woonzorgcentrum De Linde", "medicatie")
	require.Len(t, r.went(r.match(body{"objective": "worst_off_first"})), 1)
}

func TestRun_SaysWhyALeervraagHasNoPlace(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	one, two := r.asks("Apotheek Zonneveld", "medicatie klaarzetten"), r.asks("Apotheek Zonneveld", "medicatie klaarzetten")
	emoji, draft := r.asks("Apotheek Zonneveld", "🙂"), r.asks("Apotheek Zonneveld", "medicatie")
	r.run(`update leervragen set question = '🙂', goals = '{}' where id = ?`, emoji)
	r.run(`update leervragen set status = 'draft' where id = ?`, draft)
	far := r.asks("Apotheek Veraf", "metselen van muren")
	place, wall := r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten"), r.offers("Maatwerkbedrijf De Schakel", "metselen van muren")
	r.run(`update leerplekken set site_id = ? where id = ?`, r.Site(r.org("Maatwerkbedrijf De Schakel"), 50.85, 5.69, true), wall)
	r.run(`update medewerkers set site_id = ?, max_travel_km = 10 where organisation_id = ?`, r.Site(r.org("Apotheek Veraf"), 51.2, 2.9, true), r.org("Apotheek Veraf"))
	at := r.match(nil)
	why := map[string]body{}
	var got struct{ Data []body }
	r.c.Get(at + "/unmatched").Is(200).Into(&got)
	for _, u := range got.Data {
		why[u["leervraag_id"].(string)] = u
	}
	lost := why[two.String()]
	if lost == nil {
		lost = why[one.String()]
	}
	require.Equal(t, "full", lost["reason"])
	require.Equal(t, []any{"leerplek", place.String()}, []any{lost["nearest_fix"].(body)["kind"], lost["nearest_fix"].(body)["leerplek_id"]})
	require.Positive(t, lost["nearest_fix"].(body)["gain"])
	require.Equal(t, "not_open", why[draft.String()]["reason"])
	require.Equal(t, []any{"no_candidates", nil}, []any{why[emoji.String()]["reason"], why[emoji.String()]["nearest_fix"]})
	require.Equal(t, []any{body{"reason": "off_topic", "count": 2.0}}, why[emoji.String()]["ruled_out"])
	fix := why[far.String()]["nearest_fix"].(body)
	require.Equal(t, []any{"no_candidates", "rule", "too_far", wall.String()}, []any{why[far.String()]["reason"], fix["kind"], fix["reason"], fix["leerplek_id"]})
	require.Len(t, why, 4)
}

func TestRun_TheSameInputGivesTheSameBytes(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	for i := range 6 {
		r.asks(fmt.Sprint("werkgever ", i%3), "medicatie klaarzetten in de zorg")
		r.offers(fmt.Sprint("gastheer ", i%2), "medicatie klaarzetten in de zorg")
	}
	first := r.c.Get(r.match(nil))
	for range 3 {
		again := r.c.Get(r.match(nil))
		require.Equal(t, []any{first.At("input_hash"), first.At("result_hash"), first.At("summary")}, []any{again.At("input_hash"), again.At("result_hash"), again.At("summary")})
	}
	// Who joined in another order makes no difference.
	r.run(`update cohort_leervragen set added_at = now() - interval '1 day'`)
	order := r.Count(`with gone as (delete from cohort_leerplekken where tenant_id = $1 returning *), back as (select count(*) n from gone) select n from back`, r.Tenant.UUID())
	require.Equal(t, 6, order)
	for l := range r.coach { // in whatever order
		r.c.Post("/v1/cohorten/"+r.cohort+"/leerplekken", body{"leerplek_ids": []any{l}}).Is(200)
	}
	again := r.c.Get(r.match(nil))
	require.Equal(t, []any{first.At("input_hash"), first.At("result_hash")}, []any{again.At("input_hash"), again.At("result_hash")})
	other := r.c.Get(r.match(body{"stability_bonus": 501}))
	require.NotEqual(t, first.At("input_hash"), other.At("input_hash"))
	r.offers("gastheer 1", "medicatie klaarzetten in de zorg")
	require.NotEqual(t, first.At("input_hash"), r.c.Get(r.match(nil)).At("input_hash"))
}

func TestRun_PinsNeverMove(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	a, b := r.asks("Apotheek Zonneveld", "medicatie klaarzetten"), r.asks("Bouwbedrijf Kant en Klaar", "metselen van muren")
	x, y := r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten"), r.offers("Maatwerkbedrijf De Schakel", "metselen van muren")
	pin := func(l, p any) body { return body{"leervraag_id": l, "leerplek_id": p} }
	at := r.match(body{"pins": []any{pin(a, y)}})
	require.Equal(t, y.String(), r.went(at)[a.String()], "whatever else would be better")
	require.NotContains(t, r.went(at), b.String())
	for _, m := range r.matches(at) {
		require.True(t, m.Pinned)
	}
	refused := func(pins []any, at ...string) {
		t.Helper()
		r.c.Post("/v1/matching-runs", body{"cohort_id": r.cohort, "pins": pins}).Problem(422, "invalid", at...)
	}
	own := r.offers("Apotheek Zonneveld", "medicatie")
	bare := r.offers("Woonzorgcentrum De Linde", "medicatie")
	r.run(`update leerplek_coaches set has_time = false where leerplek_id = ?`, bare)
	gone := r.offers("Woonzorgcentrum De Linde", "medicatie")
	r.run(`update leerplekken set status = 'withdrawn' where id = ?`, gone)
	refused([]any{pin(a, x), pin(b, x)}, "/pins/1")
	refused([]any{pin(a, x), pin(a, y)}, "/pins/1/leervraag_id")
	refused([]any{pin(id.NewLeervraag(), id.NewLeerplek()), pin(a, own), pin(b, bare)}, "/pins/0/leervraag_id", "/pins/0/leerplek_id", "/pins/1", "/pins/2")
	refused([]any{pin(a, gone)}, "/pins/0")
	later := r.start(body{"pins": []any{pin(a, x)}})
	r.run(`update leerplekken set status = 'withdrawn' where id = ?`, x)
	r.compute(later)
	failed := r.c.Get(later).Is(200)
	require.Equal(t, []any{"failed", "pins_do_not_fit"}, []any{failed.At("status"), failed.At("failure")})
	r.c.Get(later+"/matches").Problem(409, "matching-run-not-done")
}

// Pins that each are possible, and together are more than a leercoach takes on, are refused when they are asked for.
func TestRun_PinsDoNotExceedALeercoachTogether(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	host := r.org("Woonzorgcentrum De Linde")
	x := r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten")
	y := r.Leerplek(host, "medicatie toedienen", "Meekijken", r.coach[x])
	r.c.Post("/v1/cohorten/"+r.cohort+"/leerplekken", body{"leerplek_ids": []any{y}}).Is(200)
	z := r.offers("Maatwerkbedrijf De Schakel", "medicatie klaarzetten")
	var pins []any
	for _, p := range []id.LeerplekID{x, z, y} {
		pins = append(pins, body{"leervraag_id": r.asks("Apotheek Zonneveld", "medicatie klaarzetten"), "leerplek_id": p})
	}
	r.c.Patch("/v1/medewerkers/"+r.coach[x].String(), body{"coaching_limit": 1}).Is(200)
	refused := r.c.Post("/v1/matching-runs", body{"cohort_id": r.cohort, "pins": pins}).Problem(422, "invalid", "/pins/2")
	require.Equal(t, "pins_exceed_leercoach", refused.Str("errors.0.code"))
	require.Contains(t, refused.Str("errors.0.detail"), r.coach[x].String())
	r.c.Patch("/v1/medewerkers/"+r.coach[x].String(), body{"coaching_limit": nil, "yearly_coaching_limit": 1}).Is(200)
	r.c.Post("/v1/matching-runs", body{"cohort_id": r.cohort, "pins": pins}).Problem(422, "invalid", "/pins/2")
	r.match(body{"pins": pins[:2]})
	// Somebody beside that leercoach takes the third.
	_, err := r.Super.Exec(context.Background(), `insert into leerplek_coaches (tenant_id, leerplek_id, organisation_id, medewerker_id, place, voluntary, has_time, knows_role, has_expertise)
		values ($1, $2, $3, $4, 2, true, true, true, true)`, r.Tenant.UUID(), x.UUID(), host.UUID(), r.Medewerker(host, "Lies").UUID())
	require.NoError(t, err)
	require.Len(t, r.went(r.match(body{"pins": pins})), 3)
}

// Who is one of two leercoaches of a place learns somewhere else: suggestions, runs, pins and proposals say the same, and a match by hand
// says what it was made against.
func TestNobodyLearnsWhereTheyCoach(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	host := r.org("Woonzorgcentrum De Linde")
	x, y := r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten"), r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten")
	a := r.asks("Woonzorgcentrum De Linde", "medicatie klaarzetten")
	r.run(`update leervragen set internal = true where id = ?`, a)
	switcher := r.Medewerker(host, "Robin")
	r.run(`update leervragen set switcher_id = ? where id = ?`, switcher, a)
	r.run(`update cohort_leervragen set switcher_id = ? where leervraag_id = ?`, switcher, a)
	pins := body{"pins": []any{body{"leervraag_id": a, "leerplek_id": x}}}
	first, later := r.match(pins), r.start(pins)
	require.Equal(t, x.String(), r.went(first)[a.String()])
	_, err := r.Super.Exec(context.Background(), `insert into leerplek_coaches (tenant_id, leerplek_id, organisation_id, medewerker_id, place, voluntary, has_time, knows_role, has_expertise)
		values ($1, $2, $3, $4, 2, true, true, true, true)`, r.Tenant.UUID(), x.UUID(), host.UUID(), switcher.UUID())
	require.NoError(t, err)

	r.compute(later)
	require.Equal(t, "pins_do_not_fit", r.c.Get(later).Is(200).Str("failure"))
	refused := r.c.Post("/v1/matching-runs", body{"cohort_id": r.cohort, "pins": pins["pins"]}).Problem(422, "invalid", "/pins/0")
	require.Equal(t, "cannot_pin", refused.Str("errors.0.code"))
	require.Contains(t, refused.Str("errors.0.detail"), "no_coach")
	stale := accept(r, first, body{"leervraag_ids": []any{a}}).Data[0]
	require.Equal(t, []any{"refused", "no_coach"}, []any{stale.Outcome, *stale.Problem})
	at := r.match(nil)
	require.Equal(t, y.String(), r.went(at)[a.String()])
	require.Equal(t, "no_coach", r.explain(at, a, x).Is(200).Str("reason"))
	suggestions := r.c.Get("/v1/leervragen/" + a.String() + "/suggestions?why_not=" + x.String())
	require.Equal(t, []string{y.String()}, suggested(suggestions))
	require.Equal(t, "no_coach", suggestions.Str("why_not.reason"))

	by := func(coach id.MedewerkerID) body {
		return body{"leervraag_id": a, "leerplek_id": x, "leercoach_ids": []any{coach}}
	}
	require.Equal(t, "own_coach", r.c.Post("/v1/matches", by(switcher)).Problem(422, "invalid", "/leercoach_ids/0").Str("errors.0.code"))
	made := r.c.Post("/v1/matches", by(r.coach[x])).Is(201).Str("id")
	require.Equal(t, "no_coach", r.c.Get("/v1/matches/"+made+"/appraisal").Is(200).Str("ruled_out"))
}

func TestRun_BadInput(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	try := func(change body, at ...string) {
		t.Helper()
		in := body{"cohort_id": r.cohort}
		for k, v := range change {
			in[k] = v
		}
		r.c.Post("/v1/matching-runs", in).Problem(422, "invalid", at...)
	}
	weights := func(content int) body {
		return body{"content": content, "preference": 1500, "distance": 1500, "availability": 500, "size": 300, "workforce": 300, "cross_sector": 400}
	}
	try(body{"cohort_id": id.NewCohort()}, "/cohort_id")
	try(body{"weights": weights(-1)}, "/weights/content")
	try(body{"weights": weights(5400)}, "/weights/content", "/weights/preference", "/weights/distance", "/weights/availability", "/weights/size", "/weights/workforce", "/weights/cross_sector")
	try(body{"floor": 10001, "stability_bonus": -1, "objective": "best"}, "/floor", "/objective", "/stability_bonus")
	try(body{"based_on": id.NewMatchingRun()}, "/based_on")
	r.start(body{"weights": weights(5500)})
	r.c.Post("/v1/matching-runs", body{"cohort_id": r.cohort}).Problem(409, "matching-run-active")
	r.c.Post("/v1/cohorten/"+r.cohort+"/close", nil).Is(200)
	try(nil, "/cohort_id")
	r.c.Get("/v1/matching-runs/"+id.NewMatchingRun().String()).Problem(404, "not-found")
}

func TestRun_CanBeCancelled(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	at := r.start(nil)
	require.Equal(t, "waiting", r.c.Get(at).Str("progress.stage"))
	require.Equal(t, "cancelled", r.c.Post(at+"/cancel", nil).Is(200).Str("status"))
	r.c.Post(at+"/cancel", nil).Is(200)
	r.compute(at)
	require.Equal(t, "cancelled", r.c.Get(at).Str("status"), "a job that comes too late does nothing")
	done := r.match(nil)
	r.c.Post(done+"/cancel", nil).Problem(409, "matching-run-ended")
	require.Equal(t, 1, r.c.Get("/v1/matching-runs?status=cancelled&cohort_id="+r.cohort).Is(200).Len("data"))
}

// A worker that was lost leaves a lease; when it is over, the run is computed again and gives the same bytes.
func TestRun_OfALostWorkerStartsAgain(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	r.asks("Apotheek Zonneveld", "medicatie klaarzetten")
	r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten")
	want := r.c.Get(r.match(nil))
	at := r.start(nil)
	r.run(`update matching_runs set status = 'running', attempt = 1, stage = 'judging', done = 1, total = 1, lease_until = now() + interval '1 minute' where status = 'queued'`)
	r.compute(at)
	require.Equal(t, "running", r.c.Get(at).Str("status"), "somebody holds it")
	r.run(`update matching_runs set lease_until = now() - interval '1 second' where status = 'running'`)
	jobs := func() int {
		return r.Count(`select count(*) from platform.river_job where kind = 'matching.run' and args->>'run_id' = $1`, at[len("/v1/matching-runs/"):])
	}
	r.run(`update platform.river_job set state = 'running' where kind = 'matching.run' and args->>'run_id' = ?`, at[len("/v1/matching-runs/"):])
	before := jobs()
	for range 2 {
		require.NoError(t, r.App.Matching.RescueRuns(context.Background()))
		require.Equal(t, before+1, jobs(), "one job, however often it is asked")
	}
	r.compute(at)
	got := r.c.Get(at)
	require.Equal(t, []any{want.At("input_hash"), want.At("result_hash"), "done"}, []any{got.At("input_hash"), got.At("result_hash"), got.At("status")})
	// A process that is asked to end gives its run back.
	given := r.start(nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var rid id.MatchingRunID
	require.NoError(t, rid.UnmarshalText([]byte(given[len("/v1/matching-runs/"):])))
	require.Error(t, r.App.Matching.ComputeRun(ctx, r.Tenant, rid))
	require.Equal(t, "queued", r.c.Get(given).Str("status"))
	r.compute(given)
	require.Equal(t, want.At("result_hash"), r.c.Get(given).At("result_hash"))
	require.Equal(t, 1, r.Count(`select attempt from matching_runs where tenant_id = $1 and id = $2`, r.Tenant.UUID(), rid.UUID()), "it does not count")
}

// pausing holds up whoever reads leerplekken, once.
type pausing struct{ hold func() }

func (p *pausing) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	if strings.Contains(d.SQL, "with load as materialized") && p.hold != nil {
		hold := p.hold
		p.hold = nil
		hold()
	}
	return ctx
}
func (p *pausing) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// While a run is read, its words are indexed and its result is stored, and not only while it is computed, its lease is renewed and a
// cancellation is heard.
func TestRun_KeepsItsLeaseAndHearsWhoCancelsFromBeginningToEnd(t *testing.T) {
	t.Parallel()
	slow := &pausing{}
	r := newRoundIn(t, testkit.Traced(t, slow).Tenant(t))
	r.asks("Apotheek Zonneveld", "medicatie klaarzetten")
	r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten")
	s := matching.New(r.App.DB, matching.Options{})
	// compute runs the cohort, does something when it gets there, and says what it went on to.
	compute := func(at, there string, do func(gone <-chan struct{})) (after []string) {
		t.Helper()
		gone, come := make(chan struct{}), false
		s.Watch = func(stage string) {
			switch {
			case stage == "gone":
				close(gone)
			case come:
				after = append(after, stage)
			case stage == there:
				come = true
				do(gone)
			}
		}
		if there == "reading" {
			slow.hold = func() { come = true; do(gone) }
		}
		require.NoError(t, s.ComputeRun(context.Background(), r.Tenant, runID(t, at)))
		require.True(t, come, there)
		return after
	}
	for _, there := range []string{"reading", "indexing", "storing"} {
		at := r.start(nil)
		compute(at, there, func(<-chan struct{}) {
			r.run(`update matching_runs set lease_until = now() - interval '1 minute' where status = 'running'`)
			require.Eventually(t, func() bool {
				return r.Count(`select count(*) from matching_runs where status = 'running' and lease_until > now()`) == 1
			}, 30*time.Second, 50*time.Millisecond, there)
		})
		require.Equal(t, "done", r.c.Get(at).Is(200).Str("status"), there)

		at = r.start(nil)
		after := compute(at, there, func(gone <-chan struct{}) {
			r.c.Post(at+"/cancel", nil).Is(200)
			<-gone
		})
		require.Empty(t, after, "%s: it does not go on", there)
		require.Equal(t, []any{"cancelled", "ended"}, []any{r.c.Get(at).Is(200).At("status"), r.c.Get(at).At("progress.stage")})
		require.Zero(t, r.Count(`select count(*) from matching_run_places p join matching_runs r on r.tenant_id = p.tenant_id and r.id = p.run_id where r.status <> 'done'`))
	}
	// What an attempt stored before its worker was lost goes with the run.
	at := r.start(nil)
	r.run(`insert into matching_run_places (tenant_id, run_id, leervraag_id, standing, change, detail)
		select l.tenant_id, r.id, l.id, 'unmatched', 'none', '{}' from leervragen l, matching_runs r where r.status = 'queued'`)
	r.c.Post(at+"/cancel", nil).Is(200)
	require.Zero(t, r.Count(`select count(*) from matching_run_places where run_id = $1`, runID(t, at).UUID()))
}

// An exchange of a cohort lies in its days: no others count, in a run, in what explains it and in what is accepted of it.
func TestRun_CountsTheDaysOfItsCohort(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	a, b := r.asks("Apotheek Zonneveld", "medicatie klaarzetten"), r.asks("Bouwbedrijf Kant en Klaar", "metselen van muren")
	x, y := r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten"), r.offers("Maatwerkbedrijf De Schakel", "metselen van muren")
	r.run(`update leervragen set days_needed = 4, available = '[{"from_on":"2099-01-01","until_on":"2099-04-30","weekdays":null}]' where id in (?, ?)`, a, b)
	r.run(`update leerplekken set available = '[{"from_on":"2099-01-20","until_on":"2099-03-04","weekdays":null}]' where id = ?`, x)
	r.run(`update leerplekken set available = '[{"from_on":"2099-01-20","until_on":"2099-03-03","weekdays":null}]' where id = ?`, y)
	at := "/v1/cohorten/" + r.cohort
	r.c.Patch(at, body{"from_on": "2099-03-01", "until_on": "2099-06-30"}).Is(200)
	first := r.match(nil)
	require.Equal(t, map[string]string{a.String(): x.String()}, r.went(first), "the first four days of March, and three")
	for _, p := range r.matches(first)[0].Parts {
		if p.Criterion == "availability" {
			require.Equal(t, p.Of*4/10, p.Points, "of ten days")
		}
	}
	require.Equal(t, "no_common_days", r.explain(first, b, y).Is(200).Str("reason"))
	require.Equal(t, []string{y.String()}, suggested(r.c.Get("/v1/leervragen/"+b.String()+"/suggestions")), "outside a cohort all days count")
	r.c.Patch(at, body{"from_on": "2099-01-01", "until_on": "2099-01-22"}).Is(200)
	require.Empty(t, r.went(r.match(nil)), "three days are left of either")
	refused := accept(r, first, body{"leervraag_ids": []any{a}}).Data[0]
	require.Equal(t, []any{"refused", "no_common_days"}, []any{refused.Outcome, *refused.Problem})
	r.c.Patch(at, body{"until_on": nil}).Is(200)
	require.Len(t, r.went(r.match(nil)), 2)
}

// asked hears which tenants are entered, and how often leerplekken are read.
type asked struct {
	mu      sync.Mutex
	tenants map[string]bool
	pages   int
}

func (a *asked) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	a.hear(d.SQL, d.Args)
	return ctx
}
func (a *asked) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
func (a *asked) TraceBatchStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceBatchStartData) context.Context {
	for _, q := range d.Batch.QueuedQueries {
		a.hear(q.SQL, q.Arguments)
	}
	return ctx
}
func (a *asked) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (a *asked) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

func (a *asked) hear(sql string, args []any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if strings.Contains(sql, "set_config('app.tenant_id'") {
		a.tenants[fmt.Sprint(args[0])] = true
	}
	if strings.Contains(sql, "with load as materialized") {
		a.pages++
	}
}

func (a *asked) looked() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.pages
}

func (a *asked) take() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer clear(a.tenants)
	return slices.Sorted(maps.Keys(a.tenants))
}

// However many tenants there are: only those with a run that is not over are looked after.
func TestRun_OnlyTenantsWithRunsAreAsked(t *testing.T) {
	t.Parallel()
	heard := &asked{tenants: map[string]bool{}}
	h := testkit.Traced(t, heard)
	for range 5 {
		h.Tenant(t)
	}
	r := &round{World: h.Tenant(t)} // the last of them
	r.c = r.Coordinator()
	r.cohort = r.c.Post("/v1/cohorten", body{"name": "Voorjaar 2099", "from_on": "2099-01-01"}).Is(201).Str("id")
	rescued := func() []string {
		heard.take()
		require.NoError(t, h.App.Matching.RescueRuns(context.Background()))
		return heard.take()
	}
	require.Empty(t, rescued())
	at := r.start(nil)
	require.Equal(t, []string{r.Tenant.UUID().String()}, rescued())
	r.compute(at)
	require.Equal(t, "done", r.c.Get(at).Str("status"))
	require.Empty(t, rescued(), "what has ended needs nobody")
	cancelled := r.start(nil)
	require.Len(t, rescued(), 1)
	r.c.Post(cancelled+"/cancel", nil).Is(200)
	require.Empty(t, rescued())
	require.Zero(t, r.Count(`select count(*) from platform.active_runs`))
}

// A run that takes its worker down every time ends, and one that has no job any more gets one.
func TestRun_IsNotTriedForEver(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	at := r.start(nil)
	rid := at[len("/v1/matching-runs/"):]
	jobs := func() int {
		return r.Count(`select count(*) from platform.river_job where kind = 'matching.run' and args->>'run_id' = $1`, rid)
	}
	r.run(`delete from platform.river_job where kind = 'matching.run' and args->>'run_id' = ?`, rid)
	require.NoError(t, r.App.Matching.RescueRuns(context.Background()))
	require.Zero(t, jobs(), "it waits since a moment only")
	r.run(`update matching_runs set updated_at = updated_at - interval '1 hour' where status = 'queued'`)
	require.NoError(t, r.App.Matching.RescueRuns(context.Background()))
	require.Equal(t, 1, jobs())
	r.run(`update matching_runs set status = 'running', attempt = 5, stage = 'judging', lease_until = now() + interval '1 minute' where status = 'queued'`)
	r.compute(at)
	require.Equal(t, "running", r.c.Get(at).Str("status"), "the fifth is at it")
	r.run(`update matching_runs set lease_until = now() - interval '1 second' where status = 'running'`)
	r.compute(at)
	failed := r.c.Get(at).Is(200)
	require.Equal(t, []any{"failed", "interrupted"}, []any{failed.At("status"), failed.At("failure")})
	r.match(nil)
}

func TestRun_IsForUnboundCoordinators(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	l := r.asks("Apotheek Zonneveld", "medicatie klaarzetten")
	r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten")
	at := r.match(nil)
	org := r.org("Apotheek Zonneveld")
	other := testkit.New(t).Coordinator()
	for _, path := range []string{at, at + "/matches", at + "/unmatched", at + "/explain?leervraag_id=" + l.String() + "&leerplek_id=" + id.NewLeerplek().String(),
		at + "/what-if?leaves=" + l.String()} {
		r.Employer(org).Get(path).Problem(403, "forbidden")
		r.Client(auth.Viewer, nil, nil).Get(path).Problem(403, "forbidden")
		other.Get(path).Problem(404, "not-found")
	}
	who := db.Caller(r.Employer(org).Principal, "test")
	require.NoError(t, r.App.DB.InTenant(context.Background(), who, func(tx *db.Tx) error {
		for _, table := range []string{"matching_runs", "matching_run_places", "matching_run_problems", "cohort_weights"} {
			var n int
			require.NoError(t, tx.Select(&n, `select count(*) from `+table))
			require.Zero(t, n, table)
		}
		return nil
	}))
	require.Zero(t, r.Employer(org).Get("/v1/matches").Is(200).Len("data"))
}

func TestRun_KeepsWhereLittleWouldBeGained(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	a := r.asks("Apotheek Zonneveld", "medicatie klaarzetten")
	x, y := r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten"), r.offers("Woonzorgcentrum De Eik", "medicatie klaarzetten")
	r.run(`update leerplekken set available = ?::jsonb where id = ?`, january, x)
	r.run(`update leervragen set available = ?::jsonb where id = ?`, january, a)
	require.Equal(t, x.String(), r.went(r.match(nil))[a.String()], "days in common")
	r.c.Post("/v1/matches", body{"leervraag_id": a, "leerplek_id": y, "leercoach_ids": []any{r.coach[y]}, "draft": true}).Is(201)
	kept := r.matches(r.match(nil))
	require.Equal(t, []any{y.String(), "kept"}, []any{kept[0].LeerplekID, kept[0].Change})
	moved := r.matches(r.match(body{"stability_bonus": 0}))
	require.Equal(t, []any{x.String(), "moved"}, []any{moved[0].LeerplekID, moved[0].Change})
	require.Positive(t, *moved[0].Gain)
}

func TestRun_PreferencesRivalsAndCohortWeightsCount(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	a := r.asks("Apotheek Zonneveld", "medicatie klaarzetten")
	r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten")
	y := r.offers("Woonzorgcentrum De Eik", "medicatie klaarzetten")
	list := r.c.Get("/v1/cohorten/" + r.cohort + "/leervragen").Is(200)
	r.c.Put("/v1/cohorten/"+r.cohort+"/participants/"+list.Str("data.0.switcher_id")+"/preferences", body{"organisation_ids": []any{r.org("Woonzorgcentrum De Eik")}}).Is(200)
	got := r.matches(r.match(nil))
	require.Equal(t, y.String(), got[0].LeerplekID)
	require.Equal(t, []any{"preference", 1500, 1500}, []any{got[0].Parts[1].Criterion, got[0].Parts[1].Points, got[0].Parts[1].Of})
	r.c.Put("/v1/cohorten/"+r.cohort+"/rivals", body{"pairs": []any{body{"organisation_ids": []any{r.org("Woonzorgcentrum De Eik"), r.org("Apotheek Zonneveld")}}}}).Is(200)
	require.NotEqual(t, y.String(), r.went(r.match(nil))[a.String()])
	weights := "/v1/cohorten/" + r.cohort + "/matching-weights"
	require.Equal(t, []any{nil, 0.0}, []any{r.c.Get(weights).At("own"), r.c.Get(weights).At("version")})
	own := body{"content": 10000, "preference": 0, "distance": 0, "availability": 0, "size": 0, "workforce": 0, "cross_sector": 0}
	r.c.Put(weights, own).Is(200)
	require.Equal(t, 1.0, r.c.Put(weights, own).Is(200).Num("version"), "the same is no version")
	r.c.Put(weights, own, "If-Match", `"0"`).Problem(412, "revision-mismatch")
	done := r.c.Get(r.match(nil))
	require.Equal(t, []any{"cohort", 1.0, 10000.0}, []any{done.At("weights_source"), done.At("weights_version"), done.At("weights.content")})
	r.c.Delete(weights).Is(204)
	require.Equal(t, []any{nil, 2.0, 5500.0}, []any{r.c.Get(weights).At("own"), r.c.Get(weights).At("version"), r.c.Get(weights).At("counting.content")})
	require.Equal(t, "default", r.c.Get(r.match(nil)).Str("weights_source"))
	own["content"] = 9999
	r.c.Put(weights, own).Is(422)
	own["content"] = 10000
	r.c.Post("/v1/cohorten/"+r.cohort+"/close", nil).Is(200)
	r.c.Put(weights, own).Problem(409, "cohort-closed")
	r.c.Delete(weights).Problem(409, "cohort-closed")
	require.Equal(t, 1, r.Count(`select count(*) from audit where tenant_id = $1 and action = 'cohort.rivals' and details->'before' = '[]' and jsonb_array_length(details->'pairs') = 1`, r.Tenant.UUID()))
	require.Equal(t, 4, r.Count(`select count(*) from audit where tenant_id = $1 and action = 'matching_run.start'`, r.Tenant.UUID()), "each run by whom, and with which weights")
}

func TestRun_IsForgottenAfterHalfAYear(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	l, p := r.asks("Apotheek Zonneveld", "medicatie klaarzetten"), r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten")
	other := r.offers("Woonzorgcentrum De Eik", "metselen van muren")
	at := r.match(nil)
	forget := func() { require.NoError(t, r.App.Matching.ForgetRuns(context.Background())) }
	forget()
	require.Equal(t, 1, r.Count(`select count(*) from matching_run_problems where tenant_id = $1`, r.Tenant.UUID()))
	r.explain(at, l, other).Is(200) // this process holds it from here on
	r.c.Get(at + "/what-if?leaves=" + l.String()).Is(200)
	r.run(`update matching_runs set ended_at = ended_at - interval '181 days'`)
	forget()
	require.Zero(t, r.Count(`select count(*) from matching_run_problems where tenant_id = $1`, r.Tenant.UUID()))
	require.Equal(t, p.String(), r.went(at)[l.String()], "what it came to stays")
	based := r.c.Post("/v1/matching-runs", body{"cohort_id": r.cohort, "based_on": at[len("/v1/matching-runs/"):]}).Is(202).Str("id")
	r.compute("/v1/matching-runs/" + based)
	next := r.c.Get("/v1/matching-runs/" + based)
	require.Equal(t, []any{"failed", "based_on_unreadable"}, []any{next.At("status"), next.At("failure")})
	r.explain(at, l, other).Problem(409, "matching-run-forgotten")
	r.c.Get(at+"/what-if?leaves="+l.String()).Problem(409, "matching-run-forgotten")
	require.Equal(t, "chosen", r.explain(at, l, p).Is(200).Str("outcome"), "which is part of what it came to")
}

// prefers notes whom the switcher of a leervraag likes best, in this order.
func (r *round) prefers(l id.LeervraagID, employers ...string) {
	r.T.Helper()
	ids := []any{}
	for _, e := range employers {
		ids = append(ids, r.org(e))
	}
	switcher := r.c.Get("/v1/leervragen/" + l.String()).Is(200).Str("switcher_id")
	r.c.Put("/v1/cohorten/"+r.cohort+"/participants/"+switcher+"/preferences", body{"organisation_ids": ids}).Is(200)
}

func (r *round) explain(at string, l id.LeervraagID, p id.LeerplekID) *testkit.Answer {
	r.T.Helper()
	return r.c.Get(at + "/explain?leervraag_id=" + l.String() + "&leerplek_id=" + p.String())
}

func TestRun_ExplainsWhatAnotherPlaceWouldCost(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	a, b := r.asks("Apotheek Zonneveld", "medicatie klaarzetten"), r.asks("Bouwbedrijf Kant en Klaar", "medicatie klaarzetten en toedienen")
	x, y := r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten"), r.offers("Woonzorgcentrum De Eik", "medicatie toedienen")
	wall := r.offers("Maatwerkbedrijf De Schakel", "metselen van muren")
	r.prefers(a, "Woonzorgcentrum De Linde")
	at := r.match(nil)
	require.Equal(t, map[string]string{a.String(): x.String(), b.String(): y.String()}, r.went(at))
	chosen := r.explain(at, a, x).Is(200)
	require.Equal(t, []any{"chosen", nil, nil}, []any{chosen.Str("outcome"), chosen.At("price"), chosen.At("reason")})
	for _, m := range r.matches(at) {
		if m.LeervraagID == a.String() {
			require.EqualValues(t, m.Score, chosen.Num("score"))
		}
	}
	// Forcing it makes the two change places: the price is the whole that is lost.
	for l, other := range map[id.LeervraagID]id.LeerplekID{a: y, b: x} {
		got := r.explain(at, l, other).Is(200)
		require.Equal(t, []any{"costs", 1.0, false}, []any{got.Str("outcome"), got.Num("moves"), got.At("leaves_out")})
		forced := r.match(body{"pins": []any{body{"leervraag_id": l, "leerplek_id": other}}})
		lost := r.c.Get(forced).Num("summary.certificate.objective") - r.c.Get(at).Num("summary.certificate.objective")
		require.Positive(t, lost)
		require.Equal(t, lost, got.Num("price"))
	}
	require.Equal(t, []any{"ruled_out", "off_topic"}, []any{r.explain(at, b, wall).Is(200).Str("outcome"), r.explain(at, b, wall).Str("reason")})
	r.c.Get(at+"/explain?leervraag_id="+id.NewLeervraag().String()+"&leerplek_id="+id.NewLeerplek().String()).Problem(400, "invalid-parameter", "leervraag_id", "leerplek_id")
	r.c.Get(at+"/explain").Problem(400, "invalid-parameter")
}

// What rules a place out has its code: by the rows as they are, the rivals of the cohort included.
func TestRun_ExplainsWhatRulesAPlaceOut(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	a := r.asks("Apotheek Zonneveld", "medicatie klaarzetten")
	x, y, wall := r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten"), r.offers("Woonzorgcentrum De Eik", "medicatie klaarzetten"), r.offers("Maatwerkbedrijf De Schakel", "metselen van muren")
	own := r.offers("Apotheek Zonneveld", "medicatie klaarzetten")
	rivals := func(employers ...any) {
		pairs := []any{}
		if len(employers) > 0 {
			pairs = append(pairs, body{"organisation_ids": employers})
		}
		r.c.Put("/v1/cohorten/"+r.cohort+"/rivals", body{"pairs": pairs}).Is(200)
	}
	rivals(r.org("Woonzorgcentrum De Linde"), r.org("Apotheek Zonneveld"))
	r.run(`update leerplek_coaches set has_time = false where leerplek_id = ?`, y)
	at := r.match(nil)
	require.Empty(t, r.went(at))
	for place, reason := range map[id.LeerplekID]any{x: "rival", y: "coach_condition_no", wall: "off_topic", own: "own_organisation"} {
		got := r.explain(at, a, place).Is(200)
		require.Equal(t, []any{"ruled_out", reason, nil}, []any{got.Str("outcome"), got.At("reason"), got.At("score")})
	}
	// Words are those of now too, weighed as the run did; and where they are read otherwise since, as they are read today.
	r.run(`update leerplekken set title = 'Medicatie klaarzetten', description = 'Medicatie klaarzetten' where id = ?`, wall)
	require.Nil(t, r.explain(at, a, wall).Is(200).At("reason"), "its words answer by now")
	r.run(`update leerplekken set title = 'Kwartelhok', description = 'Kwartelhok' where id = ?`, wall)
	require.Equal(t, "off_topic", r.explain(at, a, wall).Is(200).At("reason"))
	r.c.Put("/v1/matching-synonyms", body{"synonyms": []any{body{"words": []any{"klaarzetten", "kwartelhok"}}}}).Is(200)
	require.Nil(t, r.explain(at, a, wall).Is(200).At("reason"), "the tenant says that it is the same")
	rivals()
	require.Nil(t, r.explain(at, a, x).Is(200).At("reason"), "nothing rules it out any more")
	r.c.Post("/v1/leerplekken/"+x.String()+"/withdraw", nil).Is(200)
	require.Equal(t, "not_published", r.explain(at, a, x).Is(200).At("reason"))
}

// Where not all pairs were kept, what needs none of the others is still told.
func TestRun_OfWhichNotAllWasKeptExplainsWhatItCan(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	a, b := r.asks("Apotheek Zonneveld", "medicatie klaarzetten"), r.asks("Bouwbedrijf Kant en Klaar", "medicatie klaarzetten")
	x, y := r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten"), r.offers("Woonzorgcentrum De Eik", "medicatie klaarzetten")
	wall := r.offers("Maatwerkbedrijf De Schakel", "metselen van muren")
	r.prefers(a, "Woonzorgcentrum De Linde")
	at := r.match(nil)
	var packed []byte
	require.NoError(t, r.Super.QueryRow(context.Background(), `select packed from matching_run_problems where tenant_id = $1`, r.Tenant.UUID()).Scan(&packed))
	r.repack(`$2 where tenant_id = $1`, matching.ForgetPairs(t, packed, uuid.UUID(b)))
	require.Equal(t, "chosen", r.explain(at, a, x).Is(200).Str("outcome"))
	require.Equal(t, "chosen", r.explain(at, b, y).Is(200).Str("outcome"))
	require.Equal(t, "off_topic", r.explain(at, a, wall).Is(200).Str("reason"))
	r.explain(at, a, y).Problem(409, "matching-run-too-large")
	r.explain(at, b, wall).Problem(409, "matching-run-too-large")
}

// A run that is kept in several parts is one, and of what an earlier release kept in another form only where everybody stood is read.
func TestRun_IsReadInPartsAndNotInAnEarlierForm(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	a := r.asks("Apotheek Zonneveld", "medicatie klaarzetten")
	x, y := r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten"), r.offers("Woonzorgcentrum De Eik", "medicatie klaarzetten")
	r.prefers(a, "Woonzorgcentrum De Linde")
	first, second := r.match(nil), r.match(nil)
	var packed []byte
	require.NoError(t, r.Super.QueryRow(context.Background(), `select packed from matching_run_problems where run_id = $1`, runID(t, first)).Scan(&packed))
	r.run(`insert into matching_run_problems (tenant_id, run_id, part, packed) select tenant_id, run_id, 1, substring(packed from 101) from matching_run_problems where run_id = ?`, runID(t, first))
	r.repack(`substring(packed for 100) where tenant_id = $1 and run_id = $2 and part = 0`, runID(t, first).UUID())
	require.Equal(t, "costs", r.explain(first, a, y).Is(200).Str("outcome"))

	before, err := matching.PackedBefore(packed)
	require.NoError(t, err)
	r.repack(`$2 where tenant_id = $1 and run_id = $3`, before, runID(t, second).UUID())
	require.Equal(t, "chosen", r.explain(second, a, x).Is(200).Str("outcome"))
	r.explain(second, a, y).Problem(409, "matching-run-forgotten")
	late := r.asks("werkgever 9", "medicatie klaarzetten")
	third := r.match(body{"based_on": runID(t, second)})
	require.Len(t, r.went(third), 2, "judged again: %s has a place too", late)
	require.Equal(t, "chosen", r.explain(third, a, x).Is(200).Str("outcome"))
}

// From a run that is done, a late change is a small step: a place closes, somebody joins, a text changes. Nobody moves without
// need, and all of it is what judging and solving everything anew on the same scale comes to. (How little is judged again,
// and what the next day changes, is tested where rows can be counted.)
func TestRun_BasedOnAnEarlierOne(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	words := []string{"medicatie klaarzetten", "metselen van muren", "peuters begeleiden", "brood bakken", "onthaal van bezoekers"}
	for i, w := range words {
		r.asks(fmt.Sprint("werkgever ", i), w)
		r.offers(fmt.Sprint("gastheer ", i), w)
		r.offers(fmt.Sprint("gastheer ", i+1), w)
	}
	first := r.match(nil)
	before := r.went(first)
	late := r.asks("werkgever 9", "medicatie klaarzetten")
	fresh := r.offers("gastheer 9", "brood bakken en peuters begeleiden")
	var closed, changed string
	for l := range r.coach {
		switch l.String() {
		case before[r.leervraag(1)]:
			r.c.Post("/v1/leerplekken/"+l.String()+"/withdraw", nil).Is(200)
			closed = l.String()
		case before[r.leervraag(2)]:
			r.run(`update leerplekken set description = 'Meekijken: peuters en kleuters begeleiden in de tuin' where id = ?`, l)
			changed = l.String()
		}
	}
	base := first[len("/v1/matching-runs/"):]
	next := r.match(body{"based_on": base})
	went := r.went(next)
	moved, stayed := 0, false
	for _, m := range r.matches(next) {
		require.NotEqual(t, fresh.String(), m.LeerplekID)
		switch {
		case m.LeervraagID == late.String():
			require.Equal(t, "new", m.Change)
		case before[m.LeervraagID] == closed:
			require.Equal(t, []any{"moved", (*int)(nil)}, []any{m.Change, m.Gain})
			moved++
		default:
			stayed = stayed || m.LeerplekID == changed
			require.Equal(t, []any{"kept", before[m.LeervraagID]}, []any{m.Change, m.LeerplekID})
		}
	}
	require.Equal(t, []any{1, true}, []any{moved, stayed})
	require.Len(t, went, 6)
	again := r.match(body{"based_on": base})
	require.Equal(t, r.c.Get(next).At("result_hash"), r.c.Get(again).At("result_hash"))

	var packed struct{ Packed []byte }
	r.Do(func(tx *db.Tx) error {
		return db.One(tx, &packed, `select packed from matching_run_problems where run_id = ?`, runID(t, first))
	})
	bare, err := matching.WithoutRows(packed.Packed)
	require.NoError(t, err)
	r.repack(`$2 where tenant_id = $1 and run_id = $3`, bare, runID(t, first).UUID())
	anew := r.c.Get(r.match(body{"based_on": base}))
	for _, what := range []string{"result_hash", "summary.score", "summary.certificate.objective", "summary.certificate.pairs_checked"} {
		require.Equal(t, anew.At(what), r.c.Get(next).At(what), what)
	}

	other := newRound(t)
	other.c.Post("/v1/matching-runs", body{"cohort_id": other.cohort, "based_on": base}).Problem(422, "invalid", "/based_on")
	second := r.c.Post("/v1/cohorten", body{"name": "x", "from_on": "2099-01-01"}).Is(201).Str("id")
	r.c.Post("/v1/matching-runs", body{"cohort_id": second, "based_on": base}).Problem(422, "invalid", "/based_on")
}

func runID(t *testing.T, at string) (rid id.MatchingRunID) {
	t.Helper()
	require.NoError(t, rid.UnmarshalText([]byte(at[len("/v1/matching-runs/"):])))
	return rid
}

// expiring is a context whose deadline passes when a test says so.
type expiring struct {
	context.Context
	passed chan struct{}
}

func (e expiring) Done() <-chan struct{} { return e.passed }

func (e expiring) Err() error {
	select {
	case <-e.passed:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// A run that takes too long fails, and is not tried again: it would take as long.
func TestRun_ThatTakesTooLongFailsAtOnce(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	r.asks("Apotheek Zonneveld", "medicatie klaarzetten")
	r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten")
	at := r.start(nil)
	ctx := expiring{context.Background(), make(chan struct{})}
	slow := matching.New(r.App.DB, matching.Options{})
	slow.Watch = func(stage string) {
		if stage == "judging" {
			close(ctx.passed)
		}
	}
	require.NoError(t, slow.ComputeRun(ctx, r.Tenant, runID(t, at)), "River has nothing to try again")
	failed := r.c.Get(at).Is(200)
	require.Equal(t, []any{"failed", "took_too_long"}, []any{failed.At("status"), failed.At("failure")})
	require.Equal(t, 1, r.Count(`select attempt from matching_runs where tenant_id = $1 and id = $2`, r.Tenant.UUID(), runID(t, at).UUID()))
	r.match(nil)
}

// leervraag is the n-th that was asked.
func (r *round) leervraag(n int) string {
	r.T.Helper()
	return r.c.Get("/v1/cohorten/" + r.cohort + "/leervragen?limit=100").Is(200).Str(fmt.Sprintf("data.%d.leervraag_id", n))
}

// The worst-off first: nobody is left with a poor place so that others have a slightly better one.
func TestRun_CanRaiseTheWorstOffFirst(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	a, b := r.asks("Apotheek Zonneveld", "medicatie klaarzetten"), r.asks("Apotheek De Vijzel", "medicatie klaarzetten")
	x, y := r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten"), r.offers("Woonzorgcentrum De Eik", "medicatie klaarzetten")
	r.offers("Maatwerkbedrijf De Schakel", "metselen van muren")
	r.offers("Bakkerij De Korst", "brood bakken")
	r.prefers(a, "Woonzorgcentrum De Linde", "Bakkerij De Korst", "Woonzorgcentrum De Eik")
	r.prefers(b, "Maatwerkbedrijf De Schakel", "Bakkerij De Korst", "Woonzorgcentrum De Linde")
	total, fair := r.match(nil), r.match(body{"objective": "worst_off_first"})
	require.Equal(t, map[string]string{a.String(): x.String(), b.String(): y.String()}, r.went(total), "1500 points of preference, and none")
	require.Equal(t, map[string]string{a.String(): y.String(), b.String(): x.String()}, r.went(fair), "500 points each")
	before, after := r.c.Get(total), r.c.Get(fair)
	require.Equal(t, 500.0, after.Num("summary.fairness.worst_off.score")-before.Num("summary.fairness.worst_off.score"))
	require.Equal(t, 500.0, before.Num("summary.score")-after.Num("summary.score"))
	require.Equal(t, 6, after.Len("summary.fairness.balance"))
}

// What people are told of a run for the worst off holds at the floor that they asked for.
func TestRun_OfTheWorstOffTellsWhatWouldHelp(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	a, b := r.asks("Apotheek Zonneveld", "medicatie klaarzetten"), r.asks("Apotheek De Vijzel", "medicatie klaarzetten")
	x := r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten")
	r.prefers(a, "Woonzorgcentrum De Linde")
	at := r.match(body{"objective": "worst_off_first"})
	require.Equal(t, map[string]string{a.String(): x.String()}, r.went(at))
	lost := r.c.Get(at + "/unmatched").Is(200)
	require.Equal(t, []any{b.String(), "full", "leerplek", x.String()},
		[]any{lost.At("data.0.leervraag_id"), lost.At("data.0.reason"), lost.At("data.0.nearest_fix.kind"), lost.At("data.0.nearest_fix.leerplek_id")})
	there := r.explain(at, b, x).Is(200)
	require.Equal(t, []any{"costs", 1500.0, 1.0, true}, []any{there.Str("outcome"), there.Num("price"), there.Num("moves"), there.At("leaves_out")})
	under := r.match(body{"objective": "worst_off_first", "floor": there.Num("score") + 1})
	require.Equal(t, "below_floor", r.c.Get(under+"/unmatched").Is(200).Str("data.0.reason"))
	require.Equal(t, "below_floor", r.explain(under, b, x).Is(200).Str("outcome"))
	r.run(`update leerplekken set capacity = 2 where id = ?`, x)
	require.Len(t, r.went(r.match(body{"objective": "worst_off_first"})), 2, "it did help")
}

func accept(r *round, at string, in body) (out struct {
	Data []struct {
		LeervraagID string `json:"leervraag_id"`
		Outcome     string
		MatchID     *string `json:"match_id"`
		Problem     *string
		Withdrawn   []string
	}
	Remaining int
}) {
	r.T.Helper()
	r.c.Post(at+"/accept", in).Is(200).Into(&out)
	return out
}

func TestAccept_MakesMatchesOfWhatPeopleAgreeWith(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	a, b := r.asks("Apotheek Zonneveld", "medicatie klaarzetten"), r.asks("Bouwbedrijf Kant en Klaar", "metselen van muren")
	none := r.asks("De Speelvogel", "peuters begeleiden")
	x, y := r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten"), r.offers("Maatwerkbedrijf De Schakel", "metselen van muren")
	at := r.match(nil)
	some := accept(r, at, body{"leervraag_ids": []any{a, none}, "as": "proposed"})
	require.Equal(t, []any{"made", "refused", "unmatched", 0}, []any{some.Data[0].Outcome, some.Data[1].Outcome, *some.Data[1].Problem, some.Remaining})
	m := r.c.Get("/v1/matches/" + *some.Data[0].MatchID).Is(200)
	require.Equal(t, []any{"proposed", x.String(), []any{r.coach[x].String()}}, []any{m.At("status"), m.At("leerplek_id"), m.At("leercoach_ids")})
	require.Equal(t, 1, r.Employer(r.org("Woonzorgcentrum De Linde")).Get("/v1/matches").Is(200).Len("data"), "the employer sees the proposed match, and no more")
	require.Equal(t, 1, r.Count(`select count(*) from audit where tenant_id = $1 and action = 'match.create' and details->'appraisal'->>'run_id' = $2
		and (details->'appraisal'->>'score')::int > 0 and details->'appraisal'->'points'->>'content' is not null and details->'appraisal'->>'algorithm' = '4'`,
		r.Tenant.UUID(), at[len("/v1/matching-runs/"):]))
	again := accept(r, at, body{"leervraag_ids": []any{a}})
	require.Equal(t, []any{"was_there", *some.Data[0].MatchID}, []any{again.Data[0].Outcome, *again.Data[0].MatchID})
	rest := accept(r, at, body{"leervraag_ids": nil})
	require.Len(t, rest.Data, 1, "what has its match is not asked about again")
	require.Equal(t, []any{b.String(), "made"}, []any{rest.Data[0].LeervraagID, rest.Data[0].Outcome})
	require.Equal(t, "draft", r.c.Get("/v1/matches/"+*rest.Data[0].MatchID).Str("status"))
	require.Zero(t, r.Employer(r.org("Maatwerkbedrijf De Schakel")).Get("/v1/matches").Is(200).Len("data"))
	put := accept(r, at, body{"leervraag_ids": []any{b}, "as": "proposed"})
	require.Equal(t, "was_there", put.Data[0].Outcome)
	require.Equal(t, "proposed", r.c.Get("/v1/matches/"+*put.Data[0].MatchID).Str("status"))
	shown := r.matches(at)
	require.Equal(t, *some.Data[0].MatchID, *shown[0].MatchID)
	require.NotNil(t, y)
	// What was accepted by both employers stays where it is in later runs.
	for _, party := range []string{"sending", "receiving"} {
		r.c.Post("/v1/matches/"+*put.Data[0].MatchID+"/accept", body{"party": party}).Is(200)
	}
	for _, m := range r.matches(r.match(nil)) {
		require.Equal(t, m.LeervraagID == b.String(), m.Settled)
	}
	require.Equal(t, "match-accepted", *accept(r, r.match(nil), body{"leervraag_ids": []any{b}}).Data[0].Problem)
}

func TestAccept_RefusesWhatIsNotPossibleAnyMore(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	words := []string{"medicatie klaarzetten", "metselen van muren", "peuters begeleiden", "brood bakken"}
	var asked []any
	var places []id.LeerplekID
	for i, w := range words {
		asked = append(asked, r.asks(fmt.Sprint("werkgever ", i), w))
		places = append(places, r.offers(fmt.Sprint("gastheer ", i), w))
	}
	at := r.match(nil)
	r.c.Post("/v1/leerplekken/"+places[0].String()+"/withdraw", nil).Is(200)
	r.run(`update leerplek_coaches set has_time = false where leerplek_id = ?`, places[1])
	r.c.Post("/v1/leervragen/"+asked[2].(id.LeervraagID).String()+"/withdraw", nil).Is(200)
	got := accept(r, at, body{"leervraag_ids": asked, "as": "proposed"})
	problems := []string{}
	for _, d := range got.Data {
		if d.Problem != nil {
			problems = append(problems, *d.Problem)
		} else {
			problems = append(problems, d.Outcome)
		}
	}
	require.Equal(t, []string{"leerplek-not-published", "coach_condition_no", "leervraag-not-open", "made"}, problems, "what is possible is not lost with what is not")
	r.c.Post(at+"/accept", body{"leervraag_ids": []any{id.NewLeervraag(), asked[3], asked[3]}}).Problem(422, "invalid", "/leervraag_ids/0", "/leervraag_ids/2")
	r.c.Post(at+"/accept", body{"as": "accepted"}).Problem(422, "invalid", "/as")
	r.c.Post(r.start(nil)+"/accept", body{}).Problem(409, "matching-run-not-done")
	r.Employer(r.org("gastheer 3")).Post(at+"/accept", body{}).Problem(403, "forbidden")
}

// Whoever dropped out is proposed no more, pinned or not, and explained as such; of a cohort that is over nothing is, and what its
// leervragen came to in the next one stays.
func TestAccept_HeedsWhoTakesPartAndWhetherTheCohortIsOver(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	a, b, c := r.asks("Apotheek Zonneveld", "medicatie klaarzetten"), r.asks("Bouwbedrijf Kant en Klaar", "metselen van muren"), r.asks("De Speelvogel", "peuters begeleiden")
	x, y, z := r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten"), r.offers("Maatwerkbedrijf De Schakel", "metselen van muren"), r.offers("Pimpeloentje", "peuters begeleiden")
	bakes := r.asks("Bakkerij De Korenbloem", "brood bakken")
	at := r.match(body{"pins": []any{body{"leervraag_id": a, "leerplek_id": x}}})
	require.Len(t, r.went(at), 3)
	r.c.Delete("/v1/cohorten/" + r.cohort + "/leerplekken/" + x.String()).Is(204)
	r.c.Delete("/v1/cohorten/" + r.cohort + "/leervragen/" + b.String()).Is(204)
	got := accept(r, at, body{"leervraag_ids": nil, "as": "proposed"})
	problems := map[string]string{}
	for _, d := range got.Data {
		problems[d.LeervraagID] = d.Outcome
		if d.Problem != nil {
			problems[d.LeervraagID] = *d.Problem
		}
	}
	require.Equal(t, map[string]string{a.String(): "not_in_cohort", b.String(): "not_in_cohort", c.String(): "made"}, problems)
	require.Equal(t, 1, r.Count(`select count(*) from matches where tenant_id = $1`, r.Tenant.UUID()))
	for l, place := range map[id.LeervraagID]id.LeerplekID{bakes: x, b: z} { // off topic besides
		require.Equal(t, "not_in_cohort", r.explain(at, l, place).Is(200).At("reason"))
	}
	require.Equal(t, "off_topic", r.explain(at, bakes, y).Is(200).At("reason"))

	free := r.asks("Apotheek De Vijzel", "peuters begeleiden")
	at = r.match(nil)
	last := r.match(nil)
	r.c.Post("/v1/cohorten/"+r.cohort+"/close", nil).Is(200)
	next := r.c.Post("/v1/cohorten", body{"name": "Najaar 2099", "from_on": "2099-09-01"}).Is(201).Str("id")
	r.c.Post("/v1/cohorten/"+next+"/leervragen", body{"leervraag_ids": []any{c, free}}).Is(200)
	mine := r.c.Post("/v1/matches", body{"leervraag_id": free, "leerplek_id": y, "leercoach_ids": []any{r.coach[y]}, "draft": false}).Is(201).Str("id")
	for _, in := range []body{{"leervraag_ids": nil}, {"leervraag_ids": []any{free}, "as": "proposed", "replace": true}, {"leervraag_ids": []any{}}} {
		r.c.Post(last+"/accept", in).Problem(409, "cohort-closed")
	}
	require.Equal(t, "proposed", r.c.Get("/v1/matches/"+mine).Is(200).Str("status"), "what the next cohort came to is not withdrawn")
	require.Equal(t, 2, r.Count(`select count(*) from matches where tenant_id = $1`, r.Tenant.UUID()))
	require.Equal(t, "off_topic", r.explain(at, free, y).Is(200).At("reason"))
	r.run(`update leerplekken set title = 'Peuters begeleiden', description = 'Peuters begeleiden' where id = ?`, y)
	require.Equal(t, "cohort_closed", r.explain(at, free, y).Is(200).At("reason"), "its words answer by now, and no run will look")
}

func TestAccept_HeedsTheRivalsOfTheCohort(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	a := r.asks("Apotheek Zonneveld", "medicatie klaarzetten")
	x := r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten")
	free, pinned := r.match(nil), r.match(body{"pins": []any{body{"leervraag_id": a, "leerplek_id": x}}})
	r.c.Put("/v1/cohorten/"+r.cohort+"/rivals", body{"pairs": []any{body{"organisation_ids": []any{r.org("Woonzorgcentrum De Linde"), r.org("Apotheek Zonneveld")}}}}).Is(200)
	got := accept(r, free, body{"leervraag_ids": nil})
	require.Equal(t, []any{"refused", "rival"}, []any{got.Data[0].Outcome, *got.Data[0].Problem})
	require.Empty(t, accept(r, free, body{"leervraag_ids": nil, "after": a}).Data, "what was refused does not come back")
	require.Equal(t, "made", accept(r, pinned, body{"leervraag_ids": nil}).Data[0].Outcome)
}

func TestAccept_ReplacesTheOpenMatchWhenAsked(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	a := r.asks("Apotheek Zonneveld", "medicatie klaarzetten")
	x, y := r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten"), r.offers("Woonzorgcentrum De Eik", "medicatie")
	old := r.c.Post("/v1/matches", body{"leervraag_id": a, "leerplek_id": y, "leercoach_ids": []any{r.coach[y]}, "draft": false}).Is(201).Str("id")
	at := r.match(body{"stability_bonus": 0})
	require.Equal(t, x.String(), r.went(at)[a.String()])
	got := accept(r, at, body{"leervraag_ids": []any{a}, "as": "proposed", "replace": true})
	require.Equal(t, []any{"made", []string{old}}, []any{got.Data[0].Outcome, got.Data[0].Withdrawn})
	require.Equal(t, "cancelled", r.c.Get("/v1/matches/"+old).Str("status"))
}

// The worked example of the coordinators' page is what the doors answer.
func TestTheGuideShowsARealRun(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	a, b, c := r.asks("Apotheek Zonneveld", "medicatie klaarzetten"), r.asks("Apotheek De Vijzel", "medicatie"), r.asks("Bouwbedrijf Kant en Klaar", "metselen van muren")
	x, y := r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten"), r.offers("Maatwerkbedrijf De Schakel", "metselen van muren")
	names := map[string]string{a.String(): "medicatie klaarzetten", b.String(): "medicatie", c.String(): "metselen van muren", x.String(): "Woonzorgcentrum De Linde", y.String(): "Maatwerkbedrijf De Schakel"}
	at := r.match(nil)
	var out strings.Builder
	for _, m := range r.matches(at) {
		fmt.Fprintf(&out, "%-22s → %-28s %5d of 10000\n", names[m.LeervraagID], names[m.LeerplekID], m.Score)
	}
	lost := r.c.Get(at + "/unmatched").Is(200)
	fmt.Fprintf(&out, "%-22s   no place: %s; nearest fix: room at the %s %s\n", names[lost.Str("data.0.leervraag_id")], lost.Str("data.0.reason"),
		lost.Str("data.0.nearest_fix.kind"), names[lost.Str("data.0.nearest_fix.leerplek_id")])
	done := r.c.Get(at)
	fmt.Fprintf(&out, "certified, gap %.0f, %.0f pairs checked\n", done.Num("summary.certificate.gap"), done.Num("summary.certificate.pairs_checked"))
	page, err := os.ReadFile(guide)
	require.NoError(t, err)
	block := regexp.MustCompile("(?s)```cohort\n.*?```")
	want := "```cohort\n" + out.String() + "```"
	if *update {
		require.NoError(t, os.WriteFile(guide, block.ReplaceAll(page, []byte(want)), 0o644))
		return
	}
	require.Equal(t, want, string(block.Find(page)), "read the difference, then go test ./internal/matching -run TheGuideShowsARealRun -update")
}

// Through River: the run is taken from its queue, and follows a second one of the same process one after the other.
func TestRun_IsComputedByAWorker(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	ctx := context.Background()
	var all []*round
	for range 2 {
		r := &round{World: h.Tenant(t), orgs: map[string]id.OrganisationID{}, coach: map[id.LeerplekID]id.MedewerkerID{}}
		r.c = r.Coordinator()
		r.cohort = r.c.Post("/v1/cohorten", body{"name": "Voorjaar 2099", "from_on": "2099-01-01"}).Is(201).Str("id")
		r.asks("Apotheek Zonneveld", "medicatie klaarzetten")
		r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten")
		all = append(all, r)
	}
	at := []string{all[0].start(nil), all[1].start(nil)}
	require.Equal(t, 2, h.Tenant(t).Count(`select count(*) from platform.river_job where kind = 'matching.run' and queue = 'heavy' and priority = 1`))
	require.NoError(t, h.App.Jobs.Start(ctx))
	for i, r := range all {
		require.Eventually(t, func() bool { return r.c.Get(at[i]).Str("status") == "done" }, 2*time.Minute, 20*time.Millisecond)
		require.Len(t, r.went(at[i]), 1)
	}
	require.NoError(t, h.App.Jobs.Stop(ctx))
}
