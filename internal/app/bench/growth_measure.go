package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/switchingtalent/switchboard/internal/app"
	"github.com/switchingtalent/switchboard/internal/app/growth"
	paging "github.com/switchingtalent/switchboard/internal/platform/page"
)

// together is how many clients ask at once where it is not one.
const together = 8

// worst is the bar: what a call of the same tenant may cost more in the large database than in the small one.
const worst = 1.5

// setting is where calls are measured, and by how many at once.
type setting struct {
	house   string
	number  int // of the seeded tenant
	clients int
}

var settings = []setting{{small, 1, 1}, {large, 1, 1}, {small, 1, together}, {large, 1, together}, {large, 0, 1}}

// The places of settings.
const (
	few, many, fewAtOnce, manyAtOnce, ofBig = 0, 1, 2, 3, 4
)

// took is what one call took in one setting. CPU is in microseconds: of this process, the client's included, and of the database.
type took struct {
	all  []time.Duration
	here float64
	db   float64
}

func (t *took) at(q float64) float64 {
	if t == nil || len(t.all) == 0 {
		return math.NaN()
	}
	all := slices.Sorted(slices.Values(t.all))
	return float64(all[int(q*float64(len(all)-1)+0.5)].Microseconds()) / 1e3
}

func (t *took) cpu() float64 {
	if t.here == 0 || len(t.all) == 0 { // of a part of a journey nobody counts it
		return math.NaN()
	}
	return (t.here + t.db) / float64(len(t.all)) / 1e3
}

// measure asks everything in every setting, by turns, and prints what it took.
func (g *grown) measure(ctx context.Context) error {
	surveyors := make([][]*surveyor, len(settings))
	for i, s := range settings {
		for range s.clients {
			surveyors[i] = append(surveyors[i], g.client(ctx, g.houses[s.house], s.number))
		}
	}
	operators := map[string]*surveyor{}
	for name, h := range g.houses {
		operators[name] = g.client(ctx, h, -1)
	}
	employers := make([][]*surveyor, len(settings))
	for i, s := range settings {
		for range s.clients {
			e, err := g.employer(ctx, g.houses[s.house], s.number)
			if err != nil {
				return err
			}
			employers[i] = append(employers[i], e)
		}
	}
	heard := g.houses[large].tap
	heard.Hear(true)
	same, left := surveyors[few][0].readings(operators[small])
	ofTheBig, leftOfBig := surveyors[ofBig][0].readings(operators[large])
	ofEmployer, _ := employers[few][0].readings(nil)
	ofEmployerOfBig, _ := employers[ofBig][0].readings(nil)
	same, ofTheBig = append(same, ofEmployer...), append(ofTheBig, ofEmployerOfBig...)
	for _, why := range leftOfBig {
		if !slices.Contains(left, why) {
			left = append(left, "of the big tenant: "+why)
		}
	}
	first := g.client(ctx, g.houses[large], 1) // a journey to be heard, and not to be measured
	first.journey()
	operators[large].open()
	said := heard.Take()
	heard.Hear(false)
	// What a process makes once, as the index of leerplekken, is made in the large one too before anything is measured.
	surveyors[many][0].readings(operators[large])
	employers[many][0].readings(nil)
	for _, s := range []*surveyor{surveyors[few][0], surveyors[many][0], surveyors[ofBig][0], employers[few][0], employers[many][0], employers[ofBig][0],
		operators[small], operators[large], first} {
		if s.fault != nil {
			return s.fault
		}
		clear(s.took)
	}
	fmt.Fprintf(os.Stderr, "%d reading calls; not asked, for want of something to ask for, or of an answer: %s\n", len(same), strings.Join(left, ", "))
	got := map[string]*[5]took{}
	of := func(name string) *[5]took {
		if got[name] == nil {
			got[name] = new([5]took)
		}
		return got[name]
	}
	block := time.Duration(*seconds) * time.Second / time.Duration(*rounds*len(settings))
	for round := range *rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d: reading\n", round+1, *rounds)
		for i, r := range same {
			for turn := range settings {
				at := (turn + round + i) % len(settings)
				asks := r
				if at == ofBig {
					k := slices.IndexFunc(ofTheBig, func(o reading) bool { return o.name == r.name })
					if k < 0 {
						continue
					}
					asks = ofTheBig[k]
				}
				by := surveyors[at]
				switch {
				case asks.operator:
					by = []*surveyor{operators[settings[at].house]}
				case asks.bound:
					by = employers[at]
				}
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := g.ask(by, asks, block, round, &of(r.name)[at]); err != nil {
					return err
				}
			}
		}
	}
	journeys, err := g.travel(ctx, surveyors, of)
	if err == nil {
		err = g.openTenants(operators, of)
	}
	g.print(same, got, journeys, left) // what was read is worth telling, however the journeys ended
	if err != nil {
		return err
	}
	heard.Hear(true)
	if err := g.keepUp(ctx); err != nil {
		return err
	}
	return g.plans(ctx, append(said, heard.Take()...))
}

