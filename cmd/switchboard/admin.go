package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/switchingtalent/switchboard/internal/access"
	"github.com/switchingtalent/switchboard/internal/app"
	"github.com/switchingtalent/switchboard/internal/journey"
	"github.com/switchingtalent/switchboard/internal/matching"
	"github.com/switchingtalent/switchboard/internal/matching/relevance"
	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/tenant"
)

// reason is what the rows say that the command line changes.
const reason = "command line"

// subcommand runs the one of a command's parts that the first argument names.
func subcommand(ctx context.Context, t terminal, args []string, usage string, parts map[string]func(context.Context, terminal, []string) error) error {
	if len(args) == 0 {
		return misuse{errors.New("say what to do: switchboard " + usage)}
	}
	if args[0] == "-h" || args[0] == "--help" {
		fmt.Fprintf(t.out, "Usage: switchboard %s\n\nEach of them has a --help of its own.\n", usage)
		return nil
	}
	part := parts[args[0]]
	if part == nil {
		return misuse{fmt.Errorf("%q is none of: switchboard %s", args[0], usage)}
	}
	return part(ctx, t, args[1:])
}

// errand calls fn with the App of the installation.
func errand(ctx context.Context, t terminal, data string, dirErr error, fn func(*app.App) error) error {
	c, err := config(defaultAddr, data, false, dirErr)
	if err != nil {
		return err
	}
	return c.Reach(ctx, quiet(t), fn)
}

func printJSON(w io.Writer, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, string(b))
	return err
}

func migrate(ctx context.Context, t terminal, args []string) error {
	f := newFlags(t, "migrate [--data DIR] | migrate --bootstrap [--superuser-url URL] [--database NAME]",
		"Brings the schema up to date: of the database at MIGRATE_DATABASE_URL, as the role that owns it, else of the data\n"+
			"directory's. With --bootstrap, which needs a superuser's URL, it first makes both roles and the database, gives the\n"+
			"roles new passwords (the one in DATABASE_URL where that is set), and prints the URLs with those that it made up.", true)
	bootstrap := f.Bool("bootstrap", false, "make both roles and the database first")
	super := f.String("superuser-url", "", "the server, as a superuser (default MIGRATE_DATABASE_URL)")
	database := f.String("database", "", "`NAME` of the database that --bootstrap makes (default that of DATABASE_URL, else switchboard)")
	data, dirErr := f.data("server")
	if _, err := f.parse(args, 0); err != nil {
		return err
	}
	c, err := config(defaultAddr, *data, false, nil)
	if err != nil {
		return err
	}
	n, urls := 0, app.URLs{}
	switch {
	case *bootstrap:
		if *super == "" {
			*super = c.MigrateURL
		}
		if *super == "" {
			return misuse{errors.New("--bootstrap needs the server as a superuser: --superuser-url or MIGRATE_DATABASE_URL")}
		}
		n, urls, err = c.BootstrapServer(ctx, *super, *database)
	case *super != "" || *database != "":
		return misuse{errors.New("--superuser-url and --database go with --bootstrap")}
	case c.MigrateURL != "":
		n, err = c.MigrateServer(ctx)
	case c.DatabaseURL != "":
		return errors.New("set MIGRATE_DATABASE_URL, the same database as the role that owns its schema")
	case dirErr != nil:
		return dirErr
	default:
		n, err = c.MigrateData(ctx, quiet(t).Say)
	}
	if err != nil {
		return err
	}
	for _, u := range urls {
		fmt.Fprintf(t.out, "%s=%s\n", u.Name, u.Value)
	}
	fmt.Fprintf(t.err, "The schema is up to date; %d migrations were applied.\n", n)
	return nil
}

func tenants(ctx context.Context, t terminal, args []string) error {
	return subcommand(ctx, t, args, "tenant open|list", map[string]func(context.Context, terminal, []string) error{
		"open": openTenant, "list": listTenants,
	})
}

