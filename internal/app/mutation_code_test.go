//go:build mutate

package app_test

import (
	"bytes"
	"encoding/json"
	"expvar"
	"fmt"
	"go/parser"
	"go/token"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// What Go decides by who calls is taken away too (bindings_test.go finds it): each decision becomes what it never was, yes or no,
// and each lifted binding stays on. The program is built once more with all of these mutants in it and none of them at work; then one
// after another is set to work, and the attack matrix is made again, and beside it every deed: what callers of every kind may do with
// what is their own, which nothing but the decision says, what they are answered and what it writes. What neither notices stands in
// unnoticed.golden, each with its reason: what a test of the noun holds (which is run here, with the mutant at work, and must fail),
// or why nobody can meet it.
func TestMutation_Code(t *testing.T) {
	src, err := goSources()
	require.NoError(t, err)
	found, lifts, err := bindings(src)
	require.NoError(t, err)
	planted := mutants(found, lifts)
	tests, err := testsThere()
	require.NoError(t, err)
	if expvar.Get("mutants met") != nil {
		b, err := os.ReadFile(filepath.Join("testdata", "unnoticed.golden"))
		require.NoError(t, err)
		attackMutants(t, planted, string(b))
		return
	}
	shown, err := overlay(t.TempDir(), src, found)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "go", "test", "-tags", "mutate", "-overlay", shown, "-timeout", "30m", "-count", "1", "-v", "-run", "^TestMutation_Code$", ".",
		"-args", "-update="+strconv.FormatBool(*update))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	require.NoError(t, cmd.Run())
	b, err := os.ReadFile(filepath.Join("testdata", "unnoticed.golden"))
	require.NoError(t, err)
	list, err := readUnnoticed(string(b), planted, tests)
	require.NoError(t, err)
	binaries := map[string]string{}
	var unheld []string
	for _, u := range list {
		if u.test == "" {
			continue
		}
		if binaries[u.dir] == "" {
			binaries[u.dir] = filepath.Join(t.TempDir(), "its.test")
			built, err := exec.CommandContext(t.Context(), "go", "test", "-tags", "mutate", "-overlay", shown, "-c", "-o", binaries[u.dir], module+u.dir).CombinedOutput()
			require.NoError(t, err, "%s", built)
		}
		said, err := ask(t, binaries[u.dir], u.dir, u.test, "")
		require.NoError(t, err, "%s fails with nothing taken away: %s", u.test, said)
		said, err = ask(t, binaries[u.dir], u.dir, u.test, u.mutant)
		if err == nil || !strings.Contains(said, "--- FAIL: "+u.test) {
			unheld = append(unheld, fmt.Sprintf("%s: %s %s does not notice", u.mutant, u.dir, u.test))
			continue
		}
		t.Logf("%s: %s", u.mutant, u.test)
	}
	require.Empty(t, unheld)
}

// ask runs one test of a package with a mutant at work.
func ask(t *testing.T, binary, dir, test, mutant string) (said string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, "-test.run", "^"+test+"$", "-test.count", "1", "-test.timeout", "5m")
	cmd.Dir, cmd.Env = filepath.Join(root, filepath.FromSlash(dir)), append(os.Environ(), mutantSet+"="+mutant)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// aParty is where a body says for whom it speaks, and aMethod how it was signed; anEmployee and anEmployer are whom it names.
var (
	aParty     = regexp.MustCompile(`"(party|by_party)":\s*"[a-z]+"`)
	aMethod    = regexp.MustCompile(`"method":\s*"[a-z_]+"`)
	anEmployee = regexp.MustCompile(`"medewerker_id":\s*"[a-z0-9_]+"`)
	anEmployer = regexp.MustCompile(`"organisation_id":\s*"[a-z0-9_]+",?`)
	someTypes  = regexp.MustCompile(`"event_types":\s*\[[^]]*\]`)
	someOrgs   = regexp.MustCompile(`"organisation_ids":\s*\[[^]]*\]`)
)

