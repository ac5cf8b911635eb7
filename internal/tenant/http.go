package tenant

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// Routes are the doors of tenants. Opening one makes its first client too, so that door is a journey.
func (s Service) Routes() []web.Route {
	return []web.Route{
		web.Get("/v1/tenant", "tenant:read", s.own),
		web.Patch("/v1/tenant", "tenant:write", s.update, web.RequireIfMatch),
		web.List("/v1/tenants", "tenant:open", s.list),
		web.Get("/v1/tenants/:id", "tenant:open", s.get),
	}
}

// Wire is a tenant as its own callers see it.
type Wire struct {
	ID              id.TenantID `json:"id" example:"ten_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Slug            string      `json:"slug" example:"blenders"`
	Name            string      `json:"name" example:"Blenders"`
	Sandbox         bool        `json:"sandbox" example:"false"`
	Zone            string      `json:"zone" example:"Europe/Brussels"`
	Lang            string      `json:"lang" enums:"nl,fr,en" example:"nl"`
	PrimaryColour   *string     `json:"primary_colour" extensions:"x-nullable" example:"#1d4e5f"`
	AccentColour    *string     `json:"accent_colour" extensions:"x-nullable" example:"#f2a541"`
	RequiredParties []string    `json:"required_parties" enums:"sending,receiving,switcher,leercoach" example:"sending,receiving"`
	SurveyDelayDays int         `json:"survey_delay_days" example:"14"`
	FrameOrigins    []string    `json:"frame_origins" example:"https://partner.example"` // of pages that may show the webhook console in a frame
	web.Meta
} // @name Tenant

func wire(t Tenant) Wire {
	return Wire{t.ID, t.Slug, t.Name, t.Sandbox, t.Zone, t.Lang, t.PrimaryColour, t.AccentColour, t.RequiredParties, t.SurveyDelayDays, t.FrameOrigins, web.MetaOf(t.Row)}
}

// Summary is a tenant as the operator sees it: that it is there, and nothing of what it holds.
type Summary struct {
	ID      id.TenantID `json:"id" example:"ten_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Slug    string      `json:"slug" example:"blenders"`
	Name    string      `json:"name" example:"Blenders"`
	Sandbox bool        `json:"sandbox" example:"false"`
	web.Meta
} // @name TenantSummary

// Location is where the operator can read the tenant.
func (s Summary) Location() string { return "/v1/tenants/" + s.ID.String() }

// SummaryOf is what the operator may know of a tenant.
func SummaryOf(t Tenant) Summary {
	return Summary{t.ID, t.Slug, t.Name, t.Sandbox, web.MetaOf(t.Row)}
}

// listed is the row behind a Summary. It has no TenantID of gorm's, because the operator reads over tenants; the policy
// on the table lets nobody else.
type listed struct {
	ID        id.TenantID
	Slug      string
	Name      string
	Sandbox   bool
	Revision  int64
	CreatedAt time.Time
	UpdatedAt time.Time
	Pos       int64
}

// TableName is the table of tenants.
func (listed) TableName() string { return "tenants" }

// Key places a tenant in the operator's list.
func (l listed) Key() (int64, uuid.UUID) { return l.Pos, l.ID.UUID() }

func (l listed) summary() Summary {
	return Summary{l.ID, l.Slug, l.Name, l.Sandbox, web.MetaOf(db.Row{Revision: l.Revision, CreatedAt: l.CreatedAt, UpdatedAt: l.UpdatedAt})}
}

// own reads the caller's tenant.
//
//	@Summary	Read the own tenant's settings
//	@ID			getTenant
//	@Tags		tenant
//	@Success	200	{object}	Wire
//	@Router		/v1/tenant [get]
func (Service) own(_ context.Context, tx *db.Tx, _ struct{}) (Wire, error) {
	t, err := db.Get[Tenant](tx, tx.TenantID())
	return wire(t), err
}

type updateReq struct {
	web.IfMatch
	Patch web.MergePatch `body:"patch"`
}

// update changes the caller's tenant.
//
//	@Summary		Change the own tenant's settings
//	@Description	The zone is where days begin and end. The required parties decide who must accept a match that is proposed from now on.
//	@ID				updateTenant
//	@Tags			tenant
//	@Param			body	body		Input	true	"what changes"
//	@Success		200		{object}	Wire
//	@Router			/v1/tenant [patch]
func (s Service) update(ctx context.Context, tx *db.Tx, in updateReq) (Wire, error) {
	t, err := s.Update(ctx, tx, func(t Tenant) error { return in.Check(t.Revision) }, func(i *Input) error { return in.Patch.Apply(i) })
	return wire(t), err
}

type listReq struct {
	page.Params
}

// list reads the tenants of the installation.
//
//	@Summary	List tenants
//	@ID			listTenants
//	@Tags		tenant
//	@Param		limit	query		int		false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param		cursor	query		string	false	"where to go on"
//	@Param		sort	query		string	false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Success	200		{object}	page.Page[Summary]
//	@Router		/v1/tenants [get]
func (Service) list(_ context.Context, tx *db.Tx, in listReq) (page.Page[Summary], error) {
	// The operator's own tenant has the first of all ids: to begin behind it is to leave it out, and a place in the primary key to begin at.
	all := tx.Table("(?) as tenants", tx.Model(&listed{}).Select("tenant_id as id, slug, name, sandbox, revision, created_at, updated_at, pos"))
	return page.List(tx, in.Params, nil, all.Where("id > ?", OperatorID), listed.summary)
}

type byID struct {
	ID id.TenantID `uri:"id"`
}

// get reads one tenant of the installation.
//
//	@Summary	Read a tenant
//	@ID			getTenantSummary
//	@Tags		tenant
//	@Param		id	path		string	true	"the tenant"	example(ten_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	200	{object}	Summary
//	@Router		/v1/tenants/{id} [get]
func (Service) get(_ context.Context, tx *db.Tx, in byID) (Summary, error) {
	var l listed
	err := db.One(tx, &l, `select id, slug, name, sandbox, revision, created_at, updated_at, pos from tenants where tenant_id = ? and id <> ?`, in.ID, OperatorID)
	return l.summary(), err
}
