package matching

import (
	"cmp"
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/matching/assign"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// maxJoins is how many leervragen one question lets join.
const maxJoins = 20

// joiner is a leervraag that a run did not look for, judged as the run judges.
type joiner struct {
	id      id.LeervraagID
	from    uuid.UUID    // its employer
	home    int32        // the number of that in the run; none: the run does not know it
	carried int32        // what that sent less received so far
	arcs    []assign.Arc // all places of the run that are possible, at what staying costs of others
}

// joining reads how leervragen of a run's cohort stand that joined after the run began, and judges them: by what the rows say now, on the
// scale of the run. How much room there is, the run says. Whoever does not take part in the cohort, is not open, has an accepted
// match, or was looked for already, cannot join. Where words are read otherwise than in the run, RunForgotten.
func (s *Service) joining(ctx context.Context, read web.Reads, e *explained, r Run, ids []id.LeervraagID) ([]joiner, error) {
	var now *snapshot
	var rows *reading
	var w wording
	var versions string
	if err := read(func(tx *db.Tx) (err error) {
		if w, versions, err = s.wording(tx); err != nil {
			return err
		}
		now, rows, err = load(ctx, tx, r.CohortID)
		return err
	}); err != nil {
		return nil, unsolved(ctx, err)
	}
	if !e.onScale(versions) {
		return nil, RunForgotten.New()
	}
	rows.places = e.p.roomy(rows.places)
	places, err := rows.build(w, horizon{}, e.p.Scale)
	if err = cmp.Or(err, ctx.Err()); err != nil {
		return nil, unsolved(ctx, err)
	}
	now.places = places
	return e.p.join(&run{snapshot: now, task: task{weights: r.Weights.V}}, ids)
}

// roomy leaves those places that a run knows, with room for everybody: how much there is, the solver counts; of leercoaches too, and
// only of those whom the run had there.
func (p *problem) roomy(places []place) []place {
	out := places[:0]
	for _, x := range places {
		i, known := p.at[x.id]
		if !known {
			continue
		}
		x.free = 1
		for j := range x.coaches {
			c := &x.coaches[j]
			n, known := p.coach[c.id]
			c.no = c.no || !known || !slices.Contains(p.CoachOf[i], int32(n))
			c.limit, c.yearly = unknown, nil
		}
		out = append(out, x)
	}
	return out
}

// join judges leervragen of a cohort as it is now that are not among the rows of this run.
func (p *problem) join(c *run, ids []id.LeervraagID) ([]joiner, error) {
	c.asking, c.current = nil, nil
	for _, l := range ids {
		i, here := c.find(uuid.UUID(l))
		if _, asked := p.row[uuid.UUID(l)]; asked || !here || c.questions[i].settled != nil || c.questions[i].status != "open" {
			return nil, fault.BadParameter.New().In("joins", fault.NoReference)
		}
		if slices.Contains(c.asking, int32(i)) {
			return nil, fault.BadParameter.New().In("joins", fault.Twice)
		}
		at := none
		if n, there := c.places.find(c.questions[i].open); there {
			at = n
		}
		c.asking, c.current = append(c.asking, int32(i)), append(c.current, at)
	}
	out := make([]joiner, len(c.asking))
	for k, i := range c.asking {
		q := &c.questions[i]
		j := joiner{id: q.ID, from: q.OrganisationID, home: position(p.Orgs, q.OrganisationID), carried: int32(c.carried[q.OrganisationID])}
		for _, x := range c.row(&desk{}, int32(k), nil) {
			cost := whole - x.score
			if x.place == c.current[k] {
				cost -= int32(p.Bonus)
			}
			j.arcs = append(j.arcs, assign.Arc{Place: int32(p.at[c.places.places[x.place].id]), Cost: int32(p.point()) * cost, Score: x.score})
		}
		out[k] = j
	}
	return out, nil
}

// admit lets leervragen join a solved run. An employer that the run does not know becomes one of those that it holds in reserve.
func (p *problem) admit(s *assign.Solver, all []joiner) error {
	reserve := map[uuid.UUID]int32{}
	for i := range all {
		j := &all[i]
		home := j.home
		switch {
		case p.Home == nil:
			home = assign.None
		case home == none:
			n, known := reserve[j.from]
			if !known {
				n = int32(len(p.OrgFree) + len(reserve))
				reserve[j.from] = n
				if err := s.SetOrganisationFree(n, j.carried); err != nil {
					return err
				}
			}
			home = n
		}
		if _, err := s.Insert(home, j.arcs); err != nil {
			return err
		}
	}
	return nil
}

// withJoiners are the pairs of all rows, those who joined included, with places that can take somebody.
func (p *problem) withJoiners(all []joiner, takes []bool) assign.Rows {
	kept := p.priced(p.staying, takes)
	return func(k int32, into []assign.Candidate) []assign.Candidate {
		if int(k) < len(p.Asking) {
			return kept(k, into)
		}
		for _, a := range all[int(k)-len(p.Asking)].arcs {
			if takes[a.Place] {
				into = append(into, assign.Candidate{Place: a.Place, Cost: a.Cost, Score: a.Score})
			}
		}
		return into
	}
}
