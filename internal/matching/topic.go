package matching

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/switchingtalent/switchboard/internal/matching/relevance"
	"github.com/switchingtalent/switchboard/internal/platform/db"
)

// Topics are concepts of ESCO that somebody may mean.
type Topics struct {
	Data            []Topic `json:"data"`
	Version         *string `json:"version" extensions:"x-nullable" example:"v1.2.0"` // of ESCO; null while the operator imported none
	Acknowledgement string  `json:"acknowledgement" example:"This service uses the ESCO classification of the European Commission."`
} // @name Topics

// Topic is a concept of ESCO.
type Topic struct {
	URI   string `json:"uri" example:"http://data.europa.eu/esco/skill/000f1d3d-220f-4789-9c0a-cc742521fb02"`
	Kind  string `json:"kind" enums:"skill,occupation,group" example:"skill"`
	Label string `json:"label" example:"Haskell"`
	Found string `json:"found" example:"Haskell"` // the label that begins as asked, of those that the concept has
} // @name Topic

type topicsReq struct {
	Q     string `form:"q" binding:"required" minLength:"2" maxLength:"100"`
	Limit int    `form:"limit" default:"10" minimum:"1" maximum:"100"`
}

// topics looks concepts of ESCO up by how their labels begin.
//
//	@Summary		Look up topics
//	@Description	Concepts of ESCO one of whose labels begins so, or has a word that does: for completing what somebody types as a topic. Empty while the operator imported no ESCO.
//	@ID				listTopics
//	@Tags			matching
//	@Param			q		query		string	true	"how it begins"	minlength(2)	maxlength(100)	example(hask)
//	@Param			limit	query		int		false	"how many"		default(10)		minimum(1)	maximum(100)
//	@Success		200		{object}	Topics
//	@Router			/v1/topics [get]
func (s *Service) topics(_ context.Context, tx *db.Tx, in topicsReq) (Topics, error) {
	out := Topics{Data: []Topic{}, Acknowledgement: relevance.Acknowledgement}
	like := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(fold(in.Q)) + "%"
	var rows []struct {
		URI, Kind, Label, Found, Version *string
	}
	// The row of the version is there even where no concept is.
	err := tx.Select(&rows, `select c.uri, c.kind, c.label, c.found, e.version from (select 1) one left join reference.esco e on true
		left join lateral (select * from (
			select distinct on (c.uri) c.uri, c.kind, c.label, l.found, lower(l.found) like @like as begins
			from reference.esco_concepts c, unnest(array[c.label] || c.alt_labels) with ordinality l (found, n)
			where lower(l.found) like @like or lower(l.found) like '% ' || @like
			order by c.uri, lower(l.found) like @like desc, l.n) c
			order by c.begins desc, length(c.found), c.found, c.uri limit @limit) c on true
		order by c.begins desc, length(c.found), c.found, c.uri`, map[string]any{"like": like, "limit": in.Limit})
	for _, r := range rows {
		out.Version = r.Version
		if r.URI != nil {
			out.Data = append(out.Data, Topic{*r.URI, *r.Kind, *r.Label, *r.Found})
		}
	}
	return out, err
}

// esco returns the vocabulary of the ESCO classification as it was imported at a time. All tenants' indexes share one: it
// holds nothing of theirs.
func (c *cache) esco(tx *db.Tx, at time.Time) (*relevance.Vocabulary, error) {
	c.escoMu.Lock()
	defer c.escoMu.Unlock()
	if c.escoRead != nil && c.escoAt.Equal(at) {
		return c.escoRead, nil
	}
	var concepts []relevance.Concept
	err := tx.Pgx(func(p pgx.Tx) error {
		rows, err := p.Query(tx.Statement.Context, `select uri, label, array[label] || alt_labels, broader from reference.esco_concepts order by uri`)
		if err != nil {
			return err
		}
		var k relevance.Concept
		_, err = pgx.ForEachRow(rows, []any{&k.ID, &k.Label, &k.Terms, &k.Broader}, func() error {
			concepts = append(concepts, k)
			return nil
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	v, err := relevance.NewVocabulary(concepts, true)
	if err == nil {
		c.escoRead, c.escoAt = v, at
	}
	return v, err
}
