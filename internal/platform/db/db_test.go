package db_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// thing is a row with a column of every type that nouns use.
type thing struct {
	db.Row
	ID             id.SiteID `gorm:"primaryKey"`
	OrganisationID *id.OrganisationID
	Name           string
	Note           *string
	Labels         db.Strings
	Coaches        db.IDs[id.MedewerkerID]
	Amount         *int64
	Ratio          *float64
	OK             *bool
	At             *time.Time
	Doc            json.RawMessage
}

func (thing) TableName() string { return "things" }

const schema = `
create table things (
  like platform.row including all,
  id uuid not null,
  organisation_id uuid,
  name text not null check (length(name) < 50),
  note text,
  labels text[] not null default '{}',
  coaches uuid[] not null default '{}',
  on_day date, at timestamptz, local_at timestamp, clock time, amount bigint, small smallint, price numeric(12,2), ratio double precision, ok boolean,
  doc jsonb, raw bytea, spans interval,
  primary key (tenant_id, id),
  constraint things_name_check_x check (name <> 'forbidden'),
  constraint things_name_key unique (tenant_id, name)
);
call platform.isolate('things', 'organisation', org => 'organisation_id = (select cur_organisation())');
create index things_page on things (tenant_id, organisation_id, id);
create table parts (
  tenant_id uuid not null,
  id uuid not null,
  thing_id uuid not null,
  primary key (tenant_id, id),
  constraint parts_thing_fkey foreign key (tenant_id, thing_id) references things (tenant_id, id) deferrable initially deferred
);
call platform.isolate('parts', 'organisation', org => 'true', mdw => 'true');
-- A COMMIT that waits for whoever holds the advisory lock with the number of the row.
create table waits (tenant_id uuid not null, id bigint not null, primary key (tenant_id, id));
call platform.isolate('waits', 'organisation', org => 'true', mdw => 'true');
create function public.wait() returns trigger language plpgsql as 'begin perform pg_advisory_xact_lock(new.id); return null; end';
create constraint trigger wait after insert on waits deferrable initially deferred for each row execute function public.wait();`

var errPartOfNothing = fault.At("/thing_id", fault.NoReference)

var _ = db.Constraint("parts_thing_fkey", func() *fault.Error { return errPartOfNothing })

var makeSchema sync.Once

// world is a tenant in a database that has the tables above.
func world(t *testing.T) *testkit.World {
	t.Helper()
	w := testkit.New(t)
	var err error
	makeSchema.Do(func() {
		var c *pgx.Conn
		if c, err = pgx.Connect(context.Background(), w.OwnerURL); err == nil {
			_, err = c.Exec(context.Background(), schema)
			err = errors.Join(err, c.Close(context.Background()))
		}
	})
	require.NoError(t, err)
	return w
}

// open makes a pool of its own.
func open(t *testing.T, address string, conns int32) *db.DB {
	t.Helper()
	d, err := db.Open(context.Background(), address, db.Options{MaxConns: conns})
	require.NoError(t, err)
	t.Cleanup(d.Close)
	return d
}

func bound(w *testkit.World, org id.OrganisationID) db.Who {
	return db.Caller(auth.Principal{TenantID: w.Tenant, ClientID: id.NewClient(), Role: auth.Employer, OrganisationID: &org}, "req")
}

func add(w *testkit.World, name string, org *id.OrganisationID) thing {
	w.T.Helper()
	x := thing{ID: id.NewSite(), Name: name, OrganisationID: org, Doc: json.RawMessage(`{}`)}
	w.Do(func(tx *db.Tx) error { return db.Insert(tx, &x) })
	return x
}

func names(tx *db.Tx) []string {
	var out []string
	if err := tx.Select(&out, `select name from things order by name`); err != nil {
		return []string{err.Error()}
	}
	return out
}

func sqlstate(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

func TestScope_WithoutOneNothingRuns(t *testing.T) {
	t.Parallel()
	w := world(t)
	ten, org, mdw := w.Tenant.UUID(), uuid.New(), uuid.New()
	for name, s := range map[string]db.Scope{
		"nothing":                            {},
		"no kind":                            {Tenant: ten},
		"no tenant":                          {Kind: db.ScopeTenant},
		"organisation without one":           {Tenant: ten, Kind: db.ScopeOrganisation},
		"tenant with an organisation":        {Tenant: ten, Kind: db.ScopeTenant, Organisation: org},
		"operator with an organisation":      {Tenant: ten, Kind: db.ScopeOperator, Organisation: org},
		"medewerker without an organisation": {Tenant: ten, Kind: db.ScopeMedewerker, Medewerker: mdw},
		"medewerker without one":             {Tenant: ten, Kind: db.ScopeMedewerker, Organisation: org},
		"organisation with a medewerker":     {Tenant: ten, Kind: db.ScopeOrganisation, Organisation: org, Medewerker: mdw},
	} {
		never := func(*db.Tx) error { t.Errorf("%s: it ran", name); return nil }
		ctx, who := context.Background(), db.Who{Scope: s}
		require.ErrorContains(t, w.App.DB.InTenant(ctx, who, never), "no tenant and scope", name)
		require.ErrorContains(t, w.App.DB.Snapshot(ctx, who, never), "no tenant and scope", name)
		require.ErrorContains(t, w.App.DB.Single(ctx, who, never), "no tenant and scope", name)
	}
}

func TestDatabase_ShowsNothingToWhoSaysNothing(t *testing.T) {
	t.Parallel()
	w := world(t)
	add(w, "seen", nil)
	ctx := context.Background()
	c, err := pgx.Connect(ctx, w.AppURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close(ctx) })
	count := func(settings ...string) (n int) {
		require.NoError(t, pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
			for i := 0; i < len(settings); i += 2 {
				if _, err := tx.Exec(ctx, `select set_config($1, $2, true)`, settings[i], settings[i+1]); err != nil {
					return err
				}
			}
			return tx.QueryRow(ctx, `select count(*) from things`).Scan(&n)
		}))
		return n
	}
	ten := w.Tenant.UUID().String()
	require.Zero(t, count())
	require.Zero(t, count("app.tenant_id", ten))
	require.Zero(t, count("app.scope", "tenant"))
	require.Zero(t, count("app.tenant_id", ten, "app.scope", "everything"))
	require.Zero(t, count("app.tenant_id", ten, "app.scope", "organisation"))
	require.Zero(t, count("app.tenant_id", uuid.NewString(), "app.scope", "tenant"))
	require.Equal(t, 1, count("app.tenant_id", ten, "app.scope", "tenant"))
	_, err = c.Exec(ctx, `insert into things (tenant_id, id, name, created_at, updated_at, changed_by, request_id) values ($1, $2, 'x', now(), now(), '', '')`, ten, uuid.New())
	require.Equal(t, "42501", sqlstate(err))
	for _, ddl := range []string{`alter table things no force row level security`, `alter table things disable row level security`, `drop policy binding on things`,
		`truncate things`, `set role switchboard_owner`, `create table mine ()`, `set session_replication_role = replica`} {
		_, err := c.Exec(ctx, ddl)
		require.Equal(t, "42501", sqlstate(err), ddl)
	}
}

func TestConnection_KeepsNothing(t *testing.T) {
	t.Parallel()
	w := world(t)
	d := open(t, w.AppURL, 1)
	ctx := context.Background()
	org := id.NewOrganisation()
	clean := func(after string) {
		var settings [5]string
		require.NoError(t, d.Pool().QueryRow(ctx, `select coalesce(current_setting('app.tenant_id', true), ''), coalesce(current_setting('app.scope', true), ''),
			coalesce(current_setting('app.organisation_id', true), ''), coalesce(current_setting('app.medewerker_id', true), ''),
			current_setting('transaction_read_only')`).Scan(&settings[0], &settings[1], &settings[2], &settings[3], &settings[4]))
		require.Equal(t, [5]string{"", "", "", "", "off"}, settings, after)
		var n int
		require.NoError(t, d.Pool().QueryRow(ctx, `select count(*) from things`).Scan(&n))
		require.Zero(t, n, after)
	}
	add(w, "seen", nil)
	work := func(tx *db.Tx) error { return tx.Select(new(int), `select count(*) from things`) }
	broken := func(tx *db.Tx) error { return tx.Select(new(int), `select 1 / 0`) }
	own := id.NewMedewerker()
	employee := db.Caller(auth.Principal{TenantID: w.Tenant, ClientID: id.NewClient(), Role: auth.Switcher, OrganisationID: &org, MedewerkerID: &own}, "req")
	operator := w.Who()
	operator.Scope.Kind = db.ScopeOperator
	// What a transaction is told of its scope rests on this: of who has no employer it is not told that there is none.
	for _, who := range []db.Who{w.Who(), bound(w, org), employee, operator} {
		require.NoError(t, d.InTenant(ctx, who, work))
		clean("commit")
		require.NoError(t, d.InTenantOne(ctx, who, new([]int), `select 1`))
		clean("one statement that may write")
		require.Error(t, d.InTenantOne(ctx, who, new([]int), `select 1 / 0`))
		clean("one statement that may write, and fails")
		require.Error(t, d.InTenant(ctx, who, broken))
		clean("rollback")
		require.NoError(t, d.Single(ctx, who, work))
		clean("one statement")
		require.Error(t, d.Single(ctx, who, broken))
		clean("one statement that fails")
		require.NoError(t, d.Snapshot(ctx, who, work))
		clean("snapshot")
		require.Panics(t, func() { _ = d.InTenant(ctx, who, func(*db.Tx) error { panic("x") }) })
		clean("panic")
		require.NoError(t, d.InTenant(ctx, who, func(tx *db.Tx) error { return tx.Unbound("test", work) }))
		clean("unbound")
		require.Error(t, d.InTenant(ctx, who, func(tx *db.Tx) error { return tx.Unbound("test", broken) }))
		clean("unbound that fails")
	}
}

func TestSingle_RunsOneStatement(t *testing.T) {
	t.Parallel()
	w := world(t)
	add(w, "a", nil)
	ctx := context.Background()
	require.NoError(t, w.App.DB.Single(ctx, w.Who(), func(tx *db.Tx) error {
		require.Equal(t, []string{"a"}, names(tx))
		require.ErrorContains(t, tx.Select(new(int), `select 1`), "second statement in single mode")
		var row thing
		require.ErrorContains(t, tx.Take(&row).Error, "second statement in single mode")
		return nil
	}))
	require.NoError(t, w.App.DB.Single(ctx, w.Who(), func(tx *db.Tx) error {
		got, err := db.Get[thing](tx, id.NewSite())
		require.True(t, fault.Missing.Is(err))
		require.Empty(t, got.Name)
		return nil
	}))
}

