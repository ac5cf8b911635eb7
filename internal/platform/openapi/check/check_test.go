package check_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/openapi"
	"github.com/switchingtalent/switchboard/internal/platform/openapi/check"
)

const id = "org_01k3p9c2zre8v9w0x1y2z3a4b5"

const swagger = `{"swagger":"2.0","paths":{
"/v1/organisations":{
 "get":{"operationId":"listOrganisations","summary":"List","tags":["organisation"],"parameters":[
   {"name":"limit","in":"query","type":"integer"},{"name":"cursor","in":"query","type":"string"},
   {"name":"open","in":"query","type":"boolean","description":"Open ones."},
   {"name":"stage","in":"query","type":"array","items":{"type":"string","enum":["informed","engaged"]},"collectionFormat":"csv","description":"Only these."},
   {"name":"around","in":"query","required":true,"type":"number","description":"Where.","example":51.5}],
  "responses":{"200":{"description":"OK","schema":{"$ref":"#/definitions/Page-Organisation"}}}},
 "post":{"operationId":"createOrganisation","summary":"Add","tags":["organisation"],"parameters":[
   {"name":"body","in":"body","required":true,"description":"It.","schema":{"$ref":"#/definitions/OrganisationCreate"}}],
  "responses":{"201":{"description":"Created","schema":{"$ref":"#/definitions/Organisation"}}}}},
"/v1/organisations/mine":{"get":{"operationId":"getOwn","summary":"Own","tags":["organisation"],"responses":{"200":{"description":"OK","schema":{"$ref":"#/definitions/Site"}}}}},
"/v1/organisations/{id}":{
 "get":{"operationId":"getOrganisation","summary":"Get","tags":["organisation"],"parameters":[
   {"name":"id","in":"path","required":true,"type":"string","description":"It.","example":"` + id + `"}],
  "responses":{"200":{"description":"OK","schema":{"$ref":"#/definitions/Organisation"}}}},
 "delete":{"operationId":"deleteOrganisation","summary":"Remove","tags":["organisation"],"parameters":[
   {"name":"id","in":"path","required":true,"type":"string","description":"It.","example":"` + id + `"}],
  "responses":{"204":{"description":"No Content"}}}},
"/v1/leerbewijzen/{id}/pdf":{"get":{"operationId":"getLeerbewijsPdf","summary":"PDF","tags":["leerbewijs"],"produces":["application/pdf"],"parameters":[
   {"name":"id","in":"path","required":true,"type":"string","description":"It.","example":"lbw_01k3p9c2zre8v9w0x1y2z3a4b5"}],
  "responses":{"200":{"description":"The PDF","schema":{"type":"file"}}}}},
"/check/{id}":{"get":{"operationId":"checkLeerbewijs","summary":"Check","tags":["leerbewijs"],"produces":["application/json","text/html"],"parameters":[
   {"name":"id","in":"path","required":true,"type":"string","description":"It.","example":"lbw_01k3p9c2zre8v9w0x1y2z3a4b5"}],
  "responses":{"200":{"description":"OK","schema":{"$ref":"#/definitions/Site"}}}}}
},"definitions":{
"Site":{"type":"object","properties":{"street":{"type":"string","example":"Kerkstraat 1"}}},
"Organisation":{"type":"object","properties":{
 "id":{"type":"string","example":"` + id + `"},
 "name":{"type":"string","example":"Blok"},
 "stage":{"type":"string","enum":["informed","engaged"]},
 "site":{"allOf":[{"$ref":"#/definitions/Site"}],"x-nullable":true},
 "hours":{"type":"number","example":7.25},
 "created_at":{"type":"string","example":"2027-01-11T09:00:00Z"},
 "detail":{"type":"object"},
 "names":{"type":"object","additionalProperties":{"type":"string"}}}},
"OrganisationCreate":{"type":"object","required":["name"],"properties":{"name":{"type":"string","maxLength":5,"example":"Blok"}}},
"Page-Organisation":{"type":"object","properties":{"data":{"type":"array","items":{"$ref":"#/definitions/Organisation"}},"has_more":{"type":"boolean"},"next_cursor":{"type":"string","x-nullable":true,"example":"eyJ"}}}
}}`

