package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cluster is where one PostgreSQL lives and what runs it. In home stand data, password, log, lock and the socket.
type cluster struct {
	installation
	account
	home string
}

// locate chooses programs, account and directory. A cluster that is there wins over a newer PostgreSQL.
func locate(o Options) (cluster, error) {
	as, err := runner()
	if err != nil {
		return cluster{}, err
	}
	found, err := find(as, searchList())
	if err != nil {
		return cluster{}, err
	}
	c := cluster{installation: found[0], account: as}
	if o.Ephemeral {
		c.home, err = c.temporary("", "switchboard-postgres-")
		return c, err
	}
	if o.Dir == "" {
		return cluster{}, errors.New("a server that keeps its data needs a data directory")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return cluster{}, err
	}
	// Under root others may pass through, to the cluster, but not look around.
	mode := fs.FileMode(0o700)
	if as.other {
		mode = 0o711
	}
	if err := os.MkdirAll(dir, mode); err != nil {
		return cluster{}, err
	}
	slices.SortStableFunc(found, func(a, b installation) int { return b.major - a.major })
	kept := slices.IndexFunc(found, func(i installation) bool { return exists(dataOf(dir, i.major)) })
	if kept >= 0 {
		c.installation = found[kept]
	} else if others, _ := filepath.Glob(filepath.Join(dir, "postgres*", "data")); len(others) > 0 {
		o.Log("%s is of another version than PostgreSQL %d, the one on this machine. It is left as it is; "+
			"a new cluster starts empty. To go on with the old data, install that version.", filepath.Dir(others[0]), c.major)
	}
	return c, c.settle(dir, o.Log)
}

func homeOf(dir string, major int) string {
	return filepath.Join(dir, fmt.Sprintf("postgres%d", major))
}
func dataOf(dir string, major int) string { return filepath.Join(homeOf(dir, major), "data") }

// settle finds or makes the cluster's home.
func (c *cluster) settle(dir string, log func(string, ...any)) error {
	c.home = homeOf(dir, c.major)
	if !exists(c.home) {
		if err := c.build(dir, log); err != nil {
			return err
		}
	}
	var err error
	if c.home, err = filepath.EvalSymlinks(c.home); err != nil {
		return err
	}
	if c.account, err = owner(c.home, c.account); err != nil {
		return err
	}
	if !c.reaches(c.home) {
		return fmt.Errorf("PostgreSQL runs as %s, who cannot enter %s: let others pass through its parents (chmod o+x), "+
			"or use another data directory", c.name, c.home)
	}
	return nil
}

func (c *cluster) build(dir string, log func(string, ...any)) error {
	if c.reaches(dir) {
		err := os.Mkdir(c.home, 0o700)
		if errors.Is(err, fs.ErrExist) { // another process was faster
			return nil
		}
		return errors.Join(err, c.own(c.home))
	}
	const base = "/var/lib/switchboard"
	if err := errors.Join(os.MkdirAll(base, 0o711), os.Chmod(base, 0o711)); err != nil { // whatever the umask
		return err
	}
	// A new name each time: whoever deletes a data directory to start afresh does not get the old cluster back.
	elsewhere, err := c.temporary(base, filepath.Base(dir)+"-")
	if err != nil {
		return err
	}
	if err := os.Symlink(elsewhere, c.home); err != nil {
		return errors.Join(os.Remove(elsewhere), err)
	}
	log("PostgreSQL runs as %s, who cannot enter %s: its data are in %s", c.name, dir, elsewhere)
	return nil
}

// claim is the right to run a cluster: nobody else does, and nothing of an earlier run is left.
type claim struct {
	lock, log *os.File
	start     int64 // of this run in the log, in bytes
	password  string
	fresh     bool // there is no data yet
}

func (c *claim) release() {
	if c.log != nil {
		_ = c.log.Close()
	}
	_ = c.lock.Close()
}

// claim takes the cluster. Two locks: the first falls with its owner, so a second process is refused at once; the second
// is inherited by all of PostgreSQL through its log, so it tells when an earlier run has truly ended.
func (c cluster) claim(ctx context.Context, o Options) (_ *claim, err error) {
	// The account may be less trusted than we are: no link that it planted leads us out of its home.
	root, err := os.OpenRoot(c.home)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if exists(filepath.Join(c.home, "PG_VERSION")) {
		return nil, fmt.Errorf("%s is a cluster that we did not make: it is left as it is, use another data directory", c.home)
	}
	taken := &claim{}
	if taken.lock, err = c.open(root, "lock"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			taken.release()
		}
	}()
	if !locked(taken.lock) {
		pid, _ := root.ReadFile("lock")
		return nil, fmt.Errorf("%w: process %s runs PostgreSQL in %s; stop that one first, or use another data directory",
			ErrInUse, strings.TrimSpace(string(pid)), c.home)
	}
	if err = errors.Join(taken.lock.Truncate(0), write(taken.lock, strconv.Itoa(os.Getpid())+"\n")); err != nil {
		return nil, err
	}
	if taken.log, err = c.open(root, "log"); err != nil {
		return nil, err
	}
	if err = c.outlast(ctx, o, taken.log); err != nil {
		return nil, err
	}
	info, err := taken.log.Stat()
	if err != nil {
		return nil, err
	}
	if taken.start = info.Size(); taken.start > 16<<20 {
		taken.start = 0
		if err = taken.log.Truncate(0); err != nil {
			return nil, err
		}
	}
	if taken.fresh, err = c.check(root); err != nil {
		return nil, err
	}
	taken.password, err = c.secret(root, taken.fresh)
	return taken, err
}

