package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
	"github.com/switchingtalent/switchboard/internal/webhook"
)

// happened is a type of fact for these tests, about a noun that all of them may read.
var happened = fact.Define("organisation.probed", "Something happened in a test.", fact.None{})

// receiver is somebody's server on the loopback.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	header http.Header
	got    []received
}

type received struct {
	Header http.Header
	Body   []byte
	Type   string
	Data   struct {
		SubjectID   string                           `json:"subject_id"`
		ExternalIDs []struct{ System, Value string } `json:"external_ids"`
	}
}

func receive(t *testing.T) *receiver {
	r := &receiver{status: http.StatusNoContent}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		x := received{Header: q.Header, Body: body}
		if err != nil || json.Unmarshal(body, &x) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got = append(r.got, x)
		for k, v := range r.header {
			w.Header()[k] = v
		}
		w.WriteHeader(r.status)
		if r.status != http.StatusNoContent {
			_, _ = io.WriteString(w, "no thanks")
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// answer sets what it says from now on.
func (r *receiver) answer(status int, header ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status, r.header = status, http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		r.header.Set(header[i], header[i+1])
	}
}

// all is what it got, without test events.
func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []received
	for _, x := range r.got {
		if x.Type != webhook.Tested.Name {
			out = append(out, x)
		}
	}
	return out
}

func (r *receiver) subjects() []string {
	out := []string{}
	for _, x := range r.all() {
		out = append(out, x.Data.SubjectID)
	}
	return out
}

// post is a house with a deliverer of its own.
type post struct {
	*testkit.World
	t *testing.T
	d *webhook.Deliverer
}

func open(t *testing.T) post {
	h := testkit.Apart(t, nil)
	return post{h.Tenant(t), t, webhook.NewDeliverer(h.App.Webhooks, webhook.Options{Log: slog.New(slog.NewJSONHandler(h.Log, nil))})}
}

// later moves the clock, and renews the tokens that expire meanwhile. The database has a clock of its own, which nobody
// moves: what it compares with it is moved back instead.
func (p post) later(d time.Duration, callers ...*testkit.Caller) {
	p.t.Helper()
	p.Clock.Advance(d)
	_, err := p.Super.Exec(context.Background(), fmt.Sprintf(`create or replace function platform.clock() returns timestamptz language sql stable parallel safe
		as $$ select clock_timestamp() + interval '%d milliseconds' $$`, time.Until(p.Clock.Now()).Milliseconds()))
	require.NoError(p.t, err)
	for _, q := range []string{`update platform.delivery_queue set due_at = due_at - $1::interval, leased_until = leased_until - $1::interval`,
		`update platform.delivery_lanes set refilled_at = refilled_at - $1::interval`,
		`update webhook_endpoints set failing_since = failing_since - $1::interval where failing_since is not null`} {
		_, err := p.Super.Exec(context.Background(), q, d)
		require.NoError(p.t, err)
	}
	for _, c := range callers {
		var err error
		c.Token, err = p.App.Tokens.Sign(c.Principal, p.Clock.Now())
		require.NoError(p.t, err)
	}
}

// deliver works until nothing is due.
func (p post) deliver() int {
	p.t.Helper()
	n, err := p.d.Drain(context.Background())
	require.NoError(p.t, err)
	return n
}

// endpoint adds one, for all types.
func (p post) endpoint(c *testkit.Caller, r *receiver, types ...string) (path, secret string) {
	p.t.Helper()
	if len(types) == 0 {
		types = []string{"*"}
	}
	a := c.Post(endpoints, object{"url": r.URL + "/hook?token=CANARY-PATH", "event_types": types}).Is(201)
	return endpoints + "/" + a.Str("id"), a.Str("secret")
}

// record makes a fact true about an organisation, and returns its id.
func (p post) record(orgs ...id.OrganisationID) string {
	p.t.Helper()
	subject := id.NewOrganisation()
	p.Do(func(tx *db.Tx) error {
		return happened.Record(tx, fact.Event{Subject: subject, Revision: 1, Organisations: orgs})
	})
	return subject.String()
}

// newest is the id of the latest delivery that a caller sees.
func newest(c *testkit.Caller) string {
	return c.Get("/v1/webhook-deliveries?sort=-created_at&limit=1").Is(200).Str("data.0.id")
}

// sent has an endpoint for organisation.* that is active, and one fact on its way there, answered with a status; it returns the id of
// the delivery.
func (p post) sent(c *testkit.Caller, r *receiver, status int) string {
	p.t.Helper()
	p.endpoint(c, r, "organisation.*")
	p.deliver()
	r.answer(status)
	p.record()
	p.deliver()
	return newest(c)
}

// verify checks the signatures by hand, and returns how many there are.
func verify(t *testing.T, x received, secrets ...string) int {
	t.Helper()
	stamp, err := strconv.ParseInt(x.Header.Get("webhook-timestamp"), 10, 64)
	require.NoError(t, err)
	require.InDelta(t, time.Now().Unix(), stamp, 60, "by the clock of the database, which nobody moved")
	var want []string
	for _, s := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s, "whsec_"))
		require.NoError(t, err)
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%d.%s", x.Header.Get("webhook-id"), stamp, x.Body)
		want = append(want, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	got, asymmetric, _ := strings.Cut(x.Header.Get("webhook-signature"), " v1a,")
	require.Equal(t, strings.Join(want, " "), got)
	require.Equal(t, len(want), 1+strings.Count(asymmetric, " v1a,"), "one of each key too")
	return len(want)
}

