// Package fault says what can go wrong, in words that a caller may read. It knows no HTTP and no SQL.
//
// A Problem is a kind of thing that goes wrong, defined once with its code and its texts; an Error is one that happened.
// Whatever is not an *Error is a secret: it reaches the log and never the caller.
package fault

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Kind groups problems by what a caller can do about them; web turns it into a status.
type Kind int

// The kinds, in the order of their statuses.
const (
	Malformed            Kind = iota + 1 // what cannot be parsed
	Unauthenticated                      // no valid token
	Forbidden                            // a valid token that may not do this
	NotFound                             // absent, another tenant's, or outside the binding: the same words
	MethodNotAllowed                     // the path exists, the method does not
	NotAcceptable                        // no representation that the caller accepts
	Conflict                             // the state does not allow it
	Gone                                 // it was there, and will not come back
	Precondition                         // If-Match did not hold
	TooLarge                             // the body is over the limit
	Unsupported                          // a media type that is not understood
	Invalid                              // it parses, and breaks the schema or a rule
	PreconditionRequired                 // If-Match is needed
	TooMany                              // over a limit; comes with a time to wait
	Internal                             // ours; never with a detail
	Unavailable                          // not now; the same request may succeed later
)

// Text is a sentence in the languages of the product. {name} stands for a parameter.
type Text struct{ EN, NL, FR string }

// In returns the text in a language (nl, fr, anything else is English), with its parameters filled in.
func (t Text) In(lang string, params map[string]string) string {
	s := t.EN
	switch lang {
	case "nl":
		s = t.NL
	case "fr":
		s = t.FR
	}
	for k, v := range params {
		s = strings.ReplaceAll(s, "{"+k+"}", v)
	}
	return s
}

// Problem is one way for things to go wrong. Its code is the last part of the problem's type and never changes.
type Problem struct {
	Kind Kind
	Code string
	Text Text
	Said bool // the API document says it too: a request that keeps to the document is never refused so
}

// Rule is one way for a member of a request to be wrong.
type Rule struct {
	Code string
	Text Text
	Said bool // as of a Problem
}

var (
	mu       sync.Mutex
	problems = map[string]*Problem{}
	rules    = map[string]*Rule{}
)

// Define registers a problem. It is called for package variables; a code that exists already is a mistake in the
// program, and panics.
func Define(k Kind, code string, t Text) *Problem {
	mu.Lock()
	defer mu.Unlock()
	if problems[code] != nil || t.EN == "" || t.NL == "" || t.FR == "" {
		panic("fault: problem " + code + " is defined twice, or lacks a language")
	}
	p := &Problem{Kind: k, Code: code, Text: t}
	problems[code] = p
	return p
}

// DefineRule registers a rule for members, as Define does for problems.
func DefineRule(code string, t Text) *Rule {
	mu.Lock()
	defer mu.Unlock()
	if rules[code] != nil || t.EN == "" || t.NL == "" || t.FR == "" {
		panic("fault: rule " + code + " is defined twice, or lacks a language")
	}
	r := &Rule{Code: code, Text: t}
	rules[code] = r
	return r
}

// said marks a problem that the API document lets callers foresee.
func (p *Problem) said() *Problem { p.Said = true; return p }

func (r *Rule) said() *Rule { r.Said = true; return r }

// Problems returns all that are defined, by code.
func Problems() []*Problem {
	mu.Lock()
	defer mu.Unlock()
	out := make([]*Problem, 0, len(problems))
	for _, c := range slices.Sorted(maps.Keys(problems)) {
		out = append(out, problems[c])
	}
	return out
}

// Rules returns all rules that are defined, by code.
func Rules() []*Rule {
	mu.Lock()
	defer mu.Unlock()
	out := make([]*Rule, 0, len(rules))
	for _, c := range slices.Sorted(maps.Keys(rules)) {
		out = append(out, rules[c])
	}
	return out
}

// Field says which member is wrong and how. Exactly one of Pointer (RFC 6901, into the body) and Parameter is set.
type Field struct {
	Pointer   string
	Parameter string
	Rule      *Rule
	Params    map[string]string
}

// Error is a problem that happened.
type Error struct {
	Problem *Problem
	Params  map[string]string
	Fields  []Field
	Wait    time.Duration // how long to wait before a retry, 0 when nothing is known
	Cause   error         // for the log alone
}

// New returns an error of this problem.
func (p *Problem) New() *Error { return &Error{Problem: p} }

// With returns an error of this problem with parameters for its text, given as name, value, name, value.
func (p *Problem) With(pairs ...string) *Error { return &Error{Problem: p, Params: params(pairs)} }

// Because returns an error of this problem that keeps its cause for the log.
func (p *Problem) Because(cause error) *Error { return &Error{Problem: p, Cause: cause} }

// Is reports whether err is an error of this problem.
func (p *Problem) Is(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Problem == p
}

// At adds a member that is wrong, by its JSON pointer.
func (e *Error) At(pointer string, r *Rule, pairs ...string) *Error {
	e.Fields = append(e.Fields, Field{Pointer: pointer, Rule: r, Params: params(pairs)})
	return e
}

// In adds a parameter of the query, path or header that is wrong.
func (e *Error) In(parameter string, r *Rule, pairs ...string) *Error {
	e.Fields = append(e.Fields, Field{Parameter: parameter, Rule: r, Params: params(pairs)})
	return e
}

// After says how long the caller should wait.
func (e *Error) After(d time.Duration) *Error {
	e.Wait = d
	return e
}

// Error is for logs; a caller reads Problem.Text and the rules.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Problem.Code)
	for _, f := range e.Fields {
		fmt.Fprintf(&b, " %s%s:%s", f.Pointer, f.Parameter, f.Rule.Code)
	}
	if e.Cause != nil {
		b.WriteString(": " + e.Cause.Error())
	}
	return b.String()
}

// Unwrap gives the cause to errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Cause }

// At returns an Unprocessable error about one member: the usual answer to a rule that a request breaks.
func At(pointer string, r *Rule, pairs ...string) *Error {
	return Unprocessable.New().At(pointer, r, pairs...)
}

func params(pairs []string) map[string]string {
	if len(pairs) == 0 {
		return nil
	}
	m := make(map[string]string, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}
