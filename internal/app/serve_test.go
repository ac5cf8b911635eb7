package app_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/app"
	"github.com/switchingtalent/switchboard/internal/platform/postgres"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// patience is how long anything that a test waits for may take on a busy machine, before the test gives up.
const patience = 2 * time.Minute

// program builds the binary once, like the test itself: with the race detector if that is on.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "switchboard-program-")
	if err != nil {
		return "", err
	}
	removeAtEnd = append(removeAtEnd, dir)
	args := []string{"build", "-buildvcs=false"}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "-race" && s.Value == "true" {
				args = append(args, "-race")
			}
		}
	}
	path := filepath.Join(dir, "switchboard")
	cmd := exec.Command("go", append(args, "-o", path, "./cmd/switchboard")...)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building the binary: %w\n%s", err, out)
	}
	return path, os.Chmod(dir, 0o755)
})

var removeAtEnd []string

func TestMain(m *testing.M) {
	code := m.Run()
	for _, dir := range removeAtEnd {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// output keeps what a process writes, and tells who waits for a line.
type output struct {
	mu    sync.Mutex
	text  bytes.Buffer
	match *regexp.Regexp
	found chan string
}

func (o *output) read(r io.Reader) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		o.mu.Lock()
		o.text.WriteString(line)
		if m := o.match.FindStringSubmatch(line); m != nil {
			select {
			case o.found <- m[1]:
			default:
			}
		}
		o.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// process is a switchboard that runs.
type process struct {
	t         *testing.T
	cmd       *exec.Cmd
	base      string // where it answers
	out, errs *output
	ended     chan struct{} // closed when it has
}

// newHome makes a directory for a test that everybody may enter: under root PostgreSQL runs as somebody else, and would
// keep its data elsewhere.
func newHome(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "switchboard-home-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	return dir
}

// environment is that of a person who never used the program, with a home of their own. Nothing that it starts calls anywhere else
// than this machine.
func environment(home string, more ...string) []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "XDG_DATA_HOME=" + home, "TMPDIR=" + os.TempDir(), onlyLoopback}, more...)
}

// launch starts the binary without waiting for anything.
func launch(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	path, err := program()
	require.NoError(t, err)
	p := &process{t: t, cmd: exec.Command(path, args...), ended: make(chan struct{}),
		out:  &output{match: regexp.MustCompile(`^Switchboard's demo answers on (\S+)`), found: make(chan string, 1)},
		errs: &output{match: regexp.MustCompile(`"msg":"serving","addr":"([^"]+)"|"msg":"(working)"`), found: make(chan string, 1)}}
	require.Contains(t, env, onlyLoopback)
	p.cmd.Env = env
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	stderr, err := p.cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	go func() {
		var reading sync.WaitGroup
		reading.Go(func() { p.out.read(stdout) })
		reading.Go(func() { p.errs.read(stderr) })
		reading.Wait()
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%v wrote:\n%s%s", args, p.out, p.errs)
		}
		select {
		case <-p.ended:
		default:
			p.stop()
		}
	})
	return p
}

// start starts the binary and waits until it serves.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := launch(t, env, args...)
	select {
	case p.base = <-p.out.found:
	case addr := <-p.errs.found:
		p.base = "http://" + addr
	case <-p.ended:
		require.Fail(t, "it ended before it served", "%s%s", p.out, p.errs)
	case <-time.After(patience):
		require.Fail(t, "it does not serve", "%s%s", p.out, p.errs)
	}
	return p
}

// wait waits for the end and returns the exit code, -1 when a signal ended it.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		require.Fail(p.t, "it does not end", "%s%s", p.out, p.errs)
	}
	require.NotContains(p.t, p.errs.String(), "DATA RACE")
	return p.cmd.ProcessState.ExitCode()
}

// stop asks the process to end, as a service manager would.
func (p *process) stop() int {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGTERM))
	return p.wait()
}

// kill gives it no time for anything.
func (p *process) kill() {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Kill())
	p.wait()
}

