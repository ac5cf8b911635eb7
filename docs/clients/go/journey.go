// Command journey walks the whole journey with a generated client: from a tenant that does not exist yet to hours in an HR
// system and a leerbewijs in an LMS. See docs/clients.md.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/oapi-codegen/nullable"
	openapi "github.com/oapi-codegen/runtime/types"

	sb "example.com/journey/switchboard"
)

type credentials struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
}

var (
	ctx  = context.Background()
	demo struct {
		BaseURL  string      `json:"base_url"`
		Platform credentials `json:"platform"`
	}
)

// call ends the journey when no answer came.
func call[R any](r R, err error) R {
	if err != nil {
		log.Fatal(err)
	}
	return r
}

// is ends the journey when the answer is another than the one that was hoped for, and says what it was.
func is[T any](answer *T, body []byte) T {
	if answer == nil {
		log.Fatalf("%s", body)
	}
	return *answer
}

func hold(ok bool, what string) {
	if !ok {
		log.Fatal(what)
	}
}

func ptr[T any](v T) *T { return &v }

func some[T any](v T) nullable.Nullable[T] { return nullable.NewNullableWithValue(v) }

// signIn gets a token with the credentials of a client, and calls with it. A token lives for ten minutes: longer programs
// leave that to golang.org/x/oauth2/clientcredentials.
func signIn(c credentials) *sb.ClientWithResponses {
	nobody := call(sb.NewClientWithResponses(demo.BaseURL))
	r := call(nobody.IssueTokenWithFormdataBodyWithResponse(ctx, nil, sb.IssueTokenForm{GrantType: "client_credentials", ClientId: &c.ClientID, ClientSecret: &c.ClientSecret}))
	token := is(r.JSON200, r.Body).AccessToken
	return call(sb.NewClientWithResponses(demo.BaseURL, sb.WithRequestEditorFn(func(_ context.Context, req *http.Request) error {
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Accept-Language", "nl")
		return nil
	})))
}

// receive is a server of our own that takes webhooks and hands on those of a type. A real one checks their signatures:
// docs/webhooks/verify/verify.go.
func receive[T any](kind string) (url string, took chan T) {
	took = make(chan T, 1)
	l := call(net.Listen("tcp", "127.0.0.1:0"))
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var head struct{ Type string }
		if err != nil || json.Unmarshal(body, &head) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
		var fact T
		if head.Type == kind && json.Unmarshal(body, &fact) == nil {
			took <- fact
		}
	})
	go func() { log.Fatal(http.Serve(l, handler)) }()
	return "http://" + l.Addr().String() + "/hooks", took
}

func next[T any](took chan T, kind string) T {
	select {
	case fact := <-took:
		return fact
	case <-time.After(30 * time.Second):
		log.Fatalf("no %s came", kind)
		panic("unreachable")
	}
}

