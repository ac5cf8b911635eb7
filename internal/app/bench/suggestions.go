package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/app"
	"github.com/switchingtalent/switchboard/internal/matching/relevance"
	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// What one tenant of the bench has, beside its leerplekken.
const (
	employersOf = 500
	sitesEach   = 4
	peopleEach  = 20
	questionsOf = 200
)

// suggestions measures the door of suggestions: how long a caller waits, what the index takes, how long it takes to make,
// and how soon a change is in an answer. One client asks at a time; what it waits for is all ours.
func suggestions(ctx context.Context) error {
	st, stop, err := prepare(ctx, (*stage).fillSuggestions)
	if err != nil {
		return err
	}
	defer stop()
	c := st.callers[0]
	paths := make([]string, len(c.ids))
	for i, l := range c.ids {
		paths[i] = "/v1/leervragen/" + l + "/suggestions"
	}
	before := heap()
	start, mine := time.Now(), ownCPU()
	engine := func() (string, error) {
		_, body, err := timed(st.base, c.token, paths[:1])
		var a struct{ Engine string }
		if err == nil {
			err = json.Unmarshal(body, &a)
		}
		return a.Engine, err
	}
	first := time.Duration(0)
	for at := ""; at != "index"; {
		asked := time.Now()
		if at, err = engine(); err != nil {
			return err
		}
		if first == 0 {
			first = time.Since(asked)
		}
		<-time.After(20 * time.Millisecond)
	}
	built, builtCPU := time.Since(start), (ownCPU()-mine)/1e6
	held := heap() - before
	fmt.Printf("\n%d leerplekken of one tenant; an answer while there is no index %d ms; the index is there after %.1f s (%.1f s CPU here)\n", *places,
		first.Milliseconds(), built.Seconds(), builtCPU)
	fmt.Printf("the index says %.1f MB, the heap holds %.1f MB more than before\n", float64(st.app.Matching.Bytes())/1e6, float64(held)/1e6)

	var p50, p95, p99, cpuHere, cpuThere []float64
	for round := range *rounds {
		var all []string
		for range 5 {
			all = append(all, paths...)
		}
		rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		done := func() {}
		if *profile != "" && round == 0 {
			if done, err = profiling(*profile); err != nil {
				return err
			}
		}
		mine, base := ownCPU(), st.databaseCPU()
		took, _, err := timed(st.base, c.token, all)
		done()
		if err != nil {
			return err
		}
		cpuHere, cpuThere = append(cpuHere, (ownCPU()-mine)/float64(len(all))/1e3), append(cpuThere, (st.databaseCPU()-base)/float64(len(all))/1e3)
		slices.Sort(took)
		at := func(q float64) float64 { return took[int(q*float64(len(took)-1))].Seconds() * 1e3 }
		p50, p95, p99 = append(p50, at(.5)), append(p95, at(.95)), append(p99, at(.99))
	}
	fmt.Printf("%d rounds of %d questions, medians: p50 %.1f ms, p95 %.1f ms [%.1f–%.1f], p99 %.1f ms; CPU %.1f ms here, %.1f ms in the database\n", *rounds, 5*len(paths),
		median(p50), median(p95), slices.Min(p95), slices.Max(p95), median(p99), median(cpuHere), median(cpuThere))

	var stale []float64
	for i := range 20 {
		// A place that can be for the question; its title and the question get a word that nobody else has.
		var can struct {
			Data []struct {
				ID id.LeerplekID `json:"leerplek_id"`
			}
		}
		_, body, err := timed(st.base, c.token, []string{paths[0] + "?limit=1&include=all"})
		if err == nil {
			err = json.Unmarshal(body, &can)
		}
		if err != nil {
			return err
		}
		if len(can.Data) == 0 {
			return errors.New("no leerplek can be for the first question")
		}
		word := fmt.Sprintf("kwibus%c", 'a'+i)
		if _, err := st.super.Exec(ctx, `update leervragen set title = $2, question = $2, goals = '{}' where id = (select id from leervragen where tenant_id = $1 order by id limit 1)`, c.tenant, word); err != nil {
			return err
		}
		if _, err := st.super.Exec(ctx, `update leerplekken set title = $2 where tenant_id = $1 and id = $3`, c.tenant, word, can.Data[0].ID.UUID()); err != nil {
			return err
		}
		changed := time.Now()
		for seen := false; !seen; {
			if time.Since(changed) > 10*time.Second {
				return errors.New("a changed leerplek is not in the answer after ten seconds")
			}
			_, body, err := timed(st.base, c.token, []string{paths[0] + "?include=all"})
			if err != nil {
				return err
			}
			seen = bytes.Contains(body, []byte(`"title":"`+word))
		}
		stale = append(stale, time.Since(changed).Seconds()*1e3)
	}
	fmt.Printf("a changed leerplek is in the answer after %.1f ms (median of %d, at most %.1f ms)\n", median(stale), len(stale), slices.Max(stale))
	return nil
}

