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

func TestSettling_PatientTriesWaitForTheirKindAndForNobodyElse(t *testing.T) {
	t.Parallel()
	tenant := id.NewTenant()
	for _, c := range []struct {
		what            string
		want            int
		patient, others bool // who gathers, and who comes
		come            int
		ready           bool
	}{
		{"too few of their kind", 3, true, true, 2, false},
		{"enough of their kind", 3, true, true, 3, true},
		{"one that is not patient", 3, true, false, 1, true},
		{"those that are not patient wait for as many", 3, false, true, 2, false},
		{"and more than enough are told once", 2, false, false, 4, true},
	} {
		g := &gathering{c.want, c.patient, make(chan struct{})}
		s := settling{waiting: map[id.TenantID][]*tried{}, gathering: map[id.TenantID]*gathering{tenant: g}}
		for range c.come {
			s.add(tenant, &tried{patient: c.others})
		}
		require.Equal(t, c.others, patient(s.waiting[tenant]), c.what)
		var ready bool
		select {
		case <-g.ready:
			ready = true
		default:
		}
		require.Equal(t, c.ready, ready, c.what)
	}
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
