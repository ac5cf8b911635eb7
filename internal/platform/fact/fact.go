// Package fact records what became true: a row in the feed, and one delivery for every endpoint that wants it, in the
// transaction that makes it true.
//
// The data of a fact holds ids, states, dates, hours and links: no names, no addresses, no free text. Whoever may know
// more fetches it with a token of its own.
package fact

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// Type is one type of fact, <noun>.<past participle>.
type Type struct {
	Name    string
	Version int    // of the schema of its data, from 1; see Revised
	Doc     string // one sentence for integrators
	example any    // a value of the type that its data must have
}

var (
	mu    sync.Mutex
	types = map[string]*Type{}
)

// Define registers a type of fact with an example of its own data: a struct whose members are documented by the tags
// json, enums, format and example. Free text in it, or a name that is taken, is a mistake in the program and panics.
func Define(name, doc string, example any) *Type {
	mu.Lock()
	defer mu.Unlock()
	if types[name] != nil {
		panic("fact: " + name + " is defined twice")
	}
	if why := freeText(reflect.TypeOf(example)); why != "" {
		panic("fact: " + name + ": " + why)
	}
	t := &Type{name, 1, doc, example}
	types[name] = t
	return t
}

// Revised says that the schema of the data grew since it was first published: members or values were added, and all that
// was said before still holds. A test refuses a schema that changed under the same version, and one that lost something:
// that is another type, under another name.
func (t *Type) Revised(version int) *Type {
	t.Version = version
	return t
}

// Lookup returns the type of a name, nil when there is none.
func Lookup(name string) *Type {
	mu.Lock()
	defer mu.Unlock()
	return types[name]
}

// None is the data of a fact that has nothing to add to what every fact says.
type None struct{}

// Types returns all types of facts by name.
func Types() []*Type {
	mu.Lock()
	defer mu.Unlock()
	out := make([]*Type, 0, len(types))
	for _, n := range slices.Sorted(maps.Keys(types)) {
		out = append(out, types[n])
	}
	return out
}

// Noun is the first part of the name: who may read that noun may read the fact.
func (t *Type) Noun() string { n, _, _ := strings.Cut(t.Name, "."); return n }

// ExternalID is what an employer's own system calls the subject. Only recipients of that employer, and the tenant's
// own, are told.
type ExternalID struct {
	OrganisationID *id.OrganisationID `json:"organisation_id"`
	System         string             `json:"system"`
	Value          string             `json:"value"`
}

// Event is what a verb says when it records a fact.
type Event struct {
	Subject       fmt.Stringer // the typed id
	Revision      int64
	Organisations []id.OrganisationID // the employers concerned: who is bound to one of them may read it
	Medewerkers   []id.MedewerkerID   // the employees concerned
	ExternalIDs   []ExternalID
	Data          any // of the type that the definition's example has; nil for None
}

// envelope is what the data of every fact says.
type envelope struct {
	TenantID        id.TenantID         `json:"tenant_id"`
	SubjectID       string              `json:"subject_id"`
	Revision        int64               `json:"revision"`
	OrganisationIDs []id.OrganisationID `json:"organisation_ids"`
}

// event is the first part of both statements that record a fact. When deliveries are due is for the clock of the database
// alone.
const event = `
with fact as (
	insert into events (tenant_id, id, type, subject_id, subject, revision, organisation_ids, medewerker_ids, data, external_ids,
		occurred_at, actor, on_behalf_of, request_id)
	values (@tenant, @id, @type, @subject_id, @subject, @revision, @organisations, @medewerkers, @data, @external,
		@now, @actor, @on_behalf_of, @request)
	returning id
), `

