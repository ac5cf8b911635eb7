// Package postgres starts a private, real PostgreSQL under a data directory and ends it with the process that asked.
package postgres

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A shell stands between us and PostgreSQL, because only another process can act after this one was killed. It needs
// no system call of one platform, and PostgreSQL's own initdb could not run without a shell either.
//
//go:embed supervise.sh
var supervise string

const (
	superuser = "postgres"
	// The address of a unix socket holds 104 bytes on macOS and 108 on Linux, the closing zero included.
	maxSocketPath = 103
	socketName    = "/.s.PGSQL.5432"
)

// ErrInUse says that another process runs the cluster of this data directory.
var ErrInUse = errors.New("the data directory is in use")

// Options say where a server keeps its data and how it behaves.
type Options struct {
	// Dir is the data directory; the cluster, its password (0600) and its log live in Dir/postgres<major>. Under root,
	// PostgreSQL runs as another user: where that user cannot reach Dir, Dir/postgres<major> is a link to a directory
	// under /var/lib/switchboard. Nothing below Dir is ever deleted.
	Dir string
	// Ephemeral is for tests: a cluster in a temporary directory, whatever Dir says, that survives no power cut and is
	// removed when the server stops or this process ends, also when it is killed.
	Ephemeral bool
	// MaxConnections is the number of connections that the server takes; 0 means 100.
	MaxConnections int
	// Log tells people about steps that take longer than a second and about choices that they would not expect. It may
	// be called from another goroutine; nil keeps silent.
	Log func(format string, args ...any)
}

// Server is a running PostgreSQL that listens on a unix socket only.
type Server struct {
	home, socket, password string

	parent   io.Closer // our end of the pipe that the supervisor watches
	stop     sync.Once
	stopping atomic.Bool
	done     chan error
	ended    chan struct{} // closed after err was set
	err      error

	supervisor *os.Process
}

// Start starts PostgreSQL and returns once it answers, after recovery if there was a crash. ctx limits the start only.
// The errors are sentences for people; ErrNotFound and ErrInUse can be told apart.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	if o.MaxConnections == 0 {
		o.MaxConnections = 100
	}
	c, err := locate(o)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	s, err := c.start(ctx, o)
	if err != nil {
		if o.Ephemeral {
			_ = os.RemoveAll(c.home)
		}
		return nil, fmt.Errorf("postgres: %w", err)
	}
	return s, nil
}

func (c cluster) start(ctx context.Context, o Options) (*Server, error) {
	claim, err := c.claim(ctx, o)
	if err != nil {
		return nil, err
	}
	s := &Server{home: c.home, socket: c.home, password: claim.password, done: make(chan error, 1), ended: make(chan struct{})}
	remove := ""
	if o.Ephemeral {
		remove = c.home
	} else if len(c.home)+len(socketName) > maxSocketPath || strings.Contains(c.home, ",") { // pgx reads commas as lists
		if s.socket, err = c.temporary("", "switchboard-socket-"); err != nil {
			claim.release()
			return nil, err
		}
		remove = s.socket
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		claim.release()
		return nil, err
	}
	defer theirs.Close()
	s.parent = ours

	args := append([]string{"-c", supervise, "switchboard-postgres", c.bin, c.home, c.initdbFlags(o), remove}, c.settings(o, s.socket)...)
	cmd := c.command("/bin/sh", args...)
	cmd.Stdout, cmd.Stderr = claim.log, claim.log
	cmd.ExtraFiles = []*os.File{theirs}
	action := "starting"
	if claim.fresh {
		action = "making and starting"
	}
	quick := slowly(o.Log, "%s PostgreSQL %d in %s", action, c.major, c.home)
	defer quick()
	if err := cmd.Start(); err != nil {
		_ = ours.Close()
		claim.release()
		return nil, err
	}
	s.supervisor = cmd.Process
	go s.wait(cmd, claim)

	if err := c.answers(ctx, s); err != nil {
		_ = s.Stop(context.WithoutCancel(ctx))
		return nil, err
	}
	return s, nil
}

// settings are the server's arguments. Errors are logged without statements, values and details: those are people's data.
func (c cluster) settings(o Options, socket string) []string {
	settings := []string{
		"listen_addresses=", "unix_socket_directories=" + pgx.Identifier{socket}.Sanitize(), "port=5432",
		"max_connections=" + strconv.Itoa(o.MaxConnections), "shared_buffers=128MB",
		"timezone=UTC", "log_timezone=UTC", "logging_collector=off", "log_destination=stderr", "log_checkpoints=off",
		"log_error_verbosity=terse", "log_min_error_statement=panic",
	}
	if o.Ephemeral {
		settings = append(settings, "fsync=off", "synchronous_commit=off", "full_page_writes=off",
			"wal_level=minimal", "max_wal_senders=0")
	}
	var args []string
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	return args
}

