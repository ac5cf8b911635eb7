// Package fuzz calls an API as its OpenAPI document allows and as it forbids, and judges the answers; tests alone link it.
//
// It reads the document and nothing else: a new operation, parameter or member is tried without anybody adding it. Each
// request is one that ought to be right with one hostile value in one place, or one made at random of what the schemas
// allow. What fails is made smaller for as long as it still fails, and told as one line of curl.
package fuzz

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/switchingtalent/switchboard/internal/platform/openapi/check"
)

// Target is an API to be fuzzed.
type Target struct {
	Document []byte
	Handler  http.Handler
	// Token is the bearer token for an operation, by its operationId; empty for none.
	Token func(operation string) string
	// Furnish fills a world for an operation. It returns ids by their prefix ("org", and "org2" for another in the same
	// body), values of other parameters, and of ids in bodies, by name, and JSON of any other member of a body by "body " and its name
	// (nothing where it is left out), in one or more ways to put them together; what is missing is taken from the document's examples.
	Furnish func(operation string) []map[string]string
	// State is text that differs whenever something was changed for good. nil: not judged.
	State func() (string, error)
	// Said reports whether a refusal of this code (of a problem, or of one of its errors) is for what the document says
	// too: a request that keeps to the document is never refused so.
	Said func(code string) bool
	// Busy reports whether 503 with this problem's code is one that this target may answer now and then: such a request is sent again, and
	// its second answer counts. nil: none is.
	Busy func(code string) bool
	// Otherwise says why a member that is sent is answered otherwise, or not at all: "createClient /secret" → "is shown once". An item of a
	// list is "*", and so is any operation, or any member. " order" after it says it of a list's order alone, " others" of what a list holds
	// besides, and " null" of null, or an empty list, alone.
	Otherwise map[string]string
	// Never are texts that no answer may hold: what this caller must not see.
	Never []string
	// Fixed are parameters that are always sent so, in random requests: "listEvents wait" → "0".
	Fixed map[string]string
}

// Options say how much is tried.
type Options struct {
	Seed   uint64
	Values int                         // hostile values tried in one place, 0 for all
	Steps  int                         // random requests
	Most   int                         // requests with a hostile value for an operation, drawn from all; 0 for all of them
	Only   string                      // one operation, all when empty
	Among  func(operation string) bool // operations that are tried; nil: all
	Faults int                         // found at most, 0 for 20
	Now    time.Time                   // dates are made around it; the present when zero
	Until  func() bool                 // ends the run early, when it says true
	Told   func(line string)           // of what goes on; may be nil
}

// The kinds of faults.
const (
	Server   = "server"   // 5xx, or a panic
	Answer   = "answer"   // a status, header, member or type that is not documented
	Accepted = "accepted" // the document forbids what was accepted
	Refused  = "refused"  // the document allows what was refused
	State    = "state"    // what was refused changed something
	Retry    = "retry"    // the same Idempotency-Key did not answer the same
	Shown    = "shown"    // an answer holds what this caller must not see
	Lost     = "lost"     // what was accepted is not answered, or not read, as it was sent
)

// Fault is one thing that is wrong, with the smallest request that shows it.
type Fault struct {
	Kind, Operation string
	Value           string // what was tried, and where
	Why             string
	Curl            string
	Answer          string
}

// String tells a fault on three lines.
func (f Fault) String() string {
	return fmt.Sprintf("%s: %s: %s: %s\n\t%s\n\t%s", f.Operation, f.Kind, f.Value, f.Why, f.Curl, f.Answer)
}

