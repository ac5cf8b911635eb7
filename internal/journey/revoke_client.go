package journey

import (
	"context"

	"github.com/switchingtalent/switchboard/internal/access"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/web"
	"github.com/switchingtalent/switchboard/internal/webhook"
)

// RevokeClient ends a client together with what it owns.
type RevokeClient struct {
	Access   *access.Service
	Webhooks *webhook.Service
}

// Routes is its door.
func (j RevokeClient) Routes() []web.Route {
	return []web.Route{web.Delete("/v1/clients/:id", "client:write", j.revoke)}
}

type revokeReq struct {
	ID id.ClientID `uri:"id"`
}

// revoke ends a client.
//
//	@Summary		Revoke a client
//	@Description	Its secrets end at once, its tokens within ten seconds, and its webhook endpoints are disabled. It stays readable, and never comes back.
//	@ID				revokeClient
//	@Tags			access
//	@Param			id	path	string	true	"the client"	example(cli_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		204
//	@Router			/v1/clients/{id} [delete]
func (j RevokeClient) revoke(ctx context.Context, tx *db.Tx, in revokeReq) (web.None, error) {
	return web.None{}, j.Revoke(ctx, tx, in.ID)
}

// Revoke ends a client of the transaction's tenant, and disables its webhook endpoints. Revoking again changes nothing.
func (j RevokeClient) Revoke(ctx context.Context, tx *db.Tx, cid id.ClientID) error {
	ended, err := j.Access.Revoke(ctx, tx, cid)
	if err == nil && ended {
		err = j.Webhooks.OwnerRevoked(ctx, tx, cid)
	}
	return err
}
