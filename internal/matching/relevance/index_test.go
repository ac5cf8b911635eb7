package relevance

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func key(n int) (out ID) {
	binary.BigEndian.PutUint64(out[8:], uint64(n))
	return out
}

// The places of a made-up network: each about one thing.
var places = []Document{
	{ID: key(1), Title: "Klachtenbehandeling aan de balie", Description: "Je ziet hoe we boze klanten kalm krijgen en hun klacht opvolgen.", Function: "onthaalmedewerker", Sector: "retail"},
	{ID: key(2), Title: "Lassen in het atelier", Description: "Je last mee aan trappen en leuningen, met TIG en MIG.", Function: "lasser", Sector: "metaal"},
	{ID: key(3), Title: "Medicatie klaarzetten op de afdeling", Description: "We tonen ons medicatieschema en de dubbele controle.", Function: "verpleegkundige", Sector: "zorg"},
	{ID: key(4), Title: "Ritten plannen", Description: "De dispatcher verdeelt de ritten over de vrachtwagens.", Function: "planner transport", Sector: "logistiek"},
	{ID: key(5), Title: "Moestuin met kinderen", Description: "We zaaien, wieden en oogsten met een klas.", Topics: []string{"tuinieren", "kinderen"}, Sector: "onderwijs"},
}

func index(t *testing.T, options Options, ds ...Document) *Index {
	t.Helper()
	ix, err := Build(options, slices.Values(ds))
	require.NoError(t, err)
	return ix
}

func best(t *testing.T, ix *Index, question string) Hit {
	t.Helper()
	hits := ix.Ask(Question{Title: question}).Top(1, nil)
	require.NotEmpty(t, hits, question)
	return hits[0]
}

func TestTop_FindsWhatIsSaidInOtherWords(t *testing.T) {
	t.Parallel()
	ix := index(t, Options{}, places...)
	for question, want := range map[string]struct {
		place int
		kind  Kind
	}{
		"klachten behandelen":                   {1, Part},
		"lassen":                                {2, Word},
		"een schema voor medicatie":             {3, Part},
		"lasser worden":                         {2, Word},
		"medikatie klaarzetten":                 {3, Word}, // misspelled
		"klagtenbehandeling":                    {1, Word},
		"planning van camions":                  {4, Synonym},
		"hoe zet ge pillen klaar zonder fouten": {3, Synonym},
	} {
		h := best(t, ix, question)
		require.Equal(t, key(want.place), h.ID, "%s: %+v", question, h)
		require.True(t, slices.ContainsFunc(h.Because, func(r Reason) bool { return r.Kind == want.kind }), "%s: %+v", question, h.Because)
	}
}

func TestHit_SaysWhy(t *testing.T) {
	t.Parallel()
	h := best(t, index(t, Options{}, places...), "Medikatie verdelen")
	require.Positive(t, h.Score)
	require.LessOrEqual(t, h.Score, 10000)
	sum := 0
	for i, r := range h.Because {
		require.Positive(t, r.Points+1)
		require.NotEmpty(t, r.Term)
		if i > 0 {
			require.LessOrEqual(t, r.Points, h.Because[i-1].Points, "the heaviest first")
		}
		sum += r.Points
	}
	require.LessOrEqual(t, sum, h.Score, "reasons are shares of the score")
	require.Greater(t, sum, h.Score*8/10)
	first := h.Because[slices.IndexFunc(h.Because, func(r Reason) bool { return r.Kind == Word })]
	require.Equal(t, Reason{Word, "medikatie", "medicatie", "medicatie", first.Points}, first, "it says for which word it took a misspelled one")
}

func TestTop_OrdersAndFilters(t *testing.T) {
	t.Parallel()
	ix := index(t, Options{}, places...)
	a := ix.Ask(Question{Title: "Plannen", Text: "De ritten van de dispatcher, en lassen met kinderen."})
	all := a.Top(10, nil)
	require.True(t, slices.IsSortedFunc(all, func(p, q Hit) int { return q.Score - p.Score }))
	require.Equal(t, all[:2], a.Top(2, nil))
	require.Empty(t, a.Top(0, nil))
	require.Empty(t, a.Top(5, func(ID) bool { return false }))
	without := a.Top(10, func(id ID) bool { return id != all[0].ID })
	require.Equal(t, all[1:], without, "who is left keeps score and order")
	scores := map[ID]int{}
	a.All(func(_ int, id ID, gain Gain) { scores[id] = gain.Score() })
	require.Len(t, scores, len(all))
	for _, h := range all {
		require.Equal(t, h.Score, scores[h.ID])
		one, ok := a.Score(h.ID)
		require.True(t, ok)
		require.Equal(t, h, one, "one by one as together")
	}
	_, ok := a.Score(key(99))
	require.False(t, ok)
}