// Report is what a run found.
type Report struct {
	Requests  int
	Succeeded map[string]int    // answers 2xx by operationId; 0 for an operation that was tried and never done
	Unreached []string          // operationIds of those that were not tried: the run ended before
	Tried     map[string]int    // hostile values by the member of a body that held them (as Members says it), of operations that were tried whole
	Retried   map[string]int    // what was done and then repeated with its Idempotency-Key, by operationId; 0 for what takes one and was not
	Otherwise map[string]int    // how often each of Target.Otherwise was so
	Busy      map[string]int    // 503 that the target may answer, by operationId; the request was sent again
	First     map[string]string // the answer to the request that ought to be right, or to the one that was to be repeated, by operationId, where it was refused
	Faults    []Fault
}

type runner struct {
	t       Target
	o       Options
	doc     *document
	checker *check.Checker
	m       *maker
	report  Report
	state   string
	known   map[string]bool // faults that were told
	keys    int
}

// Run fuzzes every operation in turn, and then as many random requests as asked for. The error is about the document or
// the target, not about what was found.
func Run(t Target, o Options) (Report, error) {
	doc, err := readDocument(t.Document)
	if err != nil {
		return Report{}, err
	}
	c, err := check.NewChecker(t.Document)
	if err != nil {
		return Report{}, err
	}
	if o.Faults == 0 {
		o.Faults = 20
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	r := &runner{t: t, o: o, doc: doc, checker: c, known: map[string]bool{}, report: Report{Succeeded: map[string]int{}, Tried: map[string]int{}, Retried: map[string]int{}, Busy: map[string]int{}, Otherwise: map[string]int{}, First: map[string]string{}},
		m: &maker{rng: rand.New(rand.NewPCG(o.Seed, 1)), seen: map[string][]string{}, fixed: t.Fixed, now: o.Now}}
	if o.Only != "" {
		doc.ops = slices.DeleteFunc(doc.ops, func(op *operation) bool { return op.id != o.Only })
	}
	if o.Among != nil {
		doc.ops = slices.DeleteFunc(doc.ops, func(op *operation) bool { return !o.Among(op.id) })
	}
	if len(doc.ops) == 0 {
		return Report{}, fmt.Errorf("fuzz: the document has no operation %q", o.Only)
	}
	for _, op := range doc.ops {
		if r.over() {
			r.report.Unreached = append(r.report.Unreached, op.id)
			continue
		}
		r.report.Succeeded[op.id] = 0
		if err := r.operation(op); err != nil {
			return r.report, err
		}
	}
	return r.report, r.random()
}

// Right makes the requests of operations that ought to be right, one for an operation and a world: those with which Run begins.
type Right struct{ r *runner }

// NewRight reads a document.
func NewRight(document []byte) (*Right, error) {
	doc, err := readDocument(document)
	if err != nil {
		return nil, err
	}
	return &Right{&runner{doc: doc, m: &maker{rng: rand.New(rand.NewPCG(1, 1)), seen: map[string][]string{}, now: time.Now()}}}, nil
}

// Request is that of an operation, by its operationId, in one of the worlds that Target.Furnish returns; it has no token.
func (r *Right) Request(ctx context.Context, operation string, world map[string]string) (*http.Request, error) {
	for _, op := range r.r.doc.ops {
		if op.id == operation {
			r.r.m.world = world
			b := r.r.base(op)
			return b.http(ctx, b.bytes())
		}
	}
	return nil, fmt.Errorf("fuzz: the document has no operation %q", operation)
}

func (r *runner) over() bool {
	return len(r.report.Faults) >= r.o.Faults || r.o.Until != nil && r.o.Until()
}

// base is the request of an operation that ought to be right: its examples, with ids of the world.
func (r *runner) base(op *operation) request {
	out := request{op: op}
	for _, p := range op.params {
		v := ""
		switch {
		case p.schema.prefixes != nil && r.m.world[p.schema.prefixes[0]] != "":
			v = r.m.world[p.schema.prefixes[0]]
		case r.m.world[p.name] != "":
			v = r.m.world[p.name]
		case p.schema.example != nil:
			v = parameter(p.schema.example)
		default:
			v = parameter(r.m.value(p.schema, 0))
		}
		switch {
		case p.in == "path":
			out.path = append(out.path, pair{p.name, v})
		case p.in == "query" && p.required:
			out.query = append(out.query, pair{p.name, v})
		case p.in == "header" && p.required:
			if p.name == "If-Match" { // whatever revision it is
				v = "*"
			}
			out.header = append(out.header, pair{p.name, v})
		}
	}
	out.media = op.json()
	if _, form := op.bodies[formType]; out.media == "" && form {
		out.media = formType
	}
	if s := op.bodies[out.media]; s != nil {
		out.body, out.hasBody = r.m.here(s, r.m.example(s), map[string]string{}), true
		if out.media == formType { // its fields are parameters too
			for name := range s.members {
				if v := r.m.world[name]; v != "" {
					object(out.body)[name] = v
				}
			}
		}
		for name := range s.members {
			if said, ok := r.m.world["body "+name]; ok {
				if said == "" {
					delete(object(out.body), name)
					continue
				}
				var v any
				d := json.NewDecoder(strings.NewReader(said))
				d.UseNumber()
				if err := d.Decode(&v); err != nil {
					panic(fmt.Sprintf("fuzz: body %s: %v", name, err)) // the furnisher's own
				}
				object(out.body)[name] = v
			}
		}
	}
	return out
}

// here puts ids of the world in the place of those of an example: "org" for the first that starts so, and "org2" for
// another.
func (m *maker) here(s *schema, v any, first map[string]string) any {
	switch t := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(t)) {
			if x := t[k]; s.members[k] != nil {
				t[k] = m.here(s.members[k], x, first)
				if mine := m.world[k]; mine != "" && s.members[k].prefixes != nil {
					t[k] = mine
				}
			}
		}
	case []any:
		for i, x := range t {
			if s.items != nil {
				t[i] = m.here(s.items, x, first)
			}
		}
	case string:
		if s.prefixes != nil && len(t) > 3 && m.world[t[:3]] != "" {
			if first[t[:3]] == "" {
				first[t[:3]] = t
			}
			if other := m.world[t[:3]+"2"]; other != "" && first[t[:3]] != t {
				return other
			}
			return m.world[t[:3]]
		}
	}
	return v
}

