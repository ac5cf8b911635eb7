package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/switchingtalent/switchboard/internal/app"
	"github.com/switchingtalent/switchboard/internal/platform/signature"
)

// maxDelivery is more than a delivery ever holds: its body is under 20 kB.
const maxDelivery = 64 << 10

func listen(ctx context.Context, t terminal, args []string) error {
	f := newFlags(t, "listen [--addr HOST:PORT] [--secret-file FILE] [--until TYPE]",
		"Answers webhooks and prints one line for each, for trying out what an endpoint of yours would get: its type, its\n"+
			"webhook-id, whether the signature is right, and the body. A delivery with a wrong signature is answered 401.", false)
	addr := f.String("addr", "127.0.0.1:8090", "`HOST:PORT` where it listens")
	file := f.String("secret-file", "", "`FILE` with the endpoint's secret, read for each delivery; until it is there nothing is checked")
	until := f.String("until", "", "`TYPE` of event after which to end")
	if _, err := f.parse(args, 0); err != nil {
		return err
	}
	l, at, err := app.Listen(ctx, *addr)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.err, "Listening on http://%s\n", at)
	ctx, end := context.WithCancel(ctx)
	defer end()
	r := &receiver{out: t.out, secretFile: *file, until: *until, end: end}
	s := &http.Server{Handler: r, ReadTimeout: 15 * time.Second, WriteTimeout: 15 * time.Second}
	over := make(chan error, 1)
	go func() {
		<-ctx.Done()
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		over <- s.Shutdown(ending)
	}()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-over
}

// receiver answers deliveries.
type receiver struct {
	out        io.Writer
	secretFile string
	until      string
	end        func()
	mu         sync.Mutex // one line at a time
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxDelivery))
	var event struct {
		Type string `json:"type"`
	}
	if err != nil || req.Method != http.MethodPost || json.Unmarshal(body, &event) != nil {
		http.Error(w, "this is no delivery", http.StatusBadRequest)
		return
	}
	verdict, ok := r.verify(req.Header, body)
	r.mu.Lock()
	fmt.Fprintf(r.out, "%s %s %s %s\n", event.Type, req.Header.Get("webhook-id"), verdict, strings.TrimSpace(string(body)))
	r.mu.Unlock()
	if !ok {
		http.Error(w, verdict, http.StatusUnauthorized)
		return
	}
	w.WriteHeader(http.StatusNoContent)
	if r.until != "" && event.Type == r.until {
		r.end()
	}
}

// verify says whether the endpoint's secret signed the delivery; where there is no secret yet, that is not known.
func (r *receiver) verify(h http.Header, body []byte) (string, bool) {
	if r.secretFile == "" {
		return "unchecked", true
	}
	secret, err := os.ReadFile(r.secretFile)
	if errors.Is(err, fs.ErrNotExist) || err == nil && strings.TrimSpace(string(secret)) == "" {
		return "unchecked", true
	}
	if err == nil {
		err = signature.Verify(h, body, time.Now(), strings.TrimSpace(string(secret)))
	}
	if err != nil {
		return "refused", false
	}
	return "verified", true
}
