package postgres

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// childVariable makes the test binary a parent of a server that waits to be killed: a data directory, or "ephemeral".
const childVariable = "SWITCHBOARD_POSTGRES_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		s, err := Start(context.Background(), Options{Dir: dir, Ephemeral: dir == "ephemeral"})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Printf("%s\n%s\n", s.home, s.SuperURL("postgres"))
		<-s.Done()
		os.Exit(1)
	}
	syscall.Umask(0o022) // under root, PostgreSQL's user must reach the directories that tests make
	os.Exit(m.Run())
}

// child starts a server in another process.
func child(t *testing.T, dir string) (process *os.Process, home, url string) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childVariable+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan())
	home = lines.Text()
	require.True(t, lines.Scan())
	return cmd.Process, home, lines.Text()
}

// dataDir is a directory that the server's user can reach under root too: testing closes its own to others.
func dataDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	return dir
}

func start(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Logf("stopping: %v", err)
		}
		if placed, err := filepath.Rel("/var/lib/switchboard", s.home); err == nil && filepath.IsLocal(placed) {
			_ = os.RemoveAll(s.home)
		}
	})
	return s
}

// do runs statements and returns the text of the last row, if any.
func do(t *testing.T, url string, statements ...string) (answer string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	for _, statement := range statements {
		results, err := conn.PgConn().Exec(t.Context(), statement).ReadAll()
		require.NoError(t, err, statement)
		for _, result := range results {
			for _, row := range result.Rows {
				answer = string(row[0])
			}
		}
	}
	return answer
}

const (
	write42 = "create table kept (n int)"
	insert  = "insert into kept values (42)"
	read    = "select n from kept"
)

// over waits until every process of a server has ended: all of them hold its log locked.
func over(t *testing.T, log *os.File) {
	t.Helper()
	require.NoError(t, syscall.Flock(int(log.Fd()), syscall.LOCK_EX))
	require.NoError(t, syscall.Flock(int(log.Fd()), syscall.LOCK_UN))
}

func openLog(t *testing.T, home string) *os.File {
	t.Helper()
	log, err := os.Open(filepath.Join(home, "log"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = log.Close() })
	return log
}

func pidOf(t *testing.T, home string) int {
	t.Helper()
	pid, _ := cluster{home: home}.postmaster()
	require.Positive(t, pid)
	return pid
}

func TestStart_KeepsItsData(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(dataDir(t), "data")
	s := start(t, Options{Dir: dir, MaxConnections: 17})
	url := s.SuperURL("postgres")
	do(t, url, write42, insert)

	require.Equal(t, "17", do(t, url, "show max_connections"))
	require.Equal(t, "", do(t, url, "show listen_addresses"), "no port is open")
	require.Equal(t, "on", do(t, url, "show fsync"))
	require.Equal(t, "on", do(t, url, "show data_checksums"))
	require.Equal(t, "UTC", do(t, url, "show timezone"))
	require.Equal(t, "éénpersoons", do(t, url, "select lower('ÉÉNPERSOONS')"))
	require.Equal(t, "'een':1", do(t, url, "select to_tsvector('dutch', 'ÉÉN')"))
	require.Equal(t, "een", do(t, url, "select min(x) from (values ('ëen'), ('een')) v (x)"))

	require.NoError(t, s.Stop(t.Context()))
	require.NoError(t, s.Stop(t.Context()), "a second stop is harmless")
	_, more := <-s.Done()
	require.False(t, more, "a stop is no death")
	_, err := pgx.Connect(t.Context(), url)
	require.Error(t, err)

	again := start(t, Options{Dir: dir})
	require.Equal(t, "42", do(t, again.SuperURL("postgres"), read))
}

