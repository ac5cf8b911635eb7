package webhook_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/html"
	"github.com/switchingtalent/switchboard/internal/platform/html/htmltest"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// hostile is what a receiver may answer to whoever looks at it later.
const hostile = `</pre><script>alert(1)</script><img src=x onerror="alert(2)">{{.Data.Token}}` + "\x00\xff"

// rude answers everything but test events with something hostile, as 500.
func rude(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil && strings.Contains(string(body), `"webhook_endpoint.tested"`) {
			return
		}
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, hostile)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// link makes a link and returns its path.
func link(c *testkit.Caller, body any) string {
	a := c.Post("/v1/webhook-console-links", body).Is(201)
	return strings.TrimPrefix(a.Str("url"), testkit.PublicURL)
}

// page reads a page as a browser does.
func page(t *testing.T, a *testkit.Answer) htmltest.Node {
	t.Helper()
	require.Equal(t, "no-store", a.Header.Get("Cache-Control"))
	require.Equal(t, "no-referrer", a.Header.Get("Referrer-Policy"))
	return htmltest.Parse(t, html.Document{Status: a.Status, Header: a.Header, Body: a.Body})
}

// values are what a browser sends of a form that nobody changed.
func values(f htmltest.Node) url.Values {
	v := url.Values{}
	for _, i := range f.All("input") {
		v.Set(i.Attr("name"), i.Attr("value"))
	}
	for _, s := range f.All("select") {
		for n, o := range s.All("option") {
			if n == 0 || o.Has("selected") {
				v.Set(s.Attr("name"), o.Attr("value"))
			}
		}
	}
	return v
}

// press sends the form whose action ends so, with what was changed of it, and follows where it leads.
func press(t *testing.T, w *testkit.World, at htmltest.Node, action string, changed ...string) *testkit.Answer {
	t.Helper()
	for _, f := range at.All("form") {
		to, err := url.Parse(f.Attr("action"))
		require.NoError(t, err)
		if strings.HasSuffix(to.Path, "/"+action) {
			v := values(f)
			for i := 0; i+1 < len(changed); i += 2 {
				v.Set(changed[i], changed[i+1])
			}
			a := w.Nobody().Post(f.Attr("action"), v, "Sec-Fetch-Site", "same-origin", "Origin", "null")
			if a.Status == http.StatusSeeOther {
				require.NotContains(t, a.Header.Get("Location"), "//")
				return w.Nobody().Get(a.Header.Get("Location")).Is(200)
			}
			return a
		}
	}
	require.Fail(t, "there is no such button", action)
	return nil
}

func TestConsole_ShowsEndpointsDeliveriesAndTries(t *testing.T) {
	t.Parallel()
	p := open(t)
	c := p.Coordinator()
	endpoint := c.Post("/v1/webhook-endpoints", map[string]any{"url": rude(t) + "/in?key=<b>", "event_types": []string{"organisation.*"}, "description": `<i>"HR"</i>`}).Is(201).Str("id")
	p.deliver()
	p.record()
	p.deliver()

	home := link(c, nil)
	start := page(t, p.Nobody().Get(home+"?lang=nl").Is(200))
	require.Contains(t, start.Text(), "/in?key=<b>")
	require.Contains(t, start.Text(), "actief")
	require.Equal(t, "nl", start.One(t, "html").Attr("lang"))
	row := start.With("class", "rows")[0].One(t, "a")
	require.Equal(t, home+"/endpoints/"+endpoint+"?lang=nl", row.Attr("href"))
	at := page(t, p.Nobody().Get(row.Attr("href")).Is(200))
	require.Contains(t, at.Text(), `<i>"HR"</i>`)
	var failed string
	for _, a := range at.With("class", "rows")[0].All("a") {
		if a.Text() == "organisation.probed" {
			failed = a.Attr("href")
		}
	}
	answer := p.Nobody().Get(failed).Is(200)
	one := page(t, answer)
	require.NotContains(t, string(answer.Body), "<script>")
	require.NotContains(t, string(answer.Body), "<img")
	shown := one.All("pre")
	require.Len(t, shown, 3, "what is sent next, what was sent, and what was answered")
	shown = shown[1:]
	_, told, _ := strings.Cut(shown[1].Text(), "\n\n")
	require.Equal(t, strings.ReplaceAll(hostile, "\x00\xff", "\uFFFD\uFFFD"), strings.ReplaceAll(told, "\x00", "\uFFFD"))
	require.Contains(t, shown[0].Text(), "POST /in?key=<b> HTTP/1.1")
	require.Contains(t, shown[0].Text(), `"type": "organisation.probed"`)
	require.Contains(t, shown[0].Text(), "webhook-id: evt_")
	require.Contains(t, one.Text(), "500 · ")

	// In the words of each language, and for a phone.
	for lang, word := range map[string]string{"nl": "Opnieuw sturen", "fr": "Renvoyer", "en": "Send again"} {
		n := page(t, p.Nobody().Get(strings.Replace(failed, "lang=nl", "lang="+lang, 1)).Is(200))
		require.Contains(t, n.Text(), word)
	}
	require.Contains(t, string(answer.Body), `name="viewport"`)
	require.NotContains(t, p.Log.String(), strings.TrimPrefix(home, "/console/"), "the token stands in no log")
}

