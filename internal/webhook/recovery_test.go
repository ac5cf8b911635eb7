package webhook_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
	"github.com/switchingtalent/switchboard/internal/webhook"
)

// recover asks for a recovery and does it, as its job would.
func (p post) recover(c *testkit.Caller, path string, body object) *testkit.Answer {
	p.t.Helper()
	a := c.Post(path+"/recover", body).Is(200)
	require.Equal(p.t, "running", a.Str("status"))
	var rid id.RecoveryID
	require.NoError(p.t, rid.UnmarshalText([]byte(a.Str("id"))))
	p.settled()
	more, err := p.App.Webhooks.RecoverSome(context.Background(), p.Tenant, rid)
	require.NoError(p.t, err)
	require.False(p.t, more)
	done := c.Get("/v1/webhook-recoveries/" + a.Str("id")).Is(200)
	require.Equal(p.t, "completed", done.Str("status"))
	require.NotNil(p.t, done.At("finished_at"))
	return done
}

// settled waits until no transaction is older than the recoveries: those of other tests, in any database of the server, may be.
func (p post) settled() {
	p.t.Helper()
	require.Eventually(p.t, func() bool {
		return p.Count(`select count(*) from webhook_recoveries where until_pos >= platform.horizon()`) == 0
	}, enough, 5*time.Millisecond)
}

// A fact whose transaction began while the endpoint was disabled commits after the recovery was asked for, behind facts that
// the recovery can see already.
func TestRecover_WaitsForFactsThatAreNotCommittedYet(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	path, _ := p.endpoint(c, r, "organisation.*")
	p.deliver()
	since := p.Clock.Now().Add(-time.Minute).Format(time.RFC3339)
	r.answer(410) // disables it
	failing := p.record()
	p.deliver()
	require.Equal(t, "disabled", c.Get(path).Str("status"))
	late := id.NewOrganisation()
	recorded, commit, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- p.App.DB.InTenant(context.Background(), p.Who(), func(tx *db.Tx) error {
			err := errors.Join(happened.Record(tx, fact.Event{Subject: late, Revision: 1}), testkit.Sent(tx))
			close(recorded)
			<-commit
			return err
		})
	}()
	<-recorded
	early := p.record()
	r.answer(200)
	c.Post(path+"/enable", nil).Is(200)
	p.later(6*time.Second, c)
	p.deliver()
	a := c.Post(path+"/recover", object{"since": since}).Is(200)
	var rid id.RecoveryID
	require.NoError(t, rid.UnmarshalText([]byte(a.Str("id"))))
	more, err := p.App.Webhooks.RecoverSome(context.Background(), p.Tenant, rid)
	require.ErrorIs(t, err, webhook.ErrUnsettled)
	require.True(t, more)
	require.Equal(t, "running", c.Get("/v1/webhook-recoveries/"+a.Str("id")).Str("status"))
	after := p.record() // it has its delivery, and is no matter of the recovery
	close(commit)
	require.NoError(t, <-ended)
	p.settled()
	more, err = p.App.Webhooks.RecoverSome(context.Background(), p.Tenant, rid)
	require.NoError(t, err)
	require.False(t, more)
	require.Equal(t, float64(2), c.Get("/v1/webhook-recoveries/"+a.Str("id")).Num("delivery_count"))
	p.deliver()
	require.ElementsMatch(t, []string{failing, failing, early, late.String(), after}, r.subjects())
}

