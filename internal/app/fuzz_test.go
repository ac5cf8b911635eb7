package app_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/big"
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
	"explainMatchingRun":       computed,
	"previewMatchingRunChange": computed,
	"mergeOrganisation": func(w *testkit.World, _ *testkit.Caller, own ids, _ testkit.Pair) {
		own["into"], own["org"] = own["org"], w.Organisation("Dezelfde").String() // who has exchanges stays
	},
	"createRival": func(w *testkit.World, _ *testkit.Caller, own ids, _ testkit.Pair) { // an employer knows others by their leerplekken
		other := w.Organisation("Nog een")
		w.Leerplek(other, "een plek", "om te leren", w.Medewerker(other, "Nele"))
		own["org2"] = other.String()
	},
	"updateOrganisation": func(w *testkit.World, _ *testkit.Caller, own ids, _ testkit.Pair) { // each number is one employer's, and each external id
		run(w, `update organisations set enterprise_number = null where tenant_id = $1`)
		own["body external_ids"] = `[{"system":"crm","value":"` + uuid.NewString() + `"}]`
	},
	"putOrganisationByExternalId": func(w *testkit.World, c *testkit.Caller, own ids, p testkit.Pair) {
		underAnother(w, c, own, p)
		own["body enterprise_number"] = "null"
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
	"createClient": func(_ *testkit.World, _ *testkit.Caller, own ids, _ testkit.Pair) {
		own["body organisation_id"], own["body medewerker_id"] = "null", "null"
	},
	"createMatchingRun": func(w *testkit.World, _ *testkit.Caller, own ids, p testkit.Pair) {
		q := w.Leervraag(p.Sending, p.Switcher, "nog een vraag", "Hoe nog?") // whom the example pins is matched
		l := w.Leerplek(p.Receiving, "nog een plek", "om te leren", w.Medewerker(p.Receiving, "Nele"))
		run(w, `insert into cohort_leervragen (tenant_id, cohort_id, leervraag_id, organisation_id, switcher_id, added_at) values ($1, $2, $3, $4, $5, now())`,
			plain(w, own["coh"]), q.UUID(), p.Sending.UUID(), p.Switcher.UUID())
		run(w, `insert into cohort_leerplekken (tenant_id, cohort_id, leerplek_id, organisation_id, added_at) values ($1, $2, $3, $4, now())`,
			plain(w, own["coh"]), l.UUID(), p.Receiving.UUID())
		own["body pins"] = fmt.Sprintf(`[{"leervraag_id":%q,"leerplek_id":%q}]`, q, l)
	},
	"createOrganisation": func(_ *testkit.World, _ *testkit.Caller, own ids, _ testkit.Pair) {
		own["body enterprise_number"], own["body external_ids"] = "null", "[]" // each is one employer's
	},
	"createTenant": func(_ *testkit.World, _ *testkit.Caller, own ids, _ testkit.Pair) {
		own["body slug"] = `"` + uuid.NewString() + `"` // each is one tenant's
	},
	"putMedewerkerByExternalId": underAnother,
	"correctOpleidingsregistratie": func(_ *testkit.World, _ *testkit.Caller, own ids, _ testkit.Pair) {
		own["body days"], own["body hours"] = `[{"date_on":"2027-01-11","hours":7}]`, "7"
		own["body from_on"], own["body until_on"] = `"2027-01-11"`, `"2027-01-11"`
	},
	"createWebhookEndpoint":  certified,
	"updateWebhookEndpoint":  certified,
	"getWebhookKeys":         listening,
	"testWebhookEndpoint":    listening,
	"recoverWebhookEndpoint": listening,
	"resendWebhookDelivery":  enabled,
	"resendWebhookDeliveries": func(w *testkit.World, c *testkit.Caller, own ids, p testkit.Pair) {
		enabled(w, c, own, p)
		anyDeliveries(w, c, own, p)
	},
	"cancelWebhookDeliveries": anyDeliveries,
}

// anyDeliveries are those of the furnished endpoint, whenever they were made: those of the example's day are none.
func anyDeliveries(_ *testkit.World, _ *testkit.Caller, own ids, _ testkit.Pair) {
	own["body event_types"], own["body created_from"], own["body created_until"] = "[]", "null", "null"
}

