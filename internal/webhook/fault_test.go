package webhook_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	example "github.com/switchingtalent/switchboard/docs/webhooks/verify"
	"github.com/switchingtalent/switchboard/internal/app"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/outbound"
	"github.com/switchingtalent/switchboard/internal/platform/seal"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
	"github.com/switchingtalent/switchboard/internal/platform/web"
	"github.com/switchingtalent/switchboard/internal/webhook"
)

// enough is how long a test waits for what must happen, before it gives up.
const enough = 2 * time.Minute

// running lets a deliverer work until the test ends.
func running(t *testing.T, d *webhook.Deliverer) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); d.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
}

// parcel is a fact as it came.
type parcel struct {
	at     time.Time
	header http.Header
	body   []byte
}

func (p parcel) test() bool { return bytes.Contains(p.body, []byte(`"webhook_endpoint.tested"`)) }

// socket is a receiver below HTTP: it reads each request, and then does with the connection what it likes.
type socket struct {
	t    *testing.T
	addr string
	wg   sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener
	conns    map[net.Conn]bool
	behave   func(c net.Conn, try int) // with the number of times that this fact came; nil: 204
	tries    map[string][]parcel       // by webhook-id, without test events
}

func newSocket(t *testing.T) *socket {
	t.Helper()
	s := &socket{t: t, addr: "127.0.0.1:0", tries: map[string][]parcel{}, conns: map[net.Conn]bool{}}
	s.listen()
	t.Cleanup(func() { s.close(); s.wg.Wait() })
	return s
}

func (s *socket) listen() {
	s.t.Helper()
	l, err := net.Listen("tcp4", s.addr)
	require.NoError(s.t, err)
	s.addr = l.Addr().String()
	s.mu.Lock()
	s.listener = l
	s.mu.Unlock()
	s.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns[c] = true
			s.mu.Unlock()
			s.wg.Go(func() { s.talk(c) })
		}
	})
}

// close takes it off the net.
func (s *socket) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.listener.Close()
	for c := range s.conns {
		_ = c.Close()
	}
}

func (s *socket) talk(c net.Conn) {
	defer func() {
		_ = c.Close()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
	in := bufio.NewReader(c)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		p := parcel{time.Now(), r.Header, body}
		s.mu.Lock()
		behave, try := s.behave, 0
		if p.test() {
			behave = nil
		} else {
			key := r.Header.Get("webhook-id")
			s.tries[key] = append(s.tries[key], p)
			try = len(s.tries[key])
		}
		s.mu.Unlock()
		if behave != nil {
			behave(c, try)
			return
		}
		if _, err := io.WriteString(c, noContent); err != nil {
			return
		}
	}
}

// does sets what it does from now on; nil is 204.
func (s *socket) does(behave func(c net.Conn, try int)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behave = behave
}

// seen is what came so far.
func (s *socket) seen() map[string][]parcel {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.tries)
}

// says answers and hangs up.
func says(answer string) func(net.Conn, int) {
	return func(c net.Conn, _ int) { _, _ = io.WriteString(c, answer) } // the other side may hang up first
}

const noContent = "HTTP/1.1 204 No Content\r\n\r\n"

