package journey

import (
	"context"

	"github.com/switchingtalent/switchboard/internal/access"
	"github.com/switchingtalent/switchboard/internal/cohort"
	"github.com/switchingtalent/switchboard/internal/organisation"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/web"
	"github.com/switchingtalent/switchboard/internal/webhook"
)

// Merge makes one employer of two that turned out to be the same. What was signed, the training hours and the
// certificates of an exchange name its employers for good: an employer that has exchanges is the one that stays.
type Merge struct {
	Service
	Cohorten cohort.Service
	Access   *access.Service
	Webhooks *webhook.Service
	Matching func(tx *db.Tx, from, into id.OrganisationID) error // moves rivals and dismissed suggestions
}

// Routes is its door.
func (j Merge) Routes() []web.Route {
	return []web.Route{web.Act("/v1/organisations/:id/merge", "organisation:merge", j.merge)}
}

var (
	hasExchanges = fault.DefineRule("has_exchanges", fault.Text{
		EN: "stays: the employer to be merged into it has exchanges, whose papers name it; merge the other way round",
		NL: "blijft: de werkgever die erin opgaat heeft leeruitwisselingen, en de papieren daarvan noemen hem; voeg andersom samen",
		FR: "reste : l’employeur à y fusionner a des échanges, dont les documents le nomment ; fusionnez dans l’autre sens"})
	openMatch = fault.DefineRule("open_match", fault.Text{
		EN: "has an open match with the other employer: cancel it first", NL: "heeft een open match met de andere werkgever: annuleer die eerst",
		FR: "a une proposition ouverte avec l’autre employeur : annulez-la d’abord"})
	sharedIDs = fault.DefineRule("employees_share_external_ids", fault.Text{
		EN: "has an employee with the same external id as one of the other employer", NL: "heeft een medewerker met dezelfde externe id als een van de andere werkgever",
		FR: "a un employé avec le même identifiant externe qu’un de l’autre employeur"})
	boundClients = fault.DefineRule("bound_clients", fault.Text{
		EN: "would let in clients that are bound to the other employer: revoke them first, and make others",
		NL: "zou clients binnenlaten die aan de andere werkgever gebonden zijn: trek ze eerst in, en maak andere",
		FR: "donnerait accès à des clients liés à l’autre employeur : révoquez-les d’abord, et créez-en d’autres"})
	boundEndpoints = fault.DefineRule("bound_endpoints", fault.Text{
		EN: "would send its facts to endpoints that are narrowed to the other employer: delete them first, and make others",
		NL: "zou zijn feiten sturen naar endpoints die tot de andere werkgever beperkt zijn: verwijder ze eerst, en maak andere",
		FR: "enverrait ses faits à des points de terminaison limités à l’autre employeur : supprimez-les d’abord, et créez-en d’autres"})
)

type mergeReq struct {
	ID   id.OrganisationID `uri:"id"`
	Body MergeInput        `body:"json"`
}

// MergeInput names the employer that stays.
type MergeInput struct {
	Into id.OrganisationID `json:"into" binding:"required" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4r"`
} // @name OrganisationMergeInput

// merge makes one employer of two.
//
//	@Summary		Merge an employer into another
//	@Description	All that it has goes to the other one: sites, departments, contacts, employees, leervragen, leerplekken, matches, conversations, external ids. What the other does not know of itself it takes over, lists of the profiles are joined as far as they fit, and the further stage of the two counts unless the one that stays is paused or stopped. The one that is gone can still be read, and says where it went. Refused, each with its reason: enterprise numbers or external ids that differ, exchanges of the one that goes, an open match between the two, employees with the same external id, live clients bound to the one that goes, webhook endpoints narrowed to it that are pending or active. Answers the employer that stays; once more changes nothing.
//	@ID				mergeOrganisation
//	@Tags			organisation
//	@Param			id		path		string		true	"the employer that goes"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		MergeInput	true	"the employer that stays"
//	@Success		200		{object}	organisation.Wire
//	@Router			/v1/organisations/{id}/merge [post]
func (j Merge) merge(_ context.Context, tx *db.Tx, in mergeReq) (organisation.Wire, error) {
	into, err := j.Organisations.Get(tx, in.Body.Into)
	if err != nil && !fault.Missing.Is(err) {
		return organisation.Wire{}, err
	}
	found := err == nil
	from, err := j.Organisations.Get(tx, in.ID)
	if fault.Missing.Is(err) {
		went, err := j.Organisations.MergedInto(tx, in.ID)
		switch {
		case err != nil:
			return organisation.Wire{}, err
		case went != in.Body.Into:
			return organisation.Wire{}, organisation.Merged.With("into", went.String())
		}
		return organisation.WireOf(into), nil
	}
	switch {
	case err != nil:
		return organisation.Wire{}, err
	case in.ID == in.Body.Into:
		return organisation.Wire{}, fault.At("/into", organisation.Itself)
	case !found:
		return organisation.Wire{}, fault.At("/into", fault.NoReference)
	}
	if err := j.hindrance(tx, from, into); err != nil {
		return organisation.Wire{}, err
	}
	if err := j.Organisations.BeginMerge(tx); err != nil {
		return organisation.Wire{}, err
	}
	for _, reassign := range []func(tx *db.Tx, from, into id.OrganisationID) error{j.Leervragen.Reassign, j.Leerplekken.Reassign, j.Matches.Reassign,
		j.Medewerkers.Reassign, j.Cohorten.Reassign, j.Matching, j.Access.Reassign, j.Webhooks.Reassign} {
		if err := reassign(tx, from.ID, into.ID); err != nil {
			return organisation.Wire{}, err
		}
	}
	o, err := j.Organisations.Merge(tx, from.ID, into.ID)
	return organisation.WireOf(o), err
}

// hindrance names all that stands in the way of making one employer of two.
func (j Merge) hindrance(tx *db.Tx, from, into organisation.Organisation) error {
	f := organisation.NotMergeable.New()
	f.Fields = organisation.Differences(from, into)
	for _, x := range []struct {
		rule *fault.Rule
		ask  func() (bool, error)
	}{
		{hasExchanges, func() (bool, error) { return j.Leeruitwisselingen.Concerns(tx, from.ID) }},
		{openMatch, func() (bool, error) { return j.Matches.OpenBetween(tx, from.ID, into.ID) }},
		{sharedIDs, func() (bool, error) { return j.Medewerkers.ShareIDs(tx, from.ID, into.ID) }},
		{boundClients, func() (bool, error) { return j.Access.BindsLive(tx, from.ID) }},
		{boundEndpoints, func() (bool, error) { return j.Webhooks.NarrowsLive(tx, from.ID) }},
	} {
		yes, err := x.ask()
		if err != nil {
			return err
		}
		if yes {
			f.At("/into", x.rule)
		}
	}
	if len(f.Fields) > 0 {
		return f
	}
	return nil
}
