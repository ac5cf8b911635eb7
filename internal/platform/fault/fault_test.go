package fault

import (
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestError_KeepsTheCauseForTheLog(t *testing.T) {
	t.Parallel()
	err := error(Busy.Because(io.ErrUnexpectedEOF))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.True(t, Busy.Is(err))
	require.False(t, Oops.Is(err))
	require.NotContains(t, Busy.Text.In("en", nil), "EOF")
}

func TestError_NamesEachMember(t *testing.T) {
	t.Parallel()
	err := At("/goals/0", TooLong, "max", "200").At("/title", Required)
	require.Len(t, err.Fields, 2)
	require.Equal(t, "takes at most 200", TooLong.Text.In("en", err.Fields[0].Params))
	require.Equal(t, "mag er hoogstens 200 hebben", TooLong.Text.In("nl", err.Fields[0].Params))
	require.Contains(t, err.Error(), "/goals/0:too_long")
}

func TestDefine_RefusesASecondMeaning(t *testing.T) {
	t.Parallel()
	require.Panics(t, func() { Define(Invalid, "not-found", Text{"a", "b", "c"}) })
	require.Panics(t, func() { Define(Invalid, "half-translated", Text{EN: "a"}) })
	require.False(t, Missing.Is(errors.New("not-found")))
}