func TestBuild_IsTheSameInAnyOrderAndEveryTime(t *testing.T) {
	t.Parallel()
	shuffled := slices.Clone(places)
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	q := Question{Title: "Klagten en medikatie", Text: "Ritten plannen, lassen, tuinieren met kinderen en boze klanten kalmeren", Topics: []string{"onthaal"}}
	want := index(t, Options{}, places...).Ask(q).Top(10, nil)
	for range 20 {
		require.Equal(t, want, index(t, Options{}, shuffled...).Ask(q).Top(10, nil))
	}
}

// What is added up from postings, impact by impact, is what reading every document gives.
func TestTotal_IsWhatReadingEveryDocumentGives(t *testing.T) {
	t.Parallel()
	made := func(yield func(Document) bool) {
		r := rand.New(rand.NewPCG(5, 5))
		terms := ShippedTerms()
		text := func(n int) string {
			var b strings.Builder
			for range n {
				b.WriteString(terms[r.IntN(60)*r.IntN(60)%len(terms)] + " ")
			}
			return b.String()
		}
		for i := range 700 {
			if !yield(Document{ID: ID{byte(i >> 8), byte(i)}, Title: text(3), Description: text(5 + r.IntN(40)), Function: text(1)}) {
				return
			}
		}
	}
	ix, err := Build(Options{}, made)
	require.NoError(t, err)
	for d := range made {
		if d.ID[1]%40 != 0 {
			continue
		}
		a := ix.Ask(Question{Title: d.Title, Text: d.Description})
		read := map[ID]Hit{}
		for other := range made {
			h, ok := a.Score(other.ID)
			require.True(t, ok)
			read[other.ID] = h
		}
		seen := 0
		a.All(func(_ int, id ID, g Gain) {
			seen++
			require.Equal(t, read[id].Score, g.Score())
			require.Equal(t, read[id].Confident, g.Confident())
		})
		for _, h := range read {
			if len(h.Because) > 0 {
				seen--
			}
		}
		require.Zero(t, seen, "no document was left out")
	}
}

func TestUpsert_ChangesNoOtherScore(t *testing.T) {
	t.Parallel()
	ix := index(t, Options{}, places...)
	q := Question{Title: "Klachten en medicatie", Text: "Ritten plannen, lassen of frobniceren met kinderen."}
	before := ix.Ask(q).Top(10, nil)
	asked := ix.Ask(q)
	for i := range 50 {
		ix.Upsert(Document{ID: key(100 + i), Title: "Klachten, medicatie, ritten plannen en lassen", Description: "frobniceren"})
	}
	require.Equal(t, 55, ix.Len())
	after := ix.Ask(q).Top(100, nil)
	require.Len(t, after, len(before)+50)
	old := slices.DeleteFunc(slices.Clone(after), func(h Hit) bool { return number(h.ID) >= 100 })
	require.Equal(t, before, old)
	require.Equal(t, before, asked.Top(10, nil), "a question that was asked before sees what was there before")
	for _, h := range after {
		require.LessOrEqual(t, h.Score, 10000)
	}
}

func number(id ID) int { return int(binary.BigEndian.Uint64(id[8:])) }

