package app_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/app"
)

// readDemo reads demo.json, and holds it to its shape.
func readDemo(t *testing.T, data string) app.DemoFile {
	t.Helper()
	path := filepath.Join(data, "demo.json")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	var shape map[string]any
	require.NoError(t, json.Unmarshal(b, &shape))
	require.ElementsMatch(t, []string{"base_url", "platform", "tenants"}, names(shape))
	require.ElementsMatch(t, []string{"client_id", "client_secret"}, names(shape["platform"]))
	for _, tenant := range shape["tenants"].([]any) {
		require.ElementsMatch(t, []string{"slug", "id", "clients"}, names(tenant))
		for _, client := range tenant.(map[string]any)["clients"].([]any) {
			require.ElementsMatch(t, []string{"name", "role", "organisation_id", "client_id", "client_secret"}, names(client))
		}
	}
	var f app.DemoFile
	require.NoError(t, json.Unmarshal(b, &f))
	return f
}

func names(object any) []string {
	var out []string
	for name := range object.(map[string]any) {
		out = append(out, name)
	}
	return out
}

// demoRoles are the clients that each tenant of a demo has.
var demoRoles = []string{"partner_admin", "coordinator", "integration"}

// world counts what a demo holds, and checks that every secret works.
func world(t *testing.T, f app.DemoFile) map[string]int {
	t.Helper()
	count := map[string]int{}
	operator := login(t, f.BaseURL, f.Platform.ClientID, f.Platform.ClientSecret)
	count["tenants"] = len(operator.all(t, "/v1/tenants"))
	for _, tenant := range f.Tenants {
		var roles []string
		for _, c := range tenant.Clients {
			by := login(t, f.BaseURL, c.ClientID, c.ClientSecret)
			who := by.must(t, http.StatusOK, http.MethodGet, "/v1/whoami", nil)
			require.Equal(t, tenant.ID, who["tenant_id"])
			require.Equal(t, c.Role, who["role"])
			require.Equal(t, c.Role == "integration", c.OrganisationID != nil, "only the integration is bound")
			if c.OrganisationID != nil {
				require.Equal(t, *c.OrganisationID, who["organisation_id"])
				require.Len(t, by.all(t, "/v1/opleidingsregistraties"), 1, "the employer that it is bound to has hours to fetch")
			}
			roles = append(roles, c.Role)
			if c.Role != "coordinator" {
				continue
			}
			for _, noun := range []string{"organisations", "medewerkers", "leervragen", "leerplekken", "matches", "opleidingsregistraties", "leerbewijzen", "surveys"} {
				count[noun] += len(by.all(t, "/v1/"+noun))
			}
			for _, exchange := range by.all(t, "/v1/leeruitwisselingen") {
				count[exchange["status"].(string)]++
			}
		}
		require.Equal(t, demoRoles, roles)
	}
	return count
}

func TestDemo_FindsItsWorldAndItsSecretsAgain(t *testing.T) {
	t.Parallel()
	data := filepath.Join(newHome(t), "demo")
	env := environment(filepath.Dir(data))
	p := start(t, env, "demo", "--addr", "127.0.0.1:0", "--data", data)
	first := readDemo(t, data)
	require.Equal(t, p.base, first.BaseURL)
	require.Len(t, first.Tenants, 2)
	found := world(t, first)
	require.Equal(t, map[string]int{"tenants": 2, "organisations": 8, "medewerkers": 8, "leervragen": 4, "leerplekken": 4, "matches": 4,
		"preparing": 2, "completed": 2, "opleidingsregistraties": 2, "leerbewijzen": 4, "surveys": 8}, found)
	require.Contains(t, p.out.String(), "curl -H 'Authorization: Bearer ey")
	require.Equal(t, 0, p.stop())

	p = start(t, env, "demo", "--addr", "127.0.0.1:0", "--data", data)
	second := readDemo(t, data)
	require.Equal(t, p.base, second.BaseURL)
	require.Equal(t, first.Platform, second.Platform)
	require.Equal(t, first.Tenants, second.Tenants)
	require.Equal(t, found, world(t, second), "nothing is made twice")
	require.Equal(t, 0, p.stop())

	require.NoError(t, os.Remove(filepath.Join(data, "demo.json")))
	require.Contains(t, refused(t, env, "demo", "--addr", "127.0.0.1:0", "--data", data), "is gone, and with it the demo's secrets")
}

func TestDemo_BeginsAnewWhereAStartWasCutOff(t *testing.T) {
	t.Parallel()
	data := filepath.Join(newHome(t), "demo")
	env := environment(filepath.Dir(data))
	p := start(t, env, "demo", "--addr", "127.0.0.1:0", "--data", data)
	first := readDemo(t, data)
	p.kill()
	// As if it had been killed just before it had all it wanted.
	path := filepath.Join(data, "database.json")
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	var kept map[string]any
	require.NoError(t, json.Unmarshal(b, &kept))
	kept["seeded"] = false
	b, err = json.Marshal(kept)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, b, 0o600))

	p = start(t, env, "demo", "--addr", "127.0.0.1:0", "--data", data)
	second := readDemo(t, data)
	require.NotEqual(t, first.Platform, second.Platform)
	require.Equal(t, 2, world(t, second)["tenants"])
	require.Equal(t, 0, p.stop())
}

func TestDemo_TouchesNothingThatItDidNotMake(t *testing.T) {
	t.Parallel()
	i, p := install(t)
	require.Equal(t, 0, p.stop())
	require.Contains(t, refused(t, i.env, "demo", "--addr", "127.0.0.1:0", "--data", i.data), "did not make")
	require.NoError(t, os.Remove(filepath.Join(i.data, "database.json")))
	require.Contains(t, refused(t, i.env, "demo", "--addr", "127.0.0.1:0", "--data", i.data), "did not make")
	require.Contains(t, refused(t, i.env, "demo", "--addr", "0.0.0.0:0", "--data", i.data), "loopback")
	with := append(i.env, "DATABASE_URL=postgres://localhost/production")
	require.Contains(t, refused(t, with, "demo", "--addr", "127.0.0.1:0", "--data", i.data), "unset DATABASE_URL")
}
