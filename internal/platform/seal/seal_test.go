package seal_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/seal"
)

func master(fill byte) string {
	return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{fill}, 32))
}

func box(t *testing.T, master string) *seal.Box {
	t.Helper()
	b, err := seal.Open(master)
	require.NoError(t, err)
	return b
}

var here = seal.Where{
	Tenant: uuid.MustParse("0190a8f0-0000-7000-8000-000000000001"),
	Table:  "webhook_endpoints",
	Column: "secret",
	Row:    uuid.MustParse("0190a8f0-0000-7000-8000-000000000002"),
}

func TestWhatIsSealedOpensInItsPlace(t *testing.T) {
	t.Parallel()
	b := box(t, master(1))
	platform := seal.Where{Table: "signing_keys", Column: "private", Row: here.Row}
	for _, plain := range [][]byte{{}, []byte("whsec_…"), bytes.Repeat([]byte("x"), 1<<20)} {
		for _, where := range []seal.Where{here, platform} {
			sealed, err := b.Seal(plain, where)
			require.NoError(t, err)
			require.Len(t, sealed, len(plain)+45)
			opened, err := b.Open(sealed, where)
			require.NoError(t, err)
			require.True(t, bytes.Equal(plain, opened))
		}
	}
	first, err := b.Seal([]byte("same"), here)
	require.NoError(t, err)
	second, err := b.Seal([]byte("same"), here)
	require.NoError(t, err)
	require.NotEqual(t, first, second, "equal values must not look equal")
}

func TestAnotherPlaceIsRefused(t *testing.T) {
	t.Parallel()
	b := box(t, master(1))
	sealed, err := b.Seal([]byte("secret"), here)
	require.NoError(t, err)
	move := func(change func(*seal.Where)) seal.Where {
		w := here
		change(&w)
		return w
	}
	for name, where := range map[string]seal.Where{
		"tenant":         move(func(w *seal.Where) { w.Tenant = uuid.MustParse("0190a8f0-0000-7000-8000-00000000000f") }),
		"no tenant":      move(func(w *seal.Where) { w.Tenant = uuid.Nil }),
		"tenant and row": move(func(w *seal.Where) { w.Tenant, w.Row = w.Row, w.Tenant }),
		"table":          move(func(w *seal.Where) { w.Table = "webhook_endpoint" }),
		"column":         move(func(w *seal.Where) { w.Column = "secret2" }),
		"row":            move(func(w *seal.Where) { w.Row = uuid.MustParse("0190a8f0-0000-7000-8000-00000000000f") }),
	} {
		_, err := b.Open(sealed, where)
		require.ErrorIs(t, err, seal.ErrUnsealed, name)
	}
}

func TestAPlaceIsNamedUnambiguously(t *testing.T) {
	t.Parallel()
	b := box(t, master(1))
	sealed, err := b.Seal([]byte("secret"), here)
	require.NoError(t, err)
	for _, where := range []seal.Where{
		{Table: "", Column: "secret"},
		{Table: "keys", Column: ""},
		{Table: "keys|secret", Column: "x"},
		{Table: "keys", Column: "a|b"},
		{Table: "Keys", Column: "secret"},
		{Table: "keys", Column: "sécret"},
	} {
		_, err := b.Seal([]byte("secret"), where)
		require.ErrorIs(t, err, seal.ErrPlace)
		_, err = b.Open(sealed, where)
		require.ErrorIs(t, err, seal.ErrPlace)
	}
}

func TestTamperingIsRefused(t *testing.T) {
	t.Parallel()
	b := box(t, master(1))
	sealed, err := b.Seal([]byte("secret"), here)
	require.NoError(t, err)
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		_, err := b.Open(changed, here)
		require.ErrorIs(t, err, seal.ErrUnsealed, "byte %d", i)
	}
	for n := range len(sealed) {
		_, err := b.Open(sealed[:n], here)
		require.ErrorIs(t, err, seal.ErrUnsealed, "cut to %d bytes", n)
	}
	_, err = b.Open(append(bytes.Clone(sealed), 0), here)
	require.ErrorIs(t, err, seal.ErrUnsealed)
}

