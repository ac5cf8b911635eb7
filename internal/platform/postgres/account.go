package postgres

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// account is the user that PostgreSQL runs as: ourselves, or under root, where PostgreSQL refuses to run, another one.
type account struct {
	name     string
	uid, gid uint32
	other    bool
}

// runner chooses the account for a new cluster.
func runner() (account, error) {
	if os.Geteuid() != 0 {
		return account{name: "uid " + strconv.Itoa(os.Geteuid())}, nil
	}
	for _, name := range []string{"postgres", "_postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseInt(u.Uid, 10, 64) // macOS writes nobody's number as -2
		gid, err2 := strconv.ParseInt(u.Gid, 10, 64)
		if err := errors.Join(err1, err2); err != nil {
			return account{}, err
		}
		a := account{name: name, uid: uint32(uid), gid: uint32(gid), other: true}
		if err := a.command("/bin/sh", "-c", ":").Run(); err != nil {
			return account{}, fmt.Errorf("PostgreSQL refuses to run as root, and becoming %s is not allowed here (%w): "+
				"run this as an ordinary user, or set DATABASE_URL", name, err)
		}
		return a, nil
	}
	return account{}, errors.New("PostgreSQL refuses to run as root, and there is no user postgres or nobody: " +
		"run this as an ordinary user, or set DATABASE_URL")
}

// owner chooses the account for a directory that is there already: under root whoever owns it, else ourselves.
func owner(dir string, otherwise account) (account, error) {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return otherwise, nil
	}
	if err != nil {
		return account{}, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok || !info.IsDir():
		return account{}, fmt.Errorf("%s is not a directory", dir)
	case os.Geteuid() == 0 && stat.Uid != 0:
		return account{name: "uid " + strconv.Itoa(int(stat.Uid)), uid: stat.Uid, gid: stat.Gid, other: true}, nil
	case os.Geteuid() != 0 && int(stat.Uid) != os.Geteuid():
		return account{}, fmt.Errorf("%s belongs to user %d: become that user, or use another data directory", dir, stat.Uid)
	}
	return otherwise, nil
}

// command runs a program as the account, in a session of its own so that a Ctrl-C at our terminal does not reach it, and
// with an environment that holds none of our secrets and no PG… variable that would change PostgreSQL's mind.
func (a account) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = "/" // ours may be closed to the account
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if a.other {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	return cmd
}

// reaches tells whether the account can enter a directory, whatever decides that here: modes, lists, mounts.
func (a account) reaches(dir string) bool {
	return a.command("/bin/sh", "-c", `cd "$1"`, "sh", dir).Run() == nil
}

// own gives a file or directory of ours to the account.
func (a account) own(path string) error {
	if !a.other {
		return nil
	}
	return os.Lchown(path, int(a.uid), int(a.gid))
}