// otherBodies are what else the body of an operation can say, where who calls decides what comes of it.
var otherBodies = map[string]func(body string, own ids) []string{
	"createReflection": func(body string, own ids) []string {
		return []string{anEmployee.ReplaceAllString(body, `"medewerker_id":null`), anEmployee.ReplaceAllString(body, `"medewerker_id":"`+own["mdw2"]+`"`)}
	},
	"putMedewerkerByExternalId": func(body string, _ ids) []string { return []string{anEmployer.ReplaceAllString(body, "")} },
	"putPreferences": func(body string, own ids) []string {
		return []string{someOrgs.ReplaceAllString(body, `"organisation_ids":["`+own["org2"]+`"]`)}
	},
	"createWebhookEndpoint": func(body string, _ ids) []string {
		return []string{someTypes.ReplaceAllString(body, `"event_types":["kennismakingsgesprek.*"]`)}
	},
}

// further are scenes beside the one that every operation has: where what follows reaches the other side.
var further = map[string][]func(w *testkit.World, c *testkit.Caller, own ids, p testkit.Pair){
	"acceptMatch": {
		func(w *testkit.World, c *testkit.Caller, own ids, p testkit.Pair) { // only the receiving employer has not decided
			newMatch(w, c, own, p, false)
			c.Post("/v1/matches/"+own["mat"]+"/accept", `{"party":"sending"}`).Is(200)
		},
		func(w *testkit.World, c *testkit.Caller, own ids, p testkit.Pair) {
			newMatch(w, c, own, p, false)
			c.Post("/v1/matches/"+own["mat"]+"/accept", `{"party":"receiving"}`).Is(200)
		},
	},
	"cancelLeeruitwisseling": {func(w *testkit.World, _ *testkit.Caller, own ids, p testkit.Pair) { // when there are hours to keep
		run(w, `update leervragen set status = 'matched' where tenant_id = $1 and id = $2`, p.Leervraag.UUID())
		run(w, `update leeruitwisseling_days set attended = true, attended_hours = 700, safety_briefed = true, marked_at = now() where tenant_id = $1 and id = $2`, plain(w, own["day"]))
		run(w, `delete from opleidingsregistraties where tenant_id = $1 and leeruitwisseling_id = $2`, p.Leeruitwisseling.UUID())
	}},
	"publishLeerplek": {func(w *testkit.World, _ *testkit.Caller, _ ids, p testkit.Pair) { // its second leercoach has no time
		run(w, `insert into leerplek_coaches (tenant_id, leerplek_id, organisation_id, medewerker_id, place, voluntary, has_time, knows_role, has_expertise)
			values ($1, $2, $3, $4, 2, true, false, true, true)`, p.Leerplek.UUID(), p.Receiving.UUID(), w.Medewerker(p.Receiving, "Kim").UUID())
		run(w, `update leerplekken set status = 'draft' where tenant_id = $1 and id = $2`, p.Leerplek.UUID())
	}},
	"createLeeruitwisselingDay": {func(w *testkit.World, c *testkit.Caller, _ ids, p testkit.Pair) { // at hours that the switcher spends with another employer
		elsewhere := w.Pair()
		run(w, `update leeruitwisselingen set sending_organisation_id = $3, switcher_id = $4, leervraag_id = $5 where tenant_id = $1 and id = $2`,
			elsewhere.Leeruitwisseling.UUID(), p.Sending.UUID(), p.Switcher.UUID(), p.Leervraag.UUID())
		c.Post("/v1/leeruitwisselingen/"+elsewhere.Leeruitwisseling.String()+"/days", `{"date_on":"2027-01-11","starts":"09:00","ends":"16:30","break_minutes":30}`).Is(201)
	}},
	"createReflection": {func(w *testkit.World, _ *testkit.Caller, own ids, p testkit.Pair) { // the leercoach does not lead
		leads := w.Medewerker(p.Receiving, "Kim")
		own["mdw2"] = leads.String()
		run(w, `update leeruitwisselingen set leercoach_ids = array[$3::uuid, $4::uuid] where tenant_id = $1 and id = $2`, p.Leeruitwisseling.UUID(), leads.UUID(), p.Coach.UUID())
	}},
	"putPreferences": {func(w *testkit.World, _ *testkit.Caller, own ids, _ testkit.Pair) { // an employer that takes no part
		own["org2"] = w.Organisation("Nog een").String()
	}},
	"withdrawLeervraag": {drafted},
	"closeLeervraag":    {drafted},
	"withdrawLeerplek":  {drafted},
}

