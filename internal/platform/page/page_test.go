package page_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/page"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// employer is a row to make lists of.
type employer struct {
	db.Row
	ID     id.OrganisationID `gorm:"primaryKey"`
	Name   string
	Kind   string
	Sector string
}

func (employer) TableName() string { return "organisations" }

func (e employer) Key() (int64, uuid.UUID) { return e.Pos, e.ID.UUID() }

type names = page.Page[string]

func name(e employer) string { return e.Name }

func insert(tx *db.Tx, name string) error {
	return db.Insert(tx, &employer{ID: id.NewOrganisation(), Name: name, Kind: "profit", Sector: "zorg"})
}

func params(limit int) page.Params { return page.Params{Limit: limit, Sort: "created_at"} }

func list(w *testkit.World, p page.Params, filters any) (out names, err error) {
	err = w.App.DB.Single(context.Background(), w.Who(), func(tx *db.Tx) error {
		out, err = page.List(tx, p, filters, tx.Model(&employer{}), name)
		return err
	})
	return out, err
}

func sync(w *testkit.World, p page.SyncParams) (out names, err error) {
	err = w.App.DB.Single(context.Background(), w.Who(), func(tx *db.Tx) error {
		out, err = page.Sync(tx, p, nil, tx.Model(&employer{}), name)
		return err
	})
	return out, err
}

// reader follows a list as a client does.
type reader struct {
	w    *testkit.World
	next page.SyncParams
	seen []string
}

func follow(w *testkit.World, since time.Time, limit int) *reader {
	return &reader{w: w, next: page.SyncParams{Params: params(limit), UpdatedSince: &since}}
}

// read takes all pages that are there now.
func (r *reader) read() {
	r.w.T.Helper()
	for more := true; more; {
		p, err := sync(r.w, r.next)
		require.NoError(r.w.T, err)
		require.NotNil(r.w.T, p.NextCursor, "a followed list never ends")
		r.next.UpdatedSince, r.next.Cursor = nil, *p.NextCursor
		r.seen = append(r.seen, p.Data...)
		more = p.HasMore
	}
}

// until reads until all of these were seen. What runs in other tests of this PostgreSQL holds readers back too.
func (r *reader) until(want ...string) {
	r.w.T.Helper()
	for slices.ContainsFunc(want, func(x string) bool { return !slices.Contains(r.seen, x) }) {
		r.read()
	}
}

func TestList_PagesThroughEverythingOnce(t *testing.T) {
	t.Parallel()
	w, other := testkit.New(t), testkit.New(t)
	want := []string{"a", "b", "c", "d", "e"}
	for _, n := range want {
		w.Do(func(tx *db.Tx) error { return insert(tx, n) })
		other.Do(func(tx *db.Tx) error { return insert(tx, "another tenant's "+n) })
	}
	for _, order := range []string{"created_at", "-created_at"} {
		for limit := 1; limit <= 6; limit++ {
			p := page.Params{Limit: limit, Sort: order}
			var got []string
			for range 7 {
				out, err := list(w, p, nil)
				require.NoError(t, err)
				require.LessOrEqual(t, len(out.Data), limit)
				require.Equal(t, out.HasMore, out.NextCursor != nil, "the last page says so")
				got = append(got, out.Data...)
				if !out.HasMore {
					break
				}
				p.Cursor = *out.NextCursor
			}
			if order == "-created_at" {
				slices.Reverse(got)
			}
			require.Equal(t, want, got, "%s %d", order, limit)
		}
	}
	out, err := list(testkit.New(t), params(25), nil)
	require.NoError(t, err)
	require.NotNil(t, out.Data, "an empty page is [], not null")
	b, err := json.Marshal(out)
	require.NoError(t, err)
	require.JSONEq(t, `{"data":[],"has_more":false,"next_cursor":null}`, string(b))
}

// What is added while somebody pages shifts nothing.
func TestList_KeepsItsPlaceWhileOthersWrite(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	for _, n := range []string{"a", "b", "c"} {
		w.Do(func(tx *db.Tx) error { return insert(tx, n) })
	}
	p := page.Params{Limit: 2, Sort: "-created_at"}
	first, err := list(w, p, nil)
	require.NoError(t, err)
	w.Do(func(tx *db.Tx) error { return insert(tx, "d") })
	p.Cursor = *first.NextCursor
	second, err := list(w, p, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"c", "b", "a"}, append(first.Data, second.Data...))
}

