package leeruitwisseling_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/leeruitwisseling"
	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

type object = map[string]any

const (
	monday  = "2025-01-06" // past
	tuesday = "2025-01-07"
	future  = "2087-01-06"
)

func path(l id.LeeruitwisselingID) string { return "/v1/leeruitwisselingen/" + l.String() }

func workday(on string) object {
	return object{"date_on": on, "starts": "09:00", "ends": "16:30", "break_minutes": 30}
}

func conversation(people ...object) object {
	return object{"starts_at": "2025-01-03T13:00:00Z", "minutes": 20, "location": "https://meet.example/linde", "participants": append([]object{}, people...)}
}

var (
	plan    = object{"goals": []string{"BelRAI leren invullen"}, "activities": []string{"rondleiding"}, "people_to_meet": []string{}, "success": nil}
	settled = object{"insurance": object{"work_accident": true, "commute": true, "liability": true}, "safety_information_exchanged": true}
	here    = object{"attended": true, "safety_briefed": true}
)

func recorded(party string) object {
	return object{"party": party, "signed_by": "An Voorbeeld", "method": "recorded"}
}

// ready brings an exchange to where only /plan is left, in the order of the contract, and returns its days.
func ready(c *testkit.Caller, l id.LeeruitwisselingID, on ...string) []string {
	c.Put(path(l)+"/kennismakingsgesprek", conversation()).Is(http.StatusOK)
	c.Put(path(l)+"/leeractieplan", plan).Is(http.StatusOK)
	var days []string
	for _, d := range on {
		days = append(days, c.Post(path(l)+"/days", workday(d)).Is(http.StatusCreated).Str("id"))
	}
	for _, party := range []string{"sending", "receiving", "switcher"} {
		c.Post(path(l)+"/agreement/sign", recorded(party)).Is(http.StatusOK)
	}
	c.Put(path(l)+"/checks", settled).Is(http.StatusOK)
	return days
}

// another starts another exchange through the verb that journeys call.
func another(w *testkit.World, sending, receiving id.OrganisationID, switcher, coach id.MedewerkerID) leeruitwisseling.Leeruitwisseling {
	w.T.Helper()
	n := leeruitwisseling.New{MatchID: id.NewMatch(), SendingOrganisationID: sending, ReceivingOrganisationID: receiving, SwitcherID: switcher,
		LeervraagID: w.Leervraag(sending, switcher, "Tweede vraag", "Hoe doen zij dat?"), LeerplekID: w.Leerplek(receiving, "Atelier", "Meewerken", coach),
		LeercoachIDs: []id.MedewerkerID{coach}, SendingName: "Zendend", ReceivingName: "Ontvangend", SwitcherName: "Sam Voorbeeld",
		SwitcherJobTitle: "apotheker", SwitcherLanguage: "nl", LeervraagVersion: 2, LeervraagTitle: "Tweede vraag", LeervraagText: "Hoe doen zij dat?",
		LeerplekTitle: "Atelier"}
	w.Insert("matches", object{"id": n.MatchID.UUID(), "leervraag_id": n.LeervraagID.UUID(), "leerplek_id": n.LeerplekID.UUID(),
		"sending_organisation_id": sending.UUID(), "receiving_organisation_id": receiving.UUID(), "switcher_id": switcher.UUID(),
		"leercoach_ids": []uuid.UUID{coach.UUID()}, "internal": sending == receiving, "required_parties": []string{"sending"}, "status": "accepted"})
	var l leeruitwisseling.Leeruitwisseling
	w.Do(func(tx *db.Tx) (err error) {
		l, err = w.App.Leeruitwisselingen.Start(context.Background(), tx, n)
		return err
	})
	return l
}

// as runs a verb as a caller, and returns its error.
func as(w *testkit.World, c *testkit.Caller, fn func(tx *db.Tx) error) error {
	return w.App.DB.InTenant(context.Background(), db.Caller(c.Principal, "req_test"), fn)
}

func complete(w *testkit.World, c *testkit.Caller, lid id.LeeruitwisselingID) error {
	return as(w, c, func(tx *db.Tx) error {
		s := w.App.Leeruitwisselingen
		l, err := s.Lock(context.Background(), tx, lid)
		if err != nil {
			return err
		}
		days, err := s.Days(tx, lid)
		if err != nil {
			return err
		}
		_, err = s.Complete(context.Background(), tx, l, days)
		return err
	})
}

func cancel(w *testkit.World, c *testkit.Caller, lid id.LeeruitwisselingID, why leeruitwisseling.Cancellation) error {
	return as(w, c, func(tx *db.Tx) error {
		l, err := w.App.Leeruitwisselingen.Lock(context.Background(), tx, lid)
		if err != nil {
			return err
		}
		_, err = w.App.Leeruitwisselingen.Cancel(context.Background(), tx, l, why)
		return err
	})
}

