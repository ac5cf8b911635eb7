package organisation

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSimilarity_OfNames(t *testing.T) {
	t.Parallel()
	like := func(a, b string) int { return similarity(pairs(a), pairs(b)) }
	for _, same := range [][2]string{{"De Linde vzw", "DE LINDE V.Z.W."}, {"Société Générale SA", "Societe Generale"}, {"Bouwwerken - Labeur", "labeur bouwwerken nv"}} {
		require.Equal(t, 100, like(same[0], same[1]), "%s", same)
		require.Equal(t, like(same[0], same[1]), like(same[1], same[0]))
	}
	require.GreaterOrEqual(t, like("Woonzorgcentrum De Linde", "Woonzorgcentrum De Linden"), alike)
	require.GreaterOrEqual(t, like("Kinderdagverblijf Wolkewietje", "Wolkewietje kinderdagverblijf vzw"), alike)
	require.Less(t, like("Woonzorgcentrum De Linde", "Woonzorgcentrum Sint-Jozef"), alike)
	require.Less(t, like("Labeur", "Natuurwerk"), alike)
	require.Zero(t, like("NV", "BV"), "two legal forms are no name")
	require.Zero(t, like("", "De Linde"))
}