func TestRecover_SendsWhatFailedAndWhatWasMissedWhileTheEndpointWasDisabled(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	before := p.record()
	path, _ := p.endpoint(c, r, "organisation.*")
	p.deliver()
	since := p.Clock.Now().Add(-time.Minute).Format(time.RFC3339)
	arrived := p.record()
	p.deliver()
	r.answer(410) // disables it
	failing := p.record()
	p.deliver()
	require.Equal(t, "disabled", c.Get(path).Str("status"))
	missed := []string{p.record(), p.record()}
	count := func(body object) int {
		body["dry_run"] = true
		a := c.Post(path+"/recover", body).Is(200)
		require.Equal(t, "dry_run", a.Str("status"))
		require.Nil(t, a.At("id"))
		return int(a.Num("delivery_count"))
	}
	require.Equal(t, 3, count(object{"since": since}), "counting is allowed before it is enabled")
	c.Post(path+"/recover", object{"since": since}).Problem(409, "webhook-endpoint-disabled")
	r.answer(200)
	c.Post(path+"/enable", nil).Is(200)
	p.later(6*time.Second, c)
	p.deliver()
	require.Equal(t, 2, count(object{"since": since}), "what waited went out by itself")
	require.Equal(t, 3, count(object{"since": since, "include_unrequested": true, "event_types": []string{"organisation.*"}}), "and the one from before it was made")
	require.Equal(t, 0, count(object{"since": since, "event_types": []string{"organisation.created"}}))
	require.Equal(t, 0, count(object{"since": p.Clock.Now().Add(time.Hour).Format(time.RFC3339)}))
	require.Zero(t, p.Count(`select count(*) from webhook_recoveries`), "a dry run writes nothing")

	done := p.recover(c, path, object{"since": since})
	require.Equal(t, float64(2), done.Num("delivery_count"))
	p.deliver()
	require.Equal(t, []string{arrived, failing, failing}, r.subjects()[:3])
	require.ElementsMatch(t, missed, r.subjects()[3:])
	require.Equal(t, 0, count(object{"since": since}), "a second one has nothing to do")
	p.recover(c, path, object{"since": since, "include_unrequested": true, "event_types": []string{"organisation.*"}})
	p.deliver()
	require.Equal(t, before, r.subjects()[5])
	require.Len(t, r.subjects(), 6)
	ids := map[string]string{}
	for _, x := range r.all() {
		if was, known := ids[x.Data.SubjectID]; known {
			require.Equal(t, was, x.Header.Get("webhook-id"))
		}
		ids[x.Data.SubjectID] = x.Header.Get("webhook-id")
	}
	require.Equal(t, 2, c.Get("/v1/webhook-recoveries?endpoint_id="+path[len(endpoints)+1:]).Is(200).Len("data"))
}

func TestRecover_BeginsTheScheduleAnew(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	path, _ := p.endpoint(c, r, "organisation.*")
	p.deliver()
	r.answer(500)
	p.record()
	for p.Count(`select count(*) from webhook_deliveries where status = 'failed'`) == 0 {
		p.deliver()
		p.later(time.Hour, c)
	}
	first := c.Get("/v1/webhook-deliveries?status=failed").Is(200)
	require.Equal(t, float64(10), first.Num("data.0.attempt_count"))
	p.recover(c, path, object{"since": p.Clock.Now().Add(-100 * time.Hour).Format(time.RFC3339)})
	require.Equal(t, 1, p.deliver())
	again := c.Get("/v1/webhook-deliveries/" + first.Str("data.0.id")).Is(200)
	require.Equal(t, "waiting", again.Str("status"))
	require.Equal(t, float64(11), again.Num("attempt_count"))
	p.later(6*time.Second, c)
	require.Equal(t, 1, p.deliver(), "the second try follows after five seconds")
}

