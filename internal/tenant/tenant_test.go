package tenant

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
)

func TestZone_OnlyPlacesOfTheIANADatabase(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Europe/Brussels", "America/Argentina/Buenos_Aires", "UTC", "Pacific/Auckland"} {
		z, ok := Zone(name)
		require.True(t, ok, name)
		require.Equal(t, name, z.String())
		again, _ := Zone(name)
		require.Same(t, z, again)
	}
	for _, name := range []string{"", "Local", "CET", "Europe/Atlantis", "europe/brussels", "Europe/Brussels ", "../../etc/passwd",
		"Europe/../Europe/Brussels", "posixrules", "right/Europe/Brussels", "+02:00", "Etc/GMT+2", "Europe/"} {
		_, ok := Zone(name)
		require.False(t, ok, name)
	}
}

func TestCheckSlug(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"a", "blenders", "vbjk-vcok", "time4society", "0"} {
		require.NoError(t, checkSlug(s), s)
	}
	for _, s := range []string{"", "-a", "a-", "a--b", "A", "a b", "é", "a_b", "a.b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"} {
		require.Error(t, checkSlug(s), s)
	}
}

func TestCheckParties_InTheirOrderAndBothEmployers(t *testing.T) {
	t.Parallel()
	e := fault.Unprocessable.New()
	require.Equal(t, db.Strings{"sending", "receiving", "leercoach"}, checkParties(e, []string{"leercoach", "receiving", "sending"}))
	require.Empty(t, e.Fields)
	for _, bad := range [][]string{{}, {"sending"}, {"receiving", "switcher"}, {"sending", "receiving", "sending"}} {
		e := fault.Unprocessable.New()
		checkParties(e, bad)
		require.NotEmpty(t, e.Fields, bad)
	}
}
