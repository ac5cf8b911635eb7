package leeruitwisseling

import (
	"context"
	"database/sql/driver"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// Reflection is how somebody looks back on an exchange: the switcher and the leercoach at its end (seed 001, 5.7 "Hoe
// kijken de leercoach en de switcher terug op de uitwisseling?"), and an employer on what it takes from it (5.8).
type Reflection struct {
	db.Row
	ID                      id.ReflectionID `gorm:"primaryKey"`
	LeeruitwisselingID      id.LeeruitwisselingID
	SendingOrganisationID   id.OrganisationID
	ReceivingOrganisationID id.OrganisationID
	OrganisationID          id.OrganisationID // on whose side it is: the author's employer
	Party                   string            // switcher, leercoach, sending or receiving
	MedewerkerID            *id.MedewerkerID  // the switcher or leercoach; nil for an employer
	Medium                  string            // how it was captured
	Text                    *string
	Link                    *string // to where it is kept; text, link or both
	ReflectedOn             *day.Date
	Lessons                 Lessons    `gorm:"type:jsonb"`
	SharedWith              db.Strings // parties who may read it, beside its author and the ST-partner
}

// TableName is the table of reflections.
func (Reflection) TableName() string { return "leeruitwisseling_reflections" }

// Key places a reflection in a list.
func (r Reflection) Key() (int64, uuid.UUID) { return r.Pos, r.ID.UUID() }

// Lesson is what is taken from an exchange, and how far it is carried (seed 001, 5.8 "in je job, je team, je organisatie").
type Lesson struct {
	Text        string `json:"text" binding:"required" minLength:"1" maxLength:"2000" example:"Wij leggen voortaan uit wat we doen terwijl we het doen."`
	CarriedInto string `json:"carried_into" binding:"required" enums:"job,team,organisation" example:"team"`
	Applied     *bool  `json:"applied" extensions:"x-nullable" example:"true"` // null: not known yet
} // @name LeeruitwisselingLesson

// Lessons is a jsonb column.
type Lessons []Lesson

// Value writes the column.
func (l Lessons) Value() (driver.Value, error) { return listValue([]Lesson(l)) }

// Scan reads the column.
func (l *Lessons) Scan(src any) error { return scanJSON(src, (*[]Lesson)(l)) }

// ReflectionInput is what is said in a reflection: whole when it is written, and as the base of a merge patch.
type ReflectionInput struct {
	Party        string           `json:"party" binding:"required" enums:"switcher,leercoach,sending,receiving" example:"switcher"`
	MedewerkerID *id.MedewerkerID `json:"medewerker_id" extensions:"x-nullable" example:"mdw_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Medium       string           `json:"medium" binding:"required" enums:"document,audio,drawing,diary,conversation" example:"diary"`
	Text         *string          `json:"text" minLength:"1" maxLength:"20000" extensions:"x-nullable" example:"Ik zag hoe rustig zij de dag beginnen."`
	Link         *string          `json:"link" format:"uri" maxLength:"2000" extensions:"x-nullable" example:"https://documenten.example/dagboek"`
	ReflectedOn  *day.Date        `json:"reflected_on" format:"date" extensions:"x-nullable" example:"2027-01-12"`
	Lessons      Lessons          `json:"lessons" validate:"max=20"`
	SharedWith   db.Strings       `json:"shared_with" validate:"max=4,unique" enums:"switcher,leercoach,sending,receiving" example:"leercoach"`
} // @name ReflectionInput

func reflectionInput(r Reflection) ReflectionInput {
	return ReflectionInput{r.Party, r.MedewerkerID, r.Medium, r.Text, r.Link, r.ReflectedOn, r.Lessons, r.SharedWith}
}

// onto checks the input and lays it over the row, except for whose it is.
func (in ReflectionInput) onto(r *Reflection) error {
	if err := distinct("/shared_with", in.SharedWith); err != nil {
		return err
	}
	switch {
	case in.Text == nil && in.Link == nil:
		return fault.At("/text", fault.Needed)
	case in.Link != nil && !webAddress(*in.Link):
		return fault.At("/link", fault.BadFormat, "format", "an address that starts with https:// or http://")
	}
	r.Medium, r.Text, r.Link, r.ReflectedOn, r.Lessons, r.SharedWith = in.Medium, in.Text, in.Link, in.ReflectedOn, in.Lessons, in.SharedWith
	return nil
}

// author is whose reflection it is: the switcher's, a leercoach's (the leading one, unless another is named), or nobody's,
// for an employer. A bound caller reflects as the party that it is: an employer does not speak for its employees, nor one
// leercoach for another.
func (l Leeruitwisseling) author(s db.Scope, party string, named *id.MedewerkerID) (*id.MedewerkerID, error) {
	var of []id.MedewerkerID
	switch party {
	case Switcher:
		of = []id.MedewerkerID{l.SwitcherID}
	case Leercoach:
		of = l.coaches()
	}
	own := id.MedewerkerID(s.Medewerker)
	switch {
	case named != nil && !slices.Contains(of, *named):
		return nil, fault.At("/medewerker_id", fault.NoReference)
	case named == nil && s.Kind == db.ScopeMedewerker && slices.Contains(of, own):
		named = &own
	case named == nil && len(of) > 0:
		named = &of[0]
	}
	if s.Kind == db.ScopeMedewerker && (named == nil || *named != own) {
		return nil, fault.NotAllowed.New()
	}
	return named, l.speaksFor(s, party)
}

// reflect writes a reflection down, whatever the state of the exchange: people look back for long.
func (s Service) reflect(tx *db.Tx, lid id.LeeruitwisselingID, in ReflectionInput) (Reflection, error) {
	l, err := db.Get[Leeruitwisseling](tx, lid)
	if err != nil {
		return Reflection{}, err
	}
	r := Reflection{ID: id.NewReflection(), LeeruitwisselingID: lid, SendingOrganisationID: l.SendingOrganisationID,
		ReceivingOrganisationID: l.ReceivingOrganisationID, OrganisationID: *l.side(in.Party), Party: in.Party}
	if r.MedewerkerID, err = l.author(tx.Scope, in.Party, in.MedewerkerID); err != nil {
		return r, err
	}
	if err := in.onto(&r); err != nil {
		return r, err
	}
	if err := db.Insert(tx, &r); err != nil {
		return r, err
	}
	return r, auditSharing(tx, r)
}

// rethink changes a reflection: by its author, or by the ST-partner for them. To take back who may read it, too.
func (s Service) rethink(tx *db.Tx, lid id.LeeruitwisselingID, rid id.ReflectionID, check func(Reflection) error, apply func(*ReflectionInput) error) (Reflection, error) {
	l, err := db.Get[Leeruitwisseling](tx, lid)
	if err != nil {
		return Reflection{}, err
	}
	before, err := db.Lock[Reflection](tx, rid)
	switch {
	case err != nil:
		return before, err
	case before.LeeruitwisselingID != lid:
		return before, fault.Missing.New()
	}
	if err := check(before); err != nil {
		return before, err
	}
	in := reflectionInput(before)
	if err := apply(&in); err != nil {
		return before, err
	}
	if in.Party != before.Party {
		return before, fault.At("/party", fault.Fixed)
	}
	if !same(in.MedewerkerID, before.MedewerkerID) {
		return before, fault.At("/medewerker_id", fault.Fixed)
	}
	if _, err := l.author(tx.Scope, before.Party, before.MedewerkerID); err != nil {
		return before, err
	}
	after := before
	if err := in.onto(&after); err != nil {
		return before, err
	}
	changed, err := db.Change(tx, before, &after)
	if err != nil || !changed || slices.Equal(before.SharedWith, after.SharedWith) {
		return after, err
	}
	return after, auditSharing(tx, after)
}

// auditSharing keeps who let whom read a reflection.
func auditSharing(tx *db.Tx, r Reflection) error {
	return fact.Audit(tx, "leeruitwisseling.share", r.ID, map[string]string{"party": r.Party, "shared_with": strings.Join(r.SharedWith, " ")})
}

// Expectations are what the sending employer expects of an exchange: which leerbewijs it wants back, how lessons are shared
// and applied, and when it is a success (seed 001, 5.6). The receiving employer does not read them.
type Expectations struct {
	Leerbewijs  *string `json:"leerbewijs" minLength:"1" maxLength:"2000" extensions:"x-nullable" example:"Een attest met de uren, voor het sectorfonds."`
	Sharing     *string `json:"sharing" minLength:"1" maxLength:"5000" extensions:"x-nullable" example:"Een halfuur op de teamvergadering van februari."`
	Application *string `json:"application" minLength:"1" maxLength:"5000" extensions:"x-nullable" example:"De werkwijze proberen op twee afdelingen."`
	Success     *string `json:"success" minLength:"1" maxLength:"5000" extensions:"x-nullable" example:"Het team werkt na drie maanden anders."`
} // @name LeeruitwisselingExpectations

// expect writes what the sending employer expects, in place of what it expected before. It may do so until the exchange
// is over.
func (s Service) expect(ctx context.Context, tx *db.Tx, lid id.LeeruitwisselingID, x Expectations) error {
	l, err := s.changeable(ctx, tx, lid)
	if err != nil {
		return err
	}
	if err := l.mayTell(tx.Scope, Sending); err != nil {
		return err
	}
	_, err = tx.Run(`insert into leeruitwisseling_expectations as e (tenant_id, leeruitwisseling_id, organisation_id, leerbewijs, sharing, application, success,
			created_at, updated_at, changed_by, on_behalf_of, request_id) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		on conflict (tenant_id, leeruitwisseling_id) do update set leerbewijs = excluded.leerbewijs, sharing = excluded.sharing,
			application = excluded.application, success = excluded.success, revision = e.revision + 1, updated_at = excluded.updated_at,
			changed_by = excluded.changed_by, on_behalf_of = excluded.on_behalf_of, request_id = excluded.request_id
		where (e.leerbewijs, e.sharing, e.application, e.success) is distinct from (excluded.leerbewijs, excluded.sharing, excluded.application, excluded.success)`,
		tx.Scope.Tenant, lid, l.SendingOrganisationID, x.Leerbewijs, x.Sharing, x.Application, x.Success, tx.Now, tx.Now, tx.Actor, tx.OnBehalfOf, tx.RequestID)
	return err
}

// expected reads what the sending employer expects; nothing, while it did not say.
func (s Service) expected(tx *db.Tx, lid id.LeeruitwisselingID) (Expectations, error) {
	l, err := db.Get[Leeruitwisseling](tx, lid)
	if err != nil {
		return Expectations{}, err
	}
	if err := l.mayTell(tx.Scope, Sending); err != nil {
		return Expectations{}, err
	}
	var x []Expectations
	err = tx.Select(&x, `select leerbewijs, sharing, application, success from leeruitwisseling_expectations where tenant_id = ? and leeruitwisseling_id = ?`, tx.Scope.Tenant, lid)
	return append(x, Expectations{})[0], err
}
