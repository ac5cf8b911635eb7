package testkit_test

import (
	"context"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// spy is a test that may fail without failing the one that runs it.
type spy struct {
	testing.TB
	failed bool
}

func (s *spy) Helper()               {}
func (s *spy) Log(...any)            {}
func (s *spy) Logf(string, ...any)   {}
func (s *spy) Errorf(string, ...any) { s.failed = true }
func (s *spy) Fatalf(string, ...any) { s.FailNow() }
func (s *spy) FailNow()              { s.failed = true; runtime.Goexit() }

// fails reports whether what f asserts fails.
func fails(t *testing.T, f func(testing.TB)) bool {
	t.Helper()
	s := &spy{TB: t}
	done := make(chan struct{})
	go func() { defer close(done); f(s) }()
	<-done
	return s.failed
}

func TestNew_GivesEachTestATenantOfItsOwn(t *testing.T) {
	t.Parallel()
	a, b := testkit.New(t), testkit.New(t)
	require.Same(t, a.App, b.App)
	require.NotEqual(t, a.Tenant, b.Tenant)
	a.Organisation("a")
	require.Equal(t, 1, a.Coordinator().Get("/v1/organisations").Is(http.StatusOK).Len("data"))
	require.Zero(t, b.Coordinator().Get("/v1/organisations").Is(http.StatusOK).Len("data"))
}

func TestApart_SharesNothingAndMovesItsClock(t *testing.T) {
	t.Parallel()
	h, shared := testkit.Apart(t, nil), testkit.New(t)
	require.NotEqual(t, shared.Name, h.Name)
	w := h.Tenant(t)
	before := time.Now()
	h.Clock.Advance(24 * time.Hour)
	w.Do(func(tx *db.Tx) error {
		require.False(t, tx.Now.Before(before.Add(24*time.Hour).Truncate(time.Microsecond)))
		return nil
	})
	shared.Do(func(tx *db.Tx) error {
		require.True(t, tx.Now.Before(before.Add(24*time.Hour)))
		return nil
	})
	again := h.Again(t)
	require.Equal(t, h.Name, again.Name)
	w.Coordinator().Get("/v1/organisations").Is(http.StatusOK)
}

func TestFixtures_MakeWhatTheyName(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p := w.Pair()
	require.Equal(t, 1, w.Count(`select count(*) from leeruitwisselingen l join matches m on m.tenant_id = l.tenant_id and m.id = l.match_id
		where l.id = $1 and m.id = $2 and m.leeruitwisseling_id = l.id and l.status = 'preparing'`, p.Leeruitwisseling.UUID(), p.Match.UUID()))
}

func TestCaller_IsWhoItSays(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	org := w.Organisation("a")
	mdw := w.Medewerker(org, "Sam")
	for role, c := range map[auth.Role]*testkit.Caller{
		auth.Coordinator: w.Coordinator(), auth.PartnerAdmin: w.Admin(), auth.Employer: w.Employer(org), auth.Switcher: w.Client(auth.Switcher, &org, &mdw),
		auth.Operator: w.Operator(t), auth.Integration: w.Client(auth.Integration, nil, nil, "organisation:read"),
	} {
		a := c.Get("/v1/whoami").Is(http.StatusOK)
		require.Equal(t, string(role), a.Str("role"))
		require.Equal(t, c.Principal.TenantID.String(), a.Str("tenant_id"))
	}
	w.Nobody().Get("/v1/whoami").Problem(http.StatusUnauthorized, "unauthenticated")
}

// The kit that holds everything else to its word is held to its own.
func TestKit_Bites(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	for what, f := range map[string]func(testing.TB){
		"another status": func(t testing.TB) { c.In(t).Get("/v1/organisations").Is(http.StatusTeapot) },
		"another code":   func(t testing.TB) { c.In(t).Get("/v1/organisations?x=1").Problem(http.StatusBadRequest, "not-found") },
		"another field": func(t testing.TB) {
			c.In(t).Get("/v1/organisations?x=1").Problem(http.StatusBadRequest, "invalid-parameter", "y")
		},
		"no problem":                 func(t testing.TB) { c.In(t).Get("/v1/organisations").Problem(http.StatusOK, "x") },
		"a member that is not there": func(t testing.TB) { c.In(t).Get("/v1/organisations").At("nothing") },
		"a row that breaks a rule":   func(t testing.TB) { w.In(t).Organisation("") },
		"a table that is not there":  func(t testing.TB) { w.In(t).Insert("nothing", map[string]any{}) },
		"a transaction that fails":   func(t testing.TB) { w.In(t).Do(func(tx *db.Tx) error { return tx.Select(new(int), "select 1 / 0") }) },
	} {
		require.True(t, fails(t, f), what)
	}
	require.False(t, fails(t, func(t testing.TB) { c.In(t).Get("/v1/organisations").Is(http.StatusOK) }))
}

// An answer that is not as the document says fails a test that never looked at it.
func TestKit_HoldsEveryAnswerToTheDocument(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	w.Insert("organisations", map[string]any{"name": "a", "kind": "profit", "sector": "x", "external_ids": `{"not": "a list of ids"}`})
	require.True(t, fails(t, func(t testing.TB) { w.In(t).Coordinator().Get("/v1/organisations") }) ||
		w.Coordinator().Get("/v1/organisations").Status == http.StatusInternalServerError)
}

func TestLog_KeepsWhatIsSaid(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	a := w.Nobody().Get("/v1/nothing").Is(http.StatusNotFound)
	require.Contains(t, w.Log.String(), a.Header.Get("Request-Id"))
}

// noted has a member that the schema knows values of.
type noted struct {
	State string `json:"state" enums:"open,closed"`
}

var probed = fact.Define("organisation.probed", "Something was noted in a test.", noted{})

// A verb that records what is not in the catalogue fails a test that never looked at it.
func TestKit_HoldsEveryFactToItsSchema(t *testing.T) {
	t.Parallel()
	for state, bad := range map[string]bool{"open": false, "ajar": true} {
		s := &closing{spy: spy{TB: t}}
		w := testkit.New(t).House.Tenant(s)
		require.NoError(t, w.App.DB.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error {
			return probed.Record(tx, fact.Event{Subject: w.Tenant, Revision: 1, Data: noted{state}})
		}))
		for _, f := range s.over {
			f()
		}
		require.Equal(t, bad, s.failed, state)
		if bad {
			_, err := w.Super.Exec(context.Background(), `delete from events where tenant_id = $1`, w.Tenant.UUID())
			require.NoError(t, err)
		}
	}
}

// closing is a test whose end we bring about.
type closing struct {
	spy
	over []func()
}

func (c *closing) Cleanup(f func()) { c.over = append(c.over, f) }
