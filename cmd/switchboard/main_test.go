package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/app"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/signature"
)

// try runs the program with arguments, and returns its exit code and what it wrote.
func try(args ...string) (code int, out, errs string) {
	var stdout, stderr bytes.Buffer
	code = run(args, &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func TestHelp_ListsEveryCommand(t *testing.T) {
	t.Parallel()
	code, out, errs := try("help")
	require.Zero(t, code)
	require.Empty(t, errs)
	for _, c := range commands() {
		require.Regexp(t, `(?m)^  `+c.name+` +\S`, out)
		for _, ask := range [][]string{{c.name, "--help"}, {"help", c.name}} {
			code, help, errs := try(ask...)
			require.Zero(t, code, ask)
			require.Empty(t, errs)
			require.Contains(t, help, "Usage: switchboard "+c.name)
		}
	}
}

func TestHelp_OfServeListsEverySetting(t *testing.T) {
	t.Parallel()
	_, out, _ := try("serve", "--help")
	for _, s := range app.Settings {
		require.Contains(t, out, s.Name)
		require.Contains(t, out, s.Doc)
	}
	require.Contains(t, out, "--data DIR")
}

func TestHelp_OfEveryPart(t *testing.T) {
	t.Parallel()
	for _, part := range [][]string{{"tenant", "open"}, {"tenant", "list"}, {"client", "create"}, {"client", "rotate"}, {"client", "revoke"}, {"keys", "rotate"}, {"import", "esco"}, {"import", "postcodes"}} {
		code, out, errs := try(append(part, "--help")...)
		require.Zero(t, code, part)
		require.Empty(t, errs)
		require.Contains(t, out, "Usage: switchboard "+strings.Join(part, " "))
	}
}

func TestMisuse_EndsWithTwoAndOneSentence(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		says string
	}{
		{nil, "say what to do"},
		{[]string{"fly"}, `no command "fly"`},
		{[]string{"serve", "--fast"}, "not defined: -fast"},
		{[]string{"serve", "now"}, `"now" is one argument too many`},
		{[]string{"token"}, "an argument is missing"},
		{[]string{"token", "abc"}, "an id like cli_"},
		{[]string{"tenant"}, "tenant open|list"},
		{[]string{"tenant", "close"}, `"close" is none of`},
		{[]string{"tenant", "open", "--slug", "a"}, "--slug and --name"},
		{[]string{"client", "create", "--role", "viewer", "--name", "A"}, "unless it is an operator, --tenant"},
		{[]string{"client", "create", "--role", "operator", "--name", "A", "--tenant", "a"}, "unless it is an operator, --tenant"},
		{[]string{"client", "create", "--role", "employer", "--name", "A", "--tenant", "a", "--organisation", "x"}, "an id like org_"},
		{[]string{"client", "rotate", "cli_x", "cli_y"}, "one argument too many"},
		{[]string{"keys"}, "keys rotate"},
		{[]string{"import"}, "import esco|postcodes"},
		{[]string{"import", "esco"}, "an argument is missing"},
		{[]string{"import", "postcodes"}, "an argument is missing"},
		{[]string{"import", "esco", "dir", "--version", ""}, "1 to 100 characters"},
		{[]string{"migrate", "--database", "x"}, "go with --bootstrap"},
	} {
		code, out, errs := try(c.args...)
		require.Equal(t, 2, code, c.args)
		require.Empty(t, out)
		require.Contains(t, errs, c.says)
		require.Regexp(t, `(?m)^switchboard: .+\n\z`, errs, "the last line is the sentence")
	}
}

func TestVersion_IsThatOfTheDocument(t *testing.T) {
	t.Parallel()
	code, out, _ := try("version")
	require.Zero(t, code)
	require.True(t, strings.HasPrefix(out, "switchboard "+app.Version+" "))
}

func TestSentence_OfAFaultKeepsItsCauseToItself(t *testing.T) {
	t.Parallel()
	_, err := os.Open(filepath.Join(t.TempDir(), "nothing"))
	require.Error(t, err)
	require.Equal(t, "It exists already.", sentence(fault.Exists.Because(err)))
	require.Equal(t, "Some members are not right. name is required.", sentence(fault.At("/name", fault.Required)))
	require.Contains(t, sentence(fault.Busy.Because(err)), "nothing", "what keeps the database from answering is worth knowing")
}

// lines is what a listener writes, for who waits for some of it.
type lines struct {
	mu   sync.Mutex
	text string
	news chan struct{}
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	l.text += string(p)
	l.mu.Unlock()
	select {
	case l.news <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text
}

func TestListen_KeepsToItselfWhereItForwardsTo(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	r := &receiver{out: &out, errs: &errs, forward: "http://127.0.0.1:1/in?key=CANARY"}
	answer := httptest.NewRecorder()
	r.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/hook", strings.NewReader(`{"type":"leerbewijs.issued"}`)))
	require.Equal(t, http.StatusBadGateway, answer.Code)
	require.Equal(t, "the receiver cannot be reached\n", answer.Body.String())
	require.Contains(t, errs.String(), "CANARY")
}

func TestListen_ChecksSignaturesAndEndsAfterItsType(t *testing.T) {
	t.Parallel()
	secretFile := filepath.Join(t.TempDir(), "secret")
	var out bytes.Buffer
	errs := &lines{news: make(chan struct{}, 1)}
	ended := make(chan error, 1)
	go func() {
		ended <- listen(context.Background(), terminal{&out, errs}, []string{"--addr", "127.0.0.1:0", "--secret-file", secretFile, "--until", "leerbewijs.issued"})
	}()
	<-errs.news
	base := regexp.MustCompile(`http://\S+`).FindString(errs.String())

	secret := signature.NewSecret()
	deliver := func(kind, key string) int {
		body := []byte(`{"type":"` + kind + `","timestamp":"2027-01-11T08:00:00Z","data":{}}`)
		now := time.Now()
		signed, err := signature.Sign("evt_1", now, body, key)
		require.NoError(t, err)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/hook", bytes.NewReader(body))
		require.NoError(t, err)
		req.Header.Set(signature.HeaderID, "evt_1")
		req.Header.Set(signature.HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
		req.Header.Set(signature.HeaderSignature, signed)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp.StatusCode
	}
	require.Equal(t, http.StatusNoContent, deliver("webhook_endpoint.tested", secret), "before its secret is known")
	require.NoError(t, os.WriteFile(secretFile, []byte(secret+"\n"), 0o600))
	require.Equal(t, http.StatusUnauthorized, deliver("leerbewijs.issued", signature.NewSecret()), "of another secret")
	require.Equal(t, http.StatusNoContent, deliver("leerbewijs.revoked", secret), "another type")
	require.Equal(t, http.StatusNoContent, deliver("leerbewijs.issued", secret))
	require.NoError(t, <-ended)
	require.Equal(t, []string{"webhook_endpoint.tested evt_1 unchecked", "leerbewijs.issued evt_1 refused", "leerbewijs.revoked evt_1 verified",
		"leerbewijs.issued evt_1 verified"}, regexp.MustCompile(`(?m)^\S+ \S+ \S+`).FindAllString(out.String(), -1))
}
