package match_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/match"
	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
)

// First the content, then the place and the moments; then both employers are told (seed 001, 5.5).
func TestAMatchSaysWhetherItFitsAndWhoWasTold(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	m := s.draft()
	at := path(m)
	require.Nil(t, s.coordinate.Get(at).Is(200).At("content_fits"))
	yes := s.coordinate.Patch(at, `{"content_fits":true}`).Is(200)
	require.Equal(t, true, yes.At("content_fits"))
	require.Nil(t, yes.At("location_feasible"))
	s.coordinate.Post(at+"/inform", `{"party":"sending"}`).Problem(409, "match-draft")

	s.Do(func(tx *db.Tx) error {
		locked, err := matches.Lock(t.Context(), tx, m.ID)
		if err != nil {
			return err
		}
		_, err = matches.Propose(t.Context(), tx, locked)
		return err
	})
	s.coordinate.Patch(at, `{"location_feasible":true,"moments_feasible":false}`).Is(200)
	s.coordinate.Patch(at, `{"location_feasible":"ja"}`).Problem(422, "invalid", "/location_feasible")
	told := s.coordinate.Post(at+"/inform", `{"party":"receiving"}`).Is(200)
	require.NotNil(t, told.At("receiving_informed_at"))
	require.Nil(t, told.At("sending_informed_at"))
	again := s.coordinate.Post(at+"/inform", `{"party":"receiving"}`).Is(200)
	require.Equal(t, told.At("receiving_informed_at"), again.At("receiving_informed_at"))
	require.Equal(t, told.Num("revision"), again.Num("revision"), "the first time stands")
	require.NotNil(t, s.coordinate.Post(at+"/inform", `{"party":"sending"}`).Is(200).At("sending_informed_at"))
	s.coordinate.Post(at+"/inform", `{"party":"switcher"}`).Problem(422, "invalid", "/party")

	seen := s.Employer(s.new.ReceivingOrganisationID).Get(at).Is(200)
	for name, want := range map[string]any{"content_fits": true, "location_feasible": true, "moments_feasible": false} {
		require.Equal(t, want, seen.At(name), name)
	}
	s.Employer(s.new.SendingOrganisationID).Patch(at, `{"moments_feasible":true}`).Problem(403, "forbidden")
	s.Client(auth.Viewer, nil, nil).Post(at+"/inform", `{"party":"sending"}`).Problem(403, "forbidden")
	require.NoError(t, s.decline(s.coordinate, m.ID, match.Decision{Party: ptr(match.Sending)}))
	s.coordinate.Patch(at, `{"moments_feasible":true}`).Problem(409, "match-declined")
	s.coordinate.Post(at+"/inform", `{"party":"sending"}`).Problem(409, "match-declined")
}
