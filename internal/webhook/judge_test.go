package webhook

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
)

// Each row changes one thing, or two, of a delivery that is to be sent.
func TestJudge_GoesByHowThingsStandNow(t *testing.T) {
	t.Parallel()
	now := time.Now()
	clients := func(p *parcel) {
		p.Nouns, p.Scopes = db.Strings{"client"}, db.Strings{"client:read"}
		if p.Type != Tested.Name {
			p.Type = "client.probed"
		}
	}
	for _, c := range []struct {
		what    string
		change  func(p *parcel)
		of      verdict // a fact
		ofATest verdict // a test event
	}{
		{"all is well", func(*parcel) {}, post, post},
		{"it was delivered meanwhile", func(p *parcel) { p.State = delivered }, cancel, cancel},
		{"its fact is no longer kept", func(p *parcel) { p.OccurredAt = nil }, cancel, cancel},
		{"the endpoint is deleted", func(p *parcel) { p.EndpointStatus = Deleted }, cancel, cancel},
		{"deleted, and its owner revoked", func(p *parcel) { p.EndpointStatus, p.Revoked = Deleted, true }, cancel, cancel},
		{"the owner is revoked", func(p *parcel) { p.Revoked = true }, orphan, orphan},
		{"revoked, and the endpoint pending", func(p *parcel) { p.Revoked, p.EndpointStatus = true, Pending }, orphan, orphan},
		{"revoked, and disabled already", func(p *parcel) { p.Revoked, p.EndpointStatus = true, Disabled }, putBack, cancel},
		{"the endpoint is disabled", func(p *parcel) { p.EndpointStatus = Disabled }, putBack, cancel},
		{"it has not proven itself", func(p *parcel) { p.EndpointStatus = Pending }, putBack, post},
		{"it is paused", func(p *parcel) { p.Paused = true }, putBack, post},
		{"its employer is not concerned", func(p *parcel) { p.Concerned = false }, cancel, cancel},
		{"not concerned, and paused", func(p *parcel) { p.Concerned, p.Paused = false, true }, putBack, cancel},
		{"the endpoint did not ask for the noun", func(p *parcel) { p.Nouns = db.Strings{"leervraag"} }, cancel, post},
		{"the owner may no longer read it", func(p *parcel) { p.Scopes = db.Strings{"leervraag:read"} }, cancel, post},
		{"the owner has a role that may not", func(p *parcel) { p.Role = "" }, cancel, post},
		{"only who is bound to nobody may read it", func(p *parcel) { clients(p) }, post, post},
		{"and the owner is bound", func(p *parcel) { clients(p); p.Bound = true }, cancel, post},
	} {
		for _, typ := range []string{"organisation.created", Tested.Name} {
			p := &parcel{Type: typ, State: waiting, EndpointStatus: Active, OccurredAt: &now, Concerned: true, Nouns: db.Strings{"organisation"},
				Role: auth.Integration, Scopes: db.Strings{"organisation:read"}}
			c.change(p)
			want := c.of
			if typ == Tested.Name {
				want = c.ofATest
			}
			require.Equal(t, want, p.judge(), "%s: %s", typ, c.what)
		}
	}
}