func TestGetOr_AsksASecondTimeForWhatIsNotThere(t *testing.T) {
	t.Parallel()
	w := world(t)
	x := add(w, "a", nil)
	const byName = `select * from things where tenant_id = ? and name = ?`
	single := func(read func(tx *db.Tx)) {
		require.NoError(t, w.App.DB.Single(context.Background(), w.Who(), func(tx *db.Tx) error { read(tx); return nil }))
	}
	single(func(tx *db.Tx) {
		got, err := db.GetOr[thing](tx, id.NewSite(), byName, tx.Scope.Tenant, "a")
		require.NoError(t, err)
		require.Equal(t, x.ID, got.ID)
		require.ErrorContains(t, tx.Select(new(int), `select 1`), "second statement in single mode", "and no third time")
	})
	single(func(tx *db.Tx) {
		got, err := db.GetOr[thing](tx, x.ID, `this is not asked`)
		require.NoError(t, err)
		require.Equal(t, "a", got.Name)
		require.ErrorContains(t, tx.Select(new(int), `select 1`), "second statement in single mode")
	})
	single(func(tx *db.Tx) {
		_, err := db.GetOr[thing](tx, id.NewSite(), byName, tx.Scope.Tenant, "b")
		require.True(t, fault.Missing.Is(err))
	})
}

// What is remembered of a statement must not depend on what it was first asked with.
func TestSelect_PutsArgumentsInTheirPlacesHoweverOften(t *testing.T) {
	t.Parallel()
	w := world(t)
	for _, name := range []string{"a", "b", "c"} {
		add(w, name, nil)
	}
	require.NoError(t, w.App.DB.Snapshot(context.Background(), w.Who(), func(tx *db.Tx) error {
		text := func(query string, args ...any) (got string) {
			require.NoError(t, tx.Select(&got, query, args...), query)
			return got
		}
		for range 3 {
			require.Equal(t, "xy", text(`select cast(? as text) || cast(? as text)`, "x", "y"))
			require.Equal(t, "121", text(`select concat(cast(@b as int), cast(@a as int), cast(@b as int))`, map[string]any{"a": 2, "b": 1}))
			require.Equal(t, "121", text(`select concat(cast(@b as int), cast(@a as int), cast(@b as int))`, map[string]any{"a": 2, "b": 1, "more": []int{3, 4}}))
			require.Equal(t, "-", text(`select coalesce(cast(@x as text), '-')`, map[string]any{"x": (*string)(nil)}))
			require.Equal(t, w.Tenant.UUID().String(), text(`select cast(cast(? as uuid) as text)`, w.Tenant))
			require.Equal(t, "1", text(`select cast(count(*) as text) from things where name in (?)`, "a"))
			require.Equal(t, "2", text(`select cast(count(*) as text) from things where name in (?)`, []string{"a", "b"}))
			for n, names := range [][]string{{}, {"a"}, {"a", "b"}, {"a", "b", "c"}} {
				require.Equal(t, fmt.Sprint(n), text(`select cast(count(*) as text) from things where name in ?`, names))
				require.Equal(t, fmt.Sprint(n), text(`select cast(count(*) as text) from things where name in @names and name <> @not`, map[string]any{"names": names, "not": "x"}))
			}
		}
		return nil
	}))
}

func TestSingle_WritesNothing(t *testing.T) {
	t.Parallel()
	w := world(t)
	x := add(w, "kept", nil)
	ctx := context.Background()
	for name, write := range map[string]func(*db.Tx) error{
		"exec": func(tx *db.Tx) error { _, err := tx.Run(`delete from things`); return err },
		"insert": func(tx *db.Tx) error {
			return db.Insert(tx, &thing{ID: id.NewSite(), Name: "x", Doc: json.RawMessage(`{}`)})
		},
		"change":    func(tx *db.Tx) error { y := x; y.Name = "y"; _, err := db.Change(tx, x, &y); return err },
		"returning": func(tx *db.Tx) error { return tx.Select(new(uuid.UUID), `delete from things returning id`) },
		"with": func(tx *db.Tx) error {
			return tx.Select(new(int), `with x as (delete from things returning 1) select count(*) from x`)
		},
		"pgx": func(tx *db.Tx) error { return tx.Pgx(func(pgx.Tx) error { return nil }) },
		"settings": func(tx *db.Tx) error {
			return tx.Select(new(int), `select count(*) from (update things set name = 'y' returning 1) x`)
		},
	} {
		require.Error(t, w.App.DB.Single(ctx, w.Who(), write), name)
	}
	require.Equal(t, 1, w.Count(`select count(*) from things where tenant_id = $1 and name = 'kept' and revision = 1`, w.Tenant.UUID()))
	require.ErrorContains(t, w.App.DB.Single(ctx, bound(w, id.NewOrganisation()), func(tx *db.Tx) error {
		return tx.Unbound("test", func(*db.Tx) error { return nil })
	}), "no other scope")
}

func TestSnapshot_SeesOneStateAndWritesNothing(t *testing.T) {
	t.Parallel()
	w := world(t)
	add(w, "a", nil)
	require.NoError(t, w.App.DB.Snapshot(context.Background(), w.Who(), func(tx *db.Tx) error {
		require.Equal(t, []string{"a"}, names(tx))
		add(w, "b", nil)
		require.Equal(t, []string{"a"}, names(tx))
		return nil
	}))
	err := w.App.DB.Snapshot(context.Background(), w.Who(), func(tx *db.Tx) error { _, err := tx.Run(`delete from things`); return err })
	require.Equal(t, "25006", sqlstate(err))
	require.Equal(t, 2, w.Count(`select count(*) from things where tenant_id = $1`, w.Tenant.UUID()))
}

func TestUnbound_LiftsTheBindingAndPutsItBack(t *testing.T) {
	t.Parallel()
	w, other := world(t), world(t)
	mine, theirs := id.NewOrganisation(), id.NewOrganisation()
	add(w, "mine", &mine)
	add(w, "theirs", &theirs)
	add(other, "another tenant's", &mine)
	who := bound(w, mine)
	require.NoError(t, w.App.DB.InTenant(context.Background(), who, func(tx *db.Tx) error {
		require.Equal(t, []string{"mine"}, names(tx))
		require.NoError(t, tx.Unbound("test", func(all *db.Tx) error {
			require.Equal(t, []string{"mine", "theirs"}, names(all))
			require.Equal(t, db.ScopeTenant, all.Scope.Kind)
			require.Equal(t, tx.Actor, all.Actor)
			require.Equal(t, tx.Now, all.Now)
			// The transaction outside is closed meanwhile: nothing runs in a scope that it does not have.
			require.Equal(t, []string{"db: the statement's scope is not its transaction's"}, names(tx))
			require.Error(t, tx.Pgx(func(pgx.Tx) error { return nil }))
			return all.Unbound("again", func(again *db.Tx) error {
				require.Equal(t, []string{"mine", "theirs"}, names(again))
				return db.Insert(again, &thing{ID: id.NewSite(), Name: "made", OrganisationID: &theirs, Doc: json.RawMessage(`{}`)})
			})
		}))
		require.Equal(t, []string{"mine"}, names(tx))
		_, err := tx.Run(`update things set note = 'x'`)
		return err
	}))
	require.Equal(t, 1, w.Count(`select count(*) from things where tenant_id = $1 and note = 'x'`, w.Tenant.UUID()))
	require.Equal(t, 1, w.Count(`select count(*) from things where tenant_id = $1 and name = 'made' and changed_by = $2`, w.Tenant.UUID(), who.Actor))
}

func TestUnbound_AnErrorRollsAllBack(t *testing.T) {
	t.Parallel()
	w := world(t)
	mine := id.NewOrganisation()
	failed := errors.New("failed")
	ran := false
	err := w.App.DB.InTenant(context.Background(), bound(w, mine), func(tx *db.Tx) error {
		tx.AfterCommit(func() { ran = true })
		if err := db.Insert(tx, &thing{ID: id.NewSite(), Name: "x", OrganisationID: &mine, Doc: json.RawMessage(`{}`)}); err != nil {
			return err
		}
		return tx.Unbound("test", func(tx *db.Tx) error { tx.AfterCommit(func() { ran = true }); return failed })
	})
	require.ErrorIs(t, err, failed)
	require.False(t, ran)
	require.Zero(t, w.Count(`select count(*) from things where tenant_id = $1`, w.Tenant.UUID()))
	// Who swallows the error gets no further: not in the wider scope, and not in its own.
	require.ErrorIs(t, w.App.DB.InTenant(context.Background(), bound(w, mine), func(tx *db.Tx) error {
		require.NoError(t, db.Insert(tx, &thing{ID: id.NewSite(), Name: "y", OrganisationID: &mine, Doc: json.RawMessage(`{}`)}))
		require.ErrorIs(t, tx.Unbound("test", func(*db.Tx) error { return failed }), failed)
		require.Equal(t, []string{"failed"}, names(tx))
		return nil
	}), failed)
	require.Zero(t, w.Count(`select count(*) from things where tenant_id = $1`, w.Tenant.UUID()))
}