// Many documents at once are what they are one by one, whatever happens to the index between reading them and putting them in.
func TestPrepare_OfManyIsWhatUpsertOfEachIs(t *testing.T) {
	t.Parallel()
	for _, meanwhile := range []func(ix *Index){func(*Index) {}, (*Index).Fold, func(ix *Index) { ix.Remove(key(1)) }} {
		one, all := index(t, Options{}, places...), index(t, Options{}, places...)
		one.Upsert(Document{ID: key(40), Title: "Brood bakken"})
		all.Upsert(Document{ID: key(40), Title: "Brood bakken"})
		several := []Document{{ID: key(40), Title: "Taart bakken"}, {ID: places[0].ID, Title: "Kwartels houden"}, {ID: key(41), Title: "Lassen"}, {ID: key(41), Title: "Zeefdrukken"}}
		p := all.Prepare(several)
		require.Equal(t, one.Len(), all.Len(), "nothing is in yet")
		meanwhile(one)
		meanwhile(all)
		p.Put()
		for _, d := range several {
			one.Upsert(d)
		}
		require.Equal(t, one.Len(), all.Len())
		for _, q := range []string{"taart", "brood", "kwartels", "lassen", "zeefdrukken", "medicatie klaarzetten"} {
			require.Equal(t, one.Ask(Question{Title: q}).Top(10, nil), all.Ask(Question{Title: q}).Top(10, nil), q)
		}
		one.Fold()
		all.Fold()
		require.Equal(t, one.Ask(Question{Title: "zeefdrukken"}).Top(10, nil), all.Ask(Question{Title: "zeefdrukken"}).Top(10, nil))
	}
}

func TestUpsertAndRemove_TakePlaceAtOnce(t *testing.T) {
	t.Parallel()
	ix := index(t, Options{}, places...)
	require.Equal(t, key(2), best(t, ix, "lassen").ID)
	ix.Upsert(Document{ID: key(2), Title: "Brood bakken"})
	require.Equal(t, key(2), best(t, ix, "brood bakken").ID)
	require.Equal(t, 5, ix.Len())
	for _, h := range ix.Ask(Question{Title: "lassen"}).Top(10, nil) {
		require.NotEqual(t, key(2), h.ID)
	}
	ix.Upsert(Document{ID: key(2), Title: "Taart bakken"})
	require.Equal(t, 5, ix.Len())
	require.Equal(t, key(2), best(t, ix, "taart").ID)
	ix.Remove(key(2))
	ix.Remove(key(2))
	ix.Remove(key(77))
	require.Equal(t, 4, ix.Len())
	require.Empty(t, slices.DeleteFunc(ix.Ask(Question{Title: "taart bakken"}).Top(10, nil), func(h Hit) bool { return h.ID != key(2) }))
	_, ok := ix.Ask(Question{Title: "taart"}).Score(key(2))
	require.False(t, ok)
}

func TestFold_IsWhatBuildingAnewGives(t *testing.T) {
	t.Parallel()
	ix := index(t, Options{Synonyms: [][]string{{"kuisen", "sproeten"}}}, places[:3]...)
	ix.Upsert(places[3])
	ix.Upsert(Document{ID: places[0].ID, Title: "iets anders"})
	ix.Upsert(places[4])
	ix.Upsert(places[0])
	ix.Remove(places[1].ID)
	ix.Fold()
	require.False(t, ix.Stale())
	anew := index(t, Options{Synonyms: [][]string{{"kuisen", "sproeten"}}}, places[0], places[2], places[3], places[4])
	for _, q := range []string{"klachten behandelen", "lassen", "medicatie", "ritten", "tuin met kinderen", "sproeten"} {
		require.Equal(t, anew.Ask(Question{Title: q}).Top(10, nil), ix.Ask(Question{Title: q}).Top(10, nil), q)
	}
	require.Equal(t, anew.Len(), ix.Len())
	require.NotContains(t, string(ix.state.Load().lexicon.words.text), "leuningen", "what is gone is forgotten")
}

func TestStale_AfterManyChanges(t *testing.T) {
	t.Parallel()
	ix := index(t, Options{}, places...)
	for i := range 1001 {
		require.False(t, ix.Stale())
		ix.Upsert(Document{ID: key(10 + i), Title: "x"})
	}
	require.True(t, ix.Stale())
}

func TestIndex_IsReadWhileItChanges(t *testing.T) {
	t.Parallel()
	ix := index(t, Options{}, places...)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 100 {
				if w == 0 {
					ix.Upsert(Document{ID: key(2), Title: fmt.Sprintf("Lassen nummer%d", i)})
					if i%40 == 39 {
						ix.Fold()
					}
					continue
				}
				a := ix.Ask(Question{Title: "lassen en ritten plannen"})
				hits := a.Top(3, nil)
				if len(hits) < 2 {
					t.Errorf("there are always two: %v", hits)
				}
				a.Score(key(2))
				ix.Bytes()
				ix.Learn([]Decision{{Question{Title: "lassen"}, key(2), true}})
			}
		})
	}
	wg.Wait()
	require.Equal(t, key(2), best(t, ix, "lassen nummer99").ID)
}

