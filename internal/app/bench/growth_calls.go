package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/switchingtalent/switchboard/api"
)

// journey makes every call of a journey once: employers, people, leervraag, leerplek, match, exchange, what comes of it, and
// what else a contract's caller writes. Each is a request through the door, under a name of its own.
func (s *surveyor) journey() {
	s.turn++
	mark := fmt.Sprint(s.serial, "-", s.turn)
	day := func(days int) string { return time.Now().AddDate(0, 0, days).Format(time.DateOnly) }
	employer := func() (org, site, department, contact string) {
		org = s.post("/v1/organisations", "/v1/organisations", object{"name": "Bedrijf " + mark, "kind": "profit", "sector": "bouw", "headcount": 40,
			"external_ids": []object{{"system": "bench", "value": mark + fmt.Sprint(len(s.took["POST /v1/organisations"]))}}}).text("id")
		at, as := "/v1/organisations/"+org, "/v1/organisations/{id}"
		site = s.post(as+"/sites", at+"/sites", object{"name": "Hoofdgebouw", "street": "Voorbeeldstraat 1", "postcode": "9000", "municipality": "Gent", "latitude": 51.05, "longitude": 3.7,
			"public_transport": true}).text("id")
		department = s.post(as+"/departments", at+"/departments", object{"name": "Atelier", "open_to_switchers": true}).text("id")
		contact = s.post(as+"/contacts", at+"/contacts", object{"name": "Contact " + mark, "email": "contact@bedrijf.example", "function": "hr", "decides": true}).text("id")
		return org, site, department, contact
	}
	from, _, _, _ := employer()
	to, site, department, contact := employer()
	s.call("PATCH /v1/organisations/{id}", http.MethodPatch, "/v1/organisations/"+from, object{"sector": "zorg"})
	at, as := "/v1/organisations/"+to, "/v1/organisations/{id}"
	s.call("PATCH "+as+"/sites/{site_id}", http.MethodPatch, at+"/sites/"+site, object{"business_park": "Noord"})
	s.call("PATCH "+as+"/departments/{department_id}", http.MethodPatch, at+"/departments/"+department, object{"excluded_functions": []string{"nachtwacht"}})
	s.call("PATCH "+as+"/contacts/{contact_id}", http.MethodPatch, at+"/contacts/"+contact, object{"follows_up": true})
	person := func(org, name string) string {
		return s.post("/v1/medewerkers", "/v1/medewerkers", object{"organisation_id": org, "given_name": name, "family_name": "Voorbeeld", "job_title": "medewerker", "employment": "employee",
			"language": "nl", "home_postcode": "9000"}).text("id")
	}
	switcher, coach := person(from, "Sam"), person(to, "Noor")
	s.call("PATCH /v1/medewerkers/{id}", http.MethodPatch, "/v1/medewerkers/"+switcher, object{"max_travel_km": 40})
	outside := object{"organisation_id": from, "given_name": "Alex", "family_name": "Voorbeeld", "job_title": "medewerker", "employment": "employee", "language": "nl"}
	s.call("PUT /v1/medewerkers/by-external-id/{system}/{value}, new", http.MethodPut, "/v1/medewerkers/by-external-id/bench/"+mark, outside)
	s.call("PUT /v1/medewerkers/by-external-id/{system}/{value}, the same", http.MethodPut, "/v1/medewerkers/by-external-id/bench/"+mark, outside)

	available := []object{{"from_on": day(-30), "until_on": day(300)}}
	ask := func() string {
		return s.post("/v1/leervragen", "/v1/leervragen", object{"switcher_id": switcher, "title": "Planning " + mark, "question": "Hoe plan je een dag met een ploeg?", "goals": []string{"ik kan een dag plannen"},
			"topics": []string{"planning"}, "clarity": "clear", "reach": "team", "available": available}).text("id")
	}
	question := ask()
	s.call("PATCH /v1/leervragen/{id}", http.MethodPatch, "/v1/leervragen/"+question, object{"motive": "elke dag loopt uit"})
	s.post("/v1/leervragen/{id}/open", "/v1/leervragen/"+question+"/open", nil)
	withdrawn := ask()
	s.post("/v1/leervragen/{id}/withdraw", "/v1/leervragen/"+withdrawn+"/withdraw", nil)
	place := s.post("/v1/leerplekken", "/v1/leerplekken", object{"organisation_id": to, "site_id": site, "department_id": department, "title": "Een dag in het atelier " + mark,
		"description": "Meelopen met de planner.", "topics": []string{"planning"}, "leercoach_ids": []string{coach}, "capacity": 4, "available": available, "sourcing": "supply"}).text("id")
	s.call("PATCH /v1/leerplekken/{id}", http.MethodPatch, "/v1/leerplekken/"+place, object{"safety_note": "Draag gesloten schoenen."})
	s.post("/v1/leerplekken/{id}/publish", "/v1/leerplekken/"+place+"/publish", nil)
	match := func() string {
		return s.post("/v1/matches", "/v1/matches", object{"leervraag_id": question, "leerplek_id": place, "leercoach_ids": []string{coach}, "draft": true}).text("id")
	}
	declined := match()
	s.call("PATCH /v1/matches/{id}", http.MethodPatch, "/v1/matches/"+declined, object{"content_fits": true})
	s.post("/v1/matches/{id}/propose", "/v1/matches/"+declined+"/propose", nil)
	s.post("/v1/matches/{id}/decline", "/v1/matches/"+declined+"/decline", object{"party": "receiving", "reason": "geen tijd"})
	accepted := match()
	s.post("/v1/matches/{id}/propose", "/v1/matches/"+accepted+"/propose", nil)
	s.post("/v1/matches/{id}/accept", "/v1/matches/"+accepted+"/accept", object{"party": "sending", "channel": "phone"})
	exchange := s.post("/v1/matches/{id}/accept, the last", "/v1/matches/"+accepted+"/accept", object{"party": "receiving", "channel": "mail"}).text("leeruitwisseling_id")

	at, as = "/v1/leeruitwisselingen/"+exchange, "/v1/leeruitwisselingen/{id}"
	s.call("PATCH "+as, http.MethodPatch, at, object{"meeting_point": "onthaal"})
	s.call("PUT "+as+"/kennismakingsgesprek", http.MethodPut, at+"/kennismakingsgesprek", object{"starts_at": time.Now().AddDate(0, 0, -9).UTC().Format(time.RFC3339), "minutes": 20,
		"location": "https://overleg.example/k", "participants": []object{{"kind": "medewerker", "id": switcher}, {"kind": "contact", "id": contact}}})
	s.call("PUT "+as+"/leeractieplan", http.MethodPut, at+"/leeractieplan", object{"goals": []string{"een dag plannen"}, "activities": []string{"meelopen"}, "people_to_meet": []string{"planner"}})
	var days []string
	for _, n := range []int{-4, -3} {
		days = append(days, s.post(as+"/days", at+"/days", object{"date_on": day(n), "starts": "09:00", "ends": "16:30", "break_minutes": 30}).text("id"))
	}
	moved := s.post(as+"/days", at+"/days", object{"date_on": day(-2), "starts": "09:00", "ends": "16:30", "break_minutes": 30}).text("id")
	s.call("PATCH "+as+"/days/{day_id}", http.MethodPatch, at+"/days/"+moved, object{"ends": "12:00", "break_minutes": 0})
	s.call("DELETE "+as+"/days/{day_id}", http.MethodDelete, at+"/days/"+moved, nil)
	for _, by := range []string{"sending", "receiving", "switcher"} {
		s.post(as+"/agreement/sign", at+"/agreement/sign", object{"party": by, "signed_by": "Directie", "method": "recorded"})
	}
	s.call("PUT "+as+"/checks", http.MethodPut, at+"/checks", object{"insurance": object{"work_accident": true, "commute": true, "liability": true}, "safety_information_exchanged": true})
	s.post(as+"/plan", at+"/plan", nil)
	for _, d := range days {
		s.post(as+"/days/{day_id}/attend", at+"/days/"+d+"/attend", object{"attended": true, "hours": nil, "safety_briefed": true})
	}
	again := match()
	s.post("/v1/matches/{id}/propose", "/v1/matches/"+again+"/propose", nil)
	s.post("/v1/matches/{id}/accept", "/v1/matches/"+again+"/accept", object{"party": "sending", "channel": "phone"})
	dropped := s.post("/v1/matches/{id}/accept, the last", "/v1/matches/"+again+"/accept", object{"party": "receiving", "channel": "mail"}).text("leeruitwisseling_id")
	s.post(as+"/cancel", "/v1/leeruitwisselingen/"+dropped+"/cancel", object{"reason": "illness", "by_party": "switcher"})
	unwanted := match()
	s.post("/v1/matches/{id}/cancel", "/v1/matches/"+unwanted+"/cancel", nil)
	done := s.post(as+"/complete", at+"/complete", nil)
	registraties, _ := done["opleidingsregistratie_ids"].([]any)
	surveys, _ := done["survey_ids"].([]any)
	if s.fault == nil && (len(registraties) == 0 || len(surveys) < 3) {
		s.fault = fmt.Errorf("a completed exchange has no registratie or too few surveys: %v", done)
	}
	if s.fault != nil {
		return
	}
	corrected := s.post("/v1/opleidingsregistraties/{id}/correct", fmt.Sprint("/v1/opleidingsregistraties/", registraties[0], "/correct"), object{"reason": "een uur minder",
		"days": []object{{"date_on": day(-4), "hours": 7}, {"date_on": day(-3), "hours": 6}}, "hours": 13}).text("id")
	s.call("PATCH /v1/opleidingsregistraties/{id}", http.MethodPatch, "/v1/opleidingsregistraties/"+corrected, object{"confirmed_by_employer": true})
	s.call("PATCH /v1/surveys/{id}", http.MethodPatch, fmt.Sprint("/v1/surveys/", surveys[2]), object{"invite_on": day(60)})
	survey := fmt.Sprint("/v1/surveys/", surveys[0])
	var answers []object
	for _, q := range s.call("GET /v1/surveys/{id}, after completing", http.MethodGet, survey, nil).list("questions") {
		if q.text("kind") == "open" {
			answers = append(answers, object{"question": q["id"], "value": "het was goed"})
		}
	}
	s.post("/v1/surveys/{id}/answers", survey+"/answers", object{"answers": answers})
	s.link(s.call("GET /v1/surveys/{id}, after completing", http.MethodGet, fmt.Sprint("/v1/surveys/", surveys[1]), nil))
	endpoint := s.post("/v1/webhook-endpoints", "/v1/webhook-endpoints", object{"url": "http://127.0.0.1:1/", "event_types": []string{"leerbewijs.*"}}).text("id")
	certificate := s.post("/v1/leerbewijzen", "/v1/leerbewijzen", object{"leeruitwisseling_id": exchange, "medewerker_id": switcher}).text("id")
	s.call("PATCH /v1/leerbewijzen/{id}", http.MethodPatch, "/v1/leerbewijzen/"+certificate, object{"lang": "fr"})
	s.send("GET /check/{id}", http.MethodGet, "/check/"+certificate, "", nil)
	s.post("/v1/leerbewijzen/{id}/revoke", "/v1/leerbewijzen/"+certificate+"/revoke", object{"reason": "proef"})
	s.post("/v1/leervragen/{id}/close", "/v1/leervragen/"+question+"/close", object{"outcome": "answered"})

	client := s.post("/v1/clients", "/v1/clients", object{"name": "Proef " + mark, "role": "integration", "scopes": []string{"event:read", "webhook:write", "webhook:read"}}).text("id")
	s.call("PATCH /v1/clients/{id}", http.MethodPatch, "/v1/clients/"+client, object{"name": "Proef " + mark + ", hernoemd"})
	s.post("/v1/clients/{id}/rotate-secret", "/v1/clients/"+client+"/rotate-secret", object{"overlap_hours": 0})
	s.call("PATCH /v1/tenant", http.MethodPatch, "/v1/tenant", object{"accent_colour": fmt.Sprintf("#%06x", s.turn)})
	s.call("DELETE /v1/clients/{id}", http.MethodDelete, "/v1/clients/"+client, nil)
	s.post("/v1/webhook-endpoints/{id}/test", "/v1/webhook-endpoints/"+endpoint+"/test", nil)
	for _, d := range s.call("GET /v1/webhook-deliveries?endpoint_id=, a new one", http.MethodGet, "/v1/webhook-deliveries?endpoint_id="+endpoint, nil).list("data") {
		if d.text("event_type") != "webhook_endpoint.test" && d.text("type") != "webhook_endpoint.test" {
			at := "/v1/webhook-deliveries/" + d.text("id")
			s.post("/v1/webhook-deliveries/{id}/cancel", at+"/cancel", nil)
			s.post("/v1/webhook-deliveries/{id}/resend", at+"/resend", nil)
			break
		}
	}
	s.call("PATCH /v1/webhook-endpoints/{id}", http.MethodPatch, "/v1/webhook-endpoints/"+endpoint, object{"description": "proef"})
	s.post("/v1/webhook-endpoints/{id}/rotate-secret", "/v1/webhook-endpoints/"+endpoint+"/rotate-secret", nil)
	s.call("DELETE /v1/webhook-endpoints/{id}", http.MethodDelete, "/v1/webhook-endpoints/"+endpoint, nil)
}