// An error on our side of the wire says nothing of what was queued before it: nothing goes on, and nothing is committed.
func TestInTenant_NothingOutlivesAnErrorOfOursThatSomebodySwallows(t *testing.T) {
	t.Parallel()
	w := world(t)
	mine := id.NewOrganisation()
	insert := func(tx *db.Tx, name string, org *id.OrganisationID) error {
		return db.Insert(tx, &thing{ID: id.NewSite(), Name: name, OrganisationID: org, Doc: json.RawMessage(`{}`)})
	}
	other := id.NewOrganisation()
	w.Do(func(tx *db.Tx) error { return insert(tx, "theirs", &other) })
	fail := func(tx *db.Tx) {
		var n int
		require.ErrorContains(t, tx.Select(&n, "select cast(? as integer)", struct{ X int }{1}), "encode")
	}
	require.ErrorContains(t, w.App.DB.InTenant(context.Background(), bound(w, mine), func(tx *db.Tx) error {
		require.NoError(t, insert(tx, "mine", &mine))
		fail(tx)
		return nil
	}), "encode", "what was queued is not there, and that is said")
	require.ErrorContains(t, w.App.DB.InTenant(context.Background(), bound(w, mine), func(tx *db.Tx) error {
		require.NoError(t, tx.Unbound("test", func(*db.Tx) error { return nil }))
		fail(tx)
		require.NotContains(t, names(tx), "theirs", "the scope that was to come back did not get lost")
		return nil
	}), "encode")
	require.ErrorContains(t, w.App.DB.InTenant(context.Background(), bound(w, mine), func(tx *db.Tx) error {
		fail(tx)
		require.ErrorContains(t, tx.Enlist("test", "planted", uuid.New()), "encode", "a transaction that never began takes nothing")
		return nil
	}), "encode")
	require.Zero(t, w.Count(`select count(*) from platform.directory where tenant_id = $1 and kind = 'test'`, w.Tenant.UUID()))
	require.Equal(t, 1, w.Count(`select count(*) from things where tenant_id = $1`, w.Tenant.UUID()))
}

func TestAfterCommit_RunsAfterAndOnce(t *testing.T) {
	t.Parallel()
	w := world(t)
	var seen []int
	w.Do(func(tx *db.Tx) error {
		tx.AfterCommit(func() {
			seen = append(seen, w.Count(`select count(*) from things where tenant_id = $1`, w.Tenant.UUID()))
		})
		return tx.Unbound("test", func(tx *db.Tx) error {
			tx.AfterCommit(func() { seen = append(seen, 7) })
			return db.Insert(tx, &thing{ID: id.NewSite(), Name: "x", Doc: json.RawMessage(`{}`)})
		})
	})
	require.Equal(t, []int{1, 7}, seen)
}

func TestAsTenant_IsTheOperatorsAlone(t *testing.T) {
	t.Parallel()
	w, home := world(t), world(t)
	org := id.NewOrganisation()
	inside := func(tx *db.Tx) error {
		return db.Insert(tx, &thing{ID: id.NewSite(), Name: "opened", Doc: json.RawMessage(`{}`)})
	}
	for _, who := range []db.Who{home.Who(), bound(home, org)} {
		require.ErrorContains(t, w.App.DB.InTenant(context.Background(), who, func(tx *db.Tx) error { return tx.AsTenant(w.Tenant, "test", inside) }), "only the operator")
	}
	operator := db.Caller(auth.Principal{TenantID: home.Tenant, ClientID: id.NewClient(), Role: auth.Operator}, "req")
	require.Equal(t, db.ScopeOperator, operator.Scope.Kind)
	require.NoError(t, w.App.DB.InTenant(context.Background(), operator, func(tx *db.Tx) error {
		require.NoError(t, tx.AsTenant(w.Tenant, "test", inside))
		require.Empty(t, names(tx), "outside it sees no tenant's rows")
		var n int
		require.NoError(t, tx.Select(&n, `select count(*) from tenants where id in (?, ?)`, w.Tenant, home.Tenant))
		require.Equal(t, 2, n, "that tenants are there it sees")
		return tx.AsTenant(w.Tenant, "test", func(tx *db.Tx) error { require.Equal(t, []string{"opened"}, names(tx)); return nil })
	}))
}

func TestTenant_CannotBeWrittenAcross(t *testing.T) {
	t.Parallel()
	w, other := world(t), world(t)
	org := id.NewOrganisation()
	theirs := add(other, "theirs", nil)
	ctx := context.Background()
	insert := func(who db.Who, ten id.TenantID, org *id.OrganisationID) error {
		return w.App.DB.InTenant(ctx, who, func(tx *db.Tx) error {
			_, err := tx.Run(`insert into things (tenant_id, id, organisation_id, name, created_at, updated_at, changed_by, request_id) values (?, ?, ?, 'x', now(), now(), '', '')`,
				ten, id.NewSite(), org)
			return err
		})
	}
	require.Equal(t, "42501", sqlstate(insert(w.Who(), other.Tenant, nil)))
	require.Equal(t, "42501", sqlstate(insert(bound(w, org), w.Tenant, nil)))
	elsewhere := id.NewOrganisation()
	require.Equal(t, "42501", sqlstate(insert(bound(w, org), w.Tenant, &elsewhere)))
	require.NoError(t, insert(bound(w, org), w.Tenant, &org))
	w.Do(func(tx *db.Tx) error {
		for _, q := range []string{`update things set name = 'y' where id = ?`, `delete from things where id = ?`} {
			n, err := tx.Run(q, theirs.ID)
			require.NoError(t, err)
			require.Zero(t, n)
		}
		_, err := db.Lock[thing](tx, theirs.ID)
		require.True(t, fault.Missing.Is(err))
		return nil
	})
	err := w.App.DB.InTenant(ctx, w.Who(), func(tx *db.Tx) error {
		_, err := tx.Run(`update things set tenant_id = ?`, other.Tenant)
		return err
	})
	require.Equal(t, "42501", sqlstate(err), "a row does not move to another tenant")
	// What gorm fills in is the transaction's, whatever the row says.
	mine := thing{Row: db.Row{TenantID: other.Tenant, Revision: 9, ChangedBy: "x"}, ID: id.NewSite(), Name: "mine", Doc: json.RawMessage(`{}`)}
	w.Do(func(tx *db.Tx) error { return db.Insert(tx, &mine) })
	require.Equal(t, w.Tenant, mine.TenantID)
	require.Equal(t, int64(1), mine.Revision)
	require.Equal(t, "system:test", mine.ChangedBy)
}

// gorm's own statements name the tenant, so that code keeps to it before the database does.
func TestGorm_NamesTheTenant(t *testing.T) {
	t.Parallel()
	w := world(t)
	w.Do(func(tx *db.Tx) error {
		dry := tx.Session(&gorm.Session{DryRun: true})
		var all []thing
		for what, q := range map[string]*gorm.DB{
			"find": dry.Where("name = ?", "x").Find(&all), "or": dry.Where("name = ?", "x").Or("name = ?", "y").Find(&all),
			"count": dry.Model(&thing{}).Count(new(int64)), "update": dry.Model(&thing{}).Where("name = 'x'").Updates(map[string]any{"note": "y"}),
			"delete": dry.Where("name = 'x'").Delete(&thing{}),
		} {
			require.Contains(t, q.Statement.SQL.String(), `"things"."tenant_id" = `, what)
			require.Contains(t, q.Statement.Vars, any(w.Tenant.UUID()), what)
		}
		return nil
	})
}

func TestForeignKey_CannotReachAnotherTenant(t *testing.T) {
	t.Parallel()
	w, other := world(t), world(t)
	theirs := add(other, "theirs", nil)
	err := w.App.DB.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error {
		_, err := tx.Run(`insert into parts (tenant_id, id, thing_id) values (?, ?, ?)`, w.Tenant, id.NewSite(), theirs.ID)
		return err
	})
	require.ErrorIs(t, err, errPartOfNothing)
}

func TestCommit_ThatFailsIsAnErrorAndRollsBack(t *testing.T) {
	t.Parallel()
	w := world(t)
	ran := false
	err := w.App.DB.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error {
		tx.AfterCommit(func() { ran = true })
		if err := db.Insert(tx, &thing{ID: id.NewSite(), Name: "lost", Doc: json.RawMessage(`{}`)}); err != nil {
			return err
		}
		n, err := tx.Run(`insert into parts (tenant_id, id, thing_id) values (?, ?, ?)`, w.Tenant, id.NewSite(), id.NewSite())
		require.Equal(t, int64(1), n)
		return err
	})
	require.ErrorIs(t, err, errPartOfNothing, "the constraint speaks at COMMIT, and keeps its meaning")
	require.False(t, ran)
	require.Zero(t, w.Count(`select count(*) from things where tenant_id = $1`, w.Tenant.UUID()))
	// A transaction that failed and whose error was swallowed does not commit quietly.
	err = w.App.DB.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error {
		require.Error(t, tx.Select(new(int), `select 1 / 0`))
		return nil
	})
	require.Error(t, err)
}

func pid(t *testing.T, tx *db.Tx) (n int) {
	t.Helper()
	require.NoError(t, tx.Select(&n, `select pg_backend_pid()`))
	return n
}

// kill ends a connection from the side of the server, and waits until it is gone.
func kill(w *testkit.World, pid int) {
	w.T.Helper()
	require.Equal(w.T, 1, w.Count(`select pg_terminate_backend($1, 10000)::int`, pid))
}

func TestConnection_KilledInTheMiddleIsBusy(t *testing.T) {
	t.Parallel()
	w := world(t)
	d := open(t, w.AppURL, 1)
	ctx := context.Background()
	err := d.InTenant(ctx, w.Who(), func(tx *db.Tx) error {
		if err := db.Insert(tx, &thing{ID: id.NewSite(), Name: "lost", Doc: json.RawMessage(`{}`)}); err != nil {
			return err
		}
		kill(w, pid(t, tx))
		return tx.Select(new(int), `select 1`)
	})
	require.True(t, fault.Busy.Is(err), "%v", err)
	require.Zero(t, w.Count(`select count(*) from things where tenant_id = $1`, w.Tenant.UUID()))
	// The pool goes on with another connection.
	require.NoError(t, d.InTenant(ctx, w.Who(), func(tx *db.Tx) error { require.Empty(t, names(tx)); return nil }))
	// Who only reads does not notice that a connection died, idle or not.
	var idle int
	require.NoError(t, d.InTenant(ctx, w.Who(), func(tx *db.Tx) error { idle = pid(t, tx); return nil }))
	kill(w, idle)
	require.NoError(t, d.Single(ctx, w.Who(), func(tx *db.Tx) error {
		require.NoError(t, tx.Select(new(int), `select 1`))
		require.ErrorContains(t, tx.Select(new(int), `select 1`), "second statement")
		return nil
	}))
}

