package certify_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/matching/assign/certify"
)

// example is a cohort that is small enough to check by hand. Two employers; each sends two and receives. Place 0 takes one,
// and both who want it most are sent by employer 1: the price of its capacity is the 20 that the second of them
// loses by going to place 1.
func example() (*certify.Cohort, certify.Claim) {
	costs := [][]int64{{10, 40, -1, -1}, {20, 40, -1, -1}, {-1, -1, 30, -1}, {-1, -1, 35, 90}}
	c := &certify.Cohort{
		Leervragen: 4, Home: []int{1, 1, 0, -1},
		Places:        []certify.Place{{1, 0, []int{0}}, {2, 0, []int{0, 1}}, {1, 1, []int{2}}, {1, 1, []int{2}}},
		Coaches:       []int{2, 1, 1},
		Organisations: []certify.Organisation{{Max: certify.Free, Steps: []int64{5, 5}}, {Max: 3, Allowed: 1, Steps: []int64{7, 9}}},
		Unmatched:     100,
		Pins:          []certify.Pin{{Leervraag: 2, Place: 2, Coach: 2, Cost: 30}},
		Pairs: func(i int, yield func(int, int64) bool) {
			for p, cost := range costs[i] {
				if cost >= 0 && !yield(p, cost) {
					return
				}
			}
		},
	}
	// 0 → place 0, 1 → place 1, 2 pinned, 3 stays: coach 2 is taken. Employer 0 received two and sent one: one step.
	return c, certify.Claim{
		Place: []int{0, 1, 2, -1}, Coach: []int{0, 0, 2, -1}, Objective: 10 + 40 + 30 + 100 + 5,
		AtPlace: []int64{25, 5, 65, 10}, BehindPlace: []int64{5, 5, 65, 10}, AtCoach: []int64{5, 5, 65}, AtOrganisation: []int64{5, 0}, BehindOrganisation: []int64{5, 0},
	}
}

func TestCohort_CertifiesAnOptimum(t *testing.T) {
	t.Parallel()
	c, claim := example()
	got, err := c.Check(claim)
	require.NoError(t, err)
	require.Equal(t, certify.Certificate{Objective: 185, Pairs: 6}, got)
}

func TestCohort_RefusesEveryCorruption(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		spoil func(c *certify.Cohort, m *certify.Claim)
		want  error
	}{
		"too few matches":             {func(_ *certify.Cohort, m *certify.Claim) { m.Place = m.Place[:3] }, certify.ErrShape},
		"too few prices":              {func(_ *certify.Cohort, m *certify.Claim) { m.AtCoach = nil }, certify.ErrShape},
		"a pin of nobody":             {func(c *certify.Cohort, _ *certify.Claim) { c.Pins[0].Leervraag = 9 }, certify.ErrShape},
		"a coach of two employers":    {func(c *certify.Cohort, _ *certify.Claim) { c.Places[3].Coaches = []int{0} }, certify.ErrShape},
		"steps that fall":             {func(c *certify.Cohort, _ *certify.Claim) { c.Organisations[0].Steps = []int64{5, 4} }, certify.ErrShape},
		"a pin that moved":            {func(_ *certify.Cohort, m *certify.Claim) { m.Place[2] = 3 }, certify.ErrPin},
		"a pin with another coach":    {func(_ *certify.Cohort, m *certify.Claim) { m.Coach[2] = 1 }, certify.ErrPin},
		"a pair that is not feasible": {func(_ *certify.Cohort, m *certify.Claim) { m.Place[1], m.Coach[1] = 3, 2 }, certify.ErrInfeasible},
		"a place that is none":        {func(_ *certify.Cohort, m *certify.Claim) { m.Place[1] = 4 }, certify.ErrInfeasible},
		"a match without a coach":     {func(_ *certify.Cohort, m *certify.Claim) { m.Coach[1] = -1 }, certify.ErrInfeasible},
		"a coach without a match":     {func(_ *certify.Cohort, m *certify.Claim) { m.Coach[3] = 0 }, certify.ErrInfeasible},
		"another place's coach":       {func(_ *certify.Cohort, m *certify.Claim) { m.Coach[0] = 1 }, certify.ErrInfeasible},
		"a full place":                {func(c *certify.Cohort, _ *certify.Claim) { c.Places[0].Capacity = 0 }, certify.ErrInfeasible},
		"a full coach":                {func(c *certify.Cohort, _ *certify.Claim) { c.Coaches[0] = 1 }, certify.ErrInfeasible},
		"a full organisation":         {func(c *certify.Cohort, _ *certify.Claim) { c.Organisations[1].Max = 0 }, certify.ErrInfeasible},
		"a pin in a closed place":     {func(c *certify.Cohort, _ *certify.Claim) { c.Places[2].Capacity = 0 }, certify.ErrInfeasible},
		"somebody who is not there":   {func(c *certify.Cohort, _ *certify.Claim) { c.Absent = []bool{true, false, false, false} }, certify.ErrInfeasible},
		"an objective too low":        {func(_ *certify.Cohort, m *certify.Claim) { m.Objective-- }, certify.ErrObjective},
		"an objective too high":       {func(_ *certify.Cohort, m *certify.Claim) { m.Objective++ }, certify.ErrObjective},
		"the wrong one of two":        {func(_ *certify.Cohort, m *certify.Claim) { m.Place[0], m.Place[1], m.Objective = 1, 0, 195 }, certify.ErrNotOptimal},
		"somebody left out":           {func(_ *certify.Cohort, m *certify.Claim) { m.Place[1], m.Coach[1], m.Objective = -1, -1, 240 }, certify.ErrNotOptimal},
		"a place too dear":            {func(_ *certify.Cohort, m *certify.Claim) { m.AtPlace[0] += 20 }, certify.ErrNotOptimal},
		"a place too cheap":           {func(_ *certify.Cohort, m *certify.Claim) { m.AtPlace[0] -= 20 }, certify.ErrNotOptimal},
		"an exit too dear":            {func(_ *certify.Cohort, m *certify.Claim) { m.BehindPlace[1]++ }, certify.ErrNotOptimal},
		"an exit too cheap":           {func(_ *certify.Cohort, m *certify.Claim) { m.BehindPlace[1]-- }, certify.ErrNotOptimal},
		"a coach too dear":            {func(_ *certify.Cohort, m *certify.Claim) { m.AtCoach[0]++ }, certify.ErrNotOptimal},
		"a coach too cheap":           {func(_ *certify.Cohort, m *certify.Claim) { m.AtCoach[1]-- }, certify.ErrNotOptimal},
		"an organisation too dear":    {func(_ *certify.Cohort, m *certify.Claim) { m.AtOrganisation[1]++ }, certify.ErrNotOptimal},
		"an organisation too cheap":   {func(_ *certify.Cohort, m *certify.Claim) { m.AtOrganisation[0]-- }, certify.ErrNotOptimal},
		"a balance too dear":          {func(_ *certify.Cohort, m *certify.Claim) { m.BehindOrganisation[0]++ }, certify.ErrNotOptimal},
		"a balance too cheap":         {func(_ *certify.Cohort, m *certify.Claim) { m.BehindOrganisation[1]-- }, certify.ErrNotOptimal},
		"a price beyond all numbers":  {func(_ *certify.Cohort, m *certify.Claim) { m.AtPlace[3] = math.MaxInt64 }, certify.ErrOverflow},
		"a pair that was not priced": {func(c *certify.Cohort, _ *certify.Claim) {
			pairs := c.Pairs
			c.Pairs = func(i int, yield func(int, int64) bool) {
				pairs(i, yield)
				if i == 1 {
					yield(3, 29)
				}
			}
		}, certify.ErrNotOptimal},
		"a pair at an absurd cost": {func(c *certify.Cohort, _ *certify.Claim) {
			c.Pairs = func(_ int, yield func(int, int64) bool) { yield(0, math.MinInt64) }
		}, certify.ErrShape},
	} {
		c, claim := example()
		claim.Place, claim.Coach = slices.Clone(claim.Place), slices.Clone(claim.Coach)
		x.spoil(c, &claim)
		_, err := c.Check(claim)
		require.ErrorIs(t, err, x.want, name)
	}
}

