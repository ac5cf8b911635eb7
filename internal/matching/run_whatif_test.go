package matching_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/matching"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

func TestRun_TellsWhatWouldFollow(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	a, b := r.asks("Apotheek Zonneveld", "medicatie klaarzetten"), r.asks("Bouwbedrijf Kant en Klaar", "medicatie klaarzetten en toedienen")
	x, y := r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten"), r.offers("Woonzorgcentrum De Eik", "medicatie toedienen")
	r.prefers(a, "Woonzorgcentrum De Linde")
	at := r.match(nil)
	require.Equal(t, map[string]string{a.String(): x.String(), b.String(): y.String()}, r.went(at))
	scores := map[string]float64{}
	for _, m := range r.matches(at) {
		scores[m.LeervraagID] = float64(m.Score)
	}
	ask := func(query ...string) *testkit.Answer { return r.c.Get(at + "/what-if?" + strings.Join(query, "&")) }
	counts := func(w *testkit.Answer) []any {
		return []any{w.Num("matched_before"), w.Num("matched_after"), w.Num("moved")}
	}

	// The place of a closes: a goes nowhere, or takes the other, whichever is best together.
	w := ask("closes=" + x.String()).Is(200)
	require.Equal(t, []any{2.0, 1.0}, counts(w)[:2])
	require.Equal(t, scores[a.String()]+scores[b.String()], w.Num("score_before"))
	again := r.match(body{"pins": []any{body{"leervraag_id": a, "leerplek_id": y}}}) // what a would score there
	there := 0.0
	for _, m := range r.matches(again) {
		if m.LeervraagID == a.String() {
			there = float64(m.Score)
		}
	}
	require.Equal(t, max(scores[b.String()], there), w.Num("score_after"))

	// b leaves: nobody moves, because a is where it scores best; b is counted nowhere.
	w = ask("leaves=" + b.String()).Is(200)
	require.Equal(t, []any{1.0, 1.0, 0.0}, counts(w))
	require.Equal(t, scores[a.String()], w.Num("score_after"))
	require.Empty(t, w.At("changes"))

	// a leaves: b takes its place if it scores better there than where it is.
	w = ask("leaves=" + a.String()).Is(200)
	require.Equal(t, 1.0, w.Num("matched_after"))
	require.GreaterOrEqual(t, w.Num("score_after"), scores[b.String()])

	// Room for one more at the place that fits both best.
	w = ask("closes="+y.String(), "widens="+x.String()).Is(200)
	require.Equal(t, []any{2.0, 2.0, 1.0}, counts(w))
	require.Equal(t, []any{b.String(), y.String(), x.String()}, []any{w.Str("changes.0.leervraag_id"), w.Str("changes.0.before.leerplek_id"), w.Str("changes.0.after.leerplek_id")})
	require.Equal(t, scores[b.String()], w.Num("changes.0.before.score"))
	require.Equal(t, []any{2.0, 2.0, 0.0}, counts(ask().Is(200)), "nothing follows from nothing")

	ask("leaves="+id.NewLeervraag().String(), "closes="+id.NewLeerplek().String(), "widens="+id.NewLeerplek().String()).Problem(400, "invalid-parameter", "leaves", "closes", "widens")
	ask("leaves="+a.String()+","+a.String()).Problem(400, "invalid-parameter", "leaves")
	ask("closes="+x.String(), "widens="+x.String()).Problem(400, "invalid-parameter", "widens")
	ask("closes="+strings.Repeat(x.String()+",", 20)+x.String()).Problem(400, "invalid-parameter", "closes")
	ask("leaves=lvr_1").Problem(400, "invalid-parameter", "leaves")
}

