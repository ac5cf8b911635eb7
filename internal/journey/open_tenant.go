package journey

import (
	"context"
	"time"

	"github.com/switchingtalent/switchboard/internal/access"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/web"
	"github.com/switchingtalent/switchboard/internal/tenant"
)

// OpenTenant makes a tenant together with its first client, and hands that client's secret out again until it is used.
type OpenTenant struct {
	Tenants tenant.Service
	Access  *access.Service
}

// Routes are the operator's doors.
func (j OpenTenant) Routes() []web.Route {
	return []web.Route{
		web.Post("/v1/tenants", "tenant:open", j.open),
		web.Act("/v1/tenants/:id/admin-secret", "tenant:open", j.reissue),
	}
}

// TenantInput is what the operator says of a new tenant.
type TenantInput struct {
	Slug    string `json:"slug" binding:"required" minLength:"1" maxLength:"40" extensions:"x-pattern=^[a-z0-9](-?[a-z0-9])*$" example:"blenders"`
	Name    string `json:"name" binding:"required" minLength:"1" maxLength:"200" example:"Blenders"`
	Sandbox bool   `json:"sandbox" example:"false"`
} // @name NewTenantInput

// AdminClient is the first client of a tenant, with its secret.
type AdminClient struct {
	ClientID        id.ClientID `json:"client_id" example:"cli_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	ClientSecret    string      `json:"client_secret" example:"sb_live_mCQ0rW1yT7uXl2zVb9fKpE4sDgHjN6aLiO3wRxYcZqU_5d0c3f2a"`
	SecretExpiresAt time.Time   `json:"secret_expires_at" format:"date-time" example:"2027-01-14T08:00:00Z"`
} // @name AdminClient

// OpenedTenant is a tenant that was just opened.
type OpenedTenant struct {
	tenant.Summary
	AdminClient AdminClient `json:"admin_client"`
} // @name OpenedTenant

// Open makes a tenant and its first client, a partner_admin, in one transaction of the operator (tenant.AsOperator, or
// a request of the role operator). It fails with tenant.SlugTaken.
func (j OpenTenant) Open(ctx context.Context, tx *db.Tx, in TenantInput) (OpenedTenant, error) {
	var out OpenedTenant
	err := tx.AsTenant(id.NewTenant(), "a tenant begins with its row and its first administrator", func(tx *db.Tx) error {
		t, err := j.Tenants.Open(ctx, tx, in.Slug, in.Name, in.Sandbox)
		if err != nil {
			return err
		}
		c, secret, ends, err := j.Access.FirstAdmin(ctx, tx)
		out = OpenedTenant{tenant.SummaryOf(t), AdminClient{c.ID, secret, ends}}
		return err
	})
	return out, err
}

type openReq struct {
	Body TenantInput `body:"json"`
}

// open makes a tenant.
//
//	@Summary		Open a tenant
//	@Description	Its first client is a partner_admin, whose secret is shown this once and lives 72 hours unless that client rotates it.
//	@ID				createTenant
//	@Tags			tenant
//	@Param			body	body		TenantInput	true	"the tenant"
//	@Success		201		{object}	OpenedTenant
//	@Router			/v1/tenants [post]
func (j OpenTenant) open(ctx context.Context, tx *db.Tx, in openReq) (OpenedTenant, error) {
	return j.Open(ctx, tx, in.Body)
}

type reissueReq struct {
	ID id.TenantID `uri:"id"`
}

// reissue hands out the first secret of a tenant again.
//
//	@Summary		Issue a tenant's first secret again
//	@Description	Ends the one before. Possible until the first administrator got its first token, and audited.
//	@ID				issueAdminSecret
//	@Tags			tenant
//	@Param			id	path		string	true	"the tenant"	example(ten_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200	{object}	AdminClient
//	@Router			/v1/tenants/{id}/admin-secret [post]
func (j OpenTenant) reissue(ctx context.Context, tx *db.Tx, in reissueReq) (AdminClient, error) {
	var out AdminClient
	if in.ID.IsZero() {
		return out, fault.Missing.New()
	}
	err := tx.AsTenant(in.ID, "the first administrator has not come in yet", func(tx *db.Tx) error {
		c, secret, ends, err := j.Access.ReissueFirstAdmin(ctx, tx)
		out = AdminClient{c.ID, secret, ends}
		return err
	})
	return out, err
}
