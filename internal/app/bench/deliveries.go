package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// How a receiver behaves, by the first part of the path.
const (
	answers = "/ok"   // at once
	dawdles = "/slow" // after pace
	hangs   = "/hang" // never
	turns   = "/turn" // at once, or never while an order says so
	pace    = 20 * time.Millisecond
)

// order is what the receiver's process is told to do: make employers at a rate, and wait until each one's fact has come to
// so many endpoints that answer. One without a load and nothing to wait for only says how those behave that turn.
type order struct {
	Turned bool     // they hang from now on
	Load   string   // our API's address; empty: only wait until Wait deliveries have come since the last order
	Tokens []string // of the callers who take turns
	Rate   float64  // a second; 0: as many as Clients at once can
	Count  int
	Each   int // endpoints that answer, for each fact
	Wait   int
}

// report is what came of it. Times run from the answer to whoever made the fact true until the fact has arrived.
type report struct {
	Err      string
	Acked    int
	Took     time.Duration   // from the first request to the last arrival
	All      []time.Duration // from acknowledged to arrived, sorted
	P50, P99 time.Duration   // of these
	Arrived  []time.Duration // since the order was given, of every hundredth of Wait
}

// deliveries measures the way from fact to receiver.
func deliveries(ctx context.Context) error {
	st, stop, err := prepare(ctx, (*stage).fill)
	if err != nil {
		return err
	}
	defer stop()
	// The endpoints of the other measures, which wait for ever, are out of the way.
	if _, err := st.super.Exec(ctx, `with gone as (update webhook_endpoints set status = 'deleted') delete from platform.delivery_holds`); err != nil {
		return err
	}
	if _, err := st.super.Exec(ctx, `truncate platform.delivery_queue`); err != nil {
		return err
	}
	w, err := receiver()
	if err != nil {
		return err
	}
	defer w.stop()
	c := course{stage: st, receiver: w, done: func() {}}
	working, end := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); st.app.Deliverer().Run(working) }()
	defer func() { end(); <-ended }()

	fmt.Printf("| what | result |\n|---|---|\n")
	for _, part := range []struct {
		name string
		run  func(context.Context) (string, error)
	}{
		{"all", c.whole}, {"steady", c.steady}, {"fan-out", c.fanOut}, {"ordered", c.ordered}, {"hanging", c.neighbours(true, false)},
		{"long-lane", c.neighbours(false, true)}, {"neighbours", c.neighbours(true, true)}, {"turning", c.turning}, {"backlog", c.drain},
	} {
		if *only != "" && *only != part.name {
			continue
		}
		said, err := part.run(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		fmt.Printf("| %s | %s |\n", part.name, said)
	}
	return nil
}

// course is a stage with a receiver.
type course struct {
	*stage
	receiver *far
	done     func() // ends the profile, if there is one
}

// member is a tenant with endpoints.
type member struct {
	caller
	endpoints []string
}

// tenant makes a tenant with endpoints at these paths of the receiver, all active.
func (c *course) tenant(ctx context.Context, paths ...string) (member, error) {
	return c.shaped(ctx, "none", paths...)
}

// shaped is tenant, whose endpoints want this ordering.
func (c *course) shaped(ctx context.Context, ordering string, paths ...string) (member, error) {
	tid, cid := id.NewTenant(), id.NewClient()
	m := member{caller: caller{tenant: tid.UUID()}}
	for _, sql := range []string{
		`insert into tenants (tenant_id, id, slug, name, created_at, updated_at, changed_by, request_id)
			values ($1::uuid, $1::uuid, 'b' || replace($1::uuid::text, '-', ''), 'Bench', now(), now(), 'bench', 'bench')`,
		`insert into clients (tenant_id, id, name, role, scopes, created_at, updated_at, changed_by, request_id)
			select $1, '` + cid.UUID().String() + `', 'bench', 'coordinator', '{}', now(), now(), 'bench', 'bench'`,
	} {
		if _, err := c.super.Exec(ctx, sql, tid.UUID()); err != nil {
			return m, err
		}
	}
	var err error
	if m.token, err = c.app.Tokens.Sign(auth.Principal{TenantID: tid, ClientID: cid, Role: auth.Coordinator, Scopes: auth.Of(auth.Coordinator)}, time.Now()); err != nil {
		return m, err
	}
	for i, path := range paths {
		body, err := json.Marshal(map[string]any{"url": "http://" + c.receiver.addr + path + "/" + strconv.Itoa(i), "event_types": []string{"organisation.*"}, "ordering": ordering})
		if err != nil {
			return m, err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.base+"/v1/webhook-endpoints", bytes.NewReader(body))
		if err != nil {
			return m, err
		}
		req.Header.Set("Authorization", "Bearer "+m.token)
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return m, err
		}
		var made struct{ ID id.EndpointID }
		err = json.NewDecoder(res.Body).Decode(&made)
		if err = errors.Join(err, res.Body.Close()); err != nil || res.StatusCode != http.StatusCreated {
			return m, fmt.Errorf("endpoint: %s %w", res.Status, err)
		}
		m.endpoints = append(m.endpoints, made.ID.UUID().String())
	}
	return m, c.until(ctx, time.Minute, `select not exists (select from webhook_endpoints where tenant_id = $1 and status <> 'active')`, m.tenant)
}

