package match_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/match"
	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

var matches match.Service

// stage is two employers with what a match is made of.
type stage struct {
	*testkit.World
	new        match.New
	coordinate *testkit.Caller
}

func setUp(t *testing.T) stage {
	t.Helper()
	w := testkit.New(t)
	n := match.New{SendingOrganisationID: w.Organisation("Bouwbedrijf Kant en Klaar"), ReceivingOrganisationID: w.Organisation("Maatwerkbedrijf De Schakel"),
		RequiredParties: []string{match.Sending, match.Receiving}}
	n.SwitcherID = w.Medewerker(n.SendingOrganisationID, "Robin")
	n.LeercoachIDs = []id.MedewerkerID{w.Medewerker(n.ReceivingOrganisationID, "Kim"), w.Medewerker(n.ReceivingOrganisationID, "Alex")}
	n.LeervraagID = w.Leervraag(n.SendingOrganisationID, n.SwitcherID, "Begeleiden op de werkvloer", "Hoe begeleid ik wie het moeilijk heeft?")
	n.LeerplekID = w.Leerplek(n.ReceivingOrganisationID, "Bouwploeg", "Meewerken met een bouwploeg en haar begeleider", n.LeercoachIDs...)
	return stage{w, n, w.Coordinator()}
}

func (s stage) create(change func(*match.New)) match.Match {
	s.T.Helper()
	n := s.new
	if change != nil {
		change(&n)
	}
	var m match.Match
	s.Do(func(tx *db.Tx) (err error) {
		m, err = matches.Create(context.Background(), tx, n)
		return err
	})
	return m
}

func (s stage) draft() match.Match { return s.create(func(n *match.New) { n.Draft = true }) }

// as runs a verb on a locked match as a caller, as a journey would.
func (s stage) as(c *testkit.Caller, mid id.MatchID, verb func(*db.Tx, match.Match) error) error {
	return s.App.DB.InTenant(context.Background(), db.Caller(c.Principal, "test"), func(tx *db.Tx) error {
		m, err := matches.Lock(context.Background(), tx, mid)
		if err != nil {
			return err
		}
		return verb(tx, m)
	})
}

// accept notes a yes, and makes the exchange when it was the last one.
func (s stage) accept(c *testkit.Caller, mid id.MatchID, d match.Decision) (complete bool, err error) {
	err = s.as(c, mid, func(tx *db.Tx, m match.Match) error {
		m, complete, err = matches.Accept(context.Background(), tx, m, d)
		if err != nil || !complete {
			return err
		}
		lui := id.NewLeeruitwisseling()
		if err := tx.Unbound("the exchange is of both employers", func(tx *db.Tx) error { return insertExchange(tx, m, lui) }); err != nil {
			return err
		}
		_, err = matches.Accepted(context.Background(), tx, m, lui)
		return err
	})
	return complete, err
}

func insertExchange(tx *db.Tx, m match.Match, lui id.LeeruitwisselingID) error {
	_, err := tx.Run(`insert into leeruitwisselingen (tenant_id, id, created_at, updated_at, changed_by, request_id, match_id, leervraag_id, leerplek_id,
		sending_organisation_id, receiving_organisation_id, switcher_id, leercoach_ids, internal, sending_name, receiving_name, switcher_name,
		switcher_job_title, switcher_language, leervraag_version, leervraag_title, leervraag_text, leerplek_title)
		select tenant_id, ?, updated_at, updated_at, 'test', 'test', id, leervraag_id, leerplek_id, sending_organisation_id, receiving_organisation_id,
		switcher_id, leercoach_ids, internal, 'A', 'B', 'C', 'd', 'nl', 1, 'e', 'f', 'g' from matches where tenant_id = ? and id = ?`, lui, tx.Scope.Tenant, m.ID)
	return err
}

func (s stage) decline(c *testkit.Caller, mid id.MatchID, d match.Decision) error {
	return s.as(c, mid, func(tx *db.Tx, m match.Match) error {
		_, err := matches.Decline(context.Background(), tx, m, d)
		return err
	})
}

func ptr(s string) *string { return &s }

func path(m match.Match) string { return "/v1/matches/" + m.ID.String() }

