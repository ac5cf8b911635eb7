package matching

import (
	"bytes"
	"compress/gzip"
	"encoding/gob"

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
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if err := gob.NewEncoder(z).Encode(p); err != nil {
		return nil, err
	}
	err = z.Close()
	return b.Bytes(), err
}
