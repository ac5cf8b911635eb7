package app_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/app"
	"github.com/switchingtalent/switchboard/internal/platform/auth"
)

// knownTests are the tests of the repository by name, with the packages that have one of that name.
func knownTests(all []source) map[string][]string {
	out := map[string][]string{}
	for _, s := range all {
		if !s.test || !strings.HasSuffix(s.path, "_test.go") {
			continue
		}
		for _, d := range s.tree.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && testName.MatchString(f.Name.Name) && f.Name.Name != "TestMain" {
				out[f.Name.Name] = append(out[f.Name.Name], path.Base(s.dir))
			}
		}
	}
	return out
}

// A test is named by its function, and by its package before that where several packages have one of that name.
var (
	testName = regexp.MustCompile(`^(?:Test|Fuzz)[A-Z]\w*$`)
	testRef  = regexp.MustCompile("`((?:[a-z]+\\.)?(?:Test|Fuzz)[A-Z]\\w*)`")
)

// The tests that docs/house.md names are there.
func TestHouse_NamesTestsThatAreThere(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(root, "docs", "house.md"))
	require.NoError(t, err)
	tests := knownTests(sources(t))
	named := testRef.FindAllStringSubmatch(string(page), -1)
	require.Greater(t, len(named), 10)
	bad := findings{}
	for _, m := range named {
		wrong := danglingTest(m[1], tests)
		bad.add(wrong == "", "%s", wrong)
	}
	bad.none(t, "docs/house.md")
}

// danglingTest says what is wrong with the name of a test, or "".
func danglingTest(ref string, tests map[string][]string) string {
	room, name, ok := strings.Cut(ref, ".")
	if !ok {
		room, name = "", ref
	}
	rooms := tests[name]
	switch {
	case len(rooms) == 0:
		return ref + " is no test"
	case room == "" && len(rooms) > 1:
		return fmt.Sprintf("%s is a test of several packages: write %s.%s", ref, rooms[0], name)
	case room != "" && !slices.Contains(rooms, room):
		return fmt.Sprintf("%s is no test of %s", name, room)
	}
	return ""
}

// tableRows are the rows of the tables under a heading of a page, without their headers; cells are trimmed.
func tableRows(page, heading string) (out [][]string) {
	_, text, _ := strings.Cut(page, "\n## "+heading+"\n")
	text, _, _ = strings.Cut(text, "\n## ")
	header := true
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			header = true
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if strings.Trim(strings.Join(cells, ""), "-") == "" {
			header = false
		} else if !header {
			out = append(out, cells)
		}
	}
	return out
}

// untestedThreats is what is wrong with a page of threats and risks.
func untestedThreats(page string, tests map[string][]string) findings {
	bad := findings{}
	for _, m := range testRef.FindAllStringSubmatch(page, -1) {
		wrong := danglingTest(m[1], tests)
		bad.add(wrong == "", "%s", wrong)
	}
	numbers := map[string]int{}
	for heading, letter := range map[string]string{"Threats, and what meets them": "T", "What is left": "R"} {
		all := tableRows(page, heading)
		bad.add(len(all) > 0, "there is no table under %q", heading)
		for _, r := range all {
			if len(r) != 4 {
				bad.add(false, "%q has %d cells", r[0], len(r))
				continue
			}
			numbers[letter]++
			bad.add(r[0] == letter+strconv.Itoa(numbers[letter]), "%s stands where %s%d is due", r[0], letter, numbers[letter])
			for _, cell := range r {
				bad.add(cell != "", "%s has an empty cell", r[0])
			}
			_, why, none := strings.Cut(r[3], "no test: ")
			bad.add(testRef.MatchString(r[3]) || letter == "R" && none && len(strings.Fields(why)) > 3, "%s names no test", r[0])
		}
	}
	for _, m := range regexp.MustCompile(`\b([TR]\d+)\b`).FindAllStringSubmatch(page, -1) {
		n, _ := strconv.Atoi(m[1][1:])
		bad.add(n >= 1 && n <= numbers[m[1][:1]], "%s is named and does not stand there", m[1])
	}
	return bad
}

func securityPage(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, "docs/security.md"))
	require.NoError(t, err)
	return string(b)
}

func TestSecurityPage_EachThreatAndRiskNamesItsTests(t *testing.T) {
	t.Parallel()
	untestedThreats(securityPage(t), knownTests(sources(t))).none(t, "docs/security.md says what no test holds")
}