func TestDelivery_IsSignedAndIsTheFactOfTheFeed(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	path, secret := p.endpoint(c, r)
	require.Equal(t, "pending", c.Get(path).Str("status"))
	require.Equal(t, 1, p.deliver())
	require.Equal(t, "active", c.Get(path).Is(200).Str("status"))
	subject := p.record()
	require.Equal(t, 1, p.deliver())

	require.Len(t, r.got, 2)
	test, x := r.got[0], r.got[1]
	require.Equal(t, "webhook_endpoint.tested", test.Type)
	verify(t, test, secret)
	verify(t, x, secret)
	require.Equal(t, "application/json", x.Header.Get("Content-Type"))
	require.Equal(t, "Switchboard-Webhooks/1", x.Header.Get("User-Agent"))
	require.Equal(t, subject, x.Data.SubjectID)
	fed := c.Get("/v1/events/" + x.Header.Get("webhook-id")).Is(200)
	require.JSONEq(t, fmt.Sprintf(`{"type":%q,"timestamp":%q,"data":%s}`, fed.Str("type"), fed.Str("timestamp"), member(t, fed, "data")), string(x.Body))

	d := c.Get("/v1/webhook-deliveries?status=delivered&sort=-created_at").Is(200)
	require.Equal(t, 2, d.Len("data"))
	one := c.Get("/v1/webhook-deliveries/" + d.Str("data.0.id")).Is(200)
	require.Equal(t, x.Header.Get("webhook-id"), one.Str("event_id"))
	require.Equal(t, float64(1), one.Num("attempt_count"))
	require.Equal(t, float64(204), one.Num("attempts.0.status"))
	require.Equal(t, "delivered", one.Str("attempts.0.outcome"))
	require.Contains(t, p.Log.String(), `"msg":"delivery"`)
	require.NotContains(t, p.Log.String(), "CANARY-PATH")
	require.NotContains(t, p.Log.String(), secret)
}

func member(t *testing.T, a *testkit.Answer, name string) string {
	t.Helper()
	b, err := json.Marshal(a.At(name))
	require.NoError(t, err)
	return string(b)
}

func TestDelivery_WaitsWhileTheEndpointIsPending(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	r.answer(500)
	path, _ := p.endpoint(c, r)
	subject := p.record()
	require.Equal(t, 1, p.deliver(), "the test alone")
	require.Empty(t, r.all())
	r.answer(200)
	c.Post(path+"/test", nil).Is(200)
	require.Equal(t, 1, c.Get("/v1/webhook-deliveries?status=waiting&limit=1").Len("data"))
	p.deliver()
	require.Equal(t, []string{subject}, r.subjects())
	require.Equal(t, "active", c.Get(path).Str("status"))

	// Another address has to prove itself too; the old one gets nothing more.
	elsewhere := receive(t)
	elsewhere.answer(404)
	require.Equal(t, "pending", c.Patch(path, object{"url": elsewhere.URL}).Is(200).Str("status"))
	second := p.record()
	p.deliver()
	require.Empty(t, elsewhere.all())
	require.Equal(t, []string{subject}, r.subjects())
	elsewhere.answer(202)
	c.Post(path+"/test", nil).Is(200)
	p.deliver()
	require.Equal(t, []string{second}, elsewhere.subjects())
}

func TestDelivery_OfAFactThatCommitsJustAfterItsEndpointBecameActive(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	path, _ := p.endpoint(p.Coordinator(), r)
	subject := id.NewOrganisation()
	p.Do(func(tx *db.Tx) error {
		if err := errors.Join(happened.Record(tx, fact.Event{Subject: subject, Revision: 1}), testkit.Sent(tx)); err != nil {
			return err
		}
		_, err := p.d.Drain(context.Background()) // meanwhile
		return err
	})
	require.Equal(t, "active", p.Coordinator().Get(path).Str("status"))
	p.deliver()
	require.Equal(t, []string{subject.String()}, r.subjects())
}

func TestDelivery_DoesNotOutliveARollback(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	p.endpoint(p.Coordinator(), r)
	p.deliver()
	count := func() int {
		return p.Count(`select (select count(*) from events) + (select count(*) from webhook_deliveries) + (select count(*) from platform.delivery_queue)`)
	}
	before := count()
	undo := errors.New("never mind")
	err := p.App.DB.InTenant(context.Background(), p.Who(), func(tx *db.Tx) error {
		return errors.Join(happened.Record(tx, fact.Event{Subject: id.NewOrganisation(), Revision: 1}), testkit.Sent(tx), undo)
	})
	require.ErrorIs(t, err, undo)
	require.Equal(t, before, count())
	require.Zero(t, p.deliver())
}

func TestDelivery_ReachesAReceiverThatWasDownForAnHour(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	path, secret := p.endpoint(c, r)
	p.deliver()
	r.answer(503)
	subject := p.record()
	require.Equal(t, 1, p.deliver())
	require.Zero(t, p.deliver(), "not before its time")
	for up := p.Clock.Now().Add(time.Hour); p.Clock.Now().Before(up); p.later(time.Minute, c) {
		p.deliver()
	}
	failedTries := len(r.all())
	require.Equal(t, 4, failedTries, "at once, after 5 s, 5 min and 30 min")
	require.NotNil(t, c.Get(path).At("failing_since"))
	r.answer(200)
	p.later(3*time.Hour, c)
	require.Equal(t, 1, p.deliver())
	all := r.all()
	require.Len(t, all, failedTries+1)
	last := all[failedTries]
	require.Equal(t, subject, last.Data.SubjectID)
	verify(t, last, secret)
	for _, x := range all {
		require.Equal(t, last.Header.Get("webhook-id"), x.Header.Get("webhook-id"))
		require.Equal(t, last.Body, x.Body)
	}
	require.Nil(t, c.Get(path).At("failing_since"))
	d := newest(c)
	detail := c.Get("/v1/webhook-deliveries/" + d).Is(200)
	require.Equal(t, "delivered", detail.Str("status"))
	require.Equal(t, 5, detail.Len("attempts"))
	require.Equal(t, "refused", detail.Str("attempts.0.outcome"))
	require.Equal(t, "no thanks", detail.Str("attempts.0.answer"))
	require.Zero(t, p.deliver())
}

