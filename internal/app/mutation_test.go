package app_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// The mutation gate takes away one thing that keeps callers apart, and attacks: a policy, or what it says for one command;
// a route's permission; a cell of the table of permissions; the binding of a token. An attack must find it. What is taken
// away is read from the catalogue, the table of routes and the table of permissions, so a new table, route or role is here
// by itself. docs/house.md says how to read a survivor.

// equivalent are the mutants that change nothing that anybody could observe, and why. One that an attack finds after all, or
// that is not there any more, does not belong here.
var equivalent = []equivalence{
	{`^policy/.*/moving/`, mutant.nobody, "what a changed row may become is asked of rows that USING lets through, and it lets none through for these callers"},
	{`^policy/tenants/binding/(insert|update|moving)/true$`, nil,
		"settings_insert and settings_update refuse bound callers and unknown scopes too: of binding only what is read counts"},
	{`^permission/role/.*/(employer|switcher|leercoach)$`, func(m mutant) bool { return m.grant.Binding == auth.Unbound },
		"a role that is always bound never holds what is for unbound callers: auth.Effective leaves it out of every token"},
	{`^binding/permission/`, func(m mutant) bool {
		return m.grant.Binding == auth.Unbound && !m.grant.Integrable && !slices.Contains(m.grant.Roles, auth.Viewer)
	}, "no client that is bound could hold it: none of its roles can be bound, and integration is not given it"},
	{`^policy/idempotency_keys/binding/moving/true$`, nil, "USING refuses callers without a known scope, and this check lets all others be"},
}

// nobody reports whether USING lets no row through for the callers whom a weaker check lets do more.
func (m mutant) nobody() bool {
	if m.policy.Permissive || m.policy.Using == nil {
		return false
	}
	refuses := func(kind string) bool {
		return strings.Contains(*m.policy.Using, "WHEN '"+kind+"'::text THEN false\n") || !strings.Contains(*m.policy.Using, "'"+kind+"'::text")
	}
	if m.kind == "" {
		return refuses("organisation") && refuses("medewerker")
	}
	return refuses(m.kind)
}

// equivalence says of some mutants why nobody could observe them.
type equivalence struct {
	mutants string            // a regular expression over their names
	when    func(mutant) bool // nil: all of them
	why     string
}

// mutant is one thing taken away.
type mutant struct {
	name     string // policy/<table>/<policy>/<command>/<how>
	table    table
	policy   policy
	grant    auth.Grant // as it was
	command  string     // that it weakens: select, insert, update, moving (a row to another owner), delete; empty: all
	kind     string     // whose attacks can notice: tenant, organisation, medewerker; empty: everybody's
	ddl      string
	commands []string // to try on the table itself
}

// create says a policy for one command, with its conditions changed.
func (p policy) create(table, name, command string, using, check *string) string {
	kind := "restrictive"
	if p.Permissive {
		kind = "permissive"
	}
	out := fmt.Sprintf("create policy %q on %q as %s for %s", name, table, kind, command)
	if using != nil && command != "insert" {
		out += " using (" + *using + ")"
	}
	if check != nil && command != "select" && command != "delete" {
		out += " with check (" + *check + ")"
	}
	return out + "; "
}

// policyMutants takes each policy of a table away, and weakens it for each command that the app role has: to everybody, and
// where it binds, to every employer's callers and to every employee's.
func policyMutants(tbl table) []mutant {
	var out []mutant
	for _, p := range tbl.Policies {
		name := "policy/" + tbl.Name + "/" + p.Name + "/"
		drop := fmt.Sprintf("drop policy %q on %q; ", p.Name, tbl.Name)
		commands := tbl.Commands
		if p.Command != "all" {
			commands = slices.DeleteFunc(slices.Clone(commands), func(c string) bool { return c != p.Command })
		}
		if len(commands) == 0 {
			continue
		}
		out = append(out, mutant{name: name + "dropped", table: tbl, policy: p, ddl: drop, commands: commands})
		said := ""
		for _, e := range []*string{p.Using, p.Check} {
			if e != nil {
				said += *e
			}
		}
		for _, how := range []string{"true", "organisation", "medewerker"} {
			if how != "true" && (p.Permissive || strings.Contains(said, "WHEN '"+how+"'::text THEN true\n")) {
				continue // a permissive policy names no binding; what lets all of them in already is no weaker
			}
			weaker := func(e *string) *string {
				w := "true"
				if e == nil {
					return nil
				}
				if how != "true" {
					w = "(" + *e + ") or (select cur_scope()) = '" + how + "'"
				}
				return &w
			}
			kind := map[string]string{"true": "", "organisation": "organisation", "medewerker": "medewerker"}[how]
			for _, weak := range []string{"select", "insert", "update", "moving", "delete"} {
				command := weak
				if weak == "moving" {
					command = "update"
				}
				if !slices.Contains(commands, command) {
					continue
				}
				ddl := drop
				for _, c := range commands {
					using, check := p.Using, p.Check
					if c == command {
						switch {
						case weak == "moving" || weak == "insert":
							check = weaker(check)
						default:
							using = weaker(using)
						}
						if c == "update" && check == nil {
							check = p.Using // as PostgreSQL reads a policy without one
						}
					}
					ddl += p.create(tbl.Name, p.Name+"_"+c, c, using, check)
				}
				out = append(out, mutant{name: name + weak + "/" + how, table: tbl, policy: p, command: weak, kind: kind, ddl: ddl, commands: []string{command}})
			}
		}
	}
	return out
}

