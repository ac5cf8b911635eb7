package db

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"gorm.io/gorm/schema"
)

// gorm reads rows one value at a time through database/sql, and looks at the type of each anew. Here the way from a column
// to a member is found once for a type and the columns of a result; then bytes become values. What a struct's members are
// called, and which are written, is still what gorm's schema says.

// layout is what is known about a struct type as a row.
type layout struct {
	table   string
	members []member
	byName  map[string]int // of the column
	shapes  atomic.Pointer[[]*shape]

	insert  string // with every column that may be written
	writes  []int
	get     string // by tenant and id
	getName string // of the statement
}

type member struct {
	name   string // in Go
	column string
	index  []int
	typ    reflect.Type
	write  bool
}

// shape says where the columns of a result go in a struct.
type shape struct {
	columns []pgconn.FieldDescription
	targets []target
}

// target is a member of a struct; without decode the column is left out.
type target struct {
	index  []int
	decode decoder
}

// decoder reads a value that is not NULL.
type decoder func(m *pgtype.Map, src []byte, dst reflect.Value) error

var (
	layouts sync.Map // reflect.Type → *layout
	schemas sync.Map // gorm's
	naming  = schema.NamingStrategy{IdentifierMaxLength: 64}

	scannerType = reflect.TypeFor[sql.Scanner]()
	timeType    = reflect.TypeFor[time.Time]()
)

func layoutOf(t reflect.Type) (*layout, error) {
	if l, ok := layouts.Load(t); ok {
		return l.(*layout), nil
	}
	s, err := schema.Parse(reflect.New(t).Interface(), &schemas, naming)
	if err != nil {
		return nil, err
	}
	l := &layout{table: s.Table, byName: map[string]int{}}
	for _, f := range s.Fields {
		if f.DBName == "" || !f.Readable {
			continue
		}
		if slices.ContainsFunc(f.StructField.Index, func(i int) bool { return i < 0 }) {
			return nil, fmt.Errorf("db: %s.%s is embedded by a pointer", t, f.Name)
		}
		l.byName[f.DBName] = len(l.members)
		l.members = append(l.members, member{f.Name, f.DBName, f.StructField.Index, f.FieldType, f.Creatable})
	}
	l.statements()
	got, _ := layouts.LoadOrStore(t, l)
	return got.(*layout), nil
}

// statements writes the SQL that is the same for every row of a table.
func (l *layout) statements() {
	var columns, places bytes.Buffer
	for i, m := range l.members {
		if !m.write {
			continue
		}
		l.writes = append(l.writes, i)
		if len(l.writes) > 1 {
			columns.WriteString(", ")
			places.WriteString(", ")
		}
		fmt.Fprintf(&columns, "%q", m.column)
		fmt.Fprintf(&places, "$%d", len(l.writes))
	}
	l.insert = fmt.Sprintf("insert into %q (%s) values (%s)", l.table, &columns, &places)
	l.get = fmt.Sprintf(`select * from %q where tenant_id = $1 and id = $2`, l.table)
	l.getName = "one of " + l.table
}

// shapeOf finds, or works out, where these columns go.
func (l *layout) shapeOf(t reflect.Type, columns []pgconn.FieldDescription) *shape {
	known := l.shapes.Load()
	if known != nil {
		for _, s := range *known {
			if slices.EqualFunc(s.columns, columns, sameColumn) {
				return s
			}
		}
	}
	s := &shape{columns: slices.Clone(columns), targets: make([]target, len(columns))}
	for i, c := range columns {
		s.columns[i].Name = string([]byte(c.Name))
		if at, ok := l.byName[c.Name]; ok {
			m := l.members[at]
			s.targets[i] = target{m.index, decoderOf(m.typ, c.DataTypeOID, c.Format)}
		}
	}
	all := []*shape{s}
	if known != nil && len(*known) < maxShapes {
		all = append(all, *known...)
	}
	l.shapes.CompareAndSwap(known, &all) // whoever loses works it out again next time
	return s
}

// maxShapes bounds what is remembered of one type: a type is read by a few queries.
const maxShapes = 32

func sameColumn(a, b pgconn.FieldDescription) bool {
	return a.DataTypeOID == b.DataTypeOID && a.Format == b.Format && a.Name == b.Name
}

