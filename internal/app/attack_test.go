package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/api"
	"github.com/switchingtalent/switchboard/internal/app"
	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/seal"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// The attack matrix reads the API document: every operation, every place where an id can stand, and tries another
// tenant's id, or an id outside the caller's binding, there. It must answer as to an id that nobody has. A new operation
// is attacked without anybody adding it here.

// canary stands in every text of the tenant and the employers that must not be seen.
const canary = "CANARY"

var anID = regexp.MustCompile(`\b([a-z]{3})_[0-7][0-9a-hjkmnp-tv-z]{25}\b`)

// place is one id in one request of an operation: in its path, its query, or its body, there by its JSON pointer.
type place struct{ In, Name, Prefix string }

// operation is what the matrix needs of an operation of the document.
type operation struct {
	Method, Path, ID string
	Permission       auth.Permission
	InPath           map[string]string   // parameter → prefix
	Query            map[string][]string // parameter → prefixes
	InBody           []place             // every id that its schema allows, whether the example has it or not
	Body             string              // the example
	Documented       []string            // the names of the parameters in its query
}

// schema is what the matrix reads of a schema.
type schema struct {
	Ref        string             `json:"$ref"`
	Pattern    string             `json:"pattern"`
	Examples   []json.RawMessage  `json:"examples"`
	Items      *schema            `json:"items"`
	Properties map[string]*schema `json:"properties"`
	OneOf      []*schema          `json:"oneOf"`
	AnyOf      []*schema          `json:"anyOf"`
	AllOf      []*schema          `json:"allOf"`
}

// idPattern finds what an id may begin with in the pattern of a text: ^org_…, ^(mdw|con)_…, ^[a-z]{3}_…
var idPattern = regexp.MustCompile(`^\^\(?([a-z]{3}(?:\|[a-z]{3})*|\[a-z\]\{3\})\)?_\[0-7\]`)

// prefixes are what an id of such a pattern may begin with; "*" is anything; none: it is no id.
func prefixes(pattern string) []string {
	m := idPattern.FindStringSubmatch(pattern)
	switch {
	case m == nil:
		return nil
	case strings.HasPrefix(m[1], "["):
		return []string{"*"}
	}
	return strings.Split(m[1], "|")
}

func operations(t *testing.T) []operation {
	t.Helper()
	permissions := map[string]auth.Permission{}
	for _, r := range (&app.App{}).Routes() {
		permissions[r.Method+" "+colons.ReplaceAllString(r.Path, "{$1}")] = r.Permission
	}
	out := operationsOf(t, api.OpenAPI)
	for i, o := range out {
		out[i].Permission = permissions[o.Method+" "+o.Path]
		if o.Body != "" {
			out[i].Body = without(t, json.RawMessage(o.Body), hostsOwn[o.ID])
			out[i].InBody = slices.DeleteFunc(o.InBody, func(p place) bool {
				return hostsOwn[o.ID] != "" && strings.HasPrefix(p.Name+"/", "/"+hostsOwn[o.ID]+"/")
			})
		}
	}
	return out
}

var colons = regexp.MustCompile(`:([a-z_]+)`)

// operationsOf reads a document.
func operationsOf(t *testing.T, document []byte) []operation {
	t.Helper()
	type parameter struct {
		Ref, Name, In string
		Schema        schema
	}
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Parameters  []parameter
			RequestBody struct {
				Content map[string]struct{ Schema schema }
			}
		}
		Components struct{ Schemas map[string]*schema }
	}
	require.NoError(t, json.Unmarshal(document, &doc))
	look := func(s *schema) *schema {
		for s.Ref != "" {
			named := doc.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
			require.NotNil(t, named, s.Ref)
			s = named
		}
		return s
	}
	// inside finds every id below a schema: an element of a list is its first one.
	var inside func(s *schema, pointer string, depth int) []place
	inside = func(s *schema, pointer string, depth int) (out []place) {
		s = look(s)
		require.Less(t, depth, 20, pointer)
		for _, prefix := range prefixes(s.Pattern) {
			out = append(out, place{"body", pointer, prefix})
		}
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			out = append(out, inside(s.Properties[name], pointer+"/"+name, depth+1)...)
		}
		if s.Items != nil {
			out = append(out, inside(s.Items, pointer+"/0", depth+1)...)
		}
		for _, one := range slices.Concat(s.OneOf, s.AnyOf, s.AllOf) {
			out = append(out, inside(one, pointer, depth+1)...)
		}
		return out
	}
	var out []operation
	all := map[string]bool{} // what an id of anything may begin with: whatever a request names
	for path, item := range doc.Paths {
		for method, op := range item {
			o := operation{Method: strings.ToUpper(method), Path: path, ID: op.OperationID, InPath: map[string]string{}, Query: map[string][]string{}}
			for _, p := range op.Parameters {
				s := look(&p.Schema)
				if s.Items != nil {
					s = look(s.Items)
				}
				if p.In == "query" {
					o.Documented = append(o.Documented, p.Name)
				}
				switch found := prefixes(s.Pattern); {
				case len(found) == 0:
				case p.In == "query":
					o.Query[p.Name] = found
				default:
					require.Equal(t, "path", p.In, "%s: an id in %s is not attacked", o.ID, p.Name)
					require.Len(t, found, 1, "%s %s", o.ID, p.Name)
					o.InPath[p.Name] = found[0]
				}
			}
			if c, ok := op.RequestBody.Content["application/json"]; ok {
				s := look(&c.Schema)
				o.InBody = inside(s, "", 0)
				if len(s.Examples) > 0 {
					o.Body = string(s.Examples[0])
				}
				if o.Body != "" {
					for _, at := range idsIn(t, o.Body) { // where its example has several
						first := indices.ReplaceAllString(at.Name, "/0$1")
						require.True(t, slices.ContainsFunc(o.InBody, func(p place) bool { return p.Name == first && (p.Prefix == at.Prefix || p.Prefix == "*") }),
							"%s: its example has a %s at %s, and its schema knows no such id", o.ID, at.Prefix, at.Name)
						if !slices.Contains(o.InBody, at) && at.Name != first {
							o.InBody = append(o.InBody, at)
						}
					}
				}
			}
			for _, at := range o.places() {
				all[at.Prefix] = true
			}
			out = append(out, o)
		}
	}
	delete(all, "*")
	anything := slices.Sorted(maps.Keys(all))
	for i, o := range out {
		for name, found := range o.Query {
			if found[0] == "*" {
				o.Query[name] = anything
			}
		}
		out[i].InBody = nil
		for _, at := range o.InBody {
			if at.Prefix != "*" {
				out[i].InBody = append(out[i].InBody, at)
				continue
			}
			for _, prefix := range anything {
				out[i].InBody = append(out[i].InBody, place{"body", at.Name, prefix})
			}
		}
	}
	slices.SortFunc(out, func(a, b operation) int { return strings.Compare(a.ID, b.ID) })
	return out
}

