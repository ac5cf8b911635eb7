package event_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/organisation"
	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// Types of facts for these tests.
var (
	happened = fact.Define("organisation.probed", "Something happened in a test.", fact.None{})
	apart    = fact.Define("kennismakingsgesprek.probed", "Something else happened in a test.", fact.None{})
	similar  = fact.Define("organisationx.probed", "Nobody may read the noun of this one.", fact.None{})
)

// record makes a fact true and returns its subject.
func record(w *testkit.World, t *fact.Type, orgs ...id.OrganisationID) string {
	w.T.Helper()
	subject := id.NewOrganisation()
	w.Do(func(tx *db.Tx) error {
		return t.Record(tx, fact.Event{Subject: subject, Revision: 1, Organisations: orgs})
	})
	settle(w)
	return subject.String()
}

// settle waits until the feed shows all facts so far: transactions of other tests, in any database of the server, may hold
// it back.
func settle(w *testkit.World) {
	w.T.Helper()
	require.Eventually(w.T, func() bool {
		return w.Count(`select count(*) from events where tenant_id = $1 and pos >= platform.horizon()`, w.Tenant.UUID()) == 0
	}, time.Minute, 5*time.Millisecond)
}

func subjects(a *testkit.Answer) []string {
	out := []string{}
	for i := range a.Len("data") {
		out = append(out, a.Str(fmt.Sprintf("data.%d.data.subject_id", i)))
	}
	return out
}

func TestFeed_BeginsAtTheOldestFactAndNeverEnds(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	empty := c.Get("/v1/events").Is(200)
	require.Equal(t, 0, empty.Len("data"))
	require.Equal(t, false, empty.At("has_more"))
	require.NotEmpty(t, empty.Str("next_cursor"))

	var want, got []string
	for range 7 {
		want = append(want, record(w, happened))
	}
	path := "/v1/events?limit=3"
	for _, n := range []int{3, 3, 1} {
		a := c.Get(path).Is(200)
		require.Equal(t, n, a.Len("data"))
		require.Equal(t, n == 3, a.At("has_more"))
		got = append(got, subjects(a)...)
		path = "/v1/events?limit=3&cursor=" + a.Str("next_cursor")
		require.Contains(t, a.Header.Get("Link"), url.QueryEscape(a.Str("next_cursor")))
	}
	require.Equal(t, want, got)
	a := c.Get(path).Is(200)
	require.Equal(t, 0, a.Len("data"))
	last := record(w, happened)
	require.Equal(t, []string{last}, subjects(c.Get("/v1/events?cursor="+a.Str("next_cursor")).Is(200)))
	require.Equal(t, []string{last}, subjects(c.Get(path).Is(200)), "an older cursor works as well")
	require.Equal(t, append(want, last), subjects(c.Get("/v1/events?cursor="+empty.Str("next_cursor")).Is(200)))
}

func TestFeed_AtNowGivesOnlyACursor(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	record(w, happened)
	a := c.Get("/v1/events?at=now&types=organisation.*").Is(200)
	require.Equal(t, 0, a.Len("data"))
	require.Equal(t, false, a.At("has_more"))
	require.NotContains(t, a.Header.Get("Link"), "at=now")
	after := record(w, happened)
	require.Equal(t, []string{after}, subjects(c.Get("/v1/events?cursor="+a.Str("next_cursor")).Is(200)))
}

