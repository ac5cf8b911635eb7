// Package certify checks claimed optima without trusting whoever found them: it shares no code with the solver.
//
// What proves an optimum is weak duality: any prices give a lower bound on every feasible assignment's cost. Where the
// bound equals the cost of the assignment at hand, nothing cheaper exists. Wrong prices can only make the bound
// smaller, never a wrong claim pass.
package certify

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// What a claim can be refused for; the text around it says where.
var (
	ErrShape      = errors.New("the claim does not have the shape of the problem")
	ErrInfeasible = errors.New("infeasible")
	ErrPin        = errors.New("a pinned match was not kept")
	ErrObjective  = errors.New("the objective is not what the matches cost")
	ErrNotOptimal = errors.New("not shown to be optimal")
	ErrOverflow   = errors.New("the numbers are too large to check")
)

// Free stands for no maximum.
const Free = -1

// Cohort is a cohort's problem, to be filled from the caller's own data. Everything is numbered from 0; -1 is nobody.
type Cohort struct {
	Leervragen    int
	Absent        []bool // by leervraag: it takes no part (any more); nil if all do
	Home          []int  // by leervraag: the organisation that sends it; nil if sending is not counted
	Places        []Place
	Coaches       []int // by coach: how many switchers at most, or Free; empty if coaches are not counted
	Organisations []Organisation
	Unmatched     int64 // the cost of staying unmatched
	Pins          []Pin

	// Pairs calls yield for every feasible pair of a leervraag, whether or not the solver was told of it, until yield
	// says false. It is not asked for those who are pinned.
	Pairs func(leervraag int, yield func(place int, cost int64) bool)
}

// Place is a leerplek: how many switchers it takes (or Free), whose it is, and its coaches.
type Place struct {
	Capacity, Organisation int
	Coaches                []int
}

// Organisation receives at most Max (or Free). Its balance is what it received, less what it sent, less Allowed; the k-th
// unit above zero costs Steps[k-1], beyond the last as much as the last.
type Organisation struct {
	Max     int
	Allowed int
	Steps   []int64
}

// Pin is a match that must be among those claimed, at its own cost. Coach is -1 if any will do.
type Pin struct {
	Leervraag, Place, Coach int
	Cost                    int64
}

// Claim is an assignment with prices, in the unit of the costs, that should prove it.
type Claim struct {
	Place, Coach []int // by leervraag; -1: unmatched, or coaches are not counted
	Objective    int64

	AtPlace, BehindPlace []int64 // by place: before and behind its capacity
	AtCoach              []int64 // by coach, before its capacity
	AtOrganisation       []int64 // before its maximum
	BehindOrganisation   []int64 // behind its maximum, before its steps
}

// Certificate says that an objective is optimal over all pairs that were checked.
type Certificate struct {
	Objective int64 `json:"objective"`
	Gap       int64 `json:"gap"` // the objective less the bound that the prices prove: always 0
	Pairs     int64 `json:"pairs"`
}

// total sums without wrapping.
type total struct {
	sum int64
	bad bool
}

func (t *total) add(v int64) {
	s := t.sum + v
	t.bad = t.bad || (s > t.sum) != (v > 0) && v != 0
	t.sum = s
}

// times adds n times v, n not negative.
func (t *total) times(n int, v int64) { t.times64(int64(n), v) }

func (t *total) times64(n, v int64) {
	u := uint64(v)
	if v < 0 {
		u = -u
	}
	hi, lo := bits.Mul64(uint64(n), u)
	t.bad = t.bad || hi != 0 || lo > math.MaxInt64
	if v < 0 {
		t.add(-int64(lo))
	} else {
		t.add(int64(lo))
	}
}