// operation tries one operation: as it ought to be, and then wrong in one place after another.
func (r *runner) operation(op *operation) error {
	var best request
	for i, world := range r.t.Furnish(op.id) {
		r.m.world = world
		b := r.base(op)
		if err := r.settle(); err != nil {
			return err
		}
		a, err := r.try(b)
		if err != nil {
			return err
		}
		if i == 0 || a.status < 300 {
			best = b
		}
		r.report.First[op.id] += a.String() + " "
		if a.status < 300 {
			delete(r.report.First, op.id)
			break
		}
	}
	requests := append(r.m.filled(best), r.m.hostiles(best, r.some)...)
	if s := op.bodies["application/json"]; s != nil && op.bodies["application/merge-patch+json"] != nil {
		other := best.clone()
		other.media = "application/json"
		requests = append(requests, other)
	}
	if r.o.Most > 0 && len(requests) > r.o.Most {
		r.m.rng.Shuffle(len(requests), func(i, j int) { requests[i], requests[j] = requests[j], requests[i] })
		requests = requests[:r.o.Most]
	}
	for _, x := range requests {
		if r.over() {
			return nil
		}
		if _, err := r.try(x); err != nil {
			return err
		}
		if x.at != "" {
			r.report.Tried[op.id+" "+x.at]++
		}
	}
	for _, at := range op.members() {
		r.report.Tried[op.id+" "+at] += 0
	}
	if err := r.otherMethods(best); err != nil {
		return err
	}
	return r.retries(op)
}

// some chooses hostile values of a place.
func (r *runner) some(n int) []int {
	p := r.m.rng.Perm(n)
	if r.o.Values > 0 && n > r.o.Values {
		p = p[:r.o.Values]
	}
	return p
}