// fanOut writes the fact, its deliveries and their places in the queue in one statement. An endpoint gets what it asked
// for, if its employer is concerned and its owner may read the noun; what a pending one gets waits in the queue. Only an
// endpoint that keeps the order of subjects has them in the queue.
const fanOut = event + `wanted as materialized (
	select e.tenant_id, e.id, e.organisation_id, e.ordering
	from webhook_endpoints e
	where e.tenant_id = @tenant and e.status in ('pending', 'active') and @type like any (e.type_patterns) and @noun = any (e.nouns)
		and (e.organisation_id is null or e.organisation_id = any (cast(@organisations as uuid[])))
		and (e.filter is null or platform.filter_holds(e.filter, cast(@data as jsonb)))
), delivery as (
	insert into webhook_deliveries (tenant_id, event_id, endpoint_id, organisation_id, type, created_at, next_attempt_at)
	select w.tenant_id, fact.id, w.id, w.organisation_id, @type, @now, @now from wanted w, fact
	returning id, tenant_id, endpoint_id
)
insert into platform.delivery_queue (delivery_id, tenant_id, endpoint_id, due_at, subject_id, revision, event_id)
select d.id, d.tenant_id, d.endpoint_id, now(), o.subject_id, o.revision, o.event_id
from delivery d
join wanted w on w.id = d.endpoint_id
left join (select cast(@subject_id as uuid) as subject_id, cast(@revision as bigint) as revision, cast(@id as uuid) as event_id) o
	on w.ordering = 'subject'`

// direct writes a fact for one endpoint alone, as a test that is not held.
const direct = event + `delivery as (
	insert into webhook_deliveries (tenant_id, event_id, endpoint_id, organisation_id, type, created_at, next_attempt_at)
	select e.tenant_id, fact.id, e.id, e.organisation_id, @type, @now, @now
	from webhook_endpoints e, fact
	where e.tenant_id = @tenant and e.id = @endpoint
	returning id, tenant_id, endpoint_id
)
insert into platform.delivery_queue (delivery_id, tenant_id, endpoint_id, due_at, test)
select id, tenant_id, endpoint_id, now(), true from delivery
returning delivery_id`

// Record writes the fact and what it causes. Roll back the transaction, and there was no fact.
func (t *Type) Record(tx *db.Tx, e Event) error {
	values, err := t.values(tx, e)
	if err != nil {
		return err
	}
	err = tx.Unbound("fan-out reaches the endpoints of every employer concerned", func(tx *db.Tx) error {
		return tx.Later(fanOut, values)
	})
	if err == nil {
		tx.AfterCommit(func() { committed(tx.TenantID()) })
	}
	return err
}

// RecordTo writes a fact that goes to one endpoint alone, now, even while what else it gets is held: its test event.
func (t *Type) RecordTo(tx *db.Tx, e Event, endpoint id.EndpointID) (id.DeliveryID, error) {
	var made struct{ DeliveryID id.DeliveryID }
	values, err := t.values(tx, e)
	if err != nil {
		return made.DeliveryID, err
	}
	values["endpoint"] = endpoint.UUID()
	if err := db.One(tx, &made, direct, values); err != nil {
		return made.DeliveryID, err
	}
	tx.AfterCommit(func() { committed(tx.TenantID()) })
	return made.DeliveryID, nil
}

// values are those of a row of the feed.
func (t *Type) values(tx *db.Tx, e Event) (map[string]any, error) {
	if e.Data == nil {
		e.Data = None{}
	}
	if reflect.TypeOf(e.Data) != reflect.TypeOf(t.example) {
		return nil, fmt.Errorf("fact: %s carries a %T, not a %T", t.Name, t.example, e.Data)
	}
	if e.Organisations == nil {
		e.Organisations = []id.OrganisationID{}
	}
	data, err := compose(envelope{tx.TenantID(), e.Subject.String(), e.Revision, e.Organisations}, e.Data)
	if err != nil {
		return nil, err
	}
	external, err := json.Marshal(e.ExternalIDs)
	if err != nil {
		return nil, err
	}
	if e.ExternalIDs == nil {
		external = []byte("[]")
	}
	u, ok := e.Subject.(interface{ UUID() uuid.UUID })
	if !ok {
		return nil, fmt.Errorf("fact: %s: the subject has no id", t.Name)
	}
	return map[string]any{"tenant": tx.Scope.Tenant, "id": idAt(tx.Now), "type": t.Name, "noun": t.Noun(),
		"subject_id": u.UUID(), "subject": e.Subject.String(), "revision": e.Revision, "organisations": array(e.Organisations),
		"medewerkers": array(e.Medewerkers), "data": string(data), "external": string(external), "now": tx.Now, "actor": tx.Actor,
		"on_behalf_of": tx.OnBehalfOf, "request": tx.RequestID}, nil
}

