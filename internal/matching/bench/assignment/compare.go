package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed lemon/network_simplex.cc
var lemonSource []byte

// shapes are the cohorts that are measured, small ones first.
func shapes() []shape {
	var out []shape
	for _, size := range []struct{ n, k int }{{1_000, 20}, {10_000, 30}, {50_000, 50}} {
		for _, kind := range []string{"uniform", "clustered", "layered"} {
			for _, tightness := range []float64{1.6, 1.02} {
				out = append(out, shape{kind, size.n, size.k, tightness})
			}
		}
	}
	return out
}

func (s shape) String() string {
	word := "loose"
	if s.tightness < 1.1 {
		word = "tight"
	}
	return fmt.Sprintf("%s %dk × %d %s", s.kind, s.n/1000, s.k, word)
}

// compare prints a table: both solve the same files, by turns, each in a process of its own.
func compare(ctx context.Context, out io.Writer) error {
	dir, err := os.MkdirTemp("", "bench-assignment-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary folder
	lemon, err := compileLemon(ctx, dir)
	if err != nil {
		return err
	}
	if lemon == "" {
		fmt.Fprintln(out, "LEMON is absent (g++ and Debian's liblemon-dev): our own figures only.")
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "CPU seconds, medians of %d interleaved rounds [lowest–highest]\n\n", *rounds)
	fmt.Fprintln(out, "| cohort | arcs | ours | LEMON network simplex -O3 | ratio | peak MiB |\n|---|---|---|---|---|---|")
	product, count, left := 0.0, 0, 0
	for _, s := range shapes() {
		if !strings.Contains(s.String(), *only) {
			continue
		}
		p := cohort(s, 1)
		f := flow(&p)
		name := filepath.Join(dir, "cohort.min")
		if err := writeFile(name, func(w io.Writer) error { return writeDIMACS(w, f) }); err != nil {
			return err
		}
		var ours, theirs []float64
		stopped := false
		var got answer
		for range *rounds {
			if got, err = solveApart(ctx, self, name); err != nil {
				return err
			}
			ours = append(ours, got.CPUSeconds)
			if lemon == "" || stopped {
				continue
			}
			objective, seconds, err := runLemon(ctx, lemon, name, *limit)
			if errors.Is(err, errTooLong) {
				stopped, theirs = true, nil
				continue
			}
			if err != nil {
				return err
			}
			if objective != got.Objective {
				return fmt.Errorf("%v: %d by us, %d by LEMON", s, got.Objective, objective)
			}
			theirs = append(theirs, seconds)
		}
		ratio := "–"
		reference := spread(theirs)
		switch {
		case stopped:
			reference = fmt.Sprintf("over %.0f of wall time", limit.Seconds())
			ratio = "not counted"
			left++
		case lemon != "":
			product += math.Log(median(ours) / median(theirs))
			count++
			ratio = fmt.Sprintf("%.2f", median(ours)/median(theirs))
		}
		fmt.Fprintf(out, "| %v | %d | %s | %s | %s | %.0f |\n", s, len(f.From), spread(ours), reference, ratio, got.PeakMiB)
	}
	if count > 0 {
		fmt.Fprintf(out, "\nGeometric mean of the ratios: %.2f", math.Exp(product/float64(count)))
		if left > 0 {
			fmt.Fprintf(out, ", without %d where LEMON was stopped", left)
		}
		fmt.Fprintln(out)
	}
	return nil
}

func writeFile(name string, write func(io.Writer) error) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := write(file); err != nil {
		_ = file.Close() // the first error says more
		return err
	}
	return file.Close()
}

// compileLemon returns the program, or "" where it cannot be compiled.
func compileLemon(ctx context.Context, dir string) (string, error) {
	if _, err := exec.LookPath("g++"); err != nil {
		return "", nil //nolint:nilerr // the reference is absent, and the table says so
	}
	source, program := filepath.Join(dir, "lemon.cc"), filepath.Join(dir, "lemon")
	if err := os.WriteFile(source, lemonSource, 0o600); err != nil {
		return "", err
	}
	var said bytes.Buffer
	c := exec.CommandContext(ctx, "g++", "-O3", "-DNDEBUG", "-w", "-o", program, source, "-llemon")
	c.Stdout, c.Stderr = &said, &said
	if err := c.Run(); err != nil {
		if strings.Contains(said.String(), "lemon/network_simplex.h") || strings.Contains(said.String(), "-llemon") {
			return "", nil //nolint:nilerr // the reference is absent, and the table says so
		}
		return "", fmt.Errorf("g++: %w\n%s", err, said.String())
	}
	return program, nil
}

// errTooLong says that the reference was stopped.
var errTooLong = errors.New("LEMON took too long")

// runLemon solves a file with the reference, which gets so long. It ends with errTooLong where that was not enough.
func runLemon(ctx context.Context, program, name string, limit time.Duration) (objective int64, seconds float64, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errTooLong)
	defer cancel()
	said, err := exec.CommandContext(ctx, program, name).Output()
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return 0, 0, cause
		}
		return 0, 0, fmt.Errorf("LEMON: %w", err)
	}
	a, b, _ := strings.Cut(strings.TrimSpace(string(said)), " ")
	if objective, err = strconv.ParseInt(a, 10, 64); err != nil {
		return 0, 0, err
	}
	seconds, err = strconv.ParseFloat(b, 64)
	return objective, seconds, err
}

// solveApart solves a file in a process of its own, as `make bench-assignment DIMACS=…` does.
func solveApart(ctx context.Context, self, name string) (answer, error) {
	c := exec.CommandContext(ctx, self, "-dimacs", name)
	c.Stderr = os.Stderr
	c.WaitDelay = 10 * time.Second
	said, err := c.Output()
	if err != nil {
		return answer{}, err
	}
	lines := bytes.Split(bytes.TrimSpace(said), []byte("\n"))
	var out answer
	return out, json.Unmarshal(lines[len(lines)-1], &out)
}

func median(list []float64) float64 {
	s := slices.Sorted(slices.Values(list))
	return s[len(s)/2]
}

func spread(list []float64) string {
	if len(list) == 0 {
		return "–"
	}
	return fmt.Sprintf("%.4f [%.4f–%.4f]", median(list), slices.Min(list), slices.Max(list))
}
