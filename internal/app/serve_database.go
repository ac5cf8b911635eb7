package app

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/switchingtalent/switchboard/internal/matching"
	"github.com/switchingtalent/switchboard/internal/platform/postgres"
	"github.com/switchingtalent/switchboard/internal/platform/seal"
)

// What stands in a data directory, beside PostgreSQL's own directory.
const (
	databaseFile = "database.json"
	masterFile   = "master.key"
	demoFile     = "demo.json"
)

const (
	embeddedDatabase = "switchboard"
	// PostgreSQL that does not come back is tried again so often, and so much later each time.
	revivals    = 10
	revivalWait = time.Second
)

// What a data directory was made for.
const (
	forServe = "serve"
	forDemo  = "demo"
)

var errNothingHere = errors.New("there is no installation in this data directory")

// DefaultData is the data directory of this user for a name like "server" or "demo", after the XDG Base Directory
// Specification.
func DefaultData(name string) (string, error) {
	base := os.Getenv("XDG_DATA_HOME")
	if !filepath.IsAbs(base) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", errors.New("this user has no home directory: say with --data where the data go")
		}
		base = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(base, "switchboard", name), nil
}

// kept is what a data directory remembers of its database, in a file that only its owner can read.
type kept struct {
	For           string `json:"for"` // serve or demo
	Seeded        bool   `json:"seeded"`
	OwnerPassword string `json:"owner_password"`
	AppPassword   string `json:"app_password"`
	URL           string `json:"url"` // of the running server, as the app role
}

// recall reads what the directory remembers; errNothingHere when there is nothing.
func recall(dir string) (kept, error) {
	var k kept
	b, err := os.ReadFile(filepath.Join(dir, databaseFile))
	if errors.Is(err, fs.ErrNotExist) {
		return k, fmt.Errorf("%w (%s)", errNothingHere, dir)
	}
	if err == nil {
		err = json.Unmarshal(b, &k)
	}
	if err != nil {
		return k, fmt.Errorf("%s cannot be read: %w", filepath.Join(dir, databaseFile), err)
	}
	return k, nil
}

func (k kept) write(dir string) error { return writeSecret(filepath.Join(dir, databaseFile), k) }

// settle makes the data directory, or reads what it remembers. A directory that was made for something else, or that
// holds a database of which we remember nothing, is refused for a demo: a demo touches only what it made itself.
func settle(dir, purpose string) (kept, error) {
	k, err := recall(dir)
	if err == nil {
		if purpose == forDemo && k.For != forDemo {
			return k, fmt.Errorf("%s holds an installation that the demo did not make: use another data directory", dir)
		}
		return k, nil
	}
	if !errors.Is(err, errNothingHere) {
		return k, err
	}
	if clusters, _ := filepath.Glob(filepath.Join(dir, "postgres*")); purpose == forDemo && len(clusters) > 0 {
		return k, fmt.Errorf("%s holds a database that the demo did not make: use another data directory", dir)
	}
	mode := fs.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o711 // PostgreSQL runs as another user then, who has to pass through
	}
	if err := os.MkdirAll(dir, mode); err != nil {
		return k, err
	}
	k = kept{For: purpose, OwnerPassword: rand.Text(), AppPassword: rand.Text()}
	return k, k.write(dir)
}

// writeSecret replaces a file with v as JSON, one member a line, for its owner alone. Nobody ever reads half of it.
func writeSecret(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // 0600
	if err != nil {
		return err
	}
	_, err = file.Write(append(b, '\n'))
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

// embedded is the private PostgreSQL of a data directory, with our roles and our database in it.
type embedded struct {
	dir    string
	kept   kept
	say    func(format string, args ...any)
	server *postgres.Server
}

// startEmbedded starts it and brings its schema up to date. With afresh the database that is there is dropped first.
func startEmbedded(ctx context.Context, dir string, k kept, afresh bool, say func(string, ...any)) (*embedded, error) {
	e := &embedded{dir: dir, kept: k, say: say}
	var err error
	if e.server, err = postgres.Start(ctx, postgres.Options{Dir: dir, Log: say}); err != nil {
		return nil, err
	}
	if err = e.prepare(ctx, afresh); err != nil {
		return nil, errors.Join(err, e.stop())
	}
	return e, nil
}

func (e *embedded) prepare(ctx context.Context, afresh bool) error {
	over := time.AfterFunc(time.Second, func() { e.say("bringing the schema of the database up to date") })
	defer over.Stop()
	super := e.server.SuperURL("postgres")
	if afresh {
		if err := drop(ctx, super); err != nil {
			return err
		}
	}
	if err := Bootstrap(ctx, super, embeddedDatabase, e.kept.OwnerPassword, e.kept.AppPassword); err != nil {
		return err
	}
	if _, err := Migrate(ctx, e.server.URL(OwnerRole, e.kept.OwnerPassword, embeddedDatabase)); err != nil {
		return err
	}
	e.kept.URL = e.url()
	return e.kept.write(e.dir)
}

func drop(ctx context.Context, super string) error {
	c, err := pgx.Connect(ctx, super)
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, "drop database if exists "+embeddedDatabase)
	return errors.Join(err, c.Close(ctx))
}

