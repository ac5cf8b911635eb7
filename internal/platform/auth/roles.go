package auth

import (
	"maps"
	"slices"
	"strings"
)

// Role is what a client is for. Permissions follow from it; only integration chooses its own.
type Role string

// The roles (design section 3).
const (
	Operator     Role = "operator"      // opens tenants, sees none of their data
	PartnerAdmin Role = "partner_admin" // the ST-partner's administrator
	Coordinator  Role = "coordinator"   // projectleider of the ST-partner
	Employer     Role = "employer"      // bound to one organisation
	Switcher     Role = "switcher"      // bound to one medewerker
	Leercoach    Role = "leercoach"     // bound to one medewerker
	Integration  Role = "integration"   // software with explicit scopes, bound or not
	Viewer       Role = "viewer"        // reads
)

// Roles lists all roles.
var Roles = []Role{Operator, PartnerAdmin, Coordinator, Employer, Switcher, Leercoach, Integration, Viewer}

// Permission is noun:verb. Every route names one.
type Permission string

// Public marks a route that needs no token; the route says by itself how it is protected (a link, a signature, nothing).
const Public Permission = "public"

// Self is the permission to ask about oneself: every valid token has it.
const Self Permission = "self"

// Binding says which callers may hold a permission.
type Binding string

// A permission is for any caller, or for callers that no employer or employee binds.
const (
	AnyBinding Binding = "any"
	Unbound    Binding = "unbound"
)

// Grant is one row of the table of permissions: the single source of middleware, tests, documentation and scopes.
type Grant struct {
	Permission Permission
	Doc        string // shown beside the scope in the API document
	Binding    Binding
	Roles      []Role // besides integration, which may be given any permission that its creator holds
	Integrable bool   // whether integration clients may hold it
}

// Grants is the table. A permission that is missing here does not exist.
var Grants = []Grant{
	{"tenant:open", "Open tenants and hand out their first client", Unbound, []Role{Operator}, false},
	{"tenant:read", "Read the own tenant's settings", AnyBinding, staff(Employer, Switcher, Leercoach, Viewer), true},
	{"tenant:write", "Change the own tenant's settings", Unbound, []Role{PartnerAdmin}, false},
	{"client:read", "See machine clients", Unbound, []Role{PartnerAdmin}, true},
	{"client:write", "Make, rotate and revoke machine clients", Unbound, []Role{PartnerAdmin}, false},
	{"organisation:read", "Read employers", AnyBinding, staff(Employer, Switcher, Leercoach, Viewer), true},
	{"organisation:write", "Change employers", AnyBinding, staff(Employer), true},
	{"organisation:create", "Add employers", Unbound, staff(), true},
	{"organisation:merge", "Merge employers that turn out to be one", Unbound, staff(), true},
	{"conversation:read", "Read what was talked over with employers", Unbound, staff(), true},
	{"conversation:write", "Note what was talked over with employers", Unbound, staff(), true},
	{"medewerker:read", "Read employees", AnyBinding, staff(Employer, Switcher, Leercoach, Viewer), true},
	{"medewerker:write", "Add and change employees", AnyBinding, staff(Employer), true},
	{"leervraag:read", "Read leervragen", AnyBinding, staff(Employer, Switcher, Leercoach, Viewer), true},
	{"leervraag:write", "Ask, sharpen, open and close leervragen", AnyBinding, staff(Employer, Switcher), true},
	{"leerplek:read", "Read leerplekken", AnyBinding, staff(Employer, Switcher, Leercoach, Viewer), true},
	{"leerplek:write", "Offer, publish and withdraw leerplekken", AnyBinding, staff(Employer), true},
	{"cohort:read", "Read cohorten", AnyBinding, staff(Switcher, Viewer), true},
	{"cohort:write", "Begin, fill, open and close cohorten", Unbound, staff(), true},
	{"cohort:prefer", "Read and note the employers that a switcher likes best", AnyBinding, staff(Switcher), true},
	{"matching_run:read", "Read matching runs and what they explain", Unbound, staff(), true},
	{"matching_run:write", "Start and cancel matching runs", Unbound, staff(), true},
	{"matching:read", "Read the weights of matching", Unbound, staff(Viewer), true},
	{"matching:write", "Set the weights of matching", Unbound, staff(), true},
	{"rival:read", "Read which employers are rivals", AnyBinding, staff(Employer), true},
	{"rival:write", "Name and forget rivals", AnyBinding, staff(Employer), true},
	{"match:read", "Read matches", AnyBinding, staff(Employer, Switcher, Leercoach, Viewer), true},
	{"match:write", "Propose matches", Unbound, staff(), true},
	{"match:decide", "Accept or decline a match", AnyBinding, staff(Employer, Switcher, Leercoach), true},
	{"leeruitwisseling:read", "Read exchanges", AnyBinding, staff(Employer, Switcher, Leercoach, Viewer), true},
	{"leeruitwisseling:write", "Plan, note and complete exchanges", AnyBinding, staff(Employer), true},
	{"leeruitwisseling:prepare", "Draw up the plan of a day, and list documents for it", AnyBinding, staff(Employer, Leercoach), true},
	{"leeruitwisseling:reflect", "Look back on exchanges", AnyBinding, staff(Employer, Switcher, Leercoach), true},
	{"leeruitwisseling:sign", "Sign the agreement of an exchange", AnyBinding, staff(Employer, Switcher), true},
	{"opleidingsregistratie:read", "Read training hours", AnyBinding, staff(Employer, Switcher, Viewer), true},
	{"opleidingsregistratie:write", "Correct and withdraw training hours", AnyBinding, staff(Employer), true},
	{"survey:read", "Read surveys", AnyBinding, staff(Employer, Switcher, Leercoach, Viewer), true},
	{"survey:invite", "See and hand out survey links", Unbound, staff(), true},
	{"survey:answer", "Answer surveys", AnyBinding, staff(Employer, Switcher, Leercoach), true},
	{"leerbewijs:read", "Read certificates", AnyBinding, staff(Employer, Switcher, Leercoach, Viewer), true},
	{"leerbewijs:write", "Issue and revoke certificates", Unbound, staff(), true},
	{"event:read", "Follow the feed of facts", AnyBinding, staff(Employer, Viewer), true},
	{"webhook:read", "See webhook endpoints and deliveries", AnyBinding, staff(Employer), true},
	{"webhook:write", "Make, rotate, test and remove webhook endpoints", AnyBinding, staff(Employer), true},
}

