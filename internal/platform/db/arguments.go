package db

import (
	"database/sql/driver"
	"reflect"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
)

// identity is an id on its way to the database: as sixteen bytes where a uuid is wanted, as text elsewhere.
type identity [16]byte

func (i identity) UUIDValue() (pgtype.UUID, error) { return pgtype.UUID{Bytes: i, Valid: true}, nil }

func (i identity) TextValue() (pgtype.Text, error) {
	return pgtype.Text{String: uuid.UUID(i).String(), Valid: true}, nil
}

func (i identity) Value() (driver.Value, error) { return uuid.UUID(i).String(), nil }

// arguments are those of a statement in the types that pgx encodes without looking for a way to do it. They are changed in
// place.
func arguments(args []any) []any {
	for i, a := range args {
		args[i] = argument(a)
	}
	return args
}

func argument(a any) any {
	switch x := a.(type) {
	case nil, string, int64, int, bool, float64, time.Time, []byte, identity:
		return a
	case uuid.UUID:
		return identity(x)
	case *string:
		if x == nil {
			return nil
		}
		return *x
	}
	v := reflect.ValueOf(a)
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil
		}
		if isID(v.Type().Elem()) {
			return identityOf(v.Elem())
		}
		return a
	}
	if isID(v.Type()) {
		return identityOf(v)
	}
	if v.Type().NumMethod() > 0 { // it may have an opinion
		return a
	}
	switch v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32:
		return v.Int()
	}
	return a
}

// isID reports whether a type holds a uuid: sixteen bytes that say so themselves.
func isID(t reflect.Type) bool {
	return t.Kind() == reflect.Array && t.Len() == 16 && t.Elem().Kind() == reflect.Uint8 && t.Implements(valuerType)
}

func identityOf(v reflect.Value) (i identity) {
	reflect.Copy(reflect.ValueOf(&i).Elem(), v)
	return i
}

var valuerType = reflect.TypeFor[driver.Valuer]()