func TestConsole_ButtonsDoWhatTheySay(t *testing.T) {
	t.Parallel()
	p := open(t)
	c, r := p.Coordinator(), receive(t)
	path, secret := p.endpoint(c, r, "organisation.*")
	p.deliver()
	r.answer(500)
	subject := p.record()
	p.deliver()
	r.answer(204)
	home := link(c, map[string]any{"endpoint_id": path[len("/v1/webhook-endpoints/"):], "minutes": 5})
	at := page(t, p.Nobody().Get(home).Is(200))
	require.Empty(t, at.With("href", home), "a link to one endpoint leads to no other")

	before := len(r.got)
	done := page(t, press(t, p.World, at, "test"))
	require.NotEmpty(t, done.With("role", "status"))
	p.deliver()
	require.Len(t, r.got, before+1)

	var delivery string
	for _, a := range at.With("class", "rows")[0].All("a") {
		if a.Text() == "organisation.probed" {
			delivery = a.Attr("href")
		}
	}
	press(t, p.World, page(t, p.Nobody().Get(delivery).Is(200)), "resend")
	p.deliver()
	require.Equal(t, []string{subject, subject}, r.subjects())

	rotated := press(t, p.World, at, "rotate-secret").Is(200)
	shown := page(t, rotated).All("pre")
	require.Len(t, shown, 2)
	fresh := shown[0].Text()
	require.True(t, strings.HasPrefix(shown[1].Text(), "whpk_"))
	require.True(t, strings.HasPrefix(fresh, "whsec_"))
	require.NotEqual(t, secret, fresh)
	require.NotContains(t, string(p.Nobody().Get(home).Is(200).Body), fresh, "shown once")
	p.record()
	p.deliver()
	all := r.all()
	require.Equal(t, 2, strings.Count(all[len(all)-1].Header.Get("webhook-signature"), "v1,"))

	press(t, p.World, at, "pause")
	waits := p.record()
	p.deliver()
	require.NotContains(t, r.subjects(), waits)
	paused := page(t, p.Nobody().Get(home+"?lang=en").Is(200))
	require.Contains(t, paused.Text(), "paused")
	held := page(t, p.Nobody().Get(paused.With("class", "rows")[0].All("a")[0].Attr("href")).Is(200))
	press(t, p.World, held, "cancel")
	cancelled := p.record()
	press(t, p.World, paused, "resume")
	p.deliver()
	require.Contains(t, r.subjects(), cancelled)
	require.NotContains(t, r.subjects(), waits)
	for _, wrong := range []string{"", "x", "0", "-24", "24.0", " 24", "721", "1e9"} {
		require.Equal(t, 422, press(t, p.World, at, "recover", "hours", wrong).Status, wrong)
	}
	require.Zero(t, p.Count(`select count(*) from webhook_recoveries`))
	press(t, p.World, at, "recover").Is(200)
	require.Equal(t, 1, p.Count(`select count(*) from webhook_recoveries where since between now() - interval '25 hours' and now() - interval '23 hours'`))
	require.Equal(t, 409, press(t, p.World, at, "recover", "hours", "168").Status, "one at a time")
	_, err := p.Super.Exec(context.Background(), `update webhook_recoveries set status = 'cancelled'`)
	require.NoError(t, err)
	press(t, p.World, at, "recover", "hours", "168").Is(200)
	require.Equal(t, 1, p.Count(`select count(*) from webhook_recoveries where since between now() - interval '169 hours' and now() - interval '167 hours'`))

	r.answer(410)
	p.record()
	p.deliver()
	r.answer(204)
	disabled := page(t, p.Nobody().Get(home).Is(200))
	press(t, p.World, disabled, "enable").Is(200)
	p.deliver()
	require.Equal(t, "active", c.Get(path).Is(200).Str("status"))
	require.Equal(t, 1, p.Count(`select count(*) from audit where action = 'webhook_endpoint.rotate_secret' and actor = $1`, c.Principal.ClientID.String()), "it acts for who made the link")
}