func TestRecover_GoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	path, _ := p.endpoint(c, r, "organisation.*")
	p.deliver()
	const many = 2500 // more than two pages
	_, err := p.Super.Exec(context.Background(), `insert into events (tenant_id, id, type, subject_id, subject, revision, organisation_ids, medewerker_ids, data, occurred_at, actor, request_id)
		select $1, platform.new_id(), 'organisation.probed', gen_random_uuid(), 'org_x', 1, '{}', '{}', '{}', now(), 'test', 'test' from generate_series(1, $2)`, p.Tenant.UUID(), many)
	require.NoError(t, err)
	a := c.Post(path+"/recover", object{"since": p.Clock.Now().Add(-time.Hour).Format(time.RFC3339)}).Is(200)
	require.Equal(t, 1, p.Count(`select count(*) from platform.river_job where kind = 'webhook.recover' and args::text like '%' || $1 || '%'`, a.Str("id")))
	again := object{"since": p.Clock.Now().Add(-time.Hour).Format(time.RFC3339)}
	c.Post(path+"/recover", again).Problem(409, "webhook-recovery-running")
	again["dry_run"] = true
	tx, err := p.Super.Begin(context.Background())
	require.NoError(t, err)
	_, err = tx.Exec(context.Background(), `select from webhook_endpoints where tenant_id = $1 for update`, p.Tenant.UUID())
	require.NoError(t, err)
	require.Equal(t, float64(many), c.Post(path+"/recover", again).Is(200).Num("delivery_count"), "counting waits for no lock")
	require.NoError(t, tx.Rollback(context.Background()))
	var rid id.RecoveryID
	require.NoError(t, rid.UnmarshalText([]byte(a.Str("id"))))
	p.settled()
	more, err := p.App.Webhooks.RecoverPage(context.Background(), p.Tenant, rid)
	require.NoError(t, err)
	require.True(t, more)
	require.Equal(t, float64(999), c.Get("/v1/webhook-recoveries/"+a.Str("id")).Num("delivery_count"), "the test event is on the page, and is not sent again")
	more, err = p.Again(t).App.Webhooks.RecoverSome(context.Background(), p.Tenant, rid) // another process
	require.NoError(t, err)
	require.False(t, more)
	require.Equal(t, float64(many), c.Get("/v1/webhook-recoveries/"+a.Str("id")).Num("delivery_count"))
	require.Equal(t, many, p.Count(`select count(*) from platform.delivery_queue where not test`))
	more, err = p.App.Webhooks.RecoverSome(context.Background(), p.Tenant, rid) // a job that runs again
	require.NoError(t, err)
	require.False(t, more)
	require.Equal(t, float64(many), c.Get("/v1/webhook-recoveries/"+a.Str("id")).Num("delivery_count"))
	c.Delete(path).Is(204)
	require.Zero(t, p.Count(`select count(*) from platform.delivery_queue`))
}

func TestRecover_TellsAnEmployerOnlyWhatConcernsIt(t *testing.T) {
	t.Parallel()
	p, ra := open(t), receive(t)
	a, b := p.Organisation("Apotheek Zonneveld"), p.Organisation("Woonzorgcentrum De Linde")
	external := []fact.ExternalID{{OrganisationID: &a, System: "sdworx", Value: "A-1001"}, {OrganisationID: &b, System: "sdworx", Value: "B-1001"}}
	both, onlyB := id.NewOrganisation(), id.NewOrganisation()
	p.Do(func(tx *db.Tx) error {
		return errors.Join(happened.Record(tx, fact.Event{Subject: both, Revision: 1, Organisations: []id.OrganisationID{a, b}, ExternalIDs: external}),
			happened.Record(tx, fact.Event{Subject: onlyB, Revision: 1, Organisations: []id.OrganisationID{b}, ExternalIDs: external}))
	})
	c := p.Employer(a)
	path, _ := p.endpoint(c, ra)
	p.deliver()
	p.recover(c, path, object{"since": p.Clock.Now().Add(-time.Hour).Format(time.RFC3339), "include_unrequested": true, "event_types": []string{"organisation.probed"}})
	p.deliver()
	require.Equal(t, []string{both.String()}, ra.subjects())
	require.NotContains(t, string(ra.all()[0].Body), "B-1001")
	require.Contains(t, string(ra.all()[0].Body), "A-1001")
	theirs := p.Employer(b)
	theirs.Post(path+"/recover", object{"since": "2026-01-01T00:00:00Z"}).Problem(404, "not-found")
	require.Equal(t, 0, theirs.Get("/v1/webhook-recoveries").Is(200).Len("data"))
	require.Equal(t, 1, c.Get("/v1/webhook-recoveries").Is(200).Len("data"))
	c.Post(path+"/recover", object{"since": "yesterday"}).Problem(422, "invalid", "/since")
	c.Post(path+"/recover", object{"since": "2026-01-01T00:00:00Z", "event_types": []string{"nope.x"}}).Problem(422, "invalid", "/event_types/0")
	c.Post(path+"/recover", object{"since": "2026-01-01T00:00:00Z", "event_types": []string{"client.*"}}).Problem(422, "invalid", "/event_types/0")
}

