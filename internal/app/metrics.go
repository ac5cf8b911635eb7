package app

import (
	"bytes"
	"context"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/web"
	"github.com/switchingtalent/switchboard/internal/webhook"
)

// metrics counts requests by route template and status. No label names a tenant or a client; where whoever runs all of it asks for
// it, one names endpoints.
type metrics struct {
	registry   *prometheus.Registry
	requests   *prometheus.HistogramVec
	tries      *prometheus.HistogramVec
	lag        prometheus.Histogram
	byEndpoint *apart // nil: nobody asked
}

// apart counts tries by endpoint and outcome: of the first so many endpoints that this process delivered to, and of the others
// together. A label that could have any number of values would cost whoever keeps them any amount.
type apart struct {
	tries *prometheus.CounterVec
	mu    sync.Mutex
	free  int
	known map[id.EndpointID]bool
}

const (
	other     = "other"     // the endpoint of tries at those that are not told apart
	delivered = "delivered" // the outcome of a try that arrived
)

func (a *apart) tried(t webhook.Tried) {
	a.mu.Lock()
	if a.free > 0 && !a.known[t.Endpoint] {
		a.known[t.Endpoint] = true
		a.free--
		a.tries.WithLabelValues(t.Endpoint.String(), delivered) // 0: where nothing ever arrives, a share of it is still told
	}
	label := other
	if a.known[t.Endpoint] {
		label = t.Endpoint.String()
	}
	a.mu.Unlock()
	a.tries.WithLabelValues(label, t.Outcome).Inc()
}

// newMetrics tells so many endpoints apart.
func newMetrics(endpoints int) *metrics {
	m := &metrics{registry: prometheus.NewRegistry(), requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "switchboard_request_seconds", Help: "How long requests took, by route and status.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}}, []string{"method", "route", "status"}),
		tries: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "switchboard_webhook_try_seconds", Help: "How long tries of deliveries took, by outcome.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 15}}, []string{"outcome"}),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "switchboard_webhook_lag_seconds", Help: "From a fact to the end of its first try at an endpoint.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60, 600, 3600}})}
	m.tries.WithLabelValues("unmade") // there from the start: an alarm waits for the first
	if endpoints > 0 {
		m.byEndpoint = &apart{free: endpoints, known: map[id.EndpointID]bool{}, tries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "switchboard_webhook_endpoint_tries_total", Help: "Tries of deliveries, by endpoint and outcome."}, []string{"endpoint", "outcome"})}
		m.byEndpoint.tries.WithLabelValues(other, delivered)
		m.registry.MustRegister(m.byEndpoint.tries)
	}
	m.registry.MustRegister(m.requests, m.tries, m.lag, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// gauge shows a number that is asked for when somebody looks.
func (m *metrics) gauge(name, help string, read func() int) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(read()) }))
}

// together tells how the database is asked.
func (m *metrics) together(read func() db.Together) {
	for name, c := range map[string]struct {
		help string
		of   func(db.Together) int64
	}{
		"rows":       {"Rows that were asked for by their id.", func(t db.Together) int64 { return t.Rows }},
		"rows_trips": {"Round trips that asked for such rows together.", func(t db.Together) int64 { return t.Trips }},
		"rows_alone": {"Such rows that were asked for once more, alone.", func(t db.Together) int64 { return t.Alone }},
	} {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "switchboard_database_" + name + "_total", Help: c.help},
			func() float64 { return float64(c.of(read())) }))
	}
}

func (m *metrics) observe(method, route string, status int, took time.Duration) {
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Observe(took.Seconds())
}

// tried counts a try of a delivery.
func (m *metrics) tried(t webhook.Tried) {
	m.tries.WithLabelValues(t.Outcome).Observe(t.Took.Seconds())
	if t.First {
		m.lag.Observe(t.Lag.Seconds())
	}
	if m.byEndpoint != nil {
		m.byEndpoint.tried(t)
	}
}

// watch asks the database whenever somebody reads the metrics.
func (m *metrics) watch(name, help string, read func(context.Context) (float64, error)) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help + "; NaN when the database does not say."}, func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		n, err := read(ctx)
		if err != nil {
			return math.NaN()
		}
		return n
	}))
}

// seconds is an age as metrics tell it.
func seconds(age func(context.Context) (time.Duration, error)) func(context.Context) (float64, error) {
	return func(ctx context.Context) (float64, error) {
		a, err := age(ctx)
		return a.Seconds(), err
	}
}

// Metrics serves the metrics on a port of their own.
func (a *App) Metrics() http.Handler {
	return promhttp.HandlerFor(a.metrics.registry, promhttp.HandlerOpts{})
}

// scrape serves them on the main port.
func (a *App) scrape(ctx context.Context, _ *db.DB, _ struct{}) (web.HTML, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/metrics", nil)
	if err != nil {
		return web.HTML{}, err
	}
	w := page{header: http.Header{}}
	a.Metrics().ServeHTTP(&w, r)
	return web.HTML{Status: http.StatusOK, Type: w.header.Get("Content-Type"), Bytes: w.body.Bytes()}, nil
}

// page collects what a handler writes.
type page struct {
	header http.Header
	body   bytes.Buffer
}

func (p *page) Header() http.Header         { return p.header }
func (p *page) WriteHeader(int)             {}
func (p *page) Write(b []byte) (int, error) { return p.body.Write(b) }
