package event_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/app"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

func partitions(t *testing.T, h *testkit.House, parent string) []string {
	t.Helper()
	rows, err := h.Super.Query(context.Background(), `select inhrelid::regclass::text from pg_inherits where inhparent = $1::regclass order by 1`, parent)
	require.NoError(t, err)
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return out
}

// advance moves the clock of a house, and that of its database by which partitions come and go.
func advance(t testing.TB, h *testkit.House, d time.Duration) {
	t.Helper()
	h.Clock.Advance(d)
	_, err := h.Super.Exec(context.Background(), fmt.Sprintf(`create or replace function platform.clock() returns timestamptz language sql stable parallel safe
		as $$ select clock_timestamp() + interval '%d milliseconds' $$`, time.Until(h.Clock.Now()).Milliseconds()))
	require.NoError(t, err)
}

func TestRetention_MakesPartitionsAheadAndDropsThemWhole(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	ctx := context.Background()
	require.NoError(t, h.App.Events.PurgeAll(ctx))
	for _, parent := range fact.Partitioned {
		parts := partitions(t, h, parent)
		require.Len(t, parts, 3, "what was before, the week from tomorrow, and the default: %v", parts)
		require.Contains(t, parts, parent+"_rest")
	}
	require.NoError(t, h.App.Events.PurgeAll(ctx))
	require.Len(t, partitions(t, h, "events"), 3, "once is enough")

	advance(t, h, 2*24*time.Hour) // into the week that was made
	require.NoError(t, h.App.Events.PurgeAll(ctx))
	require.Len(t, partitions(t, h, "events"), 4)
	record(w, happened)
	require.Zero(t, w.Count(`select count(*) from only events_rest`))
	var in string
	require.NoError(t, h.Super.QueryRow(ctx, `select tableoid::regclass::text from events`).Scan(&in))
	require.Regexp(t, `^events_\d{8}$`, in)
	// What the app role cannot reach through the table, it cannot reach at all; and the table's policies hold there too.
	require.Zero(t, w.Count(`select count(*) from unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) p where has_table_privilege('switchboard_app', $1, p)`, in))
	require.Equal(t, 2, w.Count(`select count(*) from pg_policy p where polrelid = $1::regclass and exists (select from pg_policy q where q.polrelid = 'events'::regclass
		and q.polname = p.polname and q.polpermissive = p.polpermissive and q.polcmd = p.polcmd and pg_get_expr(q.polqual, q.polrelid) = pg_get_expr(p.polqual, p.polrelid))`, in))

	advance(t, h, 40*24*time.Hour)
	require.NoError(t, h.App.Events.PurgeAll(ctx))
	require.Zero(t, w.Count(`select count(*) from events`))
	require.NotContains(t, partitions(t, h, "events"), in)
	require.NotContains(t, partitions(t, h, "events"), "events_before")
	require.NotContains(t, partitions(t, h, "webhook_attempts"), "webhook_attempts_before")
	record(w, happened)
	require.Equal(t, 1, w.Count(`select count(*) from events_rest`), "nobody made a partition for today in time")
	advance(t, h, 40*24*time.Hour)
	require.NoError(t, h.App.Events.PurgeAll(ctx))
	require.Zero(t, w.Count(`select count(*) from events`), "what no partition takes along is removed too")
}

// Where nobody made partitions for months, the default one holds rows; new ones begin beyond them.
func TestRetention_GoesOnAfterALongPause(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	for range 3 {
		advance(t, h, 20*24*time.Hour)
		s := record(w, happened)
		require.NoError(t, h.App.Events.PurgeAll(context.Background()))
		require.Equal(t, 1, w.Count(`select count(*) from events where subject = $1`, s))
	}
}

