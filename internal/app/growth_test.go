package app_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/app/growth"
	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/seal"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// secrets opens everything that a Box sealed in a tenant, found by the catalogue, and says how often each text was there by
// its column. What does not open is counted under "".
func secrets(t *testing.T, h *testkit.House, tenant uuid.UUID) map[string]map[string]int {
	t.Helper()
	ctx := context.Background()
	rows, err := h.Super.Query(ctx, `select c.relname, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and a.atttypid = 'bytea'::regtype
		where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and col_description(c.oid, a.attnum) = 'pii: secret'
		and (c.relname, a.attname) not in (('client_secrets', 'hash'), ('idempotency_keys', 'answer'))`)
	require.NoError(t, err)
	type column struct{ Table, Name string }
	columns, err := pgx.CollectRows(rows, pgx.RowToStructByPos[column])
	require.NoError(t, err)
	require.NotEmpty(t, columns)
	out := map[string]map[string]int{}
	for _, c := range columns {
		rows, err := h.Super.Query(ctx, `select id, `+c.Name+` from `+c.Table+` where tenant_id = $1 and `+c.Name+` is not null`, tenant)
		require.NoError(t, err)
		of := map[string]int{}
		var row [16]byte
		var sealed []byte
		_, err = pgx.ForEachRow(rows, []any{&row, &sealed}, func() error {
			plain, err := h.Box.Open(sealed, seal.Where{Tenant: tenant, Table: c.Table, Column: c.Name, Row: row})
			if err != nil {
				plain = nil
			}
			of[string(plain)]++
			return nil
		})
		require.NoError(t, err)
		if len(of) > 0 {
			out[c.Table+"."+c.Name] = of
		}
	}
	return out
}

func TestGrowth_WhatIsSealedOpensInItsCopies(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	_, p := furnish(w, "eigen")
	deepen(w, p)
	w.Admin().Post("/v1/webhook-endpoints", map[string]any{"url": "https://ontvanger.example/feiten", "event_types": []string{"*"},
		"headers": []map[string]any{{"name": "X-Sleutel", "value": "sesam"}}}).Is(http.StatusCreated)
	c, err := pgx.Connect(ctx, h.SuperURL)
	require.NoError(t, err)
	defer c.Close(ctx)
	own := secrets(t, h, w.Tenant.UUID())
	require.Subset(t, keys(own), []string{"leerbewijzen.key_sealed", "surveys.link_sealed", "webhook_endpoints.headers", "webhook_secrets.sealed"})
	for column, of := range own {
		require.NotContains(t, of, "", column)
	}

	others := []uuid.UUID{id.NewTenant().UUID(), id.NewTenant().UUID()}
	fan := map[string]int{"organisations": 2}
	_, err = growth.Grow(ctx, c, w.Tenant.UUID(), growth.Into{Tenants: others, Copies: 4, Fan: fan, Box: h.Box})
	require.NoError(t, err)
	_, err = growth.Grow(ctx, c, w.Tenant.UUID(), growth.Into{Tenant: w.Tenant.UUID(), First: 1, Copies: 3, Fan: fan, Box: h.Box})
	require.NoError(t, err)
	for _, tenant := range append(others, w.Tenant.UUID()) {
		got := secrets(t, h, tenant)
		require.Equal(t, keys(own), keys(got))
		for column, of := range own {
			for text, n := range of {
				require.Equal(t, 4*n, got[column][text], "%s: each copy has the secret of its original", column)
			}
			require.NotContains(t, got[column], "", column)
		}
	}

	// Through the door: links stand in answers, and are opened for them.
	token, err := h.App.Tokens.Sign(auth.Principal{TenantID: id.TenantID(others[0]), ClientID: id.NewClient(), Role: auth.PartnerAdmin, Scopes: auth.Of(auth.PartnerAdmin)}, h.Clock.Now())
	require.NoError(t, err)
	for _, path := range []string{"/v1/surveys", "/v1/leerbewijzen", "/v1/webhook-endpoints"} {
		got := send(h.App.Handler(), token, http.MethodGet, path, "")
		require.Equal(t, http.StatusOK, got.status, "%s: %s", path, got.body)
	}

	// Planted: copies that were sealed for the original's row, and an original that was sealed for another's.
	planted := id.NewTenant().UUID()
	_, err = growth.Grow(ctx, c, w.Tenant.UUID(), growth.Into{Tenant: planted, Copies: 2})
	require.NoError(t, err)
	require.Contains(t, secrets(t, h, planted)["leerbewijzen.key_sealed"], "", "what is copied as it is does not open")
	_, err = h.Super.Exec(ctx, `update leerbewijzen set key_sealed = $2 where tenant_id = $1`, w.Tenant.UUID(), sealed(w, "leerbewijzen", "key_sealed", uuid.New()))
	require.NoError(t, err)
	_, err = growth.Grow(ctx, c, w.Tenant.UUID(), growth.Into{Tenant: id.NewTenant().UUID(), Copies: 1, Box: h.Box})
	require.ErrorIs(t, err, seal.ErrUnsealed)
	require.ErrorContains(t, err, "leerbewijzen.key_sealed")
}

