package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/html"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// consoleDirectory is the kind of name under which the directory knows links to the console by their token.
const consoleDirectory = "webhook_console"

// defaultMinutes is how long a link lives unless its maker says otherwise.
const defaultMinutes = 60

// Console is a page for people about endpoints and deliveries. A link opens it, without an account, and has the rights of
// the client that made it: what the client's token carried then, as far as the client still has it.
type Console struct {
	*Service
	DB        *db.DB
	PublicURL string
	// Host is the tenant as its console shows it.
	Host func(tx *db.Tx) (Host, error)
}

// Host is the tenant whose console it is.
type Host struct {
	Brand   html.Brand
	Zone    *time.Location // in which times are told
	Framers []string       // origins that may show the console in a frame
}

// Routes are the door that makes links, and the pages that they open.
func (c Console) Routes() []web.Route {
	return []web.Route{
		web.Post("/v1/webhook-console-links", "webhook:read", c.makeLink),
		web.Open(http.MethodGet, "/console/:token", http.StatusOK, c.showStart, web.Undocumented),
		web.Open(http.MethodGet, "/console/:token/endpoints/:id", http.StatusOK, c.showEndpoint, web.Undocumented),
		web.Open(http.MethodGet, "/console/:token/deliveries/:id", http.StatusOK, c.showDelivery, web.Undocumented),
		web.Open(http.MethodPost, "/console/:token/endpoints/:id/:action", http.StatusOK, c.actOnEndpoint, web.Undocumented),
		web.Open(http.MethodPost, "/console/:token/deliveries/:id/:action", http.StatusOK, c.actOnDelivery, web.Undocumented),
		web.Open(http.MethodPost, "/console/:token/end", http.StatusOK, c.end, web.Undocumented),
	}
}

// LinkInput says what a link to the console opens.
type LinkInput struct {
	EndpointID *id.EndpointID `json:"endpoint_id" extensions:"x-nullable" example:"whe_01jd8m5x9nf3tvhg5w6rkz2c4q"` // null: all that the caller sees
	// How long the link works; null is an hour.
	Minutes *int `json:"minutes" minimum:"1" maximum:"1440" extensions:"x-nullable" example:"60"`
} // @name WebhookConsoleLinkInput