// read lays the present row over a struct.
func (s *shape) read(r *cursor, v reflect.Value) error {
	for i, src := range r.rows.RawValues() {
		t := &s.targets[i]
		if t.decode == nil {
			continue
		}
		dst := v.FieldByIndex(t.index)
		if src == nil {
			dst.SetZero()
			continue
		}
		if err := t.decode(r.types, src, dst); err != nil {
			return fmt.Errorf("db: column %s: %w", s.columns[i].Name, err)
		}
	}
	return nil
}

// reader says how rows become values of a type, or that it does not know.
func readerOf(t reflect.Type, columns []pgconn.FieldDescription) (func(*cursor, reflect.Value) error, error) {
	if t.Kind() == reflect.Struct && t != timeType && !reflect.PointerTo(t).Implements(scannerType) {
		l, err := layoutOf(t)
		if err != nil {
			return nil, err
		}
		return l.shapeOf(t, columns).read, nil
	}
	if len(columns) != 1 {
		return nil, fmt.Errorf("db: %d columns for a %s", len(columns), t)
	}
	decode := decoderOf(t, columns[0].DataTypeOID, columns[0].Format)
	return func(r *cursor, v reflect.Value) error {
		if src := r.rows.RawValues()[0]; src != nil {
			return decode(r.types, src, v)
		}
		v.SetZero()
		return nil
	}, nil
}

// isList reports whether a destination takes all rows, and not one.
func isList(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8 && !reflect.PointerTo(t).Implements(scannerType)
}

var errDestination = errors.New("db: rows go into a pointer to a struct, a scalar, or a slice of them")