// restore gives a table the policies that it had.
func restore(tbl table) string {
	out := fmt.Sprintf(`do $$ declare p record; begin for p in select polname from pg_policy where polrelid = '%s'::regclass loop
		execute format('drop policy %%I on %s', p.polname); end loop; end $$; `, tbl.Name, tbl.Name)
	for _, p := range tbl.Policies {
		out += p.create(tbl.Name, p.Name, p.Command, p.Using, p.Check)
	}
	return out
}

// field is where mutants are planted, one after the other: a copy of the furnished world behind its doors, and one of its
// tables alone.
type field struct {
	siege  *siege
	house  *testkit.House
	keep   *keep
	tokens map[*besieger]string
	signed time.Time

	written string // the rows that were written when the copy was made
}

// lay makes the copies that are not there.
func (g *field) lay(t *testing.T) {
	t.Helper()
	if g.keep == nil {
		g.keep = strip(t, g.siege.house.Copy(t))
	}
	if g.house == nil {
		g.house = g.siege.house.On(t, g.siege.house.Copy(t))
		g.tokens, g.written = nil, written(t, g.house.Database)
	}
	if g.tokens == nil || time.Since(g.signed) > auth.TokenLife/2 {
		g.tokens, g.signed = map[*besieger]string{}, time.Now()
	}
}

// end drops the copies.
func (g *field) end(t *testing.T) {
	t.Helper()
	if g.house != nil {
		g.house.App.DB.Close()
		g.house.Drop(t)
		g.house = nil
	}
	if g.keep != nil {
		require.NoError(t, g.keep.conn.Close(context.Background()))
		g.keep.Drop(t)
		g.keep = nil
	}
}

// token is a besieger's.
func (g *field) token(t *testing.T, by *besieger) string {
	t.Helper()
	if g.tokens[by] == "" {
		token, err := g.house.App.Tokens.Sign(by.who, g.house.Clock.Now())
		require.NoError(t, err)
		g.tokens[by] = token
	}
	return g.tokens[by]
}

// strike makes an attack again and says what is wrong with the answer.
func (g *field) strike(t *testing.T, h http.Handler, a *assault) string {
	t.Helper()
	var got replied
	if a.open != nil {
		got = a.open.enter(h, a.path)
	} else {
		got = send(h, g.token(t, a.by), a.method, a.path, a.body)
	}
	red := a.red(got)
	if red == "" && a.method != http.MethodGet { // a refusal, all of them
		if now := written(t, g.house.Database); now != g.written {
			red = "wrote something: " + now
		}
	}
	if got.status >= http.StatusInternalServerError { // the database may refuse what nobody expected it to; nothing else may break
		for line := range strings.SplitSeq(g.house.Log.String(), "\n") {
			if strings.Contains(line, requestID.FindString(got.body)) {
				require.Contains(t, line, "sqlstate 42501", "%s", a.Name)
			}
		}
	}
	if red != "" {
		red = map[bool]string{false: "at a door: ", true: "at a public door: "}[a.open != nil] + a.Name + ": " + red
		if a.method != http.MethodGet { // who knows what it changed
			g.house.App.DB.Close()
			g.house.Drop(t)
			g.house = nil
		}
	}
	return red
}

// reaches reports whether an attack runs into what a mutant weakened. Reading what is left of an attack that nothing stops
// any more needs no further reach: up to the mutated policy it is the same attack.
func (m mutant) reaches(a *assault) bool {
	command := m.command
	switch command {
	case "":
		command = "select"
	case "moving":
		command = "update"
	}
	return a.reach[m.table.Name+" "+command] && (m.kind == "" || m.kind == a.by.kind)
}

