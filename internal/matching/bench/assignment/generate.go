package main

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/switchingtalent/switchboard/internal/matching/assign"
)

// shape says what a generated cohort looks like.
type shape struct {
	kind      string  // uniform, clustered or layered
	n         int     // leervragen, and places
	k         int     // candidates of each
	tightness float64 // the places' capacities together, by leervraag
}

const outside = 1_000_000 // what staying unmatched costs: more than any chain of moves would save

// cohort draws a problem. The same shape and seed give the same problem everywhere.
//
// uniform: candidates and costs at random. clustered: places and leervragen have one of a few hundred topics, common and
// rare ones (Zipf), and live in one of some towns; the cost follows from topic, distance and a little chance, so that
// the candidates of those who are alike are alike; three organisations are preferred. layered: clustered, with
// coaches (some places have two, some coaches two places), organisations with a maximum and rising steps.
func cohort(s shape, seed uint64) assign.Problem {
	r := rand.New(rand.NewPCG(seed, uint64(s.n)))
	p := assign.Problem{Leervragen: s.n, Unmatched: outside}
	orgs := max(1, s.n/20)
	for range orgs {
		p.Organisations = append(p.Organisations, assign.Organisation{Max: assign.Unlimited})
	}
	for i := range s.n {
		p.Places = append(p.Places, assign.Place{Organisation: int32(i % orgs)})
	}
	// Every capacity is at least nothing, and together they are what tightness says.
	for range int(float64(s.n) * s.tightness) {
		p.Places[r.IntN(s.n)].Capacity++
	}
	switch s.kind {
	case "bare": // no candidates
		return p
	case "uniform":
		for i := range s.n {
			for _, q := range sample(r, s.n, s.k) {
				p.Arcs = append(p.Arcs, assign.Arc{Leervraag: int32(i), Place: q, Cost: int32(r.IntN(10_000))})
			}
		}
		return p
	}
	clustered(&p, s, r)
	if s.kind == "layered" {
		layer(&p, r)
	}
	return p
}

// sample draws k different numbers below n, in ascending order.
func sample(r *rand.Rand, n, k int) []int32 {
	k = min(k, n)
	out := make([]int32, 0, k)
	for len(out) < k {
		q := int32(r.IntN(n))
		if at, there := slices.BinarySearch(out, q); !there {
			out = slices.Insert(out, at, q)
		}
	}
	return out
}

type spot struct {
	x, y  float64 // kilometres
	topic int
}

// region is where the leervragen and places of a clustered cohort are, and what they are about.
type region struct {
	people, places []spot
	byTopic        [][]int32
	top            [][3]int // by leervraag: the organisations that it prefers
	orgs, topics   int
	near           []float64 // by whole kilometre: what is left of the points for distance
}

func newRegion(n, orgs int, r *rand.Rand) *region {
	g := &region{orgs: orgs, topics: max(5, n/60)}
	weights := make([]float64, g.topics)
	sum := 0.0
	for t := range weights {
		sum += 1 / math.Pow(float64(t+1), 0.8)
		weights[t] = sum
	}
	towns := make([]spot, max(3, n/400))
	for t := range towns {
		towns[t] = spot{x: r.Float64() * 200, y: r.Float64() * 100}
	}
	draw := func() spot {
		town := towns[r.IntN(len(towns))]
		t, _ := slices.BinarySearch(weights, r.Float64()*sum)
		return spot{town.x + r.NormFloat64()*8, town.y + r.NormFloat64()*8, min(t, g.topics-1)}
	}
	g.byTopic = make([][]int32, g.topics)
	for i := range n {
		g.places = append(g.places, draw())
		g.byTopic[g.places[i].topic] = append(g.byTopic[g.places[i].topic], int32(i))
	}
	for range n {
		g.people = append(g.people, draw())
		g.top = append(g.top, [3]int{r.IntN(orgs), r.IntN(orgs), r.IntN(orgs)})
	}
	for d := range 400 {
		g.near = append(g.near, 1500*math.Exp(-float64(d)/25))
	}
	return g
}

// cost is 10,000 less the score of a leervraag at a place: a function of the two, so that it can be asked again.
func (g *region) cost(i, q int32) int32 {
	me, at := &g.people[i], &g.places[q]
	dx, dy := at.x-me.x, at.y-me.y
	score := g.near[min(int(math.Sqrt(dx*dx+dy*dy)), len(g.near)-1)]
	chance := (uint64(i)<<32 | uint64(q)) * 0x9E3779B97F4A7C15
	chance = (chance ^ chance>>29) * 0xBF58476D1CE4E5B9
	score += float64((chance ^ chance>>32) % 900)
	switch at.topic {
	case me.topic:
		score += 5500
	case (me.topic + 1) % g.topics, (me.topic + 2) % g.topics:
		score += 3000
	}
	org := int(q) % g.orgs
	for k, o := range g.top[i] {
		if org == o {
			score += float64(1500 - 500*k)
			break
		}
	}
	return int32(10_000 - score)
}