// Each round opens transactions that record facts, and commits them in any order, while a reader follows. Of what is committed the
// reader is told only what no transaction can come before any more.
func TestFeed_MissesNothingWhateverTheOrderOfCommits(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	var cursor string
	seen := map[string]int{}
	follow := func() {
		for more := true; more; {
			path := "/v1/events?limit=4"
			if cursor != "" {
				path += "&cursor=" + cursor
			}
			a := c.Get(path).Is(200)
			for _, s := range subjects(a) {
				seen[s]++
			}
			cursor, more = a.Str("next_cursor"), a.At("has_more") == true
		}
	}
	want := map[string]int{}
	const writers = 5
	for range 15 {
		var commit [writers]chan struct{}
		var done [writers]chan error
		var recorded [writers][]string // in the order of their places
		for i := range writers {
			commit[i], done[i] = make(chan struct{}), make(chan error, 1)
			began := make(chan error)
			facts := make([]id.OrganisationID, 1+rand.IntN(3))
			for j := range facts {
				facts[j] = id.NewOrganisation()
				want[facts[j].String()] = 1
				recorded[i] = append(recorded[i], facts[j].String())
			}
			go func() {
				done[i] <- w.App.DB.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error {
					var err error
					for _, f := range facts {
						err = errors.Join(err, happened.Record(tx, fact.Event{Subject: f, Revision: 1}))
					}
					err = errors.Join(err, testkit.Sent(tx))
					began <- err
					<-commit[i]
					return err
				})
			}()
			require.NoError(t, <-began) // in this order positions are given
		}
		open := [writers]bool{true, true, true, true, true}
		for _, i := range rand.Perm(writers) {
			follow()
			for _, late := range recorded[slices.Index(open[:], true):] {
				for _, s := range late {
					require.NotContains(t, seen, s, "it stands behind the place of a transaction that is still open")
				}
			}
			close(commit[i])
			require.NoError(t, <-done[i])
			open[i] = false
		}
		follow()
	}
	settle(w)
	follow()
	require.Equal(t, want, seen)
}

// What the document promises of the order: of two transactions that overlap, the one that began to write first comes first, though it
// was committed last, and its fact about the same thing has the higher revision.
func TestFeed_OfOneSubjectTheHigherRevisionIsRightWhateverComesLast(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	path := c.Post("/v1/organisations", map[string]any{"name": "Apotheek Zonneveld", "kind": "profit", "sector": "zorg"}).Is(201).Header.Get("Location")
	var oid id.OrganisationID
	require.NoError(t, oid.UnmarshalText([]byte(strings.TrimPrefix(path, "/v1/organisations/"))))
	began, goOn, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- w.App.DB.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error {
			if err := errors.Join(happened.Record(tx, fact.Event{Subject: id.NewOrganisation(), Revision: 1}), testkit.Sent(tx)); err != nil {
				return err
			}
			close(began)
			<-goOn
			_, err := w.App.Organisations.Update(context.Background(), tx, oid, func(organisation.Organisation) error { return nil },
				func(in *organisation.Input) error { in.Sector = "zorg, de laatste"; return nil })
			return err
		})
	}()
	<-began
	c.Patch(path, map[string]any{"sector": "zorg, de eerste"}).Is(200)
	close(goOn)
	require.NoError(t, <-done)
	settle(w)

	var revisions []float64
	a := c.Get("/v1/events?types=organisation.*&subject=" + oid.String()).Is(200)
	for i := range a.Len("data") {
		revisions = append(revisions, a.Num(fmt.Sprintf("data.%d.data.revision", i)))
	}
	require.Equal(t, []float64{1, 3, 2}, revisions, "the position says when a transaction began to write")
	now := c.Get(path).Is(200)
	require.Equal(t, "zorg, de laatste", now.Str("sector"))
	require.EqualValues(t, slices.Max(revisions), now.Num("revision"), "so a reader that ignores a lower revision knows what is true")
}

func TestFeed_ShowsWhatIsAskedForAndMayBeRead(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	a, b := record(w, happened), record(w, apart)
	record(w, similar)
	c := w.Coordinator()
	require.Equal(t, []string{a, b}, subjects(c.Get("/v1/events").Is(200)))
	require.Equal(t, []string{a, b}, subjects(c.Get("/v1/events?types=*").Is(200)))
	require.Equal(t, []string{a}, subjects(c.Get("/v1/events?types=organisation.*").Is(200)))
	require.Equal(t, []string{a, b}, subjects(c.Get("/v1/events?types=kennismakingsgesprek.probed,organisation.probed").Is(200)))
	require.Empty(t, subjects(c.Get("/v1/events?types=organisation.created").Is(200)))
	require.Empty(t, subjects(c.Get("/v1/events?types=organisationx.*").Is(200)))

	orgs := w.Client(auth.Integration, nil, nil, "event:read", "organisation:read")
	require.Equal(t, []string{a}, subjects(orgs.Get("/v1/events").Is(200)))
	require.Empty(t, subjects(orgs.Get("/v1/events?types=kennismakingsgesprek.*").Is(200)))
	exchanges := w.Client(auth.Integration, nil, nil, "event:read", "leeruitwisseling:read")
	require.Equal(t, []string{b}, subjects(exchanges.Get("/v1/events").Is(200)))
	w.Client(auth.Integration, nil, nil, "organisation:read").Get("/v1/events").Problem(403, "forbidden")

	evt := c.Get("/v1/events?types=kennismakingsgesprek.*").Str("data.0.id")
	require.Equal(t, b, c.Get("/v1/events/"+evt).Is(200).Str("data.subject_id"))
	hidden := orgs.Get("/v1/events/"+evt).Problem(404, "not-found")
	require.Equal(t, orgs.Get("/v1/events/"+id.NewEvent().String()).Problem(404, "not-found").Retold(), hidden.Retold())
	testkit.New(t).Coordinator().Get("/v1/events/"+evt).Problem(404, "not-found")
	require.Empty(t, subjects(testkit.New(t).Coordinator().Get("/v1/events").Is(200)))
}

