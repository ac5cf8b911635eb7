package relevance

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLexemes_AreStemsPartsAndConcepts(t *testing.T) {
	t.Parallel()
	got := Lexemes(
		Document{Title: "Heftruckbestuurder", Description: "Huizen en lassen. C++, 🙂 \x00 é'\\ klapstukkensnijmeester"},
		Document{Description: "kuisen"}, Document{Title: "poetsen"}, Document{})
	require.Len(t, got, 4)
	for _, l := range []string{"'heftruckbestuurder':1", "'heftruck'", "'bestuurder'", "'huis'", "'las'", "'c++'"} {
		require.Contains(t, got[0], l)
	}
	require.Contains(t, got[0], "'<", "what ends a word that is written as no compound is found from there")
	require.NotContains(t, got[0], "'en'", "nobody looks for it")
	require.NotContains(t, got[1], "poets")
	require.True(t, slices.ContainsFunc(strings.Fields(got[1]), func(l string) bool {
		return strings.HasPrefix(l, "'=") && strings.Contains(got[2], strings.TrimRight(l, ":1ABC"))
	}), "one thing, said in two ways: %s, %s", got[1], got[2])
	require.Empty(t, got[3])
	require.Equal(t, got[1:2], Lexemes(Document{Description: "kuisen"}), "whatever is read with it")
	require.LessOrEqual(t, len(Lexemes(Document{Description: strings.Repeat("woord woordje woorden ", 20_000)})[0]), 200)
}

// Leerplekken keep lexemes: what another version of the program made is made anew, and nobody must forget to say that it is another.
func TestLexemes_OfAnotherPipelineHaveAnotherVersion(t *testing.T) {
	t.Parallel()
	var all []Document
	for i, term := range ShippedTerms() {
		if i%50 > 0 {
			continue
		}
		all = append(all, Document{Title: term, Description: "Meelopen met " + term + " en collega's, klapstukkensnijmeesters inbegrepen"})
	}
	h := sha256.Sum256([]byte(strings.Join(Lexemes(all...), "\n")))
	require.Equal(t, "3d2a96acf13d0d0d 1: 4259b2c26e578a1c", fmt.Sprint(Version(), " ", pipeline, ": ", hex.EncodeToString(h[:8])),
		"where only the words that are shipped changed, note this; where the code did, raise pipeline first")
	require.Positive(t, LexemesVersion())
}

func TestTerms_AreTheSignsOfAQuestion(t *testing.T) {
	t.Parallel()
	terms := func(o Options, q Question) (out []string) {
		ts, err := Terms(o, q)
		require.NoError(t, err)
		for _, x := range ts {
			require.Positive(t, x.Weight)
			require.Positive(t, x.Share)
			require.Equal(t, strings.Count(x.Query, "|")+1, x.Ways)
			require.Equal(t, strings.Count(x.Older, "|")+1, x.OldWays)
			require.NotEmpty(t, x.Older)
			out = append(out, x.Query)
		}
		return out
	}
	got := terms(Options{Synonyms: [][]string{{"snoezelen", "prikkelruimte", "wit licht"}}},
		Question{Title: "Personeelsbeleid", Text: "Ik wil leren hoe collega's hier poetsen en snoezelen", Goals: []string{"kommunicatie"}, Topics: []string{"http://data.europa.eu/esco/skill/x"}})
	for _, l := range []string{"'personeelsbeleid'", "'personel'", "'beleid'", "'poets'", "'communicatie'", "'=7ob83v'"} {
		require.Contains(t, got, l)
	}
	require.Contains(t, Lexemes(Document{Title: "Kuisen"})[0], "'=7ob83v'", "the concept of both")
	require.NotContains(t, got, "'ler'", "the words with which people ask")
	synonyms := got[len(got)-1]
	for _, g := range got {
		if strings.Contains(g, "prikkelruimt") {
			synonyms = g
		}
	}
	require.Contains(t, synonyms, "'snoezel'")
	require.Contains(t, synonyms, " & ", "of a phrase all words")
	require.Contains(t, strings.Join(terms(Options{}, Question{Title: "beleid"}), " "), "'<dieleb':*", "what ends with it")

	require.Equal(t, "'ler'", terms(Options{}, Question{Title: "Leren", Text: "🙂"})[0], "there is no other")
	require.Empty(t, terms(Options{}, Question{}))
	require.LessOrEqual(t, len(terms(Options{}, Question{Text: strings.Join(ShippedTerms(), " ")})), maxStems+maxLikes+maxMeanings)
}
