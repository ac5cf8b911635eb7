package openapi_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/openapi"
)

// module is a small copy of how the house writes its types: ids as aliases of instances, types that write themselves,
// unexported requests, embedded rows, pages.
var module = map[string]string{
	"doc.go": "// Package switchboard is a small copy.\npackage switchboard\n",
	"internal/platform/id/id.go": `package id

type Kind interface{ prefix() string }
type Of[K Kind] [16]byte

func (i Of[K]) MarshalText() ([]byte, error) { return i[:], nil }

type organisationKind struct{}

func (organisationKind) prefix() string { return "org" }

type OrganisationID = Of[organisationKind]
`,
	"internal/platform/hours/hours.go": `package hours

type Hours int64

func (h Hours) MarshalJSON() ([]byte, error) { return nil, nil }
`,
	"internal/platform/page/page.go": `package page

import "time"

type Params struct {
	Limit  int    ` + "`form:\"limit\" default:\"25\"`" + `
	Since *time.Time ` + "`form:\"updated_since\"`" + `
}

type Page[T any] struct {
	Data    []T  ` + "`json:\"data\"`" + `
	HasMore bool ` + "`json:\"has_more\"`" + `
} // @name Page
`,
	"internal/organisation/http.go": `package organisation

import (
	"encoding/json"

	"github.com/switchingtalent/switchboard/internal/platform/hours"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
)

type Stage string // @name OrganisationStage

const (
	Informed Stage = "informed" // knows of it
)

type stamp struct {
	Revision int64 ` + "`json:\"revision\" example:\"1\"`" + `
}

type Wire struct {
	ZID    id.OrganisationID   ` + "`json:\"id\" example:\"org_01k3p9c2zre8v9w0x1y2z3a4b5\"`" + `
	Stage  Stage               ` + "`json:\"stage\" example:\"informed\"`" + `
	Hours  *hours.Hours        ` + "`json:\"hours\" extensions:\"x-nullable\" example:\"7.25\"`" + `
	Detail json.RawMessage     ` + "`json:\"detail\" swaggertype:\"object\" extensions:\"x-example={\\\"a\\\":1}\"`" + `
	Above  []id.OrganisationID ` + "`json:\"above_ids\" example:\"org_01k3p9c2zre8v9w0x1y2z3a4b5\"`" + `
	stamp
	Words Words ` + "`json:\"words\" validate:\"max=9\" minLength:\"1\" maxLength:\"20\" example:\"zorg\"`" + `
} // @name Organisation

type Words []string

type Service struct{}

// list shows them.
//
//	@Summary  List
//	@ID       listOrganisations
//	@Tags     organisation
//	@Param    query query page.Params false "page"
//	@Success  200 {object} page.Page[Wire]
//	@Router   /v1/organisations [get]
func (s Service) list() (page.Page[Wire], error) { return page.Page[Wire]{}, nil }
`,
}

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	for _, name := range []string{"go.mod", "go.sum"} { // swag is a tool of this module
		b, err := os.ReadFile(filepath.Join("../../..", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
	}
	return dir
}

func TestSwag(t *testing.T) {
	t.Parallel()
	raw, err := openapi.Swag(write(t, module))
	require.NoError(t, err)
	var d map[string]any
	require.NoError(t, json.Unmarshal(raw, &d))
	wire := at(d, "definitions/Organisation/properties")
	for path, want := range map[string]string{
		"id/type": `"string"`, "id/x-order": `0`, "stage/x-order": `1`, "hours/type": `"number"`, "hours/x-nullable": `true`,
		"detail/x-example": `"{\"a\":1}"`, "above_ids/items/type": `"string"`, "above_ids/x-order": `4`, "revision/x-order": `5`,
		"words/maxItems": `9`, "words/items": `{"type":"string","minLength":1,"maxLength":20}`,
	} {
		got, err := json.Marshal(at(wire, path))
		require.NoError(t, err)
		require.JSONEq(t, want, string(got), path)
	}
	require.NotNil(t, at(d, "definitions/Page-Organisation"))
	require.NotNil(t, at(d, "definitions/OrganisationStage"))

	in := inputs()
	in.Operations, in.Webhooks = []openapi.Operation{{Method: "GET", Path: "/v1/organisations", Permission: "organisation:read", Status: 200, List: true}}, nil
	doc, err := openapi.Finish(raw, in)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(doc, &d))
	require.Equal(t, "#/components/schemas/Organisation", at(d, "components/schemas/OrganisationPage/properties/data/items/$ref"))
	require.Equal(t, []any{"id", "stage", "hours", "detail", "above_ids", "revision", "words"}, at(d, "components/schemas/Organisation/required"))
}

func TestSwagSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := openapi.Swag(write(t, map[string]string{"doc.go": "package x\n\n// f is.\n//\n//\t@Success 200 {object} Nowhere\n//\t@Router /x [get]\nfunc f() {}\n"}))
	require.ErrorContains(t, err, "Nowhere")
	_, err = openapi.Swag(write(t, map[string]string{"doc.go": "package"}))
	require.ErrorContains(t, err, "reading the sources")
	_, err = openapi.Swag(t.TempDir())
	require.ErrorIs(t, err, os.ErrNotExist)
}