// Whether a transaction whose server was told to stop during COMMIT is in the database, nobody can say.
func TestConnection_KilledDuringCommitIsUnknown(t *testing.T) {
	t.Parallel()
	w := world(t)
	ctx := context.Background()
	holder, err := pgx.Connect(ctx, w.SuperURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = holder.Close(ctx) })
	lock := int64(uuid.New().ID())
	_, err = holder.Exec(ctx, `select pg_advisory_lock($1)`, lock)
	require.NoError(t, err)
	backend, done := make(chan int, 1), make(chan error, 1)
	go func() {
		done <- w.App.DB.InTenant(ctx, w.Who(), func(tx *db.Tx) error {
			backend <- pid(t, tx)
			_, err := tx.Run(`insert into waits (tenant_id, id) values (?, ?)`, w.Tenant, lock)
			return err
		})
	}()
	victim := <-backend
	for w.Count(`select count(*) from pg_locks where pid = $1 and locktype = 'advisory' and not granted`, victim) == 0 {
		require.Empty(t, done, "it waits in COMMIT")
	}
	kill(w, victim)
	err = <-done
	require.True(t, fault.OutcomeUnknown.Is(err), "%v", err)
}

// cutter passes bytes on to PostgreSQL, and cuts the client off once it has passed on a COMMIT.
type cutter struct {
	cut   atomic.Bool
	trips atomic.Int64 // how often the client waited for an answer
}

// count counts the messages after which a client waits: Sync and Query (PostgreSQL documentation, 55.7).
func (c *cutter) count(sent io.Reader) {
	r := bufio.NewReader(sent)
	var header [5]byte
	if _, err := io.ReadFull(r, header[:4]); err != nil { // the first message has no type
		return
	}
	length := binary.BigEndian.Uint32(header[:4])
	for {
		if _, err := r.Discard(int(length) - 4); err != nil {
			return
		}
		if _, err := io.ReadFull(r, header[:]); err != nil {
			return
		}
		if header[0] == 'S' || header[0] == 'Q' {
			c.trips.Add(1)
		}
		length = binary.BigEndian.Uint32(header[1:])
	}
}

func newCutter(t *testing.T, target string) (*cutter, string) {
	t.Helper()
	c := &cutter{}
	return c, proxy(t, target, c.pass)
}

// proxy stands before the PostgreSQL at target, and hands each client's connection and its own one to pass.
func proxy(t *testing.T, target string, pass func(in, out net.Conn)) (at string) {
	t.Helper()
	cfg, err := pgconn.ParseConfig(target)
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	network, address := pgconn.NetworkAddress(cfg.Host, cfg.Port)
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial(network, address)
			if err != nil {
				_ = in.Close()
				continue
			}
			go pass(in, out)
		}
	}()
	u := &url.URL{Scheme: "postgres", User: url.UserPassword(cfg.User, cfg.Password), Host: l.Addr().String(), Path: "/" + cfg.Database, RawQuery: "sslmode=disable"}
	return u.String()
}

func (c *cutter) pass(in, out net.Conn) {
	var cutting atomic.Bool
	go func() {
		defer in.Close()
		b := make([]byte, 64<<10)
		for {
			n, err := out.Read(b)
			if err != nil || cutting.Load() {
				return
			}
			if _, err := in.Write(b[:n]); err != nil {
				return
			}
		}
	}()
	sent, tee := io.Pipe()
	defer tee.Close()
	go c.count(sent)
	b := make([]byte, 64<<10)
	for {
		n, err := in.Read(b)
		if err != nil {
			break
		}
		if _, err := tee.Write(b[:n]); err != nil {
			break
		}
		if c.cut.Load() && bytes.Contains(bytes.ToLower(b[:n]), []byte("commit")) {
			cutting.Store(true)
		}
		if _, err := out.Write(b[:n]); err != nil {
			break
		}
	}
	if !cutting.Load() {
		_ = out.Close()
		return
	}
	_, _ = io.Copy(io.Discard, out)
}

func TestConnection_CutDuringCommitIsUnknown(t *testing.T) {
	t.Parallel()
	w := world(t)
	c, address := newCutter(t, w.AppURL)
	insert := func(d *db.DB, name string) error {
		return d.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error {
			return db.Insert(tx, &thing{ID: id.NewSite(), Name: name, Doc: json.RawMessage(`{}`)})
		})
	}
	// As behind PgBouncer, where the statements themselves are sent each time: COMMIT is under way with all the rest.
	d := open(t, address+"&default_query_exec_mode=cache_describe", 1)
	require.NoError(t, insert(d, "first"))
	c.cut.Store(true)
	err := insert(d, "cut")
	require.True(t, fault.OutcomeUnknown.Is(err), "%v", err)
	// A connection that breaks while its statements are still being prepared has done nothing, and says so.
	err = insert(open(t, address, 1), "never")
	require.True(t, fault.Busy.Is(err), "%v", err)
	require.Zero(t, w.Count(`select count(*) from things where tenant_id = $1 and name = 'never'`, w.Tenant.UUID()))
	c.cut.Store(false)
	require.NoError(t, d.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error { names(tx); return nil }))
}

func TestRoundTrips_AreFew(t *testing.T) {
	t.Parallel()
	w := world(t)
	c, address := newCutter(t, w.AppURL)
	d := open(t, address, 1)
	ctx := context.Background()
	org := id.NewOrganisation()
	x := thing{ID: id.NewSite(), Name: "x", OrganisationID: &org, Doc: json.RawMessage(`{}`)}
	writes := func(tx *db.Tx) error {
		y := x
		y.ID, y.Name = id.NewSite(), uuid.NewString()
		err := tx.Unbound("test", func(tx *db.Tx) error { return tx.Later(`update things set amount = 1 where id = ?`, y.ID) })
		return errors.Join(db.Insert(tx, &y), err)
	}
	for name, run := range map[string]struct {
		trips int64
		do    func() error
	}{
		"one statement": {1, func() error {
			return d.Single(ctx, w.Who(), func(tx *db.Tx) error { return tx.Select(new(int), `select count(*) from things`) })
		}},
		"writing alone":        {1, func() error { return d.InTenant(ctx, w.Who(), writes) }},
		"writing alone, bound": {1, func() error { return d.InTenant(ctx, bound(w, org), writes) }},
		"nothing":              {0, func() error { return d.InTenant(ctx, w.Who(), func(*db.Tx) error { return nil }) }},
		"nothing that came to be": {0, func() error {
			_ = d.InTenant(ctx, w.Who(), func(tx *db.Tx) error { return errors.Join(writes(tx), io.EOF) })
			return nil
		}},
		"reading, then writing": {2, func() error { return d.InTenant(ctx, w.Who(), func(tx *db.Tx) error { names(tx); return writes(tx) }) }},
		"a snapshot of two states": {3, func() error {
			return d.Snapshot(ctx, w.Who(), func(tx *db.Tx) error { names(tx); names(tx); return nil })
		}},
	} {
		require.NoError(t, run.do(), "the first time statements are prepared")
		before := c.trips.Load()
		require.NoError(t, run.do(), name)
		require.Equal(t, run.trips, c.trips.Load()-before, name)
	}
}

func TestLater_GoesAlongInItsPlaceOrNotAtAll(t *testing.T) {
	t.Parallel()
	w := world(t)
	org := id.NewOrganisation()
	x := add(w, "x", &org)
	amounts := func() int {
		return w.Count(`select coalesce(sum(amount), 0)::int from things where tenant_id = $1`, w.Tenant.UUID())
	}
	later := func(tx *db.Tx) error {
		return tx.Later(`update things set amount = coalesce(amount, 0) + 1 where id = ?`, x.ID)
	}
	seen := 0
	w.Do(func(tx *db.Tx) error {
		return errors.Join(later(tx), tx.Select(&seen, `select amount from things`), tx.Pgx(func(p pgx.Tx) error {
			require.NoError(t, later(tx), "asked while the connection is lent, it goes after")
			return nil
		}))
	})
	require.Equal(t, 1, seen, "whoever reads sees it")
	require.Equal(t, 2, amounts())

	wrong := func(tx *db.Tx) error {
		return tx.Later(`insert into parts (tenant_id, id, thing_id) values (?, ?, ?)`, id.NewTenant(), id.NewSite(), x.ID)
	}
	err := w.App.DB.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error { return errors.Join(later(tx), wrong(tx), later(tx)) })
	require.Equal(t, "42501", sqlstate(err), "another tenant's row is refused, and COMMIT was not reached: %v", err)
	err = w.App.DB.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error {
		require.NoError(t, errors.Join(later(tx), wrong(tx)))
		require.Equal(t, "42501", sqlstate(tx.Select(new(int), `select 1`)), "the statement that takes it along says so")
		return nil
	})
	require.Error(t, err, "and nothing is committed although nobody minded")
	err = w.App.DB.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error {
		return errors.Join(later(tx), db.Insert(tx, &thing{ID: id.NewSite(), Name: "x", Doc: json.RawMessage(`{}`)}))
	})
	require.True(t, fault.Exists.Is(err), "it keeps its meaning at COMMIT: %v", err)
	require.Equal(t, 2, amounts(), "nothing of these was written")

	var kept *db.Tx
	who := bound(w, id.NewOrganisation())
	require.NoError(t, w.App.DB.InTenant(context.Background(), who, func(tx *db.Tx) error {
		kept = tx
		return tx.Unbound("test", func(*db.Tx) error {
			require.ErrorContains(t, later(tx), "not its transaction's", "the bound one does not write for the other")
			return nil
		})
	}))
	require.ErrorContains(t, later(kept), "over")
	require.ErrorContains(t, kept.Select(new(int), `select 1`), "over")
	require.NoError(t, w.App.DB.InTenant(context.Background(), who, later), "of what it does not see it changes nothing")
	require.ErrorContains(t, w.App.DB.Single(context.Background(), w.Who(), later), "needs a transaction")
	require.Equal(t, 2, amounts())
}

