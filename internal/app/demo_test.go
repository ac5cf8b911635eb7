package app_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/api"
	"github.com/switchingtalent/switchboard/internal/app"
	"github.com/switchingtalent/switchboard/internal/platform/id"
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

// demoHolds is what each tenant of a demo holds, by noun and by state.
var demoHolds = map[string]map[string]int{
	"medewerkers": {"": 30},
	"leervragen": {"draft": 3, "open": 19, "matched": 3, "answered": 1, "partly_answered": 1, "unanswered": 1, "not_addressed": 1,
		"withdrawn": 1},
	"leerplekken":            {"draft": 3, "published": 26, "withdrawn": 1},
	"matches":                {"draft": 1, "proposed": 1, "accepted": 6, "declined": 1, "lapsed": 1, "cancelled": 1},
	"leeruitwisselingen":     {"preparing": 1, "planned": 1, "in_progress": 1, "completed": 3, "cancelled": 1},
	"opleidingsregistraties": {"": 4},
	"leerbewijzen":           {"issued": 3, "suspended": 1, "revoked": 1, "expired": 1},
	"surveys":                {"scheduled": 1, "invited": 4, "answered": 8, "expired": 2},
	"cohorten":               {"draft": 1, "open": 1, "closed": 1},
	"matching-runs":          {"done": 1, "cancelled": 1},
	"rivals":                 {"": 1},
}

// demoStages are the stages of the employers of both tenants together.
var demoStages = map[string]int{"informed": 1, "interested": 1, "intake": 1, "engaged": 16, "paused": 1, "stopped": 1}

// demoLacks are the states that a demo shows nothing in, by noun and by state, and why; "" is all of them.
var demoLacks = map[string]map[string]string{
	"matching-runs":      {"queued": "its runs are computed as it is made", "running": "its runs are computed as it is made", "failed": "a run fails where the program does"},
	"webhook-endpoints":  {"": "an endpoint is called as soon as it is made, and a demo calls nobody"},
	"webhook-deliveries": {"": "they go to endpoints"},
	"webhook-recoveries": {"": "they are of what an endpoint missed"},
}

// unshown are the states of the nouns of a document, in its lists, that a demo neither holds nor says why not; and what is held, or said, of
// states that are none.
func unshown(t *testing.T, document []byte, holds map[string]map[string]int, lacks map[string]map[string]string) (out []string) {
	t.Helper()
	type schema struct {
		Ref        string `json:"$ref"`
		Enum       []string
		Items      *schema
		Properties map[string]json.RawMessage
	}
	var doc struct {
		Paths map[string]struct {
			Get struct {
				Responses map[string]struct {
					Content map[string]struct{ Schema schema }
				}
			}
		}
		Components struct{ Schemas map[string]schema }
	}
	require.NoError(t, json.Unmarshal(document, &doc))
	member := func(s schema, name string) (out schema) {
		s = doc.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
		// Members of other shapes, an enum with null among them, are no state.
		_ = json.Unmarshal(s.Properties[name], &out)
		return out
	}
	known := map[string]bool{}
	for path, item := range doc.Paths {
		noun := strings.TrimPrefix(path, "/v1/")
		data := member(item.Get.Responses["200"].Content["application/json"].Schema, "data")
		if strings.Contains(noun, "/") || data.Items == nil {
			continue
		}
		for _, name := range []string{"status", "stage"} {
			for _, state := range member(*data.Items, name).Enum {
				at := noun + " " + state
				known[at] = true
				why := lacks[noun][state] + lacks[noun][""]
				if (holds[noun][state] > 0) == (why != "") {
					out = append(out, at)
				}
			}
		}
	}
	for noun, states := range holds {
		for state := range states {
			if state != "" && !known[noun+" "+state] {
				out = append(out, noun+" has no "+state)
			}
		}
	}
	for noun, states := range lacks {
		for state := range states {
			if state != "" && !known[noun+" "+state] {
				out = append(out, noun+" has no "+state)
			}
		}
	}
	slices.Sort(out)
	return out
}

