package matching

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/matching/assign"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// How a leervraag stands in a run.
const (
	chosen    = "chosen"    // the run found the place
	pinnedOn  = "pinned"    // people pinned it there
	isSettled = "settled"   // its match was accepted before
	unmatched = "unmatched" //
)

// What a run would change for a leervraag, against its open match or the run that this one is based on.
const (
	isKept    = "kept"
	isMoved   = "moved"
	isNew     = "new"
	isDropped = "dropped"
	isNone    = "none" // it had no place and gets none
)

// item is what a run came to for one leervraag.
type item struct {
	Leervraag uuid.UUID
	Standing  string
	Change    string
	Place     *uuid.UUID
	Coach     *uuid.UUID
	Score     *int
	Detail    detail
}

// detail is what is told of an item besides, as it is stored.
type detail struct {
	Points   *[criteria]int `json:"points,omitempty"`
	Answers  bool           `json:"answers,omitempty"` // the words of the place answer the question; of what is pinned nobody asks
	Before   *BeforeRun     `json:"before,omitempty"`
	Reason   string         `json:"reason,omitempty"`
	RuledOut []RuledOut     `json:"ruled_out,omitempty"`
	Fix      *Fix           `json:"fix,omitempty"`
}

// BeforeRun is where a leervraag stood that a run leaves somewhere else.
type BeforeRun struct {
	LeerplekID id.LeerplekID `json:"leerplek_id" example:"lpl_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Score      *int          `json:"score" extensions:"x-nullable" example:"6900"`     // there; null when it cannot be there any more
	Reason     *string       `json:"reason" extensions:"x-nullable" example:"too_far"` // why it cannot; null when it could
} // @name MatchingRunBefore

// Fix is the one thing that would make a place possible for an unmatched leervraag, or give it one: room where it cannot go
// itself, too, when somebody else would move there from a place where it can.
type Fix struct {
	Kind        string           `json:"kind" enums:"leerplek,leercoach,rule,floor" example:"leerplek"` // room at a leerplek, room of a leercoach, one rule less, a lower floor
	LeerplekID  id.LeerplekID    `json:"leerplek_id" example:"lpl_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	LeercoachID *id.MedewerkerID `json:"leercoach_id" extensions:"x-nullable" example:"mdw_01jd8m5x9nf3tvhg5w6rkz2c4r"` // whose room it is, or of whom the rule is
	Reason      *string          `json:"reason" extensions:"x-nullable" example:"too_far"`                              // what rules the leerplek out; null where it is possible, and goes to others
	Gain        int64            `json:"gain" example:"6120"`                                                           // points for all together; where a rule rules it out, and for a floor, the score there
} // @name MatchingRunFix

// Why a leervraag has no place.
const (
	notOpen      = "not_open"
	noCandidates = string(assign.NoCandidates)
	belowFloor   = string(assign.BelowFloor)
	closed       = string(assign.Closed)
)

// room says why somebody has no place, and where room for one more would give them one.
type room func(k int32) (assign.Reason, assign.Fix, error)

// rooms asks the run as it was solved. For the worst off the run looks no lower than the lowest score that it reached, and
// people may: whoever has no place there is asked about at the floor of the run, beside those who have one and may move.
func (r *run) rooms(ctx context.Context, p assign.Problem, s *assign.Solver, result assign.Result) (room, error) {
	if result.Matched == len(r.asking) {
		return s.Explain, nil
	}
	var list []pair
	shut := func(k int32, into []assign.Candidate) []assign.Candidate {
		_ = r.step(stageExplaining, int(k), len(r.asking)) // ctx has ended then
		list = r.shut(k, list[:0])
		return r.candidates(k, list, into)
	}
	offer := func(s *assign.Solver, rows assign.Rows) error {
		if !slices.Contains(r.takes, false) {
			return nil
		}
		return s.Offer(ctx, rows)
	}
	if int(r.low) <= r.floor {
		return s.Explain, offer(s, shut)
	}
	has := func(k int32) bool { return result.Matches[k].Place != assign.None }
	p.Floor = int32(r.floor)
	p.Arcs = slices.DeleteFunc(slices.Clone(p.Arcs), func(a assign.Arc) bool { return !has(a.Leervraag) })
	t, err := assign.New(p)
	if err != nil {
		return nil, err
	}
	if err := t.Solve(ctx, func(done, total int) { _ = r.step(stageExplaining, done, total) }); err != nil {
		return nil, err
	}
	if _, err := t.Price(ctx, func(k int32, into []assign.Candidate) []assign.Candidate {
		_ = r.step(stageExplaining, int(k), len(r.asking)) // ctx has ended then
		if has(k) {
			list = r.open(k, list[:0])
			into = r.candidates(k, list, into)
		}
		return into
	}); err != nil {
		return nil, err
	}
	if err := offer(t, func(k int32, into []assign.Candidate) []assign.Candidate {
		if has(k) {
			into = shut(k, into)
		}
		return into
	}); err != nil {
		return nil, err
	}
	// The gain is told against the run, not against the same people at a lower floor.
	lower := result.Objective - t.Result().Objective
	return func(k int32) (assign.Reason, assign.Fix, error) {
		list := r.candidates(k, r.open(k, nil), nil)
		list = r.candidates(k, r.shut(k, nil), list)
		list = slices.DeleteFunc(list, func(c assign.Candidate) bool { return int(c.Score) < r.floor })
		why, fix, err := t.ExplainOver(k, list)
		fix.Gain += lower
		return why, fix, err
	}, nil
}

