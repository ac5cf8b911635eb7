package webhook_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/testkit"
	"github.com/switchingtalent/switchboard/internal/webhook"
)

// warned looks for endpoints to warn of, twice, after a while, delivers what there is to say, and returns the statuses that the facts
// about failing endpoints tell.
func (p post) warned(watch *receiver, after time.Duration, c *testkit.Caller) []string {
	p.t.Helper()
	p.later(after, c)
	for range 2 {
		require.NoError(p.t, p.App.Webhooks.WarnAll(context.Background()))
	}
	p.deliver()
	out := []string{}
	for _, x := range watch.all() {
		var body struct{ Data struct{ Status string } }
		require.NoError(p.t, json.Unmarshal(x.Body, &body))
		if x.Type == webhook.BeganToFail.Name {
			out = append(out, body.Data.Status)
		}
	}
	return out
}

// Facts wait for an endpoint until its test is accepted. Where that keeps failing, its people hear of it as they would of any failure.
func TestWarn_WarnsOfAPendingEndpointWhoseTestsFail(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"it moved", "it was enabled"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			p, r, watch := open(t), receive(t), receive(t)
			c := p.Coordinator()
			path, _ := p.endpoint(c, r, "organisation.*")
			p.endpoint(c, watch, "webhook_endpoint.failing", "webhook_endpoint.disabled")
			p.deliver()
			if way == "it moved" {
				r.answer(401)
				c.Patch(path, object{"url": r.URL + "/elsewhere"}).Is(200)
			} else {
				r.answer(410)
				p.record()
				p.deliver()
				r.answer(401)
				c.Post(path+"/enable", nil).Is(200)
			}
			p.deliver()
			require.NotNil(t, c.Get(path).At("failing_since"))
			waits := p.record()
			require.Empty(t, p.warned(watch, 59*time.Hour, c))
			require.Equal(t, []string{"pending"}, p.warned(watch, 2*time.Hour, c))
			require.Len(t, p.warned(watch, 28*time.Hour, c), 1)
			require.Equal(t, []string{"pending", "pending"}, p.warned(watch, 2*time.Hour, c))
			require.Equal(t, "pending", c.Get(path).Str("status"))
			require.Len(t, p.warned(watch, 30*time.Hour, c), 2)
			require.Equal(t, "disabled", c.Get(path).Str("status"), "the next failure does it")
			p.deliver()
			require.Contains(t, types(watch), "webhook_endpoint.disabled")

			r.answer(200)
			c.Post(path+"/enable", nil).Is(200)
			p.deliver()
			require.Contains(t, r.subjects(), waits, "what waited is not lost")
			require.Nil(t, c.Get(path).At("failing_since"))
		})
	}
}

// A test that was cancelled fails nothing, and yet facts wait behind it.
func TestWarn_WarnsOfAPendingEndpointThatFactsWaitFor(t *testing.T) {
	t.Parallel()
	p, r, idle, watch := open(t), receive(t), receive(t), receive(t)
	c := p.Coordinator()
	p.endpoint(c, watch, "webhook_endpoint.failing")
	p.deliver()
	path, _ := p.endpoint(c, r, "organisation.*")
	other, _ := p.endpoint(c, idle, "match.*")
	for _, d := range []string{"data.0.id", "data.1.id"} {
		c.Post("/v1/webhook-deliveries/"+c.Get("/v1/webhook-deliveries?sort=-created_at&limit=2").Str(d)+"/cancel", nil).Is(200)
	}
	waits := p.record()
	require.Empty(t, p.warned(watch, 50*time.Minute, c))
	require.Nil(t, c.Get(path).At("failing_since"), "it may be proven yet")
	require.Empty(t, p.warned(watch, 20*time.Minute, c))
	require.NotNil(t, c.Get(path).At("failing_since"))
	require.Equal(t, []string{"pending"}, p.warned(watch, 61*time.Hour, c))
	require.Equal(t, []string{"pending", "pending"}, p.warned(watch, 31*time.Hour, c))
	require.Nil(t, c.Get(other).At("failing_since"), "nothing waits for this one")
	c.Post(path+"/test", nil).Is(200)
	p.deliver()
	e := c.Get(path).Is(200)
	require.Equal(t, "active", e.Str("status"))
	require.Nil(t, e.At("failing_since"))
	require.Equal(t, []string{waits}, r.subjects())
}

func TestLetter_SaysThatAnEndpointAcceptsNoTest(t *testing.T) {
	t.Parallel()
	p, box := mailing(t)
	r, c := receive(t), p.Coordinator()
	r.answer(401)
	path := c.Post(endpoints, object{"url": r.URL + "/CANARY-PATH", "event_types": []string{"organisation.*"}, "alert_email": "hr-it@voorbeeld.example"}).Is(201).Header.Get("Location")
	p.deliver()
	p.later(61*time.Hour, c)
	require.NoError(t, p.App.Webhooks.WarnAll(context.Background()))
	require.Eventually(t, func() bool { return len(box.Letters()) == 1 }, time.Minute, 10*time.Millisecond)
	letter := box.Letters()[0]
	require.Contains(t, letter.Subject, "neemt geen test aan")
	require.Contains(t, letter.Text, path[len(endpoints)+1:])
	require.Contains(t, letter.Text, testkit.PublicURL+"/docs/events/webhook_endpoint.failing")
	require.NotContains(t, letter.Text, "CANARY-PATH")
}

// A test that used up its tries fails no more: the endpoint is disabled all the same.
func TestWarn_DisablesAPendingEndpointThatIsTestedNoMore(t *testing.T) {
	t.Parallel()
	p, r, watch := open(t), receive(t), receive(t)
	c := p.Coordinator()
	path, _ := p.endpoint(c, r, "organisation.*")
	p.endpoint(c, watch, "webhook_endpoint.failing", "webhook_endpoint.disabled")
	p.deliver()
	r.answer(401)
	c.Patch(path, object{"url": r.URL + "/elsewhere"}).Is(200)
	p.deliver()
	_, err := p.Super.Exec(context.Background(), `delete from platform.delivery_queue where test and tenant_id = $1`, p.Tenant.UUID())
	require.NoError(t, err)
	require.Len(t, p.warned(watch, 61*time.Hour, c), 1)
	require.Len(t, p.warned(watch, 30*time.Hour, c), 2)
	require.Len(t, p.warned(watch, 28*time.Hour, c), 2)
	require.Equal(t, "pending", c.Get(path).Str("status"), "a day short of it")
	p.warned(watch, 2*time.Hour, c)
	require.Equal(t, "disabled", c.Get(path).Str("status"))
	require.Contains(t, types(watch), "webhook_endpoint.disabled")
}
