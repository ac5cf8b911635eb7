package webhook_test

import (
	"context"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/app"
	"github.com/switchingtalent/switchboard/internal/platform/mail"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
	"github.com/switchingtalent/switchboard/internal/webhook"
)

// mailing is a tenant of its own program, whose letters go into a box.
func mailing(t *testing.T) (post, *testkit.Mailbox) {
	t.Helper()
	box := testkit.NewMailbox(t)
	sender, err := mail.Open(box.URL)
	require.NoError(t, err)
	h := testkit.Apart(t, func(o *app.Options) { o.Mail = sender })
	p := post{h.Tenant(t), t, webhook.NewDeliverer(h.App.Webhooks, webhook.Options{Log: slog.New(slog.NewJSONHandler(h.Log, nil))})}
	require.NoError(t, h.App.Jobs.Start(context.Background()))
	t.Cleanup(func() { require.NoError(t, h.App.Jobs.Stop(context.Background())) })
	return p, box
}

func TestLetter_WarnsWhoAskedForIt(t *testing.T) {
	t.Parallel()
	p, box := mailing(t)
	r, c := receive(t), p.Coordinator()
	path := c.Post(endpoints, object{"url": r.URL + "/CANARY-PATH", "event_types": []string{"organisation.*"}, "alert_email": "hr-it@voorbeeld.example"}).Is(201).Header.Get("Location")
	p.endpoint(c, r, "organisation.*")
	p.deliver()
	r.answer(500)
	fail := func(after time.Duration) { p.later(after, c); p.record(); p.deliver() }
	letters := func(n int) []testkit.Letter {
		require.Eventually(t, func() bool { return len(box.Letters()) >= n }, time.Minute, 10*time.Millisecond)
		return box.Letters()
	}
	fail(0)
	fail(61 * time.Hour)
	first := letters(1)[0]
	require.Equal(t, "hr-it@voorbeeld.example", first.To)
	require.Contains(t, first.Subject, "faalt alleen nog", "in the tenant's language")
	require.Contains(t, first.Text, path[len(endpoints)+1:])
	require.NotContains(t, first.Text, "CANARY-PATH")
	opens := func(l testkit.Letter) {
		t.Helper()
		require.Contains(t, l.Text, "("+c.Principal.ClientID.String()+")", "whose the endpoint is")
		links := regexp.MustCompile(`https?://\S+`).FindAllString(l.Text, -1)
		require.Len(t, links, 1)
		to, known := strings.CutPrefix(links[0], testkit.PublicURL)
		require.True(t, known)
		require.Contains(t, string(p.Nobody().Get(to).Is(200).Body), "POST /v1/webhook-console-links", "for who has no token, and it says how to get on")
	}
	opens(first)
	fail(30 * time.Hour)
	require.NotEqual(t, first.ID, letters(2)[1].ID)
	fail(30 * time.Hour)
	last := letters(3)[2]
	require.Contains(t, last.Subject, "uitgeschakeld")
	require.Contains(t, last.Text, "failing")
	opens(last)

	// Nothing is left to say.
	var e webhook.LetterArgs
	e.TenantID, e.EndpointID, e.About = p.Tenant, parseEndpoint(t, path[len(endpoints)+1:]), "failing"
	require.NoError(t, p.App.Webhooks.SendLetter(context.Background(), e))
	c.Patch(path, object{"alert_email": nil}).Is(200)
	e.About = "disabled"
	require.NoError(t, p.App.Webhooks.SendLetter(context.Background(), e))
	require.Len(t, box.Letters(), 3, "one of each, of the endpoint that has an address")
	require.NotContains(t, p.Log.String(), "voorbeeld.example")
	for _, bad := range []string{"nobody", "a@b", "a@b.example, c@d.example", "A <a@b.example>"} {
		c.Patch(path, object{"alert_email": bad}).Problem(422, "invalid", "/alert_email")
	}
}

func TestLetter_IsNotPromisedWhereNoMailIsSent(t *testing.T) {
	t.Parallel()
	c := testkit.New(t).Coordinator()
	a := c.Post(endpoints, object{"url": "https://hr.example.com/", "event_types": []string{"*"}, "alert_email": "hr-it@voorbeeld.example"}).Problem(422, "invalid", "/alert_email")
	require.Equal(t, "no_mail", a.Str("errors.0.code"))
}
