package testkit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/openapi/check"
	"github.com/switchingtalent/switchboard/internal/tenant"
)

var operatorTenant = tenant.OperatorID

// Caller calls the API as somebody.
type Caller struct {
	world     *World
	Principal auth.Principal
	Token     string // empty: without a token
}

// Nobody calls without a token.
func (w *World) Nobody() *Caller { return &Caller{world: w} }

// In is the same caller for a subtest.
func (c *Caller) In(t testing.TB) *Caller {
	other := *c
	other.world = c.world.In(t)
	return &other
}

// Answer is what came back.
type Answer struct {
	t      testing.TB
	what   string
	Status int
	Header http.Header
	Body   []byte
}

// Get reads.
func (c *Caller) Get(path string, headers ...string) *Answer {
	c.world.T.Helper()
	return c.Do(http.MethodGet, path, nil, headers...)
}

// Post makes or acts.
func (c *Caller) Post(path string, body any, headers ...string) *Answer {
	c.world.T.Helper()
	return c.Do(http.MethodPost, path, body, headers...)
}

// Put replaces.
func (c *Caller) Put(path string, body any, headers ...string) *Answer {
	c.world.T.Helper()
	return c.Do(http.MethodPut, path, body, headers...)
}

// Patch changes.
func (c *Caller) Patch(path string, body any, headers ...string) *Answer {
	c.world.T.Helper()
	return c.Do(http.MethodPatch, path, body, headers...)
}

// Delete removes.
func (c *Caller) Delete(path string, headers ...string) *Answer {
	c.world.T.Helper()
	return c.Do(http.MethodDelete, path, nil, headers...)
}

// Do sends a request and holds the answer to the API document. A body is a string of JSON, url.Values, or anything that
// marshals; headers are name, value, name, value.
func (c *Caller) Do(method, path string, body any, headers ...string) *Answer {
	t := c.world.T
	t.Helper()
	var b []byte
	contentType := "application/json"
	switch v := body.(type) {
	case nil:
	case string:
		b = []byte(v)
	case []byte:
		b = v
	case url.Values:
		b, contentType = []byte(v.Encode()), "application/x-www-form-urlencoded"
	default:
		var err error
		b, err = json.Marshal(v)
		require.NoError(t, err)
	}
	req := httptest.NewRequest(method, path, bytes.NewReader(b))
	if body == nil {
		req = httptest.NewRequest(method, path, http.NoBody)
	} else {
		req.Header.Set("Content-Type", contentType)
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	c.world.App.Handler().ServeHTTP(rec, req)
	a := &Answer{t: t, what: method + " " + path, Status: rec.Code, Header: rec.Header(), Body: rec.Body.Bytes()}
	if a.Status >= http.StatusInternalServerError {
		for line := range strings.SplitSeq(c.world.Log.String(), "\n") {
			if strings.Contains(line, a.Header.Get("Request-Id")) {
				t.Log(line)
			}
		}
	}
	k, err := checker()
	require.NoError(t, err)
	if err := k.Check(req, b, a.Status, a.Header, a.Body); err != nil && !errors.Is(err, check.ErrNoOperation) {
		require.Fail(t, "not as the API document says", "%v\n%s", err, a)
	}
	return a
}

// String shows the answer for people.
func (a *Answer) String() string {
	return fmt.Sprintf("%s → %d %s", a.what, a.Status, a.Body)
}

// Is asserts the status.
func (a *Answer) Is(status int) *Answer {
	a.t.Helper()
	require.Equal(a.t, status, a.Status, "%s", a)
	return a
}

// Problem asserts the status and the code of a problem, and that its fields are at these pointers or parameters.
func (a *Answer) Problem(status int, code string, at ...string) *Answer {
	a.t.Helper()
	a.Is(status)
	require.Equal(a.t, "application/problem+json", a.Header.Get("Content-Type"))
	require.Equal(a.t, code, a.Str("code"), "%s", a)
	if len(at) > 0 {
		var p struct {
			Errors []struct{ Pointer, Parameter string }
		}
		a.Into(&p)
		got := []string{}
		for _, e := range p.Errors {
			got = append(got, e.Pointer+e.Parameter)
		}
		require.Equal(a.t, at, got, "%s", a)
	}
	return a
}

// Into decodes the body.
func (a *Answer) Into(v any) *Answer {
	a.t.Helper()
	require.NoError(a.t, json.Unmarshal(a.Body, v), "%s", a)
	return a
}

// At returns a member by a dotted path: data.0.id.
func (a *Answer) At(path string) any {
	a.t.Helper()
	var v any
	a.Into(&v)
	for part := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			got, ok := x[part]
			require.True(a.t, ok, "no %s in %s", path, a)
			v = got
		case []any:
			i, err := strconv.Atoi(part)
			require.NoError(a.t, err)
			require.Less(a.t, i, len(x), "no %s in %s", path, a)
			v = x[i]
		default:
			require.Fail(a.t, "no such member", "%s in %s", path, a)
		}
	}
	return v
}

// Str returns a member that is a string.
func (a *Answer) Str(path string) string {
	a.t.Helper()
	s, ok := a.At(path).(string)
	require.True(a.t, ok, "%s is no string in %s", path, a)
	return s
}

// Num returns a member that is a number.
func (a *Answer) Num(path string) float64 {
	a.t.Helper()
	n, ok := a.At(path).(float64)
	require.True(a.t, ok, "%s is no number in %s", path, a)
	return n
}

// Len returns how many items a member that is a list has.
func (a *Answer) Len(path string) int {
	a.t.Helper()
	l, ok := a.At(path).([]any)
	require.True(a.t, ok, "%s is no list in %s", path, a)
	return len(l)
}

// Retold is the body without what differs from request to request, for comparing answers.
func (a *Answer) Retold() string {
	return requestIDs.ReplaceAllString(string(a.Body), "req_…")
}