func main() {
	hold(json.Unmarshal(call(os.ReadFile(os.Args[1])), &demo) == nil, "the first argument names demo.json")

	// 1. The operator opens a tenant; its administrator makes clients.
	operator := signIn(demo.Platform)
	opened := call(operator.CreateTenantWithResponse(ctx, nil, sb.NewTenantInput{Slug: fmt.Sprintf("reis-go-%d", time.Now().UnixMilli()), Name: "Proefnetwerk", Sandbox: ptr(true)}))
	first := is(opened.JSON201, opened.Body).AdminClient
	admin := signIn(credentials{first.ClientId, first.ClientSecret})
	client := func(in sb.ClientInput) *sb.ClientWithResponses {
		r := call(admin.CreateClientWithResponse(ctx, nil, in))
		made := is(r.JSON201, r.Body)
		return signIn(credentials{made.ClientId, made.ClientSecret})
	}
	partner := client(sb.ClientInput{Name: "Frontend", Role: "coordinator"})
	fmt.Println("1. a tenant with clients")

	// 2. Two employers, their people, a leervraag of one and a leerplek of the other.
	organisation := func(name, sector string) string {
		r := call(partner.CreateOrganisationWithResponse(ctx, nil, sb.OrganisationInput{Name: name, Kind: "non_profit", Sector: sector}))
		return is(r.JSON201, r.Body).Id
	}
	sending, receiving := organisation("Apotheek Zonneveld", "apotheek"), organisation("Woonzorgcentrum De Linde", "ouderenzorg")
	sited := call(partner.CreateSiteWithResponse(ctx, receiving, nil, sb.SiteInput{Name: "Hoofdgebouw", Street: "Dorpsstraat 1", Postcode: "9000",
		Municipality: "Gent", Latitude: some(51.05), Longitude: some(3.66), PublicTransport: ptr(true)}))
	site := is(sited.JSON201, sited.Body)
	person := func(organisation, given string) string {
		r := call(partner.PutMedewerkerByExternalIdWithResponse(ctx, "sdworx", "1001", nil, sb.MedewerkerInputPatch{OrganisationId: &organisation, GivenName: &given,
			FamilyName: ptr("Voorbeeld"), JobTitle: ptr("apotheker"), Employment: ptr(sb.Employment("employee")), Language: ptr("nl")}))
		return is(r.JSON201, r.Body).Id
	}
	switcher, coach := person(sending, "Sam"), person(receiving, "Noor")
	day := func(days int) openapi.Date { return openapi.Date{Time: time.Now().UTC().AddDate(0, 0, days)} }
	available := []sb.PeriodInput{{FromOn: day(-30), UntilOn: day(90)}}
	asked := call(partner.CreateLeervraagWithResponse(ctx, nil, sb.LeervraagInput{SwitcherId: switcher, Title: "Medicatie",
		Question: "Hoe verloopt de medicatiebedeling in een woonzorgcentrum?", Goals: &[]string{"zelf een schema opmaken"}, Topics: &[]string{"medicatie"},
		Clarity: "clear", Reach: "team", Available: &available}))
	open := call(partner.OpenLeervraagWithResponse(ctx, is(asked.JSON201, asked.Body).Id, nil))
	leervraag := is(open.JSON200, open.Body)
	placed := call(partner.CreateLeerplekWithResponse(ctx, nil, sb.LeerplekInput{OrganisationId: receiving, SiteId: some(site.Id), Title: "Medicatie in het woonzorgcentrum",
		Description: "Meelopen met de apotheker die de medicatie klaarzet.", Topics: &[]string{"medicatie"}, LeercoachIds: &[]string{coach}, Available: &available}))
	place := is(placed.JSON201, placed.Body).Id
	coached := call(partner.PutLeerplekCoachWithResponse(ctx, place, coach, nil, sb.LeerplekCoachInput{Voluntary: some(true), HasTime: some(true)}))
	is(coached.JSON200, coached.Body)
	published := call(partner.PublishLeerplekWithResponse(ctx, place, nil))
	leerplek := is(published.JSON200, published.Body)
	fmt.Printf("2. a leervraag is %s, a leerplek %s\n", leervraag.Status, leerplek.Status)

	hr := client(sb.ClientInput{Name: "HR", Role: "integration", Scopes: &[]string{"opleidingsregistratie:read", "event:read", "webhook:write"}, OrganisationId: some(sending)})
	lms := client(sb.ClientInput{Name: "LMS", Role: "integration", Scopes: &[]string{"leerbewijs:read", "event:read", "webhook:write"}})
	hoursURL, hours := receive[sb.OpleidingsregistratieRecordedEvent]("opleidingsregistratie.recorded")
	certificatesURL, certificates := receive[sb.LeerbewijsIssuedEvent]("leerbewijs.issued")
	ended := call(hr.CreateWebhookEndpointWithResponse(ctx, nil, sb.WebhookEndpointInput{Url: hoursURL, EventTypes: []string{"opleidingsregistratie.*"}}))
	is(ended.JSON201, ended.Body)
	ended = call(lms.CreateWebhookEndpointWithResponse(ctx, nil, sb.WebhookEndpointInput{Url: certificatesURL, EventTypes: []string{"leerbewijs.*"}}))
	is(ended.JSON201, ended.Body)

	// 3. What fits?
	fits := call(partner.ListSuggestionsWithResponse(ctx, leervraag.Id, &sb.ListSuggestionsParams{Limit: ptr(10)}))
	suggestions := is(fits.JSON200, fits.Body).Data
	hold(len(suggestions) > 0 && suggestions[0].LeerplekId == leerplek.Id, "the leerplek is suggested")
	sum := 0
	for _, p := range suggestions[0].Parts {
		sum += p.Points
	}
	hold(sum == suggestions[0].Score, "the parts of a score add up")
	fmt.Println("3. the leerplek is suggested, with the parts of its score")

	// 4. Both employers decide.
	put := call(partner.CreateMatchWithResponse(ctx, nil, sb.MatchInput{LeervraagId: leervraag.Id, LeerplekId: leerplek.Id, LeercoachIds: []string{coach}}))
	match := is(put.JSON201, put.Body)
	for _, party := range []sb.AcceptInputParty{"sending", "receiving"} {
		r := call(partner.AcceptMatchWithResponse(ctx, match.Id, nil, sb.AcceptInput{Party: some(party), GivenBy: some("de zaakvoerder"), Channel: some(sb.AcceptInputChannel("phone"))}))
		match = is(r.JSON200, r.Body)
	}
	id := call(match.LeeruitwisselingId.Get())
	fmt.Printf("4. a match is %s\n", match.Status)

	// 5. The first talk, the plan, the days, the agreement, the checks.
	early := call(partner.PlanLeeruitwisselingWithResponse(ctx, id, nil))
	missing := is(early.ApplicationproblemJSON409, early.Body)
	hold(missing.Code == "leeruitwisseling-not-ready" && len(missing.Errors) > 0, "it says what is missing")
	talk := call(partner.PutKennismakingsgesprekWithResponse(ctx, id, nil, sb.KennismakingsgesprekInput{StartsAt: time.Now().AddDate(0, 0, -3), Minutes: 20, Location: "onthaal",
		Participants: &[]sb.KennismakingsgesprekParticipantInput{{Kind: "medewerker", Id: switcher}}}))
	is(talk.JSON200, talk.Body)
	plan := call(partner.PutLeeractieplanWithResponse(ctx, id, nil, sb.LeeractieplanInput{Goals: []string{"zelf een schema opmaken"}, Activities: &[]string{"rondleiding"},
		PeopleToMeet: &[]string{"hoofdverpleegkundige"}}))
	is(plan.JSON200, plan.Body)
	dated := call(partner.CreateLeeruitwisselingDayWithResponse(ctx, id, nil, sb.LeeruitwisselingDayInput{DateOn: day(-1), Starts: "09:00", Ends: "16:30", BreakMinutes: 30}))
	date := is(dated.JSON201, dated.Body)
	for _, party := range []sb.LeeruitwisselingSignInputParty{"sending", "receiving", "switcher"} {
		r := call(partner.SignLeeruitwisselingAgreementWithResponse(ctx, id, nil, sb.LeeruitwisselingSignInput{Party: party, SignedBy: "An Voorbeeld", Method: "recorded"}))
		is(r.JSON200, r.Body)
	}
	checked := call(partner.PutLeeruitwisselingChecksWithResponse(ctx, id, nil, sb.LeeruitwisselingChecksInput{SafetyInformationExchanged: ptr(true),
		Insurance: sb.LeeruitwisselingInsuranceInput{WorkAccident: some(true), Commute: some(true), Liability: some(true)}}))
	is(checked.JSON200, checked.Body)
	ready := call(partner.PlanLeeruitwisselingWithResponse(ctx, id, nil))
	fmt.Printf("5. %s, and then %s\n", missing.Code, is(ready.JSON200, ready.Body).Status)

	// 6. The day is attended, the exchange is complete.
	attended := call(partner.AttendLeeruitwisselingDayWithResponse(ctx, id, date.Id, nil, sb.AttendInput{Attended: true, SafetyBriefed: ptr(true)}))
	is(attended.JSON200, attended.Body)
	completed := call(partner.CompleteLeeruitwisselingWithResponse(ctx, id, nil))
	done := is(completed.JSON200, completed.Body)
	fmt.Printf("6. %v hours: the exchange is %s, with %d surveys\n", date.Hours, done.Status, len(done.SurveyIds))

	// 7. A leerbewijs, and the page on which anybody can check it.
	issued := call(partner.IssueLeerbewijsWithResponse(ctx, nil, sb.LeerbewijsIssueInput{LeeruitwisselingId: id, MedewerkerId: switcher}))
	leerbewijs := is(issued.JSON201, issued.Body)
	pdf := call(partner.GetLeerbewijsPdfWithResponse(ctx, leerbewijs.Id, nil))
	hold(pdf.StatusCode() == http.StatusOK && len(pdf.Body) > 1000, "its PDF is there")
	nobody := call(sb.NewClientWithResponses(demo.BaseURL))
	check := call(nobody.CheckLeerbewijsWithResponse(ctx, leerbewijs.Id, nil, func(_ context.Context, req *http.Request) error {
		req.Header.Set("Accept", "application/json") // a browser gets a page
		return nil
	}))
	fmt.Printf("7. a leerbewijs is %s, its PDF there, and %s for who checks it\n", leerbewijs.Status, is(check.JSON200, check.Body).Status)

	// 8. HR and LMS hear of it; HR pulls the same, and follows the cursor from there on.
	hold(next(hours, "opleidingsregistratie.recorded").Data.SubjectId == done.OpleidingsregistratieIds[0], "HR is told of the hours")
	hold(next(certificates, "leerbewijs.issued").Data.SubjectId == leerbewijs.Id, "the LMS is told of the leerbewijs")
	params := &sb.ListOpleidingsregistratiesParams{UpdatedSince: ptr(time.Now().AddDate(0, 0, -1))}
	var mirror []sb.Opleidingsregistratie
	for tries := 0; len(mirror) == 0 && tries < 100; tries++ {
		r := call(hr.ListOpleidingsregistratiesWithResponse(ctx, params))
		page := is(r.JSON200, r.Body)
		mirror = append(mirror, page.Data...)
		params = &sb.ListOpleidingsregistratiesParams{Cursor: ptr(call(page.NextCursor.Get()))}
		if !page.HasMore && len(mirror) == 0 {
			<-time.After(100 * time.Millisecond) // caught up: come back
		}
	}
	hold(len(mirror) == 1, "HR pulls what it was told of")
	listed := call(partner.ListSurveysWithResponse(ctx, &sb.ListSurveysParams{LeeruitwisselingId: &id}))
	surveys := is(listed.JSON200, listed.Body).Data
	closed := call(partner.CloseLeervraagWithResponse(ctx, leervraag.Id, nil, sb.LeervraagCloseInput{Outcome: "answered"}))
	fmt.Printf("8. HR has %v hours, %d surveys wait, the leervraag is %s\n", mirror[0].Hours, len(surveys), is(closed.JSON200, closed.Body).Status)
}
