package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/switchingtalent/switchboard/internal/app"
	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/id"
	"github.com/switchingtalent/switchboard/internal/platform/web"
)

// What stands against what: a tenant that asks at a steady pace, while another asks far more than it may.
const (
	steadyRate  = 100  // requests a second of the one
	stormRate   = 2000 // of the other, who may make a hundred
	steadyConns = 8
	stormConns  = 32
	manyClients = 32 // of one tenant, each within its limit
)

// defaultLimit is what a client may do when nobody says otherwise.
var defaultLimit = web.Limit{Requests: 6000, Window: time.Minute}

// storms measures what one tenant's storm does to another's p99, with and without the storm in turns.
func storms(ctx context.Context) error {
	clientLimit = defaultLimit
	st, stop, err := prepare(ctx, (*stage).fillStorm)
	if err != nil {
		return err
	}
	defer stop()
	calm, storm := st.callers[0], st.callers[1]
	gets := func(c caller) string {
		var b strings.Builder
		for _, o := range c.ids {
			fmt.Fprintf(&b, "%s\tGET /v1/organisations/%s\n", c.token, o)
		}
		return b.String()
	}
	var lists strings.Builder
	for _, c := range st.callers[2:] {
		fmt.Fprintf(&lists, "%s\tGET /v1/organisations?limit=100\n", c.token)
	}
	kinds := []struct {
		name, script string
		rate         int
		bar          string
	}{
		{fmt.Sprintf("one client, %d a second where it may make %d", stormRate, defaultLimit.Requests/60), gets(storm), stormRate, "≤ 1.20"},
		{fmt.Sprintf("%d clients of one tenant, each within its limit, lists of 100", manyClients), lists.String(), manyClients * 10, "≤ 1.20"},
	}
	// The first storm begins with its burst: afterwards it is over its limit for good.
	if _, err := st.paced(gets(storm), stormConns, 100_000, 3+*seconds); err != nil {
		return err
	}
	fmt.Printf("\n%d requests a second beside a storm, %d rounds of %d s, over all rounds [lowest–highest of a round]\n\n", steadyRate, *rounds, *seconds)
	fmt.Println("| storm | p99 with / without | bar | p50 without, with | p99 without, with | storm: answered, refused a second | server CPU µs per request of the storm |")
	fmt.Println("|---|---|---|---|---|---|---|")
	for _, k := range kinds {
		var ratio, answered, over, each []float64
		var without, with seen // of all rounds together: a round's p99 is its third or fourth worst
		for r := range *rounds {
			fmt.Fprintf(os.Stderr, "round %d of %d: %s\n", r+1, *rounds, k.name)
			var quiet, loud seen
			var quietCPU, loudCPU float64
			var fury seen
			for i := range 2 {
				before := ownCPU()
				if (i+r)%2 == 0 { // who goes first alternates
					if quiet, err = st.paced(gets(calm), steadyConns, steadyRate, *seconds); err != nil {
						return err
					}
					quietCPU = ownCPU() - before
					continue
				}
				var wait sync.WaitGroup
				var failed error
				wait.Go(func() { fury, failed = st.paced(k.script, stormConns, k.rate, *seconds) })
				loud, err = st.paced(gets(calm), steadyConns, steadyRate, *seconds)
				wait.Wait()
				if err := errors.Join(err, failed); err != nil { // either may be the only one
					return fmt.Errorf("under the storm: %w", err)
				}
				loudCPU = ownCPU() - before
			}
			if quiet.Over+loud.Over > 0 {
				return fmt.Errorf("the steady tenant was refused")
			}
			ratio = append(ratio, loud.at(99)/quiet.at(99))
			without.Micros, with.Micros = append(without.Micros, quiet.Micros...), append(with.Micros, loud.Micros...)
			answered, over = append(answered, float64(len(fury.Micros))/fury.Seconds), append(over, float64(fury.Over)/fury.Seconds)
			each = append(each, (loudCPU-quietCPU)/float64(fury.Over+len(fury.Micros)))
		}
		slices.Sort(without.Micros)
		slices.Sort(with.Micros)
		fmt.Printf("| %s | **%.2f** [%.2f–%.2f] | %s | %.1f, %.1f ms | %.1f, %.1f ms | %.0f, %.0f | %.0f |\n", k.name, with.at(99)/without.at(99), slices.Min(ratio), slices.Max(ratio), k.bar,
			without.at(50)/1e3, with.at(50)/1e3, without.at(99)/1e3, with.at(99)/1e3, median(answered), median(over), median(each))
	}
	return nil
}

