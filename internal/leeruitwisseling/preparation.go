package leeruitwisseling

import (
	"database/sql/driver"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// Document is what the leercoach has at hand on the day (seed 001, 5.7): the leeragenda, the plan of the day, something to
// note insights in. We keep where it is, not what it says. Both sides read the list, and each writes its own part of it:
// what one side keeps to itself is a note.
type Document struct {
	Kind  string  `json:"kind" enums:"leeractieplan,programme,agreement,safety,information,notes,reflection" example:"notes"`
	Title string  `json:"title" example:"Notitieblad"`
	Link  *string `json:"link" format:"uri" extensions:"x-nullable" example:"https://documenten.example/notitieblad.pdf"`
	Party string  `json:"party" enums:"sending,receiving,partner" example:"receiving"` // who listed it; the leercoach does so for the receiving side
} // @name LeeruitwisselingDocument

// DocumentInput is a document as a caller lists it.
type DocumentInput struct {
	Kind  string  `json:"kind" binding:"required" enums:"leeractieplan,programme,agreement,safety,information,notes,reflection" example:"notes"`
	Title string  `json:"title" binding:"required" minLength:"1" maxLength:"200" example:"Notitieblad"`
	Link  *string `json:"link" format:"uri" maxLength:"2000" extensions:"x-nullable" example:"https://documenten.example/notitieblad.pdf"`
	Party *string `json:"party" enums:"sending,receiving,partner" extensions:"x-nullable" example:"receiving"` // left out: the caller's own side
} // @name LeeruitwisselingDocumentInput

// maxDocuments bounds the documents of an exchange, of both sides together.
const maxDocuments = 20

// Documents is a jsonb column.
type Documents []Document

// Value writes the column.
func (d Documents) Value() (driver.Value, error) { return listValue([]Document(d)) }

// Scan reads the column. What was listed before it was kept who did, is the ST-partner's to change.
func (d *Documents) Scan(src any) error {
	if err := scanJSON(src, (*[]Document)(d)); err != nil {
		return err
	}
	for i := range *d {
		if (*d)[i].Party == "" {
			(*d)[i].Party = Partner
		}
	}
	return nil
}

func (d Document) equal(o Document) bool {
	return d.Kind == o.Kind && d.Title == o.Title && same(d.Link, o.Link) && d.Party == o.Party
}

// inputs are the documents as their merge patch begins with them.
func (d Documents) inputs() []DocumentInput {
	in := make([]DocumentInput, len(d))
	for i, x := range d {
		in[i] = DocumentInput{x.Kind, x.Title, x.Link, &x.Party}
	}
	return in
}

// listed are the documents of an exchange once a caller listed its own: those of the other side stay, also where the caller
// leaves them out. The ST-partner lists them all.
func (l Leeruitwisseling) listed(s db.Scope, given []DocumentInput) (Documents, error) {
	parties, err := l.documentsOf(s)
	if err != nil {
		return nil, err
	}
	all := Documents{}
	for _, d := range l.Documents {
		if !slices.Contains(parties, d.Party) {
			all = append(all, d)
		}
	}
	others := len(all)
	e := fault.Unprocessable.New()
	for i, x := range given {
		d := Document{x.Kind, x.Title, x.Link, parties[0]}
		if x.Party != nil {
			d.Party = *x.Party
		}
		switch {
		case x.Link != nil && !webAddress(*x.Link):
			e.At("/documents/"+strconv.Itoa(i)+"/link", fault.BadFormat, "format", "an address that starts with https:// or http://")
		case slices.Contains(parties, d.Party):
			all = append(all, d)
		case !slices.ContainsFunc(all[:others], d.equal): // what was read of the other side may be sent along
			return nil, fault.NotAllowed.New()
		}
	}
	switch {
	case len(e.Fields) > 0:
		return nil, e
	case len(all) > maxDocuments:
		return nil, fault.At("/documents", tooManyDocuments, "max", strconv.Itoa(maxDocuments))
	}
	slices.SortStableFunc(all, func(a, b Document) int { return strings.Compare(a.Party, b.Party) }) // the same list again is no change
	return all, nil
}

// documentsOf are the sides whose documents a caller lists, the caller's own first: a leercoach prepares the day for the
// receiving side, together with that employer or alone (seed 001, 5.6). A switcher lists none.
func (l Leeruitwisseling) documentsOf(s db.Scope) ([]string, error) {
	if s.Kind == db.ScopeMedewerker {
		return []string{Receiving}, l.speaksFor(s, Leercoach)
	}
	parties := []string{}
	for _, p := range []string{Partner, Receiving, Sending} {
		if p != Partner && l.speaksFor(s, p) == nil || s.Kind == db.ScopeTenant {
			parties = append(parties, p)
		}
	}
	if len(parties) == 0 {
		return nil, fault.NotAllowed.New()
	}
	return parties, nil
}

// mayPrepare checks that the caller may draw up the plan of a day: the leercoach who guides it, the receiving employer, or
// the ST-partner (seed 001, 5.6). The switcher's side reads it.
func (l Leeruitwisseling) mayPrepare(s db.Scope, d Day) error {
	if s.Kind == db.ScopeMedewerker && len(l.Coached([]Day{d}, id.MedewerkerID(s.Medewerker))) == 0 {
		return fault.NotAllowed.New()
	}
	if s.Kind == db.ScopeMedewerker {
		return nil
	}
	return l.speaksFor(s, Receiving)
}

func webAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && slices.Contains([]string{"https", "http"}, u.Scheme)
}

// ProgrammeItem is one line of the plan of a day, which the leercoach draws up and the switcher gets beforehand (seed 001,
// 5.6 "Wat gaan we doen? Wat kunnen we tonen of demonstreren?").
type ProgrammeItem struct {
	Starts *string `json:"starts" format:"clock" maxLength:"5" extensions:"x-nullable" example:"09:00"` // on the wall there; null: some time
	What   string  `json:"what" binding:"required" minLength:"1" maxLength:"1000" example:"Onthaal en veiligheidsinstructies"`
	With   *string `json:"with" minLength:"1" maxLength:"200" extensions:"x-nullable" example:"hoofdverpleegkundige"`
} // @name LeeruitwisselingProgrammeItem

func (p ProgrammeItem) equal(o ProgrammeItem) bool {
	return same(p.Starts, o.Starts) && p.What == o.What && same(p.With, o.With)
}

// Programme is the plan of a day, in its own order; a jsonb column.
type Programme []ProgrammeItem

// Value writes the column.
func (p Programme) Value() (driver.Value, error) { return listValue([]ProgrammeItem(p)) }

// Scan reads the column.
func (p *Programme) Scan(src any) error { return scanJSON(src, (*[]ProgrammeItem)(p)) }

// listValue writes a list as JSON, an empty one where there is none.
func listValue[T any](list []T) (driver.Value, error) {
	if list == nil {
		list = []T{}
	}
	b, err := json.Marshal(list)
	return string(b), err
}
