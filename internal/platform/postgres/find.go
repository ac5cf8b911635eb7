package postgres

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// MinMajor is the oldest major version of PostgreSQL that the schema works with.
const MinMajor = 15

// ErrNotFound says that this machine has no PostgreSQL that we can run.
var ErrNotFound = errors.New("no PostgreSQL 15 or newer was found")

// installation is a directory with initdb and postgres in it.
type installation struct {
	bin   string
	major int
}

// Find returns the directory of PostgreSQL's programs, version 15 or newer. It looks in PATH, where Debian, Red Hat,
// Homebrew and Postgres.app put them, and in UnpackDir, in this order. SWITCHBOARD_POSTGRES_SEARCH, a list of directories
// as in PATH whose names may hold *, replaces all of these. The error is ErrNotFound, in a sentence that says what to do.
func Find() (bin string, err error) {
	as, err := runner()
	if err != nil {
		return "", err
	}
	found, err := find(as, searchList())
	if err != nil {
		return "", err
	}
	return found[0].bin, nil
}

// UnpackDir is where `make postgres` puts the programs of a machine that has no package manager for us, one directory per
// version: below the user's cache, or, under root, where the user that PostgreSQL runs as can reach them.
func UnpackDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/cache/switchboard/postgres", nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "switchboard", "postgres"), nil
}

func searchList() []string {
	if list, ok := os.LookupEnv("SWITCHBOARD_POSTGRES_SEARCH"); ok {
		return filepath.SplitList(list)
	}
	list := append(filepath.SplitList(os.Getenv("PATH")),
		"/usr/lib/postgresql/*/bin",
		"/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
		"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	)
	if dir, err := UnpackDir(); err == nil {
		list = append(list, filepath.Join(dir, "*", "bin"))
	}
	return list
}

// find lists what the account can run, in the order of the list, newer before older where one pattern yields several.
func find(as account, list []string) ([]installation, error) {
	var all []installation
	for _, pattern := range list {
		if !filepath.IsAbs(pattern) {
			continue
		}
		dirs, err := filepath.Glob(pattern)
		if err != nil {
			return nil, fmt.Errorf("%q in SWITCHBOARD_POSTGRES_SEARCH or PATH: %w", pattern, err)
		}
		var some []installation
		for _, dir := range dirs {
			if i, ok := inspect(as, dir); ok && !slices.Contains(all, i) {
				some = append(some, i)
			}
		}
		slices.SortStableFunc(some, func(a, b installation) int { return cmp.Compare(b.major, a.major) })
		all = append(all, some...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w in PATH, where package managers put it, or in our cache: run `make postgres`, "+
			"or install PostgreSQL yourself, or set DATABASE_URL to a server", ErrNotFound)
	}
	return all, nil
}

func inspect(as account, dir string) (installation, bool) {
	// Package managers link the programs one by one into a directory of PATH; PostgreSQL finds its own files beside them.
	program, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres"))
	if err != nil {
		return installation{}, false
	}
	if real := filepath.Dir(program); exists(filepath.Join(real, "initdb")) {
		dir = real
	}
	if !exists(filepath.Join(dir, "initdb")) {
		return installation{}, false
	}
	out, err := as.command(filepath.Join(dir, "postgres"), "--version").Output() // postgres (PostgreSQL) 17.10 (Debian …)
	if err != nil {
		return installation{}, false
	}
	_, version, _ := strings.Cut(string(out), "(PostgreSQL) ")
	end := strings.IndexFunc(version, func(r rune) bool { return r < '0' || r > '9' })
	major, err := strconv.Atoi(version[:max(end, 0)])
	return installation{bin: dir, major: major}, err == nil && major >= MinMajor
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