func TestDeliveries_AreResentAndCancelledByTheMany(t *testing.T) {
	t.Parallel()
	p, r, other := open(t), receive(t), receive(t)
	c := p.Coordinator()
	path, _ := p.endpoint(c, r, "organisation.*")
	p.endpoint(c, other, "organisation.*")
	endpoint := path[len(endpoints)+1:]
	p.deliver()
	for range 3 {
		p.record()
	}
	p.deliver()
	require.Len(t, r.all(), 3)
	all := func(verb string, body object) *testkit.Answer { return c.Post("/v1/webhook-deliveries/"+verb, body) }
	require.Equal(t, float64(0), all("resend", object{"status": "failed"}).Is(200).Num("count"))
	require.Equal(t, float64(0), all("resend", object{"status": "delivered", "event_types": []string{"tenant.*"}}).Is(200).Num("count"))
	require.Equal(t, float64(0), all("resend", object{"status": "delivered", "created_until": "2026-01-01T00:00:00Z"}).Is(200).Num("count"))
	a := all("resend", object{"endpoint_id": endpoint, "status": "delivered", "event_types": []string{"organisation.*"}, "created_from": "2026-01-01T00:00:00Z"}).Is(200)
	require.Equal(t, float64(3), a.Num("count"))
	require.Nil(t, a.At("after"))
	require.Equal(t, float64(0), all("resend", object{"endpoint_id": endpoint, "status": "delivered"}).Is(200).Num("count"), "they wait already")
	require.Equal(t, 3, p.deliver())
	require.Len(t, r.all(), 6)
	require.Len(t, other.all(), 3)

	r.answer(500)
	p.record()
	p.record()
	p.deliver()
	require.Equal(t, float64(2), all("cancel", object{}).Is(200).Num("count"), "what has arrived stays as it is")
	require.Equal(t, float64(0), all("cancel", object{"status": "delivered"}).Is(200).Num("count"))
	require.Equal(t, 2, c.Get("/v1/webhook-deliveries?status=cancelled").Len("data"))
	require.Zero(t, p.Count(`select count(*) from platform.delivery_queue`))
	_, err := p.Super.Exec(context.Background(), `update webhook_deliveries set status = 'failed' where id = (select id from webhook_deliveries where status = 'cancelled' limit 1)`)
	require.NoError(t, err)
	require.Equal(t, float64(1), all("resend", object{}).Is(200).Num("count"), "not what arrived, nor what was cancelled, unless that is asked for")
	require.Equal(t, float64(0), all("resend", object{"status": nil}).Is(200).Num("count"), "null says no more")
	require.Equal(t, float64(1), all("resend", object{"status": "cancelled"}).Is(200).Num("count"))
	all("resend", object{"endpoint_id": id.NewEndpoint()}).Problem(422, "invalid", "/endpoint_id")
	all("cancel", object{"event_types": []string{"nope.*"}}).Problem(422, "invalid", "/event_types/0")
	require.Equal(t, float64(0), testkit.New(t).Coordinator().Post("/v1/webhook-deliveries/resend", object{}).Is(200).Num("count"))
}

func TestDelivery_CanBeCancelledUnlessItArrived(t *testing.T) {
	t.Parallel()
	p, r := open(t), hold(t, 200)
	c := p.Coordinator()
	path := c.Post(endpoints, object{"url": r.URL, "event_types": []string{"organisation.*"}}).Is(201).Header.Get("Location")
	p.deliver()
	arrived := c.Get("/v1/webhook-deliveries").Str("data.0.id")
	c.Post("/v1/webhook-deliveries/"+arrived+"/cancel", nil).Problem(409, "webhook-delivery-delivered")
	p.record()
	one := "/v1/webhook-deliveries/" + c.Get("/v1/webhook-deliveries?status=waiting").Str("data.0.id")
	trying := make(chan error, 1)
	go func() { _, err := p.d.Drain(context.Background()); trying <- err }()
	answer := <-r.entered
	require.Equal(t, "cancelled", c.Post(one+"/cancel", nil).Is(200).Str("status"))
	require.Equal(t, "cancelled", c.Post(one+"/cancel", nil).Is(200).Str("status"))
	answer()
	require.NoError(t, <-trying)
	d := c.Get(one).Is(200)
	require.Equal(t, "cancelled", d.Str("status"))
	require.Equal(t, "delivered", d.Str("attempts.0.outcome"), "what was under way is noted")
	require.Equal(t, "waiting", c.Post(one+"/resend", nil).Is(200).Str("status"))
	require.NotEmpty(t, path)
}

