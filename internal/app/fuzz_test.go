package app_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/api"
	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/openapi/fuzz"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// The fuzzer reads the API document, and calls every operation in every way that the document allows or forbids.
// `make fuzz` runs it for long: ARGS='-minutes 10 -seed 42 -operation createLeervraag'. A fault of a long run is found
// again by a long run with its seed.

var (
	fuzzSeed    = flag.Uint64("seed", 1, "what the fuzzer draws from: the same seed makes the same requests")
	fuzzMinutes = flag.Int("minutes", 0, "how long to fuzz, with all hostile values; 0 for the short run")
	fuzzOnly    = flag.String("operation", "", "fuzz this operation alone, by its operationId")
)

// ready puts what an operation needs to be done in the place of the one of everything.
var ready = map[string]func(w *testkit.World, c *testkit.Caller, own ids, p testkit.Pair){
	"acceptMatch":               func(w *testkit.World, c *testkit.Caller, own ids, p testkit.Pair) { newMatch(w, c, own, p, false) },
	"cancelMatch":               func(w *testkit.World, c *testkit.Caller, own ids, p testkit.Pair) { newMatch(w, c, own, p, false) },
	"declineMatch":              func(w *testkit.World, c *testkit.Caller, own ids, p testkit.Pair) { newMatch(w, c, own, p, false) },
	"proposeMatch":              func(w *testkit.World, c *testkit.Caller, own ids, p testkit.Pair) { newMatch(w, c, own, p, true) },
	"cancelMatchingRun":         queued,
	"attendLeeruitwisselingDay": planned,
	"completeLeeruitwisseling": func(w *testkit.World, c *testkit.Caller, own ids, p testkit.Pair) {
		planned(w, c, own, p)
		c.Post("/v1/leeruitwisselingen/"+own["lui"]+"/days/"+own["day"]+"/attend", `{"attended":true,"safety_briefed":true}`).Is(200)
		run(w, `delete from opleidingsregistraties where tenant_id = $1 and leeruitwisseling_id = $2`, plain(w, own["lui"]))
		run(w, `delete from surveys where tenant_id = $1 and leeruitwisseling_id = $2`, plain(w, own["lui"]))
	},
	"planLeeruitwisseling": func(_ *testkit.World, c *testkit.Caller, own ids, _ testkit.Pair) {
		lui := "/v1/leeruitwisselingen/" + own["lui"]
		c.Put(lui+"/kennismakingsgesprek", `{"starts_at":"2027-01-11T09:00:00Z","minutes":20,"location":"onthaal"}`).Is(200)
		c.Put(lui+"/leeractieplan", `{"goals":["meekijken"]}`).Is(200)
		c.Put(lui+"/checks", `{"insurance":{"work_accident":true,"commute":true,"liability":true},"safety_information_exchanged":true}`).Is(200)
		for _, party := range []string{"sending", "receiving", "switcher"} {
			c.Post(lui+"/agreement/sign", map[string]any{"party": party, "signed_by": "Sam Voorbeeld", "method": "recorded"}).Is(200)
		}
	},
	"explainMatchingRun": func(w *testkit.World, c *testkit.Caller, own ids, p testkit.Pair) {
		queued(w, c, own, p)
		require.NoError(w.T, w.App.Matching.ComputeRun(context.Background(), w.Tenant, id.MatchingRunID(plain(w, own["mrn"]))))
	},
	"mergeOrganisation": func(w *testkit.World, _ *testkit.Caller, own ids, _ testkit.Pair) {
		own["into"], own["org"] = own["org"], w.Organisation("Dezelfde").String() // who has exchanges stays
	},
	"createRival": func(w *testkit.World, _ *testkit.Caller, own ids, _ testkit.Pair) {
		own["org2"] = w.Organisation("Nog een").String()
	},
	"updateOrganisation": func(w *testkit.World, _ *testkit.Caller, _ ids, _ testkit.Pair) { // each number is one employer's
		run(w, `update organisations set enterprise_number = null where tenant_id = $1`)
	},
	"issueLeerbewijs": func(w *testkit.World, _ *testkit.Caller, own ids, _ testkit.Pair) {
		run(w, `update leeruitwisseling_days set attended = true, attended_hours = 700, safety_briefed = true, marked_at = now() where tenant_id = $1 and id = $2`, plain(w, own["day"]))
	},
	"checkLeerbewijs": func(w *testkit.World, _ *testkit.Caller, own ids, _ testkit.Pair) {
		w.Do(func(tx *db.Tx) error { return tx.Enlist("leerbewijs", own["lbw"], plain(w, own["lbw"])) })
	},
	"createSurvey": func(w *testkit.World, _ *testkit.Caller, own ids, _ testkit.Pair) {
		run(w, `update leeruitwisselingen set status = 'completed' where tenant_id = $1 and id = $2`, plain(w, own["lui"]))
	},
	"showSurvey":   linked,
	"submitSurvey": linked,
	"issueToken": func(_ *testkit.World, c *testkit.Caller, own ids, _ testkit.Pair) {
		a := c.Post("/v1/clients", `{"name":"Frontend","role":"coordinator"}`).Is(201)
		own["client_id"], own["client_secret"] = a.Str("client_id"), a.Str("client_secret")
	},
	"getWebhookKeys":         listening,
	"testWebhookEndpoint":    listening,
	"recoverWebhookEndpoint": listening,
	"resendWebhookDelivery": func(w *testkit.World, _ *testkit.Caller, own ids, _ testkit.Pair) {
		run(w, `update webhook_endpoints set status = 'active' where tenant_id = $1 and id = $2`, plain(w, own["whe"]))
	},
}