// A place that was full before the run, as most are in a second one, and a leercoach who was: what one more there would do is told by the nearest
// fix and by the question what if, and both say the same.
func TestRun_TellsWhatRoomAtAFullPlaceWouldDo(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	a := r.asks("Apotheek Zonneveld", "medicatie klaarzetten")
	x := r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten")
	accept(r, r.match(nil), body{"leervraag_ids": []any{a}, "as": "proposed"})
	m := r.c.Get("/v1/matches?leervraag_id=" + a.String()).Is(200).Str("data.0.id")
	for _, party := range []string{"sending", "receiving"} {
		r.c.Post("/v1/matches/"+m+"/accept", body{"party": party}).Is(200)
	}
	b, late := r.asks("Bouwbedrijf Kant en Klaar", "medicatie klaarzetten"), r.asks("De Speelvogel", "medicatie toedienen")
	y := r.offers("Woonzorgcentrum De Eik", "medicatie toedienen")
	at := r.match(body{"reciprocity": false})
	require.Equal(t, map[string]string{a.String(): x.String(), late.String(): y.String()}, r.went(at), "one is settled, one of two gets the place that is left")
	lost := r.c.Get(at + "/unmatched").Is(200)
	require.Equal(t, []any{b.String(), "full"}, []any{lost.Str("data.0.leervraag_id"), lost.Str("data.0.reason")})
	fix := func(u *testkit.Answer) []any {
		return []any{u.At("data.0.nearest_fix.kind"), u.At("data.0.nearest_fix.leerplek_id"), u.At("data.0.nearest_fix.reason")}
	}
	require.Equal(t, []any{"leerplek", x.String(), "full"}, fix(lost))
	w := r.c.Get(at + "/what-if?widens=" + x.String()).Is(200)
	require.Equal(t, []any{1.0, 2.0, 1.0, b.String(), x.String()},
		[]any{w.Num("matched_before"), w.Num("matched_after"), w.Num("moved"), w.Str("changes.0.leervraag_id"), w.Str("changes.0.after.leerplek_id")})
	require.Equal(t, lost.Num("data.0.nearest_fix.gain"), w.Num("score_after")-w.Num("score_before"))
	require.Equal(t, []any{"ruled_out", "full"}, []any{r.explain(at, b, x).Is(200).At("outcome"), r.explain(at, b, x).At("reason")})

	r.c.Post("/v1/leerplekken/"+y.String()+"/withdraw", nil).Is(200)
	at = r.match(nil)
	lost = r.c.Get(at + "/unmatched").Is(200)
	require.Equal(t, []any{"closed", "closed", body{"reason": "full", "count": 1.0}}, []any{lost.Str("data.0.reason"), lost.Str("data.1.reason"), lost.At("data.0.ruled_out.0")})
	require.Equal(t, []any{"leerplek", x.String(), "full"}, fix(lost))

	r.run(`update leerplekken set capacity = 2 where id = ?`, x)
	r.c.Patch("/v1/medewerkers/"+r.coach[x].String(), body{"coaching_limit": 1}).Is(200)
	at = r.match(body{"reciprocity": false})
	lost = r.c.Get(at + "/unmatched").Is(200)
	require.Equal(t, []any{"closed", body{"reason": "coach_full", "count": 1.0}}, []any{lost.Str("data.0.reason"), lost.At("data.0.ruled_out.0")})
	require.Equal(t, []any{"leercoach", x.String(), "coach_full"}, fix(lost))
	w = r.c.Get(at + "/what-if?coaches=" + r.coach[x].String()).Is(200)
	require.Equal(t, []any{0.0, 1.0, x.String()}, []any{w.Num("matched_before"), w.Num("matched_after"), w.Str("changes.0.after.leerplek_id")})
	require.Equal(t, lost.Num("data.0.nearest_fix.gain"), w.Num("score_after"))
	for wrong, code := range map[string]string{r.coach[x].String() + "," + r.coach[x].String(): "duplicate", id.NewMedewerker().String(): "no_such"} {
		require.Equal(t, code, r.c.Get(at+"/what-if?coaches="+wrong).Problem(400, "invalid-parameter", "coaches").Str("errors.0.code"))
	}
}

// What the worst off would come to is told as the next run finds it, though that is below what this one reached.
func TestRun_TellsWhatWouldFollowForTheWorstOff(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	a := r.asks("Apotheek Zonneveld", "medicatie klaarzetten")
	x, y := r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten"), r.offers("Woonzorgcentrum De Eik", "medicatie toedienen")
	r.prefers(a, "Woonzorgcentrum De Linde")
	fair := body{"objective": "worst_off_first"}
	at := r.match(fair)
	require.Equal(t, map[string]string{a.String(): x.String()}, r.went(at))
	w := r.c.Get(at + "/what-if?closes=" + x.String()).Is(200)
	r.App.Matching.Uncount(r.Tenant, runID(t, at))
	require.Equal(t, w.String(), r.c.Get(at+"/what-if?closes="+x.String()).Is(200).String(), "whoever left while they were the first to ask")
	r.c.Post("/v1/leerplekken/"+x.String()+"/withdraw", nil).Is(200)
	next := r.matches(r.match(body{"objective": "worst_off_first", "based_on": runID(t, at)}))
	require.Len(t, next, 1)
	require.Equal(t, []any{1.0, y.String(), float64(next[0].Score)}, []any{w.Num("matched_after"), w.Str("changes.0.after.leerplek_id"), w.Num("score_after")})
	require.Less(t, w.Num("score_after"), w.Num("score_before"))
}