var indices = regexp.MustCompile(`/\d+(/|$)`)

// idsIn are the ids that an example has.
func idsIn(t *testing.T, example string) (out []place) {
	t.Helper()
	var walk func(whole any, here string)
	walk = func(whole any, here string) {
		switch v := whole.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(v)) {
				walk(v[name], here+"/"+name)
			}
		case []any:
			for i, element := range v {
				walk(element, fmt.Sprint(here, "/", i))
			}
		case string:
			for _, found := range anID.FindAllStringSubmatch(v, -1) {
				out = append(out, place{"body", here, found[1]})
			}
		}
	}
	var whole any
	require.NoError(t, json.Unmarshal([]byte(example), &whole))
	walk(whole, "")
	return out
}

// random is an id that nobody has.
func random(prefix string) string {
	return prefix + id.NewOrganisation().String()[3:]
}

// ids are one employer's side of a world, by prefix.
type ids map[string]string

// furnish fills a tenant with one of everything, told with a mark in every text.
func furnish(w *testkit.World, mark string) (ids, testkit.Pair) {
	w.T.Helper()
	p := w.Pair()
	on := map[string]any{}
	put := func(table string, columns map[string]any) uuid.UUID {
		maps.Copy(columns, on)
		return w.Insert(table, columns)
	}
	out := ids{"ten": w.Tenant.String(), "org": p.Sending.String(), "mdw": p.Switcher.String(), "lvr": p.Leervraag.String(), "lpl": p.Leerplek.String(),
		"mat": p.Match.String(), "lui": p.Leeruitwisseling.String()}
	out["sit"] = w.Site(p.Sending, 51, 3.7, true).String()
	out["dep"] = id.DepartmentID(put("departments", map[string]any{"organisation_id": p.Sending.UUID(), "name": mark + " dienst", "open_to_switchers": true,
		"excluded_functions": []string{mark}, "reason": mark})).String()
	out["con"] = id.ContactID(put("contacts", map[string]any{"organisation_id": p.Sending.UUID(), "name": mark + " contact", "email": mark + "@voorbeeld.example",
		"phone": mark, "function": mark, "decides": true, "follows_up": true})).String()
	put("organisation_profiles", map[string]any{"id": p.Sending.UUID(), "core_values": []string{mark}, "strengths": []string{mark}, "weaker_points": []string{mark},
		"offers": []string{mark}, "challenges": []string{mark}, "internal_channels": []string{mark}, "desired_result": mark})
	out["nod"] = id.NeedID(put("organisation_needs", map[string]any{"organisation_id": p.Sending.UUID(), "title": mark, "function": mark, "target_group": mark,
		"other_effects": []string{mark}})).String()
	out["gsp"] = id.ConversationID(put("conversations", map[string]any{"organisation_id": p.Sending.UUID(), "held_at": time.Now(), "channel": "phone",
		"contact_ids": []uuid.UUID{}, "noted_by": mark, "note": mark, "follow_up_on": time.Now(), "follow_up_done": false})).String()
	out["day"] = id.DayID(put("leeruitwisseling_days", map[string]any{"leeruitwisseling_id": p.Leeruitwisseling.UUID(), "sending_organisation_id": p.Sending.UUID(),
		"receiving_organisation_id": p.Receiving.UUID(), "date_on": time.Now().AddDate(0, 0, -2), "starts": "09:00", "ends": "16:30", "break_minutes": 30,
		"starts_at": time.Now().AddDate(0, 0, -2), "ends_at": time.Now().AddDate(0, 0, -2).Add(7 * time.Hour), "hours": 700})).String()
	opr := uuid.Must(uuid.NewV7())
	out["opr"] = id.RegistratieID(put("opleidingsregistraties", map[string]any{"id": opr, "root_id": opr, "organisation_id": p.Sending.UUID(), "medewerker_id": p.Switcher.UUID(),
		"leeruitwisseling_id": p.Leeruitwisseling.UUID(), "title": mark, "from_on": time.Now(), "until_on": time.Now(), "hours": 700,
		"days": `[{"date_on":"2026-11-02","hours":7}]`, "classification": "informal"})).String()
	srv := uuid.Must(uuid.NewV7())
	out["srv"] = id.SurveyID(put("surveys", map[string]any{"id": srv, "link_sealed": sealed(w, "surveys", "link_sealed", srv), "leeruitwisseling_id": p.Leeruitwisseling.UUID(), "role": "switcher", "organisation_id": p.Sending.UUID(),
		"medewerker_id": p.Switcher.UUID(), "invite_on": time.Now().AddDate(0, 1, 0), "lang": "nl",
		"questions": `[{"id":"SW1","text":"` + mark + `","kind":"open","required":false,"options":[]}]`})).String()
	lbw := uuid.Must(uuid.NewV7())
	out["lbw"] = id.LeerbewijsID(put("leerbewijzen", map[string]any{"id": lbw, "leeruitwisseling_id": p.Leeruitwisseling.UUID(), "organisation_id": p.Sending.UUID(),
		"medewerker_id": p.Switcher.UUID(), "role": "switcher", "lang": "nl", "holder_name": mark, "title": mark, "goals": []string{mark}, "sending_name": mark,
		"receiving_name": mark, "hours": 700, "classification": "informal", "from_on": time.Now(), "until_on": time.Now(), "issued_at": time.Now(), "key_sealed": sealed(w, "leerbewijzen", "key_sealed", lbw)})).String()
	out["rfl"] = id.ReflectionID(put("leeruitwisseling_reflections", map[string]any{"leeruitwisseling_id": p.Leeruitwisseling.UUID(), "sending_organisation_id": p.Sending.UUID(),
		"receiving_organisation_id": p.Receiving.UUID(), "organisation_id": p.Sending.UUID(), "party": "switcher", "medewerker_id": p.Switcher.UUID(), "medium": "diary", "text": mark,
		"shared_with": []string{"leercoach", "sending", "receiving"}})).String()
	out["riv"] = id.RivalID(put("rivals", map[string]any{"organisation_id": p.Sending.UUID(), "rival_id": p.Receiving.UUID(), "named_by": p.Sending.UUID()})).String()
	cohort, run := id.NewCohort(), id.NewMatchingRun()
	out["coh"], out["mrn"] = cohort.String(), run.String()
	put("cohorten", map[string]any{"id": cohort.UUID(), "name": mark, "from_on": time.Now(), "status": "open"})
	put("matching_runs", map[string]any{"id": run.UUID(), "cohort_id": cohort.UUID(), "status": "done", "objective": "total", "floor": 0, "stability_bonus": 500,
		"reciprocity": true, "weights": `{"content":10000}`, "weights_source": "default", "pins": "[]", "stage": "ended", "algorithm": "1", "summary": `{"fairness":{"envy":[],"balance":[]}}`})
	row := func(query string, args ...any) {
		_, err := w.Super.Exec(context.Background(), query, append([]any{w.Tenant.UUID()}, args...)...)
		require.NoError(w.T, err, query)
	}
	row(`insert into cohort_leervragen (tenant_id, cohort_id, leervraag_id, organisation_id, switcher_id, added_at) values ($1, $2, $3, $4, $5, now())`,
		cohort.UUID(), p.Leervraag.UUID(), p.Sending.UUID(), p.Switcher.UUID())
	row(`insert into cohort_leerplekken (tenant_id, cohort_id, leerplek_id, organisation_id, added_at) values ($1, $2, $3, $4, now())`,
		cohort.UUID(), p.Leerplek.UUID(), p.Receiving.UUID())
	row(`insert into cohort_preferences (tenant_id, cohort_id, medewerker_id, organisation_id, organisation_ids, noted_at, noted_by)
		values ($1, $2, $3, $4, array[$5::uuid], now(), 'test')`, cohort.UUID(), p.Switcher.UUID(), p.Sending.UUID(), p.Receiving.UUID())
	row(`insert into matching_run_places (tenant_id, run_id, leervraag_id, standing, change, leerplek_id, leercoach_id, score, detail)
		values ($1, $2, $3, 'chosen', 'new', $4, $5, 5000, '{}')`, run.UUID(), p.Leervraag.UUID(), p.Leerplek.UUID(), p.Coach.UUID())
	row(`insert into leeruitwisseling_expectations (tenant_id, leeruitwisseling_id, organisation_id, leerbewijs, sharing, created_at, updated_at, changed_by, request_id)
		values ($1, $2, $3, $4, $4, now(), now(), 'test', 'test')`, p.Leeruitwisseling.UUID(), p.Sending.UUID(), mark)
	client := w.Client(auth.Coordinator, nil, nil).Principal.ClientID
	out["cli"] = client.String()
	ctx := context.Background()
	event, endpoint, delivery := uuid.Must(uuid.NewV7()), id.NewEndpoint(), id.NewDelivery()
	_, err := w.Super.Exec(ctx, `insert into events (tenant_id, id, type, subject_id, subject, revision, organisation_ids, medewerker_ids, data, occurred_at, actor, request_id)
		values ($1, $2, 'organisation.updated', $3, $4, 1, array[$3::uuid], '{}', jsonb_build_object('tenant_id', $5::text, 'subject_id', $4::text, 'revision', 1,
		'organisation_ids', jsonb_build_array($4::text), 'stage', 'engaged'), now(), 'test', 'test')`,
		w.Tenant.UUID(), event, p.Sending.UUID(), p.Sending.String(), w.Tenant.String())
	require.NoError(w.T, err)
	out["evt"] = id.EventID(event).String()
	out["whe"] = id.EndpointID(put("webhook_endpoints", map[string]any{"id": endpoint.UUID(), "client_id": client.UUID(), "organisation_id": p.Sending.UUID(),
		"url": "http://127.0.0.1:1/" + mark, "event_types": []string{"*"}, "type_patterns": []string{"%"}, "nouns": []string{"organisation"}, "description": mark, "status": "disabled"})).String()
	_, err = w.Super.Exec(ctx, `insert into webhook_deliveries (tenant_id, id, event_id, endpoint_id, organisation_id, type, status, created_at)
		values ($1, $2, $3, $4, $5, 'organisation.updated', 'failed', now())`, w.Tenant.UUID(), delivery.UUID(), event, endpoint.UUID(), p.Sending.UUID())
	require.NoError(w.T, err)
	out["whd"] = delivery.String()
	out["whr"] = id.RecoveryID(put("webhook_recoveries", map[string]any{"endpoint_id": endpoint.UUID(), "organisation_id": p.Sending.UUID(), "since": time.Now(),
		"event_types": []string{}, "type_patterns": []string{"%"}, "nouns": []string{}, "include_unrequested": false, "cursor": uuid.Nil})).String()
	for _, u := range []string{
		`update organisations set name = $2 || ' ' || id, sector = $2 where tenant_id = $1 and id in ($3, $4)`,
		`update sites set name = $2, street = $2, municipality = $2 where tenant_id = $1 and organisation_id in ($3, $4)`,
		`update medewerkers set given_name = $2, family_name = $2, job_title = $2 where tenant_id = $1 and organisation_id in ($3, $4)`,
		`update leervragen set title = $2, question = $2, motive = $2, goals = array[$2], shared_text = $2, meaning = $2, how_to_answer = $2,
			learn_in_general = $2, learn_specifically = $2, must_cover = array[$2], people_to_meet = array[$2], activities = array[$2], content = $2, approach = $2 where tenant_id = $1 and organisation_id in ($3, $4)`,
		`update leerplekken set title = $2, description = $2, meeting_point = $2, safety_note = $2 where tenant_id = $1 and organisation_id in ($3, $4)`,
		`update leeruitwisselingen set sending_name = $2, receiving_name = $2, switcher_name = $2, leervraag_title = $2, leervraag_text = $2, leerplek_title = $2,
			reception = $2, dress_code = $2, documents = jsonb_build_array(jsonb_build_object('kind', 'notes', 'title', cast($2 as text), 'link', null))
			where tenant_id = $1 and sending_organisation_id in ($3, $4)`,
	} {
		_, err := w.Super.Exec(ctx, u, w.Tenant.UUID(), mark, p.Sending.UUID(), p.Receiving.UUID())
		require.NoError(w.T, err)
	}
	return out, p
}