func TestRetention_OfTriesIsASettingOfItsOwn(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	ctx := context.Background()
	made, dropped, err := fact.Forget(ctx, h.App.DB, "webhook_attempts", time.Now().Add(-24*time.Hour), 48*time.Hour)
	require.NoError(t, err)
	require.Equal(t, []int{1, 0}, []int{made, dropped}, "a day wide, and begun")
	advance(t, h, time.Until(time.Now().UTC().Truncate(24*time.Hour).Add(25*time.Hour))) // an hour into it
	_, err = h.Super.Exec(ctx, `insert into webhook_attempts (tenant_id, id, delivery_id, endpoint_id, at, outcome, duration_ms)
		values ($1, platform.first_id($2), $3, $3, $2, 'delivered', 1)`, w.Tenant.UUID(), h.Clock.Now(), uuid.New())
	require.NoError(t, err)
	require.Zero(t, w.Count(`select count(*) from webhook_attempts_rest`))
	advance(t, h, 72*time.Hour)
	_, dropped, err = fact.Forget(ctx, h.App.DB, "webhook_attempts", h.Clock.Now().Add(-48*time.Hour), 48*time.Hour)
	require.NoError(t, err)
	require.Equal(t, 2, dropped)
	require.Zero(t, w.Count(`select count(*) from webhook_attempts`))
}

// Tries that no partition takes along, because none was made for their time, are kept no longer than the others; by the time at
// which they were made, which is the database's, and not by their ids, which hold that of the process.
func TestRetention_OfTriesHoldsWhereNoPartitionTakesThem(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, func(o *app.Options) { o.KeepTries = 24 * time.Hour })
	w, other := h.Tenant(t), h.Tenant(t)
	ctx := context.Background()
	advance(t, h, 60*24*time.Hour) // nobody made partitions for a long time
	tries := func(of *testkit.World, at, inID time.Time, n int) {
		_, err := h.Super.Exec(ctx, `insert into webhook_attempts (tenant_id, id, delivery_id, endpoint_id, at, outcome, duration_ms, answer)
			select $1, encode(overlay(uuid_send(gen_random_uuid()) placing substring(uuid_send(platform.first_id($3)) from 1 for 6) from 1 for 6), 'hex')::uuid, $4, $4, $2, 'refused', 1, 'CANARY'
			from generate_series(1, $5)`, of.Tenant.UUID(), at, inID, uuid.New(), n)
		require.NoError(t, err)
	}
	now := h.Clock.Now()
	const more = 2001 // than one transaction removes
	tries(w, now.Add(-25*time.Hour), now.Add(-25*time.Hour), more)
	tries(w, now.Add(-25*time.Hour), now.Add(20*24*time.Hour), 1)
	tries(w, now.Add(-23*time.Hour), now.Add(-40*24*time.Hour), 1)
	tries(other, now.Add(-30*24*time.Hour), now.Add(-30*24*time.Hour), 1)
	require.Equal(t, more+3, w.Count(`select count(*) from webhook_attempts_rest`))
	require.NoError(t, h.App.Webhooks.PurgeAll(ctx))
	require.Equal(t, 1, w.Count(`select count(*) from webhook_attempts_rest`))
	require.Equal(t, 1, w.Count(`select count(*) from webhook_attempts_rest where at >= $1`, now.Add(-24*time.Hour)))
	h.Clock.Advance(400 * 24 * time.Hour) // of one process alone
	tries(w, now.Add(-30*time.Minute), now, 1)
	require.NoError(t, h.App.Webhooks.PurgeAll(ctx))
	require.Equal(t, 1, w.Count(`select count(*) from webhook_attempts_rest`), "by the database's clock those of the last hour stay")
}

// Dropping a partition needs a lock that everybody would wait behind: it gives up at once.
func TestRetention_WaitsForNobody(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	advance(t, h, 100*24*time.Hour)
	ctx := context.Background()
	reader, err := h.Super.Begin(ctx)
	require.NoError(t, err)
	_, err = reader.Exec(ctx, `select 1 from events`)
	require.NoError(t, err)
	_, _, err = fact.Forget(ctx, h.App.DB, "events", time.Now().Add(90*24*time.Hour), 30*24*time.Hour)
	var refused *pgconn.PgError
	require.True(t, errors.As(err, &refused), "%v", err)
	require.Equal(t, "55P03", refused.Code)
	require.Contains(t, partitions(t, h, "events"), "events_before")
	require.NoError(t, reader.Rollback(ctx))
	_, dropped, err := fact.Forget(ctx, h.App.DB, "events", time.Now().Add(90*24*time.Hour), 30*24*time.Hour)
	require.NoError(t, err)
	require.Equal(t, 1, dropped)
}