// until waits until a query says true.
func (c *course) until(ctx context.Context, patience time.Duration, query string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		var yes bool
		if err := c.super.QueryRow(ctx, query, args...).Scan(&yes); err != nil {
			return err
		}
		if yes {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("still not so: %s", query)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// several makes tenants with the same endpoints, and returns their tokens.
func (c *course) several(ctx context.Context, n int, paths ...string) (tokens []string, err error) {
	tokens, _, err = c.crowd(ctx, n, paths...)
	return tokens, err
}

// crowd is several, with the tenants.
func (c *course) crowd(ctx context.Context, n int, paths ...string) (tokens []string, tenants []uuid.UUID, err error) {
	for range n {
		m, err := c.tenant(ctx, paths...)
		if err != nil {
			return nil, nil, err
		}
		tokens, tenants = append(tokens, m.token), append(tenants, m.tenant)
	}
	return tokens, tenants, nil
}

// hold makes what is due for tenants wait, and returns once nothing is under way.
func (c *course) hold(ctx context.Context, tenants ...uuid.UUID) error {
	_, err := c.super.Exec(ctx, `insert into platform.delivery_holds (endpoint_id, tenant_id) select id, tenant_id from webhook_endpoints
		where tenant_id = any ($1) on conflict do nothing`, tenants)
	return errors.Join(err, c.until(ctx, time.Minute, `select not exists (select from platform.delivery_queue where lease is not null)`))
}

// letGo ends a hold.
func (c *course) letGo(ctx context.Context, tenants ...uuid.UUID) error {
	_, err := c.super.Exec(ctx, `delete from platform.delivery_holds where tenant_id = any ($1)`, tenants)
	return err
}

// counted runs an order, and adds what it cost until nothing is in hand any more: every row is written then.
func (c *course) counted(ctx context.Context, o order) (report, result, error) {
	mine, base := ownCPU(), c.databaseCPU()
	r, err := c.receiver.do(o)
	if err != nil {
		return r, result{}, err
	}
	if err := c.until(ctx, time.Minute, `select not exists (select from platform.delivery_queue where lease is not null)`); err != nil {
		return r, result{}, err
	}
	return r, result{done: o.Count * o.Each, took: r.Took, serverCPU: ownCPU() - mine, databaseCPU: c.databaseCPU() - base}, nil
}

func (c *course) cost(rs []result) string {
	var all []float64
	for _, r := range rs {
		all = append(all, (r.serverCPU+r.databaseCPU)/float64(r.done)/1000)
	}
	return fmt.Sprintf("**%.2f CPU-ms** [%.2f–%.2f] each (server %.2f + database %.2f)", median(all), slices.Min(all), slices.Max(all),
		medianOf(rs, result.serverPer)/1000, medianOf(rs, result.databasePer)/1000)
}

// whole is from request to receiver, as fast as it goes: employer, fact, delivery, try; and in turns the same requests of tenants
// without an endpoint, so that the difference is what a delivery costs with all its rows.
func (c *course) whole(ctx context.Context) (string, error) {
	tokens, err := c.several(ctx, 20, answers)
	if err != nil {
		return "", err
	}
	without, err := c.several(ctx, 20)
	if err != nil {
		return "", err
	}
	var (
		rs    []result
		alone []float64
	)
	for r := range *rounds {
		if *profile != "" && r == 0 {
			if c.done, err = profiling(*profile); err != nil {
				return "", err
			}
		}
		_, got, err := c.counted(ctx, order{Load: c.base, Tokens: tokens, Count: 4000, Each: 1})
		c.done()
		c.done = func() {}
		if err != nil {
			return "", err
		}
		_, made, err := c.counted(ctx, order{Load: c.base, Tokens: without, Count: 4000})
		if err != nil {
			return "", err
		}
		rs = append(rs, got)
		alone = append(alone, (got.serverCPU+got.databaseCPU-made.serverCPU-made.databaseCPU)/float64(got.done)/1000)
	}
	return fmt.Sprintf("request, rows and delivery: %s; %.0f a second; the delivery alone, all its rows written, **%.2f** [%.2f–%.2f]", c.cost(rs),
		medianOf(rs, result.rate), median(alone), slices.Min(alone), slices.Max(alone)), nil
}

// steady is a hundred a second; and in turns the same requests while nothing is delivered, so that the difference is what a
// delivery costs.
func (c *course) steady(ctx context.Context) (string, error) {
	tokens, tenants, err := c.crowd(ctx, 20, answers)
	if err != nil {
		return "", err
	}
	var (
		rs              []result
		p50, p99, alone []float64
	)
	for range *rounds {
		r, got, err := c.counted(ctx, order{Load: c.base, Tokens: tokens, Rate: 100, Count: 1000, Each: 1})
		if err != nil {
			return "", err
		}
		if err := c.hold(ctx, tenants...); err != nil {
			return "", err
		}
		_, made, err := c.counted(ctx, order{Load: c.base, Tokens: tokens, Rate: 100, Count: 1000})
		if err != nil {
			return "", err
		}
		if _, err := c.super.Exec(ctx, `delete from platform.delivery_queue where tenant_id = any ($1)`, tenants); err != nil {
			return "", err
		}
		if err := c.letGo(ctx, tenants...); err != nil {
			return "", err
		}
		rs, p50, p99 = append(rs, got), append(p50, ms(r.P50)), append(p99, ms(r.P99))
		alone = append(alone, (got.serverCPU+got.databaseCPU-made.serverCPU-made.databaseCPU)/float64(got.done)/1000)
	}
	return fmt.Sprintf("100 a second: p50 **%.1f ms**, p99 **%.1f ms** [%.1f–%.1f]; %s, the delivery alone **%.2f** [%.2f–%.2f]", median(p50), median(p99),
		slices.Min(p99), slices.Max(p99), c.cost(rs), median(alone), slices.Min(alone), slices.Max(alone)), nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// fanOut is each fact to fifty endpoints.
func (c *course) fanOut(ctx context.Context) (string, error) {
	const endpoints = 50
	tokens, err := c.several(ctx, 1, slices.Repeat([]string{answers}, endpoints)...)
	if err != nil {
		return "", err
	}
	var (
		rs       []result
		p50, p99 []float64
	)
	for range *rounds {
		r, got, err := c.counted(ctx, order{Load: c.base, Tokens: tokens, Rate: 5, Count: 50, Each: endpoints})
		if err != nil {
			return "", err
		}
		rs, p50, p99 = append(rs, got), append(p50, ms(r.P50)), append(p99, ms(r.P99))
	}
	return fmt.Sprintf("5 facts a second to 50 endpoints each: p50 %.1f ms, p99 %.1f ms; %s", median(p50), median(p99), c.cost(rs)), nil
}

// neighbours is what an endpoint that hangs, or a tenant with many deliveries to a slow endpoint, or both, do to others.
func (c *course) neighbours(hang, long bool) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) { return c.beside(ctx, hang, long) }
}

func (c *course) beside(ctx context.Context, hang, long bool) (string, error) {
	tokens, err := c.several(ctx, 20, answers)
	if err != nil {
		return "", err
	}
	hanging, err := c.tenant(ctx, hangs)
	if err != nil {
		return "", err
	}
	busy, err := c.tenant(ctx, dawdles)
	if err != nil {
		return "", err
	}
	if err := c.hold(ctx, hanging.tenant, busy.tenant); err != nil {
		return "", err
	}
	var said []string
	if hang {
		said = append(said, "an endpoint that hangs")
		if err := c.waiting(ctx, []member{hanging}, 1000); err != nil {
			return "", err
		}
	}
	if long {
		said = append(said, "100,000 waiting for a slow one")
		if err := c.waiting(ctx, []member{busy}, 100_000); err != nil {
			return "", err
		}
	}
	if err := c.looked(ctx); err != nil {
		return "", err
	}
	felt, spent, err := c.compared(tokens, false, func() error { return c.letGo(ctx, hanging.tenant, busy.tenant) },
		func() error { return c.hold(ctx, hanging.tenant, busy.tenant) })
	if err != nil {
		return "", err
	}
	var left int
	if err := c.super.QueryRow(ctx, `select count(*) from platform.delivery_queue where tenant_id = $1`, busy.tenant).Scan(&left); err != nil {
		return "", err
	}
	if gone := 100_000 - left; long && gone > 0 {
		spent.done = gone
		felt += fmt.Sprintf("; the long lane %.0f a second", spent.rate())
		if !hang { // else it would pay for the one that hangs
			felt += fmt.Sprintf(" at **%.2f CPU-ms** each (server %.2f + database %.2f)", (spent.serverPer()+spent.databasePer())/1000, spent.serverPer()/1000,
				spent.databasePer()/1000)
		}
	}
	_, err = c.super.Exec(ctx, `delete from platform.delivery_queue where tenant_id in ($1, $2)`, hanging.tenant, busy.tenant)
	if long {
		said[len(said)-1] += fmt.Sprintf(" (%d of them left at the end)", left)
	}
	return "beside " + strings.Join(said, " and ") + ": " + felt, err
}

// ordered is what the order of subjects costs an endpoint that answers at once: how fast deliveries come that wait for it, of one
// subject alone, of a hundred subjects, and where no order was asked for.
func (c *course) ordered(ctx context.Context) (string, error) {
	kinds := []struct {
		name, ordering string
		subjects, n    int
	}{{"no order", "none", 100, 2000}, {"a hundred subjects", "subject", 100, 2000}, {"one subject", "subject", 1, 400}}
	rates, costs := make([][]float64, len(kinds)), make([][]float64, len(kinds))
	members := make([]member, len(kinds))
	for i, k := range kinds {
		var err error
		if members[i], err = c.shaped(ctx, k.ordering, answers); err != nil {
			return "", err
		}
	}
	for range *rounds {
		for i, k := range kinds {
			tenant := members[i].tenant
			if err := c.hold(ctx, tenant); err != nil {
				return "", err
			}
			if err := c.revisions(ctx, members[i], k.ordering == "subject", k.subjects, k.n/k.subjects); err != nil {
				return "", err
			}
			if err := c.looked(ctx); err != nil {
				return "", err
			}
			mine, base := ownCPU(), c.databaseCPU()
			went := make(chan error, 1)
			time.AfterFunc(100*time.Millisecond, func() { went <- c.letGo(ctx, tenant) }) // once the receiver counts
			r, err := c.receiver.do(order{Wait: k.n})
			if err = errors.Join(err, <-went); err != nil {
				return "", err
			}
			if err := c.until(ctx, time.Minute, `select not exists (select from platform.delivery_queue where tenant_id = $1)`, tenant); err != nil {
				return "", err
			}
			costs[i] = append(costs[i], (ownCPU()-mine+c.databaseCPU()-base)/float64(k.n)/1000)
			rates[i] = append(rates[i], 0.99*float64(k.n)/(r.Arrived[99]-r.Arrived[0]).Seconds())
		}
	}
	free := median(rates[0])
	var said []string
	for i, k := range kinds {
		said = append(said, fmt.Sprintf("%s %.0f a second (**%.2f×**) at %.2f CPU-ms", k.name, median(rates[i]), median(rates[i])/free, median(costs[i])))
	}
	return "to one endpoint: " + strings.Join(said, "; "), nil
}

// revisions writes facts that are due for the first endpoint of a tenant: so many subjects with so many revisions each, as those
// that were recorded would stand there.
func (c *course) revisions(ctx context.Context, m member, ordered bool, subjects, each int) error {
	for range subjects {
		subject := id.NewOrganisation()
		_, err := c.super.Exec(ctx, `with f as (
				insert into events (tenant_id, id, type, subject_id, subject, revision, organisation_ids, medewerker_ids, data, occurred_at, actor, request_id)
				select $1, platform.new_id(), 'organisation.updated', $2, $3, n, array[$2::uuid], '{}',
					jsonb_build_object('tenant_id', $7::text, 'subject_id', $3::text, 'revision', n, 'organisation_ids', array[$3::text]), now(), 'bench', 'bench'
				from generate_series(1, $4) n
				returning id, revision
			), d as (
				insert into webhook_deliveries (tenant_id, event_id, endpoint_id, type, created_at, next_attempt_at)
				select $1, f.id, $5, 'organisation.updated', now(), now() from f
				returning id, event_id
			)
			insert into platform.delivery_queue (delivery_id, tenant_id, endpoint_id, due_at, subject_id, revision, event_id)
			select d.id, $1, $5, now(), case when $6 then $2::uuid end, case when $6 then f.revision end, case when $6 then f.id end
			from d join f on f.id = d.event_id`,
			m.tenant, subject.UUID(), subject.String(), each, uuid.MustParse(m.endpoints[0]), ordered, id.TenantID(m.tenant).String())
		if err != nil {
			return err
		}
	}
	return nil
}

// turning is what eight endpoints of one tenant do to others that always answered, have all the room that there is, and begin
// to hang together with much waiting for each.
func (c *course) turning(ctx context.Context) (string, error) {
	tokens, err := c.several(ctx, 20, answers)
	if err != nil {
		return "", err
	}
	bad, err := c.tenant(ctx, slices.Repeat([]string{turns}, 8)...)
	if err != nil {
		return "", err
	}
	each := make([]member, len(bad.endpoints))
	for i, e := range bad.endpoints {
		each[i] = member{bad.caller, []string{e}}
	}
	const nothing = `select not exists (select from platform.delivery_queue where tenant_id = $1)`
	felt, _, err := c.compared(tokens, true, func() error {
		// They answer until each has had enough to be trusted.
		err := errors.Join(c.letGo(ctx, bad.tenant), c.waiting(ctx, each, 20*len(each)), c.until(ctx, time.Minute, nothing, bad.tenant))
		if err != nil {
			return err
		}
		_, err = c.receiver.do(order{Turned: true})
		return errors.Join(err, c.waiting(ctx, each, 100*len(each)))
	}, func() error {
		err := c.hold(ctx, bad.tenant)
		if err != nil {
			return err
		}
		if _, err = c.super.Exec(ctx, `delete from platform.delivery_queue where tenant_id = $1`, bad.tenant); err != nil {
			return err
		}
		_, err = c.receiver.do(order{})
		return err
	})
	return "beside eight endpoints that always answered and begin to hang: " + felt, err
}

// compared says what others feel of what goes on between begin and end, in rounds with and without it; and for how long that went
// on, and what it took of server and database beyond what the same requests take without it.
func (c *course) compared(tokens []string, turned bool, begin, end func() error) (string, result, error) {
	run := func(turned bool) (report, error) {
		return c.receiver.do(order{Turned: turned, Load: c.base, Tokens: tokens, Rate: 50, Count: 400, Each: 1})
	}
	// The p99 of a round is its fourth worst, so that of all rounds together is compared.
	var quiet, beside []time.Duration
	var ratios []float64
	var spent result
	for range *rounds {
		server, database := ownCPU(), c.databaseCPU()
		q, err := run(false)
		if err != nil {
			return "", spent, err
		}
		server, database = 2*ownCPU()-server, 2*c.databaseCPU()-database
		start := time.Now()
		if err := begin(); err != nil {
			return "", spent, err
		}
		if *profile != "" && len(ratios) == 0 {
			if c.done, err = profiling(*profile); err != nil {
				return "", spent, err
			}
		}
		b, err := run(turned)
		c.done()
		c.done = func() {}
		if err = errors.Join(err, end()); err != nil {
			return "", spent, err
		}
		spent.took += time.Since(start) // what was under way is done by now
		spent.serverCPU, spent.databaseCPU = spent.serverCPU+ownCPU()-server, spent.databaseCPU+c.databaseCPU()-database
		quiet, beside, ratios = append(quiet, q.All...), append(beside, b.All...), append(ratios, float64(b.P99)/float64(q.P99))
	}
	slices.Sort(quiet)
	slices.Sort(beside)
	at := func(all []time.Duration, percent int) time.Duration { return all[len(all)*percent/100] }
	return fmt.Sprintf("others p50 %.1f, p99 %.1f ms; alone p50 %.1f, p99 %.1f ms: **%.2f×** [%.2f–%.2f]", ms(at(beside, 50)), ms(at(beside, 99)),
		ms(at(quiet, 50)), ms(at(quiet, 99)), float64(at(beside, 99))/float64(at(quiet, 99)), slices.Min(ratios), slices.Max(ratios)), spent, nil
}

// waiting writes n facts that are due, spread over members, straight into the tables: what a busy day would have left.
func (c *course) waiting(ctx context.Context, members []member, n int) error {
	for i, m := range members {
		count := n / len(members)
		if i < n%len(members) {
			count++
		}
		subject := id.NewOrganisation()
		data, err := json.Marshal(map[string]any{"tenant_id": id.TenantID(m.tenant).String(), "subject_id": subject.String(), "revision": 1, "organisation_ids": []string{subject.String()}})
		if err != nil {
			return err
		}
		_, err = c.super.Exec(ctx, `with f as (
				insert into events (tenant_id, id, type, subject_id, subject, revision, organisation_ids, medewerker_ids, data, occurred_at, actor, request_id)
				select $1, platform.new_id(), 'organisation.updated', $2, $3, 1, array[$2::uuid], '{}', $4::jsonb, now(), 'bench', 'bench' from generate_series(1, $5)
				returning id
			), d as (
				insert into webhook_deliveries (tenant_id, event_id, endpoint_id, type, created_at, next_attempt_at)
				select $1, f.id, $6, 'organisation.updated', now(), now() from f
				returning id
			)
			insert into platform.delivery_queue (delivery_id, tenant_id, endpoint_id, due_at) select id, $1, $6, now() from d`,
			m.tenant, subject.UUID(), subject.String(), string(data), count, uuid.MustParse(m.endpoints[0]))
		if err != nil {
			return err
		}
	}
	return nil
}

// looked does what autovacuum would have done by the time that so much waits. Plans that were kept while the tables were empty are
// made anew by it: what one of them cost was thirty times as much, until autovacuum came round.
func (c *course) looked(ctx context.Context) error {
	_, err := c.super.Exec(ctx, `vacuum analyze`)
	return err
}

// drain is how fast a backlog goes, from its first tenth to its last.
func (c *course) drain(ctx context.Context) (string, error) {
	const spread = 20
	var members []member
	for range spread {
		m, err := c.tenant(ctx, answers)
		if err != nil {
			return "", err
		}
		members = append(members, m)
	}
	var tenants []uuid.UUID
	for _, m := range members {
		tenants = append(tenants, m.tenant)
	}
	if err := c.hold(ctx, tenants...); err != nil {
		return "", err
	}
	fmt.Fprintf(os.Stderr, "writing a backlog of %d deliveries\n", *backlog)
	if err := c.waiting(ctx, members, *backlog); err != nil {
		return "", err
	}
	if err := c.looked(ctx); err != nil {
		return "", err
	}
	if _, err := c.super.Exec(ctx, `checkpoint`); err != nil {
		return "", err
	}
	fmt.Fprintln(os.Stderr, "draining it")
	mine, base := ownCPU(), c.databaseCPU()
	if *profile != "" {
		var err error
		if c.done, err = profiling(*profile + "-backlog"); err != nil {
			return "", err
		}
	}
	if err := c.letGo(ctx, tenants...); err != nil {
		return "", err
	}
	spent := c.watch()
	r, err := c.receiver.do(order{Wait: *backlog})
	used := spent()
	c.done()
	c.done = func() {}
	if err != nil {
		return "", err
	}
	if err := c.until(ctx, time.Minute, `select not exists (select from platform.delivery_queue where lease is not null)`); err != nil {
		return "", err
	}
	cost := result{done: *backlog, took: r.Took, serverCPU: ownCPU() - mine, databaseCPU: c.databaseCPU() - base}
	tenth := float64(*backlog) / 10
	first, last := tenth/r.Arrived[9].Seconds(), tenth/(r.Arrived[99]-r.Arrived[89]).Seconds()
	var all []string
	for i := 9; i < 100; i += 10 {
		var before time.Duration
		if i > 9 {
			before = r.Arrived[i-10]
		}
		all = append(all, fmt.Sprintf("%.0f", tenth/(r.Arrived[i]-before).Seconds()))
	}
	per := func(from, to time.Duration) float64 { return (used(to) - used(from)) / tenth / 1000 }
	return fmt.Sprintf("%d deliveries in %s: first tenth %.0f a second, last tenth %.0f: **%.2f×** (%s); CPU-ms each %.2f and %.2f; all: %s", *backlog,
		r.Took.Round(time.Millisecond), first, last, last/first, strings.Join(all, " "), per(0, r.Arrived[9]), per(r.Arrived[89], r.Arrived[99]), c.cost([]result{cost})), nil
}

// watch notes every half second what was spent, until it is told to stop; the result says how much that was, in
// microseconds, a while after it began. Other work on the machine makes the rate differ, and this less.
func (c *course) watch() (stop func() func(time.Duration) float64) {
	type sample struct {
		at  time.Duration
		cpu float64
	}
	start := time.Now()
	samples := []sample{{0, ownCPU() + c.databaseCPU()}}
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for going := true; going; {
			select {
			case <-over:
				going = false
			case <-time.After(500 * time.Millisecond):
			}
			samples = append(samples, sample{time.Since(start), ownCPU() + c.databaseCPU()})
		}
	}()
	return func() func(time.Duration) float64 {
		close(over)
		<-ended
		return func(at time.Duration) float64 {
			i := slices.IndexFunc(samples, func(s sample) bool { return s.at >= at })
			switch i {
			case -1:
				return samples[len(samples)-1].cpu
			case 0:
				return samples[0].cpu
			}
			a, b := samples[i-1], samples[i]
			return a.cpu + (b.cpu-a.cpu)*float64(at-a.at)/float64(b.at-a.at)
		}
	}
}

