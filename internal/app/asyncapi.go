package app

import (
	"encoding/json"
	"maps"

	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/signature"
)

// asyncAPI is the AsyncAPI 3.0 document of what is sent, made of the types of facts as the webhooks of the OpenAPI document
// are.
func asyncAPI() []byte {
	type object = map[string]any
	text := func(about, example string) object {
		return object{"type": "string", "description": about, "examples": []any{example}}
	}
	const id, stamp, signed = "evt_01jd8m5x9nf3tvhg5w6rkz2c4q", "1799650800", "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="
	ref := func(path string) object { return object{"$ref": "#/" + path} }
	messages, schemas, inChannel, operations := object{}, object{}, object{}, object{}
	for _, t := range fact.Types() {
		var data object
		if err := json.Unmarshal(t.Schema(), &data); err != nil {
			panic(err) // our own JSON
		}
		data["examples"] = []any{t.Example()}
		schemas[t.Name] = data
		messages[t.Name] = object{
			"name": t.Name, "title": t.Name, "summary": t.Doc, "contentType": "application/json", "x-version": t.Version,
			"headers": ref("components/schemas/headers"),
			"payload": object{
				"type": "object", "required": []string{"type", "timestamp", "data"},
				"properties": object{
					"type":      object{"type": "string", "const": t.Name},
					"timestamp": object{"type": "string", "format": "date-time", "description": "When it became true."},
					"data":      ref("components/schemas/" + t.Name),
				},
			},
			"examples": []any{object{"name": "example", "payload": object{"type": t.Name, "timestamp": "2027-01-11T09:00:00Z", "data": t.Example()}}},
		}
		inChannel[t.Name] = ref("components/messages/" + t.Name)
		operations[t.Name] = object{
			"action": "send", "channel": ref("channels/webhook"), "summary": t.Doc,
			"messages": []any{ref("channels/webhook/messages/" + t.Name)},
			"bindings": object{"http": object{"method": "POST", "bindingVersion": "0.3.0"}},
		}
	}
	schemas["headers"] = object{
		"type": "object", "required": []string{signature.HeaderID, signature.HeaderTimestamp, signature.HeaderSignature},
		"properties": object{
			signature.HeaderID:        text("The fact's id, the same on every try and endpoint: handle each once.", id),
			signature.HeaderTimestamp: text("When this try was sent, in seconds since 1970; refuse old ones.", stamp),
			signature.HeaderSignature: text("Signatures of id, timestamp and body (Standard Webhooks), with spaces between.", signed),
		},
		"examples": []any{object{signature.HeaderID: id, signature.HeaderTimestamp: stamp, signature.HeaderSignature: signed}},
	}
	doc := object{
		"asyncapi": "3.0.0",
		"info": object{"title": "Switchboard events", "version": Version,
			"description": "What Switchboard sends to webhook endpoints, and tells whoever follows the feed (GET /v1/events, see openapi.json). At least once, in no promised order: handle each webhook-id once, and ignore a revision lower than one that you know.",
			"license":     object{"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"}},
		"defaultContentType": "application/json",
		"channels": object{"webhook": object{"address": nil, "title": "A webhook endpoint",
			"description": "The url of an endpoint that a caller added with POST /v1/webhook-endpoints, for the types of facts that it asked for.",
			"messages":    maps.Clone(inChannel)}},
		"operations": operations,
		"components": object{"messages": messages, "schemas": schemas},
	}
	b, err := json.Marshal(doc)
	if err != nil {
		panic(err) // plain values always marshal
	}
	return indent(b)
}
