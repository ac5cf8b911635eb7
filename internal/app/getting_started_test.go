package app_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// step is a block of the page that runs, and what the page says that it prints; want is nil where it says nothing.
type step struct {
	line int
	code string
	want *string
}

// steps reads the blocks of a page: ```sh runs, and a ```text that follows is what it prints.
func steps(t *testing.T, page string) []step {
	t.Helper()
	var out []step
	kind := ""
	var block strings.Builder
	for n, line := range strings.Split(page, "\n") {
		switch {
		case kind == "" && strings.HasPrefix(line, "```"):
			kind = strings.TrimPrefix(line, "```")
			block.Reset()
			if kind == "sh" {
				out = append(out, step{line: n + 1})
			}
		case line == "```":
			text := block.String()
			switch kind {
			case "sh":
				out[len(out)-1].code = text
			case "text":
				require.Nil(t, out[len(out)-1].want, "line %d: two texts after one block", n+1)
				out[len(out)-1].want = &text
			default:
				require.Fail(t, "a block that no test runs", "line %d: %s", n+1, kind)
			}
			kind = ""
		case kind != "":
			block.WriteString(line + "\n")
		}
	}
	require.Empty(t, kind, "a block that does not end")
	return out
}

// The pages are what an integrator follows: each runs as it stands, in one shell, against a demo that was started as it
// says.
func TestGettingStarted_RunsAsItStands(t *testing.T) {
	t.Parallel()
	runs(t, "getting-started.md", 20)
}

func TestGuideWebhooks_RunsAsItStands(t *testing.T) {
	t.Parallel()
	runs(t, "guide-webhooks.md", 7)
}

// runs runs a page, which has more blocks than so many, in a shell with these variables besides those of a newcomer.
func runs(t *testing.T, name string, more int, besides ...string) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, "docs", name))
	require.NoError(t, err)
	all := steps(t, string(page))
	require.Greater(t, len(all), more)
	require.Equal(t, "make demo\n", all[0].code, "it begins with the one command")

	_, err = exec.LookPath("curl")
	require.NoError(t, err, "the page needs curl")
	path, err := program()
	require.NoError(t, err)
	home := newHome(t)
	env := environment(home)
	require.NoError(t, os.Mkdir(filepath.Join(home, "bin"), 0o755)) // where make puts the binary
	require.NoError(t, os.Symlink(path, filepath.Join(home, "bin", "switchboard")))
	documents, err := filepath.Abs(filepath.Join(root, "docs"))
	require.NoError(t, err)
	require.NoError(t, os.Symlink(documents, filepath.Join(home, "docs")))
	began := time.Now()
	demo := start(t, env, "demo", "--addr", "127.0.0.1:0") // what make demo does once it has built, on any free port
	ready := time.Now()

	// A line before each block tells their output apart.
	mark := func(s step) string { return fmt.Sprintf("--- line %d ---", s.line) }
	var script strings.Builder
	for _, s := range all[1:] {
		fmt.Fprintf(&script, "echo '%s'\n%s", mark(s), s.code)
	}
	script.WriteString("echo '--- end ---'\n")
	file := filepath.Join(home, "page.sh")
	require.NoError(t, os.WriteFile(file, []byte(script.String()), 0o600))
	var stdout, stderr bytes.Buffer
	sh := exec.CommandContext(t.Context(), "sh", "-eu", file)
	sh.Dir, sh.Env, sh.Stdout, sh.Stderr = home, append(env, besides...), &stdout, &stderr
	err = sh.Run()
	require.NoError(t, err, "the page said:\n%s\n%s", stdout.String(), stderr.String())
	// How long depends on the machine, so it is told and not asserted.
	t.Logf("%s: the demo was ready after %s, and the page's own commands took %s", name, ready.Sub(began).Round(time.Millisecond), time.Since(ready).Round(time.Millisecond))

	rest := stdout.String()
	for n, s := range all[1:] {
		next := "--- end ---"
		if n+2 < len(all) {
			next = mark(all[n+2])
		}
		_, after, ok := strings.Cut(rest, mark(s)+"\n")
		require.True(t, ok, "line %d was not reached", s.line)
		got, _, ok := strings.Cut(after, next+"\n")
		require.True(t, ok, "what follows line %d was not reached", s.line)
		if s.want == nil {
			require.Empty(t, got, "line %d prints what the page does not show", s.line)
		} else {
			require.Equal(t, *s.want, got, "what the block at line %d prints", s.line)
		}
		rest = after
	}
	require.Equal(t, 0, demo.stop())
}