// far is the process of the receiver, which makes the requests too: what it costs is not ours.
type far struct {
	addr string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *json.Decoder
}

func receiver() (*far, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	f := &far{cmd: exec.Command(self, "-receive", "-clients", strconv.Itoa(*clients))}
	f.cmd.Stderr = os.Stderr
	if f.in, err = f.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := f.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	f.out = json.NewDecoder(out)
	if err := f.cmd.Start(); err != nil {
		return nil, err
	}
	return f, f.out.Decode(&f.addr)
}

func (f *far) do(o order) (report, error) {
	b, err := json.Marshal(o)
	if err != nil {
		return report{}, err
	}
	if _, err := f.in.Write(append(b, '\n')); err != nil {
		return report{}, err
	}
	var r report
	if err := f.out.Decode(&r); err != nil {
		return r, fmt.Errorf("the receiver ended: %w", err)
	}
	if r.Err != "" {
		return r, errors.New(r.Err)
	}
	return r, nil
}

// stop ends the receiver: it ends with its input.
func (f *far) stop() { _ = f.in.Close(); _ = f.cmd.Wait() }

// sink is the receiver inside its own process.
type sink struct {
	mu     sync.Mutex
	came   map[string][]time.Time // by subject, at endpoints that answer
	total  int                    // there and at the slow ones, since the last order
	ticks  []time.Time            // of every step-th
	step   int
	turned bool
	change chan struct{}
}

