// Package id gives every noun its own type of id: a UUIDv7 that is written as a TypeID, like lvr_01jd….
//
// In the database an id is a plain uuid; on the wire it carries the noun's prefix, so that an id of one noun is never
// taken for another's. The types live here, not with the nouns, because nouns hold each other's ids without importing
// each other.
package id

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// Kind names what an id identifies; each noun has one.
type Kind interface{ prefix() string }

// Of is the id of one kind of thing. The zero value identifies nothing.
type Of[K Kind] uuid.UUID

// ErrMalformed says that a text is no id of the wanted kind: wrong prefix, length or alphabet.
var ErrMalformed = errors.New("malformed id")

// alphabet is Crockford's base32 in lower case, as the TypeID specification (version 0.3) writes it.
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

var digit = func() (d [256]byte) {
	for i := range d {
		d[i] = 0xff
	}
	for i := range len(alphabet) {
		d[alphabet[i]] = byte(i)
	}
	return d
}()

// New returns a fresh id. Ids made later sort later, down to the millisecond.
func New[K Kind]() Of[K] { return Of[K](uuid.Must(uuid.NewV7())) }

// Prefix returns the three letters that ids of kind K start with.
func Prefix[K Kind]() string {
	var k K
	return k.prefix()
}

// Parse reads prefix_base32; anything else is ErrMalformed.
func Parse[K Kind](s string) (Of[K], error) {
	rest, ok := strings.CutPrefix(s, Prefix[K]()+"_")
	if !ok {
		return Of[K]{}, ErrMalformed
	}
	u, err := decode(rest)
	return Of[K](u), err
}

// ParseAny reads an id of any kind and returns the bare value; what has no prefix of three letters is ErrMalformed.
func ParseAny(s string) (uuid.UUID, error) {
	prefix, rest, _ := strings.Cut(s, "_")
	if len(prefix) != 3 || strings.Trim(prefix, "abcdefghijklmnopqrstuvwxyz") != "" {
		return uuid.Nil, ErrMalformed
	}
	return decode(rest)
}

func decode(rest string) (uuid.UUID, error) {
	var u uuid.UUID
	if len(rest) != 26 || rest[0] > '7' {
		return u, ErrMalformed
	}
	// 26 digits carry 130 bits; the first digit's upper two are zero.
	var acc uint32
	bits, n := 0, 0
	for i := range len(rest) {
		d := digit[rest[i]]
		if d == 0xff {
			return uuid.Nil, ErrMalformed
		}
		if i == 0 {
			acc, bits = uint32(d), 3
			continue
		}
		acc, bits = acc<<5|uint32(d), bits+5
		if bits >= 8 {
			bits -= 8
			u[n] = byte(acc >> bits)
			n++
			acc &= 1<<bits - 1
		}
	}
	return u, nil
}

// String writes the id with its prefix.
func (i Of[K]) String() string { return Text(Prefix[K](), uuid.UUID(i)) }

// Text writes a bare value with a prefix of three letters, where the kind is known only then.
func Text(p string, u uuid.UUID) string { return string(appendTo(make([]byte, 0, len(p)+27), p, u)) }

func appendTo(b []byte, p string, u uuid.UUID) []byte {
	b = append(append(b, p...), '_')
	var acc uint32
	bits := 2 // two leading zero bits make 130
	for _, x := range u {
		acc, bits = acc<<8|uint32(x), bits+8
		for bits >= 5 {
			bits -= 5
			b = append(b, alphabet[acc>>bits&31])
			acc &= 1<<bits - 1
		}
	}
	return b
}

// UUID returns the bare value, for SQL and associated data.
func (i Of[K]) UUID() uuid.UUID { return uuid.UUID(i) }

// IsZero reports whether the id identifies nothing.
func (i Of[K]) IsZero() bool { return i == Of[K]{} }

// MarshalText writes the id with its prefix.
func (i Of[K]) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// AppendText appends what MarshalText writes.
func (i Of[K]) AppendText(b []byte) ([]byte, error) {
	return appendTo(b, Prefix[K](), uuid.UUID(i)), nil
}

// UnmarshalText reads an id with its prefix, or returns ErrMalformed.
func (i *Of[K]) UnmarshalText(b []byte) error {
	v, err := Parse[K](string(b))
	if err != nil {
		return err
	}
	*i = v
	return nil
}

// Value gives SQL the bare uuid.
func (i Of[K]) Value() (driver.Value, error) { return uuid.UUID(i).String(), nil }

// Scan reads a uuid column.
func (i *Of[K]) Scan(src any) error {
	var u uuid.UUID
	if src == nil {
		return fmt.Errorf("id %s: unexpected NULL", Prefix[K]())
	}
	if err := u.Scan(src); err != nil {
		return err
	}
	*i = Of[K](u)
	return nil
}

// ParseClient reads the id of a client.
func ParseClient(s string) (ClientID, error) { return Parse[clientKind](s) }

// Format describes the id for whoever sent another text.
func (i Of[K]) Format() string { return "an id like " + Prefix[K]() + "_01h455vb4pex5vsknk084sn02q" }

// NewRequest makes the id of an HTTP request.
func NewRequest() RequestID { return New[requestKind]() }