func TestSecurityPage_TheGateBites(t *testing.T) {
	t.Parallel()
	page, tests := securityPage(t), knownTests(sources(t))
	for want, fault := range map[string][2]string{
		"TestAttack_AnotherPlanet is no test": {"`TestAttack_AnotherTenant`", "`TestAttack_AnotherPlanet`"},
		"T4 names no test":                    {"`TestConnection_KeepsNothing`, `TestScope_WithoutOneNothingRuns`", "the tests of `db`"},
		"T4 has an empty cell":                {"`TestConnection_KeepsNothing`, `TestScope_WithoutOneNothingRuns`", ""},
		"TestTransitions_EveryPair is a test of several packages: write": {"`TestLock_LosesNoChange`", "`TestTransitions_EveryPair`"},
		"TestLock_LosesNoChange is no test of webhook":                   {"`TestLock_LosesNoChange`", "`webhook.TestLock_LosesNoChange`"},
		"T5 stands where T4 is due":                                      {"| T4 | A tenant's settings", "| T5 | A tenant's settings"},
		"R16 names no test":                                              {"no test: none of it is in the program's reach", "no test: ours"},
		"R99 is named and does not stand there":                          {"(R8)", "(R99)"},
		`there is no table under "What is left"`:                         {"## What is left", "## Rest"},
	} {
		require.Contains(t, page, fault[0])
		got := untestedThreats(strings.ReplaceAll(page, fault[0], fault[1]), tests)
		require.Contains(t, strings.Join(findingsOf(got), "\n"), want)
	}
}

func findingsOf(f findings) (out []string) {
	for k := range f {
		out = append(out, k)
	}
	return out
}

// quotedNames are the words in backticks of the first cell of each row.
func quotedNames(tableRows [][]string) (out []string) {
	for _, r := range tableRows {
		for i, part := range strings.Split(r[0], "`") {
			if i%2 == 1 {
				out = append(out, part)
			}
		}
	}
	slices.Sort(out)
	return out
}

// shipped are the files that make the program: no tests, no tools.
func shipped(all []source) (out []source) {
	for _, s := range all {
		if !s.test && !isTool(s.dir) && (strings.HasPrefix(s.dir, "internal/") || strings.HasPrefix(s.dir, "cmd/")) &&
			!strings.Contains(s.dir, "/bench") && !strings.HasSuffix(s.dir, "test") {
			out = append(out, s)
		}
	}
	return out
}

// brokenCryptography is cryptography that is broken, or too short to hold (OWASP ASVS 5.0, V11.3 and V11.4).
var brokenCryptography = regexp.MustCompile(`^crypto/(md5|sha1|des|rc4|dsa|elliptic)$|^golang\.org/x/crypto/(md4|ripemd160|tea|xtea|blowfish|cast5|twofish|bcrypt|otr|openpgp)`)

var cryptography = regexp.MustCompile(`^crypto(/|$)|^golang\.org/x/crypto/|^github\.com/(golang-jwt|tink-crypto)/`)

// usesOfCryptography are the files that use cryptography; weak what none of them may.
func usesOfCryptography(all []source) (files, weak []string) {
	for _, s := range shipped(all) {
		used := false
		for _, p := range s.imports() {
			used = used || cryptography.MatchString(p)
			if brokenCryptography.MatchString(p) {
				weak = append(weak, s.path+" uses "+p)
			}
		}
		if used {
			files = append(files, s.path)
		}
	}
	slices.Sort(files)
	return files, weak
}

func TestSecurityPage_KnowsEveryUseOfCryptography(t *testing.T) {
	t.Parallel()
	files, weak := usesOfCryptography(sources(t))
	require.Empty(t, weak)
	var told []string
	for _, q := range quotedNames(tableRows(securityPage(t), "Keys")) {
		if strings.HasSuffix(q, ".go") {
			told = append(told, q)
		}
	}
	require.Equal(t, files, told, "docs/security.md, Keys, lists the files that use cryptography")
	planted := parsedFile(t, "internal/leerplek/planted.go", "package leerplek\nimport _ \"crypto/md5\"\nimport _ \"github.com/tink-crypto/tink-go/v2/aead\"")
	files, weak = usesOfCryptography([]source{planted})
	require.Equal(t, []string{"internal/leerplek/planted.go"}, files)
	require.Equal(t, []string{"internal/leerplek/planted.go uses crypto/md5"}, weak)
}

// ciphers is where a cipher, or a way of using one, is chosen.
var ciphers = regexp.MustCompile(`^crypto/(aes|cipher|des|rc4|rsa)$|^golang\.org/x/crypto/(chacha|nacl|salsa|tea|xtea|xts|blowfish|cast5|twofish)|^github\.com/tink-crypto/tink-go/v2/(aead|daead|hybrid|streamingaead)`)