// sides are the own ids of the sending and of the receiving employer.
func sides(w *testkit.World, own ids, p testkit.Pair) []ids {
	receiving := maps.Clone(own)
	receiving["org"], receiving["mdw"] = p.Receiving.String(), p.Coach.String()
	receiving["sit"] = w.Site(p.Receiving, 51, 3.7, true).String()
	receiving["dep"] = id.DepartmentID(w.Insert("departments", map[string]any{"organisation_id": p.Receiving.UUID(), "name": "dienst",
		"open_to_switchers": true, "excluded_functions": []string{}})).String()
	sending := maps.Clone(own) // each employer has a leerplek, with a leercoach of its own
	sending["lpl"] = w.Leerplek(p.Sending, "eigen plek", "om te leren", p.Switcher).String()
	_, err := w.Super.Exec(context.Background(), `insert into cohort_leerplekken (tenant_id, cohort_id, leerplek_id, organisation_id, added_at)
		select c.tenant_id, c.id, l.id, l.organisation_id, now() from cohorten c, leerplekken l
		where c.tenant_id = $1 and l.tenant_id = $1 and c.id = $2 and l.organisation_id = $3 on conflict do nothing`, w.Tenant.UUID(), uuidOf(w, own["coh"]), p.Sending.UUID())
	require.NoError(w.T, err)
	return []ids{sending, receiving}
}