// clustered gives everybody k candidates, half of them or more with the same topic or one beside it.
func clustered(p *assign.Problem, s shape, r *rand.Rand) {
	g := newRegion(s.n, len(p.Organisations), r)
	for i := range int32(s.n) {
		seen := map[int32]bool{}
		for try := 0; len(seen) < min(s.k, s.n); try++ {
			q := int32(r.IntN(s.n))
			if topic := g.byTopic[(g.people[i].topic+try%7)%g.topics]; try < 3*s.k && len(topic) > 0 {
				q = topic[r.IntN(len(topic))]
			}
			if !seen[q] {
				seen[q] = true
				p.Arcs = append(p.Arcs, assign.Arc{Leervraag: i, Place: q, Cost: g.cost(i, q)})
			}
		}
	}
}

func layer(p *assign.Problem, r *rand.Rand) {
	p.Home = make([]int32, p.Leervragen)
	for i := range p.Home {
		p.Home[i] = int32(r.IntN(len(p.Organisations)))
	}
	inside := make([]int32, len(p.Organisations))
	last := make([]int32, len(p.Organisations)) // the last coach of each
	for o := range last {
		last[o] = assign.None
	}
	for i := range p.Places {
		x := &p.Places[i]
		o := x.Organisation
		inside[o] += x.Capacity
		shared := last[o]
		if shared == assign.None || r.IntN(4) > 0 {
			last[o] = int32(len(p.Coaches))
			p.Coaches = append(p.Coaches, x.Capacity)
			x.Coaches = []int32{last[o]}
		} else {
			p.Coaches[shared] += x.Capacity
			x.Coaches = []int32{shared}
		}
		if shared != assign.None && r.IntN(5) == 0 && shared != x.Coaches[0] {
			x.Coaches = append(x.Coaches, shared)
		}
	}
	for o := range p.Organisations {
		x := &p.Organisations[o]
		x.Free = int32(r.IntN(5) - 2)
		x.Steps = []int64{400, 900, 1600, 2500}
		if r.IntN(3) == 0 {
			x.Max = max(1, inside[o]-1)
		}
	}
}

// flow is a problem as a flow on a general graph, as the reference wants it: made from the problem alone.
func flow(p *assign.Problem) *assign.Flow {
	f := &assign.Flow{}
	node := func() int32 {
		f.Supply = append(f.Supply, 0)
		return int32(len(f.Supply) - 1)
	}
	arc := func(u, v int32, capacity, cost int64) {
		f.From, f.To = append(f.From, u), append(f.To, v)
		f.Capacity, f.Cost = append(f.Capacity, capacity), append(f.Cost, cost)
	}
	all := int64(p.Leervragen)
	for range p.Leervragen {
		f.Supply[node()] = 1
	}
	places, coaches, entries := make([]int32, len(p.Places)), make([]int32, len(p.Coaches)), make([]int32, len(p.Organisations))
	balances := make([]int32, len(p.Organisations))
	for i := range places {
		places[i] = node()
	}
	for i := range coaches {
		coaches[i] = node()
	}
	plain := true
	for i, o := range p.Organisations {
		plain = plain && o.Max == assign.Unlimited && len(o.Steps) == 0
		entries[i] = int32(i)
	}
	plain = plain && len(p.Coaches) == 0
	if !plain {
		for i := range entries {
			entries[i], balances[i] = node(), node()
		}
	}
	sink := node()
	f.Supply[sink] = -all
	for _, a := range p.Arcs {
		arc(a.Leervraag, places[a.Place], 1, int64(a.Cost))
	}
	sends := make([]int64, len(p.Organisations))
	for i := range p.Leervragen {
		if p.Home == nil {
			arc(int32(i), sink, 1, p.Unmatched)
		} else {
			arc(int32(i), balances[p.Home[i]], 1, p.Unmatched)
			sends[p.Home[i]]++
		}
	}
	if plain {
		for i, x := range p.Places {
			arc(places[i], sink, int64(x.Capacity), 0)
		}
		return f
	}
	linked := make([]bool, len(p.Coaches))
	for i, x := range p.Places {
		from := places[i]
		if len(x.Coaches) > 1 {
			from = node()
			arc(places[i], from, int64(x.Capacity), 0)
		}
		for _, c := range x.Coaches {
			arc(from, coaches[c], int64(x.Capacity), 0)
			if !linked[c] {
				linked[c] = true
				arc(coaches[c], entries[x.Organisation], int64(p.Coaches[c]), 0)
			}
		}
	}
	for i, o := range p.Organisations {
		arc(entries[i], balances[i], min(int64(o.Max), all), 0)
		free := sends[i] + int64(o.Free)
		arc(balances[i], sink, max(free, 0), 0)
		for k, c := range o.Steps {
			width := int64(1)
			switch {
			case k == len(o.Steps)-1:
				width = all
			case int64(k) < -free:
				width = 0
			}
			arc(balances[i], sink, width, c)
		}
	}
	return f
}