func TestRows_LandInTheirMembersOrSayWhyNot(t *testing.T) {
	t.Parallel()
	w := world(t)
	read := func(dest any, query string, args ...any) error {
		return w.App.DB.Single(context.Background(), w.Who(), func(tx *db.Tx) error { return tx.Select(dest, query, args...) })
	}
	type narrow struct {
		Small   int8
		Name    string
		At      time.Time
		Maybe   *int
		Other   id.SiteID
		Labels  db.Strings
		Ignored func() `gorm:"-"`
	}
	old := narrow{Name: "old", Small: 3, Labels: db.Strings{"old"}}
	require.NoError(t, read(&old, `select 7::smallint as small, null::text as name, null::text[] as labels, 5 as maybe, 1 as unknown, 1 as ignored`))
	require.Equal(t, int8(7), old.Small)
	require.Empty(t, old.Name, "NULL is nothing, not what stood there")
	require.Empty(t, old.Labels)
	require.Equal(t, 5, *old.Maybe)
	require.ErrorContains(t, read(&old, `select 300 as small`), "column small")
	require.ErrorContains(t, read(&old, `select 'infinity'::timestamptz as at`), "column at")
	require.ErrorContains(t, read(&old, `select 'text' as other`), "column other")
	require.ErrorContains(t, read(new(int), `select 1, 2`), "2 columns")
	require.ErrorContains(t, read(old, `select 1`), "a pointer")
	require.NoError(t, read(&old, `select 9::smallint as small where false`))
	require.Equal(t, int8(7), old.Small, "no row changes nothing")
	// The same type, read by other columns in another order, and by other types.
	var all []narrow
	require.NoError(t, read(&all, `select name, small from (values ('a', 1::bigint), ('b', 2)) x (name, small)`))
	require.Equal(t, []narrow{{Name: "a", Small: 1}, {Name: "b", Small: 2}}, all)
	require.NoError(t, read(&all, `select small, name from (values ('c', 1::smallint)) x (name, small)`))
	require.Equal(t, []narrow{{Name: "c", Small: 1}}, all, "a list is read anew")
	var some []*narrow
	require.NoError(t, read(&some, `select 'd' as name where false`))
	require.NotNil(t, some)
	require.Empty(t, some)
	at := time.Date(1969, 12, 31, 23, 59, 59, 123456000, time.UTC)
	var when []*time.Time
	require.NoError(t, read(&when, `select x from (values (cast(@at as timestamptz)), (null)) v (x)`, map[string]any{"at": at}))
	require.Equal(t, []*time.Time{&at, nil}, when)
}

func TestCancel_AfterTheBeginningChangesNothing(t *testing.T) {
	t.Parallel()
	w := world(t)
	ctx, cancel := context.WithCancel(context.Background())
	require.NoError(t, w.App.DB.InTenant(ctx, w.Who(), func(tx *db.Tx) error {
		cancel()
		return db.Insert(tx, &thing{ID: id.NewSite(), Name: "kept", Doc: json.RawMessage(`{}`)})
	}))
	require.Equal(t, 1, w.Count(`select count(*) from things where tenant_id = $1`, w.Tenant.UUID()))
	for _, run := range []func(context.Context, db.Who, func(*db.Tx) error) error{w.App.DB.InTenant, w.App.DB.Snapshot, w.App.DB.Single} {
		err := run(ctx, w.Who(), func(tx *db.Tx) error { return tx.Select(new(int), `select 1`) })
		require.True(t, fault.Busy.Is(err), "who hung up before it began gets nothing done: %v", err)
	}
}

// A connection is dear, and whoever hangs up and asks again would have one made each time.
func TestSingle_WhoHangsUpTakesNoConnectionAlong(t *testing.T) {
	t.Parallel()
	w := world(t)
	d := open(t, w.AppURL, 1)
	var before, during, after int
	require.NoError(t, d.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error { before = pid(t, tx); return nil }))
	ctx, cancel := context.WithCancel(context.Background())
	read := make(chan error, 1)
	require.NoError(t, w.App.DB.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error {
		require.NoError(t, tx.Select(new(string), `select pg_advisory_xact_lock(?)::text`, before))
		go func() {
			read <- d.Single(ctx, w.Who(), func(tx *db.Tx) error {
				return tx.Select(&during, `select pg_backend_pid() from (select pg_advisory_xact_lock_shared(?)) l`, before)
			})
		}()
		require.Eventually(t, func() bool {
			return w.Count(`select count(*) from pg_locks where locktype = 'advisory' and not granted and pid = $1`, before) == 1
		}, 10*time.Second, time.Millisecond)
		cancel()
		return nil
	}))
	require.NoError(t, <-read)
	require.NoError(t, d.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error { after = pid(t, tx); return nil }))
	require.Equal(t, []int{before, before}, []int{during, after})
}

// A deadline belongs to what was sent, not to the connection that it went over.
func TestDeadline_EndsWithItsTransaction(t *testing.T) {
	t.Parallel()
	w := world(t)
	d := open(t, w.AppURL, 1)
	var before, after int
	require.NoError(t, d.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error { before = pid(t, tx); return nil }))
	soon := db.Patient(context.Background(), time.Second)
	require.NoError(t, d.Snapshot(soon, w.Who(), func(tx *db.Tx) error { return tx.Select(new(int), `select 1`) }))
	require.NoError(t, d.Platform(context.Background(), "a statement that takes longer", func(tx pgx.Tx) error {
		return tx.QueryRow(context.Background(), `select pg_backend_pid() from pg_sleep(1.2)`).Scan(&after)
	}))
	require.Equal(t, before, after)
	err := d.InTenant(db.Patient(context.Background(), 50*time.Millisecond), w.Who(), func(tx *db.Tx) error {
		return tx.Select(new(string), `select pg_sleep(10)::text`)
	})
	require.True(t, fault.Busy.Is(err), "%v", err)
	require.Equal(t, "deadline", db.Cause(err.(*fault.Error).Cause))
}

// The transactions of a job may last longer than those of requests; and they end too.
func TestPatient_ChangesTheDeadline(t *testing.T) {
	t.Parallel()
	w := world(t)
	left := func(ctx context.Context) (out time.Duration) {
		require.NoError(t, w.App.DB.Snapshot(ctx, w.Who(), func(tx *db.Tx) error {
			until, has := tx.Statement.Context.Deadline()
			require.True(t, has)
			out = time.Until(until)
			return nil
		}))
		return out
	}
	require.Less(t, left(context.Background()), time.Minute)
	require.Greater(t, left(db.Patient(context.Background(), time.Hour)), time.Minute)
	err := w.App.DB.InTenant(db.Patient(context.Background(), time.Nanosecond), w.Who(), func(tx *db.Tx) error { return tx.Select(new(int), `select 1`) })
	require.True(t, fault.Busy.Is(err), "%v", err)
}

func TestPool_WhoWaitsTooLongIsToldSo(t *testing.T) {
	t.Parallel()
	w := world(t)
	d := open(t, w.AppURL, 1)
	require.NoError(t, d.InTenant(context.Background(), w.Who(), func(*db.Tx) error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		err := d.InTenant(ctx, w.Who(), func(*db.Tx) error { t.Error("it ran"); return nil })
		require.True(t, fault.Busy.Is(err), "%v", err)
		err = d.Single(ctx, w.Who(), func(tx *db.Tx) error { return tx.Select(new(int), `select 1`) })
		require.True(t, fault.Busy.Is(err), "%v", err)
		return nil
	}))
	// And who says until when they wait is not kept for longer by what was sent.
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	err := d.Single(ctx, w.Who(), func(tx *db.Tx) error { return tx.Select(new(string), `select pg_sleep(10)::text`) })
	require.True(t, fault.Busy.Is(err), "%v", err)
	require.Equal(t, "deadline", db.Cause(err.(*fault.Error).Cause))
}

func TestRetry_OnceFromTheStart(t *testing.T) {
	t.Parallel()
	w := world(t)
	raise := func(tx *db.Tx, code string) error {
		_, err := tx.Run(`do $$ begin raise exception using errcode = '` + code + `', table = 'events_rest'; end $$`)
		return err
	}
	for _, code := range []string{"40001", "40P01", "23514"} { // the last: its partition was made meanwhile
		runs, after := 0, 0
		require.NoError(t, w.App.DB.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error {
			runs++
			tx.AfterCommit(func() { after++ })
			if err := db.Insert(tx, &thing{ID: id.NewSite(), Name: "once " + code, Doc: json.RawMessage(`{}`)}); err != nil || runs > 1 {
				return err
			}
			return raise(tx, code)
		}))
		require.Equal(t, 2, runs)
		require.Equal(t, 1, after, "what the first run wanted after COMMIT is forgotten")
		runs = 0
		err := w.App.DB.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error { runs++; return raise(tx, code) })
		require.True(t, fault.Busy.Is(err), "%v", err)
		require.Equal(t, 2, runs)
	}
	for code, p := range map[string]*fault.Problem{"55P03": fault.Busy, "57014": fault.Busy, "53300": fault.Busy, "23505": fault.Exists, "22003": fault.Unprocessable} {
		runs := 0
		err := w.App.DB.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error { runs++; return raise(tx, code) })
		require.True(t, p.Is(err), "%s: %v", code, err)
		require.Equal(t, 1, runs, code)
	}
	require.Equal(t, 3, w.Count(`select count(*) from things where tenant_id = $1`, w.Tenant.UUID()))
}

