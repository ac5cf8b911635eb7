package main

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/switchingtalent/switchboard/internal/matching/assign"
)

// readDIMACS reads a min-cost flow problem in the DIMACS format (First DIMACS Implementation Challenge, 1991): `p min n m`,
// `n id supply`, `a from to low capacity cost`. A negative capacity means none, as LEMON reads it. Errors name the line.
func readDIMACS(in io.Reader) (*assign.Flow, error) {
	r := reader{in: bufio.NewReaderSize(in, 1<<20), line: 1}
	f := &assign.Flow{}
	nodes, arcs := int64(-1), int64(0)
	for {
		kind, ok := r.start()
		if !ok {
			break
		}
		switch {
		case kind == 'c':
		case kind == 'p' && nodes < 0:
			r.word("min")
			nodes, arcs = r.number(), r.number()
			if r.err == nil && (nodes < 0 || arcs < 0 || nodes > math.MaxInt32/2 || arcs > math.MaxInt32/2) {
				return nil, fmt.Errorf("line %d: %d nodes and %d arcs", r.line, nodes, arcs)
			}
			if r.err == nil {
				// What a file only claims is not worth more memory than this; it grows when it comes.
				room := min(arcs, 1<<22)
				f.Supply = make([]int64, nodes)
				f.From, f.To = make([]int32, 0, room), make([]int32, 0, room)
				f.Capacity, f.Cost = make([]int64, 0, room), make([]int64, 0, room)
			}
		case nodes < 0:
			return nil, fmt.Errorf("line %d: the first line that is no comment must be `p min NODES ARCS`", r.line)
		case kind == 'n':
			v, supply := r.node(nodes), r.number()
			if r.err == nil {
				f.Supply[v] = supply
			}
		case kind == 'a':
			u, v := r.node(nodes), r.node(nodes)
			low, capacity, cost := r.number(), r.number(), r.number()
			if capacity < 0 {
				capacity = assign.Endless
			}
			if low != 0 && f.Low == nil {
				f.Low = make([]int64, len(f.From), cap(f.From))
			}
			if f.Low != nil {
				f.Low = append(f.Low, low)
			}
			f.From, f.To = append(f.From, int32(u)), append(f.To, int32(v))
			f.Capacity, f.Cost = append(f.Capacity, capacity), append(f.Cost, cost)
		default:
			return nil, fmt.Errorf("line %d: %q begins no line of a min-cost flow problem", r.line, kind)
		}
		if kind != 'c' {
			r.end()
		}
		if r.err != nil {
			return nil, fmt.Errorf("line %d: %w", r.line, r.err)
		}
		r.skipLine()
	}
	switch {
	case r.err != nil:
		return nil, r.err
	case nodes < 0:
		return nil, fmt.Errorf("there is no line `p min NODES ARCS`")
	case int64(len(f.From)) != arcs:
		return nil, fmt.Errorf("%d arcs are announced, %d follow", arcs, len(f.From))
	}
	return f, nil
}

// reader reads numbers without making strings of them.
type reader struct {
	in   *bufio.Reader
	line int
	err  error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// peek is the next byte, or a line's end.
func (r *reader) peek() byte {
	b, err := r.in.ReadByte()
	if err != nil {
		if err != io.EOF {
			r.fail("%w", err)
		}
		return '\n'
	}
	_ = r.in.UnreadByte() // a byte was read
	return b
}

// start goes to the first letter of the next line that has one.
func (r *reader) start() (byte, bool) {
	for r.err == nil {
		b, err := r.in.ReadByte()
		switch {
		case err == io.EOF:
			return 0, false
		case err != nil:
			r.err = err
		case b == '\n':
			r.line++
		case b == ' ' || b == '\t' || b == '\r':
		default:
			return b, true
		}
	}
	return 0, false
}

func (r *reader) blanks() {
	for {
		switch r.peek() {
		case ' ', '\t', '\r':
			_, _ = r.in.Discard(1) // peek saw it
		default:
			return
		}
	}
}

func (r *reader) word(want string) {
	r.blanks()
	for i := range len(want) {
		if b, err := r.in.ReadByte(); err != nil || b != want[i] {
			r.fail("the problem is not of the kind %q", want)
			return
		}
	}
}

func (r *reader) number() int64 {
	r.blanks()
	negative, digits := false, 0
	v := int64(0)
	for {
		b, err := r.in.ReadByte()
		if err != nil {
			break
		}
		if b == '-' && digits == 0 && !negative {
			negative = true
			continue
		}
		if b < '0' || b > '9' {
			_ = r.in.UnreadByte() // a byte was read
			break
		}
		if v > (math.MaxInt64-9)/10 {
			r.fail("a number is too large")
			return 0
		}
		v = v*10 + int64(b-'0')
		digits++
	}
	if digits == 0 {
		r.fail("a whole number is missing")
	}
	if negative {
		return -v
	}
	return v
}

func (r *reader) node(nodes int64) int64 {
	v := r.number()
	if r.err == nil && (v < 1 || v > nodes) {
		r.fail("node %d is not within 1 and %d", v, nodes)
	}
	return v - 1
}

func (r *reader) end() {
	r.blanks()
	if b := r.peek(); b != '\n' && r.err == nil {
		r.fail("%q is one too many", b)
	}
}

func (r *reader) skipLine() {
	for r.err == nil {
		_, err := r.in.ReadSlice('\n')
		switch {
		case err == bufio.ErrBufferFull:
		case err == nil:
			r.line++
			return
		case err == io.EOF:
			return
		default:
			r.err = err
		}
	}
}

// writeDIMACS writes a problem without lower bounds.
func writeDIMACS(out io.Writer, f *assign.Flow) error {
	w := bufio.NewWriterSize(out, 1<<20)
	var line []byte
	number := func(v int64) { line = strconv.AppendInt(append(line, ' '), v, 10) }
	put := func() error {
		_, err := w.Write(append(line, '\n'))
		return err
	}
	line = append(line, "p min"...)
	number(int64(len(f.Supply)))
	number(int64(len(f.From)))
	if err := put(); err != nil {
		return err
	}
	for v, s := range f.Supply {
		if s == 0 {
			continue
		}
		line = append(line[:0], 'n')
		number(int64(v) + 1)
		number(s)
		if err := put(); err != nil {
			return err
		}
	}
	for i := range f.From {
		line = append(line[:0], 'a')
		number(int64(f.From[i]) + 1)
		number(int64(f.To[i]) + 1)
		number(0)
		number(f.Capacity[i])
		number(f.Cost[i])
		if err := put(); err != nil {
			return err
		}
	}
	return w.Flush()
}
