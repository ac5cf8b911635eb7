package organisation

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// Conversation is what the ST-partner talked over with an employer, and when it comes back to it (seed 001, 5.3: "op
// basis van deze gesprekken begin je je database of CRM op te bouwen"). The employer does not read it, and no fact tells
// of it.
type Conversation struct {
	db.Row
	ID             id.ConversationID `gorm:"primaryKey"`
	OrganisationID id.OrganisationID
	HeldAt         time.Time
	Channel        string
	ContactIDs     db.IDs[id.ContactID] `gorm:"column:contact_ids"` // of the same employer
	NotedBy        *string
	Note           string
	FollowUpOn     *day.Date
	FollowUpDone   bool
}

// TableName is the table of conversations.
func (Conversation) TableName() string { return "conversations" }

// Key places a conversation in a list.
func (c Conversation) Key() (int64, uuid.UUID) { return c.Pos, c.ID.UUID() }

var _ = db.Constraint("conversations_organisation_fkey", func() *fault.Error { return fault.Missing.New() })

// ConversationInput is what a caller says of a conversation.
type ConversationInput struct {
	HeldAt       time.Time      `json:"held_at" binding:"required" format:"date-time" example:"2027-01-11T09:00:00Z"`
	Channel      string         `json:"channel" binding:"required" enums:"meeting,visit,phone,video,mail,event,other" example:"phone"`
	ContactIDs   []id.ContactID `json:"contact_ids" validate:"max=20,unique" example:"con_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	NotedBy      *string        `json:"noted_by" minLength:"1" maxLength:"200" extensions:"x-nullable" example:"Mo Voorbeeld"`
	Note         string         `json:"note" binding:"required" minLength:"1" maxLength:"20000" example:"Wil in het voorjaar twee mensen uitsturen."`
	FollowUpOn   *day.Date      `json:"follow_up_on" extensions:"x-nullable" example:"2027-02-01"`
	FollowUpDone bool           `json:"follow_up_done" example:"false"`
} // @name ConversationInput

func (c Conversation) input() ConversationInput {
	return ConversationInput{c.HeldAt, c.Channel, c.ContactIDs, c.NotedBy, c.Note, c.FollowUpOn, c.FollowUpDone}
}

// onto checks what is said and lays it over the row: a follow-up that is done was one, and who was spoken to is at the
// employer.
func (in ConversationInput) onto(tx *db.Tx, c *Conversation) error {
	e := fault.Unprocessable.New()
	if in.FollowUpDone && in.FollowUpOn == nil {
		e.At("/follow_up_on", bothOrNeither, "other", "follow_up_done")
	}
	var known struct{ IDs db.IDs[id.ContactID] }
	if err := db.One(tx, &known, `select array(select id from contacts where tenant_id = ? and organisation_id = ? and id = any (cast(? as uuid[]))) as ids`,
		tx.Scope.Tenant, c.OrganisationID, db.IDs[id.ContactID](in.ContactIDs)); err != nil {
		return err
	}
	for i, x := range in.ContactIDs {
		switch at := "/contact_ids/" + strconv.Itoa(i); {
		case slices.Contains(in.ContactIDs[:i], x):
			e.At(at, fault.Repeated)
		case !slices.Contains(known.IDs, x):
			e.At(at, fault.NoReference)
		}
	}
	if len(e.Fields) > 0 {
		return e
	}
	c.HeldAt, c.Channel, c.ContactIDs, c.NotedBy, c.Note = in.HeldAt, in.Channel, in.ContactIDs, in.NotedBy, in.Note
	c.FollowUpOn, c.FollowUpDone = in.FollowUpOn, in.FollowUpDone
	return nil
}

// ConversationWire is a conversation as callers see it.
type ConversationWire struct {
	ID             id.ConversationID `json:"id" example:"gsp_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	OrganisationID id.OrganisationID `json:"organisation_id" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	HeldAt         time.Time         `json:"held_at" format:"date-time" example:"2027-01-11T09:00:00Z"`
	Channel        string            `json:"channel" enums:"meeting,visit,phone,video,mail,event,other" example:"phone"`
	ContactIDs     []id.ContactID    `json:"contact_ids" example:"con_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	NotedBy        *string           `json:"noted_by" extensions:"x-nullable" example:"Mo Voorbeeld"`
	Note           string            `json:"note" example:"Wil in het voorjaar twee mensen uitsturen."`
	FollowUpOn     *day.Date         `json:"follow_up_on" extensions:"x-nullable" example:"2027-02-01"`
	FollowUpDone   bool              `json:"follow_up_done" example:"false"`
	web.Meta
} // @name Conversation

// Location is where the conversation can be read.
func (w ConversationWire) Location() string { return "/v1/conversations/" + w.ID.String() }

func conversationWire(c Conversation) ConversationWire {
	contacts := []id.ContactID(c.ContactIDs)
	if contacts == nil {
		contacts = []id.ContactID{}
	}
	return ConversationWire{c.ID, c.OrganisationID, c.HeldAt.UTC(), c.Channel, contacts, c.NotedBy, c.Note, c.FollowUpOn, c.FollowUpDone, web.MetaOf(c.Row)}
}

type addConversationReq struct {
	byID
	Body ConversationInput `body:"json"`
}

// addConversation notes what was talked over with an employer.
//
//	@Summary		Note a conversation
//	@Description	For the ST-partner alone. follow_up_on is when to come back to it.
//	@ID				createConversation
//	@Tags			conversation
//	@Param			id		path		string				true	"the employer"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		ConversationInput	true	"the conversation"
//	@Success		201		{object}	ConversationWire
//	@Router			/v1/organisations/{id}/conversations [post]
func (s Service) addConversation(_ context.Context, tx *db.Tx, in addConversationReq) (ConversationWire, error) {
	if _, err := db.Get[Organisation](tx, in.ID); err != nil {
		return ConversationWire{}, err
	}
	c := Conversation{ID: id.NewConversation(), OrganisationID: in.ID}
	if err := in.Body.onto(tx, &c); err != nil {
		return ConversationWire{}, err
	}
	err := db.Insert(tx, &c)
	return conversationWire(c), err
}

// ConversationFilters are what conversations can be filtered by.
type ConversationFilters struct {
	OrganisationID *id.OrganisationID `form:"organisation_id"`
	DueBy          *day.Date          `form:"due_by"`
}

type listConversationsReq struct {
	page.Params
	ConversationFilters
}

// listConversations reads conversations with any employer.
//
//	@Summary		List conversations
//	@Description	due_by: those to come back to on this day or before it, and not done yet.
//	@ID				listConversations
//	@Tags			conversation
//	@Param			limit			query		int		false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param			cursor			query		string	false	"where to go on"
//	@Param			sort			query		string	false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Param			organisation_id	query		string	false	"with this employer"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			due_by			query		string	false	"whose follow-up is due"	Format(date)	example(2027-02-01)
//	@Success		200				{object}	page.Page[ConversationWire]
//	@Router			/v1/conversations [get]
func (s Service) listConversations(_ context.Context, tx *db.Tx, in listConversationsReq) (page.Page[ConversationWire], error) {
	q := tx.Model(&Conversation{})
	if in.OrganisationID != nil {
		q = q.Where("organisation_id = ?", *in.OrganisationID)
	}
	if in.DueBy != nil {
		q = q.Where("follow_up_on <= ? and not follow_up_done", *in.DueBy)
	}
	return page.List(tx, in.Params, in.ConversationFilters, q, conversationWire)
}

// listOrganisationConversations reads the conversations with one employer.
//
//	@Summary	List the conversations with an employer
//	@ID			listOrganisationConversations
//	@Tags		conversation
//	@Param		id		path		string	true	"the employer"	example(org_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param		limit	query		int		false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param		cursor	query		string	false	"where to go on"
//	@Param		sort	query		string	false	"the order"	Enums(created_at,-created_at)	default(created_at)
//	@Success	200		{object}	page.Page[ConversationWire]
//	@Router		/v1/organisations/{id}/conversations [get]
func (s Service) listOrganisationConversations(_ context.Context, tx *db.Tx, in partsReq) (page.Page[ConversationWire], error) {
	if _, err := db.Get[Organisation](tx, in.ID); err != nil {
		return page.Page[ConversationWire]{}, err
	}
	return page.List(tx, in.Params, in.byID, tx.Model(&Conversation{}).Where("organisation_id = ?", in.ID), conversationWire)
}

type conversationReq struct {
	ID id.ConversationID `uri:"id"`
}

// getConversation reads a conversation.
//
//	@Summary	Read a conversation
//	@ID			getConversation
//	@Tags		conversation
//	@Param		id	path		string	true	"the conversation"	example(gsp_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	200	{object}	ConversationWire
//	@Router		/v1/conversations/{id} [get]
func (s Service) getConversation(_ context.Context, tx *db.Tx, in conversationReq) (ConversationWire, error) {
	c, err := db.Get[Conversation](tx, in.ID)
	return conversationWire(c), err
}

type updateConversationReq struct {
	conversationReq
	web.IfMatch
	Patch web.MergePatch `body:"patch"`
}

// updateConversation changes members of a conversation.
//
//	@Summary		Change a conversation
//	@Description	follow_up_done says that the ST-partner came back to it.
//	@ID				updateConversation
//	@Tags			conversation
//	@Param			id		path		string				true	"the conversation"	example(gsp_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			body	body		ConversationInput	true	"what changes"
//	@Success		200		{object}	ConversationWire
//	@Router			/v1/conversations/{id} [patch]
func (s Service) updateConversation(_ context.Context, tx *db.Tx, in updateConversationReq) (ConversationWire, error) {
	before, err := db.Lock[Conversation](tx, in.ID)
	if err != nil {
		return ConversationWire{}, err
	}
	after, told := before, before.input()
	if err := patched(in.IfMatch, before.Revision, in.Patch, &told, func() error { return told.onto(tx, &after) }); err != nil {
		return ConversationWire{}, err
	}
	_, err = db.Change(tx, before, &after)
	return conversationWire(after), err
}