func (c cluster) open(root *os.Root, name string) (*os.File, error) {
	file, err := root.OpenFile(name, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	if c.other {
		if err := file.Chown(int(c.uid), int(c.gid)); err != nil {
			return nil, errors.Join(err, file.Close())
		}
	}
	return file, nil
}

func write(file *os.File, text string) error {
	_, err := file.WriteString(text)
	return err
}

func locked(file *os.File) bool {
	return syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}

// outlast waits until no process of an earlier run is left. Its owner is gone, so a server that lost its supervisor too
// is asked to end here.
func (c cluster) outlast(ctx context.Context, o Options, log *os.File) error {
	over := slowly(o.Log, "waiting for the earlier PostgreSQL in %s to end", c.home)
	defer over()
	for !locked(log) {
		if pid, _ := c.postmaster(); pid > 0 && c.runs(pid) {
			_ = syscall.Kill(pid, syscall.SIGINT)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("an earlier PostgreSQL in %s has not ended yet: %w", c.home, context.Cause(ctx))
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

// postmaster reads the process that PostgreSQL noted in its data directory, and the rest of that note, which ends in its
// status.
func (c cluster) postmaster() (pid int, rest string) {
	text, err := os.ReadFile(filepath.Join(c.home, "data", "postmaster.pid"))
	if err != nil {
		return 0, ""
	}
	first, rest, _ := strings.Cut(string(text), "\n")
	if pid, err = strconv.Atoi(strings.TrimSpace(first)); err != nil || pid < 2 {
		return 0, ""
	}
	return pid, rest
}

// runs tells whether a living process is a PostgreSQL on this cluster.
func (c cluster) runs(pid int) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		line, _ = exec.Command("ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	}
	return strings.Contains(string(line), filepath.Join(c.home, "data"))
}

// check looks at the data and prepares them for a start.
func (c cluster) check(root *os.Root) (fresh bool, err error) {
	if _, err := root.Lstat("data"); errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	version, err := root.ReadFile("data/PG_VERSION")
	if got := strings.TrimSpace(string(version)); err != nil || got != strconv.Itoa(c.major) {
		return false, fmt.Errorf("%s holds no data of PostgreSQL %d (its PG_VERSION says %q): it is left as it is, "+
			"use another data directory", filepath.Join(c.home, "data"), c.major, got)
	}
	pid, note := c.postmaster()
	if pid == 0 {
		return false, nil
	}
	if c.runs(pid) {
		return false, fmt.Errorf("%w: process %d, a PostgreSQL that somebody else started, runs on %s", ErrInUse, pid, c.home)
	}
	// In a container the number of a killed server soon belongs to another process, and PostgreSQL would refuse to start
	// beside it. A number that no process can have makes it look at the shared memory instead, which cannot mislead. The
	// status at the end goes: it is not ours.
	note = strings.TrimSuffix(strings.TrimSpace(note), "ready")
	return false, root.WriteFile("data/postmaster.pid", []byte("2147483646\n"+note), 0o600)
}

// secret reads the superuser's password, or makes one for new data.
func (c cluster) secret(root *os.Root, fresh bool) (string, error) {
	password, err := root.ReadFile("password")
	if err == nil {
		return strings.TrimSpace(string(password)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) || !fresh {
		return "", fmt.Errorf("the password of the cluster in %s cannot be read: %w", c.home, err)
	}
	// Renamed into place: a half-written password would lock everybody out.
	text := rand.Text()
	file, err := c.open(root, "password.new")
	if err != nil {
		return "", err
	}
	err = errors.Join(file.Truncate(0), write(file, text+"\n"), file.Sync(), file.Close(), root.Rename("password.new", "password"))
	return text, err
}

// lastWords are the last lines that PostgreSQL wrote in this run.
func (c *claim) lastWords() string {
	info, err := c.log.Stat()
	if err != nil {
		return err.Error()
	}
	from := max(c.start, info.Size()-2000)
	text := make([]byte, max(info.Size()-from, 0))
	n, _ := c.log.ReadAt(text, from)
	return strings.TrimSpace(string(text[:n]))
}
