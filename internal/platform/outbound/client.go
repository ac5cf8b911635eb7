package outbound

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

const (
	// DefaultTimeout bounds one whole exchange, from the look-up of the name to the last byte of the answer.
	DefaultTimeout = 15 * time.Second
	// ReadBody is how much of an answer's body is read, in bytes.
	ReadBody = 64_000
	// KeepBody is how much of an answer's body is kept unless a Request says otherwise, in bytes.
	KeepBody = 16_000

	maxHeader   = 32 << 10         // bytes of an answer's status line and headers
	dialTimeout = 10 * time.Second // shorter than an exchange: a dial goes on in the background after its caller gave up
)

// ErrTooLong ends the body of an answer that is longer than ReadBody, for who reads through HTTPClient.
var ErrTooLong = errors.New("the answer is too long")

// Unreachable is every way in which an exchange can fail: refused by our guard or by the other side, no such name, TLS, a
// timeout, an answer that is no HTTP. Towards callers they all read the same, so that nobody can scan with our help.
type Unreachable struct{ cause error }

func (*Unreachable) Error() string { return "the endpoint could not be reached" }

// Reason says what really happened. It is for our own logs, never for a caller, and is not unwrapped for the same reason.
func (u *Unreachable) Reason() string { return u.cause.Error() }

// Request is one call out.
type Request struct {
	Method string
	URL    string
	Header http.Header // may be nil
	Body   []byte
	// Timeout bounds the whole exchange; zero is DefaultTimeout.
	Timeout time.Duration
	// Keep is how many bytes of the body to keep, up to ReadBody; zero is KeepBody.
	Keep int
}

// Answer is what came back, redirects included: none is followed.
type Answer struct {
	Status    int
	Header    http.Header
	Body      []byte        // the first Request.Keep bytes, as they were sent (never decompressed)
	Truncated bool          // the body was longer than that
	Duration  time.Duration // from the call to the last byte that was read
}

// Client calls out under a Policy. It is safe for concurrent use; make one and keep it, its connections are pooled.
type Client struct {
	policy    Policy
	transport *http.Transport
}

// New makes a client that judges every address it dials by p.
func New(p Policy) *Client { return build(p, nil, nil) }

// build leaves resolver and roots to tests; nil is the system's own.
func build(p Policy, resolver *net.Resolver, roots *x509.CertPool) *Client {
	if p.LoopbackOnly && resolver == nil {
		resolver = unasked
	}
	dialer := &net.Dialer{
		Timeout:  dialTimeout,
		Resolver: resolver,
		// After the look-up and before the connection, for each address of each attempt: a name cannot change its mind in between.
		Control: func(network, address string, _ syscall.RawConn) error { return p.judge(network, address) },
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &Client{policy: p, transport: &http.Transport{
		Proxy:                  nil, // never from the environment: a proxy would dial in our place, unguarded
		DialContext:            dialer.DialContext,
		Protocols:              protocols,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		TLSHandshakeTimeout:    dialTimeout,
		DisableCompression:     true, // no small answer that unpacks into a large one
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConns:           128,
		MaxIdleConnsPerHost:    8, // what an endpoint may have under way
		IdleConnTimeout:        30 * time.Second,
	}}
}

// unasked finds the names that this machine knows by itself, such as localhost. A stub of a name server on loopback would ask further.
var unasked = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
	return nil, fmt.Errorf("%w: no name server is asked here", errBlocked)
}}

// WithCertificate is a client under the same policy that shows a certificate where it is asked for one (mTLS). It has
// connections of its own: what is shown belongs to whom it is shown for.
func (c *Client) WithCertificate(pair tls.Certificate) *Client {
	t := c.transport.Clone()
	t.TLSClientConfig.Certificates = []tls.Certificate{pair}
	return &Client{policy: c.policy, transport: t}
}

// Do makes one exchange. Any status is an Answer. Whatever goes wrong is an *Unreachable, together with as much of the Answer as
// had come; only when ctx itself was cancelled it is context.Canceled, since that says nothing of the endpoint.
func (c *Client) Do(ctx context.Context, r Request) (Answer, error) {
	start := time.Now()
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return Answer{}, &Unreachable{err}
	}
	if r.Header != nil {
		req.Header = r.Header.Clone()
	}
	if r.Timeout <= 0 {
		r.Timeout = DefaultTimeout
	}
	if r.Keep <= 0 {
		r.Keep = KeepBody
	}
	res, err := c.send(req, r.Timeout)
	if err != nil {
		return Answer{Duration: time.Since(start)}, err
	}
	defer func() { _ = res.Body.Close() }() // what it would say, reading has said
	read, err := io.ReadAll(res.Body)
	tooLong := errors.Is(err, ErrTooLong)
	if tooLong {
		err = nil
	}
	return Answer{
		Status:    res.StatusCode,
		Header:    res.Header,
		Body:      bytes.Clone(read[:min(len(read), r.Keep)]),
		Truncated: tooLong || len(read) > r.Keep,
		Duration:  time.Since(start),
	}, err
}

// HTTPClient is the same guard and the same bounds for libraries that want a client of the standard library (OpenID Connect,
// OAuth2). Each request takes at most DefaultTimeout, redirects are answers, and a body over ReadBody ends in ErrTooLong.
func (c *Client) HTTPClient() *http.Client {
	return &http.Client{
		Transport:     c,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// RoundTrip makes Client an http.RoundTripper; see HTTPClient.
func (c *Client) RoundTrip(r *http.Request) (*http.Response, error) { return c.send(r, DefaultTimeout) }

func (c *Client) send(r *http.Request, timeout time.Duration) (*http.Response, error) {
	if err := c.policy.CheckURL(r.URL.String()); err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // asked of every RoundTripper; nothing was read from it
		}
		return nil, &Unreachable{err}
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	res, err := c.transport.RoundTrip(r.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, failure(r.Context(), err)
	}
	res.Body = &body{res.Body, r.Context(), cancel, ReadBody}
	return res, nil
}

func failure(caller context.Context, err error) error {
	if errors.Is(caller.Err(), context.Canceled) {
		return context.Canceled
	}
	return &Unreachable{err}
}

// body reads at most left bytes of an answer, within the time of its exchange.
type body struct {
	from   io.ReadCloser
	caller context.Context
	cancel context.CancelFunc
	left   int
}

func (b *body) Read(p []byte) (int, error) {
	var beyond [1]byte
	atEnd := b.left == 0 && len(p) > 0
	if atEnd {
		p = beyond[:]
	} else if len(p) > b.left {
		p = p[:b.left]
	}
	n, err := b.from.Read(p)
	if atEnd && n > 0 {
		return 0, ErrTooLong
	}
	b.left -= n
	if err != nil && !errors.Is(err, io.EOF) {
		err = failure(b.caller, err)
	}
	return n, err
}

func (b *body) Close() error {
	defer b.cancel()
	return b.from.Close()
}
