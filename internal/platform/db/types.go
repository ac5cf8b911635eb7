package db

import (
	"database/sql/driver"
	"fmt"
	"reflect"
	"sync"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
)

// A Map of types fills its caches while it is used, so nobody shares one.
var arrays = sync.Pool{New: func() any { return pgtype.NewMap() }}

// Strings is a text[] column; NULL reads as empty.
type Strings []string

// Value writes the array.
func (s Strings) Value() (driver.Value, error) {
	if s == nil {
		s = Strings{}
	}
	m := arrays.Get().(*pgtype.Map)
	defer arrays.Put(m)
	b, err := m.Encode(pgtype.TextArrayOID, pgtype.TextFormatCode, []string(s), nil)
	return string(b), err
}

// Scan reads the array.
func (s *Strings) Scan(src any) error { return scanArray(pgtype.TextArrayOID, src, (*[]string)(s)) }

// scanBinary reads the array as the database sends it.
func (s *Strings) scanBinary(m *pgtype.Map, oid uint32, src []byte) error {
	*s = Strings{}
	return m.Scan(oid, pgtype.BinaryFormatCode, src, (*[]string)(s))
}

// array is a type that reads an array without its text.
type array interface {
	scanBinary(m *pgtype.Map, oid uint32, src []byte) error
}

var arrayType = reflect.TypeFor[array]()

// IDs is a uuid[] column of ids of one type, as in IDs[id.MedewerkerID]; NULL reads as empty.
type IDs[T ~[16]byte] []T

// Value writes the array.
func (s IDs[T]) Value() (driver.Value, error) {
	out := make([]string, len(s))
	for i, x := range s {
		out[i] = uuid.UUID(x).String()
	}
	return Strings(out).Value()
}

// Scan reads the array.
func (s *IDs[T]) Scan(src any) error {
	var texts []string
	if err := scanArray(pgtype.TextArrayOID, src, &texts); err != nil {
		return err
	}
	*s = make(IDs[T], len(texts))
	for i, t := range texts {
		u, err := uuid.Parse(t)
		if err != nil {
			return err
		}
		(*s)[i] = T(u)
	}
	return nil
}

// scanBinary reads the array as the database sends it.
func (s *IDs[T]) scanBinary(m *pgtype.Map, oid uint32, src []byte) error {
	var all []pgtype.UUID
	if err := m.Scan(oid, pgtype.BinaryFormatCode, src, &all); err != nil {
		return err
	}
	*s = make(IDs[T], len(all))
	for i, u := range all {
		(*s)[i] = T(u.Bytes)
	}
	return nil
}

func scanArray(oid uint32, src any, dst *[]string) error {
	var b []byte
	switch v := src.(type) {
	case nil:
		*dst = []string{}
		return nil
	case string:
		b = []byte(v)
	case []byte:
		b = v
	default:
		return fmt.Errorf("db: cannot read a %T as an array", src)
	}
	m := arrays.Get().(*pgtype.Map)
	defer arrays.Put(m)
	if err := m.Scan(oid, pgtype.TextFormatCode, b, dst); err != nil {
		return err
	}
	if *dst == nil {
		*dst = []string{}
	}
	return nil
}