// receive is the receiver's process: it says its address, and does what it is told until there is nothing more to read.
func receive(in io.Reader, out io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := &sink{change: make(chan struct{}, 1), came: map[string][]time.Time{}}
	go s.serve(l)
	say := json.NewEncoder(out)
	if err := say.Encode(l.Addr().String()); err != nil {
		return err
	}
	orders := json.NewDecoder(in)
	for {
		var o order
		if err := orders.Decode(&o); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		r, err := s.obey(o)
		if err != nil {
			r.Err = err.Error()
		}
		if err := say.Encode(r); err != nil {
			return err
		}
	}
}

func (s *sink) serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go s.talk(c)
	}
}

var (
	subjectMember = []byte(`"subject_id":"`)
	testEvent     = []byte(`"webhook_endpoint.tested"`)
)

func (s *sink) talk(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		at := time.Now()
		if !bytes.Contains(body, testEvent) {
			s.mu.Lock()
			turned := s.turned
			s.mu.Unlock()
			switch {
			case strings.HasPrefix(r.URL.Path, hangs), turned && strings.HasPrefix(r.URL.Path, turns):
				_, _ = io.Copy(io.Discard, c) // until they hang up
				return
			case strings.HasPrefix(r.URL.Path, dawdles):
				<-time.After(pace)
			}
			s.mark(r.URL, body, at)
		}
		if _, err := io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n"); err != nil {
			return
		}
	}
}

