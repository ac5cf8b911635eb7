package leerbewijs_test

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/leerbewijs"
	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

const path = "/v1/leerbewijzen"

// ofSwitcher is what an exchange says of its switcher.
func ofSwitcher(p testkit.Pair) leerbewijs.New {
	title, place := "Medicatie in het woonzorgcentrum", "Lindelaan 12, 9000 Gent"
	return leerbewijs.New{LeeruitwisselingID: p.Leeruitwisseling, OrganisationID: p.Sending, MedewerkerID: p.Switcher, Role: "switcher", Lang: "nl",
		HolderName: "Sam Voorbeeld", Title: &title, Goals: []string{"Zien hoe medicatie wordt klaargezet"}, SendingName: "Apotheek Zonneveld",
		ReceivingName: "Woonzorgcentrum De Linde", Place: &place, Hours: 1400, Classification: "informal",
		From: day.Of(2027, time.January, 11), Until: day.Of(2027, time.January, 12)}
}

func issue(w *testkit.World, n leerbewijs.New) (l leerbewijs.Leerbewijs, err error) {
	return l, w.App.DB.InTenant(context.Background(), w.Who(), func(tx *db.Tx) (err error) {
		l, err = w.App.Leerbewijzen.Issue(context.Background(), tx, n)
		return err
	})
}

// issued is a leerbewijs of the switcher, and where it is read.
func issued(w *testkit.World, p testkit.Pair) (lid, here string) {
	w.T.Helper()
	l, err := issue(w, ofSwitcher(p))
	require.NoError(w.T, err)
	return l.ID.String(), path + "/" + l.ID.String()
}

func TestLeerbewijs_IsIssuedAndRead(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p := w.Pair()
	w.Do(func(tx *db.Tx) error {
		_, err := tx.Run(`update medewerkers set external_ids = '[{"system":"sdworx","value":"1001"}]' where tenant_id = ? and id = ?`, w.Tenant, p.Switcher)
		return err
	})
	lid, here := issued(w, p)
	a := w.Coordinator().Get(here).Is(200)
	for name, want := range map[string]any{"id": lid, "organisation_id": p.Sending.String(), "medewerker_id": p.Switcher.String(),
		"leeruitwisseling_id": p.Leeruitwisseling.String(), "role": "switcher", "status": "issued", "lang": "nl", "holder_name": "Sam Voorbeeld",
		"title": "Medicatie in het woonzorgcentrum", "goals.0": "Zien hoe medicatie wordt klaargezet", "sending_name": "Apotheek Zonneveld",
		"receiving_name": "Woonzorgcentrum De Linde", "place": "Lindelaan 12, 9000 Gent", "hours": 14.0, "classification": "informal",
		"from_on": "2027-01-11", "until_on": "2027-01-12", "valid_until_on": nil, "suspended_at": nil, "suspend_reason": nil, "revoked_at": nil,
		"revoke_reason": nil} {
		require.Equal(t, want, a.At(name), name)
	}
	require.Regexp(t, `^`+testkit.PublicURL+`/check/`+lid+`\?k=[A-Za-z0-9_-]{22}$`, a.Str("check_url"))
	require.Equal(t, `"1"`, a.Header.Get("ETag"))

	require.Equal(t, []string{"leerbewijs.issued"}, w.EventTypes(lid))
	require.JSONEq(t, `{"tenant_id":"`+w.Tenant.String()+`","subject_id":"`+lid+`","revision":1,"organisation_ids":["`+p.Sending.String()+`"],
		"organisation_id":"`+p.Sending.String()+`","medewerker_id":"`+p.Switcher.String()+`","leeruitwisseling_id":"`+p.Leeruitwisseling.String()+`",
		"role":"switcher","status":"issued","hours":14,"issued_at":"`+a.Str("issued_at")+`","check_url":"`+testkit.PublicURL+`/check/`+lid+`"}`,
		string(w.Events()[0].Data), "the key that shows the name is not in it")
	require.Equal(t, 1, w.Count(`select count(*) from events where tenant_id = $1 and external_ids @> '[{"system":"sdworx","value":"1001"}]'`, w.Tenant.UUID()))
	require.Equal(t, 1, w.Count(`select count(*) from audit where tenant_id = $1 and action = 'leerbewijs.issue'`, w.Tenant.UUID()))
	key := strings.Split(a.Str("check_url"), "?k=")[1]
	require.Zero(t, w.Count(`select count(*) from leerbewijzen where tenant_id = $1 and position(convert_to($2,'UTF8') in key_sealed) > 0`, w.Tenant.UUID(), key))
}

