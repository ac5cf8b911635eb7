package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/matching/assign"
)

const little = "c three nodes\np min 3 4\n\nn 1 4\nn 3 -4\na 1 2 0 2 1\na 1 3 1 3 9\r\n a\t2 3 0 -1 2 \na 1 2 0 1 -5"

func TestReadDIMACS_ReadsEveryKindOfLine(t *testing.T) {
	t.Parallel()
	f, err := readDIMACS(strings.NewReader(little))
	require.NoError(t, err)
	require.Equal(t, &assign.Flow{Supply: []int64{4, 0, -4}, From: []int32{0, 0, 1, 0}, To: []int32{1, 2, 2, 1}, Low: []int64{0, 1, 0, 0},
		Capacity: []int64{2, 3, assign.Endless, 1}, Cost: []int64{1, 9, 2, -5}}, f)
}

func TestReadDIMACS_SaysWhichLineIsWrong(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                     "there is no line",
		"n 1 2":                "line 1: the first line",
		"p max 3 4":            "line 1: the problem is not of the kind",
		"p min 3":              "line 1: a whole number is missing",
		"p min -3 4":           "line 1: -3 nodes",
		"p min 99999999999 4":  "line 1: 99999999999 nodes",
		"p min 2 1\np min 2 1": "line 2: 'p' begins no line",
		"p min 2 1\nx":         "line 2: 'x' begins no line",
		"p min 2 1\nn 3 1":     "line 2: node 3 is not within 1 and 2",
		"p min 2 1\nn 0 1":     "line 2: node 0 is not within",
		"p min 2 1\nn 1 1.5":   "line 2: '.' is one too many",
		"p min 2 1\na 1 2 0 1": "line 2: a whole number is missing",
		"p min 2 1\na 1 2 0 1 99999999999999999999": "line 2: a number is too large",
		"p min 2 2\na 1 2 0 1 1\n":                  "2 arcs are announced, 1 follow",
		"p min 2 0\na 1 2 0 1 1\n":                  "0 arcs are announced, 1 follow",
	} {
		_, err := readDIMACS(strings.NewReader(text))
		require.ErrorContains(t, err, want, text)
	}
}

func FuzzReadDIMACS(f *testing.F) {
	f.Add(little)
	f.Add("p min 2 1\nn 1 1\nn 2 -1\na 1 2 0 1 7\n")
	f.Fuzz(func(t *testing.T, text string) {
		read, err := readDIMACS(strings.NewReader(text))
		if err != nil || len(read.Supply) > 1000 {
			return
		}
		if read.Low != nil {
			return // it writes none
		}
		for _, c := range read.Capacity {
			if c == assign.Endless {
				return
			}
		}
		var out bytes.Buffer
		require.NoError(t, writeDIMACS(&out, read))
		again, err := readDIMACS(&out)
		require.NoError(t, err)
		require.Equal(t, read.Supply, again.Supply)
		require.Equal(t, read.Cost, again.Cost)
	})
}

func TestSolveFile_EndsWithOneLineOfJSON(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, solveFile(context.Background(), "-", strings.NewReader(little), &out))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var got answer
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &got))
	require.Equal(t, int64(12), got.Objective)
	require.True(t, got.Certified)
	require.Positive(t, got.PeakMiB)
	require.ErrorIs(t, solveFile(context.Background(), "-", strings.NewReader("p min 2 1\nn 1 2\nn 2 -2\na 1 2 0 1 7\n"), &out), assign.ErrInfeasible)
	require.ErrorIs(t, solveFile(context.Background(), filepath.Join(t.TempDir(), "none"), nil, &out), os.ErrNotExist)
}

var example = regexp.MustCompile("(?s)```dimacs\n(.*?)```\n\ngives objective ([0-9]+)")

func TestSolveFile_SolvesTheExampleOfThePage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../../docs/matching-engineers.md")
	require.NoError(t, err)
	m := example.FindSubmatch(page)
	require.NotNil(t, m)
	f, err := readDIMACS(bytes.NewReader(m[1]))
	require.NoError(t, err)
	got, err := assign.Route(context.Background(), f)
	require.NoError(t, err)
	require.Equal(t, string(m[2]), strconv.FormatInt(got.Objective, 10))
}

// The flow that the reference gets is the problem that the product's own door gets.
func TestCohorts_AreTheSameProblemAsTheirFlows(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"uniform", "clustered", "layered"} {
		for _, tightness := range []float64{1.6, 1.02} {
			p := cohort(shape{kind, 300, 8, tightness}, 3)
			s, _, err := solve(context.Background(), p)
			require.NoError(t, err)
			got, err := assign.Route(context.Background(), flow(&p))
			require.NoError(t, err)
			result := s.Result()
			require.Equal(t, "augmenting", got.Method)
			require.Equal(t, got.Objective, result.Objective-owed(&p), kind)
			require.Equal(t, p, cohort(shape{kind, 300, 8, tightness}, 3), "the same seed, the same cohort")
		}
	}
}