func TestExchange_GoesFromPreparingToCompleted(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p, c := w.Pair(), w.Coordinator()
	at := path(p.Leeruitwisseling)

	fresh := c.Get(at).Is(200)
	require.Equal(t, "preparing", fresh.Str("status"))
	require.Equal(t, "Sam Voorbeeld", fresh.Str("switcher.name"))
	require.Nil(t, fresh.At("kennismakingsgesprek"))
	require.Nil(t, fresh.At("leeractieplan"))
	require.Nil(t, fresh.At("checks.insurance.commute"))
	require.Equal(t, []any{"kennismakingsgesprek", "leeractieplan", "days", "signature_sending", "signature_receiving", "signature_switcher",
		"insurance_work_accident", "insurance_commute", "insurance_liability", "safety_information"}, fresh.At("missing"))
	c.Post(at+"/plan", nil).Problem(409, "leeruitwisseling-not-ready", "/kennismakingsgesprek", "/leeractieplan", "/days", "/agreement", "/agreement",
		"/agreement", "/checks/insurance/work_accident", "/checks/insurance/commute", "/checks/insurance/liability", "/checks/safety_information_exchanged")

	days := ready(c, p.Leeruitwisseling, tuesday, monday)
	before := c.Get(at).Is(200)
	require.Empty(t, before.At("missing"))
	require.Equal(t, true, before.At("days.0.provisional"))
	require.Equal(t, monday, before.Str("days.0.date_on"), "in the order in which they begin")
	c.Post(at+"/days/"+days[0]+"/attend", here).Problem(409, "leeruitwisseling-preparing")

	planned := c.Post(at+"/plan", nil).Is(200)
	require.Equal(t, "planned", planned.Str("status"))
	require.Equal(t, false, planned.At("days.0.provisional"))
	again := c.Post(at+"/plan", object{}).Is(200)
	require.Equal(t, planned.Num("revision"), again.Num("revision"), "planned once")

	marked := c.Post(at+"/days/"+days[0]+"/attend", here).Is(200)
	require.Equal(t, "in_progress", marked.Str("status"))
	require.InDelta(t, 7.0, marked.Num("days.1.attended_hours"), 0, "its own times less the break")
	require.Nil(t, marked.At("days.0.attended"))
	c.Post(at+"/plan", nil).Problem(409, "leeruitwisseling-in-progress")
	require.True(t, leeruitwisseling.DaysUnmarked.Is(complete(w, c, p.Leeruitwisseling)))

	c.Post(at+"/days/"+days[1]+"/attend", object{"attended": false}).Is(200)
	c.Post(at+"/days/"+days[1]+"/attend", object{"attended": true, "hours": 3.25, "safety_briefed": true}).Is(200)
	require.NoError(t, complete(w, c, p.Leeruitwisseling))
	done := c.Get(at).Is(200)
	require.Equal(t, "completed", done.Str("status"))
	require.Empty(t, done.At("missing"))
	require.NoError(t, complete(w, c, p.Leeruitwisseling), "the outcome was reached before")
	require.Equal(t, done.Num("revision"), c.Get(at).Num("revision"))

	types := w.EventTypes(p.Leeruitwisseling.String())
	require.Equal(t, []string{"leeruitwisseling.updated", "kennismakingsgesprek.planned", "leeruitwisseling.updated", "leeruitwisseling.updated",
		"leeruitwisseling.updated", "leeruitwisseling.updated", "leeruitwisseling.updated", "leeruitwisseling.updated", "leeruitwisseling.updated",
		"leeruitwisseling.planned", "leeruitwisseling.updated", "leeruitwisseling.updated", "leeruitwisseling.updated", "leeruitwisseling.completed"}, types)
	events := w.Events()
	last := events[len(events)-1]
	require.Equal(t, int64(done.Num("revision")), last.Revision)
	require.JSONEq(t, `{"tenant_id":"`+w.Tenant.String()+`","subject_id":"`+p.Leeruitwisseling.String()+`","revision":`+strconv.FormatInt(last.Revision, 10)+
		`,"organisation_ids":["`+p.Sending.String()+`","`+p.Receiving.String()+`"],"status":"completed","hours":10.25}`, string(last.Data))
	require.Equal(t, 1, w.Count(`select count(*) from audit where tenant_id = $1 and action = 'leeruitwisseling.plan'`, w.Tenant.UUID()))
	require.Equal(t, 1, w.Count(`select count(*) from audit where tenant_id = $1 and action = 'leeruitwisseling.complete'`, w.Tenant.UUID()))
	require.Equal(t, 3, w.Count(`select count(*) from audit where tenant_id = $1 and action = 'leeruitwisseling.sign'`, w.Tenant.UUID()))
}

// Every pair of state and action again, through the doors and the verbs themselves.
func TestDoors_RefuseWhatTheStateDoesNotAllow(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	why := leeruitwisseling.Cancellation{Reason: "other", ByParty: "partner"}
	over := func(code string) map[string]string {
		return map[string]string{"change": code, "plan": code, "attend": code, "complete": code, "cancel": code}
	}
	want := map[string]map[string]string{
		"preparing":   {"plan": "", "change": "", "attend": "leeruitwisseling-preparing", "complete": "leeruitwisseling-preparing", "cancel": ""},
		"planned":     {"plan": "", "change": "", "attend": "", "complete": "", "cancel": ""},
		"in_progress": {"plan": "leeruitwisseling-in-progress", "change": "", "attend": "", "complete": "", "cancel": ""},
		"completed":   over("leeruitwisseling-completed"),
		"cancelled":   over("leeruitwisseling-cancelled"),
	}
	want["completed"]["complete"], want["cancelled"]["cancel"] = "", ""
	for status, actions := range want {
		for action, code := range actions {
			p := w.Pair()
			at := path(p.Leeruitwisseling)
			days := ready(c, p.Leeruitwisseling, monday, tuesday)
			if action == "complete" {
				_, err := w.Super.Exec(context.Background(), `update leeruitwisseling_days set attended = false where leeruitwisseling_id = $1`, p.Leeruitwisseling.UUID())
				require.NoError(t, err)
			}
			_, err := w.Super.Exec(context.Background(), `update leeruitwisselingen set status = $1, cancel_reason = 'other', cancelled_by_party = 'partner',
				cancelled_at = now() where id = $2`, status, p.Leeruitwisseling.UUID())
			require.NoError(t, err)
			answer := func(a *testkit.Answer) {
				if code != "" {
					a.Problem(409, code)
					return
				}
				require.Less(t, a.Status, 300, "%s %s: %s", status, action, a)
			}
			verb := func(err error) {
				if code == "" {
					require.NoError(t, err, "%s %s", status, action)
					return
				}
				var f *fault.Error
				require.ErrorAs(t, err, &f, "%s %s", status, action)
				require.Equal(t, code, f.Problem.Code)
			}
			switch action {
			case "plan":
				answer(c.Post(at+"/plan", nil))
			case "attend":
				answer(c.Post(at+"/days/"+days[0]+"/attend", here))
			case "complete":
				verb(complete(w, c, p.Leeruitwisseling))
			case "cancel":
				verb(cancel(w, c, p.Leeruitwisseling, why))
			case "change":
				answer(c.Patch(at, object{"safety_note": "Gesloten schoenen."}))
				answer(c.Put(at+"/kennismakingsgesprek", conversation()))
				answer(c.Put(at+"/leeractieplan", plan, "If-Match", "*"))
				answer(c.Put(at+"/checks", settled))
				answer(c.Post(at+"/agreement/sign", recorded("sending")))
				answer(c.Post(at+"/days", workday("2025-01-08")))
				answer(c.Patch(at+"/days/"+days[0], object{"ends": "17:00"}))
				answer(c.Delete(at + "/days/" + days[1]))
			}
		}
	}
}