// river is a flow with a lower bound, a full arc and an arc of negative cost.
func river() *certify.Network {
	return &certify.Network{
		Supply: []int64{4, 0, -4}, From: []int32{0, 0, 1, 0}, To: []int32{1, 2, 2, 1}, Low: []int64{0, 1, 0, 0},
		Capacity: []int64{2, 3, certify.Endless, 1}, Cost: []int64{1, 9, 2, -5}, Flow: []int64{2, 1, 3, 1}, Objective: 2 + 9 + 6 - 5, Price: []int64{8, 2, 0},
	}
}

func TestNetwork_CertifiesAnOptimum(t *testing.T) {
	t.Parallel()
	got, err := river().Check()
	require.NoError(t, err)
	require.Equal(t, certify.Certificate{Objective: 12, Pairs: 4}, got)
}

func TestNetwork_SumsBeyondSixtyFourBits(t *testing.T) {
	t.Parallel()
	n := &certify.Network{Supply: []int64{2e9, -2e9}, From: []int32{0, 0}, To: []int32{1, 1}, Capacity: []int64{1e9, 1e9}, Cost: []int64{9e15, -9e15}, Flow: []int64{1e9, 1e9}, Price: []int64{9e15, 0}}
	got, err := n.Check()
	require.NoError(t, err)
	require.Zero(t, got.Objective)
}

func TestNetwork_RefusesEveryCorruption(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		spoil func(n *certify.Network)
		want  error
	}{
		"a list too short":       {func(n *certify.Network) { n.Flow = n.Flow[:2] }, certify.ErrShape},
		"a price too few":        {func(n *certify.Network) { n.Price = nil }, certify.ErrShape},
		"a node that is none":    {func(n *certify.Network) { n.To[0] = 3 }, certify.ErrShape},
		"below what must flow":   {func(n *certify.Network) { n.Flow[1] = 0 }, certify.ErrInfeasible},
		"above the capacity":     {func(n *certify.Network) { n.Flow[0] = 3 }, certify.ErrInfeasible},
		"a node that keeps some": {func(n *certify.Network) { n.Supply[0] = 5 }, certify.ErrInfeasible},
		"a cheaper way":          {func(n *certify.Network) { n.Capacity[0] = 3 }, certify.ErrNotOptimal},
		"a dear arc in use":      {func(n *certify.Network) { n.Low[1] = 0 }, certify.ErrNotOptimal},
		"an arc too cheap":       {func(n *certify.Network) { n.Price[1]++ }, certify.ErrNotOptimal},
		"an arc too dear":        {func(n *certify.Network) { n.Price[1]-- }, certify.ErrNotOptimal},
		"another objective":      {func(n *certify.Network) { n.Objective++ }, certify.ErrObjective},
		"an absurd price":        {func(n *certify.Network) { n.Price[0] = math.MinInt64 }, certify.ErrOverflow},
		"an absurd cost":         {func(n *certify.Network) { n.Cost[0] = math.MaxInt64 }, certify.ErrOverflow},
	} {
		n := river()
		x.spoil(n)
		_, err := n.Check()
		require.ErrorIs(t, err, x.want, name)
	}
}
