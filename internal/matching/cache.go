package matching

import (
	"bytes"
	"cmp"
	"context"
	"log/slog"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/switchingtalent/switchboard/internal/matching/relevance"
	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// Options bound what indexes may take; the zero value is right for production.
type Options struct {
	MaxBytes int           // of all indexes together; 0 is 1 GiB. The least recently used leaves first
	Idle     time.Duration // an index that nobody asked for so long leaves; 0 is 15 minutes
	Log      *slog.Logger  // says when an index cannot be made; nil says nothing
	Relearn  time.Duration // how often an index that lives on learns from what was decided since; 0 is an hour
	AtOnce   int           // so many leerplekken are indexed while the first caller waits, more in the background; 0 is 500, a tenth of a second
	Patience time.Duration // how long a caller waits for another who makes the index or follows the changes; 0 is 50 ms
	Fresh    time.Duration // an index that has followed no change for so long answers nobody, until it has; 0 is a second
}

// small is of how many leerplekken an index learns anew how rare words are whenever their words change; a larger one when
// much changed.
const small = 1000

// perPlace is about what a leerplek takes, for telling beforehand that an index would be too large.
const perPlace = 1200

// idleTime is how long what is held in memory for questions waits for the next.
const idleTime = 15 * time.Minute

// retry is how long a build that failed is not tried again.
const retry = time.Second

// inline is how many leerplekken that changed are followed while the caller waits, in some ten milliseconds. More are followed beside,
// in a transaction of their own; and for more than beside, the index is made anew.
const (
	inline = 500
	beside = 4 * chunk
)

// cache keeps the indexes of tenants, one each.
type cache struct {
	db      *db.DB
	options Options
	builds  chan struct{} // as many as may run in the background at once

	mu      sync.Mutex
	entries map[uuid.UUID]*entry
	sweep   *time.Timer

	escoMu   sync.Mutex
	escoAt   time.Time
	escoRead *relevance.Vocabulary
}

// entry is the index of one tenant, or the wish for one.
type entry struct {
	used  time.Time // under the lock of the cache
	bytes int       // under the lock of the cache

	turn  chan struct{}         // whose it is builds, or follows the changes; the others do not wait for long
	index atomic.Pointer[index] // nil: not there yet

	followed atomic.Pointer[time.Time] // every change that was committed by then is in the index

	// Of whose turn it is.
	learned  time.Time // when it was last taught what people decided
	building bool
	failed   time.Time
}

// take waits a while for the turn, and says whether it came: at once, or later.
func (e *entry) take(ctx context.Context, patience time.Duration) (mine, later bool, err error) {
	select {
	case e.turn <- struct{}{}:
		return true, false, nil
	default:
	}
	enough := time.NewTimer(patience)
	defer enough.Stop()
	select {
	case e.turn <- struct{}{}:
		return true, true, nil
	case <-enough.C:
		return false, true, nil
	case <-ctx.Done():
		return false, true, ctx.Err()
	}
}

func (e *entry) leave() { <-e.turn }

// within returns the index if it is at most so stale, or nil.
func (e *entry) within(fresh time.Duration) *index {
	ix := e.index.Load()
	if at := e.followed.Load(); ix == nil || at == nil || time.Since(*at) >= fresh {
		return nil
	}
	return ix
}

func newCache(d *db.DB, o Options) *cache {
	if o.MaxBytes == 0 {
		o.MaxBytes = 1 << 30
	}
	if o.Idle == 0 {
		o.Idle = idleTime
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Relearn == 0 {
		o.Relearn = relearn
	}
	if o.AtOnce == 0 {
		o.AtOnce = 500
	}
	if o.Fresh == 0 {
		o.Fresh = time.Second
	}
	if o.Patience == 0 {
		o.Patience = 50 * time.Millisecond
	}
	return &cache{db: d, options: o, builds: make(chan struct{}, 2), entries: map[uuid.UUID]*entry{}}
}

func (c *cache) entry(tenant uuid.UUID) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[tenant]
	if e == nil {
		e = &entry{turn: make(chan struct{}, 1)}
		c.entries[tenant] = e
	}
	e.used = time.Now()
	if c.sweep == nil {
		c.sweep = time.AfterFunc(c.options.Idle, c.forget)
	}
	return e
}

// forget lets indexes go that nobody asked for.
func (c *cache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for t, e := range c.entries {
		if time.Since(e.used) >= c.options.Idle {
			delete(c.entries, t)
		}
	}
	c.sweep = nil
	if len(c.entries) > 0 {
		c.sweep = time.AfterFunc(c.options.Idle, c.forget)
	}
}

// weigh keeps the indexes within their bounds: the least recently used leave. Who is judging with one goes on with it.
func (c *cache) weigh(e *entry, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.bytes = bytes
	total := 0
	for _, o := range c.entries {
		total += o.bytes
	}
	for total > c.options.MaxBytes {
		var oldest *entry
		var whose uuid.UUID
		for t, o := range c.entries {
			if o != e && o.bytes > 0 && (oldest == nil || o.used.Before(oldest.used)) {
				oldest, whose = o, t
			}
		}
		if oldest == nil {
			return
		}
		total -= oldest.bytes
		delete(c.entries, whose)
	}
}

// get returns the index of the transaction's tenant, which sees all of the tenant and only reads, with every change that was
// committed a second ago (Options.Fresh); or nil where there is none so fresh, or it would be too large. A small one is made at once, in the
// transaction of who asks first, and a few changes are followed in it. Who asks holds a connection, so nobody waits long for another: after
// Options.Patience there is the index as it was before, while it is fresh, or none.
func (c *cache) get(ctx context.Context, tx *db.Tx, today day.Date) (*index, error) {
	e, began := c.entry(tx.Scope.Tenant), tx.Began // before the snapshot: what was committed since may not be in it
	mine, later, err := e.take(ctx, c.options.Patience)
	if err != nil || !mine {
		return e.within(c.options.Fresh), err
	}
	defer e.leave()
	did := followed
	if ix := e.index.Load(); ix != nil {
		if later && e.within(c.options.Fresh) != nil {
			return ix, nil // somebody followed the changes for all who asked meanwhile
		}
		if did, err = c.keepUp(tx, today, e, ix, inline); err != nil {
			return nil, err
		}
		if did != muchChanged {
			e.followed.Store(&began)
		}
		if did == followed && time.Since(e.learned) > c.options.Relearn {
			e.learned = time.Now()
			go c.learnAside(id.TenantID(tx.Scope.Tenant), ix)
		}
		switch {
		case did == followed, did == outgrown && (e.building || time.Since(e.failed) < retry):
			return ix, nil
		case e.building || time.Since(e.failed) < retry:
			return e.within(c.options.Fresh), nil
		}
		// What there is answers until the new one is there, while it is fresh.
	} else if e.building || time.Since(e.failed) < retry {
		return nil, nil
	}
	count, err := c.count(tx, e)
	switch {
	case err != nil || count > c.most():
		return nil, err
	case count > c.options.AtOnce:
		e.building = true
		if did == muchChanged {
			go c.followAside(id.TenantID(tx.Scope.Tenant), today, e)
			return e.within(c.options.Fresh), nil
		}
		go c.buildAside(context.Background(), id.TenantID(tx.Scope.Tenant), today, e)
		return e.index.Load(), nil
	}
	seen, w, err := c.begin(tx)
	if err != nil {
		return nil, err
	}
	r := newReading(today)
	for last := uuid.Nil; ; {
		ids, err := next(tx, last)
		if err != nil {
			return nil, err
		}
		if len(ids) == 0 {
			break
		}
		if err := r.add(tx, ids); err != nil {
			return nil, err
		}
		last = ids[len(ids)-1]
	}
	ix, err := r.build(w, seen, nil)
	if err != nil {
		return nil, err
	}
	e.index.Store(ix)
	e.followed.Store(&began)
	e.learned = time.Now()
	c.weigh(e, ix.bytes)
	return ix, nil
}

// most is how many leerplekken of a tenant an index can hold within the bound of memory.
func (c *cache) most() int { return c.options.MaxBytes / perPlace }

// count says how many published leerplekken a tenant has, up to one more than most; then its index goes. The entry's turn is held.
func (c *cache) count(tx *db.Tx, e *entry) (n int, err error) {
	err = tx.Select(&n, `select count(*) from (select 1 from leerplekken where tenant_id = ? and status = 'published' limit ?) l`, tx.Scope.Tenant, c.most()+1)
	if err == nil && n > c.most() {
		e.index.Store(nil)
		c.weigh(e, 0)
	}
	return n, err
}

// present is get for a transaction that writes: nil where there is no index. It makes none where nobody asked for one. A small one follows what was
// committed, since each text changes how rare all words are; in a larger one the others do not change what one place scores. One that
// had better be made anew answers until it was, beside.
func (c *cache) present(tx *db.Tx, today day.Date) (*index, error) {
	e := c.entry(tx.Scope.Tenant)
	mine, _, err := e.take(tx.Statement.Context, c.options.Patience)
	ix := e.index.Load()
	if err != nil || !mine {
		return ix, err // it is what a caller would be shown now
	}
	defer e.leave()
	if ix == nil {
		return nil, nil
	}
	did := followed
	if ix.words.Len() <= small {
		if did, err = c.keepUp(tx, today, e, ix, small); err != nil {
			return nil, err
		}
	}
	if (did != followed || ix.outgrown()) && !e.building && time.Since(e.failed) >= retry {
		if count, err := c.count(tx, e); err != nil || count > c.most() {
			return nil, err
		}
		e.building = true
		go c.buildAside(context.Background(), id.TenantID(tx.Scope.Tenant), today, e)
	}
	return ix, nil
}

// keepUp follows, and notes what the index weighs then. Whoever calls it has the turn.
func (c *cache) keepUp(tx *db.Tx, today day.Date, e *entry, ix *index, most int) (following, error) {
	before := ix.bytes
	did, err := c.follow(tx, today, ix, most)
	if ix.bytes != before {
		c.weigh(e, ix.bytes)
	}
	return did, err
}

// What became of following the changes.
type following int

const (
	followed    following = iota
	outgrown              // it was followed, and the index had better be made anew: by other words, or since much of it is late or of no use any more
	muchChanged           // nothing was followed: too much changed
)

// buildAside makes an index in transactions of its own, a chunk in each.
func (c *cache) buildAside(ctx context.Context, tenant id.TenantID, today day.Date, e *entry) {
	var ix *index
	var err error
	select {
	case c.builds <- struct{}{}:
		defer func() { <-c.builds }()
		ix, err = c.buildWhole(ctx, tenant, today)
	case <-ctx.Done():
	}
	e.turn <- struct{}{}
	defer e.leave()
	e.building = false
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		e.failed = time.Now()
		c.options.Log.Error("matching: an index could not be made", "tenant_id", tenant, "cause", db.Cause(err))
		return
	}
	e.followed.Store(nil) // who asks next follows what was committed since it was begun
	e.index.Store(ix)
	e.learned = time.Now()
	c.weigh(e, ix.bytes)
}