func TestFeed_OfABoundReaderIsItsOwn(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	a, b := w.Organisation("Apotheek Zonneveld"), w.Organisation("Woonzorgcentrum De Linde")
	sam, noor := w.Medewerker(a, "Sam"), w.Medewerker(a, "Noor")
	external := []fact.ExternalID{{OrganisationID: &a, System: "sdworx", Value: "A-1001"}, {OrganisationID: &b, System: "sdworx", Value: "B-1001"}}
	both, onlyB, partner := id.NewOrganisation(), id.NewOrganisation(), id.NewOrganisation()
	w.Do(func(tx *db.Tx) error {
		for subject, orgs := range map[id.OrganisationID][]id.OrganisationID{both: {a, b}, onlyB: {b}, partner: nil} {
			err := happened.Record(tx, fact.Event{Subject: subject, Revision: 1, Organisations: orgs, Medewerkers: []id.MedewerkerID{sam}, ExternalIDs: external})
			if err != nil {
				return err
			}
		}
		return nil
	})
	settle(w)
	mine := w.Employer(a).Get("/v1/events").Is(200)
	require.Equal(t, []string{both.String()}, subjects(mine))
	require.Equal(t, []any{map[string]any{"system": "sdworx", "value": "A-1001"}}, mine.At("data.0.data.external_ids"))
	require.Len(t, subjects(w.Employer(b).Get("/v1/events").Is(200)), 2)
	require.NotContains(t, string(w.Employer(b).Get("/v1/events").Body), "A-1001")
	require.Len(t, subjects(w.Coordinator().Get("/v1/events").Is(200)), 3)
	theirs := w.Coordinator().Get("/v1/events?types=organisation.probed").Is(200)
	for i := range 3 {
		evt := theirs.Str(fmt.Sprintf("data.%d.id", i))
		if theirs.Str(fmt.Sprintf("data.%d.data.subject_id", i)) != both.String() {
			w.Employer(a).Get("/v1/events/"+evt).Problem(404, "not-found")
		}
	}
	require.Len(t, subjects(w.Client(auth.Integration, &a, &sam, "event:read", "organisation:read").Get("/v1/events").Is(200)), 3)
	require.Empty(t, subjects(w.Client(auth.Integration, &a, &noor, "event:read", "organisation:read").Get("/v1/events").Is(200)))
}

func TestFeed_RefusesWhatItDidNotGive(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	good := c.Get("/v1/events?at=now").Is(200).Str("next_cursor")
	list := c.Get("/v1/organisations?updated_since=2027-01-01T00:00:00Z").Is(200).Str("next_cursor")
	enc := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for _, bad := range []string{"x", good + "A", good[1:], strings.ToUpper(good), list, enc("{}"), enc("null"), enc(`{"feed":1,"base":0,"pos":-1,"id":"` + uuid.Nil.String() + `","at":0}`),
		enc(`{"feed":1,"base":0,"pos":99999999999999999999,"id":"` + uuid.Nil.String() + `","at":0}`), enc(`{"feed":2,"base":0,"pos":1,"id":"` + uuid.Nil.String() + `","at":0}`), "%00"} {
		c.Get("/v1/events?cursor=" + bad).Is(400)
	}
	c.Get("/v1/events?cursor=x").Problem(400, "cursor-invalid")
	c.Get("/v1/events?cursor="+list).Problem(400, "cursor-invalid")
	c.Get("/v1/events?cursor=").Is(200)
	c.Get("/v1/events?at=now&cursor="+good).Problem(400, "invalid-parameter", "at")
	c.Get("/v1/events?at=then").Problem(400, "invalid-parameter", "at")
	c.Get("/v1/events?types=nothing.*").Problem(400, "invalid-parameter", "types")
	c.Get("/v1/events?types=").Problem(400, "invalid-parameter", "types")
	c.Get("/v1/events?limit=0").Problem(400, "invalid-parameter", "limit")
	c.Get("/v1/events?limit=101").Problem(400, "invalid-parameter", "limit")
	c.Get("/v1/events?since=1").Problem(400, "invalid-parameter", "since")
	c.Get("/v1/events/org_01jd8m5x9nf3tvhg5w6rkz2c4q").Problem(404, "not-found")
}

