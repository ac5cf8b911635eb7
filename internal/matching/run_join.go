package matching

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/matching/assign"
	"github.com/switchingtalent/switchboard/internal/matching/relevance"
	"github.com/switchingtalent/switchboard/internal/platform/day"
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

// lately is what a cohort's leerplekken say, those that a run knows, on the scale of the run: of when somebody asked last who would join it,
// and kept with the run for the next question, which reads what changed since.
type lately struct {
	*index
	today   day.Date
	offered []uuid.UUID // the leerplekken that take part in the cohort, by id
}

// news is what a question reads of who would join.
type news struct {
	*snapshot
	wording  wording
	versions string
	offered  []uuid.UUID
	seen     horizon
	changed  []uuid.UUID // the reading is of these; nil: of all
	reading  *reading
}

// joining reads how leervragen of a run's cohort stand that joined after the run began, and judges them: by what the rows say now, on the
// scale of the run. How much room there is, the run says. Whoever does not take part in the cohort, is not open, has an accepted
// match, or was looked for already, cannot join. Where words are read otherwise than in the run, RunForgotten.
func (s *Service) joining(ctx context.Context, read web.Reads, e *explained, r Run, ids []id.LeervraagID) ([]joiner, error) {
	var now news
	if err := read(func(tx *db.Tx) (err error) {
		now, err = s.since(ctx, tx, e.late, r.CohortID, ids)
		return err
	}); err != nil {
		return nil, unsolved(ctx, err)
	}
	if !e.onScale(now.versions) {
		return nil, RunForgotten.New()
	}
	if err := cmp.Or(e.learn(now), ctx.Err()); err != nil {
		return nil, unsolved(ctx, err)
	}
	s.problems.weigh(e, e.weight())
	now.snapshot.places = e.late.index
	return e.p.join(&run{snapshot: now.snapshot, task: task{weights: r.Weights.V}}, ids)
}

// since reads who would join, and what changed of the leerplekken since last was read; all of them where there is no last, where
// others take part, where days are others or much changed.
func (s *Service) since(ctx context.Context, tx *db.Tx, last *lately, cid id.CohortID, ids []id.LeervraagID) (n news, err error) {
	from := horizon{from: math.MaxInt64}
	if last != nil {
		from = last.seen
	}
	found, own := []change(nil), false
	if n.seen, found, own, err = changes(tx, from, inline+1); err != nil {
		return n, err
	}
	if n.wording, n.versions, err = s.wording(tx); err != nil {
		return n, err
	}
	if n.snapshot, n.offered, err = open(tx, cid); err != nil {
		return n, err
	}
	n.reading = newReading(n.today)
	if last == nil || own || len(found) > inline || last.today.Number() != n.today.Number() || n.seen.base != from.base || n.seen.older(from) ||
		!n.seen.postcodes.Equal(from.postcodes) || !slices.Equal(last.offered, n.offered) || last.outgrown() {
		err = n.reading.all(ctx, tx, n.offered)
	} else {
		n.reading.kin = last.kin
		err = n.follow(tx, from, found)
	}
	if err != nil {
		return n, err
	}
	only := make([]uuid.UUID, len(ids))
	for i, l := range ids {
		only[i] = uuid.UUID(l)
	}
	return n, n.take(tx, cid, only, n.reading.kin)
}

// follow reads those of the changed leerplekken that take part.
func (n *news) follow(tx *db.Tx, from horizon, found []change) (err error) {
	n.changed = []uuid.UUID{}
	var said []uuid.UUID
	for _, f := range found {
		if position(n.offered, f.leerplek) == none {
			continue
		}
		n.changed = append(n.changed, f.leerplek)
		if f.text {
			said = append(said, f.leerplek)
		}
	}
	n.seen = n.seen.after(from, found)
	if n.changed, said = distinct(n.changed), distinct(said); len(n.changed) == 0 {
		return nil
	}
	if n.reading.places, err = facts(tx, n.today, n.changed, n.reading.kin); err != nil {
		return err
	}
	return texts(tx, said, func(d relevance.Document) { n.reading.documents = append(n.reading.documents, d) })
}

// learn takes in what was read.
func (e *explained) learn(n news) error {
	n.reading.places = e.p.roomy(n.reading.places)
	n.reading.documents = slices.DeleteFunc(n.reading.documents, func(d relevance.Document) bool {
		_, known := e.p.at[d.ID]
		return !known
	})
	if n.changed == nil {
		all, err := n.reading.build(n.wording, n.seen, e.p.Scale)
		if err != nil {
			return err
		}
		e.late = &lately{all, n.today, n.offered}
		return nil
	}
	e.late.apply(n.changed, n.reading.places, e.late.words.Prepare(n.reading.documents))
	e.late.seen, e.late.bytes = n.seen, e.late.size()
	return nil
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

// nothing is what a pair costs where only the number of matches counts.
func nothing(int, pair) int32 { return 0 }

// freely is who joins, where only the number of matches counts.
func freely(all []joiner) []joiner {
	out := slices.Clone(all)
	for i := range out {
		out[i].arcs = slices.Clone(out[i].arcs)
		for k := range out[i].arcs {
			out[i].arcs[k].Cost = 0
		}
	}
	return out
}

// withJoiners are the pairs of all rows, those who joined included, with places that can take somebody. cost is that of the others.
func (p *problem) withJoiners(all []joiner, cost func(int, pair) int32, takes []bool) assign.Rows {
	kept := p.priced(cost, takes)
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
