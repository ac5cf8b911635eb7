package app_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"expvar"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// A siege is the attack matrix as data: attacks that were made once in a furnished world, with what came back and the
// tables that they reached. They can be made again, as many as wanted, in copies of that world. See mutation_test.go.

// The marks of what no attacker may see: another tenant's, another employer's of the same tenant, and what one side of a
// match or an exchange keeps from the other.
const (
	strange     = "CANARY-STRANGER"
	neighbour   = "CANARY-NEIGHBOUR"
	ofSending   = "CANARY-OF-SENDING"
	ofReceiving = "CANARY-OF-RECEIVING"
	ofSwitcher  = "CANARY-OF-SWITCHER"
	asked       = "CANARY-ASKED" // of the switcher's side, the switcher included
)

// deepen lays what the two sides of a pair wrote for themselves, and other rows that stand below those of furnish.
func deepen(w *testkit.World, p testkit.Pair) {
	w.T.Helper()
	for _, q := range []string{
		`update medewerkers set yearly_coaching_limit = 5 where tenant_id = $1 and organisation_id = $3 and $2::uuid is not null`,
		`insert into match_decisions (tenant_id, match_id, party, sending_organisation_id, receiving_organisation_id, decision, channel, decided_at, recorded_by)
			select tenant_id, id, party, sending_organisation_id, receiving_organisation_id, 'accepted', 'phone', now(), 'test' from matches, unnest(array['sending', 'receiving']) party
			where tenant_id = $1 and sending_organisation_id = $2 and receiving_organisation_id = $3`,
		`insert into match_notes (tenant_id, match_id, party, organisation_id, given_by, reason)
			select tenant_id, match_id, party, case party when 'sending' then $2::uuid else $3::uuid end, mark, mark
			from match_decisions, concat('CANARY-OF-', upper(party)) mark where tenant_id = $1 and sending_organisation_id = $2 and receiving_organisation_id = $3`,
		`insert into match_reasons (tenant_id, match_id, party, organisation_id, origin, reasons)
			select tenant_id, match_id, party, case party when 'sending' then $2::uuid else $3::uuid end, 'hand', '{content}'
			from match_decisions where tenant_id = $1 and sending_organisation_id = $2 and receiving_organisation_id = $3`,
		`insert into leeruitwisseling_notes (tenant_id, id, leeruitwisseling_id, organisation_id, at, written_by, text)
			select tenant_id, gen_random_uuid(), id, organisation, now(), 'test', case organisation when $2 then '` + ofSending + `' else '` + ofReceiving + `' end
			from leeruitwisselingen, unnest(array[$2::uuid, $3::uuid]) organisation where tenant_id = $1 and sending_organisation_id = $2 and receiving_organisation_id = $3`,
		`insert into leeruitwisseling_signatures (tenant_id, leeruitwisseling_id, party, sending_organisation_id, receiving_organisation_id, signed_by, method, document_hash, signed_at, recorded_by)
			select tenant_id, id, 'sending', sending_organisation_id, receiving_organisation_id, 'Directie', 'recorded', sha256('x'), now(), 'test'
			from leeruitwisselingen where tenant_id = $1 and sending_organisation_id = $2 and receiving_organisation_id = $3`,
		`insert into leervraag_versions (tenant_id, leervraag_id, organisation_id, switcher_id, version, at, changed_by, title, question, goals, topics, clarity)
			select tenant_id, id, organisation_id, switcher_id, 1, now(), 'test', '` + asked + `', 'vraag', '{}', '{}', 'vague' from leervragen where tenant_id = $1 and organisation_id = $2 and $3::uuid is not null`,
		`insert into survey_answers (tenant_id, survey_id, organisation_id, medewerker_id, question, value, at)
			select tenant_id, id, organisation_id, medewerker_id, 'SW1', '"` + ofSwitcher + `"', now() from surveys where tenant_id = $1 and organisation_id = $2 and $3::uuid is not null`,
		`insert into suggestion_dismissals (tenant_id, leervraag_id, leerplek_id, organisation_id, switcher_id, receiving_organisation_id, reason, dismissed_at, dismissed_by)
			select v.tenant_id, v.id, p.id, v.organisation_id, v.switcher_id, p.organisation_id, '` + asked + `', now(), 'test' from leervragen v join leerplekken p using (tenant_id)
			where tenant_id = $1 and v.organisation_id = $2 and p.organisation_id = $3`,
		`insert into webhook_attempts (tenant_id, id, delivery_id, endpoint_id, organisation_id, at, status, outcome, duration_ms)
			select tenant_id, platform.new_id(), id, endpoint_id, organisation_id, now(), 500, 'refused', 1 from webhook_deliveries where tenant_id = $1 and organisation_id = $2 and $3::uuid is not null`,
		`insert into cohort_rivals (tenant_id, cohort_id, organisation_id, rival_id)
			select tenant_id, cohort_id, least($2::uuid, $3::uuid), greatest($2::uuid, $3::uuid) from cohort_leervragen where tenant_id = $1 and organisation_id = $2`,
	} {
		_, err := w.Super.Exec(context.Background(), q, w.Tenant.UUID(), p.Sending.UUID(), p.Receiving.UUID())
		require.NoError(w.T, err, q)
	}
}

