package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/switchingtalent/switchboard/internal/platform/id"
)

// pgbench runs a script for the time of a measurement and returns the transactions it made. The CPU of pgbench itself is
// its server's.
func (st *stage) pgbench(script string) (result, error) {
	file := filepath.Join(st.dir, "script.sql")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		return result{}, err
	}
	cmd := exec.Command(filepath.Join(st.bin, "pgbench"), "-n", "-M", "prepared", "-f", file, "-c", strconv.Itoa(*clients), "-j", "2", "-T", strconv.Itoa(*seconds), st.server.SuperURL("switchboard"))
	before := st.databaseCPU()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return result{}, fmt.Errorf("pgbench: %w\n%s", err, out)
	}
	r := result{databaseCPU: st.databaseCPU() - before,
		serverCPU: float64((cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Microseconds())}
	m := regexp.MustCompile(`transactions actually processed: (\d+)`).FindSubmatch(out)
	if m == nil {
		return result{}, fmt.Errorf("pgbench said nothing of transactions:\n%s", out)
	}
	if r.done, err = strconv.Atoi(string(m[1])); err != nil {
		return result{}, err
	}
	t := regexp.MustCompile(`tps = ([0-9.]+)`).FindSubmatch(out)
	if t == nil {
		return result{}, fmt.Errorf("pgbench said nothing of its speed:\n%s", out)
	}
	tps, err := strconv.ParseFloat(string(t[1]), 64)
	r.took = time.Duration(float64(r.done) / tps * float64(time.Second))
	return r, err
}

func (st *stage) pgbenchGet() (result, error) {
	return st.pgbench(`\set t random(0, ` + strconv.Itoa(tenants-1) + `)
\set n random(1, ` + strconv.Itoa(organisationsPer) + `)
select * from organisations where tenant_id = (select tenant_id from bench_ids where t = :t and n = :n) and id = (select id from bench_ids where t = :t and n = :n);
`)
}

func (st *stage) pgbenchCreate() (result, error) {
	return st.pgbench(`\set t random(0, ` + strconv.Itoa(tenants-1) + `)
begin;
select set_config('app.tenant_id', tenant_id::text, true), set_config('app.scope', 'tenant', true) from bench_ids where t = :t and n = 1;
insert into organisations (tenant_id, id, name, kind, sector, created_at, updated_at, changed_by, request_id)
	select cur_tenant(), gen_random_uuid(), 'Werkgever', 'profit', 'bouw', now(), now(), 'bench', 'bench';
with f as (insert into events (tenant_id, id, type, subject_id, subject, revision, organisation_ids, medewerker_ids, data, occurred_at, actor, request_id)
	select cur_tenant(), gen_random_uuid(), 'organisation.created', gen_random_uuid(), 'org_x', 1, '{}', '{}', '{}', now(), 'bench', 'bench' returning id),
d as (insert into webhook_deliveries (tenant_id, event_id, endpoint_id, type, created_at, next_attempt_at)
	select e.tenant_id, f.id, e.id, 'organisation.created', now(), now() from webhook_endpoints e, f where e.tenant_id = cur_tenant() returning id, tenant_id, endpoint_id)
insert into platform.delivery_queue (delivery_id, tenant_id, endpoint_id, due_at) select id, tenant_id, endpoint_id, now() from d;
commit;
`)
}

func (st *stage) get() (result, error) {
	return st.measure(st.base, func(c caller) string {
		return "GET /v1/organisations/" + c.ids[rand.IntN(len(c.ids))]
	})
}

func (st *stage) list() (result, error) {
	return st.measure(st.base, func(caller) string { return "GET /v1/organisations?limit=50" })
}

func (st *stage) rawList() (result, error) {
	return st.measure(st.raw, func(c caller) string { return "GET /" + c.tenant.String() })
}

func (st *stage) create() (result, error) {
	return st.measure(st.base, func(caller) string {
		return `POST /v1/organisations {"name":"Werkgever","kind":"profit","sector":"bouw"}`
	})
}

// measure lets a child process send requests to this one, and counts what they cost here and in the database.
func (st *stage) measure(address string, request func(caller) string) (result, error) {
	return st.measureAt(address, st.callers, request, func() (float64, float64) { return ownCPU(), st.databaseCPU() })
}