// gone waits until the other side hangs up.
func gone(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

func TestDelivery_OutlastsReceiversThatMisbehave(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	running(t, webhook.NewDeliverer(h.App.Webhooks, webhook.Options{Log: slog.New(slog.NewJSONHandler(h.Log, nil))}))
	var inward sync.Map
	inside := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { inward.Store(r.URL.Path, true) }))
	t.Cleanup(inside.Close)
	soon := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	var flaps atomic.Int32
	five := [2]time.Duration{4 * time.Second, 6 * time.Second} // seconds, give or take a fifth
	const ok = "HTTP/1.1 200 OK\r\n"

	for _, c := range []struct {
		what    string
		behave  func(net.Conn, int)
		outcome string
		status  int // of the answer; 0: none
		waits   [2]time.Duration
	}{
		{"is slow", func(c net.Conn, _ int) {
			<-time.After(2500 * time.Millisecond) // what the receiver does, not what the test waits for
			_, _ = io.WriteString(c, ok+"Content-Length: 0\r\n\r\n")
		}, "delivered", 200, [2]time.Duration{}},
		{"flaps", func(c net.Conn, _ int) {
			if flaps.Add(1)%2 == 0 {
				_, _ = io.WriteString(c, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
			} else {
				_, _ = io.WriteString(c, noContent)
			}
		}, "refused", 502, five},
		{"hangs", func(c net.Conn, _ int) { gone(c) }, "unreachable", 0, five},
		{"drips", func(c net.Conn, _ int) {
			for _, b := range []byte(ok + "X-Slow: " + strings.Repeat("a", 1000)) {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				<-time.After(100 * time.Millisecond)
			}
		}, "unreachable", 0, five},
		{"promises more than it sends", says(ok + "Content-Length: 1000\r\n\r\nshort"), "delivered", 200, [2]time.Duration{}},
		{"refuses, and promises more than it sends", says("HTTP/1.1 500 Oops\r\nContent-Length: 1000\r\n\r\nshort"), "unreachable", 0, five},
		{"sends more than it promises", says(ok + "Content-Length: 2\r\n\r\nok" + strings.Repeat("HTTP/1.1 500 Oops\r\n\r\n", 100)), "delivered", 200, [2]time.Duration{}},
		{"answers garbage", says(strings.Repeat("\x00\xff\r\n", 500)), "unreachable", 0, five},
		{"speaks another protocol", says("SSH-2.0-OpenSSH_9.2\r\n"), "unreachable", 0, five},
		{"never ends its body", func(c net.Conn, _ int) {
			_, err := io.WriteString(c, ok+"\r\n")
			for err == nil {
				_, err = io.WriteString(c, strings.Repeat("x", 4096))
			}
		}, "delivered", 200, [2]time.Duration{}},
		{"never ends its headers", func(c net.Conn, _ int) {
			_, err := io.WriteString(c, ok)
			for err == nil {
				_, err = io.WriteString(c, "X-Again: "+strings.Repeat("x", 4096)+"\r\n")
			}
		}, "unreachable", 0, five},
		{"only ever says to go on", says(strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 1000)), "unreachable", 0, five},
		{"hangs up", func(net.Conn, int) {}, "unreachable", 0, five},
		{"redirects inwards", says("HTTP/1.1 307 Temporary Redirect\r\nLocation: " + inside.URL + "/secret\r\nContent-Length: 0\r\n\r\n"), "refused", 307, five},
		{"is gone", says("HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"), "gone", 410, five},
		{"asks for an hour", says("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n"), "refused", 429, [2]time.Duration{time.Hour, time.Hour}},
		{"names a time", says("HTTP/1.1 503 Service Unavailable\r\nRetry-After: " + soon + "\r\nContent-Length: 0\r\n\r\n"), "refused", 503, [2]time.Duration{55 * time.Minute, time.Hour}},
		{"asks for ages", says("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2000000000\r\nContent-Length: 0\r\n\r\n"), "refused", 503, [2]time.Duration{24 * time.Hour, 24 * time.Hour}},
		{"asks for nonsense", says("HTTP/1.1 503 Service Unavailable\r\nRetry-After: -1e9\r\nContent-Length: 0\r\n\r\n"), "refused", 503, five},
		{"is down", nil, "unreachable", 0, five},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			w, s := h.Tenant(t), newSocket(t)
			coordinator := w.Coordinator()
			e := coordinator.Post(endpoints, object{"url": "http://" + s.addr + "/hook?token=CANARY-QUERY", "event_types": []string{"organisation.*"}}).Is(201)
			check, err := standardwebhooks.NewWebhook(e.Str("secret"))
			require.NoError(t, err)
			path := endpoints + "/" + e.Str("id")
			require.Eventually(t, func() bool { return coordinator.Get(path).Is(200).Str("status") == "active" }, enough, 20*time.Millisecond)

			if c.behave == nil {
				s.close()
			}
			s.does(c.behave)
			facts := map[string]bool{}
			for range 2 {
				subject := id.NewOrganisation()
				w.Do(func(tx *db.Tx) error { return happened.Record(tx, fact.Event{Subject: subject, Revision: 1}) })
				facts[subject.String()] = true
			}
			require.Eventually(t, func() bool {
				return w.Count(`select count(*) from webhook_attempts a join webhook_deliveries d on d.tenant_id = a.tenant_id and d.id = a.delivery_id
					where a.tenant_id = $1 and d.type = 'organisation.probed' and d.attempts > 0`, w.Tenant.UUID()) >= map[bool]int{true: 1, false: 2}[c.outcome == "gone"]
			}, enough, 20*time.Millisecond)
			tried := `select count(*) from webhook_attempts a join webhook_deliveries d on d.tenant_id = a.tenant_id and d.id = a.delivery_id
				where a.tenant_id = $1 and d.type = 'organisation.probed' and `
			require.Positive(t, w.Count(tried+`a.outcome = $2 and coalesce(a.status, 0) = $3`, w.Tenant.UUID(), c.outcome, c.status))
			require.Zero(t, w.Count(tried+`length(a.answer) > 16000`, w.Tenant.UUID()), "no more is kept than design section 5 says")
			if c.waits[0] > 0 {
				var early, late float64
				require.NoError(t, w.Super.QueryRow(context.Background(), `select min(extract(epoch from d.next_attempt_at - a.at)), max(extract(epoch from d.next_attempt_at - a.at) - a.duration_ms / 1000.0)
					from webhook_attempts a join webhook_deliveries d on d.tenant_id = a.tenant_id and d.id = a.delivery_id
					where a.tenant_id = $1 and d.type = 'organisation.probed' and a.outcome = $2`, w.Tenant.UUID(), c.outcome).Scan(&early, &late))
				require.GreaterOrEqual(t, early, c.waits[0].Seconds()-1, "not before it is time, in seconds")
				require.LessOrEqual(t, late, c.waits[1].Seconds()+30, "nor much after")
			}

			// It mends its ways, and the time has come.
			s.does(nil)
			if c.behave == nil {
				s.listen()
			}
			if c.outcome == "gone" {
				require.Equal(t, "disabled", coordinator.Get(path).Str("status"))
				coordinator.Post(path+"/enable", nil).Is(200)
			}
			require.Eventually(t, func() bool {
				_, err := w.Super.Exec(context.Background(), `update platform.delivery_queue set due_at = now() where tenant_id = $1 and lease is null and due_at > now()`, w.Tenant.UUID())
				return err == nil && w.Count(`select count(*) from webhook_deliveries where tenant_id = $1 and type = 'organisation.probed' and status = 'delivered'`, w.Tenant.UUID()) == len(facts)
			}, enough, 100*time.Millisecond)
			require.Zero(t, w.Count(`select count(*) from platform.delivery_queue where tenant_id = $1`, w.Tenant.UUID()))

			// The ledger: each fact under its own id, the same each time, and nothing else.
			all := s.seen()
			require.Len(t, all, len(facts))
			for event, tries := range all {
				var eid id.EventID
				require.NoError(t, eid.UnmarshalText([]byte(event)))
				var subject string
				require.NoError(t, w.Super.QueryRow(context.Background(), `select subject from events where tenant_id = $1 and id = $2`, w.Tenant.UUID(), eid.UUID()).Scan(&subject))
				require.True(t, facts[subject])
				if c.outcome == "delivered" {
					require.Len(t, tries, 1, "a 2xx is a receipt, whatever follows it")
				}
				for _, x := range tries {
					require.NoError(t, check.Verify(x.body, x.header))
					require.Equal(t, tries[0].body, x.body)
				}
			}
			require.NotContains(t, h.Log.String(), "CANARY-QUERY")
		})
	}
	t.Cleanup(func() { // after all of them
		_, reached := inward.Load("/secret")
		require.False(t, reached)
	})
}

