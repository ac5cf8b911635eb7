package testkit

import (
	"regexp"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/id"
)

var requestIDs = regexp.MustCompile(`req_[0-9a-z]{26}`)

// The fixtures write rows past the API, for tests of one noun that need rows of another. Names are plainly made up.

// Organisation makes an employer that is engaged.
func (w *World) Organisation(name string) id.OrganisationID {
	w.T.Helper()
	return id.OrganisationID(w.Insert("organisations", map[string]any{"name": name, "kind": "non_profit", "sector": "zorg", "stage": "engaged"}))
}

// Site makes a site with coordinates.
func (w *World) Site(org id.OrganisationID, latitude, longitude float64, publicTransport bool) id.SiteID {
	w.T.Helper()
	return id.SiteID(w.Insert("sites", map[string]any{"organisation_id": org.UUID(), "name": "Site", "street": "Straat 1", "postcode": "9000",
		"municipality": "Gent", "latitude": latitude, "longitude": longitude, "public_transport": publicTransport}))
}

// Medewerker makes an employee.
func (w *World) Medewerker(org id.OrganisationID, given string) id.MedewerkerID {
	w.T.Helper()
	return id.MedewerkerID(w.Insert("medewerkers", map[string]any{"organisation_id": org.UUID(), "given_name": given, "family_name": "Voorbeeld",
		"job_title": "medewerker", "employment": "employee", "language": "nl", "needs_public_transport": false}))
}

// Leervraag makes an open leervraag of an employee.
func (w *World) Leervraag(org id.OrganisationID, switcher id.MedewerkerID, title, question string) id.LeervraagID {
	w.T.Helper()
	return id.LeervraagID(w.Insert("leervragen", map[string]any{"organisation_id": org.UUID(), "switcher_id": switcher.UUID(), "title": title,
		"question": question, "goals": []string{"meekijken"}, "topics": []string{}, "clarity": "clear", "reach": "switcher", "internal": false, "status": "open"}))
}

// Leerplek makes a published leerplek with its coaches, whose conditions are all met.
func (w *World) Leerplek(org id.OrganisationID, title, description string, coaches ...id.MedewerkerID) id.LeerplekID {
	w.T.Helper()
	lpl := w.Insert("leerplekken", map[string]any{"organisation_id": org.UUID(), "title": title, "description": description, "topics": []string{},
		"capacity": 1, "requirements": []string{}, "sourcing": "supply", "status": "published"})
	for i, c := range coaches {
		_, err := w.Super.Exec(w.ctx(), `insert into leerplek_coaches (tenant_id, leerplek_id, organisation_id, medewerker_id, place, voluntary, has_time, knows_role, has_expertise)
			values ($1, $2, $3, $4, $5, true, true, true, true)`, w.Tenant.UUID(), lpl, org.UUID(), c.UUID(), i+1)
		if err != nil {
			w.T.Fatal(err)
		}
	}
	return id.LeerplekID(lpl)
}

// Pair is two employers in the middle of a journey: a match between them, and its exchange.
type Pair struct {
	Sending, Receiving id.OrganisationID
	Switcher, Coach    id.MedewerkerID
	Leervraag          id.LeervraagID
	Leerplek           id.LeerplekID
	Match              id.MatchID
	Leeruitwisseling   id.LeeruitwisselingID
}

// Pair makes two employers whose match was accepted, with the exchange in preparation.
func (w *World) Pair() Pair {
	w.T.Helper()
	var p Pair
	p.Sending, p.Receiving = w.Organisation("Apotheek Zonneveld"), w.Organisation("Woonzorgcentrum De Linde")
	p.Switcher, p.Coach = w.Medewerker(p.Sending, "Sam"), w.Medewerker(p.Receiving, "Noor")
	p.Leervraag = w.Leervraag(p.Sending, p.Switcher, "Medicatie in het woonzorgcentrum", "Hoe verloopt de medicatiebedeling in een woonzorgcentrum?")
	p.Leerplek = w.Leerplek(p.Receiving, "Apotheek van het woonzorgcentrum", "Medicatieschema's, klaarzetten en bedelen", p.Coach)
	p.Match, p.Leeruitwisseling = id.NewMatch(), id.NewLeeruitwisseling()
	w.Insert("matches", map[string]any{"id": p.Match.UUID(), "leervraag_id": p.Leervraag.UUID(), "leerplek_id": p.Leerplek.UUID(),
		"sending_organisation_id": p.Sending.UUID(), "receiving_organisation_id": p.Receiving.UUID(), "switcher_id": p.Switcher.UUID(),
		"leercoach_ids": []uuid.UUID{p.Coach.UUID()}, "internal": false, "required_parties": []string{"sending", "receiving"}, "status": "accepted"})
	w.Insert("leeruitwisselingen", map[string]any{"id": p.Leeruitwisseling.UUID(), "match_id": p.Match.UUID(), "leervraag_id": p.Leervraag.UUID(),
		"leerplek_id": p.Leerplek.UUID(), "sending_organisation_id": p.Sending.UUID(), "receiving_organisation_id": p.Receiving.UUID(),
		"switcher_id": p.Switcher.UUID(), "leercoach_ids": []uuid.UUID{p.Coach.UUID()}, "internal": false, "sending_name": "Apotheek Zonneveld",
		"receiving_name": "Woonzorgcentrum De Linde", "switcher_name": "Sam Voorbeeld", "switcher_job_title": "apotheker", "switcher_language": "nl",
		"leervraag_version": 1, "leervraag_title": "Medicatie in het woonzorgcentrum", "leervraag_text": "Hoe verloopt de medicatiebedeling?",
		"leerplek_title": "Apotheek van het woonzorgcentrum"})
	if _, err := w.Super.Exec(w.ctx(), `update matches set leeruitwisseling_id = $1 where tenant_id = $2 and id = $3`,
		p.Leeruitwisseling.UUID(), w.Tenant.UUID(), p.Match.UUID()); err != nil {
		w.T.Fatal(err)
	}
	return p
}