func TestSignatures_GoStaleWhenWhatWasAgreedOnChanges(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p, c := w.Pair(), w.Coordinator()
	at := path(p.Leeruitwisseling)
	days := ready(c, p.Leeruitwisseling, monday)

	text := c.Get(at + "/agreement").Is(200)
	sum := sha256.Sum256([]byte(text.Str("document")))
	require.Equal(t, hex.EncodeToString(sum[:]), text.Str("document_hash"))
	require.Equal(t, 3, text.Len("signatures"))
	require.Equal(t, true, text.At("signatures.0.current"))
	require.Equal(t, "recorded", text.Str("signatures.0.method"))

	c.Patch(at+"/days/"+days[0], object{"ends": "17:00"}).Is(200)
	stale := c.Get(at).Is(200)
	require.Equal(t, []any{"signature_sending", "signature_receiving", "signature_switcher"}, stale.At("missing"))
	require.Equal(t, 3, stale.Len("agreement.signatures"), "kept, though they count no more")
	require.Equal(t, false, stale.At("agreement.signatures.0.current"))
	c.Post(at+"/plan", nil).Problem(409, "leeruitwisseling-not-ready", "/agreement", "/agreement", "/agreement")

	c.Patch(at+"/days/"+days[0], object{"ends": "16:30"}).Is(200)
	require.Empty(t, c.Get(at).At("missing"), "the same text again is what they signed")
	c.Put(at+"/checks", object{"insurance": object{"work_accident": true, "commute": true, "liability": nil}}).Is(200)
	require.Equal(t, []any{"insurance_liability", "safety_information"}, c.Get(at).At("missing"), "checks are no part of what is signed")
	c.Put(at+"/checks", settled).Is(200)
	c.Patch(at, object{"meeting_point": "onthaal"}).Is(200)
	c.Post(at+"/plan", nil).Is(200)

	c.Post(at+"/days", workday(tuesday)).Is(201)
	later := c.Get(at).Is(200)
	require.Equal(t, "planned", later.Str("status"), "a change after planning leaves the state")
	require.Equal(t, []any{"signature_sending", "signature_receiving", "signature_switcher"}, later.At("missing"), "and shows what it undid")
	for _, party := range []string{"sending", "receiving", "switcher"} {
		c.Post(at+"/agreement/sign", recorded(party)).Is(200)
	}
	signed := c.Get(at).Is(200)
	require.Empty(t, signed.At("missing"))
	again := c.Post(at+"/agreement/sign", recorded("sending")).Is(200)
	require.Equal(t, signed.Num("revision"), again.Num("revision"), "signing the same text twice is one signature")
	require.Equal(t, 6, w.Count(`select count(*) from audit where tenant_id = $1 and action = 'leeruitwisseling.sign'`, w.Tenant.UUID()))
}

func TestSigning_IsByWhoTheCallerIs(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p, c := w.Pair(), w.Coordinator()
	sign := path(p.Leeruitwisseling) + "/agreement/sign"
	sending, receiving, switcher := w.Employer(p.Sending), w.Employer(p.Receiving), w.Client(auth.Switcher, &p.Sending, &p.Switcher)
	body := func(party, method string) object {
		return object{"party": party, "signed_by": "An Voorbeeld", "method": method}
	}

	c.Post(sign, body("sending", "signed_in")).Problem(422, "invalid", "/method")
	c.Post(sign, body("sending", "link")).Problem(422, "invalid", "/method")
	sending.Post(sign, body("sending", "link")).Problem(422, "invalid", "/method")
	sending.Post(sign, body("receiving", "recorded")).Problem(403, "forbidden")
	sending.Post(sign, body("receiving", "signed_in")).Problem(403, "forbidden")
	sending.Post(sign, body("switcher", "signed_in")).Problem(403, "forbidden")
	receiving.Post(sign, body("sending", "signed_in")).Problem(403, "forbidden")
	switcher.Post(sign, body("sending", "signed_in")).Problem(403, "forbidden")
	c.Post(sign, body("leercoach", "recorded")).Problem(422, "invalid", "/party")
	c.Post(sign, object{"party": "sending", "signed_by": " ", "method": "recorded"}).Problem(422, "invalid", "/signed_by")
	w.Client(auth.Leercoach, &p.Receiving, &p.Coach).Post(sign, body("receiving", "signed_in")).Problem(403, "forbidden")

	sending.Post(sign, body("sending", "signed_in")).Is(200)
	receiving.Post(sign, body("receiving", "signed_in")).Is(200)
	last := switcher.Post(sign, body("switcher", "signed_in")).Is(200)
	require.Equal(t, 3, last.Len("agreement.signatures"))
	require.Equal(t, "signed_in", last.Str("agreement.signatures.2.method"))
}