func (s *sink) mark(u *url.URL, body []byte, at time.Time) {
	_, rest, _ := bytes.Cut(body, subjectMember)
	subject, _, _ := bytes.Cut(rest, []byte{'"'})
	s.mu.Lock()
	if strings.HasPrefix(u.Path, answers) {
		if s.step == 0 { // a backlog's subjects are all the same
			s.came[string(subject)] = append(s.came[string(subject)], at)
		}
		s.total++
		if s.step > 0 && s.total%s.step == 0 {
			s.ticks = append(s.ticks, at)
		}
	}
	s.mu.Unlock()
	select {
	case s.change <- struct{}{}:
	default:
	}
}

func (s *sink) obey(o order) (report, error) {
	start := time.Now()
	s.mu.Lock()
	s.came, s.total, s.ticks, s.step = map[string][]time.Time{}, 0, nil, o.Wait/100
	s.turned = o.Turned
	s.mu.Unlock()
	if o.Load == "" && o.Wait == 0 {
		return report{}, nil
	}
	if o.Load == "" {
		return s.await(o, start)
	}
	acks, err := employers(o)
	if err != nil {
		return report{}, err
	}
	r := report{Acked: len(acks)}
	var last time.Time
	var all []time.Duration
	over := time.After(2 * time.Minute)
	for {
		all = all[:0]
		s.mu.Lock()
		for subject, acked := range acks {
			for _, at := range s.came[subject] {
				all = append(all, max(0, at.Sub(acked)))
				if at.After(last) {
					last = at
				}
			}
		}
		s.mu.Unlock()
		if len(all) >= o.Count*o.Each {
			break
		}
		select {
		case <-s.change:
			<-time.After(10 * time.Millisecond)
		case <-over:
			return r, fmt.Errorf("%d of %d deliveries came", len(all), o.Count*o.Each)
		}
	}
	if len(all) > o.Count*o.Each {
		return r, fmt.Errorf("%d deliveries came, not %d: some came twice", len(all), o.Count*o.Each)
	}
	if len(all) == 0 { // nothing was to come
		r.Took = time.Since(start)
		return r, nil
	}
	slices.Sort(all)
	r.All, r.P50, r.P99, r.Took = all, all[len(all)/2], all[len(all)*99/100], last.Sub(start)
	return r, nil
}

