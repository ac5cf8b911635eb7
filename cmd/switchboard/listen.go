package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
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
	f := newFlags(t, "listen [--addr HOST:PORT | --follow URL] [--forward-to URL] [--secret-file FILE] [--until TYPE]",
		"Prints one line for each webhook: its type, its webhook-id, whether the signature is right, and the body.\n\n"+
			"It answers them on an address of this machine; a delivery with a wrong signature is answered 401. With --forward-to it\n"+
			"passes each on as it came, and answers what it is answered there.\n\n"+
			"Where nobody can reach this machine, --follow reads the feed of a server instead, as the client in\n"+
			"SWITCHBOARD_CLIENT_ID and SWITCHBOARD_CLIENT_SECRET, from now on or from where --cursor-file says that it stopped.\n"+
			"What it passes on is then signed here, with the secret of --secret-file or one that it makes and prints. A fact that\n"+
			"cannot be passed on is tried again, and the next ones wait for it.", false)
	addr := f.String("addr", "127.0.0.1:8090", "`HOST:PORT` where it listens")
	follow := f.String("follow", "", "`URL` of a server whose feed is read, instead of listening")
	forward := f.String("forward-to", "", "`URL` to pass deliveries on to")
	file := f.String("secret-file", "", "`FILE` with the endpoint's secret, read for each delivery; until it is there nothing is checked")
	cursor := f.String("cursor-file", "", "`FILE` that keeps how far the feed was read")
	types := f.String("types", "", "`TYPES` to follow, with commas, like leerbewijs.*; all without it")
	until := f.String("until", "", "`TYPE` of event after which to end")
	if _, err := f.parse(args, 0); err != nil {
		return err
	}
	for _, u := range []string{*follow, *forward} {
		if at, err := url.Parse(u); u != "" && (err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https") {
			return misuse{fmt.Errorf("%q is no URL with http:// or https://", u)}
		}
	}
	if *follow == "" && (*cursor != "" || *types != "") {
		return misuse{errors.New("--cursor-file and --types go with --follow")}
	}
	if *follow != "" {
		return followFeed(ctx, t, follower{base: strings.TrimSuffix(*follow, "/"), forward: *forward, secretFile: *file, cursorFile: *cursor, types: *types, until: *until})
	}
	l, at, err := app.Listen(ctx, *addr)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.err, "Listening on http://%s\n", at)
	ctx, end := context.WithCancel(ctx)
	defer end()
	r := &receiver{out: t.out, errs: t.err, secretFile: *file, forward: *forward, until: *until, end: end}
	s := &http.Server{Handler: r, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second}
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
	out, errs  io.Writer
	secretFile string
	forward    string // where each is passed on to; may be empty
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
	if r.forward == "" {
		w.WriteHeader(http.StatusNoContent)
	} else if !r.pass(w, req, body) {
		return
	}
	if r.until != "" && event.Type == r.until {
		r.end()
	}
}

// pass sends a delivery on as it came, and answers what it is answered. It reports whether that was a 2xx.
func (r *receiver) pass(w http.ResponseWriter, req *http.Request, body []byte) bool {
	res, answer, err := send(req.Context(), r.forward, req.Header, body)
	if err != nil {
		// Who delivers keeps what is answered; where the receiver stands, and what its URL holds, is for this terminal alone.
		r.mu.Lock()
		fmt.Fprintln(r.errs, r.forward+" cannot be reached")
		r.mu.Unlock()
		http.Error(w, "the receiver cannot be reached", http.StatusBadGateway)
		return false
	}
	if kind := res.Header.Get("Content-Type"); kind != "" {
		w.Header().Set("Content-Type", kind)
	}
	if after := res.Header.Get("Retry-After"); after != "" {
		w.Header().Set("Retry-After", after)
	}
	w.WriteHeader(res.StatusCode)
	_, _ = w.Write(answer)
	return res.StatusCode/100 == 2
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