// later moves the clock and renews the token.
func later(w *testkit.World, c *testkit.Caller, d time.Duration) {
	advance(w.T, w.House, d)
	var err error
	c.Token, err = w.App.Tokens.Sign(c.Principal, w.Clock.Now())
	require.NoError(w.T, err)
}

func TestFeed_ForgetsAfterThirtyDaysAndSaysSo(t *testing.T) {
	t.Parallel()
	w := testkit.Apart(t, nil).Tenant(t)
	c := w.Coordinator()
	first, second := record(w, happened), record(w, happened)
	page := c.Get("/v1/events?limit=1").Is(200)
	require.Equal(t, []string{first}, subjects(page))
	caughtUp := c.Get("/v1/events").Is(200).Str("next_cursor")
	later(w, c, 29*24*time.Hour)
	require.NoError(t, w.App.Events.PurgeAll(context.Background()))
	require.Equal(t, []string{second}, subjects(c.Get("/v1/events?cursor="+page.Str("next_cursor")).Is(200)))
	fresh := record(w, happened)

	later(w, c, 25*time.Hour) // 30 days and an hour
	require.Equal(t, []string{fresh}, subjects(c.Get("/v1/events").Is(200)), "a new reader begins with what is kept")
	later(w, c, 3*time.Hour)
	c.Get("/v1/events?cursor="+caughtUp).Problem(410, "cursor-expired")
	later(w, c, 24*time.Hour) // the day that the others were of is over
	require.NoError(t, w.App.Events.PurgeAll(context.Background()))
	require.Equal(t, 1, w.Count(`select count(*) from events`))
	c.Get("/v1/events?cursor="+page.Str("next_cursor")).Problem(410, "cursor-expired")
	c.Get("/v1/events?cursor="+caughtUp).Problem(410, "cursor-expired")
}

// A cursor at the horizon stands beyond all rows. In a cluster that was restored elsewhere, positions begin above those of
// the rows, not above the cursor.
func TestFeed_GoesOnAfterARestoreInAnotherCluster(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	c := w.Coordinator()
	record(w, happened)
	var cursor map[string]any
	b, err := base64.RawURLEncoding.DecodeString(c.Get("/v1/events?at=now").Is(200).Str("next_cursor"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &cursor))
	pos := int64(cursor["pos"].(float64))
	b = []byte(strings.Replace(string(b), fmt.Sprintf(`"pos":%d`, pos), `"pos":900000000000`, 1)) // the old cluster was far ahead
	old := base64.RawURLEncoding.EncodeToString(b)

	_, err = h.Super.Exec(context.Background(), fmt.Sprintf(`create or replace function platform.base() returns bigint language sql immutable parallel safe as 'select %d::bigint'`, pos))
	require.NoError(t, err)
	h.Super.Reset() // the function is planned into what its connections prepared
	again := h.Again(t)
	w2 := *w
	w2.House = again
	after := record(&w2, happened)
	require.Equal(t, []string{after}, subjects((&w2).In(t).Coordinator().Get("/v1/events?cursor="+old).Is(200)))
}

