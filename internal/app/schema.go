package app

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/switchingtalent/switchboard/internal/platform/jobs"
	"github.com/switchingtalent/switchboard/migrations"
)

// The roles of a database: one owns the schema and migrates it, the other serves and is bound by row-level security.
const (
	OwnerRole = "switchboard_owner"
	AppRole   = "switchboard_app"
)

// Bootstrap makes both roles and the database, as a superuser of the server. What exists already keeps its data and
// gets the passwords.
func Bootstrap(ctx context.Context, superURL, database, ownerPassword, appPassword string) error {
	c, err := pgx.Connect(ctx, superURL)
	if err != nil {
		return fmt.Errorf("bootstrap: %w", err)
	}
	defer c.Close(ctx)
	for role, password := range map[string]string{OwnerRole: ownerPassword, AppRole: appPassword} {
		var exists bool
		if err := c.QueryRow(ctx, `select exists (select 1 from pg_roles where rolname = $1)`, role).Scan(&exists); err != nil {
			return err
		}
		verb := "alter"
		if !exists {
			verb = "create"
		}
		// Utility statements take no parameters; the password is quoted as a literal.
		q := fmt.Sprintf("%s role %s login nosuperuser nobypassrls nocreaterole nocreatedb noreplication password '%s'", verb, role, strings.ReplaceAll(password, "'", "''"))
		if _, err := c.Exec(ctx, q); err != nil {
			return fmt.Errorf("bootstrap: role %s: %w", role, err)
		}
	}
	var exists bool
	if err := c.QueryRow(ctx, `select exists (select 1 from pg_database where datname = $1)`, database).Scan(&exists); err != nil {
		return err
	}
	if !exists {
		if _, err := c.Exec(ctx, "create database "+pgx.Identifier{database}.Sanitize()+" owner "+OwnerRole); err != nil {
			return fmt.Errorf("bootstrap: %w", err)
		}
	}
	_, err = c.Exec(ctx, "revoke all on database "+pgx.Identifier{database}.Sanitize()+" from public")
	if err == nil {
		_, err = c.Exec(ctx, "grant connect on database "+pgx.Identifier{database}.Sanitize()+" to "+AppRole)
	}
	return err
}

// Migrate brings the schema up to date as the owner, and returns how many files it applied.
func Migrate(ctx context.Context, ownerURL string) (int, error) {
	c, err := pgx.Connect(ctx, ownerURL)
	if err != nil {
		return 0, fmt.Errorf("migrate: %w", err)
	}
	defer c.Close(ctx)
	n, err := migrations.Apply(ctx, c)
	if err != nil {
		return n, err
	}
	cfg, err := pgxpool.ParseConfig(ownerURL)
	if err != nil {
		return n, errors.New("migrate: the database URL cannot be read") // its text may hold a password
	}
	cfg.ConnConfig.RuntimeParams["lock_timeout"] = strconv.FormatInt(migrations.LockWait.Milliseconds(), 10)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return n, err
	}
	defer pool.Close()
	return n, migrations.Patiently(ctx, func() error { return jobs.Migrate(ctx, pool) })
}
