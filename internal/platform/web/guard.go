package web

import "net/http"

// closed is the Content-Security-Policy of every answer that does not bring its own: should a browser show one that was
// meant for a program, nothing in it loads, runs, is framed or posts.
const closed = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"

// What is the same in every answer is not made anew for each: nobody writes into these, and what adds to them copies.
var (
	nosniff    = []string{"nosniff"}
	policy     = []string{closed}
	noReferrer = []string{"no-referrer"}
	onlyTLS    = []string{"max-age=31536000; includeSubDomains"}
	noStore    = []string{"no-store"}
	asJSON     = []string{"application/json"}
)

// guard sets what protects the browser of whoever opens an answer (OWASP ASVS 5.0, V3.4). What the answer says itself wins.
func (s *Server) guard(h http.Header) {
	h["X-Content-Type-Options"] = nosniff
	h["Content-Security-Policy"] = policy
	h["Referrer-Policy"] = noReferrer
	if s.secure { // over http browsers ignore it (RFC 6797, section 7.2)
		h["Strict-Transport-Security"] = onlyTLS
	}
}
