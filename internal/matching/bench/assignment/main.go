// Command assignment measures the assignment solver: on a DIMACS file, or on generated cohorts beside LEMON's network simplex.
//
// With -dimacs it solves any min-cost flow problem with the product's own solver, has the answer certified by package certify,
// and ends with one line of JSON. Without, it generates cohorts, lets both solve the same files in interleaved rounds, and
// prints medians of CPU time.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/switchingtalent/switchboard/internal/matching/assign"
	"github.com/switchingtalent/switchboard/internal/matching/assign/certify"
)

var (
	dimacs  = flag.String("dimacs", "", "solve this DIMACS min-cost flow file (- is standard input)")
	rounds  = flag.Int("rounds", 5, "interleaved rounds; medians are printed")
	only    = flag.String("only", "", "measure only the cohorts whose name contains this")
	limit   = flag.Duration("limit", 2*time.Minute, "how long LEMON may take for one file, in wall time")
	part    = flag.String("part", "", "measure this alone: compare, changes, pricing or stability")
	profile = flag.String("profile", "", "write a CPU profile of the solve to this file")
)

func main() {
	flag.Parse()
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if *dimacs != "" {
		err = solveFile(ctx, *dimacs, os.Stdin, os.Stdout)
	} else {
		err = measure(ctx, os.Stdout)
	}
	if err != nil {
		log.Fatal("bench-assignment: ", err)
	}
}

func measure(ctx context.Context, out io.Writer) error {
	for _, x := range []struct {
		name string
		run  func(context.Context, io.Writer) error
	}{{"compare", compare}, {"changes", changes}, {"pricing", pricing}, {"stability", stability}} {
		if *part != "" && *part != x.name {
			continue
		}
		if err := x.run(ctx, out); err != nil {
			return err
		}
	}
	return nil
}

// answer is the last line about a file. CPUSeconds is the CPU time of the whole process during the solve, from the file's
// numbers in memory to the optimal flow; PeakMiB is the most memory that the process had resident.
type answer struct {
	Objective  int64   `json:"objective"`
	CPUSeconds float64 `json:"cpu_seconds"`
	PeakMiB    float64 `json:"peak_mib"`
	Certified  bool    `json:"certified"`
}

func solveFile(ctx context.Context, name string, stdin io.Reader, out io.Writer) error {
	in := stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }() // it was only read
		in = file
	}
	f, err := readDIMACS(in)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	fmt.Fprintf(out, "%d nodes, %d arcs\n", len(f.Supply), len(f.From))
	stop, err := profiled(*profile)
	if err != nil {
		return err
	}
	before, _ := usage()
	got, err := assign.Route(ctx, f)
	after, peak := usage()
	stop()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	check := certify.Network{Supply: f.Supply, Price: got.Price, From: f.From, To: f.To, Low: f.Low, Capacity: f.Capacity, Cost: f.Cost, Flow: got.Flow, Objective: got.Objective}
	if _, err := check.Check(); err != nil {
		return fmt.Errorf("%s: the answer could not be certified: %w", name, err)
	}
	fmt.Fprintf(out, "solved by the %s method\n", got.Method)
	return json.NewEncoder(out).Encode(answer{got.Objective, (after - before).Seconds(), peak, true})
}

// profiled writes a CPU profile until stop is called.
func profiled(name string) (stop func(), err error) {
	if name == "" {
		return func() {}, nil
	}
	file, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		if err := file.Close(); err != nil {
			log.Print("profile: ", err)
		}
	}, errors.Join(pprof.StartCPUProfile(file))
}

// usage is the CPU time of this process so far, and the most memory that it had resident, in MiB.
func usage() (cpu time.Duration, peak float64) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		log.Fatal("getrusage: ", err) // the kernel refuses nobody their own figures
	}
	scale := 1024.0 // kilobytes on Linux
	if runtime.GOOS == "darwin" {
		scale = 1
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), float64(u.Maxrss) * scale / (1 << 20)
}

// threadTime is the CPU time of this process so far; it is read often, and what it measures runs alone.
func threadTime() time.Duration {
	cpu, _ := usage()
	return cpu
}