// candidates are pairs of a row as the solver takes them.
func (r *run) candidates(k int32, list []pair, into []assign.Candidate) []assign.Candidate {
	for _, x := range list {
		into = append(into, assign.Candidate{Place: x.place, Cost: int32(r.cost(k, x)), Score: x.score})
	}
	return into
}

// items says what became of every leervraag, in the order of their ids.
func (r *run) items(ctx context.Context, p assign.Problem, s *assign.Solver, result assign.Result) ([]item, error) {
	ask, err := r.rooms(ctx, p, s, result)
	if err != nil {
		return nil, err
	}
	ruled, err := r.ruled(result)
	if err != nil {
		return nil, err
	}
	out := make([]item, 0, len(r.questions))
	k := int32(-1)
	for i := range r.questions {
		if err := r.step(stageExplaining, i, len(r.questions)); err != nil {
			return nil, err
		}
		q := &r.questions[i]
		it := item{Leervraag: uuid.UUID(q.ID)}
		switch {
		case q.settled != nil:
			it.Standing, it.Change, it.Place, it.Coach = isSettled, isKept, &q.settled.place, &q.settled.coach
		case q.status != "open":
			it.Standing, it.Change, it.Detail.Reason = unmatched, isNone, notOpen
		default:
			k++
			if err := r.item(&it, k, ask, ruled, result.Matches[k]); err != nil {
				return nil, err
			}
		}
		out = append(out, it)
	}
	return out, nil
}

func (r *run) item(it *item, k int32, ask room, ruled map[int32]detail, m assign.Match) error {
	q := &r.questions[r.asking[k]]
	was := q.open
	if was == uuid.Nil && r.base != nil {
		was = r.base.chosen[uuid.UUID(q.ID)]
	}
	it.Standing, it.Change = chosen, isNew
	switch {
	case m.Place == assign.None && was == uuid.Nil:
		it.Standing, it.Change = unmatched, isNone
	case m.Place == assign.None:
		it.Standing, it.Change = unmatched, isDropped
	case r.places.places[m.Place].id == was:
		it.Change = isKept
	case was != uuid.Nil:
		it.Change = isMoved
	}
	if it.Change == isMoved || it.Change == isDropped {
		it.Detail.Before = r.left(q, k, was)
	}
	if m.Place == assign.None {
		return r.unplaced(it, k, ask, ruled)
	}
	if r.pinned[k] != none {
		it.Standing = pinnedOn
	}
	p := &r.places.places[m.Place]
	measured := q.between(p)
	measured.content = r.heardOf(k, m.Place)
	v := score(&r.weights, &q.question, p, measured)
	n := int(m.Score)
	it.Place, it.Score, it.Detail.Points = &p.id, &n, &v.points
	switch {
	case r.pinned[k] != none:
	case m.Place != r.current[k]:
		it.Detail.Answers = true // or it would be no pair
	default: // where it stood is let in whatever its words say
		if r.answers[k] == unasked {
			hit, _ := r.places.words.Ask(q.words).Score(p.id)
			r.stands(k, hit.Confident)
			r.asked++
		}
		it.Detail.Answers = r.answers[k] == answering
	}
	if m.Coach != assign.None {
		it.Coach = &r.coaches[m.Coach]
	}
	return nil
}