// plant takes it away, attacks, and puts it back. It says what turned red, at a door or at the table itself; empty when
// nothing did; and what did at a public door, which is tried whatever others noticed. Attacks that leftOut names are not made.
func (g *field) plant(t *testing.T, m mutant, leftOut func(attack string) bool) (red, public string, made int) {
	t.Helper()
	ctx := context.Background()
	g.lay(t)
	for _, d := range []*testkit.Database{g.house.Database, g.keep.Database} {
		_, err := d.Super.Exec(ctx, m.ddl)
		require.NoError(t, err, m.ddl)
	}
	defer func() {
		back := []*testkit.Database{g.keep.Database}
		if g.house != nil {
			back = append(back, g.house.Database)
		}
		for _, d := range back {
			_, err := d.Super.Exec(ctx, restore(m.table))
			require.NoError(t, err)
		}
	}()
	first := func(all []*assault) string {
		for _, a := range all {
			if m.reaches(a) && !leftOut(a.Name) {
				made++
				if red := g.strike(t, g.house.App.Handler(), a); red != "" {
					return red
				}
			}
		}
		return ""
	}
	public = first(g.siege.public)
	if g.house == nil { // it was changed
		g.lay(t)
		_, err := g.house.Super.Exec(ctx, m.ddl)
		require.NoError(t, err)
	}
	if red = first(g.siege.assaults); red == "" {
		red = public
	}
	if red != "" {
		return red, public, made
	}
	for _, c := range m.commands {
		if leftOut("table " + c + " " + m.table.Name) {
			continue
		}
		made++
		if red := g.keep.red(m.table, c); red != "" {
			return "at the table: " + red, "", made
		}
	}
	return "", "", made
}

func nothing(string) bool { return false }

// gate counts what became of mutants, and judges survivors.
type gate struct {
	mu       sync.Mutex
	all      int
	killed   map[string]string
	survived map[string]bool
	met      map[int]bool // what of equivalent was there
	attacks  int
	public   map[string]int // how many mutants of each table public doors noticed
}

func newGate() *gate {
	return &gate{killed: map[string]string{}, survived: map[string]bool{}, met: map[int]bool{}, public: map[string]int{}}
}

// judge says what is wrong when nothing turned red for a mutant, or something did for one that is said to change nothing.
func (g *gate) judge(m mutant, red string, made int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.attacks += made
	known := slices.IndexFunc(equivalent, func(e equivalence) bool {
		return regexp.MustCompile(e.mutants).MatchString(m.name) && (e.when == nil || e.when(m))
	})
	if red == "" {
		g.survived[m.name] = true
	} else {
		g.killed[m.name] = red
	}
	if known >= 0 {
		g.met[known] = true
	}
	switch {
	case red == "" && known < 0:
		return fmt.Errorf("%s survived: it is taken away, and none of %d attacks notices (docs/house.md, The mutation gate)", m.name, made)
	case red != "" && known >= 0:
		return fmt.Errorf("%s is said to change nothing (%s), but an attack notices: %s", m.name, equivalent[known].why, red)
	}
	return nil
}

// opened counts what a public door noticed.
func (g *gate) opened(m mutant, red string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.public[m.table.Name] += 0; red != "" {
		g.public[m.table.Name]++
	}
}

// sum says what became of the mutants.
func (g *gate) sum() string {
	doors := 0
	for _, red := range g.killed {
		if strings.HasPrefix(red, "at a ") {
			doors++
		}
	}
	public := 0
	for _, n := range g.public {
		public += n
	}
	return fmt.Sprintf("%d mutants: %d noticed at a door, %d at the table itself, %d that change nothing; %d of them noticed at a public door; %d attacks",
		len(g.killed)+len(g.survived), doors, len(g.killed)-doors, len(g.survived), public, g.attacks)
}

// atDoors is how many mutants of each table, and of each other kind, were noticed at a door.
func (g *gate) atDoors() map[string]int {
	out := map[string]int{}
	for name, red := range g.killed {
		kind := strings.Join(strings.SplitN(name, "/", 3)[:2], "/") // policy/sites, permission/route
		if out[kind] += 0; strings.HasPrefix(red, "at a ") {
			out[kind]++
		}
	}
	for table, n := range g.public { // no floor where they notice nothing
		if n > 0 {
			out["public/"+table] = n
		}
	}
	return out
}

// belowFloor says where fewer are noticed at a door than were, what has no floor yet, and which floor is nothing's.
func belowFloor(floor, now map[string]int) []string {
	out := []string{}
	for kind, n := range now {
		if least, known := floor[kind]; !known {
			out = append(out, fmt.Sprintf("%s: %d mutants are noticed at a door, and it has no floor", kind, n))
		} else if n < least {
			out = append(out, fmt.Sprintf("%s: %d mutants are noticed at a door, which were %d", kind, n, least))
		}
	}
	for kind := range floor {
		if _, there := now[kind]; !there {
			out = append(out, kind+": nothing of that kind is taken away, or noticed, any more")
		}
	}
	slices.Sort(out)
	return out
}

var floors sync.Mutex // several tests hold their kinds in the one file

