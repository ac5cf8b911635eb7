package tenant_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
	"github.com/switchingtalent/switchboard/internal/tenant"
)

type object = map[string]any

func TestTenant_ChangesItsOwnSettings(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	admin := w.Admin()
	before := admin.Get("/v1/tenant").Is(http.StatusOK)
	require.Equal(t, "Europe/Brussels", before.Str("zone"))
	require.Equal(t, []any{"sending", "receiving"}, before.At("required_parties"))
	require.InDelta(t, 14, before.Num("survey_delay_days"), 0)

	after := admin.Patch("/v1/tenant", object{"name": " Blenders ", "zone": "Europe/Paris", "lang": "fr", "primary_colour": "#1D4E5F", "accent_colour": "#f2a541",
		"required_parties": []string{"switcher", "receiving", "sending"}, "survey_delay_days": 0}, "If-Match", before.Header.Get("ETag")).Is(http.StatusOK)
	require.Equal(t, "Blenders", after.Str("name"))
	require.Equal(t, "#1d4e5f", after.Str("primary_colour"))
	require.Equal(t, []any{"sending", "receiving", "switcher"}, after.At("required_parties"))
	require.InDelta(t, 2, after.Num("revision"), 0)
	require.Equal(t, string(after.Body), string(admin.Get("/v1/tenant").Is(http.StatusOK).Body))

	admin.Patch("/v1/tenant", object{"primary_colour": nil}, "If-Match", after.Header.Get("ETag")).Is(http.StatusOK)
	require.Nil(t, admin.Get("/v1/tenant").At("primary_colour"))
	require.Equal(t, []string{"tenant.updated", "tenant.updated"}, w.EventTypes(w.Tenant.String()))
}

func TestTenant_NothingChangedIsNoFact(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	a := w.Admin().Patch("/v1/tenant", object{"lang": "nl", "required_parties": []string{"receiving", "sending"}}, "If-Match", `"1"`).Is(http.StatusOK)
	require.InDelta(t, 1, a.Num("revision"), 0)
	require.Empty(t, w.EventTypes(w.Tenant.String()))
}

func TestTenant_RefusesBadSettings(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	admin := w.Admin()
	for at, bad := range map[string][]any{
		"/name":              {"", " ", nil, 7, strings.Repeat("a", 201), "a\x00"},
		"/zone":              {"Mars/Olympus", "Local", "", nil, "../etc/passwd", strings.Repeat("a", 61)},
		"/lang":              {"de", "NL", "", nil},
		"/primary_colour":    {"red", "#12345", "#12345g", "#1234567", "", 5},
		"/accent_colour":     {"1d4e5f0"},
		"/required_parties":  {[]string{}, []string{"sending"}, []string{"sending", "receiving", "receiving"}, nil, "sending"},
		"/survey_delay_days": {-1, 366, 1.5, "14", nil},
		"/slug":              {"other"},
		"/sandbox":           {true},
		"/tenant_id":         {id.NewTenant()},
	} {
		for _, v := range bad {
			a := admin.Patch("/v1/tenant", object{at[1:]: v}, "If-Match", `"1"`)
			require.Equal(t, http.StatusUnprocessableEntity, a.Status, "%s %v: %s", at, v, a)
			a.Problem(http.StatusUnprocessableEntity, "invalid", at)
		}
	}
	admin.Patch("/v1/tenant", object{"required_parties": []string{"sending", "receiving", "family"}}, "If-Match", `"1"`).
		Problem(http.StatusUnprocessableEntity, "invalid", "/required_parties/2")
	require.InDelta(t, 1, admin.Get("/v1/tenant").Num("revision"), 0)
}

func TestTenant_NeedsTheRevisionThatWasRead(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	admin := w.Admin()
	admin.Patch("/v1/tenant", object{"lang": "fr"}).Problem(http.StatusPreconditionRequired, "if-match-required")
	admin.Patch("/v1/tenant", object{"lang": "fr"}, "If-Match", `"7"`).Problem(http.StatusPreconditionFailed, "revision-mismatch")
	codes := make([]int, 4)
	var wg sync.WaitGroup
	for i, lang := range []string{"fr", "en", "fr", "en"} {
		wg.Go(func() { codes[i] = admin.Patch("/v1/tenant", object{"lang": lang}, "If-Match", `"1"`).Status })
	}
	wg.Wait()
	require.ElementsMatch(t, []int{200, 412, 412, 412}, codes, "of those who read the same, one wins")
}