// Receivers close connections that nobody uses just when we begin to: that is no failure of theirs, nor a reason to wait.
func TestDelivery_IsNotFailedByAConnectionThatWasClosedMeanwhile(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w, s := h.Tenant(t), newSocket(t)
	running(t, webhook.NewDeliverer(h.App.Webhooks, webhook.Options{}))
	c := w.Coordinator()
	path := endpoints + "/" + c.Post(endpoints, object{"url": "http://" + s.addr, "event_types": []string{"organisation.*"}}).Is(201).Str("id")
	require.Eventually(t, func() bool { return c.Get(path).Str("status") == "active" }, enough, 20*time.Millisecond)
	s.does(func(c net.Conn, try int) { // the first comes on the connection of the test event
		if try > 1 {
			_, _ = io.WriteString(c, noContent)
		}
	})
	w.Do(func(tx *db.Tx) error {
		return happened.Record(tx, fact.Event{Subject: id.NewOrganisation(), Revision: 1})
	})
	done := `select count(*) from webhook_deliveries where tenant_id = $1 and type = 'organisation.probed' and `
	require.Eventually(t, func() bool { return w.Count(done+`status = 'delivered'`, w.Tenant.UUID()) == 1 }, enough, 20*time.Millisecond)
	require.Equal(t, 1, w.Count(done+`attempts = 1`, w.Tenant.UUID()))
	for _, tries := range s.seen() {
		require.Len(t, tries, 2, "in one try it came twice, as docs/webhooks.md says under At least once")
		require.Equal(t, tries[0].header.Get("Webhook-Id"), tries[1].header.Get("Webhook-Id"))
		require.Equal(t, tries[0].header.Get("Webhook-Signature"), tries[1].header.Get("Webhook-Signature"))
	}
}