func openTenant(ctx context.Context, t terminal, args []string) error {
	f := newFlags(t, "tenant open --slug SLUG --name NAME [--sandbox] [--data DIR]",
		"Opens a tenant and prints its first client, a partner_admin, whose secret is shown this once and lives 72 hours unless\n"+
			"that client rotates it.", false)
	var in journey.TenantInput
	f.StringVar(&in.Slug, "slug", "", "lower-case letters, digits and single hyphens, unique here")
	f.StringVar(&in.Name, "name", "", "as people know it")
	f.BoolVar(&in.Sandbox, "sandbox", false, "for trying things out")
	data, dirErr := f.data("server")
	if _, err := f.parse(args, 0); err != nil {
		return err
	}
	if in.Slug == "" || strings.TrimSpace(in.Name) == "" {
		return misuse{errors.New("a tenant needs --slug and --name")}
	}
	return errand(ctx, t, *data, dirErr, func(a *app.App) error {
		var out journey.OpenedTenant
		err := a.DB.InTenant(ctx, tenant.AsOperator(reason), func(tx *db.Tx) (err error) {
			out, err = journey.OpenTenant{Tenants: a.Tenants, Access: a.Access}.Open(ctx, tx, in)
			return err
		})
		if err != nil {
			return err
		}
		return printJSON(t.out, out)
	})
}

func listTenants(ctx context.Context, t terminal, args []string) error {
	f := newFlags(t, "tenant list [--data DIR]", "Lists the tenants.", false)
	data, dirErr := f.data("server")
	if _, err := f.parse(args, 0); err != nil {
		return err
	}
	return errand(ctx, t, *data, dirErr, func(a *app.App) error {
		var rows []tenant.Tenant
		err := a.DB.InTenant(ctx, tenant.AsOperator(reason), func(tx *db.Tx) error {
			return tx.Select(&rows, `select * from tenants where id <> ? order by slug`, tenant.OperatorID)
		})
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "ID\tSLUG\tNAME\tENVIRONMENT")
		for _, r := range rows {
			environment := "live"
			if r.Sandbox {
				environment = "sandbox"
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", r.ID, r.Slug, r.Name, environment)
		}
		return table.Flush()
	})
}

func clients(ctx context.Context, t terminal, args []string) error {
	return subcommand(ctx, t, args, "client create|rotate|revoke", map[string]func(context.Context, terminal, []string) error{
		"create": createClient, "rotate": rotateClient, "revoke": revokeClient,
	})
}

// madeClient is what is printed of a client that got a secret.
type madeClient struct {
	ClientID       id.ClientID        `json:"client_id"`
	ClientSecret   string             `json:"client_secret"`
	Name           string             `json:"name"`
	Role           auth.Role          `json:"role"`
	OrganisationID *id.OrganisationID `json:"organisation_id"`
	MedewerkerID   *id.MedewerkerID   `json:"medewerker_id"`
}

func made(c access.Client, secret string) madeClient {
	return madeClient{c.ID, secret, c.Name, c.Role, c.OrganisationID, c.MedewerkerID}
}

func createClient(ctx context.Context, t terminal, args []string) error {
	f := newFlags(t, "client create --tenant SLUG --role ROLE --name NAME [--scopes A,B] [--organisation ID | --medewerker ID] [--data DIR]",
		"Makes a client and prints its secret, which is shown this once. The role operator takes no tenant: it opens tenants.", false)
	slug := f.String("tenant", "", "`SLUG` of the client's tenant")
	role := f.String("role", "", "operator, partner_admin, coordinator, employer, switcher, leercoach, integration or viewer")
	name := f.String("name", "", "as people know it")
	scopes := f.String("scopes", "", "permissions with commas between, for the role integration")
	organisation := f.String("organisation", "", "`ID` of the employer that binds it")
	medewerker := f.String("medewerker", "", "`ID` of the employee that binds it")
	data, dirErr := f.data("server")
	if _, err := f.parse(args, 0); err != nil {
		return err
	}
	operator := *role == string(auth.Operator)
	if *role == "" || strings.TrimSpace(*name) == "" || operator != (*slug == "") {
		return misuse{errors.New("a client needs --role, --name and, unless it is an operator, --tenant")}
	}
	in := access.Input{Name: *name, Role: *role}
	if *scopes != "" {
		in.Scopes = strings.Split(*scopes, ",")
	}
	if *organisation != "" {
		in.OrganisationID = new(id.OrganisationID)
		if err := in.OrganisationID.UnmarshalText([]byte(*organisation)); err != nil {
			return misuse{errors.New("--organisation must be " + in.OrganisationID.Format())}
		}
	}
	if *medewerker != "" {
		in.MedewerkerID = new(id.MedewerkerID)
		if err := in.MedewerkerID.UnmarshalText([]byte(*medewerker)); err != nil {
			return misuse{errors.New("--medewerker must be " + in.MedewerkerID.Format())}
		}
	}
	return errand(ctx, t, *data, dirErr, func(a *app.App) error {
		who := tenant.AsOperator(reason)
		if !operator {
			found, err := a.DB.Resolve(ctx, "tenant_slug", *slug)
			if err != nil {
				return fmt.Errorf("there is no tenant %q: switchboard tenant list shows them", *slug)
			}
			who = db.System(found.Tenant, reason)
		}
		var out madeClient
		err := a.DB.InTenant(ctx, who, func(tx *db.Tx) error {
			var c access.Client
			var secret string
			var err error
			if operator {
				c, secret, err = a.Access.CreateOperator(ctx, tx, *name)
			} else {
				c, secret, err = a.Access.Create(ctx, tx, in)
			}
			out = made(c, secret)
			return err
		})
		if err != nil {
			return err
		}
		return printJSON(t.out, out)
	})
}