func TestCursor_TamperedWithIsRefused(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	for _, n := range []string{"a", "b", "c"} {
		w.Do(func(tx *db.Tx) error { return insert(tx, n) })
	}
	type filters struct{ Stage string }
	p := params(1)
	first, err := list(w, p, filters{"informed"})
	require.NoError(t, err)
	good := *first.NextCursor
	refused := func(cursor, order string, f any) {
		t.Helper()
		_, err := list(w, page.Params{Limit: 1, Sort: order, Cursor: cursor}, f)
		require.True(t, fault.BadCursor.Is(err), "%q: %v", cursor, err)
	}
	refused(good, "created_at", filters{"engaged"})
	refused(good, "created_at", nil)
	refused(good, "-created_at", filters{"informed"})
	for _, bad := range []string{"x", "%%%", good + "x", good[:len(good)-1], good[1:], strings.ToUpper(good), " ", "e30", "bnVsbA", "W10", "IiI", "MQ"} {
		refused(bad, "created_at", filters{"informed"})
	}
	raw, err := base64.RawURLEncoding.DecodeString(good)
	require.NoError(t, err)
	edit := func(change func(map[string]any)) string {
		var m map[string]any
		require.NoError(t, json.Unmarshal(raw, &m))
		change(m)
		b, err := json.Marshal(m)
		require.NoError(t, err)
		return base64.RawURLEncoding.EncodeToString(b)
	}
	for what, change := range map[string]func(map[string]any){
		"unknown member":     func(m map[string]any) { m["x"] = 1 },
		"id of another type": func(m map[string]any) { m["i"] = 5 },
		"no uuid":            func(m map[string]any) { m["i"] = "' or 1=1 --" },
		"negative position":  func(m map[string]any) { m["p"] = -1 },
		"position in a list": func(m map[string]any) { m["p"] = 1 },
		"sorted otherwise":   func(m map[string]any) { m["s"] = "name" },
		"huge position":      func(m map[string]any) { m["p"] = 1e30 },
		"text as a date":     func(m map[string]any) { m["t"] = "now" },
		"text as a start":    func(m map[string]any) { m["u"] = "yesterday" },
	} {
		_, err := list(w, page.Params{Limit: 1, Sort: "created_at", Cursor: edit(change)}, filters{"informed"})
		require.True(t, fault.BadCursor.Is(err), "%s: %v", what, err)
	}
	// A cursor is no secret: one that points at another tenant's row shows the own tenant's rows beyond it, and nothing else.
	other := testkit.New(t)
	other.Do(func(tx *db.Tx) error { return insert(tx, "another tenant's") })
	for _, at := range []uuid.UUID{uuid.Nil, uuid.Max, uuid.New()} {
		out, err := list(other, page.Params{Limit: 25, Sort: "created_at", Cursor: edit(func(m map[string]any) { m["i"] = at })}, filters{"informed"})
		require.NoError(t, err)
		require.Subset(t, []string{"another tenant's"}, out.Data)
	}
}

func TestSync_CursorOfAListIsNoPlaceInAFeed(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	for _, n := range []string{"a", "b"} {
		w.Do(func(tx *db.Tx) error { return insert(tx, n) })
	}
	since := w.Clock.Now().Add(-time.Hour)
	plain, err := sync(w, page.SyncParams{Params: params(1)})
	require.NoError(t, err)
	require.Equal(t, []string{"a"}, plain.Data)
	r := follow(w, since, 1)
	r.read()
	_, err = list(w, page.Params{Limit: 1, Sort: "created_at", Cursor: r.next.Cursor}, nil)
	require.True(t, fault.BadCursor.Is(err), "a place in a feed is none in a list")
	_, err = sync(w, page.SyncParams{Params: page.Params{Limit: 1, Sort: "created_at", Cursor: *plain.NextCursor}, UpdatedSince: &since})
	require.True(t, fault.BadCursor.Is(err), "nor the other way around")
	on, err := sync(w, page.SyncParams{Params: page.Params{Limit: 1, Sort: "created_at", Cursor: r.next.Cursor}, UpdatedSince: &since})
	require.NoError(t, err, "a caller may keep its first query string: the cursor wins")
	require.NotNil(t, on.NextCursor)
	second, err := sync(w, page.SyncParams{Params: page.Params{Limit: 1, Sort: "created_at", Cursor: *plain.NextCursor}})
	require.NoError(t, err)
	require.Equal(t, []string{"b"}, second.Data)
	require.Nil(t, second.NextCursor)
}