// Of two transactions that deadlock one is done, and the other is done or told to come back; nothing is done by half.
func TestRetry_ARealDeadlock(t *testing.T) {
	t.Parallel()
	w := world(t)
	a, b := add(w, "a", nil), add(w, "b", nil)
	var both sync.WaitGroup
	both.Add(2)
	var first [2]sync.Once
	errs := make([]error, 2)
	var running sync.WaitGroup
	for i, order := range [][]thing{{a, b}, {b, a}} {
		running.Go(func() {
			errs[i] = w.App.DB.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error {
				for k, x := range order {
					if k == 1 {
						first[i].Do(func() { both.Done(); both.Wait() })
					}
					if _, err := tx.Run(`update things set amount = coalesce(amount, 0) + 1 where id = ?`, x.ID); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
	running.Wait()
	done := 0
	for _, err := range errs {
		require.True(t, err == nil || fault.Busy.Is(err), "%v", err)
		if err == nil {
			done++
		}
	}
	require.Positive(t, done)
	require.Equal(t, 2, w.Count(`select count(*) from things where tenant_id = $1 and amount = $2`, w.Tenant.UUID(), done))
}

func TestOpen_RefusesRolesThatNoPolicyBinds(t *testing.T) {
	t.Parallel()
	w := world(t)
	ctx := context.Background()
	role := "r" + w.Slug
	for what, powers := range map[string]string{"_b": "bypassrls", "_m": "in role switchboard_owner", "_o": ""} {
		_, err := w.Super.Exec(ctx, `create role `+role+what+` login password 'test' `+powers+`; grant connect on database `+w.Name+` to `+role+what)
		require.NoError(t, err)
	}
	_, err := w.Super.Exec(ctx, `create table public.`+role+` (tenant_id uuid); alter table public.`+role+` owner to `+role+`_o`)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := w.Super.Exec(ctx, `drop table public.`+role)
		require.NoError(t, err)
		for _, what := range []string{"_b", "_m", "_o"} {
			_, err := w.Super.Exec(ctx, `revoke connect on database `+w.Name+` from `+role+what+`; drop role `+role+what)
			require.NoError(t, err)
		}
	})
	u, err := url.Parse(w.AppURL)
	require.NoError(t, err)
	as := func(user string) string { v := *u; v.User = url.UserPassword(user, "test"); return v.String() }
	for what, address := range map[string]string{"superuser": w.SuperURL, "owner": w.OwnerURL, "BYPASSRLS": as(role + "_b"), "member of the owner": as(role + "_m"), "owner of a table": as(role + "_o")} {
		_, err := db.Open(ctx, address, db.Options{})
		require.ErrorContains(t, err, "row-level security does not bind", what)
	}
	_, err = db.Open(ctx, as("nobody-at-all"), db.Options{})
	require.Error(t, err)
	_, err = db.Open(ctx, "postgres://user:hunter2@[", db.Options{})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hunter2")
}

// The one round trip of single mode decodes by itself: what it gives must be what a transaction gives.
func TestSingle_ReadsLikeATransaction(t *testing.T) {
	t.Parallel()
	w := world(t)
	ctx := context.Background()
	ids := []uuid.UUID{uuid.New(), uuid.New()}
	_, err := w.Super.Exec(ctx, `insert into things (tenant_id, id, organisation_id, name, note, labels, coaches, on_day, at, local_at, clock, amount, small, price, ratio, ok, doc, raw, spans,
			created_at, updated_at, changed_by, on_behalf_of, request_id)
		values ($1, $2, $3, 'full', E'€ "quoted", \\ {brace} \n', $4, $5, '2027-02-28', '2027-01-11 08:00:00.123456+02', '2027-01-11 08:00:00.5', '23:59:59', 9223372036854775807,
			-32768, 1234567890.10, 0.1, true, '{"a": [1, null, "€"], "b": 1.50}', '\x00ff', '1 day 02:03:04', '2027-01-01', '2027-01-01', 'a', 'b', 'c'),
		($1, $6, null, 'empty', null, '{}', '{}', null, null, null, null, null, null, null, null, null, null, null, null, '1900-01-01', '2200-12-31', '', null, '')`,
		w.Tenant.UUID(), uuid.New(), uuid.New(), []string{`a,b`, `"q"`, `\`, ``, `NULL`, `{}`, "é\n"}, ids, uuid.New())
	require.NoError(t, err)
	// Every kind of column that there is (rule Y1 of the catalogue), in the Go types that rows are made of.
	type all struct {
		ID             uuid.UUID
		OrganisationID *uuid.UUID
		Name           string
		Note           *string
		Labels         db.Strings
		Coaches        db.IDs[id.MedewerkerID]
		OnDay          *time.Time
		At             *time.Time
		Amount         *int64
		Small          *int
		Ratio          *float64
		OK             *bool
		Doc            json.RawMessage
		Raw            []byte
		Pos            int64
		CreatedAt      time.Time
	}
	type computed struct {
		N, S     int64
		A, R     float64
		Names    db.Strings
		IDs      db.IDs[id.SiteID]
		Docs     json.RawMessage
		M        time.Time
		B        bool
		P        string
		Q        float64
		Nothing  *string
		V, C, Nm string
		Card     int
		J        json.RawMessage
		Text     string
		D        string
	}
	type read func(*db.Tx) (any, error)
	reads := map[string]read{
		"columns": func(tx *db.Tx) (any, error) {
			var out []all
			err := tx.Select(&out, `select * from things order by name`)
			return out, err
		},
		"rows": func(tx *db.Tx) (any, error) {
			var out []thing
			err := tx.Order("name").Find(&out).Error
			return out, err
		},
		"expressions": func(tx *db.Tx) (any, error) {
			var out []computed
			err := tx.Select(&out, `select count(*) as n, sum(small) as s, avg(ratio) as a, 1.5::real as r, array_agg(name order by name) as names,
				array_agg(id order by name) as ids, jsonb_agg(doc order by name) as docs, max(at) as m, bool_and(ok) as b, max(price) as p, max(price) as q, null as nothing,
				'x'::varchar as v, 'y'::char(3) as c, 'a'::name as nm, cardinality(array_agg(name)) as card, json_build_object('k', 1) as j,
				(jsonb_agg(doc order by name))::text as text, max(on_day)::text as d from things`)
			return out, err
		},
		"scalar": func(tx *db.Tx) (any, error) { var n int; err := tx.Select(&n, `select 42`); return n, err },
		"times": func(tx *db.Tx) (any, error) {
			var out []time.Time
			err := tx.Select(&out, `select at from things where at is not null`)
			return out, err
		},
		"none": func(tx *db.Tx) (any, error) {
			var out []thing
			err := tx.Where("name = 'nobody'").Find(&out).Error
			return out, err
		},
		"uuids": func(tx *db.Tx) (any, error) {
			var out []uuid.UUID
			err := tx.Select(&out, `select id from things order by name`)
			return out, err
		},
		"parameters": func(tx *db.Tx) (any, error) {
			var out []string
			err := tx.Select(&out, `select name from things where tenant_id = @ten and name = any(@names) and created_at < @at and coalesce(ratio, @ratio) < 1
				and on_day is distinct from cast(@day as date) and doc is distinct from cast(@doc as jsonb) order by name`,
				map[string]any{"ten": w.Tenant, "names": db.Strings{"full", "empty"}, "at": time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), "ratio": 0.5, "day": "2027-02-27", "doc": `{}`})
			return out, err
		},
	}
	for name, f := range reads {
		var single, whole any
		require.NoError(t, w.App.DB.Single(ctx, w.Who(), func(tx *db.Tx) (err error) { single, err = f(tx); return err }), name)
		require.NoError(t, w.App.DB.InTenant(ctx, w.Who(), func(tx *db.Tx) (err error) { whole, err = f(tx); return err }), name)
		require.Equal(t, whole, single, name)
		require.NotNil(t, whole)
	}
	// And what they give is what was written.
	require.NoError(t, w.App.DB.Single(ctx, w.Who(), func(tx *db.Tx) error {
		var x thing
		require.NoError(t, tx.Where("name = 'full'").Take(&x).Error)
		require.Equal(t, db.Strings{`a,b`, `"q"`, `\`, ``, `NULL`, `{}`, "é\n"}, x.Labels)
		require.Equal(t, db.IDs[id.MedewerkerID]{id.MedewerkerID(ids[0]), id.MedewerkerID(ids[1])}, x.Coaches)
		require.Equal(t, int64(9223372036854775807), *x.Amount)
		require.True(t, x.At.Equal(time.Date(2027, 1, 11, 6, 0, 0, 123456000, time.UTC)))
		require.JSONEq(t, `{"a":[1,null,"€"],"b":1.50}`, string(x.Doc))
		require.Equal(t, "€ \"quoted\", \\ {brace} \n", *x.Note)
		return nil
	}))
}

func TestInsert_FillsWhatEveryRowCarries(t *testing.T) {
	t.Parallel()
	w := world(t)
	behalf := "medewerker HR"
	who := w.Who()
	who.Actor, who.OnBehalfOf, who.RequestID = "cli_x", &behalf, "req_x"
	x := thing{ID: id.NewSite(), Name: "x", Doc: json.RawMessage(`{}`)}
	require.NoError(t, w.App.DB.InTenant(context.Background(), who, func(tx *db.Tx) error {
		require.Equal(t, time.UTC, tx.Now.Location())
		require.Zero(t, tx.Now.Nanosecond()%1000, "the database keeps microseconds")
		require.NoError(t, db.Insert(tx, &x))
		got, err := db.Get[thing](tx, x.ID)
		require.NoError(t, err)
		require.Equal(t, int64(1), got.Revision)
		require.True(t, got.CreatedAt.Equal(tx.Now) && got.UpdatedAt.Equal(tx.Now))
		require.Equal(t, []any{w.Tenant, "cli_x", &behalf, "req_x"}, []any{got.TenantID, got.ChangedBy, got.OnBehalfOf, got.RequestID})
		require.Positive(t, got.Pos)
		two := []thing{{ID: id.NewSite(), Name: "y", Doc: json.RawMessage(`{}`)}, {ID: id.NewSite(), Name: "z", Doc: json.RawMessage(`{}`)}}
		require.NoError(t, tx.Create(&two).Error)
		require.Equal(t, w.Tenant, two[1].TenantID)
		return nil
	}))
}

func TestChange_WritesOnlyWhatDiffers(t *testing.T) {
	t.Parallel()
	w := world(t)
	note, at, n := "a note", time.Date(2027, 1, 11, 8, 0, 0, 0, time.UTC), int64(5)
	x := thing{ID: id.NewSite(), Name: "x", Note: &note, At: &at, Amount: &n, Labels: db.Strings{"a"}, Doc: json.RawMessage(`{}`)}
	w.Do(func(tx *db.Tx) error { return db.Insert(tx, &x) })
	change := func(who db.Who, edit func(*thing)) (changed bool, after thing) {
		require.NoError(t, w.App.DB.InTenant(context.Background(), who, func(tx *db.Tx) error {
			before, err := db.Lock[thing](tx, x.ID)
			if err != nil {
				return err
			}
			after = before
			edit(&after)
			changed, err = db.Change(tx, before, &after)
			return err
		}))
		return changed, after
	}
	read := func() (x2 thing) {
		w.Do(func(tx *db.Tx) (err error) { x2, err = db.Get[thing](tx, x.ID); return err })
		return x2
	}
	start := read()
	// Nothing that differs: no revision, no position, no row touched.
	changed, _ := change(w.Who(), func(y *thing) {
		same, brussels, five := "a note", at.In(time.FixedZone("CET", 3600)), int64(5)
		y.Note, y.At, y.Amount, y.Labels, y.Coaches = &same, &brussels, &five, db.Strings{"a"}, nil
		y.Revision, y.UpdatedAt, y.ChangedBy = 77, at, "somebody"
	})
	require.False(t, changed)
	require.Equal(t, start, read())

	behalf := "somebody"
	who := w.Who()
	who.Actor, who.OnBehalfOf, who.RequestID = "cli_other", &behalf, "req_other"
	changed, after := change(who, func(y *thing) { y.Note, y.Labels = nil, db.Strings{"a", "b"} })
	require.True(t, changed)
	got := read()
	require.Equal(t, int64(2), got.Revision)
	require.Equal(t, int64(2), after.Revision, "the row in hand is as it was written")
	require.True(t, after.UpdatedAt.Equal(got.UpdatedAt))
	require.Nil(t, got.Note)
	require.Equal(t, db.Strings{"a", "b"}, got.Labels)
	require.Equal(t, "x", got.Name)
	require.Equal(t, []any{"cli_other", &behalf, "req_other"}, []any{got.ChangedBy, got.OnBehalfOf, got.RequestID})
	require.Greater(t, got.Pos, start.Pos)
	require.True(t, got.CreatedAt.Equal(start.CreatedAt))
	_, _ = change(w.Who(), func(y *thing) { y.Note = &note })
	require.Nil(t, read().OnBehalfOf, "who acts for nobody leaves nobody's name")

	// A row that was not locked, and changed meanwhile, is not written over.
	err := w.App.DB.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error {
		stale := start
		stale.Name = "stale"
		_, err := db.Change(tx, start, &stale)
		return err
	})
	require.ErrorContains(t, err, "changed under us")
	require.Equal(t, "x", read().Name)
}

func TestLock_LosesNoChange(t *testing.T) {
	t.Parallel()
	w := world(t)
	x := add(w, "counter", nil)
	var all sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		all.Go(func() {
			errs[i] = w.App.DB.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error {
				before, err := db.Lock[thing](tx, x.ID)
				if err != nil {
					return err
				}
				after, n := before, int64(1)
				if before.Amount != nil {
					n += *before.Amount
				}
				after.Amount = &n
				_, err = db.Change(tx, before, &after)
				return err
			})
		})
	}
	all.Wait()
	require.NoError(t, errors.Join(errs...))
	require.Equal(t, 1, w.Count(`select count(*) from things where tenant_id = $1 and amount = 8 and revision = 9`, w.Tenant.UUID()))
}

func TestTryLock_IsPerTenantAndName(t *testing.T) {
	t.Parallel()
	w, other := world(t), world(t)
	try := func(w *testkit.World, name string) (ok bool) {
		w.Do(func(tx *db.Tx) (err error) { ok, err = tx.TryLock(name); return err })
		return ok
	}
	w.Do(func(tx *db.Tx) error {
		ok, err := tx.TryLock("x")
		require.NoError(t, err)
		require.True(t, ok)
		require.False(t, try(w, "x"))
		require.True(t, try(w, "y"))
		require.True(t, try(other, "x"))
		return nil
	})
	require.True(t, try(w, "x"), "it ends with the transaction")
}

func TestDirectory_FindsATenantByAName(t *testing.T) {
	t.Parallel()
	w, other := world(t), world(t)
	ctx, subject, name := context.Background(), uuid.New(), "link-"+uuid.NewString()
	w.Do(func(tx *db.Tx) error { return tx.Enlist("link", name, subject) })
	found, err := w.App.DB.Resolve(ctx, "link", name)
	require.NoError(t, err)
	require.Equal(t, db.Found{Tenant: w.Tenant, Subject: subject}, found)
	for _, x := range [][2]string{{"client", name}, {"link", name + "x"}, {"link", ""}} {
		_, err := w.App.DB.Resolve(ctx, x[0], x[1])
		require.True(t, fault.Missing.Is(err))
	}
	require.Zero(t, w.Count(`select count(*) from platform.directory d where d::text like '%' || $1 || '%'`, name), "the name itself does not stand there")
	err = other.App.DB.InTenant(ctx, other.Who(), func(tx *db.Tx) error { return tx.Enlist("link", name, subject) })
	require.True(t, fault.Exists.Is(err))
	other.Do(func(tx *db.Tx) error { return tx.Delist("link", name) })
	_, err = w.App.DB.Resolve(ctx, "link", name)
	require.NoError(t, err, "another tenant takes no name away")
	w.Do(func(tx *db.Tx) error { return tx.Delist("link", name) })
	_, err = w.App.DB.Resolve(ctx, "link", name)
	require.True(t, fault.Missing.Is(err))
	require.ErrorContains(t, w.App.DB.InTenant(ctx, w.Who(), func(tx *db.Tx) error {
		require.NoError(t, tx.Enlist("link", name, subject))
		return errors.New("no")
	}), "no")
	_, err = w.App.DB.Resolve(ctx, "link", name)
	require.True(t, fault.Missing.Is(err), "what rolled back is not enlisted")
}

func TestPlatform_SeesNoTenant(t *testing.T) {
	t.Parallel()
	w := world(t)
	add(w, "seen", nil)
	require.NoError(t, w.App.DB.Platform(context.Background(), "test", func(tx pgx.Tx) error {
		var n int
		require.NoError(t, tx.QueryRow(context.Background(), `select (select count(*) from things) + (select count(*) from tenants) + (select count(*) from clients)`).Scan(&n))
		require.Zero(t, n)
		return nil
	}))
}

func TestEachTenant_GoesOverAllOfThem(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	a, b, c := h.Tenant(t), h.Tenant(t), h.Tenant(t)
	left, no := map[id.TenantID]int{a.Tenant: 3, b.Tenant: 1, c.Tenant: 2}, errors.New("no")
	var seen []id.TenantID
	err := h.App.DB.EachTenant(context.Background(), "sweep", func(tx *db.Tx) (bool, error) {
		seen = append(seen, tx.TenantID())
		require.Equal(t, "system:sweep", tx.Actor)
		var n int
		require.NoError(t, tx.Select(&n, `select count(*) from tenants`))
		require.Equal(t, 1, n, "one tenant at a time")
		if tx.TenantID() == b.Tenant {
			return true, no
		}
		left[tx.TenantID()]--
		return left[tx.TenantID()] > 0, nil
	})
	require.ErrorIs(t, err, no)
	require.Equal(t, []id.TenantID{a.Tenant, a.Tenant, a.Tenant, b.Tenant, c.Tenant, c.Tenant}, seen, "one that fails keeps nobody waiting")
	ctx, cancel := context.WithCancel(context.Background())
	runs := 0
	require.ErrorIs(t, h.App.DB.EachTenant(ctx, "sweep", func(*db.Tx) (bool, error) { runs++; cancel(); return true, nil }), context.Canceled)
	require.Equal(t, 1, runs, "who is told to stop stops")
}

// A round that has no time for everybody is gone on with: whoever comes last has a turn too.
func TestEachTenant_GoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	all := []id.TenantID{h.Tenant(t).Tenant, h.Tenant(t).Tenant, h.Tenant(t).Tenant, h.Tenant(t).Tenant, h.Tenant(t).Tenant}
	round := func(reason string, turns int) (seen []id.TenantID) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		err := h.App.DB.EachTenant(ctx, reason, func(tx *db.Tx) (bool, error) {
			if seen = append(seen, tx.TenantID()); len(seen) == turns {
				cancel()
			}
			return false, nil
		})
		if turns < len(all) {
			require.ErrorIs(t, err, context.Canceled)
		}
		return seen
	}
	require.Equal(t, all[:2], round("sweep", 2))
	require.Equal(t, all[2:4], round("sweep", 2))
	require.Equal(t, []id.TenantID{all[4], all[0]}, round("sweep", 2), "after the last comes the first")
	require.Equal(t, all[:2], round("another", 2), "each work has a place of its own")
	require.Equal(t, []id.TenantID{all[1], all[2], all[3], all[4], all[0]}, round("sweep", 10), "and with time enough it goes over all")
}

func TestTranslate_SaysWhatTheDatabaseMeant(t *testing.T) {
	t.Parallel()
	w := world(t)
	add(w, "taken", nil)
	insert := func(name string) error {
		return w.App.DB.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error {
			return db.Insert(tx, &thing{ID: id.NewSite(), Name: name, Doc: json.RawMessage(`{}`)})
		})
	}
	err := insert("taken")
	require.True(t, fault.Exists.Is(err))
	require.True(t, db.IsConstraint(err, "things_name_key"))
	require.False(t, db.IsConstraint(err, "things_pkey"))
	require.True(t, fault.Unprocessable.Is(insert("nul \x00")), "text that PostgreSQL cannot hold")
	err = insert("forbidden")
	require.Error(t, err)
	var f *fault.Error
	require.False(t, errors.As(err, &f), "a rule without a meaning is our mistake, and a secret")
	require.True(t, db.IsConstraint(err, "things_name_check_x"))
	own := errors.New("own")
	require.ErrorIs(t, w.App.DB.InTenant(context.Background(), w.Who(), func(*db.Tx) error { return own }), own)
	require.ErrorIs(t, w.App.DB.InTenant(context.Background(), w.Who(), func(*db.Tx) error { return fault.Missing.Because(own) }), own)
	w.Do(func(tx *db.Tx) error {
		var row struct{ Name string }
		require.True(t, fault.Missing.Is(db.One(tx, &row, `select name from things where name = ?`, "nobody")))
		require.NoError(t, db.One(tx, &row, `select name from things where name = ?`, "taken"))
		return nil
	})
}

func TestPgx_LendsTheTransactionAndNotItsEnd(t *testing.T) {
	t.Parallel()
	w := world(t)
	ctx := context.Background()
	w.Do(func(tx *db.Tx) error {
		require.NoError(t, tx.Pgx(func(p pgx.Tx) error {
			require.Error(t, p.Commit(ctx))
			require.Error(t, p.Rollback(ctx))
			_, err := p.CopyFrom(ctx, pgx.Identifier{"things"}, nil, nil)
			require.Error(t, err)
			nested, err := p.Begin(ctx)
			require.NoError(t, err)
			_, err = nested.Exec(ctx, `insert into waits (tenant_id, id) values ($1, 1)`, w.Tenant.UUID())
			require.NoError(t, err)
			require.NoError(t, nested.Rollback(ctx))
			require.ErrorIs(t, nested.Commit(ctx), pgx.ErrTxClosed)
			nested, err = p.Begin(ctx)
			require.NoError(t, err)
			_, err = nested.Exec(ctx, `insert into parts (tenant_id, id, thing_id) select $1, $2, $2 where false`, w.Tenant.UUID(), uuid.New())
			require.NoError(t, err)
			return nested.Commit(ctx)
		}))
		var n int
		require.NoError(t, tx.Select(&n, `select count(*) from waits`))
		require.Zero(t, n, "a nested transaction rolls back alone")
		return nil
	})
	var kept *db.Tx
	w.Do(func(tx *db.Tx) error { kept = tx; return nil })
	require.Error(t, kept.Select(new(int), `select 1`), "a transaction that is over runs nothing")
}

// The race detector holds this: every request encodes arrays.
func TestStrings_AreWrittenAndReadAtOnce(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	errs, want := make([]error, 8), db.Strings{"a", `b"c`}
	for n := range errs {
		all.Go(func() {
			for range 100 {
				v, err := want.Value()
				var got db.Strings
				if err = errors.Join(err, got.Scan(v)); err != nil || !slices.Equal(want, got) {
					errs[n] = fmt.Errorf("%v became %v: %w", want, got, err)
				}
			}
		})
	}
	all.Wait()
	require.NoError(t, errors.Join(errs...))
}

func TestStrings_AndIDsOutsideTheDatabase(t *testing.T) {
	t.Parallel()
	for _, want := range []db.Strings{{}, {""}, {"a", `b"c`, `d\e`, "f,g", "{h}", "NULL", " ", "ü"}} {
		v, err := want.Value()
		require.NoError(t, err)
		var got db.Strings
		require.NoError(t, got.Scan(v))
		require.Equal(t, want, got)
		require.NoError(t, got.Scan([]byte(v.(string))))
		require.Equal(t, want, got)
	}
	var s db.Strings
	require.NoError(t, s.Scan(nil))
	require.Equal(t, db.Strings{}, s)
	require.Error(t, s.Scan(5))
	require.Error(t, s.Scan("no array"))
	v, err := db.Strings(nil).Value()
	require.NoError(t, err)
	require.Equal(t, "{}", v)
	ids := db.IDs[id.MedewerkerID]{id.NewMedewerker()}
	v, err = ids.Value()
	require.NoError(t, err)
	require.False(t, strings.Contains(v.(string), "mdw"))
	var back db.IDs[id.MedewerkerID]
	require.NoError(t, back.Scan(v))
	require.Equal(t, ids, back)
	require.Error(t, back.Scan("{x}"))
}

func TestPlatformOne_IsOneTransactionThatIsPlannedByIndex(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	ctx := context.Background()
	var seqscan, mode string
	var tenants int
	read := func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&seqscan, &mode, &tenants}, func() error { return nil })
		return err
	}
	ask := `select current_setting('enable_seqscan'), current_setting('plan_cache_mode'), (select count(*) from tenants)::int + $1::int`
	require.NoError(t, w.App.DB.PlatformOne(ctx, "a test", ask, []any{0}, read))
	require.Equal(t, []any{"off", "force_generic_plan", 0}, []any{seqscan, mode, tenants}, "and it sees no tenant's rows")
	// Nothing of it outlives it, on any connection.
	require.NoError(t, w.App.DB.Platform(ctx, "a test", func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `select current_setting('enable_seqscan'), current_setting('plan_cache_mode')`).Scan(&seqscan, &mode)
	}))
	require.Equal(t, []string{"on", "auto"}, []string{seqscan, mode})
	require.ErrorContains(t, w.App.DB.PlatformOne(ctx, "a test", `select 1/0 as x`, nil, func(rows pgx.Rows) error { rows.Close(); return nil }), "a test")
}

