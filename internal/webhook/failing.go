package webhook

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// maxWorst is how many endpoints whoever runs all of it is told of.
const maxWorst = 10

// failing counts the endpoints that only fail, and names those that have for longest.
const failing = `select (select count(*) from platform.failing_endpoints), tenant_id, endpoint_id, since
from platform.failing_endpoints order by since, endpoint_id limit $1`

// Failing is an active endpoint that only fails.
type Failing struct {
	Tenant   id.TenantID
	Endpoint id.EndpointID
	Since    time.Time // the first failure that no success followed
}

// Failing says how many active endpoints of all tenants only fail, and which ten have for longest, the worst first.
func (s *Service) Failing(ctx context.Context) (all int, worst []Failing, err error) {
	err = s.db.Platform(ctx, "which endpoints only fail", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, failing, maxWorst)
		if err != nil {
			return err
		}
		var (
			tenant, endpoint uuid.UUID
			since            time.Time
		)
		_, err = pgx.ForEachRow(rows, []any{&all, &tenant, &endpoint, &since}, func() error {
			worst = append(worst, Failing{id.TenantID(tenant), id.EndpointID(endpoint), since.UTC()})
			return nil
		})
		return err
	})
	return all, worst, err
}
