package matching

import (
	"time"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/matching/relevance"
	"github.com/switchingtalent/switchboard/internal/platform/day"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// Hold takes the turn of a tenant's index, as somebody who follows changes for long does.
func (s *Service) Hold(t id.TenantID) (release func()) {
	e := s.cache.entry(t.UUID())
	e.turn <- struct{}{}
	return e.leave
}

// WithoutRows is a run as it is kept, without what it judged: its scale stays, and where everybody stood.
func WithoutRows(packed []byte) ([]byte, error) {
	p, err := unpack(packed)
	if err != nil {
		return nil, err
	}
	clear(p.Kept)
	return p.again()
}

// PackedBefore is a run as an earlier release kept it: in another form.
func PackedBefore(packed []byte) ([]byte, error) {
	p, err := unpack(packed)
	if err != nil {
		return nil, err
	}
	p.Packing--
	return p.again()
}

// Holds is what the index of a tenant takes, counted now, and how many attributes it keeps at most of one sort.
func (s *Service) Holds(t id.TenantID) (bytes, attributes int) {
	ix := s.cache.entry(t.UUID()).index.Load()
	if ix == nil {
		return 0, 0
	}
	return ix.size(), max(len(ix.kin.calendars), len(ix.kin.sites), len(ix.kin.employers), len(ix.kin.lists), len(ix.table.kinds), len(ix.places), ix.table.whens.Len())
}

// Followed is since when the index of a tenant is known to hold everything.
func (s *Service) Followed(t id.TenantID) time.Time { return *s.cache.entry(t.UUID()).followed.Load() }

// Present looks at the index of a transaction that writes, as who decides does, and says whether there is one.
func (s *Service) Present(tx *db.Tx) (bool, error) {
	ix, err := s.cache.present(tx, day.Of(2027, 1, 4))
	return ix != nil, err
}

// Likest are the leerplekken that are found by lexemes, without an index.
func Likest(tx *db.Tx, synonyms [][]string, q relevance.Question) ([]uuid.UUID, error) {
	return likest(tx, relevance.Options{Synonyms: synonyms}, q)
}

// Lately is what is kept of a run's cohort for who asks next who would join; nil where nothing is.
func (s *Service) Lately(t id.TenantID, run id.MatchingRunID) any {
	if e := s.problems.get(t.UUID(), run); e.late != nil {
		return e.late.index
	}
	return nil
}

// Uncount leaves a run for the worst off as somebody does who left while its first question was being answered.
func (s *Service) Uncount(t id.TenantID, run id.MatchingRunID) {
	s.problems.get(t.UUID(), run).count = nil
}

// LetGo forgets a run that is held ready.
func (s *Service) LetGo(t id.TenantID, run id.MatchingRunID) { s.problems.drop(t.UUID(), run) }
