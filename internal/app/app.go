// Package app joins the rooms of the house: it is the one place that knows everyone.
package app

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/switchingtalent/switchboard/internal/access"
	"github.com/switchingtalent/switchboard/internal/leeruitwisseling"
	"github.com/switchingtalent/switchboard/internal/leervraag"
	"github.com/switchingtalent/switchboard/internal/medewerker"
	"github.com/switchingtalent/switchboard/internal/organisation"
	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/jobs"
	"github.com/switchingtalent/switchboard/internal/platform/outbound"
	"github.com/switchingtalent/switchboard/internal/platform/seal"
	"github.com/switchingtalent/switchboard/internal/platform/web"
	"github.com/switchingtalent/switchboard/internal/tenant"
)

// Options are what an App is made of besides its database.
type Options struct {
	Box            *seal.Box
	Log            *slog.Logger
	PublicURL      string
	Outbound       outbound.Policy
	TrustedProxies []string
	ClientLimit    web.Limit
	PublicLimit    web.Limit
	KeepEvents     time.Duration
	MetricsHere    bool // /metrics on the main port
}

// App is the whole product, wired.
type App struct {
	DB     *db.DB
	Tokens *auth.Tokens
	Jobs   *jobs.Queue

	Access             *access.Service
	Tenants            tenant.Service
	Organisations      organisation.Service
	Medewerkers        medewerker.Service
	Leervragen         leervraag.Service
	Leeruitwisselingen leeruitwisseling.Service

	options Options
	metrics *metrics
	server  *web.Server
}

// New wires an App. Nothing runs yet: see Work and Handler.
func New(d *db.DB, o Options) (*App, error) {
	a := &App{DB: d, options: o, Tokens: auth.NewTokens(o.PublicURL), metrics: newMetrics()}
	a.Access = access.New(d, a.Tokens, o.Box, o.Log)
	a.Leeruitwisselingen = leeruitwisseling.Service{Zone: a.zone}
	w := jobs.NewWorkers()
	var err error
	if a.Jobs, err = jobs.Open(d, &w, a.Access.Work(w), o.Log); err != nil {
		return nil, err
	}
	a.server, err = web.New(web.Config{DB: d, Authenticate: a.Access.Authenticator.Authenticate, PublicURL: o.PublicURL, Log: o.Log,
		TrustedProxies: o.TrustedProxies, ClientLimit: o.ClientLimit, PublicLimit: o.PublicLimit, Observe: a.metrics.observe}, a.Routes())
	if err != nil {
		return nil, fmt.Errorf("app: %w", err)
	}
	return a, nil
}

// zone is the tenant's own, of days and calendars.
func (a *App) zone(tx *db.Tx) (*time.Location, error) {
	s, err := a.Tenants.Settings(tx)
	return s.Zone, err
}

// Handler serves the API and the pages.
func (a *App) Handler() http.Handler { return a.server.Handler() }

// HTTPServer is the handler with the time limits of the house.
func (a *App) HTTPServer() *http.Server { return a.server.HTTPServer() }
