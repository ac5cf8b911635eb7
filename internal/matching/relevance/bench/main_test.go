package main

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// shared is the folder with the data sets: beside the repository, or where SWITCHBOARD_SHARED says. They are not ours to
// commit; where they are absent, and nowhere else, these gates stay open.
func shared(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("SWITCHBOARD_SHARED")
	if dir == "" {
		dir = "../../../../../shared"
	}
	dir = filepath.Join(dir, "data")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		t.Skipf("THE RELEVANCE GATE IS OPEN: %s is absent. Put the data sets there, or say SWITCHBOARD_SHARED.", dir)
	}
	return dir
}

// lastLine is what a bench prints for machines.
func lastLine(t *testing.T, out any, args ...string) {
	t.Helper()
	var b strings.Builder
	require.NoError(t, run(args, &b))
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	t.Log(b.String())
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), out))
}

func TestRetrieval_FindsLabels(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(shared(t), "retrieval")
	var got map[string]retrieval
	lastLine(t, &got, "-documents", filepath.Join(dir, "documents.jsonl"), "-queries", filepath.Join(dir, "queries.jsonl"))
	for setting, least := range map[string]float64{"S1Q1": 0.58, "S1Q2": 0.58, "S2Q1": 0.78, "S2Q2": 0.78} {
		require.GreaterOrEqual(t, got[setting].MRR10, least, setting)
		require.Greater(t, got[setting].Recall5, got[setting].Recall1, setting)
	}
}

func TestRelevance_AnswersLeervragenOrKeepsSilent(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(shared(t), "leervragen")
	var got quality
	lastLine(t, &got, "-places", filepath.Join(dir, "leerplekken.jsonl"), "-questions", filepath.Join(dir, "leervragen.jsonl"))
	require.GreaterOrEqual(t, got.MRR10, 0.85)
	require.GreaterOrEqual(t, got.NDCG10, 0.78)
	require.GreaterOrEqual(t, got.Silent, 0.8)
	require.GreaterOrEqual(t, got.Kept, 0.9)

	// testdata has other questions about the same places, by another author, with fewer words in common.
	lastLine(t, &got, "-places", filepath.Join(dir, "leerplekken.jsonl"), "-questions", filepath.Join("testdata", "leervragen.jsonl"))
	require.GreaterOrEqual(t, got.MRR10, 0.7)
	require.GreaterOrEqual(t, got.NDCG10, 0.7)
	require.GreaterOrEqual(t, got.Kept, 0.9)
}

func TestBench_ReadsAStrangersFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		return file
	}
	places := write("p.jsonl", "\ufeff{\"id\":\"a\",\"title\":\"Lassen\",\"extra\":1}\n\n{\"id\":\"b\",\"title\":\"Bakken\",\"topics\":null}\n")
	var got quality
	lastLine(t, &got, "-places", places, "-questions", write("q.jsonl", `{"id":"1","title":"Leren lassen in een atelier","relevant":{"a":3}}`+"\n"+`{"title":"🎻"}`))
	require.Equal(t, 1.0, got.MRR10)
	require.Equal(t, 1.0, got.NDCG10)
	require.Equal(t, 1.0, got.Silent)
	lastLine(t, &got, "-places", places, "-questions", write("m.jsonl", `{"title":"🎻","motive":"Ik moest altijd lassen in een atelier"}`))
	require.Equal(t, 1.0, got.Silent, "the product looks for no motive, and neither does what measures it")
	var found map[string]retrieval
	documents := write("d.jsonl", `{"id":7,"label":"lasser","desc":"verbindt metaal"}`+"\n"+`{"id":8,"label":"bakker"}`)
	lastLine(t, &found, "-documents", documents, "-queries", write("l.jsonl", `{"label":"lassers","sentence":"Ik wil leren hoe lassers werken","document":7}`))
	require.Equal(t, map[string]retrieval{"S1Q1": {1, 1, 1}, "S1Q2": {1, 1, 1}, "S2Q1": {1, 1, 1}, "S2Q2": {1, 1, 1}}, found)

	require.Error(t, run([]string{"-places", places}, io.Discard), "half of what is needed")
	require.ErrorContains(t, run([]string{"-places", places, "-questions", write("bad.jsonl", "{\n")}, io.Discard), "line 1")
	require.Error(t, run([]string{"-places", filepath.Join(dir, "absent"), "-questions", places}, io.Discard))
}

func TestBench_MeasuresWhatAnIndexCosts(t *testing.T) {
	t.Parallel()
	var got costs
	lastLine(t, &got, "-size", "50")
	require.Equal(t, 50, got.Documents)
	require.Positive(t, got.BytesMiB)
	require.Positive(t, got.BuildMS)
}