func TestLeerbewijs_IsIssuedOnceToEachPersonOfAnExchange(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p := w.Pair()
	c := w.Coordinator()
	_, here := issued(w, p)
	_, err := issue(w, ofSwitcher(p))
	require.True(t, leerbewijs.Exists.Is(err))

	coach := ofSwitcher(p)
	coach.OrganisationID, coach.MedewerkerID, coach.Role, coach.HolderName, coach.Title, coach.Goals, coach.Lang = p.Receiving, p.Coach, "leercoach", "Noor Voorbeeld", nil, nil, "de"
	l, err := issue(w, coach)
	require.NoError(t, err)
	a := c.Get(path + "/" + l.ID.String()).Is(200)
	require.Equal(t, []any{"leercoach", nil, "nl"}, []any{a.At("role"), a.At("title"), a.At("lang")}, "a language that we do not print becomes the tenant's")
	require.Zero(t, a.Len("goals"))
	require.True(t, bytes.HasPrefix(c.Get(path+"/"+l.ID.String()+"/pdf").Is(200).Body, []byte("%PDF-")))

	c.Post(here+"/revoke", `{"reason":"verkeerde naam"}`).Is(200)
	again, err := issue(w, ofSwitcher(p))
	require.NoError(t, err, "what was revoked makes room")
	require.NotEqual(t, path+"/"+again.ID.String(), here)

	none := ofSwitcher(w.Pair())
	none.Hours = 0
	_, err = issue(w, none)
	require.True(t, leerbewijs.NoHours.Is(err))
	stray := ofSwitcher(w.Pair())
	stray.OrganisationID = p.Sending
	_, err = issue(w, stray)
	require.True(t, fault.Unprocessable.Is(err), "the holder works for that employer")
}

func TestLeerbewijs_PrintsItsCheckURL(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	_, here := issued(w, w.Pair())
	pdf := c.Get(here + "/pdf").Is(200)
	require.Equal(t, "application/pdf", pdf.Header.Get("Content-Type"))
	require.Contains(t, pdf.Header.Get("Content-Disposition"), "leerbewijs-lbw_")
	require.True(t, bytes.HasPrefix(pdf.Body, []byte("%PDF-")))
	url := c.Get(here).Is(200).Str("check_url")
	require.Equal(t, url, leerbewijs.ScanCode(t, pdf.Body))
	require.Equal(t, pdf.Body, c.Get(here+"/pdf").Is(200).Body, "the same bytes every time")

	c.Patch(here, `{"lang":"fr"}`).Is(200)
	require.NotEqual(t, pdf.Body, c.Get(here+"/pdf").Is(200).Body)

	shown := w.Nobody().Get(strings.TrimPrefix(url, testkit.PublicURL), "Accept", "application/json").Is(200)
	require.Equal(t, "Sam Voorbeeld", shown.At("holder_name"), "what is printed leads to the name")

	c.Post(here+"/revoke", `{"reason":"x"}`).Is(200)
	c.Get(here+"/pdf").Problem(409, "leerbewijs-revoked")
	c.Get(path+"/"+id.NewLeerbewijs().String()+"/pdf").Problem(404, "not-found")
}

