package webhook

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// keysOf is the kind by which the directory finds whose an endpoint is: its public keys are for everybody.
const keysOf = "webhook_keys"

// keysPath is where the public keys of an endpoint stand.
func keysPath(e id.EndpointID) string { return "/.well-known/webhook-keys/" + e.String() }

// enlistOld puts an endpoint in the directory that was made before endpoints had keys.
func enlistOld(tx *db.Tx, e Endpoint) error {
	var old struct{ Without bool }
	err := db.One(tx, &old, `select not exists (select from webhook_secrets where tenant_id = ? and endpoint_id = ? and public is not null) as without`,
		tx.Scope.Tenant, e.ID)
	if err != nil || !old.Without {
		return err
	}
	return tx.Enlist(keysOf, e.ID.String(), e.ID.UUID())
}

// jwk is a public key (RFC 8037, section 2).
type jwk struct {
	Kty string `json:"kty" example:"OKP"`
	Crv string `json:"crv" example:"Ed25519"`
	X   string `json:"x" example:"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"`
	Kid string `json:"kid" example:"0193d3a8-1f5b-7c3e-9a54-2f6d8c1b7e90"`
	Use string `json:"use" example:"sig"`
	Alg string `json:"alg" example:"EdDSA"`
} // @name WebhookKey

// KeySet are the public keys of one endpoint (RFC 7517, section 5).
type KeySet struct {
	Keys []jwk `json:"keys"`
} // @name WebhookKeySet

// keys publishes what verifies the v1a signatures of an endpoint.
//
//	@Summary		Read the public keys of a webhook endpoint
//	@Description	A JSON Web Key Set of Ed25519 keys, the newest first: two while a secret is rotated. Each delivery carries a v1a signature of every key that stands here. The keys are the endpoint's own, so what another endpoint gets never verifies with them.
//	@ID				getWebhookKeys
//	@Tags			webhook
//	@Param			id	path		string	true	"the endpoint"	example(whe_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success		200	{object}	KeySet
//	@Router			/.well-known/webhook-keys/{id} [get]
func (s *Service) keys(ctx context.Context, d *db.DB, in byID) (web.HTML, error) {
	found, err := d.Resolve(ctx, keysOf, in.ID.String())
	if err != nil {
		return web.HTML{}, err
	}
	var rows []struct {
		ID     uuid.UUID
		Public []byte
	}
	err = d.Single(ctx, db.System(found.Tenant, "webhook-keys"), func(tx *db.Tx) error {
		return tx.Select(&rows, `select id, public from webhook_secrets
			where tenant_id = ? and endpoint_id = ? and public is not null and (expires_at is null or expires_at > (select platform.clock()))
			order by created_at desc, id desc`, found.Tenant, in.ID)
	})
	if err != nil {
		return web.HTML{}, err
	}
	set := KeySet{Keys: []jwk{}}
	for _, r := range rows {
		set.Keys = append(set.Keys, jwk{"OKP", "Ed25519", base64.RawURLEncoding.EncodeToString(r.Public), r.ID.String(), "sig", "EdDSA"})
	}
	b, err := json.Marshal(set)
	return web.HTML{Status: http.StatusOK, Header: http.Header{"Cache-Control": {"public, max-age=60"}}, Type: "application/json", Bytes: b}, err
}
