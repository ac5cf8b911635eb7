package postgres

import (
	"context"
	"os"
	"sync"
	"time"
)

// TestVariable names the environment variable with the superuser's URL of the server that tests use.
const TestVariable = "SWITCHBOARD_TEST_POSTGRES"

var shared struct {
	sync.Mutex
	url string
}

// Shared returns the superuser's URL of a server for tests: the one in SWITCHBOARD_TEST_POSTGRES, which
// `go run ./internal/platform/postgres/with` sets for all packages at once, else an ephemeral one that is started once
// and ends with this process.
func Shared(ctx context.Context) (superURL string, err error) {
	if url := os.Getenv(TestVariable); url != "" {
		return url, nil
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.url != "" {
		return shared.url, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	server, err := Start(ctx, Options{Ephemeral: true, MaxConnections: 200})
	if err != nil {
		return "", err
	}
	shared.url = server.SuperURL("postgres")
	return shared.url, nil
}
