package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/switchingtalent/switchboard/internal/app"
)

func doctor(ctx context.Context, t terminal, args []string) error {
	f := newFlags(t, "doctor [--addr HOST:PORT] [--data DIR]",
		"Checks the configuration and everything that serve needs, prints what it found, and ends with 1 when something is wrong.", true)
	addr := f.String("addr", defaultAddr, "`HOST:PORT` that serve is to listen on")
	data, dirErr := f.data("server")
	if _, err := f.parse(args, 0); err != nil {
		return err
	}
	c, err := config(*addr, *data, false, dirErr)
	found := app.Findings{{Name: "configuration", OK: err == nil}}
	if err != nil {
		found[0].Say = err.Error()
	} else {
		found = append(found, c.Examine(ctx, quiet(t))...)
	}
	table := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	for _, one := range found {
		verdict := "ok"
		if !one.OK {
			verdict = "WRONG"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", verdict, one.Name, one.Say)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if found.Wrong() {
		return errTold
	}
	return nil
}