// succeed runs a command of the binary to its end, and decodes the JSON that it prints into out, if any.
func succeed(t *testing.T, env []string, out any, args ...string) {
	t.Helper()
	p := launch(t, env, args...)
	require.Equal(t, 0, p.wait(), "%v: %s", args, p.errs)
	if out != nil {
		require.NoError(t, json.Unmarshal([]byte(p.out.String()), out))
	}
}

// refused runs a command that must fail, and returns the sentence that it says.
func refused(t *testing.T, env []string, args ...string) string {
	t.Helper()
	p := launch(t, env, args...)
	require.Equal(t, 1, p.wait(), "%v: %s", args, p.errs)
	return p.errs.String()
}

// postmaster is the process of the PostgreSQL in a data directory.
func postmaster(t *testing.T, data string) int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(data, "postgres*", "data", "postmaster.pid"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	b, err := os.ReadFile(files[0])
	require.NoError(t, err)
	first, _, _ := strings.Cut(string(b), "\n")
	pid, err := strconv.Atoi(first)
	require.NoError(t, err)
	return pid
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

// remote calls a process over the network.
type remote struct {
	base, token string
}

var network = &http.Client{Timeout: patience}

// call sends a request. The error is that of the network; a status is no error.
func (r remote) call(ctx context.Context, method, path, key string, body any) (int, http.Header, map[string]any, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return 0, nil, nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, r.base+path, bytes.NewReader(b))
	if err != nil {
		return 0, nil, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	if body == nil {
		req.Body, req.ContentLength = nil, 0
	} else {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := network.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil, nil, err
	}
	var out map[string]any
	if len(all) > 0 && strings.Contains(resp.Header.Get("Content-Type"), "json") {
		err = json.Unmarshal(all, &out)
	}
	return resp.StatusCode, resp.Header, out, err
}

// must sends a request that has to be answered with a status.
func (r remote) must(t *testing.T, status int, method, path string, body any) map[string]any {
	t.Helper()
	got, _, out, err := r.call(t.Context(), method, path, "", body)
	require.NoError(t, err)
	require.Equal(t, status, got, "%s %s: %v", method, path, out)
	return out
}

// all reads every page of a list.
func (r remote) all(t *testing.T, path string) []map[string]any {
	t.Helper()
	u, err := url.Parse(path)
	require.NoError(t, err)
	q := u.Query()
	q.Set("limit", "100")
	var out []map[string]any
	for {
		page := r.must(t, http.StatusOK, http.MethodGet, u.Path+"?"+q.Encode(), nil)
		for _, one := range page["data"].([]any) {
			out = append(out, one.(map[string]any))
		}
		if page["has_more"] != true {
			return out
		}
		q.Set("cursor", page["next_cursor"].(string))
	}
}

// login gets a token for a client of a process.
func login(t *testing.T, base, id, secret string) remote {
	t.Helper()
	resp, err := network.PostForm(base+"/oauth/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}})
	require.NoError(t, err)
	defer resp.Body.Close()
	var out struct {
		AccessToken string `json:"access_token"`
	}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&out))
	require.NotEmpty(t, out.AccessToken, "status %d", resp.StatusCode)
	return remote{base, out.AccessToken}
}

type adminClient struct {
	AdminClient struct {
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
	} `json:"admin_client"`
}

func (a adminClient) login(t *testing.T, p *process) remote {
	t.Helper()
	return login(t, p.base, a.AdminClient.ClientID, a.AdminClient.ClientSecret)
}

// installation is a data directory with a server on it and one tenant.
type installation struct {
	env   []string
	data  string
	admin adminClient
}

func (i installation) start(t *testing.T) *process {
	t.Helper()
	return start(t, i.env, "serve", "--addr", "127.0.0.1:0", "--data", i.data)
}