// process is another process on the same database, with a clock that is set wrong by ahead.
func process(t *testing.T, h *testkit.House, ahead time.Duration) *app.App {
	t.Helper()
	a := stranger(t, h, h.Box, ahead)
	require.NoError(t, a.Access.Start(t.Context()))
	return a
}

// stranger is one that may have another master key.
func stranger(t *testing.T, h *testkit.House, box *seal.Box, ahead time.Duration) *app.App {
	t.Helper()
	data, err := db.Open(t.Context(), h.AppURL, db.Options{Clock: func() time.Time { return time.Now().Add(ahead) }, MaxConns: 8})
	require.NoError(t, err)
	t.Cleanup(data.Close)
	limit := web.Limit{Requests: 1_000_000, Window: time.Second}
	a, err := app.New(data, app.Options{Box: box, Log: slog.New(slog.DiscardHandler), PublicURL: testkit.PublicURL, Outbound: outbound.OnlyLoopback(),
		ClientLimit: limit, PublicLimit: limit, KeepEvents: 30 * 24 * time.Hour})
	require.NoError(t, err)
	return a
}

// untried says that nothing was held against any endpoint.
func (p post) untried(c *testkit.Caller, path string) {
	p.t.Helper()
	require.Zero(p.t, p.Count(`select count(*) from webhook_attempts a join webhook_deliveries d on d.tenant_id = a.tenant_id and d.id = a.delivery_id
		where d.type <> 'webhook_endpoint.tested'`))
	require.Zero(p.t, p.Count(`select count(*) from webhook_deliveries where type <> 'webhook_endpoint.tested' and (attempts > 0 or status <> 'waiting')`))
	require.Zero(p.t, p.Count(`select count(*) from platform.delivery_queue where lease is not null or due_at <= now() + interval '30 seconds'`), "each was put off")
	require.Nil(p.t, c.Get(path).Is(200).At("failing_since"))
}

