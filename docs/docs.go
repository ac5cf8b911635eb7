// Package docs carries the pages that the program serves: one for each problem and each type of event.
package docs

import "embed"

// Pages holds problems/<code>.md and events/<type>.md.
//
//go:embed problems events
var Pages embed.FS