// noticedAtDoors holds that doors of the kinds that begin so notice as many mutants as noticed.golden says, or more. Each is noticed at
// the table too, so doors that lose all of theirs would turn nothing red.
func (g *gate) noticedAtDoors(t *testing.T, begin ...string) {
	t.Helper()
	floors.Lock()
	defer floors.Unlock()
	file := filepath.Join("testdata", "noticed.golden")
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	mine := func(kind string) bool {
		return slices.ContainsFunc(begin, func(b string) bool { return strings.HasPrefix(kind, b) })
	}
	floor, now := map[string]int{}, g.atDoors()
	var lines []string
	for line := range strings.Lines(string(b)) {
		var kind string
		var n int
		_, err := fmt.Sscanf(line, "%s %d", &kind, &n)
		require.NoError(t, err, line)
		if mine(kind) {
			floor[kind] = n
		} else {
			lines = append(lines, line)
		}
	}
	if *update {
		for kind, n := range now {
			lines = append(lines, fmt.Sprintf("%s %d\n", kind, n))
		}
		slices.Sort(lines)
		require.NoError(t, os.WriteFile(file, []byte(strings.Join(lines, "")), 0o644))
		return
	}
	require.Empty(t, belowFloor(floor, now), "read why, and if it must be so: go test ./internal/app -run '^%s$' -update", t.Name())
}

// whole reports whether all mutants were planted: -run may have chosen some.
func (g *gate) whole() bool { return len(g.killed)+len(g.survived) == g.all }

// known holds that what is said to be equivalent is there, of the mutants that begin so.
func (g *gate) known(t *testing.T, begin ...string) {
	t.Helper()
	for i, e := range equivalent {
		if slices.ContainsFunc(begin, func(b string) bool { return strings.HasPrefix(e.mutants, b) }) {
			require.True(t, g.met[i], "no mutant is as %s says any more: %s", e.mutants, e.why)
		}
	}
}

// fields are as many as mutants are planted at once.
func fields(t *testing.T, s *siege) chan *field {
	t.Helper()
	n := min(runtime.GOMAXPROCS(0), 4)
	pool := make(chan *field, n)
	for range n {
		g := &field{siege: s}
		pool <- g
		t.Cleanup(func() { g.end(t) })
	}
	return pool
}

// lifted are the bindings of a token, each taken away where it becomes a principal.
var lifted = map[string]func(*auth.Principal, *siege){
	"organisation": func(p *auth.Principal, _ *siege) {
		if p.MedewerkerID == nil {
			p.OrganisationID = nil
		}
	},
	"medewerker": func(p *auth.Principal, _ *siege) { p.MedewerkerID = nil },
	"both":       func(p *auth.Principal, _ *siege) { p.OrganisationID, p.MedewerkerID = nil, nil },
	"tenant": func(p *auth.Principal, s *siege) {
		if p.Role == auth.PartnerAdmin {
			p.TenantID = s.stranger
		}
	},
}

func TestMutation(t *testing.T) {
	t.Parallel()
	s := besiege(t)
	pool := fields(t, s)
	g := newGate()
	t.Run("policy", func(t *testing.T) {
		for _, tbl := range s.tables {
			mutants := policyMutants(tbl)
			g.all += len(mutants)
			t.Run(tbl.Name, func(t *testing.T) {
				t.Parallel()
				f := <-pool
				defer func() { pool <- f }()
				for _, m := range mutants {
					t.Run(strings.TrimPrefix(m.name, "policy/"+tbl.Name+"/"), func(t *testing.T) {
						red, public, made := f.plant(t, m, nothing)
						g.opened(m, public)
						require.NoError(t, g.judge(m, red, made))
						t.Logf("%s: %s", m.name, red)
						if public != "" && public != red {
							t.Log(public)
						}
					})
				}
			})
		}
	})
	f := <-pool
	f.lay(t)
	t.Run("binding/token", func(t *testing.T) {
		for name, lifted := range lifted {
			g.all++
			t.Run(name, func(t *testing.T) {
				f.lay(t)
				h := doors(t, f.house, f.house.App.Routes(), func(p auth.Principal) auth.Principal { lifted(&p, f.siege); return p })
				red, made := "", 0
				for _, a := range s.assaults {
					if made++; red == "" && a.method == http.MethodGet {
						red = f.strike(t, h, a)
					}
				}
				require.NoError(t, g.judge(mutant{name: "binding/token/" + name}, red, made))
				t.Log(red)
			})
		}
	})
	t.Log(g.sum())
	if !g.whole() {
		return
	}
	g.known(t, "^policy/")
	g.noticedAtDoors(t, "policy/", "public/", "binding/token")
	f.lay(t)
	t.Run("with an attack left out", func(t *testing.T) { f.leavesOut(t) })
	f.lay(t)
	t.Run("at a public door alone", func(t *testing.T) { f.needsPublicDoors(t) })
	pool <- f
	for range cap(pool) {
		f := <-pool
		t.Run("taken back", func(t *testing.T) {
			t.Parallel()
			f.isAsItWas(t)
		})
	}
}