// A partition that cannot be dropped keeps none from being made.
func TestRetention_MakesAndDropsEachOnItsOwn(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	advance(t, h, 100*24*time.Hour)
	ctx := context.Background()
	reader, err := h.Super.Begin(ctx)
	require.NoError(t, err)
	defer func() { _ = reader.Rollback(ctx) }()
	_, err = reader.Exec(ctx, `select 1 from only events_before`)
	require.NoError(t, err)
	made, dropped, err := fact.Forget(ctx, h.App.DB, "events", time.Now().Add(90*24*time.Hour), 30*24*time.Hour)
	var refused *pgconn.PgError
	require.True(t, errors.As(err, &refused), "%v", err)
	require.Equal(t, "55P03", refused.Code)
	require.Equal(t, []int{1, 0}, []int{made, dropped})
}

func TestRetention_TouchesNothingElse(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	for _, table := range []string{"audit", "organisations", "events_rest", "events; drop table tenants", ""} {
		_, _, err := fact.Forget(context.Background(), h.App.DB, table, time.Now(), 30*24*time.Hour)
		require.Error(t, err, table)
	}
	var anybody bool
	require.NoError(t, h.Super.QueryRow(context.Background(), `select exists (select from pg_proc p, aclexplode(p.proacl) a where p.proname = 'keep_partitions' and a.grantee = 0)`).Scan(&anybody))
	require.False(t, anybody, "it runs as its owner, for the app role alone")
}

// A process whose clock was three weeks ahead recorded a fact, and a worker whose clock was made a try: what they wrote moves to the
// partition of its time, and no partition is missing because of it.
func TestRetention_AClockThatWasAheadStopsNoPartition(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w, other := h.Tenant(t), h.Tenant(t)
	ctx := context.Background()
	require.NoError(t, h.App.Events.PurgeAll(ctx))
	const day = 24 * time.Hour
	h.Clock.Advance(21 * day) // of one process alone
	early := record(w, happened)
	_, err := h.Super.Exec(ctx, `insert into webhook_attempts (tenant_id, id, delivery_id, endpoint_id, at, outcome, duration_ms) values ($1, platform.first_id($2), $3, $3, now(), 'refused', 1)`,
		w.Tenant.UUID(), h.Clock.Now(), uuid.New())
	require.NoError(t, err)
	h.Clock.Advance(-21 * day)
	all := `select (select count(*) from events) + (select count(*) from webhook_attempts)`
	rest := `select (select count(*) from events_rest) + (select count(*) from webhook_attempts_rest)`
	require.Equal(t, 2, w.Count(rest))
	for range 7 {
		advance(t, h, 3*day)
		require.NoError(t, h.App.Events.PurgeAll(ctx))
		record(other, happened)
	}
	require.Equal(t, 7+2, w.Count(all), "nothing is lost")
	require.Zero(t, w.Count(rest))
	require.Equal(t, []string{early}, subjects(w.Coordinator().Get("/v1/events?limit=100").Is(200)), "readers see it as before, and each tenant its own")
	require.Zero(t, w.Count(`select count(*) from pg_class where relname in ('events_rest', 'webhook_attempts_rest') and not (relrowsecurity and relforcerowsecurity)`), "the policies are as they were")
}

