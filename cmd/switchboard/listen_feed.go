package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/signature"
)

// caller calls what whoever runs the command names: a server, and a receiver on this machine. Redirects are answers.
var caller = &http.Client{Timeout: 45 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// waitSeconds is how long one request waits for a fact.
const waitSeconds = 25

// Between tries, to read the feed and to pass a fact on.
const firstPause, longestPause = 500 * time.Millisecond, 30 * time.Second

// follower reads the feed of a server and passes facts on.
type follower struct {
	base, forward, secretFile, cursorFile, types, until string

	id, secret string // of the client
	signing    string // of the deliveries that it makes
	token      string
	t          terminal
}

// feedPage is a page of the feed.
type feedPage struct {
	Data []struct {
		ID        string          `json:"id"`
		Type      string          `json:"type"`
		Timestamp json.RawMessage `json:"timestamp"`
		Data      json.RawMessage `json:"data"`
	} `json:"data"`
	NextCursor string `json:"next_cursor"`
}

// refusal is an answer that another try will not mend.
type refusal struct{ error }

func followFeed(ctx context.Context, t terminal, f follower) error {
	f.t, f.id, f.secret = t, os.Getenv("SWITCHBOARD_CLIENT_ID"), os.Getenv("SWITCHBOARD_CLIENT_SECRET")
	if f.id == "" || f.secret == "" {
		return misuse{errors.New("--follow needs SWITCHBOARD_CLIENT_ID and SWITCHBOARD_CLIENT_SECRET in the environment")}
	}
	if err := f.sign(); err != nil {
		return err
	}
	cursor, err := f.start(ctx)
	if err != nil {
		return unlessAsked(ctx, err)
	}
	fmt.Fprintf(t.err, "Following %s\n", f.base)
	for {
		var p feedPage
		if err := f.persist(ctx, "the feed", func() (err error) { p, err = f.page(ctx, cursor, waitSeconds); return err }); err != nil {
			return unlessAsked(ctx, err)
		}
		for _, e := range p.Data {
			body, err := json.Marshal(struct {
				Type      string          `json:"type"`
				Timestamp json.RawMessage `json:"timestamp"`
				Data      json.RawMessage `json:"data"`
			}{e.Type, e.Timestamp, e.Data})
			if err != nil {
				return err
			}
			told := "unforwarded"
			if f.forward != "" {
				if err := f.persist(ctx, f.forward, func() (err error) { told, err = f.pass(ctx, e.ID, body); return err }); err != nil {
					return unlessAsked(ctx, err)
				}
			}
			fmt.Fprintf(t.out, "%s %s %s %s\n", e.Type, e.ID, told, body)
			if f.until != "" && e.Type == f.until {
				return nil
			}
		}
		cursor = p.NextCursor
		if err := f.keep(cursor); err != nil {
			return err
		}
	}
}

// unlessAsked forgets an error that only says that we were asked to end.
func unlessAsked(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// sign finds the secret that signs what is passed on, or makes one.
func (f *follower) sign() error {
	if f.forward == "" {
		return nil
	}
	if f.secretFile != "" {
		b, err := os.ReadFile(f.secretFile)
		f.signing = strings.TrimSpace(string(b))
		return err
	}
	f.signing = signature.NewSecret()
	fmt.Fprintf(f.t.err, "Signing with %s\n", f.signing)
	return nil
}

// start is where reading begins: where it stopped, or now.
func (f *follower) start(ctx context.Context) (cursor string, err error) {
	if f.cursorFile != "" {
		b, err := os.ReadFile(f.cursorFile)
		if err == nil {
			return strings.TrimSpace(string(b)), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	var p feedPage
	err = f.persist(ctx, "the feed", func() (err error) { p, err = f.get(ctx, url.Values{"at": {"now"}}); return err })
	return p.NextCursor, err
}

// keep writes the cursor in one go, so that no other reader finds half of it.
func (f *follower) keep(cursor string) error {
	if f.cursorFile == "" {
		return nil
	}
	fresh := filepath.Join(filepath.Dir(f.cursorFile), "."+filepath.Base(f.cursorFile)+".new")
	if err := os.WriteFile(fresh, []byte(cursor+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, f.cursorFile)
}

// persist tries until it succeeds, until it is refused for good, or until we are asked to end.
func (f *follower) persist(ctx context.Context, what string, try func() error) error {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := try()
		var never refusal
		if err == nil || errors.As(err, &never) || ctx.Err() != nil {
			return err
		}
		fmt.Fprintf(f.t.err, "%s: %v; again in %s\n", what, err, pause)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

func (f *follower) page(ctx context.Context, cursor string, wait int) (feedPage, error) {
	q := url.Values{"cursor": {cursor}, "wait": {strconv.Itoa(wait)}, "limit": {"100"}}
	if f.types != "" {
		q.Set("types", f.types)
	}
	return f.get(ctx, q)
}

// get asks the feed, with a token that still holds.
func (f *follower) get(ctx context.Context, q url.Values) (p feedPage, err error) {
	for range 2 {
		if f.token == "" {
			if err := f.authorize(ctx); err != nil {
				return p, err
			}
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.base+"/v1/events?"+q.Encode(), nil)
		if err != nil {
			return p, refusal{err}
		}
		req.Header.Set("Authorization", "Bearer "+f.token)
		status, body, err := do(req)
		switch {
		case err != nil:
			return p, err
		case status == http.StatusUnauthorized: // its ten minutes are over
			f.token = ""
			continue
		case status == http.StatusOK:
			return p, json.Unmarshal(body, &p)
		case status >= 500 || status == http.StatusTooManyRequests:
			return p, fmt.Errorf("answers %d", status)
		}
		return p, refusal{fmt.Errorf("the feed answers %d: %s", status, detail(body))}
	}
	return p, refusal{errors.New("the server takes none of its own tokens")}
}

// authorize gets a token for the client (RFC 6749, section 4.4).
func (f *follower) authorize(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.base+"/oauth/token", strings.NewReader("grant_type=client_credentials"))
	if err != nil {
		return refusal{err}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(f.id), url.QueryEscape(f.secret))
	status, body, err := do(req)
	if err != nil {
		return err
	}
	var out struct {
		AccessToken string `json:"access_token"`
	}
	switch {
	case status >= 500 || status == http.StatusTooManyRequests:
		return fmt.Errorf("answers %d", status)
	case status != http.StatusOK || json.Unmarshal(body, &out) != nil || out.AccessToken == "":
		return refusal{fmt.Errorf("the server gives client %s no token: it answers %d", f.id, status)}
	}
	f.token = out.AccessToken
	return nil
}

// pass makes a delivery of a fact, and says with what status it was taken.
func (f *follower) pass(ctx context.Context, id string, body []byte) (string, error) {
	now := time.Now()
	signed, err := signature.Sign(id, now, body, f.signing)
	if err != nil {
		return "", refusal{err}
	}
	h := http.Header{"Content-Type": {"application/json"}, "User-Agent": {"Switchboard-Listen/1"}}
	h.Set(signature.HeaderID, id)
	h.Set(signature.HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
	h.Set(signature.HeaderSignature, signed)
	res, _, err := send(ctx, f.forward, h, body)
	switch {
	case err != nil:
		return "", errors.New("cannot be reached")
	case res.StatusCode/100 != 2:
		return "", fmt.Errorf("answers %d", res.StatusCode)
	}
	return strconv.Itoa(res.StatusCode), nil
}

// send posts a delivery with those of its headers that concern who receives it.
func send(ctx context.Context, to string, header http.Header, body []byte) (*http.Response, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	for _, hop := range []string{"Host", "Connection", "Content-Length", "Transfer-Encoding", "Accept-Encoding"} {
		header.Del(hop)
	}
	req.Header = header.Clone()
	res, err := caller.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxDelivery))
	return res, answer, err
}

func do(req *http.Request) (status int, body []byte, err error) {
	res, err := caller.Do(req)
	if err != nil {
		return 0, nil, errors.Unwrap(err) // without the URL
	}
	defer res.Body.Close()
	body, err = io.ReadAll(io.LimitReader(res.Body, 16<<20))
	return res.StatusCode, body, err
}

// detail is what a problem says of itself.
func detail(body []byte) string {
	var p struct{ Detail string }
	_ = json.Unmarshal(body, &p) // what is no problem says nothing
	return p.Detail
}