// drafted puts the leervraag to other leerplekken and other leervragen to the leerplek, in matches that both employers see and in
// drafts, which only the ST-partner sees.
func drafted(w *testkit.World, c *testkit.Caller, _ ids, p testkit.Pair) {
	run(w, `update leervragen set status = 'open' where tenant_id = $1 and id = $2`, p.Leervraag.UUID())
	for _, draft := range []bool{true, false} {
		for _, pair := range []map[string]any{
			{"leervraag_id": p.Leervraag, "leerplek_id": w.Leerplek(p.Receiving, "nog een plek", "om te leren", p.Coach)},
			{"leervraag_id": w.Leervraag(p.Sending, p.Switcher, "nog een vraag", "Hoe nog?"), "leerplek_id": p.Leerplek},
		} {
			pair["leercoach_ids"], pair["draft"] = []id.MedewerkerID{p.Coach}, draft
			c.Post("/v1/matches", pair).Is(201)
		}
	}
}

// attackMutants makes the attacks and the deeds that met a decision again, with the decision taken away.
func attackMutants(t *testing.T, planted []string, listed string) {
	tried, said := expvar.Get("mutants tried").(*expvar.Int), expvar.Get("mutant").(*expvar.String)
	var all []scene
	var opened []*assault
	s := surround(t, func(w *testkit.World) { all, opened = scenes(t, w), visits(w) })
	deeds, unsteady := s.deeds(t, all, tried)
	deeds = append(deeds, opened...)
	t.Logf("%d attacks and %d deeds, %d that answer otherwise each time", len(s.assaults), len(deeds), unsteady)
	tried.Set(1)
	byMet := map[string][]*assault{}
	for _, a := range append(slices.Clone(s.assaults), deeds...) {
		for _, name := range a.met {
			byMet[name] = append(byMet[name], a)
		}
	}
	f := &field{siege: s, house: s.house, tokens: map[*besieger]string{}}
	strike := func(a *assault) string {
		wrote()
		if red := a.red(send(s.house.App.Handler(), f.token(t, a.by), a.method, a.path, a.body)); red != "" {
			return a.Name + ": " + red
		}
		return ""
	}
	remain := map[string]bool{}
	for _, m := range planted {
		name := strings.TrimSuffix(strings.TrimSuffix(m, " → true"), " → false")
		said.Set(m)
		red := ""
		for _, a := range byMet[name] {
			if red = strike(a); red != "" {
				break
			}
		}
		said.Set("")
		if red == "" {
			remain[m] = true
			t.Logf("%s: none of %d attacks and deeds notices", m, len(byMet[name]))
			continue
		}
		t.Logf("%s: %s", m, red)
	}
	for _, a := range append(slices.Clone(s.assaults), deeds...) {
		require.Empty(t, strike(a), "nothing is taken away")
	}
	t.Logf("%d mutants, %d of which attacks and deeds do not notice", len(planted), len(remain))
	var lines []string // with the reasons that they have
	for line := range strings.Lines(listed) {
		if name, _, _ := strings.Cut(line, " => "); remain[name] {
			lines = append(lines, line)
			delete(remain, name)
		}
	}
	for m := range remain {
		lines = append(lines, m+" => \n")
	}
	slices.Sort(lines)
	golden(t, "unnoticed.golden", strings.Join(lines, ""))
}

// wrote is what was written since it was asked last, and taken back.
func wrote() string {
	all := expvar.Get("mutants wrote").(*expvar.String)
	defer all.Set("")
	return all.Value()
}

