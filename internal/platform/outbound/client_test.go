package outbound

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

// Timeouts of exchanges that end by them: before any answer, and after its head surely came.
const (
	beforeAnswer = 100 * time.Millisecond
	afterHead    = 2 * time.Second
)

func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

// serveRaw answers each connection's first request with the bytes, and closes; it returns the URL.
func serveRaw(t *testing.T, answer string) string {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				_, _ = io.WriteString(conn, answer) // the client may hang up at will
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-done })
	return "http://" + listener.Addr().String() + "/"
}

func insecure(t *testing.T) *Client {
	t.Helper()
	c := New(Policy{Insecure: true})
	t.Cleanup(c.transport.CloseIdleConnections)
	return c
}

func requireUnreachable(t *testing.T, err error) *Unreachable {
	t.Helper()
	var unreachable *Unreachable
	require.ErrorAs(t, err, &unreachable)
	require.Equal(t, "the endpoint could not be reached", unreachable.Error())
	require.NotEmpty(t, unreachable.Reason())
	require.NotEqual(t, unreachable.Error(), unreachable.Reason())
	require.NoError(t, errors.Unwrap(unreachable), "the reason is for logs alone")
	return unreachable
}

func TestAnExchange(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		sent, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.URL.Path != "/hook" || r.Header.Get("webhook-id") != "evt_1" ||
			r.Header.Get("Accept-Encoding") != "" || string(sent) != `{"a":1}` {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		w.Header().Set("X-Answer", "yes")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "thanks")
	})
	header := http.Header{"Webhook-Id": {"evt_1"}}
	answer, err := insecure(t).Do(t.Context(), Request{Method: "POST", URL: server.URL + "/hook", Header: header, Body: []byte(`{"a":1}`)})
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, answer.Status)
	require.Equal(t, "yes", answer.Header.Get("X-Answer"))
	require.Equal(t, "thanks", string(answer.Body))
	require.False(t, answer.Truncated)
	require.Positive(t, answer.Duration)
	require.Equal(t, http.Header{"Webhook-Id": {"evt_1"}}, header, "the caller's headers are left alone")
}

func TestRedirectsAreAnswers(t *testing.T) {
	t.Parallel()
	var reached atomic.Int32
	inside := serve(t, func(http.ResponseWriter, *http.Request) { reached.Add(1) })
	for _, status := range []int{301, 302, 303, 307, 308} {
		server := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, inside.URL+"/secret", status) })
		c := insecure(t)
		answer, err := c.Do(t.Context(), Request{Method: "POST", URL: server.URL, Body: []byte("{}")})
		require.NoError(t, err)
		require.Equal(t, status, answer.Status)
		require.Equal(t, inside.URL+"/secret", answer.Header.Get("Location"))

		res, err := c.HTTPClient().Get(server.URL)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, status, res.StatusCode)
	}
	require.Zero(t, reached.Load())
}

func TestNoCookiesAndNoProxy(t *testing.T) {
	t.Parallel()
	var cookies atomic.Int32
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		cookies.Add(int32(len(r.Cookies())))
		http.SetCookie(w, &http.Cookie{Name: "track", Value: "1", Path: "/"})
	})
	c := insecure(t)
	for range 2 {
		_, err := c.Do(t.Context(), Request{Method: "GET", URL: server.URL})
		require.NoError(t, err)
		res, err := c.HTTPClient().Get(server.URL)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
	}
	require.Zero(t, cookies.Load())
	require.Nil(t, c.transport.Proxy)
}

func TestBodiesAreCut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		size, keep, want int
		truncated        bool
	}{
		{0, 0, 0, false},
		{KeepBody, 0, KeepBody, false},
		{KeepBody + 1, 0, KeepBody, true},
		{ReadBody, ReadBody, ReadBody, false},
		{ReadBody + 1, ReadBody, ReadBody, true},
		{10 * ReadBody, 2 * ReadBody, ReadBody, true},
		{10, 4, 4, true},
	} {
		server := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", c.size)) })
		answer, err := insecure(t).Do(t.Context(), Request{Method: "GET", URL: server.URL, Keep: c.keep})
		require.NoError(t, err, c)
		require.Len(t, answer.Body, c.want, "%+v", c)
		require.Equal(t, c.truncated, answer.Truncated, "%+v", c)
	}
}

