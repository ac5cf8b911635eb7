package app

import (
	"slices"

	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// Routes is the table of the whole API. testdata/routes.golden shows it.
func (a *App) Routes() []web.Route {
	return slices.Concat(
		a.Tenants.Routes(),
		a.Organisations.Routes(),
		a.health(),
		a.pages(),
	)
}
