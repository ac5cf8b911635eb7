package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/switchingtalent/switchboard/internal/matching/relevance"
)

// costs are what an index takes: CPU times of the whole process, in milliseconds, and memory in MiB.
type costs struct {
	Documents int     `json:"documents"`
	BuildMS   float64 `json:"build_cpu_ms"`
	HeapMiB   float64 `json:"heap_mib"`
	BytesMiB  float64 `json:"index_mib"`
	P50MS     float64 `json:"query_p50_ms"`
	P95MS     float64 `json:"query_p95_ms"`
	UpsertMS  float64 `json:"upsert_p95_ms"`
	FoldMS    float64 `json:"fold_cpu_ms"`
}

// cpu is what the process used so far.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it cannot fail on the systems that have it
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func ms(d time.Duration) float64 { return round(float64(d) / 1e6) }

func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}

// benchCost measures an index of made-up leerplekken of about sixty words.
func benchCost(out io.Writer, size int) error {
	made := newWriter(relevance.ShippedTerms())
	empty, err := relevance.Build(relevance.Options{}, func(func(relevance.Document) bool) {}) // loads what is shipped
	if err != nil {
		return err
	}
	c := costs{Documents: size}
	before, at := heap(), cpu()
	var writing time.Duration
	ix, err := relevance.Build(relevance.Options{}, func(yield func(relevance.Document) bool) {
		for i := range size {
			start := cpu()
			d := made.document(i)
			writing += cpu() - start
			if !yield(d) {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	c.BuildMS = ms(cpu() - at - writing)
	c.HeapMiB, c.BytesMiB = round(heap()-before), round(float64(ix.Bytes())/(1<<20))
	fmt.Fprintf(out, "%d made-up leerplekken: built in %.0f ms of CPU, %.1f MiB of heap\n", size, c.BuildMS, c.HeapMiB)
	var times []time.Duration
	for range min(400, size) {
		q := made.question()
		start := cpu()
		ix.Ask(q).Top(50, nil)
		times = append(times, cpu()-start)
	}
	slices.Sort(times)
	c.P50MS, c.P95MS = ms(times[len(times)/2]), ms(times[len(times)*95/100])
	fmt.Fprintf(out, "the best 50 for a question of a title and one or two sentences: p50 %.2f ms, p95 %.2f ms of CPU\n", c.P50MS, c.P95MS)
	times = times[:0]
	for i := range min(1000, size) {
		d := made.document(i * 7 % size)
		start := cpu()
		ix.Upsert(d)
		times = append(times, cpu()-start)
	}
	slices.Sort(times)
	c.UpsertMS = ms(times[len(times)*95/100])
	times = times[:0]
	for range min(100, size) {
		q := made.question()
		start := cpu()
		ix.Ask(q).Top(50, nil)
		times = append(times, cpu()-start)
	}
	slices.Sort(times)
	fmt.Fprintf(out, "a document changed: p95 %.2f ms of CPU; after many of them a question takes p95 %.2f ms\n", c.UpsertMS, ms(times[len(times)*95/100]))
	at = cpu()
	ix.Fold()
	c.FoldMS = ms(cpu() - at)
	fmt.Fprintf(out, "folded in %.0f ms of CPU\n", c.FoldMS)
	runtime.KeepAlive(empty)
	return last(out, c)
}

// writer makes up texts: words of the thesaurus, compounds of them, and words that mean nothing; some of each are used
// much more than others.
type writer struct {
	pools [3][]string
	zipf  [3]*rand.Zipf
	r     *rand.Rand
}

func newWriter(terms []string) *writer {
	w := &writer{r: rand.New(rand.NewPCG(1, 2))}
	seen := map[string]bool{}
	for _, t := range terms {
		for _, word := range strings.Fields(t) {
			if !seen[word] {
				seen[word] = true
				w.pools[0] = append(w.pools[0], word)
			}
		}
	}
	w.r.Shuffle(len(w.pools[0]), func(i, j int) { w.pools[0][i], w.pools[0][j] = w.pools[0][j], w.pools[0][i] })
	known := w.pools[0]
	for range 30_000 {
		w.pools[1] = append(w.pools[1], known[w.r.IntN(len(known))]+known[w.r.IntN(len(known))])
		var b strings.Builder
		for range 2 + w.r.IntN(3) {
			b.WriteByte("bdfghjklmnprstvwz"[w.r.IntN(17)])
			b.WriteString([]string{"a", "e", "i", "o", "u", "aa", "ee", "ie", "oe", "ij"}[w.r.IntN(10)])
			b.WriteByte("klmnprst"[w.r.IntN(8)])
		}
		w.pools[2] = append(w.pools[2], b.String())
	}
	for i, p := range w.pools {
		w.zipf[i] = rand.NewZipf(w.r, 1.1, 10, uint64(len(p)-1))
	}
	return w
}

// word is one of the thesaurus in five of ten, a compound in two.
func (w *writer) word() string {
	i := []int{0, 0, 0, 0, 0, 1, 1, 2, 2, 2}[w.r.IntN(10)]
	return w.pools[i][w.zipf[i].Uint64()]
}

var between = strings.Fields("de het een van in en op met voor bij die dat wij je onze naar")

func (w *writer) text(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(' ')
		}
		if i%5 < 2 {
			b.WriteString(between[w.r.IntN(len(between))])
		} else {
			b.WriteString(w.word())
		}
	}
	return b.String()
}

func (w *writer) document(i int) relevance.Document {
	return relevance.Document{ID: key(i), Title: w.text(6), Description: w.text(45), Department: w.word(), Function: w.word(), Sector: w.word(),
		Topics: []string{w.word(), w.word(), w.word()}}
}

func (w *writer) question() relevance.Question {
	return relevance.Question{Title: w.text(5), Text: "Ik wil leren hoe " + w.text(15+w.r.IntN(15))}
}
