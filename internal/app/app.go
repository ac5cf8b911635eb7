// Package app joins the rooms of the house: it is the one place that knows everyone.
package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/switchingtalent/switchboard/internal/access"
	"github.com/switchingtalent/switchboard/internal/cohort"
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
	"github.com/switchingtalent/switchboard/internal/platform/html"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/jobs"
	"github.com/switchingtalent/switchboard/internal/platform/limit"
	"github.com/switchingtalent/switchboard/internal/platform/mail"
	"github.com/switchingtalent/switchboard/internal/platform/outbound"
	paging "github.com/switchingtalent/switchboard/internal/platform/page"
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
	Mail           *mail.Sender // nil: no mail is sent
	TrustedProxies []string
	Forwarded      string // the header in which they say who calls: X-Forwarded-For when empty
	ClientLimit    web.Limit
	PublicLimit    web.Limit
	KeepEvents     time.Duration
	KeepTries      time.Duration
	MetricsHere    bool // /metrics on the main port

	MetricsEndpoints int // how many endpoints /metrics tells apart
}

// App is the whole product, wired.
type App struct {
	DB     *db.DB
	Tokens *auth.Tokens
	Jobs   *jobs.Queue
	Limits *limit.Shared

	Access                 *access.Service
	Tenants                tenant.Service
	Organisations          organisation.Service
	Medewerkers            medewerker.Service
	Leervragen             leervraag.Service
	Leerplekken            leerplek.Service
	Cohorten               cohort.Service
	Matching               *matching.Service
	Matches                match.Service
	Leeruitwisselingen     leeruitwisseling.Service
	Opleidingsregistraties opleidingsregistratie.Service
	Surveys                survey.Service
	Leerbewijzen           leerbewijs.Service
	Events                 *event.Service
	Webhooks               *webhook.Service

	options   Options
	metrics   *metrics
	readiness readiness
	server    *web.Server
}