func document(t testing.TB) []byte {
	t.Helper()
	in := openapi.Inputs{Info: openapi.Info{Title: "Switchboard", Version: "1.0.0"}, PublicURL: "https://switchboard.example",
		Permissions: map[string]string{"organisation:read": "Read", "organisation:write": "Change"},
		Operations: []openapi.Operation{
			{Method: "GET", Path: "/v1/organisations", Permission: "organisation:read", Status: 200, List: true},
			{Method: "POST", Path: "/v1/organisations", Permission: "organisation:write", Status: 201, Single: true, Idempotent: true},
			{Method: "GET", Path: "/v1/organisations/mine", Permission: "self", Status: 200},
			{Method: "GET", Path: "/v1/organisations/{id}", Permission: "organisation:read", Status: 200, Single: true},
			{Method: "DELETE", Path: "/v1/organisations/{id}", Permission: "organisation:write", Status: 204},
			{Method: "GET", Path: "/v1/leerbewijzen/{id}/pdf", Permission: "organisation:read", Status: 200},
			{Method: "GET", Path: "/check/{id}", Public: true, Status: 200},
		},
		Webhooks: []openapi.Webhook{{Type: "leerbewijs.issued", Summary: "Issued",
			Data:    []byte(`{"type":"object","properties":{"subject_id":{"type":"string"}}}`),
			Example: []byte(`{"subject_id":"lbw_01k3p9c2zre8v9w0x1y2z3a4b5"}`)}},
	}
	for _, status := range []int{400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 429, 500, 503} {
		in.Problems = append(in.Problems, openapi.ProblemDoc{Code: fmt.Sprintf("problem-%d", status), Status: status, Title: "It went wrong."})
	}
	doc, err := openapi.Finish([]byte(swagger), in)
	require.NoError(t, err)
	return doc
}

const (
	body    = `{"id":"` + id + `","name":"Blok","stage":"informed","site":{"street":"Kerkstraat 1"},"hours":7.25,"created_at":"2027-01-11T09:00:00Z","detail":{"any":[{"thing":1}]},"names":{"nl":"Blok"}}`
	problem = `{"type":"https://switchboard.example/problems/problem-404","title":"Not Found","status":404,"detail":"Nothing.","instance":"urn:request:req_1","code":"problem-404","errors":[]}`
)

// answer is a good GET of one organisation, before a case spoils it.
type answer struct {
	method, path, sent, sentType string
	status                       int
	header                       http.Header
	body                         string
}

func good() answer {
	return answer{method: "GET", path: "/v1/organisations/" + id, sentType: "application/json", status: 200, body: body,
		header: http.Header{"Content-Type": {"application/json"}, "Request-Id": {"req_1"}, "Etag": {`"3"`}, "Ratelimit": {`"client";r=1;t=1`},
			"Ratelimit-Policy": {`"client";q=6000;w=60`}, "Vary": {"Accept-Language"}}}
}

func problemOf(status int) answer {
	a := good()
	a.status, a.body = status, problem
	a.header.Set("Content-Type", "application/problem+json")
	a.header.Del("Etag")
	return a
}

func (a answer) check(c *check.Checker) error {
	req := httptest.NewRequest(a.method, a.path, nil)
	req.Header.Set("Content-Type", a.sentType)
	return c.Check(req, []byte(a.sent), a.status, a.header, []byte(a.body))
}

func swap(old, new string) func(*answer) {
	return func(a *answer) { a.body = strings.Replace(a.body, old, new, 1) }
}

func list(query string) answer {
	a := good()
	a.path, a.body = "/v1/organisations?around=51.5"+query, `{"data":[`+body+`],"has_more":false,"next_cursor":null}`
	a.header.Del("Etag")
	return a
}

func post(sent string) answer {
	a := good()
	a.method, a.path, a.status, a.sent = "POST", "/v1/organisations", 201, sent
	a.header.Set("Location", "/v1/organisations/"+id)
	return a
}

