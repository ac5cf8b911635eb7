package survey

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/fault"
)

func TestEveryActionInEveryStateHasOneOutcome(t *testing.T) {
	t.Parallel()
	want := map[action]map[Status]string{
		change: {Scheduled: "scheduled", Invited: "survey-invited", Answered: "survey-answered", Expired: "survey-expired"},
		invite: {Scheduled: "invited", Invited: "invited", Answered: "survey-answered", Expired: "survey-expired"},
		answer: {Scheduled: "answered", Invited: "answered", Answered: "survey-answered", Expired: "survey-expired"},
		expire: {Scheduled: "expired", Invited: "expired", Answered: "survey-answered", Expired: "expired"},
	}
	require.Len(t, transitions, len(Statuses))
	require.Len(t, want, len(actions))
	for _, s := range Statuses {
		require.Len(t, transitions[s], len(actions), s)
		for _, a := range actions {
			next, err := Survey{Status: s}.after(a, time.Now())
			got := string(next)
			if err != nil {
				require.Equal(t, s, next, "a refusal leaves the state")
				require.True(t, transitions[s][a].refuse.Is(err))
				got = transitions[s][a].refuse.Code
				require.Equal(t, "survey-"+string(s), got, "a refusal names the state")
			}
			require.Equal(t, want[a][s], got, "%s a survey that is %s", a, s)
		}
	}
}

func TestASurveyWhoseTimeIsOverHasExpiredBeforeAnybodyNotedIt(t *testing.T) {
	t.Parallel()
	now := time.Date(2027, 3, 26, 8, 0, 0, 0, time.UTC)
	for _, s := range Statuses {
		v := Survey{Status: s, ExpiresAt: &now}
		require.Equal(t, s, v.state(now.Add(-time.Microsecond)), s)
		want := s
		if s == Scheduled || s == Invited {
			want = Expired
		}
		require.Equal(t, want, v.state(now), s)
	}
}

func TestTheQuestionsAreThoseOfTheMethod(t *testing.T) {
	t.Parallel()
	count := map[Role]int{Switcher: 5, Sending: 4, Leercoach: 5, Receiving: 4, Colleague: 1, Family: 1}
	require.Len(t, builtin, len(Roles))
	seen := map[string]bool{}
	for _, r := range Roles {
		dutch := questionsFor(r, "nl")
		require.Len(t, dutch, count[r], r)
		for _, lang := range []string{"nl", "fr", "en"} {
			for i, q := range questionsFor(r, lang) {
				require.Equal(t, dutch[i].ID, q.ID)
				require.True(t, strings.HasSuffix(q.Text, "?"), q.Text)
				require.Equal(t, Open, q.Kind, "the method has no scales")
				require.Equal(t, i == 0, q.Required)
				require.NotNil(t, q.Options)
				require.Equal(t, lang == "nl", q.Text == dutch[i].Text)
			}
		}
		for _, q := range dutch {
			require.False(t, seen[q.ID], "%s stands there twice", q.ID)
			seen[q.ID] = true
		}
	}
	require.Equal(t, "Wat zou je willen en kunnen doen met deze leerlessen in je job, je team, je organisatie?", questionsFor(Switcher, "nl")[3].Text)
	require.NotEqual(t, questionsFor(Leercoach, "nl")[2].Text, questionsFor(Leercoach, "nl")[3].Text)
}

var everyKind = Questions{
	{ID: "a", Kind: Open, Required: true},
	{ID: "b", Kind: Scale},
	{ID: "c", Kind: Choice, Options: []string{"Ja, helemaal", "Deels"}},
	{ID: "d", Kind: YesNo},
	{ID: "e", Kind: Open},
}