// The index of one tenant never tells another's words: nothing is kept outside of it.
func TestIndex_KnowsNoWordsOfAnother(t *testing.T) {
	t.Parallel()
	const secret = "zwartevlinderproject"
	theirs := index(t, Options{Synonyms: [][]string{{"geheim", secret}}}, Document{ID: key(1), Title: "Het " + secret, Topics: []string{secret}})
	theirs.Upsert(Document{ID: key(2), Title: "Nog een " + secret + "je"})
	theirs.Learn([]Decision{{Question{Title: secret}, key(1), true}, {Question{Title: secret}, key(1), true}, {Question{Title: secret}, key(1), true}})
	ours := index(t, Options{}, places...)
	for _, q := range []string{secret, "zwartevlinder", "zwarte vlinders project", "geheim", "lassen"} {
		for _, h := range ours.Ask(Question{Title: q, Text: q}).Top(10, nil) {
			for _, r := range h.Because {
				require.NotContains(t, r.Found+r.Via, secret)
			}
		}
	}
	x := ours.state.Load().lexicon
	require.NotContains(t, string(x.words.text)+string(x.features.text), "vlinder")
	for _, v := range x.vocabularies {
		require.NotContains(t, v.words, secret)
	}
}

func TestSynonyms_OfATenantCount(t *testing.T) {
	t.Parallel()
	q := "wrikken aan de zwengelpomp"
	without := index(t, Options{}, places...).Ask(Question{Title: q}).Top(1, nil)
	ix := index(t, Options{Synonyms: [][]string{{"lassen", "wrikken aan de zwengelpomp"}}}, places...)
	h := best(t, ix, q)
	require.Equal(t, key(2), h.ID)
	require.True(t, len(without) == 0 || without[0].Score < h.Score)
	require.Equal(t, Synonym, h.Because[0].Kind)
	_, err := Build(Options{Synonyms: [][]string{{"a", "b"}, {"a", "b"}, nil}}, slices.Values(places))
	require.NoError(t, err, "said twice is said once")
}

func TestConfident_NothingForWhatNoPlaceIsAbout(t *testing.T) {
	t.Parallel()
	ix := index(t, Options{}, places...)
	require.True(t, best(t, ix, "Klachten van klanten behandelen").Confident)
	for _, q := range []string{"Deltavliegen boven de Noordzee", "Viool leren spelen", "🎻"} {
		for _, h := range ix.Ask(Question{Title: q, Text: "Ik wil dat tegen volgende maand beter kunnen."}).Top(5, nil) {
			require.False(t, h.Confident, "%s: %+v", q, h)
		}
	}
}

func TestAsk_AnythingAtAll(t *testing.T) {
	t.Parallel()
	ix := index(t, Options{}, places...)
	long := strings.Repeat("lassen plannen zorg klachten metaal ritten xyzzy ", 1000)
	for name, q := range map[string]Question{
		"nothing": {}, "one word": {Title: "lassen"}, "an emoji": {Title: "👩‍🏭"}, "seven thousand words": {Title: "x", Text: long},
		"NUL": {Title: "a\x00b"}, "no UTF-8": {Title: "\xff\xfe\xc3"}, "one letter": {Title: "x"}, "only stop words": {Title: "de het een"},
		"one long word": {Title: strings.Repeat("lassen", 10_000)}, "numbers": {Title: "2027 100 3"}, "another script": {Title: "сварка 溶接"},
		"many topics": {Topics: slices.Repeat([]string{"lassen"}, 1000)}, "an unknown URI": {Topics: []string{"http://example.org/x"}},
	} {
		a := ix.Ask(q)
		require.LessOrEqual(t, len(a.signs), 400, name)
		for _, h := range a.Top(10, nil) {
			require.GreaterOrEqual(t, h.Score, 0, name)
			require.LessOrEqual(t, h.Score, 10000, name)
		}
	}
	require.Equal(t, key(2), best(t, ix, strings.Repeat("lassen ", 5000)).ID)
}