func TestWarn_WarnsOnTimeOfAnEndpointThatGetsNothing(t *testing.T) {
	t.Parallel()
	p, r, watch := open(t), receive(t), receive(t)
	c := p.Coordinator()
	path, _ := p.endpoint(c, r, "organisation.*")
	p.endpoint(c, watch, "webhook_endpoint.failing", "webhook_endpoint.disabled")
	p.deliver()
	r.answer(500)
	p.record()
	p.deliver()
	c.Post("/v1/webhook-deliveries/cancel", object{}).Is(200)
	look := func(after time.Duration) []string {
		p.later(after, c)
		require.NoError(t, p.App.Webhooks.WarnAll(context.Background()))
		require.NoError(t, p.App.Webhooks.WarnAll(context.Background()))
		p.deliver()
		return types(watch)
	}
	require.Empty(t, look(59*time.Hour))
	require.Equal(t, []string{"webhook_endpoint.failing"}, look(2*time.Hour))
	require.Len(t, look(28*time.Hour), 1)
	require.Equal(t, []string{"webhook_endpoint.failing", "webhook_endpoint.failing"}, look(2*time.Hour))
	require.Len(t, look(20*24*time.Hour), 2, "what nobody sends to is not disabled")
	require.Equal(t, "active", c.Get(path).Str("status"))
	p.record()
	p.deliver()
	require.Equal(t, "disabled", c.Get(path).Str("status"), "the next failure does it")
}