func newMatch(w *testkit.World, c *testkit.Caller, own ids, p testkit.Pair, draft bool) {
	q := w.Leervraag(p.Sending, p.Switcher, "nog een vraag", "Hoe nog?")
	l := w.Leerplek(p.Receiving, "nog een plek", "om te leren", p.Coach)
	in := map[string]any{"leervraag_id": q, "leerplek_id": l, "leercoach_ids": []id.MedewerkerID{p.Coach}, "draft": draft}
	made := c.Post("/v1/matches", in)
	if made.Status == http.StatusServiceUnavailable { // too busy, it says: try again
		made = c.Post("/v1/matches", in)
	}
	own["mat"] = made.Is(201).Str("id")
}

// queued starts a run where no others wait: a tenant may have a few at a time.
func queued(w *testkit.World, c *testkit.Caller, own ids, _ testkit.Pair) {
	run(w, `update matching_runs set status = 'cancelled', stage = 'ended' where tenant_id = $1 and status = 'queued'`)
	own["mrn"] = c.Post("/v1/matching-runs", map[string]any{"cohort_id": own["coh"]}).Is(202).Str("id")
}

func planned(w *testkit.World, _ *testkit.Caller, own ids, _ testkit.Pair) {
	run(w, `update leeruitwisselingen set status = 'planned' where tenant_id = $1 and id = $2`, plain(w, own["lui"]))
}

// linked gives a survey a link that works.
func linked(w *testkit.World, _ *testkit.Caller, own ids, _ testkit.Pair) {
	own["token"] = id.NewRequest().String()
	run(w, `update surveys set status = 'invited', expires_at = now() + interval '30 days' where tenant_id = $1 and id = $2`, plain(w, own["srv"]))
	w.Do(func(tx *db.Tx) error { return tx.Enlist("survey", own["token"], plain(w, own["srv"])) })
}

func listening(w *testkit.World, c *testkit.Caller, own ids, _ testkit.Pair) {
	own["whe"] = c.Post("/v1/webhook-endpoints", `{"url":"http://127.0.0.1:1/fuzz","event_types":["*"]}`).Is(201).Str("id")
	run(w, `update webhook_endpoints set status = 'active' where tenant_id = $1 and id = $2`, plain(w, own["whe"]))
}

// plain is the UUID of an id of any noun.
func plain(w *testkit.World, text string) uuid.UUID {
	w.T.Helper()
	u, err := id.ParseAny(text)
	require.NoError(w.T, err)
	return u
}

func run(w *testkit.World, query string, args ...any) {
	w.T.Helper()
	_, err := w.Super.Exec(context.Background(), query, append([]any{w.Tenant.UUID()}, args...)...)
	require.NoError(w.T, err, query)
}

