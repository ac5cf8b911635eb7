package fact_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/hours"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// noted has one member of every kind that a fact can carry.
type noted struct {
	State  string        `json:"state" enums:"open,closed" doc:"Where it stands."`
	States []string      `json:"states" enums:"open,closed"`
	Maybe  *string       `json:"maybe" enums:"yes,no"`
	Day    day.Date      `json:"date_on"`
	At     time.Time     `json:"at"`
	Hours  hours.Hours   `json:"hours"`
	Link   string        `json:"link" format:"uri" example:"https://switchboard.example/x"`
	Match  id.MatchID    `json:"match_id"`
	Coach  []id.ClientID `json:"coach_ids"`
	Site   *id.SiteID    `json:"site_id"`
	Count  int           `json:"count"`
	OK     bool          `json:"ok"`
	Inner  struct {
		N int64 `json:"n"`
	} `json:"inner"`
}

var (
	organisationNoted = fact.Define("organisation.noted", "Something was noted about an employer.", noted{})
	tenantNoted       = fact.Define("tenant.noted", "Something was noted about the tenant.", fact.None{})
)

func note() noted {
	x := noted{State: "open", States: []string{"closed"}, At: time.Date(2027, 1, 11, 8, 0, 0, 0, time.UTC), Hours: 750, Link: "https://switchboard.example/x",
		Match: id.NewMatch(), Coach: []id.ClientID{}}
	if err := x.Day.UnmarshalText([]byte("2027-01-11")); err != nil {
		panic(err)
	}
	return x
}

// endpoint makes a place where facts go.
func endpoint(w *testkit.World, org *id.OrganisationID, status string, nouns []string, patterns ...string) uuid.UUID {
	w.T.Helper()
	c := w.Admin()
	columns := map[string]any{"client_id": c.Principal.ClientID.UUID(), "url": "https://receiver.example/hook", "event_types": patterns, "type_patterns": patterns,
		"nouns": nouns, "status": status}
	if org != nil {
		columns["organisation_id"] = org.UUID()
	}
	return w.Insert("webhook_endpoints", columns)
}

// deliveries are the endpoints that a tenant's facts went to, each with its place in the queue.
func deliveries(w *testkit.World) map[uuid.UUID]int {
	w.T.Helper()
	rows, err := w.Super.Query(context.Background(), `select d.endpoint_id from webhook_deliveries d join platform.delivery_queue q on q.delivery_id = d.id
		and q.tenant_id = d.tenant_id and q.endpoint_id = d.endpoint_id and q.lease is null where d.tenant_id = $1`, w.Tenant.UUID())
	require.NoError(w.T, err)
	out := map[uuid.UUID]int{}
	for rows.Next() {
		var e uuid.UUID
		require.NoError(w.T, rows.Scan(&e))
		out[e]++
	}
	require.NoError(w.T, rows.Err())
	require.Equal(w.T, w.Count(`select count(*) from webhook_deliveries where tenant_id = $1`, w.Tenant.UUID()), total(out), "every delivery stands in the queue")
	return out
}

func total(m map[uuid.UUID]int) (n int) {
	for _, x := range m {
		n += x
	}
	return n
}

