package matching

import (
	"bytes"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/matching/relevance"
	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
)

// index is what one tenant's published leerplekken say, in memory: their words, and the attributes that rule them out or
// rate them. It holds no name of anybody. It is derived and disposable: the database is the truth, and what an index
// proposes is read back before it is answered.
type index struct {
	mu      sync.RWMutex // held for reading while a question is judged
	places  []place
	table   table
	sorted  int                 // so many of the places, the first, stand in the order of their ids, those that left included
	later   map[uuid.UUID]int32 // the others, by leerplek
	coach   int                 // so many leercoaches stand with the places
	words   *relevance.Index
	aligned bool // the documents that words was built from are the first places, in the same order

	// Under the lock of whoever follows the changes.
	kin   *kinship
	seen  horizon
	bytes int // about how much memory it takes, as of the last change
	made  int // and took when it was made
}

// What an index may hold beyond what it needs: attributes that its places had once, words that they said, and rows of those that left.
const (
	spareKin   = 1000    // so many calendars, sites, lists, kinds or rows beyond twice the places
	spareBytes = 1 << 20 // beyond twice what it took when it was made
)

// outgrown reports whether much of the index is late, or of no use any more, so that it had better be made anew. What
// places have in common is kept for as long as the index lives, since what they change to is mostly there already; so who changes them
// again and again to something new would fill it.
func (ix *index) outgrown() bool {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	return ix.full()
}

// full is outgrown for who holds the lock.
func (ix *index) full() bool {
	most := 2*ix.words.Len() + spareKin
	for _, n := range []int{len(ix.places), len(ix.kin.calendars), len(ix.kin.sites), len(ix.kin.employers), len(ix.kin.lists), len(ix.table.kinds)} {
		if n > most {
			return true
		}
	}
	return ix.bytes > 2*ix.made+spareBytes || ix.words.Stale()
}

// horizon is up to where an index has followed the changes of its tenant. A change carries the number of its transaction,
// so everything at or beyond `from`, the oldest transaction that still ran at the last reading, is looked at again; but
// for those transactions that were there already: the rows of one become visible together.
type horizon struct {
	base, from int64
	read       []int64
	xmax       int64 // by these two, of two snapshots the newer is known
	running    int
	synonyms   int       // the version of the tenant's own; 0 for none
	esco       time.Time // when the ESCO classification was imported; zero for never
	postcodes  time.Time // when postcodes were imported last; likewise
}

// older reports whether a snapshot was taken before another.
func (h horizon) older(o horizon) bool {
	return h.xmax < o.xmax || h.xmax == o.xmax && h.running > o.running
}

// chunk is how many leerplekken are read at once.
const chunk = 2000

// reading collects what an index is built from.
type reading struct {
	places    []place
	documents []relevance.Document
	kin       *kinship
	today     day.Date
}

func newReading(today day.Date) *reading { return &reading{kin: newKinship(), today: today} }

// add reads some leerplekken, whose ids are in order and beyond those that were read before.
func (r *reading) add(tx *db.Tx, ids []uuid.UUID) error {
	ps, err := facts(tx, r.today, ids, r.kin)
	if err != nil {
		return err
	}
	for _, p := range ps {
		if p.published {
			r.places = append(r.places, p)
		}
	}
	return texts(tx, ids, func(d relevance.Document) { r.documents = append(r.documents, d) })
}

// next lists the ids of published leerplekken beyond one, in order, a chunk of them.
func next(tx *db.Tx, beyond uuid.UUID) ([]uuid.UUID, error) {
	var found struct {
		IDs db.IDs[uuid.UUID] `gorm:"column:ids"`
	}
	err := db.One(tx, &found, `select array(select id from leerplekken where tenant_id = ? and status = 'published' and id > ? order by id limit ?) as ids`,
		tx.Scope.Tenant, beyond, chunk)
	return found.IDs, err
}

