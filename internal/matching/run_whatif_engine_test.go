package matching

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// tally is what an assignment comes to: how many have a place, what it costs, and how many are where the run put them.
type tally struct {
	matched int
	cost    int64
	stay    int
}

// bestOf tries every way to assign what a run kept, of those rows that are in, with so much room.
func bestOf(p *problem, in []bool, free []int32) tally {
	best := tally{matched: -1}
	taken, coached := make([]int32, len(p.Places)), make([]int32, len(p.Coaches))
	at := slices.Repeat([]int32{none}, len(p.Asking))
	var try func(k int)
	try = func(k int) {
		if k == len(p.Asking) {
			x := sum(p, in, at)
			if x.matched > best.matched || x.matched == best.matched && (x.cost < best.cost || x.cost == best.cost && x.stay > best.stay) {
				best = x
			}
			return
		}
		try(k + 1)
		if !in[k] {
			return
		}
		for _, x := range p.pairs(k, nil) {
			if x.score < p.Low || taken[x.place] >= free[x.place] {
				continue
			}
			for _, c := range p.CoachOf[x.place] {
				if coached[c] >= p.Coaches[c] {
					continue
				}
				at[k] = x.place
				taken[x.place]++
				coached[c]++
				try(k + 1)
				taken[x.place]--
				coached[c]--
				at[k] = none
			}
		}
	}
	try(0)
	return best
}

// sum is what an assignment comes to.
func sum(p *problem, in []bool, at []int32) (x tally) {
	received := make([]int32, len(p.OrgFree))
	for k, place := range at {
		if !in[k] || place == none {
			continue
		}
		pairs := p.pairs(k, nil)
		pair := pairs[slices.IndexFunc(pairs, func(y judged) bool { return y.place == place })].pair
		x.matched, x.cost = x.matched+1, x.cost+int64(p.cost(k, pair))
		received[p.OrgOf[place]]++
	}
	for k, home := range p.Home {
		if in[k] && home != none && at[k] != none {
			received[home]--
		}
	}
	for o, n := range received {
		for over := n - p.OrgFree[o]; over > 0 && len(p.Steps) > 0; over-- {
			x.cost += p.Steps[min(int(over), len(p.Steps))-1]
		}
	}
	for k, place := range at {
		if in[k] && place == p.Chosen[k] && place != none {
			x.stay++
		}
	}
	return x
}

func TestWhatIf_IsTheBestWithWhatChanged(t *testing.T) {
	t.Parallel()
	moved, fewer, more := 0, 0, 0
	for seed := range uint64(120) {
		r := smallCohort(t, seed, 1+int(seed%5), int(seed%6))
		r.objective = []string{total, worstOffFirst}[seed%2]
		p := unpacked(t, computed(t, r).packed)
		was, err := p.asWas(context.Background())
		require.NoError(t, err)
		first := was.Result()
		for k := range p.Asking {
			require.Equal(t, p.Chosen[k], first.Matches[k].Place, "seed %d: it begins where the run ended", seed)
		}
		ask := func(in whatIfReq, there []bool, free []int32) {
			what := fmt.Sprintf("seed %d, %+v", seed, in)
			x, err := p.suppose(in)
			require.NoError(t, err, what)
			out, err := x.follows(context.Background(), p, was)
			require.NoError(t, err, what)
			at := slices.Clone(p.Chosen)
			score := int64(0)
			for _, c := range out.Changes {
				k := p.row[uuid.UUID(c.LeervraagID)]
				at[k] = none
				if c.After.LeerplekID != nil {
					at[k] = int32(p.at[uuid.UUID(*c.After.LeerplekID)])
				}
			}
			require.Equal(t, bestOf(p, there, free), sum(p, there, at), what)
			for k, place := range at {
				if pairs := p.pairs(k, nil); there[k] && place != none {
					score += int64(pairs[slices.IndexFunc(pairs, func(y judged) bool { return y.place == place })].score)
				}
			}
			require.Equal(t, score, out.ScoreAfter, what)
			require.Len(t, out.Changes, out.Moved, what)
			moved += out.Moved
			if out.MatchedAfter < out.MatchedBefore {
				fewer++
			}
			if out.MatchedAfter > out.MatchedBefore {
				more++
			}
			require.Equal(t, first, was.Result(), "what one question supposes is nothing to the next")
		}
		all := slices.Repeat([]bool{true}, len(p.Asking))
		for k := range p.Asking {
			there := slices.Clone(all)
			there[k] = false
			ask(whatIfReq{Leaves: []id.LeervraagID{id.LeervraagID(p.Questions[p.Asking[k]])}}, there, p.Free)
		}
		for i := range p.Places {
			lpl := []id.LeerplekID{id.LeerplekID(p.Places[i])}
			free := slices.Clone(p.Free)
			free[i] = 0
			ask(whatIfReq{Closes: lpl}, all, free)
			free[i] = p.Free[i] + 1
			ask(whatIfReq{Widens: lpl}, all, free)
			if len(p.Asking) > 0 {
				there := slices.Clone(all)
				there[0] = false
				leaves := []id.LeervraagID{id.LeervraagID(p.Questions[p.Asking[0]])}
				ask(whatIfReq{Widens: lpl, Leaves: leaves}, there, free)
				if n := len(p.Places); n > 2 { // all at once
					j, k := (i+1)%n, (i+2)%n
					free[j], free[k] = 0, p.Free[k]+1
					ask(whatIfReq{Widens: []id.LeerplekID{lpl[0], id.LeerplekID(p.Places[k])}, Closes: []id.LeerplekID{id.LeerplekID(p.Places[j])}, Leaves: leaves}, there, free)
				}
			}
		}
	}
	require.Greater(t, moved, 100)
	require.Greater(t, fewer, 30)
	require.Greater(t, more, 30)
}

// Where all say the same, any exchange of places is as good: it begins with the one that the run came to all the same, and moves
// nobody but whose place closed.
func TestWhatIf_OfEqualAnswersTellsTheOneInWhichMostStay(t *testing.T) {
	t.Parallel()
	p := unpacked(t, computed(t, echoing(t, 30, 40)).packed)
	first := p.Chosen[0]
	copy(p.Chosen, p.Chosen[1:]) // as good as what it came to, and not what a solver comes upon
	p.Chosen[len(p.Chosen)-1] = first
	was, err := p.asWas(context.Background())
	require.NoError(t, err)
	for k, m := range was.Result().Matches {
		require.Equal(t, p.Chosen[k], m.Place)
	}
	for i := range p.Chosen {
		x := supposed{closes: []int32{p.Chosen[i]}}
		out, err := x.follows(context.Background(), p, was)
		require.NoError(t, err)
		require.Equal(t, []int{30, 30, 1}, []int{out.MatchedBefore, out.MatchedAfter, out.Moved})
	}
}