func TestRecord_ReachesWhomItConcerns(t *testing.T) {
	t.Parallel()
	w, other := testkit.New(t), testkit.New(t)
	a, b, c := w.Organisation("a"), w.Organisation("b"), w.Organisation("c")
	reads := []string{"organisation", "tenant"}
	yes := map[uuid.UUID]int{
		endpoint(w, nil, "active", reads, "%"):                    1,
		endpoint(w, nil, "active", reads, "organisation.%"):       1,
		endpoint(w, &a, "active", reads, "organisation.noted"):    1,
		endpoint(w, &b, "pending", reads, "leerbewijs.%", "%"):    1,
		endpoint(w, nil, "active", reads, "%", "organisation.%"):  1,
		endpoint(w, &a, "active", []string{"organisation"}, "%"):  1,
		endpoint(w, nil, "pending", reads, "organisation.noted"):  1,
		endpoint(w, &b, "active", reads, `organisation.noted`):    1,
		endpoint(w, nil, "active", []string{"organisation"}, "%"): 1,
	}
	endpoint(w, &c, "active", reads, "%")                    // another employer
	endpoint(w, nil, "disabled", reads, "%")                 // not now
	endpoint(w, nil, "deleted", reads, "%")                  // not any more
	endpoint(w, nil, "active", []string{"tenant"}, "%")      // may not read the noun
	endpoint(w, nil, "active", []string{}, "%")              // may read nothing
	endpoint(w, nil, "active", reads, "organisation.note")   // another type
	endpoint(w, nil, "active", reads, `organisation.noted_`) // a longer one
	endpoint(other, nil, "active", reads, "%")               // another tenant
	w.Do(func(tx *db.Tx) error {
		return organisationNoted.Record(tx, fact.Event{Subject: a, Revision: 3, Organisations: []id.OrganisationID{a, b}, Data: note()})
	})
	require.Equal(t, yes, deliveries(w))
	require.Empty(t, deliveries(other))
	// A fact that concerns no employer is the tenant's own.
	w2 := testkit.New(t)
	org := w2.Organisation("a")
	unbound := endpoint(w2, nil, "active", reads, "%")
	endpoint(w2, &org, "active", reads, "%")
	w2.Do(func(tx *db.Tx) error { return tenantNoted.Record(tx, fact.Event{Subject: w2.Tenant, Revision: 1}) })
	require.Equal(t, map[uuid.UUID]int{unbound: 1}, deliveries(w2))
}

// A bound caller makes facts that reach endpoints which it cannot see itself.
func TestRecord_ByABoundCallerReachesEverybodyConcerned(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	a, b := w.Organisation("a"), w.Organisation("b")
	all, theirs := endpoint(w, nil, "active", []string{"organisation"}, "%"), endpoint(w, &b, "active", []string{"organisation"}, "%")
	who := db.Caller(auth.Principal{TenantID: w.Tenant, ClientID: id.NewClient(), Role: auth.Employer, OrganisationID: &a}, "req_x")
	require.NoError(t, w.App.DB.InTenant(context.Background(), who, func(tx *db.Tx) error {
		if err := organisationNoted.Record(tx, fact.Event{Subject: a, Revision: 1, Organisations: []id.OrganisationID{a, b}, Data: note()}); err != nil {
			return err
		}
		require.NoError(t, fact.Audit(tx, "organisation.note", a, map[string]int{"score": 5}))
		var n int
		require.NoError(t, tx.Select(&n, `select (select count(*) from webhook_endpoints) + (select count(*) from audit)`))
		require.Zero(t, n, "and still sees none of it")
		return nil
	}))
	require.Equal(t, map[uuid.UUID]int{all: 1, theirs: 1}, deliveries(w))
	require.Equal(t, 1, w.Count(`select count(*) from events where tenant_id = $1 and actor = $2 and request_id = 'req_x' and noun = 'organisation'
		and organisation_ids @> array[$3::uuid, $4::uuid]`, w.Tenant.UUID(), who.Actor, a.UUID(), b.UUID()))
	require.Equal(t, 1, w.Count(`select count(*) from audit where tenant_id = $1 and actor = $2 and action = 'organisation.note' and subject_id = $3
		and details = '{"score": 5}'`, w.Tenant.UUID(), who.Actor, a.UUID()))
}

func TestRecord_RollbackLeavesNothing(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	a := w.Organisation("a")
	e := endpoint(w, nil, "active", []string{"organisation"}, "%")
	no := errors.New("no")
	require.ErrorIs(t, w.App.DB.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error {
		err := organisationNoted.Record(tx, fact.Event{Subject: a, Revision: 1, Data: note()})
		_, direct := organisationNoted.RecordTo(tx, fact.Event{Subject: a, Revision: 1, Data: note()}, id.EndpointID(e))
		return errors.Join(err, direct, fact.Audit(tx, "x", a, nil), testkit.Sent(tx), no)
	}), no)
	for _, table := range []string{"events", "webhook_deliveries", "platform.delivery_queue", "audit"} {
		require.Zero(t, w.Count(`select count(*) from `+table+` where tenant_id = $1`, w.Tenant.UUID()), table)
	}
}

