package main

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// pocketBaseVersion is the newest that this version of Go builds.
const pocketBaseVersion = "v0.39.7"

// pocketBaseSource is a program around PocketBase: the same rows, an API rule that keeps tenants apart, a user for each.
//
//go:embed pocketbase.go.txt
var pocketBaseSource []byte

// pocketBase is the peer: PocketBase with its own defaults, on the same machine, asked by the same load generator.
type pocketBase struct {
	address string
	callers []caller
	cmd     *exec.Cmd
}

// startPocketBase builds PocketBase in a directory of its own, fills it, and serves it on loopback until stop is called.
// The first time it takes minutes and the network.
func startPocketBase(ctx context.Context, dir string) (p *pocketBase, stop func(), err error) {
	at := filepath.Join(dir, "pocketbase")
	if err := os.Mkdir(at, 0o755); err != nil {
		return nil, nil, err
	}
	for name, text := range map[string][]byte{"main.go": pocketBaseSource, "go.mod": []byte("module bench\n\ngo 1.26.0\n")} {
		if err := os.WriteFile(filepath.Join(at, name), text, 0o600); err != nil {
			return nil, nil, err
		}
	}
	fmt.Fprintln(os.Stderr, "building PocketBase", pocketBaseVersion)
	for _, args := range [][]string{{"get", "github.com/pocketbase/pocketbase@" + pocketBaseVersion}, {"build", "-trimpath", "-o", "served", "."}} {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir, cmd.Env = at, append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, nil, fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") // to find a free port
	if err != nil {
		return nil, nil, err
	}
	p = &pocketBase{address: l.Addr().String()}
	if err := l.Close(); err != nil {
		return nil, nil, err
	}
	p.cmd = exec.Command(filepath.Join(at, "served"), filepath.Join(at, "data"), p.address, strconv.Itoa(tenants), strconv.Itoa(organisationsPer))
	p.cmd.Stderr = io.Discard
	in, err := p.cmd.StdinPipe() // it ends when this closes
	if err != nil {
		return nil, nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, nil, err
	}
	stop = func() {
		_ = in.Close()
		_ = p.cmd.Wait()
	}
	var said []struct {
		Tenant, Token string
		IDs           []string
	}
	if err := json.NewDecoder(bufio.NewReader(out)).Decode(&said); err != nil {
		stop()
		return nil, nil, fmt.Errorf("PocketBase said nothing of its rows: %w", err)
	}
	for _, s := range said {
		p.callers = append(p.callers, caller{name: s.Tenant, token: s.Token, ids: s.IDs})
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		_, body, err := timed(p.address, p.callers[0].token, []string{p.listPath(p.callers[0])})
		var page struct{ Items []json.RawMessage }
		if err == nil && json.Unmarshal(body, &page) == nil && len(page.Items) == 50 {
			return p, stop, nil
		}
		if time.Now().After(deadline) {
			stop()
			return nil, nil, fmt.Errorf("PocketBase does not serve a list of 50: %w %s", err, body)
		}
	}
}

const records = "/api/collections/organisations/records"

// listPath names the tenant although the rule does so too: with the rule alone it reads every row.
func (p *pocketBase) listPath(c caller) string {
	return records + "?perPage=50&skipTotal=1&sort=id&filter=(tenant%3D%27" + c.name + "%27)"
}

func (p *pocketBase) get(c caller) string {
	return "GET " + records + "/" + c.ids[rand.IntN(len(c.ids))]
}
func (p *pocketBase) list(c caller) string { return "GET " + p.listPath(c) }
func (p *pocketBase) create(c caller) string {
	return "POST " + records + ` {"tenant":"` + c.name + `","name":"Werkgever","kind":"profit","sector":"bouw","stage":"informed","revision":1}`
}

// cpu is what its process used so far, in microseconds.
func (p *pocketBase) cpu() float64 { return processCPU(p.cmd.Process.Pid) }

// measure asks PocketBase; all of its CPU is the server's, which holds the database.
func (p *pocketBase) measure(st *stage, request func(caller) string) func() (result, error) {
	return func() (result, error) {
		return st.measureAt(p.address, p.callers, request, func() (float64, float64) { return p.cpu(), 0 })
	}
}