func TestDemo_HoldsSomethingInEveryState(t *testing.T) {
	t.Parallel()
	holds := maps.Clone(demoHolds)
	holds["organisations"] = demoStages
	require.Empty(t, unshown(t, api.OpenAPI, holds, demoLacks))

	later := regexp.MustCompile(`("enum":\s*\[\s*)"preparing"`).ReplaceAll(api.OpenAPI, []byte(`${1}"dreaming", "preparing"`))
	require.Equal(t, []string{"leeruitwisselingen dreaming"}, unshown(t, later, holds, demoLacks), "a new state")
	gone := maps.Clone(holds)
	gone["cohorten"] = map[string]int{"draft": 1, "open": 1, "forgotten": 1}
	require.Equal(t, []string{"cohorten closed", "cohorten has no forgotten"}, unshown(t, api.OpenAPI, gone, demoLacks), "one that is not held, and one that is none")
	require.Contains(t, unshown(t, api.OpenAPI, holds, map[string]map[string]string{"rivals": {"": "no"}}), "matching-runs failed", "no reason")
	excused := maps.Clone(demoLacks)
	excused["cohorten"] = map[string]string{"draft": "it is held"}
	require.Equal(t, []string{"cohorten draft"}, unshown(t, api.OpenAPI, holds, excused), "a reason for what is held")
}

// demoVaries is in how many ways the demo fills a member, at least.
var demoVaries = map[string]map[string]int{
	"sites":         {"name": 20, "street": 20, "kind": 4, "public_transport": 2, "business_park": 2},
	"contacts":      {"decides": 2, "follows_up": 2, "profile": 5},
	"profiles":      {"internal_channels": 15, "competition_sensitivity": 3},
	"needs":         {"development_context": 15, "other_effects": 15},
	"medewerkers":   {"employment": 6, "language": 3, "home_postcode": 7, "max_travel_km": 5, "needs_public_transport": 2, "motivation": 25},
	"leervragen":    {"meaning": 16, "must_cover": 25, "sector_wish": 3, "from_leeruitwisseling_id": 7},
	"leerplekken":   {"sourcing": 3, "languages": 3, "meeting_point": 15, "team": 15},
	"reflections":   {"text": 6, "medium": 5},
	"conversations": {"channel": 3},
}

// world counts what a demo holds, checks that every secret works, and returns what a coordinator reads of each noun.
func world(t *testing.T, f app.DemoFile) (read map[string][]map[string]any) {
	t.Helper()
	operator := login(t, f.BaseURL, f.Platform.ClientID, f.Platform.ClientSecret)
	require.Len(t, operator.all(t, "/v1/tenants"), 2)
	read = map[string][]map[string]any{}
	stages := map[string]int{}
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
			held := map[string]map[string]int{}
			for noun := range demoHolds {
				held[noun] = map[string]int{}
				for _, row := range by.all(t, "/v1/"+noun) {
					status, _ := row["status"].(string)
					held[noun][status]++
					read[noun] = append(read[noun], row)
				}
			}
			require.Equal(t, demoHolds, held)
			believable(t, by)
			for _, o := range by.all(t, "/v1/organisations") {
				stages[o["stage"].(string)]++
				at := "/v1/organisations/" + o["id"].(string)
				read["organisations"] = append(read["organisations"], o)
				read["profiles"] = append(read["profiles"], by.must(t, http.StatusOK, http.MethodGet, at+"/profile", nil))
				for _, part := range []string{"sites", "departments", "contacts", "needs"} {
					read[part] = append(read[part], by.all(t, at+"/"+part)...)
				}
			}
			for _, l := range by.all(t, "/v1/leeruitwisselingen") {
				if l["status"] == "completed" {
					read["reflections"] = append(read["reflections"], by.all(t, "/v1/leeruitwisselingen/"+l["id"].(string)+"/reflections")...)
				}
			}
			read["conversations"] = append(read["conversations"], by.all(t, "/v1/conversations")...)
		}
		require.Equal(t, demoRoles, roles)
	}
	require.Equal(t, demoStages, stages)
	return read
}

