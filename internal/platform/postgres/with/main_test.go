package main

import (
	"context"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func TestRun(t *testing.T) {
	t.Parallel()

	t.Run("gives the command a server, returns its exit code and leaves nothing behind", func(t *testing.T) {
		t.Parallel()
		var out, complaints strings.Builder
		code := run([]string{"sh", "-c", `echo "$SWITCHBOARD_TEST_POSTGRES"; exit 7`}, "", &out, &complaints)
		require.Equal(t, 7, code, complaints.String())
		require.NotContains(t, complaints.String(), "with:")

		address := strings.TrimSpace(out.String())
		u, err := url.Parse(address)
		require.NoError(t, err)
		require.NotEmpty(t, u.Query().Get("host"))
		_, err = os.Stat(u.Query().Get("host"))
		require.ErrorIs(t, err, os.ErrNotExist)
		_, err = pgx.Connect(context.Background(), address)
		require.Error(t, err)
	})

	t.Run("the server answers while the command runs", func(t *testing.T) {
		t.Parallel()
		var complaints strings.Builder
		asked := make(chan error, 1)
		out := writer(func(line []byte) {
			conn, err := pgx.Connect(context.Background(), strings.TrimSpace(string(line)))
			if err == nil {
				err = conn.Close(context.Background())
			}
			asked <- err
		})
		// run waits for the reader of the command's output before it stops the server.
		require.Zero(t, run([]string{"sh", "-c", `echo "$SWITCHBOARD_TEST_POSTGRES"`}, "", out, &complaints), complaints.String())
		require.NoError(t, <-asked)
	})

	t.Run("uses the server that is there already", func(t *testing.T) {
		t.Parallel()
		var out, complaints strings.Builder
		require.Zero(t, run([]string{"sh", "-c", `printf %s "$SWITCHBOARD_TEST_POSTGRES"`}, "postgres://elsewhere/", &out, &complaints))
		require.Equal(t, "postgres://elsewhere/", out.String())
	})

	t.Run("reports a signal as a shell does, and a missing command", func(t *testing.T) {
		t.Parallel()
		var out, complaints strings.Builder
		require.Equal(t, 128+int(syscall.SIGKILL), run([]string{"sh", "-c", "kill -9 $$"}, "x", &out, &complaints))
		require.Equal(t, 127, run([]string{"/no/such/command"}, "x", &out, &complaints))
		require.Contains(t, complaints.String(), "/no/such/command")
	})
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }

// Not parallel: a signal to this process reaches every command that runs meanwhile.
func TestRun_PassesSignalsOn(t *testing.T) { //nolint:paralleltest // see above
	var out, complaints strings.Builder
	command := `trap 'exit 9' TERM; kill -TERM $PPID; while :; do sleep 0.01; done`
	require.Equal(t, 9, run([]string{"sh", "-c", command}, "x", &out, &complaints), complaints.String())
}