// enabled is an endpoint that deliveries go to.
func enabled(w *testkit.World, _ *testkit.Caller, own ids, _ testkit.Pair) {
	run(w, `update webhook_endpoints set status = 'active' where tenant_id = $1 and id = $2`, plain(w, own["whe"]))
}

// otherwise says of which members that are sent the answer says something else, or nothing; all others are told as they were sent.
var otherwise = map[string]string{
	"* /external_ids order":     "are told by their system",
	"* /scopes null":            "those of its role",
	"* /scopes order":           "are told in the order of the alphabet",
	"* /documents order":        "are told by their party",
	"* /documents/*/party null": "the caller's own",
	"* /documents others":       "each side lists its own",
	"* /oauth/client_secret":    "is a secret, and never told",
	"* /certificate":            "is told by its fingerprint, and its key never",
	"* /headers":                "hold secrets: the names alone are told",
	"* /has_expertise null":     "that of the craft, and that of coaching, say so",
	"* /sme null":               "its headcount says so",
	"* /overlap_hours":          "say when the other expires",
	"* /primary_colour":         "is told in lower case",
	"* /accent_colour":          "is told in lower case",
	"putMedewerkerByExternalId /external_ids others":   "those of other systems stay",
	"putOrganisationByExternalId /external_ids others": "those of other systems stay",
	"putCohortRivals /pairs order":                     "are a set",
	"putCohortRivals /pairs/*/organisation_ids order":  "a pair has no first",
	"correctOpleidingsregistratie /days order":         "are told by date",
	"correctOpleidingsregistratie /days null":          "as they were",
	"putKennismakingsgesprek /online null":             "its place says so",
	"addCohortLeerplekken /leerplek_ids":               "stand in data, each as leerplek_id",
	"addCohortLeervragen /leervraag_ids":               "stand in data, each as leervraag_id",
	"cancelLeeruitwisseling /note":                     "is kept as a note of that party, which the other does not read",
	"closeLeervraag /outcome":                          "is its status",
	"createMatch /draft":                               "is its status",
	"createWebhookConsoleLink /minutes":                "say when it expires",
	"informMatch /party":                               "says which of the two times is told",
	"mergeOrganisation /into":                          "is the organisation that is told",
	"submitSurvey /answers":                            "are never shown to who holds the link",
	"recoverWebhookEndpoint /dry_run":                  "says how it is done",
	"acceptMatchingRun *":                              "say which, and how",
	"cancelWebhookDeliveries *":                        "say which",
	"resendWebhookDeliveries *":                        "say which",
}

// certified has what no text that is made up is: a certificate with its key.
func certified(w *testkit.World, _ *testkit.Caller, own ids, _ testkit.Pair) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(w.T, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(w.T, err)
	key, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(w.T, err)
	both, err := json.Marshal(map[string]string{"certificate": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))})
	require.NoError(w.T, err)
	own["body certificate"] = string(both)
}