// openTenants lets the operator make some, in both databases by turns.
func (g *grown) openTenants(operators map[string]*surveyor, of func(string) *[5]took) error {
	for range 5 * *rounds {
		for at, name := range map[int]string{few: small, many: large} {
			s := operators[name]
			clear(s.took)
			s.open()
			if s.fault != nil {
				return s.fault
			}
			for name, all := range s.took {
				of(name)[at].all = append(of(name)[at].all, all...)
			}
		}
	}
	return nil
}

// keepUp does the work that nobody asks for in both databases, as the jobs do, and prints what a round over all tenants takes. The
// first one finds what copies of a year ago left to do, the second one nothing. A job has thirty seconds and goes on where it stopped.
func (g *grown) keepUp(ctx context.Context) error {
	fmt.Printf("\nUpkeep, a round over all tenants: seconds, and seconds of CPU of this process and the database\n\n| work | first, at 1 %% | first, at 100 %% | CPU | again, at 1 %% | again, at 100 %% | CPU |\n|---|---|---|---|---|---|---|\n")
	for _, w := range []struct {
		name string
		work func(*app.App) error
	}{
		{"survey.expire", func(a *app.App) error { return a.Surveys.ExpireDue(ctx, a.DB) }},
		{"matching.rescue", func(a *app.App) error { return a.Matching.RescueRuns(ctx) }},
		{"matching.forget", func(a *app.App) error { return a.Matching.ForgetRuns(ctx) }},
		{"webhook.warn", func(a *app.App) error { return a.Webhooks.WarnAll(ctx) }},
		{"webhook.purge", func(a *app.App) error { return a.Webhooks.PurgeAll(ctx) }},
		{"event.purge", func(a *app.App) error { return a.Events.PurgeAll(ctx) }},
		{"access.purge", func(a *app.App) error { return a.Access.PurgeAll(ctx) }},
		{"page.checkpoint", func(a *app.App) error { return paging.Checkpoint(ctx, a.DB) }},
	} {
		fmt.Printf("| `%s` |", w.name)
		for range 2 {
			cpu := 0.0
			for _, name := range []string{small, large} {
				here, base, start := ownCPU(), g.st.databaseCPU(), time.Now()
				if err := w.work(g.houses[name].app); err != nil {
					return fmt.Errorf("%s: %w", w.name, err)
				}
				cpu = (ownCPU() - here + g.st.databaseCPU() - base) / 1e6
				fmt.Printf(" %.3f |", time.Since(start).Seconds())
			}
			fmt.Printf(" %.3f |", cpu)
		}
		fmt.Println()
	}
	return nil
}

// scanned is from how many pages (of 8 kB) on a table that is read from end to end is a fault. Fewer, 16 MB, may be read whole as well
// as by an index, and where tenants are few one has much of a table.
const scanned = 2000

// plans plans what was heard once more in the large database, as the program's connections do, and fails where a table of tenants is
// read from end to end.
func (g *grown) plans(ctx context.Context, said []growth.Said) error {
	c, err := g.houses[large].app.DB.Pool().Acquire(ctx)
	if err != nil {
		return err
	}
	defer c.Release()
	found, planned, err := growth.Scans(ctx, c.Conn(), said, scanned)
	if err != nil {
		return err
	}
	fmt.Printf("\nplanned again with the connections' own settings, with parameters and for any: %d statements; tables of tenants read from end to end: %d\n", planned, len(found))
	if len(found) > 0 {
		return errors.New(strings.Join(found, "\n"))
	}
	return nil
}

// ask lets clients make one call for a while, each its own paths one after the other.
func (g *grown) ask(by []*surveyor, r reading, while time.Duration, round int, into *took) error {
	const least = 2 // requests of each client, however slow
	for _, s := range by {
		s.admit()
	}
	here, base, end := ownCPU(), g.st.databaseCPU(), time.Now().Add(while)
	var wait sync.WaitGroup
	for i, s := range by {
		wait.Go(func() {
			for n := 0; s.fault == nil && (n < least || time.Now().Before(end)); n++ {
				s.send(r.name, "GET", r.paths[(n+i*7+round*13)%len(r.paths)], "", nil)
			}
		})
	}
	wait.Wait()
	into.here, into.db = into.here+ownCPU()-here, into.db+g.st.databaseCPU()-base
	for _, s := range by {
		into.all = append(into.all, s.took[r.name]...)
		delete(s.took, r.name)
		if s.fault != nil {
			return fmt.Errorf("%s: %w", r.name, s.fault)
		}
	}
	return nil
}

