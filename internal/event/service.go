package event

import (
	"time"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
)

// row is a fact as the feed reads it. In a page without facts there is one row, whose ID is nil.
type row struct {
	Base, Horizon int64
	Pos           int64
	ID            *id.EventID
	Type          string
	OccurredAt    time.Time
	Data          []byte
	ExternalIDs   []byte `gorm:"column:external_ids"`
}

// follow reads facts beyond a place, up to the oldest transaction that is still running: one that commits later stands
// beyond the horizon, so nobody passes it over. After dump and restore, positions that the old cluster gave but no row
// carries come again: a place beyond the base of today, given under another base, is the base. Who begins with the oldest fact kept
// begins behind the last checkpoint before it.
const (
	follow = `
select h.base, h.horizon, e.pos, e.id, e.type, e.occurred_at, e.data, e.external_ids
from (select platform.base() as base, platform.horizon() as horizon) h
left join lateral (
	select pos, id, type, occurred_at, data, external_ids
	from events
	where tenant_id = @tenant and noun = any (cast(@nouns as text[])) and type like any (cast(@types as text[])) and occurred_at >= @since
		and (pos, id) > ((select greatest(case when @base < platform.base() then least(@pos, platform.base()) else @pos end, max(last.pos))
				from (select p.pos from platform.checkpoints p where p.at <= cast(@settled as timestamptz) order by p.at desc limit 1) last),
			case when @base < platform.base() and @pos > platform.base() then 'ffffffff-ffff-ffff-ffff-ffffffffffff' else cast(@last as uuid) end)
		and pos < platform.horizon()`
	followSubject = ` and subject_id = @subject`
	followEnd     = `
	order by pos, id limit @limit) e on true
order by e.pos, e.id`
)

// read returns a page of the feed as the transaction's principal may see it, and the place that its cursor names.
func (s *Service) read(tx *db.Tx, q question) (page.Page[Wire], cursor, error) {
	from, since := cursor{Feed: 1}, time.Time{}
	if q.from == nil {
		since = tx.Now.Add(-s.keep)
	} else if from = *q.from; tx.Now.Sub(time.Unix(from.At, 0)) > s.keep+grace {
		return page.Page[Wire]{}, from, fault.CursorExpired.New()
	}
	sql := follow
	if q.subject != nil {
		sql += followSubject
	}
	var rows []row
	err := tx.Select(&rows, sql+followEnd, map[string]any{"tenant": tx.Scope.Tenant, "nouns": db.Strings(fact.Readable(tx.Principal.Scopes)), "types": q.types, "settled": since.Add(-page.Apart),
		"subject": q.subject, "since": since, "base": from.Base, "pos": from.Pos, "last": from.ID, "limit": q.limit + 1})
	if err != nil {
		return page.Page[Wire]{}, from, err
	}
	head := rows[0] // there is always one
	if head.ID == nil {
		rows = nil
	}
	out := page.Page[Wire]{Data: make([]Wire, 0, min(len(rows), q.limit)), HasMore: len(rows) > q.limit}
	for _, r := range rows[:min(len(rows), q.limit)] {
		w, err := wire(tx, r)
		if err != nil {
			return out, from, err
		}
		out.Data = append(out.Data, w)
	}
	next := cursor{Feed: 1, Base: head.Base, Pos: head.Horizon - 1, ID: uuid.Max, At: tx.Now.Unix()}
	if out.HasMore {
		last := rows[q.limit-1]
		next.Pos, next.ID, next.At = last.Pos, last.ID.UUID(), last.OccurredAt.Unix()
	}
	out.NextCursor = next.encode()
	return out, next, nil
}

// head returns an empty page whose cursor stands at the horizon: what commits from now on comes after it.
func (s *Service) head(tx *db.Tx) (page.Page[Wire], error) {
	var h row
	if err := db.One(tx, &h, `select platform.base() as base, platform.horizon() as horizon`); err != nil {
		return page.Page[Wire]{}, err
	}
	c := cursor{Feed: 1, Base: h.Base, Pos: h.Horizon - 1, ID: uuid.Max, At: tx.Now.Unix()}
	return page.Page[Wire]{Data: []Wire{}, NextCursor: c.encode()}, nil
}

// purgeBatch bounds how many facts one transaction removes.
const purgeBatch = 2000

// Purge removes the transaction's tenant's oldest facts that are no longer kept and that no partition takes along when it
// is dropped, and reports whether there may be more. The database's clock has a say, as it has for partitions.
func (s *Service) Purge(tx *db.Tx) (bool, error) {
	n, err := tx.Run(`delete from events_rest where tenant_id = ? and id in
		(select id from (select id, occurred_at from events_rest where tenant_id = ? order by pos limit ?) oldest
		where occurred_at < least(cast(? as timestamptz), platform.clock() - interval '5 days'))`,
		tx.Scope.Tenant, tx.Scope.Tenant, purgeBatch, tx.Now.Add(-s.keep-2*grace))
	return n == purgeBatch, err
}