// LinkWire is a link to the console, which is shown once.
type LinkWire struct {
	URL        string         `json:"url" format:"uri" example:"https://switchboard.example/console/9tqVd3yQm0Xk5cJ8sLr2aB7nPzE4hUwGfT1oYiKxMvA"`
	EndpointID *id.EndpointID `json:"endpoint_id" extensions:"x-nullable" example:"whe_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	ExpiresAt  time.Time      `json:"expires_at" format:"date-time" example:"2027-01-11T09:00:00Z"`
} // @name WebhookConsoleLink

// Location is the page that the link opens.
func (w LinkWire) Location() string { return w.URL }

type makeLinkReq struct {
	Body LinkInput `body:"optional"`
}

// makeLink makes a link to the console.
//
//	@Summary		Make a link to the webhook console
//	@Description	A page with endpoints, deliveries and tries, for people: whoever opens the link may do there what this token may do, until it expires or the client is revoked. Show it in a frame of your own where the tenant's frame_origins list your page.
//	@ID				createWebhookConsoleLink
//	@Tags			webhook
//	@Param			body	body		LinkInput	false	"what it opens"
//	@Success		201		{object}	LinkWire
//	@Router			/v1/webhook-console-links [post]
func (c Console) makeLink(_ context.Context, tx *db.Tx, in makeLinkReq) (LinkWire, error) {
	if tx.Scope.Kind == db.ScopeMedewerker { // who sees no endpoints
		return LinkWire{}, fault.NotAllowed.New()
	}
	minutes := defaultMinutes
	if in.Body.Minutes != nil {
		minutes = *in.Body.Minutes
	}
	if in.Body.EndpointID != nil {
		var e Endpoint
		err := db.One(tx, &e, `select * from webhook_endpoints where tenant_id = ? and id = ? and status <> ?`, tx.Scope.Tenant, in.Body.EndpointID, Deleted)
		if fault.Missing.Is(err) {
			return LinkWire{}, fault.At("/endpoint_id", fault.NoReference)
		}
		if err != nil {
			return LinkWire{}, err
		}
	}
	if err := sweepLinks(tx); err != nil {
		return LinkWire{}, err
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails: crypto/rand ends the process instead
	token, lid, until := base64.RawURLEncoding.EncodeToString(secret), uuid.Must(uuid.NewV7()), tx.Now.Add(time.Duration(minutes)*time.Minute)
	scopes := db.Strings{}
	for _, s := range tx.Principal.Scopes {
		scopes = append(scopes, string(s))
	}
	_, err := tx.Run(`insert into webhook_console_links (tenant_id, id, client_id, organisation_id, endpoint_id, scopes, created_at, expires_at)
		values (?, ?, ?, ?, ?, ?, ?, ?)`, tx.Scope.Tenant, lid, tx.Principal.ClientID, tx.Principal.OrganisationID, in.Body.EndpointID, scopes, tx.Now, until)
	if err != nil {
		return LinkWire{}, err
	}
	if err := tx.Enlist(consoleDirectory, token, lid); err != nil {
		return LinkWire{}, err
	}
	return LinkWire{c.PublicURL + "/console/" + token, in.Body.EndpointID, until}, fact.Audit(tx, "webhook_console.link", tx.Principal.ClientID, struct {
		EndpointID *id.EndpointID `json:"endpoint_id"`
		ExpiresAt  time.Time      `json:"expires_at"`
	}{in.Body.EndpointID, until})
}

// sweepLinks removes links of the tenant that expired, a few with each one that is made.
func sweepLinks(tx *db.Tx) error {
	var old []struct{ ID uuid.UUID }
	err := tx.Select(&old, `delete from webhook_console_links where tenant_id = ? and id in
		(select id from webhook_console_links where tenant_id = ? and expires_at < ? order by expires_at limit 20 for update skip locked) returning id`,
		tx.Scope.Tenant, tx.Scope.Tenant, tx.Now)
	for _, l := range old {
		if err == nil {
			err = tx.DelistOf(consoleDirectory, l.ID)
		}
	}
	return err
}

// visitor is whoever opened a link: a principal with no more than the link's maker has.
type visitor struct {
	token    string
	link     uuid.UUID
	who      db.Who
	endpoint *id.EndpointID // the only one that the link shows
	now      time.Time
}

// admit resolves a link. One that expired, whose maker was revoked or may not see endpoints any more, is missing, as one
// that never was.
func (c Console) admit(ctx context.Context, token string) (visitor, error) {
	v := visitor{token: token}
	f, err := c.DB.Resolve(ctx, consoleDirectory, token)
	if err != nil {
		return v, err
	}
	var l struct {
		ClientID       id.ClientID
		EndpointID     *id.EndpointID
		ExpiresAt      time.Time
		LinkScopes     db.Strings
		Role           auth.Role
		Scopes         db.Strings
		OrganisationID *id.OrganisationID
		MedewerkerID   *id.MedewerkerID
		RevokedAt      *time.Time
		Sandbox        bool
	}
	err = c.DB.Single(ctx, db.System(f.Tenant, "webhook-console"), func(tx *db.Tx) error {
		v.now = tx.Now
		return db.One(tx, &l, `select l.client_id, l.endpoint_id, l.expires_at, l.scopes as link_scopes, c.role, c.scopes, c.organisation_id, c.medewerker_id, c.revoked_at, t.sandbox
			from webhook_console_links l join clients c on c.tenant_id = l.tenant_id and c.id = l.client_id join tenants t on t.tenant_id = l.tenant_id and t.id = l.tenant_id
			where l.tenant_id = ? and l.id = ?`, tx.Scope.Tenant, f.Subject)
	})
	if err != nil {
		return v, err
	}
	given := make([]auth.Permission, len(l.Scopes))
	for i, s := range l.Scopes {
		given[i] = auth.Permission(s)
	}
	p := auth.Principal{TenantID: f.Tenant, ClientID: l.ClientID, Role: l.Role, OrganisationID: l.OrganisationID, MedewerkerID: l.MedewerkerID, Sandbox: l.Sandbox}
	p.Scopes = slices.DeleteFunc(auth.Effective(l.Role, given, l.OrganisationID != nil), func(s auth.Permission) bool {
		return !slices.Contains(l.LinkScopes, string(s))
	})
	if !v.now.Before(l.ExpiresAt) || l.RevokedAt != nil || !p.May("webhook:read") {
		return v, fault.Missing.New()
	}
	v.link, v.who, v.endpoint = f.Subject, db.Caller(p, web.RequestOf(ctx).ID), l.EndpointID
	return v, nil
}

// may says whether the visitor may change things.
func (v visitor) may() bool { return v.who.Principal.May("webhook:write") }

// sees leaves out what the link does not show.
func (v visitor) sees(e id.EndpointID) bool { return v.endpoint == nil || *v.endpoint == e }

// formToken stands in every form of the page: a request that does not carry it does not come from there.
func (v visitor) formToken() string {
	mac := hmac.New(sha256.New, []byte(v.token))
	mac.Write([]byte("form of the webhook console"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// posted holds a form to its token, and to the page that it must come from.
func (v visitor) posted(in postedForm) error {
	if subtle.ConstantTimeCompare([]byte(in.Body.Get("form_token")), []byte(v.formToken())) != 1 || in.Site != "" && in.Site != "same-origin" {
		return fault.NotAllowed.New()
	}
	return nil
}

// endLink makes the visitor's link one that never was.
func (v visitor) endLink(tx *db.Tx) error {
	var ended struct{ ID uuid.UUID }
	err := db.One(tx, &ended, `delete from webhook_console_links where tenant_id = ? and id = ? returning id`, tx.Scope.Tenant, v.link)
	if err != nil {
		return err
	}
	if err := tx.Delist(consoleDirectory, v.token); err != nil {
		return err
	}
	return fact.Audit(tx, "webhook_console.end", v.who.Principal.ClientID, struct{}{})
}

// endpointOf reads an endpoint that the visitor sees.
func (v visitor) endpointOf(tx *db.Tx, eid id.EndpointID) (Endpoint, error) {
	var e Endpoint
	err := db.One(tx, &e, `select * from webhook_endpoints where tenant_id = ? and id = ? and status <> ?`, tx.Scope.Tenant, eid, Deleted)
	if err == nil && !v.sees(eid) {
		err = fault.Missing.New()
	}
	return e, err
}

// deliveryOf reads a delivery to an endpoint that the visitor sees.
func (v visitor) deliveryOf(tx *db.Tx, did id.DeliveryID) (Delivery, error) {
	d, err := db.Get[Delivery](tx, did)
	if err == nil && !v.sees(d.EndpointID) {
		err = fault.Missing.New()
	}
	return d, err
}

// spans are how far back the console goes to send what an endpoint missed, in hours; recovered is what it suggests.
var spans = []string{"1", "24", "168", "720"}

const recovered = "24"

// endpointActions are what the console's buttons do with an endpoint. Only replacing the secret gives another one.
var endpointActions = map[string]func(ctx context.Context, c Console, tx *db.Tx, eid id.EndpointID, form url.Values) (Credentials, error){
	"test": func(ctx context.Context, c Console, tx *db.Tx, eid id.EndpointID, _ url.Values) (none Credentials, err error) {
		_, err = c.Test(ctx, tx, eid)
		return none, err
	},
	"enable": func(ctx context.Context, c Console, tx *db.Tx, eid id.EndpointID, _ url.Values) (none Credentials, err error) {
		_, err = c.Enable(ctx, tx, eid)
		return none, err
	},
	"pause": func(ctx context.Context, c Console, tx *db.Tx, eid id.EndpointID, _ url.Values) (none Credentials, err error) {
		_, err = c.Pause(ctx, tx, eid)
		return none, err
	},
	"resume": func(ctx context.Context, c Console, tx *db.Tx, eid id.EndpointID, _ url.Values) (none Credentials, err error) {
		_, err = c.Resume(ctx, tx, eid)
		return none, err
	},
	"recover": func(ctx context.Context, c Console, tx *db.Tx, eid id.EndpointID, form url.Values) (none Credentials, err error) {
		hours, err := strconv.Atoi(form.Get("hours"))
		if err != nil || !slices.Contains(spans, form.Get("hours")) {
			return none, fault.Unprocessable.New()
		}
		_, err = c.Recover(ctx, tx, eid, RecoverInput{Since: tx.Now.Add(-time.Duration(hours) * time.Hour)})
		return none, err
	},
	"rotate-secret": func(ctx context.Context, c Console, tx *db.Tx, eid id.EndpointID, _ url.Values) (Credentials, error) {
		_, fresh, err := c.Rotate(ctx, tx, eid, defaultOverlap*time.Hour)
		return fresh, err
	},
}

// deliveryActions are what the console's buttons do with a delivery.
var deliveryActions = map[string]func(ctx context.Context, c Console, tx *db.Tx, did id.DeliveryID) error{
	"resend": func(ctx context.Context, c Console, tx *db.Tx, did id.DeliveryID) error {
		_, err := c.Resend(ctx, tx, did)
		return err
	},
	"cancel": func(ctx context.Context, c Console, tx *db.Tx, did id.DeliveryID) error {
		_, err := c.Cancel(ctx, tx, did)
		return err
	},
}