// What would take long to move stays, with all else of its time, and the partition after that one is made.
func TestRetention_MovesNoMoreThanAMomentAllows(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	ctx := context.Background()
	require.NoError(t, h.App.Events.PurgeAll(ctx))
	const day = 24 * time.Hour
	early := func(at time.Time, n int) {
		_, err := h.Super.Exec(ctx, `insert into webhook_attempts (tenant_id, id, delivery_id, endpoint_id, at, outcome, duration_ms)
			select $1, encode(overlay(uuid_send(gen_random_uuid()) placing substring(uuid_send(platform.first_id($2)) from 1 for 6) from 1 for 6), 'hex')::uuid, $3, $3, now(), 'refused', 1 from generate_series(1, $4)`,
			w.Tenant.UUID(), at, uuid.New(), n)
		require.NoError(t, err)
	}
	tomorrow := time.Now().UTC().Truncate(day).Add(day)
	early(tomorrow.Add(10*day), 10_001)
	early(tomorrow.Add(15*day), 10_000)
	holds := func(at time.Time) (name string) { // the partition of a time
		require.NoError(t, h.Super.QueryRow(ctx, `select tableoid::regclass::text from webhook_attempts where id >= platform.first_id($1) and id < platform.first_id($2) limit 1`, at.Add(-time.Second), at.Add(time.Second)).Scan(&name))
		return name
	}
	for range 3 {
		advance(t, h, 5*day)
		require.NoError(t, h.App.Events.PurgeAll(ctx))
	}
	require.Equal(t, "webhook_attempts_rest", holds(tomorrow.Add(10*day)))
	require.Regexp(t, `^webhook_attempts_\d{8}$`, holds(tomorrow.Add(15*day)))
	require.Equal(t, 10_001, w.Count(`select count(*) from webhook_attempts_rest`))
	require.Equal(t, 20_001, w.Count(`select count(*) from webhook_attempts`))
}

// A process whose clock is wrong by years drops nothing that is new, and makes no partitions for a time that is far.
func TestRetention_KeepsToTheDatabasesClock(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	ctx := context.Background()
	require.NoError(t, h.App.Events.PurgeAll(ctx))
	record(w, happened)
	parts := partitions(t, h, "events")
	const day = 24 * time.Hour
	h.Clock.Advance(3 * 365 * day) // ours alone
	_, _, err := fact.Forget(ctx, h.App.DB, "events", h.Clock.Now().Add(-30*day), 30*day)
	require.Error(t, err)
	require.Error(t, h.App.Events.PurgeAll(ctx), "it tells")
	require.Equal(t, parts, partitions(t, h, "events"))
	require.Equal(t, 1, w.Count(`select count(*) from events`))
	now := time.Now()
	for why, ask := range map[string][]any{
		"no table":     {nil, 7, nil, time.Time{}},
		"no days":      {"events", nil, nil, time.Time{}},
		"too many":     {"events", 32, nil, time.Time{}},
		"too few":      {"events", 0, nil, time.Time{}},
		"new facts":    {"events", 7, nil, now.Add(-5*day + time.Hour)},
		"new tries":    {"webhook_attempts", 7, nil, now.Add(-30 * time.Minute)},
		"far ahead":    {"events", 7, now.Add(32 * day), time.Time{}},
		"far back":     {"events", 7, now.Add(-32 * day), time.Time{}},
		"all":          {"events", 7, nil, pgtype.Timestamptz{Valid: true, InfinityModifier: pgtype.Infinity}},
		"without end":  {"events", 7, pgtype.Timestamptz{Valid: true, InfinityModifier: pgtype.Infinity}, time.Time{}},
		"before begin": {"events", 7, pgtype.Timestamptz{Valid: true, InfinityModifier: pgtype.NegativeInfinity}, time.Time{}},
	} {
		_, err := h.Super.Exec(ctx, `select * from platform.keep_partitions($1::text, $2::integer, $3::timestamptz, $4::timestamptz)`, ask...)
		var refused *pgconn.PgError
		require.True(t, errors.As(err, &refused), "%s: %v", why, err)
		require.Equal(t, "22023", refused.Code, why)
	}
	require.Equal(t, parts, partitions(t, h, "events"))
}