// besieger is one caller of the matrix.
type besieger struct {
	name  string
	kind  string // tenant, operator, organisation or medewerker: the scope of its transactions
	who   auth.Principal
	marks []string // what no answer to it may hold
	sides []ids    // its own, the first of which stand in paths
	prey  ids
}

// assault is one request of the matrix.
type assault struct {
	Name         string
	by           *besieger
	method, path string
	body         string
	asked        []string
	reading      bool                 // of one's own: the answer stays as it was
	want         string               // or as an id that nobody has is answered
	reach        map[string]bool      // "table command", by the statements that it sent
	met          []string             // decisions of bindings_test.go, where their mutants are built in
	told         func(replied) string // what counts of the answer, where that is not all of it
	open         *intrusion           // at a public door
}

// replied is what the door said.
type replied struct {
	status int
	body   string
}

var (
	requestID  = regexp.MustCompile(`req_[0-9a-z]{26}`)
	nextCursor = regexp.MustCompile(`"next_cursor":"[^"]*"`) // moves with whatever anybody does
	counted    = regexp.MustCompile(`"since":"[^"]*"`)       // so long before now
)

// retold leaves out what names the request and the ids that were asked for.
func (a replied) retold(asked []string) string {
	body := nextCursor.ReplaceAllString(requestID.ReplaceAllString(a.body, "req_…"), `"next_cursor":"…"`)
	body = counted.ReplaceAllString(body, `"since":"…"`)
	for _, one := range asked {
		if one != "" {
			body = strings.ReplaceAll(body, one, "ID")
		}
	}
	return fmt.Sprint(a.status, " ", body)
}

// send makes a request without a network.
func send(h http.Handler, token, method, path, body string) replied {
	if method == http.MethodGet || method == http.MethodDelete {
		body = ""
	}
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("If-Match", "*")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return replied{w.Code, w.Body.String()}
}

// red says what is wrong with the answer to an attack; empty when it is as it must be.
func (a *assault) red(got replied) string {
	for _, mark := range a.by.marks {
		if strings.Contains(got.body, mark) {
			return "shows " + mark
		}
	}
	if a.reading {
		for _, theirs := range a.by.prey {
			if strings.Contains(got.body, theirs) {
				return "shows " + theirs
			}
		}
	}
	told := got.retold(a.asked)
	if a.told != nil {
		told = a.told(got)
	}
	if a.want == "" || told == a.want {
		return ""
	}
	same := 0
	for same < min(len(told), len(a.want)) && told[same] == a.want[same] {
		same++
	}
	return fmt.Sprintf("%.3s, and instead of %.60q: %.60q", told, a.want[same:], told[same:])
}

// trace hears every statement of a house.
type trace struct {
	mu  sync.Mutex
	sql []string
}

func (t *trace) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	t.add(d.SQL)
	return ctx
}
func (t *trace) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
func (t *trace) TraceBatchStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceBatchStartData) context.Context {
	for _, q := range d.Batch.QueuedQueries {
		t.add(q.SQL)
	}
	return ctx
}
func (t *trace) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (t *trace) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

func (t *trace) add(sql string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sql = append(t.sql, sql)
}

func (t *trace) take() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	defer func() { t.sql = nil }()
	return t.sql
}

var (
	aWord   = regexp.MustCompile(`[a-z_][a-z_0-9]*`)
	anInto  = regexp.MustCompile(`insert into (?:public\.)?([a-z_0-9]+)`)
	anOver  = regexp.MustCompile(`update (?:only )?(?:public\.)?([a-z_0-9]+)`)
	aFrom   = regexp.MustCompile(`delete from (?:only )?(?:public\.)?([a-z_0-9]+)`)
	lockers = []string{"for update", "for no key update", "for share", "for key share", "do update"}
)

