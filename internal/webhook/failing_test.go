package webhook_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/app"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
	"github.com/switchingtalent/switchboard/internal/webhook"
)

func TestFailing_TellsWhoRunsAllOfItWhichEndpointsOnlyFail(t *testing.T) {
	t.Parallel()
	p := open(t)
	read := func() (int, []webhook.Failing) {
		n, worst, err := p.App.Webhooks.Failing(context.Background())
		require.NoError(t, err)
		return n, worst
	}
	other := p.House.Tenant(t)
	ours, theirs := receive(t), receive(t)
	c, d := p.Coordinator(), other.Coordinator()
	first, _ := p.endpoint(c, ours, "organisation.*")
	second := endpoints + "/" + d.Post(endpoints, object{"url": theirs.URL, "event_types": []string{"organisation.*"}}).Is(201).Str("id")
	p.deliver()
	n, worst := read()
	require.Zero(t, n)
	require.Empty(t, worst)

	theirs.answer(500)
	d.Post(second+"/test", nil).Is(200)
	p.deliver()
	ours.answer(500)
	c.Post(first+"/test", nil).Is(200)
	p.deliver()
	n, worst = read()
	require.Equal(t, 2, n)
	require.Equal(t, []string{second, first}, []string{endpoints + "/" + worst[0].Endpoint.String(), endpoints + "/" + worst[1].Endpoint.String()}, "the worst first")
	require.Equal(t, []id.TenantID{other.Tenant, p.Tenant}, []id.TenantID{worst[0].Tenant, worst[1].Tenant})
	var said string
	cfg := app.Config{DatabaseURL: p.AppURL, PublicURL: testkit.PublicURL, Addr: "127.0.0.1:0", Data: t.TempDir()}
	for _, one := range cfg.Examine(context.Background(), app.ServeOptions{}) {
		if one.Name == "endpoints" {
			require.True(t, one.OK, "receivers' faults are not wrong here")
			said = one.Say
		}
	}
	require.Contains(t, said, fmt.Sprintf("2 only fail; for longest %s of %s since 2", worst[0].Endpoint, worst[0].Tenant))

	ours.answer(204)
	c.Post(first+"/test", nil).Is(200)
	p.deliver()
	d.Delete(second).Is(204)
	n, worst = read()
	require.Zero(t, n, "one arrived, and the other was deleted")
	require.Empty(t, worst)
}
