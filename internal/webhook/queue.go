package webhook

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// What the deliverer asks of the queue. Times are those of the database: when something is due and how long a lease lives
// is judged there alone.
//
// A plan that is made while the queue is empty still serves when a million wait in it. So every look into the queue has the
// keys to look for beside it (= any, or one key), which leaves nothing to plan but the index.

// maxScan is how many deliveries of a lane that keeps an order one look reads: most of them may have to wait for others.
const maxScan = 200

// unflushed lets a transaction not wait for the disk. A lease that a crash of the database undoes was in flight: its delivery
// comes a second time, as it would have if we had crashed.
const unflushed = `(select set_config('synchronous_commit', 'off', true)) = 'off'`

// takeDue leases what is due: from each lane as much as it has room for, tenants taking turns. It visits one lane after the
// other by the index, so that neither a long lane nor many of them makes it slow, and goes on the next time where it
// stopped. A lease moves nothing in the index: the few that are leased stand at the head of their lane until they are done.
// Lanes that are not proven have places of their own, in all ($11) and by tenant ($14, of which $13 are taken); and a tenant
// has no more than $16 of all, of which $15 are taken. Lanes that are long ($17) are taken from elsewhere, but for test events.
//
// A lane with a rate gives what its bucket holds: a quarter of a second at most, at least one. The bucket is locked, so
// that of several workers one draws at a time. In a lane that keeps an order, what waits for another of its subject is put
// aside: whatever takes that one out of the queue calls the next (platform.next_of_subject).
const takeDue = `
with recursive lane (endpoint_id, n) as (
	(select endpoint_id, 1 from platform.delivery_queue where not test and endpoint_id > $1 order by endpoint_id limit 1)
	union all
	select (select q.endpoint_id from platform.delivery_queue q where not q.test and q.endpoint_id > l.endpoint_id order by q.endpoint_id limit 1), l.n + 1
	from lane l
	where l.endpoint_id is not null and l.n < $2
), known (endpoint_id, room, proven, long) as (
	select * from unnest($3::uuid[], $4::int[], $10::bool[], $17::bool[])
), held (tenant_id, unproven, n) as (
	select * from unnest($12::uuid[], $13::int[], $15::int[])
), open as (
	select l.endpoint_id, coalesce(k.room, $5::int) as room, coalesce(k.proven, false) as proven, x.per_second, coalesce(x.ordered, false) as ordered
	from lane l
	left join known k on k.endpoint_id = l.endpoint_id
	left join lateral (select per_second, ordered from platform.delivery_lanes where endpoint_id = l.endpoint_id limit 1) x on true
	where l.endpoint_id is not null and coalesce(k.room, $5::int) > 0 and not coalesce(k.long, false)
		and (select h.endpoint_id from platform.delivery_holds h where h.endpoint_id = l.endpoint_id) is null
), bucket as (
	select x.endpoint_id, least(greatest(x.per_second / 4.0, 1), x.tokens + x.per_second * extract(epoch from now() - x.refilled_at)) as tokens
	from platform.delivery_lanes x
	where x.endpoint_id = any (array(select endpoint_id from open where per_second is not null))
		and x.tokens + x.per_second * extract(epoch from now() - x.refilled_at) >= 1
		and exists (select from platform.delivery_queue q where not q.test and q.endpoint_id = x.endpoint_id and q.due_at <= now()
			and (q.leased_until is null or q.leased_until <= now()))
	for update skip locked
), head as (
	select q.*, o.endpoint_id, o.proven, row_number() over (partition by o.endpoint_id, q.blocked order by q.due_at) as place,
		case when o.per_second is null then o.room else least(o.room, floor(b.tokens)) end as room
	from open o
	left join bucket b on b.endpoint_id = o.endpoint_id
	cross join lateral (
		select delivery_id, tenant_id, due_at, c.subject_id is not null and exists (select from platform.delivery_queue e
			where e.endpoint_id = c.endpoint_id and e.subject_id = c.subject_id and (e.revision, e.event_id) < (c.revision, c.event_id)) as blocked
		from platform.delivery_queue c
		where not c.test and c.endpoint_id = o.endpoint_id and c.due_at <= now() and (c.leased_until is null or c.leased_until <= now())
		order by c.due_at limit case when o.ordered then $9::int else o.room end) q
	where o.per_second is null or b.endpoint_id is not null
), due as (
	select delivery_id, tenant_id, due_at, place, proven from head where not blocked and place <= room
	union all
	select q.delivery_id, q.tenant_id, q.due_at, 1, coalesce(k.proven, false)
	from platform.delivery_queue q
	left join known k on k.endpoint_id = q.endpoint_id
	where q.test and q.due_at <= now() and (q.leased_until is null or q.leased_until <= now()) and coalesce(k.room, $5::int) > 0
), turn as (
	select d.delivery_id, d.tenant_id, d.due_at, d.proven, row_number() over (partition by d.tenant_id order by d.place, d.due_at) as n,
		coalesce(h.unproven, 0) + row_number() over (partition by d.tenant_id, d.proven order by d.place, d.due_at) as unproven, coalesce(h.n, 0) as held
	from due d
	left join held h on h.tenant_id = d.tenant_id
), chosen as (
	select delivery_id, due_at, n, proven, row_number() over (partition by proven order by n, due_at) as unproven,
		held + row_number() over (partition by tenant_id order by n) as held
	from turn
	where proven or unproven <= $14
), mine as (
	select q.delivery_id
	from platform.delivery_queue q
	where q.delivery_id = any (array(select delivery_id from chosen where (proven or unproven <= $11) and held <= $16 order by n, due_at limit $6)) and q.due_at <= now()
		and (q.leased_until is null or q.leased_until <= now())
	for update skip locked
), taken as (
	update platform.delivery_queue q set leased_until = now() + $7::interval, lease = $8
	where q.delivery_id = any (array(select delivery_id from mine))
	returning q.delivery_id, q.tenant_id, q.endpoint_id, q.test, q.subject_id is not null as ordered
), spent as (
	update platform.delivery_lanes x set tokens = b.tokens - t.n, refilled_at = now()
	from bucket b
	join (select endpoint_id, count(*) as n from taken where not test group by endpoint_id) t on t.endpoint_id = b.endpoint_id
	where x.endpoint_id = b.endpoint_id and x.endpoint_id = any (array(select endpoint_id from bucket))
), early as (
	select q.delivery_id
	from platform.delivery_queue q
	join head h on h.delivery_id = q.delivery_id and h.due_at = q.due_at
	where h.blocked and q.lease is null and q.delivery_id = any (array(select delivery_id from head where blocked))
	for update of q skip locked
), aside as (
	update platform.delivery_queue q set due_at = now() + interval '10 minutes'
	where q.delivery_id = any (array(select delivery_id from early))
)
select clock_timestamp(), l.visited, (select endpoint_id from lane where n = l.visited), t.delivery_id, t.tenant_id, t.endpoint_id, coalesce(t.ordered, false),
	coalesce((select o.per_second is null and not o.ordered from open o where o.endpoint_id = t.endpoint_id), false)
from (select count(endpoint_id)::int as visited from lane) l left join taken t on true
where ` + unflushed

