package app_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// boundLists are the lists whose rows say how a bound caller finds them (page.Bounds), each with its table, the member that
// holds a row's id, and whether it can be followed.
func boundLists(own ids) map[string]struct {
	table, member, in string
	syncs             bool
} {
	type list = struct {
		table, member, in string
		syncs             bool
	}
	out := map[string]list{}
	for _, table := range []string{"organisations", "medewerkers", "leervragen", "leerplekken", "matches", "leeruitwisselingen", "opleidingsregistraties", "surveys", "leerbewijzen", "cohorten"} {
		out["/v1/"+table] = list{table, "id", "true", true}
	}
	employer, cohort := "organisation_id = '"+bareID(own["org"])+"'", "cohort_id = '"+bareID(own["coh"])+"'"
	out["/v1/organisations/"+own["org"]+"/contacts"] = list{"contacts", "id", employer, false}
	out["/v1/organisations/"+own["org"]+"/needs"] = list{"organisation_needs", "id", employer, false}
	out["/v1/cohorten/"+own["coh"]+"/leervragen"] = list{"cohort_leervragen", "leervraag_id", cohort, false}
	out["/v1/cohorten/"+own["coh"]+"/leerplekken"] = list{"cohort_leerplekken", "leerplek_id", cohort, false}
	out["/v1/webhook-deliveries"] = list{"webhook_deliveries", "id", "true", false}
	out["/v1/webhook-recoveries"] = list{"webhook_recoveries", "id", "true", false}
	return out
}

func bareID(typeID string) string {
	u, _ := id.ParseAny(typeID)
	return u.String()
}

// differing are the lists that show a bound caller something else than row-level security does, each with what differs.
func differing(t *testing.T, h *testkit.House, w *testkit.World, own ids, who auth.Principal) (out map[string]string, seen map[string]int) {
	t.Helper()
	ctx := context.Background()
	out, seen = map[string]string{}, map[string]int{}
	token, err := h.App.Tokens.Sign(who, h.Clock.Now())
	require.NoError(t, err)
	handler := h.App.Handler()
	for path, list := range boundLists(own) {
		var want []string
		err := h.App.DB.Snapshot(ctx, db.Caller(who, "bounds"), func(tx *db.Tx) error {
			return tx.Pgx(func(p pgx.Tx) error {
				rows, err := p.Query(ctx, "select cast("+list.member+" as text) from "+list.table+" where "+list.in)
				if err != nil {
					return err
				}
				want, err = pgx.CollectRows(rows, pgx.RowTo[string])
				return err
			})
		})
		require.NoError(t, err)
		// It reads all pages, or, of a list that never ends, until all of these were there.
		read := func(query url.Values, until []string) (got []string, open bool) {
			for {
				a := send(handler, token, http.MethodGet, path+"?"+query.Encode(), "")
				if a.status == http.StatusForbidden || a.status == http.StatusNotFound {
					return nil, false
				}
				require.Equal(t, http.StatusOK, a.status, "%s: %s", path, a.body)
				var page struct {
					Data       []map[string]any `json:"data"`
					NextCursor *string          `json:"next_cursor"`
				}
				require.NoError(t, json.Unmarshal([]byte(a.body), &page))
				for _, row := range page.Data {
					got = append(got, bareID(fmt.Sprint(row[list.member])))
				}
				if page.NextCursor == nil || until != nil && len(missingFrom(got, until)) == 0 {
					return got, true
				}
				query.Del("updated_since")
				query.Set("cursor", *page.NextCursor)
			}
		}
		for _, order := range []string{"created_at", "-created_at"} {
			got, open := read(url.Values{"limit": {"1"}, "sort": {order}}, nil)
			if !open {
				continue
			}
			seen[list.table] += len(got)
			if missing := missingFrom(got, want); len(missing) > 0 || len(got) != len(want) {
				out[list.table] = fmt.Sprintf("by %s it shows %d of %d, and not %v", order, len(got), len(want), missing)
			}
		}
		if list.syncs && seen[list.table] > 0 && out[list.table] == "" { // what another transaction of this PostgreSQL holds back comes later
			got, open := read(url.Values{"limit": {"1"}, "updated_since": {h.Clock.Now().AddDate(0, 0, -300).UTC().Format(time.RFC3339)}}, want)
			require.True(t, open)
			require.Len(t, got, len(want), path)
		}
	}
	return out, seen
}