func TestAnEndlessBodyIsCutAndHungUpOn(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{}, 2)
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := io.WriteString(w, strings.Repeat("x", 4096)); err != nil {
				gone <- struct{}{}
				return
			}
		}
	})
	c := insecure(t)
	answer, err := c.Do(t.Context(), Request{Method: "GET", URL: server.URL})
	require.NoError(t, err)
	require.Equal(t, 200, answer.Status)
	require.Len(t, answer.Body, KeepBody)
	require.True(t, answer.Truncated)
	<-gone

	res, err := c.HTTPClient().Get(server.URL)
	require.NoError(t, err)
	read, err := io.ReadAll(res.Body)
	require.ErrorIs(t, err, ErrTooLong)
	require.Len(t, read, ReadBody)
	require.NoError(t, res.Body.Close())
	<-gone
}

func TestASlowReceiverEndsAtTheTimeout(t *testing.T) {
	t.Parallel()
	mute := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	answer, err := insecure(t).Do(t.Context(), Request{Method: "GET", URL: mute.URL, Timeout: beforeAnswer})
	requireUnreachable(t, err)
	require.Zero(t, answer.Status)
	require.Positive(t, answer.Duration)

	slow := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "once upon")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	answer, err = insecure(t).Do(t.Context(), Request{Method: "GET", URL: slow.URL, Timeout: afterHead})
	unreachable := requireUnreachable(t, err)
	require.ErrorIs(t, unreachable.cause, context.DeadlineExceeded)
	require.Equal(t, 200, answer.Status, "what came is told")
	require.Equal(t, "once upon", string(answer.Body))
}

func TestACancelledCallerIsNoFailureOfTheEndpoint(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			w.(http.Flusher).Flush()
		}
		cancel()
		<-r.Context().Done()
	})
	for _, path := range []string{"/body", "/head"} {
		_, err := insecure(t).Do(ctx, Request{Method: "GET", URL: server.URL + path})
		require.ErrorIs(t, err, context.Canceled)
		var unreachable *Unreachable
		require.False(t, errors.As(err, &unreachable))
	}
}

func TestAnswersThatAreNoHTTP(t *testing.T) {
	t.Parallel()
	const start = "HTTP/1.1 200 OK\r\nConnection: close\r\n"
	for name, answer := range map[string]string{
		"nothing":          "",
		"another protocol": "SSH-2.0-OpenSSH_9.2\r\n",
		"garbage":          strings.Repeat("\x00\xff", 2000),
		"one endless line": "HTTP/1.1 200 " + strings.Repeat("a", 100_000),
		"cut headers":      start,
		"bad header":       start + "no colon here\r\n\r\n",
		"bad length":       start + "Content-Length: many\r\n\r\n",
		"two lengths":      start + "Content-Length: 3\r\nContent-Length: 5\r\n\r\nabc",
		"shorter body":     start + "Content-Length: 1000\r\n\r\nshort",
		"bad chunk":        start + "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
		"cut chunk":        start + "Transfer-Encoding: chunked\r\n\r\n1000\r\nabc",
		"huge header":      start + "X-Big: " + strings.Repeat("a", 33<<10) + "\r\n\r\n",
		"many headers":     start + strings.Repeat("X-Many: "+strings.Repeat("a", 90)+"\r\n", 400) + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := insecure(t).Do(t.Context(), Request{Method: "POST", URL: serveRaw(t, answer), Body: []byte("{}")})
			requireUnreachable(t, err)
		})
	}
	// Positive controls of the last two and of a body that is longer than it says.
	for name, answer := range map[string]string{
		"large header": start + "X-Big: " + strings.Repeat("a", 30<<10) + "\r\nContent-Length: 2\r\n\r\nok",
		"longer body":  start + "Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := insecure(t).Do(t.Context(), Request{Method: "POST", URL: serveRaw(t, answer), Body: []byte("{}")})
			require.NoError(t, err)
			require.Equal(t, "ok", string(got.Body))
		})
	}
}

func TestRequestsThatCannotBeSent(t *testing.T) {
	t.Parallel()
	var reached atomic.Int32
	server := serve(t, func(http.ResponseWriter, *http.Request) { reached.Add(1) })
	for name, r := range map[string]Request{
		"method":       {Method: "GET /x HTTP/1.1\r\n", URL: server.URL},
		"URL":          {Method: "GET", URL: "http://[::1"},
		"header value": {Method: "GET", URL: server.URL, Header: http.Header{"X-A": {"a\r\nHost: inside"}}},
		"header name":  {Method: "GET", URL: server.URL, Header: http.Header{"X A": {"a"}}},
	} {
		_, err := insecure(t).Do(t.Context(), r)
		requireUnreachable(t, err)
		require.Zero(t, reached.Load(), name)
	}
}