// Check proves that a claim is feasible, keeps the pins, costs what it says, and that nothing cheaper exists; or it returns
// an error that wraps one of this package's and names what is wrong. It takes time in proportion to pairs, places and
// coaches.
func (c *Cohort) Check(claim Claim) (Certificate, error) {
	if err := c.shape(&claim); err != nil {
		return Certificate{}, err
	}
	pins, err := c.pinned(&claim)
	if err != nil {
		return Certificate{}, err
	}
	k := &check{Cohort: c, Claim: &claim, pins: pins, inside: make([]int, len(c.Places)), coached: make([]int, len(c.Coaches)), passed: make([]int, len(c.Places)),
		received: make([]int, len(c.Organisations)), sent: make([]int, len(c.Organisations)), own: make([]int, len(c.Organisations))}
	for _, step := range []func() error{k.count, k.rows, k.places, k.coaches, k.organisations} {
		if err := step(); err != nil {
			return Certificate{}, err
		}
	}
	switch {
	case k.cost.bad || k.bound.bad:
		return Certificate{}, ErrOverflow
	case k.cost.sum != claim.Objective:
		return Certificate{}, fmt.Errorf("%d is claimed, the matches cost %d: %w", claim.Objective, k.cost.sum, ErrObjective)
	case k.cost.sum != k.bound.sum:
		return Certificate{}, fmt.Errorf("the matches cost %d, the prices prove %d only: %w", k.cost.sum, k.bound.sum, ErrNotOptimal)
	}
	return Certificate{Objective: k.cost.sum, Gap: k.cost.sum - k.bound.sum, Pairs: k.pairs}, nil
}

// check is one checking.
type check struct {
	*Cohort
	*Claim
	pins                []int // by leervraag: 1 + its pin, or 0
	inside, passed      []int // by place: its matches, those of them that are pinned with their coach
	coached             []int // by coach
	received, sent, own []int // by organisation; own: leervragen that it could send
	cost, bound         total
	pairs               int64
}

func (c *Cohort) shape(m *Claim) error {
	n, places, coaches, orgs := c.Leervragen, len(c.Places), len(c.Coaches), len(c.Organisations)
	if n < 0 || len(m.Place) != n || len(m.Coach) != n || c.Absent != nil && len(c.Absent) != n || c.Home != nil && len(c.Home) != n ||
		len(m.AtPlace) != places || len(m.BehindPlace) != places || len(m.AtCoach) != coaches ||
		len(m.AtOrganisation) != orgs || len(m.BehindOrganisation) != orgs {
		return fmt.Errorf("a list is too short or too long: %w", ErrShape)
	}
	owner := make([]int, coaches)
	for i, p := range c.Places {
		if p.Organisation < 0 || p.Organisation >= orgs {
			return fmt.Errorf("organisation of place %d: %w", i, ErrShape)
		}
		for _, x := range p.Coaches {
			if x < 0 || x >= coaches || owner[x] != 0 && owner[x] != p.Organisation+1 {
				return fmt.Errorf("coach %d of place %d: %w", x, i, ErrShape)
			}
			owner[x] = p.Organisation + 1
		}
	}
	for i, o := range c.Home {
		if o < -1 || o >= orgs {
			return fmt.Errorf("home of leervraag %d: %w", i, ErrShape)
		}
	}
	for i, o := range c.Organisations {
		last := int64(0)
		for _, s := range o.Steps {
			if s < last {
				return fmt.Errorf("steps of organisation %d: %w", i, ErrShape)
			}
			last = s
		}
	}
	// Prices beyond this would make sums wrap; nothing that is sensible comes near.
	const most = math.MaxInt64 / 8
	for _, list := range [][]int64{m.AtPlace, m.BehindPlace, m.AtCoach, m.AtOrganisation, m.BehindOrganisation} {
		for _, p := range list {
			if p > most || p < -most {
				return ErrOverflow
			}
		}
	}
	return nil
}

func (c *Cohort) pinned(m *Claim) ([]int, error) {
	pins := make([]int, c.Leervragen)
	for i, x := range c.Pins {
		if x.Leervraag < 0 || x.Leervraag >= c.Leervragen || pins[x.Leervraag] != 0 || c.absent(x.Leervraag) {
			return nil, fmt.Errorf("pin %d: %w", i, ErrShape)
		}
		pins[x.Leervraag] = i + 1
		if m.Place[x.Leervraag] != x.Place || x.Coach >= 0 && m.Coach[x.Leervraag] != x.Coach {
			return nil, fmt.Errorf("leervraag %d is pinned on place %d and claimed on %d: %w", x.Leervraag, x.Place, m.Place[x.Leervraag], ErrPin)
		}
	}
	return pins, nil
}