func TestInternalExchange_NeedsTheOneEmployerAndTheSwitcher(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	org := w.Organisation("Bouwbedrijf Baksteen")
	l := another(w, org, org, w.Medewerker(org, "Sam"), w.Medewerker(org, "Noor"))
	at := path(l.ID)
	c.Put(at+"/kennismakingsgesprek", conversation()).Is(200)
	c.Put(at+"/leeractieplan", plan).Is(200)
	c.Post(at+"/days", workday(monday)).Is(201)
	c.Put(at+"/checks", settled).Is(200)
	c.Post(at+"/plan", nil).Problem(409, "leeruitwisseling-not-ready", "/agreement", "/agreement")
	w.Employer(org).Post(at+"/agreement/sign", object{"party": "sending", "signed_by": "An Voorbeeld", "method": "signed_in"}).Is(200)
	c.Post(at+"/agreement/sign", recorded("switcher")).Is(200)
	require.Equal(t, "planned", c.Post(at+"/plan", nil).Is(200).Str("status"))
	require.Equal(t, []string{"leeruitwisseling.created"}, w.EventTypes(l.ID.String())[:1])
}

func TestLeeractieplan_IsReplacedOnlyByWhoReadIt(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p, c := w.Pair(), w.Coordinator()
	at := path(p.Leeruitwisseling)
	c.Put(at+"/leeractieplan", plan, "If-Match", `"99"`).Problem(412, "revision-mismatch")
	first := c.Put(at+"/leeractieplan", plan).Is(200)
	require.Equal(t, "rondleiding", first.Str("leeractieplan.activities.0"))
	c.Put(at+"/leeractieplan", object{"goals": []string{"anders"}}).Problem(428, "if-match-required")
	c.Put(at+"/leeractieplan", object{"goals": []string{"anders"}}, "If-Match", `"1"`).Problem(412, "revision-mismatch")
	second := c.Put(at+"/leeractieplan", object{"goals": []string{"anders"}}, "If-Match", first.Header.Get("ETag")).Is(200)
	require.Empty(t, second.At("leeractieplan.activities"))
	same := c.Put(at+"/leeractieplan", object{"goals": []string{"anders"}}, "If-Match", second.Header.Get("ETag")).Is(200)
	require.Equal(t, second.Num("revision"), same.Num("revision"), "the same plan is no change")
	c.Put(at+"/leeractieplan", object{"activities": []string{}}).Problem(422, "invalid", "/goals")
	c.Patch(at, object{"status": "completed"}).Problem(422, "invalid", "/status")
	c.Patch(at, object{"safety_note": "x"}, "If-Match", `"1"`).Problem(412, "revision-mismatch")
}

func TestKennismakingsgesprek_NamesPeopleOfTheTwoEmployers(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p, c := w.Pair(), w.Coordinator()
	at := path(p.Leeruitwisseling) + "/kennismakingsgesprek"
	contact := id.ContactID(w.Insert("contacts", object{"organisation_id": p.Receiving.UUID(), "name": "An Voorbeeld", "function": "hr", "decides": true, "follows_up": false}))
	stranger := w.Medewerker(w.Organisation("Derde"), "Kim")
	who := func(kind, id string) object { return object{"kind": kind, "id": id} }
	people := []object{who("medewerker", p.Switcher.String()), who("medewerker", p.Coach.String()), who("contact", contact.String()), who("member", id.NewMember().String())}

	c.Put(at, conversation(who("medewerker", contact.String()), who("contact", p.Coach.String()), who("member", "x"))).
		Problem(422, "invalid", "/participants/0/id", "/participants/1/id", "/participants/2/id")
	c.Put(at, conversation(people[0], who("medewerker", stranger.String()), who("contact", id.NewContact().String()))).
		Problem(422, "invalid", "/participants/1/id", "/participants/2/id")
	c.Put(at, conversation(people[0], people[0])).Problem(422, "invalid", "/participants/1/id")
	c.Put(at, object{"starts_at": "soon", "minutes": 0, "location": ""}).Problem(422, "invalid", "/location", "/minutes", "/starts_at")

	// A bound caller names people whom it cannot read.
	made := w.Employer(p.Sending).Put(at, conversation(people...)).Is(200)
	require.Equal(t, 4, made.Len("kennismakingsgesprek.participants"))
	require.Equal(t, "2025-01-03T13:00:00Z", made.Str("kennismakingsgesprek.starts_at"))
	held := conversation(people...)
	held["actual_minutes"], held["outcome"] = 65, "Witte jas meebrengen."
	require.InDelta(t, 65, c.Put(at, held).Is(200).Num("kennismakingsgesprek.actual_minutes"), 0)
	held["starts_at"] = "2025-01-03T15:00:00Z"
	c.Put(at, held).Is(200)
	require.Equal(t, []string{"leeruitwisseling.updated", "kennismakingsgesprek.planned", "leeruitwisseling.updated",
		"leeruitwisseling.updated", "kennismakingsgesprek.planned"}, w.EventTypes(p.Leeruitwisseling.String()), "told again only when it moved")
}

func TestDays_CountTheHoursOfNightsInWhichTheClockChanges(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p, c := w.Pair(), w.Coordinator()
	at := path(p.Leeruitwisseling) + "/days"
	night := func(on string) object {
		return object{"date_on": on, "starts": "22:00", "ends": "06:00", "break_minutes": 30}
	}
	spring := c.Post(at, night("2027-03-27")).Is(201)
	require.InDelta(t, 6.5, spring.Num("hours"), 0)
	require.Equal(t, "2027-03-28T04:00:00Z", spring.Str("ends_at"))
	require.InDelta(t, 8.5, c.Post(at, night("2027-10-30")).Is(201).Num("hours"), 0)
	require.InDelta(t, 7.5, c.Post(at, night("2027-06-05")).Is(201).Num("hours"), 0)
	read := c.Get(spring.Header.Get("Location")).Is(200)
	require.Equal(t, string(spring.Body), string(read.Body))
	c.Post(at, object{"date_on": "2027-10-30", "starts": "07:00", "ends": "07:00", "break_minutes": 0}).Problem(422, "invalid", "/ends")
}