// underAnother has external ids of another system than the one in the path, whatever the path says.
func underAnother(_ *testkit.World, _ *testkit.Caller, own ids, _ testkit.Pair) {
	own["body external_ids"] = `[{"system":"elders","value":"` + uuid.NewString() + `"}]`
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

// computed makes a run that is done.
func computed(w *testkit.World, c *testkit.Caller, own ids, p testkit.Pair) {
	queued(w, c, own, p)
	require.NoError(w.T, w.App.Matching.ComputeRun(context.Background(), w.Tenant, id.MatchingRunID(plain(w, own["mrn"]))))
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
	paths       map[string]string
	reads       map[string]bool
}

// fuzzTarget is called by those who see all of a tenant; what they write is noted.
func fuzzTarget(t *testing.T) fuzzing {
	t.Helper()
	f := calledByAll(t, testkit.Apart(t, nil).Tenant(t))
	state := watch(t, f.world.Database)
	f.State = func() (string, error) { return state(t), nil }
	return f
}

// calledByAll is a tenant's house, called by those who see all of it.
func calledByAll(t *testing.T, w *testkit.World) fuzzing {
	t.Helper()
	admin, operator := w.Admin(), w.Operator(t)
	sandbox := admin.Principal
	sandbox.Sandbox = true // where examples of facts are recorded
	admin = w.As(sandbox)
	permissions, paths, reads := map[string]auth.Permission{}, map[string]string{}, map[string]bool{}
	for _, o := range operations(t) {
		permissions[o.ID], paths[o.ID], reads[o.ID] = o.Permission, o.Path, o.Method == http.MethodGet
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
	return fuzzing{world: w, permissions: permissions, paths: paths, reads: reads, Target: fuzz.Target{
		Document: api.OpenAPI,
		Handler:  w.App.Handler(),
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
		Said:      func(code string) bool { return said[code] },
		Busy:      func(code string) bool { return code == fault.Busy.Code },
		Otherwise: otherwise,
		Fixed:     map[string]string{"listEvents wait": "0"},
	}}
}

// bond is where a bound caller stands: what it may never see, what no request of its own ever does, with the reason, and how what it
// does is furnished where that is not as it is for those who see all of a tenant.
type bond struct {
	name   string
	client func(w *testkit.World, p testkit.Pair) *testkit.Caller
	side   int    // of sides, the first of which stand in paths
	party  string // for whom it speaks
	never  []string
	among  []string          // where the paths begin that it is tried at; all when empty
	undone map[string]string // operationId → why
}

// shared is what stands between two employers: whatever else one of them has, the one that sends has in every furnished world.
var shared = []string{"/v1/leeruitwisselingen", "/v1/matches", "/v1/leerplekken"}

var bonds = []bond{
	{name: "sending employer", party: "sending", never: []string{neighbour, ofReceiving, ofSwitcher}, client: func(w *testkit.World, p testkit.Pair) *testkit.Caller { return integration(w, p.Sending) },
		undone: map[string]string{
			"moveOrganisation":             "the ST-partner alone says how far an employer is",
			"putLeeruitwisselingProgramme": "what a day holds is the host's",
			"getCohort":                    "no employer sees a cohort",
			"listCohortLeervragen":         "no employer sees a cohort",
			"listCohortLeerplekken":        "no employer sees a cohort",
			"listPreferenceOptions":        "no employer sees a cohort",
			"getPreferences":               "no employer reads what a switcher likes best",
			"putPreferences":               "no employer notes what a switcher likes best",
		}},
	{name: "receiving employer", party: "receiving", side: 1, among: shared, never: []string{neighbour, ofSending, ofSwitcher, asked}, client: func(w *testkit.World, p testkit.Pair) *testkit.Caller { return integration(w, p.Receiving) },
		undone: map[string]string{
			"getLeeruitwisselingExpectations": "what the sending employer expects is its own",
			"putLeeruitwisselingExpectations": "what the sending employer expects is its own",
		}},
	{name: "switcher", party: "switcher", never: []string{neighbour, ofSending, ofReceiving}, client: func(w *testkit.World, p testkit.Pair) *testkit.Caller {
		return w.Client(auth.Switcher, &p.Sending, &p.Switcher)
	}, undone: map[string]string{
		"getContact":                      "contacts are the employer's",
		"getNeed":                         "what an employer needs is its own",
		"getOrganisationProfile":          "how an employer sees itself is its own",
		"getLeeruitwisselingExpectations": "what the sending employer expects is its own",
	}},
	{name: "leercoach", party: "leercoach", side: 1, among: shared, never: []string{neighbour, ofSending, ofReceiving, ofSwitcher, asked}, client: func(w *testkit.World, p testkit.Pair) *testkit.Caller {
		return w.Client(auth.Leercoach, &p.Receiving, &p.Coach)
	}, undone: map[string]string{
		"getLeeruitwisselingExpectations": "what the sending employer expects is its own",
	}},
}

// integration is the software of an employer, with every permission that there is.
func integration(w *testkit.World, org id.OrganisationID) *testkit.Caller {
	all := make([]auth.Permission, len(auth.Grants))
	for i, g := range auth.Grants {
		all[i] = g.Permission
	}
	p := w.Client(auth.Integration, &org, nil, all...).Principal
	p.Sandbox = true // where examples of facts are recorded
	return w.As(p)
}

// spoken puts what a bound caller may do, in the name of its party, in the place of what the examples say.
var spoken = map[string]func(w *testkit.World, c *testkit.Caller, s bond, own ids, p testkit.Pair){
	"cancelLeeruitwisseling": func(_ *testkit.World, _ *testkit.Caller, s bond, own ids, _ testkit.Pair) {
		own["body by_party"] = `"` + s.party + `"`
	},
	"acceptMatch":               decides,
	"declineMatch":              decides,
	"createLeeruitwisselingDay": unplanned,
	"updateLeeruitwisselingDay": unplanned,
	"putLeeruitwisselingChecks": func(_ *testkit.World, _ *testkit.Caller, s bond, own ids, _ testkit.Pair) {
		// Each side tells what is its own, and leaves the other's as it stands.
		own["body insurance"], own["body safety_information_exchanged"] = `{"work_accident":true,"commute":true}`, "false"
		if s.party == "receiving" {
			own["body insurance"], own["body safety_information_exchanged"] = `{"liability":true}`, "true"
		}
	},
	"putLeeruitwisselingDocuments": func(_ *testkit.World, _ *testkit.Caller, s bond, own ids, _ testkit.Pair) {
		if s.party == "sending" {
			own["body documents"] = notesOfTheSender
		}
	},
	"updateLeeruitwisseling": func(_ *testkit.World, _ *testkit.Caller, s bond, own ids, _ testkit.Pair) {
		if s.party == "sending" {
			for _, hosts := range []string{"meeting_point", "safety_note", "reception", "dress_code"} {
				own["body "+hosts] = ""
			}
			own["body documents"] = notesOfTheSender
		}
	},
	"createReflection": func(_ *testkit.World, _ *testkit.Caller, s bond, own ids, p testkit.Pair) {
		own["body party"], own["body medewerker_id"] = `"`+s.party+`"`, s.author(p)
	},
	"updateReflection": func(w *testkit.World, _ *testkit.Caller, s bond, own ids, p testkit.Pair) {
		org, author := s.employer(p), s.author(p)
		own["body party"], own["body medewerker_id"] = `"`+s.party+`"`, author
		var who *uuid.UUID
		if author != "null" {
			u := plain(w, strings.Trim(author, `"`))
			who = &u
		}
		run(w, `update leeruitwisseling_reflections set party = $3, organisation_id = $4, medewerker_id = $5 where tenant_id = $1 and id = $2`,
			plain(w, own["rfl"]), s.party, org.UUID(), who)
	},
	"answerSurvey": func(w *testkit.World, _ *testkit.Caller, s bond, own ids, p testkit.Pair) {
		if s.party == "sending" || s.party == "receiving" {
			run(w, `update surveys set role = $3, organisation_id = $4, medewerker_id = null where tenant_id = $1 and id = $2`, plain(w, own["srv"]), s.party, s.employer(p).UUID())
		}
	},
	"signLeeruitwisselingAgreement": func(_ *testkit.World, _ *testkit.Caller, s bond, own ids, _ testkit.Pair) {
		own["body party"], own["body method"] = `"`+s.party+`"`, `"signed_in"`
	},
	"testWebhookEndpoint":    func(w *testkit.World, c *testkit.Caller, _ bond, own ids, p testkit.Pair) { listening(w, c, own, p) },
	"recoverWebhookEndpoint": func(w *testkit.World, c *testkit.Caller, _ bond, own ids, p testkit.Pair) { listening(w, c, own, p) },
}

// decides is a match of which its party has yet to decide.
func decides(w *testkit.World, _ *testkit.Caller, s bond, own ids, p testkit.Pair) {
	newMatch(w, w.Admin(), own, p, false)
	own["body party"] = `"` + s.party + `"`
}

const notesOfTheSender = `[{"kind":"notes","title":"Notitieblad","link":null,"party":"sending"}]`

// unplanned is a day of which nothing is said that the host alone says.
func unplanned(_ *testkit.World, _ *testkit.Caller, s bond, own ids, _ testkit.Pair) {
	if s.party == "sending" {
		own["body programme"] = ""
	}
}

// employer is the employer of a bond.
func (s bond) employer(p testkit.Pair) id.OrganisationID {
	if s.side == 1 {
		return p.Receiving
	}
	return p.Sending
}

// author is, in JSON, whom its reflection is by: null for an employer's.
func (s bond) author(p testkit.Pair) string {
	switch s.party {
	case "switcher":
		return `"` + p.Switcher.String() + `"`
	case "leercoach":
		return `"` + p.Coach.String() + `"`
	}
	return "null"
}

// bound is the same product, called by who stands somewhere: with what is its own, with what is the other side's, and with what it
// must not see.
func (f fuzzing) bound(s bond) (fuzz.Target, func(operation string) bool) {
	w := f.world
	others, other := furnish(w, neighbour)
	deepen(w, other)
	run(w, `update leerplekken set status = 'withdrawn' where tenant_id = $1 and id = $2`, other.Leerplek.UUID()) // a published one is for all to read
	admin := w.Admin()
	type scene struct {
		c      *testkit.Caller
		worlds []map[string]string
	}
	now := scene{c: s.client(w, other)}
	may := func(operation string) bool {
		there := func(prefix string) bool { return strings.HasPrefix(f.paths[operation], prefix) }
		p := f.permissions[operation]
		return (len(s.among) == 0 || slices.ContainsFunc(s.among, there)) && (p == auth.Self || p != auth.Public && now.c.Principal.May(p))
	}
	var read *scene
	out := f.Target
	out.Never = s.never
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
		now = scene{c: s.client(w, p)}
		if make := prepare[operation]; make != nil {
			own = make(w, own, p)
		}
		if make := ready[operation]; make != nil && spoken[operation] == nil {
			make(w, admin, own, p)
		}
		if make := spoken[operation]; make != nil {
			make(w, now.c, s, own, p)
		}
		if own["org2"] == "" {
			own["org2"] = []id.OrganisationID{p.Receiving, p.Sending}[s.side].String()
		}
		both := sides(w, own, p)
		mine, theirs := both[s.side], both[1-s.side]
		crossed := maps.Clone(mine)
		crossed["org"] = theirs["org"]
		strange := maps.Clone(mine)
		maps.Copy(strange, others)
		now.worlds = []map[string]string{mine, theirs, crossed, strange}
		if f.reads[operation] && ready[operation] == nil {
			kept := now
			read = &kept
		}
		return now.worlds
	}
	return out, may
}

// fuzzed runs the fuzzer on one operation, or on all, with no fault found, and returns the sum of all rounds. What one of so many runs
// gets of the minutes that the flag gives is its share.
func (f fuzzing) fuzzed(t *testing.T, target fuzz.Target, o fuzz.Options, shares int) fuzz.Report {
	t.Helper()
	o.Seed = *fuzzSeed
	var end time.Time
	if *fuzzMinutes > 0 {
		end = time.Now().Add(time.Duration(*fuzzMinutes) * time.Minute / time.Duration(shares))
		o.Values, o.Most, o.Steps, o.Until = 0, 0, 20_000, func() bool { return time.Now().After(end) }
	}
	o.Told = func(line string) { t.Logf("seed %d: %s", o.Seed, line) }
	unreached := map[string]bool{}
	sum := fuzz.Report{Succeeded: map[string]int{}, Tried: map[string]int{}, Retried: map[string]int{}, Busy: map[string]int{}, First: map[string]string{}}
	for round := 0; round == 0 || *fuzzMinutes > 0 && time.Now().Before(end); round++ {
		t.Logf("seed %d", o.Seed)
		r, err := fuzz.Run(target, o)
		require.NoError(t, err)
		require.Empty(t, r.Faults, "seed %d: each fault stands above, with a line of curl", o.Seed)
		for op, n := range r.Succeeded {
			sum.Succeeded[op] += n
		}
		for at, n := range r.Tried {
			sum.Tried[at] += n
		}
		for _, op := range r.Unreached {
			unreached[op] = true
		}
		for op, n := range r.Retried {
			sum.Retried[op] += n
		}
		for op, n := range r.Busy {
			sum.Busy[op] += n
		}
		maps.Copy(sum.First, r.First)
		sum.Requests += r.Requests
		o.Seed++
	}
	maps.DeleteFunc(unreached, func(op string, _ bool) bool { _, tried := sum.Succeeded[op]; return tried })
	if sum.Unreached = slices.Sorted(maps.Keys(unreached)); len(sum.Unreached) > 0 {
		require.NotZero(t, *fuzzMinutes, "a short run reaches every operation")
		t.Logf("NOT REACHED in the time: %d operations: %s", len(sum.Unreached), strings.Join(sum.Unreached, ", "))
	}
	t.Logf("%d requests of %d operations, %d of which were repeated with their Idempotency-Key; busy: %v", sum.Requests, len(sum.Succeeded), len(sum.Retried), sum.Busy)
	require.Empty(t, tooBusy(f.world.Log.String()), "a 503 that a slow machine does not explain is a fault")
	return sum
}

// slow are the causes of a 503 that a machine which has much to do explains: what a statement or a transaction may take was over.
var slow = regexp.MustCompile(`^(sqlstate (57014|55P03) |deadline$)`)

// tooBusy are the lines of 503 in a log that have another cause than that, or none.
func tooBusy(log string) []string {
	out := []string{}
	for line := range strings.Lines(log) {
		var l struct {
			Status int
			Cause  string
		}
		if json.Unmarshal([]byte(line), &l) == nil && l.Status == http.StatusServiceUnavailable && !slow.MatchString(l.Cause) {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

func TestFuzz_A503ThatASlowMachineDoesNotExplainIsAFault(t *testing.T) {
	t.Parallel()
	const deadlock = `{"msg":"request","status":503,"problem":"unavailable","cause":"sqlstate 40P01 table x constraint  routine y"}`
	require.Equal(t, []string{deadlock, `{"status":503}`}, tooBusy("lines of others\n"+deadlock+"\n"+`{"status":503,"cause":"sqlstate 57014 table  constraint  routine z"}`+"\n"+`{"status":503}`+"\n"+`{"status":200}`))
}

func TestFuzz_EveryOperationKeepsToTheDocument(t *testing.T) {
	t.Parallel()
	everyOperation(t, fuzz.Options{Values: 2, Steps: 500, Only: *fuzzOnly})
}

// everyOperation is called by those who see all of a tenant.
func everyOperation(t *testing.T, o fuzz.Options) {
	t.Helper()
	f := fuzzTarget(t)
	sum := f.fuzzed(t, f.Target, o, 1)
	require.Empty(t, strings.Join(unexplained(sum, sum.Succeeded, nil, o.Only), "\n"), "what is never done is never judged: furnish what these operations need")
	if o.Most == 0 { // else it may end before the last member
		require.Empty(t, untried(sum.Tried), "no hostile value ever stood there")
	}
	require.Empty(t, strings.Join(unexplained(sum, sum.Retried, nil, o.Only), "\n"), "what is never repeated is never judged: furnish what these operations need")
}

// Callers who are bound to an employer, or to an employee, call all that they may: what the document allows and forbids is the same
// to them, and what they must not see stands in no answer.
func TestFuzz_BoundCallersKeepToTheDocument(t *testing.T) {
	t.Parallel()
	boundCallers(t, fuzz.Options{Values: 1, Most: 25, Steps: 150, Only: *fuzzOnly})
}

// boundCallers returns who of them may do what was asked for.
func boundCallers(t *testing.T, o fuzz.Options) (who []string) {
	t.Helper()
	f := fuzzTarget(t)
	var those []func(shares int)
	for _, b := range bonds {
		target, may := f.bound(b)
		if o.Only != "" && !may(o.Only) {
			continue
		}
		who = append(who, b.name)
		those = append(those, func(shares int) {
			o := o
			o.Among = may
			sum := f.fuzzed(t, target, o, shares)
			require.Empty(t, strings.Join(unexplained(sum, sum.Succeeded, b.undone, o.Only), "\n"), "%s: what is never done is never judged: furnish it, or say why it cannot be", b.name)
		})
	}
	for _, fuzz := range those {
		fuzz(len(those))
	}
	return who
}

// As `make fuzz` is asked for one operation: by those who may, and nobody misses the others.
func TestFuzz_OneOperationAlone(t *testing.T) {
	t.Parallel()
	for operation, who := range map[string][]string{
		"createLeervraag": {"sending employer", "switcher"},
		"createTenant":    nil, // the operator alone
	} {
		o := fuzz.Options{Values: 1, Most: 3, Steps: 5, Only: operation}
		everyOperation(t, o)
		require.Equal(t, who, boundCallers(t, o), operation)
	}
}

// unexplained says which operations were not once done and have no reason, each with how it was answered; and which have a reason and
// were done, or, where not one alone is tried, are not there at all. What there was no time for is neither.
func unexplained(of fuzz.Report, done map[string]int, why map[string]string, only string) []string {
	out := []string{}
	for op, n := range done {
		if n == 0 && why[op] == "" {
			out = append(out, op+" was never done: "+of.First[op])
		}
	}
	for op, reason := range why {
		if n, tried := done[op]; n > 0 || !tried && only == "" && !slices.Contains(of.Unreached, op) {
			out = append(out, fmt.Sprintf("%s was done %d times, tried %v: it needs no reason (%s)", op, n, tried, reason))
		}
	}
	slices.Sort(out)
	return out
}

// untried are the members in which no hostile value ever stood.
func untried(tried map[string]int) []string {
	out := []string{}
	for at, n := range tried {
		if n == 0 {
			out = append(out, at)
		}
	}
	slices.Sort(out)
	return out
}

func TestFuzz_WhatIsNeverDoneHasItsReasonAndNothingElseHas(t *testing.T) {
	t.Parallel()
	done, first := map[string]int{"getSite": 2, "moveSite": 0}, fuzz.Report{First: map[string]string{"moveSite": "→ 403"}}
	require.Empty(t, unexplained(first, done, map[string]string{"moveSite": "nobody does"}, ""))
	require.Equal(t, []string{"moveSite was never done: → 403"}, unexplained(first, done, nil, ""))
	require.Len(t, unexplained(first, done, map[string]string{"moveSite": "nobody does", "getSite": "nobody reads"}, ""), 1, "it was done after all")
	require.Len(t, unexplained(first, done, map[string]string{"moveSite": "nobody does", "openSite": "nobody does"}, ""), 1, "there is none")
	first.Unreached = []string{"openSite"}
	require.Empty(t, unexplained(first, done, map[string]string{"moveSite": "nobody does", "openSite": "nobody does"}, ""), "there was no time for it")
	require.Empty(t, unexplained(first, map[string]int{"moveSite": 0}, map[string]string{"moveSite": "nobody does", "openSite": "nobody does"}, "moveSite"), "asked for one alone")
}

// What is told otherwise names a member that an operation takes; what went away needs no reason.
func TestFuzz_WhatIsToldOtherwiseIsSent(t *testing.T) {
	t.Parallel()
	takes, err := fuzz.Members(api.OpenAPI)
	require.NoError(t, err)
	astray := func(key string) bool {
		operation, at, _ := strings.Cut(key, " ")
		at, _, _ = strings.Cut(at, " ")
		return !slices.ContainsFunc(takes, func(m string) bool {
			of, member, _ := strings.Cut(m, " ")
			return (operation == "*" || operation == of) && (at == "*" || at == member || strings.HasPrefix(member, at+"/"))
		})
	}
	for key, why := range otherwise {
		require.NotEmpty(t, why, key)
		require.False(t, astray(key), "%s: nothing of that name is sent", key)
	}
	require.True(t, astray("updateTenant /colour"))
	require.True(t, astray("paintTenant *"))
	require.False(t, astray("updateTenant /accent_colour null"))
}

// The product itself, with one fault planted in it at a time.
func TestFuzz_FindsWhatIsPlantedInTheProduct(t *testing.T) {
	t.Parallel()
	const post = `curl -sS -i -X POST "$SWITCHBOARD"'/v1/organisations' -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' --data-binary `
	of := fuzzTarget(t)
	target, w := of.Target, of.world
	product, headcount := target.Handler, regexp.MustCompile(`"headcount":[0-9]+`)
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
		{"a door that drops a member", "createOrganisation", fuzz.Lost, "^" + regexp.QuoteMeta(post) + `'\{.*"headcount":`, func() func() {
			target.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				require.NoError(t, err)
				body = headcount.ReplaceAll(body, []byte(`"headcount":null`))
				r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
				product.ServeHTTP(rw, r)
			})
			return func() { target.Handler = product }
		}},
		{"a member that is stored and not read back", "createOrganisation", fuzz.Lost, "^" + regexp.QuoteMeta(post) + `'\{.*"headcount":`, func() func() {
			target.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet {
					product.ServeHTTP(rw, r)
					return
				}
				rec := httptest.NewRecorder()
				product.ServeHTTP(rec, r)
				maps.Copy(rw.Header(), rec.Header())
				rw.WriteHeader(rec.Code)
				_, _ = rw.Write(headcount.ReplaceAll(rec.Body.Bytes(), []byte(`"headcount":null`)))
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