// A visitor goes everywhere and presses everything that is there, in every state of an endpoint: nothing leads nowhere.
func TestConsole_EveryLinkAndEveryButtonLeadsSomewhere(t *testing.T) {
	t.Parallel()
	p := open(t)
	c, r := p.Coordinator(), receive(t)
	path, _ := p.endpoint(c, r, "organisation.*")
	p.deliver()
	r.answer(500)
	for range 30 { // more than a page
		p.record()
	}
	p.deliver()
	home := link(c, nil)
	pressed := map[string]bool{}
	walk := func() {
		seen, todo := map[string]bool{}, []string{home + "?lang=en"}
		for len(todo) > 0 && len(seen) < 12 {
			at := todo[0]
			todo = todo[1:]
			if seen[at] {
				continue
			}
			seen[at] = true
			n := page(t, p.Nobody().Get(at).Is(200))
			for _, a := range n.All("a") {
				if strings.HasPrefix(a.Attr("href"), "/console/") {
					todo = append(todo, a.Attr("href"))
				}
			}
			for _, f := range n.All("form") {
				to, err := url.Parse(f.Attr("action"))
				require.NoError(t, err)
				action := to.Path[strings.LastIndex(to.Path, "/")+1:]
				if action == "end" || pressed[action] {
					continue
				}
				pressed[action] = true
				a := p.Nobody().Post(f.Attr("action"), values(f), "Sec-Fetch-Site", "same-origin", "Origin", "null")
				if a.Status == http.StatusSeeOther {
					a = p.Nobody().Get(a.Header.Get("Location"))
				}
				page(t, a.Is(200))
				break // the page is another one now
			}
		}
	}
	for range 12 { // pausing shows what resumes, and so on
		walk()
	}
	r.answer(410)
	c.Post(path+"/resume", nil).Is(200)
	p.record()
	p.deliver()
	require.Equal(t, "disabled", c.Get(path).Str("status"))
	walk()
	page(t, press(t, p.World, page(t, p.Nobody().Get(home).Is(200)), "end").Is(200))
	p.Nobody().Get(home).Is(404)
	require.Equal(t, map[string]bool{"test": true, "pause": true, "resume": true, "recover": true, "rotate-secret": true, "enable": true, "resend": true, "cancel": true}, pressed)
}

// What does not come from the page changes nothing, and neither does a GET.
func TestConsole_TakesNoForgedForms(t *testing.T) {
	t.Parallel()
	p := open(t)
	c, r := p.Coordinator(), receive(t)
	path, _ := p.endpoint(c, r, "*")
	p.deliver()
	eid := path[len("/v1/webhook-endpoints/"):]
	home, other := link(c, nil), link(c, nil)
	at := page(t, p.Nobody().Get(home+"/endpoints/"+eid).Is(200))
	token := at.With("name", "form_token")[0].Attr("value")
	theirs := page(t, p.Nobody().Get(other+"/endpoints/"+eid).Is(200)).With("name", "form_token")[0].Attr("value")
	require.NotContains(t, home, token)
	secrets := func() int { return p.Count(`select count(*) from webhook_secrets`) }
	require.Equal(t, 1, secrets())
	to := home + "/endpoints/" + eid + "/rotate-secret"
	for why, a := range map[string]*testkit.Answer{
		"no token":              p.Nobody().Post(to, url.Values{}),
		"another link's":        p.Nobody().Post(to, url.Values{"form_token": {theirs}}),
		"from another site":     p.Nobody().Post(to, url.Values{"form_token": {token}}, "Sec-Fetch-Site", "cross-site"),
		"from a sibling domain": p.Nobody().Post(to, url.Values{"form_token": {token}}, "Sec-Fetch-Site", "same-site"),
	} {
		require.Equal(t, 403, a.Status, why)
		page(t, a)
	}
	require.Equal(t, 415, p.Nobody().Post(to, map[string]any{"form_token": token}).Status)
	require.Equal(t, 405, p.Nobody().Get(to).Status)
	for _, unknown := range []string{home + "/endpoints/" + eid + "/delete", home + "/endpoints/" + id.NewEndpoint().String() + "/test", home + "/deliveries/" + id.NewDelivery().String() + "/resend",
		strings.ToUpper(home) + "/endpoints/" + eid + "/test"} {
		require.Equal(t, 404, p.Nobody().Post(unknown, url.Values{"form_token": {token}}).Status, unknown)
	}
	require.Equal(t, 1, secrets())
	require.Equal(t, 200, p.Nobody().Post(to, url.Values{"form_token": {token}}).Status, "an old browser says nothing of where it comes from")
	require.Equal(t, 2, secrets())
}

