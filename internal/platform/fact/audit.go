package fact

import (
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/db"
)

// Audit adds a line to the audit table: who did what, to what, on which grounds. The table only grows; details hold
// ids, states and scores, never names or free text.
func Audit(tx *db.Tx, action string, subject interface{ UUID() uuid.UUID }, details any) error {
	b, err := json.Marshal(details)
	if err != nil {
		return fmt.Errorf("fact: audit %s: %w", action, err)
	}
	return tx.Unbound("the audit table is the tenant's", func(tx *db.Tx) error {
		return tx.Later(`insert into audit (tenant_id, id, at, actor, on_behalf_of, request_id, action, subject_id, details)
			values (?, ?, ?, ?, ?, ?, ?, ?, ?)`, tx.Scope.Tenant, uuid.Must(uuid.NewV7()), tx.Now, tx.Actor, tx.OnBehalfOf, tx.RequestID,
			action, subject.UUID(), string(b))
	})
}
