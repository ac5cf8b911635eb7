package matching

import (
	"cmp"
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/switchingtalent/switchboard/internal/matching/assign"
	"github.com/switchingtalent/switchboard/internal/matching/relevance"
	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/fact"
	"github.com/switchingtalent/switchboard/internal/platform/fault"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// RunStatus is how far a matching run is.
type RunStatus string // @name MatchingRunStatus

// The states.
const (
	Queued    RunStatus = "queued"    // waits for a worker
	Running   RunStatus = "running"   // is being computed
	Done      RunStatus = "done"      // has its result, proved
	Failed    RunStatus = "failed"    // ended without one; failure says why
	Cancelled RunStatus = "cancelled" // was told to stop
)

// RunStatuses lists all states.
var RunStatuses = []RunStatus{Queued, Running, Done, Failed, Cancelled}

// runAction is what can happen to a run.
type runAction string

const (
	runStart  runAction = "start" // a worker takes it, the first time or after another was lost
	runFinish runAction = "finish"
	runFail   runAction = "fail"
	runCancel runAction = "cancel"
)

var runActions = []runAction{runStart, runFinish, runFail, runCancel}

// runTransitions says where an action leads from a state; what is missing is not allowed.
var runTransitions = map[RunStatus]map[runAction]RunStatus{
	Queued:    {runStart: Running, runCancel: Cancelled},
	Running:   {runStart: Running, runFinish: Done, runFail: Failed, runCancel: Cancelled},
	Cancelled: {runCancel: Cancelled},
}

// The stages of a run, as its progress tells them.
const (
	stageWaiting    = "waiting"
	stageLoading    = "loading"
	stageJudging    = "judging"
	stageSolving    = "solving"
	stagePricing    = "pricing"
	stageCertifying = "certifying"
	stageExplaining = "explaining"
	stageStoring    = "storing"
	stageEnded      = "ended"
)

// Why a run failed.
const (
	pinsDoNotFit   = "pins_do_not_fit" // what was pinned is not possible any more
	notCertified   = "not_certified"   // our mistake: the result was not proved, and is not shown
	baseIsGone     = "based_on_unreadable"
	tookTooLong    = "took_too_long" // longer than a run may
	tooManyAttempt = "interrupted"   // the process that computed it was lost, again and again
)

// Run is one computed assignment of a cohort.
type Run struct {
	db.Row
	ID             id.MatchingRunID `gorm:"primaryKey"`
	CohortID       id.CohortID
	Status         RunStatus
	BasedOn        *id.MatchingRunID
	Objective      string
	Floor          int
	StabilityBonus int
	Reciprocity    bool
	Weights        document[Weights]
	WeightsSource  string
	WeightsVersion *int
	Pins           document[[]Pin]
	Stage          string
	Done           int
	Total          int
	Attempt        int
	StartedAt      *time.Time
	EndedAt        *time.Time
	Failure        *string
	Algorithm      *string
	InputHash      []byte
	ResultHash     []byte
	Summary        *document[Summary]
}

// TableName is the table of runs.
func (Run) TableName() string { return "matching_runs" }

// Key places a run in a list.
func (r Run) Key() (int64, uuid.UUID) { return r.Pos, r.ID.UUID() }

// document is a value that is stored as JSON.
type document[T any] struct{ V T }

// Value writes it.
func (d document[T]) Value() (driver.Value, error) {
	b, err := json.Marshal(d.V)
	return string(b), err
}

// Scan reads it.
func (d *document[T]) Scan(src any) error {
	switch v := src.(type) {
	case []byte:
		return json.Unmarshal(v, &d.V)
	case string:
		return json.Unmarshal([]byte(v), &d.V)
	}
	return fmt.Errorf("matching: cannot read a %T as JSON", src)
}

// GormDataType says what gorm takes it for.
func (document[T]) GormDataType() string { return "jsonb" }

var (
	// RunActive says that a cohort has a run that did not end yet.
	RunActive = fault.Define(fault.Conflict, "matching-run-active", fault.Text{
		EN: "A run of this cohort has not ended yet.", NL: "Er loopt nog een matching van deze cohort.", FR: "Un appariement de cette cohorte n’est pas encore terminé."})
	// RunNotDone says that a run has no result.
	RunNotDone = fault.Define(fault.Conflict, "matching-run-not-done", fault.Text{
		EN: "This run is {status}: it has no result.", NL: "Deze matching is {status}: er is geen resultaat.", FR: "Cet appariement est {status} : il n’a pas de résultat."})
	// RunEnded says that a run cannot be cancelled any more.
	RunEnded = fault.Define(fault.Conflict, "matching-run-ended", fault.Text{
		EN: "This run has ended: it is {status}.", NL: "Deze matching is afgelopen: ze is {status}.", FR: "Cet appariement est terminé : il est {status}."})
	// RunTooLarge says that a run is explained only where all its judgements were kept.
	RunTooLarge = fault.Define(fault.Conflict, "matching-run-too-large", fault.Text{
		EN: "This run is too large to explain each pair.", NL: "Deze matching is te groot om elk paar uit te leggen.",
		FR: "Cet appariement est trop grand pour expliquer chaque paire."})
	// RunForgotten says that what a run judged is not kept any more.
	RunForgotten = fault.Define(fault.Conflict, "matching-run-forgotten", fault.Text{
		EN: "What this run judged is not kept any more.", NL: "Wat deze matching beoordeelde, wordt niet meer bewaard.",
		FR: "Ce que cet appariement a jugé n’est plus conservé."})
	tooManyRuns = fault.Define(fault.Conflict, "matching-runs-waiting", fault.Text{
		EN: "{max} runs of yours wait already.", NL: "Er wachten al {max} matchings van u.", FR: "{max} de vos appariements attendent déjà."})
	closedCohort = fault.DefineRule("cohort_closed", fault.Text{
		EN: "is closed", NL: "is afgesloten", FR: "est clôturée"})
	otherCohortsRun = fault.DefineRule("run_of_other_cohort", fault.Text{
		EN: "is no finished run of this cohort", NL: "is geen voltooide matching van deze cohort", FR: "n’est pas un appariement terminé de cette cohorte"})
	cannotPin = fault.DefineRule("cannot_pin", fault.Text{
		EN: "cannot be: {reason}", NL: "kan niet: {reason}", FR: "est impossible : {reason}"})
	tooManyPins = fault.DefineRule("pins_exceed_leercoach", fault.Text{
		EN: "is more than {leercoach} takes on, with the pins before it", NL: "is meer dan {leercoach} aanneemt, met de pins ervoor",
		FR: "dépasse ce que {leercoach} accepte, avec les choix précédents"})

	_ = db.Constraint("matching_runs_active_key", func() *fault.Error { return RunActive.New() })
	_ = db.Constraint("matching_runs_cohort_fkey", func() *fault.Error { return fault.At("/cohort_id", fault.NoReference) })
)

// maxWaiting is how many runs of one tenant are waiting or computed at a time: the heavy work is shared by all tenants.
const maxWaiting = 5

// RunInput is what a run is asked for.
type RunInput struct {
	CohortID       id.CohortID       `json:"cohort_id" binding:"required" example:"coh_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	BasedOn        *id.MatchingRunID `json:"based_on" extensions:"x-nullable" example:"mrn_01jd8m5x9nf3tvhg5w6rkz2c4q"`
	Weights        *Weights          `json:"weights" extensions:"x-nullable"`
	Pins           []Pin             `json:"pins" validate:"max=10000"`
	Floor          int               `json:"floor" minimum:"0" maximum:"10000" default:"0" example:"0"`
	StabilityBonus int               `json:"stability_bonus" minimum:"0" maximum:"10000" default:"500" example:"500"`
	Objective      string            `json:"objective" enums:"total,worst_off_first" default:"total" example:"total"`
	Reciprocity    bool              `json:"reciprocity" default:"true" example:"true"`
} // @name MatchingRunInput

// start makes a run and the job that computes it.
func (s *Service) start(ctx context.Context, tx *db.Tx, in RunInput) (Run, error) {
	r := Run{ID: id.NewMatchingRun(), CohortID: in.CohortID, Status: Queued, BasedOn: in.BasedOn, Objective: in.Objective, Floor: in.Floor,
		StabilityBonus: in.StabilityBonus, Reciprocity: in.Reciprocity, Stage: stageWaiting}
	var cohort struct{ Status string }
	// Who takes part does not change meanwhile.
	if err := db.One(tx, &cohort, `select status from cohorten where tenant_id = ? and id = ? for share`, tx.Scope.Tenant, in.CohortID); err != nil {
		if fault.Missing.Is(err) {
			return r, fault.At("/cohort_id", fault.NoReference)
		}
		return r, err
	}
	if cohort.Status == "closed" {
		return r, fault.At("/cohort_id", closedCohort)
	}
	if in.BasedOn != nil {
		var base struct{ Done bool }
		err := db.One(tx, &base, `select status = 'done' and cohort_id = ? as done from matching_runs where tenant_id = ? and id = ?`,
			in.CohortID, tx.Scope.Tenant, in.BasedOn)
		switch {
		case fault.Missing.Is(err):
			return r, fault.At("/based_on", fault.NoReference)
		case err != nil:
			return r, err
		case !base.Done:
			return r, fault.At("/based_on", otherCohortsRun)
		}
	}
	var err error
	if r.Weights.V, r.WeightsSource, r.WeightsVersion, err = weightsFor(tx, in); err != nil {
		return r, err
	}
	if r.Pins.V, err = checkPins(tx, in); err != nil {
		return r, err
	}
	// Who starts another one at the same time waits here.
	if _, err := tx.Run(`select 1 from tenants where tenant_id = ? and id = ? for no key update`, tx.Scope.Tenant, tx.Scope.Tenant); err != nil {
		return r, err
	}
	var waiting struct{ N int }
	if err := tx.Select(&waiting, `select count(*) as n from matching_runs where tenant_id = ? and status in ('queued', 'running')`, tx.Scope.Tenant); err != nil {
		return r, err
	}
	if waiting.N >= maxWaiting {
		return r, tooManyRuns.With("max", strconv.Itoa(maxWaiting))
	}
	if err := db.Insert(tx, &r); err != nil {
		return r, err
	}
	if err := s.enqueue(ctx, tx, r.ID, waiting.N); err != nil {
		return r, err
	}
	if err := fact.Audit(tx, "matching_run.start", r.ID, map[string]any{"cohort_id": r.CohortID, "based_on": r.BasedOn, "objective": r.Objective, "floor": r.Floor,
		"stability_bonus": r.StabilityBonus, "reciprocity": r.Reciprocity, "weights": r.Weights.V, "weights_source": r.WeightsSource,
		"weights_version": r.WeightsVersion, "pins": len(r.Pins.V)}); err != nil {
		return r, err
	}
	return r, RunCreated.Record(tx, r.event())
}

// weightsFor are the weights that a run is computed with: its own, or the cohort's, or the tenant's.
func weightsFor(tx *db.Tx, in RunInput) (w Weights, source string, version *int, err error) {
	if in.Weights != nil {
		return *in.Weights, "run", nil, under("/weights", in.Weights.check())
	}
	own, err := newestOf(tx, in.CohortID)
	switch {
	case err != nil:
		return w, "", nil, err
	case own != nil && own.weights() != nil:
		return *own.weights(), "cohort", &own.Version, nil
	}
	if w, err = current(tx); err != nil || w.Version == 0 {
		return w, "default", nil, err
	}
	return w, "tenant", &w.Version, nil
}

// under puts the fields of a problem below a member.
func under(member string, err error) error {
	var e *fault.Error
	if errors.As(err, &e) {
		for i := range e.Fields {
			e.Fields[i].Pointer = member + e.Fields[i].Pointer
		}
	}
	return err
}

// checkPins refuses pins that cannot stand: of strangers to the cohort, of one leervraag twice, more than there is room
// for at a place or than its leercoaches take on together, or what a match made by hand could not be either. Distance, days and words do not keep people from pinning.
func checkPins(tx *db.Tx, in RunInput) ([]Pin, error) {
	if len(in.Pins) == 0 {
		return []Pin{}, nil
	}
	lvr, lpl := make(db.IDs[uuid.UUID], len(in.Pins)), make(db.IDs[uuid.UUID], len(in.Pins))
	for i, p := range in.Pins {
		lvr[i], lpl[i] = uuid.UUID(p.LeervraagID), uuid.UUID(p.LeerplekID)
	}
	type asking struct {
		ID             uuid.UUID
		OrganisationID uuid.UUID
		SwitcherID     uuid.UUID
		Internal       bool
		Status         string
		Accepted       bool
	}
	var questions []asking
	if err := tx.Select(&questions, `select l.id, l.organisation_id, l.switcher_id, l.internal, l.status,
			exists (select 1 from matches m where m.tenant_id = l.tenant_id and m.leervraag_id = l.id and m.status = 'accepted') as accepted
		from leervragen l join cohort_leervragen c on c.tenant_id = l.tenant_id and c.organisation_id = l.organisation_id and c.leervraag_id = l.id
		where c.tenant_id = ? and c.cohort_id = ? and c.leervraag_id = any (cast(? as uuid[]))`, tx.Scope.Tenant, in.CohortID, lvr); err != nil {
		return nil, err
	}
	var here struct {
		IDs db.IDs[uuid.UUID] `gorm:"column:ids"`
	}
	if err := db.One(tx, &here, `select array(select leerplek_id from cohort_leerplekken where tenant_id = ? and cohort_id = ?
		and leerplek_id = any (cast(? as uuid[]))) as ids`, tx.Scope.Tenant, in.CohortID, lpl); err != nil {
		return nil, err
	}
	today, err := today(tx)
	if err != nil {
		return nil, err
	}
	days, err := termOf(tx, in.CohortID)
	if err != nil {
		return nil, err
	}
	year := days.year(today)
	found, err := facts(tx, today, here.IDs, newKinship())
	if err != nil {
		return nil, err
	}
	ask, places, room := map[uuid.UUID]*asking{}, map[uuid.UUID]*place{}, map[uuid.UUID]int32{}
	for i := range questions {
		ask[questions[i].ID] = &questions[i]
	}
	for i := range found {
		places[found[i].id], room[found[i].id] = &found[i], found[i].free
	}
	e, seen := fault.Unprocessable.New(), map[uuid.UUID]bool{}
	on := make([]*place, len(in.Pins))
	for i := range in.Pins {
		at := "/pins/" + strconv.Itoa(i)
		q, p := ask[lvr[i]], places[lpl[i]]
		if q == nil {
			e.At(at+"/leervraag_id", fault.NoReference)
		}
		if p == nil {
			e.At(at+"/leerplek_id", fault.NoReference)
		}
		if q == nil || p == nil {
			continue
		}
		if seen[q.ID] {
			e.At(at+"/leervraag_id", fault.Twice)
			continue
		}
		seen[q.ID] = true
		why := ""
		pl := byHand(p)
		pl.free = 1
		asked := question{OrganisationID: q.OrganisationID, SwitcherID: q.SwitcherID, Internal: q.Internal, Today: today, Year: year}
		switch v := ruledOut(&asked, pl, measure{confident: true, hectometres: unknown, days: unknown}); {
		case q.Accepted:
			why = "already_matched"
		case q.Status != "open":
			why = notOpen
		case v != possible:
			why = reasonCodes[v]
		case room[p.id] <= 0:
			why = reasonCodes[full]
		}
		if why != "" {
			e.At(at, cannotPin, "reason", why)
			continue
		}
		room[p.id]--
		on[i] = p
	}
	if len(e.Fields) > 0 {
		return nil, e
	}
	return in.Pins, tooMany(on, question{Today: today, Year: year})
}

// tooMany refuses the pins on these places for which no leercoach is left once those before them have theirs. Several places
// may share a leercoach, and a place have several: the solver finds whether they go round.
func tooMany(on []*place, anybody question) error {
	p := assign.Problem{Leervragen: len(on), Organisations: []assign.Organisation{{Max: assign.Unlimited}}, Unmatched: int64(len(on)) + 1}
	places, coaches := map[uuid.UUID]int32{}, map[uuid.UUID]int32{}
	able := make([][]string, 0, len(on)) // by place
	for i, at := range on {
		n, known := places[at.id]
		if !known {
			n = int32(len(places))
			places[at.id] = n
			x, names := assign.Place{Capacity: max(0, at.free)}, []string(nil)
			for _, c := range at.coaches {
				if anybody.lack(&c) != possible {
					continue
				}
				k, met := coaches[c.id]
				if !met {
					k = int32(len(p.Coaches))
					coaches[c.id] = k
					if room := c.room(anybody.Year); room == unknown {
						p.Coaches = append(p.Coaches, assign.Unlimited)
					} else {
						p.Coaches = append(p.Coaches, room)
					}
				}
				x.Coaches, names = append(x.Coaches, k), append(names, id.MedewerkerID(c.id).String())
			}
			p.Places, able = append(p.Places, x), append(able, names)
		}
		p.Arcs = append(p.Arcs, assign.Arc{Leervraag: int32(i), Place: n, Cost: int32(i)}) // the first come first
	}
	s, err := assign.New(p)
	if err != nil {
		return err
	}
	if err := s.Solve(context.Background(), nil); err != nil {
		return err
	}
	e := fault.Unprocessable.New()
	for i, m := range s.Result().Matches {
		if m.Place == assign.None {
			e.At("/pins/"+strconv.Itoa(i), tooManyPins, "leercoach", strings.Join(able[p.Arcs[i].Place], ", "))
		}
	}
	if len(e.Fields) > 0 {
		return e
	}
	return nil
}

// cancel stops a run. One that was cancelled stays so; one that ended otherwise is RunEnded.
func (s *Service) cancel(tx *db.Tx, rid id.MatchingRunID) (Run, error) {
	r, err := db.Lock[Run](tx, rid)
	if err != nil || r.Status == Cancelled {
		return r, err
	}
	return r, r.end(tx, runCancel, nil)
}

// end brings a locked run to its end. What was stored of its result already goes: there is none.
func (r *Run) end(tx *db.Tx, a runAction, failure *string) error {
	to, ok := runTransitions[r.Status][a]
	if !ok {
		return RunEnded.With("status", string(r.Status))
	}
	if err := discard(tx, r.ID); err != nil {
		return err
	}
	before := *r
	r.Status, r.Stage, r.EndedAt, r.Failure = to, stageEnded, &tx.Now, failure
	if _, err := db.Change(tx, before, r); err != nil {
		return err
	}
	if err := fact.Audit(tx, "matching_run."+string(a), r.ID, map[string]any{"cohort_id": r.CohortID, "status": r.Status, "failure": failure}); err != nil {
		return err
	}
	return RunUpdated.Record(tx, r.event())
}

// The lease of a worker on its run, and how often it is renewed. What a lost worker held is taken up by another when its lease is
// over.
const (
	lease     = "60 seconds"
	heartbeat = 500 * time.Millisecond
	attempts  = 5
)

// errGone says that a run is not this worker's any more: it was cancelled, or another took it up.
var errGone = errors.New("matching: the run is not this worker's any more")

// ComputeRun computes a run that waits, or that a lost worker left behind; any other is left alone. No transaction is held
// while it computes. Its lease is renewed, and a cancellation heard, from beginning to end. When ctx ends first, the run waits again.
func (s *Service) ComputeRun(ctx context.Context, tenant id.TenantID, rid id.MatchingRunID) error {
	who := db.System(tenant, "matching-run")
	r, ok, err := s.claim(ctx, who, rid)
	if err != nil || !ok {
		return err
	}
	finish := context.WithoutCancel(ctx)
	k := s.keep(ctx, who, r)
	out, err := s.compute(k.ctx, who, r, func(stage string, done, total int) error {
		k.tell(stage, done, total)
		return ctx.Err()
	})
	if err == nil {
		err = s.store(finish, who, r, out, k.tell)
	}
	k.stop()
	switch {
	case err == nil || errors.Is(err, errGone) || errors.Is(context.Cause(k.ctx), errGone):
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return s.fail(finish, who, r, tookTooLong) // it would again
	case ctx.Err() != nil:
		return errors.Join(context.Cause(ctx), s.release(finish, who, r, false)) // who is asked to end gives the run back as it was
	case errors.Is(err, errPins):
		return s.fail(finish, who, r, pinsDoNotFit)
	case errors.Is(err, errBase):
		return s.fail(finish, who, r, baseIsGone)
	case errors.Is(err, errUnproved):
		return errors.Join(err, s.fail(finish, who, r, notCertified))
	case fault.Busy.Is(err):
		return errors.Join(err, s.release(finish, who, r, true)) // River tries again
	case r.Attempt >= attempts:
		return errors.Join(err, s.fail(finish, who, r, tooManyAttempt))
	}
	return errors.Join(err, s.release(finish, who, r, true))
}

// claim takes the lease of a run. One that was tried too often ends instead: nobody was left to say so.
func (s *Service) claim(ctx context.Context, who db.Who, rid id.MatchingRunID) (r Run, ok bool, err error) {
	err = s.db.InTenant(ctx, who, func(tx *db.Tx) error {
		ok = false
		if r, err = db.Lock[Run](tx, rid); err != nil {
			if fault.Missing.Is(err) {
				return nil
			}
			return err
		}
		if _, may := runTransitions[r.Status][runStart]; !may {
			return nil
		}
		n, err := tx.Run(`update matching_runs set status = 'running', stage = 'loading', done = 0, total = 0, attempt = attempt + 1,
				lease_until = now() + cast(? as interval), started_at = coalesce(started_at, ?), updated_at = ?, revision = revision + 1, changed_by = ?, request_id = ?
			where tenant_id = ? and id = ? and (status = 'queued' or lease_until < now())`,
			lease, tx.Now, tx.Now, tx.Actor, tx.RequestID, tx.Scope.Tenant, rid)
		if err != nil || n == 0 {
			return err
		}
		if r, err = db.Get[Run](tx, rid); err != nil {
			return err
		}
		if r.Attempt > attempts {
			why := tooManyAttempt
			return r.end(tx, runFail, &why)
		}
		ok = true
		return nil
	})
	return r, ok, err
}

// renew renews the lease and tells how far the run is, or returns errGone. Nobody else takes the run until the transaction ends.
func renew(tx *db.Tx, r Run, stage string, done, total int) error {
	n, err := tx.Run(`update matching_runs set stage = ?, done = ?, total = ?, lease_until = now() + cast(? as interval)
		where tenant_id = ? and id = ? and status = 'running' and attempt = ?`, stage, done, total, lease, tx.Scope.Tenant, r.ID, r.Attempt)
	if err == nil && n == 0 {
		err = errGone
	}
	return err
}

// release lets another worker take the run up at once. An attempt that does not count is taken back: the next has its
// number, and nobody else had.
func (s *Service) release(ctx context.Context, who db.Who, r Run, counts bool) error {
	attempt := r.Attempt
	if !counts {
		attempt--
	}
	return s.db.InTenant(ctx, who, func(tx *db.Tx) error {
		_, err := tx.Run(`update matching_runs set status = 'queued', stage = 'waiting', done = 0, total = 0, lease_until = null, attempt = ?, updated_at = ?
			where tenant_id = ? and id = ? and status = 'running' and attempt = ?`, attempt, tx.Now, tx.Scope.Tenant, r.ID, r.Attempt)
		return err
	})
}

// mine locks a run that this worker still holds, or returns errGone.
func mine(tx *db.Tx, r Run) (Run, error) {
	now, err := db.Lock[Run](tx, r.ID)
	if err == nil && (now.Status != Running || now.Attempt != r.Attempt) {
		err = errGone
	}
	return now, err
}

func (s *Service) fail(ctx context.Context, who db.Who, r Run, why string) error {
	err := s.db.InTenant(ctx, who, func(tx *db.Tx) error {
		now, err := mine(tx, r)
		if err != nil {
			return err
		}
		return now.end(tx, runFail, &why)
	})
	if errors.Is(err, errGone) {
		return nil
	}
	return err
}

var (
	errBase     = errors.New("matching: the run that this one is based on cannot be read")
	errUnproved = errors.New("matching: the result was not proved optimal")
)

// importedSQL tells which ESCO classification was imported, and when: a version can be imported again with other words.
const importedSQL = `select coalesce((select version || ' ' || extract(epoch from imported_at) from reference.esco), '') as esco`

// loadTime is how long the largest cohort may take to be read. It is read at one moment: no row and no feed
// waits for that, but cleaning up after what was deleted does (VACUUM), so no longer than this.
const loadTime = 3 * time.Minute

// wording is what a run reads words with now, and the versions of all of it.
func (s *Service) wording(tx *db.Tx) (w wording, versions string, err error) {
	if _, w, err = s.cache.begin(tx); err != nil {
		return w, "", err
	}
	w.decisions = nil // what is decided while a cohort is matched does not change how the rest is read
	var imported struct {
		ESCO string `gorm:"column:esco"`
	}
	err = db.One(tx, &imported, importedSQL)
	return w, strings.Join([]string{algorithm, relevance.Version(), imported.ESCO, strconv.Itoa(w.version)}, " "), err
}

// compute loads the cohort in one transaction, and computes without one. tell hears how far it is, and an error of it ends it, as ctx
// does.
func (s *Service) compute(ctx context.Context, who db.Who, r Run, tell func(stage string, done, total int) error) (*solved, error) {
	c := &run{watch: s.watch, task: task{weights: r.Weights.V, floor: r.Floor, bonus: r.StabilityBonus, objective: r.Objective, reciprocity: r.Reciprocity, pins: r.Pins.V}}
	s.watch(stageLoading)
	var read *reading
	var w wording
	var packed []byte
	if err := s.db.Snapshot(db.Patient(ctx, loadTime), who, func(tx *db.Tx) (err error) {
		if w, c.wording, err = s.wording(tx); err != nil {
			return err
		}
		if r.BasedOn != nil {
			packed, err = readPacked(tx, *r.BasedOn)
			if fault.Missing.Is(err) {
				return errBase // it was forgotten
			}
			if err != nil {
				return err
			}
		}
		c.snapshot, read, err = load(ctx, tx, r.CohortID)
		return err
	}); err != nil {
		return nil, err
	}
	if ctx.Err() != nil { // a transaction does not end with it
		return nil, context.Cause(ctx)
	}
	if r.BasedOn != nil {
		base, err := unpack(packed)
		if err != nil {
			return nil, errors.Join(errBase, err)
		}
		c.base = base
	}
	c.report = func(stage string, done, total int) error {
		return cmp.Or(tell(stage, done, total), ctx.Err())
	}
	var err error
	for i := range c.questions {
		c.prints.questions = append(c.prints.questions, c.questions[i].print())
	}
	said := map[uuid.UUID]*relevance.Document{}
	for i := range read.documents {
		said[read.documents[i].ID] = &read.documents[i]
	}
	for i := range read.places { // by id, as the index will have them
		c.prints.places = append(c.prints.places, printPlace(&read.places[i], said[read.places[i].id]))
	}
	if err := c.report(stageLoading, 0, len(c.questions)); err != nil {
		return nil, err
	}
	s.watch("indexing")
	scale, err := c.follow(read, w)
	if err != nil {
		return nil, err
	}
	if c.places, err = read.build(w, horizon{}, scale); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return c.compute(ctx)
}

func (s *Service) watch(stage string) {
	if s.Watch != nil {
		s.Watch(stage)
	}
}

// discard removes what an attempt stored of a run.
func discard(tx *db.Tx, rid id.MatchingRunID) error {
	for _, q := range []string{`delete from matching_run_places where tenant_id = ? and run_id = ?`, `delete from matching_run_problems where tenant_id = ? and run_id = ?`} {
		if _, err := tx.Run(q, tx.Scope.Tenant, rid); err != nil {
			return err
		}
	}
	return nil
}

// store keeps what a run came to, in several transactions: each holds the run for a moment only, so that whoever cancels does not
// wait for all of it. Nobody reads any of it before the last says that the run is done.
func (s *Service) store(ctx context.Context, who db.Who, r Run, out *solved, tell func(stage string, done, total int)) error {
	tell(stageStoring, 0, len(out.items))
	s.watch(stageStoring)
	for from := 0; from == 0 || from < len(out.items); from += chunk {
		tell(stageStoring, from, len(out.items))
		if err := s.db.InTenant(ctx, who, func(tx *db.Tx) error {
			if _, err := mine(tx, r); err != nil {
				return err
			}
			if from == 0 { // another attempt may have left something
				if err := discard(tx, r.ID); err != nil {
					return err
				}
			}
			return insertItems(tx, r.ID, out.items[from:min(from+chunk, len(out.items))])
		}); err != nil {
			return err
		}
	}
	tell(stageStoring, len(out.items), len(out.items))
	return s.db.InTenant(ctx, who, func(tx *db.Tx) error {
		now, err := mine(tx, r)
		if err != nil {
			return err
		}
		if err := writePacked(tx, r.ID, out.packed); err != nil {
			return err
		}
		before, version := now, algorithm
		now.Summary, now.InputHash, now.ResultHash, now.Algorithm = &document[Summary]{out.summary}, out.input[:], out.hash[:], &version
		now.Status, now.Stage, now.EndedAt = runTransitions[now.Status][runFinish], stageEnded, &tx.Now
		now.Done, now.Total = len(out.items), len(out.items)
		if _, err := db.Change(tx, before, &now); err != nil {
			return err
		}
		return RunUpdated.Record(tx, now.event())
	})
}

func insertItems(tx *db.Tx, rid id.MatchingRunID, items []item) error {
	n := len(items)
	lvr, place, coach := make([]uuid.UUID, n), make([]*uuid.UUID, n), make([]*uuid.UUID, n)
	standing, change, text, score := make([]string, n), make([]string, n), make([]string, n), make([]*int, n)
	for i, it := range items {
		b, err := json.Marshal(it.Detail)
		if err != nil {
			return err
		}
		lvr[i], place[i], coach[i], standing[i], change[i], text[i], score[i] = it.Leervraag, it.Place, it.Coach, it.Standing, it.Change, string(b), it.Score
	}
	return tx.Pgx(func(p pgx.Tx) error {
		_, err := p.Exec(tx.Statement.Context, `insert into matching_run_places (tenant_id, run_id, leervraag_id, standing, change, leerplek_id, leercoach_id, score, detail)
			select $1, $2, x.* from unnest($3::uuid[], $4::text[], $5::text[], $6::uuid[], $7::uuid[], $8::int[], $9::jsonb[]) x`,
			tx.Scope.Tenant, rid.UUID(), lvr, standing, change, place, coach, score, text)
		return err
	})
}

// kept is how long the judgements of a run are kept after it ended: for explaining it, and for the run that is based on it.
// What it came to, and what people decided, stays.
const kept = 180 * 24 * time.Hour

// ForgetRuns removes the judgements of runs that ended long ago.
func (s *Service) ForgetRuns(ctx context.Context) error {
	return s.db.EachTenant(ctx, "matching-run-forget", func(tx *db.Tx) (bool, error) {
		n, err := tx.Run(`delete from matching_run_problems p where p.tenant_id = @tenant and p.run_id in (
			select r.id from matching_run_problems q join matching_runs r on r.tenant_id = q.tenant_id and r.id = q.run_id
			where q.tenant_id = @tenant and r.ended_at < @before limit 10)`,
			map[string]any{"tenant": tx.Scope.Tenant, "before": tx.Now.Add(-kept)})
		return n > 0, err
	})
}

// forgotten is how long a run waits before it is asked whether it still has a job.
const forgotten = 5 * time.Minute

// RescueRuns makes jobs for runs whose worker was lost: of which the lease is over. Those that wait long get one too,
// unless they have it: a job can end for good before its run does. Only tenants with a run that is not over are asked: a trigger keeps
// their list. One that fails does not keep the others waiting.
func (s *Service) RescueRuns(ctx context.Context) error {
	var tenants []id.TenantID
	err := s.db.PlatformOne(ctx, "whose runs are not over", `select tenant_id::text from (select distinct tenant_id from platform.active_runs) t order by random()`, nil, func(rows pgx.Rows) (err error) {
		tenants, err = pgx.CollectRows(rows, pgx.RowTo[id.TenantID])
		return err
	})
	for _, t := range tenants {
		if ctx.Err() != nil {
			break
		}
		err = errors.Join(err, s.db.InTenant(ctx, db.System(t, "matching-run-rescue"), func(tx *db.Tx) error { return s.rescue(ctx, tx) }))
	}
	return errors.Join(err, ctx.Err())
}

// rescue looks after the runs of one tenant.
func (s *Service) rescue(ctx context.Context, tx *db.Tx) error {
	var lost []struct{ ID id.MatchingRunID }
	if err := tx.Select(&lost, `select r.id from platform.active_runs a join matching_runs r on r.tenant_id = a.tenant_id and r.id = a.run_id
		where a.tenant_id = ? and (r.status = 'running' and r.lease_until < now() or r.status = 'queued' and r.updated_at < ?)`,
		tx.Scope.Tenant, tx.Now.Add(-forgotten)); err != nil {
		return err
	}
	for _, r := range lost {
		waits, err := s.Jobs.Waits(ctx, tx, runArgs{TenantID: tx.TenantID(), RunID: r.ID})
		if err != nil {
			return err
		}
		if waits {
			continue
		}
		if err := s.enqueue(ctx, tx, r.ID, 0); err != nil {
			return err
		}
	}
	return nil
}
