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