func TestAMatchIsReadAndListedByBothEmployersOnceItIsProposed(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	m := s.draft()
	sender, receiver, stranger := s.Employer(s.new.SendingOrganisationID), s.Employer(s.new.ReceivingOrganisationID), s.Employer(s.Organisation("Drukkerij Letterlijk"))
	coach := s.Client(auth.Leercoach, &s.new.ReceivingOrganisationID, &s.new.LeercoachIDs[1])

	s.coordinate.Get(path(m)).Is(200)
	for _, c := range []*testkit.Caller{sender, receiver, coach} {
		c.Get(path(m)).Problem(404, "not-found")
		require.Zero(t, c.Get("/v1/matches").Is(200).Len("data"))
	}
	require.Equal(t, []string{"match.created"}, s.EventTypes(m.ID.String()))
	require.Zero(t, s.Count(`select count(*) from events where subject_id = $1 and (organisation_ids <> '{}' or medewerker_ids <> '{}')`, m.ID.UUID()),
		"nobody hears of a draft")

	s.Do(func(tx *db.Tx) error {
		m, err := matches.Lock(context.Background(), tx, m.ID)
		if err == nil {
			m, err = matches.Propose(context.Background(), tx, m)
		}
		if err == nil {
			_, err = matches.Propose(context.Background(), tx, m) // again: no second fact
		}
		return err
	})
	require.Equal(t, []string{"match.created", "match.proposed"}, s.EventTypes(m.ID.String()))
	require.Equal(t, 1, s.Count(`select count(*) from events where subject_id = $1 and organisation_ids = array[$2::uuid, $3::uuid] and cardinality(medewerker_ids) = 3`,
		m.ID.UUID(), m.SendingOrganisationID.UUID(), m.ReceivingOrganisationID.UUID()))
	for _, c := range []*testkit.Caller{sender, receiver, coach, s.coordinate} {
		a := c.Get(path(m)).Is(200)
		require.Equal(t, "proposed", a.Str("status"))
		require.Equal(t, `"2"`, a.Header.Get("ETag"))
		require.Zero(t, a.Len("decisions"))
		require.Nil(t, a.At("leeruitwisseling_id"))
		require.Equal(t, s.new.LeercoachIDs[0].String(), a.Str("leercoach_ids.0"))
		require.Equal(t, 1, c.Get("/v1/matches?status=proposed,draft").Is(200).Len("data"))
	}
	require.Equal(t, s.coordinate.Get("/v1/matches/"+id.NewMatch().String()).Problem(404, "not-found").Retold(), stranger.Get(path(m)).Problem(404, "not-found").Retold())
	s.coordinate.Get("/v1/matches/"+m.LeervraagID.String()).Problem(404, "not-found")
}

func TestMatchesAreFilteredByWhatTheyJoin(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	m := s.create(nil)
	other := s.Pair()
	for query, want := range map[string]string{
		"leervraag_id=" + m.LeervraagID.String():                m.ID.String(),
		"leerplek_id=" + m.LeerplekID.String():                  m.ID.String(),
		"organisation_id=" + m.SendingOrganisationID.String():   m.ID.String(),
		"organisation_id=" + m.ReceivingOrganisationID.String(): m.ID.String(),
		"organisation_id=" + other.Sending.String():             other.Match.String(),
		"status=accepted": other.Match.String(),
		"status=proposed&organisation_id=" + other.Receiving.String():     "",
		"status=accepted&leerplek_id=" + other.Leerplek.String():          other.Match.String(),
		"leervraag_id=" + id.NewLeervraag().String() + "&status=proposed": "",
	} {
		a := s.coordinate.Get("/v1/matches?" + query).Is(200)
		if want == "" {
			require.Zero(t, a.Len("data"), query)
			continue
		}
		require.Equal(t, 1, a.Len("data"), query)
		require.Equal(t, want, a.Str("data.0.id"), query)
	}
	s.coordinate.Get("/v1/matches?status=agreed").Problem(400, "invalid-parameter", "status")
	s.coordinate.Get("/v1/matches?leerplek_id="+m.LeervraagID.String()).Problem(400, "invalid-parameter", "leerplek_id")
	s.coordinate.Get("/v1/matches?switcher_id="+m.SwitcherID.String()).Problem(400, "invalid-parameter", "switcher_id")
}

