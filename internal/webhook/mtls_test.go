package webhook_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/webhook"
)

// authority signs the certificates of receivers. The system's roots are this one alone, for this package's tests.
var authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "switchboard-roots-")
	if err == nil {
		err = rootIn(dir)
	}
	if err != nil {
		log.Fatal(err)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func rootIn(dir string) (err error) {
	if authority.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, authority.key.Public(), authority.key)
	if err != nil {
		return err
	}
	if authority.certificate, err = x509.ParseCertificate(der); err != nil {
		return err
	}
	file := filepath.Join(dir, "roots.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		return err
	}
	_ = os.Setenv("SSL_CERT_DIR", dir)
	return os.Setenv("SSL_CERT_FILE", file)
}

// strict is a receiver over TLS that demands a client certificate, of those that it trusts at the moment.
type strict struct {
	*httptest.Server
	mu    sync.Mutex
	trust *x509.CertPool
	got   []string // subject, and whose certificate was shown
}

func receiveStrictly(t *testing.T) *strict {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, authority.certificate, key.Public(), authority.key)
	require.NoError(t, err)
	s := &strict{trust: x509.NewCertPool()}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		x := received{Body: body}
		if err != nil || json.Unmarshal(body, &x) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if x.Type != webhook.Tested.Name {
			s.got = append(s.got, x.Data.SubjectID+" "+q.TLS.PeerCertificates[0].Subject.CommonName)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	own := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	s.TLS = &tls.Config{Certificates: []tls.Certificate{own}, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: s.trust}, nil
	}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// trusts lets who shows one of these in, and nobody else from now on: connections that stand are ended.
func (s *strict) trusts(t *testing.T, certificates ...string) {
	t.Helper()
	pool := x509.NewCertPool()
	for _, c := range certificates {
		require.True(t, pool.AppendCertsFromPEM([]byte(c)))
	}
	s.mu.Lock()
	s.trust = pool
	s.mu.Unlock()
	s.CloseClientConnections()
}

func (s *strict) arrived() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.got...)
}

func TestCertificate_IsShownAndIsReplacedWithoutADeliveryLost(t *testing.T) {
	t.Parallel()
	p, s := open(t), receiveStrictly(t)
	c := p.Coordinator()
	first, firstKey := certificateOf(t, "first", time.Now().Add(24*time.Hour))
	second, secondKey := certificateOf(t, "second", time.Now().Add(24*time.Hour))
	s.trusts(t, first)
	path := c.Post(endpoints, object{"url": s.URL, "event_types": []string{"organisation.*"},
		"certificate": object{"certificate": first, "private_key": firstKey}}).Is(201).Header.Get("Location")
	p.deliver()
	require.Equal(t, "active", c.Get(path).Is(200).Str("status"))
	one := p.record()
	p.deliver()
	require.Equal(t, []string{one + " first"}, s.arrived())

	// Whoever shows none is let in nowhere, and learns no more of it than of any other receiver that cannot be reached.
	bare := c.Post(endpoints, object{"url": s.URL + "/bare", "event_types": []string{"organisation.*"}}).Is(201).Header.Get("Location")
	p.deliver()
	require.Equal(t, "pending", c.Get(bare).Is(200).Str("status"))
	tested := c.Get("/v1/webhook-deliveries/" + newest(c)).Is(200)
	require.Equal(t, "unreachable", tested.Str("attempts.0.outcome"))
	require.Nil(t, tested.At("attempts.0.answer"))
	c.Delete(bare).Is(204)

	// The receiver takes both for a while; ours is replaced meanwhile.
	s.trusts(t, first, second)
	two := p.record()
	p.deliver()
	c.Patch(path, object{"certificate": object{"certificate": second, "private_key": secondKey}}).Is(200)
	three := p.record()
	p.deliver()
	s.trusts(t, second)
	four := p.record()
	p.deliver()
	require.Equal(t, []string{one + " first", two + " first", three + " second", four + " second"}, s.arrived())
	require.Nil(t, c.Get(path).At("failing_since"), "none was refused")

	// Too late: nothing goes out under one that is not taken any more, and what waits arrives once it is mended.
	c.Patch(path, object{"certificate": object{"certificate": first, "private_key": firstKey}}).Is(200)
	five := p.record()
	p.deliver()
	require.Len(t, s.arrived(), 4)
	require.NotNil(t, c.Get(path).At("failing_since"))
	c.Patch(path, object{"certificate": object{"certificate": second, "private_key": secondKey}}).Is(200)
	p.later(7*time.Second, c)
	p.deliver()
	require.Equal(t, five+" second", s.arrived()[4])
	require.Nil(t, c.Get(path).At("failing_since"))
	require.NotContains(t, p.Log.String(), "PRIVATE")
}

// A receiver whose own certificate nobody vouches for gets nothing.
func TestDelivery_NeedsAReceiverThatProvesItself(t *testing.T) {
	t.Parallel()
	p := open(t)
	c := p.Coordinator()
	stranger := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("something was sent") }))
	stranger.Config.ErrorLog = log.New(io.Discard, "", 0)
	stranger.StartTLS()
	t.Cleanup(stranger.Close)
	path := c.Post(endpoints, object{"url": stranger.URL, "event_types": []string{"organisation.*"}}).Is(201).Header.Get("Location")
	require.Equal(t, 1, p.deliver())
	require.Equal(t, "pending", c.Get(path).Is(200).Str("status"))
	require.Contains(t, p.Log.String(), `"outcome":"unreachable"`)
}
