package matching

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"hash"
	"maps"
	"math"
	"slices"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/matching/relevance"
	"github.com/switchingtalent/switchboard/internal/platform/availability"
)

// writer writes values one after another so that different values never look alike: each with its length, or of a fixed
// one.
type writer struct{ h hash.Hash }

func newWriter() writer { return writer{sha256.New()} }

func (w writer) int(ns ...int) {
	var b [8]byte
	for _, n := range ns {
		binary.BigEndian.PutUint64(b[:], uint64(n))
		w.h.Write(b[:])
	}
}

func (w writer) id(ids ...uuid.UUID) {
	for _, u := range ids {
		w.h.Write(u[:])
	}
}

func (w writer) text(ts ...string) {
	for _, t := range ts {
		w.int(len(t))
		w.h.Write([]byte(t))
	}
}

func (w writer) texts(ts []string) {
	if ts == nil {
		w.int(-1)
		return
	}
	w.int(len(ts))
	w.text(ts...)
}

func (w writer) bool(bs ...bool) {
	for _, b := range bs {
		if b {
			w.int(1)
		} else {
			w.int(0)
		}
	}
}

func (w writer) point(p *point) {
	if w.bool(p != nil); p != nil {
		w.int(int(math.Float64bits(p.x)), int(math.Float64bits(p.y)), int(math.Float64bits(p.z)))
	}
}

func (w writer) employer(e *employer) {
	w.id(e.id)
	w.text(e.sector, e.workforce)
	w.int(int(e.band))
}

func (w writer) calendar(c *availability.Calendar) {
	b, err := json.Marshal(c.List())
	if err != nil {
		panic(err) // days always marshal
	}
	w.text(string(b))
}

func (w writer) sum() (out [sha256.Size]byte) {
	w.h.Sum(out[:0])
	return out
}

// print is a leervraag or a leerplek in a few bytes: two that are the same in all that a run reads of them have the same.
type print [16]byte

func (w writer) print() (p print) {
	s := w.sum()
	copy(p[:], s[:])
	return p
}

// print covers all that judging reads of a leervraag.
func (q *participant) print() print {
	w := newWriter()
	w.id(uuid.UUID(q.ID), q.OrganisationID, q.SwitcherID, q.open)
	w.bool(q.Internal, q.NeedsPublicTransport, q.settled != nil)
	if q.settled != nil {
		w.id(q.settled.place, q.settled.coach)
	}
	w.int(q.DaysNeeded, q.Year)
	if w.bool(q.MaxTravelKM != nil); q.MaxTravelKM != nil {
		w.int(*q.MaxTravelKM)
	}
	w.text(q.SectorWish, q.Language, q.status, q.words.Title, q.words.Text)
	w.texts(q.words.Goals)
	w.texts(q.words.Topics)
	w.texts(q.Meets)
	w.point(q.Home)
	w.point(q.Work)
	w.calendar(q.Available)
	w.employer(q.Employer)
	w.int(len(q.Preferences))
	w.id(q.Preferences...)
	order := func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }
	w.int(len(q.Rivals))
	w.id(slices.SortedFunc(maps.Keys(q.Rivals), order)...)
	w.int(len(q.Before))
	for _, p := range slices.SortedFunc(maps.Keys(q.Before), order) {
		w.id(p)
		w.bool(q.Before[p].declined, q.Before[p].dismissed)
	}
	return w.print()
}

// printPlace covers all that judging reads of a leerplek, and its words.
func printPlace(p *place, d *relevance.Document) print {
	w := newWriter()
	w.id(p.id)
	w.bool(p.published, p.closed, p.excluded)
	w.int(int(p.free))
	w.employer(p.employer)
	if w.bool(p.site != nil); p.site != nil {
		w.point(p.site.point)
		w.bool(p.site.publicTransport)
	}
	w.calendar(p.when)
	w.texts(p.languages)
	w.texts(p.requirements)
	w.int(len(p.coaches))
	for _, c := range p.coaches {
		w.id(c.id)
		w.int(int(c.ended), int(c.met), int(c.limit), int(c.active))
		if w.bool(c.no, c.yearly != nil); c.yearly != nil {
			w.int(int(c.yearly.limit), c.yearly.from, int(c.yearly.begun[0]), int(c.yearly.begun[1]))
		}
	}
	w.text(d.Title, d.Description, d.Department, d.Function, d.Sector)
	w.texts(d.Topics)
	return w.print()
}
