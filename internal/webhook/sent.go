package webhook

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/google/uuid"
)

// maxHeaderValue bounds what is kept of one header of an answer, in characters.
const maxHeaderValue = 1000

// toldHeaders are those of an answer that are kept: what its body is, when to come again, where it would have us go instead, and
// under which name the receiver's own log knows the request. Those that hold sessions are not.
var toldHeaders = []string{"Content-Type", "Retry-After", "Location", "X-Request-Id"}

// names are those of headers, sorted, as they were sent.
func names(h http.Header) []string { return slices.Sorted(maps.Keys(h)) }

// told are the headers of an answer that are kept, one to a line. A receiver may write what it likes: it can be shown, and
// stored.
func told(h http.Header) string {
	var b strings.Builder
	for _, name := range toldHeaders {
		value := strings.TrimSpace(strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return ' '
			}
			return r
		}, strings.ToValidUTF8(h.Get(name), "\uFFFD")))
		if value == "" {
			continue
		}
		if all := []rune(value); len(all) > maxHeaderValue {
			value = string(all[:maxHeaderValue])
		}
		b.WriteString(strings.ToLower(name) + ": " + value + "\n")
	}
	return b.String()
}

// AnswerHeaderWire is a header of an answer.
type AnswerHeaderWire struct {
	Name  string `json:"name" example:"content-type"`
	Value string `json:"value" example:"text/plain"` // the first 1000 characters
} // @name WebhookAnswerHeader

// SentWire is what a try sent, beside the fact itself.
type SentWire struct {
	URL         string   `json:"url" format:"uri" example:"https://hr.example.com/switchboard"`
	Payload     string   `json:"payload" enums:"standard,thin" example:"standard"`
	HeaderNames []string `json:"header_names" example:"X-Api-Key"`                    // beside those of every delivery; Authorization where a token went along
	KeyIDs      []string `json:"kids" example:"0193d3a8-1f5b-7c3e-9a54-2f6d8c1b7e90"` // which secrets signed, and the keys beside them: kid at keys_url
} // @name WebhookRequest

// sent is what a try sent; nil where nothing was, and where it was not kept.
func (a Attempt) sent() *SentWire {
	if a.URL == nil {
		return nil
	}
	w := SentWire{*a.URL, payloadStandard, []string{}, []string{}}
	if a.Thin != nil && *a.Thin {
		w.Payload = payloadThin
	}
	w.HeaderNames = append(w.HeaderNames, a.HeaderNames...)
	for key := range slices.Chunk(a.SignedBy, 16) {
		w.KeyIDs = append(w.KeyIDs, uuid.UUID(key).String())
	}
	return &w
}

// told are the headers of the answer that were kept.
func (a Attempt) told() []AnswerHeaderWire {
	all := []AnswerHeaderWire{}
	if a.AnswerHeaders == nil {
		return all
	}
	for line := range strings.Lines(*a.AnswerHeaders) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		all = append(all, AnswerHeaderWire{name, value})
	}
	return all
}
