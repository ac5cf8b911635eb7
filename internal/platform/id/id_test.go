package id

import (
	"encoding/json"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// The vectors are those of the TypeID specification.
func TestParse_Vectors(t *testing.T) {
	t.Parallel()
	for text, bare := range map[string]string{
		"org_00000000000000000000000000": "00000000-0000-0000-0000-000000000000",
		"org_00000000000000000000000001": "00000000-0000-0000-0000-000000000001",
		"org_0000000000000000000000000g": "00000000-0000-0000-0000-000000000010",
		"org_7zzzzzzzzzzzzzzzzzzzzzzzzz": "ffffffff-ffff-ffff-ffff-ffffffffffff",
		"org_0123456789abcdefghjkmnpqrs": "0110c853-1d09-52d8-d73e-1194e95b5f19",
		"org_01h455vb4pex5vsknk084sn02q": "01890a5d-ac96-774b-bcce-b302099a8057",
	} {
		got, err := Parse[organisationKind](text)
		require.NoError(t, err, text)
		require.Equal(t, bare, got.UUID().String())
		require.Equal(t, text, OrganisationID(uuid.MustParse(bare)).String())
	}
}

func TestParse_RefusesWhatIsNoID(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"", "org", "org_", "01h455vb4pex5vsknk084sn02q", "mdw_01h455vb4pex5vsknk084sn02q", "ORG_01h455vb4pex5vsknk084sn02q",
		"org_8zzzzzzzzzzzzzzzzzzzzzzzzz", "org_01H455VB4PEX5VSKNK084SN02Q", "org_01h455vb4pex5vsknk084sn02", "org_01h455vb4pex5vsknk084sn02qq",
		"org_01h455vb4pex5vsknk084sn02u", "org_01h455vb4pex5vsknk084sn02\x00", "org__1h455vb4pex5vsknk084sn02q", " org_01h455vb4pex5vsknk084sn02q",
	} {
		_, err := Parse[organisationKind](s)
		require.ErrorIs(t, err, ErrMalformed, "%q", s)
	}
}

func TestID_RoundTrips(t *testing.T) {
	t.Parallel()
	a := New[leervraagKind]()
	b, err := json.Marshal(struct{ ID LeervraagID }{a})
	require.NoError(t, err)
	var back struct{ ID LeervraagID }
	require.NoError(t, json.Unmarshal(b, &back))
	require.Equal(t, a, back.ID)
	v, err := a.Value()
	require.NoError(t, err)
	var scanned LeervraagID
	require.NoError(t, scanned.Scan(v))
	require.Equal(t, a, scanned)
	require.Error(t, scanned.Scan(nil))
	require.False(t, a.IsZero())
	require.True(t, LeervraagID{}.IsZero())
}