// reached are the policies that statements can run into, as "table command": rather one too many than one too few. Reading a
// table is reading what its policies look at.
func reached(statements []string, behind map[string][]string) map[string]bool {
	out := map[string]bool{}
	for _, s := range statements {
		s = strings.Join(strings.Fields(strings.ToLower(strings.ReplaceAll(s, `"`, ""))), " ")
		locks := slices.ContainsFunc(lockers, func(l string) bool { return strings.Contains(s, l) })
		for _, word := range aWord.FindAllString(s, -1) {
			if _, ok := behind[word]; ok {
				out[word+" select"] = true
				for _, deeper := range behind[word] {
					out[deeper+" select"] = true
				}
				if locks {
					out[word+" update"] = true
				}
			}
		}
		for command, re := range map[string]*regexp.Regexp{"insert": anInto, "update": anOver, "delete": aFrom} {
			for _, m := range re.FindAllStringSubmatch(s, -1) {
				out[m[1]+" "+command] = true
			}
		}
	}
	return out
}

// siege is the furnished world and all attacks in it.
type siege struct {
	house    *testkit.House // frozen: only to be copied
	stranger id.TenantID
	assaults []*assault
	public   []*assault // without a token
	tables   []table
}

// decided are the decisions that Go met since it was asked last; none where mutants are not built in.
func decided() (met []string) {
	if all, ok := expvar.Get("mutants met").(*expvar.Map); ok {
		all.Do(func(kv expvar.KeyValue) { met = append(met, kv.Key) })
		all.Init()
	}
	return met
}

// besiege surrounds a world that is only to be copied.
func besiege(t *testing.T) *siege {
	t.Helper()
	s := surround(t)
	s.house.Freeze()
	return s
}

