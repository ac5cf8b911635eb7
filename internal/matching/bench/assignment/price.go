package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"

	"github.com/switchingtalent/switchboard/internal/matching/assign"
	"github.com/switchingtalent/switchboard/internal/matching/assign/certify"
)

// pricing measures what it takes to be optimal over all feasible pairs, from a few candidates each: the places whose
// score is highest. Every pair of a leervraag and a place of another employer is feasible.
func pricing(ctx context.Context, out io.Writer) error {
	fmt.Fprint(out, "\nPricing over all feasible pairs, clustered, seconds of CPU (scoring the pairs is part of pricing)\n\n")
	fmt.Fprintln(out, "| leervragen | candidates | tightness | solve | price | rounds | pairs checked | arcs added | objective fell by |\n|---|---|---|---|---|---|---|---|---|")
	for _, s := range []shape{{"priced", 2_000, 10, 1.6}, {"priced", 2_000, 20, 1.02}, {"priced", 10_000, 30, 1.6}, {"priced", 10_000, 30, 1.02}} {
		p, g := priced(s, 1)
		solver, solved, err := solve(ctx, p)
		if err != nil {
			return err
		}
		before := solver.Result().Objective
		from, _ := usage()
		got, err := solver.Price(ctx, func(i int32, into []assign.Candidate) []assign.Candidate {
			for q := range int32(s.n) {
				if g.feasible(i, q) {
					into = append(into, assign.Candidate{Place: q, Cost: g.cost(i, q)})
				}
			}
			return into
		})
		to, _ := usage()
		if err != nil {
			return err
		}
		after, err := certifyAll(&p, solver, func(i int, yield func(int, int64) bool) {
			for q := range int32(s.n) {
				if g.feasible(int32(i), q) && !yield(int(q), int64(g.cost(int32(i), q))) {
					return
				}
			}
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "| %d | %d | %.2f | %.3f | %.3f | %d | %d | %d | %.4f %% |\n", s.n, s.k, s.tightness, solved.Seconds(), (to - from).Seconds(),
			got.Rounds, after.Pairs, got.Added, 100*float64(before-after.Objective)/float64(before))
	}
	return nil
}

func (g *region) feasible(i, q int32) bool { return int(i)%g.orgs != int(q)%g.orgs }

// priced draws a clustered cohort whose candidates are the best of all feasible pairs.
func priced(s shape, seed uint64) (assign.Problem, *region) {
	p := cohort(shape{"bare", s.n, 0, s.tightness}, seed)
	g := newRegion(s.n, len(p.Organisations), rand.New(rand.NewPCG(seed, 7)))
	var row []assign.Arc
	for i := range int32(s.n) {
		row = row[:0]
		for q := range int32(s.n) {
			if g.feasible(i, q) {
				row = append(row, assign.Arc{Leervraag: i, Place: q, Cost: g.cost(i, q)})
			}
		}
		slices.SortFunc(row, func(a, b assign.Arc) int { return cmp.Or(cmp.Compare(a.Cost, b.Cost), cmp.Compare(a.Place, b.Place)) })
		p.Arcs = append(p.Arcs, row[:s.k]...)
	}
	return p, g
}

// certifyAll has a solver's answer checked over all pairs. The cohorts here have no coaches, homes or pins.
func certifyAll(p *assign.Problem, s *assign.Solver, pairs func(int, func(int, int64) bool)) (certify.Certificate, error) {
	c := certify.Cohort{Leervragen: p.Leervragen, Unmatched: p.Unmatched, Pairs: pairs}
	for _, x := range p.Places {
		c.Places = append(c.Places, certify.Place{Capacity: int(x.Capacity), Organisation: int(x.Organisation)})
	}
	for range p.Organisations {
		c.Organisations = append(c.Organisations, certify.Organisation{Max: certify.Free})
	}
	r, prices := s.Result(), s.Prices()
	claim := certify.Claim{Objective: r.Objective, AtPlace: prices.Place, BehindPlace: prices.Exit, AtCoach: prices.Coach, AtOrganisation: prices.Entry, BehindOrganisation: prices.Balance}
	for _, m := range r.Matches {
		claim.Place, claim.Coach = append(claim.Place, int(m.Place)), append(claim.Coach, -1)
	}
	return c.Check(claim)
}
