package migrations_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/testkit"
	"github.com/switchingtalent/switchboard/migrations"
)

// Somebody reads for long; a migration wants the table for itself; somebody else wants to read as well. The last one waits for
// the migration no longer than the migration waits for the first.
func TestApply_LetsNobodyWaitWhileItWaitsForALock(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	d := testkit.NewDatabase(t)
	reader, err := d.Super.Begin(ctx)
	require.NoError(t, err)
	_, err = reader.Exec(ctx, `select count(*) from sites`)
	require.NoError(t, err)

	conn, err := pgx.Connect(ctx, d.SuperURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(ctx) })
	tries, done := make(chan int, 1000), make(chan error, 1)
	go func() {
		done <- migrations.PatientlyEvery(ctx, time.Millisecond, func() error {
			tries <- 1
			return migrations.Once(ctx, conn, 200*time.Millisecond, func(tx pgx.Tx) error {
				_, err := tx.Exec(ctx, `alter table sites add column planted integer`)
				return err
			})
		})
	}()
	for range 3 {
		<-tries
		require.Eventually(t, func() bool {
			var waits bool
			err := reader.QueryRow(ctx, `select exists (select from pg_locks where relation = 'sites'::regclass and not granted
				and database = (select oid from pg_database where datname = current_database()))`).Scan(&waits)
			return err == nil && waits || len(tries) > 0 || len(done) > 0
		}, 30*time.Second, time.Millisecond)
		_, err = d.Super.Exec(ctx, `select count(*) from sites`)
		require.NoError(t, err, "others read on")
	}
	require.Empty(t, done, "the table is not free yet")
	require.NoError(t, reader.Commit(ctx))
	require.NoError(t, <-done, "it goes on when it can")
	_, err = d.Super.Exec(ctx, `select planted from sites`)
	require.NoError(t, err)
}

func TestApply_GivesUpAndSaysWhere(t *testing.T) {
	t.Parallel()
	tries := 0
	locked := &pgconn.PgError{Code: "55P03"}
	err := migrations.PatientlyEvery(context.Background(), time.Nanosecond, func() error { tries++; return locked })
	require.ErrorIs(t, err, locked)
	require.ErrorContains(t, err, "docs/operations-migrations.md")
	require.Equal(t, 60, tries)
	tries = 0
	circle := &pgconn.PgError{Code: "40P01"}
	require.NoError(t, migrations.PatientlyEvery(context.Background(), time.Nanosecond, func() error {
		if tries++; tries < 3 {
			return circle
		}
		return nil
	}), "the one of a deadlock that gave up tries again")

	other := errors.New("another fault")
	tries = 0
	require.ErrorIs(t, migrations.PatientlyEvery(context.Background(), time.Nanosecond, func() error { tries++; return other }), other)
	require.Equal(t, 1, tries, "only a lock is waited for")

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, migrations.PatientlyEvery(ctx, time.Hour, func() error { return locked }), context.Canceled)
}

// What a migration waits for, and how long its statements take, does not hang on how the server or the role is set.
func TestApply_SetsItsOwnLimits(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	d := testkit.NewDatabase(t)
	conn, err := pgx.Connect(ctx, d.SuperURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(ctx) })
	_, err = conn.Exec(ctx, `set statement_timeout = '1min'; set lock_timeout = '7min'`)
	require.NoError(t, err)
	var lock, statement string
	require.NoError(t, migrations.Once(ctx, conn, migrations.LockWait, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `select current_setting('lock_timeout'), current_setting('statement_timeout')`).Scan(&lock, &statement)
	}))
	require.Equal(t, []string{"2s", "15min"}, []string{lock, statement})
}