func TestTenant_EveryRoleReadsAndOnlyAdminsWrite(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	org := w.Organisation("Durabrik")
	mdw := w.Medewerker(org, "Sam")
	for _, who := range []*testkit.Caller{w.Coordinator(), w.Employer(org), w.Client(auth.Switcher, &org, &mdw), w.Client(auth.Leercoach, &org, &mdw),
		w.Client(auth.Viewer, nil, nil), w.Client(auth.Integration, &org, nil, "tenant:read")} {
		require.Equal(t, w.Tenant.String(), who.Get("/v1/tenant").Is(http.StatusOK).Str("id"))
		who.Patch("/v1/tenant", object{"lang": "fr"}, "If-Match", `"1"`).Problem(http.StatusForbidden, "forbidden")
		who.Get("/v1/tenants").Problem(http.StatusForbidden, "forbidden")
		who.Get("/v1/tenants/"+w.Tenant.String()).Problem(http.StatusForbidden, "forbidden")
	}
	w.Client(auth.Integration, nil, nil, "event:read").Get("/v1/tenant").Problem(http.StatusForbidden, "forbidden")
}

func TestOperator_SeesThatTenantsAreThereAndNothingElse(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	a, b := h.Tenant(t), h.Tenant(t)
	a.Organisation("Kanarie van A")
	operator := h.Operator(t)
	list := operator.Get("/v1/tenants?limit=1").Is(http.StatusOK)
	require.Equal(t, a.Tenant.String(), list.Str("data.0.id"), "the operator's own tenant is none")
	require.Equal(t, true, list.At("has_more"))
	next := operator.Get("/v1/tenants?limit=1&cursor=" + list.Str("next_cursor")).Is(http.StatusOK)
	require.Equal(t, b.Tenant.String(), next.Str("data.0.id"))
	require.Equal(t, false, next.At("has_more"))
	require.Equal(t, b.Tenant.String(), operator.Get("/v1/tenants?sort=-created_at").Is(http.StatusOK).Str("data.0.id"))
	one := operator.Get("/v1/tenants/" + a.Tenant.String()).Is(http.StatusOK)
	require.Equal(t, a.Slug, one.Str("slug"))
	require.NotContains(t, string(one.Body), "zone")

	for _, tid := range []string{id.NewTenant().String(), tenant.OperatorID.String(), "ten_00000000000000000000000000", "org_01jd8m5x9nf3tvhg5w6rkz2c4q", "x"} {
		operator.Get("/v1/tenants/"+tid).Problem(http.StatusNotFound, "not-found")
	}
	for _, path := range []string{"/v1/organisations", "/v1/clients", "/v1/tenant"} {
		require.NotContains(t, string(operator.Get(path).Body), "Kanarie")
	}
	operator.Get("/v1/organisations").Problem(http.StatusForbidden, "forbidden")
	// Not even past the doors: the policies show the operator's scope no row of a tenant but the tenant itself.
	who := tenant.AsOperator("test")
	require.NoError(t, h.App.DB.InTenant(context.Background(), who, func(tx *db.Tx) error {
		var n int
		require.NoError(t, tx.Select(&n, `select (select count(*) from organisations) + (select count(*) from clients where tenant_id <> ?) + (select count(*) from events)`, tenant.OperatorID))
		require.Zero(t, n)
		return nil
	}))
}

func TestEnsureOperator_Once(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wg.Go(func() { errs[i] = h.App.Tenants.EnsureOperator(context.Background(), h.App.DB) })
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	w := h.Tenant(t)
	require.Equal(t, 1, w.Count(`select count(*) from tenants where id = $1`, tenant.OperatorID.UUID()))
	require.Equal(t, 1, w.Count(`select count(*) from platform.directory where tenant_id = $1`, tenant.OperatorID.UUID()))
	require.Zero(t, w.Count(`select count(*) from clients where tenant_id = $1`, tenant.OperatorID.UUID()), "nobody is there until somebody makes them")
}

func TestSettings_WhateverBindsTheCaller(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	org := w.Organisation("Durabrik")
	w.Admin().Patch("/v1/tenant", object{"zone": "Pacific/Auckland", "required_parties": []string{"sending", "receiving", "leercoach"}}, "If-Match", `"1"`).Is(http.StatusOK)
	for _, c := range []*testkit.Caller{w.Coordinator(), w.Employer(org)} {
		require.NoError(t, w.App.DB.Snapshot(context.Background(), db.Caller(c.Principal, "req"), func(tx *db.Tx) error {
			s, err := w.App.Tenants.Settings(tx)
			require.NoError(t, err)
			require.Equal(t, "Pacific/Auckland", s.Zone.String())
			require.Equal(t, []string{"sending", "receiving", "leercoach"}, s.RequiredParties)
			require.Equal(t, w.Slug, s.Slug)
			return nil
		}))
	}
}