// visits are a page of the webhook console, opened with links of tokens that may do less and less: it has buttons, none, and is not
// there.
func visits(w *testkit.World) (out []*assault) {
	w.T.Helper()
	own, _ := furnish(w, "eigen")
	for _, v := range []struct {
		makes, holds []auth.Permission // when the link is made, and when it is opened
		want         string
	}{
		{[]auth.Permission{"webhook:read", "webhook:write"}, []auth.Permission{"webhook:read", "webhook:write"}, "200 with buttons"},
		{[]auth.Permission{"webhook:read", "webhook:write"}, []auth.Permission{"webhook:read"}, "200 without"},
		{[]auth.Permission{"webhook:read"}, []auth.Permission{"webhook:read", "webhook:write"}, "200 without"},
		{[]auth.Permission{"webhook:read", "webhook:write"}, []auth.Permission{"webhook:write"}, "404 without"},
	} {
		c := w.Client(auth.Integration, nil, nil, v.makes...)
		link := strings.TrimPrefix(c.Post("/v1/webhook-console-links", `{}`).Is(201).Str("url"), testkit.PublicURL) + "/endpoints/" + own["whe"]
		run(w, `update clients set scopes = $3 where tenant_id = $1 and id = $2`, c.Principal.ClientID.UUID(), v.holds)
		a := &assault{Name: fmt.Sprintf("visit with a link of %v, which holds %v", v.makes, v.holds), by: &besieger{who: c.Principal}, method: http.MethodGet, path: link, want: v.want}
		a.told = func(got replied) string {
			if strings.Contains(got.body, "/enable?") {
				return fmt.Sprint(got.status, " with buttons")
			}
			return fmt.Sprint(got.status, " without")
		}
		decided()
		got := send(w.App.Handler(), "", a.method, a.path, "")
		a.met = decided()
		require.Equal(w.T, v.want, a.told(got), a.Name)
		out = append(out, a)
	}
	return out
}

// scene is a world furnished for one operation, and who does it there.
type scene struct {
	o     operation
	who   []*besieger
	own   ids
	sides []ids
}

// scenes are one for every operation that changes something, and those that further names.
func scenes(t *testing.T, w *testkit.World) (out []scene) {
	t.Helper()
	may := make([]auth.Permission, len(auth.Grants))
	for i, g := range auth.Grants {
		may[i] = g.Permission
	}
	admin, operator := w.Admin(), w.Operator(t)
	for _, o := range operations(t) {
		if o.Method == http.MethodGet || o.Permission == auth.Public {
			continue
		}
		for at := range 1 + len(further[o.ID]) {
			own, p := furnish(w, "eigen")
			if f := prepare[o.ID]; f != nil {
				own = f(w, own, p)
			}
			if at > 0 {
				further[o.ID][at-1](w, admin, own, p)
			} else if f := ready[o.ID]; f != nil {
				f(w, admin, own, p)
			}
			narrowed := func(scopes []auth.Permission) auth.Principal {
				who := admin.Principal
				who.Scopes = scopes
				return who
			}
			sc := scene{o: o, own: own, sides: sides(w, own, p), who: []*besieger{
				{name: "admin", kind: "tenant", who: admin.Principal},
				{name: "sending employer", kind: "organisation", who: w.Client(auth.Integration, &p.Sending, nil, may...).Principal},
				{name: "receiving employer", kind: "organisation", who: w.Client(auth.Integration, &p.Receiving, nil, may...).Principal},
				{name: "switcher", kind: "medewerker", who: w.Client(auth.Switcher, &p.Sending, &p.Switcher).Principal},
				{name: "leercoach", kind: "medewerker", who: w.Client(auth.Leercoach, &p.Receiving, &p.Coach).Principal},
				// No role of an employee holds all of these; what Go decides must hold without that too.
				{name: "software of the switcher", kind: "medewerker", who: w.Client(auth.Integration, &p.Sending, &p.Switcher, may...).Principal},
				{name: "software of the leercoach", kind: "medewerker", who: w.Client(auth.Integration, &p.Receiving, &p.Coach, may...).Principal},
				// A token may hold less than its client.
				{name: "admin with that permission alone", kind: "tenant", who: narrowed([]auth.Permission{o.Permission})},
				{name: lacking, kind: "tenant", who: narrowed(slices.DeleteFunc(slices.Clone(admin.Principal.Scopes), func(p auth.Permission) bool { return p == o.Permission }))},
				{name: "operator", kind: "operator", who: operator.Principal},
			}}
			for _, by := range sc.who {
				by.who.Sandbox = true // where examples of facts are recorded
			}
			out = append(out, sc)
		}
	}
	return out
}

// lacking is the caller of a scene who may do all but what it is about.
const lacking = "admin without that permission"