// followAside follows many changes in a transaction of its own, or has the index made anew where they are too many for that. It has
// the turn meanwhile.
func (c *cache) followAside(tenant id.TenantID, today day.Date, e *entry) {
	e.turn <- struct{}{}
	ix := e.index.Load()
	did, began := followed, time.Time{}
	err := c.db.Snapshot(context.Background(), db.System(tenant, "matching index"), func(tx *db.Tx) (err error) {
		began = tx.Began
		did, err = c.keepUp(tx, today, e, ix, beside)
		return err
	})
	switch {
	case err != nil:
		e.failed = time.Now()
		c.options.Log.Error("matching: an index could not follow what changed", "tenant_id", tenant, "cause", db.Cause(err))
	case did == muchChanged:
		e.leave()
		c.buildAside(context.Background(), tenant, today, e)
		return
	default:
		e.followed.Store(&began)
	}
	e.building = false
	e.leave()
}

// warm makes the indexes that callers would not wait for, the largest first and one at a time, for as long as they fit in
// memory together. It returns when they are there or ctx ends; what it began then ends by itself.
func (c *cache) warm(ctx context.Context) {
	type large struct {
		tenant id.TenantID
		Count  int
		Today  day.Date
	}
	found := map[id.TenantID]large{}
	if err := c.db.EachTenant(ctx, "matching-index", func(tx *db.Tx) (more bool, err error) {
		l := large{tenant: tx.TenantID()}
		err = db.One(tx, &l, `select cast(cast(? as timestamptz) at time zone t.zone as date) as today,
				(select count(*) from (select 1 from leerplekken where tenant_id = t.tenant_id and status = 'published' limit ?) l) as count
			from tenants t where t.tenant_id = ? and t.id = ?`, tx.Now, c.options.MaxBytes/perPlace+1, tx.Scope.Tenant, tx.Scope.Tenant)
		if l.Count > c.options.AtOnce {
			found[l.tenant] = l
		}
		return false, err
	}); err != nil && ctx.Err() == nil {
		c.options.Log.Error("matching: an index could not be made", "cause", db.Cause(err))
	}
	all := slices.SortedFunc(maps.Values(found), func(a, b large) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), bytes.Compare(a.tenant[:], b.tenant[:]))
	})
	for _, l := range all {
		if c.held()+l.Count*perPlace > c.options.MaxBytes {
			continue
		}
		e := c.entry(l.tenant.UUID())
		select {
		case e.turn <- struct{}{}:
		case <-ctx.Done():
			return
		}
		needed := e.index.Load() == nil && !e.building
		e.building = e.building || needed
		e.leave()
		if !needed {
			continue
		}
		built := make(chan struct{})
		go func() {
			defer close(built)
			c.buildAside(ctx, l.tenant, l.Today, e)
		}()
		select {
		case <-built:
		case <-ctx.Done():
			return
		}
	}
}