// staff are the ST-partner's own people, and whoever is named besides.
func staff(more ...Role) []Role { return append([]Role{PartnerAdmin, Coordinator}, more...) }

var byPermission = func() map[Permission]*Grant {
	m := make(map[Permission]*Grant, len(Grants))
	for i := range Grants {
		m[Grants[i].Permission] = &Grants[i]
	}
	return m
}()

// Lookup returns the row of a permission, nil when there is none.
func Lookup(p Permission) *Grant { return byPermission[p] }

// Of returns what a role may do by itself, sorted. Integration has nothing by itself.
func Of(r Role) []Permission {
	var out []Permission
	for _, g := range Grants {
		if slices.Contains(g.Roles, r) {
			out = append(out, g.Permission)
		}
	}
	slices.Sort(out)
	return out
}

// Effective returns what a client may do: its role's permissions, or for integration the scopes it was given. A bound
// client never holds what only unbound callers may.
func Effective(r Role, given []Permission, bound bool) []Permission {
	all := Of(r)
	if r == Integration {
		all = slices.Clone(given)
		slices.Sort(all)
	}
	return slices.DeleteFunc(slices.Compact(all), func(p Permission) bool {
		g := Lookup(p)
		return g == nil || bound && g.Binding == Unbound || r == Integration && !g.Integrable
	})
}

// MustBind says what a role has to be bound to: "organisation", "medewerker", or "" when it need not be.
func MustBind(r Role) string {
	switch r {
	case Employer:
		return "organisation"
	case Switcher, Leercoach:
		return "medewerker"
	}
	return ""
}

// ReadableNouns lists the nouns that a set of permissions may read, sorted: whose facts it may follow.
func ReadableNouns(perms []Permission) []string {
	nouns := map[string]bool{}
	for _, p := range perms {
		if noun, ok := strings.CutSuffix(string(p), ":read"); ok {
			nouns[noun] = true
		}
	}
	return slices.Sorted(maps.Keys(nouns))
}