// A process that was given another master key opens nothing, and spends nothing of what others could send.
func TestDelivery_UnderAnotherMasterKeyIsPutOffAndCostsNoTry(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	path, secret := p.endpoint(c, r, "organisation.*")
	p.deliver()
	var subjects []string
	for range 6 {
		subjects = append(subjects, p.record())
	}
	box, err := seal.Open(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)))
	require.NoError(t, err)
	var unmade atomic.Int32
	wrong := webhook.NewDeliverer(stranger(t, p.House, box, 0).Webhooks, webhook.Options{Log: slog.New(slog.NewJSONHandler(p.Log, nil)),
		Observe: func(x webhook.Tried) {
			if x.Outcome == "unmade" && !x.First {
				unmade.Add(1)
			}
		}})
	n, err := wrong.Drain(context.Background())
	require.NoError(t, err)
	require.Equal(t, 2, n, "as many as a new endpoint has room for: then it rests, however much waits")
	require.Equal(t, int32(2), unmade.Load())
	_, err = p.Super.Exec(context.Background(), `update platform.delivery_queue set due_at = now() + interval '1 minute' where due_at <= now()`)
	require.NoError(t, err) // those that it left alone
	p.untried(c, path)
	require.Equal(t, 2, strings.Count(p.Log.String(), `"level":"ERROR","msg":"webhook cannot be made"`))
	require.NotContains(t, p.Log.String(), secret)
	require.NotContains(t, p.Log.String(), "CANARY-PATH")

	p.later(time.Minute, c)
	require.Equal(t, len(subjects), p.deliver(), "the right key makes them all")
	require.ElementsMatch(t, subjects, r.subjects())
	require.Equal(t, len(subjects), p.Count(`select count(*) from webhook_deliveries where type = 'organisation.probed' and status = 'delivered' and attempts = 1`))
}

func TestDelivery_ThatWeCannotMakeCostsNoTry(t *testing.T) {
	t.Parallel()
	const spoil, mend = `set %[1]s = '\xff' || %[1]s`, `set %[1]s = substring(%[1]s from 2)`
	for _, c := range []struct {
		what, table, spoil, mend string
		shape                    object
	}{
		{"a secret", "webhook_secrets", fmt.Sprintf(spoil, "sealed"), fmt.Sprintf(mend, "sealed"), nil},
		{"a key", "webhook_secrets", fmt.Sprintf(spoil, "key_sealed"), fmt.Sprintf(mend, "key_sealed"), nil},
		{"headers", "webhook_endpoints", fmt.Sprintf(spoil, "headers"), fmt.Sprintf(mend, "headers"), object{"headers": []object{{"name": "X-Key", "value": "CANARY"}}}},
		{"what buys a token", "webhook_endpoints", fmt.Sprintf(spoil, "oauth_secret"), fmt.Sprintf(mend, "oauth_secret"), object{"oauth": object{"client_id": "ours", "client_secret": "CANARY"}}},
		{"the key of a certificate", "webhook_endpoints", fmt.Sprintf(spoil, "certificate_key"), fmt.Sprintf(mend, "certificate_key"), object{"certificate": object{}}},
		{"a fact that is too large", "events", `set data = data || jsonb_build_object('more', repeat('x', 20000))`, `set data = data - 'more'`, nil},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			p, r, i := open(t), receive(t), issue(t)
			caller := p.Coordinator()
			arrived, url := r.subjects, r.URL
			switch {
			case c.shape["oauth"] != nil:
				c.shape["oauth"].(object)["token_url"] = i.URL
			case c.shape["certificate"] != nil:
				s := receiveStrictly(t)
				cert, key := certificate(t, time.Now().Add(24*time.Hour))
				s.trusts(t, cert)
				c.shape["certificate"] = object{"certificate": cert, "private_key": key}
				url, arrived = s.URL, func() (subjects []string) {
					for _, x := range s.arrived() {
						subject, _, _ := strings.Cut(x, " ")
						subjects = append(subjects, subject)
					}
					return subjects
				}
			}
			in := object{"url": url, "event_types": []string{"organisation.*"}}
			maps.Copy(in, c.shape)
			path := caller.Post(endpoints, in).Is(201).Header.Get("Location")
			p.deliver()
			require.Equal(t, "active", caller.Get(path).Str("status"))
			subject := p.record()
			alter := func(how string) {
				_, err := p.Super.Exec(context.Background(), `update `+c.table+` `+how)
				require.NoError(t, err)
			}
			alter(c.spoil)
			fresh := func() *webhook.Deliverer { // that remembers nothing
				return webhook.NewDeliverer(p.App.Webhooks, webhook.Options{Log: slog.New(slog.NewJSONHandler(p.Log, nil))})
			}
			p.d = fresh()
			require.Equal(t, 1, p.deliver())
			require.Empty(t, arrived())
			p.untried(caller, path)
			again, err := time.Parse(time.RFC3339Nano, caller.Get("/v1/webhook-deliveries?status=waiting").Str("data.0.next_attempt_at"))
			require.NoError(t, err)
			require.Greater(t, time.Until(again), 30*time.Second, "and its owner is told when it is looked at again")
			require.Contains(t, p.Log.String(), `"level":"ERROR","msg":"webhook cannot be made"`)
			require.NotContains(t, p.Log.String(), "CANARY")
			require.NotContains(t, p.Log.String(), "PRIVATE")

			alter(c.mend)
			p.later(time.Hour, caller)
			p.d = fresh()
			require.Equal(t, 1, p.deliver())
			require.Equal(t, []string{subject}, arrived())
		})
	}
}