func TestADecisionReachesWhoFollowsTheList(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	m := s.create(nil)
	since := url.QueryEscape(time.Now().Add(-time.Minute).Format(time.RFC3339))
	cursor := s.coordinate.Get("/v1/matches?updated_since=" + since).Is(200).Str("next_cursor")
	_, err := s.accept(s.coordinate, m.ID, match.Decision{Party: ptr(match.Sending)})
	require.NoError(t, err)
	// A page ends before the oldest transaction that still runs, so one of another test may hold it up.
	for reads := 0; ; reads++ {
		require.Less(t, reads, 10_000, "the decision never came")
		a := s.coordinate.Get("/v1/matches?cursor=" + cursor).Is(200)
		cursor = a.Str("next_cursor")
		if a.Len("data") > 0 && a.Num("data.0.revision") > 1 {
			require.Equal(t, 1, a.Len("data"))
			require.Equal(t, "accepted", a.Str("data.0.decisions.0.decision"))
			return
		}
	}
}

func TestTheLastRequiredPartyMakesTheMatch(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	m := s.create(nil)
	sender, receiver := s.Employer(s.new.SendingOrganisationID), s.Employer(s.new.ReceivingOrganisationID)

	complete, err := s.accept(sender, m.ID, match.Decision{GivenBy: ptr("de zaakvoerder"), Channel: ptr("phone"), Reason: ptr("goede match")})
	require.NoError(t, err)
	require.False(t, complete)
	complete, err = s.accept(sender, m.ID, match.Decision{Party: ptr(match.Sending)})
	require.NoError(t, err)
	require.False(t, complete, "again: nothing happens")
	require.Equal(t, []string{"match.created", "match.proposed", "match.updated"}, s.EventTypes(m.ID.String()))

	a := sender.Get(path(m)).Is(200)
	require.Equal(t, 1, a.Len("decisions"))
	require.Equal(t, "de zaakvoerder", a.Str("decisions.0.given_by"))
	require.Equal(t, "goede match", a.Str("decisions.0.reason"))
	a = receiver.Get(path(m)).Is(200)
	require.Equal(t, "phone", a.Str("decisions.0.channel"))
	require.Nil(t, a.At("decisions.0.given_by"), "who said it is for its own side")
	require.Nil(t, a.At("decisions.0.reason"))

	complete, err = s.accept(receiver, m.ID, match.Decision{})
	require.NoError(t, err)
	require.True(t, complete)
	a = receiver.Get(path(m)).Is(200)
	require.Equal(t, "accepted", a.Str("status"))
	require.True(t, strings.HasPrefix(a.Str("leeruitwisseling_id"), "lui_"))
	require.InDelta(t, 3, a.Num("revision"), 0)
	complete, err = s.accept(receiver, m.ID, match.Decision{})
	require.NoError(t, err)
	require.False(t, complete, "one exchange, not two")
	require.Equal(t, []string{"match.created", "match.proposed", "match.updated", "match.accepted"}, s.EventTypes(m.ID.String()))

	_, err = s.accept(s.coordinate, m.ID, match.Decision{Party: ptr(match.Switcher)})
	require.True(t, match.IsAccepted.Is(err), err)
	require.True(t, match.IsAccepted.Is(s.decline(sender, m.ID, match.Decision{})))
	require.Equal(t, 2, s.Count(`select count(*) from audit where subject_id = $1 and action = 'match.decide' and details->>'decision' = 'accepted' and details->>'party' in ('sending', 'receiving')`, m.ID.UUID()))
}