func TestDays_OfOneSwitcherNeverOverlap(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p, c := w.Pair(), w.Coordinator()
	host := w.Organisation("Kinderdagverblijf De Ark")
	other := another(w, p.Sending, host, p.Switcher, w.Medewerker(host, "Lou"))
	at, there := path(p.Leeruitwisseling), path(other.ID)
	part := func(on, starts, ends string) object {
		return object{"date_on": on, "starts": starts, "ends": ends, "break_minutes": 0}
	}

	first := c.Post(at+"/days", part(monday, "09:00", "12:00")).Is(201).Str("id")
	c.Post(at+"/days", part(monday, "11:59", "13:00")).Problem(422, "invalid", "/date_on")
	c.Post(there+"/days", part(monday, "08:00", "09:01")).Problem(422, "invalid", "/date_on")
	w.Employer(host).Post(there+"/days", part("2025-01-05", "22:00", "10:00")).Problem(422, "invalid", "/date_on")
	second := c.Post(there+"/days", part(monday, "12:00", "15:00")).Is(201).Str("id")
	c.Patch(at+"/days/"+first, object{"ends": "12:30"}).Problem(422, "invalid", "/date_on")
	c.Patch(at+"/days/"+first, object{"ends": "11:30"}).Is(200)
	c.Post(path(w.Pair().Leeruitwisseling)+"/days", part(monday, "09:00", "12:00")).Is(201) // another switcher

	// A day on which the switcher was absent leaves the time free, and cannot be turned back once it is taken.
	ready(c, other.ID)
	c.Post(there+"/plan", nil).Is(200)
	c.Post(there+"/days/"+second+"/attend", object{"attended": false}).Is(200)
	c.Post(at+"/days", part(monday, "13:00", "14:00")).Is(201)
	c.Post(there+"/days/"+second+"/attend", here).Problem(422, "invalid", "/attended")

	// What was called off takes no time.
	require.NoError(t, cancel(w, c, p.Leeruitwisseling, leeruitwisseling.Cancellation{Reason: "other", ByParty: "partner"}))
	c.Post(there+"/days", part(monday, "09:00", "12:00")).Is(201)
}

func TestDays_AddedAtTheSameMomentDoNotOverlapEither(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p, c := w.Pair(), w.Coordinator()
	host := w.Organisation("Kinderdagverblijf De Ark")
	other := another(w, p.Sending, host, p.Switcher, w.Medewerker(host, "Lou"))
	for i, l := range []id.LeeruitwisselingID{p.Leeruitwisseling, other.ID} {
		on := day.Of(2025, 1, 6+i)
		answer := make(chan *testkit.Answer, 1)
		w.Do(func(tx *db.Tx) error {
			_, _, err := leeruitwisseling.AddDay(w.App.Leeruitwisselingen, context.Background(), tx, p.Leeruitwisseling,
				leeruitwisseling.DayInput{DateOn: on, Starts: "09:00", Ends: "16:30"})
			require.NoError(t, err)
			var pid int
			require.NoError(t, tx.Select(&pid, "select pg_backend_pid()"))
			go func() { answer <- c.Post(path(l)+"/days", workday(on.String())) }()
			// The transaction ends only once the other request waits for it, or got past it.
			for w.Count(`select count(*) from pg_stat_activity where $1 = any (pg_blocking_pids(pid))`, pid) == 0 && len(answer) == 0 {
				runtime.Gosched()
			}
			return nil
		})
		(<-answer).Problem(422, "invalid", "/date_on")
	}
}

func TestDays_NameTheHostsOwnPeopleAndSites(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p, c := w.Pair(), w.Coordinator()
	at := path(p.Leeruitwisseling) + "/days"
	site, elsewhere := w.Site(p.Receiving, 51.05, 3.72, true), w.Site(p.Sending, 51.05, 3.72, true)
	with := func(name string, value any) object {
		d := workday(monday)
		d[name] = value
		return d
	}
	c.Post(at, with("site_id", elsewhere)).Problem(422, "invalid", "/site_id")
	c.Post(at, with("site_id", id.NewSite())).Problem(422, "invalid", "/site_id")
	c.Post(at, with("leercoach_ids", []any{p.Coach, p.Switcher})).Problem(422, "invalid", "/leercoach_ids/1")
	left := w.Medewerker(p.Receiving, "Kim")
	_, err := w.Super.Exec(context.Background(), `update medewerkers set ended_on = '2025-01-05' where id = $1`, left.UUID())
	require.NoError(t, err)
	c.Post(at, with("leercoach_ids", []any{left})).Problem(422, "invalid", "/leercoach_ids/0")
	earlier := workday("2025-01-03")
	earlier["leercoach_ids"] = []any{left}
	c.Delete(at + "/" + c.Post(at, earlier).Is(201).Str("id")).Is(204)
	c.Post(at, with("leercoach_ids", []any{p.Coach, p.Coach})).Problem(422, "invalid", "/leercoach_ids/1")
	c.Post(at, with("leercoach_ids", []any{"org_01h455vb4pex5vsknk084sn02q"})).Problem(422, "invalid", "/leercoach_ids/0")
	c.Post(at, with("break_minutes", 450)).Problem(422, "invalid", "/break_minutes")
	c.Post(at, with("break_minutes", -1)).Problem(422, "invalid", "/break_minutes")
	c.Post(at, with("starts", "9:00")).Problem(422, "invalid", "/starts")
	c.Post(at, with("ends", "24:00")).Problem(422, "invalid", "/ends")
	c.Post(at, with("date_on", "2025-02-30")).Problem(422, "invalid", "/date_on")
	c.Post(at, with("hours", 7)).Problem(422, "invalid", "/hours")

	// The sending employer cannot read the host's people, and names them all the same.
	d := with("leercoach_ids", []any{p.Coach})
	d["site_id"] = site
	made := w.Employer(p.Sending).Post(at, d).Is(201)
	require.Equal(t, p.Coach.String(), made.Str("leercoach_ids.0"))
	day := at + "/" + made.Str("id")
	bare := c.Patch(day, object{"site_id": nil, "leercoach_ids": nil}, "If-Match", made.Header.Get("ETag")).Is(200)
	require.Nil(t, bare.At("site_id"))
	require.Nil(t, bare.At("leercoach_ids"))
	revision := c.Get(path(p.Leeruitwisseling)).Num("revision")
	require.Equal(t, bare.Num("revision"), c.Patch(day, object{"site_id": nil}).Is(200).Num("revision"))
	require.Equal(t, revision, c.Get(path(p.Leeruitwisseling)).Num("revision"), "nothing changed, nothing is told")
	c.Patch(day, object{"ends": "17:00"}, "If-Match", made.Header.Get("ETag")).Problem(412, "revision-mismatch")
	require.Equal(t, 1, c.Get(at).Is(200).Len("data"))
	c.Delete(day).Is(204)
	c.Get(day).Problem(404, "not-found")
	c.Delete(day).Problem(404, "not-found")
}

