// Package event is the feed: every fact of a tenant in the order of positions, none left out, for who follows it with a
// cursor, and the catalogue of their types.
package event

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
)

// DefaultKeep is how long facts stay in the feed unless a setting says otherwise (design section 5).
const DefaultKeep = 30 * 24 * time.Hour

// grace is the time beyond Keep in which a cursor still works; rows are removed after twice that. A reader that starts at
// the oldest fact so has time to read on, and clocks that differ do no harm.
const grace = time.Hour

// Service holds the verbs of the feed.
type Service struct {
	db              *db.DB
	keep, keepTries time.Duration
	waiters         waiters
}

// New returns the feed that keeps facts for keep, or for DefaultKeep when it is 0. keepTries is how long tries of
// deliveries are kept, as long as facts when it is 0.
func New(d *db.DB, keep, keepTries time.Duration) *Service {
	if keep == 0 {
		keep = DefaultKeep
	}
	if keepTries == 0 {
		keepTries = keep
	}
	s := &Service{db: d, keep: keep, keepTries: keepTries}
	s.waiters.look = s.look
	return s
}

// cursor is a place in the order of changes. It belongs to no filter: whoever asks for other types goes on from the same
// place. It is opaque to callers and not secret.
type cursor struct {
	Feed int       `json:"feed"` // the form of the cursor, 1
	Base int64     `json:"base"` // platform.base() when it was given
	Pos  int64     `json:"pos"`
	ID   uuid.UUID `json:"id"` // the last fact read at Pos
	At   int64     `json:"at"` // facts from this time on, in Unix seconds, may come after it
}

func (c cursor) encode() *string {
	b, err := json.Marshal(c)
	if err != nil {
		panic(err) // plain values always marshal
	}
	s := base64.RawURLEncoding.EncodeToString(b)
	return &s
}

// decode reads a cursor, or returns fault.BadCursor.
func decode(text string) (cursor, error) {
	var c cursor
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return c, fault.BadCursor.New()
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	// Written again it must be the same: nothing behind it, nothing left out.
	if err := dec.Decode(&c); err != nil || c.Feed != 1 || c.Pos < 0 || c.Base < 0 || c.At < 0 || *c.encode() != text {
		return c, fault.BadCursor.New()
	}
	return c, nil
}