func TestAPartySpeaksForItselfAlone(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	m := s.create(func(n *match.New) { n.RequiredParties = match.Parties })
	sender, receiver := s.Employer(s.new.SendingOrganisationID), s.Employer(s.new.ReceivingOrganisationID)
	switcher := s.Client(auth.Switcher, &s.new.SendingOrganisationID, &s.new.SwitcherID)
	coach := s.Client(auth.Leercoach, &s.new.ReceivingOrganisationID, &s.new.LeercoachIDs[1])
	own := map[string]*testkit.Caller{match.Sending: sender, match.Receiving: receiver, match.Switcher: switcher, match.Leercoach: coach}
	for _, party := range match.Parties {
		for _, named := range match.Parties {
			if named == party {
				continue
			}
			_, err := s.accept(own[party], m.ID, match.Decision{Party: ptr(named)})
			require.True(t, fault.NotAllowed.Is(err), "%s as %s: %v", party, named, err)
			require.True(t, fault.NotAllowed.Is(s.decline(own[party], m.ID, match.Decision{Party: ptr(named)})))
		}
	}
	_, err := s.accept(s.coordinate, m.ID, match.Decision{})
	require.Equal(t, "/party", field(t, err).Pointer)
	require.Same(t, fault.Needed, field(t, err).Rule)
	_, err = s.accept(s.coordinate, m.ID, match.Decision{Party: ptr("neighbour")})
	require.Same(t, fault.NotOneOf, field(t, err).Rule)

	for i, party := range []string{match.Switcher, match.Leercoach, match.Sending, match.Receiving} {
		complete, err := s.accept(own[party], m.ID, match.Decision{GivenBy: ptr(party + " zelf"), Channel: ptr("signed_in")})
		require.NoError(t, err, party)
		require.Equal(t, i == 3, complete)
	}
	for reader, reads := range map[*testkit.Caller][]string{
		s.coordinate: match.Parties, sender: {match.Sending, match.Switcher}, receiver: {match.Receiving, match.Leercoach},
		switcher: {match.Switcher}, coach: {match.Leercoach},
	} {
		a := reader.Get(path(m)).Is(200)
		require.Equal(t, 4, a.Len("decisions"))
		seen := []string{}
		for i := range 4 {
			at := "decisions." + string(rune('0'+i))
			if by := a.At(at + ".given_by"); by != nil {
				require.Equal(t, a.Str(at+".party")+" zelf", by)
				seen = append(seen, a.Str(at+".party"))
			}
		}
		require.ElementsMatch(t, reads, seen)
	}
}

func field(t *testing.T, err error) fault.Field {
	t.Helper()
	var f *fault.Error
	require.ErrorAs(t, err, &f)
	require.Len(t, f.Fields, 1)
	return f.Fields[0]
}

func TestAPartyIsFoundByItsBinding(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	m := s.create(nil)
	stranger := s.Medewerker(s.new.ReceivingOrganisationID, "Jo")
	other := s.Organisation("Bakkerij Kruim")
	for _, c := range []struct {
		caller *testkit.Caller
		party  string
	}{
		{s.coordinate, ""},
		{s.Employer(s.new.SendingOrganisationID), match.Sending},
		{s.Employer(s.new.ReceivingOrganisationID), match.Receiving},
		{s.Client(auth.Switcher, &s.new.SendingOrganisationID, &s.new.SwitcherID), match.Switcher},
		{s.Client(auth.Leercoach, &s.new.ReceivingOrganisationID, &s.new.LeercoachIDs[1]), match.Leercoach},
		{s.Client(auth.Integration, &s.new.SendingOrganisationID, nil, "match:decide"), match.Sending},
	} {
		s.Do(func(tx *db.Tx) error {
			tx.Principal = c.caller.Principal
			party, err := matches.PartyOf(tx, m)
			require.NoError(t, err)
			require.Equal(t, c.party, party)
			return nil
		})
	}
	for _, c := range []*testkit.Caller{s.Employer(other), s.Client(auth.Leercoach, &s.new.ReceivingOrganisationID, &stranger)} {
		s.Do(func(tx *db.Tx) error {
			tx.Principal = c.Principal
			_, err := matches.PartyOf(tx, m)
			require.True(t, fault.Missing.Is(err))
			return nil
		})
		_, err := s.accept(c, m.ID, match.Decision{})
		require.True(t, fault.Missing.Is(err))
	}
}

func TestANoEndsTheMatchWhoeverSaysIt(t *testing.T) {
	t.Parallel()
	for _, party := range match.Parties {
		t.Run(party, func(t *testing.T) {
			t.Parallel()
			s := setUp(t)
			m := s.create(nil)
			_, err := s.accept(s.coordinate, m.ID, match.Decision{Party: ptr(match.Sending)})
			require.NoError(t, err)
			require.NoError(t, s.decline(s.coordinate, m.ID, match.Decision{Party: ptr(party), Reason: ptr("toch te ver")}))
			require.NoError(t, s.decline(s.coordinate, m.ID, match.Decision{Party: ptr(party)}), "again: nothing happens")
			a := s.coordinate.Get(path(m)).Is(200)
			require.Equal(t, "declined", a.Str("status"))
			require.Equal(t, []string{"match.created", "match.proposed", "match.updated", "match.declined"}, s.EventTypes(m.ID.String()))
			events := s.Events()
			require.Contains(t, string(events[len(events)-1].Data), `"party": "`+party+`"`)
			require.NotContains(t, string(events[len(events)-1].Data), "te ver")

			_, err = s.accept(s.coordinate, m.ID, match.Decision{Party: ptr(party)})
			require.True(t, match.IsDeclined.Is(err), err)
			for _, other := range match.Parties {
				if other != party {
					require.True(t, match.IsDeclined.Is(s.decline(s.coordinate, m.ID, match.Decision{Party: ptr(other)})))
				}
			}
			require.Equal(t, 1, s.Count(`select count(*) from match_decisions where match_id = $1 and party = $2 and decision = 'declined'`, m.ID.UUID(), party))
		})
	}
}