func TestDelivery_GivesUpAfterTenTriesAndCanBeSentAgain(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	p.endpoint(c, r, "organisation.*")
	p.deliver()
	r.Close()
	p.record()
	tries := 0
	for range 30 {
		tries += p.deliver()
		p.later(4*time.Hour, c)
	}
	require.Equal(t, 10, tries)
	d := c.Get("/v1/webhook-deliveries?status=failed").Is(200)
	require.Equal(t, 1, d.Len("data"))
	require.Nil(t, d.At("data.0.next_attempt_at"))
	detail := c.Get("/v1/webhook-deliveries/" + d.Str("data.0.id")).Is(200)
	require.Equal(t, "unreachable", detail.Str("attempts.9.outcome"))
	require.Nil(t, detail.At("attempts.9.answer"))
	require.Equal(t, 10, strings.Count(p.Log.String(), `"outcome":"unreachable"`))
	c.Post("/v1/webhook-deliveries/"+d.Str("data.0.id")+"/resend", nil).Is(200)
	require.Equal(t, 1, p.deliver())
	require.Equal(t, float64(11), c.Get("/v1/webhook-deliveries/"+d.Str("data.0.id")).Num("attempt_count"))
	require.Equal(t, "waiting", c.Get("/v1/webhook-deliveries/"+d.Str("data.0.id")).Str("status"), "the schedule began anew")
	require.Equal(t, 1, p.Count(`select count(*) from platform.delivery_queue where due_at between now() + interval '3 seconds' and now() + interval '6 seconds'`))
}

func TestDelivery_IsSentAgainUnderTheSameID(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	d := p.sent(c, r, http.StatusNoContent)
	for range 2 { // twice is once while it waits
		require.Equal(t, "waiting", c.Post("/v1/webhook-deliveries/"+d+"/resend", nil).Is(200).Str("status"))
	}
	require.Equal(t, 1, p.deliver())
	all := r.all()
	require.Len(t, all, 2)
	require.Equal(t, all[0].Header.Get("webhook-id"), all[1].Header.Get("webhook-id"))
	require.Equal(t, all[0].Body, all[1].Body)
	require.Equal(t, "delivered", c.Get("/v1/webhook-deliveries/"+d).Str("status"))
}

func TestDelivery_HonoursRetryAfter(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	p.endpoint(c, r)
	p.deliver()
	r.answer(429, "Retry-After", "3600")
	p.record()
	p.deliver()
	p.later(59*time.Minute, c)
	require.Zero(t, p.deliver())
	r.answer(200)
	p.later(2*time.Minute, c)
	require.Equal(t, 1, p.deliver())
}

func TestDelivery_FollowsNoRedirect(t *testing.T) {
	t.Parallel()
	p, r, inside := open(t), receive(t), receive(t)
	c := p.Coordinator()
	p.endpoint(c, r)
	p.deliver()
	r.answer(307, "Location", inside.URL)
	p.record()
	p.deliver()
	require.Len(t, r.all(), 1)
	require.Empty(t, inside.got)
	require.Equal(t, 1, c.Get("/v1/webhook-deliveries?status=waiting").Len("data"))
}

func TestDeliverer_GoesOnWithWhatAKilledOneHad(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	p.endpoint(p.Coordinator(), r)
	p.deliver()
	subject := p.record()
	other := p.Again(t)
	killed := webhook.NewDeliverer(other.App.Webhooks, webhook.Options{})
	took, err := killed.Freeze(context.Background())
	require.NoError(t, err)
	require.Len(t, took.Deliveries, 1)
	require.Zero(t, p.deliver(), "it is the other's")
	require.LessOrEqual(t, webhook.Lease, 9*time.Second)
	p.later(webhook.Lease)
	require.Equal(t, 1, p.deliver())
	require.Equal(t, []string{subject}, r.subjects())
}

func TestDeliverer_GoesByTheClockOfTheDatabase(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	path, secret := p.endpoint(p.Coordinator(), r)
	p.deliver()
	for i, off := range []time.Duration{10 * time.Minute, -20 * time.Minute} { // ours is ten minutes ahead, then behind
		p.Clock.Advance(off)
		subject := p.record()
		other := webhook.NewDeliverer(p.App.Webhooks, webhook.Options{})
		took, err := other.Freeze(context.Background())
		require.NoError(t, err)
		require.Len(t, took.Deliveries, 1, "due at once")
		require.Zero(t, p.deliver(), "a lease lives as long as it lives")
		took.Wake()
		require.Equal(t, subject, r.subjects()[i])
		verify(t, r.all()[i], secret)
	}
	r.answer(500)
	p.record()
	p.deliver()
	require.Equal(t, 1, p.Count(`select count(*) from webhook_deliveries where status = 'waiting' and next_attempt_at between now() and now() + interval '10 seconds'`))
	require.Equal(t, 1, p.Count(`select count(*) from webhook_endpoints where id = $1 and abs(extract(epoch from now() - failing_since)) < 60`, parseEndpoint(t, path[len(endpoints)+1:]).UUID()))
}

func TestDeliverer_ThatWakesUpLateChangesNothing(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	p.endpoint(c, r, "organisation.*")
	p.deliver()
	p.record()
	frozen := webhook.NewDeliverer(p.App.Webhooks, webhook.Options{})
	took, err := frozen.Freeze(context.Background())
	require.NoError(t, err)
	p.later(webhook.Lease)
	p.deliver()
	path := "/v1/webhook-deliveries/" + took.Deliveries[0].String()
	before := c.Get(path).Is(200)
	require.Equal(t, "delivered", before.Str("status"))
	r.answer(500)
	took.Wake()
	after := c.Get(path).Is(200)
	require.Equal(t, "delivered", after.Str("status"))
	require.Equal(t, before.At("delivered_at"), after.At("delivered_at"))
	require.Equal(t, float64(1), after.Num("attempt_count"))
	require.Zero(t, p.Count(`select count(*) from platform.delivery_queue`))
	require.Nil(t, c.Get(endpoints).At("data.0.failing_since"))
}