func (r *runner) otherMethods(b request) error {
	for _, method := range []string{"PUT", "DELETE", "PATCH", "POST", "GET", "TRACE", "OPTIONS", "BREW"} {
		if slices.Contains(r.doc.methods[b.op.path], method) || len(b.path) == 0 && method == "GET" {
			continue
		}
		x := b.clone()
		x.method, x.want, x.note = method, either, "method "+method
		if _, err := r.try(x); err != nil {
			return err
		}
		if r.o.Values > 0 {
			return nil // one is enough for a short run
		}
	}
	return nil
}

// retries does an operation in a world of its own, repeats it with the same Idempotency-Key, and then sends something else with
// that key. A refusal is repeated too: it was not kept, so it is judged anew and changes nothing.
func (r *runner) retries(op *operation) error {
	if !slices.ContainsFunc(op.params, func(p param) bool { return p.name == "Idempotency-Key" }) || r.over() {
		return nil
	}
	r.report.Retried[op.id] += 0
	var b request
	var first answer
	for _, world := range r.t.Furnish(op.id) {
		r.m.world = world
		r.keys++
		b = r.base(op)
		b.note = "the same Idempotency-Key again"
		b.header = set(b.header, "Idempotency-Key", fmt.Sprintf("fuzz-%d-%d", r.o.Seed, r.keys))
		err := r.settle()
		if err != nil {
			return err
		}
		if first, err = r.send(b); err != nil {
			return err
		}
		if first.status < 300 {
			break
		}
	}
	again, err := r.send(b)
	if err != nil {
		return err
	}
	v, bad := r.judge(b, again)
	switch done := first.status < 300; {
	case bad:
		r.tell(b, v, again)
	case done && (again.status != first.status || !bytes.Equal(again.body, first.body) || again.changed):
		r.tell(b, verdict{Retry, "the same request with the same Idempotency-Key answers otherwise, or changes something again"}, again)
	case done && again.header.Get("Idempotency-Replayed") != "true", !done && again.header.Get("Idempotency-Replayed") != "":
		r.tell(b, verdict{Retry, fmt.Sprintf("after %d the repeated answer says that Idempotency-Replayed is %q", first.status, again.header.Get("Idempotency-Replayed"))}, again)
	case !done && again.status != first.status:
		r.tell(b, verdict{Retry, fmt.Sprintf("what was refused with %d is answered otherwise when it is repeated", first.status)}, again)
	}
	if first.status >= 300 {
		r.report.First[op.id] = first.String()
		return nil
	}
	r.report.Retried[op.id]++
	for _, x := range r.others(b) {
		x.note, x.want = "another request with the same Idempotency-Key", refused
		a, err := r.send(x)
		if err != nil {
			return err
		}
		if v, bad := r.judge(x, a); bad {
			if v.kind == Accepted {
				v = verdict{Retry, "another request with the same Idempotency-Key is accepted"}
			}
			r.tell(x, v, a)
		}
	}
	return r.settle()
}

// others are requests that are not the one before: with another query, and with another body that is as right as its own.
func (r *runner) others(b request) []request {
	x := b.clone()
	x.query = append(x.query, pair{"onbekend", "1"})
	out := []request{x}
	if s := b.op.bodies[b.media]; s != nil && b.hasBody {
		plain := *s
		plain.nullable = false
		for range 10 {
			x := b.clone()
			if x.body = r.m.value(&plain, 0); !bytes.Equal(x.bytes(), b.bytes()) {
				return append(out, x)
			}
		}
	}
	return out
}

// random sends requests that the document allows, in one world after another.
func (r *runner) random() error {
	for i := range r.o.Steps {
		if r.over() {
			return nil
		}
		op := r.doc.ops[r.m.rng.IntN(len(r.doc.ops))]
		if i%100 == 0 { // what ends is made anew
			worlds := r.t.Furnish("")
			r.m.world = worlds[r.m.rng.IntN(len(worlds))]
			if err := r.settle(); err != nil {
				return err
			}
		}
		x := r.allowed(op)
		x.note = "a random request"
		if _, err := r.try(x); err != nil {
			return err
		}
	}
	return nil
}

