package app_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// standing is where we stand with one requirement of OWASP's ASVS. See docs/asvs.yaml.
type standing struct {
	About, Status, Why string
	Tests              []string
}

// unansweredASVS is what is wrong with the answers to a list of ids ("v5.0.0-1.1.1 2", the second being the level), given the
// tests that there are and the page of risks.
func unansweredASVS(answers, list, page string, tests map[string][]string) findings {
	bad := findings{}
	var said map[string]standing
	decoder := yaml.NewDecoder(strings.NewReader(answers))
	decoder.KnownFields(true)
	if err := decoder.Decode(&said); err != nil {
		bad.add(false, "%s", err)
		return bad
	}
	asked := map[string]bool{}
	for line := range strings.Lines(list) {
		if id, level, ok := strings.Cut(strings.TrimSpace(line), " "); ok && id != "#" {
			asked[id] = level == "1" || level == "2"
			bad.add(asked[id], "%s has the level %s", id, level)
		}
	}
	bad.add(len(asked) > 0, "nothing is asked")
	for id := range asked {
		_, ok := said[id]
		bad.add(ok, "%s has no answer", id)
	}
	for id, a := range said {
		bad.add(asked[id], "%s is no requirement", id)
		bad.add(a.About != "", "%s does not say what it is about", id)
		switch a.Status {
		case "met":
			bad.add(len(a.Tests) > 0, "%s is met by no test", id)
		case "residual", "operator", "not_applicable":
			bad.add(len(strings.Fields(a.Why)) > 2, "%s does not say why", id)
		default:
			bad.add(false, "%s has the status %q", id, a.Status)
		}
		for _, ref := range a.Tests {
			wrong := danglingTest(ref, tests)
			bad.add(wrong == "", "%s: %s", id, wrong)
		}
		for _, risk := range regexp.MustCompile(`\bR\d+\b`).FindAllString(a.Why, -1) {
			bad.add(strings.Contains(page, "| "+risk+" |"), "%s: docs/security.md has no %s", id, risk)
		}
	}
	return bad
}

func readASVS(t *testing.T) (answers, list string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, "docs/asvs.yaml"))
	require.NoError(t, err)
	l, err := os.ReadFile(filepath.Join("testdata", "asvs-5.0.0.txt"))
	require.NoError(t, err)
	return string(b), string(l)
}

func TestASVS_EveryRequirementHasAnAnswer(t *testing.T) {
	t.Parallel()
	answers, list := readASVS(t)
	unansweredASVS(answers, list, securityPage(t), knownTests(sources(t))).none(t, "docs/asvs.yaml answers OWASP's ASVS 5.0.0, levels 1 and 2")
	require.Len(t, regexp.MustCompile(`(?m)^v5\.0\.0-`).FindAllString(list, -1), 253, "70 of level 1, 183 of level 2")
}

func TestASVS_TheGateBites(t *testing.T) {
	t.Parallel()
	answers, list := readASVS(t)
	tests := knownTests(sources(t))
	const entry = "v5.0.0-8.4.1:\n  about: 'tenants apart'\n  status: met\n  tests: [TestAttack_AnotherTenant, "
	for want, fault := range map[string][2]string{
		"v5.0.0-8.4.1 has no answer":                        {"v5.0.0-8.4.1:", "v5.0.0-8.4.9:"},
		"v5.0.0-8.4.9 is no requirement":                    {"v5.0.0-8.4.1:", "v5.0.0-8.4.9:"},
		"v5.0.0-8.4.1: TestAttack_AnotherPlanet is no test": {entry, strings.Replace(entry, "AnotherTenant", "AnotherPlanet", 1)},
		"v5.0.0-8.4.1 is met by no test":                    {entry, "v5.0.0-8.4.1:\n  about: 'tenants apart'\n  status: met\nx:\n  tests: ["},
		`v5.0.0-8.4.1 has the status "nearly"`:              {entry, strings.Replace(entry, "met", "nearly", 1)},
		"v5.0.0-8.4.1 does not say why":                     {entry, strings.Replace(entry, "met", "residual", 1)},
		"v5.0.0-8.4.1 does not say what it is about":        {entry, strings.Replace(entry, "tenants apart", "", 1)},
		"field test not found":                              {entry, strings.Replace(entry, "tests", "test", 1)},
		`mapping key "v5.0.0-8.4.1" already defined`:        {"v5.0.0-8.3.1:", "v5.0.0-8.4.1:"},
		"v5.0.0-1.3.6: docs/security.md has no R77":         {"no list of hosts can be (R7)", "no list of hosts can be (R77)"},
	} {
		require.Contains(t, answers, fault[0])
		got := findingsOf(unansweredASVS(strings.Replace(answers, fault[0], fault[1], 1), list, securityPage(t), tests))
		require.True(t, slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, want) }), "%s: %s", want, got)
	}
	require.Contains(t, findingsOf(unansweredASVS(answers, list+"v5.0.0-1.1.9 2\n", securityPage(t), tests)), "v5.0.0-1.1.9 has no answer")
	require.Contains(t, findingsOf(unansweredASVS(answers, list+"v5.0.0-8.4.1 3\n", securityPage(t), tests)), "v5.0.0-8.4.1 has the level 3")
}