// believable holds what a coordinator reads to what can be true: nobody knows how a conversation of tomorrow went, an
// unanswered question does not undo attendance, and rivals are of one trade.
func believable(t *testing.T, by remote) {
	t.Helper()
	sector := map[any]any{}
	for _, o := range by.all(t, "/v1/organisations") {
		sector[o["id"]] = o["sector"]
		for _, c := range by.all(t, "/v1/organisations/"+o["id"].(string)+"/contacts") {
			if c["function"] == "zaakvoerder" {
				require.Equal(t, "owner", c["profile"], "%s runs a business of their own", c["name"])
			}
		}
	}
	for _, r := range by.all(t, "/v1/rivals") {
		require.NotEmpty(t, sector[r["organisation_id"]])
		require.Equal(t, sector[r["organisation_id"]], sector[r["rival_organisation_id"]])
		for _, m := range by.all(t, "/v1/matches") {
			pair := []any{m["sending_organisation_id"], m["receiving_organisation_id"]}
			require.NotEqual(t, []any{r["organisation_id"], r["rival_organisation_id"]}, pair)
			require.NotEqual(t, []any{r["rival_organisation_id"], r["organisation_id"]}, pair)
		}
	}
	unanswered := map[any]bool{}
	for _, q := range by.all(t, "/v1/leervragen") {
		unanswered[q["id"]] = q["status"] == "unanswered"
	}
	answerless := map[any]bool{}
	for _, l := range by.all(t, "/v1/leeruitwisselingen") {
		answerless[l["id"]] = unanswered[l["leervraag_id"]]
		talk := l["kennismakingsgesprek"].(map[string]any)
		at, err := time.Parse(time.RFC3339, talk["starts_at"].(string))
		require.NoError(t, err)
		if called, _ := l["cancellation"].(map[string]any); called != nil {
			require.Contains(t, []string{"illness by switcher", "employer by receiving"}, fmt.Sprint(called["reason"], " by ", called["by_party"]))
		}
		require.True(t, at.Before(time.Now()), "the outcome of a conversation at %s is known", at)
	}
	for _, b := range by.all(t, "/v1/leerbewijzen") {
		if answerless[b["leeruitwisseling_id"]] {
			require.Contains(t, []string{"issued", "expired"}, b["status"])
		}
		if b["status"] == "revoked" {
			require.Equal(t, "leercoach Op vraag van de leercoach, die geen leerbewijs wenst.", fmt.Sprint(b["role"], " ", b["revoke_reason"]), "they did coach")
		}
	}
	families := map[any]bool{}
	for _, m := range by.all(t, "/v1/medewerkers") {
		require.False(t, families[m["family_name"]], "two are called %s: no family of %s", m["family_name"], m["given_name"])
		families[m["family_name"]] = true
	}
	for _, c := range by.all(t, "/v1/cohorten") {
		if c["status"] == "closed" {
			at, err := time.Parse(time.DateOnly, c["terugkommoment_on"].(string))
			require.NoError(t, err)
			require.True(t, at.Before(time.Now()), "its participants have come together")
			require.Len(t, by.all(t, "/v1/cohorten/"+c["id"].(string)+"/leervragen"), 1)
		}
	}
}

var (
	notForShow = regexp.MustCompile(`(?i)\b(test|testing|lorem|ipsum|todo|dummy|foo|the|and|with|this|your|about|employee)\b`)
	someDutch  = regexp.MustCompile(`(?i)\b(de|het|een|van|en|in|ik|je|is|op|om|hoe|met|te|voor|wat|niet|naar|bij|wij|ons|onze|of|aan|dat|samen|uit|er|ook|wie|nog|geen|elke)\b`)
)

