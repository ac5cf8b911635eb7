// Package journey holds the verbs that move several nouns: each one file, one transaction, one door. A journey calls the
// nouns' own verbs and writes no SQL.
//
// Locks are taken in one order everywhere: leervraag, leerplek, match, leeruitwisseling, the rest. A bound caller finds
// its subject under its binding; what follows for the other employer runs unbound.
package journey

import (
	"github.com/switchingtalent/switchboard/internal/leerbewijs"
	"github.com/switchingtalent/switchboard/internal/leerplek"
	"github.com/switchingtalent/switchboard/internal/leeruitwisseling"
	"github.com/switchingtalent/switchboard/internal/leervraag"
	"github.com/switchingtalent/switchboard/internal/match"
	"github.com/switchingtalent/switchboard/internal/medewerker"
	"github.com/switchingtalent/switchboard/internal/opleidingsregistratie"
	"github.com/switchingtalent/switchboard/internal/organisation"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/web"
	"github.com/switchingtalent/switchboard/internal/survey"
	"github.com/switchingtalent/switchboard/internal/tenant"
)

// Service holds the nouns that journeys move.
type Service struct {
	Tenants            tenant.Service
	Organisations      organisation.Service
	Medewerkers        medewerker.Service
	Leervragen         leervraag.Service
	Leerplekken        leerplek.Service
	Matches            match.Service
	Leeruitwisselingen leeruitwisseling.Service
	Registraties       opleidingsregistratie.Service
	Surveys            survey.Service
	Leerbewijzen       leerbewijs.Service
	Runs               Runs

	// Appraise says what a leervraag and a leerplek score now, as the audit table keeps it, and what speaks for them.
	Appraise func(tx *db.Tx, lvr id.LeervraagID, lpl id.LeerplekID) (any, match.Reasons, error)
}

// Routes are the doors of the journeys.
func (s Service) Routes() []web.Route {
	return []web.Route{
		web.Post("/v1/matches", "match:write", s.makeMatch),
		web.Act("/v1/matching-runs/:id/accept", "match:write", s.acceptRun),
		web.Act("/v1/matches/:id/propose", "match:write", s.propose),
		web.Act("/v1/matches/:id/accept", "match:decide", s.accept),
		web.Act("/v1/matches/:id/decline", "match:decide", s.decline),
		web.Act("/v1/matches/:id/cancel", "match:write", s.cancelMatch),
		web.Act("/v1/leeruitwisselingen/:id/complete", "leeruitwisseling:write", s.complete),
		web.Act("/v1/leeruitwisselingen/:id/cancel", "leeruitwisseling:write", s.cancel),
		web.Act("/v1/leervragen/:id/withdraw", "leervraag:write", s.withdrawLeervraag),
		web.Act("/v1/leervragen/:id/close", "leervraag:write", s.closeLeervraag),
		web.Act("/v1/leerplekken/:id/withdraw", "leerplek:write", s.withdrawLeerplek),
		web.Post("/v1/leerbewijzen", "leerbewijs:write", s.issue),
		web.Post("/v1/surveys", "survey:invite", s.askOther),
	}
}

var (
	// LeerplekNotPublished says that a leerplek is not on offer.
	LeerplekNotPublished = fault.Define(fault.Conflict, "leerplek-not-published", fault.Text{
		EN: "This leerplek is {status}, not published.", NL: "Deze leerplek is {status}, niet gepubliceerd.", FR: "Ce lieu d’apprentissage est {status}, pas publié."})
	// LeerplekFull says that as many exchanges go on at a leerplek as it takes.
	LeerplekFull = fault.Define(fault.Conflict, "leerplek-full", fault.Text{
		EN: "There is no room at this leerplek now.", NL: "Op deze leerplek is nu geen plaats.", FR: "Il n’y a plus de place à ce lieu d’apprentissage."})
	// LeervraagNotOpen says that a leervraag is not looking for a place.
	LeervraagNotOpen = fault.Define(fault.Conflict, "leervraag-not-open", fault.Text{
		EN: "This leervraag is {status}, not open.", NL: "Deze leervraag is {status}, niet open.", FR: "Cette question est {status}, pas ouverte."})
	ownOrganisation = fault.DefineRule("own_organisation", fault.Text{
		EN: "is at the switcher's own employer, which only an internal leervraag may go to", NL: "is bij de eigen werkgever van de switcher, wat alleen voor een interne leervraag kan",
		FR: "est chez l’employeur même du participant, ce qui n’est permis que pour une question interne"})
	otherOrganisation = fault.DefineRule("other_organisation", fault.Text{
		EN: "is at another employer, and this leervraag is internal", NL: "is bij een andere werkgever, en deze leervraag is intern",
		FR: "est chez un autre employeur, et cette question est interne"})
)

// pair locks the leervraag and the leerplek of a match, whoever they belong to.
func (s Service) pair(tx *db.Tx, lvr id.LeervraagID, lpl id.LeerplekID) (q leervraag.Leervraag, p leerplek.Leerplek, err error) {
	ctx := tx.Statement.Context
	err = tx.Unbound("a match moves the leervraag of one employer and the leerplek of the other", func(tx *db.Tx) error {
		if q, err = s.Leervragen.Lock(ctx, tx, lvr); err != nil {
			return err
		}
		p, err = s.Leerplekken.Lock(ctx, tx, lpl)
		return err
	})
	return q, p, err
}