// The guarantee: whatever commits late, who follows the cursor misses nothing.
func TestSync_MissesNothingThatCommitsLate(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	r := follow(w, w.Clock.Now().Add(-time.Minute), 2)
	w.Do(func(tx *db.Tx) error { return insert(tx, "before") })
	r.until("before")

	// slow begins first, and commits last.
	began, finish, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- w.App.DB.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error {
			if err := insert(tx, "slow"); err != nil {
				return err
			}
			var mine int // what only waits for COMMIT is not late yet
			if err := tx.Select(&mine, `select count(*) from organisations where name = 'slow'`); err != nil || mine != 1 {
				return fmt.Errorf("%d: %w", mine, err)
			}
			close(began)
			<-finish
			return insert(tx, "slow too")
		})
	}()
	<-began
	w.Do(func(tx *db.Tx) error { return insert(tx, "quick") })
	r.read()
	require.Equal(t, []string{"before"}, r.seen, "what could be overtaken waits")
	require.Equal(t, 2, w.Count(`select count(*) from organisations where tenant_id = $1`, w.Tenant.UUID()), "though it is there")
	place := r.next.Cursor
	r.read()
	require.Equal(t, []string{"before"}, r.seen)
	close(finish)
	require.NoError(t, <-done)
	r.until("slow", "slow too", "quick")
	require.Len(t, r.seen, 4, "and nothing twice: %v", r.seen)

	// Somebody else who kept the place from before reads the same.
	again := &reader{w: w, next: page.SyncParams{Params: page.Params{Limit: 1, Sort: "created_at", Cursor: place}}}
	again.until("slow", "slow too", "quick")
	require.Equal(t, r.seen[1:], again.seen)
}

// A transaction that rolls back holds nobody up, and is not seen.
func TestSync_DoesNotSeeWhatRolledBack(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	r := follow(w, w.Clock.Now().Add(-time.Minute), 10)
	no := errors.New("no")
	require.ErrorIs(t, w.App.DB.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error {
		return errors.Join(insert(tx, "never"), testkit.Sent(tx), no)
	}), no)
	w.Do(func(tx *db.Tx) error { return insert(tx, "kept") })
	r.until("kept")
	require.Equal(t, []string{"kept"}, r.seen)
}

// Many writers, one reader: all of it, each change once, in an order in which a later change of a row comes later.
func TestSync_ManyWriters(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	r := follow(w, w.Clock.Now().Add(-time.Minute), 3)
	var want []string
	errs := make(chan error)
	for i := range 6 {
		prefix := string(rune('a' + i))
		for k := range 5 {
			want = append(want, prefix+string(rune('0'+k)))
		}
		go func() {
			var err error
			for k := range 5 {
				err = errors.Join(err, w.App.DB.InTenant(context.Background(), w.Who(), func(tx *db.Tx) error {
					return insert(tx, prefix+string(rune('0'+k)))
				}))
			}
			errs <- err
		}()
	}
	for range 6 {
		r.read()
		require.NoError(t, <-errs)
	}
	r.until(want...)
	require.ElementsMatch(t, want, r.seen)
}

func TestSync_AChangedRowComesAgain(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	r := follow(w, w.Clock.Now().Add(-time.Minute), 1)
	for _, n := range []string{"a", "b"} {
		w.Do(func(tx *db.Tx) error { return insert(tx, n) })
	}
	r.until("a", "b")
	w.Do(func(tx *db.Tx) error {
		var before employer
		if err := tx.Where("name = 'a'").Take(&before).Error; err != nil {
			return err
		}
		after := before
		after.Name = "a, renamed"
		_, err := db.Change(tx, before, &after)
		return err
	})
	r.until("a, renamed")
	require.Equal(t, []string{"a", "b", "a, renamed"}, r.seen)
	p, err := sync(w, r.next)
	require.NoError(t, err)
	require.Empty(t, p.Data)
	require.False(t, p.HasMore, "caught up: keep the cursor and come back")
}