// untold says what is wrong with a text of the demo, which stands in the member of that name; nothing is with a name, which has no
// sentence in it, nor with an id where one belongs.
func untold(member, text string) string {
	isID := member == "id" || strings.HasSuffix(member, "_id") || strings.HasSuffix(member, "_ids") || strings.HasPrefix(text, "http")
	switch {
	case !isID && anID.MatchString(text):
		return "shows " + anID.FindString(text)
	case !strings.Contains(text, " "):
		return ""
	case notForShow.MatchString(text):
		return "has " + notForShow.FindString(text)
	case len(strings.Fields(text)) > 7 && !someDutch.MatchString(text):
		return "is not Dutch"
	}
	return ""
}

// eachText gives every text in a document of JSON to f, with the member that it stands in.
func eachText(v any, member string, f func(member, text string)) {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			eachText(inner, name, f)
		}
	case []any:
		for _, inner := range v {
			eachText(inner, member, f)
		}
	case string:
		f(member, v)
	}
}

func TestDemo_ATextThatIsNotForShowIsNoticed(t *testing.T) {
	t.Parallel()
	faults := func(row string) (all []string) {
		var v any
		require.NoError(t, json.Unmarshal([]byte(row), &v), row)
		eachText(v, "", func(member, text string) {
			if fault := untold(member, text); fault != "" {
				all = append(all, member+" "+fault)
			}
		})
		return all
	}
	for _, text := range []string{"Test leervraag", "Lorem ipsum dolor sit amet", "Een dag with de hoofdverpleegkundige", "Comment se passe la distribution du médicament chez vous le matin"} {
		require.NotEmpty(t, faults(fmt.Sprintf(`{"title": %q}`, text)), text)
	}
	for _, text := range []string{"Noor Lindelaar", "Meelopen met de medicatieronde", "Hoe loopt het medicatieproces in een woonzorgcentrum?"} {
		require.Empty(t, faults(fmt.Sprintf(`{"title": %q}`, text)), text)
	}
	dep := id.NewDepartment().String()
	for member, row := range map[string]string{
		"team": `{"team": %q}`, "title": `{"title": "Een dag bij %s"}`, "tasks": `{"coaches": [{"tasks": ["onthalen", %q]}]}`, "for_id_of": `{"for_id_of": %q}`,
	} {
		require.Equal(t, []string{member + " shows " + dep}, faults(strings.ReplaceAll(strings.ReplaceAll(row, "%q", `"`+dep+`"`), "%s", dep)), row)
	}
	require.Empty(t, faults(strings.ReplaceAll(`{"id": "%s", "department_id": "%s", "shown": [{"department_ids": ["%s"]}], "link": "https://demo.example/%s"}`, "%s", dep)))
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
	texts := 0
	titles := map[any]bool{}
	for noun, rows := range found {
		for _, row := range rows {
			eachText(map[string]any(row), "", func(member, text string) {
				if strings.Contains(text, " ") {
					texts++
				}
				require.Empty(t, untold(member, text), "%s, %s: %s", noun, member, text)
			})
			if noun == "leervragen" {
				require.False(t, titles[row["title"]], "told once: %s", row["title"])
				titles[row["title"]] = true
			}
		}
	}
	require.Greater(t, texts, 1000, "there is a lot to read")
	for noun, members := range demoVaries {
		for member, ways := range members {
			filled := map[string]bool{}
			for _, row := range found[noun] {
				value, said := row[member]
				require.True(t, said, "%s have no %s", noun, member)
				filled[fmt.Sprint(value)] = true
			}
			require.GreaterOrEqual(t, len(filled), ways, "%s fill %s in few ways: %v", noun, member, filled)
		}
	}
	require.Contains(t, p.out.String(), "curl -H 'Authorization: Bearer ey")
	require.Equal(t, 0, p.stop())

	p = start(t, env, "demo", "--addr", "127.0.0.1:0", "--data", data)
	second := readDemo(t, data)
	require.Equal(t, p.base, second.BaseURL)
	require.Equal(t, first.Platform, second.Platform)
	require.Equal(t, first.Tenants, second.Tenants)
	for noun, rows := range world(t, second) {
		require.Len(t, rows, len(found[noun]), "%s: nothing is made twice", noun)
	}
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
	world(t, second)
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