// uuidOf is the uuid of a cohort's id.
func uuidOf(w *testkit.World, text string) uuid.UUID {
	w.T.Helper()
	var c id.CohortID
	require.NoError(w.T, c.UnmarshalText([]byte(text)))
	return c.UUID()
}

// hostsOwn are members of which only the receiving employer may speak: the attacker is the sending one, and would be
// refused for them before its ids are looked at.
var hostsOwn = map[string]string{"createLeeruitwisselingDay": "programme", "updateLeeruitwisselingDay": "programme"}

// without leaves a member out of a body.
func without(t *testing.T, body json.RawMessage, member string) string {
	t.Helper()
	if member == "" {
		return string(body)
	}
	var all map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(body, &all))
	require.Contains(t, all, member)
	delete(all, member)
	b, err := json.Marshal(all)
	require.NoError(t, err)
	return string(b)
}

// prepare puts what an operation needs in the place of the one of everything.
var prepare = map[string]func(w *testkit.World, own ids, p testkit.Pair) ids{
	"updateMatch": func(w *testkit.World, own ids, p testkit.Pair) ids { // only a draft changes
		own["mat"] = id.MatchID(w.Insert("matches", map[string]any{"leervraag_id": p.Leervraag.UUID(), "leerplek_id": p.Leerplek.UUID(),
			"sending_organisation_id": p.Sending.UUID(), "receiving_organisation_id": p.Receiving.UUID(), "switcher_id": p.Switcher.UUID(),
			"leercoach_ids": []uuid.UUID{p.Coach.UUID()}, "internal": false, "required_parties": []string{"sending", "receiving"}, "status": "draft"})).String()
		return own
	},
	"issueLeerbewijs": func(w *testkit.World, own ids, p testkit.Pair) ids { // only of a completed exchange, once
		_, err := w.Super.Exec(context.Background(), `update leeruitwisselingen set status = 'completed' where tenant_id = $1 and id = $2`, w.Tenant.UUID(), p.Leeruitwisseling.UUID())
		require.NoError(w.T, err)
		return own
	},
}