// usesOfCiphers is what a file asks of them, and where it encrypts: a block by itself would be ECB (OWASP ASVS 5.0, V11.3).
func usesOfCiphers(s source) (out []string) {
	from := map[string]bool{}
	for _, i := range s.tree.Imports {
		if p := strings.Trim(i.Path.Value, `"`); ciphers.MatchString(p) {
			name := p[strings.LastIndex(p, "/")+1:]
			if i.Name != nil {
				name = i.Name.Name
			}
			from[name] = true
		}
	}
	ast.Inspect(s.tree, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		pkg, _ := sel.X.(*ast.Ident)
		if pkg != nil && from[pkg.Name] || slices.Contains([]string{"Encrypt", "Decrypt", "CryptBlocks", "XORKeyStream"}, sel.Sel.Name) {
			out = append(out, s.path+" "+types.ExprString(sel))
		}
		return true
	})
	slices.Sort(out)
	return slices.Compact(out)
}

// approvedCiphers is all that is used: AES-256-GCM, and XAES-256-GCM of tink. Both are authenticated, and pad nothing.
var approvedCiphers = []string{
	"internal/platform/seal/seal.go aead.New", // of the XAES-256-GCM keys that are made there
	"internal/platform/seal/seal.go b.aead.Decrypt",
	"internal/platform/seal/seal.go b.aead.Encrypt",
	"internal/platform/seal/seal.go xaesgcm.Key",
	"internal/platform/seal/seal.go xaesgcm.NewKey",
	"internal/platform/seal/seal.go xaesgcm.NewParameters",
	"internal/platform/seal/seal.go xaesgcm.VariantTink",
	"internal/platform/web/idempotency.go aes.NewCipher", // of a key of 32 bytes, for GCM alone
	"internal/platform/web/idempotency.go cipher.AEAD",
	"internal/platform/web/idempotency.go cipher.NewGCM",
}

func TestHouse_CiphersAreApproved(t *testing.T) {
	t.Parallel()
	var found []string
	for _, s := range shipped(sources(t)) {
		found = append(found, usesOfCiphers(s)...)
	}
	slices.Sort(found)
	require.Equal(t, approvedCiphers, found, "another cipher, or another way of using one, is a decision: it is made here")
	planted := parsedFile(t, "internal/x/x.go", `package x
		import ("crypto/aes"; modes "crypto/cipher"; "crypto/rsa")
		func f() { b, _ := aes.NewCipher(k); b.Encrypt(out, in); modes.NewCBCEncrypter(b, iv).CryptBlocks(out, in); rsa.EncryptPKCS1v15(r, pub, in) }`)
	require.Equal(t, []string{"internal/x/x.go aes.NewCipher", "internal/x/x.go b.Encrypt", "internal/x/x.go modes.NewCBCEncrypter",
		"internal/x/x.go modes.NewCBCEncrypter(b, iv).CryptBlocks", "internal/x/x.go rsa.EncryptPKCS1v15"}, usesOfCiphers(planted))
}

// guessableNumbers are the files that use numbers which can be foretold, each with what for.
var guessableNumbers = map[string]string{
	"internal/webhook/schedule.go":               "spreads retries over a fifth of their time",
	"internal/platform/web/limit.go":             "holds refusals for different times, so that they do not come back together",
	"internal/platform/fact/retention.go":        "spreads the work of processes",
	"internal/platform/openapi/fuzz/fuzz.go":     "makes the same requests of the same seed, in tests alone",
	"internal/platform/openapi/fuzz/generate.go": "the same",
}

func TestHouse_NothingSecretIsGuessable(t *testing.T) {
	t.Parallel()
	find := func(all []source) (out []string) {
		for _, s := range shipped(all) {
			for _, p := range s.imports() {
				if strings.HasPrefix(p, "math/rand") {
					out = append(out, s.path)
				}
			}
		}
		return out
	}
	found := find(sources(t))
	for _, f := range found {
		require.Contains(t, guessableNumbers, f, "use crypto/rand, or say here what for")
	}
	require.Len(t, found, len(guessableNumbers))
	require.Len(t, find([]source{parsedFile(t, "internal/access/planted.go", "package access\nimport _ \"math/rand/v2\"")}), 1)
}