func TestAYesThatIsNotRequiredIsNoted(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	m := s.create(func(n *match.New) {
		n.ReceivingOrganisationID, n.Internal, n.RequiredParties = n.SendingOrganisationID, true, []string{match.Sending}
		n.LeercoachIDs = []id.MedewerkerID{s.Medewerker(n.SendingOrganisationID, "Lou")}
		n.LeerplekID = s.Leerplek(n.SendingOrganisationID, "Werf", "Een andere afdeling", n.LeercoachIDs...)
	})
	switcher := s.Client(auth.Switcher, &s.new.SendingOrganisationID, &s.new.SwitcherID)
	complete, err := s.accept(switcher, m.ID, match.Decision{})
	require.NoError(t, err)
	require.False(t, complete)
	require.Equal(t, "proposed", switcher.Get(path(m)).Is(200).Str("status"))
	require.Equal(t, 1, s.Count(`select count(*) from events where subject_id = $1 and type = 'match.updated' and organisation_ids = array[$2::uuid]`,
		m.ID.UUID(), m.SendingOrganisationID.UUID()), "an employer that is both sides hears it once")

	employer := s.Employer(s.new.SendingOrganisationID)
	_, err = s.accept(employer, m.ID, match.Decision{Party: ptr(match.Receiving)})
	require.True(t, fault.NotAllowed.Is(err), "within one employer it decides as the sending side")
	complete, err = s.accept(employer, m.ID, match.Decision{})
	require.NoError(t, err)
	require.True(t, complete, "that employer decides alone")
}

func TestOneEmployerMayTakeBackItsYesUntilTheOtherDecided(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	m := s.create(nil)
	sender := s.Employer(s.new.SendingOrganisationID)
	_, err := s.accept(sender, m.ID, match.Decision{GivenBy: ptr("de planner")})
	require.NoError(t, err)
	require.NoError(t, s.decline(sender, m.ID, match.Decision{Reason: ptr("planning gewijzigd")}))
	a := sender.Get(path(m)).Is(200)
	require.Equal(t, "declined", a.Str("status"))
	require.Equal(t, "declined", a.Str("decisions.0.decision"))
	require.Nil(t, a.At("decisions.0.given_by"), "the note of before is gone with the decision of before")
	require.Equal(t, "planning gewijzigd", a.Str("decisions.0.reason"))
	require.Equal(t, 2, s.Count(`select count(*) from audit where subject_id = $1 and action = 'match.decide'`, m.ID.UUID()))
}

func TestOnlyADraftTakesOtherCoaches(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	m := s.draft()
	body := func(ids ...id.MedewerkerID) map[string]any { return map[string]any{"leercoach_ids": ids} }
	kim, alex := s.new.LeercoachIDs[0], s.new.LeercoachIDs[1]

	a := s.coordinate.Patch(path(m), body(alex), "If-Match", `"1"`).Is(200)
	require.Equal(t, 1, a.Len("leercoach_ids"))
	require.Equal(t, `"2"`, a.Header.Get("ETag"))
	s.coordinate.Patch(path(m), body(alex)).Is(200)
	require.Equal(t, []string{"match.created", "match.updated"}, s.EventTypes(m.ID.String()), "the same again is no fact")
	require.Zero(t, s.Count(`select count(*) from events where subject_id = $1 and organisation_ids <> '{}'`, m.ID.UUID()))
	s.coordinate.Patch(path(m), body(kim), "If-Match", `"1"`).Problem(412, "revision-mismatch")
	s.coordinate.Patch(path(m), body(kim, alex, kim)).Problem(422, "invalid", "/leercoach_ids/2")
	s.coordinate.Patch(path(m), body()).Problem(422, "invalid", "/leercoach_ids")
	s.coordinate.Patch(path(m), body(s.new.SwitcherID)).Problem(422, "invalid", "/leercoach_ids/0")
	s.coordinate.Patch(path(m), body(kim, id.NewMedewerker())).Problem(422, "invalid", "/leercoach_ids/1")
	s.coordinate.Patch(path(m), map[string]any{"leercoach_ids": []any{m.LeerplekID}}).Problem(422, "invalid", "/leercoach_ids/0")
	s.coordinate.Patch(path(m), map[string]any{"leercoach_ids": nil}).Problem(422, "invalid", "/leercoach_ids")
	s.coordinate.Patch(path(m), map[string]any{"status": "accepted"}).Problem(422, "invalid", "/status")
	gone := s.Medewerker(s.new.ReceivingOrganisationID, "Toni")
	s.Do(func(tx *db.Tx) error {
		_, err := tx.Run(`update medewerkers set ended_on = ?::date where tenant_id = ? and id = ?`, tx.Now.AddDate(0, 0, -2), tx.Scope.Tenant, gone)
		return err
	})
	s.coordinate.Patch(path(m), body(gone)).Problem(422, "invalid", "/leercoach_ids/0")

	s.Employer(s.new.SendingOrganisationID).Patch(path(m), body(kim)).Problem(403, "forbidden")
	bound := s.Client(auth.Integration, &s.new.SendingOrganisationID, nil, "match:write")
	bound.Patch(path(m), body(kim)).Problem(403, "forbidden")
	s.Do(func(tx *db.Tx) error {
		m, err := matches.Lock(context.Background(), tx, m.ID)
		if err == nil {
			_, err = matches.Propose(context.Background(), tx, m)
		}
		return err
	})
	s.coordinate.Patch(path(m), body(kim)).Problem(409, "match-proposed")
}