func TestCheck(t *testing.T) {
	t.Parallel()
	c, err := check.NewChecker(document(t))
	require.NoError(t, err)
	for name, k := range map[string]struct {
		of    answer
		spoil func(*answer)
		want  string // empty: as documented
	}{
		"good":                       {good(), nil, ""},
		"charset":                    {good(), func(a *answer) { a.header.Set("Content-Type", "application/json; charset=utf-8") }, ""},
		"null where it may be":       {good(), swap(`{"street":"Kerkstraat 1"}`, `null`), ""},
		"null where it may not":      {good(), swap(`"name":"Blok"`, `"name":null`), "/name: got null"},
		"undocumented member":        {good(), swap(`"hours"`, `"password_hash":"x","hours"`), "password_hash"},
		"undocumented, nested":       {good(), swap(`"street"`, `"secret":"x","street"`), "secret"},
		"undocumented, in a list":    {list(""), swap(`"hours"`, `"secret":"x","hours"`), "body /data/0: additional properties 'secret'"},
		"missing member":             {good(), swap(`"name":"Blok",`, ``), "missing property 'name'"},
		"wrong type":                 {good(), swap(`7.25`, `"7.25"`), "/hours"},
		"three decimals":             {good(), swap(`7.25`, `7.255`), "/hours"},
		"unknown enum value":         {good(), swap(`"informed"`, `"gone"`), "/stage"},
		"id of another noun":         {good(), swap(`"org_`, `"mdw_`), "/id"},
		"no instant":                 {good(), swap(`2027-01-11T09:00:00Z`, `yesterday`), "/created_at"},
		"wrong value in a map":       {good(), swap(`{"nl":"Blok"}`, `{"nl":1}`), "/names/nl"},
		"no JSON":                    {good(), swap(`{`, `[`), "not JSON"},
		"undocumented status":        {good(), func(a *answer) { a.status = 418 }, "status 418 is not documented"},
		"status of default alone":    {problemOf(409), nil, "status 409 is not documented"},
		"undocumented content type":  {good(), func(a *answer) { a.header.Set("Content-Type", "text/plain") }, `content type "text/plain"`},
		"error without problem type": {problemOf(404), func(a *answer) { a.header.Set("Content-Type", "application/json") }, `content type "application/json"`},
		"undocumented header":        {good(), func(a *answer) { a.header.Set("X-Debug", "1") }, "header X-Debug"},
		"missing header":             {good(), func(a *answer) { a.header.Del("Etag") }, "header Etag is missing"},
		"header of the wrong type": {problemOf(429), func(a *answer) {
			a.header.Set("Retry-After", "soon")
			swap("404", "429")(a)
			swap(`s":404`, `s":429`)(a)
		}, "Retry-After"},
		"429 without Retry-After":    {problemOf(429), func(a *answer) { swap(`s":404`, `s":429`)(a) }, "Retry-After is missing"},
		"problem":                    {problemOf(404), nil, ""},
		"problem of another status":  {problemOf(404), swap(`"status":404`, `"status":400`), "says status 400"},
		"problem with a member more": {problemOf(404), swap(`"errors":[]`, `"errors":[],"stack":"x"`), "stack"},
		"problem without its page":   {problemOf(404), swap(`"code":"problem-404"`, `"code":"other"`), "/code"},
		"literal before parameter":   {good(), func(a *answer) { a.path, a.body = "/v1/organisations/mine", `{"street":"x"}`; a.header.Del("Etag") }, ""},
		"nothing": {good(), func(a *answer) {
			a.method, a.status, a.body = "DELETE", 204, ""
			a.header.Del("Content-Type")
			a.header.Del("Etag")
		}, ""},
		"a body with 204": {good(), func(a *answer) { a.method, a.status = "DELETE", 204 }, "where none is documented"},
		"head":            {good(), func(a *answer) { a.method, a.body = "HEAD", "" }, ""},
		"file": {good(), func(a *answer) {
			a.path, a.body = "/v1/leerbewijzen/lbw_01k3p9c2zre8v9w0x1y2z3a4b5/pdf", "%PDF"
			a.header.Set("Content-Type", "application/pdf")
			a.header.Del("Etag")
		}, ""},
		"empty file": {good(), func(a *answer) {
			a.path, a.body = "/v1/leerbewijzen/lbw_01k3p9c2zre8v9w0x1y2z3a4b5/pdf", ""
			a.header.Set("Content-Type", "application/pdf")
		}, "empty"},
		"page": {good(), func(a *answer) {
			a.path, a.body = "/check/lbw_01k3p9c2zre8v9w0x1y2z3a4b5", "<p>"
			a.header.Set("Content-Type", "text/html; charset=utf-8")
			a.header.Del("Etag")
		}, ""},
		"page of an error": {problemOf(404), func(a *answer) {
			a.path, a.body = "/check/lbw_01k3p9c2zre8v9w0x1y2z3a4b5", "<p>"
			a.header.Set("Content-Type", "text/html")
		}, ""},
		"id of another noun in the path": {good(), func(a *answer) { a.path = "/v1/organisations/mdw_01k3p9c2zre8v9w0x1y2z3a4b5" }, "accepted: path"},
		"list":                           {list("&limit=5&open=true&stage=informed,engaged"), nil, ""},
		"unknown parameter":              {list("&limt=5"), nil, "accepted the query parameter limt"},
		"parameter out of range":         {list("&limit=5000"), nil, "accepted: query parameter limit"},
		"parameter no number":            {list("&limit=many"), nil, `"many" is not a number`},
		"parameter no boolean":           {list("&open=ja"), nil, "not true or false"},
		"parameter of no enum":           {list("&stage=informed,x"), nil, "query parameter stage /1"},
		"parameter missing":              {list(""), func(a *answer) { a.path = "/v1/organisations" }, "without the query parameter around"},
		"create":                         {post(`{"name":"Blok"}`), nil, ""},
		"created without Location":       {post(`{"name":"Blok"}`), func(a *answer) { a.header.Del("Location") }, "Location is missing"},
		"accepted an unknown member":     {post(`{"name":"Blok","x":1}`), nil, "accepted a body that the document refuses"},
		"accepted a long name":           {post(`{"name":"Blokken"}`), nil, "/name"},
		"accepted nothing":               {post(``), nil, "without a body"},
		"accepted another type":          {post(`{"name":"Blok"}`), func(a *answer) { a.sentType = "text/plain" }, `accepted a body of type "text/plain"`},
		"refused what is refused": {problemOf(422), func(a *answer) {
			swap(`s":404`, `s":422`)(a)
			a.method, a.path, a.sent = "POST", "/v1/organisations", `{"x":1}`
		}, ""},
		"no such path":          {problemOf(404), func(a *answer) { a.path = "/v1/nothing" }, ""},
		"no such method":        {problemOf(405), func(a *answer) { swap(`s":404`, `s":405`)(a); a.method = "PUT" }, ""},
		"no such path, as text": {good(), func(a *answer) { a.path, a.status = "/v1/nothing", 404 }, "is no problem"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := k.of
			if k.spoil != nil {
				k.spoil(&a)
			}
			err := a.check(c)
			if k.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, k.want)
		})
	}
	other := good()
	other.path = "/livez"
	require.ErrorIs(t, other.check(c), check.ErrNoOperation)
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	c, err := check.NewChecker(document(t))
	require.NoError(t, err)
	var all sync.WaitGroup
	errs := make([]error, 16)
	for i := range errs {
		all.Go(func() {
			for range 20 {
				bad := good()
				swap(`"hours"`, `"secret":"x","hours"`)(&bad)
				if bad.check(c) == nil {
					errs[i] = errors.New("missed an undocumented member")
				}
				errs[i] = errors.Join(errs[i], good().check(c))
			}
		})
	}
	all.Wait()
	require.NoError(t, errors.Join(errs...))
}