func TestLeerbewijs_IsSuspendedReinstatedAndRevoked(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	lid, here := issued(w, w.Pair())
	require.EqualValues(t, 1, c.Post(here+"/reinstate", nil).Is(200).Num("revision"), "it counts already")

	a := c.Post(here+"/suspend", `{"reason":"De uren worden nagekeken."}`).Is(200)
	require.Equal(t, []any{"suspended", "De uren worden nagekeken."}, []any{a.At("status"), a.At("suspend_reason")})
	require.NotNil(t, a.At("suspended_at"))
	same := c.Post(here+"/suspend", `{"reason":"Nog eens."}`).Is(200)
	require.JSONEq(t, string(a.Body), string(same.Body), "once is enough")
	a = c.Post(here+"/reinstate", `{}`).Is(200)
	require.Equal(t, []any{"issued", nil, nil}, []any{a.At("status"), a.At("suspend_reason"), a.At("suspended_at")})

	c.Post(here+"/suspend", `{"reason":"x"}`).Is(200)
	a = c.Post(here+"/revoke", `{"reason":"Uitgereikt aan de verkeerde persoon."}`).Is(200)
	require.Equal(t, []any{"revoked", "Uitgereikt aan de verkeerde persoon.", nil}, []any{a.At("status"), a.At("revoke_reason"), a.At("suspended_at")})
	require.NotNil(t, a.At("revoked_at"))
	require.JSONEq(t, string(a.Body), string(c.Post(here+"/revoke", `{"reason":"Nog eens."}`).Is(200).Body))
	c.Post(here+"/suspend", `{"reason":"x"}`).Problem(409, "leerbewijs-revoked")
	c.Post(here+"/reinstate", nil).Problem(409, "leerbewijs-revoked")
	c.Patch(here, `{"lang":"fr"}`).Problem(409, "leerbewijs-revoked")

	require.Equal(t, []string{"leerbewijs.issued", "leerbewijs.updated", "leerbewijs.updated", "leerbewijs.updated", "leerbewijs.revoked"}, w.EventTypes(lid))
	require.Equal(t, 5, w.Count(`select count(*) from audit where tenant_id = $1 and action like 'leerbewijs.%'`, w.Tenant.UUID()))
	require.Zero(t, w.Count(`select count(*) from audit where tenant_id = $1 and details::text like '%persoon%'`, w.Tenant.UUID()), "no free text in the audit table")

	_, other := issued(w, w.Pair())
	for body, at := range map[string]string{`{}`: "/reason", `{"reason":" "}`: "/reason", `{"reason":"` + strings.Repeat("x", 2001) + `"}`: "/reason",
		`{"reason":"x","why":"y"}`: "/why", `{"reason":null}`: "/reason"} {
		c.Post(other+"/revoke", body).Problem(422, "invalid", at)
		c.Post(other+"/suspend", body).Problem(422, "invalid", at)
	}
	c.Post(path+"/"+id.NewLeerbewijs().String()+"/revoke", `{"reason":"x"}`).Problem(404, "not-found")
}

func TestLeerbewijs_ItsLanguageAndLastDayCanChange(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	lid, here := issued(w, w.Pair())
	a := c.Patch(here, `{"lang":"en","valid_until_on":"2090-06-30"}`, "If-Match", `"1"`).Is(200)
	require.Equal(t, []any{"en", "2090-06-30", "issued", float64(2)}, []any{a.At("lang"), a.At("valid_until_on"), a.At("status"), a.At("revision")})
	require.EqualValues(t, 2, c.Patch(here, `{"lang":"en"}`).Is(200).Num("revision"), "nothing changed, no revision")
	c.Patch(here, `{"lang":"nl"}`, "If-Match", `"1"`).Problem(412, "revision-mismatch")
	require.Nil(t, c.Patch(here, `{"valid_until_on":null}`).Is(200).At("valid_until_on"))
	c.Patch(here, `{"lang":"de"}`).Problem(422, "invalid", "/lang")
	c.Patch(here, `{"lang":null}`).Problem(422, "invalid", "/lang")
	c.Patch(here, `{"valid_until_on":"2020-01-01"}`).Problem(422, "invalid", "/valid_until_on")
	c.Patch(here, `{"valid_until_on":"30/06/2090"}`).Problem(422, "invalid", "/valid_until_on")
	c.Patch(here, `{"holder_name":"x"}`).Problem(422, "invalid", "/holder_name")
	require.Equal(t, []string{"leerbewijs.issued", "leerbewijs.updated", "leerbewijs.updated"}, w.EventTypes(lid))
}

// expire makes yesterday the last day, which the door refuses for what was issued today.
func expire(w *testkit.World, lid string) {
	w.T.Helper()
	var found id.LeerbewijsID
	require.NoError(w.T, found.UnmarshalText([]byte(lid)))
	w.Do(func(tx *db.Tx) error {
		_, err := tx.Run(`update leerbewijzen set valid_until_on = ? where tenant_id = ? and id = ?`, day.At(tx.Now, time.UTC).Add(-2), w.Tenant, found)
		return err
	})
}

func TestLeerbewijs_Lists(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	a, b, x, d := w.Pair(), w.Pair(), w.Pair(), w.Pair()
	valid, _ := issued(w, a)
	suspended, _ := issued(w, b)
	revoked, _ := issued(w, x)
	expired, _ := issued(w, d)
	c.Post(path+"/"+suspended+"/suspend", `{"reason":"x"}`).Is(200)
	c.Post(path+"/"+revoked+"/revoke", `{"reason":"x"}`).Is(200)
	expire(w, expired)
	for query, want := range map[string][]string{
		"":                                       {valid, suspended, revoked, expired},
		"?status=issued":                         {valid},
		"?status=suspended,revoked":              {suspended, revoked},
		"?status=expired":                        {expired},
		"?organisation_id=" + a.Sending.String(): {valid},
		"?organisation_id=" + a.Receiving.String():             {},
		"?medewerker_id=" + b.Switcher.String():                {suspended},
		"?leeruitwisseling_id=" + x.Leeruitwisseling.String():  {revoked},
		"?status=issued&organisation_id=" + d.Sending.String(): {},
		"?sort=-created_at&limit=1":                            {expired},
	} {
		got := []string{}
		p := c.Get(path + query).Is(200)
		var page struct {
			Data []struct{ ID string }
		}
		p.Into(&page)
		for _, l := range page.Data {
			got = append(got, l.ID)
		}
		require.Equal(t, want, got, query)
	}
	require.Equal(t, "expired", c.Get(path+"/"+expired).Is(200).Str("status"))
	c.Get(path+"?status=lost").Problem(400, "invalid-parameter", "status")
}