// withClient calls fn in the tenant of a client, in one transaction.
func withClient(ctx context.Context, a *app.App, text string, fn func(*db.Tx, id.ClientID) error) error {
	cid, err := clientID(text)
	if err != nil {
		return err
	}
	found, err := a.DB.Resolve(ctx, "client", text)
	if err != nil {
		return fmt.Errorf("there is no client %s, or it was revoked", text)
	}
	who := db.System(found.Tenant, reason)
	if found.Tenant == tenant.OperatorID {
		who = tenant.AsOperator(reason)
	}
	return a.DB.InTenant(ctx, who, func(tx *db.Tx) error { return fn(tx, cid) })
}

func clientID(text string) (id.ClientID, error) {
	cid, err := id.ParseClient(text)
	if err != nil {
		return cid, misuse{errors.New("a client is named by " + cid.Format())}
	}
	return cid, nil
}

func rotateClient(ctx context.Context, t terminal, args []string) error {
	f := newFlags(t, "client rotate CLIENT-ID [--overlap 24h] [--data DIR]",
		"Gives a client another secret and prints it. The present one lives on for --overlap; 0 ends it, and its tokens, at once.", false)
	overlap := f.Duration("overlap", 24*time.Hour, "how long the present secret lives on")
	data, dirErr := f.data("server")
	rest, err := f.parse(args, 1)
	if err != nil {
		return err
	}
	return errand(ctx, t, *data, dirErr, func(a *app.App) error {
		var out madeClient
		err := withClient(ctx, a, rest[0], func(tx *db.Tx, cid id.ClientID) error {
			c, secret, err := a.Access.Rotate(ctx, tx, cid, *overlap)
			out = made(c, secret)
			return err
		})
		if err != nil {
			return err
		}
		return printJSON(t.out, out)
	})
}

func revokeClient(ctx context.Context, t terminal, args []string) error {
	f := newFlags(t, "client revoke CLIENT-ID [--data DIR]", "Ends a client for ever: its secrets and webhook endpoints at once, its tokens within ten seconds.", false)
	data, dirErr := f.data("server")
	rest, err := f.parse(args, 1)
	if err != nil {
		return err
	}
	return errand(ctx, t, *data, dirErr, func(a *app.App) error {
		return withClient(ctx, a, rest[0], func(tx *db.Tx, cid id.ClientID) error {
			return journey.RevokeClient{Access: a.Access, Webhooks: a.Webhooks}.Revoke(ctx, tx, cid)
		})
	})
}

func token(ctx context.Context, t terminal, args []string) error {
	f := newFlags(t, "token CLIENT-ID [--addr HOST:PORT] [--data DIR]",
		"Prints an access token of a client, without its secret: for whoever runs the installation. It is audited. A server takes\n"+
			"the token if it has the same SWITCHBOARD_PUBLIC_URL, or the same --addr.", false)
	addr := f.String("addr", defaultAddr, "`HOST:PORT` that the server listens on")
	data, dirErr := f.data("server")
	rest, err := f.parse(args, 1)
	if err != nil {
		return err
	}
	cid, err := clientID(rest[0])
	if err != nil {
		return err
	}
	c, err := config(*addr, *data, false, dirErr)
	if err != nil {
		return err
	}
	return c.Reach(ctx, quiet(t), func(a *app.App) error {
		out, err := a.Access.Token(ctx, cid)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(t.out, out.AccessToken)
		return err
	})
}

