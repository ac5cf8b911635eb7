package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/switchingtalent/switchboard/internal/app"
	"github.com/switchingtalent/switchboard/internal/matching/relevance"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// cohorts measures matching runs of one cohort through what computes them in production: loading, judging every pair,
// solving, pricing, certifying and storing, each by its CPU time in this process. Nothing else runs here meanwhile.
func cohorts(ctx context.Context) error {
	*places = *cohort
	st, stop, err := prepare(ctx, (*stage).fillCohort)
	if err != nil {
		return err
	}
	defer stop()
	tenant := id.TenantID(st.callers[0].tenant)
	var cid uuid.UUID
	if err := st.super.QueryRow(ctx, `select id from cohorten where tenant_id = $1`, tenant.UUID()).Scan((*[16]byte)(&cid)); err != nil {
		return err
	}
	var stages []string
	spent := map[string][]float64{}
	var last string
	var at float64
	enter := func(stage string) {
		now := ownCPU()
		if last != "" {
			spent[last][len(spent[last])-1] += (now - at) / 1e6
		}
		last, at = stage, now
		if stage != "" && !slices.Contains(stages, stage) {
			stages = append(stages, stage)
		}
		if n := len(spent[stage]); stage != "" && n == 0 {
			spent[stage] = []float64{0}
		}
	}
	st.app.Matching.Watch = enter
	measure := func(what string, basedOn *uuid.UUID) (uuid.UUID, error) {
		clear(spent)
		stages = nil
		var walls, cpus, base []float64
		var summary []byte
		var last uuid.UUID
		for range *rounds {
			for s := range spent {
				spent[s] = append(spent[s], 0)
			}
			run := id.NewMatchingRun()
			last = run.UUID()
			if _, err := st.super.Exec(ctx, `insert into matching_runs (tenant_id, id, cohort_id, based_on, status, objective, floor, stability_bonus, reciprocity, weights, weights_source, pins, stage,
					created_at, updated_at, changed_by, request_id)
				values ($1, $2, $3, $4, 'queued', $5, 0, 500, true,
					'{"content":5500,"preference":1500,"distance":1500,"availability":500,"size":300,"workforce":300,"cross_sector":400}', 'default', '[]', 'waiting', now(), now(), 'bench', 'bench')`,
				tenant.UUID(), last, cid, basedOn, *objective); err != nil {
				return last, err
			}
			done := func() {}
			if *profile != "" && len(walls) == 0 {
				name := *profile
				if basedOn != nil {
					name += "-based"
				}
				if done, err = profiling(name); err != nil {
					return last, err
				}
			}
			start, mine, theirs := time.Now(), ownCPU(), st.databaseCPU()
			if err := st.app.Matching.ComputeRun(ctx, tenant, run); err != nil {
				return last, err
			}
			enter("")
			done()
			walls, cpus, base = append(walls, time.Since(start).Seconds()), append(cpus, (ownCPU()-mine)/1e6), append(base, (st.databaseCPU()-theirs)/1e6)
			if err := st.super.QueryRow(ctx, `select coalesce(summary, jsonb_build_object('failure', failure)) from matching_runs where tenant_id = $1 and id = $2`, tenant.UUID(), last).Scan(&summary); err != nil {
				return last, err
			}
		}
		var got struct {
			Failure          string
			Matched          int
			Kept, Moved, New int
			Certificate      map[string]any
		}
		if err := json.Unmarshal(summary, &got); err != nil {
			return last, err
		}
		if got.Failure != "" {
			return last, fmt.Errorf("the run failed: %s", got.Failure)
		}
		fmt.Printf("\n%s: %d leervragen, %d leerplekken, medians of %d: CPU %.2f s here, %.2f s in the database, wall %.2f s; heap %.0f MB after, %.0f MB resident at most\n", what, *cohort, *cohort, *rounds,
			median(cpus), median(base), median(walls), float64(heap())/1e6, peak())
		for _, s := range stages {
			fmt.Printf("  %-12s %8.3f s CPU\n", s, median(spent[s]))
		}
		var packed int
		if err := st.super.QueryRow(ctx, `select sum(length(packed)) from matching_run_problems where tenant_id = $1 and run_id = $2`, tenant.UUID(), last).Scan(&packed); err != nil {
			return last, err
		}
		fmt.Printf("%.1f MB kept with the run; matched %d: %d kept, %d moved, %d new; certificate %v\n", float64(packed)/1e6, got.Matched, got.Kept, got.Moved, got.New, got.Certificate)
		return last, nil
	}
	first, err := measure("A cohort", nil)
	if err != nil {
		return err
	}
	if err := st.suppose(ctx, id.MatchingRunID(first)); err != nil {
		return err
	}
	for _, late := range []string{
		`update leerplekken set status = 'withdrawn' where tenant_id = $1 and id = (select max(leerplek_id::text)::uuid from matching_run_places where tenant_id = $1 and run_id = $2)`,
		`update leerplekken set description = 'Meekijken met het lassen en het onthaal' where tenant_id = $1 and id = (select min(leerplek_id::text)::uuid from matching_run_places where tenant_id = $1 and run_id = $2)`,
		`update leervragen set question = 'Hoe doen anderen het onthaal' where tenant_id = $1 and id = (select min(leervraag_id::text)::uuid from matching_run_places where tenant_id = $1 and run_id = $2)`,
	} {
		if n, err := st.super.Exec(ctx, late, tenant.UUID(), first); err != nil || n.RowsAffected() != 1 {
			return errors.Join(err, fmt.Errorf("%d rows were changed late", n.RowsAffected()))
		}
	}
	_, err = measure("Based on that, after one place closed and the words of a place and of a question changed", &first)
	return err
}