// The plan that the server keeps for a statement is made for an average employer; a large one must be able to live with it.
func TestOpen_AKeptPlanStopsAtTheEndOfThePage(t *testing.T) {
	t.Parallel()
	w := testkit.Apart(t, nil).Tenant(t) // others fill the table too, and a plan hangs on what is there
	ctx := context.Background()
	owner, err := pgx.Connect(ctx, w.OwnerURL)
	require.NoError(t, err)
	_, err = owner.Exec(ctx, schema)
	require.NoError(t, errors.Join(err, owner.Close(ctx)))
	large := id.NewOrganisation()
	_, err = w.Super.Exec(ctx, `insert into things (tenant_id, id, organisation_id, name, note, created_at, updated_at, changed_by, request_id)
		select tenant, gen_random_uuid(), case when n % 2 = 0 then $2 else md5((n % 199)::text)::uuid end, 'thing ' || n, repeat('x', 800), now(), now(), 'test', 'test' 
		from generate_series(1, 6000) n, (values (cast($1 as uuid)), ($3), ($4)) t (tenant) order by random()`, w.Tenant.UUID(), large.UUID(), uuid.New(), uuid.New())
	require.NoError(t, err)
	_, err = w.Super.Exec(ctx, `analyze things`)
	require.NoError(t, err)
	plan := func(address string) string {
		d := open(t, address, 1)
		for range 8 {
			require.NoError(t, d.Single(ctx, bound(w, large), func(tx *db.Tx) error {
				var page []struct {
					ID   uuid.UUID
					Note *string
				}
				err := tx.Select(&page, `select id, note from things where tenant_id = ? and organisation_id = ? order by id limit 26`, tx.Scope.Tenant, large)
				require.Len(t, page, 26)
				return err
			}))
		}
		var lines []string
		require.NoError(t, d.InTenant(ctx, bound(w, large), func(tx *db.Tx) error {
			return tx.Pgx(func(p pgx.Tx) error {
				var name string
				err := p.QueryRow(ctx, `select name from pg_prepared_statements where statement like 'select id, note from things where%limit 26' and generic_plans > 0`).Scan(&name)
				require.NoError(t, err, "the server keeps a plan")
				rows, err := p.Query(ctx, `explain (costs off) execute `+pgx.Identifier{name}.Sanitize()+`('`+w.Tenant.UUID().String()+`', '`+large.UUID().String()+`')`, pgx.QueryExecModeSimpleProtocol)
				if err != nil {
					return err
				}
				lines, err = pgx.CollectRows(rows, pgx.RowTo[string])
				return err
			})
		}))
		return strings.Join(lines, "\n")
	}
	kept := plan(w.AppURL)
	require.Contains(t, kept, "Index Scan using things_page")
	require.NotContains(t, kept, "Sort")
	require.Contains(t, kept, "organisation_id = $2", "it knows no parameters")
	and := "?"
	if strings.Contains(w.AppURL, "?") {
		and = "&"
	}
	require.Contains(t, plan(w.AppURL+and+"enable_bitmapscan=on"), "Sort", "a server that may use bitmaps sorts all of a large employer's rows")
}