func TestWhatCannotBeAMatchIsRefused(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	try := func(change func(*match.New)) error {
		n := s.new
		change(&n)
		return s.App.DB.InTenant(context.Background(), s.Who(), func(tx *db.Tx) error {
			_, err := matches.Create(context.Background(), tx, n)
			return err
		})
	}
	elsewhere := s.Medewerker(s.Organisation("Elders"), "Bo")
	for pointer, change := range map[string]func(*match.New){
		"/leervraag_id":    func(n *match.New) { n.LeervraagID = id.NewLeervraag() },
		"/leerplek_id":     func(n *match.New) { n.LeerplekID = id.NewLeerplek() },
		"/leercoach_ids":   func(n *match.New) { n.LeercoachIDs = nil },
		"/leercoach_ids/1": func(n *match.New) { n.LeercoachIDs = []id.MedewerkerID{n.LeercoachIDs[0], elsewhere} },
	} {
		require.Equal(t, pointer, field(t, try(change)).Pointer)
	}
	first := s.create(func(n *match.New) { n.Appraisal = map[string]int{"score": 8420} })
	require.Equal(t, 1, s.Count(`select count(*) from audit where subject_id = $1 and action = 'match.create' and details->'appraisal'->>'score' = '8420'`, first.ID.UUID()))
	require.True(t, match.IsOpen.Is(try(func(*match.New) {})))
	require.True(t, match.IsOpen.Is(try(func(n *match.New) { n.Draft = true })))
	require.NoError(t, s.decline(s.coordinate, first.ID, match.Decision{Party: ptr(match.Receiving)}))
	require.NoError(t, try(func(*match.New) {}), "what was declined may be proposed again")
}

func TestAMatchEndsWithItsFact(t *testing.T) {
	t.Parallel()
	for _, draft := range []bool{true, false} {
		for name, end := range map[string]func(context.Context, *db.Tx, match.Match) (match.Match, error){"lapsed": matches.Lapse, "cancelled": matches.Cancel} {
			s := setUp(t)
			m := s.create(func(n *match.New) { n.Draft = draft })
			for range 2 {
				require.NoError(t, s.as(s.coordinate, m.ID, func(tx *db.Tx, m match.Match) error {
					_, err := end(context.Background(), tx, m)
					return err
				}))
			}
			require.Equal(t, name, s.coordinate.Get(path(m)).Is(200).Str("status"))
			told := s.Count(`select count(*) from events where subject_id = $1 and type = 'match.' || $2 and cardinality(organisation_ids) = 2`, m.ID.UUID(), name)
			require.Equal(t, !draft, told == 1, "employers hear the end of what they heard the start of")
			require.Equal(t, 1, s.Count(`select count(*) from events where subject_id = $1 and type = 'match.' || $2`, m.ID.UUID(), name))
		}
	}
}

