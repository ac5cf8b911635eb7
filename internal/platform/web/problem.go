package web

import (
	"context"
	"errors"
	"math"
	"net/http"
	"os"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/text/language"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
)

// Problem is the body of every error (RFC 9457).
//
//	@Description What went wrong. The type leads to a page about it; quote the instance when you ask for help.
type Problem struct {
	Type     string         `json:"type" format:"uri" example:"https://switchboard.example/problems/invalid"`
	Title    string         `json:"title" example:"Unprocessable Entity"`
	Status   int            `json:"status" example:"422"`
	Detail   string         `json:"detail" example:"Some members are not right."`
	Instance string         `json:"instance" example:"urn:request:req_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Code     string         `json:"code" example:"invalid"`
	Errors   []ProblemField `json:"errors"`
} // @name Problem

// ProblemField names one member or parameter that is wrong.
type ProblemField struct {
	Pointer   string `json:"pointer,omitempty" example:"/goals/0"`
	Parameter string `json:"parameter,omitempty" example:"limit"`
	Code      string `json:"code" example:"too_long"`
	Detail    string `json:"detail" example:"takes at most 200"`
} // @name ProblemField

var statuses = map[fault.Kind]int{
	fault.Malformed:            http.StatusBadRequest,
	fault.Unauthenticated:      http.StatusUnauthorized,
	fault.Forbidden:            http.StatusForbidden,
	fault.NotFound:             http.StatusNotFound,
	fault.MethodNotAllowed:     http.StatusMethodNotAllowed,
	fault.NotAcceptable:        http.StatusNotAcceptable,
	fault.Conflict:             http.StatusConflict,
	fault.Gone:                 http.StatusGone,
	fault.Precondition:         http.StatusPreconditionFailed,
	fault.TooLarge:             http.StatusRequestEntityTooLarge,
	fault.Unsupported:          http.StatusUnsupportedMediaType,
	fault.Invalid:              http.StatusUnprocessableEntity,
	fault.PreconditionRequired: http.StatusPreconditionRequired,
	fault.TooMany:              http.StatusTooManyRequests,
	fault.Internal:             http.StatusInternalServerError,
	fault.Unavailable:          http.StatusServiceUnavailable,
}

// StatusOf is the status that problems of a kind are answered with.
func StatusOf(k fault.Kind) int { return statuses[k] }

// problemOf turns an error into a problem in the caller's language. What is not a fault is a secret: 500, no detail.
func (s *Server) problemOf(c *call, err error) (Problem, *fault.Error) {
	var f *fault.Error
	if !errors.As(err, &f) {
		f = fault.Oops.Because(err)
	}
	status := statuses[f.Problem.Kind]
	p := Problem{Type: s.publicURL + "/problems/" + f.Problem.Code, Title: http.StatusText(status), Status: status,
		Detail: f.Problem.Text.In(c.lang, f.Params), Instance: "urn:request:" + c.requestID, Code: f.Problem.Code, Errors: []ProblemField{}}
	for _, x := range f.Fields {
		p.Errors = append(p.Errors, ProblemField{x.Pointer, x.Parameter, x.Rule.Code, x.Rule.Text.In(c.lang, x.Params)})
	}
	return p, f
}

// fail answers with a problem.
func (s *Server) fail(c *call, err error) {
	p, f := s.problemOf(c, err)
	if p.Status == http.StatusTooManyRequests {
		s.refusals.hold(c.ctx, s.ending)
	}
	if c.say != nil {
		c.problem, c.cause = p.Code, safeCause(f)
		c.html(c.say(err))
		return
	}
	h := c.gin.Writer.Header()
	if f.Wait > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(f.Wait.Seconds()))))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="switchboard"`)
	}
	h.Set("Content-Language", c.lang)
	h.Add("Vary", "Accept-Language")
	h.Set("Cache-Control", "no-store")
	c.problem, c.cause = p.Code, safeCause(f)
	c.write(p.Status, "application/problem+json", encode(p))
}

// safeCause says what happened in words that hold no data: of the database its codes, never its text.
func safeCause(f *fault.Error) string {
	var pg *pgconn.PgError
	if f.Problem == fault.Oops || f.Problem.Kind == fault.Unavailable || errors.As(f.Cause, &pg) || errors.Is(f.Cause, context.DeadlineExceeded) ||
		errors.Is(f.Cause, os.ErrDeadlineExceeded) {
		return db.Cause(f.Cause)
	}
	return ""
}

var languages = language.NewMatcher([]language.Tag{language.English, language.Dutch, language.French})

// languageOf picks nl, fr or en from Accept-Language (RFC 9110, section 12.5.4).
func languageOf(header string) string {
	if header == "" || len(header) > 200 {
		return "en"
	}
	tags, _, err := language.ParseAcceptLanguage(header)
	if err != nil || len(tags) == 0 {
		return "en"
	}
	_, i, _ := languages.Match(tags...)
	return []string{"en", "nl", "fr"}[i]
}
