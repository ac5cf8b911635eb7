package external

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIsNationalNumber(t *testing.T) {
	t.Parallel()
	require.True(t, IsNationalNumber("85.07.30-033.28"))
	require.True(t, IsNationalNumber("85073003328"))
	require.True(t, IsNationalNumber("17073003384"), "born in 2017")
	for _, no := range []string{"12345", "85073003329", "85133003361", "abcdefghijk", "850730033281", ""} {
		require.False(t, IsNationalNumber(no), no)
	}
}

func TestCheck_NamesTheMemberThatIsWrong(t *testing.T) {
	t.Parallel()
	require.NoError(t, Check("/external_ids", List{{"sdworx", "12345"}, {"acerta", "12345"}}))
	err := Check("/external_ids", List{{"SD Worx", "1"}, {"a", "85073003328"}, {"a", "2"}})
	require.ErrorContains(t, err, "/external_ids/0/system:bad_format")
	require.ErrorContains(t, err, "/external_ids/1/value:national_number")
	require.ErrorContains(t, err, "/external_ids/2/system:duplicate")
}

func TestMerge_KeepsOtherSystems(t *testing.T) {
	t.Parallel()
	require.Equal(t, List{{"a", "2"}, {"b", "9"}}, Merge(List{{"a", "1"}, {"b", "9"}}, List{{"a", "2"}}))
}

func TestUnder_RefusesWhatContradictsThePath(t *testing.T) {
	t.Parallel()
	ref := ID{"b", "1"}
	got, err := Under("/external_ids", ref, List{{"a", "1"}, {"b", "1"}}, List{{"a", "2"}, {"b", "1"}})
	require.NoError(t, err)
	require.Equal(t, List{{"a", "2"}, {"b", "1"}}, got)
	_, err = Under("/external_ids", ref, nil, List{{"a", "2"}, {"b", "2"}})
	require.ErrorContains(t, err, "/external_ids/1/value:not_a_choice")
	_, err = Under("/external_ids", ref, nil, List{{"b", "1"}, {"b", "1"}})
	require.ErrorContains(t, err, "/external_ids/1/system:duplicate")
}

func TestParse_SplitsAtTheFirstColon(t *testing.T) {
	t.Parallel()
	x, ok := Parse("sdworx:12:34")
	require.True(t, ok)
	require.Equal(t, ID{"sdworx", "12:34"}, x)
	_, ok = Parse("12345")
	require.False(t, ok)
}
