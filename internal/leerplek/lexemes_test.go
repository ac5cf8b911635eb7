package leerplek_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/leerplek"
	"github.com/switchingtalent/switchboard/internal/matching/relevance"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// lexemes are what stands with one leerplek, and where it stands in the order of changes.
type lexemes struct {
	Lexemes        string
	LexemesVersion int32
	Pos, Revision  int64
}

func TestLexemes_AreWrittenWithTheTextAndByNobodyElse(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	org := w.Organisation("Bouwbedrijf Zonneveld")
	coach := w.Medewerker(org, "Noor")
	hr := w.Employer(org) // a bound caller writes its own
	path := "/v1/leerplekken/" + hr.Post("/v1/leerplekken", map[string]any{"organisation_id": org.String(), "title": "Meerijden", "description": "Met een heftruckbestuurder",
		"topics": []string{}, "leercoach_ids": []string{coach.String()}}).Is(201).Str("id")
	kept := func() (l lexemes) {
		w.Do(func(tx *db.Tx) error {
			return db.One(tx, &l, `select cast(lexemes as text) as lexemes, lexemes_version, pos, revision from leerplekken where tenant_id = ? and organisation_id = ?`, tx.Scope.Tenant, org)
		})
		return l
	}
	read := func() {
		w.Do(func(tx *db.Tx) error {
			more, err := leerplek.Service{}.ReadTexts(tx)
			require.False(t, more)
			return err
		})
	}
	first := kept()
	require.Equal(t, relevance.LexemesVersion(), first.LexemesVersion)
	require.Contains(t, first.Lexemes, "'bestuurder'", "a part of a compound")

	hr.Patch(path, map[string]any{"capacity": 2}).Is(200)
	require.Equal(t, first.Lexemes, kept().Lexemes)
	for member, text := range map[string]any{"title": "Houtbewerking", "description": "Huizen bouwen", "function": "apotheker", "topics": []string{"poetsen"}} {
		before := kept().Lexemes
		hr.Patch(path, map[string]any{member: text}).Is(200)
		require.NotEqual(t, before, kept().Lexemes, member)
		require.Equal(t, relevance.LexemesVersion(), kept().LexemesVersion)
	}
	written := kept()
	require.Contains(t, written.Lexemes, "'huis'")
	require.NotContains(t, written.Lexemes, "heftruck")

	// Whoever writes past the verb leaves no lexemes of another text: PostgreSQL's own, until the text was read.
	w.Do(func(tx *db.Tx) error {
		_, err := tx.Run(`update leerplekken set description = 'Lassen' where tenant_id = ? and organisation_id = ?`, tx.Scope.Tenant, org)
		return err
	})
	past := kept()
	require.Zero(t, past.LexemesVersion)
	require.Contains(t, past.Lexemes, "'lass'")
	require.NotContains(t, past.Lexemes, "bouw")
	require.Greater(t, past.Pos, written.Pos, "who follows leerplekken sees that change")
	read()
	now := kept()
	require.Equal(t, relevance.LexemesVersion(), now.LexemesVersion)
	require.Contains(t, now.Lexemes, "'las'")
	require.Equal(t, [2]int64{past.Pos, past.Revision}, [2]int64{now.Pos, now.Revision}, "but to read it is no change")
	read()
	require.Equal(t, now, kept())

	for _, version := range []int32{relevance.LexemesVersion() - 1, relevance.LexemesVersion() + 1} { // an earlier and a later release
		w.Do(func(tx *db.Tx) error {
			_, err := tx.Run(`update leerplekken set lexemes = 'old', lexemes_version = ? where tenant_id = ? and organisation_id = ?`, version, tx.Scope.Tenant, org)
			return err
		})
		read()
		require.Equal(t, now, kept())
	}
}