// suppose asks what would follow from changes of a run, one each: a leervraag leaves, one joins that the run did not look for, a leerplek that was
// chosen closes, or takes one more, and a leercoach takes on one more. Those who join leave the cohort afterwards.
func (st *stage) suppose(ctx context.Context, run id.MatchingRunID) error {
	const each = 30
	c, r := st.callers[0], rand.New(rand.NewPCG(5, 1))
	rows, err := st.super.Query(ctx, `select leervraag_id, leerplek_id, leercoach_id from matching_run_places where tenant_id = $1 and run_id = $2 and standing = 'chosen' order by leervraag_id`,
		c.tenant, run.UUID())
	if err != nil {
		return err
	}
	type chosen struct{ LeervraagID, LeerplekID, LeercoachID [16]byte }
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[chosen])
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return errors.New("the run chose nothing")
	}
	at := "/v1/matching-runs/" + run.String() + "/what-if?"
	first := func(what, path string) error {
		start, mine := time.Now(), ownCPU()
		if _, _, err := timed(st.base, c.token, []string{path}); err != nil {
			return err
		}
		fmt.Printf("%s after %.2f s, %.2f s of CPU\n", what, time.Since(start).Seconds(), (ownCPU()-mine)/1e6)
		return nil
	}
	if err := first("\nwhat if: the first answer", at); err != nil {
		fmt.Printf("\nwhat if: not told of this run: %v\n", err) // too large
		return nil
	}
	late, err := st.lateComers(ctx, each)
	if err != nil {
		return err
	}
	if len(late) == 0 {
		return errors.New("nobody takes part in the cohort")
	}
	if err := first("  the first of those who join", at+"joins="+id.LeervraagID(late[0]).String()); err != nil {
		return err
	}
	for _, of := range []string{"leaves", "joins", "closes", "widens", "coaches"} {
		paths := make([]string, each)
		for i := range paths {
			x := all[r.IntN(len(all))]
			switch of {
			case "leaves":
				paths[i] = id.LeervraagID(x.LeervraagID).String()
			case "joins":
				paths[i] = id.LeervraagID(late[i%len(late)]).String()
			case "coaches":
				paths[i] = id.MedewerkerID(x.LeercoachID).String()
			default:
				paths[i] = id.LeerplekID(x.LeerplekID).String()
			}
			paths[i] = at + of + "=" + paths[i]
		}
		mine := ownCPU()
		took, _, err := timed(st.base, c.token, paths)
		if err != nil {
			return err
		}
		slices.Sort(took)
		fmt.Printf("  %-7s  p50 %.1f ms, p95 %.1f ms, %.1f ms CPU each, of %d\n", of, took[each/2].Seconds()*1e3, took[each*95/100].Seconds()*1e3, (ownCPU()-mine)/each/1e3, each)
	}
	for _, q := range []string{`delete from cohort_leervragen where tenant_id = $1 and leervraag_id = any ($2)`, `delete from leervragen where tenant_id = $1 and id = any ($2)`} {
		if _, err := st.super.Exec(ctx, q, c.tenant, late); err != nil {
			return err
		}
	}
	return nil
}