// build makes the index of what was read; scale is that of another, or nil.
func (r *reading) build(w wording, seen horizon, scale *relevance.Scale) (*index, error) {
	words, err := relevance.BuildOn(scale, w.options, slices.Values(r.documents))
	if err != nil {
		return nil, err
	}
	if len(w.decisions) > 0 {
		words.Learn(w.decisions)
	}
	slices.SortFunc(r.places, func(a, b place) int { return bytes.Compare(a.id[:], b.id[:]) })
	ix := &index{places: r.places, table: newTable(r.today, len(r.places)), sorted: len(r.places), later: map[uuid.UUID]int32{}, words: words, kin: r.kin, seen: seen}
	for i := range ix.places {
		ix.table.put(i, &ix.places[i])
		ix.coach += cap(ix.places[i].coaches)
	}
	// Documents and places are of the same leerplekken in the same order; where they are not, the ids tell.
	ix.aligned = words.Len() == len(ix.places)
	ix.bytes = ix.size()
	ix.made = ix.bytes
	return ix, nil
}

// slot is where a leerplek stands among the places, or stood before it left.
func (ix *index) slot(l uuid.UUID) (int32, bool) {
	if i, ok := slices.BinarySearchFunc(ix.places[:ix.sorted], l, func(p place, l uuid.UUID) int { return bytes.Compare(p.id[:], l[:]) }); ok {
		return int32(i), true
	}
	i, ok := ix.later[l]
	return i, ok
}

// find gives the number of a leerplek that is there.
func (ix *index) find(l uuid.UUID) (int32, bool) {
	i, ok := ix.slot(l)
	return i, ok && ix.holds(int(i))
}

// size is about how much memory the index takes.
func (ix *index) size() int {
	return ix.words.Bytes() + ix.kin.bytes + ix.table.bytes() + 48*len(ix.later) + 128*cap(ix.places) + 48*ix.coach
}

// apply puts changed leerplekken in the index, in place of what it knew of them: those of ids that are not among the
// places, or not published, leave.
func (ix *index) apply(ids []uuid.UUID, ps []place, documents *relevance.Prepared) {
	now := map[uuid.UUID]*place{}
	for i := range ps {
		now[ps[i].id] = &ps[i]
	}
	documents.Put()
	for _, l := range ids {
		p := now[l]
		i, known := ix.slot(l)
		if known {
			ix.coach -= cap(ix.places[i].coaches)
		}
		switch {
		case p != nil && p.published && known:
			ix.places[i] = *p
		case p != nil && p.published:
			i = int32(len(ix.places))
			ix.later[l] = i
			ix.places = append(ix.places, *p)
		case known:
			ix.words.Remove(l)
			ix.places[i] = place{id: l}
		default:
			continue
		}
		ix.coach += cap(ix.places[i].coaches)
		ix.table.put(int(i), &ix.places[i])
	}
}

// on makes the rows those of a day: who has ended by then coaches nobody.
func (ix *index) on(today day.Date) {
	ix.mu.RLock()
	same := ix.table.today.Number() == today.Number()
	ix.mu.RUnlock()
	if same {
		return
	}
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.table.today = today
	for i := range ix.places {
		ix.table.put(i, &ix.places[i])
	}
}

// holds reports whether the place at i is still there.
func (ix *index) holds(i int) bool { return ix.table.rows[i].kind != gone }

// scores says of every place that is there how much of the question its words have, by its number.
func (ix *index) scores(a *relevance.Asked, out []relevance.Gain) []relevance.Gain {
	out = slices.Grow(out[:0], len(ix.places))[:len(ix.places)]
	if ix.aligned && a.Gains(out, func(id relevance.ID, gain relevance.Gain) {
		if n, ok := ix.find(id); ok {
			out[n] = gain
		}
	}) {
		return out
	}
	clear(out)
	a.All(func(first int, id relevance.ID, gain relevance.Gain) {
		if ix.aligned && first >= 0 {
			if ix.holds(first) {
				out[first] = gain
			}
		} else if n, ok := ix.find(id); ok {
			out[n] = gain
		}
	})
	return out
}
