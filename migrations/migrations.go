// Package migrations holds the schema, one SQL file after another, and applies what a database does not have yet.
package migrations

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

//go:embed *.sql
var files embed.FS

// How a migration behaves towards those who work meanwhile. Whoever waits for a lock on a table lets all wait who come after,
// so a migration waits for a moment, gives up, lets them pass, and tries again.
const (
	LockWait  = 2 * time.Second  // for one lock
	lockTries = 60               // of a file; with the pauses some ten minutes
	lockPause = 8 * time.Second  // between two tries
	most      = 15 * time.Minute // of one statement; a file that knows better sets its own statement_timeout
)

// Patiently runs fn again and again for as long as it fails because of a lock that it did not get, or that was part of a
// deadlock. fn must leave nothing behind when it fails, and wait no longer for a lock than LockWait.
func Patiently(ctx context.Context, fn func() error) error { return patiently(ctx, lockPause, fn) }

func patiently(ctx context.Context, pause time.Duration, fn func() error) error {
	for n := 1; ; n++ {
		err := fn()
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != "55P03" && pg.Code != "40P01" { // lock_not_available, deadlock_detected
			return err
		}
		if n == lockTries {
			return fmt.Errorf("migrations: somebody holds a lock for too long: see docs/operations-migrations.md: %w", err)
		}
		later := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			later.Stop()
			return errors.Join(err, ctx.Err())
		case <-later.C:
		}
	}
}

// inTx runs fn in a transaction that waits for nobody for long, patiently.
func inTx(ctx context.Context, conn *pgx.Conn, fn func(pgx.Tx) error) error {
	return Patiently(ctx, func() error { return once(ctx, conn, LockWait, fn) })
}

func once(ctx context.Context, conn *pgx.Conn, wait time.Duration, fn func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `select set_config('lock_timeout', $1, true), set_config('statement_timeout', $2, true)`,
			strconv.FormatInt(wait.Milliseconds(), 10), strconv.FormatInt(most.Milliseconds(), 10))
		if err != nil {
			return err
		}
		return fn(tx)
	})
}

// Count is the number of migrations that this binary knows.
func Count() int {
	names, _ := fs.Glob(files, "*.sql")
	return len(names)
}

// Apply brings the schema up to date as the owner, one transaction per file, and returns how many files it applied. A file
// that does not get its locks within a moment is tried again, for some ten minutes.
// Several processes may call it at once: one works, the others wait.
func Apply(ctx context.Context, conn *pgx.Conn) (int, error) { return applyUntil(ctx, conn, Count()) }

// applyUntil is Apply up to a version.
func applyUntil(ctx context.Context, conn *pgx.Conn, last int) (int, error) {
	if _, err := conn.Exec(ctx, "select pg_advisory_lock(hashtext('switchboard migrations'))"); err != nil {
		return 0, err
	}
	defer func() { _, _ = conn.Exec(ctx, "select pg_advisory_unlock(hashtext('switchboard migrations'))") }()
	if _, err := conn.Exec(ctx, `create table if not exists public.schema_migrations (
		version integer primary key, name text not null, applied_at timestamptz not null default now())`); err != nil {
		return 0, err
	}
	if _, err := conn.Exec(ctx, "grant select on public.schema_migrations to switchboard_app"); err != nil {
		return 0, err
	}
	var at int
	if err := conn.QueryRow(ctx, "select coalesce(max(version), 0) from public.schema_migrations").Scan(&at); err != nil {
		return 0, err
	}
	names, err := fs.Glob(files, "*.sql") // sorted
	if err != nil {
		return 0, err
	}
	applied := 0
	for i, name := range names {
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.Atoi(number)
		if err != nil || version != i+1 {
			return applied, fmt.Errorf("migrations: %s is out of order", name)
		}
		if version <= at || version > last {
			continue
		}
		body, err := files.ReadFile(name)
		if err != nil {
			return applied, err
		}
		err = inTx(ctx, conn, func(tx pgx.Tx) error {
			if _, err := tx.Conn().PgConn().Exec(ctx, string(body)).ReadAll(); err != nil {
				return fmt.Errorf("migrations: %s: %w", name, err)
			}
			_, err := tx.Exec(ctx, "insert into public.schema_migrations (version, name) values ($1, $2)", version, name)
			return err
		})
		if err != nil {
			return applied, err
		}
		applied++
	}
	return applied, rebase(ctx, conn)
}

// rebase raises the base of positions when the database runs on another cluster than the one that gave them, as after
// dump and restore: positions given from now on are above all that readers have seen.
func rebase(ctx context.Context, conn *pgx.Conn) error {
	return inTx(ctx, conn, func(tx pgx.Tx) error {
		var moved bool
		err := tx.QueryRow(ctx, `select c.system_identifier <> s.system_identifier
			from platform.cluster c, pg_control_system() s for update of c`).Scan(&moved)
		if err != nil || !moved {
			return err
		}
		// The owner sees no rows under FORCE; it is lifted for this one look, in this transaction, behind a lock.
		_, err = tx.Exec(ctx, `do $$
declare t record; top bigint; here bigint;
begin
  -- A checkpoint may stand above all rows: what is given from now on must not come below it.
  select coalesce(max(pos), 0) into top from platform.checkpoints;
  for t in select a.attrelid::regclass as tbl from pg_attribute a join pg_class c on c.oid = a.attrelid
           where a.attname = 'pos' and c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace loop
    execute format('alter table %s no force row level security', t.tbl);
    execute format('select coalesce(max(pos), 0) from %s', t.tbl) into here;
    execute format('alter table %s force row level security', t.tbl);
    top := greatest(top, here);
  end loop;
  execute format('create or replace function platform.base() returns bigint language sql immutable parallel safe as $f$ select %s::bigint $f$', top);
  update platform.cluster set system_identifier = (select system_identifier from pg_control_system());
end $$`)
		return err
	})
}

// Hash names the state of the schema that these migrations lead to.
func Hash() string {
	h := sha256.New()
	names, _ := fs.Glob(files, "*.sql")
	for _, n := range names {
		b, _ := files.ReadFile(n)
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