func (e *embedded) url() string {
	return e.server.URL(AppRole, e.kept.AppPassword, embeddedDatabase)
}

// watch starts PostgreSQL again whenever it ends without us, until ctx ends. Requests are answered 503 meanwhile. It
// gives up when PostgreSQL does not come back, or comes back at another address.
func (e *embedded) watch(ctx context.Context, failed func(error)) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-e.server.Done():
			if ctx.Err() != nil {
				return nil
			}
			failed(fmt.Errorf("the database ended, and is started again: %w", err))
		}
		if err := e.revive(ctx, failed); err != nil {
			return err
		}
	}
}

func (e *embedded) revive(ctx context.Context, failed func(error)) error {
	for try := 1; ; try++ {
		server, err := postgres.Start(ctx, postgres.Options{Dir: e.dir, Log: e.say})
		if err == nil {
			before := e.kept.URL
			if e.server = server; e.url() != before {
				return errors.New("the path of the data directory is too long for PostgreSQL to come back at the same address: start again")
			}
			return nil
		}
		if ctx.Err() != nil {
			return nil
		}
		if try == revivals {
			return fmt.Errorf("the database does not come back: %w", err)
		}
		failed(err)
		select {
		case <-ctx.Done():
		case <-time.After(revivalWait):
		}
	}
}

func (e *embedded) stop() error { return e.server.Stop(context.Background()) }

// Box opens what seals keys and secrets: the master key of the environment, else that of the data directory, which is
// made if it is not there.
func (c Config) Box() (*seal.Box, error) {
	if c.MasterKey != "" {
		return seal.Open(c.MasterKey)
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, err
	}
	return seal.OpenFile(c.masterPath())
}

func (c Config) masterPath() string { return filepath.Join(c.Data, masterFile) }

// Reach calls fn with the App of an installation that is there, for one errand of the command line: on DATABASE_URL, else
// on the database of the data directory, which is started for it unless a server runs it already.
func (c Config) Reach(ctx context.Context, o ServeOptions, fn func(*App) error) error {
	r, err := c.reach(ctx, o)
	if err != nil {
		return err
	}
	return errors.Join(c.errand(ctx, r, o, fn), r.release())
}

func (c Config) errand(ctx context.Context, r reached, o ServeOptions, fn func(*App) error) error {
	a, err := c.open(ctx, r.url, o)
	if err != nil {
		return err
	}
	defer a.DB.Close()
	return fn(a)
}

// reached is a database that answers.
type reached struct {
	url string
	own *embedded // nil when somebody else runs it
}

func (r reached) release() error {
	if r.own == nil {
		return nil
	}
	return r.own.stop()
}

func (c Config) reach(ctx context.Context, o ServeOptions) (reached, error) {
	if c.DatabaseURL != "" {
		return reached{url: c.DatabaseURL}, nil
	}
	k, err := recall(c.Data)
	if errors.Is(err, errNothingHere) {
		return reached{}, fmt.Errorf("%w: start switchboard serve first, or set DATABASE_URL", err)
	}
	if err != nil {
		return reached{}, err
	}
	e, err := startEmbedded(ctx, c.Data, k, false, o.say())
	switch {
	case errors.Is(err, postgres.ErrInUse) && k.URL != "":
		return reached{url: k.URL}, nil // a server runs it, and wrote down where
	case err != nil:
		return reached{}, err
	}
	return reached{e.url(), e}, nil
}

// MigrateData brings the schema of the data directory's own database up to date, and reports how many files it applied.
func (c Config) MigrateData(ctx context.Context, say func(string, ...any)) (n int, err error) {
	k, err := recall(c.Data)
	if err != nil {
		return 0, err
	}
	server, err := postgres.Start(ctx, postgres.Options{Dir: c.Data, Log: say})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, server.Stop(context.WithoutCancel(ctx))) }()
	return Migrate(ctx, server.URL(OwnerRole, k.OwnerPassword, embeddedDatabase))
}

// ImportESCO puts the ESCO classification from the files in a directory in the database, as the role that owns the schema:
// at MIGRATE_DATABASE_URL, else in the data directory's own database, whether a server runs it or not.
func (c Config) ImportESCO(ctx context.Context, dir, version string, say func(string, ...any)) (n int, changed bool, err error) {
	err = c.writeAsOwner(ctx, say, func(tx pgx.Tx) (err error) {
		n, changed, err = matching.ImportESCO(ctx, tx, os.DirFS(dir), version, time.Now())
		return err
	})
	return n, changed, err
}

