// Command switchboard serves the API, and looks after an installation of it; `switchboard help` lists its commands.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/switchingtalent/switchboard/internal/app"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// command is one thing that the program does.
type command struct {
	name, short string
	run         func(ctx context.Context, t terminal, args []string) error
}

func commands() []command {
	return []command{
		{"serve", "serve the API, with deliveries and jobs", serve},
		{"work", "do deliveries and jobs alone", work},
		{"demo", "serve a demonstration with data of its own on this machine", demo},
		{"migrate", "bring the schema of the database up to date", migrate},
		{"tenant", "open and list tenants (ST-partners)", tenants},
		{"client", "make machine clients, rotate their secrets, revoke them", clients},
		{"token", "print an access token of a client", token},
		{"keys", "rotate the keys that sign access tokens", keys},
		{"import", "put reference data (ESCO, postcodes) in the database", imports},
		{"listen", "print the webhooks that arrive on this machine", listen},
		{"doctor", "check that serve has all it needs", doctor},
		{"version", "print the version", version},
	}
}

// terminal is where a command writes: what was asked for, and what is said along the way.
type terminal struct{ out, err io.Writer }

// misuse is an error in how a command was called; the program ends with 2.
type misuse struct{ error }

// errTold says that a command told what is wrong by itself.
var errTold = errors.New("")

func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	err := dispatch(ctx, terminal{stdout, stderr}, args)
	var wrong misuse
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errTold):
		return 1
	case errors.As(err, &wrong):
		fmt.Fprintf(stderr, "switchboard: %v\n", err)
		return 2
	}
	fmt.Fprintf(stderr, "switchboard: %s\n", sentence(err))
	return 1
}

func dispatch(ctx context.Context, t terminal, args []string) error {
	if len(args) == 0 {
		help(t.err)
		return misuse{errors.New("say what to do")}
	}
	if name := args[0]; name == "help" || name == "-h" || name == "--help" {
		if len(args) == 1 {
			help(t.out)
			return nil
		}
		args = []string{args[1], "--help"}
	}
	if args[0] == "--version" {
		args[0] = "version"
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.run(ctx, t, args[1:])
		}
	}
	return misuse{fmt.Errorf("there is no command %q; switchboard help lists them", args[0])}
}

func help(w io.Writer) {
	fmt.Fprint(w, "Switchboard is the API behind Switching Talent.\n\nUsage: switchboard COMMAND [--flags]\n\n")
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range commands() {
		fmt.Fprintf(table, "  %s\t%s\n", c.name, c.short)
	}
	_ = table.Flush()
	fmt.Fprint(w, "\nswitchboard COMMAND --help says more.\n")
}

// flags are those of one command; its help may list the settings of the environment too.
type flags struct {
	*flag.FlagSet
	help func()
}

func newFlags(t terminal, usage, about string, settings bool) flags {
	set := flag.NewFlagSet("", flag.ContinueOnError)
	set.SetOutput(io.Discard) // errors are printed once, as every other
	set.Usage = func() {}
	return flags{set, func() {
		fmt.Fprintf(t.out, "Usage: switchboard %s\n\n%s\n", usage, about)
		printFlags(t.out, set)
		if settings {
			printSettings(t.out)
		}
	}}
}

func printFlags(w io.Writer, set *flag.FlagSet) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	first := true
	set.VisitAll(func(one *flag.Flag) {
		if first {
			fmt.Fprintln(table, "\nFlags:")
			first = false
		}
		name, about := flag.UnquoteUsage(one)
		if one.DefValue != "" && one.DefValue != "false" {
			about += " (default " + one.DefValue + ")"
		}
		fmt.Fprintf(table, "  --%s\t%s\n", strings.TrimSpace(one.Name+" "+name), about)
	})
	_ = table.Flush()
}

func printSettings(w io.Writer) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nEnvironment:")
	for _, s := range app.Settings {
		about := s.Doc
		if s.Default != "" {
			about += " (default " + s.Default + ")"
		}
		fmt.Fprintf(table, "  %s\t%s\n", s.Name, about)
	}
	_ = table.Flush()
}

// parse reads the flags, which may stand before and after as many arguments as the command takes.
func (f flags) parse(args []string, takes int) ([]string, error) {
	var rest []string
	for {
		if err := f.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				f.help()
				return nil, err
			}
			return nil, misuse{err}
		}
		if args = f.Args(); len(args) == 0 {
			break
		}
		rest, args = append(rest, args[0]), args[1:]
	}
	switch {
	case len(rest) > takes:
		return nil, misuse{fmt.Errorf("%q is one argument too many", rest[takes])}
	case len(rest) < takes:
		return nil, misuse{errors.New("an argument is missing; --help says which")}
	}
	return rest, nil
}

// data is the flag for the data directory; its default is this user's own of that name.
func (f flags) data(name string) (*string, error) {
	dir, err := app.DefaultData(name)
	return f.String("data", dir, "`DIR` with the private database and the keys"), err
}

// config reads the settings of an installation; dirErr says why there is no default directory, where one is needed.
func config(addr, data string, insecure bool, dirErr error) (app.Config, error) {
	c, err := app.ReadConfig(addr, data, insecure)
	if err == nil && data == "" && (c.DatabaseURL == "" || c.MasterKey == "") {
		err = dirErr
	}
	return c, err
}

// logger writes JSON lines for machines.
func logger(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
}

// quiet are the options of an errand: only what went wrong is logged.
func quiet(t terminal) app.ServeOptions {
	return app.ServeOptions{
		Log: slog.New(slog.NewTextHandler(t.err, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Say: func(format string, args ...any) { fmt.Fprintf(t.err, format+" …\n", args...) },
	}
}

// sentence says what went wrong, for people. A fault keeps to its own words, unless the database could not answer.
func sentence(err error) string {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err.Error()
	}
	text := f.Problem.Text.In("en", f.Params)
	for _, field := range f.Fields {
		text += " " + strings.TrimPrefix(field.Pointer, "/") + field.Parameter + " " + field.Rule.Text.In("en", field.Params) + "."
	}
	if f.Cause != nil && f.Problem.Kind >= fault.Internal {
		text += " (" + f.Cause.Error() + ")"
	}
	return text
}

func version(_ context.Context, t terminal, args []string) error {
	f := newFlags(t, "version", "Prints the version.", false)
	if _, err := f.parse(args, 0); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "switchboard %s (%s, %s/%s)\n", app.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