// compose joins what every fact says and what this one adds into one object.
func compose(common, own any) ([]byte, error) {
	a, err := json.Marshal(common)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(own)
	if err != nil || len(b) <= len("{}") {
		return a, err
	}
	return append(append(a[:len(a)-1], ','), b[1:]...), nil
}

// Data renders the stored data for a recipient: with the external ids of its own employer, or all of them for the
// tenant's own recipients (nil). What looks like an e-mail address is never told.
func Data(stored, external []byte, recipient *id.OrganisationID) (json.RawMessage, error) {
	var all []ExternalID
	if err := json.Unmarshal(external, &all); err != nil {
		return nil, err
	}
	type ref struct {
		System string `json:"system"`
		Value  string `json:"value"`
	}
	mine := []ref{}
	for _, x := range all {
		own := recipient == nil || x.OrganisationID != nil && *x.OrganisationID == *recipient
		if own && !strings.Contains(x.Value, "@") {
			mine = append(mine, ref{x.System, x.Value})
		}
	}
	tail, err := json.Marshal(struct {
		ExternalIDs []ref `json:"external_ids"`
	}{mine})
	if err != nil {
		return nil, err
	}
	stored = []byte(strings.TrimSpace(string(stored)))
	return append(append(stored[:len(stored)-1:len(stored)-1], ','), tail[1:]...), nil
}

// Links are the addresses of a fact and of what it is about.
type Links struct {
	Event   string  `json:"event"`
	Subject *string `json:"subject"` // nil where callers cannot read it by itself
}

// LinksOf are the links of a fact in an installation whose links start with base.
func LinksOf(base, typ, event, subject string) Links {
	l := Links{Event: base + "/v1/events/" + event}
	noun, _, _ := strings.Cut(typ, ".")
	if at, known := places[noun]; known {
		s := base + strings.ReplaceAll(at, ":id", subject)
		l.Subject = &s
	}
	return l
}

// Thin renders the stored data with ids and links alone: none of a state, a date or hours, and no external ids.
func Thin(typ string, stored []byte, links Links) (json.RawMessage, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(stored, &all); err != nil {
		return nil, err
	}
	mu.Lock()
	t := types[typ]
	mu.Unlock()
	keep := []string{"tenant_id", "subject_id", "revision", "organisation_ids"}
	if t != nil {
		keep = append(keep, idMembers(reflect.TypeOf(t.example))...)
	}
	maps.DeleteFunc(all, func(name string, _ json.RawMessage) bool { return !slices.Contains(keep, name) })
	l, err := json.Marshal(links)
	if err != nil {
		return nil, err
	}
	all["links"] = l
	return json.Marshal(all)
}

func array[K id.Kind](ids []id.Of[K]) string {
	parts := make([]string, len(ids))
	for i, x := range ids {
		parts[i] = x.UUID().String()
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// woken tells the deliverer in this process that something is due. A full channel has told it already; other
// processes find out when they look.
var woken = make(chan struct{}, 1)

// Wake says that something is due; it is called after COMMIT.
func Wake() {
	select {
	case woken <- struct{}{}:
	default:
	}
}

// Woken is where the deliverer listens.
func Woken() <-chan struct{} { return woken }

// watchers are told whose facts commit in this process.
var watchers = struct {
	mu  sync.Mutex
	all map[chan<- id.TenantID]bool
}{all: map[chan<- id.TenantID]bool{}}

// Watch tells c the tenant of each fact that commits in this process, until stop is called. What a full channel cannot
// take is left out, and other processes tell nothing: whoever must not miss a fact looks by itself as well.
func Watch(c chan<- id.TenantID) (stop func()) {
	watchers.mu.Lock()
	defer watchers.mu.Unlock()
	watchers.all[c] = true
	return func() {
		watchers.mu.Lock()
		defer watchers.mu.Unlock()
		delete(watchers.all, c)
	}
}

func committed(tenant id.TenantID) {
	Wake()
	watchers.mu.Lock()
	defer watchers.mu.Unlock()
	for c := range watchers.all {
		select {
		case c <- tenant:
		default:
		}
	}
}