// missingFrom are those of all that are not among some.
func missingFrom(some, all []string) (out []string) {
	for _, x := range all {
		if !slices.Contains(some, x) {
			out = append(out, x)
		}
	}
	return out
}

// What a list adds for its index must never hide what row-level security shows.
func TestBounds_ListsShowWhatRowLevelSecurityShows(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	own, p := furnish(w, "eigen")
	deepen(w, p)
	_, other := furnish(w, "ander")
	guide := w.Medewerker(p.Receiving, "Bo") // of one day alone
	_, err := w.Super.Exec(context.Background(), `update leeruitwisselingen set day_coach_ids = array[$3::uuid] where tenant_id = $1 and id = $2`,
		w.Tenant.UUID(), p.Leeruitwisseling.UUID(), guide.UUID())
	require.NoError(t, err)
	all := make([]auth.Permission, len(auth.Grants))
	for i, g := range auth.Grants {
		all[i] = g.Permission
	}
	callers := map[string]auth.Principal{
		"sending":   w.Client(auth.Integration, &p.Sending, nil, all...).Principal,
		"receiving": w.Client(auth.Integration, &p.Receiving, nil, all...).Principal,
		"other":     w.Client(auth.Integration, &other.Receiving, nil, all...).Principal,
		"switcher":  w.Client(auth.Switcher, &p.Sending, &p.Switcher).Principal,
		"leercoach": w.Client(auth.Leercoach, &p.Receiving, &p.Coach).Principal,
		"guide":     w.Client(auth.Leercoach, &p.Receiving, &guide).Principal,
	}
	seen := map[string]int{}
	for name, who := range callers {
		different, found := differing(t, h, w, own, who)
		require.Empty(t, different, name)
		for table, n := range found {
			seen[table] += n
		}
	}
	for _, list := range boundLists(own) {
		if list.table != "cohort_leerplekken" { // of which no bound caller sees anything
			require.Positive(t, seen[list.table], "somebody sees %s", list.table)
		}
	}
	// Where the policy shows more than the bounds let through, it is noticed.
	for _, q := range []string{`alter policy binding on surveys using (true)`, `alter policy binding on matches using (true)`, `alter policy binding_select on leerplekken using (true)`} {
		_, err := h.Super.Exec(context.Background(), q)
		require.NoError(t, err)
	}
	_, err = h.Super.Exec(context.Background(), `update leerplekken set status = 'draft' where tenant_id = $1`, w.Tenant.UUID())
	require.NoError(t, err)
	different, _ := differing(t, h, w, own, callers["sending"])
	for _, table := range []string{"surveys", "matches", "leerplekken"} {
		require.NotEmpty(t, different[table], table)
	}
	require.NotContains(t, different, "leervragen")
}

// boundedTables are the tables of the row types that tell bounds; of one that says no table, its folder and name.
func boundedTables(all []source) (out []string) {
	tables, bounded := map[string]string{}, []string{}
	for _, s := range all {
		for _, d := range s.tree.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || s.test || f.Recv == nil {
				continue
			}
			row := s.dir + "." + strings.TrimPrefix(types.ExprString(f.Recv.List[0].Type), "*")
			switch f.Name.Name {
			case "TableName":
				tables[row] = returned(f)
			case "Bounds":
				bounded = append(bounded, row)
			}
		}
	}
	for _, row := range bounded {
		out = append(out, cmp.Or(tables[row], row))
	}
	return out
}

// A house test: which row types tell bounds, so that a new one is held against its policy too.
func TestBounds_AreAllHeldAgainstTheirPolicies(t *testing.T) {
	t.Parallel()
	var held []string
	for _, list := range boundLists(ids{"org": id.NewOrganisation().String(), "coh": id.NewCohort().String()}) {
		held = append(held, list.table)
	}
	require.ElementsMatch(t, held, boundedTables(sources(t)), "a row type that says how bound callers find it stands in boundLists")

	const planted = "package x; func (Site) TableName() string { return `sites` }; func (*Site) Bounds() any { return 1 }; func (Other) Bounds() any { return 1 }"
	tree, err := parser.ParseFile(token.NewFileSet(), "x.go", planted, 0)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"sites", "internal/x.Other"}, boundedTables([]source{{path: "internal/x/x.go", dir: "internal/x", tree: tree}}))
}