func TestInTenantOne_WritesWithinItsTenantInOneTransaction(t *testing.T) {
	t.Parallel()
	w, other := testkit.New(t), testkit.New(t)
	ctx := context.Background()
	mine := w.Organisation("Apotheek Zonneveld")
	rename := `update organisations set name = $2 where id = $1 returning tenant_id, name, current_setting('plan_cache_mode') as mode`
	var got []struct {
		TenantID   id.TenantID
		Name, Mode string
	}
	require.NoError(t, w.App.DB.InTenantOne(ctx, other.Who(), &got, rename, mine.UUID(), "theirs"))
	require.Empty(t, got, "another tenant's row is not there")
	require.NoError(t, w.App.DB.InTenantOne(ctx, w.Who(), &got, rename, mine.UUID(), "ours"))
	require.Len(t, got, 1)
	require.Equal(t, w.Tenant, got[0].TenantID)
	require.Equal(t, "force_generic_plan", got[0].Mode)
	require.Equal(t, 1, w.Count(`select count(*) from organisations where id = $1 and name = 'ours'`, mine.UUID()), "it is written")
	err := w.App.DB.InTenantOne(ctx, w.Who(), &got, `with x as (update organisations set name = 'half' where id = $1 returning id) select 1 / (count(*) - 1)::int as mode from x`, mine.UUID())
	require.Error(t, err)
	require.Equal(t, 1, w.Count(`select count(*) from organisations where id = $1 and name = 'ours'`, mine.UUID()), "all of it or nothing")
	require.Error(t, w.App.DB.InTenantOne(ctx, db.Who{}, &got, rename, mine.UUID(), "nobody's"))
	// Nothing of it outlives it, on any connection.
	require.NoError(t, w.App.DB.Platform(ctx, "a test", func(tx pgx.Tx) error {
		var tenant, mode string
		err := tx.QueryRow(ctx, `select coalesce(current_setting('app.tenant_id', true), ''), current_setting('plan_cache_mode')`).Scan(&tenant, &mode)
		require.Equal(t, []string{"", "auto"}, []string{tenant, mode})
		return err
	}))
}

// A connection that breaks while the statement runs leaves open whether it was done.
func TestInTenantOne_SaysWhenNobodyKnows(t *testing.T) {
	t.Parallel()
	w := testkit.Apart(t, nil).Tenant(t)
	ended := make(chan error, 1)
	go func() {
		var none []struct{ X string }
		ended <- w.App.DB.InTenantOne(context.Background(), w.Who(), &none, `select pg_sleep(60)::text as x, 'the canary' as y`)
	}()
	require.Eventually(t, func() bool {
		return w.Count(`select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and query like '%the canary%' and pid <> pg_backend_pid()`) == 1
	}, time.Minute, 5*time.Millisecond)
	require.True(t, fault.OutcomeUnknown.Is(<-ended))
}

func TestPgx_NestedSavepointsAreEachTheirOwn(t *testing.T) {
	t.Parallel()
	w := world(t)
	w.Do(func(tx *db.Tx) error {
		return tx.Pgx(func(p pgx.Tx) error {
			ctx := context.Background()
			add := func(p pgx.Tx, name string) {
				_, err := p.Exec(ctx, `insert into platform.directory (kind, lookup_hash, tenant_id, subject_id) values ('test', sha256($1::text::bytea), $2, $2)`, name, w.Tenant.UUID())
				require.NoError(t, err)
			}
			outer, err := p.Begin(ctx)
			require.NoError(t, err)
			add(outer, "outer "+w.Tenant.String())
			inner, err := outer.Begin(ctx)
			require.NoError(t, err)
			add(inner, "inner "+w.Tenant.String())
			require.NoError(t, inner.Rollback(ctx))
			return outer.Rollback(ctx)
		})
	})
	require.Zero(t, w.Count(`select count(*) from platform.directory where tenant_id = $1 and kind = 'test'`, w.Tenant.UUID()))
}