// watch notes, in a database of its own, every row that is written and committed, but for what processes tell each other of
// their limits. What it returns says how many there were, and what the last one was; watch.mine() says what a transaction wrote
// itself, before it is committed.
func watch(t *testing.T, d *testkit.Database) func(testing.TB) string {
	t.Helper()
	_, err := d.Super.Exec(context.Background(), `
		create schema watch;
		create table watch.writes (n bigint generated always as identity primary key, what text not null);
		create function watch.note() returns trigger language plpgsql security definer as $$
		begin
			insert into watch.writes (what) values (tg_op || ' ' || tg_table_schema || '.' || tg_table_name);
			return null;
		end $$;
		create function watch.mine() returns text language sql security definer as $$
			select coalesce(string_agg(what || ' ' || n, ', ' order by what), '')
			from (select what, count(*) n from watch.writes where xmin = pg_current_xact_id()::xid group by what) w $$;
		grant usage on schema watch to public;
		do $$
		declare t regclass;
		begin
			for t in select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
				where n.nspname in ('public', 'platform') and c.relkind in ('r', 'p') and not c.relispartition and c.relname <> 'limits' loop
				execute format('create trigger zzz_watch after insert or update or delete on %s for each row execute function watch.note()', t);
			end loop;
		end $$`)
	require.NoError(t, err)
	return func(t testing.TB) string { return written(t, d) }
}

// written is what was noted in a database that is watched, or in a copy of it.
func written(t testing.TB, d *testkit.Database) string {
	t.Helper()
	var n int64
	var last string
	require.NoError(t, d.Super.QueryRow(context.Background(),
		`select coalesce(max(n), 0), coalesce((select what from watch.writes order by n desc limit 1), 'nothing') from watch.writes`).Scan(&n, &last))
	return fmt.Sprintf("%s (%d)", last, n)
}

// fuzzing is the product on a database of its own, with worlds to fuzz in, and who calls.
type fuzzing struct {
	fuzz.Target
	world       *testkit.World
	permissions map[string]auth.Permission // by operationId
	reads       map[string]bool
}

// fuzzTarget is called by those who see all of a tenant.
func fuzzTarget(t *testing.T) fuzzing {
	t.Helper()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	admin, operator := w.Admin(), h.Operator(t)
	sandbox := admin.Principal
	sandbox.Sandbox = true // where examples of facts are recorded
	admin = w.As(sandbox)
	permissions, reads := map[string]auth.Permission{}, map[string]bool{}
	for _, o := range operations(t) {
		permissions[o.ID], reads[o.ID] = o.Permission, o.Method == http.MethodGet
	}
	tenants := 0
	var read []map[string]string // the world of all operations that only read
	said := map[string]bool{}
	for _, p := range fault.Problems() {
		said[p.Code] = said[p.Code] || p.Said
	}
	for _, r := range fault.Rules() {
		said[r.Code] = said[r.Code] || r.Said
	}
	state := watch(t, h.Database)
	return fuzzing{world: w, permissions: permissions, reads: reads, Target: fuzz.Target{
		Document: api.OpenAPI,
		Handler:  h.App.Handler(),
		Token: func(operation string) string {
			switch p := permissions[operation]; {
			case p == auth.Public:
				return ""
			case p == auth.Self || admin.Principal.May(p):
				return admin.Token
			}
			return operator.Token
		},
		Furnish: func(operation string) (out []map[string]string) {
			if reads[operation] && ready[operation] == nil && read != nil {
				return read
			}
			own, p := furnish(w, "eigen")
			if f := prepare[operation]; f != nil {
				own = f(w, own, p)
			}
			if f := ready[operation]; f != nil {
				f(w, admin, own, p)
			}
			if operation == "issueAdminSecret" { // only where the first one was never used
				tenants++
				own["ten"] = operator.Post("/v1/tenants", map[string]any{"slug": fmt.Sprintf("fuzz-%d", tenants), "name": "Nog een"}).Is(201).Str("id")
			}
			if own["org2"] == "" {
				own["org2"] = p.Receiving.String()
			}
			for _, side := range sides(w, own, p) {
				out = append(out, side)
			}
			crossed := maps.Clone(out[0]) // the sending employer's people, and the other employer
			crossed["org"] = p.Receiving.String()
			out = append(out, crossed)
			if reads[operation] {
				read = out
			}
			return out
		},
		State: func() (string, error) { return state(t), nil },
		Said:  func(code string) bool { return said[code] },
		Fixed: map[string]string{"listEvents wait": "0"},
	}}
}

