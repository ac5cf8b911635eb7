package matching

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/matching/relevance"
	"github.com/switchingtalent/switchboard/internal/platform/availability"
	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// town is a cohort as rows say it, to be changed and matched again.
type town struct {
	today     day.Date
	places    []place
	documents []relevance.Document
	questions []participant
}

func newTown(seed uint64, asks, offers int) *town {
	r := rand.New(rand.NewPCG(seed, 11))
	uid := func(kind byte, n int) uuid.UUID { return uuid.UUID{0: kind, 14: byte(n >> 8), 15: byte(n)} }
	w := &town{today: day.Of(2027, 1, 4)}
	terms := relevance.ShippedTerms()[:60]
	orgs := make([]*employer, 5)
	for i := range orgs {
		orgs[i] = &employer{uid(1, i), []string{"zorg", "bouw"}[i%2], "mixed", int8(i % 4)}
	}
	said := func() string { return terms[r.IntN(len(terms))] + " en " + terms[r.IntN(len(terms))] }
	for i := range offers {
		p := place{id: uid(2, i), published: true, free: int32(r.IntN(3)), employer: orgs[r.IntN(len(orgs))], when: w.when(r)}
		p.coaches = []coach{{id: uid(3, i), ended: []int32{1 << 30, int32(w.today.Number() + 15)}[r.IntN(8)/7], limit: unknown}}
		w.places = append(w.places, p)
		w.documents = append(w.documents, relevance.Document{ID: p.id, Title: said(), Description: said()})
	}
	for i := range asks {
		o := orgs[r.IntN(len(orgs))]
		q := participant{status: "open", words: relevance.Question{Title: said(), Text: said()}}
		q.question = question{ID: id.LeervraagID(uid(4, i)), OrganisationID: o.id, SwitcherID: uid(5, i), DaysNeeded: 1 + r.IntN(3), Year: 2027, Employer: o,
			Internal: r.IntN(6) == 0, Available: w.when(r)}
		if r.IntN(5) == 0 {
			q.open = uid(2, r.IntN(offers)) // whatever the words say
		}
		w.questions = append(w.questions, q)
	}
	return w
}

func (w *town) when(r *rand.Rand) *availability.Calendar {
	if r.IntN(3) == 0 {
		return nil
	}
	from := w.today.Add(r.IntN(30) - 10)
	return availability.NewCalendar(availability.List{{FromOn: from, UntilOn: from.Add(r.IntN(40))}}, w.today)
}

// late changes a part of everything: places close and join, their words and their room change, and so do questions.
func (w *town) late(seed uint64, days int) *town {
	r := rand.New(rand.NewPCG(seed, 12))
	other := newTown(seed+1000, len(w.questions), len(w.places))
	out := &town{today: w.today.Add(days)}
	for i, p := range w.places {
		d := w.documents[i]
		switch r.IntN(24) { // few: three times in a row most are as they were
		case 0:
			continue
		case 1:
			d.Description, d.Title = other.documents[i].Description, other.documents[i].Title
		case 2:
			p.free++
		}
		out.places, out.documents = append(out.places, p), append(out.documents, d)
	}
	for i := range 2 {
		p, d := other.places[i], other.documents[i]
		p.id[13], d.ID[13], p.coaches[0].id[13] = byte(1+days), byte(1+days), byte(1+days)
		out.places, out.documents = append(out.places, p), append(out.documents, d)
	}
	for i, q := range w.questions {
		switch r.IntN(12) {
		case 0:
			continue
		case 1:
			q.words.Text = other.questions[i].words.Text
		case 2:
			q.open = uuid.Nil
		}
		out.questions = append(out.questions, q)
	}
	q := other.questions[0]
	q.ID = id.LeervraagID(uuid.UUID{0: 4, 13: byte(1 + days)})
	out.questions = append(out.questions, q)
	return out
}

// run makes the town ready to be computed, as ComputeRun does.
func (w *town) run(t *testing.T, base *problem, with func(*run)) *run {
	t.Helper()
	c := &run{snapshot: &snapshot{today: w.today, carried: map[uuid.UUID]int{}}, base: base, wording: "as it is",
		task: task{weights: Defaults(), bonus: 500, objective: total}, report: func(string, int, int) error { return nil }, watch: func(string) {}}
	read := newReading(w.today)
	read.places, read.documents = slices.Clone(w.places), slices.Clone(w.documents)
	for _, q := range w.questions {
		q.Today = w.today
		c.questions = append(c.questions, q)
		c.prints.questions = append(c.prints.questions, q.print())
	}
	for i := range read.places {
		c.prints.places = append(c.prints.places, printPlace(&read.places[i], &read.documents[i]))
	}
	numbers := map[*availability.Calendar]int32{nil: 0}
	for i := range read.places {
		p := &read.places[i]
		if _, known := numbers[p.when]; !known {
			numbers[p.when] = int32(len(numbers))
		}
		p.whenN = numbers[p.when]
	}
	with(c)
	scale, err := c.follow(read, wording{})
	require.NoError(t, err)
	c.places, err = read.build(wording{}, horizon{}, scale)
	require.NoError(t, err)
	return c
}