// Rows of an installation from before come along: who guides a day, and whose a secret is.
func TestApply_BringsWhatIsThereAlong(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	d := testkit.NewEmpty(t)
	conn, err := pgx.Connect(ctx, d.OwnerURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(ctx) })
	const before = 17
	n, err := migrations.ApplyUntil(ctx, conn, before)
	require.NoError(t, err)
	require.Equal(t, before, n)

	one, other, lead, guide := uuid.New(), uuid.New(), uuid.New(), uuid.New()
	live, over, exchange := uuid.New(), uuid.New(), uuid.New()
	super, err := d.Super.Begin(ctx)
	require.NoError(t, err)
	_, err = super.Exec(ctx, `set local session_replication_role = replica`) // these rows alone, without those that they name
	require.NoError(t, err)
	for _, tenant := range []uuid.UUID{one, other} {
		for kind, subject := range map[string]uuid.UUID{"client": live, "tenant": tenant} {
			_, err = super.Exec(ctx, `insert into platform.directory (kind, lookup_hash, tenant_id, subject_id) values ($1, sha256(uuid_send($2) || uuid_send($3)), $2, $3)`, kind, tenant, subject)
			require.NoError(t, err)
		}
		_, err = super.Exec(ctx, `insert into client_secrets (tenant_id, id, client_id, hash, created_at, expires_at)
			values ($1, gen_random_uuid(), $2, sha256(uuid_send($1)), now(), null), ($1, gen_random_uuid(), $3, sha256(uuid_send($3)), now(), now() - interval '1 day')`, tenant, live, over)
		require.NoError(t, err)
		_, err = super.Exec(ctx, `insert into leeruitwisselingen (tenant_id, id, created_at, updated_at, changed_by, request_id, match_id, leervraag_id, leerplek_id,
				sending_organisation_id, receiving_organisation_id, switcher_id, leercoach_ids, internal, sending_name, receiving_name, switcher_name, switcher_job_title,
				switcher_language, leervraag_version, leervraag_title, leervraag_text, leerplek_title)
			values ($1, $2, now(), now(), 'test', 'test', $2, $2, $2, $2, $2, $2, array[$3::uuid], false, 'Zonnedorp', 'Maanwijk', 'Sam', 'kok', 'nl', 1, 'Soep', 'Soep', 'Keuken')`,
			tenant, exchange, lead)
		require.NoError(t, err)
		for day, guides := range map[string][]uuid.UUID{"2027-01-04": {lead, guide}, "2027-01-05": {guide}, "2027-01-06": nil} {
			_, err = super.Exec(ctx, `insert into leeruitwisseling_days (tenant_id, id, created_at, updated_at, changed_by, request_id, leeruitwisseling_id,
					sending_organisation_id, receiving_organisation_id, date_on, starts, ends, break_minutes, starts_at, ends_at, hours, leercoach_ids)
				values ($1, gen_random_uuid(), now(), now(), 'test', 'test', $2, $2, $2, $3::date, '09:00', '17:00', 30, $3::date, $3::date + interval '8 hours', 750, $4)`,
				tenant, exchange, day, guides)
			require.NoError(t, err)
		}
	}
	require.NoError(t, super.Commit(ctx))

	n, err = migrations.Apply(ctx, conn)
	require.NoError(t, err)
	require.Equal(t, migrations.Count()-before, n)
	for _, tenant := range []uuid.UUID{one, other} {
		var coaches, guides []uuid.UUID
		require.NoError(t, d.Super.QueryRow(ctx, `select leercoach_ids, day_coach_ids from leeruitwisselingen where tenant_id = $1`, tenant).Scan(&coaches, &guides))
		require.Equal(t, []uuid.UUID{lead}, coaches)
		require.Equal(t, []uuid.UUID{guide}, guides)
		var whose uuid.UUID
		require.NoError(t, d.Super.QueryRow(ctx, `select subject_id from platform.directory where tenant_id = $1 and kind = 'client_secret' and lookup_hash = sha256(uuid_send($1))`, tenant).Scan(&whose))
		require.Equal(t, live, whose)
		var secrets int
		require.NoError(t, d.Super.QueryRow(ctx, `select count(*) from platform.directory where tenant_id = $1 and kind = 'client_secret'`, tenant).Scan(&secrets))
		require.Equal(t, 1, secrets, "one that is over is not listed")
	}
}

// After dump and restore on another cluster transaction numbers begin anew: what is changed from then on stands above all checkpoints,
// although some of them stand above every row that was restored.
func TestApply_PositionsBeginAboveAllCheckpoints(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	d := testkit.NewDatabase(t)
	_, err := d.Super.Exec(ctx, `insert into platform.checkpoints (at, pos) values (now() - interval '1 day', 700), (now(), 5000000000);
		update platform.cluster set system_identifier = 1`)
	require.NoError(t, err)
	conn, err := pgx.Connect(ctx, d.OwnerURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(ctx) })
	_, err = migrations.Apply(ctx, conn)
	require.NoError(t, err)
	var position, base int64
	require.NoError(t, d.Super.QueryRow(ctx, `select platform.position(), platform.base()`).Scan(&position, &base))
	require.EqualValues(t, 5_000_000_000, base)
	require.Greater(t, position, base)
}
