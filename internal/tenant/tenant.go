// Package tenant holds the ST-partners: each is one tenant, with its settings and its branding (seed 001, "Zin om ST-partner te worden?").
package tenant

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // zones are the same on every machine, also where none are installed

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/html"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// OperatorID is the tenant that the operator's own clients live in. It is no ST-partner and stands in no list.
var OperatorID = id.TenantID(uuid.MustParse("00000000-0000-7000-8000-000000000001"))

const operatorSlug = "operator"

// directory is the kind of name under which the directory knows tenants by their slug.
const directory = "tenant_slug"

// Tenant is one ST-partner, or an employer on its own.
type Tenant struct {
	db.Row
	ID              id.TenantID `gorm:"primaryKey"` // the same as TenantID
	Slug            string      // unique over the whole installation
	Name            string
	Sandbox         bool // for trying things out: its secrets and tokens say so
	Zone            string
	Lang            string
	PrimaryColour   *string // #rrggbb
	AccentColour    *string // #rrggbb
	RequiredParties db.Strings
	SurveyDelayDays int
	FrameOrigins    db.Strings // of pages that may show the webhook console in a frame
}

// TableName is the table of tenants.
func (Tenant) TableName() string { return "tenants" }

// Key places a tenant in a list.
func (t Tenant) Key() (int64, uuid.UUID) { return t.Pos, t.ID.UUID() }

// parties are those who can be asked to accept a match, in the order in which they are shown (design section 6, step 4).
var parties = []string{"sending", "receiving", "switcher", "leercoach"}

var (
	// SlugTaken says that another tenant of this installation has the slug.
	SlugTaken = fault.Define(fault.Conflict, "tenant-slug-taken", fault.Text{
		EN: "Another tenant has this slug.", NL: "Een andere tenant heeft deze slug.", FR: "Un autre locataire a ce slug."})

	employersDecide = fault.DefineRule("employers_decide", fault.Text{
		EN: "must name both employers: sending and receiving", NL: "moet beide werkgevers noemen: sending en receiving",
		FR: "doit nommer les deux employeurs : sending et receiving"})
)

var (
	slugForm = regexp.MustCompile(`^[a-z0-9](-?[a-z0-9])*$`)
	// Only names of places, so that what a machine's own zone directory holds besides (Local, posixrules, right/…) is none.
	zoneForm = regexp.MustCompile(`^(UTC|(Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe|Indian|Pacific)(/[A-Za-z0-9_+-]+){1,2})$`)
	zones    sync.Map // name → *time.Location
)

// Zone returns a zone of the IANA database by its name, like Europe/Brussels, or reports that there is none.
func Zone(name string) (*time.Location, bool) {
	if z, ok := zones.Load(name); ok {
		return z.(*time.Location), true
	}
	if !zoneForm.MatchString(name) {
		return nil, false
	}
	z, err := time.LoadLocation(name)
	if err != nil {
		return nil, false
	}
	zones.Store(name, z)
	return z, true
}

// colour writes a colour as the database keeps it, or adds to e what is wrong with it.
func colour(e *fault.Error, pointer string, text *string) *string {
	if text == nil {
		return nil
	}
	c, err := html.ParseColor(*text)
	if err != nil {
		e.At(pointer, fault.BadFormat, "format", "a colour like #1d4e5f")
		return nil
	}
	s := c.String()
	return &s
}

// checkParties puts required parties in their order, or adds to e what is wrong with them.
func checkParties(e *fault.Error, given []string) db.Strings {
	if !slices.Contains(given, "sending") || !slices.Contains(given, "receiving") {
		e.At("/required_parties", employersDecide)
	}
	out := db.Strings{}
	for _, p := range parties {
		if slices.Contains(given, p) {
			out = append(out, p)
		}
	}
	if len(out) != len(given) {
		e.At("/required_parties", fault.Repeated)
	}
	return out
}

var hostForm = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?(:[1-9][0-9]{0,4})?$`)

// checkOrigins refuses what is no origin (RFC 6454) of https, or of http on this machine, for trying out: each goes into a
// header as it is.
func checkOrigins(e *fault.Error, given []string) db.Strings {
	out := db.Strings{}
	for i, o := range given {
		scheme, host, _ := strings.Cut(o, "://")
		name, _, _ := strings.Cut(host, ":")
		at := "/frame_origins/" + strconv.Itoa(i)
		switch {
		case !hostForm.MatchString(host) || scheme != "https" && !(scheme == "http" && (name == "localhost" || name == "127.0.0.1")):
			e.At(at, fault.Unusable, "format", "an origin like https://partner.example, in lower case")
		case slices.Contains(given[:i], o):
			e.At(at, fault.Repeated)
		}
		out = append(out, o)
	}
	return out
}

func checkSlug(slug string) error {
	if !slugForm.MatchString(slug) || len(slug) > 40 {
		return fault.At("/slug", fault.BadFormat, "format", "lower-case letters and digits, with single hyphens between")
	}
	return nil
}

func trimmed(s string) string { return strings.TrimSpace(s) }