// isAsItWas holds that every mutant was taken back: the policies are as they were, no row was written, and nothing is red.
func (g *field) isAsItWas(t *testing.T) {
	t.Helper()
	g.lay(t)
	for _, d := range []*testkit.Database{g.house.Database, g.keep.Database} {
		require.Equal(t, g.siege.tables, slices.DeleteFunc(guarded(t, d.Super), func(tbl table) bool { return strings.HasSuffix(tbl.Name, keptRows) }))
	}
	require.Equal(t, g.written, written(t, g.house.Database))
	for _, a := range slices.Concat(g.siege.assaults, g.siege.public) {
		require.Empty(t, g.strike(t, g.house.App.Handler(), a))
	}
	for _, tbl := range g.siege.tables {
		for _, c := range tbl.Commands {
			require.Empty(t, g.keep.red(tbl, c))
		}
	}
}

// leavesOut proves that the gate needs its attacks: for one mutant of each kind, what noticed it is left out until nothing
// does any more, and then the gate fails.
func (g *field) leavesOut(t *testing.T) {
	for _, name := range []string{"policy/surveys/binding/select/organisation", "policy/audit/binding/insert/organisation", "policy/sites/tenant/dropped",
		"policy/leerplekken/binding_update/dropped", "policy/match_notes/binding/select/true"} {
		var m mutant
		for _, tbl := range g.siege.tables {
			for _, one := range policyMutants(tbl) {
				if one.name == name {
					m = one
				}
			}
		}
		require.Equal(t, name, m.name)
		out := map[string]bool{}
		for {
			red, _, made := g.plant(t, m, func(attack string) bool { return out[attack] })
			if red == "" {
				require.ErrorContains(t, newGate().judge(m, red, made), "survived")
				break
			}
			require.NoError(t, newGate().judge(m, red, made))
			at := "table " + m.commands[0] + " " + m.table.Name
			if rest, door := strings.CutPrefix(strings.Replace(red, "at a public door: ", "at a door: ", 1), "at a door: "); door {
				at, _, _ = strings.Cut(rest, ": ")
			} else {
				for _, c := range m.commands {
					if strings.HasPrefix(red, "at the table: "+c+" of") {
						at = "table " + c + " " + m.table.Name
					}
				}
			}
			require.False(t, out[at], "%s was left out: %s", at, red)
			out[at] = true
		}
		require.NotEmpty(t, out, name)
		t.Logf("%s survives without %d attacks", name, len(out))
	}
}

// needsPublicDoors proves that who has no token is an attacker too: with all others left out a policy that lets an employer's callers see all
// of the tenant's endpoints is noticed at the console, and one that lets nobody in at the links of surveys and certificates; without
// these nothing notices.
func (g *field) needsPublicDoors(t *testing.T) {
	public := map[string]bool{}
	for _, a := range g.siege.public {
		public[a.Name] = true
	}
	all := map[string]mutant{}
	for _, tbl := range g.siege.tables {
		for _, m := range policyMutants(tbl) {
			all[m.name] = m
		}
	}
	for name, who := range map[string]string{
		"policy/webhook_endpoints/binding/dropped":             "the sending employer's guest GET /console/:token for its own",
		"policy/webhook_endpoints/binding/select/organisation": "the sending employer's guest GET /console/:token for its own",
		"policy/surveys/tenant/dropped":                        "whoever has the link to a survey GET /s/:token for its own",
		"policy/leerbewijzen/tenant/dropped":                   "anybody GET /check/:id for lbw_",
	} {
		m, there := all[name]
		require.True(t, there, name)
		red, at, made := g.plant(t, m, func(attack string) bool { return !public[attack] })
		require.Contains(t, red, "at a public door: "+who, name)
		require.Equal(t, red, at)
		require.NoError(t, newGate().judge(m, red, made))
		red, at, made = g.plant(t, m, func(string) bool { return true })
		require.Empty(t, at)
		require.ErrorContains(t, newGate().judge(m, red, made), "survived")
	}
}

// What stands in equivalent is held to it.
func TestMutation_WhatChangesNothingIsHeldToIt(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, newGate().judge(mutant{name: "policy/tenants/binding/update/true"}, "at the table: update of tenants", 1), "said to change nothing")
	require.ErrorContains(t, newGate().judge(mutant{name: "policy/sites/binding/update/true"}, "", 7), "none of 7 attacks")
	require.NoError(t, newGate().judge(mutant{name: "policy/tenants/binding/update/true"}, "", 1))
}

