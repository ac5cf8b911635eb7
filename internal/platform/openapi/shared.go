package openapi

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

const (
	problemSchema = "Problem"
	problemError  = "ProblemError"
	oauth2        = "oauth2"
	bearerAuth    = "bearerAuth"
)

// sharedList are the query parameters that every list declares alike, and where they are documented.
var sharedList = map[string]string{"limit": "Limit", "cursor": "Cursor", "updated_since": "UpdatedSince"}

func ref(section, name string) object { return object{"$ref": "#/components/" + section + "/" + name} }

func sortedSet(m map[string]bool) []string { return slices.Sorted(maps.Keys(m)) }

func (f *finisher) securitySchemes() object {
	scopes := object{}
	for s, doc := range f.in.Permissions {
		scopes[s] = doc
	}
	return object{
		bearerAuth: object{"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "The access_token that /oauth/token answered."},
		oauth2: object{"type": "oauth2", "description": "Client credentials (RFC 6749 section 4.4).",
			"flows": object{"clientCredentials": object{"tokenUrl": f.in.PublicURL + "/oauth/token", "scopes": scopes}}},
	}
}

// headers are the response headers that more than one operation answers with.
func headers() object {
	h := func(description, typ string, example any, required bool) object {
		out := object{"description": description, "schema": object{"type": typ, "examples": []any{example}}}
		if required {
			out["required"] = true
		}
		return out
	}
	return object{
		"ETag":                 h("The revision of what is answered, in quotes; send it back in If-Match.", "string", `"3"`, true),
		"Location":             h("Where the new resource is.", "string", "/v1/organisations/org_01k3p9c2zre8v9w0x1y2z3a4b5", true),
		"Link":                 h("The next page (RFC 8288), when there is one.", "string", `</v1/organisations?cursor=eyJ>; rel="next"`, false),
		"RateLimit":            h("What is left of the quota, and seconds until it is full again (draft-ietf-httpapi-ratelimit-headers-10).", "string", `"client";r=5950;t=1`, true),
		"RateLimit-Policy":     h("Whose quota counts: client; address, at this door; token, at /oauth/token, of the client with a right secret and else of the address; or stranger, of the address, with a wrong token or a path that is none. How many requests, and the window in seconds.", "string", `"client";q=6000;w=60`, true),
		"Retry-After":          h("Seconds to wait before the next try.", "integer", 5, true),
		"Request-Id":           h("The id of this request; it stands in our log too.", "string", "req_01k3p9c2zre8v9w0x1y2z3a4b5", true),
		"Idempotency-Replayed": h("true when this is the kept answer to an earlier request with the same Idempotency-Key.", "string", "true", false),
	}
}

// headersOf are the headers that every answer with a status has; 0 is any error.
func (f *finisher) headersOf(status int) object {
	out := object{}
	for _, name := range []string{"Request-Id", "RateLimit", "RateLimit-Policy"} {
		out[name] = ref("headers", name)
	}
	switch status {
	case http.StatusTooManyRequests:
		out["Retry-After"] = ref("headers", "Retry-After")
	case http.StatusServiceUnavailable: // not always known
		h := headers()["Retry-After"].(object)
		delete(h, "required")
		out["Retry-After"] = h
	}
	return out
}

// parameters are those that more than one operation or webhook takes.
func (f *finisher) parameters() object {
	p := func(in, name, description string, required bool, schema object) object {
		out := object{"name": name, "in": in, "description": description, "schema": schema}
		if required {
			out["required"] = true
		}
		return out
	}
	text := func(example string) object { return object{"type": "string", "examples": []any{example}} }
	key := text("5f0c6f3e-6d0c-4a5e-9a55-0f6d1c8b7a21")
	key["minLength"], key["maxLength"], key["pattern"] = 1, 255, "^[ -~]*$"
	cursor, since := text("eyJ2IjoxfQ"), text("2027-01-11T09:00:00Z")
	since["format"] = "date-time"
	cursor["maxLength"] = 1000
	plainText(cursor)
	plainText(since)
	out := object{
		"IdempotencyKey":  p("header", "Idempotency-Key", "A key of your own for this request. Sent again within 24 hours, the first answer is given again and nothing happens twice.", false, key),
		"IfMatch":         p("header", "If-Match", "The ETag that you read: refused with 412 when it has changed since.", false, text(`"3"`)),
		"IfMatchRequired": p("header", "If-Match", "The ETag that you read: refused with 412 when it has changed since, with 428 when it is left out.", true, text(`"3"`)),
		"AcceptLanguage":  p("header", "Accept-Language", "nl, fr or en: the language of texts and problems. Codes are never translated.", false, text("nl-BE, nl;q=0.9")),
		"Limit":           p("query", "limit", "Rows per page.", false, object{"type": "integer", "minimum": 1, "maximum": 100, "default": 25, "examples": []any{25}}),
		"Cursor":          p("query", "cursor", "Where to go on: the next_cursor of the page before, with the same filters.", false, cursor),
		"UpdatedSince":    p("query", "updated_since", "Starts a sync with what changed at or after this instant; then follow next_cursor.", false, since),
	}
	if len(f.in.Webhooks) > 0 {
		out["WebhookId"] = p("header", "webhook-id", "The fact's id, the same on every try and endpoint: handle each once.", true, text("evt_01k3p9c2zre8v9w0x1y2z3a4b5"))
		out["WebhookTimestamp"] = p("header", "webhook-timestamp", "When this try was sent, in seconds since 1970; refuse old ones.", true, text("1799650800"))
		out["WebhookSignature"] = p("header", "webhook-signature", "Signatures of id, timestamp and body (Standard Webhooks), one per live secret, with spaces between.", true, text("v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="))
	}
	return out
}

// problemSchema is the body of every error (RFC 9457).
func (f *finisher) problemSchema() object {
	if len(f.in.Problems) == 0 {
		f.fail("problems: none is known")
		return object{}
	}
	var codes []string
	for _, p := range f.in.Problems {
		codes = append(codes, p.Code)
	}
	slices.Sort(codes)
	text := func(description string) object { return object{"type": "string", "description": description} }
	uri := text("A page about this problem.")
	uri["format"] = "uri-reference"
	code := text("Which problem it is, for a program: these never change, more may be added.")
	code["enum"] = anys(slices.Compact(codes))
	status := object{"type": "integer", "description": "The HTTP status.", "minimum": 400, "maximum": 599}
	f.order[problemSchema] = []string{"type", "title", "status", "detail", "instance", "code", "errors"}
	f.order[problemError] = []string{"pointer", "parameter", "code", "detail"}
	f.schemas[problemError] = object{
		"type": "object", "description": "One member or parameter that is wrong.", "required": []any{"code", "detail"},
		"properties": object{
			"pointer":   text("A JSON pointer (RFC 6901) into the body."),
			"parameter": text("Or the name of a parameter."),
			"code":      text("Which rule it breaks, for a program."),
			"detail":    text("The same, for a person."),
		},
		"examples": []any{wrong},
	}
	return object{
		"type": "object", "description": "What went wrong (RFC 9457).",
		"required": []any{"type", "title", "status", "detail", "instance", "code", "errors"},
		"properties": object{
			"type": uri, "title": text("The status, in words."), "status": status, "code": code,
			"detail":   text("What went wrong, for a person, in the language of Accept-Language."),
			"instance": text("This request; quote it when you ask us."),
			"errors":   object{"type": "array", "description": "Each member or parameter that is wrong; empty when it is about the whole request.", "items": object{"$ref": schemaRef + problemError}},
		},
		"examples": []any{f.problemExample(slices.Min(slices.Collect(maps.Keys(f.problems))))},
	}
}

// wrong is the example of a member that is wrong.
var wrong = []member{{"pointer", "/name"}, {"code", "required"}, {"detail", "is required"}}

func (f *finisher) problemExample(status int) any {
	p := f.problems[status][0]
	errs := []any{}
	if status == http.StatusUnprocessableEntity {
		errs = []any{wrong}
	}
	return []member{{"type", f.in.PublicURL + "/problems/" + p.Code}, {"title", http.StatusText(status)}, {"status", status},
		{"detail", p.Title}, {"instance", "urn:request:req_01k3p9c2zre8v9w0x1y2z3a4b5"}, {"code", p.Code}, {"errors", errs}}
}

func responseName(status int, page bool) string {
	name := "Problem"
	if page {
		name = "ProblemPage"
	}
	if status > 0 {
		name += fmt.Sprint(status)
	}
	return name
}

// responses are the problems, one per status, as far as operations refer to them.
func (f *finisher) responses(paths object) object {
	used := map[string]bool{}
	walk(paths, func(o object) {
		if r, ok := o["$ref"].(string); ok {
			if name, ok := strings.CutPrefix(r, "#/components/responses/"); ok {
				used[name] = true
			}
		}
	})
	out := object{}
	for _, page := range []bool{false, true} {
		for status := range f.problems {
			if name := responseName(status, page); used[name] {
				out[name] = f.problemResponse(status, page)
			}
		}
		if name := responseName(0, page); used[name] {
			out[name] = f.problemResponse(0, page)
		}
	}
	return out
}

func (f *finisher) problemResponse(status int, page bool) object {
	media := object{"schema": object{"$ref": schemaRef + problemSchema}}
	description := "Any other problem."
	if status > 0 {
		var codes []string
		for _, p := range f.problems[status] {
			codes = append(codes, "`"+p.Code+"` ("+strings.TrimSuffix(p.Title, ".")+")")
		}
		description = http.StatusText(status) + ": " + strings.Join(codes, ", ") + "."
		media["example"] = f.problemExample(status)
	}
	content := object{problemType: media}
	if page {
		content["text/html"] = object{"schema": object{"type": "string"}}
	}
	return object{"description": description, "headers": f.headersOf(status), "content": content}
}