func TestDelivery_SurvivesWhateverAReceiverAnswers(t *testing.T) {
	t.Parallel()
	p := open(t)
	c := p.Coordinator()
	for name, raw := range map[string]struct {
		answer  string
		outcome string
	}{
		"lies about its length": {"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nshort", "delivered"},
		"endless":               {"HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("x", 1<<20), "delivered"},
		"garbage":               {"\x00\x01\x02 not HTTP at all\r\n\r\n", "unreachable"},
		"endless headers":       {"HTTP/1.1 200 OK\r\n" + strings.Repeat("X-A: "+strings.Repeat("y", 1000)+"\r\n", 200), "unreachable"},
		"nothing":               {"", "unreachable"},
		"bad chunks":            {"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "unreachable"},
		"early hints only":      {"HTTP/1.1 103 Early Hints\r\n\r\n", "unreachable"},
		"binary":                {"HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\n\xff\xfe\x00\x01", "refused"},
	} {
		r := answering(t, raw.answer)
		made := c.Post(endpoints, object{"url": r, "event_types": []string{"organisation.*"}}).Is(201)
		p.deliver()
		d := c.Get("/v1/webhook-deliveries?endpoint_id=" + made.Str("id")).Is(200)
		detail := c.Get("/v1/webhook-deliveries/" + d.Str("data.0.id")).Is(200)
		require.Equal(t, raw.outcome, detail.Str("attempts.0.outcome"), name)
		if raw.outcome == "unreachable" {
			require.Nil(t, detail.At("attempts.0.status"), name)
			require.Nil(t, detail.At("attempts.0.answer"), name)
		}
	}
	require.NotContains(t, p.Log.String(), "not HTTP at all")
	require.Equal(t, 8, p.Count(`select count(*) from webhook_attempts`), "each was tried once")
}

// answering is a server that reads a request and writes these bytes.
func answering(t *testing.T, raw string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					_, _ = io.Copy(io.Discard, r.Body)
					_, _ = io.WriteString(conn, raw)
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// Whoever asks for a delivery again while its last try is under way gets more tries: that one had begun before, and says nothing of
// what comes after.
func TestDelivery_ThatIsAskedForDuringItsLastTryIsTriedAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		way    string
		status int
	}{{"resend", 500}, {"recover", 500}, {"resend", 204}, {"recover", 204}, {"nobody asks", 500}} {
		t.Run(fmt.Sprint(c.way, " ", c.status), func(t *testing.T) {
			t.Parallel()
			p, r := open(t), hold(t, c.status)
			caller := p.Coordinator()
			path := caller.Post(endpoints, object{"url": r.URL, "event_types": []string{"organisation.*"}}).Is(201).Header.Get("Location")
			p.deliver()
			since := p.Clock.Now().Add(-time.Minute).Format(time.RFC3339)
			p.record()
			_, err := p.Super.Exec(context.Background(), `update webhook_deliveries set attempts = 9 where status = 'waiting'`)
			require.NoError(t, err)
			one := "/v1/webhook-deliveries/" + caller.Get("/v1/webhook-deliveries?status=waiting").Str("data.0.id")
			trying := make(chan error, 1)
			go func() { _, err := p.d.Drain(context.Background()); trying <- err }()
			answer, entered := <-r.entered, time.Now()
			switch c.way {
			case "resend":
				require.Equal(t, "waiting", caller.Post(one+"/resend", nil).Is(200).Str("status"))
			case "recover":
				require.EqualValues(t, 1, p.recover(caller, path, object{"since": since}).Num("delivery_count"))
			}
			answer()
			require.NoError(t, <-trying)
			d := caller.Get(one).Is(200)
			require.EqualValues(t, 10, d.Num("attempt_count"))
			var try id.AttemptID
			require.NoError(t, try.UnmarshalText([]byte(d.Str("attempts.0.id"))))
			require.False(t, time.Unix(uuid.UUID(try).Time().UnixTime()).After(entered), "the id of a try does not tell when it ended")
			queued := p.Count(`select count(*) from platform.delivery_queue where lease is null and due_at between now() + interval '3 seconds' and now() + interval '6 seconds'`)
			if c.status == 204 {
				require.Equal(t, "delivered", d.Str("status"))
				require.Nil(t, d.At("next_attempt_at"))
				require.Zero(t, p.Count(`select count(*) from platform.delivery_queue`))
				return
			}
			if c.way == "nobody asks" {
				require.Equal(t, "failed", d.Str("status"))
				require.Zero(t, p.Count(`select count(*) from platform.delivery_queue`))
				return
			}
			require.Equal(t, "waiting", d.Str("status"))
			require.NotNil(t, d.At("next_attempt_at"))
			require.Nil(t, d.At("delivered_at"))
			require.Equal(t, 1, queued, "after five seconds, as after a first try")
			require.Contains(t, p.Log.String(), `"attempt":10,"outcome":"refused","status":500`)
			require.Contains(t, p.Log.String(), `"state":"waiting"`)
			require.NotContains(t, p.Log.String(), `"state":"failed"`)
			close(r.through)
			p.later(7*time.Second, caller)
			require.Equal(t, 1, p.deliver())
			require.Equal(t, "waiting", caller.Get(one).Str("status"), "and there are more")
		})
	}
}

// The clocks of whoever asks, of who made the endpoint and of who recorded a fact are each ten minutes off, in all ways.
func TestRecover_IsNotMisledByAClock(t *testing.T) {
	t.Parallel()
	for name, ahead := range map[string]struct{ maker, recorder time.Duration }{
		"a slow recorder": {0, -10 * time.Minute},
		"a fast maker":    {10 * time.Minute, 0},
		"a fast recorder": {0, 10 * time.Minute},
		"a slow maker":    {-10 * time.Minute, 0},
		"nobody":          {0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, r := open(t), receive(t)
			c := p.Coordinator()
			maker, recorder := process(t, p.House, ahead.maker), process(t, p.House, ahead.recorder)
			record := func() string {
				subject := id.NewOrganisation()
				require.NoError(t, recorder.DB.InTenant(context.Background(), p.Who(), func(tx *db.Tx) error {
					return happened.Record(tx, fact.Event{Subject: subject, Revision: 1})
				}))
				return subject.String()
			}
			record() // before there was an endpoint
			var path string
			who := p.Who()
			who.Principal = c.Principal
			require.NoError(t, maker.DB.InTenant(context.Background(), who, func(tx *db.Tx) error {
				e, _, err := maker.Webhooks.Create(context.Background(), tx, webhook.Input{URL: r.URL, EventTypes: []string{"organisation.*"},
					Shape: webhook.Shape{Payload: "standard", Ordering: "none"}})
				path = endpoints + "/" + e.ID.String()
				return err
			}))
			p.deliver()
			r.answer(410)
			p.record()
			p.deliver()
			require.Equal(t, "disabled", c.Get(path).Str("status"))
			since := time.Now().Format(time.RFC3339Nano)
			missed := record()
			r.answer(200)
			c.Post(path+"/enable", nil).Is(200)
			p.later(6*time.Second, c)
			p.deliver()
			require.Equal(t, "active", c.Get(path).Str("status"))
			require.EqualValues(t, 1, c.Post(path+"/recover", object{"since": since, "dry_run": true}).Is(200).Num("delivery_count"))
			require.EqualValues(t, 1, p.recover(c, path, object{"since": since}).Num("delivery_count"))
			p.deliver()
			require.Contains(t, r.subjects(), missed)
			require.EqualValues(t, 0, c.Post(path+"/recover", object{"since": since, "dry_run": true}).Is(200).Num("delivery_count"))
		})
	}
}

