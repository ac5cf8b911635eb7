package web

import (
	"net/http"
	"net/url"
	"strconv"
)

// None is the answer of a route that has nothing to say: 204.
type None struct{}

// File is an answer that is a document.
type File struct {
	Name  string // offered as the name to save under
	Type  string // media type
	Bytes []byte
	Make  func() ([]byte, error) // instead of Bytes: draws the document once no transaction is held any more
}

// HTML is an answer that is a page for people, or whatever else has headers and a status of its own.
type HTML struct {
	Status int
	Header http.Header
	Type   string // text/html; charset=utf-8 when empty
	Bytes  []byte
}

// What a value may tell about its own answer.
type (
	etagged  interface{ ETag() string }
	located  interface{ Location() string }
	statused interface{ HTTPStatus() int }
	linked   interface{ Link(u *url.URL) string }
)

// answer writes what a verb returned. It runs after COMMIT.
func (s *Server) answer(c *call, r Route, out any) {
	h := c.gin.Writer.Header()
	switch v := out.(type) {
	case None:
		c.write(http.StatusNoContent, "", nil)
		return
	case File:
		if v.Make != nil {
			b, err := v.Make()
			if err != nil {
				s.fail(c, err)
				return
			}
			v.Bytes = b
		}
		h.Set("Content-Disposition", `attachment; filename="`+v.Name+`"`)
		h.Set("Cache-Control", "private, no-store")
		c.write(r.Status, v.Type, v.Bytes)
		return
	case HTML:
		c.html(v)
		return
	}
	h["Content-Type"] = asJSON
	c.write(s.describe(c, r, out, h), "", encode(out))
}

// html writes a page, or whatever says its own status and headers.
func (c *call) html(v HTML) {
	h := c.gin.Writer.Header()
	for k, x := range v.Header {
		h[k] = x
	}
	if v.Type == "" {
		v.Type = "text/html; charset=utf-8"
	}
	c.write(v.Status, v.Type, v.Bytes)
}

// describe finds the status of a JSON answer, and sets its headers.
func (s *Server) describe(c *call, r Route, out any, h http.Header) int {
	status := r.Status
	if v, ok := out.(statused); ok && v.HTTPStatus() != 0 {
		status = v.HTTPStatus()
	}
	if v, ok := out.(etagged); ok {
		h["Etag"] = []string{v.ETag()}
	}
	if v, ok := out.(located); ok && (status == http.StatusCreated || status == http.StatusAccepted) {
		h.Set("Location", v.Location())
	}
	if v, ok := out.(linked); ok {
		if l := v.Link(c.req.URL); l != "" {
			h.Set("Link", l)
		}
	}
	h["Cache-Control"] = noStore // whatever stands behind a token is somebody's: no browser or proxy keeps it
	return status
}

// write sends an answer whole, with its length. Nothing is written after it.
func (c *call) write(status int, contentType string, body []byte) {
	h := c.gin.Writer.Header()
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	if body != nil {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	c.status, c.sent = status, len(body)
	c.gin.Writer.WriteHeader(status)
	if c.req.Method != http.MethodHead {
		_, _ = c.gin.Writer.Write(body)
	}
	c.gin.Writer.WriteHeaderNow()
}
