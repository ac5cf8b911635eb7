package openapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/openapi"
)

const org = "org_01k3p9c2zre8v9w0x1y2z3a4b5"

// sample is what swag would write of a small API: one noun with everything, a file, a page, and OAuth's form.
const sample = `{"swagger":"2.0","info":{},"paths":{
"/v1/organisations":{
 "get":{"operationId":"listOrganisations","summary":"List","tags":["organisation"],"parameters":[
   {"name":"limit","in":"query","type":"integer"},{"name":"cursor","in":"query","type":"string"},{"name":"updated_since","in":"query","type":"string"},
   {"name":"sort","in":"query","type":"string","enum":["name","-name"]},
   {"name":"stage","in":"query","type":"array","items":{"type":"string","enum":["informed","engaged"]},"collectionFormat":"csv","description":"Only these."}],
  "responses":{"200":{"description":"OK","schema":{"$ref":"#/definitions/Page-Organisation"}}}},
 "post":{"operationId":"createOrganisation","summary":"Add","description":"Adds one.","tags":["organisation"],"parameters":[
   {"name":"body","in":"body","required":true,"description":"It.","schema":{"$ref":"#/definitions/OrganisationCreate"}}],
  "responses":{"201":{"description":"Created","schema":{"$ref":"#/definitions/Organisation"}}}}},
"/v1/organisations/{id}":{
 "get":{"operationId":"getOrganisation","summary":"Get","tags":["organisation"],"parameters":[
   {"name":"id","in":"path","required":true,"type":"string","description":"It.","example":"` + org + `"}],
  "responses":{"200":{"description":"OK","schema":{"$ref":"#/definitions/Organisation"}}}},
 "patch":{"operationId":"updateOrganisation","summary":"Change","tags":["organisation"],"parameters":[
   {"name":"id","in":"path","required":true,"type":"string","description":"It.","example":"` + org + `"},
   {"name":"If-Match","in":"header","type":"string"},
   {"name":"body","in":"body","required":true,"description":"What changes.","schema":{"$ref":"#/definitions/OrganisationCreate"}}],
  "responses":{"200":{"description":"OK","schema":{"$ref":"#/definitions/Organisation"}}}},
 "delete":{"operationId":"deleteOrganisation","summary":"Remove","tags":["organisation"],"parameters":[
   {"name":"id","in":"path","required":true,"type":"string","description":"It.","example":"` + org + `"}],
  "responses":{"204":{"description":"No Content"},"410":{"description":"Gone"}}}},
"/v1/leerbewijzen/{id}/pdf":{"get":{"operationId":"getLeerbewijsPdf","summary":"PDF","tags":["leerbewijs"],"produces":["application/pdf"],"parameters":[
   {"name":"id","in":"path","required":true,"type":"string","description":"It.","example":"lbw_01k3p9c2zre8v9w0x1y2z3a4b5"}],
  "responses":{"200":{"description":"The PDF","schema":{"type":"file"}}}}},
"/check/{id}":{"get":{"operationId":"checkLeerbewijs","summary":"Check","tags":["leerbewijs"],"produces":["application/json","text/html"],"parameters":[
   {"name":"id","in":"path","required":true,"type":"string","description":"It.","example":"lbw_01k3p9c2zre8v9w0x1y2z3a4b5"}],
  "responses":{"200":{"description":"OK","schema":{"$ref":"#/definitions/LeerbewijsCheck"}}}}},
"/oauth/token":{"post":{"operationId":"createToken","summary":"Token","tags":["access"],"consumes":["application/x-www-form-urlencoded"],"parameters":[
   {"name":"grant_type","in":"formData","required":true,"type":"string","enum":["client_credentials"],"description":"How."},
   {"name":"client_id","in":"formData","type":"string","description":"Who.","example":"cli_x"}],
  "responses":{"200":{"description":"OK","schema":{"$ref":"#/definitions/Token"}},"401":{"description":"Unauthorized","schema":{"$ref":"#/definitions/TokenError"}}}}}
},"definitions":{
"organisation.Stage":{"type":"string","enum":["informed","engaged"],"x-enum-varnames":["A","B"],"x-enum-comments":{"A":"x"},"x-enum-descriptions":["knows of it","signed"]},
"Site":{"type":"object","properties":{"street":{"type":"string","example":"Kerkstraat 1"}},"required":["street"]},
"Organisation":{"type":"object","properties":{
 "revision":{"type":"integer","example":1},
 "id":{"type":"string","example":"` + org + `"},
 "parent_id":{"type":"string","x-nullable":true,"example":"` + org + `"},
 "coach_ids":{"type":"array","items":{"type":"string"},"example":["mdw_01k3p9c2zre8v9w0x1y2z3a4b5"]},
 "who_id":{"type":"string","example":"mdw_01k3p9c2zre8v9w0x1y2z3a4b5","x-prefix":"mdw|con"},
 "external_id":{"type":"string","example":"12345"},
 "kind":{"type":"string","enum":["profit","public"],"x-nullable":true},
 "stage":{"description":"Where it stands.","allOf":[{"$ref":"#/definitions/organisation.Stage"}],"example":"engaged"},
 "site":{"allOf":[{"$ref":"#/definitions/Site"}],"x-nullable":true},
 "sites":{"type":"array","items":{"$ref":"#/definitions/Site"}},
 "hours":{"type":"number","example":7.25},
 "from_on":{"type":"string","example":"2027-01-11"},
 "created_at":{"type":"string","example":"2027-01-11T09:00:00Z"},
 "deleted_at":{"type":"string","x-nullable":true},
 "starts":{"type":"string","example":"09:00"},
 "ends":{"type":"string","format":"clock","example":"9 uur"},
 "detail":{"type":"object","x-example":"{\"a\":[1]}"},
 "names":{"type":"object","additionalProperties":{"type":"string"}},
 "tongues":{"type":"array","items":{"type":"string"},"x-pattern":"^[a-z]{2}$","example":["nl"]},
 "open":{"type":"boolean"}}},
"OrganisationCreate":{"type":"object","required":["name"],"properties":{
 "name":{"type":"string","minLength":1,"maxLength":5,"example":"Blok","x-order":0},
 "open":{"type":"boolean","default":true,"x-order":2},
 "site":{"allOf":[{"$ref":"#/definitions/Site"}],"x-nullable":true,"x-order":1}}},
"Page-Organisation":{"type":"object","properties":{"data":{"type":"array","items":{"$ref":"#/definitions/Organisation"}},"has_more":{"type":"boolean"},"next_cursor":{"type":"string","x-nullable":true,"example":"eyJ"}}},
"LeerbewijsCheck":{"type":"object","properties":{"status":{"type":"string","enum":["valid"]}}},
"Token":{"type":"object","properties":{"access_token":{"type":"string","example":"eyJ"}}},
"TokenError":{"type":"object","properties":{"error":{"type":"string","enum":["invalid_client"]}}},
"unused.Thing":{"type":"object","properties":{"x":{"type":"string"}}}
}}`

