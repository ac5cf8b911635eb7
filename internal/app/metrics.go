package app

import (
	"bytes"
	"context"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/web"
	"github.com/switchingtalent/switchboard/internal/webhook"
)

// metrics counts requests by route template and status. No label names a tenant or a client.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	tries    *prometheus.HistogramVec
	lag      prometheus.Histogram
}

func newMetrics() *metrics {
	m := &metrics{prometheus.NewRegistry(), prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "switchboard_request_seconds", Help: "How long requests took, by route and status.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}}, []string{"method", "route", "status"}),
		prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "switchboard_webhook_try_seconds", Help: "How long tries of deliveries took, by outcome.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 15}}, []string{"outcome"}),
		prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "switchboard_webhook_lag_seconds", Help: "From a fact to the end of its first try at an endpoint.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60, 600, 3600}})}
	m.tries.WithLabelValues("unmade") // there from the start: an alarm waits for the first
	m.registry.MustRegister(m.requests, m.tries, m.lag, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// gauge shows a number that is asked for when somebody looks.
func (m *metrics) gauge(name, help string, read func() int) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(read()) }))
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