// bound is the same product, called by who is bound to the sending employer of a world, or to its switcher: with what is its own,
// with what is the other side's, and with what it must not see.
func (f fuzzing) bound(kind string) (fuzz.Target, func(operation string) bool) {
	w := f.world
	others, other := furnish(w, neighbour)
	deepen(w, other)
	run(w, `update leerplekken set status = 'withdrawn' where tenant_id = $1 and id = $2`, other.Leerplek.UUID()) // a published one is for all to read
	all := make([]auth.Permission, len(auth.Grants))
	for i, g := range auth.Grants {
		all[i] = g.Permission
	}
	admin := w.Admin()
	client := func(p testkit.Pair) *testkit.Caller {
		if kind == "medewerker" {
			return w.Client(auth.Switcher, &p.Sending, &p.Switcher)
		}
		return w.Client(auth.Integration, &p.Sending, nil, all...)
	}
	type scene struct {
		c      *testkit.Caller
		worlds []map[string]string
	}
	now := scene{c: client(other)}
	may := func(operation string) bool {
		p := f.permissions[operation]
		return p == auth.Self || p != auth.Public && now.c.Principal.May(p)
	}
	var read *scene
	out := f.Target
	out.Never = []string{neighbour, ofReceiving}
	out.Token = func(string) string { return now.c.Token }
	out.Furnish = func(operation string) []map[string]string {
		if f.reads[operation] && ready[operation] == nil && read != nil {
			now = *read
			return now.worlds
		}
		own, p := furnish(w, "eigen")
		if f.reads[operation] {
			deepen(w, p)
		}
		if make := prepare[operation]; make != nil {
			own = make(w, own, p)
		}
		if make := ready[operation]; make != nil {
			make(w, admin, own, p)
		}
		if own["org2"] == "" {
			own["org2"] = p.Receiving.String()
		}
		now = scene{c: client(p)}
		for _, side := range sides(w, own, p) {
			now.worlds = append(now.worlds, side)
		}
		crossed := maps.Clone(now.worlds[0])
		crossed["org"] = p.Receiving.String()
		theirs := maps.Clone(now.worlds[0])
		maps.Copy(theirs, others)
		now.worlds = append(now.worlds, crossed, theirs)
		if f.reads[operation] && ready[operation] == nil {
			kept := now
			read = &kept
		}
		return now.worlds
	}
	return out, may
}

// fuzzed runs the fuzzer as the flags say, with no fault found, and returns the sum of all rounds.
func fuzzed(t *testing.T, target fuzz.Target, o fuzz.Options) fuzz.Report {
	t.Helper()
	o.Seed, o.Only = *fuzzSeed, *fuzzOnly
	var end time.Time
	if *fuzzMinutes > 0 {
		end = time.Now().Add(time.Duration(*fuzzMinutes) * time.Minute)
		o.Values, o.Most, o.Steps, o.Until = 0, 0, 20_000, func() bool { return time.Now().After(end) }
	}
	o.Told = func(line string) { t.Logf("seed %d: %s", o.Seed, line) }
	sum := fuzz.Report{Succeeded: map[string]int{}, Retried: map[string]int{}, First: map[string]string{}}
	for round := 0; round == 0 || *fuzzMinutes > 0 && time.Now().Before(end); round++ {
		t.Logf("seed %d", o.Seed)
		r, err := fuzz.Run(target, o)
		require.NoError(t, err)
		require.Empty(t, r.Faults, "seed %d: each fault stands above, with a line of curl", o.Seed)
		for op, n := range r.Succeeded {
			sum.Succeeded[op] += n
		}
		for op, n := range r.Retried {
			sum.Retried[op] += n
		}
		maps.Copy(sum.First, r.First)
		sum.Requests += r.Requests
		o.Seed++
	}
	t.Logf("%d requests of %d operations, %d of which were repeated with their Idempotency-Key", sum.Requests, len(sum.Succeeded), len(sum.Retried))
	return sum
}

func TestFuzz_EveryOperationKeepsToTheDocument(t *testing.T) {
	t.Parallel()
	sum := fuzzed(t, fuzzTarget(t).Target, fuzz.Options{Values: 2, Steps: 500})
	require.Empty(t, never(sum.Succeeded, sum.First), "what is never done is never judged: furnish what these operations need")
	unjudged := slices.DeleteFunc(never(sum.Retried, sum.First), func(op string) bool {
		return slices.ContainsFunc(unrepeated, func(u string) bool { return strings.HasPrefix(op, u+" ") })
	})
	require.Empty(t, unjudged, "what is never repeated is never judged: furnish what these operations need")
}