func inputs() openapi.Inputs {
	problems := []openapi.ProblemDoc{}
	for status, code := range map[int]string{400: "bad-request", 401: "unauthenticated", 403: "forbidden", 404: "not-found",
		405: "method-not-allowed", 406: "not-acceptable", 409: "already-exists", 410: "cursor-expired", 412: "revision-mismatch", 413: "body-too-large",
		415: "unsupported-media-type", 422: "invalid", 428: "if-match-required", 429: "too-many-requests", 500: "internal", 503: "unavailable"} {
		problems = append(problems, openapi.ProblemDoc{Code: code, Status: status, Title: "It is " + code + "."})
	}
	return openapi.Inputs{
		Info: openapi.Info{Title: "Switchboard", Version: "1.0.0"}, PublicURL: "https://switchboard.example",
		Operations: []openapi.Operation{
			{Method: "GET", Path: "/v1/organisations", Permission: "organisation:read", Status: 200, List: true, Sync: true},
			{Method: "POST", Path: "/v1/organisations", Permission: "organisation:create", Roles: []string{"coordinator"}, Status: 201, Single: true, Idempotent: true},
			{Method: "GET", Path: "/v1/organisations/{id}", Permission: "organisation:read", Status: 200, Single: true},
			{Method: "PATCH", Path: "/v1/organisations/{id}", Permission: "organisation:write", Status: 200, Single: true, IfMatch: "required"},
			{Method: "DELETE", Path: "/v1/organisations/{id}", Permission: "self", Status: 204, IfMatch: "optional"},
			{Method: "GET", Path: "/v1/leerbewijzen/{id}/pdf", Permission: "organisation:read", Status: 200, ContentType: "application/pdf"},
			{Method: "GET", Path: "/check/{id}", Public: true, Status: 200},
			{Method: "POST", Path: "/oauth/token", Public: true, Status: 200, ID: "createToken"},
		},
		Permissions: map[string]string{"organisation:read": "Read", "organisation:create": "Add", "organisation:write": "Change"},
		Problems:    problems,
		Webhooks: []openapi.Webhook{{Type: "leerbewijs.issued", Summary: "Issued",
			Data:    json.RawMessage(`{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","required":["subject_id"],"properties":{"subject_id":{"$ref":"#/$defs/id","description":"Which."},"external_ids":{"type":"array","items":{"type":"object","properties":{"value":{"type":"string"}}}}},"$defs":{"id":{"type":"string","minLength":30}}}`),
			Example: json.RawMessage(`{"subject_id":"lbw_01k3p9c2zre8v9w0x1y2z3a4b5","external_ids":[{"value":"7"}]}`)}},
	}
}