// Doors that notice nothing any more are told, though every mutant is noticed at its table.
func TestMutation_DoorsThatNoticeLessAreTold(t *testing.T) {
	t.Parallel()
	g := newGate()
	for name, red := range map[string]string{
		"policy/sites/tenant/dropped": "at a door: getSite", "policy/sites/binding/select/true": "at the table: select of sites",
		"policy/matches/tenant/dropped": "at the table: select of matches", "policy/new/tenant/dropped": "at the table: select of new",
	} {
		require.NoError(t, g.judge(mutant{name: name}, red, 1))
	}
	require.Equal(t, map[string]int{"policy/sites": 1, "policy/matches": 0, "policy/new": 0}, g.atDoors())
	require.Equal(t, []string{"policy/gone: nothing of that kind is taken away, or noticed, any more", "policy/matches: 0 mutants are noticed at a door, which were 2",
		"policy/new: 0 mutants are noticed at a door, and it has no floor"}, belowFloor(map[string]int{"policy/sites": 1, "policy/matches": 2, "policy/gone": 3}, g.atDoors()))
	require.Empty(t, belowFloor(map[string]int{"policy/sites": 0}, map[string]int{"policy/sites": 1}), "more is no fault")
	g = newGate()
	g.opened(mutant{table: table{Name: "sites"}}, "at a public door: anybody")
	g.opened(mutant{table: table{Name: "sites"}}, "")
	require.Equal(t, map[string]int{"public/sites": 1}, g.atDoors())
	g = newGate()
	g.opened(mutant{table: table{Name: "sites"}}, "")
	require.Equal(t, []string{"public/sites: nothing of that kind is taken away, or noticed, any more"}, belowFloor(map[string]int{"public/sites": 1}, g.atDoors()))
}

// A table that forgets what keeps callers apart is besieged like any other, without anybody naming it.
func TestMutation_ANewTableIsBesieged(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	d := testkit.NewDatabase(t)
	const columns = `(like platform.row including all, id uuid not null, organisation_id uuid not null, name text not null check (name <> ''), primary key (tenant_id, id))`
	for name, plant := range map[string]string{
		"without_policies":  `grant select, insert, update, delete on without_policies to switchboard_app; comment on table without_policies is 'class: organisation'`,
		"without_a_binding": `call platform.isolate('without_a_binding', 'organisation', org => 'organisation_id = (select cur_organisation())'); drop policy binding on without_a_binding`,
		"for_everybody":     `call platform.isolate('for_everybody', 'organisation', org => 'true')`,
		"by_the_wrong_id":   `call platform.isolate('by_the_wrong_id', 'organisation', org => 'tenant_id = (select cur_tenant())')`,
		"of_nobody":         `call platform.isolate('of_nobody', 'organisation', org => 'organisation_id = (select cur_medewerker())')`,
		"without_a_tenant":  `call platform.isolate('without_a_tenant', 'tenant'); create policy more on without_a_tenant for select using (name <> '')`,
		"of_the_others": `call platform.isolate('of_the_others', 'organisation', org => 'organisation_id = (select cur_organisation())'); drop policy binding on of_the_others;
			create policy binding on of_the_others as restrictive for update using ((select cur_scope()) in ('tenant', 'operator') or (select cur_scope()) = 'organisation'
			and name = '` + neighbour + `' and organisation_id <> (select cur_organisation())); revoke select, insert, delete on of_the_others from switchboard_app`,
		"as_it_should_be": `call platform.isolate('as_it_should_be', 'organisation', org => 'organisation_id = (select cur_organisation())')`,
	} {
		_, err := d.Super.Exec(ctx, `set role switchboard_owner; create table `+name+` `+columns+`; `+plant+`; reset role`)
		require.NoError(t, err)
	}
	all := guarded(t, d.Super)
	k := strip(t, d)
	t.Cleanup(func() { require.NoError(t, k.conn.Close(ctx)) })
	for _, tbl := range all {
		var red []string
		for _, c := range tbl.Commands {
			if r := k.red(tbl, c); r != "" {
				red = append(red, r)
			}
		}
		switch tbl.Name {
		case "without_policies", "without_a_binding", "for_everybody", "by_the_wrong_id", "of_nobody", "without_a_tenant", "of_the_others":
			require.NotEmpty(t, red, tbl.Name)
			if tbl.Name == "of_the_others" { // as many rows as may be, and they are not the caller's
				require.Equal(t, []string{"update of of_the_others in scope organisation: updates the row of the neighbour"}, red)
			}
			t.Log(red)
		default:
			require.Empty(t, red, tbl.Name)
		}
	}
}

// A route that forgets its permission is noticed, whether it is new or was changed.
func TestMutation_ANewRouteIsKnockedAt(t *testing.T) {
	t.Parallel()
	w := testkit.Apart(t, nil).Tenant(t)
	k := newKnock(t, w)
	planted := web.Get("/v1/planted", auth.Self, func(context.Context, *db.Tx, struct{}) (web.None, error) { return web.None{}, nil })
	red, _ := k.red(t, doors(t, w.House, []web.Route{planted}, asItIs), planted, everyone)
	require.Contains(t, red, "is nobody's in access.golden")
	changed := web.Get("/v1/clients", "organisation:read", func(context.Context, *db.Tx, struct{}) (web.None, error) { return web.None{}, nil })
	red, _ = k.red(t, doors(t, w.House, []web.Route{changed}, asItIs), changed, everyone)
	require.Contains(t, red, "lets")
}