// ImportPostcodes puts the postcodes of a file of GeoNames in the database, in the same way.
func (c Config) ImportPostcodes(ctx context.Context, name string, say func(string, ...any)) (p matching.Postcodes, err error) {
	file, err := os.Open(name)
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	err = c.writeAsOwner(ctx, say, func(tx pgx.Tx) (err error) {
		p, err = matching.ImportPostcodes(ctx, tx, file, time.Now())
		return err
	})
	return p, err
}

// writeAsOwner runs a transaction of the role that owns the schema.
func (c Config) writeAsOwner(ctx context.Context, say func(string, ...any), write func(pgx.Tx) error) (err error) {
	at, release, err := c.asOwner(ctx, say)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	conn, err := pgx.Connect(ctx, at)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	return pgx.BeginFunc(ctx, conn, write)
}

// asOwner finds the database as the role that owns its schema.
func (c Config) asOwner(ctx context.Context, say func(string, ...any)) (at string, release func() error, err error) {
	switch {
	case c.MigrateURL != "":
		return c.MigrateURL, func() error { return nil }, nil
	case c.DatabaseURL != "":
		return "", nil, errors.New("set MIGRATE_DATABASE_URL, the same database as the role that owns its schema")
	}
	k, err := recall(c.Data)
	if err != nil {
		return "", nil, err
	}
	e, err := startEmbedded(ctx, c.Data, k, false, say)
	switch {
	case errors.Is(err, postgres.ErrInUse) && k.URL != "": // a server runs it, and wrote down where
		u, err := url.Parse(k.URL)
		if err != nil {
			return "", nil, err
		}
		u.User = url.UserPassword(OwnerRole, k.OwnerPassword)
		return u.String(), func() error { return nil }, nil
	case err != nil:
		return "", nil, err
	}
	return e.server.URL(OwnerRole, k.OwnerPassword, embeddedDatabase), e.stop, nil
}

// URLs are addresses of a database whose passwords were made up, by the names of their settings.
type URLs []struct{ Name, Value string }

// BootstrapServer makes both roles and the database on a server, as a superuser, and migrates it. The name of the database
// and the app role's password are those of DATABASE_URL where that says them; what was made up is returned.
func (c Config) BootstrapServer(ctx context.Context, superURL, database string) (int, URLs, error) {
	owner, password := rand.Text(), rand.Text()
	var out URLs
	told := false
	if c.DatabaseURL != "" {
		u, err := url.Parse(c.DatabaseURL)
		if err != nil || u.User.Username() != AppRole {
			return 0, nil, fmt.Errorf("DATABASE_URL must be a URL for the role %s", AppRole)
		}
		if database == "" {
			database = strings.TrimPrefix(u.Path, "/")
		}
		if p, ok := u.User.Password(); ok {
			password, told = p, true
		}
	}
	if database == "" {
		database = embeddedDatabase
	}
	if err := decided("the superuser's URL", superURL); err != nil {
		return 0, nil, err
	}
	super, err := url.Parse(superURL)
	if err != nil || super.Scheme != "postgres" && super.Scheme != "postgresql" {
		return 0, nil, errors.New("the superuser's URL must look like postgres://postgres:password@host:5432/postgres")
	}
	at := func(role, password string) string {
		u := *super
		u.User, u.Path = url.UserPassword(role, password), "/"+database
		return u.String()
	}
	if err := Bootstrap(ctx, superURL, database, owner, password); err != nil {
		return 0, nil, err
	}
	n, err := Migrate(ctx, at(OwnerRole, owner))
	if !told {
		out = append(out, struct{ Name, Value string }{"DATABASE_URL", at(AppRole, password)})
	}
	return n, append(out, struct{ Name, Value string }{"MIGRATE_DATABASE_URL", at(OwnerRole, owner)}), err
}

// MigrateServer brings the schema at MIGRATE_DATABASE_URL up to date. It refuses a superuser, whose tables the app role
// could not use.
func (c Config) MigrateServer(ctx context.Context) (int, error) {
	conn, err := pgx.Connect(ctx, c.MigrateURL)
	if err != nil {
		return 0, err
	}
	var super bool
	err = conn.QueryRow(ctx, `select rolsuper from pg_roles where rolname = current_user`).Scan(&super)
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		return 0, err
	}
	if super {
		return 0, fmt.Errorf("MIGRATE_DATABASE_URL must name the role that owns the schema, %s, not a superuser: migrate --bootstrap makes it", OwnerRole)
	}
	return Migrate(ctx, c.MigrateURL)
}