func finished(t *testing.T) (map[string]any, []byte) {
	t.Helper()
	raw, err := openapi.Finish([]byte(sample), inputs())
	require.NoError(t, err)
	var d map[string]any
	require.NoError(t, json.Unmarshal(raw, &d))
	return d, raw
}

// at follows a path of names; ~ stands for a slash inside one.
func at(v any, path string) any {
	for _, name := range strings.Split(path, "/") {
		switch t := v.(type) {
		case map[string]any:
			v = t[strings.ReplaceAll(name, "~", "/")]
		case []any:
			v = t[int(name[0]-'0')]
		default:
			return nil
		}
	}
	return v
}

func TestSchemas(t *testing.T) {
	t.Parallel()
	d, _ := finished(t)
	typeID := func(prefix string) string { return "^" + prefix + "_[0-7][0-9a-hjkmnp-tv-z]{25}$" }
	for path, want := range map[string]string{
		"Organisation/properties/id/pattern":              `"` + typeID("org") + `"`,
		"Organisation/properties/id/minLength":            `30`,
		"Organisation/properties/id/maxLength":            `30`,
		"Organisation/properties/parent_id/type":          `["string","null"]`,
		"Organisation/properties/parent_id/pattern":       `"` + typeID("org") + `"`,
		"Organisation/properties/coach_ids/items/pattern": `"` + typeID("mdw") + `"`,
		"Organisation/properties/who_id/pattern":          `"` + typeID("(mdw|con)") + `"`,
		"Organisation/properties/external_id/pattern":     `null`,
		"Organisation/properties/kind/type":               `["string","null"]`,
		"Organisation/properties/kind/enum":               `["profit","public",null]`,
		"Organisation/properties/stage":                   `{"description":"Where it stands.","allOf":[{"$ref":"#/components/schemas/Stage"}],"examples":["engaged"]}`,
		"Organisation/properties/site":                    `{"anyOf":[{"$ref":"#/components/schemas/Site"},{"type":"null"}]}`,
		"Organisation/properties/hours/multipleOf":        `0.01`,
		"Organisation/properties/from_on/format":          `"date"`,
		"Organisation/properties/created_at/format":       `"date-time"`,
		"Organisation/properties/deleted_at/format":       `"date-time"`,
		"Organisation/properties/starts/pattern":          `"^([01][0-9]|2[0-3]):[0-5][0-9]$"`,
		"Organisation/properties/ends/pattern":            `"^([01][0-9]|2[0-3]):[0-5][0-9]$"`,
		"Organisation/properties/ends/format":             `null`,
		"Organisation/properties/detail/examples/0":       `{"a":[1]}`,
		"Organisation/properties/names":                   `{"type":"object","additionalProperties":{"type":"string"}}`,
		"Organisation/additionalProperties":               `null`,
		"Site/required":                                   `["street"]`,
		"Site/additionalProperties":                       `null`,
		"SiteInput/additionalProperties":                  `false`,
		"OrganisationCreate/required":                     `["name"]`,
		"OrganisationCreate/additionalProperties":         `false`,
		"OrganisationCreate/properties/site/anyOf/0/$ref": `"#/components/schemas/SiteInput"`,
		"OrganisationCreate/properties/open/default":      `true`,
		"OrganisationCreatePatch/required":                `null`,
		"OrganisationCreatePatch/properties/open/default": `null`,
		"OrganisationCreatePatch/additionalProperties":    `false`,
		"OrganisationPage/required":                       `["data","has_more","next_cursor"]`,
		"Stage/x-enum-descriptions":                       `["knows of it","signed"]`,
		"Stage/x-enum-varnames":                           `null`,
		"Stage/examples":                                  `["informed"]`,
		"Thing":                                           `null`,
		"LeerbewijsIssuedData/properties/subject_id":      `{"type":"string","minLength":30,"description":"Which."}`,
		"LeerbewijsIssuedData/$defs":                      `null`,
		"LeerbewijsIssuedEvent/properties/type/const":     `"leerbewijs.issued"`,
		"LeerbewijsIssuedEvent/examples/0/data":           `{"subject_id":"lbw_01k3p9c2zre8v9w0x1y2z3a4b5","external_ids":[{"value":"7"}]}`,
		"LeerbewijsIssuedData/properties/external_ids":    `{"type":"array","items":{"$ref":"#/components/schemas/FactExternalId"}}`,
		"FactExternalId":                                  `{"type":"object","properties":{"value":{"type":"string"}},"examples":[{"value":"7"}]}`,
		"Problem/properties/errors/items":                 `{"$ref":"#/components/schemas/ProblemError"}`,
		"Organisation/properties/tongues":                 `{"type":"array","items":{"type":"string","pattern":"^[a-z]{2}$"},"examples":[["nl"]]}`,
		"Problem/required":                                `["type","title","status","detail","instance","code","errors"]`,
		"Problem/properties/code/enum/0":                  `"already-exists"`,
		"CreateTokenForm/required":                        `["grant_type"]`,
		"CreateTokenForm/additionalProperties":            `null`,
	} {
		got, err := json.Marshal(at(at(d, "components/schemas"), path))
		require.NoError(t, err)
		require.JSONEq(t, want, string(got), path)
	}
	require.Len(t, at(d, "components/schemas/Organisation/required"), 20, "answers carry every member")
	for name, s := range at(d, "components/schemas").(map[string]any) {
		require.NotEmpty(t, at(s, "examples"), name)
	}
	require.Equal(t, map[string]any{"name": "Blok", "open": true, "site": map[string]any{"street": "Kerkstraat 1"}}, at(d, "components/schemas/OrganisationCreate/examples/0"))
	require.Nil(t, at(d, "components/schemas/Organisation/examples/0/deleted_at"))
}