// surround furnishes a world, with more in it, and makes every attack once.
func surround(t *testing.T, more ...func(*testkit.World)) *siege {
	t.Helper()
	listener := &trace{}
	h := testkit.Traced(t, listener)
	s := &siege{house: h, tables: guarded(t, h.Super)}
	written := watch(t, h.Database)
	b := h.Tenant(t)
	strangers, far := furnish(b, strange)
	deepen(b, far)
	s.stranger = b.Tenant
	w := h.Tenant(t)
	others, other := furnish(w, neighbour)
	deepen(w, other)
	_, err := h.Super.Exec(context.Background(), `update leerplekken set status = 'withdrawn' where tenant_id = $1 and id = $2`, w.Tenant.UUID(), other.Leerplek.UUID())
	require.NoError(t, err) // a published one is for every employer to read
	for _, shared := range []string{"ten", "cli"} {
		delete(others, shared)
	}
	own, pair := furnish(w, "eigen")
	deepen(w, pair)
	both := sides(w, own, pair)
	sending, receiving := both[0], both[1]
	all := make([]auth.Permission, len(auth.Grants))
	for i, g := range auth.Grants {
		all[i] = g.Permission
	}
	besiegers := []*besieger{
		{"admin", "tenant", w.Admin().Principal, []string{strange}, []ids{sending, receiving}, strangers},
		{"sending employer", "organisation", w.Client(auth.Integration, &pair.Sending, nil, all...).Principal, []string{strange, neighbour, ofReceiving, ofSwitcher}, []ids{sending, receiving}, others},
		{"receiving employer", "organisation", w.Client(auth.Integration, &pair.Receiving, nil, all...).Principal, []string{strange, neighbour, ofSending, ofSwitcher, asked}, []ids{receiving, sending}, others},
		{"switcher", "medewerker", w.Client(auth.Switcher, &pair.Sending, &pair.Switcher).Principal, []string{strange, neighbour, ofSending, ofReceiving}, []ids{sending, receiving}, others},
		{"leercoach", "medewerker", w.Client(auth.Leercoach, &pair.Receiving, &pair.Coach).Principal, []string{strange, neighbour, ofSending, ofReceiving, ofSwitcher, asked}, []ids{receiving, sending}, others},
		{"operator", "operator", h.Operator(t).Principal, []string{neighbour, ofSending, ofReceiving, ofSwitcher, asked}, []ids{{"ten": w.Tenant.String()}}, nil},
	}
	prepared := map[string]ids{}
	// Who has no token, but a link at most: of somebody who sees all of a tenant, of the sending employer's software, and to a survey.
	for _, found := range []struct {
		w   *testkit.World
		ids ids
	}{{b, strangers}, {w, others}, {w, own}} {
		ready["checkLeerbewijs"](found.w, nil, found.ids, testkit.Pair{})
	}
	linked(w, nil, own, pair)
	asked := guest{name: "whoever has the link to a survey", link: own["token"]}
	delete(own, "token")
	uninvited := []struct {
		*besieger
		guests []guest
	}{
		{&besieger{"anybody", "tenant", auth.Principal{}, []string{strange, neighbour, ofSending, ofReceiving}, nil, strangers}, []guest{{name: "anybody"}, asked}},
		{&besieger{"the tenant's guest", "tenant", auth.Principal{}, []string{strange}, nil, strangers}, []guest{invited(w.Admin(), w, "the tenant's guest")}},
		{&besieger{"the sending employer's guest", "organisation", auth.Principal{}, []string{strange, neighbour, ofReceiving, ofSwitcher}, nil, others},
			[]guest{invited(integration(w, pair.Sending), w, "the sending employer's guest")}},
	}
	for _, operation := range slices.Sorted(maps.Keys(prepare)) {
		fresh, p := furnish(w, "eigen")
		prepared[operation] = prepare[operation](w, fresh, p)
	}
	for _, furnish := range more {
		furnish(w)
	}
	behind := map[string][]string{}
	for _, table := range s.tables {
		behind[table.Name] = table.behind
	}
	for _, by := range uninvited {
		prey := map[string][]string{}
		for prefix, theirs := range by.prey {
			prey[prefix] = []string{theirs}
		}
		for _, g := range by.guests {
			for _, i := range intrusions(t, h.App.Routes(), g, prey) {
				a := &assault{Name: fmt.Sprintf("%s %s for %s as %s", g.name, i.door, cmp.Or(i.asked, "its own"), i.accept), by: by.besieger, method: i.method, path: i.path, open: &i}
				a.reading = i.asked == ""
				before := written(t)
				listener.take()
				got := i.enter(h.App.Handler(), i.path)
				a.reach = reached(listener.take(), behind)
				if a.reading || openly[i.door] != "" { // what is shown to whoever asks stays there, and shows no more; it holds times, which go by
					a.told = func(got replied) string { return fmt.Sprint(got.status) }
					a.want = a.told(got)
				} else {
					a.asked, a.want = []string{i.asked}, i.enter(h.App.Handler(), i.nobody).retold([]string{i.unasked})
				}
				require.Empty(t, a.red(got), "%s: %s", a.Name, a.path)
				require.Less(t, got.status, 500, a.Name)
				require.Equal(t, before, written(t), "%s wrote something", a.Name)
				s.public = append(s.public, a)
			}
		}
	}
	for _, by := range besiegers {
		token, err := h.App.Tokens.Sign(by.who, h.Clock.Now())
		require.NoError(t, err)
		seen := map[string]bool{}
		for _, o := range operations(t) {
			if exempt[o.ID] != "" && by.kind != "operator" || o.Permission == auth.Public || o.Permission != auth.Self && !by.who.May(o.Permission) {
				continue
			}
			mine := by.sides
			if p := prepared[o.ID]; p != nil && by.kind == "tenant" {
				mine = []ids{p}
			}
			try := func(a assault) {
				if key := a.method + a.path + a.body; !seen[key] {
					seen[key] = true
					before := written(t)
					listener.take()
					decided()
					got := send(h.App.Handler(), token, a.method, a.path, a.body)
					a.by, a.reach, a.met = by, reached(listener.take(), behind), decided()
					if a.reading {
						a.want = got.retold(nil)
						require.Equal(t, a.want, send(h.App.Handler(), token, a.method, a.path, a.body).retold(nil), "%s: what answers otherwise each time cannot be judged", a.Name)
					}
					require.Empty(t, a.red(got), "%s: %s %s %s", a.Name, a.method, a.path, a.body)
					require.Less(t, got.status, 500, a.Name)
					require.Equal(t, before, written(t), "%s wrote something", a.Name)
					s.assaults = append(s.assaults, &a)
				}
			}
			if o.Method == http.MethodGet {
				for _, side := range mine { // what the other side shows, too
					path, _ := o.fill(side, side, nil, "")
					try(assault{Name: by.name + " " + o.ID, method: o.Method, path: path, reading: true})
				}
			}
			for _, at := range o.places() {
				theirs := by.prey[at.Prefix]
				if theirs == "" {
					continue
				}
				for _, side := range mine {
					nobody := random(at.Prefix)
					path, body := o.fill(mine[0], side, &at, nobody)
					want := send(h.App.Handler(), token, o.Method, path, body).retold([]string{nobody})
					path, body = o.fill(mine[0], side, &at, theirs)
					try(assault{Name: by.name + " " + o.ID + " " + at.In + " " + at.Name, method: o.Method, path: path, body: body, asked: []string{theirs}, want: want})
				}
			}
			if len(o.InPath) > 1 { // what is theirs below what is theirs
				nobodies := ids{}
				var asked, theirs []string
				for _, prefix := range o.InPath {
					nobodies[prefix] = random(prefix)
					asked, theirs = append(asked, nobodies[prefix]), append(theirs, by.prey[prefix])
				}
				path, body := o.fill(nobodies, mine[0], nil, "")
				want := send(h.App.Handler(), token, o.Method, path, body).retold(asked)
				path, body = o.fill(by.prey, mine[0], nil, "")
				try(assault{Name: by.name + " " + o.ID + " whole path", method: o.Method, path: path, body: body, asked: theirs, want: want})
			}
		}
	}
	// What only reads comes first: it leaves the copy as it was.
	for _, all := range [][]*assault{s.assaults, s.public} {
		slices.SortStableFunc(all, func(a, b *assault) int {
			return strings.Compare(fmt.Sprint(a.method != http.MethodGet), fmt.Sprint(b.method != http.MethodGet))
		})
	}
	return s
}