func TestDeliverer_KeepsWhatItHasForAsLongAsItLives(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	p.endpoint(p.Coordinator(), r)
	p.deliver()
	p.record()
	busy := webhook.NewDeliverer(p.App.Webhooks, webhook.Options{})
	_, err := busy.Freeze(context.Background())
	require.NoError(t, err)
	for range 3 {
		p.later(webhook.Lease - time.Second)
		require.NoError(t, busy.Beat(context.Background()))
		require.Zero(t, p.deliver())
	}
	p.later(webhook.Lease)
	took, err := p.d.Freeze(context.Background())
	require.NoError(t, err)
	require.Len(t, took.Deliveries, 1)
	due := func() (at time.Time) {
		require.NoError(t, p.Super.QueryRow(context.Background(), `select leased_until from platform.delivery_queue`).Scan(&at))
		return at
	}
	before := due()
	p.later(time.Second)
	require.NoError(t, busy.Beat(context.Background()))
	require.Equal(t, before.Add(-time.Second), due(), "it is not its own any more")
	took.Wake()
	require.Len(t, r.all(), 1)
}

func TestDeliverer_ThatWakesUpInTheMiddleOfATryAddsItAndChangesNothing(t *testing.T) {
	t.Parallel()
	p, r := open(t), hold(t, 500)
	c := p.Coordinator()
	c.Post(endpoints, object{"url": r.URL, "event_types": []string{"organisation.*"}}).Is(201)
	p.deliver()
	p.record()
	frozen := make(chan error, 1)
	go func() {
		_, err := webhook.NewDeliverer(p.App.Webhooks, webhook.Options{}).Drain(context.Background())
		frozen <- err
	}()
	late := <-r.entered
	p.later(webhook.Lease, c) // it shows no life
	other := make(chan error, 1)
	go func() { _, err := p.d.Drain(context.Background()); other <- err }()
	(<-r.entered)()
	require.NoError(t, <-other)
	path := "/v1/webhook-deliveries/" + newest(c)
	before := c.Get(path).Is(200)
	require.Equal(t, 1, before.Len("attempts"))
	p.Clock.Advance(time.Second)
	late()
	require.NoError(t, <-frozen)
	after := c.Get(path).Is(200)
	require.Equal(t, 2, after.Len("attempts"))
	require.Equal(t, float64(1), after.Num("attempt_count"))
	require.Equal(t, before.At("next_attempt_at"), after.At("next_attempt_at"))
	require.Equal(t, 1, p.Count(`select count(*) from platform.delivery_queue where lease is null`))
}

func TestEndpoint_ThatMovedIsNotVerifiedByItsOldAddress(t *testing.T) {
	t.Parallel()
	p, old, elsewhere := open(t), hold(t, 200), receive(t)
	old.tested["/"] = true
	c := p.Coordinator()
	path := c.Post(endpoints, object{"url": old.URL + "/", "event_types": []string{"organisation.*"}}).Is(201).Header.Get("Location")
	trying := make(chan error, 1)
	go func() { _, err := p.d.Drain(context.Background()); trying <- err }()
	<-old.entered
	elsewhere.answer(500)
	c.Patch(path, object{"url": elsewhere.URL}).Is(200)
	close(old.through)
	require.NoError(t, <-trying)
	require.Equal(t, "pending", c.Get(path).Str("status"))
	elsewhere.answer(200)
	p.later(time.Hour, c)
	p.deliver()
	require.Equal(t, "active", c.Get(path).Str("status"), "it got a test of its own")
}

func TestDelivery_TellsAnEmployerOnlyWhatConcernsItAndItsOwnExternalIDs(t *testing.T) {
	t.Parallel()
	p := open(t)
	a, b := p.Organisation("Apotheek Zonneveld"), p.Organisation("Woonzorgcentrum De Linde")
	ra, rb, partner := receive(t), receive(t), receive(t)
	p.endpoint(p.Employer(a), ra)
	p.endpoint(p.Employer(b), rb)
	p.endpoint(p.Coordinator(), partner)
	p.deliver()
	external := []fact.ExternalID{{OrganisationID: &a, System: "sdworx", Value: "A-1001"}, {OrganisationID: &b, System: "sdworx", Value: "B-1001"},
		{OrganisationID: &a, System: "mail", Value: "someone@a.example"}}
	both, onlyB := id.NewOrganisation(), id.NewOrganisation()
	p.Do(func(tx *db.Tx) error {
		return errors.Join(
			happened.Record(tx, fact.Event{Subject: both, Revision: 1, Organisations: []id.OrganisationID{a, b}, ExternalIDs: external}),
			happened.Record(tx, fact.Event{Subject: onlyB, Revision: 1, Organisations: []id.OrganisationID{b}, ExternalIDs: external}))
	})
	none := p.record()
	require.Equal(t, 6, p.Count(`select count(*) from webhook_deliveries where type = 'organisation.probed'`), "fan-out leaves out whom it does not concern")
	p.deliver()
	require.Equal(t, []string{both.String()}, ra.subjects())
	require.ElementsMatch(t, []string{both.String(), onlyB.String()}, rb.subjects())
	require.ElementsMatch(t, []string{both.String(), onlyB.String(), none}, partner.subjects())
	values := func(x received) (out []string) {
		for _, e := range x.Data.ExternalIDs {
			out = append(out, e.Value)
		}
		return out
	}
	require.Equal(t, []string{"A-1001"}, values(ra.all()[0]))
	for _, x := range rb.all() {
		require.Equal(t, []string{"B-1001"}, values(x))
	}
	require.NotContains(t, string(ra.all()[0].Body), "B-1001")
	for _, x := range partner.all() {
		require.NotContains(t, string(x.Body), "someone@")
	}
}