// measureAt lets a child process send requests; used says what server and database used so far.
func (st *stage) measureAt(address string, callers []caller, request func(caller) string, used func() (server, database float64)) (result, error) {
	self, err := os.Executable()
	if err != nil {
		return result{}, err
	}
	var script strings.Builder // tokens and requests to draw from
	for range 2000 {
		c := callers[rand.IntN(len(callers))]
		fmt.Fprintf(&script, "%s\t%s\n", c.token, request(c))
	}
	cmd := exec.Command(self, "-load", address, "-clients", strconv.Itoa(*clients), "-seconds", strconv.Itoa(*seconds))
	cmd.Stdin, cmd.Stderr = strings.NewReader(script.String()), os.Stderr
	server, database := used()
	out, err := cmd.Output()
	if err != nil {
		return result{}, err
	}
	nowServer, nowDatabase := used()
	r := result{serverCPU: nowServer - server, databaseCPU: nowDatabase - database,
		loadCPU: float64((cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Microseconds())}
	var nanos int64
	if _, err := fmt.Sscan(string(out), &r.done, &nanos); err != nil || r.done == 0 {
		return result{}, fmt.Errorf("the load generator said %q", out)
	}
	r.took = time.Duration(nanos)
	return r, nil
}

// ownCPU is what this process used so far, in microseconds.
func ownCPU() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it cannot fail for ourselves
	}
	return float64(u.Utime.Sec+u.Stime.Sec)*1e6 + float64(u.Utime.Usec+u.Stime.Usec)
}

// databaseCPU is what the processes of the database used so far, in microseconds, by /proc.
func (st *stage) databaseCPU() float64 {
	var used float64
	ended := map[string]bool{} // whose children that are gone were counted
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, d := range dirs {
		line, err := os.ReadFile(filepath.Join(d, "cmdline"))
		if err != nil || !strings.HasPrefix(string(line), "postgres: ") {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(d))
		if err != nil {
			continue
		}
		f := processStat(pid)
		if len(f) < 2 {
			continue
		}
		if parent, err := os.ReadFile("/proc/" + f[1] + "/cmdline"); err != nil || !strings.Contains(string(parent), st.dir) {
			continue // another server's
		}
		used += processCPU(pid)
		if !ended[f[1]] {
			ended[f[1]] = true
			if parent, err := strconv.Atoi(f[1]); err == nil {
				used += ticksOf(parent, 13, 14) // cutime, cstime: backends that a client has left
			}
		}
	}
	return used
}

// processStat are the fields of /proc/PID/stat from the state on; none when it is gone.
func processStat(pid int) []string {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return nil
	}
	return strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
}

// processCPU is what a process used so far, in microseconds: its utime and stime.
func processCPU(pid int) float64 { return ticksOf(pid, 11, 12) }

// ticksOf adds fields of /proc/PID/stat that count ticks of 10 ms, in microseconds.
func ticksOf(pid int, fields ...int) float64 {
	f := processStat(pid)
	var ticks float64
	for _, i := range fields {
		if i < len(f) {
			t, _ := strconv.ParseFloat(f[i], 64)
			ticks += t
		}
	}
	return ticks * 1e4
}

// generate is the load generator: it draws requests and sends them over kept connections until its time is over, then
// says how many were answered 2xx and how long that took. Anything else is an error.
func generate(address, _ string, in io.Reader, out io.Writer) error {
	requests, err := readRequests(address, in)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(*seconds)*time.Second)
	defer cancel()
	var done atomic.Int64
	var wait sync.WaitGroup
	errs := make(chan error, *clients)
	start := time.Now()
	for range *clients {
		wait.Add(1)
		go func() {
			defer wait.Done()
			if err := send(ctx, address, requests, &done); err != nil {
				errs <- err
			}
		}()
	}
	wait.Wait()
	took := time.Since(start)
	select {
	case err := <-errs:
		return err
	default:
	}
	_, err = fmt.Fprintln(out, done.Load(), took.Nanoseconds())
	return err
}

// readRequests reads tokens and requests, one a line, as they go over the wire.
func readRequests(address string, in io.Reader) ([][]byte, error) {
	var requests [][]byte
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 1<<20), 1<<20)
	for lines.Scan() {
		bearer, rest, _ := strings.Cut(lines.Text(), "\t")
		method, rest, _ := strings.Cut(rest, " ")
		path, body, _ := strings.Cut(rest, " ")
		r := method + " " + path + " HTTP/1.1\r\nHost: " + address + "\r\nAuthorization: Bearer " + bearer + "\r\n"
		if body != "" {
			r += "Content-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n"
		}
		requests = append(requests, []byte(r+"\r\n"+body))
	}
	if len(requests) == 0 {
		return nil, fmt.Errorf("no requests")
	}
	return requests, lines.Err()
}

func send(ctx context.Context, address string, requests [][]byte, done *atomic.Int64) error {
	c, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	r := bufio.NewReaderSize(c, 64<<10)
	for ctx.Err() == nil {
		if _, err := c.Write(requests[rand.IntN(len(requests))]); err != nil {
			return err
		}
		if err := receiveAnswer(r); err != nil {
			return err
		}
		done.Add(1)
	}
	return nil
}

