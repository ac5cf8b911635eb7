package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/switchingtalent/switchboard/internal/matching/assign"
)

// upset is how a hundredth of the input changes.
type upset struct {
	what                        string
	leave, closing, cost, round int // how many of `round` leervragen leave, places close, and costs move
}

var upsets = []upset{
	{"1 % of leervragen leave", 1, 0, 0, 100},
	{"1 % of places close", 0, 1, 0, 100},
	{"1 % of costs move", 0, 0, 1, 100},
	{"a third of each", 1, 1, 1, 300},
}

// stability changes exactly a hundredth of a cohort and solves it again, with and without a bonus on the pairs of before.
// A voluntary change is one of a leervraag whose place is still open. One in fifty of the matches is pinned.
func stability(ctx context.Context, out io.Writer) error {
	fmt.Fprint(out, "\nStability: exactly 1 % of the input changes, costs by up to 300 points. The loss is what the bonus costs, of the points that matches score and of the objective (the points that they miss)\n\n")
	fmt.Fprintln(out, "| cohort | changes | bonus | voluntary changes | loss of score | loss of objective | pinned moved |\n|---|---|---|---|---|---|---|")
	for _, s := range shapes() {
		if s.n != 10_000 || !strings.Contains(s.String(), *only) {
			continue
		}
		for _, u := range upsets {
			for _, bonus := range []int32{0, 500} {
				d, err := disturb(ctx, s, bonus, u)
				if err != nil {
					return err
				}
				fmt.Fprintf(out, "| %v | %s | %d | %.2f %% | %.3f %% | %.3f %% | %d |\n", s, u.what, bonus, d.moved, d.score, d.objective, d.pins)
			}
		}
	}
	return nil
}

// disturbed is what became of a cohort: shares in per cent.
type disturbed struct {
	moved, score, objective float64
	pins                    int
}

func disturb(ctx context.Context, s shape, bonus int32, u upset) (out disturbed, err error) {
	p := cohort(s, 1)
	r := rand.New(rand.NewPCG(9, 9))
	solver, _, err := solve(ctx, p)
	if err != nil {
		return out, err
	}
	before := solver.Result()
	gone, closed, pinned := map[int32]bool{}, map[int32]bool{}, map[int32]int32{}
	for _, i := range r.Perm(s.n)[:s.n*u.leave/u.round] {
		gone[int32(i)] = true
	}
	for i, m := range before.Matches {
		if !gone[int32(i)] && m.Place != assign.None && r.IntN(50) == 0 {
			p.Pins = append(p.Pins, assign.Pin{Leervraag: int32(i), Place: m.Place, Coach: m.Coach, Cost: int32(m.Cost)})
			pinned[int32(i)] = m.Place
		}
	}
	for _, q := range r.Perm(s.n) {
		if len(closed) == s.n*u.closing/u.round {
			break
		}
		if !slices.ContainsFunc(p.Pins, func(x assign.Pin) bool { return x.Place == int32(q) }) {
			closed[int32(q)] = true
			p.Places[q].Capacity = 0
		}
	}
	for _, k := range r.Perm(len(p.Arcs))[:len(p.Arcs)*u.cost/u.round] {
		a := &p.Arcs[k]
		a.Cost = min(max(a.Cost+int32(r.IntN(601)-300), 0), 10_000)
	}
	p.Arcs = slices.DeleteFunc(p.Arcs, func(a assign.Arc) bool { return gone[a.Leervraag] })
	best, _, err := solve(ctx, p)
	if err != nil {
		return out, err
	}
	free := best.Result().Objective
	for k := range p.Arcs {
		if a := &p.Arcs[k]; before.Matches[a.Leervraag].Place == a.Place {
			a.Cost -= bonus
		}
	}
	kept, _, err := solve(ctx, p)
	if err != nil {
		return out, err
	}
	after := kept.Result()
	paid, changes := after.Objective, 0
	for i, m := range after.Matches {
		was := before.Matches[i].Place
		q, fixed := pinned[int32(i)]
		switch {
		case fixed && m.Place != q:
			out.pins++
		case fixed || was == assign.None:
		case m.Place == was:
			paid += int64(bonus)
		case !closed[was] && !gone[int32(i)]:
			changes++
		}
	}
	missed := float64(free - p.Unmatched*int64(len(after.Matches)-after.Matched))
	lost := float64(paid - free)
	out.moved, out.score, out.objective = 100*float64(changes)/float64(before.Matched), 100*lost/(10_000*float64(after.Matched)-missed), 100*lost/missed
	return out, nil
}