// allowed is a request at random that the document allows.
func (r *runner) allowed(op *operation) request {
	out := r.base(op)
	out.query = nil
	for _, p := range op.params {
		v, fixed := r.t.Fixed[op.id+" "+p.name]
		switch p.in {
		case "path":
			if p.schema.prefixes != nil {
				out.path = set(out.path, p.name, r.m.id(p.schema))
			} else if r.m.rng.IntN(4) == 0 {
				if text := parameter(r.m.value(p.schema, 0)); text != "" {
					out.path = set(out.path, p.name, text)
				}
			}
		case "query":
			if !p.required && r.m.rng.IntN(4) > 0 {
				continue
			}
			if !fixed {
				v = parameter(r.m.value(p.schema, 0))
			}
			if p.schema.typ == "array" && v == "" {
				continue // an empty list is not asked for
			}
			out.query = append(out.query, pair{p.name, v})
		}
	}
	if len(op.bodies) > 0 {
		media := slices.Sorted(maps.Keys(op.bodies))
		out.media = media[r.m.rng.IntN(len(media))]
		if out.hasBody = op.needsBody || r.m.rng.IntN(4) > 0; out.hasBody {
			plain := *op.bodies[out.media]
			plain.nullable = false
			out.body = r.m.value(&plain, 0)
		}
	}
	return out
}

// answer is what came back, and what the world looks like after it.
type answer struct {
	status   int
	header   http.Header
	body     []byte
	panicked any
	forbids  error        // what the document says against the request
	wrong    error        // what it says against the answer
	lost     []difference // from what was sent
	state    string
	changed  bool
}

func (a answer) String() string {
	body := strings.Join(strings.Fields(string(a.body)), " ")
	if len(body) > 600 {
		body = body[:600] + " …"
	}
	return fmt.Sprintf("→ %d %s", a.status, body)
}

func newBody(b []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(b)) }

// settle takes the present state of the world for the one before the next request.
func (r *runner) settle() (err error) {
	if r.t.State != nil {
		r.state, err = r.t.State()
	}
	return err
}

// send sends a request, and once more where the target is busy.
func (r *runner) send(x request) (answer, error) {
	a, err := r.once(x)
	if err == nil && a.status == http.StatusServiceUnavailable && r.busy(a) {
		r.report.Busy[x.op.id]++
		return r.once(x)
	}
	return a, err
}

func (r *runner) once(x request) (answer, error) {
	body := x.bytes()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // ends by itself, whatever happens
	defer cancel()
	req, err := x.http(ctx, body)
	if err != nil {
		return answer{}, err
	}
	if token := r.t.Token(x.op.id); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	rec := httptest.NewRecorder()
	var a answer
	func() {
		defer func() { a.panicked = recover() }()
		r.t.Handler.ServeHTTP(rec, req)
	}()
	r.report.Requests++
	a.status, a.header, a.body = rec.Code, rec.Header(), rec.Body.Bytes()
	a.forbids = r.checker.Refuses(req, body)
	if a.status < 300 {
		r.report.Succeeded[x.op.id]++
	}
	if err := r.checker.Check(req, body, a.status, a.header, a.body); err != nil && (a.status >= 300 || a.forbids == nil) {
		a.wrong = err
	}
	if a.status < 300 && json.Valid(a.body) {
		var v any
		if json.Unmarshal(a.body, &v) == nil {
			r.m.remember(v)
		}
	}
	if r.t.State != nil {
		before := r.state
		if err := r.settle(); err != nil {
			return a, err
		}
		a.state, a.changed = r.state, r.state != before
	}
	if a.status < 300 && a.forbids == nil {
		a.lost = r.lost(x, body, a)
	}
	return a, nil
}

