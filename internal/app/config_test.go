package app_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/app"
)

func TestConfig_KeepsFactsLongerThanAnEndpointMayFail(t *testing.T) {
	t.Setenv("SWITCHBOARD_KEEP_TRIES", "1h")
	t.Setenv("SWITCHBOARD_KEEP_EVENTS", "144h")
	_, err := app.ReadConfig("127.0.0.1:0", t.TempDir(), false)
	require.NoError(t, err)
	t.Setenv("SWITCHBOARD_KEEP_EVENTS", "143h")
	_, err = app.ReadConfig("127.0.0.1:0", t.TempDir(), false)
	require.ErrorContains(t, err, "at least 144h")
}

func TestConfig_SaysHowFarWebhooksGo(t *testing.T) {
	for said, want := range map[string][2]bool{"": {}, "false": {}, "true": {true, false}, "loopback": {true, true}} {
		t.Setenv("SWITCHBOARD_INSECURE_WEBHOOKS", said)
		c, err := app.ReadConfig("127.0.0.1:0", t.TempDir(), false)
		require.NoError(t, err)
		require.Equal(t, want, [2]bool{c.InsecureWebhooks, c.LoopbackOnly}, said)
	}
	t.Setenv("SWITCHBOARD_INSECURE_WEBHOOKS", "loopback")
	_, err := app.ReadConfig("0.0.0.0:0", t.TempDir(), false)
	require.ErrorContains(t, err, "needs a server that listens on loopback")
	t.Setenv("SWITCHBOARD_INSECURE_WEBHOOKS", "here")
	_, err = app.ReadConfig("127.0.0.1:0", t.TempDir(), false)
	require.ErrorContains(t, err, "must be true, false or loopback")
}

func TestConfig_BoundsTheEndpointsThatMetricsTellApart(t *testing.T) {
	for said, want := range map[string]int{"": 0, "0": 0, "1000": 1000, "1001": -1, "-1": -1, "all": -1} {
		t.Setenv("SWITCHBOARD_METRICS_ENDPOINTS", said)
		c, err := app.ReadConfig("127.0.0.1:0", t.TempDir(), false)
		if want < 0 {
			require.ErrorContains(t, err, "from 0 to 1000")
			continue
		}
		require.NoError(t, err)
		require.Equal(t, want, c.MetricsEndpoints, said)
	}
}

// Nothing is dialled here: the address alone decides.
func TestConfig_ReachesNoDatabaseThatMayFallBackToPlainText(t *testing.T) {
	for at, fine := range map[string]bool{
		"postgres://app:x@db.example:5432/switchboard":                          false,
		"postgres://app:x@db.example:5432/switchboard?sslmode=prefer":           false,
		"postgres://app:x@db.example:5432/switchboard?sslmode=allow":            false,
		"postgres://app:x@127.0.0.1,db.example/switchboard":                     false,
		"host=db.example user=app dbname=switchboard":                           false,
		"postgres://app:x@db.example:5432/switchboard?sslmode=require":          true,
		"postgres://app:x@db.example:5432/switchboard?sslmode=verify-full":      true,
		"postgres://app:x@db.example:5432/switchboard?sslmode=disable":          true, // said, so decided
		"postgres://app:x@127.0.0.1:5432/switchboard":                           true,
		"postgres://app:x@localhost:5432/switchboard":                           true,
		"postgres://app:x@[::1]:5432/switchboard":                               true,
		"postgres:///switchboard?host=/var/run/postgresql&user=switchboard_app": true,
	} {
		for _, name := range []string{"DATABASE_URL", "MIGRATE_DATABASE_URL"} {
			t.Setenv("DATABASE_URL", "")
			t.Setenv("MIGRATE_DATABASE_URL", "")
			t.Setenv(name, at)
			_, err := app.ReadConfig("127.0.0.1:8080", t.TempDir(), false)
			if fine {
				require.NoError(t, err, "%s=%s", name, at)
				continue
			}
			require.ErrorContains(t, err, name+" may fall back to plain text", at)
			require.NotContains(t, err.Error(), "x@", "the password stays where it is")
		}
	}
	_, _, err := app.Config{}.BootstrapServer(t.Context(), "postgres://postgres:x@db.example/postgres", "")
	require.ErrorContains(t, err, "the superuser's URL may fall back to plain text")
}
