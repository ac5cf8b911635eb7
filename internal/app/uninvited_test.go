package app_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// Who has no token is attacked with, too: every door that asks for none, documented or not, is asked for each of another tenant's
// ids, in every parameter of path and query. It reads the table of routes, so a new public door is here by itself.

// openly are the doors at which another tenant's id is answered otherwise than one that nobody has, and why. Not even there does
// the answer hold a text or another id of that tenant.
var openly = map[string]string{
	"GET /check/:id":                    "whoever has a certificate's address may see whether it holds, without a name",
	"GET /.well-known/webhook-keys/:id": "whoever gets a delivery checks it by the keys of its endpoint, which are public",
}

// pressed are the words of buttons, which stand in paths behind ids.
var pressed = []string{"test", "enable", "pause", "resume", "rotate-secret", "resend", "cancel", "anything"}

// guest is somebody without a token: at most with a link of its own, whose pages have forms.
type guest struct{ name, link, form string }

// host is whom guests must learn nothing of.
type host struct {
	mark string
	ids  []ids
}

// hidden says what an answer shows that it must not, but for the id that was asked for.
func (h host) hidden(answer, asked string) string {
	if strings.Contains(answer, h.mark) {
		return h.mark
	}
	for _, all := range h.ids {
		for _, one := range all {
			if one != asked && strings.Contains(answer, one) {
				return one
			}
		}
	}
	return ""
}

// intrusion is one request without a token, for an id of another or for a page of one's own; and the same for an id that nobody has.
type intrusion struct {
	by                         guest
	door, method, path, accept string
	asked                      string // empty: one's own
	nobody, unasked            string // the path, with an id of nobody's
}

// intrusions are all that a guest can ask at the public doors of a table, for some ids by their prefix.
func intrusions(t *testing.T, routes []web.Route, g guest, prey map[string][]string) (out []intrusion) {
	t.Helper()
	queries := map[string][]string{}
	for _, o := range operations(t) {
		queries[o.Method+" "+braces.ReplaceAllString(o.Path, ":$1")] = o.Documented
	}
	for _, r := range routes {
		if r.Permission != auth.Public {
			continue
		}
		one := intrusion{by: g, door: r.Method + " " + r.Path, method: r.Method}
		spots := colons.FindAllString(r.Path, -1)
		for _, q := range queries[one.door] {
			spots = append(spots, "?"+q)
		}
		for _, accept := range []string{"text/html", "application/json"} {
			paths := []string{r.Path}
			if strings.Contains(r.Path, ":action") {
				paths = nil
				for _, word := range pressed {
					paths = append(paths, strings.ReplaceAll(r.Path, ":action", word))
				}
			}
			for _, path := range paths {
				at := func(spot, value string) string {
					full := path
					if strings.HasPrefix(spot, "?") {
						full += spot + "=" + value
					} else {
						full = strings.ReplaceAll(full, spot, value)
					}
					return colons.ReplaceAllStringFunc(full, func(other string) string {
						if other == ":token" && g.link != "" {
							return g.link
						}
						return "nobody"
					})
				}
				one.accept = accept
				if r.Method == http.MethodGet { // what a guest does to its own link is its own
					own := one
					own.path = at(":nothing", "")
					out = append(out, own)
				}
				for _, spot := range spots {
					if !strings.HasPrefix(spot, "?") && !strings.Contains(path, spot) {
						continue // it is a word
					}
					if spot == ":token" && path != paths[0] {
						continue // no link, so no button behind it
					}
					for prefix, all := range prey {
						foreign := one
						foreign.unasked = random(prefix)
						foreign.nobody = at(spot, foreign.unasked)
						for _, theirs := range all {
							foreign.asked, foreign.path = theirs, at(spot, theirs)
							out = append(out, foreign)
						}
					}
				}
			}
		}
	}
	return out
}