type verdict struct{ kind, why string }

var varying = regexp.MustCompile(`[0-9]+|'[^']*'|"[^"]*"`)

// key is the same for the same fault with another value.
func (v verdict) key(x request) string {
	return x.op.id + " " + v.kind + " " + varying.ReplaceAllString(v.why, "…")
}

// judge says what is wrong with an answer, or nothing.
func (r *runner) judge(x request, a answer) (verdict, bool) {
	switch {
	case a.panicked != nil:
		return verdict{Server, fmt.Sprintf("panics: %v", a.panicked)}, true
	case a.status >= 500:
		return verdict{Server, fmt.Sprintf("answers %d", a.status)}, true
	case r.shown(a) != "":
		return verdict{Shown, "shows " + r.shown(a)}, true
	case a.status < 300 && x.want == refused:
		return verdict{Accepted, "accepts what nobody may send"}, true
	case a.status < 300 && x.want == byDocument && a.forbids != nil:
		return verdict{Accepted, "accepts what the document forbids: " + a.forbids.Error()}, true
	case a.wrong != nil && !(errors.Is(a.wrong, check.ErrNoOperation) && x.method == http.MethodOptions):
		return verdict{Answer, a.wrong.Error()}, true
	case a.status >= 400 && a.changed:
		return verdict{State, "is refused, and changed something"}, true
	case x.want == byDocument && a.forbids == nil && a.status >= 400:
		if why := r.saidToo(a); why != "" {
			return verdict{Refused, "the document allows it: " + why}, true
		}
	}
	for _, d := range a.lost { // those that were told hide no other
		if v := (verdict{Lost, d.why}); !r.known[v.key(x)] {
			return v, true
		}
	}
	return verdict{}, false
}

// shown is what an answer holds that this caller must not see.
func (r *runner) shown(a answer) string {
	for _, never := range r.t.Never {
		if bytes.Contains(a.body, []byte(never)) {
			return never
		}
	}
	return ""
}

// saidToo says why a refusal is for what the document ought to say, or nothing where it is a rule of the domain.
func (r *runner) saidToo(a answer) string {
	if !slices.Contains([]int{http.StatusBadRequest, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity}, a.status) {
		return ""
	}
	var p struct {
		Code   string
		Errors []struct{ Pointer, Parameter, Code, Detail string }
	}
	if json.Unmarshal(a.body, &p) != nil || !r.t.Said(p.Code) {
		return ""
	}
	for _, e := range p.Errors {
		if r.t.Said(e.Code) {
			return fmt.Sprintf("%s%s %s (%s)", e.Pointer, e.Parameter, e.Detail, e.Code)
		}
	}
	if len(p.Errors) > 0 {
		return ""
	}
	return p.Code
}

// try sends a request, and tells what is wrong with how it was answered.
func (r *runner) try(x request) (answer, error) {
	a, err := r.send(x)
	if errors.Is(err, errUnsendable) {
		return a, nil
	}
	if err != nil {
		return a, err
	}
	v, bad := r.judge(x, a)
	if !bad || r.known[v.key(x)] {
		return a, nil
	}
	x, v, a, err = r.shrink(x, v, a)
	if err != nil {
		return a, err
	}
	r.tell(x, v, a)
	return a, nil
}

// busy reports whether the target may answer this 503 now and then.
func (r *runner) busy(a answer) bool {
	var p struct{ Code string }
	return r.t.Busy != nil && json.Unmarshal(a.body, &p) == nil && r.t.Busy(p.Code)
}

func (r *runner) tell(x request, v verdict, a answer) {
	if r.known[v.key(x)] {
		return
	}
	r.known[v.key(x)] = true
	f := Fault{v.kind, x.op.id, x.note, v.why, x.curl(r.t.Token(x.op.id) != ""), a.String()}
	r.report.Faults = append(r.report.Faults, f)
	if r.o.Told != nil {
		r.o.Told(f.String())
	}
}