// table is one table that keeps tenants apart, with its policies and what the app role may do there.
type table struct {
	Name, Class string
	Commands    []string // that the app role was granted
	Policies    []policy
	behind      []string // tables that its policies read
}

// policy is one row of pg_policies.
type policy struct {
	Name       string
	Permissive bool
	Command    string // all, select, insert, update or delete
	Using      *string
	Check      *string
}

// guarded reads the catalogue.
func guarded(t *testing.T, q queryer) []table {
	t.Helper()
	rows, err := q.Query(context.Background(), `select jsonb_build_object('Name', c.relname, 'Class', substring(obj_description(c.oid, 'pg_class') from '^class: ([a-z]+)$'),
		'Commands', (select coalesce(jsonb_agg(lower(p) order by p), '[]') from unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE']) p where has_table_privilege('switchboard_app', c.oid, p)),
		'Policies', (select coalesce(jsonb_agg(jsonb_build_object('Name', polname, 'Permissive', polpermissive,
			'Command', case polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
			'Using', pg_get_expr(polqual, polrelid), 'Check', pg_get_expr(polwithcheck, polrelid)) order by polname), '[]') from pg_policy where polrelid = c.oid))
		from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.relname <> 'schema_migrations' order by c.relname`)
	require.NoError(t, err)
	found, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	require.NoError(t, err)
	out := make([]table, len(found))
	known := map[string]int{}
	for i, b := range found {
		require.NoError(t, json.Unmarshal(b, &out[i]))
		known[out[i].Name] = i
	}
	for i := range out {
		var look func(int)
		look = func(at int) {
			for _, p := range out[at].Policies {
				if p.Using == nil {
					continue
				}
				for _, word := range aWord.FindAllString(*p.Using, -1) {
					if n, ok := known[word]; ok && n != i && !slices.Contains(out[i].behind, word) {
						out[i].behind = append(out[i].behind, word)
						look(n)
					}
				}
			}
		}
		look(i)
	}
	return out
}

// The siege of the tables themselves: whatever the program sent, a transaction of some scope reads and changes no row but
// its own. It goes over every table of the catalogue, in a database without constraints, where each table holds four rows:
// the caller's own, that of a colleague at the same employer, that of another employer of the tenant, and that of another
// tenant whose employer and employee have the very same ids.

// owner is whose row it is.
type owner struct{ name, tenant, organisation, medewerker, other string }

var owners = func() []owner {
	u := func(n int) string { return uuid.UUID{0: 1, 6: 0x70, 8: 0x80, 15: byte(n)}.String() }
	return []owner{
		{"own", u(1), u(3), u(5), u(8)},
		{"colleague", u(1), u(3), u(6), u(9)},
		{"neighbour", u(1), u(4), u(7), u(10)},
		{"stranger", u(2), u(3), u(5), u(11)},
	}
}()

// scope is what a transaction says it is.
type scope struct{ name, tenant, kind, organisation, medewerker string }