func TestConsole_ShowsNoMoreThanItsMakerSees(t *testing.T) {
	t.Parallel()
	p := open(t)
	a, b := p.Organisation("Apotheek Zonneveld"), p.Organisation("Woonzorgcentrum De Linde")
	ra, rb := receive(t), receive(t)
	hrA, hrB := p.Employer(a), p.Employer(b)
	pathA, _ := p.endpoint(hrA, ra, "organisation.*")
	pathB, _ := p.endpoint(hrB, rb, "organisation.*")
	eidA, eidB := pathA[len("/v1/webhook-endpoints/"):], pathB[len("/v1/webhook-endpoints/"):]
	p.deliver()
	deliveryB := hrB.Get("/v1/webhook-deliveries").Is(200).Str("data.0.id")
	mine := link(hrA, nil)
	text := page(t, p.Nobody().Get(mine).Is(200)).Text()
	require.Contains(t, text, ra.URL)
	require.NotContains(t, text, rb.URL)
	gone := p.Nobody().Get("/console/" + strings.Repeat("A", 43)).Is(404)
	for _, path := range []string{mine + "/endpoints/" + eidB, mine + "/deliveries/" + deliveryB, mine + "x", "/console/x", mine + "/endpoints/" + id.NewEndpoint().String()} {
		require.Equal(t, string(gone.Body), string(p.Nobody().Get(path).Is(404).Body), path)
	}
	hrA.Post("/v1/webhook-console-links", map[string]any{"endpoint_id": eidB}).Problem(422, "invalid", "/endpoint_id")
	testkit.New(t).Coordinator().Post("/v1/webhook-console-links", map[string]any{"endpoint_id": eidA}).Problem(422, "invalid", "/endpoint_id")

	// A link to one endpoint shows no other, whoever made it.
	all := p.Coordinator()
	only := link(all, map[string]any{"endpoint_id": eidA})
	require.Contains(t, page(t, p.Nobody().Get(only).Is(200)).Text(), ra.URL)
	p.Nobody().Get(only + "/endpoints/" + eidB).Is(404)
	p.Nobody().Get(only + "/deliveries/" + deliveryB).Is(404)

	// Who may only look gets no buttons but the one that ends the link, and none that would work.
	viewer := p.Client(auth.Integration, nil, nil, "webhook:read")
	look := link(viewer, nil)
	at := page(t, p.Nobody().Get(look+"/endpoints/"+eidA).Is(200))
	require.Len(t, at.All("form"), 1)
	require.Equal(t, look+"/end?lang=en", at.All("form")[0].Attr("action"))
	// Nor the body of a fact that it may not read itself: the endpoint's owner may.
	p.record(b)
	p.deliver()
	var told string
	for i, all := 0, hrB.Get("/v1/webhook-deliveries?endpoint_id="+eidB).Is(200); i < all.Len("data"); i++ {
		if at := fmt.Sprintf("data.%d.", i); all.Str(at+"type") == "organisation.probed" {
			told = "/deliveries/" + all.Str(at+"id")
		}
	}
	const member = `"subject_id": "org_`
	require.Contains(t, page(t, p.Nobody().Get(link(all, nil)+told).Is(200)).Text(), member)
	less := page(t, p.Nobody().Get(look+told).Is(200)).Text()
	require.NotContains(t, less, member)
	require.Contains(t, less, "is not for you to read")
	token := page(t, p.Nobody().Get(only).Is(200)).With("name", "form_token")[0].Attr("value")
	require.Equal(t, 403, p.Nobody().Post(look+"/endpoints/"+eidA+"/test", url.Values{"form_token": {token}}).Status)
	p.Client(auth.Integration, nil, nil, "organisation:read").Post("/v1/webhook-console-links", nil).Problem(403, "forbidden")
}