func TestDelivery_StopsAtTenants(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	p.endpoint(p.Coordinator(), r)
	neighbour := post{p.House.Tenant(t), t, p.d}
	theirs := receive(t)
	neighbour.endpoint(neighbour.Coordinator(), theirs)
	p.deliver()
	subject := neighbour.record()
	p.deliver()
	require.Empty(t, r.all())
	require.Equal(t, []string{subject}, theirs.subjects())
}

func TestEndpoint_ThatIsGoneIsDisabledUntilSomebodyEnablesIt(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	path, _ := p.endpoint(c, r, "organisation.*")
	watch := receive(t)
	p.endpoint(c, watch, "webhook_endpoint.*")
	p.deliver()
	r.answer(410)
	subject := p.record()
	p.deliver()
	e := c.Get(path).Is(200)
	require.Equal(t, "disabled", e.Str("status"))
	require.Equal(t, "gone", e.Str("disabled_reason"))
	require.Equal(t, []string{"webhook_endpoint.disabled"}, types(watch))
	require.Contains(t, string(watch.all()[0].Body), `"reason":"gone"`)
	c.Post(path+"/test", nil).Problem(409, "webhook-endpoint-disabled")
	d := c.Get("/v1/webhook-deliveries?status=waiting").Is(200)
	c.Post("/v1/webhook-deliveries/"+d.Str("data.0.id")+"/resend", nil).Problem(409, "webhook-endpoint-disabled")
	p.later(time.Hour, c)
	require.Zero(t, p.deliver(), "what waits, waits")

	r.answer(200)
	require.Equal(t, "pending", c.Post(path+"/enable", nil).Is(200).Str("status"))
	p.deliver()
	require.Equal(t, "active", c.Get(path).Str("status"))
	require.Equal(t, subject, r.all()[len(r.all())-1].Data.SubjectID)
	again := c.Post(path+"/enable", nil).Is(200)
	require.Equal(t, "active", again.Str("status"))
	require.Nil(t, again.At("disabled_at"))
}

func types(r *receiver) []string {
	out := []string{}
	for _, x := range r.all() {
		out = append(out, x.Type)
	}
	return out
}

func TestEndpoint_ThatOnlyFailsIsDisabledAfterFiveDaysAndTwoWarnings(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	path, _ := p.endpoint(c, r, "organisation.*")
	watch := receive(t)
	p.endpoint(c, watch, "webhook_endpoint.failing", "webhook_endpoint.disabled")
	p.deliver()
	r.answer(500)
	fail := func() { p.record(); p.deliver() }
	fail()
	require.NotNil(t, c.Get(path).At("failing_since"))
	revision := c.Get(path).Num("revision")
	p.later(59*time.Hour, c)
	fail()
	require.Empty(t, watch.all())
	require.Equal(t, revision, c.Get(path).Num("revision"))
	p.later(2*time.Hour, c) // 61 h: beyond half
	fail()
	fail()
	require.Equal(t, []string{"webhook_endpoint.failing"}, types(watch))
	p.later(30*time.Hour, c) // 91 h: beyond three quarters
	fail()
	fail()
	require.Equal(t, []string{"webhook_endpoint.failing", "webhook_endpoint.failing"}, types(watch))
	p.later(28*time.Hour, c) // 119 h
	fail()
	require.Equal(t, "active", c.Get(path).Str("status"))
	p.later(2*time.Hour, c) // 121 h
	fail()
	e := c.Get(path).Is(200)
	require.Equal(t, "disabled", e.Str("status"))
	require.Equal(t, "failing", e.Str("disabled_reason"))
	require.Equal(t, []string{"webhook_endpoint.failing", "webhook_endpoint.failing", "webhook_endpoint.disabled"}, types(watch))
	sent := len(r.all())
	fail()
	require.Len(t, r.all(), sent, "nothing more goes there")

	// One success starts the count anew.
	r.answer(200)
	c.Post(path+"/enable", nil).Is(200)
	p.deliver()
	require.Equal(t, "active", c.Get(path).Str("status"))
	require.Nil(t, c.Get(path).At("failing_since"))
	r.answer(500)
	fail()
	p.later(100*time.Hour, c)
	r.answer(200)
	fail()
	r.answer(500)
	p.later(30*time.Hour, c)
	fail()
	require.Equal(t, "active", c.Get(path).Str("status"))
}

func TestEndpoint_PausesWhenItsOwnerIsRevoked(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c, owner := p.Coordinator(), p.Coordinator()
	path, _ := p.endpoint(owner, r, "organisation.*")
	p.deliver()
	_, err := p.Super.Exec(context.Background(), `update clients set revoked_at = now() where id = $1`, owner.Principal.ClientID.UUID())
	require.NoError(t, err)
	subject := p.record()
	p.deliver()
	require.Empty(t, r.all())
	require.Equal(t, "owner_revoked", c.Get(path).Str("disabled_reason"))
	taken := c.Post(path+"/enable", nil).Is(200)
	require.Equal(t, c.Principal.ClientID.String(), taken.Str("client_id"))
	p.deliver()
	p.later(time.Second, c) // it was given back for a moment
	p.deliver()
	require.Equal(t, []string{subject}, r.subjects())

	p.Do(func(tx *db.Tx) error {
		return p.App.Webhooks.OwnerRevoked(context.Background(), tx, c.Principal.ClientID)
	})
	require.Equal(t, "disabled", c.Get(path).Str("status"))
}