// owed is what organisations pay before anybody moves: a flow cannot show it.
func owed(p *assign.Problem) int64 {
	sum := int64(0)
	for o, x := range p.Organisations {
		free := int(x.Free)
		for _, h := range p.Home {
			if int(h) == o {
				free++
			}
		}
		for k := 0; k < -free && len(x.Steps) > 0; k++ {
			sum += x.Steps[min(k, len(x.Steps)-1)]
		}
	}
	return sum
}

// Two other methods, one of them of others, find the same objective where cohorts are large: our network simplex method
// always, LEMON's where it can be compiled.
func TestSolve_IsWhatOtherMethodsFindOnLargeCohorts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lemon, err := compileLemon(t.Context(), dir)
	require.NoError(t, err)
	for _, kind := range []string{"uniform", "clustered"} {
		p := cohort(shape{kind, 5000, 20, 1.02}, 5)
		s, _, err := solve(t.Context(), p)
		require.NoError(t, err)
		want := s.Result().Objective
		f := flow(&p)
		if lemon != "" {
			name := filepath.Join(dir, kind+".min")
			require.NoError(t, writeFile(name, func(w io.Writer) error { return writeDIMACS(w, f) }))
			objective, _, err := runLemon(t.Context(), lemon, name, time.Minute)
			require.NoError(t, err)
			require.Equal(t, objective, want, "%s, LEMON", kind)
		}
		f.Low = make([]int64, len(f.From)) // lower bounds, even of nothing, are for the simplex method
		routed, err := assign.Route(t.Context(), f)
		require.NoError(t, err)
		require.Equal(t, "simplex", routed.Method)
		require.Equal(t, routed.Objective, want, kind)
	}
}

// A reference that does not come to an end is stopped, and the table goes on.
func TestRunLemon_HasALimit(t *testing.T) {
	t.Parallel()
	endless := filepath.Join(t.TempDir(), "endless")
	require.NoError(t, os.WriteFile(endless, []byte("#!/bin/sh\nexec sleep 600\n"), 0o700))
	_, _, err := runLemon(t.Context(), endless, "", time.Nanosecond)
	require.ErrorIs(t, err, errTooLong)
}

// Exactly a hundredth changes, pins stay, and the bonus keeps people where they are.
func TestStability_DisturbsAHundredth(t *testing.T) {
	t.Parallel()
	for _, u := range upsets {
		require.Equal(t, u.round, 100*(u.leave+u.closing+u.cost), u.what)
		s := shape{"clustered", 900, 15, 1.6}
		free, err := disturb(t.Context(), s, 0, u)
		require.NoError(t, err)
		kept, err := disturb(t.Context(), s, 500, u)
		require.NoError(t, err)
		require.Zero(t, free.pins+kept.pins, u.what)
		require.LessOrEqual(t, kept.moved, free.moved, u.what)
		require.Equal(t, free.needed, kept.needed, u.what)
		require.LessOrEqual(t, kept.needed, kept.moved, u.what)
		require.Zero(t, free.score, u.what)
		require.GreaterOrEqual(t, kept.objective, 0.0, u.what)
		require.Less(t, kept.score, 1.0, u.what)
	}
}

// Two places are full, and the one who leaves makes room for a third leervraag, if the other moves for it: nobody chose that.
func TestLeastMoved_CountsWhoMustMoveForAsManyMatches(t *testing.T) {
	t.Parallel()
	p := assign.Problem{Leervragen: 3, Unmatched: outside, Organisations: []assign.Organisation{{Max: assign.Unlimited}}, Places: []assign.Place{{Capacity: 1}, {Capacity: 1}},
		Arcs: []assign.Arc{{Leervraag: 0, Place: 0, Cost: 1}, {Leervraag: 1, Place: 0, Cost: 9}, {Leervraag: 1, Place: 1, Cost: 1}, {Leervraag: 2, Place: 1, Cost: 5}}}
	before, _, err := solve(t.Context(), p)
	require.NoError(t, err)
	was := before.Result()
	require.Equal(t, 2, was.Matched)
	p.Arcs = p.Arcs[1:]
	moved, matched, err := leastMoved(t.Context(), p, was, func(i int32) bool { return i == 1 })
	require.NoError(t, err)
	require.Equal(t, []int{1, 2}, []int{moved, matched})
	p.Arcs = p.Arcs[:2]
	moved, matched, err = leastMoved(t.Context(), p, was, func(i int32) bool { return i == 1 })
	require.NoError(t, err)
	require.Equal(t, []int{0, 1}, []int{moved, matched}, "nobody needs its place")
}
