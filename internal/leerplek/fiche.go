package leerplek

import (
	"context"

	"github.com/switchingtalent/switchboard/internal/platform/availability"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// Fiche is a leerplek on one page, for recruiting other employers (seed 001, 5.4 Tip "Maak voor de geïdentificeerde
// leerplekken een fiche aan die je ook kan communiceren naar andere werkgevers"): with the names that the leerplek itself
// holds as ids, without its people.
type Fiche struct {
	LeerplekID      id.LeerplekID     `json:"leerplek_id" example:"lpl_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Employer        string            `json:"employer" example:"Woonzorgcentrum De Linde"`
	Kind            string            `json:"kind" enums:"profit,non_profit,public,social_economy" example:"non_profit"`
	Sector          string            `json:"sector" example:"ouderenzorg"`
	Title           string            `json:"title" example:"Medicatieschema's in het woonzorgcentrum"`
	Description     string            `json:"description" example:"Meelopen met de apotheker die de medicatie klaarzet."`
	Topics          []string          `json:"topics" example:"medicatie"`
	Department      *string           `json:"department" extensions:"x-nullable" example:"apotheek"`
	Function        *string           `json:"function" extensions:"x-nullable" example:"apotheker"`
	Team            *string           `json:"team" extensions:"x-nullable" example:"medicatieteam"`
	PlaceKind       *string           `json:"place_kind" enums:"office,warehouse,workshop,shop,other" extensions:"x-nullable" example:"workshop"`
	Site            *string           `json:"site" extensions:"x-nullable" example:"Campus Noord"`
	Municipality    *string           `json:"municipality" extensions:"x-nullable" example:"Gent"`
	PublicTransport *bool             `json:"public_transport" extensions:"x-nullable" example:"true"` // whether it reaches the site; null without a site
	Accessibility   *string           `json:"accessibility" extensions:"x-nullable" example:"Bus 5 stopt voor de deur; parkeren kan achteraan."`
	SafetyNote      *string           `json:"safety_note" extensions:"x-nullable" example:"Handen ontsmetten bij aankomst."`
	Requirements    []string          `json:"requirements" example:"veiligheidsschoenen"`
	Exclusions      []string          `json:"exclusions" example:"bewonersdossiers"`
	Languages       []string          `json:"languages" example:"nl"`
	Available       availability.List `json:"available"`
	PlacesFree      int               `json:"places_free" example:"1"`
} // @name LeerplekFiche

// fiche reads a leerplek on one page.
//
//	@Summary		Read the fiche of a leerplek
//	@Description	What there is to tell other employers, as data for a page of your own: the names of the employer, department and site too, and no people. Whoever may read the leerplek may read its fiche.
//	@ID				getLeerplekFiche
//	@Tags			leerplek
//	@Param			id	path		string	true	"the leerplek"	example(lpl_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200	{object}	Fiche
//	@Router			/v1/leerplekken/{id}/fiche [get]
func (s Service) fiche(_ context.Context, tx *db.Tx, in byID) (Fiche, error) {
	l, err := s.Get(tx, in.ID)
	if err != nil {
		return Fiche{}, err
	}
	f := Fiche{LeerplekID: l.ID, Title: l.Title, Description: l.Description, Topics: l.Topics, Function: l.Function, Team: l.Team, PlaceKind: l.PlaceKind,
		Accessibility: l.Accessibility, SafetyNote: l.SafetyNote, Requirements: l.Requirements, Exclusions: l.Exclusions, Languages: l.Languages,
		Available: l.Available, PlacesFree: l.Free()}
	var names struct {
		Employer, Kind, Sector         string
		Department, Site, Municipality *string
		PublicTransport                *bool
	}
	err = tx.Unbound("who may read a leerplek may read whose it is, and where", func(tx *db.Tx) error {
		return db.One(tx, &names, `select o.name as employer, o.kind, o.sector, d.name as department, s.name as site, s.municipality, s.public_transport
			from organisations o left join departments d on d.tenant_id = o.tenant_id and d.organisation_id = o.id and d.id = ?
			left join sites s on s.tenant_id = o.tenant_id and s.organisation_id = o.id and s.id = ?
			where o.tenant_id = ? and o.id = ?`, l.DepartmentID, l.SiteID, tx.Scope.Tenant, l.OrganisationID)
	})
	f.Employer, f.Kind, f.Sector, f.Department = names.Employer, names.Kind, names.Sector, names.Department
	f.Site, f.Municipality, f.PublicTransport = names.Site, names.Municipality, names.PublicTransport
	return f, err
}