// initdbFlags choose text that sorts by code point, the same on every machine, and knows the letters of every language.
func (c cluster) initdbFlags(o Options) string {
	flags := "--no-instructions --locale=C"
	if runtime.GOOS == "darwin" {
		flags += " --lc-ctype=en_US.UTF-8" // for full text search, whatever the provider
	} else {
		flags += " --lc-ctype=C.UTF-8"
	}
	if c.major >= 17 {
		flags += " --locale-provider=builtin --builtin-locale=C.UTF-8"
	}
	if o.Ephemeral {
		return flags + " --no-sync"
	}
	return flags + " --data-checksums"
}

func (s *Server) wait(cmd *exec.Cmd, claim *claim) {
	err := cmd.Wait()
	_ = s.parent.Close()
	lastWords := claim.lastWords()
	claim.release()
	if err != nil {
		s.err = fmt.Errorf("PostgreSQL in %s ended: %w; its last words:\n%s", s.home, err, lastWords)
	} else if !s.stopping.Load() {
		s.err = fmt.Errorf("PostgreSQL in %s was stopped by somebody else", s.home)
	}
	if !s.stopping.Load() {
		s.done <- s.err
	}
	close(s.done)
	close(s.ended)
}

// answers waits for the server as long as it lives: recovery after a crash takes what it takes.
func (c cluster) answers(ctx context.Context, s *Server) error {
	for {
		_, note := c.postmaster()
		ready := strings.HasSuffix(strings.TrimSpace(note), "ready")
		conn, err := pgx.Connect(ctx, s.SuperURL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		var refusal *pgconn.PgError
		startingUp := errors.As(err, &refusal) && refusal.Code == "57P03" // cannot_connect_now
		if ready && !startingUp && ctx.Err() == nil {
			return fmt.Errorf("PostgreSQL in %s runs but does not let us in: %w", c.home, err)
		}
		select {
		case <-s.ended:
			return s.err
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL in %s did not answer in time: %w", c.home, context.Cause(ctx))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// URL is the address of a database for pgx, over the unix socket. The role's password is not checked here. In a
// directory whose path is too long for a socket the address changes with every start.
func (s *Server) URL(role, password, database string) string {
	host := strings.ReplaceAll(url.QueryEscape(s.socket), "+", "%20") // pgx takes a + for a +
	query := "host=" + host + "&port=5432&sslmode=disable"
	u := url.URL{Scheme: "postgres", User: url.UserPassword(role, password), Path: "/" + database, RawQuery: query}
	return u.String()
}

// SuperURL is the address of a database for the cluster's superuser.
func (s *Server) SuperURL(database string) string { return s.URL(superuser, s.password, database) }

// Stop ends the server: connections are cut, what was committed is kept. It waits until ctx ends; the shutdown goes on
// even then. A second call waits too and does nothing else. The error says that PostgreSQL did not end well.
func (s *Server) Stop(ctx context.Context) error {
	s.stop.Do(func() {
		s.stopping.Store(true)
		_ = s.parent.Close()
	})
	select {
	case <-s.ended:
		return s.err
	case <-ctx.Done():
		return fmt.Errorf("postgres: still stopping in %s: %w", s.home, context.Cause(ctx))
	}
}

// Done yields one error when the server ended without Stop, and is closed once it ended.
func (s *Server) Done() <-chan error { return s.done }

// slowly logs a line unless the step is over within a second.
func slowly(log func(string, ...any), format string, args ...any) (over func() bool) {
	return time.AfterFunc(time.Second, func() { log(format, args...) }).Stop
}

// temporary makes a private directory that the server's user can reach.
func (c cluster) temporary(parent, prefix string) (string, error) {
	if parent == "" {
		parent = os.TempDir()
		// A deep or closed TMPDIR serves neither the socket nor another user.
		if len(filepath.Join(parent, prefix+"1234567890"))+len(socketName) > maxSocketPath || !c.reaches(parent) {
			parent = "/tmp"
		}
	}
	dir, err := os.MkdirTemp(parent, prefix)
	if err != nil {
		return "", err
	}
	return dir, c.own(dir)
}
