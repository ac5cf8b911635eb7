// Command with runs a command with one temporary PostgreSQL, so that a whole `go test ./...` shares it:
//
//	go run ./internal/platform/postgres/with -- go test ./...
//
// The command finds the superuser's URL in SWITCHBOARD_TEST_POSTGRES. Where that is set already, the server behind it is
// used. Signals are passed on; the exit code is the command's.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/postgres"
)

func main() {
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "usage: with -- command [argument ...]")
		os.Exit(2)
	}
	os.Exit(run(args, os.Getenv(postgres.TestVariable), os.Stdout, os.Stderr))
}

// run gives the command a server, a new one if url is empty, and returns its exit code; 128 and more as in a shell.
func run(args []string, url string, stdout, stderr io.Writer) int {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	complain := func(err error) { fmt.Fprintln(stderr, "with:", err) }

	if url == "" {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		log := func(format string, args ...any) { fmt.Fprintf(stderr, format+"\n", args...) }
		server, err := postgres.Start(ctx, postgres.Options{Ephemeral: true, MaxConnections: 400, Log: log})
		if err != nil {
			complain(err)
			return 1
		}
		defer func() {
			if err := server.Stop(context.Background()); err != nil {
				complain(err)
			}
		}()
		go func() {
			if err := <-server.Done(); err != nil {
				complain(err)
			}
		}()
		url = server.SuperURL("postgres")
	}

	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, stdout, stderr
	cmd.Env = append(os.Environ(), postgres.TestVariable+"="+url)
	if err := cmd.Start(); err != nil {
		complain(err)
		return 127
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			_ = cmd.Process.Signal(s)
		case err := <-ended:
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				complain(err)
				return 1
			}
			if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
				return 128 + int(status.Signal())
			}
			return cmd.ProcessState.ExitCode()
		}
	}
}