// loggedTexts are the messages of a file's lines in the log; what is computed is "?".
func loggedTexts(s source) (out []string) {
	levels := map[string]int{"Debug": 0, "Info": 0, "Warn": 0, "Error": 0, "DebugContext": 1, "InfoContext": 1, "WarnContext": 1, "ErrorContext": 1, "LogAttrs": 2, "Log": 2}
	ast.Inspect(s.tree, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		at, ok := levels[sel.Sel.Name]
		if by := strings.ToLower(types.ExprString(sel.X)); !ok || at >= len(call.Args) || !strings.HasSuffix(by, "log") && !strings.HasSuffix(by, "logger") && by != "slog" {
			return true
		}
		text := "?"
		if lit, ok := call.Args[at].(*ast.BasicLit); ok {
			text, _ = strconv.Unquote(lit.Value)
		}
		out = append(out, text)
		return true
	})
	return out
}

// bareCauses are the attributes of a file's log lines that show an error as it is.
func bareCauses(s source) (out []string) {
	ast.Inspect(s.tree, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		for i := 0; i+1 < len(call.Args); i++ {
			lit, ok := call.Args[i].(*ast.BasicLit)
			if !ok || !slices.Contains([]string{`"cause"`, `"error"`, `"err"`}, lit.Value) {
				continue
			}
			if value := types.ExprString(call.Args[i+1]); !strings.HasPrefix(value, "db.Cause(") {
				out = append(out, s.path+": "+lit.Value+", "+value)
			}
		}
		return true
	})
	return out
}

// computedLines is where a line's text is computed: what takes longer than a second while a process starts.
var computedLines = []string{"internal/app/serve.go"}

func TestSecurityPage_KnowsEveryLineOfTheLog(t *testing.T) {
	t.Parallel()
	said := map[string]bool{}
	for _, s := range shipped(sources(t)) {
		for _, text := range loggedTexts(s) {
			if text == "?" {
				require.Contains(t, computedLines, s.path, "the text of a line is a constant, and what varies an attribute")
				continue
			}
			said[text] = true
		}
	}
	told := quotedNames(tableRows(securityPage(t), "What is logged"))
	for text := range said {
		require.Contains(t, told, text, "docs/security.md, What is logged")
	}
	require.Len(t, told, len(said), "docs/security.md knows lines that nobody writes: %v", told)
	require.Equal(t, []string{"planted", "?"}, loggedTexts(parsedFile(t, "internal/x/x.go",
		"package x\nfunc f() { s.log.Warn(\"planted\", \"name\", name); o.Logger.InfoContext(ctx, fmt.Sprint(name)) }")))
}

// plainCauses are the causes that need no db.Cause: of processes, which say no data, and what was cleaned before.
var plainCauses = []string{
	`internal/app/serve.go: "cause", err.Error()`,
	`internal/platform/web/server.go: "cause", c.cause`,
}

func TestHouse_CausesInTheLogHoldNoData(t *testing.T) {
	t.Parallel()
	for _, s := range shipped(sources(t)) {
		for _, bare := range bareCauses(s) {
			require.Contains(t, plainCauses, bare, "an error quotes what it choked on: db.Cause leaves that out")
		}
	}
	require.Len(t, bareCauses(parsedFile(t, "internal/x/x.go", `package x
		func f() { log.Error("planted", "tenant_id", id, "error", err); log.Warn("fine", "cause", db.Cause(err)) }`)), 1)
}

// directModules are the modules that go.mod asks for itself.
func directModules(mod string) (out []string) {
	for line := range strings.Lines(mod) {
		if f := strings.Fields(line); len(f) == 2 && strings.HasPrefix(line, "\t") && strings.HasPrefix(f[1], "v") {
			out = append(out, f[0])
		}
	}
	slices.Sort(out)
	return out
}

// What the program is built of is known: go.mod is the list, the page says what each is for.
func TestSecurityPage_KnowsEveryModule(t *testing.T) {
	t.Parallel()
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	require.Equal(t, directModules(string(mod)), quotedNames(tableRows(securityPage(t), "What it is built of")), "docs/security.md, What it is built of, is go.mod with a purpose")
	require.NotContains(t, string(mod), "\nreplace", "what is replaced is checked by nobody")
	require.Regexp(t, `within \d+ days`, securityPage(t), "how soon a weakness of theirs is mended")
	require.Equal(t, []string{"example.com/planted"}, directModules("require (\n\texample.com/planted v1.0.0\n\texample.com/other v1.0.0 // indirect\n)\n"))
}

// parsedFile is a file that was never written.
func parsedFile(t *testing.T, name, text string) source {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), name, text, 0)
	require.NoError(t, err)
	return source{name, path.Dir(name), strings.HasSuffix(name, "_test.go"), tree}
}