func TestRecord_KeepsToItsType(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	a := w.Organisation("a")
	w.Do(func(tx *db.Tx) error {
		for _, data := range []any{nil, fact.None{}, map[string]any{"name": "Sam"}, struct{ Name string }{"Sam"}, "text"} {
			require.Error(t, organisationNoted.Record(tx, fact.Event{Subject: a, Revision: 1, Data: data}))
		}
		require.Error(t, tenantNoted.Record(tx, fact.Event{Subject: time.Second, Revision: 1}), "a subject has a typed id")
		return nil
	})
	require.Zero(t, w.Count(`select count(*) from events where tenant_id = $1`, w.Tenant.UUID()))
}

func TestRecordTo_ReachesOneEvenWhileItIsHeld(t *testing.T) {
	t.Parallel()
	w, other := testkit.New(t), testkit.New(t)
	a := w.Organisation("a")
	pending := endpoint(w, nil, "pending", []string{"organisation"}, "%")
	endpoint(w, nil, "active", []string{"organisation"}, "%")
	theirs := endpoint(other, nil, "active", []string{"organisation"}, "%")
	w.Do(func(tx *db.Tx) error {
		did, err := organisationNoted.RecordTo(tx, fact.Event{Subject: a, Revision: 1, Data: note()}, id.EndpointID(pending))
		require.False(t, did.IsZero())
		return err
	})
	require.Equal(t, map[uuid.UUID]int{pending: 1}, deliveries(w))
	require.Equal(t, 1, w.Count(`select count(*) from platform.delivery_queue where endpoint_id = $1 and test and due_at <= now()`, pending))
	require.Error(t, w.App.DB.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error {
		_, err := organisationNoted.RecordTo(tx, fact.Event{Subject: a, Revision: 1, Data: note()}, id.EndpointID(theirs))
		return err
	}), "another tenant's endpoint is none")
}

// What is stored fits the published schema, and so does what a recipient gets.
func TestData_FitsTheSchema(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	a := w.Organisation("a")
	w.Do(func(tx *db.Tx) error {
		return errors.Join(organisationNoted.Record(tx, fact.Event{Subject: a, Revision: 3, Organisations: []id.OrganisationID{a}, Data: note()}),
			tenantNoted.Record(tx, fact.Event{Subject: w.Tenant, Revision: 1}))
	})
	events := w.Events()
	require.Len(t, events, 2)
	for i, typ := range []*fact.Type{organisationNoted, tenantNoted} {
		schema := compile(t, typ)
		got, err := fact.Data(events[i].Data, []byte(`[]`), nil)
		require.NoError(t, err)
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(got))
		require.NoError(t, err)
		require.NoError(t, schema.Validate(v), "%s", got)
		v, err = jsonschema.UnmarshalJSON(bytes.NewReader(typ.Example()))
		require.NoError(t, err)
		require.NoError(t, schema.Validate(v), "%s", typ.Example())
		for _, broken := range []string{`{}`, `{"tenant_id": "org_01h455vb4pex5vsknk084sn02q"}`} {
			v, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(broken)))
			require.NoError(t, err)
			require.Error(t, schema.Validate(v))
		}
	}
	var data map[string]any
	require.NoError(t, json.Unmarshal(events[0].Data, &data))
	require.Equal(t, []any{w.Tenant.String(), a.String(), 3.0, []any{a.String()}, 7.5, "2027-01-11"},
		[]any{data["tenant_id"], data["subject_id"], data["revision"], data["organisation_ids"], data["hours"], data["date_on"]})
}

func compile(t *testing.T, typ *fact.Type) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(typ.Schema()))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	require.NoError(t, c.AddResource(typ.Name, doc))
	s, err := c.Compile(typ.Name)
	require.NoError(t, err)
	return s
}