func TestDelivery_IsCancelledWhenTheOwnerMayNoLongerReadTheFact(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	owner := p.Client(auth.Integration, nil, nil, "webhook:write", "organisation:read", "tenant:read")
	p.endpoint(owner, r)
	p.deliver()
	_, err := p.Super.Exec(context.Background(), `update clients set scopes = '{webhook:write,tenant:read}' where id = $1`, owner.Principal.ClientID.UUID())
	require.NoError(t, err)
	p.record()
	p.deliver()
	require.Empty(t, r.all())
	require.Equal(t, 1, c.Get("/v1/webhook-deliveries?status=cancelled").Len("data"))
	require.Zero(t, p.Count(`select count(*) from platform.delivery_queue`))
}

func TestEndpoint_SignsWithBothSecretsWhileTheyRotate(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	path, first := p.endpoint(c, r)
	p.deliver()
	rotated := c.Post(path+"/rotate-secret", nil).Is(200)
	require.Equal(t, "no-store", rotated.Header.Get("Cache-Control"))
	second := rotated.Str("secret")
	last := func() received { p.record(); p.deliver(); all := r.all(); return all[len(all)-1] }
	require.Equal(t, 2, verify(t, last(), second, first))
	c.Post(path+"/rotate-secret", nil).Problem(409, "webhook-secret-overlap")
	require.Equal(t, 2, verify(t, last(), second, first), "as was promised")
	p.later(25*time.Hour, c)
	third := c.Post(path+"/rotate-secret", object{"overlap_hours": 168}).Is(200).Str("secret")
	require.Equal(t, 2, verify(t, last(), third, second))
	p.later(167*time.Hour, c)
	require.Equal(t, 2, verify(t, last(), third, second))
	p.later(2*time.Hour, c)
	require.Equal(t, 1, verify(t, last(), third))
	fourth := c.Post(path+"/rotate-secret", object{"overlap_hours": 0}).Is(200).Str("secret")
	require.Equal(t, 1, verify(t, last(), fourth))
	c.Post(path+"/rotate-secret", object{"overlap_hours": 169}).Problem(422, "invalid", "/overlap_hours")
	c.Post(path+"/rotate-secret", object{"overlap_hours": -1}).Problem(422, "invalid", "/overlap_hours")
	fifth := c.Post(path+"/rotate-secret", object{"overlap_hours": nil}).Is(200).Str("secret")
	require.Equal(t, 2, verify(t, last(), fifth, fourth))
	sixth := c.Post(path+"/rotate-secret", object{"overlap_hours": 0}).Is(200).Str("secret")
	require.Equal(t, 1, verify(t, last(), sixth), "none of the earlier ones, whatever was promised")
}

func TestEndpoint_TestIsNotMultiplied(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	r.answer(500)
	path, _ := p.endpoint(c, r)
	first := c.Post(path+"/test", nil).Is(200).Str("id")
	p.deliver()
	require.Equal(t, first, c.Post(path+"/test", nil).Is(200).Str("id"))
	require.Equal(t, 1, p.deliver())
	r.answer(200)
	p.later(time.Hour, c)
	p.deliver()
	require.NotEqual(t, first, c.Post(path+"/test", nil).Is(200).Str("id"))
}

// gate is a server that holds each request back until it is let through, after the first one to each path.
type gate struct {
	*httptest.Server
	entered chan func()   // as requests come in: what lets each through
	through chan struct{} // closed: all are

	mu      sync.Mutex
	tested  map[string]bool
	inside  map[string]int
	crowded int // the most that were ever inside for one path
}

func hold(t *testing.T, status int) *gate {
	g := &gate{entered: make(chan func(), 1000), through: make(chan struct{}), tested: map[string]bool{}, inside: map[string]int{}}
	enter := func(path string, n int) bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		if !g.tested[path] {
			g.tested[path] = true
			return false
		}
		g.inside[path] += n
		g.crowded = max(g.crowded, g.inside[path])
		return true
	}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body)
		if !enter(q.URL.Path, 1) {
			return
		}
		defer enter(q.URL.Path, -1)
		answer := make(chan struct{})
		g.entered <- func() { close(answer) }
		select {
		case <-answer:
		case <-g.through:
		case <-q.Context().Done():
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(g.Close)
	return g
}

func TestDeliverer_SlowReceiversDelayNobodyElse(t *testing.T) {
	t.Parallel()
	p, quick, hanging := open(t), receive(t), hold(t, 200)
	c := p.Coordinator()
	for i := range 2 {
		c.Post(endpoints, object{"url": fmt.Sprintf("%s/%d", hanging.URL, i), "event_types": []string{"organisation.*"}}).Is(201)
	}
	p.endpoint(c, quick, "organisation.*")
	p.deliver()
	subjects := []string{}
	for range 40 {
		subjects = append(subjects, p.record())
	}
	var tries atomic.Int32
	d := webhook.NewDeliverer(p.App.Webhooks, webhook.Options{Concurrency: 10, Observe: func(x webhook.Tried) {
		if x.First && x.Outcome == "delivered" && x.Lag > 0 {
			tries.Add(1)
		}
	}})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); d.Run(ctx) }()
	<-hanging.entered
	require.Eventually(t, func() bool { return len(quick.all()) == 40 }, time.Minute, 10*time.Millisecond)
	require.ElementsMatch(t, subjects, quick.subjects())
	close(hanging.through) // only now
	stop()
	<-ended
	require.GreaterOrEqual(t, tries.Load(), int32(40), "each first try is told of")
	require.LessOrEqual(t, hanging.crowded, 2, "an endpoint that never answered gets two places of ten")
	require.Zero(t, p.Count(`select count(*) from platform.delivery_queue where lease is not null`), "what was under way was finished")
}