func TestFeed_OfOneSubjectIsItsHistory(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	c := w.Coordinator()
	a, b := record(w, happened), record(w, happened)
	w.Do(func(tx *db.Tx) error {
		var sid id.OrganisationID
		require.NoError(t, sid.UnmarshalText([]byte(a)))
		return apart.Record(tx, fact.Event{Subject: sid, Revision: 2})
	})
	settle(w)
	require.Equal(t, []string{a, a}, subjects(c.Get("/v1/events?subject="+a).Is(200)))
	require.Equal(t, []string{b}, subjects(c.Get("/v1/events?subject="+b).Is(200)))
	require.Equal(t, []string{a}, subjects(c.Get("/v1/events?types=kennismakingsgesprek.*&subject="+a).Is(200)))
	page := c.Get("/v1/events?limit=1&subject=" + a).Is(200)
	require.Equal(t, []string{a}, subjects(c.Get("/v1/events?subject="+a+"&cursor="+page.Str("next_cursor")).Is(200)), "a cursor belongs to no filter")
	require.Empty(t, subjects(c.Get("/v1/events?subject="+id.NewLeervraag().String()).Is(200)))
	require.Empty(t, subjects(testkit.New(t).Coordinator().Get("/v1/events?subject="+a).Is(200)))
	for _, bad := range []string{"", "x", a[4:], a + "0", "org-" + a[4:], "ORG" + a[3:], "org_9" + a[5:], "org_" + strings.Repeat("l", 26)} {
		c.Get("/v1/events?subject="+bad).Problem(400, "invalid-parameter", "subject")
	}
}

func TestEventTypes_AreThereForEveryToken(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	a := w.Client(auth.Integration, nil, nil, "organisation:read").Get("/v1/event-types").Is(200)
	require.Equal(t, len(fact.Types()), a.Len("data"))
	found := false
	for i := range a.Len("data") {
		at := fmt.Sprintf("data.%d.", i)
		require.Equal(t, a.Str(at+"type"), a.Str(at+"schema.title"))
		require.NotEmpty(t, a.Str(at+"description"))
		require.NotEmpty(t, a.Str(at+"example.subject_id"))
		found = found || a.Str(at+"type") == "organisation.created"
	}
	require.True(t, found)
	reader := w.Client(auth.Integration, nil, nil, "organisation:read")
	require.InDelta(t, 1, reader.Get("/v1/event-types/leerbewijs.issued").Is(200).Num("version"), 0)
	for _, unknown := range []string{"leerbewijs.*", "leerbewijs", "%00", "leerbewijs.issued%2f.."} {
		reader.Get("/v1/event-types/"+unknown).Problem(404, "not-found")
	}
	w.Nobody().Get("/v1/event-types").Problem(401, "unauthenticated")
}

// In a sandbox every type can be tried out; the example of each is one that could have been recorded.
func TestExample_IsRecordedInASandboxAlone(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	admin := w.Admin()
	admin.Post("/v1/event-types/leerbewijs.issued/example", nil).Problem(409, "sandbox-only")
	p := admin.Principal
	p.Sandbox = true
	sandbox := w.As(p)
	want := map[string]bool{}
	for _, f := range fact.Types() {
		if strings.HasPrefix(f.Name, "organisationx.") { // of a noun that nobody reads
			_, err := f.RecordExample(nil, nil)
			require.ErrorContains(t, err, "nobody knows what organisationx.probed is about")
			sandbox.Post("/v1/event-types/"+f.Name+"/example", nil).Problem(403, "forbidden")
			continue
		}
		a := sandbox.Post("/v1/event-types/"+f.Name+"/example", nil).Is(201)
		require.Equal(t, f.Name, a.Str("type"))
		require.Equal(t, string(a.Body), string(sandbox.Get(a.Header.Get("Location")).Is(200).Body))
		require.Contains(t, string(f.Example()), `"subject_id":"`+a.Str("data.subject_id")[:4], f.Name)
		want[a.Str("id")] = true
	}
	settle(w)
	got := sandbox.Get("/v1/events?limit=100").Is(200)
	require.Equal(t, len(want), got.Len("data"))
	sandbox.Post("/v1/event-types/leerbewijs.praised/example", nil).Problem(404, "not-found")
	p = w.Client(auth.Integration, nil, nil, "webhook:write", "organisation:read").Principal
	p.Sandbox = true
	w.As(p).Post("/v1/event-types/leerbewijs.issued/example", nil).Problem(403, "forbidden")
	w.As(p).Post("/v1/event-types/organisation.created/example", nil).Is(201)
	org := w.Organisation("Apotheek Zonneveld")
	p = w.Employer(org).Principal
	p.Sandbox = true
	bound := w.As(p).Post("/v1/event-types/organisation.created/example", nil).Is(201)
	require.Equal(t, []any{org.String()}, bound.At("data.organisation_ids"))
}
