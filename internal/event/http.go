package event

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// Routes are the doors of the feed.
func (s *Service) Routes() []web.Route {
	return []web.Route{
		web.List("/v1/events", "event:read", s.list, web.Syncs),
		web.Get("/v1/events/:id", "event:read", s.get),
		web.Get("/v1/event-types", auth.Self, s.types),
	}
}

// Wire is a fact as callers see it: the body of a webhook, and its id.
type Wire struct {
	ID        id.EventID      `json:"id" example:"evt_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Type      string          `json:"type" example:"leerbewijs.issued"`
	Timestamp time.Time       `json:"timestamp" format:"date-time" example:"2027-01-11T08:00:00Z"` // when it became true
	Data      json.RawMessage `json:"data" swaggertype:"object" extensions:"x-example={\"tenant_id\":\"ten_01jd8m5x9nf3tvhg5w6rkz2c4q\",\"subject_id\":\"lbw_01jd8m5x9nf3tvhg5w6rkz2c4q\",\"revision\":1,\"organisation_ids\":[\"org_01jd8m5x9nf3tvhg5w6rkz2c4q\"],\"external_ids\":[]}"`
} // @name Event

func wire(tx *db.Tx, r row) (Wire, error) {
	data, err := fact.Data(r.Data, r.ExternalIDs, tx.Principal.OrganisationID)
	return Wire{*r.ID, r.Type, r.OccurredAt.UTC(), data}, err
}

type listReq struct {
	Limit  int      `form:"limit" default:"25" minimum:"1" maximum:"100"`
	Cursor *string  `form:"cursor" maxLength:"1000"`
	Types  []string `form:"types" maxLength:"100" validate:"max=50"`
	At     *string  `form:"at" enums:"now"`
}

// feed is a page whose Link drops at=now, which goes with no cursor.
type feed struct {
	page.Page[Wire]
}

// Link points at the next page.
func (f feed) Link(u *url.URL) string {
	q := u.Query()
	q.Del("at")
	rest := *u
	rest.RawQuery = q.Encode()
	return f.Page.Link(&rest)
}

// list reads the feed.
//
//	@Summary		Follow the feed of facts
//	@Description	Oldest first, in the order in which they were committed: a reader that follows next_cursor, which is never null, misses nothing. Without a cursor it begins at the oldest fact kept; at=now gives only a cursor, to list what is there and then follow what changes. You see the types of nouns that you may read. A cursor older than what is kept is 410 cursor-expired.
//	@ID				listEvents
//	@Tags			event
//	@Param			limit	query		int			false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param			cursor	query		string		false	"where to go on"
//	@Param			types	query		[]string	false	"these types alone; leerbewijs.* stands for all of a noun"	collectionFormat(csv)	example(leerbewijs.*)
//	@Param			at		query		string		false	"only a cursor, at this moment"	Enums(now)
//	@Success		200		{object}	page.Page[Wire]
//	@Router			/v1/events [get]
func (s *Service) list(_ context.Context, tx *db.Tx, in listReq) (feed, error) {
	patterns := db.Strings{}
	bad := fault.BadParameter.New()
	for _, t := range in.Types {
		like, _, known := fact.Pattern(t)
		if !known {
			bad.In("types", fault.Unknown)
			break
		}
		patterns = append(patterns, like)
	}
	if in.At != nil && in.Cursor != nil {
		bad.In("at", notWithCursor)
	}
	if len(bad.Fields) > 0 {
		return feed{}, bad
	}
	if len(patterns) == 0 {
		patterns = db.Strings{"%"}
	}
	if in.At != nil {
		p, err := s.head(tx)
		return feed{p}, err
	}
	var from *cursor
	if in.Cursor != nil && *in.Cursor != "" {
		c, err := decode(*in.Cursor)
		if err != nil {
			return feed{}, err
		}
		from = &c
	}
	p, err := s.read(tx, from, patterns, in.Limit)
	return feed{p}, err
}

var notWithCursor = fault.DefineRule("not_with_cursor", fault.Text{
	EN: "does not go with a cursor", NL: "gaat niet samen met een cursor", FR: "ne va pas avec un curseur"})

type byID struct {
	ID id.EventID `uri:"id"`
}

// get reads one fact.
//
//	@Summary	Read a fact
//	@ID			getEvent
//	@Tags		event
//	@Param		id	path		string	true	"the fact: the webhook-id of its deliveries"	example(evt_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Success	200	{object}	Wire
//	@Router		/v1/events/{id} [get]
func (s *Service) get(_ context.Context, tx *db.Tx, in byID) (Wire, error) {
	var r row
	err := db.One(tx, &r, `select id, type, occurred_at, data, external_ids from events where tenant_id = ? and id = ? and noun = any (cast(? as text[]))`,
		tx.Scope.Tenant, in.ID, db.Strings(fact.Readable(tx.Principal.Scopes)))
	if err != nil {
		return Wire{}, err
	}
	return wire(tx, r)
}

// TypeWire is one type of fact in the catalogue.
type TypeWire struct {
	Type        string          `json:"type" example:"leerbewijs.issued"`
	Description string          `json:"description" example:"A certificate was issued."`
	Schema      json.RawMessage `json:"schema" swaggertype:"object" extensions:"x-example={\"type\":\"object\"}"` // JSON Schema (2020-12) of the member data
	Example     json.RawMessage `json:"example" swaggertype:"object" extensions:"x-example={\"revision\":1}"`     // of the member data
} // @name EventType

// types reads the catalogue, which is short and comes whole.
//
//	@Summary	List the types of facts
//	@ID			listEventTypes
//	@Tags		event
//	@Success	200	{object}	page.Page[TypeWire]
//	@Router		/v1/event-types [get]
func (s *Service) types(context.Context, *db.Tx, struct{}) (page.Page[TypeWire], error) {
	out := page.Page[TypeWire]{Data: []TypeWire{}}
	for _, t := range fact.Types() {
		out.Data = append(out.Data, TypeWire{t.Name, t.Doc, t.Schema(), t.Example()})
	}
	return out, nil
}