func TestAMatchIsExplainedToEachSideAsFarAsItMayKnow(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	m := s.create(func(n *match.New) {
		n.Draft = true
		n.Reasons = &match.Reasons{Origin: match.FromRun, Sending: []string{"content", "within_reach"}, Receiving: []string{"content", "room"}}
		n.Appraisal = map[string]any{"run_id": "mrn_01jd8m5x9nf3tvhg5w6rkz2c4q", "pinned": false, "algorithm": "1", "weights_source": "cohort", "weights_version": 3,
			"score": 5400, "points": map[string]int{"preference": 1500, "content": 3900}, "of": map[string]int{"preference": 1500, "content": 5500}}
	})
	reasons, appraisal := path(m)+"/reasons", path(m)+"/appraisal"
	sender, receiver := s.Employer(s.new.SendingOrganisationID), s.Employer(s.new.ReceivingOrganisationID)
	switcher := s.Client(auth.Switcher, &s.new.SendingOrganisationID, &s.new.SwitcherID)
	coach := s.Client(auth.Leercoach, &s.new.ReceivingOrganisationID, &s.new.LeercoachIDs[1])
	other := s.Medewerker(s.new.SendingOrganisationID, "Dominique")
	outside := []*testkit.Caller{s.Employer(s.Organisation("Drukkerij Letterlijk")), s.Client(auth.Switcher, &s.new.SendingOrganisationID, &other), setUp(t).coordinate}

	for _, c := range append(outside, sender, receiver, switcher, coach) {
		c.Get(reasons).Problem(404, "not-found")
	}
	s.Do(func(tx *db.Tx) error {
		_, err := matches.Propose(context.Background(), tx, m)
		return err
	})
	for _, c := range outside {
		c.Get(reasons).Problem(404, "not-found")
	}
	ofSending, ofReceiving := []any{"content", "within_reach"}, []any{"content", "room"}
	for c, want := range map[*testkit.Caller][2]any{s.coordinate: {ofSending, ofReceiving}, sender: {ofSending, nil}, switcher: {ofSending, nil},
		receiver: {nil, ofReceiving}, coach: {nil, ofReceiving}} {
		got := c.Get(reasons).Is(200)
		require.Equal(t, []any{m.ID.String(), "run", want[0], want[1]}, []any{got.At("match_id"), got.At("origin"), got.At("sending"), got.At("receiving")})
	}
	whole := s.coordinate.Get(appraisal).Is(200)
	require.Equal(t, []any{"mrn_01jd8m5x9nf3tvhg5w6rkz2c4q", false, "1", nil, "cohort", 3.0, 5400.0, nil}, []any{whole.At("run_id"), whole.At("pinned"), whole.At("algorithm"),
		whole.At("engine"), whole.At("weights_source"), whole.At("weights_version"), whole.At("score"), whole.At("ruled_out")})
	require.Equal(t, []any{map[string]any{"criterion": "content", "points": 3900.0, "of": 5500.0}, map[string]any{"criterion": "preference", "points": 1500.0, "of": 1500.0}}, whole.At("parts"))
	for _, c := range []*testkit.Caller{sender, receiver, switcher, coach, s.Client(auth.Viewer, nil, nil)} {
		c.Get(appraisal).Problem(403, "forbidden") // it may hold a top three
	}
	// Whoever came to the audit table bound would find nothing there.
	require.NoError(t, s.as(sender, m.ID, func(tx *db.Tx, m match.Match) error {
		var n struct{ N int }
		err := db.One(tx, &n, `select count(*) as n from audit where tenant_id = ? and subject_id = ?`, tx.Scope.Tenant, m.ID)
		require.Zero(t, n.N)
		return err
	}))
	setUp(t).coordinate.Get(appraisal).Problem(404, "not-found")

	// One of which nothing was kept says so.
	old := s.create(func(n *match.New) {
		n.LeerplekID = s.Leerplek(s.new.ReceivingOrganisationID, "Magazijn", "Meedoen", s.new.LeercoachIDs...)
	})
	require.JSONEq(t, `{"match_id":"`+old.ID.String()+`","origin":null,"sending":null,"receiving":null}`, string(sender.Get(path(old)+"/reasons").Is(200).Body))
	require.JSONEq(t, `{"match_id":"`+old.ID.String()+`","run_id":null,"pinned":null,"algorithm":null,"engine":null,"weights_source":null,"weights_version":null,
		"score":null,"ruled_out":null,"parts":[]}`, string(s.coordinate.Get(path(old)+"/appraisal").Is(200).Body))
}
