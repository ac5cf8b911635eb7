package web

import (
	"net/http"
	"strings"
)

// closed is the Content-Security-Policy of every answer that does not bring its own: should a browser show one that was
// meant for a program, nothing in it loads, runs, is framed or posts.
const closed = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"

// guard sets what protects the browser of whoever opens an answer (OWASP ASVS 5.0, V3.4). What the answer says itself wins.
func (s *Server) guard(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", closed)
	h.Set("Referrer-Policy", "no-referrer")
	if strings.HasPrefix(s.publicURL, "https://") { // over http browsers ignore it (RFC 6797, section 7.2)
		h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	}
}
