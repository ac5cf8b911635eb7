package relevance

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestWords_AreFoldedAndSplit(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"Collega's wegwijs maken":      {"collega", "s", "wegwijs", "maken"},
		"Collega’s":                    {"collega", "s"},
		"COÖRDINATIE van Café-bezoek":  {"coordinatie", "van", "cafe", "bezoek"},
		"coo\u0308rdinatie":            {"coordinatie"},
		"e-mail, t-shirt en hr-dienst": {"email", "tshirt", "en", "hr", "dienst"},
		"C++ en C#":                    {"c++", "en", "c#"},
		"zorg\u00adverlener":           {"zorgverlener"},
		"Œuvre, straße, smørrebrød":    {"oeuvre", "strasse", "smorrebrod"},
		"👩‍🏫":                          nil,
		"a\x00b\xffc":                  {"a", "b", "c"},
		"２０２７":                         {"2027"},
		"":                             nil,
	} {
		require.Equal(t, want, wordsOf(text), "%q", text)
	}
	require.Equal(t, []string{strings.Repeat("x", maxWord)}, wordsOf(strings.Repeat("x", 10_000)), "no word is longer than a word")
}

func TestStem_TakesEndingsOff(t *testing.T) {
	t.Parallel()
	for _, same := range [][]string{{"behandelen", "behandeling", "behandelingen"}, {"klacht", "klachten"}, {"lassen", "las"}, {"huis", "huizen"}} {
		for _, w := range same[1:] {
			require.Equal(t, stem(same[0]), stem(w), w)
		}
	}
	require.Equal(t, "", stem(""))
}

func TestRoot_ConnectsThoseWhoDoAThingWithWhatTheyDo(t *testing.T) {
	t.Parallel()
	for who, what := range map[string]string{
		"lasser": "lassen", "verpleegster": "verplegen", "verpleger": "verplegen", "onderzoekster": "onderzoek", "handelaar": "handel",
		"technica": "techniek", "technicus": "techniek", "microbioloog": "microbiologie", "fotografe": "fotografie",
	} {
		require.Equal(t, stem(what), root(who), who)
	}
	require.Equal(t, root("directeur"), root("directrice"))
	for _, not := range []string{"water", "kamer", "beleid", ""} {
		require.Empty(t, root(not), not)
	}
}

func TestSound_IsAlikeForWhatIsHeardAlike(t *testing.T) {
	t.Parallel()
	for _, alike := range [][2]string{
		{"leiding", "lijding"}, {"kauwen", "kouwen"}, {"kwaliteit", "qualiteit"}, {"cliënt", "klient"}, {"lachen", "laggen"}, {"wordt", "wort"},
		{"communicatie", "komunikatie"}, {"factuur", "faktuur"}, {"bureau", "buro"}, {"fiets", "viets"}, {"zomer", "somer"}, {"hond", "hont"},
	} {
		a, b := wordsOf(alike[0])[0], wordsOf(alike[1])[0]
		require.Equal(t, sound(a), sound(b), "%v", alike)
	}
	require.NotEqual(t, sound("lassen"), sound("wassen"))
}

func TestGrams_CountTheEndsOfAWord(t *testing.T) {
	t.Parallel()
	var got []string
	grams("lassen", func(g string) { got = append(got, g) })
	require.Equal(t, []string{"^las", "lass", "asse", "ssen", "sen$"}, got)
	got = nil
	grams("hr", func(g string) { got = append(got, g) })
	require.Equal(t, []string{"^hr$"}, got)
}

func TestSplit_FindsThePartsOfCompounds(t *testing.T) {
	t.Parallel()
	s := newSplitter(nil)
	for _, w := range []string{"personeel", "beleid", "klacht", "klachten", "behandeling", "medicatie", "schema", "werk", "plek", "leren", "zieken", "huis", "logistiek", "onderhoud", "voor", "waarde"} {
		s.add(w, 5)
	}
	for word, want := range map[string][]string{
		"personeelsbeleid":      {"personeel", "beleid"},
		"klachtenbehandeling":   {"klachten", "behandeling"},
		"klachtenbehandelingen": {"klachten", "behandelingen"},
		"medicatieschema":       {"medicatie", "schema"},
		"werkplekleren":         {"werk", "plek", "leren"},
		"ziekenhuislogistiek":   {"zieken", "huis", "logistiek"},
		"onderhoud":             nil, // a word by itself
		"voorwaarde":            nil, // voor is no part
		"xyzbeleid":             nil, // all of it must be words
		"werk":                  nil,
		"":                      nil,
	} {
		require.Equal(t, want, s.split(word), word)
	}
	require.Nil(t, s.split(strings.Repeat("ab", 24)))
}

func TestStrip_LeavesTheSubjectOfAQuestion(t *testing.T) {
	t.Parallel()
	for question, want := range map[string]string{
		"Ik wil graag leren hoe collega's in een andere organisatie omgaan met agressie": "agressie",
		"Ik heb nood aan inspiratie rond onthaal in mijn nieuwe functie.":                "onthaal",
		"Tegen volgende maand wil ik beter worden in plannen":                            "wil ik plannen",
		"Binnen drie maanden een rooster":                                                "een rooster",
		"Onthaal":                                                                        "onthaal",
	} {
		require.Equal(t, want, strings.Join(strip(wordsOf(question)), " "), question)
	}
	require.Empty(t, strip(nil))
}

func FuzzWords(f *testing.F) {
	for _, s := range []string{"", "Collega's", "é\u0301", "a\x00\xff", "👩‍🏫 x-ray C++", "\u202e<b>", strings.Repeat("é", 100)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, w := range wordsOf(text) {
			require.NotEmpty(t, w)
			require.True(t, utf8.ValidString(w))
			require.LessOrEqual(t, len(w), maxWord+2)
			require.Equal(t, []string{w}, wordsOf(w), "a word is one word")
			require.NotEmpty(t, sound(w)+"x")
			stem(w)
			root(w)
			grams(w, func(g string) { require.NotEmpty(t, g) })
		}
	})
}
