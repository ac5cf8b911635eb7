// Package app joins the rooms of the house: it is the one place that knows everyone.
package app

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/switchingtalent/switchboard/internal/access"
	"github.com/switchingtalent/switchboard/internal/event"
	"github.com/switchingtalent/switchboard/internal/journey"
	"github.com/switchingtalent/switchboard/internal/leerbewijs"
	"github.com/switchingtalent/switchboard/internal/leerplek"
	"github.com/switchingtalent/switchboard/internal/leeruitwisseling"
	"github.com/switchingtalent/switchboard/internal/leervraag"
	"github.com/switchingtalent/switchboard/internal/match"
	"github.com/switchingtalent/switchboard/internal/matching"
	"github.com/switchingtalent/switchboard/internal/medewerker"
	"github.com/switchingtalent/switchboard/internal/opleidingsregistratie"
	"github.com/switchingtalent/switchboard/internal/organisation"
	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/jobs"
	"github.com/switchingtalent/switchboard/internal/platform/outbound"
	"github.com/switchingtalent/switchboard/internal/platform/seal"
	"github.com/switchingtalent/switchboard/internal/platform/web"
	"github.com/switchingtalent/switchboard/internal/survey"
	"github.com/switchingtalent/switchboard/internal/tenant"
	"github.com/switchingtalent/switchboard/internal/webhook"
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

	Access                 *access.Service
	Tenants                tenant.Service
	Organisations          organisation.Service
	Medewerkers            medewerker.Service
	Leervragen             leervraag.Service
	Leerplekken            leerplek.Service
	Matching               matching.Service
	Matches                match.Service
	Leeruitwisselingen     leeruitwisseling.Service
	Opleidingsregistraties opleidingsregistratie.Service
	Surveys                survey.Service
	Leerbewijzen           leerbewijs.Service
	Events                 *event.Service
	Webhooks               *webhook.Service

	options Options
	metrics *metrics
	server  *web.Server
}

// New wires an App. Nothing runs yet: see Work and Handler.
func New(d *db.DB, o Options) (*App, error) {
	a := &App{DB: d, options: o, Tokens: auth.NewTokens(o.PublicURL), metrics: newMetrics()}
	a.Access = access.New(d, a.Tokens, o.Box, o.Log)
	a.Leeruitwisselingen = leeruitwisseling.Service{Zone: a.zone}
	a.Surveys = survey.Service{PublicURL: o.PublicURL, Box: o.Box}
	a.Leerbewijzen = leerbewijs.Service{PublicURL: o.PublicURL, Box: o.Box, Tenant: a.issuer}
	a.Events = event.New(d, o.KeepEvents)
	a.Webhooks = webhook.New(d, o.Box, o.Outbound, o.KeepEvents)
	w := jobs.NewWorkers()
	periodic := slices.Concat(a.Access.Work(w), a.Surveys.Work(d, w), a.Events.Work(w), a.Webhooks.Work(w))
	var err error
	if a.Jobs, err = jobs.Open(d, &w, periodic, o.Log); err != nil {
		return nil, err
	}
	a.Surveys.Jobs = a.Jobs
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

// issuer is the tenant as its certificates show it.
func (a *App) issuer(tx *db.Tx) (leerbewijs.Issuer, error) {
	s, err := a.Tenants.Settings(tx)
	if err != nil {
		return leerbewijs.Issuer{}, err
	}
	i := leerbewijs.Issuer{Name: s.Name, Zone: s.Zone, Lang: s.Lang}
	if s.PrimaryColour != nil {
		i.Primary = *s.PrimaryColour
	}
	if s.AccentColour != nil {
		i.Accent = *s.AccentColour
	}
	return i, nil
}

// journeys are the verbs that move several nouns.
func (a *App) journeys() journey.Service {
	return journey.Service{Tenants: a.Tenants, Organisations: a.Organisations, Medewerkers: a.Medewerkers, Leervragen: a.Leervragen,
		Leerplekken: a.Leerplekken, Matches: a.Matches, Leeruitwisselingen: a.Leeruitwisselingen, Registraties: a.Opleidingsregistraties,
		Surveys: a.Surveys, Leerbewijzen: a.Leerbewijzen}
}

// Deliverer sends what is due; any number of processes may run one.
func (a *App) Deliverer() *webhook.Deliverer {
	return webhook.NewDeliverer(a.Webhooks, webhook.Options{Log: a.options.Log})
}

// Handler serves the API and the pages.
func (a *App) Handler() http.Handler { return a.server.Handler() }

// HTTPServer is the handler with the time limits of the house.
func (a *App) HTTPServer() *http.Server { return a.server.HTTPServer() }