func TestGrowth_TenantsAreAsManyAndAsLargeAsAskedFor(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	_, p := furnish(w, "eigen")
	deepen(w, p)
	c, err := pgx.Connect(ctx, h.SuperURL)
	require.NoError(t, err)
	defer c.Close(ctx)
	one, err := growth.Rows(ctx, c, w.Tenant.UUID())
	require.NoError(t, err)
	require.Positive(t, one)

	into := growth.Into{Unchecked: true, Box: h.Box}
	made, err := growth.Settle(ctx, c, w.Tenant.UUID(), 3, 7*one, into)
	require.NoError(t, err)
	rows, err := h.Super.Query(ctx, `select count(*) from leervragen where tenant_id <> $1 group by tenant_id order by 1`, w.Tenant.UUID())
	require.NoError(t, err)
	sizes, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	require.NoError(t, err)
	var leervragen int64
	require.NoError(t, h.Super.QueryRow(ctx, `select count(*) from leervragen where tenant_id = $1`, w.Tenant.UUID()).Scan(&leervragen))
	require.Equal(t, []int64{2 * leervragen, 2 * leervragen, 3 * leervragen}, sizes, "seven copies, three tenants")
	require.InEpsilon(t, 7*one, made, 0.15, "what has a key of its own in a tenant is copied once")

	_, err = growth.Enlarge(ctx, c, w.Tenant.UUID(), 5*one, into)
	require.NoError(t, err)
	large, err := growth.Rows(ctx, c, w.Tenant.UUID())
	require.NoError(t, err)
	require.InEpsilon(t, 5*one, large, 0.15)

	// Planted: with foreign keys checked, what Unchecked made holds all of them; a row that names nobody does not.
	checked := func() error {
		_, err := h.Super.Exec(ctx, `do $$ declare k record; begin
			for k in select conname, conrelid::regclass as t from pg_constraint where contype = 'f' and connamespace = 'public'::regnamespace and conparentid = 0
				and (select relkind from pg_class where oid = conrelid) = 'r' loop
				execute format('update pg_constraint set convalidated = false where conname = %L and conrelid = %L::regclass', k.conname, k.t);
				execute format('alter table %s validate constraint %I', k.t, k.conname);
			end loop; end $$`)
		return err
	}
	require.NoError(t, checked())
	_, err = h.Super.Exec(ctx, `begin; set local session_replication_role = replica; update leervragen set switcher_id = gen_random_uuid() where tenant_id = '`+w.Tenant.UUID().String()+`'; commit`)
	require.NoError(t, err)
	require.Error(t, checked())
}

func TestGrowth_BeginsOnlyWhereThereIsRoom(t *testing.T) {
	t.Parallel()
	require.NoError(t, growth.Room(t.TempDir(), 1))
	require.ErrorContains(t, growth.Room(t.TempDir(), 1<<50), "three times that must be free", "planted: more than any disk has")
	require.Error(t, growth.Room("/nowhere/at/all", 1))
}

// keys are those of a map, in order.
func keys[V any](of map[string]V) []string {
	return slices.Sorted(maps.Keys(of))
}