// A pinned match stays where it is, though its place closes; and leaves with its leervraag.
func TestRun_TellsWhatWouldFollowOfPins(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	a, b := r.asks("Apotheek Zonneveld", "medicatie klaarzetten"), r.asks("Bouwbedrijf Kant en Klaar", "medicatie klaarzetten")
	x := r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten")
	at := r.match(body{"pins": []any{body{"leervraag_id": a, "leerplek_id": x}}})
	require.Equal(t, map[string]string{a.String(): x.String()}, r.went(at))
	w := r.c.Get(at + "/what-if?closes=" + x.String()).Is(200)
	require.Equal(t, []any{1.0, 1.0, 0.0}, []any{w.Num("matched_before"), w.Num("matched_after"), w.Num("moved")})
	w = r.c.Get(at + "/what-if?leaves=" + a.String()).Is(200)
	require.Equal(t, []any{0.0, 1.0, b.String(), nil}, []any{w.Num("matched_before"), w.Num("matched_after"), w.Str("changes.0.leervraag_id"), w.At("changes.0.before.leerplek_id")})
	w = r.c.Get(at + "/what-if?leaves=" + a.String() + "&closes=" + x.String()).Is(200)
	require.Equal(t, 0.0, w.Num("matched_after"))
}

// Who has a match already took no part in what the run looked for.
func TestRun_TellsNotWhatWouldFollowOfWhoIsSettled(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	a := r.asks("Apotheek Zonneveld", "medicatie klaarzetten")
	r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten")
	first := r.match(nil)
	r.c.Get(first + "/what-if?leaves=" + a.String()).Is(200)
	accept(r, first, body{"leervraag_ids": []any{a}, "as": "proposed"})
	r.run(`update matches set status = 'accepted'`)
	r.c.Get(r.match(nil)+"/what-if?leaves="+a.String()).Problem(400, "invalid-parameter", "leaves")
}

func TestRun_TellsWhatWouldFollowOnlyOfAllThatWasKept(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	a, x := r.asks("Apotheek Zonneveld", "medicatie klaarzetten"), r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten")
	waiting := r.start(nil)
	r.c.Get(waiting+"/what-if?closes="+x.String()).Problem(409, "matching-run-not-done")
	r.compute(waiting)
	r.c.Get(waiting + "/what-if?closes=" + x.String()).Is(200)
	at := r.match(nil)
	var packed []byte
	require.NoError(t, r.Super.QueryRow(context.Background(), `select packed from matching_run_problems where tenant_id = $1 and run_id = $2`, r.Tenant.UUID(), runID(t, at).UUID()).Scan(&packed))
	r.repack(`$2 where tenant_id = $1`, matching.ForgetPairs(t, packed, uuid.UUID(a)))
	r.c.Get(at+"/what-if?closes="+x.String()).Problem(409, "matching-run-too-large")
}

// Who joins late is told where they would be, and who would make room, before another run is made: what that comes to.
func TestRun_TellsWhatWouldFollowOfWhoJoins(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	a := r.asks("Apotheek Zonneveld", "medicatie klaarzetten")
	x, y := r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten"), r.offers("Woonzorgcentrum De Eik", "medicatie toedienen")
	at := r.match(nil)
	require.Equal(t, map[string]string{a.String(): x.String()}, r.went(at))
	b := r.asks("Bouwbedrijf Kant en Klaar", "medicatie klaarzetten")
	c := r.asks("Bouwbedrijf Kant en Klaar", "metselen van muren")
	r.prefers(b, "Woonzorgcentrum De Linde")
	ask := func(query ...string) *testkit.Answer { return r.c.Get(at + "/what-if?" + strings.Join(query, "&")) }
	w := ask("joins=" + b.String() + "," + c.String()).Is(200)
	next := r.match(nil)
	went, score := r.went(next), 0.0
	for _, m := range r.matches(next) {
		score += float64(m.Score)
	}
	require.Equal(t, map[string]string{a.String(): y.String(), b.String(): x.String()}, went)
	require.Equal(t, []any{1.0, 2.0, 2.0, score}, []any{w.Num("matched_before"), w.Num("matched_after"), w.Num("moved"), w.Num("score_after")})
	require.Equal(t, []any{a.String(), y.String(), b.String(), nil, x.String()}, []any{w.Str("changes.0.leervraag_id"), w.Str("changes.0.after.leerplek_id"),
		w.Str("changes.1.leervraag_id"), w.At("changes.1.before.leerplek_id"), w.Str("changes.1.after.leerplek_id")})
	w = ask("joins="+b.String(), "closes="+x.String()).Is(200)
	require.Equal(t, []any{1.0, 1.0}, []any{w.Num("matched_before"), w.Num("matched_after")})

	ask("joins="+a.String()).Problem(400, "invalid-parameter", "joins")
	ask("joins="+b.String()+","+b.String()).Problem(400, "invalid-parameter", "joins")
	o := r.org("Apotheek Zonneveld")
	ask("joins="+r.Leervraag(o, r.Medewerker(o, "Sam"), "medicatie", "Hoe?").String()).Problem(400, "invalid-parameter", "joins")
	r.run(`update leervragen set status = 'draft' where id = ?`, c)
	ask("joins="+c.String()).Problem(400, "invalid-parameter", "joins")
	r.c.Put("/v1/matching-synonyms", body{"synonyms": []any{body{"words": []any{"klaarzetten", "kwartelhok"}}}}).Is(200)
	ask("joins="+b.String()).Problem(409, "matching-run-forgotten")
	ask("closes=" + x.String()).Is(200)
}