// await waits for a backlog; it gives up when nothing comes for a minute.
func (s *sink) await(o order, start time.Time) (report, error) {
	for {
		select {
		case <-s.change:
		case <-time.After(time.Minute):
			s.mu.Lock()
			defer s.mu.Unlock()
			return report{}, fmt.Errorf("%d of %d came, and then nothing more", s.total, o.Wait)
		}
		s.mu.Lock()
		if s.total >= o.Wait {
			r := report{}
			for _, at := range s.ticks {
				r.Arrived = append(r.Arrived, at.Sub(start))
			}
			r.Took = r.Arrived[len(r.Arrived)-1]
			s.mu.Unlock()
			return r, nil
		}
		s.mu.Unlock()
	}
}

// employers makes employers, and returns when each was acknowledged, by its id.
func employers(o order) (map[string]time.Time, error) {
	jobs := make(chan string) // whose turn it is
	var (
		mu   sync.Mutex
		acks = map[string]time.Time{}
		errs = make(chan error, *clients)
		wg   sync.WaitGroup
	)
	for range *clients {
		wg.Go(func() {
			if err := func() error {
				const body = `{"name":"Werkgever","kind":"profit","sector":"bouw"}`
				var (
					c  net.Conn
					in *bufio.Reader
				)
				for token := range jobs {
					if c == nil { // only now: a connection that says nothing for long is closed
						var err error
						if c, err = net.DialTimeout("tcp", o.Load, 5*time.Second); err != nil {
							return err
						}
						defer c.Close()
						in = bufio.NewReaderSize(c, 64<<10)
					}
					if _, err := fmt.Fprintf(c, "POST /v1/organisations HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
						o.Load, token, len(body), body); err != nil {
						return err
					}
					res, err := http.ReadResponse(in, nil)
					if err != nil {
						return err
					}
					at := time.Now()
					var made struct{ ID string }
					if err := json.NewDecoder(res.Body).Decode(&made); err != nil || res.StatusCode != http.StatusCreated {
						return fmt.Errorf("answered %s: %w", res.Status, err)
					}
					if _, err := io.Copy(io.Discard, res.Body); err != nil {
						return err
					}
					mu.Lock()
					acks[made.ID] = at
					mu.Unlock()
				}
				return nil
			}(); err != nil {
				errs <- err
			}
		})
	}
	start := time.Now()
	var err error
feed:
	for n := range o.Count {
		if o.Rate > 0 {
			<-time.After(time.Until(start.Add(time.Duration(float64(n) / o.Rate * float64(time.Second)))))
		}
		select {
		case jobs <- o.Tokens[n%len(o.Tokens)]:
		case err = <-errs:
			break feed
		}
	}
	close(jobs)
	wg.Wait()
	select {
	case err = <-errs:
	default:
	}
	return acks, err
}
