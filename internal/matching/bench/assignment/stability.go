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
// Moved are leervragen that are not where they were though their place is still open. Some of them must, or fewer would be matched: the
// fewest that any assignment of as many matches moves. The others moved voluntarily: for a better score. One in fifty of the
// matches is pinned.
func stability(ctx context.Context, out io.Writer) error {
	fmt.Fprint(out, "\nStability: exactly 1 % of the input changes, costs by up to 300 points. The loss is what the bonus costs, of the points that matches score and of the objective (the points that they miss)\n\n")
	fmt.Fprintln(out, "| cohort | changes | bonus | moved | of them needed for as many matches | voluntary | loss of score | loss of objective | pinned moved |\n|---|---|---|---|---|---|---|---|---|")
	for _, s := range shapes() {
		if s.n != 10_000 || !strings.Contains(s.String(), *only) {
			continue
		}
		for _, u := range upsets {
			for _, bonus := range []int32{0, 400, 500, 800, 1200, 2000} {
				d, err := disturb(ctx, s, bonus, u)
				if err != nil {
					return err
				}
				fmt.Fprintf(out, "| %v | %s | %d | %.2f %% | %.2f %% | %.2f %% | %.3f %% | %.3f %% | %d |\n", s, u.what, bonus, d.moved, d.needed, d.moved-d.needed, d.score, d.objective, d.pins)
			}
		}
	}
	return nil
}

// disturbed is what became of a cohort: shares in per cent.
type disturbed struct {
	moved, needed, score, objective float64
	pins                            int
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
	stay := func(i int32) bool {
		was := before.Matches[i].Place
		_, fixed := pinned[i]
		return was != assign.None && !fixed && !closed[was] && !gone[i]
	}
	needed, matched, err := leastMoved(ctx, p, before, stay)
	if err != nil {
		return out, err
	}
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
		q, fixed := pinned[int32(i)]
		was := before.Matches[i].Place
		switch {
		case fixed && m.Place != q:
			out.pins++
		case !fixed && was != assign.None && m.Place == was:
			paid += int64(bonus)
		case stay(int32(i)):
			changes++
		}
	}
	if after.Matched != matched {
		return out, fmt.Errorf("%d are matched, and %d could be", after.Matched, matched)
	}
	missed := float64(free - p.Unmatched*int64(len(after.Matches)-after.Matched))
	lost := float64(paid - free)
	share := 100 / float64(before.Matched)
	out.moved, out.needed, out.score, out.objective = share*float64(changes), share*float64(needed), 100*lost/(10_000*float64(after.Matched)-missed), 100*lost/missed
	return out, nil
}

// leastMoved is how many of those who could stay must move so that as many as possible are matched, and how many that is: the same
// problem, where a match counts before all that stay, and whoever stays counts one.
func leastMoved(ctx context.Context, p assign.Problem, before assign.Result, stay func(i int32) bool) (moved, matched int, err error) {
	p.Unmatched = assign.MaximumMatches(p.Leervragen, 2, 0)
	p.Arcs, p.Pins, p.Organisations = slices.Clone(p.Arcs), slices.Clone(p.Pins), slices.Clone(p.Organisations)
	could := 0
	for i := range int32(p.Leervragen) {
		if stay(i) {
			could++
		}
	}
	for k := range p.Arcs {
		a := &p.Arcs[k]
		if a.Cost = 0; stay(a.Leervraag) && before.Matches[a.Leervraag].Place == a.Place {
			a.Cost = -1
		}
	}
	for k := range p.Pins {
		p.Pins[k].Cost = 0
	}
	for k := range p.Organisations {
		p.Organisations[k].Steps = nil
	}
	s, _, err := solve(ctx, p)
	if err != nil {
		return 0, 0, err
	}
	got := s.Result()
	for i, m := range got.Matches {
		if stay(int32(i)) && m.Place == before.Matches[i].Place {
			could--
		}
	}
	return could, got.Matched, nil
}
