package db

import (
	"errors"

	"github.com/google/uuid"
)

// ScopeKind says how much of a tenant a transaction sees.
type ScopeKind string

// The scopes. Without one the policies show nothing.
const (
	ScopeTenant       ScopeKind = "tenant"       // everything of the tenant
	ScopeOrganisation ScopeKind = "organisation" // what one employer may see
	ScopeMedewerker   ScopeKind = "medewerker"   // what one employee may see
	ScopeOperator     ScopeKind = "operator"     // the list of tenants, and the operator's own rows
)

// Scope is what row-level security reads: whose rows, and which of them.
type Scope struct {
	Tenant       uuid.UUID
	Kind         ScopeKind
	Organisation uuid.UUID // with ScopeOrganisation and ScopeMedewerker
	Medewerker   uuid.UUID // with ScopeMedewerker
}

var errNoScope = errors.New("db: no tenant and scope for this statement")

func (s Scope) check() error {
	if s.Tenant == uuid.Nil || s.Kind == "" || (s.Kind == ScopeOrganisation || s.Kind == ScopeMedewerker) != (s.Organisation != uuid.Nil) ||
		(s.Kind == ScopeMedewerker) != (s.Medewerker != uuid.Nil) {
		return errNoScope
	}
	return nil
}

// What a transaction is told of its scope. One that has just begun knows nothing, so that of who sees a whole tenant it is not
// told that there is no employer.
const (
	setTenant = `select set_config('app.tenant_id', $1, true), set_config('app.scope', $2, true)`
	setScope  = setTenant + `, set_config('app.organisation_id', $3, true), set_config('app.medewerker_id', $4, true)`
)

// A single statement only reads: a WITH that writes would otherwise be one.
const (
	readOnly         = `, set_config('transaction_read_only', 'on', true)`
	setTenantReading = setTenant + readOnly
	setScopeReading  = setScope + readOnly
)

var errScope = errors.New("db: the statement's scope is not its transaction's")

// fresh is the statement that sets the scope of a transaction in which nothing was set yet.
func (s Scope) fresh() statement {
	args := s.args()
	if s.Organisation == uuid.Nil {
		return statement{setTenant, args[:2]}
	}
	return statement{setScope, args}
}

// alone is fresh for a single statement, with a name for it.
func (s Scope) alone() (string, statement) {
	st := s.fresh()
	if st.sql == setTenant {
		st.sql = setTenantReading
		return "scope", st
	}
	st.sql = setScopeReading
	return "bound scope", st
}

func (s Scope) args() []any {
	return []any{s.Tenant.String(), string(s.Kind), text(s.Organisation), text(s.Medewerker)}
}

func text(u uuid.UUID) string {
	if u == uuid.Nil {
		return ""
	}
	return u.String()
}

var errSecond = errors.New("db: a second statement in single mode; the route must say Snapshot")