// fillStorm makes the tenants of fill, and of the last one many clients.
func (st *stage) fillStorm(ctx context.Context, a *app.App) error {
	if err := st.fill(ctx, a); err != nil {
		return err
	}
	st.callers = st.callers[:2]
	for range manyClients {
		p := auth.Principal{TenantID: id.TenantID(st.callers[1].tenant), ClientID: id.NewClient(), Role: auth.Coordinator, Scopes: auth.Of(auth.Coordinator)}
		text, err := a.Tokens.Sign(p, time.Now())
		if err != nil {
			return err
		}
		st.callers = append(st.callers, caller{tenant: st.callers[1].tenant, token: text})
	}
	return nil
}

// seen is what a process that sends at a fixed pace saw.
type seen struct {
	Seconds float64
	Over    int     // answered 429
	Micros  []int64 // of every other answer, from when it was to be sent; sorted
}

// at is a percentile in microseconds.
func (p seen) at(percent int) float64 {
	if len(p.Micros) == 0 {
		return 0
	}
	return float64(p.Micros[min(len(p.Micros)-1, len(p.Micros)*percent/100)])
}

// paced lets a child process send requests of the script.
func (st *stage) paced(script string, conns, perSecond, seconds int) (seen, error) {
	var p seen
	self, err := os.Executable()
	if err != nil {
		return p, err
	}
	cmd := exec.Command(self, "-load", st.base, "-rate", strconv.Itoa(perSecond), "-clients", strconv.Itoa(conns), "-seconds", strconv.Itoa(seconds))
	cmd.Stdin, cmd.Stderr = strings.NewReader(script), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return p, err
	}
	return p, json.Unmarshal(out, &p)
}

// keepPace sends requests at a fixed pace over kept connections until its time is over, and says how long each took from the
// moment at which it was to be sent: what waits for a slow answer counts too. What cannot be sent in time is left out
// once a second behind.
func keepPace(address string, perSecond int, in io.Reader, out io.Writer) error {
	requests, err := readRequests(address, in)
	if err != nil {
		return err
	}
	var (
		mu    sync.Mutex
		p     seen
		wait  sync.WaitGroup
		fault error
		start = time.Now()
		end   = start.Add(time.Duration(*seconds) * time.Second)
		step  = time.Duration(*clients) * time.Second / time.Duration(perSecond)
	)
	for i := range *clients {
		wait.Go(func() {
			over, took, err := keep(address, requests, start.Add(step*time.Duration(i)/time.Duration(*clients)), end, step)
			mu.Lock()
			defer mu.Unlock()
			p.Over, p.Micros = p.Over+over, append(p.Micros, took...)
			if err != nil {
				fault = err
			}
		})
	}
	wait.Wait()
	if fault != nil {
		return fault
	}
	p.Seconds = time.Since(start).Seconds()
	slices.Sort(p.Micros)
	return json.NewEncoder(out).Encode(p)
}

func keep(address string, requests [][]byte, due, end time.Time, step time.Duration) (over int, took []int64, err error) {
	c, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return 0, nil, err
	}
	defer c.Close()
	r := bufio.NewReaderSize(c, 64<<10)
	for ; due.Before(end); due = due.Add(step) {
		if late := time.Since(due); late > time.Second {
			due = due.Add(late.Truncate(step))
		}
		<-time.After(time.Until(due))
		if _, err := c.Write(requests[rand.IntN(len(requests))]); err != nil {
			return over, took, err
		}
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			return over, took, err
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			return over, took, err
		}
		switch {
		case res.StatusCode == http.StatusTooManyRequests:
			over++
		case res.StatusCode/100 == 2:
			took = append(took, time.Since(due).Microseconds())
		default:
			return over, took, fmt.Errorf("answered %s", res.Status)
		}
	}
	return over, took, nil
}