// receiveAnswer reads one answer and no more of it than it needs: the generator shares the machine with what it measures.
func receiveAnswer(r *bufio.Reader) error {
	status, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if len(status) < 12 || status[9] != '2' {
		return fmt.Errorf("answered %q", status)
	}
	length := -1
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		if text, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(text))); err != nil {
				return err
			}
		}
	}
	if length < 0 { // chunked
		_, err := io.Copy(io.Discard, httputil.NewChunkedReader(r))
		if err == nil {
			_, err = r.Discard(2) // the line end after the last chunk
		}
		return err
	}
	_, err = r.Discard(length)
	return err
}

// rawHandler is the floor of a list: the same employers with the same members, by pgx, a struct and encoding/json, and nothing
// else: no tokens, no tenants but in the path, no paging.
func rawHandler(pool *pgxpool.Pool) http.Handler {
	type row struct {
		ID               string    `json:"id"`
		Name             string    `json:"name"`
		EnterpriseNumber *string   `json:"enterprise_number"`
		Kind             string    `json:"kind"`
		Sector           string    `json:"sector"`
		Workforce        *string   `json:"workforce"`
		Headcount        *int      `json:"headcount"`
		Stage            string    `json:"stage"`
		ExternalIDs      []any     `json:"external_ids"`
		Maatwerkbedrijf  bool      `json:"maatwerkbedrijf"`
		SectorGroup      *string   `json:"sector_group"`
		SME              *bool     `json:"sme"`
		WillingToSend    *bool     `json:"willing_to_send"`
		WillingToHost    *bool     `json:"willing_to_host"`
		MergedIntoID     *string   `json:"merged_into_id"`
		Revision         int64     `json:"revision"`
		CreatedAt        time.Time `json:"created_at"`
		UpdatedAt        time.Time `json:"updated_at"`
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rows, err := pool.Query(r.Context(), `select id, name, enterprise_number, kind, sector, workforce, headcount, stage, external_ids, maatwerkbedrijf, sector_group,
				sme, willing_to_send, willing_to_host, merged_into_id, revision, created_at, updated_at
			from organisations where tenant_id = $1 order by tenant_id, id limit 50`, strings.TrimPrefix(r.URL.Path, "/"))
		if err != nil {
			http.Error(w, "", http.StatusInternalServerError)
			return
		}
		out := make([]row, 0, 50)
		for rows.Next() {
			var x row
			var key uuid.UUID
			var into *uuid.UUID
			if err := rows.Scan(&key, &x.Name, &x.EnterpriseNumber, &x.Kind, &x.Sector, &x.Workforce, &x.Headcount, &x.Stage, &x.ExternalIDs, &x.Maatwerkbedrijf,
				&x.SectorGroup, &x.SME, &x.WillingToSend, &x.WillingToHost, &into, &x.Revision, &x.CreatedAt, &x.UpdatedAt); err != nil {
				http.Error(w, "", http.StatusInternalServerError)
				return
			}
			x.ID = id.OrganisationID(key).String()
			if into != nil {
				other := id.OrganisationID(*into).String()
				x.MergedIntoID = &other
			}
			if x.SME == nil && x.Headcount != nil {
				small := x.Kind != "public" && *x.Headcount < 250
				x.SME = &small
			}
			x.CreatedAt, x.UpdatedAt = x.CreatedAt.UTC(), x.UpdatedAt.UTC()
			out = append(out, x)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"data": out})
	})
}

// sameList says whether the floor's list holds what ours does.
func (st *stage) sameList() error {
	c := st.callers[0]
	data := func(address, path string) (string, error) {
		_, body, err := timed(address, c.token, []string{path})
		var list struct{ Data json.RawMessage }
		if err == nil {
			err = json.Unmarshal(body, &list)
		}
		return string(list.Data), err
	}
	ours, err := data(st.base, "/v1/organisations?limit=50")
	if err != nil {
		return err
	}
	floor, err := data(st.raw, "/"+c.tenant.String())
	if err == nil && (ours != floor || len(ours) < 1000) {
		err = errors.New("the floor of a list answers something else than ours")
	}
	return err
}

// timed sends requests one after the other over one kept connection, as a caller nearby would, and returns how long each
// took from the first byte sent to the last byte read, with the last answer.
func timed(address, token string, paths []string) (took []time.Duration, last []byte, err error) {
	c, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return nil, nil, err
	}
	defer c.Close()
	r := bufio.NewReaderSize(c, 64<<10)
	for _, path := range paths {
		start := time.Now()
		if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", path, address, token); err != nil {
			return nil, nil, err
		}
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			return nil, nil, err
		}
		if last, err = io.ReadAll(res.Body); err != nil {
			return nil, nil, err
		}
		took = append(took, time.Since(start))
		if res.StatusCode != http.StatusOK {
			return nil, nil, fmt.Errorf("%s answered %s: %s", path, res.Status, last)
		}
	}
	return took, last, nil
}