// held is about how much memory the indexes of all tenants take.
func (c *cache) held() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	total := 0
	for _, e := range c.entries {
		total += e.bytes
	}
	return total
}

func (c *cache) buildWhole(ctx context.Context, tenant id.TenantID, today day.Date) (*index, error) {
	r := newReading(today)
	var seen horizon
	var w wording
	who := db.System(tenant, "matching index")
	err := c.db.Snapshot(ctx, who, func(tx *db.Tx) (err error) {
		seen, w, err = c.begin(tx)
		return err
	})
	for last, more := uuid.Nil, err == nil; more && err == nil; {
		err = c.db.Snapshot(ctx, who, func(tx *db.Tx) error {
			ids, err := next(tx, last)
			if err != nil || len(ids) == 0 {
				more = false
				return err
			}
			last = ids[len(ids)-1]
			return r.add(tx, ids)
		})
	}
	if err != nil {
		return nil, err
	}
	return r.build(w, seen, nil)
}

// learnAside teaches an index what was decided since it was made.
func (c *cache) learnAside(tenant id.TenantID, ix *index) {
	c.builds <- struct{}{}
	defer func() { <-c.builds }()
	var known []relevance.Decision
	if err := c.db.Snapshot(context.Background(), db.System(tenant, "matching index"), func(tx *db.Tx) (err error) {
		known, err = decisions(tx)
		return err
	}); err != nil {
		c.options.Log.Error("matching: an index could not learn", "tenant_id", tenant, "cause", db.Cause(err))
		return
	}
	ix.words.Learn(known)
}

