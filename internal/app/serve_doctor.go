package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/postgres"
	"github.com/switchingtalent/switchboard/internal/platform/seal"
)

// Findings are what Examine looked at, in order.
type Findings []Check

// Wrong reports whether anything is.
func (f Findings) Wrong() bool {
	return slices.ContainsFunc(f, func(c Check) bool { return !c.OK })
}

func (f *Findings) note(name string, err error, fine string) {
	if err != nil {
		fine = err.Error()
	}
	*f = append(*f, Check{name, err == nil, fine})
}

// Examine looks at everything that serve needs, and says of each thing whether it is right. It makes nothing that is not
// there yet; the database of a data directory is started for as long as it takes.
func (c Config) Examine(ctx context.Context, o ServeOptions) Findings {
	var f Findings
	fresh, running := false, false
	if c.DatabaseURL == "" {
		bin, err := postgres.Find()
		f.note("PostgreSQL", err, bin)
		k, err := recall(c.Data)
		if fresh = errors.Is(err, errNothingHere); fresh {
			f.note("data directory", nil, c.Data+" is made by serve")
		} else {
			f.note("data directory", err, c.Data)
		}
		running = err == nil && answers(ctx, k.URL)
	}
	there, err := c.examineKey()
	switch {
	case err == nil && !there && c.DatabaseURL == "" && !fresh:
		f.note("master key", fmt.Errorf("%s is gone: what was sealed under it cannot be opened; put it back", c.masterPath()), "")
	case err == nil && !there:
		f.note("master key", nil, c.masterPath()+" is made by serve: keep it")
	default:
		f.note("master key", err, c.keySource())
	}
	f.note("public URL", c.examinePublicURL(), c.PublicURL)
	if running {
		f.note("address", nil, "a server runs on this data directory")
	} else {
		f.note("address", free(ctx, c.Addr), c.Addr+" is free")
	}
	if fresh {
		f.note("database", nil, "is made by serve")
		return f
	}
	r, err := c.reach(ctx, o)
	if err != nil {
		f.note("database", err, "")
		return f
	}
	f = append(f, c.examineDatabase(ctx, r.url, o, there)...)
	if err := r.release(); err != nil {
		f.note("database", err, "")
	}
	return f
}

// examineDatabase looks at a database that answers. sealed says that there is a master key to open its keys with.
func (c Config) examineDatabase(ctx context.Context, url string, o ServeOptions, sealed bool) (f Findings) {
	d, err := db.Open(ctx, url, db.Options{})
	if err != nil {
		f.note("database", err, "")
		return f
	}
	defer d.Close()
	f.note("role", nil, "row-level security binds it")
	if err := upToDate(ctx, d); err != nil {
		f.note("migrations", err, "")
		return f
	}
	var box *seal.Box
	if sealed {
		if box, err = c.Box(); err != nil {
			return f // said before
		}
	}
	a, err := New(d, Options{Box: box, Log: o.Log, PublicURL: c.PublicURL, TrustedProxies: c.TrustedProxies, Forwarded: c.Forwarded, ClientLimit: c.ClientLimit,
		PublicLimit: c.PublicLimit, KeepEvents: c.KeepEvents, KeepTries: c.KeepTries})
	if err != nil {
		f.note("configuration", err, "")
		return f
	}
	f = append(f, a.Check(ctx)...)
	f.note("feed", a.examineFeed(ctx), "nothing holds it back")
	said, err := a.failing(ctx)
	f.note("endpoints", err, said)
	if box != nil {
		f.note("signing keys", a.Access.Start(ctx), "open under the master key")
	}
	return f
}

// maxFeedLag is how long a transaction may hold back the feed before somebody should end it.
const maxFeedLag = 5 * time.Minute

// examineFeed says whose transaction holds back the feed. It does not make a server unfit, so /readyz does not say it.
func (a *App) examineFeed(ctx context.Context) error {
	lag, err := a.Events.Lag(ctx)
	if err != nil || lag < maxFeedLag {
		return err
	}
	by, err := a.Events.Holder(ctx)
	if err != nil {
		return err
	}
	return fmt.Errorf("a transaction that has been open for %s holds back what was recorded since: %s", lag.Round(time.Minute), by)
}

// failing names the endpoints that have only failed for longest. That is their receivers' fault, so it is not wrong here.
func (a *App) failing(ctx context.Context) (string, error) {
	all, worst, err := a.Webhooks.Failing(ctx)
	if err != nil || all == 0 {
		return "none only fails", err
	}
	said := fmt.Sprintf("%d only fail; for longest", all)
	for i, x := range worst {
		if i > 0 {
			said += ","
		}
		said += fmt.Sprintf(" %s of %s since %s", x.Endpoint, x.Tenant, x.Since.Format(time.RFC3339))
	}
	return said, nil
}

// answers reports whether somebody runs the database at url.
func answers(ctx context.Context, url string) bool {
	if url == "" {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	return err == nil && conn.Close(ctx) == nil
}

func free(ctx context.Context, addr string) error {
	l, _, err := Listen(ctx, addr)
	if err != nil {
		return err
	}
	return l.Close()
}

// examineKey reports whether there is a master key, and what is wrong with it.
func (c Config) examineKey() (there bool, err error) {
	if c.MasterKey != "" {
		_, err := seal.Open(c.MasterKey)
		return true, err
	}
	if _, err := os.Stat(c.masterPath()); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	_, err = seal.OpenFile(c.masterPath()) // the mode of the file too
	return true, err
}

func (c Config) keySource() string {
	if c.MasterKey != "" {
		return "from SWITCHBOARD_MASTER_KEY"
	}
	return c.masterPath()
}

// examinePublicURL says what is wrong with the URL that links, codes and tokens start with.
func (c Config) examinePublicURL() error {
	u, err := url.Parse(c.PublicURL)
	if err != nil {
		return err
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	switch {
	case u.Hostname() == "" || ip != nil && ip.IsUnspecified():
		return fmt.Errorf("nobody can follow %s: set SWITCHBOARD_PUBLIC_URL", c.PublicURL)
	case local && !IsLoopback(c.Addr):
		return fmt.Errorf("only this machine can follow %s: set SWITCHBOARD_PUBLIC_URL", c.PublicURL)
	case u.Scheme == "http" && !local:
		return fmt.Errorf("%s would send tokens in the clear: use https", c.PublicURL)
	}
	return nil
}
