package leeruitwisseling

import (
	"database/sql/driver"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"

	"github.com/switchingtalent/switchboard/internal/platform/fault"
)

// Document is what the leercoach has at hand on the day (seed 001, 5.7): the leeragenda, the plan of the day, something to
// note insights in. We keep where it is, not what it says.
type Document struct {
	Kind  string  `json:"kind" binding:"required" enums:"leeractieplan,programme,agreement,safety,information,notes,reflection" example:"notes"`
	Title string  `json:"title" binding:"required" minLength:"1" maxLength:"200" example:"Notitieblad"`
	Link  *string `json:"link" format:"uri" maxLength:"2000" extensions:"x-nullable" example:"https://documenten.example/notitieblad.pdf"`
} // @name LeeruitwisselingDocument

// Documents is a jsonb column.
type Documents []Document

// Value writes the column.
func (d Documents) Value() (driver.Value, error) { return listValue([]Document(d)) }

// Scan reads the column.
func (d *Documents) Scan(src any) error { return scanJSON(src, (*[]Document)(d)) }

// check refuses links that no browser follows to a page.
func (d Documents) check() error {
	e := fault.Unprocessable.New()
	for i, x := range d {
		if x.Link != nil && !webAddress(*x.Link) {
			e.At("/documents/"+strconv.Itoa(i)+"/link", fault.BadFormat, "format", "an address that starts with https:// or http://")
		}
	}
	if len(e.Fields) > 0 {
		return e
	}
	return nil
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
