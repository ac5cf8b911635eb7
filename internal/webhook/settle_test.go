package webhook

import (
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

func TestSettling_IsSplitByTheEndpointsThatItLocks(t *testing.T) {
	t.Parallel()
	a, b := id.NewEndpoint(), id.NewEndpoint()
	at := func(e id.EndpointID, outcome string) *tried {
		return &tried{t: ticket{Endpoint: e}, p: &parcel{EndpointStatus: Active}, r: result{outcome: outcome}}
	}
	free, one, two, three := at(a, outcomeDelivered), at(a, "timeout"), at(b, "timeout"), at(a, "timeout")
	require.Equal(t, [][]*tried{{free}, {one, three}, {two}}, byEndpoint([]*tried{one, free, two, three}))
	require.Len(t, byEndpoint([]*tried{one, three}), 1)
	require.True(t, isLocked(fault.Busy.Because(&pgconn.PgError{Code: "55P03"})))
	require.False(t, isLocked(fault.Busy.Because(&pgconn.PgError{Code: "57014"})))
}

func TestTold_IsNoMoreThanCanBeStoredAndShown(t *testing.T) {
	t.Parallel()
	h := http.Header{"Set-Cookie": {"session"}, "Content-Type": {" \r\n "}, "Location": {"/a\x00b\nx: y"}}
	require.Equal(t, "location: /a b x: y\n", told(h))
	for _, name := range toldHeaders {
		h.Set(name, strings.Repeat("\u00e9", 5000))
	}
	require.LessOrEqual(t, len([]rune(told(h))), 4200, "as the table allows")
}
