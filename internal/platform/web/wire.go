package web

import (
	"errors"
	"reflect"
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
)

// Meta is what every noun says about itself on the wire. It is embedded in wire types.
type Meta struct {
	Revision  int64     `json:"revision" example:"1"`
	CreatedAt time.Time `json:"created_at" format:"date-time" example:"2027-01-11T08:00:00Z"`
	UpdatedAt time.Time `json:"updated_at" format:"date-time" example:"2027-01-11T08:00:00Z"`
}

// MetaOf takes it from a row.
func MetaOf(r db.Row) Meta { return Meta{r.Revision, r.CreatedAt.UTC(), r.UpdatedAt.UTC()} }

// ETag is the revision as an entity tag.
func (m Meta) ETag() string { return Tag(m.Revision) }

// Upserted is the answer of a PUT under a name: 201 when it was made, else 200.
type Upserted[T any] struct {
	Made bool
	Body T
}

// MarshalJSON writes the body alone.
func (u Upserted[T]) MarshalJSON() ([]byte, error) { return encode(u.Body), nil }

// HTTPStatus says whether it was made.
func (u Upserted[T]) HTTPStatus() int {
	if u.Made {
		return 201
	}
	return 200
}

// ETag is that of the body.
func (u Upserted[T]) ETag() string {
	if e, ok := any(u.Body).(etagged); ok {
		return e.ETag()
	}
	return ""
}

// Location is that of the body.
func (u Upserted[T]) Location() string {
	if l, ok := any(u.Body).(located); ok {
		return l.Location()
	}
	return ""
}

// Fill lays the patch over an empty input as a whole body: required members must be there, absent ones get their default.
// What lacks is needed rather than required, for the API document asks for no member of a patch.
func (p MergePatch) Fill(dst any) error {
	err := p.fill(dst)
	var e *fault.Error
	if errors.As(err, &e) {
		for i := range e.Fields {
			if e.Fields[i].Rule == fault.Required {
				e.Fields[i].Rule = fault.Needed
			}
		}
	}
	return err
}

func (p MergePatch) fill(dst any) error {
	v := reflect.ValueOf(dst).Elem()
	presets(v)
	return assign(p.node, v, false)
}