func TestConsole_LinksEnd(t *testing.T) {
	t.Parallel()
	p := open(t)
	c, admin := p.Coordinator(), p.Admin()
	short, long := link(c, map[string]any{"minutes": 1}), link(c, map[string]any{"minutes": 1440})
	p.Nobody().Get(short).Is(200)
	p.later(time.Minute, c, admin)
	p.Nobody().Get(short).Is(404)
	p.Nobody().Get(long).Is(200)
	link(admin, nil)
	require.Equal(t, 2, p.Count(`select count(*) from platform.directory where kind = 'webhook_console'`), "what expired is swept up")
	require.Equal(t, 2, p.Count(`select count(*) from webhook_console_links`))
	require.Zero(t, p.Count(`select count(*) from webhook_console_links l where to_jsonb(l)::text like '%' || $1 || '%'`, strings.TrimPrefix(long, "/console/")), "its token is stored nowhere")
	admin.Delete("/v1/clients/" + c.Principal.ClientID.String()).Is(204)
	p.Nobody().Get(long).Is(404)
	for _, bad := range []any{0, 1441, -1, 1.5, "60"} {
		admin.Post("/v1/webhook-console-links", map[string]any{"minutes": bad}).Problem(422, "invalid", "/minutes")
	}
}

func TestConsole_WhoeverIsDoneEndsTheLink(t *testing.T) {
	t.Parallel()
	p := open(t)
	org := p.Organisation("Apotheek Zonneveld")
	for who, c := range map[string]*testkit.Caller{"who may change things": p.Coordinator(), "who may only look": p.Client(auth.Integration, nil, nil, "webhook:read"), "an employer": p.Employer(org)} {
		home, other := link(c, nil), link(c, nil)
		at, theirs := page(t, p.Nobody().Get(home+"?lang=nl").Is(200)), page(t, p.Nobody().Get(other).Is(200)).With("name", "form_token")
		p.Nobody().Post(home+"/end", url.Values{"form_token": {theirs[len(theirs)-1].Attr("value")}}).Is(403)
		p.Nobody().Post(home+"/end", url.Values{}).Is(403)
		p.Nobody().Get(home + "/end").Is(405)
		p.Nobody().Get(home).Is(200)
		said := press(t, p.World, at, "end")
		require.Equal(t, 200, said.Status, who)
		require.Contains(t, page(t, said).Text(), "Deze link is beëindigd")
		p.Nobody().Get(home).Is(404)
		p.Nobody().Post(home+"/end", url.Values{}).Is(404)
		p.Nobody().Get(other).Is(200)
		require.Equal(t, 1, p.Count(`select count(*) from webhook_console_links where client_id = $1`, c.Principal.ClientID.UUID()), who)
		require.Equal(t, 1, p.Count(`select count(*) from audit where action = 'webhook_console.end' and actor = $1`, c.Principal.ClientID.String()), who)
	}
	require.Equal(t, 3, p.Count(`select count(*) from platform.directory where kind = 'webhook_console'`))
}

func TestConsole_IsFramedWhereTheTenantSays(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	admin := w.Admin()
	home := link(admin, nil)
	framers := func() string {
		policy := w.Nobody().Get(home).Is(200).Header.Get("Content-Security-Policy")
		_, after, _ := strings.Cut(policy, "frame-ancestors ")
		return after
	}
	require.Equal(t, "'none'", framers())
	admin.Patch("/v1/tenant", map[string]any{"frame_origins": []string{"https://partner.example", "http://localhost:3000"}}, "If-Match", `"1"`).Is(200)
	require.Equal(t, "https://partner.example http://localhost:3000", framers())
	for _, bad := range []string{"https://partner.example/", "http://partner.example", "https://partner.example;script-src *", "https://*.partner.example", "*", "https://", "https://Partner.example",
		"https://user@partner.example", "javascript://x", "https://partner.example:99999999", "'self'", "https://a b"} {
		admin.Patch("/v1/tenant", map[string]any{"frame_origins": []string{"https://a.example", bad}}, "If-Match", `"2"`).Problem(422, "invalid", "/frame_origins/1")
	}
	admin.Patch("/v1/tenant", map[string]any{"frame_origins": []string{"https://a.example", "https://a.example"}}, "If-Match", `"2"`).Problem(422, "invalid", "/frame_origins/1")
	require.Contains(t, w.Nobody().Get("/console/x").Is(404).Header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
}
