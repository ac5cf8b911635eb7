package access

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/limit"
	"github.com/switchingtalent/switchboard/internal/platform/page"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// Routes are the doors of clients and tokens.
func (s *Service) Routes() []web.Route {
	return []web.Route{
		web.Open(http.MethodPost, "/oauth/token", http.StatusOK, s.token, web.SaysErrors(TokenRefusal), web.CountedBy(web.ByToken), web.BodyAtMost(maxForm)),
		web.Open(http.MethodGet, "/.well-known/jwks.json", http.StatusOK, s.jwks, web.FromMemory),
		web.Get("/v1/whoami", auth.Self, s.whoami),
		web.Post("/v1/clients", "client:write", s.create),
		web.List("/v1/clients", "client:read", s.list),
		web.Get("/v1/clients/:id", "client:read", s.get),
		web.Patch("/v1/clients/:id", "client:write", s.update),
		web.Act("/v1/clients/:id/rotate-secret", "client:write", s.rotate),
	}
}

// Wire is a client as callers see it.
type Wire struct {
	ID             id.ClientID        `json:"id" example:"cli_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	ClientID       id.ClientID        `json:"client_id" example:"cli_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Name           string             `json:"name" example:"HR Durabrik"`
	Role           string             `json:"role" enums:"operator,partner_admin,coordinator,employer,switcher,leercoach,integration,viewer" example:"integration"`
	Scopes         []auth.Permission  `json:"scopes" swaggertype:"array,string" example:"event:read,opleidingsregistratie:read"`
	OrganisationID *id.OrganisationID `json:"organisation_id" extensions:"x-nullable" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	MedewerkerID   *id.MedewerkerID   `json:"medewerker_id" extensions:"x-nullable" example:"mdw_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	FirstUsedAt    *time.Time         `json:"first_used_at" format:"date-time" extensions:"x-nullable" example:"2027-01-11T08:00:00Z"`
	RevokedAt      *time.Time         `json:"revoked_at" format:"date-time" extensions:"x-nullable" example:"2027-01-11T08:00:00Z"`
	web.Meta
} // @name Client

// Location is where the client can be read.
func (w Wire) Location() string { return "/v1/clients/" + w.ID.String() }