func (c *Cohort) absent(i int) bool { return c.Absent != nil && c.Absent[i] }

func (c *Cohort) home(i int) int {
	if c.Home == nil {
		return -1
	}
	return c.Home[i]
}

// count counts who goes where, and refuses what does not fit.
func (k *check) count() error {
	for i := range k.Leervragen {
		home, p, x := k.home(i), k.Place[i], k.Coach[i]
		if k.absent(i) {
			if p != -1 || x != -1 {
				return fmt.Errorf("leervraag %d takes no part and is matched: %w", i, ErrInfeasible)
			}
			continue
		}
		if home >= 0 {
			k.own[home]++
		}
		if p == -1 && x == -1 {
			continue
		}
		if p < 0 || p >= len(k.Places) {
			return fmt.Errorf("leervraag %d goes to place %d: %w", i, p, ErrInfeasible)
		}
		k.inside[p]++
		k.received[k.Places[p].Organisation]++
		if home >= 0 {
			k.sent[home]++
		}
		if len(k.Coaches) == 0 {
			if x != -1 {
				return fmt.Errorf("leervraag %d has coach %d: %w", i, x, ErrInfeasible)
			}
			continue
		}
		if !slices.Contains(k.Places[p].Coaches, x) {
			return fmt.Errorf("leervraag %d has coach %d, who is none of place %d: %w", i, x, p, ErrInfeasible)
		}
		k.coached[x]++
		if pin := k.pins[i]; pin > 0 && k.Pins[pin-1].Coach >= 0 {
			k.passed[p]++
		}
	}
	return nil
}

// rows looks at every pair. What the cheapest choice of a leervraag costs, price included, goes into the bound.
func (k *check) rows() error {
	for i := range k.Leervragen {
		if k.absent(i) {
			continue
		}
		if pin := k.pins[i]; pin > 0 {
			x := &k.Pins[pin-1]
			k.cost.add(x.Cost)
			k.bound.add(x.Cost)
			if x.Coach >= 0 {
				k.bound.add(k.AtCoach[x.Coach])
			} else {
				k.bound.add(k.AtPlace[x.Place])
			}
			continue
		}
		outside := k.Unmatched
		if h := k.home(i); h >= 0 {
			outside += k.BehindOrganisation[h]
		}
		mine, least, where := outside, outside, -1
		known := k.Place[i] == -1
		if known {
			k.cost.add(k.Unmatched)
		}
		var bad error
		k.Pairs(i, func(p int, c int64) bool {
			if p < 0 || p >= len(k.Places) || c > math.MaxInt64/8 || c < -math.MaxInt64/8 {
				bad = fmt.Errorf("leervraag %d and place %d at %d: %w", i, p, c, ErrShape)
				return false
			}
			k.pairs++
			all := c + k.AtPlace[p]
			if all < least {
				least, where = all, p
			}
			if p == k.Place[i] {
				mine, known = all, true
				k.cost.add(c)
			}
			return true
		})
		switch {
		case bad != nil:
			return bad
		case !known:
			return fmt.Errorf("leervraag %d goes to place %d, which is no feasible pair: %w", i, k.Place[i], ErrInfeasible)
		case mine > least:
			return fmt.Errorf("leervraag %d would be cheaper by %d on place %d: %w", i, mine-least, where, ErrNotOptimal)
		}
		k.bound.add(least)
	}
	return nil
}

// arc takes one arc into the bound, and refuses it if it has room and would pay, or is used and does not.
func (k *check) arc(used, capacity int, from, cost, to int64, what string, args ...any) error {
	reduced := cost - from + to
	switch where := fmt.Sprintf(what, args...); {
	case capacity != Free && used > capacity:
		return fmt.Errorf("%s takes %d of %d: %w", where, used, capacity, ErrInfeasible)
	case reduced < 0 && (capacity == Free || used < capacity):
		return fmt.Errorf("%s has room and would save %d: %w", where, -reduced, ErrNotOptimal)
	case reduced > 0 && used > 0:
		return fmt.Errorf("%s is used and would save %d unused: %w", where, reduced, ErrNotOptimal)
	case reduced < 0:
		k.bound.times(capacity, reduced)
	}
	return nil
}