func TestData_TellsARecipientItsOwnExternalIDsAlone(t *testing.T) {
	t.Parallel()
	mine, theirs := id.NewOrganisation(), id.NewOrganisation()
	external, err := json.Marshal([]fact.ExternalID{
		{OrganisationID: &mine, System: "sdworx", Value: "1001"}, {OrganisationID: &theirs, System: "sdworx", Value: "1002"},
		{System: "crm", Value: "1003"}, {OrganisationID: &mine, System: "ad", Value: "sam@example.org"}, {OrganisationID: &theirs, System: "ad", Value: "noor@example.org"},
	})
	require.NoError(t, err)
	told := func(stored string, to *id.OrganisationID) string {
		got, err := fact.Data([]byte(stored), external, to)
		require.NoError(t, err)
		return string(got)
	}
	require.JSONEq(t, `{"a": 1, "external_ids": [{"system": "sdworx", "value": "1001"}]}`, told(`{"a": 1}`, &mine))
	require.JSONEq(t, `{"a": 1, "external_ids": [{"system": "sdworx", "value": "1002"}]}`, told(" {\"a\": 1}\n", &theirs))
	require.JSONEq(t, `{"a": 1, "external_ids": [{"system": "sdworx", "value": "1001"}, {"system": "sdworx", "value": "1002"}, {"system": "crm", "value": "1003"}]}`, told(`{"a": 1}`, nil))
	nobody := id.NewOrganisation()
	require.JSONEq(t, `{"a": 1, "external_ids": []}`, told(`{"a": 1}`, &nobody))
	require.NotContains(t, told(`{"a": 1}`, nil), "organisation_id", "whose an id is, is not told")
	_, err = fact.Data([]byte(`{}`), []byte(`no list`), nil)
	require.Error(t, err)
	// The stored bytes are shared by many recipients.
	stored := append(make([]byte, 0, 500), `{"a": 1}`...)
	_, err = fact.Data(stored, external, nil)
	require.NoError(t, err)
	require.Equal(t, `{"a": 1}`, string(stored))
}

func TestDefine_RefusesFreeTextAndASecondMeaning(t *testing.T) {
	t.Parallel()
	for what, example := range map[string]any{
		"a name": struct {
			Name string `json:"name"`
		}{},
		"a pointer": struct {
			Name *string `json:"name"`
		}{},
		"a list": struct {
			Names []string `json:"names"`
		}{},
		"any": struct {
			X any `json:"x"`
		}{},
		"a map": struct {
			X map[string]string `json:"x"`
		}{},
		"raw JSON": struct {
			X json.RawMessage `json:"x"`
		}{},
		"bytes": struct {
			X []byte `json:"x"`
		}{},
		"inside": struct {
			In struct {
				Reason string `json:"reason"`
			} `json:"in"`
		}{},
		"inside list": struct {
			In []struct {
				Reason string `json:"reason"`
			} `json:"in"`
		}{},
		"an address": struct {
			Mail string `json:"mail" format:"email"`
		}{},
		"no name":   struct{ N int }{},
		"no struct": "text",
		"a number": struct {
			N float64 `json:"n"`
		}{},
	} {
		require.Panics(t, func() { fact.Define("organisation.planted", "x", example) }, what)
	}
	require.Panics(t, func() { fact.Define("organisation.noted", "x", fact.None{}) })
	for _, typ := range fact.Types() {
		require.NotEqual(t, "organisation.planted", typ.Name)
		require.NotEmpty(t, typ.Doc, typ.Name)
		require.Regexp(t, `^[a-z_]+\.[a-z_]+$`, typ.Name)
	}
	require.Equal(t, "organisation", organisationNoted.Noun())
}

func TestPattern_ReadsWhatACallerAsksFor(t *testing.T) {
	t.Parallel()
	for asked, want := range map[string][3]any{
		"*":                  {"%", "", true},
		"organisation.*":     {"organisation.%", "organisation", true},
		"organisation.noted": {"organisation.noted", "organisation", true},
		"organisation.nope":  {"organisation.nope", "organisation", false},
		"organ.*":            {"organ.%", "organ", false},
		"organisation":       {"organisation.", "organisation", false},
		"%":                  {"%.", "%", false},
		"organisation.%":     {"organisation.%", "organisation", false},
		"web_hook.a_b":       {`web\_hook.a\_b`, "web_hook", false},
	} {
		like, noun, known := fact.Pattern(asked)
		require.Equal(t, want, [3]any{like, noun, known}, asked)
	}
}

func TestReadable_IsWhatTheHolderMayRead(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"kennismakingsgesprek", "leeruitwisseling"}, fact.Readable([]auth.Permission{"leeruitwisseling:read", "leervraag:write"}))
	require.Contains(t, fact.Readable([]auth.Permission{"webhook:read"}), "webhook_endpoint")
	require.Empty(t, fact.Readable(nil))
}
