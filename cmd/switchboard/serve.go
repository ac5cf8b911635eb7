package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/switchingtalent/switchboard/internal/app"
)

const defaultAddr = "127.0.0.1:8080"

func serve(ctx context.Context, t terminal, args []string) error {
	f := newFlags(t, "serve [--addr HOST:PORT] [--data DIR] [--no-work]",
		"Serves the API. Without DATABASE_URL a private PostgreSQL starts in the data directory, which is made and migrated.\n"+
			"Deliveries and jobs are done too, unless --no-work leaves them to `switchboard work`.\n"+
			"SIGTERM lets running requests finish, and stops the database that was started.", true)
	addr := f.String("addr", defaultAddr, "`HOST:PORT` where it listens")
	noWork := f.Bool("no-work", false, "leave deliveries and jobs to other processes")
	data, dirErr := f.data("server")
	if _, err := f.parse(args, 0); err != nil {
		return err
	}
	l, at, err := app.Listen(ctx, *addr)
	if err != nil {
		return err
	}
	defer l.Close()
	c, err := config(at, *data, false, dirErr)
	if err != nil {
		return err
	}
	return app.Serve(ctx, c, l, app.ServeOptions{Log: logger(t.err, c.LogLevel), NoWork: *noWork})
}

func work(ctx context.Context, t terminal, args []string) error {
	f := newFlags(t, "work [--data DIR]",
		"Does deliveries and jobs, for servers that run with --no-work or to have more of them. Any number may run.\n"+
			"Without DATABASE_URL it works on the database of the data directory, beside the server that runs it.", true)
	data, dirErr := f.data("server")
	if _, err := f.parse(args, 0); err != nil {
		return err
	}
	c, err := config(defaultAddr, *data, false, dirErr)
	if err != nil {
		return err
	}
	log := logger(t.err, c.LogLevel)
	return app.Work(ctx, c, app.ServeOptions{Log: log, Ready: func() { log.Info("working") }})
}

func demo(ctx context.Context, t terminal, args []string) error {
	f := newFlags(t, "demo [--addr HOST:PORT] [--data DIR]",
		"Serves a demonstration on a loopback address: two ST-partners with employers, people and exchanges. It makes its own\n"+
			"database in the data directory, and writes the secrets of its clients to demo.json there. Later starts find both again.", true)
	addr := f.String("addr", defaultAddr, "`HOST:PORT` to listen on, a loopback address")
	data, dirErr := f.data("demo")
	if _, err := f.parse(args, 0); err != nil {
		return err
	}
	c, err := config(*addr, *data, app.IsLoopback(*addr), dirErr)
	if err == nil {
		err = app.CheckDemo(c)
	}
	if err != nil {
		return err
	}
	l, at, err := app.Listen(ctx, *addr)
	if err != nil {
		return err
	}
	defer l.Close()
	if c, err = config(at, *data, true, dirErr); err != nil {
		return err
	}
	level := slog.LevelWarn // people watch this one
	if os.Getenv("SWITCHBOARD_LOG") != "" {
		level = c.LogLevel
	}
	log := slog.New(slog.NewTextHandler(t.err, &slog.HandlerOptions{Level: level}))
	return app.Demo(ctx, c, l, t.out, app.ServeOptions{Log: log})
}