func TestOperations(t *testing.T) {
	t.Parallel()
	d, _ := finished(t)
	statuses := func(path string) (out []string) {
		for code := range at(d, "paths/"+path+"/responses").(map[string]any) {
			out = append(out, code)
		}
		return out
	}
	parameters := func(path string) (out []string) {
		for _, p := range at(d, "paths/"+path+"/parameters").([]any) {
			if r, ok := at(p, "$ref").(string); ok {
				out = append(out, r[strings.LastIndex(r, "/")+1:])
			} else {
				out = append(out, at(p, "name").(string))
			}
		}
		return out
	}
	always := []string{"400", "429", "500", "503", "default"}
	behind := append([]string{"401", "403"}, always...)
	for _, c := range []struct {
		op         string
		statuses   []string
		parameters []string
	}{
		{"~v1~organisations/get", append([]string{"200", "410"}, behind...), []string{"Limit", "Cursor", "UpdatedSince", "sort", "stage", "AcceptLanguage"}},
		{"~v1~organisations/post", append([]string{"201", "409", "413", "415", "422"}, behind...), []string{"IdempotencyKey", "AcceptLanguage"}},
		{"~v1~organisations~{id}/get", append([]string{"200", "404"}, behind...), []string{"id", "AcceptLanguage"}},
		{"~v1~organisations~{id}/patch", append([]string{"200", "404", "409", "412", "413", "415", "422", "428"}, behind...), []string{"id", "IfMatchRequired", "AcceptLanguage"}},
		{"~v1~organisations~{id}/delete", append([]string{"204", "404", "409", "410", "412", "413", "422"}, behind...), []string{"id", "IfMatch", "AcceptLanguage"}},
		{"~v1~leerbewijzen~{id}~pdf/get", append([]string{"200", "404", "406"}, behind...), []string{"id", "AcceptLanguage"}},
		{"~check~{id}/get", append([]string{"200", "404", "406"}, always...), []string{"id", "AcceptLanguage"}},
		{"~oauth~token/post", []string{"200", "401", "default"}, []string{"AcceptLanguage"}},
	} {
		require.ElementsMatch(t, c.statuses, statuses(c.op), c.op)
		require.Equal(t, c.parameters, parameters(c.op), c.op)
	}
	for path, want := range map[string]string{
		"~v1~organisations/get/security":                                                            `[{"oauth2":["organisation:read"]},{"bearerAuth":[]}]`,
		"~v1~organisations~{id}/delete/security":                                                    `[{"oauth2":[]},{"bearerAuth":[]}]`,
		"~check~{id}/get/security":                                                                  `[]`,
		"~v1~organisations/post/description":                                                        "\"Adds one.\\n\\nNeeds `organisation:create`, which these roles hold: coordinator.\"",
		"~v1~organisations/get/responses/200/headers/Link/$ref":                                     `"#/components/headers/Link"`,
		"~v1~organisations/post/responses/201/headers/ETag/$ref":                                    `"#/components/headers/ETag"`,
		"~v1~organisations/post/responses/201/headers/Location/$ref":                                `"#/components/headers/Location"`,
		"~v1~organisations/post/responses/201/headers/Idempotency-Replayed/$ref":                    `"#/components/headers/Idempotency-Replayed"`,
		"~v1~organisations~{id}/get/responses/200/headers/ETag/$ref":                                `"#/components/headers/ETag"`,
		"~v1~organisations~{id}/get/responses/200/headers/Location":                                 `null`,
		"~v1~organisations~{id}/delete/responses/204/content":                                       `null`,
		"~v1~organisations~{id}/patch/requestBody/content/application~merge-patch+json/schema/$ref": `"#/components/schemas/OrganisationCreatePatch"`,
		"~v1~organisations~{id}/patch/requestBody/content/application~json/schema/$ref":             `"#/components/schemas/OrganisationCreatePatch"`,
		"~v1~organisations/get/parameters/4/explode":                                                `false`,
		"~v1~organisations/get/parameters/4/schema/examples":                                        `[["informed"]]`,
		"~v1~leerbewijzen~{id}~pdf/get/responses/200/content":                                       `{"application/pdf":{"schema":{"type":"string","format":"binary"}}}`,
		"~v1~leerbewijzen~{id}~pdf/get/responses/404/$ref":                                          `"#/components/responses/Problem404"`,
		"~check~{id}/get/responses/200/content/text~html/schema":                                    `{"type":"string"}`,
		"~check~{id}/get/responses/404/$ref":                                                        `"#/components/responses/ProblemPage404"`,
		"~oauth~token/post/requestBody/content/application~x-www-form-urlencoded/schema/$ref":       `"#/components/schemas/CreateTokenForm"`,
		"~oauth~token/post/responses/401/content":                                                   `{"application/json":{"schema":{"$ref":"#/components/schemas/TokenError"}}}`,
	} {
		got, err := json.Marshal(at(at(d, "paths"), path))
		require.NoError(t, err)
		require.JSONEq(t, want, string(got), path)
	}
	require.Equal(t, true, at(d, "components/headers/Retry-After/required"))
	require.NotNil(t, at(d, "components/responses/Problem429/headers/Retry-After/$ref"))
	require.Nil(t, at(d, "components/responses/Problem503/headers/Retry-After/required"))
	require.Equal(t, "already-exists", at(d, "components/responses/Problem409/content/application~problem+json/example/code"))
	require.NotNil(t, at(d, "components/responses/ProblemPage404/content/text~html"))
	require.Equal(t, "Read", at(d, "components/securitySchemes/oauth2/flows/clientCredentials/scopes/organisation:read"))
	require.Equal(t, "onLeerbewijsIssued", at(d, "webhooks/leerbewijs.issued/post/operationId"))
	require.Equal(t, "#/components/parameters/WebhookSignature", at(d, "webhooks/leerbewijs.issued/post/parameters/2/$ref"))
}

