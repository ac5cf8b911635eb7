package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func unpacked(t *testing.T, links string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "native", "lib"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "native", "lib", "libx.so.1.2"), []byte("x"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "native", "pg-symlinks.json"), []byte(links), 0o600))
	return dir
}

func TestLink(t *testing.T) {
	t.Parallel()

	t.Run("makes the links, also a second time", func(t *testing.T) {
		t.Parallel()
		dir := unpacked(t, `[{"source":"native/lib/libx.so.1.2","target":"native/lib/libx.so.1"}]`)
		require.NoError(t, link(dir))
		require.NoError(t, link(dir))
		to, err := os.Readlink(filepath.Join(dir, "native", "lib", "libx.so.1"))
		require.NoError(t, err)
		require.Equal(t, "libx.so.1.2", to)
	})

	for name, links := range map[string]string{
		"refuses a target outside":   `[{"source":"native/lib/libx.so.1.2","target":"../evil"}]`,
		"refuses a source outside":   `[{"source":"../../etc/passwd","target":"native/lib/libx.so.1"}]`,
		"refuses an absolute source": `[{"source":"/etc/passwd","target":"native/lib/libx.so.1"}]`,
		"refuses what is no list":    `{`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := unpacked(t, links)
			require.Error(t, link(dir))
			_, err := os.Lstat(filepath.Join(dir, "native", "lib", "libx.so.1"))
			require.ErrorIs(t, err, os.ErrNotExist)
		})
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	dir := unpacked(t, `[]`)
	require.NoError(t, open(dir))
	for path, mode := range map[string]os.FileMode{"native/lib": 0o755, "native/lib/libx.so.1.2": 0o755, "native/pg-symlinks.json": 0o644} {
		info, err := os.Stat(filepath.Join(dir, path))
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode().Perm(), path)
	}
}

func TestCandidate(t *testing.T) {
	t.Parallel()
	for policy, want := range map[string]int{
		"postgresql:\n  Installed: (none)\n  Candidate: 15+248+deb12u1\n  Version table:\n": 15,
		"postgresql:\n  Installed: (none)\n  Candidate: 16+257build1.1\n":                   16,
		"postgresql:\n  Installed: (none)\n  Candidate: 9.6+181\n":                          0,
		"postgresql:\n  Installed: (none)\n  Candidate: (none)\n":                           0,
		"": 0,
	} {
		require.Equal(t, want, candidate(policy), policy)
	}
}

func TestPackagesArePinned(t *testing.T) {
	t.Parallel()
	for platform, pkg := range packages {
		require.Regexp(t, `^sha512-[A-Za-z0-9+/]{86}==$`, pkg.integrity, platform)
		require.Regexp(t, `^@embedded-postgres/(linux|darwin)-(x64|arm64)$`, pkg.name, platform)
	}
}
