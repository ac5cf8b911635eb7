// Command get puts PostgreSQL's programs on a machine that has none, with the package manager at hand: apt-get as root
// or through sudo, Homebrew, or npm for an ordinary user. `make postgres` runs it.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/postgres"
)

func main() {
	if err := get(); err != nil {
		fmt.Fprintln(os.Stderr, "get:", err)
		os.Exit(1)
	}
}

// way is one package manager; fetch is nil where it cannot be used here.
type way struct {
	name  string
	fetch func() error
}

func get() error {
	bin, err := postgres.Find()
	if err == nil {
		fmt.Println("PostgreSQL is here:", bin)
		return nil
	}
	if !errors.Is(err, postgres.ErrNotFound) {
		return err
	}
	var failed []error
	for _, w := range ways() {
		fmt.Printf("No PostgreSQL yet: getting it with %s, which can take a minute or two …\n", w.name)
		start := time.Now()
		if err := w.fetch(); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", w.name, err))
			fmt.Println("That did not work.")
			continue
		}
		if bin, err = postgres.Find(); err == nil {
			fmt.Printf("PostgreSQL is in %s after %.0f seconds.\n", bin, time.Since(start).Seconds())
			return nil
		}
		failed = append(failed, fmt.Errorf("%s brought a PostgreSQL that does not run here", w.name))
	}
	failed = append(failed, errors.New("PostgreSQL 15 or newer cannot be had here: install it with your package manager "+
		"(apt-get, brew and npm are tried where they are present), or set DATABASE_URL to a server"))
	return errors.Join(failed...)
}

// ways lists what can be tried here, what asks nothing first.
func ways() []way {
	var list []way
	root := os.Geteuid() == 0
	apt := has("apt-get") && has("dpkg")
	sudo := has("sudo")
	free := sudo && exec.Command("sudo", "-n", "true").Run() == nil
	switch {
	case apt && root:
		list = append(list, way{"apt-get", func() error { return aptGet() }})
	case apt && free:
		list = append(list, way{"sudo apt-get", func() error { return aptGet("sudo", "-n") }})
	}
	if has("brew") && !root { // Homebrew refuses root
		list = append(list, way{"brew", func() error { return quietly("brew", "install", "--quiet", "postgresql@17") }})
	}
	if pkg, ok := packages[platform()]; ok && has("npm") {
		list = append(list, way{"npm", func() error { return npm(pkg) }})
	}
	if apt && !root && sudo && !free && terminal() {
		list = append(list, way{"sudo apt-get", func() error { return aptGet("sudo") }})
	}
	return list
}

func has(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// terminal tells whether somebody is there to type a password.
func terminal() bool {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return false
	}
	return tty.Close() == nil && os.Getenv("CI") == ""
}

// Debian's package would also make a cluster and serve it on port 5432. Only the programs are wanted, so that is switched
// off while it is installed.
const install = `
conf=/etc/postgresql-common/createcluster.conf
apt="apt-get -q -y -o DPkg::Lock::Timeout=300 --no-install-recommends"
$apt install postgresql-common
cp -p $conf $conf.kept
trap 'mv -f $conf.kept $conf' EXIT
pg_conftool $conf set create_main_cluster off
$apt install postgresql
`

func aptGet(as ...string) error {
	if err := quietly(append(as, "apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", "update")...); err != nil {
		return err
	}
	policy := exec.Command("apt-cache", "policy", "postgresql")
	policy.Env = append(os.Environ(), "LC_ALL=C")
	out, err := policy.Output()
	if err != nil {
		return err
	}
	if major := candidate(string(out)); major < postgres.MinMajor {
		return fmt.Errorf("this release's PostgreSQL is %d, too old", major)
	}
	return quietly(append(as, "env", "DEBIAN_FRONTEND=noninteractive", "sh", "-euc", install)...)
}

// candidate reads the major version that apt would install, 0 if none: "  Candidate: 15+248+deb12u1".
func candidate(policy string) int {
	_, version, _ := strings.Cut(policy, "Candidate: ")
	version, _, _ = strings.Cut(version, "+")
	major, err := strconv.Atoi(strings.TrimSpace(version))
	if err != nil {
		return 0
	}
	return major
}

// quietly runs a command and shows what it said only if it failed.
func quietly(args ...string) error {
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(args[:min(len(args), 4)], " "), err, out)
	}
	return nil
}
