package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
)

// members is a JSON object.
type members map[string]any

func (m members) text(name string) string {
	s, _ := m[name].(string)
	return s
}

// scribe makes requests as one client, without a network. After a refusal neither it nor any scribe that came from it
// makes more.
type scribe struct {
	ctx     context.Context
	handler http.Handler
	token   string
	failed  *error
}

func newScribe(ctx context.Context, h http.Handler) *scribe {
	return &scribe{ctx: ctx, handler: h, failed: new(error)}
}

// reply collects what a handler writes.
type reply struct {
	page
	status int
}

// WriteHeader keeps the status.
func (r *reply) WriteHeader(status int) { r.status = status }

// as returns a scribe of another client, which is let in by its secret.
func (s *scribe) as(clientID, secret string) *scribe {
	other := &scribe{ctx: s.ctx, handler: s.handler, failed: s.failed}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {clientID}, "client_secret": {secret}}
	other.token = other.send(http.MethodPost, "/oauth/token", "application/x-www-form-urlencoded", []byte(form.Encode())).text("access_token")
	return other
}

func (s *scribe) post(path string, body members) members { return s.call(http.MethodPost, path, body) }

func (s *scribe) call(method, path string, body members) members {
	var b []byte
	if body != nil {
		var err error
		if b, err = json.Marshal(body); err != nil {
			*s.failed = err
			return nil
		}
	}
	return s.send(method, path, "application/json", b)
}

func (s *scribe) send(method, path, kind string, body []byte) members {
	if *s.failed != nil {
		return nil
	}
	r, err := http.NewRequestWithContext(s.ctx, method, path, bytes.NewReader(body))
	if err != nil {
		*s.failed = err
		return nil
	}
	r.RemoteAddr = "127.0.0.1:0"
	if len(body) > 0 {
		r.Header.Set("Content-Type", kind)
	}
	if s.token != "" {
		r.Header.Set("Authorization", "Bearer "+s.token)
	}
	w := &reply{page: page{header: http.Header{}}, status: http.StatusOK}
	s.handler.ServeHTTP(w, r)
	var out members
	if w.status >= http.StatusMultipleChoices {
		*s.failed = fmt.Errorf("the demo's data: %s %s was answered %d: %s", method, path, w.status, strings.TrimSpace(w.body.String()))
	} else if w.body.Len() > 0 {
		*s.failed = json.Unmarshal(w.body.Bytes(), &out)
	}
	return out
}

// seed makes a tenant with its clients, employers and journeys, as the operator. The journeys are dated around now.
func (t demoTenant) seed(operator *scribe, now time.Time) (DemoTenant, error) {
	opened := operator.post("/v1/tenants", members{"slug": t.slug, "name": t.name, "sandbox": false})
	out := DemoTenant{Slug: t.slug, ID: opened.text("id")}
	first, _ := opened["admin_client"].(map[string]any)
	id, secret := members(first).text("client_id"), members(first).text("client_secret")
	// The first secret lives 72 hours; the one that it is rotated for lasts.
	secret = operator.as(id, secret).post("/v1/clients/"+id+"/rotate-secret", members{"overlap_hours": 0}).text("client_secret")
	admin := operator.as(id, secret)
	admin.call(http.MethodPatch, "/v1/clients/"+id, members{"name": "Demo partnerbeheer"})
	out.Clients = append(out.Clients, DemoClient{"Demo partnerbeheer", string(auth.PartnerAdmin), nil, id, secret})
	coordinator := out.add(admin, members{"name": "Demo projectleider", "role": auth.Coordinator})

	employers := make([]demoMade, len(t.employers))
	s := admin.as(coordinator.ClientID, coordinator.ClientSecret)
	for i, e := range t.employers {
		employers[i] = e.seed(s)
	}
	hr := employers[t.hr]
	out.add(admin, members{"name": "Demo hr-software van " + t.employers[t.hr].name, "role": auth.Integration, "scopes": hrScopes, "organisation_id": hr.id})
	for _, j := range t.journeys {
		j.seed(s, employers[j.from], employers[j.to], now)
	}
	return out, *operator.failed
}

// hrScopes are what an employer's HR software needs.
var hrScopes = []auth.Permission{"organisation:read", "medewerker:read", "medewerker:write", "leervraag:read", "leerplek:read", "match:read",
	"leeruitwisseling:read", "opleidingsregistratie:read", "opleidingsregistratie:write", "leerbewijs:read", "survey:read", "event:read",
	"webhook:read", "webhook:write"}

// add makes a client.
func (t *DemoTenant) add(admin *scribe, in members) DemoClient {
	made := admin.post("/v1/clients", in)
	c := DemoClient{Name: made.text("name"), Role: made.text("role"), ClientID: made.text("client_id"), ClientSecret: made.text("client_secret")}
	if org := made.text("organisation_id"); org != "" {
		c.OrganisationID = &org
	}
	t.Clients = append(t.Clients, c)
	return c
}

// demoMade is an employer that is there.
type demoMade struct{ id, site, department, contact, domain string }