// enter makes a request without a token.
func (i intrusion) enter(door http.Handler, path string) replied {
	request := httptest.NewRequest(i.method, path, http.NoBody)
	if i.method != http.MethodGet {
		request = httptest.NewRequest(i.method, path, strings.NewReader(url.Values{"form_token": {i.by.form}}.Encode()))
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	request.Header.Set("Accept", i.accept)
	w := httptest.NewRecorder()
	door.ServeHTTP(w, request)
	return replied{w.Code, w.Header().Get("Location") + " " + w.Body.String()}
}

// intrude asks every public door of a table for a host's ids. It says what was wrong, and at which doors such an id was answered
// otherwise than one that nobody has.
func intrude(t *testing.T, door http.Handler, routes []web.Route, guests []guest, h host) (wrong []string, otherwise map[string]bool, made int) {
	t.Helper()
	prey := map[string][]string{}
	for _, all := range h.ids {
		for prefix, one := range all {
			if !slices.Contains(prey[prefix], one) {
				prey[prefix] = append(prey[prefix], one)
			}
		}
	}
	otherwise = map[string]bool{}
	for _, g := range guests {
		missing := map[string]string{} // by the path with nobody's id, and what is accepted
		for _, i := range intrusions(t, routes, g, prey) {
			ask := func(path, asked string) string {
				made++
				got := i.enter(door, path)
				if got.status >= 500 {
					wrong = append(wrong, fmt.Sprintf("%s answers %d", i.door, got.status))
				}
				return got.retold([]string{asked})
			}
			if i.asked == "" {
				if found := h.hidden(ask(i.path, ""), ""); found != "" {
					wrong = append(wrong, fmt.Sprintf("%s shows %s to %s, who asks for nothing", i.door, found, g.name))
				}
				continue
			}
			if missing[i.nobody+i.accept] == "" {
				missing[i.nobody+i.accept] = ask(i.nobody, i.unasked)
			}
			answer := ask(i.path, i.asked)
			if found := h.hidden(answer, i.asked); found != "" {
				wrong = append(wrong, fmt.Sprintf("%s shows %s to %s, who asks for %s", i.door, found, g.name, i.asked))
			} else if answer != missing[i.nobody+i.accept] {
				if otherwise[i.door] = true; openly[i.door] == "" {
					wrong = append(wrong, fmt.Sprintf("%s tells %s that there is a %s: %.200s", i.door, g.name, i.asked, answer))
				}
			}
		}
	}
	return wrong, otherwise, made
}

// invited is a guest with a link to the console.
func invited(c *testkit.Caller, w *testkit.World, name string) guest {
	path := strings.TrimPrefix(c.Post("/v1/webhook-console-links", `{"minutes":1440}`).Is(201).Str("url"), testkit.PublicURL)
	form := regexp.MustCompile(`name="form_token" value="([^"]+)"`).FindStringSubmatch(string(w.Nobody().Get(path).Is(200).Body))
	require.NotNil(w.T, form)
	return guest{name, strings.TrimPrefix(path, "/console/"), form[1]}
}

// hosting furnishes a tenant that every public door would find, with a link into it for another employer of its own.
func hosting(t *testing.T, h *testkit.House) (*testkit.World, host, guest) {
	t.Helper()
	b := h.Tenant(t)
	furnished, far := furnish(b, canary)
	admin, found := b.Admin(), host{canary, []ids{furnished}}
	for _, o := range operations(t) {
		if o.Permission == auth.Public && len(o.InPath) > 0 {
			own, p := furnish(b, canary)
			require.NotNil(t, ready[o.ID], "%s: how is what it shows found without a token?", o.ID)
			ready[o.ID](b, admin, own, p)
			found.ids = append(found.ids, own)
		}
	}
	_, other := furnish(b, "eigen")
	require.NotEqual(t, far.Sending, other.Sending)
	return b, found, invited(integration(b, other.Sending), b, "another employer's guest")
}

func TestAttack_WhoHasNoToken(t *testing.T) {
	t.Parallel()
	house := testkit.Apart(t, nil)
	b, theirs, neighbours := hosting(t, house)
	a := house.Tenant(t)
	own, _ := furnish(a, "eigen")
	visitor := invited(a.Admin(), a, "another tenant's guest")
	before := fingerprint(t, house, b.Tenant)
	wrong, otherwise, made := intrude(t, house.App.Handler(), house.App.Routes(), []guest{{name: "anybody"}, visitor, neighbours}, theirs)
	require.Empty(t, wrong)
	require.Empty(t, gone(openly, otherwise), "a door that tells nothing of a foreign id asks for no reason, or what it would tell was not furnished")
	require.Equal(t, before, fingerprint(t, house, b.Tenant), "not a row of the other tenant changed")
	require.NotContains(t, house.Log.String(), canary)
	control := a.Nobody().Post("/console/"+visitor.link+"/endpoints/"+own["whe"]+"/pause", url.Values{"form_token": {visitor.form}})
	require.Less(t, control.Status, 400, "the control: the buttons are pressed as a guest may press its own: %s", control)
	t.Logf("%d requests", made)
}

// Public doors that show another tenant's names, its ids, or only that something is there.
func TestAttack_WhoHasNoTokenFindsADoorThatTellsTooMuch(t *testing.T) {
	t.Parallel()
	house := testkit.Apart(t, nil)
	b, theirs, neighbours := hosting(t, house)
	type req struct {
		ID string `uri:"id"`
	}
	planted := func(path, column string) web.Route {
		return web.Open(http.MethodGet, path, http.StatusOK, func(ctx context.Context, d *db.DB, in req) (web.HTML, error) {
			u, err := id.ParseAny(in.ID)
			if err != nil {
				return web.HTML{}, fault.Missing.New()
			}
			var row struct {
				ID uuid.UUID
				Of string
			}
			err = d.Single(ctx, db.System(b.Tenant, "planted"), func(tx *db.Tx) error {
				return db.One(tx, &row, `select id, `+column+` as of from leerplekken where tenant_id = ? and id = ?`, b.Tenant, u)
			})
			return web.HTML{Status: http.StatusOK, Type: "text/plain", Bytes: []byte(row.Of)}, err
		}, web.Undocumented)
	}
	broken := web.Open(http.MethodGet, "/broken", http.StatusOK, func(context.Context, *db.DB, struct{}) (web.HTML, error) {
		return web.HTML{}, errors.New("planted")
	}, web.Undocumented)
	routes := []web.Route{broken, planted("/fiche/:id", "title"), planted("/of/:id", `'mdw_' || cast(organisation_id as text)`), planted("/there/:id", `''`)}
	wrong, otherwise, _ := intrude(t, doors(t, house, routes, asItIs), routes, []guest{{name: "anybody"}, neighbours}, theirs)
	lpl := theirs.ids[0]["lpl"]
	require.Contains(t, wrong, "GET /fiche/:id shows "+canary+" to anybody, who asks for "+lpl)
	require.Contains(t, wrong, "GET /broken answers 500", "a page of one's own that breaks")
	require.True(t, otherwise["GET /there/:id"])
	require.True(t, slices.ContainsFunc(wrong, func(s string) bool { return strings.HasPrefix(s, "GET /there/:id tells anybody that there is a "+lpl) }), wrong)
	require.True(t, slices.ContainsFunc(wrong, func(s string) bool { return strings.HasPrefix(s, "GET /of/:id tells anybody that there is a "+lpl) }), wrong)
	org := theirs.ids[0]["org"]
	require.Equal(t, org, theirs.hidden(`{"id":"`+lpl+`","organisation_id":"`+org+`"}`, lpl), "an id beside that which was asked for")
}