func keys(ctx context.Context, t terminal, args []string) error {
	return subcommand(ctx, t, args, "keys rotate", map[string]func(context.Context, terminal, []string) error{"rotate": rotateKeys})
}

func rotateKeys(ctx context.Context, t terminal, args []string) error {
	f := newFlags(t, "keys rotate [--data DIR]", "Publishes another key for access tokens and prints its id. It signs from two minutes on; the present one verifies\n"+
		"until the last token that it signed has expired. No good token is refused in between.", false)
	data, dirErr := f.data("server")
	if _, err := f.parse(args, 0); err != nil {
		return err
	}
	c, err := config(defaultAddr, *data, false, dirErr)
	if err != nil {
		return err
	}
	return c.Reach(ctx, quiet(t), func(a *app.App) error {
		kid, err := a.Access.Keys.Rotate(ctx)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(t.out, kid)
		return err
	})
}

func imports(ctx context.Context, t terminal, args []string) error {
	return subcommand(ctx, t, args, "import esco|postcodes", map[string]func(context.Context, terminal, []string) error{
		"esco": importESCO, "postcodes": importPostcodes})
}

func importESCO(ctx context.Context, t terminal, args []string) error {
	f := newFlags(t, "import esco DIR [--version TEXT] [--data DIR]",
		"Puts the ESCO classification in the database, in the place of the one that is there: from the European Commission's own\n"+
			"files in DIR (skills_nl.csv, occupations_nl.csv, skillGroups_nl.csv, skillsHierarchy_nl.csv, broaderRelations….csv), as the\n"+
			"role that owns the schema: MIGRATE_DATABASE_URL, or the data directory's own. All tenants read it. Doing it again changes\n"+
			"nothing.\n\n"+relevance.Acknowledgement, true)
	release := f.String("version", "unknown", "`TEXT` by which the Commission names this release, like v1.2.0")
	data, dirErr := f.data("server")
	rest, err := f.parse(args, 1)
	if err != nil {
		return err
	}
	if *release == "" || len(*release) > 100 {
		return misuse{errors.New("--version takes 1 to 100 characters")}
	}
	c, err := config(defaultAddr, *data, false, dirErr)
	if err != nil {
		return err
	}
	n, changed, err := c.ImportESCO(ctx, rest[0], *release, quiet(t).Say)
	if err != nil {
		return err
	}
	said := "%d concepts of ESCO are there.\n"
	if !changed {
		said = "%d concepts of ESCO were there already; nothing changed.\n"
	}
	_, err = fmt.Fprintf(t.out, said+"%s\n", n, relevance.Acknowledgement)
	return err
}

func importPostcodes(ctx context.Context, t terminal, args []string) error {
	f := newFlags(t, "import postcodes FILE [--data DIR]",
		"Puts the postcodes of a country in the database, with the middle of each, in the place of those of that country that are\n"+
			"there: from a postal code file of GeoNames (BE.txt, unpacked), as the role that owns the schema: MIGRATE_DATABASE_URL, or\n"+
			"the data directory's own. All tenants' distances from a home or a workplace stand on it. Import your own country first:\n"+
			"it is meant where countries share a postcode and nobody knows better. Doing it again changes nothing.\n\n"+matching.PostcodesAcknowledgement, true)
	data, dirErr := f.data("server")
	rest, err := f.parse(args, 1)
	if err != nil {
		return err
	}
	c, err := config(defaultAddr, *data, false, dirErr)
	if err != nil {
		return err
	}
	p, err := c.ImportPostcodes(ctx, rest[0], quiet(t).Say)
	if err != nil {
		return err
	}
	said := fmt.Sprintf("%d postcodes of %s are there.\n", p.Postcodes, strings.Join(p.Countries, ", "))
	if !p.Changed {
		said = fmt.Sprintf("%d postcodes of %s were there already; nothing changed.\n", p.Postcodes, strings.Join(p.Countries, ", "))
	}
	if p.Passed > 0 {
		said += fmt.Sprintf("%d lines were passed over: said twice, or without coordinates.\n", p.Passed)
	}
	_, err = fmt.Fprintf(t.out, "%s%s\n", said, matching.PostcodesAcknowledgement)
	return err
}