// begin reads where the order of changes stands before anything else is read, so that nothing is missed between, and what
// words are read with.
func (c *cache) begin(tx *db.Tx) (horizon, wording, error) {
	seen, _, _, err := changes(tx, horizon{from: math.MaxInt64}, 0)
	if err != nil {
		return seen, wording{}, err
	}
	w, err := c.words(tx, seen.esco)
	return seen, w, err
}

// change is a leerplek about which something changed.
type change struct {
	pos      int64
	leerplek uuid.UUID
	text     bool // its words may have changed too
}

// standsSQL tells where the order of changes stands, and whether anything changed that an index follows. It is asked with
// every question, so it plans once and looks at eight ends of an index.
const standsSQL = `
select platform.base(), platform.horizon(), platform.base() + pg_current_xact_id_if_assigned()::text::bigint, pg_snapshot_xmax(s)::text::bigint, (select count(*) from pg_snapshot_xip(s))::int, (select imported_at from reference.esco),
	(select max(imported_at) from reference.postcode_countries),
	(select version from matching_synonyms where tenant_id = $1 order by version desc limit 1),
	exists (select 1 from leerplekken where tenant_id = $1 and pos >= $2 and pos <> all ($3)) or
	exists (select 1 from leeruitwisselingen where tenant_id = $1 and pos >= $2 and pos <> all ($3)) or
	exists (select 1 from medewerkers where tenant_id = $1 and pos >= $2 and pos <> all ($3)) or
	exists (select 1 from sites where tenant_id = $1 and pos >= $2 and pos <> all ($3)) or
	exists (select 1 from departments where tenant_id = $1 and pos >= $2 and pos <> all ($3)) or
	exists (select 1 from organisations where tenant_id = $1 and pos >= $2 and pos <> all ($3))
from pg_current_snapshot() s`

