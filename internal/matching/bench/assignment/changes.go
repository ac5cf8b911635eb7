package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/switchingtalent/switchboard/internal/matching/assign"
)

// solve solves a cohort with the product's own door, and says how long it took in CPU time.
func solve(ctx context.Context, p assign.Problem) (*assign.Solver, time.Duration, error) {
	before, _ := usage()
	s, err := assign.New(p)
	if err != nil {
		return nil, 0, err
	}
	err = s.Solve(ctx, nil)
	after, _ := usage()
	return s, after - before, err
}

// changes measures single changes in solved cohorts: each ends at the optimum.
func changes(ctx context.Context, out io.Writer) error {
	const each = 200
	fmt.Fprintf(out, "\nOne change in a solved cohort, milliseconds of CPU, %d of each kind, every one ending at the optimum\n\n", each)
	fmt.Fprintln(out, "| cohort | insert p50 | p95 | max | remove p50 | p95 | max | close a place p50 | p95 | max | one place more p50 | p95 | max | other cost p50 | p95 | max |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")
	for _, shape := range shapes() {
		if shape.n != 10_000 {
			continue
		}
		p := cohort(shape, 1)
		later := cohort(shape, 2) // who joins
		s, _, err := solve(ctx, p)
		if err != nil {
			return err
		}
		r := rand.New(rand.NewPCG(1, 1))
		by := map[int32][]assign.Arc{}
		for _, a := range later.Arcs {
			if a.Leervraag < each {
				by[a.Leervraag] = append(by[a.Leervraag], a)
			}
		}
		places := r.Perm(len(p.Places))
		gone := r.Perm(p.Leervragen)
		kinds := []func(i int) error{
			func(i int) error {
				home := assign.None
				if p.Home != nil {
					home = later.Home[i]
				}
				_, err := s.Insert(home, by[int32(i)])
				return err
			},
			func(i int) error { return s.Remove(int32(gone[i])) },
			func(i int) error { return s.SetPlaceCapacity(int32(places[i]), 0) },
			func(i int) error {
				return s.SetPlaceCapacity(int32(places[each+i]), p.Places[places[each+i]].Capacity+1)
			},
			func(i int) error {
				a := p.Arcs[gone[each+i]*shape.k+i%shape.k]
				return s.SetCost(a.Leervraag, a.Place, a.Cost+int32(r.IntN(2001)-1000), 0)
			},
		}
		took := make([][]float64, len(kinds))
		for i := range each {
			for k, f := range kinds {
				before := threadTime()
				if err := f(i); err != nil {
					return err
				}
				took[k] = append(took[k], (threadTime()-before).Seconds()*1000)
			}
		}
		fmt.Fprintf(out, "| %v |", shape)
		for _, list := range took {
			slices.Sort(list)
			fmt.Fprintf(out, " %.3f | %.2f | %.2f |", list[len(list)/2], list[len(list)*95/100], list[len(list)-1])
		}
		fmt.Fprintln(out)
	}
	return nil
}
