package app

import (
	"slices"

	"github.com/switchingtalent/switchboard/internal/journey"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// Routes is the table of the whole API. testdata/routes.golden shows it.
func (a *App) Routes() []web.Route {
	return slices.Concat(
		a.Access.Routes(),
		a.Tenants.Routes(),
		journey.OpenTenant{Tenants: a.Tenants, Access: a.Access}.Routes(),
		journey.Merge{Service: a.journeys(), Cohorten: a.Cohorten, Access: a.Access, Webhooks: a.Webhooks, Matching: a.Matching.Reassign}.Routes(),
		journey.RevokeClient{Access: a.Access, Webhooks: a.Webhooks}.Routes(),
		a.Organisations.Routes(),
		a.Medewerkers.Routes(),
		a.Leervragen.Routes(),
		a.Leerplekken.Routes(),
		a.Cohorten.Routes(),
		a.Matching.Routes(),
		a.Matches.Routes(),
		a.journeys().Routes(),
		a.Leeruitwisselingen.Routes(),
		a.Opleidingsregistraties.Routes(),
		a.Surveys.Routes(),
		a.Leerbewijzen.Routes(),
		a.Events.Routes(),
		a.Webhooks.Routes(),
		a.console().Routes(),
		a.health(),
		a.pages(),
	)
}