// travel makes journeys in every setting by turns, and returns what a whole one took and cost.
func (g *grown) travel(ctx context.Context, surveyors [][]*surveyor, of func(string) *[5]took) (whole [5]took, err error) {
	const longer = 40 // as many calls as a journey has
	end := time.Now().Add(time.Duration(*seconds*longer) * time.Second)
	fmt.Fprintln(os.Stderr, "journeys")
	for round := 0; round < *rounds || time.Now().Before(end); round++ {
		for turn := range settings {
			at := (turn + round) % len(settings)
			if err := ctx.Err(); err != nil {
				return whole, err
			}
			here, base := ownCPU(), g.st.databaseCPU()
			var wait sync.WaitGroup
			took := make([]time.Duration, len(surveyors[at]))
			for i, s := range surveyors[at] {
				s.until = time.Time{} // a token for every journey: it is a call too
				wait.Go(func() {
					start := time.Now()
					s.journey()
					took[i] = time.Since(start)
				})
			}
			wait.Wait()
			w := &whole[at]
			w.here, w.db, w.all = w.here+ownCPU()-here, w.db+g.st.databaseCPU()-base, append(w.all, took...)
			for _, s := range surveyors[at] {
				if s.fault != nil {
					return whole, errors.Join(err, s.fault)
				}
				for name, all := range s.took {
					if name != "" {
						of(name)[at].all = append(of(name)[at].all, all...)
					}
				}
				clear(s.took)
			}
		}
	}
	return whole, nil
}

func (g *grown) print(same []reading, got map[string]*[5]took, journeys [5]took, left []string) {
	fmt.Printf("\n%s beside %s; of all rows the big tenants (1 in 100) have 40 %%, the middle ones (9 in 100) 36 %%, the small ones 24 %%.\n", g.sizes[small], g.sizes[large])
	fmt.Printf("1 and %d clients, %d rounds; milliseconds; CPU of server, client and database for a request\n\n", together, *rounds)
	fmt.Println("| call | p50 at 1 % | p95 at 1 % | p50 at 100 % | p95 at 100 % | p95 ratio | CPU at 1 % | CPU at 100 % | CPU ratio | p95 of 8 at 1 % | p95 of 8 at 100 % | big tenant p50 | big tenant p95 | big tenant CPU |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")
	var p50s, p95s, p95sAtOnce, cpus []float64
	var slower, dearer []string
	line := func(name string, t *[5]took) {
		ratio(&p50s, t[many].at(.5), t[few].at(.5))
		ratio(&p95sAtOnce, t[manyAtOnce].at(.95), t[fewAtOnce].at(.95))
		p95, dear := ratio(&p95s, t[many].at(.95), t[few].at(.95)), ratio(&cpus, t[many].cpu(), t[few].cpu())
		if p95 > worst {
			slower = append(slower, fmt.Sprintf("%s %.2f", name, p95))
		}
		if dear > worst {
			dearer = append(dearer, fmt.Sprintf("%s %.2f", name, dear))
		}
		fmt.Printf("| `%s` | %s | %s | %s |\n", name, figures(1, t[few].at(.5), t[few].at(.95), t[many].at(.5), t[many].at(.95)), figures(2, p95, t[few].cpu(), t[many].cpu(), dear),
			figures(1, t[fewAtOnce].at(.95), t[manyAtOnce].at(.95), t[ofBig].at(.5), t[ofBig].at(.95))+" | "+figures(2, t[ofBig].cpu()))
	}
	for _, r := range same {
		line(r.name, got[r.name])
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if !slices.ContainsFunc(same, func(r reading) bool { return r.name == name }) {
			line(name, got[name])
		}
	}
	line("a whole journey", &journeys)
	fmt.Printf("\n%d calls; median ratios: p50 %s, p95 %s, p95 of %d clients %s, CPU %s\n", len(p50s), figures(2, median(p50s)), figures(2, median(p95s)), together,
		figures(2, median(p95sAtOnce)), figures(2, median(cpus)))
	fmt.Printf("over %.1f by p95: %s\nover %.1f by CPU: %s\n", worst, none(slower), worst, none(dearer))
	fmt.Printf("not asked, for want of something to ask for, or of an answer: %s\n", none(left))
	fmt.Printf("samples: %s\n", g.samples(got))
}

// ratio is a by b, and one more of a list unless one of them was never measured.
func ratio(of *[]float64, a, b float64) float64 {
	r := a / b
	if !math.IsNaN(r) {
		*of = append(*of, r)
	}
	return r
}

// figures writes some with so many decimals, in cells of a row; of what was never measured there is none.
func figures(decimals int, of ...float64) string {
	cells := make([]string, len(of))
	for i, v := range of {
		if cells[i] = "–"; !math.IsNaN(v) {
			cells[i] = strconv.FormatFloat(v, 'f', decimals, 64)
		}
	}
	return strings.Join(cells, " | ")
}

func none(of []string) string {
	if len(of) == 0 {
		return "none"
	}
	return strings.Join(of, "; ")
}

// samples says how many times a call was made in a setting of one client: the least, the median and the most.
func (g *grown) samples(got map[string]*[5]took) string {
	var n []float64
	for _, t := range got {
		n = append(n, float64(len(t[few].all)), float64(len(t[many].all)))
	}
	return fmt.Sprintf("%.0f to %.0f of each call and database by one client, median %.0f", slices.Min(n), slices.Max(n), median(n))
}