// scopes are what a transaction can say it is, and none of which may pass for another.
var scopes = []scope{
	{"no tenant", "", "tenant", "", ""},
	{"no scope", owners[0].tenant, "", owners[0].organisation, owners[0].medewerker},
	{"an unknown scope", owners[0].tenant, "planted", owners[0].organisation, owners[0].medewerker},
	{"tenant", owners[0].tenant, "tenant", "", ""},
	{"operator", owners[0].tenant, "operator", "", ""},
	{"organisation", owners[0].tenant, "organisation", owners[0].organisation, ""},
	{"medewerker", owners[0].tenant, "medewerker", owners[0].organisation, owners[0].medewerker},
}

// within says whose rows a scope may reach in a table with a command, by the class that the table declares; and how many of
// them it must reach at least: a siege in which nobody reaches anything proves nothing.
func within(tbl table, scope, command string) (whose []string, least int) {
	everybody := []string{"own", "colleague", "neighbour"}
	reads := 0
	if command == "select" {
		reads = 1
	}
	switch {
	case !slices.Contains([]string{"tenant", "operator", "organisation", "medewerker"}, scope):
		return nil, 0
	case tbl.Name == "tenants" && scope == "operator" && command == "select":
		return append(everybody, "stranger"), 4
	case scope == "tenant" || scope == "operator":
		return everybody, 3
	case tbl.Name == "tenants": // a bound caller reads its tenant's name and settings
		return map[string][]string{"select": everybody}[command], 3 * reads
	case tbl.Name == "idempotency_keys": // answers are kept under keys of the caller's own
		return everybody, 3
	case tbl.Class == "tenant" || tbl.Class == "personal" && scope == "organisation":
		return nil, 0
	case scope == "medewerker" && slices.Contains([]string{"medewerker", "personal", "pair"}, tbl.Class):
		return everybody[:1], reads
	case scope == "medewerker": // some are for an employer's people, some for those who speak for it
		return everybody[:2], 0
	case tbl.Class == "medewerker": // what an employer reads of its people's differs
		return everybody[:2], 0
	}
	return everybody[:2], 2 * reads
}

// keep is a database of nothing but tables and their policies.
type keep struct {
	*testkit.Database
	conn    *pgx.Conn                    // of who sees all, and takes the program's role for a statement
	columns map[string]string            // table → the columns that are written
	rows    map[string]map[string]string // table → owner → the row as JSON
	turned  map[string]map[string]string // table → owner → the SET that makes a row that owner's
	at      map[string]map[string]string // table → ctid → owner
}

// column is one column of a table, and whose ids it holds.
type column struct {
	Table, Name, Type, Whose string
	Said                     string // what a policy wants it to be
}

func (c column) value(o owner) any {
	u := map[string]string{"tenant": o.tenant, "organisation": o.organisation, "medewerker": o.medewerker}[c.Whose]
	if u == "" {
		u = o.other
	}
	switch c.Type {
	case "uuid":
		return u
	case "uuid[]":
		return []string{u}
	case "text[]":
		return []string{}
	case "boolean":
		return true
	case "integer", "bigint", "double precision", "smallint", "numeric":
		return 1
	case "date":
		return "2026-11-22"
	case "timestamp with time zone":
		return "2026-11-22T00:00:00Z"
	case "jsonb":
		return map[string]any{}
	case "bytea", "tsvector":
		return ""
	}
	if c.Said != "" && o.name == "own" {
		return c.Said
	}
	return neighbour
}

// keptRows ends the names of the partitions that strip makes.
const keptRows = "_kept"

