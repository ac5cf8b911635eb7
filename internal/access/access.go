// Package access holds the machine clients of a tenant, their secrets, and the tokens that they get for them.
package access

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// directory is the kind of name under which the directory knows clients by their id.
const directory = "client"

// secrets is the kind of name under which the directory knows clients by a secret of theirs: its SHA-256 is all that it keeps.
const secrets = "client_secret"

// Client is one machine client: the frontend of a partner, an employer's HR software, an LMS.
type Client struct {
	db.Row
	ID             id.ClientID `gorm:"primaryKey"`
	Name           string
	Role           auth.Role
	Scopes         db.Strings         // of the role integration alone; other roles' permissions follow from the role
	OrganisationID *id.OrganisationID // the employer that it is bound to; never changes
	MedewerkerID   *id.MedewerkerID   // the employee that it is bound to, an employee of OrganisationID; never changes
	FirstUsedAt    *time.Time         // when it first got a token with its secret
	RevokedAt      *time.Time
	FirstAdmin     bool // made with the tenant: until its first use the operator can issue its secret again
}

// TableName is the table of clients.
func (Client) TableName() string { return "clients" }

// Key places a client in a list.
func (c Client) Key() (int64, uuid.UUID) { return c.Pos, c.ID.UUID() }

func (c Client) bound() bool { return c.OrganisationID != nil }

// Effective is what the client may do, sorted.
func (c Client) Effective() []auth.Permission {
	given := make([]auth.Permission, len(c.Scopes))
	for i, s := range c.Scopes {
		given[i] = auth.Permission(s)
	}
	return auth.Effective(c.Role, given, c.bound())
}

var (
	// SecretUsed says that the first admin of a tenant got a token already: from then on the operator stays out.
	SecretUsed = fault.Define(fault.Conflict, "admin-secret-used", fault.Text{
		EN: "The first administrator has used its secret: only the tenant itself can make another.",
		NL: "De eerste beheerder heeft zijn geheim al gebruikt: alleen de tenant zelf kan een ander maken.",
		FR: "Le premier administrateur a déjà utilisé son secret : seul le locataire peut en créer un autre."})
	// Revoked says that a client was revoked: it does not come back.
	Revoked = fault.Define(fault.Conflict, "client-revoked", fault.Text{
		EN: "This client was revoked: make another one.", NL: "Deze client is ingetrokken: maak een andere.",
		FR: "Ce client a été révoqué : créez-en un autre."})
	// LastAdmin says that without this client nobody could make clients any more.
	LastAdmin = fault.Define(fault.Conflict, "client-last-admin", fault.Text{
		EN: "This is the last administrator with a lasting secret: make another one first.",
		NL: "Dit is de laatste beheerder met een blijvend geheim: maak er eerst een andere.",
		FR: "C’est le dernier administrateur disposant d’un secret durable : créez-en d’abord un autre."})

	notForRole = fault.DefineRule("not_for_role", fault.Text{
		EN: "does not go with the role {role}", NL: "past niet bij de rol {role}", FR: "ne va pas avec le rôle {role}"})
	unboundOnly = fault.DefineRule("unbound_only", fault.Text{
		EN: "is only for clients that no employer or employee binds", NL: "is alleen voor clients die aan geen werkgever of medewerker gebonden zijn",
		FR: "est réservé aux clients qui ne sont liés à aucun employeur ni employé"})

	_ = db.Constraint("clients_organisation_fkey", func() *fault.Error { return fault.At("/organisation_id", fault.NoReference) })
	_ = db.Constraint("clients_medewerker_fkey", func() *fault.Error { return fault.At("/medewerker_id", fault.NoReference) })
)

// check refuses a role, scopes and binding that do not go together, naming each member that is wrong.
func check(c Client) error {
	e := fault.Unprocessable.New()
	role := []string{"role", string(c.Role)}
	switch auth.MustBind(c.Role) {
	case "organisation":
		if c.OrganisationID == nil {
			e.At("/organisation_id", fault.Needed)
		}
		if c.MedewerkerID != nil {
			e.At("/medewerker_id", notForRole, role...)
		}
	case "medewerker":
		if c.MedewerkerID == nil {
			e.At("/medewerker_id", fault.Needed)
		}
	default:
		if c.MedewerkerID != nil {
			e.At("/medewerker_id", notForRole, role...)
		} else if c.bound() && c.Role != auth.Integration && c.Role != auth.Viewer {
			e.At("/organisation_id", notForRole, role...)
		}
	}
	if c.Role == auth.Integration {
		checkScopes(e, c)
	} else if len(c.Scopes) > 0 {
		e.At("/scopes", notForRole, role...)
	}
	if len(e.Fields) > 0 {
		return e
	}
	return nil
}

func checkScopes(e *fault.Error, c Client) {
	if len(c.Scopes) == 0 {
		e.At("/scopes", fault.Needed)
	}
	for i, s := range c.Scopes {
		g := auth.Lookup(auth.Permission(s))
		switch {
		case g == nil || !g.Integrable:
			e.At(scopeAt(i), fault.NoChoice, "values", strings.Join(grantable(c.bound()), ", "))
		case slices.Contains(c.Scopes[:i], s):
			e.At(scopeAt(i), fault.Repeated)
		case c.bound() && g.Binding == auth.Unbound:
			e.At(scopeAt(i), unboundOnly)
		}
	}
}

func scopeAt(i int) string { return "/scopes/" + strconv.Itoa(i) }

// grantable lists what the role integration can be given.
func grantable(bound bool) []string {
	all := make([]auth.Permission, 0, len(auth.Grants))
	for _, g := range auth.Grants {
		all = append(all, g.Permission)
	}
	var out []string
	for _, p := range auth.Effective(auth.Integration, all, bound) {
		out = append(out, string(p))
	}
	return out
}

// held refuses to grant what the caller itself does not hold: its token counts, not its role. Our own work, which no
// principal runs, holds everything.
func held(tx *db.Tx, c Client) error {
	if tx.Principal.ClientID.IsZero() {
		return nil
	}
	e := fault.Unprocessable.New()
	if c.Role == auth.Integration {
		for i, s := range c.Scopes {
			if !tx.Principal.May(auth.Permission(s)) {
				e.At(scopeAt(i), fault.NotYours)
			}
		}
	} else if !covers(tx.Principal, c) {
		e.At("/role", fault.NotYours)
	}
	if len(e.Fields) > 0 {
		return e
	}
	return nil
}

func covers(p auth.Principal, c Client) bool {
	return !slices.ContainsFunc(c.Effective(), func(perm auth.Permission) bool { return !p.May(perm) })
}