func (k *check) places() error {
	for i, p := range k.Places {
		capacity := p.Capacity
		if capacity != Free {
			capacity -= k.passed[i]
		}
		if capacity < Free || capacity == Free && p.Capacity != Free {
			return fmt.Errorf("place %d takes more than %d: %w", i, p.Capacity, ErrInfeasible)
		}
		to := k.BehindPlace[i]
		if len(k.Coaches) == 0 {
			if to = k.AtOrganisation[p.Organisation]; to != k.BehindPlace[i] {
				return fmt.Errorf("place %d leads to its organisation at another price: %w", i, ErrShape)
			}
		}
		if len(k.Coaches) > 0 && len(p.Coaches) == 0 {
			continue // nobody can go on from here, and count saw that nobody came
		}
		if err := k.arc(k.inside[i]-k.passed[i], capacity, k.AtPlace[i], 0, to, "place %d", i); err != nil {
			return err
		}
	}
	if len(k.Coaches) == 0 {
		return nil
	}
	// Which coach is used from which place.
	type pair struct{ place, coach int }
	used := map[pair]bool{}
	for i, p := range k.Place {
		if p >= 0 && (k.pins[i] == 0 || k.Pins[k.pins[i]-1].Coach < 0) {
			used[pair{p, k.Coach[i]}] = true
		}
	}
	for i, p := range k.Places {
		for _, c := range p.Coaches {
			n := 0
			if used[pair{i, c}] {
				n = 1
			}
			if err := k.arc(n, Free, k.BehindPlace[i], 0, k.AtCoach[c], "coach %d of place %d", c, i); err != nil {
				return err
			}
		}
	}
	return nil
}

func (k *check) coaches() error {
	owner := make([]int, len(k.Coaches))
	for _, p := range k.Places {
		for _, c := range p.Coaches {
			owner[c] = p.Organisation + 1
		}
	}
	for c, o := range owner {
		if o == 0 {
			continue // nobody comes here
		}
		if err := k.arc(k.coached[c], k.Coaches[c], k.AtCoach[c], 0, k.AtOrganisation[o-1], "coach %d", c); err != nil {
			return err
		}
	}
	return nil
}

// organisations checks the maxima and the steps. An organisation's steps see received − sent − Allowed; own − sent of
// its leervragen stay, so that received + stayed runs from 0 with own + Allowed units free.
func (k *check) organisations() error {
	for i := range k.Organisations {
		o := &k.Organisations[i]
		if err := k.arc(k.received[i], o.Max, k.AtOrganisation[i], 0, k.BehindOrganisation[i], "organisation %d", i); err != nil {
			return err
		}
		flow, free := k.received[i]+k.own[i]-k.sent[i], k.own[i]+o.Allowed
		last := len(o.Steps)
		if last == 0 {
			if err := k.arc(flow, Free, k.BehindOrganisation[i], 0, 0, "balance of organisation %d", i); err != nil {
				return err
			}
			continue
		}
		if free > 0 {
			if err := k.arc(min(flow, free), free, k.BehindOrganisation[i], 0, 0, "balance of organisation %d", i); err != nil {
				return err
			}
		}
		// Where it stands, and where it would stand if nobody came and all its own went.
		stands, base := max(0, flow-free), max(0, -free)
		for s, cost := range o.Steps {
			now, then, room := min(1, max(0, stands-s)), min(1, max(0, base-s)), 1
			if s == last-1 {
				now, then, room = max(0, stands-s), max(0, base-s), Free
			}
			k.cost.times(now, cost)
			k.bound.times(then, cost)
			if room != Free {
				room -= then
			}
			if err := k.arc(now-then, room, k.BehindOrganisation[i], cost, 0, "step %d of organisation %d", s+1, i); err != nil {
				return err
			}
		}
	}
	return nil
}