// into reads rows into dest: the first one, or all of them into a slice, which is then never nil. It returns how many, and
// closes r.
func (r *cursor) into(dest any) (n int64, err error) {
	defer func() { err = errors.Join(err, r.Close()) }()
	v := reflect.ValueOf(dest)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return 0, errDestination
	}
	v = v.Elem()
	columns := r.rows.FieldDescriptions()
	if !isList(v.Type()) {
		read, err := readerOf(v.Type(), columns)
		if err != nil || !r.next() {
			return 0, err
		}
		return 1, read(r, v)
	}
	elem, pointers := v.Type().Elem(), false
	if elem.Kind() == reflect.Pointer && elem.Elem().Kind() == reflect.Struct && elem.Elem() != timeType {
		elem, pointers = elem.Elem(), true
	}
	read, err := readerOf(elem, columns)
	if err != nil {
		return 0, err
	}
	if v.IsNil() {
		v.Set(reflect.MakeSlice(v.Type(), 0, 16))
	}
	v.SetLen(0)
	for r.next() {
		if int(n) == v.Cap() {
			v.Grow(1)
		}
		v.SetLen(int(n) + 1)
		x := v.Index(int(n))
		if pointers {
			x.Set(reflect.New(elem))
			x = x.Elem()
		} else {
			x.SetZero()
		}
		if err := read(r, x); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// The instants and dates of PostgreSQL count from here; the ends of the scale are infinity.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

var errShort = errors.New("not as long as its type")

// decoderOf finds the way from a type of the database to one of Go. What is not listed goes the way of database/sql.
func decoderOf(t reflect.Type, oid uint32, format int16) decoder {
	if t.Kind() == reflect.Pointer {
		inner := decoderOf(t.Elem(), oid, format)
		return func(m *pgtype.Map, src []byte, dst reflect.Value) error {
			p := reflect.New(t.Elem())
			if err := inner(m, src, p.Elem()); err != nil {
				return err
			}
			dst.Set(p)
			return nil
		}
	}
	scans := reflect.PointerTo(t).Implements(scannerType)
	slow := otherwise(oid, format, scans)
	if format == pgtype.BinaryFormatCode {
		if d := binaryOf(t, oid, scans, slow); d != nil {
			return d
		}
	}
	switch oid {
	case pgtype.TextOID, pgtype.VarcharOID, pgtype.BPCharOID, pgtype.NameOID:
		if t.Kind() == reflect.String && !scans {
			return func(_ *pgtype.Map, src []byte, dst reflect.Value) error {
				dst.SetString(string(src))
				return nil
			}
		}
	case pgtype.JSONOID, pgtype.JSONBOID:
		return documentOf(t, oid == pgtype.JSONBOID && format == pgtype.BinaryFormatCode, scans, slow)
	}
	return slow
}

func binaryOf(t reflect.Type, oid uint32, scans bool, slow decoder) decoder {
	switch k := t.Kind(); {
	case oid == pgtype.UUIDOID && k == reflect.Array && t.Len() == 16 && t.Elem().Kind() == reflect.Uint8:
		return func(_ *pgtype.Map, src []byte, dst reflect.Value) error {
			if copy(dst.Bytes(), src) != 16 {
				return errShort
			}
			return nil
		}
	case oid == pgtype.TimestamptzOID && t == timeType:
		return func(m *pgtype.Map, src []byte, dst reflect.Value) error {
			if len(src) != 8 {
				return errShort
			}
			n := int64(binary.BigEndian.Uint64(src))
			if n == math.MaxInt64 || n == math.MinInt64 {
				return slow(m, src, dst)
			}
			*dst.Addr().Interface().(*time.Time) = time.UnixMicro(epoch.UnixMicro() + n).UTC()
			return nil
		}
	case oid == pgtype.DateOID && scans:
		return func(m *pgtype.Map, src []byte, dst reflect.Value) error {
			if len(src) != 4 {
				return errShort
			}
			n := int32(binary.BigEndian.Uint32(src))
			if n == math.MaxInt32 || n == math.MinInt32 {
				return slow(m, src, dst)
			}
			return dst.Addr().Interface().(sql.Scanner).Scan(epoch.AddDate(0, 0, int(n)))
		}
	case (oid == pgtype.TextArrayOID || oid == pgtype.UUIDArrayOID) && reflect.PointerTo(t).Implements(arrayType):
		return func(m *pgtype.Map, src []byte, dst reflect.Value) error {
			return dst.Addr().Interface().(array).scanBinary(m, oid, src)
		}
	case scans:
		return nil
	case oid == pgtype.BoolOID && k == reflect.Bool:
		return func(_ *pgtype.Map, src []byte, dst reflect.Value) error {
			if len(src) != 1 {
				return errShort
			}
			dst.SetBool(src[0] == 1)
			return nil
		}
	case oid == pgtype.Float8OID && k == reflect.Float64:
		return func(_ *pgtype.Map, src []byte, dst reflect.Value) error {
			if len(src) != 8 {
				return errShort
			}
			dst.SetFloat(math.Float64frombits(binary.BigEndian.Uint64(src)))
			return nil
		}
	case (oid == pgtype.Int2OID || oid == pgtype.Int4OID || oid == pgtype.Int8OID) && dstInt(k):
		return func(_ *pgtype.Map, src []byte, dst reflect.Value) error {
			var n int64
			switch len(src) {
			case 2:
				n = int64(int16(binary.BigEndian.Uint16(src)))
			case 4:
				n = int64(int32(binary.BigEndian.Uint32(src)))
			case 8:
				n = int64(binary.BigEndian.Uint64(src))
			default:
				return errShort
			}
			if dst.OverflowInt(n) {
				return fmt.Errorf("%s holds no number that large", dst.Type())
			}
			dst.SetInt(n)
			return nil
		}
	}
	return nil
}

func dstInt(k reflect.Kind) bool { return k >= reflect.Int && k <= reflect.Int64 }

// documentOf reads JSON. Its bytes are copied: they are the connection's.
func documentOf(t reflect.Type, versioned, scans bool, slow decoder) decoder {
	body := func(src []byte) ([]byte, error) {
		if !versioned {
			return bytes.Clone(src), nil
		}
		if len(src) == 0 || src[0] != 1 {
			return nil, errors.New("jsonb of an unknown version")
		}
		return bytes.Clone(src[1:]), nil
	}
	switch {
	case scans:
		return func(_ *pgtype.Map, src []byte, dst reflect.Value) error {
			b, err := body(src)
			if err != nil {
				return err
			}
			return dst.Addr().Interface().(sql.Scanner).Scan(b)
		}
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		return func(_ *pgtype.Map, src []byte, dst reflect.Value) error {
			b, err := body(src)
			dst.SetBytes(b)
			return err
		}
	}
	return slow
}

// otherwise asks pgx, for a type that reads itself in the few types of database/sql.
func otherwise(oid uint32, format int16, scans bool) decoder {
	if scans {
		return func(m *pgtype.Map, src []byte, dst reflect.Value) error {
			v, err := column(m, oid, format)(src)
			if err != nil {
				return err
			}
			return dst.Addr().Interface().(sql.Scanner).Scan(v)
		}
	}
	return func(m *pgtype.Map, src []byte, dst reflect.Value) error {
		return m.Scan(oid, format, src, dst.Addr().Interface())
	}
}
