package relevance

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func TestThesaurus_EveryLineIsAConcept(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(shippedFiles, "thesaurus/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	placed := map[string]bool{} // in a field of work; a later file may add words to what an earlier one has placed
	for _, f := range files {
		all, err := parseThesaurus(shippedLines(f))
		require.NoError(t, err, f)
		require.NotEmpty(t, all, f)
		for _, c := range all {
			placed[c.ID] = placed[c.ID] || c.Domain != ""
			require.True(t, placed[c.ID], "%s: %s stands under no [domain]", f, c.ID)
			require.GreaterOrEqual(t, len(c.Terms)+len(c.Hints), 3, "%s: %s", f, c.ID)
			for _, term := range append(c.Terms, c.Hints...) {
				require.NotEmpty(t, wordsOf(term), "%s: %s", f, c.ID)
			}
		}
	}
	require.Greater(t, len(shipped().concepts), 1000)
	require.NotEmpty(t, ShippedTerms())
}

func TestParseThesaurus_RefusesWhatItDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	got, err := parseThesaurus([]string{"[zorg]", "pillen = medicatie, pil ~ doos", "leeg ="})
	require.NoError(t, err)
	require.Equal(t, []Concept{
		{ID: "pillen", Label: "pillen", Domain: "zorg", Terms: []string{"pillen", "medicatie", "pil"}, Hints: []string{"doos"}},
		{ID: "leeg", Label: "leeg", Domain: "zorg", Terms: []string{"leeg"}},
	}, got)
	for _, bad := range []string{"[zorg", "zonder teken", "= naamloos"} {
		_, err := parseThesaurus([]string{bad})
		require.Error(t, err, bad)
	}
	_, err = NewVocabulary([]Concept{{ID: "a"}, {ID: "a"}}, false)
	require.ErrorContains(t, err, `"a"`)
}

func TestPhrases_NeedAllTheirWordsNearby(t *testing.T) {
	t.Parallel()
	v, err := NewVocabulary([]Concept{{ID: "rol", Label: "rolverdeling", Terms: []string{"wie beslist over planning", "rolverdeling"}}}, false)
	require.NoError(t, err)
	options := Options{Vocabularies: []*Vocabulary{v}}
	ix := index(t, options, Document{ID: key(1), Title: "Rolverdeling"}, Document{ID: key(2), Title: "Iets heel anders"})
	has := func(q string) bool {
		for _, h := range ix.Ask(Question{Title: q}).Top(2, nil) {
			for _, r := range h.Because {
				if r.Via == "rolverdeling" && h.ID == key(1) {
					return true
				}
			}
		}
		return false
	}
	require.True(t, has("Wie beslist er over onze planning?"))
	require.True(t, has("planningen waarover niemand beslist"), "in any order, and inflected")
	require.False(t, has("Wie beslist hier"))
	require.False(t, has("Wie beslist "+strings.Repeat("bakker ", 10)+" planning"), "too far apart")
}

const esco = "http://data.europa.eu/esco/skill/"

// ESCO's own columns, with made-up skills.
func escoFiles() fstest.MapFS {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	return fstest.MapFS{
		"skills_nl.csv": file("\ufeffconceptType,conceptUri,skillType,reuseLevel,preferredLabel,altLabels,hiddenLabels,status,modifiedDate,scopeNote,definition,inScheme,description\n" +
			"KnowledgeSkillCompetence," + esco + "vijver,skill,,vijvers snoekvrij maken,\"plassen ontsnoeken\nsnoekwering\",,released,,,,,Tekst\n" +
			"KnowledgeSkillCompetence," + esco + "oud,skill,,iets van vroeger,,,obsoleted,,,,,\n" +
			"KnowledgeSkillCompetence," + esco + "rivier,skill,,rivieren snoekvrij maken,,,released,,,,,\n"),
		"broaderRelationsSkillPillar_nl.csv": file("conceptType,conceptUri,conceptLabel,broaderType,broaderUri,broaderLabel\n" +
			"x," + esco + "vijver,,x," + esco + "groep,\nx," + esco + "rivier,,x," + esco + "groep,\n"),
		"skillsHierarchy_nl.csv": file("Level 0 URI,Level 0 preferred term,Level 1 URI,Level 1 preferred term,Level 2 URI,Level 2 preferred term,Level 3 URI,Level 3 preferred term\n" +
			esco + "top,vaardigheden,,,,,,\n" + esco + "top,vaardigheden," + esco + "groep,waterbeheer,,,,\n"),
		"occupations_nl.jsonl": file(`{"uri":"http://data.europa.eu/esco/occupation/x","preferred":"snoekenier","alts":["snoekwachter"],"isco":"6222"}` + "\n"),
		"README.md":            file("no file of ESCO"),
	}
}

