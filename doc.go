// Package switchboard is the multi-tenant API behind Switching Talent: employees of one employer learn for a day
// or two on the work floor of another, with a leercoach, for a concrete leervraag.
//
// The binary is cmd/switchboard, the product is in internal, the published contract in api.
package switchboard