// changesSQL finds the leerplekken about which something changed: themselves, their leercoaches, exchanges, site,
// department and employer.
const changesSQL = `
	select pos, id, true from leerplekken where tenant_id = $1 and pos >= $2 and pos <> all ($3)
	union all select m.pos, c.leerplek_id, false from medewerkers m join leerplek_coaches c on c.tenant_id = m.tenant_id and c.medewerker_id = m.id
		where m.tenant_id = $1 and m.pos >= $2 and m.pos <> all ($3)
	union all select pos, leerplek_id, false from leeruitwisselingen where tenant_id = $1 and pos >= $2 and pos <> all ($3)
	union all select e.pos, c.leerplek_id, false from leeruitwisselingen e cross join unnest(e.leercoach_ids) l (id)
		join leerplek_coaches c on c.tenant_id = e.tenant_id and c.medewerker_id = l.id
		join medewerkers m on m.tenant_id = c.tenant_id and m.id = c.medewerker_id and (m.coaching_limit is not null or m.yearly_coaching_limit is not null)
		where e.tenant_id = $1 and e.pos >= $2 and e.pos <> all ($3)
	union all select s.pos, l.id, false from sites s join leerplekken l on l.tenant_id = s.tenant_id and l.organisation_id = s.organisation_id and l.site_id = s.id
		where s.tenant_id = $1 and s.pos >= $2 and s.pos <> all ($3)
	union all select d.pos, l.id, true from departments d join leerplekken l on l.tenant_id = d.tenant_id and l.organisation_id = d.organisation_id
		where d.tenant_id = $1 and d.pos >= $2 and d.pos <> all ($3)
	union all select o.pos, l.id, true from organisations o join leerplekken l on l.tenant_id = o.tenant_id and l.organisation_id = o.id
		where o.tenant_id = $1 and o.pos >= $2 and o.pos <> all ($3)
	limit $4`