// Three processes share a queue, and two of their clocks are ten minutes off. Nothing is sent before it is due or long
// after, no lease is taken for over while its holder lives, and every signature is of the time at which it is made.
func TestDeliverer_IsNotMisledByAClock(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w, s := h.Tenant(t), newSocket(t)
	apps := []*app.App{h.App, process(t, h, 10*time.Minute), process(t, h, -10*time.Minute)}
	for _, a := range apps {
		running(t, webhook.NewDeliverer(a.Webhooks, webhook.Options{}))
	}
	c := w.Coordinator()
	e := c.Post(endpoints, object{"url": "http://" + s.addr, "event_types": []string{"organisation.*"}}).Is(201)
	check, err := standardwebhooks.NewWebhook(e.Str("secret"))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return c.Get(endpoints+"/"+e.Str("id")).Str("status") == "active" }, enough, 20*time.Millisecond)

	// First one that is held for longer than a lease: its holder lives, whoever that is.
	held := make(chan struct{})
	s.does(func(c net.Conn, _ int) {
		<-held
		_, _ = io.WriteString(c, noContent)
	})
	record := func(a *app.App) {
		require.NoError(t, a.DB.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error {
			return happened.Record(tx, fact.Event{Subject: id.NewOrganisation(), Revision: 1})
		}))
	}
	for _, a := range apps {
		record(a)
	}
	time.AfterFunc(webhook.Lease+2*time.Second, func() { close(held) })
	delivered := func(n int) func() bool {
		return func() bool {
			return w.Count(`select count(*) from webhook_deliveries where tenant_id = $1 and type = 'organisation.probed' and status = 'delivered'`, w.Tenant.UUID()) == n
		}
	}
	require.Eventually(t, delivered(len(apps)), enough, 20*time.Millisecond)

	// Then some that are refused at first.
	for _, tries := range s.seen() {
		require.Len(t, tries, 1, "nobody else took it")
	}
	s.does(func(c net.Conn, try int) {
		if try == 1 {
			_, _ = io.WriteString(c, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
		} else {
			_, _ = io.WriteString(c, noContent)
		}
	})
	for range 3 {
		for _, a := range apps {
			record(a)
		}
	}
	require.Eventually(t, delivered(4*len(apps)), enough, 20*time.Millisecond)
	all := s.seen()
	require.Len(t, all, 4*len(apps))
	for event, tries := range all {
		for i, x := range tries {
			require.NoError(t, check.Verify(x.body, x.header), "the official library allows five minutes")
			if i > 0 {
				require.GreaterOrEqual(t, x.at.Sub(tries[i-1].at), 4*time.Second, "%s came too early", event)
			}
		}
	}
}

// credential is one secret and the public key beside it, for who holds no secret.
type credential struct {
	check  *standardwebhooks.Webhook
	public string
}

func (k credential) takes(h http.Header, body []byte) bool {
	return k.check.Verify(body, h) == nil && example.DeliveryByKey(k.public, h, body, time.Now()) == nil
}

func (k credential) takesAny(h http.Header, body []byte) bool {
	return k.check.Verify(body, h) == nil || example.DeliveryByKey(k.public, h, body, time.Now()) == nil
}