func TestStart_IsPrivate(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Dir: dataDir(t)})
	for name, mode := range map[string]fs.FileMode{"": 0o700, "password": 0o600, "log": 0o600, "data": 0o700} {
		info, err := os.Stat(filepath.Join(s.home, name))
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode().Perm(), name)
	}
	_, err := pgx.Connect(t.Context(), s.URL(superuser, "wrong", "postgres"))
	require.Error(t, err)

	do(t, s.SuperURL("postgres"), `create role "app/1" login password 'a b?&@'`)
	require.Equal(t, "app/1", do(t, s.URL("app/1", "a b?&@", "postgres"), "select current_user"))

	// What the product does not log, its database does not log either.
	conn, err := pgx.Connect(t.Context(), s.SuperURL("postgres"))
	require.NoError(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), "create table people (name text unique)")
	require.NoError(t, err)
	for range 2 {
		_, err = conn.Exec(t.Context(), "insert into people values ('Verzonnen Persoon')")
	}
	require.Error(t, err)
	text, err := os.ReadFile(filepath.Join(s.home, "log"))
	require.NoError(t, err)
	require.Contains(t, string(text), "people_name_key")
	require.NotContains(t, string(text), "Verzonnen")
}

func TestStart_RefusesASecondOne(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	s := start(t, Options{Dir: dir})
	_, err := Start(t.Context(), Options{Dir: dir})
	require.ErrorIs(t, err, ErrInUse)
	require.ErrorContains(t, err, "process "+strconv.Itoa(os.Getpid()))
	require.Equal(t, "1", do(t, s.SuperURL("postgres"), "select 1"), "the first one goes on")
}

func TestStart_EndsWithAKilledParent(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	parent, home, url := child(t, dir)
	do(t, url, write42, insert)
	log := openLog(t, home)
	require.NoError(t, parent.Kill())
	over(t, log)
	require.NoFileExists(t, filepath.Join(home, "data", "postmaster.pid"), "an orderly shutdown")

	s := start(t, Options{Dir: dir})
	require.Equal(t, "42", do(t, s.SuperURL("postgres"), read))
}

func TestStart_WaitsForTheEndOfAnEarlierOne(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	parent, _, url := child(t, dir)
	do(t, url, write42, insert)
	require.NoError(t, parent.Kill())
	_, err := parent.Wait()
	require.NoError(t, err)
	s := start(t, Options{Dir: dir})
	require.Equal(t, "42", do(t, s.SuperURL("postgres"), read))
}

func TestStart_Recovers(t *testing.T) {
	t.Parallel()

	t.Run("after PostgreSQL was killed", func(t *testing.T) {
		t.Parallel()
		dir := dataDir(t)
		s := start(t, Options{Dir: dir})
		do(t, s.SuperURL("postgres"), write42, insert)
		require.NoError(t, syscall.Kill(pidOf(t, s.home), syscall.SIGKILL))
		require.Error(t, <-s.Done())
		again := start(t, Options{Dir: dir})
		require.Equal(t, "42", do(t, again.SuperURL("postgres"), read))
		require.Equal(t, s.SuperURL("postgres") == again.SuperURL("postgres"), s.socket == again.socket, "same place, same address")
	})

	t.Run("after its supervisor was killed", func(t *testing.T) {
		t.Parallel()
		dir := dataDir(t)
		s := start(t, Options{Dir: dir})
		do(t, s.SuperURL("postgres"), write42, insert)
		require.NoError(t, s.supervisor.Kill())
		require.Error(t, <-s.Done())
		again := start(t, Options{Dir: dir})
		require.Equal(t, "42", do(t, again.SuperURL("postgres"), read))
	})

	t.Run("after all were killed and another process got the server's number", func(t *testing.T) {
		t.Parallel()
		dir := dataDir(t)
		s := start(t, Options{Dir: dir})
		do(t, s.SuperURL("postgres"), write42, insert)
		pidFile := filepath.Join(s.home, "data", "postmaster.pid")
		text, err := os.ReadFile(pidFile)
		require.NoError(t, err)
		log := openLog(t, s.home)
		require.NoError(t, syscall.Kill(pidOf(t, s.home), syscall.SIGKILL))
		require.Error(t, <-s.Done())
		over(t, log)
		as, err := runner()
		require.NoError(t, err)
		stranger := as.command("/bin/sh", "-c", "read -r line") // PostgreSQL believes only in numbers of its own user
		hold, err := stranger.StdinPipe()
		require.NoError(t, err)
		require.NoError(t, stranger.Start())
		t.Cleanup(func() {
			_ = hold.Close()
			_ = stranger.Wait()
		})
		_, rest, _ := strings.Cut(string(text), "\n")
		require.NoError(t, os.WriteFile(pidFile, []byte(strconv.Itoa(stranger.Process.Pid)+"\n"+rest), 0o600))
		again := start(t, Options{Dir: dir})
		require.Equal(t, "42", do(t, again.SuperURL("postgres"), read))
	})
}