func TestAttendance_IsNotedFromTheDayOnAndUntilTheEnd(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p, c := w.Pair(), w.Coordinator()
	at := path(p.Leeruitwisseling)
	days := ready(c, p.Leeruitwisseling, monday, future)
	c.Post(at+"/plan", nil).Is(200)
	attend := func(day string, body object) *testkit.Answer { return c.Post(at+"/days/"+day+"/attend", body) }

	attend(days[1], here).Problem(409, "day-not-yet")
	attend(days[1], object{"attended": false}).Problem(409, "day-not-yet")
	attend(days[0], object{"attended": true, "hours": -1}).Problem(422, "invalid", "/hours")
	attend(days[0], object{"attended": true, "hours": 24.01}).Problem(422, "invalid", "/hours")
	attend(days[0], object{"attended": true, "hours": 7.125}).Problem(422, "invalid", "/hours")
	attend(days[0], object{"attended": false, "hours": 2}).Problem(422, "invalid", "/hours")
	attend(days[0], object{"safety_briefed": true}).Problem(422, "invalid", "/attended")
	attend(id.NewDay().String(), here).Problem(404, "not-found")
	c.Post(path(w.Pair().Leeruitwisseling)+"/days/"+days[0]+"/attend", here).Problem(404, "not-found")

	first := attend(days[0], object{"attended": true, "hours": 0, "safety_briefed": true}).Is(200)
	require.InDelta(t, 0, first.Num("days.0.attended_hours"), 0)
	require.Equal(t, true, first.At("days.0.safety_briefed"))
	require.NotNil(t, first.At("days.0.marked_at"))
	require.Equal(t, first.Num("revision"), attend(days[0], object{"attended": true, "hours": 0, "safety_briefed": true}).Is(200).Num("revision"))
	require.InDelta(t, 7.5, attend(days[0], object{"attended": true, "hours": 7.5, "safety_briefed": true}).Is(200).Num("days.0.attended_hours"), 0)
	require.Nil(t, attend(days[0], object{"attended": false, "hours": 0}).Is(200).At("days.0.attended_hours"))

	c.Patch(at+"/days/"+days[0], object{"ends": "17:00"}).Problem(409, "leeruitwisseling-day-marked")
	c.Delete(at+"/days/"+days[0]).Problem(409, "leeruitwisseling-day-marked")
	err := complete(w, c, p.Leeruitwisseling)
	var f *fault.Error
	require.ErrorAs(t, err, &f)
	require.Len(t, f.Fields, 1)
	require.Equal(t, "/days/1", f.Fields[0].Pointer)
	require.Equal(t, days[1], f.Fields[0].Params["day"])
	c.Delete(at + "/days/" + days[1]).Is(204)
	require.NoError(t, complete(w, c, p.Leeruitwisseling))
	attend(days[0], here).Problem(409, "leeruitwisseling-completed")
}

func TestComplete_NeedsADay(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p, c := w.Pair(), w.Coordinator()
	days := ready(c, p.Leeruitwisseling, monday)
	c.Post(path(p.Leeruitwisseling)+"/plan", nil).Is(200)
	c.Delete(path(p.Leeruitwisseling) + "/days/" + days[0]).Is(204)
	require.True(t, leeruitwisseling.DaysUnmarked.Is(complete(w, c, p.Leeruitwisseling)))
}