func (e demoEmployer) seed(s *scribe) demoMade {
	words := strings.Fields(strings.ToLower(e.name))
	domain := words[len(words)-1] + ".example"
	made := demoMade{domain: domain, id: s.post("/v1/organisations", members{"name": e.name, "kind": e.kind, "sector": e.sector,
		"workforce": e.workforce, "headcount": e.headcount}).text("id")}
	at := "/v1/organisations/" + made.id
	s.post(at+"/stage", members{"stage": "engaged"})
	made.site = s.post(at+"/sites", members{"name": "Hoofdgebouw", "street": "Voorbeeldstraat 1", "postcode": e.postcode, "municipality": e.municipality,
		"latitude": e.latitude, "longitude": e.longitude, "public_transport": true}).text("id")
	made.department = s.post(at+"/departments", members{"name": e.department, "open_to_switchers": true}).text("id")
	made.contact = s.post(at+"/contacts", members{"name": e.contact, "email": "onthaal@" + domain, "function": e.function, "decides": true,
		"follows_up": true}).text("id")
	return made
}

func (p demoPerson) seed(s *scribe, at demoMade) string {
	return s.post("/v1/medewerkers", members{"organisation_id": at.id, "site_id": at.site, "department_id": at.department,
		"given_name": p.given, "family_name": p.family, "email": strings.ToLower(p.given) + "@" + at.domain, "job_title": p.job,
		"employment": "employee", "language": "nl", "home_postcode": "9000", "max_travel_km": 40,
		"external_ids": []members{{"system": "hr", "value": p.number}}}).text("id")
}

func (j demoJourney) seed(s *scribe, from, to demoMade, now time.Time) {
	switcher, coach := j.switcher.seed(s, from), j.coach.seed(s, to)
	available := []members{{"from_on": now.AddDate(0, -2, 0).Format(time.DateOnly), "until_on": now.AddDate(1, 0, 0).Format(time.DateOnly)}}
	question := s.post("/v1/leervragen", members{"switcher_id": switcher, "title": j.title, "question": j.question, "motive": j.motive,
		"goals": j.goals, "topics": j.topics, "clarity": "clear", "reach": "team", "shared_text": j.shared, "available": available}).text("id")
	s.post("/v1/leervragen/"+question+"/open", nil)
	place := s.post("/v1/leerplekken", members{"organisation_id": to.id, "site_id": to.site, "department_id": to.department,
		"meeting_point": "Onthaal van het hoofdgebouw", "title": j.place, "description": j.offer, "topics": j.topics, "leercoach_ids": []string{coach},
		"capacity": 1, "available": available, "requirements": j.needs, "sourcing": "demand", "safety_note": j.safety}).text("id")
	s.post("/v1/leerplekken/"+place+"/publish", nil)

	match := s.post("/v1/matches", members{"leervraag_id": question, "leerplek_id": place, "leercoach_ids": []string{coach}, "draft": false}).text("id")
	s.post("/v1/matches/"+match+"/accept", members{"party": "sending", "given_by": "de leidinggevende", "channel": "phone"})
	exchange := s.post("/v1/matches/"+match+"/accept", members{"party": "receiving", "given_by": "het onthaal", "channel": "mail"}).text("leeruitwisseling_id")

	first := now.AddDate(0, 0, 14)
	if j.complete {
		first = now.AddDate(0, 0, -21)
	}
	days := workdays(first, 2)
	at := "/v1/leeruitwisselingen/" + exchange
	s.call(http.MethodPut, at+"/kennismakingsgesprek", members{"starts_at": days[0].AddDate(0, 0, -7).Add(13 * time.Hour).Format(time.RFC3339), "minutes": 20,
		"location": "https://overleg.example/kennismaking", "outcome": j.talk,
		"participants": []members{{"kind": "medewerker", "id": switcher}, {"kind": "medewerker", "id": coach}, {"kind": "contact", "id": to.contact}}})
	s.call(http.MethodPut, at+"/leeractieplan", members{"goals": j.goals, "activities": j.activities, "people_to_meet": j.meet,
		"success": "Wat geleerd is, staat op de agenda van het eigen team."})
	var planned []string
	for _, d := range days {
		planned = append(planned, s.post(at+"/days", members{"date_on": d.Format(time.DateOnly), "starts": "09:00", "ends": "16:30", "break_minutes": 30,
			"site_id": to.site, "leercoach_ids": []string{coach}}).text("id"))
	}
	if !j.complete {
		return
	}
	s.call(http.MethodPut, at+"/checks", members{"insurance": members{"work_accident": true, "commute": true, "liability": true},
		"safety_information_exchanged": true})
	for _, party := range []string{"sending", "receiving", "switcher"} {
		s.post(at+"/agreement/sign", members{"party": party, "signed_by": "Voorbeeld", "method": "recorded"})
	}
	s.post(at+"/plan", nil)
	for _, d := range planned {
		s.post(at+"/days/"+d+"/attend", members{"attended": true, "hours": nil, "safety_briefed": true})
	}
	s.post(at+"/complete", nil)
	for _, who := range []string{switcher, coach} {
		s.post("/v1/leerbewijzen", members{"leeruitwisseling_id": exchange, "medewerker_id": who})
	}
	s.post("/v1/leervragen/"+question+"/close", members{"outcome": "answered"})
}

// workdays are the first n days from a day on that are no Saturday or Sunday, at midnight UTC.
func workdays(from time.Time, n int) []time.Time {
	var out []time.Time
	for d := from.UTC().Truncate(24 * time.Hour); len(out) < n; d = d.AddDate(0, 0, 1) {
		if d.Weekday() != time.Saturday && d.Weekday() != time.Sunday {
			out = append(out, d)
		}
	}
	return out
}