func wire(c Client) Wire {
	w := Wire{c.ID, c.ID, c.Name, string(c.Role), c.Effective(), c.OrganisationID, c.MedewerkerID, utc(c.FirstUsedAt), utc(c.RevokedAt), web.MetaOf(c.Row)}
	if w.Scopes == nil {
		w.Scopes = []auth.Permission{}
	}
	return w
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

// WithSecret is a client with the secret that it was just given: the only time that anybody sees it.
type WithSecret struct {
	Wire
	ClientSecret string `json:"client_secret" example:"sb_live_mCQ0rW1yT7uXl2zVb9fKpE4sDgHjN6aLiO3wRxYcZqU_5d0c3f2a"`
} // @name ClientWithSecret

type createReq struct {
	Body Input `body:"json"`
}

// create makes a client.
//
//	@Summary		Make a client
//	@Description	The secret is shown this once. Only the role integration takes scopes; employer needs organisation_id, switcher and leercoach need medewerker_id. You cannot grant what your own token does not hold.
//	@ID				createClient
//	@Tags			access
//	@Param			body	body		Input	true	"the client"
//	@Success		201		{object}	WithSecret
//	@Router			/v1/clients [post]
func (s *Service) create(ctx context.Context, tx *db.Tx, in createReq) (WithSecret, error) {
	c, secret, err := s.Create(ctx, tx, in.Body)
	return WithSecret{wire(c), secret}, err
}

// Filters are what clients can be filtered by.
type Filters struct {
	Revoked        *bool              `form:"revoked"`
	OrganisationID *id.OrganisationID `form:"organisation_id"`
}

type listReq struct {
	page.Params
	Filters
}

// list reads clients.
//
//	@Summary	List clients
//	@ID			listClients
//	@Tags		access
//	@Param		limit			query		int		false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param		cursor			query		string	false	"where to go on"
//	@Param		sort			query		string	false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Param		revoked			query		bool	false	"only those that were revoked, or only those that were not"	example(false)
//	@Param		organisation_id	query		string	false	"those bound to this employer"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	200				{object}	page.Page[Wire]
//	@Router		/v1/clients [get]
func (*Service) list(_ context.Context, tx *db.Tx, in listReq) (page.Page[Wire], error) {
	q := tx.Model(&Client{})
	if in.Revoked != nil {
		q = q.Where("(revoked_at is not null) = ?", *in.Revoked)
	}
	if in.OrganisationID != nil {
		q = q.Where("organisation_id = ?", *in.OrganisationID)
	}
	return page.List(tx, in.Params, in.Filters, q, wire)
}

type byID struct {
	ID id.ClientID `uri:"id"`
}

// get reads one client.
//
//	@Summary	Read a client
//	@ID			getClient
//	@Tags		access
//	@Param		id	path		string	true	"the client"	example(cli_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	200	{object}	Wire
//	@Router		/v1/clients/{id} [get]
func (*Service) get(_ context.Context, tx *db.Tx, in byID) (Wire, error) {
	c, err := db.Get[Client](tx, in.ID)
	return wire(c), err
}

type updateReq struct {
	byID
	web.IfMatch
	Patch web.MergePatch `body:"patch"`
}

// update changes a client.
//
//	@Summary		Change a client
//	@Description	Another role or other scopes end the tokens that the client has; it gets new ones with the same secret. What binds it never changes.
//	@ID				updateClient
//	@Tags			access
//	@Param			id		path		string	true	"the client"	example(cli_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		Change	true	"what changes"
//	@Success		200		{object}	Wire
//	@Router			/v1/clients/{id} [patch]
func (s *Service) update(ctx context.Context, tx *db.Tx, in updateReq) (Wire, error) {
	c, err := s.Update(ctx, tx, in.ID, func(c Client) error { return in.Check(c.Revision) }, func(ch *Change) error {
		if err := in.Patch.Apply(ch); err != nil {
			return err
		}
		if !in.Patch.Names("scopes") && ch.Role != string(auth.Integration) {
			ch.Scopes = nil // scopes go with the role integration
		}
		return nil
	})
	return wire(c), err
}

// Rotation says how long the present secret lives on.
type Rotation struct {
	OverlapHours *int `json:"overlap_hours" minimum:"0" maximum:"168" extensions:"x-nullable" example:"24"`
} // @name SecretRotation

type rotateReq struct {
	byID
	Body Rotation `body:"optional"`
}

// rotate gives a client another secret.
//
//	@Summary		Rotate a client's secret
//	@Description	The present secret lives on for overlap_hours, 24 when absent; 0 ends it at once, and the tokens that it got. There are never more than two.
//	@ID				rotateClientSecret
//	@Tags			access
//	@Param			id		path		string		true	"the client"	example(cli_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		Rotation	false	"how long the present secret lives on"
//	@Success		200		{object}	WithSecret
//	@Router			/v1/clients/{id}/rotate-secret [post]
func (s *Service) rotate(ctx context.Context, tx *db.Tx, in rotateReq) (WithSecret, error) {
	overlap := defaultOverlap
	if in.Body.OverlapHours != nil {
		overlap = time.Duration(*in.Body.OverlapHours) * time.Hour
	}
	c, secret, err := s.Rotate(ctx, tx, in.ID, overlap)
	return WithSecret{wire(c), secret}, err
}

// WhoAmI is what a token says.
type WhoAmI struct {
	TenantID       id.TenantID        `json:"tenant_id" example:"ten_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	ClientID       id.ClientID        `json:"client_id" example:"cli_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Environment    string             `json:"environment" enums:"live,sandbox" example:"live"`
	Role           string             `json:"role" enums:"operator,partner_admin,coordinator,employer,switcher,leercoach,integration,viewer" example:"integration"`
	Scopes         []auth.Permission  `json:"scopes" swaggertype:"array,string" example:"event:read,opleidingsregistratie:read"`
	OrganisationID *id.OrganisationID `json:"organisation_id" extensions:"x-nullable" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	MedewerkerID   *id.MedewerkerID   `json:"medewerker_id" extensions:"x-nullable" example:"mdw_01jd8m5x9nf3tvhg5w6rkz2c4q"`
} // @name WhoAmI

// whoami tells a caller what its token is good for.
//
//	@Summary	See who you are
//	@ID			getWhoami
//	@Tags		access
//	@Success	200	{object}	WhoAmI
//	@Router		/v1/whoami [get]
func (*Service) whoami(_ context.Context, tx *db.Tx, _ struct{}) (WhoAmI, error) {
	p := tx.Principal
	w := WhoAmI{p.TenantID, p.ClientID, "live", string(p.Role), append([]auth.Permission{}, p.Scopes...), p.OrganisationID, p.MedewerkerID}
	if p.Sandbox {
		w.Environment = "sandbox"
	}
	return w, nil
}

// Token is the answer to a client with the right secret (RFC 6749, section 5.1).
type Token struct {
	AccessToken string `json:"access_token" example:"eyJhbGciOiJFZERTQSIsImtpZCI6IlV4a2RNNVFwIiwidHlwIjoiYXQrand0In0.e30.c2ln"`
	TokenType   string `json:"token_type" enums:"Bearer" example:"Bearer"`
	ExpiresIn   int    `json:"expires_in" example:"600"` // seconds
	Scope       string `json:"scope" example:"event:read opleidingsregistratie:read"`
} // @name Token

// TokenError is the answer to any other (RFC 6749, section 5.2).
type TokenError struct {
	Error            string `json:"error" enums:"invalid_request,invalid_client,unsupported_grant_type,invalid_scope,temporarily_unavailable,server_error" example:"invalid_client"`
	ErrorDescription string `json:"error_description" example:"the client is unknown or its secret is wrong"`
} // @name TokenError

type tokenReq struct {
	Authorization string     `header:"Authorization" swaggerignore:"true"`
	Body          url.Values `body:"form"`
}

// maxForm is far more than a form with credentials needs, in bytes.
const maxForm = 16 << 10

// token hands out access tokens.
//
//	@Summary		Get an access token
//	@Description	Client credentials (RFC 6749, section 4.4), in the form or by HTTP Basic. The token lasts ten minutes; ask for another when it has expired.
//	@ID				issueToken
//	@Tags			access
//	@Accept			x-www-form-urlencoded
//	@Param			grant_type		formData	string	true	"client_credentials"	Enums(client_credentials)
//	@Param			client_id		formData	string	false	"the client, unless HTTP Basic names it"	example(cli_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			client_secret	formData	string	false	"its secret, unless HTTP Basic holds it"	example(sb_live_mCQ0rW1yT7uXl2zVb9fKpE4sDgHjN6aLiO3wRxYcZqU_5d0c3f2a)
//	@Param			scope			formData	string	false	"what the token is for, with spaces between; all that the client may do when absent"	example(event:read)
//	@Success		200				{object}	Token
//	@Failure		400				{object}	TokenError
//	@Failure		401				{object}	TokenError
//	@Failure		429				{object}	TokenError
//	@Failure		500				{object}	TokenError
//	@Failure		503				{object}	TokenError
//	@Router			/oauth/token [post]
func (s *Service) token(ctx context.Context, _ *db.DB, in tokenReq) (web.HTML, error) {
	r, err := parseToken(in.Authorization, in.Body)
	var t Token
	from := web.RequestOf(ctx).IP
	if err == nil {
		t, err = s.grant(ctx, r, from)
	} else if over := web.Count(ctx, limit.Address(from)); over != nil {
		err = over
	}
	var refused *tokenError
	switch {
	case errors.As(err, &refused):
		s.note(ctx, r, refused.code)
		return refused.html(), nil
	case fault.TooManyRequests.Is(err):
		s.note(ctx, r, "too_many")
		return web.HTML{}, err
	case err != nil:
		return web.HTML{}, err
	}
	s.note(ctx, r, "granted")
	return jsonAnswer(http.StatusOK, unstored(), t), nil
}

// note writes who asked for a token and what came of it; the line of the request, under the same id, has the rest. What is no
// client id is left out: people paste secrets in the wrong place.
func (s *Service) note(ctx context.Context, r tokenRequest, outcome string) {
	attrs := []slog.Attr{slog.String("request_id", web.RequestOf(ctx).ID), slog.String("outcome", outcome)}
	if cid, err := id.ParseClient(r.clientID); err == nil {
		attrs = append(attrs, slog.String("client_id", cid.String()))
	}
	s.Keys.log.LogAttrs(ctx, slog.LevelInfo, "token", attrs...)
}

// KeySet is a JSON Web Key Set (RFC 7517).
type KeySet struct {
	Keys []Key `json:"keys"`
} // @name KeySet

// Key is a public key of ours (RFC 8037).
type Key struct {
	Kty string `json:"kty" enums:"OKP" example:"OKP"`
	Crv string `json:"crv" enums:"Ed25519" example:"Ed25519"`
	X   string `json:"x" example:"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"`
	Kid string `json:"kid" example:"UxkdM5QpZ0aB"`
	Use string `json:"use" enums:"sig" example:"sig"`
	Alg string `json:"alg" enums:"EdDSA" example:"EdDSA"`
} // @name Key

// jwks publishes the keys that tokens are signed with.
//
//	@Summary		Read the public keys
//	@Description	A JSON Web Key Set. A new key stands here two minutes before it signs.
//	@ID				getKeys
//	@Tags			access
//	@Success		200	{object}	KeySet
//	@Router			/.well-known/jwks.json [get]
func (s *Service) jwks(context.Context, *db.DB, struct{}) (web.HTML, error) {
	return web.HTML{Status: http.StatusOK, Header: http.Header{"Cache-Control": {"public, max-age=60"}},
		Type: "application/json", Bytes: s.tokens.JWKS(s.db.Now())}, nil
}