// What was read of the leerplekken is kept for the next question. What changed since is seen all the same: the answer is the one that
// somebody gets who asks first.
func TestRun_WhoJoinsIsJudgedByWhatIsKnownNow(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	a := r.asks("Apotheek Zonneveld", "medicatie klaarzetten")
	x, y := r.offers("Woonzorgcentrum De Linde", "medicatie klaarzetten"), r.offers("Woonzorgcentrum De Eik", "medicatie toedienen")
	z := r.offers("Maatwerkbedrijf De Schakel", "metselen van muren")
	at := r.match(nil)
	r.offers("Woonzorgcentrum De Beuk", "medicatie klaarzetten") // the run does not know it
	b := r.asks("Bouwbedrijf Kant en Klaar", "medicatie klaarzetten")
	r.prefers(b, "Woonzorgcentrum De Linde")
	m, rid := r.App.Matching, runID(t, at)
	ask := func() string { return r.c.Get(at + "/what-if?joins=" + b.String()).Is(200).String() }
	kept := func() any { return m.Lately(r.Tenant, rid) }
	lpl := func(l id.LeerplekID) string { return "/v1/leerplekken/" + l.String() }

	first := ask()
	held := kept()
	require.NotNil(t, held)
	require.Equal(t, first, ask(), "asked again")
	require.Same(t, held, kept(), "of what is kept")
	for _, change := range []struct {
		what   string
		do     func()
		anew   bool // all is read again
		equals bool // it is nothing to the answer
	}{
		{"what a leerplek says", func() { r.c.Patch(lpl(x), body{"title": "metselen", "description": "metselen van muren"}).Is(200) }, false, false},
		{"what who joins asks", func() {
			r.run(`update leervragen set title = 'metselen', question = 'Hoe doe ik metselen van muren.' where id = ?`, b)
		}, false, false},
		{"whom who joins likes best", func() { r.prefers(b, "Maatwerkbedrijf De Schakel") }, false, false},
		{"a leerplek is withdrawn", func() { r.c.Post(lpl(z)+"/withdraw", nil).Is(200) }, false, false},
		{"a leerplek that the run does not know", func() { r.offers("Woonzorgcentrum De Es", "metselen van muren") }, true, true},
		{"a leercoach has left", func() { r.run(`update medewerkers set ended_on = '2020-01-01' where id = ?`, r.coach[x]) }, false, false},
		{"what another leerplek says", func() { r.c.Patch(lpl(y), body{"description": "metselen van muren"}).Is(200) }, false, false},
		{"who are kept apart", func() {
			r.c.Put("/v1/cohorten/"+r.cohort+"/rivals", body{"pairs": []any{body{"organisation_ids": []any{r.org("Bouwbedrijf Kant en Klaar"), r.org("Woonzorgcentrum De Eik")}}}}).Is(200)
		}, false, false},
		{"a leerplek takes part no more", func() { r.c.Delete("/v1/cohorten/" + r.cohort + "/leerplekken/" + z.String()).Is(204) }, true, true},
	} {
		before := ask()
		held := kept()
		change.do()
		after := ask()
		require.Equal(t, change.anew, held != kept(), change.what)
		require.Equal(t, change.equals, before == after, change.what)
		m.LetGo(r.Tenant, rid)
		require.Equal(t, ask(), after, "%s: who asks first is told the same", change.what)
	}
	ask()
	r.c.Delete("/v1/cohorten/" + r.cohort + "/leervragen/" + b.String()).Is(204)
	r.c.Get(at+"/what-if?joins="+b.String()).Problem(400, "invalid-parameter", "joins")
	require.Equal(t, 0.0, r.c.Get(at+"/what-if").Is(200).Num("moved"), "%s is where it was", a)
}