// Copies are of the past in their times and in the order of changes alike: a checkpoint of each day says nothing wrong about any.
func TestGrowth_WhatChangedLongAgoStandsFarDown(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	h := testkit.Apart(t, nil)
	c, err := pgx.Connect(ctx, h.SuperURL)
	require.NoError(t, err)
	defer c.Close(ctx)
	require.NoError(t, growth.Past(ctx, c))
	w := h.Tenant(t)
	furnish(w, "eigen")
	planted := id.NewTenant().UUID()
	_, err = growth.Grow(ctx, c, w.Tenant.UUID(), growth.Into{Tenant: planted, Copies: 500})
	require.NoError(t, err)
	_, err = growth.Grow(ctx, c, w.Tenant.UUID(), growth.Into{Tenant: w.Tenant.UUID(), First: 1, Copies: 400})
	require.NoError(t, err)
	wrong := func() int {
		return w.Count(`select count(*) from leervragen l where exists (select 1 from platform.checkpoints p where p.pos >= l.pos and p.at < l.updated_at)`)
	}
	require.Zero(t, wrong())
	require.Equal(t, 901, w.Count(`select count(*) from leervragen`))
	require.Less(t, w.Count(`select count(*) from leervragen where tenant_id = $1 and pos > (select pos from platform.checkpoints where at < now() - interval '30 days' order by at desc limit 1)`, w.Tenant.UUID()), 100,
		"of a year's changes those of a month stand above")
	found, err := c.Query(ctx, `select 1 from platform.directory where tenant_id = $1 and kind = 'tenant_slug'`, planted)
	require.NoError(t, err)
	require.True(t, found.Next(), "whoever goes over all tenants finds the copies")
	found.Close()
	// Planted: times that are not those of the places.
	_, err = h.Super.Exec(ctx, `update leervragen set updated_at = now() where tenant_id = $1`, planted)
	require.NoError(t, err)
	require.Zero(t, wrong(), "a change has a new place")
	_, err = h.Super.Exec(ctx, `alter table leervragen disable trigger touch; update leervragen set pos = pos - 40000000`)
	require.NoError(t, err)
	require.Positive(t, wrong())
}

// A plan that reads a table from end to end is found as the program's own connection makes it, with its parameters or without.
func TestGrowth_ScansAreFound(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	heard := growth.NewTap()
	h := testkit.Traced(t, heard)
	w := h.Tenant(t)
	furnish(w, "eigen")
	c, err := pgx.Connect(ctx, h.SuperURL)
	require.NoError(t, err)
	defer c.Close(ctx)
	for range 3 {
		_, err = growth.Grow(ctx, c, w.Tenant.UUID(), growth.Into{Tenant: id.NewTenant().UUID(), Copies: 300, Unchecked: true})
		require.NoError(t, err)
	}
	_, err = c.Exec(ctx, "vacuum analyze")
	require.NoError(t, err)
	heard.Take()
	w.Admin().Get("/v1/leervragen").Is(http.StatusOK)
	said := heard.Take()
	require.NotEmpty(t, said)
	heard.Hear(false)
	w.Admin().Get("/v1/leervragen").Is(http.StatusOK)
	require.Empty(t, heard.Take())

	pool, err := h.App.DB.Pool().Acquire(ctx)
	require.NoError(t, err)
	defer pool.Release()
	scope := said[0]
	scope.SQL, scope.Args = `select id from leervragen where tenant_id = $1 and id = $2`, []any{w.Tenant.UUID(), uuid.Nil}
	found, planned, err := growth.Scans(ctx, pool.Conn(), append(said, scope, scope), 1)
	require.NoError(t, err)
	require.Empty(t, found)
	require.Positive(t, planned)
	planted := growth.Said{SQL: `select id from leervragen where title = $1`, Args: []any{"nergens"}}
	found, planned, err = growth.Scans(ctx, pool.Conn(), []growth.Said{planted, {SQL: "commit"}}, 1)
	require.NoError(t, err)
	require.Equal(t, 1, planned)
	require.NotEmpty(t, found)
	require.Contains(t, found[0], "leervragen is read from end to end")
	found, _, err = growth.Scans(ctx, pool.Conn(), []growth.Said{planted}, 1_000_000)
	require.NoError(t, err)
	require.Empty(t, found, "what is small may be")
}
