package matching

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/matching/relevance"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// One tenant's runs make room for its own next ones first, and for others' when they take most.
func TestProblems_AreFairToTenants(t *testing.T) {
	t.Parallel()
	busy, quiet := uuid.UUID{1}, uuid.UUID{2}
	ps := &problems{most: 100}
	hold := func(tenant uuid.UUID, run byte, bytes int) *explained {
		e := ps.get(tenant, id.MatchingRunID(uuid.UUID{15: run}))
		ps.weigh(e, bytes)
		return e
	}
	held := func(e *explained) bool {
		for _, o := range ps.last {
			if o == e {
				return true
			}
		}
		return false
	}
	one := hold(quiet, 1, 20)
	var all []*explained
	for run := range byte(7) {
		all = append(all, hold(busy, run, 10))
	}
	require.True(t, held(one))
	require.Len(t, ps.last, 1+maxOfTenant)
	require.False(t, held(all[2]))
	require.Same(t, all[3], ps.get(busy, all[3].run), "it is held")
	large := hold(busy, 8, 60)
	require.Equal(t, []bool{true, true, true, false}, []bool{held(one), held(large), held(all[3]), held(all[4])}, "the busy tenant's own went, the oldest first")
	whole := hold(quiet, 2, 100)
	require.Equal(t, []*explained{whole}, ps.last)
}

func TestProblems_LeaveWhenNobodyAsks(t *testing.T) {
	t.Parallel()
	ps := newProblems(time.Millisecond)
	ps.get(uuid.UUID{1}, id.NewMatchingRun())
	require.Eventually(t, func() bool {
		ps.mu.Lock()
		defer ps.mu.Unlock()
		return len(ps.last) == 0 && ps.sweep == nil
	}, 10*time.Second, time.Millisecond)
}

// waiting tells when somebody waits for a processor: after the turn of the run, which each of the test has at once.
type waiting struct {
	context.Context
	stands chan struct{}
	asked  int
}

func (w *waiting) Done() <-chan struct{} {
	if w.asked++; w.asked == 2 {
		close(w.stands)
	}
	return nil
}

// Whoever asks about many runs waits for the tenant that asks about one.
func TestProblems_AreAskedTenantByTenant(t *testing.T) {
	t.Parallel()
	s := &Service{problems: newProblems(0)}
	s.problems.working = web.NewPlaces(1, time.Hour)
	busy, quiet := id.NewTenant(), id.NewTenant()
	order, goOn := make(chan string, 10), make(chan struct{})
	ask := func(name string, tenant id.TenantID) {
		ctx := &waiting{Context: context.Background(), stands: make(chan struct{})}
		read := func(func(*db.Tx) error) error { // when it is its turn
			order <- name
			<-goOn
			return fault.Missing.New()
		}
		go func() { _, _, _ = s.ready(ctx, read, Run{ID: id.NewMatchingRun(), Row: db.Row{TenantID: tenant}}) }()
		if name != "busy 0" {
			<-ctx.stands
		}
	}
	ask("busy 0", busy)
	require.Equal(t, "busy 0", <-order)
	for n := range 4 {
		ask(fmt.Sprint("busy ", n+1), busy)
	}
	ask("quiet", quiet)
	var got []string
	for range 5 {
		goOn <- struct{}{}
		got = append(got, <-order)
	}
	goOn <- struct{}{}
	require.Equal(t, []string{"busy 1", "quiet", "busy 2", "busy 3", "busy 4"}, got)
}

// Where words are read otherwise than in the run, one index serves every question about it, and says what one made for each would.
func TestExplained_KeepsTheWordsThatItNeeds(t *testing.T) {
	t.Parallel()
	const otherwise = "read otherwise"
	r := smallCohort(t, 3, 5, 6)
	p := unpacked(t, computed(t, r).packed)
	var documents []relevance.Document
	for i, u := range p.Places {
		documents = append(documents, relevance.Document{ID: u, Title: subjects[i%len(subjects)]})
	}
	for _, versions := range []string{otherwise, p.Wording} {
		e := &explained{p: p}
		light := e.weight()
		ctx, leave := context.WithCancel(context.Background())
		leave()
		asks := relevance.Question{Title: subjects[0]}
		_, err := e.answers(ctx, versions, relevance.Options{}, documents, asks, p.Places[0])
		require.True(t, fault.Busy.Is(err), "whoever left waits for nothing")
		require.Nil(t, e.words)
		kept, seen := e.words, map[bool]int{}
		for n := range 60 {
			i := n % len(documents)
			d := &documents[i]
			d.Title = subjects[(n/3)%len(subjects)]
			said := documents
			if e.reads(versions) || e.onScale(versions) {
				said = []relevance.Document{*d}
			}
			got, err := e.answers(context.Background(), versions, relevance.Options{}, said, asks, d.ID)
			require.NoError(t, err)
			require.Equal(t, d.Title == subjects[0] || d.Title == subjects[5], got, d.Title)
			seen[got]++
			if n == 0 {
				kept = e.words
			}
			require.Same(t, kept, e.words, "nothing is made anew")
		}
		require.Len(t, seen, 2)
		require.Equal(t, light+e.words.Bytes(), e.weight())
		e.made = -spareBytes / 2
		require.False(t, e.reads(versions), "but for what has grown too large")
	}
}
