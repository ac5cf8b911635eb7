package access

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

func TestCheck_EveryRoleAgainstEveryBinding(t *testing.T) {
	t.Parallel()
	org, mdw := id.NewOrganisation(), id.NewMedewerker()
	bindings := map[string]Client{"unbound": {}, "organisation": {OrganisationID: &org}, "medewerker": {OrganisationID: &org, MedewerkerID: &mdw}}
	allowed := map[auth.Role][]string{
		auth.Operator: {"unbound"}, auth.PartnerAdmin: {"unbound"}, auth.Coordinator: {"unbound"},
		auth.Employer: {"organisation"}, auth.Switcher: {"medewerker"}, auth.Leercoach: {"medewerker"},
		auth.Integration: {"unbound", "organisation"}, auth.Viewer: {"unbound", "organisation"},
	}
	for _, role := range auth.Roles {
		for name, c := range bindings {
			c.Role = role
			if role == auth.Integration {
				c.Scopes = []string{"event:read"}
			}
			err := check(c)
			if contains(allowed[role], name) {
				require.NoError(t, err, "%s %s", role, name)
			} else {
				require.True(t, fault.Unprocessable.Is(err), "%s %s: %v", role, name, err)
			}
			c.Scopes = []string{"event:read"}
			if role != auth.Integration {
				require.Contains(t, pointers(check(c)), "/scopes", "%s takes no scopes", role)
			}
		}
	}
}

func TestCheck_EveryPermissionAgainstEveryBinding(t *testing.T) {
	t.Parallel()
	org := id.NewOrganisation()
	for _, g := range auth.Grants {
		free := Client{Role: auth.Integration, Scopes: []string{string(g.Permission)}}
		bound := free
		bound.OrganisationID = &org
		require.Equal(t, g.Integrable, check(free) == nil, "%s unbound", g.Permission)
		require.Equal(t, g.Integrable && g.Binding == auth.AnyBinding, check(bound) == nil, "%s bound", g.Permission)
		require.Equal(t, check(bound) == nil, contains(grantable(true), string(g.Permission)))
		require.Equal(t, check(free) == nil, contains(grantable(false), string(g.Permission)))
	}
	require.Equal(t, []string{"/scopes"}, pointers(check(Client{Role: auth.Integration})))
	require.Equal(t, []string{"/scopes/1"}, pointers(check(Client{Role: auth.Integration, Scopes: []string{"event:read", "event:read"}})))
	require.Equal(t, []string{"/scopes/0", "/scopes/1"}, pointers(check(Client{Role: auth.Integration, Scopes: []string{"event:write", "EVENT:READ"}})))
}

func contains(all []string, s string) bool {
	for _, a := range all {
		if a == s {
			return true
		}
	}
	return false
}

func pointers(err error) []string {
	var f *fault.Error
	var out []string
	if errors.As(err, &f) {
		for _, x := range f.Fields {
			out = append(out, x.Pointer)
		}
	}
	return out
}