func TestLeerbewijs_CanBeFollowed(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p := w.Pair()
	lms := w.Client(auth.Integration, nil, nil, "leerbewijs:read")
	start := w.Clock.Now().UTC().Format(time.RFC3339)
	lid, here := issued(w, p)
	a := follow(t, lms, path+"?updated_since="+start, lid, "issued")
	w.Coordinator().Post(here+"/revoke", `{"reason":"x"}`).Is(200)
	a = follow(t, lms, path+"?cursor="+a.Str("next_cursor"), lid, "revoked")
	require.NotNil(t, a.At("next_cursor"))
	require.False(t, a.At("has_more").(bool))
}

// follow reads until the row is there: a transaction of another test may hold the horizon back for a moment.
func follow(t *testing.T, c *testkit.Caller, path, lid, status string) *testkit.Answer {
	t.Helper()
	var a *testkit.Answer
	require.Eventually(t, func() bool {
		a = c.Get(path)
		return a.Status == http.StatusOK && a.Len("data") == 1 && a.Str("data.0.id") == lid && a.Str("data.0.status") == status
	}, 20*time.Second, 20*time.Millisecond)
	return a
}

func TestLeerbewijs_OnlyWhoItConcernsSeesIt(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p := w.Pair()
	_, here := issued(w, p)
	whole := string(w.Coordinator().Get(here).Is(200).Body)
	colleague := w.Medewerker(p.Sending, "Kim")
	for name, c := range map[string]*testkit.Caller{"the employer": w.Employer(p.Sending), "the holder": w.Client(auth.Switcher, &p.Sending, &p.Switcher)} {
		require.JSONEq(t, whole, string(c.Get(here).Is(200).Body), name)
		require.Equal(t, 1, c.Get(path).Is(200).Len("data"), name)
		require.True(t, bytes.HasPrefix(c.Get(here+"/pdf").Is(200).Body, []byte("%PDF-")), name)
		c.Post(here+"/revoke", `{"reason":"x"}`).Problem(403, "forbidden")
	}
	for name, c := range map[string]*testkit.Caller{
		"the host": w.Employer(p.Receiving), "the leercoach": w.Client(auth.Leercoach, &p.Receiving, &p.Coach),
		"a colleague": w.Client(auth.Switcher, &p.Sending, &colleague), "another tenant": testkit.New(t).Coordinator()} {
		for _, end := range []string{"", "/pdf"} {
			require.Equal(t, c.Get(path+"/"+id.NewLeerbewijs().String()+end).Is(404).Retold(), c.Get(here+end).Is(404).Retold(), name)
		}
		require.Zero(t, c.Get(path).Is(200).Len("data"), name)
	}
	host := w.Client(auth.Integration, &p.Receiving, nil, "leerbewijs:read", "leerbewijs:write")
	host.Post(here+"/revoke", `{"reason":"x"}`).Problem(403, "forbidden")
	own := w.Client(auth.Integration, &p.Sending, &p.Switcher, "leerbewijs:read", "leerbewijs:write")
	own.Post(here+"/suspend", `{"reason":"x"}`).Problem(403, "forbidden")
	own.Patch(here, `{"valid_until_on":null}`).Problem(403, "forbidden")
	w.Nobody().Get(here).Problem(401, "unauthenticated")
	require.JSONEq(t, whole, string(w.Coordinator().Get(here).Is(200).Body), "nothing changed")
}