// However many facts there are, a dry run answers: with all of them, or with as many as it came to, and then it says so.
func TestRecover_ADryRunCountsInPagesAndSaysWhereItStopped(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	path, _ := p.endpoint(c, r, "organisation.*")
	p.deliver()
	since := p.Clock.Now().Add(-time.Minute).Format(time.RFC3339)
	r.answer(410)
	p.record()
	p.deliver()
	for range 7 {
		p.record()
	}
	dry := func() *testkit.Answer {
		return c.Post(path+"/recover", object{"since": since, "dry_run": true}).Is(200)
	}
	all := dry()
	require.EqualValues(t, 8, all.Num("delivery_count"), "seven that were missed, and the one that still waits")
	require.Equal(t, false, all.At("at_least"))
	for _, batch := range []int{1, 2, 3, 100} {
		p.App.Webhooks.CountBy(batch, time.Minute)
		require.Equal(t, all.Retold(), dry().Retold(), "%d at a time", batch)
	}
	p.App.Webhooks.CountBy(4, 0)
	some := dry()
	require.Equal(t, true, some.At("at_least"))
	require.Positive(t, some.Num("delivery_count"))
	require.Less(t, some.Num("delivery_count"), 8.0)
	r.answer(200)
	c.Post(path+"/enable", nil).Is(200)
	p.deliver()
	require.Equal(t, false, p.recover(c, path, object{"since": since}).At("at_least"), "a recovery itself does not stop")
}

// A fact stands in its partition for up to a week after its delivery is forgotten: it arrived, and its receiver may have forgotten
// its id.
func TestRecover_ReachesBackAsFarAsDeliveriesDo(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	path, _ := p.endpoint(c, r, "organisation.*")
	p.deliver()
	p.record()
	p.deliver()
	require.Len(t, r.all(), 1)
	p.later(31*24*time.Hour, c)
	require.NoError(t, p.App.Webhooks.PurgeAll(context.Background()))
	require.Zero(t, p.Count(`select count(*) from webhook_deliveries`))
	require.Equal(t, 1, p.Count(`select count(*) from events where type = 'organisation.probed'`), "partitions are not dropped yet")
	for _, unrequested := range []bool{false, true} {
		body := object{"since": "2020-01-01T00:00:00Z", "include_unrequested": unrequested, "event_types": []string{"organisation.*"}}
		require.EqualValues(t, 0, p.recover(c, path, body).Num("delivery_count"))
		body["dry_run"] = true
		require.EqualValues(t, 0, c.Post(path+"/recover", body).Is(200).Num("delivery_count"))
	}
	require.Zero(t, p.deliver())
	require.Len(t, r.all(), 1)
}