// Who may call what, by what a token is: the table of permissions as a caller meets it.

// bearer is what a token can be.
type bearer struct {
	name  string
	role  auth.Role
	bound bool
}

var standings = []bearer{
	{"operator", auth.Operator, false}, {"partner_admin", auth.PartnerAdmin, false}, {"coordinator", auth.Coordinator, false},
	{"employer", auth.Employer, true}, {"switcher", auth.Switcher, true}, {"leercoach", auth.Leercoach, true},
	{"viewer", auth.Viewer, false}, {"viewer(bound)", auth.Viewer, true},
	{"integration", auth.Integration, false}, {"integration(bound)", auth.Integration, true},
}

// granted reports whether such a token can carry a permission; integration is given that one alone.
func (s bearer) granted(p auth.Permission) bool {
	return p == auth.Self || slices.Contains(auth.Effective(s.role, []auth.Permission{p}, s.bound), p)
}

// guardedRoutes are those that ask for a token.
func guardedRoutes(all []web.Route) []web.Route {
	return slices.DeleteFunc(slices.Clone(all), func(r web.Route) bool { return r.Permission == auth.Public })
}

// Every role is here: who adds one says how its tokens are bound.
func TestRoutes_WhoMayCallWhat(t *testing.T) {
	t.Parallel()
	for _, role := range auth.Roles {
		require.True(t, slices.ContainsFunc(standings, func(s bearer) bool { return s.role == role }), "%s has no standing", role)
	}
	var lines []string
	for _, r := range guardedRoutes(routes()) {
		line := fmt.Sprintf("%-6s %-74s %-28s", r.Method, r.Path, r.Permission)
		for _, s := range standings {
			if s.granted(r.Permission) {
				line += " " + s.name
			}
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	golden(t, "access.golden", strings.Join(lines, "\n")+"\n")
}

// accessible reads the golden table: METHOD path → the permission and the standings.
func accessible(t *testing.T) map[string][]string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "access.golden"))
	require.NoError(t, err)
	out := map[string][]string{}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		out[f[0]+" "+f[1]] = f[2:]
	}
	return out
}

// knock asks at doors with tokens of every standing.
type knock struct {
	house   *testkit.House
	who     map[string]auth.Principal // by standing
	allowed map[string][]string
	path    map[string]string // METHOD path → a path with ids that nobody has
}

func newKnock(t *testing.T, w *testkit.World) *knock {
	t.Helper()
	k := &knock{house: w.House, who: map[string]auth.Principal{}, allowed: accessible(t), path: map[string]string{}}
	p := w.Pair()
	for _, s := range standings {
		switch {
		case auth.MustBind(s.role) == "medewerker":
			k.who[s.name] = w.Client(s.role, &p.Sending, &p.Switcher).Principal
		case s.bound:
			k.who[s.name] = w.Client(s.role, &p.Sending, nil, "organisation:read").Principal
		default:
			k.who[s.name] = w.Client(s.role, nil, nil, "organisation:read").Principal
		}
	}
	for _, o := range operations(t) {
		nobody := ids{}
		for _, prefix := range o.InPath {
			nobody[prefix] = random(prefix)
		}
		path, _ := o.fill(nobody, nil, nil, "")
		k.path[o.Method+" "+braces.ReplaceAllString(o.Path, ":$1")] = path
	}
	return k
}

var braces = regexp.MustCompile(`\{([a-z_]+)\}`)

// lets reports whether a door lets a token in that carries some permissions. What it is sent cannot be read, and what it is
// asked about is not there: nothing changes.
func (k *knock) lets(t *testing.T, h http.Handler, r web.Route, s bearer, scopes []auth.Permission) (bool, replied) {
	t.Helper()
	p := k.who[s.name]
	p.Scopes = scopes
	token, err := k.house.App.Tokens.Sign(p, k.house.Clock.Now())
	require.NoError(t, err)
	path := k.path[r.Method+" "+r.Path]
	if path == "" {
		path = r.Path
	}
	got := send(h, token, r.Method, path, "{")
	return got.status != http.StatusForbidden, got
}