// What a tenant has in one lane is let go as soon as it is written, however much of its other lanes is still to be.
func TestDeliverer_NoTryIsHeldUpByThoseThatComeAfterIt(t *testing.T) {
	t.Parallel()
	p, early, late := open(t), hold(t, 200), hold(t, 200)
	c := p.Coordinator()
	path := map[*gate]string{}
	for _, g := range []*gate{early, late} {
		path[g] = c.Post(endpoints, object{"url": g.URL, "event_types": []string{"organisation.*"}}).Is(201).Str("id")
	}
	p.deliver()
	p.record()
	told := make(chan bool, 2)
	var d *webhook.Deliverer
	d = webhook.NewDeliverer(p.App.Webhooks, webhook.Options{Observe: func(webhook.Tried) {
		writing, _ := d.Writing(p.Tenant)
		told <- writing
	}})
	running(t, d)
	answerEarly, answerLate := <-early.entered, <-late.entered
	// Neither can be written before we say so.
	lock := func(g *gate) (release func()) {
		var e id.EndpointID
		require.NoError(t, e.UnmarshalText([]byte(path[g])))
		tx, err := p.Super.Begin(context.Background())
		require.NoError(t, err)
		_, err = tx.Exec(context.Background(), `select from webhook_deliveries where endpoint_id = $1 for update`, e.UUID())
		require.NoError(t, err)
		return func() { _ = tx.Rollback(context.Background()) }
	}
	releaseEarly, releaseLate := lock(early), lock(late)
	defer releaseLate()
	defer releaseEarly()
	state := func(want int) func() bool {
		return func() bool { writing, n := d.Writing(p.Tenant); return writing && n == want }
	}
	answerEarly()
	require.Eventually(t, state(0), enough, time.Millisecond, "the first is being written")
	answerLate()
	require.Eventually(t, state(1), enough, time.Millisecond, "the second has to wait for that")
	releaseEarly()
	require.True(t, <-told, "the first is done with while the second is being written")
	releaseLate()
	<-told
}

func TestDeliverer_TenantsTakeTurns(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	for range 5 {
		p.endpoint(c, r, "organisation.*")
	}
	small := post{p.House.Tenant(t), t, p.d}
	small.endpoint(small.Coordinator(), r, "organisation.*")
	p.deliver()
	for range 20 {
		p.record()
	}
	small.record() // the last in line
	took, err := webhook.NewDeliverer(p.App.Webhooks, webhook.Options{Concurrency: 8}).Freeze(context.Background())
	require.NoError(t, err)
	require.Len(t, took.Deliveries, 3, "two of the big tenant, whose endpoints this worker doesn't know yet")
	require.Contains(t, took.Tenants, small.Tenant)
}

// However many of a tenant's endpoints have always answered, a look leaves a quarter of all places to others.
func TestDeliverer_ATenantHasNoMoreThanThreeQuarters(t *testing.T) {
	t.Parallel()
	const concurrency = 8
	p, r := open(t), receive(t)
	p.d = webhook.NewDeliverer(p.App.Webhooks, webhook.Options{Concurrency: concurrency})
	c := p.Coordinator()
	for range 2 {
		p.endpoint(c, r, "organisation.*")
	}
	for range 4 { // one after the other: each has all room by then, and none is long
		p.deliver()
		p.record()
	}
	p.deliver()
	for range concurrency {
		p.record()
	}
	took, err := p.d.Freeze(context.Background())
	require.NoError(t, err)
	require.Len(t, took.Deliveries, concurrency*3/4)
}

func TestDeliverer_ATenantWhoseNewEndpointsHangLeavesPlacesForOthers(t *testing.T) {
	t.Parallel()
	p, quick, hanging := open(t), receive(t), hold(t, 200)
	c := p.Coordinator()
	for i := range 12 {
		c.Post(endpoints, object{"url": fmt.Sprintf("%s/%d", hanging.URL, i), "event_types": []string{"organisation.*"}}).Is(201)
	}
	other := post{p.House.Tenant(t), t, p.d}
	other.endpoint(other.Coordinator(), quick, "organisation.*")
	p.deliver()
	p.record() // to twelve endpoints at once
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	d := webhook.NewDeliverer(p.App.Webhooks, webhook.Options{Concurrency: 12})
	go func() { defer close(ended); d.Run(ctx) }()
	for range 3 {
		<-hanging.entered // a quarter of twelve: no more of them have a place
	}
	subjects := []string{}
	for range 30 {
		subjects = append(subjects, other.record())
	}
	require.Eventually(t, func() bool { return len(quick.all()) == 30 }, time.Minute, 10*time.Millisecond)
	require.ElementsMatch(t, subjects, quick.subjects())
	require.Empty(t, hanging.entered, "and none came in meanwhile")
	close(hanging.through)
	require.Eventually(t, func() bool { return p.Count(`select count(*) from platform.delivery_queue`) == 0 }, time.Minute, 10*time.Millisecond)
	stop()
	<-ended
}

// turning answers at once, until it begins to hang.
type turning struct {
	*httptest.Server
	hangs                   atomic.Bool
	answered, inside, ended atomic.Int32 // ended are those that hung and were given up
}

func turn(t *testing.T) *turning {
	r := &turning{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body)
		if !r.hangs.Load() {
			r.answered.Add(1)
			return
		}
		r.inside.Add(1)
		<-q.Context().Done()
		r.ended.Add(1)
	}))
	t.Cleanup(r.Close)
	return r
}

