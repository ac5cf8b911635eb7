// Package auth knows who calls and what they may do: principals, the role table, and the tokens that carry both.
package auth

import (
	"slices"

	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// Principal is a verified caller: one client of one tenant, possibly bound to one employer or one employee.
type Principal struct {
	TenantID       id.TenantID
	ClientID       id.ClientID
	Role           Role
	Scopes         []Permission // sorted; what the token carries, never more than the role allows
	OrganisationID *id.OrganisationID
	MedewerkerID   *id.MedewerkerID // set only together with OrganisationID
	Sandbox        bool
}

// May reports whether the token carries the permission.
func (p Principal) May(perm Permission) bool {
	_, ok := slices.BinarySearch(p.Scopes, perm)
	return ok
}

// Bound reports whether the principal is bound to an employer or an employee.
func (p Principal) Bound() bool { return p.OrganisationID != nil || p.MedewerkerID != nil }

// Actor names the principal in change rows, events and the audit table: a pseudonym, never a name.
func (p Principal) Actor() string { return p.ClientID.String() }