// New wires an App. Nothing runs yet: see Work and Handler.
func New(d *db.DB, o Options) (*App, error) {
	a := &App{DB: d, options: o, Tokens: auth.NewTokens(o.PublicURL), metrics: newMetrics(o.MetricsEndpoints)}
	a.Limits = limit.NewShared(d, o.Log)
	a.Access = access.New(d, a.Tokens, o.Box, a.Limits, o.Log)
	a.Leeruitwisselingen = leeruitwisseling.Service{Zone: a.zone}
	a.Matching = matching.New(d, matching.Options{Log: o.Log})
	a.Surveys = survey.Service{PublicURL: o.PublicURL, Box: o.Box}
	a.Leerbewijzen = leerbewijs.Service{PublicURL: o.PublicURL, Box: o.Box, Tenant: a.issuer}
	a.Events = event.New(d, o.KeepEvents, o.KeepTries)
	a.metrics.together(d.Together)
	a.metrics.gauge("switchboard_feed_waiting", "Requests that wait for facts.", a.Events.Waiting)
	a.Webhooks = webhook.New(d, o.Box, o.Outbound, o.PublicURL, o.KeepEvents, o.KeepTries)
	a.metrics.watch("switchboard_webhook_queue_age_seconds", "How long the delivery waits that is due for longest and could go out", seconds(a.Webhooks.QueueAge))
	a.metrics.watch("switchboard_webhook_failing_endpoints", "Active endpoints that only fail", func(ctx context.Context) (float64, error) {
		n, _, err := a.Webhooks.Failing(ctx)
		return float64(n), err
	})
	a.metrics.watch("switchboard_feed_lag_seconds", "How long a transaction that does not end holds back the feed and the lists that are followed", seconds(a.Events.Lag))
	w := jobs.NewWorkers()
	periodic := slices.Concat(a.Access.Work(w), a.Leerplekken.Work(d, w), a.Surveys.Work(d, w), a.Matching.Work(w), a.Events.Work(w), a.Webhooks.Work(w), paging.Work(d, w))
	var err error
	if a.Jobs, err = jobs.Open(d, &w, periodic, o.Log); err != nil {
		return nil, err
	}
	a.Surveys.Jobs, a.Matching.Jobs, a.Webhooks.Jobs, a.Webhooks.Mail = a.Jobs, a.Jobs, a.Jobs, o.Mail
	a.server, err = web.New(web.Config{DB: d, Authenticate: a.Access.Authenticator.Authenticate, PublicURL: o.PublicURL, Log: o.Log,
		TrustedProxies: o.TrustedProxies, Forwarded: o.Forwarded, Limits: a.Limits, ClientLimit: o.ClientLimit, PublicLimit: o.PublicLimit, Observe: a.metrics.observe}, a.Routes())
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

// console is the page about endpoints and deliveries.
func (a *App) console() webhook.Console {
	return webhook.Console{Service: a.Webhooks, DB: a.DB, PublicURL: a.options.PublicURL, Host: func(tx *db.Tx) (webhook.Host, error) {
		s, err := a.Tenants.Settings(tx)
		h := webhook.Host{Brand: html.Brand{Name: s.Name}, Zone: s.Zone, Framers: s.FrameOrigins}
		if s.PrimaryColour != nil {
			h.Brand.Primary = *s.PrimaryColour
		}
		if s.AccentColour != nil {
			h.Brand.Accent = *s.AccentColour
		}
		return h, err
	}}
}

// journeys are the verbs that move several nouns.
func (a *App) journeys() journey.Service {
	return journey.Service{Tenants: a.Tenants, Organisations: a.Organisations, Medewerkers: a.Medewerkers, Leervragen: a.Leervragen,
		Leerplekken: a.Leerplekken, Matches: a.Matches, Leeruitwisselingen: a.Leeruitwisselingen, Registraties: a.Opleidingsregistraties,
		Surveys: a.Surveys, Leerbewijzen: a.Leerbewijzen, Runs: a.runs(),
		Appraise: func(tx *db.Tx, lvr id.LeervraagID, lpl id.LeerplekID) (any, match.Reasons, error) {
			known, err := a.Matching.Appraise(tx, lvr, lpl)
			return known, match.Reasons{Origin: match.ByHand, Sending: known.Told.Sending, Receiving: known.Told.Receiving}, err
		}}
}

// runs lets a journey accept what matching runs propose.
func (a *App) runs() journey.Runs {
	return journey.Runs{
		Proposals: func(tx *db.Tx, run id.MatchingRunID, lvr []id.LeervraagID) ([]journey.Proposal, error) {
			found, err := a.Matching.Proposals(tx, run, lvr)
			out := make([]journey.Proposal, len(found))
			for i, p := range found {
				out[i] = journey.Proposal{LeervraagID: p.LeervraagID, LeerplekID: p.LeerplekID, LeercoachID: p.LeercoachID, Pinned: p.Pinned,
					Answers: p.Answers, Settled: p.Settled, MatchID: p.MatchID, Grounds: p.Grounds}
			}
			return out, err
		},
		StillPossible: func(tx *db.Tx, run id.MatchingRunID, p journey.Proposal) (string, match.Reasons, error) {
			reason, told, err := a.Matching.StillPossible(tx, run, matching.Proposed{LeervraagID: p.LeervraagID, LeerplekID: p.LeerplekID,
				LeercoachID: p.LeercoachID, Pinned: p.Pinned, Answers: p.Answers})
			return reason, match.Reasons{Origin: match.FromRun, Sending: told.Sending, Receiving: told.Receiving}, err
		},
		Decided: a.Matching.Decided,
	}
}

// Deliverer sends what is due; any number of processes may run one.
func (a *App) Deliverer() *webhook.Deliverer {
	return webhook.NewDeliverer(a.Webhooks, webhook.Options{Log: a.options.Log, Observe: a.metrics.tried})
}

// Handler serves the API and the pages.
func (a *App) Handler() http.Handler { return a.server.Handler() }

// HTTPServer is the handler with the time limits of the house.
func (a *App) HTTPServer() *http.Server { return a.server.HTTPServer() }