func install(t *testing.T) (installation, *process) {
	t.Helper()
	home := newHome(t)
	i := installation{env: environment(home, "SWITCHBOARD_CLIENT_LIMIT=10000000"), data: filepath.Join(home, "d")}
	p := i.start(t)
	succeed(t, i.env, &i.admin, "tenant", "open", "--slug", "proef", "--name", "Proef", "--data", i.data)
	return i, p
}

// receiver is an endpoint that takes everything, and remembers how often each event came.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	seen  map[string]int // by webhook-id
	news  chan struct{}
	calls atomic.Int64
}

func receive(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{seen: map[string]int{}, news: make(chan struct{}, 1)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.calls.Add(1)
		r.mu.Lock()
		r.seen[req.Header.Get("webhook-id")]++
		r.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
		select {
		case r.news <- struct{}{}:
		default:
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// until waits until what it received is enough.
func (r *receiver) until(t *testing.T, enough func(seen map[string]int) bool) {
	t.Helper()
	over := time.After(patience)
	for {
		r.mu.Lock()
		ok := enough(r.seen)
		r.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-r.news:
		case <-over:
			require.Fail(t, "not everything was delivered", "%d different events came", len(r.seen))
		}
	}
}

// writes makes organisations at the same time, each with its own Idempotency-Key, and keeps at each of them until it is
// acknowledged by the process that current names then.
type writes struct {
	current func() remote
	mu      sync.Mutex
	ids     map[int]string // acknowledged, by their number
	acks    chan int       // how many are
}

const hundred = 100

func (w *writes) run(ctx context.Context, wg *sync.WaitGroup) {
	next := make(chan int)
	wg.Go(func() {
		defer close(next)
		for n := range hundred {
			next <- n
		}
	})
	for range 8 {
		wg.Go(func() {
			for n := range next {
				w.write(ctx, n)
			}
		})
	}
}

func (w *writes) write(ctx context.Context, n int) {
	body := map[string]any{"name": organisationName(n), "kind": "profit", "sector": "proef"}
	for ctx.Err() == nil {
		status, _, out, err := w.current().call(ctx, http.MethodPost, "/v1/organisations", "key-"+strconv.Itoa(n), body)
		if err != nil || status != http.StatusCreated {
			select { // killed, busy, or still running: the same key settles it
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
			continue
		}
		w.mu.Lock()
		w.ids[n], _ = out["id"].(string)
		done := len(w.ids)
		w.mu.Unlock()
		w.acks <- done
		return
	}
}

func organisationName(n int) string { return "Werkgever " + strconv.Itoa(n) }

// acknowledged waits until so many are.
func (w *writes) acknowledged(t *testing.T, enough int) {
	t.Helper()
	over := time.After(patience)
	for {
		select {
		case n := <-w.acks:
			if n >= enough {
				return
			}
		case <-over:
			require.Fail(t, "the writes do not come through")
		}
	}
}

// nothingLost holds what is there to what was acknowledged: each write once, with its fact, one delivery of it, and that
// received under the id of the fact.
func (w *writes) nothingLost(t *testing.T, r remote, endpoint string, to *receiver) {
	t.Helper()
	require.Len(t, w.ids, hundred)
	byName := map[string]string{}
	for _, o := range r.all(t, "/v1/organisations") {
		byName[o["name"].(string)] = o["id"].(string)
	}
	require.Len(t, byName, hundred, "each was made once")
	events := map[string]string{} // by subject
	for _, e := range r.all(t, "/v1/events?types=organisation.created") {
		subject := e["data"].(map[string]any)["subject_id"].(string)
		require.NotContains(t, events, subject, "one fact each")
		events[subject] = e["id"].(string)
	}
	require.Len(t, events, hundred)
	deliveries := map[string]int{}
	for _, d := range r.all(t, "/v1/webhook-deliveries?endpoint_id="+endpoint) {
		deliveries[d["event_id"].(string)]++
	}
	for n := range hundred {
		id := w.ids[n]
		require.Equal(t, id, byName[organisationName(n)], "the acknowledged one is there")
		require.Equal(t, 1, deliveries[events[id]], "one delivery row of %s", id)
	}
	to.until(t, func(seen map[string]int) bool {
		for _, e := range events {
			if seen[e] == 0 {
				return false
			}
		}
		return true
	})
}

func newWrites() *writes { return &writes{ids: map[int]string{}, acks: make(chan int, hundred)} }

func (r *receiver) endpoint(t *testing.T, admin remote) string {
	t.Helper()
	e := admin.must(t, http.StatusCreated, http.MethodPost, "/v1/webhook-endpoints", map[string]any{"url": r.URL, "event_types": []string{"organisation.*"}})
	return e["id"].(string)
}

func TestServe_KilledAmongAHundredWritesLosesNone(t *testing.T) {
	t.Parallel()
	i, p := install(t)
	to := receive(t)
	admin := i.admin.login(t, p)
	endpoint := to.endpoint(t, admin)

	w := newWrites()
	var current atomic.Pointer[remote]
	current.Store(&admin)
	w.current = func() remote { return *current.Load() }
	var wg sync.WaitGroup
	w.run(t.Context(), &wg)
	w.acknowledged(t, hundred/4)
	pg := postmaster(t, i.data)
	p.kill()
	p = i.start(t)
	require.NotEqual(t, pg, postmaster(t, i.data), "PostgreSQL ended with the server that started it")
	admin = i.admin.login(t, p)
	current.Store(&admin)
	wg.Wait()
	w.nothingLost(t, admin, endpoint, to)
	require.Equal(t, 0, p.stop())
}

func TestServe_GoesOnAfterItsDatabaseWasKilled(t *testing.T) {
	t.Parallel()
	i, p := install(t)
	to := receive(t)
	admin := i.admin.login(t, p)
	endpoint := to.endpoint(t, admin)

	w := newWrites()
	w.current = func() remote { return admin }
	var wg sync.WaitGroup
	w.run(t.Context(), &wg)
	w.acknowledged(t, hundred/4)
	pg := postmaster(t, i.data)
	require.NoError(t, syscall.Kill(pg, syscall.SIGKILL))
	wg.Wait()
	require.NotEqual(t, pg, postmaster(t, i.data))
	w.nothingLost(t, admin, endpoint, to)
	require.Equal(t, 0, p.stop())
}

func TestServe_EndsWellWhenAsked(t *testing.T) {
	t.Parallel()
	i, p := install(t)
	pg := postmaster(t, i.data)
	require.True(t, alive(pg))

	// A request of which half has arrived: the server says 100 Continue when its handler begins to read.
	addr := strings.TrimPrefix(p.base, "http://")
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer conn.Close()
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {i.admin.AdminClient.ClientID}, "client_secret": {i.admin.AdminClient.ClientSecret}}.Encode()
	fmt.Fprintf(conn, "POST /oauth/token HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", addr, len(form))
	answers := bufio.NewReader(conn)
	resp, err := http.ReadResponse(answers, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusContinue, resp.StatusCode)

	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	for { // until it takes nobody else
		other, err := net.Dial("tcp", addr)
		if err != nil {
			break
		}
		require.NoError(t, other.Close())
	}
	_, err = io.WriteString(conn, form)
	require.NoError(t, err)
	resp, err = http.ReadResponse(answers, nil)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode, "the request that was running is finished")

	require.Equal(t, 0, p.wait())
	require.False(t, alive(pg), "PostgreSQL is gone")
	require.Contains(t, p.errs.String(), `"msg":"stopped"`)
}

func TestServe_RefusesRolesThatNothingBinds(t *testing.T) {
	t.Parallel()
	d := testkit.NewDatabase(t)
	for _, url := range []string{d.SuperURL, d.OwnerURL} {
		env := environment(newHome(t), "DATABASE_URL="+url)
		require.Contains(t, refused(t, env, "serve", "--addr", "127.0.0.1:0"), "row-level security")
		require.Contains(t, refused(t, env, "work"), "row-level security")
	}
}

func TestServe_RefusesASchemaThatIsNotItsOwn(t *testing.T) {
	t.Parallel()
	d := testkit.NewDatabase(t)
	env := environment(newHome(t), "DATABASE_URL="+d.AppURL)
	_, err := d.Super.Exec(t.Context(), `delete from schema_migrations where version = (select max(version) from schema_migrations)`)
	require.NoError(t, err)
	require.Contains(t, refused(t, env, "serve", "--addr", "127.0.0.1:0"), "run switchboard migrate")
	_, err = d.Super.Exec(t.Context(), `insert into schema_migrations (version, name) values (9999, 'of the future')`)
	require.NoError(t, err)
	require.Contains(t, refused(t, env, "serve", "--addr", "127.0.0.1:0"), "use a newer switchboard")
	_, err = d.Super.Exec(t.Context(), `drop table schema_migrations`)
	require.NoError(t, err)
	require.Contains(t, refused(t, env, "serve", "--addr", "127.0.0.1:0"), "run switchboard migrate")
}

func TestServe_OnADatabaseOfItsOwnChoosing(t *testing.T) {
	t.Parallel()
	d := testkit.NewDatabase(t)
	env := environment(newHome(t), "DATABASE_URL="+d.AppURL, "SWITCHBOARD_METRICS_ADDR=127.0.0.1:0")
	p := start(t, env, "serve", "--addr", "127.0.0.1:0")
	anybody := remote{base: p.base}
	require.Equal(t, true, anybody.must(t, http.StatusOK, http.MethodGet, "/readyz", nil)["ready"])
	anybody.must(t, http.StatusNotFound, http.MethodGet, "/metrics", nil) // they are elsewhere

	var opened adminClient
	succeed(t, env, &opened, "tenant", "open", "--slug", "proef", "--name", "Proef")
	require.Equal(t, "partner_admin", opened.login(t, p).must(t, http.StatusOK, http.MethodGet, "/v1/whoami", nil)["role"])
	require.Equal(t, 0, p.stop())
}

func TestServe_SharesADataDirectoryWithErrandsOnly(t *testing.T) {
	t.Parallel()
	i, p := install(t)
	require.Contains(t, refused(t, i.env, "serve", "--addr", "127.0.0.1:0", "--data", i.data), "stop that one first")
	require.Contains(t, refused(t, i.env, "serve", "--addr", strings.TrimPrefix(p.base, "http://"), "--data", i.data), "cannot listen")
	require.Contains(t, refused(t, i.env, "tenant", "list", "--data", filepath.Join(i.data, "elsewhere")), "there is no installation")

	var made struct {
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
	}
	succeed(t, i.env, &made, "client", "create", "--tenant", "proef", "--role", "viewer", "--name", "Kijker", "--data", i.data)
	require.Equal(t, "viewer", login(t, p.base, made.ClientID, made.ClientSecret).must(t, http.StatusOK, http.MethodGet, "/v1/whoami", nil)["role"])
	addr := strings.TrimPrefix(p.base, "http://")
	issued := launch(t, i.env, "token", made.ClientID, "--addr", addr, "--data", i.data)
	require.Equal(t, 0, issued.wait())
	by := remote{p.base, strings.TrimSpace(issued.out.String())}
	require.Equal(t, made.ClientID, by.must(t, http.StatusOK, http.MethodGet, "/v1/whoami", nil)["client_id"])

	rotated := launch(t, i.env, "keys", "rotate", "--data", i.data)
	require.Equal(t, 0, rotated.wait(), rotated.errs.String())
	require.Regexp(t, `^[A-Za-z0-9_-]{12}\n$`, rotated.out.String())
	by.must(t, http.StatusOK, http.MethodGet, "/v1/whoami", nil) // what the old key signed is good until it expires

	looked := launch(t, i.env, "doctor", "--addr", addr, "--data", i.data)
	require.Equal(t, 0, looked.wait(), looked.out.String())
	require.NotContains(t, looked.out.String(), "WRONG")
	require.NoError(t, os.Chmod(filepath.Join(i.data, "master.key"), 0o644))
	looked = launch(t, i.env, "doctor", "--addr", addr, "--data", i.data)
	require.Equal(t, 1, looked.wait())
	require.Regexp(t, `WRONG +master key .*chmod 600`, looked.out.String())
	require.NoError(t, os.Chmod(filepath.Join(i.data, "master.key"), 0o600))

	old := made.ClientSecret
	succeed(t, i.env, &made, "client", "rotate", made.ClientID, "--overlap", "0", "--data", i.data)
	require.NotEqual(t, old, made.ClientSecret)
	login(t, p.base, made.ClientID, made.ClientSecret)
	succeed(t, i.env, nil, "client", "revoke", made.ClientID, "--data", i.data)
	resp, err := network.PostForm(p.base+"/oauth/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {made.ClientID}, "client_secret": {made.ClientSecret}})
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusUnauthorized, resp.StatusCode)

	require.Equal(t, 0, p.stop())
	listed := launch(t, i.env, "tenant", "list", "--data", i.data) // now it starts the database by itself
	require.Equal(t, 0, listed.wait(), listed.errs.String())
	require.Regexp(t, `ten_\w+ +proef +Proef +live`, listed.out.String())
}

func TestWork_DeliversWhatAServerLeaves(t *testing.T) {
	t.Parallel()
	i, p := install(t)
	require.Equal(t, 0, p.stop())
	p = start(t, i.env, "serve", "--addr", "127.0.0.1:0", "--data", i.data, "--no-work")
	to := receive(t)
	admin := i.admin.login(t, p)
	endpoint := to.endpoint(t, admin)
	admin.must(t, http.StatusCreated, http.MethodPost, "/v1/organisations", map[string]any{"name": "Werkgever", "kind": "profit", "sector": "proef"})
	require.Equal(t, "pending", admin.must(t, http.StatusOK, http.MethodGet, "/v1/webhook-endpoints/"+endpoint, nil)["status"])
	require.Zero(t, to.calls.Load(), "nobody delivers yet")

	worker := start(t, i.env, "work", "--data", i.data)
	to.until(t, func(seen map[string]int) bool { return len(seen) == 2 }) // the test event and the organisation's
	require.Equal(t, 0, worker.stop())
	require.Equal(t, 0, p.stop())
}

func TestMigrate_MakesADatabaseThatServes(t *testing.T) {
	t.Parallel()
	server, err := postgres.Start(t.Context(), postgres.Options{Ephemeral: true}) // its roles get other passwords
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop(context.Background())) })
	env := environment(newHome(t), "DATABASE_URL="+server.URL(app.AppRole, "geheim", "proef"), "MIGRATE_DATABASE_URL="+server.SuperURL("postgres"))
	require.Contains(t, refused(t, env, "migrate"), "not a superuser")
	for range 2 { // a second time changes nothing that the server needs
		made := launch(t, env, "migrate", "--bootstrap")
		require.Equal(t, 0, made.wait(), made.errs.String())
		require.Regexp(t, `^MIGRATE_DATABASE_URL=postgres://switchboard_owner:\w+@/proef\S+\n$`, made.out.String(), "the app role's password was told")
		_, owner, _ := strings.Cut(strings.TrimSpace(made.out.String()), "=")
		migrated := launch(t, environment(newHome(t), "MIGRATE_DATABASE_URL="+owner), "migrate")
		require.Equal(t, 0, migrated.wait(), migrated.errs.String())
		require.Contains(t, migrated.errs.String(), "0 migrations were applied")
	}
	require.Contains(t, refused(t, environment(newHome(t), env[len(env)-2]), "migrate"), "set MIGRATE_DATABASE_URL")
	p := start(t, env, "serve", "--addr", "127.0.0.1:0")
	require.Equal(t, 0, p.stop())
}