// link answers a survey as its respondent does, without an account.
func (s *surveyor) link(survey object) {
	address, err := url.Parse(survey.text("link"))
	if s.fault == nil && (err != nil || address.Path == "") {
		s.fault = fmt.Errorf("a survey that was just made has no link: %v", survey)
	}
	if s.fault != nil {
		return
	}
	token := s.token
	s.token = ""
	form := url.Values{}
	for _, q := range survey.list("questions") {
		if q.text("kind") == "open" {
			form.Set(q.text("id"), "het was goed")
		}
	}
	s.send("GET /s/{token}", http.MethodGet, address.Path, "", nil)
	s.send("POST /s/{token}", http.MethodPost, address.Path, "application/x-www-form-urlencoded", []byte(form.Encode()))
	s.token = token
}

// open makes a tenant, as the operator.
func (s *surveyor) open() {
	s.turn++
	s.post("/v1/tenants", "/v1/tenants", object{"slug": fmt.Sprint("bench-", s.serial, "-", s.turn), "name": "Een partner", "sandbox": true})
}

// reading is a GET of the document with the paths that answered it here.
type reading struct {
	name     string
	operator bool
	bound    bool // by the HR software of an employer
	paths    []string
}

// byEmployer ends the names of its calls.
const byEmployer = ", by an employer"