// red tries a door with every standing, and with all that integration can hold but the one permission that it takes.
func (k *knock) red(t *testing.T, h http.Handler, r web.Route, among func(bearer) bool) (red string, made int) {
	t.Helper()
	row := k.allowed[r.Method+" "+r.Path]
	if row == nil {
		return r.Method + " " + r.Path + " is nobody's in access.golden", 0
	}
	asks := auth.Permission(row[0])
	for _, s := range standings {
		if !among(s) {
			continue
		}
		made++
		may := slices.Contains(row[1:], s.name)
		if in, got := k.lets(t, h, r, s, auth.Effective(s.role, []auth.Permission{asks}, s.bound)); in != may {
			return fmt.Sprintf("at a door: %s %s lets %s in: %v, and not %v: %d %.100s", r.Method, r.Path, s.name, in, may, got.status, got.body), made
		}
		if s.role != auth.Integration || asks == auth.Self {
			continue
		}
		made++
		var rest []auth.Permission
		for _, g := range auth.Grants {
			if g.Permission != asks {
				rest = append(rest, g.Permission)
			}
		}
		if in, _ := k.lets(t, h, r, s, auth.Effective(s.role, rest, s.bound)); in {
			return fmt.Sprintf("at a door: %s %s lets %s in without %s", r.Method, r.Path, s.name, asks), made
		}
	}
	return "", made
}

func everyone(bearer) bool { return true }

// doors serves some routes of a house, with a token read as authenticate says.
func doors(t *testing.T, h *testkit.House, routes []web.Route, read func(auth.Principal) auth.Principal) http.Handler {
	t.Helper()
	s, err := web.New(web.Config{DB: h.App.DB, PublicURL: testkit.PublicURL, Log: slog.New(slog.DiscardHandler),
		ClientLimit: web.Limit{Requests: 1_000_000, Window: time.Second}, PublicLimit: web.Limit{Requests: 1_000_000, Window: time.Second},
		Authenticate: func(ctx context.Context, token string) (auth.Principal, error) {
			p, err := h.App.Access.Authenticator.Authenticate(ctx, token)
			return read(p), err
		}}, routes)
	require.NoError(t, err)
	return s.Handler()
}

func asItIs(p auth.Principal) auth.Principal { return p }

// A route without its permission lets any token in.
func TestMutation_Routes(t *testing.T) {
	t.Parallel()
	w := testkit.Apart(t, nil).Tenant(t)
	k := newKnock(t, w)
	g := newGate()
	for _, r := range guardedRoutes(w.App.Routes()) {
		red, _ := k.red(t, doors(t, w.House, []web.Route{r}, asItIs), r, everyone)
		require.Empty(t, red, "before anything is taken away")
		if r.Permission == auth.Self {
			continue
		}
		g.all++
		m := mutant{name: "permission/route/" + r.Method + " " + r.Path}
		t.Run(m.name, func(t *testing.T) {
			r.Permission = auth.Self
			red, made := k.red(t, doors(t, w.House, []web.Route{r}, asItIs), r, everyone)
			require.NoError(t, g.judge(m, red, made))
		})
	}
	t.Log(g.sum())
	if g.whole() {
		g.noticedAtDoors(t, "permission/route")
	}
}

// A cell of the table of permissions that is another one: a role has what it lacks, or lacks what it has; integration may be
// given what it may not; callers who are bound hold what is for others. It changes the table of the whole process, so it
// runs while no other test does.
func TestMutation_Grants(t *testing.T) {
	w := testkit.Apart(t, nil).Tenant(t)
	k := newKnock(t, w)
	g := newGate()
	by := map[auth.Permission][]web.Route{}
	for _, r := range guardedRoutes(w.App.Routes()) {
		by[r.Permission] = append(by[r.Permission], r)
	}
	plant := func(name string, i int, among func(bearer) bool, change func(*auth.Grant)) {
		g.all++
		t.Run(name, func(t *testing.T) {
			before := auth.Grants[i]
			defer func() { auth.Grants[i] = before }()
			change(&auth.Grants[i])
			red, made := "", 0
			for _, r := range by[before.Permission] {
				var n int
				if red, n = k.red(t, w.App.Handler(), r, among); red != "" {
					made += n
					break
				}
				made += n
			}
			require.NoError(t, g.judge(mutant{name: name, grant: before}, red, made))
		})
	}
	for i, grant := range auth.Grants {
		for _, role := range auth.Roles {
			of := func(s bearer) bool { return s.role == role }
			if role == auth.Integration {
				plant("permission/role/"+string(grant.Permission)+"/"+string(role), i, of, func(g *auth.Grant) { g.Integrable = !g.Integrable })
				continue
			}
			plant("permission/role/"+string(grant.Permission)+"/"+string(role), i, of, func(g *auth.Grant) {
				if slices.Contains(g.Roles, role) {
					g.Roles = slices.DeleteFunc(slices.Clone(g.Roles), func(r auth.Role) bool { return r == role })
				} else {
					g.Roles = append(slices.Clone(g.Roles), role)
				}
			})
		}
		plant("binding/permission/"+string(grant.Permission), i, everyone, func(g *auth.Grant) {
			g.Binding = map[auth.Binding]auth.Binding{auth.AnyBinding: auth.Unbound, auth.Unbound: auth.AnyBinding}[g.Binding]
		})
	}
	t.Log(g.sum())
	if g.whole() {
		g.known(t, "^permission/", "^binding/permission/")
		g.noticedAtDoors(t, "permission/role", "binding/permission")
	}
}