// heap is what this process holds after collecting what nobody needs.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// fillSuggestions makes one tenant whose leerplekken are about words of the thesaurus, each about a few.
func (st *stage) fillSuggestions(ctx context.Context, a *app.App) error {
	fmt.Fprintf(os.Stderr, "filling a tenant with %d leerplekken\n", *places)
	r := rand.New(rand.NewPCG(4, 2))
	terms := relevance.ShippedTerms()
	some := func(n int) string {
		var out []string
		for range n {
			// A few subjects are common and most are rare, as on any market.
			out = append(out, terms[int(float64(len(terms))*r.Float64()*r.Float64())])
		}
		return strings.Join(out, " ")
	}
	tid, cid := id.NewTenant(), id.NewClient()
	run := func(query string, args ...any) error {
		_, err := st.super.Exec(ctx, query, append([]any{tid.UUID()}, args...)...)
		return err
	}
	const row = `created_at, updated_at, changed_by, request_id`
	const now = `now(), now(), 'bench', 'bench'`
	steps := []string{
		`insert into tenants (tenant_id, id, slug, name, ` + row + `) values ($1::uuid, $1::uuid, 'bench', 'Bench', ` + now + `)`,
		`insert into organisations (tenant_id, id, name, kind, sector, workforce, headcount, ` + row + `) select $1, gen_random_uuid(), 'Werkgever ' || n, 'profit',
			(array['zorg', 'bouw', 'onderwijs', 'logistiek', 'horeca', 'overheid', 'industrie'])[1 + n % 7], (array['white_collar', 'blue_collar', 'mixed', null])[1 + n % 4], n * 3, ` + now +
			fmt.Sprintf(` from generate_series(1, %d) n`, employersOf),
		`insert into sites (tenant_id, id, organisation_id, name, street, postcode, municipality, latitude, longitude, public_transport, ` + row + `)
			select $1, gen_random_uuid(), id, 'Site', 'Straat 1', (1000 + floor(random() * 8999))::int::text, 'Gemeente', 50.7 + random() * 0.7, 2.8 + random() * 2.9, random() < 0.8, ` + now +
			fmt.Sprintf(` from organisations, generate_series(1, %d) where tenant_id = $1`, sitesEach),
		`insert into medewerkers (tenant_id, id, organisation_id, site_id, given_name, family_name, job_title, employment, language, home_postcode, max_travel_km, needs_public_transport, ` + row + `)
			select $1, gen_random_uuid(), o.id, (select s.id from sites s where s.tenant_id = $1 and s.organisation_id = o.id order by md5(s.id::text || n) limit 1), 'Voornaam', 'Voorbeeld', 'medewerker',
			'employee', 'nl', (1000 + floor(random() * 8999))::int::text, case when n % 2 = 0 then 60 end, n % 10 = 0, ` + now +
			fmt.Sprintf(` from organisations o, generate_series(1, %d) n where o.tenant_id = $1`, peopleEach),
	}
	for _, s := range steps {
		if err := run(s); err != nil {
			return err
		}
	}
	if err := run(`insert into clients (tenant_id, id, name, role, scopes, `+row+`) values ($1, $2, 'bench', 'coordinator', '{}', `+now+`)`, cid.UUID()); err != nil {
		return err
	}
	for left := *places; left > 0; left -= 5000 {
		n := min(left, 5000)
		titles, texts, periods := make([]string, n), make([]string, n), make([]string, n)
		for i := range n {
			titles[i], texts[i] = some(2), some(30)
			from := time.Date(2027, 1, 4+r.IntN(90), 0, 0, 0, 0, time.UTC)
			periods[i] = fmt.Sprintf(`[{"from_on":%q,"until_on":%q,"weekdays":["mon","tue","thu"]}]`, from.Format(time.DateOnly), from.AddDate(0, 0, 30+r.IntN(200)).Format(time.DateOnly))
		}
		if err := run(`with made as (insert into leerplekken (tenant_id, id, organisation_id, site_id, title, description, topics, capacity, available, requirements, sourcing, status, `+row+`)
			select $1, gen_random_uuid(), s.organisation_id, s.id, left(x.title, 200), x.body, '{}', 2, x.period::jsonb, '{}', 'supply', 'published', `+now+`
			from unnest($2::text[], $3::text[], $4::text[]) with ordinality x (title, body, period, n)
			join (select id, organisation_id, row_number() over (order by id) as n from sites where tenant_id = $1) s on s.n = 1 + (x.n * 7919) % $5 returning id, organisation_id)
			insert into leerplek_coaches (tenant_id, leerplek_id, organisation_id, medewerker_id, place, voluntary, has_time)
			select $1, m.id, m.organisation_id, c.id, 1, true, true from made m, lateral (select id from medewerkers where tenant_id = $1 and organisation_id = m.organisation_id
				order by md5(id::text || m.id::text) limit 1) c`,
			titles, texts, periods, employersOf*sitesEach); err != nil {
			return err
		}
	}
	titles, texts := make([]string, questionsOf), make([]string, questionsOf)
	for i := range questionsOf {
		titles[i] = some(1 + r.IntN(2))
		texts[i] = "Ik wil leren hoe een ander bedrijf omgaat met " + some(1+r.IntN(4)) + ", want bij ons loopt dat niet goed."
	}
	if err := run(`insert into leervragen (tenant_id, id, organisation_id, switcher_id, title, question, goals, topics, clarity, reach, internal, available, status, `+row+`)
		select $1, gen_random_uuid(), m.organisation_id, m.id, left(x.title, 200), x.body, '{}', '{}', 'clear', 'switcher', false,
			'[{"from_on":"2027-01-01","until_on":"2027-12-31","weekdays":["mon","tue"]}]', 'open', `+now+`
		from unnest($2::text[], $3::text[]) with ordinality x (title, body, n)
		join (select id, organisation_id, row_number() over (order by id) as n from medewerkers where tenant_id = $1) m using (n)`, titles, texts); err != nil {
		return err
	}
	if _, err := st.super.Exec(ctx, "vacuum analyze"); err != nil {
		return err
	}
	c := caller{tenant: tid.UUID()}
	var err error
	if c.token, err = a.Tokens.Sign(auth.Principal{TenantID: tid, ClientID: cid, Role: auth.Coordinator, Scopes: auth.Of(auth.Coordinator)}, time.Now()); err != nil {
		return err
	}
	rows, err := st.super.Query(ctx, `select id from leervragen where tenant_id = $1 order by id`, tid.UUID())
	if err != nil {
		return err
	}
	for rows.Next() {
		var l uuid.UUID
		if err := rows.Scan((*[16]byte)(&l)); err != nil {
			return err
		}
		c.ids = append(c.ids, id.LeervraagID(l).String())
	}
	st.callers = append(st.callers, c)
	return rows.Err()
}