// asked are the queries of the contract beside an operation's bare path. {…} takes an id of that list, and SINCE a time some months ago.
var asked = map[string][]string{
	"/v1/opleidingsregistraties":      {"?updated_since=SINCE", "?organisation_id={organisations}"},
	"/v1/leervragen/{id}/suggestions": {"?limit=10"},
	"/v1/surveys":                     {"?leeruitwisseling_id={leeruitwisselingen}", "?updated_since=SINCE"},
	"/v1/leeruitwisselingen":          {"?updated_since=SINCE"},
	"/v1/events":                      {"?types=leerbewijs.*,match.accepted", "?at=now"},
	"/v1/webhook-deliveries":          {"?endpoint_id={webhook-endpoints}"},
	"/v1/topics":                      {"?q=planning"},
	"/v1/medewerkers":                 {"?limit=100", "?external_id=sdworx:1001", "?updated_since=SINCE"},
}

var parameter = regexp.MustCompile(`\{[a-z_-]+\}`)

const atMost = 60 // paths of one operation

// readings finds, for every GET of the document, paths that are answered: ids are taken from the lists of the same house, level by
// level. What cannot be asked is said. Without an operator it is a bound caller that asks, and what it may not read is left out.
func (s *surveyor) readings(operator *surveyor) (out []reading, left []string) {
	var doc struct{ Paths map[string]map[string]any }
	if s.fault = json.Unmarshal(api.OpenAPI, &doc); s.fault != nil {
		return nil, nil
	}
	known := map[string][]string{} // template → paths that are answered
	lists := map[string][]string{} // template of a list → paths of what stands in it
	broken := map[string]string{}  // template → what the house itself could not do
	var asking string
	try := func(by *surveyor, path string) (object, bool) {
		by.admit()
		status, body := by.send("", http.MethodGet, path, "", nil)
		if status >= http.StatusInternalServerError && asking != "" {
			broken[asking] = fmt.Sprintf("%s was answered %d", asking, status)
		}
		var o object
		_ = json.Unmarshal(body, &o) // some are pages or files
		return o, by.fault == nil && status == http.StatusOK
	}
	var templates []string
	for template, methods := range doc.Paths {
		if methods["get"] != nil && template != "/s/{token}" && !strings.HasPrefix(template, "/.well-known/webhook-keys") {
			templates = append(templates, template)
		}
	}
	slices.SortFunc(templates, func(a, b string) int {
		if n := strings.Count(a, "{") - strings.Count(b, "{"); n != 0 {
			return n
		}
		return strings.Compare(a, b)
	})
	// fill are the paths of a template: ids of its last parameter come from the list before it.
	var fill func(template string) []string
	fill = func(template string) []string {
		last := strings.LastIndex(template, "/{")
		if last < 0 {
			return []string{template}
		}
		list, rest := template[:last], template[last:]
		if end := strings.Index(rest, "}"); end >= 0 {
			rest = rest[end+1:]
		}
		switch {
		case list == "/check":
			list = "/v1/leerbewijzen"
		case strings.HasSuffix(list, "/participants"):
			var out []string
			for _, cohort := range fill("/v1/cohorten/{id}/leervragen") {
				o, _ := try(s, cohort)
				for _, q := range o.list("data") {
					out = append(out, strings.TrimSuffix(cohort, "/leervragen")+"/participants/"+q.text("switcher_id")+rest)
				}
			}
			return out
		}
		if lists[list] == nil {
			for _, path := range fill(list) {
				o, _ := try(s, path+"?limit=100")
				if o["data"] == nil {
					o, _ = try(s, path)
				}
				if o["data"] == nil && operator != nil {
					o, _ = try(operator, path)
				}
				for _, one := range o.list("data") {
					key := one.text("id")
					if key == "" {
						key = one.text("type")
					}
					if key != "" {
						lists[list] = append(lists[list], path+"/"+key)
					}
				}
				if len(lists[list]) > 300 {
					break
				}
			}
		}
		var out []string
		for _, path := range lists[list] {
			if strings.HasPrefix(template, "/check") {
				path = strings.Replace(path, "/v1/leerbewijzen", "/check", 1)
			}
			out = append(out, path+rest)
		}
		return out
	}
	for _, template := range templates {
		for _, query := range append([]string{""}, asked[template]...) {
			var r reading
			for _, by := range []*surveyor{s, operator} {
				if by == nil {
					continue
				}
				r = reading{name: "GET " + template + query, operator: by == operator, bound: operator == nil}
				since := url.QueryEscape(time.Now().AddDate(0, 0, -200).UTC().Format(time.RFC3339))
				query := strings.ReplaceAll(query, "SINCE", since)
				for _, path := range fill(template) {
					full := path + parameter.ReplaceAllStringFunc(query, func(kind string) string {
						list := lists["/v1/"+strings.Trim(kind, "{}")]
						if len(list) == 0 {
							fill("/v1/" + strings.Trim(kind, "{}") + "/{id}")
							list = lists["/v1/"+strings.Trim(kind, "{}")]
						}
						if len(list) == 0 {
							return "none"
						}
						one := list[len(r.paths)%len(list)]
						return url.QueryEscape(one[strings.LastIndex(one, "/")+1:])
					})
					asking = r.name
					o, ok := try(by, full)
					asking = ""
					if broken[r.name] != "" {
						break
					}
					if s.fault != nil || operator != nil && operator.fault != nil {
						return nil, nil
					}
					if !ok {
						continue
					}
					r.paths = append(r.paths, full)
					if len(r.paths) >= atMost {
						break
					}
					if next := o.text("next_cursor"); next != "" && query == "" && o["has_more"] == true {
						known[template] = append(known[template], path+"?cursor="+url.QueryEscape(next))
					}
					if strings.Contains(query, "{") && len(r.paths) < 20 {
						for range 19 { // the same path with other ids
							r.paths = append(r.paths, path+parameter.ReplaceAllStringFunc(query, func(kind string) string {
								list := lists["/v1/"+strings.Trim(kind, "{}")]
								one := list[len(r.paths)%len(list)]
								return url.QueryEscape(one[strings.LastIndex(one, "/")+1:])
							}))
						}
						break
					}
				}
				if len(r.paths) > 0 || broken[r.name] != "" {
					break
				}
			}
			if broken[r.name] != "" {
				left = append(left, broken[r.name])
				continue
			}
			if len(r.paths) == 0 {
				left = append(left, r.name)
				continue
			}
			out = append(out, r)
			if query == "" && len(known[template]) > 0 {
				out = append(out, reading{name: "GET " + template + "?cursor=…", operator: r.operator, bound: r.bound, paths: known[template]})
			}
		}
	}
	if operator == nil {
		for i := range out {
			out[i].name += byEmployer
		}
		return out, nil
	}
	return out, left
}
