package matching_test

import (
	"context"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/matching"
	"github.com/switchingtalent/switchboard/internal/matching/relevance"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

const (
	medication = "http://data.europa.eu/esco/skill/00000000-0000-0000-0000-000000000001"
	dosing     = "http://data.europa.eu/esco/skill/00000000-0000-0000-0000-000000000002"
)

// files are like those of the European Commission; the concepts are made up.
var files = fstest.MapFS{
	"skills_nl.csv": {Data: []byte("conceptType,conceptUri,preferredLabel,altLabels,status\n" +
		"KnowledgeSkillCompetence," + medication + ",omgaan met geneesmiddelen,\"pillen beheren\nfarmaca bewaren\",released\n" +
		"KnowledgeSkillCompetence," + dosing + ",geneesmiddelen uitzetten,weekdozen vullen,released\n")},
	"broaderRelationsSkillPillar_nl.csv": {Data: []byte("conceptUri,broaderUri\n" + dosing + "," + medication + "\n")},
}

func TestESCOIsImportedOnceForAllTenants(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	h := testkit.Apart(t, nil)
	s := sceneIn(t, h.Tenant(t))
	c := s.Coordinator()
	empty := c.Get("/v1/topics?q=gen").Is(200)
	require.Zero(t, empty.Len("data"))
	require.Nil(t, empty.At("version"))
	require.Equal(t, relevance.Acknowledgement, empty.Str("acknowledgement"))
	s.run(`update leervragen set title = 'Onze farmaca', question = 'Hoe bewaren anderen hun farmaca', goals = '{}', topics = ? where id = ?`, "{"+medication+"}", s.leervraag)
	s.run(`update leerplekken set title = 'Achter de balie', description = 'Meelopen', function = null, topics = ? where id = ?`, "{"+dosing+"}", s.leerplek)
	require.Empty(t, suggested(c.Get(s.path())), "nothing joins the two yet")

	owner, err := pgx.Connect(ctx, h.OwnerURL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, owner.Close(ctx)) })
	load := func(dir fstest.MapFS, version string) (n int, changed bool, err error) {
		err = pgx.BeginFunc(ctx, owner, func(tx pgx.Tx) (err error) {
			n, changed, err = matching.ImportESCO(ctx, tx, dir, version, time.Now())
			return err
		})
		return n, changed, err
	}
	n, changed, err := load(files, "v1")
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.True(t, changed)
	require.Equal(t, []string{s.leerplek.String()}, suggested(c.Get(s.path())), "an index that was there takes it up: the one topic is above the other")

	_, changed, err = load(files, "v1")
	require.NoError(t, err)
	require.False(t, changed, "again is no change")
	_, changed, err = load(files, "v2")
	require.NoError(t, err)
	require.True(t, changed)
	_, _, err = load(fstest.MapFS{"readme.txt": {}}, "v3")
	require.Error(t, err)

	got := c.Get("/v1/topics?q=GEN").Is(200)
	require.Equal(t, "v2", got.Str("version"))
	require.Equal(t, 2, got.Len("data"))
	require.Equal(t, dosing, got.Str("data.0.uri"), "what begins so comes before what has a word that does")
	require.Equal(t, "pillen beheren", c.Get("/v1/topics?q=pil").Is(200).Str("data.0.found"))
	require.Equal(t, "omgaan met geneesmiddelen", c.Get("/v1/topics?q=beheren").Is(200).Str("data.0.label"))
	require.Equal(t, 1, c.Get("/v1/topics?q=gen&limit=1").Is(200).Len("data"))
	require.Zero(t, c.Get("/v1/topics?q=%25_").Is(200).Len("data"))
	c.Get("/v1/topics?q=x").Problem(400, "invalid-parameter", "q")
	c.Get("/v1/topics").Problem(400, "invalid-parameter", "q")
	s.Nobody().Get("/v1/topics?q=gen").Problem(401, "unauthenticated")
}