// unrepeated are operations whose example asks for what no furnished world has, or is taken once it was done: they are done at
// random, and not repeated.
var unrepeated = []string{"correctOpleidingsregistratie", "createClient", "createMatchingRun", "createOrganisation", "createTenant", "createWebhookEndpoint"}

// Callers who are bound to an employer, or to an employee, call all that they may: what the document allows and forbids is the same
// to them, and what they must not see stands in no answer.
func TestFuzz_BoundCallersKeepToTheDocument(t *testing.T) {
	t.Parallel()
	for kind, least := range map[string]int{"organisation": 105, "medewerker": 55} { // of 128 and 65 operations
		target, may := fuzzTarget(t).bound(kind)
		sum := fuzzed(t, target, fuzz.Options{Values: 1, Most: 25, Steps: 150, Among: may})
		undone := never(sum.Succeeded, sum.First)
		for _, op := range undone {
			t.Logf("never done in scope %s: %.200s", kind, op)
		}
		require.GreaterOrEqual(t, len(sum.Succeeded)-len(undone), least, "what is never done is never judged")
	}
}

// never are the operations that were not once done, each with how it was answered.
func never(done map[string]int, first map[string]string) []string {
	out := []string{}
	for op, n := range done {
		if n == 0 {
			out = append(out, op+" "+first[op])
		}
	}
	slices.Sort(out)
	return out
}

// The product itself, with one fault planted in it at a time.
func TestFuzz_FindsWhatIsPlantedInTheProduct(t *testing.T) {
	t.Parallel()
	const post = `curl -sS -i -X POST "$SWITCHBOARD"'/v1/organisations' -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' --data-binary `
	of := fuzzTarget(t)
	target, w := of.Target, of.world
	product := target.Handler
	for _, c := range []struct {
		what, operation, kind string
		curl                  string // a pattern
		plant                 func() (takeAway func())
	}{
		{"a handler that leaks a member", "getOrganisation", fuzz.Answer, `^curl -sS -i -X GET "\$SWITCHBOARD"'/v1/organisations/org_[0-9a-z]{26}' -H "Authorization: Bearer \$TOKEN"$`, func() func() {
			target.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				rec := httptest.NewRecorder()
				product.ServeHTTP(rec, r)
				maps.Copy(rw.Header(), rec.Header())
				rw.WriteHeader(rec.Code)
				_, _ = rw.Write(bytes.Replace(rec.Body.Bytes(), []byte(`{"id":"org_`), []byte(`{"changed_by":"cli_1","id":"org_`), 1))
			})
			return func() { target.Handler = product }
		}},
		{"a column that is shorter than the document says", "createOrganisation", fuzz.Server, "^" + regexp.QuoteMeta(post) + `'\{"kind":"[a-z_]+","name":"x+","sector":"x{150}"\}'$`, func() func() {
			alter := func(how string) {
				_, err := w.Super.Exec(context.Background(), `alter table organisations `+how)
				require.NoError(t, err)
			}
			alter(`add constraint planted check (length(sector) < 150) not valid`)
			return func() { alter(`drop constraint planted`) }
		}},
		{"a door that counts what it refuses", "createOrganisation", fuzz.State, "^" + regexp.QuoteMeta(post) + `'\{`, func() func() {
			target.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				rec := httptest.NewRecorder()
				product.ServeHTTP(rec, r)
				if rec.Code == http.StatusUnprocessableEntity {
					run(w, `update tenants set updated_at = now() where tenant_id = $1`)
				}
				maps.Copy(rw.Header(), rec.Header())
				rw.WriteHeader(rec.Code)
				_, _ = rw.Write(rec.Body.Bytes())
			})
			return func() { target.Handler = product }
		}},
	} {
		takeAway := c.plant()
		r, err := fuzz.Run(target, fuzz.Options{Seed: 1, Only: c.operation, Faults: 1})
		takeAway()
		require.NoError(t, err)
		require.NotEmpty(t, r.Faults, c.what)
		require.Equal(t, c.kind, r.Faults[0].Kind, "%s: %s", c.what, r.Faults[0])
		require.Regexp(t, c.curl, r.Faults[0].Curl, c.what)
	}
}