func TestTheStrictPolicyNeverReachesLoopback(t *testing.T) {
	t.Parallel()
	var connected atomic.Int32
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connected.Add(1)
		}
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)

	strict := build(Policy{}, answering(t, map[string][]string{"names.example.com.": {"127.0.0.1"}}), trust(server))
	for _, host := range []string{"127.0.0.1", "localhost", "127.1", "[::ffff:127.0.0.1]", "names.example.com"} {
		_, err := strict.Do(t.Context(), Request{Method: "GET", URL: "https://" + host + ":" + port})
		requireUnreachable(t, err)
	}
	_, err = strict.HTTPClient().Get("https://names.example.com:" + port)
	requireUnreachable(t, err)
	_, err = strict.HTTPClient().Post("http://names.example.com:"+port, "text/plain", strings.NewReader("x"))
	requireUnreachable(t, err)
	require.Zero(t, connected.Load())

	answer, err := build(Policy{Insecure: true}, nil, trust(server)).Do(t.Context(), Request{Method: "GET", URL: server.URL})
	require.NoError(t, err, "positive control")
	require.Equal(t, http.StatusNotFound, answer.Status)
}

// Neither the name server nor what it would have said is called; the names of this machine are found.
func TestOnlyLoopbackAsksNobodyForNames(t *testing.T) {
	t.Parallel()
	c := New(OnlyLoopback())
	t.Cleanup(c.transport.CloseIdleConnections)
	_, err := c.Do(t.Context(), Request{Method: "GET", URL: "https://hr.example.com/hook"})
	require.ErrorContains(t, requireUnreachable(t, err).cause, "no name server is asked here")
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	for _, url := range []string{server.URL, strings.Replace(server.URL, "127.0.0.1", "localhost", 1)} {
		answer, err := c.Do(t.Context(), Request{Method: "GET", URL: url})
		require.NoError(t, err, url)
		require.Equal(t, http.StatusNotFound, answer.Status)
	}
	outside := build(OnlyLoopback(), answering(t, map[string][]string{"public.example.com.": {"8.8.8.8", "2606:4700:4700::1111"}}), nil)
	_, err = outside.Do(t.Context(), Request{Method: "GET", URL: "https://public.example.com/"})
	require.ErrorIs(t, requireUnreachable(t, err).cause, errBlocked)
}

// TestNamesAreJudgedWhenDialled resolves names through a name server of its own. The hook refuses before a packet leaves.
func TestNamesAreJudgedWhenDialled(t *testing.T) {
	t.Parallel()
	names := map[string][]string{
		"private.example.com.":  {"10.0.0.7"},
		"metadata.example.com.": {"169.254.169.254"},
		"azure.example.com.":    {"168.63.129.16"},
		"local6.example.com.":   {"fd00::7"},
		"nat64.example.com.":    {"64:ff9b::a00:7"},
		"mapped.example.com.":   {"::ffff:10.0.0.7"},
		"several.example.com.":  {"10.0.0.7", "192.168.0.7", "fe80::7"},
	}
	for _, p := range []Policy{{}, {Insecure: true}} {
		c := build(p, answering(t, names), nil)
		for name := range names {
			host := strings.TrimSuffix(name, ".")
			require.NoError(t, p.CheckURL("https://"+host), "on sight it is a name like any other")
			_, err := c.Do(t.Context(), Request{Method: "GET", URL: "https://" + host})
			require.ErrorIs(t, requireUnreachable(t, err).cause, errBlocked, name)
		}
	}
}

func TestANameThatChangesItsMindIsJudgedAgain(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") })
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	var address atomic.Value
	address.Store([]string{"127.0.0.1"})
	resolver := nameServer(t, func(string) []string { return address.Load().([]string) })
	c := build(Policy{Insecure: true}, resolver, nil)
	r := Request{Method: "GET", URL: "http://rebinding.example.com:" + port}

	answer, err := c.Do(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, 200, answer.Status)
	address.Store([]string{"10.0.0.7"})
	_, err = c.Do(t.Context(), r)
	require.ErrorIs(t, requireUnreachable(t, err).cause, errBlocked)
	// Of several addresses only those that may be called are.
	address.Store([]string{"10.0.0.7", "127.0.0.1"})
	answer, err = c.Do(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, 200, answer.Status)
}