// Many endpoints have always answered, have all the room that there is, and begin to hang together.
func TestDeliverer_ProvenEndpointsThatBeginToHangDelayNobodyElse(t *testing.T) {
	t.Parallel()
	const endpointsThatHang = 8
	for _, c := range []struct {
		what    string
		tenants int
		most    int32 // that can be under way before any gives up its place
	}{{"of one tenant", 1, 48}, {"of several tenants", endpointsThatHang, 64}} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			p, quick, bad := open(t), receive(t), turn(t)
			p.endpoint(p.Coordinator(), quick, "organisation.*")
			var theirs []post
			for range c.tenants {
				other := post{p.House.Tenant(t), t, p.d}
				for i := range endpointsThatHang / c.tenants {
					other.Coordinator().Post(endpoints, object{"url": fmt.Sprintf("%s/%d", bad.URL, i), "event_types": []string{"organisation.*"}}).Is(201)
				}
				theirs = append(theirs, other)
			}
			record := func(n int) {
				for range n {
					for _, other := range theirs {
						other.record()
					}
				}
			}
			p.deliver()
			running(t, p.d)
			record(12)
			require.Eventually(t, func() bool { return bad.answered.Load() == 13*endpointsThatHang }, enough, time.Millisecond)
			// All are due at once: else those that hang first shrink their lanes before the others are full.
			var tenants []uuid.UUID
			for _, other := range theirs {
				tenants = append(tenants, other.Tenant.UUID())
			}
			hold := func(sql string) {
				_, err := p.Super.Exec(context.Background(), sql, tenants)
				require.NoError(t, err)
			}
			hold(`insert into platform.delivery_holds (endpoint_id, tenant_id) select id, tenant_id from webhook_endpoints where tenant_id = any ($1) on conflict do nothing`)
			bad.hangs.Store(true)
			record(20)
			hold(`delete from platform.delivery_holds where tenant_id = any ($1)`)
			require.Eventually(t, func() bool { return bad.inside.Load() >= c.most }, enough, time.Millisecond)
			subjects := []string{}
			for range 10 {
				subjects = append(subjects, p.record())
			}
			require.Eventually(t, func() bool { return len(quick.all()) == len(subjects) }, enough, time.Millisecond)
			require.Zero(t, bad.ended.Load(), "none of those that hang was given up yet")
			require.ElementsMatch(t, subjects, quick.subjects())
			require.LessOrEqual(t, bad.inside.Load(), int32(8*endpointsThatHang), "each has its room and no more")
		})
	}
}

func TestDeliverer_StopsWithinItsGraceAndGivesBackTheRest(t *testing.T) {
	t.Parallel()
	p := open(t)
	release, entered := make(chan struct{}), make(chan struct{}, 1)
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-release
	}))
	t.Cleanup(hanging.Close)
	t.Cleanup(func() { close(release) })
	c := p.Coordinator()
	c.Post(endpoints, object{"url": hanging.URL, "event_types": []string{"*"}}).Is(201)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	d := webhook.NewDeliverer(p.App.Webhooks, webhook.Options{Grace: time.Millisecond})
	go func() { defer close(ended); d.Run(ctx) }()
	<-entered
	stop()
	<-ended
	require.Equal(t, 1, p.Count(`select count(*) from platform.delivery_queue where lease is null`))
	require.Zero(t, p.Count(`select count(*) from webhook_attempts`))
	require.Equal(t, float64(0), c.Get("/v1/webhook-deliveries").Num("data.0.attempt_count"))
}

func TestDeliverer_RunsFromFactToReceiver(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); p.d.Run(ctx) }()
	p.endpoint(p.Coordinator(), r, "organisation.*")
	var subjects []string
	for range 20 {
		subjects = append(subjects, p.record())
	}
	require.Eventually(t, func() bool { return len(r.all()) == 20 }, time.Minute, 10*time.Millisecond)
	stop()
	<-ended
	require.ElementsMatch(t, subjects, r.subjects())
	require.Zero(t, p.Count(`select count(*) from platform.delivery_queue`))
}

func TestPurge_RemovesDeliveriesWithTheirFacts(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	p.endpoint(c, r, "organisation.*")
	p.deliver()
	r.answer(500)
	p.record()
	p.deliver()
	p.later(31*24*time.Hour+4*time.Hour, c) // the day that the first was of is over
	fresh := p.record()
	p.Clock.Advance(400 * 24 * time.Hour) // of one process alone
	require.NoError(t, p.App.Webhooks.PurgeAll(context.Background()))
	require.Equal(t, 1, p.Count(`select count(*) from webhook_deliveries`), "the database's clock has a say")
	p.Clock.Advance(-400 * 24 * time.Hour)
	require.NoError(t, p.App.Events.PurgeAll(context.Background()))
	require.NoError(t, p.App.Webhooks.PurgeAll(context.Background()))
	require.Equal(t, 1, c.Get("/v1/webhook-deliveries").Is(200).Len("data"))
	require.Zero(t, p.Count(`select count(*) from webhook_attempts`))
	r.answer(200)
	r.mu.Lock()
	r.got = nil
	r.mu.Unlock()
	p.deliver()
	require.Equal(t, []string{fresh}, r.subjects())
}

func TestQueueAge_IsThatOfWhatCouldGoOut(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	age := func() time.Duration {
		a, err := p.App.Webhooks.QueueAge(context.Background())
		require.NoError(t, err)
		return a.Truncate(time.Minute)
	}
	path, _ := p.endpoint(c, r, "organisation.*")
	p.record()
	p.later(time.Hour, c)
	require.Zero(t, age(), "a pending endpoint holds it")
	p.deliver()
	require.Zero(t, age())
	p.record()
	p.later(time.Hour, c)
	require.Equal(t, time.Hour, age())
	c.Post(path+"/pause", nil).Is(200)
	require.Zero(t, age())
	c.Post(path+"/resume", nil).Is(200)
	c.Patch(path, object{"rate_limit": 1}).Is(200)
	require.Zero(t, age(), "it goes out as slowly as was asked for")
}