func TestStart_NeverDeletes(t *testing.T) {
	t.Parallel()
	found, err := Find()
	require.NoError(t, err)
	as, err := runner()
	require.NoError(t, err)
	here, ok := inspect(as, found)
	require.True(t, ok)
	plant := func(t *testing.T, path string) {
		t.Helper()
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte("14\n"), 0o600))
	}

	t.Run("another version's cluster: a new one beside it, and people are told", func(t *testing.T) {
		t.Parallel()
		dir := dataDir(t)
		theirs := filepath.Join(dir, "postgres14", "data", "PG_VERSION")
		plant(t, theirs)
		var told []string
		s := start(t, Options{Dir: dir, Log: func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }})
		require.Equal(t, "1", do(t, s.SuperURL("postgres"), "select 1"))
		require.NoError(t, s.Stop(t.Context()))
		require.FileExists(t, theirs)
		require.True(t, slices.ContainsFunc(told, func(line string) bool { return strings.Contains(line, "postgres14") }), told)
	})

	for name, planted := range map[string]string{
		"data of another version in our place": "data/PG_VERSION",
		"files that are no cluster":            "data/holiday.jpg",
		"a cluster that we did not make":       "PG_VERSION",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := dataDir(t)
			theirs := filepath.Join(homeOf(dir, here.major), planted)
			plant(t, theirs)
			_, err := Start(t.Context(), Options{Dir: dir})
			require.ErrorContains(t, err, "left as it is")
			require.FileExists(t, theirs)
		})
	}

	t.Run("a cluster without its password", func(t *testing.T) {
		t.Parallel()
		dir := dataDir(t)
		s := start(t, Options{Dir: dir})
		require.NoError(t, s.Stop(t.Context()))
		require.NoError(t, os.Remove(filepath.Join(s.home, "password")))
		_, err := Start(t.Context(), Options{Dir: dir})
		require.ErrorContains(t, err, "password")
		require.FileExists(t, filepath.Join(s.home, "data", "PG_VERSION"))
	})
}

func TestStart_AnyDirectory(t *testing.T) {
	t.Parallel()

	t.Run("too deep for a socket, with a space and a comma", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(dataDir(t), strings.Repeat("deep down, ", 12), "a 'quote\"")
		s := start(t, Options{Dir: dir})
		require.Equal(t, "1", do(t, s.SuperURL("postgres"), "select 1"))
		require.NotEqual(t, s.home, s.socket)
		require.NoError(t, s.Stop(t.Context()))
		require.NoDirExists(t, s.socket)
		require.Equal(t, "1", do(t, start(t, Options{Dir: dir}).SuperURL("postgres"), "select 1"))
	})

	t.Run("closed to everybody else", func(t *testing.T) {
		t.Parallel()
		closed := filepath.Join(dataDir(t), "closed")
		require.NoError(t, os.Mkdir(closed, 0o700))
		dir := filepath.Join(closed, "data")
		s := start(t, Options{Dir: dir})
		do(t, s.SuperURL("postgres"), write42, insert)
		require.NoError(t, s.Stop(t.Context()))
		again := start(t, Options{Dir: dir})
		require.Equal(t, s.home, again.home)
		require.Equal(t, "42", do(t, again.SuperURL("postgres"), read))
		info, err := os.Stat(closed)
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o700), info.Mode().Perm(), "it stays closed")
	})

	t.Run("none", func(t *testing.T) {
		t.Parallel()
		_, err := Start(t.Context(), Options{})
		require.ErrorContains(t, err, "needs a data directory")
	})
}