func TestCheck_SaysWhetherItHolds(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c, anybody := w.Coordinator(), w.Nobody()
	lid, here := issued(w, w.Pair())
	check := "/check/" + lid
	printed := strings.TrimPrefix(c.Get(here).Is(200).Str("check_url"), testkit.PublicURL)

	a := anybody.Get(check, "Accept", "application/json").Is(200)
	require.Equal(t, "application/json", a.Header.Get("Content-Type"))
	require.Equal(t, []string{"no-store", "Accept"}, []string{a.Header.Get("Cache-Control"), a.Header.Get("Vary")})
	for name, want := range map[string]any{"id": lid, "status": "valid", "role": "switcher", "classification": "informal", "hours": 14.0,
		"from_on": "2027-01-11", "until_on": "2027-01-12", "issuer_name": "Partner " + w.Slug, "valid_until_on": nil,
		"holder_name": nil, "sending_name": nil, "receiving_name": nil} {
		require.Equal(t, want, a.At(name), name)
	}
	for _, wrong := range []string{"?k=", "?k=x", "?k=" + strings.Repeat("A", 22), "?k=" + strings.Repeat("A", 2000), strings.TrimSuffix(printed[len(check):], printed[len(printed)-1:])} {
		require.JSONEq(t, string(a.Body), string(anybody.Get(check+wrong, "Accept", "application/json").Is(200).Body), "a wrong key is no key")
	}
	named := anybody.Get(printed, "Accept", "application/json").Is(200)
	require.Equal(t, []any{"Sam Voorbeeld", "Apotheek Zonneveld", "Woonzorgcentrum De Linde"},
		[]any{named.At("holder_name"), named.At("sending_name"), named.At("receiving_name")})

	for _, accept := range []string{"", "*/*", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"} {
		html := anybody.Get(check, "Accept", accept, "Accept-Language", "nl").Is(200)
		require.Equal(t, "text/html; charset=utf-8", html.Header.Get("Content-Type"))
		require.Equal(t, "Accept, Accept-Language", html.Header.Get("Vary"))
		require.Equal(t, "no-store", html.Header.Get("Cache-Control"))
		require.Equal(t, "no-referrer", html.Header.Get("Referrer-Policy"))
		require.Contains(t, string(html.Body), "Dit leerbewijs is geldig")
		require.Contains(t, string(html.Body), "Partner "+w.Slug)
		require.NotContains(t, string(html.Body), "Voorbeeld")
		require.NotContains(t, string(html.Body), "Zonneveld")
		require.NotContains(t, string(html.Body), "Medicatie", "the leervraag is nobody's business")
	}
	page := string(anybody.Get(printed, "Accept-Language", "fr-BE,fr;q=0.9").Is(200).Body)
	require.Contains(t, page, "Sam Voorbeeld")
	require.Contains(t, page, "Cette attestation est valable")

	says := func(status, title string) {
		t.Helper()
		require.Equal(t, status, anybody.Get(check, "Accept", "application/json").Is(200).Str("status"))
		require.Contains(t, string(anybody.Get(check).Is(200).Body), title)
	}
	c.Post(here+"/suspend", `{"reason":"x"}`).Is(200)
	says("suspended", "tijdelijk geschorst")
	c.Post(here+"/reinstate", nil).Is(200)
	says("valid", "is geldig")
	expire(w, lid)
	says("expired", "is vervallen")
	c.Post(here+"/revoke", `{"reason":"x"}`).Is(200)
	says("revoked", "is ingetrokken")
	require.NotContains(t, w.Log.String(), lid, "the address stands in no log")
}

func TestCheck_UnknownOnesAreAllAlike(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	anybody := w.Nobody()
	random := "/check/" + id.NewLeerbewijs().String()
	problem := anybody.Get(random, "Accept", "application/json").Problem(404, "not-found")
	page := anybody.Get(random)
	page.Is(404)
	require.Contains(t, string(page.Body), "Dit leerbewijs kennen we niet")
	for _, unknown := range []string{random + "?k=x", "/check/x", "/check/" + id.NewOrganisation().String(), "/check/" + w.Tenant.String(), "/check/%20", "/check/" + strings.Repeat("x", 3000)} {
		require.Equal(t, problem.Retold(), anybody.Get(unknown, "Accept", "application/json").Is(404).Retold(), unknown)
		again := anybody.Get(unknown)
		again.Is(404)
		require.Equal(t, string(page.Body), string(again.Body), unknown)
		require.Equal(t, page.Header.Get("Content-Type"), again.Header.Get("Content-Type"))
	}
}

// Whoever moves a key to another row, or reads the table, gets no name out of it.
func TestCheck_AKeyOpensOneLeerbewijs(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	first, here := issued(w, w.Pair())
	second, _ := issued(w, w.Pair())
	key := strings.Split(c.Get(here).Is(200).Str("check_url"), "?k=")[1]
	require.NotNil(t, w.Nobody().Get("/check/"+first+"?k="+key, "Accept", "application/json").Is(200).At("holder_name"))
	require.Nil(t, w.Nobody().Get("/check/"+second+"?k="+key, "Accept", "application/json").Is(200).At("holder_name"))
}
