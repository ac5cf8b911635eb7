package matching

import (
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