func TestDocument(t *testing.T) {
	t.Parallel()
	doc := document(t)
	require.NoError(t, check.Document(doc))
	for name, c := range map[string]struct{ old, new, want string }{
		"no OpenAPI":             {`"openapi": "3.1.1"`, `"openapi": "3.1.1", "swagger": 7`, "swagger"},
		"example of a member":    {`"Blok"`, `"Blokken"`, "maxLength"},
		"example of an id":       {`"` + id + `"`, `"org_1"`, "example of"},
		"reference to nowhere":   {`#/components/schemas/Site"`, `#/components/schemas/Sites"`, "Sites"},
		"example of a problem":   {`"status": 404`, `"status": "404"`, "Problem404"},
		"not even JSON, or YAML": {`{`, `}`, "document"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.ErrorContains(t, check.Document(bytes.Replace(doc, []byte(c.old), []byte(c.new), replaceAll(c.old))), c.want)
		})
	}
	_, err := check.NewChecker([]byte(`{`))
	require.Error(t, err)
	_, err = check.NewChecker(bytes.ReplaceAll(doc, []byte(`schemas/Site"`), []byte(`schemas/Sites"`)))
	require.Error(t, err)
}

// replaceAll spoils a document once where that makes it unreadable, and everywhere else wherever it can.
func replaceAll(old string) int {
	if old == "{" {
		return 1
	}
	return -1
}

func BenchmarkCheck(b *testing.B) {
	c, err := check.NewChecker(document(b))
	require.NoError(b, err)
	a := list("&limit=5")
	for b.Loop() {
		require.NoError(b, a.check(c))
	}
}