func TestStart_GivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := dataDir(t)
	_, err := Start(ctx, Options{Dir: dir})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, "1", do(t, start(t, Options{Dir: dir}).SuperURL("postgres"), "select 1"), "the next start succeeds")
}

func TestStart_Ephemeral(t *testing.T) {
	t.Parallel()

	t.Run("is gone after Stop", func(t *testing.T) {
		t.Parallel()
		s, other := start(t, Options{Ephemeral: true}), start(t, Options{Ephemeral: true})
		require.NotEqual(t, s.home, other.home)
		require.Equal(t, "off", do(t, s.SuperURL("postgres"), "show fsync"))
		require.NoError(t, s.Stop(t.Context()))
		require.NoDirExists(t, s.home)
		require.Equal(t, "1", do(t, other.SuperURL("postgres"), "select 1"))
	})

	t.Run("is gone after its parent was killed", func(t *testing.T) {
		t.Parallel()
		parent, home, url := child(t, "ephemeral")
		do(t, url, write42)
		log := openLog(t, home)
		require.NoError(t, parent.Kill())
		over(t, log)
		require.NoDirExists(t, home)
	})
}

func TestFind(t *testing.T) {
	t.Parallel()
	as, err := runner()
	require.NoError(t, err)

	t.Run("says what to do where there is none", func(t *testing.T) {
		t.Parallel()
		for _, list := range [][]string{nil, {"", "relative/bin", "/no/such/*/bin"}} {
			_, err := find(as, list)
			require.ErrorIs(t, err, ErrNotFound)
			require.ErrorContains(t, err, "make postgres")
			require.ErrorContains(t, err, "DATABASE_URL")
		}
	})

	t.Run("passes over what is old, broken or incomplete, and takes newer before older", func(t *testing.T) {
		t.Parallel()
		dir := dataDir(t)
		program := func(name, version string, files ...string) string {
			bin := filepath.Join(dir, name, "bin")
			require.NoError(t, os.MkdirAll(bin, 0o755))
			for _, file := range files {
				script := "#!/bin/sh\n" + version + "\n"
				require.NoError(t, os.WriteFile(filepath.Join(bin, file), []byte(script), 0o755))
			}
			return bin
		}
		program("old", "echo 'postgres (PostgreSQL) 14.9'", "postgres", "initdb")
		program("broken", "exit 1", "postgres", "initdb")
		program("mute", "echo hello", "postgres", "initdb")
		program("half", "echo 'postgres (PostgreSQL) 17.1'", "postgres")
		a := program("a", "echo 'postgres (PostgreSQL) 16.14 (Debian 16.14-1)'", "postgres", "initdb")
		b := program("b", "echo 'postgres (PostgreSQL) 18beta1'", "postgres", "initdb")
		links := filepath.Join(dir, "links")
		require.NoError(t, os.Mkdir(links, 0o755))
		require.NoError(t, os.Symlink(filepath.Join(a, "postgres"), filepath.Join(links, "postgres")))

		found, err := find(as, []string{filepath.Join(dir, "*", "bin"), links})
		require.NoError(t, err)
		require.Equal(t, []installation{{b, 18}, {a, 16}}, found)
		found, err = find(as, []string{links})
		require.NoError(t, err)
		require.Equal(t, []installation{{a, 16}}, found)
	})
}

func TestShared(t *testing.T) {
	t.Parallel()
	url, err := Shared(t.Context())
	require.NoError(t, err)
	require.Equal(t, "on", do(t, url, "select current_setting('is_superuser')"))
	again, err := Shared(t.Context())
	require.NoError(t, err)
	require.Equal(t, url, again)
}
