package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/tenant"
)

// DemoFile is demo.json: what a demo's clients get in with. The file is for its owner alone.
type DemoFile struct {
	BaseURL  string       `json:"base_url"`
	Platform DemoPlatform `json:"platform"`
	Tenants  []DemoTenant `json:"tenants"`
}

// DemoPlatform is the operator's client.
type DemoPlatform struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
}

// DemoTenant is one ST-partner of the demo with its clients.
type DemoTenant struct {
	Slug    string       `json:"slug"`
	ID      string       `json:"id"`
	Clients []DemoClient `json:"clients"`
}

// DemoClient is one client; OrganisationID is the employer that it is bound to, if any.
type DemoClient struct {
	Name           string  `json:"name"`
	Role           string  `json:"role"`
	OrganisationID *string `json:"organisation_id"`
	ClientID       string  `json:"client_id"`
	ClientSecret   string  `json:"client_secret"`
}

// CheckDemo refuses what a demo must not touch: other addresses than loopback, and a database that it did not make.
func CheckDemo(c Config) error {
	switch {
	case c.DatabaseURL != "" || c.MigrateURL != "":
		return errors.New("a demo makes its own database: unset DATABASE_URL and MIGRATE_DATABASE_URL, or use switchboard serve")
	case !IsLoopback(c.Addr):
		return fmt.Errorf("a demo answers on this machine alone: %s is no loopback address", c.Addr)
	}
	return nil
}

// Demo serves a demonstration on l until ctx ends, and tells on out what a stranger needs. The first time it makes two
// tenants with a world of their own; a start that was cut off begins anew. Later starts find the same data and secrets.
func Demo(ctx context.Context, c Config, l net.Listener, out io.Writer, o ServeOptions) error {
	if err := CheckDemo(c); err != nil {
		return errors.Join(err, l.Close())
	}
	say := func(format string, args ...any) { fmt.Fprintf(out, format+" …\n", args...) }
	o.Say = say
	var file DemoFile
	var a *App
	o.Ready = func() { a.introduce(ctx, out, c, file) }
	return c.run(ctx, forDemo, l, o, func(ctx context.Context, made *App) (err error) {
		a = made
		file, err = a.furnish(ctx, c, say)
		return err
	})
}

// furnish makes the world of a new demo, or finds that of an earlier start.
func (a *App) furnish(ctx context.Context, c Config, say func(string, ...any)) (DemoFile, error) {
	k, err := recall(c.Data)
	if err != nil {
		return DemoFile{}, err
	}
	path := filepath.Join(c.Data, demoFile)
	if k.Seeded {
		return reopen(path, c.PublicURL)
	}
	over := time.AfterFunc(time.Second, func() { say("making the demo's two tenants and their data") })
	defer over.Stop()
	f, err := a.SeedDemo(ctx)
	if err != nil {
		return f, err
	}
	// In this order: what is seeded is never made again, and then its secrets have to be there.
	if err := writeSecret(path, f); err != nil {
		return f, err
	}
	k.Seeded = true
	return f, k.write(c.Data)
}

// SeedDemo makes an operator and the demo's tenants with their world, through the doors, and returns what their clients get in
// with. The BaseURL is that of the App.
func (a *App) SeedDemo(ctx context.Context) (DemoFile, error) {
	f := DemoFile{BaseURL: a.options.PublicURL}
	err := a.DB.InTenant(ctx, tenant.AsOperator("demo"), func(tx *db.Tx) error {
		client, secret, err := a.Access.CreateOperator(ctx, tx, "Demo operator")
		f.Platform = DemoPlatform{client.ID.String(), secret}
		return err
	})
	if err != nil {
		return f, err
	}
	operator := newScribe(ctx, a.Handler()).as(f.Platform.ClientID, f.Platform.ClientSecret)
	for i, t := range demoWorld {
		made, err := t.seed(operator, a, i)
		if err != nil {
			return f, err
		}
		f.Tenants = append(f.Tenants, made)
	}
	return f, a.Surveys.ExpireDue(ctx, a.DB) // those of the round before
}

// reopen reads the secrets of an earlier start; the address may be another one now.
func reopen(path, baseURL string) (DemoFile, error) {
	var f DemoFile
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, fmt.Errorf("%s is gone, and with it the demo's secrets: remove %s to start over", path, filepath.Dir(path))
	}
	if err == nil {
		err = json.Unmarshal(b, &f)
	}
	if err != nil {
		return f, fmt.Errorf("%s cannot be read: %w", path, err)
	}
	if f.BaseURL == baseURL {
		return f, os.Chmod(path, 0o600)
	}
	f.BaseURL = baseURL
	return f, writeSecret(path, f)
}

// introduce tells a stranger where everything is, with a call for each tenant that works as it stands.
func (a *App) introduce(ctx context.Context, out io.Writer, c Config, f DemoFile) {
	path := filepath.Join(c.Data, demoFile)
	fmt.Fprintf(out, `
Switchboard's demo answers on %s

  API document  %[1]s/docs
  Health        %[1]s/readyz
  Secrets       %[2]s
  Database      PostgreSQL in %[3]s; the server is %[4]s there,
                which row-level security binds: it is no superuser and owns no table
`, f.BaseURL, path, c.Data, AppRole)
	for i, t := range f.Tenants {
		fmt.Fprintf(out, "\n%s (%s): read its leervragen as its coordinator\n", demoWorld[min(i, len(demoWorld)-1)].name, t.Slug)
		for _, client := range t.Clients {
			if client.Role != string(auth.Coordinator) {
				continue
			}
			s := newScribe(ctx, a.Handler()).as(client.ClientID, client.ClientSecret)
			if *s.failed != nil {
				fmt.Fprintf(out, "  its secret in %s works no more\n", path)
				continue
			}
			fmt.Fprintf(out, "  curl -H 'Authorization: Bearer %s' '%s/v1/leervragen'\n", s.token, f.BaseURL)
		}
	}
	fmt.Fprintf(out, `
A token lasts ten minutes; this gets another, as docs/getting-started.md explains:
  curl -d grant_type=client_credentials -d client_id=… -d client_secret=… '%s'

Ctrl-C stops the demo, and keeps its data.
`, f.BaseURL+"/oauth/token")
}
