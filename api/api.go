// Package api carries the published contract. It is generated: make generate.
package api

import _ "embed"

// OpenAPI is openapi.json, the OpenAPI 3.1 document of the API.
//
//go:embed openapi.json
var OpenAPI []byte

// AsyncAPI is asyncapi.json, the AsyncAPI 3.0 document of what is sent to webhook endpoints.
//
//go:embed asyncapi.json
var AsyncAPI []byte
