package event

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"time"

	"github.com/google/uuid"

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
		web.ListOrWait("/v1/events", "event:read", s.list, web.Syncs),
		web.Get("/v1/events/:id", "event:read", s.get),
		web.Get("/v1/event-types", auth.Self, s.types),
		web.Get("/v1/event-types/:type", auth.Self, s.oneType),
		web.Post("/v1/event-types/:type/example", "webhook:write", s.example),
	}
}

// Wire is a fact as callers see it: the body of a webhook, and its id.
type Wire struct {
	ID        id.EventID      `json:"id" example:"evt_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Type      string          `json:"type" example:"leerbewijs.issued"`
	Timestamp time.Time       `json:"timestamp" format:"date-time" example:"2027-01-11T08:00:00Z"` // when it became true
	Data      json.RawMessage `json:"data" swaggertype:"object" extensions:"x-example={\"tenant_id\":\"ten_01jd8m5x9nf3tvhg5w6rkz2c4q\",\"subject_id\":\"lbw_01jd8m5x9nf3tvhg5w6rkz2c4q\",\"revision\":1,\"organisation_ids\":[\"org_01jd8m5x9nf3tvhg5w6rkz2c4q\"],\"external_ids\":[]}"`
} // @name Event

// Location is where the fact can be read.
func (w Wire) Location() string { return "/v1/events/" + w.ID.String() }

func wire(tx *db.Tx, r row) (Wire, error) {
	data, err := fact.Data(r.Data, r.ExternalIDs, tx.Principal.OrganisationID)
	return Wire{*r.ID, r.Type, r.OccurredAt.UTC(), data}, err
}

type listReq struct {
	Limit  int      `form:"limit" default:"25" minimum:"1" maximum:"100"`
	Cursor *string  `form:"cursor" maxLength:"1000"`
	Types  []string `form:"types" maxLength:"100" validate:"max=50"`
	// The id of what the facts are about, of whatever noun.
	Subject *string `form:"subject" maxLength:"30"`
	At      *string `form:"at" enums:"now"`
	Wait    int     `form:"wait" default:"0" minimum:"0" maximum:"30"` // seconds
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
//	@Description	A reader that follows next_cursor, which is never null, misses nothing. Facts come in the order in which the transactions that recorded them began to write, not that in which they were committed: of two that overlapped, the one that ended last may come first. So of one subject the highest revision is right: ignore a fact whose revision is lower than one that you know. Without a cursor it begins at the oldest fact kept; at=now gives only a cursor, to list what is there and then follow what changes. You see the types of nouns that you may read. A cursor older than what is kept is 410 cursor-expired. With wait the answer comes as soon as there is a fact to tell, or empty when the time is over: ask again at once, with the cursor that it gives. Ten requests of a client may wait at once.
//	@ID				listEvents
//	@Tags			event
//	@Param			limit	query		int			false	"how many"	default(25)	minimum(1)	maximum(100)
//	@Param			cursor	query		string		false	"where to go on"
//	@Param			types	query		[]string	false	"these types alone; leerbewijs.* stands for all of a noun"	collectionFormat(csv)	extensions(x-max-items=50)	maxlength(100)	example(leerbewijs.*)
//	@Param			subject	query		string		false	"facts about this one thing alone: its id, of any noun"	extensions(x-pattern=^[a-z]{3}_[0-7][0-9a-hjkmnp-tv-z]{25}$)	example(lvr_01jd8m5x9nf3tvhg5w6rkz2c4q)
//	@Param			at		query		string		false	"only a cursor, at this moment"	Enums(now)
//	@Param			wait	query		int			false	"how many seconds to wait for a fact where there is none"	minimum(0)	maximum(30)	default(0)
//	@Success		200		{object}	page.Page[Wire]
//	@Router			/v1/events [get]
func (s *Service) list(ctx context.Context, read web.Reads, in listReq) (feed, error) {
	q, err := in.question()
	if err != nil {
		return feed{}, err
	}
	if in.At != nil {
		var p page.Page[Wire]
		err := read(func(tx *db.Tx) (err error) {
			p, err = s.head(tx)
			return err
		})
		return feed{p}, err
	}
	var (
		p      page.Page[Wire]
		here   cursor
		tenant id.TenantID
		client id.ClientID
	)
	next := func(tx *db.Tx) (err error) {
		tenant, client = tx.TenantID(), tx.Principal.ClientID
		p, here, err = s.read(tx, q)
		return err
	}
	if err := read(next); err != nil || len(p.Data) > 0 || in.Wait == 0 {
		return feed{p}, err
	}
	me, leave, err := s.waiters.enter(tenant, client, here.Pos)
	if err != nil {
		return feed{}, err
	}
	defer leave()
	over := time.NewTimer(time.Duration(in.Wait) * time.Second)
	defer over.Stop()
	for {
		select {
		case <-ctx.Done():
			return feed{p}, nil
		case <-over.C:
			return feed{p}, nil
		case <-me.moved:
		}
		from := here
		q.from = &from
		if err := read(next); err != nil || len(p.Data) > 0 {
			return feed{p}, err
		}
		s.waiters.saw(me, here.Pos)
		// Facts that it did not ask for wake a reader too. However many there are, it reads at the pace of the looks.
		select {
		case <-ctx.Done():
			return feed{p}, nil
		case <-over.C:
			return feed{p}, nil
		case <-time.After(lookEvery):
		}
	}
}

// question is what a reader of the feed asks for.
type question struct {
	from    *cursor    // where to go on, nil at the oldest fact kept
	types   db.Strings // patterns for LIKE
	subject *uuid.UUID
	limit   int
}

func (in listReq) question() (question, error) {
	q := question{types: db.Strings{}, limit: in.Limit}
	bad := fault.BadParameter.New()
	for _, t := range in.Types {
		like, _, known := fact.Pattern(t)
		if !known {
			bad.In("types", fault.NoReference)
			break
		}
		q.types = append(q.types, like)
	}
	if len(in.Types) == 0 {
		q.types = db.Strings{"%"}
	}
	if in.Subject != nil {
		u, err := id.ParseAny(*in.Subject)
		if err != nil {
			bad.In("subject", fault.NoReference)
		}
		q.subject = &u
	}
	if in.At != nil && in.Cursor != nil {
		bad.In("at", notWithCursor)
	}
	if in.At != nil && in.Wait > 0 {
		bad.In("wait", notWithAt)
	}
	if len(bad.Fields) > 0 {
		return q, bad
	}
	if in.Cursor != nil && *in.Cursor != "" {
		c, err := decode(*in.Cursor)
		if err != nil {
			return q, err
		}
		q.from = &c
	}
	return q, nil
}

var notWithCursor = fault.DefineRule("not_with_cursor", fault.Text{
	EN: "does not go with a cursor", NL: "gaat niet samen met een cursor", FR: "ne va pas avec un curseur"})
var notWithAt = fault.DefineRule("not_with_at", fault.Text{
	EN: "does not go with at", NL: "gaat niet samen met at", FR: "ne va pas avec at"})

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
	Version     int             `json:"version" example:"1"` // of the schema; it grows, and what it says stays true
	Description string          `json:"description" example:"A certificate was issued."`
	Schema      json.RawMessage `json:"schema" swaggertype:"object" extensions:"x-example={\"type\":\"object\"}"` // JSON Schema (2020-12) of the member data
	Example     json.RawMessage `json:"example" swaggertype:"object" extensions:"x-example={\"revision\":1}"`     // of the member data
} // @name EventType

func typeWire(t *fact.Type) TypeWire {
	return TypeWire{t.Name, t.Version, t.Doc, t.Schema(), t.Example()}
}

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
		out.Data = append(out.Data, typeWire(t))
	}
	return out, nil
}

type byType struct {
	Type string `uri:"type" maxLength:"100"`
}

// oneType reads one type of the catalogue.
//
//	@Summary	Read a type of fact
//	@ID			getEventType
//	@Tags		event
//	@Param		type	path		string	true	"the type"	example(leerbewijs.issued)
//	@Success	200		{object}	TypeWire
//	@Router		/v1/event-types/{type} [get]
func (s *Service) oneType(_ context.Context, _ *db.Tx, in byType) (TypeWire, error) {
	t := fact.Lookup(in.Type)
	if t == nil {
		return TypeWire{}, fault.Missing.New()
	}
	return typeWire(t), nil
}

// SandboxOnly says that something is for sandbox tenants: elsewhere only what happened is told.
var SandboxOnly = fault.Define(fault.Conflict, "sandbox-only", fault.Text{
	EN: "Only a sandbox tenant records examples: elsewhere a fact is what happened.",
	NL: "Alleen een sandbox-tenant legt voorbeelden vast: elders is een feit wat er gebeurde.",
	FR: "Seul un locataire de test enregistre des exemples : ailleurs, un fait est ce qui s’est passé."})

// example records the example of a type of fact.
//
//	@Summary		Record an example of a fact
//	@Description	Only in a sandbox tenant: the catalogue's example of this type, about something that does not exist, goes into the feed and to every webhook endpoint that asked for the type, as if it had happened.
//	@ID				recordEventExample
//	@Tags			event
//	@Param			type	path		string	true	"the type"	example(leerbewijs.issued)
//	@Success		201		{object}	Wire
//	@Router			/v1/event-types/{type}/example [post]
func (s *Service) example(_ context.Context, tx *db.Tx, in byType) (Wire, error) {
	t := fact.Lookup(in.Type)
	switch {
	case t == nil:
		return Wire{}, fault.Missing.New()
	case !slices.Contains(fact.Readable(tx.Principal.Scopes), t.Noun()):
		return Wire{}, fault.NotAllowed.New()
	case !tx.Principal.Sandbox:
		return Wire{}, SandboxOnly.New()
	}
	var concerned []id.OrganisationID
	if tx.Principal.OrganisationID != nil {
		concerned = []id.OrganisationID{*tx.Principal.OrganisationID}
	}
	subject, err := t.RecordExample(tx, concerned)
	if err != nil {
		return Wire{}, err
	}
	var r row
	err = db.One(tx, &r, `select id, type, occurred_at, data, external_ids from events where tenant_id = ? and subject_id = ?`, tx.Scope.Tenant, subject)
	if err != nil {
		return Wire{}, err
	}
	return wire(tx, r)
}