func TestRotation(t *testing.T) {
	t.Parallel()
	before := box(t, master(1))
	during := box(t, master(2)+", "+master(1)+"\n")
	after := box(t, master(2))

	old, err := before.Seal([]byte("secret"), here)
	require.NoError(t, err)
	opened, err := during.Open(old, here)
	require.NoError(t, err)
	require.Equal(t, []byte("secret"), opened)

	anew, err := during.Seal(opened, here)
	require.NoError(t, err)
	require.NotEqual(t, old[:5], anew[:5], "a value names its key")
	opened, err = after.Open(anew, here)
	require.NoError(t, err)
	require.Equal(t, []byte("secret"), opened)

	_, err = after.Open(old, here)
	require.ErrorIs(t, err, seal.ErrUnsealed)
	_, err = before.Open(anew, here)
	require.ErrorIs(t, err, seal.ErrUnsealed)
}

// What an earlier release sealed must open for ever; this value was sealed by the first one.
func TestValuesOfEarlierReleasesOpen(t *testing.T) {
	t.Parallel()
	sealed, err := hex.DecodeString(firstRelease)
	require.NoError(t, err)
	opened, err := box(t, master(1)).Open(sealed, here)
	require.NoError(t, err)
	require.Equal(t, "kept since the first release", string(opened))
}

const firstRelease = "01faea053fa12f5121ef59c88639e38ee2a8cf96dfe35e74c069d2dd588417f9dfde6d338f79c5b3dc4b5eec5b18d07d3b4a84cea9b9acac27a14d8fecffb063eb33688ee29112320a"

func TestMasterKeysMustHaveTheirForm(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"", " ", ",", master(1) + ",", "," + master(1), "not base64",
		base64.StdEncoding.EncodeToString(make([]byte, 31)),
		base64.StdEncoding.EncodeToString(make([]byte, 33)),
		base64.RawStdEncoding.EncodeToString(make([]byte, 32)),
		strings.Repeat("ab", 32), // hexadecimal
		master(1) + "," + master(1),
	} {
		_, err := seal.Open(bad)
		require.ErrorIs(t, err, seal.ErrMaster, "%q", bad)
		if len(bad) > 10 {
			require.NotContains(t, err.Error(), bad[:10], "the key must not be in the log")
		}
	}
}

func TestAFileIsMadeOnceAndKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "master.key")
	made, err := seal.OpenFile(path)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	sealed, err := made.Seal([]byte("secret"), here)
	require.NoError(t, err)

	again, err := seal.OpenFile(path)
	require.NoError(t, err)
	opened, err := again.Open(sealed, here)
	require.NoError(t, err)
	require.Equal(t, []byte("secret"), opened)

	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing else is left behind")

	other, err := seal.OpenFile(filepath.Join(t.TempDir(), "master.key"))
	require.NoError(t, err)
	_, err = other.Open(sealed, here)
	require.ErrorIs(t, err, seal.ErrUnsealed, "each file has its own key")
}

func TestProcessesThatStartTogetherShareOneKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "master.key")
	boxes, errs := make([]*seal.Box, 8), make([]error, 8)
	var all sync.WaitGroup
	for i := range boxes {
		all.Go(func() { boxes[i], errs[i] = seal.OpenFile(path) })
	}
	all.Wait()
	for i := range boxes {
		require.NoError(t, errs[i])
		sealed, err := boxes[i].Seal([]byte("secret"), here)
		require.NoError(t, err)
		_, err = boxes[0].Open(sealed, here)
		require.NoError(t, err)
	}
}

func TestFilesThatOthersMayReadAreRefused(t *testing.T) {
	t.Parallel()
	for _, mode := range []os.FileMode{0o644, 0o640, 0o604, 0o622, 0o777} {
		path := filepath.Join(t.TempDir(), "master.key")
		require.NoError(t, os.WriteFile(path, []byte(master(1)), 0o600))
		require.NoError(t, os.Chmod(path, mode)) // past the umask
		_, err := seal.OpenFile(path)
		require.ErrorIs(t, err, seal.ErrMode, mode)
		require.ErrorContains(t, err, path)
	}
	for _, mode := range []os.FileMode{0o600, 0o400} {
		path := filepath.Join(t.TempDir(), "master.key")
		require.NoError(t, os.WriteFile(path, []byte(master(1)+"\n"), mode))
		_, err := seal.OpenFile(path)
		require.NoError(t, err, mode)
	}
	_, err := seal.OpenFile(t.TempDir())
	require.ErrorIs(t, err, seal.ErrMode, "a directory")
}

func TestAFileIsNeverReplaced(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "half a ke"} {
		path := filepath.Join(t.TempDir(), "master.key")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := seal.OpenFile(path)
		require.ErrorIs(t, err, seal.ErrMaster)
		left, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, text, string(left))
	}
	_, err := seal.OpenFile(filepath.Join(t.TempDir(), "nowhere", "master.key"))
	require.ErrorIs(t, err, os.ErrNotExist)
}