// left says what became of the place where a leervraag stood.
func (r *run) left(q *participant, k int32, was uuid.UUID) *BeforeRun {
	out := &BeforeRun{LeerplekID: id.LeerplekID(was)}
	why := func(reason reason) *BeforeRun {
		code := reasonCodes[reason]
		out.Reason = &code
		return out
	}
	n, ok := r.places.find(was)
	if !ok {
		return why(notPublished)
	}
	p := &r.places.places[n]
	if v := r.weigh(q, p, r.heardOf(k, n), true, q.far(p.site)); v.reason != possible {
		return why(v.reason)
	} else if v.score >= r.floor {
		out.Score = &v.score
		return out
	}
	code := belowFloor
	out.Reason = &code
	return out
}

// unplaced says why a leervraag has no place, and what would give it one.
func (r *run) unplaced(it *item, k int32, ask room, ruled map[int32]detail) error {
	all := r.pairs(k, nil)
	best := pair{place: none} // of those that took somebody
	for _, x := range all {
		if r.takes[x.place] && (x.score > best.score || best.place == none) {
			best = x
		}
	}
	switch {
	case best.place == none:
		it.Detail.Reason, it.Detail.RuledOut, it.Detail.Fix = closed, ruled[k].RuledOut, ruled[k].Fix
		if len(all) == 0 {
			it.Detail.Reason = noCandidates
			return nil
		}
	case int(best.score) < r.floor:
		it.Detail.Reason = belowFloor
		it.Detail.Fix = &Fix{Kind: "floor", LeerplekID: id.LeerplekID(r.places.places[best.place].id), Gain: int64(best.score)}
		return nil
	}
	why, fix, err := ask(k)
	if err != nil {
		return err
	}
	if best.place != none {
		it.Detail.Reason = string(why)
	}
	// What staying unmatched costs is more than all that others could gain: with less than half of it somebody else is left out.
	if fix.Kind == assign.NoFix || fix.Gain <= r.dear/2 {
		return nil
	}
	at := &r.places.places[fix.At]
	f := &Fix{Kind: "leerplek", LeerplekID: id.LeerplekID(at.id), Gain: whole - r.dear + fix.Gain}
	lacks := possible // what ruled it out before the run; else it goes to others
	if at.free <= 0 {
		lacks = full
	}
	if fix.Kind == assign.CoachFix {
		coach := id.MedewerkerID(r.coaches[fix.Index])
		f.Kind, f.LeercoachID = "leercoach", &coach
		for i := range at.coaches {
			if at.coaches[i].id == uuid.UUID(coach) {
				lacks = r.questions[r.asking[k]].lack(&at.coaches[i])
			}
		}
	}
	if lacks != possible {
		f.Reason = &reasonCodes[lacks]
	}
	it.Detail.Fix = f
	return nil
}

// ruled explains the rows for which no place was possible when the run began. Each looks at all places, so several are looked at at the same time.
func (r *run) ruled(result assign.Result) (map[int32]detail, error) {
	var rows []int32
	var none []bool // by these: no place would be, either, with room for one more
	var list []pair
	for k, m := range result.Matches {
		if m.Place != assign.None {
			continue
		}
		if err := r.step(stageExplaining, 0, len(r.questions)); err != nil {
			return nil, err
		}
		list = r.pairs(int32(k), list[:0])
		if !slices.ContainsFunc(list, func(x pair) bool { return r.takes[x.place] }) {
			rows, none = append(rows, int32(k)), append(none, len(list) == 0)
		}
	}
	out := map[int32]detail{}
	done := 0
	for some := range slices.Chunk(rows, together) {
		if err := r.step(stageExplaining, done, len(r.questions)); err != nil {
			return nil, err
		}
		found := make([]detail, len(some))
		r.eachRow(0, int32(len(some)), func(d *desk, i int32) { found[i] = r.rules(d, some[i], none[done+int(i)]) })
		for i, k := range some {
			out[k] = found[i]
		}
		done += len(some)
	}
	return out, nil
}