func TestSync_StartsWhereItIsTold(t *testing.T) {
	t.Parallel()
	h := testkit.Apart(t, nil)
	w := h.Tenant(t)
	w.Do(func(tx *db.Tx) error { return insert(tx, "old") })
	h.Clock.Advance(time.Hour)
	start := h.Clock.Now()
	w.Do(func(tx *db.Tx) error { return insert(tx, "new") })
	r := follow(w, start, 10)
	r.until("new")
	require.Equal(t, []string{"new"}, r.seen)
	inclusive := follow(w, start.Add(-time.Hour), 10)
	inclusive.until("old", "new")
	require.Equal(t, []string{"old", "new"}, inclusive.seen)

	// What was deleted is told for 400 days; a start or a place older than that would miss some of it.
	h.Clock.Advance(page.Kept - time.Hour)
	_, err := sync(w, page.SyncParams{Params: params(1), UpdatedSince: &start})
	require.NoError(t, err)
	_, err = sync(w, r.next)
	require.NoError(t, err)
	h.Clock.Advance(2 * time.Hour)
	_, err = sync(w, page.SyncParams{Params: params(1), UpdatedSince: &start})
	require.True(t, fault.CursorExpired.Is(err))
	_, err = sync(w, r.next)
	require.True(t, fault.CursorExpired.Is(err))
}

// After dump and restore transaction numbers begin anew; positions do not go back.
func TestSync_PositionsStayAboveTheBase(t *testing.T) {
	t.Parallel()
	d := testkit.NewDatabase(t)
	ctx := context.Background()
	_, err := d.Super.Exec(ctx, `create or replace function platform.base() returns bigint language sql immutable parallel safe as 'select 1000000000000::bigint'`)
	require.NoError(t, err)
	data, err := db.Open(ctx, d.AppURL, db.Options{})
	require.NoError(t, err)
	t.Cleanup(data.Close)
	who := db.System(id.NewTenant(), "test")
	require.NoError(t, data.InTenant(ctx, who, func(tx *db.Tx) error { return insert(tx, "after") }))
	var seen []string
	since := time.Now().Add(-time.Hour)
	for len(seen) == 0 {
		require.NoError(t, data.Single(ctx, who, func(tx *db.Tx) error {
			p, err := page.Sync(tx, page.SyncParams{Params: params(5), UpdatedSince: &since}, nil, tx.Model(&employer{}), func(e employer) string {
				require.Greater(t, e.Pos, int64(1_000_000_000_000))
				return e.Name
			})
			seen = p.Data
			return err
		}))
	}
	require.Equal(t, []string{"after"}, seen)
}

func TestSync_ShowsABoundReaderItsOwn(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	mine := w.Organisation("mine")
	w.Organisation("theirs")
	all := follow(w, w.Clock.Now().Add(-time.Minute), 5)
	all.until("mine", "theirs")
	since := w.Clock.Now().Add(-time.Minute)
	who := db.Caller(auth.Principal{TenantID: w.Tenant, ClientID: id.NewClient(), Role: auth.Employer, OrganisationID: &mine}, "req")
	require.NoError(t, w.App.DB.Single(context.Background(), who, func(tx *db.Tx) error {
		p, err := page.Sync(tx, page.SyncParams{Params: params(5), UpdatedSince: &since}, nil, tx.Model(&employer{}), name)
		require.Equal(t, []string{"mine"}, p.Data)
		return err
	}))
}

func TestLink_KeepsTheFiltersAndDropsTheStart(t *testing.T) {
	t.Parallel()
	u, err := url.Parse("/v1/organisations?stage=engaged,paused&updated_since=2027-01-01T00:00:00Z&limit=2&cursor=old")
	require.NoError(t, err)
	next := "abc-_"
	require.Equal(t, `</v1/organisations?cursor=abc-_&limit=2&stage=engaged%2Cpaused>; rel="next"`, page.Page[int]{NextCursor: &next}.Link(u))
	require.Empty(t, page.Page[int]{}.Link(u))
	u, err = url.Parse("/v1/a%2Fb?x=%3E%22")
	require.NoError(t, err)
	require.Equal(t, `</v1/a%2Fb?cursor=abc-_&x=%3E%22>; rel="next"`, page.Page[int]{NextCursor: &next}.Link(u), "nothing ends the brackets early")
}