// strip takes constraints and triggers from a copy, and lays the four rows into each table.
func strip(t *testing.T, d *testkit.Database) *keep {
	t.Helper()
	ctx := context.Background()
	k := &keep{Database: d, columns: map[string]string{}, rows: map[string]map[string]string{}, turned: map[string]map[string]string{}, at: map[string]map[string]string{}}
	rows, err := d.Super.Query(ctx, `with points as (select k.conrelid, u.here, k.confrelid::regclass::text as at from pg_constraint k, unnest(k.conkey, k.confkey) u(here, there)
			where k.contype = 'f' and u.there = (select attnum from pg_attribute where attrelid = k.confrelid and attname = 'id'))
		select c.relname::text, a.attname::text, format_type(a.atttypid, null), case
			when a.attname = 'tenant_id' or c.relname = 'tenants' and a.attname = 'id' then 'tenant'
			when a.attname ~ '(^|_)organisation_ids?$' or c.relname = 'organisations' and a.attname = 'id' or ('organisations') in (select at from points where conrelid = c.oid and here = attnum)
				then 'organisation'
			when a.attname ~ '(^|_)(medewerker|switcher|leercoach)_ids?$' or c.relname = 'medewerkers' and a.attname = 'id'
				or ('medewerkers') in (select at from points where conrelid = c.oid and here = attnum) then 'medewerker'
			when exists (select from pg_policy where polrelid = c.oid and pg_get_expr(polqual, polrelid) ~ ('\m' || attname || ' = \( SELECT cur_organisation')) then 'organisation'
			when exists (select from pg_policy where polrelid = c.oid and pg_get_expr(polqual, polrelid) ~ ('\m' || attname || ' = \( SELECT cur_medewerker')) then 'medewerker'
			else '' end, coalesce((select substring(pg_get_expr(polqual, polrelid) from '\m' || attname || ' = ''([a-z_]+)''::text') said from pg_policy
				where polrelid = c.oid order by said limit 1), '')
		from pg_class c join pg_attribute a on a.attrelid = c.oid where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
		and c.relname <> 'schema_migrations' and attnum > 0 and not attisdropped and attgenerated = '' order by 1, attnum`)
	require.NoError(t, err)
	columns, err := pgx.CollectRows(rows, pgx.RowToStructByPos[column])
	require.NoError(t, err)
	_, err = d.Super.Exec(ctx, `do $$ declare x record; begin
		for x in select i.inhrelid::regclass as part, i.inhparent::regclass as whole from pg_inherits i join pg_class c on c.oid = i.inhparent where c.relkind = 'p' loop
			execute format('alter table %s detach partition %s', x.whole, x.part); end loop;
		for x in select conrelid::regclass as tbl, conname from pg_constraint c join pg_class r on r.oid = conrelid where r.relnamespace = 'public'::regnamespace
				order by contype = 'f' desc loop
			execute format('alter table %s drop constraint %I', x.tbl, x.conname); end loop;
		for x in select indexrelid::regclass as idx from pg_index i join pg_class r on r.oid = indrelid where r.relnamespace = 'public'::regnamespace and indisunique loop
			execute format('drop index %s', x.idx); end loop;
		for x in select tgrelid::regclass as tbl, tgname from pg_trigger g join pg_class r on r.oid = tgrelid where r.relnamespace = 'public'::regnamespace and not tgisinternal loop
			execute format('drop trigger %I on %s', x.tgname, x.tbl); end loop;
		for x in select oid::regclass as tbl, relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'p' loop
			execute format('create table %I partition of %s default', x.relname || '`+keptRows+`', x.tbl); end loop;
		for x in select oid::regclass as tbl from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and relname <> 'schema_migrations' loop
			execute format('delete from %s', x.tbl); end loop;
		end $$`)
	require.NoError(t, err)
	of := map[string][]column{}
	for _, c := range columns {
		of[c.Table] = append(of[c.Table], c)
	}
	for name, columns := range of {
		var names []string
		for _, c := range columns {
			names = append(names, pgx.Identifier{c.Name}.Sanitize())
		}
		k.columns[name] = strings.Join(names, ", ")
		k.rows[name], k.turned[name], k.at[name] = map[string]string{}, map[string]string{}, map[string]string{}
		for _, o := range owners {
			row := map[string]any{}
			var turn []string
			for i, c := range columns {
				row[c.Name] = c.value(o)
				switch v := row[c.Name].(type) {
				case string:
					if c.Type == "uuid" {
						turn = append(turn, names[i]+" = '"+v+"'")
					}
				case []string:
					if c.Type == "uuid[]" {
						turn = append(turn, names[i]+" = '{"+v[0]+"}'")
					}
				}
			}
			b, err := json.Marshal(row)
			require.NoError(t, err)
			k.rows[name][o.name], k.turned[name][o.name] = string(b), strings.Join(turn, ", ")
			var ctid string
			require.NoError(t, d.Super.QueryRow(ctx, k.insert(name, o.name)+` returning ctid::text`).Scan(&ctid), "%s: %s", name, b)
			k.at[name][ctid] = o.name
		}
	}
	k.conn, err = pgx.Connect(ctx, d.SuperURL)
	require.NoError(t, err)
	return k
}