func TestAnswersAreReadByTheKindOfTheirQuestion(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", maxText)
	for _, c := range []struct {
		question, value string
		want            any    // what is kept, nil for nothing
		rule            string // or what is wrong
	}{
		{"a", `"veel"`, "veel", ""},
		{"a", `"regel 1\n\tregel 2"`, "regel 1\n\tregel 2", ""},
		{"a", `"` + long + `"`, long, ""},
		{"a", `"` + long + `é"`, nil, "too_long"},
		{"a", `"\u0007"`, nil, "bad_text"},
		{"a", `7`, nil, "unusable"},
		{"a", `["veel"]`, nil, "unusable"},
		{"a", `" \n"`, nil, "needed"},
		{"a", `null`, nil, "needed"},
		{"e", `" \n"`, nil, ""},
		{"e", `null`, nil, ""},
		{"b", `1`, 1, ""},
		{"b", `5`, 5, ""},
		{"b", `0`, nil, "out_of_range"},
		{"b", `6`, nil, "out_of_range"},
		{"b", `2.5`, nil, "unusable"},
		{"b", `1e0`, nil, "unusable"},
		{"b", `"3"`, nil, "unusable"},
		{"b", `99999999999999999999`, nil, "unusable"},
		{"b", `null`, nil, ""},
		{"c", `"Deels"`, "Deels", ""},
		{"c", `"deels"`, nil, "not_a_choice"},
		{"c", `""`, nil, "not_a_choice"},
		{"c", `0`, nil, "not_a_choice"},
		{"c", `null`, nil, ""},
		{"d", `true`, true, ""},
		{"d", `false`, false, ""},
		{"d", `"yes"`, nil, "unusable"},
		{"d", `null`, nil, ""},
	} {
		given := []Answer{{c.question, json.RawMessage(c.value)}}
		want := []Answer{}
		if c.question != "a" {
			given = append(given, Answer{"a", json.RawMessage(`"iets"`)})
			want = append(want, Answer{"a", "iets"})
		}
		got, err := everyKind.read(given)
		if c.rule != "" {
			require.Equal(t, map[string]string{"/answers/0/value": c.rule}, broken(t, err), c.value)
			continue
		}
		if c.want != nil {
			want = append([]Answer{{c.question, c.want}}, want...)
		}
		require.NoError(t, err, c.value)
		require.Equal(t, want, got, c.value)
	}
}

func TestAnswersFitTheQuestions(t *testing.T) {
	t.Parallel()
	yes := json.RawMessage(`"ja"`)
	for _, c := range []struct {
		given []Answer
		want  map[string]string
	}{
		{[]Answer{{"a", yes}, {"z", yes}}, map[string]string{"/answers/1/question": "no_such"}},
		{[]Answer{{"a", yes}, {"a", yes}}, map[string]string{"/answers/1/question": "duplicate"}},
		{[]Answer{{"e", yes}}, map[string]string{"/answers": "unanswered"}},
		{[]Answer{{"d", yes}, {"b", yes}}, map[string]string{"/answers": "unanswered", "/answers/0/value": "unusable", "/answers/1/value": "unusable"}},
	} {
		_, err := everyKind.read(c.given)
		require.Equal(t, c.want, broken(t, err))
	}
	_, err := everyKind[1:].read([]Answer{{"b", json.RawMessage("null")}})
	require.Equal(t, map[string]string{"/answers": "needed"}, broken(t, err), "all may be skipped, but not all at once")
}

// broken is what is wrong, by pointer.
func broken(t *testing.T, err error) map[string]string {
	t.Helper()
	var f *fault.Error
	require.True(t, errors.As(err, &f), "%v", err)
	out := map[string]string{}
	for _, x := range f.Fields {
		require.Empty(t, out[x.Pointer])
		out[x.Pointer] = x.Rule.Code
	}
	return out
}

func TestAFormPostsWhatABodyWouldHold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind       Kind
		text, want string
	}{
		{Open, "een\r\ntwee", `"een\ntwee"`}, {Open, "", `null`}, {Open, "yes", `"yes"`}, {Open, "4", `"4"`},
		{YesNo, "yes", `true`}, {YesNo, "no", `false`}, {YesNo, "", `null`}, {YesNo, "maybe", `"maybe"`},
		{Scale, "4", `4`}, {Scale, "04", `4`}, {Scale, "", `null`}, {Scale, "four", `"four"`},
		{Choice, "Deels", `"Deels"`}, {Choice, "", `null`},
	} {
		require.JSONEq(t, c.want, string(Question{Kind: c.kind}.posted(c.text)), "%s %q", c.kind, c.text)
	}
}