func TestOrder(t *testing.T) {
	t.Parallel()
	_, raw := finished(t)
	text := string(raw)
	inOrder := func(parts ...string) {
		from := 0
		for _, p := range parts {
			i := strings.Index(text[from:], p)
			require.GreaterOrEqual(t, i, 0, "%s, in this order: %v", p, parts)
			from += i
		}
	}
	inOrder(`"openapi"`, `"info"`, `"servers"`, `"tags"`, `"paths"`, `"webhooks"`, `"components"`)
	inOrder(`"Organisation": {`, `"properties"`, `"id"`, `"coach_ids"`, `"created_at"`, `"deleted_at"`)
	inOrder(`"OrganisationCreate": {`, `"properties"`, `"name"`, `"site"`, `"open"`, `"examples"`, `"name"`, `"site"`, `"open"`)
	for range 5 {
		again, err := openapi.Finish([]byte(sample), inputs())
		require.NoError(t, err)
		require.Equal(t, text, string(again))
	}
}

func TestNamedTags(t *testing.T) {
	t.Parallel()
	in := inputs()
	in.Tags = []openapi.Tag{{"webhook", "What we send."}, {"organisation", ""}, {"leerbewijs", ""}, {"access", ""}, {"unused", ""}}
	raw, err := openapi.Finish([]byte(sample), in)
	require.NoError(t, err)
	var d map[string]any
	require.NoError(t, json.Unmarshal(raw, &d))
	require.Len(t, d["tags"], 4)
	require.Equal(t, map[string]any{"name": "webhook", "description": "What we send."}, at(d, "tags/0"))
	in.Tags = in.Tags[1:]
	_, err = openapi.Finish([]byte(sample), in)
	require.ErrorContains(t, err, "tag webhook is used")
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	swap := func(old, new string) func(*string, *openapi.Inputs) {
		return func(s *string, _ *openapi.Inputs) { *s = strings.Replace(*s, old, new, 1) }
	}
	with := func(f func(*openapi.Inputs)) func(*string, *openapi.Inputs) {
		return func(_ *string, in *openapi.Inputs) { f(in) }
	}
	for name, c := range map[string]struct {
		do   func(*string, *openapi.Inputs)
		want string
	}{
		"no operationId":           {swap(`"operationId":"getOrganisation",`, ``), `GET /v1/organisations/{id}: @ID ""`},
		"operationId in capitals":  {swap(`"getOrganisation"`, `"GetOrganisation"`), `not a verb and a noun`},
		"operationId twice":        {swap(`"getOrganisation"`, `"listOrganisations"`), `is that of GET /v1/organisations too`},
		"operationId of the route": {swap(`"createToken"`, `"makeToken"`), `@ID is makeToken, the route says createToken`},
		"two tags":                 {swap(`"tags":["access"]`, `"tags":["access","x"]`), `exactly one of @Tags`},
		"no summary":               {swap(`"summary":"Get",`, ``), `needs a @Summary`},
		"undocumented route": {with(func(in *openapi.Inputs) {
			in.Operations = append(in.Operations, openapi.Operation{Method: "GET", Path: "/v1/x", Public: true, Status: 200})
		}), `GET /v1/x: a route without a document`},
		"no such route":          {with(func(in *openapi.Inputs) { in.Operations = in.Operations[1:] }), `GET /v1/organisations: documented, but not among the routes`},
		"other status":           {with(func(in *openapi.Inputs) { in.Operations[1].Status = http.StatusOK }), `answers 200, which no @Success documents`},
		"other content type":     {with(func(in *openapi.Inputs) { in.Operations[5].ContentType = "image/png" }), `the route answers image/png`},
		"unknown scope":          {with(func(in *openapi.Inputs) { delete(in.Permissions, "organisation:create") }), `scope organisation:create`},
		"no problem of a status": {with(func(in *openapi.Inputs) { in.Problems = in.Problems[:1] }), `but no problem has that status`},
		"no problems":            {with(func(in *openapi.Inputs) { in.Problems = nil }), `problems: none`},
		"no title":               {with(func(in *openapi.Inputs) { in.Info.Title = "" }), `title and version`},
		"path parameter missing": {swap(`{"name":"id","in":"path","required":true,"type":"string","description":"It.","example":"lbw_01k3p9c2zre8v9w0x1y2z3a4b5"}`, ``), `the path's id has no document`},
		"parameter undescribed":  {swap(`,"description":"Only these."`, ``), `?stage: needs a description`},
		"collision":              {swap(`"unused.Thing"`, `"organisation.Site"`), `both Site and organisation.Site`},
		"unexported type":        {swap(`"unused.Thing"`, `"organisation.createReq"`), `// @name`},
		"split collision":        {swap(`"Token":{`, `"SiteInput":{"type":"string"},"Token":{`), `schema SiteInput`},
		"patch collision":        {swap(`"Token":{`, `"OrganisationCreatePatch":{"type":"string"},"Token":{`), `schema OrganisationCreatePatch`},
		"string without example": {swap(`"example":"Kerkstraat 1"`, `"title":"x"`), `street: needs an example`},
		"number without example": {swap(`"type":"number","example":7.25`, `"type":"number"`), `hours: needs an example`},
		"id without example":     {swap(`"x-nullable":true,"example":"`+org+`"`, `"x-nullable":true`), `parent_id: is called an id`},
		"ids without example":    {swap(`"items":{"type":"string"},"example":["mdw_01k3p9c2zre8v9w0x1y2z3a4b5"]`, `"items":{"type":"string"}`), `coach_ids: is called an id`},
		"id of another alphabet": {swap(`"example":"`+org+`"},`, `"example":"org_01i3p9c2zre8v9w0x1y2z3a4b5"},`), `is called an id`},
		"a date that is none":    {swap(`"from_on":{"type":"string","example":"2027-01-11"}`, `"from_on":{"type":"string","example":"monday"}`), `from_on: by its name it is a date`},
		"an instant that is a day": {swap(`"created_at":{"type":"string","example":"2027-01-11T09:00:00Z"}`, `"created_at":{"type":"string","example":"2027-01-11"}`),
			`created_at: by its name it is a date-time`},
		"recursion":         {swap(`"Site":{"type":"object","properties":{`, `"Site":{"type":"object","properties":{"next":{"$ref":"#/definitions/Site"},`), `contains itself`},
		"composition":       {swap(`"allOf":[{"$ref":"#/definitions/organisation.Stage"}]`, `"allOf":[{"$ref":"#/definitions/Site"},{"type":"object"}]`), `write the type out`},
		"x-example no JSON": {swap(`"{\"a\":[1]}"`, `"{a"`), `x-example is not JSON`},
		"nothing answered":  {swap(`"schema":{"type":"file"}`, `"x":1`), `what does 200 answer?`},
		"webhook twice":     {with(func(in *openapi.Inputs) { in.Webhooks = append(in.Webhooks, in.Webhooks[0]) }), `twice`},
		"webhook schema": {with(func(in *openapi.Inputs) {
			in.Webhooks[0].Data = json.RawMessage(`{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/a"}}}`)
		}), `leads to itself`},
		"webhook parts": {with(func(in *openapi.Inputs) {
			other := in.Webhooks[0]
			other.Type, other.Data = "leerbewijs.revoked", json.RawMessage(strings.ReplaceAll(string(other.Data), `"value"`, `"worth"`))
			in.Webhooks = append(in.Webhooks, other)
		}), `external_ids is another than that of other facts`},
		"webhook shows no part": {with(func(in *openapi.Inputs) {
			in.Webhooks[0].Example = json.RawMessage(`{"subject_id":"lbw_01k3p9c2zre8v9w0x1y2z3a4b5","external_ids":[]}`)
		}), `its example shows no external_ids`},
		"webhook example": {with(func(in *openapi.Inputs) { in.Webhooks[0].Example = json.RawMessage(`[]`) }), `its example`},
		"no JSON":         {func(s *string, _ *openapi.Inputs) { *s = "{" }, `swag's document`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, in := sample, inputs()
			c.do(&s, &in)
			_, err := openapi.Finish([]byte(s), in)
			require.ErrorContains(t, err, c.want)
		})
	}
}