func TestCancel_KeepsTheNoteWithThePartyThatCancels(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p, c := w.Pair(), w.Coordinator()
	at := path(p.Leeruitwisseling)
	sending, receiving := w.Employer(p.Sending), w.Employer(p.Receiving)
	note := "Te weinig volk op de dienst."
	days := ready(c, p.Leeruitwisseling, monday, future)
	c.Post(at+"/plan", nil).Is(200)
	c.Post(at+"/days/"+days[0]+"/attend", here).Is(200)

	why := leeruitwisseling.Cancellation{Reason: "employer", ByParty: "receiving", Note: &note}
	require.True(t, fault.NotAllowed.Is(cancel(w, sending, p.Leeruitwisseling, why)))
	require.NoError(t, cancel(w, receiving, p.Leeruitwisseling, why))
	gone := sending.Get(at).Is(200)
	require.Equal(t, "cancelled", gone.Str("status"))
	require.Equal(t, "employer", gone.Str("cancellation.reason"))
	require.Equal(t, "receiving", gone.Str("cancellation.by_party"))
	require.InDelta(t, 7, gone.Num("days.0.attended_hours"), 0, "attended days still count")
	require.NotContains(t, string(gone.Body), note)
	require.Equal(t, 0, sending.Get(at+"/notes").Is(200).Len("data"))
	require.Equal(t, note, receiving.Get(at+"/notes").Is(200).Str("data.0.text"))
	require.NoError(t, cancel(w, receiving, p.Leeruitwisseling, why), "the outcome was reached before")
	require.Equal(t, gone.Num("revision"), c.Get(at).Num("revision"))

	events := w.Events()
	last := events[len(events)-1]
	require.Equal(t, "leeruitwisseling.cancelled", last.Type)
	require.Contains(t, string(last.Data), `"reason": "employer"`)
	require.NotContains(t, string(last.Data), "volk")
	require.Equal(t, 1, w.Count(`select count(*) from audit where tenant_id = $1 and action = 'leeruitwisseling.cancel'`, w.Tenant.UUID()))

	// The ST-partner's own note is read by nobody else, and a switcher's stands with its employer.
	partner := w.Pair()
	require.NoError(t, cancel(w, c, partner.Leeruitwisseling, leeruitwisseling.Cancellation{Reason: "other", ByParty: "partner", Note: &note}))
	require.Equal(t, 0, w.Employer(partner.Receiving).Get(path(partner.Leeruitwisseling)+"/notes").Is(200).Len("data"))
	require.Nil(t, c.Get(path(partner.Leeruitwisseling)+"/notes").Is(200).At("data.0.organisation_id"))
	ill := w.Pair()
	require.NoError(t, cancel(w, w.Client(auth.Switcher, &ill.Sending, &ill.Switcher), ill.Leeruitwisseling,
		leeruitwisseling.Cancellation{Reason: "illness", ByParty: "switcher", Note: &note}))
	require.Equal(t, 1, w.Employer(ill.Sending).Get(path(ill.Leeruitwisseling)+"/notes").Is(200).Len("data"))
	require.Equal(t, 0, w.Employer(ill.Receiving).Get(path(ill.Leeruitwisseling)+"/notes").Is(200).Len("data"))
}

func TestNotes_StayOnTheirSide(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p, c := w.Pair(), w.Coordinator()
	at := path(p.Leeruitwisseling) + "/notes"
	sending, receiving := w.Employer(p.Sending), w.Employer(p.Receiving)

	mine := sending.Post(at, object{"text": "Zij spreekt traag Nederlands."}).Is(201)
	require.Equal(t, p.Sending.String(), mine.Str("organisation_id"))
	receiving.Post(at, object{"text": "Parkeren achteraan.", "organisation_id": p.Receiving}).Is(201)
	c.Post(at, object{"text": "Van de partner zelf."}).Is(201)
	c.Post(at, object{"text": "Telefonisch doorgegeven.", "organisation_id": p.Sending}).Is(201)
	sending.Post(at, object{"text": "x", "organisation_id": p.Receiving}).Problem(422, "invalid", "/organisation_id")
	c.Post(at, object{"text": "x", "organisation_id": w.Organisation("Derde")}).Problem(422, "invalid", "/organisation_id")
	c.Post(at, object{"text": ""}).Problem(422, "invalid", "/text")

	require.Equal(t, 2, sending.Get(at).Is(200).Len("data"))
	require.Equal(t, 1, receiving.Get(at).Is(200).Len("data"))
	require.Equal(t, 4, c.Get(at).Is(200).Len("data"))
	coach := w.Client(auth.Leercoach, &p.Receiving, &p.Coach)
	require.Equal(t, 0, coach.Get(at).Is(200).Len("data"))
	coach.Post(at, object{"text": "x"}).Problem(403, "forbidden")
	w.Client(auth.Integration, &p.Receiving, &p.Coach, "leeruitwisseling:write").Post(at, object{"text": "x"}).Problem(403, "forbidden")
}