func TestNewSecret_IsRecognisableAndNeverTheSame(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^sb_(live|test)_[A-Za-z0-9_-]{43}_[0-9a-f]{8}$`)
	seen := map[string]bool{}
	for i := range 200 {
		s := newSecret(i%2 == 0)
		require.Regexp(t, form, s)
		require.Equal(t, i%2 == 0, strings.HasPrefix(s, "sb_test_"))
		require.False(t, seen[s])
		seen[s] = true
	}
}

func TestMatches_OnlyALiveSecret(t *testing.T) {
	t.Parallel()
	a, b, c := hashOf("a"), hashOf("b"), hashOf("c")
	require.True(t, a.matches([][]byte{a[:]}))
	require.True(t, b.matches([][]byte{a[:], b[:]}))
	require.False(t, c.matches([][]byte{a[:], b[:]}))
	require.False(t, c.matches(nil))
	require.False(t, hash{}.matches(nil), "the hash of nothing is nobody's")
	require.False(t, hash{}.matches([][]byte{a[:]}))
}

func TestParseToken_AsRFC6749Says(t *testing.T) {
	t.Parallel()
	basic := func(user, password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	form := func(pairs ...string) url.Values {
		v := url.Values{"grant_type": {"client_credentials"}}
		for i := 0; i+1 < len(pairs); i += 2 {
			v.Add(pairs[i], pairs[i+1])
		}
		return v
	}
	type refusal struct {
		status int
		code   string
	}
	bad, denied := refusal{400, "invalid_request"}, refusal{401, "invalid_client"}
	cases := map[string]struct {
		header string
		form   url.Values
		want   refusal // zero: let in
	}{
		"in the form":                      {"", form("client_id", "me", "client_secret", "s"), refusal{}},
		"by Basic":                         {basic("me", "s"), form(), refusal{}},
		"by Basic, form-encoded":           {basic("%6de", "%73"), form(), refusal{}},
		"by basic in another case":         {strings.Replace(basic("me", "s"), "Basic", "bAsIc", 1), form(), refusal{}},
		"by Basic, client_id in the form":  {basic("me", "s"), form("client_id", "me"), refusal{}},
		"with what we do not know":         {"", form("client_id", "me", "client_secret", "s", "audience", "x", "audience", "y"), refusal{}},
		"both":                             {basic("me", "s"), form("client_secret", "s"), bad},
		"both, as the same client":         {basic("me", "s"), form("client_id", "me", "client_secret", "s"), bad},
		"two different clients":            {basic("me", "s"), form("client_id", "you"), bad},
		"client_id twice":                  {"", form("client_id", "me", "client_id", "me", "client_secret", "s"), bad},
		"grant_type twice":                 {"", form("grant_type", "client_credentials", "client_id", "me", "client_secret", "s"), bad},
		"scope twice":                      {basic("me", "s"), form("scope", "a", "scope", "b"), bad},
		"no grant_type":                    {basic("me", "s"), url.Values{}, bad},
		"an empty grant_type":              {basic("me", "s"), url.Values{"grant_type": {""}}, bad},
		"another grant_type":               {basic("me", "s"), url.Values{"grant_type": {"password"}}, refusal{400, "unsupported_grant_type"}},
		"nobody":                           {"", form(), denied},
		"no secret":                        {"", form("client_id", "me"), denied},
		"an empty secret":                  {"", form("client_id", "me", "client_secret", ""), denied},
		"a secret of nobody":               {"", form("client_secret", "s"), denied},
		"a bearer token":                   {"Bearer abc", form(), denied},
		"Basic without base64":             {"Basic ???", form(), denied},
		"Basic without a colon":            {"Basic " + base64.StdEncoding.EncodeToString([]byte("me")), form(), denied},
		"Basic with a broken percent sign": {basic("%zz", "s"), form(), denied},
		"Basic with nothing":               {"Basic", form(), denied},
		"Basic with two empty halves":      {basic("", ""), form(), denied},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := parseToken(c.header, c.form)
			if c.want == (refusal{}) {
				require.NoError(t, err)
				require.Equal(t, tokenRequest{"me", "s", ""}, r)
				return
			}
			var got *tokenError
			require.ErrorAs(t, err, &got)
			require.Equal(t, c.want, refusal{got.status, got.code})
		})
	}
}

func TestTokenRefusal_NeverSaysProblemOrCause(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		err    error
		status int
		code   string
	}{
		"another media type": {fault.BadMediaType.With("type", "x"), 400, "invalid_request"},
		"a huge body":        {fault.BodyTooLarge.With("limit", "9"), 400, "invalid_request"},
		"too many":           {fault.TooManyRequests.New().After(90 * time.Second), 429, "temporarily_unavailable"},
		"the database away":  {fault.Busy.Because(errors.New("dial tcp 10.0.0.1")), 503, "temporarily_unavailable"},
		"a secret of ours":   {errors.New("dial tcp 10.0.0.1"), 500, "server_error"},
	}
	for name, c := range cases {
		a := TokenRefusal(c.err)
		require.Equal(t, c.status, a.Status, name)
		require.Equal(t, "application/json", a.Type)
		require.Equal(t, "no-store", a.Header.Get("Cache-Control"))
		require.Contains(t, string(a.Bytes), `"error":"`+c.code+`"`)
		require.NotContains(t, string(a.Bytes), "10.0.0.1")
		if c.status == http.StatusTooManyRequests {
			require.Equal(t, "90", a.Header.Get("Retry-After"))
		}
	}
}

func TestDatedAfter_IsTheNextWholeSecond(t *testing.T) {
	t.Parallel()
	at := time.Date(2027, 1, 11, 12, 0, 0, 5, time.UTC)
	require.Equal(t, time.Date(2027, 1, 11, 12, 0, 1, 0, time.UTC), datedAfter(&at))
	at = at.Truncate(time.Second)
	require.Equal(t, time.Date(2027, 1, 11, 12, 0, 1, 0, time.UTC), datedAfter(&at))
	require.Zero(t, datedAfter(nil))
}

func TestNarrowed_GivesNoMoreThanThereIs(t *testing.T) {
	t.Parallel()
	all := []auth.Permission{"event:read", "match:read", "webhook:write"}
	got, err := narrowed(all, "")
	require.NoError(t, err)
	require.Equal(t, all, got)
	got, err = narrowed(all, " webhook:write  event:read event:read ")
	require.NoError(t, err)
	require.Equal(t, []auth.Permission{"event:read", "webhook:write"}, got)
	for _, scope := range []string{"event:read client:write", "Event:read", "event:*", "*"} {
		_, err = narrowed(all, scope)
		var e *tokenError
		require.ErrorAs(t, err, &e, scope)
		require.Equal(t, "invalid_scope", e.code)
	}
}

func TestKidOf_ReadsWithoutBelieving(t *testing.T) {
	t.Parallel()
	head := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	require.Equal(t, "k1", kidOf(head(`{"kid":"k1","alg":"none"}`)+".x.y"))
	for _, s := range []string{"", "x", "..", head(`{"kid":7}`) + ".x.y", head(`[]`) + ".x.y", head(`{"kid":"`+strings.Repeat("k", 101)+`"}`) + ".x.y", strings.Repeat("e", 2000) + ".x.y"} {
		require.Empty(t, kidOf(s), s)
	}
}