func TestAllFailuresReadTheSame(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	plain := serve(t, func(http.ResponseWriter, *http.Request) {})
	mute := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	unknown := httptest.NewUnstartedServer(http.NotFoundHandler())
	unknown.Config.ErrorLog = log.New(io.Discard, "", 0)
	unknown.StartTLS()
	t.Cleanup(unknown.Close)

	c := build(Policy{Insecure: true}, answering(t, map[string][]string{"inside.example.com.": {"10.0.0.7"}}), nil)
	reasons := map[string]string{}
	for name, url := range map[string]string{
		"blocked":  "https://inside.example.com/",
		"on sight": "https://10.0.0.7/",
		"refused":  "http://" + closed.Addr().String() + "/",
		"no name":  "https://nowhere.example.com/",
		"no TLS":   strings.Replace(plain.URL, "http:", "https:", 1),
		"untrust":  unknown.URL,
		"timeout":  mute.URL,
		"garbage":  serveRaw(t, "garbage\r\n\r\n"),
	} {
		r := Request{Method: "GET", URL: url}
		if name == "timeout" {
			r.Timeout = beforeAnswer
		}
		answer, err := c.Do(t.Context(), r)
		require.Equal(t, "the endpoint could not be reached", err.Error(), name)
		require.Zero(t, answer.Status, name)
		reasons[requireUnreachable(t, err).Reason()] = name
	}
	require.Len(t, reasons, 8, "our logs tell them apart")
}

func TestTLSIsAtLeastOneTwo(t *testing.T) {
	t.Parallel()
	for version, want := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.TLS = &tls.Config{MinVersion: version, MaxVersion: version}
		server.StartTLS()
		t.Cleanup(server.Close)
		answer, err := build(Policy{Insecure: true}, nil, trust(server)).Do(t.Context(), Request{Method: "GET", URL: server.URL})
		if !want {
			requireUnreachable(t, err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, http.StatusNotFound, answer.Status)
	}
}

func TestConnectionsAreReusedAndFew(t *testing.T) {
	t.Parallel()
	var opened atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	c := insecure(t)
	for range 5 {
		_, err := c.Do(t.Context(), Request{Method: "POST", URL: server.URL, Body: []byte("{}")})
		require.NoError(t, err)
	}
	require.EqualValues(t, 1, opened.Load())
	require.Equal(t, 8, c.transport.MaxIdleConnsPerHost)
}

func trust(server *httptest.Server) *x509.CertPool {
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return roots
}

func answering(t *testing.T, names map[string][]string) *net.Resolver {
	t.Helper()
	return nameServer(t, func(name string) []string { return names[name] })
}

// nameServer is a resolver that asks a real name server on loopback, which answers from the function; what that does not know
// does not exist.
func nameServer(t *testing.T, lookup func(name string) []string) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			var query dnsmessage.Message
			if query.Unpack(buffer[:n]) != nil || len(query.Questions) != 1 {
				continue
			}
			packed, err := resolve(query, lookup).Pack()
			if err == nil {
				_, _ = conn.WriteTo(packed, from)
			}
		}
	}()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp4", conn.LocalAddr().String())
	}}
}

func resolve(query dnsmessage.Message, lookup func(name string) []string) *dnsmessage.Message {
	question := query.Questions[0]
	answer := &dnsmessage.Message{
		Header:    dnsmessage.Header{ID: query.ID, Response: true, Authoritative: true, RecursionAvailable: true},
		Questions: query.Questions,
	}
	addresses := lookup(question.Name.String())
	if len(addresses) == 0 {
		answer.RCode = dnsmessage.RCodeNameError
	}
	for _, text := range addresses {
		ip := net.ParseIP(text)
		header := dnsmessage.ResourceHeader{Name: question.Name, Type: question.Type, Class: dnsmessage.ClassINET}
		switch {
		case question.Type == dnsmessage.TypeA && !strings.Contains(text, ":"):
			answer.Answers = append(answer.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: [4]byte(ip.To4())}})
		case question.Type == dnsmessage.TypeAAAA && strings.Contains(text, ":"):
			answer.Answers = append(answer.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: [16]byte(ip.To16())}})
		}
	}
	return answer
}

func TestACertificateIsShownToWhomItIsFor(t *testing.T) {
	var shown atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		shown.Store(int32(len(r.TLS.PeerCertificates)))
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	plain := build(Policy{Insecure: true}, nil, trust(server))
	for client, want := range map[*Client]int32{plain: 0, plain.WithCertificate(server.TLS.Certificates[0]): 1} {
		answer, err := client.Do(t.Context(), Request{Method: "GET", URL: server.URL})
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, answer.Status)
		require.Equal(t, want, shown.Load())
	}
	strict := build(Policy{}, nil, trust(server)).WithCertificate(server.TLS.Certificates[0])
	_, err := strict.Do(t.Context(), Request{Method: "GET", URL: server.URL})
	var away *Unreachable
	require.ErrorAs(t, err, &away, "under the same guard")
}
