package app

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/switchingtalent/switchboard/internal/leerbewijs"
	"github.com/switchingtalent/switchboard/internal/leeruitwisseling"
	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/survey"
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

// list is the first page of a list, which is all of it in a demo.
func (s *scribe) list(path string) []members {
	data, _ := s.call(http.MethodGet, path, nil)["data"].([]any)
	out := make([]members, len(data))
	for i, v := range data {
		out[i], _ = v.(map[string]any)
	}
	return out
}

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

// seed makes a tenant with its clients, employers, journeys and cohort, as the operator. The journeys are dated around now.
// place is its place among the tenants of the demo.
func (t demoTenant) seed(operator *scribe, a *App, place int) (DemoTenant, error) {
	now := a.DB.Now()
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

	s := admin.as(coordinator.ClientID, coordinator.ClientSecret)
	employers := make([]*demoMade, len(t.employers))
	for i, e := range t.employers {
		employers[i] = e.seed(s, now, t.details[i])
	}
	prospects := make([]string, len(t.prospects))
	for i, p := range t.prospects {
		prospects[i] = p.seed(s, now)
	}
	s.post("/v1/rivals", members{"organisation_id": employers[t.rivals[0]].id, "rival_organisation_id": prospects[t.rivals[1]]})
	hr := employers[t.hr]
	out.add(admin, members{"name": "Demo hr-software van " + t.employers[t.hr].name, "role": auth.Integration, "scopes": hrScopes, "organisation_id": hr.id})
	var sought []demoTrip
	trips := make([]demoTrip, len(t.journeys))
	for i, j := range t.journeys {
		trip := demoTrip{demoJourney: j, s: s, sending: employers[j.from], receiving: employers[j.to], number: i + 1, now: now, app: a, tenant: out.ID,
			round: t.before, switcherName: demoFamily(32*place + i), coachName: demoFamily(32*place + 16 + i)}
		trip.travel()
		trips[i] = trip
		if j.end == isSought {
			sought = append(sought, trip)
		}
	}
	// One leerplek waits for a leercoach, and the round after this one for its participants.
	last := employers[len(employers)-1]
	s.post("/v1/leerplekken", members{"organisation_id": last.id, "site_id": last.site, "department_id": last.departmentID, "title": "Een dag bij het team " + last.department,
		"description": "Wordt nog uitgewerkt: er is nog geen leercoach.", "capacity": 1, "sourcing": "supply"})
	next := s.post("/v1/cohorten", members{"name": "Ronde van het najaar", "from_on": dateOf(now.AddDate(0, 6, 0))}).text("id")
	t.comeNext(s, next, trips)
	run := t.match(s, employers, sought, now)
	if *s.failed == nil {
		*s.failed = a.computeDemo(s.ctx, out.ID, run)
	}
	// One of what the run proposes becomes a draft, which no employer sees yet; the rest waits for the coordinator.
	s.post("/v1/matching-runs/"+run+"/accept", members{"leervraag_ids": []string{sought[0].questionID}, "as": "draft"})
	return out, *operator.failed
}

// comeNext makes the leervragen and leerplekken of those who would take part in the next round.
func (t demoTenant) comeNext(s *scribe, cohort string, trips []demoTrip) {
	var questions, places []string
	for _, a := range t.asks {
		trip := trips[a.of]
		in := members{"switcher_id": trip.coachID, "title": a.title, "question": a.question, "motive": a.motive, "goals": []string{}, "topics": a.topics,
			"clarity": "clear", "reach": "switcher", "available": trip.available(), "days_needed": 1}
		if a.vague {
			in["clarity"] = "vague"
			s.post("/v1/leervragen", in)
			continue
		}
		in["goals"] = []string{a.goal}
		if trip.completed() {
			in["from_leeruitwisseling_id"], in["meaning"] = trip.exchangeID, "Dat wat tijdens de uitwisseling een vraag bleef, een antwoord krijgt."
		}
		question := s.post("/v1/leervragen", in).text("id")
		s.post("/v1/leervragen/"+question+"/open", nil)
		questions = append(questions, question)
	}
	for _, o := range t.offers {
		trip := trips[o.of]
		sourcing := "supply"
		if o.together {
			sourcing = "cocreation"
		}
		place := trip.offer(trip.sending, trip.switcherID, trip.switcher.job, o.title, o.offer, sourcing, o.topics)
		if o.draft {
			continue
		}
		s.post("/v1/leerplekken/"+place+"/publish", nil)
		places = append(places, place)
	}
	s.post("/v1/cohorten/"+cohort+"/leervragen", members{"leervraag_ids": questions})
	s.post("/v1/cohorten/"+cohort+"/leerplekken", members{"leerplek_ids": places})
}

