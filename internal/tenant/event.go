package tenant

import "github.com/switchingtalent/switchboard/internal/platform/fact"

// Updated tells that a setting of the tenant changed.
var Updated = fact.Define("tenant.updated", "The tenant's settings changed: its name, zone, language, colours, the parties who accept a match, when surveys go out, or who may frame the webhook console.", fact.None{})
