package mail_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/mail"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

func TestSender_HandsALetterToTheServer(t *testing.T) {
	t.Parallel()
	box := testkit.NewMailbox(t)
	s, err := mail.Open(box.URL)
	require.NoError(t, err)
	require.NoError(t, s.Send(t.Context(), mail.Letter{ID: "evt_1", To: "beheer@voorbeeld.example", Subject: "Één onderwerp", Text: "Regel één.\n.\nRegel drie."}))
	got := box.Letters()
	require.Len(t, got, 1)
	require.Equal(t, "switchboard@voorbeeld.example", got[0].From)
	require.Equal(t, "beheer@voorbeeld.example", got[0].To)
	require.Equal(t, "Één onderwerp", got[0].Subject)
	require.Equal(t, "Regel één.\r\n.\r\nRegel drie.", got[0].Text)
	require.Contains(t, got[0].ID, "evt_1@")
	require.Error(t, s.Send(t.Context(), mail.Letter{ID: "x", To: "a@b.example\r\nRCPT TO:<c@d.example>", Subject: "x", Text: "x"}))
	require.NoError(t, s.Send(t.Context(), mail.Letter{ID: "y", To: "a@b.example", Subject: "x\r\nBcc: c@d.example", Text: "x"}))
	require.Len(t, box.Letters(), 2)
	require.Equal(t, "a@b.example", box.Letters()[1].To, "to one address alone")
	box.Close()
	require.Error(t, s.Send(t.Context(), mail.Letter{ID: "z", To: "a@b.example", Subject: "x", Text: "x"}))
}

func TestOpen_RefusesWhatIsNoMailServer(t *testing.T) {
	t.Parallel()
	const from = "?from=a@b.example"
	for _, bad := range []string{"", "smtp://", "http://mail.example" + from, "mail.example:25", "smtp://mail.example", "smtp://mail.example?from=nobody",
		"smtp://mail.example:0" + from, "smtp://mail.example:70000" + from, "smtp://mail.example/path" + from, "smtp://u:CANARY@mail.example"} {
		_, err := mail.Open(bad)
		require.ErrorIs(t, err, mail.ErrAddress, bad)
		require.NotContains(t, err.Error(), "CANARY")
	}
	for _, good := range []string{"smtp://mail.example" + from, "smtps://u:p@mail.example" + from, "smtp://127.0.0.1:2525" + from, "smtps://[::1]:465" + from} {
		_, err := mail.Open(good)
		require.NoError(t, err, good)
	}
}