// oldest is how long the delivery waits that is due for longest, in seconds, of endpoints that nothing holds back: neither
// we, nor a rate or an order that they asked for. It looks at one delivery of each lane, and at no more lanes than are told.
const oldest = `
with recursive lane (endpoint_id, n) as (
	(select endpoint_id, 1 from platform.delivery_queue where not test order by endpoint_id limit 1)
	union all
	select (select q.endpoint_id from platform.delivery_queue q where not q.test and q.endpoint_id > l.endpoint_id order by q.endpoint_id limit 1), l.n + 1
	from lane l
	where l.endpoint_id is not null and l.n < $1
)
select coalesce(max(extract(epoch from now() - (select q.due_at from platform.delivery_queue q
	where not q.test and q.endpoint_id = l.endpoint_id order by q.due_at limit 1))), 0)::float8
from lane l
where l.endpoint_id is not null
	and (select h.endpoint_id from platform.delivery_holds h where h.endpoint_id = l.endpoint_id) is null
	and (select x.endpoint_id from platform.delivery_lanes x where x.endpoint_id = l.endpoint_id) is null`

// maxWatched bounds the lanes that oldest looks at.
const maxWatched = 20_000

// QueueAge is how long the delivery waits that is due for longest and could go out; 0 when none is. Minutes of it mean that
// no worker runs, or too few.
func (s *Service) QueueAge(ctx context.Context) (time.Duration, error) {
	var seconds float64
	err := s.db.PlatformOne(ctx, "how long deliveries wait", oldest, []any{maxWatched}, func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&seconds}, func() error { return nil })
		return err
	})
	return time.Duration(max(seconds, 0) * float64(time.Second)), err
}

// leased are the places that are still ours, locked by their ids as all who take several do.
const leased = `
with mine as (
	select q.delivery_id
	from unnest($1::uuid[], $2::uuid[]) as u (delivery_id, lease)
	join platform.delivery_queue q on q.delivery_id = u.delivery_id and q.lease = u.lease
	where q.delivery_id = any ($1)
	order by q.delivery_id
	for update of q
)`

// keep shows that we live.
const keep = leased + `
update platform.delivery_queue q set leased_until = now() + $3::interval
where q.delivery_id = any (array(select delivery_id from mine)) and ` + unflushed

// back ends leases. What is not put off keeps its turn: a lane goes by when each is due.
const back = leased + `
update platform.delivery_queue q set due_at = case when $3::interval > interval '0' then now() + $3::interval else q.due_at end,
	lease = null, leased_until = null
where q.delivery_id = any (array(select delivery_id from mine))`