func computed(t *testing.T, c *run) *solved {
	t.Helper()
	out, err := c.compute(context.Background())
	require.NoError(t, err)
	return out
}

func unpacked(t *testing.T, packed []byte) *problem {
	t.Helper()
	p, err := unpack(packed)
	require.NoError(t, err)
	return p
}

func plainly(*run) {}

// A run that is based on another comes to what judging every pair anew on the same scale comes to, across days, weights and
// whatever else changed; and it judges anew only the leervragen that changed.
func TestRun_BasedOnAnother_IsWhatJudgingAnewGives(t *testing.T) {
	t.Parallel()
	differs, dated, silence, again := 0, 0, 0, 0
	for seed := range uint64(8) {
		w := newTown(seed, 40, 50)
		base := computed(t, w.run(t, nil, plainly)).packed
		for step, days := range []int{0, 3, 20} { // each on the one before
			next := w.late(seed*10+uint64(step), days)
			what := fmt.Sprintf("seed %d, %d days later", seed, days)
			with := func(c *run) {
				if step == 1 {
					c.weights.Content, c.weights.Distance = c.weights.Content-1000, c.weights.Distance+1000
				}
			}
			taken := next.run(t, unpacked(t, base), with)
			got := computed(t, taken)
			bare := unpacked(t, base)
			clear(bare.row) // the scale and where everybody stood, and no row
			anew := next.run(t, bare, with)
			want := computed(t, anew)
			require.Equal(t, anew.rows, taken.rows, what)
			require.Equal(t, anew.contents, taken.contents, what)
			require.Equal(t, want.items, got.items, what)
			require.Equal(t, want.hash, got.hash, what)
			require.Equal(t, want.packed, got.packed, what)
			require.Equal(t, []int{0, 0}, []int{taken.asked, anew.asked}, "what was heard while all was judged is not asked again")
			for k, n := range taken.current {
				if n != none {
					hit, _ := taken.places.words.Ask(taken.questions[taken.asking[k]].words).Score(taken.places.places[n].id)
					require.Equal(t, hit.Confident, taken.answers[k] == answering, what)
					if !hit.Confident {
						silence++
					}
				}
			}
			unsaid := unpacked(t, base)
			unsaid.Answers = nil // as an earlier release kept it
			old := next.run(t, unsaid, with)
			require.Equal(t, got.hash, computed(t, old).hash, what)
			again += old.asked
			changed := 0
			for i, q := range next.questions {
				j := slices.IndexFunc(w.questions, func(o participant) bool { return o.ID == q.ID })
				if q.status == "open" && (j < 0 || w.questions[j].print() != taken.prints.questions[i]) {
					changed++
				}
			}
			require.Equal(t, []int{changed, len(anew.asking)}, []int{taken.anew, anew.anew}, what)
			fresh := next.run(t, nil, with)
			computed(t, fresh)
			for k := range fresh.rows {
				if !slices.Equal(fresh.rows[k], taken.rows[k]) {
					differs++
				}
			}
			if days > 0 {
				earlier := *next
				earlier.today = w.today
				on := earlier.run(t, unpacked(t, base), with)
				computed(t, on)
				for k := range on.rows {
					if !slices.Equal(on.rows[k], taken.rows[k]) {
						dated++
					}
				}
			}
			w, base = next, got.packed
		}
	}
	require.Greater(t, differs, 50, "another scale gives other scores")
	require.Greater(t, dated, 50, "days that are past count no more")
	require.Greater(t, silence, 10, "some stand where the words do not answer")
	require.Greater(t, again, 10, "what an earlier release did not keep is asked")
}

