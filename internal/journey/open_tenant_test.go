package journey_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/journey"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
	"github.com/switchingtalent/switchboard/internal/tenant"
)

type object = map[string]any

// signIn tries credentials and returns the answer of the token endpoint.
func signIn(nobody *testkit.Caller, client, secret string) *testkit.Answer {
	return nobody.Post("/oauth/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {client}, "client_secret": {secret}})
}

func slug(w *testkit.World) string { return "n" + w.Slug }

func TestOpenTenant_ItsFirstAdminComesIn(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	operator, nobody := w.Operator(t), w.Nobody()
	a := operator.Post("/v1/tenants", object{"slug": slug(w), "name": " Blenders ", "sandbox": true}).Is(http.StatusCreated)
	require.Equal(t, "Blenders", a.Str("name"))
	require.Equal(t, "no-store", a.Header.Get("Cache-Control"))
	require.Equal(t, "/v1/tenants/"+a.Str("id"), a.Header.Get("Location"))
	require.True(t, strings.HasPrefix(a.Str("admin_client.client_secret"), "sb_test_"))
	operator.Get("/v1/tenants/" + a.Str("id")).Is(http.StatusOK)

	admin := w.Nobody()
	admin.Token = signIn(nobody, a.Str("admin_client.client_id"), a.Str("admin_client.client_secret")).Is(http.StatusOK).Str("access_token")
	me := admin.Get("/v1/whoami").Is(http.StatusOK)
	require.Equal(t, a.Str("id"), me.Str("tenant_id"))
	require.Equal(t, "partner_admin", me.Str("role"))
	require.Equal(t, "sandbox", me.Str("environment"))
	require.Equal(t, slug(w), admin.Get("/v1/tenant").Is(http.StatusOK).Str("slug"))
	admin.Post("/v1/clients", object{"name": "Frontend", "role": "coordinator"}).Is(http.StatusCreated)
	require.Equal(t, 2, admin.Get("/v1/clients").Is(http.StatusOK).Len("data"))
}

func TestOpenTenant_RefusesATakenSlugAndLeavesNothing(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	operator := w.Operator(t)
	for _, s := range []string{w.Slug, "operator"} {
		operator.Post("/v1/tenants", object{"slug": s, "name": "Nog eens " + w.Slug}).Problem(http.StatusConflict, "tenant-slug-taken")
	}
	require.Zero(t, w.Count(`select count(*) from tenants where name = $1`, "Nog eens "+w.Slug))
	codes := make([]int, 4)
	var wg sync.WaitGroup
	for i := range codes {
		wg.Go(func() {
			codes[i] = operator.Post("/v1/tenants", object{"slug": slug(w), "name": "Samen " + w.Slug}).Status
		})
	}
	wg.Wait()
	require.ElementsMatch(t, []int{201, 409, 409, 409}, codes)
	require.Equal(t, 1, w.Count(`select count(*) from clients c join tenants t on t.id = c.tenant_id where t.name = $1`, "Samen "+w.Slug))
}

func TestOpenTenant_RefusesBadInput(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	operator := w.Operator(t)
	for at, bad := range map[string][]any{
		"/slug":    {"", "Blenders", "a--b", "-a", "a b", "a_b", strings.Repeat("a", 41), 5, nil, "a\x00b"},
		"/name":    {"", "  ", strings.Repeat("a", 201), nil},
		"/sandbox": {"yes", nil, 1},
		"/id":      {id.NewTenant()},
	} {
		for _, v := range bad {
			body := object{"slug": slug(w), "name": "Blenders"}
			body[at[1:]] = v
			a := operator.Post("/v1/tenants", body)
			require.Equal(t, http.StatusUnprocessableEntity, a.Status, "%s %v: %s", at, v, a)
			a.Problem(http.StatusUnprocessableEntity, "invalid", at)
		}
	}
	operator.Post("/v1/tenants", object{}).Problem(http.StatusUnprocessableEntity, "invalid", "/slug", "/name")
}

func TestOpenTenant_OnlyTheOperator(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	for _, who := range []*testkit.Caller{w.Admin(), w.Coordinator()} {
		who.Post("/v1/tenants", object{"slug": slug(w), "name": "x"}).Problem(http.StatusForbidden, "forbidden")
		who.Post("/v1/tenants/"+w.Tenant.String()+"/admin-secret", nil).Problem(http.StatusForbidden, "forbidden")
	}
	w.Nobody().Post("/v1/tenants", object{"slug": slug(w), "name": "x"}).Problem(http.StatusUnauthorized, "unauthenticated")
}

func TestOpenTenant_TheSameKeyOpensOne(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	operator := w.Operator(t)
	body := object{"slug": slug(w), "name": "Blenders"}
	first := operator.Post("/v1/tenants", body, "Idempotency-Key", w.Slug).Is(http.StatusCreated)
	again := operator.Post("/v1/tenants", body, "Idempotency-Key", w.Slug).Is(http.StatusCreated)
	require.JSONEq(t, string(first.Body), string(again.Body))
}

func TestAdminSecret_CanBeIssuedAgainUntilItIsUsed(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	operator, nobody := w.Operator(t), w.Nobody()
	opened := operator.Post("/v1/tenants", object{"slug": slug(w), "name": "Blenders"}).Is(http.StatusCreated)
	path := "/v1/tenants/" + opened.Str("id") + "/admin-secret"
	again := operator.Post(path, nil).Is(http.StatusOK)
	require.Equal(t, "no-store", again.Header.Get("Cache-Control"))
	require.Equal(t, opened.Str("admin_client.client_id"), again.Str("client_id"))
	signIn(nobody, again.Str("client_id"), opened.Str("admin_client.client_secret")).Is(http.StatusUnauthorized)
	signIn(nobody, again.Str("client_id"), again.Str("client_secret")).Is(http.StatusOK)
	operator.Post(path, nil).Problem(http.StatusConflict, "admin-secret-used")
	signIn(nobody, again.Str("client_id"), again.Str("client_secret")).Is(http.StatusOK)
}

func TestAdminSecret_IsAuditedInTheTenant(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	operator := w.Operator(t)
	opened := operator.Post("/v1/tenants", object{"slug": slug(w), "name": "Blenders"}).Is(http.StatusCreated)
	operator.Post("/v1/tenants/"+opened.Str("id")+"/admin-secret", nil).Is(http.StatusOK)
	var tid id.TenantID
	require.NoError(t, tid.UnmarshalText([]byte(opened.Str("id"))))
	require.Equal(t, 1, w.Count(`select count(*) from audit where tenant_id = $1 and action = 'client.reissue_first_secret' and actor = $2`,
		tid.UUID(), operator.Principal.ClientID.String()))
}

func TestAdminSecret_NoSuchTenant(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	operator := w.Operator(t)
	for _, tid := range []string{id.NewTenant().String(), tenant.OperatorID.String(), "ten_00000000000000000000000000", "org_01jd8m5x9nf3tvhg5w6rkz2c4q"} {
		operator.Post("/v1/tenants/"+tid+"/admin-secret", nil).Problem(http.StatusNotFound, "not-found")
	}
}

func TestAdminSecret_LivesThreeDaysUnlessRotated(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	operator, nobody := h.Operator(t), w.Nobody()
	lazy := operator.Post("/v1/tenants", object{"slug": "lazy", "name": "Lazy"}).Is(http.StatusCreated)
	quick := operator.Post("/v1/tenants", object{"slug": "quick", "name": "Quick"}).Is(http.StatusCreated)
	admin := w.Nobody()
	admin.Token = signIn(nobody, quick.Str("admin_client.client_id"), quick.Str("admin_client.client_secret")).Is(http.StatusOK).Str("access_token")
	lasting := admin.Post("/v1/clients/"+quick.Str("admin_client.client_id")+"/rotate-secret", object{"overlap_hours": 168}).Is(http.StatusOK).Str("client_secret")

	h.Clock.Advance(72*time.Hour - time.Minute)
	signIn(nobody, quick.Str("admin_client.client_id"), quick.Str("admin_client.client_secret")).Is(http.StatusOK)
	h.Clock.Advance(2 * time.Minute)
	signIn(nobody, quick.Str("admin_client.client_id"), quick.Str("admin_client.client_secret")).Is(http.StatusUnauthorized)
	signIn(nobody, quick.Str("admin_client.client_id"), lasting).Is(http.StatusOK)
	signIn(nobody, lazy.Str("admin_client.client_id"), lazy.Str("admin_client.client_secret")).Is(http.StatusUnauthorized)
	again := h.Operator(t).Post("/v1/tenants/"+lazy.Str("id")+"/admin-secret", nil).Is(http.StatusOK)
	signIn(nobody, again.Str("client_id"), again.Str("client_secret")).Is(http.StatusOK)
}

func TestOpenTenant_FromTheCommandLine(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	require.NoError(t, w.App.Tenants.EnsureOperator(context.Background(), w.App.DB))
	j := journey.OpenTenant{Tenants: w.App.Tenants, Access: w.App.Access}
	var opened journey.OpenedTenant
	var client, secret string
	require.NoError(t, w.App.DB.InTenant(context.Background(), tenant.AsOperator("command line"), func(tx *db.Tx) (err error) {
		if opened, err = j.Open(context.Background(), tx, journey.TenantInput{Slug: slug(w), Name: "Blenders"}); err != nil {
			return err
		}
		c, s, err := w.App.Access.CreateOperator(context.Background(), tx, "Operator's laptop")
		client, secret = c.ID.String(), s
		return err
	}))
	signIn(w.Nobody(), opened.AdminClient.ClientID.String(), opened.AdminClient.ClientSecret).Is(http.StatusOK)
	operator := w.Nobody()
	operator.Token = signIn(w.Nobody(), client, secret).Is(http.StatusOK).Str("access_token")
	operator.Get("/v1/tenants/" + opened.ID.String()).Is(http.StatusOK)

	require.ErrorContains(t, w.App.DB.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error {
		_, err := j.Open(context.Background(), tx, journey.TenantInput{Slug: slug(w) + "x", Name: "x"})
		return err
	}), "only the operator")
	require.ErrorContains(t, w.App.DB.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error {
		_, _, err := w.App.Access.CreateOperator(context.Background(), tx, "x")
		return err
	}), "operator")
}