// externalID finds the id that an example of a body has in a system.
var externalID = regexp.MustCompile(`"system": ?"sdworx",\s*"value": ?"([^"]+)"`)

// fill puts ids into a request of an operation: in its path those of inPath, in the example of its body those of inBody.
func (o operation) fill(inPath, inBody ids, at *place, value string) (path, body string) {
	path, body = o.Path, o.Body
	for name, prefix := range o.InPath {
		v := inPath[prefix]
		if at != nil && at.In == "path" && at.Name == name {
			v = value
		}
		path = strings.ReplaceAll(path, "{"+name+"}", v)
	}
	if m := externalID.FindStringSubmatch(body); m != nil { // the id that a body gives is that of its path
		path = strings.ReplaceAll(path, "{value}", m[1])
	}
	path = regexp.MustCompile(`\{[a-z_]+\}`).ReplaceAllString(path, "sdworx")
	if at != nil && at.In == "query" {
		path += "?" + at.Name + "=" + value
	}
	if o.Body == "" {
		return path, ""
	}
	var whole any
	read := json.NewDecoder(strings.NewReader(o.Body))
	read.UseNumber()
	if err := read.Decode(&whole); err != nil {
		panic(err) // it was read when the document was
	}
	pointer := ""
	if at != nil && at.In == "body" {
		pointer = at.Name
		whole = put(whole, pointer, at.Prefix, value)
	}
	b, err := json.Marshal(mine(whole, "", pointer, inBody))
	if err != nil {
		panic(err) // it is made of JSON
	}
	return path, string(b)
}

// kinds are what a member kind beside an id says of it.
var kinds = map[string]string{"mdw": "medewerker", "con": "contact", "mem": "member"}

// put lays an id at a JSON pointer into a document, and makes what is not there on the way.
func put(whole any, pointer, prefix, value string) any {
	if pointer == "" {
		return value
	}
	name, rest, _ := strings.Cut(pointer[1:], "/")
	if rest != "" {
		rest = "/" + rest
	}
	if i, err := strconv.Atoi(name); err == nil {
		list, _ := whole.([]any)
		for len(list) <= i {
			list = append(list, nil)
		}
		list[i] = put(list[i], rest, prefix, value)
		return list
	}
	object, _ := whole.(map[string]any)
	if object == nil {
		object = map[string]any{}
	}
	object[name] = put(object[name], rest, prefix, value)
	if _, says := object["kind"]; says && rest == "" && kinds[prefix] != "" {
		object["kind"] = kinds[prefix]
	}
	return object
}