// Where words are read otherwise, where nothing was kept, or where most places are others, nothing is taken over.
func TestRun_BasedOnAnother_BeginsAnew(t *testing.T) {
	t.Parallel()
	w := newTown(1, 20, 30)
	packed := computed(t, w.run(t, nil, plainly)).packed
	for name, change := range map[string]func(c *run, p *problem){
		"words are read otherwise": func(c *run, _ *problem) { c.wording = "otherwise" },
		"there is no scale":        func(_ *run, p *problem) { p.Scale = nil },
		"most places are others": func(c *run, _ *problem) {
			for i := range 16 {
				c.prints.places[i][0]++
			}
		},
	} {
		p := unpacked(t, packed)
		c := w.run(t, p, func(c *run) { change(c, p) })
		computed(t, c)
		require.Equal(t, len(c.asking), c.anew, name)
		fresh := w.run(t, nil, plainly)
		computed(t, fresh)
		require.Equal(t, fresh.places.words.Scale(), c.places.words.Scale(), name)
	}
	c := w.run(t, unpacked(t, packed), plainly)
	computed(t, c)
	require.Zero(t, c.anew, "and otherwise everything is")
}

// Each run on the one before, a scale lives no longer than most of the places that it was made of.
func TestRun_BasedOnAnother_RenewsItsScaleInTime(t *testing.T) {
	t.Parallel()
	w := newTown(1, 20, 30)
	on := computed(t, w.run(t, nil, plainly)).packed
	renewed := []bool{}
	for step := range 5 { // a fifth of the places changes each time, another one
		for n := range 6 {
			d := &w.documents[6*step+n]
			d.Title, d.Description = "snoezelen", fmt.Sprintf("kwartelhok %d", n)
		}
		c := w.run(t, unpacked(t, on), plainly)
		on = computed(t, c).packed
		renewed = append(renewed, c.same == nil)
	}
	require.Equal(t, []bool{false, false, true, false, false}, renewed)
}

// A scale that a handful of places stands on is made anew as soon as others come.
func TestRun_BasedOnAnother_OfFewPlacesHasAScaleOfItsOwn(t *testing.T) {
	t.Parallel()
	for places, anew := range map[int]bool{5: true, 6: false} { // one changes
		w := newTown(1, 20, places)
		base := computed(t, w.run(t, nil, plainly)).packed
		same := w.run(t, unpacked(t, base), plainly)
		computed(t, same)
		require.NotNil(t, same.same, "nothing changed")
		w.documents[0].Title, w.documents[0].Description = "snoezelen", "kwartelhok"
		next := w.run(t, unpacked(t, base), plainly)
		computed(t, next)
		require.Equal(t, anew, next.same == nil, "%d places", places)
	}
}

// However many judge at a time, and however little is held, the bytes are the same.
func TestRun_TheSameBytesHoweverManyJudge(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	w := newTown(2, 150, 60)
	later := w.late(3, 2)
	var want []byte
	for _, cores := range []int{1, 4} {
		runtime.GOMAXPROCS(cores)
		for _, room := range []int{0, 200} {
			with := func(c *run) { c.room, c.objective = room, worstOffFirst }
			first := computed(t, w.run(t, nil, with))
			next := computed(t, later.run(t, unpacked(t, first.packed), with))
			var got []byte
			for _, out := range []*solved{first, next} {
				text, err := json.Marshal(out.items)
				require.NoError(t, err)
				got = slices.Concat(got, text, out.hash[:])
			}
			if room == 0 { // what is not held is not kept
				got = slices.Concat(got, first.packed, next.packed)
				if want == nil {
					want = got
				}
				require.Equal(t, want, got, "%d cores", cores)
			} else {
				require.Equal(t, want[:len(got)], got, "%d cores, %d held", cores, room)
			}
		}
	}
}

// What is told of how far a run is never goes back, though rows are gone through many times.
func TestRun_ProgressNeverGoesBack(t *testing.T) {
	t.Parallel()
	c := newTown(4, 120, 60).run(t, nil, func(c *run) { c.objective, c.room = worstOffFirst, 1 })
	var last told
	times := 0
	c.report = func(stage string, done, total int) error {
		now := told{slices.Index(stages, stage), done, total}
		require.GreaterOrEqual(t, now.stage, last.stage)
		if now.stage == last.stage {
			require.GreaterOrEqual(t, done, last.done, stage)
		}
		require.LessOrEqual(t, done, total, stage)
		last = now
		times++
		return nil
	}
	computed(t, c)
	require.Greater(t, times, 5*len(c.asking))
}

// What goes wrong while a row is judged ends the job, not the process: whoever runs jobs recovers it.
func TestRun_APanicIsTheJobs(t *testing.T) {
	t.Parallel()
	r, seen := &run{}, make([]int, 100)
	r.eachRow(10, 100, func(_ *desk, k int32) { seen[k]++ })
	for k, n := range seen {
		require.Equal(t, min(1, k/10), n, "each row once")
	}
	require.PanicsWithValue(t, "a mistake of ours", func() {
		r.eachRow(0, 100, func(_ *desk, k int32) {
			if k == 70 {
				panic("a mistake of ours")
			}
		})
	})
}