func TestParseESCO_ReadsTheCommissionsFiles(t *testing.T) {
	t.Parallel()
	all, err := ParseESCO(escoFiles())
	require.NoError(t, err)
	by := map[string]Concept{}
	for _, c := range all {
		by[c.ID] = c
	}
	require.Equal(t, Concept{ID: esco + "vijver", Label: "vijvers snoekvrij maken", Terms: []string{"vijvers snoekvrij maken", "plassen ontsnoeken", "snoekwering"},
		Broader: []string{esco + "groep"}}, by[esco+"vijver"])
	require.Equal(t, []string{esco + "top"}, by[esco+"groep"].Broader)
	require.Equal(t, []string{"http://data.europa.eu/esco/isco/C6222"}, by["http://data.europa.eu/esco/occupation/x"].Broader)
	require.NotContains(t, by, esco+"oud", "only what is released")
	require.NotEmpty(t, Acknowledgement)

	_, err = ParseESCO(fstest.MapFS{"README.md": {}})
	require.ErrorContains(t, err, "skills_nl.csv")
	_, err = ParseESCO(fstest.MapFS{"skills_nl.csv": {Data: []byte("a,b\n1,2\n")}})
	require.ErrorContains(t, err, "conceptUri")
	_, err = ParseESCO(fstest.MapFS{"skills_nl.jsonl": {Data: []byte("{\n")}})
	require.ErrorContains(t, err, "line 1")
	_, err = ParseESCO(fstest.MapFS{"skills_nl.csv": {}})
	require.ErrorContains(t, err, "skills_nl.csv")
}

func TestTopics_OfESCOShareWithThoseAboveThem(t *testing.T) {
	t.Parallel()
	concepts, err := ParseESCO(escoFiles())
	require.NoError(t, err)
	v, err := NewVocabulary(concepts, true)
	require.NoError(t, err)
	ix := index(t, Options{Vocabularies: []*Vocabulary{v}},
		Document{ID: key(1), Title: "Eerste", Topics: []string{esco + "vijver"}},
		Document{ID: key(2), Title: "Tweede", Topics: []string{esco + "rivier"}},
		Document{ID: key(3), Title: "Derde", Topics: []string{"breien"}},
		Document{ID: key(4), Title: "Plassen ontsnoeken"})
	hits := ix.Ask(Question{Topics: []string{esco + "vijver"}}).Top(10, nil)
	points := map[ID]int{}
	for _, h := range hits {
		for _, r := range h.Because {
			if r.Kind == Topic {
				points[h.ID] += r.Points
			}
		}
	}
	require.Equal(t, key(1), hits[0].ID)
	require.Greater(t, points[key(1)], points[key(2)], "the topic itself is worth more than one beside it")
	require.Positive(t, points[key(2)], "one beside it shares what is above both")
	require.Zero(t, points[key(3)])
	require.True(t, hasKind(hits, key(4), Synonym), "the label of a topic finds those who say it in other words: %+v", hits)
}

func hasKind(hits []Hit, id ID, k Kind) bool {
	for _, h := range hits {
		for _, r := range h.Because {
			if h.ID == id && r.Kind == k {
				return true
			}
		}
	}
	return false
}