// The consumer does what docs/webhooks.md says: it takes the new secret beside the old one at once, and drops the old one when its
// overlap is over; or it knows one alone, and changes over some time within the overlap.
func TestEndpoint_RotatesItsSecretUnderLoadWithoutOneRefusal(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	running(t, webhook.NewDeliverer(h.App.Webhooks, webhook.Options{}))
	var (
		mu       sync.Mutex
		known    []credential
		accepted int
		refused  []string
		both     int
	)
	use := func(all ...*testkit.Answer) {
		var next []credential
		for _, made := range all {
			check, err := standardwebhooks.NewWebhook(made.Str("secret"))
			require.NoError(t, err)
			next = append(next, credential{check, made.Str("public_key")})
		}
		mu.Lock()
		defer mu.Unlock()
		known = next
	}
	r := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		mu.Lock()
		defer mu.Unlock()
		if err != nil || known != nil && !slices.ContainsFunc(known, func(k credential) bool { return k.takes(q.Header, body) }) {
			refused = append(refused, fmt.Sprint(q.Header, err))
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		accepted++
		if strings.Count(q.Header.Get("webhook-signature"), "v1,") == 2 {
			both++
		}
		// Every one that was tampered with is refused.
		for name, spoil := range map[string]func(http.Header, []byte) []byte{
			"body": func(_ http.Header, b []byte) []byte { return append(bytes.Clone(b), ' ') },
			"id":   func(h http.Header, b []byte) []byte { h.Set("webhook-id", h.Get("webhook-id")+"x"); return b },
			"time": func(h http.Header, b []byte) []byte {
				h.Set("webhook-timestamp", fmt.Sprint(time.Now().Unix()-7))
				return b
			},
			"signature": func(h http.Header, b []byte) []byte {
				h.Set("webhook-signature", "v1,"+strings.Repeat("A", 43)+"= v1a,"+strings.Repeat("A", 86)+"==")
				return b
			},
		} {
			header := q.Header.Clone()
			spoiled := spoil(header, body)
			if slices.ContainsFunc(known, func(k credential) bool { return k.takesAny(header, spoiled) }) {
				refused = append(refused, "a wrong "+name+" passed")
			}
		}
	}))
	t.Cleanup(r.Close)
	c := w.Coordinator()
	e := c.Post(endpoints, object{"url": r.URL, "event_types": []string{"organisation.*"}}).Is(201)
	use(e)
	path := endpoints + "/" + e.Str("id")
	require.Eventually(t, func() bool { return c.Get(path).Str("status") == "active" }, enough, 20*time.Millisecond)

	over := make(chan struct{})
	var load sync.WaitGroup
	var facts int
	for range 2 {
		load.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				err := h.App.DB.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error {
					return happened.Record(tx, fact.Event{Subject: id.NewOrganisation(), Revision: 1})
				})
				mu.Lock()
				if err != nil {
					refused = append(refused, "recording: "+err.Error())
				} else {
					facts++
				}
				mu.Unlock()
			}
		})
	}
	more := func(n int) {
		mu.Lock()
		until := accepted + n
		mu.Unlock()
		require.Eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return accepted >= until || len(refused) > 0 }, enough, 5*time.Millisecond)
	}
	for round, present := 0, e; round < 6; round++ {
		more(60)
		rotated := c.Post(path+"/rotate-secret", object{}).Is(200)
		if round%2 == 0 {
			use(rotated, present)
		}
		more(60) // every other time the consumer still knows the old ones alone
		use(rotated)
		present = rotated
		_, err := w.Super.Exec(context.Background(), `update webhook_secrets set expires_at = created_at where tenant_id = $1 and expires_at is not null`, w.Tenant.UUID())
		require.NoError(t, err) // a day goes by
	}
	more(60)
	close(over)
	load.Wait()
	require.Eventually(t, func() bool { return w.Count(`select count(*) from platform.delivery_queue`) == 0 }, enough, 20*time.Millisecond)
	mu.Lock()
	defer mu.Unlock()
	require.Empty(t, refused)
	require.Equal(t, facts+1, accepted, "each fact came once, and the test event")
	require.Positive(t, both)
	require.Zero(t, w.Count(`select count(*) from webhook_attempts where tenant_id = $1 and outcome <> 'delivered'`, w.Tenant.UUID()))
}