// rules counts what rules every place out, and finds the one thing without which it would have the best place. room: that can be more room,
// too; where one more would make a place possible, the solver tells whether it would give it one.
func (r *run) rules(d *desk, k int32, room bool) (out detail) {
	q := &r.questions[r.asking[k]]
	d.topics = r.places.scores(r.places.words.Ask(q.words), d.topics)
	var counts [reasons]int
	best := -1
	for i := range r.places.places {
		p := &r.places.places[i]
		content, confident := d.topics[i].Score(), d.topics[i].Confident() || int32(i) == r.current[k]
		far := q.far(p.site)
		v := r.weigh(q, p, content, confident, far)
		counts[v.reason]++
		if !confident || !room && v.reason.ofRoom() {
			continue
		}
		q2, p2, coach, ok := lifted(*q, *p, v.reason)
		if !ok {
			continue
		}
		if without := r.weigh(&q2, &p2, content, true, far); without.reason == possible && without.score > best && without.score >= r.floor {
			best = without.score
			code := reasonCodes[v.reason]
			out.Fix = &Fix{Kind: "rule", LeerplekID: id.LeerplekID(p.id), LeercoachID: coach, Reason: &code, Gain: int64(best)}
			switch v.reason {
			case full:
				out.Fix.Kind = "leerplek"
			case coachFull, coachYearFull:
				out.Fix.Kind = "leercoach"
			}
		}
	}
	for c, n := range counts {
		if n > 0 {
			out.RuledOut = append(out.RuledOut, RuledOut{reasonCodes[c], n})
		}
	}
	return out
}

// lifted are a question and a place without the one thing that rules them out, and the leercoach whose it is. It is false
// where there is no such thing: what people decided (whose employee the switcher is, rivals, a refusal, a dismissal) stands,
// whoever is a leercoach of a place does not go there to learn, and other words make another leervraag.
func lifted(q participant, p place, why reason) (participant, place, *id.MedewerkerID, bool) {
	switch why {
	case excludedDepartment:
		p.closed = false
	case excludedFunction:
		p.excluded = false
	case noCoach, coachEnded: // somebody else could be one
		if p.teaches(q.SwitcherID) {
			return q, p, nil, false
		}
		p.coaches = []coach{{ended: math.MaxInt32, limit: unknown}}
	case coachConditionNo, coachFull, coachYearFull: // of the one who lacks nothing else
		for _, c := range p.coaches {
			if q.lack(&c) != why {
				continue
			}
			switch why {
			case coachConditionNo:
				c.no = false
			case coachFull:
				c.limit = unknown
			default:
				c.yearly = nil
			}
			if q.lack(&c) == possible {
				who := id.MedewerkerID(c.id)
				p.coaches = []coach{c}
				return q, p, &who, true
			}
		}
		return q, p, nil, false
	case full:
		p.free = 1
	case tooFar:
		q.MaxTravelKM = nil
	case noPublicTransport:
		q.NeedsPublicTransport = false
	case noCommonDays:
		q.DaysNeeded = 0
	case otherLanguage:
		p.languages = nil
	case requirementNotMet:
		q.Meets = nil
	default:
		return q, p, nil, false
	}
	return q, p, nil, true
}

// Summary is what a run came to, all together.
type Summary struct {
	Matched   int `json:"matched" example:"41"`  // chosen or pinned
	Settled   int `json:"settled" example:"3"`   // accepted before
	Unmatched int `json:"unmatched" example:"6"` //
	Kept      int `json:"kept" example:"30"`
	Moved     int `json:"moved" example:"2"`
	New       int `json:"new" example:"9"`
	Dropped   int `json:"dropped" example:"1"`

	Score       int64       `json:"score" example:"287340"` // of the matches that were chosen or pinned, together
	Certificate Certificate `json:"certificate"`
	Fairness    Fairness    `json:"fairness"`
} // @name MatchingRunSummary

// Certificate says that nothing better exists, as code that shares nothing with the solver proved over every pair that is
// possible.
type Certificate struct {
	Certified    bool  `json:"certified" example:"true"`
	Objective    int64 `json:"objective" example:"148260"` // what was minimised: points missed, what staying unmatched costs, steps of reciprocity
	Gap          int64 `json:"gap" example:"0"`            // to the lower bound that was proved
	PairsChecked int64 `json:"pairs_checked" example:"1733"`
	PairsAdded   int   `json:"pairs_added" example:"12"` // that were not among the first candidates, and that the optimum needed
	Rounds       int   `json:"rounds" example:"2"`       // of looking at all pairs
} // @name MatchingRunCertificate