// mine replaces the ids of an example by own ones, but for that at a pointer.
func mine(whole any, here, but string, own ids) any {
	switch v := whole.(type) {
	case map[string]any:
		for name, member := range v {
			v[name] = mine(member, here+"/"+name, but, own)
		}
	case []any:
		for i, element := range v {
			v[i] = mine(element, fmt.Sprint(here, "/", i), but, own)
		}
	case string:
		if here == but && but != "" {
			return v
		}
		return anID.ReplaceAllStringFunc(v, func(found string) string {
			if id := own[found[:3]]; id != "" {
				return id
			}
			return found
		})
	}
	return whole
}

// places are where ids can stand in requests of an operation.
func (o operation) places() []place {
	var out []place
	for _, name := range slices.Sorted(maps.Keys(o.InPath)) {
		out = append(out, place{"path", name, o.InPath[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(o.Query)) {
		for _, prefix := range o.Query[name] {
			out = append(out, place{"query", name, prefix})
		}
	}
	return append(out, o.InBody...)
}

func (o operation) call(c *testkit.Caller, path, body string) *testkit.Answer {
	if o.Method == http.MethodGet || o.Method == http.MethodDelete || o.Body == "" {
		return c.Do(o.Method, path, nil, "If-Match", "*")
	}
	return c.Do(o.Method, path, body, "If-Match", "*")
}

// moving are the operations whose next_cursor says how far everybody is, and not only what was asked for.
var moving = map[string]string{"listEvents": "the feed goes on to where it is settled, which moves with whatever anybody does"}

// retold leaves out what names the id that was asked for, the request, and how far the feed is.
func (o operation) retold(a *testkit.Answer, asked string) string {
	said := strings.ReplaceAll(a.Retold(), asked, "ID")
	if moving[o.ID] != "" {
		said = nextCursor.ReplaceAllString(said, `"next_cursor":"…"`)
	}
	return fmt.Sprint(a.Status, " ", said)
}

// exempt are the operations that cross tenants by what they are for.
var exempt = map[string]string{
	"listTenants":      "the operator's own list",
	"getTenantSummary": "the operator lists tenants, and sees nothing else of theirs",
	"createTenant":     "makes a tenant",
	"issueAdminSecret": "the operator hands out a first secret that was never used",
	"checkLeerbewijs":  "public: anyone who has a certificate's address may check it, without a name",
}

// positions are ids in bodies that nothing is found by: places in the order of ids, behind which one's own rows are.
var positions = map[string]string{
	"cancelWebhookDeliveries /after": "where an earlier request ended: a delivery that is forgotten by now must do, too",
	"resendWebhookDeliveries /after": "where an earlier request ended: a delivery that is forgotten by now must do, too",
}

// nowhere are what ids may begin with that no tenant has any of.
var nowhere = map[string]string{"mem": "people who sign in come with a later issue"}

// attack tries foreign ids of one prefix after another in every place of every operation that the caller may use.
func attack(t *testing.T, may []auth.Permission, mine func(o operation) (*testkit.Caller, []ids), foreign ids) (tried int) {
	for _, o := range operations(t) {
		if exempt[o.ID] != "" || o.Permission == auth.Public || o.Permission != auth.Self && !slices.Contains(may, o.Permission) {
			continue
		}
		for _, at := range o.places() {
			theirs := foreign[at.Prefix]
			if theirs == "" {
				continue
			}
			tried++
			t.Run(o.ID+"/"+at.In+"/"+strings.TrimPrefix(at.Name, "/")+"/"+at.Prefix, func(t *testing.T) {
				c, sides := mine(o)
				c = c.In(t)
				controlled := false
				var asTheirs *testkit.Answer
				for _, side := range sides { // what a body wants may be the sending or the receiving employer's own
					nobody := random(at.Prefix)
					path, body := o.fill(sides[0], side, &at, nobody)
					asNobody := o.call(c, path, body)
					path, body = o.fill(sides[0], side, &at, theirs)
					asTheirs = o.call(c, path, body)
					require.Equal(t, o.retold(asNobody, nobody), o.retold(asTheirs, theirs), "a foreign id answers like one that nobody has")
					require.NotContains(t, string(asTheirs.Body), canary)
					require.Less(t, asTheirs.Status, 500)
					if at.In == "query" {
						return // an empty list, or the same problem; that own filters find own rows stands in each noun's tests
					}
					if positions[o.ID+" "+at.Name] != "" {
						return // own rows behind it, or none
					}
					require.GreaterOrEqual(t, asTheirs.Status, 400, "a foreign id is refused: %s", asTheirs)
					own := side[at.Prefix]
					var here *place
					if at.In == "path" {
						own = sides[0][at.Prefix]
					} else if own != "" { // an own id where the foreign one stood, also where the example has none
						here = &at
					}
					path, body = o.fill(sides[0], side, here, own)
					control := o.call(c, path, body)
					require.Less(t, control.Status, 500)
					controlled = controlled || o.retold(asTheirs, theirs) != o.retold(control, own)
				}
				require.True(t, controlled, "the control: an own id is answered like a foreign one: %s", asTheirs)
			})
		}
	}
	return tried
}

// fingerprint is every row of a tenant, whole.
func fingerprint(t *testing.T, h *testkit.House, tenant id.TenantID) map[string]string {
	t.Helper()
	ctx := context.Background()
	rows, err := h.Super.Query(ctx, `select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition and exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id')`)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	out := map[string]string{}
	for _, table := range tables {
		var sum string
		require.NoError(t, h.Super.QueryRow(ctx, `select coalesce(md5(string_agg(t::text, '|' order by t::text)), '') from `+table+` t where tenant_id = $1`, tenant.UUID()).Scan(&sum))
		out[table] = sum
	}
	return out
}

func TestAttack_AnotherTenant(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	b := h.Tenant(t)
	theirs, _ := furnish(b, canary)
	before := fingerprint(t, h, b.Tenant)
	a := h.Tenant(t)
	admin := a.Admin()
	tried := attack(t, admin.Principal.Scopes, func(o operation) (*testkit.Caller, []ids) {
		own, p := furnish(a, "eigen")
		if f := prepare[o.ID]; f != nil {
			own = f(a, own, p)
		}
		return admin, sides(a, own, p)
	}, theirs)
	require.Equal(t, before, fingerprint(t, h, b.Tenant), "not a row of the other tenant changed")
	require.NotContains(t, h.Log.String(), canary)
	var leaks int
	require.NoError(t, h.Super.QueryRow(context.Background(), `select count(*) from platform.river_job where args::text like '%' || $1 || '%'`, canary).Scan(&leaks))
	require.Zero(t, leaks, "job arguments hold keys alone")
	t.Logf("%d places attacked", tried)
}

func TestAttack_AnotherEmployer(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	theirs, other := furnish(w, canary)
	_, err := h.Super.Exec(context.Background(), `update leerplekken set status = 'withdrawn' where tenant_id = $1 and id = $2`, w.Tenant.UUID(), other.Leerplek.UUID())
	require.NoError(t, err) // a published one is for every employer to read
	delete(theirs, "ten")
	delete(theirs, "cli")
	attack(t, auth.Of(auth.Employer), func(operation) (*testkit.Caller, []ids) {
		own, p := furnish(w, "eigen")
		return w.Employer(p.Sending), sides(w, own, p)
	}, theirs)
	_, pair := furnish(w, "eigen")
	c := w.Employer(pair.Sending)
	for _, o := range operations(t) {
		if o.Method == http.MethodGet && len(o.InPath) == 0 && o.Permission != auth.Public && c.Principal.May(o.Permission) {
			require.NotContains(t, string(c.Get(o.Path).Body), canary, "%s shows another employer's rows", o.ID)
		}
	}
	require.NotContains(t, h.Log.String(), canary)
}

func TestAttack_AnotherEmployee(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	theirs, other := furnish(w, canary)
	_, err := h.Super.Exec(context.Background(), `update leerplekken set status = 'withdrawn' where tenant_id = $1 and id = $2`, w.Tenant.UUID(), other.Leerplek.UUID())
	require.NoError(t, err)
	own, pair := furnish(w, "eigen")
	delete(theirs, "ten")
	delete(theirs, "cli")
	for _, role := range []auth.Role{auth.Switcher, auth.Leercoach} {
		who, org := pair.Switcher, pair.Sending
		if role == auth.Leercoach {
			who, org = pair.Coach, pair.Receiving
		}
		c := w.Client(role, &org, &who)
		for _, o := range operations(t) {
			if o.Permission == auth.Public || !c.Principal.May(o.Permission) {
				continue
			}
			for _, at := range o.places() {
				if theirs[at.Prefix] == "" {
					continue
				}
				nobody := random(at.Prefix)
				path, body := o.fill(own, own, &at, nobody)
				asNobody := o.call(c, path, body)
				path, body = o.fill(own, own, &at, theirs[at.Prefix])
				asTheirs := o.call(c, path, body)
				require.Equal(t, o.retold(asNobody, nobody), o.retold(asTheirs, theirs[at.Prefix]), "%s %s/%s/%s", role, o.ID, at.In, at.Name)
				require.NotContains(t, string(asTheirs.Body), canary)
			}
		}
	}
}

// Every operation that takes an id is attacked, but for those that say why not.
func TestAttack_CoversEveryOperation(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	theirs, _ := furnish(h.Tenant(t), "x")
	known, met := map[string]bool{}, map[string]bool{}
	for _, o := range operations(t) {
		known[o.ID] = true
		if exempt[o.ID] != "" || o.Permission == auth.Public {
			continue
		}
		g := auth.Lookup(o.Permission)
		require.True(t, o.Permission == auth.Self || g != nil && slices.Contains(g.Roles, auth.PartnerAdmin), "%s: nobody attacks it", o.ID)
		require.False(t, len(o.InBody) > 0 && o.Body == "", "%s has no example to put an id into", o.ID)
		for _, at := range o.places() {
			met[at.Prefix], met[o.ID+" "+at.Name] = true, true
			require.NotEmpty(t, theirs[at.Prefix]+nowhere[at.Prefix], "%s: no foreign %s to try in %s %s", o.ID, at.Prefix, at.In, at.Name)
			path, body := o.fill(theirs, nil, &at, "here")
			require.Contains(t, map[string]string{"path": path + "/", "query": path, "body": body}[at.In], map[string]string{"path": "/here/", "query": "=here", "body": `"here"`}[at.In],
				"%s: nothing is put into %s %s", o.ID, at.In, at.Name)
		}
	}
	require.Empty(t, gone(positions, met), "no body has such an id")
	for prefix := range nowhere {
		require.True(t, met[prefix] && theirs[prefix] == "", "%s: nobody asks for it, or somebody has one", prefix)
	}
	require.Empty(t, gone(exempt, known), "exempt, and not there: a name that comes back would not be attacked")
	require.Empty(t, gone(moving, known), "moving, and not there")
	require.Empty(t, gone(hostsOwn, known), "spoken of, and not there")
	require.Equal(t, []string{"listTenant"}, gone(map[string]string{"listTenant": "was called so", "listTenants": "is"}, known))
}

// Ids that an example leaves out, holds null or an empty list for, are found all the same.
func TestAttack_FindsEveryPlaceOfAnID(t *testing.T) {
	t.Parallel()
	const digits = `_[0-7][0-9a-hjkmnp-tv-z]{25}$`
	found := operationsOf(t, []byte(`{"paths": {"/v1/planted/{id}": {"post": {"operationId": "plant",
		"parameters": [{"name": "id", "in": "path", "schema": {"$ref": "#/components/schemas/Id"}}, {"name": "subject", "in": "query", "schema": {"pattern": "^[a-z]{3}`+digits+`"}},
			{"name": "org", "in": "query", "schema": {"items": {"pattern": "^org`+digits+`"}}}, {"name": "q", "in": "query", "schema": {}}],
		"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Plant"}}}}}}},
		"components": {"schemas": {"Id": {"pattern": "^lvr`+digits+`"},
			"Who": {"properties": {"kind": {}, "id": {"pattern": "^(mdw|con)`+digits+`"}}},
			"Plant": {"properties": {"after": {"pattern": "^whd`+digits+`"}, "people": {"items": {"$ref": "#/components/schemas/Who"}},
				"places": {"items": {"pattern": "^lpl`+digits+`"}}, "either": {"oneOf": [{"$ref": "#/components/schemas/Id"}, {"type": "null"}]}},
				"examples": [{"after": null, "people": [{"kind": "contact", "id": "con_01jd8m5x9nf3tvhg5w6rkz2c4q"}],
					"places": ["lpl_01jd8m5x9nf3tvhg5w6rkz2c4q", "lpl_01jd8m5x9nf3tvhg5w6rkz2c4r"]}]}}}}`))
	require.Len(t, found, 1)
	o := found[0]
	require.Equal(t, map[string][]string{"org": {"org"}, "subject": {"con", "lpl", "lvr", "mdw", "org", "whd"}}, o.Query, "an id of anything is tried with one of everything")
	require.Equal(t, []place{{"body", "/after", "whd"}, {"body", "/either", "lvr"}, {"body", "/people/0/id", "mdw"}, {"body", "/people/0/id", "con"},
		{"body", "/places/0", "lpl"}, {"body", "/places/1", "lpl"}}, o.InBody)
	own := ids{"con": "con_own", "lpl": "lpl_own", "lvr": "lvr_own"}
	for at, want := range map[place]string{
		{"body", "/after", "whd"}:        `{"after":"theirs","people":[{"id":"con_own","kind":"contact"}],"places":["lpl_own","lpl_own"]}`,
		{"body", "/either", "lvr"}:       `{"after":null,"either":"theirs","people":[{"id":"con_own","kind":"contact"}],"places":["lpl_own","lpl_own"]}`,
		{"body", "/people/0/id", "mdw"}:  `{"after":null,"people":[{"id":"theirs","kind":"medewerker"}],"places":["lpl_own","lpl_own"]}`,
		{"body", "/places/1", "lpl"}:     `{"after":null,"people":[{"id":"con_own","kind":"contact"}],"places":["lpl_own","theirs"]}`,
		{"query", "subject", "whd"}:      `{"after":null,"people":[{"id":"con_own","kind":"contact"}],"places":["lpl_own","lpl_own"]}`,
		{"body", "/nested/0/ids/0", "x"}: `{"after":null,"nested":[{"ids":["theirs"]}],"people":[{"id":"con_own","kind":"contact"}],"places":["lpl_own","lpl_own"]}`,
	} {
		path, body := o.fill(own, own, &at, "theirs")
		require.Equal(t, want, body, at)
		require.Equal(t, map[string]string{"body": "/v1/planted/lvr_own", "query": "/v1/planted/lvr_own?subject=theirs"}[at.In], path)
	}
}

// gone are the names in a list of exceptions that nothing bears any more.
func gone(exceptions map[string]string, known map[string]bool) []string {
	out := []string{}
	for name := range exceptions {
		if !known[name] {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// sealed is a secret of a row as the row keeps it.
func sealed(w *testkit.World, table, column string, row uuid.UUID) []byte {
	w.T.Helper()
	b, err := w.Box.Seal([]byte("0123456789abcdef"), seal.Where{Tenant: w.Tenant.UUID(), Table: table, Column: column, Row: row})
	require.NoError(w.T, err)
	return b
}
