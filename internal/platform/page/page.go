// Package page cuts lists into pages by keyset, and lets a reader follow a list for ever without missing a change.
package page

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
)

// Params are the parameters of every list.
type Params struct {
	Limit  int    `form:"limit" default:"25" minimum:"1" maximum:"100"`
	Cursor string `form:"cursor" maxLength:"1000"`
	Sort   string `form:"sort" default:"created_at" enums:"created_at,-created_at"`
}

// SyncParams are those of a list that can be followed.
type SyncParams struct {
	Params
	UpdatedSince *time.Time `form:"updated_since" format:"date-time"`
}

// Kept is how long a tombstone, and so a place in a followed list, is kept.
const Kept = 400 * 24 * time.Hour

// overlap is repeated at the start of a sync: a transaction that stamped its rows just before may commit just after.
// It is longer than any transaction lives.
const overlap = 2 * time.Minute

// Page is one page of a list.
type Page[T any] struct {
	Data       []T     `json:"data" binding:"required"`
	HasMore    bool    `json:"has_more" binding:"required" example:"false"`
	NextCursor *string `json:"next_cursor" binding:"required" extensions:"x-nullable" example:"eyJrIjoibCJ9"`
} // @name Page

// Link points at the next page (RFC 8288).
func (p Page[T]) Link(u *url.URL) string {
	if p.NextCursor == nil {
		return ""
	}
	q := u.Query()
	q.Set("cursor", *p.NextCursor)
	q.Del("updated_since")
	return "<" + u.EscapedPath() + "?" + q.Encode() + `>; rel="next"`
}

// Keyed is a row that can stand in a list: where its last change stands, and its id.
type Keyed interface {
	Key() (pos int64, id uuid.UUID)
}

// cursor is a place in one list with its filters. It is opaque to callers, and not secret: row-level security decides
// what it can lead to.
type cursor struct {
	Filters string     `json:"f"`
	ID      uuid.UUID  `json:"i"`
	Sort    string     `json:"s,omitempty"`
	Pos     *int64     `json:"p,omitempty"` // of a followed list
	Since   *time.Time `json:"u,omitempty"`
	At      int64      `json:"t"` // when it was given, in Unix seconds
}

func (c cursor) encode() *string {
	b, err := json.Marshal(c)
	if err != nil {
		panic(err) // plain values always marshal
	}
	s := base64.RawURLEncoding.EncodeToString(b)
	return &s
}

func fingerprint(filters any) string {
	b, err := json.Marshal(filters)
	if err != nil {
		panic(err) // filters are plain values
	}
	h := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(h[:9])
}

func decode(text, filters string) (*cursor, error) {
	if text == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, fault.BadCursor.New()
	}
	dec := json.NewDecoder(strings.NewReader(string(b)))
	dec.DisallowUnknownFields()
	var c cursor
	if err := dec.Decode(&c); err != nil || dec.InputOffset() != int64(len(b)) || c.Filters != filters || c.Pos != nil && *c.Pos < 0 {
		return nil, fault.BadCursor.New()
	}
	return &c, nil
}

// List reads one page of q, a query over rows of the type Row that carries the filters. filters is what the caller
// filtered by: a cursor of other filters is refused. What a bound caller sees is found by the Bounds of the row type.
func List[Row Keyed, T any](tx *db.Tx, p Params, filters any, q *gorm.DB, wire func(Row) T) (Page[T], error) {
	f := fingerprint(filters)
	c, err := decode(p.Cursor, f)
	if err != nil {
		return Page[T]{}, err
	}
	if c != nil && (c.Pos != nil || c.Sort != p.Sort) {
		return Page[T]{}, fault.BadCursor.New()
	}
	order, beyond := "id", "id > ?"
	if p.Sort == "-created_at" {
		order, beyond = "id desc", "id < ?"
	}
	if c != nil {
		q = q.Where(beyond, c.ID)
	}
	rows, err := bounded[Row](tx, q, nil, "id", order, p.Limit+1)
	if err != nil {
		return Page[T]{}, err
	}
	out := Page[T]{Data: make([]T, 0, min(len(rows), p.Limit)), HasMore: len(rows) > p.Limit}
	for i, r := range rows {
		if i == p.Limit {
			break
		}
		out.Data = append(out.Data, wire(r))
		if i == p.Limit-1 && out.HasMore {
			_, last := r.Key()
			out.NextCursor = cursor{Filters: f, ID: last, Sort: p.Sort, At: tx.Now.Unix()}.encode()
		}
	}
	return out, nil
}

// Sync reads one page of a list as List does, or, when the caller asks for what changed, one page of changes: in the
// order in which they were made, tombstones included, and never past a transaction that is still running.
func Sync[Row Keyed, T any](tx *db.Tx, p SyncParams, filters any, q *gorm.DB, wire func(Row) T) (Page[T], error) {
	f := fingerprint(filters)
	c, err := decode(p.Cursor, f)
	if err != nil {
		return Page[T]{}, err
	}
	following, err := Following(tx, p, filters)
	if err != nil {
		return Page[T]{}, err
	}
	if !following {
		return List(tx, p.Params, filters, q, wire)
	}
	if c == nil {
		zero := int64(0)
		since := p.UpdatedSince.Add(-overlap)
		c = &cursor{Filters: f, Pos: &zero, Since: &since}
	}
	beyond := func(q *gorm.DB) *gorm.DB {
		if c.Since == nil {
			return q.Where("(pos, id) > (?, ?) and pos < platform.horizon()", *c.Pos, c.ID)
		}
		// The checkpoint stands inside the one comparison, and as a whole in a subquery. A second bound would let the planner expect next to no
		// rows, and sort all there are for a page; of an expression around a subquery an index is not asked under row-level security.
		return q.Where(`(pos, id) > ((select greatest(cast(? as bigint), max(last.pos)) from (select p.pos from platform.checkpoints p where p.at <= ? order by p.at desc limit 1) last), ?)
			and pos < platform.horizon() and updated_at >= ?`, *c.Pos, c.Since.Add(-Apart), c.ID, *c.Since)
	}
	rows, err := bounded[Row](tx, q, beyond, "pos, id", "pos, id", p.Limit+1)
	if err != nil {
		return Page[T]{}, err
	}
	next := *c
	next.At = tx.Now.Unix()
	out := Page[T]{Data: make([]T, 0, min(len(rows), p.Limit)), HasMore: len(rows) > p.Limit}
	for _, r := range rows[:min(len(rows), p.Limit)] {
		out.Data = append(out.Data, wire(r))
		pos, last := r.Key()
		next.Pos, next.ID = &pos, last
	}
	out.NextCursor = next.encode()
	return out, nil
}

// Following reports whether the caller follows changes rather than pages through what is there. Too old a start is
// fault.CursorExpired. Where both a start and a cursor that began with one are named, the cursor wins.
func Following(tx *db.Tx, p SyncParams, filters any) (bool, error) {
	c, err := decode(p.Cursor, fingerprint(filters))
	if err != nil {
		return false, err
	}
	switch {
	case c != nil && c.Pos == nil && p.UpdatedSince != nil:
		return false, fault.BadCursor.New() // a place in a list is no place in its changes
	case c == nil && p.UpdatedSince != nil && tx.Now.Sub(*p.UpdatedSince) > Kept, c != nil && c.Pos != nil && tx.Now.Sub(time.Unix(c.At, 0)) > Kept:
		return false, fault.CursorExpired.New()
	}
	return p.UpdatedSince != nil || c != nil && c.Pos != nil, nil
}