var (
	someID  = regexp.MustCompile(`\b[a-z]{3}_[0-9a-z]{26}\b`)
	aMoment = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z`)
)

// outcome is what counts of the answer to a deed: what it says, but for ids and times, and what was written.
func outcome(whole bool) func(replied) string {
	return func(got replied) string {
		wrote := wrote()
		if !whole {
			return fmt.Sprint(got.status, " ", wrote)
		}
		return aMoment.ReplaceAllString(someID.ReplaceAllStringFunc(got.retold(nil), func(one string) string { return one[:4] + "…" }), "T") + " " + wrote
	}
}

// deeds are what callers do with what is their own or the other side's: every operation that changes something, each in its scenes,
// for every party that its body can name, in every way that one can sign, and as otherBodies says. Nothing is kept, so what may be
// done can be asked again.
func (s *siege) deeds(t *testing.T, scenes []scene, tried *expvar.Int) (out []*assault, unsteady int) {
	t.Helper()
	tried.Set(1)
	defer tried.Set(0)
	for _, sc := range scenes {
		seen := map[string]bool{}
		for _, by := range sc.who {
			if sc.o.Permission == auth.Self && by.name == lacking || by.name != lacking && sc.o.Permission != auth.Self && !by.who.May(sc.o.Permission) {
				continue
			}
			token, err := s.house.App.Tokens.Sign(by.who, s.house.Clock.Now())
			require.NoError(t, err)
			for _, inPath := range sc.sides {
				for _, inBody := range sc.sides {
					path, body := sc.o.fill(inPath, inBody, nil, "")
					path = strings.Replace(path, "/event-types/sdworx/", "/event-types/kennismakingsgesprek.planned/", 1)
					bodies := []string{body}
					for _, party := range []string{"sending", "receiving", "switcher", "leercoach"} {
						for _, method := range []string{"recorded", "signed_in"} {
							bodies = append(bodies, aMethod.ReplaceAllString(aParty.ReplaceAllString(body, `"$1":"`+party+`"`), `"method":"`+method+`"`))
						}
					}
					if f := otherBodies[sc.o.ID]; f != nil {
						for _, body := range slices.Clone(bodies) {
							bodies = append(bodies, f(body, sc.own)...)
						}
					}
					for _, body := range bodies {
						key := by.name + path + body
						if seen[key] {
							continue
						}
						seen[key] = true
						decided()
						wrote()
						got := send(s.house.App.Handler(), token, sc.o.Method, path, body)
						a := &assault{Name: fmt.Sprintf("deed of %s: %s %s", by.name, sc.o.ID, body), by: by, method: sc.o.Method, path: path, body: body, met: decided(), told: outcome(true)}
						if by.name == lacking {
							require.Equal(t, http.StatusForbidden, got.status, a.Name)
						}
						a.want = a.told(got)
						again := func() replied { return send(s.house.App.Handler(), token, sc.o.Method, path, body) }
						if a.told(again()) != a.want { // a secret, which is another one each time
							a.told = outcome(false)
							a.want = a.told(again())
							if a.told(again()) != a.want {
								unsteady++
								t.Logf("%s answers otherwise each time", a.Name)
								continue
							}
						}
						out = append(out, a)
					}
				}
			}
		}
	}
	return out, unsteady
}

// mutantSet is the variable of the environment that sets a mutant to work in a test of another package.
const mutantSet = "SWITCHBOARD_MUTANT"

// mutable is what a package gets beside its own: its decisions ask it. Which are met is counted, and the one that is taken away is
// said, by name, in what every program keeps of itself (expvar), so a test in another package can tell and ask.
const mutable = `package %s

import (
	"expvar"
	"os"
)

var mutantsMet, mutant, mutantsTried = func() (*expvar.Map, *expvar.String, *expvar.Int) {
	if expvar.Get("mutants met") == nil {
		expvar.NewMap("mutants met")
		expvar.NewString("mutant").Set(os.Getenv("` + mutantSet + `"))
		expvar.NewInt("mutants tried")
		expvar.NewString("mutants wrote")
	}
	return expvar.Get("mutants met").(*expvar.Map), expvar.Get("mutant").(*expvar.String), expvar.Get("mutants tried").(*expvar.Int)
}()

func mutantIf(name string, as bool) bool {
	mutantsMet.Add(name, 1)
	switch mutant.Value() {
	case name + " → true":
		return true
	case name + " → false":
		return false
	}
	return as
}

func mutantCase[T ~string](name string, as T) T {
	mutantsMet.Add(name, 1)
	if mutant.Value() == name+" → false" {
		return "taken away"
	}
	return as
}

func mutantLift(name string) bool {
	mutantsMet.Add(name, 1)
	return mutant.Value() == name
}
`

// grafts are what the gate changes beside decisions: a lifted binding can stay, and while mutants are tried a transaction that
// comes as far as COMMIT says what it wrote, is taken back, and answers as if it were there, so who may do what is asked without
// doing it.
var grafts = map[string]string{
	unboundOpens:                             unboundOpens + "\tif mutantLift(\"" + lift + "\" + reason) {\n\t\treturn fn(tx)\n\t}\n",
	"\tif err := c.commit(); err != nil {\n": "\tif err := c.commitUnlessTried(ctx, options); err != nil {\n",
	"\tfor _, f := range tx.after {\n":       "\tfor _, f := range afterUnlessTried(options, tx.after) {\n",
}

const unboundOpens = "func (tx *Tx) Unbound(reason string, fn func(*Tx) error) error {\n"

const tried = `package db

import (
	"context"
	"expvar"
)

func (c *conn) commitUnlessTried(ctx context.Context, options string) error {
	if options != "" || mutantsTried.Value() == 0 {
		return c.commit()
	}
	if err := c.flush(); err != nil {
		return err
	}
	if c.failed != nil {
		return c.failed
	}
	var wrote string
	if err := c.pg.QueryRow(ctx, "select watch.mine()").Scan(&wrote); err != nil {
		return err
	}
	all := expvar.Get("mutants wrote").(*expvar.String)
	all.Set(all.Value() + "\n" + wrote)
	return nil
}

func afterUnlessTried(options string, after []func()) []func() {
	if options != "" || mutantsTried.Value() == 0 {
		return after
	}
	return nil
}
`

// overlay writes sources in which every decision can be taken away, and returns the file that shows them to the go command.
func overlay(dir string, src map[string][]byte, found []decision) (string, error) {
	changed := map[string][]byte{}
	byFile := map[string][]decision{}
	for _, d := range found {
		byFile[d.file] = append(byFile[d.file], d)
	}
	packages := map[string]string{}
	name := func(file string) error {
		tree, err := parser.ParseFile(token.NewFileSet(), file, src[file], parser.PackageClauseOnly)
		if err == nil {
			packages[path.Dir(file)] = tree.Name.Name
		}
		return err
	}
	for file, all := range byFile {
		if err := name(file); err != nil {
			return "", err
		}
		slices.SortFunc(all, func(a, b decision) int { return b.from - a.from })
		b := src[file]
		for _, d := range all {
			call := "mutantIf"
			if d.cases {
				call = "mutantCase"
			}
			b = slices.Concat(b[:d.from], fmt.Appendf(nil, "%s(%q, %s)", call, d.name, b[d.from:d.to]), b[d.to:])
		}
		changed[file] = b
	}
	const opens = "internal/platform/db/db.go"
	if err := name(opens); err != nil {
		return "", err
	}
	for was, is := range grafts {
		b := changed[opens]
		if b == nil {
			b = src[opens]
		}
		if bytes.Count(b, []byte(was)) != 1 {
			return "", fmt.Errorf("%s does not say once: %s", opens, was)
		}
		changed[opens] = bytes.Replace(b, []byte(was), []byte(is), 1)
	}
	changed["internal/platform/db/mutants_tried.go"] = []byte(tried)
	for dir, pkg := range packages {
		changed[dir+"/mutants.go"] = fmt.Appendf(nil, mutable, pkg)
	}
	replace := map[string]string{}
	top, err := filepath.Abs(root)
	if err != nil {
		return "", err
	}
	for file, b := range changed {
		at := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(at, b, 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(top, filepath.FromSlash(file))] = at
	}
	at := filepath.Join(dir, "overlay.json")
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	return at, os.WriteFile(at, b, 0o600)
}