func TestBuild_AnythingAtAll(t *testing.T) {
	t.Parallel()
	empty := index(t, Options{})
	require.Empty(t, empty.Ask(Question{Title: "lassen"}).Top(5, nil))
	require.Zero(t, empty.Len())
	empty.Upsert(places[1])
	require.Equal(t, places[1].ID, best(t, empty, "lassen").ID, "an index that was built of nothing fills up")
	ix := index(t, Options{}, Document{ID: key(1)}, Document{ID: key(2), Title: "\x00\xff👩", Topics: []string{"", "http://x"}},
		Document{ID: key(3), Description: strings.Repeat("heel lang verhaal over lassen ", 20_000)}, Document{ID: key(3), Title: "De laatste telt"})
	require.Equal(t, 3, ix.Len())
	require.Equal(t, key(3), best(t, ix, "laatste").ID)
}

func TestBuild_TenThousandIdenticalTexts(t *testing.T) {
	t.Parallel()
	ix, err := Build(Options{}, func(yield func(Document) bool) {
		for i := range 10_000 {
			if d := places[1]; !yield(Document{ID: key(i), Title: d.Title, Description: d.Description}) {
				return
			}
		}
	})
	require.NoError(t, err)
	hits := ix.Ask(Question{Title: "Lassen in een atelier", Text: strings.Repeat("lassen ", 100)}).Top(100, nil)
	require.Len(t, hits, 100)
	for i, h := range hits {
		require.Equal(t, key(i), h.ID, "equals stand in the order of their IDs")
		require.Equal(t, hits[0].Score, h.Score)
	}
	require.Less(t, ix.Bytes(), 4<<20)
}

func TestLearn_TakesThreeThatAgree(t *testing.T) {
	t.Parallel()
	var ds []Document
	for i := range 6 {
		ds = append(ds, Document{ID: key(10 + i), Title: "Kweekvijver met steuren", Description: "Steuren voederen"})
	}
	ds = append(ds, places...)
	ix := index(t, Options{}, ds...)
	q := Question{Title: "Pliepkroegen"} // nobody else calls it so
	find := func() (Hit, bool) {
		for _, h := range ix.Ask(q).Top(20, nil) {
			if h.ID == key(15) {
				return h, true
			}
		}
		return Hit{}, false
	}
	others := make([]Decision, 0, 10)
	for i := range 10 {
		others = append(others, Decision{Question{Title: places[i%5].Title}, places[i%5].ID, true})
	}
	yes := func(i int) Decision { return Decision{q, key(10 + i), true} }
	ix.Learn(append(slices.Clone(others), yes(0), yes(1)))
	_, ok := find()
	require.False(t, ok, "two teach nothing")
	ix.Learn(append(slices.Clone(others), yes(0), yes(1), yes(2)))
	h, ok := find()
	require.True(t, ok, "three teach that it goes with such places, this one too")
	require.Equal(t, Learned, h.Because[0].Kind)
	require.Less(t, h.Score, outOf(scale/10)+100, "and it is never more than a tenth of a gain")
	again := ix.Ask(q).Top(20, nil)
	ix.Learn(append(slices.Clone(others), yes(0), yes(1), yes(2)))
	require.Equal(t, again, ix.Ask(q).Top(20, nil), "the same decisions teach the same")
	ix.Fold()
	require.Equal(t, h, func() Hit { h, _ := find(); return h }(), "folding forgets nothing that was learned")
	ix.Learn(append(slices.Clone(others), yes(0), yes(1), yes(2), Decision{q, key(13), false}))
	_, ok = find()
	require.False(t, ok, "a dismissal takes away")
	ix.Learn([]Decision{{q, key(99), true}, {Question{}, key(10), true}, {Question{}, key(10), false}})
	_, ok = find()
	require.False(t, ok)
}

// A network of one trade has the trade's words in every place; they are what its people ask about.
func TestIndex_AnswersWhereAllPlacesSayTheSame(t *testing.T) {
	t.Parallel()
	var same []Document
	for n := range 1000 {
		same = append(same, Document{ID: key(n), Title: "Lassen in het atelier", Description: "Je last mee aan trappen en leuningen.", Function: "lasser"})
	}
	hit := best(t, index(t, Options{}, same...), "Leren lassen in een atelier")
	require.True(t, hit.Confident)
	require.Greater(t, hit.Score, 1000)
}