// lateComers lets so many leervragen join the cohort that ask what others ask who take part in it.
func (st *stage) lateComers(ctx context.Context, n int) ([][16]byte, error) {
	rows, err := st.super.Query(ctx, `with made as (insert into leervragen (tenant_id, id, organisation_id, switcher_id, title, question, goals, topics, clarity, reach, internal, available, status,
			created_at, updated_at, changed_by, request_id)
		select l.tenant_id, gen_random_uuid(), l.organisation_id, l.switcher_id, l.title, l.question, l.goals, l.topics, l.clarity, l.reach, l.internal, l.available, l.status,
			now(), now(), 'bench', 'bench'
		from cohort_leervragen c join leervragen l on l.tenant_id = c.tenant_id and l.organisation_id = c.organisation_id and l.id = c.leervraag_id
		where c.tenant_id = $1 order by l.id limit $2 returning tenant_id, id, organisation_id, switcher_id)
		insert into cohort_leervragen (tenant_id, cohort_id, leervraag_id, organisation_id, switcher_id, added_at)
		select made.tenant_id, (select id from cohorten where tenant_id = $1), made.id, made.organisation_id, made.switcher_id, now() from made returning leervraag_id`,
		st.callers[0].tenant, n)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[[16]byte])
}

// peak is the most memory that this process had resident, in MB (10^6 bytes).
func peak() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it cannot fail for ourselves
	}
	return float64(u.Maxrss) * 1024 / 1e6
}

// fillCohort makes the tenant of suggestions with a cohort of all its leerplekken and as many leervragen.
func (st *stage) fillCohort(ctx context.Context, a *app.App) error {
	if err := st.fillSuggestions(ctx, a); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "filling a cohort with %d leervragen\n", *cohort)
	r := rand.New(rand.NewPCG(3, 1))
	terms := relevance.ShippedTerms()
	term := func() string { return terms[int(float64(len(terms))*r.Float64()*r.Float64())] }
	titles, texts := make([]string, *cohort), make([]string, *cohort)
	for i := range titles {
		titles[i] = term()
		texts[i] = "Ik wil leren hoe een ander bedrijf omgaat met " + term() + " en " + term() + "."
	}
	tenant, cid := st.callers[0].tenant, id.NewCohort()
	for _, q := range []string{
		`insert into cohorten (tenant_id, id, name, from_on, status, created_at, updated_at, changed_by, request_id)
			select $1, $2, 'Bench', now(), 'open', now(), now(), 'bench', 'bench' where $3::text[] is not null and $4::text[] is not null`,
		`with made as (insert into leervragen (tenant_id, id, organisation_id, switcher_id, title, question, goals, topics, clarity, reach, internal, available, status,
				created_at, updated_at, changed_by, request_id)
			select $1, gen_random_uuid(), m.organisation_id, m.id, left(x.title, 200), x.body, '{}', '{}', 'clear', 'switcher', false,
				'[{"from_on":"2027-01-01","until_on":"2027-12-31","weekdays":["mon","tue"]}]', 'open', now(), now(), 'bench', 'bench'
			from unnest($3::text[], $4::text[]) with ordinality x (title, body, n)
			join (select id, organisation_id, row_number() over (order by id) as n, count(*) over () as of from medewerkers where tenant_id = $1) m on m.n = 1 + x.n % m.of
			returning id, organisation_id, switcher_id)
			insert into cohort_leervragen (tenant_id, cohort_id, leervraag_id, organisation_id, switcher_id, added_at)
			select $1, $2, id, organisation_id, switcher_id, now() from made`,
		`insert into cohort_leerplekken (tenant_id, cohort_id, leerplek_id, organisation_id, added_at)
			select $1, $2, id, organisation_id, now() from leerplekken where tenant_id = $1 and $3::text[] is not null and $4::text[] is not null`,
	} {
		if _, err := st.super.Exec(ctx, q, tenant, cid.UUID(), titles, texts); err != nil {
			return err
		}
	}
	// What one more of a leercoach would do is asked of those who take on so many and no more: mostly more than come.
	if _, err := st.super.Exec(ctx, `update medewerkers m set coaching_limit = 1 + c.n
		from (select medewerker_id, count(*) as n from leerplek_coaches where tenant_id = $1 group by medewerker_id) c where m.tenant_id = $1 and m.id = c.medewerker_id`, tenant); err != nil {
		return err
	}
	_, err := st.super.Exec(ctx, "vacuum analyze")
	return err
}