// waysToRun are the ways by which what somebody sent could become code, a command, a pattern or a page.
func waysToRun(s source) (out []string) {
	for _, p := range s.imports() {
		switch {
		case p == "os/exec" && !strings.HasPrefix(s.dir, "internal/platform/postgres"), // which starts a database, by names of its own
			slices.Contains([]string{"unsafe", "C", "plugin", "reflect/unsafe", "text/template", "encoding/gob", "encoding/xml", "net/http/cgi"}, p):
			out = append(out, s.path+" uses "+p)
		}
	}
	ast.Inspect(s.tree, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		switch f := types.ExprString(call.Fun); f {
		case "regexp.MustCompile", "regexp.Compile", "regexp.MatchString":
			if _, ok := call.Args[0].(*ast.BasicLit); !ok {
				out = append(out, s.path+" makes a pattern of "+types.ExprString(call.Args[0]))
			}
		case "template.HTML", "template.JS", "template.CSS", "template.URL", "template.HTMLAttr", "template.JSStr", "template.Srcset":
			out = append(out, s.path+" takes for safe "+types.ExprString(call.Args[0]))
		}
		return true
	})
	return out
}

// trustedWays is what is no input: our own pages, and a style of our own with colours that were parsed.
var trustedWays = []string{
	"internal/platform/openapi/swag.go uses os/exec",                     // when the document is made, not when it is served
	"internal/matching/run_pack.go uses encoding/gob",                    // of what the program itself packed and keeps
	"internal/platform/openapi/fuzz/document.go makes a pattern of text", // of the API document, in tests alone
	"internal/app/pages.go takes for safe b.String()",
	"internal/platform/html/html.go takes for safe p.style()",
}

func TestHouse_NothingThatRunsIsMadeOfInput(t *testing.T) {
	t.Parallel()
	for _, s := range shipped(sources(t)) {
		for _, found := range waysToRun(s) {
			require.Contains(t, trustedWays, found)
		}
	}
	require.Equal(t, []string{"internal/x/x.go uses os/exec", "internal/x/x.go makes a pattern of in.Name", "internal/x/x.go takes for safe in.Text"},
		waysToRun(parsedFile(t, "internal/x/x.go", "package x\nimport _ \"os/exec\"\nfunc f() { regexp.MustCompile(in.Name); template.HTML(in.Text) }")))
}

func TestSecurityPage_KnowsEveryLimit(t *testing.T) {
	t.Parallel()
	table := tableRows(securityPage(t), "Who may ask how much")
	for _, s := range app.Settings {
		if strings.HasSuffix(s.Name, "_LIMIT") {
			require.True(t, slices.ContainsFunc(table, func(r []string) bool {
				return len(r) == 3 && r[2] == "`"+s.Name+"`" && strings.HasPrefix(r[1], s.Default+" ")
			}), "docs/security.md, Who may ask how much, does not say %s with %s", s.Name, s.Default)
		}
	}
	var sessions string
	for _, r := range table {
		if r[0] == "tokens of one client" {
			sessions = r[1]
		}
	}
	require.Contains(t, sessions, "any number beside each other, ten minutes each; 600 new ones a minute, then 429",
		"how many sessions there may be, and what happens then (TestLimits_ARightSecretHasItsClientsOwnLimit, TestToken_AnyNumberBesideEachOther)")
	for _, what := range []string{"requests of one client", "tokens of one client", "failed tries", "a body", "what costs most", "a link to the console"} {
		require.True(t, slices.ContainsFunc(table, func(r []string) bool { return strings.Contains(r[0], what) }), what)
	}
}

// Every address that the program can be told to speak to or to listen on.
func TestSecurityPage_KnowsWhoSpeaksToWhom(t *testing.T) {
	t.Parallel()
	table := fmt.Sprint(tableRows(securityPage(t), "Who speaks to whom"))
	for _, s := range app.Settings {
		if strings.HasSuffix(s.Name, "_URL") || strings.HasSuffix(s.Name, "_ADDR") || strings.HasSuffix(s.Name, "_PROXIES") {
			require.Contains(t, table, "`"+s.Name+"`", "docs/security.md, Who speaks to whom")
		}
	}
}

// A door that asks for no token stands on the page, and what stands there is such a door.
func TestSecurityPage_KnowsEveryPublicDoor(t *testing.T) {
	t.Parallel()
	var open []string
	for _, r := range routes() {
		if r.Permission == auth.Public {
			path, _, _ := strings.Cut(regexp.MustCompile(`:(\w+)`).ReplaceAllString(r.Path, "{$1}"), "{token}/")
			open = append(open, path+strings.Repeat("{token}", strings.Count(r.Path, ":token/")))
		}
	}
	slices.Sort(open)
	require.Equal(t, slices.Compact(open), quotedNames(tableRows(securityPage(t), "Borders")[:2]), "docs/security.md, Borders, lists the public doors")
}