// changes reads what changed since an index was there, so many changes at most, and where the order of changes stood before that was read: in a
// transaction that only reads both are of one state, in another the changes may be newer, and are read again the next time. own
// says that some are of the transaction itself.
func changes(tx *db.Tx, since horizon, most int) (now horizon, found []change, own bool, err error) {
	if since.read == nil {
		since.read = []int64{}
	}
	err = tx.Pgx(func(p pgx.Tx) error {
		ctx := tx.Statement.Context
		var esco, postcodes *time.Time
		var synonyms *int
		var mine *int64
		var some bool
		if err := p.QueryRow(ctx, standsSQL, tx.Scope.Tenant, since.from, since.read).Scan(&now.base, &now.from, &mine, &now.xmax, &now.running, &esco, &postcodes, &synonyms, &some); err != nil {
			return err
		}
		if esco != nil {
			now.esco = *esco
		}
		if postcodes != nil {
			now.postcodes = *postcodes
		}
		if synonyms != nil {
			now.synonyms = *synonyms
		}
		if !some {
			return nil
		}
		rows, err := p.Query(ctx, changesSQL, tx.Scope.Tenant, since.from, since.read, most)
		if err != nil {
			return err
		}
		var c change
		_, err = pgx.ForEachRow(rows, []any{&c.pos, (*[16]byte)(&c.leerplek), &c.text}, func() error {
			found = append(found, c)
			own = own || mine != nil && c.pos == *mine
			return nil
		})
		return err
	})
	return now, found, own, err
}

// follow brings an index up to the transaction's snapshot, unless more changed than most. Where its words are read otherwise
// since it was made (ESCO, synonyms), it goes on reading them as it did until there is another. What the
// transaction itself changed may still be undone: that is not followed.
func (c *cache) follow(tx *db.Tx, today day.Date, ix *index, most int) (following, error) {
	now, found, own, err := changes(tx, ix.seen, most+1)
	switch {
	case err != nil || own:
		return followed, err
	case now.base != ix.seen.base || len(found) > most:
		return muchChanged, nil
	case now.older(ix.seen):
		return followed, nil // another followed further already
	}
	did := followed
	if !now.esco.Equal(ix.seen.esco) || !now.postcodes.Equal(ix.seen.postcodes) || now.synonyms != ix.seen.synonyms {
		did = outgrown
		now.esco, now.postcodes, now.synonyms = ix.seen.esco, ix.seen.postcodes, ix.seen.synonyms
	}
	now = now.after(ix.seen, found)
	var ids, reread []uuid.UUID
	for _, f := range found {
		ids = append(ids, f.leerplek)
		if f.text {
			reread = append(reread, f.leerplek)
		}
	}
	if len(ids) == 0 {
		ix.seen = now
		if ix.outgrown() {
			did = outgrown
		}
		return did, nil
	}
	ids, reread = distinct(ids), distinct(reread)
	ps, err := facts(tx, today, ids, ix.kin)
	if err != nil {
		return followed, err
	}
	var documents []relevance.Document
	if len(reread) > 0 {
		if err := texts(tx, reread, func(d relevance.Document) { documents = append(documents, d) }); err != nil {
			return followed, err
		}
	}
	prepared := ix.words.Prepare(documents) // the most of the work: questions are judged meanwhile
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.apply(ids, ps, prepared)
	ix.seen = now
	if len(documents) > 0 && ix.words.Len() <= small {
		ix.words.Fold() // every word changes how rare the others are
	}
	ix.bytes = ix.size()
	if ix.full() {
		did = outgrown
	}
	return did, nil
}

// after is a horizon up to which these changes were followed, after another.
func (h horizon) after(before horizon, found []change) horizon {
	h.read = slices.Clone(before.read)
	for _, f := range found {
		h.read = append(h.read, f.pos)
	}
	slices.Sort(h.read)
	h.read = slices.DeleteFunc(slices.Compact(h.read), func(p int64) bool { return p < h.from })
	return h
}

func distinct(ids []uuid.UUID) []uuid.UUID {
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}