func TestExchange_IsSeenByBothSidesAndByNobodyElse(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p, c := w.Pair(), w.Coordinator()
	at := path(p.Leeruitwisseling)
	days := ready(c, p.Leeruitwisseling, monday)
	sending, receiving := w.Employer(p.Sending), w.Employer(p.Receiving)
	body := string(sending.Get(at).Is(200).Body)
	require.Equal(t, body, string(receiving.Get(at).Is(200).Body))
	require.Equal(t, body, string(w.Client(auth.Switcher, &p.Sending, &p.Switcher).Get(at).Is(200).Body))
	require.Equal(t, body, string(w.Client(auth.Leercoach, &p.Receiving, &p.Coach).Get(at).Is(200).Body))
	receiving.Post(at+"/plan", nil).Is(200)
	sending.Post(at+"/days/"+days[0]+"/attend", here).Is(200)

	third := w.Organisation("Derde")
	colleague := w.Medewerker(p.Sending, "Bo")
	for name, stranger := range map[string]*testkit.Caller{"a third employer": w.Employer(third), "another tenant": testkit.New(t).Coordinator(),
		"a colleague": w.Client(auth.Integration, &p.Sending, &colleague, "leeruitwisseling:read", "leeruitwisseling:write", "leeruitwisseling:sign")} {
		day := at + "/days/" + days[0]
		for _, pair := range [][2]*testkit.Answer{
			{stranger.Get(at), stranger.Get(path(id.NewLeeruitwisseling()))},
			{stranger.Get(at + "/agreement"), stranger.Get(path(id.NewLeeruitwisseling()) + "/agreement")},
			{stranger.Get(at + "/days"), stranger.Get(path(id.NewLeeruitwisseling()) + "/days")},
			{stranger.Get(day), stranger.Get(path(id.NewLeeruitwisseling()) + "/days/" + days[0])},
			{stranger.Get(at + "/notes"), stranger.Get(path(id.NewLeeruitwisseling()) + "/notes")},
			{stranger.Patch(at, object{"safety_note": "x"}), stranger.Patch(path(id.NewLeeruitwisseling()), object{"safety_note": "x"})},
		} {
			pair[0].Problem(404, "not-found")
			require.Equal(t, pair[1].Retold(), pair[0].Retold(), name)
		}
		stranger.Put(at+"/kennismakingsgesprek", conversation()).Problem(404, "not-found")
		stranger.Put(at+"/leeractieplan", plan).Problem(404, "not-found")
		stranger.Put(at+"/checks", settled).Problem(404, "not-found")
		stranger.Post(at+"/agreement/sign", object{"party": "sending", "signed_by": "X", "method": "signed_in"}).Problem(404, "not-found")
		stranger.Post(at+"/plan", nil).Problem(404, "not-found")
		stranger.Post(at+"/days", workday(tuesday)).Problem(404, "not-found")
		stranger.Patch(day, object{"ends": "17:00"}).Problem(404, "not-found")
		stranger.Delete(day).Problem(404, "not-found")
		stranger.Post(day+"/attend", here).Problem(404, "not-found")
		if name != "a colleague" {
			stranger.Post(at+"/notes", object{"text": "x"}).Problem(404, "not-found")
		}
		require.Equal(t, 0, stranger.Get("/v1/leeruitwisselingen").Is(200).Len("data"))
	}
	c.Get("/v1/leeruitwisselingen/org_01h455vb4pex5vsknk084sn02q").Problem(404, "not-found")
	w.Client(auth.Viewer, nil, nil).Put(at+"/checks", settled).Problem(403, "forbidden")
}

func TestList_FiltersAndIsFollowed(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	a, b, c := w.Pair(), w.Pair(), w.Coordinator()
	ready(c, a.Leeruitwisseling, monday)
	list := func(query string) []any {
		var page struct{ Data []struct{ ID string } }
		c.Get("/v1/leeruitwisselingen?" + query).Is(200).Into(&page)
		out := []any{}
		for _, x := range page.Data {
			out = append(out, x.ID)
		}
		return out
	}
	first, second := a.Leeruitwisseling.String(), b.Leeruitwisseling.String()
	require.ElementsMatch(t, []any{first, second}, list(""))
	for query, want := range map[string][]any{
		"organisation_id=" + a.Sending.String(): {first}, "organisation_id=" + b.Receiving.String(): {second},
		"medewerker_id=" + a.Coach.String(): {first}, "medewerker_id=" + b.Switcher.String(): {second},
		"leervraag_id=" + b.Leervraag.String(): {second}, "leervraag_id=" + id.NewLeervraag().String(): {},
		"status=planned": {}, "status=preparing,planned&organisation_id=" + a.Sending.String(): {first},
	} {
		require.Equal(t, want, list(query), query)
	}
	c.Get("/v1/leeruitwisselingen?status=late").Problem(400, "invalid-parameter", "status")
	one := c.Get("/v1/leeruitwisselingen?limit=1").Is(200)
	require.Equal(t, 1, c.Get("/v1/leeruitwisselingen?limit=1&cursor="+one.Str("next_cursor")).Is(200).Len("data"))
	require.Equal(t, 1, c.Get("/v1/leeruitwisselingen?organisation_id="+a.Sending.String()).Len("data.0.days"), "with their parts")

	w.Settle(t)
	sync := c.Get("/v1/leeruitwisselingen?updated_since=" + time.Now().Add(-time.Hour).UTC().Format("2006-01-02T15:04:05Z")).Is(200)
	require.Equal(t, 2, sync.Len("data"))
	next := "/v1/leeruitwisselingen?cursor=" + sync.Str("next_cursor")
	require.Equal(t, 0, c.Get(next).Is(200).Len("data"))
	c.Post(path(b.Leeruitwisseling)+"/days", workday(monday)).Is(201)
	w.Settle(t)
	require.Equal(t, second, c.Get(next).Is(200).Str("data.0.id"), "a change of a part is a change")
}

func TestActiveFor_CountsWhatGoesOn(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p, c := w.Pair(), w.Coordinator()
	third := w.Employer(w.Organisation("Derde"))
	count := func(c *testkit.Caller) (n int) {
		require.NoError(t, as(w, c, func(tx *db.Tx) (err error) {
			n, err = w.App.Leeruitwisselingen.ActiveFor(tx, p.Leervraag)
			return err
		}))
		return n
	}
	require.Equal(t, 1, count(third), "whoever asks")
	require.NoError(t, cancel(w, c, p.Leeruitwisseling, leeruitwisseling.Cancellation{Reason: "safety", ByParty: "partner"}))
	require.Zero(t, count(c))
}

func TestStart_MakesOneExchangeOfAMatch(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p, c := w.Pair(), w.Coordinator()
	n := leeruitwisseling.New{MatchID: p.Match, LeervraagID: p.Leervraag, LeerplekID: p.Leerplek, SendingOrganisationID: p.Sending,
		ReceivingOrganisationID: p.Receiving, SwitcherID: p.Switcher, LeercoachIDs: []id.MedewerkerID{p.Coach}}
	err := as(w, c, func(tx *db.Tx) error {
		_, err := w.App.Leeruitwisselingen.Start(context.Background(), tx, n)
		return err
	})
	require.True(t, fault.Exists.Is(err))
}
