package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// framed is a body as the console shows it.
func framed(t *testing.T, body []byte) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, json.Indent(&b, body, "", "  "))
	return b.String()
}

func TestTry_ShowsWhatItSentWhateverBecameOfItsEndpoint(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	old := r.URL + "/old?key=1"
	a := c.Post(endpoints, object{"url": old, "event_types": []string{"organisation.*"}, "headers": []object{{"name": "x-env", "value": "CANARY-VALUE"}}}).Is(201)
	path, keys := endpoints+"/"+a.Str("id"), strings.TrimPrefix(a.Str("keys_url"), "https://switchboard.test")
	first := c.Get(keys).Str("keys.0.kid")
	p.deliver()
	r.answer(http.StatusFound, "Location", "/log\xffin", "Retry-After", "60", "Set-Cookie", "CANARY-COOKIE", "X-Request-Id", strings.Repeat("x", 1500))
	p.record(p.Organisation("Apotheek Zonneveld"))
	p.deliver()
	delivery := "/v1/webhook-deliveries/" + newest(c)

	// It moves, changes what it wants, and gets another secret.
	r.answer(http.StatusNoContent)
	c.Patch(path, object{"url": r.URL + "/new", "payload": "thin", "headers": []object{}}).Is(200)
	p.deliver()
	c.Post(path+"/rotate-secret", object{"overlap_hours": 1}).Is(200)
	second := c.Get(keys).Str("keys.0.kid")
	c.Post(delivery+"/resend", nil).Is(200)
	p.deliver()

	got := r.all()
	require.Len(t, got, 2)
	require.NotEqual(t, string(got[0].Body), string(got[1].Body), "the second one is thin")
	d := c.Get(delivery).Is(200)
	require.Equal(t, map[string]any{"url": old, "payload": "standard", "header_names": []any{"X-Env"}, "kids": []any{first}}, d.At("attempts.0.request"))
	require.Equal(t, map[string]any{"url": r.URL + "/new", "payload": "thin", "header_names": []any{}, "kids": []any{second, first}}, d.At("attempts.1.request"))
	require.Equal(t, []any{
		map[string]any{"name": "content-type", "value": "text/plain; charset=utf-8"}, map[string]any{"name": "retry-after", "value": "60"},
		map[string]any{"name": "location", "value": "/log\uFFFDin"}, map[string]any{"name": "x-request-id", "value": strings.Repeat("x", 1000)},
	}, d.At("attempts.0.answer_headers"))
	require.Empty(t, d.At("attempts.1.answer_headers"))
	require.NotContains(t, string(d.Body), "CANARY")

	page := page(t, p.Nobody().Get(link(c, nil)+"/deliveries/"+strings.TrimPrefix(delivery, "/v1/webhook-deliveries/")+"?lang=en").Is(200))
	shown := page.All("pre")
	require.Len(t, shown, 3, "of each try what was sent, and of the first what was answered; nothing more is to be sent")
	for n, want := range []string{"POST /old?key=1 HTTP/1.1\n", "POST /new HTTP/1.1\n"} {
		sent := shown[2*n].Text()
		require.True(t, strings.HasPrefix(sent, want), sent)
		require.Contains(t, sent, "\nwebhook-timestamp: "+got[n].Header.Get("webhook-timestamp")+"\n")
		require.Equal(t, framed(t, got[n].Body), sent[strings.Index(sent, "\n\n")+2:])
	}
	require.Contains(t, shown[0].Text(), "\nx-env: …\n")
	require.True(t, strings.HasPrefix(shown[1].Text(), "content-type: text/plain; charset=utf-8\nretry-after: 60\nlocation: "), shown[1].Text())
	require.Contains(t, page.Text(), "Signed under: "+second+", "+first)
	require.NotContains(t, page.Text(), "What the next try sends")
}

func TestTry_FromBeforeItWasKeptSaysSo(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	delivery := p.sent(c, r, http.StatusInternalServerError)
	_, err := p.Super.Exec(context.Background(), `update webhook_attempts set url = null, thin = null, header_names = null, signed_by = null, answer_headers = null`)
	require.NoError(t, err)
	d := c.Get("/v1/webhook-deliveries/" + delivery).Is(200)
	require.Nil(t, d.At("attempts.0.request"))
	require.Empty(t, d.At("attempts.0.answer_headers"))
	shown := page(t, p.Nobody().Get(link(c, nil)+"/deliveries/"+delivery+"?lang=en").Is(200))
	require.Contains(t, shown.Text(), "What we sent then was not kept.")
	require.Contains(t, shown.All("pre")[0].Text(), "webhook-timestamp: …\n", "what the next try sends, it waits for")
	require.Contains(t, shown.Text(), "What the next try sends")
}

// The content of what is no longer kept cannot be shown, but where it went can.
func TestTry_OutlivesItsFact(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	delivery := p.sent(c, r, http.StatusNoContent)
	_, err := p.Super.Exec(context.Background(), `delete from events where type = 'organisation.probed'`)
	require.NoError(t, err)
	shown := page(t, p.Nobody().Get(link(c, nil)+"/deliveries/"+delivery+"?lang=en").Is(200)).All("pre")[0].Text()
	require.Contains(t, shown, "POST /hook?token=CANARY-PATH HTTP/1.1\n")
	require.Contains(t, shown, "(Its content is no longer kept, or is not for you to read.)")
}

// A delivery that was sent again and again shows its newest tries.
func TestTry_TheNewestAreShown(t *testing.T) {
	t.Parallel()
	p, r := open(t), receive(t)
	c := p.Coordinator()
	delivery := p.sent(c, r, http.StatusNoContent)
	_, err := p.Super.Exec(context.Background(), `insert into webhook_attempts (tenant_id, id, delivery_id, endpoint_id, at, outcome, status, duration_ms)
		select tenant_id, cast('ffffffff-ffff-7000-8000-' || lpad(to_hex(n), 12, '0') as uuid), delivery_id, endpoint_id, at + n * interval '1 second', 'refused', 500 + n % 100, 1
		from (select * from webhook_attempts order by id desc limit 1) a cross join generate_series(1, 105) n order by n`)
	require.NoError(t, err)
	d := c.Get("/v1/webhook-deliveries/" + delivery).Is(200)
	require.Equal(t, 100, d.Len("attempts"))
	require.EqualValues(t, 505, d.Num("attempts.99.status"))
	require.EqualValues(t, 506, d.Num("attempts.0.status"))
}