// computeDemo computes the matching run of a tenant, as its job would.
func (a *App) computeDemo(ctx context.Context, tenant, run string) error {
	var tid id.TenantID
	var rid id.MatchingRunID
	if err := errors.Join(tid.UnmarshalText([]byte(tenant)), rid.UnmarshalText([]byte(run))); err != nil {
		return err
	}
	return a.Matching.ComputeRun(ctx, tid, rid)
}

// match makes the cohort of those who look for a place, notes what they like best, and asks for a run.
func (t demoTenant) match(s *scribe, employers []*demoMade, sought []demoTrip, now time.Time) (run string) {
	cohort := s.post("/v1/cohorten", members{"name": t.cohort, "from_on": dateOf(now.AddDate(0, 0, -7)), "until_on": dateOf(now.AddDate(0, 4, 0)),
		"kick_off_on": dateOf(now.AddDate(0, 0, -3)), "planned_exchanges": 15, "terugkommoment_on": dateOf(now.AddDate(0, 4, 7))}).text("id")
	at := "/v1/cohorten/" + cohort
	var questions, places []string
	for _, trip := range sought {
		questions, places = append(questions, trip.questionID), append(places, trip.placeID)
	}
	s.post(at+"/leervragen", members{"leervraag_ids": questions})
	s.post(at+"/leerplekken", members{"leerplek_ids": places})
	s.post(at+"/open", nil)
	for i, trip := range sought {
		top := []string{trip.receiving.id}
		if other := sought[(i+1)%len(sought)].receiving; other != trip.receiving && other != trip.sending {
			top = append(top, other.id)
		}
		s.call(http.MethodPut, at+"/participants/"+trip.switcherID+"/preferences", members{"organisation_ids": top})
	}
	// The first run was stopped before it was computed: the coordinator had forgotten a floor.
	stopped := s.post("/v1/matching-runs", members{"cohort_id": cohort}).text("id")
	s.post("/v1/matching-runs/"+stopped+"/cancel", nil)
	return s.post("/v1/matching-runs", members{"cohort_id": cohort}).text("id")
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
type demoMade struct {
	demoEmployer
	detail                                    demoDetail
	id, site, departmentID, contactID, domain string
}

func (p demoProspect) seed(s *scribe, now time.Time) (organisation string) {
	organisation = s.post("/v1/organisations", members{"name": p.name, "kind": p.kind, "sector": p.sector}).text("id")
	at := "/v1/organisations/" + organisation
	if p.stage != "informed" {
		s.post(at+"/stage", members{"stage": p.stage})
	}
	s.post(at+"/conversations", members{"held_at": now.AddDate(0, 0, -9).Format(time.RFC3339), "channel": "event", "noted_by": "de projectleider", "note": p.note})
	return organisation
}

// emailName is a name as it stands in an address.
func emailName(name string) string {
	words := strings.Fields(strings.ToLower(name))
	return words[len(words)-1]
}

func dateOf(t time.Time) string { return t.Format(time.DateOnly) }

func (e demoEmployer) seed(s *scribe, now time.Time, d demoDetail) *demoMade {
	made := demoMade{demoEmployer: e, detail: d, domain: emailName(e.name) + ".example", id: s.post("/v1/organisations", members{"name": e.name, "kind": e.kind,
		"sector": e.sector, "workforce": e.workforce, "headcount": e.headcount, "sector_group": e.group, "sme": e.headcount < 250,
		"maatwerkbedrijf": strings.Contains(e.name, "Maatwerkbedrijf")}).text("id")}
	at := "/v1/organisations/" + made.id
	s.post(at+"/stage", members{"stage": "engaged"})
	made.site = s.post(at+"/sites", members{"name": d.site, "street": d.street, "postcode": e.postcode, "municipality": e.municipality,
		"latitude": e.latitude, "longitude": e.longitude, "public_transport": true, "kind": e.siteKind}).text("id")
	if second := d.second; second.name != "" {
		in := members{"name": second.name, "street": second.street, "postcode": e.postcode, "municipality": e.municipality, "public_transport": second.transport, "kind": second.kind}
		if second.park != "" {
			in["business_park"] = second.park
		}
		s.post(at+"/sites", in)
	}
	made.departmentID = s.post(at+"/departments", members{"name": e.department, "open_to_switchers": true}).text("id")
	s.post(at+"/departments", members{"name": e.closed, "open_to_switchers": false, "reason": e.why})
	made.contactID = s.post(at+"/contacts", members{"name": e.contact + " " + e.family, "email": strings.ToLower(e.contact) + "@" + made.domain,
		"function": e.function, "profile": e.profile, "decides": !d.colleague.decides, "follows_up": d.colleague.name == "" || d.colleague.decides}).text("id")
	contacts := []string{made.contactID}
	if c := d.colleague; c.name != "" {
		contacts = append(contacts, s.post(at+"/contacts", members{"name": c.name, "email": strings.ToLower(strings.Fields(c.name)[0]) + "@" + made.domain, "function": c.function, "profile": c.profile,
			"decides": c.decides, "follows_up": !c.decides}).text("id"))
	}
	s.call(http.MethodPatch, at+"/profile", members{"core_values": e.values, "strengths": e.strengths, "weaker_points": e.weaker, "offers": e.strengths,
		"challenges": []string{e.need}, "internal_channels": d.channels, "openness": e.openness,
		"competition_sensitivity": d.sensitivity, "desired_result": e.result})
	s.post(at+"/needs", members{"title": e.need, "department_id": made.departmentID, "reach": "team", "desired_result": e.result,
		"development_context": d.context, "other_effects": []string{d.effect}})
	s.post(at+"/conversations", members{"held_at": now.AddDate(0, 0, -40).Format(time.RFC3339), "channel": "visit", "contact_ids": contacts,
		"noted_by": "de projectleider", "note": "Intakegesprek: toelichting gegeven over Switching Talent en de engagementsverklaring besproken.", "follow_up_done": true,
		"follow_up_on": dateOf(now.AddDate(0, 0, -12))})
	s.post(at+"/conversations", members{"held_at": now.AddDate(0, 0, -12).Format(time.RFC3339), "channel": "phone", "contact_ids": []string{made.contactID},
		"noted_by": "de projectleider", "note": e.note, "follow_up_on": dateOf(now.AddDate(0, 0, 18))})
	return &made
}

// decider is who gives an employer's word.
func (m *demoMade) decider() string {
	if m.detail.colleague.decides {
		return m.detail.colleague.name
	}
	return m.contact + " " + m.family
}

// seed makes the employee of that number among those of a tenant, from 1.
func (p demoPerson) seed(s *scribe, at *demoMade, family string, number int) string {
	talents, needs := []string{p.talent}, []string{}
	if p.wants != "" {
		needs = append(needs, p.wants)
	}
	in := members{"organisation_id": at.id, "site_id": at.site, "department_id": at.departmentID,
		"given_name": p.given, "family_name": family, "email": strings.ToLower(p.given) + "@" + at.domain, "job_title": p.job,
		"employment": cmp.Or(demoFooting[p.job], "employee"), "language": cmp.Or(demoSpeaks[number], "nl"), "home_postcode": demoHomes[number%len(demoHomes)],
		"work_postcode": at.postcode, "max_travel_km": demoReaches[number%len(demoReaches)], "needs_public_transport": number%4 == 0,
		"employed_since_on": fmt.Sprintf("%d-09-01", p.since), "talents": talents, "learning_needs": needs,
		"external_ids": []members{{"system": "hr", "value": fmt.Sprint(1000 + number)}}}
	if motive := demoMotives[number-1]; motive != "" {
		in["motivation"] = motive
	}
	return s.post("/v1/medewerkers", in).text("id")
}

// demoTrip is a journey on its way.
type demoTrip struct {
	demoJourney
	s                  *scribe
	sending, receiving *demoMade
	number             int
	now                time.Time
	app                *App
	tenant             string

	switcherName, coachName string // their family names
	round, cohortID         string // of the round before

	switcherID, coachID, questionID, placeID, matchID, exchangeID string
	days                                                          []time.Time
	dayIDs                                                        []string
}

func (t *demoTrip) leervraag() string        { return "/v1/leervragen/" + t.questionID }
func (t *demoTrip) leeruitwisseling() string { return "/v1/leeruitwisselingen/" + t.exchangeID }

// travel makes the journey, as far as it came.
func (t *demoTrip) travel() {
	t.ask()
	switch t.end {
	case isVague:
		return
	case isUnplaced:
		t.s.post(t.leervraag()+"/close", members{"outcome": "not_addressed", "reason": t.why})
		return
	}
	t.host()
	switch t.end {
	case isSought:
		return
	case isUnanswered:
		t.begin()
	}
	t.propose()
	switch t.end {
	case isProposed:
		return
	case isDeclined:
		t.s.post("/v1/matches/"+t.matchID+"/decline", members{"party": "receiving", "reason": t.why})
		t.s.post("/v1/leerplekken/"+t.placeID+"/withdraw", nil)
		return
	case isLapsed:
		t.s.post(t.leervraag()+"/withdraw", nil)
		return
	}
	t.exchangeID = t.s.post("/v1/matches/"+t.matchID+"/accept", members{"party": "receiving", "given_by": t.receiving.decider(),
		"channel": "mail"}).text("leeruitwisseling_id")
	t.prepare()
	if t.end == isPreparing {
		return
	}
	t.settle()
	switch t.end {
	case isPlanned:
		return
	case isStarted:
		t.attend(0)
		return
	case isCancelled:
		t.s.post(t.leeruitwisseling()+"/cancel", members{"reason": t.calledOff[0], "by_party": t.calledOff[1], "note": t.why})
		return
	}
	t.attend(0)
	t.attend(1)
	t.finish()
}

// ask makes the switcher and the leervraag.
func (t *demoTrip) ask() {
	t.switcherID = t.switcher.seed(t.s, t.sending, t.switcherName, t.number)
	in := members{"switcher_id": t.switcherID, "title": t.title, "question": t.question, "motive": t.motive, "goals": texts(t.goals), "topics": texts(t.topics),
		"clarity": "clear", "reach": "team", "available": t.available(), "days_needed": 1, "in_training_plan": t.measure != "",
		"learn_in_general": t.switcher.wants, "people_to_meet": texts(t.meet), "activities": texts(t.activities)}
	if t.end != isVague {
		in["meaning"], in["must_cover"] = demoMeanings[t.number-1], t.goals[:1]
	}
	if t.place != "" && t.number%3 != 0 {
		in["sector_wish"] = "other"
		if t.sending.sector == t.receiving.sector {
			in["sector_wish"] = "same"
		}
	}
	if t.shared != "" {
		in["shared_text"] = t.shared
	}
	if t.place != "" {
		in["how_to_answer"] = t.demoJourney.offer
	}
	if t.measure != "" {
		in["smart_goals"] = []members{{"goal": t.goals[0], "measure": t.measure, "feasible": "Het lukt in één of twee dagen meelopen.", "relevant": t.motive,
			"by_on": dateOf(t.now.AddDate(0, 3, 0))}}
	}
	if t.end == isVague {
		in["clarity"], in["reach"] = "vague", "switcher"
	}
	t.questionID = t.s.post("/v1/leervragen", in).text("id")
	if t.end != isVague {
		t.s.post(t.leervraag()+"/open", nil)
	}
}

func (t *demoTrip) completed() bool {
	return t.end == isAnswered || t.end == isPartly || t.end == isUnanswered
}

func (t *demoTrip) available() []members {
	return []members{{"from_on": dateOf(t.now.AddDate(0, -5, 0)), "until_on": dateOf(t.now.AddDate(1, 0, 0))}}
}

// host makes the leercoach and the leerplek.
func (t *demoTrip) host() {
	t.coachID = t.coach.seed(t.s, t.receiving, t.coachName, 16+t.number)
	t.placeID = t.offer(t.receiving, t.coachID, t.coach.job, t.place, t.demoJourney.offer, "demand", t.topics)
	t.s.post("/v1/leerplekken/"+t.placeID+"/publish", nil)
}

// spoken are the languages of a leerplek, among them that of who asks for it.
func (t *demoTrip) spoken() []string {
	out := []string{"nl"}
	if t.number%4 == 1 {
		out = append(out, "fr")
	}
	if t.number%5 == 0 {
		out = append(out, "en")
	}
	return out
}

// offer makes a leerplek of an employer with a leercoach, who has a job there.
func (t *demoTrip) offer(at *demoMade, coach, job, title, text, sourcing string, topics []string) (place string) {
	requirements := []string{}
	if at.bring != "" {
		requirements = append(requirements, at.bring)
	}
	place = t.s.post("/v1/leerplekken", members{"organisation_id": at.id, "site_id": at.site, "department_id": at.departmentID, "function": job,
		"team": at.department, "place_kind": at.placeKind, "accessibility": at.travel, "exclusions": []string{strings.ToLower(at.closed)},
		"meeting_point": at.detail.meet, "title": title, "description": text, "topics": topics, "leercoach_ids": []string{coach},
		"capacity": 1, "available": t.available(), "requirements": requirements, "languages": t.spoken(), "sourcing": sourcing,
		"safety_note": at.safety}).text("id")
	t.s.call(http.MethodPut, "/v1/leerplekken/"+place+"/coaches/"+coach, members{"voluntary": true, "has_time": true, "knows_role": true,
		"craft_expertise": true, "coaching_expertise": true, "tasks": []string{"onthalen en begeleiden", "feedback geven", "samen terugblikken"},
		"planning": "Voormiddag meelopen, namiddag zelf doen en samen terugblikken."})
	return place
}

// propose makes the match, to which the sending employer agrees.
func (t *demoTrip) propose() {
	t.matchID = t.s.post("/v1/matches", members{"leervraag_id": t.questionID, "leerplek_id": t.placeID, "leercoach_ids": []string{t.coachID}, "draft": false}).text("id")
	at := "/v1/matches/" + t.matchID
	t.s.call(http.MethodPatch, at, members{"content_fits": true, "location_feasible": true, "moments_feasible": true})
	t.s.post(at+"/inform", members{"party": "sending"})
	t.s.post(at+"/inform", members{"party": "receiving"})
	t.s.post(at+"/accept", members{"party": "sending", "given_by": t.sending.decider(), "channel": "phone"})
}

// prepare holds the kennismakingsgesprek, draws up the leeractieplan and picks provisional days.
func (t *demoTrip) prepare() {
	t.days = t.pickDays()
	at := t.leeruitwisseling()
	t.s.call(http.MethodPut, at+"/kennismakingsgesprek", members{"starts_at": t.talkDay().Add(13 * time.Hour).Format(time.RFC3339), "minutes": 20,
		"location": "https://overleg.example/kennismaking", "outcome": t.talk, "possibilities": t.activities, "people_to_meet": t.meet, "must_cover": t.goals,
		"learn_in_general": t.switcher.wants, "leervraag_changed": false,
		"agenda":       []string{"introduction", "acquaintance", "leervraag", "possibilities", "arrangements", "leeractieplan"},
		"participants": []members{{"kind": "medewerker", "id": t.switcherID}, {"kind": "medewerker", "id": t.coachID}, {"kind": "contact", "id": t.receiving.contactID}}})
	t.s.call(http.MethodPut, at+"/leeractieplan", members{"goals": t.goals, "activities": t.activities, "people_to_meet": t.meet, "motive": t.motive,
		"how_to_answer": t.demoJourney.offer, "must_cover": []string{t.activities[0]}, "drawn_up_by": []string{"switcher", "partner"},
		"success": "Wat geleerd is, staat op de agenda van het eigen team."})
	t.s.call(http.MethodPut, at+"/expectations", members{"leerbewijs": "Een leerbewijs met de uren, voor het opleidingsplan.",
		"sharing": "Een kwartier op het eerstvolgende teamoverleg.", "application": "Eén ding uitproberen binnen de maand.", "success": t.sending.result})
	t.s.call(http.MethodPatch, at, members{"reception": "Koffie bij aankomst, rondleiding, en uitleg over de veiligheid.", "dress_code": t.receiving.wear,
		"documents": []members{{"kind": "leeractieplan", "title": "Leeractieplan"}, {"kind": "notes", "title": "Notitieblad voor inzichten"}}})
	for _, d := range t.days {
		programme := []members{{"starts": "09:00", "what": "Onthaal en veiligheidsinstructies", "with": t.coach.job}}
		for _, what := range t.activities {
			programme = append(programme, members{"what": what})
		}
		programme = append(programme, members{"starts": "16:00", "what": "Samen terugblikken", "with": t.coach.job})
		t.dayIDs = append(t.dayIDs, t.s.post(at+"/days", members{"date_on": dateOf(d), "starts": "09:00", "ends": "16:30", "break_minutes": 30,
			"site_id": t.receiving.site, "leercoach_ids": []string{t.coachID}, "programme": programme}).text("id"))
	}
}

// longAgo is when the round before had its exchanges, in days from now: what it asked has expired since.
const longAgo = -110

// pickDays are the two days of the exchange: of a completed one of this round so short ago that its surveys still wait for
// their day.
func (t *demoTrip) pickDays() []time.Time {
	in := func(days, n int) []time.Time { return workdays(t.now.AddDate(0, 0, days), n) }
	switch t.end {
	case isPreparing:
		return in(35, 2)
	case isPlanned, isCancelled:
		return in(7, 2)
	case isStarted:
		return append(in(-6, 1), in(5, 1)...)
	case isUnanswered:
		return in(longAgo, 2)
	}
	return in(-12, 2)
}

// talkDay is the day of the kennismakingsgesprek: a workday that is past, for its outcome is noted.
func (t *demoTrip) talkDay() time.Time {
	from := t.days[0].AddDate(0, 0, -14)
	if t.end == isPreparing {
		from = t.now.AddDate(0, 0, -4)
	}
	return workdays(from, 1)[0]
}

// settle settles what has to be settled beforehand, and plans.
func (t *demoTrip) settle() {
	at := t.leeruitwisseling()
	t.s.call(http.MethodPut, at+"/checks", members{"insurance": members{"work_accident": true, "commute": true, "liability": true},
		"safety_information_exchanged": true})
	for _, by := range [][2]string{{"sending", t.sending.decider()}, {"receiving", t.receiving.decider()},
		{"switcher", t.switcher.given + " " + t.switcherName}} {
		t.s.post(at+"/agreement/sign", members{"party": by[0], "signed_by": by[1], "method": "recorded"})
	}
	t.s.post(at+"/plan", nil)
}

func (t *demoTrip) attend(n int) {
	t.s.post(t.leeruitwisseling()+"/days/"+t.dayIDs[n]+"/attend", members{"attended": true, "hours": nil, "safety_briefed": true})
}

// finish completes the exchange, with what comes of it.
func (t *demoTrip) finish() {
	registraties, _ := t.s.post(t.leeruitwisseling()+"/complete", nil)["opleidingsregistratie_ids"].([]any)
	t.reflect()
	var leerbewijs, ofCoach string
	if t.end != isUnanswered {
		leerbewijs, ofCoach = t.issue(t.switcherID), t.issue(t.coachID)
	}
	surveys := t.s.list("/v1/surveys?leeruitwisseling_id=" + t.exchangeID)
	if *t.s.failed != nil {
		return
	}
	registratie := fmt.Sprint("/v1/opleidingsregistraties/", registraties[0])
	switch t.end {
	case isAnswered:
		for _, survey := range surveys {
			t.answer(survey)
		}
		t.s.post("/v1/surveys", members{"leeruitwisseling_id": t.exchangeID, "role": "colleague", "mode": "terugkommoment", "invite_on": dateOf(t.now.AddDate(0, 0, 30))})
		t.s.call(http.MethodPatch, registratie, members{"confirmed_by_employer": true, "counts_for_training_right": true, "paid": true})
		t.s.post(t.leervraag()+"/close", members{"outcome": "answered"})
	case isPartly:
		for _, survey := range surveys {
			t.s.post("/v1/surveys/"+survey.text("id")+"/invite", nil)
		}
		t.s.post(registratie+"/correct", members{"reason": "De tweede dag eindigde om drie uur.",
			"days": []members{{"date_on": dateOf(t.days[0]), "hours": 7}, {"date_on": dateOf(t.days[1]), "hours": 5.5}}, "hours": 12.5})
		t.s.post("/v1/leerbewijzen/"+leerbewijs+"/suspend", members{"reason": "De uren worden nagekeken."})
		t.s.post("/v1/leerbewijzen/"+ofCoach+"/revoke", members{"reason": demoRevoked})
		t.s.post(t.leervraag()+"/close", members{"outcome": "partly_answered", "reason": t.why})
	default:
		for _, survey := range surveys {
			t.answer(survey)
		}
		t.s.post(t.leervraag()+"/close", members{"outcome": "unanswered", "reason": t.why})
		t.s.post("/v1/cohorten/"+t.cohortID+"/close", nil)
		if *t.s.failed == nil {
			*t.s.failed = t.lookBack()
		}
	}
}

// demoRevoked is why a leerbewijs was revoked of somebody who did coach: nobody has to have one.
const demoRevoked = "Op vraag van de leercoach, die geen leerbewijs wenst."

// begin makes the round before, with the leervraag and the leerplek that took part.
func (t *demoTrip) begin() {
	t.cohortID = t.s.post("/v1/cohorten", members{"name": t.round, "from_on": dateOf(t.now.AddDate(0, 0, longAgo-40)), "until_on": dateOf(t.now.AddDate(0, 0, longAgo+40)),
		"kick_off_on": dateOf(t.now.AddDate(0, 0, longAgo-30)), "planned_exchanges": 5, "terugkommoment_on": dateOf(t.now.AddDate(0, 0, longAgo+35))}).text("id")
	t.s.post("/v1/cohorten/"+t.cohortID+"/leervragen", members{"leervraag_ids": []string{t.questionID}})
	t.s.post("/v1/cohorten/"+t.cohortID+"/leerplekken", members{"leerplek_ids": []string{t.placeID}})
	t.s.post("/v1/cohorten/"+t.cohortID+"/open", nil)
}

// lookBack writes what was done on the last day of an exchange of long ago, which no door can do any more: both leerbewijzen,
// of which the switcher's has expired, and surveys to a colleague and a family, who never answered.
func (t *demoTrip) lookBack() error {
	var tid id.TenantID
	var lid id.LeeruitwisselingID
	var switcher, coach id.MedewerkerID
	if err := errors.Join(tid.UnmarshalText([]byte(t.tenant)), lid.UnmarshalText([]byte(t.exchangeID)), switcher.UnmarshalText([]byte(t.switcherID)),
		coach.UnmarshalText([]byte(t.coachID))); err != nil {
		return err
	}
	last := t.days[1].Add(16 * time.Hour)
	var expires leerbewijs.Leerbewijs
	err := t.app.DB.At(func() time.Time { return last }).InTenant(t.s.ctx, db.System(tid, "demo"), func(tx *db.Tx) error {
		l, err := t.app.Leeruitwisselingen.Get(tx, lid)
		if err != nil {
			return err
		}
		days, err := t.app.Leeruitwisselingen.Days(tx, lid)
		if err != nil {
			return err
		}
		hours, err := t.app.Opleidingsregistraties.For(tx, lid, switcher)
		if err != nil {
			return err
		}
		n := leerbewijs.New{LeeruitwisselingID: lid, OrganisationID: l.ReceivingOrganisationID, MedewerkerID: coach, Role: "leercoach", Lang: "nl",
			HolderName: t.coach.given + " " + t.coachName, Goals: []string{}, SendingName: l.SendingName, ReceivingName: l.ReceivingName, Place: &l.LeerplekTitle,
			Hours: leeruitwisseling.AttendedTotal(days), Classification: "informal", From: days[0].DateOn, Until: days[1].DateOn}
		if _, err := t.app.Leerbewijzen.Issue(t.s.ctx, tx, n); err != nil {
			return err
		}
		n.OrganisationID, n.MedewerkerID, n.Role, n.HolderName = l.SendingOrganisationID, switcher, "switcher", t.switcher.given+" "+t.switcherName
		n.Title, n.Goals, n.OpleidingsregistratieID = &l.LeervraagTitle, t.goals, &hours.RootID
		if expires, err = t.app.Leerbewijzen.Issue(t.s.ctx, tx, n); err != nil {
			return err
		}
		for _, asked := range []survey.New{{Role: survey.Colleague, OrganisationID: l.SendingOrganisationID}, {Role: survey.Family, OrganisationID: l.ReceivingOrganisationID}} {
			asked.LeeruitwisselingID, asked.InviteOn, asked.Lang = lid, days[1].DateOn.Add(14), "nl"
			if _, err := t.app.Surveys.Schedule(t.s.ctx, tx, asked); err != nil {
				return err
			}
		}
		return nil
	})
	t.s.call(http.MethodPatch, "/v1/leerbewijzen/"+expires.ID.String(), members{"valid_until_on": dateOf(t.now.AddDate(0, 0, longAgo+90))})
	return err
}

func (t *demoTrip) issue(to string) string {
	return t.s.post("/v1/leerbewijzen", members{"leeruitwisseling_id": t.exchangeID, "medewerker_id": to}).text("id")
}

// reflect notes how switcher and leercoach look back: each journey in media of its own, and its lesson goes as far as it came.
func (t *demoTrip) reflect() {
	at := t.leeruitwisseling() + "/reflections"
	media, into, applied := [2]string{"diary", "conversation"}, "organisation", true
	switch t.end {
	case isPartly:
		media, into = [2]string{"drawing", "audio"}, "team"
	case isUnanswered:
		media, into, applied = [2]string{"document", "document"}, "job", false
	}
	t.s.post(at, members{"party": "switcher", "medium": media[0], "text": t.learnt, "reflected_on": dateOf(t.days[1]),
		"lessons": []members{{"text": t.lesson, "carried_into": into, "applied": applied}}, "shared_with": []string{"leercoach", "sending", "receiving"}})
	t.s.post(at, members{"party": "leercoach", "medium": media[1], "text": t.seen, "reflected_on": dateOf(t.days[1]), "shared_with": []string{"switcher", "receiving"}})
}

// answer answers a survey, each role in its own words.
func (t *demoTrip) answer(survey members) {
	said := map[string][]string{
		"switcher": {t.learnt, "Ja, op één na: daarvoor kom ik graag terug.", "Dat vragen stellen meer oplevert dan uitleggen.", t.lesson,
			"Ik vertel erover op het teamoverleg en vraag een collega om ook te gaan."},
		"sending": {"Vlot: een week vooraf lagen alle afspraken vast.", "Ja. " + t.switcher.given + " kwam terug met een voorstel.", t.lesson, "Wij sturen in het najaar nog iemand uit."},
		"leercoach": {"Goed, het kennismakingsgesprek hielp om de dag voor te bereiden.", "Fijn en intensief.", "De tweede dag pas een week later plannen.",
			"De leidraad iets korter maken.", "Hoe onze manier van werken er voor een ander uitziet."},
		"receiving": {"Duidelijk en licht.", "Ja, het team was blij met het bezoek.", "Onze leercoach kreeg zin om vaker te coachen.", "Wij stellen een tweede leerplek open."},
	}[survey.text("role")]
	if t.end == isUnanswered && survey.text("role") == "switcher" {
		said[1], said[4] = "Nee. "+t.why, "Ik stel de vraag opnieuw in de volgende ronde."
	}
	questions, _ := survey["questions"].([]any)
	var answers []members
	for i, q := range questions {
		question, _ := q.(map[string]any)
		answers = append(answers, members{"question": question["id"], "value": said[i]})
	}
	t.s.post("/v1/surveys/"+survey.text("id")+"/answers", members{"answers": answers})
}

// holidays are the Belgian ones that have a date of their own, as month and day.
var holidays = []string{"01-01", "05-01", "07-21", "08-15", "11-01", "11-11", "12-25"}

// workdays are the first n days from a day on that are no Saturday, Sunday or holiday, at midnight UTC.
func workdays(from time.Time, n int) []time.Time {
	var out []time.Time
	for d := from.UTC().Truncate(24 * time.Hour); len(out) < n; d = d.AddDate(0, 0, 1) {
		if d.Weekday() != time.Saturday && d.Weekday() != time.Sunday && !slices.Contains(holidays, d.Format("01-02")) {
			out = append(out, d)
		}
	}
	return out
}

// texts is a list as JSON has it: none is empty, not null.
func texts(list []string) []string { return append([]string{}, list...) }
