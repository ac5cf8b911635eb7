package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"

	"github.com/switchingtalent/switchboard/internal/matching/assign"
)

// stability changes a hundredth of a cohort and solves it again, with and without a bonus on the pairs of before.
// A voluntary change is one of a leervraag whose place is still open. One in fifty of the matches is pinned.
func stability(ctx context.Context, out io.Writer) error {
	fmt.Fprint(out, "\nStability: 1 % of leervragen leave and 2 % of costs move by up to 300; 0.5 % of places close too, or none; the loss is in points of score\n\n")
	fmt.Fprintln(out, "| cohort | bonus | places close | voluntary changes | loss | pinned moved |\n|---|---|---|---|---|---|")
	for _, s := range shapes() {
		if s.n != 10_000 || s.kind == "uniform" {
			continue
		}
		for _, x := range []struct {
			bonus int32
			close int
		}{{0, s.n / 200}, {200, s.n / 200}, {500, s.n / 200}, {1000, s.n / 200}, {0, 0}, {500, 0}} {
			moved, loss, pins, err := disturb(ctx, s, x.bonus, x.close)
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "| %v | %d | %d | %.2f %% | %.3f %% | %d |\n", s, x.bonus, x.close, moved, loss, pins)
		}
	}
	return nil
}

func disturb(ctx context.Context, s shape, bonus int32, closing int) (moved, loss float64, pins int, err error) {
	p := cohort(s, 1)
	r := rand.New(rand.NewPCG(9, 9))
	solver, _, err := solve(ctx, p)
	if err != nil {
		return 0, 0, 0, err
	}
	before := solver.Result()
	gone := map[int32]bool{}
	for i, m := range before.Matches {
		switch k := r.IntN(100); {
		case k == 0:
			gone[int32(i)] = true
		case k < 3 && m.Place != assign.None:
			p.Pins = append(p.Pins, assign.Pin{Leervraag: int32(i), Place: m.Place, Coach: m.Coach, Cost: int32(m.Cost)})
		}
	}
	closed := map[int32]bool{}
	for range closing {
		q := int32(r.IntN(s.n))
		if !slices.ContainsFunc(p.Pins, func(x assign.Pin) bool { return x.Place == q }) {
			closed[q] = true
			p.Places[q].Capacity = 0
		}
	}
	p.Arcs = slices.DeleteFunc(p.Arcs, func(a assign.Arc) bool { return gone[a.Leervraag] })
	for k := range p.Arcs {
		if a := &p.Arcs[k]; r.IntN(50) == 0 {
			a.Cost = min(max(a.Cost+int32(r.IntN(601)-300), 0), 10_000)
		}
	}
	best, _, err := solve(ctx, p)
	if err != nil {
		return 0, 0, 0, err
	}
	free := best.Result().Objective
	for k := range p.Arcs {
		if a := &p.Arcs[k]; before.Matches[a.Leervraag].Place == a.Place {
			a.Cost -= bonus
		}
	}
	kept, _, err := solve(ctx, p)
	if err != nil {
		return 0, 0, 0, err
	}
	after := kept.Result()
	paid, changes := after.Objective, 0
	pinned := map[int32]int32{}
	for _, x := range p.Pins {
		pinned[x.Leervraag] = x.Place
	}
	for i, m := range after.Matches {
		was := before.Matches[i].Place
		q, fixed := pinned[int32(i)]
		switch {
		case fixed && m.Place != q:
			pins++
		case fixed || was == assign.None:
		case m.Place == was:
			paid += int64(bonus)
		case !closed[was] && !gone[int32(i)]:
			changes++
		}
	}
	score := float64(10_000*int64(after.Matched) - (free - p.Unmatched*int64(len(after.Matches)-after.Matched)))
	return 100 * float64(changes) / float64(before.Matched), 100 * float64(paid-free) / score, pins, nil
}