func (k *keep) insert(table, owner string) string {
	return fmt.Sprintf(`insert into %q (%s) select %s from jsonb_populate_record(null::%q, '%s')`, table, k.columns[table], k.columns[table], table, k.rows[table][owner])
}

// try runs a statement on a table in a scope and takes it back: which rows it answered, whose rows are not as they were, and
// how it failed. The rows are looked at before it is taken back, by who sees all: what a statement says of itself, a count, does not
// say whose they were, and RETURNING would have the policy for reading decide too.
func (k *keep) try(s scope, table, statement string) (read, touched []string, err error) {
	ctx := context.Background()
	conn := k.conn.PgConn()
	results, err := conn.Exec(ctx, fmt.Sprintf(`begin; set local app.tenant_id = '%s'; set local app.scope = '%s'; set local app.organisation_id = '%s';
		set local app.medewerker_id = '%s'; set local role switchboard_app; %s; set local role none; select ctid::text from %q; rollback`,
		s.tenant, s.kind, s.organisation, s.medewerker, statement, table)).ReadAll()
	if err != nil {
		_, e := conn.Exec(ctx, "rollback").ReadAll()
		return nil, nil, errors.Join(err, e)
	}
	asked, left := results[len(results)-4], results[len(results)-2]
	for _, row := range asked.Rows {
		read = append(read, k.at[table][string(row[0])])
	}
	for ctid, o := range k.at[table] {
		if !slices.ContainsFunc(left.Rows, func(row [][]byte) bool { return string(row[0]) == ctid }) {
			touched = append(touched, o)
		}
	}
	slices.Sort(read)
	slices.Sort(touched)
	if n := asked.CommandTag.RowsAffected(); !asked.CommandTag.Insert() && n != int64(len(read)+len(touched)) {
		return nil, nil, fmt.Errorf("it says that it reached %d rows, and reached those of %v", n, append(read, touched...))
	}
	return read, touched, nil
}

// red tries a command on a table in every scope, and says what a scope could do that it must not, or could not and must.
// Only what nothing but constants goes into is tried: such a statement reads no column, so the policy for reading does not
// stand in for the others.
func (k *keep) red(tbl table, command string) string {
	for _, s := range scopes {
		whose, least := within(tbl, s.name, command)
		try := func(statement string) (read, touched []string, err error) { return k.try(s, tbl.Name, statement) }
		wrong := func(format string, args ...any) string {
			return fmt.Sprintf("%s of %s in scope %s: ", command, tbl.Name, s.name) + fmt.Sprintf(format, args...)
		}
		reached := func(did string, those []string) string {
			for _, o := range those {
				if !slices.Contains(whose, o) {
					return wrong("%s the row of the %s", did, o)
				}
			}
			if len(those) < least {
				return wrong("%s the rows of %v alone, of %v", did, those, whose)
			}
			return ""
		}
		switch command {
		case "select":
			read, _, err := try(fmt.Sprintf(`select ctid::text from %q`, tbl.Name))
			if err != nil {
				return wrong("%v", err)
			}
			if red := reached("reads", read); red != "" {
				return red
			}
		case "insert":
			for _, o := range owners {
				_, _, err := try(k.insert(tbl.Name, o.name))
				switch may := slices.Contains(whose, o.name); {
				case may && least == 3 && err != nil:
					return wrong("does not write a row of the %s: %v", o.name, err)
				case !may && err == nil:
					return wrong("writes a row of the %s", o.name)
				case !may && !denied(err):
					return wrong("%v", err)
				}
			}
		case "update", "delete":
			statement := fmt.Sprintf(`delete from %q`, tbl.Name)
			if command == "update" {
				statement = fmt.Sprintf(`update %q set tenant_id = '%s'`, tbl.Name, owners[0].tenant)
			}
			_, touched, err := try(statement)
			if err != nil {
				return wrong("%v", err)
			}
			if red := reached(command+"s", touched); red != "" {
				return red
			}
			if command == "delete" {
				continue
			}
			for _, to := range owners {
				if slices.Contains(whose, to.name) {
					continue
				}
				_, touched, err := try(fmt.Sprintf(`update %q set %s`, tbl.Name, k.turned[tbl.Name][to.name]))
				if err == nil && len(touched) > 0 {
					return wrong("makes the row of the %s the %s's", touched[0], to.name)
				}
				if err != nil && !denied(err) {
					return wrong("%v", err)
				}
			}
		}
	}
	return ""
}

// denied reports whether row-level security said no.
func denied(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "42501"
}
