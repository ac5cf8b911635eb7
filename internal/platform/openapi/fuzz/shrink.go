package fuzz

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

const mostTries = 600

// shrink drops what a failing request does not need to fail in the same way.
func (r *runner) shrink(x request, v verdict, a answer) (request, verdict, answer, error) {
	tries := 0
	again := func(y request) (bool, error) {
		tries++
		b, err := r.send(y)
		if errors.Is(err, errUnsendable) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		w, bad := r.judge(y, b)
		if !bad || w.kind != v.kind || v.kind == Answer && b.status != a.status || v.kind == Lost && w.key(y) != v.key(x) {
			return false, nil
		}
		x, v, a = y, w, b
		return true, nil
	}
	for smaller := true; smaller && tries < mostTries; {
		smaller = false
		for _, change := range x.smaller() {
			if tries >= mostTries {
				break
			}
			better, err := again(change())
			if err != nil {
				return x, v, a, err
			}
			if better {
				smaller = true
				break // the others were made for what it was
			}
		}
	}
	return x, v, a, nil
}

// smaller are the ways to make a request a little smaller, the largest first.
func (r request) smaller() (out []func() request) {
	for i := range r.query {
		out = append(out, func() request {
			x := r.clone()
			x.query = slices.Delete(x.query, i, i+1)
			return x
		})
	}
	for i := range r.header {
		out = append(out, func() request {
			x := r.clone()
			x.header = slices.Delete(x.header, i, i+1)
			return x
		})
	}
	if !r.hasBody {
		return out
	}
	out = append(out, func() request {
		x := r.clone()
		x.body, x.hasBody = nil, false
		return x
	})
	var visit func(v any, at []step)
	visit = func(v any, at []step) {
		drop := func(here []step) {
			out = append(out, func() request {
				x := r.clone()
				x.body = replace(x.body, here, func(any) (any, bool) { return nil, false })
				return x
			})
		}
		switch t := v.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(t)) {
				drop(append(slices.Clone(at), step{member: name}))
			}
			for _, name := range slices.Sorted(maps.Keys(t)) {
				visit(t[name], append(slices.Clone(at), step{member: name}))
			}
		case []any:
			if len(t) > 3 { // halves first
				for _, half := range [][]any{t[:len(t)/2], t[len(t)/2:]} {
					out = append(out, func() request {
						x := r.clone()
						x.body = replace(x.body, at, func(any) (any, bool) { return copyOf(half), true })
						return x
					})
				}
			}
			for i := range min(len(t), 10) {
				drop(append(slices.Clone(at), step{item: i}))
			}
			for i := range min(len(t), 10) {
				visit(t[i], append(slices.Clone(at), step{item: i}))
			}
		case string:
			n := utf8.RuneCountInString(t)
			if plain := strings.Repeat("x", n); t != plain { // where only its length matters
				out = append(out, func() request {
					x := r.clone()
					x.body = replace(x.body, at, func(any) (any, bool) { return plain, true })
					return x
				})
			}
			if n < 4 {
				return
			}
			for _, part := range [][2]int{{0, n / 2}, {n / 2, n}, {0, n - n/4}, {0, n - n/16}, {0, n - n/64 - 1}, {0, n - 1}, {1, n}} {
				if part[1]-part[0] == n {
					continue
				}
				out = append(out, func() request {
					x := r.clone()
					x.body = replace(x.body, at, func(any) (any, bool) { return string([]rune(t)[part[0]:part[1]]), true })
					return x
				})
			}
		}
	}
	visit(r.body, nil)
	return out
}