// Fairness is how a run treats people and employers.
type Fairness struct {
	WorstOff      *WorstOff     `json:"worst_off" extensions:"x-nullable"` // of the matches that the run chose
	JustifiedEnvy int           `json:"justified_envy" example:"4"`        // pairs: a leervraag would score higher at a place than where it is, and than somebody there does
	Envy          []Envy        `json:"envy"`                              // the first of them
	Balance       []BalanceWire `json:"balance"`                           // of the employers that are farthest from even
} // @name MatchingRunFairness

// WorstOff is the match with the lowest score.
type WorstOff struct {
	LeervraagID id.LeervraagID `json:"leervraag_id" example:"lvr_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Score       int            `json:"score" example:"3120"`
} // @name MatchingRunWorstOff

// Envy is a leervraag that would score higher at a place than where it is, and than somebody who got it.
type Envy struct {
	LeervraagID id.LeervraagID `json:"leervraag_id" example:"lvr_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	LeerplekID  id.LeerplekID  `json:"leerplek_id" example:"lpl_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	There       int            `json:"there" example:"7420"`
	Here        *int           `json:"here" extensions:"x-nullable" example:"6900"` // null: it has no place
} // @name MatchingRunEnvy

// BalanceWire is what an employer gives and takes.
type BalanceWire struct {
	OrganisationID id.OrganisationID `json:"organisation_id" example:"org_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Received       int               `json:"received" example:"3"` // switchers of the run
	Sent           int               `json:"sent" example:"1"`     //
	Carried        int               `json:"carried" example:"-1"` // sent less received in exchanges so far
} // @name MatchingRunBalance

// How many are told of those that there can be very many of.
const (
	maxEnvy    = 20
	maxBalance = 100
)

// envy finds who would have reason to envy whom.
func (r *run) envy(out *solved, result assign.Result) error {
	f := &out.summary.Fairness
	f.Envy = []Envy{}
	weakest := make([]int32, len(r.places.places))
	for k, m := range result.Matches {
		if m.Place == assign.None || r.pinned[k] != none {
			continue
		}
		if weakest[m.Place] == 0 || m.Score+1 < weakest[m.Place] {
			weakest[m.Place] = m.Score + 1
		}
		if f.WorstOff == nil || int(m.Score) < f.WorstOff.Score {
			f.WorstOff = &WorstOff{r.questions[r.asking[k]].ID, int(m.Score)}
		}
	}
	var list []pair
	for k, m := range result.Matches {
		if err := r.step(stageExplaining, k, len(result.Matches)); err != nil {
			return err
		}
		if r.pinned[k] != none {
			continue
		}
		own := int32(r.floor) - 1
		var here *int
		if m.Place != assign.None {
			n := int(m.Score)
			own, here = m.Score, &n
		}
		list = r.pairs(int32(k), list[:0])
		for _, x := range list {
			if x.score <= own || weakest[x.place] == 0 || x.score <= weakest[x.place]-1 {
				continue
			}
			if f.JustifiedEnvy++; len(f.Envy) < maxEnvy {
				f.Envy = append(f.Envy, Envy{r.questions[r.asking[k]].ID, id.LeerplekID(r.places.places[x.place].id), int(x.score), here})
			}
		}
	}
	return nil
}

// sum counts.
func (r *run) sum(out *solved, result assign.Result) {
	s := &out.summary
	for _, it := range out.items {
		switch it.Standing {
		case chosen, pinnedOn:
			s.Matched++
			s.Score += int64(*it.Score)
		case isSettled:
			s.Settled++
		default:
			s.Unmatched++
		}
		switch it.Change {
		case isKept:
			s.Kept++
		case isMoved:
			s.Moved++
		case isNew:
			s.New++
		case isDropped:
			s.Dropped++
		}
	}
	balance := make([]BalanceWire, len(r.orgs))
	for i, o := range r.orgs {
		balance[i] = BalanceWire{OrganisationID: id.OrganisationID(o), Carried: r.carried[o]}
	}
	for k, m := range result.Matches {
		if q := &r.questions[r.asking[k]]; m.Place != assign.None && !q.Internal {
			balance[r.orgOf[m.Place]].Received++
			balance[position(r.orgs, q.OrganisationID)].Sent++
		}
	}
	uneven := func(b BalanceWire) int {
		n := b.Received - b.Sent - b.Carried
		return max(n, -n)
	}
	slices.SortStableFunc(balance, func(a, b BalanceWire) int { return -cmp.Compare(uneven(a), uneven(b)) })
	s.Fairness.Balance = balance[:min(len(balance), maxBalance)]
}
